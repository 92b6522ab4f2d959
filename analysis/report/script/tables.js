// Makes the heads of sortable tables buttons. Without a script the tables are there all the same.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort((a, b) => compared(keyOf(a, column), keyOf(b, column), up ? 1 : -1)));
    });
  });
}

function keyOf(row, column) {
  const cell = row.cells[column];
  return cell.dataset.v ?? cell.textContent;
}

// Numbers by size, then words by letter; what is not known comes last either way.
function compared(a, b, sign) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const difference = Number(a) - Number(b);
  return sign * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
}
