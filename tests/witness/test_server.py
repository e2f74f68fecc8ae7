"""The witness over HTTP, as tlog-witness has it."""

import pytest

from app.transparency.witness import BODY_BYTES, SIZE_TYPE
from app.witness.server import create_app
from tests.witness.logs import Log

PLAIN = "text/plain; charset=utf-8"


@pytest.fixture
def http(keeper):
    return create_app(keeper, lambda: 1_800_000_000.9).test_client()


def test_each_answer_has_the_status_and_the_form_of_the_specification(http, log):
    fork, stranger = log.fork(3), Log(origin=log.origin)
    asked = [
        (log.body(0, 7), 200, PLAIN, "\N{EM DASH} witness.example/w1 "),
        (b"hello", 400, PLAIN, "An add-checkpoint body"),
        (log.body(9, 8), 400, PLAIN, "The old size"),
        (stranger.body(0, 7), 403, PLAIN, "The log has not signed"),
        (log.body(0, 7).replace(b"\n7\n", b"\n8\n"), 403, PLAIN, "The signature"),
        (Log(origin="other.example/audit").body(0, 7), 404, PLAIN, "This witness does not follow"),
        (log.body(0, 9), 409, SIZE_TYPE, "7\n"),
        (log.body(0, 5), 409, SIZE_TYPE, "7\n"),
        (fork.body(7, 7), 409, SIZE_TYPE, "7\n"),
        (fork.body(7, 12), 422, PLAIN, "FORK"),
        (log.body(7, 12).replace(log.note(12), log.note(13)), 422, PLAIN, "The proof"),
        (log.body(7, 12), 200, PLAIN, "\N{EM DASH} witness.example/w1 "),
    ]
    for body, status, media_type, said in asked:
        answer = http.post("/add-checkpoint", data=body)
        assert (answer.status_code, answer.content_type) == (status, media_type), said
        assert answer.text.startswith(said)
        assert answer.text.endswith("\n")
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_body_that_is_too_long_is_refused_before_it_is_read(http):
    assert http.post("/add-checkpoint", data=b"x" * (BODY_BYTES + 1)).status_code == 413


def test_other_methods_and_paths_are_told_plainly(http):
    assert http.get("/add-checkpoint").status_code == 405
    answer = http.get("/nothing")
    assert (answer.status_code, answer.content_type) == (404, PLAIN)


def test_the_status_shows_what_is_held_and_both_notes_of_a_fork(http, keeper, log):
    http.post("/add-checkpoint", data=log.body(0, 7))
    found = http.get("/status").get_json()
    assert (found["vkey"], found["fork"]) == (keeper.vkey, False)
    (one,) = found["logs"]
    assert (one["origin"], one["size"], one["root"]) == (log.origin, 7, log.head(7).root.hex())
    assert one["cosigned_at"] == "2027-01-15T08:00:00Z"
    http.post("/add-checkpoint", data=log.fork(3).body(7, 7))
    found = http.get("/status").get_json()
    (refused,) = found["logs"][0]["refused"]
    assert (found["fork"], found["logs"][0]["fork"], refused["proves_fork"]) == (True, True, True)
    assert refused["held"].encode() == log.note(7)
    assert refused["refused"].encode() == log.fork(3).note(7)


def test_a_witness_that_cannot_read_its_state_cosigns_nothing(http, log, tmp_path, capsys):
    (path,) = (tmp_path / "w" / "logs").glob("*.json")
    path.write_text("{")
    answer = http.post("/add-checkpoint", data=log.body(0, 7))
    assert (answer.status_code, "nothing was cosigned" in answer.text) == (503, True)
    assert "witness.unfit" in capsys.readouterr().out


def test_it_says_that_it_runs(http):
    assert http.get("/healthz").status_code == 200
