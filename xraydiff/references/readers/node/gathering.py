"""One pass over the tree of a script: what of it may refer to something, and when that is evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from xraydiff.facts import Firing
from xraydiff.limits import Limits
from xraydiff.references.kit.grammars import text_of
from xraydiff.references.kit.plain import Lowering
from xraydiff.references.kit.traversal import Handler, Parts, Shapes, Walker
from xraydiff.references.readers.node.literals import EXPRESSIVE, may_be_path
from xraydiff.references.readers.node.names import Names, literal, module_name, values_of
from xraydiff.references.readers.node.script import Import, NodeScript, NodeUse
from xraydiff.references.readers.node.vocabulary import ARRAY_CALLBACKS, NAMING_KEYS, REFERRING, SETTINGS

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax
    from tree_sitter import Tree

__all__ = ["gather"]

_BRANCHES: Final = {
    "if_statement": frozenset({"consequence", "alternative"}),
    "ternary_expression": frozenset({"consequence", "alternative"}),
    "try_statement": frozenset({"body", "handler"}),
    "for_statement": frozenset({"body"}),
    "for_in_statement": frozenset({"body"}),
    "while_statement": frozenset({"body"}),
    "switch_case": frozenset({"body"}),
    "switch_default": frozenset({"body"}),
    "binary_expression": frozenset({"right"}),
    "augmented_assignment_expression": frozenset({"right"}),
}
_SHAPES: Final = Shapes(
    functions=frozenset(
        {
            "function_declaration",
            "function_expression",
            "arrow_function",
            "generator_function",
            "generator_function_declaration",
            "method_definition",
        }
    ),
    branches=_BRANCHES,
    operations=frozenset({"binary_expression", "augmented_assignment_expression"}),
    short_circuits=frozenset({"&&", "||", "??", "&&=", "||=", "??="}),
    joints=frozenset({"+"}),
    texts=frozenset({"template_string"}),
    ends_text=frozenset({"field_definition", *_BRANCHES} - {"binary_expression"}),
    leaves=frozenset({"string", "identifier", "property_identifier", "number", "comment"}),
)
_SHORT: Final = 1_000
"""Bytes of a literal that may be a path, its escapes included."""


def gather(tree: Tree, data: bytes, limits: Limits) -> tuple[NodeScript, bool, bool]:
    """What a script says; whether some of it lay too deep, and whether it was too much."""
    gatherer = _Gatherer(data, limits)
    too_deep = gatherer.walk(tree.root_node, Firing.LOAD)
    script, too_much = gatherer.script(limits.script_expressions)
    return script, too_deep, too_much


class _Gatherer(Walker):
    shapes = _SHAPES

    def __init__(self, data: bytes, limits: Limits) -> None:
        super().__init__(data, limits)
        self._names = Names(data)
        self._imports: list[Import] = []
        self._sources: set[int] = set()
        """The literals of imports, which are no texts."""
        self._calls: list[tuple[Syntax, Firing]] = []
        self._options: list[tuple[Syntax, Firing]] = []
        self._texts: list[tuple[Syntax, Firing]] = []

    def _handled(self) -> Mapping[str, Handler]:
        return {
            "import_statement": self._import,
            "export_statement": self._import,
            "call_expression": self._call,
            "new_expression": self._call,
            "variable_declarator": self._declare,
            "assignment_expression": self._declare,
            "for_in_statement": self._for,
            "string": self._text,
            "template_string": self._text,
            "binary_expression": self._concatenation,
            "pair": self._pair,
            "field_definition": self._field,
        }

    def _text_of(self, node: Syntax) -> str:
        return text_of(node, self._data)

    # --- handlers ----------------------------------------------------------------------------------------------------

    def _import(self, node: Syntax, firing: Firing) -> None:
        source = node.child_by_field_name("source")
        if source is None or _only_types(node):
            return
        specifier = literal(source, self._data)
        if specifier is None:
            return
        self._imports.append(Import(specifier, firing, _line(source)))
        self._sources.add(source.id)
        if specifier and node.type == "import_statement":
            for clause in node.named_children:
                if clause.type == "import_clause":
                    self._bind_clause(clause, module_name(specifier))

    def _bind_clause(self, clause: Syntax, module: str) -> None:
        for one in clause.named_children:
            if one.type == "identifier":
                self._names.module(self._text_of(one), module)
            elif one.type == "namespace_import" and one.named_children:
                self._names.module(self._text_of(one.named_children[0]), module)
            elif one.type == "named_imports":
                for item in one.named_children:
                    name = item.child_by_field_name("name")
                    alias = item.child_by_field_name("alias") or name
                    if name is not None and alias is not None:
                        self._names.module(self._text_of(alias), module, self._text_of(name))

    def _call(self, node: Syntax, firing: Firing) -> None:
        self._calls.append((node, firing))
        function = node.child_by_field_name("function")
        if function is None:
            constructor = node.child_by_field_name("constructor")
            if constructor is not None and text_of(constructor, self._data, most=16) == "Promise":
                self._callbacks.update(one.id for one in values_of(node)[:1])
            return
        called = _unwrapped(function)
        if called.type == "member_expression":
            name, whole = called.child_by_field_name("property"), called.child_by_field_name("object")
            method = self._text_of(name) if name is not None else ""
            if method in ("call", "apply") and whole is not None and self._is_function(_unwrapped(whole)):
                called = _unwrapped(whole)
            elif method in ARRAY_CALLBACKS and whole is not None:
                self._loops(node, whole)
        if self._is_function(called):
            self._now.add(called.id)
            # `(function (factory) { factory() })(function () { ... })`
            self._callbacks.update(one.id for one in values_of(node) if self._is_function(one))

    def _is_function(self, node: Syntax) -> bool:
        return node.type in self.shapes.functions

    def _loops(self, node: Syntax, array: Syntax) -> None:
        """`array.forEach(name => ...)`."""
        for callback in values_of(node)[:1]:
            if self._is_function(callback):
                self._callbacks.add(callback.id)
                names = callback.child_by_field_name("parameter") or callback.child_by_field_name("parameters")
                first = names if names is None or names.type == "identifier" else next(iter(names.named_children), None)
                if first is not None and first.type == "identifier":
                    self._names.element(self._text_of(first), array)

    def _declare(self, node: Syntax, _firing: Firing) -> None:
        name = node.child_by_field_name("name") or node.child_by_field_name("left")
        value = node.child_by_field_name("value") or node.child_by_field_name("right")
        if name is None or value is None:
            return
        if name.type == "identifier":
            self._names.bind(self._text_of(name), value)
        elif name.type == "object_pattern":
            for item in name.named_children:
                key = item.child_by_field_name("key") or (item if item.type != "pair_pattern" else None)
                local = item.child_by_field_name("value") or item
                if key is not None and local.type in ("identifier", "shorthand_property_identifier_pattern"):
                    self._names.destructure(self._text_of(local), self._text_of(key), value)

    def _for(self, node: Syntax, _firing: Firing) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None and left.type == "identifier":
            self._names.element(self._text_of(left), right)

    def _text(self, node: Syntax, firing: Firing) -> None:
        if self._in_text or node.id in self._sources:
            return
        short = node.end_byte - node.start_byte <= _SHORT
        value = literal(node, self._data) if short or node.type == "template_string" else ""
        if value is None or may_be_path(value):
            self._texts.append((node, firing))

    def _concatenation(self, node: Syntax, firing: Firing) -> None:
        operator = node.child_by_field_name("operator")
        if operator is not None and operator.type == "+" and not self._in_text:
            self._texts.append((node, firing))

    def _pair(self, node: Syntax, firing: Firing) -> None:
        key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
        if key is not None and value is not None and self._text_of(key) in NAMING_KEYS:
            self._options.append((value, firing))

    def _field(self, node: Syntax, firing: Firing) -> Parts | None:
        """What a field of objects is given is evaluated when they are made."""
        if any(child.type == "static" for child in node.children[:8]):
            return None
        value = node.child_by_field_name("value")
        return [(child, Firing.DEFERRED if child == value else firing) for child in node.named_children]

    # --- what is kept ------------------------------------------------------------------------------------------------

    def script(self, most: int) -> tuple[NodeScript, bool]:
        """What was gathered, as plain data of so many expressions; whether there were more."""
        names = self._names
        names.settle()
        lowering = Lowering(self._data, EXPRESSIVE, names.name, most=most)
        loaders = tuple((name, lowering.of(node)) for name, node in names.loaders())
        wanted = REFERRING | {f"/{name}" for name, _ in loaders}
        calls = [(node, firing) for node, firing in self._calls if self._refers(node, wanted)]
        kept = [_lowered(uses, lowering) for uses in (calls, self._options, self._texts)]
        values, elements = _bound(names, lowering)
        script = NodeScript(
            table=lowering.table(),
            imports=tuple(self._imports),
            calls=kept[0],
            options=kept[1],
            texts=kept[2],
            values=values,
            elements=elements,
            loaders=loaders,
        )
        return script, lowering.full or names.exhausted

    def _refers(self, node: Syntax, wanted: frozenset[str]) -> bool:
        """Whether a call may refer to something."""
        name = self._names.called(node)
        given = values_of(node) if name in wanted else []
        if name == "/.set":
            return len(given) > 1 and literal(given[0], self._data) in SETTINGS
        return bool(given)


def _lowered(uses: Iterable[tuple[Syntax, Firing]], lowering: Lowering) -> tuple[NodeUse, ...]:
    return tuple(NodeUse(lowering.of(node), firing, _line(node)) for node, firing in uses)


def _bound(names: Names, lowering: Lowering) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """What the names in expressions are bound to, and those in what they are bound to."""
    bound: tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]] = ({}, {})
    known: set[str] = set()
    start = 0
    while rows := lowering.since(start):
        start += len(rows)
        for row in rows:
            if row.kind != "identifier" or row.text in known:
                continue
            known.add(row.text)
            for nodes, table in zip((names.values, names.elements), bound, strict=True):
                if row.text in nodes:
                    table[row.text] = tuple([lowering.of(node) for node in nodes[row.text]])
    return bound


def _line(node: Syntax) -> int:
    return node.start_point[0] + 1


def _only_types(node: Syntax) -> bool:
    """`import type` of TypeScript, which no run follows; the grammar takes it for an error."""
    return any(child.type in ("type", "ERROR") and child.start_byte < child.end_byte for child in node.children[1:2])


def _unwrapped(node: Syntax) -> Syntax:
    for _ in range(8):
        if node.type != "parenthesized_expression" or not node.named_children:
            break
        node = node.named_children[0]
    return node
