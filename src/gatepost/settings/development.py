"""The key a development service makes for itself, so that links outlive a restart without anything being set."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from pydantic import SecretStr

from gatepost.errors import SettingsError, StartRefused
from gatepost.settings import parsing

FILE_NAME = "secret.key"
_OWNER_ONLY = 0o600


def development_keys(folder: Path) -> tuple[SecretStr, ...]:
    """Read `secret.key` in `folder`, or make it: 32 random bytes, once, readable by its owner only.

    Two processes that make it at the same moment end up with the same key: the file appears whole or not at all, and
    the one that comes second reads the first one's.

    Args:
        folder: made with mode 0700 when it is missing.

    Raises:
        StartRefused: the folder or the file cannot be written or read.
        SettingsError: the file does not hold keys of at least 32 characters, one a line.
    """
    path = folder / FILE_NAME
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(path)
        text = _read(path)
    except OSError as refusal:
        raise StartRefused(
            f"{path} cannot be made or read: {refusal.strerror}; make {folder.absolute()} writable for this user,"
            " or set GATEPOST_SECRET_KEYS"
        ) from None
    try:
        keys = parsing.secrets(text.split())
    except ValueError:
        keys = ()
    if not keys:
        raise SettingsError(f"{path} holds no key of at least 32 characters; remove it, and a new one is made.")
    return keys


def _make(path: Path) -> None:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_hex(32) + "\n")
            stream.flush()
            os.fsync(handle)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # unlike a rename it never replaces a key that is already in use
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path) -> str:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & ~_OWNER_ONLY:
        path.chmod(_OWNER_ONLY)  # a copy or an unpacked archive may have opened it to others
    return path.read_text(encoding="ascii", errors="replace")
