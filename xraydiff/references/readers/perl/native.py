"""What perl itself loads on a program's behalf: encodings, layers of PerlIO, tables of Unicode, authorities for TLS."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from xraydiff.facts import EdgeKind, Firing
from xraydiff.paths import decoded, image_path
from xraydiff.references import Context
from xraydiff.references.kit.authorities import trusted
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.perl.interpreter import PerlInterpreter, find_interpreter

__all__ = ["PerlNative"]

_LAYER: Final = re.compile(r":([A-Za-z_]\w*)(?:\(([^()\s]{1,60})\))?")
_BUILT_IN: Final = frozenset(
    ("utf8", "raw", "bytes", "crlf", "unix", "perlio", "stdio", "mmap", "pop", "std", "locale")
)
_LAYERS: Final = re.compile(r"[<>+|\s-]*(?::[A-Za-z_]\w*(?:\([^()\s]{1,60}\))?)+\s*\Z")
_ENCODINGS: Final = (
    (re.compile(r"utf-?8(?:-strict)?|ascii|us-ascii|iso-8859-1|latin-?1|null"), ""),
    (re.compile(r"(?:utf|ucs)-?(?:16|32|2|4)(?:-?[bl]e)?"), "Encode::Unicode"),
    (re.compile(r"utf-?7(?:-imap)?"), "Encode::Unicode::UTF7"),
    (
        re.compile(r"(?:euc-?jp|shift-?_?jis|sjis|7bit-jis|iso-2022-jp(?:-1)?|cp932|windows-31j|macjapanese|jis.*)"),
        "Encode::JP",
    ),
    (re.compile(r"(?:euc-?kr|cp949|johab|iso-2022-kr|mackorean|ksc.*|uhc)"), "Encode::KR"),
    (re.compile(r"(?:euc-?cn|gb.*|cp936|hz|iso-ir-165|macchinesesimp)"), "Encode::CN"),
    (re.compile(r"(?:big5.*|cp950|macchinesetrad)"), "Encode::TW"),
    (re.compile(r"mime-.*"), "Encode::MIME::Header"),
    (re.compile(r"gsm0338"), "Encode::GSM0338"),
    (re.compile(r"(?:symbol|dingbats|adobe.*|macdingbats|macsymbol)"), "Encode::Symbol"),
    (re.compile(r"(?:cp(?:37|500|875|1026|1047)|posix-bc)"), "Encode::EBCDIC"),
    (re.compile(r"guess"), "Encode::Guess"),
    (
        re.compile(r"(?:cp\d+|windows-?\d+|iso-?8859-?\d+|koi8-?[rfu]|mac\w+|viscii|hp-roman8|nextstep|latin-?\d+)"),
        "Encode::Byte",
    ),
)
"""Encodings by the module that holds them (Encode::Config, Encode::Alias)."""
_TABLE: Final = re.compile(rb"'([a-z0-9_=]{1,60})' => '([A-Za-z0-9_]{1,30}/[A-Za-z0-9_]{1,30})'")
_CLIENTS: Final = (
    "LWP",
    "HTTP::Tiny",
    "Mojo::UserAgent",
    "IO::Socket::SSL",
    "WWW::Mechanize",
    "Net::SMTP",
    "Furl",
    "REST",
)
_TLS_MODULES: Final = ("IO::Socket::SSL", "Net::SSLeay", "LWP::Protocol::https", "Mozilla::CA")


class PerlNative:
    """Collects what one program says about encodings, layers, properties and TLS."""

    def __init__(
        self, seen: Recorder, lookup: Lookup, perl: PerlInterpreter, module: Callable[[str, Firing], bool]
    ) -> None:
        self._seen = seen
        self._lookup = lookup
        self._perl = perl
        self._module = module
        self._client: tuple[int, Firing, str] | None = None
        self._secure = False

    def module(self, name: str, firing: Firing) -> None:
        """A module that the program uses: one of those that speak TLS where they are told to."""
        if self._client is None and name.startswith(_CLIENTS):
            self._client = (self._seen.line, firing, name)
            self._secure = self._secure or name.startswith("IO::Socket::SSL")

    def secure(self) -> None:
        """The program has an address that begins with `https`."""
        self._secure = True

    def character_names(self, firing: Firing) -> None:
        """The names of characters, for a text that has some by name."""
        for name in ("_charnames.pm", "unicore/Name.pm", "unicore/Name.pl"):
            self._file(name, firing, "\\N{...}")

    def layers(self, text: str, firing: Firing) -> None:
        """Layers of `open`, `binmode` and `use open`: `<:encoding(UTF-16)`."""
        for name, argument in _LAYER.findall(text) if _LAYERS.match(text) else ():
            if name not in _BUILT_IN:
                self._module("PerlIO", firing)
            if name == "encoding":
                self._module("PerlIO::encoding", firing)
                self.encoding(argument, firing)
            elif name == "via":
                self._module("PerlIO::via", firing)
                self._module(f"PerlIO::via::{argument}", firing)
                self._module(argument, firing)
            elif name not in _BUILT_IN:
                self._module(f"PerlIO::{name}", firing)

    def encoding(self, name: str, firing: Firing) -> None:
        """The module that holds an encoding."""
        low = name.lower()
        module = next((module for pattern, module in _ENCODINGS if pattern.fullmatch(low)), None)
        if module is not None:
            self._module("Encode", firing)
        if module:
            self._module(module, firing)

    def finish(self) -> None:
        """Modules and authorities for a program that was seen to speak TLS as a client."""
        if self._client is None or not self._secure:
            return
        line, firing, text = self._client
        self._seen.line = line
        firing = Firing.DEFERRED if firing is Firing.LOAD else firing
        for module in _TLS_MODULES:
            self._module(module, firing)
        bundle = self._perl.file("Mozilla/CA/cacert.pem", self._lookup)
        if bundle is not None:
            self._seen.file(bundle, EdgeKind.TRUSTS, firing, text)
        trusted(text, firing, self._seen, self._lookup)

    def property(self, name: str, firing: Firing) -> None:
        """A table of Unicode, for a perl that reads them from files: before 5.32 it had utf8_heavy.pl."""
        if self._perl.file("utf8_heavy.pl", self._lookup) is None:
            return
        for file in ("utf8_heavy.pl", "unicore/Heavy.pl"):
            self._file(file, firing, name)
        low = re.sub(r"[ _]", "", name.lower()).replace(":", "=")
        found = self._lookup.context.once(_tables).get(low)
        if found:
            self._file(f"unicore/lib/{found}.pl", firing, name)

    def _file(self, name: str, firing: Firing, detail: str) -> None:
        path = self._perl.file(name, self._lookup)
        if path is not None:
            self._seen.file(image_path(path), EdgeKind.LOADS, firing, detail, language="perl")


def _tables(context: Context) -> Mapping[str, str]:
    """Files of unicore/lib by the names of properties (unicore/Heavy.pl)."""
    lookup = Lookup(context)
    path = find_interpreter(context, lookup).file("unicore/Heavy.pl", lookup)
    data = lookup.content(path, context.limits.script) if path else b""
    return {decoded(name): decoded(file) for name, file in _TABLE.findall(data)}
