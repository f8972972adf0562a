"""Measurements of speed and memory: ``make bench``. Not collected by pytest, nothing asserted."""
