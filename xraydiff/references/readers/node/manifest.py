"""What package.json says of a package: its entry, its exports, its scripts and what it depends on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from xraydiff.errors import ImageError
from xraydiff.facts import FileType
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, decoded, parent
from xraydiff.tree import FileTree

__all__ = ["Manifest", "Manifests", "dependencies_of"]

_TARGETS = 10_000
"""Targets looked at in one `exports` or `imports`; the largest real ones have some hundreds."""
_PATTERNS = 1_000
"""Keys with a star in one table: real ones have a dozen."""
_FORBIDDEN = frozenset({".", "..", "node_modules", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The fields of one package.json that Node and npm read."""

    path: ImagePath
    name: str = ""
    main: str = ""
    exports: Table | None = None
    imports: Table | None = None
    scripts: Mapping[str, str] = field(default_factory=dict)
    binary_module: str = ""
    """`binary.module_path` of node-pre-gyp."""

    @property
    def directory(self) -> ImagePath:
        """The package's folder."""
        return parent(self.path)

    def exported(self, subpath: str, conditions: frozenset[str]) -> str | None:
        """What `exports` says for `.` or `./x`: a path `./y` within the package, None where it says nothing of it."""
        return self.exports.look_up(subpath, conditions) if self.exports is not None else None

    def imported(self, name: str, conditions: frozenset[str]) -> str | None:
        """What `imports` says for `#x`: a path within the package or the name of another one."""
        return self.imports.look_up(name, conditions) if self.imports is not None else None


class Manifests:
    """The package.json files of one tree, each read once."""

    def __init__(self, tree: FileTree, limits: Limits) -> None:
        self._tree = tree
        self._limits = limits
        self._known: dict[str, Manifest | None] = {}
        self._scopes: dict[str, Manifest | None] = {}

    def of(self, directory: str) -> Manifest | None:
        """The package.json of a folder, None where it has none; one that is no JSON object says nothing."""
        if directory not in self._known:
            self._known[directory] = self._read(ImagePath(f"{'' if directory == '/' else directory}/package.json"))
        return self._known[directory]

    def scope(self, directory: str) -> Manifest | None:
        """The nearest package.json at or above a folder, but no further than node_modules (READ_PACKAGE_SCOPE)."""
        seen: list[str] = []
        found: Manifest | None = None
        while directory not in self._scopes:
            seen.append(directory)
            found = None if directory.endswith("/node_modules") else self.of(directory)
            if found is not None or directory == "/" or directory.endswith("/node_modules"):
                break
            directory = parent(ImagePath(directory))
        else:
            found = self._scopes[directory]
        self._scopes.update(dict.fromkeys(seen, found))
        return found

    def _read(self, path: ImagePath) -> Manifest | None:
        found = self._tree.resolve(path)
        if found.path is None or found.file is None or found.file.type is not FileType.FILE:
            return None
        try:
            data = self._tree.content(found.path, limit=self._limits.package_record)
        except ImageError:
            return Manifest(path=path)
        return _manifest(path, _fields(data))


def dependencies_of(data: bytes) -> tuple[str, ...]:
    """Names under `dependencies` and `optionalDependencies` of a package.json, in the order of the file."""
    value = _fields(data)
    return tuple(dict.fromkeys((*_strings(value.get("dependencies")), *_strings(value.get("optionalDependencies")))))


def _fields(data: bytes) -> dict[str, object]:
    """The fields of a package.json; none of one that is no JSON object."""
    try:
        value: object = json.loads(decoded(data).removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return {}
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _manifest(path: ImagePath, value: dict[str, object]) -> Manifest:
    binary = value.get("binary")
    return Manifest(
        path=path,
        name=_string(value.get("name")),
        main=_string(value.get("main")),
        exports=_table(value.get("exports"), "."),
        imports=_table(value.get("imports"), "#"),
        scripts=_strings(value.get("scripts")),
        binary_module=_strings(binary).get("module_path", ""),
    )


def _table(value: object, sign: str) -> Table | None:
    """A table of keys that begin with a sign; `exports` may be what the package itself leads to."""
    if value is None:
        return None
    if isinstance(value, dict) and any(str(key).startswith(sign) for key in value):
        return Table({str(key): target for key, target in value.items()})
    return Table({".": value}) if sign == "." else None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _strings(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {str(key): item for key, item in value.items() if isinstance(item, str)}


class Table:
    """`exports` or `imports`: keys and patterns with what they lead to (PACKAGE_IMPORTS_EXPORTS_RESOLVE)."""

    def __init__(self, entries: Mapping[str, object]) -> None:
        """Of patterns the one with the longest beginning counts, then the longest of all."""
        self._exact = {key: target for key, target in entries.items() if "*" not in key and not key.endswith("/")}
        patterns = [_Pattern.of(key, target) for key, target in entries.items() if key not in self._exact]
        self._patterns = sorted(patterns, key=lambda one: one.rank, reverse=True)[:_PATTERNS]

    def look_up(self, key: str, conditions: frozenset[str]) -> str | None:
        """Where a key leads under these conditions."""
        if key in self._exact:
            return _target(self._exact[key], "", conditions)
        for pattern in self._patterns:
            rest = pattern.rest(key)
            if rest is not None:
                return _target(pattern.target, rest, conditions)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pattern:
    head: str
    tail: str
    star: bool
    """False for a key that ends in a slash, which was a folder until Node 17."""
    target: object

    @classmethod
    def of(cls, key: str, target: object) -> _Pattern:
        head, star, tail = key.partition("*")
        return cls(head=head, tail=tail, star=bool(star), target=target)

    @property
    def rank(self) -> tuple[int, int]:
        return len(self.head), len(self.tail)

    def rest(self, key: str) -> str | None:
        """What stands in place of the star; with a slash before it where the key is a folder."""
        if not key.startswith(self.head) or not key.endswith(self.tail) or len(key) <= len(self.head) + len(self.tail):
            return None
        rest = key[len(self.head) : len(key) - len(self.tail)]
        return rest if self.star else f"/{rest}"


def _target(target: object, rest: str, conditions: frozenset[str]) -> str | None:
    """PACKAGE_TARGET_RESOLVE: the first text that conditions and alternatives lead to."""
    for text in _texts(target, conditions):
        found = text.replace("*", rest) if not rest.startswith("/") or "*" in text else text.rstrip("/") + rest
        if text.startswith("./"):
            if not any(part in _FORBIDDEN for part in found[2:].split("/")):
                return found
        elif not text.startswith(("/", "../")):
            return found
    return None


def _texts(target: object, conditions: frozenset[str]) -> Iterator[str]:
    stack = [target]
    for _ in range(_TARGETS):
        if not stack:
            return
        at = stack.pop()
        if isinstance(at, str):
            yield at
        elif isinstance(at, list):
            stack.extend(reversed(at))
        elif isinstance(at, dict):
            stack.extend(reversed([item for key, item in at.items() if key == "default" or key in conditions]))
        elif at is None and not stack:
            return
