"""One account of steps for a whole comparison: who draws from it, and what becomes of a comparison that spends it."""

from __future__ import annotations

from datetime import date

import pytest

from xraydiff.budget import Budget
from xraydiff.errors import WorkLimit
from xraydiff.facts import Outlook, Scope
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath
from xraydiff.pipeline import compare, load_policy
from xraydiff.policy import evaluate
from xraydiff.report.document import Report
from xraydiff.testing import ImageBuilder
from xraydiff.tree.counted import CountedTree


def image(*, whole: bool) -> ImageBuilder:
    builder = ImageBuilder().config(cmd=["/app/run.sh"]).file("/bin/sh", "x", mode=0o755)
    builder.file("/app/run.sh", "#!/bin/sh\ncat /app/data.txt\n", mode=0o755)
    return builder.file("/app/data.txt", "x") if whole else builder


def report_of(steps: int) -> Report:
    limits = Limits(work_steps=steps)
    with compare(image(whole=True).image(), image(whole=False).image(), limits=limits) as comparison:
        return comparison.report


def test_a_comparison_within_its_steps_is_whole() -> None:
    report = report_of(1_000_000)
    assert report.complete
    assert "/app/data.txt" in {path for finding in report.findings for path in finding.restore}


@pytest.mark.parametrize("steps", [1, 5, 20, 60])
def test_a_comparison_that_spends_its_steps_is_not_whole(steps: int) -> None:
    report = report_of(steps)
    (problem,) = [one for one in report.problems if one.code == "work-limit"]
    assert (problem.fatal, problem.scope, problem.reader) == (True, Scope.READING, "")
    assert f"more than {steps} steps" in problem.message
    assert not report.complete
    assert report.summary.outlook is Outlook.UNKNOWN
    verdict = evaluate(report, load_policy(), today=date(2026, 1, 1))
    assert (verdict.passed, verdict.complete) == (False, False)


def test_it_says_what_was_being_read() -> None:
    told = {one.path for steps in range(20, 120, 5) for one in report_of(steps).problems if one.code == "work-limit"}
    assert "/app/run.sh" in told


def test_the_same_steps_end_the_same_way() -> None:
    assert report_of(50).problems == report_of(50).problems


def test_every_look_at_a_tree_is_counted() -> None:
    builder = ImageBuilder()
    for number in range(320):
        builder.file(f"/d/{number}", "x" * 2_560)
    budget = Budget(10_000)
    tree = CountedTree(builder.tree(), budget)
    spent = []
    for look in (
        lambda: tree.resolve("/d/1"),
        lambda: tree.children(ImagePath("/d")),
        lambda: tree.children(ImagePath("/d")),
        lambda: list(tree.below(ImagePath("/d"))),
        lambda: tree.content(ImagePath("/d/1")),
        lambda: tree.read_at(ImagePath("/d/1"), 0, 256),
        lambda: tree.links(ImagePath("/d/1")),
        lambda: tree.digest(ImagePath("/d/1")),
    ):
        before = budget.spent
        look()
        spent.append(budget.spent - before)
    assert spent == [1, 21, 1, 21, 11, 2, 1, 11]


def test_what_is_not_gone_through_is_not_paid_for() -> None:
    builder = ImageBuilder()
    for number in range(320):
        builder.file(f"/d/{number}", "x")
    budget = Budget(10)
    tree = CountedTree(builder.tree(), budget)
    assert next(tree.below(ImagePath("/d"))) == "/d/0"
    with pytest.raises(WorkLimit):
        list(tree.below(ImagePath("/d")))
