"""Signing in through the OpenID provider: the way there, and the way back."""

from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, request, url_for

from app.console import session
from app.console.openid import NotProven, OpenId
from app.console.session import for_visitors, local_goal
from app.errors import Forbidden, NotFound
from app.members.people import provider as accounts
from app.members.people.sessions import Stage
from app.web.identity import origin
from app.web.state import runtime

blp = Blueprint("provider", __name__, url_prefix="/console/sign-in/provider")


def name() -> str | None:
    """What the sign-in page calls the provider: its host. None: there is none."""
    return urlsplit(runtime().config.oidc_issuer).hostname


@blp.get("")
@for_visitors
def go() -> Response:
    """Send the browser to the provider."""
    there = _openid()
    errand = accounts.send(runtime(), session.visitor(), local_goal(request.args.get("next")))
    return session.see_other(there.address(errand))


@blp.get("/back")
@for_visitors
def back() -> Response:
    """The browser comes back, with a code or an error, and with the state that it was given."""
    there, state = _openid(), request.args.get("state", "")
    visitor = request.cookies.get(session.cookie_name(session.VISITOR))
    try:
        goal = accounts.come_back(runtime(), state, visitor)
    except Forbidden as error:
        accounts.refuse(runtime(), origin(), error.reason)
        raise
    try:
        proven = there.prove(accounts.errand(runtime(), state), request.args)
    except NotProven as error:
        accounts.refuse(runtime(), origin(), error.reason)
        raise Forbidden(
            "The provider did not sign you in, or its answer does not hold. Begin to sign in again.",
            reason=error.reason,
        ) from error
    token, stage = accounts.sign_in(
        runtime(), origin(), runtime().config.oidc_issuer, proven.subject,
        second_factor=proven.second_factor, replaces=session.before(),
    )  # fmt: skip
    session.send_session(token)
    return session.see_other(goal if stage is Stage.OPEN else url_for("people.code", next=goal))


def _openid() -> OpenId:
    """The provider as this process knows it.

    Raises:
        NotFound: none is configured.
    """
    if not runtime().config.oidc_issuer:
        raise NotFound
    found: OpenId = current_app.extensions.setdefault("halyard-openid", OpenId(runtime()))
    return found
