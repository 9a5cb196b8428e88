"""The usual way to mail from FastAPI: fastapi-mail in a BackgroundTask. Nothing is stored, nothing is known afterwards.

`python -m benchmarks.peers.fastapi_mail PORT MAIL_PORT real|padded`
"""

import sys
import time

import uvicorn
from fastapi import BackgroundTasks, FastAPI
from fastapi_mail import ConnectionConfig, FastMail, MessageSchema, MessageType, MultipartSubtypeEnum, NameEmail
from pydantic import BaseModel, EmailStr

from benchmarks.padded import padded_templates
from gatepost.mail.templates import Templates

LINK = "http://127.0.0.1:8000/verify?token=" + "a" * 64
VALUES = {
    "name": "Ada",
    "email": "ada@example.com",
    "link": LINK,
    "when": "2026-05-03 14:02 UTC",
    "product_name": "Gatepost",
    "public_url": "http://127.0.0.1:8000",
    "reset_url": "http://127.0.0.1:8000/reset",
}


class Registration(BaseModel):
    email: EmailStr
    password: str


class Mailer:
    """Sends our verification mail, rendered once and filled in by hand: the cheapest way there is for the peer."""

    def __init__(self, mail_port: int, templates: Templates) -> None:
        rendered = templates.render("verification", "en", VALUES)
        self._subject, self._html, self._text = rendered.subject, rendered.html, rendered.text
        self.mail = FastMail(
            ConnectionConfig(
                MAIL_USERNAME="",
                MAIL_PASSWORD="",
                MAIL_FROM="no-reply@gatepost.example",
                MAIL_FROM_NAME="Gatepost",
                MAIL_SERVER="127.0.0.1",
                MAIL_PORT=mail_port,
                MAIL_STARTTLS=False,
                MAIL_SSL_TLS=False,
                USE_CREDENTIALS=False,
                VALIDATE_CERTS=False,
                TIMEOUT=60,
            )
        )
        self.sent = 0
        self.failed = 0
        self.last_at_s = 0.0
        self.took_ms: list[float] = []

    def message(self, email: str, number: int) -> MessageSchema:
        """Fill in one, as its documentation shows for a text and an HTML part."""
        link = f"{LINK[:-8]}{number:08}"
        return MessageSchema(
            subject=self._subject,
            recipients=[NameEmail("", email)],
            body=self._html.replace(LINK, link),
            alternative_body=self._text.replace(LINK, link),
            multipart_subtype=MultipartSubtypeEnum.alternative,
            subtype=MessageType.html,
        )

    async def send(self, email: str, number: int, since: float) -> None:
        """Send one and remember how long after `since` (perf_counter) it was taken."""
        try:
            await self.mail.send_message(self.message(email, number))
        except Exception:
            self.failed += 1
            raise
        self.sent += 1
        self.last_at_s = time.time()
        self.took_ms.append((time.perf_counter() - since) * 1000)


def make_app(mailer: Mailer) -> FastAPI:
    app = FastAPI()

    @app.post("/auth/register", status_code=202)
    async def register(body: Registration, background: BackgroundTasks) -> dict[str, str]:
        background.add_task(mailer.send, body.email, mailer.sent, time.perf_counter())
        return {"status": "check_your_inbox"}

    @app.get("/sent")
    async def sent() -> dict[str, object]:
        return {
            "sent": mailer.sent,
            "failed": mailer.failed,
            "last_at_s": mailer.last_at_s,
            "took_ms": mailer.took_ms[-1000:],
        }

    return app


if __name__ == "__main__":
    templates = padded_templates() if sys.argv[3] == "padded" else Templates()
    uvicorn.run(make_app(Mailer(int(sys.argv[2]), templates)), port=int(sys.argv[1]), log_level="critical")
