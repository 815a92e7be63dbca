"""Where this image's own perl looks for modules: the @INC compiled into it, PERL5LIB, and `-I` of the start command.

perlrun(1) for the last two; perl.c, `S_init_perllib`, for the order: site, vendor, core, of each the directory for this
architecture first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from xraydiff.conventions import ELF_MAGIC
from xraydiff.paths import ImagePath, decoded, image_path, join
from xraydiff.references import Context
from xraydiff.references.kit.lookup import Exhausted, Lookup

__all__ = ["PerlInterpreter", "find_interpreter"]

_PROGRAMS: Final = ("/usr/local/bin/perl", "/usr/bin/perl", "/bin/perl", "/opt/perl/bin/perl")
_LIBRARIES: Final = (
    "/usr/lib/*/libperl.so.*",
    "/usr/lib/libperl.so*",
    "/usr/lib64/libperl.so*",
    "/usr/lib/perl5/core_perl/CORE/libperl.so",
    "/usr/lib64/perl5/CORE/libperl.so",
    "/usr/local/lib/perl5/*/*/CORE/libperl.so",
)
_COMPILED_IN: Final = re.compile(rb"\0(/[\x21-\x7e]{1,200}perl[\x21-\x7e]{0,100})(?=\0)")
_LAYOUTS: Final = (
    "/etc/perl",
    "/usr/local/lib/perl5/site_perl/*/*",
    "/usr/local/lib/perl5/site_perl/*",
    "/usr/local/lib/perl5/vendor_perl/*/*",
    "/usr/local/lib/perl5/vendor_perl/*",
    "/usr/local/lib/perl5/[0-9]*/*-linux*",
    "/usr/local/lib/perl5/[0-9]*",
    "/usr/local/lib*/perl5/site_perl",
    "/usr/local/share/perl5/site_perl",
    "/usr/local/lib/*/perl/[0-9]*",
    "/usr/local/share/perl/[0-9]*",
    "/usr/lib*/perl5/vendor_perl",
    "/usr/share/perl5/vendor_perl",
    "/usr/lib/*/perl5/[0-9]*",
    "/usr/share/perl5",
    "/usr/lib/perl5/core_perl",
    "/usr/share/perl5/core_perl",
    "/usr/lib64/perl5",
    "/usr/lib/*/perl-base",
    "/usr/lib/*/perl/[0-9]*",
    "/usr/share/perl/[0-9]*",
    "/usr/local/lib/site_perl",
)
"""Directories of the usual builds, where the program is not at hand: the official image, Alpine, Debian, Fedora."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerlInterpreter:
    """One perl of the image."""

    inc: tuple[ImagePath, ...]
    version: float = 0.0
    """As `$]` (5.036), 0 where it is not known."""

    def file(self, name: str, lookup: Lookup, extra: Iterable[str] = ()) -> ImagePath | None:
        """The first file of a name (`Foo/Bar.pm`) over @INC, with what the program puts before it."""
        lookup.spend()
        files = lookup.context.original.files
        for root in (*extra, *self.inc):
            path = ImagePath(f"{root}/{name}")
            if (path in files or "/." in path) and lookup.is_file(path):
                return image_path(path)
        for root in (*extra, *self.inc):
            # A root that is a link, or goes through one (`/usr/lib64 -> lib`): perl needs the link too.
            real = lookup.real(root)
            if real is not None and real[0] != root and lookup.is_file(f"{real[0]}/{name}"):
                return image_path(f"{root}/{name}")
        return None

    def below(self, folder: str, lookup: Lookup, extra: Iterable[str] = ()) -> tuple[ImagePath, ...]:
        """The modules in a folder of @INC, which a program chooses from by a name that it makes up."""
        found: dict[ImagePath, None] = {}
        for root in (*extra, *self.inc):
            for name in lookup.children(f"{root}/{folder}"):
                if name.endswith(".pm"):
                    found[image_path(f"{root}/{folder}/{name}")] = None
        return tuple(found)


def find_interpreter(context: Context, lookup: Lookup) -> PerlInterpreter:
    """This image's perl, found once in a walk."""
    known = context.once(_interpreter)
    lookup.spend()
    return known


def _interpreter(context: Context) -> PerlInterpreter:
    try:
        return _installed(context, Lookup(context))
    except Exhausted:
        return PerlInterpreter(inc=())


def _installed(context: Context, lookup: Lookup) -> PerlInterpreter:
    compiled = _compiled_in(context, lookup)
    roots = compiled or [path for pattern in _LAYOUTS for path in lookup.glob(pattern)]
    kept = _by_links([path for path in dict.fromkeys(roots) if lookup.is_directory(path)], lookup)
    inc = [*_directories(context.env.get("PERL5LIB") or context.env.get("PERLLIB", ""), context), *_included(context)]
    return PerlInterpreter(inc=tuple(dict.fromkeys([*inc, *kept])), version=_version(kept))


def _by_links(roots: list[ImagePath], lookup: Lookup) -> list[ImagePath]:
    """Without the directories that another root is a link to.

    Debian's @INC has `/usr/share/perl/5.36`, a link to `5.36.0`, so that point releases need no rebuild of modules; the
    program holds both names, and a module is missing where its link is missing.
    """
    real = {root: found[0] for root in roots if (found := lookup.real(root)) is not None}
    linked = {path for root, path in real.items() if root != path}
    return [root for root in roots if root not in linked]


def _compiled_in(context: Context, lookup: Lookup) -> list[ImagePath]:
    """The directories that stand in the program, or in the library behind it, in the order of @INC."""
    named = (f"{folder}/perl" for folder in context.path)
    libraries = (path for pattern in _LIBRARIES for path in lookup.glob(pattern))
    for path in dict.fromkeys([*named, *_PROGRAMS, *libraries]):
        data = lookup.content(path, context.limits.elf)
        if not data.startswith(ELF_MAGIC):
            continue
        names = (decoded(name) for name in dict.fromkeys(_COMPILED_IN.findall(data)))
        roots = [image_path(name) for name in names if ":" not in name and lookup.is_directory(name)]
        if roots:
            divided = any("/perl/" in root for root in roots)
            return sorted(roots, key=lambda root: _rank(root, divided=divided))
    return []


def _rank(root: ImagePath, *, divided: bool) -> tuple[int, bool, int, str]:
    """The place of a directory in @INC; `divided` where core and vendor modules lie in `perl` and `perl5` (Debian)."""
    for_all = root.startswith(("/usr/share", "/usr/local/share")) or not re.search(r"linux|/lib", root)
    if root == "/etc/perl":
        group = 0
    elif root == "/usr/local/lib/site_perl":
        group = 6
    elif "site_perl" in root or (divided and root.startswith("/usr/local")):
        group = 1
    elif "vendor_perl" in root or (divided and "/perl5" in root):
        group = 2
    elif root.endswith("/perl-base"):
        group = 3
    else:
        group = 4
    # Of two directories of one group the deeper one is the architecture's own: `5.38.2/x86_64-linux-gnu`.
    return (group, for_all, -root.count("/"), root)


def _version(roots: Iterable[ImagePath]) -> float:
    for root in roots:
        match = re.search(r"/5\.([0-9]{1,3})(?:\.[0-9]+)?(?:/|\Z)", root)
        if match:
            return float(f"5.{int(match[1]):03d}")
    return 0.0


def _directories(text: str, context: Context) -> Iterator[ImagePath]:
    yield from (join(context.cwd, part) for part in text.split(":") if part)


def _included(context: Context) -> Iterator[ImagePath]:
    """`-I DIR` of the start command."""
    words = (*(context.config.entrypoint or ()), *(context.config.cmd or ()))
    for index, word in enumerate(words):
        if word == "-I" and index + 1 < len(words):
            yield join(context.cwd, words[index + 1])
        elif word.startswith("-I"):
            yield join(context.cwd, word[2:])
        elif word.startswith("-Mlib="):
            yield from (join(context.cwd, part) for part in word[6:].split(","))
