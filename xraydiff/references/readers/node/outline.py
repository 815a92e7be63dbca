"""The outline of a script that is too large, too deep or too broken for its parser: its references, nothing else.

In a bundle a module's name is a letter that stands for other things elsewhere. So functions that only one module of
Node has (`execSync`, `readFileSync`) are taken for that module's whatever they are called on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from xraydiff.limits import Limits
from xraydiff.references.kit.outline import Form, Lexed, Outline, Sound

__all__ = ["outline"]

_VALUES: Final = 16
"""Values of one name: in a bundle, `e` has ten thousand."""
_PATHS: Final = 2_000
"""Texts that look like paths: they are named at most, and those of a bundler's table are names of its own."""
_CHAIN: Final = 6
"""Calls on the result of a call."""
_OWNER: Final = {
    **dict.fromkeys(
        ("exec", "execSync", "execFile", "execFileSync", "spawn", "spawnSync", "fork"), b'require("child_process")'
    ),
    **dict.fromkeys(
        (
            *("readFile", "readFileSync", "createReadStream", "readdir", "readdirSync", "existsSync", "statSync"),
            *("openSync", "accessSync", "opendirSync", "copyFileSync", "cpSync", "realpathSync", "lstatSync"),
        ),
        b'require("fs")',
    ),
    **dict.fromkeys(("join", "resolve"), b'require("path")'),
    "promisify": b'require("util")',
    "dlopen": b"process",
}
"""The module whose function that is; others are methods of something."""
_FORM: Final = Form(
    asks=re.compile(
        rb"(?<![\w$.])(require(?:\.resolve)?|import(?:\.meta\.resolve)?|module\.require|createRequire"
        rb"|new[ \t\n]+(?:[\w$]+\.)?(?:Worker|URL))[ \t\n]{0,9}\("
    ),
    aside=(b"()=>{", b"}"),
    whole_lines=False,
)
_METHOD: Final = re.compile(
    rb"\.[ \t\n]{0,9}("
    + b"|".join(sorted(name.encode() for name in _OWNER if name not in ("join", "resolve")))
    + rb"|render|renderFile|set|engine|sendFile|static)(?:[ \t\n]{0,9}\))?[ \t\n]{0,9}\("
    + rb"|\.[ \t\n]{0,9}(join|resolve)(?:[ \t\n]{0,9}\))?[ \t\n]{0,9}"
    + rb"\((?=[ \t\n]{0,9}(?:__dirname|__filename|import\.meta|process\.cwd|[\w$.]{0,40}dirname\())"
)
_STATEMENT: Final = re.compile(
    rb"(?<![\w$.])(?:import[\w$ \t\n{},*]{0,2000}+[\"'][^\"'\n]{1,255}[\"']"
    rb"|export[ \t\n]{0,40}(?:\*[\w$ \t\n]{0,200}+|\{[\w$ \t\n,]{0,2000}+\}[ \t\n]{0,9}from)[ \t\n]{0,40}"
    rb"[\"'][^\"'\n]{1,255}[\"'])"
)
_CALL: Final = re.compile(rb"(?<![\w$.])([A-Za-z_$][\w$]*+)[ \t\n]{0,9}\(")
_GIVEN: Final = re.compile(rb"(?<![\w$.])([A-Za-z_$][\w$]*+)[ \t\n]{0,9}=(?![=>])")
_BEFORE: Final = 200
"""Bytes before a call that say what its value is given to."""
_TARGET: Final = re.compile(
    rb"(?:^|[\s,;{(])([A-Za-z_$][\w$]{0,80}|\{[\w$ \t\n:,]{1,150}\})[ \t\n]{0,9}=[ \t\n]{0,9}"
    rb"(?:await[ \t\n]{1,9})?(?:[\w$.]{1,40}\([ \t\n]{0,9}){0,3}\Z"
)
_CLAUSE: Final = re.compile(rb"\{([^{}]{1,2000})\}")
_LOCAL: Final = re.compile(rb"(?:^|,)\s*([\w$]+)(?:\s*(?::|\s+as\s)\s*([\w$]+))?")
_IDENTIFIER: Final = re.compile(rb"(?<![\w$.\"'`/-])([A-Za-z_$][\w$]{0,80})(?![\w$]*[\"'`:(])")
_DIRECTORY: Final = re.compile(
    rb"__dirname[ \t\n]{0,9}\+[ \t\n]{0,9}[\"'`][^\"'`\n]{1,200}[\"'`]|`\$\{__dirname\}[^`$\\\n]{1,200}`"
)
_PATH: Final = re.compile(rb"([\"'`])\.{1,2}/[\w./@+-]{1,200}\1")
_LITERAL: Final = re.compile(rb"[ \t\n]{0,9}(\"[^\"\\\n]{0,255}\"|'[^'\\\n]{0,255}'|`[^`\\$]{0,255}`)")
_CALLED: Final = re.compile(rb"[ \t\n]{0,9}\.[ \t\n]{0,9}[\w$]{1,80}")
_ARRAY: Final = re.compile(rb"[ \t\n]{0,9}(\[(?>[ \t\n,]|\"[^\"\\\n]{0,255}\"|'[^'\\\n]{0,255}'){1,200}+\])")


def outline(lexed: Lexed, limits: Limits, sound: Sound, wanted: Callable[[int], bool]) -> Outline:
    """The outline of a script; of the lines that are not `wanted` only what names are bound to."""
    found = Outline(data=lexed.code, form=_FORM, limits=limits, sound=sound)
    _Script(lexed, found, wanted).gather()
    return found


class _Script:
    def __init__(self, lexed: Lexed, found: Outline, wanted: Callable[[int], bool]) -> None:
        self._code = lexed.code
        self._masked = lexed.masked
        self._top = lexed.is_top
        self._found = found
        self._wanted = wanted
        self._asked: list[bytes] = []

    def gather(self) -> None:
        """Everything, in the order of how sure it is."""
        for match in _STATEMENT.finditer(self._code):
            clause = match[0]
            if b"from" in clause or not (b"{" in clause or b"*" in clause):
                self._add(match.start(), clause, top=True)
        self._calls(_FORM.asks.finditer(self._masked), lambda match: match[1])
        self._methods()
        known: list[bytes] = []
        for _ in range(2):
            # What a function was given by another (`promisify`) is a function too.
            names = [name for name in self._functions() if name not in known]
            known += names
            if names:
                wanted = frozenset(names)
                calls = (match for match in _CALL.finditer(self._masked) if match[1] in wanted)
                self._calls(calls, lambda match: match[1])
        for match in _DIRECTORY.finditer(self._code):
            self._add(match.start(), match[0], top=False)
        self._bindings()
        paths = {match[0] for text in self._asked for match in _PATH.finditer(text)}
        most = len(paths) + _PATHS
        for match in _PATH.finditer(self._code):
            if match[0] not in paths and len(paths) < most and self._wanted(match.start()):
                paths.add(match[0])
                self._found.add(match.start(), match[0], top=False)

    def _add(self, at: int, text: bytes, *, top: bool) -> None:
        if self._wanted(at) and self._found.add_if_sound(at, text, top=top):
            self._asked.append(text)

    # --- calls -------------------------------------------------------------------------------------------------------

    def _calls(self, matches: Iterable[re.Match[bytes]], head: Callable[[re.Match[bytes]], bytes]) -> None:
        """Calls, each with the name that its value is given to."""
        done = 0
        for match in matches:
            if self._found.lost:
                return
            if match.start() >= done:
                done = self._call(match, head(match))

    def _call(self, match: re.Match[bytes], head: bytes) -> int:
        """One call; where to go on: in what stands within it where it is too long to be taken."""
        start, opening = match.start(), match.end() - 1
        before = self._masked[max(0, start - _BEFORE) : start]
        target = _TARGET.search(before)
        if target is None and not self._wanted(start):
            return match.end()
        assigned = b"var " + target[1] + b"=" if target is not None else b""
        end = self._closing(opening)
        if end >= 0:
            text = assigned + head + self._code[opening:end]
            if self._sound(start, text, bound=target is not None):
                return end
        literal = _LITERAL.match(self._code, match.end())
        if literal is not None:
            self._sound(start, assigned + head + b"(" + literal[1] + b")", bound=target is not None)
        return match.end()

    def _sound(self, at: int, text: bytes, *, bound: bool) -> bool:
        added = self._found.add_if_sound(at, text, top=self._top(at))
        if added and (bound or self._wanted(at)):
            self._asked.append(text)
        return added

    def _closing(self, opening: int) -> int:
        """Behind the bracket that closes a call, and the calls on its result; -1 where that is far off."""
        end = -1
        for _ in range(_CHAIN):
            closed = self._found.end(opening + 1)
            if closed < 0 or self._code[closed : closed + 1] != b")":
                return end
            end = closed + 1
            called = _CALLED.match(self._code, end)
            if called is None:
                return end
            end = called.end()
            if self._code[end : end + 1] != b"(":
                return end
            opening = end
        return end

    def _methods(self) -> None:
        spawns = b"child_process" in self._code
        done = 0
        for match in _METHOD.finditer(self._masked):
            name = (match[1] or match[2]).decode()
            literal = _LITERAL.match(self._code, match.end())
            # `exec` is what regular expressions have too, `set` and `render` anything.
            if match.start() < done or (name == "exec" and not spawns) or (name not in _OWNER and literal is None):
                continue
            if self._found.lost:
                return
            owner = _OWNER.get(name, b"x")
            done = self._call(match, owner + b"." + name.encode())

    def _functions(self) -> list[bytes]:
        """The local names of functions that were taken out of modules."""
        names: dict[bytes, None] = {}
        for text in self._asked:
            if (clause := _CLAUSE.search(text)) is not None and (b"require" in text or text.startswith(b"import")):
                for match in _LOCAL.finditer(clause[1]):
                    names.setdefault(match[2] or match[1])
            elif text.startswith(b"var ") and b"promisify" in text:
                names.setdefault(text[4:].partition(b"=")[0])
        return list(names)

    # --- what names are bound to -------------------------------------------------------------------------------------

    def _bindings(self) -> None:
        """The texts and lists of texts that names stand for which calls were given."""
        names = {match[1] for text in self._asked for match in _IDENTIFIER.finditer(text)} - _COMMON
        counts: dict[bytes, int] = {}
        for match in _GIVEN.finditer(self._masked):
            value = next(self._literals(match.end()), None) if match[1] in names else None
            if value is not None and counts.get(match[1], 0) < _VALUES:
                counts[match[1]] = counts.get(match[1], 0) + 1
                self._found.add_if_sound(match.start(), b"var " + match[1] + b"=" + value, top=False)

    def _literals(self, at: int) -> Iterator[bytes]:
        for pattern in (_LITERAL, _ARRAY):
            if (match := pattern.match(self._code, at)) is not None:
                yield match[1]


_COMMON: Final = frozenset(
    b"var let const require import from new function return true false null undefined this process path fs module"
    b" exports __dirname __filename as await async x".split()
)
