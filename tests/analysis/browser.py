"""A real Chromium for tests of pages, and what a page looks like to it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.required import skip_unless_required

WIDTHS = (1280, 400)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Where there is none the tests are skipped, but not in CI."""
    chromium = shutil.which("chromium")
    if chromium is None:
        skip_unless_required("no chromium on this machine (apt-get install chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@dataclass
class Visit:
    """One look at a page.

    Attributes:
        page: As it stands open.
        complaints: Errors and warnings on the console, uncaught exceptions.
        requests: Addresses that were asked for, but for the page's own and what it holds itself.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def visit(browser: Browser, file: Path, *, width: int = 1280, dark: bool = False) -> Iterator[Visit]:
    """Opens a file from disk."""
    page = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    seen = Visit(page)
    page.on("console", lambda message: seen.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (seen.complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: seen.requests.append(request.url))
    page.goto(file.as_uri())
    seen.requests = [url for url in seen.requests if url != file.as_uri() and not url.startswith("data:")]
    yield seen
    page.close()


# The contrast of every text that is shown, by WCAG's formula, with where it stands.
CONTRASTS = """
() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const parse = (text) => ({ rgb: numbers(text).slice(0, 3), a: numbers(text)[3] ?? 1 });
  const channel = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const luminance = (rgb) => 0.2126 * channel(rgb[0]) + 0.7152 * channel(rgb[1]) + 0.0722 * channel(rgb[2]);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = parse(getComputedStyle(e).backgroundColor);
      if (color.a === 1) return color.rgb;
      if (color.a !== 0) throw new Error("half transparent");
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const hasText = Array.from(element.childNodes).some((n) => n.nodeType === 3 && n.textContent.trim());
    if ((!hasText && element.tagName !== "INPUT") || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    const pseudo = element.tagName === "INPUT" ? "::placeholder" : null;
    const [a, b] = [parse(getComputedStyle(element, pseudo).color).rgb, behind(element)].map(luminance);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push([ratio, `${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 40)}`]);
  }
  return found;
}
"""

# What sticks out of the window, and out of every box that it could be scrolled in.
CUT_OFF = """
() => {
  const width = document.documentElement.clientWidth;
  const sticksOut = (e) => e.getBoundingClientRect().right > width + 0.5 || e.getBoundingClientRect().left < -0.5;
  const scrolls = (e) => ["auto", "scroll"].includes(getComputedStyle(e).overflowX) && !sticksOut(e);
  const canBeReached = (e) => e !== document.body && (scrolls(e) || canBeReached(e.parentElement));
  return [...document.querySelectorAll("main *, header *")]
    .filter((e) => sticksOut(e) && !canBeReached(e)).map((e) => e.outerHTML.slice(0, 80));
}
"""
