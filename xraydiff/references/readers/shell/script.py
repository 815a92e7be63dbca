"""The walk over one script's syntax tree, statement by statement as a shell would run it, on an explicit stack."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from xraydiff.facts import Edge, Firing, NodeKind, Origin
from xraydiff.paths import ImagePath
from xraydiff.references import Command, Context, Gap, Subject
from xraydiff.references.kit.lookup import Exhausted
from xraydiff.references.kit.recorder import Recorder, weakened
from xraydiff.references.readers.shell.commands import Call, Commands
from xraydiff.references.readers.shell.conditions import (
    Conditions,
    arguments,
    ends_script,
    errexit_of,
    mark_failures,
    mark_fatal,
    operators,
)
from xraydiff.references.readers.shell.lookup import ShellLookup
from xraydiff.references.readers.shell.parsed import ParsedScript, parse_script
from xraydiff.references.readers.shell.syntax import Syntax
from xraydiff.references.readers.shell.variables import (
    ARGUMENTS,
    DIRECTORY,
    ENDED,
    ERREXIT,
    NOTHING_KNOWN,
    REST,
    SEPARATOR,
    STDIN,
    UNKNOWN,
    Value,
    Variables,
    pattern,
    plain,
)
from xraydiff.references.readers.shell.words import BESIDE, Source, Word, Words
from xraydiff.tree.glob import matches

_CANDIDATES = 64
"""Texts kept for one variable; a loop over a directory may bring as many as `Limits.directory_targets`."""
_SOURCED = 32
"""Sourced files that one script is followed into for what they set and define."""
_CALLS = 8
"""Lists of arguments with which one function is walked."""
_KEYWORDS_SHELLS = ("bash", "ksh", "zsh")
_POSIX_SHELLS = frozenset({"sh", "dash", "ash"})
_SUBJECT = re.compile(r"\"?\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?\"?\Z")
_ERREXIT_ON = Value(("-",))
_ALWAYS = frozenset({":", "true"})
_NEVER = frozenset({"false"})

Branch = dict[str, Value | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of a script: its body and the script that defines it."""

    body: Syntax
    source: Source


def resolve(parsed: ParsedScript, subject: Subject, context: Context) -> Iterator[Edge | Gap | Command]:
    """The references of a parsed script."""
    seen = Recorder(subject.node, "shell", context.limits, origin=Origin.SHELL, stops=False)
    if parsed.lost is not None:
        seen.lost((parsed.lost,))
    else:
        # Functions that call each other multiply the steps; each statement for itself does not.
        walks = (_Script(parsed, subject, context, seen, once=once).run() for once in (False, True))
        if not any(walks):
            seen.gap("too-large", "more steps than the limit for one script")
    yield from seen.edges()
    yield from seen.commands()
    yield from seen.gaps()


class _Script:
    """One script, the variables and functions that it has so far, and what is still to be walked."""

    def __init__(self, parsed: ParsedScript, subject: Subject, context: Context, seen: Recorder, *, once: bool) -> None:
        """`once` goes through each statement once: functions are no more than what stands in them."""
        if once:
            limits = replace(context.limits, script_steps=context.limits.script_constructs)
            context = replace(context, limits=limits)
        self._parsed = parsed
        self._context = context
        self._once = once
        self._seen = seen
        self._variables = Variables(context.env, _CANDIDATES)
        self._variables.set("PATH", Value((":".join(context.path),)))
        self._variables.set(DIRECTORY, Value((context.cwd,)))
        self._variables.set(ARGUMENTS, Value((REST,), sure=False))
        self._lookup = ShellLookup(context, self._variables)
        inline = subject.node.kind is NodeKind.SCRIPT
        source = Source(parsed.text, own=True, path=subject.path, named=not inline)
        self._words = Words(self._variables, source, self._lookup)
        self._commands = Commands(self._words, seen, self._call, self._call_like, self._take)
        self._conditions = Conditions(self._words, context)
        self._commands.ran = self._conditions.ran
        self._commands.touched = self._conditions.touched
        self._command_node: Syntax | None = None
        self._exempt = False
        """Whether the walk stands in a function of which `set -e` does not hold."""
        self._begin(subject)
        self._functions: dict[str, list[Function]] = {}
        self._words.bodies = self._bodies
        self._called: dict[tuple[str, int, Firing, bool], set[str]] = {}
        self._definitions: dict[str, set[tuple[int, int]]] = {}
        """Places of the bodies that each function has had so far."""
        self._sourced: set[str] = {subject.path}
        self._stack: list[tuple[Callable[..., None], tuple[object, ...]]] = []
        self._depth = 0

    def _begin(self, subject: Subject) -> None:
        """What the `#!` line and the start command say of the shell and its arguments."""
        inline = subject.node.kind is NodeKind.SCRIPT
        shell = self._parsed.interpreter if not inline else ""
        if shell.startswith(_KEYWORDS_SHELLS):
            self._commands.keywords = frozenset({"time"})
        self._commands.posix = shell in _POSIX_SHELLS
        if errexit_of(subject.node.text, self._context) if inline else self._parsed.errexit:
            self._variables.set(ERREXIT, Value(("-",)))
        given = arguments(subject.path, self._context) if not inline else None
        if given is not None:
            self._variables.set(ARGUMENTS, Value((SEPARATOR.join(given),)))

    # --- the machine ------------------------------------------------------------------------------------------------

    def run(self) -> bool:
        """Walk the script, then the functions that nothing called; false where that takes more than is allowed."""
        try:
            self._enter_script(self._parsed, self._words.source)
            self._drain()
            self._uncalled()
            self._drain()
        except Exhausted:
            self._seen.quiet = False
            return False
        for what in self._lookup.too_many:
            self._seen.gap("too-large", what)
        return True

    def _drain(self) -> None:
        stack = self._stack
        while stack:
            step, arguments = stack.pop()
            step(*arguments)

    def _push(self, step: Callable[..., None], *arguments: object) -> None:
        self._stack.append((step, arguments))

    def _enter_script(self, parsed: ParsedScript, source: Source) -> None:
        """Put a script on the stack."""
        tree = parsed.tree
        if tree.error >= 0:
            self._broken(parsed, source)
        if tree.stopped:
            self._seen.gap(tree.stopped, "nesting" if tree.stopped == "too-deep" else "statements")
        self._words.source = source
        root = tree.root()
        mark_failures(root, main=source.own)
        self._push(self._visit, root, Firing.LOAD)

    def _broken(self, parsed: ParsedScript, source: Source) -> None:
        """What stands behind an error is read line by line too: a shell that refuses it has run what stood before."""
        line = f"line {source.line(parsed.tree.error)}"
        if parsed.behind is None:
            self._seen.gap("malformed", line)
            return
        self._seen.gap("not-loadable", line)
        lines = Source(parsed.behind_text, own=source.own, path=source.path, named=source.named)
        if parsed.behind.stopped:
            self._seen.gap(parsed.behind.stopped, f"behind {line}")
        self._push(self._behind, lines, source, parsed.behind.root())

    def _behind(self, lines: Source, source: Source, root: Syntax) -> None:
        self._push(self._taken, source, self._seen.quiet, self._variables.get(ENDED))
        self._words.source = lines
        self._push(self._visit, root, Firing.DEFERRED)

    def _uncalled(self) -> None:
        self._variables.set(ENDED, None)
        called = {name for name, _, _, quiet in self._called if not quiet}
        for name in sorted(self._functions, reverse=True):
            if name not in called:
                for function in self._functions[name]:
                    if function.source.own:
                        self._push(self._body, name, function, Firing.DEFERRED, (REST,))

    # --- statements -------------------------------------------------------------------------------------------------

    def _visit(self, node: Syntax, firing: Firing) -> None:
        self._lookup.spend()
        if firing is Firing.LOAD and self._variables.get(ENDED) is not None:
            firing = Firing.GUARDED
        handler = _HANDLERS.get(node.kind)
        if handler is not None:
            handler(self, node, firing)
        else:
            self._all(node.children, firing)

    def _all(self, nodes: list[Syntax], firing: Firing) -> None:
        for node in reversed(nodes):
            self._stack.append((self._visit, (node, firing)))

    def _list(self, node: Syntax, firing: Firing) -> None:
        """`a && b || c`: the first runs, the others may, or surely do where the first is decided."""
        if "|" in node.word:
            mark_fatal(node, self._words.source.text, self._bodies_of)
        self._operand(node, operators(node), 0, firing)

    def _operand(self, node: Syntax, joined: list[str], at: int, firing: Firing) -> None:
        """One operand of a list that surely runs, then what follows from it."""
        operand = node.children[at]
        verdict = self._conditions.holds(operand) if firing is Firing.LOAD and at < len(joined) else None
        following = at + 1
        skipped: list[Syntax] = []
        while verdict is not None and following < len(node.children) and (joined[following - 1] == "&&") is not verdict:
            skipped.append(node.children[following])
            following += 1
        if verdict is None or (following < len(node.children) and self._dies(node.children[following])):
            self._guard([[one] for one in node.children[at + 1 :]], weakened(firing))
        else:
            if following < len(node.children):
                self._push(self._operand, node, joined, following, firing)
            self._aside(skipped, firing)
        self._push(self._visit, operand, firing)

    def _dies(self, body: Syntax) -> bool:
        """Whether a branch ends the script with a failure: whoever made the image made sure that it is not taken."""
        return ends_script(body, self._words.source.text, self._bodies_of)

    def _bodies_of(self, name: str) -> list[Syntax]:
        return [function.body for function in self._functions.get(name, ())]

    def _aside(self, branches: list[Syntax], firing: Firing) -> None:
        """Branches that a plain start does not run: other runs may follow their references."""
        for branch in reversed(branches):
            self._push(self._leave_aside)
            self._push(self._visit, branch, weakened(firing))
            self._push(self._enter_aside)

    def _enter_aside(self) -> None:
        self._conditions.aside += 1
        self._variables.enter()

    def _leave_aside(self) -> None:
        self._conditions.aside -= 1
        self._variables.leave()

    def _guard(self, branches: list[list[Syntax]], firing: Firing, *, exhaustive: bool = False) -> None:
        """Branches of which one or none runs; what they set holds beside what held before."""
        ends: list[Branch] = []
        self._push(self._merge, ends, exhaustive)
        for branch in reversed(branches):
            self._push(self._leave, ends)
            self._all(branch, firing)
            self._push(self._enter)

    def _enter(self) -> None:
        self._variables.enter()

    def _leave(self, ends: list[Branch]) -> None:
        ends.append(self._variables.leave())

    def _discard(self) -> None:
        self._variables.leave()

    def _merge(self, ends: list[Branch], exhaustive: bool) -> None:  # noqa: FBT001  called off the stack
        self._variables.join(ends, exhaustive=exhaustive)

    def _subshell(self, node: Syntax, firing: Firing) -> None:
        """What runs in a process of its own: nothing that it sets holds after it."""
        self._push(self._discard)
        self._all(node.children, firing)
        self._push(self._enter)

    def _pipeline(self, node: Syntax, firing: Firing) -> None:
        first, *others = node.children
        lines, fed = self._lines(first), self._fed_through(first)
        for part in reversed(others):
            self._push(self._discard)
            if part.kind == "command":
                self._push(self._command, part, firing, fed)
            else:
                self._push(self._visit, part, firing)
            if lines is not None:
                self._push(self._variables.set, STDIN, lines)
            self._push(self._enter)
        self._push(self._discard)
        self._push(self._visit, first, firing)
        self._push(self._enter)

    def _lines(self, node: Syntax) -> Value | None:
        """The lines that the head of a pipe prints, where they say paths: `find /x | while read f`."""
        if node.kind != "command":
            return None
        value = self._words.printed(node)
        return None if value.texts == (UNKNOWN,) else value

    def _fed_through(self, node: Syntax) -> Syntax | None:
        """What `cat <<END | sh` or `echo commands | sh` feeds to the rest of a pipe."""
        words = [child for child in node.children if child.kind not in BESIDE]
        if node.kind != "command" or not words:
            return None
        name = self._words.source.text(words[0])
        if name == "cat" and len(words) == 1:
            return _document(node)
        if name in ("echo", "printf") and len(words) == 2 and words[1].kind in ("string", "raw_string"):
            return words[1]
        return None

    def _if(self, node: Syntax, firing: Firing) -> None:
        """The first condition runs, those of `elif` may, or surely do where those before them are decided."""
        self._clause(node, 0, firing)

    def _clause(self, node: Syntax, at: int, firing: Firing) -> None:
        first, more = node.children[at], at + 1 < len(node.children)
        if first.kind == "else_clause":
            self._all(first.children, firing)
            return
        condition, body = first.children
        verdict = self._conditions.holds(condition) if firing is Firing.LOAD else None
        if verdict is None or (verdict and self._dies(body)):
            others = node.children[at + 1 :]
            exhaustive = more and others[-1].kind == "else_clause"
            self._guard([[body], *(clause.children for clause in others)], weakened(firing), exhaustive=exhaustive)
        elif verdict:
            self._push(self._visit, body, firing)
            self._aside([part for clause in node.children[at + 1 :] for part in clause.children], firing)
        else:
            if more:
                self._push(self._clause, node, at + 1, firing)
            self._aside([body], firing)
        self._push(self._visit, condition, firing)

    def _while(self, node: Syntax, firing: Firing) -> None:
        condition, body = node.children
        text = self._words.source.text(condition).strip(" \t\n;")
        for_ever = text in (_ALWAYS if node.word == "while" else _NEVER)
        self._guard([[body]], firing if for_ever else weakened(firing))
        self._push(self._visit, condition, firing)

    def _for(self, node: Syntax, firing: Firing) -> None:
        words, body = node.children
        self._push(self._loop, node.word, words, body, firing)
        self._all(words.children, firing)

    def _loop(self, name: str, words: Syntax, body: Syntax, firing: Firing) -> None:
        if words.word != "in":
            current = self._variables.get(ARGUMENTS) or NOTHING_KNOWN
            parts = [part for text in current.texts for part in text.split(SEPARATOR) if part and part != REST]
            values = Value(tuple(dict.fromkeys(parts)) or (UNKNOWN,), sure=False)
        else:
            values = self._words.flat(words.children)
        # Where the words are sure the body runs for each of them.
        self._guard([[body]], firing if values.sure else weakened(firing))
        self._variables.set(name, values)

    def _c_style_for(self, node: Syntax, firing: Firing) -> None:
        head, body = node.children
        self._guard([[body]], weakened(firing))
        self._push(self._visit, head, firing)

    def _case(self, node: Syntax, firing: Firing) -> None:
        subject, *items = node.children
        found = _SUBJECT.match(self._words.source.text(subject))
        ends: list[Branch] = []
        arms = [
            ([self._words.source.text(one) for one in item.children[0].children], item.children[1]) for item in items
        ]
        taken = self._chosen(subject, items) if firing is Firing.LOAD else None
        if taken is not None:
            bodies = [item.children[1] for item in items]
            if taken >= 0:
                self._push(self._visit, bodies[taken], firing)
            self._aside([body for at, body in enumerate(bodies) if at != taken], firing)
            self._push(self._visit, subject, firing)
            return
        self._push(self._merge, ends, any("*" in patterns for patterns, _ in arms))
        for patterns, body in reversed(arms):
            self._push(self._leave, ends)
            self._push(self._visit, body, weakened(firing))
            if found:
                self._push(self._narrow, found[1], patterns)
            self._push(self._enter)
        self._push(self._visit, subject, firing)

    def _chosen(self, subject: Syntax, items: list[Syntax]) -> int | None:
        """The arm that a plain start takes, -1 for none; None where nobody knows, or where it ends in a failure."""
        taken = self._conditions.chosen(subject, [item.children[0].children for item in items])
        return None if taken is not None and taken >= 0 and self._dies(items[taken].children[1]) else taken

    def _narrow(self, name: str, patterns: list[str]) -> None:
        """In an arm of `case "$f" in *.sh)` the variable holds what the arm matches."""
        current = self._variables.get(name)
        if current is None or UNKNOWN in current.texts or any("$" in one or "/" in one for one in patterns):
            return
        wanted = ["/" + one.strip("\"'") for one in patterns]
        self._lookup.spend(len(current.texts) * len(wanted))
        # A star of `case` matches a slash too, so slashes are taken for another letter.
        names = {text: "/" + text.replace("/", "\x01") for text in current.texts}
        texts = tuple(text for text, name in names.items() if any(matches(name, one) for one in wanted))
        self._variables.set(name, Value(texts, sure=False) if texts else NOTHING_KNOWN)

    def _define(self, node: Syntax, firing: Firing) -> None:
        function = Function(body=node.children[0], source=self._words.source)
        known = self._functions.setdefault(node.word, [])
        self._definitions.setdefault(node.word, set()).add((id(function.source), function.body.start))
        if firing is Firing.LOAD and self._words.source.own:
            known.clear()
        if len(known) < _CALLS:
            known.append(function)
        else:
            self._seen.gap("too-large", f"definitions of {node.word}")

    # --- functions and sourced files --------------------------------------------------------------------------------

    def _call(self, name: str, words: list[Word], firing: Firing) -> bool:
        """Go through a function with its arguments, once for each list of them."""
        functions = self._functions.get(name)
        if functions is None:
            return False
        if self._once:
            return True
        if len(functions) > 1:
            firing = weakened(firing)
        arguments = SEPARATOR.join(plain(text) for word in words for text in word.value.texts[:_CANDIDATES])
        # What was defined anew since an equal call, perhaps by that call itself, is walked by this one.
        seen = self._called.setdefault((name, len(self._definitions[name]), firing, self._seen.quiet), set())
        if arguments in seen or len(seen) >= _CALLS:
            return True
        seen.add(arguments)
        # A function that defines itself anew goes through what it was when it was called.
        node = self._command_node
        exempt = self._exempt or (node is not None and node.exempt)
        for function in reversed(functions):
            self._push(self._body, name, function, firing, (arguments,), exempt)
        return True

    def _bodies(self, name: str) -> list[tuple[Syntax, Source]]:
        return [(function.body, function.source) for function in self._functions.get(name, ())]

    def _call_like(self, text: str, firing: Firing) -> bool:
        """Go through the functions that `do_$1` may name."""
        if "/" in text or not text.replace(UNKNOWN, ""):
            return False
        self._lookup.spend(len(self._functions))
        names = [name for name in sorted(self._functions) if matches("/" + name, "/" + pattern(text))]
        for name in names[:_CANDIDATES]:
            self._call(name, [], firing)
        return bool(names)

    def _body(
        self,
        name: str,
        function: Function,
        firing: Firing,
        arguments: tuple[str, ...],
        exempt: bool = False,  # noqa: FBT001, FBT002  called off the stack
    ) -> None:
        current = self._variables.get(ARGUMENTS)
        self._push(self._return, self._words.source, current, self._depth, self._variables.get(ENDED), self._exempt)
        self._exempt = exempt
        self._depth += 1
        if self._depth > _CALLS * _CALLS:
            self._seen.gap("too-deep", name)
            return
        self._words.source = function.source
        self._variables.set(ARGUMENTS, Value(arguments, sure=arguments != (REST,)))
        self._push(self._visit, function.body, firing)

    def _return(
        self,
        source: Source,
        arguments: Value | None,
        depth: int,
        ended: Value | None,
        exempt: bool,  # noqa: FBT001  called off the stack
    ) -> None:
        self._exempt = exempt
        self._words.source = source
        self._depth = depth
        self._variables.set(ARGUMENTS, arguments)
        self._variables.set(ENDED, ended)

    def _take(self, path: ImagePath) -> None:
        self._push(self._take_now, path)

    def _take_now(self, path: ImagePath) -> None:
        """Go through a sourced file for its variables and functions. Its own references are its own reading's."""
        found = self._lookup.real(path)
        if found is None or self._once or found[0] in self._sourced or len(self._sourced) > _SOURCED:
            return
        self._sourced.add(found[0])
        limits = self._context.limits
        parsed = parse_script(self._lookup.content(found[0], limits.script), limits)
        if parsed.lost is not None:
            return
        self._push(self._taken, self._words.source, self._seen.quiet, self._variables.get(ENDED))
        self._seen.quiet = True
        self._enter_script(parsed, Source(parsed.text, own=False, path=found[0]))

    def _taken(self, source: Source, quiet: bool, ended: Value | None) -> None:  # noqa: FBT001  called off the stack
        self._words.source = source
        self._seen.quiet = quiet
        self._variables.set(ENDED, ended)

    # --- commands and what stands in them ---------------------------------------------------------------------------

    def _redirected(self, node: Syntax, firing: Firing) -> None:
        """A compound command with redirections: its `read` may get lines that are known."""
        body, *redirections = node.children
        self._push(self._variables.set, STDIN, self._variables.get(STDIN))
        self._push(self._visit, body, firing)
        for one in redirections:
            target = one.children[0] if one.children else one
            if target.kind == "process_substitution" and len(target.children) == 1:
                self._push(self._variables.set, STDIN, self._lines(target.children[0]) or NOTHING_KNOWN)
        self._all(redirections, firing)

    def _redirect(self, node: Syntax, firing: Firing) -> None:
        if node.kind == "file_redirect" and node.children and node.word not in (">&", "<&"):
            for words in self._words.lists(node.children):
                self._at(node)
                for word in words:
                    if ">" in node.word:
                        self._commands.written(word)
                    else:
                        self._commands.mention([word])
        self._all([one for one in node.children if one.children], firing)

    def _test(self, node: Syntax, firing: Firing) -> None:
        self._at(node)
        for words in self._words.lists(node.children):
            self._commands.mention(words)
        self._all([one for one in node.children if one.children], firing)

    def _command(self, node: Syntax, firing: Firing, fed: Syntax | None = None) -> None:
        """Substitutions run first, then assignments hold, then the command runs."""
        self._lookup.spend(len(node.children))
        if firing is Firing.LOAD and self._variables.get(ENDED) is not None:
            firing = Firing.GUARDED
        assignments = [child for child in node.children if child.kind in _ASSIGNMENTS]
        words = [child for child in node.children if child.kind not in BESIDE]
        if assignments and words:
            self._push(self._variables.set, "PATH", self._variables.get("PATH"))
        if words:
            self._push(self._invoke, node, words, firing, _document(node) or fed)
        for one in reversed(node.children):
            if one.children and one.kind not in _ASSIGNMENTS:
                self._push(self._visit, one, firing)
        for one in reversed(assignments):
            self._push(self._assign, one, firing, bool(words))

    def _declaration(self, node: Syntax, firing: Firing) -> None:
        """`export PATH=...` and its kin."""
        self._all([child for child in node.children if child.children or child.kind in _ASSIGNMENTS], firing)

    def _invoke(self, node: Syntax, words: list[Syntax], firing: Firing, fed: Syntax | None) -> None:
        self._at(node)
        self._commands.begin()
        self._command_node = node
        lists = self._words.lists(words)
        stops = firing is Firing.LOAD and len(lists) == 1 and self._stops(node)
        for words_of_one in lists:
            if words_of_one:
                self._commands.run(words_of_one, Call(firing=firing, stdin=fed, stops=stops))

    def _stops(self, node: Syntax) -> bool:
        """Whether the script ends where this command fails."""
        if node.negated or node.background:
            return False
        errexit = self._variables.get(ERREXIT)
        return node.fatal or (errexit == _ERREXIT_ON and not node.exempt and not self._exempt)

    def _at(self, node: Syntax) -> None:
        """Where edges come from: in this script's own text, so calls into another's count where they are made."""
        if self._words.source.own:
            self._seen.line = self._words.source.line(node.start)

    def _assignment(self, node: Syntax, firing: Firing) -> None:
        self._assign(node, firing, prefix=False)

    def _assign(self, node: Syntax, firing: Firing, prefix: bool) -> None:  # noqa: FBT001  called off the stack
        self._push(self._store, node, prefix)
        self._all([one for one in node.children if one.children], firing)

    def _store(self, node: Syntax, prefix: bool) -> None:  # noqa: FBT001  called off the stack
        """Assign. Before a command an assignment holds for that command, where only its PATH matters here."""
        name = node.word
        if prefix and name != "PATH":
            return
        operand = node.children[0] if node.children else None
        joint = ""
        if operand is None:
            value = Value(("",))
        elif operand.kind == "array":
            lists = self._words.lists(operand.children)
            texts = [plain(text) for one in lists for word in one for text in word.value.texts]
            name, value, joint = f"{name}[@]", Value((SEPARATOR.join(texts),)), SEPARATOR
        else:
            value = self._words.value(operand)
            value = Value(tuple(map(plain, value.texts)), value.sure)
        self._lookup.spend(sum(map(len, value.texts)) >> 6)
        current = self._variables.get(name)
        if node.kind == "variable_append" and current is not None:
            value = self._words.appended(current, value, joint)
        self._variables.set(name, value)


def _document(node: Syntax) -> Syntax | None:
    """The here-document or here-string of a command."""
    for child in node.children:
        if child.kind in ("heredoc_redirect", "herestring_redirect") and child.children:
            return child.children[0]
    return None


_ASSIGNMENTS = frozenset({"variable_assignment", "variable_append"})
_HANDLERS: dict[str, Callable[[_Script, Syntax, Firing], None]] = {
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
    "declaration_command": _Script._declaration,
    "variable_assignment": _Script._assignment,
    "variable_append": _Script._assignment,
}
