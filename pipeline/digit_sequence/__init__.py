"""Build labelled image datasets of handwritten numbers, in parallel and reproducibly."""

__version__ = "0.1.0"
