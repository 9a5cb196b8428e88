"""Keys of providers and a host of Amazon's, for the tests of what providers post."""

from collections.abc import AsyncIterator

import pytest

from gatepost.feedback.providers.ses import Ses
from tests.feedback.posting import AMAZON, TOPIC, WINDOW_S, Amazon, SendGridKey, Sns
from tests.support.certificates import Authority, make_authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def sendgrid_key() -> SendGridKey:
    return SendGridKey()


@pytest.fixture(scope="session")
def sns() -> Sns:
    return Sns()


@pytest.fixture
async def amazon(authority: Authority, sns: Sns) -> AsyncIterator[Amazon]:
    """A host with the certificate of `sns`, reached over verified TLS."""
    async with Amazon(sns.pem).serving(authority.serving(f"DNS:{AMAZON}")) as amazon:
        yield amazon


@pytest.fixture
def ses(amazon: Amazon, authority: Authority) -> Ses:
    return Ses((TOPIC,), WINDOW_S, amazon.fetch(authority.trusting()))
