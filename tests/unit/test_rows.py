"""Rows that go in by the driver's own way come out as if the ORM had written them."""

# mypy: disable-error-code="index"

import uuid
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, delete, func, insert, select
from sqlalchemy import null as sql_null
from sqlalchemy.exc import IntegrityError

from app.db import Database
from app.feed import places
from app.feed.models import Change
from app.markings import Collection
from app.rows import insert_rows
from app.runtime import Runtime
from app.signals.models import Contribution, SignalEntry, SignalList
from schemas.vocabulary import CollectionKind, Contributors
from tests.api.collections import collection
from tests.factories import Make

ENTRY = cast("Table", SignalEntry.__table__)
CONTRIBUTION = cast("Table", Contribution.__table__)
CHANGE = cast("Table", Change.__table__)

texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20)
entries = st.fixed_dictionaries(
    {
        "value": st.none() | st.binary(max_size=40),
        "qualifier": texts,
        "details": st.dictionaries(texts, st.integers(-(2**31), 2**31) | texts, max_size=3),
        "valid_until": st.integers(0, 2**60),
    }
)
contributions = st.fixed_dictionaries(
    {
        "labels": st.lists(texts, max_size=3),
        "classification": st.none() | st.dictionaries(texts, texts, max_size=2),
        "confidence": st.none() | st.integers(0, 100),
        "assessed": st.booleans(),
        "valid_until": st.integers(0, 2**60),
    }
)

PLAIN: dict[str, Any] = {"value": b"v", "qualifier": "", "details": {}, "valid_until": 1}


@pytest.fixture
def list_of(make: Make, runtime: Runtime) -> Collection:
    owner = make.member()
    row = collection(runtime, owner, members=[owner], kind=CollectionKind.LIST)
    with runtime.db.write() as session:
        session.add(SignalList(collection_id=row.id, types=["sha256"], contributors=Contributors.OWNER.value))
    return row


def whole(db: Database, row: dict[str, Any], into: Collection, number: int) -> dict[str, Any]:
    with db.write() as session:
        place_id = places.of_collection(session, into.id).id
    return {
        **row, "id": str(uuid.uuid4()), "collection_id": into.id, "type": "sha256", "place_id": place_id,
        "match_key": str(number).encode(), "marking_id": None, "standing": "lead", "lapses_at": number,
        "created_at": number, "withdrawn_at": None, "withdrawn_reason": None,
    }  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(drawn=st.lists(st.tuples(entries, contributions), max_size=4))
def test_every_kind_of_value_comes_out_as_the_orm_would_have_written_it(
    db: Database, list_of: Collection, drawn: list[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    rows = [whole(db, entry, list_of, number) for number, (entry, _) in enumerate(drawn)]
    said = [
        {
            **contribution,
            "entry_id": row["id"],
            "member_id": list_of.owner_id,
            "created_at": row["created_at"],
        }
        for row, (_, contribution) in zip(rows, drawn, strict=True)
    ]

    def written(write: Any) -> list[dict[str, Any]]:
        with db.write() as session:
            for table, made in ((ENTRY, rows), (CONTRIBUTION, said)):
                if made:
                    write(session, table, made)
            seen: list[dict[str, Any]] = []
            for table in (ENTRY, CONTRIBUTION):
                found = select(*table.c).order_by(table.c.created_at)
                seen += [dict(row) for row in session.execute(found).mappings()]
            nulls = select(func.count()).where(CONTRIBUTION.c.classification.is_(sql_null()))
            seen.append({"without classification": session.scalar(nulls)})
            for table in (CONTRIBUTION, ENTRY):
                session.execute(delete(table))
        return seen

    plain = written(lambda session, table, made: session.execute(insert(table), made))
    assert written(insert_rows) == plain


def test_rows_go_back_with_the_transaction(db: Database, list_of: Collection) -> None:
    row = whole(db, PLAIN, list_of, 1)
    with db.write() as session:
        outer = session.begin_nested()
        insert_rows(session, ENTRY, [row])
        outer.rollback()
    with db.read() as session:
        assert session.scalars(select(SignalEntry.id)).all() == []


def test_a_conflict_is_raised_as_the_toolkit_raises_it(db: Database, list_of: Collection) -> None:
    row = whole(db, PLAIN, list_of, 1)
    with db.write() as session, pytest.raises(IntegrityError), session.begin_nested():
        insert_rows(session, ENTRY, [row, row])


def test_no_rows_are_no_statement(db: Database, statements: list[str]) -> None:
    with db.write() as session:
        insert_rows(session, CHANGE, [])
    assert not any("INSERT" in text or "COPY" in text for text in statements)
