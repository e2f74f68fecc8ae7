"""Signing in through an OpenID provider: a real one on loopback, whose tokens are really signed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from joserfc.jwk import ECKey, OctKey

from app.audit.entry import Request
from app.errors import Conflict
from app.main import create_app
from app.members import users
from app.members.people import provider as accounts
from app.record import as_system, begin
from tests.browsing import Browser
from tests.console.an_openid_provider import CLIENT, SECRET, Provider
from tests.console.entering import enrol, said
from tests.elsewhere import client_of, serving

BACK = "/console/sign-in/provider/back"
ACCOUNT = "/console/account"


@pytest.fixture
def provider(context, clock) -> Iterator[Provider]:
    made = Provider(clock)
    with serving(context, made.talk) as server:
        made.server, made.port = server, server.port
        yield made


@pytest.fixture
def served(make, provider, authority):
    """The server, told of this provider; returns what makes a new browser."""
    config = replace(
        make.runtime.config, oidc_issuer=provider.issuer, oidc_client_id=CLIENT, oidc_client_secret=SECRET,
        oidc_second_factor=("mfa", "hwk"),
    )  # fmt: skip
    runtime = replace(make.runtime, config=config, provider=client_of(provider.server, authority.trust()))
    app = create_app(runtime)
    return lambda: Browser(runtime, app.test_client())


@pytest.fixture
def someone(make, provider):
    """Has a device here, and an account there that is linked."""
    found = enrol(make)
    link(make, found.user, provider)
    return found


def link(make, user, provider, subject="subject-of-somebody"):
    with begin(make.runtime, as_system, Request()) as tx:
        accounts.link(tx, user.member_id, user.id, issuer=provider.issuer, subject=subject)


def go(browser, provider, goal=ACCOUNT):
    """To the provider and back; returns the query with which the browser comes back."""
    answer = browser.get("/console/sign-in/provider", query_string={"next": goal})
    assert answer.status_code == 303, answer.text
    return provider.authorise(answer.location)


def test_the_provider_with_a_second_factor_is_enough(make, served, provider, someone):
    provider.claims = {"amr": ["pwd", "mfa"]}
    browser = served()
    assert "Sign in through keys.bank.example" in browser.get("/console/sign-in").text
    answer = browser.get(f"{BACK}?{go(browser, provider)}")
    assert (answer.status_code, answer.location) == (303, ACCOUNT)
    assert someone.user.handle in browser.get(ACCOUNT).text
    assert said(make.runtime, "session.begun")[-1] == ("allowed", "provider", someone.user.id)


@pytest.mark.parametrize("claims", [{}, {"amr": ["pwd"]}, {"acr": "0"}, {"amr": "mfa"}])
def test_without_one_a_code_is_asked_for_here(make, served, provider, someone, claims):
    provider.claims = claims
    browser = served()
    answer = browser.get(f"{BACK}?{go(browser, provider)}")
    if claims == {"amr": "mfa"}:  # not a list: the token does not hold
        assert answer.status_code == 403
        return
    assert answer.location == "/console/sign-in/code?next=/console/account"
    assert browser.get(ACCOUNT).status_code == 303
    answer = browser.post("/console/sign-in/code", {"code": someone.code(), "next": ACCOUNT})
    assert answer.location == ACCOUNT
    assert browser.get(ACCOUNT).status_code == 200
    assert said(make.runtime, "session.begun")[-1][1] == "provider-totp"


def test_without_one_and_without_a_device_here_nobody_is_in(make, served, provider):
    user = make.user(make.member())
    link(make, user, provider)
    browser = served()
    answer = browser.get(f"{BACK}?{go(browser, provider)}")
    assert answer.status_code == 403
    assert "invitation" in answer.text
    assert said(make.runtime, "session.refused")[-1][1] == "no_second_factor"


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "somebody else"},
        {"aud": [CLIENT, "somebody else"]},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"iat": 99_999_999_999},
    ],
    ids=str,
)
def test_a_token_that_says_something_else_opens_nothing(make, served, provider, someone, lie):
    provider.claims = {"amr": ["mfa"], **lie}
    browser = served()
    answer = browser.get(f"{BACK}?{go(browser, provider)}")
    assert answer.status_code == 403
    assert browser.get(ACCOUNT).status_code == 303
    assert said(make.runtime, "session.refused")[-1] == ("refused", "provider_token", None)


@pytest.mark.parametrize("key", ["unknown", "shared"])
def test_a_token_that_another_key_signed_opens_nothing(make, served, provider, someone, key):
    provider.claims = {"amr": ["mfa"]}
    if key == "shared":  # the secret that both know must not count as a key
        provider.algorithm = "HS256"
        provider.signs_with = OctKey.import_key(SECRET * 4, {"kid": "one"})
        provider.metadata = {"id_token_signing_alg_values_supported": ["ES256", "HS256", "none"]}
    else:
        provider.signs_with = ECKey.generate_key("P-256", {"kid": "one"})
    browser = served()
    assert browser.get(f"{BACK}?{go(browser, provider)}").status_code == 403
    assert said(make.runtime, "session.refused")[-1][1] == "provider_token"


def test_a_new_key_of_the_provider_is_fetched(served, provider, someone):
    provider.claims = {"amr": ["mfa"]}
    first = served()
    first.get(f"{BACK}?{go(first, provider)}")
    provider.keys.insert(0, ECKey.generate_key("P-256", {"kid": "two"}))
    second = served()
    assert second.get(f"{BACK}?{go(second, provider)}").status_code == 303
    assert someone.user.handle in second.get(ACCOUNT).text


def test_a_way_back_counts_once_for_its_browser_and_not_for_long(make, served, provider, someone):
    provider.claims = {"amr": ["mfa"]}
    browser, other = served(), served()
    query = go(browser, provider)
    other.get("/console/sign-in")
    assert other.get(f"{BACK}?{query}").status_code == 403, "another browser"
    assert browser.get(f"{BACK}?{query}").status_code == 403, "which used it up"
    query = go(browser, provider)
    assert browser.get(f"{BACK}?{query}").status_code == 303
    assert browser.get(f"{BACK}?{query}").status_code == 403, "a second time"
    query = go(browser, provider)
    make.runtime.clock.advance(10 * 60)
    assert browser.get(f"{BACK}?{query}").status_code == 403, "too late"
    assert browser.get(f"{BACK}?code=code-1&state=made-up").status_code == 403
    assert browser.get(BACK).status_code == 403
    assert {one[1] for one in said(make.runtime, "session.refused")} == {"provider_state"}


def test_a_code_that_is_not_that_of_this_way_opens_nothing(make, served, provider, someone):
    """A code that was caught elsewhere and is planted here fails at its proof key."""
    provider.claims = {"amr": ["mfa"]}
    victim, thief = served(), served()
    stolen = go(victim, provider).split("&")[0]
    own = go(thief, provider).split("&")[1]
    assert thief.get(f"{BACK}?{stolen}&{own}").status_code == 403
    assert said(make.runtime, "session.refused")[-1][1] == "provider_code"


def test_what_the_provider_refuses_and_who_it_is_not_is_told(make, served, provider, someone):
    provider.claims = {"amr": ["mfa"]}
    browser = served()
    state = go(browser, provider).split("&")[1]
    assert browser.get(f"{BACK}?error=access_denied&{state}").status_code == 403
    assert said(make.runtime, "session.refused")[-1][1] == "provider_refused"
    query = go(browser, provider)
    assert browser.get(f"{BACK}?{query}&iss=https://elsewhere.example").status_code == 403
    assert said(make.runtime, "session.refused")[-1][1] == "provider_issuer"


def test_an_account_that_is_linked_to_nobody_makes_no_user(make, served, provider, someone):
    provider.subject, provider.claims = "somebody-unknown", {"amr": ["mfa"]}
    browser = served()
    answer = browser.get(f"{BACK}?{go(browser, provider)}")
    assert answer.status_code == 403
    assert "linked to no user" in answer.text
    assert said(make.runtime, "session.refused")[-1][1] == "unknown_account"
    with begin(make.runtime, as_system, Request(), moves_policy=True) as tx:
        users.disable(tx, someone.member.id, someone.user.id)
    provider.subject = "subject-of-somebody"
    assert browser.get(f"{BACK}?{go(browser, provider)}").status_code == 403


def test_one_account_is_one_user_until_it_is_unlinked(make, served, provider, someone):
    other = make.user(make.member())
    with pytest.raises(Conflict):
        link(make, other, provider)
    provider.claims = {"amr": ["mfa"]}
    browser = served()
    browser.get(f"{BACK}?{go(browser, provider)}")
    assert browser.get(ACCOUNT).status_code == 200
    with begin(make.runtime, as_system, Request()) as tx:
        accounts.unlink(tx, someone.member.id, someone.user.id)
    assert browser.get(ACCOUNT).status_code == 303
    assert browser.get(f"{BACK}?{go(browser, provider)}").status_code == 403


def test_a_provider_that_does_not_answer_is_said_to_be_away(served, provider):
    provider.metadata = {"issuer": "https://elsewhere.example"}
    answer = served().get("/console/sign-in/provider")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    provider.metadata = {}
    assert served().get("/console/sign-in/provider").status_code == 303


def test_without_a_provider_there_is_no_such_page(make):
    assert make.http.get("/console/sign-in/provider").status_code == 404
    assert make.http.get(BACK).status_code == 404
    assert "Sign in through" not in make.http.get("/console/sign-in").text
