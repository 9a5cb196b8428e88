"""Programs of Debian packages without installing them: fetched with apt, unpacked into .cache/debian, root or not.

Nothing outside of .cache is written, no script of a package runs, and no file keeps a setuid or setgid bit.
"""

import contextlib
import fcntl
import functools
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache" / "debian"
FETCH_TIMEOUT_S = 120.0

_OPTIONS = ("Debug::NoLocking=1", "APT::Sandbox::User=root", "Acquire::Retries=3")
_APT = ("apt-get", "-q", "-y", *(part for option in _OPTIONS for part in ("-o", option)))
_WITH_ALL_IT_NEEDS = ("install", "--reinstall", "--download-only", "--no-install-recommends")


@functools.cache
def unpacked(*packages: str) -> Path | None:
    """The folder that holds these packages as `/` would, with every dependency that this machine lacks.

    Fetched the first time, by whoever asks first; the others wait.

    Args:
        packages: by their names in Debian; as `apt-get install` takes them.

    Returns:
        The folder, or None where apt or the packages are not to be had.
    """
    root = CACHE / "_".join(packages)
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return None
    CACHE.mkdir(parents=True, exist_ok=True)
    with _alone():
        if root.exists() or _fetch(packages, root):
            return root
    return None


def libraries(root: Path) -> str:
    """Where the programs in an unpacked folder find their shared libraries: a value for LD_LIBRARY_PATH."""
    return ":".join(map(str, dict.fromkeys(found.parent for found in sorted(root.glob("**/lib*.so*")))))


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(packages: tuple[str, ...], root: Path) -> bool:
    """Unpack aside and rename: a folder that is there is whole."""
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        archives, aside = Path(scratch, "archives"), Path(scratch, "root")
        (archives / "partial").mkdir(parents=True)
        aside.mkdir(mode=0o755)
        if not (_download(packages, archives) or (_update() and _download(packages, archives, *_own_lists()))):
            return False
        if not all(_run("dpkg", "-x", str(archive), str(aside)) for archive in archives.glob("*.deb")):
            return False
        _take_privileges(aside)
        aside.rename(root)
    return True


def _download(packages: tuple[str, ...], archives: Path, *options: str) -> bool:
    return _run(*_APT, "-o", f"Dir::Cache::archives={archives}/", *options, *_WITH_ALL_IT_NEEDS, *packages)


def _update() -> bool:
    """The machine's own lists of packages may be missing or old, and not ours to refresh."""
    (CACHE / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    return _run(*_APT, *_own_lists(), "update")


def _own_lists() -> tuple[str, str]:
    return "-o", f"Dir::State::lists={CACHE / 'lists'}/"


def _run(*command: str) -> bool:
    with (CACHE / "fetch.log").open("ab") as log:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=FETCH_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0


def _take_privileges(folder: Path) -> None:
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
            os.chmod(path, stat.S_IMODE(mode) & ~(stat.S_ISUID | stat.S_ISGID))
