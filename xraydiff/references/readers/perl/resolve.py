"""What the steps of a Perl program refer to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from xraydiff.facts import Edge, Firing
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.kit.expressions import UNKNOWN, Shape, Value
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.kit.recorder import weakened
from xraydiff.references.kit.steps import Program, Resolution, Step, location
from xraydiff.references.readers.perl.interpreter import find_interpreter
from xraydiff.references.readers.perl.modules import Modules
from xraydiff.references.readers.perl.native import PerlNative
from xraydiff.references.readers.perl.values import PerlEvaluator, PerlScope
from xraydiff.references.readers.perl.vocabulary import NEEDS_SHELL, Kind

__all__ = ["resolve"]

_EVALUATED: Final = re.compile(r"\b(?:use|require|no)\s+([A-Za-z_][\w:]*::)?\0([\w:]*)")
_REFERS: Final = re.compile(r"\b(?:use|require|do|no|system|exec|open)\b|`")
_NAME: Final = re.compile(r"[A-Za-z_]\w*(?:::\w+)*\Z")


def resolve(program: Program, subject: Subject, context: Context) -> Iterator[Edge | Gap | Command]:
    """The references of a program."""
    path, directory = location(subject, context)
    lookup = Lookup(context)
    values = PerlEvaluator(program.expressions, PerlScope(path=path, directory=directory, values={}), lookup)
    yield from _Resolution(program, values, subject).run()


def compiled(firing: Firing) -> Firing:
    """The firing of what perl loads when it compiles a program, even where it stands in a subroutine."""
    return Firing.LOAD if firing is Firing.DEFERRED else firing


class _Resolution(Resolution):
    """Goes through the steps of one program."""

    needs_shell = NEEDS_SHELL

    def __init__(self, program: Program, values: PerlEvaluator, subject: Subject) -> None:
        super().__init__(program, values, subject, "perl")
        seen, lookup = self._seen, values.lookup
        perl = find_interpreter(lookup.context, lookup)
        self._scope: PerlScope = values.scope
        self._version = perl.version
        self._modules = Modules(values.scope, seen, lookup, perl)
        self._native = PerlNative(seen, lookup, perl, self._modules.load)
        self._regions: list[tuple[bool, bool]] = []
        """Of what stands around a step: whether it never runs here, and whether it is a loop over an unknown list."""

    def _handled(self) -> Mapping[str, Callable[[Step, Firing], object]]:
        return {
            Kind.USE: self._use,
            Kind.REQUIRE: self._require,
            Kind.REQUIRE_FILE: self._require_file,
            Kind.REQUIRE_CLASS: self._require_class,
            Kind.DO: self._do,
            Kind.EVALUATE: self._evaluate,
            Kind.MODULE: lambda step, firing: self._modules.load(step.name, firing),
            Kind.COMPILED: lambda step, firing: self._modules.load(step.name, compiled(firing)),
            Kind.OBJECT: lambda step, firing: self._modules.compiled(self._values.words(step.arguments), firing),
            Kind.LOADER: self._loader,
            Kind.DRIVER: lambda step, firing: self._texts(step, firing, self._modules.driver),
            Kind.INC: lambda step, _: self._modules.add_paths(self._values.words(step.arguments)),
            Kind.PACKAGE: self._package,
            Kind.ASSIGNMENT: self._assignment,
            Kind.NAMES: self._names,
            Kind.PATHS: self._paths,
            Kind.OPEN: self._open,
            Kind.COMMAND_LINE: self._command_lines,
            Kind.COMMAND: lambda step, firing: self._command(step.arguments, firing),
            Kind.CONFIG: lambda step, firing: self._texts(step, firing, self._modules.configured),
            Kind.LAYERS: lambda step, firing: self._texts(step, firing, self._native.layers),
            Kind.ENCODING: self._encoding,
            Kind.PROPERTY: lambda step, firing: self._native.property(step.name, firing),
            Kind.CHARACTER_NAMES: lambda _, firing: self._native.character_names(firing),
            Kind.TLS: lambda *_: self._native.secure(),
            Kind.END: lambda *_: self._native.finish(),
        }

    def _firing(self, step: Step) -> Firing | None:
        never, unsure = self._regions[-1] if self._regions else (False, False)
        match step.kind:
            case Kind.CLOSE:
                self._regions.pop()
            case Kind.OLDER:
                self._regions.append((never or 0 < float(step.name) < self._version, unsure))
            case Kind.LOOP:
                self._regions.append((never, unsure or not (never or self._loop(step))))
            case _ if not never:
                return weakened(step.firing) if unsure else step.firing
        return None

    def _loop(self, step: Step) -> bool:
        """A variable takes every text of a list; whether that is known."""
        value = self._values.of(step.arguments[0])
        if value.known:
            self._scope.values[step.name] = Value(texts=value.texts, is_sequence=True)
        return value.known

    def _texts(self, step: Step, firing: Firing, follow: Callable[[str, Firing], None]) -> None:
        for text in self._values.texts(step.arguments):
            follow(text, firing)

    def _package(self, step: Step, _firing: Firing) -> None:
        self._scope.package = step.name

    def _assignment(self, step: Step, firing: Firing) -> None:
        value = self._values.of(step.arguments[0])
        self._scope.set(step.name, value)
        self._modules.assigned(step.name, value, firing)

    # --- what is loaded -----------------------------------------------------------------------------------------------

    def _use(self, step: Step, firing: Firing) -> None:
        """`use` happens when the program is compiled, wherever it stands."""
        at = Firing.GUARDED if firing is Firing.GUARDED else Firing.LOAD
        words = self._values.words(step.arguments)
        self._native.module(step.name, at)
        if step.name == "lib":
            self._modules.add_paths(words)
        self._modules.use(step.name, words, at)
        for word in words if step.name in ("open", "encoding") else ():
            self._native.layers(word, at)
            if step.name == "encoding":
                self._native.encoding(word, at)

    def _require(self, step: Step, firing: Firing) -> None:
        self._native.module(step.name, firing)
        self._modules.load(step.name, firing)

    def _require_file(self, step: Step, firing: Firing) -> None:
        value = self._values.of(step.arguments[0])
        for text in value.texts:
            if UNKNOWN not in text:
                self._modules.file(text, firing if value.certain else weakened(firing))
            elif not self._modules.prefix(text.replace("/", "::").removesuffix(".pm")):
                self._seen.gap("computed-name", text.replace(UNKNOWN, "..."))

    def _require_class(self, step: Step, firing: Firing) -> None:
        for text in self._values.texts(step.arguments):
            if _NAME.match(text):
                self._modules.load(text, firing)
            elif UNKNOWN in text:
                self._modules.prefix(text)

    def _do(self, step: Step, firing: Firing) -> None:
        for text in self._values.texts(step.arguments):
            if UNKNOWN in text:
                self._named(text)
            else:
                self._modules.done(text, firing)

    def _evaluate(self, step: Step, firing: Firing) -> None:
        for text in self._values.texts(step.arguments):
            if UNKNOWN not in text:
                if _REFERS.search(text):
                    self._seen.inline("perl", text, firing, text)
                continue
            for match in _EVALUATED.finditer(text):
                name = f"{match[1] or ''}{UNKNOWN}{match[2]}"
                if not self._modules.prefix(name):
                    self._seen.gap("computed-name", name.replace(UNKNOWN, "..."))

    def _loader(self, step: Step, firing: Firing) -> None:
        for text in self._values.texts(step.arguments):
            self._modules.called(step.name, text, firing)

    def _encoding(self, step: Step, firing: Firing) -> None:
        for text in self._values.words(step.arguments):
            self._native.encoding(text, firing)

    # --- what is opened -----------------------------------------------------------------------------------------------

    def _open(self, step: Step, firing: Firing) -> None:
        """`open HANDLE, MODE, PATH`, or with the mode before the path in one text; a bar in the mode is a command's."""
        mode, *rest = step.arguments
        modes = self._values.of(mode).texts
        self._named_by(rest[:1])
        for text in modes if not rest else ():
            if not text.endswith("|") and not text.startswith("|"):
                self._named(text.lstrip("<>+ ").rstrip())
        for text in modes:
            self._native.layers(text, firing)
        for text in map(str.strip, modes[:4]):
            if rest and text in ("-|", "|-"):
                self._command(rest, firing)
            elif not rest and text.endswith("|"):
                self._command_line(text[:-1], firing)
            elif not rest and text.startswith("|"):
                self._command_line(text[1:], firing)

    def _command(self, arguments: Sequence[int], firing: Firing) -> None:
        """`system LIST`: a program and its arguments, or a command line where there is one word that is no list."""
        values = [self._values.of(argument) for argument in arguments]
        lists = [value.is_sequence and self._is_list(one) for one, value in zip(arguments, values, strict=True)]
        if len(values) == 1 and not (lists[0] and len(values[0].texts) > 1):
            for text in values[0].texts:
                self._command_line(text, firing)
            return
        words: list[Value] = []
        for value, is_list in zip(values, lists, strict=True):
            words.extend([Value(texts=(text,)) for text in value.texts] if is_list else [value])
        self._arguments(words, firing)

    def _is_list(self, argument: int) -> bool:
        """Whether an expression gives several words: not the variable of a loop, which gives one after the other."""
        expression = self._program.expressions[argument]
        return expression.shape in (Shape.LIST, Shape.CALL) or expression.text.startswith("@")
