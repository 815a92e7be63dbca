"""How one module is read: its imports, calls, strings and path expressions in the order of the text."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from xraydiff.facts import Firing
from xraydiff.paths import parent
from xraydiff.references.kit.evaluation import HOLE
from xraydiff.references.readers.python.commands import commands
from xraydiff.references.readers.python.data import files, path_expression, relative_literal, writes
from xraydiff.references.readers.python.metadata import metadata
from xraydiff.references.readers.python.modules import Module
from xraydiff.references.readers.python.program import Call, PythonProgram
from xraydiff.references.readers.python.runtime import codec, runtime, zone
from xraydiff.references.readers.python.script import BINARY
from xraydiff.references.readers.python.vocabulary import IMPORTERS, LOGGERS, PROBES

if TYPE_CHECKING:
    from xraydiff.references.readers.python.execution import Runs
    from xraydiff.references.readers.python.script import PythonUse

__all__ = ["read_script"]

_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?::[A-Za-z_][\w.]*(?:\(\))?)?\Z", re.ASCII)
_OBJECT: Final = re.compile(r"[A-Za-z_]\w*:[A-Za-z_]\w*\Z", re.ASCII)
_PREFIX: Final = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*\.\w*)(?:\Z|[{%]|\0)", re.ASCII)
_ALL: Final = re.compile(rb"__all__\s{0,9}\+?=\s{0,9}[\[(]([^\])=]{0,20000})")
_QUOTED: Final = re.compile(rb"""['"](\w{1,100})['"]""")
_NEWLINE: Final = re.compile(rb"\n")
_ATTRIBUTE: Final = re.compile(rb"(?<![\w.])([A-Za-z_]\w{0,99})\.([A-Za-z_]\w{0,99})")
_APPS: Final = frozenset({"INSTALLED_APPS"})


def read_script(program: PythonProgram, runs: Runs) -> None:
    """Note what a module refers to. Raises `LimitExceeded` where following the image's links takes too long."""
    _Reading(program, runs).run()


class _Reading:
    def __init__(self, program: PythonProgram, runs: Runs) -> None:
        self._program = program
        self._script = program.script
        self._runs = runs
        self._idle: set[int] = set()
        """Strings that are no references where they stand: names of loggers, files that are written."""
        self._starred: set[tuple[str | None, Firing]] = set()
        self._inner: int = 0
        """End of the outermost path expression."""
        self._lazy: dict[str, Module] = {}
        """Names that stand for a package which loads names on demand."""

    def run(self) -> None:
        script, runs, seen = self._script, self._runs, self._program.seen
        lines = _Lines(script.text)
        for use in script.uses:
            firing = runs.firing(use.context)
            if firing is None:
                continue
            seen.line = lines.at(script.starts[use.node])
            seen.optional = self._program.foreign and (
                runs.is_branch(use.context) or (firing is Firing.DEFERRED and runs.is_offered(use.context))
            )
            match use.kind:
                case "import":
                    self._import(use, firing)
                case "call":
                    self._call(use.node, firing, use.context)
                case "string":
                    self._string(use.node)
                case "keyword":
                    self._keyword(use.node, firing)
                case "path":
                    self._path(use.node)
        self._program.seen.optional = False
        self._settings()
        self._attributes(lines)

    # --- imports -----------------------------------------------------------------------------------------------------

    def _import(self, use: PythonUse, firing: Firing) -> None:
        found = True
        if use.module:
            found = self._from(use, firing)
        else:
            for name, bound in use.names:
                found = self._plain(name, bound, firing) and found
        attempt = self._runs.attempt(use.context)
        if attempt is not None:
            attempt.note(found=found)

    def _plain(self, name: str, bound: str, firing: Firing) -> bool:
        """`import a.b`, `import a.b as c`."""
        top = name.partition(".")[0]
        self._program.values.bindings.modules[bound or top] = name if bound else top
        whole = self._program.module(name, firing, name)
        self._note_lazy(bound or top, name if bound else top)
        return whole

    def _note_lazy(self, bound: str, name: str) -> None:
        chain, whole = self._program.finder.find(name)
        if whole and self._program.lazy.is_lazy(chain[-1], self._program.finder):
            self._lazy[bound] = chain[-1]

    def _from(self, use: PythonUse, firing: Firing) -> bool:
        """Whether the module and every name of it was found."""
        bindings, text = self._program.values.bindings, use.module
        module, whole, package = self._source(text, firing)
        for name, alias in use.names:
            bindings.modules[alias or name] = f"{package}.{name}" if package else name
        if not whole or module is None:
            return whole
        found = True
        for name, alias in use.names:
            if name == "*":
                self._star(module, firing, text)
            else:
                found = self._member(module, name, alias or name, firing, f"{text} import {name}") and found
        return found

    def _source(self, text: str, firing: Firing) -> tuple[Module | None, bool, str]:
        """The module that names are taken from, whether it was found, and its dotted name.

        What a relative import counts from is given by the place of the file, whatever sys.path says.
        """
        program = self._program
        dots = len(text) - len(text.lstrip("."))
        if not dots:
            whole = program.module(text, firing, text)
            chain, _ = program.finder.find(text)
            return (chain[-1] if chain and whole else None), whole, text
        directory, package = program.directory, program.values.scene.package
        for _ in range(min(dots - 1, 64)):
            directory, package = parent(directory), package.rpartition(".")[0]
        rest = text[dots:]
        if not rest:
            # The package itself is loaded: the module that is read is one of its own.
            return program.finder.package_at(directory, package), True, package
        chain, whole = program.finder.relative(directory, rest, package)
        program.chain(chain, firing, text)
        return (chain[-1] if whole else None), whole, f"{package}.{rest}" if package else rest

    def _member(self, module: Module, name: str, bound: str, firing: Firing, detail: str) -> bool:
        """A name of a module: a submodule, something that the module holds, or loads on demand."""
        program = self._program
        inner = program.finder.inside(module, name) if module.package else None
        if inner is not None:
            program.chain((inner,), firing, detail)
            if program.lazy.is_lazy(inner, program.finder):
                self._lazy[bound] = inner
            return True
        for chain in program.lazy.of(module, name, program.finder):
            program.chain(chain, firing, detail)
        return module.file is not None and program.finder.defines(module, name)

    def _star(self, module: Module, firing: Firing, detail: str) -> None:
        """`from a import *` loads the submodules that `__all__` names."""
        if not module.package or (module.file, firing) in self._starred:
            return
        self._starred.add((module.file, firing))
        for match in _ALL.finditer(self._program.finder.content(module)):
            for name in dict.fromkeys(_QUOTED.findall(match[1])):
                inner = self._program.finder.inside(module, name.decode())
                if inner is not None:
                    self._program.chain((inner,), firing, f"{detail} import *")

    def _attributes(self, lines: _Lines) -> None:
        """`import pydantic` and later `pydantic.BaseModel`: packages that load names at their first use."""
        seen: set[tuple[str, str]] = set()
        for match in _ATTRIBUTE.finditer(self._script.text) if self._lazy else ():
            bound, name = match[1].decode(), match[2].decode()
            module = self._lazy.get(bound)
            if module is None or (bound, name) in seen:
                continue
            seen.add((bound, name))
            self._program.seen.line = lines.at(match.start())
            for chain in self._program.lazy.of(module, name, self._program.finder):
                self._program.chain(chain, Firing.DEFERRED, f"{module.name}.{name}")

    # --- calls -------------------------------------------------------------------------------------------------------

    def _call(self, node: int, firing: Firing, context: int) -> None:
        program, values = self._program, self._program.values
        name = values.callee(node)
        if name == "?":
            return
        args, keywords = values.arguments(node)
        method = name.rpartition(".")[2]
        call = Call(
            node=node,
            name=name,
            method=method,
            receiver=values.receiver(node),
            args=args,
            keywords=keywords,
            firing=firing,
        )
        if method in LOGGERS:
            self._idle.update(args[:1])
            return
        if method in IMPORTERS and (args or keywords):
            self._import_call(call, context)
            return
        if commands(program, call) or metadata(program, call):
            return
        if writes(program, call):
            self._idle.update(args[:1])
        else:
            files(program, call)
        runtime(program, call)
        if call.name in ("os.path.join", "pathlib.Path", "Path") and self._script.starts[node] >= self._inner:
            self._path(node)
        program.inner_imports(call)

    def _import_call(self, call: Call, context: int) -> None:
        program, values = self._program, self._program.values
        node = call.args[0] if call.args else call.keywords.get("name") or call.keywords.get("import_name")
        if node is None:
            return
        detail = f"{call.method}({values.text(node)[:100]})"
        found, texts = False, self._absolute(values.texts(node), call)
        # One of several modules is loaded, and nobody can tell which.
        firing = Firing.NAMED if len(texts) > 1 else Firing.DEFERRED if call.method in PROBES else call.firing
        for text in texts:
            if HOLE in text:
                found = program.pattern(text.partition(":")[0], Firing.NAMED, detail) or found
                if text.strip(HOLE + ".") and found:
                    continue
                if call.method not in PROBES and not found:
                    program.seen.gap("computed-name", detail)
            elif call.method in ("import_module", "__import__", "run_module", "find_spec"):
                found = program.module(text, firing, detail) or found
                self._from_list(text, call, firing, detail)
            else:
                found = program.object_(text, firing, detail, single=True) or program.module(text, firing, detail)
        attempt = self._runs.attempt(context)
        if attempt is not None and call.method not in PROBES:
            attempt.note(found=found)

    def _absolute(self, texts: tuple[str, ...], call: Call) -> list[str]:
        """`import_module(".x", package)` counts from the package."""
        package = call.args[1] if len(call.args) > 1 else call.keywords.get("package")
        found = []
        for text in texts:
            dots = len(text) - len(text.lstrip("."))
            if not dots:
                found.append(text)
            elif package is not None:
                for base in self._program.values.texts(package):
                    parts = base.split(".")
                    found.append(".".join([*parts[: max(1, len(parts) - dots + 1)], text[dots:]]))
            else:
                found.append(f"{self._program.values.scene.package}.{text[dots:]}")
        return found

    def _from_list(self, text: str, call: Call, firing: Firing, detail: str) -> None:
        """`__import__("a", fromlist=["b"])`."""
        listed = call.keywords.get("fromlist") or (call.args[3] if len(call.args) > 3 else None)
        if listed is not None and call.method == "__import__":
            for name in self._program.values.elements(listed):
                if HOLE not in name and self._program.finder.find(f"{text}.{name}")[1]:
                    self._program.module(f"{text}.{name}", firing, detail)

    # --- strings -----------------------------------------------------------------------------------------------------

    def _string(self, node: int) -> None:
        if self._script.ends[node] - self._script.starts[node] > 300 or node in self._idle:
            return
        program, values = self._program, self._program.values
        text = values.literal(node)
        if text is None:
            self._formatted(values.texts(node))
            return
        if not text or text.isspace() or "\n" in text:
            return
        if _DOTTED.match(text):
            if not program.object_(text, Firing.NAMED, text):
                relative_literal(program, text)
        elif _OBJECT.match(text):
            program.object_(text, Firing.NAMED, text)
        elif "." in text or "/" in text:
            if match := _PREFIX.match(text):
                self._prefix(match[1], text)
            if not zone(program, text, Firing.NAMED):
                relative_literal(program, text)

    def _formatted(self, texts: tuple[str, ...]) -> None:
        for text in texts:
            match = _PREFIX.match(text)
            if match:
                self._program.pattern(text, Firing.NAMED, text.replace(HOLE, "{}"))

    def _prefix(self, prefix: str, text: str) -> None:
        """`"app.plugins." + name`, `"app.plugins.%s" % name`, `"app.plugins.{}".format(name)`."""
        if text == prefix and not text.endswith("."):
            return
        rest = text[len(prefix) :]
        if rest and not rest.startswith(("{", "%s", "%(")):
            return
        self._program.pattern(f"{prefix}{HOLE}", Firing.NAMED, text)

    def _keyword(self, node: int, firing: Firing) -> None:
        """`encoding="idna"` of any call, and of a parameter's default."""
        name, value = self._script.parts[node]
        if self._program.values.text(name) != "encoding":
            return
        text = self._program.values.literal(value)
        if text:
            codec(self._program, text, firing, registry=True)

    def _path(self, node: int) -> None:
        """The outermost of nested path expressions says it all."""
        start, end = self._script.starts[node], self._script.ends[node]
        if start < self._inner:
            return
        self._inner = end
        if self._script.kinds[node] in BINARY and b"/" not in self._script.text[start:end]:
            return
        path_expression(self._program, node)

    # --- settings ----------------------------------------------------------------------------------------------------

    def _settings(self) -> None:
        """Names that a framework reads: Django's applications, and text encodings that are kept in a variable."""
        program, bindings = self._program, self._program.values.bindings
        program.seen.line = 0
        for name in _APPS:
            for node in bindings.values.get(name, ()):
                for text in program.values.elements(node):
                    if HOLE not in text and text.isidentifier():
                        program.object_(text, Firing.NAMED, f"{name}: {text}", single=True)
        for node in bindings.values.get("encoding", ()):
            encoding = program.values.literal(node)
            if encoding:
                codec(program, encoding, Firing.DEFERRED, registry=True)


class _Lines:
    """1-based lines of offsets."""

    def __init__(self, data: bytes) -> None:
        self._ends = [match.start() for match in _NEWLINE.finditer(data)]

    def at(self, offset: int) -> int:
        """The line that holds a byte."""
        return bisect_left(self._ends, offset) + 1
