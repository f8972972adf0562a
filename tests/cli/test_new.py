"""The command `new`: what is asked, and the configs that come of the answers."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from builds import ROOT, read_rows, run_program
from conftest import sift
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.installation import how_to_install
from digit_sequence.building.sampler import open_sampler
from digit_sequence.cli.draft import SHOWN
from digit_sequence.cli.new import QUESTIONS
from digit_sequence.cli.new_config import write_config
from digit_sequence.cli.program import main
from digit_sequence.cli.wishes import (
    CHECKS,
    TRAIN,
    Wishes,
    check_numbers,
    find_default,
    list_sources,
)
from digit_sequence.config.jobs import JOBS, MODELINE, list_jobs, split_comment
from digit_sequence.config.loading import load_config
from digit_sequence.config.looks import list_looks
from digit_sequence.exports import EXPORTS
from digit_sequence.plan.plan import make_plan
from terminals import open_session

HERE = ("--scheduler", "synchronous")


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch, shared_cache):
    """Run in an empty folder."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(shared_cache))
    return tmp_path / "work"


def run(*arguments, command="new", status=0, input=None):  # noqa: A002 - as of CliRunner
    """Run the command, or another, in this process, where nobody can be asked."""
    result = CliRunner().invoke(main, [command, *map(str, arguments)], input=input)
    assert result.exit_code == status, result.output
    return result


def write(path, **wishes):
    """Return the text of the config of wishes, the others by default, and what it plans."""
    for name in CHECKS:
        wishes.setdefault(name, find_default(name, wishes))
    return write_config(Wishes(**wishes), path)


def make(path, **wishes):
    """Write the config of wishes; return its text, and itself as it is read again."""
    text, _ = write(path, **wishes)
    path.write_text(text)
    return text, load_config(path)


@cache
def list_signs(numbers):
    """Return the signs that some numbers have."""
    return {*write(Path("mine.yaml"), numbers=numbers)[1].alphabet}


# -- configs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "look"), sift(product([*JOBS, "1", "1-14", "15", "64"], list_looks()), 3)
)
def test_all_numbers_on_all_papers(work, numbers, look):
    """Whatever numbers in whatever look load, lint and draw, with a label for each sign."""
    text, config = make(work / "mine.yaml", numbers=numbers, look=look)
    assert {*config.look} == {look}
    assert max(map(len, text.splitlines())) <= 110
    sampler = open_sampler(config)
    assert sampler.plan.unlabelled == {}
    for split in sampler.plan.splits:
        assert len(list(sampler.draw(split, 0, 2).cut())) == 2


@pytest.mark.parametrize(
    ("numbers", "trainer"), [*product(["zip", "codes", "amounts", "1-40"], [TRAIN, *EXPORTS])]
)
def test_all_numbers_for_all_trainers(work, numbers, trainer):
    """A config has the label columns of its trainer; signs that one does not take are refused."""
    if trainer in EXPORTS and list_signs(numbers) - {*EXPORTS[trainer].takes}:
        with pytest.raises(ConfigError, match="--for: expected a format whose readers take "):
            make(work / "mine.yaml", numbers=numbers, trainer=trainer)
        return
    _, config = make(work / "mine.yaml", numbers=numbers, trainer=trainer)
    present = {column.name for column in make_plan(config, "").columns}
    columns = EXPORTS[trainer].columns if trainer in EXPORTS else ()
    assert {it for it in columns if it in ("masks", "polygons")} <= present


@pytest.mark.parametrize("samples", [1, 7, 400, 10**9])
@pytest.mark.parametrize("numbers", [*JOBS, "3"])
def test_counts(work, numbers, samples):
    """Train has what was asked for; val and test a tenth of it, and no more than is of use."""
    _, config = make(work / "mine.yaml", numbers=numbers, samples=samples)
    assert config.splits["train"].samples == samples
    for name in ("val", "test"):
        assert 1 <= config.splits[name].samples <= min(3000, max(1, samples // 10))
    open_sampler(config)


@pytest.mark.parametrize("name", list_sources())
@pytest.mark.parametrize("numbers", [*JOBS, "3"])
def test_sources(work, name, numbers):
    """A source that needs no more than its name may stand in each config."""
    assert make(work / "mine.yaml", numbers=numbers, digits=name)[1].source.name == name


def test_what_a_config_looks_like(work):
    """A config is short, has its comments, and its first line is for editors."""
    text, _ = make(work / "mine.yaml", numbers="dates", look="cheque", trainer="yolo-seg")
    head, _, rest = text.partition("\n")
    assert Path(head.removeprefix(MODELINE)).resolve() == ROOT / "configs/schema.json"
    assert rest.startswith("# Dates of sixty years in three ways that people write them: ")
    for part in (
        "\n\nlook: cheque\n\n# Signs on the paper that no label would have.\nline: {separators: ",
        "}\n\n# What yolo-seg needs.\nlabels: {polygons: true}\n\noutput: {",
    ):
        assert part in text
    assert "\n\n\n" not in text
    assert len(text.splitlines()) < 50


def test_weights_of_looks(work):
    """Several looks share the samples by weight."""
    _, config = make(work / "mine.yaml", look=" cheque=3, form")
    assert {name: look.weight for name, look in config.look.items()} == {"cheque": 3, "form": 1}


def test_own_numbers_and_digits(work, tmp_path):
    """A file of numbers and a folder of digits are named relative to the config, or in full."""
    (work / "numbers.txt").write_text("12.50\n7\n")
    for digit in "0123456789":
        (work / "mine" / digit).mkdir(parents=True)
    wishes = {"numbers": "numbers.txt", "digits": str(work / "mine")}
    text, config = make(work / "mine.yaml", **wishes)
    assert "{path: numbers.txt}" in text
    assert "  path: mine\n" in text
    assert config.canvas.width == 5 * 32
    assert config.source.path == str(work / "mine")
    (tmp_path / "else").mkdir()
    assert make(tmp_path / "else/mine.yaml", **wishes)[1].source == config.source


@pytest.mark.parametrize("numbers", ["1-6", "zip", "amounts"])
def test_own_digits_in_dark_ink(work, bank, numbers):
    """Digits that are dark on white become what the same digits are in bright ink on black."""
    for row, digit in enumerate(bank.digits):
        (work / f"mine/{digit}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - bank.images[row]).save(work / f"mine/{digit}/{row:03}.png")
    text, config = make(work / "mine.yaml", numbers=numbers, digits="mine")
    assert text.count("ink: auto") == 1
    found = open_sampler(config).bank  # a doubt would be a warning, and that an error
    order = np.argsort(bank.digits, kind="stable")
    assert np.abs(found.images.astype(int) - bank.images[order]).max() <= 8


@pytest.mark.parametrize(
    ("text", "numbers", "file"),
    [
        ("12\n345\n", "f.csv", {"path": "f.csv"}),
        ("number\n12\n345\n", "f.csv", {"path": "f.csv", "column": "number"}),
        ("zip,people\n12,3\n345,9\n", "f.csv:zip", {"path": "f.csv", "column": "zip"}),
        (
            "zip,people\n12,3\n345,9\n",
            "f.csv:zip:people",
            {"path": "f.csv", "column": "zip", "weight": "people"},
        ),
    ],
)
def test_columns_of_files(work, text, numbers, file):
    """A column of a CSV file is named, and the one that weighs it; one alone need not be."""
    (work / "f.csv").write_text(text)
    _, config = make(work / "mine.yaml", numbers=check_numbers(numbers))
    path = str(work / "f.csv")
    assert config.splits["train"].numbers.kind.settings.model_dump(exclude_none=True) == {
        **file,
        "path": path,
    }
    assert config.canvas.width == 3 * 32
    assert len(list(open_sampler(config).draw("train", 0, 2).cut())) == 2


def test_comments():
    """Each job is told by the sentence that its config begins with, without the line of editors."""
    assert [*list_jobs()] == [*JOBS]
    assert all(re.fullmatch(r"[A-Z][^\n]+\.", text) for text in list_jobs().values())
    assert split_comment(f"{MODELINE}x.json\n# One\n# two.\nseed: 1\n") == ("One two.", "seed: 1\n")
    assert split_comment("seed: 1\n") == ("", "seed: 1\n")


# -- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--numbers", "amounts", "--look", "cheque", "--for", "yolo-seg"),
    ],
)
def test_from_options_to_a_dataset(work, options):
    """What is written is built at once, and the commands that come next are those to give."""
    done = run("mine.yaml", "--samples", "30", *options, "--yes")
    first, *following = done.stdout.splitlines()
    n_shown = min(SHOWN, 30) + 2 * 3
    assert first == f"mine.yaml: a config; mine.png: {n_shown} samples of it. What comes next:"
    assert Path("mine.png").read_bytes().startswith(b"\x89PNG")
    commands = [line.split()[1:] for line in following if "digit-sequence " in line]
    assert commands[0] == ["build", "mine.yaml"]
    run(*commands[0][1:], *HERE, command="build")
    assert len(read_rows(work / "data/mine")) == 36
    if options:
        assert commands[1][:2] == ["export", "data/mine"]
        run(*commands[1][1:], *HERE, command="export")
        assert (work / f"data/mine-{options[-1]}").is_dir()
    else:
        assert commands[1:] == [["train", "data/mine"], ["read", "runs/mine", "CROPS"]]


@pytest.mark.parametrize(
    ("trainer", "needing", "package"), [("train", "train", "torch"), ("lmdb", "export", "lmdb")]
)
def test_what_lacks_is_told(work, monkeypatch, trainer, needing, package):
    """A package that the next commands need and that is not there is named, and how to install it.

    Programs get it as the first command.
    """
    monkeypatch.setattr("digit_sequence.cli.draft.find_spec", lambda _name: None)
    install = how_to_install(package)
    words = ("--samples", "5", "--digits", "mnist-5k", "--for", trainer, "--yes")
    told = run("mine.yaml", *words).stdout.splitlines()
    assert told[-1] == f"{needing} needs {package}, which is not installed: {install}"
    told = run("other.yaml", *words, "--json").stdout.splitlines()
    assert json.loads(told[-1])["result"]["commands"][0] == install


@pytest.mark.slow
def test_crops(work):
    """Of real crops comes what `match` writes, with the other answers put into it."""
    sampler = open_sampler(make(work / "real.yaml", numbers="3", look="scan")[1])
    (work / "crops").mkdir()
    for index, image in enumerate(sampler.draw("train", 0, 10).cut()):
        Image.fromarray(image).save(work / f"crops/{index}.png")
    done = run("like.yaml", "--match", "crops", "--samples", "50", "--for", "yolo-seg", "--yes")
    assert "like.png: your crops beside built ones, to be published only if" in done.stdout
    config = load_config("like.yaml")
    assert config.splits["train"].samples == 50
    assert config.labels.polygons
    assert "# Images like the 10 crops of " in Path("like.yaml").read_text()
    assert open_sampler(config).draw("test", 0, 1)


ERRORS = {
    "lacking": (
        ["mine.yaml", "--numbers", "zip"],
        "expected a terminal to ask at, or a line of input with each answer, got none to Look; "
        "or give --look, --digits, --samples, --for, or --yes",
    ),
    "no config": (["--numbers", "zip"], ".* or give --look, .*, --for, CONFIG, or"),
    "numbers": (
        ["--numbers", "zips", "--yes"],
        "--numbers: expected one of zip, amounts, .*, how many digits, .* got 'zips'",
    ),
    "no digits": (["--numbers", "0-3", "--yes"], "--numbers: expected one of zip, .* got '0-3'"),
    "too long": (["--numbers", "65", "--yes"], "--numbers: expected one of zip, .* got '65'"),
    "downwards": (["--numbers", "6-1", "--yes"], "--numbers: expected one of zip, .* got '6-1'"),
    "bad file": (["--numbers", "bad.txt", "--yes"], "--numbers: .*bad.txt: line 1: expected a str"),
    "columns": (
        ["--numbers", "two.csv", "--yes"],
        "--numbers: expected a column of two.csv, two.csv:zip, or two, two.csv:zip:people, where",
    ),
    "no column": (
        ["--numbers", "two.csv:zap", "--yes"],
        "--numbers: two.csv: expected one column 'zap', got 'zip', 'people'",
    ),
    "letters": (
        ["--numbers", "letters.txt", "--digits", "mnist-5k", "--yes"],
        "--digits: expected glyphs of A B, as these numbers have, got mnist-5k, which has digits",
    ),
    "look": (
        ["--look", "cheques", "--yes"],
        "--look: expected one of .* got 'cheques'; did you mean cheque.$",
    ),
    "look twice": (["--look", "fax,fax", "--yes"], "--look: expected one of .* got 'fax,fax'$"),
    "weight": (["--look", "fax=-1", "--yes"], "--look: expected one of .* got 'fax=-1'"),
    "no weight": (["--look", "fax=0", "--yes"], "--look: expected one of .* got 'fax=0'"),
    "digits": (["--digits", "csv", "--yes"], "--digits: expected one of mnist, mnist-5k, or a fol"),
    "samples": (["--samples", "many", "--yes"], "--samples: expected 1 to .* in digits"),
    "no samples": (["--samples", "0", "--yes"], "--samples: expected 1 to .* in digits, got '0'"),
    "trainer": (["--for", "voc", "--yes"], "--for: expected one of train, lmdb, .* got 'voc'$"),
    "near trainer": (["--for", "padleocr", "--yes"], "--for: .*; did you mean paddleocr.$"),
    "labels": (["--labels", "names", "--yes"], "--labels: expected --match, whose crops they are"),
    "both": (["--match", "x", "--look", "fax", "--yes"], "--look: expected none with --match, "),
    "no crops": (["--match", "none"], "--match: none: expected a folder of images, got none"),
    "few crops": (["--match", "few"], "--match: few: expected at least 8 images of numbers, got 7"),
    "there": (
        ["there.yaml", "--yes"],
        "CONFIG: there.yaml is there already; name another, or give",
    ),
    "sheet": (["sheet.yaml", "--yes"], "CONFIG: sheet.png is there already; name another, or give"),
    "name": (["mine", "--yes"], "CONFIG: expected a name that ends in .yaml or .yml, got mine"),
    "folder": (["folder.yaml", "--yes", "--overwrite"], "CONFIG: folder.yaml is there already"),
}


@pytest.mark.parametrize(("arguments", "message"), ERRORS.values(), ids=ERRORS)
def test_errors(work, arguments, message):
    """A wrong answer is one message that says what was expected, and nothing is written."""
    (work / "folder.yaml").mkdir()
    for name in ("there.yaml", "sheet.png", "bad.txt"):
        (work / name).write_text("x\n")
    (work / "two.csv").write_text("zip,people\n12,3\n")
    (work / "letters.txt").write_text("BA1\n")
    (work / "few").mkdir()
    for n in range(7):
        (work / f"few/{n}.png").touch()
    (work / "few/notes.txt").touch()
    before = {path.name for path in work.iterdir()}
    result = run(*arguments, status=2)
    assert result.stdout == ""
    assert re.match(f"error: {message}", result.stderr), result.stderr
    assert {path.name for path in work.iterdir()} == before
    assert (work / "there.yaml").read_text() == "x\n"


def test_overwriting(work):
    """What is there is replaced on request alone."""
    run("--samples", "5", "--yes")
    before = Path("mine.yaml").read_text()
    run("--samples", "6", "--yes", status=2)
    assert Path("mine.yaml").read_text() == before
    run("--samples", "6", "--yes", "--overwrite")
    assert load_config("mine.yaml").splits["train"].samples == 6


# -- questions ------------------------------------------------------------------------------------


def test_every_wish_is_asked():
    """A question, and a check of its answer, for each wish; its own default is sound."""
    assert [*QUESTIONS] == [*CHECKS] == [*Wishes.__dataclass_fields__]
    wishes = {}
    for name, check in CHECKS.items():
        wishes[name] = check(str(find_default(name, wishes)))
    assert wishes["look"].startswith("scan=3,form=2")


def test_a_conversation(work, forks):
    """Answers are typed; a wrong one is asked again; a sheet that is not liked starts anew."""
    (work / "few").mkdir()
    for n in range(7):
        (work / f"few/{n}.png").touch()
    with open_session(forks, "new", "--samples", 40) as person:
        person.wait_for("8 or more.")
        person.wait_for(r"Folder of real crops \(Enter: none\): ")
        person.type("nowhere\n")
        person.wait_for("error: expected a folder of images, or nothing, got 'nowhere'")
        person.type("few\n")
        person.wait_for("error: few: expected at least 8 images of numbers, got 7")
        person.type("\n")
        person.wait_for(r"  zip +ZIP codes")
        person.wait_for(r"Numbers \[1-6\]: ")
        person.type("zip code\n")
        person.wait_for("error: expected one of zip, amounts")
        person.type("zip\n")
        person.wait_for(r"  cheque +Amounts on bank cheques")
        person.wait_for(r"\[form\]: ")
        person.type("\n")
        person.wait_for(r"Digits \[mnist-5k\]: ")
        person.type("\n")
        person.wait_for(r"Trainer \[train\]: ")
        person.type("yolo\n")
        person.wait_for(r"Config to write \[mine.yaml\]: ")
        person.type("zips.yaml\n")
        person.wait_for(r"zips.png shows 20 samples of it. With no, all is asked again.")
        person.wait_for(r"Write zips.yaml\? yes, no, quit \[yes\]: ")
        assert not Path("zips.yaml").exists()
        assert Path("zips.png").exists()
        person.type("never\n")
        person.wait_for("error: expected yes, no or quit, got 'never'")
        person.type("n\n")
        person.wait_for(r"Once more; Enter leaves an answer as it was, q leaves.")
        person.wait_for("folder")
        assert not Path("zips.png").exists()
        person.type("\n")
        person.wait_for(r"Numbers \[zip\]: ")
        person.type("4\n")
        for prompt in (r"\[form\]: ", r"Digits \[mnist-5k\]: ", r"Images \[40\]: ", r"\[yolo\]: "):
            person.wait_for(prompt)
            person.type("\n")
        person.wait_for(r"Write zips.yaml\? yes, no, quit \[yes\]: ")
        person.type("\n")
        person.wait_for("digit-sequence build zips.yaml")
        person.wait_for("digit-sequence export data/zips --to yolo -o data/zips-yolo")
        assert person.end() == 0
    config = load_config("zips.yaml")
    assert config.splits["train"].numbers.kind.name == "random"
    assert [*config.look] == ["form"]


@pytest.mark.parametrize("columns", [40, 80])
def test_questions_fit(work, forks, columns):
    """No line of a question is wider than the terminal, not even with the default of looks."""
    options = ("--digits", "mnist-5k", "--samples", 5, "--for", "train")
    with open_session(forks, "new", "mine.yaml", *options, columns=columns) as person:
        person.wait_for("none\\): ")
        person.type("\n")
        person.wait_for(r"Numbers \[1-6\]: ")
        person.type("\n")
        person.wait_for(r"\nLook( \[.*\])?: ")
        person.type("\x03")
        assert person.end() == 130
    assert ("Enter: scan=3, form=2," in person.shown) == (columns == 40)
    assert max(map(len, person.shown.splitlines())) <= columns


@pytest.mark.parametrize("answer", ["q\n", "\x03"], ids=["quit", "Ctrl-C"])
def test_leaving_at_the_sheet(work, forks, answer):
    """A config that is not written leaves no sheet, or the one that was there before."""
    Path("mine.png").write_bytes(b"before")
    options = ("--numbers", "2", "--look", "clean", "--digits", "mnist-5k", "--for", "train")
    for name in ("new.yaml", "mine.yaml"):
        words = (name, *options, "--samples", 5, "--overwrite")
        with open_session(forks, "new", *words) as person:
            person.wait_for("Write [a-z.]+\\? yes, no, quit \\[yes\\]: ")
            assert Path(name).with_suffix(".png").read_bytes().startswith(b"\x89PNG")
            person.type(answer)
            person.wait_for("stopped; no config was written")
            assert person.end() == 130
    assert [path.name for path in work.iterdir()] == ["mine.png"]
    assert Path("mine.png").read_bytes() == b"before"


@pytest.mark.parametrize("key", ["\x03", "\x04", "q\n"], ids=["Ctrl-C", "Ctrl-D", "quit"])
def test_leaving(work, forks, key):
    """Who leaves in the middle leaves nothing behind; the exit code is that of Ctrl-C."""
    with open_session(forks, "new") as person:
        person.wait_for("none\\): ")
        person.type("\n")
        person.wait_for(r"Numbers \[1-6\]: ")
        person.type(key)
        person.wait_for("stopped; no config was written")
        assert person.end() == 130
    assert not list(work.iterdir())


def test_nobody_to_ask(work):
    """Without a terminal and without answers nothing is waited for."""
    done = run_program("new", stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert done.stderr.startswith("error: expected a terminal to ask at, or a line of input with ")
    assert not list(work.iterdir())


@pytest.mark.parametrize("end", ["", "yes\n", "no\n\n\n\n\n\n\nyes\n"])
def test_answers_of_a_pipe(work, end):
    """Answers may be lines of a pipe; then no question is shown, and the end means yes."""
    answers = ["", "zip", "", "mnist-5k", "20", "yolo", "zips.yaml"]
    done = run(status=0, input="\n".join(answers) + "\n" + end)
    assert done.stderr == ""
    assert done.stdout.startswith("zips.yaml: a config; zips.png: ")
    config = load_config("zips.yaml")
    assert ([*config.look], config.splits["train"].samples) == (["form"], 20)
    assert {path.name for path in work.iterdir()} == {"zips.yaml", "zips.png"}


@pytest.mark.parametrize(
    ("answers", "status", "message"),
    [
        ("\nzip\n", 2, "error: expected a terminal .* got none to Look; or give --numbers, "),
        ("\nzap\n4\n", 2, "error: Numbers: expected one of zip, .*; did you mean zip"),
        ("\nzip\nq\n", 130, "\nstopped; no config was written"),
        ("\nzip\nform\nmnist-5k\n9\nyolo\nz.yaml\nno\n", 2, "error: .* got none to Folder of"),
        ("\nzip\nform\nmnist-5k\n9\nyolo\nz.yaml\nq\n", 130, "\nstopped; no config was written"),
    ],
)
def test_a_pipe_that_leaves(work, answers, status, message):
    """A wrong answer of a pipe, one that lacks, and q end it; nothing is written."""
    done = run(status=status, input=answers)
    assert done.stdout == ""
    assert re.match(message, done.stderr), done.stderr
    assert not list(work.iterdir())
