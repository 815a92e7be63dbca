"""Language runtimes, C libraries and shells of an image, and their versions: by names and a few small files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from xraydiff.facts import File, FileType, Runtime, ToolClass
from xraydiff.inventory.tools import tool_class
from xraydiff.paths import ImagePath, basename, parent
from xraydiff.tree import FileTree

__all__ = ["read_runtimes"]

_PROGRAM, _LIBRARY, _LANDMARK = range(3)
"""What a runtime was detected by, best first: a worse sign counts only where its installation shows no better one."""

_BEGINNINGS = (
    "python", "pypy", "libpython", "libpypy", "os.py", "node", "libnode", "ruby", "libruby", "php", "libphp", "perl",
    "libperl", "java", "libjvm.so", "beam", "dotnet", "libcoreclr.so", "go", "ld-", "ld64.so", "ld.so",
)  # fmt: skip
"""A byte comparison that spares nearly all files the patterns below."""
_NAMES = tuple(
    (language, rank, re.compile(pattern))
    for language, rank, pattern in (
        ("python", _PROGRAM, r"(?:python|pypy)(?P<version>\d(?:\.\d+)?)?[dmtu]?"),
        ("python", _LIBRARY, r"lib(?:python|pypy)(?P<version>\d\.\d+)[dmtu]?(?:-c)?\.so(?:\.\d+)*"),
        ("python", _LANDMARK, r"os\.py"),
        ("node", _PROGRAM, r"node(?:js)?"),
        ("node", _LIBRARY, r"libnode\.so(?:\.\d+)*"),
        ("ruby", _PROGRAM, r"ruby(?P<version>\d+\.\d+)?"),
        ("ruby", _LIBRARY, r"libruby(?:-\d+\.\d+)?\.so\.(?P<version>\d+\.\d+(?:\.\d+)?)"),
        ("php", _PROGRAM, r"php(?:-fpm|-cgi)?-?(?P<version>\d+\.\d+|\d)?(?P<packed>\d)?"),
        ("php", _LIBRARY, r"libphp(?P<version>\d+\.\d+|\d)?(?:-embed)?\.so(?:\.\d+)*"),
        ("perl", _PROGRAM, r"perl(?P<version>5(?:\.\d+)*)?(?:-[a-z0-9_]+-linux-[a-z0-9_]+)?"),
        ("perl", _LIBRARY, r"libperl\.so(?:\.(?P<version>5(?:\.\d+)*))?"),
        ("java", _PROGRAM, r"java"),
        ("java", _LIBRARY, r"libjvm\.so"),
        ("erlang", _PROGRAM, r"beam(?:\.smp)?"),
        ("dotnet", _PROGRAM, r"dotnet"),
        ("dotnet", _LIBRARY, r"libcoreclr\.so"),
        ("go", _PROGRAM, r"go"),
        ("glibc", _PROGRAM, r"ld-linux[a-z0-9_.-]*\.so\.\d|ld64\.so\.\d|ld\.so\.1|ld-(?P<version>2\.\d+)\.so"),
        ("musl", _PROGRAM, r"ld-musl-[a-z0-9_.-]+\.so\.1"),
    )
)
_LOADERS = frozenset({"glibc", "musl"})
"""Found in folders of libraries, links to them included: musl's loader may be a link to its libc.so."""
_NAME_LENGTH = 64
_HEADER_BYTES = 64 << 10
"""Bytes of a file that tells a version which are looked at; the real ones lie in the first few thousand."""
_LIBC = 4 << 20
_LIBCS = 4
"""C libraries whose text is searched for a version: an image has one, seldom two, and a hostile one a million."""
_VERSION = rb"([0-9][0-9A-Za-z.+_~-]{0,31})"
_NAMES_LISTED = 200_000
"""Names of directories that are searched for versions, for the same reason as the bound before."""
_LIBC_TEXT = re.compile(rb"GNU C Library [^\n]{0,100}?version " + _VERSION + rb"[.,]")


@dataclass(slots=True)
class _Sign:
    """One sign of a runtime."""

    language: str
    rank: int
    path: ImagePath
    version: str
    inode: int


@dataclass(slots=True)
class _Image:
    """The tree, and what may still be spent on it."""

    tree: FileTree
    libcs: int = _LIBCS
    names: int = _NAMES_LISTED
    memo: dict[tuple[ImagePath, bytes], str] = field(default_factory=dict)
    """What patterns found in files; many runtimes lie beside one header."""


def read_runtimes(tree: FileTree) -> tuple[Runtime, ...]:
    """Runtimes by language, real path and version, sorted; the version is empty where no file tells it.

    The path is that of the program; where an installation shows none, of the shared library, or of Python's `os.py`.
    Go programs carry their runtime in themselves; `go` is the toolchain.
    """
    image = _Image(tree)
    found = sorted(_signs(tree), key=lambda one: (one.rank, one.path))
    taken: set[tuple[str, str]] = set()
    runtimes: dict[tuple[str, int | ImagePath], Runtime] = {}
    for one in found:
        place = (one.language, _prefix(one.path))
        if one.rank != _PROGRAM and place in taken:
            continue
        taken.add(place)
        version = _longer(_version_of(image, one), one.version)
        key = (one.language, one.inode or one.path)
        known = runtimes.get(key)
        if known is None:
            runtimes[key] = Runtime(language=one.language, path=one.path, version=version)
        elif len(version) > len(known.version):
            # Another name of the same file says more, as perl5.36.0 does of perl.
            runtimes[key] = Runtime(language=one.language, path=known.path, version=version)
    return tuple(sorted(runtimes.values()))


def _signs(tree: FileTree) -> Iterator[_Sign]:
    """One pass over the names."""
    for path, file in tree.files.items():
        name = path[path.rfind("/") + 1 :]
        if name.startswith(_BEGINNINGS) and len(name) <= _NAME_LENGTH and file.type is not FileType.DIRECTORY:
            yield from _named(tree, path, file, name)
        elif _in_programs(path) and tool_class(name) is ToolClass.SHELL and _runs(file):
            yield _Sign("shell", _PROGRAM, path, "", file.inode)


def _named(tree: FileTree, path: ImagePath, file: File, name: str) -> Iterator[_Sign]:
    for language, rank, pattern in _NAMES:
        match = pattern.fullmatch(name)
        if match is None:
            continue
        if language in _LOADERS and file.type is FileType.SYMLINK:
            target = tree.resolve(path)
            if target.path is None or target.file is None or language != "musl":
                return
            path, file = target.path, target.file
        if file.type is FileType.FILE and _in_place(tree, path, file, language, rank):
            yield _Sign(language, rank, path, _version(match), file.inode)
        return


def _version(match: re.Match[str]) -> str:
    """The version in a name; `php82` means 8.2."""
    groups = match.groupdict()
    version, packed = groups.get("version") or "", groups.get("packed")
    return f"{version}.{packed}" if packed else version


def _in_place(tree: FileTree, path: ImagePath, file: File, language: str, rank: int) -> bool:
    """Whether a file of a runtime's name lies where the runtime would lie."""
    if rank == _LANDMARK:
        folder = parent(path)
        return basename(folder).startswith(("python", "pypy")) and basename(parent(folder)) in ("lib", "lib64")
    if rank == _LIBRARY or language in _LOADERS:
        return True
    if not _runs(file):
        return False
    match language:
        case "erlang":
            return basename(parent(parent(path))).startswith("erts-")
        case "dotnet":
            return ImagePath(f"{parent(path)}/shared/Microsoft.NETCore.App") in tree.files
        case "go":
            return ImagePath(f"{_home(path)}/pkg/tool") in tree.files or ImagePath(f"{_home(path)}/src") in tree.files
        case _:
            return _in_programs(path)


def _runs(file: File) -> bool:
    return file.type is FileType.FILE and bool(file.mode & 0o111)


def _in_programs(path: ImagePath) -> bool:
    return path[: path.rfind("/")].endswith(("/bin", "/sbin", "/busybox"))


def _home(path: ImagePath) -> str:
    """The directory above the folder of a program, without a slash at its end."""
    home = parent(parent(path))
    return "" if home == "/" else home


def _prefix(path: ImagePath) -> str:
    """Where a runtime is installed: what stands before the first folder of programs or libraries."""
    at = min((found for part in ("/bin/", "/sbin/", "/lib/", "/lib64/") if (found := path.find(part)) >= 0), default=0)
    return path[:at].removesuffix("/usr")


def _longer(recorded: str, named: str) -> str:
    return recorded if len(recorded) >= len(named) else named


# --- versions ---------------------------------------------------------------------------------------------------------


def _version_of(image: _Image, one: _Sign) -> str:
    """The version that a small file beside the runtime tells, or an empty string."""
    tell = _TELL.get(one.language)
    return tell(image, one) if tell is not None else ""


def _search(image: _Image, path: str, pattern: bytes) -> str:
    """The first group of a pattern at the start of a line of a small file."""
    found = image.tree.resolve(path)
    if found.path is None or found.file is None or found.file.type is not FileType.FILE:
        return ""
    key = (found.path, pattern)
    if key not in image.memo:
        text = image.tree.read_at(found.path, 0, _HEADER_BYTES)
        match = re.search(rb"(?m)^" + pattern, text)
        image.memo[key] = match[1].decode("ascii") if match else ""
    return image.memo[key]


def _children(image: _Image, folder: str, beginning: str) -> list[str]:
    """Names below a folder that begin so, sorted."""
    real = image.tree.resolve(folder).path
    if real is None or image.names <= 0:
        return []
    names = image.tree.children(real)
    image.names -= len(names) + 1
    return [name for name in names if name.startswith(beginning)]


def _python(image: _Image, one: _Sign) -> str:
    """include/pythonX.Y/patchlevel.h, else the name of the library's folder."""
    if one.rank == _LANDMARK:
        return re.sub(r"\A\D+|[a-z]+\Z", "", basename(parent(one.path)))[:_NAME_LENGTH]
    home = _home(one.path) if one.rank == _PROGRAM else _prefix(one.path) or "/usr"
    version = one.version
    if "." not in version:
        folders = _children(image, f"{home}/lib", f"python{version or '3'}.")
        version = folders[0].removeprefix("python") if len(folders) == 1 else version
    full = _search(image, f"{home}/include/python{version}/patchlevel.h", rb'#define PY_VERSION\s{1,40}"' + _VERSION)
    return full or version


def _node(image: _Image, one: _Sign) -> str:
    """include/node/node_version.h."""
    header = f"{_home(one.path) if one.rank == _PROGRAM else '/usr'}/include/node/node_version.h"
    parts = [
        _search(image, header, rb"#define NODE_" + part + rb"_VERSION ([0-9]{1,5})")
        for part in (b"MAJOR", b"MINOR", b"PATCH")
    ]
    return ".".join(parts) if all(parts) else ""


def _ruby(image: _Image, one: _Sign) -> str:
    """The version of its library, which is more than the one in the program's name."""
    home = _home(one.path)
    for folder in (f"{home}/lib", *(f"{home}/lib/{name}" for name in _children(image, f"{home}/lib", ""))):
        for name in _children(image, folder, "libruby"):
            match = re.fullmatch(r"libruby(?:-\d+\.\d+)?\.so\.(\d+\.\d+\.\d+)", name)
            if match is not None and match[1].startswith(one.version):
                return match[1]
    folders = _children(image, f"{home}/lib/ruby", "")
    return next((name for name in folders if re.fullmatch(r"\d+\.\d+\.\d+", name)), "") if not one.version else ""


def _php(image: _Image, one: _Sign) -> str:
    """include/php/main/php_version.h, where the program was built from source."""
    header = f"{_home(one.path)}/include/php/main/php_version.h"
    return _search(image, header, rb'#define PHP_VERSION "' + _VERSION + rb'"')


def _java(image: _Image, one: _Sign) -> str:
    """The file `release` of the Java home (JEP 223)."""
    home = parent(one.path)
    for _ in range(4):
        home = parent(home)
        version = _search(image, f"{home}/release", rb'JAVA_VERSION="' + _VERSION + rb'"')
        if version:
            return version
    return ""


def _erlang(image: _Image, one: _Sign) -> str:
    """releases/N/OTP_VERSION, else the version of the emulator."""
    erts = parent(parent(one.path))
    releases = f"{parent(erts)}/releases"
    for name in _children(image, releases, ""):
        version = _search(image, f"{releases}/{name}/OTP_VERSION", _VERSION)
        if version:
            return version
    return basename(erts)[:_NAME_LENGTH]


def _dotnet(image: _Image, one: _Sign) -> str:
    """The last version of the shared framework."""
    if one.rank == _LIBRARY:
        return basename(parent(one.path))[:_NAME_LENGTH]
    versions = _children(image, f"{parent(one.path)}/shared/Microsoft.NETCore.App", "")
    return versions[-1][:_NAME_LENGTH] if versions else ""


def _go(image: _Image, one: _Sign) -> str:
    return _search(image, f"{_home(one.path)}/VERSION", b"go" + _VERSION)


def _glibc(image: _Image, one: _Sign) -> str:
    """The name of libc.so.6's real file, or the line that it prints when it is run as a program."""
    libc = image.tree.resolve(f"{parent(one.path)}/libc.so.6")
    if libc.path is None or libc.file is None or libc.file.type is not FileType.FILE:
        return ""
    named = re.fullmatch(r"libc-(2\.\d{1,4})\.so", basename(libc.path))
    if named is not None:
        return named[1]
    key = (libc.path, _LIBC_TEXT.pattern)
    if key not in image.memo:
        if image.libcs == 0:
            return ""
        image.libcs -= 1
        match = _LIBC_TEXT.search(image.tree.read_at(libc.path, 0, _LIBC))
        image.memo[key] = match[1].decode("ascii") if match else ""
    return image.memo[key]


_TELL: dict[str, Callable[[_Image, _Sign], str]] = {
    "python": _python,
    "node": _node,
    "ruby": _ruby,
    "php": _php,
    "java": _java,
    "erlang": _erlang,
    "dotnet": _dotnet,
    "go": _go,
    "glibc": _glibc,
}
