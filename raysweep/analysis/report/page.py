"""What a report is made of, before anything is drawn: sections of tables, pictures and words.

A new kind of answer becomes one more `Section`; nothing here or in the template has to change for it. Must not know:
where the content comes from, HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import ClassVar

from raysweep.analysis.report.drawings import Drawn
from raysweep.analysis.result_table import Column, ResultTable, TableRow


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table that can be sorted and filtered.

    Attributes:
        title: What it shows; no other table of the page has it.
        lead: What must be read before it.
        columns: One for each cell of a row.
        rows: In the order that they are first shown in.
        notes: What must be read after it, a line each.
        is_folded: Whether only its title is shown at first: the numbers behind a picture.
    """

    kind: ClassVar[str] = "table"

    title: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    lead: str = ""
    notes: tuple[str, ...] = ()
    is_folded: bool = False

    def head(self, num_rows: int) -> Table:
        """The first rows, and a note of how many were left out."""
        num_left_out = len(self.rows) - num_rows
        if num_left_out <= 0:
            return self
        note = f"{num_left_out:,} more rows would make this page slow; trials.parquet has them."
        return replace(self, rows=self.rows[:num_rows], notes=(note, *self.notes))


@dataclass(frozen=True, kw_only=True)
class Text:
    """Sentences, a paragraph each."""

    kind: ClassVar[str] = "text"

    paragraphs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Code:
    """Text that is shown as it was typed."""

    kind: ClassVar[str] = "code"

    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A picture on the page.

    Attributes:
        picture: From `drawings`; maybe it is still being drawn.
        file: Its name below `figures/`, without a suffix.
    """

    kind: ClassVar[str] = "picture"

    picture: Future[Drawn]
    file: str

    @property
    def drawn(self) -> Drawn:
        """The picture, as soon as it is there."""
        return self.picture.result()


Block = Table | Text | Code | Drawing


@dataclass(frozen=True, kw_only=True)
class Section:
    """One question and its answer.

    Attributes:
        title: The question's name; no other section of the page has it.
        lead: The answer in a sentence or two; may be empty.
        blocks: What it rests on.
    """

    title: str
    lead: str = ""
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """A whole report.

    Attributes:
        title: What it is about.
        subtitle: How much, and when it was written.
        answers: The question in a word and the answer in a sentence, three of them.
        sections: In order.
    """

    title: str
    subtitle: str
    answers: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]

    def drawings(self) -> list[Drawing]:
        """All pictures, in order."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Drawing)]


def table_of(found: ResultTable, *, is_folded: bool = False) -> Table:
    """A table of text as one of a page."""
    return Table(
        title=found.title,
        lead=found.rule,
        columns=found.columns,
        rows=found.rows,
        notes=found.lines_below,
        is_folded=is_folded,
    )


def with_files_of_their_own(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The same sections, in which no two pictures have one file: series `O3` and `o3` would, where case is ignored."""
    taken: set[str] = set()

    def own(block: Block) -> Block:
        if not isinstance(block, Drawing):
            return block
        names = (block.file, *(f"{block.file}-{number}" for number in range(2, len(taken) + 3)))
        file = next(name for name in names if name.lower() not in taken)
        taken.add(file.lower())
        return replace(block, file=file)

    return tuple(replace(section, blocks=tuple(map(own, section.blocks))) for section in sections)


def limited(sections: Sequence[Section], max_rows: int) -> tuple[Section, ...]:
    """The same sections with as many rows as a browser draws at once: where there are more, tables get equal shares."""
    tables = [block for section in sections for block in section.blocks if isinstance(block, Table)]
    sizes = sorted(len(table.rows) for table in tables)
    share, room = max_rows, max_rows
    for place, size in enumerate(sizes):
        share = room // (len(sizes) - place)
        if size > share:
            break
        room -= size
    else:
        return tuple(sections)
    return tuple(
        replace(
            section,
            blocks=tuple(block.head(share) if isinstance(block, Table) else block for block in section.blocks),
        )
        for section in sections
    )
