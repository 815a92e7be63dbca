"""Where docker keeps its own configuration, and how its JSON files are read."""

from __future__ import annotations

import os  # noqa: TID251  DOCKER_CONFIG and HOME say where the files are
from pathlib import Path

from xraydiff.errors import UsageError
from xraydiff.image.json_text import Fields, parse_json
from xraydiff.limits import Limits

__all__ = ["CONFIG", "config_folder", "read_config"]

CONFIG = "docker's config.json"
"""How messages call the main one."""


def config_folder() -> Path | None:
    """The folder of `config.json`; None where there is no home."""
    if directory := os.environ.get("DOCKER_CONFIG"):
        return Path(directory)
    try:
        return Path.home() / ".docker"
    except RuntimeError:
        return None


def read_config(path: Path, *, what: str, limits: Limits) -> Fields | None:
    """The object of a JSON file, None where there is no such file.

    Raises `UsageError` for a file that cannot be read or is too large, `ImageError` for one that is not understood.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limits.registry_token + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{what} cannot be read: {error.strerror}") from error
    if len(data) > limits.registry_token:
        raise UsageError(f"{what} has more than {limits.registry_token} bytes")
    return Fields(parse_json(data, what=what, limits=limits), what=what)
