"""Files that are not the YAML that was meant."""

# ruff: noqa: E501  (messages stand here as they are printed, on one line)

from __future__ import annotations

from tests.spec.corpus.case import GOOD, bad, top

SYNTAX = [
    bad(
        "a deeper line under a value",
        "name: s\n  protocol: holdout\n",
        "x.yaml:2: not valid YAML: mapping values are not allowed here; `key: value` on this line and the one before, with a space after the colon, and text with `: ` in quotes",
    ),
    bad(
        "a missing colon",
        "name s\nprotocol: holdout\n",
        "x.yaml:2: not valid YAML: mapping values are not allowed here; `key: value` on this line and the one before, with a space after the colon, and text with `: ` in quotes",
    ),
    bad(
        "a missing space after the colon",
        "name:s\nprotocol:holdout\n",
        "x.yaml:1: 'name:s protocol:holdout' instead of a mapping; keys with values, such as `name: value`",
    ),
    bad(
        "a missing colon at the end",
        "name: s\nprotocol\n",
        "x.yaml:2: not valid YAML: could not find expected ':'; `key: value` on this line and the one before, with a space after the colon, and text with `: ` in quotes",
    ),
    bad(
        "an open brace",
        "name: s\nparam_space: {model: att\nseeds: [0]\n",
        "x.yaml:3: not valid YAML: expected ',' or '}', but got ':'; close the brace, and put commas between values (it opens at line 2)",
    ),
    bad(
        "an open bracket",
        "name: s\nseeds: [0, 1\nmetric: val_loss\n",
        "x.yaml:3: not valid YAML: expected ',' or ']', but got ':'; close the bracket, and put commas between values (it opens at line 2)",
    ),
    bad(
        "a brace too many",
        "{name: s}}\n",
        "x.yaml:1: not valid YAML: expected '<document start>', but found '}'; nothing after the closing bracket or brace",
    ),
    bad(
        "an open quote",
        'name: "s\nprotocol: holdout\n',
        "x.yaml:3: not valid YAML: found unexpected end of stream; close the quotes (it opens at line 1)",
    ),
    bad(
        "a tab",
        "name: s\nparam_space:\n\tmodel: att\n",
        "x.yaml:3: not valid YAML: found character '\\t' that cannot start any token; indent with spaces, not with tabs",
    ),
    bad(
        "a reserved character",
        top("metric: @loss"),
        "x.yaml:5: not valid YAML: found character '@' that cannot start any token; put text that begins with a special character in quotes",
    ),
    bad(
        "uneven indentation",
        "name: s\nparam_space:\n    model: att\n  dataset: 4single\n",
        "x.yaml:4: not valid YAML: expected <block end>, but found '<block mapping start>'; indent the keys of one mapping alike, and the items of one list",
    ),
    bad(
        "two commas",
        top("seeds: [0, , 1]"),
        "x.yaml:5: not valid YAML: expected the node content, but found ','; a value is missing here, or there is a comma or bracket too many",
    ),
    bad(
        "an escape beyond Unicode",
        'name: "\\UFFFFFFFF"\n',
        "x.yaml:1: not valid YAML near this line; look for a backslash in double quotes that stands for no character; put the text in single quotes",
    ),
    bad(
        "another version of YAML",
        "%YAML 9.9\n---\n" + GOOD,
        "x.yaml:1: not valid YAML: found incompatible YAML document (version 1.* is required); remove the %YAML line",
    ),
    bad(
        "duplicate keys",
        "name: s\nname: t\nparam_space:\n  model: att\n  model: vq\n  dataset: 4single\n",
        "x.yaml:2: name: given twice, first at line 1; each key once",
        "x.yaml:5: model: given twice, first at line 4; each key once",
    ),
    bad(
        "two documents",
        GOOD + "---\nname: t\n",
        "x.yaml:5: a second document begins; one document a file: remove the `---`",
    ),
    bad(
        "an empty file",
        "",
        "x.yaml: the file is empty, or holds comments only; keys with values, such as `name: value`",
    ),
    bad(
        "comments only",
        "# name: s\n\n",
        "x.yaml: the file is empty, or holds comments only; keys with values, such as `name: value`",
    ),
    bad(
        "an empty document", "---\n", "x.yaml:2: nothing instead of a mapping; keys with values, such as `name: value`"
    ),
    bad("a list", "- name: s\n", "x.yaml:1: a list instead of a mapping; keys with values, such as `name: value`"),
    bad("a text", "just text\n", "x.yaml:1: 'just text' instead of a mapping; keys with values, such as `name: value`"),
    bad(
        "a list as a key",
        "? [a, b]\n: 1\n" + GOOD,
        "x.yaml:1: a list as a key; a key is a word, such as train.time_steps",
    ),
    bad("an empty key", '"": 1\n' + GOOD, "x.yaml:1: '' as a key; a key is a word, such as train.time_steps"),
    bad(
        "a line break in a value",
        top("metric: 'a\n\n  b'"),
        "x.yaml:5: metric: the text 'a\\nb'; printable text on one line",
    ),
    bad(
        "an unknown escape",
        top('metric: "C:\\q"'),
        "x.yaml:5: not valid YAML: found unknown escape character 'q'; in double quotes a backslash is written twice; in single quotes once",
    ),
    bad(
        "a short escape",
        top('metric: "\\x4"'),
        "x.yaml:5: not valid YAML: expected escape sequence of 2 hexadecimal numbers, but found '\"'; in double quotes a backslash is written twice; in single quotes once",
    ),
    bad(
        "a star",
        top("metric: *"),
        "x.yaml:5: not valid YAML: expected alphabetic or numeric character, but found '\\n'; put text that begins with & or * in quotes",
    ),
    bad(
        "a list on the line of its key",
        top("seeds: - 0"),
        "x.yaml:5: not valid YAML: sequence entries are not allowed here; begin a list on a line of its own below its key",
    ),
    bad(
        "a pipe",
        top("metric: |x"),
        "x.yaml:5: not valid YAML: expected chomping or indentation indicators, but found 'x'; put text that begins with | or > in quotes",
    ),
    bad(
        "a tag that was not announced",
        top("metric: !a!b c"),
        "x.yaml:5: not valid YAML: found undefined tag handle '!a!'; no tags: put text that begins with ! in quotes",
    ),
    bad(
        "two tag directives",
        "%TAG !a! b\n%TAG !a! b\n---\n" + GOOD,
        "x.yaml:2: not valid YAML: duplicate tag handle '!a!'; remove the %TAG lines",
    ),
    bad(
        "a conflict of a merge",
        GOOD.replace("  model", "<<<<<<< HEAD\n  model") + "=======\n>>>>>>> other\n",
        "x.yaml:3: not valid YAML: could not find expected ':'; `key: value` on this line and the one before, with a space after the colon, and text with `: ` in quotes",
    ),
    bad(
        "CSV",
        "time,value\n0,1\n1,2\n",
        "x.yaml:1: 'time,value 0,1 1,2' instead of a mapping; keys with values, such as `name: value`",
    ),
    bad(
        "Python",
        'name = "s"\nparam_space = {\n  "model": "att"\n}\n',
        "x.yaml:3: not valid YAML: mapping values are not allowed here; `key: value` on this line and the one before, with a space after the colon, and text with `: ` in quotes",
    ),
    bad(
        "a web page",
        "<!DOCTYPE html>\n<html><body>404: Not Found</body></html>\n",
        "x.yaml:2: not valid YAML: mapping values are not allowed here; `key: value` on this line and the one before, with a space after the colon, and text with `: ` in quotes",
    ),
]
