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
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
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
TARGETS = {"jpeg": (5, 38), "png": (6, 40)}
"""How many times the yardstick's images/s, and microseconds of a whole build."""
READING = {"reader, batches in order": 40_000, "PyTorch NumberStream, no workers": 25_000}
"""Images/s of a core."""
DRIVER_SAMPLES = (2000, 5000, 10_000)
"""Images of a shard of which that is measured."""
PARTS = ("speed", "processes", "scale", "reading")


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS)
    )
    parser.add_argument("--yardstick", type=Path, default=ROOT / "../shared/bench/opencv_loop.py")
    parser.add_argument("--mnist", type=Path, default=ROOT / "../shared/mnist")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--samples", type=int, default=5000, help="images of one repeat")
    parser.add_argument("--shards", type=int, nargs="*", default=[100, 10_000])
    parser.add_argument("--million", action="store_true", help="linearity up to 10^6 images")
    parser.add_argument("--output", type=Path, default=ROOT / "bench.json")
    given = parser.parse_args()
    mnist = given.mnist.resolve() if given.mnist.is_dir() else None
    begin = time.perf_counter()
    results: dict[str, Any] = {"machine": _describe_machine(), "mnist": mnist is not None}
    print("\n".join(f"{name}: {value}" for name, value in results["machine"].items()), flush=True)
    measure = {
        "speed": partial(_measure_speed, given, mnist),
        "processes": partial(_measure_processes, given, mnist),
        "scale": partial(_measure_scale, given, mnist),
        "reading": lambda: {"reading": reading.run()},
    }
    for part in given.only:
        _say(part)
        results |= measure[part]()
    results["seconds"] = round(time.perf_counter() - begin, 1)
    given.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if "jpeg" in results:
        _print_stages(results)
    _print_targets(results)
    if "shards" in results:
        print("\n" + "\n".join(map(memory.describe, [None, *results["shards"]])))
    if "reading" in results:
        print("\n" + reading.describe(results["reading"]))
    print(f"\n{results['seconds']:.0f} s; all figures in {given.output}")


def _measure_speed(given: argparse.Namespace, mnist: Path | None) -> dict[str, Any]:
    """Time builds, encoding alone and the yardstick."""
    yardstick = _find_yardstick(given.yardstick, mnist)
    return {
        image: _measure_format(image, mnist, yardstick, given.repeats, given.samples)
        for image in FORMATS
    }


def _measure_processes(given: argparse.Namespace, mnist: Path | None) -> dict[str, Any]:
    """Measure what workers hold, and what one and two of them make."""
    results: dict[str, Any] = {"memory": {}, "workers": {}}
    for image in FORMATS:
        results["memory"][image] = processes.measure_memory(image, mnist)
        found = processes.measure_workers(image, mnist, 40 * given.samples, 3)
        rates = found["rates"]
        results["workers"][image] = {
            "images_per_second": {str(n): take_median(found) for n, found in rates.items()},
            "cpu_us": {str(n): take_median(costs) for n, costs in found["costs"].items()},
            "cores": processes.measure_cores(image, mnist),
            "ratio": take_median([two / one for one, two in zip(rates[1], rates[2], strict=True)]),
        }
    return results


def _measure_scale(given: argparse.Namespace, mnist: Path | None) -> dict[str, Any]:
    """Measure what grows with a dataset, and how long a build takes to start."""
    return {
        "linearity": _measure_linearity(mnist, [10**4, 10**5] + [10**6] * given.million),
        "plan": processes.measure_plan("png", mnist),
        "imports": processes.measure_imports(given.repeats),
        "start": processes.measure_start(mnist, ROOT / "configs/original.yaml"),
        "driver": {
            samples: processes.measure_driver(16, samples, 20) for samples in DRIVER_SAMPLES
        },
        "shards": list(memory.measure(given.shards, 200, None)),
    }


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


def _describe_machine() -> dict[str, str]:
    """Return what figures depend on, beside the code."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    vectors = [name for name in ("sse2", "avx2", "avx512bw") if any(name in it for it in lines)]
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "machine": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processor": f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, "
        f"{vectors[-1] if vectors else 'vectors unknown'}",
        "python": f"{platform.python_version()}, numba "
        + (version("numba") if importlib.util.find_spec("numba") else "not there"),
        "load of others at the start": load,
    }


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
    print(f"\n{'us per image, processor time':32}{'JPEG':>8}{'PNG':>8}")
    tables = {image: dict(results[image]["stages_us"]) for image in FORMATS}
    for image, table in tables.items():
        medians = results[image]["cpu"]["median_us"]
        table["whole build"], table["encoding alone"] = medians["build"], medians["encode"]
        if "yardstick" in medians:
            table["yardstick"] = medians["yardstick"]
    for name in tables["jpeg"]:
        print(f"{name:32}" + "".join(f"{table[name]:8.1f}" for table in tables.values()))


def _print_targets(results: dict[str, Any]) -> None:
    """Print each target beside what was measured; whether it is met, one machine cannot tell."""
    rows = [row for list_rows in _TABLE for row in list_rows(results)]
    print(f"\n{'target, each on any machine':52}measured on this one")
    for target, measured in rows:
        print(f"{target:52}{measured}")


_Rows = Iterator[tuple[str, str]]


def _list_speed(results: dict[str, Any]) -> _Rows:
    for image, (times, most) in TARGETS.items():
        if image not in results:
            continue
        figures, name = results[image], image.upper()
        clock, cpu = figures["clock"], figures["cpu"]
        yield (
            f"{name}: a whole build in at most {most} us",
            f"processor {_describe_times(cpu, 'build')}; clock {_describe_times(clock, 'build')}",
        )
        if "yardstick_per_build" in cpu:
            yield (
                f"{name}: at least {times} times the yardstick's images/s",
                f"processor {_describe_ratio(cpu['yardstick_per_build'])}; clock "
                f"{_describe_ratio(clock['yardstick_per_build'])}",
            )
        overhead = sum(figures["stages_us"][stage] for stage in OVERHEAD)
        yield (
            f"{name}: labels and digests, share of a build",
            f"{overhead / cpu['median_us']['build']:.0%}",
        )
        yield (
            f"{name}: times encoding alone",
            f"made {_describe_ratio(cpu['make_per_encode'])}; written and flushed "
            f"{_describe_ratio(cpu['build_per_encode'])}",
        )
        if image == "png":
            yield (
                "PNG: files no larger than Pillow's level 6",
                f"{figures['file_bytes']:,} B against {figures['pillow_bytes']:,} B",
            )


def _list_processes(results: dict[str, Any]) -> _Rows:
    for image in FORMATS if "workers" in results else ():
        name, workers, held = image.upper(), results["workers"][image], results["memory"][image]
        own, mapped = (max(shard[key] for shard in held["shards"]) for key in ("RssAnon", "VmHWM"))
        yield (
            f"{name}: two workers at least 1.9 times one",
            f"{workers['ratio']:.2f}; two processes that only encode: {workers['cores']:.2f}; "
            f"processor time {' and '.join(map(str, workers['cpu_us'].values()))} us an image",
        )
        yield (
            f"{name}: a worker <= 350 MB, 10,000 samples a shard",
            f"{own:.0f} MB of its own (model {held['model_mb']:.0f}), {mapped:.0f} MB with mapped "
            "files",
        )


def _list_scale(results: dict[str, Any]) -> _Rows:
    if "linearity" not in results:
        return
    plan, start, imports = results["plan"], results["start"], results["imports"]
    rates = ", ".join(f"{rate:,}" for rate in results["linearity"].values())
    yield "images/s from 10^4 to 10^6 within 10 %", rates
    yield (
        "10^9 samples planned in < 1 s and < 200 MB",
        f"{plan['seconds']:.3f} s, {plan['added_mb']:.1f} MB more, {plan['rss_mb']:.0f} in all",
    )
    yield "first shard in < 6 s cold, < 2 s warm", f"{start['cold']:.1f} s, {start['warm']:.1f} s"
    yield (
        "import, --help < 0.5 s",
        f"{imports['import digit_sequence']:.2f} s, {imports['--help']:.2f} s",
    )
    for samples, driver in results["driver"].items():
        yield (
            "driver and scheduler < 5 % of a core at 100,000 images/s",
            f"{driver['cores']:.1%}, 16 sleeping workers, shards of {samples:,}, at "
            f"{driver['images_per_second']:,} images/s",
        )


def _list_reading(results: dict[str, Any]) -> _Rows:
    for way, rate in READING.items() if "reading" in results else ():
        clock, cpu = results["reading"][way]
        yield f"{way}: {rate:,} images/s", f"processor {cpu:,.0f}; clock {clock:,.0f}"


_TABLE = (_list_speed, _list_processes, _list_scale, _list_reading)


def _describe_times(times: dict[str, Any], name: str) -> str:
    return f"{times['median_us'][name]:.1f} ({times['fastest_us'][name]:.1f} the fastest)"


def _describe_ratio(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['fastest']:.2f} of the fastest runs)"


if __name__ == "__main__":
    main()
