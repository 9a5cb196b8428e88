"""The development mailbox: what is on the disk, and what the pages read of it."""

import asyncio
import stat
from pathlib import Path

import pytest

from gatepost.transport.folder import FolderTransport, Mailbox
from gatepost.transport.reply import Outcome, Phase
from gatepost.transport.transport import Envelope, Progress
from tests.transport.submitting import Marking, an_envelope

MULTIPART = b"\r\n".join(
    [
        b"To: =?utf-8?q?J=C3=BCrgen?= <ann@example.com>",
        b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        b"Message-ID: <7@example.org>",
        b"MIME-Version: 1.0",
        b'Content-Type: multipart/alternative; boundary="b"',
        b"",
        b"--b",
        b'Content-Type: text/plain; charset="utf-8"',
        b"Content-Transfer-Encoding: quoted-printable",
        b"",
        b"Gr=C3=BC=C3=9Fe",
        b"--b",
        b'Content-Type: text/html; charset="utf-8"',
        b"Content-Transfer-Encoding: quoted-printable",
        b"",
        b"<p>Gr=C3=BC=C3=9Fe</p>",
        b"--b--",
        b"",
    ]
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "var" / "mailbox"


async def submit(folder: Path, content: bytes) -> None:
    envelope = Envelope("a@example.org", "ann@example.com", content)
    await FolderTransport(folder).submit(envelope, Progress(), Marking())


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def test_only_the_owner_can_read_it(folder: Path) -> None:
    """The folder has mode 0700 and each message 0600: they hold live links."""
    await submit(folder, an_envelope().content)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, *files(folder))]
    assert modes == [0o700, 0o600]


async def test_the_list_is_newest_first_and_bounded(folder: Path) -> None:
    """`list` gives the newest messages, newest first, with what a list shows."""
    transport = FolderTransport(folder)
    for number in range(5):
        await transport.submit(an_envelope(number), Progress(), Marking())
    mailbox = Mailbox(folder)
    entries = mailbox.list(3)
    assert [entry.subject for entry in entries] == ["Number 4", "Number 3", "Number 2"]
    assert entries[0].recipient == "ann@example.com"
    assert entries[0].size == len(an_envelope(4).content)
    assert entries[0].date.endswith("Z")
    assert mailbox.newest_name() == entries[0].name


async def test_a_message_is_read_with_its_parts_decoded(folder: Path) -> None:
    """`read` gives header fields, text and HTML decoded, and the source as it is."""
    await submit(folder, MULTIPART)
    mailbox = Mailbox(folder)
    name = mailbox.newest_name()
    assert name is not None
    parsed = mailbox.read(name)
    assert parsed is not None
    assert (parsed.text, parsed.html) == ("Grüße", "<p>Grüße</p>")
    assert dict(parsed.headers)["Subject"] == "Grüße"
    assert parsed.source.encode() == MULTIPART
    assert parsed.size == len(MULTIPART)
    assert mailbox.list(1)[0].recipient == "Jürgen <ann@example.com>"
    assert mailbox.list(1)[0].message_id == "<7@example.org>"


async def test_a_message_without_parts_is_read(folder: Path) -> None:
    """A plain message has a text and no HTML; an unknown charset does not stop the page."""
    await submit(folder, b"Subject: x\r\nContent-Type: text/plain; charset=nonsense\r\n\r\nHello\r\n")
    mailbox = Mailbox(folder)
    parsed = mailbox.read(mailbox.newest_name() or "")
    assert parsed is not None
    assert (parsed.text, parsed.html) == ("Hello\r\n", None)


@pytest.mark.parametrize("name", ["../secret.eml", "/etc/passwd", "..", "", "secret.eml", "x/../secret.eml", "a\0.eml"])
async def test_no_name_leads_out_of_the_folder(folder: Path, name: str) -> None:
    """A name that is not one of ours reads nothing, whatever stands at that path."""
    await submit(folder, an_envelope().content)
    (folder.parent / "secret.eml").write_text("secret")
    (folder / "secret.eml").write_text("secret")
    assert Mailbox(folder).read(name) is None


async def test_a_link_is_not_followed(folder: Path) -> None:
    """A symbolic link under one of our names reads nothing."""
    await submit(folder, an_envelope().content)
    mailbox = Mailbox(folder)
    name = mailbox.newest_name() or ""
    (folder.parent / "secret").write_text("secret")
    (folder / name).unlink()
    (folder / name).symlink_to(folder.parent / "secret")
    assert mailbox.read(name) is None


def test_a_mailbox_that_does_not_exist_yet_is_empty(folder: Path) -> None:
    """Before the first message there is no folder, and that is no error."""
    mailbox = Mailbox(folder)
    assert (mailbox.list(10), mailbox.newest_name()) == ((), None)


async def test_all_can_be_deleted_and_nothing_else(folder: Path) -> None:
    """Messages go, from the list as from the disk; a file of another name stays, and so does what a name points to."""
    await submit(folder, an_envelope().content)
    mailbox = Mailbox(folder)
    assert len(mailbox.list(10)) == 1
    (folder / "notes.txt").write_text("mine")
    mailbox.delete_all()
    assert (mailbox.list(10), [path.name for path in files(folder)]) == ((), ["notes.txt"])
    mailbox.delete_all()


async def test_the_stamp_changes_with_every_message(folder: Path) -> None:
    """When one comes and when one goes, the newest or another; not otherwise."""
    mailbox = Mailbox(folder)
    stamps = [mailbox.stamp()]
    for number in range(2):
        await submit(folder, an_envelope(number).content)
        stamps.append(mailbox.stamp())
    files(folder)[0].unlink()
    stamps.append(mailbox.stamp())
    assert (len(set(stamps)), mailbox.stamp()) == (4, stamps[-1])


async def test_a_message_is_read_once_for_all_lists(folder: Path) -> None:
    """The list is asked for several times a second, and what is on the disk never changes."""
    await submit(folder, an_envelope().content)
    mailbox = Mailbox(folder)
    first = mailbox.list(10)
    assert mailbox.list(10)[0] is first[0]


async def test_a_folder_that_cannot_be_written_is_unreachable(tmp_path: Path) -> None:
    """Where a file stands in the folder's place, the message is not lost: it is tried again later."""
    (tmp_path / "var").write_text("a file")
    reply = await FolderTransport(tmp_path / "var" / "mailbox").submit(an_envelope(), Progress(), Marking())
    assert (reply.outcome, reply.phase) == (Outcome.UNREACHABLE, Phase.CONTENT)
    assert "cannot be written" in reply.text


async def test_a_message_that_could_not_be_written_leaves_no_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk leaves neither half a message nor a temporary file."""
    await submit(folder, an_envelope(1).content)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    reply = await FolderTransport(folder).submit(an_envelope(2), Progress(), Marking())
    assert reply.outcome is Outcome.UNREACHABLE
    assert [path.read_bytes() for path in files(folder)] == [an_envelope(1).content]


async def test_names_sort_in_the_order_of_writing(folder: Path) -> None:
    """Also within one millisecond, and for messages written at the same time, names are unique and in order."""
    transport = FolderTransport(folder)
    await asyncio.gather(*(transport.submit(an_envelope(number), Progress(), Marking()) for number in range(50)))
    contents = [path.read_bytes() for path in files(folder)]
    assert contents == [an_envelope(number).content for number in range(50)]
