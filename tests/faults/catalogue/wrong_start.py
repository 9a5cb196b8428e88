"""A start that must not succeed: a setting or a template is wrong."""

from dataclasses import dataclass, field

from tests.faults.entry import SQLITE, fault
from tests.faults.rig import Rig

START_TIMEOUT_S = 15.0
SECRET = "hunter2-very-secret"


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong, and what the refusal must name."""

    named: str
    settings: dict[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()


WRONG = (
    Wrong("GATEPOST_SMTP_URL", {"SMTP_URL": f"gopher://mira:{SECRET}@mail.example"}),
    Wrong("GATEPOST_SMTP_URL", {"SMTP_URL": f"smtp://mira:{SECRET}@mail.example:99999"}),
    Wrong("GATEPOST_DATABASE_URL", {"DATABASE_URL": f"mysql://mira:{SECRET}@db.example/x"}),
    Wrong("GATEPOST_SECRET_KEYS", {"SECRET_KEYS": SECRET}),
    Wrong("GATEPOST_PASSWORD_MIN_LENGTH", {"PASSWORD_MIN_LENGTH": "eleven"}),
    Wrong("GATEPOST_SHUTDOWN_GRACE_S", {"SHUTDOWN_GRACE_S": "-1"}),
    Wrong("GATEPOST_NO_SUCH_SETTING", {"NO_SUCH_SETTING": SECRET}),
    Wrong("GATEPOST_SENDER", {"ENVIRONMENT": "production", "PUBLIC_URL": "https://gatepost.example"}),
    Wrong("GATEPOST_TEMPLATES", {"TEMPLATES": "no-such-folder"}),
    Wrong("body", {"TEMPLATES": "templates"}, ("templates/invitation/en/subject.txt",)),
)


@fault(20, name="a wrong setting or template", shows="I8", ci=SQLITE)
def wrong_at_the_start(rig: Rig) -> None:
    """The exit code is not 0; what is said names the setting or file, and never a secret value."""
    mail = rig.mail_server()
    for wrong in WRONG:
        for name in wrong.files:
            path = rig.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("Welcome\n")
        system = rig.system(mail)
        (program,) = system.programs
        program.settings.update(wrong.settings)
        program.start()
        code = program.wait_for_exit(START_TIMEOUT_S)
        assert code not in (0, None), f"{wrong} was taken"
        assert wrong.named in program.text, f"{wrong} is not named:\n{program.text}"
        assert SECRET not in program.text, f"{wrong} shows its value:\n{program.text}"
        assert "Traceback" not in program.text, program.text
    rig.tell(refused=len(WRONG))
