"""Writes docs/replication.md: the seed's two result tables beside ours, from the Parquet files in this folder.

    python -m raysweep sweeps/seed_tables.yaml --data-dir DIR     # DIR holds the original series
    python docs/replication/make_page.py --from results/seed_tables
    python -m raysweep docs/replication/slow_rows.yaml --data-dir DIR     # twenty seeds of the two rows that differ
    cp results/slow_rows/trials.parquet docs/replication/slow_rows.parquet

Without `--from` the page is made again from the tables that lie here.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "replication.md"
TABLES = ("trials.parquet", "epochs.parquet", "evaluations.parquet")
METRICS = ("Predict/mse_batch", "Predict/mse_regressive", "Final/train_loss", "Final/val_loss")
TOLERANCE = 0.10  # of the seed's figure from our interval
WIDEST = 0.25  # of the median, for an interval that says something

# The seed's page of 2025-01-13: series, model, learning rate, then the four figures in the order of its columns.
SEED_COLUMNS = ("dataset", "model", "learning_rate", "Predict/mse_regressive", "Predict/mse_batch",
                "Final/train_loss", "Final/val_loss")  # fmt: skip
SEED_ROWS = (
    ("y_w", "att", 5e-4, 1123.62, 1128.09, 0.0194332, 0.0170119),
    ("y_w", "att_mh", 5e-4, 1127.6, 1098.34, 0.0184686, 0.0165926),
    ("y_w", "att_mh", 3e-3, 1277.27, 1097.75, 0.0162212, 0.0154003),
    ("y_w", "att_mh", 1e-3, 1407.15, 1127.35, 0.017035, 0.0161574),
    ("y_w", "lstm", 3e-4, 1496.39, 1098.17, 0.015541, 0.0135345),
    ("y_w", "lstm", 5e-4, 1568.19, 1115.62, 0.015774, 0.013831),
    ("y_w", "att", 3e-4, 1863.04, 1156.63, 0.021759, 0.0177139),
    ("y_w", "att_mh", 1e-4, 1954.19, 1211.73, 0.0201788, 0.0182053),
    ("y_w", "att", 1e-3, 1998.94, 1123.66, 0.0176142, 0.0160157),
    ("y_w", "lstm", 1e-3, 2384.63, 1126.47, 0.0159418, 0.0140268),
    ("4single", "vq", 1e-4, 20751.3, 2722.98, 0.176583, 0.172754),
    ("4single", "vq_mh", 5e-4, 24268.4, 2113.12, 0.0811675, 0.0828622),
    ("4single", "vq_mh", 1e-3, 24649.5, 1977.2, 0.0796967, 0.0814837),
    ("4single", "vq_mh", 3e-3, 25301.4, 1942.9, 0.0795776, 0.0813123),
    ("4single", "vq", 3e-4, 27897.9, 2010.93, 0.111192, 0.108716),
    ("4single", "att_mh", 3e-4, 28387.1, 1309.87, 0.05514, 0.0562654),
    ("4single", "vq", 3e-3, 29481.0, 1991.11, 0.0948976, 0.0946722),
    ("4single", "vq", 5e-4, 29551.5, 2008.6, 0.103821, 0.10218),
    ("4single", "vq", 1e-3, 29758.8, 2009.97, 0.0984412, 0.0970267),
    ("4single", "lstm", 5e-4, 31854.4, 1360.52, 0.0557469, 0.066151),
)


def compare(trials: pd.DataFrame) -> pd.DataFrame:
    """A row for each of the seed's rows and metrics: its figure, and ours over the seeds."""
    rows = []
    for seed_row in pd.DataFrame(SEED_ROWS, columns=list(SEED_COLUMNS)).to_dict("records"):
        same = trials[
            (trials["dataset"] == seed_row["dataset"])
            & (trials["model"] == seed_row["model"])
            & np.isclose(trials["train.learning_rate"], seed_row["learning_rate"])
        ]
        for metric in METRICS:
            ours, theirs = same[metric], seed_row[metric]
            low, high, middle = ours.min(), ours.max(), ours.median()
            rows.append(
                {
                    **{key: seed_row[key] for key in ("dataset", "model", "learning_rate")},
                    "metric": metric,
                    "seeds": len(ours),
                    "theirs": theirs,
                    "mean": ours.mean(),
                    "std": ours.std(),
                    "least": low,
                    "most": high,
                    "is_near": low * (1 - TOLERANCE) <= theirs <= high * (1 + TOLERANCE),
                    "is_narrow": high - low <= WIDEST * middle,
                }
            )
    return pd.DataFrame(rows)


def table_of(compared: pd.DataFrame, dataset: str, metric: str) -> str:
    """One Markdown table."""
    lines = [
        "| model | learning rate | the seed's | our mean | std | least | most | within 10 % | narrow |",
        "|---|--:|--:|--:|--:|--:|--:|---|---|",
    ]
    of = compared[(compared["dataset"] == dataset) & (compared["metric"] == metric)]
    for row in of.to_dict("records"):
        figures = " | ".join(f"{row[key]:.5g}" for key in ("theirs", "mean", "std", "least", "most"))
        marks = " | ".join("yes" if row[key] else "**no**" for key in ("is_near", "is_narrow"))
        lines.append(f"| {row['model']} | {row['learning_rate']:g} | {figures} | {marks} |")
    return "\n".join(lines)


def baselines_of(evaluations: pd.DataFrame, dataset: str) -> str:
    """The baselines on the same points, one-step and autoregressive."""
    lines = ["| baseline | one-step MSE | autoregressive MSE |", "|---|--:|--:|"]
    rows = evaluations[(evaluations["kind"] != "trial") & (evaluations["eval_dataset"] == dataset)]
    table = rows.pivot_table(index="model", columns="mode", values="mse", sort=False)
    for name, row in table.iterrows():
        regressive = row.get("regressive", float("nan"))
        shown = "-" if pd.isna(regressive) else f"{regressive:,.0f}"
        lines.append(f"| {str(name).replace('_', ' ')} | {row['batch']:,.0f} | {shown} |")
    return "\n".join(lines)


def slow_rows(trials: pd.DataFrame) -> str:
    """How far many seeds of the two rows that differ spread, around the seed's figure."""
    lines = ["| row | seeds | the seed's | least | median | most | seeds within 10 % of the seed's or below |",
             "|---|--:|--:|--:|--:|--:|--:|"]  # fmt: skip
    for dataset, model, rate, _, theirs, *_ in SEED_ROWS:
        ours = trials.loc[
            (trials["dataset"] == dataset)
            & (trials["model"] == model)
            & np.isclose(trials["train.learning_rate"], rate),
            "Predict/mse_batch",
        ]
        if len(ours):
            figures = " | ".join(f"{value:,.0f}" for value in (theirs, ours.min(), ours.median(), ours.max()))
            near = int((ours <= theirs / (1 - TOLERANCE)).sum())
            lines.append(f"| {model} on {dataset}, {rate:g} | {len(ours)} | {figures} | {near} |")
    return "\n".join(lines)


def page(trials: pd.DataFrame, evaluations: pd.DataFrame, words: str) -> str:
    """The whole page; `words` are what a person has found out, by heading."""
    compared = compare(trials)
    one_step = compared[compared["metric"] == "Predict/mse_batch"]
    num_good = int((one_step["is_near"] & one_step["is_narrow"]).sum())
    opening, *rest = words.split("\n## ")
    blocks = [
        "# Replication of the seed's tables",
        "<!-- made by docs/replication/make_page.py; edit docs/replication/words.md -->",
        opening.strip(),
        f"**{num_good} of {len(one_step)}** of the seed's `Predict/mse_batch` figures lie within 10 % of our interval, "
        "with an interval no wider than a quarter of its median.",
        *(f"## {section.strip()}" for section in rest),
    ]
    for dataset in ("y_w", "4single"):
        blocks.append(f"## {dataset}")
        for metric in METRICS:
            blocks += [f"### {metric}", table_of(compared, dataset, metric)]
        blocks += [f"### Baselines on the same points of {dataset}", baselines_of(evaluations, dataset)]
    return "\n\n".join(blocks) + "\n"


def main() -> None:
    """Copies the tables if told to, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", type=Path, help="folder of the sweep's results, to copy its tables")
    source = parser.parse_args().source
    if source is not None:
        for name in TABLES:
            shutil.copyfile(source / name, HERE / name)
    trials, evaluations = pd.read_parquet(HERE / "trials.parquet"), pd.read_parquet(HERE / "evaluations.parquet")
    assert set(trials["data_source"]) == {"original"}, "the seed's figures are of the original series"
    words = (HERE / "words.md").read_text().replace("SLOW_ROWS", slow_rows(pd.read_parquet(HERE / "slow_rows.parquet")))
    PAGE.write_text(page(trials, evaluations, words))
    print(PAGE)


if __name__ == "__main__":
    main()
