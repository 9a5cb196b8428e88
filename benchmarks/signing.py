"""What a signature costs: the time of composing a message, and of signing it with each kind of key, in one run.

Run it with `python -m benchmarks.signing`; it prints the best of many rounds, in microseconds a message.
"""

import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gatepost.mail.compose import Composer
from gatepost.mail.dkim import Signer
from gatepost.mail.dkim_key import read_key
from gatepost.mail.samples import sample
from gatepost.mail.templates import Templates

SITE = "https://acme.example"
NOW_MS = 1_777_816_920_000
ROUNDS, EACH = 200, 20


def main() -> None:
    """Print one line for each."""
    templates = Templates()
    composer = Composer(
        templates, sender=f"Acme <hello@{SITE[8:]}>", product_name="Acme", public_url=SITE, reset_url=f"{SITE}/reset"
    )
    values = sample(templates, "verification", "complete", SITE).values

    def compose() -> bytes:
        return composer.compose(
            template="verification",
            locale="en",
            recipient="ada@example.com",
            message_id="<7@acme.example>",
            values=values,
            now_ms=NOW_MS,
        ).content

    content = compose()
    print(f"compose             {_best_us(compose):6.0f} µs ({len(content)} bytes)")
    keys = {"rsa-2048": generate_private_key(65537, 2048), "ed25519": Ed25519PrivateKey.generate()}
    for name, key in keys.items():
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        signer = Signer(read_key(pem), "acme.example", "gatepost1")
        print(f"sign with {name:9} {_best_us(lambda signer=signer: signer.sign(content, NOW_MS)):6.0f} µs")


def _best_us(call: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(EACH):
            call()
        best = min(best, (time.perf_counter() - began) / EACH)
    return best * 1e6


if __name__ == "__main__":
    main()
