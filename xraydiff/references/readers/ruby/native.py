"""What Ruby itself loads on a program's behalf: transcoders of encodings, certificate authorities for TLS."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from xraydiff.facts import EdgeKind, Firing
from xraydiff.paths import ImagePath, decoded, image_path
from xraydiff.references import Context
from xraydiff.references.kit.authorities import trusted
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.ruby.interpreter import RubyInterpreter
from xraydiff.references.readers.ruby.vocabulary import MODE

__all__ = ["RubyNative"]

_BUILT_IN: Final = frozenset({"UTF-8", "UTF8", "US-ASCII", "ASCII", "ASCII-8BIT", "BINARY", "LOCALE", "EXTERNAL"})
_NAME = re.compile(rb"\0([A-Za-z][A-Za-z0-9_.:-]{2,40})(?=\0)")
_ENCODING = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{2,40}\Z")


class RubyNative:
    """Edges to what Ruby itself loads for one program."""

    def __init__(
        self, seen: Recorder, lookup: Lookup, ruby: RubyInterpreter, feature: Callable[[str, Firing], None]
    ) -> None:
        self._feature = feature
        self._seen = seen
        self._lookup = lookup
        self._ruby = ruby

    def digest(self, name: str, firing: Firing) -> None:
        """`Digest::SHA256` is loaded when it is first named (digest.rb, `Digest.const_missing`)."""
        if name.startswith(("SHA2", "SHA384", "SHA512")):
            self._feature("digest/sha2", firing)
        elif name.isalnum() and name.isupper():
            self._feature(f"digest/{name.lower()}", firing)

    def mode(self, text: str, firing: Firing) -> None:
        """The mode of a file, with encodings in it: `r:euc-jp:utf-8`."""
        match = MODE.match(text)
        for name in match.groups() if match else ():
            self.encoding(name or "", firing)

    def authorities(self, client: str, firing: Firing) -> None:
        """Certificate authorities for a program that speaks TLS as a client."""
        trusted(client, firing, self._seen, self._lookup)

    def encoding(self, name: str, firing: Firing) -> None:
        """The encoding itself (enc/euc_jp.so) and the transcoders that know its name."""
        if name.upper() in _BUILT_IN or not _ENCODING.match(name):
            return
        for folder in self._ruby.archives:
            own = ImagePath(f"{folder}/enc/{name.lower().replace('-', '_')}.so")
            if self._lookup.is_file(own):
                self._seen.file(own, EdgeKind.LOADS, firing, name)
            for path in _transcoders(self._lookup, folder).get(name.upper(), ()):
                self._seen.file(path, EdgeKind.LOADS, firing, name)


def _transcoders(lookup: Lookup, folder: ImagePath) -> Mapping[str, tuple[ImagePath, ...]]:
    """Files of enc/trans by the names of encodings in them, in capitals; found once in a walk."""
    known = lookup.context.once(_transcoders_by_folder)
    if folder in known:
        return known[folder]
    found: dict[str, list[ImagePath]] = {}
    for name in lookup.children(f"{folder}/enc/trans"):
        path = image_path(f"{folder}/enc/trans/{name}")
        if name.endswith(".so") and name != "transdb.so":
            data = lookup.content(path, lookup.context.limits.script)
            for text in sorted(set(_NAME.findall(data))):
                found.setdefault(decoded(text).upper(), []).append(path)
    known[folder] = {name: tuple(paths) for name, paths in found.items() if name not in _BUILT_IN}
    return known[folder]


def _transcoders_by_folder(_: Context) -> dict[str, Mapping[str, tuple[ImagePath, ...]]]:
    return {}
