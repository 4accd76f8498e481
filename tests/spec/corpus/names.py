"""Keys, models, series and names that don't exist or can't be."""

# ruff: noqa: E501  (messages stand here as they are printed, on one line)

from __future__ import annotations

from tests.spec.corpus.case import GOOD, bad, entry, top

NAMES = [
    bad(
        "a name that leaves the folder",
        GOOD.replace("name: s", "name: ../s"),
        "x.yaml:1: name: '../s'; up to 100 letters, digits, - and _",
    ),
    bad(
        "a name that is the folder",
        GOOD.replace("name: s", "name: ."),
        "x.yaml:1: name: '.'; up to 100 letters, digits, - and _",
    ),
    bad(
        "a name with a space",
        GOOD.replace("name: s", "name: a b"),
        "x.yaml:1: name: 'a b'; up to 100 letters, digits, - and _",
    ),
    bad(
        "a number as a name",
        GOOD.replace("name: s", "name: 20250113"),
        "x.yaml:1: name: 20250113; up to 100 letters, digits, - and _, in quotes",
    ),
    bad(
        "a long name",
        GOOD.replace("name: s", "name: " + "x" * 101),
        "x.yaml:1: name: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'; up to 100 letters, digits, - and _",
    ),
    bad(
        "no name's value",
        GOOD.replace("name: s", "name:"),
        "x.yaml:1: name: nothing; up to 100 letters, digits, - and _",
    ),
    bad(
        "a name beyond ASCII",
        GOOD.replace("name: s", "name: é"),
        "x.yaml:1: name: 'é'; up to 100 letters, digits, - and _",
    ),
    bad("no name", GOOD.removeprefix("name: s\n"), "x.yaml:1: name: missing; up to 100 letters, digits, - and _"),
    bad(
        "no param_space",
        "name: s\n",
        "x.yaml:1: param_space: missing; a mapping of config keys, or a list of such mappings",
    ),
    bad(
        "no model and no dataset",
        "name: s\nparam_space:\n  train.batch_size: 3\n",
        "x.yaml:3: model: missing; valid: att, att_mh, lstm, vq, vq_mh, mixer, torn",
        "x.yaml:3: dataset: missing; valid: 4single, y_w, w_y, short, twin, flat, lost",
    ),
    bad(
        "a typing mistake in a setting", top("metrik: val_loss"), "x.yaml:5: metrik: unknown key; did you mean metric?"
    ),
    bad(
        "a config key at the top",
        top("train.batch_size: 3"),
        "x.yaml:5: train.batch_size: unknown key; it belongs under param_space",
    ),
    bad(
        "an unknown setting",
        top("colour: blue"),
        "x.yaml:5: colour: unknown key; valid: name, protocol, seeds, evaluate_on, metric, mode, param_space, scheduler, search, resources_per_trial, storage_path",
    ),
    bad("a line break in a key", top('"a\\nb": 3'), "x.yaml:5: the text 'a\\nb'; printable text on one line"),
    bad(
        "a typing mistake in a protocol",
        top("protocol: replicatoin"),
        "x.yaml:5: protocol: 'replicatoin'; did you mean replication? valid: holdout, replication",
    ),
    bad(
        "a typing mistake in a metric",
        top("metric: val_los"),
        "x.yaml:5: metric: 'val_los'; did you mean val_loss? valid: val_mse_batch, val_loss, val_mse_regressive under protocol holdout",
    ),
    bad(
        "an unknown series to evaluate on",
        top("evaluate_on: [y_w, y_ww]"),
        "x.yaml:5: evaluate_on: 'y_ww'; did you mean y_w? valid: 4single, y_w, w_y, short, twin, flat, lost",
    ),
    bad(
        "nothing to evaluate on",
        top("evaluate_on: []"),
        "x.yaml:5: evaluate_on: an empty list; a list of series, such as [4single, y_w]",
    ),
    bad(
        "a text to evaluate on",
        top("evaluate_on: y_w"),
        "x.yaml:5: evaluate_on: 'y_w'; a list of series, such as [4single, y_w]",
    ),
    bad("a series twice", top("evaluate_on: [y_w, y_w]"), "x.yaml:5: evaluate_on: y_w is given twice; each value once"),
    bad(
        "another number of channels",
        top("evaluate_on: [y_w, twin]"),
        "x.yaml:5: evaluate_on: channels of twin: 2, of 4single: 1; series with as many as the one that is trained on",
    ),
    bad("a series that can't be read", top("evaluate_on: [lost]"), "data/lost.csv: no such file; the series' file"),
    bad(
        "a setting in the entry",
        entry("seeds: [1]"),
        "x.yaml:5: seeds: unknown key; it belongs to the top level, not under param_space",
    ),
    bad(
        "a typing mistake in a config key",
        entry("train.learning_rat: 1"),
        "x.yaml:5: train.learning_rat: unknown key; did you mean train.learning_rate?",
    ),
    bad(
        "a config key without its prefix",
        entry("learning_rate: 1"),
        "x.yaml:5: learning_rate: unknown key; did you mean train.learning_rate?",
    ),
    bad(
        "nested config keys",
        entry("train: {learning_rate: 1}"),
        "x.yaml:5: train: unknown key; keys are dotted here, such as train.time_steps",
    ),
    bad(
        "an argument without its prefix",
        entry("d_model: 3"),
        "x.yaml:5: d_model: unknown key; did you mean model.d_model?",
    ),
    bad(
        "an unknown config key",
        entry("colour: blue"),
        "x.yaml:5: colour: unknown key; valid: model, dataset, train.time_steps, train.learning_rate, train.batch_size, train.num_epochs, train.num_steps, train.is_align_target, split.origin, model.d_model, model.is_inln, model.is_qln, model.is_kln, model.is_causal, model.is_n_pe, model.pe_type",
    ),
    bad(
        "a typing mistake in an argument",
        entry("model.d_modle: 64"),
        "x.yaml:5: model.d_modle: not an argument of att; did you mean model.d_model? valid: model.d_model, model.is_inln, model.is_qln, model.is_kln, model.is_causal, model.is_n_pe, model.pe_type",
    ),
    bad(
        "an argument of another model",
        entry("model.vocab_size: 64", model="{grid_search: [att, lstm]}"),
        "x.yaml:5: model.vocab_size: not an argument of att or lstm; did you mean model.hidden_size? valid: model.d_model, model.is_inln, model.is_qln, model.is_kln, model.is_causal, model.is_n_pe, model.pe_type, model.hidden_size, model.num_layers",
    ),
    bad(
        "an unknown model",
        entry("train.batch_size: 3", model="atx"),
        "x.yaml:3: model: 'atx'; did you mean att? valid: att, att_mh, lstm, vq, vq_mh, mixer, torn",
    ),
    bad(
        "a model by its path",
        entry("train.batch_size: 3", model="../models/att.py"),
        "x.yaml:3: model: '../models/att.py'; valid: att, att_mh, lstm, vq, vq_mh, mixer, torn",
    ),
    bad(
        "an unknown series",
        entry("train.batch_size: 3", dataset="y+w"),
        "x.yaml:4: dataset: 'y+w'; did you mean y_w? valid: 4single, y_w, w_y, short, twin, flat, lost",
    ),
    bad(
        "arguments as a mapping",
        entry("train.batch_size: 3", model="{d_model: 64}"),
        "x.yaml:3: model: unknown verb 'd_model'; valid: grid_search, choice, uniform, loguniform, quniform, qloguniform, randint, lograndint, qrandint, qlograndint; an argument of the model is a key of its own, `model.d_model`",
    ),
    bad(
        "a model that can't be read",
        entry("train.batch_size: 3", model="torn"),
        "models/torn.py:3: no class Model; one class Model",
    ),
    bad(
        "an argument of a model that can't be read",
        entry("model.d_modle: 3", model="torn"),
        "models/torn.py:3: no class Model; one class Model",
    ),
    bad(
        "a dataset that can't be read",
        entry("train.time_steps: 99999", dataset="lost"),
        "data/lost.csv: no such file; the series' file",
    ),
    bad(
        "an invisible character",
        entry("train.batch_size: 3", model='"a\\u202eb"'),
        "x.yaml:3: model: the text 'a\\u202eb'; printable text on one line",
    ),
]
