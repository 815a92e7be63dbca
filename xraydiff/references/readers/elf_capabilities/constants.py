"""Paths among the strings of programs whose compiler leaves no terminator between them: Go's and Rust's.

Of a C program the literals are found by their NULs, by the reader of literals. Here an address and a length tell where
a string ends (`elf.constants`), so that what is found is what the program was written with, and no chance of two
strings that stand side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from xraydiff.conventions import engine_provides
from xraydiff.facts import Edge, EdgeKind, FileType
from xraydiff.paths import ImagePath, join
from xraydiff.references.readers.elf_capabilities.program import ElfProgram
from xraydiff.tree.glob import glob

_NAME = re.compile(r"[A-Za-z0-9_.+@~:,=%*?\[\]{} /-]{2,1024}")
_WILD = re.compile(r"[*?\[]")
_STANDARD = frozenset(
    (
        *("/etc/services", "/etc/protocols", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/localtime"),
        *("/usr/local/share/mime/globs2", "/usr/share/mime/globs2", "/etc/mime.types", "/etc/apache2/mime.types"),
        *("/etc/apache/mime.types", "/etc/httpd/conf/mime.types", "/etc/zoneinfo", "/usr/share/zoneinfo"),
        *("/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ", "/etc/ssl/certs", "/etc/pki/tls/certs"),
        *("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"),
        *("/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem"),
    )
)
"""Names in the standard libraries themselves: every program that links the package has them, whether it asks or not.
What their presence says is told by the functions that are linked (`golang`)."""

_SYSTEM = frozenset("/bin /boot /etc /home /lib /lib64 /media /mnt /opt /root /run /sbin /srv /tmp /usr /var".split())
"""Directories of the root that every system has (FHS 3.0, 3.2): their names say nothing of what lies in them."""


def edges(program: ElfProgram) -> Iterator[Edge]:
    """An edge for each string that names a file or directory of the original, patterns expanded.

    A relative name counts from WORKDIR, and where it holds a slash or names a directory of the application there.
    """
    if not program.constants:
        return
    home = program.context.cwd
    for text in sorted(program.constants):
        if not _NAME.fullmatch(text) or text in (".", "..", "/"):
            continue
        if text.startswith("/"):
            yield from _named(program, text, text)
        elif home != "/" and not text.startswith("-") and ("/" in text or "." in text or _is_folder(program, text)):
            yield from _named(program, join(home, text), text)


def _named(program: ElfProgram, path: str, text: str) -> Iterator[Edge]:
    path = path.rstrip("/")
    if path in _STANDARD or path.count("/") < 1 or engine_provides(path):
        return
    if _WILD.search(path):
        for found in glob(program.context.original, ImagePath(path), spend=program.context.budget.spend):
            yield program.edge(found, EdgeKind.NAMES, text)
    elif path not in _SYSTEM and program.exists(path) is not None:
        yield program.edge(path, EdgeKind.NAMES, text)


def _is_folder(program: ElfProgram, text: str) -> bool:
    """Whether a bare word is a directory in WORKDIR, as of `http.Dir("static")`."""
    found = program.context.original.resolve(join(program.context.cwd, text)).file
    return found is not None and found.type is FileType.DIRECTORY
