"""All settings, read once from the environment. docs/operations.md lists each of them (tested)."""

import base64
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from app.transparency.errors import NotProven
from app.transparency.notes import KeyType, VerifierKey

PREFIX = "HALYARD_"
SECRET_BYTES = 32
WITNESS_NAME_LIMIT = 255


class ConfigError(ValueError):
    """A setting is missing or cannot be used; the message names it and says what to set."""


def _flag(text: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("use true or false")


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


@dataclass(frozen=True, kw_only=True)
class Witness:
    """Somebody else's server that cosigns checkpoints: its key, and where its `add-checkpoint` is."""

    key: VerifierKey
    url: str


@dataclass(frozen=True, kw_only=True)
class Config:
    """One field per setting: `data_dir` is `HALYARD_DATA_DIR`. Defaults make the embedded server run."""

    data_dir: Path = Path("var")  # the embedded database and the generated secret live here
    database_url: str = ""  # empty: SQLite in data_dir; otherwise postgresql://user@host/name
    issuer: str = (
        "http://127.0.0.1:8440"  # public base URL: issuer and audience of every token, home of documents
    )
    environment: str = "development"  # `production` refuses plain http issuers and a generated secret
    secret: str = ""  # 32 random bytes, base64: encrypts signing keys and cursors at rest
    secret_file: str = ""  # or the path of a file that holds it
    listen: str = "127.0.0.1:8440"  # address of the HTTP server
    processes: int = 1  # server processes; more than one needs PostgreSQL
    threads: int = 8  # threads per process
    embedded_worker: bool = True  # run the worker's loops inside the server process
    trusted_proxies: int = 0  # how many reverse proxies append to X-Forwarded-For
    proxy_networks: tuple[str, ...] = ()  # where those proxies connect from; needed for the next two
    certificate_header: str = ""  # header in which they hand on the client's certificate; empty: none
    certificate_format: str = "rfc9440"  # how: `rfc9440`, or `pem`, URL-encoded as nginx writes it
    public_reading: bool = False  # may anonymous callers read TLP:CLEAR
    cors_origins: tuple[str, ...] = ()  # origins allowed to call from a browser; none unless named
    metrics_listen: str = ""  # address of a metrics port of its own; empty: /metrics with a scope only
    audit_wait: float = 5.0  # seconds a read waits for its audit entry before it answers 503
    snapshot_lines: int = 20_000  # standing lines from which on a place gets prepared segments; 0: none does
    network_retention_days: int = 90  # how long the clear form behind audit commitments is kept
    audit_keep_days: int = 0  # days after which audit entries leave for archives; 0: never
    audit_archive: str = ""  # folder of those archives; empty: audit-archives in data_dir
    rate_limit: str = "1200 per minute"  # requests per client and process
    token_rate_limit: str = "60 per minute"  # noqa: S105 - a limit; token requests per network address and process
    rate_limit_storage: str = "memory://"  # or redis://…, shared between processes
    outgoing_ports: tuple[str, ...] = ("443",)  # ports that addresses named by members may have
    erasure_ledger: str = ""  # file that names what was erased; empty: erasures.ledger in data_dir
    lookup_only_hourly: int = 50_000  # queries per client and hour to lookup-only lists, in all processes
    lookup_only_daily: int = 500_000  # the same per day
    witnesses: tuple[str, ...] = ()  # `<vkey> <url>` of each witness that cosigns the audit log
    oidc_issuer: str = ""  # OpenID provider through which people may sign in to the console; empty: none
    oidc_client_id: str = ""  # what the provider calls this server
    oidc_client_secret: str = ""  # what this server proves itself with there
    oidc_client_secret_file: str = ""  # or the path of a file that holds it
    oidc_second_factor: tuple[str, ...] = ()  # values of acr or amr that say: a second factor was asked for
    oidc_networks: tuple[str, ...] = ()  # networks of the provider, where its address is not public
    log_level: str = "INFO"  # DEBUG, INFO, WARNING, ERROR

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """Read `HALYARD_*`.

        Raises:
            ConfigError: an unknown variable, a value of the wrong form, or an unsafe production setting.
        """
        source = os.environ if env is None else env
        known = {PREFIX + field.name.upper(): field for field in fields(cls)}
        unknown = [
            name for name in source if name.startswith(PREFIX) and name not in known and "_TEST_" not in name
        ]
        unknown = [name for name in unknown if name not in CLIENT_VARIABLES]
        if unknown:
            raise ConfigError(f"unknown setting {min(unknown)}: see docs/operations.md for the list")
        values: dict[str, Any] = {}
        for name, field in known.items():
            if name in source:
                values[field.name] = _parse(name, _PARSERS[field.name], source[name])
        config = cls(**values)
        config._refuse_unsafe()
        return config

    def _refuse_unsafe(self) -> None:
        if not all(port.isdecimal() and 0 < int(port) < 65536 for port in self.outgoing_ports):
            raise ConfigError("HALYARD_OUTGOING_PORTS is a list of port numbers, separated by commas")
        if self.environment not in {"development", "production"}:
            raise ConfigError("HALYARD_ENVIRONMENT must be development or production")
        if self.processes > 1 and self.sqlite:
            raise ConfigError("HALYARD_PROCESSES above 1 needs PostgreSQL: set HALYARD_DATABASE_URL")
        if self.audit_keep_days < 0:
            raise ConfigError("HALYARD_AUDIT_KEEP_DAYS is a number of days, or 0 to keep all entries")
        self._refuse_unsafe_proxies()
        self._refuse_unfit_witnesses()
        self._refuse_unsafe_provider()
        if self.environment == "production":
            if not self.issuer.startswith("https://"):
                raise ConfigError("HALYARD_ISSUER must be the public https:// address in production")
            if not (self.secret or self.secret_file):
                raise ConfigError("set HALYARD_SECRET or HALYARD_SECRET_FILE in production")

    def _refuse_unsafe_proxies(self) -> None:
        try:
            for network in self.proxy_networks:
                ip_network(network)
        except ValueError as error:
            raise ConfigError("HALYARD_PROXY_NETWORKS lists networks, for example 10.0.0.0/24") from error
        if self.certificate_format not in {"rfc9440", "pem"}:
            raise ConfigError("HALYARD_CERTIFICATE_FORMAT must be rfc9440 or pem")
        if self.certificate_header and not (self.proxy_networks and self.trusted_proxies):
            raise ConfigError(
                "HALYARD_CERTIFICATE_HEADER needs HALYARD_PROXY_NETWORKS and HALYARD_TRUSTED_PROXIES: "
                "anybody else could write the header"
            )

    def _refuse_unfit_witnesses(self) -> None:
        try:
            keys = [(one.key.name, one.key.id) for one in self.witness_list]
        except NotProven as error:
            raise ConfigError(f"HALYARD_WITNESSES names a key that cannot be taken. {error}") from error
        if len(set(keys)) < len(keys):
            raise ConfigError("HALYARD_WITNESSES names a witness twice")

    @property
    def witness_list(self) -> tuple[Witness, ...]:
        """The witnesses that are asked to cosign checkpoints.

        Raises:
            ConfigError: one is not `<vkey> <url>`, its key is none of a witness, or its address is not safe.
            NotProven: its key has another form.
        """
        return tuple(_witness(text) for text in self.witnesses)

    def _refuse_unsafe_provider(self) -> None:
        try:
            for network in self.oidc_networks:
                ip_network(network)
        except ValueError as error:
            raise ConfigError("HALYARD_OIDC_NETWORKS lists networks, for example 10.0.0.0/24") from error
        if not self.oidc_issuer:
            return
        if not self.oidc_issuer.startswith("https://"):
            raise ConfigError("HALYARD_OIDC_ISSUER must be an https:// address")
        if not self.oidc_client_id or not (self.oidc_client_secret or self.oidc_client_secret_file):
            raise ConfigError(
                "HALYARD_OIDC_ISSUER needs HALYARD_OIDC_CLIENT_ID, and HALYARD_OIDC_CLIENT_SECRET or "
                "HALYARD_OIDC_CLIENT_SECRET_FILE"
            )

    @property
    def url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'halyard.db'}"

    @property
    def sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @property
    def outgoing_port_numbers(self) -> frozenset[int]:
        return frozenset(int(port) for port in self.outgoing_ports)

    @property
    def ledger_path(self) -> Path:
        return Path(self.erasure_ledger) if self.erasure_ledger else self.data_dir / "erasures.ledger"

    def oidc_secret(self) -> str:
        """What this server proves itself with at the OpenID provider."""
        if self.oidc_client_secret_file:
            return Path(self.oidc_client_secret_file).read_text().strip()
        return self.oidc_client_secret

    @property
    def archive_path(self) -> Path:
        return Path(self.audit_archive) if self.audit_archive else self.data_dir / "audit-archives"

    def secret_bytes(self) -> bytes:
        """The 32-byte server secret; made and kept in `data_dir/secret` (mode 600) if none is set.

        Raises:
            ConfigError: it is not 32 bytes of base64.
        """
        text = self.secret
        if not text:
            path = Path(self.secret_file) if self.secret_file else self.data_dir / "secret"
            text = path.read_text() if path.exists() else _make_secret(path)
        try:
            raw = base64.b64decode(text.strip(), validate=True)
        except ValueError:
            raw = b""
        if len(raw) != SECRET_BYTES:
            raise ConfigError("the server secret must be 32 random bytes in base64: openssl rand -base64 32")
        return raw


CLIENT_VARIABLES = frozenset(
    PREFIX + name for name in ("URL", "CLIENT_ID", "CLIENT_SECRET", "CLIENT_KEY_FILE", "PURPOSE", "DPOP")
)
"""What the command line's own client reads, not the server."""

_BY_TYPE: dict[object, Callable[[str], Any]] = {
    Path: Path,
    int: int,
    float: float,
    bool: _flag,
    tuple[str, ...]: _words,
    str: str,
}
_PARSERS = {field.name: _BY_TYPE[field.type] for field in fields(Config)}


_WITNESS_URL = re.compile(
    r"(https://[^\s/?#@]+|http://(?:127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]{1,5})?)(/[^\s?#]*)?"
)


def _witness(text: str) -> Witness:
    vkey, _, url = text.partition(" ")
    key = VerifierKey.parse(vkey)
    if key.type is not KeyType.COSIGNATURE or len(key.name) > WITNESS_NAME_LIMIT:
        raise ConfigError(
            "HALYARD_WITNESSES names keys as `halyard witness init` prints them: of type 4, for cosignatures"
        )
    if not _WITNESS_URL.fullmatch(url.strip()) or not _has_fit_port(url.strip()):
        raise ConfigError(
            "HALYARD_WITNESSES lists `<vkey> <url>`, separated by commas; a URL begins with https://, "
            "or with http:// on this machine"
        )
    return Witness(key=key, url=url.strip().rstrip("/"))


def _has_fit_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _parse(name: str, parser: Callable[[str], Any], text: str) -> Any:
    try:
        return parser(text)
    except ValueError as error:
        raise ConfigError(f"{name} cannot be read: expected {parser.__name__.strip('_')}") from error


def _make_secret(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was first: its secret is the one that counts
        return path.read_text()
    with os.fdopen(handle, "w") as file:
        file.write(text)
    return text
