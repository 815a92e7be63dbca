"""The nodes of a module's syntax tree, in the manner of tree-sitter's."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Syntax"]


class Syntax:
    """A node: its type, its bytes, named children, and some of them by field."""

    __slots__ = ("children", "end_byte", "fields", "sign", "start_byte", "type")

    def __init__(  # noqa: PLR0917  one is made for each word of a module
        self,
        type_: str,
        start: int,
        end: int,
        fields: dict[str, Syntax] | None = None,
        children: list[Syntax] | None = None,
        sign: str = "",
    ) -> None:
        self.type = type_
        self.start_byte = start
        self.end_byte = end
        self.fields = fields
        self.children = children
        """None for none: most nodes are names, and a list for each would double what a module takes."""
        self.sign = sign
        """Of a binary operator."""

    @property
    def named_children(self) -> Sequence[Syntax]:
        """What it consists of, where that has no names."""
        return self.children if self.children is not None else ()

    def add(self, child: Syntax) -> None:
        """A further child."""
        if self.children is None:
            self.children = []
        self.children.append(child)

    def child_by_field_name(self, name: str) -> Syntax | None:
        """A child by its field."""
        return self.fields.get(name) if self.fields is not None else None
