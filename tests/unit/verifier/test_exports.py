"""A verifier of exports: what is whole is proven, what is damaged is named, and nothing more is believed."""

import gzip
import uuid
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import zstd
from app.transparency.exports import Opening, closing_line, entry_line, reduced_line
from app.transparency.notes import Cosigner
from app.transparency.tree import inclusion_proof
from app.verifier.trust import Trust
from tests.unit.verifier.book import ORIGIN, Book, checked, entry, faults, reached

BOOK = Book(600)
WHOLE = BOOK.export()
"""602 lines of entries and blocks: block 0 in line 2, entry 0 in line 3, block 1 in line 259."""
within = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def line_of(index: int) -> int:
    """Where an entry stands in WHOLE, counted from 0."""
    return 2 + index + index // 256


def test_a_whole_export_is_proven(tmp_path: Path) -> None:
    report = checked(BOOK.trust, tmp_path, WHOLE)
    assert report.holds, report.findings
    assert list(report.proven) == [(0, 600)]
    assert report.checkpoints[0]["size"] == 600


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_archives_may_be_packed(tmp_path: Path, pack: object) -> None:
    packed = pack(b"".join(WHOLE))  # type: ignore[operator]
    assert checked(BOOK.trust, tmp_path, packed).holds
    assert not checked(BOOK.trust, tmp_path, packed[:-40]).holds


def test_pieces_join_in_one_file_and_in_many(tmp_path: Path) -> None:
    first, second = BOOK.export(0, 300, size=300), BOOK.export(300, 600)
    for files in ([first + second], [first, second], [second, first], [first, WHOLE]):
        report = checked(BOOK.trust, tmp_path, *files, kept=[BOOK.opened(200), BOOK.opened(299)])
        assert report.holds, report.findings
        assert list(report.proven) == [(0, 600)]
        assert {200, 299, 300} <= report.compared
    cut = [*BOOK.export(0, 300, size=400, marked=False), reached(300)]
    assert checked(BOOK.trust, tmp_path, cut + BOOK.export(300, 600)).holds
    gone = BOOK.export(301, 600)
    assert faults(checked(BOOK.trust, tmp_path, cut + gone)) == [("cut", 300)]


def test_a_part_proves_that_it_goes_on_from_what_was_kept(tmp_path: Path) -> None:
    kept = [BOOK.opened(size) for size in (1, 256, 511, 512, 513, 600)]
    report = checked(BOOK.trust, tmp_path, BOOK.export(512, 600), kept=kept)
    assert report.holds
    assert report.compared == {513, 600}
    assert checked(BOOK.trust, tmp_path, WHOLE, kept=kept).compared == {1, 256, 511, 512, 513, 600}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (WHOLE[:-1], [("cut", 600)]),
        ([*WHOLE[: line_of(300)], WHOLE[line_of(300)][:40]], [("cut", None), ("cut", 300)]),
        (WHOLE[: line_of(300)], [("cut", 300)]),
        (WHOLE[: line_of(7)] + WHOLE[line_of(8) :], [("cut", None), ("missing", 7)]),
        (WHOLE[: line_of(8)] + WHOLE[line_of(7) :], [("doubled", 7), ("cut", None)]),
        (
            [*WHOLE[: line_of(7)], WHOLE[line_of(8)], WHOLE[line_of(7)], *WHOLE[line_of(9) :]],
            [("out-of-order", 7)],
        ),
        (
            [*WHOLE[: line_of(7)], b"{\n", *WHOLE[line_of(8) :]],
            [("unreadable", None), ("cut", None), ("missing", 7)],
        ),
        (WHOLE[:1] + WHOLE[2:], [("unproven", 0)]),
        (WHOLE[:1] + WHOLE[line_of(256) - 1 :], [("cut", None), ("missing", 0)]),
        (WHOLE[1:], [("unreadable", None)]),
        (WHOLE + WHOLE[3:4], [("unreadable", None)]),
        ([], [("unreadable", None)]),
    ],
    ids=[
        "no closing line", "cut in a line", "cut", "missing line", "doubled line", "swapped lines",
        "broken line", "no block", "missing block and entries", "no opening line", "line behind the end",
        "nothing",
    ],
)  # fmt: skip
def test_damage_is_named(tmp_path: Path, lines: list[bytes], expected: list[tuple[str, int | None]]) -> None:
    report = checked(BOOK.trust, tmp_path, lines)
    assert not report.holds
    assert faults(report) == expected


def test_what_stands_before_a_cut_is_still_proven(tmp_path: Path) -> None:
    data = b"".join(WHOLE)
    at = data.index(b'{"index":300,')
    report = checked(BOOK.trust, tmp_path, data[: at + 20])
    assert list(report.proven) == [(0, 300)]
    assert [(one.line, one.index) for one in report.findings] == [(304, None), (304, 300)]
    assert "line 304" in report.findings[0].detail


def test_of_damaged_entries_each_is_named_and_all_others_are_proven(tmp_path: Path) -> None:
    lines = list(WHOLE)
    lines[line_of(7)] = lines[line_of(7)].replace(b'"n":7', b'"n":8')
    lines[line_of(400)] = lines[line_of(400)].replace(b'"n":400', b'"n":401')
    report = checked(BOOK.trust, tmp_path, lines)
    assert [(one.fault, one.index, one.line) for one in report.findings] == [
        ("changed", 7, line_of(7) + 1), ("changed", 400, line_of(400) + 1),
    ]  # fmt: skip
    assert report.findings[0].entry == "00000000-0000-0000-0000-000000000007"
    assert list(report.proven) == [(0, 7), (8, 400), (401, 600)]


def test_one_of_two_files_is_damaged(tmp_path: Path) -> None:
    lines = list(WHOLE)
    lines[line_of(7)] = lines[line_of(7)].replace(b'"n":7', b'"n":8')
    report = checked(BOOK.trust, tmp_path, WHOLE, lines)
    assert [(one.fault, one.index, one.where) for one in report.findings] == [
        ("changed", 7, str(tmp_path / "1.ndjson"))
    ]


def test_what_is_in_no_file_is_said(tmp_path: Path) -> None:
    report = checked(BOOK.trust, tmp_path, BOOK.export(10, 20), BOOK.export(300, 600))
    assert report.holds
    assert [note.partition(". ")[0] for note in report.notes] == [
        "Not in these files: entries 0 to 9", "Not in these files: entries 20 to 299",
    ]  # fmt: skip


@within
@given(st.integers(0, len(b"".join(WHOLE)) - 1), st.integers(1, 255))
def test_no_changed_byte_makes_anything_proven_that_was_not_logged(
    tmp_path: Path, at: int, change: int
) -> None:
    data = bytearray(b"".join(WHOLE))
    data[at] ^= change
    report = checked(BOOK.trust, tmp_path, bytes(data))
    shown = bytes(data).split(b"\n")
    for low, high in report.proven:
        for index in range(low, high):
            assert BOOK.entries[index] in shown[line_of(index)] or BOOK.entries[index] in bytes(data)
    cursor = bytes(data).find(b"next")
    assert not report.holds or 0 <= cursor - 10 < at or at >= len(data) - 45


def test_another_form_of_the_same_json_is_read(tmp_path: Path) -> None:
    lines = [line.replace(b":", b": ") if b'"index"' in line else line for line in WHOLE]
    assert checked(BOOK.trust, tmp_path, lines).holds
    twice = WHOLE[line_of(3)].replace(b'"n":3', b'"n":4,"n":3')
    report = checked(BOOK.trust, tmp_path, [*WHOLE[: line_of(3)], twice, *WHOLE[line_of(4) :]])
    assert ("unreadable", None) in faults(report)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (lambda e: [*e[:7], entry(7, x=1), *e[8:]], [("changed", 7)]),
        (lambda e: [*e[:7], *e[8:]], [("moved", 7), ("missing", 7)]),
        (lambda e: [*e[:7], entry(9_999), *e[7:]], [("inserted", 7), ("moved", 8), ("missing", 599)]),
        (lambda e: [*e[:7], e[300], *e[8:300], e[7], *e[301:]], [("moved", 7), ("moved", 300)]),
    ],
    ids=["changed", "deleted", "inserted", "swapped"],
)
def test_rows_that_are_not_what_was_logged_are_named(
    tmp_path: Path, rows: object, expected: list[tuple[str, int]]
) -> None:
    shown = list(enumerate(rows(BOOK.entries)))[:600]  # type: ignore[operator]
    report = checked(BOOK.trust, tmp_path, BOOK.export(shown=shown))
    assert faults(report) == expected
    assert all(one.entry for one in report.findings if one.fault != "missing")
    moved = next((one for one in report.findings if one.fault == "moved"), None)
    if moved is not None and expected[-1][0] == "missing":
        assert str(moved.index) in moved.detail
        assert moved.to in {599, 600}


def test_a_row_that_is_gone_from_its_place_is_missing(tmp_path: Path) -> None:
    shown = [row for row in enumerate(BOOK.entries) if row[0] not in {5, 300, 301}]
    report = checked(BOOK.trust, tmp_path, BOOK.export(shown=shown))
    assert [(one.fault, one.index, one.to) for one in report.findings] == [
        ("missing", 5, 6), ("missing", 300, 302),
    ]  # fmt: skip


def test_a_log_that_was_rewritten_and_signed_again_is_a_fork(tmp_path: Path) -> None:
    changed = [*BOOK.entries[:300], entry(300, x=1), *BOOK.entries[301:], entry(600)]
    forged = Book(entries=changed, key=BOOK.signer.key)
    assert checked(BOOK.trust, tmp_path, forged.export()).holds  # nothing was seen before
    kept = [BOOK.opened(size) for size in (100, 280, 400, 600)]
    report = checked(BOOK.trust, tmp_path, forged.export(), kept=kept)
    assert [(one.fault, one.index, one.to) for one in report.findings] == [
        ("fork", 280, 400), ("fork", 280, 600),
    ]  # fmt: skip
    both = checked(BOOK.trust, tmp_path, WHOLE, forged.export())
    assert [one for one in faults(both) if one[0] != "fork"] == [("changed", 300)]
    assert next(one.entry for one in both.findings if one.index == 300) == str(uuid.UUID(int=300))
    same = Book(entries=changed[:600], key=BOOK.signer.key)
    assert faults(checked(BOOK.trust, tmp_path, same.export(), kept=kept[-1:]))[0][0] == "fork"


def test_only_trusted_keys_are_believed(tmp_path: Path) -> None:
    other = Book(600)
    for lines in (other.export(), BOOK.export(note=other.note()), BOOK.export(note=b"no note\n")):
        report = checked(BOOK.trust, tmp_path, lines)
        assert faults(report) == [("checkpoint", None)]
        assert not report.proven
    elsewhere = Book(600, key=BOOK.signer.key, origin="other.example/audit")
    assert faults(checked(BOOK.trust, tmp_path, elsewhere.export())) == [("checkpoint", None)]
    mixed = BOOK.export(note=BOOK.note(599))
    assert faults(checked(BOOK.trust, tmp_path, mixed))[0] == ("checkpoint", None)


def test_witnesses_are_counted(tmp_path: Path) -> None:
    witnesses = [Cosigner(f"witness-{n}.example", Ed25519PrivateKey.generate()) for n in range(3)]
    keys = [one.verifier for one in witnesses]
    for signed, quorum, enough in ((2, 2, True), (2, 3, False), (0, 1, False), (3, 3, True)):
        trust = Trust.pinned([BOOK.signer.verifier], witnesses=keys, quorum=quorum)
        lines = BOOK.export(note=BOOK.note(600, *witnesses[:signed]))
        report = checked(trust, tmp_path, lines)
        assert report.holds == enough
        if enough:
            assert len(report.checkpoints[0]["cosigned_by"]) == signed
        else:
            assert faults(report) == [("cosignatures", None)]
    twice = BOOK.export(note=BOOK.note(600, witnesses[0], witnesses[0]))
    trust = Trust.pinned([BOOK.signer.verifier], witnesses=keys, quorum=2)
    assert faults(checked(trust, tmp_path, twice)) == [("cosignatures", None)]


def selection(*lines: bytes, proofs: bool = True) -> list[bytes]:
    opening = Opening(
        origin=ORIGIN, start=0, end=600, note=BOOK.note(), asked={"action": "set.read"}, proofs=proofs
    )
    return [opening.line(), *lines, closing_line(len(lines), "next", 600)]


def test_a_selection_proves_what_it_holds_and_says_that_it_may_leave_out(tmp_path: Path) -> None:
    paths = {n: inclusion_proof(n, 600, BOOK.read) for n in (3, 500)}
    lines = [entry_line(n, BOOK.entries[n], path) for n, path in paths.items()]
    report = checked(BOOK.trust, tmp_path, selection(*lines, reduced_line(b"{}")))
    assert report.holds, report.findings
    assert list(report.proven) == [(3, 4), (500, 501)]
    assert "withheld" in report.notes[0]
    assert "left out" in report.notes[1]
    wrong = entry_line(3, BOOK.entries[4], paths[3])
    assert faults(checked(BOOK.trust, tmp_path, selection(wrong, lines[1]))) == [("changed", 3)]
    bare = entry_line(3, BOOK.entries[3])
    assert faults(checked(BOOK.trust, tmp_path, selection(bare, proofs=False))) == [("unproven", None)]
    assert faults(checked(BOOK.trust, tmp_path, selection(lines[0], lines[0]))) == [("doubled", 3)]
