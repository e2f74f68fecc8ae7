"""Commands of a member, against a real server in a process of its own."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Machine

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = str(ROOT / "samples" / "ocse-livestream-payments.json")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ngo(served: Machine) -> dict[str, str]:
    served.ok("member", "add", "An NGO", "--sector", "ngo")
    return served.client("An NGO")


@pytest.fixture(scope="module")
def bank(served: Machine) -> dict[str, str]:
    served.ok("member", "add", "A bank", "--sector", "finance")
    return served.client("A bank")


@pytest.fixture(scope="module")
def reviewer(served: Machine, ngo: dict[str, str]) -> dict[str, str]:
    """A person of the NGO who approves what others wrote."""
    served.ok("user", "add", "An NGO", "reviewer")
    return served.client("An NGO", "--user", "reviewer", "--scope", "sets:review")


@pytest.fixture(scope="module")
def published(served: Machine, ngo: dict[str, str], reviewer: dict[str, str]) -> str:
    """Id of a set of the NGO with one version."""
    made = served.json("set", "import", SAMPLE, **ngo)
    assert made["draft"]["problems"] == []
    served.ok("set", "review", "ocse-livestream-payments", **ngo)
    assert "needs_approval" in served.refused("set", "publish", "ocse-livestream-payments", **ngo)
    served.ok("set", "approve", "ocse-livestream-payments", **reviewer)
    assert served.json("set", "publish", "ocse-livestream-payments", **ngo)["version"] == "0.9.0"
    found: str = made["set"]["id"]
    return found


def test_what_client_add_prints_is_all_that_a_first_call_needs(served: Machine, ngo: dict[str, str]) -> None:
    shown = served.ok(
        "client",
        "add",
        "An NGO",
        "--name",
        "first",
        "--scope",
        "sets:read",
        "--purpose",
        "protect",
        "--secret",
    )
    commands = shown.split("First call:")[1].split("With this command line:")[0]
    answer = subprocess.run(["bash", "-ec", commands], capture_output=True, text=True, check=True)
    me = json.loads(answer.stdout)
    assert (me["member"]["name"], me["purpose"]) == ("An NGO", "protect")


def test_a_client_with_a_key_gets_tokens(served: Machine, ngo: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    made = served.json(
        "client", "add", "An NGO", "--name", "key", "--scope", "sets:read", "--purpose", "protect",
        "--purpose", "train", "--new-key", str(file),
    )  # fmt: skip
    env = {
        "HALYARD_URL": made["issuer"], "HALYARD_CLIENT_ID": made["client"]["id"],
        "HALYARD_CLIENT_KEY_FILE": str(file),
    }  # fmt: skip
    assert served.json("token", "--check", **env)["purpose"] == "protect"
    assert served.json("token", "--check", **env, HALYARD_PURPOSE="train")["purpose"] == "train"
    assert "protect, train" in served.refused("token", **env, HALYARD_PURPOSE="research")


def test_a_set_is_imported_published_exported_and_compared(
    served: Machine,
    ngo: dict[str, str],
    reviewer: dict[str, str],
    bank: dict[str, str],
    published: str,
    tmp_path: Path,
) -> None:
    sample = json.loads(Path(SAMPLE).read_text())
    exported = tmp_path / "exported.json"
    served.ok("set", "export", published, "-o", str(exported), **bank)
    whole = json.loads(exported.read_text())
    assert whole["envelope"]["marking"]["tlp"] == "TLP:GREEN"
    assert {name: whole["document"][name] for name in sample["content"]} == sample["content"]
    assert served.ok("set", "export", published, **bank).encode().strip() == exported.read_bytes().strip()
    sample["content"]["indicators"][0]["confidence"] = 25
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(sample))
    again = served.json("set", "import", str(edited), **ngo)
    assert again["set"]["id"] == published, "a second import is a new draft of the same set"
    served.ok("set", "review", published, "--version", "0.9.1", **ngo)
    served.ok("set", "approve", published, **reviewer)
    served.ok("set", "publish", published, **ngo)
    diff = served.json("set", "diff", published, "0.9.0", "0.9.1", **bank)
    changes = [(one["id"], change["path"]) for one in diff["changed"] for change in one["fields"]]
    assert changes == [("ocse-livestream-payments:P01", "/confidence")]
    served.ok("set", "deprecate", published, "0.9.0", "--successor", "0.9.1", **ngo)
    served.ok("set", "retract", published, "0.9.0", "--reason", "wrong", "--successor", "0.9.1", **ngo)
    statuses = {row["version"]: row["status"] for row in served.json("set", "versions", published, **bank)}
    assert statuses == {"0.9.0": "retracted", "0.9.1": "published"}
    assert "version_retracted" in served.refused("set", "export", published, "--version", "0.9.0", **bank)


def test_a_difference_in_weights_is_shown_under_its_scenario(
    served: Machine, ngo: dict[str, str], bank: dict[str, str], tmp_path: Path
) -> None:
    weighted = json.loads((ROOT / "samples" / "ocse-weighted-scenarios.json").read_text())
    for indicator in weighted["content"]["indicators"]:  # so that one person may publish it
        indicator["rights_caution"]["level"] = "medium"
    edited = tmp_path / "edited.json"
    for version, weight in (("1.0.0", 2), ("1.1.0", 2.25)):
        weighted["content"]["scenarios"][0]["indicators"][0]["weight"] = weight
        known = "E-FINCEN-2020" if weight == 2 else "E-RENAMED"
        edited.write_text(json.dumps(weighted).replace('"E-FINCEN-2020"', f'"{known}"'))
        assert served.json("set", "import", str(edited), **ngo)["draft"]["problems"] == []
        served.ok("set", "publish", "ocse-weighted-scenarios", "--version", version, **ngo)
    shown = " ".join(served.ok("set", "diff", "ocse-weighted-scenarios", "1.0.0", "1.1.0", **bank).split())
    for part in ("scenario", "S-PAYER", "2 → 2.25", "evidence added", "evidence removed", "E-RENAMED"):
        assert part in shown


def test_known_tags_are_shown_without_a_server(served: Machine) -> None:
    found = served.json("set", "tags", HALYARD_URL="http://127.0.0.1:1")
    assert "online-child-sexual-exploitation" in found["harm_types"]
    assert len(found["capabilities"]) == 21


def test_publishing_by_somebody_else_is_refused_in_one_line(
    served: Machine, bank: dict[str, str], published: str
) -> None:
    assert "(not_owner)" in served.refused("set", "publish", published, "--version", "9.0.0", **bank)


def test_an_unlabelled_or_unaddressed_set_is_not_sent(
    served: Machine, ngo: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "set.json"
    file.write_text(json.dumps({"content": {"slug": "unlabelled", "title": "A set"}}))
    assert served.run("set", "import", str(file), **ngo).exit_code == 2
    assert served.run("set", "import", str(file), "--tlp", "TLP:AMBER", **ngo).exit_code == 2
    made = served.json("set", "import", str(file), "--tlp", "TLP:GREEN", **ngo)
    assert made["set"]["marking"]["audience"] == {"kind": "community"}
    assert made["draft"]["problems"]


def test_a_narrowed_set_is_gone_for_others(
    served: Machine, ngo: dict[str, str], bank: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "set.json"
    file.write_text(json.dumps({"content": {"slug": "narrowed", "title": "A set"}}))
    served.ok("set", "import", str(file), "--tlp", "TLP:GREEN", **ngo)
    assert "narrowed" in served.ok("set", "list", **bank)
    own = served.json("token", "--check", **ngo)["member"]["id"]
    served.ok("set", "marking", "narrowed", "--tlp", "TLP:AMBER", "--audience", f"members:{own}", **ngo)
    assert "narrowed" not in served.ok("set", "list", **bank)


def test_signals_are_pushed_looked_up_and_pulled(
    served: Machine, ngo: dict[str, str], bank: dict[str, str], tmp_path: Path
) -> None:
    values = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(1_200)]
    lines = [json.dumps({"type": "sha256", "value": value}) for value in values]
    file = tmp_path / "signals.ndjson"
    file.write_text("\n".join([*lines, '{"type": "sha256"}', "no json"]))
    made = served.json(
        "signals", "add-list", "hashes", "--title", "Hashes", "--type", "sha256", "--tlp", "TLP:GREEN", **ngo
    )
    pushed = served.json("signals", "push", "hashes", str(file), **ngo)
    assert (pushed["accepted"], pushed["refused"]) == (1_200, 2)
    again = served.ok("signals", "push", made["id"], str(file), **ngo)
    assert "1,200 already yours, 2 refused" in again
    unknown = hashlib.sha256(b"unknown").hexdigest()
    found = served.json("signals", "lookup", "sha256", *values[:600], unknown, **bank)
    assert [len(result["matches"]) for result in found["results"]] == [1] * 600 + [0]
    out = tmp_path / "feed.ndjson"
    pulled = served.json("signals", "pull", "-o", str(out), "--collection", made["id"], **bank)
    assert pulled["changes"] == 1_201
    kinds = [json.loads(line)["kind"] for line in out.read_text().splitlines()]
    assert kinds.count("signal.changed") == 1_200
    more = served.json("signals", "pull", "-o", str(out), "--collection", made["id"], **bank)
    assert more["changes"] == 0
    other = served.refused("signals", "pull", "-o", str(out), **bank)
    assert "(" in other, "a cursor of another view is refused, not read wrongly"


def test_the_audit_trail_names_who_did_what(
    served: Machine, ngo: dict[str, str], bank: dict[str, str]
) -> None:
    served.ok("set", "list", **bank)
    bank_id = served.json("token", "--check", **bank)["member"]["id"]
    found = served.json("audit", "list", "--member", bank_id, "--action", "sets.listed", **ngo)
    assert found
    assert {item["entry"]["actor"]["member"] for item in found} == {bank_id}
    assert "A bank" in served.ok("audit", "list", "--member", bank_id, **ngo)


def test_questions_about_the_log_are_answered_in_tables_and_for_programs(
    served: Machine, ngo: dict[str, str], bank: dict[str, str]
) -> None:
    bank_id = served.json("token", "--check", **bank)["member"]["id"]
    served.ok("set", "list", **bank)
    volume = served.json("audit", "volume", "--member", "A bank", **ngo)
    actions = {count["action"] for day in volume["days"] for count in day["counts"]}
    assert "sets.listed" in actions
    assert "sets.listed" in served.ok("audit", "volume", "--member", bank_id, **ngo)
    assert "refused" in served.ok("audit", "matrix", **ngo)
    newest = served.json("audit", "list", "--newest", "--limit", "1", **ngo)[0]["entry"]
    told = served.json("audit", "request", newest["request"], **ngo)
    assert [item["entry"]["id"] for item in told] == [newest["id"]]
    nothing = "00000000-0000-4000-8000-000000000000"
    assert served.json("audit", "recipients", "--object", nothing, **ngo) == []
    gone = served.json("audit", "outstanding", "--object", nothing, **ngo)
    assert gone == {"retracted_at": None, "recipients": 0, "told": 0, "items": []}
    assert "--object" in served.refused("audit", "recipients", **ngo)
    assert "/version" in served.refused("audit", "recipients", "--collection", nothing, **ngo)
    assert "name" in served.refused("audit", "volume", "--member", "Nobody", **ngo)


def test_what_does_not_exist_is_told_in_one_line(served: Machine, ngo: dict[str, str]) -> None:
    said = served.refused("set", "export", "nothing-of-this-name", **ngo)
    assert said.count("\n") == 1
    said = served.refused("set", "export", "00000000-0000-4000-8000-000000000000", "--json", **ngo)
    assert json.loads(said)["error"]["status"] == 404


def test_health_asks_the_server(served: Machine) -> None:
    base = served.env["HALYARD_ISSUER"]
    for path in ("/healthz", "/readyz"):
        assert served.ok("health", "--url", base + path).strip() == "ok"
    assert "unfit" in served.refused("health", "--url", base + "/nothing")
    assert "no_answer" in served.refused("health", "--url", "http://127.0.0.1:1/healthz")
    assert "no_answer" in served.refused("health", "--url", "no url")
