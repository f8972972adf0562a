"""A config as a dataset: each sample is drawn when it is read, as a build would have written it.

::

    dataset = open_config("configs/default.yaml")
    train = dataset["train"]                    # a sequence of samples, as of `open_dataset`
    train[42].image, train[42].number           # (H, W) uint8, "007"
    for batch in train.where(n_digits=range(5, 7)).batches(256):
        batch.images, batch.numbers             # (B, H, W) uint8, list of str

Images are those that reading the build gives, and so are all label columns but ``file``, ``offset``
and ``size``. A split with ``samples: null`` has no end: its length is that of an epoch, and every
epoch shows new samples, see `EndlessSplit`.

A dataset can be pickled and forked; another process plans it again from the config.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from digit_sequence.base.engines import Engine
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.images import cut_images
from digit_sequence.base.names import SplitName
from digit_sequence.building.memory import keep_freed_memory
from digit_sequence.building.origins import open_origin
from digit_sequence.building.sampler import Sampler, open_sampler
from digit_sequence.codec.encoding import encode_images
from digit_sequence.config.loading import load_config, naming_file, parse_config
from digit_sequence.config.model import Config
from digit_sequence.live.rows import DrawnRows, list_planned, make_planned
from digit_sequence.plan.plan import SplitPlan, parse_key
from digit_sequence.read.backing import Ordinals
from digit_sequence.read.samples import Batch, LabelRow, Sample
from digit_sequence.read.split import Positions, Split
from digit_sequence.read.splits import Splits
from digit_sequence.read.where import find_columns
from digit_sequence.render.draw import Rendered
from digit_sequence.store.label_schema import PLACE_COLUMNS, make_schema

EPOCH_SAMPLES = 60_000
"""Length of an epoch of a split without end, unless another is asked for."""
_DRAWN_SAMPLES = 512
"""To draw at a time, where so many are wanted: smaller batches take longer for each sample."""


class EndlessSplit(Split):
    """A split without end: every epoch shows new samples.

    Epoch `e` has the ordinals from ``e * n`` to ``(e + 1) * n - 1``, where `n` is its length. As a
    sequence it is epoch 0, but any position can be taken. What is taken of it has an end.
    """

    def at_epoch(self, epoch: int) -> Split:
        """Return the samples of an epoch."""
        start = self.epoch_start(epoch)
        return Split(self.dataset, self.name, range(start, start + len(self)))

    def epoch_start(self, epoch: int) -> int:
        """Return the position at which an epoch begins."""
        return epoch * len(self)

    def take(self, positions: Positions) -> Split:
        """Return the samples at some positions, of any epoch, in that order."""
        ordinals = np.asarray(positions)
        if len(ordinals) and (ordinals.dtype.kind not in "iu" or ordinals.min() < 0):
            raise ConfigError(
                f"{self.name}: expected positions, integers of at least 0, got others"
            )
        return Split(self.dataset, self.name, ordinals.astype(np.int64))

    def where(self, expression: Any = None, /, **conditions: Any) -> Split:
        """Refuse to search what has no end."""
        if expression is None and not conditions:
            return self
        raise ConfigError(
            f"{self.dataset.uri}: splits.{self.name}: expected a split that has an end to search, "
            "got samples: null; set samples, search one epoch, at_epoch(0).where(...), or let "
            "numbers be those that are meant"
        )

    def _has(self, ordinal: int) -> bool:
        return ordinal >= 0


class DrawnDataset(Splits):
    """The dataset of a config, none of which is on a disk: its splits by name.

    Parameters
    ----------
    sampler : Sampler
    uri : str
        What it is called in messages.
    epoch_samples : int
        Length of an epoch of a split without end.
    """

    def __init__(self, sampler: Sampler, uri: str, epoch_samples: int = EPOCH_SAMPLES) -> None:
        self.sampler = sampler
        self._uri, self._epoch_samples = uri, epoch_samples
        schema = make_schema(sampler.plan.columns)
        self._schema = pa.schema([field for field in schema if field.name not in PLACE_COLUMNS])
        keep_freed_memory()

    @property
    def uri(self) -> str:
        """What it is called in messages: the path of its config."""
        return self._uri

    @property
    def fingerprint(self) -> str:
        """Digest of everything that may change a byte: that of the build."""
        return self.sampler.plan.fingerprint

    @property
    def image_shape(self) -> tuple[int, int]:
        """(H, W) of every image, or of the widest."""
        canvas = self.sampler.plan.config.canvas
        return canvas.height, canvas.widest

    @property
    def alphabet(self) -> str:
        """The characters of its numbers: all digits, then signs and the space if there are any."""
        return self.sampler.plan.alphabet

    @property
    def image_format(self) -> str:
        """How an image would be encoded: png or jpeg."""
        return self.sampler.plan.config.output.image

    @property
    def shard_samples(self) -> int:
        """Samples of a shard of the build: they are shuffled as those of the dataset would be."""
        return self.sampler.plan.config.output.shard_samples

    @property
    def n_samples(self) -> Mapping[str, int]:
        """Samples of each split; of one without end, as many as may be asked for."""
        return {name: split.n_samples for name, split in self.sampler.plan.splits.items()}

    def max_digits(self, split: str) -> int:
        """Return the characters of the longest number of a split."""
        return self._find(split).numbers.max_digits

    def schema(self) -> pa.Schema:
        """Return the names and types of the label columns: all that the build has but places."""
        return self._schema

    @property
    def scan_columns(self) -> Sequence[str]:
        """Label columns that are known before anything is drawn; of `boxes`, the digits."""
        return list_planned(self.sampler.plan.config)

    def __getitem__(self, split: str) -> Split:
        whole = super().__getitem__(split)
        if not self._find(split).is_endless:
            return whole
        return EndlessSplit(self, split, range(self._epoch_samples))

    def read_samples(self, split: str, ordinals: Ordinals) -> list[Sample]:
        """Draw some samples, in their order."""
        return [
            Sample(image.copy(), LabelRow(rows, row))
            for rows in self._draw(split, ordinals)
            for row, image in enumerate(cut_images(rows.images, rows.widths))
        ]

    def read_batch(self, split: str, ordinals: Ordinals, columns: Sequence[str]) -> Batch:
        """Draw some samples, in their order, as one batch."""
        names = find_columns(columns, self._schema)
        drawn = list(self._draw(split, ordinals))
        height, widest = self.image_shape
        empty = np.empty((0, height, widest), np.uint8), np.empty(0, np.int64)
        images = np.concatenate([empty[0], *(rows.images for rows in drawn)])
        widths = np.concatenate([empty[1], *(rows.widths for rows in drawn)])
        return _trim(Batch(images, widths, self._join([rows.read(names) for rows in drawn], names)))

    def read_batches(
        self, split: str, ordinals: Ordinals, size: int, columns: Sequence[str]
    ) -> Iterator[Batch]:
        """Yield batches; several small ones are drawn together."""
        n_drawn = max(1, _DRAWN_SAMPLES // size) * size
        for start in range(0, len(ordinals), n_drawn):
            drawn = self.read_batch(split, ordinals[start : start + n_drawn], columns)
            for begin in range(0, len(drawn.widths), size):
                part = slice(begin, begin + size)
                labels = drawn.labels.slice(begin, size)
                yield _trim(Batch(drawn.images[part], drawn.widths[part], labels))

    def read_encoded(
        self,
        split: str,
        ordinals: Ordinals,
        check: bool,  # noqa: ARG002 - nothing can be damaged
    ) -> list[bytes]:
        """Draw some images and return them as files."""
        sampler, output = self.sampler, self.sampler.plan.config.output
        parts = [
            encode_images(
                rendered.images, rendered.widths, output.image, output.quality, sampler.engine
            )
            for _, rendered in self._render(split, ordinals)
        ]
        return list(chain(*parts))

    def read_labels(self, split: str, ordinals: Ordinals, columns: Sequence[str]) -> pa.Table:
        """Return label rows; samples are drawn if a column says what drawing tells."""
        names = find_columns(columns, self._schema)
        if not {*names} - {*self.scan_columns} | {*names} & {"boxes"}:
            return self._read_planned(split, ordinals, names)
        return self._join([rows.read(names) for rows in self._draw(split, ordinals)], names)

    def scan_labels(
        self, split: str, windows: Iterable[Ordinals], columns: Sequence[str]
    ) -> Iterator[pa.Table]:
        """Yield label rows of `scan_columns`."""
        for ordinals in windows:
            yield self._read_planned(split, ordinals, columns)

    def __repr__(self) -> str:
        splits = (
            f"{name} {'without end' if split.is_endless else f'{split.n_samples:,}'}"
            for name, split in self.sampler.plan.splits.items()
        )
        return f"<dataset drawn from {self.uri}: {', '.join(splits)}>"

    def __reduce__(self) -> Any:
        tree = self.sampler.plan.config.model_dump(mode="json")
        return _plan_again, (tree, self.sampler.engine, self._uri, self._epoch_samples)

    def _find(self, split: str) -> SplitPlan:
        return self.sampler.plan.splits[cast(SplitName, split)]

    def _choose(self, names: Iterable[str]) -> pa.Schema:
        return pa.schema([self._schema.field(name) for name in names])

    def _read_planned(self, split: str, ordinals: Ordinals, columns: Sequence[str]) -> pa.Table:
        config = self.sampler.plan.config
        return make_planned(config, self._find(split), ordinals, self._choose(columns))

    def _join(self, tables: Sequence[pa.Table], names: Sequence[str]) -> pa.Table:
        return pa.concat_tables([self._choose(names).empty_table(), *tables]).combine_chunks()

    def _render(self, split: str, ordinals: Ordinals) -> Iterator[tuple[Ordinals, Rendered]]:
        """Yield some samples at a time, as many as a build would draw at once."""
        name = cast(SplitName, split)
        size = self.sampler.fit_batch(name)
        for start in range(0, len(ordinals), size):
            chosen = ordinals[start : start + size]
            yield chosen, self.sampler.draw_ordinals(name, chosen)

    def _draw(self, split: str, ordinals: Ordinals) -> Iterator[DrawnRows]:
        config, plan = self.sampler.plan.config, self._find(split)
        for chosen, rendered in self._render(split, ordinals):
            yield DrawnRows(config, plan, chosen, rendered, self._schema)


def _trim(batch: Batch) -> Batch:
    """Return a batch whose images are as wide as the widest of them."""
    widest = int(batch.widths.max(initial=0)) or batch.images.shape[2]
    return Batch(batch.images[:, :, :widest], batch.widths, batch.labels)


def open_config(
    config: Config | str | os.PathLike[str],
    overrides: Sequence[str] = (),
    *,
    engine: str | None = None,
    epoch_samples: int = EPOCH_SAMPLES,
) -> DrawnDataset:
    """Open a config as a dataset whose samples are drawn when they are read.

    Parameters
    ----------
    config : Config, str or path
        A config, or the path of its YAML file.
    overrides : sequence of str
        Keys of the file to replace: ``["splits.train.samples=null"]``. Only for a path.
    engine : {"skimage", "numba"}, optional
        What draws: the same pixels at another speed. Default: numba if it is installed.
    epoch_samples : int
        Length of an epoch of a split with ``samples: null``.

    Raises
    ------
    ConfigError
        If the config, an override or the plan is not valid.
    SourceError
        If the digits cannot be read.
    """
    if epoch_samples < 1:
        raise ConfigError(f"epoch_samples: expected at least 1, got {epoch_samples}")
    if isinstance(config, Config):
        if overrides:
            raise ConfigError(f"overrides: expected none with a Config, got {list(overrides)}")
        return DrawnDataset(open_sampler(config, engine), "a config", epoch_samples)
    settings = load_config(Path(config), overrides)
    with naming_file(config):
        sampler = open_sampler(settings, engine)
    return DrawnDataset(sampler, os.fspath(config), epoch_samples)


def draw_sample(origin: str | os.PathLike[str], key: str, overrides: Sequence[str] = ()) -> Sample:
    """Draw one sample of a dataset or a config again, as ``digit-sequence sample`` does.

    Parameters
    ----------
    origin : str or path
        Directory of a dataset, or its URI, or a config.
    key : str
        Of its label row, such as ``"train-42"``; zeros before the ordinal can be left out.
    overrides : sequence of str
        Keys of a config to replace.

    Raises
    ------
    ConfigError
        If there is no such sample, or the config or an override is not valid.
    OutputError
        If the dataset has no plan, or other versions have built it.
    """
    sampler = open_origin(os.fspath(origin), overrides)
    split, ordinal = parse_key(sampler.plan, key)
    return DrawnDataset(sampler, os.fspath(origin))[split.name][ordinal]


def _plan_again(
    tree: Mapping[str, Any], engine: Engine, uri: str, epoch_samples: int
) -> DrawnDataset:
    return DrawnDataset(open_sampler(parse_config(tree, uri), engine), uri, epoch_samples)
