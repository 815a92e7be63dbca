"""What is said of single files: against readelf for what gcc builds, with links, bounds and answers of any shape."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from xraydiff.errors import UsageError
from xraydiff.facts import ElfVersions, FileKind, Hardening, Problem, Scope
from xraydiff.image.sources import open_image
from xraydiff.inventory.details import elf_details, file_kinds
from xraydiff.inventory.worker import Worker
from xraydiff.limits import Limits
from xraydiff.testing import ImageBuilder, elf
from xraydiff.tree import Tree, squash

PROGRAM = """
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) { char b[64]; memcpy(b, argv[0], argc); puts(b); return fgets(b, 64, stdin) == 0; }
"""
FLAGS = {
    "hardened": "-O2 -fPIE -pie -fstack-protector-all -D_FORTIFY_SOURCE=2 -Wl,-z,relro,-z,now -Wl,--build-id=sha1",
    "partial": "-O2 -fPIE -pie -fno-stack-protector -U_FORTIFY_SOURCE -Wl,-z,relro,-z,lazy -Wl,--build-id=none",
    "soft": "-O0 -no-pie -fno-pie -fno-stack-protector -U_FORTIFY_SOURCE -Wl,-z,norelro -Wl,-z,execstack",
    "stripped": "-s -O2 -fPIE -pie -fstack-protector-all -D_FORTIFY_SOURCE=2 -Wl,-z,relro,-z,now",
}


def tree(builder: ImageBuilder, folder: Path) -> Tree:
    return squash(open_image(builder.write(folder / "image.tar")))


def compiled(folder: Path, flags: str) -> bytes:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc")
    (folder / "p.c").write_text(PROGRAM)
    command = [compiler, "-w", *flags.split(), str(folder / "p.c"), "-o", str(folder / "p")]
    subprocess.run(command, check=True, capture_output=True)
    return (folder / "p").read_bytes()


def readelf(file: Path, *options: str) -> str:
    program = shutil.which("readelf")
    if program is None:
        pytest.skip("no readelf")
    return subprocess.run([program, "-W", *options, str(file)], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("name", FLAGS)
def test_what_gcc_builds_is_seen_as_readelf_sees_it(name: str, tmp_path: Path) -> None:
    data = compiled(tmp_path, FLAGS[name])
    image = tree(ImageBuilder().file("/usr/bin/p", data, mode=0o755).symlink("/bin", "usr/bin"), tmp_path)
    (seen,), problems = elf_details(image, ["/bin/p"])
    assert problems == ()
    assert (seen.path, seen.target) == ("/bin/p", "/usr/bin/p")
    assert seen.kind.startswith("ELF 64-bit")
    program = tmp_path / "p"
    assert f"Type:                              {seen.type[3:]}" in readelf(program, "-h")
    build_id = re.search(r"Build ID: ([0-9a-f]+)", readelf(program, "-n"))
    assert seen.build_id == (build_id[1] if build_id else "")
    needs = readelf(program, "-V").partition(".gnu.version_r")[2]
    assert {v for need in seen.version_needs for v in need.versions} == set(re.findall(r"Name: (GLIBC\S+)", needs))
    assert {need.name for need in seen.version_needs} == set(re.findall(r"File: (\S+)", needs))
    segments, dynamic, symbols = (readelf(program, option) for option in ("-l", "-d", "--dyn-syms"))
    now = "BIND_NOW" in dynamic or "NOW" in dynamic
    checked = sorted(set(re.findall(r"UND (__\w+_chk)@", symbols)))
    assert seen.hardening == Hardening(
        pie="PIE" in dynamic,
        relro=("full" if now else "partial") if "GNU_RELRO" in segments else "none",
        nx=re.search(r"GNU_STACK .* RW ", segments) is not None,
        canary="__stack_chk_fail" in symbols,
        fortify=tuple(checked),
    )


def test_the_programs_differ_as_they_were_built(tmp_path: Path) -> None:
    marks = {}
    for name, flags in FLAGS.items():
        builder = ImageBuilder().file("/p", compiled(tmp_path, flags))
        (seen,), _ = elf_details(tree(builder, tmp_path), ["/p"])
        hard = seen.hardening
        marks[name] = (hard.pie, hard.relro, hard.nx, hard.canary, bool(hard.fortify))
    assert marks == {
        "hardened": (True, "full", True, True, True),
        "partial": (True, "partial", True, False, False),
        "soft": (False, "none", False, False, False),
        "stripped": (True, "full", True, True, True),
    }


def test_a_library_defines_versions(tmp_path: Path) -> None:
    script = tmp_path / "map"
    script.write_text("OLD_1 { global: old; };\nNEW_2 { global: fresh; } OLD_1;\n")
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc")
    (tmp_path / "l.c").write_text("int old(void) { return 1; } int fresh(void) { return 2; }\n")
    library = tmp_path / "liba.so.1"
    command = [compiler, "-shared", "-fPIC", f"-Wl,--version-script={script}", "-Wl,-soname,liba.so.1"]
    subprocess.run([*command, str(tmp_path / "l.c"), "-o", str(library)], check=True, capture_output=True)
    (seen,), _ = elf_details(tree(ImageBuilder().file("/l", library.read_bytes()), tmp_path), ["l"])
    assert seen.path == "/l"
    assert seen.version_definitions == (
        ElfVersions(name="liba.so.1"),
        ElfVersions(name="OLD_1"),
        ElfVersions(name="NEW_2", versions=("OLD_1",)),
    )
    assert not seen.hardening.pie


def test_asked_twice_is_answered_once(tmp_path: Path) -> None:
    image = tree(ImageBuilder().file("/a", elf()).file("/b", elf()), tmp_path)
    found, _ = elf_details(image, ["/b", "/a", "//b"])
    assert [details.path for details in found] == ["/b", "/a"]


@pytest.mark.parametrize(("path", "words"), [("/gone", "absent"), ("/etc", "a dir"), ("/loop", "loop")])
def test_what_is_no_file_is_the_askers_mistake(path: str, words: str, tmp_path: Path) -> None:
    image = tree(ImageBuilder().file("/etc/motd").symlink("/loop", "loop"), tmp_path)
    with pytest.raises(UsageError, match=words):
        elf_details(image, [path])


def test_in_an_image_that_was_not_read_whole_it_is_a_problem() -> None:
    image = Tree({}, problems=(Problem(code="tar-truncated", message="ends too early"),))
    assert not image.complete
    found, (problem,) = elf_details(image, ["/usr/bin/app"])
    assert found == ()
    assert (problem.code, problem.path, problem.scope, problem.fatal) == (
        "not-a-file",
        "/usr/bin/app",
        Scope.ANALYSIS,
        False,
    )


def test_a_file_beyond_the_limit_is_not_sent(tmp_path: Path) -> None:
    image = tree(ImageBuilder().file("/big", elf() + bytes(1000)), tmp_path)
    found, (problem,) = elf_details(image, ["/big"], limits=Limits(elf=500))
    assert found == ()
    assert (problem.code, problem.path) == ("limit-exceeded", "/big")


def test_kinds_in_the_order_asked_for(tmp_path: Path) -> None:
    image = tree(ImageBuilder().file("/s", "#!/bin/sh\necho\n").file("/e", elf()).file("/n"), tmp_path)
    kinds, problems = file_kinds([(image, "/s"), (image, "/n")])
    assert problems == ()
    assert kinds == (
        FileKind(path="/s", kind="POSIX shell script, ASCII text executable"),
        FileKind(path="/n", kind="empty"),
    )


def test_beyond_the_limit_of_files_one_problem_says_how_many(tmp_path: Path) -> None:
    image = tree(ImageBuilder().file("/a", "x").file("/b", "x").file("/c", "x"), tmp_path)
    kinds, (problem,) = file_kinds([(image, name) for name in ("/a", "/b", "/c")], limits=Limits(worker_files=1))
    assert len(kinds) == 1
    assert (problem.code, problem.scope) == ("limit-exceeded", Scope.ANALYSIS)
    assert problem.message == "more than 1: 2 further files were not looked at closely"


WHOLE: dict[str, object] = {
    "type": "ET_DYN", "machine": "EM_X86_64", "build_id": "", "notes": [], "version_needs": [],
    "version_definitions": [], "hardening": {"pie": True, "relro": "full", "nx": True, "canary": True, "fortify": []},
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"type": 3},
        {"notes": {}},
        {"notes": [1]},
        {"notes": [{"owner": "GNU"}]},
        {"version_needs": [{"name": "a", "versions": [1]}]},
        {"hardening": None},
        {"hardening": {"pie": True}},
        {"hardening": {"pie": True, "relro": "much", "nx": True, "canary": True, "fortify": []}},
    ],
    ids=str,
)
def test_an_answer_of_another_shape_is_a_crash(
    change: Mapping[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answering(answer: Mapping[str, object]) -> Callable[..., Mapping[str, object]]:
        return lambda *_, **__: answer

    image = tree(ImageBuilder().file("/a", elf()), tmp_path)
    monkeypatch.setattr(Worker, "elf_details", answering(WHOLE))
    assert elf_details(image, ["/a"])[1] == ()
    monkeypatch.setattr(Worker, "elf_details", answering({**WHOLE, **change}))
    found, (problem,) = elf_details(image, ["/a"])
    assert found == ()
    assert (problem.code, problem.path) == ("analyzer-crashed", "/a")
