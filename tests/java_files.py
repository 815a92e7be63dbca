"""Class files, archives and runtimes made in memory, so that tests of Java need no compiler."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xraydiff.testing import ImageBuilder, elf

HOME = "/usr/lib/jvm/java-17-openjdk-amd64"


@dataclass
class _Constants:
    """A constant pool that grows."""

    raw: bytearray = field(default_factory=bytearray)
    known: dict[bytes, int] = field(default_factory=dict)

    def add(self, constant: bytes) -> int:
        if constant not in self.known:
            self.known[constant] = len(self.known) + 1
            self.raw += constant
        return self.known[constant]

    def utf8(self, text: str) -> int:
        data = text.encode("utf-8", "surrogateescape").replace(b"\0", b"\xc0\x80")
        return self.add(b"\1" + struct.pack(">H", len(data)) + data)

    def class_(self, name: str) -> int:
        return self.add(b"\7" + struct.pack(">H", self.utf8(name)))

    def string(self, text: str) -> int:
        return self.add(b"\x08" + struct.pack(">H", self.utf8(text)))

    def name_and_type(self, name: str, descriptor: str) -> int:
        return self.add(b"\x0c" + struct.pack(">2H", self.utf8(name), self.utf8(descriptor)))

    def method(self, owner: str, name: str, descriptor: str) -> int:
        return self.add(b"\x0a" + struct.pack(">2H", self.class_(owner), self.name_and_type(name, descriptor)))

    def handle(self, method: int) -> int:
        return self.add(b"\x0f\6" + struct.pack(">H", method))

    def dynamic(self, bootstrap: int, name: str, descriptor: str) -> int:
        return self.add(b"\x12" + struct.pack(">2H", bootstrap, self.name_and_type(name, descriptor)))


Instruction = bytes | tuple[str, ...]
"""Raw bytes, `("ldc", TEXT)`, `("call", OPCODE, CLASS, NAME, TYPE)`, `("concat", RECIPE)`, `("type", OP, CLASS)`."""


def class_file(
    name: str,
    *,
    above: str = "java/lang/Object",
    faces: Sequence[str] = (),
    classes: Sequence[str] = (),
    strings: Sequence[str] = (),
    texts: Sequence[str] = (),
    calls: Sequence[tuple[str, str]] = (),
    code: Sequence[Instruction] = (),
    major: int = 61,
) -> bytes:
    """A class that names these; `code` becomes its one method."""
    pool = _Constants()
    this, parent = pool.class_(name), pool.class_(above)
    implemented = [pool.class_(face) for face in faces]
    for one in classes:
        pool.class_(one)
    for text in strings:
        pool.string(text)
    for text in texts:
        pool.utf8(text)
    for owner, method in calls:
        pool.method(owner, method, "()V")
    recipes: list[int] = []
    body = b"".join(_assembled(pool, one, recipes) for one in code)
    methods = b"\0\0"
    attributes = b"\0\0"
    if body:
        content = struct.pack(">2HL", 9, 9, len(body)) + body + b"\0\0\0\0"
        methods = struct.pack(">H", 1) + struct.pack(">4H", 9, pool.utf8("run"), pool.utf8("()V"), 1)
        methods += struct.pack(">HL", pool.utf8("Code"), len(content)) + content
    if recipes:
        factory = "java/lang/invoke/StringConcatFactory"
        handle = pool.handle(pool.method(factory, "makeConcatWithConstants", "()Ljava/lang/invoke/CallSite;"))
        rows = b"".join(struct.pack(">3H", handle, 1, recipe) for recipe in recipes)
        content = struct.pack(">H", len(recipes)) + rows
        attributes = struct.pack(">HHL", 1, pool.utf8("BootstrapMethods"), len(content)) + content
    head = b"\xca\xfe\xba\xbe" + struct.pack(">3H", 0, major, len(pool.known) + 1) + bytes(pool.raw)
    names = struct.pack(">3H", 0x21, this, parent) + struct.pack(f">{len(implemented) + 1}H", len(faces), *implemented)
    return head + names + b"\0\0" + methods + attributes


def _assembled(pool: _Constants, one: Instruction, recipes: list[int]) -> bytes:
    if isinstance(one, bytes):
        return one
    match one:
        case ("ldc", text):
            return b"\x13" + struct.pack(">H", pool.string(text))
        case ("type", opcode, name):
            return bytes((int(opcode, 16),)) + struct.pack(">H", pool.class_(name))
        case ("call", opcode, owner, name, descriptor):
            tail = b"\0\0" if opcode == "b9" else b""
            return bytes((int(opcode, 16),)) + struct.pack(">H", pool.method(owner, name, descriptor)) + tail
        case ("concat", recipe):
            recipes.append(pool.string(recipe))
            site = pool.dynamic(len(recipes) - 1, "makeConcatWithConstants", "()Ljava/lang/String;")
            return b"\xba" + struct.pack(">H", site) + b"\0\0"
    raise ValueError(one)


def jar(entries: Mapping[str, bytes | str], *, manifest: str = "", packed: bool = True) -> bytes:
    """An archive with a manifest in front where one is given."""
    stream = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", method) as archive:
        if manifest:
            archive.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\n{manifest}\r\n")
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def runtime(builder: ImageBuilder, home: str = HOME) -> ImageBuilder:
    """A runtime of the layout since Java 9, its configuration below /etc as Debian lays it."""
    program = elf(executable=True)
    builder.file(f"{home}/bin/java", program, mode=0o755).symlink("/usr/bin/java", f"{home}/bin/java")
    for name in ("server/libjvm.so", "libjava.so", "libjimage.so", "libmanagement.so", "libmanagement_ext.so"):
        builder.file(f"{home}/lib/{name}", elf(soname=name.rpartition("/")[2]))
    for name in ("libprefs.so", "libawt.so", "libawt_headless.so", "libverify.so", "libinstrument.so", "libmine.so"):
        builder.file(f"{home}/lib/{name}", elf(soname=name))
    for name in ("modules", "jvm.cfg", "tzdb.dat", "jspawnhelper"):
        builder.file(f"{home}/lib/{name}", "x", mode=0o755)
    etc = "/etc/java-17-openjdk"
    builder.file(f"{etc}/security/java.security", "# a comment\ncrypto.policy=unlimited\n")
    builder.file(f"{etc}/security/policy/unlimited/default_local.policy", "grant {};\n")
    builder.file(f"{etc}/security/policy/limited/default_local.policy", "grant {};\n")
    builder.file(f"{etc}/net.properties", "x").file(f"{etc}/logging.properties", "x")
    builder.symlink(f"{home}/conf/security", f"{etc}/security")
    builder.symlink(f"{home}/conf/net.properties", f"{etc}/net.properties")
    builder.symlink(f"{home}/conf/logging.properties", f"{etc}/logging.properties")
    builder.file("/etc/ssl/certs/java/cacerts", "x")
    return builder.symlink(f"{home}/lib/security/cacerts", "/etc/ssl/certs/java/cacerts")


def runtime_8(builder: ImageBuilder, home: str = "/opt/java") -> ImageBuilder:
    """A JDK of the layout before Java 9."""
    builder.file(f"{home}/jre/bin/java", elf(executable=True), mode=0o755)
    builder.symlink("/usr/bin/java", f"{home}/jre/bin/java")
    jre = f"{home}/jre/lib"
    for name in ("server/libjvm.so", "libjava.so", "libmanagement.so", "libsunec.so"):
        builder.file(f"{jre}/amd64/{name}", elf(soname=name.rpartition("/")[2]))
    builder.file(f"{jre}/amd64/jvm.cfg", "-server KNOWN\n").file(f"{jre}/rt.jar", "x").file(f"{jre}/tzdb.dat", "x")
    builder.file(f"{jre}/security/java.security", "#crypto.policy=unlimited\n").file(f"{jre}/security/cacerts", "x")
    builder.file(f"{jre}/security/policy/unlimited/local_policy.jar", "x")
    return builder.file(f"{jre}/jsse.jar", "x").file(f"{jre}/ext/sunjce_provider.jar", "x")
