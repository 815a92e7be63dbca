"""Commands in the settings of what supervises, schedules or serves: supervisord, cron, systemd, s6, uWSGI, nginx.

Whoever reads such settings hands a line on to a shell or to execvp(3), so each command stands as a script of its own,
for the readers of its language. A key that names a command looks much the same in INI, TOML, YAML, JSON and in the
formats of single programs (`command = x`, `cmd: "x"`, `ExecStart=x`): one table of keys serves them all.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise, takewhile
from typing import Final

from xraydiff.conventions import ELF_MAGIC
from xraydiff.facts import Edge, EdgeKind, Firing, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, basename, decoded, join, parent
from xraydiff.references import Context, Depth, Gap, ParsedReader, Subject
from xraydiff.references.kit.lookup import Exhausted, Lookup
from xraydiff.references.kit.recorder import Recorder
from xraydiff.references.kit.shebang import programs

__all__ = ["ServicesReader", "Settings"]

_SETTINGS: Final = re.compile(
    r"\.(?:conf|cfg|cnf|ini|ya?ml|toml|properties|service|socket|container|monit|vcl)$|/(?:monitrc|aliases|\.forward|php\.ini.*)$"
)
_ECOSYSTEM: Final = re.compile(r"/(?:ecosystem|pm2|process)[^/]{0,50}\.(?:c?js|json|ya?ml)$")
_CRONTABS: Final = re.compile(r"/etc/cron(?:tab$|\.d/|tabs/)|/var/spool/cron/|[^/]*cron[^/]*$|\.(?:tab|jobs)$")
_WITH_USER: Final = re.compile(r"/etc/cron(?:tab$|\.d/)")
_PLAIN: Final = re.compile(r"/[^/.]+$")

_EXEC: Final = "Exec(?:Start|StartPre|StartPost|Stop|StopPost|Reload|Condition)"
_KEY: Final = (
    r"(?:[\w.-]{0,60}[_.-])?(?:command|cmd|sendmail_path)|(?:start|stop|restart)[ \t]{1,9}program|exec(?:-[\w-]{1,40})?"
    r"|(?:smart-)?attach-daemon2?|unique-cron|" + _EXEC
)
_LINE: Final = re.compile(
    rf"^([ \t]*)(?:[-{{,][ \t]*)?[\"']?({_KEY})[\"']?[ \t]*[=:][ \t]*([^\n]*(?:\n\1[ \t]+[^\n]+)*)", re.MULTILINE
)
_SECTION: Final = re.compile(r"^[ \t]*\[([^\]\n]+)\]", re.MULTILINE)
_FOLDER: Final = re.compile(
    r"^[ \t]*(?:[-{,][ \t]*)?[\"']?(?:directory|cwd|working_?dir(?:ectory)?|chdir)[\"']?"
    r"[ \t]*[=:][ \t]*[\"']?(/[^\s\"',;]*)",
    re.MULTILINE | re.IGNORECASE,
)
_UNIT_PREFIX: Final = re.compile(r"[-@:+!|]+")
_SUPERVISOR: Final = re.compile(r"%\((?:ENV_(\w{1,99})|(here)|\w{1,99})\)[0-9]{0,3}[sd]")
_SCALAR: Final = re.compile(r"[|>][+-]?[ \t]*\n")
_PIPED: Final = re.compile(r"[\"']\|[|$]?[ \t]*([^\"'\n]{1,4000})[\"']")
_SCHEDULE: Final = re.compile(
    r"[ \t]*(?:@(?:reboot|yearly|annually|monthly|weekly|daily|midnight|hourly|every[^\s]*)"
    r"|(?:(?:[\d*?][\d*/,?LW#-]{0,60}|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)[\w,-]{0,60})"
    r"[ \t]+){4,6}(?:[\d*?][\d*/,?LW#-]{0,60}|(?:sun|mon|tue|wed|thu|fri|sat)[\w,-]{0,60}))[ \t]+(?=\S)",
    re.IGNORECASE,
)
_ASSIGNMENT: Final = re.compile(r"[ \t]*[A-Za-z_]\w*[ \t]*=")
_PROCESS: Final = re.compile(r"^([A-Za-z0-9_-]{1,100}):[ \t]*(\S[^\n]*)", re.MULTILINE)
_EMBEDDED: Final = re.compile(
    r"\b[a-z_]{1,60}_by_lua_block[ \t\n]*\{|\b[a-z_]{1,60}_by_lua[ \t]+[\"']"
    r"|\bperl_set[ \t]+\$\w+[ \t\n]+[\"']|\bperl[ \t]+[\"']\s*sub\b|<Perl>",
    re.IGNORECASE,
)
_PM2: Final = re.compile(
    r"[\"']?\b(script|cwd|interpreter|exec_interpreter)[\"']?\s{0,20}[=:]\s{0,20}[\"']([^\"'\n]{1,1000})[\"']"
)
_RUNNERS: Final = {".sh": "shell", ".py": "python", ".rb": "ruby", ".php": "php", ".pl": "perl"}
_MODULE: Final = re.compile(
    r"^[ \t]*(?:module|wsgi|pymodule-alias|import|pyimport)[ \t]*=[ \t]*([A-Za-z_][\w.]{0,200})", re.MULTILINE
)
_INCLUDE: Final = re.compile(
    r"(?:^|[{;])[ \t]*(?:include(?:optional|_try|_dir|dir|s|files)?|files)[ \t]*[ \t=:][ \t]*([^\n#;{}]{1,1000})",
    re.MULTILINE | re.IGNORECASE,
)
_WEB: Final = re.compile(r"\.(?:conf|vhost|nginx)$|/sites-(?:enabled|available)/[^/]+$")
_EXECLINE: Final = frozenset({"execline", "execlineb"})
_BRACE: Final = re.compile(r"[{}]")
_BLOCK: Final = 64 << 10
"""Characters of a program in the settings of a server that are given on to its language's reader."""
_ARGUMENTS: Final = 64
"""Words of a program of execline: those behind it are the next programs', each of which is looked at by itself."""
_STEPS: Final = frozenset({"up", "down", "finish"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceScript:
    """One command, or one text of a language that settings hold."""

    text: str
    at: int
    """Offset in the file."""
    folder: str = ""
    """Where it is run; empty for WORKDIR."""
    language: str = "shell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Included:
    """Further settings, as an absolute pattern."""

    pattern: str
    at: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module of Python, by its absolute path without an ending."""

    stem: str
    at: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A script of pm2, by its name and by the paths where it may be."""

    name: str
    paths: tuple[str, ...]
    runner: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Words of a script of execline, any of which may be a program that is given those behind it."""

    words: tuple[str, ...]
    at: int = 0


Item = ServiceScript | Included | Module | Application | Chain


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a file of settings holds, format by format."""

    found: tuple[tuple[int, Item], ...]
    """With the lines that they stand in."""
    too_many: bool
    """Whether some format holds more than is looked at."""


class ServicesReader(ParsedReader[Settings]):
    """Reads crontabs, units, supervisors' and servers' settings, as far as they hold commands or programs."""

    name = "services"
    depth = Depth.FULL

    def accepts(self, subject: Subject) -> bool:
        """By the path, of a plain name by the first line: a schedule, or an interpreter that chains programs."""
        if subject.node.kind is not NodeKind.FILE or subject.node.language or b"\0" in subject.data:
            return False
        return any(format_.accepts(subject.path, subject.data) for format_ in _FORMATS)

    def form(self, subject: Subject) -> str:
        """The path: formats are recognised by it, and names count from its directory."""
        return subject.path

    def parse(self, data: bytes, form: str, limits: Limits) -> Settings:
        """What each format finds, up to a number that no real file comes near."""
        text, most = decoded(data), limits.inline_scripts
        formats = [format_ for format_ in _FORMATS if format_.accepts(form, data)]
        found = [list(islice(format_.found(text, form), most + 1)) for format_ in formats]
        lined = tuple(one for items in found for one in _with_lines(items[:most], text))
        return Settings(found=lined, too_many=any(len(items) > most for items in found))

    def resolve(self, parsed: Settings, subject: Subject, context: Context) -> Iterable[Edge | Gap]:
        """Edges in the order of the file, then gaps."""
        seen = Recorder(subject.node, self.name, context.limits)
        lookup = Lookup(context)
        try:
            for seen.line, one in parsed.found:
                _note(one, seen, lookup)
        except Exhausted:
            seen.gap("too-large", "more names than are looked up")
        if parsed.too_many:
            seen.gap("too-many-references", f"more than {context.limits.inline_scripts} commands")
        return seen.all()


def _with_lines(items: Iterable[Item], text: str) -> Iterator[tuple[int, Item]]:
    """What one format holds, with the lines that it stands in."""
    line, counted = 1, 0
    for one in items:
        if one.at < counted:
            line, counted = 1, 0
        line, counted = line + text.count("\n", counted, one.at), one.at
        yield line, one


def _note(one: Item, seen: Recorder, lookup: Lookup) -> None:
    """Note what the original has of it."""
    match one:
        case ServiceScript():
            _note_script(one, seen)
        case Included():
            for path in lookup.glob(one.pattern):
                if lookup.is_file(path):
                    seen.file(path, EdgeKind.NAMES, Firing.NAMED, one.detail)
        case Module():
            for name in (f"{one.stem}.py", f"{one.stem}/__init__.py"):
                if lookup.is_file(name):
                    seen.file(ImagePath(name), EdgeKind.IMPORTS, Firing.LOAD, one.detail, language="python")
        case Application():
            _note_application(one, seen, lookup)
        case Chain():
            for at, word in enumerate(one.words):
                if word not in "{}" and lookup.executable(word) is not None:
                    rest = takewhile(lambda one: one not in ("{", "}"), islice(one.words, at, at + _ARGUMENTS))
                    _note_script(ServiceScript(text=shlex.join(rest), at=0), seen)


def _note_script(script: ServiceScript, seen: Recorder) -> None:
    command_text = script.text.strip()
    if script.folder and script.language == "shell":
        command_text = f"cd {shlex.quote(script.folder)}\n{command_text}"
    seen.inline(script.language, command_text, Firing.GUARDED, script.text.strip().partition("\n")[0])


def _note_application(one: Application, seen: Recorder, lookup: Lookup) -> None:
    path = next((path for path in one.paths if lookup.is_file(path)), None)
    if path is None:
        _note_script(ServiceScript(text=one.name, at=one.at), seen)
    elif one.runner and one.runner != "none":
        _note_script(ServiceScript(text=f"{one.runner} {shlex.quote(path)}", at=one.at), seen)
    else:
        language = _language(path, lookup.context)
        seen.file(ImagePath(path), EdgeKind.EXECUTES, Firing.LOAD, f"script: {one.name}", language=language)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Format:
    accepts: Callable[[str, bytes], bool]
    """By path and content."""
    found: Callable[[str, str], Iterator[Item]]
    """In a text with this path."""


def _at(pattern: re.Pattern[str]) -> Callable[[str, bytes], bool]:
    return lambda path, _: pattern.search(path) is not None


# --- keys of settings -----------------------------------------------------------------------------------------------


def _settings(text: str, path: str) -> Iterator[ServiceScript]:
    """The values of keys that name commands, and what stands behind a pipe in quotes (Apache's logs, mail aliases)."""
    starts = [0, *(match.start() for match in _SECTION.finditer(text)), len(text)]
    for start, end in pairwise(starts):
        folder = _FOLDER.search(text, start, end)
        for match in _LINE.finditer(text, start, end):
            inner = _LINE.finditer(match[3]) if "\n" in match[3] else ()
            for key, value in ((match[2], match[3]), *((one[2], one[3]) for one in inner)):
                for command in _commands(key, value, path):
                    yield ServiceScript(text=command, at=match.start(2), folder=folder[1] if folder else "")
    for match in _PIPED.finditer(text):
        yield ServiceScript(text=match[1], at=match.start())


def _includes(text: str, path: str) -> Iterator[Included]:
    """Further settings, by patterns that count from the folder of these, or are absolute."""
    for match in _INCLUDE.finditer(text):
        for pattern in match[1].strip("\"';").split():
            yield Included(pattern=join(parent(ImagePath(path)), pattern), at=match.start(), detail=match[0].strip())


def _modules(text: str, path: str) -> Iterator[Module]:
    """The modules of Python that uWSGI imports, from `chdir` or beside the settings."""
    chdir = _FOLDER.search(text)
    for match in _MODULE.finditer(text) if "[uwsgi]" in text else ():
        stem = join(chdir[1] if chdir else parent(ImagePath(path)), match[1].replace(".", "/"))
        yield Module(stem=stem, at=match.start(), detail=match[0].strip())


def _commands(key: str, value: str, path: str) -> Iterator[str]:
    """The command of a value: a list of words, a text in quotes, or the rest of the line and what goes on from it."""
    value = _SCALAR.sub("\n", value.strip() + "\n", count=1).strip().rstrip(",")
    value = _SUPERVISOR.sub(lambda m: f"${{{m[1]}}}" if m[1] else parent(ImagePath(path)) if m[2] else "${1}", value)
    if value.startswith("["):
        words = _listed(value)
        yield shlex.join(words)
        return
    if key.startswith("Exec") and key[4:5].isupper():
        value = _UNIT_PREFIX.sub("", value, count=1) if _UNIT_PREFIX.match(value) else value
        yield value.replace("\\\n", " ")
        return
    if "\n" in value and all(line.lstrip().startswith("- ") for line in value.split("\n")):
        yield shlex.join(_plain(line.lstrip()[2:]) for line in value.split("\n"))
        return
    if key.startswith(("unique-cron", "smart-")):
        # The schedule, or the file of the process's number, stands before the command.
        value = value.lstrip("-0123456789 \t") if key[0] == "u" else value.partition(" ")[2]
    if key.endswith("daemon2"):
        value = next((part[4:] for part in value.split(",") if part.startswith("cmd=")), "")
    yield _plain(value).replace("\n", " ")


def _listed(value: str) -> list[str]:
    """The texts of a list in brackets, as JSON has them or with quotes of another kind."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = [_plain(part) for part in value.strip("[]").split(",")]
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _plain(value: str) -> str:
    """A text without the quotes around all of it."""
    value = value.strip()
    quote = value[:1]
    if quote in ('"', "'") and len(value) > 1 and value.endswith(quote):
        inner = value[1:-1]
        if quote not in inner.replace(f"\\{quote}", ""):
            return inner.replace(f"\\{quote}", quote)
    return value


# --- lines ----------------------------------------------------------------------------------------------------------


def _is_crontab(path: str, data: bytes) -> bool:
    """A crontab by its place or name; anything with a plain name whose first line of its own is a schedule."""
    if data.startswith((b"#!", ELF_MAGIC)):
        return False
    if _CRONTABS.search(path):
        return True
    if not _PLAIN.search(path):
        return False
    for line in data[:4096].split(b"\n"):
        stripped = decoded(line).strip()
        if stripped and not stripped.startswith("#") and not _ASSIGNMENT.match(stripped):
            return _SCHEDULE.match(stripped) is not None
    return False


def _crontab(text: str, path: str) -> Iterator[ServiceScript]:
    """crontab(5): five fields or a word, in the system's tables a user, then a line for the shell up to a plain `%`."""
    at, settings = 0, ""
    for line in text.split("\n"):
        match = _SCHEDULE.match(line)
        if match is not None:
            command = line[match.end() :]
            if _WITH_USER.match(path):
                command = command.partition(" ")[2] if " " in command else command.partition("\t")[2]
            command = re.split(r"(?<!\\)%", command, maxsplit=1)[0].replace("\\%", "%")
            yield ServiceScript(text=settings + command, at=at)
        elif line.startswith("PATH="):
            settings = f"PATH={shlex.quote(_plain(line[5:]))}\n"
        at += len(line) + 1


def _procfile(text: str, path: str) -> Iterator[ServiceScript]:
    """`web: command`, run by a shell in the folder of the file (foreman, honcho, overmind, hivemind)."""
    for match in _PROCESS.finditer(text):
        yield ServiceScript(text=match[2], at=match.start(), folder=parent(ImagePath(path)))


def _inittab(text: str, _path: str) -> Iterator[ServiceScript]:
    """inittab(5): `id:runlevels:action:process`."""
    at = 0
    for line in text.split("\n"):
        fields = line.split(":", 3)
        if len(fields) > 3 and not line.startswith("#"):
            yield ServiceScript(text=fields[3].lstrip("-"), at=at)
        at += len(line) + 1


def _inetd(text: str, _path: str) -> Iterator[ServiceScript]:
    """inetd.conf(5): service, type, protocol, wait, user, program, its argument zero, arguments."""
    at = 0
    for line in text.split("\n"):
        words = line.split()
        if len(words) > 5 and not line.startswith("#"):
            yield ServiceScript(text=" ".join([words[5], *words[7:]]), at=at)
        at += len(line) + 1


# --- programs -------------------------------------------------------------------------------------------------------


def _is_execline(path: str, data: bytes) -> bool:
    """A script of execline by its `#!` line, or a step of a service of s6-rc, which has none (s6-rc-compile(8))."""
    if data.startswith(b"#!"):
        return not _EXECLINE.isdisjoint(programs(data))
    return basename(ImagePath(path)) in _STEPS and b"\n" in data and "/s6-rc.d/" in path


def _execline(text: str, _path: str) -> Iterator[Item]:
    """Programs that replace each other, each with the rest of the line as arguments: any word may be the next one."""
    words = shlex.shlex(text, posix=True, punctuation_chars="{}")
    words.whitespace_split = True
    try:
        yield Chain(words=tuple(words))
    except ValueError:
        yield ServiceScript(text=re.sub("[{}]", ";", text), at=0)


def _embedded(text: str, _path: str) -> Iterator[ServiceScript]:
    """Programs in the settings of nginx and Apache: Lua in blocks or quotes, Perl."""
    for match in _EMBEDDED.finditer(text):
        begin = match[0].lower()
        end = "}" if begin.endswith("{") else "</Perl>" if begin == "<perl>" else match[0].rstrip("sub \t\n")[-1:]
        start = match.end() if not begin.endswith("sub") else match.end() - 3
        stop = _block_end(text, start) if end == "}" else text.find(end, start)
        program = text[start : stop if stop >= 0 else len(text)]
        yield ServiceScript(text=program, at=match.start(), language="openresty" if "lua" in begin else "perl")


def _block_end(text: str, start: int) -> int:
    """Where a block ends, or the end of what is given on of a very long one."""
    depth, end = 1, min(len(text), start + _BLOCK)
    for match in _BRACE.finditer(text, start, end):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return match.start()
    return end


def _ecosystem(text: str, path: str) -> Iterator[Application]:
    """Applications of pm2: `script` is a file beside the settings, or below `cwd`, that its ending tells how to run."""
    found = [(match[1], match[2], match.start()) for match in _PM2.finditer(text)]
    here = parent(ImagePath(path))
    folders = [*(join(here, value) for key, value, _ in found if key == "cwd"), here]
    runner = next((value for key, value, _ in found if key.endswith("interpreter")), "")
    for value, at in ((value, at) for key, value, at in found if key == "script"):
        paths = tuple(join(folder, value) for folder in dict.fromkeys(folders))
        yield Application(name=value, paths=paths, runner=runner, at=at)


def _language(path: str, context: Context) -> str:
    """Of a script by its ending, else JavaScript; none of what starts itself."""
    real = context.original.resolve(path).path
    if real is not None and context.original.read_at(real, 0, 4).startswith((ELF_MAGIC, b"#!")):
        return ""
    return next((language for ending, language in _RUNNERS.items() if path.endswith(ending)), "node")


_FORMATS: Final = (
    _Format(accepts=_at(_SETTINGS), found=_settings),
    _Format(accepts=_at(_SETTINGS), found=_includes),
    _Format(accepts=_at(re.compile(r"\.ini$")), found=_modules),
    _Format(accepts=_at(_ECOSYSTEM), found=_ecosystem),
    _Format(accepts=_is_crontab, found=_crontab),
    _Format(accepts=_at(re.compile(r"/Procfile[^/]*$")), found=_procfile),
    _Format(accepts=_at(re.compile(r"/etc/inittab$")), found=_inittab),
    _Format(accepts=_at(re.compile(r"/etc/inetd\.conf$")), found=_inetd),
    _Format(accepts=_is_execline, found=_execline),
    _Format(accepts=_at(_WEB), found=_embedded),
)
