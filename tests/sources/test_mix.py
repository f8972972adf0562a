"""Several sources at once: images of one size, splits as of each part alone, shares by weight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from builds import build, read_rows
from conftest import draw_bank
from digit_sequence.base.errors import ConfigError, OutputError, SourceError, SourceWarning
from digit_sequence.base.names import PLAN_PATH, SPLITS
from digit_sequence.building.sampler import open_output, open_sampler
from digit_sequence.building.shard import pack_shard
from digit_sequence.building.verify import verify_dataset
from digit_sequence.config.loading import parse_config
from digit_sequence.read.dataset import open_dataset
from digit_sequence.render.recipe import draw_recipes
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.sources.bank import pack_bank, parse_bank
from digit_sequence.sources.bank_cache import load_bank
from digit_sequence.sources.mix import MixSettings, mix_glyphs
from digit_sequence.sources.mixing import share_glyphs
from digit_sequence.sources.pools import check_disjoint, partition_glyphs
from digit_sequence.sources.registry import MIX, SOURCES, open_source
from digit_sequence.sources.source import RawGlyphs
from digit_sequence.store.records import hash_json
from digit_sequence.store.storage import Storage
from glyph_files import encode_idx, make_glyphs

NUMBERS = {"random": {"lengths": [1, 5]}}
ALLOGRAPHS = {"allographs": {"share": {str(digit): 0.5 for digit in range(10)}}}
FRACTIONS = {"val_fraction": 0.25, "test_fraction": 0.25}


def write_idx(folder: Path, images: Any, digits: Any, **keys: Any) -> dict[str, Any]:
    """Return the block of a source of some glyphs."""
    folder.mkdir()
    (folder / "images").write_bytes(encode_idx(images))
    (folder / "labels").write_bytes(encode_idx(digits))
    paths = {name: str(folder / name) for name in ("images", "labels")}
    return {"name": "idx", **paths, **FRACTIONS, **keys}


def write_writers(path: Path, writers: Any) -> str:
    """Write who wrote each glyph, and return the path."""
    path.write_text("".join(f"{writer}\n" for writer in writers))
    return str(path)


@pytest.fixture
def large(tmp_path: Path) -> dict[str, Any]:
    """Return a block of seven drawn glyphs of each digit, 44 x 44, of seven writers."""
    drawn = draw_bank(size=44, n_per_digit=7)
    writers = write_writers(tmp_path / "who", np.argsort(np.argsort(drawn.digits)) % 7)
    return write_idx(tmp_path / "large", drawn.images, drawn.digits, writers=writers)


@pytest.fixture
def mixed(tiny_source: dict[str, Any], large: dict[str, Any]) -> dict[str, Any]:
    """Return the block of a mix: `large` once, `tiny` three times."""
    parts = {"tiny": {"weight": 3, "source": tiny_source}, "large": {"source": large}}
    return {"name": "mix", "parts": parts}


def parse(block: dict[str, Any]) -> MixSettings:
    """Return a block `source`."""
    return MIX.Settings.model_validate(block)


def test_images_get_ground_around_them() -> None:
    """Images of three sizes lie in the middle of those of the largest sides, as they are."""
    shapes = {"a": (5, 9), "b": (8, 4), "c": (8, 9)}
    parts = {
        name: RawGlyphs(
            np.random.default_rng(0).integers(1, 256, (10, *shape), np.uint8),
            np.arange(10, dtype=np.uint8),
            np.full(10, name == "b", np.uint8),
        )
        for name, shape in shapes.items()
    }
    mixed = mix_glyphs(parts)
    mixed.check()
    assert mixed.images.shape == (30, 8, 9)
    assert mixed.frames is not None
    assert mixed.frames.tolist() == [[1, 0, 6, 9], [0, 2, 8, 6], [0, 0, 8, 9]]
    assert mixed.origins is not None
    assert mixed.origins.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert mixed.parts.tolist() == [0] * 10 + [1] * 10 + [0] * 10
    assert mixed.writers is None
    for place, (name, (top, left, bottom, right)) in enumerate(
        zip(shapes, mixed.frames, strict=True)
    ):
        own = mixed.images[10 * place : 10 * place + 10]
        assert (own[:, top:bottom, left:right] == parts[name].images).all()
        assert own.sum(dtype=int) == parts[name].images.sum(dtype=int)


def test_writers_are_numbered_on() -> None:
    """Writers of different parts differ; of a part that knows none nobody is known."""

    def make(writers: list[int] | None) -> RawGlyphs:
        images, digits = make_glyphs(3)
        known = None if writers is None else np.array(writers, np.int32)
        return RawGlyphs(images, digits.astype(np.uint8), np.zeros(3, np.uint8), writers=known)

    parts = {"a": make([4, -1, 0]), "b": make(None), "c": make([0, 0, 7]), "d": make([1, 0, 0])}
    mixed = mix_glyphs(parts)
    mixed.check()
    assert mixed.writers is not None
    assert mixed.writers.tolist() == [4, -1, 0, -1, -1, -1, 5, 5, 12, 14, 13, 13]
    with pytest.raises(SourceError, match=r"source.parts: .* got 2,147,483,653; number them from"):
        mix_glyphs({"a": make([4, 0, 0]), "b": make([0, 0, 2**31 - 1])})


def test_parts_are_split_as_if_alone(tmp_path: Path, tiny_source: dict[str, Any]) -> None:
    """Each part keeps its fractions, files for test and exclusions, whatever the others are."""
    drawn, others = draw_bank(size=30, n_per_digit=5), draw_bank(size=30, n_per_digit=4)
    keys = {"val_fraction": 0.4, "exclude": [5]}
    own = write_idx(tmp_path / "own", drawn.images, drawn.digits, **keys)
    test = write_idx(tmp_path / "test", np.roll(others.images, 1, axis=1), others.digits)
    own |= {"test_images": test["images"], "test_labels": test["labels"]}
    parts = {"tiny": {"source": tiny_source}, "own": {"source": own}}
    settings = parse({"name": "mix", "parts": parts, "exclude": [7, 91]})
    bank = load_bank(settings)
    pools = share_glyphs(bank, settings)
    check_disjoint(pools)
    for name, begin in {"own": 0, "tiny": 90}.items():
        block = settings.parts[name].source
        alone = partition_glyphs(load_bank(block), block)
        for split, pool in pools.items():
            assert pool.mixed is not None
            ids = [it + begin for it in alone[split].ids if it + begin not in (7, 91)]
            assert pool.mixed.pools[name].ids.tolist() == ids
            assert {*ids} <= {*pool.ids.tolist()}
    for pool in pools.values():
        assert all((bank.digits[pool.of_digit(digit)] == digit).all() for digit in range(10))
    with pytest.raises(SourceError, match=r"source.exclude: expected rows below 210, .* got 210"):
        share_glyphs(bank, settings.model_copy(update={"exclude": (210,)}))
    parts["own"]["source"] = own | {"exclude": [99]}
    wrong = parse({"name": "mix", "parts": parts})
    with pytest.raises(SourceError, match=r"source.parts.own: source.exclude: .* below 90"):
        share_glyphs(bank, wrong)


def test_samples_are_those_of_their_part(tiny_config: Any, mixed: dict[str, Any]) -> None:
    """A sample of a mix is, pixel for pixel, that of its part alone, whatever is on."""
    for sections in ({}, {"glyph": {"crop": {"margin": 1}, "rotate": {"degrees": [-9, 9]}}}):
        keys = {"splits": {"train": {"numbers": NUMBERS, "samples": 60}}, **sections}
        drawn = open_sampler(tiny_config(source=mixed, **keys)).draw("train", 0, 60)
        origins = drawn.recipes.drawn["source"]
        assert {*origins} == {"large", "tiny"}
        begin = {"large": 0, "tiny": 70}
        for name, part in mixed["parts"].items():
            alone = open_sampler(tiny_config(source=part["source"], **keys)).draw("train", 0, 60)
            own = np.flatnonzero(origins == name)
            assert (drawn.images[own] == alone.images[own]).all()
            of_part = np.isin(drawn.recipes.samples, own)
            ids = alone.recipes.glyph_ids[of_part] + begin[name]
            assert (drawn.recipes.glyph_ids[of_part] == ids).all()
            assert (drawn.boxes[of_part] == alone.boxes[of_part]).all()


def test_signs_are_those_of_each_part(
    tiny_config: Any, mixed: dict[str, Any], tmp_path: Path
) -> None:
    """A part has signs in its own pen and height; of glyphs only what no part has is drawn."""
    amounts = {"amount": {"last": 99999, "decimals": 2, "prefix": "$"}}
    keys = {
        "splits": {"train": {"numbers": amounts, "samples": 40}},
        "canvas": {"height": 32, "width": 256},
        "glyph": {"crop": {"margin": 1}},
    }
    drawn = open_sampler(tiny_config(source=mixed, **keys)).draw("train", 0, 40)
    alone = tiny_config(source=mixed["parts"]["large"]["source"], **keys)
    own = drawn.recipes.drawn["source"] == "large"
    assert 0 < own.sum() < 40
    assert (drawn.images[own] == open_sampler(alone).draw("train", 0, 40).images[own]).all()

    images = draw_bank(size=40, n_per_digit=2).images
    for name in ("U+002E", "U+0024"):
        folder = tmp_path / "signs" / name
        folder.mkdir(parents=True)
        for place, image in enumerate(images[:9]):
            Image.fromarray(image).save(folder / f"{place}.png")
    signs = {"name": "folder", "path": str(tmp_path / "signs"), "test_fraction": 0.0}
    parts = {**mixed["parts"], "own": {"weight": 2, "source": signs}}
    source = {"name": "mix", "per": "glyph", "parts": parts}
    sampler = open_sampler(tiny_config(source=source, **keys))
    recipes = sampler.draw("train", 0, 40).recipes
    assert ((recipes.digits >= 10) == (recipes.drawn["sources"] == "own")).all()
    assert recipes.glyph_ids.max() < len(sampler.bank.digits)
    with pytest.raises(ConfigError, match=r"source.parts.own has .* got 0 1 2 3 4 5 6 7 8"):
        open_sampler(tiny_config(source=source | {"per": "sample"}, **keys))


@pytest.mark.parametrize("per", ["sample", "glyph"])
def test_shares_are_the_weights(tiny_config: Any, mixed: dict[str, Any], per: str) -> None:
    """Of 4,000 samples, or of their digits, three quarters are of the part of weight 3."""
    splits = {"train": {"numbers": NUMBERS, "samples": 4000}}
    config = tiny_config(source=mixed | {"per": per}, splits=splits)
    sampler = open_sampler(config)
    split = sampler.plan.splits["train"]
    recipes = draw_recipes(config, sampler.pools["train"], "train", *split.identities(0, 4000))
    of_glyphs = np.array(["large", "tiny"])[sampler.bank.origins[recipes.glyph_ids]]
    if per == "glyph":
        assert recipes.drawn["sources"].tolist() == of_glyphs.tolist()
    else:
        assert recipes.drawn["source"][recipes.samples].tolist() == of_glyphs.tolist()
    names = recipes.drawn["sources" if per == "glyph" else "source"]
    share, n = (names == "tiny").mean(), len(names)
    assert abs(share - 0.75) < 4 * (0.75 * 0.25 / n) ** 0.5
    if per == "glyph":  # neighbours are drawn apart
        first = names[recipes.starts[:-1]][np.diff(recipes.starts) > 1]
        second = names[recipes.starts[:-1][np.diff(recipes.starts) > 1] + 1]
        assert abs((first == second).mean() - (0.75**2 + 0.25**2)) < 0.04


def test_each_sample_is_the_same_alone(tiny_config: Any, mixed: dict[str, Any]) -> None:
    """Of which part a sample is depends on its identity, and on no other sample."""
    splits = {"train": {"numbers": NUMBERS, "samples": 30}}
    for per in ("sample", "glyph"):
        sampler = open_sampler(tiny_config(source=mixed | {"per": per}, splits=splits))
        together = sampler.draw("train", 0, 30)
        for place in (0, 7, 29):
            alone = sampler.draw("train", place, place + 1)
            assert (alone.images[0] == together.images[place]).all()
            own = together.recipes.samples == place
            assert (alone.recipes.glyph_ids == together.recipes.glyph_ids[own]).all()


@pytest.mark.parametrize("per", ["sample", "glyph"])
def test_looks_change_no_part(tiny_config: Any, mixed: dict[str, Any], per: str) -> None:
    """With several looks each sample has its part, drawn apart from the look."""
    splits = {"train": {"numbers": NUMBERS, "samples": 30}}
    tree = tiny_config(source=mixed | {"per": per}, splits=splits).model_dump(mode="json")
    plain = open_sampler(parse_config(tree, "c.yaml"))
    looks = {"a": {"glyph": ALLOGRAPHS}, "b": {"line": {"blur": {"sigma": [0.5, 1]}}}}
    del tree["glyph"], tree["line"]
    several = open_sampler(parse_config({**tree, "look": looks}, "c.yaml"))
    found = [sampler.draw("train", 0, 30).recipes for sampler in (plain, several)]
    column = "sources" if per == "glyph" else "source"
    assert found[0].drawn[column].tolist() == found[1].drawn[column].tolist()
    assert {*found[1].drawn[column]} == {"large", "tiny"}
    origins = several.glyphs.origins[found[1].glyph_ids]
    names = found[1].drawn[column][slice(None) if per == "glyph" else found[1].samples]
    assert np.array(["large", "tiny"])[origins].tolist() == names.tolist()


@pytest.mark.parametrize("per", [pytest.param("sample", marks=pytest.mark.slow), "glyph"])
def test_build_of_a_mix(tiny_config: Any, mixed: dict[str, Any], tmp_path: Path, per: str) -> None:
    """Label rows say which part it is, engines agree, and all is verified and opened again."""
    keys = {
        "splits": {split: {"numbers": NUMBERS, "samples": 8} for split in SPLITS},
        "glyph": {
            "crop": {"margin": 1},
            **ALLOGRAPHS,
            "salt": {"probability": 0.5, "pixels": [1, 3]},
        },
        "line": {"tilt": {"degrees": [-2, 2]}, "blur": {"sigma": [0.4, 0.8]}},
    }
    config = tiny_config(source=mixed | {"per": per}, **keys)
    build(config, tmp_path / "out")
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        assert verify_dataset(Storage(str(tmp_path / "out")), run, redraw=100).problems == ()
    sampler = open_output(Storage(str(tmp_path / "out")), "skimage")
    bank, glyphs = sampler.bank, sampler.glyphs
    n_added = 0
    for row in read_rows(tmp_path / "out").to_pylist():
        names = [["large", "tiny"][glyphs.origins[it]] for it in row["glyph_ids"]]
        assert names == (row["sources"] if per == "glyph" else [row["source"]] * row["n_digits"])
        n_added += sum(it >= len(bank.digits) for it in row["glyph_ids"])
    assert n_added
    if per == "sample":
        found = open_dataset(str(tmp_path / "out"))["train"].where(source="tiny")
        assert 0 < len(found) < 8
    else:
        pytest.importorskip("numba", reason="needs numba")
        shard = next(sampler.plan.shards())
        assert pack_shard(sampler, shard) == pack_shard(open_sampler(config, "numba"), shard)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "of the source `idx`" in card


def test_glyphs_that_parts_lack_differ(tiny_config: Any, mixed: dict[str, Any]) -> None:
    """A pen draws other curves for each part: none is in two splits."""
    sampler = open_sampler(tiny_config(source=mixed, glyph=ALLOGRAPHS))
    glyphs, begin = sampler.glyphs, len(sampler.bank.digits)
    images = [image.tobytes() for image in glyphs.images[begin:]]
    assert len({*images}) == len(images) > 1000


def test_hand_is_of_one_part(
    tiny_config: Any, mixed: dict[str, Any], bank: Any, tmp_path: Path
) -> None:
    """A number of one hand is of its part; writers are split apart over all parts."""
    writers = np.empty(len(bank.digits), int)
    for digit in range(10):
        writers[bank.digits == digit] = np.arange(12)
    who = write_writers(tmp_path / "tiny_who", writers)
    source = mixed["parts"]["tiny"]["source"]
    mixed["parts"]["tiny"]["source"] = source | {"writers": who}
    splits = {split: {"numbers": NUMBERS, "samples": 20} for split in SPLITS}
    config = tiny_config(source=mixed | {"split_by": "writer"}, splits=splits, hand={})
    build(config, tmp_path / "out")
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        assert verify_dataset(Storage(str(tmp_path / "out")), run, redraw=100).problems == ()
    seen: dict[int, str] = {}
    for row in read_rows(tmp_path / "out").to_pylist():
        assert {*row["writers"]} == {row["hand"]}
        assert (row["hand"] < 7) == (row["source"] == "large")
        assert seen.setdefault(row["hand"], row["split"]) == row["split"]
    mixed["parts"]["tiny"]["source"] = source
    with pytest.raises(SourceError, match=r"source.parts.tiny: source.split_by: expected a source"):
        open_sampler(tiny_config(source=mixed | {"split_by": "writer"}, splits=splits))
    rows = open_sampler(tiny_config(source=mixed, hand={}, splits=splits)).draw("train", 0, 20)
    hands, origins = rows.recipes.drawn["hand"], rows.recipes.drawn["source"]
    assert ((hands < 0) == (origins == "tiny")).all()  # nobody knows who wrote these
    with pytest.raises(ConfigError, match=r"hand: expected source.per: sample beside it"):
        tiny_config(source=mixed | {"per": "glyph"}, hand={})


def test_part_that_lacks_digits(tiny_config: Any, mixed: dict[str, Any], tmp_path: Path) -> None:
    """It is refused where samples are of one part, and drawn from by digit where glyphs are."""
    images = draw_bank(size=30, n_per_digit=20).images
    mixed["parts"]["sevens"] = {
        "weight": 4,
        "source": write_idx(tmp_path / "7", images, images[:, 0, 0] * 0 + 7),
    }
    values = {"train": {"numbers": {"values": ["1787"]}, "samples": 300}}
    with pytest.raises(
        ConfigError,
        match=r"splits.train.numbers: .* source.parts.sevens has .* got 1 8; .* source.per to gl",
    ):
        open_sampler(tiny_config(source=mixed, splits=values))
    sampler = open_sampler(tiny_config(source=mixed | {"per": "glyph"}, splits=values))
    origins = sampler.draw("train", 0, 300).recipes.drawn["sources"].reshape(300, 4)
    assert abs((origins[:, [1, 3]] == "sevens").mean() - 0.5) < 0.08  # of weights 4, 3 and 1
    assert abs((origins[:, [0, 2]] == "tiny").mean() - 0.75) < 0.08
    assert "sevens" not in origins[:, [0, 2]]
    nines = {"train": {"numbers": {"values": ["7"]}, "samples": 300}}
    alone = open_sampler(tiny_config(source=mixed, splits=nines)).draw("train", 0, 300)
    assert abs((alone.recipes.drawn["source"] == "sevens").mean() - 0.5) < 0.12


def test_part_without_share_in_a_split(tiny_config: Any, mixed: dict[str, Any]) -> None:
    """A part that nothing is held out of for test is in train alone."""
    mixed["parts"]["large"]["source"] |= {"test_fraction": 0.0}
    splits = {split: {"numbers": NUMBERS, "samples": 40} for split in SPLITS}
    sampler = open_sampler(tiny_config(source=mixed, splits=splits))
    origins = {s: {*sampler.draw(s, 0, 40).recipes.drawn["source"]} for s in SPLITS}
    assert origins == {"train": {"large", "tiny"}, "val": {"large", "tiny"}, "test": {"tiny"}}


def test_same_images_in_two_parts(tiny_config: Any, mixed: dict[str, Any], bank: Any) -> None:
    """They are refused unless they are in the same splits."""
    twice = {**mixed["parts"]["tiny"]["source"]}
    mixed["parts"]["large"]["source"] = twice
    open_sampler(tiny_config(source=mixed))
    mixed["parts"]["large"]["source"] = twice | {"val_fraction": 0.3, "test_fraction": 0.3}
    with pytest.raises(SourceError, match=r"source.parts: expected parts of different digits, got"):
        open_sampler(tiny_config(source=mixed))


def test_bank_of_a_mix(mixed: dict[str, Any], recwarn: Any) -> None:
    """It is cached until a file of a part changes, and travels; weights and shares change none."""
    bank = load_bank(parse(mixed))
    again = parse(mixed | {"per": "glyph", "exclude": [3]})
    assert load_bank(again).digest == bank.digest
    glyphs = parse_bank(pack_bank(bank), bank.digest)
    assert (glyphs.origins == bank.origins).all()
    assert (glyphs.frames == bank.frames).all()
    path = Path(mixed["parts"]["large"]["source"]["images"])
    path.write_bytes(path.read_bytes()[:-1] + b"\x09")
    assert load_bank(parse(mixed)).digest != bank.digest
    renamed = {"tiny": mixed["parts"]["tiny"], "zebra": mixed["parts"]["large"]}
    assert load_bank(parse({"name": "mix", "parts": renamed})).digest != bank.digest


def test_fingerprint_tells_parts_apart(tiny_config: Any, mixed: dict[str, Any]) -> None:
    """Weights, names, shares and exclusions change it; the order of the parts does not."""

    def find(**keys: Any) -> str:
        return open_sampler(tiny_config(source=mixed | keys)).plan.fingerprint

    large, tiny = mixed["parts"]["large"], mixed["parts"]["tiny"]
    found = [
        find(),
        find(per="glyph"),
        find(exclude=[1]),
        find(parts={"large": large, "tiny": tiny | {"weight": 2}}),
        find(parts={"large": large, "small": tiny}),
        find(parts={"large": large, "tiny": {"source": tiny["source"] | {"exclude": [1]}}}),
        find(parts={"large": large, "tiny": {"source": tiny["source"] | {"val_fraction": 0.2}}}),
    ]
    assert len({*found}) == len(found)
    assert find(parts={"large": large, "tiny": tiny}) == found[0]


def test_what_looks_wrong_names_its_part(mixed: dict[str, Any], bank: Any, tmp_path: Path) -> None:
    """Doubts of a part name it."""
    turned = write_idx(tmp_path / "turned", bank.images.transpose(0, 2, 1), bank.digits)
    mixed["parts"]["large"]["source"] = turned
    with pytest.warns(SourceWarning, match=r"source mix: parts.large: the digits look transposed"):
        load_bank(parse(mixed))
    Path(turned["labels"]).unlink()
    with pytest.raises(SourceError, match=r"source.parts.large: .* expected an IDX file, got none"):
        load_bank(parse(mixed))


BAD = {
    "one": ({"a": {"source": {"name": "mnist-5k"}}}, "source.parts: expected 2 to 100 parts"),
    "none": ({}, "source.parts: expected 2 to 100 parts, .* got none"),
    "zero": ({"b": {"weight": 0, "source": {"name": "mnist-5k"}}}, r"b.weight: .* got 0"),
    "below": ({"b": {"weight": -1.0, "source": {"name": "mnist-5k"}}}, r"b.weight: .* got -1"),
    "nested": (
        {"b": {"source": {"name": "mix"}}},
        r"source.parts.b.source.name: expected one of mnist, .* csv, parquet, got 'mix'",
    ),
    "unknown": ({"b": {"source": {"name": "mnits"}}}, r"b.source.name: .* got 'mnits'"),
    "nameless": ({"b": {"source": {"nam": "mnist"}}}, r"b.source.name: .* got none"),
    "typed": (
        {"source": {"source": {"name": "folder", "pth": "x"}}},
        r"source.parts.source.source.pth: unknown key; .* did you mean path",
    ),
    "split_by": (
        {"b": {"source": {"name": "mnist", "split_by": "writer"}}},
        r"source: expected split_by beside parts, .* got it in parts.b",
    ),
}


@pytest.mark.parametrize(("parts", "message"), BAD.values(), ids=BAD)
def test_bad_mixes(tiny_config: Any, parts: dict[str, Any], message: str) -> None:
    """What is no mix is refused with the place of the key."""
    first = {"a": {"source": {"name": "mnist-5k"}}} if parts else {}
    with pytest.raises(ConfigError, match=message):
        tiny_config(source={"name": "mix", "parts": first | parts})


def test_what_a_mix_says_of_its_parts() -> None:
    """Credits, names and the block without paths are those of the parts."""
    parts = {
        "b": {"source": {"name": "mnist", "path": "/a/b"}},
        "a": {"source": {"name": "mnist-5k"}},
    }
    source = open_source(parse({"name": "mix", "parts": parts}))
    assert source.names == ["mnist-5k", "mnist"]
    assert source.list_credits() == SOURCES["mnist"].attribution.splitlines()
    assert source.has_paths
    bare = source.without_paths()
    assert isinstance(bare, MixSettings)
    assert not open_source(bare).has_paths
    parts["a"]["source"] = {"name": "folder", "path": "x"}
    assert open_source(parse({"name": "mix", "parts": parts})).without_paths() is None


def test_no_plan_reads_a_file_of_rows(
    tiny_config: Any, mixed: dict[str, Any], tmp_path: Path
) -> None:
    """The rows of a part's file are in the plan, and no plan names one."""
    (tmp_path / "rows").write_text("3\n")
    mixed["parts"]["large"]["source"] |= {"exclude_file": str(tmp_path / "rows")}
    build(tiny_config(source=mixed), tmp_path / "out")
    (tmp_path / "rows").unlink()
    part = open_output(Storage(str(tmp_path / "out"))).plan.config.source.parts["large"]
    assert (part.source.exclude, part.source.exclude_file) == ((3,), None)
    path = tmp_path / "out" / PLAN_PATH
    plan = json.loads(path.read_text())
    plan["config"]["source"]["parts"]["large"]["source"]["exclude_file"] = "/etc/passwd"
    del plan["sha256"]
    path.write_text(json.dumps(plan | {"sha256": hash_json(plan)}))
    with pytest.raises(
        OutputError, match=r"expected rows in source.exclude, got the name of a file"
    ):
        open_output(Storage(str(tmp_path / "out")))
