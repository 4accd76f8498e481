"""How many examples property tests try, and small edits of good files for them to try."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st

# So many times the usual number, each time new ones. Unset, a test tries the same few in every run.
EFFORT = int(os.environ.get("RAYSWEEP_EXAMPLES", "0"))

Mutation = tuple[int, int, str]


def examples(number: int) -> settings:
    """The settings of a property test that tries so many examples."""
    return settings(max_examples=number * max(1, EFFORT), deadline=None, derandomize=not EFFORT, database=None)


def mutations(length: int, pieces: Sequence[str]) -> st.SearchStrategy[Mutation]:
    """A place in a text of this length, how much of it to cut out there, and a piece to put in."""
    return st.tuples(st.integers(0, length), st.integers(0, 12), st.sampled_from(pieces) | st.text(max_size=4))


def apply_mutations(text: str, changes: Sequence[Mutation]) -> str:
    """The text with all edits made, one after the other."""
    for place, num_cut, piece in changes:
        text = text[:place] + piece + text[place + num_cut :]
    return text
