"""Files that are not UTF-8 text."""

from __future__ import annotations

from tests.spec.corpus.case import GOOD, bad, top

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
    bad(
        "UTF-16, big end first, without a mark",
        GOOD.encode("utf-16-be"),
        "x.yaml:1: a zero byte, as in a binary file; save the file as UTF-8 text",
    ),
    bad(
        "Windows-1252",
        GOOD.encode() + "# “quoted”\n".encode("cp1252"),
        "x.yaml:5: the byte 0x93, which isn't UTF-8; save the file as UTF-8 text",
    ),
    bad(
        "Shift JIS",
        GOOD.encode() + "# 日本\n".encode("shift_jis"),
        "x.yaml:5: the byte 0x93, which isn't UTF-8; save the file as UTF-8 text",
    ),
    bad("EBCDIC", GOOD.encode("cp500"), "x.yaml:1: the byte 0x95, which isn't UTF-8; save the file as UTF-8 text"),
    bad(
        "the long form of a zero byte",
        GOOD.encode() + b"# \xc0\x80\n",
        "x.yaml:5: the byte 0xc0, which isn't UTF-8; save the file as UTF-8 text",
    ),
    bad(
        "cut in the middle of a character",
        GOOD.encode() + "# µ".encode()[:-1],
        "x.yaml:5: the byte 0xc2, which isn't UTF-8; save the file as UTF-8 text",
    ),
    bad("an escape sequence", GOOD.encode() + b"# \x1b[2J\n", "x.yaml:5: the control character U+001B; remove it"),
    bad(
        "an escape sequence of one character",
        GOOD.encode() + "# \x9b2J\n".encode(),
        "x.yaml:5: the control character U+009B; remove it",
    ),
    bad("a delete", GOOD.encode() + b"# \x7f\n", "x.yaml:5: the control character U+007F; remove it"),
    bad(
        "an escaped escape sequence in a value",
        top('metric: "\\e[2J"'),
        "x.yaml:5: metric: the text '\\x1b[2J'; printable text on one line",
    ),
    bad(
        "an escaped escape sequence in a key",
        top('"\\e[2J": 1'),
        "x.yaml:5: the text '\\x1b[2J'; printable text on one line",
    ),
    bad(
        "a character beyond Unicode",
        b"name: \xf7\xbf\xbf\xbf\n",
        "x.yaml:1: the byte 0xf7, which isn't UTF-8; save the file as UTF-8 text",
    ),
    bad("a noncharacter", GOOD.encode() + b"# \xef\xbf\xbf\n", "x.yaml:5: the control character U+FFFF; remove it"),
]
