"""One pass over a script: what it calls and names, when that happens, and what its names are bound to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from xraydiff.facts import Firing
from xraydiff.references.kit.grammars import text_of, walk
from xraydiff.references.kit.recorder import weakened
from xraydiff.references.readers.node.values import Bindings, arguments, module_name, string
from xraydiff.references.readers.node.vocabulary import ARRAY_CALLBACKS, NAMING_KEYS

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax
    from tree_sitter import Tree, TreeCursor

__all__ = ["Script", "Use", "gather"]

_FUNCTIONS: Final = frozenset(
    {
        "function_declaration",
        "function_expression",
        "arrow_function",
        "generator_function",
        "generator_function_declaration",
        "method_definition",
    }
)
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
    "field_definition": frozenset({"value"}),
}
"""Nodes of which some runs leave out a part, and the fields that hold it."""
_SHORT: Final = frozenset({"&&", "||", "??", "&&=", "||=", "??="})
_LEAVES: Final = frozenset(
    {"identifier", "property_identifier", "number", "comment", *"()[]{};,.=:?+", "=>", "return", "const"}
)
"""The commonest nodes, which have nothing below them."""
_PATHS: Final = frozenset({"binary_expression", "template_string"})


@dataclass(frozen=True, slots=True)
class Use:
    """An expression that may ask for something, and when it is evaluated."""

    node: Syntax
    firing: Firing


@dataclass(slots=True)
class Script:
    """What one pass found, in the order of the text."""

    bindings: Bindings = field(default_factory=Bindings)
    imports: list[Use] = field(default_factory=list)
    """Sources of `import` and `export ... from`: their string nodes."""
    calls: list[Use] = field(default_factory=list)
    """Calls and `new`."""
    texts: list[Use] = field(default_factory=list)
    """String literals, and the outermost of concatenations and templates."""
    options: list[Use] = field(default_factory=list)
    """Values of keys that name folders."""
    destructured: list[tuple[str, str, Syntax]] = field(default_factory=list)
    """Of `const {exec: run} = x`: the name, the key and what it is taken from."""
    too_deep: bool = False


@dataclass(frozen=True, slots=True)
class _State:
    """When a node's children are evaluated; `fields` are those of them that only some runs reach."""

    firing: Firing
    fields: frozenset[str] | None = None
    deferred: bool = False
    """Whether `fields` are evaluated later and not only sometimes."""
    in_text: bool = False
    """Whether the node is part of a concatenation that is looked at as a whole."""


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
        self._now: set[int] = set()
        """Functions that are called where they stand."""
        self._callbacks: set[int] = set()
        """Functions that are called before the call that they are given to returns, perhaps."""

    def enter(self, cursor: TreeCursor, above: _State) -> _State | None:
        node = cursor.node
        if node is None:
            return None
        kind = node.type
        if kind in _LEAVES:
            return None
        firing = above.firing
        if above.fields is not None and cursor.field_name in above.fields:
            firing = Firing.DEFERRED if above.deferred else weakened(firing)
        if kind in _FUNCTIONS:
            return self._function(node, firing)
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, node, firing, above)
        if kind in _BRANCHES:
            return self._branch(node, kind, firing, in_text=above.in_text and kind in _PATHS)
        if kind == "string":
            return None
        in_text = above.in_text or kind == "template_string"
        if firing is above.firing and in_text is above.in_text and above.fields is None:
            return above
        return _State(firing, in_text=in_text)

    def _branch(self, node: Syntax, kind: str, firing: Firing, *, in_text: bool) -> _State:
        fields: frozenset[str] | None = _BRANCHES[kind]
        deferred = kind == "field_definition"
        if kind in ("binary_expression", "augmented_assignment_expression"):
            operator = node.child_by_field_name("operator")
            sign = operator.type if operator is not None else ""
            fields = fields if sign in _SHORT else None
            in_text = in_text or sign == "+"
        elif deferred and any(child.type == "static" for child in node.children[:8]):
            fields = None
        return _State(firing, fields, deferred, in_text)

    def _function(self, node: Syntax, firing: Firing) -> _State:
        if node.id in self._now:
            return _State(firing)
        if node.id in self._callbacks:
            return _State(weakened(firing))
        return _State(Firing.DEFERRED)

    # --- handlers ----------------------------------------------------------------------------------------------------

    def _import(self, node: Syntax, firing: Firing, _above: _State) -> None:
        source = node.child_by_field_name("source")
        if source is None or _only_types(node):
            return
        self.script.imports.append(Use(source, firing))
        specifier = string(source, self._data)
        if specifier and node.type == "import_statement":
            for clause in node.named_children:
                if clause.type == "import_clause":
                    self._bind_clause(clause, module_name(specifier))

    def _bind_clause(self, clause: Syntax, module: str) -> None:
        for one in clause.named_children:
            if one.type == "identifier":
                self.script.bindings.module(text_of(one, self._data), module)
            elif one.type == "namespace_import" and one.named_children:
                self.script.bindings.module(text_of(one.named_children[0], self._data), module)
            elif one.type == "named_imports":
                for item in one.named_children:
                    name = item.child_by_field_name("name")
                    alias = item.child_by_field_name("alias") or name
                    if name is not None and alias is not None:
                        export = text_of(name, self._data)
                        export = "" if export in ("default", "promises", "posix") else export
                        self.script.bindings.module(text_of(alias, self._data), module, export)

    def _call(self, node: Syntax, firing: Firing, _above: _State) -> None:
        self.script.calls.append(Use(node, firing))
        function = node.child_by_field_name("function")
        if function is None:
            constructor = node.child_by_field_name("constructor")
            if constructor is not None and text_of(constructor, self._data, most=16) == "Promise":
                self._callbacks.update(one.id for one in arguments(node)[:1])
            return
        called = _unwrapped(function)
        if called.type == "member_expression":
            name, held = called.child_by_field_name("property"), called.child_by_field_name("object")
            method = text_of(name, self._data) if name is not None else ""
            if method in ("call", "apply") and held is not None and _unwrapped(held).type in _FUNCTIONS:
                called = _unwrapped(held)
            elif method in ARRAY_CALLBACKS and held is not None:
                self._loops(node, held)
        if called.type in _FUNCTIONS:
            self._now.add(called.id)
            # `(function (factory) { factory() })(function () { ... })`
            self._callbacks.update(one.id for one in arguments(node) if one.type in _FUNCTIONS)

    def _loops(self, node: Syntax, array: Syntax) -> None:
        """`array.forEach(name => ...)`."""
        for callback in arguments(node)[:1]:
            if callback.type in _FUNCTIONS:
                self._callbacks.add(callback.id)
                names = callback.child_by_field_name("parameter") or callback.child_by_field_name("parameters")
                first = names if names is None or names.type == "identifier" else next(iter(names.named_children), None)
                if first is not None and first.type == "identifier":
                    self.script.bindings.element(text_of(first, self._data), array)

    def _declare(self, node: Syntax, _firing: Firing, _above: _State) -> None:
        name = node.child_by_field_name("name") or node.child_by_field_name("left")
        value = node.child_by_field_name("value") or node.child_by_field_name("right")
        if name is None or value is None:
            return
        if name.type == "identifier":
            self.script.bindings.bind(text_of(name, self._data), value)
        elif name.type == "object_pattern":
            for item in name.named_children:
                key = item.child_by_field_name("key") or (item if item.type != "pair_pattern" else None)
                local = item.child_by_field_name("value") or item
                if key is not None and local.type in ("identifier", "shorthand_property_identifier_pattern"):
                    self.script.destructured.append((text_of(local, self._data), text_of(key, self._data), value))

    def _for(self, node: Syntax, _firing: Firing, _above: _State) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None and left.type == "identifier":
            self.script.bindings.element(text_of(left, self._data), right)

    def _text(self, node: Syntax, firing: Firing, above: _State) -> None:
        if not above.in_text:
            self.script.texts.append(Use(node, firing))

    def _concatenation(self, node: Syntax, firing: Firing, above: _State) -> None:
        operator = node.child_by_field_name("operator")
        if operator is not None and operator.type == "+" and not above.in_text:
            self.script.texts.append(Use(node, firing))

    def _pair(self, node: Syntax, firing: Firing, _above: _State) -> None:
        key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
        if key is not None and value is not None and text_of(key, self._data) in NAMING_KEYS:
            self.script.options.append(Use(value, firing))

    HANDLERS: Final = {
        "import_statement": _import,
        "export_statement": _import,
        "call_expression": _call,
        "new_expression": _call,
        "variable_declarator": _declare,
        "assignment_expression": _declare,
        "for_in_statement": _for,
        "string": _text,
        "template_string": _text,
        "binary_expression": _concatenation,
        "pair": _pair,
    }
    """What is done with a node of a kind, given when it is evaluated and the state of its parent."""


_HANDLERS = _Gatherer.HANDLERS


def _only_types(node: Syntax) -> bool:
    """`import type` of TypeScript, which no run follows; the grammar takes it for an error."""
    return any(child.type in ("type", "ERROR") and child.start_byte < child.end_byte for child in node.children[1:2])


def _unwrapped(node: Syntax) -> Syntax:
    for _ in range(8):
        if node.type != "parenthesized_expression" or not node.named_children:
            break
        node = node.named_children[0]
    return node
