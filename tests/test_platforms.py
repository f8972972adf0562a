"""Build, reader and command line where modules of POSIX are absent, as on Windows."""

from __future__ import annotations

import pytest

from builds import read_tree, start_python, write_config

ABSENT = """
import builtins, sys
import dask, multiprocessing
load, absent = builtins.__import__, {"fcntl", "resource", "pwd", "grp", "termios", "pty"}

def load_for_others(name, names=None, *others, **more):
    # Dask and psutil, which have code of their own for Windows, cannot do without them here.
    if name in absent and names and names["__name__"].startswith("digit_sequence"):
        raise ModuleNotFoundError(f"No module named {name!r}")
    return load(name, names, *others, **more)

builtins.__import__ = load_for_others
multiprocessing.get_all_start_methods = lambda: ["spawn"]
dask.config.set({"distributed.worker.multiprocessing-method": "spawn"})
if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    from digit_sequence.read.dataset import open_dataset
    from digit_sequence.cli.program import main
    if sys.argv[1] == "read":
        dataset = open_dataset(sys.argv[2])
        assert sum(1 for split in dataset.values() for sample in split) == 17
    else:
        main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "scheduler",
    ["threads", *(pytest.param(it, marks=pytest.mark.slow) for it in ("synchronous", "processes"))],
)
def test_without_posix_modules(built, tiny_config, tmp_path, scheduler):
    """Build, verify, export and reading need no module that Windows lacks, and no fork."""
    from builds import ALL_TRANSFORMS

    script = tmp_path / "absent.py"
    script.write_text(ABSENT)
    config = write_config(tmp_path / "config.yaml", tiny_config(**ALL_TRANSFORMS))
    out = tmp_path / "out"
    for arguments in (
        ("build", config, "-o", out, "--scheduler", scheduler),
        ("verify", out, "--scheduler", scheduler),
        ("export", out, "--to", "coco", "-o", tmp_path / "coco", "--scheduler", scheduler),
        ("read", out),
    ):
        process = start_python(script, *arguments)
        assert process.wait(timeout=120) == 0, arguments
    assert read_tree(out) == read_tree(built())
