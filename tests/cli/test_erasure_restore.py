"""What was erased stays erased when an older copy of the database comes back."""

# mypy: disable-error-code="index"

import io
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url

from app import db, ledger, rows
from app.cli.serve import prepare
from app.config import Config
from app.main import create_app
from app.runtime import Runtime
from app.signals.models import SignalEntry
from app.worker.loops import truncate_log
from tests.cli.conftest import Machine
from tests.conftest import run_on_server, server_url
from tests.factories import Caller, Make
from tests.fakes import InlineAuditor
from tests.hashes import (
    in_tables,
    look_up,
    ndjson,
    new_list,
    publish,
    publish_lines,
    published,
    sha,
    withdraw,
)
from tests.samples import COMMUNITY

GONE = (1, 2, 3)


@dataclass
class Copies:
    """Takes a copy of a machine's database, and puts it in the place of what is there."""

    machine: Machine
    folder: Path
    made: list[str]

    def take(self) -> str:
        if self.sqlite:
            file = self.folder / f"{uuid.uuid4().hex}.db"
            self.machine.ok("backup", str(file))
            return str(file)
        name = f"halyard_copy_{uuid.uuid4().hex[:12]}"
        original = make_url(self.machine.env["HALYARD_DATABASE_URL"]).database
        run_on_server(f'CREATE DATABASE "{name}" TEMPLATE "{original}"')
        self.made.append(name)
        return name

    def restore(self, copy: str) -> Any:
        if self.sqlite:
            return self.machine.json("restore", copy, "--force")
        self.machine.env["HALYARD_DATABASE_URL"] = server_url(copy)
        return self.machine.json("db", "restored")

    @property
    def sqlite(self) -> bool:
        return self.machine.env["HALYARD_DATABASE_URL"].startswith("sqlite")


@pytest.fixture
def copies(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copies]:
    made: list[str] = []
    yield Copies(machine, tmp_path_factory.mktemp("copies"), made)
    for name in made:
        run_on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def config_of(machine: Machine) -> Config:
    return Config.from_env(machine.env)


Open = Callable[[], Runtime]


@pytest.fixture
def opened(machine: Machine) -> Iterator[Open]:
    """Opens the machine's database as a server does; closed behind the test, and before the next opening."""
    held: list[Runtime] = []

    def again() -> Runtime:
        while held:
            held.pop().db.dispose()
        held.append(Runtime.assemble(config_of(machine), auditor=InlineAuditor))
        return held[0]

    yield again
    while held:
        held.pop().db.dispose()


def at(runtime: Runtime, caller: Caller) -> Caller:
    """The same client at a server that was started anew."""
    return replace(caller, http=create_app(runtime).test_client())


def erase(caller: Caller, list_id: str, *items: dict[str, Any]) -> None:
    answer = caller.post(f"/v1/signal-lists/{list_id}/erasures", json={"items": items})
    assert answer.status_code == 200, answer.text
    assert {item["status"] for item in answer.json["items"]} == {"erased"}


def erase_lines(caller: Caller, list_id: str, body: bytes, *, cut: int = 0) -> Any:
    """Erase as NDJSON; the connection breaks before the last `cut` bytes."""
    return caller.post(
        f"/v1/signal-lists/{list_id}/erasures",
        headers={"Content-Type": "application/x-ndjson"},
        environ_overrides={
            "wsgi.input": io.BytesIO(body[: len(body) - cut]), "CONTENT_LENGTH": str(len(body))
        },
    )  # fmt: skip


def holding(folder: Path, needle: bytes) -> list[str]:
    """Files of a folder, however deep, in which a value stands: raw or in hex."""
    texts = (needle, needle.hex().encode())
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(text in path.read_bytes() for text in texts)]


def folders(machine: Machine) -> list[Path]:
    config = config_of(machine)
    found = [config.data_dir]
    if config.sqlite:
        found.append(Path(make_url(config.url).database or "").parent)
    return found


def raw(n: int) -> bytes:
    return bytes.fromhex(sha(n)["value"])


@dataclass
class Story:
    """A list of which three values were erased after a copy was taken, each in another way."""

    copy: str
    owner: Caller
    reader: Caller
    list_id: str
    old: list[str]
    """Ids under which the copy holds the values."""
    cursor: str


@pytest.fixture
def story(copies: Copies, opened: Open) -> Story:
    runtime = opened()
    make = Make(runtime, create_app(runtime).test_client())
    owner, reader = make.caller(make.member()), make.caller(make.member())
    list_id = new_list(owner, COMMUNITY)
    old = published(owner, list_id, *(sha(n) for n in (*GONE, 4)))
    runtime.db.dispose()
    copy = copies.take()
    # 1: under another id since; 2: standing as it was; 3: withdrawn since, so that only its id is known
    withdraw(owner, list_id, old[0], old[2])
    (again,) = published(owner, list_id, sha(1))
    cursor = reader.get("/v1/changes?limit=1000").json["next"]
    assert reader.get(f"/v1/signals/{again}").json["value"] == sha(1)["value"]
    erase(owner, list_id, {"id": again}, sha(2), {"id": old[2]})
    runtime.db.dispose()
    return Story(copy, owner, reader, list_id, old, cursor)


def assert_gone(machine: Machine, runtime: Runtime, story: Story) -> None:
    owner, reader = at(runtime, story.owner), at(runtime, story.reader)
    answers = [
        reader.get("/v1/changes?limit=1000"),
        reader.get("/v1/changes", headers={"Accept": "application/x-ndjson"}, buffered=True),
        owner.get(f"/v1/signal-lists/{story.list_id}/signals"),
        *(owner.get(f"/v1/signals/{entry_id}") for entry_id in story.old[:3]),
    ]
    for n in GONE:
        assert not [answer for answer in answers if sha(n)["value"].encode() in answer.data]
        assert look_up(owner, sha(n)) == [{"matches": []}]
        assert in_tables(runtime, raw(n)) == set()
    assert [answer.json["tombstone"]["reason"] for answer in answers[3:]] == ["erased"] * 3
    assert [item["id"] for item in answers[2].json["items"]] == [story.old[3]]
    assert len(look_up(reader, sha(4))[0]["matches"]) == 1
    items = publish(owner, story.list_id, *(sha(n) for n in GONE))
    assert [item["reason"] for item in items] == ["erased"] * 3
    for n in GONE:
        assert [holding(folder, raw(n)) for folder in folders(machine)] == [[]] * len(folders(machine))


def test_a_restored_older_copy_forgets_what_was_erased_since(
    machine: Machine, copies: Copies, opened: Open, story: Story
) -> None:
    assert copies.restore(story.copy) == {
        "incarnation": 2, "erased_again": 3,
        **({"database": make_url(config_of(machine).url).database} if copies.sqlite else {}),
    }  # fmt: skip
    runtime = opened()
    assert_gone(machine, runtime, story)
    if copies.sqlite:
        assert holding(copies.folder, raw(1)) == [Path(story.copy).name]


def test_a_reader_that_had_a_value_is_told_again_in_the_new_incarnation(
    copies: Copies, opened: Open, story: Story
) -> None:
    copies.restore(story.copy)
    reader = at(opened(), story.reader)
    lines = reader.get(f"/v1/changes?limit=1000&after={story.cursor}").json["changes"]
    told = {line["object"]: (line["kind"], line["reason"]) for line in lines}
    assert told == dict.fromkeys(story.old[:3], ("signal.tombstoned", "erased"))


def test_a_server_on_a_copy_put_back_by_other_means_forgets_before_it_answers(
    machine: Machine, copies: Copies, opened: Open, story: Story
) -> None:
    if copies.sqlite:
        file = Path(make_url(config_of(machine).url).database or "")
        for path in file.parent.glob(file.name + "*"):
            path.unlink()
        file.write_bytes(Path(story.copy).read_bytes())
    else:
        machine.env["HALYARD_DATABASE_URL"] = server_url(story.copy)
    assert "older" in machine.run("doctor").stdout
    prepare(config_of(machine))
    assert machine.json("doctor")["fit"] is True
    assert_gone(machine, opened(), story)


def test_restoring_twice_erases_twice_and_the_ledger_names_each_erasure_once(
    machine: Machine, copies: Copies, story: Story
) -> None:
    path = config_of(machine).ledger_path
    first = copies.restore(story.copy)
    named = list(ledger.read(path).rows)
    if copies.sqlite:
        again = copies.restore(story.copy)
        assert (first["erased_again"], again["erased_again"]) == (3, 3)
    assert list(ledger.read(path).rows) == named
    assert len({(row.entry, row.fingerprint) for row in named}) == len(named)


def test_an_erasure_from_a_list_that_the_copy_does_not_know_is_remembered(
    copies: Copies, opened: Open
) -> None:
    runtime = opened()
    make = Make(runtime, create_app(runtime).test_client())
    owner = make.caller(make.member())
    runtime.db.dispose()
    copy = copies.take()
    list_id = new_list(owner, COMMUNITY)
    erase(owner, list_id, sha(1))
    runtime.db.dispose()
    assert copies.restore(copy)["erased_again"] == 0
    owner = at(opened(), owner)
    assert new_list(owner, COMMUNITY, id=list_id) == list_id
    assert [item.get("reason") for item in publish(owner, list_id, sha(1), sha(2))] == ["erased", None]


def test_a_restore_erases_again_however_many_values_that_are(
    copies: Copies, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement takes a limited number of parameters on SQLite: here far fewer than there are values."""
    runtime = opened()
    make = Make(runtime, create_app(runtime).test_client())
    owner = make.caller(make.member())
    list_id, body = new_list(owner, COMMUNITY), ndjson(*(sha(n) for n in range(1_200)))
    assert publish_lines(owner, list_id, body).json["accepted"] == 1_200
    runtime.db.dispose()
    copy = copies.take()
    assert erase_lines(owner, list_id, body).json["erased"] == 1_200
    runtime.db.dispose()

    def limited(connection: sqlite3.Connection, record: object) -> None:
        connect(connection, record)
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 1_000)

    connect = db._sqlite_connect
    monkeypatch.setattr(db, "_sqlite_connect", limited)
    monkeypatch.setattr(rows, "BATCH", 500)
    assert copies.restore(copy)["erased_again"] == 1_200
    assert look_up(at(opened(), owner), sha(0), sha(1_199)) == [{"matches": []}] * 2


def test_doctor_says_when_nothing_could_be_erased(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = machine.run("doctor", HALYARD_ERASURE_LEDGER=str(tmp_path / "file" / "erasures.ledger"))
    assert found.exit_code == 1
    assert "nothing can be erased" in " ".join(found.stdout.split())


def test_an_erased_value_is_in_no_file_while_the_server_still_runs(
    machine: Machine, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.TRUNCATE_WAIT_MS", 1)
    runtime = opened()
    if not runtime.config.sqlite:
        pytest.skip("PostgreSQL's files are its own: see operations.md")
    make = Make(runtime, create_app(runtime).test_client())
    owner = make.caller(make.member())
    list_id = new_list(owner, COMMUNITY)
    published(owner, list_id, sha(1), sha(2))
    assert all(holding(folder, raw(1)) for folder in folders(machine)[1:])
    erase(owner, list_id, sha(1))
    assert [name for folder in folders(machine) for name in holding(folder, raw(1))] == []

    published(owner, list_id, sha(3))
    named = ndjson(*(sha(n) for n in range(3, 1_100)))
    broken = erase_lines(owner, list_id, named, cut=1)
    assert (broken.json["reason"], broken.json["taken"]["erased"]) == ("body_cut", 1_000)
    assert [name for folder in folders(machine) for name in holding(folder, raw(3))] == []

    with runtime.db.read() as session:
        session.execute(select(SignalEntry.id)).all()
        erase(owner, list_id, sha(2))
        assert runtime.db.log_due
        assert not truncate_log(runtime)
    assert truncate_log(runtime)
    assert not truncate_log(runtime)
    assert [name for folder in folders(machine) for name in holding(folder, raw(2))] == []
