"""Our search against the loaders themselves: `ld.so` and musl's `ldd` mode, run in a chroot over real trees.

The images' own loaders are started here, by root and for this test alone, on images that lie beside the checkout; the
package itself runs nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.elf_files import layers_of_archive, tree_of_directory
from xraydiff.conventions import ELF_MAGIC
from xraydiff.elf.format import ElfError
from xraydiff.elf.loader import Closure, Dialect, Loader
from xraydiff.facts import FileType
from xraydiff.paths import ImagePath
from xraydiff.tree import Tree

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="chroot needs root"),
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="the images hold x86_64 loaders"),
]

Answers = dict[str, ImagePath | None]


def _unpack(archive: Path, root: Path) -> None:
    """The layers of a docker-archive over each other; device nodes are left out."""
    for layer in layers_of_archive(archive):
        for member in layer:
            name = Path(member.name)
            if name.name.startswith(".wh."):
                gone = root / name.parent / name.name[4:]
                if gone.is_dir() and not gone.is_symlink():
                    shutil.rmtree(gone)
                else:
                    gone.unlink(missing_ok=True)
            elif not member.isdev() and not (member.isdir() and (root / name).is_dir()):
                layer.extract(member, root, filter="fully_trusted")


def _run(root: Path, words: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    def enter() -> None:
        os.chroot(root)
        os.chdir("/")

    return subprocess.run(words, capture_output=True, text=True, check=False, preexec_fn=enter, env=env)


def _told(root: Path, closure: Closure, tree: Tree, env: Mapping[str, str]) -> Answers:
    """What the loader says: name of every need and the real path of what it found."""
    interpreter, path = closure.interpreter, closure.objects[0].path
    assert interpreter is not None
    if closure.dialect is Dialect.MUSL:
        run = _run(root, [interpreter, "--list", path], env)
    else:
        # With --list a missing library ends the loader; traced, it is printed as not found.
        run = _run(root, [interpreter, path], {**env, "LD_TRACE_LOADED_OBJECTS": "1"})
    answers: Answers = {}
    for line in run.stdout.splitlines():
        name, arrow, where = line.strip().partition(" => ")
        where = (where if arrow else name).rpartition(" (")[0]
        name = name if arrow else where
        if not name.startswith("linux-vdso") and name:
            answers[name] = tree.resolve(where).path if where.startswith("/") else None
    for line in run.stderr.splitlines():
        start, name, _ = line.partition("Error loading shared library ")
        if name and not start:
            answers[line.removeprefix(name).partition(":")[0]] = None
    return answers


def _ours(closure: Closure) -> Answers:
    answers: Answers = {}
    for found in (*closure.preloaded, *(need for one in closure.objects for need in one.needed)):
        answers.setdefault(found.name, found.real)
    return answers


def _compare(root: Path, env: Mapping[str, str] | None = None, *, hwcaps: tuple[str, ...] = ()) -> int:
    """Compare every ELF file below a directory and say how many there were.

    What is preloaded is preloaded into programs; a library is compared without.
    """
    tree = tree_of_directory(root)
    loader = Loader(tree, env=env, hwcaps=hwcaps)
    compared = 0
    for path in _elves(tree):
        try:
            closure = loader.closure(path)
            program = closure.objects[0].elf.interpreter is not None
        except ElfError:
            continue
        if closure.interpreter is None or not closure.objects[0].elf.dynamic:
            continue
        given = {name: value for name, value in (env or {}).items() if program or name != "LD_PRELOAD"}
        ours, theirs = _ours(closure), _told(root, closure, tree, given)
        # The loader prints itself, needed or not, and never the file that it was given.
        unprinted = {tree.resolve(closure.interpreter).path, path}
        for answers in (ours, theirs):
            for name in [name for name, real in answers.items() if real in unprinted]:
                del answers[name]
        assert ours == theirs, path
        compared += 1
    return compared


def _elves(tree: Tree) -> Iterator[ImagePath]:
    for path, file in tree.files.items():
        if file.type is FileType.FILE and tree.read_at(path, 0, 4) == ELF_MAGIC:
            yield path


@pytest.mark.parametrize(("name", "least"), [("original", 60), ("slim", 5)])
def test_a_debian_pair(pairs: Path, tmp_path: Path, name: str, least: int) -> None:
    _unpack(pairs / "payment-mini" / f"{name}.tar.gz", tmp_path)
    assert _compare(tmp_path) >= least


def test_a_debian_pair_with_an_environment(pairs: Path, tmp_path: Path) -> None:
    _unpack(pairs / "payment-mini" / "original.tar.gz", tmp_path)
    env = {"LD_LIBRARY_PATH": "/none:/usr/lib/x86_64-linux-gnu/gconv", "LD_PRELOAD": "libm.so.6"}
    assert _compare(tmp_path, env) >= 60


def test_a_debian_image_without_its_cache(pairs: Path, tmp_path: Path) -> None:
    _unpack(pairs / "payment-mini" / "original.tar.gz", tmp_path)
    (tmp_path / "etc/ld.so.cache").unlink()
    assert _compare(tmp_path) >= 60


def test_alpine(corpus: Path, tmp_path: Path) -> None:
    _unpack(corpus / "aquasecurity+trivy/pkg/fanal/test/testdata/alpine-310.tar.gz", tmp_path)
    assert _compare(tmp_path) >= 14


def test_alpine_with_half_of_its_libraries(corpus: Path, tmp_path: Path) -> None:
    _unpack(corpus / "aquasecurity+trivy/pkg/fanal/test/testdata/alpine-310.tar.gz", tmp_path)
    for path in (*tmp_path.glob("lib/libz*"), *tmp_path.glob("lib/libcrypto*")):
        path.unlink()
    (tmp_path / "etc/ld-musl-x86_64.path").write_text("/nowhere:/usr/lib\n/lib\n")
    assert _compare(tmp_path) >= 12


@pytest.mark.slow
def test_the_debian_base_image(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip("no docker command")
    made = subprocess.run([docker, "create", "debian:bookworm"], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip("no engine, or it has no debian:bookworm")
    try:
        archive = subprocess.run([docker, "export", made.stdout.strip()], capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", tmp_path], input=archive.stdout, check=True)
    finally:
        subprocess.run([docker, "rm", made.stdout.strip()], capture_output=True, check=True)
    assert _compare(tmp_path) >= 500


# --- files built for the rules that real images seldom use ------------------------------------------------------------

_RULES = {
    # name: (link options of the library that is asked, of the program that asks)
    "rpath": "-Wl,--disable-new-dtags,-rpath,/app/lib",
    "runpath": "-Wl,--enable-new-dtags,-rpath,/app/lib",
    "origin": "-Wl,--disable-new-dtags,-rpath,$ORIGIN/../app/lib",
    "lib": "-Wl,--enable-new-dtags,-rpath,/app/$LIB:/app/lib",
    "list": "-Wl,--enable-new-dtags,-rpath,:/none:/app/lib/",
    "nodeflib": "-Wl,-z,nodefaultlib,--enable-new-dtags,-rpath,/app/lib",
}


def _compile(compiler: str, words: list[str], where: Path) -> None:
    run = subprocess.run([compiler, *words], cwd=where, capture_output=True, text=True, check=False)
    if run.returncode:
        pytest.skip(f"{compiler} cannot build the files of this test: {run.stderr[:200]}")


def _build(compiler: str, root: Path) -> None:
    """Programs that need liba.so, which needs libb.so; both below /app/lib, libb.so in other places too."""
    source = root / "src"
    (root / "app/lib/lib/x86_64-linux-gnu").mkdir(parents=True)
    (root / "bin").mkdir(exist_ok=True)
    source.mkdir()
    (source / "a.c").write_text("int b(void); int a(void) { return b(); }\n")
    (source / "b.c").write_text("int b(void) { return 0; }\n")
    (source / "main.c").write_text("int a(void); int main(void) { return a(); }\n")
    _compile(compiler, ["-shared", "-fPIC", "-o", root / "app/lib/libb.so", "b.c"], source)  # type: ignore[list-item]
    _compile(compiler, ["-shared", "-fPIC", "-o", root / "app/lib/liba.so", "a.c", "-L../app/lib", "-lb"], source)  # type: ignore[list-item]
    for name, option in _RULES.items():
        words = ["-o", f"../bin/{name}", "main.c", "-L../app/lib", "-la", "-Wl,--allow-shlib-undefined", option]
        _compile(compiler, words, source)
    shutil.copy(root / "app/lib/libb.so", root / "app/lib/lib/x86_64-linux-gnu/libb.so")


def test_rpath_runpath_and_tokens_of_glibc(pairs: Path, tmp_path: Path) -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc")
    _unpack(pairs / "payment-mini" / "original.tar.gz", tmp_path)
    _build(compiler, tmp_path)
    assert _compare(tmp_path) >= 60 + len(_RULES)
    variants = tmp_path / "app/lib/glibc-hwcaps/x86-64-v2"
    variants.mkdir(parents=True)
    shutil.copy(tmp_path / "app/lib/libb.so", variants / "libb.so")
    (tmp_path / "app/lib/libb.so").rename(tmp_path / "usr/lib/libb.so")
    supported = subprocess.run(
        ["/lib64/ld-linux-x86-64.so.2", "--help"], capture_output=True, text=True, check=False
    ).stdout
    hwcaps = tuple(name for name in ("x86-64-v4", "x86-64-v3", "x86-64-v2") if f"{name} (supported" in supported)
    assert _compare(tmp_path, hwcaps=hwcaps) >= 60 + len(_RULES)
    assert _compare(tmp_path, {"LD_LIBRARY_PATH": "/app/lib;/nowhere"}, hwcaps=hwcaps) >= 60 + len(_RULES)


def test_rpath_runpath_and_tokens_of_musl(corpus: Path, tmp_path: Path) -> None:
    compiler = shutil.which("musl-gcc")
    if compiler is None:
        pytest.skip("no musl-gcc")
    _unpack(corpus / "aquasecurity+trivy/pkg/fanal/test/testdata/alpine-310.tar.gz", tmp_path)
    _build(compiler, tmp_path)
    assert _compare(tmp_path) >= 14 + len(_RULES)
    assert _compare(tmp_path, {"LD_LIBRARY_PATH": "/none:/app/lib", "LD_PRELOAD": "libb.so"}) >= 14 + len(_RULES)
