"""A pair's two images are built: the original from its context, the slimmed one from its recorded listing."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.pairs.harness.engine import docker, ensure_base, image_config
from tests.pairs.harness.pair import Pair
from tests.pairs.harness.trace import trace
from tests.pairs.harness.tree import Tree, tree_of
from xraydiff.image.writer import config_bytes, write_docker_archive

ALWAYS = ("/tmp", "/run", "/var/run")
"""A minifier keeps these whatever the trace says."""


def build_original(pair: Pair, work: Path) -> Tree:
    """Build the original into the engine, save its archive, and read its files."""
    context = work / "contexts" / pair.name
    shutil.copytree(pair.context, context, symlinks=True, dirs_exist_ok=True)
    if (pair.folder / "prepare.sh").exists():
        subprocess.run(["sh", str(pair.folder / "prepare.sh")], cwd=context, check=True)
    if "FROM debian:" in (context / "Dockerfile").read_text():
        ensure_base()
    docker("build", "-q", "-t", pair.original, str(context))
    docker("save", "-o", str(work / f"{pair.name}.tar"), pair.original)
    return tree_of(pair.original, work)


def record_slim(pair: Pair, tree: Tree, work: Path) -> None:
    """Trace the short run and write the listing of what a minifier would keep."""
    found, failed = trace(pair, tree, [check for check in pair.checks if check.short], work / f"{pair.name}.short")
    if failed:
        raise RuntimeError(f"{pair.name}: the original fails {failed}")
    kept = tree.with_parents({*found.kept, *ALWAYS, *pair.keep})
    rows = [json.dumps(tree.row(path)) for path in sorted(kept)]
    (pair.folder / "slim.jsonl").write_text("\n".join(rows) + "\n")
    pair.write("slim.config.json", image_config(pair.original))


def build_slim(pair: Pair, tree: Tree, work: Path) -> None:
    """Write the slimmed archive from its listing, with the bytes of the original, and load it."""
    layer = slim_layer(pair, tree)
    config = json.loads((pair.folder / "slim.config.json").read_text())
    created = "1970-01-01T00:00:00Z"
    whole: Mapping[str, object] = {"created": created, "config": config, "history": [{"created": created}]}
    archive = work / f"{pair.name}.slim.tar"
    with archive.open("wb") as out:
        write_docker_archive(out, config_bytes(whole, [layer]), [layer], tags=[pair.slim])
    docker("load", "-q", "-i", str(archive))


def slim_layer(pair: Pair, tree: Tree) -> bytes:
    """The one layer of the slimmed image; what the original no longer holds is left out."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for row in pair.listing:
            path = str(row["path"])
            if path in tree.entries:
                info = tree.header(path)
                tar.addfile(info, io.BytesIO(tree.data(path)) if info.isreg() else None)
    return out.getvalue()
