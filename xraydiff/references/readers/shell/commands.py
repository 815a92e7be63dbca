"""References of one simple command: the program, what it wraps or interprets, and the paths among its arguments."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from xraydiff.commands.argv import Interpreted, Unwrapped, behind_options, interpret, split_line, unwrap
from xraydiff.commands.table import called, interpreter, unversioned, wrapper
from xraydiff.facts import EdgeKind, FileType, Firing, Node, NodeKind, When
from xraydiff.knowledge.commands import Interpreter
from xraydiff.paths import ImagePath, basename, image_path, join, parent
from xraydiff.references import UNKNOWN_PART, Command
from xraydiff.references.kit.recorder import Recorder, weakened
from xraydiff.references.readers.shell.lookup import ShellLookup
from xraydiff.references.readers.shell.syntax import Syntax
from xraydiff.references.readers.shell.variables import (
    ARGUMENTS,
    DIRECTORY,
    ENDED,
    ERREXIT,
    NOTHING_KNOWN,
    REST,
    SEPARATOR,
    STDIN,
    UNKNOWN,
    Value,
    Variables,
    pattern,
    plain,
    union,
)
from xraydiff.references.readers.shell.vocabulary import BUILTINS, NO_NAMES, USER_OPERAND
from xraydiff.references.readers.shell.words import Word, Words

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_HEADS = 16
"""Candidates of a command word that are followed as wrappers and interpreters."""
_WILD = 20
"""Files that a path with an unknown part may match."""
_TURNS = 32
"""Wrappers in wrappers."""
_SHOWN = 12
"""Words of a command that a person needs to find it again."""
_MAX_DETAIL_LENGTH = 200
"""Characters of them."""
_NO_CODE = frozenset({"", "-"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A command as it is run: where it may be looked for, and what is fed to it."""

    firing: Firing
    external: bool = False
    """Started by another program, which knows no builtins and no functions."""
    stdin: Syntax | None = None
    """A here-document or here-string."""
    found: bool = False
    """Whether the program is recorded already: an applet of busybox."""
    stops: bool = False
    """Whether its failure ends the script."""
    directory: str = ""
    """Where it is started, if not where the script is: `env -C /srv`."""
    env: tuple[tuple[str, str], ...] = ()
    """Variables that its wrappers set."""


Enter = Callable[[str, list[Word], Firing], bool]
"""Runs a function of the script; false where there is none of that name."""
EnterLike = Callable[[str, Firing], bool]
"""Runs the functions of the script whose names a text with an unknown part may match (`do_$1`)."""
Ran = Callable[[str, list[Word]], None]
"""Called for each program that runs, with its arguments."""
Take = Callable[[ImagePath], None]
"""Goes through a sourced file for what it sets and defines."""


class Commands:
    """Follows simple commands of one script."""

    def __init__(self, words: Words, seen: Recorder, enter: Enter, enter_like: EnterLike, take: Take) -> None:
        self._words = words
        self._variables: Variables = words.variables
        self._lookup: ShellLookup = words.lookup
        self._seen = seen
        self._enter = enter
        self._enter_like = enter_like
        self._take = take
        self.aliases: dict[str, list[Word]] = {}
        self.keywords: frozenset[str] = frozenset()
        """Words that this script's shell runs itself and others do not: `time` of bash."""
        self.posix = False
        """Whether this script's shell ends where a sourced file is missing (POSIX.1-2024, XCU 2.8.1)."""
        self.ran: Ran = lambda _name, _words: None
        self.touched: Callable[[Word], None] = lambda _: None
        self._elsewhere = ""

    @property
    def _directory(self) -> str:
        """Where the command of this moment is started."""
        return self._elsewhere or self._words.directory

    def run(self, words: list[Word], call: Call) -> None:
        """Follow one command, then whatever it starts."""
        todo = [(words, call)]
        for _ in range(_TURNS):
            self._elsewhere = ""
            if not todo:
                return
            words, call = todo.pop()
            self._elsewhere = call.directory
            self._lookup.spend(1 + len(words))
            while len(words) > 1 and words[0].optional:
                self._seen.gap("computed-name", self._source(words[0]))
                words, call = words[1:], self._weaker(call)
            if words:
                todo.extend(self._one(words, call))
        self._elsewhere = ""
        if todo:
            self._seen.gap("too-deep", "wrappers")

    def _one(self, words: list[Word], call: Call) -> list[tuple[list[Word], Call]]:
        head = words[0].value
        if head.texts == (REST,):
            return []
        started: list[tuple[list[Word], Call]] = []
        firing = call.firing if head.sure else weakened(call.firing)
        self._lookup.spend(len(head.texts))
        for text in head.texts[:_HEADS]:
            started += self._headed(text, words, call, firing)
        for text in head.texts[_HEADS:]:
            self._program(plain(text), firing)
        return started

    def _headed(self, text: str, words: list[Word], call: Call, firing: Firing) -> list[tuple[list[Word], Call]]:
        stops = call.stops and firing is Firing.LOAD
        call = replace(call, firing=firing, stops=stops)
        if UNKNOWN in text or text == "":
            self._wild(text, words, call)
            self.mention(words[1:])
            return []
        name = plain(text)
        if not call.external and not call.found and "/" not in name:
            if self._enter(name, words[1:], firing):
                self.mention(words[1:])
                return []
            if name in self.aliases:
                expansion, self.aliases = self.aliases[name], {k: v for k, v in self.aliases.items() if k != name}
                return [([*expansion, *words[1:]], call)]
            if name in BUILTINS or name in self.keywords:
                return self._builtin(name, words[1:], call)
        paths = () if call.found else self._program(name, firing, stops=stops)
        self.ran(basename(name), words[1:])
        if not paths and not call.found:
            # The command never was in the image, so what it would start runs in some other case at best.
            call = self._weaker(call)
        known = called(name, self._lookup.followed(paths[0]) if paths else None, self._lookup.context.knowledge)
        return self._arguments(known, [Word(Value((name,)), words[0].node), *words[1:]], call)

    def _program(self, name: str, firing: Firing, *, stops: bool = False) -> tuple[ImagePath, ...]:
        paths = self._lookup.executables(name, self._directory)
        if len(paths) > 1:
            firing, stops = weakened(firing), False
        for path in paths:
            self._seen.file(path, EdgeKind.EXECUTES, firing, name, stops=stops)
        return paths

    def _wild(self, text: str, words: list[Word], call: Call) -> None:
        """A command of which a part is not known: the few files or functions that it can be, or a gap."""
        word, firing = words[0], call.firing
        found = self._candidates(text)
        self.ran(text, [])
        for path in found:
            self._seen.file(path, EdgeKind.EXECUTES, weakened(firing), self._source(word))
        if text:
            name = "" if UNKNOWN in basename(text) else basename(text)
            self._hand_on(name, [Word(Value((text,)), word.node), *words[1:]], self._weaker(call))
        if not found and not self._enter_like(text, weakened(firing)):
            self._seen.gap("computed-name", self._source(word))

    def _candidates(self, text: str) -> list[ImagePath]:
        last = basename(text)
        if not text.startswith("/") or UNKNOWN not in text or not last.replace(UNKNOWN, "") or text[1:2] == UNKNOWN:
            return []
        found = self._lookup.glob(join("/", pattern(text)))
        return list(found) if len(found) <= _WILD else []

    def _source(self, word: Word) -> str:
        return self._words.source.text(word.node) if word.node is not None else plain(word.text).replace(UNKNOWN, "?")

    @staticmethod
    def _weaker(call: Call) -> Call:
        return replace(call, firing=weakened(call.firing), stops=False)

    def _hand_on(self, name: str, words: list[Word], call: Call) -> None:
        """Give the argument vector to whoever knows the program."""
        texts = tuple(plain(word.text).replace(UNKNOWN, UNKNOWN_PART).replace(REST, UNKNOWN_PART) for word in words)
        detail = " ".join(self._source(word) for word in words[:_SHOWN])
        command = Command(
            source=self._seen.source,
            program=unversioned(name),
            words=texts,
            cwd=image_path(self._directory),
            env=dict(call.env),
            firing=call.firing,
            stops=call.stops,
            when=self._seen.when,
            detail=detail[:_MAX_DETAIL_LENGTH],
            line=self._seen.line,
        )
        self._seen.command(command)

    # --- programs that start others ---------------------------------------------------------------------------------

    def _arguments(self, name: str, vector: list[Word], call: Call) -> list[tuple[list[Word], Call]]:
        words = vector[1:]
        row = wrapper(name, self._lookup.context.knowledge)
        if row is None:
            self._hand_on(name, vector, call)
        else:
            return self._unwrapped(unwrap(row, words), replace(call, external=True))
        program = interpreter(name, self._lookup.context.knowledge)
        if program is not None:
            self._interpreted(program, interpret(program, words), call)
            return []
        match name:
            case "run-parts":
                self._run_parts(words, call.firing)
            case "ldconfig" | "update-ca-certificates":
                pass
            case _:
                return self._operands(name, words, call)
        return []

    def _operands(self, name: str, words: list[Word], call: Call) -> list[tuple[list[Word], Call]]:
        if name in USER_OPERAND and (operands := [word for word in words if not word.text.startswith("-")]):
            self.account(operands[0])
        if name in ("touch", "mktemp"):
            for word in words:
                self.written(word)
        if name not in NO_NAMES:
            self.mention(words)
        # `wait-for-it.sh host:port -- command`, `tool -- command`: what follows runs if it is a program.
        dashes = next((at for at, word in enumerate(words) if word.text == "--"), -1)
        if 0 <= dashes < len(words) - 1 and self._is_program(words[dashes + 1]) and name not in ("set", "getopt"):
            return [(words[dashes + 1 :], Call(firing=weakened(call.firing), external=True))]
        return []

    def _is_program(self, word: Word) -> bool:
        return bool(self._lookup.executables(plain(word.text), self._directory))

    def _unwrapped(self, found: Unwrapped[Word], call: Call) -> list[tuple[list[Word], Call]]:
        for word in found.users:
            self.account(word, call.firing)
        self.mention([*found.names, *found.assignments])
        if found.logs_in:
            self._logged_in(found, call)
        for word in found.lines:
            self._code("shell", word, call)
        pairs = (plain(word.first).partition("=") for word in found.assignments)
        started = replace(
            self._weaker(call) if found.sometimes else call,
            found=found.applet,
            env=(*call.env, *((name, value) for name, _, value in pairs)),
        )
        if found.directory is not None and UNKNOWN not in found.directory.text:
            started = replace(started, directory=join(self._directory, plain(found.directory.text)))
        return [(list(words), started) for words in reversed(found.commands)]

    def _logged_in(self, found: Unwrapped[Word], call: Call) -> None:
        """su(1) and runuser(1) start the user's shell, which reads what is fed to it where it is given no line."""
        user = plain(found.account.text) if found.account is not None else "root"
        shell = plain(found.shell.text) if found.shell is not None else ""
        for path in self._lookup.executables(shell or self._lookup.shell_of(user), "/"):
            self._seen.file(path, EdgeKind.EXECUTES, call.firing, shell or f"shell of {user}", stops=call.stops)
        if not found.lines and call.stdin is not None:
            self._fed("shell", call)

    def _run_parts(self, words: list[Word], firing: Firing) -> None:
        self.mention(words)
        flags = {word.text for word in words}
        if flags & {"--list", "--test"}:
            return
        for word in [word for word in words if not word.text.startswith("-")][-1:]:
            for text in word.value.texts:
                if UNKNOWN not in text:
                    for path in self._lookup.run_parts(join(self._directory, plain(text))):
                        self._seen.file(path, EdgeKind.EXECUTES, firing, f"run-parts {plain(text)}")

    # --- interpreters -----------------------------------------------------------------------------------------------

    def _interpreted(self, row: Interpreter, found: Interpreted[Word], call: Call) -> None:
        for word in found.inline:
            self._code(row.language, word, call)
        for word in found.scripts:
            if word.text != REST:
                self._script(row, word, call)
        self.mention([*found.names, *([found.zero] if found.zero is not None else []), *found.rest])
        if found.from_input:
            self._fed(row.language, call)

    def _script(self, row: Interpreter, word: Word, call: Call) -> None:
        """The script that an interpreter is given as a file."""
        shell = bool(row.flags)
        for text in word.value.texts:
            for candidate in self._candidates(text):
                self._seen.file(candidate, EdgeKind.EXECUTES, weakened(call.firing), self._source(word))
            if UNKNOWN in text:
                continue
            found = self._lookup.named(join(self._directory, plain(text)))
            if found is None and shell and "/" not in text:
                paths = self._sourced_paths(plain(text))
                found = (paths[0], FileType.FILE) if paths else None
            if found is None:
                continue
            if found[1] is FileType.DIRECTORY:
                self._seen.named(*found, plain(text))
                continue
            firing = call.firing if word.value.sure else weakened(call.firing)
            stops = call.stops and firing is Firing.LOAD
            self._seen.file(
                found[0], EdgeKind.EXECUTES, firing, plain(text), language="shell" if shell else "", stops=stops
            )

    def _code(self, language: str, word: Word, call: Call) -> None:
        """A command string."""
        if word.text == REST:
            return
        text = self._words.as_written(word.node) if word.node is not None else ""
        if not text and UNKNOWN not in word.text:
            text = plain(word.text)
        if text:
            self._seen.inline(language, text, call.firing, text.strip().partition("\n")[0], stops=call.stops)
        else:
            self._seen.gap("computed-name", self._source(word))

    def _fed(self, language: str, call: Call) -> None:
        """An interpreter without a script reads what is fed to it."""
        if call.stdin is not None:
            text = self._words.as_written(call.stdin)
            self._seen.inline(language, text, call.firing, text.strip().partition("\n")[0])

    # --- builtins that count ----------------------------------------------------------------------------------------

    def _builtin(  # noqa: PLR0912  one row a builtin
        self, name: str, words: list[Word], call: Call
    ) -> list[tuple[list[Word], Call]]:
        match name:
            case "." | "source":
                self._sourced(words, call)
            case "exec":
                return self._exec(words, call)
            case "command" | "builtin":
                return self._command(words, call)
            case "time" | "coproc" | "!":
                rest = behind_options(words)
                return [(rest, call)] if rest else []
            case "exit" | "return":
                if call.firing is Firing.LOAD:
                    self._variables.set(ENDED, Value(()))
            case "eval":
                self._eval(words, call)
            case "trap":
                if words and (len(words) > 1 or words[0].text.startswith("-")) and words[0].text not in _NO_CODE:
                    self._trapped(words[1:] if words[0].text == "--" else words)
            case "cd" | "chdir" | "pushd":
                self._changed_directory(words)
            case "set":
                self._set(words)
            case "shift":
                self._shift(words)
            case "read" | "getopts" | "mapfile" | "readarray":
                self._read(name, words)
            case "alias":
                self._alias(words)
            case "unset":
                for word in words:
                    self._variables.set(word.text, None)
            case "test" | "[":
                self.mention(words)
            case _:
                self.mention(words)
        return []

    def _exec(self, words: list[Word], call: Call) -> list[tuple[list[Word], Call]]:
        rest = behind_options(words, frozenset({"-a"}))
        if not rest:
            return []
        if call.firing is Firing.LOAD:
            self._variables.set(ENDED, Value(()))
        # What follows never runs where the program is missing: a shell that is no terminal's ends (POSIX, exec).
        stops = call.firing is Firing.LOAD
        return [(rest, Call(firing=call.firing, external=True, stdin=call.stdin, stops=stops))]

    def _command(self, words: list[Word], call: Call) -> list[tuple[list[Word], Call]]:
        if words and words[0].text in ("-v", "-V"):
            return []
        rest = behind_options(words)
        if rest and rest[0].text in BUILTINS:
            return self._builtin(rest[0].text, rest[1:], call)
        return [(rest, Call(firing=call.firing, external=True, stdin=call.stdin, stops=call.stops))] if rest else []

    def _sourced(self, words: list[Word], call: Call) -> None:
        firing = call.firing
        if words and words[0].text == "--":
            words = words[1:]
        if not words:
            return
        word = words[0]
        firing = firing if word.value.sure else weakened(firing)
        for text in word.value.texts:
            if UNKNOWN in text or REST in text:
                found = self._candidates(text)
                for path in found:
                    self._source_edge(path, weakened(firing), self._source(word))
                if not found:
                    self._seen.gap("computed-name", self._source(word))
                continue
            stops = (call.stops or self.posix) and firing is Firing.LOAD
            for path in self._sourced_paths(plain(text)):
                self._source_edge(path, firing, plain(text), stops=stops)

    def _sourced_paths(self, text: str) -> list[ImagePath]:
        """`.` looks a bare name up over PATH, readable being enough, and bash then in the working directory."""
        places = [join(self._directory, text)]
        if "/" not in text:
            current = self._variables.get("PATH")
            parts = current.texts[0].split(":") if current and current.texts else []
            places = [join(part, text) for part in parts if part.startswith("/") and UNKNOWN not in part] + places
        for place in places:
            if self._lookup.is_file(place):
                return [place]
        return []

    def _source_edge(self, path: ImagePath, firing: Firing, detail: str, *, stops: bool = False) -> None:
        self._seen.file(path, EdgeKind.SOURCES, firing, detail, language="shell", stops=stops)
        self._take(path)

    def _eval(self, words: list[Word], call: Call) -> None:
        words = words[1:] if words and words[0].text == "--" else words
        if not words or words[0].text in ("set", "set --", "export"):
            return
        if len(words) == 1:
            self._code("shell", words[0], call)
            return
        pieces = [self._piece(word) for word in words]
        text = " ".join(piece for piece in pieces if piece)
        if pieces[0] and not pieces[0].startswith(("$", '"$', "`")):
            self._seen.inline("shell", text, call.firing, text, stops=call.stops)
        else:
            self._seen.gap("computed-name", text)

    def _piece(self, word: Word) -> str:
        if word.text == REST:
            return ""
        known = self._words.as_written(word.node) if word.node is not None else ""
        return known or (plain(word.text) if UNKNOWN not in word.text else self._source(word))

    def _trapped(self, words: list[Word]) -> None:
        if words and _NAME.match(words[0].text) and self._enter(words[0].text, [], Firing.DEFERRED):
            return
        if words:
            self._seen.when = When.OPERATE
            self._code("shell", words[0], Call(firing=Firing.DEFERRED))
            self._seen.when = None

    def _changed_directory(self, words: list[Word]) -> None:
        rest = behind_options(words)
        if not rest:
            home = self._variables.get("HOME")
            self._variables.set(DIRECTORY, home or NOTHING_KNOWN)
            return
        self.mention(rest)
        known = UNKNOWN not in rest[0].text and rest[0].text not in ("-", REST)
        moved = Value((join(self._directory, plain(rest[0].text)),), rest[0].value.sure)
        self._variables.set(DIRECTORY, moved if known else NOTHING_KNOWN)

    def _set(self, words: list[Word]) -> None:
        at = 0
        while at < len(words) and words[at].text.startswith(("-", "+")) and words[at].text != "--":
            text = words[at].text
            valued = text[-1] == "o"
            if "e" in text[1:] or (valued and at + 1 < len(words) and words[at + 1].text == "errexit"):
                self._variables.set(ERREXIT, Value((text[0],)))
            at += 2 if valued else 1
        if at >= len(words):
            return
        words = words[at + 1 :] if words[at].text == "--" else words[at:]
        texts = [plain(text) for word in words for text in word.value.texts[:_HEADS]]
        sure = all(word.value.sure or word.text == REST for word in words)
        value = Value((SEPARATOR.join(texts),), sure)
        # `set -- a "$@"` comes once for each list that `"$@"` may be.
        if self._setting is not None:
            value = union((self._setting, value), self._variables.most)
        self._setting = value
        self._variables.set(ARGUMENTS, value)

    _setting: Value | None = None

    def begin(self) -> None:
        """A new command of the script begins."""
        self._setting = None

    def _shift(self, words: list[Word]) -> None:
        current = self._variables.get(ARGUMENTS)
        if current is None:
            return
        text = words[0].text if words else ""
        by = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 1
        texts: list[str] = []
        for text in current.texts:
            parts = text.split(SEPARATOR)
            texts.append(text if REST in parts[:by] else SEPARATOR.join(parts[by:]))
        self._variables.set(ARGUMENTS, Value(tuple(dict.fromkeys(texts)), current.sure))

    def _read(self, name: str, words: list[Word]) -> None:
        lines = self._variables.get(STDIN) or NOTHING_KNOWN
        if name == "getopts":
            words, lines = words[1:], NOTHING_KNOWN
        for word in words:
            if _NAME.match(word.text):
                self._variables.set(word.text, Value(lines.texts, sure=False))

    def _alias(self, words: list[Word]) -> None:
        for word in words:
            name, equals, text = plain(word.text).partition("=")
            if equals and UNKNOWN not in text:
                self.aliases[name] = [Word(Value((part,))) for part in split_line(text)]

    # --- arguments --------------------------------------------------------------------------------------------------

    def mention(self, words: list[Word]) -> None:
        """The paths that arguments name, as far as they are in the original."""
        for word in words:
            self._lookup.spend(len(word.value.texts))
            for text in word.value.texts:
                if UNKNOWN not in text and REST not in text and text and "\n" not in text:
                    self._mentioned(plain(text))
                elif text.startswith("/") and "\n" not in text:
                    self._partly_named(text)

    def _mentioned(self, text: str) -> None:
        path = text
        if not path.startswith("/"):
            option, equals, value = path.partition("=")
            if equals and value.startswith("/") and "/" not in option:
                path = value
            elif path.startswith("-") or self._directory == "/":
                return
            else:
                self._relative(path)
                return
        for one in path.split(":") if ":" in path else [path]:
            if one.startswith("/") and (found := self._lookup.named(one)):
                self._seen.named(*found, text)

    def _partly_named(self, text: str) -> None:
        """Of `/etc/app/changes/$1.ldif` the directory, which stands for what the application has in it."""
        start = min(at for part in (UNKNOWN, REST) if (at := text.find(part)) >= 0)
        folder = plain(text[:start]).rpartition("/")[0]
        found = self._lookup.named(folder) if folder.count("/") > 1 else None
        if found is not None and found[1] is FileType.DIRECTORY:
            self._seen.named(*found, plain(text).replace(UNKNOWN, "?"))

    def _relative(self, text: str) -> None:
        found = self._lookup.named(join(self._directory, text))
        if found is not None and (found[1] is FileType.FILE or "/" in text):
            self._seen.named(*found, text)

    def written(self, word: Word) -> None:
        """A file that is written to: its directory must be there, the file need not."""
        self.touched(word)
        for text in word.value.texts:
            if text.startswith("/") and UNKNOWN not in text:
                found = self._lookup.named(parent(join("/", plain(text))))
                if found is not None and found[1] is FileType.DIRECTORY:
                    self._seen.edge(
                        Node(kind=NodeKind.DIRECTORY, path=found[0]), EdgeKind.WORKS_IN, Firing.NAMED, plain(text)
                    )

    def account(self, word: Word, firing: Firing = Firing.NAMED) -> None:
        """A user or group by name: the C library looks it up in the account database."""
        name = plain(word.text)
        if not name or name.replace(":", "").replace(".", "").isdigit() or name.startswith("--reference"):
            return
        for path in ("/etc/passwd", "/etc/group"):
            if found := self._lookup.named(path):
                by_group = path == "/etc/group" and ":" not in name
                self._seen.file(
                    found[0], EdgeKind.RUNS_AS, Firing.NAMED if by_group else firing, name.replace(UNKNOWN, "?")
                )
