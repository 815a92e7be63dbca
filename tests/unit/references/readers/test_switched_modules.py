"""Modules that settings switch on by a word, where the directory of modules is known by one that stayed."""

from __future__ import annotations

import pytest

from xraydiff.facts import Certainty
from xraydiff.limits import DEFAULT
from xraydiff.pipeline import compare
from xraydiff.references.readers.switched_modules import SwitchedModulesReader
from xraydiff.testing import ImageBuilder, context_of, read

MODULES = (
    *(
        "/usr/lib/ldap/back_mdb.so",
        "/usr/lib/ldap/unique.la",
        "/usr/lib/ldap/unique-2.5.so.0",
        "/usr/lib/ldap/ppolicy.so",
    ),
    *("/usr/lib/lighttpd/mod_status.so", "/usr/lib/uwsgi/plugins/python3_plugin.so", "/usr/lib/libcpu.so"),
)


def image(settings: str, *modules: str, path: str = "/srv/app/server.conf") -> ImageBuilder:
    builder = ImageBuilder().config(cmd=["/usr/sbin/server"]).file(path, settings)
    for module in modules:
        builder.file(module, "dlname='unique-2.5.so.0'\n" if module.endswith(".la") else "x")
    return builder


def switched(settings: str, *kept: str, path: str = "/srv/app/server.conf") -> set[str]:
    """Modules that settings switch on where only `kept` ones stayed."""
    context = context_of(image(settings, *MODULES, path=path), image(settings, *kept, path=path))
    return {edge.target.path for edge in read(SwitchedModulesReader(), context, path).edges}


LDAP = "/usr/lib/ldap/back_mdb.so"


@pytest.mark.parametrize(
    ("settings", "kept", "found"),
    [
        ("olcModuleLoad: unique\n", LDAP, {"/usr/lib/ldap/unique.la"}),
        ("moduleload ppolicy.so\n", LDAP, {"/usr/lib/ldap/ppolicy.so"}),
        ('  "modules": ["ppolicy", "nothing"]\n', LDAP, {"/usr/lib/ldap/ppolicy.so"}),
        ('server.modules = ( "mod_status" )\n', "/usr/lib/lighttpd/mod_status.so", set()),
        ("# olcModuleLoad: unique\n; load ppolicy\n", LDAP, set()),
        ("unique: yes\nname = ppolicy\n", LDAP, set()),
        ("plugins = python3\n", LDAP, set()),
        ("LoadPlugin cpu\n", LDAP, set()),
    ],
    ids=[
        "by a libtool archive",
        "with its suffix",
        "a list",
        "one that stayed",
        "comments",
        "keys that load nothing",
        "of a server of which no module stayed",
        "an ordinary library",
    ],
)
def test_modules_beside_a_kept_one(settings: str, kept: str, found: set[str]) -> None:
    assert switched(settings, kept) == found


def test_a_libtool_archive_names_its_module() -> None:
    found = read(SwitchedModulesReader(), image("", *MODULES), "/usr/lib/ldap/unique.la")
    assert [edge.target.path for edge in found.edges] == ["/usr/lib/ldap/unique-2.5.so.0"]


def test_names_with_what_servers_put_around_them() -> None:
    original = image("load = aa bb cc\n", "/m/aa.so", "/m/mod_bb.so", "/m/cc_plugin.so", "/m/kept.so")
    slim = image("load = aa bb cc\n", "/m/kept.so")
    found = read(SwitchedModulesReader(), context_of(original, slim), "/srv/app/server.conf")
    assert [edge.target.path for edge in found.edges] == ["/m/aa.so", "/m/mod_bb.so", "/m/cc_plugin.so"]


def test_it_is_likely_for_settings_of_the_application() -> None:
    database = "Package: slapd\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
    pair = [image("olcModuleLoad: unique\n", *modules) for modules in (MODULES, (LDAP,))]
    for builder in pair:
        builder.file("/var/lib/dpkg/status", database).file(
            "/var/lib/dpkg/info/slapd.list", "".join(f"{m}\n" for m in MODULES)
        )
    with compare(pair[0].image(), pair[1].image()) as comparison:
        found = {path: comparison.missing(path) for path in MODULES}
    likely = {path for path, one in found.items() if one is not None and one.certainty >= Certainty.LIKELY}
    assert likely == {"/usr/lib/ldap/unique.la", "/usr/lib/ldap/unique-2.5.so.0"}


def test_no_slim_tree_says_nothing() -> None:
    assert read(SwitchedModulesReader(), image("load = a\n", "/m/a.so"), "/srv/app/server.conf").edges == []


def test_long_lines_end() -> None:
    text = "load = " + "a " * 1_000_000 + "\n" + "load" * 500_000
    assert len(SwitchedModulesReader().parse(text.encode(), "", DEFAULT).words) <= 1
