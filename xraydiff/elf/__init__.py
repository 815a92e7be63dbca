"""What an ELF file says, read within bounds, and where the loaders of glibc and musl look for what it needs."""

from __future__ import annotations
