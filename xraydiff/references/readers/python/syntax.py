r"""How Python text becomes the constructs that ask for something: a tolerant parser that takes each byte once.

Hostile text makes general parsers slow: a grammar that repairs errors takes 16 seconds for 20 KB of `%*case `, and
the host's own refuses what is newer than itself. This one repairs nothing: what it does not understand it passes over,
so it takes time and memory in proportion to the text, whatever the text. It keeps the shape of expressions (calls,
attributes, strings, operators, brackets) and of blocks, and drops everything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from xraydiff.references.readers.python.conditions import Known, verdict
from xraydiff.references.readers.python.nodes import Syntax
from xraydiff.references.readers.python.places import Attempt, Function, Place, Script, Use
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
_KEPT: Final = frozenset({"+", "/", "%"})
_MARKS: Final = 1_000_000
"""Uses marked as conditional afterwards: conditional expressions within each other mark theirs again and again."""
_PARTS: Final = 64
"""Components of one dotted name."""
_MANY: Final = 20_000
"""Names of one import statement, items of one bracket."""


class _Frame:
    """An open bracket, or the statement itself."""

    __slots__ = (
        "annotated",
        "base",
        "comprehension",
        "first_use",
        "items",
        "key",
        "kind",
        "lambdas",
        "loop",
        "node",
        "operands",
        "operators",
        "place",
        "row",
        "start",
        "target",
        "walrus",
        "want",
    )

    def __init__(self, kind: str, start: int, place: Place, first_use: int, node: Syntax | None = None) -> None:
        self.kind = kind
        self.start = start
        self.node = node
        self.base = self.place = place
        self.first_use = first_use
        self.operands: list[Syntax] = []
        self.operators: list[tuple[int, str, int]] = []
        self.want = True
        """Whether an operand comes next."""
        self.items: list[Syntax] = []
        self.key: Syntax | None = None
        """What stands before `=` or `:`."""
        self.lambdas: list[int] = []
        """For each lambda whose parameters are being read, how many operands there were."""
        self.comprehension = False
        self.loop = ""
        self.target: Syntax | None = None
        self.walrus: Syntax | None = None
        self.row: list[Syntax] = []
        """Of `x = a, b`: what stands before the last comma."""
        self.annotated = False
        """Whether an annotation is being read."""


class _Block:
    """An open block, or the module."""

    __slots__ = ("attempt", "branch", "indent", "inline", "place")

    def __init__(self, indent: int, place: Place) -> None:
        self.indent = indent
        self.place = place
        self.inline = False
        self.branch: bool | None = True
        """Of the last `if` in it: whether what follows by `elif` and `else` may be reached."""
        self.attempt: Attempt | None = None
        """Of the last `try` in it."""


def parse(data: bytes, known: Known, *, levels: int, tokens: int) -> Script:
    """What a module imports, calls and spells out, and when.

    Brackets and blocks below `levels` are passed over, and everything that follows so many `tokens`.
    """
    return _Parser(data, known, levels, tokens).run()


class _Parser:
    def __init__(self, data: bytes, known: Known, levels: int, tokens: int) -> None:
        self._data = data
        self._left = tokens
        self._known = known
        self._levels = levels
        self.script = Script()
        self._uses = self.script.uses
        self._blocks = [_Block(-1, Place())]
        self._stack = [_Frame("line", 0, self._blocks[0].place, 0)]
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

    def run(self) -> Script:
        """Parse everything."""
        start = 3 if self._data.startswith(b"\xef\xbb\xbf") else 0
        self._line_start = start
        self._range(start, len(self._data))
        self._newline(len(self._data))
        while len(self._stack) > 1:
            self.script.broken = self.script.broken or self.script.too_long < 0
            self._close(len(self._data))
        self._end_statement()
        self._uses.sort(key=lambda use: (use.node.start_byte, -use.node.end_byte))
        return self.script

    def _range(self, at: int, end: int) -> None:
        match, data, left = _TOKEN.match, self._data, self._left
        while at < end:
            found = match(data, at, end)
            if found is None or found.end() == at:
                break
            left -= 1
            if left < 0:
                self.script.too_long = at if self.script.too_long < 0 else self.script.too_long
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
                self._operand(Syntax("number", found.start(_NUMBER), at))
            elif kind != _COMMENT and found.start(7) < at:
                self.script.broken = True
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
                self._stack[0].base = self._stack[0].place = blocks[-1].place
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
        frame.base = frame.place = self._blocks[-1].place
        frame.items.clear()
        frame.row.clear()
        frame.comprehension, frame.annotated, frame.loop = False, False, ""
        frame.target = frame.walrus = frame.key = None
        self._first = True

    def _assign(self, frame: _Frame) -> None:
        """`a = b = value`: the items of a statement are what stands between its signs."""
        if frame.key is None or len(frame.items) < 2:
            return
        value = frame.items[-1]
        if frame.row:
            row = [*frame.row, value]
            value = Syntax("tuple", row[0].start_byte, value.end_byte, None, row)
        for target in frame.items[:-1][:8]:
            if target.type in ("identifier", "attribute"):
                self.script.assignments.append((target, value))

    def _open_block(self, end: int) -> None:
        """At the colon of a header."""
        header, self._header = self._header, ""
        frame = self._stack[0]
        self._item(frame)
        around = self._blocks[-1]
        place = self._inside(header, around, self._data[self._header_start : end - 1])
        if len(self._blocks) > self._levels:
            self.script.too_deep = True
        else:
            self._blocks.append(_Block(self._column, place))
        self._after_colon = True
        self._restart(frame)

    def _inside(self, header: str, around: _Block, head: bytes) -> Place:
        place = around.place
        match header:
            case "if" | "elif":
                reached = True if header == "if" else around.branch
                held = verdict(head.decode("utf-8", "replace"), self._known) if len(head) <= 400 else None
                around.branch = False if reached is False or held is True else reached if held is False else None
                return self._branch(place, reached, held=held)
            case "else":
                reached, around.branch = around.branch, False
                return self._branch(place, reached, held=True)
            case "try":
                around.attempt, around.branch = Attempt(), None
                return place.within(attempt=around.attempt)
            case "except":
                return self._handler(place, around.attempt, head)
            case "for" | "while":
                around.branch = None
                return place.weaker()
            case "case":
                return place.weaker()
            case "with" if b"suppress" in head[:400]:
                return place.weaker()
            case "def":
                return self._function(place, self._name.decode("utf-8", "replace"))
            case "class":
                return place.in_body_of(self._name.decode("utf-8", "replace"))
            case _:
                return place

    def _branch(self, place: Place, reached: bool | None, *, held: bool | None) -> Place:  # noqa: FBT001  three values
        if reached is False or held is False:
            return place.never()
        return place if reached and held else place.weaker()

    @staticmethod
    def _handler(place: Place, attempt: Attempt | None, head: bytes) -> Place:
        """A handler of nothing but import errors is dead where everything that is imported was found."""
        text = head[:400].decode("utf-8", "replace").partition(" as ")[0]
        names = set(re.findall(r"[A-Za-z_]\w*", text))
        only = names <= EXCEPTIONS_OF_IMPORTS and names & {"ImportError", "ModuleNotFoundError"}
        return place.handling(attempt) if only and attempt is not None else place.weaker()

    def _function(self, place: Place, name: str) -> Place:
        functions = self.script.functions
        functions.append(Function(name, place.owner if place.in_class else "", place))
        return place.of_function(len(functions) - 1)

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
            self._operand(Syntax("identifier", start, end))
            return
        head, _, rest = word.partition(b".")
        self._operand(self._attributes(Syntax("identifier", start, start + len(head)), rest, start + len(head) + 1))

    @staticmethod
    def _attributes(held: Syntax, word: bytes, start: int) -> Syntax:
        if word.count(b".") > _PARTS:
            return Syntax("other", held.start_byte, start + len(word))
        for part in word.split(b"."):
            name = Syntax("identifier", start, start + len(part))
            held = Syntax("attribute", held.start_byte, name.end_byte, {"object": held, "attribute": name})
            start += len(part) + 1
        return held

    def _recover(self) -> None:
        """Brackets that were never closed: the statement is over."""
        self.script.broken = True
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
        if word == b"elif" and self._blocks[-1].branch is False:
            self._stack[0].base = self._stack[0].place = self._stack[0].base.never()
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
            self.script.broken = True
            return end
        module = b"".join(found[1].split()).decode("utf-8", "surrogateescape")
        self._imports(start, found.end(), "import_from_statement", found[2], module)
        return found.end()

    def _import(self, _word: bytes, start: int, end: int) -> int:
        found = _IMPORT.match(self._data, start)
        if found is None:
            self.script.broken = True
            return end
        self._imports(start, found.end(), "import_statement", found[1], "")
        return found.end()

    def _imports(self, start: int, end: int, type_: str, names: bytes, module: str) -> None:
        pairs: list[tuple[str, str]] = []
        for part in _COMMENTS.sub(b" ", names).split(b",")[:_MANY]:
            words = part.decode("utf-8", "surrogateescape").split()
            if not words:
                continue
            if len(words) > 2 and words[-2] == "as":
                pairs.append(("".join(words[:-2]), words[-1]))
            else:
                pairs.append(("".join(words) if type_ == "import_statement" else words[0], ""))
        use = Use(Syntax(type_, start, end), self._stack[0].place, "import", module, tuple(pairs))
        self._uses.append(use)

    # --- operands and operators --------------------------------------------------------------------------------------

    def _operand(self, node: Syntax) -> None:
        frame = self._stack[-1]
        if self._skipped or frame.lambdas:
            return
        if not frame.want and frame.operands:
            last = frame.operands[-1]
            if node.type == "string" and last.type in ("string", "concatenated_string"):
                children = [last] if last.type == "string" else last.children or []
                children.append(node)
                frame.operands[-1] = Syntax("concatenated_string", last.start_byte, node.end_byte, None, children)
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
            operands.append(Syntax("other", start, right.end_byte))
        elif not operands:
            operands.append(right)
        elif sign == "else":
            condition = operands.pop()
            if frame.operators and frame.operators[-1][1] == "if":
                frame.operators.pop()
            first = operands.pop() if operands else condition
            node = Syntax("conditional_expression", first.start_byte, right.end_byte, None, [first, condition, right])
            operands.append(node)
        else:
            operands.append(_joined(operands.pop(), sign, right))

    def _end(self, frame: _Frame) -> Syntax | None:
        """The expression that ends here; the next one begins."""
        while frame.operators:
            self._reduce(frame)
        operands = frame.operands
        node = operands[-1] if operands else None
        if operands:
            operands.clear()
        if frame.lambdas:
            frame.lambdas.clear()
        frame.want = True
        if node is not None and node.type == "binary_operator":
            self._uses.append(Use(node, frame.place, "path"))
        frame.place = frame.base
        frame.first_use = len(self._uses)
        return node

    def _item(self, frame: _Frame) -> None:
        """What ends here belongs to the bracket or statement."""
        node = self._end(frame)
        if not (frame.walrus or frame.target or frame.loop or frame.comprehension or frame.key):
            if node is not None and len(frame.items) < _MANY:
                frame.items.append(node)
            return
        if frame.walrus is not None and node is not None:
            self.script.assignments.append((frame.walrus, node))
            frame.walrus = None
        if frame.target is not None and not frame.loop:
            # `with value as name`.
            if node is not None:
                self.script.assignments.append((node, frame.target))
            frame.target = None
            return
        if frame.loop == "iterable":
            if frame.target is not None and node is not None:
                self.script.loops.append((frame.target, node))
            frame.loop, frame.target = "", None
            return
        if frame.comprehension or node is None:
            frame.key = None if frame.kind != "line" else frame.key
            return
        if frame.key is not None and frame.kind in ("call", "brace", "params"):
            node = self._keyed(frame, frame.key, node)
            frame.key = None
        if len(frame.items) < _MANY:
            frame.items.append(node)

    def _keyed(self, frame: _Frame, key: Syntax, value: Syntax) -> Syntax:
        start, end = key.start_byte, value.end_byte
        if frame.kind == "brace":
            return Syntax("pair", start, end, {"key": key, "value": value})
        if frame.kind == "params":
            self.script.assignments.append((key, value))
            return value
        node = Syntax("keyword_argument", start, end, {"name": key, "value": value})
        if value.type == "string":
            self._uses.append(Use(node, frame.base, "keyword"))
        return node

    # --- words that are operators ------------------------------------------------------------------------------------

    def _boolean(self, sign: str, start: int) -> None:
        frame = self._stack[-1]
        if frame.want or frame.lambdas:
            return
        self._push(frame, _PRECEDENCE[sign], sign, start)
        frame.place = frame.place.weaker()

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
            frame.place = frame.base

    def _else(self, start: int) -> None:
        """`A if C else B`: now it is known when A is evaluated."""
        frame = self._stack[-1]
        if frame.want or not any(sign == "if" for _, sign, _ in frame.operators[-4:]):
            return
        while frame.operators and frame.operators[-1][1] != "if":
            self._reduce(frame)
        begun = frame.operators[-1][2] if frame.operators else start
        head = self._data[begun + 2 : start]
        held = verdict(head.decode("utf-8", "replace"), self._known) if len(head) <= 400 else None
        if held is not True:
            self._weaken(frame.first_use, begun, held)
        frame.first_use = len(self._uses)
        frame.operators.append((_PRECEDENCE["else"], "else", start))
        frame.want = True
        if held is not False:
            frame.place = frame.base.weaker() if held is None else frame.base.never()

    def _weaken(self, first: int, end: int, held: bool | None) -> None:  # noqa: FBT001  three values
        """What was seen since then, before this place, happens on some runs only, or never."""
        self._marked += len(self._uses) - first
        if self._marked > _MARKS:
            self.script.too_deep = True
            return
        for use in self._uses[first:]:
            if use.node.start_byte < end:
                use.place = use.place.weaker() if held is None else use.place.never()

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
        if node is not None and frame.kind in ("line", "group"):
            frame.target = node

    # --- signs -------------------------------------------------------------------------------------------------------

    def _open_round(self, start: int, _end: int) -> None:
        frame = self._stack[-1]
        if not frame.want and frame.operands and not frame.lambdas:
            held = frame.operands[-1]
            call = Syntax("call", held.start_byte, start + 1, {"function": held})
            frame.operands[-1] = call
            self._uses.append(Use(call, frame.place, "call"))
            self._called(held, frame.place)
            self._open("call", start, call)
        elif self._header == "def" and frame.kind == "line":
            self._open("params", start, None)
        else:
            self._open("group", start, None)

    def _called(self, function: Syntax, place: Place) -> None:
        if function.end_byte - function.start_byte <= 100:
            text = self._data[function.start_byte : function.end_byte]
            if _CALLEE.fullmatch(text):
                self.script.calls.append((text.decode("utf-8", "surrogateescape"), place))

    def _open_square(self, start: int, _end: int) -> None:
        frame = self._stack[-1]
        if not frame.want and frame.operands and not frame.lambdas:
            held = frame.operands[-1]
            node = Syntax("subscript", held.start_byte, start + 1, {"value": held})
            frame.operands[-1] = node
            self._open("index", start, node)
        else:
            self._open("list", start, None)

    def _open_brace(self, start: int, _end: int) -> None:
        self._open("brace", start, None)

    def _open(self, kind: str, start: int, node: Syntax | None) -> None:
        if len(self._stack) > self._levels:
            self.script.too_deep = True
            self._skipped = 1
            return
        self._stack.append(_Frame(kind, start, self._stack[-1].place, len(self._uses), node))

    def _close_bracket(self, _start: int, end: int) -> None:
        if len(self._stack) > (2 if self._nested else 1):
            self._close(end)
        else:
            self.script.broken = True

    def _close(self, end: int) -> None:
        frame = self._stack[-1]
        trailing = not frame.operands and bool(frame.items)
        self._item(frame)
        self._stack.pop()
        outer = self._stack[-1]
        if frame.node is not None:
            frame.node.end_byte = end
            if frame.kind == "call" and frame.node.fields is not None:
                frame.node.fields["arguments"] = Syntax("argument_list", frame.start, end, None, frame.items)
            elif frame.node.fields is not None and frame.items:
                frame.node.fields["subscript"] = frame.items[0]
            return
        if frame.kind == "params" or outer.lambdas:
            return
        if not outer.want:
            self._end(outer)
        outer.operands.append(_bracketed(frame, end, trailing=trailing))
        outer.want = False

    def _comma(self, _start: int, _end: int) -> None:
        frame = self._stack[-1]
        if frame.lambdas or frame.loop == "target":
            frame.want = True
            return
        if frame.kind == "line" and frame.key is not None:
            node = self._end(frame)
            if node is not None and len(frame.row) < _MANY:
                frame.row.append(node)
            return
        self._item(frame)
        if frame.kind == "params":
            frame.base = frame.place = self._stack[0].base

    def _colon(self, _start: int, end: int) -> None:
        frame = self._stack[-1]
        if frame.lambdas:
            del frame.operands[frame.lambdas.pop() :]
            frame.want = True
            frame.place = self._function(frame.place, "")
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
                frame.base = frame.place = frame.base.never()
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
        frame.key = frame.items[-1] if frame.items else None
        frame.base = frame.place = frame.base.never()
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
                frame.base = frame.place = self._blocks[-1].place
                frame.key = frame.items[-1] if frame.items else frame.key
            case "call":
                frame.key = self._end(frame)
            case "params":
                annotation = self._end(frame)
                frame.key = frame.key or annotation
                frame.base = frame.place = self._stack[0].base
            case _:
                self._end(frame)

    def _walrus(self, _start: int, _end: int) -> None:
        """`name := value`: the name, and then the expression goes on with the value."""
        frame = self._stack[-1]
        frame.walrus = self._end(frame) or frame.walrus

    def _full_stop(self, _start: int, _end: int) -> None:
        self._dot = not self._stack[-1].want

    def _ellipsis(self, start: int, end: int) -> None:
        self._operand(Syntax("other", start, end))

    def _arrow(self, _start: int, _end: int) -> None:
        frame = self._stack[-1]
        self._end(frame)
        frame.base = frame.place = frame.base.never()

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
        node = Syntax("string", start, end)
        prefix = self._data[start : start + 2].lower()
        formatted = prefix[:1] in (b"f", b"t") or prefix in (b"rf", b"rt")
        if formatted and not self._skipped and self._data.find(b"{", start, end) >= 0:
            end = self._formatted(node, limit)
            node.end_byte = end
        place = self._stack[-1].place
        self._operand(node)
        if not self._skipped:
            self._uses.append(Use(node, place, "string"))
        return end

    def _formatted(self, node: Syntax, limit: int) -> int:
        """The parts of an interpolated string. Since 3.12 its expressions may hold its own quotes (PEP 701)."""
        data = self._data
        at = node.start_byte
        while data[at] not in b"\"'":
            at += 1
        quote = next(one for one in _QUOTES if data.startswith(one, at))
        if len(quote) == 3 and node.end_byte - at < 6:
            return node.end_byte
        at += len(quote)
        while at < limit:
            found = _F_TEXT[quote].match(data, at, limit)
            text_end = found.end() if found is not None else at
            if text_end > at:
                node.add(Syntax("string_content", at, text_end))
            at = text_end
            if data.startswith(quote, at):
                return at + len(quote)
            if at >= limit or data[at : at + 1] != b"{":
                return max(at, node.start_byte + 1)
            at = self._interpolated(node, at, limit, single=len(quote) == 1)
        return limit

    def _interpolated(self, node: Syntax, start: int, limit: int, *, single: bool) -> int:
        """One `{expression!r:format}`; gives the place behind it."""
        data, depth, at, colon = self._data, 0, start, 0
        while at < limit:
            found = _F_PLAIN.match(data, at, limit)
            at = found.end() if found is not None else at
            sign = data[at : at + 1]
            if not sign or (sign == b"\n" and single):
                # It was never closed.
                node.add(Syntax("interpolation", start, at))
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
        expression = self._expression(start + 1, end) if end - start <= _F_INSIDE else None
        fields = {"expression": expression} if expression is not None else None
        node.add(Syntax("interpolation", start, at + 1, fields))
        return at + 1

    def _expression(self, start: int, end: int) -> Syntax | None:
        if self._nested >= _F_NESTED:
            return None
        self._nested += 1
        stack, state = self._stack, (self._new_line, self._line_start, self._dot)
        frame = _Frame("field", start, stack[-1].place, len(self._uses))
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


def _joined(left: Syntax, sign: str, right: Syntax) -> Syntax:
    start, end = left.start_byte, right.end_byte
    if sign in _KEPT:
        return Syntax("binary_operator", start, end, {"left": left, "right": right}, [left, right], sign)
    if sign in ("or", "and"):
        same = left.type == "boolean_operator" and left.sign == sign
        children = left.children or [] if same else [left]
        children.append(right)
        return Syntax("boolean_operator", start, end, None, children, sign)
    return Syntax("other", start, end)


def _bracketed(frame: _Frame, end: int, *, trailing: bool) -> Syntax:
    start, items = frame.start, frame.items
    match frame.kind:
        case "group":
            single = len(items) == 1 and not trailing and not frame.comprehension
            type_ = "parenthesized_expression" if single else "tuple"
        case "list":
            type_ = "list"
        case "brace":
            type_ = "dictionary" if not items or any(one.type == "pair" for one in items[:4]) else "set"
        case _:
            type_ = "other"
    return Syntax(type_, start, end, None, items)


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
