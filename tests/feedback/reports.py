"""Reports about one message of ours, each written here in the shape that a mail server is known for."""

import uuid

from gatepost.mail.return_path import make

KEY = b"k" * 32
ROW_ID = uuid.UUID("0192f0c1-7a6b-7c3d-8e4f-a1b2c3d4e5f6")
RETURN_PATH = make(KEY, "bounces@mail.acme.example", ROW_ID)
MESSAGE_ID = "0192f0c17a6b7c3d8e4fa1b2c3d4e5f6@acme.example"
NOW_MS = 1_795_478_595_000  # Tue, 24 Nov 2026 00:03:15 +0000

_ORIGINAL = f"""\
Date: Tue, 24 Nov 2026 00:02:00 +0000
From: Acme <hello@acme.example>
To: gone@example.com
Subject: Verify your address
Message-ID: <{MESSAGE_ID}>
Auto-Submitted: auto-generated
"""

POSTFIX = f"""\
Return-Path: <>
Delivered-To: {RETURN_PATH}
Received: by mx.acme.example (Postfix)
\tid 9F07F2A50A2; Tue, 24 Nov 2026 00:03:10 +0000 (UTC)
Date: Tue, 24 Nov 2026 00:03:10 +0000 (UTC)
From: Mail Delivery System <MAILER-DAEMON@mx.acme.example>
Subject: Undelivered Mail Returned to Sender
To: {RETURN_PATH}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="9780E2A5081.1795478595/mx.acme.example"
Content-Transfer-Encoding: 8bit
Message-Id: <20261124000310.9F07F2A50A2@mx.acme.example>

This is a MIME-encapsulated message.

--9780E2A5081.1795478595/mx.acme.example
Content-Description: Notification
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Your message could not be delivered to one or more recipients.

<gone@example.com>: host mail.example.com[192.0.2.7] said: 550 5.1.1 <gone@example.com>:
    Recipient address rejected: User unknown (in reply to RCPT TO command)

--9780E2A5081.1795478595/mx.acme.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.acme.example
X-Postfix-Queue-ID: 9780E2A5081
X-Postfix-Sender: rfc822; {RETURN_PATH}
Arrival-Date: Tue, 24 Nov 2026 00:03:05 +0000 (UTC)

Final-Recipient: rfc822; gone@example.com
Original-Recipient: rfc822;Gone@example.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.example.com
Diagnostic-Code: smtp; 550 5.1.1 <gone@example.com>: Recipient address
    rejected: User unknown

--9780E2A5081.1795478595/mx.acme.example
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers
Content-Transfer-Encoding: 8bit

Return-Path: <{RETURN_PATH}>
{_ORIGINAL}
--9780E2A5081.1795478595/mx.acme.example--
"""

# It says "Status: 5.0.0" of whatever was refused; the reply of the other server says more.
EXIM = f"""\
Return-path: <>
Envelope-to: {RETURN_PATH}
Received: from Debian-exim by mx.acme.example with local (Exim 4.96)
\tid 1xVe0C-0005IX-0c
\tfor {RETURN_PATH};
\tTue, 24 Nov 2026 00:03:10 +0000
X-Failed-Recipients: gone@example.com
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mx.acme.example>
To: {RETURN_PATH}
References: <{MESSAGE_ID}>
Content-Type: multipart/report; report-type=delivery-status; boundary=1795478596-eximdsn-83437471
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1xVe0C-0005IX-0c@mx.acme.example>
Date: Tue, 24 Nov 2026 00:03:10 +0000

--1795478596-eximdsn-83437471
Content-type: text/plain; charset=us-ascii

A message that you sent could not be delivered to one or more of its recipients.

  gone@example.com
    SMTP error from remote mail server after RCPT TO:<gone@example.com>:
    552-5.2.2 The recipient's mailbox is full
    552 5.2.2 and takes no more

--1795478596-eximdsn-83437471
Content-type: message/delivery-status

Reporting-MTA: dns; mx.acme.example

Action: failed
Final-Recipient: rfc822;gone@example.com
Status: 5.0.0
Remote-MTA: dns; mail.example.com
Diagnostic-Code: smtp; 552-5.2.2 The recipient's mailbox is full
 552 5.2.2 and takes no more

--1795478596-eximdsn-83437471
Content-type: message/rfc822

Return-path: <{RETURN_PATH}>
{_ORIGINAL}
Follow this link.

--1795478596-eximdsn-83437471--
"""

# Several alternatives for people, the Message-ID in three places; to the sender here, not to the return path.
GMAIL = f"""\
Received: by 2002:a05:6000:1a8e:b0:43d:b32:6a4f with SMTP id b14mr11; Mon, 23 Nov 2026 16:03:10 -0800 (PST)
Content-Type: multipart/report; boundary="000000000000a1b2c3064e5f6a7b"; report-type=delivery-status
To: hello@acme.example
From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
References: <{MESSAGE_ID}>
In-Reply-To: <{MESSAGE_ID}>
X-Failed-Recipients: gone@example.com
Message-ID: <6743a1b2.050a0220.1.GMR@mx.google.com>
Date: Mon, 23 Nov 2026 16:03:10 -0800 (PST)

--000000000000a1b2c3064e5f6a7b
Content-Type: multipart/related; boundary="000000000000a1b2d4064e5f6a7c"

--000000000000a1b2d4064e5f6a7c
Content-Type: multipart/alternative; boundary="000000000000a1b2dd064e5f6a7d"

--000000000000a1b2dd064e5f6a7d
Content-Type: text/plain; charset="UTF-8"

** Address not found **

--000000000000a1b2dd064e5f6a7d
Content-Type: text/html; charset="UTF-8"

<html><body>Address not found</body></html>

--000000000000a1b2dd064e5f6a7d--
--000000000000a1b2d4064e5f6a7c--
--000000000000a1b2c3064e5f6a7b
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.com
Received-From-MTA: dns; hello@acme.example
Arrival-Date: Mon, 23 Nov 2026 16:03:09 -0800 (PST)
X-Original-Message-ID: <{MESSAGE_ID}>

Final-Recipient: rfc822; gone@example.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.example.com. (192.0.2.7, the server for the domain example.com.)
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try
 550-5.1.1 double-checking the recipient's email address for typos or
 550 5.1.1 unnecessary spaces. - gsmtp
Last-Attempt-Date: Mon, 23 Nov 2026 16:03:10 -0800 (PST)

--000000000000a1b2c3064e5f6a7b
Content-Type: message/rfc822

DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=acme.example; s=gatepost1;
        h=from:to:subject; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=
{_ORIGINAL}
Follow this link.

--000000000000a1b2c3064e5f6a7b--
"""

# It writes "5.1.10" of a mailbox that is not there, no space behind the semicolons, and CRLF throughout.
EXCHANGE = f"""\
Received: from AB1PR01MB1234.prod.outlook.example (2603:10a6:0:1::1)
From: <postmaster@contoso.example>
To: {RETURN_PATH}
Date: Tue, 24 Nov 2026 00:03:10 +0000
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="ea7e9ca4-0fb2-4b6e-9a3e-0f1e2d3c4b5a"
X-MS-Exchange-Message-Is-Ndr:
Content-Language: en-US
Message-ID: <1f2e3d4c-5b6a@AB1PR01MB1234.prod.outlook.example>
In-Reply-To: <{MESSAGE_ID}>
References: <{MESSAGE_ID}>
Subject: Undeliverable: Verify your address
Auto-Submitted: auto-replied
MIME-Version: 1.0

--ea7e9ca4-0fb2-4b6e-9a3e-0f1e2d3c4b5a
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="f1e2d3c4-0001-4b6e-9a3e-0f1e2d3c4b5a"

--f1e2d3c4-0001-4b6e-9a3e-0f1e2d3c4b5a
Content-Type: text/plain; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

Your message to gone@example.com couldn't be delivered.

--f1e2d3c4-0001-4b6e-9a3e-0f1e2d3c4b5a--

--ea7e9ca4-0fb2-4b6e-9a3e-0f1e2d3c4b5a
Content-Type: message/delivery-status

Reporting-MTA: dns;AB1PR01MB1234.prod.outlook.example
Received-From-MTA: dns;mail.acme.example
Arrival-Date: Tue, 24 Nov 2026 00:03:09 +0000

Final-Recipient: rfc822;gone@example.com
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup
X-Display-Name:

--ea7e9ca4-0fb2-4b6e-9a3e-0f1e2d3c4b5a
Content-Type: message/rfc822

Received: from mail.acme.example (192.0.2.1)
{_ORIGINAL}
Follow this link.

--ea7e9ca4-0fb2-4b6e-9a3e-0f1e2d3c4b5a--
""".replace("\n", "\r\n")

# After the second example of RFC 5965, B.2. The recipient is struck out by many who send these.
COMPLAINT = f"""\
From: <feedbackloop@isp.example>
Date: Tue, 24 Nov 2026 00:03:10 +0000
Subject: FW: Verify your address
To: <abuse@acme.example>
Message-ID: <20261124000310.1234@isp.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report;
     boundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report for an email message received from IP 192.0.2.1.

--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <{RETURN_PATH}>
Original-Rcpt-To: <gone@example.com>
Arrival-Date: Tue, 24 Nov 2026 00:02:30 +0000
Reporting-MTA: dns; mail.isp.example
Source-IP: 192.0.2.1
Authentication-Results: mail.isp.example; spf=pass
Reported-Domain: acme.example
Incidents: 1

--part1_13d.2e68ed54_boundary
Content-Type: message/rfc822
Content-Disposition: inline

{_ORIGINAL}
Follow this link.

--part1_13d.2e68ed54_boundary--
"""

SAMPLES = {
    "Postfix": POSTFIX,
    "Exim": EXIM,
    "Gmail": GMAIL,
    "Exchange": EXCHANGE,
    "complaint": COMPLAINT,
}


def status_report(*groups: str, original: str = _ORIGINAL, head: str = "", to: str = RETURN_PATH) -> bytes:
    """A delivery status notification of these groups of fields.

    Args:
        groups: the first is about the message, the others are about a recipient each.
        original: the header fields of the message that came back with it; empty for none.
        head: further header fields of the mail, each with its line end.
        to: whom the mail is for.
    """
    blocks = "\n\n".join(group.strip("\n") for group in groups)
    last = f"--b\nContent-Type: text/rfc822-headers\n\n{original}" if original else ""
    return (
        f"From: <>\nTo: {to}\nDate: Tue, 24 Nov 2026 00:03:10 +0000\n{head}"
        'Content-Type: multipart/report; report-type="delivery-status"; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nSorry.\n"
        f"--b\nContent-Type: message/delivery-status\n\n{blocks}\n\n{last}--b--\n"
    ).encode()
