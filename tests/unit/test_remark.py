"""Markings of items: narrower than their collection's, interned, and refused without a trace."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from app.audit.entry import Request
from app.errors import Forbidden, Invalid
from app.facts import load_views
from app.markings import Collection, Marking
from app.question import Actor
from app.record import Tx, as_system, begin
from app.remark import intern_narrower, resolve, store, to_wire
from app.runtime import Runtime
from tests.factories import Make
from tests.samples import COMMUNITY, group_marking, members_marking, red_marking


class Ground:
    """An owner, members inside and outside its group, and a collection for that group."""

    def __init__(self, make: Make, tx: Tx, owner: Any, inside: Any, outside: Any, group: Any) -> None:
        self.make, self.tx = make, tx
        self.owner, self.inside, self.outside, self.group = owner, inside, outside, group
        user = make.user(owner)
        self.actor = Actor(member_id=owner.id, user_id=user.id)
        marking = store(tx.session, self.view(group_marking(group.id)))
        self.collection = Collection(
            id=group.id, kind="list", owner_id=owner.id, slug="list", title="A list", marking_id=marking.id,
            created_at=tx.now,
        )  # fmt: skip
        tx.session.add(self.collection)
        tx.session.flush()

    def view(self, marking: dict[str, Any]) -> Any:
        return resolve(self.tx.session, self.owner.id, marking, actor=self.actor)

    def narrowed(self, marking: dict[str, Any]) -> Marking:
        return intern_narrower(self.tx.session, self.collection, self.view(marking), self.tx.now)

    def markings(self) -> int:
        return self.tx.session.scalar(select(func.count()).select_from(Marking)) or 0


@pytest.fixture
def ground(make: Make, runtime: Runtime) -> Iterator[Ground]:
    owner, inside, outside = (make.member() for _ in range(3))
    group = make.group(owner, [owner, inside])
    with begin(runtime, as_system, Request()) as tx:
        yield Ground(make, tx, owner, inside, outside, group)


def test_a_stored_marking_comes_back_as_it_was_sent(ground: Ground) -> None:
    sent = {**members_marking(ground.inside.id, ground.outside.id), "prohibited_purposes": ["train"]}
    row = store(ground.tx.session, ground.view(sent))

    view = load_views(ground.tx.session, [row.id])[row.id]

    sent["audience"]["members"].sort()
    assert to_wire(view, ground.owner.id) == sent
    assert to_wire(view, ground.inside.id)["audience"] == {"kind": "members"}


def test_equal_narrower_markings_of_a_collection_are_one_row(ground: Ground) -> None:
    one = ground.narrowed(members_marking(ground.inside.id))
    before = ground.markings()

    again = ground.narrowed(members_marking(ground.inside.id))
    stricter = ground.narrowed(members_marking(ground.inside.id, tlp="TLP:AMBER+STRICT"))

    assert again.id == one.id
    assert stricter.id != one.id
    assert ground.markings() == before + 1


def test_an_item_addresses_nobody_who_does_not_read_its_collection(ground: Ground) -> None:
    user = ground.make.user(ground.outside)
    before = ground.markings()

    for marking in (
        members_marking(ground.outside.id),
        members_marking(ground.inside.id, ground.outside.id),
        red_marking(user.id),
        COMMUNITY,
        group_marking(ground.make.group(ground.owner, [ground.owner]).id),
        {**members_marking(ground.inside.id), "pap": "PAP:GREEN"},
    ):
        with pytest.raises(Invalid):
            ground.narrowed(marking)

    assert ground.markings() == before


def test_an_item_may_be_red_for_users_of_members_who_read_its_collection(ground: Ground) -> None:
    row = ground.narrowed(red_marking(ground.make.user(ground.inside).id))

    assert load_views(ground.tx.session, [row.id])[row.id].users >= {ground.actor.user_id}


def test_red_is_marked_by_a_person(ground: Ground) -> None:
    ground.actor = Actor(member_id=ground.owner.id)

    with pytest.raises(Forbidden):
        ground.view(red_marking(ground.make.user(ground.inside).id))
