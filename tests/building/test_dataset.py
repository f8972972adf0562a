"""Builds: the same bytes again, after a kill, after a failure, whatever the shards are like."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from builds import (
    ALL_TRANSFORMS,
    build,
    build_apart,
    read_encoded,
    read_rows,
    read_tree,
    start_python,
    write_config,
)
from digit_sequence.base.digests import hash_pixels
from digit_sequence.base.errors import BuildError, BuildStopped, OutputError
from digit_sequence.building.dataset import build_dataset, make_graph
from digit_sequence.building.estimates import estimate_bytes
from digit_sequence.building.sampler import open_sampler
from digit_sequence.building.shard import Claim, build_shard, make_claim, pack_shard
from digit_sequence.codec.encoding import encode_image
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.store.label_schema import PLACE_COLUMNS
from digit_sequence.store.labels import read_commit
from digit_sequence.store.plan_file import publish_plan
from digit_sequence.store.storage import Storage

RANDOM_NUMBERS = {"random": {"lengths": [1, 5]}}


@pytest.fixture
def folder(tmp_path):
    """Return the path of a folder that is not there yet."""
    return tmp_path / "out"


def run_here(sampler, folder, **options):
    """Build on the synchronous scheduler with a sampler that is open already."""
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        return build_dataset(sampler, Storage(str(folder)), run, **options)


# -- again ----------------------------------------------------------------------------------------


def test_build_elsewhere(built, tiny_config, folder):
    """The same config is the same tree of bytes in another folder."""
    build(tiny_config(**ALL_TRANSFORMS), folder)
    assert read_tree(folder) == read_tree(built())


def test_build_again(tiny_config, folder):
    """A complete dataset is not built again: its shards and labels are not even touched."""
    first = build(tiny_config(), folder)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("[il]*/*/*")}
    tree = read_tree(folder)
    again = build(tiny_config(), folder)
    assert (first.built_samples, again.built_samples) == (17, 0)
    assert again.manifest == first.manifest
    assert read_tree(folder) == tree
    assert {path: path.stat().st_mtime_ns for path in folder.glob("[il]*/*/*")} == before


def test_progress_counts_every_sample(tiny_config, folder):
    """Progress adds up to the plan, and tells samples of this run from those that were there."""
    sampler = open_sampler(tiny_config())
    calls = []
    run_here(sampler, folder, on_progress=lambda *call: calls.append(call))
    assert calls[0] == (0, False)
    assert sorted(calls[1:]) == [(2, True), (5, True), (5, True), (5, True)]
    (folder / "labels/train/train-00000.parquet").unlink()
    calls.clear()
    run_here(sampler, folder, on_progress=lambda *call: calls.append(call))
    assert calls == [(12, False), (5, True)]


# -- killed ---------------------------------------------------------------------------------------

MANY = {
    "train": {"numbers": RANDOM_NUMBERS, "samples": 100},
    "test": {"numbers": {"values": ["007", "42"]}, "samples": 20},
}


@pytest.fixture(scope="module")
def many(tiny_config, tmp_path_factory):
    """Return a config of 41 shards, and the tree that an uninterrupted build of it leaves."""
    config = tiny_config(**ALL_TRANSFORMS, splits=MANY, output={"shard_samples": 3})
    folder = tmp_path_factory.mktemp("many")
    return config, build_apart(config, folder)


@pytest.mark.parametrize(
    ("scheduler", "n_files"),
    [
        ("synchronous", 0),
        pytest.param("processes", 15, marks=pytest.mark.slow),
        pytest.param("synchronous", 20, marks=pytest.mark.slow),
        pytest.param("threads", 15, marks=pytest.mark.slow),
    ],
)
def test_killed_build_is_resumed(many, folder, tmp_path, scheduler, n_files):
    """A build killed at a random moment, and run again, leaves what one without a kill leaves."""
    config, tree = many
    path = write_config(tmp_path / "config.yaml", config)
    process = start_python(
        *("-m", "digit_sequence", "build", path, "-o", folder),
        *("--scheduler", scheduler, "--workers", 2),
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 240
        while len(list(folder.glob("*/*/*.*"))) <= n_files:
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.002)
        time.sleep(random.uniform(0, 0.02))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not (folder / "dataset.json").exists()
    partial = read_tree(folder)
    assert all(tree[name] == content for name, content in partial.items())
    commits = [read_commit(path) for path in folder.glob("labels/*/*.parquet")]
    result = build(config, folder)
    assert result.built_samples == 120 - sum(commit.rows for commit in commits)
    assert read_tree(folder) == tree


# -- what a sample depends on ---------------------------------------------------------------------


@pytest.mark.parametrize("output", [{"image": "png"}, {"image": "jpeg", "quality": 80}])
def test_sample_alone_is_its_row(built, tiny_config, output):
    """Each image in the dataset is the one that its sample, drawn alone, encodes to."""
    folder = built(**output)
    config = tiny_config(**ALL_TRANSFORMS)
    sampler = open_sampler(config)
    for row in read_rows(folder).to_pylist():
        drawn = sampler.draw(row["split"], row["ordinal"], row["ordinal"] + 1)
        assert hash_pixels(drawn.images[0]) == row["pixel_hash"]
        assert encode_image(drawn.images[0], *output.values()) == read_encoded(folder, row)
        recipes = drawn.recipes
        assert recipes.numbers == [row["number"]]
        assert recipes.glyph_ids.tolist() == row["glyph_ids"]
        for column in config.columns:
            values = recipes.drawn[column.name].tolist()
            assert row[column.name] == (values if column.per == "digit" else values[0])
        assert drawn.scaled[0] == row["scaled"]
        assert drawn.boxes.tolist() == [
            [box[edge] for edge in ("top", "left", "bottom", "right")] for box in row["boxes"]
        ]


OUTPUTS = [
    {"shard_samples": 1},
    {"shard_samples": 4},
    {"shard_samples": 100},
    {"container": "parquet", "shard_samples": 7},
    {"container": "files", "image": "jpeg", "quality": 10},
]


@pytest.mark.parametrize("output", OUTPUTS, ids=str)
def test_output_changes_no_sample(built, output):
    """Shard size, container and image format change neither pixels nor labels."""
    places = ["shard", "row", *PLACE_COLUMNS]
    samples = read_rows(built()).drop_columns(places).sort_by("key")
    others = read_rows(built(**output)).drop_columns(places).sort_by("key")
    assert others.equals(samples)


def list_samples(folder):
    """Return pixel hash and glyphs of each sample of train by its identity."""
    rows = [row for row in read_rows(folder).to_pylist() if row["split"] == "train"]
    return {
        (row["number"], row["sample_index"]): (row["pixel_hash"], row["glyph_ids"]) for row in rows
    }


def test_other_numbers_change_no_sample(tiny_config, tmp_path):
    """A sample does not depend on the numbers, the samples and the splits beside it."""

    def make(values, per_number, **splits):
        numbers = {"values": values}
        train = {"numbers": numbers, "samples_per_number": per_number}
        return tiny_config(**ALL_TRANSFORMS, splits={"train": train, **splits})

    build(make(["42", "007"], 3), tmp_path / "small")
    val = {"numbers": RANDOM_NUMBERS, "samples": 3}
    build(make(["9", "007", "7", "42"], 5, val=val), tmp_path / "large")
    small, large = list_samples(tmp_path / "small"), list_samples(tmp_path / "large")
    assert len(small) == 6
    assert small.items() <= large.items()
    assert len({hashed for hashed, _ in large.values()}) == len(large) == 20


def test_seed_changes_every_sample(tiny_config, tmp_path):
    """Another seed is another dataset."""
    for seed in (1, 2):
        build(tiny_config(**ALL_TRANSFORMS, seed=seed), tmp_path / str(seed))
    one, two = list_samples(tmp_path / "1"), list_samples(tmp_path / "2")
    assert one.keys() == two.keys()
    assert all(one[identity] != two[identity] for identity in one)


def test_no_glyph_is_in_two_splits(tiny_config, folder, bank):
    """Splits share no glyph; and each glyph that a label names shows its digit."""
    splits = {
        name: {"numbers": RANDOM_NUMBERS, "samples": 120} for name in ("train", "val", "test")
    }
    build(tiny_config(splits=splits, output={"shard_samples": 50}), folder)
    used = {name: set() for name in splits}
    for row in read_rows(folder).to_pylist():
        used[row["split"]].update(row["glyph_ids"])
        assert [str(bank.digits[glyph]) for glyph in row["glyph_ids"]] == list(row["number"])
    # 6, 3 and 3 glyphs of each digit, and enough samples to use all of them.
    assert [len(used[name]) for name in splits] == [60, 30, 30]
    assert len(set.union(*used.values())) == 120


# -- failures -------------------------------------------------------------------------------------


def test_failing_shard(tiny_config, folder):
    """A shard that cannot be written fails the build; others are kept, and then it is mended."""
    (folder / "images/train/train-00001.tar").mkdir(parents=True)  # in place of the file
    with pytest.raises(BuildError) as caught:
        build(tiny_config(), folder)
    message = str(caught.value)
    assert message.startswith(
        "1 of 4 shards failed; 3 are done and kept. The first, train-00001 (seed 1): "
    )
    assert "images/train/train-00001.tar" in message
    assert "Is a directory" in message
    assert "Traceback" not in message
    assert not (folder / "dataset.json").exists()
    assert not (folder / "README.md").exists()
    names = {path.stem for path in folder.glob("labels/*/*.parquet")}
    assert names == {"train-00000", "train-00002", "test-00000"}
    assert list(folder.glob(".build/tmp/*")) == []
    (folder / "images/train/train-00001.tar").rmdir()
    assert build(tiny_config(), folder).built_samples == 5
    assert (folder / "dataset.json").exists()


def test_failing_label_file(tiny_config, folder):
    """A shard whose label file cannot be written is not complete, though its images are there."""
    (folder / "labels/test/test-00000.parquet").mkdir(parents=True)
    with pytest.raises(BuildError, match=r"1 of 4 shards failed; .* test-00000 "):
        build(tiny_config(), folder)
    assert (folder / "images/test/test-00000.tar").is_file()
    (folder / "labels/test/test-00000.parquet").rmdir()
    assert build(tiny_config(), folder).built_samples == 5


def test_cache_damaged_before_the_shards(tiny_config, folder, tmp_path):
    """Glyphs damaged after the config was read end the build, with the file and what to do."""
    sampler = open_sampler(tiny_config())
    (images,) = (tmp_path / "cache").rglob("images.npy")
    content = bytearray(images.read_bytes())
    content[-400] ^= 255
    images.unlink()  # the sampler has the old file mapped
    images.write_bytes(content)
    with pytest.raises(OutputError, match="1 of 1 workers cannot take part:") as caught:
        run_here(sampler, folder)
    assert str(images) in str(caught.value)
    assert f"delete the folder {images.parent} and run again" in str(caught.value)
    assert "--repair" not in str(caught.value)  # the dataset has its own, which are sound
    assert set(read_tree(folder)) == {".build/plan.json", ".build/glyphs"}


def test_source_changed_after_the_plan(tiny_config, folder, tiny_source, tmp_path, bank):
    """Digits that changed after the plan was published change nothing: the dataset has its own."""
    source = {**tiny_source, "images": str(tmp_path / "images")}
    header = Path(tiny_source["images"]).read_bytes()[:16]
    (tmp_path / "images").write_bytes(header + bank.images.tobytes())
    sampler = open_sampler(tiny_config(source=source))
    (tmp_path / "images").write_bytes(header + bank.images[::-1].tobytes())
    os.utime(tmp_path / "images", (1, 1))
    run_here(sampler, folder)
    build(tiny_config(), tmp_path / "fresh")
    assert read_tree(folder) == read_tree(tmp_path / "fresh")


def test_other_build_takes_over(tiny_config, folder, monkeypatch):
    """Tasks of a build whose folder was given to another one fail, and mix nothing."""
    monkeypatch.setattr("digit_sequence.run.jobs.UNFIT_SECONDS", 0.0)
    storage = Storage(str(folder))
    sampler = open_sampler(tiny_config())
    plan = sampler.plan
    publish_plan(storage, plan, sampler.bank)
    tasks = list(make_graph(storage, plan, plan.shards()))
    other = open_sampler(tiny_config(seed=2))
    publish_plan(storage, other.plan, other.bank, overwrite=True)
    results = []
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        run.execute(tasks, results.append, lambda: False)
    assert len(results) == 4
    assert all("another build has taken over the directory" in r.error for r in results)
    assert set(read_tree(folder)) == {".build/plan.json", ".build/glyphs"}


@pytest.mark.parametrize("other", [{"seed": 2}, {"splits": None}])
def test_shard_is_not_written_over_another_build(tiny_config, folder, monkeypatch, other):
    """A shard that was under way when another build took over, or grew the dataset, is dropped."""
    storage = Storage(str(folder))
    sampler = open_sampler(tiny_config())
    publish_plan(storage, sampler.plan, sampler.bank)
    claim = make_claim(storage, sampler.plan)
    if "splits" in other:
        splits = tiny_config().model_dump(mode="json", exclude_none=True)["splits"]
        splits["train"]["samples_per_number"] += 1
        other = {"splits": splits}
    taken_over = open_sampler(tiny_config(**other))

    def take_over(*arguments):
        publish_plan(storage, taken_over.plan, taken_over.bank, overwrite=True)
        return pack_shard(*arguments)

    monkeypatch.setattr("digit_sequence.building.shard.pack_shard", take_over)
    with pytest.raises(OutputError, match="another build has taken over the directory"):
        build_shard(claim, "train", 0)
    assert set(read_tree(folder)) == {".build/plan.json", ".build/glyphs"}


def test_overwrite_goes_on_with_the_same_build(tiny_config, folder):
    """Given again after a stop, a command with --overwrite keeps what it has built."""
    build(tiny_config(seed=9), folder)
    sampler, storage = open_sampler(tiny_config()), Storage(str(folder))
    seen = []
    with open_scheduler(SchedulerOptions("synchronous")) as run, pytest.raises(BuildStopped):
        build_dataset(
            *(sampler, storage, run), lambda *done: seen.append(done), True, lambda: len(seen) > 2
        )
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        result = build_dataset(sampler, storage, run, overwrite=True)
    assert 0 < result.built_samples < sampler.plan.n_samples
    build(tiny_config(), folder.with_name("fresh"))
    assert read_tree(folder) == read_tree(folder.with_name("fresh"))


def test_stopped_before_the_beginning(tiny_config, folder):
    """Ctrl-C before the first shard touches nothing, not even with --overwrite."""
    build(tiny_config(seed=9), folder)
    before = read_tree(folder)
    sampler = open_sampler(tiny_config())
    with (
        open_scheduler(SchedulerOptions("synchronous")) as run,
        pytest.raises(BuildStopped, match="before anything was touched"),
    ):
        build_dataset(sampler, Storage(str(folder)), run, overwrite=True, should_stop=lambda: True)
    assert read_tree(folder) == before


def test_shard_needs_a_plan(folder):
    """A shard of a folder without a plan is an error that names the folder."""
    with pytest.raises(OutputError, match=f"{folder}: expected a dataset built by this program"):
        build_shard(Claim(str(folder), "0" * 64), "train", 0)


# -- estimate -------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", ["webdataset", "parquet", "files"])
@pytest.mark.parametrize("image", ["png", "jpeg"])
def test_estimate(tiny_config, folder, container, image):
    """The estimated bytes are within a quarter of the truth, though only a few are rendered."""
    splits = {
        "train": {"numbers": RANDOM_NUMBERS, "samples": 420},
        "test": {"numbers": {"values": ["1", "11111"]}, "samples": 7},
    }
    output = {"container": container, "image": image, "shard_samples": 200}
    config = tiny_config(**ALL_TRANSFORMS, splits=splits, output=output)
    estimate = estimate_bytes(open_sampler(config))
    assert not folder.exists()
    build(config, folder)
    truth = sum(path.stat().st_size for path in folder.glob("images/**/*") if path.is_file())
    assert abs(estimate - truth) < truth / 4
