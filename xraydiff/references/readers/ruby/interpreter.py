"""Where this image's own Ruby looks for features: the load path compiled into it, RUBYLIB, gems, a bundle's lock file.

RbConfig says the first, `Gem.default_path` and `Gem.path` the third (rubygems/defaults.rb, with what operating systems
add to it), Bundler's documentation ("Gemfile.lock", `bundle config path`) the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from xraydiff.paths import ImagePath, basename, decoded, image_path, join, parent
from xraydiff.references import Context
from xraydiff.references.kit.lookup import Exhausted, Lookup

__all__ = ["Gem", "RubyInterpreter", "find_interpreter"]

_RBCONFIG = (
    "/usr/local/lib/ruby/*/*/rbconfig.rb",
    "/usr/lib/ruby/*/*/rbconfig.rb",
    "/usr/lib/*/ruby/*/rbconfig.rb",
    "/usr/lib64/ruby/*/rbconfig.rb",
    "/usr/lib64/ruby/*/*/rbconfig.rb",
    "/opt/*/lib/ruby/*/*/rbconfig.rb",
    "/opt/*/*/lib/ruby/*/*/rbconfig.rb",
)
"""Prefixes of official images, distributions, and of version managers that install below /opt."""
_CONFIG_SIZE = 1 << 20
_LINE = re.compile(rb'^\s*CONFIG\["(\w+)"\] = "([^"\n]*)"', re.MULTILINE)
_TOP = re.compile(rb'TOPDIR = File\.dirname\(__FILE__\)\.chomp!\("([^"\n]*)"\)')
_VARIABLE = re.compile(r"\$\((\w+)\)")
_LOAD_PATH = ("sitelibdir", "sitearchdir", "sitedir", "vendorlibdir", "vendorarchdir", "vendordir")
_OWN = ("rubylibdir", "rubyarchdir")
_STUB = re.compile(rb"^# stub: (\S+) (\S+) (\S+) ([^\n]*)$", re.MULTILINE)
_REQUIRE_PATHS = re.compile(rb"\.require_paths\s*=\s*\[([^\]\n]{0,2000})\]")
_QUOTED = re.compile(r"[\"']([^\"'\n]*)[\"']")
_FULL_NAME = re.compile(r"(?P<name>.+?)-(?P<version>[0-9][0-9A-Za-z.]*)(?:-[A-Za-z0-9_.\-]+)?\Z")
_LOCKED = re.compile(r"^    (\S+) \(([0-9][0-9A-Za-z.]*)(?:-[^)]*)?\)$", re.MULTILINE)
_REMOTE = re.compile(r"^PATH\n  remote: ([^\n]+)$", re.MULTILINE)
_WANTED = re.compile(r"^DEPENDENCIES\n((?:  [^\n]+\n?)*)", re.MULTILINE)
_BUNDLE_PATH = re.compile(r"^BUNDLE_PATH:\s*[\"']?([^\"'\n]+?)[\"']?\s*$", re.MULTILINE)
_EXTENSIONS = (".rb", ".so")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gem:
    """An installed gem: its specification, its own directory, and the directories that it puts on the load path."""

    name: str
    version: str
    specification: ImagePath
    home: ImagePath
    require_paths: tuple[ImagePath, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What a Gemfile.lock says."""

    lock: ImagePath | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()
    """Names below DEPENDENCIES: what the Gemfile itself lists."""
    local: tuple[ImagePath, ...] = ()
    """`lib` directories of gems that are taken from a path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RubyInterpreter:
    """One Ruby of the image with everything that it would search."""

    load_path: tuple[ImagePath, ...]
    gems: tuple[Gem, ...]
    """The ones that would be activated: of each name the locked version, or the newest; in the order of GEM_PATH."""
    defaults: frozenset[str]
    """Names of gems that are part of this Ruby's own library, which a newer installed one replaces."""
    archives: tuple[ImagePath, ...]
    """Directories of compiled parts (`rubyarchdir`), where encodings lie."""
    bundle: Bundle

    def files(self, feature: str, lookup: Lookup, extra: Iterable[str] = ()) -> tuple[ImagePath, ...]:
        """What `require` of a feature loads: its file, and the specification of the gem that had to be found first."""
        lookup.spend(1 + len(self.gems) // 8)
        names = _spellings(feature)
        in_path = _first((*extra, *self.load_path), names, lookup)
        gem = self._gem_with(names, lookup)
        if in_path is not None and (gem is None or gem[0].name not in self.defaults):
            return (in_path,)
        if gem is not None:
            own = gem[1].startswith(f"{gem[0].home}/")
            return (gem[1], gem[0].specification) if own else (gem[1],)
        return ()

    def starting_with(self, prefix: str, ending: str, lookup: Lookup, extra: Iterable[str]) -> tuple[ImagePath, ...]:
        """The features of a directory whose names a program makes up as it runs (`require "plugins/#{name}"`)."""
        folder, _, start = prefix.rpartition("/")
        end = ending if ending.endswith(_EXTENSIONS) else f"{ending}.rb"
        found: dict[ImagePath, None] = {}
        for root in (*extra, *self.load_path, *(path for gem in self.gems for path in gem.require_paths)):
            lookup.spend()
            for name in lookup.children(f"{root}/{folder}"):
                if name.startswith(start) and name.endswith(end):
                    found[ImagePath(f"{root}/{folder}/{name}")] = None
        return tuple(found)

    def gem(self, name: str) -> Gem | None:
        """The gem of a name."""
        return next((gem for gem in self.gems if gem.name == name), None)

    def _gem_with(self, names: tuple[str, ...], lookup: Lookup) -> tuple[Gem, ImagePath] | None:
        for gem in self.gems:
            path = _first(gem.require_paths, names, lookup)
            if path is not None:
                return gem, path
        return None


def find_interpreter(context: Context, lookup: Lookup) -> RubyInterpreter:
    """This image's Ruby, found once in a walk."""
    known = context.once(_interpreter)
    lookup.spend()
    return known


_NOTHING = RubyInterpreter(load_path=(), gems=(), defaults=frozenset(), archives=(), bundle=Bundle())


def _interpreter(context: Context) -> RubyInterpreter:
    try:
        return _installed(context, Lookup(context))
    except Exhausted:
        return _NOTHING


def _installed(context: Context, lookup: Lookup) -> RubyInterpreter:
    config = _config(context, lookup)
    bundle = _bundle(context, lookup)
    found = list(_gems(_gem_homes(context, config, lookup), lookup))
    path = [*_directories(context.env.get("RUBYLIB", ""), context), *_included(context), *bundle.local]
    path.extend(image_path(config[name]) for name in (*_LOAD_PATH, *_OWN) if config.get(name))
    archives = tuple(image_path(config[name]) for name in ("rubyarchdir",) if config.get(name))
    return RubyInterpreter(
        load_path=tuple(dict.fromkeys(path)),
        gems=_chosen((gem for gem, default in found if not default), bundle),
        defaults=frozenset(gem.name for gem, default in found if default),
        archives=archives,
        bundle=bundle,
    )


def _spellings(feature: str) -> tuple[str, ...]:
    if feature.endswith(_EXTENSIONS):
        return (feature,)
    if feature.endswith((".o", ".dll", ".bundle")):
        return (feature.rpartition(".")[0] + ".so",)
    return tuple(feature + ending for ending in _EXTENSIONS)


def _first(roots: Iterable[str], names: tuple[str, ...], lookup: Lookup) -> ImagePath | None:
    """The first file of a name in directories: every directory is tried with one ending before the next ending."""
    roots = tuple(roots)
    files = lookup.context.original.files
    for name in names:
        for root in roots:
            path = ImagePath(f"{root}/{name}")
            if (path in files or "/../" in path or "/./" in path) and lookup.is_file(path):
                return image_path(path)
    # Real paths were tried; a load path that goes through a link (`/usr/lib64 -> lib`) takes a resolution each.
    for name in names:
        for root in roots:
            if (root_real := lookup.real(root)) is not None and root_real[0] != root:
                path = ImagePath(f"{root_real[0]}/{name}")
                if lookup.is_file(path):
                    return image_path(path)
    return None


# --- the load path ----------------------------------------------------------------------------------------------------


def _config(context: Context, lookup: Lookup) -> dict[str, str]:
    """RbConfig of the Ruby whose prefix comes first in PATH."""
    found = [path for pattern in _RBCONFIG for path in lookup.glob(pattern) if "/gems/" not in path]
    if not found:
        return {}
    prefixes = [parent(folder) for folder in context.path]

    def rank(path: ImagePath) -> tuple[int, str]:
        own = [index for index, prefix in enumerate(prefixes) if path.startswith(f"{prefix}/lib")]
        return (own[0] if own else len(prefixes), path)

    path = min(dict.fromkeys(found), key=rank)
    data = lookup.content(path, _CONFIG_SIZE)
    config = {decoded(name): decoded(value) for name, value in _LINE.findall(data)}
    top = _TOP.search(data)
    tail = decoded(top[1]) if top else ""
    folder = parent(path)
    config["prefix"] = folder.removesuffix(tail) if tail and folder.endswith(tail) else _prefix(folder)
    config["exec_prefix"] = config["prefix"]
    config["DESTDIR"] = ""
    expanded = {name: _expanded(value, config) for name, value in config.items()}
    expanded["rubyarchdir"] = folder
    return expanded


def _prefix(folder: str) -> str:
    return folder.partition("/lib")[0]


def _expanded(value: str, config: Mapping[str, str]) -> str:
    for _ in range(8):
        longer = _VARIABLE.sub(lambda match: config.get(match[1], ""), value)
        if longer == value or len(longer) > 4_096:
            break
        value = longer
    return value


def _directories(text: str, context: Context) -> Iterator[ImagePath]:
    yield from (join(context.cwd, part) for part in text.split(":") if part)


def _included(context: Context) -> Iterator[ImagePath]:
    """`-I DIR` of the start command."""
    words = (*(context.config.entrypoint or ()), *(context.config.cmd or ()))
    for index, word in enumerate(words):
        if word == "-I" and index + 1 < len(words):
            yield from _directories(words[index + 1], context)
        elif word.startswith("-I"):
            yield from _directories(word[2:], context)


# --- gems -------------------------------------------------------------------------------------------------------------


def _gem_homes(context: Context, config: Mapping[str, str], lookup: Lookup) -> tuple[ImagePath, ...]:
    version = config.get("ruby_version", "")
    library = config.get("rubylibprefix", "")
    homes = [*_directories(context.env.get("GEM_HOME", ""), context)]
    homes.extend(_directories(context.env.get("GEM_PATH", ""), context))
    homes.extend(join(path, f"ruby/{version}") for path in _bundle_paths(context, lookup))
    homes.extend(image_path(path) for path in _bundle_paths(context, lookup))
    user = context.env.get("HOME", "/root")
    if version:
        homes.extend(join(user, path) for path in (f".local/share/gem/ruby/{version}", f".gem/ruby/{version}"))
        homes.extend(image_path(f"{root}/gems/{version}") for root in ("/var/lib", "/usr/local/lib/ruby", library))
        arch = parent(parent(ImagePath(config.get("rubyarchdir", "/"))))
        homes.extend(image_path(f"{arch}/{name}/{version}") for name in ("ruby/gems", "rubygems-integration"))
        homes.extend(image_path(f"/usr/share/rubygems-integration/{name}") for name in (version, "all"))
    if library:
        homes.append(image_path(f"{library}/gems/{version}"))
        homes.append(image_path(f"{parent(ImagePath(library))}/share/gems"))
    homes.extend(map(image_path, ("/usr/share/gems", "/usr/local/share/gems")))
    return tuple(dict.fromkeys(home for home in homes if lookup.is_directory(f"{home}/specifications")))


def _bundle_paths(context: Context, lookup: Lookup) -> Iterator[ImagePath]:
    if context.env.get("BUNDLE_PATH"):
        yield join(context.cwd, context.env["BUNDLE_PATH"])
    for folder in (context.env.get("BUNDLE_APP_CONFIG", ""), ".bundle", "/usr/local/bundle"):
        text = decoded(lookup.content(f"{join(context.cwd, folder)}/config", _CONFIG_SIZE)) if folder else ""
        match = _BUNDLE_PATH.search(text)
        if match:
            yield join(context.cwd, match[1])
    yield join(context.cwd, "vendor/bundle")


def _gems(homes: Iterable[ImagePath], lookup: Lookup) -> Iterator[tuple[Gem, bool]]:
    """Every gem of these homes, and whether it is a default one."""
    for home in homes:
        compiled = _compiled(home, lookup)
        for default in (False, True):
            folder = f"{home}/specifications" + ("/default" if default else "")
            for name in lookup.children(folder):
                match = _FULL_NAME.match(name.removesuffix(".gemspec"))
                if not name.endswith(".gemspec") or match is None:
                    continue
                path = ImagePath(f"{folder}/{name}")
                full = name.removesuffix(".gemspec")
                paths = () if default else tuple(_require_paths(home, full, path, compiled, lookup))
                gem = Gem(
                    name=match["name"],
                    version=match["version"],
                    specification=path,
                    home=ImagePath(f"{home}/gems/{full}"),
                    require_paths=paths,
                )
                yield gem, default


def _compiled(home: ImagePath, lookup: Lookup) -> dict[str, list[ImagePath]]:
    """Directories of the compiled parts of gems (extensions/PLATFORM/API/NAME-VERSION), by their last name."""
    found: dict[str, list[ImagePath]] = {}
    top = f"{home}/extensions"
    for platform in lookup.children(top):
        for api in lookup.children(f"{top}/{platform}"):
            for full in lookup.children(f"{top}/{platform}/{api}"):
                found.setdefault(full, []).append(ImagePath(f"{top}/{platform}/{api}/{full}"))
    return found


def _require_paths(
    home: ImagePath, full: str, path: ImagePath, compiled: Mapping[str, list[ImagePath]], lookup: Lookup
) -> Iterator[ImagePath]:
    root = f"{home}/gems/{full}"
    data = lookup.content(path, lookup.context.limits.script)
    stub, listed = _STUB.search(data), _REQUIRE_PATHS.search(data)
    names = _QUOTED.findall(decoded(listed[1])) if listed else ["lib"]
    if stub:
        names = decoded(stub[4]).split("\0")
    yield from compiled.get(full, ())
    for name in names[:64]:
        yield join(root, name) if not name.startswith("/") else image_path(name)


def _chosen(gems: Iterable[Gem], bundle: Bundle) -> tuple[Gem, ...]:
    """Of each name the version that the lock file says, else the newest; the first home counts among equal ones."""
    best: dict[str, Gem] = {}
    for gem in gems:
        known = best.get(gem.name)
        if known is None:
            best[gem.name] = gem
        elif bundle.versions.get(gem.name) in (gem.version, known.version):
            best[gem.name] = gem if bundle.versions[gem.name] == gem.version != known.version else known
        elif _version(gem.version) > _version(known.version):
            best[gem.name] = gem
    return tuple(best.values())


def _version(text: str) -> tuple[tuple[int, int, str], ...]:
    """The order of Gem::Version: numbers by value, letters before them, as `1.0.pre` before `1.0`."""
    parts = re.findall(r"[0-9]+|[A-Za-z]+", text)
    keys = [(1, int(part[:18]), "") if part[0].isdigit() else (-1, 0, part) for part in parts]
    return (*keys, (0, 0, ""))


# --- bundles ----------------------------------------------------------------------------------------------------------


def _bundle(context: Context, lookup: Lookup) -> Bundle:
    gemfile = join(context.cwd, context.env.get("BUNDLE_GEMFILE", "Gemfile"))
    lock = ImagePath(f"{gemfile}.lock")
    if basename(gemfile) == "gems.rb":
        lock = join(parent(gemfile), "gems.locked")
    text = decoded(lookup.content(lock, lookup.context.limits.script)).replace("\r\n", "\n")
    if not text:
        return Bundle()
    wanted = _WANTED.search(text)
    names = (line.split()[0].rstrip("!") for line in wanted[1].splitlines() if line.strip()) if wanted else ()
    return Bundle(
        lock=lock,
        versions=dict(_LOCKED.findall(text)),
        wanted=tuple(dict.fromkeys(names)),
        local=tuple(join(parent(lock), f"{path}/lib") for path in dict.fromkeys(_REMOTE.findall(text)[:64])),
    )
