"""Seeds that can't be."""

# ruff: noqa: E501  (messages stand here as they are printed, on one line)

from __future__ import annotations

from tests.spec.corpus.case import bad, top

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
        "x.yaml:5: seeds: '999999999999999999999999999999999999999999999999999999999...', which is text; a whole number of at least 0",
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
]
