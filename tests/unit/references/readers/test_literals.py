"""Literals: which strings of a file name something that the original has."""

from __future__ import annotations

import pytest

from xraydiff.facts import Firing, NodeKind
from xraydiff.references.readers.literals import LiteralsReader
from xraydiff.testing import ImageBuilder, read


def named(path: str, data: str | bytes, *others: str) -> list[tuple[str, int]]:
    """Targets and lines, of a file among others; a name that ends in `/` is a directory."""
    builder = ImageBuilder().file(path, data)
    for other in others:
        _ = builder.directory(other) if other.endswith("/") else builder.file(other, "x")
    reading = read(LiteralsReader(), builder, path)
    assert not reading.gaps
    assert {edge.firing for edge in reading.edges} <= {Firing.NAMED}
    return [(edge.target.path, edge.line) for edge in reading.edges]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("read /etc/a.conf now", [("/etc/a.conf", 1)]),
        ("\n\n'/etc/a.conf'", [("/etc/a.conf", 3)]),
        ("see /etc/a.conf.", [("/etc/a.conf", 1)]),
        ("host:/etc/a.conf", [("/etc/a.conf", 1)]),
        ("/etc/a.conf:/srv", [("/etc/a.conf", 1)]),
        ("--config=/etc/a.conf", [("/etc/a.conf", 1)]),
        ("/etc/a.conf:/etc/b.conf,/etc/c.conf", [("/etc/a.conf", 1), ("/etc/b.conf", 1), ("/etc/c.conf", 1)]),
        ("/etc/x:/etc/a.conf\n\n/etc/none=/etc/b.conf:/etc/a.conf", [("/etc/a.conf", 1), ("/etc/b.conf", 3)]),
        ("/etc//a.conf and /etc/./a.conf", [("/etc/a.conf", 1), ("/etc/a.conf", 1)]),
        ("https://x/etc/a.conf", []),
        ("../etc/a.conf", []),
        ("$ROOT/etc/a.conf", []),
        ("/etc/absent", []),
        ("/nowhere/a.conf", []),
        ("# /etc/a.conf", []),
        ("  ; /etc/a.conf", []),
        ("/etc/a.conf /etc/a.conf", [("/etc/a.conf", 1)]),
    ],
)
def test_absolute_paths_of_a_text(text: str, expected: list[tuple[str, int]]) -> None:
    assert named("/app/settings", text, "/etc/a.conf", "/etc/b.conf", "/etc/c.conf") == expected


ZONES = (
    "Europe/Rome",
    "Europe/Oslo",
    "America/Argentina/Ushuaia",
    "Etc/GMT+5",
    *(f"Asia/Zone_{n}" for n in "abcdefghi"),
)


@pytest.mark.parametrize(
    ("path", "text", "zones"),
    [
        ("/app/shop.json", '{"zone": "Europe/Rome"}', ["Europe/Rome"]),
        (
            "/app/shop.yml",
            "\nzone: Europe/Rome\nother: America/Argentina/Ushuaia",
            ["Europe/Rome", "America/Argentina/Ushuaia"],
        ),
        ("/etc/app/zone", "Etc/GMT+5\n", ["Etc/GMT+5"]),
        ("/app/shop.json", '{"zone": "Europe/Nowhere"}', []),
        ("/app/shop.json", '{"dir": "x/Europe/Rome", "file": "Europe/Rome.png", "a": "Europe/rome"}', []),
        ("/app/page.tpl", "Europe/Rome", []),
    ],
)
def test_time_zones_of_settings(path: str, text: str, zones: list[str]) -> None:
    files = tuple(f"/usr/share/zoneinfo/{zone}" for zone in ZONES)
    assert [target for target, _ in named(path, text, *files)] == [f"/usr/share/zoneinfo/{zone}" for zone in zones]


@pytest.mark.parametrize(("count", "weak"), [(8, False), (9, True)])
def test_a_list_of_zones_to_choose_from_says_little_of_each(count: int, *, weak: bool) -> None:
    builder = ImageBuilder().file("/app/zones.yml", "".join(f"- Asia/Zone_{n}\n" for n in "abcdefghi"[:count]))
    for zone in ZONES:
        builder.file(f"/usr/share/zoneinfo/{zone}", "TZif")
    assert {edge.weak for edge in read(LiteralsReader(), builder, "/app/zones.yml").edges} == {weak}


ERRORS = (
    "/srv/errors/status-404.html",
    "/srv/errors/status-500.html",
    "/srv/errors/style.css",
    "/srv/errors/status-x/",
)


@pytest.mark.parametrize(
    "text",
    [
        'server.errorfile-prefix = "/srv/errors/status-"',
        "page = '/srv/errors/status-%d.html' % code",
        'open(f"/srv/errors/status-{code}.html")',
        '"/srv/errors/status-" + code',
    ],
)
def test_the_beginning_of_a_name_stands_for_what_goes_on_from_it(text: str) -> None:
    assert named("/app/settings", "\n" + text, *ERRORS) == [(ERRORS[0], 2), (ERRORS[1], 2)]


@pytest.mark.parametrize("text", ["/srv/errors/stat", "/srv/errors/s-", "/srv/errors/other-", "/srv/absent/status-"])
def test_what_begins_no_name_stands_for_nothing(text: str) -> None:
    assert named("/app/settings", text, *ERRORS) == []


def test_a_beginning_stands_for_all_that_goes_on_from_it_however_many_and_once() -> None:
    many = [f"/srv/data/part-{number:03}" for number in range(300)]
    text = "/srv/data/part- /srv/./data/part- /srv//data/part-"
    assert named("/app/settings", text, *many) == [(path, 1) for path in many]


def test_strings_of_a_binary_have_no_line() -> None:
    assert named("/app/bin", b"\x7fELF\0\0/etc/a.conf\0junk", "/etc/a.conf") == [("/etc/a.conf", 0)]


def test_names_of_any_bytes() -> None:
    assert named("/app/bin", b"\0/etc/a+b@c~d\0", "/etc/a+b@c~d") == [("/etc/a+b@c~d", 0)]


def test_a_name_relative_to_a_root_that_the_config_names() -> None:
    text = "root /srv/www;\nerror_page 404 /errors/404.html;\nindex index.html;\n"
    found = named("/etc/site.conf", text, "/srv/www/errors/404.html", "/srv/www/index.html")
    assert ("/srv/www", 1) in found
    assert ("/srv/www/errors/404.html", 2) in found
    assert ("/srv/www/index.html", 3) in found


def test_names_below_several_directories_come_in_the_order_of_both() -> None:
    text = "/srv/a\n/srv/b\nx.txt\nsub/y.txt\n/srv/c\n"
    files = ("/srv/a/x.txt", "/srv/b/x.txt", "/srv/b/sub/y.txt", "/srv/c/sub/y.txt", "/srv/c/z.txt", "/etc/x.txt")
    found = [pair for pair in named("/etc/site.conf", text, *files) if pair[0].endswith(".txt")]
    assert found == [
        ("/srv/a/x.txt", 3),
        ("/srv/b/x.txt", 3),
        ("/etc/x.txt", 3),
        ("/srv/b/sub/y.txt", 4),
        ("/srv/c/sub/y.txt", 4),
    ]


def test_a_name_beside_the_config() -> None:
    assert ("/etc/app/rules.txt", 1) in named("/etc/app/app.conf", "rules = rules.txt\n", "/etc/app/rules.txt")


def test_relative_names_count_in_configs_only() -> None:
    assert named("/app/code.bin", "rules.txt\n", "/app/rules.txt") == []


def test_a_service_name_in_a_url_is_looked_up() -> None:
    builder_data = "proxy http://localhost:webcache\n"
    services = ImageBuilder().file("/etc/app.conf", builder_data).file("/etc/services", "http-alt 8080/tcp webcache\n")
    assert "/etc/services" in read(LiteralsReader(), services, "/etc/app.conf").targets


@pytest.mark.parametrize(
    "path",
    [
        "/etc/ld.so.cache",
        "/var/lib/dpkg/status",
        "/usr/share/doc/x/readme",
        "/app/notes.md",
        "/app/page.html",
        "/app/x.pyc",
    ],
)
def test_lists_and_prose_name_things_for_nobody(path: str) -> None:
    assert named(path, "/etc/a.conf", "/etc/a.conf") == []


@pytest.mark.parametrize("head", [b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd"])
def test_packed_data_is_left_alone(head: bytes) -> None:
    assert named("/app/data", head + b"/etc/a.conf", "/etc/a.conf") == []


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        (["/srv/run/"], [("/srv/run", 1)]),
        (["/srv/run/other.sock"], []),
        (["/srv/other"], []),
        (["/srv/run"], []),
    ],
)
def test_a_file_made_at_run_time_names_its_empty_directory(others: list[str], expected: list[tuple[str, int]]) -> None:
    assert named("/app/uwsgi.ini", "socket = /srv/run/app.sock\n", *others) == expected


def test_an_empty_directory_below_the_root_is_no_place_of_a_program() -> None:
    assert named("/app/bin", b"\x7fELF\0/tmp/x.sock\0/var/tmp/x\0", "/tmp/", "/var/tmp/") == [("/var/tmp", 0)]


def test_a_shell_script_has_its_own_reader() -> None:
    assert named("/app/run", "#!/bin/sh\ncat /etc/a.conf\n", "/etc/a.conf") == []


def test_a_directory_target_says_so() -> None:
    builder = ImageBuilder().file("/app/bin", "/etc/conf.d").directory("/etc/conf.d")
    (edge,) = read(LiteralsReader(), builder, "/app/bin").edges
    assert edge.target.kind is NodeKind.DIRECTORY


@pytest.mark.parametrize("text", ["/" * 300_000, "/a" * 200_000, "a/" * 200_000, "/etc" * 100_000, "a.b/" * 100_000])
def test_time_is_linear(text: str) -> None:
    assert named("/etc/x.conf", text, "/etc/a.conf") == []
