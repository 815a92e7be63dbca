"""Bad input to the command: one clear line, the right exit code, no traceback, nothing overwritten.

`python -m tests.hostile.test_command` prints the table input -> line -> exit code as Markdown.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.image_archives import ONE, Layout, sha256
from xraydiff.pipeline import compare
from xraydiff.report.codec import dump_report
from xraydiff.testing import ImageBuilder, elf

BLOCK = "version: 1\nblock:\n  - {severity: high, certainty: likely}\n"
Make = Callable[[Path], list[str]]


def image(folder: Path, name: str = "app.tar", data: bytes | None = None, **kw: object) -> str:
    """An archive in a folder; bytes of its own where given."""
    path = folder / name
    if data is None:
        builder = ImageBuilder(name="app:1").config(cmd=["/run"]).file("/run", elf(executable=True), mode=0o755)
        builder.write(path, **kw)  # type: ignore[arg-type]  # formats by name
    else:
        path.write_bytes(data)
    return str(path)


def outer(**members: bytes) -> bytes:
    """A tar with these members; `__` in a name stands for a dot, `_s_` for a slash."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name.replace("__", ".").replace("_s_", "/"))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def whole() -> bytes:
    return ImageBuilder(name="app:1").file("/a", b"x" * 3000).layer().file("/b", "y").build()


def changed(old: bytes, new: bytes) -> bytes:
    data = whole()
    assert old in data
    return data.replace(old, new, 1)


def two_tags() -> bytes:
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
    rows = [{"Config": "c.json", "RepoTags": [f"app:{tag}"], "Layers": []} for tag in (1, 2)]
    second = config.replace(b"amd64", b"arm64")
    rows[1]["Config"] = "d.json"
    return outer(c__json=config, d__json=second, manifest__json=json.dumps(rows).encode())


def archive_of(layer: bytes, diff_id: str) -> bytes:
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]}}
    rows = [{"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["l.tar"]}]
    return outer(c__json=json.dumps(config).encode(), manifest__json=json.dumps(rows).encode(), l__tar=layer)


def bzip2_layer() -> bytes:
    layer = outer(a=b"x")
    return archive_of(bz2.compress(layer), hashlib.sha256(layer).hexdigest())


def wrong_diff_id() -> bytes:
    return archive_of(outer(a=b"x"), "0" * 64)


def bad_checksum() -> bytes:
    data = bytearray(whole())
    data[data.index(b"manifest.json")] ^= 1
    return bytes(data)


def report(folder: Path) -> Path:
    path = folder / "report.json"
    with compare(image(folder, "o.tar"), image(folder, "o.tar")) as comparison:
        path.write_text(dump_report(comparison.report))
    return path


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


ROWS: dict[str, tuple[Make, int, str]] = {
    "missing file": (lambda f: ["files", str(f / "none.tar")], 3, "none.tar: cannot be opened"),
    "empty file": (lambda f: ["files", image(f, data=b"")], 3, "app.tar"),
    "text file": (lambda f: ["files", image(f, data=b"hello\n" * 200)], 3, "app.tar"),
    "file used as a folder": (lambda f: ["files", image(f) + "/x"], 3, "Not a directory"),
    "a device": (lambda f: ["files", "/dev/null"], 3, "no regular file"),
    "layer compressed by bzip2": (lambda f: ["files", image(f, data=bzip2_layer())], 3, "bzip2"),
    "layer whose promised digest is another": (lambda f: ["files", image(f, data=wrong_diff_id())], 3, "sha256"),
    "archive with a bad header checksum": (lambda f: ["files", image(f, data=bad_checksum())], 3, "checksum"),
    "directory that is no layout": (lambda f: ["files", str(f)], 3, "no OCI layout"),
    "tar that is no image": (lambda f: ["files", image(f, data=outer(README__md=b"x"))], 3, "app.tar"),
    "manifest.json is null": (lambda f: ["files", image(f, data=outer(manifest__json=b"null"))], 3, "manifest"),
    "manifest.json is no JSON": (lambda f: ["files", image(f, data=outer(manifest__json=b"{"))], 3, "manifest"),
    "manifest without its config": (
        lambda f: [
            "files",
            image(f, data=outer(manifest__json=b'[{"Config":"x.json","RepoTags":null,"Layers":[]}]')),
        ],
        3,
        "x.json",
    ),
    "cut archive": (lambda f: ["files", image(f, data=whole()[:4000])], 3, "app.tar"),
    "a layer's bytes flipped": (lambda f: ["files", image(f, data=changed(b"xxxx", b"xyxx"))], 3, "sha256"),
    "gzip cut": (lambda f: ["files", image(f, data=gzip.compress(whole())[:-20])], 3, "app.tar"),
    "gzip in gzip": (lambda f: ["files", image(f, data=gzip.compress(gzip.compress(whole())))], 3, "app.tar"),
    "bzip2 archive": (lambda f: ["files", image(f, data=b"BZh91AY&SY" + b"\0" * 600)], 3, "bzip2"),
    "two tags, none chosen": (lambda f: ["files", image(f, data=two_tags())], 3, "app.tar#app:2"),
    "unknown tag": (lambda f: ["files", image(f, data=two_tags()) + "#app:9"], 3, "app:9"),
    "platform that is not there": (lambda f: ["files", image(f), "--platform", "linux/s390x"], 3, "linux/s390x"),
    "platform that is no platform": (lambda f: ["files", image(f), "--platform", "a/b/c/d"], 2, "platform"),
    "engine name with a line end": (lambda f: ["files", "docker:a\nb"], 2, "docker:"),
    "engine name like an option": (lambda f: ["files", "docker:--help"], 2, "docker:"),
    "both from standard input": (lambda f: ["compare", "-", "-"], 2, "standard input"),
    "unknown option": (lambda f: ["compare", "--nope", "a", "b"], 2, "--nope"),
    "one image only": (lambda f: ["compare", image(f)], 2, "SLIM"),
    "unknown command": (lambda f: ["frobnicate"], 2, "frobnicate"),
    "unknown format": (lambda f: ["compare", image(f), image(f), "--format", "xml"], 2, "xml"),
    "output is an input": (lambda f: ["compare", image(f), image(f), "-o", image(f)], 2, "is an input"),
    "output is a directory": (lambda f: ["compare", image(f), image(f), "-o", str(f)], 2, "cannot write"),
    "output directory missing": (
        lambda f: ["compare", image(f), image(f), "-o", str(f / "no" / "x")],
        2,
        "cannot write",
    ),
    "report that is no JSON": (lambda f: ["gate", written(f, "r.json", "hello")], 2, "not JSON"),
    "report that is an image": (lambda f: ["gate", image(f)], 2, "app.tar is no report"),
    "report that never ends": (lambda f: ["report", written(f, "r.json", "[" * 100_000)], 2, "nested deeper"),
    "report of another version": (
        lambda f: [
            "gate",
            written(f, "r.json", report(f).read_text().replace('"schema_version": 1', '"schema_version": 9')),
        ],
        2,
        "schema_version",
    ),
    "report that is missing": (lambda f: ["report", str(f / "none.json")], 2, "none.json"),
    "policy with an unknown key": (
        lambda f: ["gate", str(report(f)), "--policy", written(f, "p.yaml", "version: 1\nblok: []\n")],
        2,
        "line 2: blok",
    ),
    "policy that names no rule": (
        lambda f: [
            "gate",
            str(report(f)),
            "--policy",
            written(f, "p.yaml", BLOCK.replace("likely", "likely, rules: [ZZZ001]")),
        ],
        2,
        "ZZZ001",
    ),
    "policy that selects nothing": (
        lambda f: ["gate", str(report(f)), "--policy", written(f, "p.yaml", "version: 1\nblock: []\n")],
        2,
        "block",
    ),
    "waiver without a reason": (
        lambda f: [
            "gate",
            str(report(f)),
            "--policy",
            written(
                f,
                "p.yaml",
                BLOCK + "waivers:\n  - fingerprint: 0123456789abcdef\n",
            ),
        ],
        2,
        "reason",
    ),
}


def run(arguments: list[str], **kw: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "xraydiff", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **kw)  # type: ignore[call-overload, no-any-return]  # options of run


@pytest.mark.parametrize("name", sorted(ROWS))
def test_one_line_and_the_right_exit_code(name: str, tmp_path: Path) -> None:
    make, code, expected = ROWS[name]
    arguments = make(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    ran = run(arguments)
    assert ran.returncode == code, ran.stderr
    assert expected in ran.stderr
    assert "Traceback" not in ran.stderr
    assert str(tmp_path) not in ran.stderr
    assert ran.stdout == ""
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    if code == 3:
        assert len(ran.stderr.splitlines()) == 1


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = Path(image(tmp_path))
    path.chmod(0)
    command = [sys.executable, "-P", "-m", "xraydiff", "files", str(path)]
    if os.geteuid() == 0:  # Root reads everything, unless it gives that power up.
        if shutil.which("setpriv") is None:
            pytest.skip("root reads everything, and there is no setpriv to give that up")
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 3
    assert ran.stderr == "xraydiff: app.tar: cannot be opened: Permission denied\n"


def incomplete(folder: Path, name: str = "odd.tar") -> str:
    builder = ImageBuilder().config(cmd=["/run"]).file("/run", elf(executable=True), mode=0o755)
    return str(builder.file("/x/../../escape", "x").write(folder / name))


@pytest.mark.parametrize("command", ["files", "inspect"])
def test_an_image_not_read_whole(command: str, tmp_path: Path) -> None:
    refused, allowed = run([command, incomplete(tmp_path)]), run([command, incomplete(tmp_path), "--allow-incomplete"])
    assert (refused.returncode, allowed.returncode) == (3, 0)
    assert "not read whole" in refused.stderr
    assert refused.stdout == allowed.stdout != ""


def test_a_gate_never_passes_on_what_was_not_read_whole(tmp_path: Path) -> None:
    arguments = [image(tmp_path), incomplete(tmp_path)]
    assert run(["gate", *arguments]).returncode == 3
    assert run(["gate", *arguments, "--allow-incomplete"]).returncode == 2
    stored = tmp_path / "report.json"
    ran = run(["compare", *arguments, "--format", "json", "-o", str(stored)])
    assert ran.returncode == 3
    assert json.loads(stored.read_text())["complete"] is False
    assert run(["gate", str(stored)]).returncode == 3
    assert run(["compare", *arguments, "--allow-incomplete", "-q"]).returncode == 0


def lacking_a_layer(folder: Path) -> str:
    """An image whose non-distributable layer is not in the archive: known when it is opened, not when it is read."""
    layout = Layout()
    kind = "application/vnd.oci.image.layer.nondistributable.v1.tar"
    layout.manifests = [layout.image((ONE,), layer_type=kind)]
    del layout.blobs[sha256(ONE)]
    (folder / "lacking.tar").write_bytes(layout.archive())
    return str(folder / "lacking.tar")


@pytest.mark.parametrize("command", ["files", "inspect", "compare", "gate", "suggest"])
def test_a_problem_found_while_opening_counts_for_every_command(command: str, tmp_path: Path) -> None:
    odd = lacking_a_layer(tmp_path)
    ran = run([command, odd] if command in ("files", "inspect") else [command, image(tmp_path), odd])
    assert ran.returncode == 3, ran.stdout
    assert "not read whole" in ran.stderr


def test_hostile_names_reach_no_terminal_raw(tmp_path: Path) -> None:
    name = "/a\x1b[2J\n::error::x\u202e\udcff"
    path = ImageBuilder().file(name, "x").write(tmp_path / "app.tar")
    slim = ImageBuilder().file("/b", "").write(tmp_path / "slim.tar")
    for arguments in (["files", str(path)], ["inspect", str(path)], ["compare", str(path), str(slim)]):
        ran = run(arguments)
        assert "\x1b" not in ran.stdout + ran.stderr
        assert "\u202e" not in ran.stdout
        assert not any(line.startswith("::") for line in (ran.stdout + ran.stderr).splitlines())


def test_a_closed_pipe_is_no_verdict(tmp_path: Path) -> None:
    builder = ImageBuilder()
    for number in range(5000):
        builder.file(f"/{'n' * 200}{number}")
    path = builder.write(tmp_path / "big.tar")
    command = [sys.executable, "-P", "-m", "xraydiff", "files", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(30) not in (0, 1)
    assert b"Traceback" not in errors


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_nothing_behind(number: int, code: int, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    command = [sys.executable, "-P", "-m", "xraydiff", "files", "-", "-o", str(tmp_path / "out.tsv")]
    environment = {**os.environ, "TMPDIR": str(spool)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None
        process.stdin.write(whole()[:2048])
        process.stdin.flush()
        _until(lambda: any(map(_reads, _children(process.pid))))
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == code, errors
    assert b"Traceback" not in errors
    assert list(spool.iterdir()) == []
    assert not (tmp_path / "out.tsv").exists()


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _reads(pid: int) -> bool:
    """Whether the command waits for more of its standard input."""
    return "pipe_read" in Path(f"/proc/{pid}/wchan").read_text() or _blocked(pid)


def _blocked(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    maps = Path(f"/proc/{pid}/maps").read_text()
    return state == "S" and "isal" in maps


def _until(condition: Callable[[], bool]) -> None:
    import time

    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)


def table() -> str:
    """The rows as Markdown, with the lines as they are printed now."""
    lines = ["| input | line | exit |", "|---|---|---|"]
    for name, (make, code, _) in ROWS.items():
        with tempfile.TemporaryDirectory() as folder:
            ran = run(make(Path(folder)))
        line = (ran.stderr.strip().splitlines() or [""])[-1]
        lines.append(f"| {name} | `{line}` | {ran.returncode} |")
        assert ran.returncode == code, name
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())  # noqa: T201  that is what it is for
