"""The possible texts of an expression, as far as the script determines them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from xraydiff.paths import ImagePath, basename, parent
from xraydiff.references.kit.evaluation import (
    DEEP,
    HOLE,
    MAX_CHOICES,
    MAX_DEPTH,
    UNKNOWN,
    Evaluator,
    Texts,
    concatenated,
    joined,
    normal,
    union,
)
from xraydiff.references.kit.plain import PlainNode
from xraydiff.references.readers.node.literals import arguments, string, unescaped
from xraydiff.references.readers.node.modules import Resolver
from xraydiff.references.readers.node.script import NodeScript
from xraydiff.references.readers.node.vocabulary import GLOBS

__all__ = ["NodeEvaluator", "ScriptLocation"]

_PARTS: Final = 256
"""Parts of one text: longer ones are pages, not names."""
_WRAPPED: Final = frozenset({"parenthesized_expression", "await_expression", "non_null_expression"})
_SAME: Final = frozenset({"toString", "trim", "normalize", "valueOf", "pathname", "href"})
"""Methods and properties that leave a text as it is, near enough."""
_ELEMENTS: Final = frozenset({"filter", "sort", "slice", "reverse", "concat", "flat", "map"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLocation:
    """Where a script lies and is run."""

    path: ImagePath
    directory: ImagePath
    cwd: ImagePath
    node: ImagePath | None = None
    """The program that runs it, `process.execPath`."""


class NodeEvaluator(Evaluator):
    """Evaluates expressions of one script."""

    def __init__(self, script: NodeScript, place: ScriptLocation, resolver: Resolver, *, steps: int) -> None:
        super().__init__(steps)
        self._properties: dict[tuple[int, str | None], Texts] = {}
        self._script = script
        self._nodes = script.table.nodes()
        self._place = place
        self._resolver = resolver

    def node(self, expression: int) -> PlainNode:
        """The expression of a use."""
        return self._nodes[expression]

    def _bound(self, name: str) -> list[PlainNode]:
        return [self._nodes[one] for one in self._script.values.get(name, ())]

    # --- what a text may be ------------------------------------------------------------------------------------------

    def texts(self, node: PlainNode, depth: int = 0) -> Texts:
        """The possible texts of an expression."""
        node = _inner(node)
        literal = string(node)
        if literal is not None:
            return (literal.replace(HOLE, ""),)
        return self._once(self._known, node.index, self._evaluated, node, depth)

    def _evaluated(self, node: PlainNode, depth: int) -> Texts:
        match node.kind:
            case "template_string":
                return self._template(node, depth)
            case "binary_expression":
                return self._binary(node, depth)
            case "ternary_expression":
                return self._either(node, ("consequence", "alternative"), depth)
            case "assignment_expression":
                return self._either(node, ("right",), depth)
            case "identifier":
                return self._identifier(node.text, depth)
            case "member_expression":
                return self._member(node, depth)
            case "subscript_expression":
                return self._subscript(node, depth)
            case "call_expression" | "new_expression":
                return self._call(node, depth)
            case _:
                return UNKNOWN

    def elements(self, node: PlainNode, depth: int = 0) -> Texts:
        """The possible texts of an array's elements."""
        node = _inner(node)
        return self._once(self._elements, node.index, self._listed, node, depth)

    def _listed(self, node: PlainNode, depth: int) -> Texts:
        if node.kind == "array":
            return union(*(self.texts(one, depth + 1) for one in self._children(node)[: MAX_CHOICES + 1]))
        if node.kind == "identifier":
            bound = self._bound(node.text)
            return union(*(self.elements(one, depth + 1) for one in bound)) if bound else UNKNOWN
        if node.kind == "call_expression":
            return self._elements_of_call(node, depth)
        return UNKNOWN

    def properties(self, node: PlainNode, name: str | None, depth: int = 0) -> Texts:
        """The texts of one property of an object, or of all of them where the name is not known."""
        node = _inner(node)
        if depth > MAX_DEPTH or not self._spend():
            return UNKNOWN
        key = (node.index, name)
        if key not in self._properties:
            # What a name stands for may lead back to the name.
            self._properties[key] = UNKNOWN
            self._properties[key] = self._property(node, name, depth)
        return self._properties[key]

    def _property(self, node: PlainNode, name: str | None, depth: int) -> Texts:
        if node.kind == "identifier":
            bound = self._bound(node.text)
            return union(*(self.properties(one, name, depth + 1) for one in bound)) if bound else UNKNOWN
        if node.kind == "call_expression" and node.name == "/.freeze":
            args = self._arguments(node)
            return self.properties(args[0], name, depth + 1) if args else UNKNOWN
        if node.kind != "object":
            return UNKNOWN
        found = [value for key, value in self.pairs(node) if name is None or key == name]
        return union(*(self.texts(value, depth + 1) for value in found[: MAX_CHOICES + 1])) if found else UNKNOWN

    def pairs(self, node: PlainNode) -> list[tuple[str, PlainNode]]:
        """Keys and values of an object literal."""
        found = []
        for pair in self._children(node):
            key, value = pair.field("key"), pair.field("value")
            if pair.kind == "pair" and key is not None and value is not None:
                text = string(key)
                found.append((key.text if text is None else text, value))
        return found

    def _children(self, node: PlainNode) -> Sequence[PlainNode]:
        """The parts of a node, which may be many and looked at often."""
        return node.parts if self._spend(len(node.parts)) else ()

    def _arguments(self, node: PlainNode) -> Sequence[PlainNode]:
        args = arguments(node)
        return args if self._spend(len(args)) else ()

    def _either(self, node: PlainNode, fields: tuple[str, ...], depth: int) -> Texts:
        found = (node.field(name) for name in fields)
        return union(*(self.texts(one, depth + 1) for one in found if one is not None))

    def _template(self, node: PlainNode, depth: int) -> Texts:
        parts: list[Texts] = []
        children = self._children(node)
        for child in children if len(children) <= _PARTS else ():
            if child.kind == "template_substitution":
                parts.append(self.texts(child.parts[0], depth + 1) if child.parts else UNKNOWN)
            else:
                parts.append((unescaped(child.text).replace(HOLE, ""),))
        return concatenated(parts) if parts else UNKNOWN

    def _binary(self, node: PlainNode, depth: int) -> Texts:
        """`a + b + c` nests to the left without bound, so it is walked in a loop."""
        sign = node.operator
        if sign in ("||", "??"):
            return self._either(node, ("left", "right"), depth)
        if sign == "&&":
            return self._either(node, ("right",), depth)
        if sign != "+":
            return UNKNOWN
        operands: list[PlainNode] = []
        at: PlainNode | None = node
        while at is not None and at.kind == "binary_expression" and self._spend():
            if at.operator != "+":
                break
            right = at.field("right")
            if right is not None:
                operands.append(right)
            at = at.field("left")
        if at is not None:
            operands.append(at)
        return (
            concatenated([self.texts(one, depth + 1) for one in reversed(operands)])
            if len(operands) < _PARTS
            else UNKNOWN
        )

    def _identifier(self, name: str, depth: int) -> Texts:
        if name == "__dirname":
            return (self._place.directory,)
        if name == "__filename":
            return (self._place.path,)
        found = [self.texts(one, depth + 1) for one in self._bound(name)]
        found += [self.elements(self._nodes[one], depth + 1) for one in self._script.elements.get(name, ())]
        return union(*found) if found else UNKNOWN

    def _member(self, node: PlainNode, depth: int) -> Texts:
        whole = node.text if len(node.text) < 40 else ""
        fixed = {
            "import.meta.url": f"file://{self._place.path}",
            "import.meta.filename": self._place.path,
            "import.meta.dirname": self._place.directory,
            "module.filename": self._place.path,
            "module.path": self._place.directory,
            "path.sep": "/",
            "process.execPath": self._place.node or HOLE,
            "process.argv[0]": self._place.node or HOLE,
            "require.main.filename": HOLE,
        }.get(whole)
        if fixed is not None:
            return (fixed,)
        receiver, name = node.field("object"), node.field("property")
        if receiver is None or name is None:
            return UNKNOWN
        if node.name == "path.sep":
            return ("/",)
        property_name = name.text
        if property_name in ("pathname", "href"):
            return self.texts(receiver, depth + 1)
        return self.properties(receiver, property_name, depth + 1)

    def _subscript(self, node: PlainNode, depth: int) -> Texts:
        receiver, index = node.field("object"), node.field("index")
        if receiver is None or index is None:
            return UNKNOWN
        return union(self.properties(receiver, string(index), depth + 1), self.elements(receiver, depth + 1))

    def _call(self, node: PlainNode, depth: int) -> Texts:
        args = self._arguments(node)
        name = node.name
        match name:
            case "path.join":
                return self._joined(args, depth)
            case "path.resolve" | "app-root-path.resolve":
                return self._resolved(args, depth)
            case "path.normalize" | "url.fileURLToPath" | "url.pathToFileURL" | "/String" | "/fileURLToPath":
                return self._pathlike(args, depth)
            case "path.dirname" | "/dirname" | "path.basename":
                part = basename if name == "path.basename" else _dirname
                return tuple(dict.fromkeys(part(text) for text in self._pathlike(args, depth)))
            case "process.cwd" | "/.cwd":
                return (self._place.cwd,)
            case "/URL" | "url.URL":
                return self._url(args, depth)
            case "require.resolve" | "import.meta.resolve":
                return self._required(args, depth)
        return self._method(node, name, args, depth)

    def _method(self, node: PlainNode, name: str, args: Sequence[PlainNode], depth: int) -> Texts:
        """A method of a text."""
        function = node.field("function")
        receiver = function.field("object") if function is not None else None
        if receiver is not None and name.removeprefix("/.") in _SAME:
            return self.texts(receiver, depth + 1)
        if receiver is not None and name == "/.concat":
            return concatenated([self.texts(one, depth + 1) for one in (receiver, *args[:16])])
        return UNKNOWN

    def _parts(self, args: Sequence[PlainNode], depth: int) -> list[Texts]:
        return [self.texts(one, depth + 1) for one in args[:16]]

    def _joined(self, args: Sequence[PlainNode], depth: int) -> Texts:
        parts: list[Texts] = []
        for texts in self._parts(args, depth):
            parts += [texts, ("/",)]
        return _normalised(concatenated(parts[:-1])) if parts else UNKNOWN

    def _resolved(self, args: Sequence[PlainNode], depth: int) -> Texts:
        found: Texts = (self._place.cwd,)
        for texts in self._parts(args, depth):
            pairs = [joined(before, text) for before in found for text in texts if not before.startswith(HOLE)]
            found = tuple(dict.fromkeys(pairs))[:64] or UNKNOWN
        return found

    def _pathlike(self, args: Sequence[PlainNode], depth: int) -> Texts:
        if not args:
            return UNKNOWN
        return tuple(dict.fromkeys(_plain(text) for text in self.texts(args[0], depth + 1)))

    def _url(self, args: Sequence[PlainNode], depth: int) -> Texts:
        if len(args) < 2:
            return self._pathlike(args, depth)
        names, bases = self.texts(args[0], depth + 1), self.texts(args[1], depth + 1)
        found = [
            joined(_dirname(_plain(base)), name.partition("?")[0])
            for base in bases
            for name in names
            if base.startswith("file:///") and "://" not in name
        ]
        return tuple(dict.fromkeys(found))[:64] or UNKNOWN

    def _required(self, args: Sequence[PlainNode], depth: int) -> Texts:
        if not args:
            return UNKNOWN
        found = [
            module.path
            for text in self.texts(args[0], depth + 1)
            for module in self._resolver.modules(text, self._place.directory, esm=False)
        ]
        return tuple(dict.fromkeys(found)) or UNKNOWN

    def _elements_of_call(self, node: PlainNode, depth: int) -> Texts:
        name, args = node.name, self._arguments(node)
        function = node.field("function")
        receiver = function.field("object") if function is not None else None
        if name in GLOBS and args:
            return tuple(_globbed(text) for text in self.texts(args[0], depth + 1))
        if name.startswith("/.") and receiver is not None:
            method = name[2:]
            if method == "map" and args and args[0].kind in ("arrow_function", "function_expression"):
                return self._mapped(receiver, args[0], depth)
            if method in _ELEMENTS or (method == "split" and string(receiver)):
                return self.elements(receiver, depth + 1)
            if receiver.text == "Object" and args:
                if method == "values":
                    return self.properties(args[0], None, depth + 1)
                if method == "keys" and args[0].kind == "object":
                    return union(tuple(key for key, _ in self.pairs(args[0])) or UNKNOWN)
        return UNKNOWN

    def _mapped(self, receiver: PlainNode, function: PlainNode, depth: int) -> Texts:
        """`names.map(name => path.join(dir, name))`: the callback's variable is bound to the array already."""
        body = function.field("body")
        if body is None or body.kind == "statement_block":
            return self.elements(receiver, depth + 1)
        return self.texts(body, depth + 1)


def _inner(node: PlainNode) -> PlainNode:
    """What stands in parentheses, behind `await`, or last in `(0, x)`."""
    for _ in range(MAX_DEPTH):
        if node.kind in _WRAPPED:
            inner = node.parts[:1]
        elif node.kind == "sequence_expression":
            inner = node.parts[-1:]
        else:
            break
        if not inner:
            break
        node = inner[0]
    return node


def _plain(text: str) -> str:
    return unquote(text.removeprefix("file://")) if text.startswith("file://") else text


def _dirname(text: str) -> str:
    if text == HOLE:
        return HOLE
    return parent(ImagePath(text)) if text.startswith("/") else text.rpartition("/")[0] or "."


def _normalised(texts: Texts) -> Texts:
    return tuple(dict.fromkeys(HOLE if text == HOLE else normal(text) for text in texts))


def _globbed(pattern: str) -> str:
    """A pattern of files as a text with holes: `routes/**/*.js`."""
    parts = pattern.split("/")
    return "/".join(DEEP if part == "**" else _HOLES.sub(HOLE, part) for part in parts)


_HOLES = re.compile(r"(?:[*?@!+]\([^)]{0,200}\)|\{[^}]{0,200}\}|\[[^\]]{0,200}\]|\*|\?)+")
