"""The possible values of a Ruby expression: what its names, functions and methods give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from xraydiff.paths import image_path, join
from xraydiff.references.kit.expressions import UNKNOWN, UNKNOWN_VALUE, Expressions, Value, changed, path_of

__all__ = ["FUNCTIONS", "METHODS", "RubyEvaluator"]


def _dirname(text: str) -> str:
    head, slash, _ = text.rpartition("/")
    return (head or "/") if slash else "."


def _basename(text: str, suffix: str = "") -> str:
    name = text.rpartition("/")[2]
    if suffix == ".*" and "." in name[1:]:
        return name.rpartition(".")[0]
    return name.removesuffix(suffix) if suffix != name else name


def _expand(values: RubyEvaluator, arguments: list[Value]) -> Value:
    if not arguments:
        return UNKNOWN_VALUE
    return values.expanded(arguments[0], arguments[1] if len(arguments) > 1 else UNKNOWN_VALUE)


def _dirnames(_: RubyEvaluator, arguments: list[Value]) -> Value:
    return changed(arguments[0], _dirname) if arguments else UNKNOWN_VALUE


def _first(_: RubyEvaluator, arguments: list[Value]) -> Value:
    return arguments[0] if arguments else UNKNOWN_VALUE


def _basenames(_: RubyEvaluator, arguments: list[Value]) -> Value:
    if not arguments:
        return UNKNOWN_VALUE
    suffix = arguments[1].texts[0] if len(arguments) > 1 else ""
    return changed(arguments[0], lambda text: _basename(text, suffix))


def _environment(values: RubyEvaluator, arguments: list[Value]) -> Value:
    """A variable of the image's environment, and the default beside it: the run may set another."""
    if not arguments:
        return UNKNOWN_VALUE
    text = values.lookup.context.env.get(arguments[0].texts[0])
    one = Value(texts=(text,)) if text is not None else UNKNOWN_VALUE
    return one if len(arguments) < 2 or one.known else arguments[1]


def _working(values: RubyEvaluator, _: list[Value]) -> Value:
    return Value(texts=(values.lookup.context.cwd,))


def _glob(values: RubyEvaluator, arguments: list[Value]) -> Value:
    if not arguments:
        return UNKNOWN_VALUE
    return values.globbed(Value(texts=tuple(text for value in arguments for text in value.texts)))


FUNCTIONS: Final[Mapping[str, Callable[[RubyEvaluator, list[Value]], Value]]] = {
    "File.join": path_of,
    "File.expand_path": _expand,
    "File.absolute_path": _expand,
    "File.realpath": _expand,
    "File.dirname": _dirnames,
    "File.basename": _basenames,
    "Pathname.new": _first,
    "Pathname": _first,
    "String": _first,
    "ENV.fetch": _environment,
    "ENV.[]": _environment,
    "Dir.pwd": _working,
    "Dir.getwd": _working,
    "Dir.glob": _glob,
    "Dir.[]": _glob,
    "Rails.root": _working,
    "Bundler.root": _working,
}

_SAME: Final = """
    freeze to_s to_str to_path to_sym sort uniq compact dup strip cleanpath realpath html_safe sort_by select reject
    filter flatten to_a lines each grep first last reverse map
"""
"""Methods whose answer holds the same texts as what they are asked of."""


def _method_join(values: RubyEvaluator, value: Value, arguments: list[Value]) -> Value:
    return path_of(values, [value, *arguments])


def _method_expand(values: RubyEvaluator, value: Value, arguments: list[Value]) -> Value:
    return values.expanded(value, arguments[0] if arguments else UNKNOWN_VALUE)


def _suffixed(_: RubyEvaluator, value: Value, arguments: list[Value]) -> Value:
    suffix = arguments[0].texts[0] if arguments else ""
    return changed(value, lambda text: text.removesuffix(suffix))


def _parent(_: RubyEvaluator, value: Value, __: list[Value]) -> Value:
    return changed(value, lambda text: image_path(f"{text}/..") if text.startswith("/") else _dirname(text))


METHODS: Final[Mapping[str, Callable[[RubyEvaluator, Value, list[Value]], Value]]] = {
    **dict.fromkeys(_SAME.split(), lambda _, value, __: value),
    "join": _method_join,
    "expand_path": _method_expand,
    "dirname": _parent,
    "parent": _parent,
    "basename": lambda _, value, __: changed(value, _basename),
    "delete_suffix": _suffixed,
    "chomp": _suffixed,
    "glob": lambda values, value, arguments: values.globbed(arguments[0], value) if arguments else UNKNOWN_VALUE,
    "children": lambda values, value, __: values.globbed(Value(texts=("*",)), value),
}


class RubyEvaluator(Expressions):
    """Evaluates expressions of one program."""

    functions = FUNCTIONS
    methods = METHODS

    def name(self, name: str) -> Value:
        """The value of a variable or constant, or of one of the names that Ruby itself gives one."""
        match name:
            case "__FILE__" | "$0" | "$PROGRAM_NAME":
                return Value(texts=(self.scope.path,))
            case "__dir__":
                return Value(texts=(self.scope.directory,))
            case _:
                return self.scope.values.get(name, UNKNOWN_VALUE)

    def expanded(self, value: Value, base: Value) -> Value:
        """`File.expand_path`: absolute, with `..` taken lexically; relative texts count from another value's."""
        if base.texts == (UNKNOWN,):
            base = Value(texts=(self.lookup.context.cwd,))
        texts: list[str] = []
        for root in base.texts[:4]:
            for text in value.texts:
                at = root if root.startswith("/") else join(self.lookup.context.cwd, root)
                if UNKNOWN in at or text.startswith(UNKNOWN):
                    return UNKNOWN_VALUE
                texts.append(join(at, text.removeprefix("~/") if text.startswith("~/") else text))
        return Value(texts=tuple(texts), is_sequence=value.is_sequence)

    def globbed(self, patterns: Value, base: Value | None = None) -> Value:
        """The files that `Dir.glob` finds, as its pattern spells them."""
        found: list[str] = []
        for pattern in patterns.texts[:16]:
            text = pattern
            if base is not None and base.known:
                text = f"{base.texts[0]}/{pattern}"
            if UNKNOWN in text or not text:
                continue
            found.extend(self.lookup.glob(join(self.lookup.context.cwd, text)))
        return Value(texts=tuple(found), is_sequence=True) if found else UNKNOWN_VALUE
