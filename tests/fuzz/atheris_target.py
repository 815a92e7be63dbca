"""Coverage-guided fuzzing by hand: `python -m tests.fuzz.atheris_target NAME [options of libFuzzer]`.

Needs Atheris, which is no dependency of this project: `pip install atheris`. Seeds are written to `fuzz-NAME/` in
the current directory, where findings are kept, too. What it finds becomes a test of its own in tests/hostile.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Fuzz one target for ever, or as long as `-max_total_time=SECONDS` says."""
    import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]  # not installed

    with atheris.instrument_imports(include=["xraydiff"]):
        from tests.fuzz.targets import TARGETS
        from xraydiff.errors import XraydiffError

    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"one of: {' '.join(sorted(TARGETS))}")
    name = sys.argv.pop(1)
    target = TARGETS[name]
    corpus = Path(f"fuzz-{name}")
    corpus.mkdir(exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)

    def one(data: bytes) -> None:
        try:
            target.run(target.repaired(data))
        except XraydiffError:
            return

    atheris.Setup([*sys.argv, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
