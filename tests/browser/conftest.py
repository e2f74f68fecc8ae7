"""A real server with a past, people who can sign in to it, and a real browser.

Chromium is Debian's. Where there is none these tests are skipped, unless HALYARD_TEST_BROWSER=required.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.clock import DAY, system_clock
from app.config import Config
from app.main import create_app
from app.members.people.models import UserRole
from app.runtime import Runtime
from app.upgrade import prepare
from schemas.vocabulary import Role, Sector
from tests.browser.coalition import Coalition, fill
from tests.conftest import NewDatabase
from tests.console.entering import PASSWORD, Someone, enrol
from tests.factories import Make
from tests.fakes import FakeClock, InlineAuditor
from tests.stories.server import Server, settings

REQUIRED = os.environ.get("HALYARD_TEST_BROWSER") == "required"
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server that runs, what is in its log, and who may look at it."""

    url: str
    keys: tuple[str, ...]
    """The log's verifier keys."""
    coalition: Coalition
    auditor: Someone
    reader: Someone
    """Another auditor: a code counts once, and tests follow each other within its time."""
    analyst: Someone
    newcomer: Someone
    """Has no role yet."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        if REQUIRED:
            pytest.fail("HALYARD_TEST_BROWSER=required, and there is no chromium")
        pytest.skip("there is no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(
    chromium: Browser, new_database_url: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder, url = tmp_path_factory.mktemp("site"), new_database_url()
    config = Config.from_env(settings(url, folder))
    clock = FakeClock()
    house = Runtime.assemble(config, now=clock, auditor=InlineAuditor)
    prepare(house)
    coalition = fill(house, clock, until=system_clock())
    clock.set(system_clock() - DAY // 2)
    people = _people(Make(house, create_app(house).test_client()), coalition)
    house.db.dispose()
    server = Server(url, folder)
    server.start()
    try:
        yield Site(url=server.url, keys=_keys(server.url), coalition=coalition, **people)
    finally:
        server.stop()
    assert server.faults() == []


def _people(make: Make, coalition: Coalition) -> dict[str, Someone]:
    """Enrolled through the pages, at a time that is over: their next codes count."""
    board = make.member("Oversight Board", sector=Sector.OVERSIGHT)
    found = {
        "auditor": enrol(make, board, "ada"),
        "reader": enrol(make, board, "joan"),
        "analyst": enrol(make, coalition.ngo, "grace"),
        "newcomer": enrol(make, board, "alan"),
    }
    roles = {"auditor": Role.AUDITOR, "reader": Role.AUDITOR, "analyst": Role.ANALYST}
    with make.runtime.db.write() as session:
        session.add_all(UserRole(user_id=found[who].user.id, role=role.value) for who, role in roles.items())
    return found


def _keys(url: str) -> tuple[str, ...]:
    known = httpx.get(f"{url}/.well-known/halyard", trust_env=False).json()["audit_log"]["keys"]
    return tuple(str(key["vkey"]) for key in known)


def sign_in(page: Page, url: str, someone: Someone) -> None:
    """Password, then the code that the person's device shows now."""
    page.goto(f"{url}/console")
    page.get_by_label("Handle").fill(someone.user.handle)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Code", exact=True).fill(pyotp.TOTP(someone.secret).now())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
