"""Collects everything that is wrong with a file, so that one report shows all of it.

Must not know: what is checked, and in which order.
"""

from __future__ import annotations

from typing import NoReturn

from raysweep.errors import InputError, Problem, SweepFileError
from raysweep.spec.tree import Place, show_key

MAX_REPORTED = 100  # a file of another kind can have a problem a line; nobody reads on for ever


class Findings:
    """The problems found so far. Each is kept once, however often it is found."""

    def __init__(self) -> None:
        self._found: dict[Problem, float] = {}
        self._adopted: dict[Problem, None] = {}

    def add(self, place: Place, key: str, *, found: str, valid: str) -> None:
        """Note one problem and go on."""
        problem = Problem(where=str(place), key=show_key(key), found=found, valid=valid)
        self._found.setdefault(problem, float("inf") if place.line is None else place.line)

    def stop(self, place: Place, *, found: str, valid: str) -> NoReturn:
        """Note a problem that makes the rest unreadable, and report.

        Raises:
            SweepFileError: Always.
        """
        self.add(place, "", found=found, valid=valid)
        raise SweepFileError(self.problems())

    def adopt(self, error: InputError) -> None:
        """Take over what is wrong with a model or a series that the file names."""
        self._adopted.update(dict.fromkeys(error.problems))

    def problems(self) -> tuple[Problem, ...]:
        """All problems: the file's by line, then the command line's, then those of models and series.

        Of very many, the first, and where the others begin.
        """
        problems = (*sorted(self._found, key=lambda problem: self._found[problem]), *self._adopted)
        if len(problems) <= MAX_REPORTED:
            return problems
        left = problems[MAX_REPORTED - 1 :]
        found, valid = f"{len(left):,} more problems from here on", "mend those above first"
        return (*problems[: MAX_REPORTED - 1], Problem(where=left[0].where, found=found, valid=valid))

    def raise_if_any(self) -> None:
        """Report, if there is anything to report.

        Raises:
            SweepFileError: With all problems.
        """
        if problems := self.problems():
            raise SweepFileError(problems)
