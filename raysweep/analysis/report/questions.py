"""The sections that answer a researcher's questions: which window, what mattered, what carries over.

Must not know: HTML, how the answers are found.
"""

from __future__ import annotations

import re
from concurrent.futures import Future

from raysweep.analysis.effects import effects, effects_table
from raysweep.analysis.importance import answer_of, importance_table
from raysweep.analysis.rank_table import pair_table, rank_tables, value_table
from raysweep.analysis.report import drawings
from raysweep.analysis.report.drawings import Drawn
from raysweep.analysis.report.material import Material
from raysweep.analysis.report.page import Block, Drawing, Section, Text, table_of
from raysweep.analysis.transfer import transfers
from raysweep.analysis.transfer_table import transfer_table
from raysweep.analysis.windows import window_panels, window_table


def window_section(material: Material) -> Section | None:
    """Score against window, a picture a series; none where a single window was tried."""
    panels = [panel for panel in window_panels(material.tables, material.rankings) if not panel.ranking.apart]
    panels = [panel for panel in panels if panel.has_several_windows]
    if not panels:
        return None
    blocks: list[Block] = []
    for dataset in dict.fromkeys(panel.ranking.dataset for panel in panels):
        of_series = [panel for panel in panels if panel.ranking.dataset == dataset]
        unit = material.units.get(dataset, "")
        material.note(f"drawing score against window: {dataset}")
        picture = material.helpers.painters.submit(drawings.windows, of_series, unit)
        blocks.append(_drawing(picture, f"windows-{dataset}"))
        blocks += [table_of(window_table(panel, unit), is_folded=True) for panel in of_series]
    lead = "At each window the best config of each model by validation, its error on test, and what the window costs."
    return Section(title="Windows", lead=lead, blocks=tuple(blocks))


def choice_section(material: Material) -> Section | None:
    """Effects all else equal, importance, and average ranks; none where configs differ in nothing."""
    blocks = [*_effect_blocks(material), *_importance_blocks(material)]
    for table in rank_tables(material.main_rankings):
        blocks.append(table_of(value_table(table)))
        blocks += [table_of(pair_table(table, pair), is_folded=True) for pair in table.pairs]
    if not blocks:
        return None
    lead = "The effect of each choice with all else equal, its share of all differences, and average ranks."
    return Section(title="What mattered", lead=lead, blocks=tuple(blocks))


def transfer_section(material: Material) -> Section | None:
    """What was trained on one series and forecasts another; none where nothing was."""
    found = transfers(material.tables, material.rankings)
    if not found:
        return None
    blocks: list[Block] = []
    for transfer in found:
        material.note(f"drawing {transfer.title}")
        picture = material.helpers.painters.submit(drawings.transfer, transfer)
        blocks.append(_drawing(picture, transfer.title))
        blocks.append(table_of(transfer_table(transfer), is_folded=True))
    lead = "Trained on one series, forecasting another, beside the ridge trained at home and the ridge carried over."
    return Section(title="Transfer", lead=lead, blocks=tuple(blocks))


def _effect_blocks(material: Material) -> list[Block]:
    found = [one for one in effects(material.main_rankings) if len(one.values)]
    if not found:
        return []
    picture = material.helpers.painters.submit(drawings.effects, found)
    return [_drawing(picture, "effects"), *(table_of(effects_table(one), is_folded=True) for one in found)]


def _importance_blocks(material: Material) -> list[Block]:
    material.note("taking apart what each choice explains")
    found = [one for one in material.importances if len(one.shares)]
    if not found:
        return []
    told = [one for one in found if len(one.known)]
    untold = tuple(answer_of(one) for one in found if one.known.empty)
    picture = material.helpers.painters.submit(drawings.importances, told) if told else None
    return [
        *([_drawing(picture, "importances")] if picture else []),
        *([Text(paragraphs=untold)] if untold else []),
        *(table_of(importance_table(one), is_folded=True) for one in found),
    ]


def _drawing(picture: Future[Drawn], name: str) -> Drawing:
    return Drawing(picture=picture, file=re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.").lower())
