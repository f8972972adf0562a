"""What a training run says about itself: measures, tables, a learning curve, surest mistakes."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from digit_sequence.base.text import count_things, describe_duration
from digit_sequence.look.preview import Tile, draw_sheet
from digit_sequence.read.split import Split

WORST = 40
"""Mistakes shown."""


@dataclass(frozen=True)
class Reading:
    """What a network read in the samples of a split."""

    truths: list[str]
    predictions: list[str]
    confidences: list[float]
    """Probability of the number, over all paths, 0 to 1."""

    def choose(self, is_chosen: NDArray[np.bool_]) -> Reading:
        """Return what was read in some of the samples."""
        return Reading(
            [*compress(self.truths, is_chosen)],
            [*compress(self.predictions, is_chosen)],
            [*compress(self.confidences, is_chosen)],
        )


def find_edits(truth: str, prediction: str) -> list[tuple[str, str]]:
    """Return the fewest edits that make a prediction of a truth (Levenshtein), in their order.

    Each is (digit, what it was read as); the one is empty where a digit was put in, the other
    where it was left out.

    >>> find_edits("007", "07"), find_edits("123", "1423"), find_edits("12", "17")
    ([('0', '')], [('', '4')], [('2', '7')])
    """
    table = [list(range(len(prediction) + 1))]  # edits of the first digits of both
    for i, wanted in enumerate(truth):
        row = [i + 1]
        for j, found in enumerate(prediction):
            row.append(min(table[i][j + 1] + 1, row[j] + 1, table[i][j] + (wanted != found)))
        table.append(row)
    edits, i, j = [], len(truth), len(prediction)
    while i or j:
        if i and j and table[i][j] == table[i - 1][j - 1] + (truth[i - 1] != prediction[j - 1]):
            i, j = i - 1, j - 1
            edits += [(truth[i], prediction[j])] * (truth[i] != prediction[j])
        elif i and table[i][j] == table[i - 1][j] + 1:
            i -= 1
            edits.append((truth[i], ""))
        else:
            j -= 1
            edits.append(("", prediction[j]))
    return edits[::-1]


def count_edits(truth: str, prediction: str) -> int:
    """Return the Levenshtein distance: insertions, deletions and substitutions.

    >>> count_edits("007", "07"), count_edits("123", "1423"), count_edits("12", "21")
    (1, 1, 2)
    """
    return 0 if truth == prediction else len(find_edits(truth, prediction))


def count_confusions(reading: Reading) -> list[dict[str, Any]]:
    """Return what was read as what, and how often, the most frequent first.

    `digit` is empty where a digit was put in, `read_as` where it was left out.

    >>> count_confusions(Reading(["17", "7"], ["77", "2"], [1.0, 1.0]))[0]
    {'digit': '1', 'read_as': '7', 'count': 1}
    """
    pairs = zip(reading.truths, reading.predictions, strict=True)
    counts = Counter(edit for truth, found in pairs for edit in find_edits(truth, found))
    ordered = sorted(counts.items(), key=lambda it: (-it[1], it[0]))
    return [{"digit": digit, "read_as": found, "count": count} for (digit, found), count in ordered]


def measure(reading: Reading) -> dict[str, Any]:
    """Return exact match and character error rate, overall and by number of characters.

    The character error rate is the edits of all samples over the digits of all samples.
    """
    lengths = np.array([len(truth) for truth in reading.truths])
    pairs = zip(reading.truths, reading.predictions, strict=True)
    edits = np.array([count_edits(truth, prediction) for truth, prediction in pairs])

    def summarize(chosen: Any) -> dict[str, Any]:
        return {
            "samples": int(chosen.sum()),
            "exact_match": float((edits[chosen] == 0).mean()),
            "character_error_rate": float(edits[chosen].sum() / lengths[chosen].sum()),
        }

    by_length = {str(n): summarize(lengths == n) for n in np.unique(lengths).tolist()}
    return summarize(lengths > 0) | {"by_length": by_length}


def find_mistakes(reading: Reading) -> list[int]:
    """Return the positions of samples that were read wrong, the surest first.

    >>> find_mistakes(Reading(["1", "2", "3"], ["7", "2", "8"], [0.5, 0.9, 0.8]))
    [2, 0]
    """
    pairs = enumerate(zip(reading.truths, reading.predictions, strict=True))
    wrong = [position for position, (truth, prediction) in pairs if truth != prediction]
    return sorted(wrong, key=lambda position: -reading.confidences[position])


def measure_bounds(reading: Reading) -> dict[str, list[float]]:
    """Return where exact match and character error rate lie, with 95 % confidence.

    The interval of Wilson ("Probable inference", JASA 1927) for the one, the percentiles of a
    thousand resamples (Efron, "Bootstrap methods", 1979), always the same ones, for the other.
    """
    lengths = np.array([len(truth) for truth in reading.truths])
    pairs = zip(reading.truths, reading.predictions, strict=True)
    edits = np.array([count_edits(truth, prediction) for truth, prediction in pairs])
    n, share, z = len(edits), float((edits == 0).mean()), 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    generator = np.random.default_rng(0)
    draws = (generator.integers(0, n, n) for _ in range(1000))
    rates = [edits[chosen].sum() / lengths[chosen].sum() for chosen in draws]
    return {
        "exact_match": [float(max(0.0, middle - half)), float(min(1.0, middle + half))],
        "character_error_rate": [float(rate) for rate in np.percentile(rates, [2.5, 97.5])],
    }


def measure_surest(reading: Reading) -> dict[str, float]:
    """Return the exact match of the surest half and of the surest nine tenths: of one at least.

    >>> measure_surest(Reading(["1", "2"], ["1", "7"], [0.9, 0.5]))
    {'50%': 1.0, '90%': 0.5}
    """
    order = np.argsort(-np.array(reading.confidences), kind="stable")
    is_right = np.array(reading.truths)[order] == np.array(reading.predictions)[order]
    counts = {f"{share:.0%}": max(1, round(share * len(order))) for share in (0.5, 0.9)}
    return {name: float(is_right[:count].mean()) for name, count in counts.items()}


def draw_mistakes(split: Split, reading: Reading) -> bytes | None:
    """Draw the mistakes in a split that the network was surest of; None if there are none."""

    def read_images(worst: list[int]) -> list[NDArray[np.uint8]]:
        return [sample.image for sample in split.read(worst)]

    return draw_surest_mistakes(split.name, read_images, reading)


def draw_surest_mistakes(
    name: str, read_images: Callable[[list[int]], list[NDArray[np.uint8]]], reading: Reading
) -> bytes | None:
    """Draw the mistakes that the network was surest of; None if there are none. Returns PNG.

    Parameters
    ----------
    name : str
        Of what was read.
    read_images : callable
        Returns the images, uint8 (H, W), all of one height, at some positions of the reading.
    reading : Reading
    """
    wrong = find_mistakes(reading)
    if not wrong:
        return None
    worst = wrong[:WORST]
    tiles = [
        Tile(
            image=image,
            title=f"{reading.truths[position]} read as {reading.predictions[position] or 'nothing'}"
            f"  ({reading.confidences[position]:.0%})",
            boxes=np.empty((0, 4), np.int32),
        )
        for position, image in zip(worst, read_images(worst), strict=True)
    ]
    mistakes = count_things(len(wrong), "mistake")
    title = f"{name}, {mistakes} in {len(reading.truths):,}; the surest"
    return draw_sheet({f"{title}: {count_things(len(tiles), 'sample')}": tiles}, boxes=False)


def draw_curve(history: Sequence[Mapping[str, Any]], curve: Sequence[tuple[float, float]]) -> bytes:
    """Draw the loss, and the errors on val, over the epochs. Returns PNG.

    Parameters
    ----------
    history : sequence of mappings
        One for each epoch.
    curve : sequence of (float, float)
        Epochs done, and the mean loss on train since the point before.
    """
    figure = Figure(figsize=(9, 4), layout="constrained")
    losses, matches = figure.subplots(1, 2)
    epochs = [entry["epoch"] for entry in history]
    is_short = len(curve) < 10
    losses.plot(*np.array(curve).reshape(-1, 2).T, marker="." if is_short else "", label="train")
    losses.plot(epochs, [entry["val_loss"] for entry in history], marker="o", label="val")
    losses.set(title="CTC loss a sample", xlabel="epoch", yscale="log")
    losses.legend()
    errors = [max(100 * (1 - entry["val_exact_match"]), 0.01) for entry in history]
    matches.plot(epochs, errors, marker="o", color="tab:green")
    matches.set(title="numbers of val not read exactly, %", xlabel="epoch", yscale="log")
    matches.set_ylim(min(errors) / 2, min(max(*errors, 5 * min(errors)) * 1.2, 120))
    for axes in (losses, matches):
        axes.set_xlim(0, 1.04 * max(epochs))
        axes.grid(alpha=0.3, which="both")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def write_markdown(report: Mapping[str, Any]) -> str:
    """Return the report as Markdown."""
    lines = [
        f"# Training on {report['dataset']['uri']}",
        "",
        f"{count_things(report['train_samples'], 'sample')}, "
        f"{count_things(report['epochs'], 'epoch')}, weights of epoch {report['best_epoch']}; "
        f"{describe_duration(report['seconds'])} ({describe_duration(report['cpu_seconds'])} of "
        f"processor time) on {report['machine']}; {report['parameters']:,} parameters.",
        "",
        "| samples of | characters | samples | exact match | character error rate |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, result in report["results"].items():
        rows = {"all": result} | result["by_length"]
        lines += [
            f"| {name if digits == 'all' else ''} | {digits} | {row['samples']:,} "
            f"| {row['exact_match']:.2%} | {row['character_error_rate']:.2%} |"
            for digits, row in rows.items()
        ]
    for remark in report["doubtful"]:
        lines += ["", f"{remark}."]
    options = ", ".join(f"{name} {value}" for name, value in report["options"].items())
    lines += ["", f"Options: {options}.", "", "![learning curve](curve.png)"]
    if report["has_mistakes"]:
        lines += ["", "![surest mistakes](mistakes.png)"]
    return "\n".join(lines) + "\n"
