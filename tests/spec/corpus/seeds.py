"""Seeds that can't be."""

# ruff: noqa: E501  (messages stand here as they are printed, on one line)

from __future__ import annotations

from tests.spec.corpus.case import bad, entry, top

SEEDS = [
    bad("a seed twice", top("seeds: [0, 1, 0]"), "x.yaml:5: seeds: 0 is given twice; each value once"),
    bad("a negative seed", top("seeds: [-1]"), "x.yaml:5: seeds: -1; a whole number of at least 0"),
    bad(
        "a float",
        top("seeds: [1.0]"),
        "x.yaml:5: seeds: 1.0; a whole number of at least 0, without decimal point or exponent",
    ),
    bad(
        "a text",
        top("seeds: ['1']"),
        "x.yaml:5: seeds: '1', which is text; a whole number of at least 0, without quotes",
    ),
    bad("a bool", top("seeds: [true]"), "x.yaml:5: seeds: true; a whole number of at least 0"),
    bad(
        "more than 31 bits",
        top("seeds: [2147483648]"),
        "x.yaml:5: seeds: 2147483648; a whole number of at least 0, below 2**31",
    ),
    bad(
        "a hundred digits",
        top(f"seeds: [{'9' * 101}]"),
        "x.yaml:5: seeds: '999999999999999999999999999999999999999999999999999999999...', which is text; a whole number of at least 0, of at most 100 characters",
    ),
    bad("no seeds", top("seeds: []"), "x.yaml:5: seeds: an empty list; a list of seeds, such as [0, 1, 2]"),
    bad("one seed without a list", top("seeds: 0"), "x.yaml:5: seeds: 0; a list of seeds, such as [0, 1, 2]"),
    bad("no value", top("seeds: [~]"), "x.yaml:5: seeds: nothing; a whole number of at least 0"),
    bad("not a number", top("seeds: [.nan]"), "x.yaml:5: seeds: .nan; a whole number of at least 0"),
    bad("a nested list", top("seeds: [[0]]"), "x.yaml:5: seeds: a list; a whole number of at least 0"),
    bad(
        "explore and confirm",
        top("seeds: {explore: [0], confirm: {top: 5, seeds: 5}}"),
        "x.yaml:5: seeds: the form {explore, confirm}, of which `confirm` isn't available in this version; a list of seeds, such as [0, 1, 2]",
    ),
    bad("a mapping", top("seeds: {first: 0}"), "x.yaml:5: seeds: a mapping; a list of seeds, such as [0, 1, 2]"),
    bad("a range as text", top("seeds: 0-4"), "x.yaml:5: seeds: '0-4'; a list of seeds, such as [0, 1, 2]"),
    bad(
        "an exponent",
        top("seeds: [1e3]"),
        "x.yaml:5: seeds: 1e3; a whole number of at least 0, without decimal point or exponent",
    ),
    bad("infinity", top("seeds: [.inf]"), "x.yaml:5: seeds: .inf; a whole number of at least 0"),
    bad(
        "a verb", top("seeds: {grid_search: [0, 1]}"), "x.yaml:5: seeds: a mapping; a list of seeds, such as [0, 1, 2]"
    ),
    bad("a text without brackets", top("seeds: 0, 1"), "x.yaml:5: seeds: '0, 1'; a list of seeds, such as [0, 1, 2]"),
    bad(
        "several wrong seeds in a block",
        top("seeds:\n  - 0\n  - one\n  - -3\n  - 0"),
        "x.yaml:7: seeds: 'one', which is text; a whole number of at least 0",
        "x.yaml:8: seeds: -3; a whole number of at least 0",
        "x.yaml:9: seeds: 0 is given twice; each value once",
    ),
    bad(
        "more trials than can be run",
        entry(
            f"train.batch_size: {{grid_search: {list(range(1, 301))}}}\n  train.num_epochs: {{grid_search: {list(range(1, 301))}}}",
            head="name: s\nseeds: [0, 1, 2]\n",
        ),
        "x.yaml:2: seeds: 3 seeds for each of 90,000 configs, which are 270,000 trials; at most 200,000 trials",
    ),
    bad(
        "a date",
        top("seeds: [2024-05-01]"),
        "x.yaml:5: seeds: '2024-05-01', which is text; a whole number of at least 0",
    ),
]
