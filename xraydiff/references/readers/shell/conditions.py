"""What a condition of a script says at the start of a container, where its operands are constant.

Operands are constant when the script, the config's start command and its environment say them. What an engine is told
besides at run time (other arguments, variables, mounts) is not known: the judgement is that of a plain start.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from xraydiff.commands.start import find_executable, start_command
from xraydiff.conventions import ENGINE_TREES
from xraydiff.errors import LimitExceeded
from xraydiff.facts import FileType
from xraydiff.paths import ImagePath, ancestors, image_path, join
from xraydiff.references import Context
from xraydiff.references.readers.shell.syntax import Syntax
from xraydiff.references.readers.shell.variables import REST, UNKNOWN, UNSET, Value, pattern, plain
from xraydiff.references.readers.shell.vocabulary import BUILTINS
from xraydiff.references.readers.shell.words import BESIDE, Word, Words
from xraydiff.tree.glob import matches

__all__ = ["Conditions", "arguments", "ends_script", "errexit_of", "mark_failures", "mark_fatal", "operators"]

_FILES: Final = frozenset("e f d r s x".split())
_HARMLESS: Final = frozenset(
    "awk basename cat chgrp chmod chown cut date dirname echo env expr false find getent getopt grep head hostname id "
    "ls nproc printf readlink realpath sed seq sleep sort stat tail test tr true type uname uniq wc which "
    "whoami".split()
)
"""Programs that make and remove no files, but for what they are told by `-i`, `-delete` or a redirection."""
_IN_PLACE: Final = ("-i", "--in-place", "-delete", "-exec")
_MAKERS: Final = frozenset("cp install ln mkdir mktemp mv rm rmdir touch".split())
_EMPTY: Final = frozenset("mkdir mktemp rmdir touch".split())
"""Those that make or remove nothing below what they are told."""
_ASKS: Final = frozenset({"-v", "-V"})
_ERREXIT: Final = re.compile(r"-[a-z]*e[a-z]*")
_OPERATORS: Final = frozenset({"=", "==", "!="})
_NUMBERS: Final[dict[str, Callable[[int, int], bool]]] = {
    "-eq": lambda one, other: one == other,
    "-ne": lambda one, other: one != other,
    "-lt": lambda one, other: one < other,
    "-le": lambda one, other: one <= other,
    "-gt": lambda one, other: one > other,
    "-ge": lambda one, other: one >= other,
}
_SET_BY_OTHERS: Final = frozenset(
    "EUID GROUPS HOME HOSTNAME HOSTTYPE LINENO MACHTYPE OLDPWD OPTARG OSTYPE PPID RANDOM REPLY SECONDS SHLVL TERM UID "
    "USER BASH BASHPID BASH_VERSION".split()
)
"""Variables that a shell or an engine sets."""
_LEVELS: Final = 16
"""Groups in groups of a condition that are looked into."""
_BOOLEAN: Final = {"true": True, ":": True, "false": False}


class Conditions:
    """Judges conditions of one script, as far as they can be."""

    def __init__(self, words: Words, context: Context) -> None:
        self._words = words
        self._context = context
        self._volumes = tuple(image_path(volume) for volume in context.config.volumes)
        self._touched: set[str] = set()
        self._made: set[str] = set()
        """What is made empty, with the directories above it."""
        self._certain = True
        """Whether nothing ran so far that may have made or removed files of any name."""
        self.aside = 0
        """How many branches that surely do not run the walk stands in."""
        words.absent = self.absent

    def ran(self, name: str, words: list[Word]) -> None:
        """A program ran: what it was told of may be there, or gone, from now on."""
        if self.aside or (name in _HARMLESS and not any(word.text.startswith(_IN_PLACE) for word in words)):
            return
        if name not in _MAKERS:
            self._certain = False
            return
        for word in words:
            self.touched(word, below=name not in _EMPTY)

    def touched(self, word: Word, *, below: bool = False) -> None:
        """A file that a program makes or removes, or that output goes to; `below` for what may bring content along."""
        text = word.text
        if self.aside or text.startswith("-"):
            return
        if UNKNOWN in text or REST in text:
            self._certain = False
            return
        (self._touched if below else self._made).add(join(self._words.directory, plain(text)))

    def absent(self, text: str) -> bool:
        """Whether slim surely lacks a file when the script comes here."""
        return self._file("e", text) is False

    def chosen(self, subject: Syntax, arms: list[list[Syntax]]) -> int | None:
        """Which arm of a `case` runs, -1 for none; None where that is not known."""
        text = self._one(subject)
        if text is None:
            return None
        for number, patterns in enumerate(arms):
            for one in patterns:
                value = self._words.value(one)
                if len(value.texts) != 1 or not value.sure or UNKNOWN in value.texts[0]:
                    return None
                if _matches_whole(plain(text), value.texts[0]):
                    return number
        return -1

    def holds(self, node: Syntax, level: int = 0) -> bool | None:
        """Whether a condition is true, or None where that is not known before the script runs."""
        truth = self._holds(node, level)
        return truth if truth is None or not node.negated else not truth

    def _holds(self, node: Syntax, level: int) -> bool | None:
        if level > _LEVELS or node.background:
            return None
        match node.kind:
            case "command":
                return self._command(node)
            case "test_command":
                operands = [self._constant(self._words.value(child), child) for child in node.children]
                return None if node.word else self._test(operands, bracket=True)
            case "list":
                return self._list(node, level)
            case "statements" | "compound_statement" | "subshell" if len(node.children) == 1:
                return self.holds(node.children[0], level + 1)
            case "redirected_statement" if node.children:
                return self.holds(node.children[0], level + 1)
            case _:
                return None

    def _list(self, node: Syntax, level: int) -> bool | None:
        truth = self.holds(node.children[0], level + 1)
        for operator, operand in zip(operators(node), node.children[1:], strict=False):
            if operator == "&&":
                other = self.holds(operand, level + 1) if truth is not False else None
                truth = False if truth is False or (truth is None and other is False) else other if truth else None
            else:
                other = self.holds(operand, level + 1) if truth is not True else None
                truth = (
                    True if truth is True or (truth is None and other is True) else other if truth is False else None
                )
        return truth

    def _command(self, node: Syntax) -> bool | None:
        words = [child for child in node.children if child.kind not in BESIDE]
        if not words:
            return None
        name = self._words.source.text(words[0])
        if name in _BOOLEAN:
            return _BOOLEAN[name]
        if name not in ("[", "test", "command", "which", "type", "hash"):
            return None
        lists = self._words.lists(words[1:])
        if len(lists) != 1:
            return None
        if name not in ("[", "test"):
            return self._is_command(name, [self._text(word) for word in lists[0]])
        operands = [self._text(word) for word in lists[0]]
        if name == "[":
            if not operands or operands[-1] != "]":
                return None
            operands.pop()
        return self._test(operands)

    def _is_command(self, name: str, operands: list[str | None]) -> bool | None:
        """`command -v x`: whether slim still has a program of the original, or a builtin or function is meant."""
        if name == "command" and operands[:1] not in (["-v"], ["-V"]):
            return None
        match [one for one in operands if one not in _ASKS]:
            case [str(word)] if word and not word.startswith("-"):
                if "/" not in word and (word in BUILTINS or self._words.bodies(word)):
                    return True
                found = self._words.lookup.executables(plain(word), self._words.directory)
                if not self._certain or self._context.slim is None or len(found) > 1:
                    return None
                return bool(found) and self._words.lookup.kept(found[0])
            case _:
                return None

    def _one(self, node: Syntax) -> str | None:
        lists = self._words.lists([node])
        return self._text(lists[0][0]) if len(lists) == 1 and len(lists[0]) == 1 else None

    def _text(self, word: Word) -> str | None:
        return self._constant(word.value, word.node)

    def _constant(self, value: Value, node: Syntax | None) -> str | None:
        """The one text that something has in a plain start; an unset variable is empty."""
        if value is UNSET:
            name = self._words.source.text(node).strip('"${}') if node is not None else ""
            return None if name in _SET_BY_OTHERS else ""
        texts = value.texts
        if len(texts) != 1 or not value.sure or UNKNOWN in texts[0] or REST in texts[0]:
            return None
        return texts[0]

    # --- test(1) ----------------------------------------------------------------------------------------------------

    def _test(self, operands: list[str | None], *, bracket: bool = False) -> bool | None:
        if operands and operands[0] == "!" and len(operands) > 1:
            truth = self._test(operands[1:], bracket=bracket)
            return None if truth is None else not truth
        match operands:
            case []:
                return False
            case [one]:
                return None if one is None else bool(one)
            case [str(operator), operand] if operator.startswith("-"):
                return self._unary(operator[1:], operand)
            case [left, str(operator), right] if left is not None and right is not None:
                return _binary(left, operator, right, bracket=bracket)
            case _:
                return None

    def _unary(self, operator: str, operand: str | None) -> bool | None:
        if operand is None:
            return None
        match operator:
            case "z":
                return not operand
            case "n":
                return bool(operand)
            case _ if operator in _FILES:
                return self._file(operator, plain(operand))
            case _:
                return None

    def _file(self, operator: str, text: str) -> bool | None:
        """Whether slim has a file; not known below a volume, of what the engine provides, and of what was touched."""
        tree = self._context.slim
        if not text:
            return False
        path = join(self._words.directory, text)
        if tree is None or not self._certain or self._may_change(path):
            return None
        try:
            found = tree.resolve(path)
        except LimitExceeded:
            return None
        if found.path is not None and found.path != path and self._may_change(found.path):
            return None
        file = found.file
        match operator:
            case _ if file is None:
                return False
            case "f":
                return file.type is FileType.FILE
            case "d":
                return file.type is FileType.DIRECTORY
            case "s":
                return file.type is not FileType.FILE or file.size > 0
            case "x":
                return bool(file.mode & 0o111)
            case _:
                return True

    def _may_change(self, path: ImagePath) -> bool:
        if len(path) > self._context.limits.path:
            return True
        self._words.lookup.spend(1 + ((len(path) + len(self._made) + len(self._touched)) >> 4))
        places = (path, *ancestors(path))
        return (
            path in self._made
            or any(one.startswith(f"{path}/") for names in (self._made, self._touched) for one in names)
            or not self._touched.isdisjoint(places)
            or any(place in ENGINE_TREES or place in self._volumes for place in places)
        )


def _binary(left: str, operator: str, right: str, *, bracket: bool) -> bool | None:
    if operator in _OPERATORS:
        if bracket and pattern(right) != pattern(plain(right)):
            same = _matches_whole(plain(left), right)
        else:
            same = plain(left) == plain(right)
        return same if operator != "!=" else not same
    if operator in _NUMBERS and _is_number(left) and _is_number(right):
        return _NUMBERS[operator](int(left), int(right))
    return None


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) < 19


def _matches_whole(text: str, wanted: str) -> bool:
    """Whether a pattern of `case` matches a whole text; its star matches a slash too, so that is taken for a letter."""
    return matches("/" + text.replace("/", "\x01"), "/" + pattern(wanted).replace("/", "\x01"))


def operators(node: Syntax) -> list[str]:
    """The operators of a list, each `&&` or `||`."""
    return [node.word[at : at + 2] for at in range(0, len(node.word), 2)]


# --- what a failure does ----------------------------------------------------------------------------------------------


def mark_failures(root: Syntax, *, main: bool) -> None:
    """Mark what may fail under `set -e`, and, of the script that is started itself, the statement that it ends with.

    POSIX.1-2024, XCU 2.15, set: conditions, all but the last of a list or pipeline, and what is negated may fail.
    """
    todo = [root]
    while todo:
        node = todo.pop()
        for one in _may_fail(node):
            one.exempt = True
        if node.negated or node.background:
            node.exempt = True
        for child in node.children:
            child.exempt = child.exempt or node.exempt
        todo.extend(node.children)
    if main:
        _mark_last(root)


def _may_fail(node: Syntax) -> list[Syntax]:
    match node.kind:
        case "if_statement":
            return [clause.children[0] for clause in node.children if clause.kind == "clause"]
        case "while_statement":
            return node.children[:1]
        case "list" | "pipeline" | "command_substitution":
            return node.children[:-1]
        case "command" if any(child.kind not in BESIDE for child in node.children):
            # The status of `echo $(a)` and `local x=$(a)` is that of the command, not of what is put in.
            return [child for child in node.children if child.children]
        case "process_substitution" | "declaration_command":
            return node.children
        case _:
            return []


def _mark_last(root: Syntax) -> None:
    """The container ends when its script does: what the last statement runs is what it is for."""
    todo = [root]
    while todo:
        node = todo.pop()
        if node.negated or node.background:
            continue
        match node.kind:
            case "command":
                node.fatal = True
                if all(child.kind in BESIDE for child in node.children):
                    todo.extend(part for child in node.children for part in child.children)
            case "list":
                todo.extend(node.children if "|" not in node.word else node.children[-1:])
            case "if_statement":
                todo.extend(clause.children[-1] for clause in node.children)
            case "case_statement":
                todo.extend(item.children[1] for item in node.children[1:])
            case "redirected_statement":
                todo.extend(node.children[:1])
            case "program" | "statements" | "compound_statement" | "subshell" | "pipeline" | "command_substitution":
                todo.extend(node.children[-1:])
            case "string" | "concatenation":
                todo.extend(node.children[-1:])


def mark_fatal(node: Syntax, text: Callable[[Syntax], str], bodies: Callable[[str], list[Syntax]]) -> None:
    """Mark what a list cannot do without: each `a`, `b` of `a && b || exit 1`."""
    dies = False
    joined = operators(node)
    for at in range(len(node.children) - 1, 0, -1):
        if joined[at - 1] == "||":
            dies = ends_script(node.children[at], text, bodies)
        if dies:
            _mark_last(node.children[at - 1])


def ends_script(node: Syntax, text: Callable[[Syntax], str], bodies: Callable[[str], list[Syntax]]) -> bool:
    """Whether a command ends the script with a failure: `exit 1`, a group or a function that ends so."""
    for _ in range(_LEVELS):
        if node.negated or node.background:
            return False
        if node.kind in ("compound_statement", "statements", "redirected_statement") and node.children:
            node = node.children[0 if node.kind == "redirected_statement" else -1]
        elif node.kind == "command":
            words = [text(child) for child in node.children if child.kind not in BESIDE]
            if words[:1] == ["exit"]:
                return words[1:2] != ["0"]
            called = bodies(words[0]) if words else []
            if len(called) != 1:
                return False
            node = called[0]
        else:
            return False
    return False


# --- what a script is started with ------------------------------------------------------------------------------------


def arguments(path: str, context: Context) -> tuple[str, ...] | None:
    """The arguments that the start command gives to a script; None where it does not name the script."""
    words = start_command(context.config)[: context.limits.command_words]
    for at, word in enumerate(words):
        found = find_executable(word, context.original, context.path, context.cwd)
        if found is None and at and not word.startswith("-"):
            found = join(context.cwd, word)
        try:
            real = context.original.resolve(found).path if found is not None else None
        except LimitExceeded:
            real = None
        if real == path:
            return words[at + 1 :]
    return None


def errexit_of(text: str, context: Context) -> bool:
    """Whether the start command gives an inline script with `-e`: `sh -ec "..."`."""
    words = start_command(context.config)[: context.limits.command_words]
    at = words.index(text) if text in words else 0
    return any(_ERREXIT.fullmatch(word) is not None for word in words[max(at - 3, 0) : at])
