"""Measurements that need a process of their own: start-up, imports, memory, worker processes."""

from __future__ import annotations

import compileall
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from itertools import count, islice
from pathlib import Path
from typing import Any

import psutil
from tests.benchmarks.work import SHARD_SAMPLES, open_work, take_median, time_call

from digit_sequence.building.dataset import build_dataset
from digit_sequence.building.sampler import Sampler
from digit_sequence.plan.plan import parse_shard
from digit_sequence.run.jobs import Job, Work
from digit_sequence.run.run import Run
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.store.labels import Commit
from digit_sequence.store.ledger import Ledger
from digit_sequence.store.storage import Storage

DRIVER_RATE = 100_000
"""Images/s."""
_MEMORY = """
import json, sys
from pathlib import Path
import distributed
from digit_sequence.building.estimates import estimate_task
from digit_sequence.building.shard import build_shard, make_claim
from digit_sequence.store.plan_file import publish_plan
from digit_sequence.store.storage import Storage
from tests.benchmarks.work import open_work

def read_status():
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return {key: int(lines[key].split()[0]) / 1000 for key in ("VmHWM", "RssAnon", "RssFile")}

image, mnist, uri = sys.argv[1], sys.argv[2], sys.argv[3]
sampler = open_work(image, Path(mnist) if mnist else None, 30_000, 10_000)
publish_plan(Storage(uri), sampler.plan, sampler.bank)
model = estimate_task(sampler)
figures = []
for index in range(3):
    build_shard(make_claim(Storage(uri), sampler.plan, sampler.engine), "train", index)
    figures.append(read_status())
print(json.dumps({"model_mb": model.total / 1e6, "shards": figures}))
"""
_PLAN = """
import json, resource, sys, time
from pathlib import Path
from tests.benchmarks.work import open_work
image, mnist = sys.argv[1], sys.argv[2]
mnist = Path(mnist) if mnist else None
open_work(image, mnist, 1, 1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
sampler = open_work(image, mnist, 10**9, 10_000)
split = sampler.plan.splits["train"]
split.identities(split.shard(99_999).start, split.n_samples)
fingerprint = sampler.plan.fingerprint
seconds = time.perf_counter() - start
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": seconds, "added_mb": (after - before) / 1000, "rss_mb": after / 1000}))
"""

_ENCODE = """
import sys, time
from pathlib import Path
from tests.benchmarks.work import encode_rendered, open_work
image, mnist = sys.argv[1], sys.argv[2]
sampler = open_work(image, Path(mnist) if mnist else None)
rendered = sampler.draw("train", 0, 2000)
print("ready", flush=True)
sys.stdin.readline()
count, start = 0, time.perf_counter()
while time.perf_counter() - start < 3:
    count += len(encode_rendered(sampler, rendered))
print(count / (time.perf_counter() - start))
"""


ROOT = Path(__file__).parents[2]


def run_python(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run Python from the root of the repository and return what it prints."""
    root = str(ROOT)
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": paths, **(environment or {})},
    )
    return done.stdout


def measure_memory(image: str, mnist: Path | None) -> dict[str, Any]:
    """Return the memory of a process that builds shards of 10,000 samples, and the model's."""
    with tempfile.TemporaryDirectory() as folder:
        result: dict[str, Any] = json.loads(
            run_python("-c", _MEMORY, image, str(mnist or ""), f"{folder}/out")
        )
    return result


def measure_plan(image: str, mnist: Path | None) -> dict[str, float]:
    """Return seconds and memory of planning 10^9 samples."""
    result: dict[str, float] = json.loads(run_python("-c", _PLAN, image, str(mnist or "")))
    return result


def measure_imports(repeats: int) -> dict[str, float]:
    """Return the seconds of importing the package and of the help, each in a new interpreter."""
    commands = {
        "import digit_sequence": ("-c", "import digit_sequence"),
        "--help": ("-m", "digit_sequence", "-h"),
    }
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            start = time.perf_counter()
            run_python(*command)
            found[name].append(time.perf_counter() - start)
    return {name: take_median(seconds) for name, seconds in found.items()}


def measure_start(mnist: Path | None, config: Path) -> dict[str, float]:
    """Return the seconds from the command to the first committed shard: cold, then warm.

    Cold means that no compiled loops are on the disk; the digits are there in both cases, and the
    bytecode of this package, as where it is installed.
    """
    seconds = {}
    settings = {name: it for name, it in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    compileall.compile_dir(ROOT / "pipeline", quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cold", "warm"):
            out = Path(folder, name)
            command = [sys.executable, "-m", "digit_sequence", "build", str(config), "-o", str(out)]
            if mnist:
                command += ["--set", f"source.path={mnist}"]
            start = time.perf_counter()
            child = subprocess.Popen(
                [*command, "--workers", "2"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=ROOT,
                env={**settings, "NUMBA_CACHE_DIR": f"{folder}/numba"},
            )
            while not any(out.glob("labels/*/*.parquet")) and child.poll() is None:
                time.sleep(0.01)
            seconds[name] = round(time.perf_counter() - start, 2)
            child.wait()
    return seconds


def measure_workers(
    image: str, mnist: Path | None, samples: int, repeats: int
) -> dict[str, dict[int, list[float]]]:
    """Measure one and two worker processes in turn: images/s, and processor time of an image, us.

    From the second shard to the last but one: all workers are at it then.
    """
    rates: dict[int, list[float]] = {1: [], 2: []}
    costs: dict[int, list[float]] = {1: [], 2: []}
    for workers in (1, 2) * repeats:
        with (
            tempfile.TemporaryDirectory() as folder,
            open_scheduler(SchedulerOptions("processes", workers=workers)) as run,
        ):
            warm = open_work(image, mnist, 2 * workers * 500, 500)
            build_dataset(warm, Storage(f"{folder}/warm"), run)
            sampler = open_work(image, mnist, samples, SHARD_SAMPLES)
            seconds, cpu_seconds = _time_steady(sampler, Storage(f"{folder}/out"), run)
        n_steady = samples - 3 * SHARD_SAMPLES
        rates[workers].append(n_steady / seconds)
        costs[workers].append(cpu_seconds / n_steady * 1e6)
    return {"rates": rates, "costs": costs}


def _time_steady(sampler: Sampler, storage: Storage, run: Run) -> tuple[float, float]:
    """Return the seconds from the second shard to the last but one, and those of the processor."""
    n_calls, marks = count(), []  # the first call is for what is there already
    workers = psutil.Process().children(recursive=True)

    def note(_samples: int, _is_new: bool) -> None:
        if next(n_calls) in (2, sampler.plan.n_shards - 1):
            spent = [worker.cpu_times() for worker in workers]
            marks.append((time.perf_counter(), sum(each.user + each.system for each in spent)))

    build_dataset(sampler, storage, run, note)
    (begin, cpu_begin), (end, cpu_end) = marks
    return end - begin, cpu_end - cpu_begin


def measure_cores(image: str, mnist: Path | None) -> float:
    """Return how many times as fast two processes encode as one: what the machine can give."""
    rates = []
    for n_processes in (1, 2, 1, 2):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        command = [sys.executable, "-c", _ENCODE, image, str(mnist or "")]
        children = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(n_processes)]
        for child in children:
            child.stdout.readline()  # ready
        for child in children:
            child.stdin.write("\n")
            child.stdin.flush()
        rates.append(sum(float(child.communicate()[0]) for child in children))
    return take_median([two / one for one, two in zip(rates[::2], rates[1::2], strict=True)])


def measure_driver(workers: int, samples: int, seconds: float) -> dict[str, float]:
    """Return the load on the process of driver and scheduler when workers only sleep.

    They sleep so long that all of them would make `DRIVER_RATE` images/s of shards of that many
    samples. The driver does with a shard what a build does: it notes it in a ledger.
    """
    shards = int(seconds * DRIVER_RATE / samples)
    plan = open_work("png", None, shards * samples, samples).plan
    ledger = Ledger(plan)

    def collect(name: str, commit: Commit) -> None:
        split, index = parse_shard(name)
        ledger.add(plan.splits[split].shard(index), commit)

    def pass_through(nap: float, n_tasks: int) -> None:
        work = Work(nap, sleep_instead, open_nothing)
        Job(work, parse_shard, collect).do(
            run, (shard.name for shard in islice(plan.shards(), n_tasks))
        )

    with open_scheduler(SchedulerOptions("processes", workers=workers)) as run:
        pass_through(0.1, 4 * workers)
        nap = workers * samples / DRIVER_RATE
        clock, cpu, _ = time_call(lambda: pass_through(nap, shards))
    return {"cores": cpu / clock, "images_per_second": round(shards * samples / clock)}


def sleep_instead(seconds: float, split: str, index: int) -> Commit:
    """Take as long as a shard, and return what one would."""
    time.sleep(seconds)
    digest = f"{index:064x}"
    return Commit("0" * 32, f"{split}-{index:05d}", 2000, 4_000_000, digest, digest, 0)


def open_nothing(_seconds: float) -> None:
    """Have nothing to open."""
