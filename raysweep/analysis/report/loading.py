"""What each helper of a report loads first. Loads nothing itself: who starts helpers has pandas yet to load."""

from __future__ import annotations


def painter() -> None:
    """All that draws."""
    from raysweep.analysis.report import drawings

    drawings.load()


def forester() -> None:
    """All that grows forests."""
    from raysweep.analysis import forests

    forests.load()
