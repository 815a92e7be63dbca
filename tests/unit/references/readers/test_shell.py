"""Shell scripts: what they run, source, hold and name, and when."""

from __future__ import annotations

import pytest

from xraydiff.facts import Edge, FileType, ImageConfig, Node, NodeKind
from xraydiff.limits import Limits
from xraydiff.paths import ImagePath, image_path
from xraydiff.references import UNKNOWN_PART, Command, Context, Gap, Subject
from xraydiff.references.readers.shell import ShellReader
from xraydiff.testing import ImageBuilder
from xraydiff.tree import FileTree

PROGRAMS = (
    "/bin/sh /bin/bash /bin/ls /bin/cat /bin/cp /bin/su /bin/mount /bin/kill /bin/echo /bin/mkdir /bin/chown /bin/grep "
    "/usr/bin/env /usr/bin/id /usr/bin/wc /usr/bin/find /usr/bin/xargs /usr/bin/timeout /usr/bin/nice /usr/bin/awk "
    "/usr/bin/python3 /usr/bin/perl /usr/bin/node /usr/bin/ruby /usr/bin/dirname /usr/bin/date /usr/bin/sudo "
    "/usr/bin/tini /usr/bin/setpriv /usr/bin/flock /usr/bin/nohup /usr/bin/time /usr/bin/stdbuf /usr/bin/touch "
    "/usr/bin/run-parts /usr/bin/readlink /usr/bin/which /usr/sbin/nginx /usr/sbin/gosu /usr/sbin/runuser "
    "/usr/sbin/start-stop-daemon /usr/sbin/chroot /sbin/ifconfig /opt/app/bin/tool /opt/app/bin/other "
    "/usr/lib/db/15/bin/server /srv/run /srv/serve"
)
FILES = {
    "/etc/passwd": "root:x:0:0::/root:/bin/bash\napp:x:7:7::/:/bin/sh\n",
    "/etc/group": "root:x:0:\n",
    "/etc/app.conf": "x",
    "/etc/default/app": "TOOL=/opt/app/bin/tool\nOPTS='-x'\nhelper() { date; other_helper; }\n",
    "/etc/profile.d/a.sh": "x",
    "/etc/profile.d/b.sh": "x",
    "/etc/profile.d/c.txt": "x",
    "/lib/common.sh": "x",
    "/srv/lib.sh": "x",
    "/srv/manage.py": "x",
    "/usr/bin/lib-on-path.sh": "x",
    "/var/log/app/x.log": "x",
    "/run/lock/x": "x",
}
PARTS = {"/etc/cron.daily/one": 0o755, "/etc/cron.daily/two.sh": 0o755, "/etc/cron.daily/three": 0o644}
SEARCH = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")


def _tree() -> FileTree:
    builder = ImageBuilder()
    for path in PROGRAMS.split():
        builder.file(path, b"\x7fELF", mode=0o755)
    for path, text in FILES.items():
        builder.file(path, text.encode(), mode=0o644)
    for path, mode in PARTS.items():
        builder.file(path, b"#!/bin/sh\n", mode=mode)
    builder.symlink("/bin/busybox-link", "busybox").file("/bin/busybox", b"\x7fELF", mode=0o755)
    builder.symlink("/usr/bin/wget", "/bin/busybox").directory("/docker-entrypoint.d")
    return builder.tree()


TREE = _tree()


def _items(
    script: bytes | str,
    *,
    limits: Limits | None = None,
    env: dict[str, str] | None = None,
    cwd: str = "/",
    path: str = "/srv/start.sh",
    language: str = "",
) -> list[Edge | Gap]:
    data = script if isinstance(script, bytes) else script.encode()
    subject = Subject(node=Node(path=path, language=language), path=image_path(path), file=None, tree=TREE, data=data)
    context = Context(
        original=TREE,
        config=ImageConfig(),
        env=env or {},
        path=tuple(map(ImagePath, SEARCH)),
        cwd=image_path(cwd),
        limits=limits or Limits(),
    )
    return [item for item in ShellReader().read(subject, context) if not isinstance(item, Command)]


def _seen(items: list[Edge | Gap], *kinds: str) -> set[str]:
    """Edges as `kind firing target`; only those of some kinds where these are given."""
    return {
        f"{edge.kind} {edge.firing} {edge.target.text or edge.target.path}"
        for edge in items
        if isinstance(edge, Edge) and (not kinds or edge.kind in kinds)
    }


def _gaps(items: list[Edge | Gap]) -> set[tuple[str, str]]:
    return {(item.reason, item.detail) for item in items if isinstance(item, Gap)}


LOAD, GUARDED, DEFERRED = "load", "guarded", "deferred"

FIRINGS = [
    ("ls", {"/bin/ls": LOAD}),
    ("#!/bin/sh\nset -e\nls -l\n", {"/bin/ls": LOAD}),
    ('A=1 B="2" ls', {"/bin/ls": LOAD}),
    ("ls; id & date", {"/bin/ls": LOAD, "/usr/bin/id": LOAD, "/usr/bin/date": LOAD}),
    ("ls && id", {"/bin/ls": LOAD, "/usr/bin/id": GUARDED}),
    ("ls || id && date", {"/bin/ls": LOAD, "/usr/bin/id": GUARDED, "/usr/bin/date": GUARDED}),
    ("ls | wc | cat", {"/bin/ls": LOAD, "/usr/bin/wc": LOAD, "/bin/cat": LOAD}),
    ("! ls", {"/bin/ls": LOAD}),
    ("if ls; then id; fi", {"/bin/ls": LOAD, "/usr/bin/id": GUARDED}),
    (
        "if ls | wc; then :; elif id; then date; else cat; fi",
        {
            "/bin/ls": LOAD,
            "/usr/bin/wc": LOAD,
            "/usr/bin/id": GUARDED,
            "/usr/bin/date": GUARDED,
            "/bin/cat": GUARDED,
        },
    ),
    ("if ! ls; then id; fi", {"/bin/ls": LOAD, "/usr/bin/id": GUARDED}),
    ("while ls; do id; done", {"/bin/ls": LOAD, "/usr/bin/id": GUARDED}),
    ("until ls; do id; done", {"/bin/ls": LOAD, "/usr/bin/id": GUARDED}),
    ("while :; do id; done", {"/usr/bin/id": LOAD}),
    ("while true; do id; done", {"/usr/bin/id": LOAD}),
    ("for x in a b; do id; done", {"/usr/bin/id": LOAD}),
    ("for x in /etc/*.nothing; do id; done", {"/usr/bin/id": GUARDED}),
    ("for x in $UNSET; do id; done", {"/usr/bin/id": GUARDED}),
    ("for x; do id; done", {"/usr/bin/id": GUARDED}),
    ("for ((i=0;i<3;i++)); do id; done", {"/usr/bin/id": GUARDED}),
    ("case $1 in a|b) ls;; *) id;; esac", {"/bin/ls": GUARDED, "/usr/bin/id": GUARDED}),
    ("case $(ls) in a) id;; esac", {"/bin/ls": LOAD, "/usr/bin/id": GUARDED}),
    ("x=$(ls `id`)", {"/bin/ls": LOAD, "/usr/bin/id": LOAD}),
    ('echo "a $(ls "$(id)")"', {"/bin/ls": LOAD, "/usr/bin/id": LOAD}),
    ("cat <<END\n$(ls)\nEND", {"/bin/cat": LOAD, "/bin/ls": LOAD}),
    ("cat <<'END'\n$(ls)\nEND", {"/bin/cat": LOAD}),
    (
        "cat <<END && ls || id\nx\nEND\ndate",
        {
            "/bin/cat": LOAD,
            "/bin/ls": GUARDED,
            "/usr/bin/id": GUARDED,
            "/usr/bin/date": LOAD,
        },
    ),
    ("cat <(ls) >(id)", {"/bin/cat": LOAD, "/bin/ls": LOAD, "/usr/bin/id": LOAD}),
    ("(ls; id) && date", {"/bin/ls": LOAD, "/usr/bin/id": LOAD, "/usr/bin/date": GUARDED}),
    ("{ ls; } >/dev/null 2>&1 || id", {"/bin/ls": LOAD, "/usr/bin/id": GUARDED}),
    ('[ -x "$(ls)" ] && id', {"/bin/ls": LOAD, "/usr/bin/id": GUARDED}),
    ("[[ $(ls) == x && $(id) ]]", {"/bin/ls": LOAD, "/usr/bin/id": LOAD}),
    ("(( $(ls) + 1 ))", {"/bin/ls": LOAD}),
    ("x=${Y:-$(ls)}", {"/bin/ls": LOAD}),
    ("x=(a $(ls))", {"/bin/ls": LOAD}),
    ("ls # id\n# date", {"/bin/ls": LOAD}),
    ("echo 'ls' \"id\"", {}),
    ("ls \\\n  -l \\\n  && id", {"/bin/ls": LOAD, "/usr/bin/id": GUARDED}),
    ("A=$(ls)\nB=2\nid", {"/bin/ls": LOAD, "/usr/bin/id": LOAD}),
    # functions
    ("f() { ls; }", {"/bin/ls": DEFERRED}),
    ("f() { ls; }\nf", {"/bin/ls": LOAD}),
    ("function f { ls; }\nf x", {"/bin/ls": LOAD}),
    ("f() ( ls )\nf", {"/bin/ls": LOAD}),
    ("f() { if id; then ls; fi; }; f", {"/bin/ls": GUARDED, "/usr/bin/id": LOAD}),
    ("f() { ls; }\nif id; then f; fi", {"/bin/ls": GUARDED, "/usr/bin/id": LOAD}),
    ("f() { ls; }\ng() { f; id; }\ng", {"/bin/ls": LOAD, "/usr/bin/id": LOAD}),
    ("f() { ls; }\ng() { f; id; }", {"/bin/ls": DEFERRED, "/usr/bin/id": DEFERRED}),
    ("f() { g; }\ng() { ls; }\nf", {"/bin/ls": LOAD}),
    ("f() { f; ls; }\nf", {"/bin/ls": LOAD}),
    ("ls() { id; }\nls", {"/usr/bin/id": LOAD}),
    ("f() { return 0; ls; }\nf\nid", {"/bin/ls": GUARDED, "/usr/bin/id": LOAD}),
    ("trap 'ls' EXIT", {}),
    ("f() { ls; }\ntrap f EXIT INT", {"/bin/ls": DEFERRED}),
    ("trap - EXIT; trap '' INT; trap", {}),
    # the end of a script
    ("exec ls\nid", {"/bin/ls": LOAD, "/usr/bin/id": GUARDED}),
    ("exec >/dev/null\nid", {"/usr/bin/id": LOAD}),
    ("exit 0\nid", {"/usr/bin/id": GUARDED}),
    ("if ls; then exec id; fi\ndate", {"/bin/ls": LOAD, "/usr/bin/id": GUARDED, "/usr/bin/date": LOAD}),
    ("(exec ls)\nid", {"/bin/ls": LOAD, "/usr/bin/id": LOAD}),
    ("x=$(exec ls)\nid", {"/bin/ls": LOAD, "/usr/bin/id": LOAD}),
    ("f() { exec ls; }\nf", {"/bin/ls": LOAD}),
    (
        "do_x() { ls; }\ndo_y() { id; }\nz() { date; }\ndo_$1",
        {
            "/bin/ls": GUARDED,
            "/usr/bin/id": GUARDED,
            "/usr/bin/date": DEFERRED,
        },
    ),
    # builtins and keywords
    ("echo a; test x; [ a ]; printf b; kill 1; cd /; export A; local b; type ls", {}),
    ("exec kill 1", {"/bin/kill": LOAD}),
    ("env kill 1", {"/usr/bin/env": LOAD, "/bin/kill": LOAD}),
    ("command ls; command -v id; command echo x", {"/bin/ls": LOAD}),
    ("builtin echo ls; type id", {}),
    ("time ls", {"/bin/ls": LOAD, "/usr/bin/time": LOAD}),
    ("#!/bin/bash\ntime -p ls", {"/bin/ls": LOAD}),
    ("no-such-command; /no/such", {}),
    # how a word is told
    ("/bin/ls", {"/bin/ls": LOAD}),
    ("'l's \"i\"'d'", {"/bin/ls": LOAD}),
    ("\\ls", {"/bin/ls": LOAD}),
    ("l\\s", {"/bin/ls": LOAD}),
    ("$'\\x6cs'", {"/bin/ls": LOAD}),
    ("alias ll='ls -l'\nll /", {"/bin/ls": LOAD}),
    ("C=ls; $C", {"/bin/ls": LOAD}),
    ("C='ls -l'; $C", {"/bin/ls": LOAD}),
    ('C=/opt/app; "$C/bin/tool"', {"/opt/app/bin/tool": LOAD}),
    ("C=/opt; D=$C/app; ${D}/bin/tool", {"/opt/app/bin/tool": LOAD}),
    ("${C:-ls}", {"/bin/ls": LOAD}),
    (": ${C:=ls}\n$C", {"/bin/ls": LOAD}),
    ('${C:-"${D:-ls}"}', {"/bin/ls": LOAD}),
    ("C=ls\nif id; then C=date; fi\n$C", {"/bin/ls": GUARDED, "/usr/bin/id": LOAD, "/usr/bin/date": GUARDED}),
    ("if id; then C=date; else C=ls; fi\n$C", {"/bin/ls": GUARDED, "/usr/bin/id": LOAD, "/usr/bin/date": GUARDED}),
    ("C=ls; C=date; $C", {"/usr/bin/date": LOAD}),
    ("if id; then C=ls; $C; fi", {"/usr/bin/id": LOAD, "/bin/ls": GUARDED}),
    ("C=ls; (C=date); $C", {"/bin/ls": LOAD}),
    ("for c in ls id; do $c; done", {"/bin/ls": LOAD, "/usr/bin/id": LOAD}),
    ('C=(ls -l); "${C[@]}"', {"/bin/ls": LOAD}),
    ('C=(env); C+=(ls); "${C[@]}"', {"/usr/bin/env": LOAD, "/bin/ls": LOAD}),
    ('f() { "$1" x; }\nf ls\nf id', {"/bin/ls": LOAD, "/usr/bin/id": LOAD}),
    ('f() { shift; "$@"; }\nf x ls', {"/bin/ls": LOAD}),
    ("f() { local c=$1; shift; $c; }\nf ls", {"/bin/ls": LOAD}),
    ("C=$(command -v ls); $C", {"/bin/ls": LOAD}),
    ("C=$(which ls)\n$C", {"/usr/bin/which": LOAD, "/bin/ls": LOAD}),
    ("/usr/lib/db/$VERSION/bin/server", {"/usr/lib/db/15/bin/server": GUARDED}),
    ("D=/srv/x/y; ${D%/*/*}/run; ${D%%x*}run", {"/srv/run": LOAD}),
    (
        'where() { if id; then echo "/opt/app/bin/$1"; else echo "$1"; fi; }\n$(where tool)',
        {
            "/opt/app/bin/tool": GUARDED,
            "/usr/bin/id": LOAD,
        },
    ),
    ('where() { echo >&2 /bin/ls; echo "/opt/app/bin/$1"; }\nT=`where tool`; $T', {"/opt/app/bin/tool": LOAD}),
    ("where() { where; echo $(where); }\n$(where)", {}),
    ("IFS=:; for d in $PATH; do $d/nginx; done", {"/usr/sbin/nginx": LOAD}),
    ("L='/bin/ls x:/usr/bin/id'; IFS=:; for c in $L; do $c; done", {"/usr/bin/id": LOAD}),
    # PATH
    ("tool; PATH=$PATH:/opt/app/bin\ntool", {"/opt/app/bin/tool": LOAD}),
    ("export PATH=/opt/app/bin:$PATH\ntool && ls", {"/opt/app/bin/tool": LOAD, "/bin/ls": GUARDED}),
    ("PATH=/opt/app/bin\nls; tool", {"/opt/app/bin/tool": LOAD}),
    ("PATH=/opt/app/bin tool; other", {"/opt/app/bin/tool": LOAD}),
    ("if id; then PATH=$PATH:/opt/app/bin; fi\ntool", {"/usr/bin/id": LOAD, "/opt/app/bin/tool": LOAD}),
    # positional parameters
    ('exec "$@"', {}),
    ('set -- ls "$@"\nexec "$@"', {"/bin/ls": LOAD}),
    ('if [ "${1#-}" != "$1" ]; then set -- nginx "$@"; fi\nexec "$@"', {"/usr/sbin/nginx": GUARDED}),
    ('set -- nginx "$@"; set -- tini -- "$@"; exec "$@"', {"/usr/sbin/nginx": LOAD, "/usr/bin/tini": LOAD}),
    # wrappers
    ("nohup nice -n 5 ls &", {"/usr/bin/nohup": LOAD, "/usr/bin/nice": LOAD, "/bin/ls": LOAD}),
    ('env -i A=b C="$d" ls -l', {"/usr/bin/env": LOAD, "/bin/ls": LOAD}),
    ("env -u X -- ls", {"/usr/bin/env": LOAD, "/bin/ls": LOAD}),
    ("env -S 'ls -l'", {"/usr/bin/env": LOAD, "/bin/ls": LOAD}),
    ("timeout -k 5 10s ls", {"/usr/bin/timeout": LOAD, "/bin/ls": LOAD}),
    ("timeout --signal=KILL 10 ls", {"/usr/bin/timeout": LOAD, "/bin/ls": LOAD}),
    ("stdbuf -oL ls", {"/usr/bin/stdbuf": LOAD, "/bin/ls": LOAD}),
    ("sudo -u app -E A=1 ls", {"/usr/bin/sudo": LOAD, "/bin/ls": LOAD}),
    ("exec gosu app nginx -g 'daemon off;'", {"/usr/sbin/gosu": LOAD, "/usr/sbin/nginx": LOAD}),
    ("setpriv --reuid app --init-groups ls", {"/usr/bin/setpriv": LOAD, "/bin/ls": LOAD}),
    ("runuser -u app -- ls -l", {"/usr/sbin/runuser": LOAD, "/bin/ls": LOAD}),
    ("flock -n /run/lock/x ls", {"/usr/bin/flock": LOAD, "/bin/ls": LOAD}),
    ("ls | xargs -n 1 -r id", {"/bin/ls": LOAD, "/usr/bin/xargs": LOAD, "/usr/bin/id": LOAD}),
    (
        "find /etc -type f -exec grep x {} \\; -exec ls {} +",
        {
            "/usr/bin/find": LOAD,
            "/bin/grep": GUARDED,
            "/bin/ls": GUARDED,
        },
    ),
    (
        "start-stop-daemon --start --pidfile /x --exec /usr/sbin/nginx -- -c x",
        {
            "/usr/sbin/start-stop-daemon": LOAD,
            "/usr/sbin/nginx": LOAD,
        },
    ),
    ("start-stop-daemon -S -x /usr/sbin/nginx -c app", {"/usr/sbin/start-stop-daemon": LOAD, "/usr/sbin/nginx": LOAD}),
    ("start-stop-daemon --stop --exec /usr/sbin/nginx", {"/usr/sbin/start-stop-daemon": LOAD}),
    ("exec tini -g -- /srv/run x", {"/usr/bin/tini": LOAD, "/srv/run": LOAD}),
    ("chroot /x ls; chroot --userspec=app / id", {"/usr/sbin/chroot": LOAD, "/usr/bin/id": LOAD}),
    ("busybox wget x", {"/bin/busybox": LOAD}),
    ("wget x", {"/usr/bin/wget": LOAD}),
    ("wait-for -- ls", {"/bin/ls": GUARDED}),
    ("run-parts /etc/cron.daily", {"/usr/bin/run-parts": LOAD, "/etc/cron.daily/one": LOAD}),
    ("run-parts --test /etc/cron.daily", {"/usr/bin/run-parts": LOAD}),
    ("su app -c ls", {"/bin/su": LOAD, "/bin/sh": LOAD}),
    ("su - -s /bin/bash app -c ls", {"/bin/su": LOAD, "/bin/bash": LOAD}),
    # scripts of interpreters
    ("sh /lib/common.sh", {"/bin/sh": LOAD, "/lib/common.sh": LOAD}),
    ("bash -eu -o pipefail /lib/common.sh x", {"/bin/bash": LOAD, "/lib/common.sh": LOAD}),
    ("sh lib-on-path.sh", {"/bin/sh": LOAD, "/usr/bin/lib-on-path.sh": LOAD}),
    ("python3 -u /srv/manage.py", {"/usr/bin/python3": LOAD, "/srv/manage.py": LOAD}),
    ("cd /srv && python3 manage.py", {"/usr/bin/python3": GUARDED, "/srv/manage.py": GUARDED}),
    ("cd /srv; ./run", {"/srv/run": LOAD}),
    ('cd "$(dirname "$0")"; ./run', {"/usr/bin/dirname": LOAD, "/srv/run": LOAD}),
    ("awk '{ system(\"ls\") }'", {"/usr/bin/awk": LOAD}),
    ("eval \"ls\"; sh -c 'id'", {"/bin/sh": LOAD}),
    # reading lists of files
    (
        'find /etc/profile.d -type f | while read -r f; do case "$f" in *.sh) "$f";; esac; done',
        {
            "/usr/bin/find": LOAD,
        },
    ),
    (
        'find /etc/cron.daily -type f | wc | while read -r f; do "$f"; done',
        {
            "/usr/bin/find": LOAD,
            "/usr/bin/wc": LOAD,
            "/etc/cron.daily/one": GUARDED,
            "/etc/cron.daily/two.sh": GUARDED,
        },
    ),
    (
        'for f in /etc/cron.daily/*; do [ -x "$f" ] && "$f"; done',
        {
            "/etc/cron.daily/one": GUARDED,
            "/etc/cron.daily/two.sh": GUARDED,
        },
    ),
    (
        "for f in $(find /etc/cron.daily -name '*.sh'); do $f; done",
        {
            "/usr/bin/find": LOAD,
            "/etc/cron.daily/two.sh": GUARDED,
        },
    ),
    # other files' variables and functions
    (". /etc/default/app\n$TOOL", {"/opt/app/bin/tool": LOAD}),
    ("[ -r /etc/default/app ] && . /etc/default/app\n$TOOL", {"/opt/app/bin/tool": GUARDED}),
    (". /etc/default/app\nif ls; then helper; fi", {"/bin/ls": LOAD, "/usr/bin/date": GUARDED}),
    (". /etc/default/app", {}),
]


@pytest.mark.parametrize(("script", "programs"), FIRINGS, ids=[script for script, _ in FIRINGS])
def test_what_is_executed_and_when(script: str, programs: dict[str, str]) -> None:
    assert _seen(_items(script), "executes") == {f"executes {when} {path}" for path, when in programs.items()}


SOURCED = [
    (". /lib/common.sh", {"/lib/common.sh": LOAD}),
    ("source /lib/common.sh x", {"/lib/common.sh": LOAD}),
    ("[ -f /lib/common.sh ] && . /lib/common.sh", {"/lib/common.sh": GUARDED}),
    ('. "$(dirname "$0")/lib.sh"', {"/srv/lib.sh": LOAD}),
    (". ${0%/*}/lib.sh", {"/srv/lib.sh": LOAD}),
    ('D=$(cd "$(dirname "${BASH_SOURCE[0]}")" >/dev/null && pwd)\n. "$D/lib.sh"', {"/srv/lib.sh": LOAD}),
    ("D=`dirname $0`; . $D/lib.sh", {"/srv/lib.sh": LOAD}),
    ('D=$(readlink -f "$0"); . "$(dirname "$D")"/lib.sh', {"/srv/lib.sh": LOAD}),
    (". lib-on-path.sh", {"/usr/bin/lib-on-path.sh": LOAD}),
    ("cd /lib; . ./common.sh", {"/lib/common.sh": LOAD}),
    ('DIR=/lib; . "$DIR/common.sh"', {"/lib/common.sh": LOAD}),
    (". ${DIR:-/lib}/common.sh", {"/lib/common.sh": LOAD}),
    ("for f in common lib; do . /lib/$f.sh; done", {"/lib/common.sh": LOAD}),
    ('for f in /etc/profile.d/*.sh; do . "$f"; done', {"/etc/profile.d/a.sh": GUARDED, "/etc/profile.d/b.sh": GUARDED}),
    ("f() { . /lib/common.sh; }", {"/lib/common.sh": DEFERRED}),
    (". /no/such.sh; . $1", {}),
    (
        "f() { for x; do case $x in *.sh) . $x;; *.txt) cat $x;; esac; done; }\nf /etc/profile.d/*",
        {
            "/etc/profile.d/a.sh": GUARDED,
            "/etc/profile.d/b.sh": GUARDED,
        },
    ),
]


@pytest.mark.parametrize(("script", "files"), SOURCED, ids=[script for script, _ in SOURCED])
def test_what_is_sourced(script: str, files: dict[str, str]) -> None:
    items = _items(script)
    assert _seen(items, "sources") == {f"sources {when} {path}" for path, when in files.items()}
    assert all(edge.target.language == "shell" for edge in items if isinstance(edge, Edge) and edge.kind == "sources")


INLINE = [
    ("sh -c 'ls; id'", ("shell", "ls; id", LOAD)),
    ('bash -lc "ls $HOME" x', ("shell", "ls /root", LOAD)),
    ("bash -euo pipefail -c 'ls'", ("shell", "ls", LOAD)),
    ('sh -c "ls \\"\\$X\\" $Y"', ("shell", 'ls "$X" $Y', LOAD)),
    ('eval "ls -l"', ("shell", "ls -l", LOAD)),
    ("eval ls '\"$x\"'", ("shell", 'ls "$x"', LOAD)),
    ('X=/opt; eval "$X/bin"', ("shell", "/opt/bin", LOAD)),
    ("trap 'rm -f \"$x\"' EXIT INT", ("shell", 'rm -f "$x"', DEFERRED)),
    ("trap -- 'ls' EXIT", ("shell", "ls", DEFERRED)),
    ("su app -c 'ls x'", ("shell", "ls x", LOAD)),
    ("su -c 'ls x' - app", ("shell", "ls x", LOAD)),
    ("id && su - app --command='ls'", ("shell", "ls", GUARDED)),
    ("flock /run/lock/x -c 'ls'", ("shell", "ls", LOAD)),
    ("gosu app sh -c 'ls'", ("shell", "ls", LOAD)),
    ("find / -exec sh -c 'ls $1' x {} \\;", ("shell", "ls $1", GUARDED)),
    ("busybox sh -c 'ls'", ("shell", "ls", LOAD)),
    ("sh <<END\nls $HOME\nEND\n", ("shell", "ls /root\n", LOAD)),
    ("bash -s x <<'END'\nls $X\nEND\n", ("shell", "ls $X\n", LOAD)),
    ("su app <<'END'\nls\nEND\n", ("shell", "ls\n", LOAD)),
    ("cat <<'END' | sh\nls\nEND\n", ("shell", "ls\n", LOAD)),
    ("echo 'ls' | sh", ("shell", "ls", LOAD)),
    ("sh <<< 'ls'", ("shell", "ls", LOAD)),
    ("python3 -c 'import os'", ("python", "import os", LOAD)),
    ("python3 - x <<'END'\nimport os\nEND\n", ("python", "import os\n", LOAD)),
    ("perl -MJSON -lne 'print'", ("perl", "print", LOAD)),
    ("node -e 'x()'", ("node", "x()", LOAD)),
    ("ruby -e 'x'", ("ruby", "x", LOAD)),
]


@pytest.mark.parametrize(("script", "inline"), INLINE, ids=[script for script, _ in INLINE])
def test_inline_scripts(script: str, inline: tuple[str, str, str]) -> None:
    edges = [edge for edge in _items(script, env={"HOME": "/root"}) if isinstance(edge, Edge)]
    held = [edge for edge in edges if edge.target.kind is NodeKind.SCRIPT]
    assert [(edge.target.language, edge.target.text, edge.firing) for edge in held] == [inline]
    assert {(edge.kind, edge.target.path) for edge in held} == {("contains", "/srv/start.sh")}


NAMED = [
    ("cat /etc/app.conf", {"names /etc/app.conf"}),
    ("cat </etc/app.conf", {"names /etc/app.conf"}),
    ("[ -f /etc/app.conf ]", {"names /etc/app.conf"}),
    ("test -d /var/log -a -f /etc/app.conf", {"names /var/log", "names /etc/app.conf"}),
    ('[[ -f /etc/app.conf || -d "/var/log" ]]', {"names /etc/app.conf", "names /var/log"}),
    ("nginx -c/x --conf=/etc/app.conf", {"names /etc/app.conf"}),
    ("cp /etc/app.conf /var/log/", {"names /etc/app.conf", "names /var/log"}),
    ("echo x >/var/log/app/new.log", {"works in /var/log/app"}),
    ("ls >>/var/log/app/x.log 2>/dev/null", {"works in /var/log/app"}),
    ("touch /var/log/app/y", {"works in /var/log/app"}),
    ("D=/var/log; ls $D/app", {"names /var/log/app"}),
    ("mkdir -p /var/log; cat /no/such /dev/null /proc/1/x /", set()),
    ("cd /etc; cat app.conf default/app", {"names /etc", "names /etc/app.conf", "names /etc/default/app"}),
    ("cat /etc/profile.d/*.sh", {"names /etc/profile.d/a.sh", "names /etc/profile.d/b.sh"}),
    ("chown app:root /var/log", {"runs as /etc/passwd", "runs as /etc/group"}),
    ("chown 7:7 /var/log", set()),
    ("gosu app ls", {"runs as load /etc/passwd", "runs as /etc/group"}),
    ("setpriv --reuid=app ls", {"runs as load /etc/passwd", "runs as /etc/group"}),
    ("echo 'see /etc/app.conf for more'", set()),
]


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ('cat "/etc/profile.d/$1.sh"', {"/etc/profile.d"}),
        ("cat /var/log/app/$(date +%F)/x", {"/var/log/app"}),
        ('cat "/etc/$1"', set()),
        ('cat "/nowhere/at/$1"', set()),
        ('cat "$1/etc/profile.d"', set()),
        ('rm -f "/var/log/app/$1"', set()),
    ],
)
def test_a_path_of_which_a_part_is_a_variable_stands_for_its_directory(script: str, wanted: set[str]) -> None:
    found = {item.target.path for item in _items(script) if isinstance(item, Edge) and item.kind.value == "names"}
    assert found == wanted


@pytest.mark.parametrize(("script", "wanted"), NAMED, ids=[script for script, _ in NAMED])
def test_what_arguments_name(script: str, wanted: set[str]) -> None:
    seen = _seen(_items(script), "names", "works in", "runs as")
    named = {line if LOAD in line else f"{line.rpartition(' ')[0]} named {line.rpartition(' ')[2]}" for line in wanted}
    assert seen == named


@pytest.mark.parametrize(
    ("script", "gaps"),
    [
        ('"$cmd" x', {("computed-name", '"$cmd"')}),
        ("$(choose) x", {("computed-name", "$(choose)")}),
        ('. "$file"', {("computed-name", '"$file"')}),
        ('sh -c "$code"', {("computed-name", '"$code"')}),
        ('eval "$code"', {("computed-name", '"$code"')}),
        ('exec "$@"', set()),
        ('exec gosu app "$@"; exec "$0" "$@"', set()),
        ("no-such-command", set()),
        ("ls; if", {("not-loadable", "line 1")}),
        ("", set()),
        ("\0\1\2", {("not-text", "")}),
    ],
)
def test_gaps(script: str, gaps: set[tuple[str, str]]) -> None:
    assert _gaps(_items(script)) == gaps


def test_an_unset_prefix_leaves_the_command() -> None:
    items = _items("$SUDO ls")
    assert _seen(items, "executes") == {"executes guarded /bin/ls"}
    assert _gaps(items) == {("computed-name", "$SUDO")}


def test_the_environment_of_the_image_counts() -> None:
    assert _seen(_items("$TOOL", env={"TOOL": "/opt/app/bin/tool"}), "executes") == {"executes load /opt/app/bin/tool"}


def test_an_edge_says_where_and_how_it_is_written() -> None:
    (edge,) = _items("#!/bin/sh\n\nX=/bin\n$X/ls -l\n")
    assert isinstance(edge, Edge)
    assert (edge.line, edge.detail, edge.by) == (4, "/bin/ls", "shell")
    assert edge.source == Node(path="/srv/start.sh")


def test_relative_words_count_from_the_working_directory() -> None:
    assert _seen(_items("./run; python3 manage.py", cwd="/srv"), "executes") == {
        "executes load /srv/run",
        "executes load /usr/bin/python3",
        "executes load /srv/manage.py",
    }


def test_what_follows_an_error_is_read() -> None:
    items = _items("ls\n)\nid\nfor f do date; done\ncat\n")
    assert {"executes load /bin/ls", "executes load /bin/cat"} <= _seen(items, "executes")
    assert [reason for reason, _ in _gaps(items)] == ["not-loadable"]


def test_edges_come_once_and_in_the_order_of_the_file() -> None:
    edges = [edge for edge in _items("id\nls\nid\nls && id\n") if isinstance(edge, Edge)]
    assert [(edge.line, edge.target.path, edge.firing) for edge in edges] == [
        (1, "/usr/bin/id", "load"),
        (2, "/bin/ls", "load"),
        (4, "/usr/bin/id", "guarded"),
    ]


@pytest.mark.parametrize(
    ("path", "data", "language", "accepted"),
    [
        ("/x", b"#!/bin/sh\n", "", True),
        ("/x", b"#! /usr/bin/env bash\n", "", True),
        ("/x", b"#!/usr/bin/env -S bash -e\n", "", True),
        ("/x", b"#!/bin/busybox sh\n", "", True),
        ("/x", b"#!/usr/bin/dash -e", "", True),
        ("/x", b"#!/command/with-contenv bash\n", "", True),
        ("/x.sh", b"ls\n", "", True),
        ("/x", b"ls\n", "shell", True),
        ("/x.sh", b"#!/usr/bin/python3\n", "", False),
        ("/x", b"#!/usr/bin/env python3\n", "", False),
        ("/x.sh", b"\x7fELF", "", False),
        ("/x", b"ls\n", "", False),
        ("/x.sh", b"ls\n", "python", False),
        ("/x", b"#!/usr/bin/tclsh\n", "", False),
    ],
)
def test_what_is_a_shell_script(path: str, data: bytes, language: str, accepted: bool) -> None:
    file = TREE.files[image_path("/bin/sh")]
    assert file.type is FileType.FILE
    subject = Subject(node=Node(path=path, language=language), path=image_path(path), file=file, tree=TREE, data=data)
    assert ShellReader().accepts(subject) is accepted


def test_an_inline_script_is_read_from_its_node() -> None:
    node = Node(kind=NodeKind.SCRIPT, path="/srv/start.sh", language="shell", text="ls | id")
    subject = Subject(node=node, path=image_path("/srv/start.sh"), file=None, tree=TREE, data=b"ls | id")
    context = Context(original=TREE, config=ImageConfig(), env={}, path=(ImagePath("/bin"),), cwd=ImagePath("/"))
    reader = ShellReader()
    assert reader.accepts(subject)
    edges: list[Edge | Gap] = [item for item in reader.read(subject, context) if isinstance(item, Edge)]
    assert _seen(edges) == {"executes load /bin/ls"}


def test_bounds_give_gaps() -> None:
    assert _gaps(_items("ls " * 100, limits=Limits(script_scan=100))) == {("too-large", "300 bytes")}
    deep = _items("id\n" + "( " * 60 + "ls" + " )" * 60, limits=Limits(script_depth=50))
    assert ("too-deep", "nesting") in _gaps(deep)
    assert _seen(deep, "executes") == {"executes load /usr/bin/id"}
    text = "ls\n" + "{ id; date; }\n" * 100
    steps = _items(text, limits=Limits(script_steps=500, script_constructs=700))
    assert {reason for reason, _ in _gaps(steps)} == {"too-large"}
    assert "executes load /bin/ls" in _seen(steps, "executes")
    assert _gaps(_items(text, limits=Limits(script_steps=500))) == set()
    many = _items("cat /etc/profile.d/*", limits=Limits(directory_targets=2))
    assert ("too-large", "/etc/profile.d/*") in _gaps(many)


def _commands(script: str, *, cwd: str = "/") -> list[tuple[str, tuple[str, ...], str, str]]:
    subject = Subject(node=Node(path="/x"), path=image_path("/x"), file=None, tree=TREE, data=script.encode())
    context = Context(
        original=TREE, config=ImageConfig(), env={}, path=tuple(map(ImagePath, SEARCH)), cwd=image_path(cwd)
    )
    found = [item for item in ShellReader().read(subject, context) if isinstance(item, Command)]
    return [(one.program, one.words, one.cwd, one.firing) for one in found]


@pytest.mark.parametrize(
    ("script", "program", "words", "cwd", "firing"),
    [
        ("python3 -m shop", "python", ("python3", "-m", "shop"), "/", LOAD),
        ("M=shop; exec python3 -m $M", "python", ("python3", "-m", "shop"), "/", LOAD),
        ("exec nginx -c $1", "nginx", ("nginx", "-c", UNKNOWN_PART), "/", LOAD),
        ('exec nginx "$@"', "nginx", ("nginx", UNKNOWN_PART), "/", LOAD),
        ("cd /srv; env -C log nginx x", "nginx", ("nginx", "x"), "/srv/log", LOAD),
        ("if id -u; then absent x; fi", "absent", ("absent", "x"), "/", GUARDED),
        ("absent x", "absent", ("absent", "x"), "/", GUARDED),
        ("f() { nginx; }", "nginx", ("nginx",), "/", DEFERRED),
        ("/usr/lib/db/$V/bin/server x", "server", (f"/usr/lib/db/{UNKNOWN_PART}/bin/server", "x"), "/", GUARDED),
    ],
)
def test_programs_are_handed_on_with_their_arguments(
    script: str, program: str, words: tuple[str, ...], cwd: str, firing: str
) -> None:
    assert (program, words, cwd, firing) in _commands(script)


def test_a_wrapper_s_command_is_handed_on_and_a_sourced_file_s_is_not() -> None:
    assert [words for _, words, _, _ in _commands("exec gosu app nginx")] == [("nginx",)]
    assert _commands(". /lib/common.sh") == []
