"""One pass over a PHP script: what it includes, calls and names, when that happens, and what its names are bound to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from xraydiff.facts import Firing
from xraydiff.references.kit.grammars import text_of, walk
from xraydiff.references.kit.recorder import weakened

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax
    from tree_sitter import Tree, TreeCursor

__all__ = ["INCLUDES", "ClassUse", "Script", "Use", "gather"]

INCLUDES: Final = frozenset(
    {"include_expression", "include_once_expression", "require_expression", "require_once_expression"}
)
_FUNCTIONS: Final = frozenset({"function_definition", "method_declaration", "anonymous_function", "arrow_function"})
_BRANCHES: Final = {
    "if_statement": frozenset({"body", "alternative"}),
    "conditional_expression": frozenset({"body", "alternative"}),
    "try_statement": frozenset({"body"}),
    "catch_clause": frozenset({"body"}),
    "for_statement": frozenset({"body"}),
    "foreach_statement": frozenset({"body"}),
    "while_statement": frozenset({"body"}),
    "match_conditional_expression": frozenset({"return_expression"}),
    "match_default_expression": frozenset({"return_expression"}),
    "binary_expression": frozenset({"right"}),
    "augmented_assignment_expression": frozenset({"right"}),
}
"""Nodes of which some runs leave out a part, and the fields that hold it."""
_GUARDED: Final = frozenset({"case_statement", "default_statement"})
_SHORT: Final = frozenset({"&&", "||", "and", "or", "??", "??="})
_TEXTS: Final = frozenset({"string", "encapsed_string", "heredoc", "nowdoc"})
_INSTANT: Final = frozenset({"array_map", "array_walk", "array_filter", "usort", "call_user_func"})
_BINDINGS: Final = 16
"""Values kept for one name."""
_LEAVES: Final = frozenset(
    {"name", "variable_name", "integer", "comment", "text", "php_tag", *"()[]{};,.=:?$", "->", "=>", "::"}
)
"""The commonest nodes, which have nothing below them that asks for anything."""


@dataclass(frozen=True, slots=True)
class Use:
    """An expression that may ask for something, and when it is evaluated."""

    node: Syntax
    firing: Firing


@dataclass(frozen=True, slots=True)
class ClassUse:
    """A class that is needed: the node of its name as written, and its full name."""

    node: Syntax
    name: str
    firing: Firing


@dataclass(slots=True)
class Script:
    """What one pass found, in the order of the text."""

    values: dict[str, list[Syntax]] = field(default_factory=dict)
    """Of `$name`, `NAME`, `->name`: what is assigned."""
    elements: dict[str, list[Syntax]] = field(default_factory=dict)
    """Of `foreach (x as $name)`: what is gone through."""
    includes: list[Use] = field(default_factory=list)
    calls: list[Use] = field(default_factory=list)
    classes: list[ClassUse] = field(default_factory=list)
    commands: list[Use] = field(default_factory=list)
    """Backticks."""
    texts: list[Use] = field(default_factory=list)
    """Strings, and the outermost of concatenations."""
    too_deep: bool = False


@dataclass(frozen=True, slots=True)
class _State:
    firing: Firing
    fields: frozenset[str] | None = None
    in_text: bool = False


def gather(tree: Tree, data: bytes, *, levels: int) -> Script:
    """Walk a script."""
    gatherer = _Gatherer(data)
    walked = walk(tree, _State(Firing.LOAD), gatherer.enter, levels=levels)
    gatherer.script.too_deep = walked.too_deep
    return gatherer.script


class _Gatherer:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.script = Script()
        self._namespace = ""
        self._aliases: dict[str, str] = {}
        self._now: set[int] = set()
        """Functions that are called where they stand, for certain or perhaps."""

    def enter(self, cursor: TreeCursor, above: _State) -> _State | None:
        node = cursor.node
        if node is None:
            return None
        kind = node.type
        if kind in _LEAVES:
            return None
        firing = above.firing
        if above.fields is not None and cursor.field_name in above.fields:
            firing = weakened(firing)
        if kind in _FUNCTIONS:
            return _State(firing if node.id in self._now else Firing.DEFERRED)
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, node, firing, above)
        if kind in _GUARDED:
            return _State(weakened(firing))
        if kind in _BRANCHES:
            return self._branch(node, kind, firing, above)
        in_text = above.in_text or kind in _TEXTS
        if firing is above.firing and in_text is above.in_text and above.fields is None:
            return above
        return _State(firing, in_text=in_text)

    def _branch(self, node: Syntax, kind: str, firing: Firing, above: _State) -> _State:
        fields: frozenset[str] | None = _BRANCHES[kind]
        in_text = False
        if kind in ("binary_expression", "augmented_assignment_expression"):
            operator = node.child_by_field_name("operator")
            sign = operator.type if operator is not None else ""
            fields = fields if sign in _SHORT else None
            in_text = sign == "."
        return _State(firing, fields, above.in_text or in_text)

    def _text(self, node: Syntax) -> str:
        return text_of(node, self._data)

    # --- names -------------------------------------------------------------------------------------------------------

    def _full(self, name: str) -> str:
        """Name resolution (php.net/language.namespaces.rules)."""
        if name.startswith("\\"):
            return name[1:]
        first, slash, rest = name.partition("\\")
        if first.lower() == "namespace" and slash:
            return f"{self._namespace}\\{rest}".lstrip("\\")
        alias = self._aliases.get(first.lower())
        if alias is not None:
            return alias + slash + rest
        return f"{self._namespace}\\{name}".lstrip("\\")

    def _class(self, node: Syntax, firing: Firing) -> None:
        if node.type in ("name", "qualified_name", "relative_name"):
            name = self._full(self._text(node))
            if name.lower() not in ("self", "static", "parent"):
                self.script.classes.append(ClassUse(node, name, firing))

    def _define_namespace(self, node: Syntax, _firing: Firing, _above: _State) -> None:
        name = node.child_by_field_name("name")
        self._namespace = self._text(name) if name is not None else ""
        self._aliases = {}

    def _use(self, node: Syntax, _firing: Firing, _above: _State) -> None:
        children = node.named_children
        if any(child.type in ("function", "const") for child in node.children[:2]):
            return
        prefix = next((self._text(one).strip("\\") + "\\" for one in children if one.type == "namespace_name"), "")
        clauses = [one for one in children if one.type == "namespace_use_clause"]
        for group in children:
            if group.type == "namespace_use_group":
                clauses += [one for one in group.named_children if one.type == "namespace_use_clause"]
        for clause in clauses:
            name = next((one for one in clause.named_children if one.type in ("name", "qualified_name")), None)
            if name is None:
                continue
            full = prefix + self._text(name).lstrip("\\")
            alias = clause.child_by_field_name("alias")
            short = self._text(alias) if alias is not None else full.rpartition("\\")[2]
            self._aliases[short.lower()] = full
            self.script.classes.append(ClassUse(name, full, Firing.NAMED))

    def _bases(self, node: Syntax, firing: Firing, _above: _State) -> None:
        for name in node.named_children:
            self._class(name, firing)

    def _new(self, node: Syntax, firing: Firing, _above: _State) -> None:
        if node.named_children:
            self._class(node.named_children[0], firing)
        self.script.calls.append(Use(node, firing))

    def _scoped(self, node: Syntax, firing: Firing, _above: _State) -> None:
        scope = node.child_by_field_name("scope") or (node.named_children[0] if node.named_children else None)
        if scope is not None:
            short = node.end_byte - node.start_byte < 300 and node.type == "class_constant_access_expression"
            is_name = short and self._text(node).endswith("::class")
            self._class(scope, Firing.NAMED if is_name else firing)
        if node.type == "scoped_call_expression":
            self.script.calls.append(Use(node, firing))

    def _type(self, node: Syntax, _firing: Firing, _above: _State) -> None:
        """A type is never loaded by itself; containers that wire by type make what they find."""
        for name in node.named_children:
            self._class(name, Firing.NAMED)

    # --- everything else ---------------------------------------------------------------------------------------------

    def _include(self, node: Syntax, firing: Firing, _above: _State) -> None:
        self.script.includes.append(Use(node, firing))

    def _call(self, node: Syntax, firing: Firing, _above: _State) -> None:
        self.script.calls.append(Use(node, firing))
        function, given = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if function is None:
            return
        if function.type == "parenthesized_expression" and function.named_children:
            self._now.update(one.id for one in function.named_children if one.type in _FUNCTIONS)
        name = text_of(function, self._data, most=200).lstrip("\\")
        if name in _INSTANT and given is not None:
            for argument in given.named_children[:2]:
                self._now.update(one.id for one in argument.named_children if one.type in _FUNCTIONS)
        if name == "define" and given is not None and len(given.named_children) > 1:
            first, second = given.named_children[:2]
            if second.named_children:
                self._bind(self._text(first).strip("\"'"), second.named_children[0])

    def _command(self, node: Syntax, firing: Firing, _above: _State) -> None:
        self.script.commands.append(Use(node, firing))

    def _bind(self, name: str, value: Syntax) -> None:
        held = self.script.values.setdefault(name, [])
        if len(held) < _BINDINGS:
            held.append(value)

    def _assign(self, node: Syntax, _firing: Firing, _above: _State) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return
        if left.type == "variable_name":
            self._bind(self._text(left), right)
        elif left.type == "member_access_expression":
            name = left.child_by_field_name("name")
            if name is not None:
                self._bind(f"->{self._text(name)}", right)

    def _property(self, node: Syntax, _firing: Firing, _above: _State) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("default_value")
        if name is not None and value is not None:
            self._bind(f"->{self._text(name).lstrip('$')}", value)

    def _constant(self, node: Syntax, _firing: Firing, _above: _State) -> None:
        if len(node.named_children) > 1:
            self._bind(self._text(node.named_children[0]), node.named_children[-1])

    def _foreach(self, node: Syntax, _firing: Firing, _above: _State) -> None:
        parts = [one for one in node.named_children if one.type != "comment"]
        if len(parts) > 1:
            name = parts[1].named_children[-1] if parts[1].type == "pair" and parts[1].named_children else parts[1]
            if name.type == "variable_name":
                held = self.script.elements.setdefault(self._text(name), [])
                if len(held) < _BINDINGS:
                    held.append(parts[0])

    def _string(self, node: Syntax, firing: Firing, above: _State) -> None:
        if not above.in_text:
            self.script.texts.append(Use(node, firing))

    def _concatenation(self, node: Syntax, firing: Firing, above: _State) -> None:
        operator = node.child_by_field_name("operator")
        if operator is not None and operator.type == "." and not above.in_text:
            self.script.texts.append(Use(node, firing))

    HANDLERS: Final = {
        "namespace_definition": _define_namespace,
        "namespace_use_declaration": _use,
        "base_clause": _bases,
        "class_interface_clause": _bases,
        "use_declaration": _bases,
        "object_creation_expression": _new,
        "scoped_call_expression": _scoped,
        "class_constant_access_expression": _scoped,
        "scoped_property_access_expression": _scoped,
        "named_type": _type,
        "function_call_expression": _call,
        "member_call_expression": _call,
        "shell_command_expression": _command,
        "assignment_expression": _assign,
        "property_element": _property,
        "const_element": _constant,
        "foreach_statement": _foreach,
        "string": _string,
        "encapsed_string": _string,
        "binary_expression": _concatenation,
        **dict.fromkeys(sorted(INCLUDES), _include),
    }
    """What is done with a node of a kind, given when it is evaluated and the state of its parent."""


_HANDLERS = _Gatherer.HANDLERS
