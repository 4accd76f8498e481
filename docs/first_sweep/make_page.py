r"""Writes docs/first_sweep.md: the seed's planned sweep on the real series, from the Parquet files in this folder.

    python -m raysweep sweeps/4single_timesteps.yaml train.time_steps=64,128,256 split.origin=0.6,0.85 \
        train.learning_rate=3e-3,1e-3,3e-4 seeds=0 --data-dir DIR         # DIR holds the original series
    python docs/first_sweep/make_page.py --from results/4single_timesteps

Without `--from` the page is made again from the tables that lie here.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import tempfile
from pathlib import Path

import pandas as pd

from raysweep.analysis.compare import compare
from raysweep.analysis.markdown import to_markdown
from raysweep.paths import SweepPaths

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "first_sweep.md"
TABLES = ("trials.parquet", "epochs.parquet", "evaluations.parquet")
UNITS = {"4single": "µg/m³", "y_w": "µg/m³", "w_y": "µg/m³"}
TOP = 10

PANDAS = """\
import pandas as pd
trials = pd.read_parquet("docs/first_sweep/trials.parquet")
best = trials[trials.status == "finished"].sort_values("val_mse_batch").groupby(["split.origin", "model"]).head(1)
print(best[["split.origin", "model", "train.time_steps", "train.learning_rate", "val_mse_batch", "test_mse_batch"]].to_string(index=False))
print(trials.groupby("train.time_steps")[["num_train_windows", "train_seconds"]].mean().round(1))
"""  # noqa: E501


def leaderboards() -> str:
    """All leaderboards of the sweep, from the tables alone."""
    with tempfile.TemporaryDirectory() as folder:
        paths = SweepPaths(Path(folder), "4single_timesteps")
        paths.root.mkdir()
        for name in TABLES:
            shutil.copyfile(HERE / name, paths.root / name)
        text = to_markdown(compare([paths], top=TOP, units=UNITS), heading="x")
    return text.split("\n", 1)[1].strip().replace("\n## ", "\n### ").replace("## ", "### ", 1)


def cost() -> str:
    """What each model and window took."""
    trials = pd.read_parquet(HERE / "trials.parquet")
    table = trials.pivot_table(index="model", columns="train.time_steps", values="train_seconds", aggfunc="sum")
    counts = trials["status"].value_counts()
    took = trials["finished_at"].max() - trials["started_at"].min()
    lines = [
        f"{len(trials)} trials: {', '.join(f'{count} {status}' for status, count in counts.items())}; "
        f"{trials['train_seconds'].sum() / 60:.0f} minutes of training in {took.total_seconds() / 60:.0f} minutes "
        f"on two cores, {len(pd.read_parquet(HERE / 'epochs.parquet')):,} epochs. Seconds of training, summed:",
        "",
        "| model | " + " | ".join(f"window {window}" for window in table.columns) + " |",
        "|---|" + "--:|" * len(table.columns),
    ]
    lines += [f"| {model} | " + " | ".join(f"{value:.0f}" for value in row) + " |" for model, row in table.iterrows()]
    return "\n".join(lines)


def run_pandas() -> str:
    """What the lines of pandas print."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(PANDAS, {})
    return shown.getvalue()


def main() -> None:
    """Copies the tables if told to, and writes the page. Run it in the project's folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", type=Path, help="folder of the sweep's results, to copy its tables")
    source = parser.parse_args().source
    if source is not None:
        for name in TABLES:
            shutil.copyfile(source / name, HERE / name)
    blocks = [
        "# The first sweep",
        "<!-- made by docs/first_sweep/make_page.py; edit docs/first_sweep/words.md -->",
        (HERE / "words.md").read_text().strip(),
        "## What it cost",
        cost(),
        "## Five lines of pandas",
        f"```python\n{PANDAS}```",
        f"```\n{run_pandas()}```",
        "## Leaderboards",
        f"The best {TOP} configs of each; the tables in [docs/first_sweep](first_sweep) have all of them.",
        leaderboards(),
    ]
    PAGE.write_text("\n\n".join(blocks) + "\n")
    print(PAGE)


if __name__ == "__main__":
    main()
