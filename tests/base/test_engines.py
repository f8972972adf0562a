"""The choice of an engine, where numba cannot work."""

from __future__ import annotations

from builds import ALL_TRANSFORMS, read_tree, run_program, write_config


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
