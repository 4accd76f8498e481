"""Tags, anchors and aliases, none of which a sweep file may have."""

# ruff: noqa: E501  (messages stand here as they are printed, on one line)

from __future__ import annotations

from tests.spec.corpus.case import GOOD, bad, top

TAGS = [
    bad(
        "a call",
        GOOD.replace("att", "!!python/object/apply:os.system ['touch owned']"),
        "x.yaml:3: model: the tag !!python/object/apply:os.system; no tags: write the plain value, and text in quotes",
    ),
    bad(
        "a Python name",
        GOOD.replace("att", "!!python/name:os.system"),
        "x.yaml:3: model: the tag !!python/name:os.system; no tags: write the plain value, and text in quotes",
    ),
    bad(
        "a Python module",
        GOOD.replace("att", "!!python/module:os"),
        "x.yaml:3: model: the tag !!python/module:os; no tags: write the plain value, and text in quotes",
    ),
    bad(
        "a tag of one's own",
        GOOD.replace("att", "!model att"),
        "x.yaml:3: model: the tag !model; no tags: write the plain value, and text in quotes",
    ),
    bad(
        "a standard tag",
        GOOD.replace("att", "!!str att"),
        "x.yaml:3: model: the tag !!str; no tags: write the plain value, and text in quotes",
    ),
    bad(
        "a binary",
        GOOD.replace("att", "!!binary YXR0"),
        "x.yaml:3: model: the tag !!binary; no tags: write the plain value, and text in quotes",
    ),
    bad(
        "a verbatim tag",
        GOOD.replace("att", "!<tag:yaml.org,2002:python/none> x"),
        "x.yaml:3: model: the tag !!python/none; no tags: write the plain value, and text in quotes",
    ),
    bad(
        "an anchor",
        GOOD.replace("att", "&m att"),
        "x.yaml:3: model: the anchor &m; no anchors: write the value where it is needed",
    ),
    bad(
        "a tagged file", "!!map\n" + GOOD, "x.yaml:1: the tag !!map; no tags: write the plain value, and text in quotes"
    ),
    bad(
        "a tagged key",
        "!!str name: s\n" + GOOD,
        "x.yaml:1: the tag !!str; no tags: write the plain value, and text in quotes",
    ),
    bad(
        "a tag directive",
        "%TAG ! tag:evil,2000:\n---\n" + GOOD.replace("att", "!x att"),
        "x.yaml:5: model: the tag tag:evil,2000:x; no tags: write the plain value, and text in quotes",
    ),
    bad(
        "an alias",
        "name: s\nparam_space: &p\n  model: att\n  dataset: 4single\nsearch: *p\n",
        "x.yaml:2: param_space: the anchor &p; no anchors: write the value where it is needed",
        "x.yaml:5: search: the alias *p; write the value out instead",
    ),
    bad("an alias as a key", "*a : 3\n" + GOOD, "x.yaml:1: the alias *a; write the value out instead"),
    bad(
        "an alias to nowhere",
        top("search: *nowhere"),
        "x.yaml:5: search: the alias *nowhere; write the value out instead",
    ),
    bad(
        "a merge key",
        "<<: {name: s}\n" + GOOD,
        "x.yaml:1: <<: unknown key; valid: name, protocol, seeds, evaluate_on, metric, mode, param_space, scheduler, search, resources_per_trial, storage_path",
    ),
]
