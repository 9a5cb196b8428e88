"""The files of deploy/: what they promise to a reader holds, and the tools that read them find nothing wrong.

Nothing is built or started here: a container needs a registry, a unit needs systemd as the first process.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatepost.settings import Settings
from gatepost.settings.sources import read
from tests.docs.pages import ROOT
from tests.support.service import Service

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
ENV = dict(
    line.split("=", 1)
    for line in (DEPLOY / "gatepost.env.example").read_text().splitlines()
    if re.match(r"[A-Z]", line)
)
GRACE_S = Settings().shutdown_grace_s


def unit() -> dict[str, list[str]]:
    """The settings of [Service], which may stand there several times."""
    text = (DEPLOY / "gatepost.service").read_text().split("[Service]")[1].split("[Install]")[0]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def seconds(text: str) -> int:
    """What `40s` says."""
    return int(text.removesuffix("s"))


def test_a_stop_is_given_the_time_it_needs() -> None:
    """Longer than the grace and the last answers, or messages under way are cut off."""
    assert seconds(unit()["TimeoutStopSec"][0]) >= GRACE_S + 10
    assert seconds(COMPOSE["services"]["gatepost"]["stop_grace_period"]) >= GRACE_S + 10
    assert seconds(COMPOSE["services"]["proxy"]["stop_grace_period"]) > seconds(
        COMPOSE["services"]["gatepost"]["stop_grace_period"]
    )


def test_the_image_is_not_root_and_its_python_is_locked() -> None:
    """The last stage names its user by number, and every install demands hashes or has no network."""
    last = DOCKERFILE.rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    commands = re.split(r"&&|\n", DOCKERFILE.replace("\\\n", " "))
    installs = [one for one in commands if "-m pip" in one]
    assert len(installs) == 4
    for one in installs:
        locked = "--require-hashes" in one and "--only-binary=:all:" in one
        assert locked or "--no-index" in one or one.split()[-1] == ".", one  # the last one is Gatepost's own wheel


def test_what_builds_the_image_is_locked_too() -> None:
    """The backend of pyproject.toml is in the lock, and the image takes nothing of the folder but what is named."""
    lock = (DEPLOY / "build.lock").read_text()
    backend = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    for name in [*backend, "scikit-build-core", "setuptools-scm", "cmake", "ninja"]:
        assert re.search(rf"^{name}==\S+ (;.*)?\\$", lock, re.MULTILINE), name
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [
        word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()
    ]
    assert "*" in ignored
    for path in copied:
        assert f"!{path}" in ignored, path
        assert (ROOT / path).exists(), path


def test_only_the_proxy_can_be_reached_and_nothing_has_more_rights_than_it_needs() -> None:
    """Ports, capabilities, a file system that cannot be written, and a database without a way out."""
    services = COMPOSE["services"]
    assert [name for name, one in services.items() if "ports" in one] == ["proxy"]
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert services["postgres"]["networks"] == ["back"]
    for name, one in services.items():
        assert (name, one["cap_drop"], one["read_only"]) == (name, ["ALL"], True)
        assert one["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in one
        assert "/" not in one["image"]  # no registry of somebody's
        assert re.fullmatch(r"[\w.-]+:[\w.-]+", one["image"]), f"{one['image']} names no version"
    assert "cap_add" not in services["gatepost"]


def test_the_proxy_that_is_trusted_is_the_proxy() -> None:
    """Its address stands in two places."""
    services = COMPOSE["services"]
    trusted = services["gatepost"]["environment"]["GATEPOST_TRUSTED_PROXIES"]
    assert services["proxy"]["networks"]["front"]["ipv4_address"] == trusted


def test_every_variable_of_the_example_is_a_setting_or_is_composes_own(tmp_path: Path) -> None:
    """A name that is none would refuse the start; so does every secret that was left as it is."""
    found = read(ENV, tmp_path / "gatepost.toml", {})
    assert [] == found.problems
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert {name for name in ENV if not name.startswith("GATEPOST_")} == asked
    assert all(
        len(ENV[name]) < 32 for name in ("GATEPOST_SECRET_KEYS", "GATEPOST_SUPPRESSION_KEY", "GATEPOST_ADMIN_TOKEN")
    )


def test_the_example_starts_once_its_secrets_are_filled_in() -> None:
    """Production's own checks find nothing missing and nothing unsafe."""
    given = {name: value.replace("CHANGE-ME", "f" * 64) for name, value in ENV.items() if name.startswith("GATEPOST_")}
    settings = Settings(**{name.removeprefix("GATEPOST_").lower(): value for name, value in given.items()})
    assert settings.environment == "production"


@pytest.mark.parametrize("file", ["Caddyfile", "nginx.conf"])
def test_a_proxy_hides_what_programs_ask_for_and_not_what_people_need(file: str) -> None:
    """Both say the same, and neither lets a client name its own address or trace."""
    text = (DEPLOY / file).read_text()
    for path in ("/metrics", "/accounts/", "/mail/", "/mail/unsubscribe/", "/admin"):
        assert path in text, path
    for field in ("X-Request-Id", "Traceparent", "Tracestate"):
        assert field in text, field


def test_the_unit_writes_to_its_own_folder_only() -> None:
    """What takes the most rights away; `systemd-analyze security` weighs the rest."""
    service = unit()
    for name, value in {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "CapabilityBoundingSet": "",
        "StateDirectoryMode": "0700",
        "UMask": "0077",
        "MemoryDenyWriteExecute": "yes",
    }.items():
        assert service[name] == [value], name
    assert "ReadWritePaths" not in service
    assert "GATEPOST_DATABASE_URL=sqlite:////var/lib/gatepost/gatepost.db" in service["Environment"]
    assert service["StateDirectory"] == ["gatepost"]


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    """Its own verifier, and its own weight of what is left open: at most 2 of 10."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed here; the unit is only read above")
    file = tmp_path / "gatepost.service"
    file.write_text((DEPLOY / "gatepost.service").read_text().replace("/opt/gatepost/bin/gatepost", "/bin/true"))
    verified = subprocess.run([program, "verify", str(file)], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    weighed = subprocess.run(
        [program, "security", "--offline=true", "--threshold=20", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert weighed.returncode == 0, weighed.stdout[-400:]


def test_the_health_check_says_whether_the_service_answers(tmp_path: Path) -> None:
    """As the container runs it."""
    check = [sys.executable, str(DEPLOY / "healthcheck.py")]
    service = Service(tmp_path)
    service.start()
    try:
        service.wait_until_ready()
        answering = subprocess.run(check, env={"GATEPOST_PORT": str(service.port)}, check=False)
        service.stop()
    finally:
        service.close()
    gone = subprocess.run(check, env={"GATEPOST_PORT": str(service.port)}, check=False)
    assert (answering.returncode, gone.returncode) == (0, 1)
