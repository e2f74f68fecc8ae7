"""Settings: read once, refused when unknown, unreadable or unsafe."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.config import Config, ConfigError
from app.transparency.notes import Cosigner, Signer


def test_nothing_set_gives_the_embedded_server():
    config = Config.from_env({})
    assert config.sqlite
    assert config.url == "sqlite:///var/halyard.db"


def test_settings_are_read_by_their_type():
    config = Config.from_env(
        {
            "HALYARD_THREADS": "3",
            "HALYARD_PUBLIC_READING": "yes",
            "HALYARD_AUDIT_WAIT": "2.5",
            "HALYARD_CORS_ORIGINS": "https://a.example, https://b.example",
        }
    )
    assert (config.threads, config.public_reading, config.audit_wait) == (3, True, 2.5)
    assert config.cors_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"HALYARD_TREADS": "3"}, "unknown setting HALYARD_TREADS"),
        ({"HALYARD_THREADS": "many"}, "HALYARD_THREADS"),
        ({"HALYARD_PUBLIC_READING": "perhaps"}, "HALYARD_PUBLIC_READING"),
        ({"HALYARD_PROCESSES": "2"}, "PostgreSQL"),
        ({"HALYARD_ENVIRONMENT": "staging"}, "development or production"),
        ({"HALYARD_ENVIRONMENT": "production"}, "HALYARD_ISSUER"),
        ({"HALYARD_ENVIRONMENT": "production", "HALYARD_ISSUER": "https://x.example"}, "HALYARD_SECRET"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(env, said):
    with pytest.raises(ConfigError, match=said):
        Config.from_env(env)


def test_an_error_never_repeats_the_value():
    with pytest.raises(ConfigError) as caught:
        Config.from_env({"HALYARD_THREADS": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_the_secret_is_made_once_for_its_owner_alone(tmp_path):
    config = Config(data_dir=tmp_path)
    first = config.secret_bytes()
    assert len(first) == 32
    assert config.secret_bytes() == first
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_short_secret_is_refused(tmp_path):
    config = Config(data_dir=tmp_path, secret=base64.b64encode(b"short").decode())
    with pytest.raises(ConfigError, match="32 random bytes"):
        config.secret_bytes()


W1 = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes(32))).verifier.encode()
W2 = Cosigner("witness.example/w2", Ed25519PrivateKey.from_private_bytes(bytes(32))).verifier.encode()
OF_A_LOG = Signer("log.example", Ed25519PrivateKey.from_private_bytes(bytes(32))).verifier.encode()


def test_witnesses_are_named_by_key_and_address():
    named = f"{W1} https://witness.example/w1/, {W2}  http://127.0.0.1:8450"
    found = Config.from_env({"HALYARD_WITNESSES": named}).witness_list
    assert [(one.key.name, one.url) for one in found] == [
        ("witness.example/w1", "https://witness.example/w1"),
        ("witness.example/w2", "http://127.0.0.1:8450"),
    ]
    assert Config.from_env({"HALYARD_WITNESSES": ""}).witness_list == ()


@pytest.mark.parametrize(
    "named",
    [
        "https://witness.example",
        W1,
        f"{W1} witness.example",
        f"{W1} http://witness.example",
        f"{W1} http://10.0.0.1",
        f"{W1} http://127.0.0.1.example.org",
        f"{W1} https://user@witness.example",
        f"{W1} https://witness.example?a=b",
        f"{W1} https://witness.example:port",
        f"{W1} https://witness.example:99999",
        f"{W1} ftp://witness.example",
        f"{OF_A_LOG} https://log.example",
        f"{W1[:-2]}AA https://witness.example",
        f"{W1} https://witness.example, {W1} https://other.example",
    ],
)
def test_a_witness_that_cannot_be_asked_is_refused_by_name(named):
    with pytest.raises(ConfigError, match="HALYARD_WITNESSES"):
        Config.from_env({"HALYARD_WITNESSES": named})
