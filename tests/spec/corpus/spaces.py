"""Grids, windows and combinations that can't be run."""

# ruff: noqa: E501  (messages stand here as they are printed, on one line)

from __future__ import annotations

from tests.spec.corpus.case import HYPEROPT, bad, entry

SPACES = [
    bad(
        "an empty grid",
        entry("train.batch_size: {grid_search: []}"),
        "x.yaml:5: train.batch_size: an empty list; {grid_search: [...]} with at least one value",
    ),
    bad(
        "a grid that is no list",
        entry("train.batch_size: {grid_search: 64}"),
        "x.yaml:5: train.batch_size: 64; {grid_search: [...]} with at least one value",
    ),
    bad(
        "a value twice",
        entry("train.batch_size: {grid_search: [64, 64]}"),
        "x.yaml:5: train.batch_size: 64 is given twice; each value once",
    ),
    bad(
        "the same number written twice",
        entry("train.learning_rate: {grid_search: [1, 1.0]}"),
        "x.yaml:5: train.learning_rate: 1.0 is given twice; each value once",
    ),
    bad(
        "nested lists",
        entry("train.batch_size: {grid_search: [[64], {a: 1}]}"),
        "x.yaml:5: train.batch_size: a list; a whole number of at least 1",
        "x.yaml:5: train.batch_size: a mapping; a whole number of at least 1",
    ),
    bad(
        "wrong values in a grid",
        entry("train.batch_size: {grid_search: [64, 0, 1.5]}"),
        "x.yaml:5: train.batch_size: 0; a whole number of at least 1",
        "x.yaml:5: train.batch_size: 1.5; a whole number of at least 1",
    ),
    bad(
        "an unknown verb",
        entry("train.batch_size: {gridsearch: [64]}"),
        "x.yaml:5: train.batch_size: unknown verb 'gridsearch'; did you mean grid_search? valid: grid_search, choice, uniform, loguniform, quniform, qloguniform, randint, lograndint, qrandint, qlograndint",
    ),
    bad(
        "two verbs",
        entry("train.batch_size: {grid_search: [64], choice: [1]}"),
        "x.yaml:5: train.batch_size: 2 verbs; one verb, such as {grid_search: [...]}",
    ),
    bad(
        "no verb",
        entry("train.batch_size: {}"),
        "x.yaml:5: train.batch_size: an empty mapping; one verb, such as {grid_search: [...]}",
    ),
    bad(
        "a drawn value in a grid",
        entry("train.learning_rate: {loguniform: [1e-4, 1e-2]}"),
        "x.yaml:5: train.learning_rate: loguniform under search: grid; {grid_search: [...]}, or search: {hyperopt: {num_samples: 64}}",
    ),
    bad(
        "windows too long",
        entry("train.time_steps: {grid_search: [64, 1185, 1186, 2000]}"),
        "x.yaml:5: train.time_steps: 1186 leaves 63 training windows of 4single at split.origin 0.85; at least 64: the longest window that fits is 1185",
        "x.yaml:5: train.time_steps: 2000 leaves 0 training windows of 4single at split.origin 0.85; at least 64: the longest window that fits is 1185",
    ),
    bad(
        "a default window too long",
        entry("train.batch_size: 8", dataset="short"),
        "x.yaml:4: train.time_steps: 112 (the default) leaves 0 training windows of short at split.origin 0.85; at least 64: the longest window that fits is 6",
    ),
    bad(
        "a series that is flat in training",
        entry("split.origin: {grid_search: [0.85, 0.6]}", dataset="flat"),
        "x.yaml:4: dataset: channel 0 is constant over the first half of flat, on which it is scaled at split.origin 0.6; a series that varies there, or a later split.origin",
    ),
    bad(
        "one of several series is flat in training",
        f"{HYPEROPT}param_space:\n  model: att\n  dataset:\n    choice:\n      - 4single\n      - flat\n  split.origin: {{uniform: [0.5, 0.7]}}\n",
        "x.yaml:8: dataset: channel 0 is constant over the first half of flat, on which it is scaled at split.origin 0.5; a series that varies there, or a later split.origin",
    ),
    bad(
        "a series too short",
        entry("split.origin: 0.6", dataset="short"),
        "x.yaml:4: train.time_steps: 112 (the default) leaves 0 training windows of short at split.origin 0.6; at least 64: no window fits, the series is too short",
    ),
    bad(
        "a window too long under replication",
        entry("train.time_steps: 1722", head="name: s\nprotocol: replication\n"),
        "x.yaml:6: train.time_steps: 1722 leaves 50 training windows of 4single; at least 64: the longest window that fits is 1705",
    ),
    bad(
        "an early origin",
        entry("split.origin: {grid_search: [0.2, 0.85]}\n  train.time_steps: 64"),
        "x.yaml:6: train.time_steps: 64 leaves 25 training windows of 4single at split.origin 0.2; at least 64: the longest window that fits is 25",
    ),
    bad(
        "an origin under replication",
        entry("split.origin: 0.5", head="name: s\nprotocol: replication\n"),
        "x.yaml:6: split.origin: given, but protocol replication has no test part; leave it out, or protocol: holdout",
    ),
    bad(
        "epochs and steps",
        entry("train.num_steps: 5\n  train.num_epochs: 5"),
        "x.yaml:6: train.num_steps: train.num_epochs and train.num_steps are both given; one of them",
    ),
    bad(
        "heads that don't divide",
        entry("model.d_model: {grid_search: [64, 60]}\n  model.n_heads: {grid_search: [8, 6]}", model="att_mh"),
        "x.yaml:5: model.d_model: in att_mh, `d_model % n_heads == 0` must hold, but d_model is 64 and n_heads is 6; values that keep it",
        "x.yaml:5: model.d_model: in att_mh, `d_model % n_heads == 0` must hold, but d_model is 60 and n_heads is 8; values that keep it",
    ),
    bad(
        "heads that don't divide the default",
        entry("model.n_heads: 3", model="{grid_search: [att, att_mh]}"),
        "x.yaml:5: model.n_heads: in att_mh, `d_model % n_heads == 0` must hold, but d_model is 64 and n_heads is 3; values that keep it",
    ),
    bad(
        "not one of a model's choices",
        entry("model.pe_type: {grid_search: [none, sine]}"),
        "x.yaml:5: model.pe_type: 'sine'; did you mean sinpe? valid: none, sinpe, rope, randpe",
    ),
    bad(
        "a grid too large",
        entry(
            f"train.batch_size: {{grid_search: {list(range(1, 501))}}}\n  train.num_epochs: {{grid_search: {list(range(1, 501))}}}"
        ),
        "x.yaml:2: param_space: a grid of 250,000 configs; at most 200,000",
    ),
]
