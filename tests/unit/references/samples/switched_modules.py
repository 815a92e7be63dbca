"""Samples of settings that switch modules on, and of an archive of libtool."""

SAMPLES = (
    ("", b"olcModuleLoad: unique\n# load x\nLoadPlugin cpu\nplugins = python3, caf\xc3\xa9 \xff\n"),
    ("la", b"# unique.la\ndlname='unique-2.5.so.0'\nlibrary_names='unique-2.5.so.0.1.8 unique.so'\n"),
)
