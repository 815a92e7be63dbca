"""What imported functions and strings together ask for, and what neither asks for alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from xraydiff.facts import Edge, Firing, NodeKind
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Gap
from xraydiff.references.readers.elf_capabilities import ElfCapabilitiesReader
from xraydiff.testing import ImageBuilder, elf, read

APP = ImagePath("/app/run")


def asked(
    builder: ImageBuilder,
    *,
    imports: Sequence[str] = (),
    data: Sequence[str] = (),
    needed: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    raw: bytes | None = None,
) -> list[Edge]:
    program = raw or elf(imports=list(imports), data=list(data), needed=list(needed), executable=True)
    given = ["PATH=/bin", *(f"{name}={value}" for name, value in (env or {}).items())]
    reading = read(ElfCapabilitiesReader(), builder.file(APP, program, mode=0o755).config(env=given), APP)
    assert reading.accepted
    assert not reading.gaps
    return reading.edges


def paths(edges: Sequence[Edge]) -> set[str]:
    return {edge.target.path for edge in edges if edge.target.kind is not NodeKind.SCRIPT}


def openssl() -> ImageBuilder:
    places = ['OPENSSLDIR: "/opt/ssl"', 'MODULESDIR: "/opt/modules"', 'ENGINESDIR: "/opt/engines"']
    builder = ImageBuilder().file("/usr/lib/libcrypto.so.3", elf(soname="libcrypto.so.3", data=places))
    builder.file("/opt/ssl/cert.pem", "x").file("/opt/modules/legacy.so", "x").file("/opt/modules/fips.so", "x")
    return builder.file("/opt/engines/afalg.so", "x")


def test_everything_is_deferred_and_says_who_saw_it() -> None:
    (edge,) = asked(openssl(), imports=["X509_STORE_set_default_paths"], needed=["libcrypto.so.3"])
    assert (edge.firing, edge.by) == (Firing.DEFERRED, "elf capabilities")


@pytest.mark.parametrize("call", ["SSL_CTX_set_default_verify_paths", "X509_STORE_set_default_paths"])
def test_default_paths_lead_to_the_authorities_of_that_very_libcrypto(call: str) -> None:
    assert paths(asked(openssl(), imports=[call], needed=["libcrypto.so.3"])) == {"/opt/ssl/cert.pem"}


def test_the_environment_names_other_authorities() -> None:
    builder = openssl().file("/etc/mine.pem", "x")
    edges = asked(
        builder,
        imports=["SSL_CTX_set_default_verify_paths"],
        needed=["libcrypto.so.3"],
        env={"SSL_CERT_FILE": "/etc/mine.pem"},
    )
    assert paths(edges) == {"/etc/mine.pem"}


def test_a_server_asks_for_no_authorities() -> None:
    assert asked(openssl(), imports=["SSL_CTX_new", "SSL_accept"], needed=["libcrypto.so.3"]) == []


@pytest.mark.parametrize("text", ["legacy", "GET /legacy"])
def test_a_provider_by_its_name_even_as_the_tail_of_another_string(text: str) -> None:
    edges = asked(openssl(), imports=["OSSL_PROVIDER_load"], data=[text], needed=["libcrypto.so.3"])
    assert paths(edges) == {"/opt/modules/legacy.so"}


def test_a_provider_that_nobody_names() -> None:
    assert (
        asked(openssl(), imports=["OSSL_PROVIDER_load"], data=["default", "mylegacy"], needed=["libcrypto.so.3"]) == []
    )


def test_an_engine() -> None:
    edges = asked(openssl(), imports=["ENGINE_by_id"], data=["afalg"], needed=["libcrypto.so.3"])
    assert paths(edges) == {"/opt/engines/afalg.so"}


def gconv(*, cache: bool = False) -> ImageBuilder:
    text = "alias MS_KANJI// SJIS//\nalias SHIFT_JIS// SJIS//\n"
    text += "module SJIS// INTERNAL SJIS 1\nmodule INTERNAL SJIS// SJIS 1\n"
    builder = ImageBuilder().file("/usr/lib/gconv/gconv-modules", text).file("/usr/lib/gconv/SJIS.so", "x")
    return builder.file("/usr/lib/gconv/gconv-modules.cache", "x") if cache else builder


def test_a_character_set_leads_to_its_one_module_and_its_configuration() -> None:
    def asks(builder: ImageBuilder) -> set[str]:
        return paths(asked(builder, imports=["iconv_open"], data=["SHIFT_JIS", "UTF-8"]))

    assert asks(gconv()) == {"/usr/lib/gconv/SJIS.so", "/usr/lib/gconv/gconv-modules"}
    assert asks(gconv(cache=True)) == {"/usr/lib/gconv/SJIS.so", "/usr/lib/gconv/gconv-modules.cache"}


def test_character_sets_of_nobody() -> None:
    assert asked(gconv(), imports=["iconv_open"], data=["UTF-8", "ISO-8859-99"]) == []
    assert asked(gconv(), data=["SHIFT_JIS"]) == []


def test_dlopen_by_path_and_by_soname() -> None:
    builder = (
        ImageBuilder().file("/app/plug.so", elf(soname="plug.so")).file("/usr/lib/libx.so.1", elf(soname="libx.so.1"))
    )
    data = ["/app/plug.so", "libx.so.1", "libabsent.so", "/app/absent.so"]
    assert paths(asked(builder, imports=["dlopen"], data=data)) == {"/app/plug.so", "/usr/lib/libx.so.1"}


def test_without_dlopen_a_soname_is_only_a_word() -> None:
    assert asked(ImageBuilder().file("/usr/lib/libx.so.1", elf(soname="libx.so.1")), data=["libx.so.1"]) == []


def test_system_asks_for_the_shell_and_reads_command_lines() -> None:
    builder = (
        ImageBuilder()
        .file("/bin/sh", "x", mode=0o755)
        .file("/bin/date", "x", mode=0o755)
        .file("/opt/job", "x", mode=0o755)
    )
    edges = asked(builder, imports=["system"], data=["date +%Y", "/opt/job --now", "dates and times", "date of birth"])
    assert paths(edges) == {"/bin/sh", "/opt/job"}
    assert {edge.target.text for edge in edges if edge.target.kind is NodeKind.SCRIPT} >= {"/opt/job --now"}


def test_exec_asks_for_programs_but_for_no_shell() -> None:
    builder = ImageBuilder().file("/bin/sh", "x", mode=0o755).file("/opt/job", "x", mode=0o755).file("/opt/data", "x")
    assert paths(asked(builder, imports=["execve"], data=["/opt/job", "/opt/data"])) == {"/opt/job"}


def test_zones_by_their_names_and_by_tz() -> None:
    def zones() -> ImageBuilder:
        return ImageBuilder().file("/usr/share/zoneinfo/Europe/Rome", "x").file("/usr/share/zoneinfo/Asia/Tokyo", "x")

    assert paths(asked(zones(), data=["Europe/Rome", "Europe/Atlantis"])) == {"/usr/share/zoneinfo/Europe/Rome"}
    edges = asked(zones(), imports=["localtime"], env={"TZ": ":Asia/Tokyo"})
    assert paths(edges) == {"/usr/share/zoneinfo/Asia/Tokyo"}


def test_localtime_counts_where_it_is_not_utc() -> None:
    rome = (
        ImageBuilder()
        .file("/usr/share/zoneinfo/Europe/Rome", "x")
        .symlink("/etc/localtime", "/usr/share/zoneinfo/Europe/Rome")
    )
    utc = (
        ImageBuilder().file("/usr/share/zoneinfo/Etc/UTC", "x").symlink("/etc/localtime", "/usr/share/zoneinfo/Etc/UTC")
    )
    assert paths(asked(rome, imports=["localtime"])) == {"/etc/localtime"}
    assert asked(utc, imports=["localtime"]) == []


def test_locales_by_lang_and_by_string() -> None:
    builder = ImageBuilder().directory("/usr/lib/locale/it_IT.utf8").directory("/usr/lib/locale/de_DE.utf8")
    edges = asked(builder, imports=["setlocale"], data=["de_DE.UTF-8", "hello"], env={"LANG": "it_IT.UTF-8"})
    assert paths(edges) == {"/usr/lib/locale/it_IT.utf8", "/usr/lib/locale/de_DE.utf8"}


def test_names_through_nsswitch() -> None:
    builder = (
        ImageBuilder().file("/etc/passwd", "x").file("/etc/nsswitch.conf", "passwd: files ldap [NOTFOUND=return]\n")
    )
    builder.file("/usr/lib/libc.so.6", elf(soname="libc.so.6")).file(
        "/usr/lib/libnss_ldap.so.2", elf(soname="libnss_ldap.so.2")
    )
    builder.file("/usr/lib/libnss_files.so.2", elf(soname="libnss_files.so.2"))
    edges = asked(builder, imports=["getpwnam"], needed=["libc.so.6"])
    assert paths(edges) == {"/etc/passwd", "/etc/nsswitch.conf", "/usr/lib/libnss_ldap.so.2"}


def test_pam_by_the_service_that_a_string_names() -> None:
    builder = (
        ImageBuilder()
        .file("/etc/pam.d/mine", "@include common\n")
        .file("/etc/pam.d/common", "auth required pam_unix.so\n")
    )
    builder.file("/etc/pam.d/other", "x").file("/usr/lib/libpam.so.0", elf(soname="libpam.so.0"))
    builder.file("/usr/lib/security/pam_unix.so", "x")
    edges = asked(builder, imports=["pam_start"], data=["mine"], needed=["libpam.so.0"])
    assert paths(edges) == {"/etc/pam.d/mine", "/etc/pam.d/common", "/usr/lib/security/pam_unix.so"}


def test_a_go_binary_is_told_by_its_build_info() -> None:
    plain = elf(executable=True, data=["crypto/x509.(*CertPool)", "crypto/x509.loadSystemRoots"])
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    assert asked(ImageBuilder().file(bundle, "x"), raw=plain) == []
    assert paths(asked(ImageBuilder().file(bundle, "x"), raw=plain + b"\xff Go buildinf:")) == {bundle}


def test_a_malformed_file_is_a_gap() -> None:
    (gap,) = read(ElfCapabilitiesReader(), ImageBuilder().file(APP, b"\x7fELF" + b"\xff" * 60), APP).found
    assert isinstance(gap, Gap)


def _read_within(limits: Limits, builder: ImageBuilder, program: bytes) -> list[tuple[str, str]]:
    reading = read(ElfCapabilitiesReader(), builder.file(APP, program, mode=0o755), APP, limits=limits)
    return [(gap.reason, gap.detail) for gap in reading.gaps]


def test_an_answer_that_is_too_large_to_be_read_is_a_gap() -> None:
    builder = ImageBuilder().file("/usr/lib/gconv/gconv-modules", "alias A// B//\n" * 10)
    program = elf(imports=["iconv_open"], data=["KOI8-R"], executable=True)
    gaps = _read_within(replace(DEFAULT, script=100), builder, program)
    assert gaps == [("too-large", "/usr/lib/gconv/gconv-modules is too large to be read")]


def test_a_program_that_crosses_a_bound_is_too_large_and_not_malformed() -> None:
    program = elf(imports=["malloc", "free"], executable=True)
    ((reason, _),) = _read_within(replace(DEFAULT, elf_symbols=1), ImageBuilder(), program)
    assert reason == "too-large"
