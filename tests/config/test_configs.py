"""The configs of this repository: each loads, plans and builds."""

from __future__ import annotations

import datetime
import json
import re
import time
from contextlib import suppress

import jsonschema
import pytest
from stdnum import ean, luhn
from stdnum.us import rtn

from builds import ROOT, build, read_rows
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.yaml import parse_yaml
from digit_sequence.config.loading import load_config, parse_config
from digit_sequence.plan.plan import make_plan

CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
JOBS = ("zip", "amounts", "dates", "meter", "exam-marks", "codes")
SAMPLES = {
    "zip": {"train": 20_000, "val": 1_000, "test": 2_000},
    "amounts": {"train": 20_000, "val": 500, "test": 500},
    "dates": {"train": 20_000, "val": 1_000, "test": 1_000},
    "mdw-amounts": {"train": 10_000, "val": 1_000, "test": 10_000},
    "mdw-times": {"train": 10_000, "val": 1_000, "test": 10_000},
    "mdw-zip": {"train": 10_000, "val": 1_000, "test": 10_000},
    "meter": {"train": 20_000, "val": 500, "test": 500},
    "exam-marks": {"train": 20_000, "val": 1_000, "test": 2_000},
    "codes": {"train": 20_000, "val": 1_000, "test": 2_000},
    "default": {"train": 24_000, "val": 3_000, "test": 3_000},
    "million": {"train": 1_000_000, "val": 50_000, "test": 50_000},
    "mnist": {"train": 100_000, "val": 10_000, "test": 10_000},
    "original": {"train": 10},
    "real": {"train": 240_000, "val": 1_500, "test": 2_000},
    "tiny": {"train": 200, "val": 50, "test": 50},
    "long": {"test": 2_000},
    "train": {"train": 10**12, "val": 2_000, "test": 6_000},
}


@pytest.fixture(autouse=True)
def _cache(shared_cache, monkeypatch):
    """Read real digits once for all of these tests."""
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(shared_cache))


def test_every_config_is_known():
    """No config is without a test."""
    assert {path.stem for path in CONFIGS} == set(SAMPLES)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_config_plans(path):
    """A config loads and plans as many samples as its comments promise, at once."""
    begin = time.process_time()
    plan = make_plan(load_config(path), "0" * 64)
    sizes = {name: split.n_samples for name, split in plan.splits.items()}
    last = [split.shard(split.n_shards - 1) for split in plan.splits.values()]
    seconds = time.process_time() - begin
    assert sizes == SAMPLES[path.stem]
    assert [shard.stop for shard in last] == list(sizes.values())
    assert seconds < 1  # a plan is arithmetic: a million samples cost what ten do


def test_the_front_page_counts_right():
    """The table of configs on the first page says how many samples each has."""
    page = (ROOT / "README.md").read_text()
    totals = {name: f"{sum(splits.values()):,}" for name, splits in SAMPLES.items()}
    told = dict(re.findall(r"^\| `configs/([\w-]+)\.yaml` \| ([\d,]+) numbers", page, re.M))
    assert {"default", "mnist", "real", "million"} <= {*told}
    assert told == {name: totals[name] for name in told}
    assert re.search(rf"tiny\.yaml .* # {totals['tiny']} numbers", page)
    of_jobs = sorted(totals[name] for name in JOBS)
    assert f"numbers of a job, {of_jobs[0]} to {of_jobs[-1]} each" in page


def build_few(name, folder, *overrides):
    """Build a few samples of a config, and return its label rows."""
    config = load_config(ROOT / f"configs/{name}.yaml", overrides)
    result = build(config, folder)
    rows = read_rows(folder)
    assert len(rows) == result.built_samples == sum(config_sizes(result).values())
    return rows.to_pylist()


def config_sizes(result):
    """Return the samples of each split of a build."""
    return {name: split["samples"] for name, split in result.manifest["splits"].items()}


def few(n_samples):
    """Return overrides that give each split this many samples."""
    return [f"splits.{name}.samples={n_samples}" for name in ("train", "val", "test")]


def test_tiny_builds(tmp_path):
    """The tiny config has the numbers it lists, zeros kept."""
    rows = build_few("tiny", tmp_path / "out")
    train = {row["number"] for row in rows if row["split"] == "train"}
    assert train == {"14543", "007", "90210", "6", "38"}
    test = {row["number"] for row in rows if row["split"] == "test"}
    assert test == {f"{number:04d}" for number in range(0, 1000, 20)}


def test_default_builds(tmp_path):
    """The default config has all lengths, its looks, and values of their transforms."""
    rows = build_few("default", tmp_path / "out", *few(90), "output.shard_samples=32")
    assert {row["n_digits"] for row in rows} == set(range(1, 7))
    looks = {"scan", "form", "cheque", "photo", "fax", "hard", "clean"}
    assert {row["look"] for row in rows} == looks
    for name in ("allograph", "shear_degrees", "breadth", "spacing", "gap", "stroke_width"):
        assert any(any(row[name]) for row in rows)
    for name in ("noise_sigma", "paper", "pattern", "ruling", "printed_boxes", "threshold"):
        assert any(row[name] for row in rows)


@pytest.mark.parametrize("name", ["mnist", "million", "train", "real"])
def test_configs_of_mnist_build(tmp_path, mnist_folder, name):
    """The configs of the full MNIST build from its files; test digits are those of t10k."""
    rows = build_few(name, tmp_path / "out", *few(12), f"source.path={mnist_folder}")
    for row in rows:
        own = [glyph for glyph in row["glyph_ids"] if glyph < 70_000]  # but for allographs
        assert all((glyph >= 60_000) == (row["split"] == "test") for glyph in own)


def find_day(text):
    """Return the day of a number that is a date in one of the formats of dates.yaml."""
    for format_ in ("%d/%m/%Y", "%d.%m.%y", "%Y-%m-%d"):
        with suppress(ValueError):
            return datetime.datetime.strptime(text, format_)
    return None


IS_SOUND = {
    "zip": lambda text: len(text) == 5,
    "amounts": lambda text: (
        100 <= int(re.sub("[.,]", "", text)) <= 9_999_999
        and re.fullmatch(r"[1-9]\d?(,\d{3})?\.\d\d|[1-9]\d\d\.\d\d", text)
    ),
    "dates": find_day,
    "meter": lambda text: len(text) in (5, 6),
    "exam-marks": lambda text: (len(text) == 7 and text[0] in "12") or int(text) <= 100,
    "codes": lambda text: {
        19: luhn.is_valid,
        13: ean.is_valid,
        9: rtn.is_valid,
    }[len(text)](text.replace(" ", "")),
}
"""Whether a number is one of its job."""


@pytest.mark.parametrize("name", JOBS)
def test_configs_of_jobs_build(tmp_path, name):
    """The configs of jobs build what they are for; none of test is in train, but for marks."""
    rows = build_few(name, tmp_path / "out", *few(40))
    assert all(IS_SOUND[name](row["number"]) for row in rows)
    shown = make_plan(load_config(ROOT / f"configs/{name}.yaml"), "0" * 64).splits
    train, val, test = (
        {it for it in split.identities(0, split.n_samples)[0] if len(it) > 3}
        for split in shown.values()
    )
    assert not train & val
    assert not train & test
    assert not val & test


def test_days_of_dates_are_in_one_split():
    """No day of val or test is in train, in any format."""
    shown = make_plan(load_config(ROOT / "configs/dates.yaml"), "0" * 64).splits
    train, val, test = (
        {find_day(number) for number in split.identities(0, split.n_samples)[0]}
        for split in shown.values()
    )
    assert None not in train | val | test
    assert not train & val
    assert not train & test
    assert not val & test


def test_original_builds(tmp_path, mnist_folder):
    """The original's config gives ten images in a folder of their number."""
    build_few("original", tmp_path / "out", f"source.path={mnist_folder}")
    names = {path.name for path in (tmp_path / "out/images/train/14543").iterdir()}
    assert names == {f"14543_{index}.jpg" for index in range(10)}


MODELINE = "# yaml-language-server: $schema=schema.json\n"
"""The first line of each config: editors that know it complete keys and mark mistakes."""


@pytest.fixture(scope="module")
def schema():
    """Read the JSON Schema that lies beside the configs."""
    text = (ROOT / "configs/schema.json").read_text(encoding="utf-8")
    validator = jsonschema.Draft202012Validator(json.loads(text))
    validator.check_schema(validator.schema)
    return validator


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_config_names_its_schema(path, schema):
    """A config names the schema, and is as it says."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith(MODELINE)
    tree = json.loads(json.dumps(parse_yaml(text, path.name), default=str))  # dates are text there
    assert [error.message for error in schema.iter_errors(tree)] == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("sede: 3", ""),
        ("seed: -1", "seed"),
        ("source: {name: mnist-6k}", "source"),
        ("source: {name: folder}", "source"),
        ("look: chequ", "look"),
        ("canvas: {height: tall}", "canvas.height"),
        ("line: {noise: {sigma: loud}}", "line.noise"),
        ("line: {nosie: {}}", "line"),
        ("splits: {exam: {}}", "splits"),
        ("splits: {train: {samples: 3}}", "splits.train"),
        ("output: {image: {format: gif}}", "output.image"),
    ],
)
def test_schema_refuses(change, where, schema):
    """A mistake in a config is an error of the schema, at the place of the mistake."""
    config = parse_yaml((ROOT / "configs/tiny.yaml").read_text(encoding="utf-8"), "tiny.yaml")
    changed = config | parse_yaml(change, "change")
    places = {".".join(map(str, error.absolute_path)) for error in schema.iter_errors(changed)}
    assert where in places
    assert all(place.startswith(where) for place in places)
    with pytest.raises(ConfigError):
        parse_config(changed, "tiny.yaml", ROOT / "configs")
