"""Results replace older results; what a user may have written or changed is never replaced."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from builds import write_config
from digit_sequence.cli.program import main

MAKERS = {
    "preview": (["preview", "none", "-o"], "PNG"),
    "sample": (["sample", "train-000000001", "--from", "none", "-o"], "PNG"),
    "report": (["report", "none", "-o"], "HTML page"),
    "build": (["build", "none.yaml", "--performance-report"], "HTML page"),
}
"""Commands that write a picture or a page, and what it is called."""


@pytest.mark.parametrize(("command", "kind"), MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("content", [b"seed: 1\n", b"\xff\xd8\xff\xe0 a photo", b"\x00"])
def test_other_files_are_not_replaced(command, kind, content, tmp_path):
    """A picture or a page does not replace what is none: a config, by a slip of the hand."""
    path = tmp_path / "mine"
    path.write_bytes(content)
    result = CliRunner().invoke(main, [*command, str(path)])
    assert result.exit_code == 2
    assert f"{path} is there already and is no {kind}; name another file" in result.stderr
    assert path.read_bytes() == content


def test_results_are_replaced(tiny_config, tmp_path):
    """A picture replaces an older one, and an empty file."""
    config = write_config(tmp_path / "tiny.yaml", tiny_config())
    path = tmp_path / "sheet.png"
    path.touch()
    sizes = set()
    for count in ("1", "2"):
        command = ["preview", str(config), "-o", str(path), "-n", count]
        assert CliRunner().invoke(main, command).exit_code == 0
        sizes.add(path.stat().st_size)
    assert len(sizes) == 2
