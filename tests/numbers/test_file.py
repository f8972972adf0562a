"""Files of numbers: text and CSV."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digit_sequence.base.errors import ConfigError
from digit_sequence.numbers.file import FileSettings, read_numbers
from digit_sequence.numbers.values import ListedNumbers
from number_blocks import open_block
from strategies import number_texts


def read_bytes(folder: Path, content: bytes, column: str | None = None) -> list[str]:
    """Read the numbers of a file of some bytes."""
    path = folder / "n.txt"
    path.write_bytes(content)
    return read_numbers(FileSettings(path=str(path), column=column))


@pytest.mark.parametrize(
    "content",
    [
        b"007\n12\n5\n",
        b"007\n12\n5",  # no newline at the end
        b"007\r\n12\r\n5\r\n",  # Windows
        b"007\r12\r5",  # old Mac
        b"\xef\xbb\xbf007\n12\n5\n",  # with a byte order mark
        b"\n007\n\n  12\t\n5 \n\n\n",  # blank lines and spaces
    ],
)
def test_text_file(tmp_path: Path, content: bytes) -> None:
    """A text file has a number on each line that is not blank."""
    assert read_bytes(tmp_path, content) == ["007", "12", "5"]


@pytest.mark.parametrize(
    "content",
    [
        b"id,text\n1,007\n2,12\n3,5\n",
        b"text\n007\n12\n5\n",
        b"\xef\xbb\xbftext,id\r\n007,1\r\n12,2\r\n5,3\r\n",
        b'id,text\n"a,b","007"\n"c\nd",12\n\ne, 5 \n',  # quotes, and a value of two lines
        b"id,text\n1,007\n2,\n3,12\n4\n5,5,\n",  # empty, too few and too many values
    ],
)
def test_csv_file(tmp_path: Path, content: bytes) -> None:
    """A CSV file has a number in the column of each row, unless it is blank there."""
    assert read_bytes(tmp_path, content, "text") == ["007", "12", "5"]


@pytest.mark.parametrize(
    ("content", "column", "message"),
    [
        (
            b"1\n\n2x\n",
            None,
            "n.txt: line 3: expected a string of digits 0-9 and . , - / : + = # % ",
        ),
        (b"1;2\n", None, "n.txt: line 1: expected a string of digits 0-9 and . , - / "),
        (b"\n \n", None, "n.txt: expected at least one number, got none"),
        (b"1\n\xff\n", None, "n.txt: numbers cannot be read: 'utf-8' codec"),
        (b"1" * 65, None, "n.txt: line 1: expected at most 64 characters, got 65"),
        (
            b"id,text\n1,2\n3,4e5\n",
            "text",
            "n.txt: line 3: expected a string of digits 0-9 and . , ",
        ),
        (b"id,text\n1,2\n", "txt", "n.txt: expected one column 'txt', got 'id', 'text'"),
        (b"", "text", "n.txt: expected one column 'text', got an empty file"),
        (
            b"id;text\n1;2\n",
            "text",
            "n.txt: expected one column 'text', got 'id;text'; its columns are divided by "
            "semicolons, and expected are commas",
        ),
        (b'"id"\t"text"\n', "text", "n.txt: expected one column 'text', got 'id\\t\"text\"'"),
        (
            b"id|text\n",
            "txt",
            "n.txt: expected one column 'txt', got 'id|text'; its columns are di",
        ),
        (b"a;b,c\n", "text", "n.txt: expected one column 'text', got 'a;b', 'c'"),
        (
            b'text,id\n"1,234.50",1\n1,234.50,2\n',
            "text",
            'n.txt: line 3: expected no more values than columns, got "2" behind them; put a ',
        ),
        (b"id,text\n", "text", "n.txt: expected at least one number, got none"),
        (b"text\n" + b"1" * 200_000, "text", "n.txt: numbers cannot be read: field larger than"),
    ],
)
def test_bad_file(tmp_path: Path, content: bytes, column: str | None, message: str) -> None:
    """A message names the file, and the line or the columns."""
    with pytest.raises(ConfigError) as caught:
        read_bytes(tmp_path, content, column)
    assert str(caught.value).startswith(f"{tmp_path}/n.txt: ")
    assert message in str(caught.value)


def test_endless_numbers() -> None:
    """A device that gives bytes without end is no file of numbers."""
    with pytest.raises(ConfigError, match="/dev/zero: numbers cannot be read: expected a file"):
        read_numbers(FileSettings(path="/dev/zero"))


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(ConfigError, match=r"no\.txt: numbers cannot be read: No such file"):
        read_numbers(FileSettings(path=str(tmp_path / "no.txt")))


@given(st.lists(number_texts, min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_file_means_the_same_as_a_list(
    tmp_path_factory: pytest.TempPathFactory, values: list[str], newline: str
) -> None:
    """A file of numbers and the list of them have the same identity."""
    path = tmp_path_factory.mktemp("numbers") / "n.txt"
    path.write_text(newline.join(values), encoding="utf-8", newline="")
    read = ListedNumbers(read_numbers(FileSettings(path=str(path))))
    assert read.identity() == open_block({"values": values}).identity()


def test_wide_header_is_cut(tmp_path: Path) -> None:
    """A header of 100,000 columns makes no message of a megabyte."""
    content = ",".join(f"column{i}" for i in range(100_000)).encode() + b"\n"
    with pytest.raises(ConfigError, match=r"'column19', \.\.\.$") as caught:
        read_bytes(tmp_path, content, "text")
    assert len(str(caught.value)) < 1000
