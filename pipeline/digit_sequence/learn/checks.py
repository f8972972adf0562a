"""What a network needs of a dataset to learn from it, or to read it."""

from __future__ import annotations

from collections.abc import Mapping

from digit_sequence.base.characters import show_characters
from digit_sequence.base.errors import ConfigError
from digit_sequence.learn.network import count_steps
from digit_sequence.read.splits import Splits


def check_dataset(dataset: Splits) -> None:
    """Refuse a dataset that cannot be learned from, before anything is written."""
    longest = {name: split.max_digits for name, split in dataset.items()}
    check_splits(dataset.uri, dataset.image_shape, longest)


def check_splits(where: str, image_shape: tuple[int, int], max_digits: Mapping[str, int]) -> None:
    """Refuse what cannot be learned from, whether it is built or planned.

    Parameters
    ----------
    where : str
        The dataset or the config, for messages.
    image_shape : (int, int)
        Rows and columns of the widest image.
    max_digits : mapping of str to int
        Characters of the longest number of each split.

    Raises
    ------
    ConfigError
        If a split is missing, or images are too narrow.
    """
    lacking = [name for name in ("train", "val", "test") if name not in max_digits]
    if lacking:
        raise ConfigError(
            f"{where}: training needs the splits train, val and test, got none of "
            f"{', '.join(lacking)}; add it to the config and build again"
        )
    _check_width(where, image_shape, max(max_digits.values()))


def _check_width(where: str, image_shape: tuple[int, int], longest: int) -> None:
    steps = count_steps(*image_shape)
    if steps < 2 * longest:
        raise ConfigError(
            f"{where}: expected images wide enough for two steps of the network for each of "
            f"{longest} characters, got {steps} steps; build it with a wider canvas"
        )


def check_other(where: str, height: int, alphabet: str, other: Splits) -> None:
    """Refuse a dataset whose test split a network of `where`'s images cannot read.

    Its images may have any width.
    """
    if "test" not in other:
        raise ConfigError(f"{other.uri}: expected a split test to be read, got {', '.join(other)}")
    if other.image_shape[0] != height:
        raise ConfigError(
            f"{other.uri}: expected images of {height} rows, those of {where}, got "
            f"{other.image_shape[0]}"
        )
    _check_width(other.uri, other.image_shape, other["test"].max_digits)
    if unknown := "".join(it for it in other.alphabet if it not in alphabet):
        raise ConfigError(
            f"{other.uri}: expected numbers of the characters of {where}, "
            f"{show_characters(alphabet)}, got {show_characters(unknown)} as well"
        )
