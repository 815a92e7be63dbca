"""What the minifier says of its run, over whole pairs: raised certainties, roots, and paths that were to be kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xraydiff.facts import Finding, When
from xraydiff.pipeline import compare
from xraydiff.report.document import Report
from xraydiff.testing import ImageBuilder, elf

LOADER = "/lib64/ld.so"
STATUS = "Package: pkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"


def program(*needs: str, data: tuple[str, ...] = ()) -> bytes:
    return elf(needed=list(needs), interpreter=LOADER, executable=True, data=list(data))


def base() -> ImageBuilder:
    builder = ImageBuilder().config(cmd=["/app/run"]).file(LOADER, elf(soname="ld.so"), mode=0o755)
    return builder.file("/app/run", program(), mode=0o755)


def packaged(builder: ImageBuilder, *paths: str) -> ImageBuilder:
    builder.file("/var/lib/dpkg/status", STATUS)
    return builder.file("/var/lib/dpkg/info/pkg.list", "/.\n" + "".join(f"{path}\n" for path in paths))


def told(
    folder: Path,
    original: ImageBuilder,
    slim: ImageBuilder,
    *,
    used: tuple[str, ...] = (),
    looked_for: tuple[str, ...] = (),
    keep: tuple[str, ...] = (),
) -> Report:
    report = {
        "image": {"files": [{"file_type": "file", "file_path": path} for path in used]},
        "monitors": {"pt": {"fs_activity": {path: {"ops_checkfile": 1} for path in looked_for}}},
    }
    creport, include = folder / "creport.json", folder / "keep.txt"
    creport.write_text(json.dumps(report))
    include.write_text("".join(f"{path}\n" for path in keep))
    with compare(original.image(), slim.image(), creport=creport, include_file=include) as comparison:
        return comparison.report


def certainties(report: Report) -> dict[str, str]:
    return {one.path: one.certainty.word for one in report.suggestions}


def included(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.rule.startswith("INC")]


def test_a_file_that_the_run_looked_for_is_more_certain(tmp_path: Path) -> None:
    library = elf(soname="libpkg.so", data=["/etc/theirs.dat", "/etc/other.dat"])
    owned = ("/usr/lib/libpkg.so", "/etc/theirs.dat", "/etc/other.dat")
    slim = packaged(base().file("/usr/lib/libpkg.so", library), *owned)
    original = packaged(base().file("/usr/lib/libpkg.so", library), *owned)
    original.file("/etc/theirs.dat", "1").file("/etc/other.dat", "2")
    without = certainties(told(tmp_path, original, slim))
    assert without == {"/etc/theirs.dat": "possible", "/etc/other.dat": "possible"}
    found = certainties(told(tmp_path, original, slim, looked_for=("/etc/theirs.dat", "/etc/nothing")))
    assert found == {"/etc/theirs.dat": "likely", "/etc/other.dat": "possible"}


def test_a_file_that_the_run_used_and_slim_lacks(tmp_path: Path) -> None:
    original = base().file("/opt/tool", program("libtool.so"), mode=0o755)
    original.file("/usr/lib/libtool.so", elf(soname="libtool.so")).file("/run/app.pid", "1").file("/tmp/x", "1")
    used = ("/app/run", "/opt/tool", "/run/app.pid", "/tmp/x")
    assert certainties(told(tmp_path, original, base())) == {}
    report = told(tmp_path, original, base(), used=used)
    assert certainties(report) == {"/opt/tool": "likely", "/usr/lib/libtool.so": "likely"}
    (finding,) = [finding for finding in report.findings if "/opt/tool" in finding.restore]
    assert "the minifier's run" in finding.message


def test_a_kept_file_that_the_run_used_is_no_mere_bystander(tmp_path: Path) -> None:
    plugin = elf(soname="plug.so", needed=["libneed.so"])
    slim = packaged(base().file("/usr/lib/plug.so", plugin), "/usr/lib/plug.so", "/usr/lib/libneed.so")
    original = packaged(base().file("/usr/lib/plug.so", plugin), "/usr/lib/plug.so", "/usr/lib/libneed.so")
    original.file("/usr/lib/libneed.so", elf(soname="libneed.so"))
    assert certainties(told(tmp_path, original, slim)) == {"/usr/lib/libneed.so": "possible"}
    assert certainties(told(tmp_path, original, slim, used=("/usr/lib/plug.so",))) == {"/usr/lib/libneed.so": "proven"}


def test_a_path_that_was_to_be_kept(tmp_path: Path) -> None:
    original = base().file("/opt/tool-1.0", program("libtool.so"), mode=0o755).symlink("/opt/tool", "tool-1.0")
    original.file("/usr/lib/libtool.so", elf(soname="libtool.so"))
    report = told(tmp_path, original, base(), keep=("/opt/tool", "/app/run"))
    (finding,) = included(report)
    assert (finding.rule, finding.severity.word, finding.certainty.word) == ("INC001", "high", "proven")
    assert finding.when is When.USE
    assert finding.subject == "/opt/tool"
    assert finding.message == "/opt/tool was to be kept, and /opt/tool-1.0 are gone"
    assert finding.restore == ("/opt/tool", "/opt/tool-1.0", "/usr/lib/libtool.so")
    assert finding.evidence[-1].target in finding.restore
    assert certainties(report) == dict.fromkeys(finding.restore, "proven")
    assert report.summary.outlook == "risky"


def test_a_link_that_was_kept_without_what_it_leads_to(tmp_path: Path) -> None:
    original = base().file("/opt/data-1.0", "x").symlink("/opt/data", "data-1.0")
    (finding,) = included(told(tmp_path, original, base().symlink("/opt/data", "data-1.0"), keep=("/opt/data",)))
    assert finding.message == "/opt/data was to be kept, and /opt/data-1.0 is gone"


def test_a_directory_that_was_to_be_kept(tmp_path: Path) -> None:
    original = base().file("/srv/www/a", "1").file("/srv/www/b", "2").directory("/srv/www/empty")
    slim = base().file("/srv/www/a", "1")
    (finding,) = included(told(tmp_path, original, slim, keep=("/srv/www", "/srv/www/b")))
    assert finding.restore == ("/srv/www/b", "/srv/www/empty")
    assert finding.count == 2


def test_what_other_evidence_says_stays(tmp_path: Path) -> None:
    original = base().file("/app/run", program("libx.so"), mode=0o755).file("/usr/lib/libx.so", elf(soname="libx.so"))
    slim = base().file("/app/run", program("libx.so"), mode=0o755)
    report = told(tmp_path, original, slim, keep=("/usr/lib/libx.so",))
    assert {"IMG002", "INC001"} <= {finding.rule for finding in report.findings}
    assert report.summary.outlook == "broken"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/srv/absent", "line 1 of the paths to keep: the original has no such path"),
        ("/srv/a:b", "line 1 of the paths to keep: a path with a colon needs a mode behind it"),
        ("/proc", "line 1 of the paths to keep: the minifier ignores this directory"),
    ],
)
def test_a_line_without_effect(tmp_path: Path, line: str, message: str) -> None:
    report = told(tmp_path, base().file("/srv/gone", "x"), base(), keep=(line,))
    (finding,) = included(report)
    assert (finding.rule, finding.severity.word, finding.when, finding.message) == ("INC002", "low", None, message)


def test_nothing_told_changes_nothing(tmp_path: Path) -> None:
    original = base().file("/srv/gone", "x")
    with compare(original.image(), base().image()) as comparison:
        assert told(tmp_path, original, base()) == comparison.report


def test_names_made_to_be_looked_up_for_ever(tmp_path: Path) -> None:
    original = base().file("/srv/gone", "x").symlink("/loop", "loop")
    long = "/x" * 100_000
    report = told(
        tmp_path, original, base(), used=("/loop", long, "/\ud800"), looked_for=("/loop/x", long), keep=("/loop", long)
    )
    assert report.complete
    assert certainties(report) == {}
