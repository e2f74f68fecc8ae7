"""The auditor's job, done by a person in a browser: with no script, and by keyboard alone."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.coalition import RETRACTED, VERSION
from tests.browser.conftest import NARROW, WIDE, Site, sign_in
from tests.stories.server import ROOT

pytestmark = pytest.mark.slow


def verify(*arguments: str, site: Site, folder: Path) -> str:
    """What `halyard audit verify` says on a machine of the auditor's own; it must hold."""
    command = [sys.executable, "-m", "app.cli", "audit", "verify", *arguments]
    command += [part for key in site.keys for part in ("--key", key)]
    told = subprocess.run(
        [*command, "--state", str(folder / "state.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def saved(page: Page, link: str, folder: Path) -> Path:
    """The file behind a link, as the browser saves it."""
    with page.expect_download() as expected:
        page.get_by_role("link", name=link).click()
    path = folder / expected.value.suggested_filename
    expected.value.save_as(path)
    return path


def test_the_auditor_finds_who_received_a_version_sees_the_proof_and_exports(
    chromium: Browser, site: Site, tmp_path: Path
) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport=WIDE, accept_downloads=True)  # type: ignore[arg-type]
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    sign_in(page, site.url, site.auditor)
    expect(page).to_have_title(re.compile("^Overview"))

    page.get_by_role("link", name="Log", exact=True).click()
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Action").select_option("version.published")
    page.get_by_role("button", name="Show entries").click()
    page.get_by_role("link", name=VERSION, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Who received a version?")
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows.filter(has_text=site.coalition.bank.name)).to_have_count(1)
    expect(rows.filter(has_text=site.coalition.platform.name)).to_have_count(1)
    expect(page.get_by_text(site.coalition.outsider.name)).to_have_count(0)

    bank = rows.filter(has_text=site.coalition.bank.name)
    bank.get_by_role("link", name="open the first entry").click()
    expect(page.get_by_role("heading", name="The proof holds")).to_be_visible()
    expect(page.get_by_text("same as computed")).to_be_visible()
    expect(page.get_by_text("signature verified")).to_be_visible()
    receipt = saved(page, "Download the receipt", tmp_path)
    verify("--receipt", str(receipt), site=site, folder=tmp_path)
    who_lacks_the_retraction(page, site)
    takes_the_log_along(page, site, tmp_path)

    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{site.url}/console/log")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert {url.split("/")[2] for url in asked} == {site.url.split("/")[2]}, (
        "no other host is asked for anything"
    )
    context.close()


def who_lacks_the_retraction(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/console/recipients?collection={site.coalition.set_id}&version={RETRACTED}")
    expect(page.get_by_text("1 of 2 recipients has not been handed the retraction")).to_be_visible()
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows.filter(has_text=site.coalition.platform.name)).to_contain_text("not told yet")


def takes_the_log_along(page: Page, site: Site, folder: Path) -> None:
    """The selection, the whole log and a table; the first two are proven without the server."""
    page.goto(f"{site.url}/console/log?member={site.coalition.bank.id}&collection={site.coalition.set_id}")
    selection = saved(page, "NDJSON", folder)
    lines = [json.loads(line) for line in selection.read_text().splitlines()]
    entries = [line["entry"] for line in lines if "entry" in line]
    assert entries
    assert {entry["actor"]["member"] for entry in entries} == {site.coalition.bank.id}
    verify(str(selection), site=site, folder=folder)
    page.goto(f"{site.url}/console/log")
    whole = saved(page, "NDJSON", folder)
    verify(str(whole), site=site, folder=folder)
    table = saved(page, "CSV", folder)
    assert len(table.read_text().splitlines()) > len(entries)


def test_the_owner_of_a_set_reads_on_a_phone_by_keyboard_alone(chromium: Browser, site: Site) -> None:
    context = chromium.new_context(viewport=NARROW, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    broken: list[str] = []
    page.on("console", lambda said: broken.append(said.text) if said.type == "error" else None)
    sign_in(page, site.url, site.analyst)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.goto(f"{site.url}/console/recipients")
    page.get_by_label("Set", exact=True).focus()
    page.keyboard.type("livestream-payments")
    page.keyboard.press("Tab")
    page.keyboard.type(VERSION)
    page.keyboard.press("Enter")
    expect(page.get_by_text(site.coalition.bank.name)).to_be_visible()
    link = page.get_by_role("link", name="open the last entry").first
    link.focus()
    assert link.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_text("You see that part of the entry which concerns you")).to_be_visible()
    assert broken == [], "the policy of the content blocks nothing of ours"
    context.close()
