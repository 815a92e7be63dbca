"""Programs that a config or a script of any language starts: what an argument vector or a command line refers to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from xraydiff.commands.accounts import login_shell
from xraydiff.commands.argv import Argument, Interpreted, interpret, unwrap
from xraydiff.commands.table import called, interpreter, unversioned, wrapper
from xraydiff.facts import EdgeKind, FileType, Firing, Node, NodeKind
from xraydiff.knowledge.commands import Interpreter, Wrapper
from xraydiff.paths import ImagePath, join
from xraydiff.references import UNKNOWN_PART, Command, Context
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.kit.recorder import Recorder, weakened

__all__ = ["Programs", "Start"]

_UNSET = '"$UNKNOWN"'
"""What stands in a line for a shell where a part is not known: a variable that no script sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A command that is started."""

    words: tuple[Argument, ...]
    firing: Firing
    cwd: ImagePath
    applet: bool = False
    """Whether it is a part of the program that starts it, so that no file of its name is looked up."""
    env: tuple[tuple[str, str], ...] = ()
    stops: bool | None = None


class Programs:
    """Follows what one node starts, over the PATH of its context; a word's `detail` is that of its edges."""

    def __init__(self, source: Node, seen: Recorder, lookup: Lookup, *, scripts: EdgeKind = EdgeKind.EXECUTES) -> None:
        """`scripts` is how a script that an interpreter is given is referred to."""
        self._source = source
        self._seen = seen
        self._lookup = lookup
        self._context: Context = lookup.context
        self._limits = self._context.limits
        self._knowledge = self._context.knowledge
        self._scripts = scripts

    def run(self, words: Iterable[Sequence[str]], firing: Firing, detail: str, *, cwd: ImagePath | None = None) -> None:
        """Follow an argument vector, of whose words each may be one of several texts."""
        given = (Argument(texts[0], detail, tuple(texts[1:])) for texts in words if texts)
        self.start(tuple(given), firing, cwd=cwd)

    def shell(self, text: str, firing: Firing, detail: str, *, always: bool = False) -> None:
        """Follow a line that `/bin/sh -c` is given, parts of which may not be known.

        `always` says that a line of which nothing is known needs the shell too.
        """
        word = Argument(text, detail)
        known = bool(text.replace(UNKNOWN_PART, "").strip())
        if known or always:
            self._executes("/bin/sh", word, firing, self._context.cwd)
        if known:
            self.line(word, firing)
        else:
            self._seen.gap("computed-name", "a command")

    def start(self, words: tuple[Argument, ...], firing: Firing, *, cwd: ImagePath | None = None) -> None:
        """Follow a command, then whatever it starts."""
        todo = [Start(words=words, firing=firing, cwd=cwd or self._context.cwd)]
        for _ in range(self._limits.command_wrappers):
            if not todo:
                return
            start = todo.pop()
            if start.words:
                todo.extend(reversed(self._started(start)))
        if todo:
            self._seen.gap("too-deep", "wrappers")

    # --- for readers that know more of what they start --------------------------------------------------------------

    def absent(self, start: Start) -> None:
        """A program that the original does not hold."""
        self.mention(start.words[1:], start.cwd)

    def program(self, name: str, path: ImagePath | None, start: Start) -> Iterable[Start]:
        """A program that is neither a wrapper nor an interpreter: its arguments may name files."""
        del name, path
        self.mention(start.words[1:], start.cwd)
        return ()

    def arguments(self, found: Interpreted[Argument], start: Start) -> Iterable[Start]:
        """The arguments of a script."""
        rest = found.rest if found.zero is None else (found.zero, *found.rest)
        self.mention(rest, start.cwd)
        return ()

    def mention(self, words: Iterable[Argument], cwd: ImagePath) -> None:
        """The files that arguments name: words with a slash that the original holds."""
        for word in words:
            for text in word.texts:
                named = text.rpartition("=")[2]
                if "/" in named and "://" not in named and UNKNOWN_PART not in named:
                    found = self._lookup.named(named, cwd)
                    self._seen.field = word.field
                    if found is not None:
                        self._seen.named(*found, word.detail)

    def line(self, word: Argument, firing: Firing, language: str = "shell") -> None:
        """A script that stands in a word."""
        self._seen.field = word.field
        for text in word.texts:
            known = text.replace(UNKNOWN_PART, _UNSET if language == "shell" else "")
            self._seen.inline(language, known, firing, word.detail)

    # --- one program ------------------------------------------------------------------------------------------------

    def _started(self, start: Start) -> list[Start]:
        head = start.words[0]
        if len(head.texts) > 1:
            start = replace(start, firing=weakened(start.firing))
        started: list[Start] = []
        for text in head.texts[: self._limits.command_choices]:
            if not text or UNKNOWN_PART in text:
                self._seen.gap("computed-name", "a command")
                self.mention(start.words[1:], start.cwd)
                continue
            path = None
            if not start.applet:
                path = self._executes(text, head, start.firing, start.cwd, stops=start.stops)
            if path is None and not start.applet:
                self.absent(start)
            else:
                started.extend(self._known(text, path, start))
        return started

    def _executes(
        self, program: str, word: Argument, firing: Firing, cwd: ImagePath, *, stops: bool | None = None
    ) -> ImagePath | None:
        path = self._lookup.executable(program, cwd)
        self._seen.field = word.field
        if path is not None:
            self._seen.edge(Node(path=path), EdgeKind.EXECUTES, firing, word.detail, stops=stops)
        return path

    def _known(self, word: str, path: ImagePath | None, start: Start) -> Iterable[Start]:
        real = self._lookup.real(path) if path is not None else None
        name = called(word, real[0] if real is not None else None, self._knowledge)
        row = wrapper(name, self._knowledge)
        if row is not None:
            return self._unwrapped(row, start)
        self._seen.command(self._command(name, start))
        program = interpreter(name, self._knowledge)
        if program is not None:
            return self._interpreted(program, start)
        return self.program(name, path, start)

    def _command(self, name: str, start: Start) -> Command:
        return Command(
            source=self._source,
            program=unversioned(name),
            words=tuple(word.text if word.sure else UNKNOWN_PART for word in start.words),
            cwd=start.cwd,
            env=dict(start.env),
            firing=start.firing,
            stops=start.stops,
            detail=start.words[0].detail,
            line=self._seen.line,
            field=start.words[0].field,
        )

    def _unwrapped(self, row: Wrapper, start: Start) -> Iterable[Start]:
        found = unwrap(row, start.words[1:])
        for word in found.users:
            self.account(word, start.firing)
        cwd = start.cwd
        if found.directory is not None and UNKNOWN_PART not in found.directory.text:
            cwd = join(cwd, found.directory.text)
        self.mention(found.names, start.cwd)
        if found.logs_in:
            user = found.account.text if found.account is not None else "root"
            shell = found.shell.text if found.shell is not None else ""
            shell = shell or login_shell(self._context.original, user, limit=self._limits.passwd)
            self._executes(shell, start.words[0], start.firing, cwd, stops=start.stops)
        for line in found.lines:
            self.line(line, start.firing)
        firing = weakened(start.firing) if found.sometimes else start.firing
        pairs = (word.text.partition("=") for word in found.assignments)
        env = (*start.env, *((name, value) for name, _, value in pairs))
        for words in found.commands:
            yield replace(start, words=words, firing=firing, cwd=cwd, applet=found.applet, env=env)

    def account(self, word: Argument, firing: Firing) -> None:
        """A user by name needs the database that gives its number; a number needs none."""
        self._seen.field = word.field
        user, _, group = word.text.partition(":")
        for name, database in ((user, "/etc/passwd"), (group, "/etc/group")):
            if name and not name.isdigit() and self._lookup.is_file(database):
                self._seen.edge(Node(path=ImagePath(database)), EdgeKind.RUNS_AS, firing, word.detail)

    # --- scripts ----------------------------------------------------------------------------------------------------

    def _interpreted(self, row: Interpreter, start: Start) -> Iterable[Start]:
        found = interpret(row, start.words[1:])
        self.mention(found.names, start.cwd)
        for word in found.inline:
            self.line(word, start.firing, row.language)
        for word in found.scripts:
            self._script(row, word, start)
        return self.arguments(found, start)

    def _script(self, row: Interpreter, word: Argument, start: Start) -> None:
        self._seen.field = word.field
        firing = start.firing if word.sure else weakened(start.firing)
        for text in word.texts:
            if not text or UNKNOWN_PART in text:
                continue
            found = self._lookup.real(join(start.cwd, text))
            path = join(start.cwd, text)
            if found is None and row.flags and "/" not in text:
                # A shell looks its script up in PATH where the working directory has none (sh(1)).
                path = self._lookup.executable(text, start.cwd) or path
                found = self._lookup.real(path)
            if found is None:
                self.no_script(word)
            elif found[1] is FileType.DIRECTORY:
                self._seen.edge(Node(kind=NodeKind.DIRECTORY, path=path), self._scripts, firing, word.detail)
            else:
                self._seen.edge(Node(path=path, language=row.language), self._scripts, firing, word.detail)

    def no_script(self, word: Argument) -> None:
        """A script that the original does not hold."""
