"""Rate limits: told in every answer, counted per client and per network, and in Redis for all processes."""

import socket
import uuid
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.config import Config, ConfigError
from app.main import create_app
from app.runtime import Runtime
from app.web.limits import PAUSE_SECONDS, Limits
from tests.factories import Caller, Make

REDIS = ("127.0.0.1", 6379)
REDIS_URL = "redis://127.0.0.1:6379/13"


def limited(runtime: Runtime, **changed: Any) -> FlaskClient:
    """Another process's server over the same database, with these settings."""
    return create_app(replace(runtime, config=replace(runtime.config, **changed))).test_client()


def through(http: FlaskClient, caller: Caller) -> Caller:
    return replace(caller, http=http)


def test_every_answer_says_what_is_left_of_the_callers_limit(runtime: Runtime, make: Make) -> None:
    bank = through(limited(runtime, rate_limit="3 per minute"), make.caller(make.member()))

    answers = [bank.get("/v1/me"), bank.get("/v1/nothing"), bank.get("/v1/members"), bank.get("/v1/groups")]

    assert answers[0].headers["RateLimit-Policy"] == '"client";q=3;w=60'
    told = [answer.headers.get("RateLimit", "").rpartition(";")[0] for answer in answers]
    assert told == ['"client";r=2', "", '"client";r=1', '"client";r=0']


def test_who_had_its_share_is_told_when_to_come_back_and_others_go_on(runtime: Runtime, make: Make) -> None:
    http = limited(runtime, rate_limit="2 per minute")
    bank, other = (through(http, make.caller(make.member())) for _ in range(2))
    assert [bank.get("/v1/me").status_code for _ in range(3)] == [200, 200, 429]

    refused = bank.get("/v1/me")

    assert refused.content_type == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert refused.headers["RateLimit"] == f'"client";r=0;t={refused.headers["Retry-After"]}'
    assert refused.headers["RateLimit-Policy"] == '"client";q=2;w=60'
    assert other.get("/v1/me").status_code == 200


def test_the_token_endpoint_is_limited_per_network_before_anything_else_is_done(
    runtime: Runtime, statements: list[str]
) -> None:
    http = limited(runtime, token_rate_limit="2 per minute")
    ask = {"grant_type": "client_credentials"}

    told = [http.post("/oauth/token", data=ask) for _ in range(2)]
    assert {answer.status_code for answer in told} == {401}
    assert told[0].headers["RateLimit-Policy"] == '"network";q=2;w=60'
    statements.clear()
    refused = http.post("/oauth/token", data=ask)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert statements == []

    elsewhere = http.post("/oauth/token", data=ask, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert elsewhere.status_code == 401


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_an_ipv6_site_counts_as_one_network(runtime: Runtime, first: str, second: str, *, same: bool) -> None:
    http = limited(runtime, token_rate_limit="1 per minute")

    answers = [http.post("/oauth/token", environ_base={"REMOTE_ADDR": at}) for at in (first, second)]

    assert [answer.status_code == 429 for answer in answers] == [False, same]


def test_a_token_that_is_not_valid_counts_for_the_network(runtime: Runtime) -> None:
    http = limited(runtime, token_rate_limit="1 per minute")
    headers = {"Authorization": "Bearer nonsense"}

    assert [http.get("/v1/me", headers=headers).status_code for _ in range(2)] == [401, 429]


def redis_answers() -> bool:
    try:
        with socket.create_connection(REDIS, 0.5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


@pytest.fixture
def redis_url() -> str:
    if not redis_answers():
        pytest.skip("no Redis answers on 127.0.0.1:6379")
    return REDIS_URL


def test_with_redis_the_limit_holds_across_processes(runtime: Runtime, make: Make, redis_url: str) -> None:
    settings = {"rate_limit": "3 per minute", "rate_limit_storage": redis_url}
    caller = make.caller(make.member())
    here, there = (through(limited(runtime, **settings), caller) for _ in range(2))

    statuses = [who.get("/v1/me").status_code for who in (here, there, here, there, here)]

    assert statuses == [200, 200, 200, 429, 429]


def test_in_memory_each_process_counts_for_itself(runtime: Runtime, make: Make) -> None:
    caller = make.caller(make.member())
    here, there = (through(limited(runtime, rate_limit="1 per minute"), caller) for _ in range(2))

    assert [who.get("/v1/me").status_code for who in (here, there, here)] == [200, 200, 429]


def test_while_redis_is_down_each_process_counts_for_itself_and_nothing_fails(
    runtime: Runtime, make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"rate_limit": "2 per minute", "rate_limit_storage": "redis://:hush@127.0.0.1:1/0"}
    bank = through(limited(runtime, **settings), make.caller(make.member()))

    assert [bank.get("/v1/me").status_code for _ in range(3)] == [200, 200, 429]

    said = capsys.readouterr().out
    assert said.count("rate-limit.store-failed") == 1
    assert "hush" not in said


def test_a_store_that_comes_back_counts_again(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(Config(rate_limit="5 per minute", rate_limit_storage=redis_url))
    key = uuid.uuid4().hex
    assert limits.hit(limits.client, key).remaining == 4
    monkeypatch.setattr(limits, "_left_alone_until", float("inf"))
    assert limits.hit(limits.client, key).remaining == 4  # its own count

    monkeypatch.setattr(limits, "_left_alone_until", -PAUSE_SECONDS)

    assert limits.hit(limits.client, key).remaining == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"rate_limit": "many"}, {"token_rate_limit": ""}, {"rate_limit_storage": "memcached://127.0.0.1"},
        {"rate_limit_storage": "http://127.0.0.1"},
    ],
)  # fmt: skip
def test_a_limit_that_cannot_be_read_stops_the_start(changed: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="HALYARD_"):
        Limits(replace(Config(), **changed))  # type: ignore[arg-type] # names of settings
