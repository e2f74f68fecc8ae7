"""Cursors: sealed, bound to member and view, and safe across a restore."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Conflict, Invalid
from app.feed import incarnation
from app.feed.cursor import CursorSeal, Opened, Position, View
from app.feed.models import FeedHead

LIFE = "8d6c1b52-5ef4-4b43-9d3b-0b6a1d7f2f11"
VIEW = View(member_id="m", user_id=None, kinds=frozenset({"set"}), purpose="detect")
numbers = st.integers(min_value=0, max_value=2**63 - 1)


@given(numbers, numbers, numbers, numbers, numbers)
def test_a_position_comes_back_as_it_was(after, start, place, gained, inner):
    seal = CursorSeal(bytes(32))
    position = Position(after=after, start=start, fill_place=place, fill_gained=gained, fill_after=inner)
    opened = seal.open(seal.seal(position, VIEW, LIFE), VIEW)
    assert opened == Opened(incarnation=LIFE, position=position)


def test_cursors_tell_nothing_by_their_length():
    seal = CursorSeal(bytes(32))
    lengths = {len(seal.seal(Position(after=n), VIEW, LIFE)) for n in (0, 1, 10**6, 2**60)}
    assert len(lengths) == 1


def test_a_cursor_of_another_server_or_member_is_refused():
    text = CursorSeal(bytes(32)).seal(Position(after=5), VIEW, LIFE)
    with pytest.raises(Invalid):
        CursorSeal(b"x" * 32).open(text, VIEW)
    with pytest.raises(Invalid):
        CursorSeal(bytes(32)).open(text, View(**(VIEW.__dict__ | {"member_id": "other"})))


@pytest.mark.parametrize(
    "change",
    [
        {"kinds": frozenset({"set", "list"})},
        {"purpose": "research"},
        {"collections": frozenset({"c"})},
        {"user_id": "u"},
    ],
)
def test_a_cursor_of_another_view_is_a_conflict_that_says_how_to_start(change):
    seal = CursorSeal(bytes(32))
    text = seal.seal(Position(after=5), VIEW, LIFE)
    with pytest.raises(Conflict, match="Leave `after` out"):
        seal.open(text, View(**(VIEW.__dict__ | change)))


@given(st.text(max_size=200))
def test_no_text_that_is_not_a_cursor_is_read_as_one(text):
    with pytest.raises(Invalid):
        CursorSeal(bytes(32)).open(text, VIEW)


def test_every_changed_bit_is_noticed():
    seal = CursorSeal(bytes(32))
    sealed = bytearray(base64.urlsafe_b64decode(seal.seal(Position(after=5), VIEW, LIFE) + "=="))
    for position in range(len(sealed)):
        sealed[position] ^= 1
        with pytest.raises(Invalid):
            seal.open(base64.urlsafe_b64encode(bytes(sealed)).rstrip(b"=").decode(), VIEW)
        sealed[position] ^= 1


def test_after_a_restore_a_cursor_goes_back_to_where_the_histories_part(runtime):
    with runtime.db.write() as session:
        first = incarnation.current(session)
        session.get_one(FeedHead, 1).seq = 100
        session.flush()
        incarnation.begin_new(session, 1)  # restored at 100: what the old life wrote behind it is gone
        session.flush()
        beyond = Opened(incarnation=first.id, position=Position(after=140, start=120))
        before = Opened(incarnation=first.id, position=Position(after=60, start=10))
        assert incarnation.resolve(session, beyond)[1] == Position(after=100, start=100)
        life, position = incarnation.resolve(session, before)
        assert position == Position(after=60, start=10)
        assert life == incarnation.current(session).id


def test_a_cursor_of_a_life_that_was_restored_away_is_refused(runtime):
    with runtime.db.read() as session, pytest.raises(Invalid, match="Leave `after` out"):
        incarnation.resolve(session, Opened(incarnation=LIFE, position=Position(after=1)))
