"""Every parser of this package as one function of bytes, with inputs to start from.

A target returns, or raises `XraydiffError`: anything else, and more time or memory than `child` grants, is a fault. The
readers of references may not raise at all.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from tests.certificate_files import certificate, jks, made, p12, pem, private_key
from tests.elf_files import ElfFile
from tests.fuzz.disguises import LANGUAGES
from tests.fuzz.silence import silent
from tests.image_archives import ONE, TWO, Layout, as_json, config_of, docker_archive, opened, read
from tests.java_files import class_file, jar
from tests.rpm_files import bdb, ndb, package, sqlite
from tests.unit.references.readers.test_erlang import beam
from xraydiff import plugins
from xraydiff.elf.format import read_elf
from xraydiff.elf.ldcache import read_cache
from xraydiff.elf.symbols import read_symbols
from xraydiff.errors import XraydiffError
from xraydiff.facts import File, ImageConfig, Node
from xraydiff.image.config import parse_config
from xraydiff.image.manifest import parse_document
from xraydiff.image.toc import _parsed
from xraydiff.inventory.certificates import read_certificates
from xraydiff.inventory.packages import read_packages
from xraydiff.inventory.take import take
from xraydiff.layers.compression import decompress
from xraydiff.layers.reader import read_layer
from xraydiff.layers.spool import MemoryContent
from xraydiff.limits import DEFAULT, MIB
from xraydiff.paths import ImagePath
from xraydiff.policy import builtin_policy_text, parse_policy
from xraydiff.references import Context, Subject
from xraydiff.report.codec import dump_report, load_report
from xraydiff.testing import ImageBuilder, elf
from xraydiff.tree.squash import squash

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["FAULTS", "TARGETS", "Target"]

LIMITS = replace(DEFAULT, ratio_after=4 * MIB, layer_bytes=64 * MIB, image_bytes=128 * MIB, zstd_window_log=24)
"""Smaller where a mutation may ask for gigabytes of honest zeros, which would only cost time."""


@dataclass(frozen=True, slots=True)
class Target:
    """A parser."""

    run: Callable[[bytes], object]
    seeds: Callable[[], Sequence[bytes]]
    repaired: Callable[[bytes], bytes] = bytes
    """Makes checksums good again, so that mutations get behind them."""


# --- containers -------------------------------------------------------------------------------------------------------


def tar(data: bytes) -> None:
    for _ in read_layer(MemoryContent(data), limits=LIMITS):
        pass
    squash(ImageBuilder().raw_layer(data).image(limits=LIMITS), limits=LIMITS)


def tar_seeds() -> list[bytes]:
    import tarfile

    out = []
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
            kinds = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE)
            for index, kind in enumerate((*kinds, *kinds)):
                info = tarfile.TarInfo(f"d{index % 3}/{'n' * 30 * index}")
                info.type, info.linkname = kind, "d0/" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
                info.size = 700 if kind == tarfile.REGTYPE else 0
                info.pax_headers = {"SCHILY.xattr.user.k": "v", "mtime": "1.5"} if index % 2 else {}
                archive.addfile(info, io.BytesIO(bytes(info.size)))
            archive.addfile(tarfile.TarInfo("d0/.wh..wh..opq"))
            archive.addfile(tarfile.TarInfo("d1/.wh.x"))
        out.append(stream.getvalue())
    return out


def checksums(data: bytes) -> bytes:
    """Header checksums made good (POSIX.1-1988, ustar)."""
    raw = bytearray(data)
    for start in range(0, len(raw) - 511, 512):
        if raw[start + 257 : start + 262] == b"ustar":
            raw[start + 148 : start + 156] = b" " * 8
            raw[start + 148 : start + 156] = b"%06o\0 " % sum(raw[start : start + 512])
    return bytes(raw)


def plain(data: bytes) -> None:
    for chunk in decompress(MemoryContent(data), [], limits=LIMITS):
        assert len(chunk) <= MIB


def archive(data: bytes) -> None:
    read(opened(data, limits=LIMITS))


def layout() -> bytes:
    made_of = Layout()
    image = made_of.image((gzip.compress(ONE, mtime=0), zstd.compress(TWO)), config=config_of((ONE, TWO)))
    made_of.manifests = [made_of.index([image])]
    return made_of.archive()


# --- documents --------------------------------------------------------------------------------------------------------


def config_seeds() -> list[bytes]:
    inner = {"Env": ["A=b"], "Cmd": ["x"], "Labels": {"a": "b"}, "Healthcheck": {"Test": ["CMD", "x"], "Interval": 1}}
    return [config_of((ONE,), config=inner, history=[{"created_by": "x", "empty_layer": True}])]


def manifest_seeds() -> list[bytes]:
    made_of = Layout()
    image = made_of.image(platform={"os": "linux", "architecture": "amd64"}, annotations={"a": "b"})
    index = made_of.index([image])
    return [made_of.blobs[str(image["digest"])], made_of.blobs[str(index["digest"])]]


@cache
def report_text() -> bytes:
    from xraydiff.pipeline import compare

    builder = ImageBuilder().config(cmd=["/run"]).file("/run", elf(needed=["liba.so"], executable=True), mode=0o755)
    builder.file("/lib/liba.so", elf(soname="liba.so")).file("/etc/ssl/cert.pem", pem(certificate()))
    slim = ImageBuilder().config(cmd=["/run"]).file("/run", elf(needed=["liba.so"], executable=True), mode=0o755)
    with compare(builder.image(), slim.image()) as comparison:
        return dump_report(comparison.report).encode()


# --- files of the image -----------------------------------------------------------------------------------------------


def elf_file(data: bytes) -> None:
    read_symbols(data, read_elf(data, limits=LIMITS), limits=LIMITS)


def elf_seeds() -> list[bytes]:
    many = [f"lib{number}.so" for number in range(5)]
    return [
        ElfFile(needed=many, interpreter="/lib/ld.so", build_id=b"12", imports=["f"], exports=["g"]).bytes(),
        elf(needed=many, soname="x.so", runpath="$ORIGIN/lib", imports=["dlopen"], data=["/etc/x"]),
    ]


def cache_seeds() -> list[bytes]:
    strings = b"liba.so.1\0/lib/liba.so.1\0"
    head = b"glibc-ld.so.cache1.1" + struct.pack("<IIBBBBI3I", 1, len(strings), 2, 0, 0, 0, 0, 0, 0, 0)
    new = head + struct.pack("<iIIIQ", 3, 72, 82, 0, 0) + strings
    old = b"ld.so-1.7.0\0" + struct.pack("<I", 1) + struct.pack("<iII", 1, 0, 10) + strings
    return [new, old]


def packages(path: str) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        read_packages(ImageBuilder().file(path, data).file("/usr/bin/x", b"x").tree(), limits=LIMITS)

    return run


def certificates(data: bytes) -> None:
    builder = ImageBuilder().file("/etc/ssl/cert.pem", data).file("/a/cacerts", data).file("/a/b.p12", data)
    read_certificates(builder.tree(), limits=replace(LIMITS, keystore_iterations=20_000))


def certificate_seeds() -> list[bytes]:
    from cryptography.hazmat.primitives.serialization import PrivateFormat

    keys = private_key(PrivateFormat.PKCS8) + private_key(PrivateFormat.OpenSSH)
    return [
        pem(certificate()) + pem(certificate("b"), "TRUSTED CERTIFICATE") + keys,
        certificate(),
        jks([certificate()], chains=[[certificate("b")]]),
        p12([made(), made("b")], password=b"changeit", rounds=100),
        p12([made()]),
    ]


def rpm_headers() -> list[bytes]:
    return [package("a", {"/usr/bin/a": 0o100755, "/etc/a": 0o100644}), package("b", {})]


def class_of_shop() -> bytes:
    return class_file("shop/A")


def jar_seeds() -> list[bytes]:
    entries: dict[str, bytes | str] = {"shop/A.class": class_of_shop(), "META-INF/services/shop.Plugin": "shop.A\n"}
    manifest = "Main-Class: shop.A\r\nClass-Path: lib/b.jar\r\n"
    return [jar(entries, manifest=manifest, packed=packed) for packed in (True, False)]


def beam_seeds() -> list[bytes]:
    calls = [("os", "cmd"), ("file", "open")]
    return [beam("shop", calls=calls, atoms=["a"], texts=["/etc/x"], style=style) for style in ("old", "new")]


def accounts(data: bytes) -> None:
    builder = ImageBuilder()
    for name in ("passwd", "group", "shadow", "shells", "os-release", "nsswitch.conf"):
        builder.file(f"/etc/{name}", data)
    take(builder.tree(), ImageConfig(), limits=LIMITS)


# --- readers of references --------------------------------------------------------------------------------------------


@cache
def active() -> plugins.Plugins:
    return plugins.load()


def references(path: str) -> Callable[[bytes], None]:
    """All readers that accept a file of this name, which never raise for what stands in it."""

    def run(data: bytes) -> None:
        builder = ImageBuilder().file(path, data, mode=0o755).file("/bin/sh", elf(), mode=0o755)
        builder.file("/lib/liba.so", elf(soname="liba.so")).file("/app/lib/x.js", "x").file("/app/y.php", "y")
        tree = builder.tree()
        place = ImagePath(path)
        file: File = tree.files[place]
        subject = Subject(node=Node(path=path), path=place, file=file, tree=tree, data=data)
        search = (ImagePath("/bin"), ImagePath("/usr/bin"))
        context = Context(
            original=tree, config=ImageConfig(), env={"A": "b"}, path=search, cwd=ImagePath("/app"), limits=LIMITS
        )
        try:
            for reader in active().readers:
                if reader.accepts(subject):
                    for _ in reader.read(subject, context):
                        pass
        except XraydiffError as error:
            message = f"a reader raises {error!r}"
            raise AssertionError(message) from error

    return run


SHELL = b"""#!/bin/sh
set -e; . /lib/x.sh
f() { case "$1" in a|b) exec "$@" ;; *) cat <<EOF | sed -e "s/a/$(date +%Y)/"
text ${A:-b} `ls /app`
EOF
;; esac; }
for i in 1 2; do if [ -x /bin/sh ]; then f "$i" && x=$((1+2)) || /app/y & fi; done >/dev/null 2>&1
"""
JAVASCRIPT = b"""#!/usr/bin/env node
'use strict'; import a from './lib/x.js'; const {b} = require("./lib/" + name);
try { require(`./plugins/${x}`) } catch (e) { child_process.execSync('ls ' + y) }
module.exports = async () => { await import('./lib/x.js'); fs.readFileSync(path.join(__dirname, 'views')) };
"""
PHP = b"""<?php namespace App; use Foo\\Bar; require_once __DIR__ . '/y.php'; include "$x.php";
class A extends B { function f() { return file_get_contents('/etc/passwd') . shell_exec("ls {$this->a}"); } }
?> text <?= $x ?>
"""
RUBY = b"""#!/usr/bin/env ruby
require 'json'; require_relative "lib/#{x}"; autoload :A, 'a'
module A; class B < C; def f; system("ls #{@a}"); `date`; File.read(File.join(__dir__, 'x')) rescue nil; end; end; end
"""
PERL = b"""#!/usr/bin/perl
use strict; use lib 'lib'; use POSIX qw(strftime); require "x.pl"; my $m = "My::$x"; eval "require $m";
sub f { open(my $h, '<', "/etc/passwd") or die; my @a = `ls $_[0]`; system("date", "+%Y"); s{a}{b}g; return <<"X" }
text @{[ 1 ]}
X
"""
PYTHON = b"""#!/usr/bin/env python3
import os, json as j; from . import x
try:
    import yaml
except ImportError:
    yaml = None
def f(): import csv; return subprocess.check_output(f"date {j}", shell=True), open(Path(__file__).parent / "t")
"""


def script(*texts: bytes) -> Callable[[], Sequence[bytes]]:
    return lambda: texts


RECORD = b"x/__init__.py,sha256=AAAA,12\nx-1.0.dist-info/RECORD,,\n../../bin/x,,\n"
METADATA = b"Metadata-Version: 2.1\nName: x\nVersion: 1.0\nRequires-Dist: y (>=1); extra == 'a'\n\ntext\n"
DPKG = b"""Package: a
Status: install ok installed
Version: 1:2.0-1
Architecture: amd64
Depends: b (>= 1), c | d
Conffiles:
 /etc/a d41d8cd98f00b204e9800998ecf8427e
Description: x
 long

Package: b
Status: deinstall ok config-files
Version: 1
Architecture: all
"""
APK = (
    b"C:Q1abc=\nP:a\nV:1.0-r0\nA:x86_64\nD:so:libc.musl-x86_64.so.1 b\np:cmd:a=1\nF:usr/bin\nR:x\na:0:0:755\nZ:Q1x=\n\n"
)
APK += b"P:b\nV:2\n"
PASSWD = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n/bin/sh\nID=debian\n"
GEMSPEC = b"# -*- encoding: utf-8 -*-\nGem::Specification.new do |s|\n  s.name = 'a'.freeze\n  s.version = '1'\nend\n"

TARGETS: dict[str, Target] = {
    "tar": Target(tar, tar_seeds, checksums),
    "gzip": Target(plain, lambda: [gzip.compress(ONE, mtime=0) * 2, gzip.compress(bytes(100_000), mtime=0)]),
    "zstd": Target(plain, lambda: [zstd.compress(ONE) * 2, b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + zstd.compress(ONE)]),
    "archive": Target(archive, lambda: [docker_archive((ONE, TWO)), layout()], checksums),
    "config": Target(lambda data: parse_config(data, limits=LIMITS), config_seeds),
    "manifest": Target(
        lambda data: parse_document(data, what="it", declared="", limits=LIMITS),
        lambda: [*manifest_seeds(), as_json({"schemaVersion": 2, "manifests": []})],
    ),
    "toc": Target(
        lambda data: _parsed(data, "its", LIMITS),
        script(
            b'{"version":1,"entries":[{"name":"a/","type":"dir","mode":493},{"name":"a/b","type":"reg","size":5,'
            b'"digest":"sha256:00","xattrs":{"user.a":"dg=="}},{"name":"a/b","type":"chunk"},'
            b'{"name":"c","type":"hardlink","linkName":"a/b"}]}'
        ),
    ),
    "elf": Target(elf_file, elf_seeds),
    "ldcache": Target(read_cache, cache_seeds),
    "dpkg": Target(packages("/var/lib/dpkg/status"), script(DPKG)),
    "dpkg-list": Target(packages("/var/lib/dpkg/status.d/a"), script(DPKG)),
    "apk": Target(packages("/lib/apk/db/installed"), script(APK)),
    "python-record": Target(packages("/usr/lib/python3/dist-packages/x-1.0.dist-info/RECORD"), script(RECORD)),
    "python-metadata": Target(packages("/usr/lib/python3/dist-packages/x-1.0.dist-info/METADATA"), script(METADATA)),
    "node-package": Target(
        packages("/app/node_modules/x/package.json"),
        script(b'{"name":"x","version":"1.0.0","main":"a.js","dependencies":{"y":"^1"},"bin":{"x":"b.js"}}'),
    ),
    "php-installed": Target(
        packages("/app/vendor/composer/installed.json"),
        script(b'{"packages":[{"name":"a/b","version":"1","install-path":"../a/b"}],"dev":false}'),
    ),
    "gemspec": Target(packages("/usr/lib/ruby/gems/3.1.0/specifications/a-1.gemspec"), script(GEMSPEC)),
    "rpm-sqlite": Target(packages("/var/lib/rpm/rpmdb.sqlite"), lambda: [sqlite(rpm_headers())]),
    "rpm-ndb": Target(packages("/var/lib/rpm/Packages.db"), lambda: [ndb(rpm_headers())]),
    "rpm-bdb": Target(packages("/var/lib/rpm/Packages"), lambda: [bdb(rpm_headers()), bdb(rpm_headers(), order=">")]),
    "jar-package": Target(packages("/app/lib/a-1.0.jar"), jar_seeds),
    "certificates": Target(certificates, certificate_seeds),
    "accounts": Target(accounts, script(PASSWD)),
    "policy": Target(
        parse_policy,
        lambda: [
            builtin_policy_text().encode(),
            b"version: 1\nblock:\n  - {rules: [ELF001], severity: high, certainty: likely}\n",
        ],
    ),
    "report": Target(load_report, lambda: [report_text()]),
    "shell": Target(references("/app/start.sh"), script(SHELL)),
    "javascript": Target(references("/app/main.js"), script(JAVASCRIPT)),
    "php": Target(references("/app/index.php"), script(PHP)),
    "ruby": Target(references("/app/main.rb"), script(RUBY)),
    "perl": Target(references("/app/main.pl"), script(PERL)),
    "jar": Target(references("/app/app.jar"), jar_seeds),
    "class": Target(references("/app/A.class"), lambda: [class_of_shop()]),
    "beam": Target(references("/app/shop.beam"), beam_seeds),
    "python": Target(references("/app/main.py"), script(PYTHON)),
    "loader": Target(references("/app/program"), elf_seeds),
    "settings": Target(
        references("/etc/app.conf"),
        script(b"root /app;\nplugin = lib/liba.so\n[x]\ny: /bin/sh -c 'ls'\n", json.dumps({"a": "/bin/sh"}).encode()),
    ),
}

TARGETS |= {
    f"silence-{name}": Target(lambda seed, name=name: silent(name, seed), script(b"\0", b"seed of a program"))  # type: ignore[misc]
    for name in LANGUAGES
}


def _hang(data: bytes) -> None:
    while data is not None:
        pass


FAULTS: dict[str, Target] = {
    "raises": Target(lambda data: 1 // (len(data) - len(data)) if data != b"x" else None, lambda: [b"x"]),
    "hangs": Target(lambda data: _hang(data) if data != b"x" else None, lambda: [b"x"]),
    "eats": Target(lambda data: bytearray(1 << 30) if data != b"x" else None, lambda: [b"x"]),
}
"""What a parser must not do, to see that it would be found."""
