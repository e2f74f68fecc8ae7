"""Guessing: it slows down, then locks with notice, and tells nobody which handles there are."""

import pytest

from app.audit.entry import Request
from app.clock import to_text
from app.errors import Conflict
from app.members.people import accounts, attempts
from app.record import as_system, begin
from tests.browsing import a_browser, signed_in
from tests.console.entering import PASSWORD, enrol, entries, said

WRONG = "not the password"


def guess(browser, handle, password=WRONG):
    browser.get("/console/sign-in")
    return browser.post("/console/sign-in", {"handle": handle, "password": password})


def guess_until_locked(make, handle):
    """Waits as told each time; returns the waits, and the answer that says locked."""
    browser, waits = a_browser(make), list[int]()
    for _ in range(200):
        answer = guess(browser, handle)
        if answer.status_code == 422:
            continue
        assert answer.status_code == 429
        if "is locked" in answer.text:
            return waits, answer
        waits.append(int(answer.headers["Retry-After"]))
        make.runtime.clock.advance(waits[-1])
    raise AssertionError("never locked")


@pytest.mark.parametrize("known", [True, False])
def test_failures_slow_down_and_then_lock_with_notice(make, known):
    someone = enrol(make)
    handle = someone.user.handle if known else "nobody-at-all"
    waits, answer = guess_until_locked(make, handle)
    assert waits == [2, 4, 8, 16, 32, 60]
    row_until = locked_until(make, handle)
    assert row_until is not None
    until = to_text(row_until)[:16].replace("T", " ")
    assert f"This handle is locked until {until} UTC" in answer.text
    assert "operator can unlock it" in answer.text
    assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60
    [(decision, reason, actor)] = said(make.runtime, "user.locked")
    assert (decision, reason, actor) == ("refused", "for-a-time", None)
    [entry] = [one for one in entries(make.runtime) if one["action"] == "user.locked"]
    [subject] = entry["subjects"]
    assert subject.get("id") == (someone.user.id if known else None)
    assert subject["last"] == to_text(row_until)
    assert len(said(make.runtime, "session.refused")) == 10
    assert handle not in str(entries(make.runtime))


def locked_until(make, handle):
    with make.runtime.db.read() as rows:
        return attempts.locked_until(rows, make.runtime, handle, make.runtime.clock())


def test_even_the_right_password_waits_while_it_is_locked_and_opens_afterwards(make):
    someone = enrol(make)
    guess_until_locked(make, someone.user.handle)
    browser = a_browser(make)
    assert "is locked" in guess(browser, someone.user.handle, PASSWORD).text
    make.runtime.clock.advance(15 * 60)
    someone.enter(browser)
    assert locked_until(make, someone.user.handle) is None
    assert guess(a_browser(make), someone.user.handle).status_code == 422, "all is forgiven"
    assert guess(a_browser(make), someone.user.handle).status_code == 422


def test_later_locks_last_longer_and_in_the_end_only_the_operator_unlocks(make):
    someone = enrol(make)
    handle, lasted = someone.user.handle, []
    for _ in range(10):
        _, answer = guess_until_locked(make, handle)
        lasted.append(int(answer.headers["Retry-After"]) // 60)
        make.runtime.clock.advance(lasted[-1] * 60 + 60)
    assert lasted == [15, 60, *[1440] * 8]
    assert "unlock it" in answer.text
    assert "locked until" not in answer.text
    make.runtime.clock.advance(10 * 86400)
    assert "is locked" in guess(a_browser(make), handle, PASSWORD).text
    with begin(make.runtime, as_system, Request()) as tx:
        accounts.unlock(tx, someone.member.id, someone.user.id)
    someone.enter()
    assert said(make.runtime, "user.unlocked")[0][0] == "allowed"
    with pytest.raises(Conflict), begin(make.runtime, as_system, Request()) as tx:
        accounts.unlock(tx, someone.member.id, someone.user.id)


def test_codes_are_counted_with_the_passwords_and_a_right_password_forgives_none(make):
    someone = enrol(make)
    browser, answers = a_browser(make), []
    for _ in range(40):
        if someone.give_password(browser).status_code == 303:
            answers.append(browser.post("/console/sign-in/code", {"code": "000000"}).status_code)
        make.runtime.clock.advance(61)
        if locked_until(make, someone.user.handle) is not None:
            break
    assert answers == [422] * 10


def test_one_network_is_slowed_down_over_all_handles(make):
    browser = a_browser(make)
    for number in range(attempts.NETWORK_FREE + 1):
        assert guess(browser, f"nobody-{number}").status_code == 422
    assert guess(browser, "nobody-again").status_code == 429
    elsewhere = {"REMOTE_ADDR": "192.0.2.77"}
    browser.get("/console/sign-in")
    sent = {"handle": "nobody-again", "password": WRONG}
    assert browser.post("/console/sign-in", sent, environ_base=elsewhere).status_code == 422


def test_who_is_signed_in_cannot_be_used_to_guess_either(make):
    someone = enrol(make)
    browser = someone.enter()
    sent = {"old": WRONG, "new": "another quiet evening", "repeat": "another quiet evening"}
    answers = [browser.post("/console/account/password", sent).status_code for _ in range(5)]
    assert answers == [422, 422, 422, 422, 429]
    make.runtime.clock.advance(60)
    answers = [browser.post("/console/account/recovery-codes", {"code": "1"}).status_code for _ in range(2)]
    assert answers == [422, 429]
    assert signed_in(make).get("/console/account").status_code == 200


def test_a_handle_with_a_null_character_is_a_failure_like_any_other(make):
    """A database that cannot hold it must not say so, nor forget to count it."""
    for _ in range(attempts.FREE + 1):
        assert guess(a_browser(make), "nobody\0at-all").status_code == 422
    assert guess(a_browser(make), "nobody\0at-all").status_code == 429
