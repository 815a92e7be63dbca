"""Certificates, private keys and trust stores of an image, wherever they lie and whatever format they have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from xraydiff.facts import Certificate, FileType, PrivateKey, Problem, TrustStore
from xraydiff.inventory.certificates.candidates import BUNDLES, DIRECTORIES, is_bundle_name, is_candidate, is_hash_name
from xraydiff.inventory.certificates.content import Content, ContentReader
from xraydiff.inventory.packages.databases import Problems
from xraydiff.limits import DEFAULT, Limits
from xraydiff.paths import ImagePath, basename, parent
from xraydiff.tree import FileTree

__all__ = ["read_certificates"]

_STORE_KINDS = {"pem": "bundle", "der": "bundle", "pkcs12": "pkcs12", "jks": "jks"}


@dataclass(slots=True)
class _Names:
    """What the names of a tree say before anything is read."""

    files: set[ImagePath] = field(default_factory=set)
    links: list[ImagePath] = field(default_factory=list)
    """Symlinks with the name of a trust store."""
    hashed: dict[ImagePath, list[ImagePath]] = field(default_factory=dict)
    """Directories with the names that OpenSSL looks for in them."""


def read_certificates(
    tree: FileTree, *, limits: Limits = DEFAULT, named: Iterable[str] = ()
) -> tuple[tuple[Certificate, ...], tuple[PrivateKey, ...], tuple[TrustStore, ...], tuple[Problem, ...]]:
    """Certificates, private keys, trust stores and problems, each sorted.

    `named` are paths that the image's environment names as trust stores. A certificate that cannot be read is listed by
    its digest with a `problem`, and everything around it is still read. Nothing of a private key is kept but its kind.
    Problems are of scope analysis, unless a bound of the whole image is reached: then it was not read whole.
    """
    names = _find(tree)
    paths = (*BUNDLES, *named)
    known = {path for name in paths if (path := tree.resolve(name).path) is not None and _is_file(tree, path)}
    contents = _Contents(tree, limits)
    for path in sorted(names.files | known):
        contents.read(path)
    trust = {one.path: one for one in _trust_files(contents, known)}
    trust |= {one.path: one for one in _hashed_directories(names, contents)}
    links = (*paths, *DIRECTORIES, *names.links)
    trust |= {one.path: one for one in _trust_links(tree, links, contents, trust)}
    return (
        tuple(sorted(contents.certificates)),
        tuple(sorted(contents.keys)),
        tuple(sorted(trust.values())),
        contents.problems.all(),
    )


def _find(tree: FileTree) -> _Names:
    """One pass over the names; the targets of links with such names are candidates too."""
    names = _Names()
    for path, file in tree.files.items():
        name = path[path.rfind("/") + 1 :]
        if not is_candidate(path, name):
            continue
        target: ImagePath | None = path
        if file.type is FileType.SYMLINK:
            target = tree.resolve(path).path
            if is_bundle_name(name):
                names.links.append(path)
        if target is not None and _is_file(tree, target):
            names.files.add(target)
            if is_hash_name(name):
                names.hashed.setdefault(parent(path), []).append(target)
    return names


class _Contents:
    """The files read so far, and what they hold."""

    def __init__(self, tree: FileTree, limits: Limits) -> None:
        self._tree = tree
        self._limits = limits
        self._reader = ContentReader(limits)
        self._left = limits.certificate_bytes
        self._full = False
        self._by_inode: dict[int, Content] = {}
        self.counts: dict[ImagePath, tuple[str, int]] = {}
        """Format of a file and how many certificates it holds, -1 where a password hides them."""
        self.certificates: list[Certificate] = []
        self.keys: list[PrivateKey] = []
        self.problems = Problems(limits)

    def read(self, path: ImagePath) -> None:
        """Read one regular file by its real path; hard links of a file are read once and listed by every name."""
        file = self._tree.files[path]
        content = self._by_inode.get(file.inode)
        if content is None:
            content = self._content(path)
            if file.inode and len(self._tree.links(path)) > 1:
                self._by_inode[file.inode] = content
        if not content.kind or self._over(path, len(content.certificates) + len(content.keys)):
            return
        self.counts[path] = content.kind, -1 if content.hidden else len(content.certificates)
        for digest, certificate in content.certificates:
            self.certificates.append(
                Certificate(
                    path=path,
                    sha256=digest,
                    subject=certificate.subject,
                    not_before=certificate.not_before,
                    not_after=certificate.not_after,
                    self_signed=certificate.self_signed,
                    problem=certificate.problem,
                )
            )
        self.keys += [PrivateKey(path=path, kind=kind, encrypted=encrypted) for kind, encrypted in content.keys]
        for problem in content.problems:
            self.problems.add(path, "certificate-malformed", problem)

    def _content(self, path: ImagePath) -> Content:
        file = self._tree.files[path]
        if not file.size or self._full:
            return Content()
        if file.size > self._limits.certificate_file:
            message = f"larger than {self._limits.certificate_file} bytes: not searched for certificates and keys"
            self.problems.add(path, "certificate-file-too-large", message)
            return Content()
        self._left -= file.size
        if self._left < 0:
            self._full = True
            message = f"more than {self._limits.certificate_bytes} bytes of files that may hold certificates"
            self.problems.unreadable(path, "limit-exceeded", message)
            return Content()
        return self._reader.read(self._tree.content(path))

    def _over(self, path: ImagePath, more: int) -> bool:
        """Whether an image holds more certificates and keys than are listed; noted once."""
        most = self._limits.certificates_per_image
        if not self._full and len(self.certificates) + len(self.keys) + more > most:
            self._full = True
            self.problems.unreadable(path, "limit-exceeded", f"more than {most} certificates and private keys")
        return self._full


def _trust_files(contents: _Contents, known: set[ImagePath]) -> Iterator[TrustStore]:
    """Files at the known paths, or with the names of bundles, that hold certificates or hide them."""
    for path, (kind, count) in contents.counts.items():
        if path in known or (count and is_bundle_name(basename(path))):
            yield TrustStore(path=path, kind=_STORE_KINDS[kind], count=count)


def _hashed_directories(names: _Names, contents: _Contents) -> Iterator[TrustStore]:
    """Directories where OpenSSL finds certificates by the hash of their subject; each file counts once."""
    for directory, targets in names.hashed.items():
        count = sum(contents.counts.get(target, ("", 0))[1] > 0 for target in set(targets))
        if count:
            yield TrustStore(path=directory, kind="hashed-directory", count=count)


def _trust_links(
    tree: FileTree, paths: Iterable[str], contents: _Contents, stores: Mapping[str, TrustStore]
) -> Iterator[TrustStore]:
    """Symlinks in the place of a trust store, with the count of what they lead to: 0 where they dangle."""
    for name in paths:
        link = tree.resolve(name, follow=False)
        if link.path is None or link.file is None or link.file.type is not FileType.SYMLINK:
            continue
        target = tree.resolve(link.path).path
        count = 0
        if target is not None:
            count = stores[target].count if target in stores else contents.counts.get(target, ("", 0))[1]
        yield TrustStore(path=link.path, kind="link", count=count)


def _is_file(tree: FileTree, path: ImagePath) -> bool:
    file = tree.files.get(path)
    return file is not None and file.type is FileType.FILE
