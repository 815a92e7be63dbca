"""What an expression of a PHP script may be, as far as the script itself tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

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
    known,
    normal,
    union,
)
from xraydiff.references.kit.plain import PlainNode
from xraydiff.references.readers.php.literals import WRAPPED, arguments, unquoted
from xraydiff.references.readers.php.script import PhpScript

__all__ = ["PhpEvaluator", "ScriptLocation"]

_PARTS: Final = 256
"""Parts of one text: longer ones are pages, not names."""
_DOUBLE = re.compile(r"\\([\\\"$nrtvef0])")
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "v": "\v", "e": "\x1b", "f": "\f", "0": ""}
_CONSTANTS: Final = {
    "DIRECTORY_SEPARATOR": "/",
    "PATH_SEPARATOR": ":",
    "PHP_EOL": "\n",
    "PHP_OS": "Linux",
    "PHP_OS_FAMILY": "Linux",
}
_SAME: Final = frozenset(
    {"realpath", "rtrim", "trim", "ltrim", "strval", "escapeshellcmd", "str", "array_values", "array_unique", "sort"}
)
"""Functions that leave their first argument as it is, near enough."""
_PROJECT: Final = {
    "base_path": "",
    "app_path": "app",
    "config_path": "config",
    "database_path": "database",
    "public_path": "public",
    "resource_path": "resources",
    "storage_path": "storage",
    "lang_path": "lang",
}
"""Functions of Laravel that give a folder of the project."""
_LISTS: Final = frozenset({"array_merge", "array_map", "array_filter", "array_values", "array_unique", "array_diff"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLocation:
    """Where a script lies and is run."""

    path: ImagePath
    directory: ImagePath
    cwd: ImagePath
    project: ImagePath
    """The folder of composer.json or of the document root, else the script's own."""


class PhpEvaluator(Evaluator):
    """Evaluates expressions of one script."""

    def __init__(self, script: PhpScript, place: ScriptLocation, *, steps: int) -> None:
        super().__init__(steps)
        self._script = script
        self._nodes = script.table.nodes()
        self._place = place

    def node(self, expression: int) -> PlainNode:
        """The expression of a use."""
        return self._nodes[expression]

    def _bound(self, name: str) -> list[PlainNode]:
        return [self._nodes[one] for one in self._script.values.get(name, ())]

    def texts(self, node: PlainNode, depth: int = 0) -> Texts:
        """The possible texts of an expression."""
        node = _inner(node)
        if node.kind == "string":
            return (unquoted(node.text).replace(HOLE, ""),)
        return self._once(self._known, node.index, self._evaluated, node, depth)

    def elements(self, node: PlainNode, depth: int = 0) -> Texts:
        """The possible texts of an array's elements."""
        node = _inner(node)
        return self._once(self._elements, node.index, self._list, node, depth)

    def words(self, node: PlainNode) -> tuple[Texts, ...]:
        """What each element of an array may be, in order; nothing where it is not known which array that is."""
        arrays = self._arrays(node, 0)
        entries = self._children(arrays[0]) if len(arrays) == 1 else ()
        return tuple(self.texts(entry.parts[-1], 1) for entry in entries if entry.parts)

    def _children(self, node: PlainNode) -> Sequence[PlainNode]:
        """The parts of a node, which may be many and looked at often."""
        return node.parts if self._spend(len(node.parts)) else ()

    def _evaluated(self, node: PlainNode, depth: int) -> Texts:
        match node.kind:
            case "encapsed_string" | "shell_command_expression" | "heredoc_body" | "nowdoc_body":
                return self._parts(node, depth)
            case "heredoc" | "nowdoc":
                value = node.field("value")
                return self._parts(value, depth) if value is not None else UNKNOWN
            case "binary_expression":
                return self._binary(node, depth)
            case "conditional_expression":
                found = (node.field(name) for name in ("body", "alternative"))
                return union(*(self.texts(one, depth + 1) for one in found if one is not None))
            case "assignment_expression":
                right = node.field("right")
                return self.texts(right, depth + 1) if right is not None else UNKNOWN
            case "subscript_expression":
                return self._subscript(node, depth)
            case "function_call_expression":
                return self._call(node, depth)
            case _:
                return self._name(node, depth)

    def _name(self, node: PlainNode, depth: int) -> Texts:
        """A variable, constant or property."""
        match node.kind:
            case "name" | "qualified_name":
                return self._constant(node.text.lstrip("\\"), depth)
            case "variable_name":
                return self._named(node.text, depth)
            case "member_access_expression" | "nullsafe_member_access_expression":
                name = node.field("name")
                return self._named(f"->{name.text}", depth) if name is not None else UNKNOWN
            case "class_constant_access_expression" | "scoped_property_access_expression":
                last = node.parts[-1] if node.parts else None
                return self._member(last.text, depth) if last is not None else UNKNOWN
            case _:
                return UNKNOWN

    def _parts(self, node: PlainNode, depth: int) -> Texts:
        """A text with variables in it."""
        parts: list[Texts] = []
        children = self._children(node)
        if len(children) > _PARTS:
            return UNKNOWN
        for child in children:
            if child.kind in ("string_content", "nowdoc_string"):
                parts.append((child.text.replace(HOLE, ""),))
            elif child.kind == "escape_sequence":
                parts.append((_DOUBLE.sub(lambda match: _ESCAPED.get(match[1], match[1]), child.text),))
            elif child.kind not in ("heredoc_start", "heredoc_end"):
                parts.append(self.texts(child, depth + 1))
        return concatenated(parts) if parts else ("",)

    def _binary(self, node: PlainNode, depth: int) -> Texts:
        """`a . b . c` nests to the left without bound, so it is walked in a loop."""
        sign = node.operator
        if sign in ("??", "?:", "||", "or"):
            found = (node.field(name) for name in ("left", "right"))
            return union(*(self.texts(one, depth + 1) for one in found if one is not None))
        operands: list[PlainNode] = []
        at: PlainNode | None = node if sign == "." else None
        while at is not None and at.kind == "binary_expression" and self._spend():
            if at.operator != ".":
                break
            right = at.field("right")
            if right is not None:
                operands.append(right)
            at = at.field("left")
        if at is None or len(operands) > _PARTS:
            return UNKNOWN
        operands.append(at)
        return concatenated([self.texts(one, depth + 1) for one in reversed(operands)])

    def _constant(self, name: str, depth: int) -> Texts:
        match name:
            case "__DIR__":
                return (self._place.directory,)
            case "__FILE__":
                return (self._place.path,)
        fixed = _CONSTANTS.get(name)
        return (fixed,) if fixed is not None else self._named(name, depth)

    def _named(self, name: str, depth: int) -> Texts:
        found = [self.texts(one, depth + 1) for one in self._bound(name)]
        found += [self.elements(self._nodes[one], depth + 1) for one in self._script.elements.get(name, ())]
        return union(*found) if found else UNKNOWN

    def _member(self, name: str, depth: int) -> Texts:
        """`self::NAME`, `static::$name`."""
        return self._named(f"->{name[1:]}" if name.startswith("$") else name, depth)

    def _subscript(self, node: PlainNode, depth: int) -> Texts:
        """`$table[$key]`, and `$_SERVER['DOCUMENT_ROOT']`."""
        children = self._children(node)
        if not children:
            return UNKNOWN
        key = known(self.texts(children[1], depth + 1)) if len(children) > 1 else ()
        if children[0].text == "$_SERVER":
            return (self._place.project,) if key == ("DOCUMENT_ROOT",) else UNKNOWN
        return self._entries(children[0], key[0] if len(key) == 1 else None, depth + 1)

    def _entries(self, node: PlainNode, key: str | None, depth: int) -> Texts:
        """One entry of an array, or all where the key is not known."""
        arrays = self._arrays(node, depth)
        found: list[Texts] = []
        for array in arrays:
            for entry in self._children(array)[: MAX_CHOICES + 1]:
                parts = entry.parts
                if not parts or (len(parts) > 1 and key is not None and self.texts(parts[0], depth + 1) != (key,)):
                    continue
                found.append(self.texts(parts[-1], depth + 1))
        return union(*found) if found else UNKNOWN

    def _arrays(self, node: PlainNode, depth: int) -> list[PlainNode]:
        node = _inner(node)
        names: list[PlainNode] = [node]
        if node.kind == "variable_name":
            names = self._bound(node.text)
        elif node.kind == "member_access_expression":
            name = node.field("name")
            names = self._bound(f"->{name.text}") if name is not None else []
        elif node.kind in ("name", "class_constant_access_expression", "scoped_property_access_expression"):
            name = node.parts[-1] if node.parts else node
            text = name.text
            names = self._bound(f"->{text[1:]}" if text.startswith("$") else text)
        inner = (_inner(one) for one in names) if depth <= MAX_DEPTH else ()
        return [one for one in inner if one.kind == "array_creation_expression"]

    def _list(self, node: PlainNode, depth: int) -> Texts:
        if node.kind == "function_call_expression":
            name, args = node.name, arguments(node) if self._spend() else []
            if name == "glob" and args:
                return tuple(dict.fromkeys(_globbed(text) for text in self.texts(args[0], depth + 1)))
            if name == "scandir":
                return UNKNOWN
            if name in _LISTS:
                return union(*(self.elements(one, depth + 1) for one in args[:8]))
            return UNKNOWN
        arrays = self._arrays(node, depth)
        if arrays:
            return self._entries(node, None, depth)
        if node.kind == "variable_name":
            bound = self._bound(node.text)
            return union(*(self.elements(one, depth + 1) for one in bound)) if bound else UNKNOWN
        return UNKNOWN

    def _call(self, node: PlainNode, depth: int) -> Texts:
        args, name = arguments(node) if self._spend() else [], node.name
        first = self.texts(args[0], depth + 1) if args else UNKNOWN
        match name:
            case "dirname":
                levels = args[1].text if len(args) > 1 else "1"
                return tuple(
                    dict.fromkeys(_dirname(text, int(levels) if levels in "123456789" else 1) for text in first)
                )
            case "basename":
                return tuple(dict.fromkeys(basename(text) for text in first))
            case "getcwd":
                return (self._place.cwd,)
            case "sprintf":
                return self._formatted(first, args[1:], depth)
            case "str_replace" | "strtr" | "preg_replace":
                # Mostly the separators of a class name that becomes a path.
                return (f"{DEEP}/{HOLE}",)
            case "implode" | "join":
                return self._imploded(args, first, depth)
        if name in _PROJECT:
            tail = "" if first == UNKNOWN and not args else f"/{first[0]}"
            return (normal(f"{self._place.project}/{_PROJECT[name]}{tail}"),)
        return first if name in _SAME else UNKNOWN

    def _imploded(self, args: list[PlainNode], glue: Texts, depth: int) -> Texts:
        array = _inner(args[1]) if len(args) > 1 else None
        if array is None or array.kind != "array_creation_expression":
            return UNKNOWN
        parts: list[Texts] = []
        for entry in self._children(array)[:32]:
            if entry.parts:
                parts += [glue, self.texts(entry.parts[-1], depth + 1)]
        return concatenated(parts[1:]) if parts else UNKNOWN

    def _formatted(self, formats: Texts, args: list[PlainNode], depth: int) -> Texts:
        """`sprintf('%s/views/%s.php', __DIR__, $name)`."""
        pieces = re.split(r"%(?:\d{1,2}\$)?[-+0-9.']{0,10}[a-zA-Z]", formats[0])
        parts: list[Texts] = [(pieces[0],)]
        for at, piece in enumerate(pieces[1:32]):
            parts += [self.texts(args[at], depth + 1) if at < len(args) else UNKNOWN, (piece,)]
        return concatenated(parts)


def _inner(node: PlainNode) -> PlainNode:
    for _ in range(MAX_DEPTH):
        if node.kind not in WRAPPED or not node.parts:
            break
        node = node.parts[-1]
    return node


def _dirname(text: str, levels: int) -> str:
    for _ in range(levels):
        if HOLE in text.rpartition("/")[0] or "/" not in text:
            return HOLE if HOLE in text else "."
        text = parent(ImagePath(text)) if text.startswith("/") else text.rpartition("/")[0]
    return text


def _globbed(pattern: str) -> str:
    return _HOLES.sub(HOLE, pattern)


_HOLES = re.compile(r"(?:\{[^}]{0,200}\}|\[[^\]]{0,200}\]|\*|\?)+")
