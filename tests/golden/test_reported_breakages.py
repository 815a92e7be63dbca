"""Breakages that users of minifiers reported, rebuilt as small pairs of images: what is foreseen, how surely."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.certificate_files import certificate, pem
from tests.java_files import class_file, jar
from xraydiff.facts import Certainty, Outlook, ToolClass, WalkDepth
from xraydiff.pipeline import compare, suggest
from xraydiff.report.document import Report
from xraydiff.testing import ImageBuilder, elf

LOADER = "/lib64/ld-linux-x86-64.so.2"
LIBRARIES = "/usr/lib/x86_64-linux-gnu"
LIBC = f"{LIBRARIES}/libc.so.6"
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIICXAIBAAKBgQ==\n-----END RSA PRIVATE KEY-----\n"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SLIM = "https://github.com/slimtoolkit/slim/issues"
PROVEN, LIKELY, POSSIBLE = Certainty.PROVEN, Certainty.LIKELY, Certainty.POSSIBLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file of an image; a link where `to` says whither, a directory where there is no content."""

    content: str | bytes | None = None
    to: str = ""
    mode: int = 0
    """Usual for what it is where it is 0."""
    uid: int = 0


FOLDER = Entry()
Files = Mapping[str, str | bytes | Entry]


def link(to: str) -> Entry:
    return Entry(to=to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What both images start; HEALTHCHECK is the original's alone, as minifiers lose it."""

    cmd: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    workdir: str = ""
    user: str = ""
    volumes: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakage:
    """One report: what stayed and what went, and the finding that foresees what the user saw."""

    source: str
    config: Config
    kept: Files
    gone: Files = field(default_factory=dict)
    rule: str
    certainty: Certainty
    restore: tuple[str, ...] = ()
    """What the finding gives back, all of it."""
    also: tuple[str, ...] = ()
    """What other findings want back as surely: a loss seldom comes alone."""
    packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of packages of the distribution and their files; what ends in a slash is all below it."""
    added: Files = field(default_factory=dict)
    """What only the slim image holds."""
    told: tuple[str, ...] = ()
    """What the minifier was told to keep."""
    outlook: Outlook = Outlook.RISKY
    unread: tuple[str, ...] = ()
    """What is run and has no reader, so that the image is never clean."""
    depth: WalkDepth = WalkDepth.LIKELY


def program(*needed: str, imports: Iterable[str] = (), data: Iterable[str] = ()) -> bytes:
    return elf(
        needed=["libc.so.6", *needed], interpreter=LOADER, executable=True, imports=list(imports), data=list(data)
    )


def library(soname: str, *needed: str, imports: Iterable[str] = (), data: Iterable[str] = ()) -> bytes:
    return elf(soname=soname, needed=["libc.so.6", *needed], imports=list(imports), data=list(data))


BASE: Files = {
    LOADER: elf(soname="ld-linux-x86-64.so.2"),
    LIBC: elf(soname="libc.so.6"),
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
}
UNUSED: Files = {
    "/usr/bin/unused": program("libunused.so.1"),
    f"{LIBRARIES}/libunused.so.1": library("libunused.so.1"),
    "/usr/share/man/man1/unused.1.gz": b"\x1f\x8b of a manual",
    "/usr/share/doc/unused/copyright": "Copyright: nobody in particular\n",
    "/usr/share/doc/unused/examples/run.sh": "#!/bin/sh\nunused /etc/unused.conf\n",
    "/usr/share/locale/de/LC_MESSAGES/unused.mo": b"\xde\x12\x04\x95",
}
"""Gone from every slim image, and missed by nobody."""

PYTHON = "/usr/local/lib/python3.8"
SITE = f"{PYTHON}/site-packages"


def python(**more: str | bytes | Entry) -> Files:
    """An interpreter built from source, as the official images have it."""
    return {
        "/usr/local/bin/python3.8": program(),
        "/usr/local/bin/python3": link("python3.8"),
        "/usr/local/bin/python": link("python3"),
        f"{PYTHON}/os.py": "import abc\n",
        f"{PYTHON}/abc.py": "def abstractmethod(f): return f\n",
        f"{PYTHON}/site.py": "import os\n",
        f"{PYTHON}/encodings/__init__.py": "import codecs\n",
        f"{PYTHON}/codecs.py": "BOM = b''\n",
        **more,
    }


def record(name: str, version: str, files: Iterable[str]) -> Files:
    """The .dist-info of a wheel."""
    folder = f"{SITE}/{name}-{version}.dist-info"
    names = [path.removeprefix(f"{SITE}/") for path in files]
    names += [f"{name}-{version}.dist-info/{one}" for one in ("METADATA", "RECORD", "INSTALLER")]
    return {
        f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{folder}/RECORD": "".join(f"{one},,\n" for one in names),
        f"{folder}/INSTALLER": "pip\n",
    }


# --- Python -----------------------------------------------------------------------------------------------------------

PYDICOM: Files = {
    f"{SITE}/pydicom/__init__.py": "from pydicom.data import download\n",
    f"{SITE}/pydicom/data/__init__.py": "",
    f"{SITE}/pydicom/data/download.py": (
        "import json, pathlib\n\n"
        "def get_url_map():\n"
        "    with open(pathlib.Path(__file__).parent / 'urls.json') as f:\n        return json.load(f)\n"
    ),
}
URLS: Files = {f"{SITE}/pydicom/data/urls.json": '{"url_map": {}}\n'}

PANDAS: Files = {
    f"{SITE}/pandas/__init__.py": "from pandas.core import api\nimport pandas.testing\n",
    f"{SITE}/pandas/core/__init__.py": "",
    f"{SITE}/pandas/core/api.py": "class DataFrame: pass\n",
    f"{SITE}/pandas/testing.py": "from pandas._testing import assert_frame_equal\n",
}
PANDAS_TESTING: Files = {f"{SITE}/pandas/_testing.py": "def assert_frame_equal(a, b): assert a == b\n"}

ZOPE: Files = {f"{SITE}/zope/interface/__init__.py": "from zope.interface import interface\n"}
NSPKG = f"{SITE}/zope.interface-5.1.0-py3.8-nspkg.pth"
NSPKG_LINE = (
    "import sys, types, os;has_mfs = sys.version_info > (3, 5);"
    "p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('zope',));"
    "importlib = has_mfs and __import__('importlib.util');has_mfs and __import__('importlib.machinery');"
    "m = has_mfs and sys.modules.setdefault('zope', importlib.util.module_from_spec("
    "importlib.machinery.PathFinder.find_spec('zope', [os.path.dirname(p)])));"
    "m = m or sys.modules.setdefault('zope', types.ModuleType('zope'));"
    "mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)\n"
)

REQUESTS: Files = {
    f"{SITE}/requests/__init__.py": "import chardet\nfrom . import api, certs\n",
    f"{SITE}/requests/api.py": "def get(url): ...\n",
    f"{SITE}/requests/certs.py": "from certifi import where\n",
}
CERTIFI: Files = {
    f"{SITE}/certifi/__init__.py": "from .core import where\n",
    f"{SITE}/certifi/core.py": (
        "import os\n\ndef where():\n    return os.path.join(os.path.dirname(__file__), 'cacert.pem')\n"
    ),
}
CACERT: Files = {f"{SITE}/certifi/cacert.pem": pem(certificate())}
CHARDET: Files = {f"{SITE}/chardet/__init__.py": "def detect(data): return {}\n"}

CELERY: Files = {
    f"{SITE}/celery/__init__.py": "class Celery:\n    def task(self, f): return f\n",
    f"{SITE}/celery/worker/__init__.py": "class WorkController: pass\n",
    f"{SITE}/celery/worker/consumer.py": "class Consumer:\n    Strategy = 'celery.worker.strategy:default'\n",
}
STRATEGY: Files = {f"{SITE}/celery/worker/strategy.py": "def default(task, app, consumer): ...\n"}

PILLOW: Files = {
    f"{SITE}/PIL/__init__.py": "",
    f"{SITE}/PIL/Image.py": (
        "def preinit():\n    try:\n        from . import PngImagePlugin\n    except ImportError:\n        pass\n\n"
        "def open(fp):\n    preinit()\n"
    ),
}
PLUGINS: Files = {f"{SITE}/PIL/PngImagePlugin.py": "from . import Image\n"}


def wheels(*wheels: tuple[str, str, Files, Files]) -> Files:
    """The records of wheels, each with its kept and its removed files: no run reads them, so they go."""
    found: dict[str, str | bytes | Entry] = {}
    for name, version, kept, gone in wheels:
        found |= record(name, version, [*kept, *gone])
    return found


PYTHON_ROWS = {
    "a data file of a Python package gone beside the module that opens it": Breakage(
        source=f"{SLIM}/369",
        config=Config(cmd=("python", "/app/app.py")),
        kept={**python(), **PYDICOM, "/app/app.py": "import pydicom\n"},
        gone={**URLS, **wheels(("pydicom", "2.2.2", PYDICOM, URLS))},
        rule="PKG002",
        certainty=POSSIBLE,
        restore=tuple(URLS),
        outlook=Outlook.CLEAN,
    ),
    "a module gone that another module of its package imports": Breakage(
        source=f"{SLIM}/436",
        config=Config(cmd=("python3", "problem.py"), workdir="/app"),
        kept={**python(), **PANDAS, "/app/problem.py": "import pandas as pd\nprint(pd.DataFrame())\n"},
        gone={**PANDAS_TESTING, **wheels(("pandas", "1.4.4", PANDAS, PANDAS_TESTING))},
        rule="PKG002",
        certainty=POSSIBLE,
        restore=tuple(PANDAS_TESTING),
        outlook=Outlook.CLEAN,
    ),
    "a namespace folder gone that a .pth file looks for at every start": Breakage(
        source=f"{SLIM}/162",
        config=Config(cmd=("python", "/app/crawl.py")),
        kept={**python(), NSPKG: NSPKG_LINE, "/app/crawl.py": "print('crawling')\n"},
        gone={
            **ZOPE,
            **wheels(("zope.interface", "5.1.0", {NSPKG: ""}, ZOPE)),
            f"{PYTHON}/traceback.py": "import linecache\n",
            f"{PYTHON}/linecache.py": "import os\n",
        },
        rule="DAT001",
        certainty=POSSIBLE,
        restore=(f"{PYTHON}/linecache.py", f"{PYTHON}/traceback.py", *ZOPE),
        outlook=Outlook.CLEAN,
        depth=WalkDepth.POSSIBLE,
    ),
    "the metadata gone that a console script looks itself up in": Breakage(
        source=f"{SLIM}/143",
        config=Config(entrypoint=("notectl",)),
        kept={
            **python(),
            "/usr/local/bin/notectl": (
                "#!/usr/local/bin/python\n# EASY-INSTALL-ENTRY-SCRIPT: 'notectl==0.1','console_scripts','notectl'\n"
                "import sys\nfrom pkg_resources import load_entry_point\n\n"
                "if __name__ == '__main__':\n"
                "    sys.exit(load_entry_point('notectl==0.1', 'console_scripts', 'notectl')())\n"
            ),
            f"{SITE}/notectl/__init__.py": "",
            f"{SITE}/notectl/main.py": "def main(): print('notes')\n",
            f"{SITE}/pkg_resources/__init__.py": "def load_entry_point(dist, group, name): ...\n",
        },
        gone={
            f"{SITE}/notectl-0.1.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: notectl\nVersion: 0.1\n",
            f"{SITE}/notectl-0.1.egg-info/entry_points.txt": "[console_scripts]\nnotectl = notectl.main:main\n",
        },
        rule="DAT001",
        certainty=PROVEN,
        restore=(
            f"{SITE}/notectl-0.1.egg-info/PKG-INFO",
            f"{SITE}/notectl-0.1.egg-info/entry_points.txt",
        ),
    ),
    "a library gone, and what it needs in turn, that the application comes to in use only": Breakage(
        source=f"{SLIM}/46",
        config=Config(cmd=("python", "/app/app.py")),
        kept={**python(), "/app/app.py": "def fetch(url):\n    import requests\n\n    return requests.api.get(url)\n"},
        gone={
            **REQUESTS,
            **CHARDET,
            **CERTIFI,
            f"{SITE}/requests/help.py": "import requests\n",
            **wheels(("requests", "2.18.4", REQUESTS, {}), ("chardet", "3.0.4", CHARDET, {})),
            **wheels(("certifi", "2018.4.16", CERTIFI, {})),
        },
        rule="MOD001",
        certainty=LIKELY,
        restore=(*REQUESTS, *CHARDET, *CERTIFI),
    ),
    "the application's own tasks gone, and what a package loads by a dotted name": Breakage(
        source=f"{SLIM}/163",
        config=Config(cmd=("celery", "-A", "tasks", "worker"), workdir="/app", user="nobody"),
        kept={
            **python(),
            **CELERY,
            "/etc/passwd": "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n",
            "/usr/local/bin/celery": "#!/usr/local/bin/python\nfrom celery.__main__ import main\n",
            "/app/settings.py": "BROKER = 'redis://queue'\n",
        },
        gone={
            **STRATEGY,
            "/app/tasks/__init__.py": "from celery import Celery\nimport settings\nfrom tasks import mail\n",
            "/app/tasks/mail.py": "import celery\n",
            **wheels(("celery", "3.1.26", CELERY, STRATEGY)),
        },
        rule="IMG002",
        certainty=PROVEN,
        restore=("/app/tasks/__init__.py", "/app/tasks/mail.py"),
        outlook=Outlook.BROKEN,
    ),
    "modules gone that the run did not reach, as it stopped at a missing mount": Breakage(
        source=f"{SLIM}/159",
        config=Config(cmd=("python", "/app/main.py")),
        kept={
            **python(),
            "/app/main.py": (
                "with open('/data/labels.txt') as f:\n    LABELS = f.read()\n\nimport scoring\nscoring.run(LABELS)\n"
            ),
        },
        gone={
            "/app/scoring.py": "import csv\n\ndef run(labels): ...\n",
            f"{PYTHON}/csv.py": "import re\n",
            f"{PYTHON}/re.py": "",
        },
        rule="IMG002",
        certainty=PROVEN,
        restore=("/app/scoring.py", f"{PYTHON}/csv.py", f"{PYTHON}/re.py"),
        outlook=Outlook.BROKEN,
    ),
    "a plug-in module of an image library gone": Breakage(
        source=f"{SLIM}/687",
        config=Config(cmd=("python", "/app/main.py")),
        kept={
            **python(),
            **PILLOW,
            "/app/main.py": "from PIL import Image\n\ndef size(upload):\n    return Image.open(upload).size\n",
        },
        gone={**PLUGINS, **wheels(("Pillow", "9.5.0", PILLOW, PLUGINS))},
        rule="PKG002",
        certainty=POSSIBLE,
        restore=tuple(PLUGINS),
        outlook=Outlook.CLEAN,
    ),
    "a virtual environment whose interpreter, outside of it, is gone": Breakage(
        source=f"{SLIM}/579",
        config=Config(cmd=("/venv/bin/gunicorn", "app:app"), workdir="/code"),
        kept={
            "/venv/pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.8.10\n",
            "/venv/bin/python3": link("/usr/bin/python3"),
            "/venv/bin/python": link("python3"),
            "/venv/bin/gunicorn": "#!/venv/bin/python3\nfrom gunicorn.app.wsgiapp import run\nrun()\n",
            "/venv/lib/python3.8/site-packages/gunicorn/__init__.py": "",
            "/venv/lib/python3.8/site-packages/gunicorn/app/__init__.py": "",
            "/venv/lib/python3.8/site-packages/gunicorn/app/wsgiapp.py": "def run(): ...\n",
            "/code/app.py": "def app(environ, start_response): ...\n",
        },
        gone={
            "/usr/bin/python3": link("python3.8"),
            "/usr/bin/python3.8": program("libexpat.so.1"),
            f"{LIBRARIES}/libexpat.so.1": library("libexpat.so.1"),
            "/usr/lib/python3.8/os.py": "",
        },
        packages={
            "python3.8-minimal": ("/usr/bin/python3.8", "/usr/bin/python3", "/usr/lib/python3.8/"),
            "libexpat1": (f"{LIBRARIES}/libexpat.so.1",),
        },
        rule="IMG002",
        certainty=PROVEN,
        restore=("/usr/bin/python3", "/usr/bin/python3.8", f"{LIBRARIES}/libexpat.so.1"),
        outlook=Outlook.BROKEN,
    ),
    "ca bundle gone under a TLS client": Breakage(
        source=f"{SLIM}/101",
        config=Config(cmd=("python", "/srv/site.py")),
        kept={
            **python(),
            **REQUESTS,
            **CHARDET,
            **CERTIFI,
            "/srv/site.py": "import requests\n\ndef blog():\n    return requests.get('https://example.org/feed').text\n",
        },
        gone={
            **CACERT,
            **wheels(("requests", "2.22.0", REQUESTS, {}), ("certifi", "2019.9.11", CERTIFI, CACERT)),
            **wheels(("chardet", "3.0.4", CHARDET, {})),
        },
        rule="CRT001",
        certainty=LIKELY,
        restore=tuple(CACERT),
    ),
    "a shell gone that a workflow written in Python starts": Breakage(
        source=f"{SLIM}/117",
        config=Config(entrypoint=("/opt/conda/envs/umccrise/bin/umccrise",)),
        kept={
            "/opt/conda/envs/umccrise/bin/python3.6": program(),
            "/opt/conda/envs/umccrise/bin/python": link("python3.6"),
            "/opt/conda/envs/umccrise/lib/python3.6/os.py": "",
            "/opt/conda/envs/umccrise/lib/python3.6/subprocess.py": "def check_call(command, shell=False): ...\n",
            "/opt/conda/envs/umccrise/bin/umccrise": (
                "#!/opt/conda/envs/umccrise/bin/python\nimport subprocess, sys\n\n"
                "def main():\n    subprocess.check_call('snakemake ' + ' '.join(sys.argv[1:]), shell=True)\n\nmain()\n"
            ),
        },
        gone={"/bin/sh": link("dash"), "/bin/dash": program()},
        packages={"dash": ("/bin/dash", "/bin/sh")},
        rule="IMG002",
        certainty=PROVEN,
        restore=("/bin/dash", "/bin/sh"),
        outlook=Outlook.BROKEN,
    ),
}

# --- Other languages --------------------------------------------------------------------------------------------------

JVM = "/usr/lib/jvm/java-8-openjdk-amd64/jre"
JAVA: Files = {
    f"{JVM}/bin/java": program("libjli.so", imports=["dlopen"]),
    f"{JVM}/lib/amd64/jli/libjli.so": library(
        "libjli.so", imports=["dlopen"], data=["libjava.so", "could not find libjava.so"]
    ),
    f"{JVM}/lib/amd64/server/libjvm.so": library("libjvm.so", imports=["dlopen"]),
    f"{JVM}/lib/amd64/jvm.cfg": "-server KNOWN\n-client IGNORE\n",
    f"{JVM}/lib/rt.jar": jar({"java/lang/Object.class": class_file("java/lang/Object")}),
    "/usr/bin/java": link(f"{JVM}/bin/java"),
}
LIBJAVA: Files = {
    f"{JVM}/lib/amd64/libjava.so": library("libjava.so", "libverify.so"),
    f"{JVM}/lib/amd64/libverify.so": library("libverify.so"),
}
JRE = {"openjdk-8-jre-headless": (f"{JVM}/", "/usr/bin/java")}
BUILDER = "java/lang/ProcessBuilder"
EAP = "/opt/appsrv/EAP-7.1.5"
NODE_MODULES = "/usr/local/lib/node_modules"
NODE: Files = {
    "/usr/local/bin/node": program("libstdc++.so.6"),
    f"{LIBRARIES}/libstdc++.so.6": library("libstdc++.so.6"),
}
NPM: Files = {
    **NODE,
    "/usr/local/bin/npm": link("../lib/node_modules/npm/bin/npm-cli.js"),
    f"{NODE_MODULES}/npm/package.json": '{"name": "npm", "version": "6.13.4", "bin": {"npm": "./bin/npm-cli.js"}}',
    f"{NODE_MODULES}/npm/bin/npm-cli.js": "#!/usr/local/bin/node\nrequire('../lib/npm.js')\n",
    f"{NODE_MODULES}/npm/lib/npm.js": "const lifecycle = require('npm-lifecycle')\nlifecycle(process.argv)\n",
    f"{NODE_MODULES}/npm/node_modules/npm-lifecycle/package.json": '{"name": "npm-lifecycle", "main": "index.js"}',
    f"{NODE_MODULES}/npm/node_modules/npm-lifecycle/index.js": (
        "const DEFAULT_NODE_GYP_PATH = require.resolve('node-gyp/bin/node-gyp')\n"
        "module.exports = function lifecycle () {}\n"
    ),
}
NODE_GYP: Files = {
    f"{NODE_MODULES}/npm/node_modules/node-gyp/package.json": '{"name": "node-gyp", "bin": "./bin/node-gyp.js"}',
    f"{NODE_MODULES}/npm/node_modules/node-gyp/bin/node-gyp.js": (
        "#!/usr/bin/env node\nconst gyp = require('../lib/node-gyp')\n"
    ),
    f"{NODE_MODULES}/npm/node_modules/node-gyp/lib/node-gyp.js": "module.exports = function gyp () {}\n",
}
GEMS = "/usr/local/bundle"
RACK: Files = {
    f"{GEMS}/specifications/rack-1.6.0.gemspec": "# -*- encoding: utf-8 -*-\n# stub: rack 1.6.0 ruby lib\n",
    f"{GEMS}/gems/rack-1.6.0/lib/rack.rb": "module Rack\n  autoload :Builder, 'rack/builder'\nend\n",
}
RACK_BUILDER: Files = {f"{GEMS}/gems/rack-1.6.0/lib/rack/builder.rb": "module Rack\n  class Builder\n  end\nend\n"}
UNICORN: Files = {
    f"{GEMS}/specifications/unicorn-4.9.0.gemspec": "# -*- encoding: utf-8 -*-\n# stub: unicorn 4.9.0 ruby lib\n",
    f"{GEMS}/gems/unicorn-4.9.0/lib/unicorn.rb": (
        "require 'rack'\nmodule Unicorn\n  def self.builder(ru)\n"
        '    eval("Rack::Builder.new {(#{File.read(ru)})}.to_app")\n  end\nend\n'
    ),
    f"{GEMS}/gems/unicorn-4.9.0/bin/unicorn": (
        "#!/usr/local/bin/ruby\nrequire 'unicorn'\nUnicorn.builder(ARGV[0] || 'config.ru')\n"
    ),
    f"{GEMS}/bin/unicorn": (
        "#!/usr/local/bin/ruby\nrequire 'rubygems'\nload Gem.activate_bin_path('unicorn', 'unicorn', '>= 0')\n"
    ),
}
RUBY: Files = {
    "/usr/local/bin/ruby": program(),
    "/usr/local/lib/ruby/2.2.0/x86_64-linux/rbconfig.rb": (
        '  TOPDIR = File.dirname(__FILE__).chomp!("/lib/ruby/2.2.0/x86_64-linux")\n  CONFIG["prefix"] = TOPDIR\n'
        '  CONFIG["exec_prefix"] = "$(prefix)"\n  CONFIG["libdir"] = "$(exec_prefix)/lib"\n'
        '  CONFIG["RUBY_BASE_NAME"] = "ruby"\n  CONFIG["ruby_version"] = "2.2.0"\n'
        '  CONFIG["rubylibprefix"] = "$(libdir)/$(RUBY_BASE_NAME)"\n'
        '  CONFIG["rubylibdir"] = "$(rubylibprefix)/$(ruby_version)"\n'
    ),
    "/usr/local/lib/ruby/2.2.0/rubygems.rb": "module Gem\nend\n",
}

LANGUAGE_ROWS = {
    "a module's description gone from the tree of an application server": Breakage(
        source=f"{SLIM}/234",
        config=Config(cmd=(f"{EAP}/bin/standalone.sh", "-b", "127.0.0.1")),
        kept={
            **JAVA,
            **LIBJAVA,
            "/bin/sh": program(),
            f"{EAP}/bin/standalone.sh": Entry(
                content=(
                    '#!/bin/sh\nDIRNAME=`dirname "$0"`\nJBOSS_HOME=`cd "$DIRNAME/.."; pwd`\n'
                    'exec java -jar "$JBOSS_HOME/jboss-modules.jar" -mp "$JBOSS_HOME/modules" '
                    'org.jboss.as.standalone "$@"\n'
                ),
                mode=0o755,
            ),
            "/usr/bin/dirname": program(),
            f"{EAP}/jboss-modules.jar": jar(
                {"org/jboss/modules/Main.class": class_file("org/jboss/modules/Main")},
                manifest="Main-Class: org.jboss.modules.Main\n",
            ),
            f"{EAP}/modules/system/layers/base/org/jboss/as/main/module.xml": '<module name="org.jboss.as"/>',
        },
        gone={f"{EAP}/modules/system/layers/base/sun/jdk/main/module.xml": '<module name="sun.jdk"/>'},
        packages={**JRE, "dash": ("/bin/sh",), "coreutils": ("/usr/bin/dirname",)},
        rule="APP001",
        certainty=LIKELY,
        restore=(f"{EAP}/modules/system/layers/base/sun/jdk/main/module.xml",),
    ),
    "a declared dependency gone, and parts of the build": Breakage(
        source=f"{SLIM}/149",
        config=Config(cmd=("node", "node_modules/.bin/next", "start"), workdir="/app"),
        kept={
            **NODE,
            "/app/package.json": (
                '{"name": "carbon", "dependencies": {"next": "9.2.0", "react": "16.8.6", "react-dom": "16.8.6"}}'
            ),
            "/app/node_modules/.bin/next": link("../next/dist/bin/next"),
            "/app/node_modules/next/package.json": '{"name": "next", "version": "9.2.0"}',
            "/app/node_modules/next/dist/bin/next": "#!/usr/bin/env node\nrequire('../server')\n",
            "/app/node_modules/next/dist/server.js": "module.exports = {}\n",
            "/app/node_modules/react/package.json": '{"name": "react", "version": "16.8.6", "main": "index.js"}',
            "/app/node_modules/react/index.js": "module.exports = {}\n",
            "/app/.next/BUILD_ID": "QFz1",
        },
        gone={
            "/app/node_modules/react-dom/package.json": '{"name": "react-dom", "main": "index.js"}',
            "/app/node_modules/react-dom/index.js": "module.exports = require('./cjs/react-dom.js')\n",
            "/app/node_modules/react-dom/cjs/react-dom.js": "exports.render = function () {}\n",
            "/app/.next/static/css/styles.css": "body { margin: 0 }\n",
        },
        rule="DAT001",
        certainty=LIKELY,
        restore=(
            "/app/node_modules/react-dom/cjs/react-dom.js",
            "/app/node_modules/react-dom/index.js",
            "/app/node_modules/react-dom/package.json",
        ),
        also=("/app/.next/static/css/styles.css",),
    ),
    "a package nested in npm gone, which npm looks for at its start": Breakage(
        source=f"{SLIM}/150",
        config=Config(cmd=("npm", "start"), workdir="/app"),
        kept={
            **NPM,
            "/app/package.json": '{"name": "shop", "scripts": {"start": "node server.js"}}',
            "/app/server.js": "require('http').createServer().listen(80)\n",
            "/bin/sh": program(),
        },
        gone=NODE_GYP,
        packages={"dash": ("/bin/sh",), "libstdc++6": (f"{LIBRARIES}/libstdc++.so.6",)},
        rule="DAT001",
        certainty=LIKELY,
        restore=tuple(NODE_GYP),
    ),
    "the start command gone": Breakage(
        source=f"{SLIM}/48",
        config=Config(cmd=("npm", "start"), workdir="/app"),
        kept={**NODE, "/app/package.json": '{"scripts": {"start": "node server.js"}}', "/app/server.js": "1\n"},
        gone={path: entry for path, entry in NPM.items() if path not in NODE},
        packages={"libstdc++6": (f"{LIBRARIES}/libstdc++.so.6",)},
        rule="IMG002",
        certainty=PROVEN,
        restore=tuple(sorted(path for path in NPM if path not in NODE)),
        outlook=Outlook.BROKEN,
    ),
    "a library gone that the java launcher finds by its own path": Breakage(
        source=f"{SLIM}/142",
        config=Config(entrypoint=("java", "-jar", "/srv/jenkins.war")),
        kept={
            **JAVA,
            "/srv/jenkins.war": jar({"Main.class": class_file("Main")}, manifest="Main-Class: Main\n"),
        },
        gone=LIBJAVA,
        packages=JRE,
        rule="IMG002",
        certainty=PROVEN,
        restore=tuple(sorted(LIBJAVA)),
        outlook=Outlook.BROKEN,
    ),
    "a program gone that an application written in Java starts": Breakage(
        source=f"{SLIM}/83",
        config=Config(entrypoint=("java", "-jar", "/usr/share/jenkins/jenkins.war")),
        kept={
            **JAVA,
            **LIBJAVA,
            "/usr/share/jenkins/jenkins.war": jar(
                {
                    "Main.class": class_file(
                        "Main",
                        code=[
                            ("type", "bb", BUILDER),
                            b"\x59\x04",
                            ("type", "bd", "java/lang/String"),
                            b"\x59\x03",
                            ("ldc", "git"),
                            b"\x53",
                            ("call", "b7", BUILDER, "<init>", "([Ljava/lang/String;)V"),
                        ],
                    )
                },
                manifest="Main-Class: Main\n",
            ),
        },
        gone={"/usr/bin/git": program("libpcre2-8.so.0"), f"{LIBRARIES}/libpcre2-8.so.0": library("libpcre2-8.so.0")},
        packages={**JRE, "git": ("/usr/bin/git",), "libpcre2-8-0": (f"{LIBRARIES}/libpcre2-8.so.0",)},
        rule="SCR001",
        certainty=LIKELY,
        restore=("/usr/bin/git", f"{LIBRARIES}/libpcre2-8.so.0"),
    ),
    "a file of a gem gone that the gem loads at the first use": Breakage(
        source=f"{SLIM}/15",
        config=Config(
            cmd=("unicorn", "-p", "3000"),
            workdir="/app",
            env=(f"GEM_HOME={GEMS}", f"PATH={GEMS}/bin:/usr/local/bin:/bin"),
        ),
        kept={
            **RUBY,
            **RACK,
            **UNICORN,
            "/app/config.ru": "run lambda { |env| [200, {}, ['hello']] }\n",
        },
        gone=RACK_BUILDER,
        rule="MOD001",
        certainty=LIKELY,
        restore=tuple(RACK_BUILDER),
    ),
}

# --- Shells, scripts and commands -------------------------------------------------------------------------------------

BASH: Files = {"/bin/bash": program("libtinfo.so.6"), f"{LIBRARIES}/libtinfo.so.6": library("libtinfo.so.6")}
LIBTINFO = {"libtinfo6": (f"{LIBRARIES}/libtinfo.so.6",)}

SCRIPT_ROWS = {
    "shells and tools gone, and only people ask for them": Breakage(
        source=f"{SLIM}/69",
        config=Config(cmd=("/usr/local/bin/irb",)),
        kept={**RUBY, "/usr/local/bin/irb": "#!/usr/local/bin/ruby\nrequire 'rubygems'\n"},
        gone={"/bin/sh": link("dash"), "/bin/dash": program(), "/bin/ls": program()},
        packages={"dash": ("/bin/dash", "/bin/sh"), "coreutils": ("/bin/ls",)},
        rule="SHL002",
        certainty=PROVEN,
        outlook=Outlook.CLEAN,
    ),
    "commands gone that an entrypoint script and what it sources run": Breakage(
        source=f"{SLIM}/306",
        config=Config(
            entrypoint=("/opt/nvidia/nvidia_entrypoint.sh",),
            env=("BASH_ENV=/etc/bash.bashrc", "ENV=/etc/shinit_v2"),
            cmd=("/usr/local/bin/train",),
        ),
        kept={
            **BASH,
            "/usr/local/bin/train": program(),
            "/opt/nvidia/nvidia_entrypoint.sh": Entry(
                content=(
                    "#!/bin/bash\n. /etc/shinit_v2\nSCRIPT_DIR=$(dirname $(readlink -f ${BASH_SOURCE[0]}))\n"
                    'echo "from ${SCRIPT_DIR}"\nexec "$@"\n'
                ),
                mode=0o755,
            ),
            "/etc/shinit_v2": (
                "_CUDA_COMPAT_PATH=/usr/local/cuda/compat\n"
                "if [ $(dpkg --print-architecture) = arm64 ]; then\n  X=1\nfi\n"
            ),
        },
        gone={"/usr/bin/dirname": program(), "/bin/readlink": program(), "/usr/bin/dpkg": program()},
        packages={
            **LIBTINFO,
            "bash": ("/bin/bash",),
            "coreutils": ("/usr/bin/dirname", "/bin/readlink"),
            "dpkg": ("/usr/bin/dpkg",),
        },
        rule="SCR001",
        certainty=PROVEN,
        restore=("/bin/readlink", "/usr/bin/dirname"),
        also=("/usr/bin/dpkg",),
    ),
    "a program gone that the minifier was told to keep": Breakage(
        source=f"{SLIM}/724",
        config=Config(cmd=("/srv/run",)),
        kept={**BASH, "/srv/run": program()},
        gone={"/usr/bin/mkdir": program("libselinux.so.1"), f"{LIBRARIES}/libselinux.so.1": library("libselinux.so.1")},
        packages={
            **LIBTINFO,
            "coreutils": ("/usr/bin/mkdir",),
            "libselinux": (f"{LIBRARIES}/libselinux.so.1",),
            "bash": ("/bin/bash",),
        },
        told=("/usr/bin/mkdir",),
        rule="INC001",
        certainty=PROVEN,
        restore=("/usr/bin/mkdir", f"{LIBRARIES}/libselinux.so.1"),
    ),
    "tools of privileges and processes gone from an image that starts a shell": Breakage(
        source=f"{SLIM}/132",
        config=Config(cmd=("/bin/bash",)),
        kept=BASH,
        gone={
            "/usr/bin/sudo": Entry(content=program(), mode=0o4755),
            "/usr/bin/pm2": link("../lib/node_modules/pm2/bin/pm2"),
            "/usr/lib/node_modules/pm2/package.json": '{"name": "pm2"}',
            "/usr/lib/node_modules/pm2/bin/pm2": Entry(content="#!/usr/bin/env node\n", mode=0o755),
        },
        packages={**LIBTINFO, "bash": ("/bin/bash",), "sudo": ("/usr/bin/sudo",)},
        rule="PRV005",
        certainty=PROVEN,
        outlook=Outlook.CLEAN,
    ),
    "the program gone that the start script ends in, with all that it needs": Breakage(
        source=f"{SLIM}/36",
        config=Config(cmd=("/usr/bin/wine", "/opt/captvty/Captvty.exe")),
        unread=("/opt/captvty/Captvty.exe",),
        kept={
            **BASH,
            "/usr/bin/wine": Entry(
                content='#!/bin/bash\nWINELOADER=/usr/lib/wine/wine\nexec "$WINELOADER" "$@"\n', mode=0o755
            ),
            "/opt/captvty/Captvty.exe": b"MZ\x90\0 of a program",
        },
        gone={
            "/usr/lib/wine/wine": program("libwine.so.1"),
            f"{LIBRARIES}/libwine.so.1": library("libwine.so.1"),
        },
        packages={
            **LIBTINFO,
            "bash": ("/bin/bash",),
            "wine": ("/usr/bin/wine", "/usr/lib/wine/wine", f"{LIBRARIES}/libwine.so.1"),
        },
        rule="IMG002",
        certainty=PROVEN,
        restore=("/usr/lib/wine/wine", f"{LIBRARIES}/libwine.so.1"),
        outlook=Outlook.BROKEN,
    ),
    "modules gone that an entrypoint switches on by name": Breakage(
        source=f"{SLIM}/120",
        config=Config(entrypoint=("/usr/local/bin/docker-entrypoint.sh",), cmd=("/usr/sbin/apache2", "-DFOREGROUND")),
        kept={
            **BASH,
            "/usr/sbin/apache2": program(),
            "/usr/bin/perl": program(),
            "/usr/sbin/a2enmod": Entry(
                content=(
                    "#!/usr/bin/perl -w\nmy $confdir = $ENV{APACHE_CONFDIR} || '/etc/apache2';\n"
                    'my $availdir = "$confdir/mods-available";\n'
                    "foreach my $acton (@ARGV) {\n"
                    '  die "ERROR: Module $acton does not exist!" unless -e "$availdir/$acton.load";\n}\n'
                ),
                mode=0o755,
            ),
            "/usr/sbin/a2dismod": link("a2enmod"),
            "/usr/local/bin/docker-entrypoint.sh": Entry(
                content='#!/bin/bash\nset -e\na2dismod actions\na2enmod rewrite\nexec "$@"\n', mode=0o755
            ),
            "/usr/lib/apache2/modules/mod_rewrite.so": library("mod_rewrite.so"),
            "/etc/apache2/mods-available/rewrite.load": (
                "LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so\n"
            ),
        },
        gone={
            "/etc/apache2/mods-available/actions.load": (
                "LoadModule actions_module /usr/lib/apache2/modules/mod_actions.so\n"
            ),
            "/etc/apache2/mods-available/actions.conf": "# none\n",
            "/usr/lib/apache2/modules/mod_actions.so": library("mod_actions.so"),
        },
        packages={
            **LIBTINFO,
            "bash": ("/bin/bash",),
            "perl-base": ("/usr/bin/perl",),
            "apache2": (
                "/usr/sbin/apache2",
                "/usr/sbin/a2enmod",
                "/usr/sbin/a2dismod",
                "/etc/apache2/",
                "/usr/lib/apache2/",
            ),
        },
        rule="DAT001",
        certainty=LIKELY,
        restore=(
            "/etc/apache2/mods-available/actions.conf",
            "/etc/apache2/mods-available/actions.load",
            "/usr/lib/apache2/modules/mod_actions.so",
        ),
    ),
    "a command gone that the health check's script runs": Breakage(
        source="https://github.com/minio/minio/issues/6365",
        config=Config(
            entrypoint=("/usr/bin/minio",), cmd=("server", "/data"), healthcheck=("CMD", "/usr/bin/healthcheck.sh")
        ),
        kept={
            "/bin/sh": program(),
            "/usr/bin/minio": program(),
            "/usr/bin/healthcheck.sh": Entry(
                content="#!/bin/sh\ncurl --silent --fail http://localhost:9000/minio/health/live || exit 1\n",
                mode=0o755,
            ),
        },
        gone={"/usr/bin/curl": program("libcurl.so.4"), f"{LIBRARIES}/libcurl.so.4": library("libcurl.so.4")},
        packages={"dash": ("/bin/sh",), "curl": ("/usr/bin/curl",), "libcurl4": (f"{LIBRARIES}/libcurl.so.4",)},
        rule="SCR001",
        certainty=PROVEN,
        restore=("/usr/bin/curl", f"{LIBRARIES}/libcurl.so.4"),
    ),
    "the health check gone with the command that it runs": Breakage(
        source=f"{SLIM}/647",
        config=Config(cmd=("/usr/sbin/nginx", "-g", "daemon off;"), healthcheck=("CMD-SHELL", "nc -z localhost 8080")),
        kept={"/usr/sbin/nginx": program(), "/bin/sh": program()},
        gone={"/usr/bin/nc": program()},
        packages={"nginx": ("/usr/sbin/nginx",), "dash": ("/bin/sh",), "netcat": ("/usr/bin/nc",)},
        rule="CFG001",
        certainty=PROVEN,
        also=("/usr/bin/nc",),
    ),
}

# --- Loaders, libraries, links ----------------------------------------------------------------------------------------

LOADING_ROWS = {
    "libc gone under a shell": Breakage(
        source=f"{SLIM}/475",
        config=Config(entrypoint=("docker-php-entrypoint",), cmd=("apache2-foreground",)),
        kept={
            "/bin/sh": link("dash"),
            "/bin/dash": program(),
            "/usr/local/bin/docker-php-entrypoint": Entry(content='#!/bin/sh\nset -e\nexec "$@"\n', mode=0o755),
            "/usr/local/bin/apache2-foreground": Entry(content="#!/bin/sh\nexec apache2 -DFOREGROUND\n", mode=0o755),
            "/usr/sbin/apache2": program(),
        },
        gone={LIBC: elf(soname="libc.so.6")},
        packages={"dash": ("/bin/dash", "/bin/sh"), "apache2": ("/usr/sbin/apache2",)},
        rule="IMG002",
        certainty=PROVEN,
        restore=(LIBC,),
        outlook=Outlook.BROKEN,
    ),
    "the links of a merged /usr gone": Breakage(
        source=f"{SLIM}/41",
        config=Config(cmd=("/bin/sh", "-c", "exec /usr/bin/serve")),
        kept={"/usr/bin/sh": program(), "/usr/bin/serve": program()},
        gone={"/bin": link("usr/bin"), "/sbin": link("usr/sbin"), "/usr/sbin/swapoff": program()},
        packages={"dash": ("/usr/bin/sh",), "mount": ("/usr/sbin/swapoff",), "base-files": ("/bin", "/sbin")},
        rule="IMG002",
        certainty=PROVEN,
        restore=("/bin",),
        outlook=Outlook.BROKEN,
    ),
    "a link to a volume gone": Breakage(
        source=f"{SLIM}/654",
        config=Config(cmd=("/var/lib/neo4j/bin/neo4j",), workdir="/var/lib/neo4j", volumes=("/data",)),
        kept={"/var/lib/neo4j/bin/neo4j": program(), "/data": FOLDER},
        gone={"/var/lib/neo4j/data": link("/data")},
        rule="APP001",
        certainty=LIKELY,
        restore=("/var/lib/neo4j/data",),
    ),
    "the loader gone under the shell of the entrypoint": Breakage(
        source=f"{SLIM}/181",
        config=Config(entrypoint=("/usr/local/bin/setup_sshd",)),
        kept={
            "/bin/bash": elf(needed=["libc.so.6"], interpreter="/lib/ld-other.so.2", executable=True),
            "/usr/local/bin/setup_sshd": Entry(content="#!/bin/bash\nexec /usr/sbin/sshd -D\n", mode=0o755),
            "/usr/sbin/sshd": program(),
        },
        gone={"/lib/ld-other.so.2": link("ld-2.24.so"), "/lib/ld-2.24.so": elf(soname="ld-other.so.2")},
        packages={
            "bash": ("/bin/bash",),
            "openssh-server": ("/usr/sbin/sshd",),
            "libc": ("/lib/ld-other.so.2", "/lib/ld-2.24.so"),
        },
        rule="IMG002",
        certainty=PROVEN,
        restore=("/lib/ld-2.24.so", "/lib/ld-other.so.2"),
        outlook=Outlook.BROKEN,
    ),
    "a library gone that the application loads by its name": Breakage(
        source=f"{SLIM}/102",
        config=Config(cmd=("/srv/infer",), env=("LD_LIBRARY_PATH=/usr/local/nvidia/lib64:/usr/local/cuda/lib64",)),
        kept={"/srv/infer": program(imports=["dlopen", "dlsym"], data=["libcudart.so.11.0", "cudaLaunchKernel"])},
        gone={
            "/usr/local/cuda/lib64/libcudart.so.11.0": link("libcudart.so.11.4.148"),
            "/usr/local/cuda/lib64/libcudart.so.11.4.148": library("libcudart.so.11.0"),
            "/usr/local/cuda/lib64/libnvrtc.so.11.2": library("libnvrtc.so.11.2"),
        },
        packages={
            "cuda-cudart-11-4": (
                "/usr/local/cuda/lib64/libcudart.so.11.0",
                "/usr/local/cuda/lib64/libcudart.so.11.4.148",
            ),
            "cuda-nvrtc-11-4": ("/usr/local/cuda/lib64/libnvrtc.so.11.2",),
        },
        rule="ELF002",
        certainty=LIKELY,
        restore=("/usr/local/cuda/lib64/libcudart.so.11.0", "/usr/local/cuda/lib64/libcudart.so.11.4.148"),
    ),
    "the resolver's modules gone under a program that looks up hosts": Breakage(
        source="https://github.com/penumbra-zone/penumbra/issues/2313",
        config=Config(cmd=("/usr/bin/pcli",)),
        kept={"/usr/bin/pcli": program(imports=["getaddrinfo"]), "/etc/nsswitch.conf": "hosts: files dns\n"},
        gone={
            f"{LIBRARIES}/libnss_dns.so.2": library("libnss_dns.so.2", "libresolv.so.2") + bytes(24_000),
            f"{LIBRARIES}/libresolv.so.2": library("libresolv.so.2"),
        },
        packages={
            "libc6": (f"{LIBRARIES}/libnss_dns.so.2", f"{LIBRARIES}/libresolv.so.2"),
            "base-files": ("/etc/nsswitch.conf",),
        },
        rule="ELF002",
        certainty=LIKELY,
        restore=(f"{LIBRARIES}/libnss_dns.so.2", f"{LIBRARIES}/libresolv.so.2"),
    ),
    "ca bundle gone under a Go program": Breakage(
        source=f"{SLIM}/124",
        config=Config(entrypoint=("/usr/local/bin/shush", "exec"), cmd=("node", "server.js"), workdir="/app"),
        kept={
            **NODE,
            "/app/server.js": "require('http').createServer().listen(80)\n",
            "/usr/local/bin/shush": elf(
                executable=True,
                data=[b"\xff Go buildinf:", "crypto/x509.(*CertPool).AddCert", "crypto/x509.loadSystemRoots"],
            ),
        },
        gone={"/etc/ssl/certs/ca-certificates.crt": pem(certificate())},
        packages={"libstdc++6": (f"{LIBRARIES}/libstdc++.so.6",)},
        rule="CRT001",
        certainty=LIKELY,
        restore=("/etc/ssl/certs/ca-certificates.crt",),
    ),
}

# --- The application's files, data, accounts --------------------------------------------------------------------------

INGEST = "/usr/share/elasticsearch/modules/ingest-geoip"
TOMCAT = "/usr/local/tomcat"

DATA_ROWS = {
    "the web applications gone below the working directory": Breakage(
        source=f"{SLIM}/517",
        config=Config(cmd=("catalina.sh", "run"), workdir=TOMCAT, env=(f"PATH={TOMCAT}/bin:/usr/bin:/bin",)),
        kept={
            "/bin/sh": program(),
            f"{TOMCAT}/bin/catalina.sh": Entry(content="#!/bin/sh\nexec /usr/bin/serve\n", mode=0o755),
            "/usr/bin/serve": program(),
            f"{TOMCAT}/conf/server.xml": '<Server><Host appBase="webapps"/></Server>',
        },
        gone={
            f"{TOMCAT}/webapps/shop.war": jar({"WEB-INF/web.xml": "<web-app/>"}),
            "/bin/cat": program(),
            "/bin/ls": program(),
        },
        packages={"dash": ("/bin/sh",), "coreutils": ("/bin/cat", "/bin/ls"), "serve": ("/usr/bin/serve",)},
        rule="APP001",
        certainty=LIKELY,
        restore=(f"{TOMCAT}/webapps/shop.war",),
    ),
    "databases gone beside the plug-in that reads them": Breakage(
        source="https://github.com/slimtoolkit/examples/blob/master/3rdparty/elasticsearch/slim.sh",
        config=Config(cmd=("/usr/share/elasticsearch/bin/elasticsearch",), workdir="/usr/share/elasticsearch"),
        kept={
            **JAVA,
            **LIBJAVA,
            "/bin/sh": program(),
            "/usr/share/elasticsearch/bin/elasticsearch": Entry(
                content=(
                    "#!/bin/sh\n"
                    "exec java -cp '/usr/share/elasticsearch/lib/*' org.elasticsearch.bootstrap.Elasticsearch\n"
                ),
                mode=0o755,
            ),
            "/usr/share/elasticsearch/lib/elasticsearch.jar": jar(
                {
                    "org/elasticsearch/bootstrap/Elasticsearch.class": class_file(
                        "org/elasticsearch/bootstrap/Elasticsearch"
                    )
                }
            ),
            f"{INGEST}/ingest-geoip-7.0.0.jar": jar({"org/Geo.class": class_file("org/Geo")}),
        },
        gone={
            f"{INGEST}/GeoLite2-ASN.mmdb": b"\xab\xcd\xefMaxMind.com of numbers",
            f"{INGEST}/GeoLite2-City.mmdb": b"\xab\xcd\xefMaxMind.com of cities",
            f"{INGEST}/GeoLite2-Country.mmdb": b"\xab\xcd\xefMaxMind.com of countries",
        },
        packages={**JRE, "dash": ("/bin/sh",)},
        rule="APP001",
        certainty=LIKELY,
        restore=tuple(f"{INGEST}/GeoLite2-{what}.mmdb" for what in ("ASN", "City", "Country")),
    ),
    "the user gone that the image runs as": Breakage(
        source=f"{SLIM}/35",
        config=Config(cmd=("node", "/home/app/server.js"), user="app"),
        kept={**NODE, "/home/app/server.js": "1\n"},
        gone={
            "/etc/passwd": "root:x:0:0::/root:/bin/sh\napp:x:1001:1001::/home/app:/bin/false\n",
            "/etc/group": "root:x:0:\napp:x:1001:\n",
        },
        packages={"libstdc++6": (f"{LIBRARIES}/libstdc++.so.6",)},
        rule="USR002",
        certainty=PROVEN,
        restore=("/etc/passwd",),
        outlook=Outlook.BROKEN,
    ),
    "an empty folder gone in which a server makes its socket": Breakage(
        source="https://github.com/tiangolo/uwsgi-nginx-flask-docker/issues/165",
        config=Config(cmd=("uwsgi", "--ini", "/app/uwsgi.ini"), workdir="/app"),
        kept={
            "/usr/local/bin/uwsgi": program(),
            "/app/uwsgi.ini": "[uwsgi]\nsocket = /run/uwsgi/app.sock\nchmod-socket = 664\nmodule = main\n",
            "/app/main.py": "def application(env, start_response): ...\n",
        },
        gone={"/run/uwsgi": Entry(uid=33)},
        rule="DIR001",
        certainty=LIKELY,
        restore=("/run/uwsgi",),
    ),
    "files that the run wrote below a volume": Breakage(
        source=f"{SLIM}/331",
        config=Config(cmd=("postgres",), volumes=("/var/lib/postgresql/data",)),
        kept={"/usr/local/bin/postgres": program(), "/var/lib/postgresql/data": Entry(uid=70, mode=0o700)},
        added={
            "/var/lib/postgresql/data/PG_VERSION": "14\n",
            "/var/lib/postgresql/data/postgresql.conf": "port = 5432\n",
        },
        rule="STA003",
        certainty=PROVEN,
        outlook=Outlook.CLEAN,
    ),
    "a private key left in the image": Breakage(
        source=f"{SLIM}/73",
        config=Config(cmd=("/srv/run",)),
        kept={"/srv/run": program(), "/root/.ssh/id_rsa": Entry(content=PRIVATE_KEY, mode=0o600)},
        rule="CRT003",
        certainty=PROVEN,
        outlook=Outlook.CLEAN,
    ),
    "the package database gone": Breakage(
        source=f"{SLIM}/409",
        config=Config(cmd=("/srv/run",)),
        kept={"/srv/run": program()},
        rule="PKG001",
        certainty=PROVEN,
        restore=("/var/lib/dpkg/status",),
        outlook=Outlook.CLEAN,
    ),
}

ROWS: Mapping[str, Breakage] = {**PYTHON_ROWS, **LANGUAGE_ROWS, **SCRIPT_ROWS, **LOADING_ROWS, **DATA_ROWS}
NOT_STATIC = {
    f"{SLIM}/23": "the report names no missing file, only a connection that is reset; what the run of Yaws would have "
    "read stands in no file of the image"
}
"""Reports that no pair of images can show, with the reason."""
SHELL_THAT_STAYS = f"{SLIM}/551"
"""Nothing is gone here: the report complains of what is still there."""


# --- From a row to images ---------------------------------------------------------------------------------------------


def builder(row: Breakage, files: Files, *, healthcheck: bool) -> ImageBuilder:
    config = row.config
    image = ImageBuilder().config(
        cmd=config.cmd or None,
        entrypoint=config.entrypoint or None,
        env=[PATH, *config.env],
        workdir=config.workdir or None,
        user=config.user or None,
        volumes=config.volumes or None,
        healthcheck=(config.healthcheck or None) if healthcheck else None,
    )
    for path, given in files.items():
        entry = given if isinstance(given, Entry) else Entry(content=given)
        if entry.to:
            image.symlink(path, entry.to)
        elif entry.content is None:
            image.directory(path, mode=entry.mode or 0o755, uid=entry.uid)
        else:
            image.file(path, entry.content, mode=entry.mode or usual_mode(entry.content), uid=entry.uid)
    return image


def usual_mode(content: str | bytes) -> int:
    runs = content.startswith("#!") if isinstance(content, str) else content.startswith(b"\x7fELF")
    return 0o755 if runs else 0o644


def database(row: Breakage, files: Files) -> Files:
    """What dpkg knows of the original; no run reads it, so it goes."""
    packages = {"libc6": (LOADER, LIBC), "unused": tuple(UNUSED), **row.packages}
    status, lists = "", {}
    for name, listed in packages.items():
        folders = tuple(one for one in listed if one.endswith("/"))
        own = sorted(path for path in files if path in listed or path.startswith(folders))
        status += f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n\n"
        lists[f"/var/lib/dpkg/info/{name}.list"] = "".join(f"{path}\n" for path in ("/.", *own))
    return {"/var/lib/dpkg/status": status, **lists}


def kept(row: Breakage) -> Files:
    return {**{path: entry for path, entry in BASE.items() if path not in row.gone}, **row.kept}


def original(row: Breakage) -> ImageBuilder:
    files = {**kept(row), **row.gone, **UNUSED}
    return builder(row, {**files, **database(row, files)}, healthcheck=True)


def slim(row: Breakage) -> ImageBuilder:
    return builder(row, {**kept(row), **row.added}, healthcheck=False)


def well_slimmed(row: Breakage) -> ImageBuilder:
    """Without what nobody needs, and nothing else gone."""
    return builder(row, {**kept(row), **row.gone}, healthcheck=True)


def compared(one: ImageBuilder, other: ImageBuilder, row: Breakage, folder: Path) -> Report:
    told = folder / "include"
    told.write_text("".join(f"{path}\n" for path in row.told))
    with compare(one.image(), other.image(), include_file=told if row.told else None, depth=row.depth) as comparison:
        return comparison.report


def wanted_back(report: Report) -> set[str]:
    return {item.path for item in suggest(report, certainty=LIKELY).items}


# --- What is foreseen -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(ROWS))
def test_it_is_foreseen(name: str, tmp_path: Path) -> None:
    row = ROWS[name]
    report = compared(original(row), slim(row), row, tmp_path)
    restore = tuple(sorted(row.restore))
    seen = [(one.rule, one.certainty, one.restore) for one in report.findings]
    assert (row.rule, row.certainty, restore) in seen
    assert report.summary.outlook is row.outlook, seen
    assert report.complete
    assert [problem.path for problem in report.problems] == list(row.unread)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_nothing_else_is_wanted_back(name: str, tmp_path: Path) -> None:
    row = ROWS[name]
    report = compared(original(row), slim(row), row, tmp_path)
    missed = {path for one in report.findings if one.rule == row.rule and one.when is not None for path in one.restore}
    own = set(row.restore) & missed if row.certainty >= LIKELY else set()
    assert wanted_back(report) == own | set(row.also)
    assert not set(UNUSED) & {item.path for item in report.suggestions}
    assert set(UNUSED) <= {change.path for change in report.removed}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_an_image_that_is_not_slimmed_lacks_nothing(name: str, tmp_path: Path) -> None:
    row = ROWS[name]
    report = compared(original(row), original(row), row, tmp_path)
    assert report.summary.identical
    assert report.findings == ()
    assert report.suggestions == ()


@pytest.mark.parametrize("name", sorted(ROWS))
def test_an_image_that_is_slimmed_well_lacks_nothing(name: str, tmp_path: Path) -> None:
    row = ROWS[name]
    report = compared(original(row), well_slimmed(row), row, tmp_path)
    assert [one for one in report.findings if one.when is not None] == []
    assert report.suggestions == ()
    assert report.summary.outlook is (Outlook.UNKNOWN if row.unread else Outlook.CLEAN)


def test_a_shell_that_was_not_to_stay_stands_in_the_inventory(tmp_path: Path) -> None:
    row = Breakage(
        source=SHELL_THAT_STAYS,
        config=Config(cmd=("/bin/true",)),
        kept={"/bin/true": program(), "/bin/sh": program()},
        packages={"dash": ("/bin/sh",), "coreutils": ("/bin/true",)},
        rule="SHL002",
        certainty=PROVEN,
    )
    report = compared(original(row), slim(row), row, tmp_path)
    assert [tool.path for tool in report.slim_inventory.tools if tool.tool is ToolClass.SHELL] == ["/bin/sh"]
    assert row.rule not in {one.rule for one in report.findings}


def test_every_report_is_covered_or_said_not_to_be() -> None:
    file = Path(__file__).resolve().parents[3] / "shared" / "docs" / "slim_failures.jsonl"
    if not file.is_file():
        pytest.skip("the list of reports is not beside this checkout")
    reported = [json.loads(line)["url"] for line in file.read_text().splitlines()]
    sources = [*(row.source for row in ROWS.values()), *NOT_STATIC, SHELL_THAT_STAYS]
    assert sorted(sources) == sorted(reported)
