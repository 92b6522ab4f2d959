// Charts are drawn when they come into sight, and drawn again when something changes.
const drawers = {}; // what a chart is → the function that draws it into its element
const charts = [...document.querySelectorAll("[data-chart]")];
const stale = new Set(charts), inSight = new Set();
let scheduled = false;

const sight = new IntersectionObserver(entries => {
  for (const entry of entries) {
    if (entry.isIntersecting) inSight.add(entry.target);
    else inSight.delete(entry.target);
  }
  schedule();
}, {rootMargin: "100px"});
const widths = new ResizeObserver(entries => {
  for (const {target} of entries) {
    if (target.drawnWidth && Math.abs(target.clientWidth - target.drawnWidth) > 4) stale.add(target);
  }
  schedule();
});

function redraw(which = () => true) {
  for (const node of charts) if (which(node)) stale.add(node);
  schedule();
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    for (const node of [...stale]) if (inSight.has(node)) draw(node);
  });
}

function draw(node) {
  stale.delete(node);
  node.drawnWidth = node.clientWidth;
  drawers[node.dataset.chart](node);
}

// The parts of a chart's element, made the first time.
function part(node, name, kind = "div") {
  const found = node.querySelector(`:scope > .${name}`);
  if (found) return found;
  const made = document.createElement(kind);
  made.className = name;
  node.append(made);
  return made;
}

function say(node, text) {
  part(node, "legend").replaceChildren();
  const note = document.createElement("p");
  note.className = "waiting";
  note.textContent = text;
  part(node, "canvas").replaceChildren(note);
  node.items = [];
}

// Draws marks; returns the SVG, whose pixels are the page's.
function plotted(canvas, options) {
  const width = Math.max(240, Math.floor(canvas.clientWidth || canvas.parentNode.clientWidth || 640));
  const svg = Plot.plot({
    width, marginLeft: 44, marginBottom: 36, marginTop: 10, marginRight: data.metric ? 20 : 12,
    style: {background: "none", color: "inherit", fontFamily: "inherit", fontSize: "12px", overflow: "visible"},
    ...options,
  });
  svg.setAttribute("aria-hidden", "true");
  canvas.replaceChildren(svg);
  return svg;
}

const faded = sweep => picked !== null && picked !== sweep.name;
const strength = sweep => faded(sweep) ? 0.15 : 1;

function swatch(sweep) {
  const svg = d3.create("svg").attr("width", 28).attr("height", 10).attr("class", "swatch")
    .attr("aria-hidden", "true");
  svg.append("line").attr("x1", 1).attr("x2", 27).attr("y1", 5).attr("y2", 5).attr("stroke-width", 3)
    .attr("stroke", sweep.color).attr("stroke-dasharray", sweep.dash || null);
  return svg.node();
}

// A button a model, which singles it out, with a text of its own.
function legend(node, rows) {
  const box = part(node, "legend");
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.sweep : null;
  box.replaceChildren(...rows.map(([sweep, text]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "model";
    button.dataset.sweep = sweep.name;
    button.append(swatch(sweep), sweep.model);
    const note = document.createElement("span");
    note.className = "note";
    note.textContent = text;
    button.append(note);
    button.setAttribute("aria-pressed", picked === sweep.name);
    button.addEventListener("click", () => pick(sweep.name));
    return button;
  }));
  if (focused) box.querySelector(`[data-sweep="${CSS.escape(focused)}"]`)?.focus();
}

function pick(name) {
  picked = picked === name ? null : name;
  for (const button of document.querySelectorAll("button.model")) {
    button.setAttribute("aria-pressed", button.dataset.sweep === picked);
  }
  redraw();
}

// Makes the models of the ranking buttons; without a script they are text.
for (const model of document.querySelectorAll("span.model")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "model";
  button.dataset.sweep = model.dataset.sweep;
  button.title = "Single out in all charts";
  button.setAttribute("aria-pressed", "false");
  button.append(...model.childNodes);
  button.addEventListener("click", () => pick(button.dataset.sweep));
  model.replaceWith(button);
}
