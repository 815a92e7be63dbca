"""php.ini and its like: which files a PHP program reads at its start, and which extensions these load (php.net/ini)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from xraydiff.errors import ImageError
from xraydiff.facts import EdgeKind, FileType, Firing
from xraydiff.paths import ImagePath, basename, decoded, image_path, join, parent
from xraydiff.references import Context
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.readers.php.names import SETTINGS
from xraydiff.references.readers.php.script import Setting
from xraydiff.tree import glob

__all__ = ["EXTENSION_FOLDERS", "folders_of", "settings_of", "sight_program", "sight_settings", "zones_of_the_system"]

EXTENSION_FOLDERS: Final = (
    "/usr/lib/php/[0-9]*", "/usr/local/lib/php/extensions/*", "/usr/lib/php*/modules", "/usr/lib64/php*/modules",
    "/usr/lib64/php/modules", "/usr/lib/php/modules",
)  # fmt: skip
"""Where Debian, Docker's image, Alpine and Fedora keep extensions, for settings that name none."""
_LINE = re.compile(rb"(?m)^[ \t]*(extension|zend_extension|extension_dir|include_path|auto_prepend_file"
                   rb"|auto_append_file|error_log|openssl\.cafile|openssl\.capath|curl\.cainfo|browscap|opcache\.preload"
                   rb"|date\.timezone|session\.save_path|sendmail_path)[ \t]*=[ \t]*([^\r\n;]{1,1000})")  # fmt: skip
_PATH = re.compile(rb"/[A-Za-z0-9_.+-]{1,100}(?:/[A-Za-z0-9_.+-]{1,100}){1,8}(?=\0)")
_ZONES: Final = b"/usr/share/zoneinfo"
_PROGRAM: Final = 64 << 20
"""Bytes of a program that are searched for the names of folders; PHP has six million."""
_PROGRAMS: Final = 16
"""Programs and libraries of PHP that are looked into; an image has three."""


def settings_of(text: bytes) -> Iterator[Setting]:
    """What a settings file says that may name files."""
    line, before = 1, 0
    for match in _LINE.finditer(text):
        line += text.count(b"\n", before, match.start())
        before = match.start()
        yield Setting(match[1].decode("ascii"), decoded(match[2]).strip().strip("\"'"), line)


def folders_of(data: bytes) -> tuple[str, ...]:
    """Texts of a program that may be the folders of its settings: they are compiled into it."""
    return tuple(dict.fromkeys(decoded(match[0]) for match in _PATH.finditer(data[:_PROGRAM])))


def sight_settings(settings: Iterable[Setting], context: Context, seen: Recorder) -> None:
    """Note what a settings file loads and names."""
    found = tuple(settings)
    folders = [one.value for one in found if one.key == "extension_dir" and one.value.startswith("/")]
    for one in found:
        seen.line = one.line
        if one.key in ("extension", "zend_extension"):
            _extension(one.value, folders or context.once(_folders), context, seen)
        elif one.key == "date.timezone":
            path = ImagePath(f"{decoded(_ZONES)}/{one.value}")
            if context.once(zones_of_the_system) and _is_file(context, path):
                seen.named(path, FileType.FILE, one.value)
        elif one.key != "extension_dir":
            _named(one.value.split(":"), context, seen)


def _extension(value: str, folders: Iterable[str], context: Context, seen: Recorder) -> None:
    names = (value,) if value.endswith(".so") else (f"{value}.so",)
    for name in names:
        for path in (image_path(name),) if name.startswith("/") else tuple(join(folder, name) for folder in folders):
            if _is_file(context, path):
                seen.file(path, EdgeKind.LOADS, Firing.LOAD, value)


def _named(values: Iterable[str], context: Context, seen: Recorder) -> None:
    for value in values:
        file = context.original.resolve(value).file if value.startswith("/") else None
        if file is not None and value.count("/") > 1:
            seen.named(image_path(value), file.type, value)


def sight_program(folders: Sequence[str], path: ImagePath, context: Context, seen: Recorder, *, detail: str) -> None:
    """Note the settings files that a program reads which these folders are compiled into."""
    override = context.env.get("PHPRC", "")
    scans = context.env.get("PHP_INI_SCAN_DIR", "")
    sapi = basename(path).removeprefix("php").strip("-.0123456789") or "cli"
    for folder in (*([override] if override else folders), parent(path)):
        for name in (f"php-{sapi}.ini", "php.ini"):
            if _is_file(context, f"{folder}/{name}"):
                seen.file(image_path(f"{folder}/{name}"), EdgeKind.NAMES, Firing.LOAD, detail)
                break
    for folder in scans.split(":") if scans else folders:
        for name in context.original.children(context.original.resolve(folder).path or ImagePath("/.")):
            file = f"{folder}/{name}"
            if name.endswith(".ini") and SETTINGS.search(file) and name != "php.ini" and _is_file(context, file):
                seen.file(image_path(file), EdgeKind.NAMES, Firing.LOAD, detail)


def zones_of_the_system(context: Context) -> bool:
    """Whether this PHP takes time zones from /usr/share/zoneinfo, as Debian's and Fedora's do, and not from itself."""
    return any(_ZONES in data for data in _programs(context))


def _programs(context: Context) -> Iterator[bytes]:
    """The contents of PHP's programs and shared libraries."""
    tree, left = context.original, _PROGRAMS
    for path, file in tree.files.items():
        name = path[path.rfind("/") + 1 :]
        if not name.startswith(("php", "libphp", "mod_php")) or file.type is not FileType.FILE or file.size < 1 << 16:
            continue
        if not (name.endswith(".so") or "/bin/" in path or "/sbin/" in path) or left == 0:
            continue
        left -= 1
        try:
            yield tree.content(path, limit=context.limits.elf)
        except ImageError:
            continue


def _folders(context: Context) -> tuple[str, ...]:
    return tuple(path for pattern in EXTENSION_FOLDERS for path in glob(context.original, pattern))


def _is_file(context: Context, path: str) -> bool:
    file = context.original.resolve(path).file
    return file is not None and file.type is FileType.FILE
