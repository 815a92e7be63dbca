"""The bounded ELF reader against files that are made here, against pyelftools and against readelf."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from elftools.elf.segments import InterpSegment, NoteSegment

from tests.elf_files import ElfFile, elves_of_archive, make_tree
from xraydiff.elf.format import Elf, ElfError, TreeSource, read_elf
from xraydiff.elf.symbols import read_symbols
from xraydiff.limits import DEFAULT
from xraydiff.paths import ImagePath
from xraydiff.testing import elf as built


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("little", [True, False])
def test_every_field_in_every_layout(bits: int, little: bool) -> None:
    data = ElfFile(
        bits=bits,
        little=little,
        machine=21,
        needed=["libz.so.1", "libc.so.6"],
        soname="libx.so.1",
        rpath="/a:$ORIGIN",
        runpath="/b",
        flags_1=0x800,
        interpreter="/lib/ld.so.1",
        build_id=b"\xab\xcd",
        imports=["malloc", "free"],
        exports=["x_open"],
    ).bytes()
    elf = read_elf(data, limits=DEFAULT)
    assert (elf.bits, elf.little, elf.machine, elf.type) == (bits, little, 21, 3)
    assert elf.needed == ("libz.so.1", "libc.so.6")
    assert (elf.soname, elf.rpath, elf.runpath) == ("libx.so.1", "/a:$ORIGIN", "/b")
    assert (elf.flags_1, elf.interpreter, elf.build_id) == (0x800, "/lib/ld.so.1", "abcd")
    assert elf.dynamic
    assert elf.oddities == ()
    assert elf.read_only == ((0, len(data)),)
    symbols = read_symbols(data, elf, limits=DEFAULT)
    assert symbols.imports == {"malloc", "free"}
    assert symbols.exports == {"x_open"}


def test_the_files_of_the_public_builder() -> None:
    data = built(
        needed=["libc.so.6"], soname="x", runpath="$ORIGIN", interpreter="/ld.so", imports=["f"], data=["/etc/x"]
    )
    elf = read_elf(data, limits=DEFAULT)
    assert (elf.needed, elf.soname, elf.runpath, elf.interpreter) == (("libc.so.6",), "x", "$ORIGIN", "/ld.so")
    assert elf.oddities == ()
    assert any(b"/etc/x" in data[offset : offset + size] for offset, size in elf.read_only)
    assert read_symbols(data, elf, limits=DEFAULT).imports == {"f"}
    assert not read_elf(built(executable=True), limits=DEFAULT).dynamic


def test_a_file_of_a_tree_is_read_in_parts() -> None:
    data = ElfFile(needed=["libc.so.6"], imports=["dlopen"], extra_data=bytes(1 << 20)).bytes()
    tree = make_tree({"/x": data})
    source = TreeSource(tree, ImagePath("/x"))
    asked: list[int] = []
    read_at = tree.read_at

    def counted(path: ImagePath, offset: int, length: int) -> bytes:
        asked.append(length)
        return read_at(path, offset, length)

    tree.read_at = counted  # type: ignore[method-assign]
    elf = read_elf(source, limits=DEFAULT)
    assert elf == read_elf(data, limits=DEFAULT)
    assert read_symbols(source, elf, limits=DEFAULT).imports == {"dlopen"}
    assert sum(asked) < 20_000


@dataclass
class _Huge:
    """A file of a terabyte, of which only the beginning holds anything."""

    data: bytes
    size: int = 1 << 40

    def read_at(self, offset: int, length: int) -> bytes:
        assert length < 1 << 20
        return self.data[offset : offset + length].ljust(length, b"\0")


def test_a_file_of_any_size_is_read() -> None:
    """libtorch_cuda.so has a gigabyte and a half; its headers and tables are as small as any."""
    data = ElfFile(needed=["libc.so.6"], soname="x").bytes()
    assert read_elf(_Huge(data), limits=DEFAULT).needed == ("libc.so.6",)


_IDENT = pytest.mark.parametrize(
    ("machine", "bits", "at", "value", "word"),
    [(62, 64, 4, 1, "EI_CLASS"), (62, 64, 5, 2, "EI_DATA"), (62, 64, 4, 7, "EI_CLASS"), (3, 32, 4, 2, "EI_CLASS")],
)


@_IDENT
def test_the_machine_decides_not_what_e_ident_says(machine: int, bits: int, at: int, value: int, word: str) -> None:
    data = bytearray(ElfFile(bits=bits, machine=machine, needed=["libc.so.6"]).bytes())
    data[at] = value
    elf = read_elf(bytes(data), limits=DEFAULT)
    assert (elf.bits, elf.little, elf.needed) == (bits, True, ("libc.so.6",))
    assert [oddity.partition(" ")[0] for oddity in elf.oddities] == [word]
    assert elf.identity == (data[4], data[5])


def test_x32_and_32_bit_machines_are_what_they_say() -> None:
    for machine in (62, 183, 8, 22, 243):
        elf = read_elf(ElfFile(bits=32, machine=machine, needed=["x"]).bytes(), limits=DEFAULT)
        assert (elf.bits, elf.needed, elf.oddities) == (32, ("x",), ())


def test_sizes_that_no_loader_looks_at_change_nothing() -> None:
    data = bytearray(ElfFile(needed=["liba.so", "libb.so"], runpath="/x").bytes())
    strsz = data.rindex(b"\x0a" + bytes(7))
    data[strsz + 8 : strsz + 16] = bytes(8)
    data[64 + 56 + 32 : 64 + 56 + 48] = (1).to_bytes(8, "little") * 2  # sizes of PT_DYNAMIC
    elf = read_elf(bytes(data), limits=DEFAULT)
    assert (elf.needed, elf.runpath) == (("liba.so", "libb.so"), "/x")
    assert elf.oddities == (
        "the dynamic table ends behind its segment",
        "a dynamic string lies outside DT_STRSZ, at which no loader looks",
    )


def test_program_headers_that_the_loader_would_not_see_are_an_error() -> None:
    """ld.so reads them from memory: another table there than in the file is nothing that can be told."""
    data = bytearray(ElfFile(needed=["x"], interpreter="/ld.so").bytes())
    data[64 + 8 : 64 + 16] = (len(data) // 4096 * 4096 + 4096).to_bytes(8, "little")
    with pytest.raises(ElfError, match="not loaded"):
        read_elf(bytes(data) + bytes(8192) + bytes(data), limits=DEFAULT)


def test_symbols_behind_the_count_of_a_hash_table_are_seen() -> None:
    """A loader comes to imported symbols by relocations and never counts them."""
    data = bytearray(ElfFile(imports=["dlopen", "system"]).bytes())
    elf = read_elf(bytes(data), limits=DEFAULT)
    count = dict(elf.tables)[4] + 4
    data[count : count + 4] = (1).to_bytes(4, "little")
    assert read_symbols(bytes(data), elf, limits=DEFAULT).imports == {"dlopen", "system"}


def test_a_string_that_spans_chunks_is_whole() -> None:
    name = "/" + "d" * 1000 + "/libx.so"
    assert read_elf(ElfFile(needed=[name]).bytes(), limits=DEFAULT).needed == (name,)


def test_a_static_file_has_no_needs() -> None:
    data = bytearray(ElfFile(type=2).bytes())
    data[64 + 56 : 64 + 60] = bytes(4)  # PT_DYNAMIC becomes PT_NULL
    elf = read_elf(bytes(data), limits=DEFAULT)
    assert not elf.dynamic
    assert elf.needed == ()


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF\x03\x01" + bytes(60)])
def test_what_is_no_elf_file_is_an_error(data: bytes) -> None:
    with pytest.raises(ElfError):
        read_elf(data, limits=DEFAULT)


def test_the_read_only_segment_is_preferred_to_the_code(corpus: Path) -> None:
    """Linkers since binutils 2.31 put constants into a segment of their own."""
    seen = [read_elf(data, limits=DEFAULT) for _, data in _elves(corpus)]
    assert all(offset >= 0 and size > 0 for elf in seen for offset, size in elf.read_only)
    assert sum(1 for elf in seen if elf.read_only) > 20


# --- against others ---------------------------------------------------------------------------------------------------


def _elves(corpus: Path) -> Iterator[tuple[str, bytes]]:
    yield from elves_of_archive(corpus / "aquasecurity+trivy/pkg/fanal/test/testdata/alpine-310.tar.gz")
    folder = corpus / "eliben+pyelftools"
    yield from elves_of_archive(folder / "test/odd-elf.bundle.tar")
    for path in sorted(folder.rglob("*.elf")):
        yield path.name, path.read_bytes()


def _payment(pairs: Path) -> Iterator[tuple[str, bytes]]:
    for name in ("original.tar.gz", "slim.tar.gz"):
        yield from elves_of_archive(pairs / "payment-mini" / name)


def _by_pyelftools(data: bytes) -> dict[str, object]:
    file = ELFFile(io.BytesIO(data))
    found: dict[str, object] = {
        "bits": file.elfclass,
        "little": file.little_endian,
        "needed": [],
        "soname": None,
        "rpath": None,
        "runpath": None,
        "interpreter": None,
        "build_id": "",
        "flags": 0,
        "flags_1": 0,
    }
    needed: list[str] = []
    for segment in file.iter_segments():
        if isinstance(segment, InterpSegment):
            found["interpreter"] = segment.get_interp_name()
        elif isinstance(segment, NoteSegment):
            for note in segment.iter_notes():
                if note["n_type"] == "NT_GNU_BUILD_ID" and not found["build_id"]:
                    found["build_id"] = note["n_desc"]
        elif isinstance(segment, DynamicSegment):
            for tag in segment.iter_tags():
                # pyelftools sets the strings of these tags as attributes that its types do not know.
                text = getattr(tag, tag.entry.d_tag[3:].lower(), None) if isinstance(tag.entry.d_tag, str) else None
                match tag.entry.d_tag:
                    case "DT_NEEDED":
                        needed.append(str(text))
                    case "DT_SONAME":
                        found["soname"] = text
                    case "DT_RPATH":
                        found["rpath"] = text
                    case "DT_RUNPATH":
                        found["runpath"] = text
                    case "DT_FLAGS":
                        found["flags"] = tag.entry.d_val
                    case "DT_FLAGS_1":
                        found["flags_1"] = tag.entry.d_val
    found["needed"] = tuple(needed)
    return found


def _symbols_by_pyelftools(data: bytes) -> tuple[set[str], set[str]] | None:
    try:
        section = ELFFile(io.BytesIO(data)).get_section_by_name(".dynsym")
    except ELFError:
        return None
    if not isinstance(section, SymbolTableSection):
        return None
    imports: set[str] = set()
    exports: set[str] = set()
    for symbol in section.iter_symbols():
        if symbol.name and symbol["st_shndx"] == "SHN_UNDEF":
            imports.add(symbol.name)
        elif symbol.name and symbol["st_info"]["bind"] != "STB_LOCAL":
            exports.add(symbol.name)
    return imports, exports


def _fields(elf: Elf, wanted: dict[str, object]) -> dict[str, object]:
    return {name: getattr(elf, name) for name in wanted}


def _agree(files: Iterator[tuple[str, bytes]]) -> tuple[int, int]:
    compared = symbols = 0
    for name, data in files:
        try:
            wanted = _by_pyelftools(data)
        except ELFError:
            continue
        elf = read_elf(data, limits=DEFAULT)
        assert _fields(elf, wanted) == wanted, name
        compared += 1
        theirs = _symbols_by_pyelftools(data)
        if theirs is not None and elf.dynamic:
            ours = read_symbols(data, elf, limits=DEFAULT)
            assert (set(ours.imports), set(ours.exports)) == theirs, name
            symbols += 1
    return compared, symbols


def test_the_corpus_as_pyelftools_reads_it(corpus: Path) -> None:
    compared, symbols = _agree(_elves(corpus))
    assert compared >= 30
    assert symbols >= 20


def test_a_real_pair_as_pyelftools_reads_it(pairs: Path) -> None:
    compared, symbols = _agree(_payment(pairs))
    assert compared >= 60
    assert symbols >= 60


_TAG = re.compile(r"\((NEEDED|SONAME|RPATH|RUNPATH)\)\s+.*\[(.*)\]$", re.MULTILINE)


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf is not installed")
def test_dynamic_tables_as_readelf_prints_them(corpus: Path, pairs: Path, tmp_path: Path) -> None:
    compared = 0
    target = tmp_path / "file"
    for name, data in (*_elves(corpus), *_payment(pairs)):
        try:
            elf = read_elf(data, limits=DEFAULT)
        except ElfError:
            continue
        target.write_bytes(data)
        run = subprocess.run(["readelf", "-dW", target], capture_output=True, text=True, check=False)
        tags = _TAG.findall(run.stdout)
        assert tuple(value for tag, value in tags if tag == "NEEDED") == elf.needed, name
        for tag, ours in (("SONAME", elf.soname), ("RPATH", elf.rpath), ("RUNPATH", elf.runpath)):
            assert ([value for one, value in tags if one == tag] or [None])[-1] == ours, name
        compared += 1
    assert compared >= 90


def test_a_table_with_two_string_tables(corpus: Path) -> None:
    path = corpus / "eliben+pyelftools/test/testfiles_for_unittests/lib_with_two_dynstr_sections.so.elf"
    elf = read_elf(path.read_bytes(), limits=DEFAULT)
    assert elf.needed == ("libz.so.1", "libc.so.6")
    assert elf.soname == "lib_versioned.so.1"
