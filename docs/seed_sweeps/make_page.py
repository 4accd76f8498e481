r"""Writes docs/seed_sweeps.md: the seed's two sweeps on the real series, from the Parquet files in this folder.

    python -m raysweep sweeps/y_w_and_4single.yaml name=window_112_holdout protocol=holdout \
        'seeds={explore:[0],confirm:{top:5,seeds:5}}' --data-dir DIR      # DIR holds the original series
    python -m raysweep sweeps/4single_timesteps.yaml train.time_steps=64,128,256,512 split.origin=0.6,0.85 \
        train.learning_rate=3e-3,1e-3,3e-4 --data-dir DIR
    python docs/seed_sweeps/make_page.py --from results

Without `--from` the page is made again from the tables that lie here. The other protocol of the first sweep,
`replication`, has a page of its own: docs/replication.md.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from raysweep.analysis.compare import compare
from raysweep.analysis.figures.picture import Picture, save
from raysweep.analysis.figures.questions import transfer_pictures, what_mattered_pictures, window_pictures
from raysweep.analysis.markdown import to_markdown
from raysweep.analysis.questions import Answers
from raysweep.analysis.report.answers import answers as sentences
from raysweep.analysis.report.material import Material
from raysweep.analysis.report.page import Drawing
from raysweep.analysis.report.pictures import training_section
from raysweep.paths import SweepPaths

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "seed_sweeps.md"
TABLES = ("trials.parquet", "epochs.parquet", "evaluations.parquet")
UNITS = {"4single": "µg/m³", "y_w": "µg/m³", "w_y": "µg/m³"}
TOP = 10
# Errors of single points, of the mean of the training part above all, would give the series back.
POINTS_TOGETHER = 5


@dataclass(frozen=True)
class Sweep:
    """One of the two.

    Attributes:
        name: Its folder, here and in the results.
        title: Of its part of the page.
    """

    name: str
    title: str

    @property
    def paths(self) -> SweepPaths:
        """Its tables here."""
        return SweepPaths(HERE, self.name)

    @cached_property
    def material(self) -> Material:
        """What everything is made from."""
        from raysweep.analysis.tables import load_tables

        return Material(sweeps=[self.paths], tables=load_tables([self.paths]), units=UNITS)


SWEEPS = (
    Sweep("window_112_holdout", "Window 112: `y_w` and `4single`, five models, five learning rates"),
    Sweep("4single_timesteps", "Windows 64 to 512 on `4single`, two folds, forecasting the other series too"),
)


def copy_tables(source: Path, sweep: Sweep) -> None:
    """Without predictions, and with errors of one step put together to stretches of points."""
    sweep.paths.root.mkdir(exist_ok=True)
    for name in TABLES:
        shutil.copyfile(source / sweep.name / name, sweep.paths.root / name)
    table = pq.read_table(sweep.paths.evaluations)
    together = [
        stretches(errors) if mode == "batch" else errors
        for mode, errors in zip(table["mode"].to_pylist(), table["block_errors"].to_pylist(), strict=True)
    ]
    place = table.schema.get_field_index("block_errors")
    field = table.schema.field(place)
    pq.write_table(
        table.set_column(place, field, pa.array(together, field.type)), sweep.paths.evaluations, compression="zstd"
    )


def stretches(errors: list[float] | None) -> list[float] | None:
    """Means over equally many points in a row, at least `POINTS_TOGETHER`; what is left over at the end is left out."""
    if errors is None or len(errors) < POINTS_TOGETHER:
        return None
    num = len(errors) // POINTS_TOGETHER
    return list(np.asarray(errors)[: num * POINTS_TOGETHER].reshape(num, POINTS_TOGETHER).mean(axis=1))


def summary(sweep: Sweep) -> str:
    """The three sentences that a report has on top."""
    return "\n".join(f"- **{question}.** {text}" for question, text in sentences(sweep.material.verdicts))


def leaderboards(sweep: Sweep) -> str:
    """All of them, from the tables alone."""
    text = to_markdown(compare([sweep.paths], top=TOP, units=UNITS), heading="x")
    return text.split("\n", 1)[1].strip().replace("\n## ", "\n#### ").replace("## ", "#### ", 1)


def pictures(sweep: Sweep, found: Answers) -> str:
    """Draws them and shows them one below the other."""
    drawn: Sequence[Picture] = [
        *(window_pictures(found, UNITS) if has_windows(sweep) else ()),
        *what_mattered_pictures(found),
        *transfer_pictures(found),
    ]
    lines = []
    for number, picture in enumerate(drawn, 1):
        file = HERE / f"{sweep.name}-{number}.png"
        save(picture, file)
        lines += [f"![{picture.title}]({HERE.name}/{file.name})", picture.caption]
    return "\n\n".join([*lines, *training_and_cost(sweep, len(drawn))])


def training_and_cost(sweep: Sweep, num_before: int) -> list[str]:
    """Learning curves, and score against cost, as the report has them."""
    section = training_section(sweep.material)
    found = [block.drawn for block in section.blocks if isinstance(block, Drawing)] if section else []
    lines = []
    for number, picture in enumerate(found, num_before + 1):
        file = HERE / f"{sweep.name}-{number}.svg"
        file.write_text(f'<?xml version="1.0" encoding="utf-8"?>\n{picture.svg}', encoding="utf-8")
        lines += [f"![{picture.title}]({HERE.name}/{file.name})", picture.caption]
    return lines


def has_windows(sweep: Sweep) -> bool:
    """Whether several windows were tried."""
    return bool(sweep.material.tables.trials["train.time_steps"].nunique() > 1)


def cost(sweep: Sweep) -> str:
    """What each model and window took."""
    trials = sweep.material.tables.trials
    table = trials.pivot_table(index="model", columns="train.time_steps", values="train_seconds", aggfunc="sum")
    counts = trials["status"].value_counts()
    epochs = len(pd.read_parquet(sweep.paths.epochs, columns=["epoch"]))
    lines = [
        f"{len(trials)} trials ({', '.join(f'{count} {status}' for status, count in counts.items())}), "
        f"{epochs:,} epochs, "
        f"{trials['train_seconds'].sum() / 60:.0f} minutes of training on two cores that had other work beside it. "
        "Seconds of training, summed:",
        "",
        "| model | " + " | ".join(f"window {window}" for window in table.columns) + " |",
        "|---|" + "--:|" * len(table.columns),
    ]
    lines += [f"| {model} | " + " | ".join(f"{value:.0f}" for value in row) + " |" for model, row in table.iterrows()]
    return "\n".join(lines)


def part(sweep: Sweep, words: str) -> list[str]:
    """What the page says of one sweep."""
    material = sweep.material
    return [
        f"## {sweep.title}",
        words,
        "### In three sentences, made from the numbers",
        summary(sweep),
        "### Pictures",
        pictures(sweep, Answers(tables=material.tables, rankings=material.rankings)),
        "### What it cost",
        cost(sweep),
        "### Leaderboards",
        f"The best {TOP} configs of each; the tables in [docs/{HERE.name}/{sweep.name}]({HERE.name}/{sweep.name}) have "
        "all of them.",
        leaderboards(sweep),
    ]


def main() -> None:
    """Copies the tables if told to, and writes the page. Run it in the project's folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", type=Path, help="folder of all results, to copy the tables from")
    source = parser.parse_args().source
    if source is not None:
        for sweep in SWEEPS:
            copy_tables(source, sweep)
    opening, *of_sweeps = (HERE / "words.md").read_text(encoding="utf-8").split("\n## ")
    blocks = [
        "# The seed's two sweeps on the real series",
        "<!-- made by docs/seed_sweeps/make_page.py; edit docs/seed_sweeps/words.md -->",
        opening.strip(),
    ]
    for sweep, words in zip(SWEEPS, of_sweeps, strict=True):
        blocks += part(sweep, words.partition("\n")[2].strip())
    PAGE.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
