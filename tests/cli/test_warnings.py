"""What is told of digits that may be wrong: once a command, on stderr."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from digit_sequence.cli.program import main
from glyph_files import encode_idx

WARNING = "note: source idx: the digits look transposed"


@pytest.mark.parametrize(
    "arguments",
    [
        ["build", "c.yaml", "--dry-run"],
        ["build", "c.yaml", "--scheduler", "synchronous", "-o", "out"],
        ["preview", "c.yaml", "-n", "2"],
    ],
    ids=lambda arguments: " ".join(arguments[:3]),
)
def test_doubt_is_told_once(tmp_path, monkeypatch, bank, arguments):
    """Each command tells it, whether the digits are in the cache or not, and goes on."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").write_bytes(encode_idx(bank.images.transpose(0, 2, 1)))
    (tmp_path / "labels").write_bytes(encode_idx(bank.digits))
    (tmp_path / "c.yaml").write_text(
        "source: {name: idx, images: images, labels: labels}\n"
        "splits: {train: {samples: 3, numbers: {values: ['7', '12']}}}\n"
    )
    for _ in range(2):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        assert result.stderr.count(WARNING) == 1
        assert "source.transpose: true would mend it" in result.stderr
        assert "Warning" not in result.stderr
        assert WARNING not in result.stdout
