"""Both cluster files, read by Ray's own launcher; no machine is asked for anything."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from tests.conftest import PROJECT

AWS, ONPREM = PROJECT / "cluster.yaml", PROJECT / "clusters" / "onprem.yaml"
FILES = [pytest.param(file, id=file.name) for file in (AWS, ONPREM)]
SCRIPTS = sorted((PROJECT / "clusters").glob("*.sh"))


def _prepared(file: Path) -> dict[str, Any]:
    """As `ray up` has it before it asks the provider."""
    config = prepare_config(yaml.safe_load(file.read_text()))
    validate_config(config)
    return config


@pytest.mark.parametrize("file", FILES)
def test_ray_takes_it(file: Path) -> None:
    config = _prepared(file)
    assert config["cluster_name"] == "raysweep"
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    for local in config["file_mounts"].values():
        assert local.startswith("~") or (PROJECT / local).exists()


@pytest.mark.parametrize("file", FILES)
def test_what_must_be_edited_stands_first_with_a_comment_each(file: Path) -> None:
    lines = file.read_text().splitlines()
    first = lines[: lines.index("")]
    values = [
        line for line in first if not line.startswith("#") and not line.endswith(":") and "type: local" not in line
    ]
    assert [line for line in values if " # " not in line] == []
    assert len(values) >= 4


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_open_to_the_world(file: Path) -> None:
    assert "0.0.0.0" not in file.read_text() + "".join(script.read_text() for script in SCRIPTS)
    start = " ".join(_prepared(file)["head_start_ray_commands"])
    assert "--dashboard-host=127.0.0.1" in start


@pytest.mark.parametrize("file", FILES)
def test_every_ray_start_follows_the_environment_with_the_token_mode(file: Path) -> None:
    config = _prepared(file)
    for kind in ("head", "worker"):
        assert config[f"{kind}_setup_commands"][1] == "bash ~/raysweep/clusters/setup_node.sh"
        assert config[f"{kind}_start_ray_commands"][0] == "ray stop"
    assert "export RAY_AUTH_MODE=token" in (PROJECT / "clusters" / "environment.sh").read_text()


def test_both_start_ray_in_the_same_way() -> None:
    aws, onprem = _prepared(AWS), _prepared(ONPREM)
    for key in ("file_mounts", "head_start_ray_commands", "worker_start_ray_commands"):
        assert aws[key] == onprem[key], key
    assert aws["worker_setup_commands"][1:] == onprem["worker_setup_commands"][1:]


@pytest.mark.parametrize(
    ("file", "variable", "place"),
    [
        (ONPREM, "RAYSWEEP_RESULTS_DIR", "/shared/results"),
        (AWS, "RAYSWEEP_STORAGE_PATH", "s3://BUCKET-EDIT/raysweep"),
    ],
)
def test_the_places_of_its_first_lines_are_what_sweeps_find(
    tmp_path: Path, file: Path, variable: str, place: str
) -> None:
    """Whatever machine of the cluster they are started on, without an option."""
    (tmp_path / "raysweep").mkdir()
    script = f". {PROJECT}/clusters/environment.sh; echo $RAYSWEEP_RESULTS_DIR $RAYSWEEP_STORAGE_PATH; echo ${variable}"

    def told() -> list[str]:
        done = subprocess.run(
            ["bash", "-c", script], env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        return done.stdout.splitlines()

    assert told()[0] == f"{tmp_path}/raysweep/results"
    config = _prepared(file)
    for kind in ("head", "worker"):
        subprocess.run(["bash", "-c", config[f"{kind}_setup_commands"][0]], env={"HOME": str(tmp_path)}, check=True)
        assert told()[1] == place


def test_aws_has_an_on_demand_head_and_spot_workers_from_none_up() -> None:
    config = _prepared(AWS)
    head, worker = (config["available_node_types"][kind] for kind in ("head", "worker"))
    assert config["head_node_type"] == "head"
    assert "InstanceMarketOptions" not in head["node_config"]
    assert worker["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert (worker["min_workers"], head["max_workers"]) == (0, 0)
    assert config["max_workers"] == yaml.safe_load(AWS.read_text())["max_workers"] > 0
    # Ray makes a security group that lets everybody knock at ssh for a type that names none.
    assert all(kind["node_config"]["SecurityGroupIds"] for kind in (head, worker))


def test_onprem_starts_every_machine_that_is_named() -> None:
    named = yaml.safe_load(ONPREM.read_text())["provider"]["worker_ips"]
    config = _prepared(ONPREM)
    node = config["available_node_types"][config["head_node_type"]]
    assert node["min_workers"] == node["max_workers"] == config["max_workers"] == len(named)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_bash_can_read_the_scripts(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
