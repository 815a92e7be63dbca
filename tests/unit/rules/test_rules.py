"""Every rule on the smallest pair that shows it, and on one that must stay quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date

import pytest

from xraydiff.facts import Certainty, Closure, Finding, Severity, When
from xraydiff.pipeline import compare
from xraydiff.plugins import load
from xraydiff.policy import Policy, Selector, evaluate
from xraydiff.rules import Rule
from xraydiff.testing import ImageBuilder, elf

LOADER = "/lib64/ld.so"
STATUS = "Package: pkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
PASSWD = "root:x:0:0::/root:/bin/sh\napp:x:7:7::/home/app:/bin/sh\n"  # noqa: S105  a file, not a password
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n"


def program(*needs: str, imports: Iterable[str] = (), data: Iterable[str] = ()) -> bytes:
    return elf(needed=list(needs), interpreter=LOADER, imports=list(imports), data=list(data), executable=True)


def start(run: bytes | None = None) -> ImageBuilder:
    """A program and its loader: what every pair here keeps."""
    builder = ImageBuilder().config(cmd=["/app/run"]).file(LOADER, elf(soname="ld.so"), mode=0o755)
    return builder.file("/app/run", run or program(), mode=0o755)


def before() -> ImageBuilder:
    """... of which a part was slimmed away, so that the two are a pair whatever the run added."""
    return start().file("/usr/share/doc", "x" * 10_000)


def found(original: ImageBuilder, slim: ImageBuilder, rule: str) -> list[Finding]:
    with compare(original.image(), slim.image()) as comparison:
        return [finding for finding in comparison.report.findings if finding.rule == rule]


def only(original: ImageBuilder, slim: ImageBuilder, rule: str) -> Finding:
    (finding,) = found(original, slim, rule)
    return finding


def test_elf001_a_kept_program_lacks_a_library() -> None:
    slim = start().file("/app/tool", program("libx.so"), mode=0o755)
    original = start().file("/app/tool", program("libx.so"), mode=0o755)
    finding = only(original.file("/usr/lib/libx.so", elf(soname="libx.so")), slim, "ELF001")
    assert (finding.severity, finding.certainty, finding.when) == (Severity.HIGH, Certainty.PROVEN, When.USE)
    assert finding.restore == ("/usr/lib/libx.so",)
    assert [step.target for step in finding.evidence] == ["/usr/lib/libx.so"]


def test_elf002_a_plugin_that_a_string_names() -> None:
    run = program(imports=["dlopen"], data=["/app/lib/plug.so"])
    finding = only(start(run).file("/app/lib/plug.so", elf(soname="plug.so")), start(run), "ELF002")
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.LIKELY)


def test_elf003_and_tls002_nothing_asks_for_a_library() -> None:
    original = start().file("/usr/lib/libidle.so.1", elf(soname="libidle.so.1"))
    original.file("/usr/lib/libssl.so.3", elf(soname="libssl.so.3"))
    assert "libidle.so.1" in only(original, start(), "ELF003").message
    tls = only(original, start(), "TLS002")
    assert tls.severity is Severity.INFO
    assert "nothing left asks for them" in tls.message


def test_tls001_an_application_program_needs_libssl() -> None:
    slim = start().file("/app/tool", program("libssl.so.3"), mode=0o755)
    original = start().file("/app/tool", program("libssl.so.3"), mode=0o755)
    finding = only(original.file("/usr/lib/libssl.so.3", elf(soname="libssl.so.3")), slim, "TLS001")
    assert (finding.severity, finding.certainty) == (Severity.CRITICAL, Certainty.PROVEN)


def bundle() -> str:
    return "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"


def test_crt001_a_literal_bundle_path() -> None:
    path = "/etc/ssl/certs/ca-certificates.crt"
    finding = only(start(program(data=[path])).file(path, bundle()), start(program(data=[path])), "CRT001")
    assert (finding.severity, finding.certainty) == (Severity.CRITICAL, Certainty.LIKELY)
    assert finding.restore == (path,)


def test_crt001_the_default_path_call_of_the_libcrypto_that_is_loaded() -> None:
    run = program("libcrypto.so.3", imports=["SSL_CTX_set_default_verify_paths"])
    crypto = elf(soname="libcrypto.so.3", data=['OPENSSLDIR: "/opt/ssl"'])

    def base() -> ImageBuilder:
        return start(run).file("/usr/lib/libcrypto.so.3", crypto)

    finding = only(base().file("/opt/ssl/cert.pem", bundle()), base(), "CRT001")
    assert finding.restore == ("/opt/ssl/cert.pem",)


def test_crt001_a_server_that_only_makes_a_context_asks_for_nothing() -> None:
    run = program("libcrypto.so.3", imports=["SSL_CTX_new"])
    crypto = elf(soname="libcrypto.so.3", data=['OPENSSLDIR: "/opt/ssl"'])

    def base() -> ImageBuilder:
        return start(run).file("/usr/lib/libcrypto.so.3", crypto)

    loud = [f for f in found(base().file("/opt/ssl/cert.pem", bundle()), base(), "CRT001") if f.severity > Severity.LOW]
    assert loud == []


def test_crt002_a_bundle_nobody_is_known_to_ask_for() -> None:
    finding = only(start().file("/etc/ssl/certs/ca-certificates.crt", bundle()), start(), "CRT002")
    assert finding.severity is Severity.MEDIUM


def test_crt003_a_key_that_slimming_added() -> None:
    finding = only(before(), start().file("/etc/app/server.key", KEY), "CRT003")
    assert finding.severity is Severity.HIGH


def test_shl001_and_scr001_a_script_that_stays() -> None:
    def image(*names: str) -> ImageBuilder:
        builder = start().config(cmd=["/app/run"], env=["PATH=/bin"], healthcheck=["CMD", "/app/check"])
        builder.file("/app/check", "#!/bin/sh\nprobe --all\n", mode=0o755)
        for name in names:
            builder.file(f"/bin/{name}", program(), mode=0o755)
        return builder

    shell = only(image("sh", "probe"), image(), "SHL001")
    command = only(image("sh", "probe"), image(), "SCR001")
    assert (shell.restore, command.restore) == (("/bin/sh",), ("/bin/probe",))
    assert shell.when is When.OPERATE


def test_shl002_shells_gone_and_unasked() -> None:
    finding = only(start().file("/bin/bash", program(), mode=0o755), start(), "SHL002")
    assert finding.severity is Severity.INFO
    assert "bash" in finding.message


def test_app001_files_below_the_work_directory() -> None:
    original = start().config(workdir="/srv/app").file("/srv/app/page.html", "1").file("/srv/app/kept.html", "2")
    finding = only(original, start().config(workdir="/srv/app").file("/srv/app/kept.html", "2"), "APP001")
    assert finding.restore == ("/srv/app/page.html",)


def test_dat001_a_packages_data_file_that_the_application_names() -> None:
    def image(*, whole: bool) -> ImageBuilder:
        builder = start(program(data=["/usr/share/pkg/table"])).file("/var/lib/dpkg/status", STATUS)
        builder.file("/var/lib/dpkg/info/pkg.list", "/.\n/usr/share/pkg/table\n")
        return builder.file("/usr/share/pkg/table", "x") if whole else builder

    finding = only(image(whole=True), image(whole=False), "DAT001")
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.LIKELY)


def test_dir001_the_owner_of_the_work_directory() -> None:
    def image(*, whole: bool) -> ImageBuilder:
        builder = start().config(user="7", workdir="/data")
        return builder.directory("/data", uid=7, gid=7, mode=0o750) if whole else builder

    finding = only(image(whole=True), image(whole=False), "DIR001")
    assert "owner 7:7, mode 0750" in finding.message


def test_dir002_a_temporary_directory() -> None:
    assert "/var/tmp" in only(start().directory("/var/tmp", mode=0o1777), start(), "DIR002").message


def test_pkg001_scanners_will_find_nothing() -> None:
    original = start().file("/var/lib/dpkg/status", STATUS)
    assert only(original, start(), "PKG001").severity is Severity.MEDIUM


def test_usr001_and_usr002_the_files_that_define_user() -> None:
    def image(*, whole: bool) -> ImageBuilder:
        builder = start().config(user="app:app")
        if whole:
            builder.file("/etc/passwd", PASSWD).file("/etc/group", "app:x:7:\n")
        return builder

    unknown = found(image(whole=True), image(whole=False), "USR002")
    assert {finding.severity for finding in unknown} == {Severity.CRITICAL}
    named = found(image(whole=True), image(whole=False), "USR001")
    assert {path for finding in named for path in finding.restore} == {"/etc/passwd", "/etc/group"}


def test_usr003_users_and_homes() -> None:
    original = start().file("/etc/passwd", PASSWD.replace(":7:7:", ":1007:1007:")).directory("/home/app", uid=1007)
    subjects = {finding.subject for finding in found(original, start(), "USR003")}
    assert {"users", "home directories"} <= subjects


def test_prv001_a_directory_became_world_writable() -> None:
    finding = only(start().directory("/usr"), start().directory("/usr", mode=0o777), "PRV001")
    assert finding.severity is Severity.MEDIUM
    assert found(start().directory("/t"), start().directory("/t", mode=0o1777), "PRV001") == []


def test_prv002_and_prv003_setuid_gained_and_lost() -> None:
    plain, setuid = start().file("/bin/x", "x", mode=0o755), start().file("/bin/x", "x", mode=0o4755)
    assert only(plain, setuid, "PRV002").severity is Severity.HIGH
    assert only(setuid, plain, "PRV003").severity is Severity.MEDIUM


def test_prv003_a_file_capability_that_the_copy_lost() -> None:
    raw = bytes.fromhex("0100000200200000000000000000000000000000")
    capable = start().file("/bin/ping", "x", mode=0o755, xattrs={"security.capability": raw})
    finding = only(capable, start().file("/bin/ping", "x", mode=0o755), "PRV003")
    assert "cap_net_raw" in finding.message


def test_prv004_an_owner_changed() -> None:
    assert only(start().directory("/d", uid=7), start().directory("/d"), "PRV004").count == 1


def test_prv005_privilege_tools() -> None:
    original = start().file("/usr/sbin/getcap", program(), mode=0o755)
    assert "getcap" in only(original, start(), "PRV005").message


def test_lnk001_a_link_without_its_target() -> None:
    original = start().file("/opt/data", "x").symlink("/opt/link", "data")
    assert only(original, start().symlink("/opt/link", "data"), "LNK001").severity is Severity.LOW


def test_cfg001_healthcheck() -> None:
    original = start().config(healthcheck=["CMD", "/app/run", "--check"])
    assert only(original, start(), "CFG001").severity is Severity.MEDIUM


def test_cfg002_what_starts() -> None:
    assert only(start().config(user="7"), start(), "CFG002").severity is Severity.HIGH
    assert found(start().config(workdir="/"), start(), "CFG002") == []


def test_cfg003_the_environment() -> None:
    finding = only(start().config(env=["A=1", "B=2"]), start().config(env=["A=1"]), "CFG003")
    assert (finding.subject, finding.severity) == ("env.B", Severity.MEDIUM)


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("STA001", "/etc/resolv.conf"),
        ("STA002", "/var/log/app.log"),
        ("STA002", "/run/app.pid"),
        ("STA003", "/var/lib/app/state.db"),
        ("STA004", "/root/.netrc"),
    ],
)
def test_sta_what_the_run_left(rule: str, path: str) -> None:
    assert any(
        path in (f.subject, *f.message.split()) or path in f.message
        for f in found(before(), start().file(path, "x"), rule)
    )


def test_img001_arguments_swapped() -> None:
    large = start().file("/big", "x" * 10_000)
    finding = only(start(), large, "IMG001")
    assert finding.severity is Severity.CRITICAL
    assert "swapped" in finding.message


@pytest.mark.parametrize("how", ["swapped", "strangers", "other platform"])
def test_img001_stands_alone(how: str) -> None:
    """What differs is not the work of a minifier: nobody's logs, keys, users and libraries were baked in or lost."""

    def image(name: str, platform: str = "amd64") -> ImageBuilder:
        builder = ImageBuilder(architecture=platform).config(cmd=[f"/{name}/run"], env=[f"{name}=1"])
        builder.file(f"/{name}/run", program(f"lib{name}.so"), mode=0o4755).file(
            "/etc/passwd", f"{name}:x:5:5::/:/bin/sh\n"
        )
        return builder.file(f"/root/{name}/.netrc", name).file(f"/var/log/{name}.log", name).file("/etc/hosts", name)

    original, slim = {
        "swapped": (image("a"), image("a").file("/usr/lib/liba.so", elf(soname="liba.so") * 9)),
        "strangers": (image("a").file("/big", "x" * 10_000), image("b")),
        "other platform": (image("a").file("/usr/lib/liba.so", elf(soname="liba.so")), image("a", "arm64")),
    }[how]
    with compare(original.image(), slim.image()) as comparison:
        report = comparison.report
    assert [finding.rule for finding in report.findings] == ["IMG001"]
    only_libraries = Policy(block=(Selector(severity=Severity.INFO, certainty=Certainty.POSSIBLE, rules=("ELF",)),))
    verdict = evaluate(report, only_libraries, today=date(2030, 1, 1))
    assert not verdict.passed, "a rule that a policy names and that judged nothing is no pass"
    assert any("ELF did not run" in note for note in verdict.notes)


def test_img002_the_start_breaks() -> None:
    run = program("libx.so")
    finding = only(start(run).file("/usr/lib/libx.so", elf(soname="libx.so")), start(run), "IMG002")
    assert (finding.severity, finding.certainty, finding.when) == (Severity.CRITICAL, Certainty.PROVEN, When.START)
    assert finding.message == "the start command breaks: /app/run needs libx.so, gone"
    assert finding.evidence[-1].target == "/usr/lib/libx.so"
    assert finding.restore == ("/usr/lib/libx.so",)
    assert found(start(run).file("/usr/lib/libx.so", elf(soname="libx.so")), start(run), "ELF001") == []


def test_img003_layers() -> None:
    original = start().layer().file("/x", "1").layer().file("/y", "2")
    assert only(original, start(), "IMG003").message == "3 layers -> 1"


def test_img004_made_of_another_image() -> None:
    slim = start().config(labels={"slimtoolkit.source.image.id": "sha256:" + "0" * 64})
    assert only(start().file("/x", "1"), slim, "IMG004").severity is Severity.INFO


# --- all rules together ---------------------------------------------------------------------------------------------


def test_ids_are_well_formed_and_unique() -> None:
    rules = load().rules
    assert len({rule.id for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.id[:3].isupper()
        assert rule.id[3:].isdigit()
        assert rule.summary.endswith(".")


def busy() -> tuple[ImageBuilder, ImageBuilder]:
    run = program("libx.so", imports=["dlopen"], data=["/app/plug.so", "/etc/own.dat"])
    original = start(run).file("/usr/lib/libx.so.1", elf(soname="libx.so")).symlink("/usr/lib/libx.so", "libx.so.1")
    original.file("/app/plug.so", elf(soname="plug.so")).file("/etc/own.dat", "1").file("/etc/passwd", PASSWD)
    return original, start(run).file("/etc/resolv.conf", "x").directory("/usr", mode=0o777)


def report_of(change: Callable[[ImageBuilder], ImageBuilder] = lambda builder: builder) -> tuple[Finding, ...]:
    original, slim = busy()
    with compare(change(original).image(), slim.image()) as comparison:
        return comparison.report.findings


def test_the_worst_come_first_and_fingerprints_are_unique() -> None:
    findings = report_of()
    assert [f.severity for f in findings] == sorted((f.severity for f in findings), reverse=True)
    assert len({f.fingerprint for f in findings}) == len(findings)
    assert all(len(f.fingerprint) == 16 for f in findings)


def test_a_rebuild_with_newer_files_keeps_the_fingerprints() -> None:
    assert {f.fingerprint for f in report_of()} == {
        f.fingerprint
        for f in report_of(lambda builder: builder.file("/usr/lib/libx.so.1", elf(soname="libx.so", data=["new"])))
    }


def marks(*paths: str, owned: bool) -> list[str]:
    """The fingerprint of a finding for each path, where a kept program names nothing but it."""
    found_marks = []
    for path in paths:
        both = []
        for kept in (True, False):
            builder = start(program(data=[path]))
            if owned:
                builder.file("/var/lib/dpkg/status", STATUS).file("/var/lib/dpkg/info/pkg.list", f"/.\n{path}\n")
            both.append(builder.file(path, elf(soname=path)) if kept else builder)
        with compare(both[0].image(), both[1].image()) as comparison:
            (mark,) = [f.fingerprint for f in comparison.report.findings if f.subject == path]
        found_marks.append(mark)
    return found_marks


@pytest.mark.parametrize(
    ("paths", "owned", "same"),
    [
        (("/usr/share/pkg/v1.dat", "/usr/share/pkg/v2.dat"), True, True),
        (("/usr/lib/libq.so.1", "/usr/lib/libq.so.2.0"), True, True),
        (("/app/data/v1.dat", "/app/data/v2.dat"), False, False),
        (("/app/lib/libq.so.1", "/app/lib/libq.so.2"), False, False),
        (("/app/one/libq.so", "/app/two/libq.so"), False, False),
    ],
)
def test_only_a_packages_path_loses_its_digits_in_a_fingerprint(
    paths: tuple[str, str], owned: bool, same: bool
) -> None:
    one, other = marks(*paths, owned=owned)
    assert (one == other) is same


def test_another_value_is_another_finding() -> None:
    def mark(user: str) -> str:
        slim = start().config(cmd=["/app/run"], user=user)
        return only(start(), slim, "CFG002").fingerprint

    assert mark("7") == mark("7") != mark("0")


def test_equal_fingerprints_keep_what_each_finding_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows from another path in one finding and is asked for itself in the other, is asked for."""
    both = [
        Finding(
            rule="TLS001",
            severity=severity,
            certainty=Certainty.LIKELY,
            subject="/app/a",
            message="gone",
            restore=restore,
            closures=closures,
        )
        for severity, restore, closures in (
            (Severity.HIGH, ("/app/a", "/x", "/y"), (Closure(path="/app/a", needs=("/x", "/y")),)),
            (Severity.LOW, ("/app/b", "/x", "/z"), (Closure(path="/app/b", needs=("/z",)),)),
        )
    ]
    twice = Rule(id="TLS001", name="two", severity=Severity.HIGH, summary="", check=lambda _: both)
    ours = replace(load(), rules=(twice,))
    monkeypatch.setattr("xraydiff.pipeline.plugins.load", lambda _knowledge: ours)
    (joined,) = report_of()
    assert joined.severity is Severity.HIGH
    assert joined.restore == ("/app/a", "/app/b", "/x", "/y", "/z")
    assert joined.closures == (Closure(path="/app/a", needs=("/y",)), Closure(path="/app/b", needs=("/z",)))


def test_hygiene_never_carries_when() -> None:
    for finding in report_of():
        if finding.rule[:3] in ("PRV", "STA", "PKG"):
            assert finding.when is None


def test_every_suggested_path_belongs_to_a_finding() -> None:
    original, slim = busy()
    with compare(original.image(), slim.image()) as comparison:
        known = {finding.fingerprint for finding in comparison.report.findings}
        for suggestion in comparison.report.suggestions:
            if suggestion.certainty >= Certainty.LIKELY:
                assert set(suggestion.findings) & known, suggestion.path
