"""Getting a file from a web server, with bounds on its size and on the time it takes."""

from __future__ import annotations

import io
import threading
from concurrent.futures import Future
from textwrap import shorten
from typing import Any

from digit_sequence.base.errors import SourceError, list_causes

STALL_SECONDS = 20.0
"""A download fails if its server is silent for this long."""
DOWNLOAD_SECONDS = 600.0
"""A download of one file fails if it is not complete after this long."""


def download(url: str, max_bytes: int) -> bytes:
    """Return what an address holds, in `DOWNLOAD_SECONDS` at most.

    Raises
    ------
    SourceError
        If there is nothing, or more than `max_bytes`, or it does not come in time.
    """
    body = _BoundedBody(max_bytes)
    done: Future[None] = Future()

    def run() -> None:
        try:
            _get(url, body)
            done.set_result(None)
        except BaseException as error:  # raised again by done.result()
            done.set_exception(error)

    # A timeout bounds each read of a socket, not their sum: a server that sends a byte now and
    # then, even of its headers, would hold us for hours. So a thread waits, and may be left alone;
    # it ends at its next write, because the body is closed.
    threading.Thread(target=run, daemon=True).start()
    with body:
        try:
            done.result(timeout=DOWNLOAD_SECONDS)
        except (OSError, ValueError) as error:
            problem = _tell(error)
            if not done.done():
                problem = f"an incomplete file after {DOWNLOAD_SECONDS:g} seconds"
            raise SourceError(f"{url}: expected a file, got: {problem}") from error
        return body.getvalue()


def _tell(error: BaseException) -> str:
    """Return why there is no file: what the system says of the network, if it says something."""
    reasons = (getattr(it, "strerror", None) for it in reversed([*list_causes(error)]))
    told = next(filter(None, reasons), str(error).partition(" for url")[0])
    return f"{type(error).__name__}: {shorten(str(told), 120)}"


class _BoundedBody(io.BytesIO):
    """A body in memory that refuses to grow over `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._max_bytes = max_bytes

    def write(self, chunk: Any) -> int:
        if self.tell() + len(chunk) > self._max_bytes:
            raise OSError(f"more than {self._max_bytes:,} bytes")
        return super().write(chunk)


def _get(url: str, body: io.BytesIO) -> None:
    """Write what an address holds into `body`."""
    import pooch

    responses: list[Any] = []

    def keep(response: Any, **_: object) -> None:
        responses.append(response)

    try:
        pooch.HTTPDownloader(timeout=STALL_SECONDS, hooks={"response": keep})(url, body, None)
    finally:
        for response in responses:
            response.close()  # pooch leaves it open when it fails
