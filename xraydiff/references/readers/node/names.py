"""What the names of a script are bound to, and which functions of which modules its calls therefore call.

Bindings are looked up in the script itself, so that `promisify(child_process.exec)('date')` is understood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xraydiff.limits import DEFAULT, Limits
from xraydiff.references.kit.evaluation import MAX_DEPTH
from xraydiff.references.kit.grammars import text_of
from xraydiff.references.readers.node.literals import unescaped
from xraydiff.references.readers.node.vocabulary import ALIASES

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["Names", "inner", "literal", "module_name", "values_of"]

_VALUES: Final = 16
"""Values kept for one name: a minified bundle binds `e` ten thousand times."""
_WRAPPED: Final = frozenset({"parenthesized_expression", "await_expression", "non_null_expression"})
_UNCHANGED: Final = frozenset({"default", "promises", "posix"})
"""Exports that are the whole module again."""
_CALLS_ON: Final = frozenset({"promisify", "default", "bind", "__importStar", "__importDefault", "__toESM"})
_PLAIN: Final = frozenset({"require.resolve", "import.meta.resolve", "module.require", "process.dlopen", "process.cwd"})
_FACTORIES: Final = frozenset({"module.createRequire", "/createRequire"})


def module_name(specifier: str) -> str:
    """The name by which our tables know a module."""
    name = specifier.removeprefix("node:")
    return ALIASES.get(name, name)


def literal(node: Syntax, data: bytes) -> str | None:
    """The value of a string literal, or of a template without substitutions; None for anything else."""
    if node.type == "string" or (
        node.type == "template_string" and all(child.type != "template_substitution" for child in node.named_children)
    ):
        return unescaped(text_of(node, data)[1:-1])
    return None


def values_of(node: Syntax) -> list[Syntax]:
    """The arguments of a call, comments left out; none for a tagged template."""
    args = node.child_by_field_name("arguments")
    if args is None or args.type != "arguments":
        return []
    return [one for one in args.named_children if one.type != "comment"]


def inner(node: Syntax) -> Syntax:
    """What stands in parentheses, behind `await`, or last in `(0, x)`."""
    for _ in range(MAX_DEPTH):
        if node.type in _WRAPPED:
            found = [child for child in node.named_children if child.type != "comment"]
        elif node.type == "sequence_expression":
            found = node.named_children[-1:]
        else:
            break
        if not found:
            break
        node = found[0]
    return node


class Names:
    """The bindings of one script; its scopes are not distinguished, so a name may have several meanings."""

    def __init__(self, data: bytes, limits: Limits = DEFAULT) -> None:
        self._data = data
        self._steps = limits.evaluated_expressions
        self.values: dict[str, list[Syntax]] = {}
        self.elements: dict[str, list[Syntax]] = {}
        """Of a loop's or callback's variable: the arrays that it goes through."""
        self._destructured: list[tuple[str, str, Syntax]] = []
        self._modules: dict[str, tuple[str, str]] = {}
        """Module and export, the latter empty for the whole module."""

    # --- bindings ----------------------------------------------------------------------------------------------------

    def bind(self, name: str, value: Syntax) -> None:
        """`name = value`."""
        known = self.values.setdefault(name, [])
        if len(known) < _VALUES:
            known.append(value)

    def element(self, name: str, array: Syntax) -> None:
        """`for (name of array)`."""
        known = self.elements.setdefault(name, [])
        if len(known) < _VALUES:
            known.append(array)

    def destructure(self, name: str, key: str, value: Syntax) -> None:
        """`const {key: name} = value`."""
        self._destructured.append((name, key, value))

    def module(self, name: str, module: str, export: str = "") -> None:
        """`import {export as name} from module`; the first one counts."""
        self._modules.setdefault(name, (module, "" if export in _UNCHANGED else export))

    def settle(self) -> None:
        """Find the modules behind names: twice, for a name may be bound to a part of one that is bound below."""
        for _ in range(2):
            for name, values in self.values.items():
                for value in values:
                    found = self._module(value)
                    if found is not None and found != ("module", "createRequire"):
                        self._modules.setdefault(name, found)
            for name, key, value in self._destructured:
                found = self._module(value)
                if found is not None:
                    self.module(name, found[0], _joined(found[1], key))

    def loaders(self) -> list[tuple[str, Syntax]]:
        """Names that are bound to what `createRequire` gives, each with the argument."""
        found = []
        for name, values in self.values.items():
            for value in values:
                if value.type == "call_expression" and self.called(value) in _FACTORIES:
                    found += [(name, one) for one in values_of(value)[:1]]
        return found

    # --- what is called ----------------------------------------------------------------------------------------------

    @property
    def exhausted(self) -> bool:
        """Whether there were more expressions than are looked at."""
        return self._steps <= 0

    def name(self, node: Syntax) -> str:
        """What a call calls, or that an expression is the separator of paths; else an empty string."""
        if node.type in ("call_expression", "new_expression"):
            return self.called(node)
        if node.type == "member_expression" and node.end_byte - node.start_byte < 80:
            return (
                "path.sep"
                if text_of(node, self._data).endswith("sep") and self._module(node) == ("path", "sep")
                else ""
            )
        return ""

    def called(self, node: Syntax) -> str:
        """What a call or `new` calls: `path.join` for the export of a module however it was bound, `express.default`
        for a module itself, `/name` for a free name, `/.name` for a method of anything else, or an empty string.
        """  # noqa: D205  one sentence
        function = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        return self._dotted(inner(function)) if function is not None else ""

    def _dotted(self, node: Syntax) -> str:
        if node.type == "import":
            return "import"
        module = self._module(node)
        if module is not None:
            return f"{module[0]}.{module[1] or 'default'}"
        if node.type == "identifier":
            return f"/{text_of(node, self._data)}"
        if node.type == "member_expression":
            whole = text_of(node, self._data) if node.end_byte - node.start_byte < 40 else ""
            name = node.child_by_field_name("property")
            return whole if whole in _PLAIN else f"/.{text_of(name, self._data)}" if name is not None else ""
        return ""

    def _module(self, node: Syntax, depth: int = 0) -> tuple[str, str] | None:
        """Module and export that an expression refers to, None where it is something else."""
        node = inner(node)
        self._steps -= 1
        if depth > MAX_DEPTH or self._steps <= 0:
            return None
        if node.type == "identifier":
            return self._modules.get(text_of(node, self._data))
        if node.type == "member_expression":
            whole, name = node.child_by_field_name("object"), node.child_by_field_name("property")
            found = self._module(whole, depth + 1) if whole is not None and name is not None else None
            if found is None or name is None:
                return None
            export = text_of(name, self._data)
            return found if export == "__promisify__" else (found[0], _joined(found[1], export))
        return self._module_of_call(node, depth) if node.type == "call_expression" else None

    def _module_of_call(self, node: Syntax, depth: int) -> tuple[str, str] | None:
        function, args = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if function is None or args is None or not args.named_child_count:
            return None
        function = inner(function)
        name = text_of(function, self._data) if function.end_byte - function.start_byte < 80 else ""
        loads = name in ("require", "import", "module.require")
        if not loads and name.rpartition(".")[2] not in _CALLS_ON and "nterop" not in name:
            return None
        self._steps -= args.named_child_count
        first = next(iter(values_of(node)), None)
        if first is None or self._steps <= 0:
            return None
        if not loads:
            # `promisify(exec)`, `__importStar(require("fs"))`, `_interopRequireDefault(...)`.
            return self._module(first, depth + 1)
        specifier = literal(first, self._data)
        return (module_name(specifier), "") if specifier else None


def _joined(export: str, name: str) -> str:
    """The export that a property of an export is; some stand for the same."""
    if name in _UNCHANGED:
        return export
    return f"{export}.{name}" if export else name
