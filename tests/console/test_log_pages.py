"""The log and its filters: what is typed, what is found, what does not fit, what is taken along."""

import csv
import io
import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.audit import exporting
from app.audit.entry import Request
from app.console import log
from app.members.people import roles
from app.record import as_system, begin
from schemas.vocabulary import Role
from tests.browsing import Browser, signed_in
from tests.console.coalition import SLUG, VERSION, World, entry_of, settle
from tests.console.html import Page
from tests.factories import Make

ABSENT = "00000000-0000-4000-8000-000000000000"


def shown(answer: TestResponse) -> list[str]:
    """Ids of the entries on a page, in their order."""
    assert answer.status_code == 200, answer.text
    links = Page(answer.text).links
    return [link.rpartition("/")[2] for link in links if link.startswith("/console/entries/")]


def api(there: World, **query: Any) -> list[str]:
    """Ids of the same entries through the API, newest first."""
    caller = there.make.caller(there.make.member())
    asked = {"order": "newest", "limit": 1000, **query}
    found = json.loads(caller.get("/v1/audit/entries", query_string=asked).text)
    return [item["entry"]["id"] for item in found["items"]]


def test_filters_take_names_and_slugs_and_combine(there: World, auditor: Browser) -> None:
    bank, platform, set_id = there.bank.member.id, there.platform.member.id, there.set_id
    for typed, meant in (
        ({"member": "A bank"}, {"member": bank}),
        ({"member": bank, "action": "version.read"}, {"member": bank, "action": "version.read"}),
        ({"collection": set_id, "version": VERSION}, {"collection": set_id, "version": VERSION}),
        ({"decision": "refused"}, {"decision": "refused"}),
        ({"purpose": "detect", "member": "A platform"}, {"purpose": "detect", "member": platform}),
        ({"tlp": "TLP:GREEN", "member": "A bank"}, {"tlp": "TLP:GREEN", "member": bank}),
        ({"reason": "not-found"}, {"reason": "not-found"}),
        ({"since": "2026-11-23", "until": "2026-11-23", "member": "A bank"}, {"member": bank}),
        ({"until": "2026-11-22"}, {"until": "2026-11-23T00:00:00Z"}),
        ({"since": "2026-11-23 09:00", "action": "set.created"}, {"action": "set.created"}),
    ):  # fmt: skip
        found = shown(auditor.get("/console/log", query_string=typed))
        assert found == api(there, **meant)[: log.ROWS], typed
        assert found or "until" in typed, typed


def test_a_slug_is_found_by_who_sees_the_set(there: World) -> None:
    analyst = there.analyst(there.ngo.member)
    found = shown(analyst.get("/console/log", query_string={"collection": SLUG, "action": "version.read"}))
    assert len(found) == 3, "two reads of the bank, one of the platform"
    stranger = there.analyst(there.outsider.member)
    answer = stranger.get("/console/log", query_string={"collection": SLUG})
    assert answer.status_code == 422
    assert "No set or list that you may see has this slug" in answer.text


def test_what_one_request_did(there: World, auditor: Browser) -> None:
    entry = entry_of(there, "version.read", there.bank.member)
    page = Page(auditor.get(f"/console/entries/{entry}").text)
    link = next(link for link in page.links if link.startswith("/console/log?request="))
    assert shown(auditor.get(link)) == [entry]


NONSENSE = [
    ("member", "Nobody of this name"), ("collection", "nul\x00l"), ("action", "no.such-action"),
    ("action", "NO"),
    ("decision", "perhaps"), ("purpose", "fun"), ("tlp", "TLP:PINK"), ("collection", "no-such-slug"),
    ("since", "yesterday"), ("since", "2026-13-45"), ("until", "9999-12-31"), ("object", "12"),
    ("request", ABSENT.replace("0", "g")), ("reason", "Not A Code"),
]  # fmt: skip


def test_nonsense_gets_a_message_tied_to_its_field(auditor: Browser) -> None:
    for name, text in NONSENSE:
        answer = auditor.get("/console/log", query_string={"decision": "refused", name: text})
        assert answer.status_code == 422, text
        page = Page(answer.text)
        field = page.field(name)
        assert field["aria-invalid"] == "true", text
        assert f"{name}-error" in field["aria-describedby"].split()
        assert f"{name}-error" in page.ids
        assert f"#{field['id']}" in page.links, "the summary leads to the field"
        assert field.get("value", text) == text.replace("\x00", ""), "what was typed stands there still"
        assert not [link for link in page.links if link.startswith("/console/entries/")]


def test_a_version_alone_and_a_period_that_runs_backwards_are_nonsense(auditor: Browser) -> None:
    for query, name in (
        ({"version": VERSION}, "collection"), ({"since": "2026-11-24", "until": "2026-11-22"}, "until"),
    ):  # fmt: skip
        answer = auditor.get("/console/log", query_string=query)
        assert answer.status_code == 422
        assert Page(answer.text).field(name)["aria-invalid"] == "true"


def test_pages_follow_each_other_by_links_without_a_gap(
    there: World, auditor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "ROWS", 3)
    expected = api(there, member=there.ngo.member.id)
    assert len(expected) > 3
    found: list[str] = []
    address: str | None = "/console/log?member=An+NGO"
    while address:
        answer = auditor.get(address)
        found += shown(answer)
        links = Page(answer.text).links
        address = next((link for link in links if "after=" in link), None)
        assert address is None or "member=An+NGO" in address
    assert found == expected
    strange = there.analyst(there.ngo.member).get("/console/log", query_string={"after": "AAAA" * 10})
    assert strange.status_code == 422


def test_a_member_sees_what_concerns_its_own_data_and_no_more(there: World) -> None:
    analyst = there.analyst(there.ngo.member)
    theirs = entry_of(there, "version.read", there.bank.member)
    page = Page(analyst.get(f"/console/entries/{theirs}").text)
    assert "You see that part of the entry which concerns you" in page.words
    for hidden in ("Request", "Client", "canonical form", "commitments", "receipt"):
        assert hidden not in page.words, hidden
    own = entry_of(there, "version.published", there.ngo.member)
    assert "The proof holds" in Page(analyst.get(f"/console/entries/{own}").text).words
    other = there.analyst(there.platform.member)
    assert theirs not in shown(other.get("/console/log"))
    assert other.get(f"/console/entries/{theirs}").status_code == 404


# ── What is taken along ─────────────────────────────────────────────────────────────────────────────────


def test_an_export_holds_what_the_filter_shows(there: World, auditor: Browser) -> None:
    page = Page(auditor.get("/console/log?member=A+bank&action=version.read").text)
    link = next(link for link in page.links if "/console/log/export" in link and "ndjson" in link)
    answer = auditor.get(link)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="halyard-audit.ndjson"'
    opening, *rest = [json.loads(line) for line in answer.text.splitlines()]
    entries = [line for line in rest if "entry" in line]
    assert opening["export"]["kind"] == "selection"
    assert opening["export"]["asked"]["member"] == there.bank.member.id
    assert sorted(line["entry"]["id"] for line in entries) == sorted(
        api(there, member=there.bank.member.id, action="version.read")
    )
    assert all(line["hashes"] for line in entries), "each can be proven alone"
    assert rest[-1]["closed"]["entries"] == len(entries) == 2


def test_an_export_of_everything_is_whole_and_in_the_log(there: World, auditor: Browser) -> None:
    answer = auditor.get("/console/log/export?form=ndjson")
    assert json.loads(answer.text.splitlines()[0])["export"]["kind"] == "whole"
    settle(there.make.runtime)
    assert api(there, action="audit.exported", decision="released")
    assert api(there, action="audit.exported", decision="completed")


def test_an_export_ends_short_when_its_reader_loses_the_role(
    make: Make, there: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for entries of its own member: who has no role reads nothing of the log."""
    monkeypatch.setattr(exporting, "PROVEN_ENTRIES", 1)
    user = make.user(there.bank.member)
    browser = signed_in(make, Role.AUDITOR, user=user)
    answer = browser.get("/console/log/export?action=version.read", buffered=False)
    chunks = answer.iter_encoded()
    first = next(chunks)
    with begin(make.runtime, as_system, Request(), moves_policy=True) as tx:
        roles.take(tx, there.bank.member.id, user.id, Role.AUDITOR)
    lines = [json.loads(line) for line in (first + b"".join(chunks)).splitlines()]
    assert sum("entry" in line for line in lines) == 1
    assert "closed" not in lines[-1]
    settle(make.runtime)
    assert api(there, action="audit.exported", decision="aborted")


def test_an_export_as_a_table(there: World, auditor: Browser) -> None:
    answer = auditor.get("/console/log/export?form=csv&decision=refused")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].endswith('"halyard-audit.csv"')
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert "refused" in rows[0].values()


def test_an_export_of_nonsense_is_a_page_that_says_so(auditor: Browser) -> None:
    answer = auditor.get("/console/log/export?form=ndjson&since=never")
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Write a day" in answer.text


def test_a_receipt_is_that_of_the_api(there: World, auditor: Browser) -> None:
    entry = entry_of(there, "version.read", there.bank.member)
    page = Page(auditor.get(f"/console/entries/{entry}").text)
    answer = auditor.get(next(link for link in page.links if link.endswith("/receipt")))
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="halyard-receipt-')
    assert answer.get_json(force=True) == there.bank.get(f"/v1/audit/entries/{entry}/receipt").get_json()
