"""The label rows of a dataset as a table of DuckDB that is asked in SQL, and can do nothing else.

=====================  ===========================================================
table                  ``labels``, which DuckDB reads from Arrow as it goes
statements             one SELECT; no files, other databases, extensions, settings
at most                `SECONDS`, or until who asked has gone; `MEMORY`, nothing on a disk
=====================  ===========================================================
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb

from digit_sequence.base.errors import ConfigError, PipelineError

SECONDS = 30.0
"""That a query may take."""
MEMORY = "1GB"
_LOOK_SECONDS = 0.05
"""How often it is seen whether who asked has gone."""
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
_NEVER = threading.Event()
_STATEMENT = re.compile(r"\s*(select|with|from|values|summarize|describe)\b", re.IGNORECASE)

_UNREADABLE = re.compile("stream registered as 'labels'|arrow_scan|ArrowArrayStream|get_next")
"""In what DuckDB says when Arrow cannot go on, in the words of its versions."""


@dataclass(frozen=True)
class Answer:
    """The first rows that a query gives."""

    head: list[str]
    rows: list[tuple[Any, ...]]


class CancelledError(PipelineError):
    """Nobody waits for the answer any more."""


class UnreadableError(Exception):
    """The label rows themselves could not be read."""


class Index:
    """Label rows, to be asked by one thread at a time.

    Parameters
    ----------
    open_rows : callable
        Returns the rows, a table or a dataset of Arrow; called before the first query.
    """

    def __init__(self, open_rows: Callable[[], Any]) -> None:
        self._open_rows = open_rows
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._running: dict[duckdb.DuckDBPyConnection, threading.Thread] = {}
        self._is_stopped = threading.Event()

    def ask(self, query: str, most: int, has_gone: threading.Event = _NEVER) -> Answer:
        """Return the first rows of a query.

        Parameters
        ----------
        query : str
            One SELECT.
        most : int
            Rows, at most.
        has_gone : threading.Event, optional
            Set as soon as nobody waits for the answer.

        Raises
        ------
        CancelledError
            If nobody waits for it, be it before it runs, or the index is stopped.
        ConfigError
            If it is no SELECT, or DuckDB refuses it, or it takes too much time or memory.
        UnreadableError
            If label rows cannot be read.
        """
        with self._lock:
            check_wanted(has_gone, self._is_stopped)
            if self._connection is None:
                self._connection = _connect(self._open_rows())
                check_wanted(has_gone, self._is_stopped)
            _check_select(self._connection, query)
            return self._run(self._connection, query, most, has_gone)

    def close(self) -> None:
        """Forget the rows: they are opened anew for the next query."""
        with self._lock:
            self._connection = None

    def stop(self) -> None:
        """End all queries, at the end of the program, which threads must not outlive."""
        self._is_stopped.set()
        for connection, thread in list(self._running.items()):
            connection.interrupt()
            thread.join(_STOP_SECONDS)
        self.close()

    def _run(
        self,
        connection: duckdb.DuckDBPyConnection,
        query: str,
        most: int,
        has_gone: threading.Event,
    ) -> Answer:
        """Run a query in a thread of its own: some cannot be interrupted, and are left behind."""
        found: list[Answer | Exception] = []
        is_over = threading.Event()

        def run() -> None:
            try:
                cursor = connection.execute(query)
                head = [column[0] for column in cursor.description or ()]
                found.append(Answer(head, cursor.fetchmany(most)))
            except Exception as error:
                found.append(error)
            del self._running[connection]
            is_over.set()

        thread = threading.Thread(target=run, daemon=True)
        self._running[connection] = thread
        thread.start()
        end = time.monotonic() + SECONDS
        while not is_over.wait(_LOOK_SECONDS):
            is_wanted = not (has_gone.is_set() or self._is_stopped.is_set())
            if is_wanted and time.monotonic() < end:
                continue
            connection.interrupt()
            thread.join(_GRACE_SECONDS)
            if thread.is_alive():
                self._connection = None
            check_wanted(has_gone, self._is_stopped)
            raise ConfigError(
                f"the query took more than {SECONDS:g} seconds and was stopped; ask for less"
            )
        (answer,) = found
        if isinstance(answer, Answer):
            return answer
        raise _explain(answer) from answer


def check_wanted(*reasons: threading.Event) -> None:
    """Refuse to go on if there is a reason to end.

    Raises
    ------
    CancelledError
        If one of the events is set.
    """
    if any(reason.is_set() for reason in reasons):
        raise CancelledError("the query was cancelled")


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
