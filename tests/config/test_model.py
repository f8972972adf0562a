"""A config file becomes frozen models, or one ConfigError that names every problem."""

from __future__ import annotations

import json
import os
import re
import string
import time
import warnings
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from digit_sequence.base.blocks import shorten
from digit_sequence.base.errors import ConfigError
from digit_sequence.config.files import MAX_CONFIG_BYTES
from digit_sequence.config.loading import load_config, parse_config
from digit_sequence.config.model import Config, inline_numbers
from digit_sequence.config.splits import Numbers, Split
from digit_sequence.containers import CONTAINERS
from digit_sequence.numbers.registry import NUMBER_KINDS
from digit_sequence.sources.mnist_5k import Mnist5kSettings
from strategies import canvases, glyph_transforms, line_transforms, make_legible, number_texts

SOURCE_NAMES = ", ".join(
    ["mnist", "mnist-5k", "emnist", "qmnist", "idx", "folder", "npz", "csv", "parquet", "mix"]
)
KINDS = ", ".join(NUMBER_KINDS)
SOURCE = "source: {name: mnist-5k}\n"
SPLITS = "splits: {train: {numbers: {values: ['7']}, samples: 3}}\n"
MINIMAL = SOURCE + SPLITS

Load = Callable[..., Config]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Return a function that loads a text as the file c.yaml of the current folder."""
    monkeypatch.chdir(tmp_path)

    def load_text(text: str, *overrides: str) -> Config:
        Path("c.yaml").write_text(text, encoding="utf-8")
        return load_config("c.yaml", overrides)

    return load_text


def message_of(load: Load, text: str, *overrides: str) -> str:
    """Return the message that a text is refused with."""
    with pytest.raises(ConfigError) as caught:
        load(text, *overrides)
    return str(caught.value)


def catch_message(function: Callable[..., Config], *arguments: Any) -> str | None:
    """Return the message of the ConfigError that a call raises, None if it raises none."""
    try:
        function(*arguments)
    except ConfigError as error:
        return str(error)
    return None


def with_numbers(numbers: str, rest: str = "samples: 3") -> str:
    """Write a config whose train split has some numbers."""
    return f"{SOURCE}splits: {{train: {{numbers: {numbers}, {rest}}}}}\n"


# -- what is accepted ------------------------------------------------------------------------------


def test_minimal_config_has_the_documented_defaults(load: Load) -> None:
    """Only source and splits are needed; transforms are off."""
    config = load(MINIMAL)
    assert config.source == Mnist5kSettings(name="mnist-5k", val_fraction=0.1, test_fraction=0.1)
    assert config.seed == 0
    assert (config.canvas.height, config.canvas.width, config.canvas.align) == (28, 200, "center")
    assert config.glyph.model_dump() == {"aspect": "keep", "overflow": "fit"}
    assert config.line.model_dump() == {"spacing": (5, 10)}
    assert [transform.name for transform in config.transforms] == ["aspect", "overflow", "spacing"]


def test_empty_transform_is_off(load: Load) -> None:
    """A transform without a value is off, as if its key were not there."""
    assert load(MINIMAL + "glyph: {rotate: }").glyph.rotate is None


def test_config_is_frozen(load: Load) -> None:
    """A config cannot be changed after it is checked."""
    with pytest.raises(ValidationError):
        load(MINIMAL).canvas.width = 3


@pytest.mark.parametrize(
    ("lengths", "weights"),
    [
        ("[2, 4]", {2: 1.0, 3: 1.0, 4: 1.0}),
        ("[5, 5]", {5: 1.0}),
        ("{3: 2, 1: 0.5, 2: 0}", {1: 0.5, 3: 2.0}),  # sorted, without what never happens
        ("{'12': 1}", {12: 1.0}),  # as JSON writes it
        ("[1, 64]", dict.fromkeys(range(1, 65), 1.0)),
    ],
)
def test_lengths_are_a_range_or_weights(
    load: Load, lengths: str, weights: dict[int, float]
) -> None:
    """Lengths are [low, high], equally often, or a mapping of weights."""
    random = (
        load(with_numbers(f"{{random: {{lengths: {lengths}}}}}")).splits["train"].numbers.random
    )
    assert random is not None
    assert list(random.lengths.items()) == list(weights.items())


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs are found beside the config, from any working directory; output.uri is not moved."""
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    file = Path("configs/c.yaml")
    file.write_text(
        "source: {name: idx, images: a/images, labels: /b/labels}\n"
        "splits: {train: {numbers: {file: {path: n.csv, column: text}}, samples: 3}}\n"
        "output: {uri: out}\n",
        encoding="utf-8",
    )
    config = load_config(file)
    assert config.source.images == str(tmp_path / "configs/a/images")
    assert config.source.labels == "/b/labels"
    numbers = config.splits["train"].numbers.file
    assert numbers is not None
    assert numbers.path == str(tmp_path / "configs/n.csv")
    assert numbers.column == "text"
    assert config.output.uri == "out"


@pytest.mark.parametrize(
    ("source", "path"),
    [("{name: mnist, path: m}", "m"), ("{name: folder, path: ../f}", "../f")],
)
def test_source_folders_are_relative_to_the_file(load: Load, source: str, path: str) -> None:
    """The folder of a source is found beside the config."""
    assert load(f"source: {source}\n{SPLITS}").source.path == str(Path.cwd() / path)


def test_mnist_without_a_path_stays_so(load: Load) -> None:
    """A path that is not given is not resolved."""
    assert load(f"source: {{name: mnist}}\n{SPLITS}").source.path is None


# -- what is refused: place, expected, got ---------------------------------------------------------

TOP_KEYS = "seed, source, splits, hand, canvas, look, glyph, line, labels, output"
REFUSED = [
    # type, bounds and choice
    ("seed: one", "seed: expected a whole number, got 'one'"),
    ("seed: 1.0", "seed: expected a whole number, got 1.0"),
    ("seed: 2020-13-45", "seed: expected a whole number, got '2020-13-45'"),
    ("seed: -1", "seed: expected greater than or equal to 0, got -1"),
    ("canvas: {height: 7}", "canvas.height: expected greater than or equal to 8, got 7"),
    ("canvas: {align: top}", "canvas.align: expected 'left', 'center' or 'right', got 'top'"),
    (
        "canvas: {width: '200'}",
        "canvas.width: expected 8 to 8,192 columns, or [low, high] of these, got '200'",
    ),
    ("output: {quality: true}", "output.quality: expected a whole number, got True"),
    ("glyph: {stroke: {probability: 2}}", "glyph.stroke.probability: expected less than or equal"),
    ("line: {noise: {sigma: [.nan, 2]}}", "line.noise.sigma.0: expected a finite number, got nan"),
    # ranges
    (
        "glyph: {rotate: {degrees: [20, -20]}}",
        "glyph.rotate.degrees: expected [low, high] with low",
    ),
    ("line: {spacing: 3}", "line.spacing: expected a list, got 3"),
    ("line: {spacing: [3]}", "line.spacing.1: expected a value, got none"),
    ("line: {spacing: [1, 2, 3]}", "line.spacing: expected at most 2 items, got [1, 2, 3]"),
    ("line: {spacing: [0, 1.5]}", "line.spacing.1: expected a whole number, got 1.5"),
    ("line: {blur: {sigma: [0, 6]}}", "line.blur.sigma.1: expected less than or equal to 5, got 6"),
    ("line: {noise: {}}", "line.noise.sigma: expected a value, got none"),
    # keys
    (
        "canvas: {hieght: 28}",
        "unknown key; expected one of height, width, align; did you mean height?",
    ),
    ("sead: 1", f"sead: unknown key; expected one of {TOP_KEYS}; did you mean seed?"),
    ("zzz: 1", f"zzz: unknown key; expected one of {TOP_KEYS}\n"),
    ("glyph: {salt: {pixels: [1, 2], x: 1}}", "glyph.salt.x: unknown key; expected one of probab"),
    ("1: 2", "1: expected a key that is text, got 1"),
    # blocks
    ("canvas: ", "canvas: expected a block with the keys height, width, align, got nothing"),
    ("glyph: {crop: true}", "glyph.crop: expected a block with the keys margin, got True"),
]


@pytest.mark.parametrize(("lines", "message"), REFUSED)
def test_bad_settings(load: Load, lines: str, message: str) -> None:
    """A message names the file and the key, what was expected and what it got."""
    found = message_of(load, MINIMAL + lines)
    assert found.startswith("c.yaml: ")
    assert message in found + "\n"
    assert found.count("\n") == 0


REFUSED_NUMBERS = [
    ("{}", f"numbers: expected exactly one of {KINDS}, got none"),
    ("{values: }", f"numbers: expected exactly one of {KINDS}, got none"),
    ("[]", f"numbers: expected a block with the keys {KINDS}, got []"),
    ("{values: ['1'], range: {last: 2}}", "got values and range"),
    ("{vales: ['1']}", f"numbers.vales: unknown key; expected one of {KINDS}"),
    ("{values: []}", "numbers: expected at least one number, got none"),
    ("{values: '123'}", "numbers.values: expected a list, got '123'"),
    ("{values: [007]}", 'values.0: expected a number in quotes, such as "007", got 7: quote it'),
    ("{values: ['1', 1e5]}", 'values.1: expected a number in quotes, such as "007", got 100000.0'),
    ("{values: ['1', true]}", 'values.1: expected a number in quotes, such as "007", got True'),
    (
        "{values: ['1a']}",
        "values.0: expected a string of digits 0-9 and . , - / : + = # % ( ) $ € £ ",
    ),
    ("{values: ['']}", "values.0: expected a string of digits 0-9, got ''"),
    ("{values: ['1\t']}", r"and space, got '\t' (U+0009) in '1\t'"),
    ("{values: ['\u0663']}", "and space, got '\u0663' (U+0663) in '\u0663'"),
    ("{values: [null]}", "values.0: expected a string of digits 0-9, got nothing"),
    (f"{{values: ['{'1' * 65}']}}", "values.0: expected at most 64 characters, got 65"),
    ("{range: {first: 5, last: 2}}", "numbers.range: expected first <= last, got 5 and 2"),
    ("{range: {first: 5}}", "numbers.range.last: expected a value, got none"),
    ("{range: {last: 5, step: 0}}", "numbers.range.step: expected greater than or equal to 1, got"),
    ("{random: {lengths: [0, 3]}}", "random.lengths: expected lengths from 1 to 64, got [0, 3]"),
    ("{random: {lengths: [3, 65]}}", "random.lengths: expected lengths from 1 to 64, got [3, 65]"),
    ("{random: {lengths: [3, 2]}}", "expected [low, high] with low <= high, got [3, 2]"),
    ("{random: {lengths: [3]}}", "expected [low, high] or {length: weight}, got [3]"),
    ("{random: {lengths: [1, 2.0]}}", "expected [low, high] or {length: weight}, got [1, 2.0]"),
    ("{random: {lengths: {2: 0}}}", "expected at least one length with a weight above 0, got"),
    ("{random: {lengths: {}}}", "expected at least one length with a weight above 0, got"),
    ("{random: {lengths: {65: 1}}}", "lengths.65: expected less than or equal to 64, got 65"),
    ("{random: {lengths: {2: -1}}}", "lengths.2: expected greater than or equal to 0, got -1"),
    ("{random: {lengths: {2: 1e308}}}", "lengths.2: expected less than or equal to 1000000000"),
    (
        "{mixture: {parts: {a: 1}}}",
        "numbers.mixture.parts.a: expected a block with the keys weight",
    ),
    ("{mixture: {parts: {a: {b: 1}}}}", "numbers.mixture.parts.a.b: unknown key; expected one of"),
    ("{mixture: {parts: {a: {range: {b: 1}}}}}", "parts.a.range.b: unknown key; expected one of"),
    ("{random: {lengths: {a: 1}}}", "lengths.a: expected a whole number, got 'a'"),
    (
        "{random: {lengths: [1, 2], balance: trio}}",
        "random.balance: expected true, false or pairs, got 'trio'",
    ),
    ("{random: {lengths: 3}}", "random.lengths: expected [low, high] or {length: weight}, got 3"),
]


@pytest.mark.parametrize(("numbers", "message"), REFUSED_NUMBERS)
def test_bad_numbers(load: Load, numbers: str, message: str) -> None:
    """Numbers that cannot be meant are refused, with their place."""
    found = message_of(load, with_numbers(numbers))
    assert found.startswith("c.yaml: splits.train.numbers")
    assert message in found


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "{}",
            f"source.name: expected one of {SOURCE_NAMES}, got none",
        ),
        (
            "{name: mnst}",
            f"source.name: expected one of {SOURCE_NAMES}, got 'mnst'; did you mean mnist?",
        ),
        (
            "mnist",
            "source: expected a block with the keys name, ink_threshold, split_by, exclude, "
            "exclude_file, path, mirrors, writers, val_fraction, ",
        ),
        ("{name: idx, images: a}", "source.labels: expected a value, got none"),
        (
            "{name: folder, pth: a, path: b}",
            "source.pth: unknown key; expected one of transpose, ink, val_fraction",
        ),
        ("{name: mnist, mirrors: []}", "source.mirrors: expected at least 1 item, got []"),
        ("{name: mnist, test_fraction: 0.1}", "source.test_fraction: unknown key; expected one of"),
        (
            "{name: mnist-5k, val_fraction: 0.5, test_fraction: 0.5}",
            "source: expected val_fraction + test_fraction < 1, got 1",
        ),
    ],
)
def test_bad_sources(load: Load, source: str, message: str) -> None:
    """A source is checked by its name, which is no part of the path of a key."""
    found = message_of(load, f"source: {source}\n{SPLITS}")
    assert found.startswith(f"c.yaml: {message}")
    assert found.count("\n") == 0


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ("{}", "splits: expected at least 1 item, got {}"),
        ("[]", "splits: expected keys and values, got []"),
        (
            "{trian: {numbers: {values: ['1']}, samples: 1}}",
            "splits.trian: expected 'train', 'val'",
        ),
        ("{val: 3}", "splits.val: expected a block with the keys numbers, samples, samples_per_"),
        ("{val: {samples: 3}}", "splits.val.numbers: expected a value, got none"),
        (
            "{val: {numbers: {values: ['1']}}}",
            "splits.val: expected exactly one of samples, samples_per_number",
        ),
        (
            "{val: {numbers: {values: ['1']}, samples: 1, samples_per_number: 1}}",
            "splits.val: expected exactly one of samples, samples_per_number",
        ),
        (
            "{val: {numbers: {random: {lengths: [1, 2]}}, samples_per_number: 1}}",
            "splits.val: expected samples, or numbers.random.count with samples_per_number",
        ),
    ],
)
def test_bad_splits(load: Load, splits: str, message: str) -> None:
    """A split has a name of three, numbers, and one way to say how many samples."""
    found = message_of(load, f"{SOURCE}splits: {splits}\n")
    assert found.startswith(f"c.yaml: {message}")


def test_split_with_the_name_of_a_source(load: Load) -> None:
    """The keys of a split are listed for it even if it is called as a source is."""
    found = message_of(load, f"{SOURCE}splits: {{mnist: {{numbers: {{bad: 1}}, sampls: 3}}}}\n")
    assert "splits.mnist: expected 'train', 'val' or 'test', got 'mnist'" in found
    assert "splits.mnist.numbers.bad: unknown key; expected one of values, weights, " in found
    assert "splits.mnist.sampls: unknown key; expected one of numbers, samples, " in found


def test_all_problems_are_listed_at_once(load: Load) -> None:
    """Each problem has a line, in the order of the blocks."""
    found = message_of(
        load,
        "seed: x\n" + with_numbers("{values: [1, '2', b]}") + "canvas: {height: 1, wdth: 3}\n",
    )
    assert [line.split(": ")[:2] for line in found.splitlines()] == [
        ["c.yaml", "seed"],
        ["c.yaml", "splits.train.numbers.values.0"],
        ["c.yaml", "splits.train.numbers.values.2"],
        ["c.yaml", "canvas.height"],
        ["c.yaml", "canvas.wdth"],
    ]


@pytest.mark.parametrize("place", ["seed", "canvas.width", "line.spacing", "splits.train.samples"])
def test_integers_too_long_to_print(load: Load, place: str) -> None:
    """An integer of more digits than Python prints has a message like any other value."""
    found = message_of(load, MINIMAL, f"{place}=0x{'f' * 5000}")
    assert found.startswith(f"c.yaml: {place}: expected ")
    assert found.endswith("got an integer too long to print")


def test_range_of_integers_too_long_to_print(load: Load) -> None:
    """So has a range of them, and a number that is not in quotes."""
    big = f"0x{'f' * 5000}"
    found = message_of(load, with_numbers(f"{{random: {{lengths: [{big}, 3]}}}}"))
    assert found.endswith("expected [low, high] with low <= high, got an integer too long to print")
    found = message_of(load, with_numbers(f"{{values: [{big}]}}"))
    assert "got an integer too long to print: quote it" in found


@pytest.mark.parametrize("text", ["", "# nothing\n", "[1, 2]", "7", "abc"])
def test_file_without_keys(load: Load, text: str) -> None:
    """A file that holds no keys is refused as such, also if values are set in it."""
    expected = "c.yaml: expected keys and values, got "
    if text in ("", "# nothing\n"):
        expected += "nothing: the file is empty; digit-sequence new writes a config"
    assert message_of(load, text).startswith(expected)
    assert message_of(load, text, "seed=3").startswith(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1\ncanvas\n  width: 8\n", "line 2, column 1: not readable as YAML: could not find"),
        ("seed: 1\nname:x\na: b\n", "expected ':' at line 3, column 1"),
        (
            "a: {b: c\nd: 3\n",
            "line 1, column 4: not readable as YAML: expected ',' or '}', but got",
        ),
        ("a: 'b\nc: 3\n", "line 1, column 4: not readable as YAML: found unexpected end of stream"),
        (
            "a:\n  b 2\n\n  d: 3\n",
            "line 2: not readable as YAML: mapping values are not allowed",
        ),
        ("a:\n  b 2\n\n  d: 3\n", " here at line 4, column 4; is there a colon too few?"),
        ("a:\n  b: 1\n c: 2\n", "line 3, column 2: not readable as YAML: expected <block end>"),
        (
            MINIMAL + "seed: 1\nseed: 2\n",
            'line 4, column 1: not readable as YAML: found duplicate key "',
        ),
        (MINIMAL + "canvas: {height: 8\nseed: 2\n", "not readable as YAML: "),
        (MINIMAL + "a: b: c\n", "line 3, column 5: not readable as YAML: mapping values are not"),
        (MINIMAL + "seed: \t- 1\n", "line 3, column 7: not readable as YAML: "),
        (
            MINIMAL + "seed: *other\n",
            "line 3, column 7: not readable as YAML: found undefined alias",
        ),
        (MINIMAL + "seed: !!python/object:os.system x\n", "could not determine a constructor"),
        (MINIMAL + "---\nseed: 1\n", "line 3, column 1: not readable as YAML: but found another"),
        (MINIMAL + "seed: !!bool x\n", "not readable as YAML: KeyError: 'x'"),
        ("[" * 5000, "nested too deeply to read"),
        ("\0", "not readable as YAML: "),
    ],
)
def test_unreadable_yaml(load: Load, text: str, message: str) -> None:
    """Text that is not YAML, or not safe, is refused with its line where the parser knows it."""
    found = message_of(load, text)
    assert found.startswith("c.yaml: ")
    assert message in found


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(ConfigError, match=r"no\.yaml: cannot be read: No such file"):
        load_config(tmp_path / "no.yaml")


def test_folder_instead_of_file(tmp_path: Path) -> None:
    """A folder is no config."""
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path)


def test_not_utf8(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are refused with their position."""
    (tmp_path / "c.yaml").write_bytes(b"seed: \xff")
    with pytest.raises(ConfigError, match=r"c\.yaml: expected UTF-8 text, got byte 6"):
        load_config(tmp_path / "c.yaml")


def test_endless_file() -> None:
    """A device that gives bytes without end is read up to the limit."""
    with pytest.raises(ConfigError, match="/dev/zero: expected at most 16,000,000 bytes"):
        load_config(Path("/dev/zero"))


def test_file_too_big(tmp_path: Path) -> None:
    """A file that would take minutes to parse is refused before it is read."""
    path = tmp_path / "c.yaml"
    path.touch()
    os.truncate(path, MAX_CONFIG_BYTES + 1)
    with pytest.raises(ConfigError, match="expected at most 16,000,000 bytes, got more; put"):
        load_config(path)


# -- overrides -------------------------------------------------------------------------------------


def test_overrides_come_before_the_checks(load: Load) -> None:
    """A value can be set that the file lacks, in a block that it lacks, and one that it has."""
    config = load(
        "seed: wrong\n" + MINIMAL,
        "seed=5",
        "splits.train.samples=9",
        "line.noise.sigma=[1, 2]",
        "glyph.crop={margin: 3}",
        "output.uri=a=b",
        "seed=6",  # the last one wins
    )
    assert config.seed == 6
    assert config.splits["train"].samples == 9
    assert config.line.noise is not None
    assert config.line.noise.sigma == (1, 2)
    assert config.glyph.crop is not None
    assert config.glyph.crop.margin == 3
    assert config.output.uri == "a=b"


def test_override_can_switch_off(load: Load) -> None:
    """An empty value switches a block off."""
    assert load(MINIMAL + "glyph: {crop: {margin: 3}}", "glyph.crop=").glyph.crop is None


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "--set: expected section.key=value, got 'seed'"),
        ("=3", "--set: expected section.key=value, got '=3'"),
        ("a..b=3", "--set: expected section.key=value, got 'a..b=3'"),
        ("seed={", "--set seed: line 1, column 2: not readable as YAML: "),
        ("source.name.x=3", "--set: source.name.x: source.name holds no keys"),
        (
            "canvas.width=abc",
            "c.yaml: canvas.width: expected 8 to 8,192 columns, or [low, high] of these, got 'abc'",
        ),
        ("canvas.wdth=3", "c.yaml: canvas.wdth: unknown key; expected one of height, width, align"),
    ],
)
def test_bad_overrides(load: Load, override: str, message: str) -> None:
    """An override that means nothing is refused with its text, a bad value as in the file."""
    assert message_of(load, MINIMAL, override).startswith(message)


# -- properties ------------------------------------------------------------------------------------

fractions = st.integers(0, 49).map(lambda hundredth: hundredth / 100)
headers = st.text(st.characters(exclude_categories=("C", "Z")))
"""Of columns; line breaks of other alphabets do not survive being written as YAML."""
paths = st.text(string.ascii_letters + "/._ -", min_size=1, max_size=12)
sources = st.one_of(
    st.fixed_dictionaries(
        {"name": st.just("mnist"), "path": st.none() | paths, "val_fraction": fractions}
    ),
    *(
        st.fixed_dictionaries(
            {"name": st.just(name), "val_fraction": fractions, "test_fraction": fractions, **fields}
        )
        for name, fields in (
            ("mnist-5k", {}),
            ("idx", {"images": paths, "labels": paths}),
            (
                "folder",
                {
                    "path": paths,
                    "size": st.integers(8, 256),
                    "ink": st.sampled_from(["bright", "dark"]),
                },
            ),
        )
    ),
)
lengths = st.lists(st.integers(1, 64), min_size=2, max_size=2).map(sorted) | st.dictionaries(
    st.integers(1, 64), st.floats(0.001, 1e9), min_size=1, max_size=5
)
counted_numbers = st.one_of(
    st.fixed_dictionaries({"values": st.lists(number_texts, min_size=1, max_size=5, unique=True)}),
    st.fixed_dictionaries(
        {
            "range": st.fixed_dictionaries(
                {
                    "first": st.integers(0, 50),
                    "last": st.integers(50, 10**18 - 1),
                    "step": st.integers(1, 10**20),
                    "width": st.integers(1, 64),
                }
            )
        }
    ),
    st.fixed_dictionaries(
        {"file": st.fixed_dictionaries({"path": paths, "column": st.none() | headers})}
    ),
)
random_numbers = st.fixed_dictionaries(
    {
        "random": st.fixed_dictionaries(
            {
                "lengths": lengths,
                "leading_zeros": st.booleans(),
                "balance": st.booleans(),
                "count": st.none() | st.integers(1, 10**12),
            }
        )
    }
)
splits = st.fixed_dictionaries(
    {"numbers": counted_numbers | random_numbers, "samples": st.integers(1, 10**12)}
) | st.fixed_dictionaries(
    {"numbers": counted_numbers, "samples_per_number": st.integers(1, 10**12)}
)
outputs = st.sampled_from(list(CONTAINERS)).flatmap(
    lambda container: st.fixed_dictionaries(
        {
            "uri": st.none() | paths,
            "container": st.just(container),
            "sidecar": st.sampled_from([*CONTAINERS[container].sidecars] or ["brief"]),
            "image": st.sampled_from(["png", "jpeg"]),
            "quality": st.integers(1, 100),
            "shard_samples": st.integers(1, 100_000),
        }
    )
)
trees = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**63 - 1),
        "source": sources,
        "splits": st.dictionaries(st.sampled_from(["train", "val", "test"]), splits, min_size=1),
    },
    optional={
        "canvas": canvases,
        "glyph": glyph_transforms,
        "line": line_transforms,
        "output": outputs,
    },
).map(make_legible)


@given(trees)
def test_json_round_trip(tree: dict[str, Any]) -> None:
    """A config written as JSON, as a plan holds it, is read as an equal config."""
    config = parse_config(tree, "tree")
    text = json.dumps(config.model_dump(mode="json"))
    again = parse_config(json.loads(text), "again")
    assert again == config
    assert json.dumps(again.model_dump(mode="json")) == text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees)
def test_yaml_round_trip(tmp_path: Path, tree: dict[str, Any]) -> None:
    """A tree written as a YAML file is loaded as the tree itself is parsed."""
    stream = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False  # in braces it writes ?0 without quotes, which is no YAML there
    yaml.dump(tree, stream)
    path = tmp_path / "c.yaml"
    path.write_text(stream.getvalue(), encoding="utf-8")
    loaded = load_config(path)
    parsed = parse_config(tree, "tree")
    apart: Any = {"source": True, "splits": True}  # they hold paths, which are resolved
    assert loaded.model_dump(exclude=apart) == parsed.model_dump(exclude=apart)
    assert loaded.source.val_fraction == parsed.source.val_fraction
    for name, split in parsed.splits.items():
        there: Any = {"numbers": {"file": {"path"}}}
        assert loaded.splits[name].model_dump(exclude=there) == split.model_dump(exclude=there)


KEYS = [
    *("seed", "source", "splits", "canvas", "glyph", "line", "output", "train", "val", "test"),
    *("mnist", "idx", "folder", "name", "path", "mirrors", "val_fraction", "images", "labels"),
    *("numbers", "samples", "values", "range", "file", "random", "first", "last", "lengths"),
    *("height", "align", "salt", "crop", "stroke", "spacing", "noise", "pixels", "degrees"),
]
odd_keys = st.sampled_from(KEYS) | st.text(max_size=3) | st.integers() | st.none() | st.booleans()
scalars = st.one_of(
    st.sampled_from(["mnist", "mnist-5k", "idx", "folder", "7", "007", "left"]),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.dates(),
)
odd_trees = st.recursive(
    scalars,
    lambda leaves: st.lists(leaves, max_size=3) | st.dictionaries(odd_keys, leaves, max_size=4),
    max_leaves=20,
)


def put(tree: Any, path: list[int], leaf: Any) -> Any:
    """Replace a part of a tree, which a walk along `path` finds, by a leaf."""
    if not path or not isinstance(tree, dict) or not tree:
        return leaf
    key = list(tree)[path[0] % len(tree)]
    return {**tree, key: put(tree[key], path[1:], leaf)}


@settings(max_examples=300)
@given(trees, st.lists(st.integers(0, 9), max_size=6), odd_trees)
@example({"splits": {"mnist": {"numbers": {"bad": 1}}}}, [0, 0, 0, 0, 0, 0], 1)
def test_any_tree_is_a_config_or_a_config_error(
    tree: dict[Any, Any], path: list[int], odd: Any
) -> None:
    """A tree that is wrong in one place or in all is refused with a ConfigError, nothing else."""
    for wrong in (put(tree, path, odd), odd):
        message = catch_message(parse_config, wrong, "tree")
        assert message is None or message.startswith("tree: ")


FRAGMENTS = [
    *(f"{key}: " for key in KEYS),
    *("- ", "? ", ": ", "{", "}", "[", "]", ", ", "'", '"', "|\n", ">\n", "# ", "\n", "\n  ", "\t"),
    *("&a ", "*a ", "<<: *a", "!!bool ", "!!int ", "!!float ", "!!set ", "!!binary ", "!<x> "),
    *(
        "%YAML 1.1\n",
        "%YAML 9.9\n",
        "---\n",
        "...\n",
        "0x",
        "0o8",
        "1e5",
        "1_0",
        "~",
        ".inf",
        "\\u12",
    ),
    *("2020-99-99", "=", "\x85", "\u2028", "\ufeff", "\xe9", "\0"),
]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=12).map("".join),
    st.sampled_from(["", MINIMAL]),
    st.none() | st.text(max_size=10),
)
@example("a: !!bool x", MINIMAL, None)
@example("!!int", "", None)
@example("%YAML 1.1007", "", None)
@example("? - 0\n!!set : ", "", None)
def test_any_text_is_a_config_or_a_config_error(
    tmp_path: Path, text: str, start: str, override: str | None
) -> None:
    """A file or an override of any text is refused with a ConfigError, nothing else."""
    path = tmp_path / "c.yaml"
    path.write_bytes((start + text).encode("utf-8", "replace"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the parser warns of anchors that are given twice
        overrides = [] if override is None else [f"seed={override}"]
        message = catch_message(load_config, path, overrides)
    assert message is None or message.startswith((f"{path}: ", "--set seed: "))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40))
def test_any_bytes_are_a_config_error(tmp_path: Path, content: bytes) -> None:
    """A file of any few bytes is refused with a ConfigError that names it."""
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"c\.yaml: "):
        load_config(path)


def test_shorten_cuts_in_the_middle() -> None:
    """A long value keeps its ends."""
    assert shorten("abc") == "'abc'"
    assert shorten("0123456789", 11) == "'01 ... 89'"
    assert shorten("0123456789", 12) == "'0123456789'"
    assert len(shorten("x" * 1000)) == 79


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (
            {"glyph": {"crop": {"margin": 61}}},
            "glyph.crop: expected to leave the ink of a digit 4 of the 28 rows of the canvas, "
            "got 3.9, a share of 0.141",
        ),
        (
            {
                "glyph": {"size": {"share": [0.5, 1], "bias": {0: 0.5}}},
                "line": {"height": {"share": [0.5, 1]}},
            },
            "line.height, glyph.size: expected to leave the ink of a digit 4 of the 28 rows of "
            "the canvas, got 3.5, a share of 0.5 x 0.25",
        ),
        ({"line": {"blur": {"sigma": [0, 4]}}}, "line.blur.sigma: expected at most 3.5, 1/8 of"),
        ({"line": {"blur": {"sigma": [0, 0.0004]}}}, "line.blur.sigma.1: expected at most 3 dec"),
        ({"glyph": {"shear": {"degrees": [0.004, 1]}}}, "shear.degrees.0: expected at most 2 dec"),
        (
            {
                "splits": {
                    "train": {"numbers": {"random": {"lengths": {5: 1, "5": 2}}}, "samples": 1}
                }
            },
            "lengths: expected each length once",
        ),
    ],
)
def test_illegible_or_undrawable(blocks: dict[str, Any], message: str) -> None:
    """What would wash digits out, or lies between the values that can be drawn, is refused."""
    tree = {
        "source": {"name": "mnist-5k"},
        "splits": {"train": {"numbers": {"values": ["1"]}, "samples": 1}},
    }
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_config(tree | blocks, "tree")


def test_inline_numbers(tmp_path: Path, tiny_config: Any) -> None:
    """Files are replaced by what they hold; all else stays."""
    path = tmp_path / "n.txt"
    path.write_text("12\n007\n", encoding="utf-8")
    splits = {
        "train": {"numbers": {"file": {"path": str(path)}}, "samples": 4},
        "val": {"numbers": {"range": {"last": 3}}, "samples": 2},
    }
    config = tiny_config(source={"name": "mnist-5k"}, splits=splits)
    inlined = inline_numbers(config)
    assert inlined.splits == {
        "train": Split(numbers=Numbers(values=("12", "007")), samples=4),
        "val": config.splits["val"],
    }
    assert inlined.source == Mnist5kSettings(name="mnist-5k")


LEVELS = ["a0: &a0 ['1', '2']"] + [
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 10)
]
MERGES = ["m0: &m0 {x: 1}"] + [
    f"m{level}: &m{level} {{<<: [{', '.join([f'*m{level - 1}'] * 10)}]}}" for level in range(1, 10)
]
BOMBS = {
    "nine levels of ten": ("\n".join(LEVELS), "its aliases stand for more than 1,000,000"),
    "merged keys": ("\n".join(MERGES), "its aliases stand for more than 1,000,000"),
    "a long text": ("a: &a " + "x" * 9_000 + "\nb: [" + "*a," * 9_000 + "]", "its aliases stand"),
    "itself": ("a: &a [*a]", "an alias stands for something that it is in"),
}


@pytest.mark.parametrize(("text", "message"), BOMBS.values(), ids=BOMBS)
def test_aliases_are_bounded(load: Load, text: str, message: str) -> None:
    """A text of a few lines that stands for a billion values is one error, at once."""
    start = time.monotonic()
    found = message_of(load, f"{text}\n{MINIMAL}")
    assert found.startswith("c.yaml: line ")
    assert message in found
    assert time.monotonic() - start < 10  # without the bound it is hours


def test_aliases_are_of_use(load: Load) -> None:
    """Values may be given once and used again."""
    values = "splits:\n train: {samples: 3, numbers: {values: &a ['7', '7']}}\n"
    config = load(f"{values} test: {{samples: 1, numbers: {{values: *a}}}}\n{SOURCE}")
    assert config.splits["test"].numbers == config.splits["train"].numbers


@pytest.mark.parametrize(
    "lines",
    [
        "".join(f"key{i}: 1\n" for i in range(2_000)),
        f"'{'k' * 900}': {'x' * 90_000}\n",
        f"'{'k' * 900}': 1\n" * 2,
    ],
    ids=["many keys", "long key", "long key twice"],
)
def test_message_is_bounded(load: Load, lines: str) -> None:
    """However much is wrong, a message has a few lines of bounded length; it says how many more."""
    found = message_of(load, MINIMAL + lines)
    assert len(found) < 4_000
    if lines.count("\n") > 2:
        assert found.endswith("c.yaml: and 1,980 more problems")


def test_home(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is the home directory in every path of a config, and in that of its file."""
    monkeypatch.setenv("HOME", str(tmp_path))
    text = "source: {name: folder, path: ~/digits}\noutput: {uri: ~/data/x}\n"
    splits = "splits: {train: {samples: 1, numbers: {file: {path: ~/n.txt}}}}\n"
    config = load(text + splits)
    assert config.source.path == str(tmp_path / "digits")
    assert config.output.uri == str(tmp_path / "data/x")
    numbers = config.splits["train"].numbers.file
    assert numbers is not None
    assert numbers.path == str(tmp_path / "n.txt")
    (tmp_path / "home.yaml").write_text(text + splits, encoding="utf-8")
    assert load_config("~/home.yaml", ["output.uri=~/y"]).output.uri == str(tmp_path / "y")
    assert load(text.replace("~/d", "./~/d") + splits).source.path.endswith("/~/digits")


def test_home_of_nobody(load: Load) -> None:
    """A home that there is none of is an error: a folder of that name would be a mistake."""
    found = message_of(load, f"{MINIMAL}output: {{uri: ~no.body/x}}\n")
    assert found == (
        "c.yaml: output.uri: ~no.body/x: expected a home directory ~no.body, got none; give the "
        "whole path"
    )
