"""Build, reader and command line where modules of POSIX are absent, as on Windows."""

from __future__ import annotations

import pytest

from builds import read_tree, start_python, write_config

ABSENT = """
import sys
for name in ("fcntl", "resource", "pwd", "grp", "termios", "pty"):
    sys.modules[name] = None
import multiprocessing
multiprocessing.set_start_method("spawn")
import dask
dask.config.set({"distributed.worker.multiprocessing-method": "spawn"})
if __name__ == "__main__":
    from digit_sequence.read.dataset import open_dataset
    from digit_sequence.cli.program import main
    if sys.argv[1] == "read":
        dataset = open_dataset(sys.argv[2])
        assert sum(1 for split in dataset.values() for sample in split) == 17
    else:
        main(sys.argv[1:])
"""


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_without_posix_modules(built, tiny_config, tmp_path, scheduler):
    """Build, verify and reading need no module that Windows lacks."""
    from builds import ALL_TRANSFORMS

    script = tmp_path / "absent.py"
    script.write_text(ABSENT)
    config = write_config(tmp_path / "config.yaml", tiny_config(**ALL_TRANSFORMS))
    out = tmp_path / "out"
    for arguments in (
        ("build", config, "-o", out, "--scheduler", scheduler),
        ("verify", out, "--scheduler", scheduler),
        ("read", out),
    ):
        process = start_python(script, *arguments)
        assert process.wait(timeout=120) == 0, arguments
    assert read_tree(out) == read_tree(built())
