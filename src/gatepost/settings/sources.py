"""Collects what was set, and where: arguments, the environment, gatepost.toml. Reads no values, only names."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from gatepost.settings.setting import PREFIX
from gatepost.settings.table import BY_NAME

ENVIRONMENT = "environment"
FILE = "gatepost.toml"
COMMAND_LINE = "command line"
ARGUMENT = "argument"
DEFAULT = "default"

# What Kubernetes and Docker links put into the environment of every container beside a service whose name begins with
# gatepost: GATEPOST_PORT=tcp://10.0.0.1:80, GATEPOST_PORT_80_TCP_ADDR=10.0.0.1, GATEPOST_SERVICE_HOST=10.0.0.1, …
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://[\w.:\[\]-]+")
_SERVICE_NAMES: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (re.compile(r"GATEPOST_(\w+_)?PORT(_\d+_(TCP|UDP|SCTP))?"), _SERVICE_URL),
    (re.compile(r"GATEPOST_(\w+_)?PORT_\d+_(TCP|UDP|SCTP)_PROTO"), re.compile(r"tcp|udp|sctp")),
    (re.compile(r"GATEPOST_(\w+_)?PORT_\d+_(TCP|UDP|SCTP)_PORT"), re.compile(r"\d+")),
    (re.compile(r"GATEPOST_(\w+_)?SERVICE_PORT(_\w+)?"), re.compile(r"\d+")),
)
_SERVICE_ADDRESS = re.compile(r"GATEPOST_(\w+_)?(SERVICE_HOST|PORT_\d+_(TCP|UDP|SCTP)_ADDR)")


@dataclass
class Found:
    """What was set: name → value and source, the names nobody knows, and what was ignored."""

    given: dict[str, tuple[Any, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def take(self, values: Mapping[str, Any], source: str) -> None:
        """Take what `source` sets; it wins over what was taken before. None and empty text mean "not set"."""
        for name, value in values.items():
            if name not in BY_NAME:
                self.problems.append(_unknown(name, source))
            elif value is not None and not (isinstance(value, str) and not value.strip()):
                self.given[name] = (value, source)


def label(name: str, source: str) -> str:
    """Name a setting the way the person wrote it."""
    if source == FILE:
        return f"{name} in {FILE}"
    if source == ARGUMENT:
        return name
    if source == COMMAND_LINE:
        return f"--{name.replace('_', '-')}"
    return PREFIX + name.upper()


def read(environ: Mapping[str, str], file: Path, command_line: Mapping[str, Any]) -> Found:
    """Collect the settings of a process: the command line wins over the environment, the environment over the file."""
    found = Found()
    found.take(_file(file, found), FILE)
    found.take(_environment(environ, found), ENVIRONMENT)
    found.take(command_line, COMMAND_LINE)
    return found


def _file(file: Path, found: Found) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        return {}
    except OSError as refusal:
        found.problems.append(f"{file} cannot be read: {refusal.strerror}; make it readable or remove it.")
    except UnicodeDecodeError:
        found.problems.append(f"{file} is not UTF-8; save it as UTF-8.")
    except tomllib.TOMLDecodeError as refusal:
        found.problems.append(f'{file} is not TOML: {refusal}; texts need quotes, as in sender = "a@b.example".')
    return {}


def _environment(environ: Mapping[str, str], found: Found) -> dict[str, str]:
    ours, injected = {}, []
    for variable, value in sorted(environ.items()):
        if not variable.startswith(PREFIX):
            continue
        if _is_injected(variable, value):
            injected.append(variable)
        else:
            ours[variable.removeprefix(PREFIX).lower()] = value
    if injected:
        found.warnings.append(
            f"ignored {', '.join(injected[:3])}{' and others' if len(injected) > 3 else ''}: Kubernetes sets them for a"
            " service whose name begins with gatepost; `enableServiceLinks: false` keeps them out"
        )
    return ours


def _is_injected(variable: str, value: str) -> bool:
    if _SERVICE_ADDRESS.fullmatch(variable):
        try:
            ip_address(value)
        except ValueError:
            return False
        return True
    return any(name.fullmatch(variable) and text.fullmatch(value) for name, text in _SERVICE_NAMES)


def _unknown(name: str, source: str) -> str:
    nearest = difflib.get_close_matches(name.lower(), BY_NAME, n=1, cutoff=0.6)
    advice = f"did you mean {label(nearest[0], source)}?" if nearest else "`gatepost config` lists every setting."
    return f"{label(name, source)} is no setting; {advice}"
