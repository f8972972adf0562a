"""The command line is a thin layer: whatever a command does, a function of the package does."""

from __future__ import annotations

import ast
import inspect
import re

import click
import pytest
from click.testing import CliRunner

import digit_sequence
from builds import ROOT, build, read_tree, write_config
from digit_sequence.base.errors import ConfigError
from digit_sequence.base.progress import hide_progress
from digit_sequence.building import number_images
from digit_sequence.cli.marks import make_mark, mark_png
from digit_sequence.cli.program import COMMANDS, main
from digit_sequence.codec.encoding import encode_image
from digit_sequence.run.schedulers import SchedulerOptions

FUNCTIONS = {
    "ablate": "ablate",
    "build": "build",
    "doctor": "check_machine",
    "export": "export",
    "match": "match_folder",
    "number": "draw_number",
    "preview": "draw_preview",
    "read": "read_crops",
    "report": "draw_report",
    "sample": "draw_sample",
    "status": "find_status",
    "train": "train",
    "verify": "verify",
}
"""What does a command's work."""
OTHERS = {"browse", "completion", "new"}
"""README.md of the package says that these are for a person."""
THIN = {
    "ablate": {"BASE", "BuildResult", "Outcome"},  # what is printed
    "build": {"Plan", "Run", "Sampler", "SchedulerOptions", "SplitPlan", "start_fork_server"},
    "export": {"EXPORTS", "open_dataset"},
    "match": {"N_ROUNDS", "compare", "draw_match"},  # to print and to draw what was found
    "read": {"COLUMNS"},
    "sample": {"encode_image"},
    "train": {"list_results"},
    "verify": {"BuildResult", "VerifyResult"},
}
"""What else the modules of commands import of the program, but for `base` and `cli`."""
ALIASES = {"plan_build": "build", "ablating": "ablate", "programs": "train"}
"""How some call their function: a part of it, or by its module."""


def list_imports(name):
    """Return which names a command imports from the program, and from where."""
    tree = ast.parse((ROOT / f"pipeline/digit_sequence/cli/{name}.py").read_text())
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {
        (node.module, alias.name)
        for node in found
        if node.module.startswith("digit_sequence.")
        and node.module.split(".")[1] not in ("base", "cli")
        for alias in node.names
    }


def test_every_command_has_a_function():
    """Each command is in the table of the page, with a function that the package gives."""
    assert {*FUNCTIONS} | OTHERS == {*COMMANDS}
    page = (ROOT / "pipeline/digit_sequence/README.md").read_text()
    for name, function in FUNCTIONS.items():
        assert function in digit_sequence._HOMES
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}`"))
        assert f"`{function}(" in row
    for name in OTHERS:
        assert f"`{name}`" in page


@pytest.mark.parametrize("name", FUNCTIONS)
def test_thin(name):
    """The module of a command imports its function, and what else is listed, and no more."""
    names = {ALIASES.get(it, it) for _, it in list_imports(name)}
    assert FUNCTIONS[name] in names
    assert names - {FUNCTIONS[name]} <= THIN.get(name, set())


def list_parameters(name):
    """Return the defaults of what the function of a command takes, by name."""
    if name in ("ablate", "read", "train"):
        pytest.importorskip("torch", reason="needs PyTorch")
    functions = [getattr(digit_sequence, FUNCTIONS[name])]
    if name == "train":
        from digit_sequence.learn.records import TrainOptions

        functions.append(TrainOptions)
    if name == "number":
        functions.append(number_images.make_config)
    found = {
        name: parameter.default
        for function in functions
        for name, parameter in inspect.signature(function).parameters.items()
    }
    if "scheduler" in found:
        fields = inspect.signature(SchedulerOptions).parameters
        found |= {name: parameter.default for name, parameter in fields.items()}
    return found


EACH = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.extras] * (it in digit_sequence._OF_EXTRAS))
        for name, it in FUNCTIONS.items()
    ],
)


@EACH
def test_options_are_parameters(name):
    """Whatever an option says, the function takes: none is for the command alone, but a few."""
    options = {it.name for it in COMMANDS[name].params}
    parameters = {*list_parameters(name)}
    left = {{"out": "dataset"}.get(it, it) for it in options} - parameters - HOW_TO_PRINT
    assert left <= ONLY_ON_THE_COMMAND_LINE.get(name, set())


@EACH
def test_defaults_are_those_of_the_function(name):
    """An option that is not given has the value that the parameter has."""
    parameters = list_parameters(name)
    for option in COMMANDS[name].params:
        default = parameters.get(option.name, inspect.Parameter.empty)
        if default is inspect.Parameter.empty or option.required:
            continue
        if default in (None, False, ()):
            assert not option.default or option.default is click.Option(["-x"]).default, option
        else:
            assert option.default == default, option


HOW_TO_PRINT = {"quiet", "json", "help"}
ONLY_ON_THE_COMMAND_LINE = {
    "build": {"dry_run"},  # plan_build
    "match": {"output", "overwrite"},
    "number": {"number_option", "show"},
    "preview": {"output", "overwrite"},
    "report": {"output", "overwrite"},
    "sample": {"output"},
}
"""Files that commands write, since functions return what is in them; and what is to be printed."""


def run(*words):
    """Run a command; return what it printed."""
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_pictures(built, tiny_config, tmp_path):
    """Preview and sample write what the functions return, of a dataset and of its config."""
    config = write_config(tmp_path / "tiny.yaml", tiny_config())
    for name, origin in (("built.png", built()), ("drawn.png", config)):
        path = tmp_path / name
        run("preview", origin, "-o", path, "-n", 3, "--no-boxes")
        sheet = digit_sequence.draw_preview(origin, count=3, boxes=False)
        mark = make_mark("preview", str(origin), path)
        assert path.read_bytes() == mark_png(sheet.png, mark)
        assert sheet.n_samples == 6
        run("sample", "train-3", "--from", origin, "-o", tmp_path / "sample.png")
        sample = digit_sequence.draw_sample(origin, "train-000000003")
        assert (tmp_path / "sample.png").read_bytes() == encode_image(sample.image, "png")
    there = digit_sequence.open_dataset(built())["train"][3]
    again = digit_sequence.draw_sample(built(), "train-3")
    assert (again.image == there.image).all()
    assert (again.number, again.key) == (there.number, "train-000000003")
    assert (again.boxes == there.boxes).all()
    other = digit_sequence.draw_sample(config, "test-0", ["seed=2"])
    assert other.number == digit_sequence.open_config(config, ["seed=2"])["test"][0].number


def test_export_and_status(built, tmp_path):
    """They write and say what the functions do."""
    run("export", built(), "--to", "coco", "-o", tmp_path / "cli", "--scheduler", "synchronous")
    n_samples = digit_sequence.export(built(), "coco", tmp_path / "api", scheduler="synchronous")
    assert n_samples == 17
    assert read_tree(tmp_path / "cli") == read_tree(tmp_path / "api")
    assert digit_sequence.export(built(), "coco", tmp_path / "api", scheduler="synchronous") == 0
    assert run("status", built()) == digit_sequence.describe_status(built()) + "\n"
    found = digit_sequence.find_status(built())
    assert (found.state, found.samples_done, found.run.state) == ("complete", 17, "ended")
    with pytest.raises(ConfigError, match="output: expected a folder that is mounted here, got s3"):
        digit_sequence.export(built(), "coco", "s3://bucket/folder")


def test_verify_and_repair(tiny_config, tmp_path):
    """Problems are those that the command prints; a repair is told, and ends sound."""
    folder = tmp_path / "out"
    build(tiny_config(), folder)
    before = read_tree(folder)
    options = {"scheduler": "synchronous"}
    assert digit_sequence.verify(folder, redraw=3, **options).problems == ()
    for path in ("images/train/train-00001.tar", "croissant.json", ".build/plan.json"):
        (folder / path).write_bytes(b"")
    seen, built = [], []
    found = digit_sequence.verify(
        folder, repair=True, on_check=seen.append, on_repair=built.append, **options
    )
    assert seen[0].is_quick  # for the plan was damaged, which is mended first
    assert seen[2] is found
    assert found.problems == ()
    assert {it.path for it in seen[0].problems} >= {".build/plan.json"}
    assert [(it.built_samples, it.built_shards) for it in built] == [(5, 1)]
    assert read_tree(folder) == before
    assert digit_sequence.verify(folder, quick=True, **options).problems == ()


def test_progress_is_told(built, tmp_path):
    """What shows progress gets the count first, then samples as they are done."""
    told = []

    class Show:
        def __init__(self, n_samples):
            told.append(n_samples)

        def __enter__(self):
            return lambda samples, is_new: told.append((samples, is_new))

        def __exit__(self, *_):
            told.append("end")

    digit_sequence.verify(built(), scheduler="synchronous", show_progress=Show)
    assert told == [17, (5, True), (5, True), (2, True), (5, True), "end"]
    told.clear()
    digit_sequence.export(
        built(), "mmocr", tmp_path / "out", scheduler="synchronous", show_progress=Show
    )
    assert told == [17, (0, False), (5, True), (5, True), (2, True), (5, True), "end"]
    with hide_progress(5) as on_progress:
        on_progress(5, True)


@pytest.mark.extras
def test_report(built, tmp_path):
    """The page is the one that the command writes, but for the time on it, and its mark."""
    pytest.importorskip("altair", reason="needs the extra report")
    run("report", built(), "-o", tmp_path / "report.html")
    page = re.sub(r"<meta name=.generator.*\n", "", (tmp_path / "report.html").read_text())
    pages = page, digit_sequence.draw_report(built())
    written, returned = (re.sub(r"\d\d:\d\d UTC", "", page) for page in pages)
    assert written == returned


@pytest.mark.extras
def test_train_is_refused_alike(built, tmp_path):
    """What the command says of a dataset that it cannot learn from, the function raises."""
    pytest.importorskip("torch", reason="needs PyTorch")
    result = CliRunner().invoke(main, ["train", str(built()), "-o", str(tmp_path / "run")])
    with pytest.raises(ConfigError) as raised:
        digit_sequence.train(built(), tmp_path / "run")
    assert result.output == f"error: {raised.value}\n"
