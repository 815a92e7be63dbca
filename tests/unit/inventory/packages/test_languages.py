"""Node, Ruby, Java and PHP packages, and databases that are only known to be there."""

from __future__ import annotations

from collections.abc import Callable

from xraydiff.facts import Package
from xraydiff.inventory.packages import read_packages
from xraydiff.inventory.packages.records import node_package_of
from xraydiff.paths import ImagePath
from xraydiff.tree import Tree

Make = Callable[..., Tree]


def read(tree: Tree) -> dict[str, Package]:
    return {f"{package.name} {package.version}".strip(): package for package in read_packages(tree)[0]}


def test_a_node_package_owns_its_tree_but_no_nested_one(make_tree: Make) -> None:
    tree = make_tree(
        {
            "app/package.json": '{"name": "app"}',
            "app/node_modules/a/package.json": '{"name": "a", "version": "1.0", "dependencies": {"z": "1", "b": "*"}}',
            "app/node_modules/a/lib/x.js": "",
            "app/node_modules/a/test/package.json": '{"name": "not-one"}',
            "app/node_modules/a/node_modules/b/package.json": '{"name": "b", "version": "2.0"}',
            "app/node_modules/a/node_modules/b/b.js": "",
            "app/node_modules/@scope/c/package.json": '{"version": "3.0"}',
            "app/node_modules/.bin/a": "-> ../a/lib/x.js",
            "app/node_modules/.pnpm/d@4/node_modules/d/package.json": '{"name": "d", "version": "4.0"}',
        }
    )
    packages = read(tree)
    assert set(packages) == {"a 1.0", "b 2.0", "@scope/c 3.0", "d 4.0"}
    base = "/app/node_modules/a"
    assert packages["a 1.0"].files == {f"{base}/package.json", f"{base}/lib/x.js", f"{base}/test/package.json"}
    assert packages["a 1.0"].depends == ("b", "z")
    assert packages["b 2.0"].files == {f"{base}/node_modules/b/package.json", f"{base}/node_modules/b/b.js"}


def test_debian_s_node_modules_are_packages_too(make_tree: Make) -> None:
    tree = make_tree(
        {
            "usr/share/nodejs/debug/package.json": '{"name": "debug", "version": "4.3.4"}',
            "usr/share/nodejs/debug/src/index.js": "",
            "usr/share/nodejs/@s/x/package.json": '{"version": "1"}',
        }
    )
    found = {name: len(package.files) for name, package in read(tree).items()}
    assert found == {"debug 4.3.4": 2, "@s/x 1": 1}


def test_the_innermost_node_package_of_a_path() -> None:
    inside = {
        "/a/node_modules/b/c.js": "/a/node_modules/b",
        "/a/node_modules/@s/b": "/a/node_modules/@s/b",
        "/a/node_modules/@s": None,
        "/a/node_modules/.bin/x": None,
        "/a/b.js": None,
        "/usr/share/nodejs/debug/src/node.js": "/usr/share/nodejs/debug",
        "/usr/share/nodejs/@types/node/index.d.ts": "/usr/share/nodejs/@types/node",
        "/usr/lib/x86_64-linux-gnu/nodejs/bcrypt/x.node": "/usr/lib/x86_64-linux-gnu/nodejs/bcrypt",
        "/usr/share/nodejs/npm/node_modules/c/c.js": "/usr/share/nodejs/npm/node_modules/c",
        "/usr/share/nodejs": None,
        "/opt/usr/share/nodejs/debug": None,
    }
    assert {path: node_package_of(ImagePath(path)) for path in inside} == inside


def test_a_package_json_that_is_no_object_is_a_problem(make_tree: Make) -> None:
    deep = "[" * 100_000
    packages, _, problems = read_packages(
        make_tree({"node_modules/a/package.json": deep, "node_modules/b/package.json": '\ufeff{"version": "1"}'})
    )
    assert [(package.name, package.version) for package in packages] == [("a", ""), ("b", "1")]
    assert [(problem.code, problem.path) for problem in problems] == [
        ("bad-node-record", "/node_modules/a/package.json")
    ]


def test_gems_own_their_folder_and_their_extensions(make_tree: Make) -> None:
    home = "usr/local/bundle"
    tree = make_tree(
        {
            f"{home}/specifications/nokogiri-1.15.0-x86_64-linux.gemspec": "",
            f"{home}/specifications/pg-1.5.4.gemspec": "",
            f"{home}/specifications/default/json-2.6.gemspec": "",
            f"{home}/gems/pg-1.5.4/lib/pg.rb": "",
            f"{home}/extensions/x86_64-linux/3.2.0/pg-1.5.4/pg_ext.so": "",
            f"{home}/cache/pg-1.5.4.gem": "",
            "app/shop.gemspec": "",
        }
    )
    packages = read(tree)
    assert set(packages) == {"nokogiri 1.15.0", "pg 1.5.4", "json 2.6"}
    assert packages["nokogiri 1.15.0"].architecture == "x86_64-linux"
    assert packages["pg 1.5.4"].files == {
        f"/{home}/specifications/pg-1.5.4.gemspec",
        f"/{home}/gems/pg-1.5.4/lib/pg.rb",
        f"/{home}/extensions/x86_64-linux/3.2.0/pg-1.5.4/pg_ext.so",
        f"/{home}/cache/pg-1.5.4.gem",
    }


def test_jars_of_library_folders_are_packages_and_those_that_people_named_are_not(make_tree: Make) -> None:
    names = ("app/lib/quote.jar", "app/shop-1.0.jar", "app/lib/guava-32.1-jre.jar", "usr/share/java/ant.jar")
    assert set(read(make_tree(dict.fromkeys(names, "PK")))) == {"guava 32.1-jre", "ant"}


def test_composer_lists_its_packages_in_two_forms(make_tree: Make) -> None:
    package = '{"name": "a/b", "version": "1.0", "install-path": "../a/b"}'
    outside = '{"name": "p/local", "install-path": "../../packages/p"}'
    tree = make_tree(
        {
            "app/vendor/composer/installed.json": f'{{"packages": [{package}, {outside}]}}',
            "app/vendor/a/b/x.php": "",
            "app/vendor/autoload.php": "",
            "app/packages/p/y.php": "",
            "old/vendor/composer/installed.json": '[{"name": "c/d", "version": "2.0"}]',
            "old/vendor/c/d/z.php": "",
        }
    )
    packages = read(tree)
    assert packages["a/b 1.0"].files == {"/app/vendor/a/b/x.php"}
    assert packages["c/d 2.0"].files == {"/old/vendor/c/d/z.php"}
    assert packages["p/local"].files == set()
    assert "/app/vendor/autoload.php" in {path for package in read_packages(tree)[0] for path in package.files}


def test_a_database_that_nobody_reads_is_a_problem(make_tree: Make) -> None:
    tree = make_tree({"var/lib/pacman/local/x-1/desc": "x"})
    packages, databases, problems = read_packages(tree)
    assert packages == ()
    assert databases == ("/var/lib/pacman/local",)
    assert [(problem.code, problem.scope.value, problem.fatal) for problem in problems] == [
        ("package-database-unreadable", "analysis", False)
    ]
