"""Samples of programs with imported functions and strings."""

from xraydiff.testing import elf

SAMPLES = (
    ("", elf(imports=["dlopen", "iconv_open"], data=["libssl.so.3", "ISO-8859-1", "caf\xe9"], executable=True)),
    ("", elf(imports=["OSSL_PROVIDER_load"], data=["GET /legacy", "x.fips"], needed=["libcrypto.so.3"])),
    ("", elf(executable=True) + b"\xff Go buildinf: time.LoadLocation"),
    ("", b"\x7fELF\x09\x09"),
)
