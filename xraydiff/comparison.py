"""The live result: a Report and the two open images, for content, chains and graphs."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from xraydiff.case import Case
from xraydiff.errors import ImageClosedError, UsageError
from xraydiff.facts import Evidence
from xraydiff.graphs.build import Explanation, explain, image_graph, judged, pair_graph
from xraydiff.paths import ImagePath, image_path
from xraydiff.reach import Missing, Reach
from xraydiff.report.document import Report

if TYPE_CHECKING:
    from xraydiff.graphs.build import Graph


class Comparison:
    """A context manager that owns the images which the comparison opened, and closes them on exit or when collected.

    `report` is detached and stays valid; `content`, `why` and `graph` need the images open and raise `ImageClosedError`
    after.
    """

    def __init__(self, report: Report, case: Case, opened: ExitStack) -> None:
        self.report = report
        self._case: Case | None = case
        self._finalizer: Callable[[], object] = weakref.finalize(self, opened.close)

    def content(self, path: str, *, image: str = "original") -> bytes:
        """The bytes of a regular file of `original` or `slim`, links resolved inside the image.

        Raises `UsageError` where the path is no regular file there, `LimitExceeded` where it is too large.
        """
        if image not in ("original", "slim"):
            raise UsageError(f"no such image: {image!r}; original or slim")
        tree = (self._open.original if image == "original" else self._open.slim).tree
        found = tree.resolve(image_path(path))
        if found.path is None:
            raise UsageError(f"{path}: {found.error} in the {image} image", path=path)
        return tree.content(found.path)

    def why(self, path: str) -> tuple[Evidence, ...]:
        """The best chain of evidence from a root to a missing path, root first; empty where nothing refers to it."""
        missing = self.missing(path)
        return missing.chain if missing else ()

    def explain(self, path: str) -> Explanation:
        """Every chain to a path, kept or missing, and what alone holds it."""
        case = self._open
        wanted = image_path(path)
        found = case.original.tree.resolve(wanted)
        gone = self.missing(wanted)
        real = gone.path if gone else found.path or wanted
        there = "kept" if case.slim.tree.resolve(wanted).path is not None else "removed"
        status = there if found.path is not None else "absent"
        return explain(case.reach, ImagePath(real), status)

    @property
    def reach(self) -> Reach | None:
        """The walk's whole answer; None where no walk ran (no pair, or an image that was not read whole)."""
        return self._open.reach

    def graph(self, *, packages: bool = False) -> Graph:
        """The dependency graphs of both images as one `networkx.MultiDiGraph`, each node with its `status`.

        An edge carries its `kind`, `firing` where a reader saw it, and `certainty` where the walk followed it.
        """
        case = self._open
        certainties = judged(case.reach)
        before, after = (
            image_graph(side.tree, side.config, side.inventory, packages=packages, certainties=certainties)
            for side in (case.original, case.slim)
        )
        return pair_graph(before, after, (change.path for change in case.diff.changed))

    def missing(self, path: str) -> Missing | None:
        """What the walk knows of a missing path, looked up as the original resolves it."""
        reach = self._open.reach
        if reach is None:
            return None
        wanted = image_path(path)
        found = self._open.original.tree.resolve(wanted).path or wanted
        return reach.missing.get(wanted) or reach.missing.get(ImagePath(found))

    def close(self) -> None:
        """Close the images that the comparison opened; safe to call twice."""
        self._case = None
        self._finalizer()

    @property
    def _open(self) -> Case:
        if self._case is None:
            raise ImageClosedError("the comparison is closed: content, why and graph need its images open")
        return self._case

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
