"""How far the walk goes from what is missing: to the end where that is likely, else as far as the loader does."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

import xraydiff
from xraydiff.facts import Certainty, Outlook, WalkDepth
from xraydiff.pipeline import compare, load_policy, suggest
from xraydiff.policy import evaluate
from xraydiff.report.codec import dump_report, load_report
from xraydiff.report.document import Report
from xraydiff.testing import ImageBuilder, elf

STATUS = "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
LOADER = "/lib64/ld.so"
LIKELY, POSSIBLE = WalkDepth.LIKELY, WalkDepth.POSSIBLE
TODAY = dt.date(2026, 11, 24)


def program(*needs: str, data: tuple[str, ...] = ()) -> bytes:
    return elf(needed=list(needs), interpreter=LOADER, executable=True, data=list(data))


def base(*, data: tuple[str, ...] = ()) -> ImageBuilder:
    """An application, and a package's library that it loads and whose strings name files."""
    image = ImageBuilder().file(LOADER, elf(soname="ld.so"), mode=0o755).config(cmd=["/app/run"], env=["PATH=/bin"])
    image.file("/app/run", program("libpkg.so"), mode=0o755)
    image.file("/usr/lib/libpkg.so", elf(soname="libpkg.so", data=list(data)))
    owned = "/usr/lib/libpkg.so\n/usr/bin/tool\n/usr/bin/fetch\n/bin/sh\n/bin/sed\n/usr/lib/libfar.so\n/etc/far.conf\n"
    image.file("/var/lib/dpkg/status", STATUS.format(name="pkg"))
    return image.file("/var/lib/dpkg/info/pkg.list", "/.\n" + owned)


def pair() -> tuple[ImageBuilder, ImageBuilder]:
    """A package's library names a script and a program that are gone, each of which needs more."""
    names = ("/usr/bin/tool", "/usr/bin/fetch")
    original = base(data=names).file("/usr/bin/tool", "#!/bin/sh\nsed -n 1p /etc/far.conf\n", mode=0o755)
    original.file("/usr/bin/fetch", program("libfar.so", data=("/etc/far.conf",)), mode=0o755)
    for path in ("/bin/sh", "/bin/sed"):
        original.file(path, program(), mode=0o755)
    original.file("/usr/lib/libfar.so", elf(soname="libfar.so")).file("/etc/far.conf", "x")
    return original, base(data=names)


def reported(original: ImageBuilder, slim: ImageBuilder, depth: WalkDepth) -> Report:
    with compare(original.image(), slim.image(), depth=depth) as comparison:
        return comparison.report


def paths(report: Report, certainty: Certainty = Certainty.POSSIBLE) -> set[str]:
    return {item.path for item in suggest(report, certainty=certainty).items}


def test_what_is_only_possible_is_followed_as_far_as_the_loader_goes() -> None:
    near = {"/usr/bin/tool", "/bin/sh", "/usr/bin/fetch", "/usr/lib/libfar.so"}
    assert paths(reported(*pair(), LIKELY)) == near
    assert paths(reported(*pair(), POSSIBLE)) == {*near, "/bin/sed", "/etc/far.conf"}


def test_it_is_the_default() -> None:
    original, slim = pair()
    with compare(original.image(), slim.image()) as comparison:
        assert comparison.report == reported(*pair(), LIKELY)


def test_no_script_behind_it_is_parsed() -> None:
    parsed = {
        depth: next(line.parsed for line in reported(*pair(), depth).coverage if line.reader == "shell")
        for depth in WalkDepth
    }
    assert parsed == {LIKELY: 0, POSSIBLE: 1}


def test_what_is_likely_is_followed_to_its_end_at_every_depth() -> None:
    original, slim = pair()
    for image in (original, slim):
        image.file("/app/run", program("libpkg.so", data=("/usr/bin/tool",)), mode=0o755)
    found = {depth: reported(original, slim, depth) for depth in WalkDepth}
    sure = {depth: paths(report, Certainty.LIKELY) for depth, report in found.items()}
    assert sure[LIKELY] == sure[POSSIBLE] == {"/usr/bin/tool", "/bin/sh", "/bin/sed"}
    assert found[LIKELY].summary.outlook is found[POSSIBLE].summary.outlook is Outlook.RISKY


def test_what_was_to_be_kept_is_followed_to_its_end_although_a_library_names_it_too(
    tmp_path: Path,
) -> None:
    told = tmp_path / "include"
    told.write_text("/usr/bin/tool\n")
    original, slim = pair()
    with compare(original.image(), slim.image(), include_file=told) as comparison:
        assert paths(comparison.report, Certainty.LIKELY) >= {"/usr/bin/tool", "/bin/sh", "/bin/sed"}


BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


@pytest.mark.parametrize(
    ("string", "gone", "family"),
    [
        (BUNDLE, {BUNDLE: "-----BEGIN CERTIFICATE-----\n"}, "CRT"),
        ("/usr/lib/ssl/cert.pem", {"/usr/lib/ssl/cert.pem": "-----BEGIN CERTIFICATE-----\n"}, "CRT"),
        ("/usr/lib/ossl-modules/legacy.so", {"/usr/lib/ossl-modules/legacy.so": elf(soname="legacy.so")}, "TLS"),
    ],
)
def test_what_the_built_in_policy_blocks_when_it_is_only_possible_is_found_at_every_depth(
    string: str, gone: dict[str, str | bytes], family: str
) -> None:
    verdicts = {}
    for depth in WalkDepth:
        original, slim = base(data=(string,)), base(data=(string,))
        for path, content in gone.items():
            original.file(path, content)
        report = reported(original, slim, depth)
        found = [one for one in report.findings if one.rule.startswith(family) and one.when is not None]
        assert {one.certainty for one in found} == {Certainty.POSSIBLE}
        verdicts[depth] = (found, evaluate(report, load_policy(), today=TODAY).decisions)
        assert any(decision.blocked for decision in verdicts[depth][1])
    assert verdicts[LIKELY] == verdicts[POSSIBLE]


def test_what_openssl_looks_for_in_its_own_directory_is_found_at_every_depth() -> None:
    def image() -> ImageBuilder:
        builder = base().file("/app/libcrypto.so.3", elf(soname="libcrypto.so.3", data=['OPENSSLDIR: "/opt/ssl"']))
        return builder.file("/app/run", program("libpkg.so", data=("/app/libcrypto.so.3",)), mode=0o755)

    found = {}
    for depth in WalkDepth:
        original = image().file("/opt/ssl/cert.pem", "x").file("/opt/ssl/openssl.cnf", "x = y\n")
        found[depth] = reported(original, image(), depth)
    assert found[LIKELY].findings == found[POSSIBLE].findings
    assert paths(found[LIKELY]) >= {"/opt/ssl/cert.pem", "/opt/ssl/openssl.cnf"}


def test_a_script_in_a_kept_file_is_read_however_it_was_found() -> None:
    """A branch of a settled script is only possible, but the file is there: its certificates must not pass unseen."""

    def image() -> ImageBuilder:
        text = f'#!/bin/sh\n[ -z "$X" ] || sh -c "tool --ca {BUNDLE}"\nexec /app/run\n'
        builder = base().config(entrypoint=["/usr/bin/tool"], env=["PATH=/bin"])
        builder.file("/usr/bin/tool", text, mode=0o755)
        return builder.file("/bin/sh", program(), mode=0o755).file("/bin/tool", program(), mode=0o755)

    found = {depth: reported(image().file(BUNDLE, "x"), image(), depth) for depth in WalkDepth}
    assert found[LIKELY].findings == found[POSSIBLE].findings
    assert BUNDLE in paths(found[LIKELY])


def test_a_report_says_how_deep_it_went_and_a_choice_from_it_what_it_lacks() -> None:
    shallow, deep = (reported(*pair(), depth) for depth in WalkDepth)
    assert '"depth": "likely"' in dump_report(shallow)
    assert '"depth"' not in dump_report(deep)
    for report in (shallow, deep):
        assert load_report(dump_report(report)) == report
    for report in (shallow, load_report(dump_report(shallow))):
        lacking = suggest(report, certainty=Certainty.POSSIBLE).lacking
        assert "--depth possible" in lacking
        assert "\n" not in lacking
        assert suggest(report, certainty=Certainty.POSSIBLE, budget=1).lacking == lacking
        assert suggest(report).lacking == ""
    assert suggest(deep, certainty=Certainty.POSSIBLE).lacking == ""


def test_the_word_is_public() -> None:
    assert xraydiff.WalkDepth is WalkDepth
    assert [str(depth) for depth in sorted(WalkDepth)] == ["likely", "possible"]
