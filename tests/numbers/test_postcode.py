"""Postcodes: forms of countries, and files whose codes are checked by them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from stdnum.nl import postcode

from digit_sequence.base.errors import ConfigError
from digit_sequence.config.splits import Numbers
from digit_sequence.numbers.postcode import Postcode, PostcodeSettings
from number_blocks import open_block, take


def accepts(country: str, number: str) -> bool:
    """Tell whether a number has the form of a country's postcodes."""
    form = Postcode(PostcodeSettings(country=country)).language()
    return bool(form.find(number))


@pytest.mark.parametrize(
    ("country", "numbers", "others"),
    [
        ("us", ["00501", "02134", "90210", "99950"], ["0213", "00000", "00499", "90210-1234"]),
        ("us+4", ["20500-0003"], ["20500", "205000003"]),
        ("gb", ["SW1A 1AA", "M1 1AE", "B33 8TH", "CR2 6XH", "DN55 1PT", "EC1A 1BB", "W1A 0AX"], []),
        ("gb", [], ["SW1A1AA", "QM1 1AE", "M1 1AC", "SW1I 1AA", "M111 1AE"]),
        ("ca", ["K1A 0B1", "V6B 4N6"], ["D1A 0B1", "K1O 0B1", "K1A0B1"]),
        ("nl", ["1012 JS", "9999 ZZ"], ["0999 AA", "1012 SS", "1012 SA", "1012 SD", "1012JS"]),
        ("de", ["01067", "10115", "99998"], ["00115", "1011"]),
        ("fr", ["01000", "75001", "97400"], ["00100", "99000"]),
        ("es", ["01001", "28013", "52006"], ["53000", "00100"]),
        ("jp", ["100-0001"], ["1000001"]),
        ("NO", ["0001", "9990"], ["001"]),
    ],
)
def test_forms(country: str, numbers: list[str], others: list[str]) -> None:
    """Codes of places that everybody knows have the form, and what is no code has not."""
    assert [number for number in numbers if not accepts(country, number)] == []
    assert [number for number in others if accepts(country, number)] == []


def test_dutch_postcodes_are_valid_to_others() -> None:
    """An independent library takes all that are drawn."""
    for number in take(open_block({"postcode": {"country": "nl"}}), *range(500)):
        assert postcode.is_valid(number), number


def test_splits_share_slices() -> None:
    """Slices of one country have no code in common, and are all of them together."""
    parts = [
        open_block({"postcode": {"country": "at", "slice": cut}}, split=split)
        for cut, split in (([0, 0.8], "train"), ([0.8, 1], "test"))
    ]
    found = [set(take(part, *range(part.count or 0))) for part in parts]
    assert list(map(len, found)) == [7200, 1800]
    assert len(found[0] | found[1]) == 9000


def open_file(tmp_path: Path, text: str, **block: Any) -> list[str]:
    """Return the first postcodes of a file."""
    (tmp_path / "codes.csv").write_text(text, encoding="utf-8")
    file = {"path": str(tmp_path / "codes.csv"), **block.pop("file", {})}
    source = open_block({"postcode": {"country": "us", "file": file, **block}})
    return take(source, *range(source.count or 100))


def test_files_of_valid_ones(tmp_path: Path) -> None:
    """Codes of a file come in its order, or by weight; a plan holds them in its place."""
    assert open_file(tmp_path, "02134\n90210\n") == ["02134", "90210"]
    columns = {"column": "zip", "weight": "people"}
    drawn = open_file(tmp_path, "zip,people\n02134,99\n90210,1\n", file=columns)
    assert drawn.count("02134") > 90
    kind = Numbers.model_validate(
        {"postcode": {"country": "us", "file": {"path": str(tmp_path / "codes.csv"), **columns}}}
    ).kind
    assert (kind.has_paths, kind.is_endless) == (True, True)
    assert kind.inline().name == "weights"
    assert not kind.inline().has_paths


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "2134\n90210\n501\n",
            "codes.csv: expected postcodes of us, such as 50250, got '2134', '501': 2 of another "
            "form; zeros in front are lacking, which spreadsheets lose: write the column as text",
        ),
        ("90210-1234\n1\n2\n3\n", "got '90210-1234', '1', '2', ...: 4 of another form"),
        ("", "expected at least one number, got none"),
    ],
)
def test_codes_of_another_form_are_refused(tmp_path: Path, text: str, message: str) -> None:
    """A file of other codes is told with examples, and what mends it."""
    with pytest.raises(ConfigError, match=re.escape(message)):
        open_file(tmp_path, text)


def test_bad_blocks() -> None:
    """A country that is not known, and an order of a file, are told by their keys."""
    with pytest.raises(ValidationError, match=r"postcode\.country\n.*'at', 'au', .* or 'us\+4'"):
        open_block({"postcode": {"country": "uk"}})
    block = {"country": "us", "file": {"path": "x"}, "order": "drawn", "slice": [0, 1]}
    with pytest.raises(ValidationError, match="expected no order, slice beside file"):
        open_block({"postcode": block})
