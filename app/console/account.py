"""A person's own account: its sessions, its password, its recovery codes, and signing out."""

from flask import Blueprint, Response, request, url_for

from app import record
from app.console import session
from app.console.people import check_repeated
from app.console.session import signed_in
from app.console.site import page
from app.errors import HalyardError, Invalid, TooMany
from app.members.people import enrolling, passwords, sessions, signing_in
from app.members.people.sessions import SignedIn
from app.record import Tx
from app.web.exchange import Reply, read, write
from app.web.identity import identify, origin
from app.web.problems import STATUS
from app.web.state import runtime

blp = Blueprint("account", __name__, url_prefix="/console")


@blp.get("/account")
@signed_in()
def account() -> Response:
    """Who is signed in, where, and what can be changed about it."""
    return _account()


@blp.post("/account/sessions")
@signed_in()
def end_others() -> Response:
    """End all other sessions of this person."""

    def work(tx: Tx) -> Reply:
        sessions.end_others(tx, session.current_hash())
        return _back()

    return write("session.ended", session.myself(), work, idempotent=False)


@blp.post("/account/password")
@signed_in()
def change_password() -> Response:
    """Set another password; other sessions end."""
    form = request.form
    try:
        check_repeated(form.get("new", ""), form.get("repeat", ""))
        enrolling.change_password(
            runtime(), origin(), SignedIn(session.current_hash()), form.get("old", ""), form.get("new", "")
        )
    except (Invalid, TooMany) as error:
        return _account(error)
    return session.see_other(url_for("account.account", done="password"))


@blp.post("/account/recovery-codes")
@signed_in()
def renew_recovery_codes() -> Response:
    """Make new recovery codes; it takes a code of the device, or one of the old ones."""
    try:
        made = enrolling.renew_recovery_codes(
            runtime(), origin(), SignedIn(session.current_hash()), request.form.get("code", "")
        )
    except TooMany as error:
        return _account(error)
    if made is None:
        return _account(signing_in.wrong_code())
    return page("people/recovery_codes.html", codes=made).response()


@blp.post("/sign-out")
@signed_in()
def sign_out() -> Response:
    """End this session, here and on the server."""
    with record.begin(runtime(), identify(), origin()) as tx:
        sessions.end(tx, session.current_hash())
    session.forget_session()
    return session.see_other(url_for("people.sign_in"))


def _account(error: HalyardError | None = None) -> Response:
    def work(tx: Tx) -> Reply:
        return page(
            "people/account.html", error=error, status=200 if error is None else STATUS[error.slug].value,
            sessions=sessions.browse(tx), shortest=passwords.SHORTEST, left=enrolling.recovery_codes_left(tx),
            done=request.args.get("done") == "password",
        )  # fmt: skip

    answer = read("account.read", session.myself(), work)
    if isinstance(error, TooMany):
        answer.headers["Retry-After"] = str(error.extra["retry_after"])
    return answer


def _back() -> Reply:
    return Reply(status=303, headers={"Location": url_for("account.account")})
