"""Cluster files: which machines they ask for, and what is said of those that can't be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from raysweep.clusters.cluster_file import read_cluster_file
from raysweep.clusters.machines import ssh_command
from raysweep.errors import InputError

LOCAL = """
provider: {type: local, head_ip: 10.0.0.1, worker_ips: [10.0.0.2, w2.lab]}
auth: {ssh_user: ubuntu, ssh_private_key: ~/key, ssh_proxy_command: jump %h}
"""
AWS = """
provider: {type: aws, region: eu-west-1}
head_node_type: head
available_node_types:
  head: {node_config: {}, min_workers: 7}
  cpu: {node_config: {}, min_workers: 2, max_workers: 9}
  gpu: {node_config: {}, max_workers: 9}
"""


def _written(folder: Path, text: str) -> Path:
    file = folder / "cluster.yaml"
    file.write_text(text)
    return file


def test_machines_of_a_lab(tmp_path: Path) -> None:
    cluster = read_cluster_file(_written(tmp_path, LOCAL))
    assert (cluster.head, cluster.workers, cluster.num_nodes) == ("10.0.0.1", ("10.0.0.2", "w2.lab"), 3)
    command = " ".join(ssh_command(cluster))
    for option in ("BatchMode=yes", "ConnectTimeout=5", "IdentitiesOnly=yes", "ProxyCommand=jump %h"):
        assert f"-o {option}" in command
    assert command.endswith(f"-i {Path.home() / 'key'}")


@pytest.mark.parametrize(("wanted", "expected"), [(0, 1), (1, 2), (9, 3)])
def test_a_lab_may_ask_for_fewer_than_it_lists(tmp_path: Path, wanted: int, expected: int) -> None:
    assert read_cluster_file(_written(tmp_path, f"{LOCAL}min_workers: {wanted}\n")).num_nodes == expected


def test_machines_of_a_cloud_that_are_there_from_the_beginning(tmp_path: Path) -> None:
    cluster = read_cluster_file(_written(tmp_path, AWS))
    assert (cluster.provider, cluster.head, cluster.num_nodes) == ("aws", None, 3)
    assert "-i" not in ssh_command(cluster)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1]", "a list, not a mapping"),
        ("a: [", "no YAML"),
        ("auth: {}", "provider.type: found None"),
        ("provider: local", "provider.type: found None"),
        ("provider: {type: local, worker_ips: []}", "provider.head_ip: found None"),
        ("provider: {type: local, head_ip: h, worker_ips: w}", "provider.worker_ips: found 'w'"),
        ("provider: {type: aws}\nauth: me", "auth: found 'me'"),
        ("provider: {type: aws}\navailable_node_types: [gpu]", "available_node_types: found ['gpu']"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, text: str, told: str) -> None:
    file = _written(tmp_path, text)
    with pytest.raises(InputError) as raised:
        read_cluster_file(file)
    assert str(raised.value).startswith(f"{file}: ")
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        read_cluster_file(tmp_path / "nowhere.yaml")
