"""What holds for every route of the URL map; a new one is held to it from its first day."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app import errors
from app.config import Config
from app.main import create_app
from app.runtime import Runtime
from app.web import problems
from app.web.identity import requires
from schemas.vocabulary import Scope
from tests.conftest import SECRET
from tests.factories import Caller, Make

IDENT = "00000000-0000-4000-8000-000000000000"
MODIFYING = {"POST", "PUT", "PATCH", "DELETE"}
PUBLIC = {
    "oauth.token", "oauth.revoke", "oauth.introspect", "wellknown.oauth_metadata", "wellknown.token_keys",
    "wellknown.halyard", "audit-log.checkpoint", "operations.healthz", "operations.readyz", "docs.openapi",
    "docs.page", "docs.asset",
}  # fmt: skip
"""Endpoints that take no access token: token endpoints prove the client themselves."""
ANY_SCOPE = {
    "me.me", "members.list_members", "members.get_member", "members.list_users", "clients.list_clients",
    "clients.get_client", "groups.list_groups", "groups.get_group", "group-keys.list_keys",
    "audit-receipts.get_receipt",
}  # fmt: skip
"""Endpoints for every valid token: what a member may know by being one, and what is its own."""
PROBLEM = "application/problem+json"
GARBAGE = b'{"broken": '
ORIGIN = "https://console.example"


def an_app(**changed: Any) -> Flask:
    """The app without a database: enough to look at its routes."""
    return create_app(Runtime.assemble(Config(data_dir=Path("unused"), secret=SECRET, **changed)))


APP = an_app()
RULES = list(APP.url_map.iter_rules())
CALLS = sorted(
    (method, rule.rule, str(rule.endpoint))
    for rule in RULES
    for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
)
GUARDED = [call for call in CALLS if call[2] not in PUBLIC]


def address(rule: str) -> str:
    """A path of this rule; the things it names do not exist."""
    named = {"ident": IDENT, "digest": "0" * 64}
    return re.sub(r"<(?:(\w+):)?\w+>", lambda found: named.get(found[1], "1.0.0"), rule)


def call(http: FlaskClient, method: str, rule: str, **options: Any) -> TestResponse:
    return http.open(address(rule), method=method, **options)


def declaration(endpoint: str) -> requires | None:
    """Who may call a view, as it declares; None: everybody."""
    found: requires | None = APP.view_functions[endpoint].__dict__["_requires"]
    return found


def taken_in(endpoint: str) -> set[str]:
    """Where a view takes arguments by a schema: json, query, form."""
    documented = getattr(APP.view_functions[endpoint], "_apidoc", {})
    return {found["in"] for found in documented.get("arguments", {}).get("parameters", [])}


def check_problem(answer: TestResponse) -> None:
    """RFC 9457, with a request id and nothing to be stored."""
    assert answer.content_type == PROBLEM
    document = answer.get_json(force=True)
    assert document["status"] == answer.status_code
    assert document["type"].startswith("urn:halyard:problem:")
    assert document["title"]
    assert document["detail"]
    assert answer.headers["X-Request-Id"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_every_endpoint_declares_who_may_call_it(rule: Rule) -> None:
    view = APP.view_functions[rule.endpoint]
    assert hasattr(view, "_requires"), "put @requires(…) or @requires.nothing outermost"
    declared = declaration(rule.endpoint)
    assert (declared is None) is (rule.endpoint in PUBLIC)
    if declared is not None:
        assert (declared.scopes == ()) is (rule.endpoint in ANY_SCOPE)
        assert set(declared.scopes) <= set(Scope)
        assert not declared.anonymous or not set(rule.methods or ()) & MODIFYING


def test_no_name_in_the_lists_of_exceptions_is_left_over() -> None:
    assert {str(rule.endpoint) for rule in RULES} >= PUBLIC | ANY_SCOPE


def test_every_documented_route_says_which_scopes_it_needs() -> None:
    paths = APP.extensions["halyard-api"].spec.to_dict()["paths"]
    for rule in RULES:
        documented = paths.get(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        if str(rule.endpoint).startswith("docs."):
            continue
        assert documented, rule
        declared = declaration(rule.endpoint)
        scopes = {scope.value for scope in declared.scopes} if declared else set()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            security = documented[method.lower()]["security"]
            assert {scope for alternative in security for scope in alternative.get("oauth", ())} == scopes
            assert (security == []) is (declared is None)


@pytest.mark.parametrize("token", [None, "garbage", "Bearer garbage", "Basic Z2FyYmFnZQ=="])
def test_authentication_comes_before_everything_else(http: FlaskClient, token: str | None) -> None:
    headers = {"Authorization": token} if token else {}
    for method, rule, _ in GUARDED:
        answer = call(
            http,
            method,
            rule,
            data=GARBAGE,
            content_type="text/plain",
            query_string="no=such",
            headers=headers,
        )
        assert answer.status_code == 401, (method, rule)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert ("error=" in answer.headers["WWW-Authenticate"]) is (token is not None)
        check_problem(answer)


def test_a_token_without_the_scope_is_refused_before_everything_else_too(make: Make) -> None:
    member = make.member()
    tokens: dict[frozenset[Scope], Caller] = {}
    for method, rule, endpoint in GUARDED:
        declared = declaration(endpoint)
        if declared is None or not declared.scopes:
            continue
        others = frozenset(Scope) - frozenset(declared.scopes)
        caller = tokens.setdefault(others, make.caller(member, *sorted(others)))
        answer = caller._call(method, address(rule), data=GARBAGE, query_string="no=such")
        assert answer.status_code == 403, (method, rule)
        challenge = answer.headers["WWW-Authenticate"]
        assert 'error="insufficient_scope"' in challenge
        assert " ".join(scope.value for scope in declared.scopes) in challenge
        check_problem(answer)


def test_unknown_query_fields_are_refused(make: Make) -> None:
    person = make.caller(member := make.member(), user=make.user(member))
    taking = 0
    for method, rule, endpoint in GUARDED:
        if "query" in taken_in(endpoint):
            taking += 1
            answer = person._call(method, address(rule), query_string="no_such_field=1")
            assert answer.status_code == 422, (method, rule)
            pointers = [error["pointer"] for error in answer.get_json(force=True)["errors"]]
            assert "/no_such_field" in pointers, (method, rule)
            check_problem(answer)
    assert taking > 5


@pytest.mark.parametrize(
    "body", [b"", GARBAGE, b"[]", b'{"no_such_field": 1}', b"\xff", b'{"a": NaN}', b"null"]
)
def test_no_body_brings_a_server_error_or_another_form_of_error(make: Make, body: bytes) -> None:
    person = make.caller(member := make.member(), user=make.user(member))
    for method, rule, _ in GUARDED:
        if method in MODIFYING:
            answer = person._call(method, address(rule), data=body, content_type="application/json")
            assert 400 <= answer.status_code < 500, (method, rule)
            check_problem(answer)


def test_a_body_of_another_kind_is_unsupported(make: Make) -> None:
    person = make.caller(member := make.member(), user=make.user(member))
    for method, rule, endpoint in GUARDED:
        if "json" not in taken_in(endpoint):
            continue
        answer = person._call(method, address(rule), data=b"<a/>", content_type="application/xml")
        assert answer.status_code == 415, (method, rule)
        check_problem(answer)


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1/nothing", "/v1/sets/not-an-id", f"/v1/sets/{IDENT.upper()}A"]
)
def test_what_is_not_there_is_one_problem(http: FlaskClient, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 404
    check_problem(answer)


def test_a_method_that_is_not_offered_names_those_that_are(make: Make) -> None:
    caller = make.caller(make.member())
    offered: dict[str, set[str]] = {}
    for rule in RULES:
        offered.setdefault(rule.rule, set()).update(rule.methods or set())
    for rule_text, methods in offered.items():
        for method in {"GET", *MODIFYING} - methods:
            answer = caller._call(method, address(rule_text))
            assert answer.status_code == 405, (method, rule_text)
            assert set(answer.headers["Allow"].split(", ")) == methods
            check_problem(answer)


def test_no_route_answers_browsers_of_other_origins(http: FlaskClient) -> None:
    for method, rule, _ in CALLS:
        for asked in (method, "OPTIONS"):
            headers = {"Origin": ORIGIN, "Access-Control-Request-Method": method}
            answer = call(http, asked, rule, headers=headers)
            names = [name.lower() for name, _ in answer.headers]
            assert not [name for name in names if name.startswith("access-control-")], (asked, rule)


def test_only_a_configured_origin_is_answered() -> None:
    http = an_app(cors_origins=(ORIGIN,)).test_client()
    for origin in (ORIGIN, "https://elsewhere.example", "null", ORIGIN + ".example"):
        answer = http.get("/healthz", headers={"Origin": origin})
        assert answer.headers.get("Access-Control-Allow-Origin") == (ORIGIN if origin == ORIGIN else None)


def test_every_error_has_a_status() -> None:
    kinds = [
        found
        for _, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, errors.HalyardError) and found is not errors.HalyardError
    ]
    assert {kind.slug for kind in kinds} == set(problems.STATUS)
    assert len({kind.slug for kind in kinds}) == len(kinds)


def test_no_answer_names_the_server_or_may_be_sniffed(http: FlaskClient) -> None:
    answer = http.get("/healthz")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-Id"] == answer.headers["Halyard-Request-Id"]
    asked = http.get("/healthz", headers={"X-Request-Id": "ours-42"})
    assert asked.headers["X-Request-Id"] == "ours-42"
