"""The plan places every sample by arithmetic, and its fingerprint knows all that changes a byte."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import digit_sequence
from digit_sequence.base.engines import Engine
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.names import sample_key
from digit_sequence.config.loading import parse_config
from digit_sequence.config.model import Config
from digit_sequence.config.splits import Split
from digit_sequence.numbers.values import ListedNumbers
from digit_sequence.plan.fingerprint import BYTE_PACKAGES, hash_code
from digit_sequence.plan.plan import Plan, Shard, SplitPlan, make_plan, parse_key
from strategies import number_texts

MakeConfig = Callable[..., Config]
LISTED = {"values": ["007", "42", "7"]}


def plan_split(
    numbers: dict[str, Any], shard_samples: int = 5, width: int = 200, **counts: int
) -> SplitPlan:
    """Plan one split."""
    tree = {
        "source": {"name": "mnist-5k"},
        "splits": {"train": {"numbers": numbers, **counts}},
        "canvas": {"width": width},
        "output": {"shard_samples": shard_samples},
    }
    return make_plan(parse_config(tree, "tree"), "digest").splits["train"]


def list_identities(split: SplitPlan, start: int = 0, stop: int | None = None) -> list[Any]:
    """List (number, sample index) of the samples from `start` to `stop`."""
    numbers, indices = split.identities(start, split.n_samples if stop is None else stop)
    assert indices.dtype == np.int64
    return list(zip(numbers, indices.tolist(), strict=True))


# -- shards and identities -------------------------------------------------------------------------


def test_plan_by_hand() -> None:
    """Seven samples of three numbers, in shards of five: numbers take turns."""
    split = plan_split(LISTED, samples=7)
    assert list(split.shards()) == [Shard("train", 0, 0, 5), Shard("train", 1, 5, 7)]
    assert [shard.name for shard in split.shards()] == ["train-00000", "train-00001"]
    assert [shard.n_samples for shard in split.shards()] == [5, 2]
    assert list_identities(split) == [
        ("007", 0),
        ("42", 0),
        ("7", 0),
        ("007", 1),
        ("42", 1),
        ("7", 1),
        ("007", 2),
    ]


def test_samples_per_number() -> None:
    """Samples of each number are counted from 0."""
    split = plan_split(LISTED, samples_per_number=4)
    assert split.n_samples == 12
    assert sorted(list_identities(split)) == [
        (number, index) for number in ("007", "42", "7") for index in range(4)
    ]


@given(st.integers(1, 400), st.integers(1, 60))
def test_shards_cover_each_ordinal_once(n_samples: int, shard_samples: int) -> None:
    """The shards, in order, are the ordinals in order; any one is found by its index."""
    split = plan_split(LISTED, shard_samples, samples=n_samples)
    shards = list(split.shards())
    covered = [ordinal for shard in shards for ordinal in range(shard.start, shard.stop)]
    assert covered == list(range(n_samples))
    assert len(shards) == split.n_shards
    for index, shard in enumerate(shards):
        assert shard == split.shard(index)
        assert shard.index == index
        assert shard.n_samples == len(range(shard.start, shard.stop))
        assert all(ordinal // shard_samples == index for ordinal in range(shard.start, shard.stop))


@given(
    st.lists(number_texts, min_size=1, max_size=9, unique=True),
    st.integers(1, 60),
    st.data(),
)
def test_identities_equal_enumeration(
    values: list[str], n_samples: int, source: st.DataObject
) -> None:
    """Identities are those of dealing the numbers out one after another, each once."""
    split = plan_split({"values": values}, samples=n_samples)
    dealt: dict[str, int] = {}
    expected = []
    for ordinal in range(n_samples):
        number = values[ordinal % len(values)]
        expected.append((number, dealt.get(number, 0)))
        dealt[number] = dealt.get(number, 0) + 1
    assert list_identities(split) == expected
    assert len(set(expected)) == n_samples
    start = source.draw(st.integers(0, n_samples))
    stop = source.draw(st.integers(start, n_samples))
    assert list_identities(split, start, stop) == expected[start:stop]


@given(st.integers(1, 80), st.none() | st.integers(1, 30))
def test_random_identities(n_samples: int, count: int | None) -> None:
    """Random numbers may repeat, and yet no two samples have the same identity."""
    split = plan_split({"random": {"lengths": [1, 1], "count": count}}, samples=n_samples)
    numbers = split.numbers.take(np.arange(count or n_samples))
    assert list_identities(split) == [
        (numbers[ordinal % len(numbers)], ordinal) for ordinal in range(n_samples)
    ]


@given(
    st.sampled_from(
        [
            LISTED,
            {"range": {"last": 16}},
            {"random": {"lengths": [1, 3]}},
            {"random": {"lengths": [1, 3], "balance": True}},
            {"random": {"lengths": [1, 3], "count": 4}},
        ]
    ),
    st.integers(1, 60),
    st.integers(0, 60),
    st.integers(1, 20),
)
def test_more_samples_extend_a_dataset(
    numbers: dict[str, Any], n_samples: int, n_more: int, shard_samples: int
) -> None:
    """Raising `samples` leaves the shards that were full, and the samples in the last, as are."""
    smaller = plan_split(numbers, shard_samples, samples=n_samples)
    larger = plan_split(numbers, shard_samples, samples=n_samples + n_more)
    assert list_identities(larger, 0, n_samples) == list_identities(smaller)
    n_full = n_samples // shard_samples
    assert [*islice(larger.shards(), n_full)] == [*islice(smaller.shards(), n_full)]


@pytest.mark.parametrize("index", [-1, 2])
def test_shard_out_of_range(index: int) -> None:
    """A shard that is not there is an error that says which are."""
    with pytest.raises(IndexError, match=rf"train: expected a shard in \[0, 2\), got {index}"):
        plan_split(LISTED, samples=7).shard(index)


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (3, 2), (0, 8)])
def test_ordinals_out_of_range(start: int, stop: int) -> None:
    """Ordinals that are not there are an error."""
    with pytest.raises(IndexError, match=r"train: expected ordinals in \[0, 7\), got \["):
        plan_split(LISTED, samples=7).identities(start, stop)


# -- size ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _WatchedNumbers(ListedNumbers):
    """Numbers that note at how many positions they are asked for."""

    asked: list[int] = field(default_factory=list)

    def take(self, positions: NDArray[np.int64], engine: Engine = "skimage") -> list[str]:
        self.asked.append(len(positions))
        return super().take(positions, engine)


def test_far_samples_cost_as_much_as_near_ones() -> None:
    """Of 10**12 samples, three are looked up by looking at three."""
    numbers = _WatchedNumbers(("1", "22", "333"))
    split = SplitPlan("train", numbers, 10**12, 1000)
    assert split.n_shards == 10**9
    assert next(split.shards()) == Shard("train", 0, 0, 1000)
    assert split.shard(10**9 - 1) == Shard("train", 10**9 - 1, 10**12 - 1000, 10**12)
    assert numbers.asked == []
    far = 10**12 - 1  # a multiple of 3
    assert list_identities(split, far - 2, far + 1) == [
        ("22", far // 3 - 1),
        ("333", far // 3 - 1),
        ("1", far // 3),
    ]
    assert numbers.asked == [3]


@pytest.mark.parametrize(
    "numbers",
    [
        {"range": {"last": 10**18 - 1, "width": 18}},
        {"random": {"lengths": [1, 6]}},
        {"random": {"lengths": [1, 6], "balance": True, "count": 10**9 - 7}},
    ],
)
def test_plan_of_a_billion_samples(numbers: dict[str, Any]) -> None:
    """A plan of 10**9 samples has its last ones at hand, the same from any shard size."""
    split = plan_split(numbers, 1000, samples=10**9)
    last = split.shard(split.n_shards - 1)
    assert (last.start, last.stop) == (10**9 - 1000, 10**9)
    other = plan_split(numbers, 7, samples=10**9)
    tail = other.shard(other.n_shards - 1)
    assert list_identities(split, last.start, last.stop)[-tail.n_samples :] == list_identities(
        other, tail.start, tail.stop
    )


def test_too_many_samples() -> None:
    """More samples than ordinals can count are refused."""
    with pytest.raises(ConfigError, match=r"splits\.train: expected at most 1,000,000,000,000 sam"):
        plan_split({"range": {"last": 10**18 - 1}}, samples_per_number=2)


# -- canvas ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "n_digits"),
    [
        ({"values": ["1", "12345678"]}, 8),
        ({"range": {"last": 5, "width": 9}}, 9),
        ({"random": {"lengths": [1, 10]}}, 10),
    ],
)
def test_canvas_too_narrow(numbers: dict[str, Any], n_digits: int) -> None:
    """Four columns a character are just enough; one column less is refused with the remedy."""
    width = 4 * n_digits
    assert plan_split(numbers, width=width, samples=1).numbers.max_digits == n_digits
    message = (
        rf"canvas\.width: expected at least {width} columns, 4 for each of the {n_digits} "
        rf"characters of the longest number in splits\.train, got {width - 1}; widen"
    )
    with pytest.raises(ConfigError, match=message):
        plan_split(numbers, width=width - 1, samples=1)


# -- keys ------------------------------------------------------------------------------------------


@pytest.fixture
def plan(tiny_config: MakeConfig) -> Plan:
    """Return the plan of the tiny config: 12 samples of train, 5 of test."""
    return make_plan(tiny_config(), "digest")


def test_plan_counts(plan: Plan) -> None:
    """A plan adds up its splits, in order."""
    assert (plan.n_samples, plan.n_shards) == (17, 4)
    assert [shard.name for shard in plan.shards()] == [
        "train-00000",
        "train-00001",
        "train-00002",
        "test-00000",
    ]


@given(st.sampled_from(["train", "val", "test"]), st.integers(0, 10**12 - 1))
def test_keys_parse_back(name: Any, ordinal: int) -> None:
    """A key names its split and its ordinal, and nothing else."""
    tree = {
        "source": {"name": "mnist-5k"},
        "splits": {
            name: {"numbers": LISTED, "samples": 10**12} for name in ("train", "val", "test")
        },
    }
    plan = make_plan(parse_config(tree, "tree"), "digest")
    assert parse_key(plan, sample_key(name, ordinal)) == (plan.splits[name], ordinal)


def test_keys_sort_as_their_ordinals() -> None:
    """Keys of a split sort as text in the order of the samples, up to a billion of them."""
    keys = [sample_key("train", ordinal) for ordinal in (0, 9, 10, 123_456, 999_999_999)]
    assert keys == sorted(keys)
    assert keys[-1] == "train-999999999"
    assert sample_key("train", 10**9) == "train-1000000000"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "val-000000001",
            "expected a key SPLIT-ORDINAL with a split of train, test, such as train-",
        ),
        ("train", "expected a key SPLIT-ORDINAL"),
        ("train-", "expected a key SPLIT-ORDINAL"),
        ("train-1x", "expected a key SPLIT-ORDINAL"),
        ("train--1", "expected a key SPLIT-ORDINAL"),
        ("train-\u0663", "expected a key SPLIT-ORDINAL"),
        ("train-1\n", "expected a key SPLIT-ORDINAL"),
        ("train-000000012", "train holds 12 samples: expected an ordinal of at most 11, got 12"),
    ],
)
def test_bad_keys(plan: Plan, key: str, message: str) -> None:
    """A key of no sample is an error that says which there are."""
    with pytest.raises(ConfigError, match=message):
        parse_key(plan, key)


# -- fingerprint -----------------------------------------------------------------------------------


def fingerprint(make: MakeConfig, digest: str = "digest", **blocks: Any) -> str:
    """Return the fingerprint of the tiny config with some blocks replaced."""
    return make_plan(make(**blocks), digest).fingerprint


def split_of(numbers: dict[str, Any], samples: int = 5, name: str = "train") -> dict[str, Any]:
    """Return the keywords of a config of one split."""
    return {"splits": {name: {"numbers": numbers, "samples": samples}}}


SALT = {"pixels": [1, 3]}
STROKE = {"probability": 0.5, "dilate": 0.4, "pixels": [2, 3]}
# Each row: two configs that make other bytes.
UNLIKE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"seed": 2}),
    ({}, {"digest": "other"}),
    ({}, {"source": {"name": "mnist-5k", "val_fraction": 0.25, "test_fraction": 0.25}}),
    ({"source": {"name": "mnist-5k"}}, {"source": {"name": "mnist-5k", "val_fraction": 0.2}}),
    ({"source": {"name": "mnist-5k"}}, {"source": {"name": "mnist-5k", "test_fraction": 0.2}}),
    ({"source": {"name": "mnist"}}, {"source": {"name": "mnist", "val_fraction": 0.2}}),
    (split_of(LISTED), split_of({"values": ["42", "007", "7"]})),
    (split_of(LISTED), split_of(LISTED, name="val")),
    (split_of({"range": {"last": 5}}), split_of({"range": {"last": 5, "width": 2}})),
    (
        split_of({"random": {"lengths": [1, 3]}}),
        split_of({"random": {"lengths": [1, 3], "balance": True}}),
    ),
    ({}, {"canvas": {"height": 29}}),
    ({}, {"canvas": {"width": 161}}),
    ({}, {"canvas": {"align": "left"}}),
    ({}, {"glyph": {"salt": SALT}}),
    ({"glyph": {"salt": SALT}}, {"glyph": {"salt": {"pixels": [1, 4]}}}),
    ({"glyph": {"salt": SALT}}, {"glyph": {"salt": {**SALT, "probability": 0.5}}}),
    ({"glyph": {"salt": SALT}}, {"glyph": {"pepper": SALT}}),
    ({}, {"glyph": {"crop": {}}}),
    ({"glyph": {"crop": {}}}, {"glyph": {"crop": {"margin": 1}}}),
    ({}, {"glyph": {"aspect": "stretch"}}),
    ({}, {"glyph": {"shear": {"degrees": [0, 0.5]}}}),
    ({"glyph": {"shear": {"degrees": [0, 5]}}}, {"glyph": {"rotate": {"degrees": [0, 5]}}}),
    ({}, {"glyph": {"overflow": "clip"}}),
    ({}, {"glyph": {"stroke": STROKE}}),
    ({"glyph": {"stroke": STROKE}}, {"glyph": {"stroke": {**STROKE, "dilate": 0.5}}}),
    ({"glyph": {"stroke": STROKE}}, {"glyph": {"stroke": {**STROKE, "pixels": [2, 4]}}}),
    ({}, {"line": {"spacing": [2, 7]}}),
    ({}, {"line": {"noise": {"sigma": [1, 2]}}}),
    ({}, {"line": {"salt_pepper": {"amount": [0.1, 0.2]}}}),
    ({}, {"line": {"blur": {"sigma": [1, 2]}}}),
    ({}, {"line": {"invert": {}}}),
    ({"line": {"invert": {}}}, {"line": {"invert": {"probability": 0.5}}}),
    ({}, {"output": {"container": "parquet"}}),
    ({}, {"output": {"container": "files"}}),
    ({}, {"output": {"sidecar": "full"}}),
    ({}, {"output": {"sidecar": "text"}}),
    ({}, {"output": {"image": "jpeg"}}),
    ({"output": {"image": "jpeg"}}, {"output": {"image": "jpeg", "quality": 94}}),
    ({}, {"output": {"shard_samples": 6}}),
]
# Each row: two configs that make the same bytes, as far as both go.
LIKE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (split_of(LISTED, 5), split_of(LISTED, 50)),
    (
        split_of(LISTED, 5),
        {"splits": {"train": {"numbers": LISTED, "samples_per_number": 3}}},
    ),
    ({}, {"output": {"uri": "elsewhere"}}),
    ({}, {"output": {"quality": 50}}),  # of PNG
    ({}, {"output": {"image": "png", "container": "webdataset", "sidecar": "brief"}}),
    ({}, {"glyph": {"crop": None, "aspect": "keep"}}),
    ({"line": {"noise": {"sigma": [1, 2]}}}, {"line": {"noise": {"sigma": [1.0, 2.0]}}}),
    ({"source": {"name": "mnist"}}, {"source": {"name": "mnist", "path": "/elsewhere"}}),
    ({"source": {"name": "mnist"}}, {"source": {"name": "mnist", "mirrors": ("https://x/",)}}),
    (
        split_of({"random": {"lengths": [1, 2]}}),
        split_of({"random": {"lengths": {2: 1.0, 1: 1, 3: 0}}}),
    ),
]


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_fingerprint_changes_with_every_byte(
    tiny_config: MakeConfig, one: dict[str, Any], other: dict[str, Any]
) -> None:
    """Configs that make other bytes have other fingerprints."""
    assert fingerprint(tiny_config, **one) != fingerprint(tiny_config, **other)


@pytest.mark.parametrize(("one", "other"), LIKE)
def test_fingerprint_changes_with_nothing_else(
    tiny_config: MakeConfig, one: dict[str, Any], other: dict[str, Any]
) -> None:
    """Configs that make the same bytes have the same fingerprint."""
    assert fingerprint(tiny_config, **one) == fingerprint(tiny_config, **other)


def test_fingerprint_knows_each_key_of_a_split(tiny_config: MakeConfig) -> None:
    """Whatever a split may say changes the fingerprint, but how many samples it has."""
    split = {"numbers": LISTED, "samples": 5}
    changed: dict[str, Any] = {
        "numbers": {"values": ["42"]},
        "exclude": {"values": ["42"]},
        "look": {"soft": 1},
    }
    assert {*Split.model_fields} == {*changed, "samples", "samples_per_number"}
    looks = {name: {"glyph": {}, "line": {}} for name in ("sharp", "soft")}
    made = {
        name: fingerprint(tiny_config, look=looks, splits={"train": split | {name: value}})
        for name, value in {"samples": 6, **changed}.items()
    }
    same = fingerprint(tiny_config, look=looks, splits={"train": split})
    assert [name for name, it in made.items() if it == same] == ["samples"]
    pairs = [{"soft": 1, "sharp": 2}, {"sharp": 2.0, "soft": 1.0}, {"sharp": 1, "soft": 2}]
    found = [
        fingerprint(tiny_config, look=looks, splits={"train": split | {"look": weights}})
        for weights in pairs
    ]
    assert found[0] == found[1] != found[2]


def test_no_two_settings_share_a_fingerprint(tiny_config: MakeConfig) -> None:
    """Every config of the table above has a fingerprint of its own."""
    configs = [config for pair in UNLIKE for config in pair]
    distinct = {repr(config): fingerprint(tiny_config, **config) for config in configs}
    assert len(set(distinct.values())) == len(distinct)


def test_fingerprint_of_a_file_is_that_of_its_numbers(
    tiny_config: MakeConfig, tmp_path: Any
) -> None:
    """Numbers in a file are the same numbers as in a list, until the file changes."""
    path = tmp_path / "n.txt"
    path.write_text("007\n42\n7\n")
    listed = fingerprint(tiny_config, **split_of(LISTED))
    filed = split_of({"file": {"path": str(path)}})
    assert fingerprint(tiny_config, **filed) == listed
    path.write_text("007\n42\n8\n")
    assert fingerprint(tiny_config, **filed) != listed


@pytest.mark.parametrize(
    "library", ["digit-sequence", "numpy", "scikit-image", "scipy", "imagecodecs", "pyarrow"]
)
def test_fingerprint_changes_with_versions(
    tiny_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    """A library that makes pixels or files has its version in the fingerprint."""
    before = make_plan(tiny_config(), "digest")
    assert library in before.inputs["versions"]
    if library == "digit-sequence":
        monkeypatch.setattr("digit_sequence.plan.fingerprint.__version__", "99")
    else:
        installed = before.inputs["versions"]
        monkeypatch.setattr(
            "digit_sequence.plan.fingerprint.find_version",
            lambda name: "99" if name == library else installed[name],
        )
    after = make_plan(tiny_config(), "digest")
    assert after.inputs["versions"] == {**before.inputs["versions"], library: "99"}
    assert after.fingerprint != before.fingerprint


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the package."""
    source = Path(digit_sequence.__file__).parent
    return shutil.copytree(source, tmp_path_factory.mktemp("code") / source.name)


# Each row: a module, and a constant of it that changes bytes.
CONSTANTS = [
    ("base/rounding.py", "2.0**24"),
    ("building/shard.py", "config.output"),
    ("codec/jpeg_kernels.py", "_MIDDLE = 128"),
    ("config/canvas.py", "MIN_DIGIT_WIDTH = 4"),
    ("containers/webdataset.py", "_NAME_BYTES = 100"),
    ("numbers/random.py", "BALANCE_BLOCK = 100"),
    ("pen/shapes.yaml", "weight: 0.5"),
    ("plan/plan.py", "MAX_SAMPLES = 10**12"),
    ("render/layout.py", "SMOOTHING_FREE = 1.25"),
    ("sources/distances.py", "REACH = 5"),
    ("store/label_schema.py", "pa.int8()"),
    ("transforms/ink/stroke.py", "ERODED_PEAK = 64"),
]


@pytest.mark.parametrize(("module", "constant"), CONSTANTS)
def test_fingerprint_changes_with_code(code: Path, module: str, constant: str) -> None:
    """Other code of whatever may change a byte is another fingerprint."""
    assert {path.partition("/")[0] for path, _ in CONSTANTS} == set(BYTE_PACKAGES)
    before = hash_code()
    assert hash_code(code) == before
    path = code / module
    text = path.read_text()
    try:
        path.write_text(text.replace(constant, f"{constant} + 1", 1))
        assert path.read_text() != text
        hash_code.cache_clear()
        assert hash_code(code) != before
    finally:
        path.write_text(text)
        hash_code.cache_clear()


def test_fingerprint_does_without_other_code(code: Path) -> None:
    """Code that makes no bytes is none of it."""
    before = hash_code(code)
    (code / "cli/build.py").write_text("")
    (code / "read/split.py").write_text("")
    hash_code.cache_clear()
    assert hash_code(code) == before


def test_fingerprint_is_the_same_elsewhere(tiny_config: MakeConfig) -> None:
    """A config that was written as JSON and read again has the same fingerprint."""
    config = tiny_config(glyph={"stroke": STROKE}, line={"noise": {"sigma": [1, 2.5]}})
    again = parse_config(config.model_dump(mode="json"), "again")
    plans = [make_plan(each, "digest") for each in (config, again)]
    assert plans[0].fingerprint == plans[1].fingerprint
    assert len(plans[0].fingerprint) == 32
    assert int(plans[0].fingerprint, 16) >= 0
