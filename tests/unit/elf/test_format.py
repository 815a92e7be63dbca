"""The bounded ELF reader against files that are made here, against pyelftools and against readelf."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Iterator
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
