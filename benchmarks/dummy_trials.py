"""Workers that train nothing: for benchmarks/scale.py."""

from __future__ import annotations

import random
import time
from typing import Any

from raysweep.forecasting.inputs import TrialInputs
from raysweep.forecasting.protocol import eval_sets
from raysweep.forecasting.results import EpochResult, Evaluation
from raysweep.forecasting.scores import MAX_BLOCKS, Score
from raysweep.ledger.rows import TrialFacts
from raysweep.tuning.report import Report
from raysweep.tuning.trainable import TrialActor, WorkerSettings

NUM_EPOCHS, EPOCHS_A_REPORT = 10, 5


class DummyActor(TrialActor):
    """A worker that has every report ready when it is asked: epochs up to the next rung, and in the last one scores."""

    def setup(self, config: dict[str, Any], inputs: TrialInputs, settings: WorkerSettings) -> None:
        """Called once an actor."""
        (series,) = inputs.series.values()
        self._name, self._settings, self._epoch = series.name, settings, 0
        self._sets = eval_sets(
            data_digest=series.digest,
            num_points=len(series.values),
            protocol="holdout",
            origin=config["config"]["split.origin"],
            time_steps=1,
        )

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial."""
        self._epoch = 0
        return True

    def step(self) -> dict[str, Any]:
        """What Tune calls."""
        first = self._epoch + 1
        rung = self._settings.next_rung(self._epoch) or self._epoch + EPOCHS_A_REPORT
        self._epoch = min(rung, NUM_EPOCHS)
        score, is_last = 100 * random.random(), self._epoch == NUM_EPOCHS
        report = Report(
            facts=TrialFacts(num_train_windows=1000, num_params=10000, node="dummy", device="cpu"),
            epochs=[_epoch(number, score) for number in range(first, self._epoch + 1)],
            num_epochs=NUM_EPOCHS,
            score=score,
            end="finished" if is_last else None,
            evaluations=self._evaluations(score) if is_last else (),
        )
        return {"report": report, "score": score, "done": is_last}

    def _evaluations(self, mse: float) -> list[Evaluation]:
        return [
            Evaluation(
                eval_dataset=self._name,
                part=one.part,
                mode=one.mode,
                horizon=one.horizon,
                eval_set_hash=one.digest,
                score=Score(
                    mse=mse,
                    rmse=mse**0.5,
                    mae=mse**0.5,
                    mase=1.0,
                    num_targets=len(one.starts),
                    block_errors=(mse,) * min(len(one.starts), MAX_BLOCKS),
                ),
            )
            for one in self._sets
        ]


def _epoch(number: int, score: float) -> EpochResult:
    return EpochResult(
        epoch=number,
        num_steps=10 * number,
        train_loss=score,
        val_loss=score,
        val_mse_batch=score,
        seconds=0.01,
        finished_at=time.time(),
    )
