"""Numbers that a regular expression means, counted and made one by one by its automaton.

The automaton is that of the library `greenery`.
"""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import count
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from digit_sequence.base.blocks import shorten
from digit_sequence.base.characters import CHARACTERS, DIGITS, SIGNS, SPACE, show_characters
from digit_sequence.numbers.automaton import Automaton
from digit_sequence.numbers.balanced import BalancedNumbers
from digit_sequence.numbers.kind import NumberSource
from digit_sequence.numbers.language import LanguageKind, LanguageSettings
from digit_sequence.numbers.number import MAX_DIGITS

MAX_SECONDS = 10
_CALLS = 1000
"""Of functions between two looks at the clock, which takes longer than most of them."""
_PLAIN = r"[,/:=#%€£ ]"
"""Signs that mean themselves, in brackets and outside."""
_TOKEN = re.compile(
    rf"(?P<syntax>[|?*+]|\((?:\?:)?|\)|\{{[0-9]{{1,4}}(?:,[0-9]{{0,4}})?\}})"
    rf"|(?P<any>\.|\\d)|\\(?P<escaped>[^0-9A-Za-z])|(?P<plain>[0-9A-Z-]|{_PLAIN})"
    rf"|\[(?P<others>\^?)(?P<inside>-|-?(?:[0-9]-[0-9]|[A-Z]-[A-Z]|[0-9A-Z.+()$]|{_PLAIN}|\\d"
    r"|\\[^0-9A-Za-z])+-?)\]"
)
_INSIDE = re.compile(r"[0-9]-[0-9]|[A-Z]-[A-Z]|\\.|.")
_LETTERS = dict(zip(SIGNS + SPACE, "abcdefghijklmnopqrstuvwxyz", strict=False))
"""What greenery has in place of each sign, so that no sign means anything to it."""


@lru_cache(maxsize=16)
def parse_pattern(regex: str) -> Automaton:
    r"""Return the automaton of a regular expression of digits and signs.

    >>> months = parse_pattern(r"0[1-9]|1[0-2]")
    >>> months.count, months.unrank(11)
    (12, '12')

    Raises
    ------
    ValueError
        If it is no such expression, means no number, the empty one, or one that is too long.
    """
    from greenery import parse  # noqa: PLC0415 - only configs with patterns need it
    from greenery.parse import NoMatch  # noqa: PLC0415

    spelled = _spell(regex)
    try:
        with _bounded(regex):
            tree = parse(spelled)
        longest = _find_longest(tree)
        is_short = longest is not None and longest <= MAX_DIGITS
        with _bounded(regex):
            machine = tree.to_fsm().reduce() if is_short else None
    except TimeoutError as error:
        raise ValueError(str(error)) from None
    except (NoMatch, ValueError, RecursionError) as error:
        raise ValueError(f"expected a regular expression, got {shorten(regex)}") from error
    if machine is not None:
        return _to_automaton(machine, regex)
    raise ValueError(
        f"expected a pattern of at most {MAX_DIGITS} characters, got {shorten(regex)}, which may "
        f"have {'any number of them' if longest is None else f'{longest:,}'}; say how many as in "
        "{1,6}"
    )


@contextmanager
def _bounded(regex: str) -> Iterator[None]:
    """End what greenery does, which is plain Python, after some seconds of this thread's own.

    So a busy machine refuses no expression that an idle one takes.
    The automaton of an expression may be far larger than the expression: 2^20 states for 20 digits
    after one that may stand anywhere among others.
    """
    end, calls = time.thread_time() + MAX_SECONDS, count(1)

    def look_at_clock(*_: Any) -> None:
        if not next(calls) % _CALLS and time.thread_time() > end:
            raise TimeoutError(
                f"expected a pattern that is counted within {MAX_SECONDS} s, got {shorten(regex)}; "
                "put fewer things that may be left out beside each other"
            )

    before = sys.gettrace()
    sys.settrace(look_at_clock)
    try:
        yield
    finally:
        sys.settrace(before)


def _check_regex(regex: str) -> str:
    parse_pattern(regex)
    return regex


class PatternSettings(LanguageSettings):
    """Numbers that a regular expression means, such as `0[1-9][0-9]{2}`."""

    regex: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_check_regex)]
    r"""The expression, for the whole number: digits and letters A-Z, `.` or `\d` for any digit,
    `[1-4]`, `[A-F]`, `[^0]` for any other digit, `( )`, a bar between alternatives, `?`, `{3}`,
    `{2,5}`; signs as they are, but `\.`, `\+`, `\$`, `\(` and `\)`; all that it means has 1 to 64
    characters."""
    balance: bool = False
    """With order: drawn, whether all lengths are equally often, and at each place all characters
    that may follow what stands before, signs too; likewise all pairs of neighbours."""

    @model_validator(mode="after")
    def _balance_what_is_drawn(self) -> Self:
        if self.balance and self.order != "drawn":
            raise ValueError(f"expected order: drawn with balance: true, got {self.order}")
        if self.balance and self.slice != (0, 1):
            raise ValueError(f"expected slice: [0, 1] with balance: true, got {list(self.slice)}")
        return self


class Pattern(LanguageKind):
    """Numbers that a regular expression means, each once."""

    name = "pattern"
    Settings = PatternSettings
    settings: PatternSettings
    example: ClassVar = {"regex": r"[1-9]\d{1,2}(\.[05]0)?%?"}

    def language(self) -> Automaton:
        """Return the automaton of the expression."""
        return parse_pattern(self.settings.regex)

    def open(self, seed: int, split: str) -> NumberSource:
        """Return the numbers of a split."""
        if self.settings.balance:
            return BalancedNumbers(self.settings, self.language(), seed, split)
        return super().open(seed, split)


def _spell(regex: str) -> str:
    """Return an expression with letters for signs, as greenery gets it.

    Raises
    ------
    ValueError
        At the first part that is no expression of characters.
    """
    place, spelled = 0, ""
    while place < len(regex):
        token = _TOKEN.match(regex, place)
        inside = "" if token is None else _list_characters(token)
        is_empty = token is not None and not (inside or token["syntax"] or token["others"])
        if token is None or is_empty or not set(inside) <= set(CHARACTERS):
            raise ValueError(
                r"expected digits 0-9, letters A-Z, . \d [ ] ( ) | ? { } and signs "
                rf"({show_characters(SIGNS + SPACE)}; \. \+ \$ \( and \) mean themselves), "
                f"got {shorten(regex[place : place + 10])} at character {place + 1} of "
                f"{shorten(regex)}"
            )
        letters = "".join(_LETTERS.get(it, it) for it in inside)
        spelled += token["syntax"] or f"[{letters}]"
        place = token.end()
    return spelled


def _list_characters(token: re.Match[str]) -> str:
    """Return the characters that one part of an expression may stand for, in order."""
    if token["any"]:
        return DIGITS
    if token["inside"] is None:
        return token["escaped"] or token["plain"] or ""
    found = ""
    for piece in _INSIDE.findall(token["inside"]):
        if piece == r"\d":
            found += DIGITS
        elif len(piece) == 3:
            found += CHARACTERS[CHARACTERS.index(piece[0]) : CHARACTERS.index(piece[2]) + 1]
        else:
            found += piece[-1]
    return "".join(it for it in DIGITS if it not in found) if token["others"] else found


def _check_spaces(arrows: Any, live: set[Any], machine: Any, regex: str) -> None:
    """Raise a ValueError if a number may begin or end with a space, or have two in a row."""
    space = CHARACTERS.index(SPACE)
    behind = {it[space] for state, it in arrows.items() if state in live and space in it} & live
    is_doubled = any(arrows[state].get(space) in live for state in behind)
    if arrows[machine.initial].get(space) in live or behind & machine.finals or is_doubled:
        raise ValueError(
            f"expected spaces one by one, between other characters, got {shorten(regex)}, which "
            "may have others"
        )


def _find_longest(pattern: Any) -> int | None:
    """Return the length of the longest number of a pattern as greenery has it; None: endless."""
    return max(map(_add_up, pattern.concs), default=0, key=lambda n: math.inf if n is None else n)


def _add_up(parts: Any) -> int | None:
    total = 0
    for part in parts.mults:
        what, most = part.multiplicand, part.multiplier.max.v
        one = _find_longest(what) if hasattr(what, "concs") else 1
        if one != 0:
            if one is None or most is None:
                return None
            total += one * most
    return total


def _to_automaton(machine: Any, regex: str) -> Automaton:
    """Return the part of a machine as greenery has it that leads to an end of a number."""
    arrows = {
        state: {
            code: other
            for characters, other in arrows.items()
            for code, character in enumerate(CHARACTERS)
            if characters.accepts(_LETTERS.get(character, character))
        }
        for state, arrows in machine.map.items()
    }
    before: dict[Any, set[Any]] = {state: set() for state in arrows}
    for state, digits in arrows.items():
        for other in digits.values():
            before[other].add(state)
    live: set[Any] = set()
    found = set(machine.finals)
    while found:
        live |= found
        found = {other for state in found for other in before[state]} - live
    if machine.initial not in live:
        raise ValueError(f"expected a pattern that means a number, got {shorten(regex)}")
    if machine.initial in machine.finals:
        raise ValueError(
            f"expected a pattern of at least one character, got {shorten(regex)}, which may be "
            "empty"
        )
    _check_spaces(arrows, live, machine, regex)
    states = [machine.initial, *sorted(live - {machine.initial})]
    place = {state: number for number, state in enumerate(states)}
    return Automaton(
        [{d: place[it] for d, it in arrows[state].items() if it in place} for state in states],
        [state in machine.finals for state in states],
    )
