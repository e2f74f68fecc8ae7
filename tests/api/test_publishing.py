"""Publishing signals over the API, as JSON and as NDJSON."""

# mypy: disable-error-code="index"

import hashlib
import json

import pytest
from sqlalchemy import select, update

from app.audit.models import AuditEntry
from app.parties import Member
from app.runtime import Runtime
from app.signals.models import SignalEntry
from tests.factories import Caller, Make
from tests.hashes import (
    changes,
    held,
    keyed,
    ndjson,
    new_list,
    page,
    pdq,
    publish,
    publish_lines,
    published,
    sha,
    statuses,
    withdraw,
)
from tests.samples import COMMUNITY, members_marking

ABSENT = "00000000-0000-4000-8000-000000000000"


def test_every_signal_gets_its_own_answer_in_order(platform: Caller, open_list: str) -> None:
    empty_file = {"type": "sha256", "value": hashlib.sha256(b"").hexdigest()}
    another_type = {"type": "md5", "value": "900150983cd24fb0d6963f7d28e17f72"}
    items = publish(
        platform, open_list, sha(1), empty_file, another_type,
        sha(1), {**sha(2), "note": "x"}, {**sha(3), "labels": ["call +44 7700 900123"]}, "text", sha(4),  # type: ignore[arg-type]
    )  # fmt: skip
    assert [item.get("reason", item["status"]) for item in items] == [
        "accepted", "empty_content", "type_not_taken", "already_yours", "unknown_field", "wrong_format",
        "wrong_type", "accepted",
    ]  # fmt: skip
    assert items[3]["id"] == items[0]["id"]
    assert "7700" not in json.dumps(items)
    assert {item["id"] for item in page(platform, open_list)["items"]} == {items[0]["id"], items[7]["id"]}


def test_what_is_published_is_read_the_same_in_the_feed_in_pages_and_singly(
    platform: Caller, bank: Caller, open_list: str
) -> None:
    said = {
        **sha(1), "producer": "hasher-2", "labels": ["ncmec:a1"], "confidence": 80,
        "classification": {"scheme": "iwf", "code": "A1"}, "valid_until": "2027-01-01T00:00:00.000000Z",
    }  # fmt: skip
    (entry_id,) = published(platform, open_list, said)
    once = ("labels", "classification", "confidence", "valid_until")
    contribution = {"member": platform.member.id, **{name: said[name] for name in once}}
    wanted = {
        **{name: item for name, item in said.items() if name not in {"classification", "confidence"}},
        "id": entry_id, "standing": "lead", "contributions": [contribution],
    }  # fmt: skip

    assert page(bank, open_list)["items"] == [wanted]
    assert page(bank, open_list)["marking"]["tlp"] == "TLP:GREEN"
    assert [line["body"] for line in changes(bank) if line["kind"] == "signal.changed"] == [wanted]
    single = bank.get(f"/v1/signals/{entry_id}").json
    assert single == {**wanted, "list": open_list, "marking": {**COMMUNITY, "prohibited_purposes": []}}


def test_repeating_is_harmless_and_makes_no_change(platform: Caller, bank: Caller, open_list: str) -> None:
    ids = published(platform, open_list, sha(1), sha(2))
    before = changes(bank)
    items = publish(platform, open_list, sha(2), sha(1))
    assert statuses(items) == ["already_yours"] * 2
    assert [item["id"] for item in items] == ids[::-1]
    assert changes(bank) == before


def test_keyed_signals_are_the_same_only_with_the_same_key_and_epoch(make: Make, platform: Caller) -> None:
    list_id = new_list(platform, members_marking(make.member().id), "hmac_sha256")
    items = publish(
        platform, list_id, keyed(1), keyed(1, epoch=2), {**keyed(1), "identifier": "phone"}, keyed(1)
    )
    assert statuses(items) == ["accepted", "accepted", "accepted", "already_yours"]


def test_a_long_value_travels_as_a_reference_and_is_fetched_singly(make: Make, platform: Caller) -> None:
    reader = make.caller(make.member())
    list_id = new_list(platform, members_marking(reader.member.id), "vpdq")
    frames = [f"{pdq(n)['value']},80,{n}" for n in range(80)]
    published(platform, list_id, {"type": "vpdq", "value": frames})
    (item,) = page(reader, list_id)["items"]
    (line,) = [line for line in changes(reader) if line["kind"] == "signal.changed"]
    assert "value" not in item
    assert line["body"] == item
    assert item["value_bytes"] > 4096
    assert json.loads(reader.get(item["value_at"]).json["value"]) == frames


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b'{"signals":[', 400),
        (b'{"signals":[],"signals":[]}', 400),
        (b'{"signals":[{"type":NaN}]}', 400),
        (b'{"signals":[' + b"[" * 100 + b"]" * 100 + b"]}", 400),
        (b'{"signals":"\xff"}', 400),
        (b"[]", 422),
        (b'{"signals":[]}', 422),
        (b'{"signals":[],"note":1}', 422),
        (b'{"signals":[' + b",".join([b"{}"] * 10_001) + b"]}", 422),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_whole(
    platform: Caller, open_list: str, data: bytes, status: int
) -> None:
    path = f"/v1/signal-lists/{open_list}/signals"
    answer = platform.post(path, data=data, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.json["detail"]


def test_another_content_type_is_refused(platform: Caller, open_list: str) -> None:
    path = f"/v1/signal-lists/{open_list}/signals"
    answer = platform.post(path, data=b"a,b", headers={"Content-Type": "text/csv"})
    assert answer.status_code == 415


def test_ten_thousand_signals_are_one_transaction_and_one_entry(
    runtime: Runtime, platform: Caller, bank: Caller, open_list: str
) -> None:
    items = publish(platform, open_list, *(sha(n) for n in range(10_000)))
    assert statuses(items) == ["accepted"] * 10_000
    with runtime.db.read() as session:
        wanted = select(AuditEntry.entry).where(AuditEntry.action == "signals.published")
        (entry,) = session.scalars(wanted).all()
    (subject,) = json.loads(entry)["subjects"]
    assert (subject["collection"], subject["count"]) == (open_list, 10_000)
    seen: list[str] = []
    after = ""
    while after is not None:
        found = page(bank, open_list, f"?limit=1000&after={after}" if after else "?limit=1000")
        seen += [item["id"] for item in found["items"]]
        after = found["next"]
    assert sorted(seen) == sorted(item["id"] for item in items)


@pytest.mark.parametrize("kind", ["new", "known", "withdrawn"])
def test_one_signal_and_a_thousand_take_the_same_number_of_statements(
    platform: Caller, open_list: str, statements: list[str], kind: str
) -> None:
    def counted(count: int, first: int) -> int:
        signals = [sha(n) for n in range(first, first + count)]
        ids = published(platform, open_list, *signals) if kind != "new" else []
        statements.clear()
        if kind == "withdrawn":
            withdraw(platform, open_list, *ids)
        else:
            publish(platform, open_list, *signals)
        # the feed supersedes older lines in batches of 500 of its own
        return len([text for text in statements if "UPDATE change" not in text])

    counted(1, 0)
    one = counted(1, 1)
    assert counted(1_000, 10) == one
    assert one < 33


def test_the_same_key_gives_the_same_answer_and_publishes_once(
    platform: Caller, bank: Caller, open_list: str
) -> None:
    path, headers = f"/v1/signal-lists/{open_list}/signals", {"Idempotency-Key": "k1"}
    first = platform.post(path, json={"signals": [sha(1)]}, headers=headers)
    again = platform.post(path, json={"signals": [sha(1)]}, headers=headers)
    other = platform.post(path, json={"signals": [sha(2)]}, headers=headers)
    assert first.data == again.data
    assert (other.status_code, len(held(bank, open_list))) == (422, 1)


# ── NDJSON ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_good_lines_are_taken_and_bad_ones_counted_and_named(
    platform: Caller, bank: Caller, open_list: str
) -> None:
    published(platform, open_list, sha("known"))
    lines = [
        ndjson(sha(1)), b'{"type":"sha256"\n', b"\xff\n", ndjson({**sha(2), "value": "00"}), b"\n",
        b'{"type":"sha256","type":"md5","value":"00"}\n', ndjson(sha("known")), ndjson(sha(3)).strip(),
    ]  # fmt: skip
    body = b"".join(lines)
    answer = publish_lines(platform, open_list, body)
    assert answer.status_code == 200, answer.text
    counts = {"malformed_json": 1, "broken_utf8": 1, "wrong_length": 1, "duplicate_key": 1}
    report = answer.json
    reasons = report.pop("reasons")
    assert report == {"lines": 7, "accepted": 2, "already_yours": 1, "refused": 4, "counts": counts}
    assert [(reason["line"], reason["reason"]) for reason in reasons] == [
        (2, "malformed_json"), (3, "broken_utf8"), (4, "wrong_length"), (6, "duplicate_key"),
    ]  # fmt: skip
    assert len(held(bank, open_list)) == 3


def test_lines_are_taken_in_chunks_and_only_a_thousand_reasons_are_given(
    runtime: Runtime, platform: Caller, open_list: str
) -> None:
    signals = [sha(n) if n % 2 else {**sha(n), "value": "00"} for n in range(3_000)]
    answer = publish_lines(platform, open_list, ndjson(*signals)).json
    assert (answer["lines"], answer["accepted"], answer["refused"]) == (3_000, 1_500, 1_500)
    assert len(answer["reasons"]) == 1_000
    assert answer["counts"] == {"wrong_length": 1_500}
    with runtime.db.read() as session:
        wanted = select(AuditEntry.id).where(AuditEntry.action == "signals.published")
        assert len(session.scalars(wanted).all()) == 3
    again = publish_lines(platform, open_list, ndjson(*signals)).json
    assert (again["accepted"], again["already_yours"]) == (0, 1_500)


def test_lines_may_be_as_many_as_they_like(platform: Caller, open_list: str) -> None:
    body = ndjson(*(sha(n) for n in range(5))) + b" " * 20_000_000 + b"\n" + ndjson(sha(5))
    report = publish_lines(platform, open_list, body).json
    assert (report["accepted"], report["counts"]) == (6, {"line_too_long": 1})


def test_lines_to_a_list_of_another_member_or_to_none_are_refused(bank: Caller, open_list: str) -> None:
    for body in (ndjson(sha(1)), b""):
        assert publish_lines(bank, open_list, body).status_code == 403
        assert publish_lines(bank, ABSENT, body).status_code == 404


def test_a_member_suspended_midway_is_stopped_and_told_how_much_was_taken(
    runtime: Runtime, make: Make, platform: Caller, open_list: str
) -> None:
    class Suspends:
        """A body during whose second chunk the operator suspends the sender."""

        def __init__(self) -> None:
            self.blocks = [
                ndjson(*(sha(n) for n in range(1_000))),
                ndjson(*(sha(n) for n in range(1_000, 2_000))),
            ]

        def read(self, _size: int = -1) -> bytes:
            if len(self.blocks) == 1:
                with runtime.db.write() as session:
                    session.execute(
                        update(Member).where(Member.id == platform.member.id).values(status="suspended")
                    )
            return self.blocks.pop(0) if self.blocks else b""

    answer = platform.post(
        f"/v1/signal-lists/{open_list}/signals",
        headers={"Content-Type": "application/x-ndjson"},
        environ_overrides={"wsgi.input": Suspends(), "wsgi.input_terminated": True},
    )
    assert answer.status_code == 401
    assert (answer.json["taken"]["lines"], answer.json["taken"]["accepted"]) == (1_000, 1_000)
    with runtime.db.read() as session:
        assert len(session.scalars(select(SignalEntry.id)).all()) == 1_000
