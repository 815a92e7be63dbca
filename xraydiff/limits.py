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
    json_expansion: int = 10
    """Bytes of memory for each byte of JSON: a table of contents takes five, `[[],[],[]]` would take forty."""
    json_free: int = 16 * MIB
    """... and as much for a text of any size: a manifest of 4 MiB never takes more than 56 MiB."""
    index_depth: int = 4
    """Nested image indexes: buildx makes two; the specification sets no bound (image-spec#780)."""
    descriptors: int = 1_000
    """Descriptors visited in one look-up."""
    layers: int = 512
    """overlay2 stops at 128; leave room for other stores."""
    history: int = 10_000
    """Lines of a config's history: one for each instruction of a Dockerfile."""
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
    sparse_extents: int = 1_000_000
    """Stored parts of all sparse files of one layer: each costs a hundred bytes, and real layers have none."""
    xattr_bytes: int = 64 * MIB
    """Names and values of all extended attributes of one layer: a label of SELinux has 30 bytes, capabilities 20."""
    names: int = GIB
    """Characters of all names and link texts of one image: five million entries of 100 characters need half of it."""
    resolution_steps: int = 100_000_000
    """Path components walked while the layers of one image are put together; an entry of a real one needs about ten."""
    problems: int = 1_000
    """Problems of one code that are kept; the others are counted in one more."""
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
    spool_ratio: int = 200
    """Bytes on disk for each compressed byte, runs of zeros left out, because a temporary file does not hold them: real
    layers stay below 100, and a megabyte of gzip could make a gigabyte."""
    spool_bytes: int = 64 * GIB
    """Bytes on disk of all layers of one image. For a compressed archive it is `spool_ratio` times the archive, since a
    compressed layer inside it would multiply the two ratios."""
    zstd_window_log: int = 27
    """128 MiB, the window that `zstd --long` uses by default."""
    elf: int = 512 * MIB
    """An ELF file's bytes that are looked at."""
    elf_segments: int = 2_048
    """Program headers: Linux takes 64 KiB, 2,048 of a 32-bit program and 1,170 of another. Real files have a dozen."""
    elf_dynamic: int = 65_536
    """Entries of a dynamic table."""
    elf_needed: int = 4_096
    """Needed names of one ELF file: browsers built as components have about 400."""
    elf_needed_bytes: int = 256 * KIB
    """Bytes of all dynamic strings of one ELF file: four thousand names that overlap in 4 KB would take 16 MB."""
    elf_notes: int = 1_000
    """Notes of one ELF file; real ones have about five."""
    elf_note_bytes: int = MIB
    """One note segment of an ELF file; a core dump's is larger and no reference."""
    elf_symbols: int = 1_000_000
    """Dynamic symbols; LLVM's library has 60,000."""
    elf_symbol_bytes: int = 128 * MIB
    """Bytes of all dynamic symbol names: names that overlap would otherwise cost their square."""
    elf_addresses: int = 1_000_000
    """Addresses that the code of a Go or Rust program uses: a program of 120 MB has a third of it."""
    elf_strings: int = 1_000_000
    """Strings of the constants of one ELF file, each once: those of a browser's engine are a third of it."""
    elf_string: int = 4_096
    """A soname, needed name or interpreter: longer than PATH_MAX cannot be opened."""
    loader_objects: int = 4_096
    """Objects of one process: ld.so itself becomes slow long before."""
    loader_candidates: int = 200_000
    """Paths tried for one process: a search path of 2,000 directories in each of 4,000 objects would be 30 billion."""
    loader_steps: int = 20_000_000
    """Paths tried for all processes of one image: 2,000 programs of 50 libraries need half a million."""
    loader_cache: int = 16 * MIB
    """/etc/ld.so.cache: 542 libraries take 35 KB."""
    command_memory: int = 8 * GIB
    """Memory of the command's work, as RLIMIT_DATA counts it, which leaves out what is only reserved: a pair with
    200,000 files takes 2.2 GiB, so three times as many fit; machines of CI have 7 to 16 GiB."""
    reader_seconds: int = 300
    """CPU time of one reader for one file, in the command: a parser stops itself after 20 s, and what readers make of
    its tree takes less; a machine may be ten times as slow as ours."""
    silent_seconds: int = 3_600
    """CPU time of the command without a sign of what it reads: as many files as fit into memory take 200 s in all, and
    64 GiB of them are hashed in two minutes; a machine may be ten times as slow as ours."""
    stop_seconds: int = 5
    """Time that the command has to clean up when it is told to stop: CI systems kill it after 7 to 10 s."""
    worker_seconds: int = 10
    """CPU time of the worker for one file."""
    worker_memory: int = GIB
    """Address space of the worker."""
    worker_files: int = 1_000
    """Files that one comparison or inspection shows to the worker, at 0.1 to 1 ms each."""
    worker_failures: int = 3
    """Files that may hang or crash the worker before it is asked no more: each may cost half a minute."""
    package_database: int = 64 * MIB
    """A dpkg status or apk installed file: TeX Live's is 0.5 MB."""
    package_record: int = 16 * MIB
    """The record of one package (a file list, RECORD, package.json, gemspec): PyTorch's RECORD has 1.5 MB."""
    package_lines: int = 2_000_000
    """Lines of one package database or record: more of them would take a gigabyte while they are split."""
    packages: int = 200_000
    """Packages of one image and reader: the whole of Debian has 65,000."""
    start_words: int = 20_000
    """Words of the start command and its scripts that are looked up to find out whose the application is."""
    rpm_database: int = 512 * MIB
    """An rpm database: a universal base image's is 14 MB."""
    rpm_header_tags: int = 65_535
    """Tags of one rpm header: rpm's own HEADER_TAGS_MAX."""
    rpm_steps: int = 50_000_000
    """Instructions of SQLite's virtual machine for one rpm database: 200,000 packages take four million."""
    certificate_file: int = 16 * MIB
    """A file that may hold certificates: a full bundle has 0.25 MB."""
    certificates: int = 10_000
    """Certificates of one file: a full bundle holds 150."""
    certificates_per_image: int = 100_000
    """Certificates and keys of one image: a Debian with a JRE has 400, each name of a hard link counted."""
    certificate_bytes: int = GIB
    """Bytes of all files of one image that are searched for certificates: sparse ones cost an image nothing."""
    certificate_subject: int = 4_096
    """Characters of a certificate's subject; real ones stay below 300."""
    keystore_iterations: int = 2_000_000
    """Rounds of key derivation for all key stores of one image: OpenSSL's default is 2,048, Java's 10,000."""
    passwd: int = 16 * MIB
    """/etc/passwd, group and the like (CVE-2026-47262)."""
    users: int = 100_000
    """Users, or groups, of one image: ids below 60,000 are what useradd gives out."""
    text_line: int = MIB
    """One line of a text database."""
    command_words: int = 10_000
    """Words of a start command or health check: a kernel takes 2 MiB of arguments, people write ten."""
    command_wrappers: int = 32
    """Programs in a row that each start the next: a start command has five, and each costs a copy of its words."""
    command_choices: int = 16
    """Programs that the first word of one command may name, each followed with all its arguments."""
    literals: int = 16 * MIB
    """A kept package file's bytes that are searched for literals: they are POSSIBLE at most, and memory must not grow
    with a runtime image of 130 MB."""
    literal_names: int = 1_000_000
    """Distinct texts of one file that look like paths, at 200 bytes each: 500 MB of noise have half as many."""
    script: int = 2 * MIB
    """A script that is parsed, its comments left out: larger ones are data or minified bundles."""
    script_scan: int = 16 * MIB
    """A script that is looked at, comments and all, for what it asks for, at 0.1 us a byte: the compiler of TypeScript
    has 11 MB, what bundlers make of a server about five."""
    syntax: int = 256 * KIB
    """A script that is parsed by a grammar made for what people type: hostile text costs its parser 1 KB of memory and
    5 us a byte (`[a,[a,[a,`). Larger ones are bundles, of which the outline is read."""
    syntax_work: int = 6_400
    """Hundreds of operations that such a parser may do for one script, half of them for PHP: a minified script of
    256 KiB takes 5,000, and errors make one up to a hundred times as slow."""
    syntax_total: int = 2_000_000
    """... and for all scripts of one image: an application of 100 MB in 10,000 files. At the bound of each script it is
    reached after 300 of them, in ten minutes."""
    syntax_comments: int = 6_000
    """Comments of one script of JavaScript or Perl, counted by how they begin: where the script is broken, each costs
    its parser all that were before it. One for each 43 bytes of the largest script is within."""
    syntax_seconds: int = 20
    """CPU time of such a parser for one script, where no count stopped it: scripts within the counts take up to 4."""
    syntax_rescans: int = 20_000_000
    """Bytes of a script of Ruby or Perl times its quotes that never end: for each of them a parser looks through all
    the rest, at 20 ns a byte (500 of `q(` before 1.8 MB: 17 s). Sound scripts have none, and a few in texts."""
    syntax_line_squares: int = 400_000_000
    """Lengths of the lines of a Perl script, squared and added up: its parser counts columns from the start of the line
    at each word, so that a line of 80 KB takes 15 s. A table of a megabyte in lines of 400 characters is within."""
    script_depth: int = 1_000
    """Nesting of a syntax tree."""
    script_expressions: int = 200_000
    """Expressions of one script of JavaScript or PHP that are kept to be evaluated, at 1 KB each: a library of
    254 KB has 7,000."""
    evaluated_expressions: int = 200_000
    """Expressions of one script of JavaScript or PHP that are evaluated: each name may have several values."""
    reference_detail: int = 200
    """Characters of a reference, as written, that an edge keeps: what a person needs to find it again."""
    script_tokens: int = 400_000
    """Words and signs of one script of Python: the largest of real ones have 135,000. Each costs 7 us and 300 bytes, so
    that 2 MiB of `a()` would take 14 s and 600 MiB; of what is beyond only the plain imports are looked for."""
    script_constructs: int = 500_000
    """Constructs of one shell script, at 10 us and 200 bytes each, its walk included: the largest of Debian, of a
    megabyte, has 210,000."""
    script_lines: int = 100_000
    """Lines of a shell script behind an error, each of which is parsed by itself."""
    script_steps: int = 200_000
    """Constructs that one walk through a shell script visits, and words and look-ups on the way through it: 1,300 lines
    take 30,000."""
    jar_entries: int = 200_000
    """Entries of one Java archive: the bundle of a cloud vendor's whole SDK has 130,000."""
    jar_entry: int = 16 * MIB
    """One class or text of an archive: no method is longer than 64 KB, so real classes stay below 1 MB."""
    jar_bytes: int = 128 * MIB
    """Bytes that the entries of all archives of one image expand to while they are read: 20,000 classes have 80 MB."""
    jar_classes: int = 20_000
    """Classes in all archives of one image that are read, the application's own: each takes 0.2 ms."""
    jar_code: int = 8 * MIB
    """Bytes of all classes whose instructions are looked at, at a microsecond each: those that start programs."""
    beam_bytes: int = 32 * MIB
    """Bytes that the packed tables of one BEAM file or boot file expand to: the largest of OTP have 1 MB."""
    erlang_terms: int = 500_000
    """Terms of one Erlang file: a boot file of a large release has 20,000."""
    relative_names: int = 200_000
    """Names of one config that are looked up below the directories which it names, where such a directory has their
    first component: a table of 2,000 names and 100 directories, all alike. What is beyond is a gap."""
    parsed: int = 64 * MIB
    """A stored parse of one file (`references/kit/stored.py`): those of the largest scripts take a tenth of it."""
    parsed_depth: int = 200
    """Lists within each other in it: parsed data nests below 64 levels, and each may take three lists."""
    parsed_memory: int = GIB
    """Bytes of memory that its values may take, at about ten for each byte of it."""
    work_steps: int = 200_000_000
    """Steps of one comparison (`budget.py`): paths looked up, names and bytes looked through, edges followed. The
    pairs of images up to 750 MB take up to four million, at a microsecond each; made to hurt, a step takes five."""
    inline_scripts: int = 1_000
    """Command strings followed from one file."""
    edges_per_file: int = 100_000
    """References from one file."""
    directory_targets: int = 10_000
    """Names of one pattern or directory that a script of the shell is followed to; more are a gap."""
    toc: int = 64 * MIB
    """The table of contents of a layer that is pulled lazily: 300 bytes an entry, so as many as 200,000 files have."""
    engine_seconds: int = 600
    """Silence of a Docker Engine: older ones write the whole image to their disk before the first byte comes."""
    engine_message: int = 64 * KIB
    """An engine's error answer."""
    registry_seconds: int = 60
    """Silence of a registry, and time for one manifest, token or error, however slowly it drips."""
    registry_documents: int = 300
    """Seconds for all manifests of one image: a thousand of an index at a minute each would be a day."""
    registry_rate: int = 16 * KIB
    """Bytes a second of a download, below which it is given up: a byte a second would take for ever."""
    registry_window: int = 10
    """Seconds over which that rate is taken: over a whole layer of gigabytes a drip would have days. An engine may fall
    silent for `engine_seconds` more, since it packs while it sends."""
    registry_message: int = 64 * KIB
    """A registry's error answer, as much as is read of it."""
    registry_token: int = MIB
    """A token, docker's config.json, or the answer of a credential helper: as containers/image's for tokens."""
    registry_helper_seconds: int = 30
    """Time for a credential helper: some unlock a keyring or ask a cloud."""
    policy: int = MIB
    """A policy file."""
    policy_globs: int = 1_000
    """Globs in the waivers of a policy: each may be compared with every missing path. Paths as they are, are looked
    up and not counted."""
    creport: int = 32 * MIB
    """The minifier's report: 250 bytes a file that its run used, and 150 for each that it looked for."""
    include_file: int = MIB
    """A file of paths to keep."""
    include_lines: int = 10_000
    """Paths in it."""
    knowledge: int = MIB
    """A file of knowledge, companions and the like: the largest of ours has 40 KB."""
    knowledge_rows: int = 1_000
    """Rows of it: each is compared with the names of all kept files."""
    knowledge_line: int = 8_192
    """Characters of a line of it: a key of 100,000 parts (`a.a.a.`) takes its parser minutes."""
    report: int = GIB
    """A stored report."""
    report_expansion: int = 6
    """Bytes of memory for each byte of a stored report: those of real comparisons take three to five."""
    report_free: int = MIB
    """... and as much for a report of any size."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                msg = f"limit {field.name} must be at least 1"
                raise ValueError(msg)


DEFAULT = Limits()
