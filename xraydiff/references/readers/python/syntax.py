r"""How Python text becomes the constructs that may be references: a tolerant parser that takes each byte once.

Hostile text makes general parsers slow: a grammar that repairs errors takes 16 seconds for 20 KB of `%*case `, and
the host's own refuses what is newer than itself. This one repairs nothing: what it does not understand it passes over,
so it takes time and memory in proportion to the text, whatever the text. It keeps the shape of expressions (calls,
attributes, strings, operators, brackets) and of blocks, and drops everything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from xraydiff.references.readers.python.script import (
    BINARY,
    PERHAPS,
    REACHED,
    Branch,
    Execution,
    ExecutionContext,
    Function,
    PythonScript,
    PythonUse,
)
from xraydiff.references.readers.python.vocabulary import EXCEPTIONS_OF_IMPORTS

__all__ = ["parse"]

# Groups under a possessive quantifier are atomic: Python 3.11.2 misplaces others (tests/unit/test_patterns.py).
_BLANK: Final = rb"(?>[ \t\f]|\\\r?\n)*+"
_WORD: Final = rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*+"
_TOKEN: Final = re.compile(
    _BLANK
    + rb"(?:"
    + rb"([rRbBuUfFtT]{0,2}+(?:"
    + rb'"""[^"\\]*+(?>(?:\\.|"(?!""))[^"\\]*+)*+(?>""")?+'
    + rb"|'''[^'\\]*+(?>(?:\\.|'(?!''))[^'\\]*+)*+(?>''')?+"
    + rb'|"[^"\\\n]*+(?>\\.[^"\\\n]*+)*+"?+'
    + rb"|'[^'\\\n]*+(?>\\.[^'\\\n]*+)*+'?+))"
    + rb"|("
    + _WORD
    + rb"(?>\."
    + _WORD
    + rb")*+)"
    + rb"|(\r?\n(?>[ \t\f]*+(?:#[^\n]*+)?\n)*+|\r)"
    + rb"|(\.?[0-9](?>[eE][+-]|[\w.])*+)"
    + rb"|(\*\*=?|//=?|>>=?|<<=?|->|:=|[!<>=+\-*/%&|^@]=|\.\.\.|[()\[\]{},:=.;@+*\-/%<>&|^~])"
    + rb"|(#[^\n]*+)"
    + rb"|(\Z|.))",
    re.DOTALL,
)
_STRING, _NAME, _NEWLINE, _NUMBER, _OPERATOR, _COMMENT = range(1, 7)
_FROM: Final = re.compile(
    rb"from"
    + _BLANK
    + rb"([. \t]*+(?:(?!import\b)[\w.\x80-\xff]*+)?)"
    + _BLANK
    + rb"import\b"
    + _BLANK
    + rb"(\((?>[^()#]|#[^\n]*+)*+\)|(?>[^\n;#\\]|\\\r?\n)*+)"
)
_IMPORT: Final = re.compile(rb"import\b((?>[^\n;#\\]|\\\r?\n)*+)")
_COMMENTS: Final = re.compile(rb"#[^\n]*+|\\\r?\n|[()]")
_CALLEE: Final = re.compile(rb"[\w.]+")
_QUOTES: Final = (b'"""', b"'''", b'"', b"'")
_F_TEXT: Final = {
    b'"': re.compile(rb'(?>[^"\\\n{]|\\.|\{\{)*+', re.DOTALL),
    b"'": re.compile(rb"(?>[^'\\\n{]|\\.|\{\{)*+", re.DOTALL),
    b'"""': re.compile(rb'(?>[^"\\{]|\\.|\{\{|"(?!""))*+', re.DOTALL),
    b"'''": re.compile(rb"(?>[^'\\{]|\\.|\{\{|'(?!''))*+", re.DOTALL),
}
_F_PLAIN: Final = re.compile(rb"[^\[\](){}'\":\n]*+")
_F_NESTED: Final = 4
"""Interpolated strings within each other."""
_F_INSIDE: Final = 2_000
"""Bytes of one interpolated expression: people write a name or a call."""
_NOT_IN_BRACKETS: Final = frozenset(
    b"def class import return raise try while assert del global nonlocal pass break continue except finally"
    b" with".split()
)
"""Statements; where one begins a line within brackets, these were never closed."""
_AFTER_A_NAME: Final = frozenset((b"=", b".", b",", b":", b";", b")", b""))
_CONVERSION: Final = re.compile(rb"(?:![rsa]|(?<![=!<>])=)[ \t]{0,9}\Z")
_PRECEDENCE: Final = {
    "lambda": 1,
    "if": 2,
    "else": 2,
    "or": 3,
    "and": 4,
    "not": 5,
    **dict.fromkeys(("in", "is", "<", ">", "<=", ">=", "==", "!=", "<>"), 6),
    **dict.fromkeys(("|", "^", "&", "<<", ">>"), 7),
    **dict.fromkeys(("+", "-"), 8),
    **dict.fromkeys(("*", "/", "//", "%", "@"), 9),
    "unary": 10,
    "**": 11,
    "await": 12,
}
_MARKS: Final = 100_000
"""Uses marked as conditional afterwards: conditional expressions within each other mark theirs again and again."""
_CONDITION: Final = 400
"""Bytes of a condition whose outcome may be known."""
_PARTS: Final = 64
"""Components of one dotted name."""
_MAX_ITEMS: Final = 20_000
"""Names of one import statement, items of one bracket."""


class _Frame:
    """An open bracket, or the statement itself."""

    __slots__ = (
        "annotated",
        "base",
        "comprehension",
        "context",
        "first_use",
        "items",
        "key",
        "kind",
        "lambdas",
        "loop",
        "node",
        "operands",
        "operators",
        "row",
        "start",
        "target",
        "walrus",
        "want",
    )

    def __init__(self, kind: str, start: int, context: int, first_use: int, node: int = 0) -> None:
        self.kind = kind
        self.start = start
        self.node = node
        self.base = self.context = context
        self.first_use = first_use
        self.operands: list[int] = []
        self.operators: list[tuple[int, str, int]] = []
        self.want = True
        """Whether an operand comes next."""
        self.items: list[int] = []
        self.key = 0
        """What stands before `=` or `:`."""
        self.lambdas: list[int] = []
        """For each lambda whose parameters are being read, how many operands there were."""
        self.comprehension = False
        self.loop = ""
        self.target = 0
        self.walrus = 0
        self.row: list[int] = []
        """Of `x = a, b`: what stands before the last comma."""
        self.annotated = False
        """Whether an annotation is being read."""


class _Block:
    """An open block, or the module."""

    __slots__ = ("attempt", "branch", "context", "indent", "inline")

    def __init__(self, indent: int, context: int) -> None:
        self.indent = indent
        self.context = context
        self.inline = False
        self.branch = REACHED
        """The last branch of an `if` in it: what follows by `elif` and `else` is reached where that is not taken."""
        self.attempt = -1
        """Of the last `try` in it."""


def parse(data: bytes, *, levels: int, tokens: int) -> PythonScript:
    """What a module imports, calls and spells out, and what decides when.

    Brackets and blocks below `levels` are passed over, and everything that follows so many `tokens`.
    """
    return _Parser(data, levels, tokens).run()


class _Parser:
    def __init__(self, data: bytes, levels: int, tokens: int) -> None:
        self._data = data
        self._left = tokens
        self._levels = levels
        self._kinds = ["other"]
        self._starts = [0]
        self._ends = [0]
        self._parts: list[list[int] | tuple[int, ...]] = [()]
        self._uses: list[PythonUse] = []
        self._contexts: dict[tuple[int, Execution, int, str], int] = {(-1, Execution.MODULE, 0, ""): 0}
        self._weak: dict[int, int] = {}
        self._dead: dict[int, int] = {}
        self._branches: list[Branch] = []
        self._functions: list[Function] = []
        self._tries = 0
        self._assignments: list[tuple[int, int]] = []
        self._loops: list[tuple[int, int]] = []
        self._calls: list[tuple[str, int]] = []
        self._too_deep = self._broken = False
        self._too_long = -1
        self._blocks = [_Block(-1, 0)]
        self._stack = [_Frame("line", 0, self._blocks[0].context, 0)]
        self._line_start = 0
        self._column = 0
        self._first = True
        """Whether a statement begins with the next word."""
        self._new_line = True
        """Whether a physical line does."""
        self._header = ""
        self._header_start = 0
        self._name = b""
        self._after_colon = False
        self._decorator = False
        self._dot = False
        self._skipped = 0
        """Brackets that are open beyond the deepest level."""
        self._nested = 0
        self._marked = 0

    def run(self) -> PythonScript:
        """Parse everything."""
        start = 3 if self._data.startswith(b"\xef\xbb\xbf") else 0
        self._line_start = start
        self._range(start, len(self._data))
        self._newline(len(self._data))
        while len(self._stack) > 1:
            self._broken = self._broken or self._too_long < 0
            self._close(len(self._data))
        self._end_statement()
        self._uses.sort(key=lambda use: (self._starts[use.node], -self._ends[use.node]))
        return PythonScript(
            text=self._data,
            kinds=tuple(self._kinds),
            starts=tuple(self._starts),
            ends=tuple(self._ends),
            parts=tuple(map(tuple, self._parts)),
            uses=tuple(self._uses),
            contexts=tuple(ExecutionContext(*context) for context in self._contexts),
            branches=tuple(self._branches),
            functions=tuple(self._functions),
            tries=self._tries,
            assignments=tuple(self._assignments),
            loops=tuple(self._loops),
            calls=tuple(self._calls),
            too_deep=self._too_deep,
            too_long=self._too_long,
            broken=self._broken,
        )

    def _node(self, kind: str, start: int, end: int, parts: list[int] | tuple[int, ...] = ()) -> int:
        """A further expression, which no other has a part in."""
        self._kinds.append(kind)
        self._starts.append(start)
        self._ends.append(end)
        self._parts.append(parts)
        return len(self._kinds) - 1

    def _context(self, around: int, execution: Execution, number: int = 0, name: str = "") -> int:
        """The execution context that differs so from the one around it; each stands once."""
        return self._contexts.setdefault((around, execution, number, name), len(self._contexts))

    def _sometimes(self, context: int) -> int:
        """The same behind a branch that nobody knows."""
        found = self._weak.get(context)
        if found is None:
            found = self._weak[context] = self._context(context, Execution.SOMETIMES)
            self._weak[found] = found
        return found

    def _never(self, context: int) -> int:
        """The same in an annotation."""
        found = self._dead.get(context)
        if found is None:
            found = self._dead[context] = self._context(context, Execution.NEVER)
            self._dead[found] = found
        return found

    def _range(self, at: int, end: int) -> None:
        match, data, left = _TOKEN.match, self._data, self._left
        while at < end:
            found = match(data, at, end)
            if found is None or found.end() == at:
                break
            left -= 1
            if left < 0:
                self._too_long = at if self._too_long < 0 else self._too_long
                break
            at = found.end()
            kind = found.lastindex
            if kind == _NAME:
                at = self._word(found[_NAME], found.start(_NAME), at)
            elif kind == _OPERATOR:
                self._operator(found[_OPERATOR], found.start(_OPERATOR), at)
            elif kind == _NEWLINE:
                self._newline(at)
            elif kind == _STRING:
                # Within a formatted one are further words.
                self._left = left
                at = self._string(found.start(_STRING), at, end)
                left = self._left
            elif kind == _NUMBER:
                self._begin(found.start(_NUMBER))
                self._operand(self._node("number", found.start(_NUMBER), at))
            elif kind != _COMMENT and found.start(7) < at:
                self._broken = True
        self._left = left

    # --- lines and blocks --------------------------------------------------------------------------------------------

    def _begin(self, start: int) -> None:
        """The first token of a statement closes the blocks that its column ends."""
        if self._new_line:
            self._new_line = False
            if len(self._stack) == 1 and not self._after_colon:
                indent = self._data[self._line_start : start]
                self._column = len(indent.expandtabs(8)) if b"\t" in indent else len(indent)
                blocks = self._blocks
                while self._column <= blocks[-1].indent:
                    blocks.pop()
                self._stack[0].base = self._stack[0].context = blocks[-1].context
        if self._after_colon:
            self._after_colon = False
            self._blocks[-1].inline = True
        self._first = False

    def _newline(self, at: int) -> None:
        self._line_start = at
        self._new_line = True
        if len(self._stack) > 1 or self._skipped:
            return
        if self._after_colon:
            self._after_colon = False
        else:
            self._end_statement()
            blocks = self._blocks
            while blocks[-1].inline:
                blocks.pop()
        self._first = True

    def _end_statement(self) -> None:
        frame = self._stack[0]
        # A header without its colon at the end of a line opens nothing.
        self._header = ""
        self._item(frame)
        if frame.annotated and len(frame.items) > 1:
            frame.items.pop()
        if frame.items and self._decorator:
            self._called(frame.items[0], frame.base)
        self._decorator = False
        self._assign(frame)
        self._restart(frame)

    def _restart(self, frame: _Frame) -> None:
        frame.base = frame.context = self._blocks[-1].context
        frame.items.clear()
        frame.row.clear()
        frame.comprehension, frame.annotated, frame.loop = False, False, ""
        frame.target = frame.walrus = frame.key = 0
        self._first = True

    def _assign(self, frame: _Frame) -> None:
        """`a = b = value`: the items of a statement are what stands between its signs."""
        if not frame.key or len(frame.items) < 2:
            return
        value = frame.items[-1]
        if frame.row:
            row = [*frame.row, value]
            value = self._node("tuple", self._starts[row[0]], self._ends[value], row)
        for target in frame.items[:-1][:8]:
            if self._kinds[target] in ("identifier", "attribute"):
                self._assignments.append((target, value))

    def _open_block(self, end: int) -> None:
        """At the colon of a header."""
        header, self._header = self._header, ""
        frame = self._stack[0]
        self._item(frame)
        around = self._blocks[-1]
        context = self._inside(header, around, self._data[self._header_start : end - 1])
        if len(self._blocks) > self._levels:
            self._too_deep = True
        else:
            self._blocks.append(_Block(self._column, context))
        self._after_colon = True
        self._restart(frame)

    def _inside(self, header: str, around: _Block, head: bytes) -> int:
        """The execution context of a block."""
        context = around.context
        match header:
            case "if":
                return self._branch(around, REACHED, _condition(head))
            case "elif":
                return self._branch(around, around.branch, _condition(head))
            case "else":
                return self._branch(around, around.branch, None)
            case "try":
                around.attempt, around.branch = self._tries, PERHAPS
                self._tries += 1
                return self._context(context, Execution.TRY, around.attempt)
            case "except":
                return self._handler(context, around.attempt, head)
            case "for" | "while" | "case":
                around.branch = PERHAPS if header != "case" else around.branch
                return self._sometimes(context)
            case "with" if b"suppress" in head[:400]:
                return self._sometimes(context)
            case "def":
                return self._function(context, self._name.decode("utf-8", "replace"))
            case "class":
                return self._context(context, Execution.CLASS, name=self._name.decode("utf-8", "replace"))
            case _:
                return context

    def _branch(self, around: _Block, before: int, test: str | None) -> int:
        around.branch = self._tested(before, test)
        return self._context(around.context, Execution.BRANCH, around.branch)

    def _tested(self, before: int, test: str | None) -> int:
        self._branches.append(Branch(before, test))
        return len(self._branches) - 1

    def _handler(self, context: int, attempt: int, head: bytes) -> int:
        """A handler of nothing but import errors is dead where everything that is imported was found."""
        text = head[:400].decode("utf-8", "replace").partition(" as ")[0]
        names = set(re.findall(r"[A-Za-z_]\w*", text))
        only = names <= EXCEPTIONS_OF_IMPORTS and names & {"ImportError", "ModuleNotFoundError"}
        if only and attempt >= 0:
            return self._context(context, Execution.HANDLER, attempt)
        return self._sometimes(context)

    def _function(self, context: int, name: str) -> int:
        self._functions.append(Function(name, context))
        return self._context(context, Execution.FUNCTION, len(self._functions) - 1)

    # --- words -------------------------------------------------------------------------------------------------------

    def _word(self, word: bytes, start: int, end: int) -> int:
        if self._new_line and len(self._stack) > 1 and word in _NOT_IN_BRACKETS and not self._nested:
            self._recover()
        if self._skipped:
            return end
        if self._first and len(self._stack) == 1:
            self._begin(start)
            handler = _STATEMENTS.get(word) if word[:5] != b"from." else _Parser._from
            if handler is not None:
                return handler(self, word, start, end)
        elif self._new_line:
            self._new_line = False
        if self._after_colon:
            self._begin(start)
        operator = _WORDS.get(word)
        if operator is not None:
            operator(self, start)
            return end
        self._named(word, start, end)
        return end

    def _named(self, word: bytes, start: int, end: int) -> None:
        frame = self._stack[-1]
        if self._dot:
            self._dot = False
            if frame.operands:
                frame.operands[-1] = self._attributes(frame.operands[-1], word, start)
            return
        if self._header in ("def", "class") and not self._name and frame.kind == "line":
            self._name = word
            return
        if b"." not in word:
            self._operand(self._node("identifier", start, end))
            return
        head, _, rest = word.partition(b".")
        self._operand(self._attributes(self._node("identifier", start, start + len(head)), rest, start + len(head) + 1))

    def _attributes(self, primary: int, word: bytes, start: int) -> int:
        if word.count(b".") > _PARTS:
            return self._node("other", self._starts[primary], start + len(word))
        for part in word.split(b"."):
            name = self._node("identifier", start, start + len(part))
            primary = self._node("attribute", self._starts[primary], self._ends[name], (primary, name))
            start += len(part) + 1
        return primary

    def _recover(self) -> None:
        """Brackets that were never closed: the statement is over."""
        self._broken = True
        self._skipped = 0
        while len(self._stack) > 1:
            self._close(self._line_start)
        self._end_statement()

    def _compound(self, word: bytes, _start: int, end: int) -> int:
        self._header = word.decode()
        self._header_start = end
        self._name = b""
        if word == b"for":
            self._stack[0].loop = "target"
        if word == b"elif" and self._blocks[-1].branch >= 0:
            frame = self._stack[0]
            frame.base = frame.context = self._context(frame.base, Execution.TEST, self._blocks[-1].branch)
        return end

    def _soft(self, word: bytes, start: int, end: int) -> int:
        """`match` and `case` begin a block only where the line says so; else they are names."""
        line = self._data[end : end + 1_000].partition(b"\n")[0].lstrip(b" \t")
        if line[:1] not in _AFTER_A_NAME and b":" in line:
            return self._compound(word, start, end)
        self._named(word, start, end)
        return end

    def _async(self, _word: bytes, _start: int, end: int) -> int:
        self._first = True
        return end

    def _pass(self, _word: bytes, _start: int, end: int) -> int:
        """`return`, `raise` and the like stand before an expression and change nothing."""
        return end

    def _from(self, _word: bytes, start: int, end: int) -> int:
        found = _FROM.match(self._data, start)
        if found is None:
            self._broken = True
            return end
        module = b"".join(found[1].split()).decode("utf-8", "surrogateescape")
        self._imports(start, found.end(), "import_from_statement", found[2], module)
        return found.end()

    def _import(self, _word: bytes, start: int, end: int) -> int:
        found = _IMPORT.match(self._data, start)
        if found is None:
            self._broken = True
            return end
        self._imports(start, found.end(), "import_statement", found[1], "")
        return found.end()

    def _imports(self, start: int, end: int, type_: str, names: bytes, module: str) -> None:
        pairs: list[tuple[str, str]] = []
        for part in _COMMENTS.sub(b" ", names).split(b",")[:_MAX_ITEMS]:
            words = part.decode("utf-8", "surrogateescape").split()
            if not words:
                continue
            if len(words) > 2 and words[-2] == "as":
                pairs.append(("".join(words[:-2]), words[-1]))
            else:
                pairs.append(("".join(words) if type_ == "import_statement" else words[0], ""))
        use = PythonUse("import", self._node(type_, start, end), self._stack[0].context, module, tuple(pairs))
        self._uses.append(use)

    # --- operands and operators --------------------------------------------------------------------------------------

    def _operand(self, node: int) -> None:
        frame = self._stack[-1]
        if self._skipped or frame.lambdas:
            return
        if not frame.want and frame.operands:
            last = frame.operands[-1]
            if self._kinds[node] == "string" and self._kinds[last] in ("string", "concatenated_string"):
                frame.operands[-1] = self._extended("concatenated_string", last, node)
                return
            # Two operands side by side: `print "x"`, a soft keyword, or broken text. The first is over.
            self._end(frame)
        frame.operands.append(node)
        frame.want = False

    def _operator(self, sign: bytes, start: int, end: int) -> None:
        if self._skipped:
            self._skipped += (sign in b"([{") - (sign in b")]}")
            return
        if self._first or self._after_colon:
            if self._first and len(self._stack) == 1 and not self._after_colon and sign == b";":
                return
            self._begin(start)
            if sign == b"@":
                self._decorator = True
                return
        self._new_line = self._new_line and len(self._stack) > 1 and sign in b")]}"
        handler = _SIGNS.get(sign)
        if handler is not None:
            handler(self, start, end)
        elif sign.endswith(b"=") and sign not in (b"==", b"!=", b"<=", b">="):
            self._equals(start, end)
        else:
            self._binary(sign.decode(), start)

    def _binary(self, sign: str, start: int) -> None:
        frame = self._stack[-1]
        if frame.lambdas:
            return
        if frame.want:
            frame.operators.append((_PRECEDENCE["unary"], "unary", start))
            return
        self._push(frame, _PRECEDENCE.get(sign, 7), sign, start)

    def _push(self, frame: _Frame, precedence: int, sign: str, start: int) -> None:
        right = sign in ("**", "else")
        while frame.operators and (
            frame.operators[-1][0] > precedence or (frame.operators[-1][0] == precedence and not right)
        ):
            self._reduce(frame)
        frame.operators.append((precedence, sign, start))
        frame.want = True

    def _reduce(self, frame: _Frame) -> None:
        _, sign, start = frame.operators.pop()
        operands = frame.operands
        if not operands:
            return
        right = operands.pop()
        if sign == "await":
            operands.append(right)
        elif sign in ("unary", "not", "lambda"):
            operands.append(self._node("other", start, self._ends[right]))
        elif not operands:
            operands.append(right)
        elif sign == "else":
            condition = operands.pop()
            if frame.operators and frame.operators[-1][1] == "if":
                frame.operators.pop()
            first = operands.pop() if operands else condition
            parts = (first, condition, right)
            operands.append(self._node("conditional_expression", self._starts[first], self._ends[right], parts))
        else:
            operands.append(self._joined(operands.pop(), sign, right))

    def _joined(self, left: int, sign: str, right: int) -> int:
        if sign in BINARY:
            return self._node(sign, self._starts[left], self._ends[right], (left, right))
        if sign in ("or", "and"):
            return self._extended(sign, left, right)
        return self._node("other", self._starts[left], self._ends[right])

    def _extended(self, kind: str, left: int, right: int) -> int:
        """`a or b or c` and `"a" "b" "c"` have one list of operands, however many there are."""
        parts = self._parts[left]
        if self._kinds[left] != kind or not isinstance(parts, list):
            return self._node(kind, self._starts[left], self._ends[right], [left, right])
        parts.append(right)
        self._ends[left] = self._ends[right]
        return left

    def _end(self, frame: _Frame) -> int:
        """The expression that ends here, 0 for none; the next one begins."""
        while frame.operators:
            self._reduce(frame)
        operands = frame.operands
        node = operands[-1] if operands else 0
        if operands:
            operands.clear()
        if frame.lambdas:
            frame.lambdas.clear()
        frame.want = True
        if self._kinds[node] in BINARY:
            self._uses.append(PythonUse("path", node, frame.context))
        frame.context = frame.base
        frame.first_use = len(self._uses)
        return node

    def _item(self, frame: _Frame) -> None:
        """What ends here belongs to the bracket or statement."""
        node = self._end(frame)
        if not (frame.walrus or frame.target or frame.loop or frame.comprehension or frame.key):
            if node and len(frame.items) < _MAX_ITEMS:
                frame.items.append(node)
            return
        if frame.walrus and node:
            self._assignments.append((frame.walrus, node))
            frame.walrus = 0
        if frame.target and not frame.loop:
            # `with value as name`.
            if node:
                self._assignments.append((node, frame.target))
            frame.target = 0
            return
        if frame.loop == "iterable":
            if frame.target and node:
                self._loops.append((frame.target, node))
            frame.loop, frame.target = "", 0
            return
        if frame.comprehension or not node:
            frame.key = 0 if frame.kind != "line" else frame.key
            return
        if frame.key and frame.kind in ("call", "brace", "params"):
            node = self._keyed(frame, frame.key, node)
            frame.key = 0
        if len(frame.items) < _MAX_ITEMS:
            frame.items.append(node)

    def _keyed(self, frame: _Frame, key: int, value: int) -> int:
        start, end = self._starts[key], self._ends[value]
        if frame.kind == "brace":
            return self._node("pair", start, end, (key, value))
        if frame.kind == "params":
            self._assignments.append((key, value))
            return value
        node = self._node("keyword_argument", start, end, (key, value))
        if self._kinds[value] == "string":
            self._uses.append(PythonUse("keyword", node, frame.base))
        return node

    # --- words that are operators ------------------------------------------------------------------------------------

    def _boolean(self, sign: str, start: int) -> None:
        frame = self._stack[-1]
        if frame.want or frame.lambdas:
            return
        self._push(frame, _PRECEDENCE[sign], sign, start)
        frame.context = self._sometimes(frame.context)

    def _compare(self, start: int) -> None:
        frame = self._stack[-1]
        if frame.loop == "target":
            frame.target = self._end(frame)
            frame.loop = "iterable"
        elif not frame.want:
            self._push(frame, _PRECEDENCE["in"], "in", start)

    def _not(self, start: int) -> None:
        frame = self._stack[-1]
        if frame.want and not frame.lambdas:
            frame.operators.append((_PRECEDENCE["not"], "not", start))

    def _prefix(self, start: int) -> None:
        frame = self._stack[-1]
        if frame.want:
            frame.operators.append((_PRECEDENCE["await"], "await", start))

    def _if(self, start: int) -> None:
        frame = self._stack[-1]
        if frame.comprehension:
            self._item(frame)
        elif not frame.want:
            self._push(frame, _PRECEDENCE["if"], "if", start)
            frame.context = frame.base

    def _else(self, start: int) -> None:
        """`A if C else B`: now it is known when A is evaluated."""
        frame = self._stack[-1]
        if frame.want or not any(sign == "if" for _, sign, _ in frame.operators[-4:]):
            return
        while frame.operators and frame.operators[-1][1] != "if":
            self._reduce(frame)
        begun = frame.operators[-1][2] if frame.operators else start
        branch = self._tested(REACHED, _condition(self._data[begun + 2 : start]))
        self._mark(frame.first_use, begun, branch)
        frame.first_use = len(self._uses)
        frame.operators.append((_PRECEDENCE["else"], "else", start))
        frame.want = True
        frame.context = self._context(frame.base, Execution.BRANCH, self._tested(branch, None))

    def _mark(self, first: int, end: int, branch: int) -> None:
        """What was seen since then and stands before this offset happens in this branch."""
        self._marked += len(self._uses) - first
        if self._marked > _MARKS:
            self._too_deep = True
            return
        for index in range(first, len(self._uses)):
            use = self._uses[index]
            if self._starts[use.node] < end:
                context = self._context(use.context, Execution.BRANCH, branch)
                self._uses[index] = PythonUse(use.kind, use.node, context, use.module, use.names)

    def _for(self, _start: int) -> None:
        frame = self._stack[-1]
        if frame.kind == "line":
            return
        self._item(frame)
        frame.comprehension, frame.loop = True, "target"

    def _lambda(self, start: int) -> None:
        frame = self._stack[-1]
        if frame.want and not frame.lambdas:
            frame.operators.append((_PRECEDENCE["lambda"], "lambda", start))
            frame.lambdas.append(len(frame.operands))

    def _as(self, _start: int) -> None:
        """`with open(x) as f`, `except E as e`: the name stands for what is before it."""
        frame = self._stack[-1]
        node = self._end(frame)
        if node and frame.kind in ("line", "group"):
            frame.target = node

    # --- signs -------------------------------------------------------------------------------------------------------

    def _open_round(self, start: int, _end: int) -> None:
        frame = self._stack[-1]
        if not frame.want and frame.operands and not frame.lambdas:
            primary = frame.operands[-1]
            call = self._node("call", self._starts[primary], start + 1, (primary,))
            frame.operands[-1] = call
            self._uses.append(PythonUse("call", call, frame.context))
            self._called(primary, frame.context)
            self._open("call", start, call)
        elif self._header == "def" and frame.kind == "line":
            self._open("params", start)
        else:
            self._open("group", start)

    def _called(self, function: int, context: int) -> None:
        if self._ends[function] - self._starts[function] <= 100:
            text = self._data[self._starts[function] : self._ends[function]]
            if _CALLEE.fullmatch(text):
                self._calls.append((text.decode("utf-8", "surrogateescape"), context))

    def _open_square(self, start: int, _end: int) -> None:
        frame = self._stack[-1]
        if not frame.want and frame.operands and not frame.lambdas:
            primary = frame.operands[-1]
            node = self._node("subscript", self._starts[primary], start + 1, (primary,))
            frame.operands[-1] = node
            self._open("index", start, node)
        else:
            self._open("list", start)

    def _open_brace(self, start: int, _end: int) -> None:
        self._open("brace", start)

    def _open(self, kind: str, start: int, node: int = 0) -> None:
        if len(self._stack) > self._levels:
            self._too_deep = True
            self._skipped = 1
            return
        self._stack.append(_Frame(kind, start, self._stack[-1].context, len(self._uses), node))

    def _close_bracket(self, _start: int, end: int) -> None:
        if len(self._stack) > (2 if self._nested else 1):
            self._close(end)
        else:
            self._broken = True

    def _close(self, end: int) -> None:
        frame = self._stack[-1]
        trailing = not frame.operands and bool(frame.items)
        self._item(frame)
        self._stack.pop()
        outer = self._stack[-1]
        if frame.node:
            self._ends[frame.node] = end
            primary = self._parts[frame.node][0]
            if frame.kind == "call":
                self._parts[frame.node] = (primary, self._node("argument_list", frame.start, end, frame.items))
            elif frame.items:
                self._parts[frame.node] = (primary, frame.items[0])
            return
        if frame.kind == "params" or outer.lambdas:
            return
        if not outer.want:
            self._end(outer)
        outer.operands.append(self._bracketed(frame, end, trailing=trailing))
        outer.want = False

    def _bracketed(self, frame: _Frame, end: int, *, trailing: bool) -> int:
        start, items = frame.start, frame.items
        match frame.kind:
            case "group":
                single = len(items) == 1 and not trailing and not frame.comprehension
                kind = "parenthesized_expression" if single else "tuple"
            case "list":
                kind = "list"
            case "brace":
                kind = "dictionary" if not items or any(self._kinds[one] == "pair" for one in items[:4]) else "set"
            case _:
                kind = "other"
        return self._node(kind, start, end, items)

    def _comma(self, _start: int, _end: int) -> None:
        frame = self._stack[-1]
        if frame.lambdas or frame.loop == "target":
            frame.want = True
            return
        if frame.kind == "line" and frame.key:
            node = self._end(frame)
            if node and len(frame.row) < _MAX_ITEMS:
                frame.row.append(node)
            return
        self._item(frame)
        if frame.kind == "params":
            frame.base = frame.context = self._stack[0].base

    def _colon(self, _start: int, end: int) -> None:
        frame = self._stack[-1]
        if frame.lambdas:
            del frame.operands[frame.lambdas.pop() :]
            frame.want = True
            frame.context = self._function(frame.context, "")
            return
        match frame.kind:
            case "line" if self._header:
                self._open_block(end)
            case "line":
                self._annotation(frame, end)
            case "brace":
                frame.key = self._end(frame)
            case "params":
                frame.key = self._end(frame)
                frame.base = frame.context = self._never(frame.base)
            case _:
                self._item(frame)

    def _annotation(self, frame: _Frame, end: int) -> None:
        """`x: T = value`, or the colon of a block that we know nothing of, told by the end of the line."""
        rest = self._data[end : end + 200]
        if rest.lstrip(b" \t").startswith((b"\n", b"\r\n", b"#")) or not rest.strip():
            self._header = "other"
            self._header_start = end
            self._open_block(end)
            return
        self._item(frame)
        frame.key = frame.items[-1] if frame.items else 0
        frame.base = frame.context = self._never(frame.base)
        frame.annotated = True

    def _equals(self, _start: int, _end: int) -> None:
        frame = self._stack[-1]
        if frame.lambdas:
            return
        match frame.kind:
            case "line":
                if frame.annotated:
                    self._end(frame)
                    frame.annotated = False
                else:
                    self._item(frame)
                frame.base = frame.context = self._blocks[-1].context
                frame.key = frame.items[-1] if frame.items else frame.key
            case "call":
                frame.key = self._end(frame)
            case "params":
                annotation = self._end(frame)
                frame.key = frame.key or annotation
                frame.base = frame.context = self._stack[0].base
            case _:
                self._end(frame)

    def _walrus(self, _start: int, _end: int) -> None:
        """`name := value`: the name, and then the expression goes on with the value."""
        frame = self._stack[-1]
        frame.walrus = self._end(frame) or frame.walrus

    def _full_stop(self, _start: int, _end: int) -> None:
        self._dot = not self._stack[-1].want

    def _ellipsis(self, start: int, end: int) -> None:
        self._operand(self._node("other", start, end))

    def _arrow(self, _start: int, _end: int) -> None:
        frame = self._stack[-1]
        self._end(frame)
        frame.base = frame.context = self._never(frame.base)

    def _semicolon(self, _start: int, _end: int) -> None:
        if len(self._stack) == 1:
            self._end_statement()

    def _star(self, start: int, _end: int) -> None:
        frame = self._stack[-1]
        if not frame.want:
            self._binary("*", start)
        elif not frame.lambdas:
            frame.operators.append((_PRECEDENCE["unary"], "unary", start))

    # --- strings -----------------------------------------------------------------------------------------------------

    def _string(self, start: int, end: int, limit: int) -> int:
        if self._first or self._after_colon:
            self._begin(start)
        self._new_line = False
        node = self._node("string", start, end)
        prefix = self._data[start : start + 2].lower()
        formatted = prefix[:1] in (b"f", b"t") or prefix in (b"rf", b"rt")
        if formatted and not self._skipped and self._data.find(b"{", start, end) >= 0:
            end = self._formatted(node, limit)
            self._ends[node] = end
        context = self._stack[-1].context
        self._operand(node)
        if not self._skipped:
            self._uses.append(PythonUse("string", node, context))
        return end

    def _formatted(self, node: int, limit: int) -> int:
        """The parts of an interpolated string. Since 3.12 its expressions may hold its own quotes (PEP 701)."""
        data = self._data
        at = self._starts[node]
        while data[at] not in b"\"'":
            at += 1
        quote = next(one for one in _QUOTES if data.startswith(one, at))
        if len(quote) == 3 and self._ends[node] - at < 6:
            return self._ends[node]
        at += len(quote)
        parts: list[int] = []
        self._parts[node] = parts
        while at < limit:
            found = _F_TEXT[quote].match(data, at, limit)
            text_end = found.end() if found is not None else at
            if text_end > at:
                parts.append(self._node("string_content", at, text_end))
            at = text_end
            if data.startswith(quote, at):
                return at + len(quote)
            if at >= limit or data[at : at + 1] != b"{":
                return max(at, self._starts[node] + 1)
            at = self._interpolated(parts, at, limit, single=len(quote) == 1)
        return limit

    def _interpolated(self, parts: list[int], start: int, limit: int, *, single: bool) -> int:
        """One `{expression!r:format}`; gives the place behind it."""
        data, depth, at, colon = self._data, 0, start, 0
        while at < limit:
            found = _F_PLAIN.match(data, at, limit)
            at = found.end() if found is not None else at
            sign = data[at : at + 1]
            if not sign or (sign == b"\n" and single):
                # It was never closed.
                parts.append(self._node("interpolation", start, at))
                return at
            if sign in b"([{":
                depth += 1
            elif sign in b")]}":
                depth -= 1
                if depth <= 0:
                    break
            elif sign == b":" and depth == 1:
                colon = colon or at
            elif sign in b"\"'" and not colon:
                inner = _TOKEN.match(data, at, limit)
                at = inner.end() if inner is not None and inner.end() > at else at + 1
                continue
            at += 1
        end = colon or at
        if found := _CONVERSION.search(data, start + 1, end):
            end = found.start()
        expression = self._expression(start + 1, end) if end - start <= _F_INSIDE else 0
        parts.append(self._node("interpolation", start, at + 1, (expression,) if expression else ()))
        return at + 1

    def _expression(self, start: int, end: int) -> int:
        if self._nested >= _F_NESTED:
            return 0
        self._nested += 1
        stack, state = self._stack, (self._new_line, self._line_start, self._dot)
        frame = _Frame("field", start, stack[-1].context, len(self._uses))
        # Two frames, so that the expression never looks like a statement.
        self._stack, self._new_line, self._dot = [_Frame("field", start, frame.base, 0), frame], False, False
        self._range(start, end)
        while len(self._stack) > 2:
            self._close(end)
        items = frame.items
        node = self._end(frame)
        self._stack = stack
        self._new_line, self._line_start, self._dot = state
        self._skipped = 0
        self._nested -= 1
        return items[0] if items else node


def _condition(head: bytes) -> str:
    """The text of a condition, empty where it is longer than any whose outcome is known."""
    return head.decode("utf-8", "replace") if len(head) <= _CONDITION else ""


def _spelled(sign: str) -> Callable[[_Parser, int], None]:
    return lambda parser, start: parser._boolean(sign, start)  # noqa: SLF001  its own table


_STATEMENTS: Final[dict[bytes, Callable[[_Parser, bytes, int, int], int]]] = {
    **dict.fromkeys(
        b"if elif else for while try except finally with def class".split(),
        _Parser._compound,  # noqa: SLF001
    ),
    b"async": _Parser._async,  # noqa: SLF001
    b"match": _Parser._soft,  # noqa: SLF001
    b"case": _Parser._soft,  # noqa: SLF001
    b"import": _Parser._import,  # noqa: SLF001
    b"from": _Parser._from,  # noqa: SLF001
    **dict.fromkeys(b"return raise assert del global nonlocal pass break continue".split(), _Parser._pass),  # noqa: SLF001
}
_WORDS: Final[dict[bytes, Callable[[_Parser, int], None]]] = {
    b"or": _spelled("or"),
    b"and": _spelled("and"),
    b"not": _Parser._not,  # noqa: SLF001
    b"in": _Parser._compare,  # noqa: SLF001
    b"is": _Parser._compare,  # noqa: SLF001
    b"await": _Parser._prefix,  # noqa: SLF001
    b"yield": _Parser._prefix,  # noqa: SLF001
    b"from": lambda _parser, _start: None,
    b"async": lambda _parser, _start: None,
    b"if": _Parser._if,  # noqa: SLF001
    b"else": _Parser._else,  # noqa: SLF001
    b"for": _Parser._for,  # noqa: SLF001
    b"lambda": _Parser._lambda,  # noqa: SLF001
    b"as": _Parser._as,  # noqa: SLF001
}
_SIGNS: Final[dict[bytes, Callable[[_Parser, int, int], None]]] = {
    b"(": _Parser._open_round,  # noqa: SLF001
    b"[": _Parser._open_square,  # noqa: SLF001
    b"{": _Parser._open_brace,  # noqa: SLF001
    **dict.fromkeys((b")", b"]", b"}"), _Parser._close_bracket),  # noqa: SLF001
    b",": _Parser._comma,  # noqa: SLF001
    b":": _Parser._colon,  # noqa: SLF001
    b"=": _Parser._equals,  # noqa: SLF001
    b":=": _Parser._walrus,  # noqa: SLF001
    b".": _Parser._full_stop,  # noqa: SLF001
    b"...": _Parser._ellipsis,  # noqa: SLF001
    b"->": _Parser._arrow,  # noqa: SLF001
    b";": _Parser._semicolon,  # noqa: SLF001
    b"*": _Parser._star,  # noqa: SLF001
    b"**": _Parser._star,  # noqa: SLF001
}
