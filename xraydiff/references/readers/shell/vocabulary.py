"""The words that a shell knows itself, and commands whose arguments say nothing of what they need."""

from __future__ import annotations

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
"""Commands that a shell runs itself, without a file."""

SUFFIXES = (".sh", ".bash", ".ash", ".dash", ".ksh", ".zsh", ".envsh")
"""Names of scripts that are sourced and so need no `#!`."""


NO_NAMES = frozenset(
    "mkdir rmdir rm unlink chown chgrp chmod touch mktemp mkfifo mknod useradd groupadd adduser addgroup usermod "
    "userdel groupdel deluser delgroup".split()
)
"""Commands whose path arguments are made or removed by them, so that their absence from an image says nothing."""

USER_OPERAND = {"chown": 0, "chgrp": 0}
"""Commands whose first operand is a user or group."""
