"""Readers, inventories and rules that are in force: ours first, then those of installed packages, sorted by name.

A plug-in that does not import, has the wrong shape or takes a name that is taken stops the run: a gate that runs
without a rule that it was told to have would be a false pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import TypeVar

from xraydiff.errors import PluginError
from xraydiff.inventory.protocol import Inventory
from xraydiff.knowledge import OURS, Knowledge
from xraydiff.references import Depth, Reader
from xraydiff.references.readers.awk import AwkReader
from xraydiff.references.readers.companions import CompanionsReader
from xraydiff.references.readers.config import ConfigReader
from xraydiff.references.readers.data_directories import DataDirectoriesReader
from xraydiff.references.readers.elf import ElfReader
from xraydiff.references.readers.elf_capabilities import ElfCapabilitiesReader
from xraydiff.references.readers.erlang import ErlangReader
from xraydiff.references.readers.java import JavaReader
from xraydiff.references.readers.literals import LiteralsReader
from xraydiff.references.readers.lua import LuaReader
from xraydiff.references.readers.node import NodeReader
from xraydiff.references.readers.packed import PackedReader
from xraydiff.references.readers.perl import PerlReader
from xraydiff.references.readers.php import PhpReader
from xraydiff.references.readers.python import PythonReader
from xraydiff.references.readers.ruby import RubyReader
from xraydiff.references.readers.services import ServicesReader
from xraydiff.references.readers.shebang import ShebangReader
from xraydiff.references.readers.shell import ShellReader
from xraydiff.references.readers.switched_modules import SwitchedModulesReader
from xraydiff.rules import (
    Rule,
    application,
    certificates,
    config,
    data,
    directories,
    elf,
    image,
    includes,
    links,
    modules,
    packages,
    privileges,
    scripts,
    shells,
    state,
    tls,
    users,
)

T = TypeVar("T")

READERS, INVENTORIES, RULES = "xraydiff.references", "xraydiff.inventory", "xraydiff.rules"


OUR_READERS: tuple[type[Reader], ...] = (
    ConfigReader,
    ElfReader,
    ElfCapabilitiesReader,
    ShebangReader,
    ShellReader,
    PythonReader,
    NodeReader,
    PhpReader,
    RubyReader,
    PerlReader,
    JavaReader,
    ErlangReader,
    AwkReader,
    LuaReader,
    CompanionsReader,
    DataDirectoriesReader,
    ServicesReader,
    SwitchedModulesReader,
    PackedReader,
    LiteralsReader,
)

_FROM_KNOWLEDGE = (CompanionsReader, DataDirectoriesReader)
"""Readers that are nothing but rows of knowledge."""

OUR_RULES: tuple[Rule, ...] = (
    application.application_file_missing,
    certificates.certificates_missing,
    certificates.certificates_gone,
    certificates.private_key_baked_in,
    config.healthcheck_lost,
    config.start_changed,
    config.config_changed,
    data.data_missing,
    directories.directory_missing,
    directories.temporary_directory_gone,
    elf.missing_library,
    elf.missing_plugin,
    elf.libraries_gone,
    image.not_a_pair,
    image.start_broken,
    image.layers,
    image.other_source,
    includes.include_absent,
    includes.include_without_effect,
    links.dangling_link,
    modules.module_missing,
    packages.package_database_gone,
    packages.package_kept_in_part,
    privileges.world_writable,
    privileges.privilege_gained,
    privileges.privilege_lost,
    privileges.owner_changed,
    privileges.privilege_tools_gone,
    scripts.command_missing,
    shells.shell_missing,
    shells.shells_gone,
    state.host_facts_baked_in,
    state.runtime_state_baked_in,
    state.data_changed_by_the_run,
    state.credentials_baked_in,
    tls.tls_missing,
    tls.tls_gone,
    users.identity_missing,
    users.start_user_unknown,
    users.users_changed,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugins:
    """Everything that a comparison runs."""

    readers: tuple[Reader, ...]
    inventories: tuple[Inventory, ...]
    rules: tuple[Rule, ...]
    knowledge: Knowledge = OURS
    """Ours, and a user's rows."""


def load(knowledge: Knowledge = OURS) -> Plugins:
    """Ours, with the given knowledge, and those of installed packages. Raises `PluginError` that names the culprit."""
    made = (reader() for reader in OUR_READERS)
    ours = tuple(type(one)(knowledge) if isinstance(one, _FROM_KNOWLEDGE) else one for one in made)
    return Plugins(
        readers=_joined(ours, READERS, _as_reader, lambda reader: reader.name),
        inventories=_joined((), INVENTORIES, _as_inventory, lambda inventory: inventory.name),
        rules=_joined(OUR_RULES, RULES, _as_rule, lambda rule: rule.id),
        knowledge=knowledge,
    )


def _joined(
    ours: tuple[T, ...], group: str, convert: Callable[[object, str], T], name: Callable[[T], str]
) -> tuple[T, ...]:
    found: list[T] = []
    taken = {name(one) for one in ours}
    for point in sorted(metadata.entry_points(group=group), key=lambda point: (point.name, point.value)):
        plugin = convert(_loaded(point), _label(point))
        if name(plugin) in taken:
            raise PluginError(f"plug-in {_label(point)}: the name {name(plugin)!r} is taken")
        taken.add(name(plugin))
        found.append(plugin)
    return ours + tuple(sorted(found, key=name))


def _label(point: metadata.EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else "?"
    return f"{point.name} of {package} ({point.value})"


def _loaded(point: metadata.EntryPoint) -> object:
    try:
        loaded: object = point.load()
        return loaded() if isinstance(loaded, type) else loaded
    except Exception as error:
        raise PluginError(f"plug-in {_label(point)} does not load: {type(error).__name__}: {error}") from error


def _as_reader(loaded: object, label: str) -> Reader:
    if not _has(loaded, "name", "language", "depth") or not _calls(loaded, "accepts", "read"):
        raise PluginError(f"plug-in {label} is no reader: it lacks name, language, depth, accepts or read")
    reader: Reader = loaded  # type: ignore[assignment]  # checked member by member just above
    if reader.depth not in set(Depth):
        known = ", ".join(repr(depth.value) for depth in Depth)
        raise PluginError(f"plug-in {label}: depth must be one of {known}")
    return reader


def _as_inventory(loaded: object, label: str) -> Inventory:
    if not _has(loaded, "name") or not _calls(loaded, "take"):
        raise PluginError(f"plug-in {label} is no inventory: it lacks name or take")
    inventory: Inventory = loaded  # type: ignore[assignment]  # checked member by member just above
    return inventory


def _as_rule(loaded: object, label: str) -> Rule:
    if not isinstance(loaded, Rule):
        raise PluginError(f"plug-in {label} is no rule: use the decorator xraydiff.plugin.rule")
    return loaded


def _has(loaded: object, *names: str) -> bool:
    return all(isinstance(getattr(loaded, name, None), str) for name in names)


def _calls(loaded: object, *names: str) -> bool:
    return all(callable(getattr(loaded, name, None)) for name in names)
