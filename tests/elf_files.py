"""ELF files and trees for tests: small files with any fields; trees of a mapping or a directory; ELFs of an archive."""

from __future__ import annotations

import json
import os
import stat
import struct
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xraydiff.facts import File, FileType
from xraydiff.image import Layer, LayerContent
from xraydiff.layers import Operation
from xraydiff.paths import ROOT, ImagePath
from xraydiff.testing import ImageBuilder
from xraydiff.tree import Tree

LOAD, DYNAMIC, INTERP, NOTE = 1, 2, 3, 4
TAGS = {"NEEDED": 1, "SONAME": 14, "RPATH": 15, "RUNPATH": 29, "FLAGS_1": 0x6FFFFFFB, "AUXILIARY": 0x7FFFFFFD}
CacheRows = list[tuple[str, str, int, int]]


@dataclass(kw_only=True)
class ElfFile:
    """A minimal loadable file: one segment that maps the whole file, so that offsets are addresses."""

    bits: int = 64
    little: bool = True
    machine: int = 62
    type: int = 3
    needed: Sequence[str | bytes] = ()
    soname: str | None = None
    rpath: str | None = None
    runpath: str | None = None
    flags_1: int = 0
    interpreter: str | None = None
    build_id: bytes = b""
    imports: Sequence[str] = ()
    exports: Sequence[str] = ()
    extra_tags: Sequence[tuple[int, int]] = ()
    extra_data: bytes = b""
    """Appended, as the read-only data of an interpreter would be."""

    def bytes(self) -> bytes:
        """The file."""
        order = "<" if self.little else ">"
        wide = self.bits == 64
        word = "Q" if wide else "I"
        header_size, ph_size = (64, 56) if wide else (52, 32)
        strings = bytearray(b"\0")

        def string(text: str | bytes) -> int:
            at = len(strings)
            strings.extend((text.encode() if isinstance(text, str) else text) + b"\0")
            return at

        tags = [(TAGS["NEEDED"], string(name)) for name in self.needed]
        for tag, text in (("SONAME", self.soname), ("RPATH", self.rpath), ("RUNPATH", self.runpath)):
            if text is not None:
                tags.append((TAGS[tag], string(text)))
        if self.flags_1:
            tags.append((TAGS["FLAGS_1"], self.flags_1))
        symbols = b"\0" * (24 if wide else 16)
        for name, section in [*((one, 0) for one in self.imports), *((one, 7) for one in self.exports)]:
            if wide:
                symbols += struct.pack(order + "IBBHQQ", string(name), 0x12, 0, section, 0, 0)
            else:
                symbols += struct.pack(order + "IIIBBH", string(name), 0, 0, 0x12, 0, section)
        count = 1 + len(self.imports) + len(self.exports)
        hashes = struct.pack(order + "II", 0, count)
        interp = (self.interpreter or "").encode() + b"\0" if self.interpreter is not None else b""
        note = struct.pack(order + "III", 4, len(self.build_id), 3) + b"GNU\0" + self.build_id if self.build_id else b""
        parts = 2 + bool(interp) + bool(note)
        at = header_size + parts * ph_size
        places = {}
        body = b""
        blobs = {"interp": interp, "note": note, "hash": hashes, "sym": symbols, "str": bytes(strings)}
        for name, blob in blobs.items():
            pad = -(at + len(body)) % 8
            body += b"\0" * pad
            places[name] = at + len(body)
            body += blob
        body += b"\0" * (-(at + len(body)) % 8)
        places["dyn"] = at + len(body)
        tags += [(5, places["str"]), (10, len(strings)), (6, places["sym"]), (11, 24 if wide else 16)]
        tags += [(4, places["hash"]), *self.extra_tags, (0, 0)]
        dynamic = b"".join(struct.pack(order + word * 2, tag, value) for tag, value in tags)
        body += dynamic + b"\0" + self.extra_data
        total = at + len(body)

        def program(kind: int, flags: int, offset: int, size: int) -> bytes:
            if wide:
                return struct.pack(order + "IIQQQQQQ", kind, flags, offset, offset, offset, size, size, 8)
            return struct.pack(order + "IIIIIIII", kind, offset, offset, offset, size, size, flags, 4)

        programs = program(LOAD, 5, 0, total) + program(DYNAMIC, 6, places["dyn"], len(dynamic))
        if interp:
            programs += program(INTERP, 4, places["interp"], len(interp))
        if note:
            programs += program(NOTE, 4, places["note"], len(note))
        ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if self.little else 2, 1]) + b"\0" * 9
        head = struct.pack(
            order + "HHI" + word * 3 + "IHHHHHH",
            self.type,
            self.machine,
            1,
            0,
            header_size,
            0,
            0,
            header_size,
            ph_size,
            parts,
            0,
            0,
            0,
        )
        return ident + head + programs + body


@dataclass(kw_only=True)
class _Content:
    size: int = 0
    path: Path = Path()

    def read_at(self, offset: int, length: int) -> bytes:
        with self.path.open("rb") as stream:
            stream.seek(offset)
            return stream.read(length)


@dataclass(kw_only=True)
class _Layer:
    index: int = 0
    digest: str = ""
    diff_id: str = ""
    media_type: str = ""
    made: _Content = field(default_factory=_Content)

    @property
    def content(self) -> LayerContent:
        return self.made

    def operations(self) -> Iterator[Operation]:
        return iter(())


def loader_cache(rows: CacheRows, order: str = "<", variants: tuple[str, ...] = ()) -> bytes:
    """An /etc/ld.so.cache in the new format: soname, path, flags and hwcap of each entry."""
    base = 48 + 24 * len(rows)
    strings = bytearray()

    def string(text: str) -> int:
        at = base + len(strings)
        strings.extend(text.encode() + b"\0")
        return at

    entries = b"".join(
        struct.pack(order + "iIIIQ", flags, string(name), string(path), 0, hwcap) for name, path, flags, hwcap in rows
    )
    indexes = b"".join(struct.pack(order + "I", string(one)) for one in variants)
    strings.extend(b"\0" * (-(base + len(strings)) % 4))
    extension = base + len(strings) if variants else 0
    section = b""
    if variants:
        section = struct.pack(order + "II", 0xEAA42174, 1)
        section += struct.pack(order + "IIII", 1, 0, extension + 24, len(indexes)) + indexes
    header = b"glibc-ld.so.cache1.1" + struct.pack(order + "IIB3xI12x", len(rows), len(strings), 2, extension)
    return header + entries + bytes(strings) + section


def make_tree(files: Mapping[str, bytes | str | None], *, modes: Mapping[str, int] | None = None) -> Tree:
    """A tree: bytes are a file (mode 0755), a string is a link's target, None a directory; parents come unasked."""
    builder = ImageBuilder()
    for path, value in files.items():
        mode = (modes or {}).get(path, 0o755)
        if value is None:
            builder.directory(path, mode=mode)
        elif isinstance(value, str):
            builder.symlink(path, value)
        else:
            builder.file(path, value, mode=mode)
    return builder.tree()


def tree_of_directory(root: Path) -> Tree:
    """A tree of what lies below a directory of the host."""
    layers: list[Layer] = []
    made: dict[ImagePath, File] = {ROOT: File(type=FileType.DIRECTORY, mode=0o755, uid=0, gid=0)}
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            place = Path(folder, name)
            found = place.lstat()
            path = ImagePath("/" + str(place.relative_to(root)))
            mode, uid, gid = stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid
            if place.is_symlink():
                target = str(place.readlink())
                made[path] = File(type=FileType.SYMLINK, mode=mode, uid=uid, gid=gid, target=target, inode=found.st_ino)
            elif stat.S_ISDIR(found.st_mode):
                made[path] = File(type=FileType.DIRECTORY, mode=mode, uid=uid, gid=gid)
            elif stat.S_ISREG(found.st_mode):
                made[path] = File(
                    type=FileType.FILE,
                    mode=mode,
                    uid=uid,
                    gid=gid,
                    size=found.st_size,
                    layer=len(layers),
                    inode=found.st_ino,
                )
                layers.append(_Layer(made=_Content(size=found.st_size, path=place)))
    return Tree(made, layers=layers)


def layers_of_archive(path: Path) -> Iterator[tarfile.TarFile]:
    """The layers of a docker-archive, base first."""
    with tarfile.open(path) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        for name in json.load(manifest)[0]["Layers"]:
            with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                yield layer


def elves_of_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every ELF file in the layers of a docker-archive, or in a plain tar of files."""
    with tarfile.open(path) as archive:
        layered = "manifest.json" in archive.getnames()
        if not layered:
            yield from _elves(archive)
    if layered:
        for layer in layers_of_archive(path):
            yield from _elves(layer)


def _elves(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in archive:
        stream = archive.extractfile(member) if member.isreg() else None
        data = stream.read() if stream else b""
        if data.startswith(b"\x7fELF"):
            yield member.name, data


def endless_elf() -> bytes:
    """An ELF file of 352 bytes whose version needs never end: 65,535 versions in each of 2^32 - 1 entries."""
    need = struct.pack("<HHIII", 1, 65535, 0, 16, 0) + struct.pack("<IHHII", 0, 0, 0, 0, 0)
    body = need + b"\0a\0"
    head, entry = 64, 64
    table = bytes(entry)
    table += struct.pack("<IIQQQQIIQQ", 0, 0x6FFFFFFE, 0, 0, head, len(need), 2, 2**32 - 1, 1, 24)
    table += struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, head + len(need), 3, 0, 0, 1, 0)
    fields = (b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 0, head + len(body), 0, head, 56, 0, entry, 3, 2)
    return struct.pack("<16sHHIQQQIHHHHHH", *fields) + body + table


def slow_elf() -> bytes:
    """An ELF file that keeps pyelftools busy: two thousand DT_NEEDED that all name one string of two megabytes."""
    strings = b"\0" + b"a" * 2_000_000 + b"\0"
    entries = struct.pack("<QQ", 10, len(strings)) + struct.pack("<QQ", 1, 1) * 2_000 + struct.pack("<QQ", 0, 0)
    at = 64 + 2 * 56
    dynamic = struct.pack("<QQ", 5, at + 16 + len(entries)) + entries
    whole = at + len(dynamic) + len(strings)
    segments = struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, whole, whole, 1)
    segments += struct.pack("<IIQQQQQQ", 2, 4, at, at, 0, len(dynamic), len(dynamic), 8)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    return head + segments + dynamic + strings


X86_64, AARCH64, RISCV = 62, 183, 243
CODE, TEXTS = 0x1000, 0x3000
"""Addresses of the code and of the read-only data of `coded`, which stand at the same offsets of the file."""


def coded(code: bytes, texts: bytes, *, machine: int = X86_64, type_: int = 3, class_: int = 2) -> bytes:
    """A file of two segments: code, and constants."""
    head = b"\x7fELF" + bytes((class_, 1, 1)) + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", type_, machine, 1, CODE, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    head += struct.pack("<IIQQQQQQ", 1, 5, CODE, CODE, CODE, len(code), len(code), 4096)
    head += struct.pack("<IIQQQQQQ", 1, 4, TEXTS, TEXTS, TEXTS, len(texts), len(texts), 4096)
    return head.ljust(CODE, b"\0") + code.ljust(TEXTS - CODE, b"\0") + texts


def x86(*instructions: bytes | int) -> bytes:
    """Instructions one behind the other; a number is the address that `lea` loads."""
    code = b""
    for one in instructions:
        code += _lea(len(code), one) if isinstance(one, int) else one
    return code


def _lea(at: int, target: int) -> bytes:
    """`lea r64, [rip + disp32]` as it stands `at` bytes into the code."""
    return bytes((0x48, 0x8D, 0x05)) + struct.pack("<i", target - (CODE + at + 7))
