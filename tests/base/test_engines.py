"""The choice of an engine, where numba cannot work."""

from __future__ import annotations

import os

from builds import ALL_TRANSFORMS, ROOT, read_tree, run_program, write_config


def test_numba_that_is_switched_off(built, tiny_config, tmp_path):
    """Without its compiler scikit-image draws the same, with a note; asked for, it is an error."""
    path = write_config(tmp_path / "config.yaml", tiny_config(**ALL_TRANSFORMS))
    command = ("build", path, "-o", tmp_path / "out", "--workers", 1)
    done = run_program(*command, env={"NUMBA_DISABLE_JIT": "1"})
    assert done.returncode == 0, done.stderr
    notes = [line for line in done.stderr.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1
    assert "NUMBA_DISABLE_JIT is set; scikit-image draws the same bytes" in notes[0]
    assert "Warning" not in done.stderr
    assert read_tree(tmp_path / "out") == read_tree(built())
    done = run_program(*command, "--engine", "numba", env={"NUMBA_DISABLE_JIT": "1"})
    assert done.returncode == 2
    assert done.stderr.startswith("error: --engine: numba cannot be used here: ")


def test_numba_that_cannot_be_loaded(built, tiny_config, tmp_path):
    """Whatever numba raises when it is imported, the note tells it; nothing else is printed."""
    (tmp_path / "numba.py").write_text("raise OSError('libllvmlite.so: no room')\n")
    path = write_config(tmp_path / "config.yaml", tiny_config(**ALL_TRANSFORMS))
    done = run_program(
        *("build", path, "-o", tmp_path / "out", "--workers", 1),
        env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT / 'pipeline'}"},
    )
    assert done.returncode == 0, done.stderr
    notes = [line for line in done.stderr.splitlines() if not line.startswith("processes, 1")]
    assert len(notes) == 1
    assert "cannot be used here: OSError: libllvmlite.so: no room; scikit-image draws" in notes[0]
    assert read_tree(tmp_path / "out") == read_tree(built())
