"""Images of one number in a folder of its own, with the options of the tool this one replaces.

::

    IMAGE_DIR/14543/14543_0.jpg ...
    IMAGE_DIR/14543/labels.parquet    their label index
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digit_sequence.base.characters import name_number
from digit_sequence.base.current_folder import leave_lost_folder
from digit_sequence.base.errors import ConfigError, OutputError, SourceError
from digit_sequence.building.sampler import open_sampler
from digit_sequence.building.shard import pack_shard, write_shard
from digit_sequence.config.loading import parse_config
from digit_sequence.config.model import Config
from digit_sequence.containers.container import Batch, Packed, Target
from digit_sequence.containers.files import pack_folders
from digit_sequence.plan.plan import Shard
from digit_sequence.sources.registry import SOURCES
from digit_sequence.sources.source import SHARES
from digit_sequence.store.labels import Commit, read_commit
from digit_sequence.store.storage import Storage

_OPTIONS = {
    "number: seed": ["seed"],
    "number: ": [],
    "splits.train.numbers.values.0": ["number_option"],
    "splits.train.samples": ["batch_count"],
    "canvas.height": ["height"],
    "canvas.width": ["width"],
    "glyph.crop.margin": ["margin"],
    "line.spacing": ["min_spacing", "max_spacing"],
    "source.path": ["data_dir"],
    "source.name: mnist-5k": ["source mnist-5k"],
    "source.name": ["source"],
}
"""What an option is called in a config."""


def _name(option: str, typed: Mapping[str, str]) -> str:
    """Return how an option is spelled: as typed, else as help has it."""
    if option == "number_option":
        return typed.get(option, "NUMBER")
    return typed.get(option, f"--{option.replace('_', '-')}")


@contextmanager
def _naming_options(typed: Mapping[str, str]) -> Iterator[None]:
    """Name options in errors, rather than the keys of a config that its user has not written."""
    try:
        yield
    except (ConfigError, SourceError) as error:
        message = str(error).replace(
            "leave source.path out", "give --source mnist instead of source.path"
        )
        for key, options in _OPTIONS.items():
            message = message.replace(key, ", ".join(_name(option, typed) for option in options))
        raise type(error)(message) from error


@dataclass(frozen=True)
class NumberImages:
    """The images that were made."""

    paths: tuple[Path, ...]
    scaled: int
    """How many lines were wider than the canvas and were shrunk."""
    width: int
    """Columns of the canvas."""


def draw_number(
    number: str,
    image_dir: str | Path = "images",
    *,
    overwrite: bool = False,
    typed: Mapping[str, str] = {},
    **options: Any,
) -> NumberImages:
    """Make images of one number, as ``digit-sequence number`` does.

    Parameters
    ----------
    number : str
    image_dir : str or Path
        Folder for the number's own.
    overwrite : bool
        Replace images made with other options.
    typed : mapping of str
        As of `make_config`.
    **options
        As of `make_config`: ``width=200``, ``crop=True``, ``batch=True``.

    Raises
    ------
    ConfigError
        If an option is out of range.
    OutputError
        If the folder holds images made with other options.
    """
    config = make_config(number, typed=typed, **options)
    paths, n_scaled = write_images(config, str(image_dir), overwrite, typed)
    return NumberImages(tuple(paths), n_scaled, config.canvas.widest)


def make_config(
    number: str,
    *,
    width: int = 170,
    height: int = 28,
    min_spacing: int = 5,
    max_spacing: int = 10,
    crop: bool = False,
    margin: int = 0,
    augment: bool = False,
    rotate: float = 40.0,
    batch: bool = False,
    batch_count: int = 10,
    data_dir: str | None = None,
    source: str | None = None,
    seed: int = 0,
    typed: Mapping[str, str] = {},
) -> Config:
    """Return the config that the options of the original tool stand for.

    The digits are those of `mnist-5k`, which need no network, or of `mnist` if `data_dir` names its
    folder; `source` may say otherwise. `typed` has the spelling of options, for errors, where it is
    not that of their names here.

    Raises
    ------
    ConfigError
        If an option is out of range.
    """
    glyph: dict[str, Any] = {"overflow": "clip"}
    if crop:  # stretched to the height of the canvas, as wide as it was
        glyph |= {"crop": {"margin": margin}, "aspect": "stretch"}
    if augment:
        glyph |= {
            "salt": {"probability": 0.5, "pixels": [10, 10]},
            "shear": {"probability": 0.7, "degrees": [-15, 0]},
            "rotate": {"probability": 0.5, "degrees": [-rotate, rotate]},
            "stroke": {"probability": 0.5, "dilate": 0.5, "pixels": [2, 2]},
        }
    if source is None:
        source = "mnist-5k" if data_dir is None else "mnist"
    fields = SOURCES[source].Settings.model_fields
    digits: dict[str, Any] = {"name": source} | {share: 0 for share in SHARES if share in fields}
    if "keep_doubtful" in fields:
        digits["keep_doubtful"] = True  # all digits, as the original has them
    if data_dir is not None:
        if "path" not in fields:
            raise ConfigError(
                f"{_name('data_dir', typed)}: expected none with --source {source}, whose "
                f"digits are in a package; got {data_dir}"
            )
        digits["path"] = data_dir
    tree = {
        "seed": seed,
        "source": digits,
        "splits": {
            "train": {"numbers": {"values": [number]}, "samples": batch_count if batch else 1}
        },
        "canvas": {"height": height, "width": width, "align": "center"},
        "glyph": glyph,
        "line": {"spacing": [min_spacing, max_spacing]},
        "output": {"container": "files", "image": "jpeg", "quality": 95},
    }
    with _naming_options(typed):
        return parse_config(tree, "number")


def write_images(
    config: Config, image_dir: str, overwrite: bool = False, typed: Mapping[str, str] = {}
) -> tuple[list[Path], int]:
    """Draw the images of a config of one number.

    Returns their paths, and how many lines were wider than the canvas and were shrunk. `typed` is
    that of `make_config`.

    Raises
    ------
    OutputError
        If the number's folder holds images made with other options, and `overwrite` is false.
    """
    storage = Storage(image_dir)
    leave_lost_folder()
    with _naming_options(typed):
        sampler = open_sampler(config)
    split = sampler.plan.splits["train"]
    (number,), _ = split.identities(0, 1)
    folder = name_number(number)
    labels = f"{folder}/labels.parquet"

    def pack(target: Target, batches: Iterable[Batch]) -> Packed:
        return pack_folders("", batches, target.extension)

    packed, commit = pack_shard(sampler, Shard("train", 0, 0, split.n_samples), pack)
    _claim_folder(storage, folder, labels, packed, commit, overwrite, _name("image_dir", typed))
    write_shard(storage, packed, labels, commit)
    return [Path(image_dir, path) for path in packed.files], commit.scaled


def _claim_folder(
    storage: Storage,
    name: str,
    labels: str,
    packed: Packed,
    commit: Commit,
    overwrite: bool,
    option: str,
) -> None:
    """Refuse a folder whose images these would mix with or cut short; empty it to overwrite."""
    there = storage.list(name)
    if all(path in packed.files and storage.read(path) == packed.files[path] for path in there):
        return  # none yet, or what a run that was stopped has left
    if labels in there:
        with storage.open(labels) as file:
            old = read_commit(file)
        if old and old.fingerprint == commit.fingerprint and old.rows <= commit.rows:
            return  # the same images, or fewer of them
        problem = "holds images made with other options, or more of them"
    else:
        problem = "holds files without their labels.parquet"
        overwrite = False
    if not overwrite:
        raise OutputError(
            f"{storage.uri}/{name}: {problem}; choose another {option}"
            + ("" if labels not in there else ", or --overwrite to replace them")
        )
    for path in sorted(there, key=lambda path: path == labels):  # labels last: they say whose
        storage.delete(path)
