"""Which interpreter of an image runs a file, and what its `sys.path` holds (Modules/getpath.py, Lib/site.py)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from xraydiff.commands.start import find_executable, start_command
from xraydiff.errors import LimitExceeded
from xraydiff.facts import FileType
from xraydiff.limits import MIB
from xraydiff.paths import ImagePath, ancestors, basename, decoded, image_path, join, parent
from xraydiff.references import Context
from xraydiff.references.kit import shebang

__all__ = ["Interpreters", "PythonInterpreter"]

_PYTHON: Final = re.compile(r"(?:python|pypy)(\d)?(?:\.(\d{1,2}))?[a-z]?\Z")
_FOLDER: Final = re.compile(r"(?:python|pypy)(\d)\.(\d{1,2})t?\Z")
_EDITABLE: Final = re.compile(rb"""['"]([A-Za-z_][\w.]{0,200})['"]\s{0,9}:\s{0,9}['"](/[^'"\n]{1,1000})['"]""")
_PTH_FINDER: Final = re.compile(r"import (__editable___\w{1,200}_finder)")
_CONFIG: Final = 64 * 1024
"""Bytes of a pyvenv.cfg or .pth file that are looked at: real ones have a few hundred."""
_DEFAULT_VERSION: Final = (3, 11)


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonInterpreter:
    """One Python of an image, with or without a virtual environment."""

    version: tuple[int, int]
    prefix: str
    """sys.prefix: of the virtual environment where there is one. Empty for the root."""
    stdlib: ImagePath | None
    executable: ImagePath | None
    search: tuple[ImagePath, ...]
    """sys.path without what the main program adds in front; directories and zip files that exist."""
    editable: tuple[tuple[str, ImagePath], ...] = ()
    """Top modules that an editable install's finder maps to a directory or file (PEP 660)."""

    @property
    def freezes(self) -> bool:
        """Whether start-up modules are read from the interpreter itself."""
        return self.version >= (3, 11)


class Interpreters:
    """Finds interpreters by place, by `#!` and by the start command; remembers them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tree = context.original
        self._by_directory: dict[ImagePath, PythonInterpreter | None] = {}
        self._by_executable: dict[str, PythonInterpreter | None] = {}
        self._default: list[PythonInterpreter | None] = []

    def of(self, path: ImagePath, data: bytes = b"") -> PythonInterpreter | None:
        """The interpreter that runs a file: of the tree that it lies in, of its `#!` line, else the image's own."""
        placed = self._placed(parent(path))
        if placed is not None:
            return placed
        return self._of_line(data) or self.default()

    def default(self) -> PythonInterpreter | None:
        """The interpreter of the start command, else the first in PATH."""
        if not self._default:
            self._default.append(self._of_start() or self._of_path())
        return self._default[0]

    def by_executable(self, path: str) -> PythonInterpreter | None:
        """The interpreter that starts under this name; a name in a virtual environment stands for it."""
        if path not in self._by_executable:
            # A virtual environment whose home leads back to it has no interpreter.
            self._by_executable[path] = None
            self._by_executable[path] = self._executable(image_path(path))
        return self._by_executable[path]

    # --- where a file lies -------------------------------------------------------------------------------------------

    def _placed(self, directory: ImagePath) -> PythonInterpreter | None:
        if directory not in self._by_directory:
            found: PythonInterpreter | None = None
            for folder in (directory, *ancestors(directory)):
                found = self._of_folder(folder)
                if found is not None:
                    break
            self._by_directory[directory] = found
        return self._by_directory[directory]

    def _of_folder(self, folder: ImagePath) -> PythonInterpreter | None:
        if f"{folder}/pyvenv.cfg" in self._tree.files:
            return self._environment(folder)
        name = basename(folder)
        match = _FOLDER.match(name)
        if match is None and name != "python3":
            return None
        prefix = _prefix_of(folder)
        version = (int(match[1]), int(match[2])) if match else None
        if f"{prefix}/pyvenv.cfg" in self._tree.files:
            return self._environment(ImagePath(prefix))
        found = self._base(prefix, version)
        if found is not None:
            return found
        own = self.default()
        # /usr/local/lib/python3.X of Debian, ~/.local/lib/python3.X: sites of an interpreter that lies elsewhere.
        if own is not None and version in (None, own.version):
            return own
        return self._base("/usr/local", version) or self._base("/usr", version)

    # --- programs ----------------------------------------------------------------------------------------------------

    def _executable(self, path: ImagePath) -> PythonInterpreter | None:
        folder = parent(path)
        for home in dict.fromkeys((folder, parent(folder))):
            if self._is_file(f"{home}/pyvenv.cfg"):
                return self._environment(home)
        real = self._tree.resolve(path).path
        if real is None:
            return None
        for one in dict.fromkeys((real, path)):
            match = _PYTHON.match(basename(one))
            version = (int(match[1]), int(match[2])) if match and match[1] and match[2] else None
            for home in ancestors(parent(one)):
                found = self._base("" if home == "/" else home, version, executable=path)
                if found is not None:
                    return found
        return None

    def _of_line(self, data: bytes) -> PythonInterpreter | None:
        """The interpreter that a `#!` line names, itself or through `env`."""
        first, *rest = shebang.words(data) or ("",)
        program: str | None = first
        if basename(first) == "env":
            program = find_executable(rest[0], self._tree, self._context.path) if rest else None
        return self.by_executable(program) if program is not None and program.startswith("/") else None

    def _of_start(self) -> PythonInterpreter | None:
        words = [part for word in start_command(self._context.config) for part in word.split()[:100]]
        for word in words[:100]:
            path = find_executable(word.strip("'\""), self._tree, self._context.path, self._context.cwd)
            real = self._tree.resolve(path).path if path is not None else None
            if path is None or real is None:
                continue
            if _PYTHON.match(basename(path)):
                return self.by_executable(path)
            found = self._of_line(self._tree.read_at(real, 0, 256))
            if found is not None:
                return found
        return None

    def _of_path(self) -> PythonInterpreter | None:
        for name in ("python3", "python", "pypy3"):
            path = find_executable(name, self._tree, self._context.path)
            found = self.by_executable(path) if path is not None else None
            if found is not None:
                return found
        for prefix in ("/usr/local", "/usr"):
            found = self._base(prefix, None)
            if found is not None:
                return found
        return None

    # --- sys.path ----------------------------------------------------------------------------------------------------

    def _base(
        self, prefix: str, version: tuple[int, int] | None, *, executable: ImagePath | None = None
    ) -> PythonInterpreter | None:
        """The interpreter installed below a prefix, detected by its landmark os.py."""
        found = self._stdlib(prefix, version)
        if found is None:
            return None
        stdlib, version = found
        site, editable = self._with_pth((*self._user_site(version), *self._sites(prefix, stdlib, version)))
        search = (*self._environment_path(), *self._core(prefix, stdlib, version), *site)
        if executable is None:
            executable = self._first(f"{prefix}/bin", (f"python{version[0]}.{version[1]}", "python3", "python"))
        return PythonInterpreter(
            version=version,
            prefix=prefix,
            stdlib=stdlib,
            executable=executable,
            search=tuple(dict.fromkeys(search)),
            editable=editable,
        )

    def _stdlib(self, prefix: str, version: tuple[int, int] | None) -> tuple[ImagePath, tuple[int, int]] | None:
        for folder in ("lib64", "lib"):
            real = self._tree.resolve(f"{prefix}/{folder}").path
            names = self._tree.children(real) if real is not None else ()
            found = sorted(
                ((int(match[1]), int(match[2])), name) for name in names if (match := _FOLDER.match(name)) is not None
            )
            for known, name in reversed(found):
                stdlib = ImagePath(f"{prefix}/{folder}/{name}")
                if version in (None, known) and (self._is_file(f"{stdlib}/os.py") or self._is_file(f"{stdlib}/os.pyc")):
                    return stdlib, known
        return None

    def _core(self, prefix: str, stdlib: ImagePath, version: tuple[int, int]) -> Iterator[ImagePath]:
        major, minor = version
        candidates = [f"{parent(stdlib)}/python{major}{minor}.zip", stdlib, f"{stdlib}/lib-dynload"]
        candidates.append(f"{prefix}/lib64/{basename(stdlib)}/lib-dynload")
        return self._existing(candidates)

    def _sites(self, prefix: str, stdlib: ImagePath, version: tuple[int, int]) -> Iterator[ImagePath]:
        """Where site.py looks; Debian's own Python looks for dist-packages in its stead."""
        name = f"python{version[0]}.{version[1]}"
        if prefix == "/usr" and self._is_directory("/usr/lib/python3/dist-packages"):
            return self._existing(
                [f"/usr/local/lib/{name}/dist-packages", "/usr/lib/python3/dist-packages", f"{stdlib}/dist-packages"]
            )
        folders = [f"{prefix}/{lib}/{basename(stdlib)}/site-packages" for lib in ("lib64", "lib")]
        if prefix == "/usr":
            folders = [f"/usr/local/{lib}/{name}/site-packages" for lib in ("lib64", "lib")] + folders
        return self._existing(folders)

    def _user_site(self, version: tuple[int, int]) -> Iterator[ImagePath]:
        home = self._context.env.get("PYTHONUSERBASE") or f"{self._home()}/.local"
        return self._existing([f"{home}/lib/python{version[0]}.{version[1]}/site-packages"])

    def _home(self) -> str:
        user = self._context.config.user.partition(":")[0]
        home = self._context.env.get("HOME", "")
        if home or user in ("", "root", "0"):
            return home or "/root"
        found = self._tree.resolve("/etc/passwd")
        if found.path is None or found.file is None or not 0 < found.file.size <= self._context.limits.passwd:
            return "/root"
        for line in decoded(self._tree.content(found.path)).split("\n"):
            fields = line.split(":")
            if len(fields) > 5 and user in (fields[0], fields[2]):
                return fields[5]
        return "/root"

    def _environment(self, prefix: ImagePath) -> PythonInterpreter | None:
        """A virtual environment (PEP 405): the standard library of its home, its own site-packages."""
        settings = self._settings(prefix)
        names = [f"{settings['home']}/{name}" for name in ("python3", "python")] if "home" in settings else []
        real = self._tree.resolve(f"{prefix}/bin/python").path
        base: PythonInterpreter | None = None
        for name in (*names, *([real] if real is not None else ())):
            if not name.startswith(f"{prefix}/") and self._is_file(name):
                base = self.by_executable(name)
            if base is not None:
                break
        version = base.version if base else _version_of(settings)
        folder = f"python{version[0]}.{version[1]}"
        own = self._existing([f"{prefix}/{lib}/{folder}/site-packages" for lib in ("lib", "lib64")])
        site, editable = self._with_pth(own)
        shared = settings.get("include-system-site-packages", "").lower() == "true"
        core: Iterable[ImagePath] = ()
        if base is not None and base.stdlib is not None:
            base_prefix = _prefix_of(base.stdlib)
            core = base.search if shared else self._core(base_prefix, base.stdlib, base.version)
        # With the system's packages shared, those of the environment still stand before them.
        library = [path for path in core if not path.endswith("-packages")]
        rest = [path for path in core if path.endswith("-packages")] if shared else []
        search = (*self._environment_path(), *library, *site, *rest)
        return PythonInterpreter(
            version=version,
            prefix=prefix,
            stdlib=base.stdlib if base else None,
            executable=self._first(f"{prefix}/bin", ("python", "python3")),
            search=tuple(dict.fromkeys(search)),
            editable=editable,
        )

    def _settings(self, prefix: ImagePath) -> dict[str, str]:
        text = decoded(self._read(f"{prefix}/pyvenv.cfg"))
        pairs = (line.partition("=") for line in text.split("\n"))
        return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}

    def _environment_path(self) -> Iterator[ImagePath]:
        parts = self._context.env.get("PYTHONPATH", "").split(":")
        return self._existing([join(self._context.cwd, part) for part in parts if part])

    def _with_pth(self, sites: Iterable[ImagePath]) -> tuple[list[ImagePath], tuple[tuple[str, ImagePath], ...]]:
        """Site directories with what their .pth files add, in the order of site.addsitedir."""
        found: list[ImagePath] = []
        editable: dict[str, ImagePath] = {}
        for site in sites:
            found.append(site)
            real = self._tree.resolve(site).path
            for name in self._tree.children(real) if real is not None else ():
                if not name.endswith(".pth") or name.startswith("."):
                    continue
                for line in decoded(self._read(f"{site}/{name}")).split("\n")[:1_000]:
                    found += self._pth_line(site, line.strip(), editable)
        return found, tuple(editable.items())

    def _pth_line(self, site: ImagePath, line: str, editable: dict[str, ImagePath]) -> Iterator[ImagePath]:
        if not line or line.startswith("#"):
            return
        if line.startswith(("import ", "import\t")):
            match = _PTH_FINDER.match(line)
            finder = self._read(f"{site}/{match[1]}.py") if match else b""
            for name, path in _EDITABLE.findall(finder):
                editable.setdefault(decoded(name), image_path(decoded(path)))
            return
        yield from self._existing([join(site, line)])

    # --- the tree ----------------------------------------------------------------------------------------------------

    def _existing(self, paths: Iterable[str]) -> Iterator[ImagePath]:
        for path in paths:
            file = self._tree.resolve(path).file
            if file is not None and (
                file.type is FileType.DIRECTORY or (file.type is FileType.FILE and path.endswith((".zip", ".egg")))
            ):
                yield image_path(path)

    def _first(self, folder: str, names: Iterable[str]) -> ImagePath | None:
        return next((image_path(f"{folder}/{name}") for name in names if self._is_file(f"{folder}/{name}")), None)

    def _is_file(self, path: str) -> bool:
        try:
            file = self._tree.resolve(path).file
        except LimitExceeded:
            return False
        return file is not None and file.type is FileType.FILE

    def _is_directory(self, path: str) -> bool:
        file = self._tree.resolve(path).file
        return file is not None and file.type is FileType.DIRECTORY

    def _read(self, path: str) -> bytes:
        found = self._tree.resolve(path)
        if found.path is None or found.file is None or found.file.type is not FileType.FILE:
            return b""
        return self._tree.read_at(found.path, 0, min(found.file.size, _CONFIG if path.endswith("cfg") else MIB))


def _prefix_of(stdlib: ImagePath) -> str:
    prefix = parent(parent(stdlib))
    return "" if prefix == "/" else prefix


def _version_of(settings: dict[str, str]) -> tuple[int, int]:
    text = settings.get("version", "") or settings.get("version_info", "")
    match = re.match(r"(\d)\.(\d{1,2})(?:\.|\Z)", text)
    return (int(match[1]), int(match[2])) if match else _DEFAULT_VERSION
