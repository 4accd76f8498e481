"""Places for checkpoints that other nodes can't find, or that would write a password into the ledger."""

# ruff: noqa: E501  (messages stand here as they are printed, on one line)

from __future__ import annotations

from tests.spec.corpus.case import bad, top

FORMS = "an absolute path of a folder that all nodes share, s3://BUCKET/FOLDER or gs://BUCKET/FOLDER"

STORAGE = [
    bad(
        "a relative storage_path",
        top("storage_path: results/shared"),
        f"x.yaml:5: storage_path: 'results/shared', which is another folder for every process and node; {FORMS}",
    ),
    bad(
        "a storage_path in the home folder",
        top("storage_path: ~/shared"),
        f"x.yaml:5: storage_path: '~/shared', which is another folder for every process and node; {FORMS}",
    ),
    bad(
        "a store that isn't taken",
        top("storage_path: hdfs://host/folder"),
        f"x.yaml:5: storage_path: 'hdfs://host/folder' with hdfs://; {FORMS}",
    ),
    bad(
        "a storage_path without a bucket",
        top("storage_path: s3:///folder"),
        f"x.yaml:5: storage_path: 's3:///folder' without a bucket; {FORMS}",
    ),
    bad(
        "a file on another host",
        top("storage_path: file://host/folder"),
        f"x.yaml:5: storage_path: 'file://host/folder'; {FORMS}",
    ),
    bad(
        "a password in a storage_path, which no message repeats",
        top("storage_path: s3://key:secret@bucket/folder"),
        "x.yaml:5: storage_path: a user or password in the address; credentials stay with the nodes: their role, or their environment",
    ),
    bad(
        "a fragment in a storage_path, which would be no part of the path",
        top("storage_path: s3://bucket/exp#1"),
        "x.yaml:5: storage_path: 's3://bucket/exp#1' with a #; a name without #",
    ),
    bad(
        "a query in a file's address",
        top("storage_path: file:///mnt/a?b"),
        f"x.yaml:5: storage_path: 'file:///mnt/a?b'; {FORMS}",
    ),
    bad("a number for a storage_path", top("storage_path: 5"), f"x.yaml:5: storage_path: 5; {FORMS}, in quotes"),
    bad("an empty storage_path", top("storage_path:"), f"x.yaml:5: storage_path: nothing; {FORMS}"),
]
