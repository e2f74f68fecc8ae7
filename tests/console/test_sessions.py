"""Sessions: how they end, whose requests they carry, and what forms must show."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from app.audit.entry import Request
from app.audit.models import RefusalCount
from app.cli.restore import begin_incarnation
from app.clock import DAY, MINUTE
from app.console import session
from app.main import create_app
from app.members import members, users
from app.members.people import forgetting, roles
from app.members.people.models import ConsoleSession, SignInCount
from app.record import as_system, begin
from schemas.vocabulary import Role
from tests.browsing import Browser, a_browser, signed_in
from tests.console.entering import PASSWORD, accept, enrol, entries, invited, said

ACCOUNT = "/console/account"


def act(make, work, *, moves_policy=True):
    """Something that the operator does at the machine."""
    with begin(make.runtime, as_system, Request(), moves_policy=moves_policy) as tx:
        return work(tx)


def is_in(browser: Browser) -> bool:
    return browser.get(ACCOUNT).status_code == 200


def test_a_session_ends_with_the_request_after_its_member_was_suspended(make):
    home = make.member()
    browser, other = signed_in(make, member=home), signed_in(make)
    assert is_in(browser)
    act(make, lambda tx: members.suspend(tx, home.id))
    assert not is_in(browser)
    assert is_in(other)
    act(make, lambda tx: members.reactivate(tx, home.id))
    assert is_in(browser), "nobody signed out"


def test_a_session_ends_with_the_request_after_its_user_was_disabled(make):
    home = make.member()
    user = make.user(home)
    browser = signed_in(make, user=user)
    assert is_in(browser)
    act(make, lambda tx: users.disable(tx, home.id, user.id))
    answer = browser.get(ACCOUNT)
    assert answer.status_code == 303
    assert answer.location == "/console/sign-in?next=%2Fconsole%2Faccount"
    assert "Your session has ended" in browser.get(answer.location).text


def test_a_session_that_nobody_uses_ends(make):
    browser = signed_in(make)
    for _ in range(3):
        make.runtime.clock.advance(29 * 60)
        assert is_in(browser)
    make.runtime.clock.advance(30 * 60)
    assert not is_in(browser)


def test_a_session_ends_after_twelve_hours_however_it_is_used(make):
    browser = signed_in(make)
    for _ in range(12 * 60 // 29):
        make.runtime.clock.advance(29 * 60)
        assert is_in(browser)
    make.runtime.clock.advance(29 * 60)
    assert not is_in(browser)


def test_what_has_ended_is_forgotten(make):
    signed_in(make)
    kept = signed_in(make)
    someone = enrol(make)
    someone.give_password(a_browser(make), "not the password")
    make.runtime.clock.advance(20 * 60)
    assert is_in(kept)
    with make.runtime.db.write() as rows:
        forgetting.forget_ended(rows, make.runtime.clock() + 15 * MINUTE)
        assert rows.query(ConsoleSession).count() == 1
        assert rows.query(SignInCount).count() > 0
        forgetting.forget_ended(rows, make.runtime.clock() + 2 * DAY)
        assert rows.query(ConsoleSession).count() == 0
        assert rows.query(SignInCount).count() == 0


def test_a_restore_brings_no_session_and_no_invitation_back(make):
    someone = enrol(make)
    browser = someone.enter()
    code = invited(make, make.user(someone.member))
    begin_incarnation(make.runtime)
    assert not is_in(browser)
    assert accept(a_browser(make), code).status_code == 422
    make.runtime.clock.advance(30)
    assert is_in(someone.enter())


def test_signing_out_ends_the_session_on_the_server(make):
    browser = signed_in(make)
    token = browser.cookie()
    assert browser.post("/console/sign-out").location == "/console/sign-in"
    assert browser.cookie() is None
    browser.http.set_cookie(session.SESSION, str(token))
    assert not is_in(browser)
    assert said(make.runtime, "session.ended")[-1][:2] == ("allowed", "signed-out")


def test_one_ends_all_other_sessions_of_ones_own(make):
    user = make.user(make.member())
    first, second = signed_in(make, user=user), signed_in(make, user=user)
    stranger = signed_in(make)
    assert first.get(ACCOUNT).text.count("Another browser") == 1
    assert first.post("/console/account/sessions").status_code == 303
    assert is_in(first)
    assert not is_in(second)
    assert is_in(stranger)


def test_a_role_holds_at_once_and_changes_the_token(make):
    home = make.member()
    user = make.user(home)
    browser = signed_in(make, Role.AUDITOR, user=user)
    token = browser.cookie()
    assert browser.get("/console/log").status_code == 200
    act(make, lambda tx: roles.take(tx, home.id, user.id, Role.AUDITOR))
    before = len(entries(make.runtime))
    assert browser.get("/console/log").status_code == 403
    refused = entries(make.runtime)[before:]
    assert [(one["decision"], one["reason"]) for one in refused] == [("refused", "missing_role")]
    assert is_in(browser)
    assert browser.cookie() != token
    old = a_browser(make)
    old.http.set_cookie(session.SESSION, str(token))
    assert not is_in(old)
    act(make, lambda tx: roles.give(tx, home.id, user.id, Role.AUDITOR))
    assert browser.get("/console/log").status_code == 200
    changed = said(make.runtime, "user.role-changed")
    assert [one[1] for one in changed] == ["auditor-taken", "auditor-given"]


def test_a_form_of_another_browser_or_site_changes_nothing(make):
    someone = enrol(make)
    browser, other = someone.enter(), signed_in(make)
    for data, headers in (
        ({}, {}),
        ({session.FIELD: ""}, {}),
        ({session.FIELD: other.form_token()}, {}),
        ({session.FIELD: browser.form_token()}, {"Sec-Fetch-Site": "cross-site"}),
        ({session.FIELD: browser.form_token()}, {"Sec-Fetch-Site": "same-site"}),
    ):
        for path in ("sign-out", "account/sessions", "account/password", "account/recovery-codes"):
            answer = browser.http.post(f"/console/{path}", data=data, headers=headers)
            assert answer.status_code == 403
            assert answer.content_type.startswith("text/html")
    assert is_in(browser)
    assert said(make.runtime, "post.account.sign_out")[-1] == ("refused", "form_token", someone.user.id)


def test_forms_before_there_is_a_session_are_bound_to_the_visitor(make):
    """Or somebody could be signed in as somebody else without noticing."""
    someone = enrol(make)
    browser, other = a_browser(make), a_browser(make)
    for one in (browser, other):
        one.get("/console/sign-in")
    sent = {"handle": someone.user.handle, "password": PASSWORD}
    for token in ("", other.form_token()):
        answer = browser.http.post("/console/sign-in", data={session.FIELD: token, **sent})
        assert answer.status_code == 403
    fresh = a_browser(make)
    answer = fresh.http.post("/console/sign-in", data={session.FIELD: browser.form_token(), **sent})
    assert answer.status_code == 403
    with make.runtime.db.read() as rows:
        assert sum(rows.scalars(select(RefusalCount.count))) == 3, "counted like requests without identity"
    assert browser.post("/console/sign-in", sent).status_code == 303


@pytest.mark.parametrize(("issuer", "prefix"), [("https://hub.example", "__Host-"), ("http://127.0.0.1", "")])
def test_cookies_are_shut_away(make, issuer, prefix):
    runtime = replace(make.runtime, config=replace(make.runtime.config, issuer=issuer))
    http = create_app(runtime).test_client()
    answer = http.get("/console/sign-in")
    set_cookie = answer.headers["Set-Cookie"]
    assert set_cookie.startswith(f"{prefix}halyard-visitor=")
    parts = set_cookie.split("; ")[1:]
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(parts)
    assert ("Secure" in parts) is bool(prefix)
    assert not [part for part in parts if part.startswith(("Domain", "Expires", "Max-Age"))]
    assert answer.headers["Cache-Control"] == "no-store"


def test_requests_without_a_session_are_counted_and_limited(make):
    limited = replace(make.runtime.config, token_rate_limit="3 per minute")
    http = create_app(replace(make.runtime, config=limited)).test_client()
    http.set_cookie(session.SESSION, "made-up")
    answers = [http.get(ACCOUNT) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [303, 303, 303, 429]
    assert answers[-1].headers["Retry-After"]


def test_every_page_says_whether_it_is_for_people_who_are_signed_in(make):
    app = make.http.application
    open_to_all = {
        "people.sign_in", "people.take_password", "people.code", "people.take_code", "people.invitation",
        "people.accept_invitation", "people.device", "people.confirm_device", "provider.go",
        "provider.back", "console.asset",
    }  # fmt: skip
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/console"):
            view = app.view_functions[rule.endpoint]
            assert hasattr(view, "_signed_in") is (rule.endpoint not in open_to_all), rule
