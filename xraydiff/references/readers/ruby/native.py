"""What Ruby itself asks for on a program's behalf: transcoders of encodings, certificate authorities for TLS."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from xraydiff.conventions import OPENSSLDIR
from xraydiff.errors import ImageError
from xraydiff.facts import EdgeKind, FileType, Firing
from xraydiff.paths import ImagePath, decoded, image_path
from xraydiff.references import Context
from xraydiff.references.kit.expressions import Value
from xraydiff.references.kit.lookup import Lookups
from xraydiff.references.kit.recorder import Sightings
from xraydiff.references.readers.ruby.interpreter import Interpreter

__all__ = ["Native"]

_BUILT_IN: Final = frozenset({"UTF-8", "UTF8", "US-ASCII", "ASCII", "ASCII-8BIT", "BINARY", "LOCALE", "EXTERNAL"})
_CONVERTS: Final = frozenset({"encode", "encode!", "force_encoding", "set_encoding", "find", "unicode_normalize"})
_NAME = re.compile(rb"\0([A-Za-z][A-Za-z0-9_.:-]{2,40})(?=\0)")
_ENCODING = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{2,40}\Z")
_COMMENT = re.compile(rb"\A(?:#![^\n]*\n)?[ \t]*#[^\n]*?coding[:=][ \t]*([A-Za-z0-9_.-]+)")
_MODE = re.compile(r"[rwa]b?\+?:(?:bom\|)?([A-Za-z0-9_-]+)(?::([A-Za-z0-9_-]+))?\Z", re.IGNORECASE)
_CLIENTS: Final = frozenset(
    {"Net::HTTP", "Net::HTTPS", "Net::SMTP", "Net::IMAP", "URI", "Faraday", "HTTParty", "RestClient", "Excon", "HTTP"}
    | {"HTTPClient", "Typhoeus", "OpenURI"}
)
_ALWAYS: Final = frozenset({"OpenSSL::SSL", "OpenSSL::SSL::SSLContext", "OpenSSL::SSL::SSLSocket"})
_LIBRARIES: Final = (
    "/usr/lib/*/libcrypto.so.*",
    "/usr/lib/libcrypto.so.*",
    "/usr/lib64/libcrypto.so.*",
    "/lib/*/libcrypto.so.*",
    "/lib/libcrypto.so.*",
    "/usr/local/lib*/libcrypto.so.*",
)


class Native:
    """Collects what one program says about encodings and TLS."""

    def __init__(
        self, seen: Sightings, lookups: Lookups, ruby: Interpreter, feature: Callable[[str, Firing], None]
    ) -> None:
        self._feature = feature
        self._seen = seen
        self._lookups = lookups
        self._ruby = ruby
        self._client: tuple[int, Firing, str] | None = None
        self._secure = False

    def magic_comment(self, data: bytes) -> None:
        """`# encoding: euc-jp` in one of the first two lines."""
        match = _COMMENT.match(data)
        if match:
            self._encoding(decoded(match[1]), Firing.LOAD)

    def constant(self, text: str, firing: Firing) -> None:
        """A constant: a class that speaks TLS, or `Encoding::EUC_JP`."""
        text = text.removeprefix("::")
        if text.startswith("Encoding::"):
            self._encoding(text.removeprefix("Encoding::").replace("_", "-"), firing)
        elif text.startswith(("Digest::", "OpenSSL::Digest")):
            self._digest(text.rpartition("::")[2], firing)
        elif text in _CLIENTS and self._client is None:
            self._client = (self._seen.line, firing, text)
        elif text in _ALWAYS:
            self._secure = True
            self._client = self._client or (self._seen.line, firing, text)

    def _digest(self, name: str, firing: Firing) -> None:
        """`Digest::SHA256` is loaded when it is first named (digest.rb, `Digest.const_missing`)."""
        if name.startswith(("SHA2", "SHA384", "SHA512")):
            self._feature("digest/sha2", firing)
        elif name.isalnum() and name.isupper():
            self._feature(f"digest/{name.lower()}", firing)

    def string(self, raw: bytes) -> None:
        """A string: one that begins with `https` makes a client of HTTP one of TLS."""
        self._secure = self._secure or raw[1:6] == b"https"

    def call(self, owner: str, name: str, values: list[Value], firing: Firing) -> None:
        """A call that names encodings, or switches TLS on."""
        if name in ("use_ssl=", "use_ssl", "start_tls", "enable_starttls", "enable_tls"):
            self._secure = True
        texts = [text for value in values for text in value.texts]
        for text in texts if owner == "" and name == "Digest" else ():
            self._digest(text, firing)
        if name in _CONVERTS or owner in ("Encoding::Converter", "Encoding"):
            for text in texts:
                self._encoding(text, firing)
        for text in texts if owner in ("File", "IO", "CSV", "") else ():
            match = _MODE.match(text)
            for one in match.groups() if match else ():
                self._encoding(one or "", firing)

    def finish(self) -> None:
        """Authorities for a program that was seen to speak TLS as a client."""
        if self._client is None or not self._secure:
            return
        line, firing, text = self._client
        self._seen.line = line
        env = self._lookups.context.env
        homes = _openssl_homes(self._lookups)
        names = [env.get("SSL_CERT_FILE", ""), *(f"{home}/cert.pem" for home in homes)]
        names += [env.get("SSL_CERT_DIR", ""), *(f"{home}/certs" for home in homes)]
        for name in names:
            found = self._lookups.named(name, "/")
            if found is not None:
                kind = EdgeKind.TRUSTS
                if found[1] is FileType.FILE:
                    self._seen.file(found[0], kind, weakened_to_use(firing), text)
                    return
                self._seen.named(*found, text)
                return

    def _encoding(self, name: str, firing: Firing) -> None:
        """The encoding itself (enc/euc_jp.so) and the transcoders that know its name."""
        if name.upper() in _BUILT_IN or not _ENCODING.match(name):
            return
        for folder in self._ruby.archives:
            own = ImagePath(f"{folder}/enc/{name.lower().replace('-', '_')}.so")
            if self._lookups.is_file(own):
                self._seen.file(own, EdgeKind.LOADS, firing, name)
            for path in _transcoders(self._lookups, folder).get(name.upper(), ()):
                self._seen.file(path, EdgeKind.LOADS, firing, name)


def weakened_to_use(firing: Firing) -> Firing:
    """A connection is made when the program runs, not when it is loaded."""
    return Firing.DEFERRED if firing is Firing.LOAD else firing


def _transcoders(lookups: Lookups, folder: ImagePath) -> Mapping[str, tuple[ImagePath, ...]]:
    """Files of enc/trans by the names of encodings in them, in capitals; found once in a walk."""
    known = lookups.context.once(_transcoders_by_folder)
    if folder in known:
        return known[folder]
    found: dict[str, list[ImagePath]] = {}
    for name in lookups.children(f"{folder}/enc/trans"):
        path = image_path(f"{folder}/enc/trans/{name}")
        if name.endswith(".so") and name != "transdb.so":
            data = lookups.content(path, lookups.context.limits.script)
            for text in sorted(set(_NAME.findall(data))):
                found.setdefault(decoded(text).upper(), []).append(path)
    known[folder] = {name: tuple(paths) for name, paths in found.items() if name not in _BUILT_IN}
    return known[folder]


def _transcoders_by_folder(_: Context) -> dict[str, Mapping[str, tuple[ImagePath, ...]]]:
    return {}


def _openssl_homes(lookups: Lookups) -> tuple[str, ...]:
    """OPENSSLDIR of every libcrypto where the loader looks by default."""
    known = lookups.context.once(_found_once)
    if known.openssl is not None:
        return known.openssl
    homes: dict[str, None] = {}
    for pattern in _LIBRARIES:
        for path in lookups.glob(pattern):
            try:
                match = OPENSSLDIR.search(lookups.content(path, lookups.context.limits.elf))
            except ImageError:
                continue
            if match:
                homes[decoded(match[1])] = None
    known.openssl = tuple(homes)
    return known.openssl


@dataclass(slots=True)
class _Found:
    """What a walk finds once."""

    openssl: tuple[str, ...] | None = None


def _found_once(_: Context) -> _Found:
    return _Found()
