"""The web server: textual-serve's page, websocket and downloads behind `Access`, a session for each tab.

The application is built here and not by textual-serve, so that no route is without the guard, whatever it adds.
"""

import asyncio
import contextlib
import html
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from string import Template

from aiohttp import WSCloseCode, WSMsgType, web
from textual_serve.server import Server

from inspector.browser.access import TOKEN_PARAMETER, Access
from inspector.browser.address import Address
from inspector.browser.sessions import SECONDS_TO_QUIT, Session, new_session
from inspector.core.errors import RequestError

ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
FONT_SIZE = 16
LARGEST_SIDE = 1000
"""Cells of a terminal; a page that asks for more gets so many."""
_PAGE = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
    "img-src 'self' data:; connect-src 'self' ws://$host; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing comes from elsewhere, and no other page shows this one in a frame."""


class BrowserServer(Server):
    """Serves one command line; every tab runs it anew."""

    def __init__(self, command: str, title: str, access: Access) -> None:
        super().__init__(command, title=title)
        self._access = access
        self._websockets: set[web.WebSocketResponse] = set()

    def application(self) -> web.Application:
        """All routes, guarded."""
        app = web.Application(middlewares=[self._access.middleware()])
        app.add_routes(
            [
                web.get("/", self.handle_index),
                web.get(f"/ws/{{{TOKEN_PARAMETER}}}", self.handle_websocket),
                web.get("/download/{key}", self.handle_download),
                web.static("/static", self.statics_path),
            ]
        )
        app.on_shutdown.append(self.on_shutdown)
        return app

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page with the terminal."""
        text = _PAGE.substitute(
            title=html.escape(self.title), websocket=html.escape(f"ws://{request.host}/ws"), font_size=FONT_SIZE
        )
        response = web.Response(text=text, content_type="text/html", charset="utf-8")
        response.headers.update(
            {
                "Content-Security-Policy": Template(_POLICY).substitute(host=request.host),
                "Referrer-Policy": "no-referrer",
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
            }
        )
        self._access.remember(response)
        return response

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """A tab: runs the interface until either side ends. The cookie alone opens none."""
        if not self._access.has_token(request):
            raise web.HTTPForbidden(text="")
        websocket = web.WebSocketResponse(heartbeat=15)
        await websocket.prepare(request)
        session = new_session(
            self.command, websocket.send_bytes, websocket.send_str, websocket.close, self.download_manager
        )
        await session.start(_side(request, "width", 80), _side(request, "height", 24))
        self._websockets.add(websocket)
        try:
            async for message in websocket:
                if message.type == WSMsgType.TEXT:
                    with contextlib.suppress(ValueError, TypeError, KeyError, IndexError):
                        await _pass_on(message.json(), session, websocket)
        finally:
            self._websockets.discard(websocket)
            await session.stop()
        return websocket

    async def on_shutdown(self, app: web.Application) -> None:
        """Close every tab."""
        closing = [one.close(code=WSCloseCode.GOING_AWAY, message=b"the server has ended") for one in self._websockets]
        await asyncio.gather(*closing, return_exceptions=True)


async def serve_until_ended(
    command: str, title: str, address: Address, started: Callable[[str, Address], None]
) -> None:
    """Serve until a signal ends it; `started` is told the URL with the token, and the address with its port.

    Raises RequestError where the address cannot be listened to.
    """
    listening = _listening(address)
    address = Address(address.host, listening.getsockname()[1])
    access = Access(address)
    server = BrowserServer(command, title, access)
    # The log of requests would hold the token.
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=SECONDS_TO_QUIT + 1)
    await runner.setup()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in ENDING:
        if hasattr(signal, name):
            # Where an event loop takes no signals, on Windows, ctrl+c ends it by KeyboardInterrupt.
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(getattr(signal, name), ended.set)
    try:
        await web.SockSite(runner, listening).start()
        # Of all addresses the one that others are likely to know.
        shown = Address(socket.gethostname(), address.port) if address.is_every else address
        started(f"http://{shown.shown_host}:{address.port}/?{TOKEN_PARAMETER}={access.token}", address)
        await ended.wait()
    finally:
        await runner.cleanup()


def _listening(address: Address) -> socket.socket:
    with contextlib.ExitStack() as closing:
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[
                0
            ]
            listening = closing.enter_context(socket.socket(family, kind, protocol))
            if hasattr(socket, "SO_REUSEPORT"):
                # Not on Windows, where the option lets another program take the port.
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(place)
            listening.listen()
        except (OSError, UnicodeError) as problem:
            where = f"{address.shown_host}:{address.port}"
            why = problem.strerror if isinstance(problem, OSError) else "no host can have that name"
            raise RequestError(f"{where} cannot be listened to: {why}; choose another HOST:PORT") from None
        closing.pop_all()
    return listening


async def _pass_on(envelope: list[object], session: Session, websocket: web.WebSocketResponse) -> None:
    """What the page sent, as textual.js sends it."""
    match envelope:
        case ["stdin", str(typed)]:
            await session.send_bytes(typed.encode("utf-8", errors="replace"))
        case ["resize", {"width": int(width), "height": int(height)}]:
            await session.set_terminal_size(_bounded(width), _bounded(height))
        case ["ping", data]:
            await websocket.send_json(["pong", data])
        case ["blur"]:
            await session.blur()
        case ["focus"]:
            await session.focus()


def _side(request: web.Request, name: str, default: int) -> int:
    typed = request.query.get(name, "")
    return _bounded(int(typed)) if typed.isascii() and typed.isdecimal() and len(typed) < 9 else default


def _bounded(cells: int) -> int:
    return max(1, min(cells, LARGEST_SIDE))
