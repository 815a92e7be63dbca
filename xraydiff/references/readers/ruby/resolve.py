"""What the steps of a Ruby program refer to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from xraydiff.facts import Edge, Firing
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.kit.expressions import UNKNOWN, ProgramScope, Value
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.kit.recorder import weakened
from xraydiff.references.kit.steps import Program, Resolution, Step, location
from xraydiff.references.readers.ruby.features import Features
from xraydiff.references.readers.ruby.gem_programs import GemPrograms
from xraydiff.references.readers.ruby.interpreter import find_interpreter
from xraydiff.references.readers.ruby.native import RubyNative
from xraydiff.references.readers.ruby.templates import Templates
from xraydiff.references.readers.ruby.values import RubyEvaluator
from xraydiff.references.readers.ruby.vocabulary import NEEDS_SHELL, Kind

__all__ = ["resolve"]


def resolve(program: Program, subject: Subject, context: Context) -> Iterator[Edge | Gap | Command]:
    """The references of a program."""
    path, directory = location(subject, context)
    lookup = Lookup(context)
    values = RubyEvaluator(program.expressions, ProgramScope(path=path, directory=directory, values={}), lookup)
    yield from _Resolution(program, values, subject).run()


class _Resolution(Resolution):
    """Goes through the steps of one program."""

    needs_shell = NEEDS_SHELL

    def __init__(self, program: Program, values: RubyEvaluator, subject: Subject) -> None:
        super().__init__(program, values, subject, "ruby")
        seen, lookup, scope = self._seen, values.lookup, values.scope
        ruby = find_interpreter(lookup.context, lookup)
        self._scope = scope
        self._features = Features(scope, seen, lookup, ruby)
        self._templates = Templates(scope, seen, lookup, self._features.feature)
        self._native = RubyNative(seen, lookup, ruby, self._features.feature)
        self._programs = GemPrograms(seen, lookup, ruby)

    def _handled(self) -> Mapping[str, Callable[[Step, Firing], object]]:
        return {
            Kind.START: self._start,
            Kind.REQUIRE: self._require,
            Kind.FEATURE: lambda step, firing: self._features.installed(step.name, firing),
            Kind.REQUIRE_RELATIVE: lambda step, firing: self._each(step, firing, self._features.relative),
            Kind.LOAD: lambda step, firing: self._each(step, firing, self._features.load),
            Kind.AUTOLOAD: self._autoload,
            Kind.GEM: lambda step, firing: self._texts(step, firing, self._features.gem),
            Kind.GEM_PROGRAM: self._gem_program,
            Kind.BUNDLE: lambda step, firing: self._features.bundle(firing, everything=step.name == "require"),
            Kind.LOAD_PATH: lambda step, _: self._features.add_paths(self._values.texts(step.arguments)),
            Kind.ASSIGNMENT: self._assignment,
            Kind.EACH: self._every,
            Kind.NAMES: self._names,
            Kind.PATHS: self._paths,
            Kind.OPEN: self._open,
            Kind.COMMAND_LINE: self._command_lines,
            Kind.COMMAND: lambda step, firing: self._arguments([*map(self._values.of, step.arguments)], firing),
            Kind.ENCODING: lambda step, firing: self._texts(step, firing, self._native.encoding),
            Kind.MODE: lambda step, firing: self._texts(step, firing, self._native.mode),
            Kind.DIGEST: lambda step, firing: self._texts(step, firing, self._native.digest),
            Kind.TLS: lambda step, firing: self._native.authorities(step.name, firing),
            Kind.RENDER: self._render,
            Kind.SETTING: self._setting,
            Kind.STATIC: lambda step, _: self._templates.static(self._values.words(_keywords(step))),
            Kind.FOLDER: lambda step, _: self._templates.folders(self._values.words(step.arguments), step.name),
            Kind.OWN_FOLDER: lambda step, _: self._templates.own_folder(step.name),
            Kind.SINATRA: lambda *_: self._templates.required("sinatra"),
            Kind.RAILS: lambda *_: self._templates.rails(),
            Kind.END: lambda *_: self._templates.finish(),
        }

    def _texts(self, step: Step, firing: Firing, follow: Callable[[str, Firing], None]) -> None:
        for text in self._values.texts(step.arguments):
            follow(text, firing)

    def _each(self, step: Step, firing: Firing, follow: Callable[[Value, Firing], None]) -> None:
        for argument in step.arguments:
            follow(self._values.of(argument), firing)

    def _start(self, _step: Step, firing: Firing) -> None:
        self._programs.start(self._scope.path)
        if self._scope.path.endswith(".ru"):
            # A rackup file is the body of a Rack::Builder; servers that bring their own take Rack's where it is there.
            self._features.feature("rack/builder", weakened(firing))

    def _require(self, step: Step, firing: Firing) -> None:
        for argument in step.arguments:
            value = self._values.of(argument)
            for text in value.texts:
                self._required(text, firing if value.certain else weakened(firing))

    def _autoload(self, step: Step, firing: Firing) -> None:
        self._texts(step, firing, self._required)

    def _required(self, text: str, firing: Firing) -> None:
        self._features.required(text, firing)
        self._templates.required(text)

    def _gem_program(self, step: Step, firing: Firing) -> None:
        names = [self._values.of(argument).texts[0] for argument in step.arguments]
        self._programs.gem_program(names, firing)

    def _assignment(self, step: Step, _firing: Firing) -> None:
        self._scope.set(step.name, self._values.of(step.arguments[0]))

    def _every(self, step: Step, _firing: Firing) -> None:
        value = self._values.of(step.arguments[0])
        if value.known:
            self._scope.values[step.name] = Value(texts=value.texts, is_sequence=True)

    def _open(self, step: Step, firing: Firing) -> None:
        for text in self._values.texts(step.arguments):
            if text.startswith("|"):
                self._command_line(text[1:], firing)
            else:
                self._named(text)

    def _render(self, step: Step, firing: Firing) -> None:
        names = [text for index in (*step.arguments, *_keywords(step)) for text in self._values.of(index).texts]
        self._templates.render(step.name, [name for name in names if UNKNOWN not in name], firing)

    def _setting(self, step: Step, _firing: Firing) -> None:
        """`set :views, "x"`, `set views: "x"`."""
        keywords = dict(step.keywords)
        key = self._values.words(step.arguments[:1])
        for name in ("views", "public_folder", "public_dir"):
            indexes = step.arguments[1:2] if key == (name,) else [keywords[name]] if name in keywords else ()
            self._templates.setting(name, self._values.words(indexes))


def _keywords(step: Step) -> tuple[int, ...]:
    return tuple(index for _, index in step.keywords)
