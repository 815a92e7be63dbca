"""Whatever happens to the bytes of an archive: its layers are read as they were, or it is refused in one line."""

from __future__ import annotations

import gzip

from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.image_archives import ONE, TWO, Layout, config_of, docker_archive, opened, read
from xraydiff.errors import XraydiffError


def layout() -> bytes:
    made = Layout()
    stored = (gzip.compress(ONE, mtime=0), zstd.compress(TWO))
    image = made.image(stored, config=config_of((ONE, TWO)))
    made.manifests = [made.index([image])]
    return made.archive()


ARCHIVES = {
    "docker": docker_archive((ONE, TWO)),
    "docker in gzip": gzip.compress(docker_archive((ONE, TWO)), mtime=0),
    "oci": layout(),
}
WHOLE = {name: read(opened(data)) for name, data in ARCHIVES.items()}
SEEN = next(iter(WHOLE.values()))


def as_it_was_or_refused(data: bytes) -> None:
    refusal, seen = "", SEEN
    try:
        seen = read(opened(data))
    except XraydiffError as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert seen == SEEN


def test_all_forms_say_the_same() -> None:
    assert all(said == SEEN for said in WHOLE.values())


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(sorted(ARCHIVES)),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=4),
    cut=st.none() | st.floats(0, 1),
)
def test_changed_bytes(name: str, changes: list[tuple[float, int]], cut: float | None) -> None:
    data = bytearray(ARCHIVES[name])
    for place, mask in changes:
        data[int(place * len(data))] ^= mask
    if cut is not None:
        del data[int(cut * len(data)) :]
    as_it_was_or_refused(bytes(data))


@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(sorted(ARCHIVES)),
    start=st.floats(0, 1),
    length=st.integers(0, 600),
    put=st.binary(max_size=600),
)
def test_replaced_ranges(name: str, start: float, length: int, put: bytes) -> None:
    data = bytearray(ARCHIVES[name])
    place = int(start * len(data))
    data[place : place + length] = put
    as_it_was_or_refused(bytes(data))
