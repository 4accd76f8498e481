"""Files that are too large, too deep or too long, and YAML bombs."""

# ruff: noqa: E501  (messages stand here as they are printed, on one line)

from __future__ import annotations

from tests.spec.corpus.case import GOOD, bad, entry, top


def bomb(num_levels: int) -> str:
    """The billion laughs: each list is nine times the one before."""
    lines = ["a0: &a0 [lol]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, num_levels)]
    return "\n".join(lines) + "\n" + GOOD


SIZES = [
    bad(
        "more than a megabyte",
        GOOD + "#" * 1_000_000,
        "x.yaml: longer than 1,000,000 bytes; is it the right file? split it if it is",
    ),
    bad(
        "lists inside each other",
        top("a: " + "[" * 17 + "]" * 17),
        "x.yaml:5: more than 16 mappings and lists inside each other; fewer levels",
    ),
    bad(
        "open lists inside each other",
        top("a: " + "[" * 100_000),
        "x.yaml:5: more than 16 mappings and lists inside each other; fewer levels",
    ),
    bad(
        "indented lists inside each other",
        top("a:\n" + "".join(" " * depth + "-\n" for depth in range(1, 20))),
        "x.yaml:21: more than 16 mappings and lists inside each other; fewer levels",
    ),
    bad("too many values", top("a: [" + "1, " * 20_000 + "]"), "x.yaml:5: more than 20,000 values; a smaller file"),
    bad(
        "a long value",
        top("metric: " + "x" * 100_000),
        "x.yaml:5: metric: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'; valid: val_mse_batch, val_loss, val_mse_regressive under protocol holdout",
    ),
    bad(
        "a long key",
        top("x" * 1_000 + ": 1"),
        "x.yaml:5: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...: unknown key; valid: name, protocol, seeds, evaluate_on, metric, mode, param_space, scheduler, search, resources_per_trial, storage_path",
    ),
    bad(
        "a long number",
        entry("train.batch_size: " + "9" * 90),
        "x.yaml:5: train.batch_size: 999999999999999999999999999999999999999999999999999999999...; a whole number of at least 1, below 2**31",
    ),
    bad(
        "the billion laughs",
        bomb(3),
        "x.yaml:1: a0: the anchor &a0; no anchors: write the value where it is needed",
        "x.yaml:1: a0: unknown key; valid: name, protocol, seeds, evaluate_on, metric, mode, param_space, scheduler, search, resources_per_trial, storage_path",
        "x.yaml:2: a1: the anchor &a1; no anchors: write the value where it is needed",
        "x.yaml:2: a1: the alias *a0; write the value out instead",
        "x.yaml:2: a1: unknown key; valid: name, protocol, seeds, evaluate_on, metric, mode, param_space, scheduler, search, resources_per_trial, storage_path",
        "x.yaml:3: a2: the anchor &a2; no anchors: write the value where it is needed",
        "x.yaml:3: a2: the alias *a1; write the value out instead",
        "x.yaml:3: a2: unknown key; valid: name, protocol, seeds, evaluate_on, metric, mode, param_space, scheduler, search, resources_per_trial, storage_path",
    ),
    bad(
        "mappings inside each other",
        top("a: " + "{b: " * 17 + "1" + "}" * 17),
        "x.yaml:5: more than 16 mappings and lists inside each other; fewer levels",
    ),
    bad(
        "keys without number",
        GOOD + "".join(f"k{i}: 1\n" for i in range(10_000)),
        "x.yaml:10000: more than 20,000 values; a smaller file",
    ),
    bad(
        "a long verb",
        entry("train.batch_size: 3", model="{" + "x" * 900 + ": 1}"),
        "x.yaml:3: model: unknown verb 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'; valid: grid_search, choice, uniform, loguniform, quniform, qloguniform, randint, lograndint, qrandint, qlograndint; an argument of the model is a key of its own, `model.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...`",
    ),
    bad(
        "a long anchor",
        top("metric: &" + "a" * 100_000 + " val_loss"),
        "x.yaml:5: metric: the anchor &aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...; no anchors: write the value where it is needed",
    ),
    bad(
        "a long tag",
        top("metric: !" + "a" * 100_000 + " val_loss"),
        "x.yaml:5: metric: the tag !aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...; no tags: write the plain value, and text in quotes",
    ),
    bad(
        "a long quoted text of many lines",
        top('metric: "' + "a\n\n" * 100_000 + '"'),
        "x.yaml:5: metric: the text 'a\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na\\na...'; printable text on one line",
    ),
    bad(
        "a key too long for YAML",
        GOOD + "x" * 1025 + ": 1\n",
        "x.yaml:5: not valid YAML: could not find expected ':'; `key: value` on this line and the one before, with a space after the colon, and text with `: ` in quotes",
    ),
    bad(
        "a hundred problems and more",
        top("seeds: [" + ", ".join(f"x{i}" for i in range(150)) + "]"),
        *(f"x.yaml:5: seeds: 'x{number}', which is text; a whole number of at least 0" for number in range(99)),
        "x.yaml:5: 51 more problems from here on; mend those above first",
    ),
    bad(
        "a long exponent",
        entry("train.learning_rate: 1e" + "9" * 90),
        "x.yaml:5: train.learning_rate: 1e9999999999999999999999999999999999999999999999999999999...; a number above 0",
    ),
    bad(
        "a fraction of many digits",
        entry("train.learning_rate: 0." + "1" * 99),
        "x.yaml:5: train.learning_rate: '0.1111111111111111111111111111111111111111111111111111111...', which is text; a number above 0, of at most 100 characters",
    ),
    bad(
        "many documents",
        GOOD + "---\n" * 100_000,
        "x.yaml:5: a second document begins; one document a file: remove the `---`",
    ),
]
