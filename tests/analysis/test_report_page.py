"""`report.html` in a real Chromium: it sorts, filters, fits, can be read by everybody, and asks nobody for anything."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from raysweep.analysis.report.page import Page, Section, Table, limited
from raysweep.analysis.report.render import to_html
from raysweep.analysis.report.write import MAX_ROWS, write_report
from raysweep.analysis.result_table import Column, TableRow
from raysweep.paths import SweepPaths
from tests.analysis.browser import CONTRASTS, CUT_OFF, WIDTHS, browser, visit
from tests.analysis.ledgers import sweep_paths, write_large_ledger
from tests.analysis.reports import HOSTILE, small_sweep

__all__ = ["browser"]

NUMBERS = ["1,087", "4.500e+06", "-", "12", "999.5", "nan", "0.0001", "+0.05", "-12.5 % (ridge)", "-"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep whose name, model and error are hostile."""
    paths = sweep_paths(tmp_path_factory.mktemp("results"), HOSTILE)
    small_sweep(paths, name=f"att{HOSTILE}", num_seeds=2)
    write_report([paths], paths.report, paths.figures, units={"4single": "µg/m³"})
    return paths.report


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """One table: a name, and every sort of number that a leaderboard writes."""
    names = ["delta", "Bravo", "alpha", "echo", "golf", "charlie", "-", "hotel", "foxtrot", "india"]
    rows = tuple(TableRow(cells=cells, style="ranked") for cells in zip(names, NUMBERS, strict=True))
    table = Table(title="numbers", columns=(Column(title="name", align="left"), Column(title="val MSE")), rows=rows)
    file = tmp_path / "a table.html"
    file.write_text(_page(table), encoding="utf-8")
    return file


def test_numbers_sort_as_numbers_and_what_is_missing_comes_last(browser: Browser, numbers: Path) -> None:
    with visit(browser, numbers) as seen:
        head = seen.page.locator("th").nth(1)
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "ascending"
        ascending = ["-12.5 % (ridge)", "0.0001", "+0.05", "12", "999.5", "1,087", "4.500e+06", "nan"]
        assert _column(seen.page, 2) == [*ascending, "-", "-"]
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "descending"
        assert _column(seen.page, 2) == [*reversed(ascending), "-", "-"]


def test_words_sort_as_words_by_the_keyboard(browser: Browser, numbers: Path) -> None:
    with visit(browser, numbers) as seen:
        seen.page.locator("th button").first.focus()
        seen.page.keyboard.press("Enter")
        words = ["alpha", "Bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "-"]
        assert _column(seen.page, 1) == words
        seen.page.locator("th button").nth(1).click()
        assert [head.get_attribute("aria-sort") for head in seen.page.locator("th").all()] == [None, "ascending"]


def test_the_filter_keeps_rows_with_all_words(browser: Browser, numbers: Path) -> None:
    with visit(browser, numbers) as seen:
        box = seen.page.get_by_label("Filter")
        box.fill("A 1,0")
        assert seen.page.locator("tbody tr:visible").all_inner_texts() == ["delta\t1,087"]
        assert seen.page.locator("output").inner_text() == "1 of 10 rows"
        box.fill("")
        assert seen.page.locator("tbody tr:visible").count() == 10


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows_and_nothing_is_asked_for(browser: Browser, report: Path, width: int) -> None:
    with visit(browser, report, width=width) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") == width
        assert seen.page.evaluate(CUT_OFF) == []
        assert seen.complaints == []
        assert seen.requests == []


def test_remarks_are_read_without_scrolling(browser: Browser, tmp_path: Path) -> None:
    titles = "rank/window/learning rate/seeds/val MSE/interval/test MSE/skill last/skill mean/skill ridge/train windows"
    columns = [Column(title="model", align="left"), *(Column(title=title) for title in titles.split("/"))]
    columns += [Column(title="params"), Column(title="seconds"), Column(title="remark", align="left")]
    numbers = ("1", "1,024", "0.0006952", "5", "56.47", "52.03 to 61.78", "62.11", "+0.84", "+0.93", "+0.38", "1,234")
    remark = "better than ridge; may be the best; stopped at epoch 20 to 40, unconfirmed"
    row = TableRow(cells=("att_mh", *numbers, "50,497", "203", remark), style="ranked")
    file = tmp_path / "a table.html"
    file.write_text(_page(Table(title="wide", columns=tuple(columns), rows=(row,))), encoding="utf-8")
    with visit(browser, file) as seen:
        box = seen.page.locator(".box:has(table)")
        assert box.evaluate("e => e.scrollWidth - e.clientWidth") == 0
        broken = """cell => {
            const range = document.createRange(), text = cell.firstChild;
            return [...text.data.matchAll(/\\S+/g)].filter((word) => {
                range.setStart(text, word.index); range.setEnd(text, word.index + word[0].length);
                return range.getClientRects().length > 1;
            }).map(String);
        }"""
        for cell in ("first", "last"):
            assert seen.page.locator(f"td:{cell}-child").evaluate(broken) == []
    with visit(browser, file, width=400) as seen:
        narrow = seen.page.locator("td:last-child").evaluate("e => e.getBoundingClientRect().width")
        assert narrow > 150, "not a word a line"


def test_what_sweeps_say_is_text(browser: Browser, report: Path) -> None:
    with visit(browser, report) as seen:
        assert seen.page.title() == HOSTILE
        assert seen.page.locator("h1").inner_text() == HOSTILE
        assert HOSTILE in seen.page.locator("main").inner_text()
        own = seen.page.locator("img[src='x'], [onerror]")
        assert own.count() == 0
        assert seen.complaints == []


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_has_enough_contrast(browser: Browser, report: Path, dark: bool) -> None:
    with visit(browser, report, dark=dark) as seen:
        contrasts = seen.page.evaluate(CONTRASTS)
        assert len(contrasts) > 100
        assert [where for ratio, where in contrasts if ratio < 4.5] == []
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(20, 24, 29)" if dark else "rgb(255, 255, 255)"
        )


def test_it_can_be_read_without_eyes(browser: Browser, report: Path) -> None:
    with visit(browser, report) as seen:
        pictures = seen.page.locator("img").all()
        assert len(pictures) >= 4
        for picture in pictures:
            assert picture.get_attribute("alt")
            caption = seen.page.locator(f"#{picture.get_attribute('aria-describedby')}")
            assert len(caption.inner_text()) > 40
            assert picture.evaluate("e => e.naturalWidth") > 300, "it is a picture that the browser could draw"
        ids = seen.page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        levels = [
            int(level[1])
            for level in seen.page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(e => e.tagName)")
        ]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
        pointed_at = "[...document.querySelectorAll('[aria-labelledby],[aria-controls],a[href^=\"#\"]')].flatMap(e => "
        pointed_at += (
            "[e.getAttribute('aria-labelledby'), e.getAttribute('aria-controls'), e.getAttribute('href')?.slice(1)])"
        )
        assert {name for name in seen.page.evaluate(pointed_at) if name} <= {*ids}
        assert seen.page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.slow
def test_fifteen_hundred_trials_open_at_once(browser: Browser, paths: SweepPaths) -> None:
    write_large_ledger(paths, num_trials=1500, num_epochs=20)
    page = write_report([paths], paths.report, paths.figures)
    notes = [note for table in _tables(page) for note in table.notes]
    assert notes.count("1,400 more configs in trials.parquet.") == 2
    assert paths.report.stat().st_size < 5_000_000
    assert _milliseconds_to_open(browser, paths.report) < 2000


def test_as_many_rows_as_a_page_may_have_open_at_once(browser: Browser, tmp_path: Path) -> None:
    columns = tuple(Column(title=f"column {number}") for number in range(14))
    row = TableRow(cells=tuple(f"{number},087" for number in range(1, 15)), style="ranked")
    tables = tuple(Table(title=f"table {number}", columns=columns, rows=(row,) * 200) for number in range(24))
    (section,) = limited([Section(title="many", blocks=tables)], MAX_ROWS)
    file = tmp_path / "many.html"
    page = Page(title="many", subtitle="", answers=(), sections=(section,))
    assert sum(len(table.rows) for table in _tables(page)) == pytest.approx(MAX_ROWS, abs=24)
    file.write_text(to_html(page), encoding="utf-8")
    assert file.stat().st_size < 3_000_000
    assert _milliseconds_to_open(browser, file) < 2000


def _milliseconds_to_open(browser: Browser, file: Path) -> float:
    with visit(browser, file) as seen:
        # The page's own policy forbids what Playwright's `wait_for_function` does when it must wait.
        deadline = time.monotonic() + 20
        while not seen.page.evaluate("performance.getEntriesByName('first-contentful-paint').length"):
            assert time.monotonic() < deadline, "the page was never painted"
            seen.page.wait_for_timeout(20)
        timing = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
        paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        return max(seen.page.evaluate(timing), seen.page.evaluate(paint))


def _column(page: object, number: int) -> list[str]:
    return page.locator(f"tbody tr td:nth-child({number})").all_inner_texts()  # type: ignore[attr-defined]


def _page(table: Table) -> str:
    section = Section(title="A table", blocks=(table,))
    return to_html(Page(title="test", subtitle="", answers=(), sections=(section,)))


def _tables(page: Page) -> list[Table]:
    return [block for section in page.sections for block in section.blocks if isinstance(block, Table)]
