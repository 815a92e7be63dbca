"""Modules that settings switch on by a word: `olcModuleLoad: unique`, `LoadPlugin cpu`, `plugins = python3`.

A server that loads modules looks for them in a directory of its own. A kept module tells that directory: whatever is
there ran, and so a word behind a key that loads, which is the name of a removed module beside a kept one, is one that
another run loads. Libtool's archives (`unique.la`) name the module that is loaded for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from xraydiff.facts import Edge, EdgeKind, FileType, Firing, Node
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, basename, decoded, is_below, join, parent
from xraydiff.references import Context, Depth, Gap, ParsedReader, Subject

__all__ = ["SwitchedModulesReader"]

_SETTINGS: Final = re.compile(r"\.(?:conf|cfg|cnf|ini|ya?ml|toml|json|properties|xml|env|rc|ldif|config)$")
_LIBTOOL: Final = ".la"
_SWITCH: Final = re.compile(
    rb"[ \t]*(?![#;])[\w.{}:\"'-]{0,64}(?:load|module|plugin|extension|overlay|enable)\w{0,32}[\"']?[ \t]*[:= \t]",
    re.IGNORECASE,
)
"""The beginning of a line whose key says that something is loaded; its value follows."""
_LINE: Final = 4096
"""Bytes of a line that are looked at: people write shorter lists of modules."""
_WORD: Final = re.compile(rb"[A-Za-z][A-Za-z0-9_.-]{1,60}")
_DLNAME: Final = re.compile(rb"(?:dlname|library_names)='([^'\s]{1,255})")
"""What a libtool archive names (libtool manual, "Linking libraries")."""
_AFFIXES: Final = (("", ""), ("mod_", ""), ("lib", ""), ("", "_plugin"), ("", "_module"))
"""Around a word in the name of its module: lighttpd's and Apache's, ordinary libraries, uWSGI's, nginx's."""
_SUFFIXES: Final = (".so", _LIBTOOL)
_LIBRARIES: Final = re.compile(r"/(?:usr/)?(?:local/)?lib(?:32|64)?(?:/[a-z0-9_]+-linux-[a-z0-9]+)?")
"""Directories of ordinary libraries (ld.so(8)), of which a file says nothing of its neighbours."""


@dataclass(frozen=True, slots=True)
class Switched:
    """A word of settings that may name a module, and its line."""

    word: str
    line: int


@dataclass(frozen=True, slots=True)
class Switches:
    """What a file switches on."""

    words: tuple[Switched, ...]


class SwitchedModulesReader(ParsedReader[Switches]):
    """Reads settings and libtool archives."""

    name = "switched modules"
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        """Settings by their place or suffix, as far as they are text, and archives of libtool."""
        if subject.file is None or b"\0" in subject.data[:4096]:
            return False
        path = subject.path
        return is_below(path, "/etc") or path.endswith(_LIBTOOL) or _SETTINGS.search(path) is not None

    def form(self, subject: Subject) -> str:
        """`la` for an archive of libtool."""
        return "la" if subject.path.endswith(_LIBTOOL) else ""

    def parse(self, data: bytes, form: str, limits: Limits) -> Switches:
        """The words behind keys that load something, in the order of the file; of an archive the names in it."""
        found = _archived(data) if form == "la" else _words(data)
        return Switches(tuple(islice(found, limits.literal_names)))

    def resolve(self, parsed: Switches, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """References to modules that the words name."""
        firing = Firing.DEFERRED
        if subject.path.endswith(_LIBTOOL):
            folder, firing = parent(subject.path), Firing.LOAD
            targets = [(one, join(folder, one.word)) for one in parsed.words]
            found = [(one, path) for one, path in targets if context.original.resolve(path).file is not None]
        else:
            known = context.once(_removed_modules)
            found = [(one, path) for one in parsed.words for path in known.get(one.word, ())]
        for one, path in dict.fromkeys(found):
            target = Node(path=path)
            yield Edge(
                source=subject.node,
                target=target,
                kind=EdgeKind.LOADS,
                firing=firing,
                detail=one.word,
                line=one.line,
                stops=False,
            )


def _words(data: bytes) -> Iterator[Switched]:
    seen: set[bytes] = set()
    for number, line in enumerate(data.split(b"\n"), 1):
        key = _SWITCH.match(line)
        for word in _WORD.finditer(line, key.end(), _LINE) if key is not None else ():
            if word[0] not in seen:
                seen.add(word[0])
                yield Switched(decoded(word[0]), number)


def _archived(data: bytes) -> Iterator[Switched]:
    for number, line in enumerate(data.split(b"\n"), 1):
        match = _DLNAME.match(line)
        if match is not None:
            yield Switched(decoded(match[1]), number)


def _removed_modules(context: Context) -> dict[str, tuple[ImagePath, ...]]:
    """Removed modules by the words for them: files beside a kept module, in a directory that is not the libraries'."""
    original, slim = context.original, context.slim
    found: dict[str, list[ImagePath]] = {}
    if slim is None:
        return {}
    kept = {parent(path) for path in slim.files if path.endswith(_SUFFIXES)}
    for path, file in original.files.items():
        folder = parent(path)
        if path in slim.files or folder not in kept or file.type is FileType.DIRECTORY or _LIBRARIES.fullmatch(folder):
            continue
        name = basename(path)
        stem = next((name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix)), "")
        for before, after in _AFFIXES:
            if stem.startswith(before) and stem.endswith(after):
                word = stem[len(before) : len(stem) - len(after)]
                for spelled in {word, f"{word}.so", f"{word}.la"} if word else ():
                    found.setdefault(spelled, []).append(path)
        context.budget.spend()
    return {word: tuple(paths) for word, paths in sorted(found.items())}
