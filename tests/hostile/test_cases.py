"""One small hostile input of each kind, and what must come of it."""

from __future__ import annotations

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from builds import build, read_tree, write_config
from digit_sequence.base import files
from digit_sequence.base.documents import MAX_DEPTH, parse_json
from digit_sequence.base.text import escape, escape_line
from digit_sequence.building import dataset as building
from digit_sequence.cli.program import main
from digit_sequence.store.labels import encode_labels, read_commit
from hostile.damage import ESCAPES, sign

HERE = ("--scheduler", "synchronous")


def run(*words: object) -> tuple[int, str]:
    """Run a command; return its exit code and all that it prints."""
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.exit_code, result.output


@pytest.fixture
def folder(tiny_config, tmp_path):
    """Return a built dataset."""
    build(tiny_config(), tmp_path / "out")
    return tmp_path / "out"


def change(path, *keys, value):
    """Change a value of a JSON file; a plan keeps a digest of its own."""
    document = json.loads(path.read_text())
    node = document
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    if "sha256" in document:
        sign(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("value", [0, -1, 10**18, 10**400, None, "5", 1.5, True, []])
def test_shard_samples_of_a_manifest(folder, tmp_path, value):
    """A count that is none is one error that names the key, at once."""
    change(folder / "dataset.json", "shard_samples", value=value)
    status, output = run("export", folder, "--to", "yolo", "-o", tmp_path / "x", *HERE)
    assert status == 2
    assert output.startswith(f"error: {folder}: dataset.json: expected the manifest of a dataset")
    assert "shard_samples: expected" in output
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("command", ["export", "status", "preview", "verify", "build"])
def test_giant_plan(folder, tiny_config, tmp_path, command):
    """A plan of 10^18 samples is refused at once, and nothing counts to its end."""
    (folder / "dataset.json").unlink()
    change(folder / ".build/plan.json", "samples", "train", value=10**18)
    words = {
        "export": ("export", folder, "--to", "yolo", "-o", tmp_path / "x", *HERE),
        "build": ("build", write_config(tmp_path / "c.json", tiny_config()), "-o", folder, *HERE),
        "preview": ("preview", folder, "-o", tmp_path / "p.png"),
        "verify": ("verify", folder, *HERE),
    }
    status, output = run(*words.get(command, (command, folder)))
    assert status == 2
    assert "samples.train: expected 1 to 1,000,000,000,000, got 1000000000000000000" in output


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("offset", -1),
        ("offset", 10**9),
        ("size", 2**62),
        ("file", "../../etc/passwd"),
        ("file", "/etc/passwd"),
        ("file", "images/../../x"),
        ("number", None),
    ],
)
@pytest.mark.parametrize("command", ["export", "preview", "verify"])
def test_label_row(folder, tmp_path, column, value, command):
    """A row that leads out of its shard or of the dataset is told with its label file."""
    path = folder / "labels/train/train-00000.parquet"
    rows, commit = pq.ParquetFile(path).read(), read_commit(path)
    values = rows[column].to_pylist()
    values[0] = value
    kind = rows.schema.field(column).type
    place = rows.schema.get_field_index(column)
    rows = rows.set_column(place, pa.field(column, kind), pa.array(values, kind))
    path.write_bytes(encode_labels(rows, commit))
    words = {
        "export": ("export", folder, "--to", "yolo", "-o", tmp_path / "x", *HERE),
        "preview": ("preview", folder, "-o", tmp_path / "p.png"),
        "verify": ("verify", folder, *HERE),
    }
    status, output = run(*words[command])
    assert status == (1 if command == "verify" else 2)
    assert "labels/train/train-00000.parquet" in output


@pytest.mark.parametrize("text", ESCAPES)
def test_run_log_steers_no_terminal(folder, text):
    """What a run log says is shown by the codes of its characters, in one line."""
    (log,) = (folder / ".build/runs").iterdir()
    *lines, last = log.read_text().splitlines()
    end = json.loads(last) | {"outcome": text}
    log.write_text("\n".join([*lines, json.dumps(end)]))
    status, output = run("status", folder)
    assert status == 0
    assert escape_line(text) in output
    assert text not in output


@pytest.mark.parametrize("name", [b"\x1b[2J", b"\xff", "\u202egnp".encode(), b"a\nb"])
def test_file_names_steer_no_terminal(folder, name):
    """Names of files that do not belong are shown by their codes, and are moved away."""
    (folder / os.fsdecode(name)).write_bytes(b"")
    status, output = run("verify", folder, "--quick")
    assert status == 1
    assert f"  {escape_line(os.fsdecode(name))}  is no file of this dataset\n" in output
    assert run("verify", folder, "--quick", "--repair", *HERE)[0] == 0
    assert run("verify", folder, *HERE)[0] == 0


def test_config_keys_and_options_steer_no_terminal(tmp_path):
    """Nor do keys of a config, nor what click says of a word that it does not know."""
    (tmp_path / "c.yaml").write_text('"\\e[2Jx": 1\n')
    for words in (("build", tmp_path / "c.yaml"), ("\x1b[2J",), ("status", "--\x1b[2J")):
        status, output = run(*words)
        assert status == 2
        assert "\x1b" not in output
        assert "\\x1b[2J" in output


def test_letters_stay():
    """Letters of any language, tabs and new lines are as they were."""
    assert escape("Größe\t数字\n") == "Größe\t数字\n"


@pytest.mark.parametrize(
    "text", ["[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), '"\\ud800"', "NaN"]
)
def test_json_that_is_refused(text):
    """JSON that is too deep, no Unicode, or no number is a ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011 - of several kinds
        parse_json(text)


@pytest.mark.parametrize("container", ["webdataset", "files"])
def test_shards_deleted_during_a_build(tiny_config, tmp_path, monkeypatch, container):
    """What someone deletes while a build runs is built again before the manifest is written."""
    config = tiny_config(output={"container": container})
    build(config, tmp_path / "sound")
    whole = building.drop_lost
    victims = []

    def delete_first(storage, plan, ledger):
        if not victims:
            victims.append(next((tmp_path / "out/images/train").rglob("*.*")))
            victims.append(next((tmp_path / "out/labels/test").glob("*.parquet")))
            for victim in victims:
                victim.unlink()
        return whole(storage, plan, ledger)

    monkeypatch.setattr(building, "drop_lost", delete_first)
    result = build(config, tmp_path / "out")
    assert len(victims) == 2
    assert result.built_samples == 17 + 10
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "sound")


def test_two_exports_into_one_folder(folder, tmp_path):
    """While one export runs, another into its folder is refused; nothing is left behind."""
    words = ("export", folder, "--to", "yolo", "-o", tmp_path / "x", *HERE)
    with files.hold_folder(tmp_path / "x") as is_free:
        assert is_free
        status, output = run(*words)
        assert status == 2
        assert "another export into this folder is running" in output
    assert run(*words)[0] == 0
    assert {path.name for path in (tmp_path / "x/.build").rglob("*")} <= {
        *("export.json", "parts", "tmp"),
    }


@pytest.mark.parametrize("command", ["build", "export", "preview"])
def test_dangling_link_as_output(folder, tiny_config, tmp_path, command):
    """A link to nothing as -o is one error that says so."""
    (tmp_path / "link").symlink_to(tmp_path / "nowhere/deep")
    words = {
        "build": ("build", write_config(tmp_path / "c.json", tiny_config())),
        "export": ("export", folder, "--to", "yolo"),
        "preview": ("preview", folder),
    }
    here = () if command == "preview" else HERE
    status, output = run(*words[command], "-o", tmp_path / "link", *here)
    assert status == 2
    assert str(tmp_path / "link") in output
    assert output.startswith("error: ")
