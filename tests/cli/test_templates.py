"""`gatepost templates`: what the mails say, what is wrong with them, and how they look."""

import json
from pathlib import Path

import pytest

from gatepost.mail.samples import SAMPLES
from tests.cli.service import gatepost

SUBJECT = "{{ inviter }} invites you to {{ product_name }}"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of a product's own templates, with one message in one language."""
    folder = tmp_path / "own/invitation/en"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text(SUBJECT)
    (folder / "body.txt").write_text("Hello,\n\ncome and see:\n\n{{ page_url }}\n")
    (folder / "body.html").write_text(
        '<!-- preheader: See for yourself -->\n<p>Come and <a href="{{ page_url }}">see</a>.</p>\n'
    )
    return folder


def test_every_message_is_listed_in_every_language(tmp_path: Path, own: Path) -> None:
    """Ours and the product's, with what the subject says."""
    listed = gatepost(tmp_path, "templates", "list", TEMPLATES="own")
    assert (0, "") == (listed.returncode, listed.stderr)
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    assert ["template", "locale", "subject"] == rows[0]
    assert ["invitation", "en", "Grace Hopper invites you to Gatepost"] in rows
    plain = json.loads(gatepost(tmp_path, "templates", "list", "--json", TEMPLATES="own").stdout)["templates"]
    assert rows[1:] == [[row["template"], row["locale"], row["subject"]] for row in plain]
    assert {"en", "zh-CN"} == {row["locale"] for row in plain if row["template"] == "verification"}


def test_what_is_wrong_is_found_and_ends_with_1(tmp_path: Path, own: Path) -> None:
    """Each finding names the file, what it is and the samples that show it; ours have none."""
    clean = gatepost(tmp_path, "templates", "lint")
    assert (0, "16 looked at: 0 errors, 0 warnings\n") == (clean.returncode, clean.stdout)
    (own / "subject.txt").write_text(SUBJECT + " and to all that there is to be seen there, at once")
    found = gatepost(tmp_path, "templates", "lint", "invitation", TEMPLATES="own")
    assert 1 == found.returncode
    assert any(line.startswith("warning invitation/en/subject.txt: ") for line in found.stdout.splitlines())
    plain = json.loads(gatepost(tmp_path, "templates", "lint", "invitation", "--json", TEMPLATES="own").stdout)
    assert 1 == plain["looked_at"]
    assert {"severity", "rule", "template", "locale", "file", "detail", "samples"} == set(plain["findings"][0])
    assert f"1 looked at: 0 errors, {len(plain['findings'])} warnings" == found.stdout.splitlines()[-1]


def test_a_mail_is_printed_as_it_would_go_out(tmp_path: Path) -> None:
    """The text, the page or all of it, in a language, with each sample."""
    text = gatepost(tmp_path, "templates", "preview", "verification").stdout
    assert "Hi Ada Lovelace," in text
    assert gatepost(tmp_path, "templates", "preview", "verification", "--html").stdout.startswith("<!")
    source = gatepost(tmp_path, "templates", "preview", "verification", "--source", "--locale", "zh").stdout
    assert "Subject: =?utf-8?" in source
    plain = json.loads(gatepost(tmp_path, "templates", "preview", "verification", "--json").stdout)
    assert text == plain["text"].replace("\r\n", "\n") + "\n"
    assert {"subject", "headers", "text", "html"} == set(plain)
    for sample in SAMPLES:
        assert 0 == gatepost(tmp_path, "templates", "preview", "welcome", "--sample", sample).returncode


def test_a_template_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With the command that lists those that are; a broken folder names its file."""
    for command in ("lint", "preview"):
        refused = gatepost(tmp_path, "templates", command, "nope")
        assert (2, "gatepost: there is no template nope; `gatepost templates list` lists them\n") == (
            refused.returncode,
            refused.stderr,
        )
    broken = tmp_path / "broken/invitation/en"
    broken.mkdir(parents=True)
    (broken / "subject.txt").write_text("{{ name")
    refused = gatepost(tmp_path, "templates", "lint", TEMPLATES="broken")
    assert (2, "", False) == (refused.returncode, refused.stdout, "Traceback" in refused.stderr)
