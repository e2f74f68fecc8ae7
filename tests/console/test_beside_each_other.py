"""What happens to the same account at the same moment: what was proved before does not count afterwards."""

from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from app import upgrade
from app.audit.entry import Request
from app.config import Config
from app.errors import Forbidden
from app.main import create_app
from app.members.people import attempts, passwords, signing_in
from app.members.people import provider as accounts
from app.members.people.models import ConsoleSession, UserSecret
from app.record import as_system, begin
from app.runtime import Runtime
from tests.browsing import a_browser
from tests.console.entering import PASSWORD, accept, enrol, invited, said
from tests.factories import Make
from tests.fakes import FakeClock

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


def test_an_invitation_that_is_used_beside_a_code_waits_for_it_and_not_it_for_the_other(
    config, new_database_url
):
    """Against a database of its own: in two transactions that lock the same rows, in the same order."""
    values = {**config.__dict__, "database_url": new_database_url()}
    runtime = Runtime.assemble(Config(**values), now=FakeClock())
    upgrade.prepare(runtime)
    make = Make(runtime, create_app(runtime).test_client())
    someone = enrol(make)
    browser = a_browser(make)
    someone.give_password(browser)
    code = {"code": someone.code()}
    with ThreadPoolExecutor(1) as pool:
        with begin(runtime, as_system, Request()) as tx:
            signing_in.lock_secret(tx.session, someone.user.id)
            answer = pool.submit(browser.post, "/console/sign-in/code", code)
            wait([answer], timeout=1)
            attempts.clear(tx.session, runtime, someone.user.handle)
        assert answer.result().status_code == 303
    runtime.db.dispose()
