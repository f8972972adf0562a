"""The command line: ``digit-sequence``, also ``python -m digit_sequence``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from digit_sequence import __version__
from digit_sequence.base.errors import (
    BuildStopped,
    ConfigError,
    OutputError,
    PipelineError,
    how_to_install,
)

if TYPE_CHECKING:  # the heavy imports wait for the command that needs them
    from digit_sequence.build.dataset import BuildResult
    from digit_sequence.build.sampler import Sampler
    from digit_sequence.build.verify import VerifyResult
    from digit_sequence.config.model import Config
    from digit_sequence.plan.plan import Plan
    from digit_sequence.run.schedulers import Run
    from digit_sequence.store.storage import Storage

Command = Callable[..., Any]


class Program(click.Group):
    """The group of all commands; turns errors that are the user's into one message."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and exit with 2 after a `PipelineError`, with 130 after Ctrl-C."""
        try:
            return super().main(*args, **kwargs)
        except BuildStopped as stop:
            click.echo(stop, err=True)
            sys.exit(130)
        except PipelineError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(2)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; Ctrl-C at any time is a way to stop it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # One that comes within `exec`, as where an import makes a dataclass, has Python end by
            # the signal, whatever the exit code is, unless another `exec` follows.
            exec("")  # noqa: S102
            raise BuildStopped("stopped at once; what is finished is kept") from None


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="digit-sequence")
def main() -> None:
    """Build labelled image datasets of handwritten numbers from MNIST digits.

    \b
      digit-sequence build configs/default.yaml      a dataset in data/default
      digit-sequence preview configs/default.yaml    a picture of what it will hold
      digit-sequence number 14543 -b -c -a           images of one number
    """


def config_options(command: Command) -> Command:
    """Add the argument CONFIG and the option --set."""
    command = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Override a key of the config; the value is YAML. Can be given many times.",
    )(command)
    return click.argument("config", type=click.Path(path_type=Path))(command)


def scheduler_options(command: Command) -> Command:
    """Add the options that say which Dask scheduler runs the tasks."""
    options = [
        click.option(
            "--scheduler",
            metavar="NAME|ADDRESS",
            help="synchronous, threads, processes, or a Dask scheduler's address such as "
            "tcp://10.0.0.1:8786.  [default: DASK_SCHEDULER_ADDRESS, else processes]",
        ),
        click.option(
            "--scheduler-file", metavar="FILE", help="File a Dask scheduler wrote its address to."
        ),
        click.option(
            "--cluster",
            metavar="MODULE:FACTORY",
            help="Function that returns a Dask cluster, such as "
            "configs/clusters/slurm.py:make_cluster.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1),
            help="Local processes or threads.  [default: cores]",
        ),
        click.option(
            "--worker-timeout",
            "worker_timeout_seconds",
            type=click.FloatRange(1),
            default=300.0,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait for a cluster without workers.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@main.command()
@config_options
@scheduler_options
@click.option("-o", "--output", metavar="OUT", help="Output directory; overrides output.uri.")
@click.option(
    "--engine",
    type=click.Choice(["skimage", "numba"]),
    help="What draws: the same bytes at another speed.  [default: numba if installed]",
)
@click.option("--dry-run", is_flag=True, help="Print the plan and stop; nothing is written.")
@click.option(
    "--overwrite", is_flag=True, help="Delete the dataset of another config that OUT holds."
)
@click.option(
    "--performance-report", metavar="FILE", help="Write Dask's report of the run, an HTML page."
)
def build(
    config: Path,
    overrides: tuple[str, ...],
    output: str | None,
    engine: str | None,
    dry_run: bool,
    overwrite: bool,
    performance_report: str | None,
    **scheduler: Any,
) -> None:
    """Build the dataset that CONFIG describes.

    Shards that OUT holds already are kept, so a build that was stopped, by Ctrl-C or otherwise,
    goes on when the same command is given again. OUT may be a URI such as s3://bucket/folder.
    """
    from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler, start_fork_server

    options = SchedulerOptions(**scheduler, is_profiled=performance_report is not None)
    if options.name == "processes" and not dry_run:
        start_fork_server()  # it imports what workers need while the config is read
    from digit_sequence.build.dataset import build_dataset, estimate_bytes
    from digit_sequence.build.sampler import open_config
    from digit_sequence.store.storage import Storage

    settings = _load(config, overrides)
    uri = output or settings.output.uri or f"data/{config.stem}"
    storage = Storage(uri)
    sampler = open_config(settings, engine)
    if dry_run:
        click.echo(_describe_plan(sampler, estimate_bytes(sampler), uri))
        return
    storage.check()
    with (
        _drain_on_signal() as should_stop,
        open_scheduler(options) as run,
    ):
        if run.client is not None:
            dashboard = f", dashboard {run.dashboard}" if run.dashboard else ""
            click.echo(f"{run.kind}, {run.threads} at a time{dashboard}", err=True)
        with (
            _progress(sampler.plan.n_samples) as on_progress,
            _report_performance(run, performance_report),
        ):
            result = build_dataset(sampler, storage, run, on_progress, overwrite, should_stop)
    click.echo(_describe_result(result, sampler.plan, uri))


@main.command()
@click.argument("out")
@scheduler_options
@click.option("--quick", is_flag=True, help="Footers, sizes and names only; no image is read.")
@click.option(
    "--sample",
    "redraw",
    default=0,
    type=click.IntRange(0),
    metavar="N",
    help="Draw N random samples again and compare.",
)
@click.option("--repair", is_flag=True, help="Build again what is broken, and just that.")
def verify(out: str, quick: bool, redraw: int, repair: bool, **scheduler: Any) -> None:
    """Check that the dataset in OUT is complete and sound.

    Every shard's bytes, container, images and label rows are compared with each other and with the
    plan. Exit code 1 if something is wrong and was not repaired.
    """
    from digit_sequence.build.dataset import build_dataset
    from digit_sequence.build.sampler import open_output
    from digit_sequence.build.verify import load_any_plan, repair_dataset, verify_dataset
    from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler

    storage = _open_storage(out)
    options = SchedulerOptions(**scheduler)
    if quick and not repair:  # what the driver does by itself
        options = SchedulerOptions("synchronous")
    with _drain_on_signal() as should_stop, open_scheduler(options) as run:

        def check() -> VerifyResult:
            plan, _ = load_any_plan(storage)
            with _progress(plan.n_samples) as on_progress:
                return verify_dataset(
                    storage,
                    run,
                    quick=quick,
                    redraw=redraw,
                    on_progress=on_progress,
                    should_stop=should_stop,
                )

        result = check()
        click.echo(_describe_verification(result, quick))
        if result.problems and repair:
            repair_dataset(storage, result.problems)
            if result.is_quick and not quick:  # the plan and the digits are whole now
                result = check()
                click.echo(_describe_verification(result, quick))
                repair_dataset(storage, result.problems)
            sampler = open_output(storage)
            with _progress(sampler.plan.n_samples) as on_progress:
                built = build_dataset(sampler, storage, run, on_progress, False, should_stop)
            click.echo(_describe_result(built, sampler.plan, out))
        elif result.problems:
            sys.exit(1)


@main.command()
@click.argument("out")
def status(out: str) -> None:
    """Show how far the build in OUT is, while it runs or afterwards."""
    from digit_sequence.build.status import describe_status

    click.echo(describe_status(_open_storage(out)))


@main.command()
@click.argument("key")
@click.option(
    "--from",
    "origin",
    required=True,
    metavar="OUT|CONFIG",
    help="A dataset directory, or its URI, or a config.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Picture to write, a PNG.",
)
def sample(key: str, origin: str, output: Path) -> None:
    """Draw one sample again, pixel for pixel.

    KEY is the key of its label row, such as train-000000042. The picture is always a PNG.
    """
    from digit_sequence.codec.encoding import encode_image
    from digit_sequence.plan.plan import parse_key

    sampler = _open(origin, ())
    split, ordinal = parse_key(sampler.plan, key)
    rendered = sampler.draw(split.name, ordinal, ordinal + 1)
    _write_file(output, encode_image(rendered.images[0], "png"))
    recipes = rendered.recipes
    click.echo(f"{output}: number {recipes.numbers[0]}, sample {recipes.sample_indices[0]}")


class ExportCommand(click.Command):
    """Lists the formats at the end of its help; they are imported for that alone."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list."""
        from digit_sequence.exports import EXPORTS

        with formatter.section("Formats"):
            formatter.write_dl([(name, kind.readers) for name, kind in EXPORTS.items()])
        super().format_epilog(ctx, formatter)


@main.command(cls=ExportCommand)
@click.argument("dataset", metavar="OUT")
@click.option("--to", "kind", required=True, metavar="FORMAT", help="See the list below.")
@click.option("-o", "--output", required=True, metavar="DIR", help="Folder of the export.")
@click.option(
    "--max-digits",
    type=click.IntRange(1),
    help="The longest number that the reader is set to take.  [default: what it takes unless set]",
)
@scheduler_options
def export(
    dataset: str,
    kind: str,
    output: str,
    max_digits: int | None,
    **scheduler: Any,
) -> None:
    """Export the dataset OUT to a format that trainers read.

    An export that was stopped goes on when the same command is given again.
    """
    from digit_sequence.exports import EXPORTS
    from digit_sequence.exports.run import Export, check_fit, export_dataset
    from digit_sequence.read.dataset import open_dataset
    from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler

    if "://" in output:
        raise ConfigError(f"--output: expected a folder that is mounted here, got {output}")
    request = Export(open_dataset(dataset), kind, Path(output), max_digits)
    check_fit(request)
    n_samples = sum(map(len, request.dataset.values()))
    with (
        _drain_on_signal() as should_stop,
        open_scheduler(SchedulerOptions(**scheduler)) as run,
        _progress(n_samples) as on_progress,
    ):
        exported = export_dataset(request, run, on_progress, should_stop)
    click.echo(f"{output}: {n_samples:,} samples, {exported:,} of them exported now")
    if EXPORTS[kind].note:
        click.echo(EXPORTS[kind].note)


@main.command()
@click.argument("dataset", metavar="OUT")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Folder of the run.  [default: runs/ and the name of OUT]",
)
@click.option(
    "--epochs", default=6, show_default=True, type=click.IntRange(1), help="At most this many."
)
@click.option(
    "--batch-size", default=64, show_default=True, type=click.IntRange(1), help="Images of a step."
)
@click.option("--learning-rate", default=3e-3, show_default=True, help="At its highest.")
@click.option(
    "--patience",
    default=4,
    show_default=True,
    type=click.IntRange(1),
    help="Stop after this many epochs in which val was not read better.",
)
@click.option("--limit", type=click.IntRange(1), help="Use the first samples of train only.")
@click.option("--seed", default=0, show_default=True, help="Another seed, other weights.")
@click.option(
    "--also",
    multiple=True,
    metavar="OUT",
    help="Another dataset whose test split is read in the end. Can be given many times.",
)
@click.option("--overwrite", is_flag=True, help="Train anew where RUN holds another run.")
def train(dataset: str, output: Path | None, also: tuple[str, ...], **options: Any) -> None:
    """Teach a small network to read the dataset OUT, and report how well it does.

    Writes report.md, report.json, curve.png, mistakes.png and the weights to RUN. A run that was
    stopped goes on when the same command is given again. Needs the extra torch.
    """
    import os

    # Idle threads sleep instead of spinning: five times as fast where cores are shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from digit_sequence.learn import training
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"training needs the package {error.name}: {how_to_install('torch')}"
        ) from error
    from digit_sequence.read.dataset import open_dataset

    opened = open_dataset(dataset)
    names = [Path(uri).name for uri in also]
    others = {
        name if names.count(name) == 1 else uri: open_dataset(uri)
        for name, uri in zip(names, also, strict=True)
    }
    for other in others.values():
        training.check_other(opened, other)
    folder = _choose_run_folder(dataset, output)
    overwrite = options.pop("overwrite")
    run = training.Run(opened, folder, training.TrainOptions(**options), overwrite)
    epochs = run.options.epochs
    with _progress(epochs * len(run.train)) as on_progress:
        on_progress(run.done_samples, False)
        for entry in training.train(run, lambda samples, _loss: on_progress(samples, True)):
            click.echo(
                f"epoch {entry['epoch'] + 1} of {epochs}: loss {entry['train_loss']:.3f}, val "
                f"{entry['val_loss']:.3f}, {entry['val_exact_match']:.2%} exact, "
                f"{entry['seconds'] / 60:.1f} min",
                err=True,
            )
    for line in training.summarize(training.write_report(run, others)):
        click.echo(line)
    click.echo(f"in {folder}: report.md, report.json, curve.png, mistakes.png, best.pt")


@main.command()
@click.argument("origin", metavar="OUT|CONFIG")
@click.option(
    "-o",
    "--output",
    default="preview.png",
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Picture to write, a PNG.",
)
@click.option(
    "-n",
    "--count",
    default=24,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Samples of each split.",
)
@click.option("--boxes/--no-boxes", default=True, show_default=True, help="Draw digits' boxes.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Override a key of the config; not for a dataset.",
)
def preview(origin: str, output: Path, count: int, boxes: bool, overrides: tuple[str, ...]) -> None:
    """Draw a contact sheet: the first samples of each split with labels and boxes.

    Of a config the samples are rendered; of a dataset they are read from its shards.
    """
    from digit_sequence.look.preview import draw_sheet, draw_tiles, read_tiles
    from digit_sequence.store.manifest import load_plan

    if _is_dataset(origin):
        if overrides:
            raise ConfigError(f"--set: {origin} is a dataset, whose config cannot change")
        storage = _open_storage(origin)
        tiles = read_tiles(storage, load_plan(storage), count)
    else:
        tiles = draw_tiles(_open(origin, overrides), count)
    _write_file(output, draw_sheet(tiles, boxes))
    click.echo(f"{output}: {sum(map(len, tiles.values()))} samples")


@main.command()
@click.argument("number", required=False)
@click.option("-n", "number_option", metavar="NUMBER", help="The number, instead of the argument.")
@click.option("-w", "--width", default=170, show_default=True, help="Columns of an image.")
@click.option("-ht", "--height", default=28, show_default=True, help="Rows of an image.")
@click.option("-min", "--min-spacing", default=5, show_default=True, help="Columns, at least.")
@click.option("-max", "--max-spacing", default=10, show_default=True, help="Columns, at most.")
@click.option("-c", "--crop", is_flag=True, help="Crop digits to their ink.")
@click.option("-m", "--margin", default=0, show_default=True, help="Rows around cropped ink.")
@click.option("-a", "--augment", is_flag=True, help="Noise, shear, rotation, dilation, erosion.")
@click.option(
    "-r", "--rotate", default=40.0, show_default=True, type=click.FloatRange(0, 45), help="Degrees."
)
@click.option("-b", "--batch", is_flag=True, help="Make a batch instead of one image.")
@click.option("-bn", "--batch-count", default=10, show_default=True, help="Images of a batch.")
@click.option("-d", "--data-dir", help="Folder of the MNIST files; missing ones are downloaded.")
@click.option("-s", "--image-dir", default="images", show_default=True, help="Output directory.")
@click.option(
    "--source", default="mnist", show_default=True, type=click.Choice(["mnist", "mnist-5k"])
)
@click.option("--seed", default=0, show_default=True, help="Another seed, other images.")
@click.option("--overwrite", is_flag=True, help="Replace images made with other options.")
@click.option("--show/--no-show", default=None, help="Show a single image.  [default: on a screen]")
def number(**options: Any) -> None:
    """Make images of one NUMBER in IMAGE_DIR/NUMBER/, with a label file beside them.

    \b
      digit-sequence number 14543 -w 200 -min 5 -max 10 -c -a -b -bn 100 -m 4 -r 30
    """
    from digit_sequence.cli.number_images import make_config, write_images

    given = [options.pop("number"), options.pop("number_option")]
    numbers = [value for value in given if value is not None]
    if len(numbers) != 1:
        raise ConfigError(f"expected one NUMBER, as an argument or with -n, got {len(numbers)}")
    image_dir, show = options.pop("image_dir"), options.pop("show")
    overwrite = options.pop("overwrite")
    config = make_config(numbers[0], **options)
    paths, n_scaled = write_images(config, image_dir, overwrite)
    click.echo(f"{paths[0]}" if len(paths) == 1 else f"{len(paths)} images in {paths[0].parent}")
    if n_scaled:
        width = config.canvas.width
        click.echo(f"{n_scaled} wider than {width} columns, shrunk to fit; see -w", err=True)
    if len(paths) == 1 and (show or (show is None and _has_screen())):
        click.launch(str(paths[0]))


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for a SHELL.

    \b
      eval "$(digit-sequence completion bash)"
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(main, {}, "digit-sequence", "_DIGIT_SEQUENCE_COMPLETE").source())


def _has_screen() -> bool:
    import os

    return sys.stdout.isatty() and bool(os.environ.get("DISPLAY") or sys.platform == "darwin")


def _choose_run_folder(dataset: str, output: Path | None) -> Path:
    if output is None:
        if (name := Path(dataset).name) in ("", ".."):
            raise ConfigError(
                f"{dataset} has no name for a folder of the run; name one by --output"
            )
        return Path("runs", name)
    if "://" in (text := str(output)) or text.startswith(("s3:/", "gs:/")):
        raise ConfigError(f"--output: expected a folder that is mounted here, got {output}")
    return output


def _load(path: Path, overrides: Sequence[str]) -> Config:
    from digit_sequence.config.model import load_config

    return load_config(path, overrides)


def _open(origin: str, overrides: Sequence[str]) -> Sampler:
    """Open a dataset directory or a config."""
    from digit_sequence.build.sampler import open_config, open_output

    if _is_dataset(origin):
        return open_output(_open_storage(origin))
    return open_config(_load(Path(origin), overrides))


def _is_dataset(origin: str) -> bool:
    """Return whether it is a directory or a URI; else it is a config."""
    return "://" in origin or Path(origin).is_dir()


def _open_storage(uri: str) -> Storage:
    from digit_sequence.store.storage import Storage

    storage = Storage(uri)
    storage.check()
    return storage


def _write_file(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


@contextmanager
def _drain_on_signal() -> Iterator[Callable[[], bool]]:
    """Stop a build at the first Ctrl-C or SIGTERM when its shards under way are done.

    The second Ctrl-C stops it at once.
    """
    import signal

    is_stopping = False

    def stop(number: int, _frame: Any) -> None:
        nonlocal is_stopping
        if is_stopping and number == signal.SIGINT:
            raise KeyboardInterrupt
        is_stopping = True
        click.echo("\nstopping when the shards under way are done; Ctrl-C again: now", err=True)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: is_stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _report_performance(run: Run, path: str | None) -> AbstractContextManager[Any]:
    from importlib.util import find_spec

    if path is None:
        return nullcontext()
    if run.client is None or not find_spec("bokeh"):
        raise ConfigError(
            "--performance-report: expected a cluster or the scheduler processes, and bokeh "
            f"installed: {how_to_install('dashboard')}"
        )
    _write_file(Path(path), b"")  # rather now than when the build is done
    from digit_sequence.run.schedulers import report_performance

    return report_performance(run, path)


def _progress(n_samples: int) -> Any:
    """Show one line with done, total, images/s and time left; nothing if not on a terminal."""
    from tqdm import tqdm

    @contextmanager
    def show() -> Any:
        with tqdm(total=n_samples, unit=" images", disable=None, dynamic_ncols=True) as bar:

            def advance(samples: int, is_new: bool) -> None:
                if not is_new and not bar.disable:
                    bar.initial += samples  # images/s and time left count this run alone
                bar.update(samples)

            yield advance

    return show()


def _describe_plan(sampler: Sampler, n_bytes: int, uri: str) -> str:
    plan = sampler.plan
    lines = [f"{'split':8}{'samples':>16}{'shards':>10}{'glyphs':>10}  digits"]
    for name, split in plan.splits.items():
        glyphs = len(sampler.pools[name].ids)
        lines.append(
            f"{name:8}{split.n_samples:16,}{split.n_shards:10,}{glyphs:10,}  "
            f"up to {split.numbers.max_digits}"
        )
    lines += [
        f"{'total':8}{plan.n_samples:16,}{plan.n_shards:10,}",
        f"about {_human_bytes(n_bytes)} of {plan.config.output.container} shards in {uri}",
        f"fingerprint {plan.fingerprint}; nothing was written",
    ]
    return "\n".join(lines)


def _describe_verification(result: VerifyResult, quick: bool) -> str:
    looked_at = f"{result.n_shards:,} shards, {result.n_samples:,} samples"
    if result.redrawn:
        looked_at += f", {result.redrawn:,} of them drawn again"
    if not result.problems:
        return f"sound: {looked_at}"
    width = max(len(problem.path) for problem in result.problems)
    lines = [f"  {problem.path:{width}}  {problem.reason}" for problem in result.problems]
    if result.is_quick and not quick:
        looked_at += ", of which no image was looked at before this is repaired"
    return "\n".join([f"{len(lines)} problems in {looked_at}:", *lines])


def _describe_result(result: BuildResult, plan: Plan, uri: str) -> str:
    splits = result.manifest["splits"]
    lines = [f"{'split':8}{'images':>12}{'shards':>8}{'bytes':>10}"]
    for name, split in splits.items():
        size = _human_bytes(split["bytes"])
        lines.append(f"{name:8}{split['samples']:12,}{split['shards']:8,}{size:>10}")
    scaled = sum(split["scaled"] for split in splits.values())
    if scaled:
        lines.append(
            f"{scaled:,} of {plan.n_samples:,} lines were wider than {plan.config.canvas.width} "
            "columns and were shrunk to fit (column `scaled`)"
        )
    rate = result.built_samples / result.seconds
    lines += [
        f"built {result.built_samples:,} images in {result.seconds:.1f} s, {rate:,.0f} images/s"
        if result.built_samples
        else "nothing to build: the dataset was complete",
        f"digest {result.manifest['digest']}",
        f"in {uri}; look at it: digit-sequence preview {quote(uri)}",
    ]
    return "\n".join(lines)


def _human_bytes(n_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.1f} TB"
