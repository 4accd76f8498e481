"""How large models are, counted by building them: in a process of its own, so that a driver needs no torch.

Run as a program it reads the models from its input, pickled, and answers with a line of JSON.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from raysweep.forecasting.model_source import ModelSources
from raysweep.paths import PROJECT_ROOT
from raysweep.spec.config import Scalar

TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class ModelSize:
    """What a model holds.

    Attributes:
        num_params: Numbers that are trained.
        num_tensors: In how many tensors.
        num_other_bytes: Of all that isn't trained.
    """

    num_params: int
    num_tensors: int = 12
    num_other_bytes: int = 0


def count_models(
    sources: ModelSources, models: Sequence[tuple[str, Mapping[str, Scalar], int]]
) -> list[ModelSize | None]:
    """Builds each model once, elsewhere; takes as long as importing torch does.

    Args:
        sources: The models folder.
        models: Name, arguments and number of channels of each.

    Returns:
        In the same order; None for one that can't be built: its trials will say why.
    """
    import_path = os.pathsep.join(filter(None, [str(PROJECT_ROOT), os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "raysweep.forecasting.model_size"],
            input=pickle.dumps((sources, list(models))),
            capture_output=True,
            env={**os.environ, "PYTHONPATH": import_path, "CUDA_VISIBLE_DEVICES": ""},
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
        # The last line: models may print when they are built.
        counted = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return [None] * len(models)
    return [None if fields is None else ModelSize(**fields) for fields in counted]


def _count(sources: ModelSources, name: str, arguments: Mapping[str, Scalar], num_channels: int) -> object:
    from raysweep.forecasting.models import build_model

    try:
        model = build_model(sources, name, arguments=arguments, num_channels=num_channels, seed=0)
    except Exception:  # whatever the model's own code raises
        return None
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    trained_ids = set(map(id, trained))
    others = [tensor for tensor in (*model.parameters(), *model.buffers()) if id(tensor) not in trained_ids]
    return {
        "num_params": sum(tensor.numel() for tensor in trained),
        "num_tensors": len(trained) + len(others),
        "num_other_bytes": sum(tensor.numel() * tensor.element_size() for tensor in others),
    }


def _main() -> None:
    sources, models = pickle.load(sys.stdin.buffer)
    print(json.dumps([_count(sources, *model) for model in models]))


if __name__ == "__main__":
    _main()
