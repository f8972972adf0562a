"""Exceptions that tell a user what is wrong, where, and what to do.

::

    PipelineError
    ├── ConfigError   (ValueError)    a config, an option or a number list
    ├── SourceError   (OSError)       digits: files, downloads, the glyph cache
    ├── OutputError   (OSError)       the output directory: unwritable, full, foreign
    ├── RenderError   (RuntimeError)  a sample that cannot be drawn
    ├── BuildError    (RuntimeError)  shards that failed, a cluster that is gone
    └── BuildStopped  (RuntimeError)  a build that was asked to stop

Only the command line turns them into ``error: ...`` and exit code 2, or 130 for `BuildStopped`;
every other exception is a defect of this package and keeps its traceback, but for a lack of memory.
"""

from __future__ import annotations

from collections.abc import Iterator


class PipelineError(Exception):
    """Base of all errors that are the user's to solve."""


class ConfigError(PipelineError, ValueError):
    """A config file, an option or a list of numbers is not valid."""


class SourceError(PipelineError, OSError):
    """A digit source or its cache cannot be read."""


class OutputError(PipelineError, OSError):
    """The output directory cannot be used."""


class RenderError(PipelineError, RuntimeError):
    """A sample cannot be drawn as its recipe says."""


class BuildError(PipelineError, RuntimeError):
    """A build ended without all of its shards."""


class BuildStopped(PipelineError, RuntimeError):  # noqa: N818 - asked for
    """A build was asked to stop before its end; what is built is kept."""


class SourceWarning(UserWarning):
    """The digits of a source may not be what they seem; the command line prints it as a line."""


def list_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, then the one that it came from or after, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
