"""Every page is read by axe: wide and narrow, light and dark, WCAG 2.2 level AA; and nothing sticks out."""

from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.coalition import RETRACTED, VERSION
from tests.browser.conftest import NARROW, WIDE, Site, sign_in

pytestmark = pytest.mark.slow

LEVEL = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
}
COLOURS = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
"""All that the dark scheme can change: it has other colours, and nothing else."""
PAGES = {
    "overview": "/console",
    "overview of 90 days": "/console?days=90",
    "log": "/console/log",
    "log, filtered": "/console/log?decision=refused&since=2020-01-01",
    "log, nonsense": "/console/log?member=x&since=never&version=1.0.0",
    "log, nothing found": "/console/log?until=2020-01-01",
    "entry": "/console/entries/{entry}",
    "members": "/console/members",
    "member": "/console/members/{member}",
    "matrix": "/console/matrix",
    "recipients": "/console/recipients",
    "recipients of a version": "/console/recipients?collection={set}&version=" + VERSION,
    "recipients of a retracted version": "/console/recipients?collection={set}&version=" + RETRACTED,
    "recipients, nonsense": "/console/recipients?collection=none&version=one",
    "checkpoints": "/console/checkpoints",
    "checkpoints compared": "/console/checkpoints?from={old}&to={new}",
    "checkpoints, nonsense": "/console/checkpoints?from=1&to=x",
    "checkpoint": "/console/checkpoints/{old}",
    "nothing here": "/console/nothing",
    "account": "/console/account",
}
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
OPEN = {"sign in": "/console/sign-in", "invitation": "/console/invitation"}


@pytest.fixture
def page(chromium: Browser, site: Site, backend: str) -> Iterator[Page]:
    if backend != "sqlite":
        pytest.skip("pages are the same on both databases")
    context = chromium.new_context(bypass_csp=True, viewport=WIDE)  # type: ignore[arg-type]
    page = context.new_page()
    yield page
    context.close()


def test_every_page_passes_at_both_widths_light_and_dark(page: Page, site: Site) -> None:
    found: list[str] = []
    for name, address in OPEN.items():
        page.goto(f"{site.url}{address}")
        found += looked_at(page, name)
    sign_in(page, site.url, site.reader)
    named = addresses(page, site)
    for name, address in PAGES.items():
        page.goto(site.url + address.format(**named))
        found += looked_at(page, name)
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, site.url, site.newcomer)
    found += looked_at(page, "no role yet")
    assert found == []


def addresses(page: Page, site: Site) -> dict[str, str]:
    """What the addresses of pages name."""
    page.goto(f"{site.url}/console/log?action=version.read&decision=released")
    entry = page.locator("a[href^='/console/entries/']").first.get_attribute("href") or ""
    page.goto(f"{site.url}/console/checkpoints")
    sizes = page.locator("tbody th a").evaluate_all(
        "links => links.map(link => link.pathname.split('/').pop())"
    )
    return {
        "entry": entry.rpartition("/")[2], "member": site.coalition.bank.id, "set": site.coalition.set_id,
        "old": sizes[-1], "new": sizes[0],
    }  # fmt: skip


def looked_at(page: Page, name: str) -> list[str]:
    """What is wrong with a page, at both widths and in both schemes."""
    wrong: list[str] = []
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if beyond > 0:
            wrong.append(f"{name}, {size['width']}: {beyond} pixels stick out")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            told = Axe().run(page, options=LEVEL if scheme == "light" else COLOURS)
            wrong += [
                f"{name}, {size['width']}, {scheme}: {one['id']}: {node['html']} {node['failureSummary']}"
                for one in told.response["violations"]
                for node in one["nodes"][:3]
            ]
    return wrong
