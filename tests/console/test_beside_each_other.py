"""What happens to the same account at the same moment: what was proved before does not count afterwards."""

import pytest

from app.audit.entry import Request
from app.errors import Forbidden
from app.members.people import passwords, signing_in
from app.members.people import provider as accounts
from app.members.people.models import ConsoleSession, UserSecret
from app.record import as_system, begin
from tests.browsing import a_browser
from tests.console.entering import PASSWORD, accept, enrol, invited, said

NEW = "another quiet evening"
ISSUER, SUBJECT = "https://keys.bank.example", "subject-of-somebody"


@pytest.fixture
def meanwhile(monkeypatch):
    """Does something once, between the look at a password's hash and what comes of it."""

    def arrange(happens):
        matches = passwords.matches

        def slow(stored, password):
            right = matches(stored, password)
            monkeypatch.setattr(passwords, "matches", matches)
            happens()
            return right

        monkeypatch.setattr(passwords, "matches", slow)

    return arrange


@pytest.mark.parametrize("outdated", [False, True])
def test_a_password_that_an_invitation_replaces_meanwhile_opens_nothing(
    make, meanwhile, monkeypatch, outdated
):
    """Or whoever knows the old one could set up a device of its own for the new one."""
    someone = enrol(make)
    code = invited(make, someone.user)
    monkeypatch.setattr(passwords, "is_outdated", lambda _stored: outdated)
    meanwhile(lambda: accept(a_browser(make), code, NEW))
    assert signing_in.try_password(make.runtime, Request(), someone.user.handle, PASSWORD) is None
    with make.runtime.db.read() as rows:
        kept = rows.get_one(UserSecret, someone.user.id)
        assert passwords.matches(kept.password_hash, NEW)
        [only] = rows.query(ConsoleSession).filter_by(user_id=someone.user.id)
        assert only.how == "invitation"
    assert said(make.runtime, "session.refused")[-1][:2] == ("refused", "wrong_password")


def test_a_password_that_its_person_changes_meanwhile_opens_nothing(make, meanwhile):
    someone = enrol(make)
    browser = someone.enter()

    def change():
        sent = {"old": PASSWORD, "new": NEW, "repeat": NEW}
        assert browser.post("/console/account/password", sent).status_code == 303

    meanwhile(change)
    assert signing_in.try_password(make.runtime, Request(), someone.user.handle, PASSWORD) is None
    assert signing_in.try_password(make.runtime, Request(), someone.user.handle, NEW) is not None


def test_an_account_that_is_unlinked_meanwhile_signs_nobody_in(make, monkeypatch):
    someone = enrol(make)
    with begin(make.runtime, as_system, Request()) as tx:
        accounts.link(tx, someone.member.id, someone.user.id, issuer=ISSUER, subject=SUBJECT)

    def slow(*asked):
        monkeypatch.setattr(accounts, "begin", begin)
        with begin(make.runtime, as_system, Request()) as tx:
            accounts.unlink(tx, someone.member.id, someone.user.id)
        return begin(*asked)

    monkeypatch.setattr(accounts, "begin", slow)
    with pytest.raises(Forbidden):
        accounts.sign_in(make.runtime, Request(), ISSUER, SUBJECT, second_factor=True)
    with make.runtime.db.read() as rows:
        assert rows.query(ConsoleSession).filter_by(how="provider").count() == 0
    assert said(make.runtime, "session.refused")[-1][:2] == ("refused", "unknown_account")
