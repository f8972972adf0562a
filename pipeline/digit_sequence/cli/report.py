"""The command ``report``."""

from __future__ import annotations

from pathlib import Path

import click

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.files import write_file
from digit_sequence.base.installation import how_to_install
from digit_sequence.base.text import describe_bytes
from digit_sequence.cli.marks import check_own, make_mark, mark_page
from digit_sequence.cli.options import (
    check_suffix,
    drawn_option,
    output_options,
    override_option,
    overwrite_option,
)
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.terminal import echo, note, tell_result
from digit_sequence.cli.torch_import import importing_torch


@click.command()
@click.argument("origin", metavar="OUT|CONFIG")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default="report.html",
    show_default=True,
    help="Page to write.",
)
@drawn_option
@click.option(
    "--against",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Real crops: what they measure, beside this, and where they differ most.",
)
@click.option(
    "--labels",
    metavar="CSV|names",
    help="Of the real crops, as of `match`.",
)
@click.option(
    "--weights",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What `train` wrote: what the network cannot read. Needs the extra torch.",
)
@overwrite_option
@override_option
@output_options
def report(
    origin: str,
    output: Path,
    count: int,
    against: Path | None,
    labels: str | None,
    weights: Path | None,
    overwrite: bool,
    overrides: tuple[str, ...],
) -> None:
    """Write a page about a dataset: samples, figures, faults.

    Distributions, doubles and comparisons are among them. One HTML file that needs no network. Of a
    config, samples are drawn for it. A dataset of 30,000 images takes some 30 seconds on two busy
    cores. Needs the extra report.
    """
    check_suffix(output, "html")
    mark = make_mark("report", origin, output)
    check_own(output, mark, overwrite)
    if labels is not None and against is None:
        raise ConfigError("--labels: expected --against, whose crops they are of")
    if weights is not None:
        with importing_torch("reading"):
            import digit_sequence.learn.reader  # noqa: F401
    try:
        from digit_sequence.report.programs import draw_report
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"a report needs the package {error.name}: {how_to_install('report')}"
        ) from error
    page = draw_report(
        origin,
        count=count,
        against=against,
        labels=labels,
        weights=weights,
        overrides=overrides,
        on_note=note,
        show_progress=show_progress,
    )
    page = mark_page(page, mark)
    write_file(output, page.encode("utf-8", "backslashreplace"))
    echo(f"{output}: a page of {describe_bytes(len(page))}; open it in a browser")
    tell_result(page=str(output), bytes=len(page))
