"""The whole flow: what comes out of `compare` and `inspect`, and what becomes of the images."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from xraydiff.errors import ImageClosedError, ImageError, UsageError
from xraydiff.facts import Certainty, Outlook
from xraydiff.limits import Limits
from xraydiff.pipeline import compare, graph, inspect, suggest
from xraydiff.report.codec import dump_report, load_report
from xraydiff.testing import ImageBuilder, elf

RUN = elf(needed=["liba.so"], interpreter="/lib/ld.so", executable=True)


def pair() -> tuple[ImageBuilder, ImageBuilder]:
    def base() -> ImageBuilder:
        builder = ImageBuilder().config(cmd=["/app/run"]).file("/lib/ld.so", elf(soname="ld.so"), mode=0o755)
        return builder.file("/app/run", RUN, mode=0o755)

    return base().file("/lib/liba.so", elf(soname="liba.so")).file("/etc/motd", "hello"), base()


def archives(folder: Path) -> tuple[Path, Path]:
    original, slim = pair()
    return original.write(folder / "a.tar"), slim.write(folder / "b.tar")


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_paths_strings_and_open_images_give_the_same_report(tmp_path: Path) -> None:
    paths = archives(tmp_path)
    texts = set()
    for arguments in (paths, tuple(map(str, paths))):
        with compare(*arguments) as comparison:
            texts.add(dump_report(comparison.report))
    assert len(texts) == 1


def test_it_closes_only_what_it_opened() -> None:
    original, slim = (builder.image() for builder in pair())
    with compare(original, slim) as comparison:
        assert comparison.content("/etc/motd") == b"hello"
    assert list(original.layers[0].operations())


def test_content_why_and_graph_need_the_images(tmp_path: Path) -> None:
    comparison = compare(*archives(tmp_path))
    assert comparison.content("/etc/motd") == b"hello"
    assert [step.target for step in comparison.why("/lib/liba.so")] == ["/lib/liba.so"]
    assert comparison.why("/etc/motd") == ()
    with pytest.raises(UsageError):
        comparison.content("/nowhere")
    with pytest.raises(UsageError):
        comparison.content("/etc/motd", image="other")
    comparison.close()
    comparison.close()
    for call in (comparison.content, comparison.why):
        with pytest.raises(ImageClosedError):
            call("/etc/motd")
    with pytest.raises(ImageClosedError):
        comparison.graph()


def test_a_comparison_that_is_forgotten_closes_without_a_warning(tmp_path: Path) -> None:
    paths = archives(tmp_path)
    before = _open_files()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        comparison = compare(*paths)
        assert _open_files() > before
        del comparison
        gc.collect()
    assert _open_files() == before


def test_the_report_is_detached_and_picklable(tmp_path: Path) -> None:
    with compare(*archives(tmp_path)) as comparison:
        report = comparison.report
    assert pickle.loads(pickle.dumps(report)) == report  # noqa: S301  our own bytes
    assert load_report(dump_report(report)) == report
    assert report.graph().number_of_edges() > 0


def test_an_image_with_itself_is_identical() -> None:
    original, _ = pair()
    with compare(original.image(), original.image()) as comparison:
        report = comparison.report
    assert report.summary.identical
    assert report.findings == ()
    assert report.suggestions == ()
    assert report.summary.outlook is Outlook.CLEAN


def test_no_walk_where_the_images_are_no_pair() -> None:
    original, slim = pair()
    with compare(slim.image(), original.file("/big", "x" * 100_000).image()) as comparison:
        assert comparison.reach is None
        assert comparison.report.suggestions == ()
        assert [finding.rule for finding in comparison.report.findings if finding.severity.word == "critical"] == [
            "IMG001"
        ]


def test_an_image_that_is_not_read_whole_gives_no_walk_and_an_incomplete_report() -> None:
    original, slim = pair()
    original.file("/dir/../escape", "x")
    with compare(original.image(), slim.image()) as comparison:
        report = comparison.report
        assert comparison.reach is None
    assert not report.complete
    assert report.summary.outlook is Outlook.UNKNOWN
    assert any(problem.image == "original" and problem.code == "path-escape" for problem in report.problems)
    with pytest.raises(ImageError, match="not read whole"):
        graph(original.image())


def test_an_unreadable_image_raises(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no image")
    with pytest.raises(ImageError):
        compare(tmp_path / "x.tar", tmp_path / "x.tar")


def test_suggest_works_on_a_stored_report(tmp_path: Path) -> None:
    with compare(*archives(tmp_path)) as comparison:
        stored = load_report(dump_report(comparison.report))
    assert [item.path for item in suggest(stored).items] == ["/lib/liba.so"]
    assert suggest(stored, budget=0).items == ()
    assert suggest(stored, certainty=Certainty.PROVEN).bytes == len(elf(soname="liba.so"))


def test_inspect_tells_of_one_image() -> None:
    original, _ = pair()
    seen = inspect(original.image())
    assert seen.complete
    assert seen.image.layers == 1
    assert ("cmd", '["/app/run"]') in seen.config


def test_a_limit_is_a_bound_for_both(tmp_path: Path) -> None:
    paths = archives(tmp_path)
    with pytest.raises(ImageError, match="entries"):
        compare(*paths, limits=Limits(entries_per_layer=1))


def test_who_watches_is_told_what_is_read_and_by_whom(tmp_path: Path) -> None:
    def image(name: str, *, whole: bool) -> Path:
        builder = ImageBuilder().config(cmd=["/bin/sh", "/app/start"]).file("/bin/sh", elf(executable=True), mode=0o755)
        builder.file("/app/start", ". /app/gone\n")
        return (builder.file("/app/gone", "echo\n") if whole else builder).write(tmp_path / name)

    seen: list[tuple[str, str, str]] = []
    compare(image("o.tar", whole=True), image("s.tar", whole=False), watch=lambda *place: seen.append(place)).close()
    assert {("s.tar", "/app/start", "shell"), ("o.tar", "/app/gone", "shell"), ("s.tar", "/bin/sh", "elf")} <= set(seen)
    for place, after in pairwise(seen):
        assert not place[2] or after == (*place[:2], ""), "a reader that is done is no longer watched"
    assert seen[-1] == ("s.tar", "", "")


def test_threads_do_not_disturb_each_other() -> None:
    def once(_: int) -> str:
        original, slim = pair()
        with compare(original.image(), slim.image()) as comparison:
            return dump_report(comparison.report)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(once, range(8)))) == 1


def test_the_same_input_gives_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    paths = archives(tmp_path)
    code = "import sys\nfrom xraydiff.pipeline import compare\nfrom xraydiff.report.codec import dump_report\n"
    code += "print(dump_report(compare(*sys.argv[1:]).report))"
    outputs = {
        subprocess.run(
            [sys.executable, "-P", "-c", code, *map(str, paths)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(outputs) == 1


def test_comparing_imports_no_heavy_library(tmp_path: Path) -> None:
    code = "import sys\nfrom xraydiff.pipeline import compare\nfrom xraydiff.report.codec import dump_report\n"
    code += "dump_report(compare(*sys.argv[1:]).report)\n"
    code += "heavy = ('networkx', 'docker', 'jsonschema', 'yaml', 'magic', 'elftools')\n"
    code += "print([name for name in heavy if name in sys.modules])"
    command = [sys.executable, "-P", "-c", code, *map(str, archives(tmp_path))]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "[]"
