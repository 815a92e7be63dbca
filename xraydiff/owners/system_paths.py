"""Which places of an image are the operating system's, and which names its tools and maintainer scripts write there."""

from __future__ import annotations

from xraydiff.paths import ImagePath, ancestors, basename, is_below, parent

_SYSTEM = frozenset(
    {"bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "sys", "usr", "var"}
)
_LOCAL = ("/usr/local", "/usr/src", "/usr/app", "/usr/games/app", "/var/www", "/var/app", "/var/task", "/var/opt")
"""Below a system root, but where people put what they bring themselves (FHS 3.0, 4.9; AWS Lambda; PaaS habits)."""

LIBRARY_DIRECTORIES = ("/lib", "/lib32", "/lib64", "/libx32", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32")

STATE_FILES = frozenset(
    ImagePath(path)
    for path in (
        "/.dockerenv",
        "/etc/.pwd.lock",
        "/etc/.updated",
        "/etc/adjtime",
        "/etc/alpine-release",
        "/etc/bash.bashrc",
        "/etc/ca-certificates.conf",
        "/etc/crypttab",
        "/etc/debian_version",
        "/etc/default/locale",
        "/etc/environment",
        "/etc/fstab",
        "/etc/group",
        "/etc/group-",
        "/etc/gshadow",
        "/etc/gshadow-",
        "/etc/host.conf",
        "/etc/hostname",
        "/etc/hosts",
        "/etc/hosts.allow",
        "/etc/hosts.deny",
        "/etc/inputrc",
        "/etc/issue",
        "/etc/issue.net",
        "/etc/ld.so.cache",
        "/etc/ld.so.conf",
        "/etc/locale.conf",
        "/etc/locale.gen",
        "/etc/localtime",
        "/etc/lsb-release",
        "/etc/machine-id",
        "/etc/mailcap",
        "/etc/mailname",
        "/etc/motd",
        "/etc/mtab",
        "/etc/networks",
        "/etc/nsswitch.conf",
        "/etc/os-release",
        "/etc/passwd",
        "/etc/passwd-",
        "/etc/profile",
        "/etc/protocols",
        "/etc/redhat-release",
        "/etc/resolv.conf",
        "/etc/rpc",
        "/etc/services",
        "/etc/shadow",
        "/etc/shadow-",
        "/etc/shells",
        "/etc/ssl/cert.pem",
        "/etc/ssl/openssl.cnf",
        "/etc/subgid",
        "/etc/subgid-",
        "/etc/subuid",
        "/etc/subuid-",
        "/etc/system-release",
        "/etc/timezone",
        "/etc/vconsole.conf",
        "/root/.bashrc",
        "/root/.profile",
        "/root/.cshrc",
        "/root/.tcshrc",
        "/root/.bash_logout",
        "/root/.bash_profile",
        "/root/.wget-hsts",
        "/usr/lib/locale/locale-archive",
        "/usr/lib/os-release",
        "/usr/local/man",
        "/usr/share/info/dir",
        "/var/lib/dbus/machine-id",
        "/var/lib/shells.state",
    )
)
"""Written by installers, adduser(8), ldconfig(8), update-* and the engine, in whatever image they run."""

STATE_TREES = (
    "/boot",
    "/dev",
    "/etc/alternatives",
    "/etc/apk",
    "/etc/apt",
    "/etc/dpkg",
    "/etc/pki",
    "/etc/selinux",
    "/etc/systemd",
    "/etc/yum.repos.d",
    "/lib/apk",
    "/proc",
    "/root/.cache",
    "/root/.npm",
    "/root/.gnupg",
    "/root/.config/pip",
    "/run",
    "/sys",
    "/tmp",  # noqa: S108  a name inside the image
    "/usr/lib/apk",
    "/usr/lib/locale",
    "/usr/lib/sysimage",
    "/usr/local/share/man",
    "/usr/share/ca-certificates",
    "/usr/share/doc",
    "/usr/share/i18n",
    "/usr/share/info",
    "/usr/share/locale",
    "/usr/share/man",
    "/usr/share/mime",
    "/usr/share/terminfo",
    "/var/backups",
    "/var/cache",
    "/var/lib/apt",
    "/var/lib/dnf",
    "/var/lib/dpkg",
    "/var/lib/pacman",
    "/var/lib/pam",
    "/var/lib/rpm",
    "/var/lib/systemd",
    "/var/lib/ucf",
    "/var/lock",
    "/var/log",
    "/var/mail",
    "/var/run",
    "/var/spool",
    "/var/tmp",  # noqa: S108  a name inside the image
)
"""Databases, caches, logs, run-time state and the data of the C library: nobody's application, whoever wrote it."""

_BROUGHT = ("/etc/systemd/system", "/etc/systemd/user", "/var/spool/cron")
"""Folders within them for what people tell the system to start: units and crontabs that no package lists."""

_TREES = frozenset(STATE_TREES)
_TOPS = frozenset(
    {"/root", "/home", "/opt", "/srv", "/mnt", "/media", "/usr/local", "/var", "/var/lib", "/var/opt", "/var/www"}
)

CERTIFICATES = ImagePath("/etc/ssl/certs")
_BUNDLES = ("ca-certificates.crt", "ca-bundle.crt", "ca-bundle.trust.crt", "cacerts")
_PAM = "/etc/pam.d/common-"
_CACHE_ENDINGS = (".cache", ".compiled", ".uuid", ".jsa", ".dir", ".db", ".alias.bin", ".builtin.bin")
_CACHES = frozenset({"gconv-modules.cache", "gschemas.compiled", "icon-theme.cache", "dir", "fonts.scale"})
_STATE_ROOTS = ("/var/lib", "/var/games")


def in_system(path: ImagePath) -> bool:
    """Whether a path lies where packages of an operating system put their files and people seldom do."""
    if path.split("/", 2)[1] not in _SYSTEM:
        return False
    return not any(path == root or is_below(path, root) for root in _LOCAL)


def is_root(path: ImagePath) -> bool:
    """Whether a directory is shared by the whole system, so that nobody's WORKDIR makes its content the application."""
    if path == "/" or path in _TREES or path in _TOPS or parent(path) == "/usr/local":
        return True
    return in_system(path) and path.count("/") <= 2 and not is_below(path, "/var")


def in_state_tree(path: ImagePath) -> bool:
    """Whether a path is, or lies below, a folder for caches, logs, databases of packages or run-time state."""
    return path in _TREES or any(above in _TREES for above in ancestors(path))


def is_state(path: ImagePath) -> bool:
    """Whether the system's own tools write this path."""
    if path in STATE_FILES or path.startswith(_PAM):
        return True
    if parent(path) == CERTIFICATES or is_below(path, f"{CERTIFICATES}/java"):
        return basename(path) in _BUNDLES or is_hashed_name(basename(path))
    return in_state_tree(path) and not any(is_below(path, folder) for folder in _BROUGHT)


def is_hashed_name(name: str) -> bool:
    """Whether a name is one that `c_rehash` gives: eight hex digits, a dot, a number."""
    digits, dot, number = name.partition(".")
    return bool(dot) and len(digits) == 8 and number.isdigit() and all(c in "0123456789abcdef" for c in digits)


def is_generated(path: ImagePath) -> bool:
    """Whether triggers make a file of this name in a directory of a package."""
    name = basename(path)
    return name in _CACHES or name.endswith(_CACHE_ENDINGS)


def is_state_root(path: ImagePath) -> bool:
    """Whether a path lies where programs keep what they write (FHS 3.0, 5.8)."""
    return any(is_below(path, root) for root in _STATE_ROOTS)


def is_library(path: ImagePath) -> bool:
    """Whether a path is a shared object, or a link to one, where the loader looks by default."""
    name = basename(path)
    if not (name.startswith(("lib", "ld-", "ld64")) and (name.endswith(".so") or ".so." in name)):
        return False
    folder = parent(path)
    return folder in LIBRARY_DIRECTORIES or (parent(folder) in LIBRARY_DIRECTORIES and basename(folder).count("-") == 2)
