"""Where the server listens, as it is typed: ``HOST:PORT``, either of them left out."""

import ipaddress
from dataclasses import dataclass

from inspector.core.errors import RequestError

LOOPBACK = "127.0.0.1"
LARGEST_PORT = 65535


@dataclass(frozen=True)
class Address:
    """A host name or address, and a port; 0 is any free one."""

    host: str = LOOPBACK
    port: int = 0

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        literal = as_literal(self.host)
        return self.host == "localhost" if literal is None else literal.is_loopback

    @property
    def is_every(self) -> bool:
        """Whether it stands for all addresses of this machine."""
        literal = as_literal(self.host)
        return literal is not None and literal.is_unspecified

    @property
    def shown_host(self) -> str:
        """As a host stands in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host


def parse_address(typed: str) -> Address:
    """Read ``HOST:PORT``, ``HOST:``, ``:PORT``, ``PORT`` or ``[::1]:PORT``; raises RequestError for anything else."""
    host, colon, port = typed.rpartition(":")
    if not colon and not port.isdecimal():
        raise RequestError(
            f"--serve takes HOST:PORT, and {typed!r} is neither an address nor a port; write TARGET before --serve"
        )
    host = host.removeprefix("[").removesuffix("]") or LOOPBACK
    if port and not (port.isascii() and port.isdecimal() and int(port) <= LARGEST_PORT):
        raise RequestError(f"the port {port!r} of --serve {typed} is not a number up to {LARGEST_PORT}")
    return Address(host, int(port or 0))


def as_literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is written as; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
