"""Nothing outside is touched: not written, not opened, and no path that an image names is ever a path of the host.

The command runs in a directory of its own, with an empty home and a victim beside it; an audit hook in its process
tells every file that is opened and every program that is started.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import xraydiff
from xraydiff.testing import ImageBuilder, elf

HOOK = """
import json, os, sys
seen = set()
def hook(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "os.link", "os.symlink", "os.rename", "os.remove", "os.mkdir",
                 "os.chmod", "os.chown", "os.rmdir", "os.truncate", "subprocess.Popen", "os.exec", "os.posix_spawn",
                 "socket.connect", "socket.bind", "os.system", "shutil.copyfile", "os.mkfifo"):
        what = arguments[0]
        if event == "socket.connect":
            what = arguments[1]
        flags = arguments[2] if event == "open" and len(arguments) > 2 and isinstance(arguments[2], int) else 0
        if isinstance(what, bytes):
            what = os.fsdecode(what)
        if not isinstance(what, int):
            seen.add((event, str(what), flags & 0o103))
sys.addaudithook(hook)
sys.argv = ["xraydiff", *sys.argv[2:]]
from xraydiff.cli import run
code = run(sys.argv[1:])
sys.stdout.flush()
said = json.dumps(sorted(seen)).encode()
out = os.open(os.environ["XRAYDIFF_CANARY"], os.O_WRONLY | os.O_CREAT, 0o600)
os.write(out, said)
os._exit(code)
"""
COMMANDS = {
    "compare": ["compare", "{original}", "{slim}", "--format", "json", "-o", "{out}"],
    "files": ["files", "{original}", "--digests", "-o", "{out}"],
    "inspect": ["inspect", "{original}", "-o", "{out}"],
    "suggest": ["suggest", "{original}", "{slim}", "-o", "{out}"],
    "why": ["why", "{original}", "{slim}", "/etc/ssl/cert.pem"],
    "gate": ["gate", "{original}", "{slim}"],
}


def hostile(victim: Path) -> ImageBuilder:
    """An image whose every name, link, script and header points at the victim."""
    place = str(victim)
    up = "/".join([".."] * 20)
    builder = ImageBuilder().config(
        entrypoint=["/start.sh", f"{place}/secret"],
        cmd=[f"{place}/program"],
        workdir=place,
        env={"PATH": f"{place}:/bin", "SSL_CERT_FILE": f"{place}/secret", "LD_LIBRARY_PATH": place},
        volumes=[place],
    )
    builder.file(
        "/start.sh",
        f"#!{place}/sh\n. {place}/secret\ncat {place}/secret < {place}/secret\n{up}{place}/program\n",
        mode=0o755,
    )
    builder.file(
        "/bin/app",
        elf(interpreter=f"{place}/ld.so", needed=[f"{place}/lib.so"], runpath=place, data=[f"{place}/secret"]),
        mode=0o755,
    )
    builder.symlink("/etc/ssl/cert.pem", f"{place}/secret").symlink("/var/lib/dpkg/status", f"{up}{place}/secret")
    builder.symlink("/etc/passwd", f"{up}{place}/secret").symlink("/etc/ld.so.cache", f"{place}/secret")
    builder.symlink("/lib/apk/db/installed", f"{place}/secret").symlink("/link", place)
    builder.symlink("/usr/lib/sysimage/rpm", place).file(f"{up}{place}/planted", "x").file(f"{place}/planted2", "x")
    builder.layer().file("/link/through", "x").hardlink("/hard", f"{up}{place}/secret").hardlink(
        "/hard2", f"{place}/secret"
    )
    builder.file("/etc/ld.so.conf", f"include {place}/*.conf\n{place}\n").device("/dev/zero", 1, 5).fifo("/pipe")
    return builder.whiteout(f"{place}/secret").opaque(place)


def fingerprint(folder: Path) -> str:
    """Everything below a directory: names, types, modes, times, content."""
    digest = hashlib.sha256()
    for root, directories, files in os.walk(folder):
        directories.sort()
        for name in sorted((*directories, *files)):
            path = Path(root, name)
            info = path.lstat()
            digest.update(f"{path} {info.st_mode} {info.st_size} {info.st_mtime_ns} {info.st_ino}\n".encode())
            if path.is_file() and not path.is_symlink():
                digest.update(path.read_bytes())
    return digest.hexdigest()


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "secret").write_text("root:x:0:0:do not read:/:/bin/sh\n")
    (folder / "program").write_text("#!/bin/sh\ntouch ran\n")
    (folder / "program").chmod(0o755)
    (folder / "sub").mkdir()
    return folder


@pytest.mark.parametrize("command", sorted(COMMANDS))
@pytest.mark.parametrize("form", ["docker-archive", "oci-layout"])
def test_nothing_outside_is_touched(command: str, form: str, victim: Path, tmp_path: Path) -> None:
    work, home, spool = tmp_path / "work", tmp_path / "home", tmp_path / "spool"
    for folder in (work, home, spool):
        folder.mkdir()
    original = hostile(victim).write(work / "original", format=form, compression="gzip")  # type: ignore[arg-type]  # one of the forms
    slim = hostile(victim).layer().whiteout("/etc/ssl/cert.pem").write(work / "slim", format=form)  # type: ignore[arg-type]
    kept = [victim, home, original.parent]
    before = [fingerprint(folder) for folder in kept]
    canary, out = tmp_path / "canary", spool / "out"
    values = {"original": str(original), "slim": str(slim), "out": str(out)}
    arguments = [part.format(**values) for part in COMMANDS[command]]
    ran = watched(arguments, cwd=work, home=home, spool=spool, canary=canary)
    assert "Traceback" not in ran.stderr
    assert "do not read" not in ran.stdout + ran.stderr + (out.read_text() if out.exists() else "")
    assert [fingerprint(folder) for folder in kept] == before
    assert {path.name for path in spool.iterdir()} <= {"out"}
    check(events(canary), victim, work, spool)


def watched(
    arguments: list[str], *, cwd: Path, home: Path, spool: Path, canary: Path
) -> subprocess.CompletedProcess[str]:
    """Run the command; what it touched stands in `canary` afterwards."""
    return subprocess.run(
        [sys.executable, "-P", "-c", HOOK, "xraydiff", *arguments],
        cwd=cwd,
        env={
            "HOME": str(home),
            "TMPDIR": str(spool),
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "XRAYDIFF_CANARY": str(canary),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def events(canary: Path) -> list[tuple[str, str, int]]:
    return [(event, what, mode) for event, what, mode in json.loads(canary.read_text())]


def test_the_canary_sings(victim: Path, tmp_path: Path) -> None:
    """What the user names is opened, and that is seen: a hook that sees nothing would make every run look clean."""
    canary, place = tmp_path / "canary", victim / "sub"
    archive = ImageBuilder().file("/a", "x").write(place / "app.tar")
    watched(["files", str(archive), "-o", str(place / "out")], cwd=place, home=place, spool=place, canary=canary)
    said = events(canary)
    assert any(event == "open" and what == str(archive) for event, what, _ in said)
    assert any(mode and what.startswith(str(place / ".")) for _, what, mode in said)
    with pytest.raises(AssertionError):
        check(said, victim, tmp_path, tmp_path)


def check(seen: list[tuple[str, str, int]], victim: Path, work: Path, spool: Path) -> None:
    """What was opened lies in the inputs, in the temporary directory, or is the interpreter's own."""
    package = str(Path(xraydiff.__file__).parent)
    own = {sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"], package}
    own |= {os.path.realpath(path) for path in own}
    system = (
        "/etc/ssl",
        "/usr/lib/ssl",
        "/usr/share",
        "/usr/lib",
        "/proc",
        "/dev/null",
        "/dev/urandom",
        "/etc/localtime",
        "/etc/mime.types",
    )
    assert seen
    for event, what, mode in seen:
        assert str(victim) not in what, (event, what)
        if event in ("subprocess.Popen", "os.exec", "os.posix_spawn"):
            assert what == sys.executable, (event, what)
            continue
        assert not event.startswith(("socket", "os.system", "os.link", "os.symlink", "os.chown")), (event, what)
        absolute = os.path.normpath(work / what)
        if mode or event in ("os.rename", "os.remove", "os.mkdir", "os.chmod", "os.rmdir", "os.truncate"):
            assert absolute.startswith((str(spool), "/dev/null", "/proc")), (event, what, mode)
        else:
            if event in ("os.listdir", "os.scandir") and absolute in (str(Path(package).parent), *sys.path):
                continue  # where the interpreter looks for modules
            expected = (str(work), str(spool), *own, *system)
            assert absolute.startswith(expected) or Path(absolute).suffix in (
                ".py",
                ".pyc",
                ".pth",
                ".so",
                ".cfg",
                ".zip",
            ), (event, what)
