"""How often Python looks for garbage while tables are read and pictures drawn: of millions of objects, few are garbage.

Every 700 objects, as usual, that is a tenth of what `compare` and a seventh of what a picture takes.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_OBJECTS = 200_000  # some tens of megabytes, before any are looked at


def look_seldom() -> None:
    """From now on, in this process."""
    gc.set_threshold(_OBJECTS, 10, 10)


@contextmanager
def looked_at_seldom() -> Iterator[None]:
    """Inside."""
    before = gc.get_threshold()
    look_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*before)
