"""YAML with the line of every field, and without what a policy has no use for: aliases, tags, keys given twice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xraydiff.errors import PolicyError
from xraydiff.limits import Limits
from xraydiff.paths import escaped
from xraydiff.report.schema import where

if TYPE_CHECKING:
    import yaml

Scalar = str | int | bool | None
Value = Scalar | list["Value"] | dict[str, "Value"]
FieldPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a policy text says, and where each field of it stands."""

    name: str
    data: Value
    lines: Mapping[FieldPath, int]

    def error(self, path: Sequence[str | int], message: str) -> PolicyError:
        """An error at the nearest field that has a line."""
        known = tuple(path)
        while known and known not in self.lines:
            known = known[:-1]
        line = f"line {self.lines[known]}: " if known in self.lines else ""
        field_name = f"{where(path)}: " if path else ""
        return PolicyError(f"{self.name}: {line}{field_name}{message}")


@dataclass(slots=True, kw_only=True)
class _Open:
    """A collection that is being read; `key` is the one that waits for its value."""

    value: list[Value] | dict[str, Value]
    path: FieldPath
    key: str | None = None


@dataclass(slots=True, kw_only=True)
class _Builder:
    """Makes data of parser events: no aliases, tags, duplicate keys or depth, which PyYAML's own composer allows."""

    name: str
    depth: int
    lines: dict[FieldPath, int] = field(default_factory=dict)
    stack: list[_Open] = field(default_factory=list)
    data: Value = None
    documents: int = 0

    def take(self, event: yaml.Event) -> None:
        """The next event of PyYAML's parser. Raises `PolicyError` with its line."""
        import yaml

        line = event.start_mark.line + 1 if event.start_mark else 0
        match event:
            case yaml.AliasEvent():
                raise self._error(line, "aliases are not used in a policy")
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise self._error(line, "a second document begins here; a policy is one")
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.SequenceStartEvent():
                self._open([], event, line)
            case yaml.MappingStartEvent():
                self._open({}, event, line)
            case yaml.CollectionEndEvent():
                self.stack.pop()
            case _:
                pass

    def _open(self, value: list[Value] | dict[str, Value], event: yaml.CollectionStartEvent, line: int) -> None:
        if event.tag is not None:
            raise self._error(line, "tags are not used in a policy")
        if len(self.stack) >= self.depth:
            raise self._error(line, f"nested deeper than {self.depth} levels")
        path = self._place(value, line)
        self.stack.append(_Open(value=value, path=path))

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        if event.tag is not None:
            raise self._error(line, "tags are not used in a policy")
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            path = (*top.path, event.value)
            if event.value in top.value:
                raise self._error(line, f"{where(path)}: is given twice, first on line {self.lines[path]}")
            self.lines[path] = line
            top.key = event.value
        else:
            self._place(_plain(event.value) if event.implicit[0] else event.value, line)

    def _place(self, value: Value, line: int) -> FieldPath:
        """Put a value where it belongs, and say where that is."""
        if not self.stack:
            self.data = value
            self.lines[()] = line
            return ()
        top = self.stack[-1]
        if isinstance(top.value, list):
            path: FieldPath = (*top.path, len(top.value))
            top.value.append(value)
            self.lines[path] = line
            return path
        if top.key is None:
            raise self._error(line, "a key must be text")
        path = (*top.path, top.key)
        top.value[top.key] = value
        top.key = None
        return path

    def _error(self, line: int, message: str) -> PolicyError:
        return PolicyError(f"{self.name}: line {line}: {message}")


def _plain(text: str) -> Scalar:
    """A scalar without quotes, by YAML 1.2's core schema: `no` is a word, and a fingerprint of digits stays text."""
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"0|[1-9][0-9]{0,8}", text, re.ASCII) else text


def read_source(text: str | bytes, name: str, limits: Limits) -> Source:
    """What a YAML or JSON text says. Raises `PolicyError`: `NAME: line 4: ...`."""
    import yaml

    if len(text) > limits.policy:
        raise PolicyError(f"{name}: larger than {limits.policy} bytes")
    try:
        plain = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise PolicyError(f"{name}: not UTF-8 at byte {error.start}") from None
    if plain.lstrip().startswith("{"):
        # JSON may be indented by tabs, which YAML forbids; within its strings no raw tab can stand.
        plain = plain.replace("\t", " ")
    builder = _Builder(name=name, depth=limits.json_depth)
    try:
        for event in yaml.parse(plain, Loader=yaml.SafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise PolicyError(f"{name}: {line}not YAML: {escaped(error.problem or error.context or '')}") from None
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML's scanner lets chr() fail for escapes beyond Unicode, and refuses control characters without a line.
        raise PolicyError(f"{name}: not YAML: a character that cannot stand in a text") from None
    if builder.data is None:
        raise PolicyError(f"{name}: is empty")
    return Source(name=name, data=builder.data, lines=builder.lines)
