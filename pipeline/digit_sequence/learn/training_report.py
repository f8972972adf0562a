"""The files that a finished training run leaves: what its best weights read, and what they miss."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from digit_sequence.base.files import open_new
from digit_sequence.learn.devices import describe_machine
from digit_sequence.learn.doubtful import measure_both, open_doubtful
from digit_sequence.learn.evaluation import read_split
from digit_sequence.learn.report import draw_curve, draw_mistakes, write_markdown
from digit_sequence.learn.training import Run
from digit_sequence.read.splits import Splits


def write_report(run: Run, others: Mapping[str, Splits]) -> dict[str, Any]:
    """Read val, test, and the tests of other datasets with the best weights; write the report."""
    model = run.load_best()
    datasets = {"val": run.dataset, "test": run.dataset}
    datasets |= {f"test of {name}": other for name, other in others.items()}
    results: dict[str, Any] = {}
    mistakes, remarks = None, []
    for name, dataset in datasets.items():
        split = dataset["val" if name == "val" else "test"]
        _, reading = read_split(model, split)
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


def summarize(report: Mapping[str, Any]) -> Sequence[str]:
    """Return a line for each result, then what is to be said of doubtful digits."""
    lines = [
        f"{name:24} {result['samples']:8,} samples   exact match {result['exact_match']:7.2%}   "
        f"character error rate {result['character_error_rate']:.3%}"
        for name, result in report["results"].items()
    ]
    return [*lines, *report["doubtful"]]
