// Tables that sort. The roles are written out, because on a phone the rows are laid out as cards, and some browsers then
// forget them.

import { el } from "./dom.js";

function ordered(rows, value, down) {
  const sign = down ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return (x === null) - (y === null); // what is not known stands last both ways
    return sign * (typeof x === "string" ? x.localeCompare(y) : x - y);
  });
}

/**
 * `columns`: {name, cell(row), value(row) to sort by or absent, numeric, head (the row's header)}; `sorting`: {by, down},
 * kept up to date.
 * `more`: attributes of a row's element.
 */
export function table(caption, columns, rows, { sorting = {}, className = "", more = () => ({}) } = {}) {
  const body = el("tbody", { role: "rowgroup" });
  const heads = columns.map((column) => el("th", { role: "columnheader", scope: "col", class: column.numeric ? "n" : null }));
  const row = (given) =>
    el(
      "tr",
      { role: "row", ...more(given) },
      columns.map((column) =>
        el(
          column.head ? "th" : "td",
          {
            role: column.head ? "rowheader" : "cell",
            scope: column.head ? "row" : null,
            class: `${column.className ?? ""}${column.numeric ? " n" : ""}`,
            "data-label": column.name,
          },
          column.cell(given),
        ),
      ),
    );
  const fill = () => {
    const by = columns.find((column) => column.name === sorting.by && column.value);
    body.replaceChildren(...(by ? ordered(rows, by.value, sorting.down) : rows).map(row));
    columns.forEach((column, k) => {
      if (column.value) heads[k].setAttribute("aria-sort", column !== by ? "none" : sorting.down ? "descending" : "ascending");
    });
  };
  columns.forEach((column, k) =>
    heads[k].append(
      column.value
        ? el(
            "button",
            {
              type: "button",
              class: "sort",
              onclick: () => {
                sorting.down = sorting.by === column.name && !sorting.down;
                sorting.by = column.name;
                fill();
              },
            },
            column.name,
          )
        : column.name,
    ),
  );
  fill();
  return el(
    "table",
    { role: "table", class: `cards ${className}` },
    el("caption", {}, caption),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads)),
    body,
  );
}
