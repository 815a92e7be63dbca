"""Hostile ELF files: rows 121 to 136 of the list of inputs, each within a second and without large allocations."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.elf_files import ElfFile, elves_of_archive, make_tree
from tests.patience import SLOW
from xraydiff.elf.format import Elf, ElfError, read_elf
from xraydiff.elf.symbols import read_symbols
from xraydiff.facts import ImageConfig, Node
from xraydiff.limits import DEFAULT
from xraydiff.paths import ROOT, ImagePath
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.readers.elf import ElfReader

MIB = 1 << 20


def _read(data: bytes) -> Elf | ElfError:
    """The answer, in less than a second and with less than 64 MiB."""
    tracemalloc.start()
    started = time.process_time()
    try:
        elf = read_elf(data, limits=DEFAULT)
        read_symbols(data, elf, limits=DEFAULT)
        answer: Elf | ElfError = elf
    except ElfError as error:
        answer = error
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.process_time() - started < 20 * SLOW
    assert peak < 64 * MIB
    return answer


def _code(data: bytes) -> str:
    answer = _read(data)
    assert isinstance(answer, ElfError), "the file was accepted"
    return answer.code


def _elf(data: bytes) -> Elf:
    answer = _read(data)
    assert isinstance(answer, Elf), str(answer)
    return answer


def _patched(data: bytes, at: int, form: str, *values: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, at, *values)
    return bytes(changed)


def _with_sections(data: bytes, sections: bytes, *, entry: int = 64) -> bytes:
    data = _patched(data, 40, "<Q", len(data))
    return _patched(data, 58, "<HHH", entry, len(sections) // 64, 0) + sections


def _section(kind: int, offset: int = 0, size: int = 0, *, link: int = 0, info: int = 0, flags: int = 0) -> bytes:
    return struct.pack("<IIQQQQIIQQ", 0, kind, flags, 0, offset, size, link, info, 1, 0)


def _corpus_elf(corpus: Path, name: str) -> bytes:
    folder = corpus / "eliben+pyelftools"
    for path in folder.rglob(name):
        return path.read_bytes()
    return next(data for member, data in elves_of_archive(folder / "test/odd-elf.bundle.tar") if member.endswith(name))


PLAIN = ElfFile(needed=["libc.so.6"], soname="x").bytes()


def test_121_entry_sizes_of_zero() -> None:
    assert _code(_patched(PLAIN, 54, "<H", 0)) == "elf-malformed"
    elf = _elf(_with_sections(PLAIN, _section(6), entry=0))
    assert elf.needed == ("libc.so.6",)
    assert elf.oddities == ("section headers of 0 bytes each",)


def test_121_corpus(corpus: Path) -> None:
    for name in ("section_header_bogus_size.elf", "section_link_to_self.elf", "corrupt_sh.elf"):
        _read(_corpus_elf(corpus, name))


@pytest.mark.parametrize("kind", [0x6FFFFFFE, 0x6FFFFFFD])
def test_122_version_tables_that_never_advance(kind: int) -> None:
    body = struct.pack("<HHIII", 1, 0xFFFF, 0, 16, 0)
    data = _with_sections(PLAIN + body, _section(kind, len(PLAIN), 16, info=0xFFFFFFFF))
    assert _elf(data).needed == ("libc.so.6",)


@pytest.mark.parametrize(("kind", "size"), [(8, 1 << 31), (1, (1 << 64) - 1)])
def test_123_sections_of_any_size_allocate_nothing(kind: int, size: int) -> None:
    assert _elf(_with_sections(PLAIN, _section(kind, 64, size))).needed == ("libc.so.6",)


def test_124_compressed_sections_stay_compressed() -> None:
    packed = struct.pack("<IIQQ", 1, 0, 300 * MIB, 1) + zlib.compress(bytes(30 * MIB), 9)
    assert _elf(_with_sections(PLAIN + packed, _section(1, len(PLAIN), len(packed), flags=0x800))).dynamic


def test_125_many_needs_of_one_endless_string() -> None:
    name = b"a" * (2 * MIB)
    assert _code(ElfFile(needed=[name], extra_tags=[(1, 1)] * 2000).bytes()) == "limit-exceeded"


def test_125_many_needs() -> None:
    assert _code(ElfFile(needed=["x"], extra_tags=[(1, 1)] * 5000).bytes()) == "limit-exceeded"


def test_125_names_that_overlap() -> None:
    tags = [(1, 1 + i) for i in range(4000)]
    assert _code(ElfFile(needed=[b"a" * 4000], extra_tags=tags).bytes()) == "limit-exceeded"


def test_126_many_program_headers() -> None:
    assert _code(_patched(PLAIN, 56, "<H", 65534)) == "limit-exceeded"


def test_126_as_many_program_headers_as_linux_takes_and_as_many_strings() -> None:
    """Each of 4,000 strings is looked for in each of 2,000 segments."""
    whole = ElfFile(needed=[f"n{number}" for number in range(4000)]).bytes()
    segment = struct.pack("<IIQQQQQQ", 1, 4, 0, 1 << 40, 0, 1, 1, 4096)
    table = whole[64 : 64 + 112] + segment * 2000
    data = _patched(_patched(whole + table, 32, "<Q", len(whole)), 56, "<H", 2002)
    assert len(_elf(data).needed) == 4000


def test_126_many_dynamic_entries() -> None:
    assert _code(ElfFile(extra_tags=[(0x6000000D, 1)] * 70_000).bytes()) == "limit-exceeded"


def test_126_many_sections() -> None:
    assert _elf(_with_sections(PLAIN, _section(6) * 65534)).needed == ("libc.so.6",)


def test_127_an_interpreter_without_end() -> None:
    """The kernel starts no such program; a loader that maps it as a library never looks there."""
    elf = _elf(ElfFile(needed=["x"], interpreter="a" * (3 * MIB)).bytes())
    assert (elf.interpreter, elf.refusal, elf.needed) == (None, f"an interpreter name of {3 * MIB + 1} bytes", ("x",))
    data = ElfFile(needed=["x"], interpreter="/lib/ld.so").bytes()
    elf = _elf(data.replace(b"/lib/ld.so\0", b"/lib/ld.so!"))
    assert (elf.interpreter, elf.refusal, elf.needed) == (None, "the interpreter name has no end", ("x",))


def test_128_every_prefix(corpus: Path) -> None:
    whole = ElfFile(
        needed=["liba.so", "libb.so"],
        interpreter="/lib/ld.so",
        build_id=b"1234",
        imports=["f"] * 60,
        exports=["g"] * 60,
        runpath="$ORIGIN",
    ).bytes()
    real = _corpus_elf(corpus, "dt_flags.so.elf")
    for data in (whole, real):
        for length in range(len(data)):
            try:
                elf = read_elf(data[:length], limits=DEFAULT)
                read_symbols(data[:length], elf, limits=DEFAULT)
            except ElfError:
                continue


def test_128_every_changed_byte() -> None:
    whole = ElfFile(needed=["liba.so"], interpreter="/lib/ld.so", build_id=b"12", imports=["f"], exports=["g"]).bytes()
    for at in range(len(whole)):
        for value in (0x00, 0x7F, 0xFF):
            data = whole[:at] + bytes([value]) + whole[at + 1 :]
            try:
                elf = read_elf(data, limits=DEFAULT)
                read_symbols(data, elf, limits=DEFAULT)
            except ElfError:
                continue


def test_128_random_damage_of_real_files(corpus: Path) -> None:
    random_source = random.Random(128)  # noqa: S311  a fixed seed makes a repeatable test
    real = [_corpus_elf(corpus, name) for name in ("dt_flags.so.elf", "aarch64_be_gnu_hash.so.elf", "tls64.so.elf")]
    for _ in range(3000):
        data = bytearray(random_source.choice(real))
        for _ in range(random_source.randint(1, 12)):
            data[random_source.randrange(min(len(data), 1200))] = random_source.randrange(256)
        started = time.process_time()
        try:
            elf = read_elf(bytes(data), limits=DEFAULT)
            read_symbols(bytes(data), elf, limits=DEFAULT)
        except ElfError:
            pass
        assert time.process_time() - started < 1 * SLOW


def test_129_names_that_are_no_utf_8() -> None:
    assert _elf(ElfFile(needed=[b"lib\xff\xfe.so"]).bytes()).needed == ("lib\udcff\udcfe.so",)


def test_130_no_sections_at_all(corpus: Path) -> None:
    elf = _elf(_corpus_elf(corpus, "aarch64_super_stripped.elf"))
    assert elf.needed == ("libc.so.6",)
    assert elf.interpreter == "/lib/ld-linux-aarch64.so.1"
    assert len(elf.segments) == 8


def test_131_two_string_tables(corpus: Path) -> None:
    elf = _elf(_corpus_elf(corpus, "lib_with_two_dynstr_sections.so.elf"))
    assert (elf.needed, elf.soname) == (("libz.so.1", "libc.so.6"), "lib_versioned.so.1")


@pytest.mark.parametrize(
    ("name", "bits", "little", "machine"),
    [
        ("aarch64_be_gnu_hash.so.elf", 64, False, 183),
        ("simple_armeb_gcc.o.elf", 32, False, 40),
        ("simple_mipsel.elf", 32, True, 8),
        ("s390x-relocs.o.elf", 64, False, 22),
        ("exe_solaris32_cc.sparc.elf", 32, False, 18),
        ("android_dyntags.so.elf", 32, True, 3),
    ],
)
def test_132_machines_and_byte_orders(corpus: Path, name: str, bits: int, little: bool, machine: int) -> None:
    elf = _elf(_corpus_elf(corpus, name))
    assert (elf.bits, elf.little, elf.machine) == (bits, little, machine)


def test_132_android(corpus: Path) -> None:
    elf = _elf(_corpus_elf(corpus, "android_dyntags.so.elf"))
    assert elf.soname == "libsoundtrigger.so"
    assert len(elf.needed) == 9
    assert elf.interpreter is None or elf.interpreter == "/system/bin/linker"


def test_133_runpath_with_origin(corpus: Path) -> None:
    elf = _elf(_corpus_elf(corpus, "dt_flags.so.elf"))
    assert (elf.needed, elf.runpath, elf.flags_1) == (("libc.so.6",), "$ORIGIN/lib", 0xC3)


def test_134_sections_that_lie() -> None:
    other = struct.pack("<qQqQ", 1, 1, 0, 0)
    sections = _section(6, len(PLAIN), len(other), link=1) + _section(3, 0, 8)
    elf = _elf(_with_sections(PLAIN + other, sections))
    assert elf.needed == ("libc.so.6",)
    assert elf.oddities == ("section headers name another dynamic table than the program headers",)
    data = _with_sections(PLAIN + other, sections)
    assert [gap.reason for gap in _gaps(data)] == ["elf-inconsistent"]


def test_135_program_headers_that_wrap_around() -> None:
    at = 64 + 8
    assert _code(_patched(PLAIN, at, "<Q", (1 << 64) - 16)) == "elf-malformed"
    assert _code(_patched(PLAIN, 64 + 16, "<Q", (1 << 64) - 8)) == "elf-malformed"


def test_136_a_folder_of_fuzzed_files(corpus: Path) -> None:
    folder = corpus / "radareorg+radare2-testbins"
    if not folder.is_dir():
        pytest.skip("the fuzzed files of radare2 are not in the corpus")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert files
    for path in files:
        _read(path.read_bytes())


def test_a_hash_table_without_end_is_an_error() -> None:
    """GNU hash chains end by a bit that a hostile file never sets."""
    table = struct.pack("<IIII", 1, 1, 0, 0) + struct.pack("<I", 1) + bytes(4 * MIB)
    data = ElfFile(imports=["f"], extra_data=table).bytes()
    place = len(data) - len(table)
    dynamic = data.replace(struct.pack("<QQ", 4, _value(data, 4)), struct.pack("<QQ", 0x6FFFFEF5, place))
    assert _code(dynamic) in ("elf-malformed", "limit-exceeded")


def test_symbol_names_that_overlap_are_bounded() -> None:
    """A million symbols that all name the tail of one long string cost its length a million times."""
    data = ElfFile(imports=["a" * MIB]).bytes()
    symtab, count = _value(data, 6), 3000
    symbols = b"".join(struct.pack("<IBBHQQ", 1 + i, 0x12, 0, 0, 0, 0) for i in range(count))
    grown = data + symbols + bytes(8)
    grown = grown.replace(struct.pack("<QQ", 6, symtab), struct.pack("<QQ", 6, len(data)))
    hashes = _value(data, 4)
    grown = _patched(grown, hashes, "<II", 0, count)
    grown = _patched(grown, 64 + 32, "<QQ", len(grown), len(grown))
    elf = read_elf(grown, limits=DEFAULT)
    started = time.process_time()
    with pytest.raises(ElfError) as caught:
        read_symbols(grown, elf, limits=DEFAULT)
    assert caught.value.code == "limit-exceeded"
    assert time.process_time() - started < 2 * SLOW


def test_a_bad_file_is_a_gap_and_not_an_exception() -> None:
    (gap,) = _gaps(_patched(PLAIN, 54, "<H", 0))
    assert gap.reason == "malformed"
    assert gap.detail.startswith("elf-malformed: ")
    (gap,) = _gaps(_patched(PLAIN, 56, "<H", 65534))
    assert gap.reason == "too-large"


def _value(data: bytes, tag: int) -> int:
    return dict(read_elf(data, limits=DEFAULT).tables)[tag]


def _gaps(data: bytes) -> list[Gap]:
    tree = make_tree({"/x": data})
    path = ImagePath("/x")
    subject = Subject(node=Node(path=path), path=path, file=tree.files[path], tree=tree, data=data)
    context = Context(original=tree, config=ImageConfig(), env={}, path=(), cwd=ROOT)
    items: Iterator[object] = iter(ElfReader().read(subject, context))
    return [item for item in items if isinstance(item, Gap)]
