"""The fit of rows and cells: who is right how often, on which pairs, and who rests on one of them."""

from __future__ import annotations

from tests.benchmarks.foresight import Fit, Needed, fit
from xraydiff.pipeline import compare
from xraydiff.testing import ImageBuilder


def made(**pairs: str) -> Fit:
    """A fit from a letter a target, `y` where it was needed."""
    one = Fit()
    for pair, letters in pairs.items():
        for index, letter in enumerate(letters):
            one.add(pair, f"/{index}", needed=letter == "y")
    return one


def test_a_row_is_noise_below_one_in_three_and_may_rest_on_one_pair() -> None:
    assert made(a="ynn", b="nn").verdict == "too few"
    assert made(a="ynnnnnnnnn", b="nnnn").verdict == "noise"
    assert made(a="n" * 7).verdict == "too few"
    assert made(a="n" * 8).verdict == "noise"
    assert made(a="yyyy", b="nnn").verdict == "one pair"
    assert made(a="yyyy").verdict == "one pair"
    assert made(a="y", b="yn").verdict == "holds"
    assert made(a="yn", b="n").as_dict() == {
        "right": 1,
        "all": 3,
        "share": 0.33,
        "worst without one": 0.0,
        "verdict": "one pair",
        "pairs": {"a": "1/2", "b": "0/1"},
    }


def test_the_first_unneeded_file_of_a_chain_takes_the_blame() -> None:
    images = [ImageBuilder().config(entrypoint=["/app/run.sh"]) for _ in range(2)]
    for image in images:
        image.file("/app/run.sh", "#!/bin/sh\n. /app/a.sh\n", mode=0o755).file("/bin/sh", "x", mode=0o755)
    images[0].file("/app/a.sh", ". /app/b.sh\n").file("/app/b.sh", ". /app/c.sh\n").file("/app/c.sh", "true\n")
    cells: dict[str, Fit] = {}
    with compare(*(image.image() for image in images)) as comparison:
        assert comparison.reach is not None
        assert len(comparison.reach.missing) == 3
        fit(comparison.reach, "pair", Needed(["/app/a.sh", "/app/c.sh"]), cells, {})
    assert {name: one.by_pair() for name, one in cells.items()} == {"executed script x load": {"pair": "1/2"}}
