"""Which scheduler to open, and how."""

from __future__ import annotations

from dataclasses import dataclass

import dask
from dask.utils import parse_bytes

from digit_sequence.base.errors import ConfigError
from digit_sequence.base.text import suggest

LOCAL_SCHEDULERS = ("synchronous", "threads", "processes")


@dataclass(frozen=True)
class SchedulerOptions:
    """Which scheduler to open: one of the first three, or none."""

    scheduler: str | None = None
    """One of `LOCAL_SCHEDULERS`, or an address."""
    scheduler_file: str | None = None
    """File that a scheduler wrote its address to."""
    cluster: str | None = None
    """``module:factory`` or ``path.py:factory`` of a function that returns a Dask cluster."""
    workers: int | None = None
    """Local threads or processes; default: one for each core."""
    worker_timeout_seconds: float = 300.0
    """How long to wait for a worker when a cluster has none, and for a scheduler that is silent."""
    memory_limit: str | None = None
    """What a task may need, such as 2GB; default: what the machine or the workers have."""
    is_profiled: bool = False
    """Whether local processes note where their time goes, for a report: 0.1 MB a second each."""

    @property
    def name(self) -> str | None:
        """One of `LOCAL_SCHEDULERS`, or an address; None if a file or a factory is to give it."""
        if any(way is not None for way in (self.scheduler, self.scheduler_file, self.cluster)):
            return self.scheduler
        name: str = dask.config.get("scheduler-address", None) or "processes"
        return name

    @property
    def memory_limit_bytes(self) -> int | None:
        """Bytes of `memory_limit`, if it is given.

        Raises
        ------
        ConfigError
            If it is no number of bytes.
        """
        if self.memory_limit is None:
            return None
        try:
            n_bytes: int = parse_bytes(self.memory_limit)
        except ValueError:
            n_bytes = 0
        if n_bytes <= 0 or not any(map(str.isdigit, self.memory_limit)):  # "GB" would be 1 GB
            raise ConfigError(
                f"--memory-limit: expected bytes such as 2GB or 500MiB, got {self.memory_limit!r}"
            )
        return n_bytes

    def check(self) -> None:
        """Raise a ConfigError if they do not go together, or name no scheduler."""
        given = [
            f"--{field.replace('_', '-')}"
            for field in ("scheduler", "scheduler_file", "cluster")
            if getattr(self, field) is not None
        ]
        if len(given) > 1:
            raise ConfigError(f"{' and '.join(given)}: expected one of them")
        name = self.name
        if name is not None and name not in LOCAL_SCHEDULERS and "://" not in name:
            raise ConfigError(
                f"--scheduler: expected one of {', '.join(LOCAL_SCHEDULERS)} or an address such as "
                f"tcp://127.0.0.1:8786, got {name!r}{suggest(name, LOCAL_SCHEDULERS)}"
            )
        _ = self.memory_limit_bytes
