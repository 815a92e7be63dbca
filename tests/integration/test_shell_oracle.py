"""The shell reader against shells: what 26 entrypoint and init scripts really execute, and whether it was found.

Each script runs fifty times in a root of its own in which every command is a stub: it notes its own path, then does
what the real tool does, or fails, or prints something, by a seed. Scripts of packages are taken from the archives of
the distribution at test time; ours lie in `scripts/`.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from xraydiff.facts import Edge, EdgeKind, ImageConfig, Node, NodeKind
from xraydiff.paths import ImagePath, image_path, join
from xraydiff.references import Context, Reader, Subject
from xraydiff.references.readers.shebang import ShebangReader
from xraydiff.references.readers.shell import ShellReader
from xraydiff.testing import ImageBuilder
from xraydiff.tree import FileTree

pytestmark = [pytest.mark.integration, pytest.mark.slow]

RUNS = 50
SECONDS = 10
USER = 61234
"""A user of its own, so that a script that signals processes reaches none but its own."""
SEARCH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
SCRIPTS = Path(__file__).parent / "scripts"
INIT = ("start", "stop", "restart", "reload", "force-reload", "status", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A script, how it is started, and what may be in its environment."""

    path: str
    package: str = ""
    """Empty for one of ours: then `path` is a name in `scripts/`."""
    arguments: tuple[str, ...] = INIT
    """One of these for each run, split at blanks."""
    env: tuple[tuple[str, str], ...] = ()
    """Set in half of the runs each."""
    files: tuple[tuple[str, str], ...] = ()
    """Further files of the root."""
    needs: tuple[str, ...] = ()
    """Further packages."""
    commands: str = ""
    """Commands of the image that neither this machine nor the packages have: names in /usr/bin, or paths."""
    says: str = "yes"
    """What a stub may print."""


HOOKS = (
    ("/docker-entrypoint-initdb.d/10-make.sh", "date\nhostname -f\n"),
    ("/docker-entrypoint-initdb.d/20.sql", "select 1;\n"),
    ("/docker-entrypoint-initdb.d/30.sql.gz", "x"),
    ("/docker-entrypoint-initdb.d/40.js", "x"),
)
LSB = ("sysvinit-utils",)
CASES = (
    Case(
        path="postgres-entrypoint.sh",
        arguments=("postgres", "postgres -c x=1", "-c x=1", "bash -c :", "postgres --help"),
        env=(
            ("POSTGRES_PASSWORD", "x"),
            ("POSTGRES_DB", "app"),
            ("POSTGRES_INITDB_WALDIR", "/tmp/wal"),
            ("PGDATA", "/var/lib/postgresql/data"),
            ("POSTGRES_INITDB_ARGS", "--no-sync"),
        ),
        files=HOOKS,
        commands="gosu postgres initdb pg_ctl psql zstd",
    ),
    Case(
        path="mysql-entrypoint.sh",
        arguments=("mysqld", "mysqld --x=1", "--x=1", "bash -c :"),
        env=(
            ("MYSQL_ROOT_PASSWORD", "x"),
            ("MYSQL_DATABASE", "app"),
            ("MYSQL_RANDOM_ROOT_PASSWORD", "1"),
            ("MYSQL_INITDB_SKIP_TZINFO", "1"),
        ),
        files=HOOKS,
        commands="gosu mysqld mysql mysqladmin mysql_tzinfo_to_sql mysql_upgrade zstd bunzip2",
    ),
    Case(
        path="redis-entrypoint.sh",
        arguments=("redis-server", "redis-server --x", "--x", "/etc/redis.conf", "sh -c :"),
        files=(("/usr/lib/redis/modules/json.so", "x"),),
        commands="redis-server redis-cli",
    ),
    Case(
        path="nginx-entrypoint.sh",
        arguments=("nginx", "nginx -g x", "nginx-debug", "sh -c :"),
        env=(("NGINX_ENTRYPOINT_QUIET_LOGS", "1"), ("NGINX_ENVSUBST_OUTPUT_DIR", "/tmp")),
        files=(
            ("/docker-entrypoint.d/10-listen.sh", "#!/bin/sh\nls\n"),
            ("/docker-entrypoint.d/15-set.envsh", "date\n"),
            ("/etc/nginx/templates/site.template", "x"),
            ("/etc/nginx/nginx.conf", "worker_processes 1;\n"),
        ),
        commands="nginx nginx-debug envsubst",
    ),
    Case(
        path="rabbitmq-entrypoint.sh",
        arguments=("rabbitmq-server", "rabbitmqctl status", "bash -c :"),
        env=(("RABBITMQ_ERLANG_COOKIE", "x"), ("RABBITMQ_DEFAULT_USER", "x"), ("RABBITMQ_DEFAULT_PASS_FILE", "x")),
        files=(("/var/lib/rabbitmq/x", "x"), ("/etc/rabbitmq/rabbitmq.conf", "x")),
        commands="gosu rabbitmq-server rabbitmqctl rabbitmq-plugins erl",
    ),
    Case(
        path="mongo-entrypoint.sh",
        arguments=("mongod", "mongod --config x", "mongod --dbpath /data/custom", "--x", "bash -c :"),
        env=(("MONGO_INITDB_ROOT_USERNAME", "x"), ("MONGO_INITDB_DATABASE", "x")),
        files=HOOKS,
        commands="gosu mongod mongosh numactl jq",
    ),
    Case(
        package="apache2",
        path="/usr/sbin/apache2ctl",
        arguments=("start", "stop", "graceful", "status", "configtest", "fullstatus", "-v"),
        needs=("apache2-bin",),
        commands="lynx www-browser",
    ),
    Case(package="apache2", path="/etc/init.d/apache2", needs=("apache2-bin", *LSB)),
    Case(package="postgresql-common", path="/etc/init.d/postgresql", needs=LSB),
    Case(
        package="nginx-common",
        path="/etc/init.d/nginx",
        needs=LSB,
        arguments=(*INIT, "configtest", "upgrade"),
        commands="/usr/sbin/nginx",
    ),
    Case(package="redis-server", path="/etc/init.d/redis-server", needs=LSB, commands="redis-server"),
    Case(package="openssh-server", path="/etc/init.d/ssh", needs=LSB, says="OpenSSH"),
    Case(package="cron", path="/etc/init.d/cron", needs=LSB),
    Case(
        package="exim4-base",
        path="/etc/init.d/exim4",
        needs=LSB,
        commands="/usr/lib/exim4/exim4 /usr/sbin/update-exim4.conf /usr/sbin/exim4",
    ),
    Case(
        package="exim4-base",
        path="/etc/cron.daily/exim4-base",
        arguments=("",),
        commands="/usr/lib/exim4/exim4 /usr/sbin/exim4 /usr/sbin/exim_tidydb mail eximon",
        files=(("/var/spool/exim4/db/x", "x"), ("/var/log/exim4/mainlog", "x")),
        says="/var/spool/exim4",
    ),
    Case(package="memcached", path="/etc/init.d/memcached", needs=LSB),
    Case(package="haproxy", path="/etc/init.d/haproxy", needs=LSB),
    Case(package="lighttpd", path="/etc/init.d/lighttpd", needs=LSB),
    Case(package="monit", path="/etc/init.d/monit", needs=LSB, arguments=(*INIT, "syntax")),
    Case(package="slapd", path="/etc/init.d/slapd", needs=LSB, files=(("/etc/ldap/slapd.conf", "pidfile /run/x\n"),)),
    Case(package="rpcbind", path="/etc/init.d/rpcbind", needs=LSB),
    Case(package="openvpn", path="/etc/init.d/openvpn", needs=LSB, files=(("/etc/openvpn/a.conf", "dev tun\n"),)),
    Case(package="stunnel4", path="/etc/init.d/stunnel4", needs=LSB, files=(("/etc/stunnel/a.conf", "pid = /x\n"),)),
    Case(package="dbus", path="/etc/init.d/dbus", needs=LSB),
    Case(
        package="mariadb-server",
        path="/usr/bin/mariadbd-safe",
        arguments=("", "--user=mysql", "--datadir=/x", "--help"),
        commands="/usr/sbin/mariadbd my_print_defaults logger",
    ),
    Case(
        package="mariadb-server",
        path="/etc/init.d/mariadb",
        needs=LSB,
        commands="/usr/sbin/mariadbd mysqladmin mariadb-admin mysqld_safe my_print_defaults mysql mariadb",
        files=(("/etc/mysql/debian.cnf", "x"),),
    ),
    Case(package="dovecot-core", path="/etc/init.d/dovecot", needs=LSB, files=(("/etc/dovecot/dovecot.conf", "x"),)),
    Case(package="postfix", path="/etc/init.d/postfix", needs=LSB, files=(("/etc/postfix/main.cf", "x"),)),
    Case(
        package="unbound",
        path="/usr/libexec/unbound-helper",
        arguments=(
            "resolvconf_start",
            "resolvconf_stop",
            "chroot_setup",
            "chroot_teardown",
            "root_trust_anchor_update",
        ),
        files=(("/usr/share/dns/root.key", "x"), ("/etc/unbound/x", "x")),
        commands="/usr/sbin/resolvconf",
        says="/tmp/x",
    ),
    Case(
        package="rabbitmq-server", path="/usr/lib/rabbitmq/bin/rabbitmq-script-wrapper", arguments=("", "x", "status")
    ),
    Case(package="rabbitmq-server", path="/etc/init.d/rabbitmq-server", needs=LSB),
)

REAL = (
    "awk basename cat chmod cp cut dash bash dirname env expr false find getopt grep head ln ls mkdir mktemp mv nice "
    "nohup printf readlink realpath rm rmdir sed seq sort stat tail tee test timeout touch tr true uname uniq wc xargs "
    "date hostname"
).split()
"""Tools that do their work, for what scripts do with their output."""

STUB = """#!/.oracle/bin/dash
name=${0##*/}
echo "$0" >>/.oracle/log
read -r number </.oracle/number/$name
read -r count </.oracle/count/$name || count=0
echo $((count + 1)) >/.oracle/count/$name
read -r seed </.oracle/seed
chance=$(( (seed * 7919 + number * 104729 + count * 15485863 + 12345) * 1103515245 / 65536 % 32768 ))
[ $chance -ge 0 ] || chance=$((-chance))
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
case $name in
sh) exec /.oracle/bin/dash "$@" ;;
bash | dash | env | nice | nohup | timeout | xargs | find) exec /.oracle/bin/$name "$@" ;;
ionice | setsid | stdbuf | numactl)
    while [ "${1#-}" != "$1" ]; do shift; done
    exec "$@" ;;
gosu) shift; exec "$@" ;;
setpriv)
    while [ "${1#-}" != "$1" ]; do
        case $1 in --reuid | --regid | --groups) shift ;; esac
        shift
    done
    exec "$@" ;;
su | runuser)
    while [ $# -gt 0 ]; do
        case $1 in
        -c) exec /.oracle/bin/dash -c "$2" ;;
        -s | -g) shift ;;
        --) shift; exec "$@" ;;
        esac
        shift
    done
    exit 0 ;;
start-stop-daemon)
    program= starts= test=
    while [ $# -gt 0 ]; do
        case $1 in
        --start | -S) starts=1 ;;
        --test | -t) test=1 ;;
        --exec | -x) [ "$program" ] || program=$2; shift ;;
        --exec=*) [ "$program" ] || program=${1#*=} ;;
        --startas | -a) program=$2; shift ;;
        --) shift; break ;;
        esac
        shift
    done
    [ "$starts" ] && [ -z "$test" ] && [ "$program" ] && [ $((chance % 4)) -ne 0 ] && exec "$program" "$@"
    exit $((chance / 4 % 2)) ;;
id) [ $((chance % 2)) -eq 0 ] && echo 0 || echo 999; exit 0 ;;
sleep) exit 0 ;;
esac
if [ -x /.oracle/bin/$name ] && [ $((chance % 8)) -ne 0 ]; then exec /.oracle/bin/$name "$@"; fi
case $((chance / 8 % 4)) in
0) echo 1 ;;
1) echo /tmp/x ;;
2) read -r says </.oracle/says; echo "$says" ;;
esac
exit $((chance / 32 % 3 == 0))
"""


# --- packages -------------------------------------------------------------------------------------------------------


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine")
    return found


def _archives(folder: Path) -> dict[str, Path]:
    """The packages' archives, downloaded once."""
    wanted = sorted({name for case in CASES for name in (case.package, *case.needs) if name})
    missing = [name for name in wanted if not list(folder.glob(f"{name}_*.deb"))]
    apt = shutil.which("apt-get")
    if missing and apt and shutil.which("dpkg-deb"):
        subprocess.run([apt, "download", "-q", *missing], cwd=folder, check=False, capture_output=True, timeout=300)
    return {name: found[-1] for name in wanted if (found := sorted(folder.glob(f"{name}_*.deb")))}


def _unpacked(archive: Path) -> dict[str, tuple[int, bytes]]:
    """The regular files of a package: mode and content by path."""
    raw = subprocess.run([_tool("dpkg-deb"), "--fsys-tarfile", archive], check=True, capture_output=True).stdout
    files: dict[str, tuple[int, bytes]] = {}
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isreg() else None
            if stream is not None and member.size < 1 << 20:
                files[_merged(image_path(member.name))] = (member.mode & 0o777, stream.read())
            elif _is_program(member):
                files[_merged(image_path(member.name))] = (0o755, b"\x7fELF")
    return files


def _merged(path: str) -> str:
    """The path in a system where /bin is a link to /usr/bin."""
    return "/usr" + path if path.startswith(("/bin/", "/sbin/", "/lib/", "/lib64/")) else path


def _is_command(path: str, mode: int) -> bool:
    return bool(mode & 0o111) and path.rpartition("/")[0] in ("/usr/bin", "/usr/sbin", "/usr/local/bin")


# --- the root -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Root:
    """A root on disk, and the same as a tree."""

    place: Path
    tree: FileTree
    script: str
    shell: str
    stubs: set[str] = field(default_factory=set)


def _is_program(member: tarfile.TarInfo) -> bool:
    if member.issym():
        return _is_command(_merged(image_path(member.name)), 0o755)
    return member.islnk() or (member.isreg() and bool(member.mode & 0o111))


def _names(folder: str) -> list[str]:
    return [path.name for path in Path(folder).iterdir()]


def _machine() -> list[str]:
    """The commands of this machine by path, for the stubs: what a script may ask for, and far more."""
    found: list[str] = []
    for folder in ("/usr/bin", "/usr/sbin"):
        found += [f"{folder}/{name}" for name in sorted(_names(folder)) if name.isprintable() and "/" not in name]
    return found


def _libraries(programs: list[str]) -> set[str]:
    lines = subprocess.run([_tool("ldd"), *programs], check=False, capture_output=True, text=True).stdout.split()
    return {word for word in lines if word.startswith("/") and not word.endswith(":") and Path(word).exists()}


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the real tools alone; roots of scripts link to it."""
    if os.geteuid() != 0:
        pytest.skip("a root of its own needs privileges")
    place = tmp_path_factory.mktemp("tools")
    (place / ".oracle/bin").mkdir(parents=True)
    programs = [found for name in REAL if (found := shutil.which(name, path="/usr/bin:/bin"))]
    for program in programs:
        shutil.copy2(os.path.realpath(program), place / ".oracle/bin" / Path(program).name)
    for name in ("bin", "sbin", "lib", "lib64"):
        (place / "usr" / name).mkdir(parents=True)
        (place / name).symlink_to(f"usr/{name}")
    for library in sorted(_libraries(programs)):
        target = place / _merged(library).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(os.path.realpath(library), target)
    stub = place / ".oracle/stub"
    stub.write_text(STUB)
    stub.chmod(0o755)
    return place


def _files(case: Case, archives: dict[str, Path]) -> dict[str, tuple[int, bytes]]:
    files: dict[str, tuple[int, bytes]] = {}
    for package in (case.package, *case.needs):
        if package:
            if package not in archives:
                pytest.skip(f"the package {package} cannot be had here")
            files |= _unpacked(archives[package])
    for path, text in case.files:
        files[path] = (0o755 if text.startswith("#!") else 0o644, text.encode())
    if not case.package:
        files[f"/usr/local/bin/{case.path}"] = (0o755, (SCRIPTS / case.path).read_bytes())
    files["/etc/passwd"] = (0o644, b"root:x:0:0::/root:/bin/bash\n")
    files["/etc/group"] = (0o644, b"root:x:0:\n")
    return files


def _root(case: Case, tools: Path, place: Path, archives: dict[str, Path]) -> Root:
    files = _files(case, archives)
    script = case.path if case.package else f"/usr/local/bin/{case.path}"
    script = _merged(script)
    commands = {path for path, (mode, _) in files.items() if _is_command(path, mode)}
    commands |= set(_machine()) | {join("/usr/bin", name) for name in case.commands.split()}
    # A package's programs elsewhere (/usr/lib/x/y) are commands too, unless they are scripts that take part.
    commands |= {path for path, (mode, data) in files.items() if mode & 0o111 and data.startswith(b"\x7fELF")}
    commands.discard(script)
    builder = ImageBuilder()
    for name in ("bin", "sbin", "lib"):
        builder.symlink(f"/{name}", f"usr/{name}")
    shutil.copytree(tools, place, symlinks=True, copy_function=os.link)
    for path, (mode, data) in sorted(files.items()):
        if path not in commands:
            target = place / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(mode)
            builder.file(path, data, mode=mode)
    (place / ".oracle/says").write_text(case.says + "\n")
    for name in ("number", "count"):
        (place / ".oracle" / name).mkdir()
    for path in sorted(commands):
        target = place / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(tools / ".oracle/stub", target)
        builder.file(path, b"\x7fELF", mode=0o755)
        (place / ".oracle/number" / target.name).write_text(f"{zlib.crc32(target.name.encode()) % 10_007}\n")
    for folder in ("tmp/x", "dev", "run", "var/run", "var/log", "var/lib", "root", "data/db", "data/configdb"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    os.mknod(place / "dev/null", 0o20666, os.makedev(1, 3))
    (place / "dev/null").chmod(0o666)
    for folder, _, _ in os.walk(place):
        os.chown(folder, USER, USER)
    first = files[script][1].split(b"\n", 1)[0]
    return Root(
        place=place, tree=builder.tree(), script=script, shell="bash" if b"bash" in first else "dash", stubs=commands
    )


# --- both sides -----------------------------------------------------------------------------------------------------


def _executed(case: Case, root: Root) -> set[str]:
    """Real paths of the commands that some run executed."""
    log = root.place / ".oracle/log"
    log.touch()
    os.chown(log, USER, USER)
    (root.place / ".oracle/seed").touch()
    for seed in range(RUNS):
        (root.place / ".oracle/seed").write_text(f"{seed + 1}\n")
        for counter in (root.place / ".oracle/count").iterdir():
            counter.unlink()
        env = {"PATH": ":".join(SEARCH), "HOME": "/root"}
        env |= {
            name: value for index, (name, value) in enumerate(case.env) if zlib.crc32(f"{seed}.{index}".encode()) & 64
        }
        words = case.arguments[seed % len(case.arguments)].split()
        command = [_tool("chroot"), f"--userspec={USER}:{USER}", "--groups=", str(root.place)]
        command += [f"/.oracle/bin/{root.shell}", root.script, *words]
        with subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                pass
            finally:
                _end(process)
    # What `exec "$@"` starts is told by the image's config and found by the reader of that.
    named = {word for words in case.arguments for word in words.split()[:1]} if not case.package else set()
    paths = {line for line in log.read_text(errors="replace").split("\n") if line.startswith("/")}
    return {
        path
        for path in (_real(root.tree, path) for path in paths)
        if path in root.stubs and path.rpartition("/")[2] not in named
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    """End whatever the run left behind in its session."""
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        return


def _real(tree: FileTree, path: str) -> str:
    return tree.resolve(path).path or path


def _found(root: Root) -> set[str]:
    """Real paths of what the reader finds from the script on, through what it sources, holds and gives to a shell."""
    context = Context(
        original=root.tree,
        config=ImageConfig(),
        env={"PATH": ":".join(SEARCH), "HOME": "/root"},
        path=tuple(map(ImagePath, SEARCH)),
        cwd=ImagePath("/"),
    )
    readers: tuple[Reader, ...] = (ShellReader(), ShebangReader())
    todo = [Node(path=root.script)]
    seen: set[tuple[Node, str]] = set()
    found: set[str] = set()
    while todo:
        node = todo.pop()
        inline = node.kind is NodeKind.SCRIPT
        path = image_path(node.path) if inline else ImagePath(_real(root.tree, node.path))
        if (node, path) in seen:
            continue
        seen.add((node, path))
        data = b"" if inline else root.tree.content(path)
        subject = Subject(
            node=node, path=path, file=None if inline else root.tree.files[path], tree=root.tree, data=data
        )
        edges = [edge for reader in readers if reader.accepts(subject) for edge in reader.read(subject, context)]
        for edge in edges:
            if not isinstance(edge, Edge):
                continue
            if edge.kind in (EdgeKind.EXECUTES, EdgeKind.INTERPRETS):
                found.add(_real(root.tree, edge.target.path))
            if edge.target.language == "shell" or (
                edge.kind is EdgeKind.EXECUTES and _real(root.tree, edge.target.path) not in root.stubs
            ):
                todo.append(edge.target)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One script: what its runs executed and what the reader found."""

    name: str
    executed: frozenset[str]
    found: frozenset[str]

    def line(self) -> str:
        both = self.executed & self.found
        missed = sorted(path.rpartition("/")[2] for path in self.executed - self.found)
        recall = len(both) / len(self.executed) if self.executed else 1.0
        share = len(both) / len(self.found) if self.found else 1.0
        return (
            f"{self.name:44} {len(self.executed):8} {len(self.found):6} {len(both):5} {recall:7.2f} {share:8.2f}  "
            + " ".join(missed)
        )


@pytest.fixture(scope="session")
def archives(request: pytest.FixtureRequest) -> dict[str, Path]:
    return _archives(request.config.cache.mkdir("shell-oracle"))


def test_what_runs_execute_was_found(
    tools: Path, archives: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[Row] = []
    for index, case in enumerate(CASES):
        if any(name and name not in archives for name in (case.package, *case.needs)):
            continue
        root = _root(case, tools, tmp_path / str(index), archives)
        executed = _executed(case, root)
        rows.append(Row(name=case.path, executed=frozenset(executed), found=frozenset(_found(root) & root.stubs)))
        shutil.rmtree(root.place)
    executed_all = sum(len(row.executed) for row in rows)
    found_all = sum(len(row.found) for row in rows)
    both = sum(len(row.executed & row.found) for row in rows)
    with capsys.disabled():
        print(f"\n{'script':44} executed  found  both  recall  of found  missed")
        for row in rows:
            print(row.line())
        print(f"{len(rows)} scripts: {both} of {executed_all} executed were found ({both / executed_all:.3f}),")
        print(f"{both} of {found_all} found were executed by some run ({both / found_all:.3f})")
    assert len(rows) >= 6
    assert executed_all >= 20 * len(rows) / 4
    assert both / executed_all >= 0.95
