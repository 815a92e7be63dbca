"""What argument vectors start, by the rows of commands.toml."""

from __future__ import annotations

import shlex
import time

import pytest

from xraydiff.commands.argv import Argument, Interpreted, Unwrapped, interpret, unwrap
from xraydiff.commands.table import called, interpreter, wrapper
from xraydiff.conventions import SHELLS
from xraydiff.errors import UsageError
from xraydiff.knowledge import OURS, load
from xraydiff.knowledge.commands import Interpreter, Wrapper


def _unwrapped(line: str) -> Unwrapped[Argument]:
    name, *words = shlex.split(line)
    row = wrapper(name)
    assert row is not None
    return unwrap(row, [Argument(word) for word in words])


def _interpreted(line: str) -> Interpreted[Argument]:
    name, *words = shlex.split(line)
    row = interpreter(name)
    assert row is not None
    return interpret(row, [Argument(word) for word in words])


def _texts(words: tuple[Argument, ...]) -> str:
    return " ".join(word.text for word in words)


WRAPPED = [
    ("env -i A=b C=d tool -l", "tool -l"),
    ("env -u X -- tool", "tool"),
    ("env - tool", "tool"),
    ("env -S 'A=b -u X tool -l' x", "tool -l x"),
    ("env -iS'tool -l' x", "tool -l x"),
    ("env --split-string='tool \"a b\"'", "tool a b"),
    ("env --chdir=/srv tool", "tool"),
    ("nice -n 5 tool", "tool"),
    ("nice -5 tool", "tool"),
    ("timeout -k 5 10 tool -x", "tool -x"),
    ("timeout --signal=KILL 10 tool", "tool"),
    ("flock -n /lock tool", "tool"),
    ("flock /lock -- tool", "tool"),
    ("runuser -u app -- tool -l", "tool -l"),
    ("chroot --userspec=app / tool", "tool"),
    ("chroot /target tool", ""),
    ("taskset -c 0-3 tool", "tool"),
    ("setarch x86_64 -R tool", "tool"),
    ("numactl -l -m 0 tool", "tool"),
    ("faketime -f '@2020-01-01 00:00:00' tool", "tool"),
    ("ionice -p 12", ""),
    ("chrt -f 10 tool", "tool"),
    ("xargs -r -n1 --replace tool {}", "tool {}"),
    ("parallel -j 4 tool ::: a b", "tool"),
    ("bundle exec tool", "tool"),
    ("s6-envdir /env tool", "tool"),
    ("dockerize -wait tcp://db:5432 -timeout 60s tool", "tool"),
    ("dumb-init --rewrite 15:3 -- tool", "tool"),
    ("start-stop-daemon --start --pidfile /x --exec /bin/tool -- -c x", "/bin/tool -c x"),
    ("start-stop-daemon -S -x /bin/other -a /bin/tool", "/bin/tool"),
    ("start-stop-daemon --stop --exec /bin/tool", ""),
    ("busybox tool -x", "tool -x"),
    ("sudo -u app -E A=1 tool", "tool"),
    ("chpst -u app:web -e /env -/ /root tool", "tool"),
    ("tini", ""),
    ("env -u", ""),
]


@pytest.mark.parametrize(("line", "command"), WRAPPED)
def test_the_command_of_a_wrapper(line: str, command: str) -> None:
    assert [_texts(one) for one in _unwrapped(line).commands] == ([command] if command else [])


@pytest.mark.parametrize(
    ("line", "text", "users"),
    [
        ("su - -s /bin/bash app -c 'tool x'", "tool x", "app"),
        ("su -c tool", "tool", ""),
        ("runuser app -c tool", "tool", "app"),
        ("flock /lock -c 'tool x'", "tool x", ""),
        ("capsh --user=app -- -c tool", "tool", "app"),
    ],
)
def test_lines_for_a_shell(line: str, text: str, users: str) -> None:
    found = _unwrapped(line)
    assert (_texts(found.lines), _texts(found.users), found.commands) == (text, users, ())


def test_the_shell_that_su_starts() -> None:
    found = _unwrapped("su - -s /bin/bash app")
    assert found.logs_in
    assert (found.shell, found.account) == (Argument("/bin/bash"), Argument("app"))
    assert _unwrapped("su").account is None


def test_users_directories_and_assignments() -> None:
    assert _texts(_unwrapped("gosu app:web tool").users) == "app:web"
    assert _texts(_unwrapped("sudo -uapp --group=web tool").users) == "app web"
    assert _texts(_unwrapped("setpriv --reuid 7 --clear-groups tool").users) == "7"
    found = _unwrapped("env -C /srv A=b tool")
    assert (found.directory, _texts(found.assignments)) == (Argument("/srv"), "A=b")


def test_find_starts_several_commands_sometimes() -> None:
    found = _unwrapped("find /etc -exec grep x {} ';' -type f -ok tool {} +")
    assert [_texts(one) for one in found.commands] == ["grep x {}", "tool {}"]
    assert found.sometimes


def test_a_part_of_a_word_keeps_its_place() -> None:
    row = wrapper("sudo")
    assert row is not None
    found = unwrap(row, [Argument("--user=app", "CMD"), Argument("tool", "CMD")])
    assert found.users == (Argument("app", "CMD"),)


INTERPRETED = [
    ("sh -c 'a b' name x", "a b", "", "x"),
    ("bash -euxo pipefail -c 'a b'", "a b", "", ""),
    ("bash -eo pipefail script x", "", "script", "x"),
    ("sh -c -e a", "a", "", ""),
    ("sh -lc a", "a", "", ""),
    ("sh +x script", "", "script", ""),
    ("bash --rcfile f script -c", "", "script", "-c"),
    ("python3.11 -u -W error script -m x", "", "script", "-m x"),
    ("python -uc code -x", "code", "", "-x"),
    ("python -Im", "", "", ""),
    ("perl -MFoo=bar -lane code f", "code", "", "f"),
    ("perl -i.bak -pe code f", "code", "", "f"),
    ("perl -I lib script", "", "script", ""),
    ("ruby -rjson -C /srv -e code", "code", "", ""),
    ("node -r x --import=y script a", "", "script", "a"),
    ("node -pe code", "code", "", ""),
    ("deno run --allow-net script", "", "script", ""),
    ("php -qd a=b -f script x", "", "script", "x"),
    ("php8.2 -r code", "code", "", ""),
    ("java -Xmx1g -cp a:b -jar x.jar --y", "", "x.jar", "--y"),
    ("awk -F: '{x}' data", "{x}", "", "data"),
    ("gawk -f a.awk -f b.awk data", "", "a.awk b.awk", "data"),
    ("lua -e x=1 script", "x=1", "script", ""),
]


@pytest.mark.parametrize(("line", "inline", "scripts", "rest"), INTERPRETED)
def test_what_an_interpreter_runs(line: str, inline: str, scripts: str, rest: str) -> None:
    found = _interpreted(line)
    assert (_texts(found.inline), _texts(found.scripts), _texts(found.rest)) == (inline, scripts, rest)
    assert found.from_input is (not inline and not scripts)


def test_modules_classes_and_standard_input() -> None:
    module = _interpreted("python3 -Im http.server 80")
    assert (module.module, _texts(module.rest)) == (Argument("http.server"), "80")
    assert _interpreted("java -m shop/shop.Main").module == Argument("shop/shop.Main")
    assert _interpreted("java -cp lib Main x").name == Argument("Main")
    for line in ("sh", "sh -s a", "sh -", "python3 - a", "perl"):
        assert _interpreted(line).from_input
    assert not _interpreted("sh -c").from_input


def test_what_a_link_is_called_counts_before_what_it_leads_to() -> None:
    assert called("/sbin/init", "/usr/bin/tini") == "tini"
    assert called("wget", "/bin/busybox") == "wget"
    assert called("sh", "/bin/busybox") == "sh"
    assert called("js", "/usr/bin/node18") == "node18"
    assert called("tool", "/opt/tool-1.2") == "tool"
    assert interpreter("bash5") is None


def test_the_shells_are_those_that_every_room_knows() -> None:
    rows = [row for row in OURS.rows(Interpreter) if row.language == "shell"]
    assert [frozenset(row.names) for row in rows] == [SHELLS]


def test_no_program_has_two_rows() -> None:
    names = [name for kind in (Wrapper, Interpreter) for row in OURS.rows(kind) for name in row.names]
    assert len(names) == len(set(names))


def test_a_user_adds_a_wrapper() -> None:
    text = '[[wrapper]]\nnames = ["chamber"]\noperands = 2\nreason = "x"\nsource = "x"\nserves = ["x"]\n'
    row = wrapper("chamber", load(text))
    assert row is not None
    assert _texts(unwrap(row, [Argument(word) for word in "exec prod -- tool x".split()]).commands[0]) == "tool x"
    with pytest.raises(UsageError, match=r"k\.toml: line 3: wrapper\[0\]\.operands: must be a number"):
        load(text.replace("= 2", '= "2"'), "k.toml")
    with pytest.raises(UsageError, match="user"):
        load(text.replace("operands = 2", "user = true"))


@pytest.mark.parametrize("words", [["env"] * 10_000, ["-S", "x"] * 5_000, ["-a" * 50_000], ["-S" + "-S x " * 2_000]])
def test_hostile_words_end(words: list[str]) -> None:
    start = time.process_time()
    for name in ("env", "su", "find"):
        row = wrapper(name)
        assert row is not None
        unwrap(row, [Argument(word) for word in words])
    for name in ("sh", "perl", "java"):
        program = interpreter(name)
        assert program is not None
        interpret(program, [Argument(word) for word in words])
    assert time.process_time() - start < 5
