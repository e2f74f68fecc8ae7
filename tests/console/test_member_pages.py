"""Members, the matrix, recipients and the overview: what they count and whom they name."""

from app.clock import DAY
from schemas.vocabulary import Role
from tests.browsing import Browser, signed_in
from tests.console.coalition import SLUG, VERSION, World, retract, settle
from tests.console.html import Page
from tests.factories import Make


def page(browser: Browser, address: str) -> Page:
    answer = browser.get(address)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def test_who_received_a_version(there: World, auditor: Browser) -> None:
    found = page(auditor, f"/console/recipients?collection={there.set_id}&version={VERSION}")
    told = found.rows
    assert len(told) == 2
    assert told[0].startswith("A bank")
    assert "2 read a version to detect TLP:AMBER 2" in told[0]
    assert told[1].startswith("A platform")
    assert "An outsider" not in found.words, "it was refused"
    assert "Taken back" not in found.words
    assert sum(link.startswith("/console/entries/") for link in found.links) == 4


def test_who_has_not_taken_a_retraction(there: World, auditor: Browser) -> None:
    retract(there, there.bank)
    found = page(auditor, f"/console/recipients?collection={there.set_id}&version={VERSION}")
    assert "1 of 2 recipients has not been handed the retraction" in found.words
    bank, platform = found.rows
    assert bank.endswith("told")
    assert not bank.endswith("not told yet")
    assert platform.endswith("not told yet")
    retract_told(there)
    found = page(auditor, f"/console/recipients?collection={there.set_id}&version={VERSION}")
    assert "Every recipient has been handed the retraction" in found.words


def retract_told(there: World) -> None:
    assert there.platform.get("/v1/changes").status_code == 200
    settle(there.make.runtime)


def test_recipients_of_nonsense(there: World, auditor: Browser) -> None:
    for query, name in (
        ("version=1.0.0", "collection"), (f"collection={there.set_id}", "version"),
        ("collection=no-such&version=1.0.0", "collection"),
        (f"collection={there.set_id}&version=one", "version"),
    ):  # fmt: skip
        answer = auditor.get(f"/console/recipients?{query}")
        assert answer.status_code == 422, query
        assert Page(answer.text).field(name)["aria-invalid"] == "true", query
    nothing = page(auditor, f"/console/recipients?collection={there.set_id}&version=9.9.9")
    assert "Nobody received this version" in nothing.words


def test_an_owner_learns_who_received_its_own_set_and_others_do_not(there: World) -> None:
    own = page(there.analyst(there.ngo.member), f"/console/recipients?collection={SLUG}&version={VERSION}")
    assert "A bank" in own.words
    assert "Payments around livestreams" in own.words
    address = f"/console/recipients?collection={there.set_id}&version={VERSION}"
    stranger = page(there.analyst(there.outsider.member), address)
    assert "Nobody received this version" in stranger.words
    assert "Payments" not in stranger.words


def test_the_matrix_counts_recipients_by_owners(there: World, auditor: Browser) -> None:
    found = page(auditor, "/console/matrix")
    assert "A bank 3 3" in found.rows, "two reads and a lookup of what the NGO owns, and so in all"
    assert not [row for row in found.rows if row.startswith("An outsider")], (
        "what it asked for named no owner"
    )
    assert {one["scope"] for one in found.all("th")} == {"row", "col"}


def test_a_member_has_a_page_with_what_it_did_and_was_refused(there: World, auditor: Browser) -> None:
    bank = page(auditor, f"/console/members/{there.bank.member.id}")
    assert "read a version" in bank.words
    assert "Nothing was refused." in bank.words
    assert "detect" in bank.words
    outsider = page(auditor, f"/console/members/{there.outsider.member.id}")
    assert "not found" in outsider.words
    assert "A bank" not in outsider.words


def test_an_unusual_day_is_named(make: Make) -> None:
    clock = make.runtime.clock
    caller = make.caller(make.member("A steady member"))
    member = caller.member
    for day in range(12):
        caller = make.caller(member)
        for _ in range(2 if day < 11 else 30):
            assert caller.get("/v1/sets").status_code == 200
        if day < 11:
            clock.advance(DAY // 1_000_000)  # type: ignore[attr-defined]
    settle(make.runtime)
    auditor = signed_in(make, Role.AUDITOR)
    for address in ("/console", f"/console/members/{member.id}"):
        found = page(auditor, address)
        assert "30 entries" in found.words, address
        assert "marked" in found.text
    assert "1 unusual day" in page(auditor, "/console/members").words


def test_the_overview_counts_exchanges_and_refusals(there: World, auditor: Browser) -> None:
    found = page(auditor, "/console")
    assert "Latest refusals" in found.words
    assert "An outsider" in found.words
    assert f"/console/checkpoints/{there.size}" in found.links
    assert "none is configured" in found.words
    assert len([one for one in found.all("svg") if one.get("role") == "img"]) == 2
    assert len(found.all("title")) >= 3, "page and both charts"
    own = page(there.analyst(there.platform.member), "/console")
    assert "An outsider" not in own.words


def test_a_member_counts_of_others_what_they_did_with_its_own_data(there: World) -> None:
    analyst = there.analyst(there.ngo.member)
    rows = page(analyst, "/console/members").rows
    assert "A bank finance member 3 0" in rows, "two reads and a lookup"
    assert "An outsider finance member 0 0" in rows
    assert any(row.startswith("An NGO ngo member ") and not row.endswith(" 0 0") for row in rows)
    bank = page(analyst, f"/console/members/{there.bank.member.id}")
    assert "Counted and shown is what this member did with what your own member owns." in bank.words
    assert "3 exchanges from" in bank.words
    strange = page(there.analyst(there.platform.member), f"/console/members/{there.bank.member.id}")
    assert "No exchanges from" in strange.words
    assert "No entry that you may see." in strange.words
