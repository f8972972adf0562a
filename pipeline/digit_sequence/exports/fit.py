"""Whether a format can hold a dataset: asked before anything is written."""

from __future__ import annotations

from importlib.util import find_spec

from digit_sequence.base.characters import show_characters
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.installation import how_to_install
from digit_sequence.exports import EXPORTS
from digit_sequence.exports.format import POLYGONS, Format
from digit_sequence.read.dataset import Dataset


def check_fit(dataset: Dataset, name: str, max_digits: int | None = None) -> Format:
    """Return the format; refuse what its readers would leave out or could not understand.

    Parameters
    ----------
    dataset : Dataset
    name : str
        Of the format.
    max_digits : int, optional
        The longest number that readers are set to take; default: that of the format.

    Raises
    ------
    ConfigError
        If there is no such format, its package or a label column is missing, or a number is longer
        than readers take.
    """
    kind = EXPORTS[name]
    if kind.package is not None and not find_spec(kind.package):
        raise ConfigError(
            f"export to {name}: expected the package {kind.package}, got none; "
            f"{how_to_install(kind.package)}"
        )
    lacking = [column for column in kind.columns if column not in dataset.columns]
    if lacking:
        raise ConfigError(
            f"{dataset.uri}: export to {name} needs the label columns {', '.join(kind.columns)}, "
            f"got none of {', '.join(lacking)}; nothing was written"
            + ("; build it with labels.polygons: true" if POLYGONS in lacking else "")
        )
    if unfit := [it for it in dataset.alphabet if it not in kind.takes]:
        raise ConfigError(
            f"{dataset.uri}: expected numbers of {show_characters(kind.takes)}, which readers of "
            f"{name} take, got {show_characters(''.join(unfit))} among them; nothing was written"
        )
    limit = max_digits or kind.max_digits
    if limit is None:
        return kind
    for split in dataset.values():
        longest = split.max_digits
        if longest > limit:
            raise ConfigError(
                f"{dataset.uri}: {split.name} may have numbers of {longest} characters; readers of "
                f"{name} silently leave out or cut those of more than {limit} unless they are "
                f"set to take them; set them so and give --max-digits {longest}; "
                "nothing was written"
            )
    return kind
