"""Files that somebody made to be believed: what they leave out is told, and none of them stops a check."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.transparency.exports import Opening, block_lines, closing_line
from app.verifier import exports
from app.verifier.growth import Growth
from app.verifier.trust import Life, Trust
from tests.unit.verifier.book import ORIGIN, Book, checked, entry, faults, reached

BOOK = Book(600)
WHOLE = BOOK.export()


def test_a_closing_line_that_names_no_end_hides_nothing(tmp_path: Path) -> None:
    short = [*WHOLE[:-4], closing_line(597, None, None)]
    report = checked(BOOK.trust, tmp_path, short)
    assert ("missing", 597) in faults(report)
    assert not report.holds


@pytest.mark.parametrize("kind", ["selection", "shorter"])
def test_a_piece_is_gone_on_with_only_by_one_that_is_as_whole(tmp_path: Path, kind: str) -> None:
    asked: dict[str, str] | None = {} if kind == "selection" else None
    end = 600 if kind == "selection" else 300
    rest = Opening(origin=ORIGIN, start=300, end=end, note=BOOK.note(), asked=asked).line()
    begun = [*BOOK.export(0, 600, marked=False)[: 300 + 3], reached(300)]
    report = checked(BOOK.trust, tmp_path, [*begun, rest, closing_line(0, None, end)])
    assert ("cut", 300) in faults(report)


def test_what_the_checkpoint_covers_beyond_the_files_is_said(tmp_path: Path) -> None:
    report = checked(BOOK.trust, tmp_path, BOOK.export(0, 512))
    assert report.holds
    assert any("entries 512 to 599" in note for note in report.notes)
    assert not any("Not in these files" in note for note in checked(BOOK.trust, tmp_path, WHOLE).notes)


@pytest.mark.parametrize("line", [b"{}", b"[1]", b"[]", b'""', b"7", b"null", b"[" * 100_000, b'{"\xff":1}'])
def test_no_line_stops_the_check(tmp_path: Path, line: bytes) -> None:
    report = checked(BOOK.trust, tmp_path, [*WHOLE[:9], line + b"\n", *WHOLE[9:]])
    assert faults(report) == [("unreadable", None)]
    assert list(report.proven) == [(0, 600)]


def test_a_file_of_nothing_but_lines_that_cannot_be_read_is_given_up(tmp_path: Path) -> None:
    many = exports.UNREADABLE_LIMIT * 3
    report = checked(BOOK.trust, tmp_path, gzip.compress(WHOLE[0] + b"\n" * many))
    assert len([one for one, _ in faults(report) if one == "unreadable"]) == exports.UNREADABLE_LIMIT + 1
    assert "not looked at" in [one.detail for one in report.findings if one.fault == "unreadable"][-1]


def test_what_is_doubled_without_end_is_told_up_to_a_bound(tmp_path: Path) -> None:
    report = checked(BOOK.trust, tmp_path, gzip.compress(b"".join([*WHOLE[:3], WHOLE[2] * 30_000])))
    assert len(report.findings) <= 10_100
    assert any("more" in note for note in report.notes)


def test_one_checkpoint_in_many_notes_is_one(tmp_path: Path) -> None:
    forms = [BOOK.note() + f"— other{n} AAAAAAAA\n".encode() for n in range(50)]
    lines = [Opening(origin=ORIGIN, start=0, end=0, note=note).line() for note in forms]
    report = checked(BOOK.trust, tmp_path, [*lines, closing_line(0, None, 0)])
    assert len(report.checkpoints) == 1


def lives(began: int, change: int) -> tuple[Book, Trust]:
    """A log that says that it was restored, and changed what it says that it took over."""
    kept = [*BOOK.entries[:change], entry(change, x=1), *BOOK.entries[change + 1 : began]]
    book = Book(entries=[*kept, *(entry(n, x=2) for n in range(began, 590))], origin=f"{ORIGIN}/2-ab")
    first = Life(origin=ORIGIN, keys=BOOK.trust.lives[0].keys)
    return book, Trust(lives=[first, replace(book.trust.lives[0], began=began)])


def test_an_entry_that_was_changed_under_the_name_of_a_restore_is_named(tmp_path: Path) -> None:
    book, trust = lives(began=500, change=7)
    for files in ((WHOLE, book.export()), (book.export(), WHOLE)):
        report = checked(trust, tmp_path, *files)
        assert ("changed", 7) in faults(report)
        assert len(report.findings) == 1
    honest = Book(
        entries=[*BOOK.entries[:500], *(entry(n, x=2) for n in range(500, 590))], origin=f"{ORIGIN}/2-ab"
    )
    trust = Trust(lives=[trust.lives[0], replace(honest.trust.lives[0], began=500)])
    assert checked(trust, tmp_path, WHOLE, honest.export()).holds


def test_what_a_file_says_cannot_speak_to_the_terminal(tmp_path: Path) -> None:
    forged = json.dumps({"id": "\x1b[2J\x9bPROVEN" + "x" * 1_000_000, "n": 7}, separators=(",", ":"))
    shown = [(n, forged.encode() if n == 7 else one) for n, one in enumerate(BOOK.entries)]
    report = checked(BOOK.trust, tmp_path, BOOK.export(shown=shown))
    assert ("changed", 7) in faults(report)
    for finding in report.findings:
        assert finding.detail.isprintable()
        assert len(finding.detail) < 1_000


def test_blocks_alone_show_nothing(tmp_path: Path) -> None:
    opening = Opening(origin=ORIGIN, start=0, end=600, note=BOOK.note()).line()
    bare = [opening, *block_lines(0, 600, 600, [], BOOK.read), closing_line(0, None, 600)]
    assert ("missing", 0) in faults(checked(BOOK.trust, tmp_path, bare))


def test_what_a_restore_lost_is_said_of_files_alone(tmp_path: Path) -> None:
    book, trust = lives(began=500, change=500)
    growth = Growth(trust)
    for one in (BOOK.note(400), BOOK.note(), book.note()):
        assert list(growth.know(trust.open(one))) == []
    [said] = growth.lost()
    assert "entries 500 to 599" in said
