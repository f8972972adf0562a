"""Measurements of speed and memory: ``make bench``. Not collected by pytest, nothing asserted."""

import sys
from pathlib import Path

# What tests share is imported from their folder, as pytest does.
sys.path.append(str(Path(__file__).parents[1]))
