"""Who calls: `@requires` stands outermost on every view, before any body is parsed.

The token's signature says who it was made for; whether member, client, user and token still stand is asked of
the database again inside every transaction, so that a revocation holds from the next one on.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import current_app, g, request
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact
from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from app import record
from app.addresses import bound
from app.audit.entry import Request
from app.audit.refusals import count
from app.clock import MINUTE
from app.errors import Forbidden, Unauthenticated
from app.members import demand
from app.members.demand import Demand
from app.parties import Client, Member, RevokedToken, User
from app.question import ANONYMOUS, Actor
from app.record import Identify
from app.runtime import Runtime
from app.web import certificates, limits, receipts, sender
from app.web.dpop import SCHEME, Proof
from app.web.state import runtime
from app.web.tokens import Claims, invalid_token, public_keys, verify
from schemas.vocabulary import MemberStatus, Scope

View = Callable[..., Any]

_KEYS_HELD = MINUTE
"""How long token keys are held before they are read again: one that was retired must end here too."""


# Built once: every request asks it twice.
_STANDING = (
    select(
        Client.disabled_at, Client.user_id, Client.purposes, Client.scopes, Client.collections, Member.status,
        User.disabled_at.label("user_disabled_at"), Client.expires_at, Client.networks,
        Client.dpop_bound_access_tokens,
        Client.tls_client_certificate_bound_access_tokens,
        demand.by_group(bindparam("member")).label("group_demands"),
    )
    .join(Member, Member.id == Client.member_id)
    .outerjoin(User, User.id == Client.user_id)
    .where(
        Client.id == bindparam("client"),
        Client.member_id == bindparam("member"),
        ~select(RevokedToken.jti).where(RevokedToken.jti == bindparam("jti")).exists(),
    )
)  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """Identifies the caller of a token from what the database holds now.

    `network` is the caller's address; `anywhere` where not the caller but another asks about its token.
    """

    claims: Claims
    network: str | None
    anywhere: bool = False

    def __call__(self, session: Session, now: int) -> Actor:
        claims = self.claims
        asked = {"client": claims.client_id, "member": claims.member_id, "jti": claims.jti}
        row = session.connection().execute(_STANDING, asked).one_or_none()
        if row is None:
            raise invalid_token()
        stands = (
            row.disabled_at is None
            and row.status == MemberStatus.ACTIVE
            and row.user_disabled_at is None
            and row.user_id == claims.user_id
            and claims.purpose in row.purposes
            and (row.expires_at is None or now < row.expires_at)
            and (self.anywhere or bound(row.networks, self.network))
        )
        if not stands:
            raise invalid_token()
        self._check_binding(row)
        return Actor(
            member_id=claims.member_id,
            client_id=claims.client_id,
            user_id=row.user_id,
            scopes=claims.scopes & frozenset(row.scopes),
            purpose=claims.purpose,
            collections=None if row.collections is None else frozenset(row.collections),
        )

    def _check_binding(self, row: Row[*tuple[Any, ...]]) -> None:
        """What is demanded now counts for tokens that were issued before, too."""
        demanded = Demand(
            dpop=row.dpop_bound_access_tokens,
            certificate=row.tls_client_certificate_bound_access_tokens,
            group=row.group_demands,
        )
        bound = self.claims.binding
        missing = demanded.missing(dpop=bound.jkt is not None, certificate=bound.x5t is not None)
        if missing is not None:
            raise invalid_token(missing, "Bearer" if bound.jkt is None else SCHEME)


def _as_anonymous(_session: Session, _now: int) -> Actor:
    return ANONYMOUS


def identify() -> Identify:
    """How this request's transactions learn who acts."""
    found: Identify = g.get("identify", _as_anonymous)
    return found


def origin() -> Request:
    """Our id of this request, and the caller's network address as far as trusted proxies tell it."""
    if "origin" not in g:
        g.origin = Request(network=certificates.caller(runtime().config))
    found: Request = g.origin
    return found


class requires:  # noqa: N801 - it reads as a decorator
    """Declare who may call a view: a token with any of these scopes.

    Args:
        anonymous: also let callers without a token in, where the operator turned public reading on.
        person: only a user, through a personal client.
    """

    def __init__(self, *scopes: Scope, anonymous: bool = False, person: bool = False) -> None:
        self.scopes = scopes
        self.anonymous = anonymous
        self.person = person

    def __call__(self, view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            self._admit()
            return view(*args, **kwargs)

        guarded._apidoc = deepcopy(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
        scopes = [scope.value for scope in self.scopes]
        security: list[dict[str, list[str]]] = [{"oauth": [scope]} for scope in scopes] or [{"oauth": []}]
        if self.anonymous:
            security.append({})
        guarded._apidoc.setdefault("manual_doc", {})["security"] = security  # type: ignore[attr-defined]
        guarded._requires = self  # type: ignore[attr-defined]
        return guarded

    @staticmethod
    def nothing(view: View) -> View:
        """Declare that a view needs no token: token endpoint, metadata, health."""
        view._apidoc = deepcopy(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
        view._apidoc.setdefault("manual_doc", {})["security"] = []  # type: ignore[attr-defined]
        view._requires = None  # type: ignore[attr-defined]
        return view

    def _admit(self) -> None:
        house = runtime()
        header = request.headers.get("Authorization")
        if header is None and self.anonymous and house.config.public_reading:
            limits.hit_network(origin().network)
            return
        try:
            claims, proof = _shown(house, header)
            g.identify = Standing(claims, network=origin().network)
            with house.db.read() as session:
                actor = g.identify(session, house.clock())
            limits.hit_client(actor.client_id or "")
            if proof is not None:
                sender.spend(house, proof)
        except Unauthenticated:
            count_refusal()
            raise
        self._check(house, actor)

    def _check(self, house: Runtime, actor: Actor) -> None:
        wanted = [scope.value for scope in self.scopes]
        if wanted and not actor.scopes.intersection(wanted):
            reason, detail = "insufficient_scope", f"This needs the scope {' or '.join(wanted)}."
        elif self.person and actor.user_id is None:
            reason, detail = "needs_person", "A person must do this: use a personal client."
        else:
            return
        asked = f"{request.method.lower()}.{request.endpoint}"
        receipts.note(record.refuse(house, actor, origin(), asked, reason))
        raise Forbidden(detail, reason=reason, scope=" ".join(wanted), audited=True)


def count_refusal() -> None:
    """Count a request without a valid identity: limited per network first, one audit entry per minute."""
    house = runtime()
    limits.hit_network(origin().network)
    count(house.db, origin().network or "unknown", house.clock())


def _shown(house: Runtime, header: str | None) -> tuple[Claims, Proof | None]:
    """What the token says, sent by whom it is bound to; with the proof that was shown, to be used up."""
    if header is None:
        raise Unauthenticated("Send an access token: Authorization: Bearer …, or DPoP …", reason="")
    scheme, _, rest = header.partition(" ")
    token = rest.strip()
    if scheme.lower() not in sender.SCHEMES or not token:
        detail = "Send the access token as: Authorization: Bearer …, or DPoP …"
        raise Unauthenticated(detail, reason="invalid_request")
    claims = verify(house, token, _published(house, token))
    return claims, sender.check(house, claims.binding, scheme.lower(), token)


def _published(house: Runtime, token: str) -> KeySet:
    """The published token keys, read again when a token names one that this process does not hold yet."""
    held: tuple[KeySet, int] | None = current_app.extensions.get("halyard-token-keys")
    now = house.clock()
    if held is None or held[1] <= now or _kid(token) not in {key.kid for key in held[0].keys}:
        with house.db.read() as session:
            held = public_keys(house, session), now + _KEYS_HELD
        current_app.extensions["halyard-token-keys"] = held
    return held[0]


def _kid(token: str) -> str | None:
    """The key id that an unverified token names; only used to decide whether to read the keys again."""
    try:
        found = extract_compact(token.encode()).headers().get("kid")
    except (JoseError, ValueError):
        return None
    return found if isinstance(found, str) else None
