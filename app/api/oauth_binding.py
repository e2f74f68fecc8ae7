"""What a token will be bound to: whatever its client shows when it asks for it (RFC 9449 section 5)."""

from dataclasses import dataclass

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError

from app.errors import Unauthenticated
from app.members.demand import Demand
from app.runtime import Runtime
from app.web import certificates, dpop, sender
from app.web.tokens import Binding


class ProofError(OAuth2Error):  # type: ignore[misc] # Authlib ships no types
    error = dpop.REASON


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What came with the request; `proof`: id and end of a proof that is to be used up."""

    binding: Binding
    proof: tuple[bytes, int] | None


def shown(house: Runtime, demand: Demand) -> Shown:
    """What the token will be bound to; all that came with this request, and what is demanded.

    Raises:
        ProofError: a proof that does not fit the request, or none where a key is demanded.
        InvalidRequestError: no certificate where one is demanded, or one that cannot be read.
    """
    try:
        proof = sender.proof_beside(house, None)
        certificate = certificates.thumbprint(house.config)
    except Unauthenticated as error:
        raise ProofError(error.detail) from error
    except ValueError as error:
        detail = "The proxy hands on no certificate that can be read. Tell the operator."
        raise InvalidRequestError(detail) from error
    missing = demand.missing(dpop=proof is not None, certificate=certificate is not None)
    if missing is not None and proof is None and (demand.dpop or demand.group):
        raise ProofError(missing)
    if missing is not None:
        raise InvalidRequestError(missing)
    spent = None if proof is None else (proof.id, proof.until)
    return Shown(binding=Binding(jkt=proof.jkt if proof else None, x5t=certificate), proof=spent)


def replayed() -> ProofError:
    return ProofError("This proof was used before. Make one for each request, with a jti of its own.")
