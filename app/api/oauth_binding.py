"""What a token will be bound to: whatever its client shows when it asks for it (RFC 9449 section 5)."""

from dataclasses import dataclass

from authlib.oauth2 import OAuth2Error

from app.errors import Unauthenticated
from app.runtime import Runtime
from app.web import dpop, sender
from app.web.tokens import Binding


class ProofError(OAuth2Error):  # type: ignore[misc] # Authlib ships no types
    error = dpop.REASON


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What came with the request; `proof`: id and end of a proof that is to be used up."""

    binding: Binding
    proof: tuple[bytes, int] | None


def shown(house: Runtime) -> Shown:
    """Look at what came with this request for a token.

    Raises:
        ProofError: a proof that does not fit it.
    """
    try:
        proof = sender.proof_beside(house, None)
    except Unauthenticated as error:
        raise ProofError(error.detail) from error
    if proof is None:
        return Shown(binding=Binding(), proof=None)
    return Shown(binding=Binding(jkt=proof.jkt), proof=(proof.id, proof.until))


def replayed() -> ProofError:
    return ProofError("This proof was used before. Make one for each request, with a jti of its own.")
