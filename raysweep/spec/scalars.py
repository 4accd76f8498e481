"""What a word without quotes means: nothing, true or false, a number, or text.

The rules are those of YAML 1.2's core schema, narrowed where a reader could be misled: `yes`, `no`, `on` and `off` are
text, `3e-3` is a number, and what other YAML readers disagree on (`1_000`, `0x1F`, `010`, `1:30`) is text, so
that a key that wants a number refuses it instead of guessing.
"""

from __future__ import annotations

import re

from raysweep.spec.config import Scalar

MAX_NUMBER_LENGTH = 100

_NOTHING = {"", "~", "null", "Null", "NULL"}
_TRUE = {"true", "True", "TRUE"}
_FALSE = {"false", "False", "FALSE"}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NOT_A_NUMBER = {".nan", ".NaN", ".NAN"}

_LOOKS_LIKE_A_NUMBER = {
    re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"): "without underscores or leading zeros",
    re.compile(r"[-+]?0[xob][0-9a-fA-F_]+"): "in decimal digits",
    re.compile(r"[-+]?[0-9]+,[0-9]+"): "with a decimal point",
}


def resolve_plain(text: str) -> Scalar | None:
    """The value of a word without quotes.

    Args:
        text: The word, without surrounding space.

    Returns:
        None for nothing; may be infinite or not a number.
    """
    if text in _NOTHING:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if len(text) > MAX_NUMBER_LENGTH:
        return text
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return float("nan") if text in _NOT_A_NUMBER else text


def number_hint(text: str) -> str:
    """How to write a text that was meant as a number; empty if it wasn't."""
    if isinstance(resolve_plain(text), int | float):
        return "without quotes"
    if len(text) > MAX_NUMBER_LENGTH:
        return f"of at most {MAX_NUMBER_LENGTH} characters" if set(text) <= set("0123456789+-.eE") else ""
    return next((hint for form, hint in _LOOKS_LIKE_A_NUMBER.items() if form.fullmatch(text)), "")
