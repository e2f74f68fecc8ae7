"""Lookups against another door: what pages of lists show a reader is what a lookup must answer with."""

# mypy: disable-error-code="index"

import random
from typing import Any

import pytest

from tests.factories import Caller, Make
from tests.hashes import keyed, new_list, page, pdq, publish, sha
from tests.samples import COMMUNITY, group_marking, members_marking

SEEDS = (1, 2, 3)
VALUES = range(12)
IDENTITY = ("type", "value", "identifier", "key_id", "epoch")


def wire(kind: str, n: int) -> dict[str, Any]:
    if kind == "hmac_sha256":
        return keyed(n, epoch=1 + n % 2)
    return pdq(n) if kind == "pdq" else sha(n)


def named(signal: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(signal.get(name) for name in IDENTITY)


def said(chosen: random.Random) -> dict[str, Any]:
    """What a contributor may say about a value, in every combination."""
    parts: dict[str, Any] = {
        "labels": [f"label:{n}" for n in range(chosen.randint(0, 3))],
        "confidence": chosen.randint(0, 100),
        "classification": {"scheme": "s-1", "code": "A1", **chosen.choice([{}, {"assessor": "desk"}])},
        "valid_until": f"2026-12-{chosen.randint(10, 28)}T00:00:00Z",
    }
    return {name: part for name, part in parts.items() if chosen.random() < 0.5}


def shown(reader: Caller, lists: list[str]) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """Matches as the reader's pages tell them, by what they match and by id."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for list_id in lists:
        about = reader.get(f"/v1/signal-lists/{list_id}")
        if about.status_code != 200:
            continue
        for item in page(reader, list_id, "?limit=1000")["items"]:
            match = {"id": item["id"], "list": {"id": list_id, "title": about.json["title"]}}
            match["marking"] = item.get("marking", about.json["marking"])
            match |= {name: item[name] for name in ("standing", "labels", "contributions", "valid_until")}
            found.setdefault(named(item), []).append(match)
    return {key: sorted(matches, key=by_id) for key, matches in found.items()}


def by_id(match: dict[str, Any]) -> str:
    return str(match["id"])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lookup_answers_with_what_the_pages_of_the_lists_show(make: Make, seed: int) -> None:
    chosen = random.Random(seed)
    owners = [make.caller(make.member()) for _ in range(3)]
    friend, stranger = (make.caller(make.member()) for _ in range(2))
    group = make.group(owners[0].member, [owner.member for owner in owners] + [friend.member])
    narrow = members_marking(friend.member.id)
    lists: list[str] = []
    for number, owner in enumerate(owners * 2):
        marking = chosen.choice([COMMUNITY, group_marking(group.id), narrow])
        kinds = ("sha256",) if marking is COMMUNITY else ("sha256", "pdq", "hmac_sha256")
        slug = "abcdef"[number] * 4
        title = f'Title "{slug}" é'
        list_id = new_list(owner, marking, *kinds, slug=slug, title=title, contributors="audience")
        lists.append(list_id)
        for kind in kinds:
            items = [
                {**wire(kind, n), **said(chosen), **({"marking": narrow} if chosen.random() < 0.3 else {})}
                for n in chosen.sample(VALUES, 6)
            ]
            assert {item["status"] for item in publish(owner, list_id, *items)} == {"accepted"}
            agreed = [{**wire(kind, n), **said(chosen)} for n in chosen.sample(VALUES, 6)]
            if chosen.random() < 0.7:
                assert {item["status"] for item in publish(friend, list_id, *agreed)} == {"accepted"}

    queries = [wire(kind, n) for kind in ("sha256", "pdq", "hmac_sha256") for n in VALUES]
    chosen.shuffle(queries)
    matched = 0
    for reader in (*owners, friend, stranger):
        results = reader.post("/v1/lookup", json={"signals": queries}).json["results"]
        pages = shown(reader, lists)
        for query, result in zip(queries, results, strict=True):
            wanted = pages.get(named(query), [])
            assert sorted(result["matches"], key=by_id) == wanted
            members = {one["member"] for match in wanted for one in match["contributions"]}
            assert result.get("contributors", 0) == len(members)
            matched += len(wanted)
    assert matched > 50
