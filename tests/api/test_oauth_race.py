"""One assertion sent many times at once, against a database of its own."""

from concurrent.futures import ThreadPoolExecutor

from app import upgrade
from app.config import Config
from app.main import create_app
from app.runtime import Runtime
from schemas.vocabulary import Scope
from tests.api.oauth_client import Office, es256
from tests.conftest import NewDatabase
from tests.factories import Make

SENDERS = 8


def test_one_assertion_sent_by_eight_senders_at_once_gets_one_token(
    config: Config, new_database_url: NewDatabase
) -> None:
    values = {**config.__dict__, "database_url": new_database_url()}
    runtime = Runtime.assemble(Config(**values))
    upgrade.prepare(runtime)
    app = create_app(runtime)
    client = Office(Make(runtime, app.test_client())).register(key=es256(), scopes=(Scope.SETS_READ,))
    form = {"grant_type": "client_credentials", **client.proof()}

    with ThreadPoolExecutor(SENDERS) as pool:
        sent = [pool.submit(app.test_client().post, "/oauth/token", data=form) for _ in range(SENDERS)]
        statuses = sorted(answer.result().status_code for answer in sent)

    runtime.db.dispose()
    assert statuses == [200] + [401] * (SENDERS - 1)
