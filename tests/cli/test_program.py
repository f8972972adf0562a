"""The command line: what it prints, what it writes, and what it says when something is wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from contextlib import nullcontext
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from builds import (
    ALL_TRANSFORMS,
    ROOT,
    build,
    read_encoded,
    read_rows,
    read_tree,
    run_program,
    start_python,
    write_config,
)
from digit_sequence.base.errors import SourceError
from digit_sequence.cli.program import Program, main
from digit_sequence.cli.signals import telling_stop
from digit_sequence.read.dataset import open_dataset

COMMANDS = [
    "ablate",
    "browse",
    "build",
    "completion",
    "doctor",
    "export",
    "match",
    "new",
    "number",
    "preview",
    "read",
    "report",
    "sample",
    "status",
    "train",
    "verify",
]
HERE = ("--scheduler", "synchronous")


pytestmark = pytest.mark.usefixtures("work")


def run(*arguments, status=0):
    """Run a command in this process."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == status, result.output
    return result


# -- help -----------------------------------------------------------------------------------------


def test_commands():
    """The group lists its commands; each has a line of help."""
    help_text = run("--help").stdout
    listed = re.findall(r"^  ([a-z]+)  +[A-Z].*\.", help_text, re.MULTILINE)
    assert listed == list(main.commands)
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_summaries(name):
    """What the list says of a command, which is not imported for it, is what the command says."""
    summary = main.commands[name].get_short_help_str(60)
    assert main.commands.summarize(name, 60) == summary


HEAVY = {"dask", "distributed", "numpy", "pyarrow", "pydantic", "scipy", "skimage", "numba"}
LIST_IMPORTS = """
import sys
from digit_sequence.cli.program import main
try:
    main(sys.argv[1:])
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    ["--help", "--version", "completion bash", "biuld", *(f"{name} -h" for name in COMMANDS)],
)
def test_imports_wait(arguments):
    """The program imports nothing heavy before a command needs it."""
    process = start_python(
        "-c", LIST_IMPORTS, *arguments.split(), stderr=subprocess.PIPE, text=True
    )
    _, stderr = process.communicate(timeout=60)
    imported = set(stderr.splitlines()[-1].split())
    assert {"click", "digit_sequence.cli.program"} <= imported
    assert not HEAVY & imported


@pytest.mark.parametrize(
    ("words", "offered"),
    [("pre", ["preview"]), ("", COMMANDS), ("--v", ["--version"]), ("zz", [])],
)
def test_completion_of_commands(words, offered):
    """Names of commands, with a line each, and options of the program are completed."""
    found = main.shell_complete(click.Context(main, **main.context_settings), words)
    assert sorted(item.value for item in found) == sorted(offered)
    assert all(item.help for item in found)


COMPLETE = """
set -e
eval "$(digit-sequence completion bash)"
COMP_WORDS=(digit-sequence {}) COMP_CWORD=1
_digit_sequence_completion digit-sequence
echo "${{COMPREPLY[@]}}"
"""


def test_completion():
    """The script for bash completes the names of commands, in a real bash."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", COMPLETE.format("pre")],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "preview"


# -- build ----------------------------------------------------------------------------------------


def test_build(built_of_few, config, work):
    """A build writes the dataset and prints counts, bytes, speed, place and what to do next."""
    result = run("build", config, "-o", "out", *HERE)
    assert read_tree(work / "out") == read_tree(built_of_few())
    assert result.stderr == ""
    n_bytes = {
        split: sum(path.stat().st_size for path in work.glob(f"out/images/{split}/*"))
        for split in ("train", "test")
    }
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["split", "images", "shards", "size", "of", "shards"]
    for line, (split, *counts) in zip(
        lines[1:3], (("train", "12", "3"), ("test", "5", "1")), strict=True
    ):
        assert line.split() == [split, *counts, f"{n_bytes[split] / 1000:.3g}", "kB"]
    assert re.fullmatch(r"built 17 images in \d+\.\d s, [\d,]+ images/s", lines[-4])
    assert re.fullmatch(r"digest [0-9a-f]{64}", lines[-3])
    assert lines[-2:] == ["in out; look at it:", "  digit-sequence preview out"]
    run(*lines[-1].split("digit-sequence ")[1].split())
    assert (work / "preview.png").is_file()


def test_shrunk_lines_are_reported(config):
    """The summary says how many lines were shrunk, and to what width."""
    result = run("build", config, "-o", "out", *HERE, "--set", "canvas.width=40")
    shrunk = read_rows(Path("out"))["scaled"].to_pylist().count(True)
    assert 0 < shrunk < 17
    assert f"{shrunk} of 17 lines were wider than 40 columns and were shrunk" in result.stdout


def test_complete_dataset(config):
    """A second build says that there was nothing to do."""
    run("build", config, "-o", "out", *HERE)
    result = run("build", config, "-o", "out", *HERE)
    assert "nothing to build: the dataset was complete\n" in result.stdout


def test_dry_run(config, work):
    """--dry-run prints the plan with its bytes, and writes nothing."""
    result = run("build", config, "-o", "out", "--dry-run")
    assert list(work.iterdir()) == []
    lines = result.stdout.splitlines()
    assert [line.split()[:4] for line in lines[1:3]] == [
        ["train", "12", "3", "60"],
        ["test", "5", "1", "30"],
    ]
    assert lines[3].split() == ["total", "17", "4"]
    assert lines[4] == "glyphs: handwritten digits to draw from, none of them in two splits"
    assert re.fullmatch(r"about [\d.]+ kB of webdataset shards in out", lines[5])
    assert lines[6].endswith("nothing was written")


def test_dry_run_tells_what_is_excluded(tiny_config, tmp_path):
    """The plan says which numbers a split never shows, and how many are left."""
    number = {"numbers": {"range": {"first": 10, "last": 99}}}
    splits = {
        "train": {**number, "samples": 30, "exclude": {"splits": ["test"], "values": ["98", "99"]}},
        "test": {**number, "samples": 20},
    }
    config = write_config(tmp_path / "unseen.yaml", tiny_config(splits=splits))
    lines = run("build", config, "-o", "out", "--dry-run").stdout.splitlines()
    assert lines[4] == "train shows none of the 22 numbers of test and the list: 68 are left"


@pytest.mark.parametrize(("per", "drawn"), [("sample", "- %"), ("glyph", "%")])
def test_dry_run_tells_what_is_drawn(per, drawn, tiny_config, tiny_source, tmp_path):
    """A sign that a part of a mix lacks is drawn for it, unless the other part's are taken."""
    for digit in [*"0123456789", "-"]:
        (tmp_path / "own" / digit).mkdir(parents=True)
        for place in range(4):
            shade = np.full((20, 12), 100 + 10 * place + ord(digit) % 10, np.uint8)
            Image.fromarray(shade).save(tmp_path / "own" / digit / f"{place}.png")
    own = {"name": "folder", "path": str(tmp_path / "own"), "val_fraction": 0.0}
    parts = {"own": {"source": own | {"test_fraction": 0.0}}, "tiny": {"source": tiny_source}}
    splits = {"train": {"numbers": {"values": ["-5 %"]}, "samples": 3}}
    source = {"name": "mix", "per": per, "parts": parts}
    config = write_config(tmp_path / "mix.yaml", tiny_config(source=source, splits=splits))
    lines = run("build", config, "-o", "out", "--dry-run").stdout.splitlines()
    assert lines[3] == f"signs: - % and space; a pen draws {drawn}"


def test_marks_that_labels_have_as_signs_are_told(tiny_config, tmp_path):
    """Ink like a sign that some labels have and others leave out is told, with what ends it."""
    splits = {"train": {"numbers": {"values": ["1,234", "-5", "1234"]}, "samples": 3}}
    marks = {"separators": {}, "leading": {}, "trailing": {}}
    config = write_config(tmp_path / "marks.yaml", tiny_config(splits=splits, line=marks))
    notes = run("build", config, "-o", "out", "--dry-run").stderr.splitlines()
    assert [note.split(" beside")[0] for note in notes] == [
        "note: line.separators draws ,",
        "note: line.trailing draws , -",
    ]
    off = [f"--set={note.split('--set ')[1].split()[0]}" for note in notes]
    assert run("build", config, "-o", "out", "--dry-run", *off).stderr == ""


def test_output_folder(config, tiny_config, tmp_path, work):
    """-o comes before output.uri, which comes before data/ and the name of the config."""
    run("build", config, *HERE)
    named = write_config(tmp_path / "named.yaml", tiny_config(output={"uri": "named"}))
    run("build", named, *HERE)
    run("build", named, *HERE, "-o", "given")
    found = {path.parent.relative_to(work).as_posix() for path in work.rglob("dataset.json")}
    assert found == {"data/tiny", "named", "given"}


def test_set(config):
    """--set overrides keys, as often as it is given, with values in YAML."""
    run(
        *("build", config, "-o", "out", *HERE, "--set", "seed=5", "--set", "canvas.width=170"),
        *("--set", "splits={val: {numbers: {values: ['00']}, samples: 3}}"),
        *("--set", "line.blur=null", "--set", "output.container=files"),
    )
    rows = read_rows(Path("out")).to_pylist()
    assert [(row["key"], row["number"], row["width"]) for row in rows] == [
        (f"val-00000000{index}", "00", 170) for index in range(3)
    ]
    assert "blur_sigma" not in rows[0]
    assert "rotate_degrees" in rows[0]
    assert Path("out/images/val/00/00_2.png").is_file()


def test_overwrite(config):
    """--overwrite replaces the dataset of another config."""
    run("build", config, "-o", "out", *HERE)
    run("build", config, "-o", "out", *HERE, "--set", "seed=2", "--overwrite")
    run("build", config, "-o", "fresh", *HERE, "--set", "seed=2")
    assert read_tree(Path("out")) == read_tree(Path("fresh"))


def test_default_build_is_quiet(built_of_few, config, work, forks):
    """Into a pipe, a build with default options prints nothing to steer a terminal."""
    done = forks.run("build", config, "-o", "out", "--workers", 2, folder=work)
    assert done.returncode == 0
    assert done.stderr.startswith("processes, 2 at a time")
    assert not re.search(r"[^\n -~]", done.stdout + done.stderr)
    assert read_tree(work / "out") == read_tree(built_of_few())


def test_interrupt(tiny_config, tmp_path, work, forks):
    """Ctrl-C ends a build without a traceback, and says how it goes on later."""
    splits = {"train": {"numbers": {"random": {"lengths": [1, 5]}}, "samples": 3000}}
    path = write_config(tmp_path / "long.yaml", tiny_config(splits=splits))
    process = forks.start("build", path, "-o", "out", "--scheduler", "threads", folder=work)
    wait_for(lambda: [*work.glob("out/labels/*/*")])
    process.send_signal(signal.SIGINT)
    assert (process.wait(), process.read("out")) == (130, "")
    assert re.fullmatch(
        r"\nstopping when the shards that have begun are done; Ctrl-C again: now\n"
        r"stopped: \d+ of 600 shards are done and kept; give the same command again to go on\n",
        process.read("err"),
    )
    assert not (work / "out/dataset.json").exists()


def test_interrupt_of_a_wait(tiny_config, tmp_path, work, forks):
    """Ctrl-C while a cluster is waited for ends a build at once: nothing has begun."""
    path = write_config(tmp_path / "config.yaml", tiny_config())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        process = forks.start("build", path, "-o", "out", "--scheduler", address, folder=work)
        peer, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        found = process.wait(), process.read("out"), process.read("err")
        peer.close()
    assert found == (130, "", "stopped\n")


STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def start_stopped(tmp_path, number, *arguments):
    """Run the program, which gets a signal when it imports its first package."""
    (tmp_path / "click.py").write_text(f"import os\nos.kill(os.getpid(), {int(number)})\n")
    path = os.pathsep.join([str(tmp_path), str(ROOT / "pipeline")])
    return run_program(*arguments, env={"PYTHONPATH": path})


@pytest.mark.parametrize("number", STOPS)
def test_stopped_while_it_starts(tmp_path, number):
    """What is to stop the program while Python imports it ends it in a line, and without one."""
    done = start_stopped(tmp_path, number, "build", "x.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "stopped\n")
    done = start_stopped(tmp_path, number, "build", "x.yaml", "--json")
    assert (done.returncode, done.stderr) == (130, "")
    usual = CliRunner().invoke(main, ["build", "x.yaml", "--json"])
    end = json.loads(done.stdout)
    assert [*end] == [*json.loads(usual.stdout)]
    assert (end["event"], end["outcome"], end["exit_code"]) == ("end", "stopped", 130)


def test_the_installed_program_starts_so():
    """What pip installs is that entry."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"digit-sequence": "digit_sequence.__main__:run"}


@pytest.mark.parametrize("number", STOPS)
@pytest.mark.parametrize("command", ["build", "preview"])
def test_stopped_for_programs(tiny_config, tmp_path, work, forks, command, number):
    """Whatever stops a command, with shards under way or without, programs get the last line."""
    splits = {"train": {"numbers": {"random": {"lengths": [1, 5]}}, "samples": 30_000}}
    path = write_config(tmp_path / "long.yaml", tiny_config(splits=splits))
    more = ("--scheduler", "threads") if command == "build" else ("-n", 1000)
    process = forks.start(command, path, "-o", "out.png", *more, "--json", folder=work)
    if command == "build":
        wait_for(lambda: [*work.glob("out.png/labels/*/*")])
    else:
        time.sleep(0.3)  # at any time
    process.send_signal(number)
    code = process.wait()
    *others, end = map(json.loads, process.read("out").splitlines())
    assert (end["event"], end["outcome"], end["exit_code"]) == ("end", "stopped", 130)
    assert (code, process.read("err")) == (130, "")
    assert "end" not in {other["event"] for other in others}
    if command == "build":
        assert re.match(r"stopped: \d+ of [\d,]+ shards are done and kept", end["message"])


def test_ignored_signals_stay_so(tiny_config, tmp_path, work):
    """Under nohup a build goes on when its terminal is closed."""
    splits = {"train": {"numbers": {"values": ["7"]}, "samples": 200}}
    path = write_config(tmp_path / "config.yaml", tiny_config(splits=splits))
    process = start_python(
        *("-m", "digit_sequence", "build", path, "-o", "out", "--scheduler", "threads"),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        stdout=subprocess.PIPE,
    )
    wait_for(lambda: [*work.glob("out/labels/*/*")])
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0


def wait_for(is_so):
    """Wait until something is so."""
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "line", ["completion bash", "completion bash --json", "--help", "--version", "build -h"]
)
def test_full_disk_below_stdout(line):
    """A result that cannot be written is an error, in a line."""
    with Path("/dev/full").open("w") as full:
        done = run_program(*line.split(), stdout=full)
    assert (done.returncode, done.stdout) == (2, None)
    assert done.stderr == "error: stdout: cannot be written to: No space left on device\n"


NOBODY = {
    "completion bash": (0, ""),
    "completion bash --json": (0, ""),
    "--help": (0, ""),
    "--version": (0, ""),
    "build --help": (0, ""),
    "build": (2, "error: missing argument 'CONFIG' (see python -m digit_sequence build --help)\n"),
    "build tiny.yaml -o new --json": (0, ""),
    "status sound": (0, ""),
    "verify sound --quick": (0, ""),
    "verify damaged --quick": (1, ""),
}
"""Command lines, and what becomes of them."""


@pytest.mark.parametrize(("line", "end"), NOBODY.items(), ids=NOBODY)
def test_nobody_reads(tiny_config, work, line, end):
    """A command whose stdout is a closed pipe goes on and ends as ever, without a word of that."""
    write_config(work / "tiny.yaml", tiny_config())
    for name in {"sound", "damaged"} & set(line.split()):
        build(tiny_config(), work / name)
    for path in work.glob("damaged/images/train/*"):
        path.unlink()
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = run_program(*line.split(), stdout=write_end)
    os.close(write_end)
    assert (done.returncode, done.stderr) == end
    assert (work / "new/dataset.json").exists() == ("new" in line)


def test_another_pipe_is_closed(work):
    """A closed pipe that is not stdout is a defect, which click would end without a word."""
    (work / "program.py").write_text(
        "import click\nfrom digit_sequence.cli.program import Program\n"
        "@click.group(cls=Program)\ndef main(): pass\n"
        "@main.command()\ndef go(): raise BrokenPipeError(32, 'elsewhere')\n"
        "main()\n"
    )
    process = start_python("program.py", "go", stderr=subprocess.PIPE, text=True)
    assert "BrokenPipeError: [Errno 32] elsewhere\n" in process.communicate(timeout=60)[1]
    assert process.returncode == 1


def test_interrupt_while_a_class_is_made(tmp_path):
    """Ctrl-C within `exec`, as imports use it, ends with 130 too, and not by the signal."""
    (tmp_path / "program.py").write_text(
        "import click\nfrom digit_sequence.cli.program import Program\n"
        "@click.group(cls=Program)\ndef main(): pass\n"
        "@main.command()\ndef go(): exec('raise KeyboardInterrupt')\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "program", "go"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "pipeline")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "stopped\n")


def test_a_stop_says_what_it_means():
    """What was told of a stop is said, in a command's own words; else that it stopped."""

    @click.command()
    @click.argument("told")
    def go(told):
        with telling_stop(told) if told else nullcontext():
            raise KeyboardInterrupt

    for told, said in (("", "stopped\n"), ("stopped; it is kept", "stopped; it is kept\n")):
        done = CliRunner().invoke(Program(commands={"go": go}), ["go", told])
        assert (done.exit_code, done.stderr) == (130, said)


# -- sample and preview ---------------------------------------------------------------------------


def test_sample(built_of_few, config, tmp_path):
    """A sample drawn again, from the dataset or from its config, is the one in the shard."""
    folder = built_of_few()
    for row in read_rows(folder).to_pylist()[::4]:
        for origin in (folder, config):
            result = run("sample", row["key"], "--from", origin, "-o", "a/sample.png")
            assert result.stdout == (
                f"a/sample.png: number {row['number']}, sample {row['sample_index']}\n"
            )
            assert Path("a/sample.png").read_bytes() == read_encoded(folder, row)


def test_sample_of_jpeg(built, work):
    """A sample of a JPEG dataset has the pixels that its JPEG shows."""
    folder = built(image="jpeg")
    run("sample", "test-2", "--from", folder, "-o", "a.png")
    image = np.asarray(Image.open(work / "a.png"))
    assert (image == open_dataset(folder)["test"][2].image).all()


def test_preview(built_of_few, config, work):
    """A sheet of a dataset is that of its config; options change what is on it."""
    assert run("preview", built_of_few()).stdout == "preview.png: 17 samples\n"
    run("preview", config, "-o", "config.png")
    run("preview", config, "-o", "plain.png", "--no-boxes")
    run("preview", config, "-o", "few.png", "-n", 2)
    run("preview", config, "-o", "other.png", "--set", "seed=2")
    sheets = {path.stem: np.asarray(Image.open(path)).tobytes() for path in work.glob("*.png")}
    assert sheets.pop("preview") == sheets["config"]
    assert len(set(sheets.values())) == 4


# -- errors ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wrong(tiny_config, shared_cache, tmp_path_factory):
    """Make a folder with things that errors are about, to read only."""
    folder = tmp_path_factory.mktemp("wrong")
    contents = {
        "file": b"",
        "foreign/cat.jpg": b"",
        "folder/sub/x": b"",
        "bad.yaml": b"seed: 1\ncanvas: {width: 3\nsplits: 1\n",
        "twice.yaml": b"seed: 1\nseed: 2\n",
        "binary.yaml": b"\xff\xfe",
        "list.yaml": b"- 1\n",
        "numbers.txt": b"12\n1x2\n",
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    write_config(folder / "tiny.yaml", tiny_config(**ALL_TRANSFORMS))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DIGIT_SEQUENCE_CACHE", str(shared_cache))
        run("build", "tiny.yaml", "-o", "out", *HERE)
        run("number", "12", "--source", "mnist-5k", "-s", "images")
    return folder


def build_with(*overrides):
    """Return the arguments of a build with overrides of the config."""
    arguments = ["build", "tiny.yaml", "-o", "new", *HERE]
    for override in overrides:
        arguments += ["--set", override]
    return arguments


ERRORS = {
    "no config": (["build", "none.yaml"], "none.yaml: cannot be read: No such file"),
    "folder as config": (["build", "folder"], "folder: cannot be read: Is a directory"),
    "no YAML": (["build", "bad.yaml"], "bad.yaml: line 2, column 9: .* at line 3, column 7$"),
    "key twice": (["build", "twice.yaml"], 'twice.yaml: line 2, .* duplicate key "seed"'),
    "no text": (["build", "binary.yaml"], "binary.yaml: expected UTF-8 text, got byte 0"),
    "no keys": (["build", "list.yaml"], r"list.yaml: expected keys and values, got \[1\]"),
    "unknown key": (
        build_with("canvas.widht=3"),
        "canvas.widht: unknown key; expected one of height, width, align; did you mean width?",
    ),
    "bad value": (build_with("canvas.width=abc"), "canvas.width: expected .* got 'abc'"),
    "out of range": (
        build_with("line.blur.probability=2"),
        "line.blur.probability: expected less than or equal to 1, got 2",
    ),
    "wrong order": (
        build_with("glyph.rotate.degrees=[20, -20]"),
        r"glyph.rotate.degrees: expected \[low, high\] with low <= high, got \[20.*, -20.*\]",
    ),
    "unquoted number": (
        build_with("splits.train.numbers={values: [007]}"),
        "splits.train.numbers.values.0: expected a number in quotes",
    ),
    "file of numbers": (
        build_with("splits.train.numbers={file: {path: numbers.txt}}"),
        "numbers.txt: line 2: expected a string of digits 0-9 .* got 'x' .* in '1x2'",
    ),
    "unknown source": (
        build_with("source.name=mnist6"),
        "source.name: expected one of mnist, mnist-5k, emnist, .* got 'mnist6'",
    ),
    "no source file": (
        build_with("source.images=none"),
        "none: expected an IDX file, got none; see source.images",
    ),
    "no override": (build_with("canvas"), "--set: expected section.key=value, got 'canvas'"),
    "override of a value": (build_with("seed.x=1"), "--set: seed.x: seed holds no keys"),
    "narrow canvas": (
        build_with("splits.train.numbers={values: ['1234567890']}", "canvas.width=39"),
        "error: tiny.yaml: canvas.width: expected at least 80 columns, 8 for each of .* got 39;",
    ),
    "no glyphs": (
        build_with("source.test_fraction=0"),
        "error: tiny.yaml: splits.test.numbers: expected only characters that .* got 0 1 2",
    ),
    "unknown scheduler": (
        ["build", "tiny.yaml", "-o", "new", "--scheduler", "dask"],
        "--scheduler: expected one of synchronous, threads, processes or an address .* got 'dask'",
    ),
    "other config": (
        ["build", "tiny.yaml", "-o", "out", *HERE, "--set", "seed=9"],
        r"holds the build of another config\. Nothing .* These differ:\n  seed: 1 there, 9 here",
    ),
    "fewer samples": (
        ["build", "tiny.yaml", "-o", "out", *HERE, "--set", "splits.test.samples=4"],
        "planned for 5 samples of test, and a dataset can grow but not shrink: got 4",
    ),
    "foreign output": (
        ["build", "tiny.yaml", "-o", "foreign", *HERE],
        "foreign: expected an empty directory .* 1 other files, cat.jpg among them",
    ),
    "config as dataset": (
        ["status", "tiny.yaml"],
        "tiny.yaml: expected the folder of a dataset, got a config; .* data/tiny unless -o",
    ),
    "config to export": (["export", "tiny.yaml", "--to", "yolo", "-o", "x"], ".* got a config"),
    "file as dataset": (["verify", "file"], "file: expected the folder of a dataset, got a file"),
    "file as output": (
        ["build", "tiny.yaml", "-o", "file", *HERE],
        "file: .* cannot be read: Not a directory; choose a directory that can be",
    ),
    "output below a file": (
        ["build", "tiny.yaml", "-o", "file/out", *HERE],
        "file/out: .* cannot be read: Not a directory; choose a directory that can be",
    ),
    "unwritable output": (
        ["build", "tiny.yaml", "-o", "/proc/out", *HERE],
        "/proc/out: .* cannot be written: .* choose another output",
    ),
    "unknown storage": (
        ["build", "tiny.yaml", "-o", "bogus://a/b", *HERE],
        "bogus://a/b: not a directory that can be opened: Unrecognized filesystem type",
    ),
    "no memory limit": (
        ["build", "tiny.yaml", "-o", "new", *HERE, "--memory-limit", "lots"],
        "--memory-limit: expected bytes such as 2GB or 500MiB, got 'lots'",
    ),
    "too little memory": (
        ["build", "tiny.yaml", "-o", "new", *HERE, "--memory-limit", "10MB"],
        r"output.shard_samples: expected shards that a worker can build in 10 MB "
        r"\(--memory-limit\)",
    ),
    "bad key": (
        ["sample", "42", "--from", "out", "-o", "new.png"],
        "expected a key SPLIT-ORDINAL with a split of train, test, such as train-000000042",
    ),
    "key of another split": (
        ["sample", "val-000000001", "--from", "out", "-o", "new.png"],
        "expected a key SPLIT-ORDINAL .* got 'val-000000001'",
    ),
    "key out of range": (
        ["sample", "test-000000005", "--from", "out", "-o", "new.png"],
        "test-000000005: test holds 5 samples: expected an ordinal of at most 4, got 5",
    ),
    "sample of no dataset": (
        ["sample", "test-000000001", "--from", "folder", "-o", "new.png"],
        "folder: expected a dataset built by this program, got none",
    ),
    "sample of nothing": (
        ["sample", "test-000000001", "--from", "none", "-o", "new.png"],
        "none: cannot be read: No such file",
    ),
    "sample into a file": (
        ["sample", "test-000000001", "--from", "out", "-o", "file/new.png"],
        "file/new.png: cannot be written: ",
    ),
    "preview of no dataset": (["preview", "folder"], "folder: expected a dataset built by"),
    "preview of another config": (
        ["preview", "out", "--set", "seed=3"],
        "--set: out is a dataset, whose config cannot change",
    ),
    "no number": (["number"], "expected one NUMBER, as an argument or with -n, got 0"),
    "bad number": (["number", "1x2"], "expected a string of digits 0-9 .* got 'x' .* in '1x2'"),
    "other images": (
        ["number", "12", "--source", "mnist-5k", "-s", "images", "-c"],
        "images/12: holds images made with other options, .* or --overwrite to replace them",
    ),
    "no folder of digits": (
        ["number", "12", "-d", "file"],
        "file: expected a folder, got a file; make it, mend -d",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), ERRORS.values(), ids=ERRORS)
def test_errors(wrong, shared_cache, monkeypatch, arguments, message):
    """Whatever a user does wrong is one message that says what to do, and changes nothing."""
    monkeypatch.chdir(wrong)
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(shared_cache))
    before = read_tree(wrong)
    result = run(*arguments, status=2)
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("error:") == 1
    assert "Traceback" not in result.stderr
    assert re.search(message, result.stderr), result.stderr
    assert read_tree(wrong) == before


USAGE_ERRORS = {
    "no command": (["biuld"], "no such command 'biuld'; did you mean: digit-sequence build\n"),
    "far from a command": (["xyz"], "no such command 'xyz'; expected one of new, build, verify"),
    "help": (["help"], "no such command 'help'; did you mean: digit-sequence --help\n"),
    "near, with arguments": (["Bild", "a b.yaml"], "mean: digit-sequence build 'a b.yaml'\n"),
    "nothing": ([""], "no such command ''; expected one of new, "),
    "config alone": (["my own.yaml", "--dry-run"], "digit-sequence build 'my own.yaml' --dry-run"),
    "dataset alone": ([".."], "did you mean: digit-sequence report ..\n"),
    "number alone": (["14543", "-b"], "did you mean: digit-sequence number 14543 -b\n"),
    "no argument": (["build"], "error: missing argument 'CONFIG' (see "),
    "misspelt option": (
        ["preview", "x", "--cuont", "3"],
        "error: no such option '--cuont'; did you mean --count or --json? (see ",
    ),
    "unknown option": (
        ["build", "x", "--fast"],
        "error: no such option '--fast'",
    ),
    "no workers": (["build", "x", "--workers", "0"], "'--workers': 0 is not in the range x>=1"),
    "no origin": (["sample", "train-0", "-o", "x.png"], "error: missing option '--from' (see "),
    "no samples": (["preview", "x", "-n", "0"], "'-n' / '--count': 0 is not in the range"),
    "no shell": (
        ["completion"],
        "missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish (",
    ),
    "unknown shell": (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
    "unknown source": (["number", "1", "--source", "x"], "is not one of 'mnist', 'mnist-5k'"),
    "no width": (["number", "1", "-w", "wide"], "'wide' is not a valid integer"),
}


@pytest.mark.parametrize(("arguments", "message"), USAGE_ERRORS.values(), ids=USAGE_ERRORS)
def test_usage_errors(arguments, message):
    """A command line that cannot be is one message, in the style of all others."""
    result = run(*arguments, status=2)
    assert result.stdout == ""
    assert re.fullmatch("error: [^A-Z].*\n", result.stderr)
    assert message in result.stderr


def test_no_word_at_all():
    """Without a word the program shows its help."""
    assert run().stdout == run("--help").stdout


def test_lack_of_memory():
    """A lack of memory is one message, and so is what a library raises after it."""

    def fail():
        try:
            raise MemoryError
        finally:
            raise ValueError("I/O operation on closed file")

    program = Program(commands={"fail": click.Command("fail", callback=fail)})
    result = CliRunner().invoke(program, ["fail"])
    assert result.exit_code == 2
    assert re.fullmatch("error: memory: .*; raise its limit .*\n", result.stderr)


def test_error_of_the_program(config):
    """In a process of its own, an error is its one message on stderr and exit code 2."""
    done = run_program("build", config, "--set", "canvas.widht=3")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch("error: .*tiny.yaml: canvas.widht: unknown key; .*\n", done.stderr)


@pytest.mark.slow
def test_unreachable_cluster(config, work):
    """A cluster that does not answer is one message, after ten seconds, without a log."""
    done = run_program("build", config, "-o", "out", "--scheduler", "tcp://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        "error: --scheduler: tcp://127.0.0.1:1: no Dask scheduler answers: .*; start one with "
        "`dask scheduler`, or leave the option out to build on this machine\n",
        done.stderr,
    )
    assert list(work.iterdir()) == []


def test_failing_shard(config, work, forks):
    """A shard that fails on local processes is one message; the others are kept."""
    (work / "out/images/train/train-00001.tar").mkdir(parents=True)
    done = forks.run("build", config, "-o", "out", "--workers", 1, folder=work)
    assert (done.returncode, done.stdout) == (2, "")
    (message,) = re.findall("^error: .*", done.stderr, re.MULTILINE)
    assert message.startswith("error: 1 of 4 shards failed; 3 are done and kept. The first, ")
    assert "Traceback" not in done.stderr
    assert len(list(work.glob("out/labels/*/*"))) == 3


def test_full_disk(built_of_few, config, work, forks):
    """A disk that is full is one message with what to do; the same command goes on later."""
    arguments = ("build", config, "-o", "out", *HERE, "--set", "output.shard_samples=20")
    forks.run(*arguments, "--dry-run", folder=work)  # fills the cache of glyphs
    # Plan and glyphs have room, a tar file has none.
    done = forks.run(*arguments, folder=work, file_bytes=20_000)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: 2 of 2 shards failed; ")
    assert re.search(r"out: images/(train|test)/.*.tar: [\d,]+ bytes cannot be", done.stderr)
    assert "make room or choose another output, and run the same command again" in done.stderr
    assert set(read_tree(work / "out")) == {
        *(".build/plan.json", ".build/glyphs", ".build/probe"),
    }
    assert list(work.glob("out/.build/tmp/*")) == []
    assert forks.run(*arguments, folder=work).returncode == 0
    assert read_tree(work / "out") == read_tree(built_of_few(shard_samples=20))


def test_only_errors_of_users_become_messages():
    """An error of the user's is a message; any other exception keeps its traceback."""
    group = Program()

    @group.command()
    def wrong():
        raise SourceError("digits: expected a file")

    @group.command()
    def defect():
        raise KeyError("digits")

    result = CliRunner().invoke(group, ["wrong"])
    assert (result.exit_code, result.stderr) == (2, "error: digits: expected a file\n")
    result = CliRunner().invoke(group, ["defect"])
    assert type(result.exception) is KeyError
