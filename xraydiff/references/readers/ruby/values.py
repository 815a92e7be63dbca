"""What a Ruby expression may be worth: strings and lists of strings, with a mark where nobody knows before the run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from xraydiff.paths import image_path, join
from xraydiff.references.kit.expressions import (
    DEPTH,
    NOTHING,
    UNKNOWN,
    Expressions,
    Scope,
    Value,
    changed,
    either,
    path_of,
)
from xraydiff.references.kit.lookup import Lookups

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["Values"]

_ESCAPES = {"n": "\n", "t": "\t", "s": " ", "e": "\x1b", "0": "", "r": "\r"}
_MAGIC = re.compile(r"[*?\[{]")


class Values(Expressions):
    """Works expressions of one program out."""

    def __init__(self, data: bytes, scope: Scope, lookups: Lookups) -> None:
        super().__init__(data, scope, lookups)
        self._kinds = {
            "string": self._string,
            "chained_string": self._chained,
            "bare_string": self._string,
            "bare_symbol": self._string,
            "heredoc_body": self._string,
            "heredoc_beginning": self._heredoc,
            "subshell": self._string,
            "simple_symbol": self._symbol,
            "delimited_symbol": self._string,
            "array": self._list,
            "string_array": self._list,
            "symbol_array": self._list,
            "parenthesized_statements": self._inner,
            "identifier": self._identifier,
            "constant": self._identifier,
            "instance_variable": self._identifier,
            "class_variable": self._identifier,
            "global_variable": self._global,
            "scope_resolution": self._scoped,
            "binary": self._binary,
            "conditional": self._conditional,
            "call": self._call,
            "element_reference": self._element,
        }

    def arguments(self, node: Syntax) -> list[Syntax]:
        """The positional arguments of a call, without blocks and keywords."""
        held = node.child_by_field_name("arguments")
        if held is None:
            return []
        self.lookups.spend(held.child_count)
        skipped = ("pair", "block_argument", "comment", "hash_splat_argument", "heredoc_body")
        return [child for child in held.named_children if child.type not in skipped]

    def keywords(self, node: Syntax) -> dict[str, Syntax]:
        """The keyword arguments of a call by name."""
        held = node.child_by_field_name("arguments")
        found: dict[str, Syntax] = {}
        if held is None:
            return found
        self.lookups.spend(held.child_count)
        for child in held.named_children:
            key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
            if child.type == "pair" and key is not None and value is not None:
                found[self.text(key).strip(":\"'")] = value
        return found

    # --- literals -----------------------------------------------------------------------------------------------------

    def _string(self, node: Syntax, depth: int) -> Value:
        self.lookups.spend(node.child_count)
        parts = Value(texts=("",))
        for child in node.named_children:
            if child.type in ("string_content", "heredoc_content"):
                piece = Value(texts=(self.text(child),))
            elif child.type == "escape_sequence":
                piece = Value(texts=(_unescaped(self.text(child)),))
            elif child.type == "interpolation":
                inner = child.named_children
                piece = self.of(inner[-1], depth) if inner else Value(texts=("",))
            else:
                continue
            parts = self.joined(parts, piece, "")
        return parts

    def _symbol(self, node: Syntax, _depth: int) -> Value:
        return Value(texts=(self.text(node).lstrip(":"),))

    def _chained(self, node: Syntax, depth: int) -> Value:
        value = Value(texts=("",))
        for child in node.named_children:
            value = self.joined(value, self.of(child, depth), "")
        return value

    def _heredoc(self, node: Syntax, depth: int) -> Value:
        """The body of `<<~SQL` stands behind the line that begins it, beside one of the expressions around it."""
        at: Syntax | None = node
        for _ in range(DEPTH):
            if at is None:
                break
            after = at.next_named_sibling
            if after is not None and after.type == "heredoc_body":
                return self._string(after, depth)
            at = at.parent
        return NOTHING

    # --- names --------------------------------------------------------------------------------------------------------

    def _identifier(self, node: Syntax, _depth: int) -> Value:
        name = self.text(node)
        if name == "__FILE__":
            return Value(texts=(self.scope.path,))
        if name == "__dir__":
            return Value(texts=(self.scope.directory,))
        return self.scope.held.get(name, NOTHING)

    def _global(self, node: Syntax, _depth: int) -> Value:
        name = self.text(node)
        if name in ("$0", "$PROGRAM_NAME"):
            return Value(texts=(self.scope.path,))
        return self.scope.held.get(name, NOTHING)

    def _scoped(self, node: Syntax, _depth: int) -> Value:
        return self.scope.held.get(self.text(node).rpartition("::")[2], NOTHING)

    # --- operators ----------------------------------------------------------------------------------------------------

    def _binary(self, node: Syntax, depth: int) -> Value:
        operator = node.child_by_field_name("operator")
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        sign = self.text(operator) if operator is not None else ""
        if sign == "+":
            return self.joined(self.of(left, depth), self.of(right, depth), "")
        if sign == "/":
            return self.joined(self.of(left, depth), self.of(right, depth), "/")
        if sign in ("||", "or"):
            return either(self.of(left, depth), self.of(right, depth))
        return NOTHING

    def _conditional(self, node: Syntax, depth: int) -> Value:
        yes, no = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
        return either(self.of(yes, depth), self.of(no, depth))

    # --- calls --------------------------------------------------------------------------------------------------------

    def _call(self, node: Syntax, depth: int) -> Value:
        method = node.child_by_field_name("method")
        receiver = node.child_by_field_name("receiver")
        name = self.text(method) if method is not None else ""
        owner = self.text(receiver) if receiver is not None and receiver.end_byte - receiver.start_byte < 64 else ""
        arguments = self.arguments(node)
        known = _FUNCTIONS.get((owner, name))
        if known is not None:
            return known(self, [self.of(one, depth) for one in arguments])
        if receiver is None:
            return self.scope.held.get(name, NOTHING) if not arguments else NOTHING
        same = _METHODS.get(name)
        if same is None:
            return NOTHING
        return same(self, self.of(receiver, depth), [self.of(one, depth) for one in arguments])

    def _element(self, node: Syntax, depth: int) -> Value:
        inner = node.child_by_field_name("object")
        owner = self.text(inner) if inner is not None else ""
        arguments = [self.of(child, depth) for child in node.named_children[1:8]]
        known = _FUNCTIONS.get((owner, "[]"))
        return known(self, arguments) if known is not None else NOTHING

    def expanded(self, value: Value, base: Value) -> Value:
        """`File.expand_path`: absolute, with `..` taken lexically; relative texts count from another value's."""
        if base.texts == (UNKNOWN,):
            base = Value(texts=(self.lookups.context.cwd,))
        texts: list[str] = []
        for root in base.texts[:4]:
            for text in value.texts:
                at = root if root.startswith("/") else join(self.lookups.context.cwd, root)
                if UNKNOWN in at or text.startswith(UNKNOWN):
                    return NOTHING
                texts.append(join(at, text.removeprefix("~/") if text.startswith("~/") else text))
        return Value(texts=tuple(texts), every=value.every)

    def globbed(self, patterns: Value, base: Value | None = None) -> Value:
        """The files that `Dir.glob` finds, as its pattern spells them."""
        found: list[str] = []
        for pattern in patterns.texts[:16]:
            text = pattern
            if base is not None and base.known:
                text = f"{base.texts[0]}/{pattern}"
            if UNKNOWN in text or not text:
                continue
            found.extend(self.lookups.glob(join(self.lookups.context.cwd, text)))
        return Value(texts=tuple(found), every=True) if found else NOTHING


def _unescaped(text: str) -> str:
    return _ESCAPES.get(text[1:], text[1:])


def _dirname(text: str) -> str:
    head, slash, _ = text.rpartition("/")
    return (head or "/") if slash else "."


def _basename(text: str, suffix: str = "") -> str:
    name = text.rpartition("/")[2]
    if suffix == ".*" and "." in name[1:]:
        return name.rpartition(".")[0]
    return name.removesuffix(suffix) if suffix != name else name


def _expand(values: Values, arguments: list[Value]) -> Value:
    if not arguments:
        return NOTHING
    return values.expanded(arguments[0], arguments[1] if len(arguments) > 1 else NOTHING)


def _dirnames(_: Values, arguments: list[Value]) -> Value:
    return changed(arguments[0], _dirname) if arguments else NOTHING


def _first(_: Values, arguments: list[Value]) -> Value:
    return arguments[0] if arguments else NOTHING


def _basenames(_: Values, arguments: list[Value]) -> Value:
    if not arguments:
        return NOTHING
    suffix = arguments[1].texts[0] if len(arguments) > 1 else ""
    return changed(arguments[0], lambda text: _basename(text, suffix))


def _environment(values: Values, arguments: list[Value]) -> Value:
    """A variable of the image's environment, and the default beside it: the run may set another."""
    if not arguments:
        return NOTHING
    held = values.lookups.context.env.get(arguments[0].texts[0])
    one = Value(texts=(held,)) if held is not None else NOTHING
    return one if len(arguments) < 2 or one.known else arguments[1]


def _working(values: Values, _: list[Value]) -> Value:
    return Value(texts=(values.lookups.context.cwd,))


def _glob(values: Values, arguments: list[Value]) -> Value:
    if not arguments:
        return NOTHING
    return values.globbed(Value(texts=tuple(text for value in arguments for text in value.texts)))


_FUNCTIONS: Mapping[tuple[str, str], Callable[[Values, list[Value]], Value]] = {
    ("File", "join"): path_of,
    ("File", "expand_path"): _expand,
    ("File", "absolute_path"): _expand,
    ("File", "realpath"): _expand,
    ("File", "dirname"): _dirnames,
    ("File", "basename"): _basenames,
    ("Pathname", "new"): _first,
    ("", "Pathname"): _first,
    ("", "String"): _first,
    ("ENV", "fetch"): _environment,
    ("ENV", "[]"): _environment,
    ("Dir", "pwd"): _working,
    ("Dir", "getwd"): _working,
    ("Dir", "glob"): _glob,
    ("Dir", "[]"): _glob,
    ("Rails", "root"): _working,
    ("Bundler", "root"): _working,
}

_SAME = """
    freeze to_s to_str to_path to_sym sort uniq compact dup strip cleanpath realpath html_safe sort_by select reject
    filter flatten to_a lines each grep first last reverse map
"""
"""Methods whose answer holds the same texts as what they are asked of."""


def _method_join(values: Values, value: Value, arguments: list[Value]) -> Value:
    return path_of(values, [value, *arguments])


def _method_expand(values: Values, value: Value, arguments: list[Value]) -> Value:
    return values.expanded(value, arguments[0] if arguments else NOTHING)


def _suffixed(_: Values, value: Value, arguments: list[Value]) -> Value:
    suffix = arguments[0].texts[0] if arguments else ""
    return changed(value, lambda text: text.removesuffix(suffix))


def _parent(_: Values, value: Value, __: list[Value]) -> Value:
    return changed(value, lambda text: image_path(f"{text}/..") if text.startswith("/") else _dirname(text))


_METHODS: Mapping[str, Callable[[Values, Value, list[Value]], Value]] = {
    **dict.fromkeys(_SAME.split(), lambda _, value, __: value),
    "join": _method_join,
    "expand_path": _method_expand,
    "dirname": _parent,
    "parent": _parent,
    "basename": lambda _, value, __: changed(value, _basename),
    "delete_suffix": _suffixed,
    "chomp": _suffixed,
    "glob": lambda values, value, arguments: values.globbed(arguments[0], value) if arguments else NOTHING,
    "children": lambda values, value, __: values.globbed(Value(texts=("*",)), value),
}
