"""Literals of JavaScript, and the kinds of its expressions that are followed."""

from __future__ import annotations

import re
from typing import Final

from xraydiff.references.kit.plain import Expressive, PlainNode
from xraydiff.references.readers.node.vocabulary import HAS_SUFFIX, NAME

__all__ = ["EXPRESSIVE", "arguments", "may_be_path", "string", "unescaped"]

_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r?\n)|(.))", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "v": "\v", "f": "\f", "0": "\0"}

EXPRESSIVE: Final = Expressive(
    followed={
        "arguments": (),
        "array": (),
        "arrow_function": ("body",),
        "assignment_expression": ("right",),
        "await_expression": (),
        "binary_expression": ("left", "right"),
        "call_expression": ("function", "arguments"),
        "member_expression": ("object", "property"),
        "new_expression": ("constructor", "arguments"),
        "non_null_expression": (),
        "object": (),
        "pair": ("key", "value"),
        "parenthesized_expression": (),
        "sequence_expression": (),
        "subscript_expression": ("object", "index"),
        "template_string": (),
        "template_substitution": (),
        "ternary_expression": ("consequence", "alternative"),
    },
    whole=frozenset(
        {"escape_sequence", "identifier", "number", "property_identifier", "string", "string_fragment", "import"}
    ),
)


def unescaped(text: str) -> str:
    """The value of what stands between quotes."""
    if "\\" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        digits = match[1] or match[2] or match[3]
        if digits:
            code = int(digits, 16)
            return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "?"
        return "" if match[4] else _ESCAPED.get(match[5], match[5])

    return _ESCAPE.sub(one, text)


def string(node: PlainNode) -> str | None:
    """The value of a string literal, or of a template without substitutions; None for anything else."""
    if node.kind == "string":
        return unescaped(node.text[1:-1])
    if node.kind == "template_string" and all(part.kind != "template_substitution" for part in node.parts):
        return unescaped("".join(part.text for part in node.parts))
    return None


def arguments(node: PlainNode) -> tuple[PlainNode, ...]:
    """The arguments of a call; none for a tagged template."""
    given = node.field("arguments")
    return given.parts if given is not None and given.kind == "arguments" else ()


def may_be_path(text: str) -> bool:
    """Whether a text that nothing else tells about may be a relative path."""
    return (
        not text.startswith("/")
        and NAME.match(text) is not None
        and ("/" in text or HAS_SUFFIX.search(text) is not None)
    )
