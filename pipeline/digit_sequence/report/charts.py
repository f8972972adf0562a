"""Plots of a report: drawn by Vega-Lite as SVG, in colours that follow the page's.

The colours are variables of the page's style sheet, so that one drawing fits light and dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import vl_convert
from numpy.typing import NDArray

from digit_sequence.report.histogram import Histogram, choose_bars
from digit_sequence.report.panel import Cell, Plot, Table

WIDTH, HEIGHT = 280, 110
"""Of the plane of a plot, in pixels; a page may show it larger."""
SERIES = ("var(--mark)", "var(--second)", "var(--third)")
_FONT = "Arial, Helvetica, Liberation Sans, sans-serif"
"""Of the widths by which Vega-Lite makes room for words."""
_CONFIG = {
    "background": None,
    "font": _FONT,
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "domainColor": "var(--line)",
        "gridColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "titlePadding": 5,
    },
}


def plot_histogram(
    title: str, meaning: str, histograms: Mapping[str, Histogram], unit: str = "samples"
) -> Plot:
    """Plot one histogram as bars; more of them as shares, the first as bars and others as lines.

    Parameters
    ----------
    title : str
    meaning : str
        What the values are, with their unit: the title of the axis.
    histograms : mapping of str to Histogram
        By the name of the series; one of them has a value at least.
    unit : str
        What is counted.
    """
    shown = {name: it for name, it in histograms.items() if it.total}
    bars = choose_bars(list(shown.values()))
    counts = {name: it.count_bars(bars) for name, it in shown.items()}
    rows = [
        {
            "low": low,
            "high": high,
            "share": int(counts[name][place]) / shown[name].total,
            "series": name,
            "told": _tell(name if len(shown) > 1 else "", bars.names[place], counts[name], place),
        }
        for name in shown
        for place, (low, high) in enumerate(bars.edges)
    ]
    ticks: dict[str, Any] = {"tickCount": 5, "labelSeparation": 8, "labelOverlap": True}
    if bars.is_whole:
        ticks["format"] = ",d"
    if bars.is_whole and bars.width == 1 and bars.count <= 12:
        middles = [(low + high) / 2 for low, high in bars.edges]
        ticks = {"values": middles, "format": ",d"}
    axis = alt.Axis(title=_fold(meaning), grid=False, **ticks)
    scale = alt.Scale(domain=[bars.edges[0][0], bars.edges[-1][1]], nice=False)
    x = alt.X("low:Q", axis=axis, scale=scale)
    y = alt.Y("share:Q", axis=_share_axis(unit), scale=alt.Scale(zero=True))
    first, *others = shown
    data = alt.Data(values=[row for row in rows if row["series"] == first])
    # Channels as objects, here and below: of a string altair makes one in 8 ms.
    layers: list[Any] = [
        alt.Chart(data)
        .mark_bar(color=SERIES[0], opacity=0.85, binSpacing=1)
        .encode(
            x=x, x2=alt.X2("high:Q"), y=y, y2=alt.Y2Datum(0), description=alt.Description("told:N")
        )
    ]
    for name, color in zip(others, SERIES[1:], strict=False):
        own = [row for row in rows if row["series"] == name]
        own.append(own[-1] | {"low": own[-1]["high"]})
        layers.append(
            alt.Chart(alt.Data(values=own))
            .mark_line(color=color, interpolate="step-after", strokeWidth=2, aria=False)
            .encode(x=x, y=y)
        )
    table_rows: list[list[Cell]] = [
        [bars.names[place], *(int(counts[name][place]) for name in shown)]
        for place in range(bars.count)
    ]
    return Plot(
        title=title,
        svg=_draw(alt.layer(*layers)),
        alt=f"Histogram, {meaning}. " + " ".join(_describe(name, it) for name, it in shown.items()),
        table=Table("", _name_columns(meaning, unit, shown), table_rows),
        series=list(shown) if len(shown) > 1 else (),
    )


def plot_bars(
    title: str,
    meaning: str,
    counts: Mapping[str, NDArray[np.int64]],
    names: Sequence[str],
    unit: str = "samples",
) -> Plot:
    """Plot shares of named things, as groups of bars where there are several series.

    Parameters
    ----------
    title, meaning, unit
        As of `plot_histogram`.
    counts : mapping of str to ndarray of int64
        By the name of the series, one value for each name.
    names : sequence of str
    """
    shown = {name: values for name, values in counts.items() if values.sum()}
    rows = [
        {
            "name": thing,
            "share": int(values[place]) / int(values.sum()),
            "series": name,
            "told": _tell(name if len(shown) > 1 else "", thing, values, place),
        }
        for name, values in shown.items()
        for place, thing in enumerate(names)
    ]
    is_long = any(len(name) > 3 for name in names)
    axis = alt.Axis(
        title=None if is_long else _fold(meaning),
        labelAngle=0,
        labelLimit=120,
        grid=False,
        ticks=False,
        labelPadding=5,
    )
    colors = alt.Scale(domain=list(shown), range=list(SERIES[: len(shown)]))
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar(opacity=0.85)
        .encode(
            color=alt.Color("series:N", scale=colors, legend=None),
            description=alt.Description("told:N"),
            **(
                {
                    "y": alt.Y("name:N", axis=axis, sort=None),
                    "yOffset": alt.YOffset("series:N", sort=None),
                    "x": alt.X("share:Q", axis=_share_axis(unit)),
                }
                if is_long
                else {
                    "x": alt.X("name:N", axis=axis, sort=None),
                    "xOffset": alt.XOffset("series:N", sort=None),
                    "y": alt.Y("share:Q", axis=_share_axis(unit)),
                }
            ),
        )
    )
    height = max(60, 18 * len(names)) if is_long else HEIGHT
    table_rows: list[list[Cell]] = [
        [thing, *(int(values[place]) for values in shown.values())]
        for place, thing in enumerate(names)
    ]
    least, most = (int(pick(sum(shown.values()))) for pick in (np.argmin, np.argmax))
    return Plot(
        title=title,
        svg=_draw(chart, height=height),
        alt=f"Bars, {meaning}. Most often {names[most]}, least often {names[least]}.",
        table=Table("", _name_columns(meaning, unit, shown), table_rows),
        note=meaning if is_long else "",
        series=list(shown) if len(shown) > 1 else (),
    )


def plot_heat(
    title: str,
    counts: NDArray[np.int64],
    rows: tuple[str, Sequence[str]],
    columns: tuple[str, Sequence[str]],
    is_of_row: bool = False,
) -> Plot:
    """Plot a matrix of counts (R, C) as shares, of all or of each row, in percent.

    Parameters
    ----------
    title : str
    counts : ndarray of int64, shape (R, C)
    rows, columns : (str, sequence of str)
        What they are, and their names.
    is_of_row : bool
        Whether shares are of the row, not of all.
    """
    totals = counts.sum(axis=1, keepdims=True) if is_of_row else counts.sum()
    shares = counts / np.maximum(1, totals)
    # Even shares are of a middling colour.
    top = max(float(shares.max()), 2 * float(shares[shares > 0].mean()))
    cells = [
        {
            "row": row,
            "column": column,
            "share": float(shares[i, j]),
            "strong": bool(shares[i, j] > 0.6 * top),
            "text": f"{100 * shares[i, j]:.1f}" if counts[i, j] else "",
            "told": f"{rows[0]} {row}, {columns[0]} {column}: {_percent(shares[i, j])}"
            f" ({counts[i, j]:,})",
        }
        for i, row in enumerate(rows[1])
        for j, column in enumerate(columns[1])
    ]
    names = {"labelAngle": 0, "domain": False, "ticks": False}
    base = alt.Chart(alt.Data(values=cells)).encode(
        x=alt.X("column:N", sort=None, axis=alt.Axis(title=columns[0], **names)),
        y=alt.Y("row:N", sort=None, axis=alt.Axis(title=rows[0], **names)),
    )
    squares = base.mark_rect(fill="var(--mark)", stroke="var(--card)").encode(
        fillOpacity=alt.FillOpacity(
            "share:Q", scale=alt.Scale(domain=[0, top], range=[0.04, 1]), legend=None
        ),
        description=alt.Description("told:N"),
    )
    words = base.mark_text(fontSize=9, aria=False).encode(
        text=alt.Text("text:N"),
        color=alt.Color(
            "strong:N",
            scale=alt.Scale(domain=[False, True], range=["var(--text)", "var(--on-mark)"]),
            legend=None,
        ),
    )
    size = {"width": 28 * len(columns[1]), "height": 22 * len(rows[1])}
    i, j = divmod(int(counts.argmax()), counts.shape[1])
    return Plot(
        title=title,
        svg=_draw(alt.layer(squares, words), **size),
        alt=f"Heat map of {rows[0]} by {columns[0]}, percent. The most is "
        f"{_percent(shares[i, j])}, at {rows[1][i]} and {columns[1][j]}.",
        table=Table(
            "",
            [f"{rows[0]} \\ {columns[0]}", *columns[1]],
            [[name, *(int(it) for it in row)] for name, row in zip(rows[1], counts, strict=True)],
        ),
    )


def _share_axis(unit: str) -> Any:
    return alt.Axis(title=f"share of {unit}", tickCount=4, format="~%")


def _draw(chart: Any, width: int = WIDTH, height: int = HEIGHT) -> str:
    spec = chart.properties(width=width, height=height).to_dict(validate=False)
    svg: str = vl_convert.vegalite_to_svg(spec | {"config": _CONFIG})
    return svg


def _name_columns(meaning: str, unit: str, series: Mapping[str, Any]) -> list[str]:
    return [meaning, *(f"{unit}, {name}" if name else unit for name in series)]


def _tell(series: str, thing: str, counts: NDArray[np.int64], place: int) -> str:
    share = _percent(int(counts[place]) / int(counts.sum()))
    return f"{series + ': ' if series else ''}{thing}: {share} ({int(counts[place]):,})"


def _percent(share: float) -> str:
    return f"{share:.2%}" if share < 0.1 else f"{share:.1%}"


def _describe(name: str, histogram: Histogram) -> str:
    low, middle, high = (histogram.quantile(share) for share in (0.05, 0.5, 0.95))
    return (
        f"{name + ': ' if name else ''}{histogram.total:,} values from {histogram.low:.4g} to "
        f"{histogram.high:.4g}; median {middle:.4g}, 90 % within {low:.4g} and {high:.4g}."
    )


def _fold(text: str, width: int = 48) -> list[str]:
    """Return the lines of a long title of an axis."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines[:3]
