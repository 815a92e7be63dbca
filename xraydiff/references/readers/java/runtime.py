"""Where the Java runtimes of an image lie, of every layout since Java 8, and the files that a facility has there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from xraydiff.commands.start import find_executable
from xraydiff.errors import LimitExceeded
from xraydiff.facts import FileType
from xraydiff.knowledge import Facility
from xraydiff.paths import ImagePath, parent
from xraydiff.references import Context
from xraydiff.tree import FileTree, glob

__all__ = ["Home", "homes"]

_VARIANTS = frozenset({"server", "client", "minimal", "zero"})
_POLICY = re.compile(rb"^[ \t]*crypto\.policy[ \t]*=[ \t]*([a-z]{1,32})[ \t]*$", re.MULTILINE)
_HOMES = 16
"""Runtimes of one image that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """One installed runtime: JAVA_HOME, or the `jre` below it before Java 9."""

    path: str
    native: str
    """The directory of its native libraries."""
    machine: str
    """The virtual machine's library."""
    modular: bool
    """Whether it has the layout of Java 9 and later (JEP 220)."""
    policy: str = "unlimited"
    """crypto.policy of java.security."""

    def files(self, facility: Facility, tree: FileTree) -> Iterator[ImagePath]:
        """The files of a facility that this runtime has, as its own code spells them."""
        for pattern in facility.files:
            path = pattern.format(conf=self._conf, lib=f"{self.path}/lib", native=self.native, policy=self.policy)
            if "*" in path:
                yield from (one for one in glob(tree, path) if tree.resolve(one).file is not None)
            elif tree.resolve(path).file is not None:
                yield ImagePath(path)

    @property
    def _conf(self) -> str:
        return f"{self.path}/{'conf' if self.modular else 'lib'}"

    @property
    def security(self) -> str:
        """The path of java.security."""
        return f"{self._conf}/security/java.security"


def homes(context: Context) -> tuple[Home, ...]:
    """The runtime that the start command's PATH and JAVA_HOME lead to, or all where they lead to none of them."""
    every = tuple(_with_policy(home, context) for home in _installed(context.original))
    return _in_use(every, context) or every


def _installed(tree: FileTree) -> Iterator[Home]:
    """By their libjvm.so: HOME/lib/server, or HOME/lib/ARCH/server before Java 9."""
    found: dict[str, Home] = {}
    for path, file in tree.files.items():
        if not path.endswith("/libjvm.so") or file.type is not FileType.FILE:
            continue
        parts = path.rsplit("/", 4)
        if len(parts) < 5 or parts[3] not in _VARIANTS:
            continue
        native = parent(parent(path))
        modular = parts[2] == "lib"
        if not modular and parts[1] != "lib":
            continue
        home = parent(native) if modular else parent(parent(native))
        found.setdefault(home, Home(path=home.rstrip("/"), native=native, machine=path, modular=modular))
    yield from list(found.values())[:_HOMES]


def _in_use(every: tuple[Home, ...], context: Context) -> tuple[Home, ...]:
    named = context.env.get("JAVA_HOME") or context.env.get("JRE_HOME")
    program = find_executable("java", context.original, context.path, context.cwd)
    for place in (named, str(program) if program is not None else None):
        real = context.original.resolve(place).path if place else None
        if real is not None:
            used = tuple(home for home in every if _belongs(real, home.path))
            if used:
                return used
    return ()


def _belongs(real: str, home: str) -> bool:
    """Whether a path is a home, lies in it, or is the JDK around a `jre`."""
    return real == home or real.startswith(home + "/") or real == home.removesuffix("/jre")


def _with_policy(home: Home, context: Context) -> Home:
    """Every runtime with the policy that its java.security chooses."""
    found = context.original.resolve(home.security)
    if found.path is None or found.file is None or found.file.type is not FileType.FILE:
        return home
    try:
        text = context.original.content(found.path, limit=context.limits.script)
    except LimitExceeded:
        return home
    match = None
    for match in _POLICY.finditer(text):  # noqa: B007  the last line counts, as in java.util.Properties
        pass
    if match is None:
        return home
    return Home(
        path=home.path,
        native=home.native,
        machine=home.machine,
        modular=home.modular,
        policy=match[1].decode("ascii"),
    )
