"""Key files of clients: private keys for this command line, public key sets for the server."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from app.cli.command import Failure

PrivateKey = ECKey | OKPKey | RSAKey

ALGORITHM = {"EC": "ES256", "OKP": "EdDSA", "RSA": "PS256"}
"""Key type → what its assertions are signed with."""

_BY_TYPE: dict[type, type[PrivateKey]] = {
    EllipticCurvePrivateKey: ECKey,
    Ed25519PrivateKey: OKPKey,
    RSAPrivateKey: RSAKey,
}


@contextmanager
def credentials(
    jwks: Path | None, fresh: Path | None, *, secret: bool, published: bool = False
) -> Iterator[dict[str, Any] | None]:
    """The public keys of a client: from a file, or made now; None where it publishes them or has a secret.

    A file with a new private key goes again if the block fails: no key lies around that nobody knows.
    """
    if [jwks is not None, fresh is not None, secret, published].count(True) != 1:
        raise click.UsageError("Choose one: --jwks FILE, --jwks-uri URL, --new-key FILE, or a secret.")
    if fresh is None:
        yield _read_jwks(jwks) if jwks is not None else None
        return
    public = _new_key(fresh)
    try:
        yield public
    except BaseException:
        fresh.unlink()
        raise


def _read_jwks(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Failure("The key file holds no JWKS (RFC 7517).", reason="jwks")
    return found if "keys" in found else {"keys": [found]}


def _new_key(path: Path) -> dict[str, Any]:
    """Make an ES256 key: the private half goes into a new file (mode 600), the public half is returned."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"})
    key.ensure_kid()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Failure("The key file exists. Choose another name.", reason="exists") from None
    with os.fdopen(handle, "w") as file:
        json.dump(key.as_dict(private=True), file, indent=2)
        file.write("\n")
    return {"keys": [key.as_dict(private=False)]}


def read_private_key(path: Path) -> PrivateKey:
    """A private key from a JWK or a PEM file, with a `kid` (its RFC 7638 thumbprint where it has none)."""
    try:
        data = path.read_bytes()
        key = _from_pem(data) if data.lstrip().startswith(b"-----") else import_key(json.loads(data))
    except OSError:
        raise Failure(
            "The file that HALYARD_CLIENT_KEY_FILE names cannot be read.", reason="key_file"
        ) from None
    except (JoseError, ValueError, TypeError, KeyError):
        raise Failure(
            "HALYARD_CLIENT_KEY_FILE must hold a private key as JWK or PEM.", reason="key_file"
        ) from None
    if not isinstance(key, ECKey | OKPKey | RSAKey) or not key.is_private:
        raise Failure(
            "HALYARD_CLIENT_KEY_FILE must hold a private EC, Ed25519 or RSA key.", reason="key_file"
        )
    key.ensure_kid()
    return key


def _from_pem(data: bytes) -> PrivateKey:
    loaded = load_pem_private_key(data, password=None)
    for kind, made in _BY_TYPE.items():
        if isinstance(loaded, kind):
            return made.import_key(data)
    raise Failure("HALYARD_CLIENT_KEY_FILE must hold a private EC, Ed25519 or RSA key.", reason="key_file")
