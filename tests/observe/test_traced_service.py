"""The whole service in a process that has a provider: nothing of ours has to be switched on."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_service_whose_process_traces_makes_both_spans(tmp_path: Path) -> None:
    """FastAPI makes the request's span, we make the one of the try, and it is linked."""
    program = [sys.executable, "-m", "tests.observe.traced_service", str(tmp_path)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    spans = json.loads(ended.stdout.splitlines()[-1])
    (request,) = [one for one in spans if one["name"] == "POST /auth/register"]
    tries = [one for one in spans if one["name"] == "submit"]
    assert tries
    assert {request["trace"]} == {trace for one in tries for trace in one["links"]}
