"""Datasets whose writers are known: label rows, both engines, and what verification proves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from builds import build, read_rows
from conftest import N_PER_DIGIT
from digit_sequence.base.errors import OutputError, SourceError
from digit_sequence.building import row_checks, shard_checks
from digit_sequence.building.sampler import open_output, open_sampler
from digit_sequence.building.shard import pack_shard
from digit_sequence.building.verify import verify_dataset
from digit_sequence.config.loading import parse_config
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.sources import pools
from digit_sequence.store.storage import Storage

NUMBERS = {"random": {"lengths": [1, 5]}}
SPLITS = {split: {"numbers": NUMBERS, "samples": 12} for split in ("train", "val", "test")}
ALLOGRAPHS = {"allographs": {"share": {str(digit): 0.8 for digit in range(10)}}}


@pytest.fixture
def source(bank, tiny_source, tmp_path):
    """Return a source of twelve writers, who wrote each digit once."""
    writers = np.empty(len(bank.digits), int)
    for digit in range(10):
        writers[bank.digits == digit] = np.arange(N_PER_DIGIT) * 7 + 100
    (tmp_path / "ids").write_text("".join(f"{writer}\n" for writer in writers))
    return {**tiny_source, "writers": str(tmp_path / "ids"), "split_by": "writer"}


def find_problems(folder):
    """Verify a dataset, all of it drawn again; return path and reason of its problems."""
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        result = verify_dataset(Storage(str(folder)), run, redraw=100)
    return [(problem.path, problem.reason) for problem in result.problems]


@pytest.mark.parametrize("sections", [{}, {"glyph": ALLOGRAPHS}])
def test_rows_say_who_wrote(tiny_config, source, bank, tmp_path, sections):
    """Each digit has its writer, none is in two splits, and numbers are of the hand they say."""
    config = tiny_config(source=source, splits=SPLITS, hand={"same": 0.7}, **sections)
    build(config, tmp_path / "out")
    assert find_problems(tmp_path / "out") == []
    glyphs = open_output(Storage(str(tmp_path / "out"))).glyphs
    rows = read_rows(tmp_path / "out").to_pylist()
    writers = {split: set() for split in SPLITS}
    n_hands = n_pens = 0
    for row in rows:
        assert row["writers"] == glyphs.writers[row["glyph_ids"]].tolist()
        assert row["hand_lacked"] == 0
        known = set(row["writers"]) - {-1}
        writers[row["split"]] |= known
        n_hands += row["hand"] >= 0
        n_pens += -1 in row["writers"]
        if row["hand"] >= 0:
            assert known <= {row["hand"]}
    assert 15 < n_hands < 36
    assert (n_pens > 0) == bool(sections)
    assert not writers["train"] & writers["val"]
    assert not (writers["train"] | writers["val"]) & writers["test"]


def test_looks_share_the_hand(tiny_config, source, tmp_path):
    """With several looks each sample still has its hand, drawn apart from the look."""
    tree = tiny_config(source=source, splits=SPLITS, hand={}).model_dump(mode="json")
    plain = open_sampler(parse_config(tree, "c.yaml"))
    looks = {"a": {"glyph": ALLOGRAPHS}, "b": {"line": {"blur": {"sigma": [0.5, 1]}}}}
    del tree["glyph"], tree["line"]
    mixed = open_sampler(parse_config({**tree, "look": looks}, "c.yaml"))
    hands = [sampler.draw("train", 0, 12).recipes.drawn["hand"] for sampler in (plain, mixed)]
    assert hands[0].tolist() == hands[1].tolist()
    assert (hands[0] >= 0).all()
    build(mixed.plan.config, tmp_path / "out")
    assert find_problems(tmp_path / "out") == []


def test_writers_change_no_other_draw(tiny_config, tiny_source, source):
    """To know the writers, without asking for more, changes no pixel and no other column."""
    plain, known = (
        open_sampler(tiny_config(source=it)).draw("train", 0, 12)
        for it in (tiny_source, source | {"split_by": "glyph"})
    )
    assert (plain.images == known.images).all()
    assert {*known.recipes.drawn} - {*plain.recipes.drawn} == {"writers"}
    none, hand = (
        open_sampler(tiny_config(source=source, hand=it)).draw("train", 0, 12)
        for it in (None, {"same": 0.0})
    )
    assert (none.images == hand.images).all()


def test_engines_choose_the_same_hands(tiny_config, source):
    """Both engines write the same bytes."""
    pytest.importorskip("numba", reason="needs numba")
    config = tiny_config(source=source, splits=SPLITS, hand={"same": 0.5}, glyph=ALLOGRAPHS)
    packed = []
    for engine in ("skimage", "numba"):
        sampler = open_sampler(config, engine)
        packed.append([pack_shard(sampler, shard) for shard in sampler.plan.shards()])
    assert [shard.files for shard, _ in packed[0]] == [shard.files for shard, _ in packed[1]]
    assert [commit for _, commit in packed[0]] == [commit for _, commit in packed[1]]


def test_split_by_glyph_shares_writers(tiny_config, source):
    """The other way to split does not keep writers apart, so there the check has work to do."""
    sampler = open_sampler(tiny_config(source=source | {"split_by": "glyph"}, splits=SPLITS))
    with pytest.raises(SourceError, match=r"writer \d+: expected in one split"):
        pools.check_writers(sampler.pools)


def test_nothing_is_written_of_an_impossible_split(tiny_config, source, tmp_path):
    """Writers too few for three splits are refused before there is a folder."""
    Path(source["writers"]).write_text("".join(f"{max(i - 107, 0)}\n" for i in range(120)))
    with pytest.raises(SourceError, match=r"of every digit in"):
        build(tiny_config(source=source, splits=SPLITS), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_verification_finds_a_writer_of_two_splits(tiny_config, source, tmp_path, monkeypatch):
    """Verification reads the rows: if they had a writer in two splits, it would say so."""
    build(tiny_config(source=source, splits=SPLITS), tmp_path / "out")
    monkeypatch.setattr(shard_checks, "_list_writers", lambda plan, rows: (107,))
    found = [reason for _, reason in find_problems(tmp_path / "out")]
    assert found
    assert all("writer 107: expected in one split, got train as well" in it for it in found)


@pytest.mark.parametrize(
    ("column", "reason"),
    [("writers", "writers: not those of the glyphs"), ("hand", "hand: not the writer of the digi")],
)
def test_rows_that_lie(tiny_config, source, tmp_path, column, reason):
    """Rows that name another writer than the glyph's are found, whatever their digests say."""
    build(tiny_config(source=source, splits=SPLITS, hand={}), tmp_path / "out")
    sampler = open_output(Storage(str(tmp_path / "out")))
    shard = sampler.plan.splits["train"].shard(0)
    path = tmp_path / f"out/labels/train/{shard.name}.parquet"
    rows = shard_checks.read_labels(str(path), n_rows=shard.n_samples)
    place = rows.column_names.index(column)
    values = rows[column].to_pylist()
    values[0] = [values[0][0] + 1, *values[0][1:]] if column == "writers" else values[0] + 1
    changed = rows.set_column(place, rows.field(place), pa.array(values, rows.field(place).type))
    numbers = rows["number"].to_pylist()
    assert reason[:30] not in str(list(row_checks.check_glyphs(sampler, shard, rows, numbers)))
    assert reason in str(list(row_checks.check_glyphs(sampler, shard, changed, numbers)))


def test_plan_carries_what_was_asked(tiny_config, source, tmp_path):
    """A dataset of another split or hand is another; without either the plan says nothing of it."""
    build(tiny_config(source=source, splits=SPLITS), tmp_path / "out")
    inputs = json.loads((tmp_path / "out/.build/plan.json").read_text())["inputs"]
    assert inputs["source"]["split_by"] == "writer"
    assert "hand" not in inputs
    with pytest.raises(OutputError, match="hand: null there, "):
        build(tiny_config(source=source, splits=SPLITS, hand={"same": 0.5}), tmp_path / "out")
    other = tiny_config(source=source | {"split_by": "glyph"}, splits=SPLITS)
    with pytest.raises(OutputError, match=r"source.split_by: "):
        build(other, tmp_path / "out")
