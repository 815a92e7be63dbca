"""system(3), popen(3), exec(3) and Go's os/exec: the shell, command strings, and programs by their bare names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xraydiff.commands.start import find_executable
from xraydiff.conventions import SHELLS
from xraydiff.facts import Edge, EdgeKind, FileType
from xraydiff.references.readers.elf_capabilities.program import ElfProgram

_SHELL = ("system", "popen", "wordexp", "g_spawn_command_line_sync", "g_spawn_command_line_async")
_EXEC = ("execl", "execlp", "execle", "execv", "execvp", "execvpe", "execve", "posix_spawn", "posix_spawnp")
_SEARCHED = ("execlp", "execvp", "execvpe", "posix_spawnp")
"""What looks a name up over PATH."""
_COMMAND = re.compile(r"^(?:exec )?([A-Za-z0-9_./-]{1,256})(?:\s[\x20-\x7e]*)?$")
_TELLING = re.compile(r"\s-{1,2}[A-Za-z]|\s/|[|><;&]|%[sd]")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.+-]{1,62}")
_EVERYDAY = frozenset(
    "admin alias ar asa at awk basename batch bc bg cal cat cd cflow chgrp chmod chown cksum cmp comm command "
    "compress cp crontab csplit ctags cut cxref date dd delta df diff dirname du echo ed env ex expand expr false "
    "fc fg file find fold fuser gencat get getconf getopts grep hash head iconv id ipcrm ipcs jobs join kill lex "
    "link ln locale localedef logger logname lp ls m4 mailx make man mesg mkdir mkfifo more mv newgrp nice nl nm "
    "nohup od paste patch pathchk pax pr printf prs ps pwd read readlink realpath renice rm rmdel rmdir sact sccs "
    "sed sh sleep sort split strings strip stty tabs tail talk tee test time timeout touch tput tr true tsort tty "
    "type ulimit umask unalias uname uncompress unexpand unget uniq unlink uucp uustat uux val vi wait wc what "
    "who write xargs xgettext yacc zcat "
    # Of coreutils, util-linux, ncurses and dialog what a program, HTML, SQL or a log line says as well.
    "arch base32 base64 clear col column dialog dir expiry factor fmt free groups host hostid hostname image info "
    "install last lastb lastlog line login look mark more mount namei nav node numfmt passwd perl pinky reset rev "
    "script select service setup shred shuf skill slabtop snice stat stdbuf su sum sync tac tload toe top truncate "
    "tset ul users vdir w wall watch whereis whoami write yes".split()
)
"""Utilities of POSIX.1-2024 and others whose names are everyday words: a string of that name says nothing by itself."""


def edges(program: ElfProgram) -> Iterator[Edge]:
    """Programs that a string names by path; command lines, read as shell; the shell itself for system and popen."""
    searches = program.imports(*_SEARCHED) or (bool(program.constants) and program.links("os/exec.Command"))
    if searches:
        yield from _searched(program)
    shell = program.imports(*_SHELL)
    if not shell and not searches and not program.imports(*_EXEC):
        return
    if shell and program.exists("/bin/sh"):
        yield program.edge("/bin/sh", EdgeKind.EXECUTES, "system")
    for string in sorted(program.strings):
        match = _COMMAND.match(string)
        if match is not None:
            yield from _command(program, string, match[1], shell=shell)


def _searched(program: ElfProgram) -> Iterator[Edge]:
    """Programs that a string names as exec(3) searches them; a shell only where `-c` stands there too."""
    context = program.context
    for string in sorted(program.strings):
        shell = string in SHELLS and "-c" in program.strings
        if shell or (_NAME.fullmatch(string) and string not in _EVERYDAY and string not in SHELLS):
            path = find_executable(string, context.original, context.path, context.cwd)
            if path is not None:
                yield program.edge(path, EdgeKind.EXECUTES, string)


def _command(program: ElfProgram, string: str, word: str, *, shell: bool) -> Iterator[Edge]:
    if word.startswith("/"):
        found = program.context.original.resolve(word).file
        if found is not None and found.type is FileType.FILE and found.mode & 0o111:
            yield program.edge(word, EdgeKind.EXECUTES, string)
            if shell and " " in string:
                yield program.script(string, string)
    elif shell and _TELLING.search(string):
        # An English sentence may start with the name of a program; options, paths and pipes tell a command line.
        path = find_executable(word, program.context.original, program.context.path, program.context.cwd)
        if path is not None:
            yield program.script(string, string)
