from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from raysweep.ledger.rows import RungRow
from raysweep.ledger.writer import LedgerWriter
from raysweep.planning.plan import WantedTrial
from raysweep.planning.progress import Progress
from raysweep.spec.sweep import Asha
from raysweep.tuning.recorder import Recorder
from raysweep.tuning.report import Report
from raysweep.tuning.schedulers import GroupedAsha

CONFIG = {"model": "att", "dataset": "wave", "protocol": "holdout", "split.origin": 0.85, "train.time_steps": 16}


def test_a_trial_stopped_once_and_finished_since_is_scored_to_its_end(tmp_path: Path) -> None:
    stop = RungRow(trial_id="a", bracket="x", scheduler="s", rung=2, score=6.0, cutoff=5.0, is_stop=True)
    wanted = WantedTrial(trial_id="a", config_id="c", config=CONFIG, seed=0, position=0)
    progress = Progress(num_trials=1, num_done_before=0, num_slots=1, waiting={"a": wanted})
    trial = SimpleNamespace(trial_id="a", config={"config": CONFIG, "is_rescore": True}, local_path=None)
    with LedgerWriter(tmp_path / "ledger.sqlite") as ledger:
        recorder = Recorder(
            ledger=ledger,
            progress=progress,
            scheduler=GroupedAsha(Asha(), "val_mse_batch", "s", [stop]),
            data_sources={},
            references={},
            code_version="v",
            on_change=lambda: None,
            is_interrupted=lambda: False,
            lost_cluster=lambda: None,
        )
        recorder.on_trial_start(0, [], trial)
        recorder.on_trial_result(0, [], trial, {"report": Report(facts=None, epochs=())})
        assert progress.num_running == 1, "its history is not its end"
        recorder.on_trial_result(0, [], trial, {"report": Report(facts=None, epochs=(), end="finished", score=1.0)})
    assert dict(progress.ended) == {"finished": 1}
