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

from raysweep.analysis.late_imports import import_when_used, spare_numpy


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
    spare_numpy()
    import_when_used("scipy", "stats")
    try:
        return importlib.import_module("arch.bootstrap")
    finally:
        del sys.modules["arch"]
