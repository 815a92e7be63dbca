"""Rows of companions: what every row must say, how patterns match, and whom an edge counts for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from xraydiff.errors import UsageError
from xraydiff.facts import Certainty, Edge, EdgeKind, Firing, NodeKind
from xraydiff.knowledge import OURS, Companion, Knowledge, load, read
from xraydiff.knowledge.companions import PathPattern
from xraydiff.paths import components
from xraydiff.reach.table import Standing, certainty_of
from xraydiff.references import Depth
from xraydiff.references.readers.companions import CompanionsReader
from xraydiff.testing import ImageBuilder
from xraydiff.testing import read as read_file

ROWS = OURS.rows(Companion)


def row(**values: str) -> str:
    """One row as TOML, with what every row needs."""
    given = {
        "when": '["libx.so"]',
        "then": '["/x"]',
        "reason": '"it does"',
        "source": '"https://example.org"',
        "serves": '["a", "b"]',
    }
    return "[[companion]]\n" + "".join(f"{key} = {value}\n" for key, value in {**given, **values}.items() if value)


def own(text: str) -> tuple[Companion, ...]:
    """The rows of a user's text."""
    return load(text, "own.toml").rows(Companion)[len(ROWS) :]


def asked(builder: ImageBuilder, path: str, rows: Sequence[Companion] = ()) -> list[Edge]:
    """Edges of a file, by ours and some more rows."""
    return read_file(CompanionsReader(Knowledge({Companion: rows})), builder, path).edges


def started(builder: ImageBuilder) -> list[Edge]:
    return read_file(CompanionsReader(), builder).edges


def paths(edges: Sequence[Edge]) -> list[str]:
    return [edge.target.path for edge in edges]


# --- our own rows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", ROWS, ids=[row.reason[:40] for row in ROWS])
def test_every_row_has_a_reason_a_source_and_more_than_one_use(one: Companion) -> None:
    assert len(one.reason) > 15
    assert one.source.startswith("https://")
    assert len(set(one.serves)) >= 2
    assert one.certainty in (Certainty.POSSIBLE, Certainty.LIKELY)
    assert one.firing is Firing.KEPT_WITH


def test_every_row_says_something_of_its_own() -> None:
    keys = [(one.when, one.then, one.given, one.mentions, one.certainty) for one in ROWS]
    assert len(set(keys)) == len(keys)
    assert len({one.reason for one in ROWS}) > len(ROWS) * 0.9


@pytest.mark.parametrize("one", [row for row in ROWS if row.given], ids=lambda row: row.reason[:40])
def test_what_a_row_wants_to_be_there_is_never_its_own_target(one: Companion) -> None:
    assert one.certainty is Certainty.LIKELY
    assert not set(one.given) & set(one.then)


@pytest.mark.parametrize("one", ROWS, ids=[row.reason[:40] for row in ROWS])
def test_every_row_finds_its_companions_in_a_small_tree(one: Companion) -> None:
    """A tree is made from the row's own patterns; each pattern of `then` must find the file made for it."""
    places = {"dir": "/base/inner/folder", **dict.fromkeys(_groups(one), "7")}
    patterns = [pattern.format(**places) for pattern in one.then]
    made = {pattern: _example(pattern) for pattern in patterns}
    builder = ImageBuilder()
    for path in sorted(set(made.values())):
        if not any(other.startswith(f"{path}/") for other in made.values()):  # else a directory, for a file below it
            builder.file(path, "x")
    rows = [
        Companion(
            when=(PathPattern.of(f"kept{index}"),),
            then=(pattern,),
            reason=one.reason,
            source=one.source,
            serves=one.serves,
        )
        for index, pattern in enumerate(patterns)
    ]
    for index in range(len(patterns)):
        builder.file(f"/base/inner/folder/kept{index}", "x")
    for index, pattern in enumerate(patterns):
        path = made[pattern]
        if not any(other.startswith(f"{path}/") for other in made.values()):
            assert path in paths(asked(builder, f"/base/inner/folder/kept{index}", rows)), pattern


def _example(pattern: str) -> str:
    plain = pattern.replace("**", "deep/file").replace("[A-Z]", "Q").replace("*/", "d/").replace("*", "a")
    return "/" + "/".join(components(plain)).replace("?", "q")


def _groups(one: Companion) -> set[str]:
    names = {name for pattern in one.when for name in pattern.places}
    return names | (set(one.mentions.groupindex) if one.mentions is not None else set())


def test_a_library_brings_its_table_by_its_real_name() -> None:
    builder = ImageBuilder().file("/usr/lib/x/libmagic.so.1.0.0", "x").file("/usr/lib/file/magic.mgc", "x")
    (edge,) = asked(builder, "/usr/lib/x/libmagic.so.1.0.0")
    assert (edge.target.path, edge.kind, edge.firing) == (
        "/usr/lib/file/magic.mgc",
        EdgeKind.COMPANION,
        Firing.KEPT_WITH,
    )
    assert edge.detail.startswith("magic_load")
    assert asked(builder.file("/usr/lib/x/libmagic.so.10", "x"), "/usr/lib/x/libmagic.so.10") != []
    assert asked(builder.file("/usr/lib/x/mylibmagic.so.1", "x"), "/usr/lib/x/mylibmagic.so.1") == []


def test_placeholders_of_a_name() -> None:
    builder = ImageBuilder().file("/n/libcudnn.so.8.9.2", "x").file("/n/libcudnn_ops.so.8.9.2", "x")
    builder.file("/n/libcudnn_ops.so.9", "x")
    assert paths(asked(builder, "/n/libcudnn.so.8.9.2")) == ["/n/libcudnn_ops.so.8.9.2"]
    builder = ImageBuilder().file("/n/libcudnn.so.8", "x").file("/n/libcudnn_ops.so.8", "x")
    assert paths(asked(builder, "/n/libcudnn.so.8")) == ["/n/libcudnn_ops.so.8"]


def test_a_catalogue_of_postgresql_names_its_libraries() -> None:
    library = "/usr/lib/postgresql/15/lib"
    builder = ImageBuilder().file("/data/base/5/1255", b"\0$libdir/pgcrypto\0\0$libdir/utf8_and_sjis\0$libdir/absent\0")
    for name in ("pgcrypto", "utf8_and_sjis", "plpgsql"):
        builder.file(f"{library}/{name}.so", "x")
    builder.file("/data/base/5/1255_fsm", b"$libdir/plpgsql")
    assert paths(asked(builder, "/data/base/5/1255")) == [f"{library}/pgcrypto.so"]
    assert asked(builder, "/data/base/5/1255_fsm") == []


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("default_text_search_config = 'pg_catalog.english'", ["english.stop"]),
        ("  default_text_search_config='german'", ["german.stop"]),
        ("#default_text_search_config = 'pg_catalog.english'", []),
        ("default_text_search_config = 'pg_catalog.simple'", []),
    ],
)
def test_the_dictionary_that_a_configuration_names(line: str, wanted: list[str]) -> None:
    folder = "/usr/share/postgresql/15/tsearch_data"
    builder = ImageBuilder().file("/data/postgresql.conf", f"port = 1\n{line}\n")
    builder.file(f"{folder}/english.stop", "x").file(f"{folder}/german.stop", "x")
    assert paths(asked(builder, "/data/postgresql.conf")) == [f"{folder}/{name}" for name in wanted]


@pytest.mark.parametrize(
    ("path", "line", "wanted"),
    [
        ("/etc/php/8.2/mods-available/intl.ini", "extension=intl.so", ["intl"]),
        ("/usr/local/etc/php/conf.d/a.ini", 'zend_extension = "opcache"', ["opcache"]),
        ("/usr/local/etc/php/conf.d/a.ini", "; extension=intl", []),
        ("/usr/local/etc/php/conf.d/a.ini", "extension_dir=intl", []),
    ],
)
def test_the_extensions_that_a_configuration_of_php_names(path: str, line: str, wanted: list[str]) -> None:
    builder = ImageBuilder().file(path, f"[php]\n{line}\n").file("/usr/lib/php/20220829/intl.so", "x")
    builder.file("/usr/lib/php/20220829/opcache.so", "x")
    assert paths(asked(builder, path)) == [f"/usr/lib/php/20220829/{name}.so" for name in wanted]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT now() AT TIME ZONE 'Europe/Rome';", ["Europe/Rome"]),
        ("set time zone 'Europe/Rome';", ["Europe/Rome"]),
        ("ALTER ROLE shop SET timezone TO 'America/New_York';", ["America/New_York"]),
        ("timezone = 'Europe/Rome'", ["Europe/Rome"]),
        ("-- the zone Europe/Rome", []),
        ("set time zone 'Europe/../../shadow'", []),
        ("set time zone 'Europe/Nowhere'", []),
    ],
)
def test_the_time_zones_that_a_script_names(text: str, wanted: list[str]) -> None:
    builder = ImageBuilder().file("/app/1.sql", text).file("/usr/share/zoneinfo/Europe/Rome", "x")
    builder.file("/usr/share/zoneinfo/America/New_York", "x").file("/usr/share/shadow", "x")
    assert paths(asked(builder, "/app/1.sql")) == [f"/usr/share/zoneinfo/{name}" for name in wanted]


def test_an_extension_names_a_library_of_another_name() -> None:
    folder = "/usr/share/postgresql/15/extension"
    control = "# intarray\ndefault_version = '1.5'\nmodule_pathname = '$libdir/_int'\ntrusted = true\n"
    builder = ImageBuilder().file(f"{folder}/intarray.control", control).file(f"{folder}/intarray--1.5.sql", "x")
    builder.file(f"{folder}/cube--1.5.sql", "x").file("/usr/lib/postgresql/15/lib/_int.so", "x")
    assert sorted(paths(asked(builder, f"{folder}/intarray.control"))) == [
        "/usr/lib/postgresql/15/lib/_int.so",
        f"{folder}/intarray--1.5.sql",
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('server.modules = ("mod_access", "mod_auth")', ["mod_access", "mod_auth"]),
        ('server.modules += (\n\t"mod_auth",\n#\t"mod_cgi",\n\t"mod_access",\n)', ["mod_access", "mod_auth"]),
        ("LoadModule auth_module mod_auth.so", []),
    ],
)
def test_the_plugins_that_a_configuration_of_lighttpd_names(text: str, wanted: list[str]) -> None:
    builder = ImageBuilder().file("/etc/site/lighttpd.conf.in", text)
    for name in ("mod_access", "mod_auth", "mod_cgi"):
        builder.file(f"/usr/lib/lighttpd/{name}.so", "x")
    edges = asked(builder, "/etc/site/lighttpd.conf.in")
    assert sorted(paths(edges)) == [f"/usr/lib/lighttpd/{name}.so" for name in wanted]
    assert {certainty_of(edge, Standing.APPLICATION) for edge in edges} <= {Certainty.LIKELY}


def test_a_rakefile_is_for_rake() -> None:
    builder = ImageBuilder().file("/srv/Rakefile", "task(:x) {}").file("/usr/bin/rake", "#!/usr/bin/ruby\n", mode=0o755)
    (edge,) = asked(builder, "/srv/Rakefile")
    assert edge.target.path == "/usr/bin/rake"
    assert certainty_of(edge, Standing.RESTORED_APPLICATION) is Certainty.LIKELY


def test_an_empty_directory_is_a_companion_and_a_full_one_is_not() -> None:
    builder = ImageBuilder().file("/usr/sbin/sshd", "x", mode=0o755).directory("/run/sshd")
    (edge,) = asked(builder, "/usr/sbin/sshd")
    assert (edge.target.path, edge.target.kind) == ("/run/sshd", NodeKind.DIRECTORY)
    builder = ImageBuilder().file("/usr/sbin/sshd", "x", mode=0o755).file("/run/sshd/pid", "1")
    assert asked(builder, "/usr/sbin/sshd") == []


# --- whom it counts for ---------------------------------------------------------------------------------------------


def test_what_an_image_starts_brings_what_it_fails_without_and_no_more() -> None:
    builder = ImageBuilder().file("/usr/lib/postgresql/15/bin/postgres", "x", mode=0o755)
    builder.file("/usr/lib/postgresql/15/lib/plpgsql.so", "x").file("/usr/lib/postgresql/15/lib/dict_snowball.so", "x")
    builder.symlink("/usr/bin/postgres", "../lib/postgresql/15/bin/postgres")
    edges = started(builder.config(entrypoint=["postgres", "-D", "/x"], env=["PATH=/usr/bin"]))
    assert paths(edges) == ["/usr/lib/postgresql/15/lib/plpgsql.so"]
    assert [certainty_of(edge, Standing.CONFIG) for edge in edges] == [Certainty.LIKELY]
    edges = asked(builder, "/usr/lib/postgresql/15/bin/postgres")
    assert len(edges) == 2
    assert {certainty_of(edge, Standing.KEPT_PACKAGE) for edge in edges} == {Certainty.POSSIBLE}


def test_a_row_that_is_only_possible_stays_so_whoever_the_owner_is() -> None:
    rows = own(row(then='["/x", "/y"]') + row(then='["/y", "/z"]', certainty='"likely"'))
    builder = ImageBuilder().file("/app/libx.so", "x").file("/x", "x").file("/y", "x").file("/z", "x")
    edges = asked(builder, "/app/libx.so", rows)
    assert {edge.target.path: certainty_of(edge, Standing.APPLICATION) for edge in edges} == {
        "/x": Certainty.POSSIBLE,
        "/y": Certainty.LIKELY,
        "/z": Certainty.LIKELY,
    }


def test_it_runs_on_kept_package_files() -> None:
    assert CompanionsReader.depth == Depth.HEADERS


def test_names_that_a_pattern_would_give_a_meaning_are_left_out() -> None:
    rows = own(row(when='["**/{name}/libx.so"]', then='["/opt/{name}/y"]'))
    builder = ImageBuilder().file("/opt/*/libx.so", "x").file("/opt/*/y", "x").file("/opt/b/y", "x")
    builder.file("/opt/b/libx.so", "x")
    assert asked(builder, "/opt/*/libx.so", rows) == []
    assert paths(asked(builder, "/opt/b/libx.so", rows)) == ["/opt/b/y"]


# --- rows of others -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "path", "matches"),
    [
        ("libx.so", "/a/b/libx.so", True),
        ("libx.so.*", "/a/libx.so.1.2", True),
        ("libx.so.*", "/a/libx.so", False),
        ("lib?.so", "/a/libx.so", True),
        ("/a/libx.so", "/a/libx.so", True),
        ("/a/libx.so", "/b/a/libx.so", False),
        ("**/a/#", "/x/a/123", True),
        ("**/a/#", "/x/a/12b", False),
        ("**/a/{one}/b", "/a/x/b", True),
        ("**/a/{one}/b", "/a/x/y/b", False),
    ],
)
def test_patterns_of_when(when: str, path: str, matches: bool) -> None:
    (one,) = own(row(when=f'["{when}"]'))
    assert (one.match(path) is not None) is matches


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"when": "[]"}, "line 9: companion[1].when: must be a list of texts"),
        ({"when": ""}, "line 8: companion[1].when: must be a list of texts"),
        ({"then": '["relative"]'}, "line 10: companion[1].then: relative is no absolute pattern"),
        ({"then": '["/x/{what}"]'}, "companion[1].then: nothing fills {what} in /x/{what}"),
        ({"then": '["/x/{"]'}, "companion[1].then: /x/{"),
        ({"then": '["/x/{dir!r}"]'}, "a placeholder is a name in braces and nothing else"),
        ({"then": '["/x/{dir:99999999999}"]'}, "a placeholder is a name in braces and nothing else"),
        ({"given": '["x"]'}, "companion[1].given: x is no absolute pattern"),
        ({"except": '["a/b"]'}, "companion[1].except: a/b: is no name of a file"),
        ({"when": '["a/b"]'}, "companion[1].when: a/b: is no file's name"),
        ({"when": '["**/a/**/b"]'}, "no file's name"),
        ({"when": '["*a*b*"]'}, "too many stars"),
        ({"when": '["{a}{a}"]'}, "companion[1].when: {a}{a}: "),
        ({"mentions": '"("'}, "companion[1].mentions: no regular expression"),
        ({"mentions": "3"}, "companion[1].mentions: must be a text"),
        ({"mentions": '"(a+)+"'}, "companion[1].mentions: repeats a group that repeats"),
        ({"mentions": "'((?:a|b{2,})x)*'"}, "repeats a group that repeats"),
        ({"reason": ""}, "companion[1].reason: must be a text"),
        ({"source": '" "'}, "companion[1].source: must be a text"),
        ({"serves": '["one"]'}, "companion[1].serves: must name two packages"),
        ({"serves": '["one", "one"]'}, "companion[1].serves: must name two packages"),
        ({"firing": '"load"'}, "companion[1].firing: must be one of deferred, guarded, kept_with"),
        ({"certainty": '"proven"'}, "companion[1].certainty: must be one of likely, possible"),
        ({"certainty": "[]"}, "companion[1].certainty: must be one of likely, possible"),
        ({"extra": "1"}, "line 14: companion[1].extra: unknown key; known are certainty, except, firing"),
    ],
)
def test_a_bad_row_is_named_with_line_and_field(values: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        own("# a comment\n" + row() + row(**values))
    assert str(caught.value).startswith("own.toml: line ")
    assert says in str(caught.value)


@pytest.mark.parametrize("pattern", [r"a+b*", r"(a|b)+", r"(a{1,9})+", r"[(+)]*(?:x)+", r"(?:\(\+\))+", r"(a+)b"])
def test_repeats_that_stay_linear_are_allowed(pattern: str) -> None:
    (one,) = own(row(mentions=f"'{pattern}'"))
    assert one.mentions is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the text must hold [["),
        ("x = 1\n", "the text must hold [["),
        ("companion = 1\n", "the text must hold [["),
        ("companion = []\n", "the text must hold [["),
        ("\n[[companion]\n", "own.toml: line 2: not TOML"),
        ("companion = [1]\n", "own.toml: companion[0]: is no table"),
        ('companion = [{ when = ["x"], nope = 1 }]\n', "own.toml: companion[0].nope: unknown key"),
    ],
)
def test_a_text_that_holds_no_rows(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        own(text)
    assert says in str(caught.value)


def test_a_row_may_want_something_to_be_there_and_leave_something_out() -> None:
    text = row(given='["/**/cluster/control", "/never"]', then='["/x/*"]', **{"except": '["*.bad", "no"]'})
    builder = ImageBuilder().file("/usr/lib/libx.so", "x").file("/x/good", "x").file("/x/no", "x").file("/x/a.bad", "x")
    rows = own(text)
    assert asked(builder, "/usr/lib/libx.so", rows) == []
    builder.file("/srv/cluster/control", "x")
    assert paths(asked(builder, "/usr/lib/libx.so", rows)) == ["/x/good"]


def test_a_file_of_rows_and_a_name_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(row())
    *_, one = read(tmp_path / "own.toml").rows(Companion)
    assert one.then == ("/x",)
    with pytest.raises(UsageError, match=r"^none\.toml: No such file or directory$"):
        read(tmp_path / "none.toml")
    with pytest.raises(UsageError, match=r"Is a directory$"):
        read(tmp_path)
    with pytest.raises(UsageError, match=r"cannot be read$"):
        read("a\0b")


def test_the_example_of_the_page_is_read() -> None:
    page = Path(__file__).resolve().parents[4] / "docs" / "companions.md"
    (text,) = re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    first, second = own(text)
    assert first.certainty is Certainty.LIKELY
    assert second.given == ("/usr/share/shopd/themes",)
