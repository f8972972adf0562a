"""Patterns: all numbers that Python's own regular expressions match, and no others."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from digit_sequence.config.splits import Numbers
from digit_sequence.numbers.pattern import parse_pattern
from number_blocks import open_block, take

_ATOMS = st.sampled_from(["1", "7", ".", r"\d", "[1-4]", "[^0]", "[^2-9]", "[05]", "0?", "1{2}"])


def _join(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(parts, min_size=1, max_size=3)
    ends = st.sampled_from(["?", "{1}", "{1,2}", "{0,1}"])
    return (
        several.map("".join)
        | several.map(lambda some: f"({'|'.join(some)})")
        | st.tuples(parts, ends).map(lambda both: f"(?:{both[0]}){both[1]}")
    )


@given(st.recursive(_ATOMS, _join, max_leaves=4))
def test_pattern_means_what_python_means(regex: str) -> None:
    """The numbers are, in order, all that Python's `re` matches."""
    pattern = re.compile(regex.replace("[^", "(?!\\D)[^"), re.ASCII)
    assume(not pattern.fullmatch(""))
    found = parse_pattern(regex)
    assume(found.max_digits <= 4)
    texts = [f"{n:0{length}d}" for length in range(1, 5) for n in range(10**length)]
    expected = sorted(text for text in texts if pattern.fullmatch(text))
    assert [found.unrank(index) for index in range(found.count)] == expected
    assert found.max_digits == max(map(len, expected))
    assert found.characters() == set("".join(expected))


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        (r"-?1\.5", ["1.5", "-1.5"]),
        ("[,.]", [".", ","]),
        (r"[+\-]1|[5-]", ["5", "-", "-1", "+1"]),
        (r"[$€]? ?5", None),
        (r"(\$|€ )?[5.]", ["5", ".", "$5", "$.", "€ 5", "€ ."]),
        ("1[^0-8]%|a{0}2", None),
        ("1[^0-8]%|/:=#£", ["19%", "/:=#£"]),
        (r"\(1\)\+2", ["(1)+2"]),
        (r"\/", ["/"]),
        ("[-.]5|[-]", [".5", "-", "-5"]),
        ("[A-C]|Z5?", ["A", "B", "C", "Z", "Z5"]),
        ("[YA1.-]7?X", ["17X", "1X", ".7X", ".X", "-7X", "-X", "A7X", "AX", "Y7X", "YX"]),
    ],
)
def test_signs(regex: str, expected: list[str] | None) -> None:
    """Signs mean themselves; those with a meaning in expressions, behind a backslash or in [ ]."""
    if expected is None:
        with pytest.raises(ValueError, match="expected"):
            parse_pattern(regex)
        return
    found = parse_pattern(regex)
    assert [found.unrank(index) for index in range(found.count)] == expected
    assert [list(found.find(number)) for number in expected] == [[i] for i in range(found.count)]
    assert found.characters() == set("".join(expected))
    assert found.max_digits == max(map(len, expected))


def test_large_patterns_are_counted_exactly() -> None:
    """The greatest pattern has 10**64 numbers, and each is made alone."""
    largest = parse_pattern(r"\d{64}")
    assert largest.count == 10**64
    assert largest.unrank(10**64 - 1) == "9" * 64
    assert largest.unrank(123) == f"{123:064d}"
    assert parse_pattern(r"\d{1,64}").count == sum(10**length for length in range(1, 65))
    with pytest.raises(IndexError, match="expected an index"):
        largest.unrank(10**64)


def test_pattern_of_a_config() -> None:
    """A pattern goes through a config, where strings in double quotes need two backslashes."""
    source = open_block({"pattern": {"regex": r"0[1-9]\d{2}|1[0-2]\d{2}", "order": "ascending"}})
    assert (source.count, source.max_digits, source.repeats) == (1200, 4, False)
    assert take(source, 0, 1, 1199) == ["0100", "0101", "1299"]


@pytest.mark.parametrize(
    ("regex", "message"),
    [
        ("12$4", r"\$ \( and \) mean themselves), got '$4' at character 3 of '12$4'"),
        (
            "12;4",
            r"expected digits 0-9, letters A-Z, . \d [ ] ( ) | ? { } and signs (. , - / : + = # % ",
        ),
        (r"12\;4", "at character 3 of"),
        ("[1;]", "got '[1;]' at character 1"),
        ("1 ?", "expected spaces one by one, between other characters, got '1 ?', which may have"),
        (" 1", "expected spaces one by one, between other characters"),
        ("1 ?(2| )3", "expected spaces one by one, between other characters"),
        ("ab", "got 'ab' at character 1"),
        ("[1-x]", "got '[1-x]' at character 1"),
        ("[1-B]", "got '[1-B]' at character 1"),
        ("[C-A]", "got '[C-A]' at character 1"),
        ("^1$", "got '^1$' at character 1"),
        ("\N{ARABIC-INDIC DIGIT ONE}", "at character 1"),
        (r"\w", "at character 1"),
        ("1{,3}", "got '{,3}' at character 2"),
        ("(1", "expected a regular expression, got '(1'"),
        ("?1", "expected a regular expression"),
        ("1{3,1}", "expected a regular expression"),
        ("[3-1]", "got '[3-1]' at character 1"),
        ("(" * 240 + "1" + ")" * 240, "expected a regular expression"),
        ("1*", "expected a pattern of at most 64 characters, got '1*', which may have any number"),
        ("1+2", "any number of them; say how many as in {1,6}"),
        ("1{2,}", "any number of them"),
        (r"\d{65}", "which may have 65;"),
        (r"((\d{64}){64}){64}", "which may have 262,144;"),
        ("[^0-9]", "expected a pattern that means a number, got '[^0-9]'"),
        ("1?", "expected a pattern of at least one character, got '1?', which may be empty"),
        ("(1|)", "which may be empty"),
        ("", "at least 1 character"),
    ],
)
def test_bad_patterns(regex: str, message: str) -> None:
    """A pattern of no, too long or endless numbers, or of other characters, is refused."""
    with pytest.raises(ValidationError, match=re.escape(message)):
        Numbers.model_validate({"pattern": {"regex": regex}})


def test_pattern_of_too_many_states(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern whose automaton grows without an end in sight is refused in time."""
    monkeypatch.setattr("digit_sequence.numbers.pattern.MAX_SECONDS", 1)
    with pytest.raises(ValueError, match=r"counted within 1 s, got '\[01\]\{0,14\}1"):
        parse_pattern("[01]{0,14}1[01]{14}")
