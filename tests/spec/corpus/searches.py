"""Ranges, searches, schedulers and metrics that can't be."""

# ruff: noqa: E501  (messages stand here as they are printed, on one line)

from __future__ import annotations

from tests.spec.corpus.case import HYPEROPT, bad, entry, top

SEARCHES = [
    bad(
        "grid_search under hyperopt",
        entry("train.batch_size: {grid_search: [1, 2]}", head=HYPEROPT),
        "x.yaml:6: train.batch_size: grid_search under search: hyperopt; {choice: [...]}, or search: grid",
    ),
    bad(
        "nothing to draw",
        entry("train.batch_size: 3", head=HYPEROPT),
        "x.yaml:4: param_space: nothing to draw under search: hyperopt; at least one key with a verb, such as {choice: [...]} or {loguniform: [1e-4, 1e-2]}",
    ),
    bad(
        "an empty choice",
        entry("train.batch_size: {choice: []}", head=HYPEROPT),
        "x.yaml:6: train.batch_size: an empty list; {choice: [...]} with at least one value",
    ),
    bad(
        "bounds the wrong way round",
        entry("train.learning_rate: {loguniform: [1e-2, 1e-4]}", head=HYPEROPT),
        "x.yaml:6: train.learning_rate: loguniform from 0.01 to 0.0001; a lower bound below the upper one",
    ),
    bad(
        "bounds that leave nothing",
        entry("train.learning_rate: {uniform: [1, 1]}", head=HYPEROPT),
        "x.yaml:6: train.learning_rate: uniform from 1.0 to 1.0; a lower bound below the upper one",
    ),
    bad(
        "a logarithm of zero",
        entry("train.learning_rate: {loguniform: [0, 1e-4]}", head=HYPEROPT),
        "x.yaml:6: train.learning_rate: loguniform from 0.0; a lower bound above 0",
    ),
    bad(
        "one bound",
        entry("train.learning_rate: {uniform: [1e-4]}", head=HYPEROPT),
        "x.yaml:6: train.learning_rate: uniform with a list of length 1; {uniform: [lower, upper]}",
    ),
    bad(
        "a bound without a list",
        entry("train.learning_rate: {uniform: 3}", head=HYPEROPT),
        "x.yaml:6: train.learning_rate: uniform with 3; {uniform: [lower, upper]}",
    ),
    bad(
        "a word as a bound",
        entry("train.learning_rate: {uniform: [a, 1]}", head=HYPEROPT),
        "x.yaml:6: train.learning_rate: 'a', which is text; a number",
    ),
    bad(
        "an infinite bound",
        entry("train.learning_rate: {uniform: [1, .inf]}", head=HYPEROPT),
        "x.yaml:6: train.learning_rate: .inf; a number",
    ),
    bad(
        "bounds off the step",
        entry("train.learning_rate: {quniform: [0.1, 0.25, 0.1]}", head=HYPEROPT),
        "x.yaml:6: train.learning_rate: quniform from 0.1 to 0.25 in steps of 0.1; bounds that are multiples of the step",
    ),
    bad(
        "a step of zero",
        entry("train.learning_rate: {quniform: [0.1, 0.2, 0]}", head=HYPEROPT),
        "x.yaml:6: train.learning_rate: quniform in steps of 0.0; a step above 0",
    ),
    bad(
        "ints for a float",
        entry("train.learning_rate: {randint: [1, 2]}", head=HYPEROPT),
        "x.yaml:6: train.learning_rate: randint, which draws whole numbers; {uniform: [...]}",
    ),
    bad(
        "floats for an int",
        entry("train.batch_size: {loguniform: [1, 8]}", head=HYPEROPT),
        "x.yaml:6: train.batch_size: loguniform, which draws fractions; {lograndint: [...]}",
    ),
    bad(
        "fractions for an int",
        entry("train.batch_size: {quniform: [1.5, 8, 0.5]}", head=HYPEROPT),
        "x.yaml:6: train.batch_size: 1.5; a whole number",
        "x.yaml:6: train.batch_size: 0.5; a whole number",
    ),
    bad(
        "a verb that isn't here",
        entry("train.learning_rate: {randn: [1, 2]}", head=HYPEROPT),
        "x.yaml:6: train.learning_rate: unknown verb 'randn'; did you mean randint? valid: grid_search, choice, uniform, loguniform, quniform, qloguniform, randint, lograndint, qrandint, qlograndint",
    ),
    bad(
        "a rate that can be negative",
        entry("train.learning_rate: {uniform: [-1, 1]}", head=HYPEROPT),
        "x.yaml:6: train.learning_rate: uniform can draw -1.0; a number above 0",
    ),
    bad(
        "a batch that can be empty",
        entry("train.batch_size: {randint: [0, 8]}", head=HYPEROPT),
        "x.yaml:6: train.batch_size: randint can draw 0; a whole number of at least 1",
    ),
    bad(
        "a range of bools",
        entry("train.is_align_target: {uniform: [0, 1]}", head=HYPEROPT),
        "x.yaml:6: train.is_align_target: uniform, which draws from a range; one value, or {choice: [...]}",
    ),
    bad(
        "a range for a closed list",
        entry("model.order: {randint: [1, 3]}", head=HYPEROPT, model="mixer"),
        "x.yaml:6: model.order: randint, which draws from a range; one value, or {choice: [...]}",
    ),
    bad(
        "a range of windows too long",
        entry("train.time_steps: {randint: [2, 3000]}", head=HYPEROPT),
        "x.yaml:6: train.time_steps: 2999 leaves 0 training windows of 4single at split.origin 0.85; at least 64: the longest window that fits is 1185",
    ),
    bad(
        "a list of windows too long",
        entry("train.time_steps: {choice: [64, 2048]}", head=HYPEROPT),
        "x.yaml:6: train.time_steps: 2048 leaves 0 training windows of 4single at split.origin 0.85; at least 64: the longest window that fits is 1185",
    ),
    bad(
        "heads that don't divide in a range",
        entry("model.d_model: {randint: [63, 66]}", head=HYPEROPT, model="att_mh"),
        "x.yaml:6: model.d_model: in att_mh, `d_model % n_heads == 0` must hold, but d_model is 63 and n_heads is 8; values that keep it",
        "x.yaml:6: model.d_model: in att_mh, `d_model % n_heads == 0` must hold, but d_model is 65 and n_heads is 8; values that keep it",
    ),
    bad(
        "seeds under hyperopt",
        entry("train.batch_size: {choice: [1, 2]}", head=HYPEROPT + "seeds: [0, 1]\n"),
        "x.yaml:3: seeds: 2 seeds under search: hyperopt; one seed, such as [0]",
    ),
    bad(
        "two entries under hyperopt",
        HYPEROPT + "param_space:\n  - {model: {choice: [att, vq]}, dataset: y_w}\n  - {model: lstm, dataset: y_w}\n",
        "x.yaml:3: param_space: 2 mappings under search: hyperopt; one mapping",
        "x.yaml:5: param_space: nothing to draw under search: hyperopt; at least one key with a verb, such as {choice: [...]} or {loguniform: [1e-4, 1e-2]}",
    ),
    bad(
        "an unknown search", top("search: random"), "x.yaml:5: search: 'random'; grid, or {hyperopt: {num_samples: 64}}"
    ),
    bad(
        "a typing mistake in a search",
        top("search: gird"),
        "x.yaml:5: search: 'gird'; did you mean grid? valid: grid, or {hyperopt: {num_samples: 64}}",
    ),
    bad(
        "grid with settings",
        top("search: {grid: {}}"),
        "x.yaml:5: search: a mapping with 'grid'; grid, or {hyperopt: {num_samples: 64}}",
    ),
    bad(
        "hyperopt without settings",
        top("search: {hyperopt: 5}"),
        "x.yaml:5: search: hyperopt with 5; grid, or {hyperopt: {num_samples: 64}}",
    ),
    bad(
        "wrong settings of hyperopt",
        top("search: {hyperopt: {num_samples: 0, num_sample: 1}}"),
        "x.yaml:3: param_space: nothing to draw under search: hyperopt; at least one key with a verb, such as {choice: [...]} or {loguniform: [1e-4, 1e-2]}",
        "x.yaml:5: search.hyperopt.num_samples: 0; a whole number from 1 to 200,000",
        "x.yaml:5: search.hyperopt.num_sample: unknown key; did you mean num_samples?",
    ),
    bad(
        "a scheduler that can't stop anything",
        top("scheduler: {asha: {grace_period: 60}}"),
        "x.yaml:5: scheduler.asha.grace_period: 60, but no config trains for more than 50 epochs, so none can be stopped; at most 50, or scheduler: fifo",
    ),
    bad(
        "wrong settings of asha",
        top("scheduler: {asha: {grace_period: 0, reduction_factor: 1, within: [model, trian.time_steps], max_t: 3}}"),
        "x.yaml:5: scheduler.asha.grace_period: 0; a whole number of epochs, at least 1",
        "x.yaml:5: scheduler.asha.reduction_factor: 1; a whole number of at least 2",
        "x.yaml:5: scheduler.asha.max_t: unknown key; valid: grace_period, reduction_factor, within",
        "x.yaml:5: scheduler.asha.within: 'trian.time_steps'; did you mean train.time_steps?",
    ),
    bad(
        "an unknown scheduler",
        top("scheduler: hyperband"),
        "x.yaml:5: scheduler: 'hyperband'; fifo, or {asha: {grace_period: 5, reduction_factor: 3}}",
    ),
    bad(
        "a typing mistake in a scheduler",
        top("scheduler: ashaa"),
        "x.yaml:5: scheduler: 'ashaa'; did you mean asha? valid: fifo, or {asha: {grace_period: 5, reduction_factor: 3}}",
    ),
    bad(
        "asha with nothing",
        top("scheduler: {asha: }"),
        "x.yaml:5: scheduler: asha with nothing; fifo, or {asha: {grace_period: 5, reduction_factor: 3}}",
    ),
    bad(
        "two schedulers",
        top("scheduler: {asha: {}, fifo: {}}"),
        "x.yaml:5: scheduler: a mapping; fifo, or {asha: {grace_period: 5, reduction_factor: 3}}",
    ),
    bad(
        "groups that are no list",
        top("scheduler: {asha: {within: model}}"),
        "x.yaml:5: scheduler.asha.within: 'model'; a list of config keys, such as [model, dataset]",
    ),
    bad(
        "a metric that comes too late",
        top("scheduler: asha\nmetric: val_mse_regressive"),
        "x.yaml:6: metric: 'val_mse_regressive', which is known only when a trial has ended, with scheduler asha; val_mse_batch or val_loss, or scheduler: fifo",
    ),
    bad(
        "a metric of the other protocol",
        top("protocol: replication\nmetric: val_mse_batch"),
        "x.yaml:6: metric: 'val_mse_batch'; valid: val_loss under protocol replication",
    ),
    bad(
        "no number of samples",
        entry("train.batch_size: {choice: [1, 2]}", head="name: s\nsearch: hyperopt\n"),
        "x.yaml:2: search.hyperopt.num_samples: missing; grid, or {hyperopt: {num_samples: 64}}",
    ),
]
