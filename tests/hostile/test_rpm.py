"""rpm databases that were made to hide, to stall or to crash, real ones with known counts, and seeded damage."""

from __future__ import annotations

import random
import sqlite3
import struct
import time
from pathlib import Path

import pytest

from tests import rpm_files as rpm
from tests.patience import SLOW
from xraydiff.facts import Package, Problem, Scope
from xraydiff.inventory.packages import read_packages
from xraydiff.inventory.packages.rpm import bdb, header, ndb
from xraydiff.inventory.packages.rpm.header import BadHeader
from xraydiff.inventory.packages.rpm.source import BadDatabase, Source
from xraydiff.limits import Limits
from xraydiff.testing import ImageBuilder

SQLITE, NDB, BDB = "var/lib/rpm/rpmdb.sqlite", "var/lib/rpm/Packages.db", "var/lib/rpm/Packages"
SEED = 20_240_229
TRIALS = 1_500


def read(
    name: str, content: bytes, limits: Limits | None = None, **beside: bytes
) -> tuple[tuple[Package, ...], tuple[Problem, ...]]:
    """Packages and problems of an image that holds one database, in less than two seconds."""
    image = ImageBuilder().layer().file(name, content)
    for suffix, more in beside.items():
        image.file(f"{name}-{suffix}", more)
    tree = image.tree()
    start = time.process_time()
    packages, databases, problems = read_packages(tree, limits=limits or Limits())
    assert time.process_time() - start < 2 * SLOW
    assert databases == (f"/{name}",)
    return packages, problems


def incomplete(problems: tuple[Problem, ...]) -> bool:
    return any(problem.code == "bad-rpmdb" and problem.fatal and problem.scope is Scope.READING for problem in problems)


def corpus_file(corpus: Path, path: str) -> bytes:
    return (corpus / path).read_bytes()


LIBUUID = "knqyf263+go-rpmdb/pkg/testdata/libuuid/Packages"
SLE15 = "knqyf263+go-rpmdb/pkg/testdata/sle15-bci/Packages.db"
MARINER = "knqyf263+go-rpmdb/pkg/testdata/cbl-mariner-2.0/rpmdb.sqlite"
DIVE = "anchore+syft/syft/pkg/cataloger/redhat/testdata/Packages"
EPOCH = "google+osv-scalibr/extractor/filesystem/os/rpm/testdata/Packages_epoch"


@pytest.mark.parametrize(
    ("name", "path", "count", "one"),
    [
        (SQLITE, MARINER, 129, "mariner-release 2.0-4.cm2"),
        (NDB, SLE15, 35, "rpm-ndb 4.14.3-40.1"),
        (BDB, LIBUUID, 1, "libuuid 2.32.1-42.el8_8"),
        (BDB, DIVE, 1, "dive 0.9.2-1"),
        (BDB, EPOCH, 1, "hello 1:0.0.1-rls"),
    ],
    ids=["rpm_sqlite_mariner", "rpm_ndb_sle15", "rpm_bdb_libuuid", "rpm_bdb_dive", "rpm_bdb_epoch"],
)
def test_counts_of_real_databases(corpus: Path, name: str, path: str, count: int, one: str) -> None:
    packages, problems = read(name, corpus_file(corpus, path))
    assert len(packages) == count
    assert one in {f"{package.name} {package.version}" for package in packages}
    assert problems == ()


def test_a_real_header_alone(corpus: Path) -> None:
    blob = corpus_file(corpus, "quay+claircore/internal/rpm/rpmdb/testdata/package.header")
    found = header.parse(blob, Limits())
    assert found.texts[header.NAME] == "crypto-policies"
    assert found.version == "20210213-1.git5c710c0.fc34"
    assert len(found.lists[header.BASENAMES]) == len(found.numbers[header.DIRINDEXES]) == 152


def test_a_real_package_owns_its_file(corpus: Path) -> None:
    image = ImageBuilder().layer().file(BDB, corpus_file(corpus, DIVE)).file("usr/local/bin/dive", b"x", mode=0o755)
    (package,), _, _ = read_packages(image.tree())
    assert package.files == {"/usr/local/bin/dive"}


# --- Berkeley DB ------------------------------------------------------------------------------------------------------

LONG = rpm.package("long", {f"/usr/share/some/where/file{i}": 0o100644 for i in range(700)})
"""Its value takes four pages of 4,096 bytes."""


def patched(content: bytes, at: int, code: str, *values: int) -> bytes:
    raw = struct.pack(code, *values)
    return content[:at] + raw + content[at + len(raw) :]


def page_at(number: int, offset: int = 0, size: int = 4_096) -> int:
    return number * size + offset


@pytest.mark.parametrize(
    "content",
    [
        patched(rpm.bdb([LONG]), page_at(3, 16), "<I", 2),
        patched(rpm.bdb([LONG]), page_at(3, 16), "<I", 3),
        patched(rpm.bdb([LONG]), page_at(3, 16), "<I", 9_999),
        patched(rpm.bdb([LONG]), page_at(3), "<1024I", *[0] * 1_024),
        patched(rpm.bdb([LONG]), page_at(2, 22), "<H", 0xFFFF),
        patched(rpm.bdb([LONG]), page_at(2, 22), "<H", 0),
        patched(rpm.bdb([LONG]), page_at(1, 4_096 - 5 - 5 - 5 - 4), "<I", 0x7FFFFFFF),
        patched(rpm.bdb([LONG]), page_at(1, 20), "<H", 0xFFFE),
        patched(rpm.bdb([LONG]), page_at(1, 26), "<H", 5),
        patched(rpm.bdb([LONG]), page_at(1, 8), "<I", 7),
        patched(rpm.bdb([LONG]), 20, "<I", 0),
        patched(rpm.bdb([LONG]), 20, "<I", 1 << 31),
        patched(rpm.bdb([LONG]), 32, "<I", 1 << 31),
        patched(rpm.bdb([LONG]), 24, "B", 1),
        rpm.bdb([LONG])[: page_at(4)],
        rpm.bdb([LONG])[:100],
        b"\0" * 100,
        b"",
    ],
    ids=[
        "chain_loop",
        "chain_self",
        "page_oob",
        "zero_page",
        "used_too_large",
        "used_none",
        "length",
        "entries",
        "entry",
        "page_number",
        "page_size_0",
        "page_size_huge",
        "last_page",
        "encrypted",
        "cut",
        "short",
        "zeros",
        "empty",
    ],
)
def test_rpm_bdb_broken(content: bytes) -> None:
    packages, problems = read(BDB, content)
    assert packages == ()
    assert incomplete(problems)


@pytest.mark.parametrize(("at", "code", "value"), [(16, "<I", 2), (16, "<I", 9_999), (25, "B", 0)])
def test_rpm_bdb_real_chain_broken(corpus: Path, at: int, code: str, value: int) -> None:
    content = corpus_file(corpus, LIBUUID)
    chain = next(page for page in range(1, len(content) // 4_096) if content[page_at(page, 25)] == 7)
    _, problems = read(BDB, patched(content, page_at(chain, at), code, value))
    assert incomplete(problems)


def test_what_stood_before_the_fault_is_kept() -> None:
    content = patched(rpm.bdb([rpm.package("first"), LONG]), page_at(4, 16), "<I", 2)
    packages, problems = read(BDB, content)
    assert [package.name for package in packages] == ["first"]
    assert incomplete(problems)


def test_two_values_cannot_share_a_chain() -> None:
    content = rpm.bdb([LONG, LONG])
    second = content.rfind(struct.pack("<I", 2 + len(LONG) // 4_070 + 1), 0, page_at(2))
    assert second > 0
    packages, problems = read(BDB, patched(content, second, "<I", 2))
    assert len(packages) == 1
    assert incomplete(problems)


def test_a_btree_is_no_database_of_rpm() -> None:
    assert incomplete(read(BDB, patched(rpm.bdb([LONG]), 12, "<I", 0x053162))[1])


# --- ndb --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        patched(rpm.ndb([LONG]), 12, "<I", 0),
        patched(rpm.ndb([LONG]), 12, "<I", 0xFFFFFFFF),
        patched(rpm.ndb([LONG]), 4, "<I", 1),
        patched(rpm.ndb([LONG]), 32, "<I", 0),
        patched(rpm.ndb([LONG]), 40, "<I", 0xFFFFFFF),
        patched(rpm.ndb([LONG]), 40, "<I", 1),
        patched(rpm.ndb([LONG]), 44, "<I", 0xFFFFFFFF),
        patched(rpm.ndb([LONG]), 44, "<I", 0),
        patched(rpm.ndb([LONG]), 4_096, "<I", 0),
        patched(rpm.ndb([LONG]), 4_096 + 12, "<I", 0xFFFFFFFF),
        patched(rpm.ndb([LONG]), 4_096 + 500, "<I", 0xFFFFFFFF),
        rpm.ndb([LONG])[:4_000],
        rpm.ndb([LONG])[:5_000],
    ],
    ids=[
        "no_pages",
        "many_pages",
        "version",
        "slot",
        "offset",
        "into_slots",
        "blocks",
        "no_blocks",
        "head",
        "length",
        "nonsense",
        "cut_slots",
        "cut",
    ],
)
def test_rpm_ndb_broken(content: bytes) -> None:
    packages, problems = read(NDB, content)
    assert packages == ()
    assert incomplete(problems)


def test_rpm_ndb_one_package_in_two_slots() -> None:
    content = rpm.ndb([LONG, rpm.package("b")])
    packages, problems = read(NDB, patched(content, 48 + 4, "<III", *struct.unpack_from("<III", content, 36)))
    assert [package.name for package in packages] == ["long"]
    assert incomplete(problems)


# --- SQLite -----------------------------------------------------------------------------------------------------------

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS hnum, x'00' AS blob FROM n"


def table(sql: str) -> bytes:
    """A database made by any SQL."""
    with sqlite3.connect(":memory:") as database:
        database.executescript(sql)
        content = database.serialize()
    database.close()
    return content


@pytest.mark.parametrize(
    "content",
    [
        table(f"CREATE VIEW Packages AS {ENDLESS}"),
        table(f"CREATE VIEW packages AS {ENDLESS}"),
        rpm.sqlite([LONG], "CREATE TRIGGER t AFTER INSERT ON Packages BEGIN DELETE FROM Packages; END"),
        rpm.sqlite([LONG], f"CREATE VIEW other AS {ENDLESS}"),
        table("CREATE VIRTUAL TABLE Packages USING fts4(hnum, blob)"),
        table("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob AS (zeroblob(1000000000)))"),
        table(
            "CREATE TABLE Packages (hnum TEXT PRIMARY KEY, blob BLOB) WITHOUT ROWID; INSERT INTO Packages VALUES (1, 2)"
        ),
        table("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB); INSERT INTO Packages VALUES (1, 'text')"),
        table("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY)"),
        table("CREATE TABLE Other (a)"),
        rpm.sqlite([LONG])[:4_096],
        rpm.sqlite([LONG])[:60],
        patched(rpm.sqlite([LONG]), 100, "8B", *[0xFF] * 8),
        patched(rpm.sqlite([LONG]), 16, ">H", 3),
        b"SQLite format 3\0",
        b"",
        rpm.sqlite([b"\0" * 17_000_000]),
    ],
    ids=[
        "view",
        "view_lower_case",
        "trigger",
        "other_view",
        "virtual",
        "computed",
        "without_rowid",
        "text",
        "columns",
        "no_table",
        "cut",
        "short",
        "corrupt",
        "page_size",
        "magic_only",
        "empty",
        "huge_blob",
    ],
)
def test_rpm_sqlite_broken(content: bytes) -> None:
    packages, problems = read(SQLITE, content)
    assert packages == ()
    assert incomplete(problems)


def test_rpm_sqlite_corpus_without_table(corpus: Path) -> None:
    path = "quay+claircore/internal/rpm/sqlite/testdata/no_packages.sqlite"
    packages, problems = read(SQLITE, corpus_file(corpus, path))
    assert packages == ()
    assert incomplete(problems)


def test_rpm_sqlite_steps_are_bounded() -> None:
    content = rpm.sqlite([rpm.package(f"p{i}") for i in range(3_000)])
    packages, problems = read(SQLITE, content, Limits(rpm_steps=5_000))
    assert len(packages) < 3_000
    assert incomplete(problems)


def test_rpm_sqlite_pages_that_are_their_own_children_end() -> None:
    """An interior page whose children are the page itself: as many paths through it as it has cells, to the depth."""
    content = bytearray(rpm.sqlite([rpm.package(f"p{i}") for i in range(3_000)]))
    size = struct.unpack_from(">H", content, 16)[0]
    root = next(at for at in range(size, len(content), size) if content[at] == 5)
    (cells,) = struct.unpack_from(">H", content, root + 3)
    number = root // size + 1
    for cell in struct.unpack_from(f">{cells}H", content, root + 12):
        struct.pack_into(">I", content, root + cell, number)
    struct.pack_into(">I", content, root + 8, number)
    assert incomplete(read(SQLITE, bytes(content))[1])


def test_rpm_sqlite_an_endless_log_and_a_broken_one(tmp_path: Path) -> None:
    database, log = rpm.sqlite_with_log(tmp_path, [rpm.package("a")], [rpm.package("b")])
    assert len(read(SQLITE, database, wal=log)[0]) == 2
    for damaged in (b"nonsense" * 100, log[:20], patched(log, 24, ">I", 1), patched(log, 0, ">I", 7)):
        packages, problems = read(SQLITE, database, wal=damaged)
        assert [package.name for package in packages] == ["a"]
        assert [problem.code for problem in problems] == ["rpmdb-wal-ignored"]
    _, problems = read(SQLITE, database, Limits(package_database=100), wal=log)
    assert [(problem.code, problem.fatal) for problem in problems] == [("rpmdb-wal-ignored", True)]


def test_rpm_sqlite_frames_that_were_never_committed_do_not_count(tmp_path: Path) -> None:
    database, log = rpm.sqlite_with_log(tmp_path, [rpm.package("a")], [rpm.package("b")])
    damaged = patched(log, len(log) - 1, "B", log[-1] ^ 1)
    packages, problems = read(SQLITE, database, wal=damaged)
    assert ([package.name for package in packages], problems) == (["a"], ())


def test_rpm_sqlite_log_agrees_with_sqlite(tmp_path: Path) -> None:
    """SQLite itself reads the same packages from the same two files, whatever byte of the log is damaged."""
    database, log = rpm.sqlite_with_log(tmp_path, [rpm.package("a")], [rpm.package("b")])
    place = random.Random(SEED)  # noqa: S311  damage that is the same each time
    for index in range(40):
        at = place.randrange(len(log))
        damaged = patched(log, at, "B", log[at] ^ (1 << place.randrange(8)))
        folder = tmp_path / str(index)
        folder.mkdir()
        (folder / "db").write_bytes(database)
        (folder / "db-wal").write_bytes(damaged)
        theirs = sqlite3.connect(folder / "db")
        (count,) = theirs.execute("SELECT count(*) FROM Packages").fetchone()
        theirs.close()
        assert len(read(SQLITE, database, wal=damaged)[0]) == count


# --- headers ----------------------------------------------------------------------------------------------------------


def with_tag(tag: int, kind: int, offset: int, count: int) -> bytes:
    """A header whose one entry besides the name says anything."""
    return struct.pack(">II", 2, 4) + struct.pack(">8I", 1_000, 6, 0, 1, tag, kind, offset, count) + b"abc\0"


@pytest.mark.parametrize(
    "blob",
    [
        struct.pack(">II", 1 << 31, 4) + b"\0" * 100,
        struct.pack(">II", 1, 1 << 31) + b"\0" * 100,
        struct.pack(">II", 0xFFFFFFFF, 0xFFFFFFFF) + b"\0" * 100,
        struct.pack(">II", 0, 0),
        b"\0\0\0",
        with_tag(1_117, 8, 0xFFFFFFF0, 1),
        with_tag(1_117, 8, 4, 1),
        with_tag(1_117, 8, 0, 0xFFFFFFFF),
        with_tag(1_117, 8, 0, 2),
        with_tag(1_117, 8, 0, 0),
        with_tag(1_117, 4, 0, 1),
        with_tag(1_116, 8, 0, 1),
        with_tag(1_116, 4, 0, 2),
        with_tag(1_116, 4, 1, 1),
        with_tag(1_030, 3, 0xFFFFFFFF, 1),
        with_tag(1_001, 6, 9, 1),
    ],
    ids=[
        "il",
        "dl",
        "both",
        "none",
        "short",
        "offset_negative",
        "offset_end",
        "count_huge",
        "count_more",
        "count_none",
        "type",
        "number_type",
        "numbers",
        "numbers_end",
        "numbers_negative",
        "text",
    ],
)
def test_rpm_header_broken(blob: bytes) -> None:
    packages, problems = read(NDB, rpm.ndb([rpm.package("before"), blob, rpm.package("after")]))
    assert [package.name for package in packages] == ["after", "before"]
    assert [(problem.code, problem.fatal) for problem in problems] == [("bad-rpmdb", False)]


def test_rpm_header_indexes_of_directories_that_are_not_there() -> None:
    for indexes in ([7], [0, 0]):
        one = rpm.package("x", {"/usr/a": 0o100644}, DIRINDEXES=indexes)
        _, problems = read(NDB, rpm.ndb([one]))
        assert [problem.code for problem in problems] == ["bad-rpmdb"]


def test_rpm_header_names_leave_the_image_nowhere() -> None:
    names = {"/../../etc/passwd": 0o100644, "//a/../b": 0o100644, "/usr/..": 0o100644, "/": 0o040755}
    image = ImageBuilder().layer().file(NDB, rpm.ndb([rpm.package("x", names)])).file("etc/passwd", b"")
    (package,), _, _ = read_packages(image.tree())
    assert package.files == {"/etc/passwd"}


def test_rpm_header_one_tag_sixty_thousand_times_is_read_once() -> None:
    text = b"x\0" * 500_000
    index = struct.pack(">4I", 1_000, 6, 0, 1) + struct.pack(">4I", 1_117, 8, 0, 500_000) * 60_000
    start = time.process_time()
    found = header.parse(struct.pack(">II", 60_001, len(text)) + index + text, Limits())
    assert time.process_time() - start < 2 * SLOW
    assert len(found.lists[header.BASENAMES]) == 500_000


def test_rpm_header_bounds() -> None:
    with pytest.raises(BadHeader, match="tags"):
        header.parse(LONG, Limits(rpm_header_tags=3))
    with pytest.raises(BadHeader, match="values"):
        header.parse(LONG, Limits(package_lines=100))
    many = [rpm.package(f"p{i}", {f"/usr/f{j}": 0o100644 for j in range(50)}) for i in range(20)]
    packages, problems = read(NDB, rpm.ndb(many), Limits(package_lines=300))
    assert 0 < len(packages) < 20
    assert incomplete(problems)
    packages, problems = read(NDB, rpm.ndb(many), Limits(packages=5))
    assert len(packages) == 5
    assert incomplete(problems)


def test_rpm_database_too_large() -> None:
    packages, problems = read(NDB, rpm.ndb([LONG]), Limits(rpm_database=1_000))
    assert packages == ()
    assert incomplete(problems)


def test_rpm_no_package_is_never_silent() -> None:
    for name, content in ((SQLITE, rpm.sqlite([])), (NDB, rpm.ndb([])), (BDB, rpm.bdb([]))):
        packages, problems = read(name, content)
        assert packages == ()
        assert [problem.message for problem in problems] == ["holds no package"]


def test_rpm_db_symlinked_out() -> None:
    image = ImageBuilder().layer().file("usr/lib/sysimage/rpm/rpmdb.sqlite", rpm.sqlite([LONG]))
    image.symlink("var/lib/rpm", "/../../usr/lib/sysimage/rpm")
    packages, databases, _ = read_packages(image.tree())
    assert ([package.name for package in packages], databases) == (["long"], ("/usr/lib/sysimage/rpm/rpmdb.sqlite",))
    out = ImageBuilder().layer().symlink("var/lib/rpm", "/etc").symlink("usr/share/rpm/Packages", "/../etc/passwd")
    assert read_packages(out.tree()) == ((), (), ())


# --- seeded damage ----------------------------------------------------------------------------------------------------


def damaged(content: bytes, chance: random.Random) -> bytes:
    """One to four bytes changed, or a part cut out, doubled or zeroed."""
    raw = bytearray(content)
    start = chance.randrange(len(raw))
    end = min(len(raw), start + chance.choice((16, 512, 4_096)))
    match chance.randrange(8):
        case 0:
            del raw[start:]
        case 1:
            raw[start:end] = bytes(end - start)
        case 2:
            raw[start:start] = raw[start:end]
        case _:
            for _ in range(chance.randrange(1, 5)):
                # Structure stands at the start of pages, so half of the damage goes there.
                at = chance.randrange(len(raw)) & (~0xFE0 if chance.random() < 0.5 else ~0)
                raw[at] = chance.choice((0, 0xFF, chance.randrange(256)))
    return bytes(raw)


@pytest.mark.parametrize(
    ("form", "content"),
    [
        (bdb, rpm.bdb([rpm.package(f"p{i}", {f"/usr/f{j}": 0o100644 for j in range(i * 9)}) for i in range(40)])),
        (bdb, rpm.bdb([rpm.package(f"p{i}") for i in range(12)], order=">", inline=True)),
        (ndb, rpm.ndb([rpm.package(f"p{i}", {f"/usr/f{j}": 0o100644 for j in range(i * 9)}) for i in range(40)])),
    ],
    ids=["bdb", "bdb_inline", "ndb"],
)
def test_rpm_mutation(form: object, content: bytes) -> None:
    """Damage gives a typed error or blobs of a bounded size, never anything else and never for long."""
    reader = bdb.read if form is bdb else ndb.read
    whole = sum(1 for _ in reader(source(content)))
    chance = random.Random(SEED)  # noqa: S311  damage that is the same each time
    refused = 0
    start = time.process_time()
    for _ in range(TRIALS):
        raw = damaged(content, chance)
        blobs = 0
        try:
            for blob in reader(source(raw)):
                blobs += 1
                assert len(blob.data) <= len(raw)
                try:
                    header.parse(blob.data, Limits())
                except BadHeader:
                    refused += 1
        except BadDatabase:
            refused += 1
        assert blobs <= whole + 40
    assert refused > TRIALS // 10
    assert time.process_time() - start < 20 * SLOW


def source(content: bytes) -> Source:
    return Source(size=len(content), read=lambda at, length: content[at : at + length], limits=Limits())


def test_rpm_mutation_of_headers() -> None:
    chance = random.Random(SEED)  # noqa: S311  damage that is the same each time
    for _ in range(TRIALS):
        try:
            found = header.parse(damaged(LONG, chance), Limits())
        except BadHeader:
            continue
        assert len(found.lists.get(header.BASENAMES, ())) <= len(LONG)


def test_rpm_mutation_of_sqlite() -> None:
    content = rpm.sqlite([rpm.package(f"p{i}", {f"/usr/f{j}": 0o100644 for j in range(i * 9)}) for i in range(40)])
    chance = random.Random(SEED)  # noqa: S311  damage that is the same each time
    for _ in range(150):
        packages, problems = read(SQLITE, damaged(content, chance))
        assert len(packages) == 40 or problems
