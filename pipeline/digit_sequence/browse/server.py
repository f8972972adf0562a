"""The server of the explorer: for this machine alone, and for who knows the address.

==================  ===========================================================================
listens             on 127.0.0.1
address             has a random token, compared in constant time; without it there is nothing
Host, Origin        must be this server's: no other page asks, and no name that was bound anew
policy              the page loads and runs its own files, and asks no other server
texts               are JSON, and become text nodes of the page, never markup
questions           end when their request does: the page aborts it, or is closed
==================  ===========================================================================
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digit_sequence.base.errors import ConfigError, OutputError, PipelineError
from digit_sequence.base.text import escape
from digit_sequence.browse.explorer import (
    DrawRequest,
    Explorer,
    PageRequest,
    SampleRequest,
    parse_request,
)

ADDRESS = "127.0.0.1"
_MOST_BYTES = 1 << 20
"""Of a request."""
_STOP_SECONDS = 5
"""For answers under way when it is stopped."""
_FILES = {"": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_CALLS: Mapping[str, tuple[type[Any], Callable[[Explorer, Any, threading.Event], Any]]] = {
    "page": (PageRequest, Explorer.show_page),
    "sample": (SampleRequest, Explorer.show_sample),
    "draw": (DrawRequest, Explorer.draw),
}


class Guard:
    """Lets through who knows the token and asks this server by its own name.

    Parameters
    ----------
    app : callable
        Of ASGI; gets the path behind the token.
    token : str
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        app = self._app
        if refusal := self._find_fault(scope):
            status, text = refusal
            app = PlainTextResponse(text, status)
        else:
            path = "/" + scope["path"][1:].partition("/")[2]
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await app(scope, receive, send_guarded)

    def _find_fault(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        names = {f"{name}:{scope['server'][1]}" for name in (ADDRESS, "localhost")}
        if headers.get("host") not in names:
            return 421, "expected this server's own address"
        if headers.get("origin", "http://" + min(names)) not in {f"http://{it}" for it in names}:
            return 403, "expected a request of this server's own page"
        token, slash, _ = scope["path"][1:].partition("/")
        if not (slash and secrets.compare_digest(token.encode("utf-8", "replace"), self._token)):
            return 404, "expected the address that digit-sequence browse has printed"
        size = headers.get("content-length", "0")
        if not size.isdecimal() or int(size) > _MOST_BYTES or "transfer-encoding" in headers:
            return 413, "expected a smaller request"
        return None


def _call(ask: Callable[..., Any], *arguments: Any) -> Response:
    """Return the answer of an explorer, or what is wrong with what was asked."""
    try:
        return JSONResponse(ask(*arguments))
    except PipelineError as error:
        return JSONResponse({"error": escape(error)}, 400)
    except Exception:
        sys.stderr.write(escape(traceback.format_exc()))
        told = "a defect of this program: the terminal it runs in shows where"
        return JSONResponse({"error": told}, 500)


async def _watch(request: Request, has_gone: threading.Event) -> None:
    """Wait until who asked has gone: behind the body of a request nothing else comes."""
    await request.receive()
    has_gone.set()


def make_app(explorers: Sequence[Explorer], token: str) -> ASGIApp:
    """Return the application of one explorer, or of two that are compared."""

    async def give_file(request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        page = files("digit_sequence.browse") / "templates" / (name or "page.html")
        return Response(page.read_bytes(), media_type=_FILES[name])

    async def describe(_request: Request) -> Response:
        return await run_in_threadpool(_call, lambda: [it.describe() for it in explorers])

    def answer(call: str) -> Callable[[Request], Awaitable[Response]]:
        kind, ask = _CALLS[call]

        def answer_call(place: int, content: bytes, has_gone: threading.Event) -> Any:
            if place >= len(explorers):
                raise ConfigError(f"expected a dataset below {len(explorers)}, got {place}")
            return ask(explorers[place], parse_request(kind, content), has_gone)

        async def answer_request(request: Request) -> Response:
            place, content = request.path_params["place"], await request.body()
            has_gone = threading.Event()
            watching = asyncio.create_task(_watch(request, has_gone))
            try:
                return await run_in_threadpool(_call, answer_call, place, content, has_gone)
            finally:
                watching.cancel()

        return answer_request

    routes = [
        *(Route(f"/{name}", give_file) for name in _FILES),
        Route("/describe", describe),
        *(Route(f"/{{place:int}}/{call}", answer(call), methods=["POST"]) for call in _CALLS),
    ]
    return Guard(Starlette(routes=routes), token)


class _Server(uvicorn.Server):
    """A server that ends what its explorers do before it waits for answers."""

    def __init__(self, config: uvicorn.Config, explorers: Sequence[Explorer]) -> None:
        super().__init__(config)
        self._explorers = explorers

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End queries, then all else."""
        for explorer in self._explorers:
            explorer.stop()
        await super().shutdown(sockets)


def bind(port: int) -> socket.socket:
    """Return a socket that listens on this machine alone.

    Parameters
    ----------
    port : int
        0: any that is free.

    Raises
    ------
    OutputError
        If the port is taken, or the system allows none such.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((ADDRESS, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        is_taken = error.errno == errno.EADDRINUSE
        reason = "another program listens there" if is_taken else error.strerror
        raise OutputError(f"--port {port}: {reason}; give another one, or 0 for any") from error
    return listening


def make_token() -> str:
    """Return what nobody guesses, for an address."""
    return secrets.token_urlsafe(24)


def serve(explorers: Sequence[Explorer], listening: socket.socket, token: str) -> None:
    """Answer requests until the process is interrupted; raises KeyboardInterrupt then."""
    config = uvicorn.Config(
        make_app(explorers, token),
        log_level="error",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    _Server(config, explorers).run(sockets=[listening])
