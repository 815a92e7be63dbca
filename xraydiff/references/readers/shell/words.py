"""The possible values of a word of a script: quotes, expansions and the few substitutions that are constant."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xraydiff.paths import basename, join
from xraydiff.references.readers.shell.syntax import Syntax
from xraydiff.references.readers.shell.variables import (
    ARGUMENTS,
    DIRECTORY,
    NOTHING_KNOWN,
    REST,
    SEPARATOR,
    UNKNOWN,
    UNSET,
    Value,
    Variables,
    active,
    is_pattern,
    pattern,
    plain,
)
from xraydiff.tree.glob import matches

if TYPE_CHECKING:
    from xraydiff.references.readers.shell.lookup import ShellLookup

_LEVELS = 16
"""Words in words (`"${A:-"${B:-...}"}"`) followed; a deeper one is not constant."""
_MAX_VALUE_LENGTH = 1 << 16
"""Characters of a value; a script can double a variable on every line."""
_ALTERNATIVES = 8
"""Lists of words that one `"$@"` is followed through."""

_PARAMETER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])(\[[@*0-9]+\])?")
_DEFAULT = re.compile(r":?[-=?+]")
_ESCAPED = re.compile(r"\\(\n|.)", re.DOTALL)
_ESCAPED_IN_QUOTES = re.compile(r'\\([$`"\\\n])')
_ANSI = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_ANSI_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
_LISTS = frozenset({"$@", "$*", "${@}", "${*}"})
_ARRAY = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\[[@*]\](?::-|-)?\}")
_SAFE = re.compile(r"[^\\*?\[~]*\Z")
_IN_QUOTES = frozenset({"string", "heredoc_body"})
_ASIDE = "\ud810\ud811\ud812"
"""Stand for blanks while a text is split; no byte decodes to these surrogates."""
_APART = frozenset({"function_definition", "command_substitution", "process_substitution", "pipeline", "subshell"})
"""Parts of a function whose output does not surely go to its caller, or is another's."""
BESIDE = frozenset(
    {"variable_assignment", "variable_append", "file_redirect", "heredoc_redirect", "herestring_redirect"}
)
"""What stands in a command beside its words."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command after expansion."""

    value: Value
    node: Syntax | None = None
    """Where it stands, for a word that is a single node."""
    optional: bool = False
    """An unquoted variable that nothing sets: the shell drops the word."""

    @property
    def text(self) -> str:
        """The one text of the word, or `UNKNOWN` where there are several."""
        return self.value.texts[0] if len(self.value.texts) == 1 else UNKNOWN

    @property
    def first(self) -> str:
        """The first text that the word may be."""
        return self.value.texts[0]

    def part(self, text: str) -> Word:
        """A word that stands within this one: the value of `--user=app`."""
        return Word(Value((text,), self.value.sure))


class Source:
    """A script's text, and whether it is the one being read, not one that it sources."""

    def __init__(self, data: str, *, own: bool, path: str, named: bool = True) -> None:
        self.data = data
        self.own = own
        self.path = path
        self.named = named
        """Whether `$0` is the script's own path: not in an inline one."""
        self._newlines: list[int] | None = None

    def text(self, node: Syntax) -> str:
        """What stands there."""
        return self.data[node.start : node.end]

    def line(self, at: int) -> int:
        """The line of a character, from 1."""
        if self._newlines is None:
            self._newlines = [found.start() for found in re.finditer("\n", self.data)]
        return bisect_left(self._newlines, at) + 1


class Words:
    """Evaluates words of one script over its variables."""

    def __init__(self, variables: Variables, source: Source, lookup: ShellLookup) -> None:
        self.variables = variables
        self.source = source
        self.lookup = lookup
        self.bodies: Bodies = lambda _: []
        """The functions of a name that are defined so far, each with its script."""
        self.absent: Absent = lambda _: False
        self._printing = False

    # --- lists of words ---------------------------------------------------------------------------------------------

    def lists(self, nodes: list[Syntax]) -> list[list[Word]]:
        """The words of a command: more than one list where `"$@"` or an array may hold several."""
        lists: list[list[Word]] = [[]]
        for node in nodes:
            if node.kind == "word" and _SAFE.match(text := self.source.text(node)):
                # Most words say what they are.
                word = Word(Value((text,)), node)
                for one in lists:
                    one.append(word)
                continue
            many = self._many(node)
            if many is None:
                words = list(self._fields(node))
                for one in lists:
                    one.extend(words)
            else:
                lists = [one + _listed(text, sure=many.sure) for one in lists for text in many.texts[:_ALTERNATIVES]][
                    :_ALTERNATIVES
                ]
        return lists

    def flat(self, nodes: list[Syntax]) -> Value:
        """Every text that a list of words may bring, as `for` goes through them."""
        words = [word for one in self.lists(nodes) for word in one]
        texts = tuple(dict.fromkeys(plain(text) for word in words for text in word.value.texts if text != REST))
        sure = all(word.value.sure and word.value.texts != (REST,) for word in words)
        return Value(texts or (UNKNOWN,), sure=sure and bool(texts))

    def _many(self, node: Syntax) -> Value | None:
        """The lists that `"$@"` or `"${array[@]}"` may be, or None for any other word."""
        if node.kind not in ("string", "simple_expansion", "expansion"):
            return None
        text = self.source.text(node).strip('"')
        if text in _LISTS:
            return self.variables.get(ARGUMENTS) or Value((REST,), sure=False)
        if text.startswith("${@"):
            return Value((REST,), sure=False)
        if found := _ARRAY.match(text):
            return self.variables.get(f"{found[1]}[@]") or Value((UNKNOWN,), sure=False)
        return None

    def _fields(self, node: Syntax) -> Iterator[Word]:
        """One word of the source as the shell splits it into fields and matches its patterns."""
        value = self.value(node)
        splits = node.kind in ("simple_expansion", "expansion", "command_substitution")
        if splits:
            optional = value is UNSET
            firsts: list[str] = []
            others: list[str] = []
            for text in value.texts:
                fields = self._split(text)
                firsts.extend(fields[:1])
                others.extend(fields[1:])
            if not firsts and not value.sure:
                firsts = [UNKNOWN]
            if firsts:
                yield from self._matched(Value(tuple(dict.fromkeys(firsts)), value.sure), node, optional=optional)
            for text in others:
                yield from self._matched(Value((text,), value.sure), None)
        else:
            yield from self._matched(value, node)

    def _split(self, text: str) -> list[str]:
        """Fields by IFS where a script sets it: `IFS=:` goes through PATH."""
        current = self.variables.get("IFS")
        if current is None or len(current.texts) != 1 or UNKNOWN in current.texts[0]:
            return text.split()
        separators = str.maketrans(dict.fromkeys(current.texts[0], " "))
        if not separators:
            return [text] if text else []
        # Blanks that do not separate must not split: they are put aside and back.
        kept = "".join(blank for blank in " \t\n" if blank not in current.texts[0])
        aside = str.maketrans(dict(zip(kept, _ASIDE, strict=False)))
        back = str.maketrans(dict(zip(_ASIDE, kept, strict=False)))
        return [field.translate(back) for field in text.translate(aside).translate(separators).split()]

    def _matched(self, value: Value, node: Syntax | None, *, optional: bool = False) -> Iterator[Word]:
        if not any(is_pattern(text) for text in value.texts):
            yield Word(value, node, optional)
            return
        for text in value.texts:
            if not is_pattern(text):
                yield Word(Value((text,), value.sure), None)
                continue
            found = () if UNKNOWN in text else self.lookup.glob(join(self.directory, pattern(text)))
            self.lookup.spend(len(found))
            for path in found:
                yield Word(Value((path,), sure=False), None)
            if not found:
                yield Word(Value((plain(text),), sure=False), node)

    @property
    def directory(self) -> str:
        """The working directory, or the root where it is not known."""
        value = self.variables.get(DIRECTORY)
        text = value.texts[0] if value else "/"
        return text if text.startswith("/") else "/"

    # --- one word ---------------------------------------------------------------------------------------------------

    def value(self, node: Syntax, *, quoted: bool = False, level: int = 0) -> Value:
        """What one word may be. An unquoted pattern character is marked as such."""
        kind = node.kind
        text = self.source.text(node)
        if kind == "word":
            return Value((self._literal(text, quoted=quoted),))
        if kind == "raw_string":
            return Value((text[1:-1],))
        if kind == "raw_heredoc":
            return Value((text,))
        if kind == "ansi_c_string":
            return Value((_ansi(text[2:-1]),))
        if level >= _LEVELS:
            return NOTHING_KNOWN
        self.lookup.spend(1 + len(node.children))
        if kind in ("simple_expansion", "expansion"):
            value = self._parameter(node, text, level)
            self.lookup.spend(len(value.texts))
            return value if quoted else Value(tuple(map(active, value.texts)), value.sure) if _magic(value) else value
        if kind == "command_substitution":
            return self._substituted(node, level)
        if kind in ("string", "concatenation", "heredoc_body"):
            return self._joined(node, quoted=quoted or kind in _IN_QUOTES, level=level)
        return NOTHING_KNOWN

    def as_written(self, node: Syntax) -> str:
        """A command string with what is known put in, and what is not left as it stands: still a script.

        Empty where the whole of it is unknown.
        """
        text = self.source.text(node)
        if node.kind in ("raw_string", "ansi_c_string", "word", "raw_heredoc"):
            return plain(self.value(node).texts[0])
        parts = node.children
        if node.kind in ("simple_expansion", "expansion", "command_substitution"):
            parts = []
        inner = (node.start + 1, node.end - 1) if node.kind == "string" else (node.start, node.end)
        if not parts and node.kind in ("string", "heredoc_body"):
            return _ESCAPED_IN_QUOTES.sub(_unquoted, self.source.data[slice(*inner)])
        if not parts or (len(parts) == 1 and (parts[0].start, parts[0].end) == inner):
            value = self.value(node)
            return "" if len(value.texts) != 1 or UNKNOWN in value.texts[0] else plain(value.texts[0])
        written: list[str] = []
        for piece in self._pieces(parts, inner):
            if isinstance(piece, str):
                written.append(_ESCAPED_IN_QUOTES.sub(_unquoted, piece))
                continue
            value = self.value(piece, quoted=True)
            known = len(value.texts) == 1 and UNKNOWN not in value.texts[0] and REST not in value.texts[0]
            written.append(plain(value.texts[0]) if known else self.source.text(piece))
        return "".join(written) if len(text) <= _MAX_VALUE_LENGTH else ""

    def _literal(self, text: str, *, quoted: bool) -> str:
        if _SAFE.match(text):
            return text
        if quoted:
            return _ESCAPED_IN_QUOTES.sub(_unquoted, text)
        if text == "~" or text.startswith("~/"):
            home = self.variables.get("HOME")
            text = (home.texts[0] if home else "/root") + text[1:]
        parts = _ESCAPED.split(text)
        # Every second part stood behind a backslash and so is literal; an escaped newline vanishes.
        return "".join(active(part) if index % 2 == 0 else part.replace("\n", "") for index, part in enumerate(parts))

    def _pieces(self, parts: list[Syntax], inner: tuple[int, int]) -> Iterator[Syntax | str]:
        """The parts of a word with the text between them, of which the grammar drops blanks."""
        at, end = inner
        for part in parts:
            if part.start > at:
                yield self.source.data[at : part.start]
            yield part
            at = part.end
        if at < end:
            yield self.source.data[at:end]

    def _joined(self, node: Syntax, *, quoted: bool, level: int) -> Value:
        inner = (node.start + 1, node.end - 1) if node.kind == "string" else (node.start, node.end)
        parts = node.children
        if not parts and node.kind == "heredoc_body":
            return Value((_ESCAPED_IN_QUOTES.sub(_unquoted, self.source.data[slice(*inner)]),))
        value = Value(("",))
        for piece in self._pieces(parts, inner):
            if isinstance(piece, str):
                following = Value((self._literal(piece, quoted=quoted),))
            else:
                following = self.value(piece, quoted=quoted, level=level + 1)
            value = self._product(value, following)
        return value

    def _product(self, left: Value, right: Value) -> Value:
        if left.texts == ("",) and left.sure:
            return right
        if len(left.texts) * len(right.texts) > self.variables.most and min(len(left.texts), len(right.texts)) > 1:
            return NOTHING_KNOWN
        if max(map(len, left.texts), default=0) + max(map(len, right.texts), default=0) > _MAX_VALUE_LENGTH:
            return NOTHING_KNOWN
        self.lookup.spend(len(left.texts) * len(right.texts) + (len(left.texts[0]) + len(right.texts[0])) // 64)
        texts = tuple(first + second for first in left.texts for second in right.texts)
        return Value(texts, left.sure and right.sure)

    def appended(self, left: Value, right: Value, joint: str) -> Value:
        """What a variable holds after `NAME+=...`."""
        return self._product(self._product(left, Value((joint,))) if joint else left, right)

    # --- parameters -------------------------------------------------------------------------------------------------

    def variable(self, name: str) -> Value | None:
        """What a variable or positional parameter holds, or None where nothing sets it."""
        if name == "0":
            return Value((self.source.path,), self.source.own) if self.source.named else None
        if name.isdigit():
            return self._positional(int(name))
        if name in ("BASH_SOURCE", "BASH_SOURCE[0]"):
            return Value((self.source.path,))
        if name in ("@", "*", "#"):
            return self._all_arguments(name)
        if not name[0].isalpha() and name[0] != "_":
            return NOTHING_KNOWN
        return self.variables.get(name)

    def _all_arguments(self, name: str) -> Value:
        """All arguments as one word, or how many there are, where they are known."""
        lists = self.variables.get(ARGUMENTS)
        if lists is None or len(lists.texts) != 1 or not lists.sure or REST in lists.texts[0]:
            return NOTHING_KNOWN
        words = lists.texts[0].split(SEPARATOR) if lists.texts[0] else []
        return Value((str(len(words)) if name == "#" else " ".join(words),))

    def _positional(self, number: int) -> Value | None:
        lists = self.variables.get(ARGUMENTS)
        if lists is None:
            return NOTHING_KNOWN
        found: list[str] = []
        for text in lists.texts:
            words = text.split(SEPARATOR)
            before = words[:number]
            if REST in before:
                found.append(UNKNOWN)
            elif len(before) == number:
                found.append(before[-1])
        known = tuple(dict.fromkeys(text for text in found if text != UNKNOWN))
        if not known:
            return NOTHING_KNOWN if found else None
        return Value(known[: self.variables.most], sure=lists.sure and len(known) == len(lists.texts))

    def _parameter(self, node: Syntax, text: str, level: int) -> Value:
        if node.kind == "simple_expansion":
            return self.variable(text[1:]) or UNSET
        found = _PARAMETER.match(text)
        if not found:
            return NOTHING_KNOWN
        name, index = found[1], found[2]
        current = self._element(name, index) if index else self.variable(name)
        rest = text[found.end() : -1]
        if not rest:
            return current or UNSET
        if operator := _DEFAULT.match(rest):
            return self._defaulted(node, found.end() + operator.end(), (name, operator[0]), current, level)
        if current is None:
            return UNSET
        return _changed(current, rest)

    def _element(self, name: str, index: str) -> Value | None:
        if name == "BASH_SOURCE":
            return self.variable(name)
        if (lists := self.variables.get(f"{name}[@]")) is None:
            return self.variables.get(name) if index == "[0]" else None
        number = int(index[1:-1]) if index[1:-1].isascii() and index[1:-1].isdigit() else 0
        words = [text.split(SEPARATOR) for text in lists.texts]
        texts = tuple(dict.fromkeys(one[number] for one in words if number < len(one)))
        return Value(texts, lists.sure) if texts else None

    def _defaulted(self, node: Syntax, offset: int, what: tuple[str, str], current: Value | None, level: int) -> Value:
        """`${X:-word}` and its kin. What the engine sets otherwise at run time cannot be known; the default run is."""
        name, operator = what
        start, end = node.start + offset, node.end - 1
        parts = [part for part in node.children if part.start >= start]
        default = Value(("",))
        for piece in self._pieces(parts, (start, end)):
            if isinstance(piece, str):
                following = Value((self._literal(piece, quoted=False),))
            else:
                following = self.value(piece, level=level + 1)
            default = self._product(default, following)
        if operator.endswith("?"):
            return current or UNSET
        if operator.endswith("+"):
            return (
                default
                if current is not None and current.sure
                else Value(tuple({"": 0, **dict.fromkeys(default.texts)}), sure=False)
            )
        if current is None:
            if operator.endswith("="):
                self.variables.set(name, default)
            return default
        if current.sure and all(current.texts):
            return current
        texts = tuple(
            dict.fromkeys([text for text in current.texts if text not in ("", UNKNOWN)] + list(default.texts))
        )
        return Value(texts, sure=False)

    # --- substitutions that are constant ----------------------------------------------------------------------------

    def _substituted(self, node: Syntax, level: int) -> Value:
        """`$(dirname "$0")`, `$(cd /x && pwd)`, `$(command -v x)` and the like; anything else is not known."""
        commands = list(_commands(node))
        if not commands or len(commands) > 2:
            return NOTHING_KNOWN
        calls = [self._call(command, level) for command in commands]
        name, values = calls[-1]
        if len(calls) == 2:
            # `cd DIR && pwd` says where DIR is; `find DIR | sort` says what find said.
            first, operands = calls[0]
            if name in ("true", ":") and self._prints_nothing(first, operands):
                return Value(("",))
            if first == "cd" and name == "pwd" and len(operands) == 1:
                return self._mapped(operands[0], lambda text: join(self.directory, text))
            if first in ("find", "ls", "echo", "printf") and name in ("sort", "uniq", "cat"):
                return self._listed(first, operands)
            return NOTHING_KNOWN
        if self._prints_nothing(name, values):
            return Value(("",))
        return self._called(name, values)

    def _prints_nothing(self, name: str, operands: list[Value]) -> bool:
        """Whether `stat FILE`, `cat FILE` or `ls FILE` has nothing to say, for slim surely lacks the file."""
        if name not in ("stat", "cat", "ls"):
            return False
        texts = [one.texts[0] for one in operands if len(one.texts) == 1 and one.sure]
        files = [plain(text) for text in texts if text.startswith("/")]
        known = len(texts) == len(operands) and bool(files) and texts[-1].startswith("/")
        return known and all(map(self.absent, files))

    def printed(self, command: Syntax) -> Value:
        """The lines that a simple command prints, where they say paths."""
        name, operands = self._call(command, 0)
        return self._listed(name, operands) if name in ("find", "ls", "echo", "printf", "run-parts") else NOTHING_KNOWN

    def _call(self, command: Syntax, level: int) -> tuple[str, list[Value]]:
        parts = [part for part in command.children if part.kind not in BESIDE]
        if not parts:
            return "", []
        operands = [self.value(part, level=level + 1) for part in parts[1:]]
        name = self.source.text(parts[0])
        if name in ("find", "ls", "echo", "printf", "command", "type", "run-parts"):
            return name, operands
        return name, [value for value in operands if not value.texts[0].startswith("-")]

    def _called(self, name: str, values: list[Value]) -> Value:
        match name, values:
            case "pwd", []:
                return self.variables.get(DIRECTORY) or NOTHING_KNOWN
            case "dirname", [one]:
                return self._mapped(one, _dirname)
            case "basename", [one]:
                return self._mapped(one, lambda text: basename(text.rstrip("/")))
            case "basename", [one, suffix] if len(suffix.texts) == 1:
                return self._mapped(one, lambda text: basename(text).removesuffix(suffix.texts[0]))
            case (("readlink" | "realpath"), [one]):
                return self._mapped(one, lambda text: self.lookup.followed(join(self.directory, text)))
            case (("which" | "command" | "type"), [*options, one]) if name == "which" or len(options) == 1:
                return self._found(one)
            case (("echo" | "printf" | "find" | "ls" | "run-parts"), _):
                return self._listed(name, values)
            case "uname", ([] | [Value(texts=("-s",))]):
                return Value(("Linux",))
            case _:
                return self._printed_by(name, values)

    def _printed_by(self, name: str, values: list[Value]) -> Value:
        """What a function of the script may print: `tool() { echo "/opt/bin/$1"; }`, called in `$(tool x)`."""
        bodies = self.bodies(name)
        if not bodies or self._printing:
            return NOTHING_KNOWN
        self._printing = True
        source, current = self.source, self.variables.get(ARGUMENTS)
        words = [value.texts[0] if len(value.texts) == 1 else UNKNOWN for value in values]
        self.variables.set(ARGUMENTS, Value((SEPARATOR.join(map(plain, words)),)))
        texts: dict[str, None] = {}
        for body, where in bodies:
            self.source = where
            for command in self._printing_commands(body):
                texts |= dict.fromkeys(self._line_of(command).texts)
        self.source = source
        self.variables.set(ARGUMENTS, current)
        self._printing = False
        known = tuple(text for text in texts if text and UNKNOWN not in text)
        return Value(known[: self.variables.most], sure=len(texts) == 1) if known else NOTHING_KNOWN

    def _printing_commands(self, body: Syntax) -> Iterator[Syntax]:
        """The commands of a function that print a line to its caller."""
        todo = [body]
        while todo:
            node = todo.pop()
            self.lookup.spend()
            if node.kind == "command":
                parts = [child.kind for child in node.children]
                if "file_redirect" not in parts and self.source.text(node).startswith(("echo ", "printf ")):
                    yield node
            elif node.kind not in _APART:
                todo.extend(reversed(node.children))

    def _line_of(self, command: Syntax) -> Value:
        _, operands = self._call(command, 0)
        line = Value(("",))
        for operand in operands:
            if not operand.texts[0].startswith("-") and "%" not in operand.texts[0]:
                line = self._product(line, operand) if line.texts == ("",) else self.appended(line, operand, " ")
        return line

    def _found(self, one: Value) -> Value:
        texts = tuple(path for text in one.texts for path in self.lookup.executables(plain(text), self.directory))
        sure = one.sure and all(map(self.lookup.kept, texts))
        return Value(tuple(dict.fromkeys(texts)), sure) if texts else NOTHING_KNOWN

    def _mapped(self, value: Value, change: _Change) -> Value:
        if any(UNKNOWN in text for text in value.texts):
            return NOTHING_KNOWN
        return Value(tuple(dict.fromkeys(change(plain(text)) for text in value.texts)), value.sure)

    def _listed(self, name: str, values: list[Value]) -> Value:
        """The lines that `find`, `ls` or `echo` print, where they say which paths there are."""
        if any(len(value.texts) != 1 or UNKNOWN in value.texts[0] for value in values):
            return NOTHING_KNOWN
        operands = [value.texts[0] for value in values]
        if name in ("echo", "printf", "ls"):
            words = [text for text in operands if not text.startswith("-") and "%" not in text]
            if not any(is_pattern(text) for text in words):
                return Value((plain(" ".join(words)),)) if name != "ls" else NOTHING_KNOWN
            found: list[str] = [
                path for text in words for path in self.lookup.glob(join(self.directory, pattern(text)))
            ]
        elif name == "run-parts":
            if not {"--list", "--test"} & set(operands) or not operands:
                return NOTHING_KNOWN
            found = list(self.lookup.run_parts(join(self.directory, plain(operands[-1]))))
        else:
            found = list(self._find(operands))
        return Value(tuple(found), sure=False) if found else NOTHING_KNOWN

    def _find(self, operands: list[str]) -> Iterator[str]:
        name = ""
        if "-name" in operands[:-1]:
            name = pattern(active(plain(operands[operands.index("-name") + 1])))
        for start in operands:
            if start.startswith(("-", "(", "!", "\\")):
                return
            for path in self.lookup.below(join(self.directory, plain(start))):
                if not name or matches("/" + basename(path), "/" + name):
                    yield path


if TYPE_CHECKING:
    from collections.abc import Callable

    _Change = Callable[[str], str]
    Bodies = Callable[[str], list[tuple[Syntax, "Source"]]]
    Absent = Callable[[str], bool]


def _commands(node: Syntax) -> Iterator[Syntax]:
    """The simple commands of `$(a && b)`, `$(a; b)`, `$(a | b)`, or too many of them."""
    for child in node.children:
        if child.kind in ("list", "pipeline"):
            for one in child.children:
                yield from _plain_command(one)
        else:
            yield from _plain_command(child)


def _plain_command(node: Syntax) -> Iterator[Syntax]:
    if node.kind == "redirected_statement" and node.children:
        node = node.children[0]
    if node.kind == "command":
        yield node
    else:
        # Three are one more than anybody follows.
        yield from (node, node, node)


def _listed(text: str, *, sure: bool) -> list[Word]:
    return [Word(Value((one,), sure=sure and one != UNKNOWN)) for one in text.split(SEPARATOR)] if text else []


def _magic(value: Value) -> bool:
    return any("*" in text or "?" in text or "[" in text for text in value.texts)


def _dirname(text: str) -> str:
    if "/" not in text.rstrip("/"):
        return "."
    return text.rstrip("/").rpartition("/")[0] or "/"


def _unquoted(match: re.Match[str]) -> str:
    return "" if match[1] == "\n" else match[1]


def _ansi(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1] or match[2]:
            return chr(int(match[1], 16) if match[1] else int(match[2], 8) & 0xFF).replace("\0", "")
        return _ANSI_LETTERS.get(match[3], match[3])

    return _ANSI.sub(one, text)


def _changed(value: Value, change: str) -> Value:
    """`${X%/*}`, `${X##*/}` and the like, with constant patterns."""
    if any(UNKNOWN in text for text in value.texts) or "$" in change or "`" in change:
        return NOTHING_KNOWN
    operator = change[: 2 if change[1:2] == change[:1] else 1]
    text = change[len(operator) :]
    if operator in ("^^", ",,", "^", ",") and not text:
        return Value(tuple(one.upper() if "^" in operator else one.lower() for one in value.texts), value.sure)
    if operator[0] not in "%#":
        return NOTHING_KNOWN
    cuts = tuple(dict.fromkeys(_cut(plain(one), operator, text) for one in value.texts))
    return NOTHING_KNOWN if UNKNOWN in cuts else Value(cuts, value.sure)


def _cut(text: str, operator: str, cut: str) -> str:
    """A text without the prefix or suffix that a pattern matches: one star beside literals, as people write."""
    cut = cut.replace("\\", "").replace('"', "").replace("'", "")
    if not set("*?[").intersection(cut):
        return text.removesuffix(cut) if operator[0] == "%" else text.removeprefix(cut)
    literal = cut.strip("*")
    if set("*?[").intersection(literal) or not literal:
        return UNKNOWN
    match operator, cut.startswith("*"), cut.endswith("*"):
        case "%", False, True:
            at = text.rfind(literal)
        case "%%", False, True:
            at = text.find(literal)
        case "#", True, False:
            at = text.find(literal)
            return text if at < 0 else text[at + len(literal) :]
        case "##", True, False:
            at = text.rfind(literal)
            return text if at < 0 else text[at + len(literal) :]
        case _:
            return UNKNOWN
    return text if at < 0 else text[:at]
