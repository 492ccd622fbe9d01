// What a page gains where scripts run; without them it is whole. It adds no text of a run as markup.
"use strict";

// A click on a heading sorts its table, and the next one turns the order round.
const fields = (row, column) => row.cells[column].innerText.trim();
const number = text => parseFloat(text.replace(/[,\s]/g, "").replace("\u2212", "-"));

function sort(heading) {
  const body = heading.closest("table").tBodies[0];
  const column = heading.cellIndex;
  const ascending = heading.ariaSort !== "ascending";
  for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
  heading.ariaSort = ascending ? "ascending" : "descending";
  const rows = [...body.rows].map(row => [fields(row, column), row]);
  const numeric = heading.classList.contains("number");
  rows.sort(([a], [b]) => {
    if (!numeric) return (ascending ? 1 : -1) * a.localeCompare(b, "en", { numeric: true });
    const [x, y] = [number(a), number(b)];
    if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
    return ascending ? x - y : y - x;
  });
  body.append(...rows.map(([, row]) => row));
}

for (const heading of document.querySelectorAll(".plain:not(.upright) > thead th")) {
  if (heading.closest("table").rows.length < 4) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.append(heading.firstElementChild);
  button.addEventListener("click", () => sort(heading));
  heading.prepend(button);
}
