"""Samples of ELF headers."""

from xraydiff.testing import elf

SAMPLES = (
    ("", elf(needed=["libc.so.6", "libm.so.6"], executable=True)),
    ("", elf(soname="libx.so.1", needed=["libc.so.6"])),
    ("", elf(executable=True)[:40]),
    ("", b"\x7fELF\x09\x09"),
)
