"""Several sources at once, by weight.

Their glyphs stand one after another, in the order of the names of the parts. All images get as
many rows and columns as the largest: ground is added around the others, and `frames` tells where
they are in it, so that no pixel changes. Writers of a part are numbered on from those before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, Union

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from digit_sequence.base.blocks import Block, retype_field, shorten
from digit_sequence.base.columns import Column
from digit_sequence.base.errors import SourceError
from digit_sequence.sources.reading import list_source_files, read_glyphs
from digit_sequence.sources.source import RawGlyphs, Source, SourceBlock

ORIGIN = Column("source", "string", "part of the mix that its digits are of")
ORIGINS = Column("sources", "string", "part of the mix that its glyph is of", "digit")
MOST_PARTS = 100
_MOST_WRITERS = 2**31
"""They are int32."""

Kinds = Mapping[str, type[Source]]


class SourcePart(Block):
    """A source of a mix, and how often it is drawn from."""

    weight: float = Field(1.0, gt=0, le=1e9)
    """How often, above 0, in proportion to the weights of the others."""
    source: SourceBlock
    """The source: any but a mix."""


def _check_parts(parts: dict[str, SourcePart]) -> dict[str, SourcePart]:
    """Put parts in the order of their names."""
    if not 2 <= len(parts) <= MOST_PARTS or not all(parts):
        raise ValueError(
            f"expected 2 to {MOST_PARTS} parts, each under a name, got "
            f"{shorten(', '.join(parts)) if parts else 'none'}; of one part name its source itself"
        )
    return dict(sorted(parts.items()))


class MixSettings(SourceBlock):
    """Several sources at once, by weight: each sample, or each digit, is of one of them.

    As `parts: {forms: {weight: 2, source: {name: mnist}}, own: {source: {name: folder, path: x}}}`.
    Each part is shared out to the splits as if it were alone, by its own fractions, exclusions and
    files for test; one that has nothing for a split takes no part in it. Glyph ids, which are rows,
    and writers are counted on from part to part, in the order of their names. Images of another
    size get ground around them, and are drawn as if they had none. No two parts may have the same
    image in different splits.
    """

    name: Literal["mix"]
    """Several sources."""
    parts: Annotated[dict[str, SourcePart], AfterValidator(_check_parts)]
    """The sources, each under a name of your own, which label rows repeat."""
    per: Literal["sample", "glyph"] = "sample"
    """What is of one part: a whole sample, whose label row has the column `source`, so that each
    part needs all digits of the numbers; or each glyph, with the column `sources`, from the parts
    that have its digit."""

    @model_validator(mode="after")
    def _check_split_by(self) -> Self:
        for name, part in self.parts.items():
            if part.source.split_by != "glyph":
                raise ValueError(
                    f"expected split_by beside parts, for all of them, got it in parts.{name}"
                )
        return self


def list_columns(settings: SourceBlock) -> list[Column]:
    """List the label column that says which part of a mix a sample, or a digit, is of."""
    if not isinstance(settings, MixSettings):
        return []
    return [ORIGINS if settings.per == "glyph" else ORIGIN]


class Mix(Source):
    """Several sources at once, by weight."""

    Settings = MixSettings
    settings: MixSettings
    kinds: ClassVar[Kinds]
    """The sources that a part may be, by name."""

    @cached_property
    def parts(self) -> dict[str, Source]:
        """The sources by the names of the parts; whole writers are split where the mix says so."""
        return {
            name: self.kinds[part.source.name](
                part.source.model_copy(update={"split_by": self.settings.split_by})
            )
            for name, part in self.settings.parts.items()
        }

    @property
    def names(self) -> list[str]:
        """Those of the parts' sources."""
        return [*dict.fromkeys(source.name for source in self.parts.values())]

    @property
    def shares(self) -> dict[str, float]:
        """None of its own."""
        return {}

    @property
    def use(self) -> dict[str, Any]:
        """Add which part is drawn how often, and how each is shared out."""
        parts = {
            name: {"weight": self.settings.parts[name].weight, "name": source.name, **source.use}
            for name, source in self.parts.items()
        }
        return {**super().use, "per": self.settings.per, "parts": parts}

    @property
    def has_writers(self) -> bool:
        """Whether a part says who wrote its glyphs."""
        return any(source.has_writers for source in self.parts.values())

    def list_credits(self) -> list[str]:
        """List those of all parts."""
        found = (credit for source in self.parts.values() for credit in source.list_credits())
        return [*dict.fromkeys(found)]

    def list_notes(self) -> list[str]:
        """List those of all parts."""
        parts = self.parts.items()
        return [f"parts.{name}: {note}" for name, source in parts for note in source.list_notes()]

    @property
    def glyph_settings(self) -> dict[str, Any]:
        """What of the parts decides on their glyphs."""
        parts = {
            name: [source.name, source.version, source.glyph_settings]
            for name, source in self.parts.items()
        }
        return {"ink_threshold": self.settings.ink_threshold, "parts": parts}

    def without_paths(self) -> SourceBlock | None:
        """Return the mix of the same glyphs that names no path; None if a part needs one."""
        parts = {}
        for name, source in self.parts.items():
            block = source.without_paths()
            if block is None:
                return None
            parts[name] = self.settings.parts[name].model_copy(update={"source": block})
        return self.settings.model_copy(update={"parts": parts, "exclude_file": None})

    def list_files(self) -> list[Path]:
        """List the files of all parts."""
        found: list[Path] = []
        for name, source in self.parts.items():
            with _naming(name):
                found += list_source_files(source)
        return found

    def read(self, files: Sequence[Path]) -> RawGlyphs:  # noqa: ARG002 - each part knows its own
        """Read the parts, one after another."""
        found = {}
        for name, source in self.parts.items():
            with _naming(name):
                found[name] = read_glyphs(source)
        return mix_glyphs(found)


@contextmanager
def _naming(part: str) -> Iterator[None]:
    """Name a part in errors."""
    try:
        yield
    except SourceError as error:
        raise SourceError(f"source.parts.{part}: {error}") from error


def mix_glyphs(parts: Mapping[str, RawGlyphs]) -> RawGlyphs:
    """Return the glyphs of parts one after another, in images of one size.

    Raises
    ------
    SourceError
        If there are more writers than can be numbered.
    """
    shapes = np.array([glyphs.images.shape for glyphs in parts.values()])
    n_glyphs, (rows, columns) = shapes[:, 0].sum(), shapes[:, 1:].max(axis=0)
    images = np.zeros((n_glyphs, rows, columns), np.uint8)
    frames = np.empty((len(parts), 4), np.int16)
    stops = np.cumsum(shapes[:, 0])
    for frame, stop, glyphs in zip(frames, stops, parts.values(), strict=True):
        count, height, width = glyphs.images.shape
        top, left = (rows - height) // 2, (columns - width) // 2
        frame[:] = top, left, top + height, left + width
        images[stop - count : stop, top : top + height, left : left + width] = glyphs.images
    return RawGlyphs(
        images,
        np.concatenate([glyphs.digits for glyphs in parts.values()]),
        np.concatenate([glyphs.parts for glyphs in parts.values()]),
        doubts=tuple(
            f"parts.{name}: {doubt}" for name, glyphs in parts.items() for doubt in glyphs.doubts
        ),
        writers=_number_writers([*parts.values()]),
        origins=np.repeat(np.arange(len(parts), dtype=np.uint8), shapes[:, 0]),
        frames=frames,
    )


def _number_writers(parts: Sequence[RawGlyphs]) -> NDArray[np.int32] | None:
    """Return who wrote the glyphs of parts, numbered on; -1 where a part does not know."""
    if all(glyphs.writers is None for glyphs in parts):
        return None
    found, n_before = [], 0
    for glyphs in parts:
        if glyphs.writers is None:
            found.append(np.full(len(glyphs.digits), -1, np.int64))
            continue
        own = glyphs.writers.astype(np.int64)
        found.append(np.where(own < 0, own, own + n_before))
        n_before += int(own.max()) + 1
    if n_before > _MOST_WRITERS:
        raise SourceError(
            f"source.parts: expected writers of which the highest are below {_MOST_WRITERS:,} in "
            f"sum, got {n_before:,}; number them from 0"
        )
    return np.concatenate(found).astype(np.int32)


def make_mix(kinds: Kinds) -> type[Mix]:
    """Return the source whose parts are of some other kinds."""
    blocks: Any = Union[tuple(kind.Settings for kind in kinds.values())]  # noqa: UP007
    part: Any = retype_field(SourcePart, "source", blocks, discriminator="name")
    parts = Annotated[dict[str, part], AfterValidator(_check_parts)]
    settings = retype_field(MixSettings, "parts", parts)
    return type("Mix", (Mix,), {"Settings": settings, "kinds": kinds, "__doc__": Mix.__doc__})
