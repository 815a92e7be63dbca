"""Files and folders that a module reads: paths beside it, package data, templates, what it opens."""

from __future__ import annotations

import re
from typing import Final

from xraydiff.facts import FileType, Firing
from xraydiff.knowledge import Effect
from xraydiff.paths import ImagePath, join, parent
from xraydiff.references.kit.evaluation import DEEP, HOLE, Texts
from xraydiff.references.readers.python.effects import effects
from xraydiff.references.readers.python.program import Call, PythonProgram
from xraydiff.references.readers.python.vocabulary import (
    FLASKS,
    FOLDER_KEYWORDS,
    GLOBS,
    OPENERS,
    PACKAGE_LOADERS,
    READS,
    RESOURCE_MODULES,
    RESOURCES,
)

__all__ = ["files", "path_expression", "relative_literal", "writes"]

_FILE: Final = re.compile(r"(?:[\w+@-][\w.+@-]{0,99}/){0,8}[\w+@-][\w.+@-]{0,99}\.[A-Za-z][A-Za-z0-9]{0,9}\Z", re.ASCII)
"""A relative name with a suffix: `data.csv`, `badges/new.html`."""
_NO_FILES: Final = (".py", ".com", ".org", ".net", ".io", ".local", ".localhost")
_WILD: Final = re.compile(r"(?:\[[^\]]{0,100}\]|\*|\?)+")
_TEMPLATES: Final = ("templates", "static", "template")


def files(program: PythonProgram, call: Call) -> None:
    """Note what a call reads."""
    name, method = call.name, call.method
    if method in RESOURCES and name.startswith(RESOURCE_MODULES):
        _resource(program, call)
    elif name in OPENERS:
        _opened(program, call)
    elif name in GLOBS and call.args:
        for text in program.values.texts(call.args[0]):
            program.names((_pattern(text),), program.context.cwd, Firing.NAMED, text.replace(HOLE, "..."))
    elif name in FLASKS:
        _flask(program, call)
    elif name in PACKAGE_LOADERS and call.args:
        folder = program.values.texts(call.args[1]) if len(call.args) > 1 else ("templates",)
        for base in program.values.texts(call.args[0]):
            _in_package(program, base, folder, Firing.NAMED)
    elif (row := program.context.once(effects)[Effect.FOLDER].get(name)) and len(call.args) > row.argument:
        _folders(program, call.args[row.argument])
    elif method in READS and call.receiver is not None:
        _read(program, call, call.receiver)
    elif method in ("glob", "rglob") and call.receiver is not None and call.args:
        _glob(program, call, call.receiver)
    for keyword in FOLDER_KEYWORDS & call.keywords.keys():
        _folders(program, call.keywords[keyword])


def path_expression(program: PythonProgram, node: int) -> None:
    """Note what `os.path.join(...)` or `Path(...) / ...` names, whatever is done with it."""
    for text in program.values.texts(node):
        if text.startswith("/"):
            program.names((text,), "/", Firing.NAMED, text.replace(HOLE, "..."))


def relative_literal(program: PythonProgram, text: str) -> None:
    """Note the file that a literal names where one lies below WORKDIR, beside the module or among its templates."""
    if not _FILE.match(text) or text.endswith(_NO_FILES):
        return
    for root in program.roots:
        if program.spend(1) and program.resolve(join(root, text)) is FileType.FILE:
            program.names((text,), root, Firing.NAMED, text)


def template_roots(directory: ImagePath, top: ImagePath) -> list[ImagePath]:
    """Folders for templates beside a module and its packages."""
    found: list[ImagePath] = []
    at = directory
    while True:
        found += [join(at, name) for name in _TEMPLATES]
        if at in (top, "/"):
            return found
        at = parent(at)


def _opened(program: PythonProgram, call: Call) -> None:
    node = call.args[0] if call.args else call.keywords.get("file")
    if node is None:
        return
    texts = program.values.texts(node)
    program.names(texts, program.context.cwd, call.firing, call.name, folders=call.name.startswith(("os.", "shutil.")))


def _read(program: PythonProgram, call: Call, receiver: int) -> None:
    texts = program.values.texts(receiver)
    if any(text != HOLE for text in texts) and _is_path(texts):
        probe = call.method in ("is_file", "is_dir", "exists")
        program.names(texts, program.context.cwd, Firing.NAMED if probe else call.firing, call.method)


def _is_path(texts: Texts) -> bool:
    return all("/" in text or _FILE.match(text) for text in texts if text != HOLE)


def writes(program: PythonProgram, call: Call) -> bool:
    """Whether a call opens a file for writing: such a file need not be there."""
    if call.method != "open":
        return False
    position = 1 if call.name in OPENERS else 0
    mode = call.args[position] if len(call.args) > position else call.keywords.get("mode")
    text = program.values.literal(mode) if mode is not None else None
    return text is not None and text[:1] in ("w", "a", "x")


def _glob(program: PythonProgram, call: Call, receiver: int) -> None:
    deep = f"{DEEP}/" if call.method == "rglob" else ""
    for base in program.values.texts(receiver):
        for text in program.values.texts(call.args[0]):
            if base.startswith("/"):
                program.names((f"{base}/{deep}{_pattern(text)}",), "/", Firing.NAMED, text.replace(HOLE, "..."))


def _pattern(text: str) -> str:
    return "/".join(DEEP if part == "**" else _WILD.sub(HOLE, part) for part in text.split("/"))


def _folders(program: PythonProgram, node: int) -> None:
    """A folder that is served from counts from the module, from WORKDIR, or stands by itself."""
    texts = program.values.texts(node)
    if texts == (HOLE,):
        texts = program.values.elements(node)
    for root in dict.fromkeys((program.directory, program.context.cwd)):
        for text in texts:
            path = join(root, text)
            if HOLE not in text and text not in ("", ".") and program.resolve(path) is FileType.DIRECTORY:
                program.names((path,), "/", Firing.NAMED, text)


def _flask(program: PythonProgram, call: Call) -> None:
    keywords = call.keywords
    for keyword, usual in (("template_folder", "templates"), ("static_folder", "static")):
        if keyword not in keywords and not (call.name.endswith("Blueprint")):
            program.names((usual,), program.directory, Firing.NAMED, usual)


def _resource(program: PythonProgram, call: Call) -> None:
    """`files("pkg")` alone names no file; what is joined to it does, or what stands behind the package's name."""
    packages = program.values.texts(call.args[0]) if call.args else (program.values.scene.package,)
    for package in packages:
        if HOLE not in package:
            program.module(package, call.firing, package)
            if len(call.args) > 1:
                _in_package(program, package, program.values.texts(call.args[1]), call.firing)


def _in_package(program: PythonProgram, package: str, texts: Texts, firing: Firing) -> None:
    chain, whole = program.finder.find(package) if HOLE not in package else ((), False)
    if not whole:
        return
    module = chain[-1]
    folders = module.package or ((parent(module.file),) if module.file is not None else ())
    for folder in folders:
        program.names(texts, folder, firing, f"{package}: {texts[0]}".replace(HOLE, "..."))
