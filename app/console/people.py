"""Pages before there is a session: signing in, step by step, and accepting an invitation."""

from typing import Any

import segno
from flask import Blueprint, Response, request, url_for
from markupsafe import Markup

from app.console import provider, session
from app.console.session import for_visitors, local_goal
from app.console.site import page
from app.errors import HalyardError, Invalid, TooMany
from app.members.people import enrolling, passwords, signing_in
from app.members.people.attempts import Locked
from app.members.people.sessions import Stage, hash_token
from app.record import Tx
from app.web.exchange import Reply, read, write
from app.web.identity import count_refusal, origin
from app.web.problems import STATUS
from app.web.state import runtime

blp = Blueprint("people", __name__, url_prefix="/console")

_QR_MODULE = 5


@blp.get("/sign-in")
@for_visitors
def sign_in() -> Response:
    """The form for handle and password."""
    return _sign_in_form()


@blp.post("/sign-in")
@for_visitors
def take_password() -> Response:
    """The first step."""
    handle = request.form.get("handle", "")
    goal = local_goal(request.form.get("next"))
    try:
        token = signing_in.try_password(
            runtime(), origin(), handle, request.form.get("password", ""), replaces=session.before()
        )
    except Locked as error:
        return _locked(error)
    except TooMany as error:
        return _sign_in_form(error, handle=handle)
    if token is None:
        return _sign_in_form(signing_in.wrong_password("/handle"), handle=handle)
    session.send_session(token)
    return session.see_other(url_for("people.code", next=goal))


@blp.get("/sign-in/code")
@for_visitors
def code() -> Response:
    """The form for a one-time code; whoever has no device yet is led to setting one up."""
    stage = session.step(Stage.CODE, Stage.ENROL)
    if stage is None:
        return session.to_sign_in()
    if stage is Stage.ENROL:
        return session.see_other(url_for("people.device"))
    return _code_form()


@blp.post("/sign-in/code")
@for_visitors
def take_code() -> Response:
    """The second step."""
    if session.step(Stage.CODE) is None:
        return session.to_sign_in()
    try:
        token = signing_in.try_code(runtime(), origin(), session.current_hash(), request.form.get("code", ""))
    except Locked as error:
        return _locked(error)
    except TooMany as error:
        return _code_form(error)
    if token is None:
        return _code_form(signing_in.wrong_code())
    session.send_session(token)
    return session.see_other(local_goal(request.form.get("next")))


@blp.get("/invitation")
@for_visitors
def invitation() -> Response:
    """The form for an invitation's code and a new password."""
    return _invitation_form()


@blp.post("/invitation")
@for_visitors
def accept_invitation() -> Response:
    """Set the password."""
    form = request.form
    password = form.get("password", "")
    try:
        check_repeated(password, form.get("repeat", ""))
        token = enrolling.accept(
            runtime(), origin(), form.get("code", ""), password, replaces=session.before()
        )
    except Invalid as error:
        if error.reason == enrolling.NO_INVITATION:  # a guess by nobody known
            count_refusal()
        return _invitation_form(error)
    session.send_session(token)
    return session.see_other(url_for("people.device"))


@blp.get("/invitation/device")
@for_visitors
def device() -> Response:
    """What the person's device needs, and the form for its first code."""
    if session.step(Stage.ENROL) is None:
        return session.to_sign_in()
    return _device_form()


@blp.post("/invitation/device")
@for_visitors
def confirm_device() -> Response:
    """Take its first code; the person is signed in, and sees its recovery codes this once."""
    if session.step(Stage.ENROL) is None:
        return session.to_sign_in()

    def work(tx: Tx) -> Reply:
        token, made = enrolling.confirm(tx, hash_token(request.cookies[name]), request.form.get("code", ""))
        session.send_session(token)
        return page("people/recovery_codes.html", codes=made)

    name = session.cookie_name(session.SESSION)
    try:
        return write("second-factor.set", session.myself(), work, idempotent=False)
    except Invalid as error:
        return _device_form(error)


def check_repeated(password: str, again: str) -> None:
    if password != again:
        error = {"pointer": "/repeat", "detail": "This is not the same as above."}
        raise Invalid("The password was not repeated.", reason="password", errors=[error])


def _sign_in_form(error: HalyardError | None = None, *, handle: str = "") -> Response:
    goal = local_goal(request.values.get("next"))
    ended = error is None and session.before() is not None
    return _form(
        "people/sign_in.html", error, next=goal, handle=handle, ended=ended, provider=provider.name()
    )


def _code_form(error: HalyardError | None = None) -> Response:
    return _form("people/code.html", error, next=local_goal(request.values.get("next")))


def _invitation_form(error: HalyardError | None = None) -> Response:
    return _form(
        "people/invitation.html", error, code=request.form.get("code", ""), shortest=passwords.SHORTEST
    )


def _device_form(error: HalyardError | None = None) -> Response:
    """Shows a secret, so it is a read like any other."""

    def work(tx: Tx) -> Reply:
        found = enrolling.device(tx)
        return page(
            "people/device.html", error=error, status=_status(error), secret=_spaced(found.secret),
            address=found.address, picture=_picture(found.address),
        )  # fmt: skip

    return read("second-factor.shown", session.myself(), work)


def _form(template: str, error: HalyardError | None, **values: Any) -> Response:
    answer = page(template, error=error, status=_status(error), **values).response()
    if isinstance(error, TooMany):  # not tried at all, so that it is counted where nobody is named
        count_refusal()
        answer.headers["Retry-After"] = str(error.extra["retry_after"])
    return answer


def _status(error: HalyardError | None) -> int:
    return 200 if error is None else STATUS[error.slug].value


def _locked(error: Locked) -> Response:
    return _form("people/locked.html", error)


def _spaced(secret: str) -> str:
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def _picture(address: str) -> Markup:
    """The QR code as an SVG without any style: dark on light whatever the page's colours are."""
    made = segno.make(address, error="m").svg_inline(
        scale=_QR_MODULE, dark="#000", light="#fff", svgclass=None, lineclass=None, title="QR code"
    )
    return Markup(made)  # noqa: S704 - made here, of shapes and a fixed title only
