"""What a Ruby program does, statement by statement: its steps, made of nothing but its text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from xraydiff.facts import Firing
from xraydiff.limits import Limits
from xraydiff.paths import decoded
from xraydiff.references.kit.expressions import Shape
from xraydiff.references.kit.recorder import weakened
from xraydiff.references.kit.statements import Statements
from xraydiff.references.kit.traversal import Handler, Parts, Shapes
from xraydiff.references.readers.ruby.lowering import RubyLowering
from xraydiff.references.readers.ruby.parsing import FORM, refusal
from xraydiff.references.readers.ruby.vocabulary import (
    ALWAYS_TLS,
    BUILDS_PATHS,
    ENCODES,
    ENGINES,
    HTTP_CLIENTS,
    KERNEL_STARTS,
    LEAVES,
    LOAD_PATHS,
    METHODS_THAT_READ,
    MODE,
    READS,
    RENDERS,
    RUNS_NOW,
    STARTS,
    STARTS_TLS,
    Kind,
)

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["RubyScript"]

_PLAIN: Final = re.compile(rb"^[ \t]*(require|require_relative)[ \t(]+['\"]([A-Za-z0-9_./-]{1,200})['\"]", re.MULTILINE)
_FOREIGN: Final = re.compile(
    r"RUBY_ENGINE\s*==\s*[\"'](?:jruby|truffleruby|rbx|opal)[\"']|RUBY_PLATFORM\s*==\s*[\"']java[\"']"
    r"|(?:RUBY_PLATFORM|host_os\S*)\s*(?:=~|\.match\?\()\s*/[^/]*(?:mswin|mingw|cygwin|java|darwin)[^/]*/"
)
"""Conditions that never hold in a container of Linux with the usual Ruby."""
_ENCODING: Final = re.compile(rb"\A(?:#![^\n]*\n)?[ \t]*#[^\n]*?coding[:=][ \t]*([A-Za-z0-9_.-]+)")
"""`# encoding: euc-jp` in one of the first two lines."""
_LOADS: Final = {
    "require": Kind.REQUIRE,
    "require_dependency": Kind.REQUIRE,
    "require_relative": Kind.REQUIRE_RELATIVE,
    "load": Kind.LOAD,
    "autoload": Kind.AUTOLOAD,
    "gem": Kind.GEM,
    "open": Kind.OPEN,
}
_RUBIES: Final = ("RbConfig.ruby", "Gem.ruby")
_TEMPLATES: Final = frozenset(("template", "partial", "layout", "action", "locals_template"))
_FOLDERS: Final = frozenset(("views", "public_folder", "public_dir"))
_VARIABLES: Final = ("identifier", "constant", "instance_variable", "class_variable", "global_variable")
_ADDS: Final = ("unshift", "push", "prepend", "append", "concat", "insert")
_STRING: Final = 4_096
"""Bytes of a string that may be an address."""
_WORDS: Final = 65
"""Words of a command that are looked at."""
_OWNER: Final = 100
"""Bytes of a receiver that may be a name."""


_SHAPES: Final = Shapes(
    functions=frozenset({"method", "singleton_method", "lambda", "end_block"}),
    branches={"binary": frozenset({"right"})},
    conditions={
        **dict.fromkeys(("if", "unless", "elsif", "if_modifier", "unless_modifier", "conditional"), "condition"),
        **dict.fromkeys(("while", "until", "while_modifier", "until_modifier"), "condition"),
        **dict.fromkeys(("case", "case_match", "for"), "value"),
    },
    guarded=frozenset({"rescue", "rescue_modifier", "ERROR"}),
    operations=frozenset({"binary"}),
    short_circuits=frozenset({"&&", "||", "and", "or"}),
    leaves=LEAVES,
)


class RubyScript(Statements):
    """One program."""

    language = "ruby"
    shapes = _SHAPES
    form = FORM
    lowering: RubyLowering

    def __init__(self, data: bytes, limits: Limits) -> None:
        super().__init__(data, limits)
        self.lowering = RubyLowering(self._spend)
        self._client: tuple[int, Firing, str] | None = None
        """Where the program first names something that may speak TLS."""
        self._secure = False

    def _handled(self) -> Mapping[str, Handler]:
        return {
            "begin": self._body,
            "body_statement": self._body,
            "block_body": self._body,
            "if": self._if,
            "elsif": self._if,
            "if_modifier": self._if,
            "binary": self._binary,
            "class": self._class,
            "assignment": self._assignment,
            "operator_assignment": self._assignment,
            "subshell": self._subshell,
            "string": self._string,
            "constant": self._constant,
            "scope_resolution": self._constant,
            "call": self._call,
        }

    def _refusal(self, data: bytes) -> str:
        return refusal(data, self._limits)

    def _begin(self) -> None:
        self._add(Kind.START, Firing.LOAD)
        match = _ENCODING.match(self._whole)
        if match:
            self._add(Kind.ENCODING, Firing.LOAD, self._literals(decoded(match[1])))

    def _finish(self) -> None:
        if self._client is not None and self._secure:
            self._line, firing, name = self._client
            # A connection is made when the program runs, not when it is loaded.
            self._add(Kind.TLS, Firing.DEFERRED if firing is Firing.LOAD else firing, name=name)
        self._add(Kind.END, Firing.LOAD)

    def _unread(self) -> None:
        """The features that lines of a program name of which not even the outline can be read."""
        self._line = 0
        for match in _PLAIN.finditer(self._whole):
            self._spend(4)
            kind = Kind.REQUIRE if match[1] == b"require" else Kind.REQUIRE_RELATIVE
            self._add(kind, Firing.GUARDED, self._literals(decoded(match[2])))

    def _literals(self, *texts: str) -> tuple[int, ...]:
        return tuple(map(self.lowering.literal, texts))

    def _text(self, node: Syntax | None, most: int) -> str:
        """The source of a node that is shorter than that, else nothing."""
        return self.lowering.text(node) if node is not None and node.end_byte - node.start_byte < most else ""

    # --- statements ---------------------------------------------------------------------------------------------------

    def _body(self, node: Syntax, firing: Firing) -> Parts | None:
        """Statements; those before a `rescue` may fail and be given up."""
        children = node.named_children
        if not any(child.type == "rescue" for child in children):
            return None
        return [(child, firing if child.type == "ensure" else weakened(firing)) for child in children]

    def _if(self, node: Syntax, firing: Firing) -> Parts | None:
        """What depends on a condition that never holds is left out."""
        condition = node.child_by_field_name("condition")
        if _FOREIGN.match(self._text(condition, 200).lstrip("(")) is None:
            return None
        yes = node.child_by_field_name("body" if node.type == "if_modifier" else "consequence")
        others = [child for child in node.named_children if child != yes]
        return [(child, firing if child == condition else weakened(firing)) for child in others]

    def _binary(self, node: Syntax, firing: Firing) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        sign = self._text(node.child_by_field_name("operator"), 10)
        if sign == "<<" and right is not None and self._text(left, _OWNER) in LOAD_PATHS:
            self._add(Kind.LOAD_PATH, firing, (self.lowering.of(right),))

    def _class(self, node: Syntax, firing: Firing) -> None:
        above = self._text(node.child_by_field_name("superclass"), _OWNER).lstrip("< ").removeprefix("::")
        if above.startswith("Sinatra::"):
            self._add(Kind.SINATRA, firing)
        elif above == "Rails::Application":
            self._add(Kind.RAILS, firing)

    def _assignment(self, node: Syntax, firing: Firing) -> Parts:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None:
            name = self._text(left, _OWNER)
            value = self.lowering.of(right)
            if name in LOAD_PATHS:
                self._add(Kind.LOAD_PATH, firing, (value,))
            elif left.type in _VARIABLES:
                self._add(Kind.ASSIGNMENT, firing, (value,), name=name)
            self._add(Kind.PATHS, firing, (value,))
        visited = (right, left if left is not None and left.type == "call" else None)
        return [(part, firing) for part in visited if part is not None]

    def _subshell(self, node: Syntax, firing: Firing) -> None:
        self._add(Kind.COMMAND_LINE, firing, (self.lowering.of(node),))

    def _string(self, node: Syntax, _firing: Firing) -> None:
        """One that begins with `https` makes a client of HTTP one of TLS."""
        if node.end_byte - node.start_byte < _STRING:
            self._secure = self._secure or self._data.startswith(b"https", node.start_byte + 1)

    def _constant(self, node: Syntax, firing: Firing) -> None:
        """A class that speaks TLS, one of Digest, or `Encoding::EUC_JP`."""
        name = self._text(node, 200).removeprefix("::")
        if name.startswith("Encoding::"):
            encoding = name.removeprefix("Encoding::").replace("_", "-")
            self._add(Kind.ENCODING, firing, self._literals(encoding))
        elif name.startswith(("Digest::", "OpenSSL::Digest")):
            self._add(Kind.DIGEST, firing, self._literals(name.rpartition("::")[2]))
        elif name in HTTP_CLIENTS or name in ALWAYS_TLS:
            self._secure = self._secure or name in ALWAYS_TLS
            self._client = self._client or (self._line, firing, name)

    # --- calls --------------------------------------------------------------------------------------------------------

    def _call(self, node: Syntax, firing: Firing) -> Parts | None:
        method, receiver = node.child_by_field_name("method"), node.child_by_field_name("receiver")
        name = self.lowering.text(method) if method is not None else ""
        owner = (self._text(receiver, _OWNER) or "?") if receiver is not None else ""
        arguments = self.lowering.arguments(node)
        if owner in ("", "Kernel", "self") and name in _LOADS:
            self._load(_LOADS[name], arguments, firing)
        elif name in (STARTS.get(owner.removeprefix("::"), ()) if owner else KERNEL_STARTS):
            self._command(arguments, firing)
        else:
            self._other(node, owner, name, arguments, firing)
        block = node.child_by_field_name("block")
        if block is None:
            return None
        others = [(child, firing) for child in node.named_children if child != block]
        return [*others, (block, self._block(block, receiver, name, firing))]

    def _load(self, kind: Kind, arguments: Sequence[Syntax], firing: Firing) -> None:
        if kind is Kind.AUTOLOAD:
            arguments, firing = arguments[1:], Firing.DEFERRED
        self._add(kind, firing, self.lowering.all(arguments[:1]))

    def _block(self, block: Syntax, receiver: Syntax | None, name: str, firing: Firing) -> Firing:
        """When a block runs; of one that goes through a list, the first parameter takes every text of it."""
        now = name in RUNS_NOW
        parameters = block.child_by_field_name("parameters")
        if now and receiver is not None and parameters is not None and parameters.named_children:
            first = self.lowering.text(parameters.named_children[0])
            self._add(Kind.EACH, firing, (self.lowering.of(receiver),), name=first)
        return firing if now else Firing.DEFERRED

    def _command(self, arguments: Sequence[Syntax], firing: Firing) -> None:
        """`system("line")`, `system("word", ...)`, `IO.popen(["word", ...])`; a leading hash is the environment."""
        words = [one for one in arguments if one.type != "hash"]
        if words and words[0].type in ("array", "string_array"):
            words = [child for child in words[0].named_children if child.type not in ("comment", "pair", "hash")]
        elif len(words) == 1 and words[0].type != "splat_argument":
            self._add(Kind.COMMAND_LINE, firing, (self.lowering.of(words[0]),))
            return
        own = bool(words) and self._text(words[0], _OWNER) in _RUBIES
        program = self._literals("ruby") if own else self.lowering.all(words[:1])
        if words:
            self._add(Kind.COMMAND, firing, (*program, *self.lowering.all(words[1:_WORDS])))

    def _other(self, node: Syntax, owner: str, name: str, arguments: Sequence[Syntax], firing: Firing) -> None:
        if owner in LOAD_PATHS and name in _ADDS:
            self._add(Kind.LOAD_PATH, firing, self.lowering.all(arguments[:16]))
        elif name in READS.get(owner, ()):
            self._add(Kind.NAMES, firing, self.lowering.all(arguments[: 2 if owner == "FileUtils" else 1]))
        elif f"{owner}.{name}" in BUILDS_PATHS:
            self._add(Kind.PATHS, firing, (self.lowering.of(node),))
        elif name in METHODS_THAT_READ and owner not in ("", "?"):
            self._add(Kind.PATHS, firing, (self.lowering.of(node.child_by_field_name("receiver")),))
        elif owner in ("Bundler", "::Bundler") and name in ("require", "setup"):
            self._add(Kind.BUNDLE, firing, name=name)
        elif owner == "Gem" and name in ("bin_path", "activate_bin_path"):
            self._add(Kind.GEM_PROGRAM, firing, self.lowering.all(arguments[:2]))
        self._native(owner, name, arguments, firing)
        self._conventions(node, owner, name, arguments, firing)

    def _native(self, owner: str, name: str, arguments: Sequence[Syntax], firing: Firing) -> None:
        """A call that names encodings or digests, or switches TLS on."""
        self._secure = self._secure or name in STARTS_TLS
        if owner == "" and name == "Digest":
            self._add(Kind.DIGEST, firing, self.lowering.all(arguments[:2]))
        if name in ENCODES or owner in ("Encoding::Converter", "Encoding"):
            self._add(Kind.ENCODING, firing, self.lowering.all(arguments[:2]))
        if owner in ("File", "IO", "CSV", ""):
            modes = [one for one in self.lowering.all(arguments[:2]) if self._may_be_mode(one)]
            if modes:
                self._add(Kind.MODE, firing, modes)

    def _may_be_mode(self, argument: int) -> bool:
        expression = self.lowering.made[argument]
        if expression.shape is Shape.TEXT:
            return MODE.match(expression.text) is not None
        return expression.shape is not Shape.OPAQUE

    def _conventions(self, node: Syntax, owner: str, name: str, arguments: Sequence[Syntax], firing: Firing) -> None:
        """A call that renders, sets a folder, or hands a folder to a loader."""
        lowering, own = self.lowering, owner in ("", "self")
        if (owner == "" and name in ENGINES) or (own and name in RENDERS):
            engine = name if name in ENGINES else ""
            keywords = lowering.keywords(node, _TEMPLATES)
            self._add(Kind.RENDER, firing, lowering.all(arguments[:1]), name=engine, keywords=keywords)
        elif name == "set" and (own or owner == "App"):
            keywords = lowering.keywords(node, _FOLDERS)
            self._add(Kind.SETTING, firing, lowering.all(arguments[:2]), keywords=keywords)
        elif name in ("push_dir", "autoload_dir"):
            self._add(Kind.FOLDER, firing, lowering.all(arguments[:1]), name=name)
        elif name in ("for_gem", "for_gem_extension") and owner.endswith("Zeitwerk::Loader"):
            self._add(Kind.OWN_FOLDER, firing, name=name)
        elif name == "use" and own:
            self._add(Kind.STATIC, firing, keywords=lowering.keywords(node, ("root",)))
