"""A browser in which somebody is signed in to the console, for tests of its pages."""

from dataclasses import dataclass
from typing import Any

from flask import g
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.audit.entry import Request
from app.console import session
from app.members.people import sessions
from app.members.people.models import UserRole
from app.members.people.sessions import Stage
from app.parties import Member, User
from app.record import as_system, begin
from app.runtime import Runtime
from schemas.vocabulary import Role
from tests.factories import Make


@dataclass
class Browser:
    """Keeps cookies, and sends forms with the token of the cookie that it has."""

    runtime: Runtime
    http: FlaskClient

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.http.get(path, **options)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        sent = {session.FIELD: self.form_token(), **(data or {})}
        return self.http.post(path, data=sent, **options)

    def cookie(self, name: str = session.SESSION) -> str | None:
        found = self.http.get_cookie(name)
        return found.value if found is not None else None

    def form_token(self) -> str:
        bound = self.cookie() or self.cookie(session.VISITOR) or ""
        with self.http.application.test_request_context():
            g.form_bound_to = bound
            return str(session.csrf_field()).split('value="')[1].split('"')[0]


def a_browser(make: Make) -> Browser:
    """A new browser without any cookie; all browsers of a test meet the same server."""
    return Browser(make.runtime, make.http.application.test_client())


def signed_in(make: Make, *roles: Role, member: Member | None = None, user: User | None = None) -> Browser:
    """A person with these roles in a new browser; of a new member where none is named."""
    who = user or make.user(member or make.member())
    with make.runtime.db.write() as rows:
        rows.add_all(UserRole(user_id=who.id, role=role.value) for role in roles)
    with begin(make.runtime, as_system, Request()) as tx:
        token = sessions.start(tx, who.id, Stage.OPEN, "password")
    browser = a_browser(make)
    browser.http.set_cookie(session.SESSION, token)
    return browser
