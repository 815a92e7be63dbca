"""OpenSSL and GnuTLS: default certificate authorities, providers and engines of the very library that is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from xraydiff.conventions import OPENSSL_DIRECTORIES
from xraydiff.facts import Edge, EdgeKind
from xraydiff.knowledge import Search
from xraydiff.paths import ImagePath, image_path
from xraydiff.references import Context
from xraydiff.references.readers.elf_capabilities.program import ElfProgram


def edges(program: ElfProgram) -> Iterator[Edge]:
    """Certificate authorities for the default-path calls, modules for the loading calls with a string that names one.

    `SSL_CTX_new` says nothing: every server has it, and only a client needs authorities.
    """
    call = program.searching_function("authorities-of-openssl")
    if call:
        yield from _authorities(program, call)
    call = program.searching_function("authorities-of-gnutls")
    if call:
        yield from _first(program, program.search("authorities-of-gnutls").files, call)
    if program.searching_function("providers"):
        yield from _modules(program, "MODULESDIR", program.search("providers"))
    if program.searching_function("engines"):
        yield from _modules(program, "ENGINESDIR", program.search("engines"))


def _authorities(program: ElfProgram, call: str) -> Iterator[Edge]:
    """SSL_CERT_FILE and SSL_CERT_DIR of the environment stand before OPENSSLDIR (X509_get_default_cert_file_env)."""
    home = _places(program).get("OPENSSLDIR")
    files = (program.context.env.get("SSL_CERT_FILE"), f"{home}/cert.pem" if home else None)
    folders = (program.context.env.get("SSL_CERT_DIR"), f"{home}/certs" if home else None)
    for name in (*files, *folders):
        path = program.exists(name) if name else None
        if path is not None:
            yield program.edge(path, EdgeKind.TRUSTS, call)
            return


def _first(program: ElfProgram, names: tuple[str, ...], detail: str) -> Iterator[Edge]:
    path = next((found for name in names if (found := program.exists(name)) is not None), None)
    if path is not None:
        yield program.edge(path, EdgeKind.TRUSTS, detail)


def _modules(program: ElfProgram, place: str, search: Search) -> Iterator[Edge]:
    folder = program.context.env.get("OPENSSL_MODULES" if place == "MODULESDIR" else "OPENSSL_ENGINES")
    folder = folder or _places(program).get(place)
    real = program.context.original.resolve(folder).path if folder else None
    if real is None:
        return
    for file in program.context.original.children(real):
        name = file.removesuffix(".so")
        if name != file and name not in search.words and program.names(name):
            yield program.edge(image_path(f"{folder}/{file}"), EdgeKind.LOADS, f"{search.functions[0]} {name}")


def _places(program: ElfProgram) -> dict[str, str]:
    """OPENSSLDIR, ENGINESDIR and MODULESDIR as compiled into the libcrypto that this program loads, or into itself."""
    path = program.library("libcrypto.so") or program.subject.path
    known = program.context.once(_places_by_library)
    if path in known:
        return known[path]
    places = _compiled_in(program, path)
    if path not in program.unread:
        known[path] = places
    return places


def _places_by_library(_: Context) -> dict[ImagePath, dict[str, str]]:
    return {}


def _compiled_in(program: ElfProgram, path: ImagePath) -> dict[str, str]:
    data = program.content(path, program.context.limits.elf)
    found = ((name, pattern.search(data)) for name, pattern in OPENSSL_DIRECTORIES.items())
    return {name: match[1].decode("utf-8", "surrogateescape") for name, match in found if match is not None}
