"""Who sends a token: the one that it is bound to, and no other."""

from flask import request

from app.members import proofs
from app.runtime import Runtime
from app.web import certificates, dpop
from app.web.dpop import Proof
from app.web.tokens import Binding, invalid_token

SCHEMES = {"bearer", "dpop"}


def proof_beside(house: Runtime, token: str | None) -> Proof | None:
    """The proof that came with this request; None if none did.

    Raises:
        Unauthenticated: it does not fit this request.
    """
    text = request.headers.get("DPoP")
    if text is None:
        return None
    address = dpop.address_of(house.config.issuer, request.path)
    return dpop.check(text, method=request.method, address=address, now=house.clock(), token=token)


def check(house: Runtime, binding: Binding, scheme: str, token: str) -> Proof | None:
    """Check that a token comes in the scheme that it is bound to, with what it is bound to.

    Returns the proof, which counts once and is to be used up when all the rest is in order.

    Raises:
        Unauthenticated: a bound token as a bearer token, or the other way round; another key or certificate.
    """
    if binding.x5t is not None:
        _check_certificate(house, binding.x5t)
    if binding.jkt is None and scheme == "bearer":
        return None
    if binding.jkt is None:
        raise invalid_token("This token is bound to no key: send it as a bearer token.", dpop.SCHEME)
    if scheme == "bearer":
        raise invalid_token(
            "This token is bound to a key: send it as Authorization: DPoP …, with a proof.", dpop.SCHEME
        )
    proof = proof_beside(house, token)
    if proof is None:
        dpop.refuse("Send a proof for this request in the header DPoP.")
    if proof.jkt != binding.jkt:
        raise invalid_token("This token is bound to another key than that of the proof.", dpop.SCHEME)
    return proof


def _check_certificate(house: Runtime, x5t: str) -> None:
    try:
        shown = certificates.thumbprint(house.config)
    except ValueError:
        shown = None
    if shown != x5t:
        raise invalid_token("This token is bound to a client certificate: present it with every request.")


def spend(house: Runtime, proof: Proof) -> None:
    """Use up a proof, in one small transaction of its own: nothing else happens for one that was used.

    Raises:
        Unauthenticated: it was used before, here or in another process.
    """
    with house.db.write() as session:
        fresh = proofs.spend(session, proof.id, proof.until)
    if not fresh:
        dpop.refuse("This proof was used before. Make one for each request, with a jti of its own.")
