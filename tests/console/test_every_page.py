"""What holds for every page of the console: who may open it, its headers, its form, and its audit entry."""

import hashlib
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from app.audit.models import AuditEntry, AuditPrivate
from app.config import Config
from app.console import site
from app.errors import Unavailable
from app.main import create_app
from app.parties import Member
from app.runtime import Runtime
from schemas.vocabulary import MemberStatus, Role
from tests.browsing import Browser, a_browser, signed_in
from tests.conftest import SECRET
from tests.console.coalition import VERSION, World, entry_of, world
from tests.console.html import Page
from tests.factories import Make

ABSENT = "00000000-0000-4000-8000-000000000000"
RULES = [
    rule
    for rule in create_app(
        Runtime.assemble(Config(data_dir=Path("unused"), secret=SECRET))
    ).url_map.iter_rules()
    if rule.rule.startswith("/console")
]
READ = [
    rule
    for rule in RULES
    if str(rule.endpoint).startswith("console-") and str(rule.endpoint).split(".")[0] != "console-people"
]


@pytest.fixture
def there(make: Make) -> World:
    return world(make)


def addresses(there: World) -> dict[str, str]:
    """A page of each kind."""
    entry = entry_of(there, "version.read", there.bank.member)
    return {
        "console-overview.home": "/console",
        "console-log.log": f"/console/log?member=A+bank&collection={there.set_id}&version={VERSION}",
        "console-log.entry": f"/console/entries/{entry}",
        "console-members.member_list": "/console/members",
        "console-members.member": f"/console/members/{there.bank.member.id}",
        "console-matrix.matrix": "/console/matrix?days=90",
        "console-recipients.recipients": f"/console/recipients?collection={there.set_id}&version={VERSION}",
        "console-checkpoints.history": "/console/checkpoints",
        "console-checkpoints.checkpoint": f"/console/checkpoints/{there.size}",
    }


FILES = {"console-log.entry_receipt", "console-log.export"}


def test_every_address_says_who_may_open_it() -> None:
    app = create_app(Runtime.assemble(Config(data_dir=Path("unused"), secret=SECRET)))
    for rule in RULES:
        assert hasattr(app.view_functions[rule.endpoint], "_requires"), rule.endpoint
    for rule in READ:
        assert app.view_functions[rule.endpoint].__dict__["_signed_in"].roles, rule.endpoint


def test_no_page_of_the_log_is_left_out_here(there: World) -> None:
    assert {str(rule.endpoint) for rule in READ} == addresses(there).keys() | FILES


def test_without_a_session_every_page_leads_to_signing_in_and_back(there: World) -> None:
    browser = a_browser(there.make)
    for address in addresses(there).values():
        answer = browser.get(address)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/console/sign-in?next=%2Fconsole")


def test_every_page_has_strict_headers_and_one_form(there: World) -> None:
    browser, titles = there.auditor(), set()
    for address in [*addresses(there).values(), "/console/nothing", "/console/log?since=never"]:
        answer = browser.get(address)
        check_headers(answer.headers)
        page = Page(answer.text)
        check_form(page)
        titles.add(page.title)
        assert re.search(r"\sstyle=|<style|<script|javascript:|\son[a-z]+=", answer.text) is None, address
    assert len(titles) == len(addresses(there)) + 1, "the log has one title, whatever is asked"


def check_headers(headers: Any) -> None:
    for name, value in site.HEADERS.items():
        assert headers[name] == value
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert headers["Content-Type"] == "text/html; charset=utf-8"


def check_form(page: Page) -> None:
    """Titles, headings, landmarks, names of fields and tables: what a reader finds the way by."""
    assert page.text.startswith("<!doctype html>")
    assert page.all("html") == [{"lang": "en"}]
    assert page.title.endswith("Halyard console")
    levels = [level for level, _ in page.headings]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), page.headings
    assert all(said.strip() for _, said in page.headings)
    assert len(page.all("main")) == 1
    assert page.links[0] == "#main"
    assert len(page.ids) == len(set(page.ids)), page.ids
    labelled = {found["for"] for found in page.all("label")}
    for tag, found in page.tags:
        if tag in {"input", "select"} and found.get("type") != "hidden":
            assert found["id"] in labelled
        for reference in ("aria-describedby", "aria-labelledby"):
            assert set(found.get(reference, "").split()) <= set(page.ids), found
    assert len(page.all("table")) == len(page.all("caption"))
    assert all("scope" in found for found in page.all("th"))
    assert all(found["datetime"].endswith("Z") for found in page.all("time"))


def test_every_page_view_is_an_entry_of_the_person_with_the_digest_of_its_bytes(there: World) -> None:
    browser = there.auditor()
    for address in addresses(there).values():
        before = newest(there.make.runtime)
        answer = browser.get(address)
        assert answer.status_code == 200, answer.text
        document, digest = newest(there.make.runtime)
        assert before[0]["id"] != document["id"]
        assert document["action"] == "audit.read"
        assert document["decision"] == "released"
        assert document["actor"]["user"] is not None
        assert document["actor"]["client"] is None
        assert digest == hashlib.sha256(answer.data).digest()


def newest(runtime: Runtime) -> tuple[dict[str, Any], bytes | None]:
    """The newest entry, and the digest that its commitment to a body opens to."""
    wanted = select(AuditEntry.entry, AuditPrivate.body_digest).join(
        AuditPrivate, AuditPrivate.entry_id == AuditEntry.id
    )
    with runtime.db.read() as session:
        entry, digest = session.execute(wanted.order_by(AuditEntry.at.desc()).limit(1)).one()
        return json.loads(entry), digest


def test_without_its_entry_no_page_leaves(there: World, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = there.auditor()

    def fails(*_given: Any) -> None:
        raise Unavailable("The audit log cannot be written now.", retry_after=2)

    monkeypatch.setattr(there.make.runtime.auditor, "release", fails)
    answer = browser.get("/console/log")
    assert answer.status_code == 503
    assert "A bank" not in answer.text
    assert answer.headers["Retry-After"] == "2"
    page = Page(answer.text)
    check_form(page)
    assert "Try again in 2 seconds." in page.words


def test_refusals_are_pages_in_sentences(there: World) -> None:
    nobody = signed_in(there.make)
    answer = nobody.get("/console/log")
    assert answer.status_code == 403
    check_headers(answer.headers)
    page = Page(answer.text)
    check_form(page)
    assert "This page is for the role" in page.words
    assert "WWW-Authenticate" not in answer.headers
    auditor = there.auditor()
    for address, status in (
        (f"/console/entries/{ABSENT}", 404), (f"/console/members/{ABSENT}", 404),
        ("/console/checkpoints/9999", 404), ("/console/nothing", 404), ("/console/log?after=made-up", 422),
    ):  # fmt: skip
        refused = auditor.get(address)
        assert refused.status_code == status, address
        check_headers(refused.headers)
        check_form(Page(refused.text))
    wrong = auditor.http.post("/console/log")
    assert wrong.status_code == 405
    assert "GET" in wrong.headers["Allow"]
    check_form(Page(wrong.text))


def test_the_api_answers_as_before(there: World) -> None:
    answer = there.bank.get("/v1/nothing")
    assert answer.content_type == "application/problem+json"
    assert "Content-Security-Policy" not in answer.headers


def test_who_exchanged_with_whom_is_for_auditors(there: World) -> None:
    analyst, auditor = there.analyst(there.bank.member), there.auditor()
    assert analyst.get("/console/matrix").status_code == 403
    assert "/console/matrix" not in Page(analyst.get("/console").text).links
    assert auditor.get("/console/matrix").status_code == 200
    assert "/console/matrix" in Page(auditor.get("/console").text).links


def test_a_session_ends_with_its_member(there: World) -> None:
    browser = there.analyst(there.bank.member)
    assert browser.get("/console/log").status_code == 200
    suspended = update(Member).where(Member.id == there.bank.member.id)
    with there.make.runtime.db.write() as session:
        session.execute(suspended.values(status=MemberStatus.SUSPENDED.value))
    assert browser.get("/console/log").status_code == 303


def test_names_that_others_chose_stay_text(make: Make) -> None:
    hostile = '<script>alert("1")</script>\'"><img src=x onerror=alert(1)>'
    member = make.member(hostile)
    browser: Browser = signed_in(
        make, Role.AUDITOR, Role.OPERATOR, member=member, user=make.user(member, "<b>jane</b>")
    )
    asked = {"member": hostile, "collection": hostile, "object": hostile, "since": hostile, "after": ""}
    for address, query in (
        ("/console", {}), ("/console/members", {}), (f"/console/members/{member.id}", {}),
        ("/console/log", asked), ("/console/recipients", asked), ("/console/checkpoints", {"from": hostile}),
    ):  # fmt: skip
        answer = browser.get(address, query_string=query)
        assert "<script" not in answer.text, address
        assert "<img src=x" not in answer.text, address
        assert "<b>" not in answer.text, address
        Page(answer.text)
    assert hostile in Page(browser.get("/console/members").text).words


def test_files_of_the_layout_are_kept_and_no_others_are_served(make: Make) -> None:
    browser = a_browser(make)
    answer = browser.get(f"/console/static/console.css?v={site.LAYOUT[:12]}")
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Security-Policy"] == site.HEADERS["Content-Security-Policy"]
    assert browser.get("/console/static/..%2Fsite.py").status_code == 404
    assert browser.get("/console/static/site.py").status_code == 404
