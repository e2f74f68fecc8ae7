"""Who sits before a page of the console: cookies, `@signed_in`, and the token that every form carries.

A browser holds one of two cookies: that of its session, or before there is one that of a visitor. A form's
token is made from the cookie's value, so that a page of another site can neither read nor make it.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import wraps
from secrets import token_urlsafe
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, after_this_request, g, request
from markupsafe import Markup

from app import record
from app.errors import Forbidden, Unauthenticated
from app.events import Subject
from app.keys import derive
from app.members.people import sessions
from app.members.people.sessions import TOKEN_BYTES, Person, SignedIn, Stage
from app.runtime import Runtime
from app.web import limits
from app.web.identity import count_refusal, identify, origin
from app.web.state import runtime
from schemas.vocabulary import Role

__all__ = [
    "csrf_field",
    "current_person",
    "for_visitors",
    "identify",
    "local_goal",
    "signed_in",
]

View = Callable[..., Any]

SESSION: Final = "halyard-session"
VISITOR: Final = "halyard-visitor"
FIELD: Final = "form_token"
HOME: Final = "/console"
SIGN_IN: Final = f"{HOME}/sign-in"
_SAFE: Final = {"GET", "HEAD", "OPTIONS"}
_GOAL: Final = re.compile(
    r"/console(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*/?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
)
_GOAL_LIMIT: Final = 2_000
_UPWARD: Final = re.compile(r"/(?:\.|%2e){1,2}(?=[/?]|$)", re.IGNORECASE)
"""A segment that leads out of where it stands, as browsers read it (RFC 3986 section 5.2.4)."""


def current_person() -> Person | None:
    """Whoever is signed in, for templates: `handle`, `member` (its name), `roles`."""
    found: Person | None = g.get("person")
    return found


class signed_in:  # noqa: N801 - it reads as a decorator
    """Declare which roles may open a page; none: everybody who is signed in. Stands outermost.

    Without a session the browser is sent to the sign-in page and back here afterwards. The session, its user
    and its member are asked for again in every transaction of the view, through `identify()`. A form that is
    sent must carry its token.
    """

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles)

    def __call__(self, view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                self._admit(runtime())
                return view(*args, **kwargs)
            except Unauthenticated:
                return to_sign_in()

        guarded._requires = None  # type: ignore[attr-defined] # no access token: a session
        guarded._signed_in = self  # type: ignore[attr-defined]
        return guarded

    def _admit(self, house: Runtime) -> None:
        person, token_hash = _present(house, Stage.OPEN)
        limits.hit_client(person.user_id)
        g.person = person
        try:
            check_form()
            self._check_roles(person)
        except Forbidden as error:
            action = f"{request.method.lower()}.{request.endpoint}"
            record.refuse(house, person.actor, origin(), action, error.reason)
            raise
        _keep(house, person, token_hash)

    def _check_roles(self, person: Person) -> None:
        if self.roles and not person.roles & self.roles:
            names = " or ".join(sorted(self.roles))
            raise Forbidden(
                f"This page is for the role {names}. Ask the coalition's operator.", reason="missing_role"
            )


def for_visitors(view: View) -> View:
    """Declare that a page is open to whoever has no session: signing in, and accepting an invitation."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        limits.hit_network(origin().network)
        try:
            check_form()
        except Forbidden:
            count_refusal()
            raise
        try:
            return view(*args, **kwargs)
        except Unauthenticated:  # disabled or suspended between two steps
            return to_sign_in()

    guarded._requires = None  # type: ignore[attr-defined]
    return guarded


def step(*stages: Stage) -> Stage | None:
    """At which of these steps of signing in the browser is; None: at none, or it took too long."""
    try:
        return _present(runtime(), *stages)[0].stage
    except Unauthenticated:
        return None


def before() -> bytes | None:
    """Digest of the session that the browser has when somebody signs in there: it is to end."""
    token = request.cookies.get(cookie_name(SESSION))
    return None if token is None else sessions.hash_token(token)


def _present(house: Runtime, *stages: Stage) -> tuple[Person, bytes]:
    token = request.cookies.get(cookie_name(SESSION))
    if token is None:
        limits.hit_network(origin().network)
        raise Unauthenticated("Sign in first.", reason="no_session")
    token_hash = sessions.hash_token(token)
    with house.db.read() as session:
        person = sessions.find(session, token_hash, house.clock())
    if person is None or person.stage not in stages:
        count_refusal()
        raise Unauthenticated("Your session has ended. Sign in again.", reason="session_ended")
    g.identify = SignedIn(token_hash, person.stage)
    g.myself = Subject(kind="user", id=person.user_id, owner_id=person.member_id)
    return person, token_hash


def _keep(house: Runtime, person: Person, token_hash: bytes) -> None:
    """Note that the session is in use; give it another token where its person's roles were changed."""
    now = house.clock()
    if person.roles != person.token_for:
        with house.db.write() as session:
            token = sessions.change_token(session, token_hash, person.roles)
        if token is None:
            raise Unauthenticated("Your session was renewed in another tab.", reason="session_ended")
        g.identify = SignedIn(sessions.hash_token(token))
        send_session(token)
    if now - person.seen_at > sessions.SEEN_EVERY:
        with house.db.write() as session:
            sessions.see(session, current_hash(), now)


def current_hash() -> bytes:
    """Digest of the session's token as it is now, which this very request may have changed."""
    found: SignedIn = g.identify
    return found.token_hash


def myself() -> Subject:
    """Whoever has this session, as the subject of an audit entry."""
    found: Subject = g.myself
    return found


def to_sign_in() -> Response:
    """Send the browser to the sign-in page, and back to this one afterwards if it was only looked at."""
    goal = request.full_path.rstrip("?") if request.method in {"GET", "HEAD"} else HOME
    return see_other(f"{SIGN_IN}?{urlencode({'next': local_goal(goal)})}")


def see_other(address: str) -> Response:
    """Send the browser on, as a GET (RFC 9110 section 15.4.4)."""
    return Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})


def local_goal(text: str | None) -> str:
    """A page of the console to go to; whatever else was asked for leads to its first page."""
    if text is None or len(text) > _GOAL_LIMIT or not _GOAL.fullmatch(text):
        return HOME
    return HOME if _UPWARD.search(text.partition("?")[0]) else text


# ── Forms ───────────────────────────────────────────────────────────────────────────────────────────────


def csrf_field() -> Markup:
    """The hidden field that every form which changes something carries."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, _form_token(_bound_to()))


def check_form() -> None:
    """Refuse what was not sent from a form of ours in this browser.

    Raises:
        Forbidden: its token is missing or another browser's, or a page of another site sent it.
    """
    if request.method in _SAFE:
        return
    bound = _cookie()
    sent = request.form.get(FIELD, "")
    foreign = request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}
    if foreign or bound is None or not hmac.compare_digest(_form_token(bound).encode(), sent.encode()):
        raise Forbidden(
            "This form is too old, or was not sent from here. Go back, load the page again and repeat it.",
            reason="form_token",
        )


def _cookie() -> str | None:
    found = request.cookies.get(cookie_name(SESSION)) or request.cookies.get(cookie_name(VISITOR))
    return found or None


def _bound_to() -> str:
    """What this answer's forms are bound to: the session's token, or the visitor's, made where missing."""
    chosen: str | None = g.get("form_bound_to") or _cookie()
    if chosen is None:
        chosen = token_urlsafe(TOKEN_BYTES)
        send_cookie(VISITOR, chosen)
    g.form_bound_to = chosen
    return chosen


def visitor() -> str:
    """What marks this browser before somebody signs in there; made where it is missing."""
    chosen = request.cookies.get(cookie_name(VISITOR))
    if not chosen:
        chosen = token_urlsafe(TOKEN_BYTES)
        send_cookie(VISITOR, chosen)
    return chosen


def _form_token(bound: str) -> str:
    key = derive(runtime().people_key, "forms")
    return urlsafe_b64encode(hmac.digest(key, bound.encode(), hashlib.sha256)).decode().rstrip("=")


# ── Cookies ─────────────────────────────────────────────────────────────────────────────────────────────


def cookie_name(name: str) -> str:
    """With the prefix that ties a cookie to https and this very host, wherever the server is on https."""
    return f"__Host-{name}" if _https() else name


def send_session(token: str) -> None:
    """Give the browser its session with this answer; forms of this answer are bound to it."""
    g.form_bound_to = token
    send_cookie(SESSION, token)


def send_cookie(name: str, value: str) -> None:
    """Set a cookie of the browser's session with this answer.

    Lax, not Strict: whoever comes back from the OpenID provider, or follows a link, brings it along; nothing
    is changed by a GET.
    """

    def add(answer: Response) -> Response:
        answer.set_cookie(
            cookie_name(name), value, path="/", secure=_https(), httponly=True, samesite="Lax"
        )  # fmt: skip
        return answer

    after_this_request(add)


def forget_session() -> None:
    """Take both cookies from the browser with this answer."""

    def add(answer: Response) -> Response:
        for name in (SESSION, VISITOR):
            answer.delete_cookie(
                cookie_name(name), path="/", secure=_https(), httponly=True, samesite="Lax"
            )  # fmt: skip
        return answer

    after_this_request(add)


def _https() -> bool:
    return runtime().config.issuer.startswith("https://")
