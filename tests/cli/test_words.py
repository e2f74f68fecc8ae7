"""What the command line makes of markings and audit entries: pure."""

from typing import Any

import click
import pytest

from app.cli.markings import marking_of, parse_audience
from app.cli.trail import gathered, lines

GROUP = {"kind": "group", "group": "g"}
FILE = {"tlp": "TLP:AMBER", "pap": "PAP:GREEN", "audience": GROUP, "note": "As the source says."}


def test_a_file_brings_its_marking_and_options_say_it_instead() -> None:
    assert marking_of(FILE, None, None, None, ()) == FILE
    assert marking_of(FILE, None, "PAP:RED", None, ("train",)) == {
        **FILE, "pap": "PAP:RED", "prohibited_purposes": ["train"],
    }  # fmt: skip
    assert marking_of(FILE, None, None, "members:a,b", ())["audience"] == {
        "kind": "members",
        "members": ["a", "b"],
    }


def test_a_new_label_never_inherits_an_audience() -> None:
    assert marking_of(FILE, "TLP:CLEAR", None, None, ())["audience"] == {"kind": "public"}
    with pytest.raises(click.UsageError):
        marking_of(FILE, "TLP:AMBER+STRICT", None, None, ())


def test_nothing_is_shared_without_a_label() -> None:
    with pytest.raises(click.UsageError):
        marking_of({}, None, "PAP:CLEAR", "public", ())


@pytest.mark.parametrize(
    "text", ["", "everybody", "group", "group:a,b", "members:", "public:a", "community:x"]
)
def test_an_audience_that_names_too_much_or_too_little_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError):
        parse_audience(text)


def entry(count: int, **more: Any) -> dict[str, Any]:
    marking = {"tlp": "TLP:GREEN", "pap": "PAP:AMBER", "audience": {"kind": "community"}}
    subject = {"kind": "changes", "collection": "c", "count": count, "marking": marking, "first": f"{count}"}
    found = {
        "at": "2026-11-23T09:00:00.000000Z",
        "actor": {"member": "m", "client": "x", "user": None},
        "action": "changes.read",
        "decision": "released",
        "purpose": "detect",
        "subjects": [subject],
    }
    return {"entry": found | more}


def test_pages_of_one_pull_are_one_row_and_counted_together() -> None:
    names = {"m": "A bank", "c": "a list"}
    pages = [entry(1_000), entry(1_000), entry(7), entry(5, purpose="train")]
    shown = list(gathered(pages, names))
    assert [row[3] for row in shown] == ["changes a list (2,007), 3 times", "changes a list (5)"]
    assert shown[0][1:3] == ("A bank", "changes.read")
    assert shown[0][4:] == ("GREEN", "detect", "released")
    assert len(list(lines(pages, names))) == 4


def test_an_act_of_the_server_and_a_reason_are_named() -> None:
    acting = {"member": None, "client": None, "user": None}
    row = next(lines([entry(1, actor=acting, decision="refused", reason="not-found", purpose=None)], {}))
    assert row[1] == "the server"
    assert row[6] == "refused (not-found)"
