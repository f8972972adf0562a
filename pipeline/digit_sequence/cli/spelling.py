"""Options with more than one spelling: those of the tool that `number` replaces work as well.

Its users write ``--image_width 200``, and flags as ``--need_crop``, ``--need_crop=True`` or
``--need_crop True``. Help shows one long spelling of an option, with the others in a list below;
errors name the one that was typed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

Declared = TypeVar("Declared", bound="Callable[..., Any] | click.Command")
_TYPED = f"{__name__}.typed"
"""Where a context keeps which spelling of each option was typed."""


class SpelledOption(click.Option):
    """An option, or a flag, with further spellings.

    Parameters
    ----------
    declarations : sequence of str
        As of `click.Option`; a flag is ``--crop``, and gets ``--no-crop`` unseen.
    also : tuple of str
        The further spellings.
    """

    def __init__(
        self, declarations: Sequence[str], *, also: tuple[str, ...] = (), **attributes: Any
    ) -> None:
        self.also = also
        if attributes.get("is_flag"):
            *short, long = declarations
            declarations = [*short, f"{long}/--no-{long.lstrip('-')}"]
        super().__init__([*declarations, *also], **attributes)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the line of help, with the first spellings alone."""
        shown = copy.copy(self)
        shown.opts = [name for name in self.opts if name not in self.also]
        if self.is_flag:
            shown.secondary_opts, shown.show_default = [], False
        return super(SpelledOption, shown).get_help_record(ctx)

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Return the spelling that was typed, for an error."""
        typed = ctx.meta.get(_TYPED, {}).get(self.name) if ctx else None
        return f"'{typed}'" if typed else super().get_error_hint(ctx)


class SpelledCommand(click.Command):
    """A command with such options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse a command line whose flags may have a value."""
        ctx.meta[_TYPED] = typed = {}
        options = {
            spelling: option
            for option in self.params
            if isinstance(option, SpelledOption)
            for spelling in option.opts
        }
        parsed, words = [], list(args)
        while words:
            word = words.pop(0)
            spelling, equals, value = word.partition("=")
            option = options.get(spelling)
            if option is None:
                parsed.append(word)
                if word == "--":
                    break
                continue
            typed[option.name] = spelling
            if not option.is_flag:
                parsed.append(word)
                if not equals:
                    parsed += words[:1]
                    del words[:1]
                continue
            if not equals:
                value = words.pop(0) if words and words[0].lower() in ("true", "false") else "True"
            is_on = click.BOOL.convert(value, option, ctx)
            parsed.append(option.opts[-1] if is_on else option.secondary_opts[0])
        return super().parse_args(ctx, [*parsed, *words])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the further spellings below the options."""
        also = [name for option in self.params for name in getattr(option, "also", ())]
        formatter.write_paragraph()
        formatter.write_text(f"Spelled as in the original tool, too: {', '.join(also)}.")
        super().format_epilog(ctx, formatter)


def spelled_option(
    *declarations: str, also: str = "", **attributes: Any
) -> Callable[[Declared], Declared]:
    """Declare an option with further spellings, which `also` lists with blanks between."""
    return click.option(*declarations, cls=SpelledOption, also=tuple(also.split()), **attributes)


def list_typed(ctx: click.Context) -> dict[str, str]:
    """Return which spelling of each option was typed, by the name of its parameter."""
    typed: dict[str, str] = ctx.meta[_TYPED]
    return typed
