"""Commands at the machine: members, users, clients, groups, keys."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.cli.conftest import Machine, new_machine
from tests.conftest import NewDatabase
from tests.factories import word


@pytest.fixture(scope="module")
def machine(new_database_url: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """One database for all tests of this file: each enrols members of its own."""
    found = new_machine(new_database_url(), tmp_path_factory.mktemp("admin"))
    found.ok("db", "upgrade")
    return found


@pytest.fixture
def bank(machine: Machine) -> str:
    return machine.json("member", "add", f"Bank {word()}", "--sector", "finance")["id"]


@pytest.fixture
def circle(machine: Machine) -> str:
    """A group of an NGO's own that asks for an attribute."""
    name = word()
    machine.ok("member", "add", f"NGO {name}", "--sector", "ngo")
    words = ["group", "add", f"Circle {name}", "--owner", f"NGO {name}", "--terms", "Be careful."]
    return machine.json(*words, "--requires", "vetted")["id"]


def listed(machine: Machine, noun: str, ident: str) -> dict[str, Any]:
    return next(row for row in machine.json(noun, "list") if row["id"] == ident)


def test_a_member_is_enrolled_and_listed_with_its_standing(machine: Machine, bank: str) -> None:
    name = listed(machine, "member", bank)["name"]
    machine.ok("member", "suspend", name)
    assert listed(machine, "member", bank)["status"] == "suspended"
    machine.ok("member", "reactivate", bank)
    assert listed(machine, "member", bank)["status"] == "active"
    assert name in machine.ok("member", "list")


def test_a_downstream_names_the_member_that_serves_it(machine: Machine, bank: str) -> None:
    vendor = machine.json("member", "add", "A vendor", "--sector", "vendor", "--served-by", bank)
    assert (vendor["kind"], vendor["upstream"]) == ("downstream", bank)


def test_offboarding_asks_first_and_is_final(machine: Machine, bank: str) -> None:
    assert machine.run("member", "offboard", bank).exit_code == 1
    machine.ok("member", "offboard", bank, "--yes")
    assert "member_status" in machine.refused("member", "reactivate", bank)


def test_an_unknown_member_is_refused_in_one_line(machine: Machine) -> None:
    said = machine.refused("member", "suspend", "Nobody")
    assert said.count("\n") == 1
    assert "halyard member list" in said


def test_a_refusal_is_json_where_json_was_asked_for(machine: Machine) -> None:
    for words in (["--json", "member", "suspend", "Nobody"], ["member", "suspend", "Nobody", "--json"]):
        assert json.loads(machine.refused(*words))["error"]["reason"] == "not-found"


def test_input_is_held_to_the_rules_of_the_api(machine: Machine, bank: str) -> None:
    assert "Use 1 to 64 lower-case" in machine.refused("user", "add", bank, "Not A Handle")
    assert "Use 1 to 64 lower-case" in machine.refused("member", "attribute", bank, "Not-An-Attribute")
    assert "text_refused" in machine.refused(
        "member", "add", "write to a.person@bank.example", "--sector", "ngo"
    )
    assert "offset" in machine.refused("member", "attribute", bank, "vetted", "--until", "2030-01-01")


def test_an_attribute_is_granted_until_a_moment_and_ended(machine: Machine, bank: str) -> None:
    granted = machine.json("member", "attribute", bank, "vetted", "--until", "2090-01-01T00:00:00Z")
    assert granted == {"name": "vetted", "valid_until": "2090-01-01T00:00:00.000000Z", "holds": True}
    machine.ok("member", "attribute", bank, "vetted", "--end")
    assert listed(machine, "member", bank)["attributes"][0]["holds"] is False


def test_a_secret_is_printed_once_and_stored_nowhere(machine: Machine, bank: str) -> None:
    result = machine.run(
        "client", "add", bank, "--name", "sync", "--scope", "sets:read", "--purpose", "detect", "--secret"
    )
    secret = result.stdout.split("Secret  ")[1].split()[0]
    assert len(secret) >= 43
    assert secret not in result.stderr
    assert secret not in machine.ok("client", "list", "--json")
    for path in machine.folder.rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes(), path


def test_a_new_key_file_is_private_and_only_its_public_half_is_registered(
    machine: Machine, bank: str, tmp_path: Path
) -> None:
    file = tmp_path / "key.json"
    words = ["client", "add", bank, "--name", "k", "--scope", "sets:read", "--purpose", "detect"]
    made = machine.json(*words, "--new-key", str(file))
    kept = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert made["secret"] is None
    assert made["client"]["jwks"]["keys"][0]["x"] == kept["x"]
    assert kept["d"] not in json.dumps(machine.json("client", "list"))
    assert "exists" in machine.refused(*words, "--new-key", str(file))


def test_no_key_file_is_left_where_registering_failed(machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    machine.refused(
        "client",
        "add",
        "Nobody",
        "--name",
        "k",
        "--scope",
        "sets:read",
        "--purpose",
        "detect",
        "--new-key",
        str(file),
    )
    assert not file.exists()


def test_exactly_one_kind_of_credential_is_chosen(machine: Machine, bank: str) -> None:
    words = ["client", "add", bank, "--name", "k", "--scope", "sets:read", "--purpose", "detect"]
    assert machine.run(*words).exit_code == 2
    assert machine.run(*words, "--secret", "--new-key", "k.json").exit_code == 2


def test_rotating_a_client_gives_a_new_secret_and_revoking_ends_it(machine: Machine, bank: str) -> None:
    first = machine.client(bank)
    rotated = machine.json("client", "rotate", first["HALYARD_CLIENT_ID"])
    assert rotated["secret"] != first["HALYARD_CLIENT_SECRET"]
    machine.ok("client", "revoke", first["HALYARD_CLIENT_ID"])
    assert "disabled_at" in machine.json("client", "list", bank)[0]
    assert "client_revoked" in machine.refused("client", "rotate", first["HALYARD_CLIENT_ID"])


def test_a_client_has_an_end_and_networks_and_the_list_says_what_ends_soon(
    machine: Machine, bank: str
) -> None:
    machine.client(bank, "--expires-days", "20", "--network", "192.0.2.0/24", "--network", "2001:db8:7::/48")
    client = machine.json("client", "list", bank)[0]
    assert client["networks"] == ["192.0.2.0/24", "2001:db8:7::/48"]
    assert client["ends_at"] == client["expires_at"]
    assert client["ends_soon"] is True
    assert f"ends {client['ends_at'][:10]} SOON" in machine.ok("client", "list")
    words = ["client", "add", bank, "--name", "k", "--scope", "sets:read", "--purpose", "detect", "--secret"]
    assert "/networks/0" in machine.refused(*words, "--network", "192.0.2.1/24")


def test_the_end_and_the_networks_of_a_client_are_set_anew_and_what_is_not_named_stays(
    machine: Machine, bank: str
) -> None:
    client = machine.client(bank, "--expires-days", "20", "--network", "192.0.2.0/24")["HALYARD_CLIENT_ID"]
    before = machine.json("client", "list", bank)[0]

    renewed = machine.json("client", "change", client, "--expires-days", "90")
    assert renewed["expires_at"] > before["expires_at"]
    assert renewed["networks"] == ["192.0.2.0/24"]
    moved = machine.json(
        "client", "change", client, "--network", "198.51.100.0/24", "--network", "2001:db8:7::/48"
    )
    assert moved["networks"] == ["198.51.100.0/24", "2001:db8:7::/48"]
    assert moved["expires_at"] == renewed["expires_at"]
    said = machine.ok("client", "change", client, "--no-end", "--any-network")
    assert "no end, from any network" in said
    assert not {"expires_at", "networks"} & machine.json("client", "list", bank)[0].keys()


def test_a_change_of_a_client_that_cannot_be_is_refused(machine: Machine, bank: str) -> None:
    client = machine.client(bank)["HALYARD_CLIENT_ID"]
    words = ["client", "change", client]

    assert "Name what changes" in machine.refused(*words)
    assert "/networks/0" in machine.refused(*words, "--network", "192.0.2.1/24")
    assert machine.run(*words, "--expires-days", "9", "--no-end").exit_code == 2
    assert machine.run(*words, "--network", "192.0.2.0/24", "--any-network").exit_code == 2
    assert machine.run(*words, "--expires-days", "0").exit_code == 2
    machine.ok("client", "revoke", client)
    assert "client_revoked" in machine.refused(*words, "--no-end")


def test_a_rotation_may_keep_the_old_credential_for_some_hours(machine: Machine, bank: str) -> None:
    first = machine.client(bank)
    made = machine.json("client", "rotate", first["HALYARD_CLIENT_ID"], "--overlap-hours", "24")
    assert "former_until" in made["client"]
    made = machine.json("client", "rotate", first["HALYARD_CLIENT_ID"])
    assert "former_until" not in made["client"]
    assert (
        machine.run("client", "rotate", first["HALYARD_CLIENT_ID"], "--overlap-hours", "169").exit_code == 2
    )


def test_published_keys_are_asked_for_at_once_and_an_address_that_must_not_be_asked_is_refused(
    machine: Machine, bank: str
) -> None:
    words = ["client", "add", bank, "--name", "k", "--scope", "sets:read", "--purpose", "detect"]
    assert "/jwks_uri" in machine.refused(*words, "--jwks-uri", "https://127.0.0.1/jwks.json")
    assert machine.run(*words, "--jwks-uri", "https://keys.bank.example/", "--secret").exit_code == 2
    assert machine.json("client", "list", bank) == []


def test_a_personal_client_belongs_to_a_person(machine: Machine, bank: str) -> None:
    person = machine.json("user", "add", bank, "analyst-1")
    machine.client(bank, "--user", "analyst-1")
    client = machine.json("client", "list", bank)[0]
    assert (client["kind"], client["user"]) == ("personal", person["id"])
    machine.ok("user", "disable", bank, "analyst-1")
    assert "disabled_at" in machine.json("user", "list", bank)[0]


def test_a_member_joins_a_group_after_its_acceptance_and_leaves_it(
    machine: Machine, bank: str, circle: str
) -> None:
    invited = machine.json("group", "join", circle, bank)
    assert _standings(invited)[bank] == "invited"
    lacks = machine.refused("group", "join", circle, bank, "--accepted-terms", "1")
    assert "attributes_missing" in lacks
    machine.ok("member", "attribute", bank, "vetted")
    joined = machine.json("group", "join", circle, bank, "--accepted-terms", "1")
    assert _standings(joined)[bank] == "active"
    machine.ok("group", "leave", circle, bank)
    assert bank not in _standings(listed(machine, "group", circle))


def test_group_terms_that_were_not_accepted_open_nothing(machine: Machine, bank: str, circle: str) -> None:
    assert "terms_changed" in machine.refused("group", "join", circle, bank, "--accepted-terms", "7")
    assert bank not in _standings(listed(machine, "group", circle)), "the invitation is rolled back too"


def _standings(group: dict[str, Any]) -> dict[str, str]:
    return {one["member"]: one["standing"] for one in group["members"]}


def test_rotation_signs_with_the_next_key_and_keeps_the_old_one_published(machine: Machine) -> None:
    before = {key["kid"]: key for key in machine.json("keys", "list")}
    signs = machine.json("keys", "rotate", "--for", "document")["document"]
    after = {key["kid"]: key for key in machine.json("keys", "list")}
    assert "nbf" not in before[signs], "it was published ahead"
    assert before.keys() < after.keys()
    retired = [kid for kid, key in after.items() if "exp" in key and "exp" not in before[kid]]
    assert [after[kid]["for"] for kid in retired] == ["document"]


def test_what_the_operator_does_and_reads_is_in_the_audit_log(machine: Machine, bank: str) -> None:
    machine.ok("member", "list")
    machine.ok("keys", "rotate")
    actions = _actions(machine)
    assert {"member.added", "member.listed", "key.rotated"} <= actions


def _actions(machine: Machine) -> set[str]:
    url = machine.env["HALYARD_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {row[0] for row in connection.execute(text("SELECT action FROM audit_entry"))}
    engine.dispose()
    return found


def test_every_command_explains_itself_and_takes_json(machine: Machine) -> None:
    groups = ["db", "keys", "member", "user", "client", "group", "set", "signals", "audit"]
    shown = machine.ok("--help")
    for name in groups:
        assert name in shown
        lines = machine.ok(name, "--help").split("Commands:")[1].splitlines()
        for command in (
            line.split()[0] for line in lines if line.strip() and line.startswith("  ") and line[2] != " "
        ):
            told = machine.ok(name, command, "--help")
            if "Commands:" in told:
                assert (name, command) == ("user", "role")
                told = machine.ok(name, command, "add", "--help") + machine.ok(
                    name, command, "remove", "--help"
                )
            assert "--json" in told, (name, command)
    for name in ("demo", "serve", "worker", "health", "doctor", "backup", "restore", "token", "openapi"):
        assert "--json" in machine.ok(name, "--help")


def test_an_unknown_setting_stops_every_command(machine: Machine) -> None:
    assert "HALYARD_LISSEN" in machine.refused("member", "list", HALYARD_LISSEN="x")
