"""When the pieces of a module run on one interpreter: at load, behind a branch, in a function, never."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from xraydiff.facts import Firing
from xraydiff.references.readers.python.conditions import Known, verdict
from xraydiff.references.readers.python.script import REACHED, Branch, Execution, ExecutionContext, PythonScript

__all__ = ["Attempt", "Runs"]

_TRIES = 100
"""Handlers within each other that are looked at."""


class Attempt:
    """A `try`: whether everything that its body imports was found. Then a handler of import errors never runs."""

    __slots__ = ("missed", "tried")

    def __init__(self) -> None:
        self.tried = False
        self.missed = False

    def note(self, *, found: bool) -> None:
        """An import of the body was looked up."""
        self.tried = True
        self.missed = self.missed or not found


@dataclass(frozen=True, slots=True)
class _Moment:
    """What an execution context comes to on this interpreter."""

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

    def weaker(self) -> _Moment:
        """The same behind a branch."""
        if self.branch and not self.in_class:
            return self
        return replace(self, weak=True, branch=True, in_class=False)

    def never(self) -> _Moment:
        """The same behind a branch that is not taken."""
        return self if self.dead else replace(self, dead=True, attempt=None)


class Runs:
    """When each execution context of a script runs, and each of its functions."""

    def __init__(self, script: PythonScript, known: Known) -> None:
        self._script = script
        self._attempts = [Attempt() for _ in range(script.tries)]
        self._branches = _decided(script.branches, known)
        self._moments: list[_Moment] = []
        for context in script.contexts:
            self._moments.append(self._moment(context))
        self._owners = [
            around.owner if (around := self._moments[function.context]).in_class else ""
            for function in script.functions
        ]
        self._firings = [Firing.DEFERRED] * len(script.functions)
        self._outer: list[int] = []
        self._callers: dict[str, set[int]] | None = None
        self._spread()

    def _moment(self, context: ExecutionContext) -> _Moment:
        if context.around < 0:
            return _Moment()
        around = self._moments[context.around]
        match context.execution:
            case Execution.SOMETIMES:
                return around.weaker()
            case Execution.NEVER:
                return around.never()
            case Execution.BRANCH:
                taken = self._branches[context.number][0]
                return around.never() if taken is False else around if taken else around.weaker()
            case Execution.TEST:
                return around.never() if self._branches[context.number][1] is False else around
            case Execution.TRY:
                return replace(around, weak=True, attempt=self._attempts[context.number], in_class=False)
            case Execution.HANDLER:
                handles = (*around.handles, self._attempts[context.number])[-_TRIES:]
                return replace(around, weak=True, branch=True, handles=handles, in_class=False)
            case Execution.CLASS:
                return replace(around, owner=context.name, in_class=True)
            case _:
                return _Moment(context.number, dead=around.dead, handles=around.handles, owner=around.owner)

    def firing(self, context: int) -> Firing | None:
        """When code in this context runs; None for never."""
        moment = self._moments[context]
        if moment.dead or any(one.tried and not one.missed for one in moment.handles):
            return None
        base = Firing.LOAD if moment.function < 0 else self._firings[moment.function]
        return Firing.GUARDED if moment.weak and base is Firing.LOAD else base

    def attempt(self, context: int) -> Attempt | None:
        """The innermost `try` whose body holds code in this context."""
        return self._moments[context].attempt

    def is_branch(self, context: int) -> bool:
        """Whether only some runs of the function reach code in this context, for more than a `try`."""
        return self._moments[context].branch

    def is_offered(self, context: int) -> bool:
        """Whether code stands in a public function of the top level that nothing else in the module calls.

        Who calls it from elsewhere needs what it imports, and says so (`library.py`).
        """
        outer = self._outermost(self._moments[context].function)
        name = self._script.functions[outer].name if outer >= 0 else ""
        if not name or self._owners[outer] or name.startswith("_"):
            return False
        if self._callers is None:
            self._callers = {}
            for called, at in self._script.calls:
                callers = self._callers.setdefault(called.rpartition(".")[2], set())
                callers.add(self._outermost(self._moments[at].function))
        return self._callers.get(name, set()) <= {outer}

    def _outermost(self, index: int) -> int:
        """The function of the top level that holds a function; inner ones come after those that hold them."""
        functions = self._script.functions
        while len(self._outer) < len(functions):
            around = self._moments[functions[len(self._outer)].context].function
            self._outer.append(self._outer[around] if around >= 0 else len(self._outer))
        return self._outer[index] if index >= 0 else -1

    def _spread(self) -> None:
        """A function that is called while the module is loaded runs then, and so does what it calls in turn."""
        by_name = self._named()
        called_in: dict[int, list[tuple[str, int]]] = {}
        for name, context in self._script.calls:
            called_in.setdefault(self._moments[context].function, []).append((name, context))
        todo = deque([-1])
        done: dict[str, Firing] = {}
        while todo:
            for name, context in called_in.get(todo.popleft(), ()):
                firing = self.firing(context)
                if firing is None or firing is Firing.DEFERRED:
                    continue
                head, _, method = name.partition(".")
                owner = self._moments[context].owner
                wanted = f"self.{owner}.{method}" if head in ("self", "cls") and owner else name
                if wanted not in by_name or done.get(wanted) in (Firing.LOAD, firing):
                    continue
                done[wanted] = firing
                for index in by_name[wanted]:
                    current = self._firings[index]
                    if current is Firing.DEFERRED or firing is Firing.LOAD is not current:
                        self._firings[index] = firing
                        todo.append(index)

    def _named(self) -> dict[str, list[int]]:
        """Functions by the name that calls them; a class is called by what makes its instances."""
        found: dict[str, list[int]] = {}
        for index, (function, owner) in enumerate(zip(self._script.functions, self._owners, strict=True)):
            if not function.name:
                continue
            if not owner:
                found.setdefault(function.name, []).append(index)
                continue
            found.setdefault(f"self.{owner}.{function.name}", []).append(index)
            if function.name in ("__init__", "__new__", "__post_init__"):
                found.setdefault(owner, []).append(index)
        return found


def _decided(branches: tuple[Branch, ...], known: Known) -> list[tuple[bool | None, bool | None]]:
    """For each branch whether it is taken, and whether the test that follows it is made; None where nobody can tell."""
    found: list[tuple[bool | None, bool | None]] = []
    for branch in branches:
        reached = found[branch.before][1] if branch.before >= 0 else True if branch.before == REACHED else None
        outcome = True if branch.test is None else verdict(branch.test, known)
        taken = False if reached is False or outcome is False else True if reached and outcome else None
        after = False if reached is False or outcome is True else reached if outcome is False else None
        found.append((taken, after))
    return found
