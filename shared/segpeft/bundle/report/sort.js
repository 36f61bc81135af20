"use strict";
// Sorting of tables. Without this script the page is complete, in the order of the file.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("table.sortable");
  if (!table) return;
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const none = text => text === "–" || text === "";
  const compare = (a, b, sign) => {
    if (none(a) !== none(b)) return none(a) ? 1 : -1; // what is not there comes last, either way
    const difference = Number(a.replace("−", "-")) - Number(b.replace("−", "-"));
    return sign * (Number.isNaN(difference) ? a.localeCompare(b, "en", { numeric: true }) : difference);
  };
  const sort = (column, descending) => {
    const rows = [...body.rows].map(row => [row.cells[column].textContent, row]);
    rows.sort((one, other) => compare(one[0], other[0], descending ? -1 : 1));
    body.append(...rows.map(pair => pair[1]));
    heads.forEach(head => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    head.dataset.title = head.textContent; // printed instead: Chromium repeats no head of a table that holds buttons
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(column, head.getAttribute("aria-sort") === "ascending"));
    head.append(button);
  });
  const wanted = new URLSearchParams(location.hash.slice(1));
  const column = heads.findIndex(head => head.dataset.key === wanted.get("sort"));
  if (column >= 0) sort(column, wanted.get("order") === "descending");
});
