"""Edges of ELF headers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.elf_files import ElfFile, loader_cache, make_tree
from xraydiff.facts import Edge, EdgeKind, Firing, ImageConfig, Node
from xraydiff.paths import ImagePath
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.readers.elf import ElfReader
from xraydiff.tree import Tree

LD = "/lib64/ld-linux-x86-64.so.2"
LIB = ElfFile().bytes()
LD_SO = ElfFile(extra_data=b"\0/lib/\0/usr/lib/\0").bytes()
Files = dict[str, bytes | str | None]


def _context(tree: Tree, env: Mapping[str, str] | None = None) -> Context:
    return Context.of(tree, ImageConfig(env=tuple(f"{name}={value}" for name, value in (env or {}).items())))


def _read(context: Context, path: str, tree: Tree | None = None) -> list[tuple[str, str, str]]:
    """Kind, target and firing of every edge."""
    held = tree or context.original
    assert isinstance(held, Tree)
    place = ImagePath(path)
    data = held.content(place)
    subject = Subject(node=Node(path=path), path=place, file=held.files[place], tree=held, data=data)
    reader = ElfReader()
    assert reader.accepts(subject)
    edges = [item for item in reader.read(subject, context) if isinstance(item, Edge)]
    assert {edge.source for edge in edges} <= {subject.node}
    return [(edge.kind.value, edge.target.path, edge.firing.value) for edge in edges]


def _gaps(context: Context, path: str, data: bytes | None = None) -> list[tuple[str, str]]:
    tree, place = context.original, ImagePath(path)
    content = tree.content(place) if data is None else data
    subject = Subject(node=Node(path=path), path=place, file=tree.files[place], tree=tree, data=content)
    return [(item.reason, item.detail) for item in ElfReader().read(subject, context) if isinstance(item, Gap)]


def test_a_program_asks_for_its_loader_and_its_libraries() -> None:
    app = ElfFile(needed=["libx.so.1", "libgone.so"], interpreter=LD).bytes()
    files: Files = {LD: LD_SO, "/app": app, "/usr/lib/libx.so.1": "libx.so.1.2", "/usr/lib/libx.so.1.2": LIB}
    assert _read(_context(make_tree(files)), "/app") == [
        ("interprets", LD, "load"),
        ("needs", "/usr/lib/libx.so.1", "load"),
    ]


def test_preloads_come_with_every_program_but_no_library() -> None:
    files: Files = {LD: LD_SO, "/app": ElfFile(interpreter=LD).bytes(), "/lib/libp.so": LIB, "/lib/liba.so": LIB}
    context = _context(make_tree(files), {"LD_PRELOAD": "libp.so"})
    assert ("needs", "/lib/libp.so", "load") in _read(context, "/app")
    assert _read(context, "/lib/liba.so") == []


def test_a_need_by_inherited_rpath_is_the_programs() -> None:
    files: Files = {
        LD: LD_SO,
        "/app": ElfFile(needed=["liba.so"], rpath="/opt", interpreter=LD).bytes(),
        "/opt/liba.so": ElfFile(needed=["libb.so"]).bytes(),
        "/opt/libb.so": LIB,
        "/lib/libb.so": LIB,
    }
    context = _context(make_tree(files))
    assert ("needs", "/opt/libb.so", "load") in _read(context, "/app")
    # Read after the program, the library asks for the same file and not for what it would find alone.
    assert _read(context, "/opt/liba.so") == [("needs", "/opt/libb.so", "load")]
    assert _read(_context(make_tree(files)), "/opt/liba.so") == [("needs", "/lib/libb.so", "load")]


def test_a_kept_library_was_served_by_the_file_that_was_kept() -> None:
    files: Files = {
        LD: LD_SO,
        "/plugin.so": ElfFile(needed=["libb.so"]).bytes(),
        "/lib/libb.so": LIB,
        "/opt/libb.so": LIB,
        "/other/libb.so": ElfFile(bits=32).bytes(),
    }
    slim = make_tree({name: files[name] for name in (LD, "/plugin.so", "/opt/libb.so", "/other/libb.so")})
    assert _read(_context(make_tree(files)), "/plugin.so", slim) == [
        ("needs", "/opt/libb.so", "load"),
        ("needs", "/lib/libb.so", "kept_with"),
    ]


def test_a_removed_library_that_nothing_replaces_is_a_need() -> None:
    files: Files = {LD: LD_SO, "/plugin.so": ElfFile(needed=["libb.so"]).bytes(), "/lib/libb.so": LIB}
    slim = make_tree({LD: LD_SO, "/plugin.so": files["/plugin.so"]})
    assert _read(_context(make_tree(files)), "/plugin.so", slim) == [("needs", "/lib/libb.so", "load")]


def test_the_variant_that_was_kept_is_the_need() -> None:
    variant = "/lib/glibc-hwcaps/x86-64-v3/libb.so"
    files: Files = {LD: LD_SO, "/p.so": ElfFile(needed=["libb.so"]).bytes(), "/lib/libb.so": LIB, variant: LIB}
    slim = make_tree({name: files[name] for name in (LD, "/p.so", variant)})
    context = _context(make_tree(files))
    assert _read(context, "/p.so", slim) == [("needs", variant, "load"), ("needs", "/lib/libb.so", "kept_with")]
    assert _read(context, "/p.so") == [("needs", "/lib/libb.so", "load")]


def test_a_library_that_only_a_loaded_one_can_serve() -> None:
    files: Files = {
        LD: LD_SO,
        "/jvm/lib/libawt.so": ElfFile(needed=["libjvm.so"]).bytes(),
        "/jvm/lib/server/libjvm.so": LIB,
    }
    assert _read(_context(make_tree(files)), "/jvm/lib/libawt.so") == [("needs", "/jvm/lib/server/libjvm.so", "load")]
    files["/jvm/lib/client/libjvm.so"] = LIB
    assert _read(_context(make_tree(files)), "/jvm/lib/libawt.so") == []


def test_a_file_that_the_run_changed_is_read_as_slim_has_it() -> None:
    original = make_tree({LD: LD_SO, "/app": b"#!/bin/sh", "/lib/liba.so": LIB})
    slim = make_tree({"/app": ElfFile(needed=["liba.so"], interpreter=LD).bytes()})
    assert _read(_context(original), "/app", slim) == [
        (EdgeKind.INTERPRETS.value, LD, Firing.LOAD.value),
        ("needs", "/lib/liba.so", "load"),
    ]


def test_a_file_that_only_slim_has() -> None:
    original = make_tree({LD: LD_SO, "/lib/liba.so": LIB})
    slim = make_tree({"/new": ElfFile(needed=["liba.so"], interpreter=LD).bytes()})
    assert ("needs", "/lib/liba.so", "load") in _read(_context(original), "/new", slim)


def test_relocatable_and_static_files_ask_for_nothing() -> None:
    tree = make_tree({LD: LD_SO, "/x.o": ElfFile(type=1).bytes()})
    assert _read(_context(tree), "/x.o") == []


def test_a_file_that_was_cut_is_read_by_offset() -> None:
    """Of a large kept package file the readers get the beginning; its dynamic table lies behind it."""
    app = ElfFile(needed=["libx.so"], interpreter=LD, imports=["a" * (3 << 20)]).bytes()
    tree = make_tree({LD: LD_SO, "/app": app, "/lib/libx.so": LIB})
    place = ImagePath("/app")
    subject = Subject(node=Node(path="/app"), path=place, file=tree.files[place], tree=tree, data=app[: 1 << 20])
    items = list(ElfReader().read(subject, _context(tree)))
    assert [item.target.path for item in items if isinstance(item, Edge)] == [LD, "/lib/libx.so"]
    assert not [item for item in items if isinstance(item, Gap)]


@pytest.mark.parametrize("kind", [1, 4, 0xFE00])
def test_what_no_loader_takes_is_said_and_closes_nothing(kind: int) -> None:
    files: Files = {"/x.o": ElfFile(type=kind, needed=["libx.so"]).bytes(), "/lib/libx.so": LIB}
    assert _gaps(_context(make_tree(files)), "/x.o") == [
        ("not-loadable", f"e_type {kind} is no program and no library")
    ]


def test_a_program_without_its_interpreter_is_not_loadable() -> None:
    files: Files = {"/app": ElfFile(needed=["libx.so"], interpreter="/lib/ld-gone.so").bytes(), "/lib/libx.so": LIB}
    context = _context(make_tree(files))
    assert _gaps(context, "/app") == [("not-loadable", "no interpreter /lib/ld-gone.so")]
    assert _read(context, "/app") == [("needs", "/lib/libx.so", "load")]


def test_audit_libraries_of_the_environment_and_of_a_program() -> None:
    app = ElfFile(interpreter=LD, needed=["/a/libone.so:libtwo.so", "libx.so"]).bytes()
    # The first need becomes DT_AUDIT.
    audit = app.replace(
        (1).to_bytes(8, "little") + (1).to_bytes(8, "little"), b"\xfc\xfe\xff\x6f" + bytes(4) + b"\1" + bytes(7)
    )
    assert audit != app
    names = ("/a/libone.so", "/lib/libtwo.so", "/lib/libenv.so", "/lib/libx.so")
    files: Files = {LD: LD_SO, "/app": audit, **dict.fromkeys(names, LIB)}
    targets = [target for _, target, _ in _read(_context(make_tree(files), {"LD_AUDIT": "libenv.so"}), "/app")]
    assert targets == [LD, "/lib/libenv.so", "/a/libone.so", "/lib/libtwo.so", "/lib/libx.so"]


def test_a_library_that_is_not_understood_is_needed_all_the_same() -> None:
    """The loader maps it and asks us nothing; its own reading then is the gap."""
    odd = ElfFile(needed=["liby.so"], extra_tags=[(0x6000000D, 1)] * 70_000).bytes()
    files: Files = {LD: LD_SO, "/app": ElfFile(needed=["libx.so"], interpreter=LD).bytes(), "/lib/libx.so": odd}
    files["/usr/lib/libx.so"] = LIB
    context = _context(make_tree(files))
    assert ("needs", "/lib/libx.so", "load") in _read(context, "/app")
    assert [reason for reason, _ in _gaps(context, "/lib/libx.so")] == ["too-large"]


def test_musl_loads_a_library_whatever_its_first_bytes_are() -> None:
    musl = "/lib/ld-musl-x86_64.so.1"
    odd = b"#!/x" + ElfFile(needed=["liby.so"]).bytes()[4:]
    files: Files = {musl: LIB, "/app": ElfFile(needed=["libx.so"], interpreter=musl).bytes(), "/lib/libx.so": odd}
    context = _context(make_tree(files))
    assert ("needs", "/lib/libx.so", "load") in _read(context, "/app")
    assert _gaps(context, "/app") == [("malformed", "the loader maps /lib/libx.so, which is no ELF file")]


def test_a_cache_that_ld_so_may_miss_entries_of_is_a_gap() -> None:
    cache = loader_cache([("liba.so", "/opt/liba.so", 0x303, 0), ("libx.so", "/opt/libx.so", 0x303, 0)])
    files: Files = {LD: LD_SO, "/app": ElfFile(needed=["libx.so"], interpreter=LD).bytes(), "/opt/libx.so": LIB}
    files["/etc/ld.so.cache"] = cache
    ((reason, detail),) = _gaps(_context(make_tree(files)), "/app")
    assert (reason, detail) == ("malformed", "elf-malformed: the loader cache is not in ldconfig's order")


def test_a_path_that_the_cpu_decides_is_a_gap() -> None:
    app = ElfFile(needed=["libx.so"], runpath="/opt/$PLATFORM", interpreter=LD).bytes()
    files: Files = {LD: LD_SO, "/app": app, "/opt/x86_64/libx.so": LIB}
    assert [reason for reason, _ in _gaps(_context(make_tree(files)), "/app")] == ["malformed"]
