"""A version comes back without loss, and is proved with public keys only."""

# mypy: disable-error-code="index"
# An answer that is no JSON fails its test by itself.

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.keys import Use
from app.runtime import Runtime
from app.sets.document import MOVED_KEYS, import_draft
from tests.factories import Caller, Make
from tests.reviewing import body, statement
from tests.samples import (
    ROOT,
    SAMPLES,
    created,
    published,
    reviewed,
    sample,
    small,
    version_path,
)

SHARED = (ROOT / ".." / "shared" / "data").resolve()
DRAFTS = ("set-a-us-fincen-human-trafficking.json", "set-b-ocse-livestream-payments.json")


def difference(before: Any, after: Any, at: str = "") -> list[str]:
    """Pointers at which two JSON values differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted(before.keys() | after.keys())
        return [
            found
            for key in keys
            for found in (
                difference(before[key], after[key], f"{at}/{key}")
                if key in before and key in after
                else [f"{at}/{key}"]
            )
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [found for n, (one, other) in pairs for found in difference(one, other, f"{at}/{n}")]
    same = before == after and isinstance(before, bool) == isinstance(after, bool)
    return [] if same else [at]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_imported_published_and_comes_back_without_loss(
    author: Caller, make: Make, name: str
) -> None:
    taken = sample(name)
    content, marking = taken["content"], taken["marking"]
    made = created(author, marking, slug=content["slug"], title=content["title"])
    reviewed(author, made["id"], content["version"], content)

    reader = make.caller(make.member())
    read = reader.get(version_path(made["id"], content["version"])).json

    assert difference(content, read["document"]) == ["/schema", "/set"]
    assert read["envelope"]["marking"] == marking


@pytest.mark.parametrize("name", DRAFTS)
def test_the_first_sets_of_the_field_come_back_with_every_key(author: Caller, make: Make, name: str) -> None:
    if not (SHARED / name).exists():
        pytest.skip("the research data is not beside this repository")
    original = json.loads((SHARED / name).read_text("utf-8"))
    content, hint = import_draft(original)
    audience = {"kind": "public" if hint["tlp"] == "TLP:CLEAR" else "community"}
    marking = {key: value for key, value in hint.items() if key != "status"} | {"audience": audience}
    made = created(author, marking, slug=content["slug"], title=content["title"])
    reviewed(author, made["id"], content["version"], content)

    read = make.caller(make.member()).get(version_path(made["id"], content["version"])).json

    for pointer in difference(original, read["document"]):
        if pointer in {"/stix_id", "/set"}:
            continue  # new here; the first is where /id went
        assert pointer in MOVED_KEYS, pointer
        part, _, place = MOVED_KEYS[pointer].partition("#")
        value = read[part]
        for step in place.strip("/").split("/"):
            value = value[step]
        assert pointer == "/schema" or value == original[pointer.strip("/")], pointer


def run_guide(folder: Path, version: dict[str, Any], keys: dict[str, Any]) -> tuple[int, str]:
    """Run the script of docs/guides/verify.md in a process that has none of our code."""
    guide = (ROOT / "docs" / "guides" / "verify.md").read_text("utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    (folder / "verify.py").write_text(script)
    (folder / "version.json").write_text(json.dumps(version, indent=2))
    (folder / "halyard.json").write_text(json.dumps(keys))
    done = subprocess.run(
        [sys.executable, "-I", "verify.py", "version.json", "halyard.json"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_short_script_verifies_a_version_with_public_keys_only_also_after_a_rotation(
    author: Caller, set_id: str, http: FlaskClient, runtime: Runtime, tmp_path: Path
) -> None:
    published(author, set_id)
    old: Any = author.get(version_path(set_id, "1.0.0")).json
    with runtime.db.write() as session:
        runtime.keyring.rotate(session, Use.DOCUMENT, runtime.clock())
    published(author, set_id, "1.1.0")
    author.post(version_path(set_id, "1.0.0", "deprecate"), json={"successor": "1.1.0"})
    renewed: Any = author.get(version_path(set_id, "1.0.0")).json
    keys: Any = http.get("/.well-known/halyard").json

    assert run_guide(tmp_path, old, keys) == (0, f"{set_id} 1.0.0 published TLP:GREEN\n")
    assert run_guide(tmp_path, renewed, keys) == (0, f"{set_id} 1.0.0 deprecated TLP:GREEN\n")
    kids = [signature["jws"].split(".")[0] for signature in renewed["signatures"]]
    assert kids[0] != kids[1]


def test_the_script_verifies_what_a_body_attests_and_refuses_what_it_did_not(
    make: Make, author: Caller, set_id: str, http: FlaskClient, tmp_path: Path
) -> None:
    published(author, set_id)
    path = version_path(set_id, "1.0.0")
    body(make).post(f"{path}/attestations", json=statement())
    version: Any = author.get(path).json
    keys: Any = http.get("/.well-known/halyard").json
    (stated,) = version["attestations"]
    softened = {**stated, "statement": {**stated["statement"], "limits": "None at all."}}
    elsewhere = {**stated, "statement": {**stated["statement"], "document": "0" * 64}}
    borrowed = {**stated, "jws": version["signatures"][0]["jws"]}

    said = [
        run_guide(tmp_path, {**version, "attestations": [one]}, keys)
        for one in (stated, softened, elsewhere, borrowed)
    ]

    assert said == [
        (0, f"{set_id} 1.0.0 published TLP:GREEN\n"),
        (1, "The signature of an attestation is not right.\n"),
        (1, "An attestation speaks of another document.\n"),
        (1, "The signature of an attestation is of another kind.\n"),
    ]


def test_the_script_refuses_what_was_altered(
    author: Caller, set_id: str, http: FlaskClient, tmp_path: Path
) -> None:
    published(author, set_id)
    published(author, set_id, "1.1.0", small("Other"))
    version: Any = author.get(version_path(set_id, "1.0.0")).json
    other: Any = author.get(version_path(set_id, "1.1.0")).json
    keys: Any = http.get("/.well-known/halyard").json
    swapped = [{**one, "jws": version["signatures"][0]["jws"]} for one in version["signatures"]]

    altered = [
        {**version, "document": {**version["document"], "title": "Altered"}},
        {**version, "envelope": {**version["envelope"], "status": "deprecated"}},
        {**version, "document": other["document"]},
        {**version, "signatures": version["signatures"][:1]},
        {**version, "signatures": swapped},
    ]

    assert run_guide(tmp_path, version, keys)[0] == 0
    assert [run_guide(tmp_path, one, keys) for one in altered] == [
        (1, "The envelope speaks of another document.\n"),
        (1, "The signature of the envelope is not right.\n"),
        (1, "The envelope speaks of another document.\n"),
        (1, "A signature of the home server is missing.\n"),
        (1, "A signature of the home server is missing.\n"),
    ]
