"""Programs in languages that no reader reads: detected by their form, so that one which is run is never passed over.

A C program keeps its names as texts that end in NUL, which the reader of literals finds; those of Go and Rust are told
by the code that uses them, on machines whose code is known. Archives appended to a program are packed, and what an
interpreter runs is text that only its own reader understands.
"""

from __future__ import annotations

import re
from typing import Final

from xraydiff.conventions import ELF_MAGIC, SCRIPT_LINE
from xraydiff.elf.constants import decodes
from xraydiff.paths import ImagePath, basename
from xraydiff.references.kit.shebang import programs
from xraydiff.tree import FileTree

__all__ = ["language_of"]

_CHUNK: Final = 4 << 20
"""Bytes of a program that are looked at in one go; the marks below are far shorter than what two chunks share."""
_SHARED: Final = 128
_TAIL: Final = 66 << 10
"""Bytes at the end of a program where an appended archive has its directory (APPNOTE.TXT 4.3.16: 64 KiB at most)."""

_GO: Final = "Go"
_RUST: Final = "Rust"
_UNTERMINATED: Final = frozenset({_GO, _RUST})
"""Languages whose texts are read where their code tells the lengths (`elf.constants`), on machines that are known."""
_MARKS: Final = (
    (_GO, re.compile(rb"\xff Go buildinf:|Go build ID: \"")),
    # By what a host of .NET finds the archive that it may carry (dotnet/runtime, bundle_marker).
    (".NET", re.compile(re.escape(bytes.fromhex("8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae")))),
    ("GraalVM native image", re.compile(rb"com\.oracle\.svm\.core")),
    # The fuse of Node.js for single executable applications; 1 where a program was put in.
    ("JavaScript in a program of its own", re.compile(rb"NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:1")),
    (_RUST, re.compile(rb"/rustc/[0-9a-f]{40}/|RUST_BACKTRACE")),
)
_ENDS: Final = (
    ("Python packed into a program", re.compile(rb"MEI\014\013\012\013\016")),
    ("JavaScript packed into a program", re.compile(rb"d3n0l4nd|\n---- Bun! ----\n")),
)
_DIRECTORY_END: Final = b"PK\x05\x06"
_PACKED: Final = re.compile(rb"UPX![\x0b-\x0f]")
"""The header of a program packed by UPX, with its version: the loader's table is packed too."""

_INTERPRETERS: Final = (
    ("Lua", re.compile(r"lua(?:jit)?[0-9.-]*")),
    ("Lua of another program", re.compile(r"texlua|resty")),
    ("Tcl", re.compile(r"(?:tclsh|wish|expect|jimsh)[0-9.]*")),
    ("R", re.compile(r"R|Rscript|littler")),
    (".NET", re.compile(r"dotnet|mono|mono-sgen|csi|fsi")),
    ("Julia", re.compile(r"julia")),
    ("Scheme or Lisp", re.compile(r"guile[0-9.-]*|sbcl|clisp|racket|gsi|chibi-scheme|emacs[0-9.]*|ecl")),
    ("Haskell", re.compile(r"runghc|runhaskell|ghci?")),
    ("OCaml", re.compile(r"ocaml|ocamlrun|utop")),
    ("Prolog", re.compile(r"swipl|gprolog")),
    ("JavaScript of Deno or Bun", re.compile(r"deno|bun")),
    ("fish", re.compile(r"fish")),
    ("C shell", re.compile(r"t?csh")),
    ("PowerShell", re.compile(r"powershell|pwsh")),
    ("Smalltalk", re.compile(r"gst|pharo")),
    ("make", re.compile(r"g?make")),
)
_SOURCES: Final = {
    ".lua": "Lua", ".luac": "Lua byte-code", ".tcl": "Tcl", ".R": "R", ".jl": "Julia", ".dll": ".NET",
    ".exe": "Windows programs", ".csx": ".NET", ".fsx": ".NET", ".ps1": "PowerShell", ".scm": "Scheme or Lisp",
    ".wasm": "WebAssembly",
}  # fmt: skip
_READ: Final = re.compile(r"(?:python|pypy|node|nodejs|ruby|php|php-fpm|php-cgi|perl|java|beam|beam\.smp|erl)[0-9._-]*")
"""Programs whose scripts have readers: Rust within them is the runtime's own. A Go program may be called `node` too."""
_WRAPPERS: Final = frozenset("gosu su-exec tini tini-static dumb-init docker-init catatonit pid1".split())
"""Starters without references but the command in their own arguments, which is followed, in whatever language."""
_HARMLESS: Final = frozenset(
    "true false echo cat sleep nologin env yes test [ printf kill date hostname id whoami uname".split()
)
"""Interpreters of a `#!` line without references beyond the script itself."""


def language_of(tree: FileTree, path: ImagePath, *, ran: bool) -> str:
    """What a person would call the language of a program or source that our readers do not know, or an empty text.

    With `ran` the file is run; otherwise it is only named, and counts where it is plainly a source.
    """
    name = basename(path)
    source = _SOURCES.get(name[name.rfind(".") :]) if "." in name else None
    if source is not None:
        return source
    if not ran:
        return ""
    head = tree.read_at(path, 0, SCRIPT_LINE)
    if head.startswith(b"#!"):
        return _of_script(head)
    if not head.startswith(ELF_MAGIC):
        if not head:
            return ""
        return "a program of an unknown format" if b"\0" in head else "a program without a #! line"
    if name in _WRAPPERS:
        return ""
    language = _of_name(name) or _of_program(tree, path)
    return "" if language == _RUST and _READ.fullmatch(name) else language


def _of_name(name: str) -> str:
    return next((language for language, pattern in _INTERPRETERS if pattern.fullmatch(name)), "")


def _of_script(head: bytes) -> str:
    """The language of a `#!` line that no reader knows; what the kernel finds no interpreter in, a shell runs."""
    names = programs(head)
    names = names[1:] if names[:1] == ("env",) else names
    if not names or names[0] in _HARMLESS:
        return ""
    return _of_name(names[0]) or f"the language of {names[0]}"


def _of_program(tree: FileTree, path: ImagePath) -> str:
    """The language of a compiled program, by the marks of its compiler or packer."""
    size = tree.files[path].size
    if _PACKED.search(tree.read_at(path, 0, 4096)):
        return "a packed program"
    end = tree.read_at(path, max(0, size - _TAIL), _TAIL)
    if _ends_in_archive(end):
        return "an archive behind a program"
    for language, pattern in _ENDS:
        if pattern.search(end):
            return language
    found = set()
    for start in range(0, size, _CHUNK - _SHARED):
        piece = tree.read_at(path, start, _CHUNK)
        found |= {language for language, pattern in _MARKS if pattern.search(piece)}
    if decodes(tree.read_at(path, 0, len(ELF_MAGIC) + 16)):
        found -= _UNTERMINATED
    return next((language for language, _ in _MARKS if language in found), "")


def _ends_in_archive(end: bytes) -> bool:
    """Whether the last record is a directory of a zip archive whose comment ends with the file (APPNOTE.TXT 4.3.16)."""
    at = end.rfind(_DIRECTORY_END)
    while at >= 0:
        comment = int.from_bytes(end[at + 20 : at + 22], "little")
        if at + 22 + comment == len(end) and end[at + 8 : at + 12] != bytes(4):
            return True
        at = end.rfind(_DIRECTORY_END, 0, at)
    return False
