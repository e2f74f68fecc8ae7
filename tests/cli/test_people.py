"""Commands at the machine about people who sign in: inviting, roles, unlocking, linking."""

import re
from dataclasses import replace
from pathlib import Path

import pyotp
import pytest

from app.audit.entry import Request
from app.cli import local
from app.cli import users as user_commands
from app.config import Config
from app.console import session
from app.main import create_app
from app.members.people import attempts, signing_in
from app.record import begin
from tests.browsing import Browser
from tests.cli.conftest import Machine

PASSWORD = "four quiet harbour lamps"
PROVIDER = {
    "HALYARD_OIDC_ISSUER": "https://idp.example", "HALYARD_OIDC_CLIENT_ID": "halyard",
    "HALYARD_OIDC_CLIENT_SECRET": "a secret",
}  # fmt: skip


@pytest.fixture
def bank(machine: Machine) -> str:
    machine.ok("member", "add", "Riverside Bank", "--sector", "finance")
    return "Riverside Bank"


def config(machine: Machine) -> Config:
    return Config.from_env(machine.env)


def state(machine: Machine, bank: str, handle: str = "auditor-1") -> dict[str, object]:
    [found] = [row for row in machine.json("user", "list", bank) if row["handle"] == handle]
    return {name: found.get(name) for name in ("roles", "enrolled", "locked", "linked", "invited_until")}


def test_what_an_invitation_prints_is_all_that_it_takes(machine: Machine, bank: str) -> None:
    made = machine.json("user", "invite", bank, "auditor-1", "--role", "auditor", "--role", "analyst")
    assert made["address"] == f"{machine.env['HALYARD_ISSUER']}/console/invitation"
    assert state(machine, bank)["invited_until"] == made["expires_at"]
    with local.opened(config(machine)) as runtime:
        browser = Browser(runtime, create_app(runtime).test_client())
        browser.get("/console/invitation")
        sent = {"code": made["code"], "password": PASSWORD, "repeat": PASSWORD}
        assert browser.post("/console/invitation", sent).status_code == 303
        page = browser.get("/console/invitation/device").text
        secret = re.findall(r"<pre>([A-Z2-7 ]+)</pre>", page)[0].replace(" ", "")
        browser.post("/console/invitation/device", {"code": pyotp.TOTP(secret).now()})
        page = browser.get("/console/account").text
        assert "analyst, auditor" in page
        machine.ok("user", "disable", bank, "auditor-1")
        assert browser.get("/console/account").status_code == 303
    assert state(machine, bank) == {
        "roles": ["analyst", "auditor"], "enrolled": True, "locked": False, "linked": False,
        "invited_until": None,
    }  # fmt: skip
    assert "disabled" in machine.refused("user", "invite", bank, "auditor-1")
    assert session.HOME == "/console"


def test_a_handle_is_one_of_a_member_and_a_role_is_one_that_there_is(machine: Machine, bank: str) -> None:
    machine.ok("member", "add", "Harbour Light Trust", "--sector", "ngo")
    machine.ok("user", "invite", bank, "auditor-1")
    assert "taken" in machine.refused("user", "invite", "Harbour Light Trust", "auditor-1")
    assert "lower-case" in machine.refused("user", "invite", bank, "Not A Handle")
    assert machine.run("user", "role", "add", bank, "auditor-1", "emperor").exit_code == 2
    machine.ok("user", "invite", bank, "auditor-1", "--role", "auditor")
    machine.ok("user", "invite", bank, "auditor-1", "--role", "auditor")
    machine.ok("user", "role", "add", bank, "auditor-1", "operator")
    machine.ok("user", "role", "remove", bank, "auditor-1", "auditor")
    assert state(machine, bank)["roles"] == ["operator"]
    assert "does not have" in machine.refused("user", "role", "remove", bank, "auditor-1", "auditor")
    assert "operator" in machine.ok("user", "list", bank)


def test_a_locked_person_is_shown_and_unlocked(machine: Machine, bank: str) -> None:
    machine.ok("user", "add", bank, "auditor-1")
    with local.opened(config(machine)) as runtime:
        start = runtime.clock()
        for minute in range(attempts.LOCKED_AFTER):
            later = replace(runtime, clock=lambda minute=minute: start + minute * 61_000_000)
            with begin(later, signing_in.as_nobody, Request()) as tx:
                attempts.charge(tx, "auditor-1")
    assert state(machine, bank)["locked"] is True
    assert "LOCKED until" in machine.ok("user", "list", bank)
    machine.ok("user", "unlock", bank, "auditor-1")
    assert state(machine, bank)["locked"] is False
    assert "not locked" in machine.refused("user", "unlock", bank, "auditor-1")


def test_an_account_at_the_provider_is_linked_and_unlinked(machine: Machine, bank: str) -> None:
    machine.ok("user", "add", bank, "auditor-1")
    machine.ok("user", "add", bank, "auditor-2")
    assert "HALYARD_OIDC_ISSUER" in machine.refused("user", "link", bank, "auditor-1", "subject-1")
    machine.ok("user", "link", bank, "auditor-1", "subject-1", **PROVIDER)
    assert state(machine, bank)["linked"] is True
    assert "Unlink it first" in machine.refused("user", "link", bank, "auditor-2", "subject-1", **PROVIDER)
    machine.ok("user", "unlink", bank, "auditor-1")
    assert state(machine, bank)["linked"] is False
    assert "no account" in machine.refused("user", "unlink", bank, "auditor-1")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"HALYARD_OIDC_ISSUER": "http://idp.example"}, "https"),
        ({"HALYARD_OIDC_ISSUER": "https://idp.example"}, "HALYARD_OIDC_CLIENT_ID"),
        ({**PROVIDER, "HALYARD_OIDC_CLIENT_SECRET": ""}, "HALYARD_OIDC_CLIENT_SECRET"),
        ({**PROVIDER, "HALYARD_OIDC_NETWORKS": "home"}, "HALYARD_OIDC_NETWORKS"),
    ],
)
def test_half_a_provider_is_refused(more: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Config.from_env(more)


def test_the_secret_at_the_provider_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("a secret\n")
    told = {**PROVIDER, "HALYARD_OIDC_CLIENT_SECRET": "", "HALYARD_OIDC_CLIENT_SECRET_FILE": str(path)}
    assert Config.from_env(told).oidc_secret() == "a secret"
    assert Config.from_env(PROVIDER).oidc_secret() == "a secret"


def test_a_member_may_have_more_people_than_a_page_holds(
    machine: Machine, bank: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the operator could not end the access of some of them."""
    monkeypatch.setattr(user_commands, "_PAGE", 1)
    handles = ["analyst-1", "analyst-2", "analyst-3"]
    for handle in handles:
        machine.ok("user", "invite", bank, handle)
        machine.ok("user", "invite", bank, handle, "--role", "analyst")
    assert sorted(row["handle"] for row in machine.json("user", "list", bank)) == handles
    for handle in handles:
        machine.ok("user", "disable", bank, handle)
    assert all("disabled_at" in row for row in machine.json("user", "list", bank))
