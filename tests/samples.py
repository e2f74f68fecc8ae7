"""Sample sets for tests, and the calls by which an owner brings one to a version."""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from werkzeug.test import TestResponse

from app.feed.models import Change
from app.markings import Place
from app.runtime import Runtime
from tests.factories import Caller, Make

ROOT = Path(__file__).parents[1]
FINCEN = "us-fincen-2020-a008"
OCSE = "ocse-livestream-payments"
SCENARIOS = "ocse-weighted-scenarios"
SAMPLES = (FINCEN, OCSE, SCENARIOS)

PUBLIC = {"tlp": "TLP:CLEAR", "pap": "PAP:CLEAR", "audience": {"kind": "public"}}
COMMUNITY = {"tlp": "TLP:GREEN", "pap": "PAP:GREEN", "audience": {"kind": "community"}}


def group_marking(group_id: str, tlp: str = "TLP:AMBER") -> dict[str, Any]:
    return {"tlp": tlp, "pap": "PAP:AMBER", "audience": {"kind": "group", "group": group_id}}


def members_marking(*member_ids: str, tlp: str = "TLP:AMBER") -> dict[str, Any]:
    return {"tlp": tlp, "pap": "PAP:AMBER", "audience": {"kind": "members", "members": list(member_ids)}}


def red_marking(*user_ids: str) -> dict[str, Any]:
    return {"tlp": "TLP:RED", "pap": "PAP:RED", "audience": {"kind": "users", "users": list(user_ids)}}


@cache
def _sample(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "samples" / f"{name}.json").read_text("utf-8"))
    return loaded


def sample(name: str = FINCEN) -> dict[str, Any]:
    """`content` and `marking` of a sample file; change it as you like."""
    return deepcopy(_sample(name))


def small(title: str = "A small set", indicators: int = 2, **changes: Any) -> dict[str, Any]:
    """Content with few indicators that needs no second person, for tests that are about something else."""
    content: dict[str, Any] = sample()["content"]
    del content["counts"]
    kept = content["indicators"][:indicators]
    for indicator in kept:
        indicator["rights_caution"]["level"] = "medium"
    return {**content, "title": title, "indicators": kept, **changes}


def created(caller: Caller, marking: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A new set of the caller's member."""
    body = {"slug": "a-set", "title": "A set", "marking": marking or COMMUNITY, **fields}
    answer = caller.post("/v1/sets", json=body)
    assert answer.status_code == 201, answer.json
    made: Any = answer.json
    return dict(made)


def drafted(caller: Caller, set_id: str, content: dict[str, Any]) -> dict[str, Any]:
    """The draft replaced by `content`."""
    path = f"/v1/sets/{set_id}/draft"
    etag = caller.get(path).headers["ETag"]
    answer = caller.put(path, json={"content": content}, headers={"If-Match": etag})
    assert answer.status_code == 200, answer.json
    saved: Any = answer.json
    return dict(saved)


def published(
    caller: Caller, set_id: str, version: str = "1.0.0", content: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A new version of the set with this content."""
    drafted(caller, set_id, content or small())
    answer = caller.post(f"/v1/sets/{set_id}/versions", json={"version": version})
    assert answer.status_code == 201, answer.json
    made: Any = answer.json
    return dict(made)


def sent(caller: Caller, set_id: str, version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    """The draft sent to review."""
    answer = caller.post(f"/v1/sets/{set_id}/review", json={"version": version, **more})
    assert answer.status_code == 201, answer.json
    made: Any = answer.json
    return dict(made)


def reviewed(
    caller: Caller, set_id: str, version: str = "1.0.0", content: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A new version of the set with this content, approved by another person of the owner."""
    make = Make(caller.http.application.extensions["halyard"], caller.http)
    drafted(caller, set_id, content or small())
    digest = sent(caller, set_id, version)["digest"]
    second = make.caller(caller.member, user=make.user(caller.member))
    approval = second.post(f"/v1/sets/{set_id}/review/{digest}/approval", json={})
    assert approval.status_code == 201, approval.json
    answer = caller.post(f"/v1/sets/{set_id}/versions", json={"candidate": digest})
    assert answer.status_code == 201, answer.json
    made: Any = answer.json
    return dict(made)


def feed_lines(runtime: Runtime, object_id: str) -> list[tuple[str, str, Any]]:
    """(kind, kind of place, line) of everything that the feed holds of an object, oldest first.

    The line is None where its bytes were cleared.
    """
    wanted = (
        select(Change.kind, Place.kind, Change.line)
        .join(Place, Place.id == Change.place_id)
        .where(Change.object_id == object_id)
        .order_by(Change.seq)
    )
    with runtime.db.read() as session:
        rows = session.execute(wanted).all()
    return [(kind, place, json.loads(line) if line else None) for kind, place, line in rows]


def version_path(set_id: str, version: str = "", verb: str = "") -> str:
    return "/".join(part for part in (f"/v1/sets/{set_id}/versions", version, verb) if part)


def pointers(answer: TestResponse) -> list[str]:
    """Where the errors of a problem document point to."""
    return [error["pointer"] for error in answer.get_json()["errors"]]
