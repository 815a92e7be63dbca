"""What a container's processes open, execute and look at, by strace in the container itself.

The tracer lies in the container with its own loader and libraries, so that an image without any can be traced, and runs
as a grandchild: the program stays process 1. Each process has a file of its own, so that no call is cut in two.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tests.pairs.harness.engine import Container, container, image_config
from tests.pairs.harness.pair import Check, Pair
from tests.pairs.harness.questions import ask, holds, wait
from tests.pairs.harness.tree import Tree

TRACER = "/.tracer"
LOADER = re.compile(r"(/\S*ld-linux\S*)")
CALL = re.compile(r'(\w+)\((?:(?:AT_FDCWD|\d+)<([^>"]*)>, )?"((?:[^"\\]|\\.)*)"(.*)$')
RESULT = re.compile(r"\) += (-?\d+)")
SECOND = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>"]*)>, )?"((?:[^"\\]|\\.)*)"')
TWO_PATHS = frozenset("rename renameat renameat2 link linkat".split())
KEPT_CALLS = frozenset("open openat openat2 execve execveat readlink readlinkat".split())
"""A minifier keeps what was opened, executed, and the links that were read; what was only looked at is lost."""
BYTECODE = re.compile(r"/__pycache__/([^/.]+)\.[^/]+\.pyc$")
"""Python looks at a source and opens its byte-code: minifiers keep both."""
EXECUTED = frozenset(["execve", "execveat"])
SLOWER = 4.0
"""A traced container takes so many times as long to answer."""


@dataclass(slots=True)
class Trace:
    """Paths of the image that calls named and found."""

    kept: set[str] = field(default_factory=set)
    """Opened, executed or read as a link, with the links on the way, interpreters and loaders."""
    seen: set[str] = field(default_factory=set)
    """These, and what was looked at, entered or written below."""


def trace(pair: Pair, tree: Tree, checks: Iterable[Check], work: Path) -> tuple[Trace, list[str]]:
    """Run the original, ask the checks under the tracer, and read the trace; with the checks that did not hold."""
    tools, out = work / "tracer", work / "trace"
    _bundle(tools)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    out.chmod(0o777)
    options = ["--cap-add", "SYS_PTRACE", "-v", f"{tools}:{TRACER}:ro", "-v", f"{out}:{TRACER}.out"]
    command = _command(pair.original)
    tracer = _tracer("main")
    with container(pair.original, *tracer[1:], "-D", *command, options=[*options, "--entrypoint", tracer[0]]) as one:
        failed = _ask(pair, one, list(checks))
    return read(tree, out, _workdir(pair.original)), failed


def _ask(pair: Pair, one: Container, checks: Sequence[Check]) -> list[str]:
    """Ask each check; a command in the container is traced like its main process."""
    if not (one.start() and wait(pair, one, SLOWER * pair.patience)):
        raise RuntimeError(f"{pair.name} does not start under the tracer: {one.logs[-500:]}")
    failed = []
    for number, check in enumerate(checks):
        if check.kind == "exec":
            ask(pair, one, check, prefix=_tracer(f"exec{number}"))
        elif not holds(pair, one, check):
            failed.append(check.name)
    return failed


def _bundle(folder: Path) -> None:
    """The tracer with its loader and its libraries."""
    folder.mkdir(parents=True, exist_ok=True)
    strace = shutil.which("strace")
    if strace is None:
        raise RuntimeError("strace is not installed")
    listed = subprocess.run(["ldd", strace], check=True, capture_output=True, text=True).stdout
    for library in [strace, *re.findall(r"(/\S+)", listed)]:
        name = "ld.so" if LOADER.fullmatch(library) else Path(library).name
        shutil.copy(Path(library).resolve(), folder / name)


def _tracer(name: str) -> tuple[str, ...]:
    loader = (f"{TRACER}/ld.so", "--library-path", TRACER, f"{TRACER}/strace")
    options = ("-ff", "-y", "-qqq", "--signal=none", "-e", "trace=%file", "-o", f"{TRACER}.out/{name}")
    return (*loader, *options)


def _command(image: str) -> list[str]:
    config = image_config(image)
    return [str(word) for key in ("Entrypoint", "Cmd") for word in _words(config.get(key))]


def _words(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _workdir(image: str) -> str:
    return str(image_config(image).get("WorkingDir") or "/")


def read(tree: Tree, folder: Path, workdir: str) -> Trace:
    """Every trace file of a folder, against the image's tree."""
    found = Trace()
    for file in sorted(folder.iterdir()):
        for call, path in _calls(file, workdir):
            _note(tree, found, call, path)
    return found


def _calls(file: Path, workdir: str) -> Iterator[tuple[str, str]]:
    """The calls of one process that succeeded: name and absolute path."""
    here = workdir
    for line in file.read_text(errors="surrogateescape").splitlines():
        match, result = CALL.match(line), RESULT.search(line)
        if match is None or (result is not None and result[1].startswith("-")):
            continue
        call, base, name, rest = match.groups()
        here = base or here
        path = str(PurePosixPath(base or here) / _plain(name))
        if call == "chdir":
            here = path
        yield call, path
        second = SECOND.search(rest) if call in TWO_PATHS else None
        if second is not None:
            yield call, str(PurePosixPath(second[1] or here) / _plain(second[2]))


def _plain(text: str) -> str:
    """A string of strace without its escapes."""
    if "\\" not in text:
        return text
    return text.encode("latin-1", "replace").decode("unicode_escape").encode("latin-1").decode(errors="replace")


def _note(tree: Tree, found: Trace, call: str, path: str) -> None:
    if path.startswith((TRACER, "/proc/", "/sys/", "/dev/")):
        return
    hops, target = tree.resolve(path)
    found.seen.update(hops, [target] if target in tree.entries else [_nearest(tree, target)])
    if call not in KEPT_CALLS:
        return
    files = [file for file in (target, BYTECODE.sub(r"/\1.py", target)) if tree.is_file(file)]
    found.kept.update(hops, files)
    if call in EXECUTED:
        for interpreter in interpreters(tree, target):
            links, file = tree.resolve(interpreter)
            found.kept.update(links, [file])
            found.seen.update(links, [file])


def _nearest(tree: Tree, path: str) -> str:
    """The directory that a file is made in."""
    return next((str(above) for above in PurePosixPath(path).parents if str(above) in tree.entries), "/")


def interpreters(tree: Tree, path: str) -> Iterator[str]:
    """What the kernel itself opens to run a program: what its first line names, or the loader of an ELF file."""
    head = tree.data(path, 4096)
    if head.startswith(b"#!"):
        interpreter = head[2:].split(b"\n", 1)[0].split()[0].decode()
        yield interpreter
        yield from interpreters(tree, tree.resolve(interpreter)[1])
    elif head.startswith(b"\x7fELF"):
        match = re.search(rb"\0(/lib(?:64|32)?/ld-[\w.-]+)\0", head)
        if match:
            yield match[1].decode()
