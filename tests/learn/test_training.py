"""The reference training job: it learns, goes on where it stopped, and reports what is true."""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from builds import ROOT, build
from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.live.dataset import open_config
from digit_sequence.read.dataset import open_dataset
from servers import wait_until

torch = pytest.importorskip("torch", reason="needs the extra torch")
from digit_sequence.learn import programs, training  # noqa: E402
from digit_sequence.learn.batches import count_classes  # noqa: E402
from digit_sequence.learn.checkpoints import load_weights  # noqa: E402
from digit_sequence.learn.checks import check_other  # noqa: E402
from digit_sequence.learn.evaluation import compute_loss, load_batches, read_split  # noqa: E402
from digit_sequence.learn.network import (  # noqa: E402
    NETWORKS,
    brighten_ink,
    count_all_steps,
    count_steps,
    make_recognizer,
)
from digit_sequence.learn.records import TrainOptions  # noqa: E402
from digit_sequence.learn.report import Reading, count_edits, draw_mistakes, measure  # noqa: E402
from digit_sequence.learn.training import Run, train  # noqa: E402
from digit_sequence.learn.training_report import list_results, write_report  # noqa: E402

pytestmark = pytest.mark.extras
OPTIONS = TrainOptions(epochs=3, batch_size=8, seed=1)


def make_config(tiny_config, n_train):
    """Return a config of numbers of one and two digits: some to learn, some to test on."""
    numbers = {"random": {"lengths": [1, 2], "balance": True}}
    sizes = {"train": n_train, "val": 9, "test": 11}
    splits = {name: {"numbers": numbers, "samples": size} for name, size in sizes.items()}
    return tiny_config(splits=splits, canvas={"width": 72})


@pytest.fixture(scope="module")
def folder(tiny_config, tmp_path_factory):
    """Build 48 numbers to learn."""
    out = tmp_path_factory.mktemp("train")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGIT_SEQUENCE_CACHE", str(out / "cache"))
        build(make_config(tiny_config, 48), out / "dataset")
    return out / "dataset"


@pytest.fixture(scope="module")
def dataset(folder):
    """Return the dataset to learn."""
    return open_dataset(folder)


def finish(run):
    """Train to the end."""
    return list(train(run, lambda _samples: None))


def weights(run):
    """Return all weights of a run."""
    return torch.cat([value.flatten().double() for value in run.model.state_dict().values()])


@pytest.fixture(scope="module")
def finished(dataset, tmp_path_factory):
    """Return a finished run, to read only."""
    run = Run(dataset, tmp_path_factory.mktemp("run"), OPTIONS)
    finish(run)
    return run


# -- network ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("shape", [(32, 192), (28, 160), (64, 100), (8, 41), (32, 33)])
def test_steps_are_as_counted(shape, network):
    """Images of any size become the steps that are counted, probabilities at each."""
    with torch.inference_mode():
        scores = make_recognizer(network=network).eval()(torch.rand(2, 1, *shape))
    assert scores.shape == (2, count_steps(*shape), 11)
    torch.testing.assert_close(scores.exp().sum(-1), torch.ones(scores.shape[:2]))


def test_bright_paper_is_read_as_dark_paper(dataset):
    """An image and its negative are read alike, beside wider images as well."""
    images = torch.tensor(dataset["val"][0].image[None, None] / 255.0, dtype=torch.float32)
    height, width = images.shape[2:]
    model = make_recognizer().eval()
    with torch.inference_mode():
        torch.testing.assert_close(model(1 - images), model(images), rtol=1e-5, atol=1e-5)
    wider = torch.zeros(2, 1, height, 3 * width)
    wider[0, ..., :width], wider[1, ..., ::5] = 1 - images[0], 1
    found = brighten_ink(wider, torch.tensor([width, 3 * width]))
    torch.testing.assert_close(found[:1, ..., :width], images)
    assert not found[0, ..., width:].any()
    assert found[1].equal(wider[1])


def test_signs_are_classes(tiny_config, tmp_path):
    """A dataset with signs teaches them: weights say which, and are read back; others refuse it."""
    splits = {
        name: {"numbers": {"values": ["1,5", "-2", "7 %"]}, "samples": 6}
        for name in ("train", "val", "test")
    }
    build(tiny_config(splits=splits, canvas={"height": 32, "width": 96}), tmp_path / "out")
    signed = open_dataset(tmp_path / "out")
    run = Run(signed, tmp_path / "run", TrainOptions(epochs=1, batch_size=6))
    finish(run)
    model, taught = load_weights(tmp_path / "run/best.pt")
    assert taught.alphabet == signed.alphabet == "0123456789,-% "
    assert model(torch.rand(1, 1, 32, 96)).shape[2] == count_classes(signed.alphabet) == 26
    with pytest.raises(ConfigError, match=r"of it, 0 1 .* 9, got , - % and space as well"):
        check_other("it", 32, "0123456789", signed)
    check_other("it", 32, signed.alphabet, signed)
    with pytest.raises(ConfigError, match="expected images of 28 rows, those of it, got 32"):
        check_other("it", 28, signed.alphabet, signed)


def test_same_seed_same_weights(dataset, finished, tmp_path):
    """Two runs with the same options end with the same weights; another seed with others."""
    again = Run(dataset, tmp_path / "again", OPTIONS)
    finish(again)
    assert torch.equal(weights(again), weights(finished))
    other = Run(dataset, tmp_path / "other", TrainOptions(seed=2))
    assert not torch.equal(weights(other), weights(finished))


def test_config_teaches_as_its_build_does(tiny_config, dataset, finished, tmp_path):
    """Drawn while the network learns, a config ends with the weights that its build gives.

    A run that was begun with either goes on with the other.
    """
    drawn = open_config(make_config(tiny_config, 48))
    run = Run(drawn, tmp_path / "drawn", OPTIONS)
    run.train_epoch(lambda _samples: None)
    assert run.progress.epoch == 1
    resumed = Run(dataset, tmp_path / "drawn", OPTIONS)
    finish(resumed)
    whole = Run(drawn, tmp_path / "whole", OPTIONS)
    finish(whole)
    for other in (resumed, whole):
        assert torch.equal(weights(other), weights(finished))
    assert write_report(whole, {})["results"] == write_report(finished, {})["results"]


def test_config_without_end(tiny_config, tmp_path, monkeypatch):
    """With samples: null every epoch shows samples that none has shown; val and test stay."""
    shown = []
    step = Run._step
    monkeypatch.setattr(
        Run, "_step", lambda run, batch: shown.append(batch.keys) or step(run, batch)
    )
    endless = open_config(make_config(tiny_config, None), epoch_samples=20)
    run = Run(endless, tmp_path, OPTIONS)
    finish(run)
    assert [len(keys) for keys in shown] == [8, 8, 4] * 3
    assert len({key for keys in shown for key in keys}) == 60
    with pytest.raises(OutputError, match=r"samples: \{'train': 20, .*\} there, \{'train': 21"):
        Run(open_config(make_config(tiny_config, None), epoch_samples=21), tmp_path, OPTIONS)


def test_learns_by_heart(dataset, tmp_path):
    """Some epochs on a few samples, and the network has learned to read them."""
    options = TrainOptions(epochs=200, batch_size=8, limit=16, patience=200, learning_rate=4e-3)
    run = Run(dataset, tmp_path, options)
    finish(run)
    _, reading = read_split(run.model, run.train)
    assert reading.truths == dataset["train"][:16].labels(["number"])["number"].to_pylist()
    assert reading.predictions == reading.truths


# -- running ---------------------------------------------------------------------------------------


class StoppedError(Exception):
    """Raised in the middle of an epoch."""


def test_stopped_run_goes_on(dataset, finished, tmp_path, monkeypatch):
    """Stopped after any batch and begun again, a run ends with the weights of one that was not.

    An epoch has 6 batches of 8 samples of train, then one of 9 of val.
    """
    monkeypatch.setattr("digit_sequence.learn.training.CHECKPOINT_SECONDS", 0.0)
    for stop, seen in ((1, 8), (5, 40), (6, 48), (9, 48 + 9 + 16)):
        count = 0

        def on_batch(_samples, stop=stop):
            nonlocal count
            count += 1
            if count > stop:
                raise StoppedError

        with pytest.raises(StoppedError):
            list(train(Run(dataset, tmp_path / str(stop), OPTIONS), on_batch))
        resumed = Run(dataset, tmp_path / str(stop), OPTIONS)
        assert resumed.done_samples == seen
        finish(resumed)
        assert torch.equal(weights(resumed), weights(finished))
        for entry, expected in zip(
            resumed.progress.history, finished.progress.history, strict=True
        ):
            assert entry == pytest.approx(expected | {"seconds": entry["seconds"]})
        np.testing.assert_allclose(resumed.progress.curve, finished.progress.curve, rtol=1e-6)


def test_curve(finished):
    """The learning curve covers all epochs, and its loss is that of the epochs."""
    epochs, losses = np.array(finished.progress.curve).T
    assert (np.diff(epochs) > 0).all()
    assert epochs[-1] == OPTIONS.epochs
    assert losses.min() < finished.progress.history[-1]["train_loss"] < losses.max()


def test_finished_run_is_not_trained_again(dataset, finished):
    """The same command on a finished run only reports."""
    again = Run(dataset, finished.folder, OPTIONS)
    assert again.is_finished
    assert finish(again) == []
    assert torch.equal(weights(again), weights(finished))


def test_stops_early(dataset, tmp_path):
    """When val is read no better for a while, the run ends; the last weights as good are kept."""
    options = TrainOptions(epochs=50, batch_size=8, patience=2, learning_rate=0.0)
    run = Run(dataset, tmp_path, options)
    finish(run)
    assert (run.progress.epoch, run.progress.best_epoch) == (3, 3)
    assert (tmp_path / "best.pt").exists()


def test_later_weights_are_kept_where_val_cannot_tell(dataset, tmp_path, monkeypatch):
    """Of 9 val numbers few fewer right may be chance, and later weights are kept; none is not."""
    shares = iter(np.array([5, 4, 8, 7, 0, 9, 8]) / 9)
    monkeypatch.setattr(training, "measure", lambda _reading: {"exact_match": next(shares)})
    run = Run(dataset, tmp_path, replace(OPTIONS, epochs=9))
    kept = []
    for _ in range(7):
        run.train_epoch(lambda _samples: None)
        kept.append(run.progress.best_epoch)
    assert kept == [1, 2, 3, 4, 4, 6, 6]


def test_fine_network_in_bfloat16(dataset, tmp_path, monkeypatch):
    """It learns, goes on as it was, and its weights say which network they are of."""
    options = replace(OPTIONS, network="fine", bfloat16=True)
    Run(dataset, tmp_path / "run", options).train_epoch(lambda _samples: None)
    resumed = Run(dataset, tmp_path / "run", options)
    finish(resumed)
    run = Run(dataset, tmp_path / "whole", options)
    finish(run)
    assert torch.equal(weights(resumed), weights(run))
    losses = [entry["train_loss"] for entry in run.progress.history]
    assert losses[-1] < losses[0]
    assert all(parameter.dtype == torch.float32 for parameter in run.model.parameters())
    assert run.load_best().network == "fine"
    with pytest.raises(ConfigError, match=r"of the network fast, got those of fine; train with -"):
        Run(dataset, tmp_path / "other", OPTIONS, weights=tmp_path / "whole")
    with pytest.raises(ConfigError, match="network: expected fast or fine, got 'wide'"):
        TrainOptions(network="wide")
    monkeypatch.setattr("digit_sequence.learn.training.has_bfloat16", lambda _device: False)
    assert not Run(dataset, tmp_path / "old", options).options.bfloat16  # a CPU without


def test_progress_counts_what_is_learned_from_and_read(folder, tmp_path):
    """All samples of train and val are counted, epoch by epoch; then those that are read."""
    shown = []

    @contextmanager
    def show_progress(total):
        done = []
        yield lambda samples, _is_new: done.append(samples)
        shown.append((total, sum(done)))

    for _ in range(2):
        programs.train(
            folder,
            tmp_path,
            also=[str(folder)],
            epochs=2,
            batch_size=8,
            show_progress=show_progress,
        )
    assert shown == [(2 * (48 + 9), 2 * (48 + 9)), (9 + 11 + 11, 9 + 11 + 11)] * 2


def test_foreign_files_are_not_replaced(dataset, tmp_path):
    """A folder with a report of somebody else is no place for a run, but with --overwrite."""
    (tmp_path / "report.md").write_text("mine")
    with pytest.raises(OutputError, match=r"holds report.md but no last.pt of a run; choose"):
        Run(dataset, tmp_path, OPTIONS)
    assert (tmp_path / "report.md").read_text() == "mine"
    Run(dataset, tmp_path, OPTIONS, overwrite=True)


def test_loss_is_that_of_each_sample(dataset):
    """The loss of a batch is the loss of its samples, each alone."""
    from digit_sequence.learn.streams import NumberDataset, collate

    model = make_recognizer().eval()
    examples = NumberDataset(dataset["val"]).__getitems__([0, 1, 2])
    with torch.inference_mode():
        together, *alone = (
            compute_loss(
                model(batch.images), count_all_steps(batch.images, batch.input_widths), batch
            )
            for batch in map(collate, [examples, *([example] for example in examples)])
        )
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-4)


def test_batches_are_read_ahead(dataset):
    """Batches come in order; the next one, and no more, is read while one is used."""
    split, asked = dataset["val"], []

    class Batches:
        def __iter__(self):
            for first in (0, 2, 4):
                asked.append(first)
                yield [first, first + 1]

        def __len__(self):
            return 3

    batches = load_batches(split, batch_sampler=Batches())
    read = next(batches).numbers
    wait_until(lambda: len(asked) == 2)
    read += next(batches).numbers + next(batches).numbers
    assert read == [sample.number for sample in split[:6]]
    with pytest.raises(StopIteration):
        next(batches)


def test_failure_to_read_is_raised(dataset):
    """What a split raises ends the batches."""
    with pytest.raises(IndexError):
        list(load_batches(dataset["val"], batch_sampler=[[0], [len(dataset["val"])]]))


# -- refusals --------------------------------------------------------------------------------------


def test_other_options_are_refused(dataset, finished):
    """A folder with a run of other options is not gone on with; what differs is listed."""
    with pytest.raises(OutputError, match=r"holds another run(?s:.)*batch_size: 8 there, 4 here"):
        Run(dataset, finished.folder, TrainOptions(epochs=3, batch_size=4, seed=1))


def test_broken_checkpoint_is_named(dataset, tmp_path):
    """A checkpoint that is none is named."""
    (tmp_path / "last.pt").write_bytes(b"no checkpoint")
    with pytest.raises(OutputError, match=r"last\.pt: expected a checkpoint"):
        Run(dataset, tmp_path, OPTIONS)


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("kind", ["zip", "old", "pickle", "inside"])
@pytest.mark.parametrize("name", ["last.pt", "best.pt"])
def test_checkpoint_runs_no_code(dataset, tmp_path, name, kind):
    """A checkpoint, or weights, that would run code when they are read are refused."""
    run = Run(dataset, tmp_path, OPTIONS)
    run.save()
    content = torch.load(tmp_path / "last.pt", weights_only=True)
    evil = Evil(tmp_path / "ran")
    if kind == "pickle":
        (tmp_path / name).write_bytes(pickle.dumps(evil))
    else:
        torch.save(
            content | {"model": evil} if kind == "inside" else evil,
            tmp_path / name,
            _use_new_zipfile_serialization=kind != "old",
        )
    with pytest.raises(OutputError, match=rf"{name}: expected a checkpoint") as caught:
        _ = Run(dataset, tmp_path, OPTIONS) if name == "last.pt" else run.load_best()
    assert "weights_only" not in str(caught.value)  # no advice to switch it off
    assert not (tmp_path / "ran").exists()


def _spoil(content, what):
    """Return a checkpoint with something in it that no run writes."""
    huge = torch.zeros(1).expand(1 << 40)
    parts = {
        "nothing": {},
        "list": [1, 2],
        "progress": content | {"progress": {"epoch": "many"}},
        "unknown": content | {"progress": {"years": 1}},
        "history": content | {"progress": content["progress"] | {"history": [{"epoch": 1}]}},
        "identity": content | {"identity": 7},
        "huge": content | {"model": dict.fromkeys(content["model"], huge)},
        "names": content | {"model": {"x": huge}},
        "moments": content
        | {
            "optimizers": [
                content["optimizers"][0] | {"state": {0: {"momentum_buffer": huge}}},
                content["optimizers"][1],
            ]
        },
        "groups": content | {"optimizers": [{"state": {}, "param_groups": []}] * 2},
        "optimizers": content | {"optimizers": content["optimizers"][:1]},
        "random": content | {"random_state": torch.zeros(3)},
    }
    return parts[what]


@pytest.mark.parametrize(
    "what",
    [
        "nothing",
        "list",
        "progress",
        "unknown",
        "history",
        "identity",
        "huge",
        "names",
        "moments",
        "groups",
        "optimizers",
        "random",
    ],
)
def test_spoiled_checkpoint_is_named(dataset, tmp_path, what):
    """A checkpoint with anything else than a run writes is one message."""
    Run(dataset, tmp_path, OPTIONS).save()
    content = torch.load(tmp_path / "last.pt", weights_only=True)
    torch.save(_spoil(content, what), tmp_path / "last.pt")
    with pytest.raises(OutputError, match=r"last\.pt: expected a checkpoint of this program"):
        Run(dataset, tmp_path, OPTIONS)


def test_bombs_are_refused(dataset, tmp_path):
    """What says it is large, or is compressed, is not read; nor is what is no file."""
    path = tmp_path / "last.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1 << 20))
    with pytest.raises(OutputError, match="it is compressed"):
        Run(dataset, tmp_path, OPTIONS)
    torch.save(torch.zeros(1 << 25), path)
    with pytest.raises(OutputError, match="larger than 67,108,864 bytes"):
        Run(dataset, tmp_path, OPTIONS)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OutputError, match="it is no file"):
        Run(dataset, tmp_path, OPTIONS)


def test_rank_of_the_machine_is_not_asked(dataset, tmp_path, monkeypatch):
    """The reference job trains on everything, whatever a cluster sets."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert len(Run(dataset, tmp_path, OPTIONS).sampler) == 6


def test_dataset_without_val_is_refused(built, tmp_path):
    """All three splits are needed; nothing is written."""
    with pytest.raises(ConfigError, match="needs the splits train, val and test, got none of val"):
        Run(open_dataset(built(container="webdataset")), tmp_path / "run", OPTIONS)
    assert not (tmp_path / "run").exists()


def test_narrow_images_are_refused(tiny_config, tmp_path):
    """Images with fewer steps than CTC needs are refused before training."""
    numbers = {"values": ["0123456789"]}
    splits = {
        name: {"numbers": numbers, "samples_per_number": 2} for name in ("train", "val", "test")
    }
    build(tiny_config(splits=splits, canvas={"height": 28, "width": 40}), tmp_path / "dataset")
    with pytest.raises(ConfigError, match="two steps of the network for each of 10 char"):
        Run(open_dataset(tmp_path / "dataset"), tmp_path / "run", OPTIONS)


# -- reports ---------------------------------------------------------------------------------------


def test_measures_by_hand():
    """Exact match and character error rate of a few readings, worked out by hand."""
    reading = Reading(["007", "42", "9", "9"], ["07", "42", "", "9"], [0.5, 0.9, 0.1, 1.0])
    result = measure(reading)
    assert (result["samples"], result["exact_match"]) == (4, 0.5)
    assert result["character_error_rate"] == pytest.approx(2 / 7)
    assert list(result["by_length"]) == ["1", "2", "3"]
    assert result["by_length"]["1"] == {
        "samples": 2,
        "exact_match": 0.5,
        "character_error_rate": 0.5,
    }
    assert result["by_length"]["3"]["character_error_rate"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("truth", "prediction", "edits"),
    [("", "", 0), ("12", "", 2), ("", "12", 2), ("0123", "123", 1), ("12", "21", 2), ("7", "1", 1)],
)
def test_edits_by_hand(truth, prediction, edits):
    """Insertions, deletions and substitutions count one each."""
    assert count_edits(truth, prediction) == count_edits(prediction, truth) == edits


def test_report_says_what_was_measured(finished, dataset):
    """JSON, Markdown and pictures are written, and agree with reading the splits again."""
    report = write_report(finished, {"other": dataset})
    assert json.loads((finished.folder / "report.json").read_text()) == report
    _, reading = read_split(finished.load_best(), dataset["test"])
    assert report["results"]["test"] == measure(reading)
    assert report["results"]["test of other"] == report["results"]["test"]
    assert report["results"]["val"]["exact_match"] == max(
        entry["val_exact_match"] for entry in report["history"]
    )
    text = (finished.folder / "report.md").read_text()
    test = report["results"]["test"]
    assert f"| all | 11 | {test['exact_match']:.2%} | {test['character_error_rate']:.2%} |" in text
    assert [row[0] for row in list_results(report)] == ["read", *report["results"]]
    for name in ("curve.png", "mistakes.png"):
        with Image.open(finished.folder / name) as picture:
            assert picture.size[0] > 500


def test_mistakes_are_drawn(dataset):
    """The picture has a tile for each mistake; without mistakes there is none."""
    test = dataset["test"]
    truths = test.labels(["number"])[0].to_pylist()
    assert draw_mistakes(test, Reading(truths, truths, [1.0] * 11)) is None
    one = draw_mistakes(test, Reading(truths, ["", *truths[1:]], [0.5] * 11))
    all_wrong = draw_mistakes(test, Reading(truths, [""] * 11, [0.5] * 11))
    heights = [Image.open(io.BytesIO(picture)).size[1] for picture in (one, all_wrong)]
    assert heights[0] < heights[1]


# -- command line ----------------------------------------------------------------------------------


def test_killed_command_goes_on(folder, tmp_path):
    """The command, killed in training and given again, finishes and reports."""
    arguments = ["-m", "digit_sequence", "train", folder, "-o", tmp_path / "run", "--epochs", "30"]
    command = [sys.executable, *map(str, arguments), "--batch-size", "8", "--patience", "30"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while "epoch 2" not in process.stderr.readline():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "epoch 1 of 30" not in done.stderr
    assert "epoch 30 of 30" in done.stderr
    assert "test " in done.stdout
    assert (tmp_path / "run/report.md").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_device_that_is_not_there(dataset, tmp_path):
    """A GPU that is not there is asked for in vain, before anything is written."""
    with pytest.raises(ConfigError, match="--device cuda: expected a GPU that PyTorch can use"):
        Run(dataset, tmp_path / "run", OPTIONS, device="cuda")
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu(dataset, tmp_path):
    """A GPU learns, and what it learned is read anywhere; it goes on only with a GPU."""
    run = Run(dataset, tmp_path / "run", OPTIONS, device="cuda")
    entries = list(train(run, lambda _samples: None))
    assert entries[-1]["train_loss"] < entries[0]["train_loss"]
    assert next(run.load_best().parameters()).device.type == "cpu"
    with pytest.raises(OutputError, match="device: 'cuda' there, 'cpu' here"):
        Run(dataset, tmp_path / "run", OPTIONS)


def test_weights_to_begin_with(dataset, finished, tmp_path):
    """A run begins with what another has learned, goes on with nothing else, and keeps to it."""
    first = Run(dataset, tmp_path / "more", OPTIONS, weights=finished.folder)
    begun, known = first.model.state_dict(), finished.load_best().state_dict()
    assert all(torch.equal(begun[name], known[name]) for name in known)
    first.save()
    Run(dataset, tmp_path / "more", OPTIONS, weights=finished.folder / "best.pt")
    with pytest.raises(OutputError, match=r"weights: '\w{64}' there, '' here"):
        Run(dataset, tmp_path / "more", OPTIONS)


def test_weights_of_other_characters(dataset, finished, tiny_config, tmp_path):
    """Weights that do not know the characters of a dataset, or are none, are refused."""
    splits = {
        name: {"numbers": {"values": ["1,5"]}, "samples": 4} for name in ("train", "val", "test")
    }
    build(tiny_config(splits=splits, canvas={"width": 72}), tmp_path / "signed")
    signed = open_dataset(tmp_path / "signed")
    with pytest.raises(ConfigError, match="expected weights that know the characters of the data"):
        Run(signed, tmp_path / "run", OPTIONS, weights=finished.folder)
    with pytest.raises(OutputError, match=r"name the best\.pt of a run"):
        Run(dataset, tmp_path / "run", OPTIONS, weights=tmp_path)
    assert not (tmp_path / "run").exists()
