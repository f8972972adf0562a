"""Ablations: trainings that differ in one thing, told with what is sure of it."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from builds import ROOT, build, read_tree, write_config
from digit_sequence.cli.program import main
from digit_sequence.read.dataset import open_dataset

torch = pytest.importorskip("torch", reason="needs the extra torch")
from digit_sequence.learn.ablation import Outcome  # noqa: E402
from digit_sequence.learn.ablation_report import (  # noqa: E402
    compare_variants,
    make_report,
    write_tables,
)
from digit_sequence.learn.evaluation import read_split  # noqa: E402
from digit_sequence.learn.intervals import compare_rates, estimate_mean  # noqa: E402
from digit_sequence.learn.records import TrainOptions  # noqa: E402
from digit_sequence.learn.report import Reading, measure  # noqa: E402
from digit_sequence.learn.training import Run, train  # noqa: E402

pytestmark = pytest.mark.extras
BUDGET = ("--epochs", "1", "--batch-size", "8", "--scheduler", "synchronous")
LEFT_OUT = ("--without", "shear", "--without", "all=glyph,noise")


@pytest.fixture(scope="module")
def config(tiny_config, tmp_path_factory):
    """Write a config of a few samples with three transforms."""
    numbers = {"random": {"lengths": [1, 2], "balance": True}}
    sizes = {"train": 24, "val": 5, "test": 7}
    splits = {name: {"numbers": numbers, "samples": size} for name, size in sizes.items()}
    tree = tiny_config(
        splits=splits,
        canvas={"width": 72},
        glyph={"shear": {"degrees": [-9, 9]}, "rotate": {"degrees": [-9, 9]}},
        line={"noise": {"sigma": [4, 9]}},
    )
    return write_config(tmp_path_factory.mktemp("config") / "small.yaml", tree)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Several threads wait for each other where cores are shared."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def ablate(*arguments, status=0):
    """Run the command."""
    result = CliRunner().invoke(main, ["ablate", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result


@pytest.fixture(scope="module")
def ablated(config, tmp_path_factory):
    """Run an ablation of three variants and two seeds; return its folder and what was shown."""
    out = tmp_path_factory.mktemp("ablation") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGIT_SEQUENCE_CACHE", str(out.parent / "cache"))
        return out, ablate(config, *LEFT_OUT, *BUDGET, "--seeds", "2", "-o", out)


def list_runs(out):
    """Return when the checkpoint of each run was written, in nanoseconds."""
    return {path.parent: path.stat().st_mtime_ns for path in out.glob("runs/*/*/last.pt")}


# -- the command -----------------------------------------------------------------------------------


def test_variants_differ_in_what_is_left_out(ablated):
    """Each dataset is that of the config, but for the transforms that it is without."""
    out, _ = ablated
    sections = {
        name: {**plan["glyph"], **plan["line"]}
        for name in ("base", "shear", "all")
        for plan in [json.loads((out / f"builds/{name}/.build/plan.json").read_text())["config"]]
    }
    assert {"shear", "rotate", "noise"} <= sections["base"].keys()
    assert sections["base"].keys() - sections["shear"].keys() == {"shear"}
    assert sections["base"].keys() - sections["all"].keys() == {"shear", "rotate", "noise"}
    numbers = {name: open_dataset(out / f"builds/{name}")["train"].labels() for name in sections}
    assert numbers["base"]["number"] == numbers["all"]["number"] == numbers["shear"]["number"]


def test_trainings_are_those_of_train(ablated, tmp_path):
    """Each run ends with the weights that a training of its own has, and reads base's test."""
    out, _ = ablated
    options = TrainOptions(epochs=1, batch_size=8, patience=1, seed=1)
    run = Run(open_dataset(out / "builds/shear"), tmp_path, options)
    list(train(run, lambda _samples: None))
    _, expected = read_split(run.load_best(), open_dataset(out / "builds/base")["test"])
    rows = pq.read_table(out / "readings.parquet").to_pylist()
    assert len(rows) == 3 * 2 * 7
    own = [row for row in rows if (row["variant"], row["seed"]) == ("shear", 1)]
    assert [row["number"] for row in own] == expected.truths
    assert [row["read"] for row in own] == expected.predictions
    assert [row["confidence"] for row in own] == pytest.approx(expected.confidences)
    assert {row["test"] for row in rows} == {"test"}


def test_report_says_what_was_read(ablated):
    """The tables, printed and written, and the CSV have the means of the readings."""
    out, shown = ablated
    rows = pq.read_table(out / "readings.parquet").to_pylist()
    found = list(csv.DictReader(io.StringIO((out / "ablation.csv").read_text())))
    assert {row["left_out"] for row in found} == {"nothing", "shear", "all"}
    for row in found:
        name = "base" if row["left_out"] == "nothing" else row["left_out"]
        own = [it for it in rows if it["variant"] == name]
        reading = Reading([it["number"] for it in own], [it["read"] for it in own], [])
        assert float(row["exact_match"]) == pytest.approx(measure(reading)["exact_match"])
        assert float(row["error_rate"]) == pytest.approx(measure(reading)["character_error_rate"])
        assert (row["seeds"], row["samples"]) == ("2", "7")
    page = (out / "ablation.md").read_text()
    title, _, *rows, end = shown.stdout.splitlines()
    assert title in page
    assert {*" ".join(rows).split()} <= {*page.split()}
    assert end.startswith("in ")
    assert "6 trainings, each 1 epoch of 24 samples in batches of 8" in page
    assert "without shear, seed 1: exact match of test" in shown.stderr
    with Image.open(out / "ablation.png") as picture:
        assert picture.size[0] > 500


def test_finished_trainings_are_not_repeated(config, ablated):
    """The same command again, another variant or seed, train what is missing alone."""
    out, shown = ablated
    before = list_runs(out)
    assert len(before) == 6
    again = ablate(config, *LEFT_OUT, *BUDGET, "--seeds", "2", "-o", out)
    assert again.stdout == shown.stdout
    assert list_runs(out) == before
    more = ablate(config, "--without", "noise", *BUDGET, "--seeds", "1", "-o", out)
    assert "1 seed each" in more.stdout
    after = list_runs(out)
    assert {path: after[path] for path in before} == before
    assert {path.relative_to(out).as_posix() for path in after.keys() - before.keys()} == {
        "runs/noise/0"
    }
    again = ablate(config, *LEFT_OUT, *BUDGET, "--seeds", "2", "-o", out)
    assert again.stdout == shown.stdout


def test_other_budgets_and_images_are_refused(config, ablated):
    """A folder with another ablation is left as it is; what differs is listed."""
    out, _ = ablated
    before = read_tree(out)
    shown = ablate(config, "--without", "shear", *BUDGET, "--limit", "8", "-o", out, status=2)
    assert "options.limit: None there, 8 here" in shown.stderr
    shown = ablate(*(config, "--without", "shear", *BUDGET, "-o", out, "--set", "seed=9"), status=2)
    assert "holds another ablation" in shown.stderr
    assert "builds.shear: " in shown.stderr
    assert shown.stderr.count("error: ") == 1
    assert read_tree(out) == before


def test_killed_ablation_goes_on(config, tmp_path, ablated):
    """Killed between trainings and given again, it ends with the readings of one that was not."""
    out, shown = ablated
    arguments = (config, *LEFT_OUT, *BUDGET, "--seeds", "2", "-o", tmp_path / "out")
    command = [sys.executable, "-m", "digit_sequence", "ablate", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while "1 of 6" not in process.stderr.readline():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    before = list_runs(tmp_path / "out")
    assert 1 <= len(before) < 6
    again = ablate(*arguments)
    assert again.stdout.partition("\nin ")[0] == shown.stdout.partition("\nin ")[0]
    first = tmp_path / "out/runs/base/0"
    assert list_runs(tmp_path / "out")[first] == before[first]
    assert pq.read_table(tmp_path / "out/readings.parquet").drop_columns("confidence") == (
        pq.read_table(out / "readings.parquet").drop_columns("confidence")
    )


def test_other_tests_and_crops(config, ablated, tmp_path):
    """Other datasets and crops are read in place of base's test; images as crops are read alike."""
    out, _ = ablated
    base = open_dataset(out / "builds/base")
    (tmp_path / "crops").mkdir()
    for sample in base["test"]:
        Image.fromarray(sample.image).save(tmp_path / "crops" / f"{sample.key}.png")
    tests = ("--test", out / "builds/all", "--crops", tmp_path / "crops", "--labels")
    shown = ablate(
        *(config, "--without", "shear", *BUDGET, "--seeds", "1", "-o", out, *tests),
        out / "builds/base",
    )
    assert "test of all: 7 samples, 1 seed each" in shown.stdout
    assert "crops: 7 samples, 1 seed each" in shown.stdout
    rows = pq.read_table(out / "readings.parquet").to_pylist()
    assert {(row["variant"], row["test"]) for row in rows} == {
        (variant, test) for variant in ("base", "shear") for test in ("test of all", "crops")
    }
    numbers = [row["number"] for row in rows if (row["variant"], row["test"]) == ("base", "crops")]
    assert numbers == base["test"].labels(["number"])["number"].to_pylist()


def test_overwritten_ablation_begins_anew(config, tmp_path):
    """With --overwrite runs and images of another ablation give way."""
    out = tmp_path / "out"
    short = (config, "--without", "shear", *BUDGET, "--seeds", "1", "-o", out)
    other = (*short, "--limit", "8", "--set", "seed=9")
    ablate(*short)
    ablate(*other, "--overwrite")
    before = list_runs(out)
    shown = ablate(*other)
    assert "each 1 epoch of 8 samples" in shown.stderr
    assert "built" not in shown.stderr
    assert list_runs(out) == before
    assert json.loads((out / "builds/shear/.build/plan.json").read_text())["config"]["seed"] == 9


@pytest.mark.parametrize("place", ["builds", "runs", "runs/shear", "builds/base"])
def test_links_in_the_folder_are_refused(config, tmp_path, place):
    """Nothing is built or trained through a link in the folder."""
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "out" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "out/ablation.json").write_text('{"options": {}, "builds": {}}')
    shown = ablate(config, "--without", "shear", *BUDGET, "-o", tmp_path / "out", status=2)
    assert "is a link" in shown.stderr
    assert not list((tmp_path / "elsewhere").iterdir())


# -- refusals --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def higher(tiny_config, tmp_path_factory):
    """Build a dataset with images of another size."""
    out = tmp_path_factory.mktemp("higher")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGIT_SEQUENCE_CACHE", str(out / "cache"))
        build(tiny_config(canvas={"height": 32}), out / "dataset")
    return out / "dataset"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "missing option '--without'"),
        (("--without", "blur"), "--without blur: expected what the config has, of"),
        (("--without", "shear", "--set", "canvas.width=8"), "wide enough for two steps"),
        (("--without", "shear", "--set", "splits.val=null"), "splits.val"),
        (("--without", "shear", "--crops", "crops"), "expected --crops and --labels together"),
        (("--without", "shear", "--crops", "crops", "--labels", "crops"), "nothing there"),
        (("--without", "shear", "--crops", "bad", "--labels", "bad.csv"), "1.png: expected"),
        (("--without", "shear", "--test", "lost"), "lost"),
        (("--without", "shear", "--test", "HIGHER"), "expected images of 28 rows, those of"),
        (("--without", "shear", "-o", "s3://bucket/x"), "expected a folder that is mounted here"),
        (("--without", "shear", "-o", "bad"), "expected an empty folder, or one of an ablation"),
        (("--without", "shear", "-o", "bad.csv"), "bad.csv: cannot be used"),
        (("--without", "shear", "-o", "bad.csv/out"), "bad.csv/out: cannot be used"),
        (("--without", "shear", "--scheduler", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_one_message(config, higher, tmp_path, monkeypatch, arguments, reason):
    """Whatever does not fit is said before anything is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/1.png").write_bytes(b"no image")
    (tmp_path / "bad.csv").write_text("file,number\n1.png,7\n")
    words = [str(higher) if word == "HIGHER" else word for word in arguments]
    before = read_tree(tmp_path)
    shown = ablate(config, *BUDGET, "-o", "out", *words, status=2)
    assert reason in shown.stderr
    assert "Traceback" not in shown.output
    assert {path: it for path, it in read_tree(tmp_path).items() if "cache/" not in path} == before


@pytest.mark.parametrize("text", ["", "[]", '{"options": {}}', '{"options": 1, "builds": {}}'])
def test_spoiled_record_is_named(config, tmp_path, text):
    """A record that no ablation has written is one message."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/ablation.json").write_text(text)
    shown = ablate(config, "--without", "shear", *BUDGET, "-o", tmp_path / "out", status=2)
    assert "ablation.json: expected what an ablation has written" in shown.stderr


# -- the report ------------------------------------------------------------------------------------


def make_outcomes():
    """Return readings of four numbers by two variants with two seeds, worked out by hand."""
    truths = ["12", "3", "456", "78"]
    read = {
        ("base", 0): ["12", "3", "456", "78"],
        ("noise", 0): ["12", "8", "456", "78"],
        ("base", 1): ["12", "3", "45", "78"],
        ("noise", 1): ["12", "8", "5", "78"],
    }
    return [
        Outcome(name, seed, {"test": Reading(truths, numbers, [1.0] * 4)}, 60.0, 90.0)
        for (name, seed), numbers in read.items()
    ]


def test_comparison_by_hand():
    """Means and changes are those of the readings, pair by pair."""
    base, noise = compare_variants(make_outcomes())
    assert (base.left_out, base.exact_match.mean, base.exact_match_change) == (
        "nothing",
        0.875,
        None,
    )
    assert (base.seeds, base.samples, base.error_rate.mean) == (2, 4, 1 / 16)
    assert (noise.left_out, noise.exact_match.mean) == ("noise", 0.625)
    changes = np.array([[0, -1, 0, 0], [0, -1, 0, 0]], float)
    assert noise.exact_match_change == estimate_mean(changes)
    edits = np.array([[0, 1, 0, 0], [0, 1, 2, 0]], float)
    others = np.array([[0, 0, 0, 0], [0, 0, 1, 0]], float)
    assert noise.error_rate_change == compare_rates(edits, others, np.array([2.0, 1, 3, 2]))
    assert noise.error_rate_change.mean == pytest.approx(3 / 16)


def test_tables_by_hand():
    """A table has a line for each variant, its columns one under the other."""
    lines = write_tables(compare_variants(make_outcomes())).splitlines()
    assert lines[0] == "test: 4 samples, 2 seeds each"
    assert len({len(line) for line in lines[2:]}) == 1
    assert lines[4].startswith("| nothing  | ")
    assert " 87.50 (" in lines[4]
    assert lines[5].startswith("| noise    | ")
    assert " -25.00 (" in lines[5]


def test_networks_that_read_nothing_are_told_of():
    """A change between networks that read no number is none of 0.00: they are to train longer."""

    def write(read):
        outcomes = [
            Outcome(name, 0, {"test": Reading(["12", "3"], numbers, [1.0] * 2)}, 1.0, 1.0)
            for name, numbers in read.items()
        ]
        return write_tables(compare_variants(outcomes))

    blank = write({"base": ["", ""], "noise": ["", ""], "page": ["1", ""]})
    assert "no training reads a number right yet: train longer (--epochs)" in blank
    noise, page = (line for line in blank.splitlines() if line.startswith(("| noise", "| page")))
    assert "neither reads a number" in noise
    assert "neither reads a number" in page
    assert "+0.00" not in noise
    assert " -33.33 (" in page
    mixed = write({"base": ["", "3"], "noise": ["", ""]})
    assert "train longer" not in mixed
    assert "neither" not in mixed


def test_seeds_are_a_count(config, tmp_path):
    """--seeds is how many, as its help says; a list is refused."""
    result = ablate(config, *LEFT_OUT, "--seeds", "0,1", "-o", tmp_path / "out", status=2)
    assert "'0,1' is not a valid integer range" in result.stderr
    assert "Train each N times, with the seeds 0 to N - 1." in ablate("--help").stdout


def test_sure_changes_are_bold():
    """A change whose interval leaves 0 out is in bold; the page has the time of all trainings."""
    truths = [str(number) for number in range(100, 140)]
    wrong = ["7" for _ in truths]
    outcomes = [
        Outcome(name, seed, {"crops": Reading(truths, numbers, [1.0] * 40)}, 60.0, 90.0)
        for seed in range(2)
        for name, numbers in (("base", truths), ("page", wrong))
    ]
    page = make_report("Title", "1 epoch", outcomes)["ablation.md"].decode()
    assert "**-100.00** (-100.00 to -100.00)" in page
    assert "4.0 minutes (6.0 minutes of processor time)" in page
