"""Paths where names belong: nothing that a sweep file says may lead out of the folders of models, series and results."""

# ruff: noqa: E501  (messages stand here as they are printed, on one line)

from __future__ import annotations

from tests.spec.corpus.case import GOOD, bad, entry, top

PATHS = [
    bad(
        "a name that climbs",
        GOOD.replace("name: s", "name: a/../../b"),
        "x.yaml:1: name: 'a/../../b'; up to 100 letters, digits, - and _",
    ),
    bad(
        "an absolute name",
        GOOD.replace("name: s", "name: /tmp/s"),
        "x.yaml:1: name: '/tmp/s'; up to 100 letters, digits, - and _",
    ),
    bad(
        "a name in the home folder",
        GOOD.replace("name: s", 'name: "~/s"'),
        "x.yaml:1: name: '~/s'; up to 100 letters, digits, - and _",
    ),
    bad(
        "a name with a drive",
        "name: C:\\s\n" + GOOD.removeprefix("name: s\n"),
        "x.yaml:1: name: 'C:\\\\s'; up to 100 letters, digits, - and _",
    ),
    bad(
        "a name with a suffix",
        GOOD.replace("name: s", "name: s.yaml"),
        "x.yaml:1: name: 's.yaml'; up to 100 letters, digits, - and _",
    ),
    bad("two dots", GOOD.replace("name: s", "name: .."), "x.yaml:1: name: '..'; up to 100 letters, digits, - and _"),
    bad(
        "an absolute model",
        entry("train.batch_size: 3", model="/etc/passwd"),
        "x.yaml:3: model: '/etc/passwd'; valid: att, att_mh, lstm, vq, vq_mh, mixer, torn",
    ),
    bad(
        "a model with its suffix",
        entry("train.batch_size: 3", model="att.py"),
        "x.yaml:3: model: 'att.py'; did you mean att? valid: att, att_mh, lstm, vq, vq_mh, mixer, torn",
    ),
    bad(
        "a model by its module",
        entry("train.batch_size: 3", model="models.att"),
        "x.yaml:3: model: 'models.att'; valid: att, att_mh, lstm, vq, vq_mh, mixer, torn",
    ),
    bad(
        "a module of Python",
        entry("train.batch_size: 3", model="os"),
        "x.yaml:3: model: 'os'; valid: att, att_mh, lstm, vq, vq_mh, mixer, torn",
    ),
    bad(
        "a series by its file",
        entry("train.batch_size: 3", dataset="data/4single.csv"),
        "x.yaml:4: dataset: 'data/4single.csv'; did you mean 4single? valid: 4single, y_w, w_y, short, twin, flat, lost",
    ),
    bad(
        "a series that climbs",
        entry("train.batch_size: 3", dataset="../4single"),
        "x.yaml:4: dataset: '../4single'; did you mean 4single? valid: 4single, y_w, w_y, short, twin, flat, lost",
    ),
    bad(
        "an absolute series",
        entry("train.batch_size: 3", dataset="/etc/passwd"),
        "x.yaml:4: dataset: '/etc/passwd'; valid: 4single, y_w, w_y, short, twin, flat, lost",
    ),
    bad(
        "a series from the net",
        entry("train.batch_size: 3", dataset="https://example.org/a.csv"),
        "x.yaml:4: dataset: 'https://example.org/a.csv'; valid: 4single, y_w, w_y, short, twin, flat, lost",
    ),
    bad(
        "a series that is a pattern",
        entry("train.batch_size: 3", dataset='"*"'),
        "x.yaml:4: dataset: '*'; valid: 4single, y_w, w_y, short, twin, flat, lost",
    ),
    bad(
        "series to evaluate on by their paths",
        top("evaluate_on: [../y_w, file:///etc/passwd]"),
        "x.yaml:5: evaluate_on: '../y_w'; did you mean y_w? valid: 4single, y_w, w_y, short, twin, flat, lost",
        "x.yaml:5: evaluate_on: 'file:///etc/passwd'; valid: 4single, y_w, w_y, short, twin, flat, lost",
    ),
    bad(
        "an empty model",
        entry("train.batch_size: 3", model='""'),
        "x.yaml:3: model: ''; valid: att, att_mh, lstm, vq, vq_mh, mixer, torn",
    ),
]
