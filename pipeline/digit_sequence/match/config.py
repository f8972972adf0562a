"""The text of a config that builds images with given ranges, each with what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from digit_sequence.base.blocks import shorten
from digit_sequence.match.figures import FIGURES, Measured
from digit_sequence.match.numbers import describe_numbers, has_signs
from digit_sequence.match.ranges import (
    GRAIN,
    RULING,
    TOUCH,
    Ranges,
    describe,
    find_pens,
    find_sizes,
    has_print,
    list_settings,
    list_widths,
)
from digit_sequence.transforms.registry import TRANSFORMS

_INK = "{probability: 0.8, grain: [0, 0.15], skips: [0, 0.02], pressure: [0, 0.3]}"
_GUESSED = {
    "glyph.ink_texture": _INK,
    "line.separators": "{probability: 0.53, commas: 0.25, room: [0.05, 0.8]}",
    "line.touch": "{probability: 0.13, pixels: [1, 3]}",
    "line.joins": "{probability: 0.06, zeros: 5, feet: 0.25}",
    "line.trailing": "{probability: 0.32}",
    "line.leading": "{probability: 0.06}",
    "line.neighbour": "{probability: 0.06}",
    "line.flecks": "{probability: 0.1}",
    "line.gradient": "{probability: 0.4, change: [0, 0.15]}",
}
"""What cannot be measured well, as on cheques: for printed paper."""
_SIGNS = {"line.separators", "line.trailing", "line.leading"}
"""Signs that labels do not have: none, where some labels have signs."""
_PLAIN = {
    "glyph.ink_texture": _INK,
    "line.touch": "{probability: 0.04, pixels: [1, 3]}",
    "line.flecks": "{probability: 0.05}",
}
"""Likewise, for plain paper."""


def write_config(
    measured: Measured, ranges: Ranges, height: int, where: str, has_boxes: bool
) -> str:
    """Return a config as YAML with comments."""
    sections: dict[str, dict[str, tuple[str, str]]] = {"glyph": {}, "line": {}}
    for place, (value, comment) in _list_blocks(measured, ranges, height).items():
        section, name = place.split(".")
        if name in TRANSFORMS:
            sections[section][name] = value, comment
    low, high = list_widths(measured, height)
    numbers, left_out = describe_numbers(measured.labels, measured.lengths)
    how = "boxes of labels" if has_boxes else "parts of ink, for there are no boxes"
    lines = [
        f"# Images like the {len(measured.lengths)} crops of {shorten(where, 60)}.",
        "# Written by `digit-sequence match`. At a range: what was measured of the crops, scaled",
        f"# to {height} rows, as 5 / 50 / 95 % quantiles.",
        f"# Digits were told apart by {how}.",
        "seed: 2026",
        "",
        "source: {name: mnist-5k, val_fraction: 0.1, test_fraction: 0.1}",
        "",
        "splits:",
        f"  # Numbers: {_say_numbers(measured, left_out)}.",
        "  train:",
        "    samples: 24000",
        *write_numbers(numbers),
        "  val: {samples: 3000, numbers: *numbers}",
        "  test: {samples: 3000, numbers: *numbers}",
        "",
        f"canvas: {{height: {height}, width: [{low}, {high}]}}"
        f"  # width / height: {describe(measured.figures['aspect'])}",
    ]
    for section, blocks in sections.items():
        order = [name for name in TRANSFORMS if name in blocks]
        lines += ["", f"{section}:"]
        for name in order:
            value, comment = blocks[name]
            lines += [*(f"  # {line}" for line in comment.splitlines()), f"  {name}: {value}"]
    return "\n".join(lines) + "\n"


def write_numbers(numbers: Mapping[str, Any]) -> list[str]:
    """Return the block `numbers` of the first split, a line for each part of a mixture."""
    if "mixture" not in numbers:
        return [f"    numbers: &numbers {_write(numbers)}"]
    parts = numbers["mixture"]["parts"]
    return [
        "    numbers: &numbers",
        "      mixture:",
        "        parts:",
        *(f"          {_write(name)}: {_write(part)}" for name, part in parts.items()),
    ]


def _list_blocks(measured: Measured, ranges: Ranges, height: int) -> dict[str, tuple[str, str]]:
    """Return the value and the comment of each transform that is on, by its place."""
    is_printed = has_print(measured)
    blocks: dict[str, dict[str, Any]] = {}
    comments: dict[str, list[str]] = {}
    for place, setting in list_settings(measured).items():
        transform, _, key = place.rpartition(".")
        blocks.setdefault(transform, {})[key] = list(ranges[place])
        comments.setdefault(transform, []).append(
            f"{FIGURES[setting.figure]}: {describe(measured.figures[setting.figure])}"
        )
    if is_printed:
        blocks["line.grain"] = GRAIN
        comments["line.grain"] = ["not told apart from the pattern"]
        blocks["line.pattern"] = {"probability": 0.95} | blocks["line.pattern"]
        comments["line.pattern"].append("the kinds of patterns are not measured: all of them")
    if "glyph.pen" in blocks:
        blocks["glyph.pen"]["width"] = list(find_pens(ranges, height))
        blocks["glyph.pen"] |= {"jitter": [0, 0.08], "softness": [0, 0.6], "rim": [0, 0.1]}
        comments["glyph.pen"].append("all but its width is a guess")
    blocks["glyph.crop"] = {}
    blocks["glyph.allographs"] = {}
    blocks["glyph.size"] = {"share": list(find_sizes(measured, ranges, height))}
    comments["glyph.size"] = [f"{FIGURES['size']}: {describe(measured.figures['size'])}"]
    comments["glyph.allographs"] = ["shapes that MNIST lacks are not measured: all of them"]
    if measured.ruled:
        blocks["line.ruling"] = {
            "probability": ranges[RULING][0],
            "strength": [0.3, 0.8],
        }
        comments["line.ruling"] = [
            f"a ruled line is seen in {measured.ruled:.0%} of the crops; its ink is not measured"
        ]
    if TOUCH in ranges:
        blocks["line.touch"] = {"probability": ranges[TOUCH][0], "pixels": [1, 3]}
        comments["line.touch"] = [f"{measured.figures['touching'].mean():.0%} of pairs touch"]
    if measured.bright:
        blocks["line.invert"] = {"probability": round(measured.bright, 3)}
        comments["line.invert"] = [
            f"crops with bright ink: {measured.bright:.0%}; they were measured as negatives"
        ]
    written = {
        place: (_write(block), "\n".join(comments.get(place, [])))
        for place, block in blocks.items()
    }
    guessed = _GUESSED if is_printed else _PLAIN
    labelled = _SIGNS if has_signs(measured.labels) else set()
    return {
        place: (value, "not measured: a guess, as of " + ("cheques" if is_printed else "scans"))
        for place, value in guessed.items()
        if place not in labelled
    } | written


def _say_numbers(measured: Measured, left_out: str) -> str:
    """Say what of the numbers was taken over."""
    if not measured.labels:
        return "as long as parts of ink say, for there are no labels; their digits are random"
    taken = "lengths, signs, zeros in front and at the end as in the labels; others at random"
    return taken + (f"; not taken over: {left_out}" if left_out else "")


def _write(value: object) -> str:
    """Return a tree as YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_write(key)}: {_write(it)}" for key, it in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_write, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and not value.isidentifier():
        return f"'{value}'"
    return f"{value:g}" if isinstance(value, float) else str(value)
