"""The glyphs that a dataset carries, in ``.build/glyphs``: what it is drawn from, source or not."""

from __future__ import annotations

from digit_sequence.base.errors import OutputError, SourceError
from digit_sequence.base.names import BUILD_FOLDER
from digit_sequence.plan.plan import Plan
from digit_sequence.sources.bank import GlyphBank, parse_bank
from digit_sequence.sources.bank_cache import open_bank
from digit_sequence.sources.source import RawGlyphs
from digit_sequence.store.storage import Storage

GLYPHS_PATH = f"{BUILD_FOLDER}/glyphs"


def has_glyphs(storage: Storage, plan: Plan) -> bool:
    """Tell whether a directory has the glyphs of a plan, and they are sound."""
    try:
        parse_bank(storage.read(GLYPHS_PATH), plan.source_digest)
    except (FileNotFoundError, SourceError):
        return False
    return True


def load_glyphs(storage: Storage, plan: Plan) -> GlyphBank:
    """Return the glyphs that a dataset is drawn from.

    Raises
    ------
    OutputError
        If they are missing or not those of the plan.
    SourceError
        If they cannot be put into the cache.
    """
    remedy = f"run `digit-sequence verify {storage.uri} --repair`"

    def read() -> RawGlyphs:
        try:
            return parse_bank(storage.read(GLYPHS_PATH), plan.source_digest)
        except FileNotFoundError as error:
            raise OutputError(f"{storage.uri}: {GLYPHS_PATH}: is missing; {remedy}") from error
        except SourceError as error:
            raise OutputError(f"{storage.uri}: {GLYPHS_PATH}: {error}; {remedy}") from error

    return open_bank(read, plan.source_digest)
