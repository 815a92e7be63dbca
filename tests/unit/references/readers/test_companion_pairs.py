"""Companions from end to end: software as distributions lay it out, slimmed; what comes back, and how surely."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from xraydiff.errors import UsageError
from xraydiff.pipeline import compare
from xraydiff.testing import ImageBuilder, elf

LOADER = "/lib64/ld.so"
STATUS = "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
PROGRAM = elf(interpreter=LOADER, executable=True)
LIBRARY = elf(soname="lib.so")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A pair: a package's files, what slim keeps of them, and the certainty of what is missed."""

    kept: Mapping[str, bytes]
    gone: Iterable[str]
    wanted: Mapping[str, str]
    """Certainty of paths; every other path of `gone` may be missed as possible only."""
    cmd: tuple[str, ...] = ("/usr/bin/run",)
    own: Mapping[str, bytes] = field(default_factory=dict)
    """The application's files, which stay."""
    never: tuple[str, ...] = ()
    """Paths of `gone` that nothing must ask for."""


POSTGRES = "/usr/lib/postgresql/15"
SHARE = "/usr/share/postgresql/15"
JVM = "/usr/lib/jvm/java-17-openjdk-amd64"
CLUSTER = {"/data/db/global/pg_control": b"x", "/data/db/PG_VERSION": b"15\n"}

CASES = {
    "PostgreSQL of Debian, cluster in the image": Case(
        kept={f"{POSTGRES}/bin/postgres": PROGRAM},
        cmd=(f"{POSTGRES}/bin/postgres", "-D", "/data/db"),
        own=CLUSTER,
        gone=[
            f"{POSTGRES}/lib/plpgsql.so", f"{POSTGRES}/lib/utf8_and_win.so", f"{POSTGRES}/lib/hstore.so",
            f"{POSTGRES}/lib/llvmjit.so", f"{SHARE}/extension/hstore.control", f"{SHARE}/extension/hstore--1.8.sql",
            f"{SHARE}/tsearch_data/danish.stop", "/usr/share/zoneinfo/Europe/Rome", "/usr/share/zoneinfo/UTC",
            "/usr/share/zoneinfo/right/Europe/Rome", f"{POSTGRES}/bin/pg_dump",
        ],
        wanted={
            f"{POSTGRES}/lib/plpgsql.so": "likely",
            f"{POSTGRES}/lib/utf8_and_win.so": "possible",
            f"{POSTGRES}/lib/hstore.so": "possible",
            f"{SHARE}/extension/hstore.control": "possible",
            f"{SHARE}/extension/hstore--1.8.sql": "possible",
            f"{SHARE}/tsearch_data/danish.stop": "possible",
            "/usr/share/zoneinfo/Europe/Rome": "possible",
            "/usr/share/zoneinfo/UTC": "possible",
            f"{POSTGRES}/bin/pg_dump": "possible",
            f"{POSTGRES}/lib/llvmjit.so": "possible",
        },
    ),
    "PostgreSQL of the official Alpine image, volume empty": Case(
        kept={"/usr/local/bin/postgres": PROGRAM},
        cmd=("postgres",),
        own={"/docker-entrypoint-initdb.d/init.sql": b'create extension if not exists "hstore";\nselect 1;\n'},
        gone=[
            "/usr/local/lib/postgresql/utf8_and_win.so", "/usr/local/lib/postgresql/hstore.so",
            "/usr/local/lib/postgresql/cube.so", "/usr/local/share/postgresql/extension/hstore.control",
            "/usr/local/share/postgresql/extension/hstore--1.8.sql", "/usr/share/zoneinfo/Europe/Rome",
            "/usr/local/share/postgresql/extension/cube.control",
        ],
        wanted={
            "/usr/local/lib/postgresql/utf8_and_win.so": "possible",
            "/usr/local/lib/postgresql/hstore.so": "likely",
            "/usr/local/lib/postgresql/cube.so": "possible",
            "/usr/local/share/postgresql/extension/hstore.control": "likely",
            "/usr/local/share/postgresql/extension/hstore--1.8.sql": "likely",
            "/usr/local/share/postgresql/extension/cube.control": "possible",
            "/usr/share/zoneinfo/Europe/Rome": "possible",
        },
    ),
    "PostgreSQL of Fedora, cluster in the image": Case(
        kept={"/usr/bin/postgres": PROGRAM},
        cmd=("postgres",),
        own={"/var/lib/pgsql/data/global/pg_control": b"x"},
        gone=["/usr/lib64/pgsql/hstore.so", "/usr/share/pgsql/extension/hstore.control"],
        wanted={"/usr/lib64/pgsql/hstore.so": "possible", "/usr/share/pgsql/extension/hstore.control": "possible"},
    ),
    "PostgreSQL of PGDG's rpm, cluster in the image": Case(
        kept={"/usr/pgsql-16/bin/postgres": PROGRAM},
        cmd=("/usr/pgsql-16/bin/postgres",),
        own={"/srv/data/global/pg_control": b"x"},
        gone=["/usr/pgsql-16/lib/hstore.so", "/usr/pgsql-16/share/extension/hstore.control"],
        wanted={
            "/usr/pgsql-16/lib/hstore.so": "possible",
            "/usr/pgsql-16/share/extension/hstore.control": "possible",
        },
    ),
    "a time zone that a migration names": Case(
        kept={"/usr/local/bin/postgres": PROGRAM},
        cmd=("postgres",),
        own={"/migrations/1.sql": b"ALTER DATABASE shop SET timezone TO 'Asia/Tokyo';\n"},
        gone=["/usr/share/zoneinfo/Asia/Tokyo", "/usr/share/zoneinfo/Asia/Seoul"],
        wanted={"/usr/share/zoneinfo/Asia/Tokyo": "likely", "/usr/share/zoneinfo/Asia/Seoul": "possible"},
    ),
    "MariaDB": Case(
        kept={"/usr/sbin/mariadbd": PROGRAM},
        cmd=("mariadbd",),
        own={"/etc/mysql/conf.d/shop.cnf": b"[mariadbd]\nplugin_load_add = auth_ed25519\n"},
        gone=[
            "/usr/share/mysql/charsets/cp1250.xml", "/usr/lib/mysql/plugin/auth_ed25519.so",
            "/usr/lib/mysql/plugin/ha_spider.so", "/usr/share/mysql/mysql_system_tables.sql", "/usr/bin/mariadb-dump",
            "/usr/share/mysql/german/errmsg.sys",
        ],
        wanted={
            "/usr/share/mysql/charsets/cp1250.xml": "possible",
            "/usr/lib/mysql/plugin/auth_ed25519.so": "likely",
            "/usr/lib/mysql/plugin/ha_spider.so": "possible",
            "/usr/share/mysql/mysql_system_tables.sql": "possible",
            "/usr/share/mysql/german/errmsg.sys": "possible",
            "/usr/bin/mariadb-dump": "possible",
        },
    ),
    "MySQL of Oracle": Case(
        kept={"/usr/sbin/mysqld": PROGRAM},
        cmd=("mysqld",),
        gone=["/usr/share/mysql-8.0/charsets/cp1250.xml", "/usr/lib64/mysql/plugin/component_validate_password.so"],
        wanted={
            "/usr/share/mysql-8.0/charsets/cp1250.xml": "possible",
            "/usr/lib64/mysql/plugin/component_validate_password.so": "possible",
        },
    ),
    "nginx modules": Case(
        kept={"/usr/sbin/nginx": PROGRAM},
        cmd=("nginx", "-g", "daemon off;"),
        own={"/etc/nginx/modules.conf": b"load_module modules/ngx_http_js_module.so;\n"},
        gone=[
            "/usr/lib/nginx/modules/ngx_http_js_module.so", "/usr/lib/nginx/modules/ngx_mail_module.so",
            "/etc/nginx/mime.types", "/etc/nginx/fastcgi_params",
        ],
        wanted={
            "/usr/lib/nginx/modules/ngx_http_js_module.so": "likely",
            "/usr/lib/nginx/modules/ngx_mail_module.so": "possible",
            "/etc/nginx/mime.types": "possible",
            "/etc/nginx/fastcgi_params": "possible",
        },
    ),
    "Apache modules": Case(
        kept={"/usr/sbin/apache2": PROGRAM},
        cmd=("apache2", "-DFOREGROUND"),
        gone=["/usr/lib/apache2/modules/mod_rewrite.so", "/etc/mime.types", "/usr/share/doc/apache2/README"],
        wanted={"/usr/lib/apache2/modules/mod_rewrite.so": "possible", "/etc/mime.types": "possible"},
        never=("/usr/share/doc/apache2/README",),
    ),
    "openssl.cnf, for the command that an entrypoint runs": Case(
        kept={"/usr/bin/openssl": PROGRAM, "/usr/bin/sh": PROGRAM, "/usr/lib/libcrypto.so.3": LIBRARY},
        cmd=("/entry.sh",),
        own={"/entry.sh": b"#!/usr/bin/sh\nopenssl req -new\n"},
        gone=["/etc/ssl/openssl.cnf"],
        wanted={"/etc/ssl/openssl.cnf": "likely"},
    ),
    "openssl.cnf, for the library alone": Case(
        kept={"/usr/bin/run": PROGRAM, "/usr/lib/libcrypto.so.3": LIBRARY},
        gone=["/etc/pki/tls/openssl.cnf"],
        wanted={"/etc/pki/tls/openssl.cnf": "possible"},
    ),
    "terminfo": Case(
        kept={"/usr/bin/run": PROGRAM, "/usr/lib/libtinfo.so.6.4": LIBRARY},
        gone=["/lib/terminfo/x/xterm-256color", "/usr/share/terminfo/d/dumb", "/usr/share/terminfo/w/wy50"],
        wanted={"/lib/terminfo/x/xterm-256color": "possible", "/usr/share/terminfo/d/dumb": "possible"},
        never=("/usr/share/terminfo/w/wy50",),
    ),
    "git-core": Case(
        kept={"/usr/bin/git": PROGRAM, "/usr/bin/run": PROGRAM},
        gone=["/usr/lib/git-core/git-remote-https", "/usr/share/git-core/templates/hooks/pre-push.sample"],
        wanted={
            "/usr/lib/git-core/git-remote-https": "possible",
            "/usr/share/git-core/templates/hooks/pre-push.sample": "possible",
        },
    ),
    "ICU data": Case(
        kept={"/usr/bin/run": PROGRAM, "/usr/lib/libicuuc.so.74.2": LIBRARY},
        gone=["/usr/share/icu/74.2/icudt74l.dat", "/usr/share/icu/72.1/icudt72l.dat"],
        wanted={"/usr/share/icu/74.2/icudt74l.dat": "possible"},
        never=("/usr/share/icu/72.1/icudt72l.dat",),
    ),
    "a JRE's conf/security": Case(
        kept={f"{JVM}/bin/java": PROGRAM, f"{JVM}/lib/server/libjvm.so": LIBRARY},
        cmd=(f"{JVM}/bin/java", "-jar", "/srv/app.jar"),
        gone=[f"{JVM}/conf/security/java.security", f"{JVM}/lib/tzdb.dat", f"{JVM}/bin/keytool"],
        wanted={
            f"{JVM}/conf/security/java.security": "likely",
            f"{JVM}/lib/tzdb.dat": "likely",
            f"{JVM}/bin/keytool": "possible",
        },
    ),
    "fonts": Case(
        kept={"/usr/bin/run": PROGRAM, "/usr/lib/libfontconfig.so.1.12.0": LIBRARY},
        gone=[
            "/etc/fonts/fonts.conf", "/etc/fonts/conf.d/60-latin.conf", "/usr/share/fonts/truetype/DejaVuSans.ttf",
        ],
        wanted={
            "/etc/fonts/fonts.conf": "possible",
            "/etc/fonts/conf.d/60-latin.conf": "possible",
            "/usr/share/fonts/truetype/DejaVuSans.ttf": "possible",
        },
    ),
    "mime.types": Case(
        kept={"/usr/bin/run": PROGRAM, "/usr/lib/python3.11/mimetypes.py": b"import os\n"},
        gone=["/etc/mime.types"],
        wanted={"/etc/mime.types": "possible"},
    ),
    "Perl base": Case(
        kept={"/usr/bin/perl": PROGRAM},
        cmd=("perl", "/srv/run.pl"),
        gone=["/usr/lib/x86_64-linux-gnu/perl-base/unicore/To/Lower.pl", "/usr/share/perl/5.36/unicore/Name.pl"],
        wanted={
            "/usr/lib/x86_64-linux-gnu/perl-base/unicore/To/Lower.pl": "possible",
            "/usr/share/perl/5.36/unicore/Name.pl": "possible",
        },
    ),
    "PHP conf.d": Case(
        kept={"/usr/bin/php8.2": PROGRAM},
        cmd=("php8.2", "/srv/run.php"),
        own={"/usr/local/etc/php/conf.d/shop.ini": b"; extension=no\nextension=intl.so\nzend_extension = opcache\n"},
        gone=[
            "/usr/lib/php/20220829/intl.so", "/usr/lib/php/20220829/opcache.so", "/usr/lib/php/20220829/no.so",
            "/etc/php/8.2/cli/conf.d/20-curl.ini",
        ],
        wanted={
            # The reader of PHP knows that this folder is read, and so says more than the row.
            "/usr/lib/php/20220829/intl.so": "proven",
            "/usr/lib/php/20220829/opcache.so": "proven",
            "/usr/lib/php/20220829/no.so": "possible",
            "/etc/php/8.2/cli/conf.d/20-curl.ini": "possible",
        },
    ),
}  # fmt: skip


def pair(case: Case) -> tuple[ImageBuilder, ImageBuilder]:
    both = []
    for paths in ((*case.kept, *case.gone), tuple(case.kept)):
        builder = ImageBuilder().config(cmd=list(case.cmd), env=["PATH=/usr/local/bin:/usr/sbin:/usr/bin"])
        builder.file(LOADER, elf(soname="ld.so"), mode=0o755)
        packages = {"software": [*case.kept, *case.gone], "base": [LOADER, "/usr/bin/run"]}
        builder.file("/var/lib/dpkg/status", "".join(STATUS.format(name=name) for name in sorted(packages)))
        for package, listed in packages.items():
            names = "".join(f"{path}\n" for path in listed if package == "base" or path not in packages["base"])
            builder.file(f"/var/lib/dpkg/info/{package}.list", f"/.\n{names}")
        for path in paths:
            content = case.kept.get(path, PROGRAM if "/bin/" in path else b"x")
            builder.file(path, content, mode=0o755 if content is PROGRAM else 0o644)
        for path, content in case.own.items():
            builder.file(path, content, mode=0o755 if path.endswith(".sh") else 0o644)
        both.append(builder)
    return both[0], both[1]


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_goes_with_a_software(name: str) -> None:
    case = CASES[name]
    original, slim = pair(case)
    with compare(original.image(), slim.image()) as comparison:
        reach = comparison.reach
        assert reach is not None, comparison.report.problems
        found = {str(path): missing.certainty.word for path, missing in reach.missing.items()}
    assert {path: found.get(path) for path in case.wanted} == dict(case.wanted)
    others = {path: word for path, word in found.items() if path not in case.wanted}
    assert set(others.values()) <= {"possible"}, others
    assert not set(others) & set(case.never)


OWN = """
[[companion]]
when = ["mimetypes.py"]
then = ["/etc/shop/*.csv"]
reason = "the shop looks up rates"
source = "https://example.org/rates"
serves = ["shop", "shop-debug"]
"""


def test_rows_of_the_user_come_after_ours_and_end_in_the_report(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN)
    original, slim = pair(CASES["mime.types"])
    original.file("/etc/shop/rates.csv", "1")
    with compare(original.image(), slim.image()) as comparison:
        assert comparison.reach is not None
        assert set(comparison.reach.missing) == {"/etc/mime.types"}
    with compare(original.image(), slim.image(), knowledge=tmp_path / "own.toml") as comparison:
        assert comparison.reach is not None
        assert set(comparison.reach.missing) == {"/etc/mime.types", "/etc/shop/rates.csv"}
        (finding,) = [one for one in comparison.report.findings if "/etc/shop/rates.csv" in one.restore]
    assert finding.evidence[-1].detail == "the shop looks up rates"


def test_a_wrong_file_stops_the_comparison_before_an_image_is_read(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN.replace("when", "wenn"))
    with pytest.raises(UsageError, match=r"^own\.toml: line 3: companion\[0\]\.wenn: unknown key"):
        compare("absent.tar", "absent.slim.tar", knowledge=tmp_path / "own.toml")
