"""docs/how-to/sign-your-mail.md: its commands make keys and records that work together."""

import re
import subprocess
from pathlib import Path

import pytest

from gatepost.mail.dkim import Signer
from gatepost.mail.dkim_key import read_key
from tests.support.every_mail import NOW_MS, mail
from tests.support.signing import DOMAIN, SELECTOR, Pair

PAGE = (Path(__file__).parents[2] / "docs/how-to/sign-your-mail.md").read_text()
KEY = "/etc/gatepost/dkim.pem"


def command(begins: str, path: Path) -> bytes:
    """Run the one command of the page that begins so, with the key where this test may write."""
    (line,) = re.findall(rf"^{re.escape(begins)}.*$", PAGE, re.MULTILINE)
    done = subprocess.run(["bash", "-c", line.replace(KEY, str(path))], capture_output=True, check=True, timeout=60)
    return done.stdout.strip()


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_the_record_of_the_page_verifies_what_its_key_signs(tmp_path: Path, kind: str) -> None:
    """Made by openssl as the page says it."""
    path = tmp_path / "dkim.pem"
    if kind == "rsa":
        command("openssl genrsa", path)
    else:
        (make,) = re.findall(r"`(openssl genpkey [^`]*)`", PAGE)
        path.write_bytes(subprocess.run(make.split(), capture_output=True, check=True, timeout=60).stdout)
    made = Pair(path.read_bytes(), command(f'echo "v=DKIM1; k={kind}', path))
    content = Signer(read_key(made.pem), DOMAIN, SELECTOR).sign(mail("welcome", "en", "bare").content, NOW_MS)
    assert made.passes(content)


def test_the_record_stands_where_the_page_says() -> None:
    """The selector of its settings, the domain of its example."""
    assert f"GATEPOST_DKIM_SELECTOR={SELECTOR}" in PAGE
    assert f"`{SELECTOR}._domainkey.{DOMAIN}`" in PAGE
