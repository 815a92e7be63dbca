"""The searches of ld.so(8) and of musl's loader, rule by rule, in small trees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.elf_files import ElfFile, loader_cache, make_tree
from xraydiff.elf.format import ElfError
from xraydiff.elf.loader import Dialect, Loader
from xraydiff.errors import LimitExceeded
from xraydiff.limits import DEFAULT
from xraydiff.paths import ImagePath
from xraydiff.tree import Tree

GLIBC, MUSL = "/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"
SYSTEM = b"\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0/etc/ld.so.cache\0"
LD_SO = ElfFile(soname="ld-linux-x86-64.so.2", extra_data=SYSTEM).bytes()
LIB = ElfFile().bytes()
APP = "/usr/bin/app"


def _app(*needed: str, rpath: str | None = None, runpath: str | None = None, musl: bool = False) -> bytes:
    return ElfFile(needed=needed, rpath=rpath, runpath=runpath, interpreter=MUSL if musl else GLIBC).bytes()


def _tree(files: Mapping[str, bytes | str | None], modes: Mapping[str, int] | None = None) -> Tree:
    return make_tree({GLIBC: LD_SO, MUSL: LIB, **files}, modes=modes)


def _found(loader: Loader, path: str = APP) -> dict[str, str | None]:
    """Name of every need of the closure and the path it was found at; the first answer counts."""
    found: dict[str, str | None] = {}
    for one in loader.closure(ImagePath(path)).objects:
        for need in one.needed:
            found.setdefault(need.name, need.path)
    return found


def _one(files: Mapping[str, bytes | str | None], name: str = "libx.so", **env: str) -> str | None:
    return _found(Loader(_tree(files), env=env))[name]


# --- glibc ------------------------------------------------------------------------------------------------------------


def test_the_order_of_the_search() -> None:
    places = ["/rpath", "/env", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib"]
    files: dict[str, bytes | str | None] = {f"{place}/libx.so": LIB for place in places}
    files[APP] = _app("libx.so", rpath="/rpath")
    for place in places:
        assert _one(files, LD_LIBRARY_PATH="/env") == f"{place}/libx.so"
        del files[f"{place}/libx.so"]
    assert _one(files, LD_LIBRARY_PATH="/env") is None


def test_runpath_comes_after_the_environment_and_hides_rpath() -> None:
    files: dict[str, bytes | str | None] = {
        APP: _app("libx.so", rpath="/rpath", runpath="/runpath"),
        "/rpath/libx.so": LIB,
        "/runpath/libx.so": LIB,
        "/env/libx.so": LIB,
    }
    assert _one(files, LD_LIBRARY_PATH="/env") == "/env/libx.so"
    assert _one(files) == "/runpath/libx.so"


@pytest.mark.parametrize(("tag", "found"), [("rpath", "/app/lib/liby.so"), ("runpath", None)])
def test_rpath_is_inherited_and_runpath_is_not(tag: str, found: str | None) -> None:
    files: dict[str, bytes | str | None] = {
        APP: ElfFile(needed=["libx.so"], interpreter=GLIBC, **{tag: "/app/lib"}).bytes(),  # type: ignore[arg-type]
        "/app/lib/libx.so": ElfFile(needed=["liby.so"]).bytes(),
        "/app/lib/liby.so": LIB,
    }
    assert _found(Loader(_tree(files))) == {"libx.so": "/app/lib/libx.so", "liby.so": found}


def test_a_library_with_runpath_inherits_no_rpath() -> None:
    files: dict[str, bytes | str | None] = {
        APP: _app("libx.so", rpath="/app/lib"),
        "/app/lib/libx.so": ElfFile(needed=["liby.so"], runpath="/elsewhere").bytes(),
        "/app/lib/liby.so": LIB,
    }
    assert _found(Loader(_tree(files)))["liby.so"] is None


def test_a_soname_that_is_loaded_is_not_searched_again() -> None:
    files: dict[str, bytes | str | None] = {
        APP: _app("/opt/renamed.so", "libx.so", runpath="/opt"),
        "/opt/renamed.so": ElfFile(soname="liby.so.1").bytes(),
        "/opt/libx.so": ElfFile(needed=["liby.so.1"]).bytes(),
        "/lib/liby.so.1": LIB,
    }
    assert _found(Loader(_tree(files)))["liby.so.1"] == "/opt/renamed.so"


def test_objects_come_breadth_first_and_once() -> None:
    files: dict[str, bytes | str | None] = {
        APP: _app("liba.so", "libb.so"),
        "/lib/liba.so": ElfFile(needed=["libc.so", "libb.so"]).bytes(),
        "/lib/libb.so": ElfFile(needed=["liba.so"]).bytes(),
        "/lib/libc.so": "libb.so",
    }
    closure = Loader(_tree(files)).closure(ImagePath(APP))
    assert [one.path for one in closure.objects] == [APP, "/lib/liba.so", "/lib/libb.so"]
    assert closure.missing == ()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("$ORIGIN/../lib/app", "/usr/lib/app"),
        ("${ORIGIN}/x", "/usr/bin/x"),
        ("/p/$LIB", "/p/lib/x86_64-linux-gnu"),
        ("/p/${PLATFORM}", "/p/x86_64"),
        ("/p/$ORIGINAL", "/p/$ORIGINAL"),
        ("/first::/second/", "/second"),
    ],
)
def test_tokens_and_lists(text: str, where: str) -> None:
    files: dict[str, bytes | str | None] = {APP: _app("libx.so", runpath=text), f"{where}/libx.so": LIB}
    assert _one(files) == f"{where}/libx.so"


def test_an_empty_element_is_the_working_directory() -> None:
    tree = _tree({APP: _app("libx.so", runpath="/a::/b"), "/srv/libx.so": LIB})
    assert _found(Loader(tree, cwd=ImagePath("/srv")))["libx.so"] == "/srv/libx.so"


def test_origin_follows_no_link_but_dots_do() -> None:
    """`/lib/app/../x` is `/x` of where the link leads, as the kernel resolves it."""
    files: dict[str, bytes | str | None] = {
        APP: _app("libx.so", runpath="/link/../x"),
        "/link": "/deep/down/here",
        "/deep/down/here": None,
        "/deep/down/x/libx.so": LIB,
        "/x/libx.so": LIB,
    }
    assert _one(files) == "/deep/down/x/libx.so"


def test_another_class_or_machine_is_skipped() -> None:
    files: dict[str, bytes | str | None] = {
        APP: _app("libx.so", runpath="/a:/b:/c"),
        "/a/libx.so": ElfFile(bits=32).bytes(),
        "/b/libx.so": ElfFile(machine=183).bytes(),
        "/c/libx.so": LIB,
    }
    assert _one(files) == "/c/libx.so"


def test_a_linker_script_ends_the_search() -> None:
    files: dict[str, bytes | str | None] = {
        APP: _app("libx.so", runpath="/a:/b"),
        "/a/libx.so": b"/* GNU ld script */",
        "/b/libx.so": LIB,
    }
    assert _one(files) is None


def test_the_cache_is_asked_before_the_default_directories_and_only_if_the_file_is_there() -> None:
    cache = loader_cache([("liby.so", "/opt/liby.so", 3, 0), ("libx.so", "/opt/libx.so", 0x303, 0)])
    files: dict[str, bytes | str | None] = {
        APP: _app("libx.so", "liby.so"),
        "/etc/ld.so.cache": cache,
        "/opt/libx.so": LIB,
        "/opt/liby.so": LIB,
        "/lib/libx.so": LIB,
    }
    closure = Loader(_tree(files)).closure(ImagePath(APP))
    (x, y) = closure.objects[0].needed
    assert (x.path, x.how, x.table) == ("/opt/libx.so", "cache", "/etc/ld.so.cache")
    assert y.path is None  # flags of another ABI
    del files["/opt/libx.so"]
    assert _one(files) == "/lib/libx.so"


def test_the_cache_is_no_need_where_the_default_directories_hold_the_same_file() -> None:
    cache = loader_cache([("libx.so", "/lib/libx.so", 0x303, 0)])
    tree = _tree({APP: _app("libx.so"), "/etc/ld.so.cache": cache, "/lib/libx.so": LIB})
    (found,) = Loader(tree).closure(ImagePath(APP)).objects[0].needed
    assert (found.how, found.table) == ("cache", None)


def test_nodeflib_leaves_out_the_cache_of_system_directories() -> None:
    app = ElfFile(needed=["libx.so"], interpreter=GLIBC, flags_1=0x800).bytes()
    cache = loader_cache([("libx.so", "/lib/libx.so", 0x303, 0)])
    assert _one({APP: app, "/etc/ld.so.cache": cache, "/lib/libx.so": LIB}) is None


def test_hwcaps_variants_are_alternates_of_the_baseline() -> None:
    variant = "/lib/glibc-hwcaps/x86-64-v3/libx.so"
    tree = _tree({APP: _app("libx.so"), "/lib/libx.so": LIB, variant: LIB})
    (found,) = Loader(tree).closure(ImagePath(APP)).objects[0].needed
    assert (found.path, found.alternates) == ("/lib/libx.so", (variant,))
    assert _found(Loader(tree, hwcaps=("x86-64-v3",)))["libx.so"] == variant


def test_a_variant_alone_is_found() -> None:
    variant = "/lib/glibc-hwcaps/x86-64-v2/libx.so"
    assert _one({APP: _app("libx.so"), variant: LIB}) == variant


def test_preloads_are_searched_like_needs_of_the_program() -> None:
    tree = _tree(
        {APP: _app(), "/lib/libp.so": LIB, "/lib/libq.so": LIB, "/etc/ld.so.preload": b"libq.so # a comment\n"}
    )
    closure = Loader(tree, env={"LD_PRELOAD": "libp.so:/gone.so"}).closure(ImagePath(APP))
    assert [(one.name, one.path) for one in closure.preloaded] == [
        ("libp.so", "/lib/libp.so"),
        ("/gone.so", None),
        ("libq.so", "/lib/libq.so"),
    ]
    assert [one.path for one in closure.objects] == [APP, "/lib/libp.so", "/lib/libq.so"]


def test_a_setuid_program_ignores_the_environment_and_untrusted_origins() -> None:
    files: dict[str, bytes | str | None] = {
        APP: _app("libx.so", "liby.so", runpath="$ORIGIN/../opt:/fixed"),
        "/env/libx.so": LIB,
        "/usr/opt/libx.so": LIB,
        "/fixed/liby.so": LIB,
    }
    tree = _tree(files, modes={APP: 0o4755})
    env = {"LD_LIBRARY_PATH": "/env", "LD_PRELOAD": "/env/libx.so"}
    plain = Loader(tree, env=env, uid=0)
    assert _found(plain)["libx.so"] == "/env/libx.so"
    secure = Loader(tree, env=env, uid=1000)
    assert _found(secure) == {"libx.so": None, "liby.so": "/fixed/liby.so"}
    assert secure.closure(ImagePath(APP)).preloaded == ()


def test_the_interpreter_answers_to_its_own_name() -> None:
    tree = _tree({APP: _app("ld-linux-x86-64.so.2")})
    assert _found(Loader(tree)) == {"ld-linux-x86-64.so.2": GLIBC}


def test_fedora_keeps_its_own_directories() -> None:
    ld_so = ElfFile(extra_data=b"\0/lib64/\0/usr/lib64/\0").bytes()
    files = {GLIBC: ld_so, APP: _app("libx.so", "liby.so"), "/usr/lib64/libx.so": LIB, "/usr/lib/liby.so": LIB}
    assert _found(Loader(make_tree(files))) == {"libx.so": "/usr/lib64/libx.so", "liby.so": None}


def test_without_its_loader_the_usual_directories_are_searched() -> None:
    tree = make_tree({APP: _app("libx.so"), "/usr/lib/x86_64-linux-gnu/libx.so": LIB})
    assert _found(Loader(tree))["libx.so"] == "/usr/lib/x86_64-linux-gnu/libx.so"


def test_what_was_tried_is_told() -> None:
    tree = _tree({APP: _app("libx.so", runpath="/none"), "/lib/liby.so": LIB, "/none": None})
    (found,) = Loader(tree).closure(ImagePath(APP)).objects[0].needed
    assert found.tried == ("/none/libx.so", "/lib/libx.so")


def test_dlopen_searches_from_the_calling_library() -> None:
    tree = _tree({"/opt/p.so": ElfFile(runpath="$ORIGIN").bytes(), "/opt/libx.so": LIB})
    assert Loader(tree).search("libx.so", ImagePath("/opt/p.so")).path == "/opt/libx.so"


# --- musl -------------------------------------------------------------------------------------------------------------


def test_musl_defaults_and_its_path_file() -> None:
    files: dict[str, bytes | str | None] = {
        APP: _app("libx.so", musl=True),
        "/usr/local/lib/libx.so": LIB,
        "/opt/libx.so": LIB,
    }
    assert _one(files) == "/usr/local/lib/libx.so"
    files["/etc/ld-musl-x86_64.path"] = b"/opt\n/lib\n"
    tree = _tree(files)
    (found,) = Loader(tree).closure(ImagePath(APP)).objects[0].needed
    assert (found.path, found.table) == ("/opt/libx.so", "/etc/ld-musl-x86_64.path")


def test_musl_is_its_own_libc() -> None:
    names = ["libc.musl-x86_64.so.1", "libc.so", "libpthread.so.0", "libm.so.6", "libmagic.so.1"]
    found = _found(Loader(_tree({APP: _app(*names, musl=True)})))
    assert found == {**dict.fromkeys(names[:-1], MUSL), "libmagic.so.1": None}


def test_musl_takes_the_environment_first_and_inherits_runpath() -> None:
    files: dict[str, bytes | str | None] = {
        APP: _app("libx.so", rpath="/rpath", runpath="$ORIGIN/../app", musl=True),
        "/usr/app/libx.so": ElfFile(needed=["liby.so"]).bytes(),
        "/usr/app/liby.so": LIB,
        "/rpath/libx.so": LIB,
    }
    assert _found(Loader(_tree(files))) == {"libx.so": "/usr/app/libx.so", "liby.so": "/usr/app/liby.so"}
    files["/env/libx.so"] = LIB
    assert _one(files, LD_LIBRARY_PATH="/env") == "/env/libx.so"


def test_musl_drops_a_path_with_another_token() -> None:
    assert _one({APP: _app("libx.so", runpath="/app:$LIB", musl=True), "/app/libx.so": LIB}) is None


def test_musl_reads_no_glibc_files() -> None:
    cache = loader_cache([("libx.so", "/opt/libx.so", 0x303, 0)])
    files = {APP: _app("libx.so", musl=True), "/etc/ld.so.cache": cache, "/opt/libx.so": LIB}
    assert _one({**files, "/etc/ld.so.preload": b"/opt/libx.so"}) is None


@pytest.mark.parametrize(
    ("needed", "dialect"),
    [("libc.musl-x86_64.so.1", Dialect.MUSL), ("libc.so.6", Dialect.GLIBC), ("libother.so", Dialect.GLIBC)],
)
def test_a_library_alone_tells_its_dialect_by_its_libc(needed: str, dialect: Dialect) -> None:
    tree = _tree({"/opt/p.so": ElfFile(needed=[needed]).bytes()})
    assert Loader(tree).closure(ImagePath("/opt/p.so")).dialect is dialect


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_a_process_without_end_is_an_error() -> None:
    limits = replace(DEFAULT, loader_objects=5)
    files = {f"/lib/lib{i}.so": ElfFile(needed=[f"lib{i + 1}.so"]).bytes() for i in range(10)}
    with pytest.raises(ElfError) as caught:
        Loader(_tree({APP: _app("lib0.so"), **files}), limits=limits).closure(ImagePath(APP))
    assert caught.value.code == "limit-exceeded"


def test_a_search_without_end_is_an_error() -> None:
    limits = replace(DEFAULT, loader_candidates=50)
    files: dict[str, bytes | str | None] = {f"/d{i}": None for i in range(60)}
    app = _app("libx.so", runpath=":".join(f"/d{i}" for i in range(60)))
    with pytest.raises(ElfError) as caught:
        Loader(_tree({APP: app, **files}), limits=limits).closure(ImagePath(APP))
    assert caught.value.code == "limit-exceeded"


def test_all_searches_of_an_image_together_are_bounded() -> None:
    tree = _tree({APP: _app("libx.so"), "/lib/libx.so": LIB})
    loader = Loader(tree, limits=replace(DEFAULT, loader_steps=2))
    loader.closure(ImagePath(APP))
    loader.closure(ImagePath(APP))
    with pytest.raises(ElfError) as caught:
        loader.closure(ImagePath(APP))
    assert caught.value.code == "limit-exceeded"


def test_long_origins_are_bounded_in_bytes() -> None:
    """Elements that each grow to a long path cost bytes, not only paths."""
    deep = "/" + "/".join(["d" * 200] * 15) + "/app"
    app = _app("libx.so", runpath=":".join(f"$ORIGIN/{i}" for i in range(350)))
    with pytest.raises(ElfError) as caught:
        Loader(_tree({deep: app}), limits=replace(DEFAULT, loader_candidates=1000)).closure(ImagePath(deep))
    assert caught.value.code == "limit-exceeded"


def test_a_table_of_the_loader_that_is_too_large_is_an_error() -> None:
    tree = _tree({APP: _app("libx.so"), "/etc/ld.so.cache": bytes(100)})
    with pytest.raises(LimitExceeded):
        Loader(tree, limits=replace(DEFAULT, loader_cache=50)).closure(ImagePath(APP))


def test_a_cycle_of_needs_ends() -> None:
    files: dict[str, bytes | str | None] = {
        APP: _app("liba.so"),
        "/lib/liba.so": ElfFile(needed=["libb.so"]).bytes(),
        "/lib/libb.so": ElfFile(needed=["liba.so", "libb.so"]).bytes(),
    }
    assert len(Loader(_tree(files)).closure(ImagePath(APP)).objects) == 3
