"""A folder held open: what is done in it is done there, whatever its path leads to by then.

Below a root, no link is followed. Whoever may write there could have a link lead elsewhere, between
a look and what is done after it too; so each folder is opened from the one above it. Where a system
has no handles of folders, each is looked at when something is done in it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_HAS_HANDLES = {os.open, os.mkdir, os.stat, os.unlink} <= os.supports_dir_fd
NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
"""Flags to open a file, and not what a link leads to."""
_AS_FOLDER = os.O_RDONLY | NO_LINKS | getattr(os, "O_DIRECTORY", 0)


@dataclass(frozen=True)
class Folder:
    """An open folder."""

    path: Path
    handle: int | None
    """None where the system has none of folders."""

    def open(self, name: str, flags: int) -> int:
        """Open a file, no link, and return its descriptor."""
        self.refuse_link(name)
        return os.open(self._locate(name), flags | NO_LINKS, 0o666, dir_fd=self.handle)

    def refuse_link(self, name: str) -> None:
        """Raise an OSError that names the link, if it is one."""
        if self.is_link(name):
            raise link_error(self.path / name)

    def is_link(self, name: str) -> bool:
        """Tell whether a name is that of a link."""
        try:
            found = os.stat(self._locate(name), dir_fd=self.handle, follow_symlinks=False)
        except OSError:
            return False
        return is_link(found)

    def replace(self, name: str, folder: Folder, new_name: str) -> None:
        """Move a file into a folder, in place of what is there; a link is moved itself."""
        os.replace(
            self._locate(name),
            folder._locate(new_name),
            src_dir_fd=self.handle,
            dst_dir_fd=folder.handle,
        )

    def unlink(self, name: str) -> None:
        """Remove a file; a link is removed itself."""
        os.unlink(self._locate(name), dir_fd=self.handle)

    def sync(self) -> None:
        """Make a rename last through a loss of power."""
        if self.handle is not None:
            os.fsync(self.handle)

    def open_folder(self, name: str, create: bool) -> Folder:
        """Open a folder in this one, which must not be a link."""
        place = self._locate(name)
        if create:
            with suppress(FileExistsError):
                os.mkdir(place, dir_fd=self.handle)
        if self.handle is None:
            self.refuse_link(name)
            if not Path(place).is_dir():
                code = errno.ENOTDIR if Path(place).exists() else errno.ENOENT
                raise OSError(code, os.strerror(code), place)
            return Folder(self.path / name, None)
        try:
            return Folder(self.path / name, os.open(place, _AS_FOLDER, dir_fd=self.handle))
        except OSError:
            self.refuse_link(name)
            raise

    def close(self) -> None:
        """Let go of it."""
        if self.handle is not None:
            os.close(self.handle)

    def _locate(self, name: str) -> str:
        return name if self.handle is not None else str(self.path / name)


def is_link(found: os.stat_result) -> bool:
    """Tell a link by what `os.lstat` returns; on Windows also a junction."""
    is_junction = getattr(found, "st_reparse_tag", 0) == getattr(
        stat, "IO_REPARSE_TAG_MOUNT_POINT", -1
    )
    return stat.S_ISLNK(found.st_mode) or is_junction


def link_error(path: str | Path) -> OSError:
    """Return the error for a link where there must be none."""
    return OSError(
        errno.ELOOP, f"{path} is a link: nothing is written or deleted through it; remove the link"
    )


@contextmanager
def open_folder(path: Path, root: Path | None = None, create: bool = False) -> Iterator[Folder]:
    """Open a folder while a block runs.

    Parameters
    ----------
    path : Path
    root : Path, optional
        Above the folder; no link below it is followed. Default: the folder itself, which may be
        a link.
    create : bool
        Make the folder and those above it, if they are not there.

    Raises
    ------
    OSError
        If it is not there, cannot be opened, or is reached by a link.
    """
    root = path if root is None else root
    if create:
        _make_root(root)
    folder = Folder(root, os.open(root, _AS_FOLDER & ~NO_LINKS) if _HAS_HANDLES else None)
    try:
        for name in path.relative_to(root).parts:
            inner = folder.open_folder(name, create)
            folder.close()
            folder = inner
        yield folder
    finally:
        folder.close()


def _make_root(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        if root.is_symlink() and not root.exists():
            reason = f"is a link to {root.readlink()}, which is not there"
            raise FileExistsError(errno.EEXIST, reason, str(root)) from error
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root)) from error
