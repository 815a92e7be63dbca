"""A strict, iterative reader of tar archives: of a layer's changeset and of the archive that holds an image.

Formats: V7, ustar (POSIX.1-1988), PAX (POSIX.1-2001), GNU (long names, base-256 numbers, sparse files), star's prefix.
Where readers of the world differ, this one reads what Go's archive/tar reads, because every engine unpacks with it, and
says by a `Note` that they differ. It never stops early in silence: what engines refuse raises `ImageError`, what they
would not see is a fatal note.

- Entries end at the first zero block, as for engines. Behind it only zeros may follow, or the one entry of eStargz that
  engines do not see either (`stargz.index.json`, note `estargz`); anything else is the fatal note `tar-trailing-data`.
  Archives that were joined without end blocks are one archive. A missing end is the note `tar-no-end`.
- Links, directories and devices have no content, whatever their size field says (note `tar-size-ignored`); where data
  follows all the same, the next header is bad.
- A PAX size always wins over the size in the header (fatal note `tar-size-conflict` where both are given and differ,
  or where a NUL stands before the digits) and concerns the next entry, never a GNU long name between the two.
- Global PAX headers are ignored, as by engines; one that other readers would follow to other names or sizes is the
  fatal note `tar-global-header`.
- An entry of unknown type is left out and skipped by its size (fatal note `unknown-entry-type`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from xraydiff.errors import ImageError, LimitExceeded
from xraydiff.facts import Extent, FileType
from xraydiff.layers import Note, Opaque, Operation, Put, Whiteout, pax, sparse
from xraydiff.layers.compression import Compression, sniff
from xraydiff.layers.content import Content
from xraydiff.layers.headers import (
    BLOCK,
    FIELDS,
    ZERO,
    Fields,
    checksum_matches,
    is_ustar,
    number,
    padded,
    prefix,
    text,
)
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import AUFS_PREFIX, OPAQUE, WHITEOUT_PREFIX, components, decoded, escaped, whiteout_target

__all__ = ["Member", "read_layer", "read_members"]

Member = Put
"""An entry of any archive: name, type, offset and size of the content, target of a link, all as stored."""

_WINDOW = 64 << 10
"""Bytes read at once: headers of small files stand close together, the content of large ones is skipped."""
_DRAIN = 1 << 20
_LONG_NAME, _LONG_LINK, _PAX, _GLOBAL, _SPARSE, _HARD_LINK, _V7_FILE = b"LKxgS1\0"
_EXTENSIONS = frozenset(b"LKxg")
_TYPES = {
    ord("0"): FileType.FILE,
    _V7_FILE: FileType.FILE,
    ord("7"): FileType.FILE,
    _SPARSE: FileType.FILE,
    _HARD_LINK: FileType.FILE,
    ord("2"): FileType.SYMLINK,
    ord("3"): FileType.CHARACTER,
    ord("4"): FileType.BLOCK,
    ord("5"): FileType.DIRECTORY,
    ord("6"): FileType.FIFO,
}
_DEVICES = (FileType.CHARACTER, FileType.BLOCK)
_ESTARGZ_TOC = b"stargz.index.json"
_OCTAL_SIZES = 8**11
"""Sizes from here on do not fit the header, so that writers leave 0 there when they give a PAX size."""
_NO_RECORDS: dict[bytes, bytes] = {}
_SHOWN = 256
"""Bytes of a name that a message repeats."""


def read_layer(source: Content, *, limits: Limits = DEFAULT) -> Iterator[Operation]:
    """What an uncompressed layer says, in the order of its entries (OCI image-spec, layer.md).

    Whiteouts are told by the basename of an entry that is no directory; a directory of such a name, and whatever lies
    below one, is a `Put`, which whoever builds the tree has to report. AUFS metadata (`.wh..wh.*` in the root, where
    `.wh..wh.plnk` holds the other names of hard links) is a `Put` too, so that links into it resolve before the tree
    hides it. `Put.header` and `Note.offset` count bytes of the uncompressed layer.

    Raises `ImageError` for what an engine would refuse (`tar-bad-header`, `tar-truncated`, `tar-bad-number`,
    `tar-bad-pax`, `tar-bad-name`, `tar-bad-sparse`), with offset and path; the caller adds image and layer. Raises
    `LimitExceeded` where a bound is crossed.
    """
    for item in _Reader(source, limits).members(limits.entries_per_layer, "entries_per_layer"):
        if type(item) is Put and WHITEOUT_PREFIX in item.name:
            yield from _marked(item)
        else:
            yield item


def read_members(source: Content, *, limits: Limits = DEFAULT) -> Iterator[Member | Note]:
    """The entries of the archive that holds an image; whiteouts mean nothing here. Raises like `read_layer`."""
    return _Reader(source, limits).members(limits.archive_members, "archive_members")


def _marked(put: Put) -> Iterator[Operation]:
    """An entry with `.wh.` in its name: a whiteout, an opaque marker, AUFS metadata, or only a name like any other."""
    parts = components(put.name)
    base = parts[-1] if parts else ""
    aufs = len(parts) == 1 and base.startswith(AUFS_PREFIX) and base != OPAQUE
    if aufs or put.type is FileType.DIRECTORY or not base.startswith(WHITEOUT_PREFIX):
        yield put
        return
    if put.size or put.hardlink or put.type is not FileType.FILE:
        message = "a whiteout that is no empty regular file; it counts by its name, as for engines"
        yield Note(code="odd-whiteout", message=message, path=put.name[:_SHOWN], offset=put.header, fatal=False)
    stored = put.name.rstrip("/")
    directory = stored.removesuffix(base) if stored.rpartition("/")[2] == base else "/".join([*parts[:-1], ""])
    target = whiteout_target(base)
    if target is None:
        yield Opaque(name=directory, header=put.header)
    elif target in ("", ".", ".."):
        message = "a whiteout that names nothing it could remove"
        yield Note(code="invalid-whiteout", message=message, path=put.name[:_SHOWN], offset=put.header)
    else:
        yield Whiteout(name=directory + target, header=put.header)


@dataclass(slots=True)
class _Pending:
    """What extended headers say about the entry that follows them."""

    start: int
    count: int = 0
    name: bytes | None = None
    link: bytes | None = None
    records: dict[bytes, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class _Entry:
    """An entry while it is being read."""

    start: int
    kind: int
    name: bytes
    link: bytes
    mode: int
    uid: int
    gid: int
    size: int
    """Of what is stored."""
    mtime: int
    data: int
    """Where the stored content starts."""
    extents: tuple[Extent, ...] | None = None
    real_size: int = 0
    """Of a sparse file."""


class _Reader:
    """One pass over the headers of one archive."""

    def __init__(self, source: Content, limits: Limits) -> None:
        self._source = source
        self._size = source.size
        self._limits = limits
        self._buffer = b""
        self._base = 0
        self._notes: list[Note] = []
        self._sized = ""
        """The previous entry, if it has a size and no content."""
        self._extents = 0
        self._xattr_bytes = 0

    def members(self, most: int, bound: str) -> Iterator[Put | Note]:
        """Every entry, notes before the entry that they concern."""
        position = count = 0
        pending: _Pending | None = None
        while position < self._size:
            block = self._block(position)
            if block == ZERO:
                break
            fields: Fields = FIELDS.unpack_from(block)
            if not checksum_matches(block, fields[6]):
                self._bad_header(block, position)
            if fields[7] in _EXTENSIONS:
                pending, position = self._extended(fields, position, pending)
                # What belongs to an entry counts with it; a global header stands by itself.
                count += pending is None
                put = None
            else:
                count += 1
                put, position = self._entry(fields, block, position, pending)
                pending = None
            if count > most:
                raise LimitExceeded(f"the archive has more than {most} entries", offset=position, hint=f"limit {bound}")
            if self._notes:
                yield from self._noted()
            if put is not None:
                yield put
        if pending is not None:
            self._fail(
                "tar-bad-pax", "the archive ends after an extended header, whose entry is missing", pending.start
            )
        self._end(position)
        yield from self._noted()

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _block(self, position: int) -> bytes:
        at = position - self._base
        if not 0 <= at <= len(self._buffer) - BLOCK:
            left = self._size - position
            if left < BLOCK:
                self._fail("tar-truncated", "the archive is cut inside a header", position)
            self._buffer = self._source.read_at(position, min(_WINDOW, left))
            self._base, at = position, 0
        return self._buffer[at : at + BLOCK]

    def _bad_header(self, block: bytes, position: int) -> NoReturn:
        if self._sized:
            message = f"the entry before has data, which its type does not allow: {self._sized}"
        elif position:
            message = "not a tar header (wrong checksum)"
        elif (found := sniff(block)) is not Compression.NONE:
            message = f"{found} data where a tar archive was expected"
        else:
            message = "not a tar archive"
        self._fail("tar-bad-header", message, position)

    def _end(self, position: int) -> None:
        """Judge what follows the last entry; the first zero block, if there is one, stands at `position`."""
        start = self._nonzero(position)
        if start is None:
            if self._size - position < 2 * BLOCK and self._size:
                self._note("tar-no-end", "the archive has no end blocks", position, fatal=False)
        elif start >= position + 2 * BLOCK and self._is_toc(start - start % BLOCK):
            message = "an eStargz table of contents follows the archive; nodes that pull lazily read it"
            self._note("estargz", message, start, fatal=False)
        else:
            message = "data follows the end of the archive; engines do not read it, other readers would"
            self._note("tar-trailing-data", message, start, fatal=True)

    def _nonzero(self, position: int) -> int | None:
        """Where the first byte that is not zero stands."""
        while position < self._size:
            part = self._source.read_at(position, min(_DRAIN, self._size - position))
            rest = part.lstrip(b"\0")
            if rest:
                return position + len(part) - len(rest)
            position += len(part)
        return None

    def _is_toc(self, position: int) -> bool:
        """Whether one eStargz table of contents and then only zeros stand there."""
        if self._size - position < BLOCK:
            return False
        block = self._source.read_at(position, BLOCK)
        fields: Fields = FIELDS.unpack_from(block)
        if not checksum_matches(block, fields[6]) or text(fields[0]) != _ESTARGZ_TOC or fields[7] != ord("0"):
            return False
        try:
            end = position + BLOCK + number(fields[4], "size")
        except ValueError:
            return False
        return end <= self._size and self._nonzero(end) is None

    # --- extended headers ---------------------------------------------------------------------------------------------

    def _extended(self, fields: Fields, position: int, pending: _Pending | None) -> tuple[_Pending | None, int]:
        """Read a GNU long name or a PAX header; gives what is pending now and where the next header stands."""
        kind, limits = fields[7], self._limits
        body, after = self._body(fields[4], position)
        if kind == _GLOBAL:
            if pending is not None:
                self._fail("tar-bad-pax", "a global header follows an extended one", position)
            self._global(self._records(body, position), position)
            return None, after
        pending = pending or _Pending(position)
        pending.count += 1
        if pending.count > limits.extended_headers:
            message = f"too many extension headers before one entry: more than {limits.extended_headers}"
            self._fail("tar-bad-pax", message, position)
        if kind == _LONG_NAME:
            pending.name = text(body)
        elif kind == _LONG_LINK:
            pending.link = text(body)
        else:
            records = self._records(body, position)
            if not pending.records.keys() <= records.keys():
                message = "two extended headers stand before one entry; engines read only the last one"
                self._note("tar-repeated-header", message, position, fatal=True)
            pending.records = records
        return pending, after

    def _body(self, raw_size: bytes, position: int) -> tuple[bytes, int]:
        size, data = self._number(raw_size, "size", position), position + BLOCK
        if size > self._limits.extended_header:
            message = f"an extended header has {size} bytes, more than {self._limits.extended_header}"
            raise LimitExceeded(message, offset=position, hint="limit extended_header")
        if data + size > self._size:
            self._fail("tar-truncated", "the archive is cut inside an extended header", position)
        return self._source.read_at(data, size), data + padded(size)

    def _records(self, body: bytes, position: int) -> dict[bytes, bytes]:
        try:
            return pax.parse(body, self._limits)
        except pax.BadName as error:
            self._fail("tar-bad-name", str(error), position)
        except ValueError as error:
            self._fail("tar-bad-pax", str(error), position)
        except LimitExceeded as error:
            error.offset = position
            raise

    def _global(self, records: dict[bytes, bytes], position: int) -> None:
        """Say where other readers would follow a global header, which engines ignore."""
        for key in sorted(records):
            renames = key in (b"path", b"linkpath", b"size") or key.startswith(b"GNU.sparse.")
            if renames or key in (b"uid", b"gid") or key.startswith(pax.XATTR):
                shown = escaped(decoded(key[:_SHOWN]))
                message = f"a global header sets {shown}, which engines ignore and other readers follow"
                self._note("tar-global-header", message, position, fatal=renames)

    # --- entries ------------------------------------------------------------------------------------------------------

    def _entry(self, fields: Fields, block: bytes, position: int, pending: _Pending | None) -> tuple[Put | None, int]:
        """The entry whose own header stands at `position`, and where the next header stands."""
        entry = self._plain(fields, block, position)
        xattrs: tuple[tuple[str, bytes], ...] = ()
        if pending is not None:
            entry.start = pending.start
            xattrs = self._override(entry, pending)
        kind = _TYPES.get(entry.kind)
        if entry.kind == _V7_FILE and entry.name.endswith(b"/"):
            kind = FileType.DIRECTORY
        file = kind is FileType.FILE and entry.kind != _HARD_LINK
        self._sized = ""
        if kind is not None and not file:
            self._no_content(entry)
        records = _NO_RECORDS if pending is None else pending.records
        if entry.kind == _SPARSE or (records and sparse.version(records)):
            self._sparse(entry, block, records, file=file)
        self._inside(entry)
        after = entry.data + padded(entry.size)
        if kind is None or not self._named(entry):
            if kind is None:
                message = f"an entry of the unknown type {chr(entry.kind)!a}, which engines refuse; left out"
                self._note("unknown-entry-type", message, position, fatal=True, name=entry.name)
            return None, after
        put = Put(
            name=decoded(entry.name),
            type=kind,
            mode=entry.mode,
            uid=entry.uid,
            gid=entry.gid,
            size=entry.size if entry.extents is None else entry.real_size,
            mtime=entry.mtime,
            target=decoded(entry.link) if entry.kind == _HARD_LINK or kind is FileType.SYMLINK else "",
            hardlink=entry.kind == _HARD_LINK,
            device=self._device(entry, block) if kind in _DEVICES else None,
            xattrs=xattrs,
            offset=entry.data,
            extents=entry.extents,
            header=entry.start,
        )
        return put, after

    def _plain(self, fields: Fields, block: bytes, position: int) -> _Entry:
        """What the header alone says."""
        name, mode, uid, gid, size, mtime, _, kind, link = fields
        name = text(name)
        if block[345] and (before := prefix(block)):
            name = before + b"/" + name
        try:
            entry = _Entry(
                position,
                kind,
                name,
                text(link),
                number(mode, "mode") & 0o7777,
                number(uid, "uid"),
                number(gid, "gid"),
                number(size, "size"),
                number(mtime, "mtime", signed=True),
                position + BLOCK,
            )
        except ValueError as error:
            self._fail("tar-bad-number", str(error), position, name)
        if entry.size and not size[0]:
            message = f"the digits of its size stand behind a NUL: engines read {entry.size}, other readers 0"
            self._note("tar-size-conflict", message, position, fatal=True, name=name)
        return entry

    def _override(self, entry: _Entry, pending: _Pending) -> tuple[tuple[str, bytes], ...]:
        """Apply extended headers to an entry; gives its extended attributes."""
        get = pending.records.get
        size = entry.size
        try:
            if value := get(b"size"):
                entry.size = pax.whole(value, "size")
            if value := get(b"uid"):
                entry.uid = pax.whole(value, "uid")
            if value := get(b"gid"):
                entry.gid = pax.whole(value, "gid")
            if value := get(b"mtime"):
                entry.mtime = pax.seconds(value)
        except ValueError as error:
            self._fail("tar-bad-number", str(error), entry.start, entry.name)
        path, link = get(b"path"), get(b"linkpath")
        entry.name = pending.name or path or entry.name
        entry.link = pending.link or link or entry.link
        if entry.size != size and (size or entry.size < _OCTAL_SIZES):
            message = f"its extended header says {entry.size} bytes and counts, its header says {size}; readers differ"
            self._note("tar-size-conflict", message, entry.start, fatal=True, name=entry.name)
        if (path and path != entry.name) or (link and link != entry.link):
            message = "its GNU long name counts, its PAX name is another; readers differ"
            self._note("tar-name-conflict", message, entry.start, fatal=True, name=entry.name)
        return self._xattrs(entry, pending.records)

    def _xattrs(self, entry: _Entry, records: dict[bytes, bytes]) -> tuple[tuple[str, bytes], ...]:
        found = [(decoded(key[len(pax.XATTR) :]), value) for key, value in records.items() if key.startswith(pax.XATTR)]
        self._xattr_bytes += sum(len(name) + len(value) for name, value in found)
        if self._xattr_bytes > self._limits.xattr_bytes:
            message = f"extended attributes of more than {self._limits.xattr_bytes} bytes"
            raise LimitExceeded(message, offset=entry.start, hint="limit xattr_bytes")
        return tuple(sorted(found))

    def _no_content(self, entry: _Entry) -> None:
        if entry.size and entry.kind != _V7_FILE:
            self._sized = _shown(entry.name)
            message = f"its size of {entry.size} bytes counts nothing, since its type has no content"
            self._note("tar-size-ignored", message, entry.start, fatal=False, name=entry.name)
        entry.size = 0

    def _sparse(self, entry: _Entry, block: bytes, records: dict[bytes, bytes], *, file: bool) -> None:
        """Find the stored parts of a sparse file."""
        version = sparse.version(records)
        if version:
            entry.name = records.get(b"GNU.sparse.name") or entry.name
        if not file or (entry.kind == _SPARSE and version):
            message = "a sparse map that does not fit the type of the entry"
            self._fail("tar-bad-sparse", message, entry.start, entry.name)
        try:
            pairs = self._map(entry, block, records, version)
            entry.extents = sparse.extents(pairs, size=entry.real_size, offset=entry.data, stored=entry.size)
        except ValueError as error:
            self._fail("tar-bad-sparse", str(error), entry.start, entry.name)
        except LimitExceeded as error:
            error.offset, error.path = entry.start, _shown(entry.name)
            raise
        self._extents += len(entry.extents)
        if self._extents > self._limits.sparse_extents:
            message = f"sparse files in more than {self._limits.sparse_extents} parts"
            raise LimitExceeded(message, offset=entry.start, hint="limit sparse_extents")
        message = "a sparse file, which a layer should not hold"
        self._note("sparse-file", message, entry.start, fatal=False, name=entry.name)

    def _map(self, entry: _Entry, block: bytes, records: dict[bytes, bytes], version: str) -> sparse.Pairs:
        """The map of a sparse file; sets where its content stands and the size that it stands for."""
        if entry.kind == _SPARSE:
            pairs, entry.real_size, entry.data = sparse.in_header(block, self._source, entry.data, self._limits)
            self._inside(entry)
            return pairs
        self._inside(entry)
        size = records.get(b"GNU.sparse.size") or records.get(b"GNU.sparse.realsize")
        if version == "0":
            entry.real_size = entry.size if size is None else pax.whole(size, "the size of a sparse file")
            return sparse.in_records(records)
        pairs, used = sparse.in_content(self._source, entry.data, entry.size, self._limits)
        entry.data += used
        entry.size -= used
        entry.real_size = entry.size if size is None else pax.whole(size, "the size of a sparse file")
        return pairs

    def _inside(self, entry: _Entry) -> None:
        if entry.data + entry.size > self._size:
            self._fail("tar-truncated", "the archive is cut inside the content of this entry", entry.start, entry.name)

    def _named(self, entry: _Entry) -> bool:
        """Whether the names of an entry can be used; the note says why not."""
        longest = max(len(entry.name), len(entry.link))
        if longest > self._limits.path:
            message = f"a name of {longest} bytes, more than the {self._limits.path} that any kernel takes; left out"
            self._note("limit-exceeded", message, entry.start, fatal=True, name=entry.name)
            return False
        if not entry.name:
            self._note("tar-bad-name", "an entry without a name; left out", entry.start, fatal=True)
            return False
        return True

    def _device(self, entry: _Entry, block: bytes) -> tuple[int, int]:
        if not is_ustar(block):
            return 0, 0
        try:
            return number(block[329:337], "devmajor"), number(block[337:345], "devminor")
        except ValueError as error:
            self._fail("tar-bad-number", str(error), entry.start, entry.name)

    # --- saying so ----------------------------------------------------------------------------------------------------

    def _number(self, raw: bytes, what: str, position: int) -> int:
        try:
            return number(raw, what)
        except ValueError as error:
            self._fail("tar-bad-number", str(error), position)

    def _note(self, code: str, message: str, offset: int, *, fatal: bool, name: bytes = b"") -> None:
        path = decoded(name[:_SHOWN])
        self._notes.append(Note(code=code, message=message, path=path, offset=offset, fatal=fatal))

    def _noted(self) -> list[Note]:
        notes, self._notes = self._notes, []
        return notes

    def _fail(self, code: str, message: str, offset: int, name: bytes = b"") -> NoReturn:
        raise ImageError(message, code=code, path=_shown(name) or None, offset=offset)


def _shown(name: bytes) -> str:
    """A name for a message of one line."""
    return escaped(decoded(name[:_SHOWN]))
