"""Signals for tests: values that mean nothing, lists made and filled through the API."""

# mypy: disable-error-code="index"

import base64
import hashlib
import json
from typing import Any

from sqlalchemy import select

from app import zstd
from app.feed.models import Change, FeedSegment
from app.models import metadata
from app.runtime import Runtime
from app.signals.models import Contribution, SignalEntry
from tests.factories import Caller

_UNPACK = zstd.decompress


def sha(n: object) -> dict[str, Any]:
    """A sha256 signal, another for each `n`."""
    return {"type": "sha256", "value": hashlib.sha256(f"signal {n}".encode()).hexdigest()}


def pdq(n: object) -> dict[str, Any]:
    return {**sha(n), "type": "pdq", "quality": 80}


def keyed(n: object, epoch: int = 1) -> dict[str, Any]:
    return {**sha(n), "type": "hmac_sha256", "identifier": "email", "key_id": "group-key", "epoch": epoch}


def new_list(
    owner: Caller,
    marking: dict[str, Any],
    *types: str,
    slug: str = "hashes",
    title: str = "Hashes",
    **more: Any,
) -> str:
    """Create a list; returns its id."""
    body = {"slug": slug, "title": title, "types": types or ("sha256",), "marking": marking, **more}
    answer = owner.post("/v1/signal-lists/", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])


def publish(caller: Caller, list_id: str, *signals: dict[str, Any]) -> list[dict[str, Any]]:
    """Publish as JSON; returns the answer per signal."""
    answer = caller.post(f"/v1/signal-lists/{list_id}/signals", json={"signals": signals})
    assert answer.status_code == 200, answer.text
    return list(answer.json["items"])


def published(caller: Caller, list_id: str, *signals: dict[str, Any]) -> list[str]:
    """Publish what must be accepted; returns the entries' ids. A lookup-only list tells them by lookup."""
    items = publish(caller, list_id, *signals)
    assert [item["status"] for item in items] == ["accepted"] * len(signals), items
    if all("id" in item for item in items):
        return [item["id"] for item in items]
    return [found for signal in signals for found in looked_up(caller, list_id, signal)]


def publish_lines(caller: Caller, list_id: str, body: bytes) -> Any:
    """Publish as NDJSON; returns the response."""
    return caller.post(
        f"/v1/signal-lists/{list_id}/signals", data=body, headers={"Content-Type": "application/x-ndjson"}
    )


def ndjson(*signals: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(signal).encode() + b"\n" for signal in signals)


def withdraw(
    caller: Caller, list_id: str, *ids: str, reason: str = "wrong", whole: bool = False
) -> list[dict[str, Any]]:
    body = {"ids": ids, "reason": reason, "whole": whole}
    answer = caller.post(f"/v1/signal-lists/{list_id}/withdrawals", json=body)
    assert answer.status_code == 200, answer.text
    return list(answer.json["items"])


def look_up(caller: Caller, *signals: dict[str, Any]) -> list[dict[str, Any]]:
    """One result per signal."""
    asked = [{name: item for name, item in signal.items() if name != "quality"} for signal in signals]
    answer = caller.post("/v1/lookup", json={"signals": asked})
    assert answer.status_code == 200, answer.text
    return list(answer.json["results"])


def looked_up(caller: Caller, list_id: str, signal: dict[str, Any]) -> list[str]:
    """Ids of the entries of a list that a lookup of this signal meets."""
    value = {name: item for name, item in signal.items() if name in _VALUE}
    (result,) = look_up(caller, value)
    return [match["id"] for match in result["matches"] if match["list"]["id"] == list_id]


_VALUE = {"type", "value", "identifier", "key_id", "epoch"}


def changes(caller: Caller, list_id: str | None = None) -> list[dict[str, Any]]:
    """Everything that the feed shows from its beginning."""
    wanted = f"&collection={list_id}" if list_id else ""
    answer = caller.get(f"/v1/changes?limit=1000{wanted}")
    assert answer.status_code == 200, answer.text
    return list(answer.json["changes"])


def held(caller: Caller, list_id: str) -> set[str]:
    """Ids of the signals that a reader holds who applied the feed from its beginning."""
    ids: set[str] = set()
    for line in changes(caller, list_id):
        if line["kind"] == "signal.changed" and "body" in line:
            ids.add(line["object"])
        elif line["kind"] == "signal.tombstoned":
            ids.discard(line["object"])
    return ids


def page(caller: Caller, list_id: str, query: str = "") -> dict[str, Any]:
    answer = caller.get(f"/v1/signal-lists/{list_id}/signals{query}")
    assert answer.status_code == 200, answer.text
    found: Any = answer.json
    return found


def state_of(caller: Caller, entry_id: str) -> dict[str, Any]:
    """One signal as a single read gives it."""
    answer = caller.get(f"/v1/signals/{entry_id}")
    assert answer.status_code == 200, answer.text
    found: Any = answer.json
    return found


def opine(caller: Caller, entry_id: str, opinion: str) -> None:
    answer = caller.put(f"/v1/signals/{entry_id}/opinions", json={"opinion": opinion})
    assert answer.status_code == 200, answer.text


def told(caller: Caller, entry_id: str) -> str:
    """What the newest line of an entry says: its standing, or why it is gone."""
    line = [line for line in changes(caller) if line["object"] == entry_id][-1]
    return str(line["body"]["standing"] if "body" in line else line["reason"])


def lines_of(runtime: Runtime, object_id: str) -> int:
    """How many lines the feed has had of an object, those included that a newer one replaced."""
    with runtime.db.read() as session:
        return len(session.scalars(select(Change.seq).where(Change.object_id == object_id)).all())


def statuses(items: list[dict[str, Any]]) -> list[str]:
    return [item["status"] for item in items]


def in_tables(runtime: Runtime, needle: bytes) -> set[str]:
    """Columns of any table in which a value still stands: raw, in hex or in base64."""
    texts = [needle, needle.hex().encode(), base64.b64encode(needle).rstrip(b"=")]
    found: set[str] = set()
    with runtime.db.read() as session:
        for table in metadata.sorted_tables:
            for row in session.execute(select(table)).mappings():
                for name, held in row.items():
                    raw = held if isinstance(held, bytes) else str(held).encode()
                    raw = _UNPACK(raw) if (table.name, name) == ("feed_segment", "frame") else raw
                    if any(text in raw for text in texts):
                        found.add(f"{table.name}.{name}")
    return found


def in_database(runtime: Runtime, needle: bytes) -> list[str]:
    """Where a value or label still stands among entries, contributions, feed lines and segments."""
    texts = (needle, needle.hex().encode())
    with runtime.db.read() as session:
        lines = session.scalars(select(Change.line).where(Change.line.is_not(None)))
        rows = session.execute(select(SignalEntry.value, SignalEntry.match_key)).all()
        said = session.scalars(select(Contribution.labels))
        frames = [_UNPACK(frame) for frame in session.scalars(select(FeedSegment.frame))]
        return [
            *("change" for line in lines if line and any(text in line for text in texts)),
            *("entry" for row in rows if any(column and needle in column for column in row)),
            *("segment" for frame in frames if any(text in frame for text in texts)),
            *("contribution" for labels in said if needle.decode("latin-1") in labels),
        ]
