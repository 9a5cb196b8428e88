"""Parts for testing products that send mail: a real SMTP server that misbehaves on request.

`python -m gatepost.testing` runs it on its own.
"""

from gatepost.testing.behaviours import (
    Behaviour,
    Call,
    Delay,
    Drip,
    Drop,
    Endless,
    Extra,
    Hang,
    Refuse,
    Say,
    Split,
    Step,
)
from gatepost.testing.inbox import AcceptedMessage
from gatepost.testing.policies import Asked, AtOnce, Greylist, PerConnection, Policy, Throttle
from gatepost.testing.submission_server import SubmissionServer

__all__ = [
    "AcceptedMessage",
    "Asked",
    "AtOnce",
    "Behaviour",
    "Call",
    "Delay",
    "Drip",
    "Drop",
    "Endless",
    "Extra",
    "Greylist",
    "Hang",
    "PerConnection",
    "Policy",
    "Refuse",
    "Say",
    "Split",
    "Step",
    "SubmissionServer",
    "Throttle",
]
