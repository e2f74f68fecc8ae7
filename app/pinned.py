"""Connections that go to checked addresses only, and take no longer than they may altogether.

Below `app.outgoing`, which says what is checked.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore

from app.addresses import Address


class Deadline:
    """A moment by which everything must have happened, whatever each step takes."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left.

        Raises:
            TimeoutError: none.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Pinned(httpcore.NetworkBackend):
    """Connects to checked addresses only. The host that it is given is resolved here and nowhere else."""

    def __init__(self, addresses: Callable[[str, int, float], Sequence[Address]], deadline: Deadline) -> None:
        self._addresses = addresses
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline holds instead
        local_address: str | None = None,  # noqa: ARG002 - never given
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - never given
    ) -> httpcore.NetworkStream:
        failed: OSError | None = None
        for address in self._addresses(host, port, self._deadline.left()):
            try:
                connected = socket.create_connection((str(address), port), self._deadline.left())
            except OSError as error:
                failed = error
                continue
            return _Stream(connected, self._deadline)
        raise failed or OSError


class _Stream(httpcore.NetworkStream):
    """A connection on which every step has only what is left of the deadline."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - as above
        self._socket.settimeout(self._deadline.left())
        return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as above
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(buffer)

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - as above
    ) -> httpcore.NetworkStream:
        self._socket.settimeout(self._deadline.left())
        try:
            wrapped = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except BaseException:
            self._socket.close()
            raise
        return _Stream(wrapped, self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ARG002 - nothing is told
        return None
