"""Small sweep files that would fill the memory, or take for ever, if they were read without care."""

from __future__ import annotations

from tests.spec.corpus.case import GOOD, entry

SIZES, SEEDS = list(range(1, 441)), list(range(18_000))


def bomb() -> str:
    levels = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 30)]
    return "a0: &a0 [lol]\n" + "".join(levels) + GOOD


BOMBS = {
    "aliases": bomb(),
    "open brackets": "a: [" + "[" * 500_000,
    "open keys": "? " * 400_000,
    "open dashes": "- " * 400_000,
    "open braces": "{" * 900_000,
    "empty lines": "\n" * 400_000,
    "words": "name: " + "x " * 200_000,
    "escapes": 'name: "' + "\\n" * 200_000 + '"',
    "digits": "name: " + "9" * 400_000,
    "exponent": "name: 1e" + "9" * 400_000,
    "unknown keys": "".join(f"k{number}: 1\n" for number in range(4_000)),
    "long windows": entry(f"train.time_steps: {{grid_search: {list(range(2_000, 12_000))}}}"),
    "lines of one text": 'name: "' + "a\n" * 150_000 + '"',
    "lines of a block": "name: |\n" + "  a\n" * 100_000,
    "one long anchor": "name: &" + "a" * 900_000 + " x\n",
    "one long tag": "name: !<" + "%41" * 300_000 + "> x\n",
    "one long key": "k" * 900_000 + ": 1\n",
    "escaped characters": 'name: "' + "\\x41" * 100_000 + '"',
    "tag directives": "".join(f"%TAG !a{number}! b\n" for number in range(20_000)) + "---\n",
    "aliases alone": GOOD + "seeds: [" + "*a, " * 19_000 + "]",
    "anchors alone": GOOD + "".join(f"k{number}: &a{number} 1\n" for number in range(4_000)),
    "wrong seeds": GOOD + "seeds: [" + ", ".join(f"x{number}" for number in range(5_000)) + "]",
    "wrong entries": "name: s\nparam_space:\n" + "- {model: atx, dataset: y_q}\n" * 1_500,
    "empty entries": "name: s\nparam_space: [" + "{}, " * 6_000 + "]",
    "seeds by configs": entry(
        f"train.batch_size: {{grid_search: {SIZES}}}\n  train.num_epochs: {{grid_search: {SIZES}}}\nseeds: {SEEDS}"
    ),
}
