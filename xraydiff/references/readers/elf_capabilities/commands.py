"""system(3), popen(3) and exec(3): the shell, and command strings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xraydiff.commands.start import find_executable
from xraydiff.facts import Edge, EdgeKind, FileType
from xraydiff.references.readers.elf_capabilities.program import Program

_SHELL = ("system", "popen", "wordexp", "g_spawn_command_line_sync", "g_spawn_command_line_async")
_EXEC = ("execl", "execlp", "execle", "execv", "execvp", "execvpe", "execve", "posix_spawn", "posix_spawnp")
_COMMAND = re.compile(r"^(?:exec )?([A-Za-z0-9_./-]{1,256})(?:\s[\x20-\x7e]*)?$")
_TELLING = re.compile(r"\s-{1,2}[A-Za-z]|\s/|[|><;&]|%[sd]")


def edges(program: Program) -> Iterator[Edge]:
    """Programs that a string names by path; command lines, read as shell; the shell itself for system and popen."""
    shell = program.imports(*_SHELL)
    if not shell and not program.imports(*_EXEC):
        return
    if shell and program.exists("/bin/sh"):
        yield program.edge("/bin/sh", EdgeKind.EXECUTES, "system")
    for string in sorted(program.strings):
        match = _COMMAND.match(string)
        if match is not None:
            yield from _command(program, string, match[1], shell=shell)


def _command(program: Program, string: str, word: str, *, shell: bool) -> Iterator[Edge]:
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
