"""Questions: the form and SQL find what reading the label rows finds."""

from __future__ import annotations

import random
from itertools import chain, pairwise

import numpy as np
import pyarrow as pa
import pytest

from digit_sequence.base.characters import encode_text
from digit_sequence.base.errors import ConfigError
from digit_sequence.browse.crops import make_picture
from digit_sequence.browse.documents import show_picture
from digit_sequence.browse.question import Question
from digit_sequence.match.crops import Crop
from digit_sequence.read.dataset import open_dataset


@pytest.fixture(scope="session")
def rows(folder):
    """Return the label rows, as dicts."""
    return pa.concat_tables([split.labels() for split in open_dataset(folder).values()]).to_pylist()


def equals(column, value):
    """Return a condition of the form."""
    return {"column": column, "equal": value}


def within(column, low=None, high=None):
    """Return a range of the form."""
    return {"column": column, "low": low, "high": high}


CASES = [
    (equals("digit", "7"), lambda row: any(box["digit"] == 7 for box in row["boxes"])),
    (equals("number", "42"), lambda row: row["number"] == "42"),
    (equals("number", "4*"), lambda row: row["number"].startswith("4")),
    (equals("number", "?"), lambda row: len(row["number"]) == 1),
    (equals("number", "it's"), lambda row: False),
    (equals("scaled", "true"), lambda row: row["scaled"]),
    (equals("inverted", "false"), lambda row: not row["inverted"]),
    (equals("trailing", "dash"), lambda row: row["trailing"] == "dash"),
    (equals("joined", "true"), lambda row: any(row["joined"])),
    (within("n_digits", 2, 3), lambda row: 2 <= row["n_digits"] <= 3),
    (within("n_digits", high=1), lambda row: row["n_digits"] <= 1),
    (within("blur_sigma", 0.2), lambda row: row["blur_sigma"] >= 0.2),
    (
        within("rotate_degrees", -20, -0.5),
        lambda row: any(-20 <= angle <= -0.5 for angle in row["rotate_degrees"]),
    ),
]


@pytest.mark.parametrize(
    ("condition", "is_meant"), CASES, ids=lambda it: None if callable(it) else str(it)[:60]
)
def test_conditions(visitor, rows, condition, is_meant):
    """Each condition of the form finds the samples that meet it, in the order of the dataset."""
    expected = [row["key"] for row in rows if is_meant(row)]
    assert visitor.keys(conditions=[condition]) == expected


@pytest.mark.parametrize("character", ["7", ",", "A", "Z"])
def test_characters_have_the_codes_of_boxes(folder, character):
    """A character of the form is looked for by the code that boxes have for it; letters too."""
    question = Question(conditions=[equals("digit", character)])
    code = encode_text(character)[0]
    condition = question.write_condition(open_dataset(folder).schema())
    assert condition == f"len(list_filter(boxes, lambda it: it.digit = {code})) > 0"


@pytest.mark.parametrize("text", ["7A", "1 A", "$ 5"])
def test_characters_beside_boxes(text):
    """A box is shown with its character, of built images and of crops, whatever stands between."""
    inked = text.replace(" ", "")
    boxes = np.array([[2.0, 3 + 9 * i, 20, 9 + 9 * i] for i in range(len(inked))])
    picture = make_picture(Crop("a.png", np.zeros((24, 40)), text, boxes), "real", 0)
    assert [box[0] for box in show_picture("a.png", picture)["boxes"]] == list(inked)


def test_conditions_together(visitor, rows):
    """Conditions, a split and SQL are met all at once."""
    found = visitor.keys(
        split="train",
        conditions=[within("n_digits", 2), within("blur_sigma", 0.01)],
        where="ordinal % 2 = 0 -- a comment",
    )
    assert found == [
        row["key"]
        for row in rows
        if row["split"] == "train"
        and row["n_digits"] >= 2
        and row["blur_sigma"] >= 0.01
        and row["ordinal"] % 2 == 0
    ]
    assert found


@pytest.mark.parametrize("column", ["blur_sigma", "number", "scaled", "rotate_degrees", "ordinal"])
@pytest.mark.parametrize("descending", [False, True])
def test_sorting(visitor, rows, column, descending):
    """Samples are sorted by any column, those that are equal by their place."""
    answer = visitor.page(sort=column, descending=descending)
    expected = sorted(rows, key=lambda row: row[column], reverse=descending)
    values = {row["key"]: row[column] for row in rows}
    found = [sample["key"] for sample in answer["samples"]]
    assert [values[key] for key in found] == [row[column] for row in expected]
    assert sorted(found) == sorted(values)
    assert answer["samples"][0]["value"]
    places = {row["key"]: place for place, row in enumerate(rows)}
    for first, second in pairwise(found):
        assert values[first] != values[second] or places[first] < places[second]


def test_pages(visitor, rows):
    """Pages follow each other; nothing is behind the last one."""
    keys = [row["key"] for row in rows]
    for question in ({}, {"sort": "ordinal"}, {"where": "true"}, {"split": "test"}):
        whole = visitor.keys(**question)
        parts = [visitor.keys(start=start, count=4, **question) for start in range(0, 20, 4)]
        assert list(chain.from_iterable(parts)) == whole[:20]
        assert visitor.keys(start=1000, **question) == []
    assert visitor.keys() == keys[:60]


def test_queries(visitor, rows):
    """A query that gives keys shows these samples in its order, another one its table."""
    keys = [row["key"] for row in rows]
    random.Random(0).shuffle(keys)
    listed = ", ".join(f"('{key}')" for key in keys[:7])
    assert visitor.keys(where=f"SELECT key FROM (VALUES {listed}) t(key)") == keys[:7]
    answer = visitor.page(where="SELECT split, count(*) AS n FROM labels GROUP BY 1 ORDER BY 1")
    assert answer["head"] == ["split", "n"]
    counts = {name: sum(row["split"] == name for row in rows) for name in ("test", "train")}
    assert answer["rows"] == [[name, str(count)] for name, count in counts.items()]


def test_keys_that_are_none(visitor):
    """Keys of a query that are no samples are told one by one."""
    answer = visitor.page(where="SELECT 'train-9999' AS key UNION ALL SELECT '<b>x</b>'")
    assert "train holds 12 samples" in answer["samples"][0]["fault"]
    assert "expected a key SPLIT-ORDINAL" in answer["samples"][1]["fault"]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({"conditions": [equals("blurr", "1")]}, "expected a label column, got 'blurr'"),
        ({"sort": "blurr"}, "expected a label column, got 'blurr'"),
        ({"sort": 'key" DESC; DROP VIEW labels; --'}, "expected a label column"),
        ({"conditions": [equals("digit", "x")]}, "digit: expected one of"),
        ({"conditions": [equals("digit", "")]}, "digit: expected one of"),
        ({"conditions": [equals("scaled", "perhaps")]}, "scaled: expected true or false"),
        ({"conditions": [within("number", 3)]}, "number: expected what it equals"),
        ({"conditions": [within("blur_sigma")]}, "expected a value, or a least or greatest one"),
        ({"conditions": [within("boxes", 1)]}, "boxes: holds structures"),
        ({"where": "blur_sigma >"}, "SQL: "),
        ({"where": "true) UNION SELECT 1, 2 FROM (SELECT 1"}, "SQL: "),
        ({"where": "true) OR (true"}, "SQL: "),
        ({"where": "true; DROP VIEW labels"}, "the condition of one, got SELECT, DROP"),
        ({"where": "COPY labels TO 'x'"}, "SQL: "),
        ({"color": 1}, "color"),
        ({"conditions": [{"column": "key", "low": "a"}]}, "low: expected a number, got 'a'"),
        ({"split": 3}, "split: expected text, got 3"),
    ],
)
def test_questions_that_are_none(visitor, question, told):
    """What cannot be asked is told, with what could be."""
    with pytest.raises(ConfigError) as caught:
        visitor.page(**question)
    assert told in str(caught.value)


def test_unknown_split(visitor):
    """A split that a dataset lacks is all of it: the other one of two may have it."""
    assert visitor.page(split="val")["total"] == visitor.page()["total"]
