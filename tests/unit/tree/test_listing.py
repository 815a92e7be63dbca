from __future__ import annotations

from xraydiff.limits import Limits
from xraydiff.testing import ImageBuilder
from xraydiff.tree.listing import HEADER, listing


def test_one_line_for_every_path_but_the_root() -> None:
    tree = (
        ImageBuilder()
        .directory("/d", mode=0o1777)
        .file("/d/empty")
        .file("/d/caf\udce9\n\t\\", "x", mode=0o4755)
        .symlink("/l", "a\tb")
        .device("/null", 1, 3, mode=0o666)
        .fifo("/p", mode=0o600)
        .tree()
    )
    assert list(listing(tree)) == [
        HEADER,
        "/d\tdir\t0o1777\t-\t-",
        "/d/caf\\xe9\\x0a\\x09\\\\\tfile\t0o4755\t1\t2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        "/d/empty\tfile\t0o644\t0\te3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "/l\tsymlink\t-\t-\ta\\x09b",
        "/null\tchar\t0o666\t-\t1:3",
        "/p\tfifo\t0o600\t-\t-",
    ]


def test_a_file_too_large_to_read_has_no_digest() -> None:
    tree = ImageBuilder().file("/x", "12345").tree(limits=Limits(file=4))
    assert list(listing(tree))[1:] == ["/x\tfile\t0o644\t5\t-"]
