"""A small pair of its own goes the whole way with a real engine: build, slim, check, prove, measure."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.pairs.harness.building import build_original, build_slim, record_slim
from tests.pairs.harness.engine import docker as docker_command
from tests.pairs.harness.engine import start_of
from tests.pairs.harness.measure import measure
from tests.pairs.harness.pair import Pair
from tests.pairs.harness.proof import prove
from tests.pairs.harness.questions import ask_image

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("engine")]
BUSYBOX = shutil.which("busybox")

DOCKERFILE = """\
FROM scratch
COPY root /
CMD ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/www"]
"""
CHECKS = """\
ready = "index"

[[check]]
name = "index"
http = "/index.html"
contains = "second.html"
short = true

[[check]]
name = "linked page"
http = "/second.html"
contains = "The second page"

[[check]]
name = "message behind a link"
exec = ["/bin/busybox", "cat", "/etc/motd"]
contains = "Good day"

[[check]]
name = "spool"
exec = ["/bin/busybox", "touch", "/spool/job"]
operate = true
"""


@pytest.fixture
def pair(tmp_path: Path, engine: docker.DockerClient) -> Iterator[Pair]:
    """A web server that holds a page, a message and a spool which the short run does not touch."""
    assert engine.ping()
    if BUSYBOX is None or shutil.which("strace") is None:
        pytest.skip("no busybox or strace (Debian: busybox-static, strace)")
    root = tmp_path / "context" / "root"
    for folder in ("bin", "etc", "www", "share"):
        (root / folder).mkdir(parents=True)
    (root / "spool").mkdir()
    shutil.copy(BUSYBOX, root / "bin" / "busybox")
    (root / "www" / "index.html").write_text('<a href="second.html">on</a>\n')
    (root / "www" / "second.html").write_text("The second page\n")
    (root / "www" / "third.html").write_text("Nobody asks\n")
    (root / "share" / "motd").write_text("Good day\n")
    (root / "etc" / "motd").symlink_to("../share/motd")
    (tmp_path / "context" / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "checks.toml").write_text(CHECKS)
    made = Pair(name="harness", folder=tmp_path)
    yield made
    docker_command("rmi", "-f", made.original, made.slim, check=False)


def test_a_pair_goes_the_whole_way(pair: Pair, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    tree = build_original(pair, work)
    record_slim(pair, tree, work)
    assert {str(row["path"]) for row in pair.listing} == {"/bin", "/bin/busybox", "/www", "/www/index.html"}
    build_slim(pair, tree, work)

    original, slim = (ask_image(pair, image, pair.checks) for image in (pair.original, pair.slim))
    assert all(original.values())
    assert [name for name, held in slim.items() if held] == ["index"]
    pair.write("checks.json", {name: {"original": True, "slim": slim[name]} for name in original})
    assert start_of(pair.slim) == {"started": True, "up": True, "exit_code": None}

    needed = prove(pair, tree, work, print)
    assert needed == {
        "/etc/motd": "use",
        "/share/motd": "use",
        "/spool": "operate",
        "/www/second.html": "use",
    }
    mended = ask_image(pair, pair.slim, pair.checks, tree.layer(tree.with_parents(needed)))
    assert all(mended.values())

    found = measure(pair, tree, work)
    assert (found.broken, found.truth, found.hurt) == (3, "risky 1/4", 0)
    assert found.mended <= found.broken
    assert 0 <= found.recall <= 1
