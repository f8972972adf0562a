"""How far a command is: on terminals of all kinds, without one, for programs, and unseen."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from builds import ROOT, write_config
from digit_sequence.base.progress import Tally
from digit_sequence.cli import progress
from digit_sequence.cli.program import COMMANDS, main
from digit_sequence.cli.progress import Meter, show_progress
from terminals import open_python, open_session

HERE = ("--scheduler", "synchronous")
PROGRAM = ("-m", "digit_sequence")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


pytestmark = pytest.mark.usefixtures("work")


# -- the meter ------------------------------------------------------------------------------------


def make_meter(total=100, **attributes):
    """Return a meter, and the clock that it reads."""
    clock = SimpleNamespace(now=50.0)
    return Meter(total, clock=lambda: clock.now, **attributes), clock


def test_rate():
    """The rate counts what this run has made, and the time left is counted down meanwhile."""
    meter, clock = make_meter()
    meter.advance(40, False)
    assert (meter.rate, meter.seconds_left) == (0, None)
    clock.now += 10
    meter.advance(20, True)
    assert (meter.rate, meter.seconds_left) == (2, 20)
    clock.now += 5
    assert (meter.rate, meter.seconds_left) == (2, 15)
    clock.now += 35  # far longer than it took before
    assert (meter.rate, meter.seconds_left) == (0.4, 100)
    assert meter.list_words() == ["60/100 images", "1:40 left", "0.4/s"]
    meter.advance(40, True)
    assert meter.list_words() == ["100/100 images", "in 0:50", "1.2/s"]


def test_rate_of_late():
    """What was long ago says nothing of the rate."""
    meter, clock = make_meter(10_000)
    for _ in range(100):
        clock.now += 1
        meter.advance(1, True)
    for _ in range(100):
        clock.now += 1
        meter.advance(50, True)
    assert meter.rate == 50


def work(meter, clock, count, seconds, made=10):
    """Have tasks done, each after so many seconds; return the times left that were told."""
    told = []
    for _ in range(count):
        clock.now += seconds
        meter.advance(made, True)
        told.append(meter.seconds_left)
    return told


def test_time_left_is_told_when_it_is_known():
    """A start that takes long is no part of the rate; too little work tells of no time."""
    meter, clock = make_meter(10_000, tally=Tally(threads=2))
    clock.now += 60  # workers start
    meter.advance(10, True)
    assert work(meter, clock, 3, 1) == [None] * 3
    assert work(meter, clock, 2, 1) == [995, 994]
    meter, clock = make_meter(100)
    clock.now += 1.5
    meter.advance(90, True)
    assert meter.seconds_left is None
    meter, clock = make_meter(4)  # four tasks, each longer than any start
    assert work(meter, clock, 4, 100, 1) == [300, 200, 100, 0]


def test_halt():
    """In a halt, as of a process that is stopped, no time left is told; then that of late."""
    meter, clock = make_meter(10_000, tally=Tally(threads=2))
    assert work(meter, clock, 10, 1)[-1] == 990
    clock.now += 6
    assert meter.seconds_left is not None
    clock.now += 3600
    assert meter.seconds_left is None
    assert meter.list_words() == ["100/10,000 images", "2 workers"]
    meter.advance(10, True)
    assert meter.seconds_left is None
    assert work(meter, clock, 3, 1) == [None, 987, 986]
    assert meter.list_words() == ["140/10,000 images", "16:26 left", "10/s", "2 workers"]


def test_words():
    """Failures and retries are told if there are any; workers while they work."""
    meter, clock = make_meter(tally=Tally(retries=3, failures=4, threads=7))
    clock.now += 2
    meter.advance(50, True)
    assert meter.list_words() == [
        *("50/100 images", "0:02 left", "4 failed", "25/s", "3 retried", "7 workers")
    ]
    assert meter.make_record() == {
        "done": 50,
        "total": 100,
        "unit": "images",
        "per_second": 25,
        "seconds": 2,
        "seconds_left": 2,
        "workers": 7,
        "retries": 3,
        "failures": 4,
    }


def show(meter, columns):
    """Return what a terminal that is so wide shows."""
    console = Console(width=columns, color_system=None, force_terminal=True)
    with console.capture() as capture:
        console.print(meter, end="")
    return capture.get()


@given(
    total=st.integers(0, 10**12),
    done=st.integers(0, 10**12),
    made=st.integers(0, 10**9),
    seconds=st.floats(0, 10**6),
    columns=st.integers(1, 200),
)
def test_line_is_as_wide_as_the_terminal(total, done, made, seconds, columns):
    """Whatever there is to show is one line, and fills it."""
    meter, clock = make_meter(total)
    meter.advance(done, False)
    clock.now += seconds
    meter.advance(made, True)
    shown = show(meter, columns)
    assert len(shown) == columns
    assert "\n" not in shown


def test_narrow_terminals():
    """What matters least is left out first."""
    meter, clock = make_meter(5000, tally=Tally(threads=2))
    clock.now += 10
    meter.advance(1250, True)
    words = "1,250/5,000 images, 0:30 left, 125/s, 2 workers"
    assert show(meter, 80) == f" 25% {'━' * 7}{'─' * 20} {words}"
    assert show(meter, 62) == f" 25% ━━─────── {words}"
    assert show(meter, 60) == f" 25% {words}".ljust(60)
    assert show(meter, 50) == " 25% ━━────── 1,250/5,000 images, 0:30 left, 125/s"
    assert show(meter, 40) == " 25% ━━━───────── 1,250/5,000, 0:30 left"
    assert show(meter, 30) == " 25% 1,250/5,000, 0:30 left   "
    assert show(meter, 20) == " 25% 1,250/5,000    "
    assert show(meter, 12) == " 25%        "


# -- terminals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [80, 40])
def test_a_build_on_a_terminal(config, work, forks, columns):
    """One line is written over itself, and stays with what was done; results stand below it."""
    with open_session(forks, "build", config, "-o", "out", *HERE, columns=columns) as person:
        assert person.end() == 0
        shown = CONTROL.sub("", person.shown)
    states = re.findall(r" *\d+%[^\r\n]*", shown)
    assert len(states) > 1
    assert {len(state) for state in states} == {columns}
    assert states[0].startswith("  0% ")
    assert re.match(r"100% .*17/17( images)?, in 0:\d\d", states[-1])
    assert shown.index("17/17") < shown.index("split  ")
    assert shown.rstrip().endswith("  digit-sequence preview out")
    assert person.shown.rindex("\x1b[?25h") > person.shown.rindex("\x1b[?25l")  # the cursor


def test_without_colours(config, forks):
    """NO_COLOR is heeded."""
    with open_session(forks, "build", config, "-o", "out", *HERE, env={"NO_COLOR": "1"}) as person:
        assert person.end() == 0
        assert "17/17" in person.shown
        assert not re.search(r"\x1b\[[0-9;]*[34][0-9]", person.shown)


def test_dumb_terminal(config, forks):
    """A terminal that cannot move its cursor gets plain lines."""
    with open_session(forks, "build", config, "-o", "out", *HERE, env={"TERM": "dumb"}) as person:
        assert person.end() == 0
        assert "\x1b" not in person.shown
        assert "split  " in person.shown


def test_result_goes_where_it_is_sent(config, work):
    """With stdout in a file, what is shown goes to the terminal and the result into the file."""
    with (
        Path("result").open("w") as file,
        open_python(*PROGRAM, "build", config, "-o", "out", *HERE, stdout=file) as person,
    ):
        assert person.end() == 0
        assert "17/17" in person.shown
        assert "split  " not in person.shown
    assert Path("result").read_text().startswith("split  ")
    assert "\x1b" not in Path("result").read_text()


PRINTING = """
import os, sys, time, click
from digit_sequence.cli.progress import show_progress
from digit_sequence.cli.terminal import echo
with show_progress(10) as advance:
    time.sleep(0.6)
    os.write(2, b"from a worker\\r\\n")
    time.sleep(0.6)
    echo("from the command", err=True)
    time.sleep(0.6)
    advance(10, True)
"""


def test_what_is_printed_meanwhile():
    """A worker's print begins a line, since the one before is full; a command's stands above it."""
    with open_python("-c", PRINTING) as person:
        assert person.end() == 0
        shown = CONTROL.sub("", person.shown)
    lines = re.split(r"[\r\n]+", shown)
    (before,) = (line for line in lines if line.endswith("from a worker"))
    assert len(before) == 80 + len("from a worker")
    assert "from the command" in (line.strip() for line in lines)


def test_no_thread_is_left(monkeypatch):
    """What draws the line ends with it, on an error too."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    before = threading.active_count()

    def stop():
        with show_progress(10):
            assert threading.active_count() == before + 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert threading.active_count() == before


def test_stopping_on_a_terminal(tiny_config, tmp_path, forks):
    """Ctrl-C is answered above the line, the shards under way end, and the exit code tells it."""
    splits = {"train": {"numbers": {"random": {"lengths": [1, 5]}}, "samples": 300_000}}
    path = write_config(tmp_path / "long.yaml", tiny_config(splits=splits))
    with open_session(forks, "build", path, "-o", "out", "--scheduler", "threads") as person:
        person.wait_for("[1-9][0-9,]*/300,000 images")
        person.type("\x03")
        person.wait_for("stopping when the shards that have begun are done; Ctrl-C again: now")
        person.wait_for("stopped: [0-9,]+ of [0-9,]+ shards are done and kept")
        assert person.end() == 130


# -- no terminal ----------------------------------------------------------------------------------


def test_pipes_get_no_line_soon(config, work, forks):
    """What takes no time prints no line, and nothing that steers a terminal."""
    done = forks.run("build", config, "-o", "out", *HERE, folder=work)
    assert done.returncode == 0
    assert not re.sub(r"\d+/17 images.*\n", "", done.stderr)  # on a machine that has no time
    assert "\x1b" not in done.stdout


def test_plain_lines(config, monkeypatch):
    """What takes longer prints a line now and then."""
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0)
    result = CliRunner().invoke(main, ["build", str(config), "-o", "out", *HERE])
    assert result.exit_code == 0
    lines = result.stderr.splitlines()
    assert re.fullmatch(r"0/17 images, 1 worker", lines[0])
    assert re.fullmatch(r"17/17 images, in 0:\d\d, [\d.,]+/s", lines[-1])
    assert len(lines) == 5  # 4 shards


def test_quiet(config, work, forks):
    """Nothing but the result, or an error."""
    done = forks.run("build", config, "-o", "out", "--quiet", "--workers", "1", folder=work)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("split  ")
    done = forks.run("verify", "none", "--quiet", *HERE, folder=work)
    assert done.returncode == 2
    assert "/none: expected a dataset built by this program" in done.stderr


# -- programs -------------------------------------------------------------------------------------


def run_json(*arguments, status=0):
    """Run a command for programs; return its events. Nothing else is on stdout."""
    result = CliRunner().invoke(main, [*map(str, arguments), "--json"])
    assert result.exit_code == status, result.output
    assert result.stderr == ""
    return [json.loads(line) for line in result.stdout.splitlines()]


def read_result(*arguments, status=0):
    """Return what has come of a command, from the last of its events."""
    end = run_json(*arguments, status=status)[-1]
    assert (end["event"], end["command"]) == ("end", arguments[0])
    assert (end["outcome"], end["exit_code"]) == ("failed" if status else "ok", status)
    assert (end["kind"], end["message"]) == (None, None)
    return end["result"]


def test_notes_of_programs(tiny_config, tmp_path):
    """A note is the same text for a person, behind a word that says so, and for a program."""
    splits = {"train": {"numbers": {"values": ["1,234", "1234"]}, "samples": 3}}
    marked = tiny_config(splits=splits, line={"separators": {}})
    config = write_config(tmp_path / "marks.yaml", marked)
    call = ["build", str(config), "-o", str(tmp_path / "out"), "--dry-run"]
    told = CliRunner().invoke(main, call).stderr
    notes = [line["message"] for line in run_json(*call) if line["event"] == "note"]
    assert told == "".join(f"note: {it}\n" for it in notes)
    assert notes


def test_json_of_commands(config, work):
    """Each command tells what has come of it, in its last object."""
    built = read_result("build", config, "-o", "out", *HERE)
    assert (built["output"], built["built"]) == ("out", 17)
    assert {name: split["samples"] for name, split in built["splits"].items()} == {
        "train": 12,
        "test": 5,
    }
    manifest = json.loads((work / "out/dataset.json").read_text())
    assert built["digest"] == manifest["digest"]

    planned = read_result("build", config, "-o", "out", "--dry-run")
    assert planned["samples"] == {"train": 12, "test": 5}

    sound = read_result("verify", "out", *HERE)
    assert (sound["sound"], sound["samples"], sound["problems"]) == (True, 17, [])
    (work / "out/images/train/train-00000.tar").write_bytes(b"")
    broken = read_result("verify", "out", *HERE, status=1)
    assert not broken["sound"]
    assert broken["problems"][0]["path"] == "images/train/train-00000.tar"
    mended = read_result("verify", "out", "--repair", *HERE)
    assert mended["repaired"]["digest"] == manifest["digest"]
    assert (mended["sound"], mended["problems"]) == (True, broken["problems"])

    exported = read_result("export", "out", "--to", "yolo", "-o", "yolo", *HERE)
    assert exported == {"output": "yolo", "format": "yolo", "samples": 17, "exported": 17}
    status = read_result("status", "out")
    assert (status["state"], status["samples_done"]) == ("complete", 17)
    assert status["run"]["state"] == "ended"
    sample = read_result("sample", "train-3", "--from", "out", "-o", "sample.png")
    assert (sample["picture"], sample["key"]) == ("sample.png", "train-000000003")


PAGE = (ROOT / "pipeline/digit_sequence/cli/README.md").read_text()


def list_keys(heading):
    """Return what the page lists below a heading: the fields of each first cell."""
    _, table = PAGE.split(f"| {heading} |", 1)
    rows = [line.split("|")[1:-1] for line in table.split("\n\n", 1)[0].splitlines()[2:]]
    return {
        tuple(re.findall("`([^`]+)`", " ".join(first))): {
            *re.findall("`([^`]+)`", re.sub(r": .*|\\(.*?\\)", "", last))
        }
        for *first, last in rows
    }


RESULTS = {command: keys for (command,), keys in list_keys("command | keys of `result`").items()}
SLOW = ("ablate", "match", "read", "report", "train")
"""Commands that need extras, or time."""


def test_page_lists_events(config):
    """The fields of events are those of the page, and each line has all of them."""
    events = {event: keys for (event,), keys in list_keys("`event` | fields").items()}
    for line in run_json("build", config, "-o", "out", *HERE):
        assert {*line} == {"event", *events[line["event"]]}
    assert {*make_meter()[0].make_record()} <= events["progress"] | {*PAGE.split("`")}


def test_page_lists_results(config, work):
    """What each command tells last has the keys that the page lists for it."""
    calls = {
        "build --dry-run": ("build", config, "-o", "out", "--dry-run"),
        "build": ("build", config, "-o", "out", *HERE),
        "completion": ("completion", "zsh"),
        "doctor": ("doctor", "--scheduler", "synchronous"),
        "export": ("export", "out", "--to", "coco", "-o", "coco", *HERE),
        "new": ("new", "mine.yaml", "--yes", "--digits", "mnist-5k"),
        "number": ("number", "15", "--source", "mnist-5k"),
        "preview": ("preview", "out", "-n", 1),
        "sample": ("sample", "train-3", "--from", "out", "-o", "sample.png"),
        "status": ("status", "out"),
        "verify": ("verify", "out", *HERE),
    }
    for command, call in calls.items():
        assert {*read_result(*call)} == RESULTS[command], command
    (work / "out/images/train/train-00000.tar").write_bytes(b"")
    repaired = read_result("verify", "out", "--repair", *HERE)
    assert {*repaired} == RESULTS["verify"] | {"repaired"}
    assert (
        {name.split()[0] for name in RESULTS}
        == {*COMMANDS}
        == {name.split()[0] for name in (*calls, *SLOW, "browse")}
    )


def find_calls(name, function):
    """Return the calls of a function in the module of a command."""
    tree = ast.parse((ROOT / f"pipeline/digit_sequence/cli/{name}.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [it for it in calls if isinstance(it.func, ast.Name) and it.func.id == function]


@pytest.mark.parametrize("name", SLOW)
def test_page_lists_results_of_slow_commands(name):
    """The same, as their modules have it."""
    (call,) = find_calls(name, "tell_result")
    assert {keyword.arg for keyword in call.keywords} == RESULTS[name]


def test_page_lists_other_events():
    """So does what some commands tell meanwhile."""
    told = {
        (name, call.args[0].value): {it.arg for it in call.keywords if it.arg}
        for name in COMMANDS
        for call in find_calls(name, "tell")
    }
    listed = list_keys("command | `event` | fields")
    assert {*told} == {*listed}
    for key, fields in told.items():
        assert fields <= listed[key]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_the_options(name):
    """One way for all."""
    assert {"--json", "--quiet"} <= {it for option in COMMANDS[name].params for it in option.opts}


def test_json_of_progress(config, monkeypatch):
    """Progress tells all that the line shows."""
    monkeypatch.setattr(progress, "JSON_SECONDS", 0)
    result = CliRunner().invoke(main, ["build", str(config), "-o", "out", *HERE, "--json"])
    events = [json.loads(line) for line in result.stdout.splitlines()]
    told = [event for event in events if event["event"] == "progress"]
    assert [event["done"] for event in told] == sorted(event["done"] for event in told)
    assert told[-1].items() >= {"done": 17, "total": 17, "unit": "images", "workers": 1}.items()
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (["build", "none.yaml"], "ConfigError", "none.yaml: cannot be read: No such file"),
        (["build"], "MissingParameter", "missing argument 'CONFIG'"),
        (["build", "x.yaml", "--bogus"], "NoSuchOption", "no such option '--bogus'"),
        (["verify", "none", *HERE], "OutputError", "none: expected a dataset"),
        (["export", "none", "--to", "x", "-o", "y"], "OutputError", "none: expected a dataset"),
        (["status", "none"], "OutputError", "none: expected a dataset"),
        (["sample", "train-1", "--from", "none", "-o", "x.png"], "ConfigError", "none: "),
        (["no-command"], "UsageError", "no such command 'no-command'"),
        (["new", "mine.yaml"], "ConfigError", "expected a terminal to ask at"),
    ],
)
def test_json_of_errors(arguments, kind, message):
    """An error is one object, and all there is on stdout; the exit code is as without."""
    (end,) = run_json(*arguments, status=2)
    assert (end["event"], end["outcome"], end["exit_code"]) == ("end", "failed", 2)
    assert (end["kind"], end["result"]) == (kind, None)
    assert message in end["message"]


PRINTS = """
import os
from digit_sequence.cli.terminal import Manner
manner = Manner()
manner.read(["build", "--json"])
print("from a library")
os.write(1, b"from a worker\\n")
manner.send("note", message="told")
"""


def test_stdout_is_for_json_alone():
    """What others print to stdout meanwhile goes to stderr."""
    done = subprocess.run(
        [sys.executable, "-c", PRINTS], capture_output=True, text=True, check=True
    )
    assert done.stdout == '{"event": "note", "message": "told"}\n'
    assert {*done.stderr.splitlines()} == {"from a library", "from a worker"}
