"""Debian's Chromium by Playwright, and what tests ask of every page in it."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
# What the probes of colours share: the luminance of a colour, the ground behind an element, the contrast of two (WCAG 2).
COLOURS = """
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
  const part = v => v <= 10.3 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = c => { const f = c.slice(0, 3).map(part); return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2] + 0.05; };
  const ground = e => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c; } return [255, 255, 255]; };
  const ratio = (a, b) => { const p = [light(a), light(b)].sort((x, y) => y - x); return p[0] / p[1]; };
"""
# For every element with text of its own: its name, and the contrast of its colour to the ground behind it.
CONTRASTS = (
    "() => {"
    + COLOURS
    + """
  const own = [...document.querySelectorAll("body *")].filter(e => !e.closest("svg") && !e.closest(".heard, .skip")
    && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
  const found = own.map(e => [e.tagName + "." + e.className, ratio(parse(getComputedStyle(e).color), ground(e))]);
  for (const e of document.querySelectorAll('svg [style*="fill: var(--"]')) {
    const name = e.getAttribute("style").match(/fill: var\\(--([a-z0-9-]+)/)[1];
    const pair = [parse(getComputedStyle(e).fill), ground(e.closest("figure"))];
    if (!["grid", "paper"].includes(name)) found.push(["svg." + name, ratio(...pair)]);
  }
  return found;
}"""
)
WIDTHS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
BEYOND = """() => [...document.querySelectorAll("body *")].filter(e => !e.closest("table, svg, .skip, .heard"))
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.outerHTML.slice(0, 80))"""


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A running browser; where there is none the test is skipped, unless XLT_REQUIRE_CHROMIUM is set."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        reason = f"no browser found; install Chromium ({', '.join(NAMES)})"
        if os.environ.get("XLT_REQUIRE_CHROMIUM"):
            pytest.fail(f"{reason}: this run may not skip it")
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()
