"""Where the package's own data files lie: in a wheel under `_data`, in a checkout beside the package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

_PACKAGE = "xraydiff"


def _found(*parts: str) -> Traversable:
    inside = files(_PACKAGE).joinpath("_data", *parts)
    if inside.is_file() or inside.is_dir():
        return inside
    return Path(__file__).resolve().parents[2].joinpath(*parts)


def resource(*parts: str) -> bytes:
    """The bytes of a data file, as `resource("schemas", "report-1.json")`. Raises `FileNotFoundError`."""
    return _found(*parts).read_bytes()


@contextmanager
def resource_path(*parts: str) -> Iterator[Path]:
    """A real path of a data file, valid inside the `with`; a wheel in a zip is unpacked for it."""
    with as_file(_found(*parts)) as path:
        if not path.exists():
            raise FileNotFoundError("/".join(parts))
        yield path
