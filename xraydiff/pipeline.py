"""The one module that knows the order: open, squash, diff, inventory, owners, walk, rules, suggestions, report."""

from __future__ import annotations

import os  # noqa: TID251  only for the type os.PathLike of a reference
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xraydiff import knowledge, plugins
from xraydiff.budget import Budget
from xraydiff.commands.start import environment, search_path, working_directory
from xraydiff.comparison import Comparison, Seen
from xraydiff.diff import ImageDiff, compare_trees, count_bytes, count_files
from xraydiff.errors import ImageError, WorkLimit
from xraydiff.facts import Certainty, ElfDetails, FileKind, FileType, Finding, Inventory, Problem, Scope
from xraydiff.graphs.build import image_graph
from xraydiff.image import Image
from xraydiff.image.sources import open_image
from xraydiff.inventory.classes import classify
from xraydiff.inventory.take import take
from xraydiff.limits import DEFAULT, Limits
from xraydiff.minifier.run import NOTHING, Run, read_creport, read_includes
from xraydiff.owners import Owners, find_owners
from xraydiff.paths import ImagePath
from xraydiff.policy import Policy
from xraydiff.policy import load_policy as read_policy
from xraydiff.reach import Reach
from xraydiff.reach.walk import walk
from xraydiff.references import Context
from xraydiff.references.readers.companions import CompanionsReader
from xraydiff.references.readers.data_directories import DataDirectoriesReader
from xraydiff.report.assemble import Labels, assemble, assemble_inspection, whole
from xraydiff.report.document import Inspection, Report
from xraydiff.rules import Sight
from xraydiff.rules.causes import causes
from xraydiff.rules.gaps import gap_problems
from xraydiff.rules.outlook import outlook
from xraydiff.rules.running import findings, judging
from xraydiff.suggestions import Suggestions, choose, propose
from xraydiff.tree import FileTree
from xraydiff.tree.counted import CountedTree
from xraydiff.tree.squash import squash
from xraydiff.tree.view import Tree

if TYPE_CHECKING:
    from xraydiff.graphs.build import Graph

Reference = str | os.PathLike[str] | Image
Progress = Callable[[str, int, int], None]
"""Called with what is read, bytes done and bytes in all."""
Watch = Callable[[str, str, str], None]
"""Called with an image, a path and a reader before that is read; path and reader are empty where many files are."""


def compare(
    original: Reference,
    slim: Reference,
    *,
    platform: str | None = None,
    limits: Limits = DEFAULT,
    progress: Progress | None = None,
    file_kinds: bool = False,
    companions: str | os.PathLike[str] | None = None,
    creport: str | os.PathLike[str] | None = None,
    include_file: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
) -> Comparison:
    """Compare an image with its slimmed twin, running neither.

    With `file_kinds` the report says what libmagic calls the files that findings name; `companions` is a file with rows
    of your own (docs/companions.md), `creport` the minifier's report of its run, `include_file` the paths that it was
    told to keep; `watch` is told what is read, for whoever asks after a crash. Takes references, paths or open images,
    and closes only what it opened. Raises `ImageError` where one of the images cannot be read at all, `UsageError`
    where such a file is wrong, `PluginError` where an installed plug-in fails; an image that was not read whole gives a
    report whose `complete` is false.
    """
    known = knowledge.read(companions, limits=limits) if companions is not None else knowledge.OURS
    run = read_creport(creport, limits=limits) if creport is not None else NOTHING
    run = read_includes(include_file, run, limits=limits) if include_file is not None else run
    with ExitStack() as opened:
        images = (
            _opened(original, opened, platform, limits, progress),
            _opened(slim, opened, platform, limits, progress),
        )
        active = _knowing(plugins.load(), known)
        pair = _look(images, active, limits, progress, watch or _nobody)
        report, seen = _judge(pair, active, limits, file_kinds=file_kinds, run=run)
        return Comparison(report, seen, opened.pop_all())


def inspect(
    image: Reference,
    *,
    platform: str | None = None,
    limits: Limits = DEFAULT,
    progress: Progress | None = None,
    elf: Iterable[str] = (),
) -> Inspection:
    """What one image holds: its config and inventory, and the deep view of the ELF files at the paths `elf`.

    Raises `ImageError` where it cannot be read at all, `UsageError` where one of the paths is no regular file.
    """
    with ExitStack() as opened:
        one = _opened(image, opened, platform, limits, progress)
        tree = squash(one, limits=limits, progress=_named(one, progress))
        inventory, problems = take(tree, one.config, limits=limits, inventories=plugins.load().inventories)
        details, closer = _details(tree, elf, limits)
        found = (*one.problems, *tree.problems, *problems, *closer)
        counts = (count_files(tree), count_bytes(tree))
        return assemble_inspection(one, one.config, inventory, problems=found, counts=counts, elf=details)


def graph(image: Reference, *, packages: bool = False, platform: str | None = None, limits: Limits = DEFAULT) -> Graph:
    """The dependency graph of a whole image as a `networkx.MultiDiGraph`; raises like `inspect`.

    Raises `ImageError` also where the image is not read whole: a graph has no place to say so.
    """
    with ExitStack() as opened:
        one = _opened(image, opened, platform, limits, None)
        tree = squash(one, limits=limits)
        problem = next((p for p in (*one.problems, *tree.problems) if p.fatal and p.scope is Scope.READING), None)
        if problem is not None:
            raise ImageError(f"not read whole: {problem.message}", image=one.reference, path=problem.path or None)
        inventory, _ = take(tree, one.config, limits=limits)
        return image_graph(tree, one.config, inventory, packages=packages, limits=limits)


def suggest(report: Report, *, certainty: Certainty = Certainty.LIKELY, budget: int | None = None) -> Suggestions:
    """The smallest set of paths to put back; with a `budget` in bytes, the findings that fit, most certain first."""
    return choose(report.suggestions, certainty, budget)


def load_policy(path: str | os.PathLike[str] | None = None) -> Policy:
    """The policy of a YAML or JSON file, or the built-in one; names of rules are checked against those in force.

    Raises `PolicyError` whose message ends in line and field.
    """
    known = tuple(rule.id for rule in plugins.load().rules)
    return read_policy(path, known_rules=known)


def _knowing(active: plugins.Plugins, known: knowledge.Knowledge) -> plugins.Plugins:
    """The same with a user's rows of knowledge after ours."""
    if known is knowledge.OURS:
        return active
    ours = (CompanionsReader, DataDirectoriesReader)
    readers = (type(one)(known) if isinstance(one, ours) else one for one in active.readers)
    return replace(active, readers=tuple(readers), knowledge=known)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    images: tuple[Image, Image]
    trees: tuple[Tree, Tree]
    diff: ImageDiff
    inventories: tuple[Inventory, Inventory]
    owners: Owners
    problems: tuple[Problem, ...]
    watch: Watch


def _look(
    images: tuple[Image, Image], active: plugins.Plugins, limits: Limits, progress: Progress | None, watch: Watch
) -> _Pair:
    """Everything that is seen of the two images, each for itself and side by side."""
    original, slim = images
    with ThreadPoolExecutor(max_workers=1) as beside:
        # One image is parsed while the other's layers are hashed: hashing leaves the interpreter to others.
        second = beside.submit(squash, slim, limits=limits, progress=_named(slim, progress))
        first = squash(original, limits=limits, progress=_named(original, progress))
        trees = (first, second.result())
    extra = active.inventories
    watch(original.reference, "", "")
    before, old_problems = take(trees[0], original.config, limits=limits, inventories=extra)
    watch(slim.reference, "", "")
    after, new_problems = take(trees[1], slim.config, limits=limits, inventories=extra)
    return _Pair(
        images=images,
        trees=trees,
        diff=compare_trees(
            *trees,
            original.config,
            slim.config,
            layers=(len(original.layers), len(slim.layers)),
            digests=(original.digest, slim.digest),
            limits=limits,
        ),
        inventories=(before, after),
        owners=find_owners(trees[0], before.packages, original.config, runtimes=before.runtimes, limits=limits),
        problems=(
            *_of("original", (*original.problems, *trees[0].problems, *old_problems)),
            *_of("slim", (*slim.problems, *trees[1].problems, *new_problems)),
        ),
        watch=watch,
    )


def _judge(
    pair: _Pair, active: plugins.Plugins, limits: Limits, *, file_kinds: bool = False, run: Run = NOTHING
) -> tuple[Report, Seen]:
    """What of the difference will be missed, and what to put back."""
    reach = None
    if whole(pair.problems) and not pair.diff.identical and not pair.diff.not_a_pair:
        try:
            reach = _walk(pair, active, limits, run)
        except WorkLimit as error:
            pair = replace(pair, problems=(*pair.problems, _unfinished(error)))
    complete = whole(pair.problems)
    gaps = tuple(gap_problems(reach.unread)) if reach else ()
    found = findings(active.rules, _sight(pair, reach, run)) if not pair.diff.identical else ()
    understood = (reach is not None and not gaps) or pair.diff.identical
    kinds, closer = _kinds(pair, found, limits) if file_kinds else ((), ())
    report = assemble(
        pair.images,
        pair.diff,
        pair.inventories,
        labels=_labels(pair),
        problems=(*pair.problems, *gaps, *closer),
        findings=found,
        suggestions=propose(reach, pair.trees[0], found) if reach else (),
        reach=reach,
        rules=[rule.id for rule in judging(active.rules, pair.diff)],
        outlook=outlook(found, complete=complete, understood=understood),
        complete=complete,
        file_kinds=kinds,
    )
    return report, _seen(pair, reach)


def _unfinished(error: WorkLimit) -> Problem:
    """A walk that did not come to its end says nothing of what is missed, so the result is not whole."""
    return Problem(code=error.code, message=error.message, path=error.path or "", hint=error.hint or "")


def _sight(pair: _Pair, reach: Reach | None, run: Run) -> Sight:
    """What rules look at; what breaks the start stands apart from the other causes."""
    missed = causes(reach, pair.trees[0]) if reach else ()
    start = next((cause for cause in missed if reach and cause.chain == reach.broken_start), None)
    return Sight(
        original=pair.trees[0],
        slim=pair.trees[1],
        original_config=pair.images[0].config,
        slim_config=pair.images[1].config,
        diff=pair.diff,
        original_inventory=pair.inventories[0],
        slim_inventory=pair.inventories[1],
        owners=pair.owners,
        reach=reach,
        causes=tuple(cause for cause in missed if cause is not start),
        start=start,
        problems=pair.problems,
        original_digest=pair.images[0].digest,
        run=run,
    )


def _seen(pair: _Pair, reach: Reach | None) -> Seen:
    """What a comparison keeps for graphs and for `why`."""
    return Seen(
        original=pair.trees[0],
        slim=pair.trees[1],
        configs=(pair.images[0].config, pair.images[1].config),
        owners=pair.owners,
        reach=reach,
        inventories=pair.inventories,
        changed=tuple(change.path for change in pair.diff.changed),
    )


def _walk(pair: _Pair, active: plugins.Plugins, limits: Limits, run: Run) -> Reach:
    config = pair.images[0].config
    budget = Budget(limits.work_steps)
    original, slim = CountedTree(pair.trees[0], budget), CountedTree(pair.trees[1], budget)
    context = Context(
        original=original,
        config=config,
        env=environment(config),
        path=search_path(config),
        cwd=working_directory(config),
        limits=limits,
        budget=budget,
        slim=slim,
        knowledge=active.knowledge,
        watch=_watched(pair, slim),
    )
    configs = (config, pair.images[1].config)
    reach = walk(
        original,
        slim,
        configs,
        owners=pair.owners,
        readers=active.readers,
        context=context,
        packages=pair.inventories[0].packages,
        run=run,
    )
    pair.watch(pair.images[1].reference, "", "")
    return reach


def _watched(pair: _Pair, slim: FileTree) -> Callable[[FileTree, str, str], None]:
    """Says of which image the files are that readers read; `slim` is the slimmed tree that they get."""
    references = tuple(image.reference for image in pair.images)
    return lambda tree, path, reader: pair.watch(references[tree is slim], path, reader)


def _nobody(_image: str, _path: str, _reader: str) -> None:
    """Nobody asks what is read."""


def _kinds(pair: _Pair, found: Iterable[Finding], limits: Limits) -> tuple[tuple[FileKind, ...], tuple[Problem, ...]]:
    """What libmagic calls the files that findings name, as the original has them, else as slim does."""
    from xraydiff.inventory.details import file_kinds

    named = {path for finding in found for path in finding.restore}
    named |= {end for finding in found for step in finding.evidence for end in (step.source, step.target)}
    holders: dict[str, FileTree] = {}
    for tree in pair.trees:
        files = ((path, tree.files.get(ImagePath(path))) for path in named - holders.keys())
        holders |= {path: tree for path, file in files if file is not None and file.type is FileType.FILE}
    return file_kinds([(holders[path], path) for path in sorted(holders)], limits=limits)


def _details(
    tree: FileTree, paths: Iterable[str], limits: Limits
) -> tuple[tuple[ElfDetails, ...], tuple[Problem, ...]]:
    from xraydiff.inventory.details import elf_details

    return elf_details(tree, paths, limits=limits)


def _labels(pair: _Pair) -> Labels:
    owners = pair.owners
    return Labels(
        removed_class=lambda path, file: classify(path, file, owners.owner(path).kind).value,
        package=lambda path: owners.owner(path).package,
    )


def _of(image: str, problems: Iterable[Problem]) -> Iterable[Problem]:
    return (replace(problem, image=image) for problem in problems)


def _named(image: Image, progress: Progress | None) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(image.reference, done, total)


def _opened(
    reference: Reference, opened: ExitStack, platform: str | None, limits: Limits, progress: Progress | None
) -> Image:
    if isinstance(reference, Image):
        return reference
    return opened.enter_context(open_image(reference, platform=platform, limits=limits, progress=progress))
