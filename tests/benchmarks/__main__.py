"""Measure everything, print a table of targets and measured values, and write a JSON file."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks import memory, processes, reading
from tests.benchmarks.work import (
    FORMATS,
    SHARD_SAMPLES,
    build_one,
    encode_rendered,
    make_one,
    measure_stages,
    open_work,
    take_median,
    time_call,
)

from digit_sequence.store.storage import Storage

ROOT = Path(__file__).parents[2]
OVERHEAD = ("label rows", "sha256 of the shard", "digest of the rows", "label file")
"""Stages that are neither drawing nor encoding nor packing."""
TARGETS = {"jpeg": {"yardstick": 5.0, "encode": 2.5}, "png": {"yardstick": 6.0, "encode": 1.6}}


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--yardstick", type=Path, default=ROOT / "../shared/bench/opencv_loop.py")
    parser.add_argument("--mnist", type=Path, default=ROOT / "../shared/mnist")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--samples", type=int, default=5000, help="images of one repeat")
    parser.add_argument("--shards", type=int, nargs="*", default=[100, 10_000])
    parser.add_argument("--million", action="store_true", help="linearity up to 10^6 images")
    parser.add_argument("--output", type=Path, default=ROOT / "bench.json")
    given = parser.parse_args()
    mnist = given.mnist.resolve() if given.mnist.is_dir() else None
    yardstick = _find_yardstick(given.yardstick, mnist)
    begin = time.perf_counter()
    results: dict[str, Any] = {"machine": _describe_machine(), "mnist": mnist is not None}
    for image in FORMATS:
        _say(f"{image}: builds, encoding alone, yardstick")
        results[image] = _measure_format(image, mnist, yardstick, given.repeats, given.samples)
        _say(f"{image}: memory")
        results[image]["memory"] = processes.measure_memory(image, mnist)
        _say(f"{image}: 1 and 2 workers")
        rates = processes.measure_workers(image, mnist, 40 * given.samples, 3)
        results[image]["workers"] = {
            "images_per_second": {str(n): take_median(found) for n, found in rates.items()},
            "cores": processes.measure_cores(image, mnist),
            "ratio": take_median([two / one for one, two in zip(rates[1], rates[2], strict=True)]),
        }
    _say("linearity, plan, imports, start-up")
    results["linearity"] = _measure_linearity(mnist, [10**4, 10**5] + [10**6] * given.million)
    results["plan"] = processes.measure_plan("png", mnist)
    results["imports"] = processes.measure_imports(given.repeats)
    results["start"] = processes.measure_start(mnist, ROOT / "configs/original.yaml")
    results["task_ms"] = round(processes.measure_scheduling(1000), 2)
    _say("memory from few shards to many")
    results["shards"] = list(memory.measure(given.shards, 200, None))
    _say("reading")
    results["reading"] = reading.run()
    results["seconds"] = round(time.perf_counter() - begin, 1)
    given.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    _print_stages(results)
    _print_targets(results)
    print("\n" + "\n".join(map(memory.describe, [None, *results["shards"]])))
    print("\n" + reading.describe(results["reading"]))
    print(f"\n{results['seconds']:.0f} s; all figures in {given.output}")


def _say(line: str) -> None:
    print(f"{line} ...", file=sys.stderr, flush=True)


def _find_yardstick(script: Path, mnist: Path | None) -> list[str] | None:
    """Return the command of the yardstick, or say why there is none."""
    if not script.is_file():
        _say(f"{script} is not there: nothing is compared with OpenCV")
    elif not importlib.util.find_spec("cv2"):
        _say("opencv-python-headless is not installed: nothing is compared with OpenCV")
    elif mnist is None:
        _say("the files of the full MNIST are not there: nothing is compared with OpenCV")
    else:
        return [sys.executable, str(script), "--mnist", str(mnist)]
    return None


def _describe_machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


def _measure_format(
    image: str, mnist: Path | None, yardstick: list[str] | None, repeats: int, samples: int
) -> dict[str, Any]:
    """Time builds, with and without writing, encoding alone, stages and the yardstick, in turn."""
    clock: dict[str, list[float]] = {"build": [], "make": [], "encode": []}
    cpu: dict[str, list[float]] = {"build": [], "make": [], "encode": []}
    stages: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(folder)
        sampler = open_work(image, mnist, shard_samples=samples)
        rendered = sampler.draw("train", 0, samples)
        build_one(sampler, storage, 0)
        if yardstick:
            yardstick = [*yardstick, "--format", image, "--out", f"{folder}/yardstick.tar"]
            _, start_cpu = _run_yardstick(yardstick, 1)
            clock["yardstick"], cpu["yardstick"] = [], []
        for _ in range(repeats):
            calls = {
                # The same files each time, as the yardstick writes: new ones take new pages.
                "build": lambda: build_one(sampler, storage, 0),
                "make": lambda: make_one(sampler, 0),
                "encode": lambda: encode_rendered(sampler, rendered),
            }
            for name, call in calls.items():
                seconds, cpu_seconds, _ = time_call(call)
                clock[name].append(seconds / samples * 1e6)
                cpu[name].append(cpu_seconds / samples * 1e6)
            if yardstick:
                seconds, cpu_seconds = _run_yardstick(yardstick, samples)
                clock["yardstick"].append(seconds / samples * 1e6)
                cpu["yardstick"].append((cpu_seconds - start_cpu) / samples * 1e6)
            stages.append(measure_stages(sampler, storage, SHARD_SAMPLES))
    encoded = encode_rendered(sampler, rendered)
    result: dict[str, Any] = {
        "file_bytes": round(sum(map(len, encoded)) / samples),
        "stages_us": {name: take_median([once[name] for once in stages]) for name in stages[0]},
        "clock": _compare(clock),
        "cpu": _compare(cpu),
    }
    if image == "png":
        result["pillow_bytes"] = _measure_pillow(rendered.images)
    return result


def _run_yardstick(command: list[str], samples: int) -> tuple[float, float]:
    """Return the seconds of its loop on the clock, and of all of it on the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [*command, "--count", str(samples)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout)["seconds"], cpu


def _compare(found: dict[str, list[float]]) -> dict[str, Any]:
    """Return medians and minima in microseconds, and ratios.

    A ratio is the median of those of each repeat, and that of the fastest: on a machine that others
    use as well, what is slow may be theirs.
    """
    result: dict[str, Any] = {
        "median_us": {name: take_median(times) for name, times in found.items()},
        "fastest_us": {name: round(min(times), 2) for name, times in found.items()},
        "make_per_encode": _divide(found["make"], found["encode"]),
        "build_per_encode": _divide(found["build"], found["encode"]),
    }
    if "yardstick" in found:
        result["yardstick_per_build"] = _divide(found["yardstick"], found["build"])
    return result


def _divide(above: list[float], below: list[float]) -> dict[str, float]:
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return {"median": take_median(ratios), "fastest": round(min(above) / min(below), 2)}


def _measure_pillow(images: Any) -> int:
    """Return the mean bytes of Pillow's PNG files at level 6."""
    import io

    from PIL import Image

    total = 0
    for pixels in images:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", compress_level=6)
        total += file.tell()
    return round(total / len(images))


def _measure_linearity(mnist: Path | None, sizes: list[int], rounds: int = 5) -> dict[str, int]:
    """Return images per second of builds of several sizes, in this process; files are deleted.

    In each round every size builds a part of the largest, or all it has: in turn, since the speed
    of a machine that others use changes within a minute.
    """
    samplers = {size: open_work("jpeg", mnist, size) for size in sizes}
    seconds, n_built = dict.fromkeys(sizes, 0.0), dict.fromkeys(sizes, 0)
    for turn in range(rounds):
        for size, sampler in samplers.items():
            n_shards = sampler.plan.splits["train"].n_shards
            n_most = samplers[sizes[-1]].plan.splits["train"].n_shards // rounds
            indices = range(n_shards) if n_shards <= n_most else range(turn, n_shards, rounds)
            with tempfile.TemporaryDirectory() as folder:
                storage = Storage(folder)
                for index in indices:
                    start = time.perf_counter()
                    n_built[size] += build_one(sampler, storage, index)
                    seconds[size] += time.perf_counter() - start
                    for path in storage.list():
                        storage.delete(path)
    return {str(size): round(n_built[size] / seconds[size]) for size in sizes}


def _print_stages(results: dict[str, Any]) -> None:
    print(f"\n{results['machine']}\n\n{'us per image, processor time':32}{'JPEG':>8}{'PNG':>8}")
    tables = {image: dict(results[image]["stages_us"]) for image in FORMATS}
    for image, table in tables.items():
        medians = results[image]["cpu"]["median_us"]
        table["whole build"], table["encoding alone"] = medians["build"], medians["encode"]
        if "yardstick" in medians:
            table["yardstick"] = medians["yardstick"]
    for name in tables["jpeg"]:
        print(f"{name:32}" + "".join(f"{table[name]:8.1f}" for table in tables.values()))


def _print_targets(results: dict[str, Any]) -> None:
    """Print each target beside what was measured."""
    rows = [row for image in FORMATS for row in _list_format(image, results)]
    png, plan, start = results["png"], results["plan"], results["start"]
    rates = ", ".join(f"{rate:,}" for rate in results["linearity"].values())
    imports = results["imports"]
    rows += [
        (
            "PNG: files no larger than Pillow's level 6",
            f"{png['file_bytes']:,} B against {png['pillow_bytes']:,} B",
        ),
        ("images/s from 10^4 to 10^6 within 10 %", rates),
        (
            "10^9 samples planned in < 1 s and < 200 MB",
            f"{plan['seconds']:.3f} s, {plan['added_mb']:.1f} MB more, {plan['rss_mb']:.0f} in all",
        ),
        ("first shard in < 10 s cold, < 3 s warm", f"{start['cold']:.1f} s, {start['warm']:.1f} s"),
        (
            "import, --help < 0.5 s",
            f"{imports['import digit_sequence']:.2f} s, {imports['--help']:.2f} s",
        ),
    ]
    print(f"\n{'target':52}measured")
    for target, measured in rows:
        print(f"{target:52}{measured}")


def _list_format(image: str, results: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the targets of an image format beside what was measured."""
    figures, limits, name = results[image], TARGETS[image], image.upper()
    clock, cpu, stages = figures["clock"], figures["cpu"], figures["stages_us"]
    rows = []
    if "yardstick_per_build" in clock:
        rows.append(
            (
                f"{name}: >= {limits['yardstick']:g} times the yardstick's images/s",
                _describe_ratio(clock["yardstick_per_build"]),
            )
        )
    overhead = sum(stages[stage] for stage in OVERHEAD) + results["task_ms"] * 1000 / SHARD_SAMPLES
    memory = figures["memory"]
    own, mapped = (max(shard[key] for shard in memory["shards"]) for key in ("RssAnon", "VmHWM"))
    return [
        *rows,
        (
            f"{name}: <= {limits['encode']:g} times encoding alone",
            f"{_describe_ratio(clock['make_per_encode'])}; written and flushed "
            f"{_describe_ratio(clock['build_per_encode'])}",
        ),
        (
            f"{name}: two workers >= 1.85 times one",
            f"{figures['workers']['ratio']:.2f}; two processes that only encode: "
            f"{figures['workers']['cores']:.2f}",
        ),
        (
            f"{name}: scheduling, labels, hashes < 10 % of a build",
            f"{overhead / cpu['median_us']['build']:.0%}",
        ),
        (
            f"{name}: a worker <= 350 MB, 10,000 samples a shard",
            f"{own:.0f} MB of its own (model {memory['model_mb']:.0f}), {mapped:.0f} MB with "
            "mapped files",
        ),
    ]


def _describe_ratio(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['fastest']:.2f} of the fastest runs)"


if __name__ == "__main__":
    main()
