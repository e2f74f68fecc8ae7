"""Subscriptions for tests: made, taken and acknowledged through the API."""

# mypy: disable-error-code="index"

from typing import Any

from app import record
from app.audit.entry import Request
from app.feed import sight
from app.parties import GroupMember
from tests.factories import Caller, Make


def subscribed(caller: Caller, **body: Any) -> str:
    answer = caller.post("/v1/subscriptions", json={"name": "Ours", **body})
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def taken(caller: Caller, subscription: str, **query: Any) -> dict[str, Any]:
    answer = caller.get(f"/v1/subscriptions/{subscription}/changes", query_string=query)
    assert answer.status_code == 200, answer.json
    return dict(answer.json or {})


def acknowledge(caller: Caller, subscription: str, cursor: str) -> int:
    return caller.post(f"/v1/subscriptions/{subscription}/ack", json={"cursor": cursor}).status_code


def caught_up(caller: Caller, subscription: str) -> int:
    """Take and acknowledge everything; returns how many changes there were."""
    page = taken(caller, subscription, limit=1000)
    assert acknowledge(caller, subscription, page["next"]) == 200
    return len(page["changes"])


def behind(caller: Caller, subscription: str) -> int:
    changes: int = caller.get(f"/v1/subscriptions/{subscription}").json["lag"]["changes"]
    return changes


def pages(caller: Caller, subscription: str) -> int:
    """How many changes are paged from the acknowledged position, two at a time."""
    page = taken(caller, subscription, limit=2)
    count = len(page["changes"])
    while page["more"]:
        page = taken(caller, subscription, limit=2, after=page["next"])
        count += len(page["changes"])
    return count


def recipients(owner: Caller, path: str) -> list[dict[str, Any]]:
    answer = owner.get(f"{path}/recipients")
    assert answer.status_code == 200, answer.json
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def join(make: Make, joiner: Caller, collection: str, group: str) -> None:
    """Let a member into a group as the verb does: with one line that says what it gained sight of."""
    scope = sight.Scope(members=frozenset({joiner.member.id}), collections=frozenset({collection}))
    with record.begin(make.runtime, record.as_system, Request(), moves_policy=True) as tx, tx.watching(scope):
        tx.session.add(
            GroupMember(
                group_id=group, member_id=joiner.member.id, accepted_terms=1, active=True, joined_at=tx.now
            )
        )
