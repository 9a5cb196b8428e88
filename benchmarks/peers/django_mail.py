"""django-post_office and django-mailer as documented: queued by a function of their own, sent by their command.

`python -m benchmarks.peers.django_mail post_office|mailer fill FOLDER COUNT` makes FOLDER/queue.db and queues messages.
`… send FOLDER COUNT PORT CONNECTIONS` sends them all and prints a JSON object: seconds and cpu_s of the command,
worker processes included.

SQLite in WAL mode, every commit synced; Django's own SMTP backend.
"""

import json
import resource
import sys
import time
from pathlib import Path

import django
from django.conf import settings
from django.core.mail.utils import DNS_NAME
from django.core.management import call_command
from django.db import transaction

from benchmarks.padded import padded_templates
from benchmarks.peers.fastapi_mail import VALUES

SENDER, RECIPIENT = "Gatepost <no-reply@gatepost.example>", "ada@example.com"
PROCESSES = 2  # of django-post_office: as many as the machine has cores


def configure(app: str, folder: Path, port: int = 25, connections: int = 16) -> None:
    """Settings as in the documentation of both, with their knobs turned to what was quickest here."""
    settings.configure(
        INSTALLED_APPS=[app],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": folder / "queue.db",
                "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL", "timeout": 30},
            }
        },
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        USE_TZ=True,
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        EMAIL_BACKEND="post_office.EmailBackend" if app == "post_office" else "mailer.backend.DbBackend",
        POST_OFFICE={
            "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
            "BATCH_SIZE": 1_000,
            "THREADS_PER_PROCESS": connections // PROCESSES,
            "LOG_LEVEL": 1,  # the status is kept all the same
        },
        MAILER_EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        MAILER_LOCK_PATH=str(folder / "send_mail"),
        LOGGING={"version": 1, "disable_existing_loggers": False, "root": {"level": "ERROR"}},
        LOGGING_CONFIG="logging.config.dictConfig",
    )
    django.setup()


def fill(app: str, count: int) -> None:
    """Queue the padded verification mail so many times."""
    call_command("migrate", verbosity=0)
    mail = padded_templates().render("verification", "en", VALUES)
    if app == "post_office":
        from post_office.mail import send_many  # noqa: PLC0415  # needs the settings

        one = {"recipients": RECIPIENT, "sender": SENDER, "subject": mail.subject, "message": mail.text}
        send_many([{**one, "html_message": mail.html} for _ in range(count)])
    else:
        from mailer import send_html_mail  # noqa: PLC0415

        with transaction.atomic():
            for _ in range(count):
                send_html_mail(mail.subject, mail.text, mail.html, SENDER, [RECIPIENT])


def send(app: str, folder: Path, count: int) -> None:
    """Run the command, and print what it took.

    Raises:
        RuntimeError: not all were sent.
    """
    str(DNS_NAME)  # looked up once for each process; not what is measured
    began, cpu = time.perf_counter(), _cpu_s()
    if app == "post_office":
        call_command("send_queued_mail", processes=PROCESSES, lockfile=str(folder / "post_office.lock"))
    else:
        call_command("send_mail")
    print(json.dumps({"seconds": time.perf_counter() - began, "cpu_s": _cpu_s() - cpu}))
    if (sent := _sent(app)) != count:
        raise RuntimeError(f"{app}: {sent} of {count} were sent")


def _sent(app: str) -> int:
    if app == "post_office":
        from post_office.models import STATUS, Email  # noqa: PLC0415

        return Email.objects.filter(status=STATUS.sent).count()
    from mailer.models import RESULT_SUCCESS, MessageLog  # noqa: PLC0415

    return MessageLog.objects.filter(result=RESULT_SUCCESS).count()


def _cpu_s() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def main(app: str, what: str, folder: Path, count: int, *where: int) -> None:
    """Fill a queue, or send it."""
    configure(app, folder, *where)
    if what == "fill":
        fill(app, count)
    else:
        send(app, folder, count)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *map(int, sys.argv[4:]))
