"""Possible values of a module's expressions: texts, words of a command, dotted names; unknown parts are holes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from xraydiff.paths import ImagePath, basename, parent
from xraydiff.references.kit.evaluation import HOLE, MAX_DEPTH, UNKNOWN, Evaluator, Texts, joined, normal
from xraydiff.references.readers.python.modules import Finder
from xraydiff.references.readers.python.patterns import concatenated, union

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xraydiff.references.readers.python.script import PythonScript

__all__ = ["Bindings", "PythonEvaluator", "Scene"]

_ITEMS: Final = 64
_MAX_TEXT_BYTES: Final = 4_096
"""Bytes of an expression's text that are looked at."""
_PREFIX: Final = re.compile(rb"[A-Za-z]{0,2}")
_ESCAPE: Final = re.compile(r"""\\(?:([\\'"abfnrtv])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([0-7]{1,3})|(\n))""")
_SIMPLE: Final = dict(zip("\\'\"abfnrtv", "\\'\"\a\b\f\n\r\t\v", strict=True))
_PERCENT: Final = re.compile(r"%(?:\(\w{1,40}\))?[-#0 +]{0,3}\d{0,4}(?:\.\d{1,4})?[sdrifxXaceEgGou]")
_BRACES: Final = re.compile(r"\{[^{}]{0,200}\}")
_SAME: Final = frozenset(
    "resolve absolute as_posix expanduser strip rstrip lstrip removeprefix removesuffix __fspath__ replace copy".split()
)
"""Methods of a path or text whose result names the same thing, near enough."""
_SAME_CALLS: Final = frozenset(
    "str os.fspath os.path.abspath os.path.realpath os.path.normpath os.path.expanduser os.path.expandvars os.fsdecode"
    " os.fsencode bytes pathlib.Path pathlib.PurePath pathlib.PosixPath Path sorted list tuple set frozenset iter"
    " reversed enumerate importlib.resources.as_file Markup anyio.Path py.path.local".split()
)
_PATHS: Final = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "Path", "anyio.Path"})


@dataclass(slots=True)
class Bindings:
    """The values of a module's names, whatever their scope."""

    modules: dict[str, str] = field(default_factory=dict)
    """Name -> dotted name of the module or object that an import bound to it."""
    values: dict[str, list[int]] = field(default_factory=dict)
    elements: dict[str, list[int]] = field(default_factory=dict)
    """Names that run over the elements of something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where a module lies and what surrounds it."""

    path: ImagePath
    directory: ImagePath
    cwd: ImagePath
    name: str
    """`__name__`."""
    package: str
    """`__package__`."""
    env: Mapping[str, str]
    executable: str
    """sys.executable, empty where it is not known."""
    prefix: str
    inline: bool = False


def _bound(script: PythonScript) -> Bindings:
    """Names and what is assigned to them; imports come later, as they are read."""
    bindings = Bindings()
    text, kinds, starts, ends = script.text, script.kinds, script.starts, script.ends
    for left, right in script.assignments:
        if kinds[left] == "identifier":
            _put(bindings.values, text[starts[left] : ends[left]], right)
        elif kinds[left] == "attribute":
            _, name = script.parts[left]
            _put(bindings.values, b"." + text[starts[name] : ends[name]], right)
    for left, right in script.loops:
        if kinds[left] == "identifier":
            _put(bindings.elements, text[starts[left] : ends[left]], right)
    return bindings


def _put(bindings: dict[str, list[int]], name: bytes, node: int) -> None:
    nodes = bindings.setdefault(name.decode("utf-8", "surrogateescape"), [])
    if len(nodes) < 8:
        nodes.append(node)


class PythonEvaluator(Evaluator):
    """Evaluates expressions of one module, given by their indexes, as far as the text tells."""

    def __init__(self, script: PythonScript, scene: Scene, finder: Finder, steps: int) -> None:
        super().__init__(steps)
        self._text, self._kinds, self._parts = script.text, script.kinds, script.parts
        self._starts, self._ends = script.starts, script.ends
        self.bindings = _bound(script)
        self.scene = scene
        self._finder = finder
        self._words: dict[int, list[str] | None] = {}

    # --- names -------------------------------------------------------------------------------------------------------

    def text(self, node: int) -> str:
        """Source text of a node, or its beginning: whole texts of nested nodes would be the square of a module."""
        end = min(self._ends[node], self._starts[node] + _MAX_TEXT_BYTES)
        return self._text[self._starts[node] : end].decode("utf-8", "surrogateescape")

    def dotted(self, node: int) -> str:
        """The qualified name of `a.b.c`; of anything else `?`, or `?.c` for its last attribute."""
        if self._ends[node] - self._starts[node] <= 120:
            text = self.text(node)
            if text.replace(".", "").isidentifier():
                head, dot, rest = text.partition(".")
                bound = self.bindings.modules.get(head)
                if bound is None and head in self.bindings.values and dot:
                    return f"?.{rest.rpartition('.')[2]}"
                return (bound or head) + dot + rest
        return f"?.{self.text(self._parts[node][1])}" if self._kinds[node] == "attribute" else "?"

    def callee(self, node: int) -> str:
        """The qualified name of what is called."""
        return self.dotted(self._parts[node][0]) if self._kinds[node] == "call" else "?"

    def arguments(self, node: int) -> tuple[list[int], dict[str, int]]:
        """Positional and keyword arguments of a call."""
        positional: list[int] = []
        keywords: dict[str, int] = {}
        args = self._parts[self._parts[node][1]] if len(self._parts[node]) > 1 else None
        if args is None or not self._spend(1 + len(args) // 8):
            return positional, keywords
        for one in args:
            if self._kinds[one] == "keyword_argument":
                name, value = self._parts[one]
                keywords[self.text(name)] = value
            else:
                positional.append(one)
        return positional, keywords

    def receiver(self, node: int) -> int | None:
        """The object whose attribute a call calls."""
        function = self._parts[node][0] if self._kinds[node] == "call" else 0
        return self._parts[function][0] if self._kinds[function] == "attribute" else None

    # --- texts -------------------------------------------------------------------------------------------------------

    def literal(self, node: int) -> str | None:
        """The text of a string literal without unknown parts."""
        if self._kinds[node] != "string" or self._ends[node] - self._starts[node] > 8_192:
            return None
        raw = self._text[self._starts[node] : self._ends[node]]
        match = _PREFIX.match(raw)
        prefix = match[0].lower() if match else b""
        if b"f" in prefix and b"{" in raw:
            return None
        body = raw[len(prefix) :]
        quote = 3 if body[:3] in (b'"""', b"'''") and len(body) >= 6 else 1
        text = body[quote:-quote].decode("utf-8", "surrogateescape")
        return text if b"r" in prefix or "\\" not in text else _ESCAPE.sub(_unescaped, text)

    def texts(self, node: int, depth: int = 0) -> Texts:
        """The possible texts of an expression."""
        if self._kinds[node] == "string":
            literal = self.literal(node)
            if literal is not None:
                return (literal.replace(HOLE, ""),)
        return self._once(self._known, node, self._evaluated, node, depth)

    def _evaluated(self, node: int, depth: int) -> Texts:
        match self._kinds[node]:
            case "string":
                return self._formatted(node, depth)
            case "concatenated_string":
                return concatenated([self.texts(one, depth + 1) for one in self._children(node)])
            case "+" | "/" | "%":
                return self._binary(node, depth)
            case "conditional_expression":
                parts = self._children(node)
                return union(*(self.texts(one, depth + 1) for one in (parts[0], parts[-1]))) if parts else UNKNOWN
            case "or" | "and" | "parenthesized_expression":
                return union(*(self.texts(one, depth + 1) for one in self._children(node)))
            case "identifier":
                return self._identifier(self.text(node), depth)
            case "attribute":
                return self._attribute(node, depth)
            case "subscript":
                return self._subscript(node, depth)
            case "call":
                return self._call(node, depth)
            case _:
                return UNKNOWN

    def elements(self, node: int, depth: int = 0) -> Texts:
        """The possible texts of the elements of a list, tuple or set, or of the keys of a dict."""
        return self._once(self._elements, node, self._listed, node, depth)

    def _listed(self, node: int, depth: int) -> Texts:
        match self._kinds[node]:
            case "list" | "tuple" | "set":
                return union(*(self.texts(one, depth + 1) for one in self._children(node)))
            case "identifier":
                bound = self.bindings.values.get(self.text(node), ())
                return union(*(self.elements(one, depth + 1) for one in bound)) if bound else UNKNOWN
            case "parenthesized_expression":
                inner = self._children(node)
                return self.elements(inner[0], depth + 1) if inner else UNKNOWN
            case "+" | "/" | "%":
                return union(*(self.elements(one, depth + 1) for one in self._children(node)))
            case "dictionary":
                return union(*(key for key, _ in self._pairs(node, depth)))
            case "call":
                return self._elements_of_call(node, depth)
            case _:
                return UNKNOWN

    def words(self, node: int, depth: int = 0) -> list[str] | None:
        """The words of a command given as a list, each its first possible text; None for no list."""
        if depth > MAX_DEPTH or not self._spend():
            return None
        if node not in self._words:
            self._words[node] = None
            self._words[node] = self._worded(node, depth)
        return self._words[node]

    def _worded(self, node: int, depth: int) -> list[str] | None:
        if self._kinds[node] in ("list", "tuple"):
            return [self.texts(one, depth + 1)[0] for one in self._children(node)]
        if self._kinds[node] == "identifier":
            bound = self.bindings.values.get(self.text(node), ())
            return next((words for one in bound if (words := self.words(one, depth + 1)) is not None), None)
        if self._kinds[node] in ("parenthesized_expression", "+", "/", "%"):
            parts = [self.words(one, depth + 1) for one in self._children(node)]
            if all(part is None for part in parts):
                return None  # `"convert " + name` is one text, no list
            return [word for part in parts for word in (part if part is not None else [HOLE])]
        if self._kinds[node] == "call":
            return self._split_words(node, depth)
        return None

    def _split_words(self, node: int, depth: int) -> list[str] | None:
        name = self.callee(node)
        args, _ = self.arguments(node)
        if name == "shlex.split" and args:
            return self.texts(args[0], depth + 1)[0].split()
        if name.endswith(".split") and not args:
            receiver = self.receiver(node)
            return self.texts(receiver, depth + 1)[0].split() if receiver is not None else None
        return None

    def _children(self, node: int) -> Sequence[int]:
        parts = self._parts[node]
        return parts[:_ITEMS] if self._spend(1 + len(parts) // 8) else ()

    def _formatted(self, node: int, depth: int) -> Texts:
        parts: list[Texts] = []
        for child in self._parts[node][:_ITEMS]:
            if self._kinds[child] == "interpolation":
                inner = self._parts[child]
                parts.append(self.texts(inner[0], depth + 1) if inner else UNKNOWN)
            elif self._kinds[child] == "string_content":
                text = self.text(child).replace(HOLE, "").replace("{{", "{").replace("}}", "}")
                parts.append((_ESCAPE.sub(_unescaped, text),))
        return concatenated(parts) if parts else UNKNOWN

    def _binary(self, node: int, depth: int) -> Texts:
        """`a + b + c` and `a / b / c` nest to the left without bound, so they are walked in a loop."""
        sign = self._kinds[node]
        if sign == "%":
            return tuple(
                _PERCENT.sub(HOLE, text).replace("%%", "%") for text in self.texts(self._parts[node][0], depth + 1)
            )
        operands: list[int] = []
        at = node
        while self._kinds[at] == sign and self._spend():
            at, right = self._parts[at]
            operands.append(right)
        operands.append(at)
        if len(operands) > _ITEMS:
            return UNKNOWN
        parts = [self.texts(one, depth + 1) for one in reversed(operands)]
        return concatenated(parts) if sign == "+" else self._join(parts)

    @staticmethod
    def _join(parts: list[Texts]) -> Texts:
        """os.path.join: an absolute part makes what stands before it void."""
        spread: list[Texts] = []
        for texts in parts:
            if len(texts) == 1 and texts[0].startswith("/"):
                spread = [texts]
            else:
                spread += [("/",), texts] if spread else [texts]
        whole = concatenated(spread) if spread else UNKNOWN
        return tuple(dict.fromkeys(text if text == HOLE else normal(text) for text in whole))

    def _identifier(self, name: str, depth: int) -> Texts:
        scene = self.scene
        match name:
            case "__file__":
                return UNKNOWN if scene.inline else (scene.path,)
            case "__name__":
                return (scene.name,)
            case "__package__":
                return (scene.package,)
        found = [self.texts(one, depth + 1) for one in self.bindings.values.get(name, ())]
        found += [self.elements(one, depth + 1) for one in self.bindings.elements.get(name, ())]
        return union(*found) if found else UNKNOWN

    def _attribute(self, node: int, depth: int) -> Texts:
        receiver, name = self._parts[node]
        scene, attribute = self.scene, self.text(name)
        fixed = {
            "__spec__.parent": scene.package,
            "__spec__.name": scene.name,
            "sys.executable": scene.executable or HOLE,
            "sys.prefix": scene.prefix or "/",
            "sys.exec_prefix": scene.prefix or "/",
            "os.sep": "/",
            "os.path.sep": "/",
            "os.curdir": ".",
            "os.pardir": "..",
        }.get(self.dotted(node))
        if fixed is not None:
            return (fixed,)
        match attribute:
            case "parent":
                return self._folders(self.texts(receiver, depth + 1))
            case "name":
                return tuple(basename(text) if "/" in text else text for text in self.texts(receiver, depth + 1))
            case "root_path":
                return (scene.directory,)
            case "__name__" | "__file__" | "__path__":
                return UNKNOWN
        values = self.bindings.values.get(f".{attribute}", ())
        return union(*(self.texts(one, depth + 1) for one in values)) if values else UNKNOWN

    @staticmethod
    def _folders(texts: Texts) -> Texts:
        return tuple(
            dict.fromkeys(
                parent(ImagePath(text))
                if text.startswith("/")
                else HOLE
                if text == HOLE
                else text.rpartition("/")[0] or "."
                for text in texts
            )
        )

    def _subscript(self, node: int, depth: int) -> Texts:
        if len(self._parts[node]) < 2:
            return UNKNOWN
        receiver, index = self._parts[node]
        if self.dotted(receiver) == "os.environ":
            return self._environment(index, None, depth)
        if self._kinds[receiver] == "attribute" and self.text(receiver).endswith(".parents"):
            texts = self.texts(self._parts[receiver][0], depth + 1)
            count = self.text(index)
            for _ in range(min(int(count), _ITEMS) + 1 if count.isdecimal() and len(count) < 4 else 0):
                texts = self._folders(texts)
            return texts if count.isdecimal() else UNKNOWN
        return self._looked_up(receiver, index, depth)

    def _looked_up(self, receiver: int, index: int | None, depth: int) -> Texts:
        """The values of a dict, all of them where the key is not known; the elements of a list."""
        if depth > MAX_DEPTH or not self._spend():
            return UNKNOWN
        if self._kinds[receiver] == "identifier":
            nodes = self.bindings.values.get(self.text(receiver), ())
            return union(*(self._looked_up(one, index, depth + 1) for one in nodes)) if nodes else UNKNOWN
        if self._kinds[receiver] == "dictionary":
            key = self.literal(index) if index is not None else None
            pairs = self._pairs(receiver, depth)
            return union(*(value for keys, value in pairs if key is None or key in keys)) if pairs else UNKNOWN
        return self.elements(receiver, depth + 1)

    def _pairs(self, node: int, depth: int) -> list[tuple[Texts, Texts]]:
        found = []
        for pair in self._children(node):
            if self._kinds[pair] == "pair":
                key, value = self._parts[pair]
                found.append((self.texts(key, depth + 1), self.texts(value, depth + 1)))
        return found

    def _environment(self, name: int, default: int | None, depth: int) -> Texts:
        """A variable of the image's environment, else the default that stands beside its name."""
        key = self.literal(name)
        if key is not None and key in self.scene.env:
            return (self.scene.env[key].replace(HOLE, ""),)
        return self.texts(default, depth + 1) if default is not None else UNKNOWN

    # --- calls -------------------------------------------------------------------------------------------------------

    def _call(self, node: int, depth: int) -> Texts:
        name = self.callee(node)
        args, keywords = self.arguments(node)
        parts = args[:16]
        match name:
            case "os.path.join" | "posixpath.join" | "os.path.joinpath" | "werkzeug.utils.safe_join":
                return self._join([self.texts(one, depth + 1) for one in parts])
            case "os.path.dirname" | "posixpath.dirname":
                return self._folders(self.texts(parts[0], depth + 1)) if parts else UNKNOWN
            case "os.path.basename":
                return tuple(basename(text) for text in self.texts(parts[0], depth + 1)) if parts else UNKNOWN
            case "os.getcwd" | "pathlib.Path.cwd" | "Path.cwd":
                return (self.scene.cwd,)
            case "os.getenv" | "os.environ.get" | "os.environ.setdefault" | "os.environ.pop":
                default = parts[1] if len(parts) > 1 else keywords.get("default")
                return self._environment(parts[0], default, depth) if parts else UNKNOWN
            case "importlib.resources.files" | "importlib_resources.files":
                return self._package_directory(parts, depth)
            case "pkg_resources.resource_filename":
                folders = self._package_directory(parts[:1], depth)
                return self._join([folders, self.texts(parts[1], depth + 1)]) if len(parts) > 1 else UNKNOWN
        if name in _PATHS and len(parts) != 1:
            return self._join([self.texts(one, depth + 1) for one in parts]) if parts else (".",)
        if name in _SAME_CALLS and parts:
            return self.texts(parts[0], depth + 1)
        receiver = self.receiver(node)
        return self._method(name.rpartition(".")[2], receiver, parts, depth) if receiver is not None else UNKNOWN

    def _method(self, method: str, receiver: int, args: list[int], depth: int) -> Texts:
        if method in ("joinpath", "child"):
            return self._join([self.texts(one, depth + 1) for one in (receiver, *args)])
        if method in ("with_name", "with_suffix"):
            folders = self.texts(receiver, depth + 1)
            tail = self.texts(args[0], depth + 1) if args else UNKNOWN
            if method == "with_name":
                return self._join([self._folders(folders), tail])
            return concatenated([tuple(_stem(text) for text in folders), tail])
        if method == "format":
            texts = self.texts(receiver, depth + 1)
            return tuple(_BRACES.sub(HOLE, text) for text in texts)
        if method == "get" and args:
            return union(
                self._looked_up(receiver, args[0], depth + 1), *(self.texts(one, depth + 1) for one in args[1:2])
            )
        if method in _SAME:
            return self.texts(receiver, depth + 1)
        if method == "join" and args:
            return self._glued(receiver, args[0], depth)
        return UNKNOWN

    def _glued(self, receiver: int, args: int, depth: int) -> Texts:
        """`".".join(["a", name])`."""
        glue = self.literal(receiver)
        if glue is None or self._kinds[args] not in ("list", "tuple"):
            return UNKNOWN
        parts: list[Texts] = []
        for one in self._children(args)[:16]:
            parts += [(glue,), self.texts(one, depth + 1)] if parts else [self.texts(one, depth + 1)]
        return concatenated(parts) if parts else UNKNOWN

    def _package_directory(self, args: list[int], depth: int) -> Texts:
        names = self.texts(args[0], depth + 1) if args else (self.scene.package,)
        found: list[str] = []
        for name in names:
            chain, whole = self._finder.find(name)
            if whole:
                found += chain[-1].package or ([parent(chain[-1].file)] if chain[-1].file is not None else [])
        return tuple(dict.fromkeys(found)) or UNKNOWN

    def _elements_of_call(self, node: int, depth: int) -> Texts:
        name = self.callee(node)
        args, _ = self.arguments(node)
        if name in _SAME_CALLS and args:
            return self.elements(args[0], depth + 1)
        receiver = self.receiver(node)
        if receiver is None:
            return UNKNOWN
        match name.rpartition(".")[2]:
            case "split":
                return (
                    union(tuple(part for text in self.texts(receiver, depth + 1) for part in text.split())) or UNKNOWN
                )
            case "values" | "items":
                return self._looked_up(receiver, None, depth + 1)
            case "keys":
                return self.elements(receiver, depth + 1)
            case "glob" | "rglob" | "iterdir":
                return concatenated([self.texts(receiver, depth + 1), ("/",), UNKNOWN])
            case _:
                return UNKNOWN


def path_of(texts: Texts, directory: str) -> Texts:
    """Texts as paths that count from a directory."""
    return tuple(dict.fromkeys(joined(directory, text) for text in texts if text and not text.startswith(HOLE)))


def _stem(text: str) -> str:
    head, slash, name = text.rpartition("/")
    return head + slash + (name.rpartition(".")[0] or name)


def _unescaped(match: re.Match[str]) -> str:
    simple, byte, unit, octal, _ = match.groups()
    if simple:
        return _SIMPLE[simple]
    if byte or unit:
        return chr(int(byte or unit, 16)).replace(HOLE, "")
    return chr(int(octal, 8) & 0xFF).replace(HOLE, "") if octal else ""
