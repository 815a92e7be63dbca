"""What classes, archives, start commands and scripts of Java ask for, over runtimes of both layouts."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from tests.java_files import HOME, class_file, jar, runtime, runtime_8
from xraydiff.facts import ConfigField, Edge, EdgeKind, Firing, Node, NodeKind
from xraydiff.knowledge import OURS, Facility
from xraydiff.paths import ImagePath
from xraydiff.references import Command, Gap, Subject
from xraydiff.references.readers.java import JavaReader
from xraydiff.references.readers.java.bytecode import command_words
from xraydiff.references.readers.java.classfile import read_class
from xraydiff.references.readers.java.runtime import homes
from xraydiff.references.readers.shell import ShellReader
from xraydiff.testing import ImageBuilder, context_of, elf, read


def read_all(builder: ImageBuilder, path: str, *, language: str = "") -> list[Edge | Gap]:
    reading = read(JavaReader(), builder, path, language=language)
    assert reading.accepted
    return [*reading.edges, *reading.gaps]


def asked(builder: ImageBuilder, path: str, *, language: str = "") -> list[Edge]:
    reading = read(JavaReader(), builder, path, language=language)
    assert reading.accepted
    assert not reading.gaps
    return reading.edges


def of_config(builder: ImageBuilder) -> list[Edge]:
    reading = read(JavaReader(), builder)
    assert reading.accepted
    return reading.edges


def of_script(builder: ImageBuilder, path: str, *, script: str | None = None) -> list[Edge]:
    """What the commands of a shell script refer to."""
    context = context_of(builder)
    commands = read(ShellReader(), context, path, script=script, language="shell").commands
    found = [
        one
        for command in commands
        if command.program in JavaReader.claims
        for one in JavaReader().launched(command, context)
    ]
    return [one for one in found if isinstance(one, Edge)]


def paths(edges: Sequence[Edge], kind: EdgeKind | None = None) -> set[str]:
    return {edge.target.path for edge in edges if kind is None or edge.kind is kind}


def of_class(builder: ImageBuilder, data: bytes, path: str = "/app/classes/shop/Main.class") -> list[Edge]:
    return asked(builder.file(path, data), path)


def uses(*classes: str, calls: Sequence[tuple[str, str]] = (), strings: Sequence[str] = ()) -> set[str]:
    data = class_file("shop/Main", classes=classes, calls=calls, strings=strings)
    return {path.removeprefix(HOME) for path in paths(of_class(runtime(ImageBuilder()), data))}


# --- the runtime ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "wanted"),
    [
        ("java/time/ZoneId", {"/lib/tzdb.dat"}),
        ("java/security/MessageDigest", {"/conf/security/java.security"}),
        ("java/lang/management/ManagementFactory", {"/lib/libmanagement.so", "/lib/libmanagement_ext.so"}),
        ("java/util/prefs/Preferences", {"/lib/libprefs.so"}),
        ("java/awt/image/BufferedImage", {"/lib/libawt.so", "/lib/libawt_headless.so"}),
        ("java/util/logging/Logger", {"/conf/logging.properties", "/lib/tzdb.dat"}),
        ("java/lang/ProcessBuilder", {"/lib/jspawnhelper"}),
        ("java/security/AccessController", set()),
        ("java/time/Duration", set()),
        ("java/util/ArrayList", set()),
        ("javax/servlet/http/HttpServlet", set()),
    ],
)
def test_a_class_that_is_used_leads_to_its_part_of_the_runtime(used: str, wanted: set[str]) -> None:
    assert uses(used) == wanted


def test_tls_asks_for_authorities_policy_and_properties() -> None:
    assert uses("javax/net/ssl/SSLContext") == {
        "/lib/security/cacerts",
        "/conf/security/java.security",
        "/conf/security/policy/unlimited/default_local.policy",
    }


def test_the_authorities_are_trusted() -> None:
    data = class_file("A", classes=["javax/net/ssl/TrustManagerFactory"])
    edges = of_class(runtime(ImageBuilder()), data, "/app/A.class")
    assert paths(edges, EdgeKind.TRUSTS) == {f"{HOME}/lib/security/cacerts"}
    assert {edge.firing for edge in edges} == {Firing.DEFERRED}


@pytest.mark.parametrize(
    ("used", "alone", "packed"),
    [
        ("com/sun/net/httpserver/HttpServer", False, False),
        ("org/springframework/boot/SpringApplication", True, True),
        ("java/time/ZoneId", False, False),
    ],
)
def test_a_framework_cannot_do_without_time_zones(used: str, alone: bool, packed: bool) -> None:
    data = class_file("Main", classes=[used])
    edges = of_class(runtime(ImageBuilder()), data, "/app/Main.class")
    assert _stops(edges) is alone
    builder = runtime(ImageBuilder()).file("/app.jar", jar({"Main.class": data}, manifest="Main-Class: Main\r\n"))
    assert _stops(asked(builder, "/app.jar")) is packed


def _stops(edges: Sequence[Edge]) -> bool:
    return any(
        edge.stops and edge.firing is Firing.LOAD and edge.target.path == f"{HOME}/lib/tzdb.dat" for edge in edges
    )


def test_a_method_tells_more_than_its_class() -> None:
    assert uses(calls=[("java/util/UUID", "fromString")]) == set()
    assert uses(calls=[("java/util/UUID", "randomUUID")]) == {"/conf/security/java.security"}


def test_a_url_of_https_counts_where_something_fetches_it() -> None:
    assert "/lib/security/cacerts" in uses("java/net/URL", strings=["https://api.example.org/rates"])
    assert "/lib/security/cacerts" in uses("okhttp3/OkHttpClient", strings=["https://api.example.org/rates"])
    assert uses("java/util/List", strings=["https://api.example.org/rates"]) == set()
    assert "/lib/security/cacerts" not in uses("java/net/URL", strings=["https://www.w3.org/2001/XMLSchema"])


def test_an_old_class_goes_to_the_old_verifier() -> None:
    edges = of_class(runtime(ImageBuilder()), class_file("A", major=49), "/app/A.class")
    assert paths(edges) == {f"{HOME}/lib/libverify.so"}


def test_the_layout_before_java_9() -> None:
    data = class_file("A", classes=["javax/net/ssl/SSLContext", "java/time/ZoneId"])
    assert paths(of_class(runtime_8(ImageBuilder()), data, "/app/A.class")) == {
        "/opt/java/jre/lib/amd64/libsunec.so",
        "/opt/java/jre/lib/ext/sunjce_provider.jar",
        "/opt/java/jre/lib/jsse.jar",
        "/opt/java/jre/lib/security/cacerts",
        "/opt/java/jre/lib/security/java.security",
        "/opt/java/jre/lib/security/policy/unlimited/local_policy.jar",
        "/opt/java/jre/lib/tzdb.dat",
    }


def test_of_two_runtimes_the_one_that_is_started() -> None:
    builder = runtime(runtime(ImageBuilder(), "/opt/other")).config(env=["PATH=/usr/bin"])
    assert [home.path for home in context_of(builder).once(homes)] == [HOME]
    builder = runtime(runtime(ImageBuilder(), "/opt/other")).config(env=["PATH=/bin", "JAVA_HOME=/opt/other"])
    assert [home.path for home in context_of(builder).once(homes)] == ["/opt/other"]
    builder = runtime(runtime(ImageBuilder(), "/opt/other")).config(env=["PATH=/bin"])
    assert [home.path for home in context_of(builder).once(homes)] == ["/opt/other", HOME]


def test_the_policy_that_java_security_chooses() -> None:
    builder = runtime(ImageBuilder()).layer()
    builder.file("/etc/java-17-openjdk/security/java.security", "crypto.policy = unlimited\ncrypto.policy=limited\n")
    edges = of_class(builder, class_file("A", classes=["javax/crypto/Cipher"]), "/app/A.class")
    assert f"{HOME}/conf/security/policy/limited/default_local.policy" in paths(edges)
    assert f"{HOME}/conf/security/policy/unlimited/default_local.policy" not in paths(edges)


def test_nothing_of_a_runtime_that_is_not_there() -> None:
    assert of_class(ImageBuilder(), class_file("A", classes=["javax/net/ssl/SSLContext"]), "/app/A.class") == []


def test_every_row_of_the_table_is_led_to_and_names_files_of_a_runtime() -> None:
    for row in OURS.rows(Facility):
        assert row.start or row.always or row.uses or row.options or row.classes_before
        for path in row.files:
            assert path.startswith(("{conf}/", "{lib}/", "{native}/", "/etc/")), path


# --- classes and resources ------------------------------------------------------------------------------------------


def test_classes_beside_it_and_on_the_class_path() -> None:
    builder = ImageBuilder().config(cmd=["java", "-cp", "/app/classes:/app/more", "shop.Main"])
    for name in ("classes/shop/Base", "classes/shop/Face", "more/util/Text", "classes/shop/Plain", "more/shop/Plain"):
        builder.file(f"/app/{name}.class", class_file(name.partition("/")[2]))
    data = class_file(
        "shop/Main",
        above="shop/Base",
        faces=["shop/Face"],
        classes=["util/Text", "[Lshop/Plain;", "[[I", "java/lang/String", "absent/X"],
    )
    edges = {edge.target.path: edge.firing for edge in of_class(runtime(builder), data)}
    assert edges == {
        "/app/classes/shop/Base.class": Firing.LOAD,
        "/app/classes/shop/Face.class": Firing.LOAD,
        "/app/more/util/Text.class": Firing.DEFERRED,
        "/app/classes/shop/Plain.class": Firing.DEFERRED,
    }


def test_a_class_by_its_name_as_text() -> None:
    builder = ImageBuilder().file("/app/classes/shop/Quote.class", class_file("shop/Quote"))
    edges = of_class(builder, class_file("shop/Main", strings=["shop.Quote", "shop.Absent", "not a name"]))
    assert paths(edges) == {"/app/classes/shop/Quote.class"}


def test_resources_from_the_root_and_beside_the_class() -> None:
    builder = ImageBuilder()
    for name in ("top.txt", "shop/beside.txt", "shop/deep/data.json", "messages_it.properties", "messages.properties"):
        builder.file(f"/app/classes/{name}", "x")
    data = class_file(
        "shop/Main",
        strings=["/top.txt", "beside.txt", "deep/data.json", "messages"],
        calls=[("java/util/ResourceBundle", "getBundle")],
    )
    assert paths(of_class(builder, data)) == {
        "/app/classes/top.txt",
        "/app/classes/shop/beside.txt",
        "/app/classes/shop/deep/data.json",
        "/app/classes/messages.properties",
        "/app/classes/messages_it.properties",
    }


def test_paths_of_the_image_by_constants_and_annotations() -> None:
    builder = ImageBuilder().config(workdir="/srv/app")
    builder.file("/app/plugin.txt", "x").file("/etc/shop/shop.yml", "x").file("/srv/app/conf/local.yml", "x")
    data = class_file(
        "shop/Main",
        strings=["/app/plugin.txt", "/absent/x", "/app", "conf/local.yml", "//app//plugin.txt", "/proc/self/status"],
        texts=["file:/etc/shop/shop.yml"],
        calls=[("java/nio/file/Path", "of")],
    )
    edges = of_class(builder, data)
    assert paths(edges) == {"/app/plugin.txt", "/etc/shop/shop.yml", "/srv/app/conf/local.yml"}
    assert {edge.firing for edge in edges} == {Firing.NAMED}


def test_a_computed_name_stands_for_what_it_matches() -> None:
    builder = ImageBuilder().file("/app/rates/eur.json", "x").file("/app/rates/usd.json", "x").file("/app/rates/x", "x")
    edges = of_class(builder, class_file("A", strings=["/app/rates/\1.json", "/\1", "/etc/\1"]), "/app/A.class")
    assert paths(edges) == {"/app/rates/eur.json", "/app/rates/usd.json"}


def test_libraries_by_their_short_names() -> None:
    builder = runtime(ImageBuilder()).file("/usr/lib/x86_64-linux-gnu/libother.so", elf(soname="libother.so"))
    data = class_file("A", strings=["mine", "other", "absent"], calls=[("java/lang/System", "loadLibrary")])
    assert paths(of_class(builder, data, "/app/A.class"), EdgeKind.LOADS) == {
        f"{HOME}/lib/libmine.so",
        "/usr/lib/x86_64-linux-gnu/libother.so",
    }
    data = class_file("B", strings=["mine"])
    assert of_class(runtime(ImageBuilder()), data, "/app/B.class") == []


def test_providers_of_services() -> None:
    builder = ImageBuilder().file("/app/classes/shop/Card.class", class_file("shop/Card"))
    builder.file("/app/classes/META-INF/services/shop.Payment", "# comment\nshop.Card # ours\nshop.Absent\n")
    assert paths(asked(builder, "/app/classes/META-INF/services/shop.Payment")) == {"/app/classes/shop/Card.class"}


# --- commands -------------------------------------------------------------------------------------------------------

_STRINGS = "[Ljava/lang/String;"
BUILD = ("call", "b7", "java/lang/ProcessBuilder", "<init>", f"({_STRINGS})V")
EXEC = ("call", "b6", "java/lang/Runtime", "exec", "(Ljava/lang/String;)Ljava/lang/Process;")
EXEC_ARRAY = ("call", "b6", "java/lang/Runtime", "exec", f"({_STRINGS})Ljava/lang/Process;")
RUNTIME = ("call", "b8", "java/lang/Runtime", "getRuntime", "()Ljava/lang/Runtime;")
ARRAY = ("type", "bd", "java/lang/String")
NEW = ("type", "bb", "java/lang/ProcessBuilder")
ADD = ("call", "b9", "java/util/List", "add", "(Ljava/lang/Object;)Z")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ([NEW, b"\x59", ARRAY, ("ldc", "date"), ("ldc", "+%Y"), BUILD, b"\x4c"], ("date", "+%Y")),
        ([RUNTIME, ("ldc", "ls -l /srv"), EXEC, b"\x57"], ("ls", "-l", "/srv")),
        (
            [ARRAY, ("ldc", "sh"), ("ldc", "-c"), ("ldc", "id"), b"\x4c", RUNTIME, b"\x2b", EXEC_ARRAY],
            ("sh", "-c", "id"),
        ),
        ([b"\x2b", ("ldc", "gzip"), ADD, b"\x57", NEW, b"\x59", b"\x2b", BUILD], ()),
        ([b"\x4c", b"\x2b", ("ldc", "gzip"), ADD, b"\x57", NEW, b"\x59", b"\x2b", BUILD], ("gzip",)),
        ([("ldc", "os.name"), ("call", "b8", "X", "is", "(Ljava/lang/String;)Z"), b"\x99\0\3", NEW, BUILD], ()),
        ([RUNTIME, ("concat", "ls \1"), EXEC, b"\x57"], ("ls", "\0")),
        ([("ldc", "gone"), b"\x57", RUNTIME, ("ldc", "w"), EXEC], ("w",)),
        ([b"\xc4\x19\0\1", b"\xc4\x84\0\1\0\1", b"\x10\1", RUNTIME, ("ldc", "w"), EXEC], ("w",)),
    ],
)
def test_the_words_of_a_command(code: list[bytes | tuple[str, ...]], words: tuple[str, ...]) -> None:
    assert list(command_words(read_class(class_file("A", code=code)))) == ([words] if words else [])


@pytest.mark.parametrize("before", range(4))
def test_switches_are_passed_whatever_their_alignment(before: int) -> None:
    at = before + 1
    padding = bytes(-at % 4)
    table = b"\xaa" + padding + struct.pack(">3l", 0, 1, 3) + struct.pack(">3l", 0x12, 0x12, 0x12)
    look = b"\xab" + bytes(-(at + len(table)) % 4) + struct.pack(">2l", 0, 1) + struct.pack(">2l", 18, 18)
    code: list[bytes | tuple[str, ...]] = [b"\0" * before + table, look, RUNTIME, ("ldc", "w"), EXEC]
    assert list(command_words(read_class(class_file("A", code=code)))) == [("w",)]


def test_programs_and_shell_strings() -> None:
    builder = ImageBuilder().config(env=["PATH=/bin"])
    for name in ("date", "sh"):
        builder.file(f"/bin/{name}", elf(executable=True), mode=0o755)
    code = [ARRAY, ("ldc", "sh"), ("ldc", "-c"), ("ldc", "date | sort"), BUILD, ARRAY, ("ldc", "date"), BUILD]
    edges = of_class(builder, class_file("A", code=code), "/app/A.class")
    assert paths(edges, EdgeKind.EXECUTES) == {"/bin/sh", "/bin/date"}
    scripts = [edge.target for edge in edges if edge.target.kind is NodeKind.SCRIPT]
    assert [(script.language, script.text) for script in scripts] == [("shell", "date | sort")]


# --- archives -------------------------------------------------------------------------------------------------------


def test_a_jar_with_its_class_path_and_classes() -> None:
    data = jar(
        {"shop/Main.class": class_file("shop/Main", classes=["java/time/ZoneId"], strings=["/app/plugin.txt"])},
        manifest="Main-Class: shop.Main\r\nClass-Path: lib/a.jar lib/b.jar absent.jar lib/long-na\r\n me.jar\r\n",
    )
    builder = runtime(ImageBuilder()).file("/app/app.jar", data).file("/app/plugin.txt", "x")
    for name in ("a", "b", "long-name"):
        builder.file(f"/app/lib/{name}.jar", jar({}))
    edges = asked(builder, "/app/app.jar")
    assert paths(edges, EdgeKind.IMPORTS) == {"/app/lib/a.jar", "/app/lib/b.jar", "/app/lib/long-name.jar"}
    assert paths(edges) >= {f"{HOME}/lib/tzdb.dat", "/app/plugin.txt"}


def test_only_the_application_s_classes_of_spring_boot() -> None:
    own = class_file("shop/App", classes=["java/util/prefs/Preferences"])
    launcher = class_file("org/springframework/boot/loader/X", classes=["java/awt/Font"])
    inner = jar({"lib/L.class": class_file("lib/L", classes=["java/lang/management/ManagementFactory"])})
    entries: dict[str, bytes | str] = {
        "BOOT-INF/classes/shop/App.class": own,
        "BOOT-INF/classes/application.properties": "server.ssl.key-store=file:/etc/shop/keys.p12\nx=http://a/b/c\n",
        "org/springframework/boot/loader/X.class": launcher,
        "BOOT-INF/lib/l.jar": inner,
    }
    builder = runtime(ImageBuilder()).file("/app.jar", jar(entries)).file("/etc/shop/keys.p12", "x")
    assert paths(asked(builder, "/app.jar")) == {f"{HOME}/lib/libprefs.so", "/etc/shop/keys.p12"}


def test_libraries_that_were_poured_into_one_archive_do_not_count() -> None:
    entries: dict[str, bytes | str] = {f"lib/C{n}.class": class_file(f"lib/C{n}") for n in range(501)}
    entries["lib/Swing.class"] = class_file("lib/Swing", classes=["java/awt/Font"])
    entries["com/shop/Main.class"] = class_file("com/shop/Main", classes=["java/util/prefs/Preferences"])
    builder = runtime(ImageBuilder()).file("/app.jar", jar(entries, manifest="Main-Class: com.shop.Main\r\n"))
    assert paths(asked(builder, "/app.jar")) == {f"{HOME}/lib/libprefs.so"}


def test_an_archive_that_starts_itself() -> None:
    data = b"#!/bin/sh\nexec java -jar $0\n" + jar({"A.class": class_file("A", classes=["java/time/ZoneId"])})
    builder = runtime(ImageBuilder()).file("/app.jar", data, mode=0o755)
    assert paths(asked(builder, "/app.jar")) == {f"{HOME}/lib/tzdb.dat"}


def test_an_archive_by_who_loads_it() -> None:
    builder = runtime(ImageBuilder()).file(
        "/app/service", jar({"A.class": class_file("A", classes=["java/time/Clock"])})
    )
    assert paths(asked(builder, "/app/service", language="java")) == {f"{HOME}/lib/tzdb.dat"}


# --- launches -------------------------------------------------------------------------------------------------------


def launched(builder: ImageBuilder, *words: str, env: Sequence[str] = ()) -> list[Edge]:
    return of_config(runtime(builder).config(cmd=list(words), env=["PATH=/usr/bin", *env], workdir="/app"))


def own(edges: Sequence[Edge]) -> set[str]:
    return {path for path in paths(edges) if path.startswith("/app")}


def test_a_start_asks_for_the_machine_and_for_what_every_server_comes_to() -> None:
    edges = launched(ImageBuilder(), "java", "-version")
    firing = {edge.target.path.removeprefix(HOME): edge.firing for edge in edges}
    assert firing == {
        "/lib/server/libjvm.so": Firing.LOAD,
        "/lib/jvm.cfg": Firing.LOAD,
        "/lib/libjava.so": Firing.LOAD,
        "/lib/libjimage.so": Firing.LOAD,
        "/lib/modules": Firing.LOAD,
        "/lib/tzdb.dat": Firing.KEPT_WITH,
        "/conf/security/java.security": Firing.KEPT_WITH,
    }
    assert {edge.detail for edge in edges} == {"CMD"}


def test_the_class_path_and_what_holds_the_main_class() -> None:
    builder = ImageBuilder().file("/app/lib/a.jar", jar({"x/X.class": b""})).file("/app/lib/notes.txt", "x")
    builder.file("/app/lib/main.jar", jar({"shop/Main.class": b""})).file("/app/classes/shop/Other.class", "x")
    edges = launched(builder, "java", "-Xmx1g", "-cp", "/app/classes:lib/*:/absent", "shop.Main", "-cp", "/app/no")
    firing = {edge.target.path: (edge.kind, edge.firing) for edge in edges if edge.target.path.startswith("/app")}
    assert firing == {
        "/app/lib/a.jar": (EdgeKind.IMPORTS, Firing.DEFERRED),
        "/app/lib/main.jar": (EdgeKind.SOURCES, Firing.LOAD),
    }
    edges = launched(ImageBuilder().file("/app/c/shop/Main.class", "x"), "java", "-cp", "c", "shop.Main")
    assert own(edges) == {"/app/c/shop/Main.class"}


def test_a_script_hands_the_words_on() -> None:
    builder = ImageBuilder().file("/start.sh", '#!/bin/sh\nexec java "$@"\n', mode=0o755).file("/app/a.jar", jar({}))
    assert own(launched(builder, "/start.sh", "-cp", "/app/a.jar", "X")) == {"/app/a.jar"}


def test_the_class_path_of_the_environment_and_of_a_file() -> None:
    builder = (
        ImageBuilder().file("/app/a.jar", jar({})).file("/app/b.jar", jar({})).file("/app/list", "/app/a.jar:b.jar")
    )
    assert own(launched(builder, "java", "X", env=["CLASSPATH=/app/a.jar"])) == {"/app/a.jar"}
    builder = (
        ImageBuilder().file("/app/a.jar", jar({})).file("/app/b.jar", jar({})).file("/app/list", "/app/a.jar:b.jar")
    )
    assert own(launched(builder, "java", "-cp", "@/app/list", "X")) == {"/app/a.jar", "/app/b.jar"}


def test_agents_and_options_of_the_command_and_of_variables() -> None:
    builder = ImageBuilder().file("/app/agent.jar", jar({}))
    edges = launched(builder, "java", "X", env=["JAVA_TOOL_OPTIONS=-Xmx1g -javaagent:/app/agent.jar=port=1"])
    assert paths(edges) >= {"/app/agent.jar", f"{HOME}/lib/libinstrument.so"}
    edges = launched(ImageBuilder(), "java", "-Dcom.sun.management.jmxremote.port=1", "X")
    assert paths(edges) >= {f"{HOME}/lib/libmanagement.so"}


SCRIPT = """#!/bin/sh
# java -jar /app/never.jar
APP_HOME=$(cd "$(dirname "$0")/.." && pwd)
CLASSPATH="$APP_HOME/lib/a.jar"
CLASSPATH=$CLASSPATH:${EXTRA:-$APP_HOME/lib/none.jar}:"$APP_HOME"/lib/b.jar
JAVA_OPTS="-javaagent:/opt/app/agent.jar"
which java
if [ -n "$X" ]; then
  exec "$JAVA_HOME/bin/java" $JAVA_OPTS \\
    -classpath "$CLASSPATH" shop.Main "$@"
fi
"""


def test_a_shell_script_that_starts_java() -> None:
    builder = runtime(ImageBuilder()).file("/opt/app/bin/run", SCRIPT, mode=0o755)
    builder.file("/opt/app/lib/a.jar", jar({})).file("/opt/app/lib/b.jar", jar({"shop/Main.class": b""}))
    builder.file("/opt/app/agent.jar", jar({})).file("/app/never.jar", jar({}))
    edges = of_script(builder, "/opt/app/bin/run")
    firing = {edge.target.path: edge.firing for edge in edges}
    assert {path: one for path, one in firing.items() if path.startswith(("/opt", "/app"))} == {
        "/opt/app/lib/a.jar": Firing.DEFERRED,
        "/opt/app/lib/b.jar": Firing.GUARDED,
        "/opt/app/agent.jar": Firing.GUARDED,
    }
    assert firing[f"{HOME}/lib/tzdb.dat"] is Firing.KEPT_WITH
    assert firing[f"{HOME}/lib/server/libjvm.so"] is Firing.GUARDED


def test_a_script_that_only_speaks_of_java() -> None:
    builder = runtime(ImageBuilder()).file("/run.sh", "#!/bin/sh\nwhich java\necho java\ncommand -v java\n", mode=0o755)
    assert of_script(builder, "/run.sh") == []
    assert of_script(builder, "/run.sh", script='"$TOOL" --run /app/a.jar') == []


def test_an_inline_script() -> None:
    builder = runtime(ImageBuilder()).file("/app/a.jar", jar({}))
    edges = of_script(builder, "/run.sh", script="exec java -jar /app/a.jar")
    assert [edge.firing for edge in edges if edge.target.path == "/app/a.jar"] == [Firing.LOAD]


JARS = ["/opt/app/lib/a.jar", "/opt/app/lib/b.jar"]


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ('cd "$(dirname "$0")/.."; cd /opt/app; exec env LANG=C java -cp "lib/*" shop.Main', JARS),
        ('run() { exec "$@"; }; J="$(command -v java)"; run "$J" -cp "/opt/app/lib/a.jar" shop.Main', JARS[:1]),
        ("if [ -z $JAVA_HOME ]; then J=java; else J=$JAVA_HOME/bin/java; fi; $J $X -jar /opt/app/lib/a.jar", JARS[:1]),
        ('"$JAVACMD" $X -cp "$(dirname "$0")/../lib/b.jar" shop.Main', JARS[1:]),
        ('java -cp "$(cat list)" shop.Main', []),
    ],
)  # fmt: skip
def test_commands_of_scripts(script: str, found: list[str]) -> None:
    builder = runtime(ImageBuilder()).config(env=["PATH=/usr/bin"]).file("/opt/app/bin/run", script, mode=0o755)
    for path in JARS:
        builder.file(path, jar({}))
    builder.file("/usr/bin/env", elf(executable=True), mode=0o755)
    edges = of_script(builder, "/opt/app/bin/run")
    assert sorted(path for path in paths(edges) if path.startswith("/opt/app")) == found
    assert f"{HOME}/lib/server/libjvm.so" in paths(edges)


def test_of_a_config_all_words_are_looked_at_by_who_reads_configs() -> None:
    command = Command(
        source=Node(kind=NodeKind.CONFIG, path="original"),
        program="java",
        words=("java", "-jar", "/a"),
        cwd=ImagePath("/"),
        field=ConfigField.CMD,
    )
    assert list(JavaReader().launched(command, context_of(runtime(ImageBuilder())))) == []


def test_what_is_not_java() -> None:
    builder = (
        ImageBuilder().file("/a", b"\xca\xfe\xba\xbe\0\0\0\2" + bytes(99)).file("/b.zip", jar({})).file("/c", "java")
    )
    builder.file("/d", "#!/usr/bin/python3\n# java\n")
    tree = builder.tree()
    for path in map(ImagePath, ("/a", "/b.zip", "/c", "/d")):
        subject = Subject(node=Node(path=path), path=path, file=tree.files[path], tree=tree, data=tree.content(path))
        assert not JavaReader().accepts(subject)
