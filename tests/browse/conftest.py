"""A visitor of a small dataset, and a server of it."""

from __future__ import annotations

import pytest

for name in ("duckdb", "starlette", "uvicorn"):
    pytest.importorskip(name, reason="needs the extra browse")

from visitors import running, visit  # noqa: E402 - it needs these


@pytest.fixture(scope="session")
def folder(built):
    """Return a dataset with every transform."""
    return built()


@pytest.fixture(scope="session")
def visitor(folder):
    """Return a visitor of it."""
    found = visit(folder)
    yield found
    found.explorer.stop()


@pytest.fixture(scope="session")
def address(visitor):
    """Run a server of the dataset; return its address."""
    with running(visitor.explorer) as found:
        yield found
