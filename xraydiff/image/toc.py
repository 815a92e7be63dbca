"""Tables of contents that lazily pulling nodes believe instead of the tar: eStargz and zstd:chunked.

stargz-snapshotter, docs/estargz.md: "If metadata in a TOCEntry of a file differs from the corresponding tar entry,
TOCEntry SHOULD be respected." So a layer whose table says something else is another image on such a node. The tar is
what is analysed; a table that differs from it, or cannot be compared, makes the layer not read whole.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from xraydiff.errors import ImageError
from xraydiff.facts import FileType
from xraydiff.image.json_text import Fields, parse_json, shown
from xraydiff.layers import Note, Opaque, Operation, Put, Whiteout
from xraydiff.layers.compression import Compression, decompress, sniff
from xraydiff.layers.content import Content
from xraydiff.layers.headers import BLOCK, FIELDS, number
from xraydiff.layers.reader import read_layer
from xraydiff.layers.spool import MemoryContent, Region
from xraydiff.limits import MIB, Limits
from xraydiff.paths import OPAQUE, WHITEOUT_PREFIX

__all__ = ["check_tocs"]

_FOOTER = struct.Struct("<4Q8s")
"""What stands at the end of a zstd:chunked blob in a skippable frame: offset, compressed size, size and type of its
table, and a mark; with tar-split's three numbers before the mark since 2024 (containers/storage, pkg/chunked)."""
_FRAME = struct.Struct("<II")
_SKIPPABLE = 0x184D2A50
_MARKS = (b"GNUlInUx", b"GnUlInUx")
_POSITION = re.compile(r"([0-9]{1,18}):([0-9]{1,18}):([0-9]{1,18}):[0-9]")
_CHUNKED = ("io.github.containers.zstd-chunked.manifest-position", "io.containers.zstd-chunked.manifest-position")
_STARGZ_DIGEST = "containerd.io/snapshot/stargz/toc.digest"
_STARGZ_FOOTER = re.compile(rb"([0-9a-f]{16})STARGZ")
"""In the extra field of the empty gzip member that ends a blob: where the member with the table begins."""
_STARGZ_TAIL = 64
_STARGZ_NAME = b"stargz.index.json"
_KINDS = {
    "reg": FileType.FILE,
    "dir": FileType.DIRECTORY,
    "symlink": FileType.SYMLINK,
    "char": FileType.CHARACTER,
    "block": FileType.BLOCK,
    "fifo": FileType.FIFO,
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a table or a tar says of one name; the digest of a file stands apart, because it costs reading it."""

    kind: FileType
    hardlink: bool
    mode: int
    uid: int
    gid: int
    size: int
    target: str
    xattrs: tuple[tuple[str, str], ...]
    """Values in base64, as the tables have them."""


def check_tocs(
    stored: Content, plain: Content, *, behind: int | None, annotations: Mapping[str, str], limits: Limits
) -> Iterator[Note]:
    """Notes on the tables of contents of one layer; none for a layer without any.

    `stored` are the bytes of the blob, `plain` those of its tar, `behind` where a table was found behind the tar's end,
    `annotations` those of the layer's descriptor. Every table that some node would believe is compared.
    """
    tables: list[tuple[str, Callable[[], bytes]]] = []
    if (offset := _stargz_offset(stored)) is not None:
        tables.append(("eStargz", lambda: _stargz(stored, offset, annotations.get(_STARGZ_DIGEST, ""), limits)))
    elif behind is not None:
        tables.append(("eStargz", lambda: _in_tar(plain, behind - behind % BLOCK, limits)))
    places = sorted(set(_chunked_places(stored, annotations)))
    tables += [("zstd:chunked", partial(_chunked, stored, place, limits)) for place in places]
    if places:
        message = "a zstd:chunked layer; nodes that pull lazily read its table of contents"
        yield Note(code="zstd-chunked", message=message, fatal=False)
    for what, read in tables:
        yield from _checked(plain, read, what, limits)


def _checked(plain: Content, read: Callable[[], bytes], what: str, limits: Limits) -> Iterator[Note]:
    """At most one note: that a table differs, or that it cannot be read."""
    try:
        table = _parsed(read(), what, limits)
    except ImageError as error:
        message = f"the {what} table of contents cannot be compared: {error.message}"
        yield Note(code="unverified-toc", message=message)
        return
    for name, message in _differences(plain, table, limits):
        text = f"the {what} table of contents {message}: nodes that pull lazily see another image"
        yield Note(code="toc-mismatch", message=text, path=name)
        return


# --- where the tables lie ---------------------------------------------------------------------------------------------


def _in_tar(content: Content, header: int, limits: Limits) -> bytes:
    """The file that begins with a tar header there."""
    fields = FIELDS.unpack_from(content.read_at(header, BLOCK))
    if not fields[0].startswith(_STARGZ_NAME + b"\0"):
        raise ImageError("it is not where the footer says")
    try:
        size = number(fields[4], "size")
    except ValueError as error:
        raise ImageError(str(error)) from error
    _bounded(size, limits)
    return content.read_at(header + BLOCK, size)


def _stargz_offset(stored: Content) -> int | None:
    """Where the footer of an eStargz blob says that its table is; None without a footer."""
    length = min(_STARGZ_TAIL, stored.size)
    if sniff(stored.read_at(0, min(6, stored.size))) is not Compression.GZIP:
        return None
    found = _STARGZ_FOOTER.search(stored.read_at(stored.size - length, length))
    return int(found[1], 16) if found else None


def _stargz(stored: Content, offset: int, digest: str, limits: Limits) -> bytes:
    """The table as a node finds it, and as the annotation promises it."""
    if offset >= stored.size:
        raise ImageError("it is not where the footer says")
    most = limits.toc + 2 * BLOCK
    data = bytearray()
    for chunk in decompress(Region(stored, offset, stored.size - offset), [], limits=limits):
        data += chunk[: most - len(data)]
        if len(data) >= most:
            break
    table = _in_tar(MemoryContent(bytes(data)), 0, limits)
    if digest and digest != f"sha256:{hashlib.sha256(table).hexdigest()}":
        raise ImageError("it is not what its annotation promises")
    return table


def _chunked_places(stored: Content, annotations: Mapping[str, str]) -> Iterator[tuple[int, int, int]]:
    """Offset, compressed and plain size of zstd:chunked tables: by annotation, as nodes read them, and by footer."""
    for key in _CHUNKED:
        if key in annotations:
            match = _POSITION.fullmatch(annotations[key])
            # A position that is none is no table either: it cannot be compared.
            yield (int(match[1]), int(match[2]), int(match[3])) if match else (stored.size, 1, 1)
    if sniff(stored.read_at(0, min(6, stored.size))) is not Compression.ZSTD:
        return
    for more in (0, 3 * 8):
        length = _FOOTER.size + more
        if stored.size < _FRAME.size + length:
            return
        frame = stored.read_at(stored.size - _FRAME.size - length, _FRAME.size + length)
        if _FRAME.unpack_from(frame) == (_SKIPPABLE, length) and frame[-8:] in _MARKS:
            offset, packed, size, _, _ = _FOOTER.unpack_from(frame, _FRAME.size)
            yield offset, packed, size


def _chunked(stored: Content, place: tuple[int, int, int], limits: Limits) -> bytes:
    offset, packed, size = place
    _bounded(max(packed, size), limits)
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: limits.zstd_window_log}
    decompressor = zstd.ZstdDecompressor(options=options)
    try:
        data = decompressor.decompress(stored.read_at(offset, packed), size + 1)
    except zstd.ZstdError as error:
        raise ImageError(f"damaged ({error})") from error
    if len(data) != size or not decompressor.eof:
        raise ImageError(f"it has not the {size} bytes that are promised")
    return data


def _bounded(size: int, limits: Limits) -> None:
    if size > limits.toc:
        raise ImageError(f"{size} bytes, more than {limits.toc}")


# --- what they say ----------------------------------------------------------------------------------------------------


def _parsed(data: bytes, what: str, limits: Limits) -> dict[str, tuple[_Entry, str]]:
    """Entries and digests by name. Raises `ImageError` for what is no table, or names a file twice."""
    top = Fields(parse_json(data, what=f"the {what} table", limits=replace(limits, manifest=limits.toc)), what="it")
    table: dict[str, tuple[_Entry, str]] = {}
    for fields in top.nested_list("entries", most=2 * limits.entries_per_layer) or ():
        kind = fields.text("type")
        if kind == "chunk":
            continue
        name = _normal(fields.text("name"))
        if kind not in _KINDS and kind != "hardlink":
            raise ImageError(f"an entry of type {shown(kind)}")
        if name in table:
            raise ImageError(f"it names {shown(name)} twice")
        table[name] = _entry(fields, kind), fields.text("digest")
    return table


def _entry(fields: Fields, kind: str) -> _Entry:
    hardlink = kind == "hardlink"
    target = fields.text("linkName")
    return _Entry(
        kind=FileType.FILE if hardlink else _KINDS[kind],
        hardlink=hardlink,
        mode=(fields.integer("mode") or 0) & 0o7777,
        uid=fields.integer("uid") or 0,
        gid=fields.integer("gid") or 0,
        size=(fields.integer("size") or 0) if kind == "reg" else 0,
        target=_normal(target) if hardlink else target,
        xattrs=tuple(sorted(fields.mapping("xattrs").items())),
    )


def _differences(plain: Content, table: dict[str, tuple[_Entry, str]], limits: Limits) -> Iterator[tuple[str, str]]:
    """Names, and how the table differs from the tar there; metadata first, then content."""
    stands: dict[str, Put] = {}
    for operation in read_layer(plain, limits=limits):
        put = _as_put(operation)
        if put is not None and (name := _normal(put.name)):
            stands[name] = put
    for name in sorted(table.keys() | stands.keys()):
        if name not in table:
            yield name, "lacks an entry"
        elif name not in stands:
            if name:
                yield name, "has an entry that the tar lacks"
        elif stands[name].mode >= 0 and (was := _of_put(stands[name])) != table[name][0]:
            yield name, f"says {_words(table[name][0], was)}"
    for name, put in stands.items():
        digest = table[name][1] if name in table else ""
        if (
            put.extents is None
            and put.type is FileType.FILE
            and not put.hardlink
            and put.size
            and digest != _digest(plain, put)
        ):
            yield name, "has another digest"


def _as_put(operation: Operation) -> Put | None:
    """An operation as the entry of the tar that it was."""
    if isinstance(operation, Put):
        return operation
    if isinstance(operation, Whiteout):
        head, _, base = operation.name.rpartition("/")
        return _marker(posixpath.join(head, f"{WHITEOUT_PREFIX}{base}"))
    return _marker(posixpath.join(operation.name, OPAQUE)) if isinstance(operation, Opaque) else None


def _marker(name: str) -> Put:
    return Put(name=name, type=FileType.FILE, mode=-1, uid=0, gid=0, size=0, mtime=0)


def _of_put(put: Put) -> _Entry:
    return _Entry(
        kind=put.type,
        hardlink=put.hardlink,
        mode=put.mode & 0o7777,
        uid=put.uid,
        gid=put.gid,
        size=0 if put.hardlink else put.size,
        target=_normal(put.target) if put.hardlink else put.target,
        xattrs=tuple(sorted((key, base64.b64encode(value).decode()) for key, value in put.xattrs)),
    )


def _words(said: _Entry, was: _Entry) -> str:
    """The first field that differs."""
    for field in ("kind", "hardlink", "mode", "uid", "gid", "size", "target", "xattrs"):
        one, other = getattr(said, field), getattr(was, field)
        if one != other:
            return f"{field} {shown(str(one))} where the tar has {shown(str(other))}"
    return "something else"


def _digest(plain: Content, put: Put) -> str:
    sha256 = hashlib.sha256()
    for offset in range(0, put.size, MIB):
        sha256.update(plain.read_at(put.offset + offset, min(MIB, put.size - offset)))
    return f"sha256:{sha256.hexdigest()}"


def _normal(name: str) -> str:
    """A name without `./` and slashes at its ends; empty for the root."""
    normal = posixpath.normpath(name.lstrip("/")) if name else "."
    return "" if normal == "." else normal
