"""Invitations, passwords and recovery codes: what a person does about its own account."""

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from app.audit.entry import Request
from app.audit.models import RefusalCount
from app.errors import Conflict, Forbidden, Invalid
from app.members.people import enrolling, passwords
from app.members.people.models import UserSecret
from app.members.people.signing_in import Standing
from app.record import as_system, begin
from tests.browsing import a_browser
from tests.console.entering import PASSWORD, accept, enrol, entries, invited, said

ACCOUNT = "/console/account"
NEW = "seven other evening boats"


def test_an_invitation_works_once(make):
    user = make.user(make.member())
    code = invited(make, user)
    assert accept(a_browser(make), code).status_code == 303
    answer = accept(a_browser(make), code, NEW)
    assert answer.status_code == 422
    assert "still stands" in answer.text
    assert 'id="code-error"' in answer.text


def test_a_wrong_invitation_is_counted_like_a_request_without_identity(make):
    assert accept(a_browser(make), "aaaa-bbbb-cccc-dddd-eeee-ffff-2222").status_code == 422
    assert accept(a_browser(make), invited(make, make.user(make.member())), "short").status_code == 422
    with make.runtime.db.read() as rows:
        assert sum(rows.scalars(select(RefusalCount.count))) == 1
    answer = accept(a_browser(make), "aaaa-bbbb-cccc-dddd-eeee-ffff-2222")
    assert "Ask the operator for another one" in answer.text


def test_an_invitation_ends_after_a_day_and_with_a_newer_one(make):
    user = make.user(make.member())
    code = invited(make, user)
    newer = invited(make, user)
    assert accept(a_browser(make), code).status_code == 422
    make.runtime.clock.advance(24 * 3600)
    assert accept(a_browser(make), newer).status_code == 422
    assert accept(a_browser(make), "").status_code == 422


def test_another_invitation_starts_everything_anew(make):
    someone = enrol(make)
    browser = someone.enter()
    code = invited(make, someone.user)
    assert browser.get(ACCOUNT).status_code == 200, "an invitation alone ends nothing"
    assert accept(a_browser(make), code, NEW).status_code == 303
    assert browser.get(ACCOUNT).status_code == 303
    assert someone.give_password(a_browser(make)).status_code == 422
    late = a_browser(make)
    assert someone.give_password(late, NEW).status_code == 303
    assert late.get("/console/sign-in/code").location == "/console/invitation/device"
    answer = late.post("/console/invitation/device", {"code": someone.code()})
    assert answer.status_code == 422, "the old device makes codes no more"


def test_whoever_did_not_set_up_a_device_in_time_needs_another_invitation(make):
    user = make.user(make.member())
    browser = a_browser(make)
    accept(browser, invited(make, user))
    make.runtime.clock.advance(24 * 3600)
    browser.get("/console/sign-in")
    sent = {"handle": user.handle, "password": PASSWORD}
    assert browser.post("/console/sign-in", sent).status_code == 422


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "at least 12"),
        ("elevenchars", "at least 12"),
        ("abababababababab", "repeats"),
        ("my harbour-analyst key", "contains your handle"),
        ("HarbourLightTrust 1", "contains your handle or the name"),
        ("x" + "yzabc" * 60, "at most 256"),
    ],
)
def test_a_password_has_a_length_and_gives_nothing_away(password, why):
    with pytest.raises(Invalid) as refused:
        passwords.check(password, ("harbour-analyst", "Harbour Light Trust"))
    [error] = refused.value.errors or []
    assert why in error["detail"]
    assert password not in str(refused.value.errors)


@pytest.mark.parametrize(
    "password", ["twelve chars", "käse und brot", "correct horse battery staple", "\uff41bcd efghijklm"]
)
def test_a_password_may_be_of_any_characters(password):
    passwords.check(password, ("harbour-analyst", "Harbour Light Trust"))


def test_what_looks_the_same_is_the_same_password():
    stored = passwords.hash_password("käse und brot")
    assert passwords.matches(stored, "ka\u0308se und brot")
    assert not passwords.matches(stored, "kase und brot")
    assert not passwords.matches(None, "käse und brot")
    assert not passwords.matches("no hash at all", "käse und brot")


def test_a_hash_of_other_parameters_is_made_anew_when_its_person_signs_in(make, monkeypatch):
    someone = enrol(make)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    someone.enter()
    with make.runtime.db.read() as rows:
        stored = rows.get_one(UserSecret, someone.user.id).password_hash
    assert "m=16,t=2" in stored
    make.runtime.clock.advance(30)
    someone.enter()


def test_errors_of_a_password_stand_at_its_field(make):
    user = make.user(make.member())
    code = invited(make, user)
    answer = accept(a_browser(make), code, "short")
    assert answer.status_code == 422
    assert 'aria-describedby="password-hint password-error"' in answer.text
    assert 'role="alert" tabindex="-1" autofocus' in answer.text
    assert '<a href="#password">' in answer.text
    answer = accept(a_browser(make), code, repeat="something else")
    assert 'aria-describedby="repeat-error"' in answer.text
    assert accept(a_browser(make), code).status_code == 303, "a mistake does not use it up"


def test_only_the_operator_invites_and_only_who_stands(make):
    home = make.member()
    user = make.user(home)
    with pytest.raises(Forbidden), begin(make.runtime, Standing(user.id), Request()) as tx:
        enrolling.invite(tx, home.id, user.id)
    with make.runtime.db.write() as rows:
        rows.get_one(type(user), user.id).disabled_at = 1
    with pytest.raises(Conflict), begin(make.runtime, as_system, Request()) as tx:
        enrolling.invite(tx, home.id, user.id)


def test_a_changed_password_ends_the_other_sessions(make):
    someone = enrol(make)
    browser = someone.enter()
    make.runtime.clock.advance(30)
    other = someone.enter()
    sent = {"old": PASSWORD, "new": NEW, "repeat": NEW}
    answer = browser.post("/console/account/password", sent)
    assert answer.location == "/console/account?done=password"
    assert "Your password is changed" in browser.get(answer.location).text
    assert other.get(ACCOUNT).status_code == 303
    assert someone.give_password(a_browser(make)).status_code == 422
    assert someone.give_password(a_browser(make), NEW).status_code == 303
    assert said(make.runtime, "password.set")[-1] == ("allowed", "changed", someone.user.id)


def test_a_password_is_not_changed_without_the_present_one_or_to_a_bad_one(make):
    someone = enrol(make)
    browser = someone.enter()
    for sent, field in (
        ({"old": "not this", "new": NEW, "repeat": NEW}, "old"),
        ({"old": PASSWORD, "new": "short", "repeat": "short"}, "new"),
        ({"old": PASSWORD, "new": NEW, "repeat": "else"}, "repeat"),
    ):
        answer = browser.post("/console/account/password", sent)
        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
    assert someone.give_password(a_browser(make)).status_code == 303


def test_new_recovery_codes_replace_the_old_ones(make):
    someone = enrol(make)
    browser = someone.enter()
    assert "10 of them are left" in browser.get(ACCOUNT).text
    old, last = someone.recovery_codes[:2]
    answer = browser.post("/console/account/recovery-codes", {"code": old})
    assert answer.status_code == 200
    assert answer.text.count("<li><code>") == 10
    answer = browser.post("/console/account/recovery-codes", {"code": last})
    assert answer.status_code == 422
    assert 'id="code-error"' in answer.text
    assert len(said(make.runtime, "recovery-codes.made")) == 2


def test_what_a_device_needs_is_shown_until_it_is_set_up_only(make):
    user = make.user(make.member())
    browser = a_browser(make)
    accept(browser, invited(make, user))
    assert "<svg" in browser.get("/console/invitation/device").text
    shown = [one for one in entries(make.runtime) if one["action"] == "second-factor.shown"]
    assert shown[0]["subjects"] == [{"id": user.id, "kind": "user", "owner": user.member_id}]
    someone = enrol(make)
    inside = someone.enter()
    assert inside.get("/console/invitation/device").status_code == 303
