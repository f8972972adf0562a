"""The command ``new``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from digit_sequence.base.errors import BuildStopped, ConfigError, PipelineError
from digit_sequence.base.files import write_file
from digit_sequence.base.home import expand_home
from digit_sequence.base.installation import how_to_install
from digit_sequence.base.text import escape_line
from digit_sequence.cli.help import Formatter
from digit_sequence.cli.options import check_free, check_suffix, output_options
from digit_sequence.cli.terminal import echo, echo_lines, find_manner, has_screen, tell_result

if TYPE_CHECKING:
    from digit_sequence.cli.draft import Draft

MINE = "mine.yaml"
"""The config, if no other name is given."""


@dataclass(frozen=True)
class Question:
    """What is asked about a wish; `wishes` has what checks an answer."""

    option: str
    text: str
    prompt: str
    list_choices: Callable[[], Mapping[str, str]] = dict


def _list_numbers() -> dict[str, str]:
    from digit_sequence.config.jobs import list_jobs

    return {
        **list_jobs(),
        "1-6": "Digits at random, as many as you say: 5, or 1-6.",
        "FILE": "Numbers of a file of yours, one a line.",
        "FILE:COLUMN": "Of a column of a CSV file; FILE:COLUMN:WEIGHT: as often as another says.",
    }


def _list_looks() -> dict[str, str]:
    from digit_sequence.config.looks import list_looks

    return {**list_looks(), "scan=2,form=1": "Several, and how often each."}


def _list_digits() -> dict[str, str]:
    from digit_sequence.cli.wishes import list_sources

    return {**list_sources(), "FOLDER": "Your own: FOLDER/0/*.png ... FOLDER/9/*.png."}


def _list_trainers() -> dict[str, str]:
    from digit_sequence.exports import EXPORTS

    return {
        "train": "digit-sequence train; PyTorch, webdataset, Hugging Face",
        **{name: kind.readers for name, kind in EXPORTS.items()},
    }


QUESTIONS = {
    "numbers": Question("--numbers", "What numbers?", "Numbers", _list_numbers),
    "look": Question("--look", "On what paper?", "Look", _list_looks),
    "digits": Question("--digits", "Whose digits?", "Digits", _list_digits),
    "samples": Question("--samples", "How many images to train on?", "Images"),
    "trainer": Question("--for", "What is to read the images?", "Trainer", _list_trainers),
}
"""By the name of the wish."""
OF_CROPS = ("numbers", "look")
"""Wishes that real crops answer."""


class NewCommand(click.Command):
    """Lists numbers and trainers at the end of its help."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the lists."""
        for heading, choices in (("Numbers", _list_numbers()), ("Trainers", _list_trainers())):
            with formatter.section(heading):
                formatter.write_dl(list(choices.items()))
        super().format_epilog(ctx, formatter)


@click.command(cls=NewCommand)
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--numbers", metavar="NUMBERS", help="What numbers; see below.")
@click.option("--look", metavar="LOOK", help="What paper and pen: scan, or cheque=3,form=1.")
@click.option("--digits", metavar="DIGITS", help="Whose: mnist-5k, mnist, or a folder of yours.")
@click.option("--samples", metavar="N", help="How many images to train on.")
@click.option("--for", "trainer", metavar="TRAINER", help="What is to read them; see below.")
@click.option(
    "--match",
    metavar="FOLDER",
    help="8 or more real crops, to build images like them, instead of --numbers and --look.",
)
@click.option("--labels", metavar="CSV|names", help="Of the real crops, as of `match`.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing: what is not given has its default.")
@click.option("--overwrite", is_flag=True, help="Replace what CONFIG and its sheet hold.")
@output_options
def new(
    config: Path | None,
    match: str | None,
    labels: str | None,
    yes: bool,
    overwrite: bool,
    **given: str | None,
) -> None:
    """Write a config of your own, after a few questions.

    What is answered by an option is not asked; q leaves at any question. Answers may come from a
    pipe, too, a line for each question. A sheet of samples, a PNG, stands beside the config.

    \b
      digit-sequence new
      digit-sequence new cheques.yaml --numbers amounts --look cheque --yes
    """
    from digit_sequence.cli.draft import make_draft

    wishes = {name: _check(name, text) for name, text in given.items() if text is not None}
    if labels is not None and match is None:
        raise ConfigError("--labels: expected --match, whose crops they are of")
    if match is not None and (both := [it for it in OF_CROPS if it in wishes]):
        raise ConfigError(f"--{both[0]}: expected none with --match, whose crops say it")
    if match is not None:
        _check_crops(match, "--match: ")
    path = None if config is None and not yes else _check_path(config or MINE, overwrite)
    try:
        lacking = [] if yes else _list_lacking(wishes, path, match)
        if not yes and not find_manner().is_json and (lacking or sys.stdin.isatty()):
            draft = _converse(wishes, path, match, labels, overwrite)
        elif path is None or lacking:
            raise EOFError("the first")
        else:
            draft = make_draft(wishes, path, match, labels)
            write_file(draft.sheet, draft.picture)
    except click.Abort:
        raise BuildStopped("\nstopped; no config was written") from None
    except EOFError as end:
        raise ConfigError(
            f"expected a terminal to ask at, or a line of input with each answer, got none to "
            f"{end}; or give {', '.join(lacking)}, or --yes, which takes defaults"
        ) from None
    write_file(draft.path, draft.text.encode())
    echo(f"{draft.path}: a config; {draft.sheet}: {draft.shown}. What comes next:")
    for command in draft.commands:
        echo_lines(f"  {command}")
    commands = draft.commands
    if draft.lacking:
        install = how_to_install(draft.lacking)
        needing = commands[1].split()[1]  # after build: train or export
        echo_lines(f"{needing} needs {draft.lacking}, which is not installed: {install}")
        commands = (install, *commands)
    tell_result(config=str(draft.path), sheet=str(draft.sheet), commands=commands)


def _list_lacking(wishes: Mapping[str, Any], path: Path | None, match: str | None) -> list[str]:
    """List what options do not say."""
    asked = [name for name in QUESTIONS if match is None or name not in OF_CROPS]
    lacking = [QUESTIONS[name].option for name in asked if name not in wishes]
    return [*lacking, *(["CONFIG"] if path is None else [])]


def _converse(
    wishes: dict[str, Any],
    path: Path | None,
    crops: str | None,
    labels: str | None,
    overwrite: bool,
) -> Draft:
    """Ask for what options do not say; then for all again, until the user likes the sheet."""
    from digit_sequence.cli.draft import make_draft

    asks_crops = crops is None and not any(name in wishes for name in OF_CROPS)
    asked = [name for name in QUESTIONS if name not in wishes]
    _tell("Enter takes what is in brackets; q leaves, at any question.", gap="")
    while True:
        if asks_crops:
            crops = _ask_crops(crops or "")
        for name in asked:
            if not (crops and name in OF_CROPS):
                wishes[name] = _ask(name, wishes)
        path = path or _prompt("Config to write", MINE, lambda it: _check_path(it, overwrite))
        try:
            draft = make_draft(wishes, path, crops, labels)
            if _is_liked(draft):
                return draft
        except PipelineError as error:
            if not sys.stdin.isatty():
                raise
            echo(f"error: {error}", err=True)
        _tell("Once more; Enter leaves an answer as it was, q leaves.")
        asks_crops, asked = labels is None, list(QUESTIONS)


def _is_liked(draft: Draft) -> bool:
    """Show the sheet and ask; a sheet that is not liked is gone, and what was there is back."""
    before = draft.sheet.read_bytes() if draft.sheet.exists() else None
    answer = ""
    write_file(draft.sheet, draft.picture)
    try:
        if has_screen() and sys.stdin.isatty():
            click.launch(str(draft.sheet))
        _tell(f"{draft.sheet} shows {draft.shown}. With no, all is asked again.")
        answer = _prompt(f"Write {escape_line(draft.path)}? yes, no, quit", "yes", _check_answer)
    except EOFError:  # all is answered
        answer = "yes"
    finally:
        if answer != "yes" and before is None:
            draft.sheet.unlink(missing_ok=True)
        elif answer != "yes" and before is not None:
            write_file(draft.sheet, before)
    if answer == "quit":
        raise click.Abort
    return bool(answer == "yes")


def _check_answer(text: str) -> str:
    """Return the word that an answer begins like."""
    found = [it for it in ("yes", "no", "quit") if text and it.startswith(text.lower())]
    if not found:
        raise ConfigError(f"expected yes, no or quit, got {text!r}")
    return found[0]


def _ask_crops(before: str) -> str | None:
    """Return the folder of real crops, if there is one."""
    from digit_sequence.match.crops import MIN_CROPS

    def check(text: str) -> str:
        if text and not Path(text).is_dir():
            raise ConfigError(f"expected a folder of images, or nothing, got {text!r}")
        return _check_crops(text) if text else ""

    _tell(
        "Have you real pictures of numbers that the images are to look like? Then name the folder "
        f"that they are in, {MIN_CROPS} or more."
    )
    return _prompt("Folder of real crops (Enter: none)", before, check) or None


def _check_crops(folder: str, where: str = "") -> str:
    """Return a folder that has enough images; a ConfigError unless it does."""
    from digit_sequence.match.crops import list_crops

    try:
        list_crops(Path(folder))
    except (PipelineError, OSError) as error:
        raise ConfigError(f"{where}{error}") from error
    return folder


def _ask(name: str, wishes: Mapping[str, Any]) -> Any:
    """Show a question with what can be answered, and return the answer."""
    from digit_sequence.cli.wishes import find_default

    question = QUESTIONS[name]
    formatter = Formatter()
    formatter.write_text(question.text)
    with formatter.indentation():
        formatter.write_dl(list(question.list_choices().items()) or [("", "")])
    _show(f"\n{formatter.getvalue().rstrip()}")
    default = str(wishes[name] if name in wishes else find_default(name, wishes))
    is_long = len(f"{question.prompt} [{default}]: ") > formatter.width
    if is_long:
        _tell(f"Enter: {default.replace(',', ', ')}", gap="")
    return _prompt(question.prompt, default, lambda text: _check(name, text, ""), not is_long)


def _tell(text: str, gap: str = "\n") -> None:
    """Show a sentence, broken where the terminal ends."""
    formatter = Formatter()
    formatter.write_text(text)
    _show(f"{gap}{formatter.getvalue().rstrip()}")


def _show(text: str) -> None:
    """Show a part of a question; a pipe, from which answers may come, is asked nothing."""
    if sys.stdin.isatty():
        echo(text, err=True)


def _prompt(
    text: str, default: str, check: Callable[[str], Any], shows_default: bool = True
) -> Any:
    """Ask until the answer is sound, or the user leaves; of a pipe each answer is to be sound."""
    shows_default = shows_default and bool(default)
    while True:
        if sys.stdin.isatty():
            answer = click.prompt(text, default, err=True, show_default=shows_default).strip()
        elif line := sys.stdin.readline():
            answer = line.strip() or default
        else:
            raise EOFError(text)
        if answer.lower() in ("q", "quit"):
            raise click.Abort
        try:
            return check(expand_home(answer))
        except PipelineError as error:
            if not sys.stdin.isatty():
                raise ConfigError(f"{text}: {error}") from error
            echo(f"error: {error}", err=True)


def _check(name: str, text: str, where: str | None = None) -> Any:
    """Return an answer that is sound; errors name the option."""
    from digit_sequence.cli.wishes import CHECKS

    try:
        return CHECKS[name](text)
    except PipelineError as error:
        where = f"{QUESTIONS[name].option}: " if where is None else where
        raise ConfigError(f"{where}{error}") from error


def _check_path(text: str | Path, overwrite: bool) -> Path:
    """Return the path of a config that can be written, with its sheet."""
    path = Path(text)
    check_suffix(path, "yaml", "CONFIG")
    for each in (path, path.with_suffix(".png")):
        check_free(each, overwrite, "CONFIG")
    return path
