"""`halyard audit`: take the log out, keep receipts and checkpoints, and verify them without the server."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result

from app.audit.models import AuditEntry
from app.db import Database
from tests.cli.conftest import Machine, await_answer, start, stop

pytestmark = pytest.mark.slow


@dataclass
class Desk:
    """An auditor at a machine of her own, with the server over HTTP."""

    machine: Machine
    who: dict[str, str]
    folder: Path

    @property
    def url(self) -> str:
        return self.who["HALYARD_URL"]

    @property
    def state(self) -> tuple[str, str]:
        return ("--state", str(self.folder / "state.json"))

    def verify(self, *words: str, online: bool = True) -> Result:
        who = self.who if online else {}
        return self.machine.run("audit", "verify", *self.state, *words, **who)

    def told(self, *words: str, code: int = 0, online: bool = True) -> dict[str, Any]:
        result = self.verify(*words, "--json", online=online)
        assert result.exit_code == code, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def export(self, name: str, *words: str) -> Path:
        self.machine.ok("audit", "export", "--output", str(self.folder / name), *words, **self.who)
        return self.folder / name

    def keys(self) -> Path:
        file = self.folder / "halyard.json"
        file.write_bytes(httpx.get(f"{self.url}/.well-known/halyard", trust_env=False).content)
        return file

    def act(self, count: int = 1) -> str:
        """Leave entries, and wait until they are signed; the id of the last one."""
        with httpx.Client(base_url=self.url, trust_env=False) as http:
            token = self.machine.ok("token", **self.who).strip()
            for _ in range(count):
                answer = http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
            entry = str(answer.headers["Halyard-Audit-Entry"])
        self.machine.ok("audit", "receipt", entry, "--output", str(self.folder / "receipt.json"), **self.who)
        return entry


@pytest.fixture(scope="module")
def working(served: Machine, backend: str) -> Iterator[Machine]:
    """A server with a worker: inside it where it is embedded, else beside it."""
    if backend == "sqlite":
        yield served
        return
    process = start(served, "worker")
    yield served
    assert stop(process) == 0


@pytest.fixture(scope="module")
def auditor(working: Machine) -> dict[str, str]:
    working.ok("member", "add", "Coalition Assurance", "--sector", "oversight")
    return working.client("Coalition Assurance")


@pytest.fixture
def desk(working: Machine, auditor: dict[str, str], tmp_path: Path) -> Desk:
    return Desk(working, auditor, tmp_path)


def test_an_export_is_proven_offline_and_goes_on_later(desk: Desk) -> None:
    desk.act(3)
    file = desk.export("audit.ndjson")
    offline = desk.told(str(file), "--keys", str(desk.keys()), online=False)
    assert offline["proven"], offline
    size = offline["checkpoints"][0]["size"]
    assert offline["entries"]["ranges"] == [[0, size]]
    desk.act(3)
    assert "exists" in desk.machine.refused("audit", "export", "--output", str(file), **desk.who)
    desk.export("audit.ndjson", "--resume")
    later = desk.told(str(file), online=False)  # with the key that was kept
    assert later["compared"] == [size]
    assert len(later["entries"]["ranges"]) == 1
    assert later["entries"]["proven"] > size


def test_an_export_that_was_cut_is_taken_up_again(desk: Desk) -> None:
    desk.act(3)
    whole = desk.export("whole.ndjson").read_bytes()
    for at in (0, 20, len(whole) // 2, len(whole) - 1):
        file = desk.folder / "cut.ndjson"
        file.write_bytes(whole[:at])
        desk.export("cut.ndjson", "--resume")
        assert desk.told(str(file), "--keys", str(desk.keys()))["proven"]
    file.write_bytes(b"precious")
    assert "unreadable" in desk.machine.refused(
        "audit", "export", "--resume", "--output", str(file), **desk.who
    )
    assert file.read_bytes() == b"precious"


def test_a_selection_and_a_spreadsheet(desk: Desk) -> None:
    desk.act(2)
    file = desk.export("me.ndjson", "--action", "me.read", "--proofs")
    told = desk.told(str(file), "--keys", str(desk.keys()))
    assert told["proven"], told
    assert told["entries"]["proven"] >= 2
    rows = desk.export("audit.csv", "--csv").read_text().splitlines()
    assert rows[0].startswith("row,index,")
    assert rows[-1].startswith("closed,")
    assert "csv" in desk.machine.refused(
        "audit", "export", "--csv", "--resume", "--output", str(desk.folder / "x.csv"), **desk.who
    )


def test_a_receipt_is_proven_offline(desk: Desk) -> None:
    entry = desk.act()
    receipt = desk.folder / "receipt.json"
    told = desk.told("--receipt", str(receipt), "--keys", str(desk.keys()), online=False)
    assert [one["entry"]["id"] for one in told["receipts"]] == [entry]
    assert "PROVEN" in desk.verify("--receipt", str(receipt), online=False).output
    changed = json.loads(receipt.read_text())
    changed["entry"]["decision"] = "refused"
    receipt.write_text(json.dumps(changed))
    result = desk.verify("--receipt", str(receipt), online=False)
    assert result.exit_code == 1
    assert "NOT PROVEN" in result.output
    assert entry in result.output


def test_a_server_is_followed_and_first_use_is_said(desk: Desk) -> None:
    desk.act()
    first = desk.told("--server", desk.url)
    assert "first use" in first["notes"][0]
    desk.act()
    second = desk.told("--server", desk.url)
    assert second["notes"] == []
    assert second["compared"] == [first["checkpoints"][0]["size"]]
    desk.act()
    stranger = desk.told("--server", desk.url, code=1, online=False)
    assert {one["fault"] for one in stranger["findings"]} == {"unanswered"}


def test_keys_may_be_pinned_and_another_is_not_believed(desk: Desk) -> None:
    desk.act()
    home = json.loads(desk.keys().read_text())["audit_log"]
    signing = next(key["vkey"] for key in home["keys"] if "nbf" in key)
    note = desk.machine.ok("audit", "checkpoint", "--key", signing, **desk.who)
    assert note.startswith(home["origin"])
    assert "server itself" in desk.machine.run("audit", "checkpoint", **desk.who).stderr
    assert desk.told("--server", desk.url, "--key", signing)["notes"] == []
    other = next(key["vkey"] for key in home["keys"] if key["vkey"] != signing)
    report = desk.told("--server", desk.url, "--key", other, code=1)
    assert {one["fault"] for one in report["findings"]} == {"checkpoint"}
    assert "not_proven" in desk.machine.refused("audit", "checkpoint", "--key", other, **desk.who)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--key", "x", "--server", "http://127.0.0.1:1"),
        ("absent.ndjson",),
        ("--quorum", "1", "--server", "x"),
    ],
)
def test_what_is_not_understood_ends_with_two(desk: Desk, words: tuple[str, ...]) -> None:
    assert desk.verify(*words).exit_code == 2
    file = desk.export("audit.ndjson")
    assert desk.verify(str(file)).exit_code == 2  # no key is known


def test_what_was_kept_and_cannot_be_read_is_not_passed_over(desk: Desk) -> None:
    (desk.folder / "state.json").write_text("{")
    result = desk.verify("--server", desk.url)
    assert result.exit_code == 1
    assert "kept checkpoints" in result.stderr
    assert (desk.folder / "state.json").read_text() == "{"


def test_one_changed_row_in_the_database_is_named(desk: Desk) -> None:
    entry = desk.act()
    desk.told("--server", desk.url)
    db = Database(desk.machine.env["HALYARD_DATABASE_URL"])
    with db.write() as session:
        row = session.get_one(AuditEntry, entry)
        honest, index = row.entry, (row.seq or 0) - 1
        row.entry = honest.replace(b'"released"', b'"refused"')
    try:
        told = desk.told(str(desk.export("audit.ndjson")), code=1)
        assert [(one["fault"], one["index"], one["entry"]) for one in told["findings"]] == [
            ("changed", index, entry)
        ]
        assert desk.told("--server", desk.url)["proven"]  # the tree itself was not touched
        assert desk.told("--receipt", str(desk.folder / "receipt.json"))["proven"]
    finally:
        with db.write() as session:
            session.get_one(AuditEntry, entry).entry = honest
        db.dispose()


def test_a_restored_back_up_is_named(
    machine: Machine, backend: str, tmp_path: Path
) -> None:  # of a server of its own, which is stopped and restored
    if backend != "sqlite":
        pytest.skip("PostgreSQL is restored with tools of its own")
    machine.ok("member", "add", "Coalition Assurance", "--sector", "oversight")
    desk = Desk(machine, machine.client("Coalition Assurance"), tmp_path)
    process = start(machine, "serve")
    await_answer(process, machine.env["HALYARD_ISSUER"] + "/readyz")
    desk.act(3)
    machine.ok("backup", str(tmp_path / "copy.db"))
    before = desk.told("--server", desk.url)["checkpoints"][0]["size"]
    desk.act(3)
    kept = desk.told("--server", desk.url)["checkpoints"][0]["size"]
    assert stop(process) == 0
    machine.ok("restore", str(tmp_path / "copy.db"), "--force")
    process = start(machine, "serve")
    await_answer(process, machine.env["HALYARD_ISSUER"] + "/readyz")
    desk.act(1)
    deadline = time.monotonic() + 30
    while not (found := desk.told("--server", desk.url, code=1)["findings"]) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert {one["fault"] for one in found} <= {"rollback", "fork", "lost"}
    assert found[-1]["to"] == kept
    assert found[-1]["index"] >= before - 3
    assert stop(process) == 0
