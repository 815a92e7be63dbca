"""References in the expressions of a PHP script: included files, classes, files, views, programs, time zones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from xraydiff.facts import EdgeKind, FileType, Firing
from xraydiff.paths import ImagePath, ancestors, basename, image_path, is_below, join
from xraydiff.references import Context
from xraydiff.references.kit.evaluation import HOLE, Exhausted, is_vague, known, normal
from xraydiff.references.kit.lookup import Lookup
from xraydiff.references.kit.plain import PlainNode
from xraydiff.references.kit.programs import Programs
from xraydiff.references.kit.recorder import Recorder, weakened
from xraydiff.references.readers.php.composer import Autoload
from xraydiff.references.readers.php.literals import CLASS, HAS_SUFFIX, NAME, arguments
from xraydiff.references.readers.php.names import COMMANDS, MADE, READS, RENDERS, SUFFIXES, TOUCHES, ZONES
from xraydiff.references.readers.php.script import PhpScript, PhpUse
from xraydiff.references.readers.php.settings import zones_of_the_system
from xraydiff.references.readers.php.values import PhpEvaluator, ScriptLocation

__all__ = ["PhpCalls"]
_VIEWS: Final = ("templates", "views", "resources/views", "tpl", "app/views", "src/views", "src/templates")
_VIEW_ENDS: Final = ("", ".php", ".twig", ".html.twig", ".blade.php", ".phtml", ".tpl", ".html", ".latte", ".mustache")
_ZONE = re.compile(r"[A-Z][A-Za-z_]{1,30}(?:/[A-Za-z0-9_+-]{1,30}){0,2}\Z")
_SNIPPET: Final = 300
"""Characters of an expression that a person needs to find it again."""
_ABOVE: Final = 8
"""Directories above a script in which what only a constant of another file tells is looked for."""


class PhpCalls:
    """Records the references of one script."""

    def __init__(
        self, script: PhpScript, place: ScriptLocation, *, context: Context, autoload: Autoload | None, seen: Recorder
    ) -> None:
        self._script = script
        self._place = place
        self._autoload = autoload
        self._seen = seen
        self._values = PhpEvaluator(script, place, steps=context.limits.evaluated_expressions)
        self._lookup = Lookup(context)
        self._programs = Programs(seen.source, seen, self._lookup)
        self._included: set[int] = set()
        """Expressions that are included, which therefore name nothing else."""

    def read(self) -> None:
        """Note everything."""
        try:
            self._all()
        except Exhausted:
            self._seen.gap("too-large", "more look-ups than the limit for one script")
        if self._values.exhausted:
            self._seen.gap("too-large", "more expressions than the limit for one script")

    def _all(self) -> None:
        for use in self._script.includes:
            self._include(self._at(use), use.firing)
        for one in self._script.classes:
            self._seen.line = one.line
            self._class(one.name, one.firing)
        for use in self._script.commands:
            node = self._at(use)
            self._shell(node, use.firing)
        for use in self._script.calls:
            self._call(self._at(use), use.firing)
        for use in self._script.texts:
            node = self._at(use)
            if node.index not in self._included:
                self._text(node)

    def _at(self, use: PhpUse) -> PlainNode:
        self._seen.line = use.line
        return self._values.node(use.expression)

    # --- includes ----------------------------------------------------------------------------------------------------

    def _include(self, argument: PlainNode, firing: Firing) -> None:
        self._included.add(argument.index)
        detail = _snippet(argument)
        for text in self._values.texts(argument):
            if HOLE not in text:
                self._file(text, firing, detail)
            elif text.startswith("/") or not text.startswith(HOLE):
                self._pattern(text, detail, EdgeKind.CONTAINS)
            else:
                self._below_unknown(text, firing, detail)

    def _file(self, text: str, firing: Firing, detail: str) -> None:
        for candidate, sure in self._candidates(text):
            if self._lookup.type_of(candidate) is FileType.FILE:
                path = image_path(candidate)
                certain = firing if sure else weakened(firing)
                self._seen.file(path, EdgeKind.SOURCES, certain, detail, language=_language(path))
                return

    def _candidates(self, text: str) -> Iterator[tuple[str, bool]]:
        """Where PHP looks for a file (php.net/include), and whether that is for sure: the first script is not known."""
        if text.startswith("/"):
            yield normal(text), True
            return
        if not text.startswith(("./", "../")):
            for folder in self._include_path():
                yield join(folder, text), True
        yield join(self._place.directory, text), True
        yield join(self._place.cwd, text), True
        for count, above in enumerate(ancestors(self._place.directory)):
            if above == "/" or count >= _ABOVE:
                return
            yield join(above, text), False

    def _include_path(self) -> tuple[str, ...]:
        return ("/usr/share/php", "/usr/local/lib/php")

    def _below_unknown(self, text: str, firing: Firing, detail: str) -> None:
        """`ABSPATH . 'inc/x.php'`: a constant of another file, and below it a name that tells enough."""
        rest = text.rpartition(HOLE)[2].lstrip("/")
        if text.count(HOLE) == 1 and HAS_SUFFIX.search(rest):
            for above in (self._place.directory, *ancestors(self._place.directory)):
                path = join(above, rest)
                if above != "/" and self._lookup.type_of(path) is FileType.FILE:
                    self._seen.file(path, EdgeKind.SOURCES, weakened(firing), detail, language=_language(path))
                    return
        self._seen.gap("computed-name", f"line {self._seen.line}: {detail}")

    def _pattern(self, text: str, detail: str, kind: EdgeKind) -> None:
        """The files that a text with holes may mean."""
        roots = (self._place.cwd, self._place.project)
        pattern = normal(text if text.startswith("/") else f"{self._place.directory}/{text}")
        found = None if is_vague(pattern, roots) else self._lookup.expand(pattern)
        if found is None:
            if kind is EdgeKind.CONTAINS:
                self._seen.gap("computed-name", f"line {self._seen.line}: {detail}")
            return
        for path in found:
            if kind is EdgeKind.CONTAINS and self._lookup.type_of(path) is FileType.FILE:
                self._seen.file(path, kind, Firing.NAMED, detail, language=_language(path))
            elif kind is EdgeKind.NAMES:
                self._name(path, detail)

    # --- classes -----------------------------------------------------------------------------------------------------

    def _class(self, name: str, firing: Firing) -> None:
        if self._autoload is None:
            return
        self._lookup.spend(2 + 2 * name.count("\\"))
        path = self._autoload.find(name)
        if path is not None:
            self._seen.file(path, EdgeKind.IMPORTS, firing, name)

    # --- calls -------------------------------------------------------------------------------------------------------

    def _call(self, node: PlainNode, firing: Firing) -> None:
        args, name = arguments(node), node.name
        if not args:
            return
        if name in COMMANDS:
            self._command(args[0], firing)
        elif name == "pcntl_exec":
            rest = self._values.words(args[1]) if len(args) > 1 else ()
            self._programs.run((self._values.texts(args[0]), *rest), firing, _snippet(args[0]))
        elif name in READS or name in TOUCHES or name in MADE:
            self._read(args[0], Firing.NAMED if name in TOUCHES else firing)
        elif name in ZONES:
            self._zone(args[0], firing)
        elif name in RENDERS:
            self._render(args[0], firing)

    def _command(self, node: PlainNode, firing: Firing) -> None:
        """A line for the shell; an array is started as it is (php.net/proc_open)."""
        words = self._values.words(node)
        if words:
            self._programs.run(words, firing, _snippet(node))
        else:
            self._shell(node, firing)

    def _shell(self, node: PlainNode, firing: Firing) -> None:
        for line in self._values.texts(node):
            self._programs.shell(line, firing, _snippet(node), always=True)

    def _zone(self, argument: PlainNode, firing: Firing) -> None:
        for text in known(self._values.texts(argument)):
            path = ImagePath(f"/usr/share/zoneinfo/{text}")
            if (
                _ZONE.match(text)
                and self._lookup.type_of(path) is FileType.FILE
                and self._lookup.context.once(zones_of_the_system)
            ):
                self._seen.named(path, FileType.FILE, text, firing)

    def _render(self, argument: PlainNode, firing: Firing) -> None:
        """A view by its name: `view('shop.cart')`, `$twig->render('cart.html.twig')`."""
        for text in known(self._values.texts(argument))[:8]:
            if not NAME.match(text):
                continue
            plain = text.rpartition("::")[2].removeprefix("@")
            names = [plain] if "/" in plain or HAS_SUFFIX.search(plain) else []
            names.append(plain.replace(".", "/"))
            for base in dict.fromkeys((self._place.directory, self._place.project, join(self._place.directory, ".."))):
                for candidate in (
                    f"{base}/{folder}/{name}{end}" for folder in _VIEWS for name in names for end in _VIEW_ENDS
                ):
                    if self._lookup.type_of(candidate) is FileType.FILE:
                        self._seen.named(image_path(candidate), FileType.FILE, text, firing)

    # --- paths -------------------------------------------------------------------------------------------------------

    def _read(self, argument: PlainNode, firing: Firing) -> None:
        self._included.add(argument.index)
        detail = _snippet(argument)
        for text in self._values.texts(argument):
            if HOLE in text:
                if not text.startswith(HOLE):
                    self._pattern(text, detail, EdgeKind.NAMES)
                continue
            if "://" in text or not text:
                continue
            for candidate, sure in self._candidates(text):
                type_ = self._lookup.type_of(candidate)
                if type_ is FileType.FILE:
                    self._seen.named(image_path(candidate), type_, detail, firing if sure else Firing.NAMED)
                    break
                if type_ is FileType.DIRECTORY and sure:
                    self._name(image_path(candidate), detail)
                    break

    def _text(self, node: PlainNode) -> None:
        """A text that is a class, or the path of something that is there."""
        literal = node.kind in ("string", "encapsed_string")
        detail = _snippet(node)
        for text in self._values.texts(node):
            if HOLE in text:
                if text.startswith("/") and not literal:
                    self._pattern(text, detail, EdgeKind.NAMES)
            elif CLASS.match(text):
                self._class(text.lstrip("\\"), Firing.NAMED)
            elif not literal and text.startswith("/"):
                self._name(image_path(text), detail)
            elif NAME.match(text) and not text.startswith("/") and (HAS_SUFFIX.search(text) or "/" in text):
                for base in dict.fromkeys((self._place.directory, self._place.project, self._place.cwd)):
                    if self._lookup.type_of(join(base, text)) is FileType.FILE:
                        self._name(join(base, text), text)
                        break

    def _name(self, path: ImagePath, detail: str) -> None:
        """A path that exists; not a directory that holds the script itself, of which everything is part."""
        type_ = self._lookup.type_of(path)
        if type_ is FileType.FILE or (
            type_ is FileType.DIRECTORY
            and path.count("/") > 1
            and path not in (self._place.cwd, self._place.project)
            and basename(path) != "vendor"
            and not is_below(self._place.path, path)
        ):
            self._seen.named(path, type_, detail)


def _snippet(node: PlainNode) -> str:
    return node.text[:_SNIPPET]


def _language(path: str) -> str:
    """The language that an included file's node must carry: none where its name tells it."""
    return "" if path.endswith(SUFFIXES) else "php"
