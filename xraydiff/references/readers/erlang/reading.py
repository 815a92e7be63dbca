"""What the names in a file of Erlang refer to: applications, releases, boot files, modules, escripts, commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

from xraydiff.commands.start import find_executable
from xraydiff.facts import Edge, EdgeKind, FileType, Firing
from xraydiff.knowledge import Search
from xraydiff.paths import ImagePath, image_path, join, parent
from xraydiff.references import UNKNOWN_PART, Command, Context, Gap, Subject
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.erlang.beam import Beam
from xraydiff.references.readers.erlang.code import code_of
from xraydiff.references.readers.erlang.parsing import Parsed

__all__ = ["launched", "resolve"]

_MODULES: Final = frozenset({"-s", "-run"})
_FILES: Final = {"-boot": (".boot", ""), "-config": (".config", ""), "-args_file": ("",), "-start_erl": ("",)}
_LOADS: Final = frozenset({("erlang", "load_nif"), ("erl_ddll", "load"), ("erl_ddll", "load_driver")})
_RUNS: Final = frozenset({("os", "cmd"), ("erlang", "open_port"), ("os", "find_executable")})
_APPLICATIONS: Final = frozenset(
    {
        ("application", name)
        for name in ("start", "ensure_started", "ensure_all_started", "load", "get_env", "start_boot", "get_key")
    }
)
_TRUST: Final = frozenset({("public_key", "cacerts_get"), ("public_key", "cacerts_load")})
_MAX_NAME_LENGTH: Final = 1_024
_TEXTS: Final = 20_000
"""Literals of one module that are looked up."""


def resolve(parsed: Parsed, subject: Subject, context: Context) -> Iterator[Edge | Gap]:
    """Edges in the order in which they were seen, then gaps. A boot file merely lists what may be wanted."""
    seen = Recorder(subject.node, "erlang", context.limits)
    if parsed.beam is not None:
        _Module(parsed.beam, subject.path, context, seen).look()
    else:
        _text(parsed, subject.path, context, seen)
    seen.lost(parsed.lost)
    for edge in seen.edges():
        yield replace(edge, weak=True) if parsed.boot or edge.firing is Firing.KEPT_WITH else edge
    yield from seen.gaps()


def _text(parsed: Parsed, path: ImagePath, context: Context, seen: Recorder) -> None:
    """A resource file, a release, a boot file, or an escript."""
    found = _Found(path, context, seen)
    for kind, name in parsed.listed:
        # An application does not start without those that it lists, nor without its callback module.
        if kind == "mod":
            found.module(name, Firing.GUARDED, kind)
        elif kind == "modules":
            found.module(name, Firing.KEPT_WITH, kind, kind=EdgeKind.COMPANION)
        else:
            found.application(name, Firing.GUARDED, f"{kind}: {name}")
    for name, version in parsed.released:
        _released(name, version, path, found)
    # Only an embedded system loads all that its boot file lists at the start (script(4)).
    for name in (*parsed.boot, *parsed.called):
        found.module(name, Firing.DEFERRED, name)


def _released(name: str, version: str, path: ImagePath, found: _Found) -> None:
    """rel(4): an application with its version."""
    library = parent(parent(parent(path)))
    target = image_path(f"{library}/lib/{name}-{version}/ebin/{name}.app")
    if found.context.original.resolve(target).file is not None:
        found.seen.file(target, EdgeKind.IMPORTS, Firing.GUARDED, f"{name} {version}")
    else:
        found.application(name, Firing.GUARDED, f"{name} {version}")


class _Found:
    """Modules as seen from one file, noted as references of one kind."""

    def __init__(self, near: ImagePath, context: Context, seen: Recorder) -> None:
        self._near = near
        self._code = context.once(code_of)
        self.context = context
        self.seen = seen

    def module(self, name: str, firing: Firing, detail: str, *, kind: EdgeKind = EdgeKind.IMPORTS) -> None:
        path = self._code.module(name, self._near)
        if path is not None:
            self.seen.file(path, kind, firing, detail)

    def application(self, name: str, firing: Firing, detail: str) -> None:
        path = self._code.application(name, self._near)
        if path is not None:
            self.seen.file(path, EdgeKind.IMPORTS, firing, detail)


# --- programs -------------------------------------------------------------------------------------------------------


def launched(command: Command, context: Context) -> Iterator[Edge | Gap]:
    """erl(1): `-s MODULE`, `-boot FILE`; what only a run knows is left out."""
    seen = Recorder.launched(command, "erlang", context.limits)
    modules = _Found(command.cwd, context, seen)
    for option, value in pairwise(command.words[1:]):
        if "$" in value or UNKNOWN_PART in value or value.startswith("-"):
            continue
        if option in _MODULES:
            modules.module(value, command.firing, f"{option} {value}")
        for suffix in _FILES.get(option, ()):
            path = join(command.cwd, value + suffix)
            found = context.original.resolve(path).file
            if found is not None and found.type is FileType.FILE:
                seen.file(path, EdgeKind.SOURCES, command.firing, f"{option} {value}")
                break
    yield from seen.all()


class _Module:
    """The references of one compiled module."""

    def __init__(self, beam: Beam, path: ImagePath, context: Context, seen: Recorder) -> None:
        self._beam = beam
        self._path = path
        self._context = context
        self._seen = seen
        self._code = context.once(code_of)
        self._calls = {(module, function) for module, function, _ in beam.imports}

    def look(self) -> None:
        """Note everything."""
        found = _Found(self._path, self._context, self._seen)
        for module in dict.fromkeys(module for module, _, _ in self._beam.imports):
            if module != self._beam.name:
                found.module(module, Firing.DEFERRED, module)
        self._dynamic()
        if not _LOADS.isdisjoint(self._calls):
            self._native()
        if not _TRUST.isdisjoint(self._calls):
            self._authorities()
        if len(self._beam.texts) > _TEXTS:
            self._seen.gap("too-large", f"{len(self._beam.texts)} literals")
        for text in self._beam.texts[:_TEXTS]:
            if 0 < len(text) <= _MAX_NAME_LENGTH and "\0" not in text:
                self._text(text)

    def _dynamic(self) -> None:
        """A supervisor names its children by atoms: a module of the same application that is named may be called."""
        folder = parent(self._path)
        applications = not _APPLICATIONS.isdisjoint(self._calls)
        for atom in self._beam.atoms[1:]:
            found = self._code.module(atom, self._path)
            if found is not None and parent(found) == folder and found != self._path:
                self._seen.file(found, EdgeKind.IMPORTS, Firing.DEFERRED, atom)
            resource = self._code.application(atom, self._path) if applications else None
            if resource is not None:
                self._seen.file(resource, EdgeKind.IMPORTS, Firing.DEFERRED, f"application {atom}")

    def _native(self) -> None:
        """Native functions and drivers lie in `priv` beside `ebin`."""
        private = join(parent(parent(self._path)), "priv")
        for path in self._below(private):
            if path.endswith(".so"):
                self._seen.file(path, EdgeKind.LOADS, Firing.DEFERRED, "load_nif")

    def _below(self, folder: ImagePath) -> Iterator[ImagePath]:
        real = self._context.original.resolve(folder).path
        if real is None or real == "/":
            return
        for count, path in enumerate(self._context.original.below(real)):
            if count >= self._context.limits.directory_targets:
                self._seen.gap("too-many-references", folder)
                return
            yield path

    def _authorities(self) -> None:
        search = self._context.knowledge.named(Search)["authorities-of-erlang"]
        for path in search.files:
            if self._context.original.resolve(path).file is not None:
                self._seen.file(ImagePath(path), EdgeKind.TRUSTS, Firing.DEFERRED, search.functions[0])
                return

    def _text(self, text: str) -> None:
        if text.startswith("/"):
            path = image_path(text)
            file = self._context.original.resolve(path).file
            if file is not None and path.count("/") > 1 and file.type in (FileType.FILE, FileType.DIRECTORY):
                self._seen.named(path, file.type, text)
        words = text.split() if not _RUNS.isdisjoint(self._calls) else []
        if words and find_executable(words[0], self._context.original, self._context.path, self._context.cwd):
            self._seen.inline("shell", text, Firing.DEFERRED, text)
        private = join(parent(parent(self._path)), f"priv/{text}")
        if ("code", "priv_dir") in self._calls and not text.startswith("/") and ".." not in text:
            file = self._context.original.resolve(private).file
            if file is not None and file.type is FileType.FILE:
                self._seen.named(private, file.type, text, Firing.DEFERRED)
