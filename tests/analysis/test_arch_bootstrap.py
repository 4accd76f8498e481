from __future__ import annotations

import subprocess
import sys

CHECK = """
import sys
from raysweep.analysis.arch_bootstrap import load_bootstrap
once = load_bootstrap()
assert {"statsmodels", "matplotlib", "arch"}.isdisjoint(sys.modules), "what makes it slow"
assert load_bootstrap() is once
import arch
assert arch.arch_model, "all of it, for who wants it"
assert load_bootstrap() is once
"""


def test_bootstraps_come_alone() -> None:
    subprocess.run([sys.executable, "-c", CHECK], check=True)
