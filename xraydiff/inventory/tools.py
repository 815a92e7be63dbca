"""Which programs are tools that slimming is expected to take (shells, package managers, ...), and where they lie."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from xraydiff.commands.start import search_path
from xraydiff.facts import File, FileType, ImageConfig, Tool, ToolClass
from xraydiff.paths import ImagePath, basename
from xraydiff.tree import FileTree

__all__ = ["TOOLS", "read_tools", "tool_class"]

_NAMES = {
    ToolClass.SHELL: """
        sh bash dash ash zsh ksh ksh93 mksh lksh oksh loksh pdksh yash fish csh tcsh bsd-csh posh rbash rksh rzsh
        bash-static zsh-static ksh-static mksh-static sash hush es rc elvish nu xonsh pwsh powershell busybox toybox
        busybox.static busybox-extras busybox-static """,
    ToolClass.PACKAGE_MANAGER: """
        apt apt-get apt-cache apt-cdrom apt-config apt-file apt-key apt-mark apt-ftparchive aptitude dselect synaptic
        add-apt-repository dpkg dpkg-deb dpkg-divert dpkg-query dpkg-reconfigure dpkg-split dpkg-statoverride
        dpkg-trigger debconf gdebi apk apk.static rpm rpm2cpio rpmdb rpmkeys rpmquery rpmverify yum dnf dnf5 dnf-3 tdnf
        microdnf zypper rpm-ostree pacman makepkg yay opkg ipkg emerge ebuild portageq xbps-install xbps-query
        xbps-remove swupd eopkg nix nix-env nix-store nix-build nix-channel guix brew port snap flatpak urpmi pkg
        pip pip-compile pip-sync pipx pipenv poetry pdm hatch uv uvx rye easy_install ensurepip conda mamba micromamba
        npm npx yarn yarnpkg pnpm pnpx corepack bun bunx bower jspm gem bundle bundler composer pecl pear cargo rustup
         cpan cpanm cpanp luarocks mix hex rebar3 cabal stack opam nuget dub vcpkg conan mvn gradle sbt lein
        """,
    ToolClass.COMPILER: """
        gcc cc c++ g++ cpp c89 c99 gcc-ar gcc-nm gcc-ranlib gcov gcov-dump gcov-tool gfortran f77 f95 gnat gdc gccgo
        clang clang++ clang-cl clang-cpp flang tcc pcc icc icx nvcc ld ld.bfd ld.gold ld.lld ld.mold lld mold gold as
        ar nm ranlib strip objcopy objdump readelf elfedit dwp addr2line size strings gprof windres dlltool lld-link
        llc lli llvm-ar llvm-as llvm-config llvm-link llvm-nm llvm-objcopy llvm-objdump llvm-ranlib llvm-strip opt
        make gmake bmake pmake cmake ccmake cpack ctest ninja samu meson bazel scons ccache sccache distcc
        autoconf autoheader autom4te automake aclocal autoreconf autoscan libtool libtoolize m4 bison flex lex yacc
        byacc swig pkg-config pkgconf patchelf go gofmt tinygo rustc rustdoc rust-lld zig nim crystal vala
        valac ghc runghc ocamlc ocamlopt javac jlink jpackage kotlinc scalac groovyc ecj swiftc swift csc
        mcs fsharpc vbc nasm yasm fasm protoc tsc esbuild dpkg-buildpackage dpkg-source debuild rpmbuild abuild
        fakeroot """,
    ToolClass.DEBUGGER: """
        gdb gdbserver gdb-multiarch gdbtui gcore cgdb lldb lldb-server strace ltrace perf trace uftrace valgrind
        callgrind_annotate cg_annotate ms_print massif-visualizer rr eu-stack pstack bpftrace bpftool
        trace-cmd latencytop powertop systemtap stap crash dlv delve jdb jcmd jconsole jhsdb jmap jstack jstat jstatd
        jinfo jps jfr jvisualvm py-spy pyspy pdb pdb3 pudb ipdb austin rbspy phpdbg ndb radare2 r2 rizin sysdig
        falco apitrace heaptrack memleax dtrace coredumpctl """,
    ToolClass.NETWORK: """
        curl wget wget2 nc ncat netcat nc.openbsd nc.traditional socat ssh scp sftp sshd ssh-keygen ssh-keyscan
        ssh-agent ssh-add ssh-copy-id dropbear dbclient dropbearkey sshpass mosh mosh-client mosh-server
        telnet telnetd in.telnetd rlogin rsh rcp ftp lftp ncftp tftp tftpd ftpget ftpput pftp rsync rclone aria2c axel
        httpie http https xh lynx links elinks w3m nmap nping zmap masscan tcpdump tshark wireshark dumpcap ngrep
        ettercap hping hping3 arping ping ping6 fping mtr mtr-packet traceroute traceroute6 tracepath tracepath6
        traceroute.db dig host nslookup drill kdig delv nsupdate resolvectl whois finger ip ss ifconfig ifup ifdown
        route arp netstat iwconfig iw ethtool mii-tool nameif slattach brctl bridge tc rtmon rtacct lnstat nstat
        iptables iptables-save iptables-restore iptables-legacy iptables-nft ip6tables ip6tables-save
        ip6tables-restore xtables-multi xtables-legacy-multi xtables-nft-multi ebtables arptables nft ipset
        conntrack ufw firewall-cmd wg wg-quick openvpn ipsec swanctl udhcpc udhcpd dhclient dhcpcd iperf iperf3 netperf
        nethogs iftop vnstat stunnel stunnel4 proxychains tor torify torsocks ssl_client gnutls-cli
        smbclient mount.cifs mount.nfs showmount rpcinfo rpcbind inetd xinetd snmpget snmpwalk
        ldapsearch chisel frpc frps ngrok cloudflared ipcalc nbtscan arp-scan hydra responder """,
    ToolClass.PRIVILEGE: """
        sudo sudoedit visudo su runuser doas pkexec gosu su-exec setpriv setuidgid chpst sg newgrp gpasswd
        passwd chfn chsh chage chpasswd chgpasswd newuidmap newgidmap useradd userdel usermod adduser deluser addgroup
        delgroup groupadd groupdel groupmod groupmems vipw vigr unix_chkpwd setcap getcap getpcaps capsh captest
        filecap netcap pscap nsenter unshare chroot pivot_root switch_root bwrap firejail runc crun mount umount
        fusermount fusermount3 losetup insmod modprobe rmmod sysctl setenforce semanage chcon restorecon setfacl
        chattr unix_update crontab expiry wall write ssh-keysign dbus-daemon-launch-helper polkit-agent-helper-1
        unix2_chkpwd """,
}

TOOLS: Mapping[str, ToolClass] = MappingProxyType(
    {name: tool for tool, names in _NAMES.items() for name in names.split()}
)
"""The class of a program by its name; `tool_class` knows versioned names and those of cross compilers too."""

_FOLDERS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/games", "/busybox")
"""Where programs lie whatever PATH says; the last one is the debug variant of distroless images."""
_MULTI_CALL = ("busybox", "toybox")
_TRIPLET = re.compile(r"[a-z0-9_]+-(?:[a-z0-9_]+-)?linux-[a-z0-9_]+-(?=.)")
_PREFIX = re.compile(r"python[0-9.]*-(?=pip)")
_VERSION = re.compile(r"-?v?[0-9]+(?:\.[0-9]+)*\Z")
_LONGEST = 80
"""No name of a tool is longer with its version and its triplet."""


def tool_class(name: str) -> ToolClass | None:
    """The class of a program's name, or None: `gcc-12`, `x86_64-linux-gnu-g++-12`, `pip3.11`, `python3-pip` too."""
    tool = TOOLS.get(name)
    if tool is not None or len(name) > _LONGEST:
        return tool
    for prefix in (_TRIPLET, _PREFIX):
        match = prefix.match(name)
        if match is not None:
            name = name[match.end() :]
    return TOOLS.get(name) or TOOLS.get(_VERSION.sub("", name, count=1))


def read_tools(tree: FileTree, config: ImageConfig, *, shells: Iterable[str] = ()) -> tuple[Tool, ...]:
    """The tools in the directories of PATH and in the usual ones, and the login shells given (shells(5)), sorted.

    Paths are real; `target` is the real file where a tool is a link, or the multi-call program whose hard link it is.
    A dangling link and a file that nobody may execute are no tools.
    """
    found: set[Tool] = set()
    applets = _Applets(tree)
    for folder in _folders(tree, config):
        prefix = "" if folder == "/" else folder
        for name in tree.children(folder):
            kind = tool_class(name)
            if kind is not None:
                found.update(_tool(tree, applets, ImagePath(f"{prefix}/{name}"), kind))
    for shell in shells:
        place = tree.resolve(shell, follow=False).path
        if place is not None:
            found.update(_tool(tree, applets, place, ToolClass.SHELL))
    return tuple(sorted(found))


def _folders(tree: FileTree, config: ImageConfig) -> Iterator[ImagePath]:
    """Real directories of programs, each once."""
    seen: set[ImagePath] = set()
    for raw in (*search_path(config), *_FOLDERS):
        found = tree.resolve(raw)
        if found.path is not None and found.path not in seen:
            seen.add(found.path)
            yield found.path


class _Applets:
    """Which hard links are applets of a multi-call program; the names of each inode are gone through once."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._programs: dict[int, str] = {}

    def program(self, path: ImagePath, file: File) -> str:
        """The first name of a multi-call program that a file has; empty for that name itself and where it has none."""
        program = self._programs.get(file.inode)
        if program is None:
            names = self._tree.links(path)
            program = next((name for name in names if basename(name).startswith(_MULTI_CALL)), "")
            self._programs[file.inode] = program
        return program if program != path else ""


def _tool(tree: FileTree, applets: _Applets, path: ImagePath, kind: ToolClass) -> Iterator[Tool]:
    file = tree.files.get(path)
    if file is None:
        return
    if file.type is FileType.SYMLINK:
        target = tree.resolve(path)
        if target.path is not None and target.file is not None and _runs(target.file):
            yield Tool(tool=kind, path=path, target=target.path)
    elif _runs(file):
        yield Tool(tool=kind, path=path, target=applets.program(path, file))


def _runs(file: File) -> bool:
    return file.type is FileType.FILE and bool(file.mode & 0o111)
