"""The bootstraps of the package `arch`, without its models of volatility.

`import arch` loads those too, and with them statsmodels and matplotlib: a quarter of what
`raysweep compare` would take.
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
    try:
        return importlib.import_module("arch.bootstrap")
    finally:
        del sys.modules["arch"]
