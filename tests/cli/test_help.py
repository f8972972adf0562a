"""Help that fits its terminal, and what is said of options in the wrong place."""

from __future__ import annotations

import io
import os
import termios

import pytest
from click.testing import CliRunner

from builds import ROOT
from digit_sequence.cli.program import COMMANDS, main
from digit_sequence.cli.terminal import find_width


def run(*arguments, columns=80, status=0):
    """Run a command on a terminal of some columns; return what it shows."""
    result = CliRunner(env={"COLUMNS": str(columns)}).invoke(main, arguments)
    assert result.exit_code == status, result.output
    return result.output


@pytest.mark.parametrize(
    ("columns", "wished", "expected"), [(40, "", 40), (40, "60", 60), (0, "", None), (40, "0", 40)]
)
def test_width(monkeypatch, columns, wished, expected):
    """Lines are as wide as COLUMNS says, else as the terminal; one without a size folds none."""
    monkeypatch.setenv("COLUMNS", wished)
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    with os.fdopen(theirs, "w") as terminal:
        assert find_width(terminal) == expected
    os.close(ours)


@pytest.mark.parametrize(("wished", "expected"), [("", None), ("60", 60), ("0", None), ("x", None)])
def test_width_of_a_pipe(monkeypatch, tmp_path, wished, expected):
    """What goes into a pipe or a file is as wide as COLUMNS says; else it is not folded."""
    monkeypatch.setenv("COLUMNS", wished)
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "w") as pipe, (tmp_path / "file").open("w") as file:
        assert find_width(pipe) == find_width(file) == expected
    assert find_width(io.StringIO()) == expected


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["doctor", "--scheduler", "synchronous"], 0),
        (["preview", "there is none of this name, nor of another.yaml"], 2),
        (["preview", "x", "--cuont", "3"], 2),
        (["new", "--numbers", "0-3", "--yes"], 2),
    ],
)
def test_columns_of_all_that_is_told(words, status):
    """COLUMNS holds for tables, results and errors of both kinds, where no terminal is."""
    folded = run(*words, columns=40, status=status)
    whole = run(*words, columns="", status=status)
    assert max(map(len, folded.splitlines())) <= 40 < max(map(len, whole.splitlines()))
    assert [*map(ord, "".join(folded.split()))] == [*map(ord, "".join(whole.split()))]


def test_no_summary_is_cut():
    """On 80 columns each command has a line of its own, which says all of its first sentence."""
    lines = run("-h").splitlines()
    assert max(map(len, lines)) <= 80
    commands = lines[lines.index("Commands:") + 1 :]
    assert [line.split()[0] for line in commands] == [*COMMANDS]
    assert all(line.endswith(".") and "..." not in line for line in commands)


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_help_fits(name, columns):
    """Help is as wide as the terminal, but for examples, words that have no break, and lists."""
    shown = run(*filter(None, [name, "-h"]), columns=columns)
    wide = [line for line in shown.splitlines() if len(line) > columns]
    assert all("digit-sequence " in line or len(line.split()) == 1 for line in wide)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_alone(name):
    """A command that is called without the program has the same options of help."""
    assert CliRunner().invoke(COMMANDS[name], ["-h"]).exit_code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--quiet", "build"], "options stand after the command: digit-sequence build --quiet"),
        (["--set", "seed=1", "build", "x"], "after the command: digit-sequence build --set"),
        (["-o", "x", "preview", "y"], "after the command: digit-sequence preview -o"),
        (["--need_crop", "number", "7"], "after the command: digit-sequence number --need_crop"),
        (["--no-boxes"], "after the command: digit-sequence COMMAND --no-boxes"),
        (["--weights", "doctor"], "no such option '--weights'"),
        (["--verison"], "did you mean --version?"),
    ],
)
def test_options_before_the_command(words, told):
    """An option of a command that stands before it is told where it belongs; others are unknown."""
    assert told in run(*words, status=2)


def test_default_outputs_are_no_part_of_a_clone():
    """What commands write without being told where is not committed by accident."""
    ignored = (ROOT / ".gitignore").read_text().split()
    outputs = [
        it.default
        for name in COMMANDS
        for it in COMMANDS[name].params
        if it.name in ("output", "image_dir") and isinstance(it.default, str)
    ]
    assert {*outputs} == {"images", "preview.png", "report.html"}
    assert all({f"/{it}", f"/{it}/"} & {*ignored} for it in outputs)
