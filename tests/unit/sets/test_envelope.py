"""The envelope of a set version, and how it travels with its document."""

import json
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from app.canonical import digest
from app.sets.envelope import Envelope, etag, join
from schemas import documents
from schemas.vocabulary import Reason, VersionStatus

GROUP = "5d0b6a58-2d3e-4a59-8f5c-0d6f7a8b9c01"
FIRST = Envelope(
    set_id="0d4b3a3e-6a55-4b0e-9d43-2f0c6b8f2a11",
    version="1.0.0",
    document="ab" * 32,
    home="https://home.example",
    owner="7c9e6679-7425-40de-944b-e07fc1f90ae7",
    marking={
        "tlp": "TLP:AMBER",
        "pap": "PAP:AMBER",
        "audience": {"kind": "group", "group": GROUP},
        "prohibited_purposes": ["train"],
    },
    note=None,
    status=VersionStatus.PUBLISHED,
    successor=None,
    reason=None,
    counter=1,
    at=1_795_424_400_000_000,
)


@pytest.mark.parametrize(
    "made",
    [
        FIRST,
        replace(FIRST, note="The sources are public."),
        replace(FIRST, owner=None),
        replace(FIRST, status=VersionStatus.DEPRECATED, successor="1.1.0", counter=2),
        replace(FIRST, status=VersionStatus.RETRACTED, reason=Reason.WRONG, counter=3),
        replace(FIRST, status=VersionStatus.EXPIRED, reason=Reason.EXPIRED, counter=3),
    ],
)
def test_every_state_has_an_envelope_of_the_published_form(made: Envelope) -> None:
    schema = documents.load(documents.SET_ENVELOPE)

    assert list(Draft202012Validator(schema).iter_errors(json.loads(made.encode()))) == []


def test_the_envelope_says_who_may_read_and_for_what_not() -> None:
    said = json.loads(FIRST.encode())

    assert said["marking"] == {
        "tlp": "TLP:AMBER", "pap": "PAP:AMBER", "audience": {"kind": "group", "group": GROUP}
    }  # fmt: skip
    assert said["prohibited_purposes"] == ["train"]
    assert said["time"] == "2026-11-23T09:00:00.000000Z"


def test_the_same_state_gives_the_same_bytes() -> None:
    assert FIRST.encode() == replace(FIRST).encode()
    assert b": " not in FIRST.encode()


def test_a_version_on_the_wire_holds_the_stored_bytes_unchanged() -> None:
    document = b'{"a":1.5e-7,"b":"\xc3\xa9"}'

    statement = b'{"limits":"\xc3\xa9"}'
    stated = [(statement, "a..3")]

    wire = join(FIRST.encode(), document, envelope_jws="e..1", document_jws="d..2", attestations=stated)

    assert document in wire
    assert statement in wire
    assert FIRST.encode() in wire
    assert json.loads(wire) == {
        "envelope": json.loads(FIRST.encode()),
        "document": json.loads(document),
        "signatures": [{"of": "document", "jws": "d..2"}, {"of": "envelope", "jws": "e..1"}],
        "attestations": [{"statement": json.loads(statement), "jws": "a..3"}],
    }


def test_the_etag_moves_with_each_of_its_parts() -> None:
    renewed = replace(FIRST, counter=2)
    tags = {
        etag(FIRST.encode(), digest(b"one")),
        etag(renewed.encode(), digest(b"one")),
        etag(FIRST.encode(), digest(b"two")),
        etag(FIRST.encode(), digest(b"one"), [b"{}"]),
    }

    assert len(tags) == 4
