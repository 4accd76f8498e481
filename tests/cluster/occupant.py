"""Keeps a worker process of Ray busy on every node until its input ends; for tests that look at their ports."""

from __future__ import annotations

import sys

import ray


@ray.remote(num_cpus=1, scheduling_strategy="SPREAD")
class Occupant:
    def where(self) -> str:
        return str(ray.util.get_node_ip_address())


if __name__ == "__main__":
    ray.init(logging_level="ERROR", log_to_driver=False)
    occupants = [Occupant.remote() for _ in range(ray.cluster_resources()["CPU"].__int__())]
    print("busy:", *sorted(set(ray.get([occupant.where.remote() for occupant in occupants]))), flush=True)
    sys.stdin.read()
