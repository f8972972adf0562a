"""A report from beginning to end: label rows go by once, then each panel shows what it counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from digit_sequence.base.errors import PipelineError
from digit_sequence.match.crops import Crop
from digit_sequence.report.census import Census
from digit_sequence.report.page import Section, write_page
from digit_sequence.report.panel import Note
from digit_sequence.report.registry import PANELS
from digit_sequence.report.scene import Scene
from digit_sequence.report.subject import Subject


def make_report(
    subject: Subject,
    crops: list[Crop] | None = None,
    weights: Path | None = None,
    on_progress: Callable[[int, bool], None] = lambda _samples, _is_new: None,
) -> str:
    """Return the report of a dataset or a config as one HTML page.

    Parameters
    ----------
    subject : Subject
    crops : list of Crop, optional
        Real ones to compare with.
    weights : Path, optional
        Of a network that reads the samples.
    on_progress : callable
        Called with the label rows that were read, and True.

    Raises
    ------
    OutputError
        If no label file can be read.
    """
    panels = [make() for make in PANELS.values()]
    samples: Counter[str] = Counter()
    census = Census()
    for batch in subject.read_batches():
        census.observe(batch)
        for panel in panels:
            panel.observe(batch)
        samples[batch.split] += len(batch)
        on_progress(len(batch), True)
    scene = Scene(subject, samples, census, crops, weights)
    sections = []
    # The first panel tells of faults, which the others find as they read images.
    for panel in reversed(panels):
        try:
            elements = panel.show(scene)
        except PipelineError as error:
            elements = [Note(str(error), "bad")]
        if elements:
            sections.append(Section(panel.name, panel.title, panel.lead, elements))
    facts = [fact for panel in panels for fact in panel.list_facts()]
    return write_page(Path(subject.name).name or subject.name, facts, sections[::-1])
