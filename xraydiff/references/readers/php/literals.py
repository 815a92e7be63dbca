"""Literals of PHP, the kinds of its expressions that are followed, and what its calls call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from xraydiff.references.kit.grammars import text_of
from xraydiff.references.kit.plain import Expressive, PlainNode

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["CLASS", "EXPRESSIVE", "HAS_SUFFIX", "NAME", "WRAPPED", "arguments", "called", "may_tell", "unquoted"]

WRAPPED: Final = frozenset({"parenthesized_expression", "error_suppression_expression", "cast_expression", "argument"})
"""Kinds whose value is that of their last part."""
EXPRESSIVE: Final = Expressive(
    followed={
        **dict.fromkeys(WRAPPED, ()),
        "arguments": (),
        "array_creation_expression": (),
        "array_element_initializer": (),
        "assignment_expression": ("right",),
        "binary_expression": ("left", "right"),
        "class_constant_access_expression": (),
        "conditional_expression": ("body", "alternative"),
        "encapsed_string": (),
        "function_call_expression": ("arguments",),
        "heredoc": ("value",),
        "heredoc_body": (),
        "member_access_expression": ("name",),
        "member_call_expression": ("arguments",),
        "nowdoc": ("value",),
        "nowdoc_body": (),
        "nullsafe_member_access_expression": ("name",),
        "object_creation_expression": (),
        "scoped_call_expression": ("arguments",),
        "scoped_property_access_expression": (),
        "shell_command_expression": (),
        "subscript_expression": (),
    },
    whole=frozenset(
        {
            "escape_sequence",
            "integer",
            "name",
            "nowdoc_string",
            "qualified_name",
            "string",
            "string_content",
            "variable_name",
        }
    ),
)
_SINGLE = re.compile(r"\\([\\'])")
NAME = re.compile(r"[A-Za-z0-9_@.:/-]{1,255}\Z")
"""Texts that may be paths or views without anybody saying so."""
CLASS = re.compile(r"\\?[A-Za-z_][A-Za-z0-9_]{0,100}(?:\\[A-Za-z_][A-Za-z0-9_]{0,100}){1,12}\Z")
HAS_SUFFIX = re.compile(r"[^/]\.[A-Za-z0-9]{1,10}\Z")


def unquoted(text: str) -> str:
    """The value of a string in single quotes."""
    return _SINGLE.sub(r"\1", text[1:-1])


def may_tell(text: str) -> bool:
    """Whether a text that nothing else tells about may be a class or a relative path."""
    if CLASS.match(text):
        return True
    return (
        not text.startswith("/")
        and NAME.match(text) is not None
        and ("/" in text or HAS_SUFFIX.search(text) is not None)
    )


def arguments(node: PlainNode) -> list[PlainNode]:
    """The values of a call's arguments."""
    given = next((one for one in node.parts if one.kind == "arguments"), None)
    return [one.parts[-1] for one in given.parts if one.kind == "argument" and one.parts] if given is not None else []


def called(node: Syntax, data: bytes) -> str:
    """The plain name of a called function or method in lower case (`->render` for a method), `new Name` for a class
    that is made, or an empty string.
    """  # noqa: D205  one sentence
    if node.type == "object_creation_expression":
        made = node.named_children[0] if node.named_child_count else node
        return f"new {text_of(made, data, most=200).rpartition(_SLASH)[2]}" if made.type in _NAMES else ""
    function = node.child_by_field_name("function")
    if function is not None:
        short = function.end_byte - function.start_byte < 200 and function.type in _NAMES
        return text_of(function, data).rpartition(_SLASH)[2].lower() if short else ""
    name = node.child_by_field_name("name")
    if name is None or name.type != "name" or node.type not in _METHODS:
        return ""
    return _METHODS[node.type] + text_of(name, data).lower()


_SLASH: Final = "\\"
_NAMES: Final = ("name", "qualified_name")
_METHODS: Final = {"member_call_expression": "->", "scoped_call_expression": "::"}
