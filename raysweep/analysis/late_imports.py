"""Libraries import more than they are asked for here: parts that load when they are used, which may be never.

`scipy.stats` alone takes half a second, for distributions that nobody asks for; scipy copies the names of numpy, among
them those of its compiler of Fortran. Must not know: who imports what.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, util
from types import ModuleType
from typing import Any


def import_when_used(package: str, part: str) -> None:
    """Whoever imports this part of a package gets it, but its code runs when something in it is first asked for."""
    name = f"{package}.{part}"
    if name in sys.modules:
        return
    parent = import_module(package)
    spec = util.find_spec(name)
    assert spec is not None, "a dependency has it"
    assert spec.loader is not None, "it is no namespace package"
    module = util.module_from_spec(spec)
    # Not importlib's LazyLoader: what it makes loads as soon as a statement `import package.part` looks at it.
    module.__class__ = _LoadsWhenUsed
    sys.modules[name] = module
    setattr(parent, part, module)


def spare_numpy() -> None:
    """Before scipy is first imported, which asks numpy for everything that it has."""
    for part in ("f2py", "testing"):
        import_when_used("numpy", part)


@contextmanager
def hidden(package: str) -> Iterator[None]:
    """For whoever can do without this package: inside, it isn't installed, unless it has been imported before."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # what the import system takes for `not there`
    try:
        yield
    finally:
        del sys.modules[package]


class _LoadsWhenUsed(ModuleType):
    def __getattr__(self, name: str) -> Any:
        """Is asked for what isn't there: anything at all, the first time."""
        self.__class__ = ModuleType  # type: ignore[assignment]
        assert self.__spec__ is not None and self.__spec__.loader is not None, "it was made from them"
        self.__spec__.loader.exec_module(self)
        return getattr(self, name)
