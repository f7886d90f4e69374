"""Who may talk to the server: a browser that was given the token, on a page of this very server.

The checks of Host keep out names that an attacker lets point here (DNS rebinding), those of Origin the pages of other
sites, which may open a websocket anywhere. Ports of Host are not compared: through a tunnel the browser sees another.
A browser sends a cookie to the servers at all ports of a host, whoever runs them. So the cookie opens the page alone,
in which there is no secret; the interface behind it takes the token, which the page keeps where only it can read.
"""

import secrets
import socket
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from inspector.browser.address import Address, as_literal

TOKEN_PARAMETER = "token"


class Access:
    """The token and the names of one server."""

    def __init__(self, address: Address, token: str | None = None) -> None:
        """`address` with the port that is listened to; a token is drawn unless one is given."""
        self.token = token or secrets.token_urlsafe(32)
        self._cookie = f"nninspect-{address.port}"
        self._secret_of_cookie = secrets.token_urlsafe(32)
        self._names = _names_of(address)
        self._any_literal = address.is_every

    def has_token(self, request: web.Request) -> bool:
        """Whether the request brings the token in its URL, as a parameter or as a part of the path."""
        given = request.match_info.get(TOKEN_PARAMETER) or request.query.get(TOKEN_PARAMETER, "")
        return _same(given, self.token)

    def has_cookie(self, request: web.Request) -> bool:
        """Whether the request brings the cookie, which is enough for the page and its files."""
        return _same(request.cookies.get(self._cookie, ""), self._secret_of_cookie)

    def is_from_here(self, request: web.Request) -> bool:
        """Whether it was meant for this server, by a page of this server or by no page."""
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return False
        return all(origin == f"http://{hosts[0]}" for origin in request.headers.getall("Origin", []))

    def remember(self, response: web.StreamResponse) -> None:
        """Let the browser reload the page from now on; no script can read the cookie, no other site can send it."""
        response.set_cookie(self._cookie, self._secret_of_cookie, httponly=True, samesite="Strict", path="/")

    def middleware(self) -> Middleware:
        """What answers every other request, of whatever path, with an empty 403."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not self.is_from_here(request) or not (self.has_token(request) or self.has_cookie(request)):
                return web.Response(status=403)
            return await handler(request)

        return guard

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        # An address cannot be made to point elsewhere, as a name can.
        return name in self._names or (self._any_literal and as_literal(name) is not None)


def _same(given: str, secret: str) -> bool:
    return secrets.compare_digest(given.encode(errors="replace"), secret.encode())


def _names_of(address: Address) -> frozenset[str]:
    loopback = {"localhost", "127.0.0.1", "::1"}
    if address.is_loopback:
        return frozenset(loopback | {address.host.lower()})
    if address.is_every:
        return frozenset(loopback | {socket.gethostname().lower(), socket.getfqdn().lower()})
    return frozenset({address.host.lower()})
