"""Health, readiness and metrics."""

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
