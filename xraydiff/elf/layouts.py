"""The structures of ELF in both classes and byte orders (gABI chapters 4 and 5), and the tags that lead to symbols."""

from __future__ import annotations

from struct import Struct

__all__ = [
    "ADDRESSES", "DT_GNU_HASH", "DT_HASH", "DT_STRSZ", "DT_STRTAB", "DT_SYMTAB", "LAYOUTS", "SYMBOL_TAGS", "Layout",
]  # fmt: skip

DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_GNU_HASH = 4, 5, 6, 10, 0x6FFFFEF5
ADDRESSES = (DT_STRTAB, DT_SYMTAB, DT_HASH, DT_GNU_HASH, 3, 7, 12, 13, 17, 23, 25, 26, 32, 36, 0x6FFFFFF0, 0x6FFFFFFC,
             0x6FFFFFFE)  # fmt: skip
"""Tags that hold an address: the symbol table, whose end is written nowhere, ends where the next of these begins."""
SYMBOL_TAGS = (*ADDRESSES, DT_STRSZ)


class Layout:
    """The structures of one class and byte order."""

    __slots__ = ("dynamic", "header", "note", "program", "section", "symbol", "wide", "word")

    def __init__(self, *, wide: bool, order: str) -> None:
        self.wide = wide
        self.header = Struct(order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"))
        self.program = Struct(order + ("IIQQQQQQ" if wide else "IIIIIIII"))
        self.dynamic = Struct(order + ("qQ" if wide else "iI"))
        self.section = Struct(order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII"))
        self.symbol = Struct(order + ("IBBHQQ" if wide else "IIIBBH"))
        self.note = Struct(order + "III")
        self.word = Struct(order + "I")


LAYOUTS = {
    (bits, little): Layout(wide=bits == 64, order="<" if little else ">")
    for bits in (32, 64)
    for little in (True, False)
}
