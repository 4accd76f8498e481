"""The bootstraps of the package `arch`, without what they don't need here.

`import arch` loads its models of volatility too, and with them statsmodels and matplotlib; its bootstraps load
`scipy.stats`, for intervals that raysweep asks nobody for. Together they would be a third of what
`raysweep compare` takes.
Must not know: what is drawn or compared.
"""

from __future__ import annotations

import importlib
import sys
from importlib import util
from types import ModuleType


def load_bootstrap() -> ModuleType:
    """The module `arch.bootstrap`.

    The package stands empty in `sys.modules` while its part is imported; who asks for `arch` itself later gets all of
    it.
    """
    if "arch" in sys.modules:
        return importlib.import_module("arch.bootstrap")
    spec = util.find_spec("arch")
    assert spec is not None, "raysweep depends on arch"
    sys.modules["arch"] = util.module_from_spec(spec)
    _import_when_used("scipy", "stats")
    try:
        return importlib.import_module("arch.bootstrap")
    finally:
        del sys.modules["arch"]


def _import_when_used(package: str, part: str) -> None:
    """Whoever takes this part from its package gets it, but its code runs when something in it is first asked for."""
    name = f"{package}.{part}"
    if name in sys.modules:
        return
    spec = util.find_spec(name)
    assert spec is not None, "arch depends on it"
    assert spec.loader is not None, "it is no namespace package"
    spec.loader = util.LazyLoader(spec.loader)
    sys.modules[name] = module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    setattr(sys.modules[package], part, module)  # or the import system would look into it, which loads it
