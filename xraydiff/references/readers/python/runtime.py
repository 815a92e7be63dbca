"""What the standard library loads by name at run time: codecs, time zones, certificates, libraries, modules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from xraydiff.conventions import OPENSSLDIR
from xraydiff.elf.format import ElfError
from xraydiff.errors import ImageError
from xraydiff.facts import EdgeKind, FileType, Firing
from xraydiff.knowledge import Effect, Search
from xraydiff.paths import ImagePath, image_path, join, parent
from xraydiff.references import Context
from xraydiff.references.kit.elf_files import elf_files
from xraydiff.references.kit.evaluation import HOLE
from xraydiff.references.readers.python.effects import effects
from xraydiff.references.readers.python.program import Call, PythonProgram
from xraydiff.references.readers.python.vocabulary import (
    BUILT_IN_CODECS,
    CERTIFI_CLIENTS,
    CODEC_CALLS,
    CODEC_METHODS,
    CODEC_NEEDS,
    CODEC_SECOND,
    HTTP_CLIENTS,
    HTTP_METHODS,
    OPENSSL_METHODS,
    TAR_MODES,
    TLS_LIBRARIES,
)

__all__ = ["codec", "runtime", "zone"]

_ALIAS: Final = re.compile(rb"""^\s{0,20}['"]([\w.]{1,60})['"]\s{0,20}:\s{0,20}['"](\w{1,60})['"]""", re.MULTILINE)
_CODEC: Final = re.compile(r"[A-Za-z][\w .:-]{1,40}\Z", re.ASCII)
_ZONE: Final = re.compile(r"[A-Z][A-Za-z_]{1,40}(?:/[A-Za-z][A-Za-z0-9_+-]{1,40}){0,2}\Z")
_BUNDLE: Final = re.compile(rb"""["'](/[^"'\n]{1,400}\.(?:crt|pem))["']""")
_LIBRARY_FOLDERS: Final = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")
_DLOPENS: Final = frozenset({"LoadLibrary", "dlopen"})
_LIBRARIES: Final = frozenset(
    {"ctypes.CDLL", "ctypes.PyDLL", "ctypes.cdll.LoadLibrary", "ctypes.CDLL.LoadLibrary", "CDLL"}
)


def runtime(program: PythonProgram, call: Call) -> None:
    """Note what a call loads without an import statement."""
    _computed(program, call)
    _codec_call(program, call)
    _tls(program, call)
    if call.name in program.context.once(effects)[Effect.ZONE] or call.method == "ZoneInfo":
        _zone_call(program, call)
    elif call.name in _LIBRARIES or call.method in _DLOPENS:
        _library(program, call)
    elif call.name in ("ctypes.util.find_library", "find_library"):
        _find_library(program, call)
    elif call.name.startswith(("pwd.", "grp.")):
        _account(program, call)


def _computed(program: PythonProgram, call: Call) -> None:
    known = program.context.once(effects)[Effect.IMPORTS]
    row = known.get(call.name) or known.get(f".{call.method}")
    for name in row.modules if row is not None else ():
        if name.startswith("encodings.") and "encoding" in call.keywords:
            continue
        if name.endswith("*"):
            for module in program.finder.tops(name[:-1]):
                program.chain((module,), call.firing, call.name)
        else:
            program.module(name, call.firing, call.name)
    if call.name == "tarfile.open":
        mode = call.args[1] if len(call.args) > 1 else call.keywords.get("mode")
        text = program.values.texts(mode)[0] if mode is not None else "r"
        for suffix, name in TAR_MODES.items():
            if text.endswith(suffix) or text in ("r", "r:*", HOLE):
                program.module(name, Firing.DEFERRED if text in ("r", "r:*", HOLE) else call.firing, call.name)


# --- codecs -----------------------------------------------------------------------------------------------------------


def codec(program: PythonProgram, text: str, firing: Firing, *, registry: bool) -> None:
    """Note the module of a codec (Lib/encodings/__init__.py, search_function)."""
    if not _CODEC.match(text):
        return
    name = "".join(char if char.isalnum() or char == "." else "_" for char in text).strip("_").lower()
    if not registry and name in BUILT_IN_CODECS:
        return
    name = name.replace(".", "_")
    module = _aliases(program).get(name, name)
    if program.finder.find(f"encodings.{module}")[1]:
        program.module(f"encodings.{module}", firing, text)
        for more in CODEC_NEEDS.get(module, ()):
            program.module(more, firing, text)


def _codec_call(program: PythonProgram, call: Call) -> None:
    values = program.values
    encoding = call.keywords.get("encoding")
    if encoding is not None:
        for text in values.texts(encoding):
            codec(program, text, call.firing, registry=call.method not in CODEC_METHODS)
    if call.name in CODEC_CALLS and call.args:
        for text in values.texts(call.args[0]):
            codec(program, text, call.firing, registry=True)
    elif call.method in CODEC_METHODS and call.receiver is not None and call.name not in CODEC_SECOND:
        for text in values.texts(call.args[0]) if call.args else ():
            codec(program, text, call.firing, registry=False)
    elif call.name in CODEC_SECOND and len(call.args) > 1:
        for text in values.texts(call.args[1]):
            codec(program, text, call.firing, registry=call.name not in ("str", "bytes"))


def _aliases(program: PythonProgram) -> dict[str, str]:
    """The alias table of the image's own Python."""
    home = program.finder.interpreter
    path = f"{home.stdlib}/encodings/aliases.py" if home is not None and home.stdlib is not None else ""
    known = program.context.once(_aliases_by_path)
    if path not in known:
        aliases: dict[str, str] = {}
        found = program.context.original.resolve(path) if path else None
        if found is not None and found.path is not None and program.resolve(path) is FileType.FILE:
            data = program.context.original.read_at(found.path, 0, program.context.limits.syntax)
            aliases = {one.decode(): name.decode() for one, name in _ALIAS.findall(data)}
        known[path] = aliases
    return known[path]


def _aliases_by_path(_: Context) -> dict[str, dict[str, str]]:
    return {}


# --- time zones -------------------------------------------------------------------------------------------------------


def zone(program: PythonProgram, text: str, firing: Firing, *, certain: bool = False) -> bool:
    """Note the file of a time zone; a text without a slash names one only where it is asked for as such."""
    if not _ZONE.match(text) or not (certain or "/" in text) or not program.spend(4):
        return False
    for folder in _zone_folders(program):
        if program.resolve(f"{folder}/{text}") is FileType.FILE:
            program.seen.named(image_path(f"{folder}/{text}"), FileType.FILE, text, firing)
            return True
    return _packaged_zone(program, text, firing)


def _zone_folders(program: PythonProgram) -> Iterator[str]:
    configured = program.context.env.get("PYTHONTZPATH", "")
    yield from (part for part in configured.split(":") if part.startswith("/"))
    yield from program.context.knowledge.named(Search)["zones-of-python"].files


def _packaged_zone(program: PythonProgram, text: str, firing: Firing) -> bool:
    """Of the distribution tzdata, a package for each directory; of pytz, plain files."""
    folder, _, name = text.rpartition("/")
    package = "tzdata.zoneinfo" + (f".{folder.replace('/', '.')}" if folder else "")
    chain, whole = program.finder.find(package)
    if whole and chain[-1].package:
        path = f"{chain[-1].package[0]}/{name}"
        if program.resolve(path) is FileType.FILE:
            program.chain(chain, firing, text)
            program.seen.named(image_path(path), FileType.FILE, text, firing)
            return True
    chain, whole = program.finder.find("pytz")
    path = f"{chain[-1].package[0]}/zoneinfo/{text}" if whole and chain[-1].package else ""
    if path and program.resolve(path) is FileType.FILE:
        program.seen.named(image_path(path), FileType.FILE, text, firing)
        return True
    return False


def _zone_call(program: PythonProgram, call: Call) -> None:
    node = call.args[0] if call.args else call.keywords.get("key")
    if node is None:
        return
    texts = program.values.texts(node)
    for text in texts:
        if HOLE not in text:
            zone(program, text, call.firing, certain=True)
    if texts == (HOLE,):
        # A zone that comes from elsewhere: the image's environment often names it.
        for value in program.context.env.values():
            zone(program, value.lstrip(":"), Firing.DEFERRED)


# --- TLS --------------------------------------------------------------------------------------------------------------


def _tls(program: PythonProgram, call: Call) -> None:
    name = call.name
    client = call.method in HTTP_METHODS and name.startswith(HTTP_CLIENTS)
    known = program.context.once(effects)
    openssl = name in known[Effect.TRUSTS] or call.method in OPENSSL_METHODS
    certifi = name == "certifi.where" or (client and name.startswith(CERTIFI_CLIENTS))
    if not (client or openssl or certifi or name in known[Effect.RESOLVES]) or _is_tls_library(program):
        return
    if client or name in known[Effect.RESOLVES]:
        # Hosts that are not ASCII, which need punycode too, are rare.
        program.module("encodings.idna", _later(call.firing), call.name)
    if (openssl or certifi) and not _trusts_otherwise(program, call):
        if openssl:
            _openssl(program, call)
        else:
            _certifi(program, call)


def _later(firing: Firing) -> Firing:
    """A name is resolved and a peer checked only where the call gets so far."""
    return Firing.GUARDED if firing is Firing.LOAD else firing


def _trusts_otherwise(program: PythonProgram, call: Call) -> bool:
    """Whether a call says itself whom it trusts, or opens a URL without TLS."""
    if {"cafile", "cadata", "capath", "context", "verify", "ca_certs", "ssl", "ssl_context"} & call.keywords.keys():
        return True
    texts = program.values.texts(call.args[0]) if call.args else ()
    return bool(texts) and all(text.startswith("http://") for text in texts)


def _is_tls_library(program: PythonProgram) -> bool:
    if not program.library:
        return False
    home = program.finder.interpreter
    for root in home.search if home is not None else ():
        if program.path.startswith(f"{root}/"):
            top = program.path[len(root) + 1 :].partition("/")[0]
            if top in TLS_LIBRARIES:
                return True
    return False


def _openssl(program: PythonProgram, call: Call) -> None:
    """cert.pem of OPENSSLDIR, the hashed directory where there is none; SSL_CERT_FILE and SSL_CERT_DIR go first."""
    env = program.context.env
    home = _openssl_home(program)
    files = [name for name in (env.get("SSL_CERT_FILE"), f"{home}/cert.pem" if home else "") if name]
    folders = [name for name in (env.get("SSL_CERT_DIR"), f"{home}/certs" if home else "") if name]
    for path in (*files, *folders):
        if _trust(program, path, call):
            return


def _trust(program: PythonProgram, path: str, call: Call) -> bool:
    type_ = program.resolve(path) if path.startswith("/") else None
    if type_ is FileType.FILE:
        program.seen.file(image_path(path), EdgeKind.TRUSTS, _later(call.firing), call.name)
    elif type_ is FileType.DIRECTORY:
        program.seen.named(image_path(path), type_, call.name, _later(call.firing))
    return type_ is not None


def _openssl_home(program: PythonProgram) -> str:
    """OPENSSLDIR as compiled into the libcrypto that `_ssl` loads, or into the interpreter itself."""
    home = program.finder.interpreter
    start = home.executable if home is not None else None
    known = program.context.once(_openssl_by_interpreter)
    if start not in known:
        directory = ""
        chain, whole = program.finder.find("_ssl")
        for path in ([chain[-1].file] if whole else []) + [start]:
            directory = directory or (_compiled_in(program, path) if path is not None else "")
        known[start] = directory
    return known[start]


def _openssl_by_interpreter(_: Context) -> dict[ImagePath | None, str]:
    return {}


def _compiled_in(program: PythonProgram, path: ImagePath) -> str:
    tree = program.context.original
    real = tree.resolve(path).path
    if real is None:
        return ""
    try:
        objects = [one.path for one in program.context.once(elf_files).loader.closure(real).objects]
    except (ElfError, ImageError):
        objects = [real]
    named = [one for one in objects if "libcrypto" in one]
    for one in named or [real, *(one for one in objects if "libpython" in one)]:
        try:
            data = tree.content(one, limit=program.context.limits.elf)
        except ImageError:
            continue
        if match := OPENSSLDIR.search(data):
            return match[1].decode("utf-8", "surrogateescape")
    return ""


def _certifi(program: PythonProgram, call: Call) -> None:
    """REQUESTS_CA_BUNDLE and its like, else what `certifi.where()` returns: distributions patch their path in."""
    if call.name.startswith("requests."):
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            if _trust(program, program.context.env.get(name, ""), call):
                return
    chain, whole = program.finder.find("certifi.core")
    if not whole or chain[-1].file is None:
        return
    program.chain(chain, call.firing, call.name)
    for path in _BUNDLE.findall(program.finder.content(chain[-1])):
        if _trust(program, path.decode("utf-8", "surrogateescape"), call):
            return
    _trust(program, f"{parent(chain[-1].file)}/cacert.pem", call)


# --- libraries and accounts -------------------------------------------------------------------------------------------


def _library(program: PythonProgram, call: Call) -> None:
    node = call.args[0] if call.args else call.keywords.get("name")
    if node is None or program.values.text(node) == "None":
        return
    for text in program.values.texts(node):
        if HOLE in text or not text:
            continue
        path = _searched(program, text) if "/" not in text else join(program.context.cwd, text)
        if path is not None and program.resolve(path) is FileType.FILE:
            program.seen.file(path, EdgeKind.LOADS, call.firing, text)


def _searched(program: PythonProgram, name: str) -> ImagePath | None:
    """Where the loader finds a library for the interpreter."""
    home = program.finder.interpreter
    start = home.executable if home is not None else None
    real = program.context.original.resolve(start).path if start is not None else None
    if real is None:
        return None
    try:
        return program.context.once(elf_files).loader.search(name, real).path
    except (ElfError, ImageError):
        return None


def _find_library(program: PythonProgram, call: Call) -> None:
    """ctypes.util runs `/sbin/ldconfig -p` and takes the library whose name begins so."""
    if program.executable("/sbin/ldconfig") is not None:
        program.executes(ImagePath("/sbin/ldconfig"), call.firing, call.name)
    for text in program.values.texts(call.args[0]) if call.args else ():
        if HOLE in text or not text.replace("-", "").replace("_", "").isalnum():
            continue
        for name in _sonames(program, f"lib{text}.so"):
            path = _searched(program, name)
            if path is not None:
                program.seen.file(path, EdgeKind.LOADS, call.firing, text)
                break


def _sonames(program: PythonProgram, stem: str) -> Iterator[str]:
    tree = program.context.original
    for folder in _LIBRARY_FOLDERS:
        real = tree.resolve(folder).path
        for name in tree.children(real) if real is not None else ():
            if name.endswith("-linux-gnu"):
                yield from (one for one in tree.children(ImagePath(f"{real}/{name}")) if one.startswith(stem + "."))
            elif name.startswith((f"{stem}.", stem)) and (name == stem or name[len(stem)] == "."):
                yield name


def _account(program: PythonProgram, call: Call) -> None:
    name = "/etc/passwd" if call.name.startswith("pwd.") else "/etc/group"
    program.names((name,), "/", call.firing, call.name)
