"""The authorization server: Authlib's flow, with our rules, our transactions and our answers.

One `Server` serves one request. Everything that Authlib leaves untyped stays in this file and in
`oauth_assertion`. A client is authenticated before any transaction for writing is open; what follows happens
in one, in which the client must still be what it was when it proved itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2 import AuthorizationServer, OAuth2Error
from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from app import record
from app.api import oauth_binding as binding
from app.api.oauth_assertion import Assertion, BySecret, Proof, Registered, failed
from app.audit.entry import Request
from app.clock import SECOND
from app.errors import Conflict, Unauthenticated
from app.events import Subject
from app.members import sign_in
from app.question import Actor
from app.record import Tx
from app.runtime import Runtime
from app.web import tokens
from app.web.identity import Standing, count_refusal
from app.web.tokens import Claims
from schemas.vocabulary import ClientAuth

METHODS = (ClientAuth.PRIVATE_KEY_JWT.value, ClientAuth.SECRET_BASIC.value)
_REMEMBERED = 60 * SECOND
"""How long a revocation outlives its token: more than the leeway with which tokens are verified."""

_TEXTS = {"unsupported_grant_type": "This server offers grant_type=client_credentials only."}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An OAuth answer, ready to be rendered."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


class Exchange(OAuth2Request):  # type: ignore[misc] # Authlib ships no types
    """One request to an OAuth endpoint. Parameters come from the form body only, never from the query."""

    def __init__(self, endpoint: str, authorization: str | None, form: Iterable[tuple[str, str]]) -> None:
        # TLS ends at the proxy, and HALYARD_ISSUER says so: Authlib would look at the last hop instead
        super().__init__("POST", f"https://{endpoint}.invalid/")
        self.authorization = authorization
        pairs = list(form)
        self._form = {name: value for name, value in pairs if value}
        self.repeated = len({name for name, _ in pairs}) < len(pairs)
        self.payload = BasicOAuth2Payload(self._form)
        self.endpoint = endpoint
        self.proof: Proof | None = None

    @property
    def form(self) -> dict[str, str]:
        return self._form

    @property
    def proven(self) -> Proof:
        if self.proof is None:
            raise failed()
        return self.proof

    def text(self, name: str) -> str:
        """A parameter that must be there."""
        value = self._form.get(name)
        if value is None:
            raise InvalidRequestError(f"Send the parameter {name} in a form body.")
        return value


class Server(AuthorizationServer):  # type: ignore[misc] # Authlib ships no types
    def __init__(self, house: Runtime, origin: Request) -> None:
        super().__init__()
        self._house = house
        self._origin = origin
        self.register_client_auth_method(METHODS[0], Assertion(house))
        self.register_client_auth_method(METHODS[1], BySecret(house))
        self.register_grant(_Credentials)
        self.register_endpoint(_Revocation)
        self.register_endpoint(_Introspection)

    # What the endpoints do

    def issue(self, asked: Exchange) -> dict[str, Any]:
        """Mint a token with the scopes and the purpose that were asked for (RFC 6749 section 4.4)."""
        candidate = asked.proven.candidate
        scopes, purpose = _scopes(asked), _purpose(asked)
        shown = binding.shown(self._house, candidate.demand)
        with self._begin(asked, scopes=scopes, purpose=purpose) as tx:
            client = sign_in.issue(tx, asked.proven.spent, shown.proof)
            token, claims = tokens.mint(
                self._house, tx.session, client, scopes, purpose, tx.now, shown.binding
            )
        return {
            "access_token": token,
            "token_type": shown.binding.token_type,
            "expires_in": tokens.LIFETIME_SECONDS,
            "scope": " ".join(sorted(claims.scopes & candidate.scopes)),
            "purpose": claims.purpose,
        }

    def revoke(self, asked: Exchange) -> None:
        """Revoke a token of the client's own; one that is none, or ended, is answered the same (RFC 7009)."""
        claims = self._claims(asked.text("token"))
        if claims is not None and claims.client_id != asked.proven.candidate.id:
            raise InvalidGrantError("A token is revoked by the client that it was issued to.")
        ends = (claims.jti, claims.expires_at * SECOND + _REMEMBERED) if claims is not None else None
        with self._begin(asked, moves_policy=True) as tx:
            sign_in.revoke(tx, asked.proven.spent, ends)

    def introspect(self, asked: Exchange) -> dict[str, Any]:
        """Say whether a token of the client's own member stands now; of others nothing (RFC 7662)."""
        claims = self._claims(asked.text("token"))
        if claims is not None and claims.member_id != asked.proven.candidate.member_id:
            claims = None
        with self._begin(asked) as tx:
            actor = _stands(tx, claims) if claims is not None else None
            about = claims.client_id if claims is not None and actor is not None else None
            sign_in.introspect(tx, asked.proven.spent, about, active=actor is not None)
        if claims is None or actor is None:
            return {"active": False}
        return {
            "active": True,
            "iss": self._house.config.issuer,
            "aud": self._house.config.issuer,
            "sub": claims.user_id or claims.client_id,
            "client_id": claims.client_id,
            "member": claims.member_id,
            "scope": " ".join(sorted(actor.scopes)),
            "purpose": claims.purpose,
            "token_type": claims.binding.token_type,
            "exp": claims.expires_at,
            "jti": claims.jti,
            **({"cnf": claims.binding.cnf} if claims.binding else {}),
        }

    # What Authlib asks

    def query_client(self, client_id: str) -> Registered | None:
        with self._house.db.read() as session:
            found = sign_in.find(session, client_id)
        return Registered(found) if found is not None else None

    def authenticate_client(
        self, request: Exchange, methods: Iterable[str], endpoint: str = "token"
    ) -> Registered:
        if request.repeated:
            raise InvalidRequestError("Send every parameter once.")
        if "client_assertion" in request.form and request.authorization is not None:
            raise InvalidRequestError("Authenticate in one way: by assertion or by secret.")
        super().authenticate_client(request, methods, endpoint)
        candidate = request.proven.candidate
        if request.form.get("client_id", candidate.id) != candidate.id:
            raise failed("client_id is not the client that authenticated.")
        if not candidate.stands(self._house.clock()):
            raise failed("This client may not act now. Ask the coalition's operator.")
        if not candidate.may_call_from(self._origin.network):
            raise failed("This client may not call from this network. Ask the coalition's operator.")
        return Registered(candidate)

    def create_token_response(self, request: Exchange) -> Answer:
        try:
            request.text("grant_type")
        except InvalidRequestError as error:
            return self.handle_error_response(request, error)
        answer: Answer = super().create_token_response(request)
        return answer

    def create_oauth2_request(self, request: Exchange) -> Exchange:
        return request

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens: what happens is recorded in its transaction."""

    def handle_response(self, status: int, body: Mapping[str, Any], _headers: object) -> Answer:
        return Answer(status=status, body=body)

    def handle_error_response(self, request: Exchange, error: OAuth2Error) -> Answer:
        """Write the refusal down, then answer in the form of RFC 6749 section 5.2."""
        self._refused(request, error.error)
        text = _TEXTS.get(error.error) or error.description
        if error.error != "invalid_client":
            return Answer(status=400, body={"error": error.error, "error_description": text})
        if request.proof is None:
            text = failed().description
        challenge = f'Basic realm="halyard", error="invalid_client", error_description="{text}"'
        return Answer(
            status=401,
            body={"error": error.error, "error_description": text},
            headers={"WWW-Authenticate": challenge},
        )

    def _refused(self, asked: Exchange, reason: str) -> None:
        if asked.proof is None:
            count_refusal()
            return
        if asked.proof.spent is not None:
            with suppress(OAuth2Error), self._begin(asked) as tx:  # an assertion counts once, refused or not
                sign_in.spend(tx, asked.proof.spent)
        candidate = asked.proof.candidate
        subject = Subject(kind="client", id=candidate.id, owner_id=candidate.member_id)
        record.refuse(
            self._house, candidate.actor(), self._origin, _ACTIONS[asked.endpoint], reason,
            subjects=(subject,),
        )  # fmt: skip

    @contextmanager
    def _begin(
        self,
        asked: Exchange,
        *,
        scopes: frozenset[str] = frozenset(),
        purpose: str | None = None,
        moves_policy: bool = False,
    ) -> Iterator[Tx]:
        identify = sign_in.identify_as(asked.proven.candidate, scopes, purpose)
        try:
            with record.begin(self._house, identify, self._origin, moves_policy=moves_policy) as tx:
                yield tx
        except Unauthenticated as error:
            raise failed("This client may not act now. Ask the coalition's operator.") from error
        except Conflict as error:
            if error.reason == sign_in.PROOF_REPLAYED:
                raise binding.replayed() from error
            raise failed("This assertion was used before. Sign a new one with a new jti.") from error

    def _claims(self, token: str) -> Claims | None:
        with self._house.db.read() as session:
            keys = tokens.public_keys(self._house, session)
        try:
            return tokens.verify(self._house, token, keys)
        except Unauthenticated:
            return None


class _Credentials(ClientCredentialsGrant):  # type: ignore[misc] # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def validate_requested_scope(self) -> None:
        """Authlib would answer a scope that the client may not have with a token that has none."""
        _scopes(self.request)
        _purpose(self.request)

    def create_token_response(self) -> tuple[int, dict[str, Any], tuple[()]]:
        return 200, self.server.issue(self.request), ()


class _Revocation(RevocationEndpoint):  # type: ignore[misc] # Authlib ships no types
    CLIENT_AUTH_METHODS = METHODS

    def create_endpoint_response(self, request: Exchange) -> tuple[int, dict[str, Any], tuple[()]]:
        self.authenticate_endpoint_client(request)
        self.server.revoke(request)
        return 200, {}, ()


class _Introspection(IntrospectionEndpoint):  # type: ignore[misc] # Authlib ships no types
    CLIENT_AUTH_METHODS = METHODS

    def create_endpoint_response(self, request: Exchange) -> tuple[int, dict[str, Any], tuple[()]]:
        self.authenticate_endpoint_client(request)
        return 200, self.server.introspect(request), ()


TOKEN = "token"  # noqa: S105 - the name of an endpoint
REVOCATION = _Revocation.ENDPOINT_NAME
INTROSPECTION = _Introspection.ENDPOINT_NAME
_ACTIONS = {TOKEN: "token.issued", REVOCATION: "token.revoked", INTROSPECTION: "token.introspected"}


def _scopes(asked: Exchange) -> frozenset[str]:
    allowed = asked.proven.candidate.scopes
    wanted = frozenset(asked.form.get("scope", "").split())
    if not wanted <= allowed:
        raise InvalidScopeError(f"This client may have the scopes: {' '.join(sorted(allowed))}.")
    return wanted or allowed


def _purpose(asked: Exchange) -> str:
    candidate = asked.proven.candidate
    wanted = asked.form.get("purpose", candidate.default_purpose)
    if wanted not in candidate.purposes:
        allowed = ", ".join(sorted(candidate.purposes))
        raise InvalidRequestError(f"This client may ask for the purposes: {allowed}.")
    return wanted


def _stands(tx: Tx, claims: Claims) -> Actor | None:
    try:
        return Standing(claims, network=None, anywhere=True)(tx.session, tx.now)
    except Unauthenticated:
        return None
