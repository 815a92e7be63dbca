"""The minifier's report of its run (creport.json)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from xraydiff.errors import ImageError, UsageError
from xraydiff.image.json_text import parse_json, shown
from xraydiff.limits import DEFAULT, Limits
from xraydiff.minifier.files import HostPath, read_host_file
from xraydiff.minifier.run import UNKNOWN_RUN, Run
from xraydiff.paths import escaped

_OPENED: Final = ("reads", "execs")


def read_creport(file: HostPath, run: Run = UNKNOWN_RUN, *, limits: Limits = DEFAULT) -> Run:
    """A run with the evidence of its report. Raises `UsageError` that names file and field.

    The fields are those of SlimToolkit and Mint (`ov/container/1.1`): `image.files`, `monitors.fan` and `monitors.pt`.
    Every field is optional, so a document without them is no error.
    """
    name, data = read_host_file(file, limits.creport)
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


class _Document:
    """Fields of a report, by the types that they must have; what is absent or null is empty, as for Go."""

    def __init__(self, what: str) -> None:
        self._what = what

    def fields(self, value: object, field: str) -> Mapping[str, object]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._wrong(field, "an object")
        return value

    def items(self, value: object, field: str) -> Sequence[object]:
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self._wrong(field, "a list")
        return value

    def text(self, value: object, field: str) -> str:
        if value is not None and not isinstance(value, str):
            raise self._wrong(field, "a text")
        return value or ""

    def count(self, value: object, field: str) -> int:
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise self._wrong(field, "a number")
        return value or 0

    def flag(self, value: object, field: str) -> bool:
        if value is not None and not isinstance(value, bool):
            raise self._wrong(field, "true or false")
        return bool(value)

    def _wrong(self, field: str, wanted: str) -> UsageError:
        return UsageError(f"{self._what}: {field or 'the document'} must be {wanted}")

    def listed(self, image: Mapping[str, object]) -> Iterator[str]:
        """Files that the report lists: what was read or executed, as far as the flags say so."""
        for index, item in enumerate(self.items(image.get("files"), "image.files")):
            field = f"image.files[{index}]"
            entry = self.fields(item, field)
            path = self.text(entry.get("file_path"), f"{field}.file_path")
            flags = self.fields(entry.get("flags"), f"{field}.flags")
            set_flags = {name for name in "RWX" if self.flag(flags.get(name), f"{field}.flags.{name}")}
            kind = self.text(entry.get("file_type"), f"{field}.file_type")
            if kind in ("", "file", "symlink") and set_flags != {"W"}:
                yield path

    def opened(self, fan: Mapping[str, object]) -> Iterator[str]:
        """Files that fanotify saw opened, by process."""
        field = "monitors.fan.process_files"
        for pid, files in self.fields(fan.get("process_files"), field).items():
            field_of_process = f"{field}.{shown(pid)}"
            for path, counts in self.fields(files, field_of_process).items():
                known = self.fields(counts, f"{field_of_process}.{shown(path)}")
                numbers = [self.count(known.get(name), f"{field_of_process}.{shown(path)}.{name}") for name in _OPENED]
                if any(numbers):
                    yield path

    def checked(self, traced: Mapping[str, object]) -> Iterator[str]:
        """Files that ptrace saw looked for."""
        field = "monitors.pt.fs_activity"
        for path, counts in self.fields(traced.get("fs_activity"), field).items():
            known = self.fields(counts, f"{field}.{shown(path)}")
            if self.count(known.get("ops_checkfile"), f"{field}.{shown(path)}.ops_checkfile"):
                yield path


def _absolute(paths: Iterable[str]) -> set[str]:
    return {path for path in paths if path.startswith("/") and "\0" not in path}
