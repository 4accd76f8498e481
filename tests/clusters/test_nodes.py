"""Real nodes of a real Ray, all on this machine: what they say, and what is wrong with one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from raysweep.ledger.reader import LedgerReader
from tests.conftest import PROJECT, Project
from tests.faults.waiting import wait_for_epochs

pytestmark = pytest.mark.slow

SPACE = {"model": "att", "dataset": "wave", "train.time_steps": 16, "train.num_epochs": 1}
AHEAD = """\
import time
_time = time.time
time.time = lambda: _time() + 300
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and a worker."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()


@pytest.fixture
def on_cluster(fresh_project: Project, cluster: Any) -> Project:
    """A project whose commands join the cluster."""
    fresh_project.environment = {"RAY_ADDRESS": cluster.address, "RAY_AUTH_MODE": "disabled"}
    return fresh_project


@pytest.fixture
def bad_node(cluster: Any, tmp_path: Path) -> Iterator[str]:
    """The name of a third node, which promises GPUs, has another torch, and whose clock is five minutes ahead."""
    folder = tmp_path / "other packages"
    metadata = folder / "torch-2.7.0.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.7.0\n")
    (folder / "sitecustomize.py").write_text(AHEAD)
    node = cluster.add_node(num_cpus=1, num_gpus=2, env_vars={"PYTHONPATH": f"{folder}:{PROJECT}"})
    yield f"node {node.node_id[:6]}"
    cluster.remove_node(node)


@pytest.fixture
def open_server(tmp_path: Path) -> Iterator[int]:
    """The port of a server that anybody can reach, and that says it is well."""
    (tmp_path / "health").write_text("OK")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("0.0.0.0", 0), handler) as server:
        Thread(target=server.serve_forever).start()
        yield server.server_address[1]
        server.shutdown()


def _in_project(project: Project, code: str) -> str:
    """What Python code prints that has joined the cluster."""
    joined = (
        "import time\nfrom pathlib import Path\nfrom raysweep.clusters import gather, probe\n"
        "from raysweep import doctor\nfrom raysweep.tuning.cluster import ray_cluster\n"
        f"with ray_cluster(num_jobs=None, is_verbose=False):\n{code}"
    )
    done = subprocess.run(
        [sys.executable, "-c", joined],
        cwd=project.root,
        env=project.full_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_quick_form_takes_less_than_two_seconds(on_cluster: Project) -> None:
    code = (
        "    for _ in range(2):\n        start = time.monotonic()\n        doctor.refuse_unfit_nodes(Path('results'))\n"
    )
    # The first time each node starts the worker that its first trial then takes.
    assert float(_in_project(on_cluster, f"{code}    print(time.monotonic() - start)")) < 2
    assert not (on_cluster.root / "results").exists(), "what was made to look is gone"


def test_an_unfit_node_is_found_and_refused(on_cluster: Project, bad_node: str, open_server: int) -> None:
    tracking = ("--tracking-uri", f"http://127.0.0.1:{open_server}")
    lines = on_cluster.run("doctor", *tracking, expect=1).stdout.splitlines()
    faults = [line for line in lines if "WRONG" in line]
    (versions,) = [line for line in faults if line.startswith("versions")]
    assert bad_node in versions
    assert "torch 2.7.0, not 2." in versions
    (gpus,) = [line for line in faults if line.startswith("gpus")]
    assert bad_node in gpus
    assert "torch sees 0 of the 2 GPUs" in gpus
    (clocks,) = [line for line in faults if line.startswith("clocks")]
    assert bad_node in clocks
    assert "300.0 s ahead" in clocks
    assert any(f"MLflow listens on 0.0.0.0 port {open_server} (answers there)" in line for line in faults)
    assert sum(line.startswith("token") for line in faults) == 3
    assert any(line.startswith("results") and "is the same on" in line for line in lines)
    assert any(line.startswith("mlflow") and line.endswith("answers") for line in lines)

    sweep = on_cluster.write_sweep("refused", param_space=SPACE)
    told = on_cluster.run(sweep, *tracking, expect=2).stderr
    assert "not every node of this Ray can take part; nothing was started" in told
    assert told.count(bad_node) == 2
    assert "torch 2.7.0" in told
    assert "300.0 s ahead" in told
    with LedgerReader(on_cluster.paths("refused").ledger) as ledger:
        assert ledger.count_current() == {"pending": 1}


@pytest.mark.nightly
def test_a_node_that_joins_in_the_middle_and_is_unfit_stops_the_sweep(
    on_cluster: Project, cluster: Any, request: pytest.FixtureRequest
) -> None:
    space = {**SPACE, "train.num_epochs": 100_000, "train.learning_rate": {"grid_search": [1e-3, 1e-4, 1e-5]}}
    sweep = on_cluster.write_sweep("joined", param_space=space)
    with on_cluster.start(sweep) as process:
        try:
            wait_for_epochs(on_cluster.paths("joined"), process, 2)
            request.getfixturevalue("bad_node")
            told = process.communicate(timeout=120)[0]
        finally:
            process.kill()
    assert process.returncode == 3, told
    assert "has joined with torch 2.7.0 and not 2." in told
    with LedgerReader(on_cluster.paths("joined").ledger) as ledger:
        assert {row["status"] for row in ledger.trials()} <= {"pending", "running"}, "no trial has failed"


def test_a_node_that_hangs_is_named_and_holds_up_no_other(on_cluster: Project, cluster: Any) -> None:
    (node,) = cluster.worker_nodes
    raylet = node.all_processes["raylet"][0].process
    code = (
        "    request = {'folders': [], 'nonce_file': None, 'is_full': False}\n"
        "    for node in gather.ask_nodes(probe, request, 8)['nodes']:\n"
        "        print(node['id'], node['facts'] is not None, node['problem'])"
    )
    os.kill(raylet.pid, signal.SIGSTOP)
    try:
        answers = dict(line.split(" ", 1) for line in _in_project(on_cluster, code).splitlines())
    finally:
        os.kill(raylet.pid, signal.SIGCONT)
    assert answers.pop(node.node_id) == "False no answer for 8 s"
    assert list(answers.values()) == ["True None"]


def test_an_address_where_no_ray_is(fresh_project: Project) -> None:
    fresh_project.environment = {"RAY_ADDRESS": "127.0.0.1:9", "RAY_AUTH_MODE": "disabled"}
    lines = fresh_project.run("doctor", expect=1).stdout.splitlines()
    assert lines[1].startswith("nodes")
    assert "can't be joined" in lines[1]
    assert [line.split()[0] for line in lines[2:-1]] == ["mlflow"], "nobody has seen anything else"


def test_one_machine_starts_no_ray(fresh_project: Project) -> None:
    code = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); sys.argv = ['raysweep', 'doctor']\n"
    code += (
        "from raysweep.cli import main\ntry:\n    main()\nexcept SystemExit as done:\n    print('exit', done.code)\n"
    )
    code += "print('ray' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=fresh_project.root, capture_output=True, text=True, timeout=120
    )
    lines = done.stdout.splitlines()
    assert "looking at this one machine, without starting Ray" in lines[0]
    assert [line.split()[0] for line in lines[1:-3]] == ["versions", "gpus", "disks", "memory", "mlflow"]
    assert lines[-1] == "False"
