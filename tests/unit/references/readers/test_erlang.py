"""What compiled modules, applications, releases, boot files and start commands of Erlang ask for."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Sequence

import pytest

from xraydiff.facts import Edge, EdgeKind, Firing, Node, NodeKind
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import ImagePath
from xraydiff.references import Command
from xraydiff.references.readers.erlang import ErlangReader
from xraydiff.references.readers.erlang.beam import TermError, read_beam, read_terms
from xraydiff.references.readers.shell import ShellReader
from xraydiff.testing import ImageBuilder, context_of, elf, read, subject_of

SHOP = "/app/lib/shop-1.0/ebin"
OTP = "/usr/lib/erlang/lib"


def beam(
    name: str,
    *,
    calls: Sequence[tuple[str, str]] = (),
    atoms: Sequence[str] = (),
    texts: Sequence[str] = (),
    style: str = "old",
) -> bytes:
    """A compiled module with the tables that are read; `style` is that of OTP before and since 28."""
    names = list(dict.fromkeys([name, *(one for call in calls for one in call), *atoms]))
    if style == "old":
        table = struct.pack(">L", len(names)) + b"".join(bytes((len(one),)) + one.encode() for one in names)
    else:
        table = struct.pack(">l", -len(names)) + b"".join(_compact(len(one)) + one.encode() for one in names)
    rows = b"".join(struct.pack(">3L", names.index(m) + 1, names.index(f) + 1, 1) for m, f in calls)
    terms = [b"\x83\x6b" + struct.pack(">H", len(text)) + text.encode() for text in texts]
    literals = struct.pack(">L", len(terms)) + b"".join(struct.pack(">L", len(term)) + term for term in terms)
    packed = struct.pack(">L", len(literals)) + zlib.compress(literals) if style == "old" else bytes(4) + literals
    chunks = [(b"AtU8", table), (b"ImpT", struct.pack(">L", len(calls)) + rows), (b"LitT", packed)]
    body = b"".join(tag + struct.pack(">L", len(raw)) + raw + bytes(-len(raw) % 4) for tag, raw in chunks)
    return b"FOR1" + struct.pack(">L", len(body) + 4) + b"BEAM" + body


def _compact(number: int) -> bytes:
    return bytes((number << 4,)) if number < 16 else bytes((number >> 3 & 0b11100000 | 0b1000, number & 255))


def asked(builder: ImageBuilder, path: str = "") -> list[Edge]:
    """References of a file, or of the config."""
    reading = read(ErlangReader(), builder, path)
    assert reading.accepted
    assert not reading.gaps
    return reading.edges


def paths(edges: Sequence[Edge]) -> set[str]:
    return {edge.target.path for edge in edges if edge.target.kind is not NodeKind.SCRIPT}


def of_module(builder: ImageBuilder, data: bytes) -> list[Edge]:
    return asked(builder.file(f"{SHOP}/shop.beam", data), f"{SHOP}/shop.beam")


@pytest.mark.parametrize("style", ["old", "new"])
def test_modules_that_are_called(style: str) -> None:
    builder = ImageBuilder().file(f"{OTP}/stdlib-4.0/ebin/lists.beam", "x").file(f"{OTP}/erts-1/ebin/erlang.beam", "x")
    calls = [("lists", "map"), ("erlang", "error"), ("absent", "f"), ("shop", "self")]
    (edge,) = of_module(builder, beam("shop", calls=calls, atoms=["a_name_of_more_than_sixteen_letters"], style=style))
    assert edge.target.path == f"{OTP}/stdlib-4.0/ebin/lists.beam"
    assert (edge.kind, edge.firing, edge.weak) == (EdgeKind.IMPORTS, Firing.DEFERRED, False)


def test_a_packed_module() -> None:
    builder = ImageBuilder().file(f"{OTP}/stdlib-4.0/ebin/lists.beam", "x")
    assert len(of_module(builder, gzip.compress(beam("shop", calls=[("lists", "map")])))) == 1


def test_the_nearest_of_several_modules_and_the_newest_of_several_versions() -> None:
    builder = ImageBuilder()
    for path in (
        f"{SHOP}/a.beam",
        "/app/lib/x-1.0/ebin/a.beam",
        "/app/lib/x-1.0/ebin/b.beam",
        f"{OTP}/x-9/ebin/b.beam",
    ):
        builder.file(path, "x")
    builder.file(f"{OTP}/y-1/ebin/c.beam", "x").file(f"{OTP}/y-2/ebin/c.beam", "x")
    edges = of_module(builder, beam("shop", calls=[("a", "f"), ("b", "f"), ("c", "f")]))
    assert paths(edges) == {f"{SHOP}/a.beam", "/app/lib/x-1.0/ebin/b.beam", f"{OTP}/y-2/ebin/c.beam"}


def test_a_child_that_a_supervisor_names_and_a_word_that_is_no_module_of_ours() -> None:
    builder = ImageBuilder().file(f"{SHOP}/shop_worker.beam", "x").file(f"{OTP}/stdlib-4.0/ebin/error.beam", "x")
    edges = of_module(builder, beam("shop", atoms=["shop_worker", "error", "permanent"]))
    assert paths(edges) == {f"{SHOP}/shop_worker.beam"}


def test_applications_that_are_started() -> None:
    builder = ImageBuilder().file(f"{OTP}/ssl-10/ebin/ssl.app", "x")
    assert paths(of_module(builder, beam("shop", calls=[("application", "ensure_all_started")], atoms=["ssl"]))) == {
        f"{OTP}/ssl-10/ebin/ssl.app"
    }
    assert of_module(ImageBuilder().file(f"{OTP}/ssl-10/ebin/ssl.app", "x"), beam("shop", atoms=["ssl"])) == []


def test_native_functions_certificates_and_private_files() -> None:
    builder = ImageBuilder().file("/app/lib/shop-1.0/priv/fast.so", "x").file("/app/lib/shop-1.0/priv/rates.csv", "x")
    builder.file("/etc/ssl/cert.pem", "x").file("/etc/shop/conf", "x")
    calls = [("erlang", "load_nif"), ("public_key", "cacerts_get"), ("code", "priv_dir")]
    edges = of_module(builder, beam("shop", calls=calls, texts=["rates.csv", "/etc/shop/conf", "/absent/x"]))
    assert {edge.target.path: edge.kind for edge in edges} == {
        "/app/lib/shop-1.0/priv/fast.so": EdgeKind.LOADS,
        "/app/lib/shop-1.0/priv/rates.csv": EdgeKind.NAMES,
        "/etc/ssl/cert.pem": EdgeKind.TRUSTS,
        "/etc/shop/conf": EdgeKind.NAMES,
    }


def test_commands() -> None:
    builder = ImageBuilder().file("/bin/date", elf(executable=True), mode=0o755).config(env=["PATH=/bin"])
    edges = of_module(builder, beam("shop", calls=[("os", "cmd")], texts=["date +%Y", "no program"]))
    assert [(edge.target.language, edge.target.text) for edge in edges] == [("shell", "date +%Y")]
    builder = ImageBuilder().file("/bin/date", elf(executable=True), mode=0o755).config(env=["PATH=/bin"])
    assert of_module(builder, beam("shop", texts=["date +%Y"])) == []


APP = """%% -*- erlang -*-
{application, shop, [
  % {applications, [commented]},
  {vsn, "1.0"}, {modules, [shop, 'Odd.Module', gone]},
  {registered, [shop_sup]},
  {applications, [kernel,
                  cowboy]},
  {mod, {shop_app, []}}]}.
"""


def test_an_application_resource_file() -> None:
    builder = ImageBuilder().file(f"{SHOP}/shop.app", APP)
    for name in ("shop", "shop_app", "Odd.Module"):
        builder.file(f"{SHOP}/{name}.beam", "x")
    builder.file("/app/lib/cowboy-2/ebin/cowboy.app", "x").file(f"{OTP}/kernel-8/ebin/kernel.app", "x")
    builder.file(f"{OTP}/c-1/ebin/commented.app", "x")
    found = {edge.target.path: (edge.firing, edge.weak) for edge in asked(builder, f"{SHOP}/shop.app")}
    assert found == {
        f"{SHOP}/shop_app.beam": (Firing.GUARDED, False),
        "/app/lib/cowboy-2/ebin/cowboy.app": (Firing.GUARDED, False),
        f"{OTP}/kernel-8/ebin/kernel.app": (Firing.GUARDED, False),
        f"{SHOP}/shop.beam": (Firing.KEPT_WITH, True),
        f"{SHOP}/Odd.Module.beam": (Firing.KEPT_WITH, True),
    }


def test_a_release() -> None:
    text = '{release,{"shop","1.0"},{erts,"13.1"},[{kernel,"8.5"},{shop,"1.0"},{sasl,"4.2",none}]}.'
    builder = ImageBuilder().file("/app/releases/1.0/shop.rel", text).file(f"{SHOP}/shop.app", "x")
    builder.file("/app/lib/shop-2.0/ebin/shop.app", "x").file(f"{OTP}/sasl-4.1/ebin/sasl.app", "x")
    assert paths(asked(builder, "/app/releases/1.0/shop.rel")) == {f"{SHOP}/shop.app", f"{OTP}/sasl-4.1/ebin/sasl.app"}


@pytest.mark.parametrize("packed", [False, True])
def test_a_boot_file_lists_what_may_be_wanted(*, packed: bool) -> None:
    names = [b"script", b"lists", b"primLoad"]
    term = b"\x6c" + struct.pack(">L", len(names)) + b"".join(b"\x77" + bytes((len(n),)) + n for n in names) + b"\x6a"
    data = b"\x83" + (b"\x50" + struct.pack(">L", len(term)) + zlib.compress(term) if packed else term)
    builder = ImageBuilder().file("/app/releases/1/start.boot", data).file(f"{OTP}/stdlib-4/ebin/lists.beam", "x")
    (edge,) = asked(builder, "/app/releases/1/start.boot")
    assert (edge.target.path, edge.weak) == (f"{OTP}/stdlib-4/ebin/lists.beam", True)


def test_an_escript() -> None:
    text = "#!/usr/bin/env escript\n%%! -smp enable\nmain(_) -> lists:map(fun f/1, [shop:x()]).\n% script:f()\n"
    builder = ImageBuilder().file("/app/tool", text, mode=0o755).file(f"{OTP}/stdlib-4/ebin/lists.beam", "x")
    builder.file(f"{SHOP}/shop.beam", "x").file(f"{SHOP}/script.beam", "x")
    assert paths(asked(builder, "/app/tool")) == {f"{OTP}/stdlib-4/ebin/lists.beam", f"{SHOP}/shop.beam"}


def test_the_start_command_and_scripts() -> None:
    builder = ImageBuilder().file(f"{SHOP}/shop.beam", "x").file("/app/start.boot", "x").file("/app/sys.config", "x")
    words = ["erl", "-noshell", "-s", "shop", "-boot", "start", "-config", "/app/sys.config", "-pa", "$X", "-s", "$Y"]
    builder.config(cmd=words, workdir="/app")
    context = context_of(builder)
    command = Command(
        source=Node(path="/run.sh"), program="erl", words=tuple(words), cwd=ImagePath("/app"), firing=Firing.GUARDED
    )
    edges = [edge for edge in ErlangReader().launched(command, context) if isinstance(edge, Edge)]
    assert {edge.target.path: edge.firing for edge in edges} == dict.fromkeys(
        (f"{SHOP}/shop.beam", "/app/start.boot", "/app/sys.config"), Firing.GUARDED
    )


def test_the_emulator_is_known_in_a_script_wherever_it_lies() -> None:
    script = '#!/bin/sh\n# erl -s never\nexec "$BIN"/erl -noshell \\\n  -s shop\n'
    builder = ImageBuilder().file(f"{SHOP}/shop.beam", "x").file("/run.sh", script, mode=0o755)
    context = context_of(builder)
    found = ShellReader().read(subject_of(context, "/run.sh"), context)
    commands = [one for one in found if isinstance(one, Command) and one.program in ErlangReader.claims]
    edges = [edge for one in commands for edge in ErlangReader().launched(one, context) if isinstance(edge, Edge)]
    assert {(edge.target.path, edge.firing) for edge in edges} == {(f"{SHOP}/shop.beam", Firing.GUARDED)}


# --- hostile files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", range(0, 150, 7))
def test_a_module_that_ends_too_early(cut: int) -> None:
    data = beam("shop", calls=[("lists", "map")], texts=["text"])
    with pytest.raises(TermError):
        read_beam(data[: max(12, len(data) - 1 - cut)], DEFAULT)


def test_tables_that_lie() -> None:
    data = beam("shop", calls=[("lists", "map")])
    at = data.index(b"ImpT") + 8
    with pytest.raises(TermError):
        read_beam(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :], DEFAULT)
    with pytest.raises(TermError):
        read_beam(data[: at + 4] + b"\xff\xff\xff\xff" + data[at + 8 :], DEFAULT)
    at = data.index(b"AtU8") + 8
    with pytest.raises(TermError):
        read_beam(data[:at] + b"\x7f\xff\xff\xff" + data[at + 4 :], DEFAULT)


@pytest.mark.parametrize(
    "data",
    [
        b"\x83",
        b"\x83\x6c\xff\xff\xff\xff",
        b"\x83\x74\xff\xff\xff\xff" + bytes(50),
        b"\x83\x6b\xff\xffab",
        b"\x83\x68\xff" + b"\x68\xff" * 100,
        b"\x83\x01",
        b"\x84\x6a",
        b"\x83\x50\0\0\0\5garbage",
        b"\x83\x6f\xff\xff\xff\xff\0",
    ],
)
def test_terms_that_lie(data: bytes) -> None:
    with pytest.raises(TermError):
        read_terms(data, DEFAULT)


def test_deep_and_swollen_terms_are_bounded() -> None:
    deep = b"\x83" + b"\x68\1" * 100_000 + b"\x6a"
    assert read_terms(deep, DEFAULT).atoms == []
    with pytest.raises(TermError, match="too many"):
        read_terms(deep, Limits(erlang_terms=1_000))
    bomb = b"\x83\x50" + struct.pack(">L", 1 << 30) + zlib.compress(bytes(8 << 20))
    with pytest.raises(TermError) as caught:
        read_terms(bomb, Limits(beam_bytes=1 << 20))
    assert caught.value.reason == "too-large"


def test_a_bad_module_is_a_gap() -> None:
    builder = ImageBuilder().file("/app/x.beam", b"FOR1\0\0\0\1BEAM" + b"junkjunk")
    (gap,) = read(ErlangReader(), builder, "/app/x.beam").gaps
    assert gap.reason == "malformed"
