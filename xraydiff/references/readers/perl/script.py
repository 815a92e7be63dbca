"""What a Perl program does, statement by statement: its steps, made of nothing but its text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from xraydiff.facts import Firing
from xraydiff.limits import Limits
from xraydiff.paths import decoded
from xraydiff.references.kit.expressions import Shape
from xraydiff.references.kit.recorder import weakened
from xraydiff.references.kit.statements import Statements
from xraydiff.references.kit.traversal import Handler, Part, Parts, Shapes, parts
from xraydiff.references.readers.perl.lowering import PerlLowering
from xraydiff.references.readers.perl.parsing import FORM, code_of, refusal
from xraydiff.references.readers.perl.values import SPECIAL
from xraydiff.references.readers.perl.vocabulary import (
    ENCODES,
    HANDLE_METHODS,
    LEAVES,
    LOADERS,
    OPENS,
    PATH_CALLS,
    PATH_KEYS,
    PREFIXED,
    READING_METHODS,
    READS,
    Kind,
)

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

__all__ = ["PerlScript"]

_MAGIC: Final = {"$!": "Errno", "%!": "Errno", "$+": "Tie::Hash::NamedCapture", "$-": "Tie::Hash::NamedCapture"}
"""Variables whose module perl loads when it compiles them (gv.c, S_gv_magicalize)."""
_ATTRIBUTES: Final = frozenset(("lvalue", "method", "const", "prototype"))
_PLAIN: Final = re.compile(rb"^[ \t]*(?:use|require|no)[ \t]+([A-Za-z_][\w:]{0,200})[ \t]*[;(\s]", re.MULTILINE)
_SYSTEM: Final = re.compile(
    r"\s*\(?\s*\$\^O\s*(?:eq\s*['\"]|=~\s*m?/\^?\(?(?:\?:)?)(MSWin|VMS|MacOS|os2|dos|cygwin|darwin|epoc|Win)"
)
_OLDER: Final = re.compile(r"\s*\(?\s*\$\]\s*<=?\s*(5\.\d{1,6})\s*\)?\s*\Z")
_PROPERTY: Final = re.compile(rb"\\[pP]\{\s*\^?\s*([A-Za-z_ =:]{1,60})\}")
_NAMED: Final = re.compile(rb"\\N\{\s*[A-Z]")
_LOAD_CLASS: Final = ("Module::Load", "Module::Runtime", "Class::Load")
_PERL: Final = ("$^X", "$EXECUTABLE_NAME")
_ITEMS: Final = 64
"""Arguments of a call that are looked at."""
_STRING: Final = 4_096
"""Bytes of a string that may say something by itself."""
_NAME: Final = 100
"""Bytes of a name."""


_CONDITIONAL: Final = (
    *("conditional_statement", "elsif", "postfix_conditional_expression", "conditional_expression"),
    *("loop_statement", "postfix_loop_expression"),
)
_SHAPES: Final = Shapes(
    functions=frozenset({"anonymous_subroutine_expression"}),
    branches=dict.fromkeys(("lowprec_logical_expression", "binary_expression"), frozenset({"right"})),
    conditions=dict.fromkeys(_CONDITIONAL, "condition"),
    guarded=frozenset({"else", "cstyle_for_statement", "try_statement", "defer_statement", "eval_expression", "ERROR"}),
    operations=frozenset({"lowprec_logical_expression", "binary_expression"}),
    short_circuits=frozenset({"&&", "||", "//", "and", "or", "xor"}),
    leaves=LEAVES,
)


class PerlScript(Statements):
    """One program."""

    language = "perl"
    shapes = _SHAPES
    form = FORM
    lowering: PerlLowering

    def __init__(self, data: bytes, limits: Limits) -> None:
        super().__init__(code_of(data.removeprefix(b"\xef\xbb\xbf")), limits)
        self.lowering = PerlLowering(self._spend)

    def _handled(self) -> Mapping[str, Handler]:
        return {
            "use_statement": self._used,
            "require_expression": self._require,
            "eval_expression": self._eval,
            "phaser_statement": self._phaser,
            "subroutine_declaration_statement": self._sub,
            "method_declaration_statement": self._sub,
            **dict.fromkeys(_CONDITIONAL, self._branches),
            "for_statement": self._for,
            "postfix_for_expression": self._for,
            "package_statement": self._package,
            "assignment_expression": self._assignment,
            "function_call_expression": self._call,
            "ambiguous_function_call_expression": self._call,
            "func1op_call_expression": self._call,
            "method_call_expression": self._method,
            "command_string": self._backticks,
            "fileglob_expression": self._fileglob,
            "hash_element_expression": self._element,
            "attribute": self._attribute,
            "string_literal": self._string,
            "interpolated_string_literal": self._string,
            "match_regexp": self._string,
            "substitution_regexp": self._string,
            "quoted_regexp": self._string,
        }

    def _refusal(self, data: bytes) -> str:
        return refusal(data, self._limits)

    def _begin(self) -> None:
        """Nothing is known of a program before its first statement."""

    def _finish(self) -> None:
        self._add(Kind.END, Firing.LOAD)

    def _unread(self) -> None:
        """The modules that lines of a program name of which not even the outline can be read."""
        for match in _PLAIN.finditer(self._whole):
            self._spend(4)
            self._add(Kind.MODULE, Firing.GUARDED, name=decoded(match[1]))

    def _text(self, node: Syntax | None, most: int = _NAME) -> str:
        """The source of a node that is shorter than that, else nothing."""
        return self.lowering.text(node) if node is not None and node.end_byte - node.start_byte < most else ""

    # --- statements ---------------------------------------------------------------------------------------------------

    def _sub(self, node: Syntax, _firing: Firing) -> Parts:
        """A subroutine; `use` itself calls `import`, and may not where the list is empty."""
        called = self._text(node.child_by_field_name("name")) in ("import", "unimport")
        return parts(node, Firing.GUARDED if called else Firing.DEFERRED)

    def _phaser(self, node: Syntax, firing: Firing) -> Parts:
        late = self._data.startswith(b"END", node.start_byte)
        return parts(node, Firing.DEFERRED if late else firing)

    def _package(self, node: Syntax, firing: Firing) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            self._add(Kind.PACKAGE, firing, name=self.lowering.text(name))

    def _branches(self, node: Syntax, firing: Firing) -> Parts | None:
        """What depends on a condition that is true of another system is left out; of an older perl, it is a region."""
        condition = node.child_by_field_name("condition")
        text = self._condition(node, condition) if condition is not None else ""
        older = _OLDER.match(text)
        never = _SYSTEM.match(text) is not None and "||" not in text
        if not (older or never):
            return None
        visited: list[Part] = []
        for child in node.named_children:
            if child == condition:
                visited.append((child, firing))
            elif child.type in ("elsif", "else"):
                visited.append((child, weakened(firing)))
            elif older:
                begin = partial(self._add, Kind.OLDER, Firing.LOAD, name=older[1][:5])
                visited += (begin, (child, weakened(firing)), partial(self._add, Kind.CLOSE, firing))
        return visited

    def _condition(self, node: Syntax, condition: Syntax) -> str:
        """The source of a short condition that has to hold."""
        text = self._text(condition, 201)
        before = max(node.start_byte, node.end_byte - len(text) - 40)
        return text if b"unless" not in self._data[before : node.end_byte] else ""

    def _for(self, node: Syntax, firing: Firing) -> Parts:
        """A loop over a list: its variable takes every text of it."""
        items = self.lowering.of(node.child_by_field_name("list"))
        if self._opaque(items):
            return parts(node, weakened(firing))
        variable = node.child_by_field_name("variable")
        name = self.lowering.text(variable) if variable is not None else "$_"
        self._add(Kind.LOOP, firing, (items,), name=name.removeprefix("my "))
        return [*parts(node, firing), partial(self._add, Kind.CLOSE, firing)]

    def _opaque(self, index: int) -> bool:
        return self.lowering.made[index].shape is Shape.OPAQUE

    def _assignment(self, node: Syntax, firing: Firing) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None:
            inner = left.child_by_field_name("variable") if left.type == "variable_declaration" else left
            if left.type == "localization_expression" and left.named_child_count:
                inner = left.named_children[0]
            name = self._text(inner) if inner is not None and inner.type in ("scalar", "array") else ""
            value = self.lowering.of(right)
            if name and (name.lstrip("$") in SPECIAL or not self._opaque(value)):
                self._add(Kind.ASSIGNMENT, firing, (value,), name=name)
            if not self._opaque(value):
                self._add(Kind.PATHS, firing, (value,))

    # --- what is loaded -----------------------------------------------------------------------------------------------

    def _used(self, node: Syntax, firing: Firing) -> Parts:
        """`use` happens when the program is compiled, wherever it stands."""
        module = node.child_by_field_name("module")
        if module is None:
            return ()
        rest = [child for child in node.named_children if child.start_byte > module.end_byte]
        words = [child for child in rest if child.type not in ("number", "version")]
        self._add(Kind.USE, firing, self.lowering.all(words[:_ITEMS]), name=self.lowering.text(module))
        return [(child, Firing.GUARDED if firing is Firing.GUARDED else Firing.LOAD) for child in rest]

    def _require(self, node: Syntax, firing: Firing) -> None:
        for child in node.named_children[:1]:
            if child.type == "bareword":
                self._add(Kind.REQUIRE, firing, name=self.lowering.text(child))
            elif child.type not in ("number", "version"):
                self._add(Kind.REQUIRE_FILE, firing, (self.lowering.of(child),))

    def _eval(self, node: Syntax, firing: Firing) -> None:
        """`eval BLOCK`, whose errors go no further; `eval STRING`, a program of its own; `do FILE`."""
        for child in node.named_children[:1]:
            if child.type == "filename":
                self._add(Kind.DO, firing, self.lowering.all(child.named_children[:1]))
            elif child.type != "block":
                self._add(Kind.EVALUATE, weakened(firing), (self.lowering.of(child),))

    # --- calls --------------------------------------------------------------------------------------------------------

    def _call(self, node: Syntax, firing: Firing) -> None:
        name, arguments = self.lowering.called(node)
        self._function(name, arguments, firing)

    def _function(self, name: str, nodes: list[Syntax], firing: Firing) -> None:
        short, lower = name.rpartition("::")[2], self.lowering.all
        if name.startswith("-") and len(name) == 2:
            self._add(Kind.NAMES, firing, lower(nodes[:_ITEMS]))
        elif name in ("push", "unshift") and nodes and self._text(nodes[0]) == "@INC":
            self._add(Kind.INC, firing, lower(nodes[1:_ITEMS]))
        elif short == "bootstrap" or name == "XSLoader::load":
            self._add(Kind.OBJECT, firing, lower(nodes[:1]))
        elif name == "glob":
            self._add(Kind.COMPILED, firing, name="File::Glob")
        elif name == "binmode":
            self._add(Kind.LAYERS, firing, lower(nodes[1:2]))
        elif name == "open":
            self._open(nodes, firing)
        elif short in ("system", "exec", "readpipe"):
            self._command([node for node in nodes if node.type != "block"], firing)
        elif short in OPENS:
            self._command(nodes[OPENS[short] :], firing)
        else:
            self._other(short, nodes, firing)

    def _open(self, nodes: list[Syntax], firing: Firing) -> None:
        """`open HANDLE, MODE, PATH`: a file handle over a variable takes a reference in place of a path."""
        if len(nodes) > 2 and nodes[2].type == "refgen_expression":
            self._add(Kind.MODULE, Firing.DEFERRED, name="PerlIO::scalar")
        if len(nodes) > 1:
            self._add(Kind.OPEN, firing, self.lowering.all(nodes[1:_ITEMS]))

    def _command(self, nodes: list[Syntax], firing: Firing) -> None:
        """`system LIST`, `run [LIST]`."""
        if len(nodes) == 1 and nodes[0].type == "anonymous_array_expression":
            inner = nodes[0].named_children
            nodes = inner[0].named_children if len(inner) == 1 and inner[0].type == "list_expression" else inner
        own = len(nodes) > 1 and self._text(nodes[0]) in _PERL
        program = (self.lowering.literal("perl"),) if own else self.lowering.all(nodes[:1])
        if nodes:
            self._add(Kind.COMMAND, firing, (*program, *self.lowering.all(nodes[1:_ITEMS])))

    def _other(self, short: str, nodes: list[Syntax], firing: Firing) -> None:
        if short in READS:
            self._add(Kind.NAMES, firing, self.lowering.all(nodes[:2]))
        if short.startswith("export_"):
            self._add(Kind.MODULE, firing, name="Exporter::Heavy")
        if short in ENCODES:
            self._add(Kind.ENCODING, firing, self.lowering.all(nodes[:3]))
        if short in LOADERS or short in PREFIXED:
            self._add(Kind.LOADER, firing, self.lowering.all(nodes[:2]), name=short)

    def _method(self, node: Syntax, firing: Firing) -> None:
        method, invocant = node.child_by_field_name("method"), node.child_by_field_name("invocant")
        name = self.lowering.text(method) if method is not None else ""
        nodes = self.lowering.arguments(node)
        if name.startswith("export_"):
            self._add(Kind.MODULE, firing, name="Exporter::Heavy")
        if name in HANDLE_METHODS:
            self._add(Kind.MODULE, firing, name="IO::File")
        if name in READING_METHODS:
            self._add(Kind.PATHS, firing, (self.lowering.of(invocant),))
            self._add(Kind.NAMES, firing, self.lowering.all(nodes[:1]))
        elif name in ("require", "require_ok"):
            self._add(Kind.REQUIRE_CLASS, firing, (self.lowering.of(invocant),))
        elif name == "bootstrap":
            self._add(Kind.OBJECT, firing, self.lowering.all([invocant] if invocant is not None else []))
        elif name in PATH_CALLS:
            self._add(Kind.PATHS, firing, (self.lowering.of(node),))
        elif name == "new":
            self._keyed(nodes, firing)
        self._loads(self._text(invocant), name, nodes, firing)

    def _keyed(self, nodes: list[Syntax], firing: Firing) -> None:
        """`filename => "x"` among the arguments of a constructor."""
        for key, value in pairwise(nodes):
            if key.type == "autoquoted_bareword" and self._text(key) in PATH_KEYS:
                self._add(Kind.NAMES, firing, (self.lowering.of(value),))

    def _loads(self, owner: str, name: str, nodes: Sequence[Syntax], firing: Firing) -> None:
        """A method that loads the module whose name it is given."""
        if name in LOADERS or name in PREFIXED:
            self._add(Kind.LOADER, firing, self.lowering.all(nodes[:1]), name=name)
        if name.startswith("connect"):
            self._add(Kind.DRIVER, firing, self.lowering.all(nodes[:1]))
        if owner in _LOAD_CLASS:
            self._add(Kind.LOADER, firing, self.lowering.all(nodes[:1]), name="load_class")

    # --- what says something by itself --------------------------------------------------------------------------------

    def _attribute(self, node: Syntax, firing: Firing) -> None:
        """An attribute that perl does not know itself is asked of `attributes` when it is compiled (attributes(3))."""
        if self.lowering.text(node).partition("(")[0] not in _ATTRIBUTES:
            self._add(Kind.COMPILED, firing, name="attributes")

    def _backticks(self, node: Syntax, firing: Firing) -> None:
        self._add(Kind.COMMAND_LINE, firing, (self.lowering.of(node),))

    def _fileglob(self, _node: Syntax, firing: Firing) -> None:
        self._add(Kind.COMPILED, firing, name="File::Glob")

    def _element(self, node: Syntax, firing: Firing) -> None:
        name = self._text(node.child_by_field_name("hash"))
        if name in _MAGIC:
            self._add(Kind.COMPILED, firing, name=_MAGIC[name])
        elif name in ("$Config", "$Config::Config"):
            self._add(Kind.CONFIG, firing, (self.lowering.of(node.child_by_field_name("key")),))

    def _string(self, node: Syntax, firing: Firing) -> None:
        """A string or pattern: properties and names of characters, an address, the name of a data source."""
        if node.end_byte - node.start_byte < _STRING:
            raw = self._data[node.start_byte : node.end_byte]
            if b"https://" in raw:
                self._add(Kind.TLS, firing)
            for match in _PROPERTY.finditer(raw):
                self._add(Kind.PROPERTY, firing, name=decoded(match[1]))
            if _NAMED.search(raw):
                self._add(Kind.CHARACTER_NAMES, firing)
            if raw[1:5] in (b"dbi:", b"DBI:"):
                later = Firing.DEFERRED if firing is Firing.LOAD else firing
                self._add(Kind.DRIVER, later, (self.lowering.literal(decoded(raw[1:-1])),))
