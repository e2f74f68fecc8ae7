"""Every route with a call that gets as far as the caller's rights let it: a new route must be added here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.policy.model import FEED, LIST, LOOKUP, SINGLE
from tests.policy.stocked import NOWHERE, OWN_STATEMENTS, REVIEW, Stocked

MARKING = {"tlp": "TLP:AMBER+STRICT", "pap": "PAP:RED", "audience": {"kind": "members"}}
UNTIL = "2030-01-01T00:00:00Z"
CLIENT = {
    "name": "Another",
    "auth_method": "client_secret_basic",
    "scopes": ["sets:read"],
    "purposes": ["detect"],
}
IN_GROUP = {"tlp": "TLP:AMBER", "pap": "PAP:AMBER", "audience": {"kind": "group", "group": "{id}"}}
NEW_SET = {"slug": "another", "title": "Another"}
STATEMENT = {"method": "case-review", "year": 2026, "survivors_consulted": False, "limits": "One case."}
NEW_LIST = {"slug": "another", "title": "Another", "types": ["sha256"]}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """How a route is asked, and on which surface of the table its answer is."""

    surface: str = NOWHERE
    query: str = ""
    body: Callable[[Stocked, dict[str, str]], Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    form: bool = False


def fixed(value: Any) -> Callable[[Stocked, dict[str, str]], Any]:
    return lambda _stocked, _ids: value


def narrowed(stocked: Stocked, _ids: dict[str, str]) -> Any:
    return MARKING | {"audience": {"kind": "members", "members": [stocked.world.named[0].id]}}


def new(extra: dict[str, Any]) -> Callable[[Stocked, dict[str, str]], Any]:
    return lambda stocked, ids: extra | {"marking": narrowed(stocked, ids)}


def values(stocked: Stocked, _ids: dict[str, str]) -> Any:
    return {"signals": [{"type": "sha256", "value": value} for value in stocked.values]}


ASKS: dict[tuple[str, str], Ask] = {
    # Sets
    ("GET", "/v1/sets"): Ask(surface=LIST, query="limit=1000"),
    ("POST", "/v1/sets"): Ask(body=new(NEW_SET)),
    ("GET", "/v1/sets/<ident:set_id>"): Ask(surface=SINGLE),
    ("PUT", "/v1/sets/<ident:set_id>/marking"): Ask(surface=SINGLE, body=narrowed),
    ("GET", "/v1/sets/<ident:set_id>/marking/proposals"): Ask(surface=REVIEW, query="limit=1000"),
    ("POST", "/v1/sets/<ident:set_id>/marking/proposals/<ident:proposal_id>/approval"): Ask(),
    ("DELETE", "/v1/sets/<ident:set_id>/marking/proposals/<ident:proposal_id>"): Ask(),
    ("GET", "/v1/sets/<ident:set_id>/draft"): Ask(surface=SINGLE),
    ("PUT", "/v1/sets/<ident:set_id>/draft"): Ask(
        surface=SINGLE, body=fixed({"content": {}}), headers={"If-Match": "*"}
    ),
    ("GET", "/v1/sets/<ident:set_id>/versions"): Ask(surface=SINGLE, query="limit=1000"),
    ("POST", "/v1/sets/<ident:set_id>/versions"): Ask(surface=SINGLE, body=fixed({"version": "2.0.0"})),
    ("GET", "/v1/sets/<ident:set_id>/versions/<version>"): Ask(surface=SINGLE),
    ("GET", "/v1/sets/<ident:set_id>/diff"): Ask(surface=SINGLE, query="from=1.0.0&to=1.1.0"),
    ("POST", "/v1/sets/<ident:set_id>/versions/<version>/deprecate"): Ask(
        surface=SINGLE, body=fixed({"successor": "1.1.0"})
    ),
    ("POST", "/v1/sets/<ident:set_id>/versions/<version>/retract"): Ask(
        surface=SINGLE, body=fixed({"reason": "wrong"})
    ),
    ("GET", "/v1/sets/<ident:set_id>/review"): Ask(surface=REVIEW, query="limit=1000"),
    ("POST", "/v1/sets/<ident:set_id>/review"): Ask(surface=REVIEW, body=fixed({"version": "2.0.0"})),
    ("GET", "/v1/sets/<ident:set_id>/review/<digest:digest>"): Ask(surface=REVIEW),
    ("GET", "/v1/sets/<ident:set_id>/review/<digest:digest>/comments"): Ask(
        surface=REVIEW, query="limit=1000"
    ),
    ("POST", "/v1/sets/<ident:set_id>/review/<digest:digest>/comments"): Ask(
        surface=REVIEW, body=fixed({"text": "A comment."})
    ),
    ("POST", "/v1/sets/<ident:set_id>/review/<digest:digest>/approval"): Ask(surface=REVIEW, body=fixed({})),
    ("POST", "/v1/sets/<ident:set_id>/review/<digest:digest>/return"): Ask(
        surface=REVIEW, body=fixed({"note": "Another threshold."})
    ),
    ("GET", "/v1/sets/<ident:set_id>/review/<digest:digest>/attestations"): Ask(surface=REVIEW),
    ("POST", "/v1/sets/<ident:set_id>/review/<digest:digest>/attestations"): Ask(
        surface=REVIEW, body=fixed(STATEMENT)
    ),
    ("GET", "/v1/sets/<ident:set_id>/versions/<version>/attestations"): Ask(surface=SINGLE),
    ("POST", "/v1/sets/<ident:set_id>/versions/<version>/attestations"): Ask(
        surface=SINGLE, body=fixed(STATEMENT)
    ),
    ("GET", "/v1/attestations"): Ask(surface=OWN_STATEMENTS, query="limit=1000"),
    ("POST", "/v1/attestations/<ident:attestation_id>/withdrawal"): Ask(body=fixed({"reason": "withdrawn"})),
    ("GET", "/v1/reminders"): Ask(surface=LIST, query="limit=1000"),
    ("GET", "/v1/sets/<ident:set_id>/recipients"): Ask(query="limit=1000"),
    # Signals
    ("GET", "/v1/signal-lists/"): Ask(surface=LIST, query="limit=1000"),
    ("POST", "/v1/signal-lists/"): Ask(body=new(NEW_LIST)),
    ("GET", "/v1/signal-lists/<ident:list_id>"): Ask(surface=SINGLE),
    ("PUT", "/v1/signal-lists/<ident:list_id>/marking"): Ask(surface=SINGLE, body=narrowed),
    ("GET", "/v1/signal-lists/<ident:list_id>/marking/proposals"): Ask(query="limit=1000"),
    ("POST", "/v1/signal-lists/<ident:list_id>/marking/proposals/<ident:proposal_id>/approval"): Ask(),
    ("DELETE", "/v1/signal-lists/<ident:list_id>/marking/proposals/<ident:proposal_id>"): Ask(),
    ("PUT", "/v1/signal-lists/<ident:list_id>/contributors"): Ask(
        surface=SINGLE, body=fixed({"contributors": "audience"})
    ),
    ("GET", "/v1/signal-lists/<ident:list_id>/signals"): Ask(
        surface=LIST, query="limit=1000&ending_by=2040-01-01T00:00:00Z"
    ),
    ("POST", "/v1/signal-lists/<ident:list_id>/signals"): Ask(body=values),
    ("POST", "/v1/signal-lists/<ident:list_id>/withdrawals"): Ask(
        body=lambda stocked, _ids: {"ids": [*stocked.signals.values()], "reason": "wrong"}
    ),
    ("POST", "/v1/signal-lists/<ident:list_id>/erasures"): Ask(
        body=lambda stocked, _ids: {
            "items": [{"id": value} for value in [*stocked.signals.values(), stocked.sealed_signal]]
            + [{"type": "sha256", "value": value} for value in stocked.values]
        }
    ),
    ("POST", "/v1/signal-lists/<ident:list_id>/markings"): Ask(
        body=lambda stocked, ids: {"ids": [*stocked.signals.values()], "marking": narrowed(stocked, ids)}
    ),
    ("GET", "/v1/signal-lists/<ident:list_id>/recipients"): Ask(query="limit=1000"),
    ("GET", "/v1/signals/<ident:signal_id>"): Ask(surface=SINGLE),
    ("PUT", "/v1/signals/<ident:signal_id>/marking"): Ask(surface=SINGLE, body=narrowed),
    ("GET", "/v1/signals/<ident:signal_id>/opinions"): Ask(surface=SINGLE, query="limit=1000"),
    ("PUT", "/v1/signals/<ident:signal_id>/opinions"): Ask(
        surface=SINGLE, body=fixed({"opinion": "agree", "reason": "reviewed"})
    ),
    ("DELETE", "/v1/signals/<ident:signal_id>/opinions"): Ask(surface=SINGLE),
    ("POST", "/v1/lookup"): Ask(surface=LOOKUP, body=values),
    # Feed
    ("GET", "/v1/changes"): Ask(surface=FEED, query="limit=1000"),
    ("GET", "/v1/subscriptions"): Ask(query="limit=1000"),
    ("POST", "/v1/subscriptions"): Ask(body=fixed({"name": "Another"})),
    ("GET", "/v1/subscriptions/<ident:subscription_id>"): Ask(),
    ("DELETE", "/v1/subscriptions/<ident:subscription_id>"): Ask(),
    ("GET", "/v1/subscriptions/<ident:subscription_id>/changes"): Ask(surface=FEED, query="limit=1000"),
    ("POST", "/v1/subscriptions/<ident:subscription_id>/ack"): Ask(body=fixed({"cursor": "none"})),
    # Members, clients, groups
    ("GET", "/v1/me"): Ask(surface=LIST, query="limit=1000"),
    ("GET", "/v1/members"): Ask(query="limit=1000"),
    ("POST", "/v1/members"): Ask(body=fixed({"name": "Another", "sector": "ngo"})),
    ("GET", "/v1/members/<ident:member_id>"): Ask(),
    ("DELETE", "/v1/members/<ident:member_id>"): Ask(),
    ("POST", "/v1/members/<ident:member_id>/suspension"): Ask(),
    ("DELETE", "/v1/members/<ident:member_id>/suspension"): Ask(),
    ("PUT", "/v1/members/<ident:member_id>/attributes/<name>"): Ask(body=fixed({"valid_until": UNTIL})),
    ("DELETE", "/v1/members/<ident:member_id>/attributes/<name>"): Ask(),
    ("GET", "/v1/members/<ident:member_id>/users"): Ask(query="limit=1000"),
    ("POST", "/v1/members/<ident:member_id>/users"): Ask(body=fixed({"handle": "another"})),
    ("DELETE", "/v1/members/<ident:member_id>/users/<ident:user_id>"): Ask(),
    ("GET", "/v1/members/<ident:member_id>/clients"): Ask(query="limit=1000"),
    ("POST", "/v1/members/<ident:member_id>/clients"): Ask(body=fixed(CLIENT)),
    ("GET", "/v1/members/<ident:member_id>/clients/<ident:client_id>"): Ask(),
    ("PATCH", "/v1/members/<ident:member_id>/clients/<ident:client_id>"): Ask(
        body=fixed({"expires_at": UNTIL, "networks": None})
    ),
    ("DELETE", "/v1/members/<ident:member_id>/clients/<ident:client_id>"): Ask(),
    ("POST", "/v1/members/<ident:member_id>/clients/<ident:client_id>/rotation"): Ask(body=fixed({})),
    ("PUT", "/v1/members/<ident:member_id>/clients/<ident:client_id>/binding"): Ask(
        body=fixed({"dpop_bound_access_tokens": True, "tls_client_certificate_bound_access_tokens": False})
    ),
    ("GET", "/v1/groups"): Ask(query="limit=1000"),
    ("POST", "/v1/groups"): Ask(body=fixed({"name": "Another", "terms": "Terms."})),
    ("GET", "/v1/groups/<ident:group_id>"): Ask(),
    ("PATCH", "/v1/groups/<ident:group_id>"): Ask(body=fixed({"terms": "Other terms."})),
    ("GET", "/v1/groups/<ident:group_id>/keys"): Ask(),
    ("PUT", "/v1/groups/<ident:group_id>/keys/<key_id>"): Ask(body=fixed({"epoch": 1})),
    ("POST", "/v1/groups/<ident:group_id>/invitations"): Ask(
        body=lambda stocked, _ids: {"member": stocked.callers["member"].member.id}
    ),
    ("POST", "/v1/groups/<ident:group_id>/acceptance"): Ask(body=fixed({"terms_version": 1})),
    ("PUT", "/v1/groups/<ident:group_id>/members/<ident:member_id>"): Ask(),
    ("DELETE", "/v1/groups/<ident:group_id>/members/<ident:member_id>"): Ask(),
    ("PUT", "/v1/collections/<ident:collection_id>/releases/<ident:downstream_id>"): Ask(),
    ("DELETE", "/v1/collections/<ident:collection_id>/releases/<ident:downstream_id>"): Ask(),
    # Audit
    ("GET", "/v1/audit/entries"): Ask(query="limit=1000"),
    ("GET", "/v1/audit/entries/<ident:entry_id>"): Ask(),
    ("GET", "/v1/audit/entries/<ident:entry_id>/proof"): Ask(),
    ("GET", "/v1/audit/entries/<ident:entry_id>/receipt"): Ask(),
    ("GET", "/v1/audit/export"): Ask(),
    ("GET", "/v1/audit/checkpoint"): Ask(),
    ("GET", "/v1/audit/tile/<level>/<tiles:path>"): Ask(),
    ("GET", "/v1/audit/tile/entries/<tiles:path>"): Ask(),
    ("GET", "/v1/audit/proof"): Ask(query="index=0"),
    ("GET", "/v1/audit/consistency"): Ask(query="from=1"),
    # OAuth and operations
    ("POST", "/oauth/token"): Ask(body=fixed({"grant_type": "client_credentials"}), form=True),
    ("POST", "/oauth/revoke"): Ask(body=fixed({"token": "none"}), form=True),
    ("POST", "/oauth/introspect"): Ask(body=fixed({"token": "none"}), form=True),
    ("GET", "/.well-known/oauth-authorization-server"): Ask(),
    ("GET", "/.well-known/jwks.json"): Ask(),
    ("GET", "/.well-known/halyard"): Ask(),
    ("GET", "/healthz"): Ask(),
    ("GET", "/readyz"): Ask(),
    ("GET", "/metrics"): Ask(),
    ("GET", "/openapi.json"): Ask(),
    ("GET", "/docs"): Ask(),
    ("GET", "/docs/<name>"): Ask(),
}
