"""One comparison names what people otherwise collect by hand from two reports and `jq`."""

from __future__ import annotations

import pytest

from tests.certificate_files import certificate, pem
from xraydiff.pipeline import compare
from xraydiff.report.document import Report
from xraydiff.report.text import render_text
from xraydiff.testing import ImageBuilder, elf

LOADER = "/lib64/ld.so"
START = {"cmd": ["/app/run"], "env": ["PATH=/usr/sbin:/usr/bin:/bin"]}


def program(*needs: str) -> bytes:
    return elf(needed=list(needs), interpreter=LOADER, executable=True)


def original() -> ImageBuilder:
    """Thirteen layers, one subject each."""
    image = ImageBuilder().config(**START)  # type: ignore[arg-type]  # a list each
    image.layer("loader").file(LOADER, elf(soname="ld.so"), mode=0o755)
    image.layer("shells").file("/bin/bash", program(), mode=0o755).file("/bin/dash", program(), mode=0o755)
    image.layer("sh").symlink("/bin/sh", "dash").file("/etc/shells", "/bin/sh\n/bin/bash\n")
    image.layer("temporary").directory("/tmp", mode=0o1777).directory("/var/tmp", mode=0o1777)
    image.layer("headers").file("/usr/include/stdio.h", "x").file("/usr/include/sys/types.h", "y")
    image.layer("users").file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/bash\n")
    image.layer("home").directory("/home/ann", uid=1000, gid=1000).file("/home/ann/.profile", "x", uid=1000)
    bundle = pem(certificate())
    image.layer("authorities").file("/usr/share/ca-certificates/mozilla/Some_Root.crt", bundle)
    image.layer("bundle").file("/etc/ssl/certs/ca-certificates.crt", bundle)
    image.layer("libssl").file("/usr/lib/libssl.so.3", elf(soname="libssl.so.3", needed=["libcrypto.so.3"]))
    image.layer("libcrypto").file("/usr/lib/libcrypto.so.3", elf(soname="libcrypto.so.3"))
    image.layer("getcap").file("/usr/sbin/getcap", program(), mode=0o755)
    return image.layer("application").file("/app/run", program(), mode=0o755)


def slim() -> ImageBuilder:
    image = ImageBuilder().config(**START)  # type: ignore[arg-type]  # a list each
    image.file(LOADER, elf(soname="ld.so"), mode=0o755).file("/app/run", program(), mode=0o755)
    return image.directory("/tmp", mode=0o1777).file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")


@pytest.fixture(scope="module")
def report() -> Report:
    with compare(original().image(), slim().image()) as comparison:
        return comparison.report


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("shells", "shells are gone: bash, dash, sh"),
        ("temporary directory", "gone: /var/tmp"),
        ("home", "home directories gone: /home/ann"),
        ("Mozilla's certificates", "Mozilla's list among them"),
        ("libssl and libcrypto", "gone: libcrypto.so.3, libssl.so.3"),
        ("getcap", "privilege tools gone: getcap"),
        ("layers", "13 layers -> 1"),
    ],
)
def test_as_a_finding(report: Report, what: str, words: str) -> None:
    assert any(words in finding.message for finding in report.findings), what
    assert words in render_text(report)


def test_headers_as_an_inventory_line(report: Report) -> None:
    assert report.original_inventory.headers == ("/usr/include",)
    assert report.slim_inventory.headers == ()
    assert {row.name: row.count for row in report.summary.removed_by_class}["header"] >= 2


def test_nothing_of_it_is_grave(report: Report) -> None:
    assert [f.message for f in report.findings if f.severity.word in ("critical", "high")] == []
