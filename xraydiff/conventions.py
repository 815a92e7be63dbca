"""What every container has, whatever its image holds, and names that many rooms go by: stated once, used by all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from xraydiff.paths import is_below

__all__ = [
    "ELF_MAGIC",
    "ENGINE_FILES",
    "ENGINE_TREES",
    "OPENSSLDIR",
    "OPENSSL_DIRECTORIES",
    "SCRIPT_LINE",
    "SHELLS",
    "engine_provides",
]

ENGINE_TREES: Final = ("/dev", "/proc", "/sys")
"""Mounted into every Linux container (OCI runtime-spec, config-linux.md, "Default Filesystems")."""
ENGINE_FILES: Final = frozenset({"/.dockerenv", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"})
"""Written by engines at the start of every container."""

ELF_MAGIC: Final = b"\x7fELF"
"""What every ELF file begins with (elf(5), EI_MAG)."""
SCRIPT_LINE: Final = 256
"""Bytes of a `#!` line that the kernel sees: BINPRM_BUF_SIZE of Linux 5.1 and later."""

SHELLS: Final = frozenset("sh bash dash ash ksh ksh93 mksh lksh pdksh yash zsh rbash".split())
"""Base names of shells that read the language of sh(1); fish and csh have others."""

OPENSSL_DIRECTORIES: Final[Mapping[str, re.Pattern[bytes]]] = {
    name: re.compile(name.encode() + rb': "([^"\0]{1,1024})"') for name in ("OPENSSLDIR", "ENGINESDIR", "MODULESDIR")
}
"""Where OpenSSL looks for its files, as it is compiled into libcrypto (OpenSSL_version(3))."""
OPENSSLDIR: Final = OPENSSL_DIRECTORIES["OPENSSLDIR"]
"""... for openssl.cnf, certs and cert.pem."""


def engine_provides(path: str) -> bool:
    """Whether the kernel or the container engine puts an absolute path into every container."""
    return path in ENGINE_FILES or any(path == tree or is_below(path, tree) for tree in ENGINE_TREES)
