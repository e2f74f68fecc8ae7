"""What every verb needs beside its arguments, assembled once per process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Self
from urllib.parse import urlsplit

from app.audit.committer import Auditor, GroupCommitter
from app.clock import Clock, system_clock
from app.config import Config
from app.db import Database
from app.feed.cursor import CursorSeal
from app.keys import Keyring, derive
from app.outgoing import Direct, Outgoing


@dataclass(frozen=True, kw_only=True)
class Runtime:
    config: Config
    db: Database
    keyring: Keyring
    fingerprint_key: bytes
    """Makes fingerprints of values that were erased."""
    people_key: bytes
    """From it come the keys around people signing in."""
    cursors: CursorSeal
    auditor: Auditor
    clock: Clock
    outgoing: Outgoing
    provider: Outgoing
    """The way to the OpenID provider, which the operator named: also where it is in a private network."""
    direct: Direct = field(default_factory=Direct)

    @classmethod
    def assemble(
        cls,
        config: Config,
        *,
        db: Database | None = None,
        auditor: Callable[[Database], Auditor] | None = None,
        now: Clock = system_clock,
        outgoing: Outgoing | None = None,
    ) -> Self:
        """Open the database and derive the keys. Starts no thread and opens no connection yet."""
        database = db or Database(config.url, pool_size=config.threads + 4)
        secret = config.secret_bytes()
        made = auditor(database) if auditor else GroupCommitter(database, wait=config.audit_wait)
        return cls(
            config=config,
            db=database,
            keyring=Keyring(derive(secret, "keyring")),
            fingerprint_key=derive(secret, "erased-values"),
            people_key=derive(secret, "people"),
            cursors=CursorSeal(derive(secret, "cursors")),
            auditor=made,
            clock=now,
            outgoing=outgoing or Outgoing(ports=config.outgoing_port_numbers),
            provider=outgoing or _to_provider(config),
        )


def _to_provider(config: Config) -> Outgoing:
    port = urlsplit(config.oidc_issuer).port or 443
    return Outgoing(ports={443, port}, also=[ip_network(text) for text in config.oidc_networks])
