"""One proof sent many times at once, to servers that share a database: it counts once."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app import upgrade
from app.config import Config
from app.main import create_app
from app.runtime import Runtime
from schemas.vocabulary import Scope
from tests.api.oauth_client import Office, es256
from tests.api.proving import Prover
from tests.conftest import SECRET, NewDatabase
from tests.factories import Make

SENDERS = 8
_OTHER = """
import sys
from app.config import Config
from app.main import create_app
from app.runtime import Runtime
url, secret, token, proof = sys.argv[1:]
app = create_app(Runtime.assemble(Config(database_url=url, secret=secret)))
answer = app.test_client().get("/v1/me", headers={"Authorization": f"DPoP {token}", "DPoP": proof})
sys.exit(0 if (answer.status_code, answer.json.get("reason")) == (401, "invalid_dpop_proof") else 1)
"""


def test_one_proof_counts_once_among_threads_servers_and_processes(
    config: Config, new_database_url: NewDatabase
) -> None:
    values = {**config.__dict__, "database_url": new_database_url()}
    houses = [Runtime.assemble(Config(**values)) for _ in range(2)]
    upgrade.prepare(houses[0])
    apps = [create_app(house) for house in houses]
    office = Office(Make(houses[0], apps[0].test_client()))
    prover = Prover(office.register(key=es256(), scopes=(Scope.SETS_READ,)))
    token = prover.token()
    proof = prover.proof(token=token)
    sent = {"Authorization": f"DPoP {token}", "DPoP": proof}

    with ThreadPoolExecutor(SENDERS) as pool:
        going = [pool.submit(apps[n % 2].test_client().get, "/v1/me", headers=sent) for n in range(SENDERS)]
        statuses = sorted(answer.result().status_code for answer in going)
    other = subprocess.run(
        [sys.executable, "-c", _OTHER, values["database_url"], SECRET, token, proof],
        cwd=Path(__file__).parents[2], check=False, capture_output=True, timeout=60,
    )  # fmt: skip

    for house in houses:
        house.db.dispose()
    assert statuses == [200] + [401] * (SENDERS - 1)
    assert other.returncode == 0, other.stderr
