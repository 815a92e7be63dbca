"""Files of the host that say something of the minifier's run, read up to a bound."""

from __future__ import annotations

import os  # noqa: TID251  only for the type os.PathLike of a file on the host
from pathlib import Path

from xraydiff.errors import UsageError
from xraydiff.paths import escaped

HostPath = str | os.PathLike[str]


def read_host_file(file: HostPath, max_bytes: int) -> tuple[str, bytes]:
    """Name and content of a file. Raises `UsageError` if it cannot be read or is larger than that."""
    path = Path(file)
    try:
        with path.open("rb") as stream:
            data = stream.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "cannot be read"
        raise UsageError(f"{escaped(path.name)}: {reason}") from error
    if len(data) > max_bytes:
        raise UsageError(f"{escaped(path.name)}: larger than {max_bytes} bytes")
    return path.name, data
