"""When the pieces of a module run: at load, behind a branch, in a function, never; and functions called at load."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from xraydiff.facts import Firing
from xraydiff.references.readers.python.nodes import Syntax

__all__ = ["Attempt", "Function", "Place", "Script", "Use"]


class Attempt:
    """A `try`: whether everything that its body imports was found. Then a handler of import errors never runs."""

    __slots__ = ("asked", "missed")

    def __init__(self) -> None:
        self.asked = False
        self.missed = False

    def note(self, *, found: bool) -> None:
        """An import of the body was looked up."""
        self.asked = True
        self.missed = self.missed or not found


@dataclass(frozen=True, slots=True)
class Place:
    """When a piece of code runs."""

    function: int = -1
    """Index of the innermost function, -1 for the module itself."""
    weak: bool = False
    """Whether only some runs of that function reach it."""
    dead: bool = False
    """Whether no run on this interpreter reaches it."""
    attempt: Attempt | None = None
    """The innermost `try` whose body holds it."""
    handles: tuple[Attempt, ...] = ()
    """Those whose handlers of import errors hold it."""
    owner: str = ""
    """The class whose body or method it is in."""
    in_class: bool = False
    """Whether the innermost block is a class body."""
    branch: bool = False
    """Whether it is weak for more than a `try`, whose body runs whenever the function does."""

    def weaker(self) -> Place:
        """The same place behind a branch."""
        if self.branch and not self.in_class:
            return self
        return replace(self, weak=True, branch=True, in_class=False)

    def never(self) -> Place:
        """The same place behind a branch that is not taken."""
        return self if self.dead else replace(self, dead=True, attempt=None)

    def within(self, *, attempt: Attempt) -> Place:
        """In the body of a `try`."""
        return replace(self, weak=True, attempt=attempt, in_class=False)

    def handling(self, attempt: Attempt) -> Place:
        """In a handler of import errors; those of a hundred tries within each other are enough to know."""
        return replace(self, weak=True, branch=True, handles=(*self.handles, attempt)[-100:], in_class=False)

    def in_body_of(self, name: str) -> Place:
        """In a class body."""
        return replace(self, owner=name, in_class=True)

    def of_function(self, index: int) -> Place:
        """In a function's body."""
        return Place(function=index, dead=self.dead, handles=self.handles, owner=self.owner)


@dataclass(slots=True)
class Use:
    """A construct that may ask for something, and when."""

    node: Syntax
    place: Place
    kind: str
    """import, call, string, path, keyword."""
    module: str = ""
    """Of `from X import`: X with its dots."""
    names: tuple[tuple[str, str], ...] = ()
    """Of an import: names and what they are bound to, empty for the same."""


@dataclass(slots=True)
class Function:
    """A function of the module, or a lambda."""

    name: str
    owner: str
    place: Place
    firing: Firing = Firing.DEFERRED


@dataclass(slots=True)
class Script:
    """What one pass found, in the order of the text."""

    uses: list[Use] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    assignments: list[tuple[Syntax, Syntax]] = field(default_factory=list)
    """Targets and values."""
    loops: list[tuple[Syntax, Syntax]] = field(default_factory=list)
    """Targets, and what they run over."""
    calls: list[tuple[str, Place]] = field(default_factory=list)
    """Callees by name, and decorators."""
    too_deep: bool = False
    too_long: int = -1
    """Where there were too many words, or -1."""
    broken: bool = False
    _outer: list[int] = field(default_factory=list)
    _callers: dict[str, set[int]] | None = None

    def firing(self, place: Place) -> Firing | None:
        """When code at this place runs; None for never."""
        if place.dead or any(one.asked and not one.missed for one in place.handles):
            return None
        base = Firing.LOAD if place.function < 0 else self.functions[place.function].firing
        return Firing.GUARDED if place.weak and base is Firing.LOAD else base

    def is_offered(self, place: Place) -> bool:
        """Whether code stands in a public function of the top level that nothing else in the module calls.

        Who calls it from elsewhere needs what it imports, and says so (`library.py`).
        """
        outer = self._outermost(place.function)
        function = self.functions[outer] if outer >= 0 else None
        if function is None or function.owner or not function.name or function.name.startswith("_"):
            return False
        if self._callers is None:
            self._callers = {}
            for name, at in self.calls:
                self._callers.setdefault(name.rpartition(".")[2], set()).add(self._outermost(at.function))
        return self._callers.get(function.name, set()) <= {outer}

    def _outermost(self, index: int) -> int:
        """The function of the top level that holds a function; inner ones come after those that hold them."""
        while len(self._outer) < len(self.functions):
            around = self.functions[len(self._outer)].place.function
            self._outer.append(self._outer[around] if around >= 0 else len(self._outer))
        return self._outer[index] if index >= 0 else -1

    def spread(self) -> None:
        """A function that is called while the module is loaded runs then, and so does what it calls in turn."""
        by_name = self._named()
        called_in: dict[int, list[tuple[str, Place]]] = {}
        for name, place in self.calls:
            called_in.setdefault(place.function, []).append((name, place))
        todo = deque([-1])
        done: dict[str, Firing] = {}
        while todo:
            for name, place in called_in.get(todo.popleft(), ()):
                firing = self.firing(place)
                if firing is None or firing is Firing.DEFERRED:
                    continue
                head, _, method = name.partition(".")
                wanted = f"self.{place.owner}.{method}" if head in ("self", "cls") and place.owner else name
                if wanted not in by_name or done.get(wanted) in (Firing.LOAD, firing):
                    continue
                done[wanted] = firing
                for index in by_name[wanted]:
                    function = self.functions[index]
                    if function.firing is Firing.DEFERRED or firing is Firing.LOAD is not function.firing:
                        function.firing = firing
                        todo.append(index)

    def _named(self) -> dict[str, list[int]]:
        """Functions by the name that calls them; a class is called by what makes its instances."""
        found: dict[str, list[int]] = {}
        for index, function in enumerate(self.functions):
            if not function.name:
                continue
            if not function.owner:
                found.setdefault(function.name, []).append(index)
                continue
            found.setdefault(f"self.{function.owner}.{function.name}", []).append(index)
            if function.name in ("__init__", "__new__", "__post_init__"):
                found.setdefault(function.owner, []).append(index)
        return found
