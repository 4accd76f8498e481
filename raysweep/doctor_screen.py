"""What the user sees of an examination: a line a finding."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from raysweep.clusters.facts import Finding


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Each with its check and whether it is good, then what it comes to."""
    width = max((len(finding.check) for finding in findings), default=0)
    for finding in findings:
        state = Text("good ", style="green") if finding.is_good else Text("WRONG", style="bold red")
        grid = Table.grid(padding=(0, 2))
        grid.add_row(Text(finding.check.ljust(width)), state, Text(str(finding), overflow="fold"))
        if console.is_terminal:
            console.print(grid)
        else:
            console.print(Text(f"{finding.check:{width}}  {state}  {finding}"), soft_wrap=True)
    num_faults = sum(not finding.is_good for finding in findings)
    faults = f"{num_faults} fault{'' if num_faults == 1 else 's'}; mend the first one first."
    console.print(faults if num_faults else "Fit to run a sweep.")
