"""What was decided to be read does not leave when the policy changes, or the audit log fails, before it.

Two runtimes over one database stand for two processes: one reads, and between its decision and the release of
the bytes the other one changes who may have them. `test_release_processes` does it with real ones.
"""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from werkzeug.test import EnvironBuilder, TestResponse

from app import record
from app.api import changes
from app.audit import committer
from app.audit.models import AuditEntry
from app.feed import preparing
from app.main import create_app
from app.runtime import Runtime
from schemas.vocabulary import Purpose, Scope
from tests.api.segments import prepare, stored
from tests.conftest import NewDatabase
from tests.factories import Caller, Make
from tests.hashes import new_list, published, sha
from tests.samples import created, group_marking, members_marking
from tests.samples import published as publish_version
from tests.stories.server import prepared

LINES = {"Accept": "application/x-ndjson"}
AUDIT_WAIT = "0.3"
SLOW_SECONDS = 0.8


@dataclass
class Houses:
    """Two processes' worth of server over one database."""

    here: Make
    there: Make


@pytest.fixture(scope="module")
def houses(new_database_url: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Houses]:
    url, folder = new_database_url(), tmp_path_factory.mktemp("houses")
    runtimes = [prepared(url, folder, AUDIT_WAIT=AUDIT_WAIT) for _ in range(2)]
    here, there = (Make(runtime, create_app(runtime).test_client()) for runtime in runtimes)
    yield Houses(here, there)
    for runtime in runtimes:
        runtime.db.dispose()


@dataclass
class Cast:
    """An owner with a list and a set, a reader of both, the operator; all but the reader act `there`."""

    owner: Caller
    reader: Caller
    operator: Caller
    group: str
    list_id: str
    set_id: str
    signals: list[str]

    @property
    def values(self) -> list[str]:
        return [sha(f"{self.list_id} {number}")["value"] for number in range(len(self.signals))]


@pytest.fixture
def cast(houses: Houses) -> Cast:
    make = houses.there
    owner = make.caller(make.member())
    reading = make.member()
    group = make.group(owner.member, [owner.member, reading], requires=["vetted"])
    for member in (owner.member, reading):
        make.attribute(member, "vetted")
    reader = houses.here.caller(reading)
    operator = make.caller(make.member(), Scope.MEMBERS_ADMIN)
    list_id = new_list(owner, group_marking(group.id), slug="mid")
    signals = published(owner, list_id, *(sha(f"{list_id} {number}") for number in range(6)))
    set_id = created(owner, group_marking(group.id))["id"]
    publish_version(owner, set_id)
    return Cast(owner, reader, operator, group.id, list_id, set_id, signals)


def revoke(cast: Cast) -> None:
    path = f"/v1/members/{cast.reader.member.id}/clients/{cast.reader.client.id}"
    assert cast.operator.delete(path).status_code == 204


def suspend(cast: Cast) -> None:
    path = f"/v1/members/{cast.reader.member.id}/suspension"
    assert cast.operator.post(path).status_code == 200


def narrow(cast: Cast) -> None:
    mark(cast, members_marking(cast.owner.member.id, tlp="TLP:AMBER+STRICT"))


def prohibit(cast: Cast) -> None:
    mark(cast, {**group_marking(cast.group), "prohibited_purposes": [Purpose.DETECT]})


def mark(cast: Cast, marking: dict[str, Any]) -> None:
    for path in (f"/v1/signal-lists/{cast.list_id}", f"/v1/sets/{cast.set_id}"):
        assert cast.owner.put(f"{path}/marking", json=marking).status_code == 200


def remove(cast: Cast) -> None:
    path = f"/v1/groups/{cast.group}/members/{cast.reader.member.id}"
    assert cast.owner.delete(path).status_code == 204


def end_attribute(cast: Cast) -> None:
    path = f"/v1/members/{cast.reader.member.id}/attributes/vetted"
    assert cast.operator.delete(path).status_code == 204


Act = Callable[[Cast], None]
STOPPING: list[Act] = [revoke, suspend]
HIDING: list[Act] = [narrow, remove, end_attribute]
Between = Callable[[Act, int], None]


@pytest.fixture
def between(houses: Houses, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Between:
    """Have something done `there` after a read `here` was decided, before its release number n (from 0)."""

    def plan(act: Act, number: int = 0) -> None:
        real, seen = record.release, iter(range(1_000))

        def release(tx: Any, *args: Any, **more: Any) -> Any:
            if tx.runtime is houses.here.runtime and next(seen) == number:
                act(cast)
            return real(tx, *args, **more)

        monkeypatch.setattr(record, "release", release)

    return plan


def decisions(runtime: Runtime, request_id: str) -> list[str]:
    """What the audit log says of one request, in order."""
    with runtime.db.read() as session:
        wanted = select(AuditEntry.entry).where(AuditEntry.request_id == request_id).order_by(AuditEntry.at)
        return [json.loads(entry)["decision"] for entry in session.scalars(wanted)]


def paths(cast: Cast) -> dict[str, str]:
    return {
        "page": "/v1/changes",
        "list": f"/v1/signal-lists/{cast.list_id}",
        "signals": f"/v1/signal-lists/{cast.list_id}/signals",
        "signal": f"/v1/signals/{cast.signals[0]}",
        "set": f"/v1/sets/{cast.set_id}",
        "version": f"/v1/sets/{cast.set_id}/versions/1.0.0",
    }


READS = ("page", "list", "signals", "signal", "set", "version")


@pytest.mark.parametrize("kind", READS)
def test_without_a_change_between_the_bytes_leave(cast: Cast, kind: str) -> None:
    answer = cast.reader.get(paths(cast)[kind])
    assert answer.status_code == 200
    assert cast.list_id in answer.text or cast.set_id in answer.text


@pytest.mark.parametrize("act", STOPPING)
@pytest.mark.parametrize("kind", READS)
def test_a_caller_that_is_stopped_between_read_and_release_gets_nothing(
    houses: Houses, cast: Cast, between: Between, act: Act, kind: str
) -> None:
    between(act, 0)
    answer = cast.reader.get(paths(cast)[kind])
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert nothing_of(cast, answer.data)
    assert "released" not in decisions(houses.here.runtime, answer.headers["Halyard-Request-Id"])


@pytest.mark.parametrize("act", HIDING)
@pytest.mark.parametrize("kind", READS[1:])
def test_what_is_hidden_between_read_and_release_is_not_found(
    houses: Houses, cast: Cast, between: Between, act: Act, kind: str
) -> None:
    between(act, 0)
    answer = cast.reader.get(paths(cast)[kind])
    assert answer.status_code == 404
    assert nothing_of(cast, answer.data)
    assert decisions(houses.here.runtime, answer.headers["Halyard-Request-Id"]) == ["refused"]


@pytest.mark.parametrize("kind", READS[1:])
def test_a_purpose_that_is_prohibited_between_read_and_release_is_refused(
    cast: Cast, between: Between, kind: str
) -> None:
    between(prohibit, 0)
    answer = cast.reader.get(paths(cast)[kind])
    assert answer.status_code == 403
    assert answer.get_json(force=True)["reason"] == "purpose_prohibited"
    assert not any(value.encode() in answer.data for value in cast.values)


@pytest.mark.parametrize("act", [*HIDING, prohibit])
def test_a_page_is_made_again_without_what_was_hidden(
    houses: Houses, cast: Cast, between: Between, act: Act
) -> None:
    between(act, 0)
    answer = cast.reader.get("/v1/changes")
    assert answer.status_code == 200
    lines = [line for line in answer.get_json()["changes"] if line["kind"] != "sight.lost"]
    assert nothing_of(cast, json.dumps(lines).encode())
    assert decisions(houses.here.runtime, answer.headers["Halyard-Request-Id"]) == ["released"]


def nothing_of(cast: Cast, data: bytes) -> bool:
    """No value, signal, list or set of the cast in these bytes."""
    known = (*cast.values, *cast.signals, cast.list_id, cast.set_id)
    return not any(name.encode() in data for name in known)


def look_up(cast: Cast) -> TestResponse:
    return cast.reader.post("/v1/lookup", json={"signals": [sha(f"{cast.list_id} 0")]})


def test_a_lookup_answers_from_what_its_reader_sees(cast: Cast) -> None:
    assert cast.signals[0] in look_up(cast).text


@pytest.mark.parametrize("act", [*STOPPING, *HIDING, prohibit])
def test_a_lookup_is_made_again_when_the_policy_changed_before_its_release(
    cast: Cast, between: Between, act: Act
) -> None:
    between(act, 0)
    answer = look_up(cast)
    assert answer.status_code == (401 if act in STOPPING else 200)
    assert cast.signals[0] not in answer.text
    if act not in STOPPING:
        assert answer.get_json()["results"][0]["matches"] == []


# ── Streams ─────────────────────────────────────────────────────────────────────────────────────────────


FIRST_SEGMENT = ["list.changed", "signal.changed", "signal.changed", "page.reached"]


@pytest.fixture(params=["live", "prepared"])
def short_segments(
    request: pytest.FixtureRequest, houses: Houses, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Segments of three lines: the cast's list has two and a rest, read line by line or prepared.

    Those of casts before stay: to make them anew each time takes longer than the tests.
    """
    monkeypatch.setattr(changes, "SEGMENT_LINES", 3)
    monkeypatch.setattr(preparing, "LINES", 3)
    if request.param == "prepared":
        prepare(houses.there.runtime)
        place = {each.place_id for each in stored(houses.there.runtime) if cast.list_id.encode() in each.body}
        assert len(place) == 1


def stream(cast: Cast) -> tuple[list[dict[str, Any]], str, bytes]:
    """Lines, request id and bytes of a stream over the cast's list."""
    answer = cast.reader.get(f"/v1/changes?collection={cast.list_id}", headers=LINES)
    assert answer.status_code == 200, answer.text
    lines = [json.loads(line) for line in answer.data.splitlines()]
    return lines, answer.headers["Halyard-Request-Id"], answer.data


@pytest.mark.usefixtures("short_segments")
def test_a_whole_stream_ends_with_a_closing_line_and_a_last_entry(houses: Houses, cast: Cast) -> None:
    lines, request_id, _ = stream(cast)
    assert [line["kind"] for line in lines] == [
        "list.changed", *["signal.changed"] * 2, "page.reached", *["signal.changed"] * 3, "page.reached",
        "signal.changed", "page.closed",
    ]  # fmt: skip
    assert decisions(houses.here.runtime, request_id) == ["released"] * 3 + ["completed"]


@pytest.mark.parametrize("act", STOPPING)
@pytest.mark.usefixtures("short_segments")
def test_a_stream_stops_at_the_segment_before_which_its_reader_was_stopped(
    houses: Houses, cast: Cast, between: Between, act: Act
) -> None:
    between(act, 1)
    lines, request_id, data = stream(cast)
    assert [line["kind"] for line in lines] == FIRST_SEGMENT
    assert not any(value.encode() in data for value in cast.values[2:])
    assert decisions(houses.here.runtime, request_id) == ["released", "aborted"]


@pytest.mark.parametrize("act", [*HIDING, prohibit])
@pytest.mark.usefixtures("short_segments")
def test_a_stream_goes_on_without_what_was_hidden_under_way(
    houses: Houses, cast: Cast, between: Between, act: Act
) -> None:
    between(act, 1)
    lines, request_id, data = stream(cast)
    assert [line["kind"] for line in lines[:4]] == FIRST_SEGMENT
    assert [line["kind"] for line in lines[4:]] == ["sight.lost", "page.closed"]
    assert not any(value.encode() in data for value in cast.values[2:])
    assert decisions(houses.here.runtime, request_id)[-1] == "completed"


@pytest.mark.usefixtures("short_segments")
def test_a_stream_that_its_reader_ends_has_an_aborted_entry(houses: Houses, cast: Cast) -> None:
    path = f"/v1/changes?collection={cast.list_id}"
    answer = cast.reader.get(path, headers=LINES, buffered=False)
    pieces = answer.iter_encoded()
    assert b"page.closed" not in next(iter(pieces))
    answer.close()
    found = decisions(houses.here.runtime, answer.headers["Halyard-Request-Id"])
    assert found == ["released", "aborted"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.usefixtures("short_segments")
def test_a_stream_of_which_nothing_was_taken_has_an_aborted_entry(
    houses: Houses, cast: Cast, method: str
) -> None:
    """As a server does for a reader that has gone before the first byte, or that asked for no body."""
    headers: dict[str, str] = {}

    def start(_status: str, found: list[tuple[str, str]], *_: Any) -> Any:
        headers.update(found)

    sent = {**LINES, "Authorization": f"Bearer {cast.reader.token}"}
    asked = EnvironBuilder("/v1/changes", method=method, headers=[*sent.items()])
    app = cast.reader.http.application
    pieces = app(asked.get_environ(), start)
    getattr(pieces, "close", lambda: None)()
    found = decisions(houses.here.runtime, headers["Halyard-Request-Id"])
    assert found == ["released", "aborted"]


# ── No audit, no data ───────────────────────────────────────────────────────────────────────────────────


def disk_full(*_args: Any) -> None:
    raise OperationalError("commit", None, Exception("disk full"))


@pytest.fixture(params=["down", "slow"])
def no_audit(request: pytest.FixtureRequest, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The audit log cannot be written at all, or not in the time that a read waits."""
    real, over = committer.commit_group, threading.Event()

    def crawl(*args: Any) -> None:
        over.wait(SLOW_SECONDS)
        real(*args)

    monkeypatch.setattr(committer, "commit_group", disk_full if request.param == "down" else crawl)
    yield
    over.set()


@pytest.mark.parametrize("kind", READS)
@pytest.mark.usefixtures("no_audit")
def test_no_audit_no_data(cast: Cast, kind: str) -> None:
    answer = cast.reader.get(paths(cast)[kind])
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.content_type == "application/problem+json"
    assert nothing_of(cast, answer.data)


@pytest.mark.usefixtures("no_audit")
def test_no_audit_no_stream(cast: Cast) -> None:
    answer = cast.reader.get("/v1/changes", headers=LINES)
    assert answer.status_code == 503
    assert nothing_of(cast, answer.data)


@pytest.mark.usefixtures("no_audit")
def test_a_refusal_that_cannot_be_written_down_is_no_answer_either(cast: Cast) -> None:
    assert cast.reader.get(f"/v1/signals/{cast.group}").status_code == 503


@pytest.mark.usefixtures("short_segments")
def test_a_stream_stops_when_the_audit_log_fails_under_way(
    cast: Cast, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    between(lambda _cast: monkeypatch.setattr(committer, "commit_group", disk_full), 1)
    lines, _, data = stream(cast)
    assert [line["kind"] for line in lines] == FIRST_SEGMENT
    assert not any(value.encode() in data for value in cast.values[2:])


def test_after_the_audit_log_came_back_reads_are_answered_again(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(committer, "commit_group", disk_full)
        assert cast.reader.get(paths(cast)["list"]).status_code == 503
    assert cast.reader.get(paths(cast)["list"]).status_code == 200
