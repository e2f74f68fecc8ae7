"""What holds for every route, whoever adds it."""

import pytest
from flask import request

from app import errors
from app.main import create_app
from app.web.problems import MEDIA_TYPE, STATUS
from schemas.vocabulary import Scope

ANY_ID = "00000000-0000-4000-8000-000000000000"
WITHOUT_TOKEN = {
    "/oauth/token",
    "/oauth/revoke",
    "/oauth/introspect",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
    "/.well-known/halyard",
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/docs",
    "/docs/<name>",
}
"""Routes that need no access token: a new one must be argued for here."""


def routes(app):
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield rule, method


def address(rule):
    return rule.build(dict.fromkeys(rule.arguments, ANY_ID), append_unknown=False)[1]


def test_every_view_declares_who_may_call_it(http):
    app = http.application
    for rule, _ in routes(app):
        view = app.view_functions[rule.endpoint]
        assert hasattr(view, "_requires"), f"{rule.rule} declares nothing: put @requires on it"
        open_to_all = view._requires is None
        assert open_to_all == (rule.rule in WITHOUT_TOKEN), rule.rule


def test_every_scope_is_asked_for_somewhere_or_belongs_to_later_work(http):
    app = http.application
    asked = {
        scope
        for rule, _ in routes(app)
        if (declared := app.view_functions[rule.endpoint]._requires) is not None
        for scope in declared.scopes
    }
    later = {
        Scope.SETS_ATTEST,
        Scope.PEERS_ADMIN,
        Scope.FEEDBACK_WRITE,
        Scope.FEDERATION_SYNC,
    }
    assert asked == set(Scope) - later


def test_authentication_comes_before_everything_that_is_sent(http):
    for rule, method in routes(http.application):
        if rule.rule in WITHOUT_TOKEN:
            continue
        answer = http.open(
            address(rule) + "?unknown=1", method=method, data=b"\xff{not json", content_type="text/x"
        )
        assert answer.status_code == 401, (method, rule.rule, answer.status_code)
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="halyard"'
        assert answer.content_type == MEDIA_TYPE


@pytest.mark.parametrize(
    "header", ["Basic abc", "Bearer", "Bearer x", "Bearer a.b.c", "bearer " + "a" * 9_000, "Bearer é"]
)
def test_what_is_no_token_is_refused_with_a_challenge(http, header):
    answer = http.get("/v1/sets", headers={"Authorization": header.encode().decode("latin-1")})
    assert answer.status_code == 401
    assert "error=" in answer.headers["WWW-Authenticate"]


def test_a_missing_scope_is_forbidden_and_says_which(make):
    caller = make.caller(make.member(), Scope.SIGNALS_READ)
    for rule, method in routes(caller.http.application):
        declared = caller.http.application.view_functions[rule.endpoint]._requires
        if declared is None or not declared.scopes or Scope.SIGNALS_READ in declared.scopes:
            continue
        answer = caller._call(method, address(rule))
        assert answer.status_code == 403, (method, rule.rule)
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
        assert declared.scopes[0] in answer.headers["WWW-Authenticate"]


def test_unknown_query_names_are_refused_wherever_a_query_is_read(make):
    caller = make.caller(make.member())
    for path in ("/v1/changes", "/v1/sets", "/v1/members", "/v1/signal-lists", "/v1/audit/entries"):
        answer = caller.get(path, query_string={"no-such-name": "1"})
        assert answer.status_code == 422, path
        assert answer.get_json()["errors"] == [{"pointer": "/no-such-name", "detail": "Unknown field."}]


def test_no_cross_origin_header_unless_the_operator_names_the_origin(http, runtime):
    asked = {"Origin": "https://console.example"}
    assert "Access-Control-Allow-Origin" not in http.get("/healthz", headers=asked).headers
    config = type(runtime.config)(
        **(runtime.config.__dict__ | {"cors_origins": ("https://console.example",)})
    )
    named = create_app(type(runtime)(**(runtime.__dict__ | {"config": config}))).test_client()
    answer = named.get("/healthz", headers=asked)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://console.example"
    other = named.get("/healthz", headers={"Origin": "https://other.example"})
    assert "Access-Control-Allow-Origin" not in other.headers


def test_every_kind_of_refusal_has_one_status(http):
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    slugs = {
        kind.slug
        for kind in kinds
        if issubclass(kind, errors.HalyardError) and kind is not errors.HalyardError
    }
    assert slugs == set(STATUS)


@pytest.mark.parametrize(("proxies", "seen"), [(0, "127.0.0.1"), (1, "192.0.2.9"), (2, "198.51.100.7")])
def test_the_caller_address_comes_through_the_configured_number_of_proxies(runtime, proxies, seen):
    config = type(runtime.config)(**(runtime.config.__dict__ | {"trusted_proxies": proxies}))
    app = create_app(type(runtime)(**(runtime.__dict__ | {"config": config})))
    addresses = []
    app.before_request(lambda: addresses.append(request.remote_addr))
    app.test_client().get("/healthz", headers={"X-Forwarded-For": "203.0.113.1, 198.51.100.7, 192.0.2.9"})
    assert addresses == [seen]
