"""Python: RECORD with `..` and quotes, egg-info in its forms, PEP 610."""

from __future__ import annotations

from collections.abc import Callable

from xraydiff.facts import Package
from xraydiff.inventory.packages import read_packages
from xraydiff.tree import Tree

Make = Callable[..., Tree]
SITE = "opt/venv/lib/python3.11/site-packages"
METADATA = "Metadata-Version: 2.1\nName: Flask\nVersion: 3.0\n\nName: body\n"


def read(tree: Tree) -> dict[str, Package]:
    return {package.name: package for package in read_packages(tree)[0]}


def test_record_names_files_from_site_packages(make_tree: Make) -> None:
    names = ("flask/__init__.py,sha256=x,1", '"flask/a,b.txt",,', "../../../bin/flask,,\r")
    record = "\n".join((*names, "flask-3.0.dist-info/RECORD,,", "/abs,,", ""))
    tree = make_tree(
        {
            f"{SITE}/flask/__init__.py": "",
            f"{SITE}/flask/a,b.txt": "",
            f"{SITE}/flask/other.py": "",
            "opt/venv/bin/flask": "",
            "abs": "",
            f"{SITE}/flask-3.0.dist-info/METADATA": METADATA,
            f"{SITE}/flask-3.0.dist-info/RECORD": record,
        }
    )
    package = read(tree)["Flask"]
    assert package.version == "3.0"
    assert package.location == f"/{SITE}/flask-3.0.dist-info/METADATA"
    assert package.files == {
        f"/{SITE}/flask/__init__.py",
        f"/{SITE}/flask/a,b.txt",
        "/opt/venv/bin/flask",
        "/abs",
        f"/{SITE}/flask-3.0.dist-info/METADATA",
        f"/{SITE}/flask-3.0.dist-info/RECORD",
    }


def test_without_record_the_top_modules_belong_to_it(make_tree: Make) -> None:
    tree = make_tree(
        {
            f"{SITE}/yaml/__init__.py": "",
            f"{SITE}/yaml/x/y.py": "",
            f"{SITE}/_yaml.py": "",
            f"{SITE}/PyYAML-6.dist-info/METADATA": "Name: PyYAML\nVersion: 6\n",
            f"{SITE}/PyYAML-6.dist-info/top_level.txt": "yaml\n_yaml\n../../evil\n",
        }
    )
    files = {f"/{SITE}/yaml/__init__.py", f"/{SITE}/yaml/x/y.py", f"/{SITE}/_yaml.py"}
    assert read(tree)["PyYAML"].files >= files


def test_a_local_directory_is_local_and_a_wheel_is_not(make_tree: Make) -> None:
    entries: dict[str, str] = {}
    for name, url in (
        ("directory", '{"url": "file:///src/shop", "dir_info": {}}'),
        ("editable", '{"url": "file:///src/shop", "dir_info": {"editable": true}}'),
        ("wheel", '{"url": "file:///w/x.whl", "archive_info": {}}'),
        ("git", '{"url": "https://example.org/x.git", "vcs_info": {}}'),
        ("broken", "["),
    ):
        entries[f"{SITE}/{name}-1.dist-info/METADATA"] = f"Name: {name}\nVersion: 1\n"
        entries[f"{SITE}/{name}-1.dist-info/direct_url.json"] = url
    assert {name for name, package in read(make_tree(entries)).items() if package.local} == {"directory", "editable"}


def test_egg_info_in_its_forms(make_tree: Make) -> None:
    tree = make_tree(
        {
            f"{SITE}/a.egg-info/PKG-INFO": "Name: a\nVersion: 1\n",
            f"{SITE}/a.egg-info/installed-files.txt": "../a/__init__.py\nPKG-INFO\n",
            f"{SITE}/a/__init__.py": "",
            f"{SITE}/a/not_mine.py": "",
            f"{SITE}/b.egg-info": "Name: b\nVersion: 2\n",
            f"{SITE}/b.py": "",
            f"{SITE}/c-1.egg/EGG-INFO/PKG-INFO": "Name: c\nVersion: 3\n",
            f"{SITE}/c-1.egg/c/x.py": "",
            "app/d.egg-info/PKG-INFO": "Name: d\nVersion: 4\n",
            "app/d.egg-info/SOURCES.txt": "d/__init__.py\n",
            "app/d/__init__.py": "",
            "app/setup.py": "",
        }
    )
    packages = read(tree)
    assert packages["a"].files == {
        f"/{SITE}/a/__init__.py",
        f"/{SITE}/a.egg-info/PKG-INFO",
        f"/{SITE}/a.egg-info/installed-files.txt",
    }
    assert packages["b"].files == {f"/{SITE}/b.py", f"/{SITE}/b.egg-info"}
    assert f"/{SITE}/c-1.egg/c/x.py" in packages["c"].files
    assert packages["d"].local
    assert "/app/d/__init__.py" in packages["d"].files
    assert not packages["a"].local


def test_a_nameless_record_is_a_problem(make_tree: Make) -> None:
    packages, _, problems = read_packages(make_tree({f"{SITE}/x-1.dist-info/METADATA": "Version: 1\n"}))
    assert packages == ()
    assert [problem.code for problem in problems] == ["bad-python-record"]
