"""The class of a removed path: what people look for when they want to know what slimming took."""

from __future__ import annotations

from enum import StrEnum

from xraydiff.facts import File, FileType, OwnerKind, ToolClass
from xraydiff.inventory.tools import tool_class
from xraydiff.paths import ImagePath

__all__ = ["RemovedClass", "classify"]


class RemovedClass(StrEnum):
    """Classes of removed paths, as in `summary.removed_by` of a report."""

    LIBRARY = "library"
    """Shared objects, archives, and modules of a language."""
    HEADER = "header"
    SHELL = "shell"
    PACKAGE_MANAGER = "package-manager"
    COMPILER = "compiler"
    DEBUGGER = "debugger"
    NETWORK_TOOL = "network-tool"
    PRIVILEGED_TOOL = "privileged-tool"
    """Setuid, setgid, or with file capabilities."""
    TOOL = "tool"
    """Any other program."""
    CERTIFICATE = "certificate"
    LOCALE = "locale"
    DOCUMENTATION = "documentation"
    PACKAGE_DATABASE = "package-database"
    CACHE = "cache"
    APPLICATION = "application"
    DATA = "data"
    HOME = "home"
    """In a home directory or a temporary one."""
    OTHER = "other"


_BY_TOOL = {
    ToolClass.SHELL: RemovedClass.SHELL,
    ToolClass.PACKAGE_MANAGER: RemovedClass.PACKAGE_MANAGER,
    ToolClass.COMPILER: RemovedClass.COMPILER,
    ToolClass.DEBUGGER: RemovedClass.DEBUGGER,
    ToolClass.NETWORK: RemovedClass.NETWORK_TOOL,
    ToolClass.PRIVILEGE: RemovedClass.PRIVILEGED_TOOL,
}

_DATABASES = (
    "/var/lib/dpkg/",
    "/usr/lib/dpkg/",
    "/lib/apk/",
    "/usr/lib/apk/",
    "/var/lib/rpm/",
    "/usr/lib/sysimage/",
    "/usr/share/rpm/",
    "/var/lib/opkg/",
    "/usr/lib/opkg/",
    "/var/lib/pacman/",
    "/var/db/pkg/",
    "/var/lib/apt/extended_states",
)
_CACHES = ("/var/cache/", "/var/lib/apt/lists/", "/root/.cache/", "/etc/ld.so.cache")
_CACHE_ENDINGS = (".pyc", ".pyo", ".cache")
_CERTIFICATES = ("/etc/ssl/certs/", "/etc/pki/", "/usr/share/ca-certificates/", "/usr/share/pki/", "/etc/ssl/private/")
_CERTIFICATE_ENDINGS = (".pem", ".crt", ".cer", ".der", ".p12", ".pfx", ".jks", "/cacerts")
_DOCUMENTATION = (
    "/usr/share/doc/",
    "/usr/share/man/",
    "/usr/share/info/",
    "/usr/share/gtk-doc/",
    "/usr/share/help/",
    "/usr/share/lintian/",
    "/usr/share/doc-base/",
    "/usr/share/common-licenses/",
    "/usr/local/share/doc/",
    "/usr/local/share/man/",
    "/usr/local/share/info/",
)
_LOCALES = ("/usr/share/locale/", "/usr/share/i18n/", "/usr/share/locale-langpack/", "/usr/lib/locale/")
_LOCALE_FOLDER = "/LC_MESSAGES/"
_HEADERS = ("/usr/include/", "/usr/local/include/")
_HEADER_ENDINGS = (".h", ".hh", ".hpp", ".hxx", ".inl")
_PROGRAM_FOLDERS = frozenset({"bin", "sbin", "libexec", "games"})
_LIBRARY_ENDINGS = (
    ".so", ".a", ".la", ".o", ".jar", ".jmod", ".dll", ".py", ".pyi", ".pth", ".rb", ".pm", ".pl", ".pod", ".al", ".ix",
    ".js", ".mjs", ".cjs", ".node", ".php", ".beam", ".class",
)  # fmt: skip
_LIBRARY_FOLDERS = ("/lib/", "/lib64/", "/lib32/", "/usr/lib/", "/usr/lib64/", "/usr/lib32/", "/usr/local/lib/")
_HOMES = ("/home/", "/root/", "/tmp/", "/var/tmp/", "/run/", "/var/run/")  # noqa: S108  names inside the image
_DATA = ("/usr/share/", "/usr/local/share/", "/var/lib/", "/srv/", "/var/www/", "/opt/", "/data/", "/var/spool/")


def classify(path: ImagePath, file: File, owner: OwnerKind | None = None) -> RemovedClass:
    """The class of a path by its place, its type and mode, and whose it is. The first that fits counts.

    A database, a cache, a certificate, documentation, a locale or a header is one whoever owns it. Then comes what is
    the application's own; only then what the name says.
    """
    place = f"{path}/" if file.type is FileType.DIRECTORY else path
    if place.startswith(_DATABASES):
        return RemovedClass.PACKAGE_DATABASE
    if place.startswith(_CACHES) or place.endswith(_CACHE_ENDINGS) or "/__pycache__/" in place:
        return RemovedClass.CACHE
    if place.startswith(_CERTIFICATES) or place.endswith(_CERTIFICATE_ENDINGS):
        return RemovedClass.CERTIFICATE
    if place.startswith(_DOCUMENTATION):
        return RemovedClass.DOCUMENTATION
    if place.startswith(_LOCALES) or _LOCALE_FOLDER in place:
        return RemovedClass.LOCALE
    if place.startswith(_HEADERS) or (place.endswith(_HEADER_ENDINGS) and "/include/" in place):
        return RemovedClass.HEADER
    if owner is OwnerKind.APPLICATION:
        return RemovedClass.APPLICATION
    if place.startswith(_HOMES):
        return RemovedClass.HOME
    return _program(path, file) or _by_name(place)


def _program(path: ImagePath, file: File) -> RemovedClass | None:
    """The class of a program, or of a link in a folder of programs."""
    if file.type is FileType.DIRECTORY:
        return None
    folder, _, name = path.rpartition("/")
    runs = file.type is FileType.SYMLINK or (file.type is FileType.FILE and bool(file.mode & 0o111))
    if not runs or folder.rpartition("/")[2] not in _PROGRAM_FOLDERS:
        return RemovedClass.PRIVILEGED_TOOL if runs and _is_privileged(file) else None
    tool = tool_class(name)
    if tool is not None:
        return _BY_TOOL[tool]
    return RemovedClass.PRIVILEGED_TOOL if _is_privileged(file) else RemovedClass.TOOL


def _is_privileged(file: File) -> bool:
    return file.type is FileType.FILE and (
        bool(file.mode & 0o6000) or any(name == "security.capability" for name, _ in file.xattrs)
    )


def _by_name(place: str) -> RemovedClass:
    if place.endswith(_LIBRARY_ENDINGS) or ".so." in place.rpartition("/")[2]:
        return RemovedClass.LIBRARY
    if place.startswith(_LIBRARY_FOLDERS):
        return RemovedClass.LIBRARY if place.endswith("/") else RemovedClass.DATA
    return RemovedClass.DATA if place.startswith(_DATA) else RemovedClass.OTHER
