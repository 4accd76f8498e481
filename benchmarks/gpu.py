"""What it is worth that trials share a GPU: the same sweep with one trial a GPU, with more, and as `auto` chooses.

    python benchmarks/gpu.py --trials 64 --epochs 20 > gpu_tables.md

Prints Markdown: what a training step of each shape was measured to take, and how long the sweep took with each number
of trials on a GPU, from the start of the first trial to the end of the last. Without a GPU it says so, and its figures
are those of CPUs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
import yaml

from raysweep.ledger.reader import LedgerReader, Row
from raysweep.ledger.rows import StepRow
from raysweep.paths import PROJECT_ROOT, SweepPaths
from raysweep.planning.sharing import part_of, sharing_of

MODELS, WINDOWS = ("att", "lstm"), (64, 512)


def main() -> None:
    """Prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=64, help="of each sweep, a multiple of 4")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--sharing", default="1,2,4,8,16", help="trials on a GPU, besides auto")
    arguments = parser.parse_args()
    has_gpu = torch.cuda.is_available()
    if has_gpu:
        print(f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}, {os.cpu_count()} CPUs,")
        print(f"torch {torch.__version__}, {arguments.trials} trials of {arguments.epochs} epochs\n")
    else:
        print(f"No GPU here: these are figures of {os.cpu_count()} CPUs, and say nothing of GPUs.\n")
    numbers = [int(number) for number in arguments.sharing.split(",")] if has_gpu else [1]
    choices: dict[str, object] = {
        str(number): {"cpu": _cpus(number), "gpu": part_of(1.0, number)} for number in numbers
    }
    if not has_gpu:
        choices = {"one at a time": {"cpu": os.cpu_count()}}
    choices["auto"] = "auto"
    with tempfile.TemporaryDirectory(prefix="raysweep-bench-") as folder:
        runs = {
            name: _run(Path(folder), index, resources, arguments.trials, arguments.epochs)
            for index, (name, resources) in enumerate(choices.items())
        }
    _print_steps(runs["auto"][1])
    _print_runs({name: trials for name, (trials, _) in runs.items()})


def _cpus(number: int) -> float:
    """Of each of so many trials on a GPU: one, or less where there are fewer."""
    return part_of(min(1.0, (os.cpu_count() or 1) / torch.cuda.device_count() / number), 1)


def _run(
    root: Path, index: int, resources: object, num_trials: int, num_epochs: int
) -> tuple[list[Row], list[StepRow]]:
    """One sweep; its trials, and what was measured for it."""
    name = f"gpu{index}"
    content = {
        "name": name,
        "seeds": list(range(num_trials // (len(MODELS) * len(WINDOWS)))),
        "param_space": {
            "model": {"grid_search": list(MODELS)},
            "dataset": "y_w",
            "train.time_steps": {"grid_search": list(WINDOWS)},
            "train.num_epochs": num_epochs,
        },
        "resources_per_trial": resources,
    }
    file = root / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content))
    print(f"running with {resources}", file=sys.stderr)
    command = [sys.executable, "-m", "raysweep", str(file)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    subprocess.run(command, cwd=root, check=True, stdout=sys.stderr, env=environment)
    with LedgerReader(SweepPaths(root / "results", name).ledger) as reader:
        return reader.trials(), reader.steps()


def _print_steps(steps: Sequence[StepRow]) -> None:
    if not steps:
        return
    print("| model | window | ms a step | GPU busy | GB | of GB | trials a GPU | the limit |")
    print("|---|--:|--:|--:|--:|--:|--:|---|")
    for row in steps:
        shape, sharing = json.loads(row.shape), sharing_of(row, row.cpus_per_gpu)
        busy = "-" if row.busy is None else f"{row.busy:.0%}"
        memory, total = ("-" if size is None else f"{size / 1e9:.2f}" for size in (row.memory_bytes, row.total_bytes))
        print(
            f"| {shape['model']} | {shape['time_steps']} | {row.seconds * 1e3:.2f} | {busy} | {memory} | {total}"
            f" | {sharing.number} | {sharing.limit} |"
        )
    print()


def _print_runs(runs: dict[str, list[Row]]) -> None:
    print("| trials a GPU | finished | s in all | s a trial | against the first row |")
    print("|---|--:|--:|--:|--:|")
    first: float | None = None
    for name, trials in runs.items():
        seconds = max(trial["finished_at"] for trial in trials) - min(trial["started_at"] for trial in trials)
        first = first or seconds
        num_finished = sum(trial["status"] == "finished" for trial in trials)
        each = sum(trial["train_seconds"] or 0.0 for trial in trials) / len(trials)
        print(f"| {name} | {num_finished}/{len(trials)} | {seconds:.1f} | {each:.2f} | {first / seconds:.2f} x |")


if __name__ == "__main__":
    main()
