"""Names that mean something to Node and to the packages that most programs use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

__all__ = [
    "ADDONS",
    "ALIASES",
    "ARRAY_CALLBACKS",
    "BUILTINS",
    "FORKS",
    "GLOBS",
    "HAS_SUFFIX",
    "NAME",
    "NAMING_KEYS",
    "PATHS",
    "PROGRAMS",
    "READS",
    "REFERRING",
    "REGISTERS",
    "RENDERS",
    "REQUIRES",
    "SETTINGS",
    "SHELLS",
    "STATIC",
    "SUFFIXES",
    "TOUCHES",
]

BUILTINS: Final = frozenset(
    [
        "assert",
        "assert/strict",
        "async_hooks",
        "buffer",
        "child_process",
        "cluster",
        "console",
        "constants",
        "crypto",
        "dgram",
        "diagnostics_channel",
        "dns",
        "dns/promises",
        "domain",
        "events",
        "fs",
        "fs/promises",
        "http",
        "http2",
        "https",
        "inspector",
        "inspector/promises",
        "module",
        "net",
        "os",
        "path",
        "path/posix",
        "path/win32",
        "perf_hooks",
        "process",
        "punycode",
        "querystring",
        "readline",
        "readline/promises",
        "repl",
        "stream",
        "stream/consumers",
        "stream/promises",
        "stream/web",
        "string_decoder",
        "sys",
        "timers",
        "timers/promises",
        "tls",
        "trace_events",
        "tty",
        "url",
        "util",
        "util/types",
        "v8",
        "vm",
        "wasi",
        "worker_threads",
        "zlib",
    ]
)
"""`module.builtinModules`; a few (`test`, `sqlite`, `sea`) are found only with `node:` before them."""

SUFFIXES: Final = (".js", ".cjs", ".mjs", ".jsx", ".ts", ".cts", ".mts")

ALIASES: Final[Mapping[str, str]] = {
    "fs/promises": "fs",
    "fs-extra": "fs",
    "graceful-fs": "fs",
    "path/posix": "path",
    "upath": "path",
    "pathe": "path",
    "cross-spawn": "child_process",
    "shelljs": "child_process",
    "globby": "glob",
    "fast-glob": "glob",
    "tinyglobby": "glob",
}
"""Packages whose functions have the names and meaning of another module's."""

_FS_READS = "readFile createReadStream readJson readJSON readJsonSync readJSONSync openAsBlob"
READS: Final = frozenset(
    f"fs.{name}{end}" for name in _FS_READS.split() for end in (("", "Sync") if name == "readFile" else ("",))
)
"""Functions whose first argument is a file that they need."""
TOUCHES: Final = frozenset(
    f"fs.{name}{end}"
    for name in [
        "readdir",
        "exists",
        "stat",
        "lstat",
        "access",
        "open",
        "opendir",
        "realpath",
        "copyFile",
        "cp",
        "pathExists",
        "watch",
        "watchFile",
    ]
    for end in ("", "Sync")
)
"""Functions whose first argument may name what an image holds."""

REQUIRES: Final = frozenset(
    {"/require", "require.resolve", "module.require", "import", "import.meta.resolve", "/.require"}
)
"""Functions that look for a module."""
REGISTERS: Final = frozenset({"/.register", "module.register"})
"""Functions that look for a module where they get its name and nothing else."""
PATHS: Final = frozenset({"path.join", "path.resolve", "/URL", "url.URL", "/.resolve"})
"""Functions that put a path together."""
RENDERS: Final = frozenset({"/.render", "/.renderFile", "/.view"})
SETTINGS: Final = frozenset({"view engine", "views"})
"""Settings of Express that name files."""
ADDONS: Final = frozenset({"bindings.default", "node-gyp-build.default", "@mapbox/node-pre-gyp.find", "process.dlopen"})
"""Functions that load a compiled addon from where build tools put it."""

SHELLS: Final = frozenset(
    ("child_process.exec", "child_process.execSync", "execa.execaCommand", "execa.execaCommandSync", "execa.$")
)
"""Functions that give their first argument to `/bin/sh -c`."""
PROGRAMS: Final = frozenset(
    f"{module}.{name}"
    for module, names in (
        ("child_process", "spawn spawnSync execFile execFileSync default sync"),
        ("execa", "execa execaSync default sync execaNode"),
        ("node-pty", "spawn"),
    )
    for name in names.split()
)
"""Functions that start the program that their first argument names, with the words of the second."""
FORKS: Final = frozenset({"child_process.fork", "worker_threads.Worker", "/Worker", "execa.execaNode"})
"""Functions and classes that run the script which their first argument names."""

STATIC: Final = frozenset(
    (
        "express.static",
        "serve-static.default",
        "koa-static.default",
        "koa-serve.default",
        "sirv.default",
        "ecstatic.default",
    )
)
"""Functions that serve a folder, which counts from the working directory."""

GLOBS: Final = frozenset({"glob.sync", "glob.globSync", "glob.glob", "glob.default", "glob.globbySync", "glob.globby"})

ARRAY_CALLBACKS: Final = frozenset(
    ["forEach", "map", "filter", "reduce", "reduceRight", "some", "every", "find", "findIndex", "flatMap", "sort"]
)
"""Methods that call their first argument before they return."""

NAMING_KEYS: Final = frozenset(
    [
        "root",
        "views",
        "directory",
        "localesDir",
        "layoutsDir",
        "partialsDir",
        "templates",
        "templatesDir",
        "publicDir",
        "publicPath",
        "staticDir",
        "assetsDir",
        "viewsDir",
        "templatePath",
    ]
)
"""Keys of options under which servers and template engines take a folder."""

REFERRING: Final = frozenset(
    {
        *REQUIRES, *REGISTERS, *PATHS, *RENDERS, *ADDONS, *SHELLS, *FORKS, *PROGRAMS, *READS, *TOUCHES, *STATIC,
        "/.set", "/.engine",
    }
)  # fmt: skip
"""Functions that refer to something by their arguments."""

NAME: Final = re.compile(r"[A-Za-z0-9_@./+-]{1,255}\Z")
"""Texts that may be paths without anybody saying so."""
HAS_SUFFIX: Final = re.compile(r"[^/]\.[A-Za-z0-9]{1,10}\Z")
