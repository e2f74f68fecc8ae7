"""`halyard witness` as its host runs it, and what it does when it is shown two trees."""

import json
import random
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from app.audit import checkpoints, sequencer, witnessing
from app.cli.main import main
from app.config import Config
from app.keys import Use
from app.runtime import Runtime
from app.transparency.notes import VerifierKey, signature_lines
from app.witness.keeper import Keeper
from app.worker import witnesses
from tests.audit import writing
from tests.audit.copies import copied
from tests.cli.conftest import Machine, await_answer
from tests.conftest import NewDatabase
from tests.fakes import FakeClock
from tests.witness.logs import Log


@dataclass
class Host:
    """Somebody who hosts a witness: a folder, a port, and the process that serves."""

    folder: Path
    name: str
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["witness", *words, "--folder", str(self.folder)])

    def ok(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    @property
    def setting(self) -> str:
        return f"{Keeper(self.folder).vkey} http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self) -> None:
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        words = ["witness", "serve", "--listen", f"127.0.0.1:{self.port}", "--folder", str(self.folder)]
        with self.folder.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", *words], stdout=log, stderr=log, start_new_session=True
            )
        await_answer(self.process, f"{self.url}/healthz")

    def kill(self) -> None:
        """SIGKILL to the server and to the process that it forked, all at once."""
        assert self.process is not None
        subprocess.run(["kill", "-KILL", "--", f"-{self.process.pid}"], check=False)
        self.process.wait(60)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def said(self) -> str:
        return self.folder.with_suffix(".log").read_text()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[Host]]:
    """Two witnesses that run."""
    made = [Host(tmp_path / f"w{n}", f"witness.example/w{n}") for n in (1, 2)]
    for host in made:
        host.ok("init", host.name)
        host.serve()
    yield made
    for host in made:
        assert host.process is not None
        if host.process.poll() is None:
            host.stop()


def grow(house: Runtime, clock: FakeClock, count: int) -> None:
    writing.write(house, count)
    sequencer.drain(house.db)
    clock.advance(60)
    name = checkpoints.origin(house.config.issuer)
    assert checkpoints.sign(house.db, house.keyring, name, clock())


def submit(house: Runtime, clock: FakeClock, *hosts: Host) -> list[str | None]:
    """Show the newest checkpoint to these witnesses; what came of it."""
    clock.advance(3_600)
    config = replace(house.config, witnesses=tuple(host.setting for host in hosts))
    asks = replace(house, config=config, clock=clock)
    while witnesses.submit(asks):
        pass
    with house.db.read() as session:
        return [one.problem for one in witnessing.standing(session, config.witness_list)]


@pytest.mark.slow
def test_two_witnesses_are_shown_two_trees_and_the_one_that_sees_both_names_it(
    machine: Machine, hosts: list[Host], new_database_url: NewDatabase
) -> None:
    first, second = hosts
    ours = Runtime.assemble(Config.from_env(machine.env))
    with ours.db.read() as session:
        keys = ours.keyring.published(session, Use.AUDIT)
    name = checkpoints.origin(ours.config.issuer)
    for host in hosts:
        host.ok("follow", name, *(checkpoints.verifier_key(name, jwk).encode() for jwk in keys))
    clock = FakeClock()
    grow(ours, clock, 5)
    assert submit(ours, clock, first, second) == [None, None]
    forked = copied(ours, new_database_url)  # the operator's own keys, and another history
    grow(ours, clock, 4)
    grow(forked, clock, 4)
    assert submit(ours, clock, first) == [None]
    assert submit(forked, clock, second) == [None]
    assert [host.run("status").exit_code for host in hosts] == [0, 0], "each has seen one tree"

    assert submit(ours, clock, second) == ["forked"]
    assert [host.run("status").exit_code for host in hosts] == [0, 1]
    (log,) = json.loads(second.run("status", "--json").stdout)["logs"]
    (evidence,) = log["refused"]
    assert evidence["verdict"] == "two-roots"
    heads = [evidence[which].split("\n")[:3] for which in ("held", "refused")]
    assert heads[0][:2] == heads[1][:2] == [name, "9"]
    assert heads[0][2] != heads[1][2]
    assert httpx.get(f"{second.url}/status", trust_env=False).json()["fork"] is True
    assert '"level": "error"' in second.said()
    assert '"witness.refused"' in second.said()

    found = machine.run("doctor", "--json", HALYARD_WITNESSES=f"{first.setting}, {second.setting}")
    assert found.exit_code == 1
    look = next(one for one in json.loads(found.stdout)["findings"] if one["name"] == "witnesses")
    assert look["fit"] is False
    assert f"{second.name}: forked" in look["said"]
    for house in (ours, forked):
        house.db.dispose()


@pytest.mark.slow
def test_a_witness_that_is_killed_at_any_point_forgets_nothing_that_it_cosigned(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    print("seed", seed)  # noqa: T201 - to repeat it
    draw = random.Random(seed)
    host, log = Host(tmp_path / "w", "witness.example/w"), Log()
    host.ok("init", host.name)
    host.ok("follow", log.origin, log.verifier.encode())
    key = VerifierKey.parse(Keeper(host.folder).vkey)
    size = 0
    for _ in range(4):
        host.serve()
        timer = threading.Timer(draw.uniform(0.01, 0.4), host.kill)
        timer.start()
        try:
            with httpx.Client(trust_env=False) as http:
                for following in range(size + 1, 300):
                    answer = http.post(f"{host.url}/add-checkpoint", content=log.body(size, following))
                    if answer.status_code == 409:
                        # what it stored, and could not answer any more: never less than what it cosigned
                        assert int(answer.text) >= size
                        size = int(answer.text)
                        continue
                    assert answer.status_code == 200
                    (line,) = signature_lines(answer.content)
                    key.verify(log.head(following).text, line.signature)
                    size = following
        except httpx.TransportError:
            pass
        timer.join()
        held = Keeper(host.folder).logs()[0].held
        assert held.size >= size
        assert held == log.head(held.size)
        for other in range(max(size, 1), held.size + 1):
            made = Keeper(host.folder).add_checkpoint(log.fork(0).body(other, held.size), 1)
            assert not made.cosignature
    assert size > 0


def test_a_key_is_made_once_and_printed_as_logs_need_it(tmp_path: Path) -> None:
    host = Host(tmp_path / "w", "witness.example/w")
    printed = host.ok("init", host.name).strip()
    assert VerifierKey.parse(printed).name == host.name
    assert stat.S_IMODE((host.folder / "key.json").stat().st_mode) == 0o600
    again = host.run("init", host.name)
    assert (again.exit_code, "exists" in again.stderr) == (1, True)
    assert Keeper(host.folder).vkey == printed


def test_what_cannot_be_followed_is_refused(tmp_path: Path) -> None:
    host, log = Host(tmp_path / "w", "witness.example/w"), Log()
    assert "damaged" in host.run("status").stderr
    assert host.run("init", "a name").exit_code == 1
    printed = host.ok("init", host.name).strip()
    for words, reason in (
        ((log.origin, "nonsense"), "vkey"),
        ((log.origin, printed), "origin"),
        (("other.example/audit", log.verifier.encode()), "origin"),
    ):
        assert f"({reason})" in host.run("follow", *words).stderr
    assert json.loads(host.ok("status", "--json"))["logs"] == []
    host.ok("follow", log.origin, log.verifier.encode())
    (one,) = json.loads(host.ok("status", "--json"))["logs"]
    assert (one["origin"], one["size"], one["cosigned_at"]) == (log.origin, 0, None)


def test_a_damaged_state_stops_the_start(tmp_path: Path) -> None:
    host, log = Host(tmp_path / "w", "witness.example/w"), Log()
    host.ok("init", host.name)
    host.ok("follow", log.origin, log.verifier.encode())
    (path,) = (host.folder / "logs").glob("*.json")
    path.write_text("{")
    assert "damaged" in host.run("serve").stderr
