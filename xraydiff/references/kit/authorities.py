"""The certificate authorities that OpenSSL takes where a program names none."""

from __future__ import annotations

from typing import Final

from xraydiff.conventions import OPENSSLDIR
from xraydiff.facts import EdgeKind, FileType, Firing
from xraydiff.paths import decoded
from xraydiff.references import Context
from xraydiff.references.kit.lookup import Exhausted, Lookup
from xraydiff.references.kit.recorder import Recorder

__all__ = ["trusted"]

_LIBRARIES: Final = (
    "/usr/lib/*/libcrypto.so.*",
    "/usr/lib/libcrypto.so.*",
    "/usr/lib64/libcrypto.so.*",
    "/lib/*/libcrypto.so.*",
    "/lib/libcrypto.so.*",
    "/usr/local/lib*/libcrypto.so.*",
)


def trusted(client: str, firing: Firing, seen: Recorder, lookup: Lookup) -> None:
    """Note what a client of TLS trusts: the first that is there of what the environment and OpenSSL itself name."""
    env, homes = lookup.context.env, lookup.context.once(_homes)
    names = [env.get("SSL_CERT_FILE", ""), *(f"{home}/cert.pem" for home in homes)]
    names += [env.get("SSL_CERT_DIR", ""), *(f"{home}/certs" for home in homes)]
    found = next((found for name in names if (found := lookup.named(name, "/")) is not None), None)
    if found is not None and found[1] is FileType.FILE:
        seen.file(found[0], EdgeKind.TRUSTS, firing, client)
    elif found is not None:
        seen.named(*found, client)


def _homes(context: Context) -> tuple[str, ...]:
    """OPENSSLDIR of every libcrypto where the loader looks by default."""
    lookup = Lookup(context)
    homes: dict[str, None] = {}
    try:
        for pattern in _LIBRARIES:
            for path in lookup.glob(pattern):
                match = OPENSSLDIR.search(lookup.content(path, context.limits.elf))
                if match:
                    homes[decoded(match[1])] = None
    except Exhausted:
        return tuple(homes)
    return tuple(homes)
