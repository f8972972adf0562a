"""Install the wheel into clean environments, with newest and oldest dependencies, and use it.

``python -m tests.matrix WHEEL`` takes each supported Python that is here; ``--ends`` this Python
with the newest dependencies, and the oldest with the oldest. Where no wheel of an oldest dependency
is made for a Python, it gets the oldest one that is.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = [
    it.rpartition(" ")[2] for it in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", it)
]
RESOLUTIONS = {"newest": "highest", "oldest": "lowest-direct"}
EXTRAS = ("mnist-5k", "fast", "dashboard", "report", "browse", "lmdb")
"""What is installed beside the program; PyTorch, and what only tests read with, are too large."""
USES = (
    "--version",
    "build tiny.yaml -o out --scheduler synchronous",
    "verify out --sample 20 --scheduler synchronous",
    "preview out -o sheet.png",
    "report out -o report.html",
    "export out --to lmdb -o lmdb",
    "doctor",
)
"""What is done with the program in each environment."""


class FailedError(Exception):
    """A command failed; the message is the command, and what it printed."""


def main() -> None:
    """Try all environments, two at a time, and say what became of each."""
    parser = argparse.ArgumentParser(prog="make matrix", description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--ends", action="store_true", help="the newest and the oldest alone")
    given = parser.parse_args()
    wheel = given.wheel.resolve()
    pythons = find_pythons()
    pairs = [*product(pythons, RESOLUTIONS)]
    if given.ends:
        pairs = [(sys.executable, "newest"), (pythons[0], "oldest")]
    with ThreadPoolExecutor(2) as threads:
        results = [*threads.map(lambda pair: try_environment(wheel, *pair), pairs)]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(not all(results))


def find_pythons() -> list[str]:
    """Return the programs of the Pythons that are here, the oldest first."""
    found = []
    for version in PYTHONS:
        try:
            found.append(run(sys.executable, "-m", "uv", "python", "find", "--system", version))
        except FailedError:
            print(f"{version}: not here; `uv python install {version}` may get it", flush=True)
    return [path.strip() for path in found]


def try_environment(wheel: Path, python: str, age: str) -> bool:
    """Install the wheel, use it in a folder of its own, and say whether all went well."""
    name = run(python, "-c", "import platform; print(platform.python_version())").strip()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            install(wheel, python, RESOLUTIONS[age], Path(folder) / "venv")
            installed = time.perf_counter()
            digest = use(Path(folder))
        except FailedError as error:
            print(f"{name}, {age} dependencies: FAILED\n{error}", flush=True)
            return False
    times = (
        f"installed in {installed - begin:.0f} s, used in {time.perf_counter() - installed:.0f} s"
    )
    print(f"{name}, {age} dependencies: {times}; {digest}", flush=True)
    return True


def install(wheel: Path, python: str, resolution: str, venv: Path) -> None:
    """Make an environment, install what the wheel needs, and then the wheel."""
    uv = (sys.executable, "-m", "uv")
    pip = (*uv, "pip", "install", "--python", venv, "--no-build")
    extras = [f"--extra={extra}" for extra in EXTRAS]
    run(*uv, "venv", "--python", python, venv)
    run(*pip, "--resolution", resolution, "--requirement", ROOT / "pyproject.toml", *extras)
    run(*pip, "--no-deps", wheel)
    run(*uv, "pip", "check", "--python", venv)


def use(folder: Path) -> str:
    """Use the program that is installed in a folder; return the digest of what it built."""
    shutil.copy(ROOT / "configs/tiny.yaml", folder)
    programs = folder / "venv/bin"
    run(programs / "python", "-W", "error", "-c", "from digit_sequence import *", home=folder)
    outputs = [run(programs / "digit-sequence", *use.split(), home=folder) for use in USES]
    return next(line for line in outputs[1].splitlines() if line.startswith("digest"))


def run(*command: str | Path, home: Path | None = None) -> str:
    """Run a command, in a new home if one is given, and return what it printed."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "DIGIT_SEQUENCE", "XDG", "VIRTUAL_ENV"))
    }
    # pyenv's own programs stand before those that choose one of them, and may refuse to.
    versions = sorted(Path("~/.pyenv/versions").expanduser().glob("3.*/bin"))
    environment["PATH"] = os.pathsep.join([*map(str, versions), os.environ["PATH"]])
    if home:
        environment["HOME"] = str(home)
    done = subprocess.run(
        [*command],
        cwd=home,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FailedError(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    main()
