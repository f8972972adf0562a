"""Building from a program, as `from digit_sequence import build` offers it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import digit_sequence
from builds import ALL_TRANSFORMS, read_tree, start_python, write_config
from digit_sequence.base.errors import BuildStopped, ConfigError, OutputError
from digit_sequence.building.programs import build, choose_output

HERE = {"scheduler": "synchronous"}


@pytest.fixture
def config(tiny_config):
    """Return a config with every transform."""
    return tiny_config(**ALL_TRANSFORMS)


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    """Be in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_ways_to_name_a_config(built, config, work):
    """A Config, a path and its text build the same, and say what was built."""
    path = write_config(work / "tiny.yaml", config)
    for index, given in enumerate((config, path, str(path))):
        result = build(given, f"out-{index}", **HERE)
        assert result.built_samples == 17
        assert read_tree(work / f"out-{index}") == read_tree(built())
    again = build(config, work / "out-0", **HERE)
    assert (again.built_samples, again.manifest) == (0, result.manifest)


def test_output(tiny_config, work):
    """The output is the one given, else output.uri, else data/ and the name of the file."""
    named = tiny_config(output={"uri": "named"})
    assert choose_output(named, Path("tiny.yaml")) == choose_output(named, None) == "named"
    assert choose_output(tiny_config(), Path("a/tiny.yaml")) == "data/tiny"
    build(write_config(work / "tiny.yaml", tiny_config()), **HERE)
    build(named, **HERE)
    build(named, "given", **HERE)
    found = {path.parent.relative_to(work).as_posix() for path in work.rglob("dataset.json")}
    assert found == {"data/tiny", "named", "given"}
    with pytest.raises(ConfigError, match=r"output: expected a folder, .* got none"):
        build(tiny_config(), **HERE)


def test_options(config, work):
    """Overrides, overwriting, progress and the scheduler are those of the command."""
    path = write_config(work / "tiny.yaml", config)
    seen = []
    build(path, "out", on_progress=lambda *call: seen.append(call), scheduler="threads", workers=2)
    assert sum(samples for samples, is_new in seen if is_new) == 17
    with pytest.raises(OutputError, match="holds the build of another config"):
        build(path, "out", overrides=["seed=2"], **HERE)
    result = build(path, "out", overrides=["seed=2"], overwrite=True, engine="skimage", **HERE)
    assert result.built_samples == 17
    with pytest.raises(BuildStopped):
        build(path, "out", overrides=["seed=3"], overwrite=True, should_stop=lambda: True, **HERE)


def test_wrong_options(config):
    """What does not go together, and what there is not, is refused."""
    with pytest.raises(ConfigError, match=r"overrides: expected none with a Config, got \['a=1'\]"):
        build(config, "out", overrides=["a=1"], **HERE)
    with pytest.raises(ConfigError, match="--scheduler: expected one of"):
        build(config, "out", scheduler="dask")
    with pytest.raises(TypeError, match="schedular"):
        build(config, "out", schedular="threads")


def test_front_door():
    """`digit_sequence.build` is the function, whatever was imported before."""
    assert digit_sequence.build is build


SCRIPT = """
import sys
from digit_sequence import build, load_config, open_dataset

if __name__ == "__main__":
    config = load_config(sys.argv[1])
    print(build(config, "out", workers=2).built_samples)
    print(sum(map(len, open_dataset("out").values())))
"""


@pytest.mark.slow
def test_script(built, config, work):
    """A script of a few lines builds on local processes, and reads what it has built."""
    path = write_config(work / "tiny.yaml", config)
    (work / "script.py").write_text(SCRIPT)
    process = start_python("script.py", path, cwd=work, stdout=subprocess.PIPE, text=True)
    stdout, _ = process.communicate(timeout=120)
    assert (process.returncode, stdout) == (0, "17\n17\n")
    assert read_tree(work / "out") == read_tree(built())


@pytest.mark.slow
def test_script_that_workers_run_again(config, work):
    """Without its guard a script ends, and says what it lacks."""
    path = write_config(work / "tiny.yaml", config)
    (work / "script.py").write_text(SCRIPT.replace('__name__ == "__main__"', "True"))
    process = start_python("script.py", path, cwd=work, stderr=subprocess.PIPE, text=True)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 1
    assert 'below if __name__ == "__main__":' in stderr
    assert "bootstrapping" not in stderr
