"""Health, readiness and metrics."""

from dataclasses import replace

import pytest
from flask import request

from app.main import create_app
from schemas.vocabulary import Scope


def test_health_needs_no_token(http):
    assert http.get("/healthz").get_json() == {"status": "ok"}
    assert http.get("/readyz").get_json() == {"status": "ready"}


def test_metrics_need_a_scope(http, make):
    assert http.get("/metrics").status_code == 401
    bank = make.caller(make.member(), Scope.SETS_READ)
    assert bank.get("/metrics").status_code == 403
    operator = make.caller(make.member(), Scope.MEMBERS_ADMIN)
    assert b"halyard_request_seconds" in operator.get("/metrics").data


def test_an_unknown_path_is_a_problem_document(http):
    answer = http.get("/nothing")
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"


def test_a_wrong_method_names_the_right_ones(http):
    answer = http.post("/healthz")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(("proxies", "seen"), [(0, "127.0.0.1"), (1, "192.0.2.9"), (2, "198.51.100.7")])
def test_the_callers_address_comes_through_the_configured_number_of_proxies(runtime, proxies, seen):
    app = create_app(replace(runtime, config=replace(runtime.config, trusted_proxies=proxies)))
    addresses = []
    app.before_request(lambda: addresses.append(request.remote_addr))
    forwarded = "203.0.113.1, 198.51.100.7, 192.0.2.9"
    app.test_client().get("/healthz", headers={"X-Forwarded-For": forwarded})
    assert addresses == [seen]
