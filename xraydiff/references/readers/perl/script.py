"""The walk over one program's syntax tree, statement by statement, on an explicit stack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from xraydiff.facts import FileType, Firing, NodeKind
from xraydiff.paths import decoded, join, parent
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.kit.expressions import UNKNOWN, Value
from xraydiff.references.kit.lookup import Exhausted, Lookups
from xraydiff.references.kit.outline import Form
from xraydiff.references.kit.recorder import Sightings, weakened
from xraydiff.references.kit.traversal import Handler, Statements
from xraydiff.references.readers.perl.commands import Commands
from xraydiff.references.readers.perl.interpreter import Interpreter, find_interpreter
from xraydiff.references.readers.perl.modules import Modules
from xraydiff.references.readers.perl.native import Native
from xraydiff.references.readers.perl.parsing import FORM, code_of, refusal
from xraydiff.references.readers.perl.values import Scope, Values

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

    from xraydiff.facts import Edge

_READS: Final = frozenset(
    (
        "opendir",
        "stat",
        "lstat",
        "readlink",
        "read_file",
        "slurp",
        "read_text",
        "read_lines",
        "LoadFile",
        "DumpFile",
        "retrieve",
        "parse_file",
        "load_file",
        "parsefile",
        "read_binary",
        "edit_file",
        "copy",
        "move",
        "chdir",
        "tie",
    )
)
_READING_METHODS: Final = frozenset(
    (
        "slurp",
        "slurp_utf8",
        "slurp_raw",
        "lines",
        "lines_utf8",
        "openr",
        "opena",
        "openw",
        "children",
        "iterator",
        "parse_file",
        "load_file",
        "LoadFile",
        "read",
        "read_file",
        "parsefile",
        "absolute",
        "exists",
        "is_file",
    )
)
_PATH_KEYS: Final = frozenset(
    (
        "filename",
        "path",
        "INCLUDE_PATH",
        "root",
        "file",
        "template",
        "config",
        "directory",
        "dir",
        "include_path",
        "SSL_ca_file",
        "SSL_ca_path",
        "SSL_cert_file",
        "SSL_key_file",
    )
)
_PATH_CALLS: Final = frozenset(("catfile", "catdir", "rel2abs"))
_HANDLE_METHODS: Final = frozenset(("autoflush", "binmode", "getline", "getlines", "opened", "blocking", "printflush"))
_MAGIC: Final = {"$!": "Errno", "%!": "Errno", "$+": "Tie::Hash::NamedCapture", "$-": "Tie::Hash::NamedCapture"}
"""Variables whose module perl loads when it compiles them (gv.c, S_gv_magicalize)."""
_ATTRIBUTES: Final = frozenset(("lvalue", "method", "const", "prototype"))
_EVALUATED: Final = re.compile(r"\b(?:use|require|no)\s+([A-Za-z_][\w:]*::)?\0([\w:]*)")
_PLAIN: Final = re.compile(rb"^[ \t]*(?:use|require|no)[ \t]+([A-Za-z_][\w:]{0,200})[ \t]*[;(\s]", re.MULTILINE)
_SYSTEM: Final = re.compile(
    r"\s*\(?\s*\$\^O\s*(?:eq\s*['\"]|=~\s*m?/\^?\(?(?:\?:)?)(MSWin|VMS|MacOS|os2|dos|cygwin|darwin|epoc|Win)"
)
_OLDER: Final = re.compile(r"\s*\(?\s*\$\]\s*<=?\s*(5\.\d{1,6})\s*\)?\s*\Z")
_NAME: Final = re.compile(r"[A-Za-z_]\w*(?:::\w+)*\Z")


def read(subject: Subject, context: Context) -> Iterator[Edge | Gap]:
    """The references of a program."""
    inline = subject.node.kind is NodeKind.SCRIPT
    data = subject.node.text.encode("utf-8", "surrogateescape") if inline else subject.data
    seen = Sightings(subject.node, "perl", context.limits)
    try:
        _Program(subject, data, context, seen).run()
    except Exhausted:
        seen.gap("too-large", "more steps than the limit for one program")
    yield from seen.all()


def compiled(firing: Firing) -> Firing:
    """The firing of what perl loads when it compiles a program, even where it stands in a subroutine."""
    return Firing.LOAD if firing is Firing.DEFERRED else firing


class _Program(Statements):
    """One program, what its names hold so far, and what is still to be walked."""

    def __init__(self, subject: Subject, data: bytes, context: Context, seen: Sightings) -> None:
        inline = subject.node.kind is NodeKind.SCRIPT
        super().__init__(code_of(data.removeprefix(b"\xef\xbb\xbf")), "perl", context, seen, Lookups(context))
        directory = str(context.cwd) if inline else str(parent(subject.path))
        self._scope = Scope(path="-e" if inline else subject.path, directory=directory, held={})
        self._values = Values(self._data, self._scope, self._lookups)
        self._perl: Interpreter = find_interpreter(context, self._lookups)
        self._modules = Modules(self._scope, seen, self._lookups, self._perl)
        self._commands = Commands(self._values, seen, self._lookups)
        self._native = Native(seen, self._lookups, self._perl, self._modules.load)

    def _handled(self) -> Mapping[str, Handler]:
        return {
            "use_statement": self._used,
            "require_expression": self._require,
            "eval_expression": self._eval,
            "phaser_statement": self._phaser,
            "subroutine_declaration_statement": self._sub,
            "method_declaration_statement": self._sub,
            "anonymous_subroutine_expression": self._later,
            "conditional_statement": self._branches,
            "elsif": self._branches,
            "else": self._guarded,
            "postfix_conditional_expression": self._branches,
            "conditional_expression": self._branches,
            "loop_statement": self._branches,
            "postfix_loop_expression": self._branches,
            "cstyle_for_statement": self._guarded,
            "for_statement": self._for,
            "postfix_for_expression": self._for,
            "lowprec_logical_expression": self._logical,
            "binary_expression": self._logical,
            "try_statement": self._guarded,
            "defer_statement": self._guarded,
            "package_statement": self._package,
            "assignment_expression": self._assignment,
            "function_call_expression": self._call,
            "ambiguous_function_call_expression": self._call,
            "func1op_call_expression": self._call,
            "method_call_expression": self._method,
            "command_string": self._command,
            "fileglob_expression": self._fileglob,
            "hash_element_expression": self._element,
            "attribute": self._attribute,
            "string_literal": self._string,
            "interpolated_string_literal": self._string,
            "match_regexp": self._string,
            "substitution_regexp": self._string,
            "quoted_regexp": self._string,
            "ERROR": self._guarded,
        }

    def _leaves(self) -> frozenset[str]:
        return _LEAVES

    # --- the machine --------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Walk the program."""
        if b"\0" in self._data[:8192]:
            self._seen.gap("not-text")
            return
        if self._walked():
            self._native.finish()

    def _form(self) -> Form:
        return FORM

    def _refusal(self, data: bytes) -> str:
        return refusal(data, self._context.limits)

    def _use(self, data: bytes) -> None:
        self._data = self._values.data = data

    def _plainly(self) -> None:
        """The modules that lines of a program name of which not even the outline can be read."""
        for match in _PLAIN.finditer(self._data):
            self._lookups.spend(4)
            self._modules.load(decoded(match[1]), Firing.GUARDED)

    # --- statements ---------------------------------------------------------------------------------------------------

    def _guarded(self, node: Syntax, firing: Firing, depth: int) -> None:
        self._all(node.named_children, weakened(firing), depth)

    def _later(self, node: Syntax, _firing: Firing, depth: int) -> None:
        self._all(node.named_children, Firing.DEFERRED, depth)

    def _sub(self, node: Syntax, _firing: Firing, depth: int) -> None:
        """A subroutine; `use` itself calls `import`, and may not where the list is empty."""
        name = node.child_by_field_name("name")
        called = name is not None and self._values.text(name) in ("import", "unimport")
        self._all(node.named_children, Firing.GUARDED if called else Firing.DEFERRED, depth)

    def _phaser(self, node: Syntax, firing: Firing, depth: int) -> None:
        late = self._data.startswith(b"END", node.start_byte)
        self._all(node.named_children, Firing.DEFERRED if late else firing, depth)

    def _package(self, node: Syntax, firing: Firing, depth: int) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            self._scope.package = self._values.text(name)
        self._all(node.named_children, firing, depth)

    def _branches(self, node: Syntax, firing: Firing, depth: int) -> None:
        """A condition, then what depends on it."""
        condition = node.child_by_field_name("condition")
        never = condition is not None and self._never(node, condition)
        for child in reversed(node.named_children):
            if condition is not None and child.start_byte == condition.start_byte:
                self._push(self._visit, child, firing, depth)
            elif not (never and child.type not in ("elsif", "else")):
                self._push(self._visit, child, weakened(firing), depth)

    def _never(self, node: Syntax, condition: Syntax) -> bool:
        """Whether a condition asks for another system, or for a perl older than this one."""
        text = self._values.text(condition)
        if len(text) > 200 or b"unless" in self._data[node.start_byte : node.end_byte][-len(text) - 40 :]:
            return False
        older = _OLDER.match(text)
        if older and self._perl.version:
            return self._perl.version > float(older[1][:5])
        return _SYSTEM.match(text) is not None and "||" not in text

    def _logical(self, node: Syntax, firing: Firing, depth: int) -> None:
        """`a && b`, `a or b`: the first runs, the second may."""
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            self._all(node.named_children, firing, depth)
            return
        sign = self._data[left.end_byte : right.start_byte][:64].strip()
        guarded = weakened(firing) if sign in (b"&&", b"||", b"//", b"and", b"or", b"xor") else firing
        self._push(self._visit, right, guarded, depth)
        self._push(self._visit, left, firing, depth)

    def _for(self, node: Syntax, firing: Firing, depth: int) -> None:
        """A loop over a list: its variable takes every text of it."""
        variable, items = node.child_by_field_name("variable"), node.child_by_field_name("list")
        value = self._values.of(items)
        if value.known:
            name = self._values.text(variable) if variable is not None else "$_"
            self._scope.held[name.removeprefix("my ")] = Value(texts=value.texts, every=True)
        self._all(node.named_children, firing if value.known else weakened(firing), depth)

    def _assignment(self, node: Syntax, firing: Firing, depth: int) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None:
            inner = left.child_by_field_name("variable") if left.type == "variable_declaration" else left
            if left.type == "localization_expression" and left.named_child_count:
                inner = left.named_children[0]
            name = self._values.text(inner) if inner is not None and inner.type in ("scalar", "array") else ""
            value = self._values.of(right)
            if name and len(name) < 100:
                self._scope.set(name, value)
                self._modules.assigned(name, value, firing)
            self._place(value)
        self._all(node.named_children, firing, depth)

    # --- what is loaded -----------------------------------------------------------------------------------------------

    def _used(self, node: Syntax, firing: Firing, depth: int) -> None:
        """`use` happens when the program is compiled, wherever it stands."""
        module = node.child_by_field_name("module")
        if module is None:
            return
        rest = [child for child in node.named_children if child.start_byte > module.end_byte]
        words = self._values.words([child for child in rest if child.type not in ("number", "version")])
        name = self._values.text(module)
        at = Firing.GUARDED if firing is Firing.GUARDED else Firing.LOAD
        self._native.module(name, at)
        if name == "lib":
            self._modules.add_paths(words)
        self._modules.use(name, words, at)
        if name in ("open", "encoding"):
            for word in words:
                self._native.layers(word, at)
                if name == "encoding":
                    self._native.encoding(word, at)
        for child in rest:
            self._push(self._visit, child, at, depth)

    def _require(self, node: Syntax, firing: Firing, depth: int) -> None:
        for child in node.named_children[:1]:
            if child.type == "bareword":
                name = self._values.text(child)
                self._native.module(name, firing)
                self._modules.load(name, firing)
            elif child.type not in ("number", "version"):
                self._required(self._values.of(child), firing)
        self._all(node.named_children, firing, depth)

    def _required(self, value: Value, firing: Firing) -> None:
        sure = len(value.texts) == 1 or value.every
        for text in value.texts:
            how = firing if sure else weakened(firing)
            if UNKNOWN not in text:
                self._modules.file(text, how)
            elif not self._modules.prefix(text.replace("/", "::").removesuffix(".pm")):
                self._seen.gap("computed-name", text.replace(UNKNOWN, "..."))

    def _eval(self, node: Syntax, firing: Firing, depth: int) -> None:
        """`eval BLOCK`, whose errors go no further; `eval STRING`, a program of its own; `do FILE`."""
        for child in node.named_children[:1]:
            if child.type == "filename":
                for inner in child.named_children[:1]:
                    self._done(self._values.of(inner), firing)
            elif child.type != "block":
                for text in self._values.of(child).texts:
                    self._evaluated(text, weakened(firing))
        self._all(node.named_children, weakened(firing), depth)

    def _done(self, value: Value, firing: Firing) -> None:
        for text in value.texts:
            if UNKNOWN in text:
                self._named(text)
            else:
                self._modules.done(text, firing)

    def _evaluated(self, text: str, firing: Firing) -> None:
        if UNKNOWN not in text:
            if re.search(r"\b(?:use|require|do|no|system|exec|open)\b|`", text):
                self._seen.inline("perl", text, firing, text)
            return
        for match in _EVALUATED.finditer(text):
            name = f"{match[1] or ''}{UNKNOWN}{match[2]}"
            if not self._modules.prefix(name):
                self._seen.gap("computed-name", name.replace(UNKNOWN, "..."))

    # --- calls --------------------------------------------------------------------------------------------------------

    def _call(self, node: Syntax, firing: Firing, depth: int) -> None:
        if node.type == "func1op_call_expression":
            name = self._values.text(node.children[0]) if node.child_count else ""
            nodes = node.named_children[-1:]
        else:
            function = node.child_by_field_name("function")
            name = self._values.text(function) if function is not None else ""
            nodes = self._values.arguments(node)
        self._function(name, nodes, firing)
        self._all(node.named_children, firing, depth)

    def _function(self, name: str, nodes: list[Syntax], firing: Firing) -> None:
        short = name.rpartition("::")[2]
        if name.startswith("-") and len(name) == 2:
            self._named_by(nodes)
        elif name in ("push", "unshift") and nodes and self._values.text(nodes[0]) == "@INC":
            self._modules.add_paths(self._values.words(nodes[1:]))
        elif short == "bootstrap" or name == "XSLoader::load":
            self._modules.compiled(self._values.words(nodes[:1]), firing)
        elif name == "glob":
            self._modules.load("File::Glob", compiled(firing))
        elif name == "binmode":
            self._layers(nodes[1:2], firing)
        elif name == "open":
            self._open(nodes)
            self._layers(nodes[1:2], firing)
            self._commands.call(name, nodes, firing)
        elif not self._commands.call(short, nodes, firing):
            self._other(name, short, nodes, firing)

    def _other(self, name: str, short: str, nodes: list[Syntax], firing: Firing) -> None:
        if short in _READS:
            self._named_by(nodes[:2])
        if short.startswith("export_"):
            self._modules.load("Exporter::Heavy", firing)
        self._native.call(name, self._values.words(nodes[:3]), firing)
        for text in self._all_texts(nodes[:2]):
            self._modules.called(short, text, firing)

    def _all_texts(self, nodes: list[Syntax]) -> tuple[str, ...]:
        return tuple(text for node in nodes for text in self._values.of(node).texts)

    def _method(self, node: Syntax, firing: Firing, depth: int) -> None:
        method, invocant = node.child_by_field_name("method"), node.child_by_field_name("invocant")
        name = self._values.text(method) if method is not None else ""
        owner = self._values.text(invocant) if invocant is not None and invocant.child_count < 4 else ""
        nodes = self._values.arguments(node)
        if name.startswith("export_"):
            self._modules.load("Exporter::Heavy", firing)
        if name in _HANDLE_METHODS:
            self._modules.load("IO::File", firing)
        if name in _READING_METHODS:
            self._place(self._values.of(invocant))
            self._named_by(nodes[:1])
        elif name in ("require", "require_ok"):
            self._required_names(self._values.of(invocant), firing)
        elif name == "bootstrap":
            names = self._values.words([invocant] if invocant is not None else [])
            self._modules.compiled(names, firing)
        elif name in _PATH_CALLS:
            self._place(self._values.of(node))
        elif name == "new":
            self._keyed(nodes)
        for text in self._all_texts(nodes[:1]):
            self._modules.method(owner, name, text, firing)
        self._all(node.named_children, firing, depth)

    def _required_names(self, value: Value, firing: Firing) -> None:
        for text in value.texts:
            if _NAME.match(text):
                self._modules.load(text, firing)
            elif UNKNOWN in text:
                self._modules.prefix(text)

    def _keyed(self, nodes: list[Syntax]) -> None:
        """`filename => "x"` among the arguments of a constructor."""
        for key, value in pairwise(nodes):
            if key.type == "autoquoted_bareword" and self._values.text(key) in _PATH_KEYS:
                self._named_by([value])

    def _attribute(self, node: Syntax, firing: Firing, _depth: int) -> None:
        """An attribute that perl does not know itself is asked of `attributes` when it is compiled (attributes(3))."""
        if self._values.text(node).partition("(")[0] not in _ATTRIBUTES:
            self._modules.load("attributes", compiled(firing))

    def _command(self, node: Syntax, firing: Firing, depth: int) -> None:
        for text in self._values.of(node).texts:
            self._commands.line(text, firing)
        self._all(node.named_children, firing, depth)

    def _fileglob(self, node: Syntax, firing: Firing, depth: int) -> None:
        self._modules.load("File::Glob", compiled(firing))
        self._all(node.named_children, firing, depth)

    def _element(self, node: Syntax, firing: Firing, depth: int) -> None:
        container, key = node.child_by_field_name("hash"), node.child_by_field_name("key")
        name = self._values.text(container) if container is not None else ""
        if name in _MAGIC:
            self._modules.load(_MAGIC[name], compiled(firing))
        elif name in ("$Config", "$Config::Config"):
            for text in self._values.of(key).texts:
                self._modules.configured(text, firing)
        self._all(node.named_children, firing, depth)

    def _string(self, node: Syntax, firing: Firing, depth: int) -> None:
        if node.end_byte - node.start_byte < 4_096:
            raw = self._data[node.start_byte : node.end_byte]
            self._native.text(raw, firing)
            self._modules.literal(decoded(raw[1:-1]), firing)
        self._all(node.named_children, firing, depth)

    def _layers(self, nodes: list[Syntax], firing: Firing) -> None:
        for text in self._all_texts(nodes):
            self._native.layers(text, firing)

    # --- what is named ------------------------------------------------------------------------------------------------

    def _open(self, nodes: list[Syntax]) -> None:
        """`open HANDLE, MODE, PATH`, or with the mode before the path in one text."""
        if len(nodes) > 2:
            if nodes[2].type == "refgen_expression":
                self._native.scalar(Firing.DEFERRED)
            self._named_by(nodes[2:3])
        elif len(nodes) == 2:
            for text in self._values.of(nodes[1]).texts:
                if not text.endswith("|") and not text.startswith("|"):
                    self._named(text.lstrip("<>+ ").rstrip())

    def _named_by(self, nodes: list[Syntax]) -> None:
        for text in self._all_texts(nodes):
            self._named(text)

    def _place(self, value: Value) -> None:
        """A path that a name is given: what it was put together from says that it is one."""
        for text in value.texts if value.known else ():
            if text.startswith("/"):
                self._named(text)

    def _named(self, text: str) -> None:
        if UNKNOWN in text:
            # Of a name that is made up as the program runs, the directory is known.
            folder = text.partition(UNKNOWN)[0].rpartition("/")[0]
            found = self._lookups.named(folder, self._context.cwd) if folder.count("/") >= 1 else None
            if found is not None and found[1] is FileType.DIRECTORY and found[0].count("/") >= 2:
                self._seen.named(*found, text.replace(UNKNOWN, "..."))
            return
        found = self._lookups.named(join(self._context.cwd, text), "/") if text else None
        if found is not None and found[0].count("/") >= 1 + (found[1] is FileType.DIRECTORY):
            self._seen.named(*found, text)


_LEAVES: Final = frozenset(
    (
        "comment",
        "pod",
        "bareword",
        "number",
        "string_content",
        "escape_sequence",
        "function",
        "method",
        "package",
        "autoquoted_bareword",
        "heredoc_end",
        "heredoc_token",
        "regexp_content",
        "data_section",
        "eof_marker",
        "filehandle",
        "quoted_word_list",
        "prototype",
        "attrlist",
        "version",
    )
)
