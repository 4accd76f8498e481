"""The Ray that trials run on: the one at `RAY_ADDRESS`, or one of our own that ends with the sweep."""

from __future__ import annotations

import logging
import os
import secrets
import shlex
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from raysweep.disks import cannot_write
from raysweep.errors import ClusterError
from raysweep.planning.sharing import GpuType, Share
from raysweep.signals import handle_again, raise_if_interrupted, signals_noted
from raysweep.tuning.growth import NodeType, Silence, Workers, find_workers
from raysweep.tuning.ray_folders import clear_temporary, temporary_prefix, why_ray_cannot_write
from raysweep.tuning.shipping import runtime_env

JOIN_SECONDS = 10.0  # in which a Ray at another address has to answer

# Workers read these when they start.
WORKER_ENVIRONMENT: Mapping[str, str] = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it a GPU isn't deterministic
    # Workers give freed memory back to the system and fault it in again at every step otherwise: an LSTM's step
    # on a CPU takes 1.7 times as long (glibc's mallopt(3)).
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(10**9),
}
# Ray and Tune read these when they are imported.
ENVIRONMENT: Mapping[str, str] = {
    **WORKER_ENVIRONMENT,
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
# Ray prints what its own processes complain of, in colours, whatever `log_to_driver` says; lines like this it skips.
QUIET_ENVIRONMENT: Mapping[str, str] = {"RAY_DEDUP_LOGS_SKIP_REGEX": "^"}
UNKNOWN_GPU = "unknown"  # what Ray was only told of, or doesn't know
_TYPE_PREFIX = "accelerator_type:"
ESSENTIAL_PROCESSES = ("gcs_server", "raylet")
QUIET_LOGGERS = ("ray", "ray.tune", "ray.train", "ray.air", "ray.data")


@dataclass(frozen=True, kw_only=True)
class RunningCluster:
    """The Ray that trials run on.

    Attributes:
        num_cpus: Of all its machines, those that may still come among them.
        num_gpus: Likewise.
        machines: Likewise, the resources of each.
        gpus: Likewise, by type.
        workers: Those that come when trials wait; None where the machines are fixed.
        silence: Why nobody knows whether workers will come; None where that is known.
    """

    num_cpus: float
    num_gpus: float
    machines: Sequence[Mapping[str, float]]
    gpus: Sequence[GpuType] = ()
    workers: Workers | None = None
    silence: str | None = None

    def num_slots(self, share: Share) -> int:
        """How many trials that take so much fit at the same time."""
        if self.workers is not None:
            return self.workers.growth.num_slots(share)
        return sum(NodeType(resources=machine, max_nodes=1).num_slots(share) for machine in self.machines)

    def lost(self) -> str | None:
        """What has become of a Ray of our own, if it is gone; else trials would wait for ever. Takes no time."""
        import ray

        node = ray._private.worker._global_node
        for name, process in node.dead_processes() if node else ():
            if name in ESSENTIAL_PROCESSES:
                return f"Ray's process {name} has ended unexpectedly ({_how_it_ended(process.poll())})"
        return None


@contextmanager
def ray_cluster(*, num_jobs: int | None, is_verbose: bool) -> Iterator[RunningCluster]:
    """A Ray for the time of a sweep: the one at `RAY_ADDRESS`, or one of our own that ends with us.

    Args:
        num_jobs: CPUs to use here; None for all.
        is_verbose: Whether Ray may speak for itself.

    Raises:
        ClusterError: If it can't be started or joined.
        StorageError: If a disk is the reason.
    """
    try:
        clear_temporary()
        private = Path(tempfile.mkdtemp(prefix=temporary_prefix("ray")))
    except OSError as error:
        raise cannot_write(error.filename or "TMPDIR", error) from error
    try:
        wanted = ENVIRONMENT if is_verbose else {**ENVIRONMENT, **QUIET_ENVIRONMENT}
        os.environ.update({key: value for key, value in wanted.items() if key not in os.environ})
        address = os.environ.get("RAY_ADDRESS") or None  # Ray takes an empty one for none
        if address is None:
            _use_own_token(private)
        import ray

        level = logging.INFO if is_verbose else logging.CRITICAL
        for name in QUIET_LOGGERS:
            logging.getLogger(name).setLevel(level)
        # Workers of a Ray of our own have our files and our environment; no time is spent on taking them there.
        if address is None:
            options = _local_options(num_jobs)
        else:
            options = {"runtime_env": runtime_env(private, WORKER_ENVIRONMENT)}
        raise_if_interrupted()
        try:
            ray._private.utils.set_sigterm_handler = lambda handler: None  # it would exit in a way of its own
            # Half of a Ray can't be ended without a crash.
            with _start_explained(address), signals_noted(), _no_dashboard_loaded():
                _knock_at(address)
                ray.init(address=address or "local", logging_level=level, log_to_driver=is_verbose, **options)
            raise_if_interrupted()
            for name in QUIET_LOGGERS:  # ray.init sets its own level again
                logging.getLogger(name).setLevel(level)
            yield _running_cluster(None if address is None else find_workers())
        finally:
            with signals_noted():
                _shut_down()
            raise_if_interrupted()
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _running_cluster(found: Workers | Silence | None) -> RunningCluster:
    import ray

    workers, silence = (None, found.line) if isinstance(found, Silence) else (found, None)
    if workers is not None:
        growth = workers.growth
        num_cpus, num_gpus, machines = growth.total("CPU"), growth.total("GPU"), [*growth.all_resources()]
    else:
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        num_cpus, num_gpus = (sum(machine.get(name, 0.0) for machine in machines) for name in ("CPU", "GPU"))
    return RunningCluster(
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        machines=machines,
        gpus=gpu_types(machines),
        workers=workers,
        silence=silence,
    )


def gpu_types(machines: Iterable[Mapping[str, float]]) -> list[GpuType]:
    """The types of GPU on these machines, by the machines' resources."""
    found: dict[str, GpuType] = {}
    for resources in machines:
        count = int(resources.get("GPU", 0))
        if count:
            names = [key.removeprefix(_TYPE_PREFIX) for key in resources if key.startswith(_TYPE_PREFIX)]
            name, cpus_per_gpu = (names or [UNKNOWN_GPU])[0], resources.get("CPU", 0.0) / count
            known = found.get(name, GpuType(name=name, count=0, cpus_per_gpu=cpus_per_gpu))
            found[name] = GpuType(
                name=name, count=known.count + count, cpus_per_gpu=min(known.cpus_per_gpu, cpus_per_gpu)
            )
    return list(found.values())


@contextmanager
def _start_explained(address: str | None) -> Iterator[None]:
    """Whatever keeps Ray from starting: a machine that is too busy, an address where no Ray is, a disk."""
    try:
        yield
    except Exception as error:  # of many types
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        if address is not None:
            raise ClusterError(f"the Ray at {address} (RAY_ADDRESS) can't be joined: {reason}") from error
        # It ends with whatever comes of that, such as a time that has run out.
        if (unwritable := why_ray_cannot_write()) is not None:
            raise cannot_write(*unwritable) from error
        raise ClusterError(f"Ray can't be started: {reason}") from error


@contextmanager
def _no_dashboard_loaded() -> Iterator[None]:
    """Where `ray[default]` is installed, agents load all that a dashboard needs, though none is asked for: seconds."""
    import ray

    utils = ray._private.utils
    find_error, none_wanted = utils.get_dashboard_dependency_error, ImportError("no dashboard is wanted")
    utils.get_dashboard_dependency_error = lambda: none_wanted
    try:
        yield
    finally:
        utils.get_dashboard_dependency_error = find_error


def _knock_at(address: str | None) -> None:
    """Raises `OSError` where nobody listens: Ray would try for minutes, without a word."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), JOIN_SECONDS).close()


def _shut_down() -> None:
    """Ends Ray, which first gives SIGTERM back to the system, and then takes seconds to end its processes."""
    import ray

    state = ray._private.state.state
    disconnect = state.disconnect

    def disconnect_undisturbed() -> None:  # what Ray does next
        handle_again()
        disconnect()

    state.disconnect = disconnect_undisturbed
    try:
        ray.shutdown()
    finally:
        state.disconnect = disconnect


def _how_it_ended(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _local_options(num_jobs: int | None) -> dict[str, Any]:
    options: dict[str, Any] = {"num_cpus": num_jobs, "include_dashboard": False}
    quoted = shlex.quote(sys.executable)
    if quoted != sys.executable:
        # Ray starts workers through a shell and quotes every word of the command but the first.
        options["runtime_env"] = {"py_executable": quoted}
    return options


@cache
def _token() -> str:
    """The same for every Ray that this process starts: Ray reads it once."""
    return secrets.token_hex(32)


def _use_own_token(folder: Path) -> None:
    """Ray would write a token that others can read into the home folder; an open port of Ray runs anybody's code."""
    file = folder / "token"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(_token())
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(file)
