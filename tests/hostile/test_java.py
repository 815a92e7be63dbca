"""Archives and class files that are made to deceive: bombs, lying tables, overlapping constants, endless code."""

from __future__ import annotations

import contextlib
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.java_files import class_file, jar, runtime
from tests.patience import SLOW
from xraydiff.facts import Edge
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Gap
from xraydiff.references.readers.java import JavaReader
from xraydiff.references.readers.java.archive import Archive, Budget, JarError, names_in
from xraydiff.references.readers.java.bytecode import command_words
from xraydiff.references.readers.java.classfile import ClassError, read_class
from xraydiff.references.readers.java.names import CLAIMS
from xraydiff.references.readers.shell import ShellReader
from xraydiff.testing import ImageBuilder, Reading, context_of, read

MIB = 1 << 20
EXEC = ("call", "b6", "java/lang/Runtime", "exec", "(Ljava/lang/String;)Ljava/lang/Process;")


def asked(path: str, data: bytes, *, limits: Limits = DEFAULT) -> Reading:
    context = replace(context_of(runtime(ImageBuilder()).file(path, data, mode=0o755)), limits=limits)
    reading = read(JavaReader(), context, path)
    assert reading.accepted
    return reading


def gaps(path: str, data: bytes, *, limits: Limits = DEFAULT) -> list[str]:
    return [gap.reason for gap in asked(path, data, limits=limits).gaps]


def within(seconds: float, work: Callable[[], object]) -> None:
    start = time.process_time()
    work()
    assert time.process_time() - start < seconds * SLOW


def archive(*entries: tuple[bytes, bytes, int], claims: int | None = None, method: int = 8, flags: int = 0) -> bytes:
    """An archive of (name, packed bytes, size that the directory claims), written byte by byte."""
    body = bytearray()
    directory = bytearray()
    for name, packed, size in entries:
        offset = len(body)
        body += struct.pack("<4s5H3L2H", b"PK\3\4", 20, flags, method, 0, 0, 0, len(packed), size, len(name), 0)
        body += name + packed
        directory += struct.pack(
            "<4s6H3L5H2L",
            b"PK\1\2", 20, 20, flags, method, 0, 0, 0, len(packed), size, len(name), 0, 0, 0, 0, 0, offset,
        )  # fmt: skip
        directory += name
    count = len(entries) if claims is None else claims
    return bytes(
        body + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0)
    )


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


# --- bombs ----------------------------------------------------------------------------------------------------------


def test_an_entry_that_expands_without_end() -> None:
    bomb = deflated(bytes(64 * MIB))
    assert gaps("/a.jar", archive((b"A.class", bomb, 64 * MIB))) == ["too-large"]
    assert gaps("/a.jar", archive((b"A.class", bomb, 100))) == ["malformed"]
    assert gaps("/a.jar", archive((b"META-INF/MANIFEST.MF", bomb, 64 * MIB))) == ["too-large"]


def test_many_entries_that_share_one_kernel() -> None:
    """Every name points at the same packed bytes, as in the archive that expands ten million times."""
    kernel = deflated(bytes(8 * MIB))
    body = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(kernel), 8 * MIB, 0, 0) + kernel
    directory = b"".join(
        struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(kernel), 8 * MIB, 10, 0, 0, 0, 0, 0, 0)
        + b"C%04d.yaml" % n
        for n in range(5_000)
    )
    data = body + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 5_000, 5_000, len(directory), len(body), 0)
    within(5, lambda: gaps("/a.jar", data))
    assert gaps("/a.jar", data) == ["too-large"]


def test_an_archive_in_an_archive_in_an_archive_is_not_entered() -> None:
    data = jar({"A.class": class_file("A")})
    for depth in range(50):
        data = jar({f"BOOT-INF/lib/{depth}.jar": data}, packed=False)
    assert asked("/a.jar", data).found == ()


def test_a_hundred_thousand_entries() -> None:
    entries = tuple((b"d/%06d.txt" % n, b"", 0) for n in range(100_000))
    data = archive(*entries, claims=0xFFFE, method=0)
    within(10, lambda: asked("/a.jar", data))
    assert gaps("/a.jar", data) == []
    assert gaps("/a.jar", data, limits=Limits(jar_entries=70_000)) == ["too-large"]
    assert gaps("/a.jar", data, limits=Limits(jar_entries=1_000)) == ["too-large"]


def test_classes_are_counted_over_all_archives() -> None:
    data = jar({f"C{n}.class": class_file(f"C{n}") for n in range(30)})
    assert gaps("/a.jar", data, limits=Limits(jar_classes=20)) == ["too-large"]
    assert gaps("/a.jar", data, limits=Limits(jar_classes=30)) == []


# --- archives that lie ----------------------------------------------------------------------------------------------

GOOD = archive((b"A.class", deflated(b"x" * 50), 50))


@pytest.mark.parametrize(
    "data",
    [
        b"PK\3\4",
        b"PK\3\4" + bytes(100),
        GOOD[:-1],
        GOOD[:-22] + GOOD[-22:-10] + b"\xff\xff\xff\x7f" + GOOD[-6:],
        GOOD.replace(b"PK\1\2", b"PK\1\3"),
        GOOD[: GOOD.index(b"PK\1\2") + 28] + b"\xff\xff" + GOOD[GOOD.index(b"PK\1\2") + 30 :],
        archive((b"A.class", b"\xff" * 40, 50)),
        archive((b"A.class", deflated(b"x" * 51), 50)),
        archive((b"A.class", deflated(b"x" * 49), 50)),
        archive((b"A.class", b"x" * 50, 50), method=12),
        archive((b"A.class", b"x" * 50, 50), method=0, flags=1),
        b"PK\3\4" + b"PK\5\6" * 10_000,
    ],
)
def test_an_archive_that_is_none(data: bytes) -> None:
    assert gaps("/a.jar", data) == ["malformed"]


def test_every_cut_and_every_flipped_byte() -> None:
    data = jar({"A.class": class_file("A", strings=["/etc"])}, manifest="Main-Class: A\r\nClass-Path: a.jar\r\n")
    for cut in range(4, len(data)):
        assert set(gaps("/a.jar", data[:cut])) <= {"malformed"}
    for at in range(4, len(data)):
        flipped = data[:at] + bytes((data[at] ^ 0xFF,)) + data[at + 1 :]
        assert set(gaps("/a.jar", flipped)) <= {"malformed", "too-large"}


def test_names_are_read_without_the_archive() -> None:
    data = jar({"shop/A.class": b"x", "b": b""})
    tree = ImageBuilder().file("/a.jar", data).file("/b.jar", b"#!/bin/sh\n" + bytes(70_000) + data).tree()
    for path in ("/a.jar", "/b.jar"):
        assert names_in(tree, ImagePath(path), DEFAULT) == ("shop/A.class", "b")
    tree = ImageBuilder().file("/c.jar", data[-30:]).file("/d.jar", b"").tree()
    for path in ("/c.jar", "/d.jar"):
        with pytest.raises(JarError):
            names_in(tree, ImagePath(path), DEFAULT)


def test_zip64_sizes_in_an_extra_field() -> None:
    content = b"x" * 50
    extra = struct.pack("<2H2Q", 1, 16, 50, 50)
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 0, 0, 0, 0, 50, 50, 1, 0) + b"A" + content
    central = struct.pack(
        "<4s6H3L5H2L",
        b"PK\1\2", 45, 45, 0, 0, 0, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 1, len(extra), 0, 0, 0, 0, 0,
    )  # fmt: skip
    central += b"A" + extra
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(central), len(local))
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(local) + len(central), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    data = local + central + end64 + locator + end
    assert Archive(data, DEFAULT).read("A", Budget(DEFAULT)) == content
    tree = ImageBuilder().file("/a.jar", data).tree()
    assert names_in(tree, ImagePath("/a.jar"), DEFAULT) == ("A",)


# --- class files that lie -------------------------------------------------------------------------------------------


def test_every_cut_of_a_class_and_every_flipped_byte() -> None:
    data = class_file("A", strings=["/etc/x"], faces=["F"], code=[("concat", "ls \1"), EXEC, b"\xb1"])
    for cut in range(len(data)):
        _read(data[:cut])
    for at in range(len(data)):
        for flip in (0xFF, 0x01, 0x80):
            _read(data[:at] + bytes((data[at] ^ flip,)) + data[at + 1 :])


def _read(data: bytes) -> None:
    with contextlib.suppress(ClassError):
        list(command_words(read_class(data)))


def test_constants_that_point_at_one_long_text() -> None:
    """65,000 classes named by one text of 64 KB would be four gigabytes if each were decoded."""
    text = b"\1" + struct.pack(">H", 65_000) + b"n" * 65_000
    count = 65_000
    pool = text + b"\7\0\1" * count
    data = b"\xca\xfe\xba\xbe" + struct.pack(">3H", 0, 61, count + 2) + pool
    data += struct.pack(">4H", 0, 2, 0, 0) + bytes(6)
    within(3, lambda: read_class(data))


def test_methods_that_claim_the_same_code() -> None:
    """Attributes of eight bytes that claim megabytes of code overlap; each gives no more than it has."""
    data = bytearray(class_file("A", code=[EXEC]))
    at = data.index(b"\xb6", len(data) - 40)
    data[at - 4 : at] = b"\x7f\xff\xff\xff"
    assert [len(code) for code in read_class(bytes(data)).code()] == [7]


def test_endless_code() -> None:
    body = b"\x2a" * 65_000
    data = class_file("A", code=[("ldc", "ls"), b"\x4b", body, EXEC])
    within(1, lambda: list(command_words(read_class(data))))
    with pytest.raises(ClassError):
        list(command_words(read_class(class_file("A", code=[body, body, EXEC]))))
    assert gaps("/A.class", data, limits=Limits(jar_code=60_000)) == ["too-large"]


@pytest.mark.parametrize(
    "code",
    [
        b"\xaa" + bytes(3) + struct.pack(">3l", 0, 2**31 - 1, -(2**31)),
        b"\xab" + bytes(3) + struct.pack(">2l", 0, -5),
        b"\xab" + bytes(3) + struct.pack(">2l", 0, 2**31 - 1),
        b"\xc4",
        b"\xb6",
        b"\x12",
        b"\xb6\xff\xff",
    ],
)
def test_instructions_that_lie(code: bytes) -> None:
    _read(class_file("A", code=[code], calls=[("java/lang/Runtime", "exec")]))


def test_a_bad_class_does_not_lose_the_others() -> None:
    data = jar({"A.class": b"\xca\xfe\xba\xbejunk", "B.class": class_file("B", classes=["java/time/ZoneId"])})
    found = asked("/a.jar", data).found
    assert [item.reason for item in found if isinstance(item, Gap)] == ["malformed"]
    assert [item for item in found if isinstance(item, Edge) and item.target.path.endswith("tzdb.dat")]


# --- scripts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "X=$X$X\n" * 2_000 + "java -cp $X\n",
        "A=a\n" + "A=$A:$A\n" * 100 + 'exec java -cp "$A" M\n',
        "java -cp " + ":".join(f"/p{n}" for n in range(100_000)) + " M\n",
        "java " + "-cp a " * 50_000 + "\n",
        "java " + '"' * 100_000 + "\n",
        "java $(" * 30_000 + "\n",
        "java ${" * 30_000 + "\n",
        "java \\\n" * 50_000 + "\n",
        "CLASSPATH=" + "`" * 100_000 + "\njava M\n",
        "".join(f"java -jar ../../../../../../etc/passwd {n}\n" for n in range(5_000)),
        "A=" + "/lib/a.jar:" * 2_000 + "\n" + "".join(f'java -cp "$A" M{n}\n' for n in range(100)),
    ],
    ids=[
        "doubling",
        "class path",
        "entries",
        "options",
        "quotes",
        "substitutions",
        "variables",
        "lines",
        "ticks",
        "up",
        "class path, often",
    ],
)
def test_a_script_takes_no_time(text: str) -> None:
    context = context_of(runtime(ImageBuilder()).file("/run.sh", text, mode=0o755))
    commands = read(ShellReader(), context, "/run.sh", language="shell").commands
    within(5, lambda: [list(JavaReader().launched(one, context)) for one in commands if one.program in CLAIMS])
