"""Metadata of distributions that a program reads by name: METADATA and entry points."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from xraydiff.errors import ImageError
from xraydiff.facts import EdgeKind, FileType, Firing
from xraydiff.paths import ImagePath, decoded, image_path
from xraydiff.references import Context
from xraydiff.references.readers.python.modules import Finder
from xraydiff.references.readers.python.names import MODULE_VARIABLES
from xraydiff.references.readers.python.program import Call, PythonProgram
from xraydiff.references.readers.python.vocabulary import DISTRIBUTIONS, ENTRY_POINTS, METADATA_MODULES, SCRIPT_GROUPS

__all__ = ["Distribution", "distributions", "is_own", "metadata"]

_SEPARATORS: Final = re.compile(r"[-_.]+")
_ENTRY: Final = re.compile(r"\s*([\w. +-]{1,200}?)\s*=\s*([\w.]{1,300})\s*(?::\s*([\w.]{1,300}))?")
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,100}")
_WORD: Final = re.compile(r"\w+")
_TEXT: Final = 1 << 20
_MAX_START_WORDS: Final = 100
"""Words of the start command that are looked at."""
_MAX_WORD_LENGTH: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """An installed distribution's record."""

    name: str
    """Normalised (PEP 503)."""
    metadata: ImagePath
    entry_points: ImagePath | None
    groups: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """Groups of entry points: name and module of each."""


def metadata(program: PythonProgram, call: Call) -> bool:
    """Note what a call reads of distributions; whether it is one that does."""
    if not call.name.startswith(METADATA_MODULES):
        return call.method == "load_setuptools_entrypoints" and _groups(program, call)
    if call.method in ENTRY_POINTS:
        return _groups(program, call)
    if call.method not in DISTRIBUTIONS or not call.args:
        return False
    for text in program.values.texts(call.args[0]):
        match = _NAME.match(text)
        found = distributions(program.context, program.finder.search).get(_normal(match[0])) if match else None
        if found is not None:
            program.seen.named(found.metadata, FileType.FILE, text, call.firing)
            if call.method == "load_entry_point":
                _load(program, call, found)
    return True


def _groups(program: PythonProgram, call: Call) -> bool:
    """Every distribution that adds to a group, and what it adds."""
    node = call.keywords.get("group") or (call.args[0] if call.args else None)
    wanted = set(program.values.texts(node)) if node is not None else _literals(program)
    name = call.keywords.get("name")
    names = program.values.texts(name) if name is not None else ()
    for one in distributions(program.context, program.finder.search).values():
        for group, entries in one.groups:
            if not program.spend(1):
                return True
            if group not in wanted or group in SCRIPT_GROUPS:
                continue
            if one.entry_points is not None:
                program.seen.file(one.entry_points, EdgeKind.NAMES, call.firing, group)
            for entry, module in entries:
                if not names or "\0" in names[0] or entry in names:
                    later = Firing.GUARDED if call.firing is Firing.LOAD else call.firing
                    program.module(module, later, f"{group}: {entry}")
    return True


def _literals(program: PythonProgram) -> set[str]:
    """`entry_points().select(group=name)`, `entry_points()["name"]`: the group stands somewhere in the module."""
    if program.literals is None:
        nodes = (use.node for use in program.script.uses if use.kind == "string")
        program.literals = {text for node in nodes if (text := program.values.literal(node)) is not None}
    return program.literals


def _load(program: PythonProgram, call: Call, found: Distribution) -> None:
    """`load_entry_point("dist", "group", "name")`, as old console scripts have it."""
    given = [program.values.texts(one)[0] for one in call.args[1:3]]
    if found.entry_points is not None:
        program.seen.file(found.entry_points, EdgeKind.NAMES, call.firing, found.name)
    for group, entries in found.groups:
        for entry, module in entries:
            if given == [group, entry]:
                program.module(module, call.firing, f"{group}: {entry}")


def distributions(context: Context, search: tuple[ImagePath, ...]) -> dict[str, Distribution]:
    """The distributions on a search path by normalised name, the first of each; read once."""
    known = context.once(_distributions_by_search)
    if search in known:
        return known[search]
    found: dict[str, Distribution] = {}
    for folder in search:
        real = context.original.resolve(folder).path
        for name in context.original.children(real) if real is not None else ():
            if name.endswith((".dist-info", ".egg-info")):
                one = _read(context, image_path(f"{folder}/{name}"), name)
                if one is not None:
                    found.setdefault(one.name, one)
    known[search] = found
    return found


def _distributions_by_search(_: Context) -> dict[tuple[ImagePath, ...], dict[str, Distribution]]:
    return {}


def is_own(path: ImagePath, context: Context, finder: Finder) -> bool:
    """Whether a file among the libraries is the application's own: named at start, or installed from a directory."""
    home = next((root for root in finder.search if root.endswith("-packages") and path.startswith(f"{root}/")), None)
    if home is None:
        return False
    top = path[len(home) + 1 :].partition("/")[0].removesuffix(".py")
    return top in context.once(_started) or top in _local(home, context)


def _started(context: Context) -> frozenset[str]:
    """Words of the start command and of the variables that name an application."""
    config = context.config
    named = [context.env[name] for name in sorted(MODULE_VARIABLES & context.env.keys())]
    words = [*(config.entrypoint or ())[:_MAX_START_WORDS], *(config.cmd or ())[:_MAX_START_WORDS], *named]
    return frozenset(part for word in words for part in _WORD.findall(word[:_MAX_WORD_LENGTH]))


def _local(site: ImagePath, context: Context) -> frozenset[str]:
    """Top modules of the distributions in a directory that came from a local one (PEP 610, `file:` URL)."""
    known = context.once(_local_by_site)
    if site in known:
        return known[site]
    found: set[str] = set()
    real = context.original.resolve(site).path
    for name in context.original.children(real) if real is not None else ():
        url = _text(context, f"{site}/{name}/direct_url.json") if name.endswith(".dist-info") else ""
        if '"file:' in url and "archive_info" not in url:
            record = _text(context, f"{site}/{name}/RECORD")
            found.update(line.partition("/")[0].partition(".py,")[0] for line in record.split("\n"))
    known[site] = frozenset(found)
    return known[site]


def _local_by_site(_: Context) -> dict[ImagePath, frozenset[str]]:
    return {}


def _read(context: Context, folder: ImagePath, name: str) -> Distribution | None:
    stem = name.rpartition(".")[0]
    project = _normal(re.split(r"-\d", stem, maxsplit=1)[0])
    file = context.original.resolve(folder).file
    if file is None:
        return None
    if file.type is FileType.FILE:
        return Distribution(name=project, metadata=folder, entry_points=None, groups=())
    record = next((f"{folder}/{one}" for one in ("METADATA", "PKG-INFO") if _size(context, f"{folder}/{one}")), None)
    if record is None:
        return None
    path = f"{folder}/entry_points.txt"
    text = _text(context, path)
    return Distribution(
        name=project,
        metadata=image_path(record),
        entry_points=image_path(path) if text else None,
        groups=_parsed(text),
    )


def _parsed(text: str) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    groups: dict[str, list[tuple[str, str]]] = {}
    group = ""
    for line in text.split("\n"):
        line = line.strip()  # noqa: PLW2901  the line without its blanks
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif group and (match := _ENTRY.match(line)):
            groups.setdefault(group, []).append((match[1].strip(), match[2]))
    return tuple((name, tuple(entries)) for name, entries in groups.items())


def _size(context: Context, path: str) -> int:
    file = context.original.resolve(path).file
    return file.size if file is not None and file.type is FileType.FILE else 0


def _text(context: Context, path: str) -> str:
    found = context.original.resolve(path)
    if found.path is None or not 0 < _size(context, path) <= _TEXT:
        return ""
    try:
        return decoded(context.original.content(found.path))
    except ImageError:
        return ""


def _normal(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()
