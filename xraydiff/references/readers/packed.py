"""Programs in an archive or in byte-code: detected where something runs or loads them, since nobody reads them.

An interpreter takes its program from a zip archive behind a `#!` line (zipapp, PAR, a jar that starts itself), from an
archive on its search path (an egg, `.ez`), from an archive behind a shell script, or from byte-code without a source.
What such a program names is packed, or stands in a form of its own, so that no search for texts finds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from xraydiff.conventions import ELF_MAGIC
from xraydiff.facts import Edge, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Context, Depth, Gap, ParsedReader, Subject
from xraydiff.tree import FileTree

__all__ = ["HEAD", "PackedReader", "packed", "packed_program"]

HEAD: Final = 4096
"""First bytes that tell byte-code and archives; also the last ones that tell what stands behind a script."""
_TAIL: Final = 1 << 20
"""Last bytes that are searched for the names of an archive's members: its directory stands at the end."""
_ZIP: Final = b"PK\x03\x04"
_END: Final = b"PK\x05\x06"
_CODE: Final = (
    # CPython's magic numbers all end in CR LF; behind the header stands a code object, referenced or not (marshal.c).
    ("Python byte-code", re.compile(rb"..\r\n(?:.{4}|.{8}|.{12})[\xe3c]", re.DOTALL)),
    ("Ruby byte-code", re.compile(rb"YARB|!RBIX")),
    ("JavaScript byte-code", re.compile(rb"..\xde\xc0.", re.DOTALL)),
    ("Lua byte-code", re.compile(rb"\x1bLua|\x1bLJ")),
)
_MEMBERS: Final = (
    ("Python in an archive", re.compile(rb"[\w.-]\.py[co]?(?=PK|UT|ux)")),
    ("Perl in an archive", re.compile(rb"[\w.-]\.p[lm](?=PK|UT|ux)")),
    ("Erlang in an archive", re.compile(rb"[\w.-]\.(?:beam|app)(?=PK|UT|ux)")),
    ("PHP in an archive", re.compile(rb"[\w.-]\.php(?=PK|UT|ux)")),
    ("Ruby in an archive", re.compile(rb"[\w.-]\.rb(?=PK|UT|ux)")),
    ("Lua in an archive", re.compile(rb"[\w.-]\.luac?(?=PK|UT|ux)")),
)
"""By the names in the central directory; the next record or an extra field follows each (APPNOTE.TXT 4.3.12)."""
_JAVA: Final = re.compile(rb"[\w$-]\.(?:class|jar)(?=PK|UT|ux|\xfe\xca)")
_SOURCES: Final = (".py", ".php", ".phar", ".pl", ".rb", ".js", ".cjs", ".mjs", ".sh")
_CLASS: Final = b"\xca\xfe\xba\xbe"
_CACHED: Final = "/__pycache__/"


def packed(head: bytes, tail: bytes) -> str:
    """What a person would call a program that is packed, by its first and last bytes; empty for what is none.

    Java has a reader that opens its own archives, those behind a script too.
    """
    for name, pattern in _CODE:
        if pattern.match(head):
            return name
    script = head.startswith(b"#!")
    if (head.startswith(_ZIP) or script) and _END in tail:
        if _JAVA.search(tail):
            return ""
        found = next((name for name, pattern in _MEMBERS if pattern.search(tail)), "")
        return found or ("an archive behind a script" if script else "")
    if script and b"\0" in tail[-HEAD:]:
        return "an archive behind a script"
    return ""


def packed_program(tree: FileTree, path: ImagePath) -> str:
    """The same of a file in an image that has no `#!` line; a cached module beside its source is read there."""
    file = tree.files[path]
    if _CACHED in path or (path.endswith((".pyc", ".pyo")) and ImagePath(path[:-1]) in tree.files):
        return ""
    head = tree.read_at(path, 0, HEAD)
    if not head.startswith(_ZIP) and not any(pattern.match(head) for _, pattern in _CODE):
        return ""
    start = max(0, file.size - _TAIL)
    return packed(head, tree.read_at(path, start, file.size - start))


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What a person would call the packed program; empty for what is a source by its name and no text."""

    language: str


class PackedReader(ParsedReader[Packed]):
    """Reads nothing: says of packed programs that an interpreter is given, or that start themselves, what they are."""

    name = "packed"
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        """A program that a reader names by its language, or a script that may be executed."""
        node, file = subject.node, subject.file
        if node.kind is not NodeKind.FILE or file is None or _CACHED in subject.path:
            return False
        if subject.data.startswith(ELF_MAGIC) or subject.data[:4] == _CLASS:
            return False
        runs = bool(node.language) or (subject.data.startswith(b"#!") and bool(file.mode & 0o111))
        if runs and packed(subject.data[:HEAD], subject.data[-_TAIL:]):
            return True
        return node.language != "java" and subject.path.endswith(_SOURCES) and _is_no_text(subject.data)

    def parse(self, data: bytes, form: str, limits: Limits) -> Packed:
        """By the first and last bytes."""
        del form, limits
        return Packed(language=packed(data[:HEAD], data[-_TAIL:]))

    def resolve(self, parsed: Packed, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """One gap."""
        del context
        if parsed.language:
            yield Gap(node=subject.node, reason="no-reader", detail=parsed.language)
        else:
            yield Gap(node=subject.node, reason="not-text", detail="a source that holds bytes of no text")


def _is_no_text(data: bytes) -> bool:
    """Whether a source holds NUL where an archive would end it, or is UTF-16, which no reader decodes."""
    return b"\0" in data[-HEAD:] or data.startswith((b"\xff\xfe", b"\xfe\xff"))
