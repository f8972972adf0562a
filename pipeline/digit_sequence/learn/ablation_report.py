"""What an ablation found: rows with intervals, as a table, as CSV and as a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from digit_sequence.base.text import count_things, describe_duration
from digit_sequence.learn.ablation import Outcome
from digit_sequence.learn.devices import describe_machine, open_device
from digit_sequence.learn.intervals import (
    Interval,
    Matrix,
    compare_rates,
    estimate_mean,
    estimate_rate,
    estimate_share,
)
from digit_sequence.learn.report import count_edits

NOTHING = "nothing"
"""What is left out of the first variant."""
MEASURES = ("exact_match", "exact_match_change", "error_rate", "error_rate_change")


@dataclass(frozen=True)
class Row:
    """How well the runs of a variant read a test."""

    left_out: str
    test: str
    seeds: int
    samples: int
    exact_match: Interval
    """Share of numbers, 0 to 1."""
    exact_match_change: Interval | None
    """Against the variant of which nothing is left out, seed by seed and sample by sample."""
    error_rate: Interval
    """Edits by digits."""
    error_rate_change: Interval | None

    @property
    def is_blank(self) -> bool:
        """Whether no number was read right, by no run of it and none that it is compared with."""
        change = self.exact_match_change
        return self.exact_match.mean == 0 and (change is None or change.mean == 0)


def compare_variants(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return a row for each test and variant.

    In each test the variants stand by their exact match, the lowest, which lost most, above.

    Parameters
    ----------
    outcomes : sequence of Outcome
        As many of each variant, of the same seeds in the same order; those of the variant with
        everything are first.
    """
    base, *others = dict.fromkeys(outcome.variant for outcome in outcomes)
    rows = []
    for test in outcomes[0].readings:
        first = _compare(outcomes, test, base, None)
        rest = [_compare(outcomes, test, variant, base) for variant in others]
        rows += [first, *sorted(rest, key=lambda row: row.exact_match.mean)]
    return rows


def _compare(outcomes: Sequence[Outcome], test: str, variant: str, base: str | None) -> Row:
    edits, sizes = _count(outcomes, test, variant)
    right = (edits == 0).astype(np.float64)
    match_change = rate_change = None
    if base is not None:
        other_edits, _ = _count(outcomes, test, base)
        match_change = estimate_mean(right - (other_edits == 0))
        rate_change = compare_rates(edits, other_edits, sizes)
    return Row(
        NOTHING if base is None else variant,
        test,
        len(edits),
        len(sizes),
        estimate_share(right),
        match_change,
        estimate_rate(edits, sizes),
        rate_change,
    )


def _count(outcomes: Sequence[Outcome], test: str, variant: str) -> tuple[Matrix, Matrix]:
    """Return the edits of each seed and sample, and the digits of each sample."""
    readings = [outcome.readings[test] for outcome in outcomes if outcome.variant == variant]
    edits = [list(map(count_edits, it.truths, it.predictions)) for it in readings]
    sizes = [len(truth) for truth in readings[0].truths]
    return np.array(edits, np.float64), np.array(sizes, np.float64)


def make_report(title: str, training: str, outcomes: Sequence[Outcome]) -> dict[str, bytes]:
    """Return the files of the report, by name.

    Parameters
    ----------
    title : str
    training : str
        What each training is.
    outcomes : sequence of Outcome
        See `compare_variants`.
    """
    rows = compare_variants(outcomes)
    seconds = describe_duration(sum(outcome.seconds for outcome in outcomes))
    cpu_seconds = describe_duration(sum(outcome.cpu_seconds for outcome in outcomes))
    facts = (
        f"{count_things(len(outcomes), 'training')}, each {training}; the weights that read the "
        f"val split of their own dataset best. All together: {seconds} ({cpu_seconds} of processor "
        f"time) on {describe_machine(open_device('cpu'))}."
    )
    return {
        "ablation.md": write_page(title, facts, rows).encode(),
        "ablation.csv": write_csv(rows).encode(),
        "ablation.png": draw_changes(rows),
        "readings.parquet": encode_readings(outcomes),
    }


# -- tables ----------------------------------------------------------------------------------------


def list_tables(rows: Sequence[Row]) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Yield what each test is, and a table of what it tells, its heads first."""
    for test in dict.fromkeys(row.test for row in rows):
        chosen = [row for row in rows if row.test == test]
        heads = ("left out", "exact match, %", "change", "character error rate, %", "change")
        seeds = count_things(chosen[0].seeds, "seed")
        title = f"{test}: {count_things(chosen[0].samples, 'sample')}, {seeds} each"
        if all(row.is_blank for row in chosen):
            title += "; no training reads a number right yet: train longer (--epochs)"
        yield title, [heads, *map(_make_cells, chosen)]


def write_tables(rows: Sequence[Row]) -> str:
    """Return a Markdown table for each test, columns in line."""
    parts = []
    for title, lines in list_tables(rows):
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rules = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        table = [_join(lines[0], widths), _join(rules, widths)]
        table += [_join(cells, widths) for cells in lines[1:]]
        parts.append("\n".join([title, "", *table]))
    return "\n\n".join(parts)


def _make_cells(row: Row) -> tuple[str, ...]:
    cells = [_show(getattr(row, measure), measure.endswith("change")) for measure in MEASURES]
    if row.is_blank and row.error_rate_change:
        cells[1] = "neither reads a number"
        cells[3] = cells[3] if row.error_rate_change.mean else ""
    return row.left_out, *cells


def _show(interval: Interval | None, is_change: bool) -> str:
    if interval is None:
        return ""
    sign = "+" if is_change else ""
    mean, low, high = (
        f"{100 * it:{sign}.2f}" for it in (interval.mean, interval.low, interval.high)
    )
    mark = "**" if is_change and interval.is_apart else ""
    return f"{mark}{mean}{mark} ({low} to {high})"


def _join(cells: Iterable[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    aligned = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
    return f"| {' | '.join(aligned)} |"


def write_page(title: str, facts: str, rows: Sequence[Row]) -> str:
    """Return the report as Markdown."""
    seeds = "seeds and test samples" if rows[0].seeds > 1 else "test samples, of one seed,"
    legend = (
        f"In brackets 95 % intervals over {seeds} (`learn/intervals.py`). A change is that against "
        "nothing left out, seed by seed and sample by sample; bold where its interval, looked at "
        "alone, is apart from 0."
    )
    parts = [f"# {title}", facts, write_tables(rows), legend, "![changes](ablation.png)"]
    return "\n\n".join(parts) + "\n"


def write_csv(rows: Sequence[Row]) -> str:
    """Return the rows as CSV: of each measure the mean, NAME_low and NAME_high."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    ends = ("", "_low", "_high")
    names = [f"{measure}{end}" for measure in MEASURES for end in ends]
    table.writerow(["test", "left_out", "seeds", "samples", *names])
    for row in rows:
        intervals = [getattr(row, measure) for measure in MEASURES]
        values = [
            value
            for it in intervals
            for value in (("", "", "") if it is None else (it.mean, it.low, it.high))
        ]
        table.writerow([row.test, row.left_out, row.seeds, row.samples, *values])
    return buffer.getvalue()


def encode_readings(outcomes: Sequence[Outcome]) -> bytes:
    """Return all readings as a Parquet file: a row for each variant, seed, test and sample."""
    tables = [
        pa.table(
            {
                "variant": [outcome.variant] * len(reading.truths),
                "seed": [outcome.seed] * len(reading.truths),
                "test": [test] * len(reading.truths),
                "sample": range(len(reading.truths)),
                "number": reading.truths,
                "read": reading.predictions,
                "confidence": reading.confidences,
            }
        )
        for outcome in outcomes
        for test, reading in outcome.readings.items()
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.concat_tables(tables), buffer)
    return buffer.getvalue()


# -- picture ---------------------------------------------------------------------------------------


def draw_changes(rows: Sequence[Row]) -> bytes:
    """Draw how exact match changes with what is left out, a panel for each test. Returns PNG."""
    tests = list(dict.fromkeys(row.test for row in rows))
    names = [row.left_out for row in rows if row.test == tests[0]][:0:-1]
    figure = Figure(figsize=(2.4 + 3.6 * len(tests), 1.5 + 0.32 * len(names)), layout="constrained")
    panels = figure.subplots(1, len(tests), sharey=True, squeeze=False)[0]
    for axes, test in zip(panels, tests, strict=True):
        base, *others = (row for row in rows if row.test == test)
        for row in others:
            change = row.exact_match_change
            assert change is not None
            axes.errorbar(
                100 * change.mean,
                names.index(row.left_out),
                xerr=[[100 * (change.mean - change.low)], [100 * (change.high - change.mean)]],
                fmt="o",
                capsize=3,
                color="tab:blue" if change.is_apart else "tab:gray",
            )
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(f"{test}: {base.exact_match.mean:.2%} with everything", fontsize=10)
        axes.set_xlabel("change of exact match, points")
        axes.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(names)), [f"without {name}" for name in names])
    panels[0].set_ylim(-0.6, len(names) - 0.4)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
