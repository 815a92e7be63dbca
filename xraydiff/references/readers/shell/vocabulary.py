"""The words that a shell and its wrappers know: builtins, interpreters, and commands that start other commands."""

from __future__ import annotations

from dataclasses import dataclass

BUILTINS = frozenset(
    # POSIX 2024, section 2.15 and the regular ones that dash(1) and busybox ash build in.
    ": . [ alias bg break cd chdir command continue echo eval exec exit export false fc fg getopts hash jobs kill "
    "local printf pwd read readonly return set shift test times trap true type ulimit umask unalias unset wait "
    # bash(1), ksh(1) and zsh(1).
    "[[ bind builtin caller compgen complete compopt declare dirs disown enable help history let logout mapfile popd "
    "pushd readarray shopt source suspend typeset autoload emulate print setopt unsetopt whence "
    # Reserved words that a broken script leaves where a command stands.
    "! case coproc do done elif else esac fi for function if in select then until while { }".split()
)
"""What a shell runs itself, so that no file is asked for."""

SUFFIXES = (".sh", ".bash", ".ash", ".dash", ".ksh", ".zsh", ".envsh")
"""Names of scripts that are sourced and so need no `#!`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """How an interpreter takes its code."""

    language: str
    code: str
    """Letters of options whose value is code; they may end a cluster (`-lc`)."""
    long_code: tuple[str, ...] = ()
    valued: frozenset[str] = frozenset()
    """Other options that take the next word."""
    module: str = ""
    """Option whose value is a module to import."""


INTERPRETERS = {
    "sh": Interpreter(language="shell", code="c", valued=frozenset({"o", "O", "--rcfile", "--init-file", "+o", "+O"})),
    "python": Interpreter(language="python", code="c", valued=frozenset({"W", "X"}), module="m"),
    "perl": Interpreter(language="perl", code="eE", valued=frozenset({"I"})),
    "ruby": Interpreter(language="ruby", code="e", valued=frozenset({"I", "r", "C"})),
    "node": Interpreter(
        language="node", code="ep", long_code=("--eval", "--print"), valued=frozenset({"r", "--require", "--import"})
    ),
    "php": Interpreter(language="php", code="r", long_code=("--run",), valued=frozenset({"d", "c", "z"})),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    """A command that starts the command in its own arguments."""

    valued: frozenset[str] = frozenset()
    """Options that take the next word: letters, or long names with their dashes."""
    positionals: int = 0
    """Operands before the wrapped command."""
    code: tuple[str, ...] = ()
    """Options whose value is a line for `sh -c`."""
    user: tuple[str, ...] = ()
    """Options that name a user or group."""
    user_operand: bool = False
    """Whether the first operand names a user."""
    assignments: bool = False
    """Whether `NAME=value` words may stand before the command."""
    split: tuple[str, ...] = ()
    """Options whose value is split into words (`env -S`)."""


def _wrapper(
    valued: str = "",
    positionals: int = 0,
    *,
    code: str = "",
    user: str = "",
    user_operand: bool = False,
    assignments: bool = False,
    split: str = "",
) -> Wrapper:
    return Wrapper(
        valued=frozenset(valued.split()) | frozenset(user.split()) | frozenset(code.split()) | frozenset(split.split()),
        positionals=positionals,
        code=tuple(code.split()),
        user=tuple(user.split()),
        user_operand=user_operand,
        assignments=assignments,
        split=tuple(split.split()),
    )


WRAPPERS = {
    "env": _wrapper("u C --unset --chdir", assignments=True, split="S --split-string"),
    "nice": _wrapper("n --adjustment"),
    "nohup": _wrapper(),
    "time": _wrapper("f o --format --output"),
    "timeout": _wrapper("k s --kill-after --signal", 1),
    "setsid": _wrapper(),
    "ionice": _wrapper("c n p P u --class --classdata"),
    "chrt": _wrapper("T P D", 1),
    "taskset": _wrapper("", 1),
    "numactl": _wrapper("i m N C p"),
    "stdbuf": _wrapper("i o e --input --output --error"),
    "sudo": _wrapper("p C r t T D R h", user="u g U --user --group", assignments=True),
    "doas": _wrapper("C", user="u"),
    "gosu": _wrapper(user_operand=True, positionals=1),
    "su-exec": _wrapper(user_operand=True, positionals=1),
    "setuidgid": _wrapper(user_operand=True, positionals=1),
    "s6-setuidgid": _wrapper(user_operand=True, positionals=1),
    "s6-applyuidgid": _wrapper("u g G"),
    "envdir": _wrapper("", 1),
    "s6-envdir": _wrapper("", 1),
    "with-contenv": _wrapper(),
    "softlimit": _wrapper("a c d f l m o p r s t"),
    "chpst": _wrapper("e / n l L m d o p f c r t C b", user="u U"),
    "setpriv": _wrapper(
        "--ambient-caps --inh-caps --bounding-set --securebits --pdeathsig --selinux-label --apparmor-profile "
        "--groups --ruid --euid --rgid --egid",
        user="--reuid --regid",
    ),
    "capsh": _wrapper("", code="c", user="--user"),
    "flock": _wrapper("w E --wait --timeout --conflict-exit-code", 1, code="c --command"),
    "xargs": _wrapper(
        "I n P L d E s a --max-args --max-procs --max-lines --delimiter --eof --max-chars --arg-file --replace"
    ),
    "parallel": _wrapper("j a --jobs --arg-file --joblog --timeout --delay --colsep"),
    "tini": _wrapper("p e"),
    "docker-init": _wrapper("p e"),
    "dumb-init": _wrapper("r --rewrite"),
    "catatonit": _wrapper(),
    "pid1": _wrapper(),
    "unshare": _wrapper("R w S G --root --wd --setuid --setgid"),
    "nsenter": _wrapper("t --target"),
    "strace": _wrapper("o e p s a E u P"),
    "ltrace": _wrapper("o e p s a u"),
    "dbus-run-session": _wrapper("--config-file --dbus-daemon"),
    "dbus-launch": _wrapper("--autolaunch"),
    "xvfb-run": _wrapper("e f n p s w --error-file --auth-file --server-num --server-args --wait"),
    "aa-exec": _wrapper("p n --profile --namespace"),
    "authbind": _wrapper(),
    "eatmydata": _wrapper(),
    "fakeroot": _wrapper("l s i b"),
    "faketime": _wrapper("f", 1),
    "watch": _wrapper("n --interval"),
    "ssh-agent": _wrapper("a E t"),
    "unbuffer": _wrapper(),
    "exec-with-env": _wrapper(),
    "linux32": _wrapper(),
    "linux64": _wrapper(),
    "setarch": _wrapper("", 1),
    "cgexec": _wrapper("g"),
    "systemd-inhibit": _wrapper("--what --who --why --mode"),
    "trickle": _wrapper("u d w t l n"),
    "prlimit": _wrapper("p o"),
    "newrelic-admin": _wrapper("", 1),
    "bundle": _wrapper("", 1),
}

NO_NAMES = frozenset(
    "mkdir rmdir rm unlink chown chgrp chmod touch mktemp mkfifo mknod useradd groupadd adduser addgroup usermod "
    "userdel groupdel deluser delgroup".split()
)
"""Commands whose path arguments are made or removed by them, so that their absence from an image says nothing."""

USER_OPERAND = {"chown": 0, "chgrp": 0}
"""Commands whose first operand is a user or group."""
