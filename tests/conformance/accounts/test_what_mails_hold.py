"""What stands in the mails of every flow, as they would go out."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage

from gatepost.accounts.tokens import LIFE_S
from gatepost.mail.compose import Composer
from gatepost.mail.templates import Templates
from tests.support.flows import ADDRESS, PASSWORD, Flows

SITE = "http://gatepost.test"
NEW_PASSWORD = "marmots, kelp and quartz"
COMPOSER = Composer(
    Templates(), sender="post@gatepost.test", product_name="Larch", public_url=SITE, reset_url=f"{SITE}/reset"
)
DAY_S = 24 * 3600


class Post:
    """Plays the worker: composes what is due, and keeps what each mail said and the token in its link."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows
        self.said: list[str] = []

    async def collect(self) -> dict[str, str]:
        """Compose everything that is due and let a server accept it; returns template → mailed token."""
        tokens = {}
        for claimed, token in await self._flows.deliver_each():
            link = {} if token is None else {"link": f"{SITE}/open?token={token}"}
            content = COMPOSER.compose(
                template=claimed.template,
                locale=claimed.locale,
                recipient=claimed.recipient,
                message_id="<1@gatepost.test>",
                values={**claimed.values, **link},
                now_ms=0,
            ).content
            message = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
            assert isinstance(message, EmailMessage)
            parts = [part.get_content() for part in message.iter_parts() if isinstance(part, EmailMessage)]
            self.said.append("\n".join((str(message["Subject"]), *parts)))
            if token is not None:
                tokens[claimed.template] = token
        return tokens


async def test_s68_no_mail_holds_a_password_a_hash_or_a_session(flows: Flows) -> None:
    """The one secret of a mail is its link's token, which works once and lives for a week at most."""
    post = Post(flows)
    await flows.register()
    await flows.register(password=NEW_PASSWORD)
    token = (await post.collect())["verification"]
    hashes = {row["password_hash"] for row in await flows.candidates()}
    await flows.verify(token, PASSWORD)
    session = (await flows.sign_in()).token
    await flows.register()
    await flows.request_reset()
    await flows.reset((await post.collect())["password_reset"], NEW_PASSWORD)
    await post.collect()
    hashes |= {row["password_hash"] for row in await flows.accounts()}

    said = "\n".join(post.said)
    assert {"verification", "welcome", "account_exists", "password_reset", "password_changed"} == {
        template for template, state, _ in await flows.outbox() if state == "accepted"
    }
    assert ADDRESS in said
    assert [] == [secret for secret in (PASSWORD, NEW_PASSWORD, session, *filter(None, hashes)) if secret in said]
    assert max(LIFE_S.values()) <= 7 * DAY_S
    assert 2 == len(set(re.findall(r"token=([\w-]+)", said)))
