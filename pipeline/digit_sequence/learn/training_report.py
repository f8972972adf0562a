"""The files that a finished training run leaves: what its best weights read, and what they miss."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from digit_sequence.base.files import open_new
from digit_sequence.learn.devices import describe_machine
from digit_sequence.learn.doubtful import measure_both, open_doubtful
from digit_sequence.learn.evaluation import read_split
from digit_sequence.learn.report import draw_curve, draw_mistakes, write_markdown
from digit_sequence.learn.training import Run
from digit_sequence.read.split import Split
from digit_sequence.read.splits import Splits


def _list_splits(run: Run, others: Mapping[str, Splits]) -> dict[str, tuple[Splits, Split]]:
    """Return what a report reads: val, test, and the tests of others, each with its dataset."""
    splits = {name: (run.dataset, run.dataset[name]) for name in ("val", "test")}
    return splits | {f"test of {name}": (other, other["test"]) for name, other in others.items()}


def count_read_samples(run: Run, others: Mapping[str, Splits]) -> int:
    """Return how many samples `write_report` reads."""
    return sum(len(split) for _, split in _list_splits(run, others).values())


def write_report(
    run: Run,
    others: Mapping[str, Splits],
    on_batch: Callable[[int], None] = lambda _samples: None,
) -> dict[str, Any]:
    """Read val, test, and the tests of other datasets with the best weights; write the report.

    Parameters
    ----------
    run : Run
    others : mapping of str to Splits
        By name.
    on_batch : callable
        Called with the samples of each batch that is read.
    """
    model = run.load_best()
    results: dict[str, Any] = {}
    mistakes, remarks = None, []
    for name, (dataset, split) in _list_splits(run, others).items():
        _, reading = read_split(model, split, on_batch)
        is_doubtful = np.zeros(len(split), np.bool_)
        if split.name == "test" and (doubtful := open_doubtful(dataset)):
            is_doubtful = doubtful.find(split.labels(["glyph_ids"])["glyph_ids"].to_pylist())
            remarks.append(doubtful.describe(name, int(is_doubtful.sum())))
        results |= measure_both(name, reading, is_doubtful)
        if name == "test":
            mistakes = draw_mistakes(split, reading)
    progress = run.progress
    report = {
        "dataset": {"uri": run.dataset.uri, "fingerprint": run.dataset.fingerprint},
        "options": asdict(run.options),
        "train_samples": len(run.train),
        "parameters": sum(weights.numel() for weights in model.parameters()),
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        "seconds": round(progress.seconds, 1),
        "cpu_seconds": round(progress.cpu_seconds, 1),
        "machine": describe_machine(run.device),
        "results": results,
        "history": progress.history,
        "doubtful": remarks,
        "has_mistakes": mistakes is not None,
    }
    files = {
        "report.json": (json.dumps(report, indent=1) + "\n").encode(),
        "report.md": write_markdown(report).encode(),
        "curve.png": draw_curve(progress.history, progress.curve),
    }
    if mistakes is not None:
        files["mistakes.png"] = mistakes
    for name, content in files.items():
        with open_new(run.folder / name) as file:
            file.write(content)
    return report


def list_results(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return what was read, and how well, as a table without remarks."""
    rows: list[tuple[str, ...]] = [("read", "samples", "exact match", "character error rate", "")]
    for name, result in report["results"].items():
        rates = (f"{result['exact_match']:.2%}", f"{result['character_error_rate']:.2%}")
        rows.append((name, f"{result['samples']:,}", *rates, ""))
    return rows
