"""Every bound for hostile input, each with its reason; crossing one is an error, never a shorter answer."""

from __future__ import annotations

from dataclasses import dataclass, fields

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds for reading and analysing one image; sizes in bytes. Raises `ValueError` for a bound below 1."""

    archive_manifest: int = MIB
    """manifest.json of a docker-archive: as containers/image's MaxTarFileManifestSize."""
    manifest: int = 4 * MIB
    """Any manifest, index or config blob: as containers/image's MaxManifestBodySize."""
    json_depth: int = 64
    """Nesting of JSON: manifests need six levels, and a deep one would exhaust the interpreter's stack."""
    index_depth: int = 4
    """Nested image indexes: buildx makes two; the specification sets no bound (image-spec#780)."""
    descriptors: int = 1_000
    """Descriptors visited in one look-up."""
    layers: int = 512
    """overlay2 stops at 128; leave room for other stores."""
    archive_members: int = 20_000
    """Members of the outer archive: a layout of 512 layers needs a few thousand at most."""
    entries_per_layer: int = 2_000_000
    """At the measured cost of an entry this is a minute and about 1 GiB."""
    entries_per_image: int = 5_000_000
    """All layers together."""
    extended_header: int = MIB
    """One PAX or GNU long-name header: Go's archive/tar caps it so since CVE-2022-2879."""
    extended_headers: int = 8
    """Chained extended headers before one entry: real writers use at most three."""
    pax_records: int = 10_000
    """Records of one PAX header; a global header of 100,000 cost tarfile 5.8 GB."""
    sparse_map: int = MIB
    """Bytes of one sparse map: Go caps it so since CVE-2025-58183."""
    path: int = 4_096
    """PATH_MAX: no kernel opens a longer one."""
    component: int = 255
    """NAME_MAX."""
    components: int = 500
    """Directories in a path."""
    symlink_hops: int = 40
    """Linux's MAXSYMLINKS, counted over the whole resolution."""
    file: int = 2 * GIB
    """A file's bytes that are hashed or read; larger ones are listed with a problem."""
    layer_bytes: int = 32 * GIB
    """Uncompressed bytes of one layer."""
    image_bytes: int = 64 * GIB
    """Uncompressed bytes of all layers."""
    ratio_after: int = 64 * MIB
    """Expansion ratios are judged only beyond this output; small runs of zeros expand more."""
    gzip_ratio: int = 1_100
    """deflate cannot exceed 1032:1."""
    zstd_ratio: int = 4_000
    """Real layers stay below 100; 4.5 KB of zstd can give 140 MiB."""
    zstd_window_log: int = 27
    """128 MiB, the window that `zstd --long` uses by default."""
    elf: int = 512 * MIB
    """An ELF file's bytes that are looked at."""
    elf_segments: int = 1_024
    """Program headers; real files have about a dozen."""
    elf_dynamic: int = 65_536
    """Entries of a dynamic table."""
    elf_symbols: int = 1_000_000
    """Dynamic symbols; LLVM's library has 60,000."""
    elf_string: int = 4_096
    """A soname, needed name or interpreter: longer than PATH_MAX cannot be opened."""
    worker_seconds: int = 10
    """CPU time of the worker for one file."""
    worker_memory: int = GIB
    """Address space of the worker."""
    package_database: int = 64 * MIB
    """A dpkg status or apk installed file: TeX Live's is 0.5 MB."""
    rpm_database: int = 512 * MIB
    """An rpm database: a universal base image's is 14 MB."""
    certificate_file: int = 16 * MIB
    """A file that may hold certificates: a full bundle has 0.25 MB."""
    certificates: int = 10_000
    """Certificates of one file: a full bundle holds 150."""
    passwd: int = 16 * MIB
    """/etc/passwd, group and the like (CVE-2026-47262)."""
    text_line: int = MIB
    """One line of a text database."""
    script: int = 2 * MIB
    """A script that is parsed: larger ones are data or minified bundles."""
    script_depth: int = 1_000
    """Nesting of a syntax tree."""
    inline_scripts: int = 1_000
    """Command strings followed from one file."""
    edges_per_file: int = 100_000
    """References from one file."""
    directory_targets: int = 10_000
    """Files that a named directory brings with it."""
    catalogue_files: int = 20
    """A file that names more existing files than this is a catalogue (magic tables, contents lists), not a user of them."""
    catalogue_packages: int = 3
    """... when they belong to at least so many packages."""
    policy: int = MIB
    """A policy file."""
    report: int = GIB
    """A stored report."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                msg = f"limit {field.name} must be at least 1"
                raise ValueError(msg)


DEFAULT = Limits()
