"""A verifier before a server: growth from all that it kept, rollbacks, forks, and lives of a restored log."""

import json
from dataclasses import replace
from typing import Any

import pytest

from app.transparency.errors import BadNote
from app.transparency.tree import consistency_proof
from app.verifier.findings import Report
from app.verifier.growth import Growth
from app.verifier.served import CHECKPOINT, Unanswered, check_served
from app.verifier.trust import Life, Opened, Trust
from tests.unit.verifier.book import ORIGIN, Book, entry, faults

BOOK = Book(300)


def asked(
    book: Book, kept: list[Opened], *, trust: Trust = BOOK.trust, token: bool = True, size: int | None = None
) -> Report:
    """The report on what this log's server answers."""

    def stranger(path: str) -> bytes:
        assert path == CHECKPOINT
        return book.note(size)

    def member(path: str) -> bytes:
        old, new = (int(part.partition("=")[2]) for part in path.partition("?")[2].split("&"))
        proof = consistency_proof(old, new, book.cut(new).read)
        return json.dumps({"hashes": [one.hex() for one in proof]}).encode()

    report, growth = Report(), Growth(trust)
    for one in kept:
        report.add(growth.know(one))
    check_served(stranger, member if token else None, trust, growth, report)
    report.add(growth.forks())
    report.compared = {size for _, size in growth.compared}
    return report


def test_growth_from_all_that_was_kept_is_proven() -> None:
    kept = [BOOK.opened(size) for size in (1, 100, 256, 299, 300)]
    report = asked(BOOK, kept)
    assert report.holds, report.findings
    assert report.compared == {1, 100, 256, 299, 300}


def test_a_stranger_is_told_that_growth_needs_a_token() -> None:
    assert faults(asked(BOOK, [BOOK.opened(299)], token=False)) == [("unanswered", None)]
    assert asked(BOOK, [BOOK.opened(300)], token=False).holds
    assert asked(BOOK, [], token=False).holds


def test_a_truncated_log_is_a_rollback_that_names_what_is_gone() -> None:
    report = asked(BOOK, [BOOK.opened(300)], size=280)
    assert [(one.fault, one.index, one.to) for one in report.findings] == [("rollback", 280, 300)]
    assert "entries 280 to 299" in report.findings[0].detail


def test_a_rewritten_log_is_a_fork_from_the_last_checkpoint_that_holds() -> None:
    changed = [*BOOK.entries[:120], entry(120, x=1), *BOOK.entries[121:], entry(300)]
    forged = Book(entries=changed, key=BOOK.signer.key)
    kept = [BOOK.opened(size) for size in (50, 120, 200, 300)]
    report = asked(forged, kept)
    assert [(one.fault, one.index, one.to) for one in report.findings] == [
        ("fork", 120, 200), ("fork", 120, 300),
    ]  # fmt: skip
    same = Book(entries=changed[:300], key=BOOK.signer.key)
    assert ("fork", None) in [(one.fault, one.index) for one in asked(same, kept).findings]


def test_another_key_is_not_believed() -> None:
    assert faults(asked(Book(300), [])) == [("checkpoint", None)]


def test_a_server_that_does_not_answer_proves_nothing() -> None:
    def refuses(path: str) -> bytes:
        raise Unanswered(f"503 to {path}")

    report, growth = Report(), Growth(BOOK.trust)
    check_served(refuses, None, BOOK.trust, growth, report)
    assert faults(report) == [("unanswered", None)]
    assert not report.holds
    report, growth = Report(), Growth(BOOK.trust)
    report.add(growth.know(BOOK.opened(3)))
    check_served(lambda _path: BOOK.note(), refuses, BOOK.trust, growth, report)
    assert faults(report) == [("unanswered", None)]


def restored(began: int) -> tuple[Book, Trust]:
    """A log that was restored to so many entries and went on otherwise, under an origin of its own."""
    book = Book(
        entries=[*BOOK.entries[:began], *(entry(n, x=1) for n in range(began, 310))], origin=f"{ORIGIN}/2-ab"
    )
    lives = [
        Life(origin=ORIGIN, keys=BOOK.trust.lives[0].keys),
        replace(book.trust.lives[0], began=began),
    ]
    return book, Trust(lives=lives)


def test_a_restored_log_goes_on_from_what_it_took_over_and_the_rest_is_named_as_lost() -> None:
    book, trust = restored(250)
    kept = [BOOK.opened(size, trust) for size in (100, 250)]
    report = asked(book, kept, trust=trust)
    assert report.holds, report.findings
    assert report.compared == {100, 250}
    report = asked(book, [*kept, BOOK.opened(280, trust)], trust=trust)
    assert [(one.fault, one.index, one.to) for one in report.findings] == [("lost", 250, 280)]
    assert "entries 250 to 279" in report.findings[0].detail
    lied = Trust(lives=[trust.lives[0], replace(trust.lives[1], began=280)])
    kept = [BOOK.opened(280, lied)]
    assert faults(asked(book, kept, trust=lied)) == [("fork", 0)]
    back = asked(BOOK, [book.opened(300, trust)], trust=trust)
    assert faults(back) == [("rollback", 300)]


def test_published_lives_are_read() -> None:
    book, trust = restored(250)
    key = {"vkey": book.signer.verifier.encode()}
    first = {"origin": ORIGIN, "began_at_size": 0, "keys": [{"vkey": BOOK.signer.verifier.encode()}]}
    log: dict[str, Any] = {
        "origin": book.signer.name, "keys": [key],
        "lives": [first, {"origin": book.signer.name, "began_at_size": 250, "keys": [key]}],
    }  # fmt: skip
    assert Trust.published({"audit_log": log}).lives == trust.lives
    del log["lives"]
    assert Trust.published({"audit_log": log}).origins == [book.signer.name]
    others: list[Any] = [{}, [], {"audit_log": {}}, {"audit_log": {"origin": "x", "keys": [{}]}}, None]
    for bad in others:
        with pytest.raises(BadNote):
            Trust.published(bad)
