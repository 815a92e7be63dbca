"""Paths, zones and programs that programs of Go and Rust name, whose strings end nowhere."""

from __future__ import annotations

import pytest

from tests.elf_files import TEXTS, coded, x86
from xraydiff import compare
from xraydiff.facts import Certainty, Edge, Node, Outlook
from xraydiff.paths import ImagePath
from xraydiff.references import Context, Subject
from xraydiff.references.readers.elf_capabilities import ElfCapabilitiesReader
from xraydiff.testing import ImageBuilder, elf

PROGRAM = ImagePath("/usr/local/bin/shop")

GO = b"\xff Go buildinf:"
RUST = b"/rustc/" + b"0123456789" * 4 + b"/library/core/src/panicking.rs"
FILES = {
    "/data/socks.json": b"{}",
    "/data/socks.json.bak": b"{}",
    "/srv/shop/templates/index.html": b"<p>",
    "/srv/shop/templates/mail/new.txt": b"hi",
    "/srv/shop/static/a.css": b"",
    "/srv/shop/static/b/c.js": b"",
    "/usr/share/zoneinfo/Europe/Rome": b"TZif",
    "/usr/share/zoneinfo/Europe/Oslo": b"TZif",
    "/etc/mime.types": b"text/html html",
    "/usr/share/doc/x": b"x",
}
TOOLS = ("/usr/bin/git", "/usr/bin/sort", "/bin/sh")


def program(*texts: str, mark: bytes = GO) -> bytes:
    """A program whose code uses these strings, each by its address and its length, one behind the other."""
    blob, code = b"", b""
    for text in texts:
        address, data = TEXTS + len(blob), text.encode()
        code = x86(code, address) if not code else code + x86(bytes(len(code)), address)[len(code) :]
        code += b"\xbb" + len(data).to_bytes(4, "little")
        blob += data
    return coded(code, blob + b"\0" + mark)


def named(data: bytes, *, cwd: str = "/srv/shop") -> set[str]:
    """What such a program names in an image that holds everything."""
    builder = ImageBuilder().file(PROGRAM, data, mode=0o755)
    for path, content in FILES.items():
        builder.file(path, content)
    for path in TOOLS:
        builder.file(path, b"\x7fELF", mode=0o755)
    tree, config = builder.tree(), builder.image().config
    search = (ImagePath("/usr/bin"), ImagePath("/bin"))
    context = Context(original=tree, config=config, env={}, path=search, cwd=ImagePath(cwd))
    subject = Subject(node=Node(path=PROGRAM), path=PROGRAM, file=tree.files[PROGRAM], tree=tree, data=data)
    found = list(ElfCapabilitiesReader().read(subject, context))
    return {one.target.path for one in found if isinstance(one, Edge)}


@pytest.mark.parametrize("mark", [GO, RUST], ids=["Go", "Rust"])
@pytest.mark.parametrize(
    ("texts", "paths"),
    [
        (("GET", "/data/socks.json", "POST"), {"/data/socks.json"}),
        (("Not Found", "templates/*.html", "x"), {"/srv/shop/templates/index.html"}),
        (("templates/mail/new.txt", "text/html"), {"/srv/shop/templates/mail/new.txt"}),
        (("static", "text/html"), {"/srv/shop/static"}),
        (("Monday", "Europe/Rome", "January"), {"/usr/share/zoneinfo/Europe/Rome"}),
        (("/etc/mime.types", "/etc", "/dev/null"), set()),
        (("git", "sort", "sh"), set()),
        (("/data/", "socks.json"), {"/data"}),
        (("/usr/share/none", "../../etc/x", "."), set()),
    ],
    ids=[
        "a path",
        "a pattern",
        "a relative path",
        "a directory",
        "a zone",
        "what every program has",
        "programs that nothing starts",
        "texts side by side are none together",
        "nothing",
    ],
)
def test_names(texts: tuple[str, ...], paths: set[str], mark: bytes) -> None:
    assert named(program(*texts, mark=mark)) == paths


def test_programs_that_go_starts() -> None:
    data = program("git", "sort", "sh", mark=GO + b"os/exec.Command")
    assert named(data) == {"/usr/bin/git"}
    data = program("git", "sort", "sh", "-c", mark=GO + b"os/exec.Command")
    assert named(data) == {"/usr/bin/git", "/bin/sh"}


@pytest.mark.parametrize("cwd", ["/srv", "/"])
def test_relative_names_count_from_the_working_directory(cwd: str) -> None:
    assert named(program("templates/index.html", "static", "srv/shop/static"), cwd=cwd) == set()


@pytest.mark.parametrize(("strings", "paths"), [(["git", "sort"], {"/usr/bin/git"}), (["gi", "/git"], set())])
def test_programs_that_c_searches(strings: list[str], paths: set[str]) -> None:
    assert named(elf(imports=["execvp"], data=strings, executable=True)) == paths
    assert named(elf(imports=["execve"], data=strings, executable=True)) == set()


def test_a_program_that_names_a_removed_file_is_a_finding_and_no_gap() -> None:
    data = program("GET", "/data/socks.json", "POST")
    pair = [ImageBuilder().config(entrypoint=[PROGRAM]).file(PROGRAM, data, mode=0o755) for _ in range(2)]
    pair[0].file("/data/socks.json", b"{}").file("/usr/share/doc/x", b"x")
    with compare(pair[0].image(), pair[1].image()) as comparison:
        missing = comparison.missing("/data/socks.json")
        assert comparison.report.summary.outlook is Outlook.RISKY
    assert missing is not None
    assert missing.certainty is Certainty.LIKELY
