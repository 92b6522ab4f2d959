// Each chart is one stop of the Tab key. Its points are reached by the pointer or the arrow keys, and tell of
// their trial in one box beside them.
const tip = document.body.appendChild(document.createElement("div"));
tip.className = "tip";
tip.hidden = true;
const spoken = document.body.appendChild(document.createElement("div"));
spoken.className = "spoken";
spoken.setAttribute("aria-live", "polite");
let pinned = null; // the chart whose box stays open

// Gives a chart its points: {x, y} in pixels of `svg`, the trial, and perhaps a text of its own.
function points(node, svg, items) {
  node.svg = svg;
  node.items = items.sort((a, b) => a.x - b.x || a.y - b.y);
  node.at = null;
  if (node.listens) return;
  node.listens = true;
  node.tabIndex = 0;
  node.setAttribute("role", "group");
  node.setAttribute("aria-roledescription", "chart");
  node.setAttribute("aria-label", `${node.dataset.title}. The arrow keys go from trial to trial.`);
  node.setAttribute("aria-describedby", `${node.closest("[data-chart]").id}-numbers`);
  node.addEventListener("pointermove", event => pinned !== node && hover(node, event));
  node.addEventListener("pointerleave", () => pinned !== node && hide());
  node.addEventListener("click", event => {
    pinned = null;
    hover(node, event);
    if (!tip.hidden) pinned = node;
  });
  node.addEventListener("keydown", event => move(node, event));
  node.addEventListener("blur", event => tip.contains(event.relatedTarget) || hide());
}

function hover(node, event) {
  if (event.target.closest("button, input, label") || !node.svg) return;
  const frame = node.svg.getBoundingClientRect();
  const x = event.clientX - frame.left, y = event.clientY - frame.top;
  const place = d3.leastIndex(node.items, (a, b) => away(a, x, y) - away(b, x, y));
  if (place === undefined || place < 0 || away(node.items[place], x, y) > 24 ** 2) hide();
  else show(node, place);
}

const away = (item, x, y) => (item.x - x) ** 2 + (item.y - y) ** 2;

function move(node, event) {
  const last = node.items.length - 1, at = node.at;
  const places = {
    ArrowRight: () => at === null ? 0 : Math.min(last, at + 1),
    ArrowLeft: () => at === null ? last : Math.max(0, at - 1),
    ArrowDown: () => otherSweep(node, 1),
    ArrowUp: () => otherSweep(node, -1),
    Home: () => 0,
    End: () => last,
  };
  if (event.target !== node || last < 0) return;
  if (event.key === "Enter" && at !== null) tip.querySelector("a")?.click();
  else if (places[event.key]) {
    event.preventDefault();
    show(node, places[event.key]());
    pinned = node;
    spoken.textContent = tip.innerText;
  }
}

// The point of the next model that is nearest to where one is.
function otherSweep(node, step) {
  if (node.at === null) return 0;
  const names = [...new Set(node.items.map(item => item.trial.sweep.name))].sort();
  const here = node.items[node.at], own = names.indexOf(here.trial.sweep.name);
  const name = names[(own + step + names.length) % names.length];
  return d3.leastIndex(node.items, (a, b) => score(a) - score(b));
  function score(item) {
    return item.trial.sweep.name === name ? away(item, here.x, here.y) : Infinity;
  }
}

function show(node, place) {
  const item = node.items[place];
  node.at = place;
  tip.replaceChildren(...told(item));
  tip.hidden = false;
  const frame = node.svg.getBoundingClientRect();
  const left = frame.left + item.x, top = frame.top + item.y;
  const room = document.documentElement.clientWidth;
  const beside = left + 14 + tip.offsetWidth < room ? left + 14 : left - 14 - tip.offsetWidth;
  tip.style.left = `${Math.max(4, beside) + scrollX}px`;
  tip.style.top = `${Math.max(4, top - tip.offsetHeight - 8) + scrollY}px`;
  d3.selectAll("circle.here").remove();
  d3.select(node.svg).append("circle").attr("class", "here").attr("cx", item.x).attr("cy", item.y)
    .attr("r", 7);
}

function hide() {
  pinned = null;
  tip.hidden = true;
  d3.selectAll("circle.here").remove();
}

function told({trial, text}) {
  const error = trial.state === "finished" ? `${METRIC.name} ${level(trial.err)}` : trial.state;
  const lines = [
    `lr ${short(trial.lr)}, wd ${short(trial.wd)}`,
    text ?? error,
    ...(text ? [error] : []),
    trial.seed === null ? null : `seed ${trial.seed}`,
    trial.epochs === null ? null : counted(trial.epochs, "epoch"),
    trial.why,
  ].filter(line => line);
  const head = document.createElement("strong");
  head.textContent = `${trial.sweep.model}, ${nameOf(trial)}`;
  const rows = lines.map(line => {
    const row = document.createElement("div");
    row.textContent = line;
    return row;
  });
  return [head, ...rows, ...linked(trial)];
}

function linked(trial) {
  const address = data.links[trial.key] ?? (data.changes ? `run/${trial.key}` : null);
  if (!address) return [];
  const link = document.createElement("a");
  link.href = address;
  link.textContent = "its MLflow run";
  if (data.changes) link.target = "_blank";
  return [link];
}

document.addEventListener("pointerdown", event => {
  if (!tip.hidden && !tip.contains(event.target) && !event.target.closest("[data-chart]")) hide();
});
document.addEventListener("keydown", event => event.key === "Escape" && hide());
