"""The walk over one program's syntax tree, statement by statement, on an explicit stack."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from xraydiff.facts import EdgeKind, FileType, Firing, NodeKind
from xraydiff.paths import ImagePath, decoded, image_path, join, parent
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.kit.expressions import UNKNOWN, Scope, Value
from xraydiff.references.kit.lookup import Exhausted, Lookups
from xraydiff.references.kit.outline import Form
from xraydiff.references.kit.recorder import Sightings, weakened
from xraydiff.references.kit.traversal import Handler, Statements
from xraydiff.references.readers.ruby.commands import Commands
from xraydiff.references.readers.ruby.interpreter import Interpreter, find_interpreter
from xraydiff.references.readers.ruby.native import Native
from xraydiff.references.readers.ruby.parsing import FORM, refusal
from xraydiff.references.readers.ruby.programs import Programs
from xraydiff.references.readers.ruby.templates import Templates, code_of_template
from xraydiff.references.readers.ruby.values import Values

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax

    from xraydiff.facts import Edge

_LOAD_PATHS: Final = frozenset({"$LOAD_PATH", "$:", "$-I"})
_RUNS_NOW: Final = frozenset(
    (
        "each",
        "each_with_index",
        "each_pair",
        "each_with_object",
        "map",
        "flat_map",
        "collect",
        "select",
        "reject",
        "filter",
        "times",
        "tap",
        "then",
        "yield_self",
        "upto",
        "downto",
        "inject",
        "reduce",
        "sort_by",
        "group_by",
        "sum",
        "any?",
        "all?",
        "find",
        "detect",
        "chdir",
        "synchronize",
        "silence_warnings",
        "instance_eval",
        "class_eval",
        "module_eval",
        "class_exec",
        "instance_exec",
        "configure",
        "new",
        "for_env",
        "builder",
        "run_tasks",
        "lock",
    )
)
"""Methods that call their block where they stand; any other block is kept for later (a route, a handler, a task)."""
_READS: Final = {
    "File": frozenset(
        (
            "read",
            "open",
            "new",
            "readlines",
            "foreach",
            "binread",
            "exist?",
            "exists?",
            "file?",
            "directory?",
            "readable?",
            "stat",
            "size",
            "load",
            "size?",
            "zero?",
            "executable?",
            "mtime",
            "write",
            "binwrite",
        )
    ),
    "IO": frozenset(("read", "readlines", "foreach", "binread", "copy_stream")),
    "Dir": frozenset(
        ("children", "each_child", "entries", "foreach", "open", "new", "exist?", "chdir", "empty?", "mkdir")
    ),
    "YAML": frozenset(("load_file", "safe_load_file", "unsafe_load_file")),
    "Psych": frozenset(("load_file", "safe_load_file", "unsafe_load_file")),
    "JSON": frozenset(("load_file", "load_file!")),
    "CSV": frozenset(("read", "foreach", "open", "table", "readlines")),
    "Tilt": frozenset({"new"}),
    "FileUtils": frozenset(("cp", "cp_r", "mv", "ln_s", "mkdir_p", "mkdir", "rm_rf", "rm", "touch", "install")),
    "Pathname": frozenset({"new"}),
    "Zip::File": frozenset({"open"}),
    "SQLite3::Database": frozenset({"new"}),
    "Marshal": frozenset({"load"}),
    "Dotenv": frozenset({"load"}),
}
_PATHS: Final = {"File": frozenset({"join", "expand_path", "absolute_path", "realpath"})}
_METHODS_THAT_READ: Final = frozenset(("read", "binread", "readlines", "each_line", "open", "load_file"))
_PLAIN: Final = re.compile(rb"^[ \t]*(require|require_relative)[ \t(]+['\"]([A-Za-z0-9_./-]{1,200})['\"]", re.MULTILINE)
_FOREIGN: Final = re.compile(
    r"RUBY_ENGINE\s*==\s*[\"'](?:jruby|truffleruby|rbx|opal)[\"']|RUBY_PLATFORM\s*==\s*[\"']java[\"']"
    r"|(?:RUBY_PLATFORM|host_os\S*)\s*(?:=~|\.match\?\()\s*/[^/]*(?:mswin|mingw|cygwin|java|darwin)[^/]*/"
)
"""Conditions that never hold in a container of Linux with the usual Ruby."""


def read(subject: Subject, context: Context) -> Iterator[Edge | Gap]:
    """The references of a program."""
    inline = subject.node.kind is NodeKind.SCRIPT
    data = subject.node.text.encode("utf-8", "surrogateescape") if inline else subject.data
    if subject.path.endswith(".erb") and not inline:
        data = code_of_template(data)
    seen = Sightings(subject.node, "ruby", context.limits)
    try:
        _Program(subject, data.removeprefix(b"\xef\xbb\xbf"), context, seen).run()
    except Exhausted:
        seen.gap("too-large", "more steps than the limit for one program")
    yield from seen.all()


class _Program(Statements):
    """One program, what its names hold so far, and what is still to be walked."""

    def __init__(self, subject: Subject, data: bytes, context: Context, seen: Sightings) -> None:
        inline = subject.node.kind is NodeKind.SCRIPT
        super().__init__(data, "ruby", context, seen, Lookups(context))
        directory = str(context.cwd) if inline else str(parent(subject.path))
        scope = Scope(path="-e" if inline else subject.path, directory=directory, held={})
        self._values = Values(data, scope, self._lookups)
        self._ruby: Interpreter = find_interpreter(context, self._lookups)
        self._extra: list[str] = []
        """Directories that the program itself puts on the load path."""
        self._commands = Commands(self._values, seen, self._lookups)
        self._templates = Templates(self._values, seen, self._lookups, self._feature)
        self._native = Native(seen, self._lookups, self._ruby, self._feature)
        self._programs = Programs(seen, self._lookups, self._ruby)
        self._calls: dict[str, Callable[[Syntax, Firing], None]] = {
            "require": self._require,
            "require_dependency": self._require,
            "require_relative": self._require_relative,
            "load": self._load,
            "autoload": self._autoload,
            "gem": self._gem,
            "open": self._open,
        }

    def _handled(self) -> Mapping[str, Handler]:
        return {
            "begin": self._body,
            "body_statement": self._body,
            "block_body": self._body,
            "rescue": self._guarded,
            "rescue_modifier": self._guarded,
            "if": self._branches,
            "unless": self._branches,
            "elsif": self._branches,
            "if_modifier": self._branches,
            "unless_modifier": self._branches,
            "while": self._branches,
            "until": self._branches,
            "while_modifier": self._branches,
            "until_modifier": self._branches,
            "conditional": self._branches,
            "case": self._branches,
            "case_match": self._branches,
            "for": self._branches,
            "binary": self._binary,
            "method": self._method,
            "singleton_method": self._method,
            "lambda": self._method,
            "end_block": self._method,
            "class": self._class,
            "assignment": self._assignment,
            "operator_assignment": self._assignment,
            "subshell": self._subshell,
            "string": self._string,
            "constant": self._constant,
            "scope_resolution": self._constant,
            "call": self._call,
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
        self._programs.start(self._values.scope.path)
        if self._values.scope.path.endswith(".ru"):
            # A rackup file is the body of a Rack::Builder; servers that bring their own take Rack's where it is there.
            self._feature("rack/builder", Firing.GUARDED)
        self._native.magic_comment(self._data)
        if self._walked():
            self._native.finish()
            self._templates.finish()

    def _form(self) -> Form:
        return FORM

    def _refusal(self, data: bytes) -> str:
        return refusal(data, self._context.limits)

    def _use(self, data: bytes) -> None:
        self._data = self._values.data = data

    def _plainly(self) -> None:
        """The features that lines of a program name of which not even the outline can be read."""
        for match in _PLAIN.finditer(self._data):
            self._lookups.spend(4)
            self._seen.line = 0
            text = decoded(match[2])
            if match[1] == b"require":
                self._required(text, Firing.GUARDED)
            else:
                for path in self._beside(join(self._values.scope.directory, text)):
                    self._seen.file(path, EdgeKind.SOURCES, Firing.GUARDED, text, language=_language(path))

    # --- statements ---------------------------------------------------------------------------------------------------

    def _body(self, node: Syntax, firing: Firing, depth: int) -> None:
        """Statements; those before a `rescue` may fail and be given up."""
        children = node.named_children
        rescued = any(child.type == "rescue" for child in children)
        for child in reversed(children):
            guarded = rescued and child.type != "ensure"
            self._push(self._visit, child, weakened(firing) if guarded else firing, depth)

    def _branches(self, node: Syntax, firing: Firing, depth: int) -> None:
        """A condition, then what depends on it."""
        condition = node.child_by_field_name("condition") or node.child_by_field_name("value")
        start = condition.start_byte if condition is not None else -1
        foreign = condition is not None and node.type in ("if", "elsif", "if_modifier") and self._is_foreign(condition)
        yes = node.child_by_field_name("body" if node.type == "if_modifier" else "consequence")
        for child in reversed(node.named_children):
            if child.start_byte == start:
                self._push(self._visit, child, firing, depth)
            elif not (foreign and yes is not None and child.start_byte == yes.start_byte):
                self._push(self._visit, child, weakened(firing), depth)

    def _is_foreign(self, condition: Syntax) -> bool:
        text = self._values.text(condition)
        return len(text) < 200 and _FOREIGN.match(text.lstrip("(")) is not None

    def _binary(self, node: Syntax, firing: Firing, depth: int) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        sign = self._values.text(operator) if operator is not None else ""
        if left is not None and sign == "<<" and self._values.text(left) in _LOAD_PATHS:
            self._add_path([right] if right is not None else [])
        guarded = weakened(firing) if sign in ("&&", "||", "and", "or") else firing
        if right is not None:
            self._push(self._visit, right, guarded, depth)
        if left is not None:
            self._push(self._visit, left, firing, depth)

    def _method(self, node: Syntax, _firing: Firing, depth: int) -> None:
        self._all(node.named_children, Firing.DEFERRED, depth)

    def _guarded(self, node: Syntax, firing: Firing, depth: int) -> None:
        self._all(node.named_children, weakened(firing), depth)

    def _class(self, node: Syntax, firing: Firing, depth: int) -> None:
        above = node.child_by_field_name("superclass")
        if above is not None:
            self._templates.superclass(self._values.text(above).lstrip("< "))
        self._all(node.named_children, firing, depth)

    def _assignment(self, node: Syntax, firing: Firing, depth: int) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None:
            name = self._values.text(left) if left.end_byte - left.start_byte < 100 else ""
            value = self._values.of(right)
            if name in _LOAD_PATHS:
                self._add_path([right])
            elif left.type in ("identifier", "constant", "instance_variable", "class_variable", "global_variable"):
                self._values.scope.set(name, value)
            self._place(value)
        if left is not None and left.type == "call":
            self._push(self._visit, left, firing, depth)
        if right is not None:
            self._push(self._visit, right, firing, depth)

    def _place(self, value: Value) -> None:
        """A path that a name is given: what it was put together from says that it is one."""
        for text in value.texts if value.known else ():
            if text.startswith("/"):
                self._named(text)

    def _subshell(self, node: Syntax, firing: Firing, depth: int) -> None:
        for text in self._values.of(node).texts:
            self._commands.line(text, firing)
        self._all(node.named_children, firing, depth)

    def _string(self, node: Syntax, firing: Firing, depth: int) -> None:
        if node.end_byte - node.start_byte < 4_096:
            self._native.string(self._data[node.start_byte : node.end_byte])
        self._all(node.named_children, firing, depth)

    def _constant(self, node: Syntax, firing: Firing, _depth: int) -> None:
        if node.end_byte - node.start_byte < 200:
            self._native.constant(self._values.text(node), firing)

    # --- calls --------------------------------------------------------------------------------------------------------

    def _call(self, node: Syntax, firing: Firing, depth: int) -> None:
        method, receiver = node.child_by_field_name("method"), node.child_by_field_name("receiver")
        name = self._values.text(method) if method is not None else ""
        short = receiver is not None and receiver.end_byte - receiver.start_byte < 100
        owner = self._values.text(receiver) if receiver is not None and short else "" if receiver is None else "?"
        handler = self._calls.get(name) if owner in ("", "Kernel", "self") else None
        if handler is not None:
            handler(node, firing)
        elif self._commands.starts(owner, name):
            self._commands.call(node, firing)
        else:
            self._other(node, owner, name, firing)
        block = node.child_by_field_name("block")
        if block is not None:
            self._block(block, receiver, name, firing, depth)
        for child in reversed(node.named_children):
            if block is None or child.start_byte != block.start_byte:
                self._push(self._visit, child, firing, depth)

    def _block(self, block: Syntax, receiver: Syntax | None, name: str, firing: Firing, depth: int) -> None:
        """A block; of one that goes through a list, the first parameter takes every text of it."""
        now = name in _RUNS_NOW
        parameters = block.child_by_field_name("parameters")
        if now and receiver is not None and parameters is not None and parameters.named_children:
            value = self._values.of(receiver)
            if value.known:
                first = self._values.text(parameters.named_children[0])
                self._values.scope.held[first] = Value(texts=value.texts, every=True)
        self._push(self._visit, block, firing if now else Firing.DEFERRED, depth)

    def _other(self, node: Syntax, owner: str, name: str, firing: Firing) -> None:
        arguments = self._values.arguments(node)
        if owner in _LOAD_PATHS and name in ("unshift", "push", "prepend", "append", "concat", "insert"):
            self._add_path(arguments)
        elif name in _READS.get(owner, ()):
            for argument in arguments[:2] if owner == "FileUtils" else arguments[:1]:
                self._named_by(argument)
        elif name in _PATHS.get(owner, ()):
            self._place(self._values.of(node))
        elif name in _METHODS_THAT_READ and owner not in ("", "?"):
            receiver = node.child_by_field_name("receiver")
            self._place(self._values.of(receiver))
        elif owner in ("Bundler", "::Bundler") and name in ("require", "setup"):
            self._bundle(firing, everything=name == "require")
        elif owner == "Gem" and name in ("bin_path", "activate_bin_path"):
            names = [self._values.of(argument).texts[0] for argument in arguments[:2]]
            self._programs.gem_program(names, firing)
        self._native.call(owner, name, [self._values.of(argument) for argument in arguments[:2]], firing)
        self._templates.call(node, owner, name, firing)

    # --- what is loaded -----------------------------------------------------------------------------------------------

    def _require(self, node: Syntax, firing: Firing) -> None:
        for argument in self._values.arguments(node)[:1]:
            value = self._values.of(argument)
            sure = len(value.texts) == 1 or value.every
            for text in value.texts:
                self._required(text, firing if sure else weakened(firing))

    def _required(self, text: str, firing: Firing) -> None:
        if UNKNOWN not in text:
            self._feature(text, firing)
            if text in ("bundler/setup", "bundler/inline"):
                self._bundle(firing, everything=False)
            self._templates.required(text)
            return
        head, _, tail = text.partition(UNKNOWN)
        if "/" not in head or UNKNOWN in tail:
            self._seen.gap("computed-name", text.replace(UNKNOWN, "..."))
        elif head.startswith(("/", "./", "../")):
            pattern = join(self._context.cwd, f"{head}*{tail}")
            for path in self._lookups.glob(pattern if pattern.endswith(".rb") else f"{pattern}.rb"):
                self._seen.file(path, EdgeKind.IMPORTS, Firing.NAMED, f"{head}...{tail}")
        else:
            for path in self._ruby.starting_with(head, tail, self._lookups, self._extra):
                self._seen.file(path, EdgeKind.IMPORTS, Firing.NAMED, f"{head}...{tail}")

    def _feature(self, text: str, firing: Firing) -> None:
        """What `require` of a feature loads; what Ruby holds itself has no file, and so gives no edge."""
        if not text or len(text) > self._context.limits.path:
            return
        if text.startswith(("/", "./", "../", "~")):
            paths = self._beside(join(self._context.cwd, text))
        else:
            paths = self._ruby.files(text, self._lookups, self._extra) or self._near(text)
        for path in paths:
            self._seen.file(path, EdgeKind.IMPORTS, firing, text, language=_language(path))

    def _near(self, text: str) -> tuple[ImagePath, ...]:
        """A feature that nothing on the known load path has: some other file put this program's own folder on it."""
        head, slash, _ = text.partition("/")
        here = f"{self._values.scope.directory}/"
        roots = [here[: here.rfind(f"/{head}/")]] if slash and f"/{head}/" in here else []
        for root in (*roots, f"{self._context.cwd}/lib", str(self._context.cwd)):
            paths = self._beside(f"{root}/{text}")
            if paths and not self._lookups.is_system(root):
                return paths
        return ()

    def _beside(self, path: str) -> tuple[ImagePath, ...]:
        for name in (path, f"{path}.rb", f"{path}.so"):
            if self._lookups.is_file(name):
                return (image_path(name),)
        return ()

    def _require_relative(self, node: Syntax, firing: Firing) -> None:
        for argument in self._values.arguments(node)[:1]:
            value = self._values.of(argument)
            for text in value.texts:
                here = join(self._values.scope.directory, text) if UNKNOWN not in text else ""
                if here:
                    for path in self._beside(here):
                        sure = len(value.texts) == 1 or value.every
                        how = firing if sure else weakened(firing)
                        self._seen.file(path, EdgeKind.SOURCES, how, text, language=_language(path))
                else:
                    head = text.partition(UNKNOWN)[0]
                    self._required(f"{self._values.scope.directory}/{text}" if head else text, firing)

    def _load(self, node: Syntax, firing: Firing) -> None:
        for argument in self._values.arguments(node)[:1]:
            value = self._values.of(argument)
            sure = len(value.texts) == 1 or value.every
            for text in value.texts:
                roots = (
                    (self._context.cwd,) if text.startswith((".", "/")) else (*self._ruby.load_path, self._context.cwd)
                )
                path = next((join(root, text) for root in roots if self._lookups.is_file(join(root, text))), None)
                if UNKNOWN in text:
                    self._seen.gap("computed-name", text.replace(UNKNOWN, "..."))
                elif path is not None:
                    how = firing if sure else weakened(firing)
                    self._seen.file(path, EdgeKind.SOURCES, how, text, language="ruby")

    def _autoload(self, node: Syntax, _firing: Firing) -> None:
        for argument in self._values.arguments(node)[1:2]:
            for text in self._values.of(argument).texts:
                self._required(text, Firing.DEFERRED)

    def _gem(self, node: Syntax, firing: Firing) -> None:
        for argument in self._values.arguments(node)[:1]:
            for text in self._values.of(argument).texts:
                found = self._ruby.gem(text)
                if found is not None:
                    self._seen.file(found.specification, EdgeKind.IMPORTS, firing, f"gem {text}")

    def _bundle(self, firing: Firing, *, everything: bool) -> None:
        """What Bundler reads at the start, and what `Bundler.require` then loads of every gem of the Gemfile."""
        bundle = self._ruby.bundle
        if bundle.lock is None:
            return
        lock = bundle.lock
        gemfile = lock.removesuffix(".lock") if lock.endswith(".lock") else f"{parent(lock)}/gems.rb"
        for path in (gemfile, lock):
            if self._lookups.is_file(path):
                self._seen.file(image_path(path), EdgeKind.LOADS, firing, "Bundler")
        for name in bundle.wanted if everything else ():
            self._lookups.spend(1 + len(self._ruby.gems) // 8)
            found = self._ruby.gem(name)
            if found is not None:
                self._seen.file(found.specification, EdgeKind.IMPORTS, firing, f"gem {name}")
            for feature in dict.fromkeys((name, name.replace("-", "/"))):
                self._feature(feature, weakened(firing))

    # --- what is named ------------------------------------------------------------------------------------------------

    def _named_by(self, node: Syntax) -> None:
        for text in self._values.of(node).texts:
            self._named(text)

    def _open(self, node: Syntax, firing: Firing) -> None:
        """Kernel#open: a file, or behind a bar a command."""
        for argument in self._values.arguments(node)[:1]:
            for text in self._values.of(argument).texts:
                if text.startswith("|"):
                    self._commands.line(text[1:], firing)
                else:
                    self._named(text)

    def _named(self, text: str) -> None:
        if UNKNOWN in text:
            # Of a name that is made up as the program runs, the directory is known.
            folder = text.partition(UNKNOWN)[0].rpartition("/")[0]
            found = self._lookups.named(folder, self._context.cwd) if folder.count("/") >= 1 else None
            if found is not None and found[1] is FileType.DIRECTORY and found[0].count("/") >= 2:
                self._seen.named(*found, text.replace(UNKNOWN, "..."))
            return
        found = self._lookups.named(text, self._context.cwd)
        if found is not None and found[0].count("/") >= 1 + (found[1] is FileType.DIRECTORY):
            self._seen.named(*found, text)

    def _add_path(self, nodes: list[Syntax]) -> None:
        for node in nodes[:16]:
            for text in self._values.of(node).texts:
                path = join(self._context.cwd, text)
                if UNKNOWN not in text and path not in self._extra and len(self._extra) < 64:
                    self._extra.insert(0, path)


def _language(path: str) -> str:
    return "" if path.endswith(".so") else "ruby"


_LEAVES = frozenset(
    (
        "comment",
        "identifier",
        "instance_variable",
        "class_variable",
        "global_variable",
        "simple_symbol",
        "string_content",
        "escape_sequence",
        "integer",
        "float",
        "true",
        "false",
        "nil",
        "self",
        "uninterpreted",
        "heredoc_content",
        "heredoc_end",
        "heredoc_beginning",
        "regex",
        "operator",
    )
)
