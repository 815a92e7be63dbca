"""What the Python reader knows by heart: names of the language, of its standard library, and of what is built on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ALWAYS_BUILT_IN: Final = frozenset(
    "_abc _ast _codecs _collections _functools _imp _io _locale _operator _signal _sre _stat _string _symtable"
    " _thread _tracemalloc _warnings _weakref atexit builtins errno faulthandler gc itertools marshal posix pwd sys"
    " time".split()
)
"""Compiled into every CPython (Modules/config.c.in); which others are differs from build to build."""

FROZEN: Final = frozenset(
    "_collections_abc _sitebuiltins abc codecs genericpath importlib._bootstrap importlib._bootstrap_external"
    " importlib.machinery importlib.util io ntpath os posixpath runpy site stat zipimport".split()
)
"""Read from the interpreter itself since 3.11 (Python/frozen.c), whether their files are there or not."""

MODULE_ATTRIBUTES: Final = frozenset(
    "__doc__ __name__ __file__ __path__ __spec__ __package__ __loader__ __dict__ __builtins__".split()
)
"""What every module has without a word in its text."""

IMPORTERS: Final = frozenset(
    "import_module __import__ import_string import_object import_from_string import_app import_class import_dotted_path"
    " import_attr symbol_by_name resolve_name locate load_class run_module find_spec load_object".split()
)
"""Functions, by their last name, whose first argument is a module's or an object's dotted name."""
PROBES: Final = frozenset({"find_spec", "find_loader"})
"""... and those of them that only ask whether it is there."""

ENTRY_POINTS: Final = frozenset({"entry_points", "iter_entry_points", "get_entry_map", "select", "iter_entrypoints"})
DISTRIBUTIONS: Final = frozenset(
    "version distribution metadata requires files get_distribution require from_name load_entry_point".split()
)
METADATA_MODULES: Final = ("importlib.metadata.", "importlib_metadata.", "pkg_resources.")
SCRIPT_GROUPS: Final = frozenset({"console_scripts", "gui_scripts"})

OPENERS: Final = frozenset(
    "open io.open codecs.open gzip.open bz2.open lzma.open tarfile.open zipfile.ZipFile tokenize.open os.open"
    " aiofiles.open anyio.open_file numpy.load numpy.loadtxt pandas.read_csv pandas.read_json pandas.read_excel"
    " pandas.read_parquet joblib.load PIL.Image.open logging.config.fileConfig sqlite3.connect runpy.run_path"
    " configparser.read os.listdir os.scandir os.walk shutil.copy shutil.copyfile shutil.copytree os.stat"
    " dotenv.load_dotenv".split()
)
"""Functions whose first argument is a path that they read."""
READS: Final = frozenset("read_text read_bytes iterdir open is_file is_dir exists".split())
"""Methods of a path that look at it."""
GLOBS: Final = frozenset({"glob.glob", "glob.iglob"})
FOLDER_KEYWORDS: Final = frozenset(
    "template_folder static_folder directory template_dir templates_dir template_path static_path searchpath localedir"
    " template_directory static_dir static_directory".split()
)
PACKAGE_LOADERS: Final = frozenset({"PackageLoader", "jinja2.PackageLoader", "jinja2.loaders.PackageLoader"})
FLASKS: Final = frozenset({"flask.Flask", "flask.Blueprint", "quart.Quart", "quart.Blueprint", "flask.app.Flask"})
"""They look for `templates` and `static` beside the module that makes them."""

RESOURCES: Final = frozenset(
    "files open_text open_binary read_text read_binary path contents is_resource get_data resource_filename"
    " resource_string resource_stream resource_listdir resource_exists".split()
)
RESOURCE_MODULES: Final = ("importlib.resources.", "importlib_resources.", "pkgutil.", "pkg_resources.")


CODEC_CALLS: Final = frozenset(
    "codecs.lookup codecs.getreader codecs.getwriter codecs.getdecoder codecs.getencoder codecs.getincrementaldecoder"
    " codecs.getincrementalencoder".split()
)
CODEC_SECOND: Final = frozenset(
    {"codecs.encode", "codecs.decode", "codecs.iterdecode", "codecs.iterencode", "str", "bytes"}
)
CODEC_METHODS: Final = frozenset({"encode", "decode"})
BUILT_IN_CODECS: Final = frozenset(
    "utf_8 utf8 utf_16 utf16 utf_32 utf32 ascii us_ascii latin1 latin_1 iso_8859_1 iso8859_1".split()
)
"""`str.encode` and `bytes.decode` know these without a look into the registry (Objects/unicodeobject.c)."""
CODEC_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "idna": ("encodings.punycode",),
}
"""idna.py encodes each label that is not ASCII by punycode, by name."""

HTTP_CLIENTS: Final = ("requests.", "httpx.", "aiohttp.", "urllib3.")
HTTP_METHODS: Final = frozenset(
    "get post put patch delete head options request stream Session session Client AsyncClient ClientSession PoolManager"
    " ProxyManager HTTPSConnectionPool connection_from_url".split()
)
OPENSSL_METHODS: Final = frozenset({"load_default_certs", "set_default_verify_paths"})
CERTIFI_CLIENTS: Final = ("requests.", "httpx.")
"""They trust the bundle of certifi."""
TLS_LIBRARIES: Final = frozenset(
    "requests urllib3 httpx httpcore aiohttp certifi pip ssl.py http urllib smtplib.py ftplib.py imaplib.py poplib.py"
    " nntplib.py xmlrpc asyncio tornado gevent eventlet twisted".split()
)
"""Libraries that offer TLS: not they want authorities, but who calls them."""

TAR_MODES: Final[Mapping[str, str]] = {"gz": "gzip", "bz2": "bz2", "xz": "lzma"}

EXCEPTIONS_OF_IMPORTS: Final = frozenset({"ImportError", "ModuleNotFoundError", "AttributeError", "SyntaxError"})
LOGGERS: Final = frozenset({"getLogger", "get_logger", "getChild"})
"""Their argument looks like a module and is none."""
