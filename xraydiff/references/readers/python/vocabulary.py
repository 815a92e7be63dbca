"""What the Python reader knows by heart: names of the language, of its standard library, and of what is built on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xraydiff.conventions import SHELLS

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

SHELL_CALLS: Final = frozenset(
    "os.system os.popen subprocess.getoutput subprocess.getstatusoutput asyncio.create_subprocess_shell"
    " commands.getoutput commands.getstatusoutput popen2.popen2 asyncio.subprocess.create_subprocess_shell".split()
)
"""They hand their first argument to /bin/sh."""
ARGV_CALLS: Final = frozenset(
    "subprocess.run subprocess.call subprocess.check_call subprocess.check_output subprocess.Popen pty.spawn"
    " psutil.Popen gevent.subprocess.run gevent.subprocess.Popen gevent.subprocess.check_output anyio.run_process"
    " anyio.open_process trio.run_process trio.lowlevel.open_process".split()
)
"""They start the program that the list in their first argument names."""
WORD_CALLS: Final[Mapping[str, int]] = {
    "asyncio.create_subprocess_exec": 0,
    "asyncio.subprocess.create_subprocess_exec": 0,
    "shutil.which": 0,
    "distutils.spawn.find_executable": 0,
    "pexpect.spawn": 0,
    "os.execl": 0,
    "os.execle": 0,
    "os.execlp": 0,
    "os.execlpe": 0,
    "os.spawnl": 1,
    "os.spawnle": 1,
    "os.spawnlp": 1,
    "os.spawnlpe": 1,
}
"""They start or look up the program that this argument names; its own words follow one by one."""
VECTOR_CALLS: Final[Mapping[str, int]] = {
    "os.execv": 0,
    "os.execve": 0,
    "os.execvp": 0,
    "os.execvpe": 0,
    "os.posix_spawn": 0,
    "os.posix_spawnp": 0,
    "os.spawnv": 1,
    "os.spawnve": 1,
    "os.spawnvp": 1,
    "os.spawnvpe": 1,
}
"""... and here its words follow as a list."""
RUNS_OTHERS: Final = SHELLS | frozenset(
    "env sudo su gosu su-exec nice ionice nohup setsid timeout stdbuf xargs find flock time"
    " chroot runuser setpriv tini dumb-init ssh-agent busybox watch parallel unshare xvfb-run".split()
)
"""Programs that start others; what stands behind them is read as a shell would."""

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
FOLDER_CALLS: Final = frozenset(
    "jinja2.FileSystemLoader jinja2.loaders.FileSystemLoader FileSystemLoader mako.lookup.TemplateLookup TemplateLookup"
    " starlette.templating.Jinja2Templates fastapi.templating.Jinja2Templates Jinja2Templates StaticFiles"
    " fastapi.staticfiles.StaticFiles starlette.staticfiles.StaticFiles flask.send_from_directory".split()
)
"""Their first argument is a folder that they serve from."""
PACKAGE_LOADERS: Final = frozenset({"PackageLoader", "jinja2.PackageLoader", "jinja2.loaders.PackageLoader"})
FLASKS: Final = frozenset({"flask.Flask", "flask.Blueprint", "quart.Quart", "quart.Blueprint", "flask.app.Flask"})
"""They look for `templates` and `static` beside the module that makes them."""

RESOURCES: Final = frozenset(
    "files open_text open_binary read_text read_binary path contents is_resource get_data resource_filename"
    " resource_string resource_stream resource_listdir resource_exists".split()
)
RESOURCE_MODULES: Final = ("importlib.resources.", "importlib_resources.", "pkgutil.", "pkg_resources.")

ZONE_CALLS: Final = frozenset(
    "zoneinfo.ZoneInfo backports.zoneinfo.ZoneInfo pytz.timezone dateutil.tz.gettz dateutil.tz.tzfile pendulum.timezone"
    " pendulum.now arrow.now zoneinfo.ZoneInfo.no_cache tz.gettz django.utils.timezone.pytz.timezone".split()
)
ZONE_PATHS: Final = ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo")
"""Lib/zoneinfo/_tzpath.py: what TZPATH is where nobody configured it."""

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

RESOLVES_HOSTS: Final = frozenset(
    "socket.create_connection socket.getaddrinfo socket.gethostbyname socket.gethostbyname_ex socket.getnameinfo"
    " urllib.request.urlopen urllib.request.urlretrieve http.client.HTTPConnection http.client.HTTPSConnection"
    " smtplib.SMTP smtplib.SMTP_SSL ftplib.FTP imaplib.IMAP4 imaplib.IMAP4_SSL poplib.POP3 asyncio.open_connection"
    " telnetlib.Telnet xmlrpc.client.ServerProxy".split()
)
"""`getaddrinfo` encodes every host that is a str by the idna codec (Modules/socketmodule.c)."""
HTTP_CLIENTS: Final = ("requests.", "httpx.", "aiohttp.", "urllib3.")
HTTP_METHODS: Final = frozenset(
    "get post put patch delete head options request stream Session session Client AsyncClient ClientSession PoolManager"
    " ProxyManager HTTPSConnectionPool connection_from_url".split()
)
OPENSSL_CALLS: Final = frozenset(
    "ssl.create_default_context ssl._create_default_https_context ssl.get_default_verify_paths"
    " urllib.request.urlopen urllib.request.urlretrieve http.client.HTTPSConnection urllib3.PoolManager"
    " urllib3.request aiohttp.ClientSession aiohttp.request xmlrpc.client.ServerProxy".split()
)
"""They trust what OpenSSL's compiled-in directory holds, unless they are told otherwise."""
OPENSSL_METHODS: Final = frozenset({"load_default_certs", "set_default_verify_paths"})
CERTIFI_CLIENTS: Final = ("requests.", "httpx.")
"""They trust the bundle of certifi."""
TLS_LIBRARIES: Final = frozenset(
    "requests urllib3 httpx httpcore aiohttp certifi pip ssl.py http urllib smtplib.py ftplib.py imaplib.py poplib.py"
    " nntplib.py xmlrpc asyncio tornado gevent eventlet twisted".split()
)
"""Libraries that offer TLS: not they want authorities, but who calls them."""

COMPUTED_IMPORTS: Final[Mapping[str, tuple[str, ...]]] = {
    # _sysconfigdata_*: sysconfig builds the name from ABI flags, platform and multiarch (`_get_sysconfigdata_name`).
    "sysconfig.get_config_var": ("_sysconfigdata_*",),
    "sysconfig.get_config_vars": ("_sysconfigdata_*",),
    "sysconfig.get_paths": ("_sysconfigdata_*",),
    "sysconfig.get_path": ("_sysconfigdata_*",),
    # Imported by name from C: Modules/timemodule.c, Modules/_datetimemodule.c.
    "time.strptime": ("_strptime",),
    "datetime.datetime.strptime": ("_strptime",),
    "datetime.strptime": ("_strptime",),
    # Frozen importlib asks importlib.readers for the files of a package (FileLoader.get_resource_reader).
    "importlib.resources.files": ("importlib.readers",),
    "importlib.resources.open_text": ("importlib.readers",),
    "importlib.resources.open_binary": ("importlib.readers",),
    "importlib.resources.read_text": ("importlib.readers",),
    "importlib.resources.read_binary": ("importlib.readers",),
    "importlib.resources.path": ("importlib.readers",),
    "importlib.resources.contents": ("importlib.readers",),
    # A distribution's metadata is parsed as a message.
    "importlib.metadata.version": ("email.parser",),
    "importlib.metadata.metadata": ("email.parser",),
    "importlib.metadata.requires": ("email.parser",),
    # Contexts of multiprocessing import what their methods need when these are called.
    "multiprocessing.Process": ("multiprocessing.popen_fork",),
    "multiprocessing.Pool": ("multiprocessing.pool", "multiprocessing.popen_fork"),
    "multiprocessing.Queue": ("multiprocessing.queues", "multiprocessing.synchronize"),
    "multiprocessing.JoinableQueue": ("multiprocessing.queues", "multiprocessing.synchronize"),
    "multiprocessing.SimpleQueue": ("multiprocessing.queues", "multiprocessing.synchronize"),
    "multiprocessing.Manager": ("multiprocessing.managers", "multiprocessing.popen_fork"),
    "multiprocessing.Pipe": ("multiprocessing.connection",),
    "multiprocessing.Lock": ("multiprocessing.synchronize",),
    "multiprocessing.RLock": ("multiprocessing.synchronize",),
    "multiprocessing.Event": ("multiprocessing.synchronize",),
    "multiprocessing.Condition": ("multiprocessing.synchronize",),
    "multiprocessing.Semaphore": ("multiprocessing.synchronize",),
    "multiprocessing.BoundedSemaphore": ("multiprocessing.synchronize",),
    "multiprocessing.Barrier": ("multiprocessing.synchronize",),
    "multiprocessing.Value": ("multiprocessing.sharedctypes",),
    "multiprocessing.Array": ("multiprocessing.sharedctypes",),
    "concurrent.futures.ProcessPoolExecutor": ("multiprocessing.popen_fork", "multiprocessing.queues"),
    # Event loops run what blocks, and look hosts up, in concurrent.futures.ThreadPoolExecutor, loaded on first use.
    "asyncio.to_thread": ("concurrent.futures.thread",),
    "asyncio.open_connection": ("concurrent.futures.thread",),
    "asyncio.start_server": ("concurrent.futures.thread",),
    # xml.sax tries the parsers of a list of names.
    "xml.sax.parse": ("xml.sax.expatreader",),
    "xml.sax.parseString": ("xml.sax.expatreader",),
    "xml.sax.make_parser": ("xml.sax.expatreader",),
    # The default parser of minidom is imported behind `if parser is None`.
    "xml.dom.minidom.parse": ("xml.dom.expatbuilder",),
    "xml.dom.minidom.parseString": ("xml.dom.expatbuilder",),
    # Without an encoding a document is written as "us-ascii", by a TextIOWrapper that asks the registry.
    "xml.etree.ElementTree.tostring": ("encodings.ascii",),
    "xml.etree.ElementTree.tostringlist": ("encodings.ascii",),
    # dbm tries its back ends by name.
    "dbm.open": ("dbm.gnu", "dbm.ndbm", "dbm.dumb"),
    "shelve.open": ("dbm", "dbm.gnu", "dbm.ndbm", "dbm.dumb"),
    # shutil keeps archive formats in tables of functions that import.
    "shutil.make_archive": ("tarfile", "zipfile", "zlib", "gzip"),
    "shutil.unpack_archive": ("tarfile", "zipfile", "zlib", "gzip"),
}
"""Modules that a call of the standard library loads by a name that no import statement shows."""
COMPUTED_METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "strptime": ("_strptime",),
    "run_in_executor": ("concurrent.futures.thread",),
}
"""... and a method whose receiver the text does not tell."""
TAR_MODES: Final[Mapping[str, str]] = {"gz": "gzip", "bz2": "bz2", "xz": "lzma"}

EXCEPTIONS_OF_IMPORTS: Final = frozenset({"ImportError", "ModuleNotFoundError", "AttributeError", "SyntaxError"})
LOGGERS: Final = frozenset({"getLogger", "get_logger", "getChild"})
"""Their argument looks like a module and is none."""
