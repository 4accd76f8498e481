"""Leaderboards as a LaTeX document that compiles as it is. Must not know: what the tables say."""

from __future__ import annotations

import re
from collections.abc import Sequence

from raysweep.analysis import numerals
from raysweep.analysis.result_table import Column, ResultTable, TableRow

_PREAMBLE = r"""% Compiles with pdflatex; twice where a table breaks over pages, so that its columns line up.
% A table can be copied into any document that loads booktabs and longtable.
\documentclass[a4paper,landscape]{article}
\usepackage[margin=12mm]{geometry}
\usepackage[T1]{fontenc}
\usepackage{booktabs}
\usepackage{longtable}
\setlength{\tabcolsep}{3.5pt}
\setlength{\parindent}{0pt}
\begin{document}
"""
# What would end a cell or begin a command, and what T1 fonts join into other characters.
_ESCAPED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "-": "-{}",
    ",": ",{}",
}
MOST_ROWS_ON_A_PAGE = 40
_MOST_LATIN = 0xFF  # what pdflatex knows by itself
_MINUS = re.compile(r"^-(?=\d)")


def to_latex(tables: Sequence[ResultTable], *, heading: str = "Leaderboard") -> str:
    """One document of tables with rules of `booktabs`, which may break over pages."""
    blocks = [f"{_PREAMBLE}\\section*{{{escape(heading)}}}"]
    if not tables:
        blocks.append("No trial has ended yet.")
    for table in tables:
        blocks += [f"\\subsection*{{{escape(table.title)}}}", escape(table.rule), _table(table)]
        if table.lines_below:
            items = "\n".join(f"\\item {escape(line)}" for line in table.lines_below)
            blocks.append(f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}")
    return "\n\n".join([*blocks, "\\end{document}"]) + "\n"


def escape(text: str) -> str:
    """Text that shows as it is, on one line; a character that pdflatex has no glyph for shows as its number."""
    return "".join(map(_escape_one, text))


def _escape_one(character: str) -> str:
    if not character.isprintable():
        return " "
    if ord(character) > _MOST_LATIN:
        return f"\\texttt{{U+{ord(character):04X}}}"
    return _ESCAPED.get(character, character)


def _table(table: ResultTable) -> str:
    aligns = "".join("l" if column.align == "left" else "r" for column in table.columns)
    head = f"{' & '.join(map(_head, table.columns))} \\\\"
    rows = "\n".join(map(_row, table.rows))
    if len(table.rows) <= MOST_ROWS_ON_A_PAGE:
        body = [f"\\begin{{tabular}}{{{aligns}}}", r"\toprule", head, r"\midrule", rows, r"\bottomrule"]
        return "\n".join([r"\begin{center}\scriptsize", *body, r"\end{tabular}", r"\end{center}"])
    body = [f"\\begin{{longtable}}{{{aligns}}}", r"\toprule", head, r"\midrule", r"\endhead", r"\bottomrule"]
    return "\n".join([r"{\scriptsize", *body, r"\endfoot", rows, r"\end{longtable}}"])


def _head(column: Column) -> str:
    lines = r" \\ ".join(map(escape, column.broken_title.split("\n")))
    align = "l" if column.align == "left" else "r"
    return f"\\begin{{tabular}}[b]{{@{{}}{align}@{{}}}}{lines}\\end{{tabular}}"


def _row(row: TableRow) -> str:
    cells = [_cell(text) for text in row.cells]
    if row.style == "baseline":
        cells = [f"\\textit{{{cell}}}" for cell in cells]
    return f"{' & '.join(cells)} \\\\"


def _cell(text: str) -> str:
    if text == numerals.NOT_MEASURED:
        return "--"
    # A hyphen is too short for a sign.
    return f"$-${escape(text[1:])}" if _MINUS.match(text) else escape(text)
