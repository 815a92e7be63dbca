"""The load-time dependencies of an ELF file: its interpreter, and the libraries that it is loaded with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from xraydiff.conventions import ELF_MAGIC
from xraydiff.elf.format import Elf, ElfError, read_elf
from xraydiff.elf.loader import Closure, Found, LoadedObject, Loader
from xraydiff.errors import LimitExceeded
from xraydiff.facts import Edge, EdgeKind, FileType, Firing, Node
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, basename, escaped, join
from xraydiff.references import Context, Depth, Gap, ParsedReader, Subject
from xraydiff.references.kit.elf_files import elf_files
from xraydiff.references.kit.recorder import Lost
from xraydiff.tree import FileTree

__all__ = ["ElfReader", "Headers"]

_OF_THE_CPU = re.compile(r"\$(?:PLATFORM|\{PLATFORM\})")
"""glibc before 2.37 knows the CPU of the run by names of its own (`haswell`), which an image does not tell."""


@dataclass(slots=True, kw_only=True)
class _State:
    """What is derived once for a walk."""

    loader: Loader
    inherited: dict[tuple[ImagePath, str], Found] = field(default_factory=dict)
    """What a library's need became in a program that was read: its own headers alone would find something else."""
    alone: dict[ImagePath, dict[str, ImagePath | None]] = field(default_factory=dict)
    names: dict[int, dict[str, tuple[ImagePath, ...]]] = field(default_factory=dict)
    """By identity of a tree: files and links by base name, of those that look like shared objects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """What an ELF file says to its loader; None where that was not understood."""

    elf: Elf | None = None
    lost: Lost | None = None
    """Why it was not."""


class ElfReader(ParsedReader[Headers]):
    """Reads ELF headers.

    A need is resolved as the loader of the image would do it for a baseline CPU. Three observations refine that:

    - a program is resolved with everything it loads, so that DT_RPATH is inherited and a soname that is loaded already
      is reused; where a library read alone would find another file, the program itself has the edge;
    - where slimming kept a glibc-hwcaps variant, the run's CPU took it: the variant is what is needed, the baseline a
      companion;
    - a kept library was loaded in the run. Where its need resolves to a removed file while the slim image holds another
      file of that name, a program with other search paths had loaded that one first.
    """

    name = "elf"
    depth = Depth.LOADER

    def accepts(self, subject: Subject) -> bool:
        """Whether the file begins like ELF."""
        return subject.data.startswith(ELF_MAGIC)

    def parse(self, data: bytes, form: str, limits: Limits) -> Headers:
        """The headers, as a loader reads them."""
        del form
        return _headers(lambda: read_elf(data, limits=limits))

    def read(self, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """The same, of headers that are read once for all readers, and never from a part of a large file."""
        return self.resolve(_headers(lambda: context.once(elf_files).read(subject)), subject, context)

    def resolve(self, parsed: Headers, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """PT_INTERP, preloaded libraries and DT_NEEDED, in this order."""
        node, elf = subject.node, parsed.elf
        if parsed.lost is not None:
            yield Gap(node=node, reason=parsed.lost.reason, detail=parsed.lost.detail)
        if elf is None:
            return
        yield from (Gap(node=node, reason="elf-inconsistent", detail=oddity) for oddity in elf.oddities)
        if elf.refusal:
            yield Gap(node=node, reason="not-loadable", detail=elf.refusal)
        try:
            yield from _edges(subject, context, elf)
        except ElfError as error:
            yield Gap(node=node, reason=error.reason, detail=f"{error.code}: {error.message}")
        except LimitExceeded as error:
            yield Gap(node=node, reason="too-large", detail=error.message)


def _headers(read: Callable[[], Elf]) -> Headers:
    """What was read, or why it was not."""
    try:
        return Headers(elf=read())
    except ElfError as error:
        return Headers(lost=Lost(error.reason, f"{error.code}: {error.message}"))
    except LimitExceeded as error:
        return Headers(lost=Lost("too-large", error.message))


def _edges(subject: Subject, context: Context, elf: Elf) -> Iterator[Edge | Gap]:
    if elf.interpreter:
        interpreter = join(context.cwd, elf.interpreter)
        if context.original.resolve(interpreter).file is not None:
            yield _edge(subject, interpreter, elf.interpreter, EdgeKind.INTERPRETS)
        else:
            yield Gap(node=subject.node, reason="not-loadable", detail=f"no interpreter {elf.interpreter}")
    state = context.once(_state)
    closure = state.loader.closure(subject.path, elf=elf, deep=bool(elf.interpreter))
    for text in (elf.rpath, elf.runpath, *elf.needed, context.env.get("LD_LIBRARY_PATH")):
        if text and _OF_THE_CPU.search(text):
            yield Gap(node=subject.node, reason="malformed", detail=f"a path that the CPU decides: {text}")
    for found in closure.preloaded:
        yield from _need(subject, context, state, found)
    for found in closure.objects[0].needed:
        yield from _need(subject, context, state, state.inherited.get((subject.path, found.name), found))
    if elf.interpreter:
        for found in _inherited(closure, state):
            yield from _need(subject, context, state, found)
    for path in closure.unread:
        if context.original.read_at(path, 0, len(ELF_MAGIC)) != ELF_MAGIC:
            # Its own reader would not know it for ELF: musl loads a library whatever its first bytes are.
            yield Gap(
                node=subject.node, reason="malformed", detail=f"the loader maps {escaped(path)}, which is no ELF file"
            )


def _state(context: Context) -> _State:
    return _State(loader=context.once(elf_files).loader)


def _inherited(closure: Closure, state: _State) -> Iterator[Found]:
    """Needs of a program's libraries that these libraries, read alone, would not resolve to the same file."""
    for one in closure.objects[1:]:
        for found in one.needed:
            if found.real is None or found.how not in ("rpath", "loaded"):
                continue
            if _alone(one, state).get(found.name) != found.real:
                state.inherited.setdefault((one.path, found.name), replace(found, tried=()))
                yield found


def _alone(one: LoadedObject, state: _State) -> dict[str, ImagePath | None]:
    known = state.alone.get(one.path)
    if known is None:
        needed = state.loader.closure(one.path, deep=False).objects[0].needed
        known = state.alone[one.path] = {found.name: found.real for found in needed}
    return known


def _need(subject: Subject, context: Context, state: _State, found: Found) -> Iterator[Edge]:
    path, real = found.path, found.real
    if path is None or real is None:
        # The loader alone does not find it, so the library works only where a program has loaded that name before.
        others = _named(context.original, found.name, state)
        if len(others) == 1:
            yield _edge(subject, others[0], found.name)
        return
    if found.table is not None:
        yield _edge(subject, found.table, found.name)
    target = path if subject.tree.resolve(path).file is not None else _held(subject, context, state, found)
    yield _edge(subject, target, found.name)
    if target != path:
        yield _edge(subject, path, found.name, firing=Firing.KEPT_WITH)


def _held(subject: Subject, context: Context, state: _State, found: Found) -> ImagePath:
    """What the subject's own tree holds instead of a file that it lacks: a variant, or another file of that name."""
    candidates = [one for one in found.alternates if subject.tree.resolve(one).file is not None]
    if not candidates and found.how != "path":
        candidates = [one for one in _named(subject.tree, found.name, state) if one in context.original.files]
        candidates = [one for one in candidates if _alike(state, one, found)]
    return candidates[0] if candidates else found.path or ImagePath("/")


def _alike(state: _State, path: ImagePath, found: Found) -> bool:
    """Whether two files are of one class and machine."""
    try:
        mine, theirs = state.loader.elf(path), state.loader.elf(found.real or path)
    except ElfError:
        return False
    return (mine.bits, mine.machine) == (theirs.bits, theirs.machine)


def _named(tree: FileTree, name: str, state: _State) -> tuple[ImagePath, ...]:
    """Files of a base name in a tree, links that lead to one included; only names with `.so` are known."""
    known = state.names.get(id(tree))
    if known is None:
        index: dict[str, list[ImagePath]] = {}
        for path, file in tree.files.items():
            if file.type in (FileType.FILE, FileType.SYMLINK) and ".so" in path:
                index.setdefault(basename(path), []).append(path)
        known = state.names[id(tree)] = {one: tuple(paths) for one, paths in index.items()}
    return tuple(one for one in known.get(name, ()) if tree.resolve(one).file is not None)


def _edge(
    subject: Subject,
    path: ImagePath,
    word: str,
    kind: EdgeKind = EdgeKind.NEEDS,
    *,
    firing: Firing = Firing.LOAD,
) -> Edge:
    return Edge(source=subject.node, target=Node(path=path), kind=kind, firing=firing, detail=word, by=ElfReader.name)
