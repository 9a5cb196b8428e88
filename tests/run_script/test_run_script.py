"""The script a newcomer starts with says in one sentence what is missing, and leaves nothing behind."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TOOLS = ("bash", "env", "cat", "cksum", "dirname", "mkdir", "tail", "rm", "id")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `./run` needs of a checkout, in a folder of its own, without a .venv."""
    folder = tmp_path / "gatepost"
    folder.mkdir()
    for name in ("run", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy2(REPOSITORY / name, folder / name)
    return folder


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """A PATH with the tools of every Linux and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (folder / tool).symlink_to(found)
    return folder


def _run(checkout: Path, path: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(path), "HOME": str(checkout.parent)}
    environment |= options.pop("environment", {})  # type: ignore[arg-type]
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [checkout / "run", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def test_an_old_python_is_named_with_the_one_that_is_needed(checkout: Path, bin_folder: Path) -> None:
    """A sentence, not a syntax error from deep inside."""
    old = bin_folder / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    ended = _run(checkout, bin_folder, "config")
    assert (2, "run: Gatepost needs Python 3.11 or newer; python3 here is Python 3.9.2.\n") == (
        ended.returncode,
        ended.stderr,
    )
    assert not (checkout / ".venv").exists()


def test_no_python_at_all_is_told(checkout: Path, bin_folder: Path) -> None:
    """Nothing was installed, nothing is guessed."""
    ended = _run(checkout, bin_folder, "config")
    assert (2, "run: Gatepost needs Python 3.11 or newer; python3 here is not installed.\n") == (
        ended.returncode,
        ended.stderr,
    )


def test_no_network_is_told_with_where_the_output_is(checkout: Path, bin_folder: Path) -> None:
    """The package client's own last lines, and one sentence."""
    (bin_folder / "python3").symlink_to(os.path.realpath(sys.executable))
    ended = _run(checkout, bin_folder, "config", environment={"PIP_NO_INDEX": "1"})
    assert 2 == ended.returncode
    assert "could not install what Gatepost needs. Is the package registry reachable from here?" in ended.stderr
    assert (checkout / ".cache" / "setup.log").read_text()


def test_a_folder_that_cannot_be_written_is_told(checkout: Path, bin_folder: Path) -> None:
    """Somebody cloned it as another user."""
    if os.geteuid() == 0:
        with tempfile.TemporaryDirectory() as shared:  # pytest's own folders are closed to other users
            there = Path(shared, "gatepost")
            shutil.copytree(checkout, there)
            bin_there = shutil.copytree(bin_folder, Path(shared, "bin"), symlinks=True)
            Path(shared).chmod(0o755)
            ended = _run(there, bin_there, "config", user="nobody")
            assert f"run: cannot write to {there}; clone Gatepost into a folder of your own.\n" == ended.stderr
    else:
        checkout.chmod(0o555)
        ended = _run(checkout, bin_folder, "config")
        assert f"run: cannot write to {checkout}; clone Gatepost into a folder of your own.\n" == ended.stderr
    assert 2 == ended.returncode


def test_help_lists_the_verbs(checkout: Path, bin_folder: Path) -> None:
    """Without setting anything up."""
    assert "./run test" in _run(checkout, bin_folder, "help").stdout
    assert not (checkout / ".venv").exists()
