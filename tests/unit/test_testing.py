from __future__ import annotations

import ctypes
import hashlib
import io
import json
import platform
import shutil
import subprocess
import tarfile
import zlib
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from elftools.elf.segments import InterpSegment

from xraydiff.errors import ImageClosedError
from xraydiff.facts import FileType, Healthcheck
from xraydiff.image.sources import open_image
from xraydiff.paths import ImagePath
from xraydiff.references.readers.config import ConfigReader
from xraydiff.references.readers.shell import ShellReader
from xraydiff.testing import Compression, Format, ImageBuilder, context_of, elf, read, subject_of
from xraydiff.tree import squash
from xraydiff.tree.listing import listing

SO = elf(
    needed=["libc.so.6", "libm.so.6"],
    soname="libx.so.1",
    rpath="/opt/lib",
    runpath="$ORIGIN/lib",
    imports=["dlopen", "getpwnam"],
    exports=["plugin_init", "plugin_exit"],
    data=["/etc/ssl/certs", b"\xff\xfe"],
)
PROGRAM = elf(interpreter="/lib64/ld-linux-x86-64.so.2", needed=["libc.so.6"], imports=["printf"])
STATIC = elf(executable=True, data=["x"])
on_x86_64_linux = pytest.mark.skipif(platform.machine() != "x86_64", reason="runs machine code of x86-64")


def builder() -> ImageBuilder:
    return (
        ImageBuilder(name="app:1")
        .directory("/etc", mode=0o700, uid=1)
        .file("/etc/passwd", "root:x:0:0", mode=0o4755, uid=2, gid=3, mtime=4, xattrs={"security.capability": b"\x01"})
        .symlink("/bin", "usr/bin")
        .hardlink("/etc/shadow", "/etc/passwd")
        .fifo("/run/fifo")
        .device("/dev/null", 1, 3, mode=0o666)
        .device("/dev/sda", 8, 0, block=True)
        .file("/gone", "x")
        .file("/dir/old", "x")
        .layer(created_by="RUN rm /gone")
        .whiteout("/gone")
        .opaque("/dir")
        .file("/dir/new", b"y")
        .config(
            entrypoint=["/bin/app"],
            cmd=[],
            env={"PATH": "/bin"},
            user="app",
            workdir="/srv",
            labels={"a": "b"},
            exposed_ports=["80/tcp"],
            volumes=["/data"],
            healthcheck=Healthcheck(test=("CMD", "true"), retries=3),
        )
    )


def test_a_tree_from_memory() -> None:
    tree = builder().tree()
    assert [path for path, file in tree.files.items() if file.type is not FileType.DIRECTORY] == [
        "/bin",
        "/dev/null",
        "/dev/sda",
        "/dir/new",
        "/etc/passwd",
        "/etc/shadow",
        "/run/fifo",
    ]
    passwd = tree.files[ImagePath("/etc/passwd")]
    assert (passwd.mode, passwd.uid, passwd.gid, passwd.mtime) == (0o4755, 2, 3, 4)
    assert passwd.xattrs == (("security.capability", b"\x01"),)
    assert tree.content(ImagePath("/etc/shadow")) == b"root:x:0:0"
    assert tree.files[ImagePath("/dev/sda")].device == (8, 0)
    assert tree.complete
    assert not tree.problems


def test_an_image_from_memory() -> None:
    image = builder().image()
    config = image.config
    assert (config.entrypoint, config.cmd, config.env) == (("/bin/app",), (), ("PATH=/bin",))
    assert (config.user, config.workdir, config.labels) == ("app", "/srv", (("a", "b"),))
    assert (config.exposed_ports, config.volumes) == (("80/tcp",), ("/data",))
    assert config.healthcheck == Healthcheck(test=("CMD", "true"), retries=3)
    assert [line.created_by for line in config.history] == ["", "RUN rm /gone"]
    assert config.diff_ids == tuple(layer.diff_id for layer in image.layers)
    assert str(config.platform) == "linux/amd64"


def test_config_keeps_what_is_not_given() -> None:
    config = (
        ImageBuilder(architecture="arm64", variant="v8").config(user="a", env=["A=1"]).config(cmd=["x"]).image().config
    )
    assert (config.user, config.env, config.cmd, config.entrypoint) == ("a", ("A=1",), ("x",), None)
    assert str(config.platform) == "linux/arm64/v8"


def test_the_same_calls_give_the_same_bytes() -> None:
    assert builder().build() == builder().build()
    for compression in ("gzip", "zstd"):
        assert builder().oci_archive(compression=compression) == builder().oci_archive(compression=compression)
    assert builder().build() != builder().file("/more").build()
    assert elf(needed=["a"]) == elf(needed=["a"])


def test_a_docker_archive_as_others_read_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(builder().build())) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    (manifest,) = json.loads(files["manifest.json"])
    config = files[manifest["Config"]]
    assert manifest["RepoTags"] == ["app:1"]
    assert manifest["Config"] == hashlib.sha256(config).hexdigest() + ".json"
    layers = [files[name] for name in manifest["Layers"]]
    digests = ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]
    assert json.loads(config)["rootfs"]["diff_ids"] == digests
    with tarfile.open(fileobj=io.BytesIO(layers[1])) as layer:
        assert layer.getnames() == [".wh.gone", "dir/.wh..wh..opq", "dir/new"]


def test_an_oci_layout_names_every_blob_by_its_digest(tmp_path: Path) -> None:
    layout = builder().write(tmp_path / "layout", format="oci-layout", compression="gzip")
    for blob in (layout / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads((layout / "blobs/sha256" / index["manifests"][0]["digest"][7:]).read_text())
    config = json.loads((layout / "blobs/sha256" / manifest["config"]["digest"][7:]).read_text())
    for descriptor, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
        data = (layout / "blobs/sha256" / descriptor["digest"][7:]).read_bytes()
        assert len(data) == descriptor["size"]
        plain = zlib.decompressobj(31).decompress(data)
        assert "sha256:" + hashlib.sha256(plain).hexdigest() == diff_id


def test_layers_of_any_bytes() -> None:
    image = ImageBuilder().file("/a").raw_layer(b"no tar").file("/b").image()
    assert [layer.content.size > 6 for layer in image.layers] == [True, False, True]


def test_content_of_a_closed_image_is_an_error() -> None:
    with ImageBuilder().file("/a", "x").image() as image:
        tree = squash(image)
        assert tree.content(ImagePath("/a")) == b"x"
    with pytest.raises(ImageClosedError):
        tree.content(ImagePath("/a"))


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("form", ["docker-archive", "oci-archive", "oci-layout"])
def test_what_is_written_opens_as_the_same_image(form: Format, compression: Compression, tmp_path: Path) -> None:
    path = builder().write(tmp_path / "image", format=form, compression=compression)
    with open_image(path) as image:
        assert list(listing(squash(image))) == list(listing(builder().tree()))
        assert (image.digest, image.config) == (builder().image().digest, builder().image().config)
        assert not image.problems


def test_elf_as_pyelftools_reads_it() -> None:
    file = ELFFile(io.BytesIO(SO))
    assert (file["e_type"], file["e_machine"]) == ("ET_DYN", "EM_X86_64")
    (dynamic,) = (segment for segment in file.iter_segments() if isinstance(segment, DynamicSegment))
    tags = [(tag.entry.d_tag, tag) for tag in dynamic.iter_tags()]
    texts = [(name, getattr(tag, name[3:].lower())) for name, tag in tags if hasattr(tag, name[3:].lower())]
    assert texts == [
        ("DT_NEEDED", "libc.so.6"),
        ("DT_NEEDED", "libm.so.6"),
        ("DT_SONAME", "libx.so.1"),
        ("DT_RPATH", "/opt/lib"),
        ("DT_RUNPATH", "$ORIGIN/lib"),
    ]
    assert dynamic.num_symbols() == 5
    symbols = [(symbol.name, symbol["st_shndx"] == "SHN_UNDEF") for symbol in dynamic.iter_symbols()]
    assert symbols[1:] == [("dlopen", True), ("getpwnam", True), ("plugin_init", False), ("plugin_exit", False)]
    table = file.get_section_by_name(".dynsym")
    assert isinstance(table, SymbolTableSection)
    assert [symbol.name for symbol in table.iter_symbols()] == [name for name, _ in symbols]
    assert b"/etc/ssl/certs\0\xff\xfe\0" in SO


def test_elf_kinds() -> None:
    program = ELFFile(io.BytesIO(PROGRAM))
    (interp,) = (segment for segment in program.iter_segments() if isinstance(segment, InterpSegment))
    assert interp.get_interp_name() == "/lib64/ld-linux-x86-64.so.2"
    static = ELFFile(io.BytesIO(STATIC))
    assert static["e_type"] == "ET_EXEC"
    assert not [segment for segment in static.iter_segments() if segment["p_type"] in ("PT_DYNAMIC", "PT_INTERP")]


@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf")
@pytest.mark.parametrize("data", [SO, PROGRAM, STATIC], ids=["library", "program", "static"])
def test_elf_as_readelf_reads_it(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    result = subprocess.run(
        ["readelf", "-W", "-a", "--dyn-syms", str(path)], capture_output=True, text=True, check=True
    )
    assert not result.stderr
    if data is SO:
        assert "Library runpath: [$ORIGIN/lib]" in result.stdout
        assert "UND getpwnam" in result.stdout


@on_x86_64_linux
def test_elf_as_the_loader_takes_it(tmp_path: Path) -> None:
    for name, data in (("static", STATIC), ("program", PROGRAM)):
        path = tmp_path / name
        path.write_bytes(data)
        path.chmod(0o755)
        if name == "program" and not Path("/lib64/ld-linux-x86-64.so.2").exists():
            continue
        assert subprocess.run([str(path)], check=False).returncode == 0
    library = tmp_path / "libx.so"
    library.write_bytes(elf(needed=["libc.so.6"], exports=["plugin_init"]))
    if Path("/lib64/ld-linux-x86-64.so.2").exists():
        assert ctypes.CDLL(str(library)).plugin_init is not None


def started() -> ImageBuilder:
    builder = ImageBuilder().config(cmd=["/start"], env=["PATH=/usr/bin"], workdir="/srv").symlink("/bin", "usr/bin")
    return builder.file("/start", "#!/bin/sh\nexec tool /etc/x.conf\n", mode=0o755).file("/etc/x.conf", "x")


def test_what_a_reader_says_of_a_file_a_script_and_the_config() -> None:
    builder = started().file("/usr/bin/tool", SO, mode=0o755)
    assert read(ConfigReader(), builder).targets == ["/start"]
    reading = read(ShellReader(), builder, "/start")
    assert {"/usr/bin/tool", "/etc/x.conf"} <= set(reading.targets)
    assert reading.gaps == []
    script = read(ShellReader(), builder, "/start", script="/bin/tool; $unknown", language="shell")
    assert script.targets == ["/bin/tool"]
    assert [edge.source.text for edge in script.edges] == ["/bin/tool; $unknown"]
    assert not read(ShellReader(), builder, "/etc/x.conf").accepted


def test_the_context_of_an_image() -> None:
    slim = started().layer().whiteout("/etc/x.conf")
    context = context_of(started(), slim)
    assert (context.path, context.cwd, context.env["PATH"]) == (("/usr/bin",), "/srv", "/usr/bin")
    assert "/etc/x.conf" in context.original.files
    assert context.slim is not None
    assert "/etc/x.conf" not in context.slim.files
    assert subject_of(context, "/start").data.startswith(b"#!/bin/sh")
    with pytest.raises(ValueError, match="/none: no such file in the image"):
        subject_of(context, "/none")
