"""A server of somebody else on loopback, with a certificate of a CA made here, for what we ask others."""

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from app.outgoing import Outgoing

NAME = "keys.bank.example"
LOOPBACK = (ip_network("127.0.0.1/32"),)

Talk = Callable[[ssl.SSLSocket], None]


class Authority:
    """A certificate authority that signs for whatever name it is asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        made = self._builder(self._name, self._key.public_key())
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        made = made.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
        )
        self._certificate = made.sign(self._key, hashes.SHA256())

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self._certificate.public_bytes(Encoding.PEM).decode())

    def server_context(self, name: str = NAME, *, signed: bool = True, days: int = 1) -> ssl.SSLContext:
        """What a server needs; `signed=False`: its certificate is signed by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(subject, key.public_key(), issuer=self._name if signed else subject, days=days)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        certificate = made.sign(self._key if signed else key, hashes.SHA256())
        path = self._folder / f"{name}-{signed}-{days}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _builder(
        self, subject: x509.Name, key: Any, *, issuer: x509.Name | None = None, days: int = 1
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject)
        builder = builder.public_key(key).serial_number(x509.random_serial_number())
        return builder.not_valid_before(now - dt.timedelta(days=3)).not_valid_after(
            now + dt.timedelta(days=days)
        )


@dataclass
class Elsewhere:
    """One server: what it is asked, and how it answers."""

    port: int
    talk: Talk
    asked: list[bytes] = field(default_factory=list)

    def url(self, path: str = "/jwks.json", *, host: str = NAME) -> str:
        return f"https://{host}:{self.port}{path}"


@contextmanager
def serving(context: ssl.SSLContext, talk: Talk, *, host: str = "127.0.0.1") -> Iterator[Elsewhere]:
    """Answer every connection by `talk`, after the head of its request was read."""
    listener = socket.create_server((host, 0))
    server = Elsewhere(port=listener.getsockname()[1], talk=talk)
    stopped = threading.Event()

    def answer(plain: socket.socket) -> None:
        plain.settimeout(10)
        try:
            with context.wrap_socket(plain, server_side=True) as connection:
                head = b""
                while b"\r\n\r\n" not in head and (part := connection.recv(4096)):
                    head += part
                server.asked.append(head)
                server.talk(connection)
        except OSError:  # the caller broke off, which is what many tests want
            plain.close()

    def accept() -> None:
        while not stopped.is_set():
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(plain,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def document(
    body: bytes, *, media_type: str = "application/json", status: str = "200 OK", **headers: str
) -> Talk:
    """Answers with one document."""
    fields = {"Content-Type": media_type, "Content-Length": str(len(body))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())

    def talk(connection: ssl.SSLSocket) -> None:
        connection.sendall(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)

    return talk


class Names:
    """A resolver that answers what it is told, in turn; the last answer stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def client_of(
    server: Elsewhere, trust: ssl.SSLContext, names: Names | None = None, *, seconds: float = 5
) -> Outgoing:
    """Ours, with leave to reach 127.0.0.1 and the server's port."""
    return Outgoing(
        ports={443, server.port}, resolve=names or Names(["127.0.0.1"]), also=LOOPBACK, trust=trust,
        seconds=seconds,
    )  # fmt: skip
