"""Words of Ruby and its libraries that say what a call is for, and the kinds of steps that a program takes."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

__all__ = [
    "ALWAYS_TLS",
    "BUILDS_PATHS",
    "ENCODES",
    "ENGINES",
    "HTTP_CLIENTS",
    "KERNEL_STARTS",
    "LEAVES",
    "LOAD_PATHS",
    "METHODS_THAT_READ",
    "MODE",
    "NEEDS_SHELL",
    "READS",
    "RENDERS",
    "RUNS_NOW",
    "STARTS",
    "STARTS_TLS",
    "Kind",
]


class Kind(StrEnum):
    """What a step of a program does."""

    START = "start"
    """The program is started, by its name."""
    REQUIRE = "require"
    FEATURE = "feature"
    """What a compiled extension requires, over the load path alone."""
    REQUIRE_RELATIVE = "require_relative"
    LOAD = "load"
    AUTOLOAD = "autoload"
    GEM = "gem"
    GEM_PROGRAM = "gem program"
    """`Gem.activate_bin_path`."""
    BUNDLE = "bundle"
    """Bundler starts; named `require` where it then loads every gem of the Gemfile."""
    LOAD_PATH = "load path"
    ASSIGNMENT = "assignment"
    EACH = "each"
    """The parameter of a block takes every text of a list."""
    NAMES = "names"
    """Files that are read."""
    PATHS = "paths"
    """Texts that are paths where they are absolute."""
    OPEN = "open"
    """Kernel#open: a file, or behind a bar a command."""
    COMMAND_LINE = "command line"
    COMMAND = "command"
    """A program and its arguments."""
    ENCODING = "encoding"
    MODE = "mode"
    """Modes of files, which may name encodings."""
    DIGEST = "digest"
    TLS = "tls"
    """The program speaks TLS as a client."""
    RENDER = "render"
    """A template, named by the engine where that is said."""
    SETTING = "setting"
    STATIC = "static"
    FOLDER = "folder"
    """A loader takes files from a folder."""
    OWN_FOLDER = "own folder"
    SINATRA = "sinatra"
    RAILS = "rails"
    """The class of an application."""
    END = "end"


LOAD_PATHS: Final = frozenset({"$LOAD_PATH", "$:", "$-I"})
RUNS_NOW: Final = frozenset(
    """
    each each_with_index each_pair each_with_object map flat_map collect select reject filter times tap then
    yield_self upto downto inject reduce sort_by group_by sum any? all? find detect chdir synchronize
    silence_warnings instance_eval class_eval module_eval class_exec instance_exec configure new for_env builder
    run_tasks lock
    """.split()
)
"""Methods that call their block where they stand; any other block is kept for later (a route, a handler, a task)."""
READS: Final = {
    "File": frozenset(
        """
        read open new readlines foreach binread exist? exists? file? directory? readable? stat size load size?
        zero? executable? mtime write binwrite
        """.split()
    ),
    "IO": frozenset(("read", "readlines", "foreach", "binread", "copy_stream")),
    "Dir": frozenset(
        ("children", "each_child", "entries", "foreach", "open", "new", "exist?", "chdir", "empty?", "mkdir")
    ),
    "YAML": frozenset(("load_file", "safe_load_file", "unsafe_load_file")),
    "Psych": frozenset(("load_file", "safe_load_file", "unsafe_load_file")),
    "JSON": frozenset(("load_file", "load_file!")),
    "CSV": frozenset(("read", "foreach", "open", "table", "readlines")),
    "Tilt": frozenset({"new"}),
    "FileUtils": frozenset(("cp", "cp_r", "mv", "ln_s", "mkdir_p", "mkdir", "rm_rf", "rm", "touch", "install")),
    "Pathname": frozenset({"new"}),
    "Zip::File": frozenset({"open"}),
    "SQLite3::Database": frozenset({"new"}),
    "Marshal": frozenset({"load"}),
    "Dotenv": frozenset({"load"}),
}
BUILDS_PATHS: Final = frozenset(("File.join", "File.expand_path", "File.absolute_path", "File.realpath"))
METHODS_THAT_READ: Final = frozenset(("read", "binread", "readlines", "each_line", "open", "load_file"))
KERNEL_STARTS: Final = frozenset({"system", "exec", "spawn", "`"})
STARTS: Final = {
    "Kernel": KERNEL_STARTS,
    "Process": frozenset({"spawn", "exec"}),
    "IO": frozenset({"popen"}),
    "PTY": frozenset({"spawn", "getpty"}),
    "Open3": frozenset({"capture2", "capture2e", "capture3", "popen2", "popen2e", "popen3"}),
}
NEEDS_SHELL: Final = re.compile(
    r"[*?{}\[\]<>()~&|\\$;'`\"\n#]|\A[ \t]*[^ \t/=]{0,255}="
    r"|\A\s*(?:\.|:|break|case|continue|do|done|elif|else|esac|eval|exec|exit|export"
    r"|fi|for|if|in|readonly|return|set|shift|then|times|trap|unset|until|while)(?:\s|\Z)"
)
"""process.c, rb_exec_fillarg: a sign, an assignment before the command, or a word of the shell's own."""
LEAVES: Final = frozenset(
    """
    comment identifier constant scope_resolution instance_variable class_variable global_variable simple_symbol
    string_content escape_sequence integer float true false nil self uninterpreted heredoc_content heredoc_end
    heredoc_beginning regex operator
    """.split()
)
ENCODES: Final = frozenset({"encode", "encode!", "force_encoding", "set_encoding", "find", "unicode_normalize"})
MODE: Final = re.compile(r"[rwa]b?\+?:(?:bom\|)?([A-Za-z0-9_-]+)(?::([A-Za-z0-9_-]+))?\Z", re.IGNORECASE)
HTTP_CLIENTS: Final = frozenset(
    {"Net::HTTP", "Net::HTTPS", "Net::SMTP", "Net::IMAP", "URI", "Faraday", "HTTParty", "RestClient", "Excon", "HTTP"}
    | {"HTTPClient", "Typhoeus", "OpenURI"}
)
ALWAYS_TLS: Final = frozenset({"OpenSSL::SSL", "OpenSSL::SSL::SSLContext", "OpenSSL::SSL::SSLSocket"})
STARTS_TLS: Final = frozenset(("use_ssl=", "use_ssl", "start_tls", "enable_starttls", "enable_tls"))
ENGINES: Final = {
    "erb": ("erb", "erubi"),
    "erubi": ("erb", "erubi"),
    "erubis": ("erb", "erubis"),
    "haml": ("haml",),
    "slim": ("slim",),
    "liquid": ("liquid",),
    "markdown": ("md", "markdown", "mkd"),
    "builder": ("builder",),
    "nokogiri": ("nokogiri",),
    "sass": ("sass",),
    "scss": ("scss",),
    "rdoc": ("rdoc",),
    "haml5": ("haml",),
    "asciidoc": ("adoc", "asciidoc"),
    "rabl": ("rabl",),
}
"""Rendering methods of Sinatra (and Roda's `render`), with the suffixes of their templates."""
RENDERS: Final = frozenset({"render", "render_to_string", "view", "partial", "render_template"})
