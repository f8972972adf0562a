"""Local worker processes where the system allows little."""

from __future__ import annotations

import pytest

from builds import ROOT, start_python
from digit_sequence.base.errors import BuildError
from digit_sequence.run import processes
from digit_sequence.run.processes import open_processes

resource = pytest.importorskip("resource")


@pytest.mark.parametrize(("workers", "limit"), [(2, 55), (8, 100)])
def test_too_few_open_files(monkeypatch, workers, limit):
    """A limit of open files that is too low for the workers is told before any starts."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    with pytest.raises(BuildError, match=rf"for {workers} workers, got {limit}; raise it"):
        open_processes(workers, False).__enter__()


@pytest.mark.parametrize(
    ("groups", "place"), [("0::/a", "a"), ("5:pids:/b\n0::/", "pids/b"), ("0::/gone", "")]
)
def test_too_few_tasks(monkeypatch, tmp_path, groups, place):
    """A container that may have too few processes is told before any starts, of both versions."""
    (tmp_path / "groups").write_text(groups)
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "pids.max").write_text("40\n")
    (tmp_path / place / "pids.current").write_text("12\n")
    monkeypatch.setattr(processes, "GROUPS", tmp_path / "groups")
    monkeypatch.setattr(processes, "GROUP_FOLDER", tmp_path)
    with pytest.raises(BuildError, match=r"room for 32 more .* for 2 workers, got 28 \(pids.max"):
        open_processes(2, False).__enter__()
    (tmp_path / place / "pids.max").write_text("max\n")
    assert processes.count_free_tasks() is None


@pytest.mark.slow
def test_just_enough_open_files(tmp_path):
    """Within the limit that the message names, a build ends."""
    config = ROOT / "configs/tiny.yaml"
    process = start_python(
        *(
            "-c",
            "import resource, runpy; resource.setrlimit(resource.RLIMIT_NOFILE, (56, 56));"
            "runpy.run_module('digit_sequence', run_name='__main__', alter_sys=True)",
        ),
        *("build", config, "-o", tmp_path / "out", "--workers", 2),
    )
    assert process.wait(120) == 0
    assert (tmp_path / "out/dataset.json").is_file()
