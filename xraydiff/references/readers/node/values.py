"""What an expression of a script may be: modules that names stand for, and texts, as far as the script tells."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from xraydiff.paths import ImagePath, basename, parent
from xraydiff.references.kit.evaluation import (
    CHOICES,
    DEEP,
    DEPTH,
    HOLE,
    UNKNOWN,
    Evaluator,
    Texts,
    concatenated,
    joined,
    normal,
    union,
)
from xraydiff.references.kit.grammars import text_of
from xraydiff.references.readers.node.resolve import Resolver
from xraydiff.references.readers.node.vocabulary import ALIASES, GLOBS

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["Bindings", "Place", "Values", "arguments", "string"]

_PARTS: Final = 256
"""Parts of one text: longer ones are pages, not names."""
_BINDINGS: Final = 16
"""Values kept for one name: a minified bundle binds `e` ten thousand times."""
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r?\n)|(.))", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "v": "\v", "f": "\f", "0": "\0"}
_WRAPPED: Final = frozenset({"parenthesized_expression", "await_expression", "non_null_expression"})
_SAME: Final = frozenset({"toString", "trim", "normalize", "valueOf", "pathname", "href"})
"""Methods and properties that leave a text as it is, near enough."""
_ELEMENTS: Final = frozenset({"filter", "sort", "slice", "reverse", "concat", "flat", "map"})
_CALLS_ON: Final = frozenset({"promisify", "default", "bind", "__importStar", "__importDefault", "__toESM"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a script lies and is run."""

    path: ImagePath
    directory: ImagePath
    cwd: ImagePath
    node: ImagePath | None = None
    """The program that runs it, `process.execPath`."""


@dataclass(slots=True)
class Bindings:
    """What the names of a script are bound to; scopes are not told apart, so a name may have several meanings."""

    values: dict[str, list[Syntax]] = field(default_factory=dict)
    elements: dict[str, list[Syntax]] = field(default_factory=dict)
    """Of a loop's or callback's variable: the arrays that it goes through."""
    modules: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Module and export, the latter empty for the whole module."""

    def bind(self, name: str, value: Syntax) -> None:
        """`name = value`."""
        held = self.values.setdefault(name, [])
        if len(held) < _BINDINGS:
            held.append(value)

    def element(self, name: str, array: Syntax) -> None:
        """`for (name of array)`."""
        held = self.elements.setdefault(name, [])
        if len(held) < _BINDINGS:
            held.append(array)

    def module(self, name: str, module: str, export: str = "") -> None:
        """`import name from module`; the first one counts."""
        self.modules.setdefault(name, (module, export))


def arguments(node: Syntax) -> list[Syntax]:
    """The arguments of a call, comments left out; none for a tagged template."""
    given = node.child_by_field_name("arguments")
    if given is None or given.type != "arguments":
        return []
    return [one for one in given.named_children if one.type != "comment"]


def string(node: Syntax, data: bytes) -> str | None:
    """The value of a string literal, or of a template without substitutions; None for anything else."""
    if node.type != "string" and not (node.type == "template_string" and not _substitutes(node)):
        return None
    return _unescaped(text_of(node, data)[1:-1])


def _substitutes(node: Syntax) -> bool:
    return any(child.type == "template_substitution" for child in node.named_children)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        digits = match[1] or match[2] or match[3]
        if digits:
            code = int(digits, 16)
            return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "?"
        return "" if match[4] else _ESCAPED.get(match[5], match[5])

    return _ESCAPE.sub(one, text)


class Values(Evaluator):
    """Evaluates expressions of one script."""

    def __init__(self, data: bytes, bindings: Bindings, place: Place, resolver: Resolver) -> None:
        super().__init__()
        self._properties: dict[tuple[int, str | None], Texts] = {}
        self._data = data
        self._bindings = bindings
        self._place = place
        self._resolver = resolver

    # --- what is called ----------------------------------------------------------------------------------------------

    def callee(self, node: Syntax) -> str:
        """What a call or `new` calls: `path.join` for the export of a module however it was bound, `express.default`
        for a module itself, `/name` for a free name, `/.name` for a method of anything else, or an empty string.
        """  # noqa: D205  one sentence
        function = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        return self.dotted(function) if function is not None else ""

    def dotted(self, node: Syntax) -> str:
        """The same for the name of a function."""
        node = _inner(node)
        if node.type == "import":
            return "import"
        module = self.module(node)
        if module is not None:
            return f"{module[0]}.{module[1] or 'default'}"
        if node.type == "identifier":
            return f"/{text_of(node, self._data)}"
        if node.type == "member_expression":
            whole = text_of(node, self._data) if node.end_byte - node.start_byte < 40 else ""
            if whole in ("require.resolve", "import.meta.resolve", "module.require", "process.dlopen", "process.cwd"):
                return whole
            name = node.child_by_field_name("property")
            return f"/.{text_of(name, self._data)}" if name is not None else ""
        return ""

    def module(self, node: Syntax, depth: int = 0) -> tuple[str, str] | None:
        """Module and export that an expression stands for, None where it is something else."""
        node = _inner(node)
        if depth > DEPTH or not self._spend():
            return None
        if node.type == "identifier":
            return self._bindings.modules.get(text_of(node, self._data))
        if node.type == "member_expression":
            held, name = node.child_by_field_name("object"), node.child_by_field_name("property")
            found = self.module(held, depth + 1) if held is not None and name is not None else None
            if found is None or name is None:
                return None
            export = text_of(name, self._data)
            if export in ("default", "promises", "posix", "__promisify__"):
                return found
            return (found[0], f"{found[1]}.{export}" if found[1] else export)
        if node.type == "call_expression":
            return self._module_of_call(node, depth)
        return None

    def _module_of_call(self, node: Syntax, depth: int) -> tuple[str, str] | None:
        function, given = node.child_by_field_name("function"), self._arguments(node)
        if function is None or not given:
            return None
        function = _inner(function)
        name = text_of(function, self._data) if function.end_byte - function.start_byte < 80 else ""
        if name in ("require", "import", "module.require"):
            specifier = string(given[0], self._data)
            return (module_name(specifier), "") if specifier else None
        if name.rpartition(".")[2] in _CALLS_ON or "nterop" in name:
            # `promisify(exec)`, `__importStar(require("fs"))`, `_interopRequireDefault(...)`.
            return self.module(given[0], depth + 1)
        return None

    # --- what a text may be ------------------------------------------------------------------------------------------

    def texts(self, node: Syntax, depth: int = 0) -> Texts:
        """The texts that an expression may stand for."""
        node = _inner(node)
        literal = string(node, self._data)
        if literal is not None:
            return (literal.replace(HOLE, ""),)
        return self._once(self._known, node.id, self._evaluated, node, depth)

    def _evaluated(self, node: Syntax, depth: int) -> Texts:
        match node.type:
            case "template_string":
                return self._template(node, depth)
            case "binary_expression":
                return self._binary(node, depth)
            case "ternary_expression":
                return self._either(node, ("consequence", "alternative"), depth)
            case "assignment_expression":
                return self._either(node, ("right",), depth)
            case "identifier":
                return self._identifier(text_of(node, self._data), depth)
            case "member_expression":
                return self._member(node, depth)
            case "subscript_expression":
                return self._subscript(node, depth)
            case "call_expression" | "new_expression":
                return self._call(node, depth)
            case _:
                return UNKNOWN

    def elements(self, node: Syntax, depth: int = 0) -> Texts:
        """The texts that the elements of an array may stand for."""
        node = _inner(node)
        return self._once(self._elements, node.id, self._listed, node, depth)

    def _listed(self, node: Syntax, depth: int) -> Texts:
        if node.type == "array":
            return union(*(self.texts(one, depth + 1) for one in self._children(node)[: CHOICES + 1]))
        if node.type == "identifier":
            held = self._bindings.values.get(text_of(node, self._data), ())
            return union(*(self.elements(one, depth + 1) for one in held)) if held else UNKNOWN
        if node.type == "call_expression":
            return self._elements_of_call(node, depth)
        return UNKNOWN

    def properties(self, node: Syntax, name: str | None, depth: int = 0) -> Texts:
        """The texts of one property of an object, or of all of them where the name is not known."""
        node = _inner(node)
        if depth > DEPTH or not self._spend():
            return UNKNOWN
        key = (node.id, name)
        if key not in self._properties:
            # What a name stands for may lead back to the name.
            self._properties[key] = UNKNOWN
            self._properties[key] = self._property(node, name, depth)
        return self._properties[key]

    def _property(self, node: Syntax, name: str | None, depth: int) -> Texts:
        if node.type == "identifier":
            held = self._bindings.values.get(text_of(node, self._data), ())
            return union(*(self.properties(one, name, depth + 1) for one in held)) if held else UNKNOWN
        if node.type == "call_expression" and self.callee(node) == "/.freeze":
            given = self._arguments(node)
            return self.properties(given[0], name, depth + 1) if given else UNKNOWN
        if node.type != "object":
            return UNKNOWN
        found = [value for key, value in self.pairs(node) if name is None or key == name]
        return union(*(self.texts(value, depth + 1) for value in found[: CHOICES + 1])) if found else UNKNOWN

    def pairs(self, node: Syntax) -> list[tuple[str, Syntax]]:
        """Keys and values of an object literal."""
        found = []
        for pair in self._children(node):
            key, value = pair.child_by_field_name("key"), pair.child_by_field_name("value")
            if pair.type == "pair" and key is not None and value is not None:
                text = string(key, self._data)
                found.append((text_of(key, self._data) if text is None else text, value))
        return found

    def _children(self, node: Syntax) -> list[Syntax]:
        """The children of a node, which may be many and looked at often."""
        return node.named_children if self._spend(node.named_child_count) else []

    def _arguments(self, node: Syntax) -> list[Syntax]:
        given = node.child_by_field_name("arguments")
        return arguments(node) if given is not None and self._spend(given.named_child_count) else []

    def _either(self, node: Syntax, fields: tuple[str, ...], depth: int) -> Texts:
        found = (node.child_by_field_name(name) for name in fields)
        return union(*(self.texts(one, depth + 1) for one in found if one is not None))

    def _template(self, node: Syntax, depth: int) -> Texts:
        parts: list[Texts] = []
        children = self._children(node)
        for child in children if len(children) <= _PARTS else ():
            if child.type == "template_substitution":
                inner = next((one for one in child.named_children if one.type != "comment"), None)
                parts.append(self.texts(inner, depth + 1) if inner is not None else UNKNOWN)
            else:
                parts.append((_unescaped(text_of(child, self._data)).replace(HOLE, ""),))
        return concatenated(parts) if parts else UNKNOWN

    def _binary(self, node: Syntax, depth: int) -> Texts:
        """`a + b + c` nests to the left without bound, so it is gone through and not followed."""
        operator = node.child_by_field_name("operator")
        sign = operator.type if operator is not None else ""
        if sign in ("||", "??"):
            return self._either(node, ("left", "right"), depth)
        if sign == "&&":
            return self._either(node, ("right",), depth)
        if sign != "+":
            return UNKNOWN
        operands: list[Syntax] = []
        at: Syntax | None = node
        while at is not None and at.type == "binary_expression" and self._spend():
            right, operator = at.child_by_field_name("right"), at.child_by_field_name("operator")
            if operator is None or operator.type != "+":
                break
            if right is not None:
                operands.append(right)
            at = at.child_by_field_name("left")
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
        found = [self.texts(one, depth + 1) for one in self._bindings.values.get(name, ())]
        found += [self.elements(one, depth + 1) for one in self._bindings.elements.get(name, ())]
        return union(*found) if found else UNKNOWN

    def _member(self, node: Syntax, depth: int) -> Texts:
        whole = text_of(node, self._data) if node.end_byte - node.start_byte < 40 else ""
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
        held, name = node.child_by_field_name("object"), node.child_by_field_name("property")
        if held is None or name is None:
            return UNKNOWN
        if self.module(node) == ("path", "sep"):
            return ("/",)
        property_name = text_of(name, self._data)
        if property_name in ("pathname", "href"):
            return self.texts(held, depth + 1)
        return self.properties(held, property_name, depth + 1)

    def _subscript(self, node: Syntax, depth: int) -> Texts:
        held, index = node.child_by_field_name("object"), node.child_by_field_name("index")
        if held is None or index is None:
            return UNKNOWN
        return union(self.properties(held, string(index, self._data), depth + 1), self.elements(held, depth + 1))

    def _call(self, node: Syntax, depth: int) -> Texts:
        given = self._arguments(node)
        name = self.callee(node)
        match name:
            case "path.join":
                return self._joined(given, depth)
            case "path.resolve" | "app-root-path.resolve":
                return self._resolved(given, depth)
            case "path.normalize" | "url.fileURLToPath" | "url.pathToFileURL" | "/String" | "/fileURLToPath":
                return self._pathlike(given, depth)
            case "path.dirname" | "/dirname" | "path.basename":
                part = basename if name == "path.basename" else _dirname
                return tuple(dict.fromkeys(part(text) for text in self._pathlike(given, depth)))
            case "process.cwd" | "/.cwd":
                return (self._place.cwd,)
            case "/URL" | "url.URL":
                return self._url(given, depth)
            case "require.resolve" | "import.meta.resolve":
                return self._required(given, depth)
        return self._method(node, name, given, depth)

    def _method(self, node: Syntax, name: str, given: list[Syntax], depth: int) -> Texts:
        """A method of a text."""
        function = node.child_by_field_name("function")
        held = function.child_by_field_name("object") if function is not None else None
        if held is not None and name.removeprefix("/.") in _SAME:
            return self.texts(held, depth + 1)
        if held is not None and name == "/.concat":
            return concatenated([self.texts(one, depth + 1) for one in (held, *given[:16])])
        return UNKNOWN

    def _parts(self, given: list[Syntax], depth: int) -> list[Texts]:
        return [self.texts(one, depth + 1) for one in given[:16]]

    def _joined(self, given: list[Syntax], depth: int) -> Texts:
        parts: list[Texts] = []
        for texts in self._parts(given, depth):
            parts += [texts, ("/",)]
        return _normalised(concatenated(parts[:-1])) if parts else UNKNOWN

    def _resolved(self, given: list[Syntax], depth: int) -> Texts:
        found: Texts = (self._place.cwd,)
        for texts in self._parts(given, depth):
            pairs = [joined(before, text) for before in found for text in texts if not before.startswith(HOLE)]
            found = tuple(dict.fromkeys(pairs))[:64] or UNKNOWN
        return found

    def _pathlike(self, given: list[Syntax], depth: int) -> Texts:
        if not given:
            return UNKNOWN
        return tuple(dict.fromkeys(_plain(text) for text in self.texts(given[0], depth + 1)))

    def _url(self, given: list[Syntax], depth: int) -> Texts:
        if len(given) < 2:
            return self._pathlike(given, depth)
        names, bases = self.texts(given[0], depth + 1), self.texts(given[1], depth + 1)
        found = [
            joined(_dirname(_plain(base)), name.partition("?")[0])
            for base in bases
            for name in names
            if base.startswith("file:///") and "://" not in name
        ]
        return tuple(dict.fromkeys(found))[:64] or UNKNOWN

    def _required(self, given: list[Syntax], depth: int) -> Texts:
        if not given:
            return UNKNOWN
        found = [
            module.path
            for text in self.texts(given[0], depth + 1)
            for module in self._resolver.modules(text, self._place.directory, esm=False)
        ]
        return tuple(dict.fromkeys(found)) or UNKNOWN

    def _elements_of_call(self, node: Syntax, depth: int) -> Texts:
        name, given = self.callee(node), self._arguments(node)
        function = node.child_by_field_name("function")
        held = function.child_by_field_name("object") if function is not None else None
        if name in GLOBS and given:
            return tuple(_globbed(text) for text in self.texts(given[0], depth + 1))
        if name.startswith("/.") and held is not None:
            method = name[2:]
            if method == "map" and given and given[0].type in ("arrow_function", "function_expression"):
                return self._mapped(held, given[0], depth)
            if method in _ELEMENTS or (method == "split" and string(held, self._data)):
                return self.elements(held, depth + 1)
            if text_of(held, self._data) == "Object" and given:
                if method == "values":
                    return self.properties(given[0], None, depth + 1)
                if method == "keys" and given[0].type == "object":
                    return union(tuple(key for key, _ in self.pairs(given[0])) or UNKNOWN)
        return UNKNOWN

    def _mapped(self, held: Syntax, function: Syntax, depth: int) -> Texts:
        """`names.map(name => path.join(dir, name))`: the callback's variable is bound to the array already."""
        body = function.child_by_field_name("body")
        if body is None or body.type == "statement_block":
            return self.elements(held, depth + 1)
        return self.texts(body, depth + 1)


def module_name(specifier: str) -> str:
    """The name by which our tables know a module."""
    name = specifier.removeprefix("node:")
    return ALIASES.get(name, name)


def _inner(node: Syntax) -> Syntax:
    """What stands in parentheses, behind `await`, or last in `(0, x)`."""
    for _ in range(DEPTH):
        if node.type in _WRAPPED:
            inner = [child for child in node.named_children if child.type != "comment"]
        elif node.type == "sequence_expression":
            inner = node.named_children[-1:]
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
