"""What an expression of a PHP script may be, as far as the script itself tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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
    known,
    normal,
    union,
)
from xraydiff.references.kit.grammars import text_of
from xraydiff.references.readers.php.script import Script

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["Place", "Values", "arguments", "function_name"]

_PARTS: Final = 256
"""Parts of one text: longer ones are pages, not names."""
_SINGLE = re.compile(r"\\([\\'])")
_DOUBLE = re.compile(r"\\([\\\"$nrtvef0])")
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "v": "\v", "e": "\x1b", "f": "\f", "0": ""}
_WRAPPED: Final = frozenset({"parenthesized_expression", "error_suppression_expression", "cast_expression", "argument"})
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
class Place:
    """Where a script lies and is run."""

    path: ImagePath
    directory: ImagePath
    cwd: ImagePath
    project: ImagePath
    """The folder of composer.json or of the document root, else the script's own."""


def function_name(node: Syntax, data: bytes) -> str:
    """The plain name of a called function or method in lower case (`->render` for a method), or an empty string."""
    function = node.child_by_field_name("function")
    if function is not None:
        short = function.end_byte - function.start_byte < 200 and function.type in ("name", "qualified_name")
        return text_of(function, data).rpartition("\\")[2].lower() if short else ""
    name = node.child_by_field_name("name")
    if name is None or name.type != "name":
        return ""
    return ("->" if node.type == "member_call_expression" else "::") + text_of(name, data).lower()


def arguments(node: Syntax) -> list[Syntax]:
    """The values of a call's arguments."""
    given = node.child_by_field_name("arguments")
    if given is None:
        given = next((one for one in node.named_children if one.type == "arguments"), None)
    if given is None:
        return []
    return [one.named_children[-1] for one in given.named_children if one.type == "argument" and one.named_children]


class Values(Evaluator):
    """Evaluates expressions of one script."""

    def __init__(self, data: bytes, script: Script, place: Place) -> None:
        super().__init__()
        self._data = data
        self._script = script
        self._place = place

    def texts(self, node: Syntax, depth: int = 0) -> Texts:
        """The texts that an expression may stand for."""
        node = _inner(node)
        if node.type == "string":
            return (_SINGLE.sub(r"\1", self._text(node)[1:-1]).replace(HOLE, ""),)
        return self._once(self._known, node.id, self._evaluated, node, depth)

    def elements(self, node: Syntax, depth: int = 0) -> Texts:
        """The texts that the elements of an array may stand for."""
        node = _inner(node)
        return self._once(self._elements, node.id, self._list, node, depth)

    def _children(self, node: Syntax) -> list[Syntax]:
        return node.named_children if self._spend(node.named_child_count) else []

    def _text(self, node: Syntax) -> str:
        return text_of(node, self._data)

    def _evaluated(self, node: Syntax, depth: int) -> Texts:
        match node.type:
            case "encapsed_string" | "shell_command_expression" | "heredoc_body" | "nowdoc_body":
                return self._parts(node, depth)
            case "heredoc" | "nowdoc":
                value = node.child_by_field_name("value")
                return self._parts(value, depth) if value is not None else UNKNOWN
            case "binary_expression":
                return self._binary(node, depth)
            case "conditional_expression":
                found = (node.child_by_field_name(name) for name in ("body", "alternative"))
                return union(*(self.texts(one, depth + 1) for one in found if one is not None))
            case "assignment_expression":
                right = node.child_by_field_name("right")
                return self.texts(right, depth + 1) if right is not None else UNKNOWN
            case "subscript_expression":
                return self._subscript(node, depth)
            case "function_call_expression":
                return self._call(node, depth)
            case _:
                return self._name(node, depth)

    def _name(self, node: Syntax, depth: int) -> Texts:
        """A variable, constant or property."""
        match node.type:
            case "name" | "qualified_name":
                return self._constant(self._text(node).lstrip("\\"), depth)
            case "variable_name":
                return self._named(self._text(node), depth)
            case "member_access_expression" | "nullsafe_member_access_expression":
                name = node.child_by_field_name("name")
                return self._named(f"->{self._text(name)}", depth) if name is not None else UNKNOWN
            case "class_constant_access_expression" | "scoped_property_access_expression":
                last = node.named_children[-1] if node.named_children else None
                return self._member(self._text(last), depth) if last is not None else UNKNOWN
            case _:
                return UNKNOWN

    def _parts(self, node: Syntax, depth: int) -> Texts:
        """A text with variables in it."""
        parts: list[Texts] = []
        children = self._children(node)
        if len(children) > _PARTS:
            return UNKNOWN
        for child in children:
            if child.type in ("string_content", "nowdoc_string"):
                parts.append((self._text(child).replace(HOLE, ""),))
            elif child.type == "escape_sequence":
                parts.append((_DOUBLE.sub(lambda match: _ESCAPED.get(match[1], match[1]), self._text(child)),))
            elif child.type not in ("heredoc_start", "heredoc_end"):
                parts.append(self.texts(child, depth + 1))
        return concatenated(parts) if parts else ("",)

    def _binary(self, node: Syntax, depth: int) -> Texts:
        """`a . b . c` nests to the left without bound, so it is gone through and not followed."""
        operator = node.child_by_field_name("operator")
        sign = operator.type if operator is not None else ""
        if sign in ("??", "?:", "||", "or"):
            found = (node.child_by_field_name(name) for name in ("left", "right"))
            return union(*(self.texts(one, depth + 1) for one in found if one is not None))
        operands: list[Syntax] = []
        at: Syntax | None = node if sign == "." else None
        while at is not None and at.type == "binary_expression" and self._spend():
            right, operator = at.child_by_field_name("right"), at.child_by_field_name("operator")
            if operator is None or operator.type != ".":
                break
            if right is not None:
                operands.append(right)
            at = at.child_by_field_name("left")
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
        found = [self.texts(one, depth + 1) for one in self._script.values.get(name, ())]
        found += [self.elements(one, depth + 1) for one in self._script.elements.get(name, ())]
        return union(*found) if found else UNKNOWN

    def _member(self, name: str, depth: int) -> Texts:
        """`self::NAME`, `static::$name`."""
        return self._named(f"->{name[1:]}" if name.startswith("$") else name, depth)

    def _subscript(self, node: Syntax, depth: int) -> Texts:
        """`$table[$key]`, and `$_SERVER['DOCUMENT_ROOT']`."""
        children = self._children(node)
        if not children:
            return UNKNOWN
        key = known(self.texts(children[1], depth + 1)) if len(children) > 1 else ()
        if self._text(children[0]) == "$_SERVER":
            return (self._place.project,) if key == ("DOCUMENT_ROOT",) else UNKNOWN
        return self._entries(children[0], key[0] if len(key) == 1 else None, depth + 1)

    def _entries(self, node: Syntax, key: str | None, depth: int) -> Texts:
        """One entry of an array, or all where the key is not known."""
        arrays = self._arrays(node, depth)
        found: list[Texts] = []
        for array in arrays:
            for entry in self._children(array)[: CHOICES + 1]:
                parts = entry.named_children
                if not parts or (len(parts) > 1 and key is not None and self.texts(parts[0], depth + 1) != (key,)):
                    continue
                found.append(self.texts(parts[-1], depth + 1))
        return union(*found) if found else UNKNOWN

    def _arrays(self, node: Syntax, depth: int) -> list[Syntax]:
        node = _inner(node)
        names: list[Syntax] = [node]
        if node.type == "variable_name":
            names = self._script.values.get(self._text(node), [])
        elif node.type == "member_access_expression":
            name = node.child_by_field_name("name")
            names = self._script.values.get(f"->{self._text(name)}", []) if name is not None else []
        elif node.type in ("name", "class_constant_access_expression", "scoped_property_access_expression"):
            name = node.named_children[-1] if node.named_children else node
            text = self._text(name)
            names = self._script.values.get(f"->{text[1:]}" if text.startswith("$") else text, [])
        inner = (_inner(one) for one in names) if depth <= DEPTH else ()
        return [one for one in inner if one.type == "array_creation_expression"]

    def _list(self, node: Syntax, depth: int) -> Texts:
        if node.type == "function_call_expression":
            name, given = function_name(node, self._data), arguments(node) if self._spend() else []
            if name == "glob" and given:
                return tuple(dict.fromkeys(_globbed(text) for text in self.texts(given[0], depth + 1)))
            if name == "scandir":
                return UNKNOWN
            if name in _LISTS:
                return union(*(self.elements(one, depth + 1) for one in given[:8]))
            return UNKNOWN
        arrays = self._arrays(node, depth)
        if arrays:
            return self._entries(node, None, depth)
        if node.type == "variable_name":
            held = self._script.values.get(self._text(node), ())
            return union(*(self.elements(one, depth + 1) for one in held)) if held else UNKNOWN
        return UNKNOWN

    def _call(self, node: Syntax, depth: int) -> Texts:
        given, name = arguments(node) if self._spend() else [], function_name(node, self._data)
        first = self.texts(given[0], depth + 1) if given else UNKNOWN
        match name:
            case "dirname":
                levels = self._text(given[1]) if len(given) > 1 else "1"
                return tuple(
                    dict.fromkeys(_dirname(text, int(levels) if levels in "123456789" else 1) for text in first)
                )
            case "basename":
                return tuple(dict.fromkeys(basename(text) for text in first))
            case "getcwd":
                return (self._place.cwd,)
            case "sprintf":
                return self._formatted(first, given[1:], depth)
            case "str_replace" | "strtr" | "preg_replace":
                # Mostly the separators of a class name that becomes a path.
                return (f"{DEEP}/{HOLE}",)
            case "implode" | "join":
                return self._imploded(given, first, depth)
        if name in _PROJECT:
            tail = "" if first == UNKNOWN and not given else f"/{first[0]}"
            return (normal(f"{self._place.project}/{_PROJECT[name]}{tail}"),)
        return first if name in _SAME else UNKNOWN

    def _imploded(self, given: list[Syntax], glue: Texts, depth: int) -> Texts:
        array = _inner(given[1]) if len(given) > 1 else None
        if array is None or array.type != "array_creation_expression":
            return UNKNOWN
        parts: list[Texts] = []
        for entry in self._children(array)[:32]:
            if entry.named_children:
                parts += [glue, self.texts(entry.named_children[-1], depth + 1)]
        return concatenated(parts[1:]) if parts else UNKNOWN

    def _formatted(self, formats: Texts, given: list[Syntax], depth: int) -> Texts:
        """`sprintf('%s/views/%s.php', __DIR__, $name)`."""
        pieces = re.split(r"%(?:\d{1,2}\$)?[-+0-9.']{0,10}[a-zA-Z]", formats[0])
        parts: list[Texts] = [(pieces[0],)]
        for at, piece in enumerate(pieces[1:32]):
            parts += [self.texts(given[at], depth + 1) if at < len(given) else UNKNOWN, (piece,)]
        return concatenated(parts)


def _inner(node: Syntax) -> Syntax:
    for _ in range(DEPTH):
        if node.type not in _WRAPPED or not node.named_children:
            break
        node = node.named_children[-1]
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
