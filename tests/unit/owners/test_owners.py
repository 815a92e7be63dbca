"""Whose file it is: file lists, the system's own files, runtimes, the start command, images without lists."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import pytest

from xraydiff.facts import ImageConfig, Owner, OwnerKind, Runtime
from xraydiff.inventory.packages import read_packages
from xraydiff.owners import ImageOwners, find_owners
from xraydiff.paths import ImagePath
from xraydiff.tree import Tree

Make = Callable[..., Tree]
Entries = Mapping[str, bytes | str | None]

OS = OwnerKind.OS_PACKAGE
LANGUAGE = OwnerKind.LANGUAGE_PACKAGE
APPLICATION = OwnerKind.APPLICATION


def owners_of(tree: Tree, config: ImageConfig | None = None, *, runtimes: tuple[Runtime, ...] = ()) -> ImageOwners:
    packages, _, _ = read_packages(tree)
    return find_owners(tree, packages, config or ImageConfig(), runtimes=runtimes)


def kinds(owners: ImageOwners, *paths: str) -> list[OwnerKind]:
    return [owners.owner(ImagePath(path)).kind for path in paths]


def owner(owners: ImageOwners, path: str) -> Owner:
    return owners.owner(ImagePath(path))


def dpkg(**lists: str) -> dict[str, bytes | str | None]:
    """A dpkg database: each package with the text of its file list."""
    entries: dict[str, bytes | str | None] = {}
    status = ""
    for name, text in lists.items():
        status += f"Package: {name}\nStatus: install ok installed\nMaintainer: m\nArchitecture: all\nVersion: 1\n\n"
        entries[f"var/lib/dpkg/info/{name}.list"] = text
    return {"var/lib/dpkg/status": status, **entries}


BASE = "/.\n/usr\n/usr/bin\n/usr/lib\n/etc\n/var\n/var/lib\n"


def test_file_lists_decide_first(make_tree: Make) -> None:
    tree = make_tree({"usr/bin/ls": "", "usr/bin/mine": "", **dpkg(coreutils=BASE + "/usr/bin/ls\n")})
    owners = owners_of(tree)
    assert owner(owners, "/usr/bin/ls") == Owner(kind=OS, package="coreutils", ecosystem="dpkg")
    assert owner(owners, "/usr/bin/mine") == Owner(kind=APPLICATION)
    package = owners.package(ImagePath("/usr/bin/ls"))
    assert package is not None
    assert package.name == "coreutils"
    assert owners.package(ImagePath("/usr/bin/mine")) is None


def test_what_the_systems_tools_write_is_the_systems(make_tree: Make) -> None:
    names = [
        "/etc/passwd",
        "/etc/group-",
        "/etc/ld.so.cache",
        "/etc/timezone",
        "/etc/resolv.conf",
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/ssl/certs/java/cacerts",
        "/etc/pam.d/common-auth",
        "/var/cache/apt/pkgcache.bin",
        "/var/lib/dpkg/status",
        "/var/log/dpkg.log",
        "/tmp/wheels/x.whl",
    ]
    tree = make_tree({**{name[1:]: "x" for name in names}, "etc/ssl/certs/mine.pem": "", **dpkg(base=BASE)})
    assert set(kinds(owners_of(tree), *names)) == {OS}
    assert kinds(owners_of(tree), "/etc/ssl/certs/mine.pem") == [APPLICATION]


def test_links_in_system_places_follow_their_targets(make_tree: Make) -> None:
    tree = make_tree(
        {
            "usr/bin/mawk": "",
            "usr/bin/awk": "-> /etc/alternatives/awk",
            "etc/alternatives/awk": "-> /usr/bin/mawk",
            "usr/lib/libz.so.1": "-> libz.so.1.3",
            "usr/lib/libz.so.1.3": "",
            "usr/share/man/man1/awk.1.gz": "-> /etc/alternatives/awk.1.gz",
            "etc/alternatives/awk.1.gz": "-> /usr/share/man/man1/mawk.1.gz",
            "etc/nginx/sites-enabled/shop": "-> ../sites-available/shop",
            "etc/nginx/sites-available/shop": "mine",
            "usr/lib/loop": "-> loop",
            **dpkg(mawk=BASE + "/usr/bin/mawk\n", zlib1g="/usr/lib/libz.so.1.3\n"),
        }
    )
    owners = owners_of(tree)
    assert owner(owners, "/usr/bin/awk").package == "mawk"
    assert owner(owners, "/etc/alternatives/awk").package == "mawk"
    assert owner(owners, "/usr/lib/libz.so.1").package == "zlib1g"
    assert kinds(owners, "/usr/share/man/man1/awk.1.gz", "/etc/nginx/sites-enabled/shop") == [OS, APPLICATION]
    assert kinds(owners, "/usr/lib/loop") == [APPLICATION]


def test_byte_code_is_whose_its_source_is(make_tree: Make) -> None:
    tree = make_tree(
        {
            "usr/lib/python3/m.py": "",
            "usr/lib/python3/__pycache__/m.cpython-311.pyc": "",
            "usr/lib/python3/m.pyc": "",
            "app/a.py": "",
            "app/__pycache__/a.cpython-311.opt-1.pyc": "",
            **dpkg(python=BASE + "/usr/lib/python3/m.py\n"),
        }
    )
    assert kinds(
        owners_of(tree),
        "/usr/lib/python3/__pycache__/m.cpython-311.pyc",
        "/usr/lib/python3/m.pyc",
        "/app/__pycache__/a.cpython-311.opt-1.pyc",
    ) == [OS, OS, APPLICATION]


def test_maintainer_scripts_name_what_they_make_unless_a_later_layer_wrote_it(make_tree: Make) -> None:
    first = {
        "etc/x/made.conf": "",
        "etc/x/replaced.conf": "",
        "etc/x/made.conf.d": "",
        "var/www/html/page.html": "",
        **dpkg(x=BASE + "/etc/x\n", y=BASE + "/etc/x\n"),
        "var/lib/dpkg/info/x.postinst": "cp a /etc/x/made.conf\ncp b /etc/x/replaced.conf.\n/var/www/html/page.html\n",
    }
    owners = owners_of(make_tree(first, {"etc/x/replaced.conf": "mine", "etc/x/other.conf": "mine"}))
    assert owner(owners, "/etc/x/made.conf") == Owner(kind=OS, package="x", ecosystem="dpkg")
    assert kinds(owners, "/etc/x/replaced.conf", "/etc/x/other.conf", "/etc/x/made.conf.d") == [APPLICATION] * 3
    assert owner(owners, "/var/www/html/page.html").package == "x"
    flat = owners_of(make_tree(first))
    assert kinds(flat, "/etc/x/replaced.conf", "/var/www/html/page.html") == [OS, APPLICATION]


MADE = "/etc/x/enabled"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f"if [ -f {MADE} ] ; then", APPLICATION),
        (f"\t\tchown x:x {MADE}", APPLICATION),
        (f"if ! test -e {MADE}; then", APPLICATION),
        (f"rm -f {MADE}", APPLICATION),
        (f"[ -f {MADE} ] || cp /usr/share/x {MADE}", OS),
        (f"echo a > {MADE}", OS),
        (f"chmod 600 a; install b {MADE}", OS),
        (f"FILE={MADE}", OS),
    ],
)
def test_what_a_script_only_tests_or_hands_over_it_has_not_made(make_tree: Make, line: str, kind: OwnerKind) -> None:
    files = {MADE[1:]: "", **dpkg(x=BASE + "/etc/x\n"), "var/lib/dpkg/info/x.postinst": f"set -e\n{line}\nexit 0\n"}
    assert kinds(owners_of(make_tree(files)), MADE) == [kind]


def test_ucf_registers_what_it_makes(make_tree: Make) -> None:
    tree = make_tree(
        {"etc/php/a.ini": "", "etc/php/b.ini": "", "var/lib/ucf/registry": "php \t /etc/php/a.ini\n", **dpkg(php=BASE)}
    )
    assert kinds(owners_of(tree), "/etc/php/a.ini", "/etc/php/b.ini") == [OS, APPLICATION]


def test_state_below_a_package_directory_is_the_packages_but_not_in_workdir_or_a_volume(make_tree: Make) -> None:
    tree = make_tree({"var/lib/redis/dump.rdb": "x", "var/lib/mine/x.db": "x", **dpkg(redis=BASE + "/var/lib/redis\n")})
    path = "/var/lib/redis/dump.rdb"
    assert owner(owners_of(tree), path).package == "redis"
    assert kinds(owners_of(tree), "/var/lib/mine/x.db") == [APPLICATION]
    assert kinds(owners_of(tree, ImageConfig(workdir="/var/lib/redis")), path) == [APPLICATION]
    assert kinds(owners_of(tree, ImageConfig(volumes=("/var/lib/redis",))), path) == [APPLICATION]
    assert kinds(owners_of(tree, ImageConfig(cmd=("redis", "--dir", "/var/lib/redis"))), path) == [APPLICATION]
    assert kinds(owners_of(tree, ImageConfig(workdir="/var/lib")), path) == [OS]


def test_a_conffile_that_somebody_changed_is_the_applications(make_tree: Make) -> None:
    digest = hashlib.md5(b"shipped", usedforsecurity=False).hexdigest()
    entries = dpkg(nginx=BASE + "/etc/nginx/nginx.conf\n/etc/nginx/mime.types\n")
    status = f"{str(entries['var/lib/dpkg/status']).strip()}\nConffiles:\n"
    entries["var/lib/dpkg/status"] = f"{status} /etc/nginx/nginx.conf {digest}\n /etc/nginx/mime.types {digest}\n"
    tree = make_tree({**entries, "etc/nginx/nginx.conf": "mine", "etc/nginx/mime.types": "shipped"})
    assert kinds(owners_of(tree), "/etc/nginx/nginx.conf", "/etc/nginx/mime.types") == [APPLICATION, OS]


def test_accounts_stay_the_systems_though_they_changed(make_tree: Make) -> None:
    checksum = "Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA="
    entry = f"P:baselayout\nV:1\nF:etc\nR:passwd\nZ:{checksum}\nR:profile.local\nZ:{checksum}\n"
    tree = make_tree({"lib/apk/db/installed": entry, "etc/passwd": "edge:x:1:1::/:\n", "etc/profile.local": "x"})
    assert kinds(owners_of(tree), "/etc/passwd", "/etc/profile.local") == [OS, APPLICATION]


SITE = "opt/venv/lib/python3.11/site-packages"


def distribution(name: str, *files: str, local: bool = False) -> dict[str, bytes | str | None]:
    record = "".join(f"{file},,\n" for file in files)
    entries: dict[str, bytes | str | None] = {
        f"{SITE}/{name}-1.dist-info/METADATA": f"Name: {name}\nVersion: 1\n",
        f"{SITE}/{name}-1.dist-info/RECORD": record,
    }
    for file in files:
        entries[f"opt/venv/bin/{file.rpartition('/')[2]}" if file.startswith("..") else f"{SITE}/{file}"] = "#!x"
    if local:
        entries[f"{SITE}/{name}-1.dist-info/direct_url.json"] = '{"url": "file:///src", "dir_info": {}}'
    return entries


VENV = {
    "opt/venv/pyvenv.cfg": "home = /usr/bin\n",
    "opt/venv/bin/activate": "",
    "opt/venv/bin/python": "-> /usr/bin/python3",
    "usr/bin/python3": "",
    **distribution("gunicorn", "gunicorn/__init__.py", "../../../bin/gunicorn"),
    **distribution("shop", "shop/__init__.py", "../../../bin/shop-server"),
    **distribution("flask", "flask/__init__.py"),
}
PATH = ("PATH=/opt/venv/bin:/usr/bin",)
SHOP, FLASK, GUNICORN = (f"/{SITE}/{name}/__init__.py" for name in ("shop", "flask", "gunicorn"))


@pytest.mark.parametrize(
    "config",
    [
        ImageConfig(env=PATH, cmd=("gunicorn", "-c", "x.py", "shop.wsgi:app")),
        ImageConfig(env=PATH, cmd=("sh", "-c", "exec gunicorn shop:app --bind 0.0.0.0:80")),
        ImageConfig(env=PATH, cmd=("shop-server",)),
        ImageConfig(env=PATH, cmd=("python", "-m", "shop")),
        ImageConfig(env=(*PATH, "DJANGO_SETTINGS_MODULE=shop.settings"), cmd=("gunicorn", "x")),
        ImageConfig(env=PATH, entrypoint=("doas", "-u", "app", "gunicorn", "shop.wsgi:app")),
        ImageConfig(env=PATH, entrypoint=("env", "-S", "A=b gunicorn shop.wsgi:app")),
        ImageConfig(env=PATH, entrypoint=("bash", "-euo", "pipefail", "-c", "exec gosu app gunicorn shop.wsgi:app")),
        ImageConfig(env=PATH, entrypoint=("tini", "--", "python3", "-u", "-m", "gunicorn", "shop.wsgi:app")),
        ImageConfig(env=PATH, entrypoint=("/start.sh",)),
        ImageConfig(env=PATH, cmd=("celery", "-A", "shop", "worker")),
    ],
    ids=[
        "object",
        "shell",
        "console_script",
        "module",
        "environment",
        "doas",
        "split",
        "line",
        "module of a wrapper",
        "script",
        "option",
    ],
)
def test_what_the_start_command_names_is_the_application(make_tree: Make, config: ImageConfig) -> None:
    tree = make_tree({**VENV, "start.sh": "#!/bin/sh\n# gunicorn flask:app\nexec gunicorn shop.wsgi:app\n"})
    assert kinds(owners_of(tree, config), SHOP, FLASK, GUNICORN) == [APPLICATION, LANGUAGE, LANGUAGE]


def test_a_server_that_runs_code_of_workdir_is_not_the_application(make_tree: Make) -> None:
    tree = make_tree({**VENV, "srv/shop.py": "", "srv/x/y": ""})
    for cmd in (("gunicorn", "shop:app"), ("shop-server",), ("python", "-m", "shop")):
        owners = owners_of(tree, ImageConfig(env=PATH, cmd=cmd, workdir="/srv"))
        assert kinds(owners, SHOP, GUNICORN, "/srv/shop.py") == [LANGUAGE, LANGUAGE, APPLICATION]


def test_a_local_distribution_is_the_application(make_tree: Make) -> None:
    tree = make_tree({**VENV, **distribution("shop", "shop/__init__.py", local=True)})
    assert kinds(owners_of(tree), SHOP, FLASK) == [APPLICATION, LANGUAGE]


def test_a_venv_has_files_of_its_own(make_tree: Make) -> None:
    owners = owners_of(make_tree({**VENV, f"{SITE}/copied.py": ""}))
    for name in ("pyvenv.cfg", "bin/activate", "bin/python"):
        assert owner(owners, f"/opt/venv/{name}") == Owner(kind=LANGUAGE, package="venv", ecosystem="python")
    assert kinds(owners, f"/{SITE}/copied.py") == [APPLICATION]


RUNTIMES: dict[str, tuple[Entries, list[str], list[str]]] = {
    "python": (
        dict.fromkeys(
            (
                "usr/local/lib/python3.12/os.py",
                "usr/local/lib/python3.12/encodings/punycode.py",
                "usr/local/lib/python3.12/site-packages/mine.py",
                "usr/local/bin/python3.12",
                "usr/local/bin/serve",
                "usr/local/lib/libpython3.12.so.1.0",
            ),
            "",
        ),
        ["lib/python3.12/encodings/punycode.py", "bin/python3.12", "lib/libpython3.12.so.1.0"],
        ["lib/python3.12/site-packages/mine.py", "bin/serve"],
    ),
    "node": (
        {
            "usr/local/bin/node": "",
            "usr/local/include/node/node.h": "",
            "usr/local/lib/node_modules/npm/package.json": '{"name": "npm"}',
            "usr/local/lib/node_modules/npm/bin/npm.js": "",
            "usr/local/bin/npm": "-> ../lib/node_modules/npm/bin/npm.js",
            "usr/local/bin/docker-entrypoint.sh": "",
        },
        ["bin/node", "include/node/node.h", "bin/npm", "lib/node_modules/npm/bin/npm.js"],
        ["bin/docker-entrypoint.sh"],
    ),
    "ruby": (
        dict.fromkeys(
            ("usr/local/lib/ruby/3.2.0/English.rb", "usr/local/lib/ruby/3.2.0/set.rb", "usr/local/bin/ruby"), ""
        ),
        ["lib/ruby/3.2.0/set.rb", "bin/ruby"],
        [],
    ),
    "gems": (
        dict.fromkeys(("usr/local/bundle/specifications/a-1.gemspec", "usr/local/bundle/gems/a-1/a.rb"), "")
        | {"usr/local/bundle/bin/a": "", "usr/local/bundle/bundler/gems/b-1234/b.rb": "", "usr/local/shop/bin/a": ""},
        ["bundle/bin/a", "bundle/bundler/gems/b-1234/b.rb", "bundle/gems/a-1/a.rb"],
        ["shop/bin/a"],
    ),
    "php": (
        dict.fromkeys(
            (
                "usr/local/bin/php-config",
                "usr/local/bin/php",
                "usr/local/lib/php/extensions/x/opcache.so",
                "usr/local/etc/php/conf.d/docker-php-ext-x.ini",
                "usr/local/etc/php/conf.d/mine.ini",
            ),
            "",
        ),
        ["bin/php", "lib/php/extensions/x/opcache.so", "etc/php/conf.d/docker-php-ext-x.ini"],
        ["etc/php/conf.d/mine.ini"],
    ),
    "tomcat": (
        dict.fromkeys(("usr/local/tomcat/lib/catalina.jar", "usr/local/tomcat/webapps/a.war"), ""),
        ["tomcat/lib/catalina.jar"],
        ["tomcat/webapps/a.war"],
    ),
}


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_runtime_outside_of_packages_is_not_the_application(make_tree: Make, name: str) -> None:
    entries, runtime, mine = RUNTIMES[name]
    owners = owners_of(make_tree({**entries, **dpkg(base=BASE)}))
    assert set(kinds(owners, *(f"/usr/local/{path}" for path in runtime))) == {LANGUAGE}
    assert set(kinds(owners, *(f"/usr/local/{path}" for path in mine))) <= {APPLICATION}


def test_a_jre_below_opt_is_found_by_its_release_file(make_tree: Make) -> None:
    names = ("opt/java/openjdk/release", "opt/java/openjdk/lib/modules", "opt/java/openjdk/conf/security/java.security")
    owners = owners_of(make_tree({**dict.fromkeys(names, ""), "opt/app/release": ""}))
    assert owner(owners, "/opt/java/openjdk/conf/security/java.security").package == "openjdk"
    assert kinds(owners, "/opt/app/release") == [APPLICATION]


def test_a_runtime_of_an_os_package_has_no_region(make_tree: Make) -> None:
    lists = BASE + "/usr/lib/python3.11/os.py\n"
    owners = owners_of(make_tree({"usr/lib/python3.11/os.py": "", "usr/lib/python3.11/x.py": "", **dpkg(python=lists)}))
    assert kinds(owners, "/usr/lib/python3.11/os.py", "/usr/lib/python3.11/x.py") == [OS, APPLICATION]


def test_an_interpreter_that_was_found_is_not_the_application(make_tree: Make) -> None:
    tree = make_tree({"opt/ruby/ruby-bin": "", "app/server": ""})
    runtimes = (Runtime(language="ruby", path="/opt/ruby/ruby-bin"), Runtime(language="go", path="/app/server"))
    assert kinds(owners_of(tree, runtimes=runtimes), "/opt/ruby/ruby-bin", "/app/server") == [LANGUAGE, APPLICATION]


def test_node_modules_and_workspaces(make_tree: Make) -> None:
    tree = make_tree(
        {
            "app/package.json": "{}",
            "app/server.js": "",
            "app/node_modules/express/package.json": '{"name": "express"}',
            "app/node_modules/express/index.js": "",
            "app/node_modules/.bin/x": "",
            "app/node_modules/shop": "-> ../packages/shop",
            "app/packages/shop/index.js": "",
        }
    )
    owners = owners_of(tree, ImageConfig(cmd=("node", "server.js"), workdir="/app"))
    assert kinds(owners, "/app/node_modules/express/index.js", "/app/node_modules/.bin/x") == [LANGUAGE] * 2
    mine = ("/app/package.json", "/app/server.js", "/app/packages/shop/index.js", "/app/node_modules/shop")
    assert kinds(owners, *mine) == [APPLICATION] * 4


def test_the_package_that_is_workdir_or_is_started_is_the_application(make_tree: Make) -> None:
    home = "usr/local/lib/node_modules/shop"
    tree = make_tree(
        {
            f"{home}/package.json": '{"name": "shop"}',
            f"{home}/cli.js": "#!/usr/bin/env node\n",
            f"{home}/node_modules/a/package.json": '{"name": "a"}',
            "usr/local/bin/shop": "-> ../lib/node_modules/shop/cli.js",
            "usr/local/bin/node": "",
        }
    )
    for config in (
        ImageConfig(workdir=f"/{home}"),
        ImageConfig(cmd=("shop",)),
        ImageConfig(cmd=("node", f"/{home}/cli.js")),
    ):
        owners = owners_of(tree, config)
        assert kinds(owners, f"/{home}/cli.js", f"/{home}/node_modules/a/package.json") == [APPLICATION, LANGUAGE]
    assert kinds(owners_of(tree), f"/{home}/cli.js") == [LANGUAGE]


def test_jars_that_the_start_command_names(make_tree: Make) -> None:
    tree = make_tree(dict.fromkeys(("app/lib/guava-32.1.jar", "app/lib/shop-1.0.jar", "app/classes/A.class"), "PK"))
    class_path = "/app/classes:/app/lib/shop-1.0.jar:/app/lib/*"
    owners = owners_of(tree, ImageConfig(cmd=("java", "-cp", class_path, "Main")))
    names = ("/app/lib/guava-32.1.jar", "/app/lib/shop-1.0.jar", "/app/classes/A.class")
    assert kinds(owners, *names) == [LANGUAGE, APPLICATION, APPLICATION]
    owners = owners_of(tree, ImageConfig(entrypoint=("java", "-jar", "lib/shop-1.0.jar"), workdir="/app"))
    assert kinds(owners, *names) == [LANGUAGE, APPLICATION, APPLICATION]


def test_images_without_packages(make_tree: Make) -> None:
    tree = make_tree(
        {
            "lib/x86_64-linux-gnu/libc.so.6": "",
            "lib64/ld-linux-x86-64.so.2": "",
            "etc/ssl/certs/ca-certificates.crt": "",
            "etc/passwd": "",
            "server": "",
            "usr/lib/shop/plugins/libvisa.so": "",
            "etc/shop.conf": "",
        }
    )
    owners = owners_of(tree, ImageConfig(cmd=("/server",)))
    system = ("/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2", "/etc/passwd")
    assert {owner(owners, path) for path in system} == {Owner(kind=OS, package="?")}
    assert kinds(owners, "/server", "/usr/lib/shop/plugins/libvisa.so", "/etc/shop.conf") == [APPLICATION] * 3


def test_a_database_that_nobody_reads_makes_system_places_the_systems(make_tree: Make) -> None:
    tree = make_tree(
        {
            "var/lib/rpm/rpmdb.sqlite": "x",
            "usr/sbin/httpd": "",
            "etc/httpd/conf/httpd.conf": "",
            "usr/share/shop.jar": "",
            "usr/local/bin/x": "",
            "app/x": "",
        }
    )
    owners = owners_of(tree, ImageConfig(cmd=("java", "-jar", "/usr/share/shop.jar")))
    assert kinds(owners, "/usr/sbin/httpd", "/etc/httpd/conf/httpd.conf", "/var/lib/rpm/rpmdb.sqlite") == [OS] * 3
    assert kinds(owners, "/usr/share/shop.jar", "/usr/local/bin/x", "/app/x") == [APPLICATION] * 3


def test_a_package_without_its_file_list_lets_libraries_be_the_systems(make_tree: Make) -> None:
    tree = make_tree({"usr/lib/libz.so.1": "", "usr/bin/x": "", **dpkg(base=BASE, zlib="")})
    assert kinds(owners_of(tree), "/usr/lib/libz.so.1", "/usr/bin/x") == [OS, APPLICATION]
    whole = make_tree({"usr/lib/libz.so.1": "", **dpkg(base=BASE)})
    assert kinds(owners_of(whole), "/usr/lib/libz.so.1") == [APPLICATION]


def test_directories(make_tree: Make) -> None:
    tree = make_tree(
        {
            "usr/share/nginx/x": "",
            "usr/share/shop/www/index.html": "",
            "opt/empty": None,
            "app/node_modules/a/package.json": "{}",
            "app/z/main.js": "",
            **dpkg(nginx=BASE + "/usr/share\n/usr/share/nginx\n/usr/share/nginx/x\n", other="/usr/share\n"),
        }
    )
    owners = owners_of(tree)
    assert owner(owners, "/usr/share/nginx").package == "nginx"
    assert owner(owners, "/usr/share") == Owner(kind=OS, package="?")
    assert kinds(owners, "/", "/opt", "/home") == [OS] * 2 + [APPLICATION]
    assert kinds(owners, "/usr/share/shop", "/opt/empty", "/app") == [APPLICATION] * 3
    assert kinds(owners, "/app/node_modules/a") == [LANGUAGE]


def test_a_path_that_the_image_has_not(make_tree: Make) -> None:
    assert kinds(owners_of(make_tree({"x": ""})), "/no/such/path") == [APPLICATION]
