"""The reader of Java against a real JVM: the files of the runtime that it opens, the classes that it loads."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from xraydiff.commands.start import environment, search_path
from xraydiff.facts import Edge, EdgeKind, FileType, Node, NodeKind
from xraydiff.paths import ImagePath
from xraydiff.references import Context, Subject
from xraydiff.references.readers.companions import CompanionsReader
from xraydiff.references.readers.java import JavaReader
from xraydiff.testing import ImageBuilder
from xraydiff.tree import Tree

pytestmark = pytest.mark.integration

JAVA, JAVAC, STRACE = shutil.which("java"), shutil.which("javac"), shutil.which("strace")
BODY = """
import java.io.*; import java.net.*; import java.nio.file.*; import java.util.*;
public class Main {{ public static void main(String[] arguments) throws Throwable {{ {0} }} }}
"""
USES = {
    "zone": 'java.time.ZonedDateTime.now(java.time.ZoneId.of("Europe/Rome")).toString();',
    "date": "new Date().toString();",
    "calendar": 'new java.text.SimpleDateFormat("yyyy-MM-dd HH:mm").format(new Date());',
    "digest": 'java.security.MessageDigest.getInstance("SHA-256").digest(new byte[1]);',
    "random": "UUID.randomUUID();",
    "temporary": 'Files.delete(Files.createTempFile("a", "b"));',
    "cipher": 'javax.crypto.Cipher.getInstance("AES/GCM/NoPadding");',
    "curve": 'java.security.KeyPairGenerator.getInstance("EC").generateKeyPair();',
    "tls": "javax.net.ssl.SSLContext.getDefault();",
    "trust": 'javax.net.ssl.TrustManagerFactory f = javax.net.ssl.TrustManagerFactory.getInstance("PKIX");'
    " f.init((java.security.KeyStore) null);",
    "client": "java.net.http.HttpClient.newHttpClient();",
    "management": "java.lang.management.ManagementFactory.getPlatformMBeanServer();",
    "bean": "java.lang.management.ManagementFactory.getRuntimeMXBean().getVmName();",
    "logging": 'java.util.logging.Logger.getLogger("x").info("hello");',
    "preferences": "java.util.prefs.Preferences.systemRoot();",
    "process": 'new ProcessBuilder("true").start().waitFor();',
    "server": "com.sun.net.httpserver.HttpServer.create(new InetSocketAddress(0), 0);",
    "socket": "new ServerSocket(0).close();",
    "proxy": 'new URL("http://localhost:1/").openConnection();',
    "files": 'Files.exists(Path.of("/x"));',
    "zip": "new java.util.zip.Inflater();",
    "keystore": "java.security.KeyStore.getInstance(java.security.KeyStore.getDefaultType());",
    "image": "new java.awt.image.BufferedImage(1, 1, 1).createGraphics().fillRect(0, 0, 1, 1);",
    "jpeg": "javax.imageio.ImageIO.write(new java.awt.image.BufferedImage(1, 1, 1), "
    '"jpg", new ByteArrayOutputStream());',
    "recorder": 'jdk.jfr.Configuration.getConfiguration("default");',
}


def home() -> Path:
    if JAVA is None or JAVAC is None or STRACE is None:
        pytest.skip("no java, javac and strace on PATH")
    found = Path(JAVA).resolve().parents[1]
    if not (found / "lib/modules").is_file():
        pytest.skip(f"{found} is no runtime of Java 9 or later")
    return found


def feature() -> str:
    assert JAVA is not None
    done = subprocess.run([JAVA, "-version"], capture_output=True, text=True, timeout=60, check=True)
    match = re.search(r'version "(\d+)', done.stderr)
    assert match is not None
    return match[1]


@pytest.fixture(scope="module")
def builder() -> ImageBuilder:
    """The names and links of the real runtime, with the contents of its configuration alone."""
    top = home()
    made = ImageBuilder()
    seen: set[str] = set()
    for folder, folders, names in os.walk(top):
        for name in sorted((*folders, *names)):
            _add(made, Path(folder, name), seen)
    made.symlink("/usr/bin/java", str(top / "bin/java"))
    return made


def _add(made: ImageBuilder, place: Path, seen: set[str]) -> None:
    if str(place) in seen or (place.is_dir() and not place.is_symlink()):
        return
    seen.add(str(place))
    if place.is_symlink():
        made.symlink(str(place), str(place.readlink()))
        _add(made, Path(os.path.normpath(place.parent / place.readlink())), seen)
    elif place.is_file():
        small = place.stat().st_size < 200_000 and place.suffix in (".security", ".properties")
        made.file(str(place), place.read_bytes() if small else b"x", mode=0o755 if os.access(place, os.X_OK) else 0o644)


def compiled(folder: Path, sources: dict[str, str]) -> Path:
    assert JAVAC is not None
    classes = folder / "classes"
    for name, text in sources.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    words = [JAVAC, "-nowarn", "--release", feature(), "-d", str(classes), *(str(folder / name) for name in sources)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"javac: {done.stderr[:200]}")
    return classes


def opened(classes: Path, trace: Path) -> set[str]:
    """Real paths of files that a run opens or starts, and which it finds."""
    assert JAVA is not None
    assert STRACE is not None
    words = [STRACE, "-f", "-qq", "-e", "trace=openat,open,execve", "-o", str(trace)]
    words += [JAVA, "-Djava.awt.headless=true", "-cp", str(classes), "Main"]
    subprocess.run(words, capture_output=True, timeout=120, check=False)
    calls = re.findall(r'(?:openat|open|execve)\((?:AT_FDCWD, )?"([^"]+)"[^\n]*\) += \d', trace.read_text())
    places = (Path(path).resolve() for path in calls if path.startswith("/"))
    return {str(place) for place in places if place.is_file()}


def foreseen(builder: ImageBuilder, classes: Path) -> set[str]:
    """Real paths that the class file asks for, and the start command with it."""
    builder.config(cmd=["java", "-cp", "/app", "Main"], env=["PATH=/usr/bin"])
    tree = builder.layer().file("/app/Main.class", (classes / "Main.class").read_bytes()).tree()
    config = builder.image().config
    context = Context(
        original=tree, config=config, env=environment(config), path=search_path(config), cwd=ImagePath("/")
    )
    path = ImagePath("/app/Main.class")
    of_class = Subject(node=Node(path=path), path=path, file=tree.files[path], tree=tree, data=tree.content(path))
    start = Node(kind=NodeKind.CONFIG, path="original")
    of_start = Subject(node=start, path=ImagePath("/"), file=None, tree=tree, data=b"", config=config)
    items = [item for subject in (of_class, of_start) for item in JavaReader().read(subject, context)]
    machine = next(path for path in tree.files if path.endswith("/libjvm.so"))
    of_machine = Subject(node=Node(path=machine), path=machine, file=tree.files[machine], tree=tree, data=b"")
    said = [*items, *CompanionsReader().read(of_machine, context)]
    return set(_real(tree, [item for item in said if isinstance(item, Edge)]))


def _real(tree: Tree, edges: list[Edge]) -> Iterator[str]:
    for edge in edges:
        found = tree.resolve(edge.target.path)
        if found.path is not None and found.file is not None and found.file.type is FileType.FILE:
            yield found.path


def parts(paths: set[str], top: Path) -> set[str]:
    """What belongs to the runtime: below its directory, or what its links lead to."""
    elsewhere = {str(place.resolve()) for place in top.rglob("*") if place.is_symlink()}
    ignored = (".jsa", "/lib/modules")
    return {
        path
        for path in paths
        if (path.startswith(f"{top}/") or path in elsewhere) and not path.endswith(ignored) and "/bin/" not in path
    }


NEVER = frozenset({"accessibility.properties", "blocked.certs", "public_suffix_list.dat", "fontconfig.bfc"})
"""Files without which everything goes on; the companions name some of them."""


@pytest.mark.parametrize("use", sorted(USES))
def test_what_a_use_of_the_platform_opens_is_foreseen(use: str, builder: ImageBuilder, tmp_path: Path) -> None:
    top = home()
    idle = parts(opened(compiled(tmp_path / "idle", {"Main.java": BODY.format("")}), tmp_path / "a"), top)
    classes = compiled(tmp_path / "use", {"Main.java": BODY.format(USES[use])})
    lazy = parts(opened(classes, tmp_path / "b"), top) - idle
    wanted = {path for path in lazy if path.rpartition("/")[2] not in NEVER and not _is_linked(path, top)}
    predicted = foreseen(builder, classes)
    missed = wanted - predicted
    print(f"{use}: opened {sorted(wanted)}, foreseen and not opened {sorted(parts(predicted, top) - lazy - idle)}")
    assert not missed


def _is_linked(path: str, top: Path) -> bool:
    """Whether a library of the runtime comes by DT_NEEDED of another one, which the reader of ELF follows."""
    name = path.rpartition("/")[2]
    own = name.startswith("lib") and name.endswith(".so")
    return own and any(
        name.encode() in other.read_bytes() for other in (top / "lib").glob("lib*.so") if other.name != name
    )


PROGRAM = {
    "Main.java": """
import java.util.*;
public class Main extends Base implements shop.Face {
  public static void main(String[] a) throws Throwable {
    new Main().run();
    Class.forName("shop.ByName").getDeclaredConstructor().newInstance();
    for (shop.Payment p : ServiceLoader.load(shop.Payment.class)) p.pay();
    Runnable later = () -> new shop.InLambda();
    later.run();
    shop.Kind[] kinds = new shop.Kind[] { shop.Kind.ONE };
    switch (kinds[0]) { case ONE: new Inner().run(); break; default: break; }
    try { throw new shop.Odd(); } catch (shop.Odd odd) { }
  }
  void run() { new shop.Used(); }
  static class Inner { void run() { new Object() { }; } }
}
""",
    "Base.java": "public class Base { static final shop.Held HELD = new shop.Held(); }",
    "shop/Face.java": "package shop; public interface Face { }",
    "shop/Held.java": "package shop; public class Held { }",
    "shop/ByName.java": "package shop; public class ByName { { new Deep(); } }",
    "shop/Deep.java": "package shop; class Deep { }",
    "shop/Payment.java": "package shop; public interface Payment { void pay(); }",
    "shop/Card.java": "package shop; public class Card implements Payment { public void pay() { new Used(); } }",
    "shop/InLambda.java": "package shop; public class InLambda { }",
    "shop/Kind.java": "package shop; public enum Kind { ONE, TWO }",
    "shop/Odd.java": "package shop; public class Odd extends Exception { }",
    "shop/Used.java": "package shop; public class Used { }",
    "shop/Unused.java": "package shop; public class Unused { }",
}


def test_the_classes_that_a_program_loads_are_foreseen(tmp_path: Path) -> None:
    home()
    assert JAVA is not None
    classes = compiled(tmp_path, PROGRAM)
    services = classes / "META-INF/services"
    services.mkdir(parents=True)
    (services / "shop.Payment").write_text("shop.Card\n")
    done = subprocess.run(
        [JAVA, "-verbose:class", "-cp", str(classes), "Main"], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(re.findall(r"([\w.$]+) source: file:", done.stdout))
    assert len(loaded) > 10

    image = ImageBuilder().config(cmd=["java", "-cp", "/app", "Main"])
    for place in sorted(classes.rglob("*")):
        if place.is_file():
            image.file(f"/app/{place.relative_to(classes)}", place.read_bytes())
    tree, config = image.tree(), image.image().config
    context = Context(original=tree, config=config, env={}, path=(), cwd=ImagePath("/"))
    todo, reached = [ImagePath("/app/Main.class"), ImagePath("/app/META-INF/services/shop.Payment")], set[str]()
    while todo:
        path = todo.pop()
        reached.add(path)
        subject = Subject(node=Node(path=path), path=path, file=tree.files[path], tree=tree, data=tree.content(path))
        todo.extend(
            ImagePath(item.target.path)
            for item in JavaReader().read(subject, context)
            if isinstance(item, Edge) and item.kind is EdgeKind.IMPORTS and item.target.path not in reached
        )
    found = {path.removeprefix("/app/").removesuffix(".class").replace("/", ".") for path in reached}
    assert loaded <= found
    assert "shop.Unused" not in found
