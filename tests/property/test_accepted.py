"""Whatever was accepted, the gate passes exactly where all that is missing later was accepted."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy_reports import TODAY, finding, gap, policy_text, report
from xraydiff.facts import Closure, Finding, Problem
from xraydiff.pipeline import compare
from xraydiff.policy import Policy, evaluate, load_policy, parse_policy
from xraydiff.report.codec import dump_report, load_report
from xraydiff.report.document import Report
from xraydiff.report.text import worst_first
from xraydiff.report.waivers import waiver_lines
from xraydiff.testing import ImageBuilder, elf

NAMES = ("aaa", "bbb", "ccc", "v1", "v2")
ODD = st.text(
    st.sampled_from("ab[]*?!\\#'\": -{}&%@`|>,\x01\n\x7f\x85\u00e9\u202e\ue000\ufffe\U0001f600\udce9"),
    min_size=1,
    max_size=8,
).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(ODD, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
SETS = st.frozensets(st.sampled_from([f"/app/{name}" for name in NAMES]), min_size=1)


def imports(missing: frozenset[str]) -> Finding:
    return finding(subject=min(missing), asker="/app/main", restore=tuple(missing), fingerprint=f"{len(missing):016x}")


@settings(deadline=None)
@given(SETS, SETS)
def test_a_baseline_of_any_set(accepted: frozenset[str], later: frozenset[str]) -> None:
    baseline = load_report(dump_report(report(imports(accepted))))
    verdict = evaluate(report(imports(later)), load_policy(), today=TODAY, baseline=baseline)
    assert verdict.passed is (later <= accepted)
    assert verdict.decisions[0].uncovered == tuple(sorted(later - accepted))


@settings(deadline=None)
@given(SETS, SETS, st.frozensets(st.sampled_from(NAMES)))
def test_a_waiver_of_any_set(accepted: frozenset[str], later: frozenset[str], deep: frozenset[str]) -> None:
    """Every missing path may need a library that nothing else asks for."""
    needs = {path: f"/lib/{path[5:]}.so" for path in later if path[5:] in deep}
    closures = tuple(Closure(path=path, needs=(library,)) for path, library in sorted(needs.items()))
    one = finding(subject=min(later), restore=(*later, *needs.values()), closures=closures)
    paths = ", ".join(sorted(accepted))
    by_rule = parse_policy(policy_text(f"  - {{rule: ELF, paths: [{paths}], reason: r}}\n", version=2))
    assert evaluate(report(one), by_rule, today=TODAY).passed is (later <= accepted)
    mark = f"  - {{fingerprint: {one.fingerprint}, paths: [{paths}], reason: r}}\n"
    strict = evaluate(report(one), parse_policy(policy_text(mark, version=2)), today=TODAY)
    assert strict.passed is (later <= accepted and not needs)


def pasted(shown: Report) -> Policy:
    verdict = evaluate(shown, load_policy(), today=TODAY)
    lines = waiver_lines(shown, verdict, worst_first(shown.findings))
    return parse_policy("\n".join(["version: 2\nblock:\n  - {severity: high, certainty: likely}", *lines]))


@settings(deadline=None)
@given(st.frozensets(PATHS, max_size=4), st.frozensets(PATHS, max_size=3), PATHS)
def test_a_pasted_waiver_is_valid_and_complete_and_no_more(
    missing: frozenset[str], unread: frozenset[str], other: str
) -> None:
    gaps: tuple[Problem, ...] = tuple(gap(path) for path in sorted(unread))
    shown = report(*([imports(missing)] if missing else []), gaps=gaps)
    policy = pasted(shown)
    assert evaluate(shown, policy, today=date(2030, 1, 1)).passed
    if missing and other not in missing:
        more = report(finding(subject=min(missing), restore=(*missing, other), fingerprint=f"{len(missing):016x}"))
        assert evaluate(more, policy, today=TODAY).decisions[0].uncovered == (other,)
    if other not in unread:
        assert not evaluate(report(gaps=(gap(other),)), policy, today=TODAY).passed


def built(missing: frozenset[str]) -> Report:
    """A program whose configuration names five files of the application, some of them gone."""
    both = [ImageBuilder().config(cmd=("/app/main", "/app/main.conf")) for _ in range(2)]
    for builder, gone in zip(both, (frozenset[str](), missing), strict=True):
        builder.file("/app/main", elf(), mode=0o755)
        builder.file("/app/main.conf", "".join(f"load /srv/{name}/rules.dat\n" for name in NAMES))
        for name in NAMES:
            if name not in gone:
                builder.file(f"/srv/{name}/rules.dat", name)
    with both[0].image() as original, both[1].image() as slim, compare(original, slim) as comparison:
        return load_report(dump_report(comparison.report))


@settings(max_examples=25, deadline=None)
@given(st.frozensets(st.sampled_from(NAMES), min_size=1), st.frozensets(st.sampled_from(NAMES), min_size=1))
def test_images_of_any_two_sets(accepted: frozenset[str], later: frozenset[str]) -> None:
    yesterday, today = built(accepted), built(later)
    assert not evaluate(today, load_policy(), today=TODAY).passed
    verdict = evaluate(today, load_policy(), today=TODAY, baseline=yesterday)
    assert verdict.passed is (later <= accepted)
    assert evaluate(today, pasted(today), today=TODAY).passed
    again = evaluate(today, pasted(yesterday), today=TODAY)
    assert not again.passed or later <= accepted
