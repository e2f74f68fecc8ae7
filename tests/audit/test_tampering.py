"""An operator who changes the log, with its database and its key, before a verifier who kept something."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from app.audit import sequencer
from app.audit.checkpoints import origin, sign
from app.audit.entry import Request, build
from app.audit.models import AuditCheckpoint, AuditEntry, AuditHead, AuditPrivate, AuditTile
from app.main import create_app
from app.question import ANONYMOUS
from app.runtime import Runtime
from app.transparency.notes import VerifierKey
from app.verifier.exports import Exports
from app.verifier.findings import Finding, Report
from app.verifier.growth import Growth
from app.verifier.served import check_served
from app.verifier.trust import Opened, Trust
from schemas.vocabulary import Decision, Scope, Sector
from tests.audit.writing import write
from tests.factories import Caller, Make

SIZE = 300
AT = 7
OTHER = 280

Tamper = Callable[[Session], None]


@dataclass
class Verifier:
    """Takes exports and keeps checkpoints, as `halyard audit verify` does."""

    house: Runtime
    http: FlaskClient
    caller: Caller
    folder: Path
    kept: list[Opened] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    @property
    def trust(self) -> Trust:
        home = self.http.get("/.well-known/halyard").get_json()["audit_log"]
        return Trust.pinned([VerifierKey.parse(key["vkey"]) for key in home["keys"]])

    def fetch(self, path: str) -> bytes:
        answer = self.caller.get(path)
        assert answer.status_code == 200, answer.text
        return answer.data

    def keep(self) -> Opened:
        self.kept.append(self.trust.open(self.fetch("/v1/audit/checkpoint")))
        return self.kept[-1]

    def export(self) -> Path:
        path = self.folder / f"{len(self.files)}.ndjson"
        answer = self.caller.get("/v1/audit/export", headers={"Accept": "application/x-ndjson"})
        path.write_bytes(answer.data)
        self.files.append(path)
        return path

    def verify(self, *files: Path, serving: bool = False) -> Report:
        report, growth = Report(), Growth(self.trust)
        for one in self.kept:
            report.add(growth.know(one))
        Exports(self.trust, growth, report).check(files)
        if serving:
            check_served(self.fetch, self.fetch, self.trust, growth, report)
        report.add(growth.forks())
        return report


@pytest.fixture
def verifier(house: Runtime, tmp_path: Path) -> Verifier:
    """Of a log of so many entries and some more, that are signed in steps."""
    http = create_app(house).test_client()
    make = Make(house, http)
    caller = make.caller(make.member(sector=Sector.OVERSIGHT), Scope.AUDIT_READ)
    found = Verifier(house, http, caller, tmp_path)
    for n, count in enumerate((5, 250, SIZE - 255)):
        write(house, count)
        grow(house, n + 1)
        found.keep()
    return found


def grow(house: Runtime, second: int) -> None:
    sequencer.drain(house.db)
    while sequencer.behind(house.db):
        assert sequencer.catch_up(house.db)
    name = origin(house.config.issuer)
    assert sign(house.db, house.keyring, name, house.clock() + second * 2_000_000)


def row(session: Session, index: int) -> AuditEntry:
    return session.scalars(select(AuditEntry).where(AuditEntry.seq == index + 1)).one()


def entry_id(house: Runtime, index: int) -> str:
    with house.db.read() as session:
        return row(session, index).id


def change(session: Session) -> None:
    found = row(session, AT)
    assert b'"allowed"' in found.entry
    found.entry = found.entry.replace(b'"allowed"', b'"refused"')


def take_away(session: Session) -> None:
    found = row(session, AT).id
    for table, column in (
        (AuditPrivate, AuditPrivate.entry_id),
        (AuditEntry, AuditEntry.id),
    ):
        session.execute(delete(table).where(column == found))


def shift(session: Session, after: int, by: int) -> None:
    """Give what stands behind an index other numbers; twice, because each is unique at any moment."""
    moving = AuditEntry.seq > after + 1
    session.execute(update(AuditEntry).where(moving).values(seq=-(AuditEntry.seq + by)))
    session.execute(update(AuditEntry).where(AuditEntry.seq < 0).values(seq=-AuditEntry.seq))
    session.execute(update(AuditHead).values(seq=AuditHead.seq + by))


def close_up(session: Session) -> None:
    take_away(session)
    shift(session, AT, -1)


def put_in(session: Session) -> None:
    shift(session, AT - 1, 1)
    made = build(at=3, action="c.d", decision=Decision.ALLOWED, actor=ANONYMOUS, request=Request())
    session.execute(
        insert(AuditEntry).values(
            id=made.id, seq=AT + 1, at=made.at, action=made.action, decision=made.decision,
            request_id=made.request.id, entry=made.data,
        )
    )  # fmt: skip


def swap(session: Session) -> None:
    one, other = row(session, AT).id, row(session, OTHER).id
    for ident, number in ((one, -1), (other, AT + 1), (one, OTHER + 1)):
        session.execute(update(AuditEntry).where(AuditEntry.id == ident).values(seq=number))


def sign_anew(house: Runtime) -> None:
    """Make a tree of what stands there now, and sign it with the log's own key, as if nothing had been."""
    with house.db.write() as session:
        session.execute(delete(AuditTile))
        session.execute(delete(AuditCheckpoint))
    grow(house, 100)


def told(findings: list[Finding]) -> list[tuple[str, int | None, int | None]]:
    return [(one.fault.value, one.index, one.to) for one in findings]


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (change, [("changed", AT, AT + 1)]),
        (take_away, [("missing", AT, AT + 1)]),
        (close_up, [("inserted", SIZE - 1, SIZE), ("moved", AT, SIZE - 1), ("missing", AT, AT + 1)]),
        (put_in, [("inserted", AT, AT + 1), ("moved", AT + 1, SIZE), ("missing", SIZE - 1, SIZE)]),
        (swap, [("moved", AT, AT + 1), ("moved", OTHER, OTHER + 1)]),
    ],
)
def test_a_row_that_was_tampered_with_is_named_by_the_tree(
    verifier: Verifier, tamper: Tamper, expected: list[tuple[str, int, int]]
) -> None:
    assert verifier.verify(verifier.export(), serving=True).holds
    with verifier.house.db.write() as session:
        tamper(session)
    report = verifier.verify(verifier.export())
    assert told(report.findings) == expected
    for one in report.findings:
        if one.fault != "missing":
            assert one.index is not None
            assert one.entry == entry_id(verifier.house, one.index)
    assert set(report.proven) <= {(0, AT), (AT + 1, SIZE), (AT + 1, OTHER), (OTHER + 1, SIZE)}


@pytest.mark.parametrize("tamper", [change, close_up, put_in, swap])
def test_who_signs_a_changed_log_anew_contradicts_what_was_kept(verifier: Verifier, tamper: Tamper) -> None:
    honest = verifier.export()
    with verifier.house.db.write() as session:
        tamper(session)
    sign_anew(verifier.house)
    forged = verifier.export()
    verifier.files.clear()
    report = verifier.verify(forged)
    small, middle, _ = (one.size for one in verifier.kept)
    assert report.findings
    assert {one.fault.value for one in report.findings} <= {"fork", "rollback"}
    assert (report.findings[0].index, report.findings[0].to) == (small, middle)
    exact = {one.index for one in verifier.verify(honest, forged).findings if one.fault == "changed"}
    assert min(index for index in exact if index is not None) == AT
    served = verifier.verify(serving=True)
    assert not served.holds
    assert {one.fault.value for one in served.findings} <= {"fork", "rollback"}


def truncate(session: Session, size: int) -> None:
    """Cut the log to its first entries, as an older back-up would have it."""
    gone = select(AuditEntry.id).where(AuditEntry.seq > size)
    for table, column in (
        (AuditPrivate, AuditPrivate.entry_id),
        (AuditEntry, AuditEntry.id),
    ):
        session.execute(
            delete(table).where(column.in_(gone)), execution_options={"synchronize_session": False}
        )
    session.execute(update(AuditHead).values(seq=size))
    session.execute(delete(AuditCheckpoint).where(AuditCheckpoint.size > size))


@pytest.mark.parametrize("to", [260, 4])
def test_a_truncated_log_is_named_whether_it_grows_again_or_not(verifier: Verifier, to: int) -> None:
    honest = verifier.export()
    last = verifier.keep().size
    with verifier.house.db.write() as session:
        truncate(session, to)
        session.execute(delete(AuditTile))
        session.execute(delete(AuditCheckpoint))
    while sequencer.behind(verifier.house.db):
        sequencer.catch_up(verifier.house.db)
    grow(verifier.house, 200)
    report = verifier.verify(serving=True)
    size = verifier.trust.open(verifier.fetch("/v1/audit/checkpoint")).size
    assert ("rollback", size, last) in told(report.findings)
    write(verifier.house, 400)
    grow(verifier.house, 300)
    report = verifier.verify(serving=True)
    below = max((one.size for one in verifier.kept if one.size <= to), default=0)
    above = min(one.size for one in verifier.kept if one.size > to)
    assert ("fork", below, above) in told(report.findings)
    exact = verifier.verify(honest, verifier.export())
    assert min(one.index or 0 for one in exact.findings if one.fault == "changed") >= to


def test_a_server_whose_tiles_were_changed_proves_nothing_of_them(verifier: Verifier) -> None:
    with verifier.house.db.write() as session:
        tile = session.get(AuditTile, (0, 0))
        assert tile is not None
        tile.hashes = tile.hashes[:32] + tile.hashes[:32] + tile.hashes[64:]
    report = verifier.verify(verifier.export())
    assert told(report.findings)[0] == ("unproven", 0, 256)
    assert list(report.proven) == [(256, SIZE)]
