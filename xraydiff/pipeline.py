"""The one module that knows the order: open, squash, diff, inventory, owners, walk, rules, suggestions, report."""

from __future__ import annotations

import os  # noqa: TID251  only for the type os.PathLike of a reference
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from xraydiff import plugins
from xraydiff.budget import Budget
from xraydiff.case import Case, Side
from xraydiff.comparison import Comparison
from xraydiff.diff import compare_trees
from xraydiff.errors import ImageError, WorkLimit
from xraydiff.facts import Certainty, Problem, Scope, WalkDepth
from xraydiff.graphs.build import image_graph
from xraydiff.image import Image, Progress
from xraydiff.image.sources import open_or_keep
from xraydiff.inventory.details import elf_details
from xraydiff.inventory.take import take
from xraydiff.limits import DEFAULT, Limits
from xraydiff.minifier.run import Run
from xraydiff.options import CompareFields, CompareOptions, Watch
from xraydiff.owners import find_owners
from xraydiff.policy import Policy
from xraydiff.policy import load_policy as read_policy
from xraydiff.reach import Reach
from xraydiff.reach.walk import walk
from xraydiff.references import Context
from xraydiff.report.assemble import assemble, assemble_inspection, whole
from xraydiff.report.document import Inspection, Report
from xraydiff.report.kinds import kinds_of
from xraydiff.rules.causes import with_causes
from xraydiff.rules.gaps import gap_problems
from xraydiff.rules.outlook import outlook
from xraydiff.rules.running import findings, judging
from xraydiff.suggestions import Suggestions, choose, propose, read_budget
from xraydiff.tree.counted import CountedTree
from xraydiff.tree.squash import squash, squash_both

if TYPE_CHECKING:
    from xraydiff.graphs.build import Graph

Reference = str | os.PathLike[str] | Image


def compare(
    original: Reference,
    slim: Reference,
    *,
    options: CompareOptions | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
    **fields: Unpack[CompareFields],
) -> Comparison:
    """Compare an image with its slimmed twin, running neither.

    `options` say how; for a single call its fields are keyword arguments too, which count instead of those of
    `options`. `progress` is told what is read, `watch` too, for whoever asks after a crash. Takes references, paths or
    open images, and closes only what it opened. Raises `ImageError` where one of the images cannot be read at all,
    `UsageError` where a file that the options name is wrong, `PluginError` where an installed plug-in fails; an image
    that was not read whole gives a report whose `complete` is false.
    """
    chosen = replace(options or CompareOptions(), **fields)
    active, run, limits = plugins.load(chosen.read_knowledge()), chosen.read_run(), chosen.limits
    watch = watch or (lambda _image, _path, _reader: None)
    with ExitStack() as opened:
        before, after = (
            open_or_keep(reference, opened, platform=chosen.platform, limits=limits, progress=progress)
            for reference in (original, slim)
        )
        trees = squash_both(before, after, limits=limits, progress=progress)
        sides = []
        for image, tree in zip((before, after), trees, strict=True):
            watch(image.reference, "", "")
            sides.append(Side.of(image, tree, inventories=active.inventories, limits=limits))
        case = _compared(*sides, run=run, limits=limits)
        case = _walked(case, active, limits, watch, depth=chosen.depth)
        report = _judged(case, active, limits, file_kinds=chosen.file_kinds)
        return Comparison(report, case, opened.pop_all())


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
        one = open_or_keep(image, opened, platform=platform, limits=limits, progress=progress)
        tree = squash(one, limits=limits, progress=progress)
        side = Side.of(one, tree, inventories=plugins.load().inventories, limits=limits)
        details, closer = elf_details(tree, elf, limits=limits)
        return assemble_inspection(side, problems=closer, elf=details)


def graph(image: Reference, *, packages: bool = False, platform: str | None = None, limits: Limits = DEFAULT) -> Graph:
    """The dependency graph of a whole image as a `networkx.MultiDiGraph`; raises like `inspect`.

    Raises `ImageError` also where the image is not read whole: a graph has no place to say so.
    """
    with ExitStack() as opened:
        one = open_or_keep(image, opened, platform=platform, limits=limits)
        tree = squash(one, limits=limits)
        problem = next((p for p in (*one.problems, *tree.problems) if p.fatal and p.scope is Scope.READING), None)
        if problem is not None:
            raise ImageError(f"not read whole: {problem.message}", image=one.reference, path=problem.path or None)
        inventory, _ = take(tree, one.config, limits=limits)
        return image_graph(tree, one.config, inventory, packages=packages, limits=limits)


def suggest(report: Report, *, certainty: Certainty = Certainty.LIKELY, budget: int | str | None = None) -> Suggestions:
    """The smallest set of paths to put back; with a `budget`, the findings that fit, most certain first.

    A budget is a number of bytes or a text such as `5MB`, or `5%` of the bytes that slimming removed; what is left of
    it is filled with less certain needs, the worthiest first. Raises `UsageError` for other texts.
    """
    most = read_budget(budget, report.summary.removed_bytes) if isinstance(budget, str) else budget
    return choose(report.suggestions, certainty, most, findings=report.findings, depth=report.depth)


def load_policy(path: str | os.PathLike[str] | None = None) -> Policy:
    """The policy of a YAML or JSON file, or the built-in one; names of rules are checked against those in force.

    Raises `PolicyError` whose message ends in line and field.
    """
    known = tuple(rule.id for rule in plugins.load().rules)
    return read_policy(path, known_rules=known)


def _compared(original: Side, slim: Side, *, run: Run, limits: Limits) -> Case:
    """What differs between the two, and whose files they are."""
    diff = compare_trees(
        original.tree,
        slim.tree,
        original.config,
        slim.config,
        layers=(original.layers, slim.layers),
        digests=(original.digest, slim.digest),
        limits=limits,
    )
    held = original.inventory
    owners = find_owners(original.tree, held.packages, original.config, runtimes=held.runtimes, limits=limits)
    return Case(original=original, slim=slim, diff=diff, owners=owners, run=run)


def _walked(case: Case, active: plugins.Plugins, limits: Limits, watch: Watch, *, depth: WalkDepth) -> Case:
    """The same with what is missing, where the images are a pair and whole.

    A walk that did not come to its end says nothing of what is missing, so the result is not whole.
    """
    if not whole(case.problems) or case.diff.identical or case.diff.not_a_pair:
        return case
    try:
        reach = _walk(case, active, limits, watch, depth)
    except WorkLimit as error:
        unfinished = Problem(code=error.code, message=error.message, path=error.path or "", hint=error.hint or "")
        return replace(case, unfinished=(unfinished,))
    return with_causes(case, reach)


def _walk(case: Case, active: plugins.Plugins, limits: Limits, watch: Watch, depth: WalkDepth) -> Reach:
    budget = Budget(limits.work_steps)
    original, slim = CountedTree(case.original.tree, budget), CountedTree(case.slim.tree, budget)
    sides = (case.original, case.slim)
    context = Context.of(
        original,
        case.original.config,
        slim=slim,
        limits=limits,
        budget=budget,
        knowledge=active.knowledge,
        watch=lambda tree, path, reader: watch(sides[tree is slim].reference, path, reader),
    )
    reach = walk(
        original,
        slim,
        (case.original.config, case.slim.config),
        owners=case.owners,
        readers=active.readers,
        context=context,
        packages=case.original.inventory.packages,
        run=case.run,
        depth=depth,
    )
    watch(case.slim.reference, "", "")
    return reach


def _judged(case: Case, active: plugins.Plugins, limits: Limits, *, file_kinds: bool) -> Report:
    """What of the difference will be missed, and what to put back."""
    gaps = tuple(gap_problems(case.reach.unread)) if case.reach else ()
    found = findings(active.rules, case) if not case.diff.identical else ()
    understood = (case.reach is not None and not gaps) or case.diff.identical
    kinds, closer = kinds_of(case, found, limits) if file_kinds else ((), ())
    return assemble(
        case,
        findings=found,
        suggestions=propose(case.reach, case.original.tree, found) if case.reach else (),
        rules=[rule.id for rule in judging(active.rules, case.diff)],
        outlook=outlook(found, complete=whole(case.problems), understood=understood),
        problems=(*gaps, *closer),
        file_kinds=kinds,
    )
