"""The OpenAPI document, tried out: no server error, and no answer that is not documented.

Ids in paths are mostly those of things that exist, so that more than the refusals is reached.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.audit import sequencer
from app.config import Config
from app.main import create_app
from app.outgoing import Outgoing
from app.runtime import Runtime
from app.worker import loops
from schemas.vocabulary import MemberKind, Sector
from tests.conftest import SECRET, NewDatabase
from tests.factories import Caller, Make
from tests.fakes import nowhere
from tests.hashes import new_list, published, sha
from tests.samples import COMMUNITY, created
from tests.samples import published as publish_version
from tests.stories.server import prepared

EXAMPLES = {GenerationMode.POSITIVE: 15, GenerationMode.NEGATIVE: 10}
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
]  # fmt: skip


def operations(mode: GenerationMode) -> list[tuple[str, str, GenerationMode]]:
    """(path, method) of everything in the document; no database is needed to write it.

    What ends things comes last. Nothing ill-formed can be made for an operation that takes nothing.
    """
    app = create_app(Runtime.assemble(Config(data_dir=Path("unused"), secret=SECRET)))
    found = []
    for path, item in app.extensions["halyard-api"].spec.to_dict()["paths"].items():
        for method in set(item) & {"get", "post", "put", "patch", "delete"}:
            takes = {"requestBody", "parameters"} & (item.keys() | item[method].keys())
            if takes or mode is GenerationMode.POSITIVE:
                found.append((path, method, mode))
    return sorted(found, key=lambda operation: (operation[1] == "delete", operation[0], operation[1]))


@dataclass
class Target:
    """The app over a database of its own, with one of each thing, and a token for all of it."""

    schema: BaseSchema
    token: str
    known: dict[str, list[str]]


@pytest.fixture(scope="module")
def target(new_database_url: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    runtime = prepared(new_database_url(), tmp_path_factory.mktemp("schemathesis"))
    runtime = replace(runtime, outgoing=Outgoing(resolve=nowhere))
    app = create_app(runtime)
    make = Make(runtime, app.test_client())
    caller = make.caller(member := make.member(), user=make.user(member))
    other = make.caller(make.member(sector=Sector.TECHNOLOGY))
    served = make.member(sector=Sector.VENDOR, kind=MemberKind.DOWNSTREAM, upstream=member)
    list_id = new_list(caller, COMMUNITY)
    set_id = created(caller)["id"]
    publish_version(caller, set_id)
    theirs = new_list(other, COMMUNITY)
    known = {
        "member_id": [other.member.id],
        "user_id": [make.user(other.member).id],
        "client_id": [make.client(other.member).id],
        "group_id": [make.group(member, [member]).id],
        "collection_id": [list_id, set_id],
        "downstream_id": [served.id],
        "list_id": [list_id, theirs],
        "set_id": [set_id],
        "version": ["1.0.0"],
        "signal_id": published(caller, list_id, sha(1), sha(2)),
        "name": ["vetted"],
        "subscription_id": [caller.post("/v1/subscriptions", json={"name": "Sync"}).get_json()["id"]],
        "entry_id": [audited(caller)],
        "level": ["0"],
        "path": ["000.p/1"],
    }
    yield Target(schemathesis.openapi.from_wsgi("/openapi.json", app), caller.token, known)
    runtime.db.dispose()


def audited(caller: Caller) -> str:
    """Id of an audit entry that the caller may read, and that a checkpoint covers."""
    house = caller.http.application.extensions["halyard"]
    sequencer.drain(house.db)
    loops.sign_checkpoint(house)
    return str(caller.get("/v1/audit/entries").get_json()["items"][0]["entry"]["id"])


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [*operations(GenerationMode.POSITIVE), *operations(GenerationMode.NEGATIVE)],
    ids=lambda part: str(part).strip("/"),
)
def test_every_answer_is_documented(target: Target, path: str, method: str, mode: GenerationMode) -> None:
    operation = target.schema[path][method.upper()]
    documented = {str(status) for status in operation.definition.raw["responses"]}
    # What calls the app in this process undoes no coding.
    headers = {"Authorization": f"Bearer {target.token}", "Accept-Encoding": "identity"}

    @settings(
        max_examples=EXAMPLES[mode], deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode), chosen=st.integers(0, 3))
    def try_it(case: Case, chosen: int) -> None:
        if chosen:
            for name in case.path_parameters or {}:
                known = target.known.get(name, [])
                if known:
                    case.path_parameters[name] = known[chosen % len(known)]
        answer = case.call_and_validate(headers=headers, checks=CHECKS)
        assert answer.status_code >= 400 or str(answer.status_code) in documented

    try_it()
