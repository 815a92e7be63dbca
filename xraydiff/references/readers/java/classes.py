"""References of one Java class: parts of the runtime, classes and resources, paths, libraries, commands."""

from __future__ import annotations

import re
from typing import Final

from xraydiff.commands.start import find_executable
from xraydiff.conventions import SHELLS, engine_provides
from xraydiff.errors import LimitExceeded
from xraydiff.facts import EdgeKind, FileType, Firing, Node
from xraydiff.knowledge import Facility
from xraydiff.paths import ImagePath, basename, image_path, join
from xraydiff.references import Context
from xraydiff.references.kit.evaluation import Exhausted, is_vague
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.java.archive import Budget
from xraydiff.references.readers.java.bytecode import HOLE
from xraydiff.references.readers.java.facilities import facilities
from xraydiff.references.readers.java.parsing import Class
from xraydiff.references.readers.java.runtime import Home, homes

__all__ = ["ROOTS", "ClassReferences"]

_OF_CLIENTS: Final = frozenset({"trusted certificates", "jurisdiction policy"})
"""Facilities without which nobody fetches by https."""
_CLIENTS: Final = (
    "java/net/URL", "java/net/URI", "java/net/HttpURLConnection", "okhttp3/", "retrofit2/", "org/apache/http/",
    "org/apache/hc/", "org/springframework/web/client/", "org/springframework/web/reactive/function/client/", "feign/",
    "javax/ws/rs/client/", "jakarta/ws/rs/client/", "org/eclipse/jetty/client/", "io/vertx/ext/web/client/",
)  # fmt: skip
"""Classes by which a program fetches what a URL names; a URL alone is often only the name of an XML schema."""
_NOT_FETCHED: Final = re.compile(r"https://(?:www\.)?(?:w3\.org|[a-z.]*schemas?\.|[a-z.]*xmlns\.|[a-z.]*xml\.org)")
_LIBRARIES: Final = frozenset({("java/lang/System", "loadLibrary"), ("java/lang/Runtime", "loadLibrary")})
_FILES: Final = frozenset(
    {
        "java/io/File",
        "java/io/FileInputStream",
        "java/io/FileReader",
        "java/io/RandomAccessFile",
        "java/nio/file/Files",
        "java/nio/file/Path",
        "java/nio/file/Paths",
    }
)
_ZONES: Final = ("java/util/TimeZone", "java/time/ZoneId")
_BUNDLES: Final = ("java/util/ResourceBundle", "org/springframework/context/support/ResourceBundleMessageSource")
ROOTS: Final = frozenset({"", "/bin", "/etc", "/home", "/lib", "/opt", "/run", "/srv", "/tmp", "/usr", "/var"})  # noqa: S108
"""Directories below which a computed name may mean anything."""
_DOTTED: Final = re.compile(r"[A-Za-z_$][\w$]{0,100}(?:[./][A-Za-z_$][\w$]{0,100}){0,20}\Z", re.ASCII)


class ClassReferences:
    """Records the references of classes, all as edges of one node: a class file, or the archive of the classes."""

    def __init__(self, context: Context, seen: Recorder, folders: tuple[str, ...]) -> None:
        """`folders` are the directories on the class path, that of the class itself first."""
        self._context = context
        self._tree = context.original
        self._seen = seen
        self._folders = folders
        self._homes: tuple[Home, ...] = context.once(homes)
        self._facilities = context.once(facilities)
        self._told: set[str] = set()
        self._lookup = Lookup(context)

    def look(self, read: Class) -> None:
        """Record every reference of a class."""
        try:
            self._classes(read)
            self._runtime(read)
            self._constants(read)
            self._commands(read)
        except (Exhausted, LimitExceeded):
            self._seen.gap("too-large", f"{read.name} asks for more than is looked up")

    # --- the runtime ------------------------------------------------------------------------------------------------

    def _runtime(self, read: Class) -> None:
        self._vital(read)
        known = self._facilities
        for name in (*read.supers, *read.classes):
            for row in known.of_class(name):
                self._facility(row, f"{read.name} uses {name}")
        for owner, method in read.methods:
            for row in known.of_method(owner, method):
                self._facility(row, f"{read.name} calls {owner}.{method}")
        for row in known.of_version(read.major):
            self._facility(row, f"{read.name} has version {read.major}")
        url = next((text for text in read.strings if text.startswith("https://") and not _NOT_FETCHED.match(text)), "")
        if url and any(name.startswith(_CLIENTS) for name in read.classes):
            for row in known.rows:
                if row.name in _OF_CLIENTS:
                    self._facility(row, f"{read.name} names {url}")

    def _vital(self, read: Class) -> None:
        """What a framework cannot do without at its start, whatever else it does."""
        for row in self._facilities.vital:
            name = next((name for name in read.classes if name.startswith(row.vital)), "")
            detail = f"{row.name}: {read.name} uses {name}, and each of its answers or log lines has a date"
            for home in self._homes if name else ():
                for path in home.files(row, self._tree):
                    self._seen.edge(Node(path=path), row.kind, Firing.LOAD, detail, stops=True, group=row.name)

    def _facility(self, row: Facility, detail: str) -> None:
        if row.name in self._told:
            return
        self._told.add(row.name)
        for home in self._homes:
            for path in home.files(row, self._tree):
                self._seen.file(path, row.kind, Firing.DEFERRED, f"{row.name}: {detail}", group=row.name)
                if row.kind is EdgeKind.TRUSTS:
                    break

    # --- classes and resources on the class path ----------------------------------------------------------------------

    def _classes(self, read: Class) -> None:
        for name in read.supers:
            self._class(name, Firing.LOAD)
        for name in read.classes:
            self._class(name, Firing.DEFERRED)

    def _class(self, name: str, firing: Firing) -> None:
        for folder in self._folders:
            path = f"{folder}/{name}.class"
            if self._lookup.type_of(path) is FileType.FILE:
                self._seen.file(image_path(path), EdgeKind.IMPORTS, firing, name.replace("/", "."))
                return

    def _constants(self, read: Class) -> None:
        package = read.name.rpartition("/")[0]
        names = {name for name, _ in read.methods}
        libraries = not _LIBRARIES.isdisjoint(read.methods)
        files = not _FILES.isdisjoint(names) or not _FILES.isdisjoint(read.classes)
        bundles = any(name in names for name in _BUNDLES)
        for text in (*read.strings, *read.texts):
            if HOLE in text:
                continue
            self._path(text, relative=files)
            self._resource(text.removeprefix("classpath:"), package, bundle=bundles)
            if libraries and "/" not in text:
                self._library(text)

    def _path(self, text: str, *, relative: bool) -> None:
        text = text.removeprefix("file:").replace("\1", HOLE)
        text = text.removeprefix("//")
        if not text.startswith("/"):
            if relative and ("/" in text or "." in text[1:]) and self._context.cwd != "/" and "://" not in text:
                self._relative(text)
            return
        if HOLE in text:
            self._computed(text)
            return
        path = image_path(text)
        type_ = self._lookup.type_of(path)
        if type_ in (FileType.FILE, FileType.DIRECTORY) and path.count("/") > 1 and not engine_provides(path):
            self._seen.named(path, type_ or FileType.FILE, text, Firing.NAMED)

    def _relative(self, text: str) -> None:
        path = join(self._context.cwd, text)
        type_ = self._lookup.type_of(path) if HOLE not in text else None
        if type_ in (FileType.FILE, FileType.DIRECTORY) and path != self._context.cwd:
            self._seen.named(path, type_ or FileType.FILE, text, Firing.NAMED)

    def _computed(self, pattern: str) -> None:
        """`"/app/data/" + name + ".json"` stands for the files that it matches."""
        if is_vague(pattern, ROOTS) or engine_provides(pattern):
            return
        for path in self._lookup.expand(pattern):
            type_ = self._lookup.type_of(path)
            if type_ is FileType.FILE:
                self._seen.named(path, type_, pattern.replace(HOLE, "*"), Firing.NAMED)

    def _resource(self, text: str, package: str, *, bundle: bool) -> None:
        """A resource beside the class or from the root of the class path, a class by its name, a bundle."""
        if not self._folders or text.endswith("/") or " " in text:
            return
        dotted = _DOTTED.match(text)
        for folder in self._folders:
            if "." in text or "/" in text:
                places = (text,) if text.startswith("/") else (text, f"{package}/{text}")
                for place in places:
                    path = f"{folder}/{place.lstrip('/')}"
                    if self._lookup.type_of(path) is FileType.FILE:
                        self._seen.file(image_path(path), EdgeKind.NAMES, Firing.DEFERRED, text)
            if dotted and "." in text:
                path = f"{folder}/{text.replace('.', '/')}.class"
                if self._lookup.type_of(path) is FileType.FILE:
                    self._seen.file(image_path(path), EdgeKind.IMPORTS, Firing.DEFERRED, text)
            if dotted and bundle:
                self._bundle(f"{folder}/{text.replace('.', '/')}", text)

    def _bundle(self, stem: str, text: str) -> None:
        """`messages` is messages.properties and, by locale, messages_it.properties."""
        for pattern in (f"{stem}.properties", f"{stem}_{HOLE}.properties"):
            for path in self._lookup.expand(pattern):
                self._seen.file(path, EdgeKind.NAMES, Firing.DEFERRED, text)

    # --- libraries and commands ---------------------------------------------------------------------------------------

    def _library(self, name: str) -> None:
        """System.loadLibrary looks in the runtime's own directory, then in java.library.path."""
        if not _DOTTED.match(name.replace("-", "_").replace(".", "_")):
            return
        listed = self._context.env.get("LD_LIBRARY_PATH", "").split(":")
        folders = (*(home.native for home in self._homes), *listed, *_DEFAULT_LIBRARIES)
        for folder in folders:
            path = f"{folder}/lib{name}.so"
            if folder.startswith("/") and self._lookup.type_of(path) is FileType.FILE:
                self._seen.file(image_path(path), EdgeKind.LOADS, Firing.DEFERRED, name)
                return

    def _commands(self, read: Class) -> None:
        for words in read.commands:
            self._command(words)

    def _command(self, words: tuple[str, ...]) -> None:
        program = words[0]
        if HOLE in program or not program:
            return
        path = find_executable(program, self._tree, self._context.path, self._context.cwd)
        detail = " ".join(words).replace(HOLE, "...")
        if path is not None:
            self._seen.file(path, EdgeKind.EXECUTES, Firing.DEFERRED, detail)
        if basename(program) in SHELLS and len(words) > 2 and words[1].startswith("-") and words[1].endswith("c"):
            self._seen.inline("shell", words[2].replace(HOLE, '"$ARGUMENT"'), Firing.DEFERRED, detail)


_DEFAULT_LIBRARIES: Final = (
    "/usr/java/packages/lib",
    "/usr/lib/x86_64-linux-gnu/jni",
    "/usr/lib/aarch64-linux-gnu/jni",
    "/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/jni",
    "/lib",
    "/usr/lib",
    "/usr/lib64",
    "/lib64",
)
"""hotspot os_linux.cpp, DEFAULT_LIBPATH, with Debian's patch."""


def budget_of(context: Context) -> Budget:
    """One budget for the whole walk."""
    return Budget(context.limits)


def class_root(path: ImagePath, name: str) -> str | None:
    """The directory of the class path that a class file lies in, by the name that it gives itself."""
    tail = f"/{name}.class"
    return path.removesuffix(tail) if path.endswith(tail) else None
