from __future__ import annotations

from pathlib import Path

import pytest

from raysweep.planning.points import largest_configs
from tests.spec.loading import load

SWEEP = """
name: s
search: {hyperopt: {num_samples: 5}}
param_space:
  model: {choice: [att_mh, lstm]}
  dataset: 4single
  train.time_steps: {qrandint: [16, 128, 16]}
  train.learning_rate: {loguniform: [1e-4, 1e-2]}
  model.n_heads: {choice: [2, 8, 4]}
  model.d_model: {qrandint: [8, 64, 8]}
  model.is_causal: {choice: [true, false]}
"""


def test_the_largest_that_a_search_may_propose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    configs = [config.to_flat() for config in largest_configs(load(SWEEP))]
    found = {
        (config["model"], config["train.time_steps"], config.get("model.n_heads"), config.get("model.d_model"))
        for config in configs
    }
    assert found == {("att_mh", 128, 8, 64), ("lstm", 128, None, None)}
    assert {config.get("model.is_causal") for config in configs} == {True, False, None}
