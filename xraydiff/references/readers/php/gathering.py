"""One pass over the tree of a PHP script: what of it may refer to something, and when that is evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from xraydiff.facts import Firing
from xraydiff.limits import Limits
from xraydiff.references.kit.grammars import text_of
from xraydiff.references.kit.plain import Lowering
from xraydiff.references.kit.traversal import Handler, Shapes, Walker
from xraydiff.references.readers.php.literals import EXPRESSIVE, called, may_tell, unquoted
from xraydiff.references.readers.php.names import REFERRING
from xraydiff.references.readers.php.script import ClassUse, PhpScript, PhpUse

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax
    from tree_sitter import Tree

__all__ = ["gather"]

_INCLUDES: Final = frozenset(
    {"include_expression", "include_once_expression", "require_expression", "require_once_expression"}
)
_SHAPES: Final = Shapes(
    functions=frozenset({"function_definition", "method_declaration", "anonymous_function", "arrow_function"}),
    branches={
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
    },
    guarded=frozenset({"case_statement", "default_statement"}),
    operations=frozenset({"binary_expression", "augmented_assignment_expression"}),
    short_circuits=frozenset({"&&", "||", "and", "or", "??", "??="}),
    joints=frozenset({"."}),
    texts=frozenset({"string", "encapsed_string", "heredoc", "nowdoc"}),
    leaves=frozenset({"string", "name", "variable_name", "integer", "comment", "text", "php_tag"}),
)
_INSTANT: Final = frozenset({"array_map", "array_walk", "array_filter", "usort", "call_user_func"})
_VALUES: Final = 16
"""Values kept for one name."""
_SHORT: Final = 1_300
"""Bytes of a literal that may be a class or a path, its escapes included."""


def gather(tree: Tree, data: bytes, limits: Limits, *, is_map: bool) -> tuple[PhpScript, bool, bool]:
    """What a script says; whether some of it lay too deep, and whether it was too much.

    Of a map of the autoloader only what it includes counts.
    """
    gatherer = _Gatherer(data, limits)
    too_deep = gatherer.walk(tree.root_node, Firing.LOAD)
    script, too_much = gatherer.script(limits.script_expressions, is_map=is_map)
    return script, too_deep, too_much


class _Gatherer(Walker):
    shapes = _SHAPES

    def __init__(self, data: bytes, limits: Limits) -> None:
        super().__init__(data, limits)
        self._namespace = ""
        self._aliases: dict[str, str] = {}
        self._values: dict[str, list[Syntax]] = {}
        self._elements: dict[str, list[Syntax]] = {}
        self._includes: list[tuple[Syntax, Firing]] = []
        self._classes: list[ClassUse] = []
        self._commands: list[tuple[Syntax, Firing]] = []
        self._calls: list[tuple[Syntax, Firing]] = []
        self._texts: list[tuple[Syntax, Firing]] = []

    def _handled(self) -> Mapping[str, Handler]:
        return {
            "namespace_definition": self._define_namespace,
            "namespace_use_declaration": self._use,
            "base_clause": self._bases,
            "class_interface_clause": self._bases,
            "use_declaration": self._bases,
            "object_creation_expression": self._new,
            "scoped_call_expression": self._scoped,
            "class_constant_access_expression": self._scoped,
            "scoped_property_access_expression": self._scoped,
            "named_type": self._type,
            "function_call_expression": self._call,
            "member_call_expression": self._call,
            "shell_command_expression": self._command,
            "assignment_expression": self._assign,
            "property_element": self._property,
            "const_element": self._constant,
            "foreach_statement": self._foreach,
            "string": self._string,
            "encapsed_string": self._string,
            "binary_expression": self._concatenation,
            **dict.fromkeys(sorted(_INCLUDES), self._include),
        }

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
                self._classes.append(ClassUse(name, firing, _line(node)))

    def _define_namespace(self, node: Syntax, _firing: Firing) -> None:
        name = node.child_by_field_name("name")
        self._namespace = self._text(name) if name is not None else ""
        self._aliases = {}

    def _use(self, node: Syntax, _firing: Firing) -> None:
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
            self._classes.append(ClassUse(full, Firing.NAMED, _line(name)))

    def _bases(self, node: Syntax, firing: Firing) -> None:
        for name in node.named_children:
            self._class(name, firing)

    def _new(self, node: Syntax, firing: Firing) -> None:
        if node.named_children:
            self._class(node.named_children[0], firing)
        self._calls.append((node, firing))

    def _scoped(self, node: Syntax, firing: Firing) -> None:
        scope = node.child_by_field_name("scope") or (node.named_children[0] if node.named_children else None)
        if scope is not None:
            short = node.end_byte - node.start_byte < 300 and node.type == "class_constant_access_expression"
            is_name = short and self._text(node).endswith("::class")
            self._class(scope, Firing.NAMED if is_name else firing)
        if node.type == "scoped_call_expression":
            self._calls.append((node, firing))

    def _type(self, node: Syntax, _firing: Firing) -> None:
        """A type is never loaded by itself; containers that wire by type make what they find."""
        for name in node.named_children:
            self._class(name, Firing.NAMED)

    # --- everything else ---------------------------------------------------------------------------------------------

    def _include(self, node: Syntax, firing: Firing) -> None:
        if node.named_child_count:
            self._includes.append((node, firing))

    def _call(self, node: Syntax, firing: Firing) -> None:
        self._calls.append((node, firing))
        function, given = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if function is None:
            return
        if function.type == "parenthesized_expression" and function.named_children:
            self._now.update(one.id for one in function.named_children if one.type in self.shapes.functions)
        name = text_of(function, self._data, most=200).lstrip("\\")
        if name in _INSTANT and given is not None:
            for argument in given.named_children[:2]:
                self._now.update(one.id for one in argument.named_children if one.type in self.shapes.functions)
        if name == "define" and given is not None and len(given.named_children) > 1:
            first, second = given.named_children[:2]
            if second.named_children:
                self._bind(self._text(first).strip("\"'"), second.named_children[0])

    def _command(self, node: Syntax, firing: Firing) -> None:
        self._commands.append((node, firing))

    def _bind(self, name: str, value: Syntax) -> None:
        held = self._values.setdefault(name, [])
        if len(held) < _VALUES:
            held.append(value)

    def _assign(self, node: Syntax, _firing: Firing) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return
        if left.type == "variable_name":
            self._bind(self._text(left), right)
        elif left.type == "member_access_expression":
            name = left.child_by_field_name("name")
            if name is not None:
                self._bind(f"->{self._text(name)}", right)

    def _property(self, node: Syntax, _firing: Firing) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("default_value")
        if name is not None and value is not None:
            self._bind(f"->{self._text(name).lstrip('$')}", value)

    def _constant(self, node: Syntax, _firing: Firing) -> None:
        if len(node.named_children) > 1:
            self._bind(self._text(node.named_children[0]), node.named_children[-1])

    def _foreach(self, node: Syntax, _firing: Firing) -> None:
        parts = [one for one in node.named_children if one.type != "comment"]
        if len(parts) > 1:
            name = parts[1].named_children[-1] if parts[1].type == "pair" and parts[1].named_children else parts[1]
            if name.type == "variable_name":
                held = self._elements.setdefault(self._text(name), [])
                if len(held) < _VALUES:
                    held.append(parts[0])

    def _string(self, node: Syntax, firing: Firing) -> None:
        if self._in_text:
            return
        short = node.end_byte - node.start_byte <= _SHORT
        if node.type != "string" or (short and may_tell(unquoted(self._text(node)))):
            self._texts.append((node, firing))

    def _concatenation(self, node: Syntax, firing: Firing) -> None:
        operator = node.child_by_field_name("operator")
        if operator is not None and operator.type == "." and not self._in_text:
            self._texts.append((node, firing))

    # --- what is kept ------------------------------------------------------------------------------------------------

    def script(self, most: int, *, is_map: bool) -> tuple[PhpScript, bool]:
        """What was gathered, as plain data of so many expressions; whether there were more."""
        lowering = Lowering(self._data, EXPRESSIVE, lambda node: called(node, self._data), most=most)
        includes = tuple(PhpUse(lowering.of(_included(node)), firing, _line(node)) for node, firing in self._includes)
        calls = [(node, firing) for node, firing in self._calls if called(node, self._data) in REFERRING]
        found = () if is_map else (self._commands, calls, self._texts)
        kept = [_lowered(uses, lowering) for uses in found] or [(), (), ()]
        values, elements = self._bound(lowering)
        script = PhpScript(
            table=lowering.table(),
            includes=includes,
            classes=() if is_map else tuple(self._classes),
            commands=kept[0],
            calls=kept[1],
            texts=kept[2],
            values=values,
            elements=elements,
        )
        return script, lowering.full

    def _bound(self, lowering: Lowering) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
        """What the names in expressions are bound to, and those in what they are bound to."""
        values: dict[str, tuple[int, ...]] = {}
        elements: dict[str, tuple[int, ...]] = {}
        known: set[str] = set()
        start = 0
        while rows := lowering.since(start):
            start += len(rows)
            names = dict.fromkeys(name for row in rows if row.kind in _NAMES for name in _names(row.text))
            for name in names:
                if name in known:
                    continue
                known.add(name)
                for nodes, table in ((self._values, values), (self._elements, elements)):
                    if name in nodes:
                        table[name] = tuple([lowering.of(node) for node in nodes[name]])
        return values, elements


_NAMES: Final = frozenset({"name", "qualified_name", "variable_name"})


def _names(text: str) -> tuple[str, ...]:
    """Under which names what such a name means may be bound: a variable or constant, or a property."""
    return text.lstrip("\\"), f"->{text.removeprefix('$')}"


def _included(node: Syntax) -> Syntax:
    """What an include includes."""
    argument = node.named_children[-1]
    while argument.type == "parenthesized_expression" and argument.named_children:
        argument = argument.named_children[0]
    return argument


def _lowered(uses: Iterable[tuple[Syntax, Firing]], lowering: Lowering) -> tuple[PhpUse, ...]:
    return tuple(PhpUse(lowering.of(node), firing, _line(node)) for node, firing in uses)


def _line(node: Syntax) -> int:
    return node.start_point[0] + 1
