"""Queries: what they find, and all that they are kept from."""

from __future__ import annotations

import re
import threading
import time

import pyarrow as pa
import pytest

pytest.importorskip("duckdb", reason="needs the extra browse")

from digit_sequence.base.errors import ConfigError
from digit_sequence.browse import index as index_module
from digit_sequence.browse.index import CancelledError, Index, UnreadableError, is_statement
from visitors import ENDLESS


@pytest.fixture
def index():
    """Return some rows to ask."""
    rows = pa.table(
        {"key": [f"train-{i:09d}" for i in range(5)], "blur": [0.5, 0.1, 0.4, 0.2, 0.3]}
    )
    return Index(lambda: rows)


def test_answers(index):
    """One SELECT of any kind is answered, a bounded number of rows of it."""
    answer = index.ask("SELECT key, blur FROM labels WHERE blur > 0.2 ORDER BY blur", 2)
    assert answer.head == ["key", "blur"]
    assert answer.rows == [("train-000000004", 0.3), ("train-000000002", 0.4)]
    assert index.ask("FROM labels SELECT count(*)", 9).rows == [(5,)]
    assert index.ask("WITH a AS (SELECT max(blur) AS b FROM labels) SELECT b FROM a;", 9).rows == [
        (0.5,)
    ]
    assert len(index.ask("SUMMARIZE labels", 9).rows) == 2


@pytest.mark.parametrize(
    "query",
    [
        "DROP VIEW labels",
        "CREATE TABLE other AS SELECT 1",
        "INSERT INTO labels VALUES ('a', 1)",
        "DELETE FROM labels",
        "UPDATE labels SET blur = 0",
        "COPY labels TO '{folder}/stolen.csv'",
        "COPY (SELECT 1) TO '{folder}/stolen.csv'",
        "EXPORT DATABASE '{folder}/stolen'",
        "ATTACH '{folder}/other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '100GB'",
        "RESET lock_configuration",
        "PRAGMA database_list",
        "CALL duckdb_settings()",
        "EXPLAIN SELECT 1",
        "BEGIN",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP VIEW labels",
        "",
        "-- nothing",
    ],
)
def test_only_selects(index, query, tmp_path):
    """Whatever is not one SELECT is refused, and changes nothing."""
    with pytest.raises(ConfigError, match="expected one SELECT"):
        index.ask(query.format(folder=tmp_path), 9)
    assert not list(tmp_path.iterdir())
    assert index.ask("SELECT count(*) FROM labels", 9).rows == [(5,)]


@pytest.mark.parametrize(
    "source",
    [
        "'{file}'",
        "read_csv('{file}')",
        "read_text('{file}')",
        "read_blob('{file}')",
        "read_parquet('{file}')",
        "read_json('{file}')",
        "parquet_metadata('{file}')",
        "glob('{folder}/*')",
        "sniff_csv('{file}')",
        "read_csv('https://127.0.0.1/a.csv')",
        "sqlite_scan('{file}', 'a')",
        "query('SELECT * FROM read_text(''{file}'')')",
    ],
)
def test_no_files(index, source, tmp_path):
    """No query reads a file, by whatever function."""
    file = tmp_path / "secret.csv"
    file.write_text("a,b\nsecret,2\n")
    query = f"SELECT * FROM {source.format(file=file, folder=tmp_path)}"
    with pytest.raises(ConfigError, match="SQL: ") as caught:
        index.ask(query, 9)
    assert "a,b" not in str(caught.value)


def test_no_other_tables(index):
    """Nothing but the label rows is there: no variable of this program, no table of another."""
    secret = pa.table({"a": [1]})  # DuckDB would find it by its name
    assert len(secret) == 1
    for name in ("secret", "others", "sqlite_master.labels"):
        with pytest.raises(ConfigError, match="SQL: "):
            index.ask(f"SELECT * FROM {name}", 9)
    tables = index.ask("SELECT table_name FROM information_schema.tables", 99).rows
    assert tables == [("labels",)]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELEC key FROM labels", "syntax error"),
        ("SELECT key FROM labels WHERE", "syntax error"),
        ("SELECT lenght(key) FROM labels", "lenght"),
        ("SELECT blurr FROM labels", 'Referenced column "blurr" not found'),
        ("SELECT 'a'::int", "Could not convert"),
        ("SELECT error('mine')", "mine"),
    ],
)
def test_errors_are_told(index, query, told):
    """A mistake is told in the words of DuckDB, without its drawing of the line."""
    with pytest.raises(ConfigError, match=f"SQL: .*{re.escape(told)}") as caught:
        index.ask(query, 9)
    assert "LINE 1" not in str(caught.value)
    assert "^" not in str(caught.value)


@pytest.mark.parametrize(
    "query",
    [
        ENDLESS,
        "WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM t) SELECT count(*) FROM t",
    ],
)
def test_endless_queries_end(index, query, monkeypatch):
    """A query without end is stopped, and the next one is answered."""
    monkeypatch.setattr(index_module, "SECONDS", 0.2)
    began = time.monotonic()
    with pytest.raises(ConfigError, match=r"took more than 0.2 seconds"):
        index.ask(query, 9)
    assert time.monotonic() - began < 3
    monkeypatch.undo()
    assert index.ask("SELECT count(*) FROM labels", 9).rows == [(5,)]


def test_queries_nobody_waits_for_end(index):
    """A query ends soon after who asked has gone; the next one is answered."""
    has_gone = threading.Event()
    timer = threading.Timer(0.2, has_gone.set)
    timer.start()
    began = time.monotonic()
    with pytest.raises(CancelledError, match="the query was cancelled"):
        index.ask(ENDLESS, 9, has_gone)
    timer.join()
    assert time.monotonic() - began < 10
    with pytest.raises(CancelledError):  # a question asks more than one
        index.ask("SELECT key FROM labels", 9, has_gone)
    assert index.ask("SELECT count(*) FROM labels", 9).rows == [(5,)]


@pytest.mark.parametrize("is_stopped", [False, True])
def test_queries_end_before_they_run(is_stopped):
    """A query ends also while its rows are opened, or while it waits for another."""
    is_opening, can_open, has_gone = (threading.Event() for _ in range(3))

    def open_slowly():
        is_opening.set()
        assert can_open.wait(20)
        return pa.table({"key": ["a"]})

    def ask():
        with pytest.raises(CancelledError, match="the query was cancelled"):
            slow.ask(ENDLESS, 9, has_gone)
        told.append(True)

    slow, told = Index(open_slowly), []
    threads = [threading.Thread(target=ask) for _ in range(2)]
    threads[0].start()
    assert is_opening.wait(20)
    threads[1].start()
    if is_stopped:
        threads.append(threading.Thread(target=slow.stop))
        threads[2].start()
    else:
        has_gone.set()
    can_open.set()
    for thread in threads:
        thread.join(20)
    assert told == [True, True]
    if is_stopped:
        with pytest.raises(CancelledError):
            slow.ask("SELECT count(*) FROM labels", 9)
    else:
        assert slow.ask("SELECT count(*) FROM labels", 9).rows == [(1,)]


def test_one_that_does_not_stop_is_left(index, monkeypatch):
    """What cannot be interrupted is left behind: the next query gets a connection of its own."""
    monkeypatch.setattr(index_module, "SECONDS", 0.1)
    monkeypatch.setattr(index_module, "_GRACE_SECONDS", 0.1)
    with pytest.raises(ConfigError, match="was stopped"):
        index.ask("SELECT length(repeat('x', 200000000))", 9)
    monkeypatch.undo()
    assert index.ask("SELECT count(*) FROM labels", 9).rows == [(5,)]
    index.stop()


def test_memory_is_bounded(index):
    """What needs more memory than there is to be is refused, and nothing is put on a disk."""
    with pytest.raises(ConfigError, match="needs more memory than 1GB"):
        index.ask("SELECT list(a) FROM range(10000000000) t(a)", 9)


def test_unreadable_rows():
    """Rows that cannot be read are another error than a mistake in the query."""

    def rows():
        yield pa.record_batch({"key": ["a"]})
        raise OSError("broken")

    reader = pa.RecordBatchReader.from_batches(pa.schema([("key", pa.string())]), rows())
    with pytest.raises(UnreadableError, match="broken"):
        Index(lambda: reader).ask("SELECT * FROM labels", 9)


@pytest.mark.parametrize(
    "text", ["SELECT 1", " with a AS (SELECT 1) FROM a", "from labels", "SUMMARIZE labels"]
)
def test_statements(text):
    """A statement is told from a condition by its first word."""
    assert is_statement(text)
    assert not is_statement("selected = 1")
    assert not is_statement("(SELECT 1) = 1")
