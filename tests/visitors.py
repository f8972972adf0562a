"""Visitors of the explorer: they ask as its page does, with a server or without one."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import uvicorn

from digit_sequence.browse.built import BuiltCollection
from digit_sequence.browse.explorer import (
    DrawRequest,
    Explorer,
    PageRequest,
    SampleRequest,
    parse_request,
)
from digit_sequence.browse.server import ADDRESS, bind, make_app
from digit_sequence.store.storage import Storage

TOKEN = "token-of-a-test"
ENDLESS = "SELECT count(*) FROM range(1000000000000) a, range(1000000) b"
"""A query."""


class Visitor:
    """Asks an explorer as the page does, without a server."""

    def __init__(self, explorer):
        self.explorer = explorer

    def page(self, start=0, count=60, with_masks=False, **question):
        """Return some of the samples of a question."""
        asked = {"question": question, "start": start, "count": count, "with_masks": with_masks}
        request = parse_request(PageRequest, json.dumps(asked).encode())
        return self.explorer.show_page(request, threading.Event())

    def keys(self, **question):
        """Return the keys of the first samples of a question."""
        return [sample["key"] for sample in self.page(**question)["samples"]]

    def sample(self, key):
        """Return all that is known of a sample."""
        return self.explorer.show_sample(SampleRequest(key=key), threading.Event())

    def draw(self, key, **change):
        """Return a sample drawn anew."""
        asked = {"key": key, **change}
        request = parse_request(DrawRequest, json.dumps(asked).encode())
        return self.explorer.draw(request, threading.Event())


def visit(folder):
    """Return a visitor of a dataset."""
    return Visitor(Explorer(BuiltCollection(Storage(str(folder))), str(folder)))


@contextmanager
def running(*explorers):
    """Run a server; give its address."""
    with bind(0) as listening:
        config = uvicorn.Config(
            make_app(explorers, TOKEN), log_level="error", lifespan="off", ws="none"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield f"http://{ADDRESS}:{listening.getsockname()[1]}/{TOKEN}/"
        finally:
            server.should_exit = True
            thread.join(20)


def fetch(address, body=None, **headers):
    """Return status, headers and text of an answer."""
    content = None if body is None else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urlopen(Request(address, content, names), timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()
