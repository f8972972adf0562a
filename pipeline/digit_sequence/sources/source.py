"""What a source of glyphs is: its block of the config, its files, and how to read them."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from digit_sequence.base.blocks import AS_TUPLE, Block, InputPath, list_paths, local_fields
from digit_sequence.base.characters import CHARACTERS
from digit_sequence.base.version import __version__

SELECTION = ("split_by", "exclude", "keep_doubtful")
"""Fields of a block that say where glyphs are used, not what they are."""
SHARES = ("val_fraction", "test_fraction")
"""Fields of a block that say how much of each digit is held out: 0 if the block lacks one."""


@dataclass(frozen=True)
class RawGlyphs:
    """Glyphs in the order of their source; a glyph's row is its id."""

    images: NDArray[np.uint8]
    """Shape (N, H, W), ink bright on 0."""
    digits: NDArray[np.uint8]
    """Shape (N,), 0 to 9; of signs their codes in `base.characters`."""
    parts: NDArray[np.uint8]
    """Shape (N,): 0 if any split may use the glyph, 1 if only test may."""
    doubts: tuple[str, ...] = ()
    """What may be wrong with them, each with the key that mends it."""
    writers: NDArray[np.int32] | None = None
    """Shape (N,): who wrote each, 0 or more, -1 where nobody knows; None if no writer is known."""
    origins: NDArray[np.uint8] | None = None
    """Shape (N,) ascending: which of the P parts of a mix each is of; None if of no mix."""
    frames: NDArray[np.int16] | None = None
    """Shape (P, 4): top, left, bottom, right of the images of a part, half-open, in those here."""

    def check(self) -> None:
        """Raise a ValueError unless the arrays are what they are declared to be."""
        for name, array, rank in (
            ("images", self.images, 3),
            ("digits", self.digits, 1),
            ("parts", self.parts, 1),
        ):
            if array.dtype != np.uint8 or array.ndim != rank or len(array) != len(self.digits):
                raise ValueError(f"{name}: got {array.dtype} of shape {array.shape}")
        if not self.images.size or self.digits.max() >= len(CHARACTERS) or self.parts.max() > 1:
            raise ValueError("expected digits of 0 to 9, or signs, and parts of 0 and 1")
        writers = self.writers
        if writers is not None and (
            writers.dtype != np.int32 or writers.shape != self.digits.shape or writers.min() < -1
        ):
            raise ValueError(f"writers: got {writers.dtype} of shape {writers.shape}")
        self._check_origins()

    def _check_origins(self) -> None:
        origins, frames = self.origins, self.frames
        if origins is None or frames is None:
            if origins is not None or frames is not None:
                raise ValueError("expected origins and frames, or neither")
            return
        if origins.dtype != np.uint8 or origins.shape != self.digits.shape:
            raise ValueError(f"origins: got {origins.dtype} of shape {origins.shape}")
        if frames.dtype != np.int16 or frames.shape != (len(frames), 4):
            raise ValueError(f"frames: got {frames.dtype} of shape {frames.shape}")
        if (np.diff(origins.astype(int)) < 0).any() or origins[-1] >= len(frames):
            raise ValueError("expected origins that ascend, one for each frame")
        low, high = frames[:, :2], frames[:, 2:]
        if (low < 0).any() or (low >= high).any() or (high > self.images.shape[1:]).any():
            raise ValueError("expected frames that lie in the images")


def join_glyphs(*several: RawGlyphs) -> RawGlyphs:
    """Return glyphs one after another; a ValueError if their images differ in shape."""
    shapes = {glyphs.images.shape[1:] for glyphs in several}
    if len(shapes) > 1:
        sizes = " and ".join(f"{rows} x {columns}" for rows, columns in sorted(shapes))
        raise ValueError(f"expected images of one size, got {sizes}")
    writers = [glyphs.writers for glyphs in several if glyphs.writers is not None]
    return RawGlyphs(
        np.concatenate([glyphs.images for glyphs in several]),
        np.concatenate([glyphs.digits for glyphs in several]),
        np.concatenate([glyphs.parts for glyphs in several]),
        writers=np.concatenate(writers) if len(writers) == len(several) else None,
    )


class SourceBlock(Block):
    """A block `source`: a subclass for each source, which says its name as a Literal."""

    name: str
    """Which source."""
    ink_threshold: int | None = Field(None, ge=0, le=254)
    """Ink up to this, of 255, is ground. Default: 0, but for image files with losses (JPEG) it is
    chosen for each from the ground around its digit."""
    split_by: Literal["glyph", "writer"] = "glyph"
    """What is shared out to the splits: the glyphs of each digit, or whole writers, so that no
    writer is in two splits. Then the fractions are of the writers."""
    exclude: Annotated[tuple[Annotated[int, Field(ge=0)], ...], AS_TUPLE] = ()
    """Rows of digits that no split uses, counted from 0 in the order of the source."""
    exclude_file: InputPath | None = None
    """Text file of such rows, one a line."""


class HeldOut(Block):
    """Shares of the digits, for a source that does not say which digits are for test."""

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


class Source(ABC):
    """Where glyphs come from: one subclass in one file, and a line in `SOURCES`.

    Parameters
    ----------
    settings : SourceBlock
        An instance of `Settings`.
    """

    Settings: ClassVar[type[SourceBlock]]
    """Its block of the config."""
    name: ClassVar[str]
    """As its block says; never set by hand."""
    version: ClassVar[str] = __version__
    """Changes when the same block and files become other glyphs; another package gives its own."""
    license: ClassVar[str | None] = None
    """Of datasets of its glyphs, as the front matter of a dataset card calls it."""
    attribution: ClassVar[str | None] = None
    """Whom a dataset card is to name."""

    def __init__(self, settings: SourceBlock) -> None:
        self.settings = settings

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if hasattr(cls, "Settings"):  # what several sources share has none
            (cls.name,) = get_args(cls.Settings.model_fields["name"].annotation)

    @property
    def names(self) -> list[str]:
        """What a dataset card calls it: its name, or those of what it is made of."""
        return [self.name]

    @property
    def use(self) -> dict[str, Any]:
        """What of its block decides in which splits its glyphs are, in JSON values."""
        by_writer = {"split_by": "writer"} if self.settings.split_by == "writer" else {}
        excluded = sorted(set(self.excluded))
        rows = {"excluded": hashlib.sha256(repr(excluded).encode()).hexdigest()} if excluded else {}
        return {**self.shares, **by_writer, **rows}

    @property
    def shares(self) -> dict[str, float]:
        """What of its block says how its glyphs are shared out: the fields of `SHARES` it has.

        Without `test_fraction`, test has the glyphs of part 1 and no others.
        """
        shares = SHARES[:1] if self.has_test_files else SHARES
        return self.settings.model_dump(include=set(shares))

    @property
    def has_test_files(self) -> bool:
        """Whether files of its own hold the digits of test."""
        return False

    @property
    def has_writers(self) -> bool:
        """Whether its glyphs come with who wrote them: by default if its block has `writers`."""
        return bool(getattr(self.settings, "writers", None))

    def list_credits(self) -> list[str]:
        """List whom a dataset card is to name, a sentence each."""
        return [] if self.attribution is None else [self.attribution]

    def list_notes(self) -> list[str]:
        """List what a user should know of its files, such as that some are ignored."""
        return []

    @property
    def glyph_settings(self) -> dict[str, Any]:
        """What of its block decides on its glyphs, beside the content of its files."""
        others = {"name", *SHARES, *SELECTION, *local_fields(self.Settings)}
        return self.settings.model_dump(mode="json", exclude=others)

    @property
    def excluded(self) -> tuple[int, ...]:
        """The rows that no split uses, without those of a file."""
        return self.settings.exclude

    @property
    def has_paths(self) -> bool:
        """Whether its block names files; else its version and its block tell its glyphs."""
        return bool(list_paths(self.settings))

    def without_paths(self) -> SourceBlock | None:
        """Return the block of the same glyphs that names no path; None if it needs one."""
        fields = local_fields(self.Settings)
        if any(field.is_required() for field in fields.values()):
            return None
        return self.settings.model_copy(
            update={key: field.get_default() for key, field in fields.items()}
        )

    @abstractmethod
    def list_files(self) -> list[Path]:
        """List the files that it reads, in its order, after a download of missing ones.

        Raises
        ------
        SourceError
            If a file is missing and cannot be had. An OSError is turned into one.
        """

    @abstractmethod
    def read(self, files: Sequence[Path]) -> RawGlyphs:
        """Read all glyphs of the listed files.

        Raises
        ------
        SourceError
            If a file is not what it should be, or holds a glyph without ink.
        """
