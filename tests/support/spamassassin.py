"""SpamAssassin with the rules Debian ships it with: no network, no memory of earlier mail, nothing installed."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.debian import libraries
from tests.support.mail_server import debian_software

TIMEOUT_S = 120.0  # two seconds where nobody else works

# Where Debian puts what Perl loads; perl itself is a part of every Debian.
_PERL_FOLDERS = ("usr/share/perl5", "usr/share/perl/5.*.*", "usr/lib/*/perl5/5.*", "usr/lib/*/perl/5.*")

_CONFIGURATION = """
use_bayes 0
dns_available no
report_safe 0
fold_headers 0
clear_headers
add_header all Verdict _HEADER(Message-ID)_ _TESTSSCORES(,)_ _VERSION_
"""
_VERDICT = re.compile(r"^X-Spam-Verdict: (<\S+>) +(\S+) (\S+)$", re.MULTILINE)

# A mail that arrives has come from somewhere; without this line it would be praised for having been nowhere.
_RECEIVED = (
    b"Received: from mail.acme.example (mail.acme.example [185.70.40.7])\r\n"
    b"\tby mx.example.com (Postfix) with ESMTPS id 4XyZ12\r\n"
    b"\tfor <ada@example.com>; Sun, 03 May 2026 14:02:01 +0000 (UTC)\r\n"
)


@dataclass(frozen=True)
class Verdict:
    """What SpamAssassin thinks of one mail.

    Args:
        rules: those that hit, with the points each gives.
        version: of SpamAssassin.
    """

    rules: Mapping[str, float]
    version: str

    @property
    def score(self) -> float:
        """The points of all; 5 is the usual limit."""
        return round(sum(self.rules.values()), 3)


def judged(mails: Sequence[bytes]) -> dict[str, Verdict]:
    """Let SpamAssassin judge these mails, all in one start of Perl.

    The test is skipped where its package is not to be had.

    Args:
        mails: each with a Message-ID of its own.

    Returns:
        Message-ID → verdict.
    """
    root = debian_software("SpamAssassin", "spamassassin")
    with tempfile.TemporaryDirectory(prefix="gatepost-spamassassin-") as folder:
        home = Path(folder)
        site = home / "site"
        site.mkdir()
        for plugins in (root / "etc/spamassassin").glob("*.pre"):
            shutil.copy(plugins, site)
        (site / "local.cf").write_text(_CONFIGURATION)
        files = [home / f"{number:03}.eml" for number, _ in enumerate(mails)]
        for file, content in zip(files, mails, strict=True):
            file.write_bytes((_RECEIVED + content).replace(b"\r\n", b"\n"))
        found = _VERDICT.findall(_run(root, home, site, files))
    assert len(mails) == len(found), f"{len(found)} verdicts on {len(mails)} mails"
    return {name: Verdict(_points(rules), version) for name, rules, version in found}


def _run(root: Path, home: Path, site: Path, files: Sequence[Path]) -> str:
    # Perl takes no folders from its environment while it watches for tainted values, and the script asks it to.
    folders = [f"-I{found}" for pattern in _PERL_FOLDERS for found in sorted(root.glob(pattern))]
    rules = root / "usr/share/spamassassin"
    options = ["--local", "--test-mode", "--nocreate-prefs", f"--configpath={rules}", f"--siteconfigpath={site}"]
    done = subprocess.run(
        ["perl", "-T", *folders, root / "usr/bin/spamassassin", *options, *files],
        env={"PATH": os.defpath, "HOME": str(home), "LC_ALL": "C", "LD_LIBRARY_PATH": libraries(root)},
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (0, b"") == (done.returncode, done.stderr), done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="replace")


def _points(rules: str) -> dict[str, float]:
    if rules == "none":
        return {}
    return {name: float(points) for name, _, points in (rule.partition("=") for rule in rules.split(","))}
