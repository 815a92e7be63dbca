"""One image by every way in: a real Dockerfile's image from the engine, its archive, a registry, a container, umoci.

The engine's export, `docker save`, a registry that skopeo filled, an OCI layout and podman give the same report but for
the reference; `docker export` of a container and what umoci unpacks, which are file systems and no images, have the
same files with the same owners, modes, contents, links and capabilities.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
import pytest

from tests.integration.test_registry import PROGRAM, push, registry
from xraydiff.facts import FileType
from xraydiff.image.sources import open_image
from xraydiff.pipeline import compare
from xraydiff.report.codec import dump_report
from xraydiff.tree import Tree, squash

BUSYBOX = next((path for path in map(Path, ("/bin/busybox", "/usr/bin/busybox")) if path.exists()), None)
pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("engine"),
    pytest.mark.skipif(BUSYBOX is None, reason="needs a static busybox (Debian: busybox-static)"),
]

DOCKERFILE = """\
FROM scratch
ADD rootfs.tar /
COPY app /app
RUN ln /app/data/one /app/data/again && chmod 4755 /usr/bin/raise && chown -R 7:8 /app/owned
RUN rm /app/gone && rm -r /app/tree && mkdir /var/spool && chmod 1777 /var/spool
RUN rm -rf /app/opaque && mkdir /app/opaque && echo new > /app/opaque/new
RUN ln -s ../data/one /app/link && ln -s /nowhere /app/dangling && mkfifo /app/pipe
COPY late /app/data/late
HEALTHCHECK CMD ["/app/run", "--check"]
LABEL team=shop
USER 7:8
WORKDIR /app
ENV GREETING="a b"
CMD ["/app/run"]
"""
SLIM = 'FROM scratch\nADD slim.tar /\nWORKDIR /app\nCMD ["/app/run"]\n'
CAPABILITY = "security.capability"
NET_BIND = bytes.fromhex("0100000200040000000000000000000000000000")
"""`setcap cap_net_bind_service=ep`, as the kernel stores it (capability.h, VFS_CAP_REVISION_2)."""
ENGINE_MADE = frozenset(
    "/.dockerenv /dev /dev/console /dev/pts /dev/shm"
    " /etc/hosts /etc/hostname /etc/mtab /etc/resolv.conf /proc /sys".split()
)
"""What an engine puts into a container that it makes, and no image holds."""

Row = tuple[str, int, int, int, str, bytes, int]
"""Type, mode, owner, group, content or target, capability, number of names."""


def rootfs() -> bytes:
    """The base system: busybox with the applets that the Dockerfile runs, a program with a capability."""
    assert BUSYBOX is not None
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("bin", "usr", "usr/bin", "etc", "var", "tmp", "proc", "sys", "dev"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        for applet in ("sh", "rm", "ln", "chmod", "chown", "mkdir", "mkfifo", "cat"):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name, capability in (("bin/busybox", b""), ("usr/bin/raise", b""), ("usr/bin/serve", NET_BIND)):
            data = BUSYBOX.read_bytes()
            file = tarfile.TarInfo(name)
            file.size, file.mode = len(data), 0o755
            if capability:
                file.pax_headers = {f"SCHILY.xattr.{CAPABILITY}": capability.decode("utf-8", "surrogateescape")}
            tar.addfile(file, io.BytesIO(data))
    return made.getvalue()


def slim() -> bytes:
    """What a minifier would leave."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, data in (("app/run", b"#!/bin/sh\ncat /app/data/one /app/data/late\n"), ("app/data/one", b"one\n")):
            file = tarfile.TarInfo(name)
            file.size, file.mode = len(data), 0o755
            tar.addfile(file, io.BytesIO(data))
    return made.getvalue()


@pytest.fixture(scope="module")
def names(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """An image of the Dockerfile and a slim one, in the engine."""
    folder = tmp_path_factory.mktemp("context")
    (folder / "rootfs.tar").write_bytes(rootfs())
    (folder / "slim.tar").write_bytes(slim())
    for name, text in {
        "run": "#!/bin/sh\ncat /app/data/one /app/data/late\n", "gone": "gone\n", "tree/a/b": "deep\n",
        "opaque/old": "old\n", "data/one": "one\n", "owned/file": "mine\n",
    }.items():  # fmt: skip
        file = folder / "app" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (folder / "app" / "run").chmod(0o755)
    (folder / "late").write_text("late\n")
    made = []
    for kind, text in (("original", DOCKERFILE), ("slim", SLIM)):
        (folder / "Dockerfile").write_text(text)
        name = f"xraydiff-same-{uuid.uuid4().hex[:12]}:{kind}"
        engine.images.build(path=str(folder), tag=name, rm=True, forcerm=True, network_mode="none")
        made.append(name)
    yield made[0], made[1]
    for name in made:
        engine.images.remove(name, force=True)


@pytest.fixture(scope="module")
def saved(
    engine: docker.DockerClient, names: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("saved")
    for name in names:
        with (folder / f"{name.partition(':')[2]}.tar").open("wb") as out:
            out.writelines(engine.images.get(name).save(named=name))
    return folder / "original.tar", folder / "slim.tar"


def rows(tree: Tree) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for path, file in tree.files.items():
        content = tree.digest(path) if file.type is FileType.FILE else file.target
        links = len(tree.links(path)) if file.type is FileType.FILE else 1
        mode = 0 if file.type is FileType.SYMLINK else file.mode
        capability = dict(file.xattrs).get(CAPABILITY, b"")
        found[path] = (file.type.value, mode, file.uid, file.gid, content, capability, links)
    return found


def rows_of(reference: str | Path, *, rootfs: bool = False) -> dict[str, Row]:
    with open_image(reference, rootfs=rootfs) as image:
        tree = squash(image)
        assert tree.complete
        return rows(tree)


def rows_of_directory(root: Path) -> dict[str, Row]:
    """The same of a directory of the host, by the host's own calls."""
    found: dict[str, Row] = {}
    for folder, directories, files in os.walk(root):
        for name in (*directories, *files):
            path = Path(folder, name)
            info = path.lstat()
            kind, content, capability = FileType.FILE, "", b""
            if stat.S_ISLNK(info.st_mode):
                kind, content = FileType.SYMLINK, str(path.readlink())
            elif stat.S_ISDIR(info.st_mode):
                kind = FileType.DIRECTORY
            elif stat.S_ISFIFO(info.st_mode):
                kind = FileType.FIFO
            else:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                if CAPABILITY in os.listxattr(path):
                    capability = os.getxattr(path, CAPABILITY)
            mode = 0 if kind is FileType.SYMLINK else stat.S_IMODE(info.st_mode)
            links = info.st_nlink if kind is FileType.FILE else 1
            found["/" + str(path.relative_to(root))] = (
                kind.value, mode, info.st_uid, info.st_gid, content, capability, links,
            )  # fmt: skip
    return found


def without(paths: frozenset[str], found: Mapping[str, Row]) -> dict[str, Row]:
    return {path: row for path, row in found.items() if path not in paths}


def report(first: str | Path, second: str | Path) -> str:
    """The report as JSON, with the references left out."""
    with compare(first, second) as comparison:
        data = json.loads(dump_report(comparison.report))
    assert data["complete"]
    assert data["findings"]
    for image in ("original", "slim"):
        assert data[image].pop("reference")
    return json.dumps(data, indent=1)


def test_the_image_is_what_the_dockerfile_says(names: tuple[str, str]) -> None:
    found = rows_of(f"docker:{names[0]}")
    assert "/app/gone" not in found
    assert "/app/tree" not in found
    assert "/app/opaque/old" not in found
    assert found["/app/opaque/new"][4] == hashlib.sha256(b"new\n").hexdigest()
    assert found["/usr/bin/raise"][1] == 0o4755
    assert found["/var/spool"][1] == 0o1777
    assert found["/usr/bin/serve"][5] == NET_BIND
    assert found["/app/owned/file"][2:4] == (7, 8)
    assert found["/app/data/again"][6] == found["/app/data/one"][6] == 2
    assert found["/app/link"][4] == "../data/one"
    assert found["/app/dangling"][4] == "/nowhere"
    assert found["/app/pipe"][0] == "fifo"


def test_whiteouts_and_the_opaque_directory_are_in_the_layers(saved: tuple[Path, Path]) -> None:
    with open_image(saved[0]) as image:
        kinds = [{type(operation).__name__ for operation in layer.operations()} for layer in image.layers]
    assert any("Whiteout" in kind for kind in kinds)
    assert any("Opaque" in kind for kind in kinds)


def test_the_report_of_an_engine_is_that_of_its_archives(names: tuple[str, str], saved: tuple[Path, Path]) -> None:
    assert report(f"docker:{names[0]}", f"docker:{names[1]}") == report(*saved)


@pytest.mark.skipif(PROGRAM is None or shutil.which("skopeo") is None, reason="needs docker-registry and skopeo")
def test_the_report_of_a_registry_is_that_of_the_archives(
    saved: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with registry(tmp_path) as host:
        for archive in saved:
            push(archive, f"{host}/team/app:{archive.stem}", "--format", "v2s2")
        pulled = report(f"registry:{host}/team/app:original", f"registry:{host}/team/app:slim")
    assert pulled == report(*saved)


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs skopeo")
def test_the_report_of_the_same_image_in_a_layout(saved: tuple[Path, Path], tmp_path: Path) -> None:
    layouts = []
    for archive in saved:
        layouts.append(tmp_path / archive.stem)
        copy(f"docker-archive:{archive}", f"oci:{layouts[-1]}:x")
    one, other = (json.loads(report(*pair)) for pair in ((layouts[0], layouts[1]), saved))
    for part in ("changes", "inventory", "suggestions", "coverage", "problems", "file_kinds"):
        assert one.get(part) == other.get(part)
    # OCI configs know no HEALTHCHECK, so skopeo leaves it out: its loss is a finding of the archives alone.
    lost = [change for change in other["config_changes"] if change not in one["config_changes"]]
    assert [change["field"] for change in lost] == ["healthcheck"]
    assert {finding["rule"] for finding in other["findings"] if finding not in one["findings"]} == {"CFG001"}
    assert all(finding in other["findings"] for finding in one["findings"])


def copy(source: str, target: str) -> None:
    command = ["skopeo", "copy", "--insecure-policy", source, target]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_container_has_the_files_of_its_image(
    engine: docker.DockerClient, names: tuple[str, str], tmp_path: Path
) -> None:
    container = engine.containers.create(names[0])
    try:
        with (tmp_path / "container.tar").open("wb") as out:
            out.writelines(container.export())  # type: ignore[arg-type]  # it gives bytes
    finally:
        container.remove()
    exported = rows_of(tmp_path / "container.tar", rootfs=True)
    image = rows_of(f"docker:{names[0]}")
    assert without(ENGINE_MADE, exported) == without(ENGINE_MADE, image)
    assert len(without(ENGINE_MADE, exported)) > 20


@pytest.mark.skipif(
    shutil.which("skopeo") is None or shutil.which("umoci") is None or os.geteuid() != 0,
    reason="needs skopeo, umoci and root, who alone may give files away",
)
def test_umoci_unpacks_the_same_files(saved: tuple[Path, Path], tmp_path: Path) -> None:
    copy(f"docker-archive:{saved[0]}", f"oci:{tmp_path}/layout:x")
    command = ["umoci", "unpack", "--image", f"{tmp_path}/layout:x", str(tmp_path / "bundle")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    root = tmp_path / "bundle" / "rootfs"
    top = frozenset({"/"})
    image = without(top, rows_of(saved[0]))
    assert rows_of_directory(root) == image
    assert without(top, rows_of(root, rootfs=True)) == image


# --- podman's compatible socket -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def podman(saved: tuple[Path, Path]) -> Iterator[str]:
    """The address of a podman service whose store, one of its own, holds both images."""
    if shutil.which("podman") is None or os.geteuid() != 0:
        pytest.skip("needs podman, and root for its store")
    # A socket's path has at most 108 bytes, podman's runroot 50.
    folder = Path(tempfile.mkdtemp(prefix="xraydiff-", dir="/tmp"))
    command = ["podman", f"--root={folder}/root", f"--runroot={folder}/run", "--storage-driver=vfs"]
    place = folder / "socket"
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen(
            [*command, "system", "service", "--time=0", f"unix://{place}"], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 60
        while not place.exists():
            if service.poll() is not None or time.monotonic() > deadline:
                pytest.skip("podman's service does not run here: " + (folder / "log").read_text()[-300:])
            time.sleep(0.1)
        for archive in saved:
            subprocess.run([*command, "load", "-q", "-i", str(archive)], check=True, capture_output=True)
        yield f"unix://{place}"
    finally:
        service.terminate()
        service.wait(30)
        shutil.rmtree(folder)


@pytest.fixture(params=["DOCKER_HOST", "context"])
def _podman_is_docker(
    request: pytest.FixtureRequest, podman: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    if request.param == "DOCKER_HOST":
        monkeypatch.setenv("DOCKER_HOST", podman)
        return
    if shutil.which("docker") is None:
        pytest.skip("needs docker's own command to make a context")
    subprocess.run(
        ["docker", "context", "create", "pod", "--docker", f"host={podman}"], check=True, capture_output=True
    )
    subprocess.run(["docker", "context", "use", "pod"], check=True, capture_output=True)


@pytest.mark.usefixtures("_podman_is_docker")
def test_the_report_of_podman_is_that_of_the_archives(names: tuple[str, str], saved: tuple[Path, Path]) -> None:
    assert report(f"docker:localhost/{names[0]}", f"docker:localhost/{names[1]}") == report(*saved)
