"""Files that are not UTF-8 text."""

from __future__ import annotations

from tests.spec.corpus.case import GOOD, bad

ENCODINGS = [
    bad("UTF-16", GOOD.encode("utf-16"), "x.yaml: encoded as UTF-16 or UTF-32; save the file as UTF-8 text"),
    bad(
        "UTF-16 without a mark",
        GOOD.encode("utf-16-le"),
        "x.yaml:1: a zero byte, as in a binary file; save the file as UTF-8 text",
    ),
    bad("UTF-32", GOOD.encode("utf-32"), "x.yaml: encoded as UTF-16 or UTF-32; save the file as UTF-8 text"),
    bad(
        "Latin-1",
        GOOD.encode() + "# µg\n".encode("latin-1"),
        "x.yaml:5: the byte 0xb5, which isn't UTF-8; save the file as UTF-8 text",
    ),
    bad(
        "gzip",
        b"\x1f\x8b\x08\x08" + bytes(range(1, 32)),
        "x.yaml:1: the byte 0x8b, which isn't UTF-8; save the file as UTF-8 text",
    ),
    bad(
        "an image",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "x.yaml:3: a zero byte, as in a binary file; save the file as UTF-8 text",
    ),
    bad(
        "a zero byte", GOOD.encode() + b"\0", "x.yaml:5: a zero byte, as in a binary file; save the file as UTF-8 text"
    ),
    bad("a control character", GOOD.encode() + b"# \x07bell\n", "x.yaml:5: the control character U+0007; remove it"),
    bad(
        "half of a surrogate pair",
        b"name: \xed\xa0\x80\n",
        "x.yaml:1: the byte 0xed, which isn't UTF-8; save the file as UTF-8 text",
    ),
]
