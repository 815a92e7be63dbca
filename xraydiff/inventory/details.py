"""A closer look at single files of an image: what libmagic calls them, and what pyelftools sees in an ELF file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Self, TypeVar

from xraydiff.errors import LimitExceeded, UsageError
from xraydiff.facts import ElfDetails, ElfNote, ElfVersions, FileKind, FileType, Hardening, Problem, Scope
from xraydiff.inventory.worker import Worker
from xraydiff.limits import DEFAULT, MIB, Limits
from xraydiff.paths import ImagePath, escaped, image_path
from xraydiff.tree import FileTree

__all__ = ["elf_details", "file_kinds"]

_RELRO = ("none", "partial", "full")
_FAILURES = frozenset({"analyzer-crashed", "analyzer-timeout"})

T = TypeVar("T")


def file_kinds(
    places: Iterable[tuple[FileTree, str]], *, limits: Limits = DEFAULT
) -> tuple[tuple[FileKind, ...], tuple[Problem, ...]]:
    """What libmagic calls regular files, each given by its tree and real path; both answers in the order of the paths.

    A file that hangs or crashes libmagic, and one beyond `Limits.worker_files` or `worker_failures`, is a problem of
    scope analysis. Raises `ImageError` where bytes of the image are missing.
    """
    kinds: list[FileKind] = []
    problems: list[Problem] = []
    with _Asker(limits) as asker:
        for tree, path in places:
            answer = asker.kind(tree, ImagePath(path))
            if isinstance(answer, str):
                kinds.append(FileKind(path=path, kind=answer))
            elif answer is not None:
                problems.append(answer)
        problems += asker.left_out()
    return tuple(kinds), tuple(problems)


def elf_details(
    tree: FileTree, paths: Iterable[str], *, limits: Limits = DEFAULT
) -> tuple[tuple[ElfDetails, ...], tuple[Problem, ...]]:
    """The deep view of ELF files of one image, links resolved inside it, in the order of the requests.

    What is no whole ELF file, or hangs or crashes the analyser, is a problem of scope analysis. Raises `UsageError`
    where a path is no regular file of an image that was read whole; of another one that is a problem too. Raises
    `ImageError` where bytes of the image are missing.
    """
    found: list[ElfDetails] = []
    problems: list[Problem] = []
    with _Asker(limits) as asker:
        for wanted in dict.fromkeys(map(image_path, paths)):
            path = _regular(tree, wanted)
            if isinstance(path, Problem):
                problems.append(path)
                continue
            answer = asker.elf(tree, path, wanted)
            if isinstance(answer, ElfDetails):
                found.append(answer)
            elif answer is not None:
                problems.append(answer)
        problems += asker.left_out()
    return tuple(found), tuple(problems)


def _regular(tree: FileTree, wanted: str) -> ImagePath | Problem:
    found = tree.resolve(wanted)
    if found.path is not None and tree.files[found.path].type is FileType.FILE:
        return found.path
    reason = found.error if found.path is None else f"a {tree.files[found.path].type.value}, no regular file"
    if tree.complete:
        raise UsageError(f"{escaped(wanted)}: {reason}", hint="a path inside the image, as `xraydiff files` lists it")
    return _problem("not-a-file", wanted, f"{reason}, as far as the image was read")


class _Asker:
    """A worker for a bounded number of files, given up once several of them have broken it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._worker = Worker(limits=limits)
        self._requests = 0
        self._failures = 0
        self._left_out = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.close()

    def kind(self, tree: FileTree, path: ImagePath) -> str | Problem | None:
        """What libmagic calls a file; None where the worker has been given up."""
        if not self._may_ask():
            return None
        return self._counted(self._worker.file_type(tree.read_at(path, 0, MIB), path=path))

    def elf(self, tree: FileTree, path: ImagePath, wanted: str) -> ElfDetails | Problem | None:
        """The deep view of a file; None where the worker has been given up."""
        if not self._may_ask():
            return None
        try:
            data = tree.content(path, limit=self._limits.elf)
        except LimitExceeded as error:
            return _problem(error.code, path, error.message)
        answer = self._counted(self._worker.elf_details(data, path=path))
        if isinstance(answer, Problem):
            return answer
        kind = self._counted(self._worker.file_type(data, path=path))
        target = "" if path == wanted else path
        details = _details(answer, wanted, target, "" if isinstance(kind, Problem) else kind)
        return details or _problem("analyzer-crashed", path, "an answer that is not understood")

    def left_out(self) -> Iterator[Problem]:
        """One problem for all files that were not looked at."""
        if self._left_out:
            many = self._failures < self._limits.worker_failures
            why = f"more than {self._limits.worker_files}" if many else f"{self._failures} files broke the analyser"
            yield _problem("limit-exceeded", "", f"{why}: {self._left_out} further files were not looked at closely")

    def _may_ask(self) -> bool:
        may = self._requests < self._limits.worker_files and self._failures < self._limits.worker_failures
        self._requests += may
        self._left_out += not may
        return may

    def _counted(self, answer: T | Problem) -> T | Problem:
        if isinstance(answer, Problem) and answer.code in _FAILURES:
            self._failures += 1
        return answer


def _problem(code: str, path: str, message: str) -> Problem:
    return Problem(path=path, code=code, message=message, scope=Scope.ANALYSIS, fatal=False)


# --- what the worker answers, which a hostile file may have made it say -----------------------------------------------


def _details(answer: Mapping[str, object], path: str, target: str, kind: str) -> ElfDetails | None:
    try:
        return ElfDetails(
            path=path,
            target=target,
            kind=kind,
            type=_text(answer["type"]),
            machine=_text(answer["machine"]),
            build_id=_text(answer["build_id"]),
            notes=tuple(
                ElfNote(owner=_text(note["owner"]), type=_text(note["type"]), description=_text(note["description"]))
                for note in map(_object, _list(answer["notes"]))
            ),
            version_needs=_versions(answer["version_needs"]),
            version_definitions=_versions(answer["version_definitions"]),
            hardening=_hardening(_object(answer["hardening"])),
        )
    except (KeyError, TypeError):
        return None


def _versions(value: object) -> tuple[ElfVersions, ...]:
    return tuple(
        ElfVersions(name=_text(entry["name"]), versions=tuple(map(_text, _list(entry["versions"]))))
        for entry in map(_object, _list(value))
    )


def _hardening(value: Mapping[str, object]) -> Hardening:
    relro = _text(value["relro"])
    if relro not in _RELRO:
        raise TypeError(relro)
    return Hardening(
        pie=value["pie"] is True,
        relro=relro,
        nx=value["nx"] is True,
        canary=value["canary"] is True,
        fortify=tuple(map(_text, _list(value["fortify"]))),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(value)
    return value
