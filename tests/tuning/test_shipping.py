"""What reaches the nodes of a cluster: on a node that has the packages and can't see the driver's files."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import threadpoolctl
import torch

from raysweep.forecasting.inputs import TrialInputs
from raysweep.forecasting.trial import TrialRun
from raysweep.ledger.reader import LedgerReader
from raysweep.paths import SweepPaths
from raysweep.prepare import Workspace, prepare
from raysweep.spec.config import Config
from raysweep.tuning.cluster import WORKER_ENVIRONMENT
from raysweep.tuning.shipping import numeric_versions, runtime_env, why_unfit
from raysweep.tuning.trainable import use_threads
from tests.conftest import PROJECT, Project
from tests.required import skip_unless_required
from tests.tracking.servers import find_free_port

START_SECONDS = 60


@dataclass
class Node:
    """A Ray of one node from which folders are hidden."""

    address: str
    process: subprocess.Popen[bytes]


@pytest.fixture
def hidden_from(project: Project, tmp_path: Path) -> Iterator[Node]:
    """A node that sees neither this checkout nor the project, but has a raysweep of its own: an old one."""
    old = tmp_path / "old"
    (old / "raysweep").mkdir(parents=True)
    (old / "raysweep" / "__init__.py").write_text("raise ImportError('the old raysweep of this node')")
    hidden = [PROJECT / "raysweep", PROJECT / "models", PROJECT / "data", _installed(), project.root]
    mounts = "; ".join(f"mount -t tmpfs none {shlex.quote(str(folder))}" for folder in dict.fromkeys(hidden))
    port = find_free_port()
    session = tempfile.mkdtemp(prefix="rs-")
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--port={port}"),
        *("--node-ip-address=127.0.0.1", "--num-cpus=2", "--include-dashboard=false", f"--temp-dir={session}"),
    ]
    # As `ray up` starts a node, with one thread whatever a trial has.
    environment = {**os.environ, "PYTHONPATH": str(old), "RAY_AUTH_MODE": "disabled", "OMP_NUM_THREADS": "1"}
    stale = shlex.join(["cp", "-r", str(old / "raysweep"), str(project.root)])  # as a checkout of last month
    script = f"{mounts}; {stale}; cd /; exec {shlex.join(command)}"
    process = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "bash", "-ec", script],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None
        seen = b""
        for line in process.stdout:
            seen += line
            if b"Ray runtime started" in line:
                break
        else:
            if b"unshare" not in seen:
                raise AssertionError(seen.decode())
            skip_unless_required(f"needs the right to mount: {seen.decode()}")
        yield Node(f"127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.communicate(timeout=START_SECONDS)
        shutil.rmtree(session, ignore_errors=True)


def _installed() -> Path:
    """Where this Python finds raysweep by itself."""
    code = "import raysweep; print(raysweep.__path__[0])"
    found = subprocess.run([sys.executable, "-c", code], cwd="/", env={}, capture_output=True, text=True, check=True)
    return Path(found.stdout.strip())


@pytest.mark.slow
def test_what_is_edited_here_is_what_runs_there(hidden_from: Node, project: Project, tmp_path: Path) -> None:
    """A layer, raysweep itself, the series: all of it the driver's."""
    laptop, shared = tmp_path / "laptop", tmp_path / "shared"
    shutil.copytree(PROJECT / "raysweep", laptop / "raysweep", ignore=shutil.ignore_patterns("__pycache__"))
    _edit(laptop / "raysweep/tuning/trainable.py", "device=self._accelerator.name", "device='edited'")
    space = {"model": "att", "dataset": "wave", "train.time_steps": 16, "train.num_epochs": 2}
    sweep = project.write_sweep("far", param_space=space, resources_per_trial={"cpu": 2})
    before = _losses_here(project, sweep)
    _edit(project.root / "models/_layers.py", "10_000.0  # of", "5_000.0  # of")
    after = _losses_here(project, sweep)
    assert after != before

    project.environment = {
        "RAY_ADDRESS": hidden_from.address,
        "RAY_AUTH_MODE": "disabled",
        "PYTHONPATH": str(laptop),
    }
    project.run(sweep, "--results-dir", shared)
    with LedgerReader(SweepPaths(shared, "far").ledger) as reader:
        (trial,) = reader.trials()
        losses = [(epoch["train_loss"], epoch["val_loss"]) for epoch in reader.epochs(trial["trial_id"])]
    assert trial["device"] == "edited"
    assert losses == after


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def _losses_here(project: Project, sweep: Path) -> list[tuple[float, float]]:
    """Of the sweep's one trial, in this process."""
    workspace = Workspace(
        results_dir=project.root / "here",
        tracking_uri="",
        data_dir=project.root / "data",
        models_dir=project.root / "models",
    )
    prepared = prepare(sweep, [], workspace)
    (trial,) = prepared.wanted
    inputs = TrialInputs(
        sources=prepared.catalog.sources,
        series={"wave": prepared.catalog.series("wave")},
        evaluate_on=None,
        storage=prepared.storage,
    )
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run = TrialRun(
            trial_id=trial.trial_id,
            config=Config.from_flat(trial.config),
            seed=trial.seed,
            inputs=inputs,
            device=torch.device("cpu"),
        )
        return [(epoch.train_loss, epoch.val_loss) for epoch in run.epochs()]
    finally:
        torch.set_num_threads(before)


def test_threads_are_what_a_trial_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    try:
        use_threads(3)
        assert torch.get_num_threads() == 3
        assert {pool["num_threads"] for pool in threadpoolctl.threadpool_info()} == {3}
        assert os.environ["OMP_NUM_THREADS"] == "3"
    finally:
        use_threads(before)


def test_workers_get_the_variables_that_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "5")
    found = runtime_env(tmp_path, WORKER_ENVIRONMENT)
    assert found["env_vars"] == {**WORKER_ENVIRONMENT, "MALLOC_TRIM_THRESHOLD_": "5"}


def test_a_submitted_job_keeps_its_own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray refuses a driver that says again what its job has said."""
    job = {"working_dir": "gcs://_ray_pkg_0.zip", "env_vars": {"CUBLAS_WORKSPACE_CONFIG": ":16:8"}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"runtime_env": job, "metadata": {}}))
    found = runtime_env(tmp_path, WORKER_ENVIRONMENT)
    assert "working_dir" not in found
    assert "CUBLAS_WORKSPACE_CONFIG" not in found["env_vars"]
    assert found["py_modules"]


def test_a_machine_with_the_drivers_versions_is_fit_and_no_other() -> None:
    here = numeric_versions()
    assert here["torch"] == torch.__version__.partition("+")[0]
    assert why_unfit(here) is None
    told = why_unfit({**here, "numpy": "1.0", "Python": "3.9.1"})
    assert told is not None and f"numpy {here['numpy']} and not 1.0" in told and "and not 3.9.1" in told
