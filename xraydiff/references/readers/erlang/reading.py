"""The way from a subject to what it asks for: applications, releases, boot files, modules, escripts, commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from xraydiff.commands.start import find_executable, health_command, start_command
from xraydiff.facts import Edge, EdgeKind, FileType, Firing, NodeKind
from xraydiff.paths import ImagePath, decoded, image_path, join, parent
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.kit.recorder import Sightings
from xraydiff.references.readers.erlang.beam import Beam, TermError, read_beam, read_terms
from xraydiff.references.readers.erlang.code import code_of
from xraydiff.references.readers.erlang.names import ESCRIPT, is_beam

__all__ = ["read"]

_ATOM = r"(?:'[^'\n]{1,255}'|[a-z][\w@]{0,254})"
_LISTED = re.compile(r"\{\s{0,99}(applications|included_applications|modules)\s{0,99},\s{0,99}\[([^\[\]]*)\]")
_STARTS = re.compile(r"\{\s{0,99}mod\s{0,99},\s{0,99}\{\s{0,99}(" + _ATOM + r")")
_RELEASED = re.compile(r"\{\s{0,99}(" + _ATOM + r")\s{0,99},\s{0,99}\"([\w.+-]{1,100})\"")
_NAME = re.compile(_ATOM)
_COMMENT = re.compile(r"(?m)^[ \t]*%[^\n]*$")
_CALLED = re.compile(r"(?<![\w@:.'?])([a-z][\w@]{0,254}):[a-z][\w@]{0,254}\(")
_WORD = re.compile(r"[^\s\"';&|<>()]+")
_PROGRAMS: Final = frozenset({"erl", "erlexec", "beam.smp", "beam", "werl"})
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
_AUTHORITIES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""lib/public_key/src/pubkey_os_cacerts.erl, linux_paths/0."""
_LONGEST: Final = 1_024
_TEXTS: Final = 20_000
"""Literals of one module that are looked up."""


def read(subject: Subject, context: Context) -> Iterator[Edge | Gap]:
    """Edges in the order in which they were seen, then gaps."""
    seen = Sightings(subject.node, "erlang", context.limits)
    try:
        weak = _look(subject, context, seen)
    except TermError as error:
        seen.gap(error.reason, error.detail)
        weak = False
    for edge in seen.edges():
        yield replace(edge, weak=True) if weak or edge.firing is Firing.KEPT_WITH else edge
    yield from seen.gaps()


def _look(subject: Subject, context: Context, seen: Sightings) -> bool:
    """Note what a subject asks for; gives whether it merely lists what may be wanted."""
    data, path = subject.data, subject.path
    if subject.config is not None:
        for words in (start_command(subject.config), health_command(subject.config)):
            _command(list(words), context, seen, Firing.LOAD)
    elif is_beam(data, path):
        _Module(read_beam(data, context.limits), path, context, seen).look()
    elif data.startswith(b"\x83"):
        _boot(data, path, context, seen)
        return True
    elif len(data) > context.limits.script_scan:
        seen.gap("too-large", f"{len(data)} bytes")
    elif path.endswith((".app", ".rel")) and subject.node.kind is NodeKind.FILE:
        text = _COMMENT.sub("", decoded(data))
        (_application if path.endswith(".app") else _release)(text, path, context, seen)
    elif ESCRIPT.match(data):
        _escript(data, path, context, seen)
    else:
        for line in decoded(data).replace("\\\n", " ").split("\n"):
            if not line.lstrip().startswith("#"):
                _command(_WORD.findall(line), context, seen, Firing.GUARDED)
    return False


# --- applications and releases --------------------------------------------------------------------------------------


def _application(text: str, path: ImagePath, context: Context, seen: Sightings) -> None:
    """application(4): it does not start without those that it lists, nor without its callback module."""
    found = _Found(path, context, seen)
    for match in _STARTS.finditer(text):
        found.module(_plain(match[1]), Firing.GUARDED, "mod")
    for match in _LISTED.finditer(text):
        for name in map(_plain, _NAME.findall(match[2])):
            if match[1] == "modules":
                found.module(name, Firing.KEPT_WITH, "modules", kind=EdgeKind.COMPANION)
            else:
                found.application(name, Firing.GUARDED, f"{match[1]}: {name}")


def _release(text: str, path: ImagePath, context: Context, seen: Sightings) -> None:
    """rel(4): applications with their versions."""
    library = parent(parent(parent(path)))
    found = _Found(path, context, seen)
    for match in _RELEASED.finditer(text):
        name = _plain(match[1])
        target = image_path(f"{library}/lib/{name}-{match[2]}/ebin/{name}.app")
        if context.original.resolve(target).file is not None:
            seen.file(target, EdgeKind.IMPORTS, Firing.GUARDED, f"{name} {match[2]}")
        else:
            found.application(name, Firing.GUARDED, f"{name} {match[2]}")


def _boot(data: bytes, path: ImagePath, context: Context, seen: Sightings) -> None:
    """script(4): only an embedded system loads all that it lists at the start."""
    found = _Found(path, context, seen)
    for atom in dict.fromkeys(read_terms(data, context.limits).atoms):
        found.module(atom, Firing.DEFERRED, atom)


class _Found:
    """Modules as seen from one file, noted as references of one kind."""

    def __init__(self, near: ImagePath, context: Context, seen: Sightings) -> None:
        self._near = near
        self._code = context.once(code_of)
        self._seen = seen

    def module(self, name: str, firing: Firing, detail: str, *, kind: EdgeKind = EdgeKind.IMPORTS) -> None:
        path = self._code.module(name, self._near)
        if path is not None:
            self._seen.file(path, kind, firing, detail)

    def application(self, name: str, firing: Firing, detail: str) -> None:
        path = self._code.application(name, self._near)
        if path is not None:
            self._seen.file(path, EdgeKind.IMPORTS, firing, detail)


def _plain(atom: str) -> str:
    return atom.strip("'")


# --- programs -------------------------------------------------------------------------------------------------------


def _escript(data: bytes, path: ImagePath, context: Context, seen: Sightings) -> None:
    """escript(1): a source text, or a packed body behind at most three lines."""
    body = data.split(b"\n", 3)
    if any(part.startswith((b"PK", b"FOR1")) for part in body[1:]):
        seen.gap("no-reader", "the body of an escript is packed")
        return
    found = _Found(path, context, seen)
    for match in _CALLED.finditer(_COMMENT.sub("", decoded(data))):
        found.module(match[1], Firing.DEFERRED, match[1])


def _command(words: list[str], context: Context, seen: Sightings, firing: Firing) -> None:
    """erl(1): `-s MODULE`, `-boot FILE`, `-pa FOLDER`; what a script computes is left out."""
    at = next((at for at, word in enumerate(words) if word.rpartition("/")[2] in _PROGRAMS), -1)
    if at < 0:
        return
    modules = _Found(context.cwd, context, seen)
    for option, value in zip(words[at + 1 :], words[at + 2 :], strict=False):
        if "$" in value or value.startswith("-"):
            continue
        if option in _MODULES:
            modules.module(value, firing, f"{option} {value}")
        for suffix in _FILES.get(option, ()):
            path = join(context.cwd, value + suffix)
            found = context.original.resolve(path).file
            if found is not None and found.type is FileType.FILE:
                seen.file(path, EdgeKind.SOURCES, firing, f"{option} {value}")
                break


class _Module:
    """What one compiled module asks for."""

    def __init__(self, beam: Beam, path: ImagePath, context: Context, seen: Sightings) -> None:
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
            if 0 < len(text) <= _LONGEST and "\0" not in text:
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
        for path in _AUTHORITIES:
            if self._context.original.resolve(path).file is not None:
                self._seen.file(ImagePath(path), EdgeKind.TRUSTS, Firing.DEFERRED, "public_key:cacerts_get")
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
