"""The walk over one script's syntax tree, statement by statement as a shell would run it, on an explicit stack."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from xraydiff.errors import ImageError
from xraydiff.facts import Firing, NodeKind
from xraydiff.paths import ImagePath, join
from xraydiff.references import Context, Gap, Subject
from xraydiff.references.shell.commands import Call, Commands
from xraydiff.references.shell.findings import Findings, weakened
from xraydiff.references.shell.lookups import Exhausted, Lookups
from xraydiff.references.shell.variables import (
    ARGUMENTS,
    DIRECTORY,
    ENDED,
    NOTHING_KNOWN,
    REST,
    SEPARATOR,
    STDIN,
    UNKNOWN,
    Value,
    Variables,
    active,
    is_pattern,
    pattern,
    plain,
    union,
)
from xraydiff.references.shell.words import Source, Word, Words, substitutions
from xraydiff.tree.glob import matches

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax
    from tree_sitter import Parser

    from xraydiff.facts import Edge

_CANDIDATES = 64
"""Texts kept for one variable; a loop over a directory may bring as many as `Limits.directory_targets`."""
_SOURCED = 32
"""Sourced files that one script is followed into for what they set and define."""
_CALLS = 8
"""Lists of arguments with which one function is gone through."""
_CHAINS = re.compile(rb"\|\|?|\(\s*\)|=\(|<")
"""What costs the parser its square where it comes in a chain."""
_KEYWORDS_SHELL = re.compile(rb"#!.*\b(bash|ksh|zsh)")
_ERROR_SIBLINGS = 100_000
"""Children of a node that are looked through for the first error."""
_ALWAYS = frozenset({":", "true"})
_NEVER = frozenset({"false"})
_OWN_WORDS = frozenset({"word", "raw_string", "string", "concatenation", "simple_expansion", "expansion", "number"})

Branch = dict[str, Value | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of a script: its body and the script that defines it."""

    body: Syntax
    source: Source


@cache
def _parser() -> Parser:
    """The one parser; importing the grammar costs milliseconds that a comparison without scripts need not pay."""
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def read(subject: Subject, context: Context) -> Iterator[Edge | Gap]:
    """The references of a script."""
    inline = subject.node.kind is NodeKind.SCRIPT
    data = subject.node.text.encode("utf-8", "surrogateescape") if inline else subject.data
    findings = Findings(subject.node, context.limits)
    script = _Script(subject, context, findings)
    script.run(data)
    yield from findings.all()


def _text(data: bytes) -> bytes:
    """The script without a byte order mark, and without the archive that some installers carry behind their text."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    nul = data.find(b"\0")
    return data if nul < 0 else data[: data.rfind(b"\n", 0, nul) + 1]


class _Script:
    """One script, the variables and functions that it has so far, and what is still to be walked."""

    def __init__(self, subject: Subject, context: Context, findings: Findings) -> None:
        self._context = context
        self._findings = findings
        self._variables = Variables(context.env, _CANDIDATES)
        self._variables.set("PATH", Value((":".join(context.path),)))
        self._variables.set(DIRECTORY, Value((context.cwd,)))
        self._variables.set(ARGUMENTS, Value((REST,), sure=False))
        self._lookups = Lookups(context, self._variables)
        inline = subject.node.kind is NodeKind.SCRIPT
        named = not inline and not (subject.node.language and not subject.data.startswith(b"#!"))
        source = Source(b"", own=True, path=subject.path, named=not inline)
        self._named = named
        self._words = Words(self._variables, source, self._lookups)
        self._commands = Commands(self._words, findings, self._call, self._take)
        if _KEYWORDS_SHELL.match(subject.data[:256]):
            self._commands.keywords = frozenset({"time"})
        self._functions: dict[str, list[Function]] = {}
        self._called: dict[tuple[str, Firing, bool], set[str]] = {}
        self._sourced: set[str] = {subject.path}
        self._stack: list[tuple[Callable[..., None], tuple[object, ...]]] = []
        self._depth = 0

    # --- the machine ------------------------------------------------------------------------------------------------

    def run(self, data: bytes) -> None:
        """Walk the script, then the functions that nothing called."""
        text = _text(data)
        if not text.strip():
            if data.strip():
                self._findings.gap("not-text")
            return
        try:
            source = Source(text, own=True, path=self._words.source.path, named=self._words.source.named)
            if self._parse(source):
                self._drain()
                self._uncalled()
                self._drain()
        except Exhausted:
            self._findings.quiet = False
            self._findings.gap("too-large", "more steps than the limit for one script")
        for what in self._lookups.too_many:
            self._findings.gap("too-large", what)

    def _drain(self) -> None:
        stack = self._stack
        while stack:
            step, arguments = stack.pop()
            step(*arguments)

    def _push(self, step: Callable[..., None], *arguments: object) -> None:
        self._stack.append((step, arguments))

    def _parse(self, source: Source) -> bool:
        """Put a script on the stack; false where it is too large for the parser."""
        chains = sum(1 for found in _CHAINS.finditer(source.data) if found[0] != b"||")
        if len(source.data) > self._context.limits.script or chains > self._context.limits.script_chains:
            self._findings.gap("too-large", f"{len(source.data)} bytes, {chains} pipes, here-documents and the like")
            return False
        root = _parser().parse(source.data).root_node
        if root.has_error:
            self._findings.gap("malformed", _first_error(root, source))
        self._words.source = source
        self._push(self._visit, root, Firing.LOAD, 0)
        return True

    def _uncalled(self) -> None:
        self._variables.set(ENDED, None)
        for name in sorted(self._functions, reverse=True):
            if not any((name, firing, False) in self._called for firing in Firing):
                for function in self._functions[name]:
                    if function.source.own:
                        self._push(self._body, name, function, Firing.DEFERRED, (REST,))

    # --- statements -------------------------------------------------------------------------------------------------

    def _visit(self, node: Syntax, firing: Firing, depth: int) -> None:
        # Children are paid for before they are made: a statement may have a million.
        self._lookups.spend(1 + node.child_count)
        if depth > self._context.limits.script_depth:
            self._findings.gap("too-deep")
            return
        if firing is Firing.LOAD and self._variables.get(ENDED) is not None:
            firing = Firing.GUARDED
        handler = _HANDLERS.get(node.type)
        if handler is not None:
            handler(self, node, firing, depth + 1)
        elif node.type not in _LEAVES:
            self._all(node.children, firing, depth + 1)

    def _all(self, nodes: list[Syntax], firing: Firing, depth: int) -> None:
        for node in reversed(nodes):
            if node.is_named:
                self._stack.append((self._visit, (node, firing, depth)))

    def _skip(self, node: Syntax, firing: Firing, depth: int) -> None:
        pass

    def _error(self, node: Syntax, firing: Firing, depth: int) -> None:
        self._all(node.children, weakened(firing), depth)

    def _list(self, node: Syntax, firing: Firing, depth: int) -> None:
        """`a && b || c`: the first runs, the others may. The grammar nests it to the left, without bound."""
        operands: list[Syntax] = []
        while node.type == "list" and node.named_children:
            self._lookups.spend()
            first, *others = node.named_children
            operands.extend(reversed(others))
            node = first
        self._guard([[one] for one in reversed(operands)], weakened(firing), depth)
        self._push(self._visit, node, firing, depth)

    def _guard(self, branches: list[list[Syntax]], firing: Firing, depth: int, *, exhaustive: bool = False) -> None:
        """Branches of which one or none runs; what they set holds beside what held before."""
        ends: list[Branch] = []
        self._push(self._merge, ends, exhaustive)
        for branch in reversed(branches):
            self._push(self._leave, ends)
            self._all(branch, firing, depth)
            self._push(self._enter)

    def _enter(self) -> None:
        self._variables.enter()

    def _leave(self, ends: list[Branch]) -> None:
        ends.append(self._variables.leave())

    def _discard(self) -> None:
        self._variables.leave()

    def _merge(self, ends: list[Branch], exhaustive: bool) -> None:  # noqa: FBT001  called off the stack
        self._variables.join(ends, exhaustive=exhaustive)

    def _subshell(self, node: Syntax, firing: Firing, depth: int) -> None:
        self._apart(node.children, firing, depth)

    def _apart(self, nodes: list[Syntax], firing: Firing, depth: int) -> None:
        """What runs in a process of its own: nothing that it sets holds after it."""
        self._push(self._discard)
        self._all(nodes, firing, depth)
        self._push(self._enter)

    def _pipeline(self, node: Syntax, firing: Firing, depth: int) -> None:
        parts = [part for part in node.named_children if part.type != "comment"]
        lines = self._lines(parts[0]) if parts else None
        fed = self._heredoc(parts[0]) if parts else None
        for index, part in reversed(list(enumerate(parts))):
            self._push(self._discard)
            if fed is not None and index and part.type == "command":
                self._push(self._command, part, firing, depth, fed)
            else:
                self._push(self._visit, part, firing, depth)
            if lines is not None and index:
                self._push(self._variables.set, STDIN, lines)
            self._push(self._enter)

    def _lines(self, node: Syntax) -> Value | None:
        """The lines that the head of a pipe prints, where they say paths: `find /x | while read f`."""
        if node.type == "redirected_statement" and node.named_children:
            node = node.named_children[0]
        if node.type != "command":
            return None
        value = self._words.printed(node)
        return None if value.texts == (UNKNOWN,) else value

    def _heredoc(self, node: Syntax) -> Syntax | None:
        """What `cat <<END | sh` or `echo commands | sh` feeds to the rest of a pipe."""
        if node.type == "redirected_statement":
            for child in node.named_children:
                if child.type == "heredoc_redirect" and self._words.source.text(node.named_children[0]) == "cat":
                    return next((one for one in child.named_children if one.type == "heredoc_body"), None)
        if node.type == "command" and len(node.named_children) == 2:
            name, operand = node.named_children
            if self._words.source.text(name) in ("echo", "printf") and operand.type in ("string", "raw_string"):
                return operand
        return None

    def _if(self, node: Syntax, firing: Firing, depth: int) -> None:
        condition, body, rest = _split(node.children, "then")
        branches = [body]
        for clause in rest:
            self._lookups.spend(clause.child_count)
            branches.append([child for child in clause.children if child.is_named])
        exhaustive = any(clause.type == "else_clause" for clause in rest)
        self._guard(branches, weakened(firing), depth, exhaustive=exhaustive)
        self._all(condition, firing, depth)

    def _while(self, node: Syntax, firing: Firing, depth: int) -> None:
        keyword = node.children[0].type if node.children else "while"
        condition = [child for child in node.named_children if child.type != "do_group"]
        bodies = [child for child in node.named_children if child.type == "do_group"]
        text = self._words.source.text(condition[0]).strip() if len(condition) == 1 else ""
        for_ever = text in (_ALWAYS if keyword == "while" else _NEVER)
        self._guard([bodies], firing if for_ever else weakened(firing), depth)
        self._all(condition, firing, depth)

    def _for(self, node: Syntax, firing: Firing, depth: int) -> None:
        words = [child for child in node.named_children if child.type not in ("variable_name", "do_group", "comment")]
        has_words = any(child.type == "in" for child in node.children)
        name = next((self._words.source.text(one) for one in node.named_children if one.type == "variable_name"), "")
        bodies = [child for child in node.named_children if child.type == "do_group"]
        self._push(self._loop, name, words if has_words else None, bodies, firing, depth)
        self._all(words, firing, depth)

    def _loop(self, name: str, words: list[Syntax] | None, bodies: list[Syntax], firing: Firing, depth: int) -> None:
        if words is None:
            held = self._variables.get(ARGUMENTS) or NOTHING_KNOWN
            parts = [part for text in held.texts for part in text.split(SEPARATOR) if part and part != REST]
            values = Value(tuple(dict.fromkeys(parts)) or (UNKNOWN,), sure=False)
        else:
            values = self._words.flat(words)
        if not values.sure:
            firing = weakened(firing)
        self._guard([bodies], firing, depth)
        # The body runs at least once where the words are sure, so the variable is set inside and after.
        self._variables.set(name, values)

    def _c_style_for(self, node: Syntax, firing: Firing, depth: int) -> None:
        bodies = [child for child in node.named_children if child.type in ("do_group", "compound_statement")]
        self._guard([bodies], weakened(firing), depth)

    def _case(self, node: Syntax, firing: Firing, depth: int) -> None:
        items = [child for child in node.named_children if child.type == "case_item"]
        heads = [child for child in node.named_children if child.type not in ("case_item", "comment")]
        subject = self._words.source.text(heads[0]).strip('"') if heads else ""
        name = subject.strip("${}") if subject.startswith("$") else ""
        name = name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else ""
        branches: list[tuple[list[str], list[Syntax]]] = []
        for item in items:
            patterns, body = self._item(item)
            branches.append((patterns, body))
        exhaustive = any("*" in patterns for patterns, _ in branches)
        ends: list[Branch] = []
        self._push(self._merge, ends, exhaustive)
        for patterns, body in reversed(branches):
            self._push(self._leave, ends)
            self._all(body, weakened(firing), depth)
            if name:
                self._push(self._narrow, name, patterns)
            self._push(self._enter)
        self._all(heads, firing, depth)

    def _item(self, item: Syntax) -> tuple[list[str], list[Syntax]]:
        """Patterns and statements of one arm."""
        self._lookups.spend(item.child_count)
        at = next((index for index, child in enumerate(item.children) if child.type == ")"), -1)
        texts = [self._words.source.text(child) for child in item.children[: max(at, 0)] if child.is_named]
        return texts, [child for child in item.children[at + 1 :] if child.is_named]

    def _narrow(self, name: str, patterns: list[str]) -> None:
        """In an arm of `case "$f" in *.sh)` the variable holds what the arm matches."""
        held = self._variables.get(name)
        if held is None or UNKNOWN in held.texts or any("$" in one or "/" in one for one in patterns):
            return
        wanted = [f"/{one}" for one in (one.strip("\"'") for one in patterns)]
        self._lookups.spend(len(held.texts) * len(wanted))
        # A star of `case` matches a slash too, so slashes are taken for another letter.
        texts = tuple(
            text for text in held.texts if any(matches("/" + text.replace("/", "\x01"), one) for one in wanted)
        )
        self._variables.set(name, Value(texts, sure=False) if texts else NOTHING_KNOWN)

    def _define(self, node: Syntax, firing: Firing, depth: int) -> None:
        name = node.child_by_field_name("name")
        body = node.child_by_field_name("body")
        if name is not None and body is not None:
            function = Function(body=body, source=self._words.source)
            known = self._functions.setdefault(self._words.source.text(name), [])
            if firing is Firing.LOAD and self._words.source.own:
                known.clear()
            if len(known) < _CALLS:
                known.append(function)

    # --- functions and sourced files --------------------------------------------------------------------------------

    def _call(self, name: str, words: list[Word], firing: Firing) -> bool:
        """Go through a function with its arguments, once for each list of them."""
        functions = self._functions.get(name)
        if functions is None:
            return False
        if len(functions) > 1:
            firing = weakened(firing)
        arguments = SEPARATOR.join(plain(text) for word in words for text in word.value.texts[:_CANDIDATES])
        seen = self._called.setdefault((name, firing, self._findings.quiet), set())
        if arguments in seen or len(seen) >= _CALLS:
            return True
        seen.add(arguments)
        # A function that defines itself anew goes through what it was when it was called.
        for function in reversed(functions):
            self._push(self._body, name, function, firing, (arguments,))
        return True

    def _body(self, name: str, function: Function, firing: Firing, arguments: tuple[str, ...]) -> None:
        held = self._variables.get(ARGUMENTS)
        self._push(self._return, self._words.source, held, self._depth, self._variables.get(ENDED))
        self._depth += 1
        if self._depth > _CALLS * _CALLS:
            self._findings.gap("too-deep", name)
            return
        self._words.source = function.source
        self._variables.set(ARGUMENTS, Value(arguments, sure=arguments != (REST,)))
        self._push(self._visit, function.body, firing, 0)

    def _return(self, source: Source, arguments: Value | None, depth: int, ended: Value | None) -> None:
        self._words.source = source
        self._depth = depth
        self._variables.set(ARGUMENTS, arguments)
        self._variables.set(ENDED, ended)

    def _take(self, path: ImagePath) -> None:
        self._push(self._take_now, path)

    def _take_now(self, path: ImagePath) -> None:
        """Go through a sourced file for its variables and functions. Its own references are its own reading's."""
        found = self._lookups.resolve(path)
        if found is None or found[0] in self._sourced or len(self._sourced) > _SOURCED:
            return
        self._sourced.add(found[0])
        try:
            data = _text(self._lookups.content(found[0]))
        except ImageError:
            return
        before = self._words.source
        self._push(self._taken, before, self._findings.quiet, self._variables.get(ENDED))
        self._findings.quiet = True
        if not self._parse(Source(data, own=False, path=found[0])):
            self._words.source = before

    def _taken(self, source: Source, quiet: bool, ended: Value | None) -> None:  # noqa: FBT001  called off the stack
        self._words.source = source
        self._findings.quiet = quiet
        self._variables.set(ENDED, ended)

    # --- commands and what stands in them ---------------------------------------------------------------------------

    def _redirected(self, node: Syntax, firing: Firing, depth: int) -> None:
        body: list[Syntax] = []
        fed: Syntax | None = None
        after: list[tuple[Syntax, Firing]] = []
        for child in node.named_children:
            if child.type == "heredoc_redirect":
                self._lookups.spend(child.child_count)
                for one in child.named_children:
                    if one.type == "heredoc_body":
                        fed = one
                    if one.type not in ("heredoc_start", "heredoc_end"):
                        after.append((one, firing if one.type in _BESIDE else weakened(firing)))
            elif child.type == "file_redirect":
                after.append((child, firing))
            else:
                body.append(child)
        for one, when in reversed(after):
            if one.type == "pipeline" and fed is not None and body and self._words.source.text(body[0]) == "cat":
                self._push(self._fed_pipeline, one, firing, depth, fed)
            else:
                self._push(self._visit, one, firing if one.type == "pipeline" else when, depth)
        for one in body:
            lines = self._fed_lines(node)
            self._push(self._discard_stdin, self._variables.get(STDIN))
            if one.type == "command":
                self._push(self._command, one, firing, depth, fed)
            else:
                self._push(self._visit, one, firing, depth)
            if lines is not None:
                self._push(self._variables.set, STDIN, lines)

    def _discard_stdin(self, held: Value | None) -> None:
        self._variables.set(STDIN, held)

    def _fed_lines(self, node: Syntax) -> Value | None:
        """`done < <(find /x)`: the lines that a `read` in the loop gets."""
        for child in node.named_children:
            if child.type == "file_redirect":
                for target in child.named_children:
                    if target.type == "process_substitution" and target.named_children:
                        return self._lines(target.named_children[0])
        return None

    def _fed_pipeline(self, node: Syntax, firing: Firing, depth: int, fed: Syntax) -> None:
        for part in reversed(node.named_children):
            if part.type == "command":
                self._push(self._command, part, firing, depth, fed)
            else:
                self._push(self._visit, part, firing, depth)

    def _redirect(self, node: Syntax, firing: Firing, depth: int) -> None:
        writes = any(child.type.startswith((">", "&>")) for child in node.children)
        for child in node.named_children:
            if child.type in _OWN_WORDS:
                for words in self._words.lists([child]):
                    self._at(node)
                    for word in words:
                        if writes:
                            self._commands.written(word)
                        else:
                            self._commands.mention([word])
            if substitutions(child):
                self._push(self._visit, child, firing, depth)

    def _test(self, node: Syntax, firing: Firing, depth: int) -> None:
        self._at(node)
        operands: list[Syntax] = []
        todo = node.named_children[::-1]
        while todo:
            one = todo.pop()
            self._lookups.spend(1 + one.child_count)
            if one.type.endswith("_expression"):
                todo.extend(reversed(one.named_children))
            else:
                operands.append(one)
        for words in self._words.lists([one for one in operands if one.type in _OWN_WORDS]):
            self._commands.mention(words)
        self._all([one for one in operands if substitutions(one)], firing, depth)

    def _command(self, node: Syntax, firing: Firing, depth: int, fed: Syntax | None = None) -> None:
        self._lookups.spend(node.child_count)
        if firing is Firing.LOAD and self._variables.get(ENDED) is not None:
            firing = Firing.GUARDED
        assignments: list[Syntax] = []
        words: list[Syntax] = []
        inner: list[Syntax] = []
        for child in node.named_children:
            kind = child.type
            if kind == "variable_assignment":
                assignments.append(child)
            elif kind == "herestring_redirect":
                fed = child.named_children[0] if child.named_children else fed
                inner.append(child)
            elif kind.endswith("_redirect"):
                inner.append(child)
            elif kind == "command_name":
                words.append(child.named_children[0] if child.named_child_count == 1 else child)
            elif kind != "comment":
                words.append(child)
        own = self._standalone(node, assignments, words)
        if len(own) < len(assignments) and words:
            self._push(self._restore, self._variables.get("PATH"))
        self._push(self._invoke, node, words, firing, fed)
        for one in reversed(words + inner):
            if substitutions(one):
                self._push(self._visit, one, firing, depth)
        for one in reversed(assignments):
            prefix = one not in own
            self._push(self._assign, one, firing, depth, prefix)

    def _standalone(self, node: Syntax, assignments: list[Syntax], words: list[Syntax]) -> list[Syntax]:
        """Assignments on lines of their own, which the grammar takes for prefixes of the next line's command."""
        if not words or not assignments:
            return assignments
        starts = [one.start_byte for one in assignments[1:]] + [words[0].start_byte]
        last = -1
        for index, (one, start) in enumerate(zip(assignments, starts, strict=True)):
            between = self._words.source.data[one.end_byte : start]
            if b"\n" in between.replace(b"\\\n", b"") or b";" in between:
                last = index
        return assignments[: last + 1]

    def _restore(self, path: Value | None) -> None:
        self._variables.set("PATH", path)

    def _invoke(self, node: Syntax, words: list[Syntax], firing: Firing, fed: Syntax | None) -> None:
        self._at(node)
        self._commands.begin()
        for words_of_one in self._words.lists(words):
            if words_of_one:
                self._commands.run(words_of_one, Call(firing=firing, stdin=fed))

    def _at(self, node: Syntax) -> None:
        """Where edges come from: in this script's own text, so calls into another's count where they are made."""
        if self._words.source.own:
            self._findings.line = node.start_point[0] + 1

    def _assignment(self, node: Syntax, firing: Firing, depth: int) -> None:
        self._assign(node, firing, depth, prefix=False)

    def _assign(self, node: Syntax, firing: Firing, depth: int, prefix: bool) -> None:  # noqa: FBT001  off the stack
        children = node.named_children
        if not children:
            return
        name = self._words.source.text(children[0])
        operands = children[1:]
        appends = any(child.type == "+=" for child in node.children)
        self._push(self._store, name, operands[0] if operands else None, appends, prefix)
        self._all([one for one in operands if substitutions(one)], firing, depth)

    def _store(self, name: str, operand: Syntax | None, appends: bool, prefix: bool) -> None:  # noqa: FBT001
        if prefix and name != "PATH":
            return
        if operand is not None and operand.type == "array":
            texts = [
                plain(text)
                for one in self._words.lists(operand.named_children)
                for word in one
                for text in word.value.texts
            ]
            name, value = f"{name}[@]", Value((SEPARATOR.join(texts),))
            joint = SEPARATOR
        else:
            value = self._words.value(operand) if operand is not None else Value(("",))
            self._lookups.spend(sum(map(len, value.texts)) >> 6)
            value = Value(tuple(map(plain, value.texts)), value.sure)
            joint = ""
        held = self._variables.get(name)
        if appends and held is not None:
            texts_of_all = tuple(first + joint + second for first in held.texts for second in value.texts)
            self._lookups.spend(sum(map(len, texts_of_all)) >> 8)
            long = max(map(len, texts_of_all), default=0) > 1 << 16 or len(texts_of_all) > _CANDIDATES
            value = NOTHING_KNOWN if long else Value(texts_of_all, held.sure and value.sure)
        self._variables.set(name, value)

    def _unset(self, node: Syntax, firing: Firing, depth: int) -> None:
        for child in node.named_children:
            if child.type == "variable_name":
                self._variables.set(self._words.source.text(child), None)


def _split(children: list[Syntax], keyword: str) -> tuple[list[Syntax], list[Syntax], list[Syntax]]:
    """Condition, body, and clauses of an `if`."""
    condition: list[Syntax] = []
    body: list[Syntax] = []
    clauses: list[Syntax] = []
    into = condition
    for child in children:
        if child.type == keyword:
            into = body
        elif child.type in ("elif_clause", "else_clause"):
            clauses.append(child)
        elif child.is_named:
            into.append(child)
    return condition, body, clauses


def _first_error(root: Syntax, source: Source) -> str:
    """The line of the first thing that does not parse."""
    node = root
    for _ in range(_CALLS * _CALLS):
        if node.child_count > _ERROR_SIBLINGS:
            break
        for child in node.children:
            if child.type == "ERROR" or child.is_missing:
                return f"line {child.start_point[0] + 1}"
            if child.has_error:
                node = child
                break
        else:
            break
    return f"line {node.start_point[0] + 1}"


_BESIDE = frozenset({"heredoc_body", "file_redirect", "herestring_redirect"})
_LEAVES = frozenset(
    "comment word raw_string number ansi_c_string string_content heredoc_content heredoc_start heredoc_end "
    "variable_name special_variable_name test_operator regex extglob_pattern file_descriptor".split()
)
_HANDLERS: dict[str, Callable[[_Script, Syntax, Firing, int], None]] = {
    "list": _Script._list,
    "pipeline": _Script._pipeline,
    "if_statement": _Script._if,
    "while_statement": _Script._while,
    "for_statement": _Script._for,
    "c_style_for_statement": _Script._c_style_for,
    "case_statement": _Script._case,
    "function_definition": _Script._define,
    "subshell": _Script._subshell,
    "command_substitution": _Script._subshell,
    "process_substitution": _Script._subshell,
    "redirected_statement": _Script._redirected,
    "file_redirect": _Script._redirect,
    "test_command": _Script._test,
    "command": _Script._command,
    "variable_assignment": _Script._assignment,
    "unset_command": _Script._unset,
    "ERROR": _Script._error,
}
