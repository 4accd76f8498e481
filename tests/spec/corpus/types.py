"""Values of a wrong type or out of their range."""

# ruff: noqa: E501  (messages stand here as they are printed, on one line)

from __future__ import annotations

from tests.spec.corpus.case import bad, entry, top

TYPES = [
    bad(
        "a float for an int",
        entry("train.batch_size: 64.0"),
        "x.yaml:5: train.batch_size: 64.0; a whole number of at least 1, without decimal point or exponent",
    ),
    bad(
        "text for an int",
        entry("train.batch_size: '64'"),
        "x.yaml:5: train.batch_size: '64', which is text; a whole number of at least 1, without quotes",
    ),
    bad(
        "a bool for an int",
        entry("train.batch_size: true"),
        "x.yaml:5: train.batch_size: true; a whole number of at least 1",
    ),
    bad("zero", entry("train.batch_size: 0"), "x.yaml:5: train.batch_size: 0; a whole number of at least 1"),
    bad(
        "an exponent for an int",
        entry("train.batch_size: 1e3"),
        "x.yaml:5: train.batch_size: 1e3; a whole number of at least 1, without decimal point or exponent",
    ),
    bad(
        "underscores",
        entry("train.batch_size: 1_000"),
        "x.yaml:5: train.batch_size: '1_000', which is text; a whole number of at least 1, without underscores or leading zeros",
    ),
    bad(
        "hexadecimal",
        entry("train.batch_size: 0x20"),
        "x.yaml:5: train.batch_size: '0x20', which is text; a whole number of at least 1, in decimal digits",
    ),
    bad(
        "a leading zero",
        entry("train.batch_size: 010"),
        "x.yaml:5: train.batch_size: '010', which is text; a whole number of at least 1, without underscores or leading zeros",
    ),
    bad(
        "more than 31 bits",
        entry("train.batch_size: 99999999999"),
        "x.yaml:5: train.batch_size: 99999999999; a whole number of at least 1, below 2**31",
    ),
    bad("not a number", entry("train.learning_rate: .nan"), "x.yaml:5: train.learning_rate: .nan; a number above 0"),
    bad("infinity", entry("train.learning_rate: .inf"), "x.yaml:5: train.learning_rate: .inf; a number above 0"),
    bad(
        "a number beyond floats",
        entry("train.learning_rate: 1e999"),
        "x.yaml:5: train.learning_rate: 1e999; a number above 0",
    ),
    bad(
        "a negative rate", entry("train.learning_rate: -1e-3"), "x.yaml:5: train.learning_rate: -1e-3; a number above 0"
    ),
    bad(
        "a number in quotes",
        entry("train.learning_rate: '1e-3'"),
        "x.yaml:5: train.learning_rate: '1e-3', which is text; a number above 0, without quotes",
    ),
    bad(
        "a decimal comma",
        entry("train.learning_rate: 1,5"),
        "x.yaml:5: train.learning_rate: '1,5', which is text; a number above 0, with a decimal point",
    ),
    bad(
        "a word for a number",
        entry("train.learning_rate: low"),
        "x.yaml:5: train.learning_rate: 'low', which is text; a number above 0",
    ),
    bad(
        "yes for a bool",
        entry("train.is_align_target: yes"),
        "x.yaml:5: train.is_align_target: 'yes', which is text; true or false",
    ),
    bad("one for a bool", entry("train.is_align_target: 1"), "x.yaml:5: train.is_align_target: 1; true or false"),
    bad(
        "a window of one point",
        entry("train.time_steps: 1"),
        "x.yaml:5: train.time_steps: 1; a whole number of at least 2",
    ),
    bad("no value", entry("train.time_steps:"), "x.yaml:5: train.time_steps: nothing; a whole number of at least 2"),
    bad(
        "a bare list",
        entry("train.num_epochs: [1, 2]"),
        "x.yaml:5: train.num_epochs: a list; one value, or several as {grid_search: [...]}",
    ),
    bad(
        "an origin too late",
        entry("split.origin: 0.9"),
        "x.yaml:5: split.origin: 0.9; a number above 0.15 and at most 0.85",
    ),
    bad(
        "an origin that leaves no training part",
        entry("split.origin: 0.15"),
        "x.yaml:5: split.origin: 0.15; a number above 0.15 and at most 0.85",
    ),
    bad("a fraction for a model's int", entry("model.d_model: 64.5"), "x.yaml:5: model.d_model: 64.5; a whole number"),
    bad(
        "on for a model's bool",
        entry("model.is_inln: on"),
        "x.yaml:5: model.is_inln: 'on', which is text; true or false",
    ),
    bad(
        "a number for a model's choice",
        entry("model.pe_type: 3"),
        "x.yaml:5: model.pe_type: 3; valid: none, sinpe, rope, randpe",
    ),
    bad(
        "no value for a model's choice",
        entry("model.pe_type: null"),
        "x.yaml:5: model.pe_type: nothing; valid: none, sinpe, rope, randpe",
    ),
    bad(
        "a number for a model's text",
        entry("model.title: 7", model="mixer"),
        "x.yaml:5: model.title: 7; text, in quotes",
    ),
    bad(
        "a word for a model's float",
        entry("model.dropout: a", model="mixer"),
        "x.yaml:5: model.dropout: 'a', which is text; a number",
    ),
    bad(
        "not one of a model's numbers",
        entry("model.order: 3", model="mixer"),
        "x.yaml:5: model.order: 3; valid: 1, 2, 4",
    ),
    bad(
        "right for one model, wrong for another",
        entry("model.d_model: 2.5", model="{grid_search: [mixer, att]}"),
        "x.yaml:5: model.d_model: 2.5; a whole number for model att",
    ),
    bad(
        "wrong for each model in its way",
        entry("model.d_model: big", model="{grid_search: [mixer, att]}"),
        "x.yaml:5: model.d_model: 'big', which is text; a number for model mixer",
        "x.yaml:5: model.d_model: 'big', which is text; a whole number for model att",
    ),
    bad("a number for a protocol", top("protocol: 1"), "x.yaml:5: protocol: 1; valid: holdout, replication"),
    bad(
        "a list for a metric",
        top("metric: [val_loss]"),
        "x.yaml:5: metric: a list; valid: val_mse_batch, val_loss, val_mse_regressive under protocol holdout",
    ),
    bad(
        "a mode that isn't min",
        top("mode: max"),
        "x.yaml:5: mode: 'max'; min: every metric is an error, lower is better",
    ),
    bad(
        "a number for resources",
        top("resources_per_trial: 1"),
        "x.yaml:5: resources_per_trial: 1; auto, or {cpu: 1, gpu: 0.25}",
    ),
    bad(
        "wrong resources",
        top("resources_per_trial: {cpu: 0, gpu: 1.5, tpu: 1}"),
        "x.yaml:5: resources_per_trial.cpu: 0; a number above 0",
        "x.yaml:5: resources_per_trial.tpu: unknown key; did you mean gpu?",
        "x.yaml:5: resources_per_trial.gpu: 1.5; a fraction of one GPU, or a whole number of them",
    ),
    bad(
        "empty resources",
        top("resources_per_trial: {}"),
        "x.yaml:5: resources_per_trial: an empty mapping; auto, or {cpu: 1, gpu: 0.25}",
    ),
    bad(
        "a text for param_space",
        "name: s\nparam_space: att\n",
        "x.yaml:2: param_space: 'att'; a mapping of config keys, or a list of such mappings",
    ),
    bad(
        "a text in param_space",
        "name: s\nparam_space:\n  - att\n",
        "x.yaml:3: param_space: 'att'; a mapping of config keys, or a list of such mappings",
    ),
    bad(
        "an empty param_space",
        "name: s\nparam_space: []\n",
        "x.yaml:2: param_space: an empty list; a mapping of config keys, or a list of such mappings",
    ),
    bad(
        "nothing under param_space",
        "name: s\nparam_space:\n",
        "x.yaml:2: param_space: nothing; a mapping of config keys, or a list of such mappings",
    ),
]
