"""Sweep files that are wrong, a module a family, each file with every message that it gets.

`entry(line)` is a good file with one more line in its entry of `param_space`, and `top(line)` one with one more line at
the top level; both lines stand in line 5. The catalog is `catalog_double`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

GOOD = "name: s\nparam_space:\n  model: att\n  dataset: 4single\n"
GRID = "name: s\n"
HYPEROPT = "name: s\nsearch: {hyperopt: {num_samples: 4}}\n"  # moves the line of `entry` to 6


@dataclass(frozen=True)
class BadSweep:
    """A file that must be refused.

    Attributes:
        title: What is wrong with it.
        content: The file.
        messages: All that must be said about it.
    """

    title: str
    content: str | bytes
    messages: tuple[str, ...]


def bad(title: str, content: str | bytes, *messages: str) -> BadSweep:
    return BadSweep(title, content, messages)


def entry(line: str, *, head: str = GRID, model: str = "att", dataset: str = "4single") -> str:
    return f"{head}param_space:\n  model: {model}\n  dataset: {dataset}\n  {line}\n"


def top(line: str) -> str:
    return f"{GOOD}{line}\n"
