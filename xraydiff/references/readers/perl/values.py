"""The possible values of a Perl expression: what its names, functions and methods give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from xraydiff.paths import image_path, join
from xraydiff.references.kit.expressions import (
    UNKNOWN,
    UNKNOWN_VALUE,
    Expressions,
    ProgramScope,
    Value,
    changed,
    path_of,
)

__all__ = ["FUNCTIONS", "METHODS", "SPECIAL", "PerlEvaluator", "PerlScope"]

_DIRECTORY: Final = ("FindBin::Bin", "FindBin::RealBin", "Bin", "RealBin")
_PROGRAM: Final = ("0", "PROGRAM_NAME", "FindBin::Script", "__FILE__")
SPECIAL: Final = frozenset((*_DIRECTORY, *_PROGRAM))
"""Names, without their signs, that perl or FindBin gives a value."""


def _dirname(text: str) -> str:
    head, slash, _ = text.rstrip("/").rpartition("/")
    return (head or "/") if slash else "."


def _concatenated(values: PerlEvaluator, arguments: list[Value]) -> Value:
    """`join('/', ...)`: with the joint given first."""
    if len(arguments) < 2:
        return UNKNOWN_VALUE
    whole = arguments[1]
    for part in arguments[2:]:
        whole = values.joined(whole, part, arguments[0].texts[0])
    return whole


def _first(_: PerlEvaluator, arguments: list[Value]) -> Value:
    return arguments[0] if arguments else UNKNOWN_VALUE


def _parents(_: PerlEvaluator, arguments: list[Value]) -> Value:
    return changed(arguments[0], _dirname) if arguments else UNKNOWN_VALUE


def _absolute(values: PerlEvaluator, arguments: list[Value]) -> Value:
    if not arguments:
        return UNKNOWN_VALUE
    base = arguments[1].texts[0] if len(arguments) > 1 else values.lookup.context.cwd
    return values.absolute(arguments[0], base) if UNKNOWN not in base else UNKNOWN_VALUE


def _working(values: PerlEvaluator, _: list[Value]) -> Value:
    return Value(texts=(values.lookup.context.cwd,))


def _glob(values: PerlEvaluator, arguments: list[Value]) -> Value:
    found: list[str] = []
    for pattern in arguments[0].texts[:16] if arguments else ():
        for text in pattern.split()[:16]:
            if UNKNOWN not in text:
                found.extend(values.lookup.glob(join(values.lookup.context.cwd, text)))
    return Value(texts=tuple(found), is_sequence=True) if found else UNKNOWN_VALUE


def _environment(values: PerlEvaluator, arguments: list[Value]) -> Value:
    """`$ENV{NAME}`: of the image's environment; the run may set another."""
    text = values.lookup.context.env.get(arguments[0].texts[0])
    return Value(texts=(text,)) if text is not None else UNKNOWN_VALUE


def _parent(_: PerlEvaluator, value: Value, __: list[Value]) -> Value:
    return changed(value, lambda text: image_path(f"{text}/..") if text.startswith("/") else _dirname(text))


def _sibling(values: PerlEvaluator, value: Value, arguments: list[Value]) -> Value:
    return path_of(values, [changed(value, _dirname), *arguments])


def _child(values: PerlEvaluator, value: Value, arguments: list[Value]) -> Value:
    return path_of(values, [value, *arguments])


FUNCTIONS: Final[Mapping[str, Callable[[PerlEvaluator, list[Value]], Value]]] = {
    "catfile": path_of,
    "catdir": path_of,
    "join": _concatenated,
    "path": path_of,
    "file": path_of,
    "dir": path_of,
    "dirname": _parents,
    "abs_path": _absolute,
    "realpath": _absolute,
    "rel2abs": _absolute,
    "canonpath": _first,
    "cwd": _working,
    "getcwd": _working,
    "glob": _glob,
    "bsd_glob": _glob,
    "sort": _first,
    "lc": _first,
    "$ENV": _environment,
}
_SAME: Final = ("stringify", "absolute", "realpath", "canonpath", "to_string", "resolve")
METHODS: Final[Mapping[str, Callable[[PerlEvaluator, Value, list[Value]], Value]]] = {
    **dict.fromkeys(_SAME, lambda _, value, __: value),
    "child": _child,
    "file": _child,
    "subdir": _child,
    "dir": _child,
    "parent": _parent,
    "sibling": _sibling,
    "catfile": lambda values, _, arguments: path_of(values, arguments),
    "catdir": lambda values, _, arguments: path_of(values, arguments),
    "rel2abs": lambda values, _, arguments: _absolute(values, arguments),
    "canonpath": lambda _, __, arguments: arguments[0] if arguments else UNKNOWN_VALUE,
}
"""Of Path::Tiny, Path::Class and File::Spec, whose methods are called on the class."""


@dataclass(slots=True, kw_only=True)
class PerlScope(ProgramScope):
    """Names with their signs (`$dir`, `@list`) and their values."""

    package: str = "main"
    """`__PACKAGE__`, as far as the program has come."""


class PerlEvaluator(Expressions):
    """Evaluates expressions of one program."""

    scope: PerlScope
    functions = FUNCTIONS
    methods = METHODS

    def name(self, name: str) -> Value:
        """The value of a variable, or of one of the names that perl and FindBin give one."""
        if name == "__PACKAGE__":
            return Value(texts=(self.scope.package,))
        if name in self.scope.values:
            return self.scope.values[name]
        bare = name.lstrip("$")
        if bare in _DIRECTORY:
            return Value(texts=(self.scope.directory,))
        return Value(texts=(self.scope.path,)) if bare in _PROGRAM else UNKNOWN_VALUE

    def absolute(self, value: Value, base: str) -> Value:
        """Relative texts as seen from a directory."""
        texts = (text if UNKNOWN in text else str(join(base, text)) for text in value.texts)
        return replace(value, texts=tuple(texts))
