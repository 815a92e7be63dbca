"""The grammar of POSIX shells and bash: a script's text as a tree of statements and words.

A parser of our own, for hostile scripts: time and memory grow with the text and not faster, whatever it says, and a
nesting without bound is refused. It is tolerant: what cannot stand where it stands is noted and skipped.
POSIX.1-2024, XCU chapter 2, with what bash(1) adds. Nested constructs are generators on a stack of our own, so that the
code reads as recursive descent and Python's stack stays flat.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass, field

__all__ = ["ShellScript", "Syntax", "parse"]


class Syntax:
    """A statement or word: `kind`, the characters from `start` to `end`, what is in it, and a name where it has one.

    Of a `list` the word holds its operators (`&&||`), of a `test_command` those that join its parts.
    """

    __slots__ = ("background", "children", "end", "exempt", "fatal", "kind", "negated", "start", "word")

    def __init__(self, kind: str, start: int, end: int, children: list[Syntax], word: str = "") -> None:
        self.kind = kind
        self.start = start
        self.end = end
        self.children = children
        self.word = word
        self.negated = False
        """`! command`."""
        self.background = False
        """`command &`."""
        self.exempt = False
        """Whether a failure here does not end a script under `set -e`."""
        self.fatal = False
        """Whether a failure here ends the script in any case: before `|| exit`, or as its last statement."""


@dataclass(slots=True)
class ShellScript:
    """What `parse` understood."""

    root: Syntax
    error: int = -1
    """Where the first thing stands that does not parse, or -1."""
    stopped: str = ""
    """`too-deep` or `too-large` where a bound ended the parse: `root` holds what stands before."""


Step = Generator["Step", Syntax, Syntax]

_BLANK = re.compile(r"(?:[ \t\r]|\\\n)*")
_COMMENT = re.compile(r"#[^\n]*")
_PLAIN = re.compile(r"(?:[^\s'\"`$\\|&;<>()]|\\.|\\\n)+", re.DOTALL)
_QUOTED = re.compile(r"(?:[^\"`$\\]|\\.)+", re.DOTALL)
_IN_BRACES = re.compile(r"(?:[^\"'`$\\}]|\\.)+", re.DOTALL)
_IN_ARITHMETIC = re.compile(r"(?:[^\"'`$\\()]|\\.)+", re.DOTALL)
_IN_BACKTICKS = re.compile(r"(?:[^`\\]|\\.)*", re.DOTALL)
_IN_HEREDOC = re.compile(r"(?:[^`$\\]|\\.)+", re.DOTALL)
_ANSI = re.compile(r"(?:[^'\\]|\\.)*'", re.DOTALL)
_EXTENDED = re.compile(r"[^()]+|[()]")
_PARENTHESES = re.compile(r"[()]|'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.", re.DOTALL)
_PARAMETER = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[(?:[^\[\]\n]|\[[^\[\]\n]*\])*\])?(\+?=)")
_FUNCTION = re.compile(r"([^\s()$`\"'|&;<>\\]+)[ \t]*\([ \t]*\)")
_NAME = re.compile(r"[^\s()$`\"'|&;<>\\]+")
_RESERVED = re.compile(
    r"(?:if|then|elif|else|fi|while|until|for|select|do|done|case|esac|function|\{|\}|!|\[\[)(?=[\s;&|<>()]|\Z)"
)
_REDIRECTION = re.compile(r"(?:[0-9]*|\{[A-Za-z_]\w*\})(<<<|<<-?|<>|>\||>>|>&|<&|<(?!\()|>(?!\())|(&>>?)")
_OPERATOR = re.compile(r"&&|\|\||\|&|\||;;&|;;|;&|;|&|\n|\)")
_TEST_OPERATOR = re.compile(r"&&|\|\||[()<>|&;]")
_DELIMITER_QUOTE = re.compile(r"[\\'\"]")
_CLOSING = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}", ")", ";;", ";&", ";;&"})
_OPENING = frozenset({"if", "while", "until", "for", "select", "case", "function", "{", "[["})
_DECLARING = frozenset({"export", "local", "declare", "typeset", "readonly"})
_SEARCHES = 32
"""Times that a script is looked through ahead of the parse: one here-document may stand in another."""
_LOOK_AHEAD = 1 << 14
"""Characters after `((` that are looked through for its end; an expression is shorter."""
_LOOK_COST = 16
"""What one of them costs, in characters that `str.find` looks through."""
_STEPS_A_LEVEL = 4
"""Generators that one level of nesting takes at most."""


def parse(text: str, *, depth: int, steps: int) -> ShellScript:
    """Parse a script; `depth` bounds its nesting and `steps` its constructs. Never raises for bad text."""
    parser = _Parser(text, steps)
    root = Syntax("program", 0, len(text), [])
    stopped = parser.run(parser.statements(root, frozenset()), depth * _STEPS_A_LEVEL)
    return ShellScript(root, parser.error, stopped)


@dataclass(slots=True)
class _Parser:
    text: str
    steps: int
    """Constructs that may still be parsed."""
    at: int = 0
    end: int = -1
    error: int = -1
    _open: dict[str, int] = field(default_factory=dict)
    """How many constructs wait for each closing word."""
    _pending: list[tuple[Syntax, str, bool, bool]] = field(default_factory=list)
    """Here-documents whose text begins on the next line: node, delimiter, quoted, without leading tabs."""

    _searches: int = 0
    """Characters that may still be looked through ahead of the parse: for the end of a here-document or of `((`."""

    def __post_init__(self) -> None:
        self.end = len(self.text)
        self._searches = (len(self.text) + 1) * _SEARCHES

    def run(self, first: Step, depth: int) -> str:
        """Drive the generators, at most `depth` on each other and `steps` in all; which bound ended that, if any."""
        stack: list[Step] = [first]
        value: Syntax | None = None
        while stack:
            try:
                step = stack[-1].send(value)  # type: ignore[arg-type]  # the first value of a generator is None
            except StopIteration as stop:
                value = stop.value
                stack.pop()
            else:
                self.steps -= 1
                if len(stack) >= depth or self.steps < 0:
                    return "too-deep" if self.steps >= 0 else "too-large"
                stack.append(step)
                value = None
        return ""

    # --- small steps ------------------------------------------------------------------------------------------------

    def _fail(self) -> None:
        if self.error < 0:
            self.error = min(self.at, len(self.text))

    def _blanks(self) -> str:
        """Skip blanks and a comment; the character that follows, or nothing at the end."""
        if self.at >= self.end:
            return ""
        character = self.text[self.at]
        if character not in _BLANKS:
            return character
        found = _BLANK.match(self.text, self.at, self.end)
        if found is not None:
            self.at = found.end()
        if self.at < self.end and self.text[self.at] == "#":
            comment = _COMMENT.match(self.text, self.at, self.end)
            self.at = comment.end() if comment else self.end
        return self.text[self.at] if self.at < self.end else ""

    def _lines(self) -> Step:
        """Skip newlines too, taking the here-documents that begin there."""
        while self._blanks() == "\n":
            self.at += 1
            if self._pending:
                yield self._heredocs()
        return _NOTHING

    def _reserved(self) -> str:
        found = _RESERVED.match(self.text, self.at, self.end)
        return found[0] if found else ""

    def _expect(self, word: str) -> bool:
        """Take a closing word or character if it stands here."""
        # `done` does not begin with `do`: a reserved word is a whole word.
        here = self.text.startswith(word, self.at, self.end)
        if here and (not word.isalpha() or word == "in" or self._reserved() == word):
            self.at += len(word)
            return True
        self._fail()
        return False

    def _closes(self, word: str, ends: frozenset[str]) -> bool:
        """Whether a closing word ends these statements: it is theirs, or one of a construct around them."""
        if word in ends:
            return True
        self._fail()
        return self._open.get(word, 0) > 0

    def _body(self, kind: str, ends: str) -> Generator[Step, Syntax, Syntax]:
        """Statements up to one of some closing words, which are left to be taken."""
        node = Syntax(kind, self.at, self.at, [])
        words = ends.split()
        for word in words:
            self._open[word] = self._open.get(word, 0) + 1
        yield self.statements(node, frozenset(words))
        for word in words:
            self._open[word] -= 1
        node.end = self.at
        return node

    # --- statements -------------------------------------------------------------------------------------------------

    def statements(self, node: Syntax, ends: frozenset[str]) -> Step:
        """Statements into a node, up to a closing word or the end of the text."""
        into = node.children
        while True:
            character = self._blanks()
            if not character:
                if self._pending:
                    self._pending.clear()
                return node
            if character in "\n;&|)":
                found = _OPERATOR.match(self.text, self.at, self.end)
                operator = found[0] if found else character
                if operator in _CLOSING:
                    if self._closes(operator, ends):
                        return node
                elif operator not in ("\n", ";", "&"):
                    self._fail()
                elif operator == "&" and into:
                    into[-1].background = True
                self.at += len(operator)
                if operator == "\n" and self._pending:
                    yield self._heredocs()
                continue
            word = self._reserved()
            if word in _CLOSING:
                if self._closes(word, ends):
                    return node
                self.at += len(word)
                continue
            before = self.at
            into.append((yield self._and_or()))
            if self.at == before:
                self._fail()
                self.at += 1

    def _and_or(self) -> Step:
        """`a | b && c | d || e`: one command, a `pipeline`, or a flat `list` of these."""
        start = self.at
        operands: list[Syntax] = []
        operators: list[str] = []
        pipeline: list[Syntax] = []
        while True:
            pipeline.append((yield self._command()))
            character = self._blanks()
            found = _OPERATOR.match(self.text, self.at, self.end) if character in "&|" and character else None
            operator = found[0] if found else ""
            if operator in ("|", "|&"):
                self.at += len(operator)
                yield self._lines()
                continue
            operands.append(self._joined("pipeline", pipeline))
            if operator not in ("&&", "||"):
                return self._joined("list", operands, start, "".join(operators))
            operators.append(operator)
            pipeline = []
            self.at += len(operator)
            yield self._lines()

    def _joined(self, kind: str, nodes: list[Syntax], start: int = -1, word: str = "") -> Syntax:
        if len(nodes) == 1:
            return nodes[0]
        return Syntax(kind, nodes[0].start if start < 0 else start, self.at, nodes, word)

    def _command(self) -> Step:
        negated = False
        while self._blanks() and self._reserved() == "!":
            self.at += 1
            negated = not negated
        if negated:
            node = yield self._command()
            node.negated = True
            return node
        start = self.at
        word = self._reserved()
        if word in _OPENING:
            node = yield self._compound(word)
        elif self.text.startswith("((", start, self.end) and self._is_arithmetic(start):
            node = Syntax("arithmetic", start, start, [])
            self.at += 2
            yield self._arithmetic(node)
        elif self.text.startswith("(", start, self.end):
            self.at += 1
            node = yield self._body("subshell", ")")
            self._expect(")")
        elif found := _FUNCTION.match(self.text, start, self.end):
            self.at = found.end()
            return (yield self._function(found[1], start))
        else:
            return (yield self._simple())
        node.start, node.end = start, self.at
        return (yield self._redirected(node))

    def _redirected(self, node: Syntax) -> Step:
        """A compound command with its redirections."""
        redirections: list[Syntax] = []
        while self._blanks() and (found := _REDIRECTION.match(self.text, self.at, self.end)):
            redirections.append((yield self._redirection(found)))
        if not redirections:
            return node
        return Syntax("redirected_statement", node.start, self.at, [node, *redirections])

    def _compound(self, word: str) -> Step:
        self.at += len(word)
        match word:
            case "if":
                return (yield self._if())
            case "while" | "until":
                condition = yield self._body("statements", "do")
                return Syntax("while_statement", 0, 0, [condition, (yield self._do())], word)
            case "for" | "select":
                return (yield self._for())
            case "case":
                return (yield self._case())
            case "{":
                node = yield self._body("compound_statement", "}")
                self._expect("}")
                return node
            case "[[":
                return (yield self._test())
            case _:
                self._blanks()
                found = _FUNCTION.match(self.text, self.at, self.end) or _NAME.match(self.text, self.at, self.end)
                if found is None:
                    self._fail()
                    return Syntax("statements", 0, 0, [])
                self.at = found.end()
                name = found[1] if found.re is _FUNCTION else found[0]
                return (yield self._function(name, found.start()))

    def _function(self, name: str, start: int) -> Step:
        yield self._lines()
        body = yield self._command()
        return Syntax("function_definition", start, self.at, [body], name)

    def _if(self) -> Step:
        """Children are clauses: a condition and a body each, and for `else` only a body."""
        clauses: list[Syntax] = []
        while True:
            start = self.at
            condition = yield self._body("statements", "then")
            self._expect("then")
            body = yield self._body("statements", "elif else fi")
            clauses.append(Syntax("clause", start, self.at, [condition, body]))
            word = self._reserved()
            if word != "elif":
                break
            self.at += len(word)
        if word == "else":
            self.at += len(word)
            body = yield self._body("statements", "fi")
            clauses.append(Syntax("else_clause", body.start, body.end, [body]))
        self._expect("fi")
        return Syntax("if_statement", 0, 0, clauses)

    def _do(self) -> Step:
        """`do ... done`, or the braces that bash allows instead."""
        yield self._lines()
        if self.text.startswith("{", self.at, self.end):
            self.at += 1
            body = yield self._body("do_group", "}")
            self._expect("}")
        else:
            self._expect("do")
            body = yield self._body("do_group", "done")
            self._expect("done")
        return body

    def _for(self) -> Step:
        self._blanks()
        if self.text.startswith("((", self.at, self.end):
            head = Syntax("arithmetic", self.at, self.at, [])
            self.at += 2
            yield self._arithmetic(head)
            self._separator()
            return Syntax("c_style_for_statement", 0, 0, [head, (yield self._do())])
        found = _NAME.match(self.text, self.at, self.end)
        name = found[0] if found else ""
        self.at += len(name)
        yield self._lines()
        words = Syntax("words", self.at, self.at, [])
        if self.text.startswith("in", self.at, self.end) and not self.text[self.at + 2 : self.at + 3].isalnum():
            self.at += 2
            words.word = "in"
            while self._blanks() not in ("", "\n", ";", "&", "|", ")", "<", ">", "("):
                words.children.append((yield self._word()))
        self._separator()
        return Syntax("for_statement", 0, 0, [words, (yield self._do())], name)

    def _separator(self) -> None:
        if self._blanks() == ";":
            self.at += 1

    def _case(self) -> Step:
        """Children are the subject and the items, each with its patterns and a body."""
        self._blanks()
        node = Syntax("case_statement", 0, 0, [(yield self._word())])
        yield self._lines()
        self._expect("in")
        while True:
            yield self._lines()
            if self.at >= self.end or self._reserved() == "esac":
                break
            before = self.at
            node.children.append((yield self._item()))
            if self.at == before:
                break
        self._expect("esac")
        return node

    def _item(self) -> Step:
        patterns = Syntax("words", self.at, self.at, [])
        if self.text.startswith("(", self.at, self.end):
            self.at += 1
        while self._blanks() not in ("", ")", "\n", ";", "&", "<", ">", "("):
            if self.text[self.at] == "|":
                self.at += 1
            else:
                patterns.children.append((yield self._word()))
        if not self._expect(")"):
            return Syntax("case_item", self.at, self.at, [patterns, Syntax("statements", self.at, self.at, [])])
        body = yield self._body("statements", ";; ;& ;;& esac")
        for end in (";;&", ";;", ";&"):
            if self.text.startswith(end, self.at, self.end):
                self.at += len(end)
                break
        return Syntax("case_item", patterns.start, self.at, [patterns, body])

    def _test(self) -> Step:
        """`[[ ... ]]`: its words; what joins them does not matter."""
        node = Syntax("test_command", 0, 0, [])
        while True:
            yield self._lines()
            if self.at >= self.end:
                self._fail()
                return node
            if self._reserved() == "" and self.text.startswith("]]", self.at, self.end):
                self.at += 2
                return node
            found = _TEST_OPERATOR.match(self.text, self.at, self.end)
            if found is not None and not self.text.startswith(("<(", ">("), self.at, self.end):
                node.word += found[0]
                self.at = found.end()
                continue
            before = self.at
            node.children.append((yield self._word()))
            if self.at == before:
                self.at += 1

    # --- simple commands --------------------------------------------------------------------------------------------

    def _simple(self) -> Step:
        """Assignments, words and redirections in their order."""
        start = self.at
        node = Syntax("command", start, start, [])
        declares = named = False
        while True:
            character = self._blanks()
            if character in _ENDS_COMMAND and not self.text.startswith("&>", self.at, self.end):
                break
            if character == "(":
                # Nothing but an array or a function may have one here.
                self._fail()
                self.at += 1
                continue
            if character in _MAY_REDIRECT and (found := _REDIRECTION.match(self.text, self.at, self.end)):
                node.children.append((yield self._redirection(found)))
            elif (declares or not named) and (found := _ASSIGNMENT.match(self.text, self.at, self.end)):
                node.children.append((yield self._assignment(found)))
            else:
                word = self._plain_word() or (yield self._word())
                self.steps -= 1
                if self.steps < 0:
                    break
                if word.start == self.at:
                    self._fail()
                    self.at += 1
                    continue
                if not named:
                    named = True
                    declares = self.text[word.start : word.end] in _DECLARING
                    node.kind = "declaration_command" if declares else "command"
                node.children.append(word)
        node.end = self.at
        return node

    def _assignment(self, found: re.Match[str]) -> Step:
        self.at = found.end()
        kind = "variable_append" if found[2] or found[3] == "+=" else "variable_assignment"
        node = Syntax(kind, found.start(), self.at, [], found[1])
        while self.text.startswith("\\\n", self.at, self.end):
            self.at += 2
        if self.text.startswith("(", self.at, self.end):
            array = Syntax("array", self.at, self.at, [])
            self.at += 1
            yield self._array(array)
            node.children.append(array)
        elif self.at < self.end and self.text[self.at] not in _ENDS_WORD:
            word = self._plain_word() or (yield self._word())
            # An element that is set by its index is one more element of the array.
            node.children.append(Syntax("array", word.start, word.end, [word]) if found[2] else word)
        node.end = self.at
        return node

    def _array(self, array: Syntax) -> Step:
        while True:
            yield self._lines()
            if self.at >= self.end:
                self._fail()
                break
            if self.text[self.at] == ")":
                self.at += 1
                break
            before = self.at
            if self.text[self.at] not in "|&;<>(" or self.text.startswith(("<(", ">("), self.at, self.end):
                array.children.append((yield self._word()))
            if self.at == before:
                self._fail()
                self.at += 1
        array.end = self.at
        return array

    def _redirection(self, found: re.Match[str]) -> Step:
        self.at = found.end()
        operator = found[1] or found[2]
        self._blanks()
        if operator in ("<<", "<<-"):
            node = Syntax("heredoc_redirect", found.start(), self.at, [], operator)
            start = self.at
            yield self._word()
            delimiter = self.text[start : self.at]
            plain = _DELIMITER_QUOTE.sub("", delimiter)
            self._pending.append((node, plain, plain != delimiter, operator == "<<-"))
            return node
        kind = "herestring_redirect" if operator == "<<<" else "file_redirect"
        node = Syntax(kind, found.start(), self.at, [], operator)
        if self.at < self.end and (
            self.text[self.at] not in _ENDS_WORD or self.text.startswith(("<(", ">("), self.at, self.end)
        ):
            node.children.append((yield self._word()))
        node.end = self.at
        return node

    def _heredocs(self) -> Step:
        """The texts of the here-documents that begin on this line."""
        pending, self._pending = self._pending, []
        for node, delimiter, quoted, tabs in pending:
            start = self.at
            end, after = self._delimited(delimiter, tabs=tabs)
            body = Syntax("raw_heredoc" if quoted else "heredoc_body", start, end, [])
            if not quoted:
                outer, self.at, self.end = self.end, start, end
                yield self._quoted(body, _IN_HEREDOC, "")
                self.end = outer
            body.end = end
            node.children.append(body)
            self.at = after
        return _NOTHING

    def _delimited(self, delimiter: str, *, tabs: bool) -> tuple[int, int]:
        """Where the text of a here-document ends, and where the line after its delimiter begins."""
        at = self.at
        while at < self.end:
            found = self.text.find(delimiter, at, self.end) if self._searches > 0 else -1
            if found < 0:
                break
            self._searches -= found - at + len(delimiter)
            first = found
            while tabs and first > self.at and self.text[first - 1] == "\t":
                first -= 1
            at = found + len(delimiter)
            newline = at < self.end and self.text[at] == "\n"
            if (newline or at >= self.end) and (first == self.at or self.text[first - 1] == "\n"):
                return first, min(at + 1, self.end)
            at = max(at, found + 1)
        self._searches -= self.end - at
        self._fail()
        return self.end, self.end

    # --- words ------------------------------------------------------------------------------------------------------

    def _word(self) -> Step:
        """One word: its only part, or a `concatenation`; empty where none stands here."""
        start = self.at
        parts: list[Syntax] = []
        while self.at < self.end:
            found = _PLAIN.match(self.text, self.at, self.end)
            if found is not None:
                parts.append(Syntax("word", self.at, found.end(), []))
                self.at = found.end()
                continue
            character = self.text[self.at]
            if character in "'\"`$":
                parts.append((yield self._part(quoted=False)))
            elif character in "<>" and self.text.startswith("(", self.at + 1, self.end):
                self.at += 2
                node = yield self._body("process_substitution", ")")
                self._expect(")")
                node.start, node.end = node.start - 2, self.at
                parts.append(node)
            elif character == "(" and self.at > start and self.text[self.at - 1] in "@!+?*":
                self._extended()
                parts.append(Syntax("word", parts.pop().start, self.at, []))
            elif character == "\\":
                # A backslash that is the last character.
                parts.append(Syntax("word", self.at, self.at + 1, []))
                self.at += 1
            else:
                break
        if len(parts) == 1:
            return parts[0]
        return Syntax("concatenation", start, self.at, parts)

    def _plain_word(self) -> Syntax | None:
        """A word without quotes and expansions, as most are."""
        found = _PLAIN.match(self.text, self.at, self.end)
        if found is None or (found.end() < self.end and self.text[found.end()] not in _ENDS_PLAIN):
            return None
        self.at = found.end()
        return Syntax("word", found.start(), self.at, [])

    def _extended(self) -> None:
        """The parentheses of an extended pattern, with what is nested in them."""
        depth = 0
        while self.at < self.end:
            found = _EXTENDED.match(self.text, self.at, self.end)
            if found is None:
                break
            self.at = found.end()
            depth += {"(": 1, ")": -1}.get(found[0], 0)
            if depth == 0:
                return
        self._fail()

    def _part(self, *, quoted: bool) -> Step:
        """What begins with a quote, a dollar or a backtick."""
        start, character = self.at, self.text[self.at]
        if character == "'":
            end = self.text.find("'", start + 1, self.end)
            if end < 0:
                self._fail()
            self.at = self.end if end < 0 else end + 1
            return Syntax("raw_string", start, self.at, [])
        if character == '"':
            return (yield self._string(start))
        if character == "`":
            return (yield self._backticks(start))
        following = self.text[start + 1 : start + 2] if start + 1 < self.end else ""
        if following == "(":
            return (yield self._substitution(start))
        if following == "{":
            node = Syntax("expansion", start, start, [])
            self.at += 2
            yield self._quoted(node, _IN_BRACES, "}")
            return node
        if not quoted and following == '"':
            self.at += 1
            return (yield self._string(self.at))
        if not quoted and following == "'":
            found = _ANSI.match(self.text, start + 2, self.end)
            self.at = found.end() if found else self.end
            return Syntax("ansi_c_string", start, self.at, [])
        found = _PARAMETER.match(self.text, start, self.end)
        self.at = found.end() if found else start + 1
        return Syntax("simple_expansion" if found else "word", start, self.at, [])

    def _string(self, start: int) -> Step:
        node = Syntax("string", start, start, [])
        self.at = start + 1
        yield self._quoted(node, _QUOTED, '"')
        return node

    def _quoted(self, node: Syntax, literal: re.Pattern[str], close: str) -> Step:
        """The expansions of a quoted text up to its closing character, or to the end where it has none."""
        in_braces = close == "}"
        while self.at < self.end:
            found = literal.match(self.text, self.at, self.end)
            if found is not None:
                self.at = found.end()
                continue
            character = self.text[self.at]
            if character == close:
                self.at += 1
                node.end = self.at
                return node
            if character in "$`" or (in_braces and character in "'\""):
                if character == "'" and self.text.find("'", self.at + 1, self.end) < 0:
                    # An apostrophe: in quotes, `${X:-don't}` has no string.
                    self.at = self.end
                    continue
                node.children.append((yield self._part(quoted=not in_braces)))
            else:
                self.at += 1
        if close:
            self._fail()
        node.end = self.at
        return node

    def _substitution(self, start: int) -> Step:
        if self.text.startswith("((", start + 1, self.end) and self._is_arithmetic(start + 1):
            node = Syntax("arithmetic_expansion", start, start, [])
            self.at = start + 3
            yield self._arithmetic(node)
            return node
        self.at = start + 2
        node = yield self._body("command_substitution", ")")
        self._expect(")")
        node.start, node.end = start, self.at
        return node

    def _is_arithmetic(self, start: int) -> bool:
        """Whether `((` opens an expression and not two subshells: then it ends in `))`, as bash tells them."""
        depth = 0
        end = min(self.end, start + _LOOK_AHEAD) if self._searches > 0 else start
        for found in _PARENTHESES.finditer(self.text, start, end):
            depth += {"(": 1, ")": -1}.get(found[0], 0)
            if depth == 1 and found[0] == ")":
                self._searches -= (found.end() - start) * _LOOK_COST
                return self.text.startswith("))", found.start(), self.end)
        self._searches -= (end - start) * _LOOK_COST
        return True

    def _arithmetic(self, node: Syntax) -> Step:
        """The expansions of `((...))` and `$((...))`."""
        depth = 0
        while self.at < self.end:
            found = _IN_ARITHMETIC.match(self.text, self.at, self.end)
            if found is not None:
                self.at = found.end()
                continue
            character = self.text[self.at]
            if character == "(":
                depth += 1
                self.at += 1
            elif character == ")":
                self.at += 1
                if depth == 0:
                    self._expect(")")
                    break
                depth -= 1
            elif character in "$`\"'":
                node.children.append((yield self._part(quoted=False)))
            else:
                self.at += 1
        else:
            self._fail()
        node.end = self.at
        return node

    def _backticks(self, start: int) -> Step:
        found = _IN_BACKTICKS.match(self.text, start + 1, self.end)
        close = found.end() if found else self.end
        if not self.text.startswith("`", close, self.end):
            self._fail()
        node = Syntax("command_substitution", start, min(close + 1, self.end), [])
        outer, self.end, self.at = self.end, close, start + 1
        held, self._open = self._open, {}
        pending, self._pending = self._pending, []
        yield self.statements(node, frozenset())
        self._pending = pending
        self._open = held
        self.end, self.at = outer, node.end
        return node


_NOTHING = Syntax("statements", 0, 0, [])
_ENDS_COMMAND = frozenset({"", "\n", ";", "&", "|", ")"})
_ENDS_WORD = frozenset(" \t\r\n;&|()<>")
_ENDS_PLAIN = frozenset(" \t\n;|)")
_BLANKS = frozenset(" \t\r\\#")
_MAY_REDIRECT = frozenset("<>&{0123456789")
