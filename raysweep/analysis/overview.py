"""What `raysweep compare` shows: the tables that are asked for, and the answers in a few sentences.

Functional ANOVA is asked only where its tables are: optuna takes longer than everything else together. Must not know:
how a terminal draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from raysweep.analysis import effects, transfer_table, windows
from raysweep.analysis.compare import ROWS_ON_SCREEN, leaderboards_and_folds
from raysweep.analysis.questions import Answers, transfer_tables, what_mattered_tables, window_tables
from raysweep.analysis.ranking import Ranking, rank
from raysweep.analysis.report.answers import answers, leading
from raysweep.analysis.result_table import ResultTable
from raysweep.analysis.tables import SweepTables, load_tables
from raysweep.analysis.verdicts import Verdict, divergence_of, verdict_of
from raysweep.paths import SweepPaths

MOST_LINES = 4  # to a question: a series, fold and mode each, and more would be a wall


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What there is to say of one or many sweeps.

    Attributes:
        tables: Those that were asked for.
        answers: Questions, each with its sentences; empty where no trial has ended.
    """

    tables: tuple[ResultTable, ...]
    answers: tuple[tuple[str, tuple[str, ...]], ...]


def overview(
    sweeps: Sequence[SweepPaths],
    *,
    shown: Sequence[str] = ("leaderboards",),
    top: int = ROWS_ON_SCREEN,
    units: Mapping[str, str] | None = None,
) -> Overview:
    """The tables that are asked for, and all answers.

    Args:
        sweeps: At least one.
        shown: Which tables: `leaderboards`, `windows`, `mattered`, `transfer`, or `all`.
        top: How many configs a leaderboard shows at most.
        units: The unit of each series, where it is known.

    Raises:
        LedgerError: If a ledger can't be read, or there is neither ledger nor tables.
        InputError: If a table isn't one that this raysweep can read.
    """
    tables = load_tables(sweeps)
    rankings = rank(tables)
    units = units or {}
    found = Answers(tables=tables, rankings=[ranking for ranking in rankings if not ranking.apart])
    makers: Mapping[str, Callable[[], Sequence[ResultTable]]] = {
        "leaderboards": lambda: leaderboards_and_folds(tables, rankings, units=units, top=top),
        "windows": lambda: window_tables(found, units),
        "mattered": lambda: what_mattered_tables(found),
        "transfer": lambda: transfer_tables(found),
    }
    wanted = [make for name, make in makers.items() if name in shown or "all" in shown]
    return Overview(
        tables=tuple(table for make in wanted for table in make()),
        answers=tuple(_answers(tables, rankings)) if rankings else (),
    )


def _answers(tables: SweepTables, rankings: Sequence[Ranking]) -> Iterator[tuple[str, tuple[str, ...]]]:
    judged = (verdict_of(ranking, tables.trials) for ranking in rankings)
    verdicts = [verdict for verdict in judged if verdict is not None]
    divergence = None if verdicts else divergence_of(rankings, tables.trials)
    yield from ((question, (sentence,)) for question, sentence in answers(verdicts, divergence))
    if not verdicts:
        return
    found = Answers(tables=tables, rankings=_foremost_first(rankings, leading(verdicts)))
    panels = windows.window_panels(tables, found.rankings, with_intervals=False)
    lines = {
        "windows": ("Which window", [windows.answer_of(panel) for panel in panels if panel.has_several_windows]),
        "mattered": ("What mattered", list(map(effects.answer_of, found.effects))),
        "transfer": ("What carries over", list(map(transfer_table.answer_of, found.transfers))),
    }
    for name, (question, sentences) in lines.items():
        if sentences:
            yield question, tuple(_cut(sentences, name))


def _foremost_first(rankings: Sequence[Ranking], foremost: Verdict) -> list[Ranking]:
    """Those that none is kept apart from, those of the series and fold that the first sentences are about in front."""

    def place(ranking: Ranking) -> tuple[bool, bool]:
        return ranking.dataset != foremost.ranking.dataset, ranking.fold != foremost.ranking.fold

    return sorted((ranking for ranking in rankings if not ranking.apart), key=place)


def _cut(sentences: Sequence[str], name: str) -> Iterator[str]:
    yield from sentences[:MOST_LINES]
    if len(sentences) > MOST_LINES:
        yield f"{len(sentences) - MOST_LINES} more: --show {name}."
