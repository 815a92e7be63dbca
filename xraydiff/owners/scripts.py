"""Which paths the maintainer scripts of dpkg packages name, and which ucf(1) registered: files that packages made."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from xraydiff.errors import LimitExceeded
from xraydiff.facts import FileType, Package
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, encoded, parent
from xraydiff.tree import FileTree

_ENDINGS = (".postinst", ".preinst", ".config", ".postrm", ".prerm")
_UCF = ImagePath("/var/lib/ucf/registry")
_OCCURRENCES = 20
"""How often a path may stand inside longer ones before it counts as not named."""
_LINE = 512
"""Bytes of a line before a path that are looked at."""
_MAKES_NOTHING = re.compile(
    rb"[ \t]*(?:(?:if|elif|while|until)[ \t]+)?(?:![ \t]+)?(?:(?:\[\[?|test|chown|chgrp|chmod|rm|rmdir)[ \t])[^;&|]*\Z"
)
"""The beginning of a line whose command makes no file; what stands behind `;`, `&&` or `||` may."""
_NAME_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class MaintainerScripts:
    """The scripts of every dpkg package in one text, read when the first question comes."""

    def __init__(self, tree: FileTree, packages: Iterable[Package], limits: Limits) -> None:
        self._tree = tree
        self._limits = limits
        self._folders = sorted(
            {ImagePath(f"{parent(ImagePath(p.location))}/info") for p in packages if p.ecosystem == "dpkg"}
        )
        self._text: bytes | None = None
        self._folders_named: dict[ImagePath, bool] = {}
        self._starts: list[int] = []
        self._names: list[tuple[str, int]] = []
        self._registered: dict[str, str] = {}
        self._layers = {
            name.partition(":")[0].removesuffix(".list"): tree.files[ImagePath(f"{folder}/{name}")].layer
            for folder in self._folders
            for name in tree.children(folder)
            if name.endswith(".list")
        }

    def maker(self, path: ImagePath) -> tuple[str, int] | None:
        """The package whose script names a path, and the layer that holds its record; None where no script does."""
        if self._text is None:
            self._text = self._read()
        registered = self._registered.get(path)
        if registered is not None:
            return registered, self.layer(registered)
        folder = parent(path)
        named = self._folders_named.get(folder)
        if named is None:
            named = self._folders_named[folder] = encoded(folder) in self._text
        if not named:
            return None
        wanted = encoded(path)
        at = -1
        for _ in range(_OCCURRENCES):
            at = self._text.find(wanted, at + 1)
            if at < 0:
                return None
            if self._is_whole(at, at + len(wanted)) and self._may_make(at):
                return self._names[bisect_right(self._starts, at) - 1]
        return None

    def _may_make(self, at: int) -> bool:
        """Whether the line of an occurrence does more than test for a path, change whose it is, or remove it."""
        text = self._text or b""
        start = max(text.rfind(b"\n", 0, at) + 1, at - _LINE)
        return _MAKES_NOTHING.match(text, start, at) is None

    def _is_whole(self, start: int, end: int) -> bool:
        text = self._text or b""
        tail = text[end : end + 2]
        before = text[start - 1 : start]
        if before and (before[0] in _NAME_BYTES or before in (b"}", b".")):
            return False
        # A full stop after the name ends a sentence, unless the name goes on behind it.
        tail = tail[1:] if tail[:1] == b"." else tail[:1]
        return not tail or tail[0] not in _NAME_BYTES

    def _read(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        for folder, name, ending in self._scripts():
            path = ImagePath(f"{folder}/{name}{ending}")
            if self._tree.files[path].type is not FileType.FILE:
                continue
            try:
                text = self._tree.content(path, limit=self._limits.script)
            except LimitExceeded:
                continue
            if size + len(text) > self._limits.package_database:
                break
            self._starts.append(size)
            package = name.partition(":")[0]
            self._names.append((package, self.layer(package)))
            parts.append(text + b"\n")
            size += len(text) + 1
        self._read_registry()
        return b"".join(parts)

    def _scripts(self) -> Iterator[tuple[ImagePath, str, str]]:
        for folder in self._folders:
            for child in self._tree.children(folder):
                for ending in _ENDINGS:
                    if child.endswith(ending):
                        yield folder, child.removesuffix(ending), ending

    def layer(self, package: str) -> int:
        """The layer that installed a package last; -1 where its file list is missing."""
        return self._layers.get(package, -1)

    def _read_registry(self) -> None:
        """Lines of `package path`."""
        file = self._tree.files.get(_UCF)
        if file is None or file.type is not FileType.FILE or file.size > self._limits.package_record:
            return
        for line in self._tree.content(_UCF).decode("utf-8", "surrogateescape").split("\n"):
            words = line.split(None, 1)
            if len(words) == 2 and words[1].startswith("/"):
                self._registered[words[1].strip()] = words[0]
