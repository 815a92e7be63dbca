"""Java: a class that starts a program, an archive around it, a list of providers, and each cut."""

import io
import struct
import zipfile


def _utf8(text: str) -> bytes:
    return b"\1" + struct.pack(">H", len(text)) + text.encode()


def _class() -> bytes:
    """`class App { void m() { Runtime.exec("ls /srv"); } }`, but for what is pushed before the string."""
    pool = [
        *(_utf8("App"), b"\7\0\1", _utf8("java/lang/Object"), b"\7\0\3", _utf8("m"), _utf8("()V"), _utf8("Code")),
        *(_utf8("ls /srv"), b"\x08\0\x08", _utf8("java/lang/Runtime"), b"\7\0\x0a", _utf8("exec")),
        *(_utf8("(Ljava/lang/String;)Ljava/lang/Process;"), b"\x0c\0\x0c\0\x0d", b"\x0a\0\x0b\0\x0e"),
        _utf8("/etc/app.conf"),
    ]
    code = b"\x12\x09\xb6\0\x0f\x57\xb1"
    body = struct.pack(">HHL", 2, 1, len(code)) + code + struct.pack(">HH", 0, 0)
    method = struct.pack(">HHHH", 0, 5, 6, 1) + struct.pack(">HL", 7, len(body)) + body
    head = b"\xca\xfe\xba\xbe" + struct.pack(">HHH", 0, 52, len(pool) + 1) + b"".join(pool)
    return head + struct.pack(">HHHHHH", 0, 2, 4, 0, 0, 1) + method + struct.pack(">H", 0)


def _jar() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as jar:
        for name, content in (
            ("META-INF/MANIFEST.MF", b"Main-Class: App\r\nClass-Path: lib/a.jar li\r\n b/b.jar\r\n\r\nName: x\r\n"),
            ("App.class", _class()),
            ("Broken.class", _class()[:40]),
            ("application.yml", b"data: file:/srv/data/x.json\n"),
        ):
            jar.writestr(zipfile.ZipInfo(name), content)
    return data.getvalue()


SAMPLES = (
    ("", _class()),
    ("", _class()[:-20]),
    ("", _class()[:60]),
    ("archive", _jar()),
    ("archive", _jar()[:-30]),
    ("archive", b"nothing"),
    ("providers", b"# all\ncom.example.One # first\n two\nthree four\n"),
)
