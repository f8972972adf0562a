"""The command ``browse``."""

from __future__ import annotations

import threading
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digit_sequence.base.errors import BuildStopped, ConfigError
from digit_sequence.base.installation import how_to_install
from digit_sequence.cli.options import drawn_option, output_options, override_option
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.terminal import echo, note, tell

if TYPE_CHECKING:
    from digit_sequence.browse.collection import Collection


@click.command()
@click.argument("origin", metavar="OUT|CONFIG")
@click.option(
    "--against",
    metavar="FOLDER|OUT|CONFIG",
    help="Real crops, or another dataset or config, to look at side by side.",
)
@click.option("--labels", metavar="CSV|names", help="Of the real crops, as of `match`.")
@drawn_option
@click.option(
    "--port",
    default=0,
    type=click.IntRange(0, 65535),
    help="To listen on.  [default: any that is free]",
)
@click.option("--open/--no-open", "is_opened", default=True, help="Open the browser.")
@override_option
@output_options
def browse(
    origin: str,
    against: str | None,
    labels: str | None,
    count: int,
    port: int,
    is_opened: bool,
    overrides: tuple[str, ...],
) -> None:
    """Explore a dataset or a config in the browser.

    Filter, sort, zoom, ask in SQL, draw samples anew with other values. For this machine alone,
    at an address that nobody guesses; Ctrl-C ends it. Needs the extra browse.
    """
    try:
        from digit_sequence.browse.crops import CropCollection
        from digit_sequence.browse.explorer import Explorer
        from digit_sequence.browse.server import ADDRESS, bind, make_token, serve
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"browse needs the package {error.name}: {how_to_install('browse')}"
        ) from error
    is_crops = against is not None and _is_crops(against)
    if labels is not None and not is_crops:
        raise ConfigError("--labels: expected --against a folder of real crops, whose they are")
    with bind(port) as listening:  # refused before anything is drawn
        explorers = [Explorer(_open(origin, count, overrides), origin)]
        if against is not None and is_crops:
            explorers.append(Explorer(CropCollection(Path(against), labels), against))
        elif against is not None:
            explorers.append(Explorer(_open(against, count, ()), against))
        token = make_token()
        address = f"http://{ADDRESS}:{listening.getsockname()[1]}/{token}/"
        echo(f"{address}\nCtrl-C ends it")
        tell("address", address=address)
        if is_opened:
            threading.Thread(target=_open_browser, args=(address,), daemon=True).start()
        with suppress(KeyboardInterrupt):
            serve(explorers, listening, token)
        raise BuildStopped("stopped")


def _is_crops(origin: str) -> bool:
    """Tell whether it is a folder that no build has written."""
    from digit_sequence.base.names import MANIFEST_PATH, PLAN_PATH

    folder = Path(origin)
    return folder.is_dir() and not any((folder / it).exists() for it in (MANIFEST_PATH, PLAN_PATH))


def _open(origin: str, count: int, overrides: tuple[str, ...]) -> Collection:
    """Open a dataset, or draw some samples of a config."""
    from digit_sequence.browse.built import BuiltCollection
    from digit_sequence.browse.live import LiveCollection
    from digit_sequence.building.origins import is_dataset, open_origin, open_storage

    if is_dataset(origin, overrides):
        return BuiltCollection(open_storage(origin))
    sampler = open_origin(origin, overrides)
    n_samples = sum(min(count, split.n_samples) for split in sampler.plan.splits.values())
    with show_progress(n_samples) as on_progress:
        return LiveCollection(origin, sampler, count, on_progress)


def _open_browser(address: str) -> None:
    """Open a window; programs that would take the terminal are none."""
    try:
        browser = webbrowser.get()
        is_apart = type(browser) is not webbrowser.GenericBrowser
        is_open = is_apart and browser.open(address)
    except webbrowser.Error:
        is_open = False
    if not is_open:
        note(f"no browser was found; open {address} in one")
