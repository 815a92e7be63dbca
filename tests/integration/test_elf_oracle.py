"""Our reader against the kernel and the loaders: real programs with one field changed, or a few, and run.

Whatever runs with its library and fails without it must be read with that library, or be a gap; what we call refused
by the loader must not run. The files are made by the compilers of this machine, the changes are the same every time.
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.elf_files import make_tree
from xraydiff.elf.format import ElfError, NotLoadableError, read_elf
from xraydiff.elf.loader import Loader
from xraydiff.limits import DEFAULT
from xraydiff.paths import ImagePath

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="the offsets are those of 64-bit little-endian files"),
]

_HEADER = {"ident": (4, "12B"), "type": (16, "H"), "machine": (18, "H"), "version": (20, "I"), "phoff": (32, "Q"),
           "shoff": (40, "Q"), "flags": (48, "I"), "ehsize": (52, "H"), "phentsize": (54, "H"), "phnum": (56, "H"),
           "shentsize": (58, "H"), "shnum": (60, "H"), "shstrndx": (62, "H")}  # fmt: skip
_PROGRAM = {"type": (0, "I"), "flags": (4, "I"), "offset": (8, "Q"), "vaddr": (16, "Q"), "paddr": (24, "Q"),
            "filesz": (32, "Q"), "memsz": (40, "Q"), "align": (48, "Q")}  # fmt: skip
_DYNAMIC_TAGS = (0, 1, 5, 10, 14, 15, 21, 29, 30, 0x6FFFFFFB, 0x6FFFFEFC, 0x7FFFFFFD, 0x7FFFFFFF)


@dataclass(frozen=True)
class _Patch:
    name: str
    data: bytes


def _written(data: bytes, at: int, form: str, value: int) -> bytes:
    changed = bytearray(data)
    size = struct.calcsize("<" + form)
    changed[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")
    return bytes(changed)


def _values(source: random.Random, old: int, form: str) -> list[int]:
    top = 1 << 8 * struct.calcsize("<" + form)
    values = [0, 1, old + 1, old - 1, old + 8, old ^ 0x1000, old + 0x1000, old * 2, top - 1, top // 2, top - 16]
    return [value for value in dict.fromkeys(one % top for one in [*values, source.randrange(top)]) if value != old]


def _patches(data: bytes) -> Iterator[_Patch]:
    """Every field of the header, of each program header and of each dynamic entry, with telling values."""
    source = random.Random(1)  # noqa: S311  a fixed seed makes a repeatable test
    phoff, phnum = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    places = [(f"header {name}", at, form) for name, (at, form) in _HEADER.items() if name != "ident"]
    places += [(f"ident {at}", at, "B") for at in range(4, 16)]
    dynamic = 0
    for number in range(phnum):
        start = phoff + 56 * number
        places += [(f"program {number} {name}", start + at, form) for name, (at, form) in _PROGRAM.items()]
        if struct.unpack_from("<I", data, start)[0] == 2:
            dynamic = struct.unpack_from("<Q", data, start + 8)[0]
    for name, at, form in places:
        old = struct.unpack_from("<" + form, data, at)[0]
        for value in _values(source, old, form):
            yield _Patch(f"{name} = {value:#x}", _written(data, at, form, value))
    at = dynamic
    while True:
        tag, value = struct.unpack_from("<QQ", data, at)
        for other in _DYNAMIC_TAGS:
            yield _Patch(f"tag {tag:#x} becomes {other:#x}", _written(data, at, "Q", other))
        for other in _values(source, value, "Q"):
            yield _Patch(f"tag {tag:#x} holds {other:#x}", _written(data, at + 8, "Q", other))
        if tag == 0:
            return
        at += 16


_RUNNER = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/wait.h>
/* Lines of a search path and a program on stdin; for each a line: the program's exit status, or -1. */
int main(void) {
    static char line[8192];
    while (fgets(line, sizeof line, stdin)) {
        char *program = strchr(line, ' ');
        int status = 0;
        line[strcspn(line, "\n")] = 0;
        *program++ = 0;
        pid_t child = fork();
        if (!child) {
            struct rlimit none = {0, 0}, cpu = {2, 2}, memory = {1ul << 32, 1ul << 32};
            char variable[8200];
            char *words[] = {program, NULL}, *env[] = {variable, NULL};
            int null = open("/dev/null", O_RDWR);
            for (int i = 0; i < 3; i++) dup2(null, i);
            sprintf(variable, "LD_LIBRARY_PATH=%s", line);
            setrlimit(RLIMIT_CORE, &none), setrlimit(RLIMIT_CPU, &cpu), setrlimit(RLIMIT_AS, &memory);
            alarm(20);
            execve(program, words, *line ? env : env + 1);
            _exit(126);
        }
        waitpid(child, &status, 0);
        printf("%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    }
}
"""


@dataclass(frozen=True)
class _Bench:
    """Two directories alike, but for the library that the file under test needs."""

    root: Path

    def build(self, compiler: str, options: list[str]) -> None:
        for name in ("have", "lack"):
            (self.root / name).mkdir()
        (self.root / "b.c").write_text("int b(void) { return 0; }\n")
        (self.root / "a.c").write_text("int b(void); int a(void) { return b(); }\n")
        (self.root / "main.c").write_text("int a(void); int main(void) { return a(); }\n")
        (self.root / "plain.c").write_text("int b(void); int main(void) { return b(); }\n")
        (self.root / "runner.c").write_text(_RUNNER)
        self._compile(compiler, ["-shared", "-fPIC", "-Wl,-soname,libb.so", "-o", "have/libb.so", "b.c"])
        self._compile(compiler, ["-shared", "-fPIC", "-Wl,-soname,liba.so", "-o", "liba.so", "a.c", "-Lhave", "-lb"])
        self._compile(compiler, ["-o", "main", "main.c", "-L.", "-la", "-Wl,--allow-shlib-undefined"])
        self._compile(compiler, [*options, "-o", "plain", "plain.c", "-Lhave", "-lb"])
        self._compile("gcc", ["-o", "runner", "runner.c"])

    def _compile(self, compiler: str, words: list[str]) -> None:
        done = subprocess.run([compiler, *words], cwd=self.root, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{compiler} cannot build the files of this test: {done.stderr[:200]}")

    def programs(self, patches: list[_Patch], *, searched: bool) -> list[_Patch]:
        """Of changed programs those that run with libb.so and do not run without it."""
        for number, patch in enumerate(patches):
            path = self.root / "have" / f"program{number}"
            path.write_bytes(patch.data)
            path.chmod(0o755)
            os.link(path, self.root / "lack" / path.name)
        outcomes = [
            self._run(
                (f"{self.root}/{folder}" if searched else "", f"{self.root}/{folder}/program{number}")
                for number in range(len(patches))
            )
            for folder in ("have", "lack")
        ]
        return _needing(patches, *outcomes)

    def libraries(self, patches: list[_Patch]) -> list[_Patch]:
        """Of changed liba.so those with which a program runs where libb.so is, and nowhere else."""
        for number, patch in enumerate(patches):
            folder = self.root / f"library{number}"
            folder.mkdir()
            (folder / "liba.so").write_bytes(patch.data)
        outcomes = [
            self._run(
                (f"{self.root}/library{number}:{self.root}/{folder}", f"{self.root}/main")
                for number in range(len(patches))
            )
            for folder in ("have", "lack")
        ]
        return _needing(patches, *outcomes)

    def _run(self, lines: Iterable[tuple[str, str]]) -> list[int]:
        text = "".join(f"{path} {program}\n" for path, program in lines)
        done = subprocess.run([self.root / "runner"], input=text, capture_output=True, text=True, check=True)
        return [int(line) for line in done.stdout.split()]


def _needing(patches: list[_Patch], having: list[int], lacking: list[int]) -> list[_Patch]:
    assert len(patches) == len(having) == len(lacking)
    assert (having[0], lacking[0] != 0) == (0, True), "the unchanged file does not run, or needs nothing"
    return [patch for patch, yes, no in zip(patches, having, lacking, strict=True) if yes == 0 and no != 0]


def _as_program(data: bytes, interpreter: str, path: str | None) -> str:
    """How we take a program that runs with libb.so alone: `read`, `gap`, or what is wrong."""
    try:
        elf = read_elf(data, limits=DEFAULT)
    except NotLoadableError as error:
        return f"called not loadable: {error.message}"
    except ElfError:
        return "gap"
    if elf.refusal or elf.interpreter != interpreter or "libb.so" not in (*elf.needed, *elf.filters):
        return f"read as {elf.interpreter} {elf.needed} {elf.refusal}"
    if path is not None and path not in (elf.runpath, elf.rpath):
        return f"read with the search path {elf.runpath} {elf.rpath}"
    return "read"


def _as_library(data: bytes, root: Path) -> str:
    """How we take a library that its program needs and that needs libb.so, found or not as its program would."""
    files = {"/have/main": (root / "main").read_bytes(), "/have/libb.so": (root / "have/libb.so").read_bytes()}
    tree = make_tree({**files, "/have/liba.so": data})
    closure = Loader(tree, env={"LD_LIBRARY_PATH": "/have"}).closure(ImagePath("/have/main"))
    found = {need.real for one in closure.objects for need in one.needed}
    if ImagePath("/have/liba.so") not in found:
        return "not found"
    if ImagePath("/have/liba.so") in closure.unread:
        return "gap"
    return "read" if ImagePath("/have/libb.so") in found else "read without its need"


_PROGRAMS = {
    "pie": (["-pie"], None),
    "no pie": (["-no-pie"], None),
    "runpath": (["-pie", "-Wl,--enable-new-dtags,-rpath,$ORIGIN"], "$ORIGIN"),
    "rpath": (["-no-pie", "-Wl,--disable-new-dtags,-rpath,$ORIGIN"], "$ORIGIN"),
}
_COMPILERS = {"gcc": "/lib64/ld-linux-x86-64.so.2", "musl-gcc": "/lib/ld-musl-x86_64.so.1"}


def _bench(compiler: str, options: list[str], root: Path) -> _Bench:
    if shutil.which(compiler) is None or not Path(_COMPILERS[compiler]).exists():
        pytest.skip(f"no {compiler}, or not its loader")
    bench = _Bench(root)
    bench.build(compiler, options)
    return bench


def _sample(data: bytes) -> list[_Patch]:
    """The unchanged file, and so many of the changed ones that all cases together take less than a minute."""
    patches = list(_patches(data))
    most = int(os.environ.get("XRAYDIFF_ELF_PATCHES", "500"))
    source = random.Random(2)  # noqa: S311
    single = source.sample(patches, most) if len(patches) > most else patches
    several = [_together(data, source.sample(single, source.choice((2, 3)))) for _ in range(most // 4)]
    return [_Patch("unchanged", data), *single, *several]


def _together(data: bytes, patches: list[_Patch]) -> _Patch:
    """Several changes in one file."""
    changed = bytearray(data)
    for patch in patches:
        for at, (old, new) in enumerate(zip(data, patch.data, strict=True)):
            if old != new:
                changed[at] = new
    return _Patch(" and ".join(patch.name for patch in patches), bytes(changed))


def _judge(answers: Iterable[tuple[_Patch, str]]) -> None:
    told = list(answers)
    assert [f"{patch.name}: {answer}" for patch, answer in told if answer not in ("read", "gap")] == []
    seen = Counter(answer for _, answer in told)
    assert seen["read"] >= 100
    assert seen["gap"] * 10 <= seen["read"], seen


@pytest.mark.parametrize("kind", _PROGRAMS)
@pytest.mark.parametrize("compiler", _COMPILERS)
def test_programs_with_fields_changed(compiler: str, kind: str, tmp_path: Path) -> None:
    options, path = _PROGRAMS[kind]
    bench = _bench(compiler, options, tmp_path)
    running = bench.programs(_sample((tmp_path / "plain").read_bytes()), searched=path is None)
    _judge((patch, _as_program(patch.data, _COMPILERS[compiler], path)) for patch in running)


@pytest.mark.parametrize("compiler", _COMPILERS)
def test_libraries_with_fields_changed(compiler: str, tmp_path: Path) -> None:
    bench = _bench(compiler, [], tmp_path)
    running = bench.libraries(_sample((tmp_path / "liba.so").read_bytes()))
    _judge((patch, _as_library(patch.data, tmp_path)) for patch in running)
