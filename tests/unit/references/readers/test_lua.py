"""The reader of Lua: modules over the search paths of the interpreters, scripts, files, commands."""

from __future__ import annotations

import shlex
import time

import pytest

from xraydiff.limits import DEFAULT, Limits
from xraydiff.pipeline import compare
from xraydiff.references.readers.lua import LuaReader
from xraydiff.testing import ImageBuilder, Reading, elf, read

COMPILED_IN = (
    b"/usr/local/share/lua/5.4/?.lua;/usr/share/lua/5.4/?.lua;/usr/share/lua/5.4/?/init.lua;./?.lua\0"
    b"/usr/local/lib/lua/5.4/?.so;/usr/lib/lua/5.4/?.so;./?.so\0"
)


def image(**env: str) -> ImageBuilder:
    builder = ImageBuilder().config(cmd=["/app/run"], env=[f"{name}={value}" for name, value in env.items()])
    for path in ("socket.lua", "pl/init.lua", "pl/path.lua"):
        builder.file(f"/usr/share/lua/5.4/{path}", "return 1")
    for path in ("/usr/lib/lua/5.4/socket/core.so", "/usr/lib/lua/5.4/lfs.so", "/usr/bin/date", "/bin/sh"):
        builder.file(path, elf(), mode=0o755)
    for path in ("/app/lib/app/db.lua", "/app/more.lua", "/opt/own/x.lua", "/etc/app/a.conf", "/etc/app/b.conf"):
        builder.file(path, "return 1")
    return builder.file("/usr/bin/lua5.4", elf() + COMPILED_IN, mode=0o755)


def reading(program: str, *, limits: Limits = DEFAULT, language: str = "lua", **env: str) -> Reading:
    return read(LuaReader(), image(**env).file("/app/run", program), "/app/run", language=language, limits=limits)


@pytest.mark.parametrize(
    ("program", "references"),
    [
        ("print('require \"socket\"') -- require 'socket'\n--[[ require 'socket' ]] return", []),
        ('local s = require "socket"', [("imports", "load", "/usr/share/lua/5.4/socket.lua")]),
        ("require('pl')", [("imports", "load", "/usr/share/lua/5.4/pl/init.lua")]),
        ("require [[pl.path]]", [("imports", "load", "/usr/share/lua/5.4/pl/path.lua")]),
        ("require 'socket.core'", [("loads", "load", "/usr/lib/lua/5.4/socket/core.so")]),
        ("require 'lfs.deep'", [("loads", "load", "/usr/lib/lua/5.4/lfs.so")]),
        ("require 'string' require 'jit.opt'", []),
        ("local ok, m = pcall(require, 'lfs')", [("loads", "guarded", "/usr/lib/lua/5.4/lfs.so")]),
        ("if x then require 'lfs' end", [("loads", "guarded", "/usr/lib/lua/5.4/lfs.so")]),
        ("x = y and require 'lfs'", [("loads", "guarded", "/usr/lib/lua/5.4/lfs.so")]),
        ("for i = 1, 2 do if y then end end require 'lfs'", [("loads", "load", "/usr/lib/lua/5.4/lfs.so")]),
        ("function f() while x do end return require 'lfs' end", [("loads", "deferred", "/usr/lib/lua/5.4/lfs.so")]),
        ("repeat local f = function() end until x; require 'lfs'", [("loads", "load", "/usr/lib/lua/5.4/lfs.so")]),
        ("package.path = h .. '/?.lua' require 'app.db'", [("imports", "guarded", "/app/lib/app/db.lua")]),
        ("package.path = '/opt/own/?.lua' require 'x'", [("imports", "load", "/opt/own/x.lua")]),
        ("dofile('/app/more.lua')", [("sources", "load", "/app/more.lua")]),
        ("dofile('/app/mo' .. [[re.lua]])", [("sources", "load", "/app/more.lua")]),
        ("local D = '/etc/app' io.open(D .. '/a.conf', 'r')", [("names", "named", "/etc/app/a.conf")]),
        ("local D = '/etc/app' D = x io.open(D .. '/a.conf', 'r')", []),
        ("local D = '/etc/app' function f(D) io.open(D .. '/a.conf') end", []),
        ("local o = io.open o '/etc/app/a.conf'", [("names", "named", "/etc/app/a.conf")]),
        ("io.open('/etc/app/a.conf', 'w')", []),
        ("io.open('/etc/app/' .. n:lower() .. '.conf')", [("names", "named", f"/etc/app/{x}.conf") for x in "ab"]),
        ("os.execute('date +%s')", [("executes", "guarded", "/bin/sh"), ("contains", "guarded", "date +%s")]),
        ("io.popen('date ' .. x)", [("executes", "guarded", "/bin/sh"), ("contains", "guarded", 'date "$UNKNOWN"')]),
        ("t.require 'lfs' t:dofile('/app/more.lua') function io.open(x) end", []),
    ],
)  # fmt: skip
def test_what_a_program_refers_to(program: str, references: list[tuple[str, str, str]]) -> None:
    edges = reading(program).edges
    assert [(edge.kind, edge.firing, edge.target.text or edge.target.path) for edge in edges] == references


@pytest.mark.parametrize(
    ("program", "gaps"),
    [
        ("require(name)", ["computed-name"]),
        ("dofile(arg[1])", ["computed-name"]),
        ("os.execute(x)", ["computed-name"]),
        ("require 'x' x = 'never", ["malformed"]),
        ("x = [==[ never ]=]", ["malformed"]),
        ("--[[ never", ["malformed"]),
        ("x = 'a\\z  \n  b'", []),
        ("require 'absent'", []),
    ],
)
def test_what_is_not_followed(program: str, gaps: list[str]) -> None:
    assert [gap.reason for gap in reading(program).gaps] == gaps


@pytest.mark.parametrize("limits", [Limits(script=50), Limits(script_tokens=20), Limits(script_steps=5)])
def test_what_is_too_large_is_a_gap(limits: Limits) -> None:
    program = "".join(f"require 'a{number}' " for number in range(20))
    assert [gap.reason for gap in reading(program, limits=limits).gaps] == ["too-large"]


@pytest.mark.parametrize("program", ["redis.call('get', 'x')", "require 'absent'", "ngx.say(1)"])
def test_a_program_inside_another_one_is_not_said_to_be_read(program: str) -> None:
    def gaps(path: str, text: str, language: str = "") -> list[str]:
        found = read(LuaReader(), image().file(path, text), path, language=language)
        return [gap.reason for gap in found.gaps]

    assert gaps("/app/x.lua", program) == ["no-reader"]
    assert gaps("/app/x.lua", program, "lua") == gaps("/app/x", f"#!/usr/bin/lua5.4\n{program}") == []
    assert gaps("/app/x.lua", "local s = require 'socket'") == []


@pytest.mark.parametrize(
    ("path", "data", "accepted"),
    [
        ("/app/x", b"#!/usr/bin/env luajit\n", True),
        ("/app/x", b"#!/usr/bin/texlua\n", False),
        ("/app/x.lua", b"#!/usr/bin/env resty\n", False),
        ("/app/x.lua", b"x = 1", True),
        ("/app/x.lua", b"\x1bLuaT", False),
        ("/app/x.luac", b"x", False),
    ],
)
def test_which_files_it_reads(path: str, data: bytes, accepted: bool) -> None:
    assert read(LuaReader(), ImageBuilder().file(path, data), path).accepted is accepted


def test_search_paths_of_the_environment_come_first() -> None:
    assert reading("require 'x'", LUA_PATH="/opt/own/?.lua;;").targets == ["/opt/own/x.lua"]


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("lua5.4 /app/main", "/usr/share/lua/5.4/socket.lua"),
        ("lua5.4 -l pl /app/none", "/usr/share/lua/5.4/pl/init.lua"),
        ("sh -c 'exec lua5.4 -lpl'", "/usr/share/lua/5.4/pl/init.lua"),
        ("lua5.4 -e require\\'lfs\\'", "/usr/lib/lua/5.4/lfs.so"),
        ("env LUA_INIT=@/app/more.lua lua5.4 /app/none", "/app/more.lua"),
    ],
)
def test_what_lua_is_started_with_is_missed(command: str, path: str) -> None:
    original, slim = image(), ImageBuilder()
    for builder in (original, slim):
        builder.config(entrypoint=shlex.split(command)).file("/app/main", "require 'socket'")
        for program in ("/usr/bin/lua5.4", "/bin/sh", "/usr/bin/env"):
            builder.file(program, elf() + COMPILED_IN, mode=0o755)
    with compare(original.image(), slim.image()) as comparison:
        assert not [one for one in comparison.report.problems if one.code == "no-reader"]
        found = comparison.missing(path)
    assert found is not None
    assert (str(found.certainty), found.edge.by) == ("proven", "lua")


HOSTILE = (
    "io.open(",
    "io.open(x..",
    "[",
    "--[",
    "[=",
    "x:",
    "function(",
    "if ",
    "end ",
    '"\\z  ',
    "require(a[",
    "'a'..",
)


@pytest.mark.parametrize("unit", [*HOSTILE, "local a=", "package.path=x.."])
def test_hostile_programs_cost_no_square(unit: str) -> None:
    program = (unit * 20_000).encode()
    began = time.process_time()
    LuaReader().parse(program, "", DEFAULT)
    assert time.process_time() - began < 6
