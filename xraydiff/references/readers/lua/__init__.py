"""References of Lua programs: modules over `package.path`, scripts, files and commands (Lua 5.4 Reference Manual).

Lua inside another program (nginx, redis) has the functions and the search path of that program: what stands there is
not read, and a file of which nobody says that `lua` runs it is a gap where it shows such a program.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from xraydiff.conventions import ELF_MAGIC, SCRIPT_LINE
from xraydiff.facts import Edge, NodeKind
from xraydiff.limits import Limits
from xraydiff.references import Command, Context, Gap, ParsedReader, Subject
from xraydiff.references.kit.shebang import programs
from xraydiff.references.readers.lua.parsing import Program, parse
from xraydiff.references.readers.lua.resolving import PROGRAM, launched, resolve

__all__ = ["LuaReader"]

_LANGUAGE: Final = "lua"
_BYTE_CODE: Final = b"\x1b"


class LuaReader(ParsedReader[Program]):
    """Reads Lua programs, recognised by `#!`, by their names, or by what runs them, and options of `lua`."""

    name = _LANGUAGE
    language = _LANGUAGE
    claims = frozenset({"lua", "luajit"})

    def accepts(self, subject: Subject) -> bool:
        """Whether lua reads this text."""
        node, data = subject.node, subject.data
        if data.startswith((ELF_MAGIC, _BYTE_CODE)):
            return False
        if node.kind is NodeKind.SCRIPT or node.language:
            return node.language == _LANGUAGE
        if node.kind is not NodeKind.FILE or not data:
            return False
        if data.startswith(b"#!"):
            return any(PROGRAM.fullmatch(name) for name in programs(data[:SCRIPT_LINE]))
        return subject.path.endswith(".lua")

    def parse(self, data: bytes, form: str, limits: Limits) -> Program:
        """The calls of a program that have a text as an argument."""
        del form
        return parse(data, limits)

    def resolve(self, parsed: Program, subject: Subject, context: Context) -> Iterable[Edge | Gap | Command]:
        """Edges in the order of the file, then gaps."""
        return resolve(parsed, subject, context)

    def launched(self, command: Command, context: Context) -> Iterable[Edge | Gap]:
        """The modules of `-l`, and what LUA_INIT runs."""
        return launched(command, context)
