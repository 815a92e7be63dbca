"""What a Perl expression may be worth: strings and lists of strings, with a mark where nobody knows before the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from xraydiff.paths import decoded, image_path, join
from xraydiff.references.kit.expressions import (
    DEPTH,
    ITEMS,
    NOTHING,
    UNKNOWN,
    Expressions,
    Value,
    changed,
    either,
    path_of,
)
from xraydiff.references.kit.expressions import Scope as Names
from xraydiff.references.kit.lookup import Lookups

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["Scope", "Values"]

_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "0": "", "e": "\x1b", "a": "\x07", "f": "\f"}


@dataclass(slots=True, kw_only=True)
class Scope(Names):
    """Names with their signs (`$dir`, `@list`) and what they hold."""

    package: str = "main"
    """`__PACKAGE__`, as far as the walk has come."""


class Values(Expressions):
    """Works expressions of one program out."""

    scope: Scope

    def __init__(self, data: bytes, scope: Scope, lookups: Lookups) -> None:
        super().__init__(data, scope, lookups)
        self._kinds = {
            "string_literal": self._string,
            "interpolated_string_literal": self._string,
            "command_string": self._string,
            "quoted_word_list": self._words,
            "fileglob_expression": self._fileglob,
            "heredoc_token": self._heredoc,
            "command_heredoc_token": self._heredoc,
            "heredoc_content": self._heredoc_text,
            "string_content": self._content,
            "bareword": self._bareword,
            "autoquoted_bareword": self._bareword,
            "package": self._bareword,
            "scalar": self._variable,
            "array": self._variable,
            "variable_declaration": self._declared,
            "localization_expression": self._inner,
            "stub_expression": self._nothing,
            "parenthesized_expression": self._parenthesized,
            "list_expression": self._list,
            "anonymous_array_expression": self._list,
            "binary_expression": self._binary,
            "lowprec_logical_expression": self._either_of,
            "conditional_expression": self._conditional,
            "hash_element_expression": self._element,
            "function_call_expression": self._call,
            "ambiguous_function_call_expression": self._call,
            "func1op_call_expression": self._call,
            "func0op_call_expression": self._zero,
            "method_call_expression": self._method,
            "assignment_expression": self._assigned,
            "do_expression": self._nothing,
        }

    def arguments(self, node: Syntax) -> list[Syntax]:
        """The arguments of a call or a `use`, in order."""
        held = node.child_by_field_name("arguments")
        if held is None:
            return []
        if held.type != "list_expression":
            return [held]
        self.lookups.spend(held.child_count)
        return [child for child in held.named_children if child.type != "comment"]

    def words(self, nodes: list[Syntax]) -> tuple[str, ...]:
        """All texts of several expressions that are known whole."""
        texts = (text for node in nodes for text in self.of(node).texts)
        return tuple(dict.fromkeys(text for text in texts if UNKNOWN not in text))[:ITEMS]

    # --- literals -----------------------------------------------------------------------------------------------------

    def _string(self, node: Syntax, depth: int) -> Value:
        content = node.child_by_field_name("content")
        return self._content(content, depth) if content is not None else Value(texts=("",))

    def _content(self, node: Syntax, depth: int) -> Value:
        """Text between children is literal; the children are variables and escapes."""
        return self._pieces(node, node.start_byte, node.end_byte, depth)

    def _pieces(self, node: Syntax, start: int, end: int, depth: int) -> Value:
        self.lookups.spend(node.child_count)
        value, at = Value(texts=("",)), start
        for child in node.named_children:
            if child.start_byte < at or child.end_byte > end or child.type == "heredoc_end":
                continue
            value = self.joined(value, Value(texts=(decoded(self.data[at : child.start_byte]),)), "")
            if child.type == "escape_sequence":
                piece = Value(texts=(_unescaped(self.text(child)),))
            else:
                piece = self.of(child, depth)
                piece = replace(piece, every=False) if child.type != "array" else NOTHING
            value = self.joined(value, piece, "")
            at = child.end_byte
        return self.joined(value, Value(texts=(decoded(self.data[at:end]),)), "")

    def _words(self, node: Syntax, _depth: int) -> Value:
        content = node.child_by_field_name("content")
        texts = self.text(content).split() if content is not None else []
        self.lookups.spend(len(texts))
        return Value(texts=tuple(texts[:ITEMS]), every=True) if texts else NOTHING

    def _heredoc(self, node: Syntax, depth: int) -> Value:
        """The body of `<<END` stands behind the statement that begins it."""
        at: Syntax | None = node
        for _ in range(DEPTH):
            if at is None:
                break
            after = at.next_named_sibling
            if after is not None and after.type == "heredoc_content":
                return self._heredoc_text(after, depth)
            at = at.parent
        return NOTHING

    def _heredoc_text(self, node: Syntax, depth: int) -> Value:
        last = node.named_children[-1] if node.named_child_count else None
        end = last.start_byte if last is not None and last.type == "heredoc_end" else node.end_byte
        return self._pieces(node, node.start_byte, end, depth)

    def _bareword(self, node: Syntax, _depth: int) -> Value:
        text = self.text(node)
        return self.scope.held.get(text, Value(texts=(text,)))

    # --- names --------------------------------------------------------------------------------------------------------

    def _variable(self, node: Syntax, _depth: int) -> Value:
        name = self.text(node).replace("{", "").replace("}", "").removeprefix("my ")
        return self.scope.held.get(name) or _known(name, self.scope)

    def _declared(self, node: Syntax, depth: int) -> Value:
        return self.of(node.child_by_field_name("variable"), depth)

    def _nothing(self, _node: Syntax, _depth: int) -> Value:
        return NOTHING

    def _assigned(self, node: Syntax, depth: int) -> Value:
        return self.of(node.child_by_field_name("right"), depth)

    def _parenthesized(self, node: Syntax, depth: int) -> Value:
        return self.of(node.named_children[0], depth) if node.named_child_count == 1 else self._list(node, depth)

    # --- operators ----------------------------------------------------------------------------------------------------

    def _operator(self, node: Syntax) -> str:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return ""
        return decoded(self.data[left.end_byte : right.start_byte][:64]).strip()

    def _binary(self, node: Syntax, depth: int) -> Value:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        match self._operator(node):
            case ".":
                return self.joined(self.of(left, depth), self.of(right, depth), "")
            case "||" | "//":
                return either(self.of(left, depth), self.of(right, depth))
            case _:
                return NOTHING

    def _either_of(self, node: Syntax, depth: int) -> Value:
        return self.of(node.child_by_field_name("left"), depth)

    def _conditional(self, node: Syntax, depth: int) -> Value:
        yes, no = node.child_by_field_name("consequent"), node.child_by_field_name("alternative")
        return either(self.of(yes, depth), self.of(no, depth))

    # --- calls --------------------------------------------------------------------------------------------------------

    def _element(self, node: Syntax, depth: int) -> Value:
        """`$ENV{NAME}`: of the image's environment; the run may set another."""
        container, key = node.child_by_field_name("hash"), node.child_by_field_name("key")
        if container is None or self.text(container) != "$ENV":
            return NOTHING
        held = self.lookups.context.env.get(self.of(key, depth).texts[0])
        return Value(texts=(held,)) if held is not None else NOTHING

    def _zero(self, node: Syntax, _depth: int) -> Value:
        text = self.text(node)
        if text.startswith("__PACKAGE__"):
            return Value(texts=(self.scope.package,))
        return Value(texts=(self.scope.path,)) if text.startswith("__FILE__") else NOTHING

    def _call(self, node: Syntax, depth: int) -> Value:
        function = node.child_by_field_name("function")
        name = self.text(function).rpartition("::")[2] if function is not None else ""
        if node.type == "func1op_call_expression":
            name = self.text(node.children[0]) if node.child_count else ""
            arguments = node.named_children[-1:]
        else:
            arguments = self.arguments(node)
        known = _FUNCTIONS.get(name)
        if known is None:
            return self.scope.held.get(name, NOTHING) if not arguments else NOTHING
        return known(self, [self.of(one, depth) for one in arguments[:16]])

    def _method(self, node: Syntax, depth: int) -> Value:
        invocant, method = node.child_by_field_name("invocant"), node.child_by_field_name("method")
        name = self.text(method) if method is not None else ""
        arguments = [self.of(one, depth) for one in self.arguments(node)[:16]]
        if name in ("catfile", "catdir", "rel2abs", "canonpath"):
            return _FUNCTIONS[name](self, arguments)
        if name in _SAME or name in ("child", "parent", "sibling", "file", "subdir", "dir"):
            value = self.of(invocant, depth)
            return _moved(self, name, value, arguments)
        return NOTHING

    def _fileglob(self, node: Syntax, depth: int) -> Value:
        return _glob(self, [self._string(node, depth)])

    def absolute(self, value: Value, base: str) -> Value:
        """Relative texts as seen from a directory."""
        texts = (text if UNKNOWN in text else str(join(base, text)) for text in value.texts)
        return replace(value, texts=tuple(texts))


def _known(name: str, scope: Scope) -> Value:
    match name.lstrip("$"):
        case "FindBin::Bin" | "FindBin::RealBin" | "Bin" | "RealBin":
            return Value(texts=(scope.directory,))
        case "0" | "PROGRAM_NAME" | "FindBin::Script":
            return Value(texts=(scope.path,))
        case _:
            return NOTHING


def _unescaped(text: str) -> str:
    return _ESCAPES.get(text[1:], text[1:])


def _dirname(text: str) -> str:
    head, slash, _ = text.rstrip("/").rpartition("/")
    return (head or "/") if slash else "."


def _concatenated(values: Values, arguments: list[Value]) -> Value:
    """`join('/', ...)`: with the joint given first."""
    if len(arguments) < 2:
        return NOTHING
    whole = arguments[1]
    for part in arguments[2:]:
        whole = values.joined(whole, part, arguments[0].texts[0])
    return whole


def _first(_: Values, arguments: list[Value]) -> Value:
    return arguments[0] if arguments else NOTHING


def _parents(_: Values, arguments: list[Value]) -> Value:
    return changed(arguments[0], _dirname) if arguments else NOTHING


def _absolute(values: Values, arguments: list[Value]) -> Value:
    if not arguments:
        return NOTHING
    base = arguments[1].texts[0] if len(arguments) > 1 else values.lookups.context.cwd
    return values.absolute(arguments[0], base) if UNKNOWN not in base else NOTHING


def _working(values: Values, _: list[Value]) -> Value:
    return Value(texts=(values.lookups.context.cwd,))


def _glob(values: Values, arguments: list[Value]) -> Value:
    found: list[str] = []
    for pattern in arguments[0].texts[:16] if arguments else ():
        for text in pattern.split()[:16]:
            if UNKNOWN not in text:
                found.extend(values.lookups.glob(join(values.lookups.context.cwd, text)))
    return Value(texts=tuple(found), every=True) if found else NOTHING


def _moved(values: Values, name: str, value: Value, arguments: list[Value]) -> Value:
    """Methods of Path::Tiny and Path::Class."""
    if name == "parent":
        return changed(value, lambda text: image_path(f"{text}/..") if text.startswith("/") else _dirname(text))
    if name == "sibling":
        return path_of(values, [changed(value, _dirname), *arguments])
    return path_of(values, [value, *arguments]) if name not in _SAME else value


_SAME: Final = frozenset(("stringify", "absolute", "realpath", "canonpath", "to_string", "resolve"))
_FUNCTIONS: Final[Mapping[str, Callable[[Values, list[Value]], Value]]] = {
    "catfile": path_of,
    "catdir": path_of,
    "join": _concatenated,
    "path": path_of,
    "file": path_of,
    "dir": path_of,
    "dirname": _parents,
    "abs_path": _absolute,
    "realpath": _absolute,
    "rel2abs": _absolute,
    "canonpath": _first,
    "cwd": _working,
    "getcwd": _working,
    "glob": _glob,
    "bsd_glob": _glob,
    "sort": _first,
    "lc": _first,
}
