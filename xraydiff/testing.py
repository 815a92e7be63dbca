"""Small images and ELF files made in memory, for tests of this package and of plug-ins; the same calls, the same bytes.

`ImageBuilder().file("/etc/passwd", "root:x:0:0").symlink("/bin", "usr/bin").layer().whiteout("/etc/passwd").tree()`

`read(MyReader(), ImageBuilder().file("/app/x.lua", SCRIPT).file("/lib/y.lua", ""), "/app/x.lua").targets` are the paths
and inline scripts that a reader finds in one of its files; `xraydiff.compare` takes `builder.image()` where a test is
about two whole images.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from xraydiff.errors import ImageClosedError
from xraydiff.facts import Edge, FileType, Healthcheck, Node, NodeKind
from xraydiff.image import Image
from xraydiff.image.config import parse_config
from xraydiff.layers import Operation
from xraydiff.layers.reader import read_layer
from xraydiff.layers.spool import MemoryContent
from xraydiff.layers.writer import TarWriter
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import OPAQUE, ROOT, WHITEOUT_PREFIX, encoded, image_path
from xraydiff.references import Command, Context, Gap, Reader, Subject
from xraydiff.tree import Tree, squash

__all__ = ["ImageBuilder", "Reading", "context_of", "elf", "read", "subject_of"]

Format = Literal["docker-archive", "oci-archive", "oci-layout"]
Compression = Literal["none", "gzip", "zstd"]

_MEDIA = "application/vnd.oci.image."
_SUFFIX: dict[Compression, str] = {"none": "", "gzip": "+gzip", "zstd": "+zstd"}


@dataclass(slots=True)
class _Changeset:
    """A layer while it is being written."""

    created_by: str
    stream: io.BytesIO = field(default_factory=io.BytesIO)
    raw: bytes | None = None

    def tar(self) -> bytes:
        """The whole archive, so far."""
        if self.raw is not None:
            return self.raw
        end = io.BytesIO()
        TarWriter(end).close()
        return self.stream.getvalue() + end.getvalue()


@dataclass(slots=True, kw_only=True)
class _MemoryLayer:
    """A layer whose tar stands in memory; satisfies `image.Layer`."""

    index: int
    digest: str
    diff_id: str
    media_type: str
    limits: Limits
    held: MemoryContent | None

    @property
    def content(self) -> MemoryContent:
        if self.held is None:
            raise ImageClosedError("the image is closed", layer=self.index)
        return self.held

    def operations(self) -> Iterator[Operation]:
        return read_layer(self.content, limits=self.limits)

    def close(self) -> None:
        self.held = None


class ImageBuilder:
    """Builds an image entry by entry; every method that adds something gives the builder back.

    Entries go into the layer that `layer` began last, in the order of the calls, exactly as given: missing parents stay
    missing, a path may be given twice. Paths are absolute or relative to the root alike. Times are 0 unless given.
    """

    def __init__(
        self, *, name: str = "test:latest", os: str = "linux", architecture: str = "amd64", variant: str = ""
    ) -> None:
        """Begin an image without layers; `name` is its tag."""
        self._name = name
        platform = {"os": os, "architecture": architecture, "variant": variant}
        self._platform = {key: value for key, value in platform.items() if value}
        self._config: dict[str, object] = {}
        self._layers: list[_Changeset] = []

    # --- layers -------------------------------------------------------------------------------------------------------

    def layer(self, created_by: str = "") -> Self:
        """Begin a further layer; the first begins by itself. `created_by` is its line of the history."""
        self._layers.append(_Changeset(created_by))
        return self

    def raw_layer(self, tar: bytes, created_by: str = "") -> Self:
        """Add a layer that is these bytes, tar or not; what comes next goes into another one."""
        self._layers.append(_Changeset(created_by, raw=tar))
        return self

    def file(
        self,
        path: str,
        content: str | bytes = b"",
        *,
        mode: int = 0o644,
        uid: int = 0,
        gid: int = 0,
        mtime: int = 0,
        xattrs: Mapping[str, bytes] | None = None,
    ) -> Self:
        """A regular file; text is stored as UTF-8."""
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        self._writer().add(
            _stored(path),
            mode=mode,
            uid=uid,
            gid=gid,
            size=len(data),
            mtime=mtime,
            xattrs=(xattrs or {}).items(),
            data=[data],
        )
        return self

    def directory(
        self,
        path: str,
        *,
        mode: int = 0o755,
        uid: int = 0,
        gid: int = 0,
        mtime: int = 0,
        xattrs: Mapping[str, bytes] | None = None,
    ) -> Self:
        """A directory, or the root's attributes with `/`."""
        self._writer().add(
            _stored(path),
            FileType.DIRECTORY,
            mode=mode,
            uid=uid,
            gid=gid,
            mtime=mtime,
            xattrs=(xattrs or {}).items(),
        )
        return self

    def symlink(self, path: str, target: str, *, uid: int = 0, gid: int = 0) -> Self:
        """A symlink; the text is stored as it is."""
        self._writer().add(_stored(path), FileType.SYMLINK, mode=0o777, uid=uid, gid=gid, target=target)
        return self

    def hardlink(self, path: str, target: str) -> Self:
        """A further name of the file `target`."""
        self._writer().add(_stored(path), target=_stored(target), hardlink=True)
        return self

    def fifo(self, path: str, *, mode: int = 0o644) -> Self:
        """A named pipe."""
        self._writer().add(_stored(path), FileType.FIFO, mode=mode)
        return self

    def device(self, path: str, major: int, minor: int, *, block: bool = False, mode: int = 0o644) -> Self:
        """A character device, or a block device."""
        kind = FileType.BLOCK if block else FileType.CHARACTER
        self._writer().add(_stored(path), kind, mode=mode, device=(major, minor))
        return self

    def whiteout(self, path: str) -> Self:
        """Remove a path of the layers below (OCI image-spec, layer.md, "Whiteouts")."""
        head, _, base = image_path(path)[1:].rpartition("/")
        return self.file(f"{head}/{WHITEOUT_PREFIX}{base}")

    def opaque(self, directory: str) -> Self:
        """Hide what the layers below have put into a directory (layer.md, "Opaque Whiteout")."""
        return self.file(f"{directory}/{OPAQUE}")

    # --- config -------------------------------------------------------------------------------------------------------

    def config(
        self,
        *,
        entrypoint: Sequence[str] | None = None,
        cmd: Sequence[str] | None = None,
        env: Sequence[str] | Mapping[str, str] | None = None,
        user: str | None = None,
        workdir: str | None = None,
        healthcheck: Healthcheck | Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
        exposed_ports: Sequence[str] | None = None,
        volumes: Sequence[str] | None = None,
        stop_signal: str | None = None,
        shell: Sequence[str] | None = None,
        onbuild: Sequence[str] | None = None,
    ) -> Self:
        """Set fields of the image config, those that are given; the others stay as they are."""
        lists = {"Entrypoint": entrypoint, "Cmd": cmd, "Shell": shell, "OnBuild": onbuild}
        self._config |= {key: list(value) for key, value in lists.items() if value is not None}
        words = {"User": user, "WorkingDir": workdir, "StopSignal": stop_signal}
        self._config |= {key: value for key, value in words.items() if value is not None}
        sets = {"ExposedPorts": exposed_ports, "Volumes": volumes}
        self._config |= {key: {name: {} for name in value} for key, value in sets.items() if value is not None}
        if env is not None:
            pairs = [f"{key}={value}" for key, value in env.items()] if isinstance(env, Mapping) else list(env)
            self._config["Env"] = pairs
        if labels is not None:
            self._config["Labels"] = dict(labels)
        if healthcheck is not None:
            self._config["Healthcheck"] = _healthcheck(healthcheck)
        return self

    # --- results ------------------------------------------------------------------------------------------------------

    def build(self, *, compression: Compression = "none") -> bytes:
        """The image as a docker-archive, as `docker save` writes it."""
        return _archive(self._docker_archive(compression))

    def oci_archive(self, *, compression: Compression = "none") -> bytes:
        """The image as a tar of an OCI layout."""
        return _archive(self._oci_layout(compression))

    def write(
        self,
        path: str | Path,
        *,
        format: Format = "docker-archive",  # noqa: A002  the word of image tools
        compression: Compression = "none",
    ) -> Path:
        """Write the image to a file, or for `oci-layout` to a directory that is made; gives the path back."""
        path = Path(path)
        match format:
            case "docker-archive":
                path.write_bytes(self.build(compression=compression))
            case "oci-archive":
                path.write_bytes(self.oci_archive(compression=compression))
            case "oci-layout":
                for name, data in self._oci_layout(compression).items():
                    (path / name).parent.mkdir(parents=True, exist_ok=True)
                    (path / name).write_bytes(data)
        return path

    def image(self, *, limits: Limits = DEFAULT) -> Image:
        """The image opened, from memory: no archive is written or read."""
        layers = tuple(
            _MemoryLayer(
                index=index,
                digest=_digest(tar),
                diff_id=_digest(tar),
                media_type=f"{_MEDIA}layer.v1.tar",
                limits=limits,
                held=MemoryContent(tar),
            )
            for index, tar in enumerate(self._tars())
        )
        config = self._config_json()
        image = Image(
            reference=self._name,
            digest=_digest(config),
            config=parse_config(config, limits=limits),
            layers=layers,
            config_json=config,
        )
        for layer in layers:
            image.opened.callback(layer.close)
        return image

    def tree(self, *, limits: Limits = DEFAULT) -> Tree:
        """The squashed image, from memory."""
        return squash(self.image(limits=limits), limits=limits)

    def _writer(self) -> TarWriter:
        if not self._layers or self._layers[-1].raw is not None:
            self.layer()
        return TarWriter(self._layers[-1].stream)

    def _tars(self) -> list[bytes]:
        return [layer.tar() for layer in self._layers]

    def _config_json(self) -> bytes:
        diff_ids = [_digest(tar) for tar in self._tars()]
        history = [{"created_by": layer.created_by} for layer in self._layers]
        rootfs = {"type": "layers", "diff_ids": diff_ids}
        return _json({**self._platform, "config": self._config, "rootfs": rootfs, "history": history})

    def _docker_archive(self, compression: Compression) -> dict[str, bytes]:
        config = self._config_json()
        config_name = f"{_hex(config)}.json"
        layers = {f"{_hex(tar)}/layer.tar": _compressed(tar, compression) for tar in self._tars()}
        names = [f"{_hex(tar)}/layer.tar" for tar in self._tars()]
        manifest = _json([{"Config": config_name, "RepoTags": [self._name], "Layers": names}])
        return {config_name: config, **layers, "manifest.json": manifest}

    def _oci_layout(self, compression: Compression) -> dict[str, bytes]:
        config = self._config_json()
        layers = [_compressed(tar, compression) for tar in self._tars()]
        layer_type = f"{_MEDIA}layer.v1.tar{_SUFFIX[compression]}"
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": f"{_MEDIA}manifest.v1+json",
                "config": _descriptor(config, f"{_MEDIA}config.v1+json"),
                "layers": [_descriptor(layer, layer_type) for layer in layers],
            }
        )
        entry = _descriptor(manifest, f"{_MEDIA}manifest.v1+json")
        entry["annotations"] = {"org.opencontainers.image.ref.name": self._name.rpartition(":")[2]}
        index = _json({"schemaVersion": 2, "mediaType": f"{_MEDIA}index.v1+json", "manifests": [entry]})
        blobs = {f"blobs/sha256/{_hex(blob)}": blob for blob in (*layers, config, manifest)}
        return {"oci-layout": _json({"imageLayoutVersion": "1.0.0"}), "index.json": index, **blobs}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a reader says of one file, script or config."""

    accepted: bool
    """Whether the reader reads it at all."""
    found: tuple[Edge | Gap | Command, ...] = ()

    @property
    def edges(self) -> list[Edge]:
        """Its references, in the order of the file."""
        return [one for one in self.found if isinstance(one, Edge)]

    @property
    def gaps(self) -> list[Gap]:
        """What it could not follow."""
        return [one for one in self.found if isinstance(one, Gap)]

    @property
    def commands(self) -> list[Command]:
        """The commands that it runs."""
        return [one for one in self.found if isinstance(one, Command)]

    @property
    def targets(self) -> list[str]:
        """Where the references lead: paths, and the texts of inline scripts."""
        return [edge.target.text or edge.target.path for edge in self.edges]


def read(
    reader: Reader,
    image: ImageBuilder | Context,
    path: str = "",
    *,
    script: str | None = None,
    language: str = "",
    limits: Limits = DEFAULT,
) -> Reading:
    """What a reader says of a file of an image; of an inline `script` in that file; without a path, of the config.

    A test that reads many files of one image gives its `context_of`, which is made once and has limits of its own.
    """
    context = image if isinstance(image, Context) else context_of(image, limits=limits)
    subject = subject_of(context, path, script=script, language=language)
    if not reader.accepts(subject):
        return Reading(accepted=False)
    return Reading(accepted=True, found=tuple(reader.read(subject, context)))


def context_of(original: ImageBuilder, slim: ImageBuilder | None = None, *, limits: Limits = DEFAULT) -> Context:
    """What readers get of an image: its tree, and environment, PATH and directory of its start command."""
    config = original.image(limits=limits).config
    return Context.of(
        original.tree(limits=limits), config, slim=slim.tree(limits=limits) if slim is not None else None, limits=limits
    )


def subject_of(context: Context, path: str = "", *, script: str | None = None, language: str = "") -> Subject:
    """A file of the original; an inline `script` in that file; without a path, the config."""
    tree = context.original
    if not path:
        node = Node(kind=NodeKind.CONFIG, path="original")
        return Subject(node=node, path=ROOT, file=None, tree=tree, data=b"", config=context.config)
    if script is not None:
        node = Node(kind=NodeKind.SCRIPT, path=path, language=language, text=script)
        return Subject(node=node, path=image_path(path), file=None, tree=tree, data=encoded(script))
    real = tree.resolve(path).path
    if real is None:
        raise ValueError(f"{path}: no such file in the image")
    node, file = Node(path=path, language=language), tree.files[real]
    data = tree.content(real) if file.type is FileType.FILE else b""
    return Subject(node=node, path=real, file=file, tree=tree, data=data)


def _archive(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    writer = TarWriter(stream)
    for name, data in members.items():
        writer.add(name, size=len(data), data=[data])
    writer.close()
    return stream.getvalue()


def _stored(path: str) -> str:
    """A path as layers have it: without its leading slash, and `./` for the root; `..` and the like stay."""
    return path.strip("/") or "./"


def _healthcheck(check: Healthcheck | Sequence[str]) -> dict[str, object]:
    if not isinstance(check, Healthcheck):
        return {"Test": list(check)}
    numbers = {
        "Interval": check.interval,
        "Timeout": check.timeout,
        "StartPeriod": check.start_period,
        "StartInterval": check.start_interval,
        "Retries": check.retries,
    }
    return {"Test": list(check.test), **{key: value for key, value in numbers.items() if value}}


def _compressed(data: bytes, compression: Compression) -> bytes:
    match compression:
        case "none":
            return data
        case "gzip":
            deflate = zlib.compressobj(6, zlib.DEFLATED, 31)
            return deflate.compress(data) + deflate.flush()
        case "zstd":
            return _zstd(data)


def _zstd(data: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.compress(data)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest(data: bytes) -> str:
    return f"sha256:{_hex(data)}"


def _descriptor(data: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}


# --- ELF --------------------------------------------------------------------------------------------------------------

_EXIT_0 = bytes.fromhex("31ffb83c0000000f05")
"""xor edi, edi; mov eax, 60; syscall: what every function of a built file does."""
_PAGE = 0x1000
_EXEC_BASE = 0x400000
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP, _PT_PHDR, _PT_STACK = 1, 2, 3, 6, 0x6474E551
_DT = {"NULL": 0, "NEEDED": 1, "HASH": 4, "STRTAB": 5, "SYMTAB": 6, "STRSZ": 10, "SYMENT": 11}
_DT |= {"SONAME": 14, "RPATH": 15, "RUNPATH": 29}
_PROGBITS, _STRTAB, _HASH, _DYNAMIC, _DYNSYM = 1, 3, 5, 6, 11
_WRITE, _ALLOC, _EXECINSTR = 1, 2, 4


@dataclass(slots=True)
class _Section:
    """A part of the file, and what its section header says."""

    name: str
    kind: int
    data: bytes
    flags: int = _ALLOC
    link: str = ""
    info: int = 0
    align: int = 8
    entry: int = 0
    offset: int = 0
    address: int = 0

    @property
    def place(self) -> tuple[int, int, int]:
        """Offset, address and size."""
        return self.offset, self.address, len(self.data)


def elf(
    *,
    needed: Sequence[str] = (),
    soname: str = "",
    rpath: str = "",
    runpath: str = "",
    interpreter: str = "",
    imports: Sequence[str] = (),
    exports: Sequence[str] = (),
    data: Iterable[str | bytes] = (),
    executable: bool = False,
) -> bytes:
    """A small valid ELF file (System V gABI, x86-64 psABI): 64-bit, little-endian, ET_DYN or with `executable` ET_EXEC.

    `imports` are undefined dynamic symbols, `exports` defined functions, `data` NUL-terminated strings in read-only
    data. The dynamic table is left out where nothing would stand in it, as in a static program. A loader takes what is
    built; its code ends the process with status 0.
    """
    strings = _Strings()
    dynamic = [("NEEDED", strings.add(name)) for name in needed]
    named = (("SONAME", soname), ("RPATH", rpath), ("RUNPATH", runpath))
    dynamic += [(tag, strings.add(text)) for tag, text in named if text]
    text = _Section(".text", _PROGBITS, _EXIT_0, flags=_ALLOC | _EXECINSTR, align=16)
    rodata = b"".join((item.encode() if isinstance(item, str) else item) + b"\0" for item in data)
    sections = [_Section(".interp", _PROGBITS, interpreter.encode() + b"\0", align=1)] if interpreter else []
    if dynamic or imports or exports or interpreter:
        symbols = [(strings.add(name), False) for name in imports] + [(strings.add(name), True) for name in exports]
        sections += [
            _Section(".hash", _HASH, _hash_table(len(symbols) + 1), link=".dynsym", entry=4),
            _Section(".dynsym", _DYNSYM, bytes(24 * (len(symbols) + 1)), link=".dynstr", info=1, entry=24),
            _Section(".dynstr", _STRTAB, strings.data, align=1),
        ]
    else:
        symbols = []
    sections.append(text)
    if rodata:
        sections.append(_Section(".rodata", _PROGBITS, rodata, align=1))
    if symbols or dynamic or interpreter:
        size = 16 * (len(dynamic) + 6)
        sections.append(_Section(".dynamic", _DYNAMIC, bytes(size), _ALLOC | _WRITE, ".dynstr", entry=16))
    return _laid_out(sections, symbols, dynamic, executable=executable)


class _Strings:
    """A string table: each string once, the empty one first."""

    def __init__(self) -> None:
        self.data = b"\0"
        self._known: dict[str, int] = {"": 0}

    def add(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = len(self.data)
            self.data += text.encode("utf-8", "surrogateescape") + b"\0"
        return self._known[text]


def _hash_table(symbols: int) -> bytes:
    """DT_HASH with one bucket that chains all symbols, which is valid and needs no hash function."""
    chain = [*range(2, symbols), 0] if symbols > 1 else []
    return struct.pack(f"<{4 + len(chain)}I", 1, symbols, min(1, symbols - 1), 0, *chain)


def _laid_out(
    sections: list[_Section], symbols: list[tuple[int, bool]], dynamic: list[tuple[str, int]], *, executable: bool
) -> bytes:
    """Give every section its place, fill in what depends on places, and write headers around them."""
    by_name = {section.name: section for section in sections}
    segments = 2 + 2 * (".interp" in by_name) + 2 * (".dynamic" in by_name)
    position = 64 + 56 * segments
    base = _EXEC_BASE if executable else 0
    for section in sections:
        position += -position % section.align
        section.offset = position
        # The loader writes into the dynamic table, so it lies in a page of its own.
        section.address = base + position + (_PAGE if section.name == ".dynamic" else 0)
        position += len(section.data)
    if ".dynamic" in by_name:
        _fill_dynamic(by_name, symbols, dynamic, text=1 + sections.index(by_name[".text"]))
    names = _Strings()
    sections.append(_Section(".shstrtab", _STRTAB, b"", flags=0, align=1, offset=position))
    name_offsets = [names.add(section.name) for section in sections]
    sections[-1].data = names.data
    table = position + len(names.data)
    table += -table % 8
    header = struct.pack(
        "<4s5B7x2HI3QI6H",
        *(b"\x7fELF", 2, 1, 1, 0, 0, 2 if executable else 3, 62, 1, by_name[".text"].address, 64, table, 0),
        *(64, 56, segments, 64, len(sections) + 1, len(sections)),
    )
    out = bytearray(header + b"".join(_program_headers(by_name, base)))
    for section in sections:
        out += bytes(section.offset - len(out)) + section.data
    out += bytes(table - len(out) + 64)
    for section, name in zip(sections, name_offsets, strict=True):
        link = 1 + sections.index(by_name[section.link]) if section.link else 0
        place = (section.flags, section.address, section.offset, len(section.data))
        out += struct.pack("<2I4Q2I2Q", name, section.kind, *place, link, section.info, section.align, section.entry)
    return bytes(out)


def _fill_dynamic(
    by_name: Mapping[str, _Section], symbols: list[tuple[int, bool]], dynamic: list[tuple[str, int]], *, text: int
) -> None:
    """The symbols and the dynamic table, now that addresses are known."""
    code, strings = by_name[".text"], by_name[".dynstr"]
    by_name[".dynsym"].data = bytes(24) + b"".join(
        struct.pack("<IBBHQQ", name, 0x12, 0, text, code.address, len(code.data))
        if defined
        else struct.pack("<IBBHQQ", name, 0x12, 0, 0, 0, 0)
        for name, defined in symbols
    )
    tags = [
        *dynamic,
        ("HASH", by_name[".hash"].address),
        ("STRTAB", strings.address),
        ("SYMTAB", by_name[".dynsym"].address),
        ("STRSZ", len(strings.data)),
        ("SYMENT", 24),
        ("NULL", 0),
    ]
    by_name[".dynamic"].data = b"".join(struct.pack("<2Q", _DT[tag], value) for tag, value in tags)


def _program_headers(by_name: Mapping[str, _Section], base: int) -> Iterator[bytes]:
    readable = [section for section in by_name.values() if section.name != ".dynamic"]
    end = max(section.offset + len(section.data) for section in readable)
    if (interp := by_name.get(".interp")) is not None:
        # The loader learns from the first where a position-independent program was put.
        size = min(section.offset for section in by_name.values()) - 64
        yield _segment(_PT_PHDR, 4, (64, base + 64, size - size % 56), 8)
        yield _segment(_PT_INTERP, 4, interp.place, 1)
    yield _segment(_PT_LOAD, 5, (0, base, end), _PAGE)
    if (table := by_name.get(".dynamic")) is not None:
        yield _segment(_PT_LOAD, 6, table.place, _PAGE)
        yield _segment(_PT_DYNAMIC, 6, table.place, 8)
    yield _segment(_PT_STACK, 6, (0, 0, 0), 16)


def _segment(kind: int, flags: int, place: tuple[int, int, int], align: int) -> bytes:
    offset, address, size = place
    return struct.pack("<2I6Q", kind, flags, offset, address, address, size, size, align)
