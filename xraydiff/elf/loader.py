"""Where a dynamic loader finds what an ELF file needs: ld.so(8) of glibc and ldso of musl, inside an image.

One rule is ours: a baseline CPU. glibc prefers `glibc-hwcaps/NAME` directories that the CPU supports; which CPU will
run the image is unknown, so the baseline file is the answer and the variants are its alternates. Legacy directories
(`tls`, `haswell`; gone in glibc 2.37) are not searched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from xraydiff.elf.format import Elf, ElfError, ElfSource, NotLoadableError, TreeSource, read_elf
from xraydiff.elf.ldcache import CacheEntry, read_cache
from xraydiff.facts import File, FileType
from xraydiff.limits import DEFAULT, MIB, Limits
from xraydiff.paths import ROOT, ImagePath, basename, decoded, image_path
from xraydiff.tree import FileTree

__all__ = ["Closure", "Dialect", "Found", "LoadedObject", "Loader"]

DF_1_NODEFLIB = 0x800
ET_EXEC, ET_DYN = 2, 3
_IDENTITY = 20
"""Bytes of a header up to its machine."""
_CLASS = {32: 1, 64: 2}
"""EI_CLASS."""
_TOKEN = re.compile(r"\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))")
_INTERPRETER = re.compile(r"ld-musl-[\w.-]+\.so\.1|ld-linux[\w.-]*\.so\.[0-9]|ld64\.so\.[0-9]|ld\.so\.1")
_INTERPRETER_DIRECTORIES = ("/lib", "/lib64", "/lib32", "/libx32", "/usr/lib", "/usr/lib64")
_INTERPRETER_BYTES = 2 * MIB
"""Of an interpreter, searched for its compiled-in directories; Debian's has 210 KB."""
_MEMO = 1 << 16
"""Paths remembered before the memory is emptied: they come from the content of files, without bound."""
_MUSL_SELF = ("libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet.")
_MUSL_DEFAULT = "/lib:/usr/local/lib:/usr/lib"
_TLS_HWCAP = 1 << 63

_EM_386, _EM_ARM, _EM_X86_64, _EM_AARCH64, _EM_S390, _EM_PPC64, _EM_RISCV = 3, 40, 62, 183, 22, 21, 243
_CACHE_FLAGS: Mapping[tuple[int, int], frozenset[int]] = {
    (_EM_X86_64, 64): frozenset({0x303}),
    (_EM_X86_64, 32): frozenset({0x803}),
    (_EM_386, 32): frozenset({1, 3}),
    (_EM_AARCH64, 64): frozenset({0xA03}),
    (_EM_PPC64, 64): frozenset({0x503}),
    (_EM_S390, 64): frozenset({0x403}),
    (_EM_ARM, 32): frozenset({1, 3, 0x903, 0xB03}),
}
"""Flags of cache entries that a loader of this machine and class accepts (`_dl_cache_check_flags`)."""
_PLATFORM = {_EM_X86_64: "x86_64", _EM_386: "i686", _EM_AARCH64: "aarch64", _EM_ARM: "v7l", _EM_S390: "z900"}
"""AT_PLATFORM of a plain CPU. Elsewhere a path with $PLATFORM is dropped, as by a loader that knows none."""
_TRIPLET = {
    (_EM_X86_64, 64): "x86_64-linux-gnu",
    (_EM_X86_64, 32): "x86_64-linux-gnux32",
    (_EM_386, 32): "i386-linux-gnu",
    (_EM_AARCH64, 64): "aarch64-linux-gnu",
    (_EM_ARM, 32): "arm-linux-gnueabihf",
    (_EM_PPC64, 64): "powerpc64le-linux-gnu",
    (_EM_S390, 64): "s390x-linux-gnu",
    (_EM_RISCV, 64): "riscv64-linux-gnu",
}


class Dialect(StrEnum):
    """Whose rules hold."""

    GLIBC = "glibc"
    MUSL = "musl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The answer to one search."""

    name: str
    """As requested: a soname, or a path."""
    path: ImagePath | None = None
    """As the loader opens it, links unresolved; None where it is not found."""
    real: ImagePath | None = None
    alternates: tuple[ImagePath, ...] = ()
    """Variants for newer CPUs (glibc-hwcaps) that such a CPU would take instead."""
    how: str = ""
    """rpath, LD_LIBRARY_PATH, runpath, cache, default, path, or loaded."""
    table: ImagePath | None = None
    """The file without which the search would not get there: ld.so.cache, or musl's path file."""
    tried: tuple[str, ...] = ()
    """Every path that was looked at, in order, the found one last."""


@dataclass(slots=True, kw_only=True, eq=False)
class LoadedObject:
    """An object of the process image that a program would become."""

    path: ImagePath
    """Real path."""
    name: str
    """As it was opened; $ORIGIN is the directory of this name."""
    elf: Elf
    requester: LoadedObject | None = None
    """Whose need loaded it; None for the program and what is preloaded."""
    needed: tuple[Found, ...] = ()
    """Its own needs, in order; DT_FILTER and found DT_AUXILIARY names first."""

    def chain(self) -> Iterator[LoadedObject]:
        """This object, its requester, and so on up to the program."""
        at: LoadedObject | None = self
        while at is not None:
            yield at
            at = at.requester


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """Everything that a loader would map for one file, in its order."""

    dialect: Dialect
    interpreter: ImagePath | None
    """As PT_INTERP names it, or as guessed for a library; None where the image has none."""
    objects: tuple[LoadedObject, ...]
    """The file itself first, then what is preloaded, then breadth first what is needed."""
    preloaded: tuple[Found, ...] = ()
    """LD_PRELOAD, /etc/ld.so.preload, and what audits the program (LD_AUDIT, DT_AUDIT, DT_DEPAUDIT)."""
    unread: tuple[ImagePath, ...] = ()
    """Real paths of objects that the loader maps and whose headers are not understood: their needs are not known."""

    @property
    def missing(self) -> tuple[tuple[LoadedObject, str], ...]:
        """What is not found: who needs it and its name."""
        return tuple((one, found.name) for one in self.objects for found in one.needed if found.path is None)


@dataclass(slots=True, kw_only=True, eq=False)
class _Process:
    """One load: the program, its loader and what is mapped so far."""

    main: LoadedObject
    dialect: Dialect
    interpreter: str
    """Path of the loader as opened; empty where there is none."""
    system: tuple[str, ...]
    library_path: tuple[str, ...]
    """LD_LIBRARY_PATH, expanded."""
    cache: str
    """ld.so.cache, or musl's path file where there is one."""
    secure: bool
    objects: list[LoadedObject] = field(default_factory=list)
    names: dict[str, Found] = field(default_factory=dict)
    """What a name already stands for: opened paths, requested names, sonames."""
    inodes: dict[object, LoadedObject] = field(default_factory=dict)
    directories: dict[tuple[int, str], tuple[str, ...]] = field(default_factory=dict)
    budget: int = 0
    unread: list[ImagePath] = field(default_factory=list)


class Loader:
    """The loaders of one image. Files of another class or machine are skipped as a loader skips them.

    `env` gives LD_LIBRARY_PATH, LD_PRELOAD and LD_AUDIT, `cwd` what relative names count from, `uid` who runs (None:
    not known; a setuid file then counts as running with AT_SECURE), `hwcaps` the glibc-hwcaps directories that the CPU
    supports, best first.
    """

    def __init__(
        self,
        tree: FileTree,
        *,
        env: Mapping[str, str] | None = None,
        cwd: ImagePath = ROOT,
        uid: int | None = 0,
        hwcaps: Sequence[str] = (),
        limits: Limits = DEFAULT,
    ) -> None:
        self._tree = tree
        self._env = env or {}
        self._cwd = cwd
        self._uid = uid
        self._hwcaps = tuple(hwcaps)
        self._limits = limits
        self._steps = limits.loader_steps
        self._elves: dict[ImagePath, Elf | ElfError] = {}
        self._real: dict[str, ImagePath | None] = {}
        self._caches: dict[str, Mapping[str, tuple[CacheEntry, ...]]] = {}
        self._compiled: dict[ImagePath, tuple[tuple[str, ...], str]] = {}
        self._interpreters: dict[tuple[int, bool, int], tuple[str, ...]] = {}

    def elf(self, path: ImagePath, source: ElfSource | bytes | None = None) -> Elf:
        """The headers of a regular file by its real path, remembered; `source` are its bytes where they are at hand.

        Raises `ElfError`.
        """
        known = self._elves.get(path)
        if known is None:
            try:
                known = read_elf(source if source is not None else TreeSource(self._tree, path), limits=self._limits)
            except ElfError as error:
                known = error
            self._elves[path] = known
        if isinstance(known, ElfError):
            raise known
        return known

    def closure(self, path: ImagePath, *, elf: Elf | None = None, deep: bool = True) -> Closure:
        """What is mapped when the file of this real path is started or, a library, loaded alone.

        `elf` stands for the headers of a file that another tree holds at this path. With `deep` false only the file's
        own needs are searched. Raises `ElfError`: for the file itself, and with `code` `limit-exceeded` where the
        process would be larger than `Limits` allow; `LimitExceeded` where a table of the loader is too large.
        """
        process = self._process(path, elf or self.elf(path))
        preloaded = tuple(self._preload(process)) if process.main.elf.interpreter else ()
        for one in process.objects:
            # The list grows while it is walked: that is breadth first, as in _dl_map_object_deps and load_deps.
            if deep or one is process.main:
                one.needed = tuple(self._needs(process, one))
        return Closure(
            dialect=process.dialect,
            interpreter=image_path(process.interpreter) if process.interpreter else None,
            objects=tuple(process.objects),
            preloaded=preloaded,
            unread=tuple(process.unread),
        )

    def search(self, name: str, path: ImagePath, *, elf: Elf | None = None) -> Found:
        """Where `dlopen(name)` called by the file of this real path finds the library, nothing else being loaded.

        `elf` as for `closure`. Raises `ElfError`.
        """
        process = self._process(path, elf or self.elf(path))
        return self._load(process, name, process.main, process.main)

    # --- a process --------------------------------------------------------------------------------------------------

    def _process(self, path: ImagePath, elf: Elf) -> _Process:
        main = LoadedObject(path=path, name=path, elf=elf)
        interpreter = main.elf.interpreter or ""
        if not interpreter and (main.elf.needed or main.elf.filters):
            interpreter = self._guess(main.elf)
        musl = basename(interpreter).startswith("ld-musl-") or (not interpreter and _needs_musl(main.elf))
        process = _Process(
            main=main,
            dialect=Dialect.MUSL if musl else Dialect.GLIBC,
            interpreter=interpreter,
            system=(),
            library_path=(),
            cache="",
            secure=bool(elf.interpreter) and self._is_secure(self._tree.files.get(path)),
            budget=self._limits.loader_candidates,
        )
        self._add(process, main, path)
        if musl:
            process.system, process.cache = self._musl_system(interpreter)
        else:
            process.system, process.cache = self._compiled_in(interpreter, main.elf)
        if not process.secure and (value := self._env.get("LD_LIBRARY_PATH")):
            process.library_path = self._library_path(process, value)
        if interpreter:
            self._register_interpreter(process)
        return process

    def _library_path(self, process: _Process, value: str) -> tuple[str, ...]:
        if process.dialect is Dialect.MUSL:
            return tuple(part for part in re.split("[:\n]", value) if part)
        parts = (self._expand(process, process.main, part) for part in re.split("[:;]", value))
        return tuple(dict.fromkeys(part for part in parts if part is not None))

    def _register_interpreter(self, process: _Process) -> None:
        """The loader itself is mapped already, under the name that PT_INTERP gives it and under its base name."""
        real = self._file(process.interpreter)
        if real is None:
            return
        found = Found(name=process.interpreter, path=self._opened(process.interpreter, real), real=real, how="loaded")
        for name in (process.interpreter, basename(process.interpreter)):
            process.names.setdefault(name, found)

    def _add(self, process: _Process, one: LoadedObject, name: str) -> None:
        if len(process.objects) >= self._limits.loader_objects:
            raise ElfError(f"a process of more than {self._limits.loader_objects} objects", code="limit-exceeded")
        process.objects.append(one)
        process.inodes[self._identity(one.path)] = one
        if process.dialect is Dialect.GLIBC:
            found = Found(name=name, path=self._opened(one.name, one.path), real=one.path, how="loaded")
            for alias in (one.name, one.elf.soname):
                if alias:
                    process.names.setdefault(alias, found)

    def _identity(self, path: ImagePath) -> object:
        file = self._tree.files.get(path)
        return (file.inode if file else 0) or path

    def _is_secure(self, file: File | None) -> bool:
        """Whether the kernel sets AT_SECURE: the program gives rights that its caller lacks (getauxval(3))."""
        if file is None:
            return False
        if self._uid is None:
            return bool(file.mode & 0o6000) or any(name == "security.capability" for name, _ in file.xattrs)
        if self._uid == 0:
            return bool(file.mode & 0o4000 and file.uid) or bool(file.mode & 0o2000 and file.gid)
        return (
            bool(file.mode & 0o4000 and file.uid != self._uid)
            or bool(file.mode & 0o2000)
            or any(name == "security.capability" for name, _ in file.xattrs)
        )

    def _preload(self, process: _Process) -> Iterator[Found]:
        """LD_PRELOAD, and for glibc /etc/ld.so.preload."""
        words = [] if process.secure else re.split(r"[\s:]+", self._env.get("LD_PRELOAD", ""))
        if process.dialect is Dialect.GLIBC:
            text = self._text("/etc/ld.so.preload")
            words += [word for line in text.split("\n") for word in re.split(r"[\s:]+", line.partition("#")[0])]
        for word in dict.fromkeys(words):
            if word:
                yield self._load(process, word, process.main, None)
        if process.dialect is Dialect.GLIBC:
            yield from self._audits(process)

    def _audits(self, process: _Process) -> Iterator[Found]:
        """What watches the program from a namespace of its own: nothing of it counts as loaded (rtld-audit(7))."""
        lists = [] if process.secure else [self._env.get("LD_AUDIT", "")]
        names = (name for text in (*lists, *process.main.elf.audits) for name in text.split(":"))
        for name in dict.fromkeys(names):
            if name:
                yield self._search(process, name, process.main)[0]

    def _needs(self, process: _Process, one: LoadedObject) -> Iterator[Found]:
        if process.dialect is Dialect.GLIBC:
            for name in one.elf.filters:
                yield self._load(process, name, one, one)
            for name in one.elf.auxiliaries:
                found = self._load(process, name, one, one)
                if found.path is not None:
                    yield found
        for name in one.elf.needed:
            yield self._load(process, name, one, one)

    def _load(self, process: _Process, name: str, asker: LoadedObject, requester: LoadedObject | None) -> Found:
        """Find a name and map what was found unless it is mapped already."""
        if process.dialect is Dialect.MUSL:
            if name == process.interpreter or name.startswith(_MUSL_SELF):
                return self._musl_self(process, name)
            known = process.names.get(name) if "/" not in name else None
        else:
            known = process.names.get(name)
        if known is not None:
            return Found(name=name, path=known.path, real=known.real, alternates=known.alternates, how="loaded")
        found, opened = self._search(process, name, asker)
        if found.real is None:
            return found
        mapped = process.inodes.get(self._identity(found.real))
        if mapped is None:
            elf = self._mapped(process, found.real)
            self._add(process, LoadedObject(path=found.real, name=opened, elf=elf, requester=requester), name)
        if process.dialect is Dialect.GLIBC or "/" not in name:
            process.names.setdefault(name, found)
        return found

    def _mapped(self, process: _Process, path: ImagePath) -> Elf:
        """The headers of what the loader maps; empty ones, and the file noted, where they are not understood."""
        try:
            return self.elf(path)
        except ElfError:
            process.unread.append(path)
            main = process.main.elf
            return Elf(bits=main.bits, little=main.little, machine=main.machine, type=ET_DYN, segments=())

    def _musl_self(self, process: _Process, name: str) -> Found:
        real = self._file(process.interpreter) if process.interpreter else None
        path = self._opened(process.interpreter, real) if real else None
        return Found(name=name, path=path, real=real, how="loaded")

    # --- the searches -----------------------------------------------------------------------------------------------

    def _search(self, process: _Process, name: str, asker: LoadedObject) -> tuple[Found, str]:
        """What is found, and the name under which it is opened."""
        tried: list[str] = []
        variants: list[str] = []
        opened, how = "", ""
        for place, candidate, variant in self._candidates(process, name, asker):
            self._spend(process, candidate)
            tried.append(candidate)
            verdict = self._verdict(process, candidate)
            if verdict is None:
                continue
            if not verdict:
                break
            if not variant or variant in self._hwcaps:
                opened, how = candidate, place
                break
            variants.append(candidate)
        if not opened and variants:
            # Only newer CPUs find it: the least of the variants stands for all.
            opened, how = min(variants), "glibc-hwcaps"
        real = self._file(opened) if opened else None
        if real is None:
            return Found(name=name, tried=tuple(tried)), ""
        others = [(one, self._file(one)) for one in variants if one != opened]
        found = Found(
            name=name,
            path=self._opened(opened, real),
            real=real,
            alternates=tuple(self._opened(one, path) for one, path in others if path is not None),
            how=how,
            table=self._table(process, name, how, real),
            tried=tuple(tried),
        )
        return found, opened

    def _table(self, process: _Process, name: str, how: str, real: ImagePath) -> ImagePath | None:
        """The file that led the search to a library which the compiled-in directories do not hold."""
        if how == "cache":
            usual = process.system
        elif how == "default" and process.dialect is Dialect.MUSL and process.cache:
            usual = tuple(_MUSL_DEFAULT.split(":"))
        else:
            return None
        if any(self._file(f"{directory}/{name}") == real for directory in usual):
            return None
        return image_path(process.cache)

    def _spend(self, process: _Process, text: str) -> None:
        """Count a path that is made, long ones for several, so that time and memory both stay bounded."""
        cost = 1 + len(text) // 256
        process.budget -= cost
        self._steps -= cost
        if process.budget < 0 or self._steps < 0:
            bound = self._limits.loader_candidates if process.budget < 0 else self._limits.loader_steps
            raise ElfError(f"more than {bound} paths to try", code="limit-exceeded")

    def _candidates(self, process: _Process, name: str, asker: LoadedObject) -> Iterator[tuple[str, str, str]]:
        """Where the search went, the path tried there, and the glibc-hwcaps variant that it is (or empty)."""
        # Tokens are replaced first (`expand_dst`), so that one of them may make a path of a name.
        text = name if process.dialect is Dialect.MUSL else self._expand(process, asker, name)
        if not text:
            return
        name = text
        if "/" in name:
            yield "path", self._absolute(name), ""
            return
        for place, directory in self._directories(process, name, asker):
            if place == "cache":
                yield from self._cached(process, name, asker)
                continue
            real = self._directory(directory)
            if real is None:
                continue
            prefix = self._absolute(directory).rstrip("/")
            if process.dialect is Dialect.GLIBC:
                for variant in self._variants(real):
                    yield place, f"{prefix}/glibc-hwcaps/{variant}/{name}", variant
            yield place, f"{prefix}/{name}", ""

    def _directories(self, process: _Process, name: str, asker: LoadedObject) -> Iterator[tuple[str, str]]:
        if process.dialect is Dialect.MUSL:
            if len(name) > self._limits.component:
                return
            yield from (("LD_LIBRARY_PATH", one) for one in process.library_path)
            for one in asker.chain():
                text = one.elf.runpath if one.elf.runpath is not None else one.elf.rpath
                yield from (("rpath", directory) for directory in self._own_path(process, one, text))
            yield from (("default", one) for one in process.system)
            return
        if asker.elf.runpath is None:
            askers = list(asker.chain())
            for one in askers if process.main in askers else [*askers, process.main]:
                if one.elf.runpath is None:
                    yield from (("rpath", directory) for directory in self._own_path(process, one, one.elf.rpath))
        yield from (("LD_LIBRARY_PATH", one) for one in process.library_path)
        yield from (("runpath", one) for one in self._own_path(process, asker, asker.elf.runpath))
        yield "cache", ""
        if not asker.elf.flags_1 & DF_1_NODEFLIB:
            yield from (("default", one) for one in process.system)

    def _own_path(self, process: _Process, one: LoadedObject, text: str | None) -> tuple[str, ...]:
        """The directories of an object's RPATH or RUNPATH, expanded once for each object."""
        if not text:
            return ()
        key = (id(one), text)
        known = process.directories.get(key)
        if known is None:
            if process.dialect is Dialect.MUSL:
                known = self._musl_path(process, one, text)
            else:
                parts = (self._expand(process, one, part) for part in text.split(":"))
                known = tuple(dict.fromkeys(part for part in parts if part is not None))
            process.directories[key] = known
        return known

    def _cached(self, process: _Process, name: str, asker: LoadedObject) -> Iterator[tuple[str, str, str]]:
        """The one entry that ld.so takes from the cache, after its variants."""
        elf = process.main.elf
        accepted = _CACHE_FLAGS.get((elf.machine, elf.bits))
        for entry in sorted(self._cache(process.cache).get(name, ()), key=self._cache_order):
            if accepted is not None and entry.flags not in accepted:
                continue
            if entry.hwcap & ~_TLS_HWCAP or not entry.path.startswith("/"):
                continue
            if asker.elf.flags_1 & DF_1_NODEFLIB and entry.path.startswith(tuple(one + "/" for one in process.system)):
                continue
            yield "cache", entry.path, entry.variant
            if not entry.variant and (accepted is not None or self._verdict(process, entry.path) is not None):
                return

    def _cache_order(self, entry: CacheEntry) -> tuple[int, int]:
        """Supported variants best first, then unknown ones, then the baseline; the sort keeps the file's order."""
        if entry.variant in self._hwcaps:
            return (0, self._hwcaps.index(entry.variant))
        return (1, 0) if entry.variant else (2, 0)

    def _variants(self, directory: ImagePath) -> list[str]:
        """Names of the glibc-hwcaps directories of a real directory, supported ones best first."""
        if ImagePath(f"{directory.rstrip('/')}/glibc-hwcaps") not in self._tree.files:
            return []
        real = self._tree.resolve(f"{directory}/glibc-hwcaps").path
        names = self._tree.children(real) if real else ()
        return [one for one in self._hwcaps if one in names] + [one for one in names if one not in self._hwcaps]

    def _verdict(self, process: _Process, candidate: str) -> bool | None:
        """True where the loader takes the file, None where it goes on searching, False where it gives up."""
        real = self._file(candidate)
        if real is None:
            return None
        head = self._tree.read_at(real, 0, _IDENTITY)
        main = process.main.elf
        if process.dialect is Dialect.MUSL:
            # Neither magic nor class nor machine: of a header musl looks at the type alone.
            return int.from_bytes(head[16:18], "little" if main.little else "big") in (ET_EXEC, ET_DYN)
        try:
            elf = self.elf(real)
        except NotLoadableError:
            return False
        except ElfError:
            # The loader maps what we do not understand, and searches no further.
            return head[4] == _CLASS[main.bits] or None
        if (elf.identity[0], elf.machine) != (_CLASS[main.bits], main.machine):
            return None
        return elf.identity[1] == (1 if main.little else 2) and elf.type in (ET_EXEC, ET_DYN)

    # --- names ------------------------------------------------------------------------------------------------------

    def _expand(self, process: _Process, one: LoadedObject, text: str) -> str | None:
        """`_dl_dst_substitute`: tokens replaced; None where the path is dropped. An empty element is the cwd."""
        if "$" not in text:
            return text
        origin = self._absolute(one.name).rpartition("/")[0] or "/"
        values = {"ORIGIN": origin, "LIB": _lib(process.system), "PLATFORM": _PLATFORM.get(one.elf.machine)}
        tokens = list(_TOKEN.finditer(text))
        for match in tokens:
            word = match[1] or match[2]
            if values[word] is None or (process.secure and word == "ORIGIN" and not _leads(text, match)):
                return None
        self._spend(process, text)
        expanded = _TOKEN.sub(lambda match: values[match[1] or match[2]] or "", text)
        if len(expanded) > self._limits.path:
            return None
        self._spend(process, expanded)
        has_origin = any((match[1] or match[2]) == "ORIGIN" for match in tokens)
        if process.secure and has_origin and one is process.main:
            trusted = (directory + "/" for directory in process.system)
            if not (image_path(expanded) + "/").startswith(tuple(trusted)):
                return None
        return expanded

    def _musl_path(self, process: _Process, one: LoadedObject, text: str) -> tuple[str, ...]:
        """As `fixup_rpath` of musl: $ORIGIN alone is known, anything else with a dollar drops the whole path."""
        if "$" in text:
            if re.search(r"\$(?!ORIGIN|\{ORIGIN\})", text) or (process.secure and one is process.main):
                return ()
            origin = self._absolute(one.name).rpartition("/")[0]
            text = text.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)
        return tuple(part for part in re.split("[:\n]", text) if part)

    def _absolute(self, text: str) -> str:
        return text if text.startswith("/") else f"{self._cwd.rstrip('/')}/{text}".rstrip("/") or "/"

    def _directory(self, text: str) -> ImagePath | None:
        found = self._tree.resolve(self._absolute(text))
        return found.path if found.file is not None and found.file.type is FileType.DIRECTORY else None

    def _file(self, text: str) -> ImagePath | None:
        """The real path of a regular file, remembered."""
        if text not in self._real:
            found = self._tree.resolve(self._absolute(text))
            regular = found.file is not None and found.file.type is FileType.FILE
            if len(self._real) >= _MEMO:
                self._real.clear()
            self._real[text] = found.path if regular else None
        return self._real[text]

    def _opened(self, text: str, real: ImagePath) -> ImagePath:
        """The name as opened, or the real path where `..` after a link makes the two differ."""
        path = image_path(self._absolute(text))
        return path if self._tree.resolve(path).path == real else real

    def _text(self, path: str) -> str:
        real = self._file(path)
        return decoded(self._tree.content(real, limit=self._limits.text_line)) if real is not None else ""

    # --- what the image's loaders know ------------------------------------------------------------------------------

    def _guess(self, elf: Elf) -> str:
        """The loader that would load a library: one of its class and machine, of the C library that it needs."""
        key = (elf.bits, elf.little, elf.machine)
        known = self._interpreters.get(key)
        if known is None:
            known = self._interpreters[key] = tuple(self._installed(key))
        musl = [one for one in known if basename(one).startswith("ld-musl-")]
        other = [one for one in known if one not in musl]
        order = musl + other if _needs_musl(elf) else other + musl
        return order[0] if order else ""

    def _installed(self, key: tuple[int, bool, int]) -> Iterator[str]:
        for directory in _INTERPRETER_DIRECTORIES:
            real = self._directory(directory)
            for name in self._tree.children(real) if real else ():
                path = self._file(f"{directory}/{name}") if _INTERPRETER.fullmatch(name) else None
                if path is None:
                    continue
                try:
                    elf = self.elf(path)
                except ElfError:
                    continue
                if (elf.bits, elf.little, elf.machine) == key:
                    yield f"{directory}/{name}"

    def _compiled_in(self, interpreter: str, elf: Elf) -> tuple[tuple[str, ...], str]:
        """The trusted directories and the cache of a glibc loader, as compiled into it.

        Distributions differ (Debian: /lib/TRIPLET, /usr/lib/TRIPLET, /lib, /usr/lib; Fedora: /lib64, /usr/lib64), so
        the loader of the image itself says it; where it is missing, a table does.
        """
        real = self._file(interpreter) if interpreter else None
        if real is None:
            return _usual(elf), "/etc/ld.so.cache"
        known = self._compiled.get(real)
        if known is None:
            data = self._tree.read_at(real, 0, _INTERPRETER_BYTES)
            known = self._compiled[real] = (_system_directories(data) or _usual(elf), _cache_name(data))
        return known

    def _cache(self, name: str) -> Mapping[str, tuple[CacheEntry, ...]]:
        known = self._caches.get(name)
        if known is None:
            real = self._file(name)
            known = {}
            if real is not None:
                try:
                    known = read_cache(self._tree.content(real, limit=self._limits.loader_cache))
                except NotLoadableError:
                    # A cache that ld.so cannot use is as good as none to it.
                    known = {}
            self._caches[name] = known
        return known

    def _musl_system(self, interpreter: str) -> tuple[tuple[str, ...], str]:
        """The directories of etc/ld-musl-ARCH.path in the loader's prefix and that file, or the compiled-in ones."""
        text, used = _MUSL_DEFAULT, ""
        name = basename(interpreter)
        if interpreter.startswith("/"):
            prefix = interpreter.rpartition("/")[0].rpartition("/")[0]
            path = f"{prefix}/etc/{name.removesuffix('.so.1')}.path"
            if self._file(path) is not None:
                text, used = self._text(path), path
        return tuple(part for part in re.split("[:\n]", text) if part), used


def _needs_musl(elf: Elf) -> bool:
    return any(name == "libc.so" or name.startswith(("libc.musl-", "ld-musl-")) for name in elf.needed)


def _leads(text: str, match: re.Match[str]) -> bool:
    """Whether $ORIGIN is the first and a whole component, as AT_SECURE asks for."""
    return match.start() == 0 and text[match.end() : match.end() + 1] in ("", "/")


def _lib(system: tuple[str, ...]) -> str | None:
    """$LIB: `lib64`, or on Debian `lib/TRIPLET`; the first trusted directory tells."""
    return system[0].removeprefix("/usr").lstrip("/") if system else None


def _usual(elf: Elf) -> tuple[str, ...]:
    names = [f"lib/{_TRIPLET[elf.machine, elf.bits]}"] if (elf.machine, elf.bits) in _TRIPLET else []
    names += ["lib64", "lib"] if elf.bits == 64 else ["lib"]
    return tuple(f"{prefix}/{name}" for name in names for prefix in ("", "/usr"))


def _system_directories(data: bytes) -> tuple[str, ...]:
    """The longest run of NUL-ended absolute directory names with a slash at the end: `system_dirs` of dl-load.c."""
    best: list[str] = []
    run: list[str] = []
    expected = -1
    at = data.find(b"/\0")
    while at >= 0:
        start = data.rfind(b"\0", max(at - 256, 0), at) + 1
        if start and data[start : start + 1] == b"/" and start < at:
            run = [*run, decoded(data[start:at])] if start == expected and len(run) < 16 else [decoded(data[start:at])]
            if len(run) > len(best):
                best = run
            expected = at + 2
        at = data.find(b"/\0", at + 1)
    return tuple(best) if any(basename(one).startswith("lib") or "/lib/" in one for one in best) else ()


def _cache_name(data: bytes) -> str:
    end = data.find(b"/ld.so.cache\0")
    if end < 0:
        return "/etc/ld.so.cache"
    start = data.rfind(b"\0", max(end - 256, 0), end) + 1
    name = decoded(data[start : end + len(b"/ld.so.cache")])
    return name if name.startswith("/") else "/etc/ld.so.cache"
