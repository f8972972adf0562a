"""Jobs: configs of this program that are beginnings of one's own: amounts, ZIP codes, dates.

They are those of the folder configs/ of a clone, which an installed package holds as
``digit_sequence/configs``, with the JSON Schema that editors read.
"""

from __future__ import annotations

import re
from pathlib import Path

from digit_sequence.base.errors import ConfigError

JOBS = ("zip", "amounts", "dates", "meter", "exam-marks", "codes")
"""Configs whose numbers are those of a job; each has a picture in the gallery."""
PLAIN = "default"
"""The config whose numbers are digits at random."""
MODELINE = "# yaml-language-server: $schema="
"""What the first line of a config begins with, for editors: the path of its schema follows."""


def find_folder() -> Path:
    """Return the folder of the configs of this program."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "configs"
    return inside if inside.is_dir() else package.parents[1] / "configs"


def list_jobs() -> dict[str, str]:
    """Return the jobs by name: what the numbers of each are, by the comment its file begins with.

    >>> list_jobs()["zip"].split()[:2]
    ['ZIP', 'codes']
    """
    return {name: tell_purpose(read_job(name)) for name in JOBS}


def tell_purpose(text: str) -> str:
    """Return the first sentence of the comment at the head of a config."""
    return split_comment(text)[0].partition("\n")[0]


def read_job(name: str) -> str:
    """Return the text of the config of a job, or of `PLAIN`.

    Raises
    ------
    ConfigError
        If this copy of the program has no configs.
    """
    path = find_folder() / f"{name}.yaml"
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: expected a config of this program, got none") from error


def split_comment(text: str) -> tuple[str, str]:
    r"""Return what the comment at the head of a config says, each sentence of it a line; the rest.

    >>> split_comment("# Two digits. On\n# paper.\nseed: 1\n")
    ('Two digits.\nOn paper.', 'seed: 1\n')
    """
    comment = re.match(r"(#.*\n)*", text)
    head = comment.group() if comment else ""
    lines = [it.removeprefix("#") for it in head.splitlines() if not it.startswith(MODELINE)]
    words = " ".join(" ".join(lines).split())
    return re.sub(r"(?<=[.!?]) (?=[A-Z])", "\n", words), text[len(head) :]
