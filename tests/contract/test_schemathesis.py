"""The server keeps what openapi.yaml promises: no server error, no undocumented answer.

Calls are generated from the document for every operation, with a token that may do everything. All of them
run inside one transaction, which is rolled back at the end.
"""

from pathlib import Path

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.db import Database
from app.main import create_app
from app.runtime import Runtime
from tests.factories import Make
from tests.fakes import FakeClock, InlineAuditor

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 12


@pytest.fixture(scope="module")
def promised(config, migrated):
    """The schema of an app on a transaction of its own, with a caller that may do everything."""
    with migrated.engine.connect() as connection:
        outer = connection.begin()
        db = Database(migrated.url, connection=connection)
        runtime = Runtime.assemble(config, db=db, auditor=InlineAuditor, now=FakeClock())
        app = create_app(runtime)
        make = Make(runtime, app.test_client())
        member = make.member()
        caller = make.caller(member, user=make.user(member))
        schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
        schema.config.generation.update(allow_x00=False)
        yield schema, {"Authorization": f"Bearer {caller.token}"}
        outer.rollback()


def operations():
    document = yaml.safe_load((Path(__file__).parents[2] / "openapi.yaml").read_text())
    methods = ("get", "put", "post", "delete", "patch")
    return [
        (path, method) for path, item in document["paths"].items() for method in methods if method in item
    ]


@pytest.mark.parametrize(("path", "method"), operations())
def test_every_operation_answers_as_documented(promised, path, method):
    schema, headers = promised

    @given(case=schema[path][method.upper()].as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def call(case):
        case.validate_response(case.call(headers=headers), checks=CHECKS)

    call()
