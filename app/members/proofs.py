"""Proofs of possession that were used: each counts once, whichever process it is sent to."""

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from app.parties import SpentProof


def spend(session: Session, proof_id: bytes, until: int) -> bool:
    """Use up a proof, which is remembered until it is too old; False if it was used before."""
    make = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    row = make(SpentProof).values(id=proof_id, expires_at=until).on_conflict_do_nothing()
    return session.execute(row.returning(SpentProof.id)).first() is not None
