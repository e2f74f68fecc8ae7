"""Signing in with a password and a one-time code: what gets in, and what does not."""

import re

from argon2 import Parameters, PasswordHasher, extract_parameters

from app.console import session
from app.members.people.models import ConsoleSession
from tests.browsing import a_browser
from tests.console.entering import PASSWORD, accept, enrol, entries, invited, said

ACCOUNT = "/console/account"
ELSEWHERE = [
    "https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "/console//elsewhere",
    "/console/../v1/me?\r\nSet-Cookie: a=b", "javascript:alert(1)", "/v1/me", "/consoles", "/console\\x",
    "/console/" + "a" * 3000, "/console/x\n",
    "/console/../v1/me", "/console/log/.%2E/%2e./v1/me", "/console/..", "/console/..?a=b",
]  # fmt: skip
VERIFY = PasswordHasher.verify


def test_an_invited_person_sets_a_password_and_a_device_and_is_in(make):
    home = make.member("Harbour Light Trust")
    user = make.user(home, "harbour-analyst")
    browser = a_browser(make)
    answer = accept(browser, invited(make, user).upper().replace("-", " "))
    assert answer.status_code == 303
    assert browser.get(ACCOUNT).status_code == 303, "without a device nobody is in"
    page = browser.get("/console/invitation/device").text
    assert "<svg" in page
    assert "style=" not in page
    someone = enrol(make)
    browser = someone.enter()
    answer = browser.get(ACCOUNT)
    assert answer.status_code == 200
    assert someone.user.handle in answer.text
    assert said(make.runtime, "session.begun")[-1] == ("allowed", "password-totp", someone.user.id)
    assert [one[0] for one in said(make.runtime, "password.set")] == ["allowed", "allowed"]
    assert said(make.runtime, "account.read")[-1][0] == "released"


def test_wrong_password_unknown_handle_and_disabled_user_get_the_same_answer_and_the_same_work(
    make, statements, monkeypatch
):
    someone, gone = enrol(make), enrol(make)
    never = make.user(someone.member)
    with make.runtime.db.write() as rows:
        rows.get_one(type(gone.user), gone.user.id).disabled_at = 1
    worked = list[Parameters]()

    def verify(self, stored, text):
        worked.append(extract_parameters(stored))
        return VERIFY(self, stored, text)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    seen = []
    for handle in (someone.user.handle, gone.user.handle, never.handle, "nobody-at-all", "x" * 999, ""):
        browser = a_browser(make)
        browser.get("/console/sign-in")
        statements.clear()
        worked.clear()
        answer = browser.post("/console/sign-in", {"handle": handle, "password": "not the password"})
        text = re.sub(r'value="[^"]*"', "", answer.text)
        asked = [re.sub(r"savepoint_\d+", "savepoint", statement) for statement in statements]
        seen.append((answer.status_code, text, asked, list(worked), sorted(dict(answer.headers))))
    assert {one[0] for one in seen} == {422}
    for one in seen:
        assert one == seen[0]
    assert len(seen[0][3]) == 1
    refused = said(make.runtime, "session.refused")
    assert [one[1] for one in refused] == ["wrong_password", *["unknown_handle"] * 5]


def test_a_handle_that_is_typed_with_capitals_and_spaces_is_the_same(make):
    someone = enrol(make, handle="harbour-analyst")
    browser = a_browser(make)
    browser.get("/console/sign-in")
    sent = {"handle": " Harbour-Analyst ", "password": PASSWORD}
    assert browser.post("/console/sign-in", sent).status_code == 303
    assert someone.user.handle == "harbour-analyst"


def test_the_password_alone_opens_nothing(make):
    someone = enrol(make)
    browser = a_browser(make)
    assert someone.give_password(browser).status_code == 303
    answer = browser.get(ACCOUNT)
    assert answer.status_code == 303
    assert answer.location.startswith("/console/sign-in?next=")
    assert browser.get("/console/invitation/device").status_code == 303


def test_a_wrong_code_is_told_at_its_field(make):
    someone = enrol(make)
    browser = a_browser(make)
    someone.give_password(browser)
    answer = browser.post("/console/sign-in/code", {"code": "000000"})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert 'aria-describedby="code-hint code-error"' in answer.text
    assert 'id="code-error"' in answer.text
    assert said(make.runtime, "session.refused")[-1] == ("refused", "wrong_code", someone.user.id)


def test_a_code_counts_once(make):
    someone = enrol(make)
    code = someone.code()
    first, second = a_browser(make), a_browser(make)
    for browser in (first, second):
        someone.give_password(browser)
    assert first.post("/console/sign-in/code", {"code": code}).status_code == 303
    assert second.post("/console/sign-in/code", {"code": code}).status_code == 422
    assert second.post("/console/sign-in/code", {"code": someone.code(-1)}).status_code == 422, "an older one"
    make.runtime.clock.advance(30)
    assert second.post("/console/sign-in/code", {"code": someone.code()}).status_code == 303


def test_a_code_of_long_ago_or_of_later_does_not_count(make):
    someone = enrol(make)
    make.runtime.clock.advance(300)
    browser = a_browser(make)
    someone.give_password(browser)
    for later in (-2, 2):
        assert browser.post("/console/sign-in/code", {"code": someone.code(later)}).status_code == 422


def test_a_recovery_code_counts_once_in_any_writing(make):
    someone = enrol(make)
    typed = someone.recovery_codes[3].upper().replace("-", " ")
    for expected in (303, 422):
        browser = a_browser(make)
        someone.give_password(browser)
        assert browser.post("/console/sign-in/code", {"code": typed}).status_code == expected
    assert said(make.runtime, "session.begun")[-1][1] == "password-recovery-code"
    other = enrol(make)
    browser = a_browser(make)
    other.give_password(browser)
    sent = {"code": someone.recovery_codes[4]}
    assert browser.post("/console/sign-in/code", sent).status_code == 422, "somebody else's"


def test_the_second_step_must_follow_soon(make):
    someone = enrol(make)
    browser = a_browser(make)
    someone.give_password(browser)
    make.runtime.clock.advance(11 * 60)
    answer = browser.post("/console/sign-in/code", {"code": someone.code()})
    assert answer.status_code == 303
    assert answer.location.startswith("/console/sign-in?")


def test_a_token_that_was_there_before_is_never_that_of_the_session(make):
    """Session fixation: whoever planted a cookie holds nothing afterwards."""
    someone = enrol(make)
    browser = a_browser(make)
    browser.http.set_cookie(session.SESSION, "planted")
    someone.give_password(browser)
    first = browser.cookie()
    browser.post("/console/sign-in/code", {"code": someone.code()})
    last = browser.cookie()
    assert len({"planted", first, last}) == 3
    for old in ("planted", first):
        other = a_browser(make)
        other.http.set_cookie(session.SESSION, str(old))
        assert other.get(ACCOUNT).status_code == 303


def test_signing_in_anew_ends_the_session_that_the_browser_had(make):
    someone = enrol(make)
    browser = someone.enter()
    old = browser.cookie()
    make.runtime.clock.advance(30)
    someone.enter(browser)
    other = a_browser(make)
    other.http.set_cookie(session.SESSION, str(old))
    assert other.get(ACCOUNT).status_code == 303
    assert ("allowed", "replaced", someone.user.id) in said(make.runtime, "session.ended")


def test_nobody_is_led_elsewhere(make):
    someone = enrol(make)
    browser = a_browser(make)
    for goal in ELSEWHERE:
        page = browser.get("/console/sign-in", query_string={"next": goal})
        assert 'name="next" value="/console"' in page.text
        sent = {"handle": someone.user.handle, "password": PASSWORD, "next": goal}
        assert browser.post("/console/sign-in", sent).location == "/console/sign-in/code?next=/console"
        answer = browser.post("/console/sign-in/code", {"code": someone.code(), "next": goal})
        assert answer.location == "/console", goal
        make.runtime.clock.advance(30)


def test_one_is_led_to_the_page_that_one_wanted(make):
    someone = enrol(make)
    browser = a_browser(make)
    answer = browser.get("/console/account?done=password")
    assert answer.location == "/console/sign-in?next=%2Fconsole%2Faccount%3Fdone%3Dpassword"
    page = browser.get(answer.location)
    assert 'name="next" value="/console/account?done=password"' in page.text
    sent = {"handle": someone.user.handle, "password": PASSWORD, "next": "/console/account?done=password"}
    answer = browser.post("/console/sign-in", sent)
    assert 'name="next" value="/console/account?done=password"' in browser.get(answer.location).text


def test_passwords_codes_and_tokens_stand_in_no_entry_and_no_table(make):
    someone = enrol(make)
    browser = someone.enter()
    with make.runtime.db.read() as rows:
        stored = rows.query(ConsoleSession).all()
        assert str(browser.cookie()) not in repr([vars(row) for row in stored])
    text = repr(entries(make.runtime))
    for secret in (PASSWORD, someone.secret, someone.user.handle, someone.recovery_codes[0]):
        assert secret not in text
