"""The reference of configs is what the models declare: `make reference` writes it."""

from __future__ import annotations

import json

from builds import ROOT
from digit_sequence.look.reference import describe_config, make_schema


def test_reference_is_up_to_date():
    """configs/README.md is made from the models."""
    assert (ROOT / "configs/README.md").read_text(encoding="utf-8") == describe_config()


def test_schema_is_up_to_date():
    """configs/schema.json is made from the models."""
    assert json.loads((ROOT / "configs/schema.json").read_text(encoding="utf-8")) == make_schema()
