"""The label rows of a dataset as a table of DuckDB that is asked in SQL, and can do nothing else.

=====================  ===========================================================
table                  ``labels``, which DuckDB reads from Arrow as it goes
statements             one SELECT; no files, other databases, extensions, settings
at most                `SECONDS`, or until it is cancelled; `MEMORY`, nothing on a disk
=====================  ===========================================================
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb

from digit_sequence.base.errors import ConfigError

SECONDS = 30.0
"""That a query may take."""
MEMORY = "1GB"
_GRACE_SECONDS = 3.0
"""For a query to end when it is told to."""
_STOP_SECONDS = 20.0
"""Likewise at the end of the program."""
_SETTINGS = {
    "memory_limit": MEMORY,
    "temp_directory": "",
    "enable_external_access": False,
    "allow_community_extensions": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    "lock_configuration": True,
}
_CANCELLED = "the query was cancelled"
_STATEMENT = re.compile(r"\s*(select|with|from|values|summarize|describe)\b", re.IGNORECASE)

_UNREADABLE = re.compile("stream registered as 'labels'|arrow_scan|ArrowArrayStream|get_next")
"""In what DuckDB says when Arrow cannot go on, in the words of its versions."""


@dataclass(frozen=True)
class Answer:
    """The first rows that a query gives."""

    head: list[str]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True)
class _Query:
    """A query that runs."""

    thread: threading.Thread
    is_over: threading.Event = field(default_factory=threading.Event)
    """Whether to wait no more."""


class UnreadableError(Exception):
    """The label rows themselves could not be read."""


class Index:
    """Label rows, to be asked by one thread at a time.

    Parameters
    ----------
    open_rows : callable
        Returns the rows, a table or a dataset of Arrow; called before the first query.

    Attributes
    ----------
    n_cancels : int
        How often queries were cancelled.
    """

    def __init__(self, open_rows: Callable[[], Any]) -> None:
        self._open_rows = open_rows
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._running: dict[duckdb.DuckDBPyConnection, _Query] = {}
        self.n_cancels = 0

    def ask(self, query: str, most: int, n_cancels: int | None = None) -> Answer:
        """Return the first rows of a query.

        Parameters
        ----------
        query : str
            One SELECT.
        most : int
            Rows, at most.
        n_cancels : int, optional
            What it was when the question began that the query belongs to; by default, now.

        Raises
        ------
        ConfigError
            If it is no SELECT, or DuckDB refuses it, or it takes too much time or memory, or it is
            cancelled, be it before it runs.
        UnreadableError
            If label rows cannot be read.
        """
        began = self.n_cancels if n_cancels is None else n_cancels
        with self._lock:
            if self._connection is None and self.n_cancels == began:
                self._connection = _connect(self._open_rows())
            if self._connection is None or self.n_cancels != began:
                raise ConfigError(_CANCELLED)
            _check_select(self._connection, query)
            return self._run(self._connection, query, most, began)

    def close(self) -> None:
        """Forget the rows: they are opened anew for the next query."""
        with self._lock:
            self._connection = None

    def stop(self) -> None:
        """End all queries, at the end of the program, which threads must not outlive."""
        self.cancel()
        for connection, query in list(self._running.items()):
            connection.interrupt()
            query.thread.join(_STOP_SECONDS)
        self.close()

    def cancel(self) -> None:
        """End all queries, also those that do not run yet: who waits for one is told so."""
        self.n_cancels += 1
        for query in list(self._running.values()):
            query.is_over.set()

    def _run(
        self, connection: duckdb.DuckDBPyConnection, query: str, most: int, began: int
    ) -> Answer:
        """Run a query in a thread of its own: some cannot be interrupted, and are left behind."""
        found: list[Answer | Exception] = []

        def run() -> None:
            try:
                cursor = connection.execute(query)
                head = [column[0] for column in cursor.description or ()]
                found.append(Answer(head, cursor.fetchmany(most)))
            except Exception as error:
                found.append(error)
            del self._running[connection]
            running.is_over.set()

        running = _Query(threading.Thread(target=run, daemon=True))
        self._running[connection] = running
        running.thread.start()
        if self.n_cancels == began:  # later ones find it running
            running.is_over.wait(SECONDS)
        if not found:
            connection.interrupt()
            running.thread.join(_GRACE_SECONDS)
            if running.thread.is_alive():
                self._connection = None
            if self.n_cancels != began:
                raise ConfigError(_CANCELLED)
            raise ConfigError(
                f"the query took more than {SECONDS:g} seconds and was stopped; ask for less"
            )
        (answer,) = found
        if isinstance(answer, Answer):
            return answer
        raise _explain(answer) from answer


def is_statement(text: str) -> bool:
    """Tell whether a text is a query, not the condition of one.

    >>> is_statement("SELECT key FROM labels"), is_statement("n_digits > 3")
    (True, False)
    """
    return _STATEMENT.match(text) is not None


def check_condition(text: str) -> None:
    """Refuse a condition that is none by itself: its brackets must not end others.

    Raises
    ------
    ConfigError
        With what DuckDB says of it.
    """
    with duckdb.connect(":memory:") as connection:
        _check_select(connection, f"SELECT 1 FROM labels WHERE {text}")


def _connect(rows: Any) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.register("labels", rows)
    for name, value in _SETTINGS.items():
        connection.execute(f"SET {name} = {value!r}")
    return connection


def _check_select(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Refuse all but one SELECT."""
    try:
        kinds = [statement.type for statement in connection.extract_statements(query)]
    except duckdb.Error as error:
        raise _explain(error) from error
    if kinds != [duckdb.StatementType.SELECT]:
        names = ", ".join(str(kind).rpartition(".")[2] for kind in kinds) or "nothing"
        raise ConfigError(f"expected one SELECT, or the condition of one, got {names}")


def _explain(error: Exception) -> Exception:
    """Return the error that says what is wrong with a query, or with what it reads."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return ConfigError(f"the query needs more memory than {MEMORY}; ask for less")
    text = str(error).partition("\n\nLINE")[0].strip()
    if not isinstance(error, duckdb.Error) or _UNREADABLE.search(text):
        return UnreadableError(text)
    return ConfigError(f"SQL: {text}")
