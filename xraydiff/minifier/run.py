"""What the minifier was told, and what it says of its run: its report (creport.json) and the paths it was to keep.

Both are evidence and never a list of the image's files: the report leaves out what flags added (docs/guide.md).
"""

from __future__ import annotations

import os  # noqa: TID251  only for the type os.PathLike of a file on the host
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from xraydiff.conventions import ENGINE_TREES
from xraydiff.errors import ImageError, UsageError
from xraydiff.image.json_text import parse_json, shown
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import decoded, escaped

__all__ = ["NOTHING", "Asked", "Run", "read_creport", "read_includes"]

HostPath = str | os.PathLike[str]

_MODE: Final = re.compile(r"(?P<path>.*):(?P<mode>[^:]*)\Z", re.DOTALL)
_OCTAL: Final = re.compile(r"[0-7]+(?:#[0-9]+){0,2}\Z")
_SHOWN: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One line of a file of paths to keep."""

    line: int
    path: str
    """Without the mode that a line may end in."""
    problem: str = ""
    """Why the minifier does not follow the line; it says so nowhere but in its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is known of the minifier's run; paths as the run saw them, absolute."""

    used: frozenset[str] = frozenset()
    """Files that a process opened to read or to execute."""
    looked_for: frozenset[str] = frozenset()
    """Files that a process asked about (stat, access) and did not open."""
    asked: tuple[Asked, ...] = ()
    """Paths that the minifier was told to keep, in the order of the file."""


NOTHING: Final = Run()
"""Of a run of which nothing is known."""


def read_creport(file: HostPath, run: Run = NOTHING, *, limits: Limits = DEFAULT) -> Run:
    """A run with what its report says. Raises `UsageError` that names file and field.

    The fields are those of SlimToolkit and Mint (`ov/container/1.1`): `image.files`, `monitors.fan` and `monitors.pt`.
    A document without them says nothing, which is no error: every field is optional.
    """
    name, data = _content(file, limits.creport)
    try:
        parsed = parse_json(data, what=escaped(name), limits=replace(limits, manifest=limits.creport))
    except ImageError as error:
        raise UsageError(error.message) from error
    document = _Document(escaped(name))
    root = document.fields(parsed, "")
    image = document.fields(root.get("image"), "image")
    monitors = document.fields(root.get("monitors"), "monitors")
    fan, traced = (document.fields(monitors.get(key), f"monitors.{key}") for key in ("fan", "pt"))
    used = _absolute((*document.listed(image), *document.opened(fan)))
    looked_for = _absolute(document.checked(traced)) - used
    return replace(run, used=run.used | used, looked_for=run.looked_for | looked_for)


def read_includes(file: HostPath, run: Run = NOTHING, *, limits: Limits = DEFAULT) -> Run:
    """A run with the paths of a file as the minifier's `--include-path-file` takes it. Raises `UsageError`.

    One path a line, trimmed, without comments; behind the last `:` a mode (`0755`, `0755#1000#1000`).
    """
    name, data = _content(file, limits.include_file)
    lines = data.split(b"\n")
    nul = next((number for number, line in enumerate(lines, 1) if b"\0" in line), 0)
    if nul:
        raise UsageError(f"{escaped(name)}: line {nul}: no path holds a NUL byte; is this a text file?")
    asked: dict[str, Asked] = {}
    for number, line in enumerate(lines, 1):
        text = decoded(line).strip()
        if text:
            one = _asked(number, text, limits.path)
            asked.setdefault(one.path, one)
    if len(asked) > limits.include_lines:
        raise UsageError(f"{escaped(name)}: more than {limits.include_lines} paths")
    return replace(run, asked=(*run.asked, *asked.values()))


def _content(file: HostPath, most: int) -> tuple[str, bytes]:
    path = Path(file)
    try:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "cannot be read"
        raise UsageError(f"{escaped(path.name)}: {reason}") from error
    if len(data) > most:
        raise UsageError(f"{escaped(path.name)}: larger than {most} bytes")
    return path.name, data


# --- the report -------------------------------------------------------------------------------------------------------


class _Document:
    """Fields of a report, by the types that they must have; what is absent or null is empty, as for Go."""

    def __init__(self, what: str) -> None:
        self._what = what

    def fields(self, value: object, place: str) -> Mapping[str, object]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._wrong(place, "an object")
        return value

    def items(self, value: object, place: str) -> Sequence[object]:
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self._wrong(place, "a list")
        return value

    def text(self, value: object, place: str) -> str:
        if value is not None and not isinstance(value, str):
            raise self._wrong(place, "a text")
        return value or ""

    def count(self, value: object, place: str) -> int:
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise self._wrong(place, "a number")
        return value or 0

    def flag(self, value: object, place: str) -> bool:
        if value is not None and not isinstance(value, bool):
            raise self._wrong(place, "true or false")
        return bool(value)

    def _wrong(self, place: str, wanted: str) -> UsageError:
        return UsageError(f"{self._what}: {place or 'the document'} must be {wanted}")

    def listed(self, image: Mapping[str, object]) -> Iterator[str]:
        """Files that the report lists: what was read or executed, as far as the flags say so."""
        for index, item in enumerate(self.items(image.get("files"), "image.files")):
            place = f"image.files[{index}]"
            entry = self.fields(item, place)
            path = self.text(entry.get("file_path"), f"{place}.file_path")
            flags = self.fields(entry.get("flags"), f"{place}.flags")
            set_flags = {name for name in "RWX" if self.flag(flags.get(name), f"{place}.flags.{name}")}
            kind = self.text(entry.get("file_type"), f"{place}.file_type")
            if kind in ("", "file", "symlink") and set_flags != {"W"}:
                yield path

    def opened(self, fan: Mapping[str, object]) -> Iterator[str]:
        """Files that fanotify saw opened, by process."""
        place = "monitors.fan.process_files"
        for pid, files in self.fields(fan.get("process_files"), place).items():
            place_of_one = f"{place}.{shown(pid)}"
            for path, counts in self.fields(files, place_of_one).items():
                known = self.fields(counts, f"{place_of_one}.{shown(path)}")
                numbers = [self.count(known.get(name), f"{place_of_one}.{shown(path)}.{name}") for name in _OPENED]
                if any(numbers):
                    yield path

    def checked(self, traced: Mapping[str, object]) -> Iterator[str]:
        """Files that ptrace saw asked about."""
        place = "monitors.pt.fs_activity"
        for path, counts in self.fields(traced.get("fs_activity"), place).items():
            known = self.fields(counts, f"{place}.{shown(path)}")
            if self.count(known.get("ops_checkfile"), f"{place}.{shown(path)}.ops_checkfile"):
                yield path


_OPENED: Final = ("reads", "execs")


def _absolute(paths: Iterable[str]) -> set[str]:
    return {path for path in paths if path.startswith("/") and "\0" not in path}


# --- paths to keep ----------------------------------------------------------------------------------------------------


def _asked(number: int, text: str, longest: int) -> Asked:
    found = _MODE.match(text)
    path = text
    if found is not None:
        path = found["path"].strip()
        if not _OCTAL.match(found["mode"].strip()):
            # The minifier takes what follows the last colon for a mode, so it cannot name such a path.
            return Asked(line=number, path=text[:longest], problem="a path with a colon needs a mode behind it")
    path = path.rstrip("/") or "/"
    if len(path) > longest:
        return Asked(line=number, path=f"{path[:_SHOWN]}...", problem="longer than any path")
    if not path.startswith("/"):
        return Asked(line=number, path=path, problem="not an absolute path")
    if path == "/" or any(path == one or path.startswith(one + "/") for one in ENGINE_TREES):
        return Asked(line=number, path=path, problem="the minifier ignores this directory")
    return Asked(line=number, path=path)
