"""Rules about what machines have: versions, GPUs, clocks, the shared folder, disks, memory, MLflow.

Pure: facts in, findings out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packaging.specifiers import SpecifierSet

from raysweep.clusters.facts import Facts, Finding, Machine, Situation
from raysweep.clusters.remedies import MLFLOW_PORT, fault, gibibytes, in_shell, names_of, verdict

MAX_CLOCK_SECONDS = 2.0
MIN_DISK_BYTES = 2**30
MIN_MEMORY_BYTES = 2**30
MEMORY_BYTES_PER_CPU = 2**29  # a worker with torch and a small model


def judge_versions(situation: Situation) -> Iterator[Finding]:
    """Whether every machine has the versions of the one where the driver runs, and that one what raysweep needs."""
    driver = situation.driver if situation.is_driver_remote else None
    reference = driver.facts if driver is not None and driver.facts is not None else situation.reference
    where = "here" if reference is situation.reference or driver is None else f"on {driver.name}"
    faults = list(_requirements_missed(reference, situation.requirements, where))
    known = [machine for machine in situation.machines if machine.facts]
    for machine in known:
        assert machine.facts is not None, "chosen so"
        faults += _other_python(machine, machine.facts, reference, where)
        faults += _other_packages(machine, machine.facts, reference, where)
        faults += _other_code(machine, machine.facts, situation)
    faults += [
        fault("versions", machine, machine.visit.problem, in_shell(machine, "python --version"))
        for machine in situation.machines
        if machine.visit and machine.visit.problem and not machine.facts
    ]
    parts = [f"Python {reference.python}", *(f"{name} {found}" for name, found in reference.versions.items())]
    parts.append(f"raysweep {situation.reference.code}")
    on_all = f" on {names_of(known)}" if situation.form != "one machine" else ""
    yield from verdict("versions", faults, f"{', '.join(parts)}{on_all}")


def _requirements_missed(reference: Facts, requirements: Mapping[str, str], where: str) -> Iterator[Finding]:
    for name, valid in requirements.items():
        there = reference.versions.get(name)
        if there is None or not SpecifierSet(valid).contains(there, prereleases=True):
            found = f"{f'{name} {there}' if there else f'no {name}'} {where}, raysweep needs {name}{valid}"
            yield fault("versions", None, found, f"`pip install '{name}{valid}'`")


def _other_python(machine: Machine, facts: Facts, reference: Facts, where: str) -> Iterator[Finding]:
    if facts.python != reference.python:
        found = f"Python {facts.python}, not {reference.python} as {where}"
        yield fault("versions", machine, found, f"install Python {reference.python} there, and all packages in it")


def _other_packages(machine: Machine, facts: Facts, reference: Facts, where: str) -> Iterator[Finding]:
    for name, here in reference.versions.items():
        there = facts.versions.get(name)
        # What follows the plus says for which GPU it was built: nodes may differ in that.
        if here is not None and (there is None or _release(there) != _release(here)):
            found = f"{name} {there}" if there else f"no {name}"
            mend = in_shell(machine, f"{facts.executable or 'python'} -m pip install {name}=={_release(here)}")
            found += f", not {_release(here)} as {where}"
            yield fault("versions", machine, found, f"{mend}, then restart its Ray")


def _other_code(machine: Machine, facts: Facts, situation: Situation) -> Iterator[Finding]:
    here = situation.reference.code
    if facts.code is None and situation.is_driver_remote:
        return  # it will travel with the sweep
    if facts.code != here:
        found = f"raysweep's source is another one ({facts.code}, not {here})" if facts.code else "no raysweep"
        mend = "bring the same source there, at the path where it lies here"
        yield fault("versions", machine, found, mend)


def _release(version: str) -> str:
    return version.partition("+")[0]


def judge_gpus(situation: Situation) -> Iterator[Finding]:
    """Whether torch sees the GPUs that Ray gives to trials."""
    faults, seen = [], []
    for machine in situation.joined:
        if machine.facts is None:
            continue
        count = machine.facts.num_gpus
        if count is None and machine.num_gpus:
            faults.append(
                fault(
                    "gpus",
                    machine,
                    "torch can't be asked for GPUs",
                    in_shell(machine, "python -m torch.utils.collect_env"),
                )
            )
        elif count is not None and count < machine.num_gpus:
            found = f"torch sees {count} of the {machine.num_gpus:g} GPUs that Ray promises"
            mend = f"see {in_shell(machine, 'nvidia-smi')}, or start its Ray with `--num-gpus={count}`"
            faults.append(fault("gpus", machine, found, mend))
        elif count:
            idle = (
                ""
                if situation.form == "one machine" or count == machine.num_gpus
                else f", Ray uses {machine.num_gpus:g}"
            )
            seen.append(f"{machine.name} {count}{idle}")
    yield from verdict("gpus", faults, f"torch sees {', '.join(seen)}" if seen else "none: trials run on CPUs")


def judge_clocks(situation: Situation) -> Iterator[Finding]:
    """Whether clocks agree: times in the ledger and signed requests rest on them."""
    timed = [(machine, machine.clock) for machine in situation.machines if machine.clock]
    faults = []
    for machine, clock in timed:
        if abs(clock.ahead) - clock.error > MAX_CLOCK_SECONDS:
            side = "ahead" if clock.ahead > 0 else "behind"
            found = f"its clock is {_span(abs(clock.ahead))} {side} (give or take {_span(clock.error)})"
            faults.append(fault("clocks", machine, found, in_shell(machine, "sudo chronyc makestep")))
    worst = max((abs(clock.ahead) + clock.error for _, clock in timed), default=0.0)
    yield from verdict("clocks", faults, f"not more than {_span(worst)} apart on {names_of([one for one, _ in timed])}")


def _span(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def judge_results(situation: Situation) -> Iterator[Finding]:
    """Whether every node reads what the driver has just written into the folder of results."""
    folder = situation.results
    if folder is None:
        return
    if situation.nonce_problem is not None:
        found = f"{folder} can't be written ({situation.nonce_problem})"
        yield fault("results", None, found, "name a folder that can, with --results-dir")
        return
    faults, asked = [], []
    for machine in situation.joined:
        if machine.facts is None or machine.facts.is_writable is None:
            continue
        asked.append(machine)
        if machine.facts.nonce != situation.nonce:
            mend = (
                "mount the same folder at the same path on all nodes, name one that is with --results-dir, or give the "
                "sweep a storage_path such as s3://BUCKET/FOLDER"
            )
            faults.append(fault("results", machine, f"{folder} isn't the driver's there", mend))
        elif not machine.facts.is_writable:
            faults.append(
                fault("results", machine, f"{folder} can't be written there", in_shell(machine, f"ls -ld {folder}"))
            )
    if asked:
        yield from verdict("results", faults, f"{folder} is the same on {names_of(asked)}")


def judge_disks(situation: Situation) -> Iterator[Finding]:
    """Whether there is room for results, and for what Ray writes on its own."""
    faults, least = [], []
    for machine in situation.machines:
        for folder, free in (machine.facts.disks if machine.facts else {}).items():
            if free is None:
                continue
            least.append((free, f"{gibibytes(free)} at {folder} on {machine.name}"))
            if free < MIN_DISK_BYTES:
                mend = f"make room: {in_shell(machine, f'du -xh {folder} | sort -h | tail')}"
                faults.append(fault("disks", machine, f"{gibibytes(free)} free at {folder}", mend))
    yield from verdict("disks", faults, f"least free: {min(least)[1]}" if least else "not known")


def judge_memory(situation: Situation) -> Iterator[Finding]:
    """Whether there is memory for a trial on every CPU that Ray promises."""
    faults, least = [], []
    for machine in situation.machines:
        free = machine.facts.memory_bytes if machine.facts else None
        if free is None:
            continue
        needed = max(MIN_MEMORY_BYTES, int(MEMORY_BYTES_PER_CPU * machine.num_cpus))
        least.append((free, f"{gibibytes(free)} on {machine.name}"))
        if free < needed:
            found = (
                f"{gibibytes(free)} of memory free, {gibibytes(needed)} needed for trials on {machine.num_cpus:g} CPUs"
            )
            fewer = "or use fewer CPUs (`--jobs`, `ray start --num-cpus`)"
            mend = f"see {in_shell(machine, 'ps aux --sort=-rss | head')}, {fewer}"
            faults.append(fault("memory", machine, found, mend))
    yield from verdict("memory", faults, f"least free: {min(least)[1]}" if least else "not known")


def judge_mlflow(situation: Situation) -> Iterator[Finding]:
    """Whether the tracking server answers the driver."""
    if not situation.mlflow:
        return
    faults = []
    if situation.mlflow_problem is not None:
        port = situation.mlflow_port or MLFLOW_PORT
        mend = f"`mlflow server --host 127.0.0.1 --port {port}` on that machine, or another --tracking-uri"
        faults.append(
            fault("mlflow", situation.driver, f"no MLflow at {situation.mlflow} ({situation.mlflow_problem})", mend)
        )
    how = "answers" if situation.mlflow_port else "needs no server"
    yield from verdict("mlflow", faults, f"{situation.mlflow} {how}")
