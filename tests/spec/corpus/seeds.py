"""Seeds that can't be."""

# ruff: noqa: E501  (messages stand here as they are printed, on one line)

from __future__ import annotations

from tests.spec.corpus.case import HYPEROPT, bad, entry, top

BOTH_FORMS = "a list of seeds, such as [0, 1, 2], or {explore: [0], confirm: {top: 5, seeds: 5}}"

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
    bad("a mapping of other keys", top("seeds: {first: 0}"), f"x.yaml:5: seeds: a mapping; {BOTH_FORMS}"),
    bad("an empty mapping", top("seeds: {}"), f"x.yaml:5: seeds: an empty mapping; {BOTH_FORMS}"),
    bad("a range as text", top("seeds: 0-4"), "x.yaml:5: seeds: '0-4'; a list of seeds, such as [0, 1, 2]"),
    bad(
        "an exponent",
        top("seeds: [1e3]"),
        "x.yaml:5: seeds: 1e3; a whole number of at least 0, without decimal point or exponent",
    ),
    bad("infinity", top("seeds: [.inf]"), "x.yaml:5: seeds: .inf; a whole number of at least 0"),
    bad("a verb", top("seeds: {grid_search: [0, 1]}"), f"x.yaml:5: seeds: a mapping; {BOTH_FORMS}"),
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
    bad(
        "explore without confirm",
        top("seeds: {explore: [0, 1]}"),
        "x.yaml:5: seeds.confirm: missing beside explore; {top: 5, seeds: 5}, or a list of seeds, such as [0, 1, 2], alone",
    ),
    bad(
        "confirm misspelt",
        top("seeds: {explore: [0], confrim: {top: 3}}"),
        "x.yaml:5: seeds.confrim: unknown key; did you mean confirm?",
    ),
    bad(
        "a third key",
        top("seeds:\n  confirm: {}\n  final: [1]"),
        "x.yaml:7: seeds.final: unknown key; valid: explore, confirm",
    ),
    bad("confirm as a number", top("seeds: {confirm: 5}"), "x.yaml:5: seeds.confirm: 5; {top: 5, seeds: 5}"),
    bad("confirm without a value", top("seeds: {confirm: }"), "x.yaml:5: seeds.confirm: nothing; {top: 5, seeds: 5}"),
    bad(
        "seeds of confirm as a list",
        top("seeds: {confirm: {seeds: [1, 2]}}"),
        "x.yaml:5: seeds.confirm.seeds: a list; how many fresh seeds, a whole number from 1 to 1,000",
    ),
    bad(
        "nothing to confirm, too often",
        top("seeds:\n  confirm:\n    top: 0\n    seeds: 1001"),
        "x.yaml:7: seeds.confirm.top: 0; how many configs, at least 1",
        "x.yaml:8: seeds.confirm.seeds: 1001; how many fresh seeds, a whole number from 1 to 1,000",
    ),
    bad(
        "half a config",
        top("seeds: {confirm: {top: 2.5}}"),
        "x.yaml:5: seeds.confirm.top: 2.5; how many configs, at least 1",
    ),
    bad(
        "a key of confirm misspelt",
        top("seeds: {confirm: {topp: 3}}"),
        "x.yaml:5: seeds.confirm.topp: unknown key; did you mean top?",
    ),
    bad(
        "explored seeds without a list",
        top("seeds: {explore: 0, confirm: {}}"),
        "x.yaml:5: seeds.explore: 0; a list of seeds, such as [0, 1, 2]",
    ),
    bad(
        "an explored seed twice",
        top("seeds:\n  explore: [0, 0]\n  confirm: {}"),
        "x.yaml:6: seeds.explore: 0 is given twice; each value once",
    ),
    bad(
        "confirm under replication",
        top("protocol: replication\nseeds:\n  confirm: {}"),
        "x.yaml:7: seeds.confirm: given under protocol replication, whose scores are in-sample: they choose nothing; protocol: holdout, or a list of seeds, such as [0, 1, 2]",
    ),
    bad(
        "several explored seeds under hyperopt",
        entry("train.batch_size: {choice: [8, 16]}", head=f"{HYPEROPT}seeds: {{explore: [0, 1], confirm: {{}}}}\n"),
        "x.yaml:3: seeds: 2 seeds under search: hyperopt; one seed, such as {explore: [0]}",
    ),
    bad(
        "a range of folds to confirm in",
        entry("split.origin: {uniform: [0.5, 0.85]}", head=f"{HYPEROPT}seeds: {{confirm: {{}}}}\n"),
        "x.yaml:7: split.origin: a range, with seeds.confirm: nearly every config would be the best of a fold of its own; a few folds, such as {choice: [0.6, 0.85]}",
    ),
    bad(
        "more to confirm than can be run",
        entry(
            f"train.batch_size: {{grid_search: {list(range(1, 301))}}}",
            head="name: s\nseeds:\n  confirm: {top: 300, seeds: 1000}\n",
        ),
        "x.yaml:3: seeds.confirm: up to 300,000 trials to confirm, after 300; at most 200,000 trials in all",
    ),
    bad(
        "more to confirm than a search may run",
        entry(
            "train.learning_rate: {uniform: [0.1, 0.2]}",
            head="name: s\nsearch: {hyperopt: {num_samples: 500}}\nseeds:\n  confirm: {top: 400, seeds: 1000}\n",
        ),
        "x.yaml:4: seeds.confirm: up to 400,000 trials to confirm, after 500; at most 200,000 trials in all",
    ),
]
