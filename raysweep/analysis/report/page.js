"use strict";
// Tables sort by a click or Enter on a head, and show only the rows that hold all words of the filter. Without this
// script the page says the same; it is only not sorted otherwise.

// "1,087", "+0.05", "4.500e+06", "1,087 [1,020, 1,150]" and "nan"; null for words.
const NUMBER = /^[+\-\u2212]?(\d{1,3}(,\d{3})+(\.\d+)?|\d+(\.\d*)?|\.\d+)(e[+\-]?\d+)?(?=$|[\s%\u00a0\[\u00b1])/i;

function valueOf(text) {
  if (text === "nan" || text === "inf") return Infinity;
  if (text === "-inf") return -Infinity;
  const found = NUMBER.exec(text);
  return found ? Number(found[0].replace(/,/g, "").replace("\u2212", "-")) : null;
}

function isMissing(text) {
  return text === "" || text === "-" || text === "\u2013";
}

function sortRows(table, place, direction) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => {
    const text = row.cells[place].textContent.trim();
    return { row, text, value: valueOf(text), missing: isMissing(text) };
  });
  const numeric = rows.every((item) => item.missing || item.value !== null);
  const order = (a, b) => (numeric ? a.value - b.value || 0 : a.text.localeCompare(b.text, "en", { numeric: true }));
  // What is missing comes last, whichever way; rows that are equal stay as they are.
  rows.sort((a, b) => (a.missing || b.missing ? a.missing - b.missing : direction * order(a, b)));
  body.append(...rows.map((item) => item.row));
}

function makeSortable(table) {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      sortRows(table, place, up ? 1 : -1);
    });
  });
}

function makeFilterable(line) {
  const input = line.querySelector("input");
  const count = line.querySelector("output");
  const rows = Array.from(document.getElementById(input.getAttribute("aria-controls")).tBodies[0].rows);
  const texts = new Map(rows.map((row) => [row, Array.from(row.cells, (cell) => cell.textContent).join(" ").toLowerCase()]));
  const update = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !words.every((word) => texts.get(row).includes(word));
      shown += !row.hidden;
    }
    count.textContent = words.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
  };
  input.addEventListener("input", update);
  update();
  line.hidden = false;
}

document.querySelectorAll("table").forEach(makeSortable);
document.querySelectorAll(".filter").forEach(makeFilterable);
