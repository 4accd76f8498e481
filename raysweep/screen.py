"""What the user sees: a running sweep, live on a terminal and line by line elsewhere; plans, tables, leaderboards."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from raysweep.planning.plan import Need, WantedTrial
from raysweep.planning.progress import Progress
from raysweep.prepare import PreparedSweep

if TYPE_CHECKING:
    from raysweep.analysis.overview import Overview
    from raysweep.analysis.result_table import ResultTable

NEEDS: Mapping[Need, str] = {
    "new": "new",
    "resume": "to go on with",
    "retry": "failed before, to try again",
    "continue": "stopped before, to go on with",
    "score": "to score on more series",
}
STYLES = {"ranked": "", "baseline": "cyan", "unranked": "dim"}
MAX_PLANNED_LINES = 40
_ALWAYS = frozenset({"model", "dataset", "train.time_steps", "train.learning_rate"})
LIVE_SECONDS = 0.2  # between two drawings
LINE_SECONDS = 5.0  # between two lines


class Screen:
    """Shows notes, failures and progress. Only the driver's thread may call it.

    Args:
        console: Where to. A live display if it is a terminal, else a line every few seconds.
        varying: Config keys that tell trials apart.
    """

    def __init__(self, console: Console, varying: Collection[str] = ()) -> None:
        self._console = console
        self._varying = varying
        self._live: Live | None = None
        self._drawn_at = 0.0
        self._is_last_shown = False
        self._progress: Progress | None = None
        self._num_failures_shown = 0
        self._num_retries_shown = 0

    def note(self, line: str) -> None:
        """Something to know, once."""
        self._console.print(Text(line), soft_wrap=not self._console.is_terminal)

    def show(self, progress: Progress) -> None:
        """Draws again if enough time has passed; failures are shown at once, a line each."""
        if progress is not self._progress:  # Ray has been started again
            self._progress, self._num_failures_shown, self._num_retries_shown = progress, 0, 0
        for trial, reason in progress.retries[self._num_retries_shown :]:
            self.note(f"lost: {trial_label(trial, self._varying)}: {reason}")
        self._num_retries_shown = len(progress.retries)
        for trial, error in progress.failures[self._num_failures_shown :]:
            self.note(f"failed: {trial_label(trial, self._varying)}: {error}")
        self._num_failures_shown = len(progress.failures)
        now, is_last = time.monotonic(), progress.num_done == progress.num_trials
        if self._live is not None:
            if now - self._drawn_at >= LIVE_SECONDS or is_last:
                self._live.update(_panel(progress, self._varying), refresh=True)
                self._drawn_at = now
        elif now - self._drawn_at >= LINE_SECONDS or (is_last and not self._is_last_shown):
            self._is_last_shown = is_last
            self._drawn_at = now
            self.note(progress_line(progress, self._varying))

    @contextmanager
    def running(self) -> Iterator[None]:
        """While trials run."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, auto_refresh=False) as self._live:
            yield
        self._live = None


def progress_line(progress: Progress, varying: Collection[str] = ()) -> str:
    """The whole state in one line; `varying` as of `trial_label`."""
    parts = [f"{progress.num_done}/{progress.num_trials} trials done", *_counts(progress)]
    if progress.best_trial is not None:
        parts.append(f"best {progress.best_score:.4g} ({trial_label(progress.best_trial, varying)})")
    return " · ".join([*parts, _times(progress)])


def trial_label(trial: WantedTrial, varying: Collection[str] = ()) -> str:
    """A trial as people call it.

    Args:
        trial: Which.
        varying: Config keys that tell it from others; model, series, window and learning rate stand there always.
    """
    config: Mapping[str, object] = trial.config
    parts = [
        f"{config['model']} on {config['dataset']}",
        f"window {config['train.time_steps']}",
        f"lr {config['train.learning_rate']:g}",
        *(f"{key} {_as_typed(value)}" for key, value in config.items() if key in varying and key not in _ALWAYS),
        f"seed {trial.seed}",
    ]
    return ", ".join(parts)


def _as_typed(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Such as `42 s`, `3:05 min`, `2:10 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def _counts(progress: Progress) -> list[str]:
    counts = [f"{progress.num_running} running"]
    counts += [
        f"{progress.ended[status]} {status}" for status in ("stopped", "diverged", "failed") if progress.ended[status]
    ]
    return [*counts, progress.workers] if progress.workers else counts


def _times(progress: Progress) -> str:
    if progress.num_done == progress.num_trials:
        return f"{duration(progress.seconds)} in all"
    left = progress.seconds_left()
    known = "time left not known yet" if left is None else f"about {duration(left)} left"
    return f"{duration(progress.seconds)} so far, {known}"


def _panel(progress: Progress, varying: Collection[str]) -> Group:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(
        ProgressBar(total=progress.num_trials, completed=progress.num_done, width=30),
        Text(f"{progress.num_done}/{progress.num_trials} trials"),
        Text(_times(progress)),
    )
    lines = [Text(", ".join(_counts(progress)))]
    if progress.best_trial is not None:
        lines.append(Text(f"best so far {progress.best_score:.4g}: {trial_label(progress.best_trial, varying)}"))
    return Group(grid, *lines)


def print_plan(console: Console, prepared: PreparedSweep, *, is_detailed: bool = False) -> None:
    """What a sweep asks for and what of it is done, in a line; with `is_detailed` a line for each need."""
    plan, sweep = prepared.plan(), prepared.sweep
    head = f"{sweep.name}: {prepared.num_explored} trials"
    if len(sweep.seeds) > 1:
        head += f" ({prepared.num_explored // len(sweep.seeds)} configs, {len(sweep.seeds)} seeds each)"
    if prepared.confirmed:
        head += f", and {_confirmation(len(prepared.confirmed) // len(sweep.fresh_seeds), len(sweep.fresh_seeds))}"
    counts = [f"{len(plan.done)} done"] if plan.done else []
    counts += [f"{plan.count(need)} {text}" for need, text in NEEDS.items() if plan.count(need)]
    num_unknown = prepared.num_explored - len(prepared.explored)
    if num_unknown:
        counts.append(f"{num_unknown} for HyperOpt to propose")
    line = f"{head}: {', '.join(counts)}"
    if prepared.num_to_choose:
        line += f", then {_confirmation(prepared.num_to_choose, len(sweep.fresh_seeds))}"
    console.print(line)
    if is_detailed:
        for trial, need in plan.todo[:MAX_PLANNED_LINES]:
            purpose = ", to confirm" if trial.phase == "confirm" else ""
            console.print(f"  {NEEDS[need]:28} {trial_label(trial, prepared.varying_keys)}{purpose}")
        if len(plan.todo) > MAX_PLANNED_LINES:
            console.print(f"  and {len(plan.todo) - MAX_PLANNED_LINES} more")


def _confirmation(num_configs: int, num_seeds: int) -> str:
    configs, seeds = (
        f"{count} {word}{'' if count == 1 else 's'}" for count, word in ((num_configs, "config"), (num_seeds, "seed"))
    )
    return f"{configs} x {seeds} to confirm"


def print_leaderboards(console: Console, leaderboards: Sequence[ResultTable], top: int) -> None:
    """Each with its rule above and its notes below."""
    for leaderboard in leaderboards:
        shown = leaderboard.head(top).fitted(console.width)
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for column in shown.columns:
            table.add_column(Text(column.broken_title), justify=column.align, no_wrap=column.align == "right")
        for row in shown.rows:
            table.add_row(*map(Text, row.cells), style=STYLES[row.style])
        console.print()
        console.print(Text(shown.title, style="bold"))
        console.print(Text(shown.rule))
        console.print(table)
        for line in shown.lines_below:
            console.print(Text(line))
    if not leaderboards:
        console.print("No trial has ended yet.")


def print_overview(console: Console, overview: Overview, top: int) -> None:
    """The tables, then the answers, where the eye is when the command has ended."""
    print_leaderboards(console, overview.tables, top)
    console.print()
    for question, sentences in overview.answers:
        if len(sentences) == 1:
            console.print(Text.assemble((f"{question}: ", "bold"), sentences[0]))
            continue
        console.print(Text(question, style="bold"))
        for sentence in sentences:
            console.print(Padding(Text(sentence), (0, 0, 0, 2), expand=False))
    if overview.answers:
        console.print(Text("More: --show windows, mattered, transfer or all; raysweep report draws it.", style="dim"))


def print_table(console: Console, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A plain table."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in header:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
