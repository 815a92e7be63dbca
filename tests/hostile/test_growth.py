"""Inputs whose work used to grow with the square: four times the input may take little more than four times the steps.

Steps are counted by the budget of a comparison, so that these tests hang on no clock.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

import xraydiff.pipeline
from xraydiff.budget import Budget
from xraydiff.facts import Outlook
from xraydiff.limits import DEFAULT, Limits
from xraydiff.pipeline import compare
from xraydiff.reach import Reach, Trail
from xraydiff.report.document import Report
from xraydiff.testing import ImageBuilder

SMALL, FOUR_TIMES = 100, 400
GROWTH = 5.5
"""Four-fold work, and what is added for numbers that are longer to write."""
Pair = tuple[ImageBuilder, ImageBuilder]


class Watched:
    """Comparisons whose steps are told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._budgets: list[Budget] = []
        monkeypatch.setattr(xraydiff.pipeline, "Budget", self._made)

    def _made(self, steps: int) -> Budget:
        self._budgets.append(Budget(steps))
        return self._budgets[-1]

    def compare(self, pair: Pair, limits: Limits = DEFAULT) -> tuple[Report, Reach | None, int]:
        with compare(pair[0].image(), pair[1].image(), limits=limits) as comparison:
            return comparison.report, comparison.reach, self._budgets[-1].spent


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def pair(kept: dict[str, str], gone: dict[str, str], *, command: str = "/app/main", **modes: int) -> Pair:
    builders = (ImageBuilder(), ImageBuilder())
    for builder in builders:
        builder.config(cmd=[command], workdir="/app").file("/bin/sh", "x", mode=0o755).file(
            "/app/main", "x", mode=0o755
        )
        for path, text in kept.items():
            builder.file(path, text, mode=modes.get("mode", 0o644))
    for path, text in gone.items():
        builders[0].file(path, text, mode=modes.get("mode", 0o644))
    return builders


# --- what grew ------------------------------------------------------------------------------------------------------


def siblings_of_several_suffixes(n: int) -> Pair:
    suffixes = ("php", "json", "tmpl")
    kept = {f"/srv/site/k{i}.{suffix}": "x" for i in range(n) for suffix in suffixes}
    return pair(kept, {f"/srv/site/g{i}.{suffix}": "x" for i in range(n) for suffix in suffixes})


def programs_beside_each_other(n: int) -> Pair:
    kept = {f"/app/tools/k{i}": "x" for i in range(n)}
    return pair(kept, {f"/app/tools/g{i}": "x" for i in range(n)}, mode=0o755)


def modules_that_import_the_next(n: int) -> Pair:
    gone = {f"/app/m{i}.py": f"import m{i + 1}\n" for i in range(n)}
    return pair({"/app/start.py": "import m0\n", "/usr/bin/python3": "x"}, gone, command="/app/start.py")


def scripts_that_source_the_next(n: int) -> Pair:
    gone = {f"/app/s/{i}.sh": f"#!/bin/sh\n. /app/s/{i + 1}.sh\n" for i in range(n)}
    return pair({"/app/run.sh": "#!/bin/sh\n. /app/s/0.sh\n"}, gone, command="/app/run.sh", mode=0o755)


def one_directory_named_by_many_files(n: int) -> Pair:
    kept = {f"/app/c/{i}.conf": "root /srv/site;\n" for i in range(n)} | {"/srv/site/kept.html": "x"}
    return pair(kept, {f"/srv/site/g{i}.html": "x" for i in range(n)})


def one_directory_named_by_one_file_in_many_ways(n: int) -> Pair:
    kept = {"/app/app.conf": "".join(f"/srv/site:{i}\n" for i in range(n))}
    return pair(kept | {f"/srv/site/{i}.html": "x" for i in range(n)}, {"/app/gone": "x"})


def directories_that_links_lead_on_from(n: int) -> Pair:
    original, slim = pair({"/app/app.conf": "/srv/d0\n"}, {f"/srv/d{i}/f": "x" for i in range(n)})
    for i in range(n):
        original.symlink(f"/srv/d{i}/next", f"../d{(i + 1) % n}")
    return original, slim


def names_below_many_directories(n: int) -> Pair:
    text = "".join(f"/srv/d/{i}\n" for i in range(n)) + "".join(f"n{i}.x\n" for i in range(n))
    return pair({f"/srv/d/{i}/f": "x" for i in range(n)} | {"/app/app.conf": text}, {"/app/gone": "x"})


def many_causes(n: int) -> Pair:
    kept = {f"/app/c{i}/x.conf": f"/srv/g{i}/f\n" for i in range(n)}
    return pair(kept, {f"/srv/g{i}/f": "x" for i in range(n)})


GROWN = (
    siblings_of_several_suffixes,
    programs_beside_each_other,
    modules_that_import_the_next,
    scripts_that_source_the_next,
    one_directory_named_by_many_files,
    one_directory_named_by_one_file_in_many_ways,
    directories_that_links_lead_on_from,
    names_below_many_directories,
    many_causes,
)


@pytest.mark.parametrize("made", GROWN, ids=lambda made: made.__name__)
def test_four_times_the_input_takes_four_times_the_steps(made: Callable[[int], Pair], watched: Watched) -> None:
    (_, one, small), (report, four, large) = (watched.compare(made(n)) for n in (SMALL, FOUR_TIMES))
    assert report.complete
    assert large <= GROWTH * small
    assert one is not None
    assert four is not None
    assert len(four.followed) <= GROWTH * len(one.followed)
    assert len(trails(four)) <= GROWTH * len(trails(one))


def trails(reach: Reach) -> set[int]:
    """The steps of all chains together, as they are kept: one that several chains share is one."""
    seen: set[int] = set()
    for missing in reach.missing.values():
        at: Trail | None = missing.trail
        while at is not None and id(at) not in seen:
            seen.add(id(at))
            at = at.before
    return seen


@pytest.mark.parametrize("made", GROWN[:5], ids=lambda made: made.__name__)
def test_everything_that_is_gone_is_found_all_the_same(made: Callable[[int], Pair], watched: Watched) -> None:
    images = made(60)
    report, reach, _ = watched.compare(images)
    assert reach is not None
    gone = images[0].tree().files.keys() - images[1].tree().files.keys()
    files = {path for path in gone if images[0].tree().files[path].type.value == "file"}
    assert files <= reach.missing.keys()
    assert files <= {path for finding in report.findings for path in finding.restore}


# --- patterns --------------------------------------------------------------------------------------------------------

PATTERNS = {
    "shell": ("/app/run.sh", "#!/bin/sh\n", "cat /data/*q{}[0-9]*\n"),
    "ruby": ("/app/run.rb", "#!/usr/bin/ruby\n", "Dir.glob('/data/*q{}[0-9]*').each {{ |one| load one }}\n"),
    "perl": ("/app/run.pl", "#!/usr/bin/perl\n", "my @f{0} = glob('/data/*q{0}[0-9]*');\n"),
    "php": ("/app/run.php", "<?php\n", "foreach (glob(__DIR__ . '/../data/*q{}*') as $one) {{ include $one; }}\n"),
    "python": ("/app/run.py", "import glob\n", "glob.glob('/data/*q{}*')\n"),
    "node": ("/app/run.js", "\n", "require('/data/' + process.env.A + 'q{}.js');\n"),
}


@pytest.mark.parametrize("language", PATTERNS)
def test_patterns_of_one_script_end_in_a_gap_and_cost_no_more(language: str, watched: Watched) -> None:
    path, head, line = PATTERNS[language]
    data = {f"/data/{'n' * 40}{i}": "x" for i in range(4_000)}
    limits = Limits(script_steps=50_000, script_constructs=50_000)

    def steps(lines: int) -> tuple[Report, int]:
        text = head + "".join(line.format(i) for i in range(lines))
        kept = {path: text, "/usr/bin/ruby": "x", "/usr/bin/perl": "x", "/usr/bin/php": "x", "/usr/bin/python3": "x"}
        report, _, took = watched.compare(pair(kept | data, {"/app/gone": "x"}, command=path, mode=0o755), limits)
        return report, took

    (_, none), (report, many) = steps(0), steps(400)
    # 400 patterns over 4,000 names are 1.6 million names; what the script may take is the bound, not their product.
    assert many - none <= 4 * limits.script_steps
    assert {problem.code for problem in report.problems if problem.path == path} >= {"too-large"}
    assert report.summary.outlook is not Outlook.CLEAN


def test_names_times_directories_beyond_the_bound_are_a_gap(watched: Watched) -> None:
    text = "".join(f"/srv/d/{i}\n" for i in range(60)) + "".join(f"f/n{i}.x\n" for i in range(60))
    images = pair({f"/srv/d/{i}/f/z": "x" for i in range(60)} | {"/app/app.conf": text}, {"/app/gone": "x"})
    report, _, _ = watched.compare(images, Limits(relative_names=1_000))
    (gap,) = [problem for problem in report.problems if problem.path == "/app/app.conf"]
    assert (gap.code, gap.reader, gap.fatal) == ("too-large", "literals", False)
    whole, _, _ = watched.compare(images)
    assert [problem for problem in whole.problems if problem.path == "/app/app.conf"] == []
