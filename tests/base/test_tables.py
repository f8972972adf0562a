"""Tables are folded to a terminal, and nothing of them is lost."""

from __future__ import annotations

import pytest

from digit_sequence.base.tables import fold_remark, fold_table, fold_text

ROWS = [
    ("5 / 50 / 95 %", "real", "built", ""),
    ("paper", "180 / 213 / 241", "181 / 214 / 240", "grey level of the paper"),
    ("height", "0.3 / 0.5 / 0.7", "0.3 / 0.5 / 0.7", "height of digits, share of the crop's"),
]


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120, None])
def test_nothing_is_cut(width):
    """Each line fits, and all that the table says is there."""
    lines = fold_table(ROWS, width)
    assert width is None or max(map(len, lines)) <= width
    words = " ".join(lines).split()
    for row in ROWS[1:] if width in (24, 40) else ROWS:
        assert {*" ".join(row).split()} <= {*words}


def test_wide_and_narrow():
    """Where there is room a row is a line; then its remark is below; then its values are."""
    assert len(fold_table(ROWS, None)) == len(fold_table(ROWS, 120)) == 3
    assert fold_table(ROWS, 60)[1:3] == [
        "paper          180 / 213 / 241  181 / 214 / 240",
        "    grey level of the paper",
    ]
    assert fold_table(ROWS, 40)[:4] == [
        "5 / 50 / 95 %",
        "paper",
        "    grey level of the paper",
        "  real   180 / 213 / 241",
    ]


def test_long_words_are_folded():
    """A path that is wider than the terminal goes on in the next line."""
    path = "/a" * 50
    lines = fold_remark("cache", path, 40)
    assert "".join(lines).replace(" ", "") == f"cache{path}"
    assert max(map(len, lines)) <= 40


@pytest.mark.parametrize("width", [8, 20, 40, 79])
def test_text_is_folded_between_words(width):
    """No word is cut, a line is wider only if it is one word, and indents go on."""
    text = "error: /a/very/long/path.yaml: expected\n  seed: 1 there, 2 here, and far more\n\nend"
    lines = fold_text(text, width).split("\n")
    assert " ".join(lines).split() == text.split()
    assert all(len(line) <= width or len(line.split()) == 1 for line in lines)
    first = next(number for number, line in enumerate(lines) if line.startswith("  seed:"))
    assert all(line.startswith("  ") for line in lines[first : lines.index("")])
    assert fold_text(text, None) == text
