"""`halyard demo`, as somebody runs it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TEN_YEARS = 3_653
LIMIT_SECONDS = 180
"""Generous: the machine of the build does other things at the same time."""


@pytest.fixture(scope="module", autouse=True)
def _once(backend: str) -> None:
    if backend != "sqlite":
        pytest.skip("the demo brings its own SQLite database, whatever the suite runs on")


def play(*words: str) -> tuple[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("HALYARD_")}
    command = [sys.executable, "-m", "app.cli", "demo", *words]
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    return done.stdout, done.stderr


def left_behind() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("halyard-demo-*"))


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    before = left_behind()
    found: dict[str, Any] = json.loads(play("--json")[0])
    assert left_behind() <= before
    return found


def test_the_demo_plays_to_its_end_and_shows_tables() -> None:
    shown, _ = play()
    for words in (
        "Who sees what", "yes: released", "10,000 accepted", "410", "loss of sight",
        "retractions outstanding", "Audit trail", "the server is stopped",
    ):  # fmt: skip
        assert words in shown


def test_everybody_is_given_what_may_be_seen_and_nothing_else(facts: dict[str, Any]) -> None:
    first, last = facts["sight"]
    assert first["payments-circle"] == ["yes: owner", "yes: group", "-", "yes: released", "-"]
    assert last["ocse-livestream-payments"] == ["yes: owner", "yes: group", "-", "-"]
    assert facts["taken"][-1] == {"member": "platform", "sight.lost": 1}
    assert facts["hidden_answers"] == 404
    assert "invalid_client" in facts["suspended_gets"]
    assert facts["copies_equal"] == ["bank", "platform"]


def test_signals_lookups_and_endings_are_as_told(facts: dict[str, Any]) -> None:
    assert (facts["published"], facts["matched"], facts["retracted_answers"]) == (10_000, 25, 410)
    assert facts["outstanding"] == {"before": ["Commons Video"], "after": []}
    assert facts["audit_entries"] > 80
    assert facts["proven"]["entries"] > 80
    assert 0 <= facts["proven"]["changed"] < facts["proven"]["entries"]


def test_the_demo_runs_ten_years_on() -> None:
    facts = json.loads(play("--json", "--clock-shift-days", str(TEN_YEARS))[0])
    assert facts["copies_equal"] == ["bank", "platform"]


def test_a_kept_server_answers_the_printed_call_until_it_is_ended() -> None:
    facts = json.loads(play("--keep", "--json")[0])
    try:
        form = {"grant_type": "client_credentials"}
        basic = (facts["client"]["id"], facts["secret"])
        token = httpx.post(facts["token_endpoint"], data=form, auth=basic, trust_env=False).json()[
            "access_token"
        ]
        bearer = {"Authorization": f"Bearer {token}"}
        me = httpx.get(f"{facts['url']}/v1/me", headers=bearer, trust_env=False).json()
        assert me["member"]["name"] == "Commons Video"
        assert Path(facts["folder"]).is_dir()
    finally:
        os.kill(facts["pid"], signal.SIGTERM)
        _await_end(facts["pid"])
        subprocess.run(["rm", "-r", facts["folder"]], check=True)


def _await_end(pid: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").exists() and ") Z " in Path(f"/proc/{pid}/stat").read_text():
            return  # ended; the process that would take its exit code is gone
        time.sleep(0.1)
    raise AssertionError("the kept server did not end")
