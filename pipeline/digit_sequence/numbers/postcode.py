"""Postcodes: all that have the form of a country's, or those of a file, checked by that form."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, model_validator

from digit_sequence.base.blocks import shorten
from digit_sequence.base.errors import ConfigError
from digit_sequence.numbers.automaton import Automaton
from digit_sequence.numbers.file import File, FileSettings
from digit_sequence.numbers.kind import NumberKind, NumberSource
from digit_sequence.numbers.language import LanguageKind, LanguageSettings
from digit_sequence.numbers.pattern import parse_pattern

# The forms that postal services publish. Of what has such a form not all is in use.
_CANADIAN = "[ABCEGHJ-NPRSTV-Z]"
_FORMS = {
    "at": r"[1-9]\d{3}",
    "au": r"(0[289]|[1-9]\d)\d{2}",
    "be": r"[1-9]\d{3}",
    "br": r"\d{5}-\d{3}",
    "ca": rf"[ABCEGHJ-NPRSTVXY]\d{_CANADIAN} \d{_CANADIAN}\d",
    "ch": r"[1-9]\d{3}",
    "cn": r"[0-8]\d{5}",
    "de": r"(0[1-9]|[1-9]\d)\d{3}",
    "dk": r"[1-9]\d{3}",
    "es": r"(0[1-9]|[1-4]\d|5[0-2])\d{3}",
    "fr": r"(0[1-9]|[1-8]\d|9[0-8])\d{3}",
    "gb": r"([A-PR-UWYZ]([A-HK-Y]?\d\d?|\d[A-HJKPSTUW]|[A-HK-Y]\d[ABEHMNPRVWXY]))"
    r" \d[ABD-HJLNP-UW-Z]{2}",
    "in": r"[1-9]\d{5}",
    "it": r"\d{5}",
    "jp": r"\d{3}-\d{4}",
    "nl": r"[1-9]\d{3} ([A-RT-Z][A-Z]|S[BCE-RT-Z])",
    "no": r"\d{4}",
    "pl": r"\d{2}-\d{3}",
    "pt": r"[1-9]\d{3}-\d{3}",
    "ru": r"[1-6]\d{5}",
    "se": r"[1-9]\d{2} \d{2}",
    "us": r"(00[5-9]|0[1-9]\d|[1-9]\d{2})\d{2}",
    "us+4": r"(00[5-9]|0[1-9]\d|[1-9]\d{2})\d{2}-\d{4}",
}
_MAX_MISFITS = 3
"""Numbers of a file that a message lists, at most."""


def _lower(value: object) -> object:
    """Take US for us."""
    return value.lower() if isinstance(value, str) else value


class PostcodeSettings(LanguageSettings):
    """Postcodes of a country: all of its form, or the valid ones of a file."""

    country: Annotated[Literal[tuple(_FORMS)], BeforeValidator(_lower)]  # type: ignore[valid-type]
    """Whose, by its code in ISO 3166; us+4: with four digits more. Those of ca, gb and nl have
    letters, which need a source that has them."""
    file: FileSettings | None = None
    """A file of the valid ones, as `numbers.file`; each must have the form of the country. Then
    `order`, `count` and `slice` are not for it."""

    @model_validator(mode="after")
    def _leave_file_as_it_is(self) -> Self:
        others = {"order", "count", "slice"} & self.model_fields_set
        if self.file is not None and others:
            raise ValueError(
                f"expected no {', '.join(sorted(others))} beside file, whose numbers come in its "
                "order or by weight"
            )
        return self


class Postcode(LanguageKind):
    """Postcodes of a country: all of its form, or the valid ones of a file."""

    name = "postcode"
    Settings = PostcodeSettings
    settings: PostcodeSettings
    example: ClassVar = {"country": "jp"}

    @property
    def is_endless(self) -> bool:
        """Whether numbers are drawn."""
        file = self.settings.file
        return super().is_endless if file is None else File(file).is_endless

    def language(self) -> Automaton:
        """Return what has the form of the country's postcodes."""
        return parse_pattern(_FORMS[self.settings.country])

    def inline(self) -> NumberKind:
        """Return the list of the postcodes in the file; a ConfigError if one has another form."""
        file = self.settings.file
        if file is None:
            return self
        listed, form = File(file).inline(), self.language()
        misfits = [number for number in dict.fromkeys(listed.settings) if not form.find(number)]
        if misfits:
            got = ", ".join(map(shorten, misfits[:_MAX_MISFITS]))
            example = form.unrank(form.count // 2)
            raise ConfigError(
                f"{file.path}: expected postcodes of {self.settings.country}, such as {example}, "
                f"got {got}{', ...' if len(misfits) > _MAX_MISFITS else ''}: {len(misfits):,} of "
                f"another form{_suspect_zeros(misfits, form)}"
            )
        return listed

    def open(self, seed: int, split: str) -> NumberSource:
        """Return the postcodes of a split."""
        if self.settings.file is None:
            return super().open(seed, split)
        return self.inline().open(seed, split)


def _suspect_zeros(misfits: list[str], form: Automaton) -> str:
    """Return what to do if zeros in front are lacking, as spreadsheets lose them."""
    padded = (number.zfill(form.max_digits) for number in misfits)
    if all(map(form.find, padded)):
        return "; zeros in front are lacking, which spreadsheets lose: write the column as text"
    return ""
