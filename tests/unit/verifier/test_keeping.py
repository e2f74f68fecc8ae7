"""What a verifier keeps for years: receipts, and the checkpoints that it has seen."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.verifier.findings import Ranges, Report
from app.verifier.growth import Growth
from app.verifier.receipts import check_receipt, origin_of
from app.verifier.state import BadState, Kept, State, alone
from app.verifier.trust import Trust
from tests.unit.verifier.book import ORIGIN, Book, entry, faults

BOOK = Book(300)


def report_on(path: Path, document: Any, trust: Trust = BOOK.trust) -> Report:
    path.write_text(document if isinstance(document, str) else json.dumps(document, indent=2))
    report, growth = Report(), Growth(trust)
    check_receipt(path, trust, growth, report)
    return report


def test_a_receipt_is_proven_in_whatever_layout(tmp_path: Path) -> None:
    for index, size in ((0, 1), (7, 300), (299, 300), (256, 257)):
        report = report_on(tmp_path / "receipt.json", BOOK.receipt(index, size))
        assert report.holds, report.findings
        assert list(report.proven) == [(index, index + 1)]
        assert origin_of(tmp_path / "receipt.json") == [ORIGIN]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"entry": json.loads(entry(8))}, "changed"),
        ({"index": 8}, "changed"),
        ({"hashes": []}, "changed"),
        ({"hashes": BOOK.receipt(8)["hashes"]}, "changed"),
        ({"size": 299}, "checkpoint"),
        ({"checkpoint": BOOK.receipt(7, 299)["checkpoint"]}, "checkpoint"),
        ({"checkpoint": Book(300).receipt(7)["checkpoint"]}, "checkpoint"),
        ({"checkpoint": "x"}, "checkpoint"),
        ({"schema": "halyard.audit-receipt/2"}, "unreadable"),
        ({"hashes": ["zz"]}, "unreadable"),
        ({"hashes": 3}, "unreadable"),
        ({"entry": 3}, "unreadable"),
        ({"index": None}, "unreadable"),
    ],
)
def test_a_changed_receipt_proves_nothing(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    report = report_on(tmp_path / "receipt.json", {**BOOK.receipt(7), **change})
    assert [one for one, _ in faults(report)] == [fault]
    assert not report.proven
    assert not report.holds


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"schema":1,"schema":2}', "\x00", "[" * 100_000])
def test_what_is_no_receipt_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    report = report_on(tmp_path / "receipt.json", text)
    assert faults(report) == [("unreadable", None)]
    assert origin_of(tmp_path / "receipt.json") == []


def test_receipts_of_two_logs_contradict_each_other(tmp_path: Path) -> None:
    forged = Book(entries=[*BOOK.entries[:8], entry(8, x=1), *BOOK.entries[9:]], key=BOOK.signer.key)
    report, growth = Report(), Growth(BOOK.trust)
    for name, book in (("a", BOOK), ("b", forged)):
        (tmp_path / name).write_text(json.dumps(book.receipt(7)))
        check_receipt(tmp_path / name, BOOK.trust, growth, report)
    assert "fork" in [one for one, _ in faults(report)]


def test_what_was_kept_comes_back_and_each_size_once(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "state.json"
    assert State.load(file) == State()
    log = Kept()
    log.keep(BOOK.trust, [BOOK.opened(3), BOOK.opened(200)])
    log.keep(BOOK.trust, [BOOK.opened(200), BOOK.opened(300)])
    with alone(file):
        State([log]).save(file)
    found = State.load(file).log_of([ORIGIN])
    assert found is not None
    assert [one.size for one in found.opened(BOOK.trust)] == [3, 200, 300]
    assert found.lives[0].keys == (BOOK.signer.verifier,)
    assert State.load(file).log_of(["other.example/audit"]) is None
    assert {path.name for path in file.parent.iterdir()} == {"state.json", ".state.json.lock"}


def test_a_damaged_file_of_kept_checkpoints_is_not_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    log = Kept()
    log.keep(BOOK.trust, [BOOK.opened(3)])
    State([log]).save(file)
    whole = file.read_text()
    for damaged in (
        "",
        whole[:-20],
        whole.replace("audit-state/1", "audit-state/2"),
        "[]",
        whole.replace("+", "-"),
    ):
        file.write_text(damaged)
        with pytest.raises(BadState):
            State.load(file)


def test_new_keys_are_taken_on_first_use_and_it_is_said() -> None:
    rotated = Book(3)
    served = Trust.pinned([BOOK.signer.verifier, rotated.signer.verifier])
    first = served.on_first_use([])
    assert rotated.signer.verifier.encode() in first.notes[0]
    known = served.on_first_use(served.lives)
    assert known.notes == ()
    later = served.on_first_use(BOOK.trust.lives)
    assert rotated.signer.verifier.encode() in later.notes[0]
    assert BOOK.signer.verifier.encode() not in later.notes[0]
    assert served.believing(BOOK.trust.lives).lives[0].keys == (BOOK.signer.verifier,)


def test_ranges_join_and_tell_their_gaps() -> None:
    found = Ranges()
    for start, end in ((5, 7), (7, 9), (0, 2), (20, 21), (1, 6)):
        found.add(start, end)
    assert list(found) == [(0, 9), (20, 21)]
    assert list(found.gaps(0, 25)) == [(9, 20), (21, 25)]
    assert list(found.gaps(3, 8)) == []
    assert (8 in found, 9 in found, len(found)) == (True, False, 10)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), max_size=20))
def test_ranges_are_the_set_of_what_was_added(added: list[tuple[int, int]]) -> None:
    found, plain = Ranges(), set[int]()
    for start, width in added:
        found.add(start, start + width)
        plain |= set(range(start, start + width))
    assert {n for n in range(40) if n in found} == plain
    assert len(found) == len(plain)
    spans = list(found)
    assert all(high < low for (_, high), (low, _) in pairwise(spans))
