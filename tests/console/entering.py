"""What a person does to get in, step by step, and what the audit log says of it."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import pyotp
from sqlalchemy import select

from app.audit.entry import Request
from app.audit.models import AuditEntry
from app.clock import SECOND
from app.members.people import enrolling
from app.parties import Member, User
from app.record import as_system, begin
from app.runtime import Runtime
from tests.browsing import Browser, a_browser
from tests.factories import Make

PASSWORD = "four quiet harbour lamps"


@dataclass
class Someone:
    """A person with a password and a device."""

    make: Make
    member: Member
    user: User
    secret: str = ""
    recovery_codes: list[str] = field(default_factory=list)

    def code(self, later: int = 0) -> str:
        """What the device shows, `later` steps from now."""
        return pyotp.TOTP(self.secret).generate_otp(self.make.runtime.clock() // SECOND // 30 + later)

    def enter(self, browser: Browser | None = None) -> Browser:
        """Sign in with all that it takes."""
        browser = browser or a_browser(self.make)
        answer = self.give_password(browser)
        assert answer.status_code == 303, answer.text
        answer = browser.post("/console/sign-in/code", {"code": self.code()})
        assert answer.status_code == 303, answer.text
        return browser

    def give_password(self, browser: Browser, password: str = PASSWORD) -> Any:
        browser.get("/console/sign-in")
        return browser.post("/console/sign-in", {"handle": self.user.handle, "password": password})


def invited(make: Make, user: User) -> str:
    """The code of a new invitation."""
    with begin(make.runtime, as_system, Request()) as tx:
        return enrolling.invite(tx, user.member_id, user.id).code


def accept(browser: Browser, code: str, password: str = PASSWORD, **other: str) -> Any:
    browser.get("/console/invitation")
    sent = {"code": code, "password": password, "repeat": password, **other}
    return browser.post("/console/invitation", sent)


def enrol(make: Make, member: Member | None = None, handle: str | None = None) -> Someone:
    """Invite somebody, who accepts; a step of the device is over afterwards."""
    home = member or make.member()
    someone = Someone(make, home, make.user(home, handle))
    browser = a_browser(make)
    assert accept(browser, invited(make, someone.user)).status_code == 303
    page = browser.get("/console/invitation/device").text
    someone.secret = re.findall(r"<pre>([A-Z2-7 ]+)</pre>", page)[0].replace(" ", "")
    page = browser.post("/console/invitation/device", {"code": someone.code()}).text
    someone.recovery_codes = re.findall(r"<li><code>([a-z2-7-]+)</code></li>", page)
    assert len(someone.recovery_codes) == 10
    make.runtime.clock.advance(30)  # type: ignore[attr-defined]
    return someone


def entries(runtime: Runtime) -> list[dict[str, Any]]:
    """All that the audit log was given so far, in order."""
    with runtime.db.read() as session:
        rows = session.scalars(select(AuditEntry.entry).order_by(AuditEntry.at)).all()
    return [json.loads(row) for row in rows]


def said(runtime: Runtime, action: str) -> list[tuple[str, str | None, str | None]]:
    """(decision, reason, user who acts) of the entries about one action."""
    return [
        (one["decision"], one.get("reason"), one["actor"]["user"])
        for one in entries(runtime)
        if one["action"] == action
    ]
