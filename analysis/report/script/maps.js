// Maps of lr × wd with a region that is chosen by dragging or by four ranges, its EDF, and errors against one.
const WORST = 0.9; // the colour scale ends at this quantile of the errors
const spans = {x: span(xOf), y: span(yOf)};
const regions = new Map(); // a chart of maps → what draws the region on each of them
let asking = false;

function span(of) {
  const values = sweeps.flatMap(sweep => sweep.list).map(of).filter(value => value > 0);
  const [low, high] = values.length ? d3.extent(values) : [0.5, 2];
  return low < high ? [low / 1.02, high * 1.02] : [low / 2, high * 2];
}

const axis = (of, name) => ({
  type: "log", domain: spans[of], grid: false, labelAnchor: "center", labelArrow: "none",
  label: relative ? `${name} ÷ its optimum` : name,
  ...(relative ? {ticks: powers(spans[of]), tickFormat: factor} : {ticks: 3, tickFormat: short}),
});

function powers([low, high]) {
  const from = Math.ceil(Math.log2(low)), to = Math.floor(Math.log2(high)), step = to - from > 6 ? 2 : 1;
  return d3.range(from, to + 1, step).map(power => 2 ** power);
}

function colors(shown) {
  const errors = shown.flatMap(sweep => sweep.list).filter(trial => trial.state === "finished")
    .map(trial => trial.err).sort(d3.ascending);
  if (!errors.length) return {of: () => "var(--paper)", domain: null};
  const low = errors[0], high = Math.max(d3.quantile(errors, WORST), low + METRIC.step);
  const scale = low > 0 && high > 10 * low ? d3.scaleSequentialLog([low, high], d3.interpolateCividis)
    : d3.scaleSequential([low, high], d3.interpolateCividis);
  scale.clamp(true);
  return {of: error => scale(error), domain: [low, high], beyond: errors[errors.length - 1] > high};
}

drawers.maps = node => {
  const own = members(node), shown = own.filter(sweep => !faded(sweep)), kept = shown.length ? shown : own;
  ranges(node);
  const color = colors(own);
  ramp(part(node, "ramp"), color);
  regionEdf(node);
  const grid = part(node, "maps");
  grid.replaceChildren(...kept.map(() => document.createElement("div")));
  regions.set(node, []);
  kept.forEach((sweep, place) => drawMap(grid.children[place], node, sweep, color));
};

// The EDF of the region, as a chart of its own within the maps' element.
function regionEdf(node) {
  const chart = part(node, "region");
  const edfs = members(node).map(sweep => edfOf(sweep, "delta", inRegion)).filter(edf => edf);
  const whole = members(node).map(sweep => edfOf(sweep, "delta")).filter(edf => edf);
  chart.dataset.title = "EDF of the region";
  if (!edfs.some(edf => edf.n)) {
    say(chart, whole.length ? "No point of the region has a result." : "Δ is not known yet.");
    return;
  }
  drawEdf(chart, "delta", edfs, limits(whole, "delta"), 230);
}

function drawMap(box, node, sweep, color) {
  box.className = "map";
  const head = document.createElement("strong");
  head.textContent = sweep.model;
  const canvas = document.createElement("div");
  canvas.className = "canvas";
  box.replaceChildren(head, canvas);
  box.dataset.title = `Map of ${sweep.model}`;
  const done = sweep.points.filter(trial => trial.state === "finished");
  const lost = sweep.points.filter(trial => trial.state === "diverged");
  const open = sweep.points.filter(trial => !hasResult(trial));
  const at = {x: xOf, y: yOf};
  const svg = plotted(canvas, {
    height: 230, x: axis("x", "lr"), y: {...axis("y", "wd"), labelAnchor: "top"}, marginTop: 24,
    marks: [
      Plot.frame({strokeOpacity: 0.3}),
      Plot.dot(open, {...at, r: 3, stroke: "currentColor", strokeOpacity: 0.35}),
      Plot.dot(done, {...at, r: 4.5, fill: trial => color.of(trial.err), stroke: "currentColor",
        strokeWidth: 0.6}),
      Plot.dot(lost, {...at, r: 4, symbol: "times", stroke: "var(--vermillion)", strokeWidth: 2}),
      Plot.dot(sweep.optima.slice(0, 1), {...at, r: 7, symbol: "star", fill: "var(--paper)",
        stroke: "currentColor", strokeWidth: 1.5}),
    ].filter(mark => mark),
    color: {type: "identity"},
  });
  const x = svg.scale("x"), y = svg.scale("y");
  points(box, svg, [...sweep.points, ...sweep.optima]
    .map(trial => ({trial, x: x.apply(xOf(trial)), y: y.apply(yOf(trial))})));
  regions.get(node).push(brushed(svg, x, y));
}

// Lets a region be dragged on a map; returns what draws it when it is chosen elsewhere.
function brushed(svg, x, y) {
  const [left, right] = x.range, [bottom, top] = y.range;
  const brush = d3.brush().extent([[left, top], [right, bottom]]).on("brush end", event => {
    if (asking || !event.sourceEvent) return;
    const at = event.selection;
    choose(at && {
      x: [x.invert(at[0][0]), x.invert(at[1][0])], y: [y.invert(at[1][1]), y.invert(at[0][1])],
    }, svg);
  });
  const layer = d3.select(svg).append("g").attr("class", "brush").call(brush);
  const follow = from => from !== svg && layer.call(brush.move, region && [
    [x.apply(region.x[0]), y.apply(region.y[1])], [x.apply(region.x[1]), y.apply(region.y[0])]]);
  asking = true;
  follow(null);
  asking = false;
  return follow;
}

function choose(chosen, from = null) {
  region = chosen;
  asking = true;
  for (const follow of [...regions.values()].flat()) follow(from);
  asking = false;
  for (const node of charts.filter(each => each.dataset.chart === "maps")) {
    if (node.drawnWidth) {
      regionEdf(node);
      setRanges(node);
    }
  }
}

// Four ranges choose the region without a pointer.
function ranges(node) {
  if (node.querySelector(":scope > .ranges")) {
    setRanges(node);
    return;
  }
  const box = part(node, "ranges", "fieldset");
  const name = document.createElement("legend");
  name.textContent = "Region";
  const inputs = [["x", 0, "lr from"], ["x", 1, "to"], ["y", 0, "wd from"], ["y", 1, "to"]].map(rangeOf);
  const reset = document.createElement("button");
  reset.type = "button";
  reset.textContent = "Whole box";
  reset.addEventListener("click", () => choose(null));
  box.append(name, ...inputs, reset);
  box.append(Object.assign(document.createElement("output"), {className: "chosen"}));
  setRanges(node);
}

function rangeOf([of, end, text]) {
  const label = document.createElement("label"), input = document.createElement("input");
  const [low, high] = spans[of].map(Math.log);
  Object.assign(input, {type: "range", min: low, max: high, step: (high - low) / 60});
  Object.assign(input.dataset, {of, end});
  input.setAttribute("aria-label", `${of === "x" ? "learning rate" : "weight decay"} ${end ? "to" : "from"}`);
  input.addEventListener("input", () => {
    const next = {x: [...(region?.x ?? spans.x)], y: [...(region?.y ?? spans.y)]};
    next[of][end] = Math.exp(input.value);
    next[of][1 - end] = end ? Math.min(next[of][0], next[of][1]) : Math.max(next[of][0], next[of][1]);
    choose(next);
  });
  label.append(`${text} `, input);
  return label;
}

function setRanges(node) {
  const shown = relative ? factor : short, now = region ?? spans;
  for (const input of node.querySelectorAll(":scope > .ranges input")) {
    const {of, end} = input.dataset;
    if (input !== document.activeElement || !region) input.value = Math.log(now[of][end]);
    input.setAttribute("aria-valuetext", shown(now[of][end]));
  }
  const count = members(node).map(sweep => sweep.points.filter(inRegion).length);
  node.querySelector(":scope > .ranges output").textContent = region
    ? `lr ${now.x.map(shown).join(" to ")}, wd ${now.y.map(shown).join(" to ")}: `
      + `${[...new Set(count)].join(", ")} points of each model` : "The whole box.";
}

function ramp(box, {domain, beyond}) {
  if (!domain) {
    box.replaceChildren();
    return;
  }
  const bar = document.createElement("span");
  bar.className = "bar";
  const stops = d3.range(0, 1.01, 0.1).map(d3.interpolateCividis);
  bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  const [low, high] = domain.map(level);
  const more = METRIC.higher ? " and less" : " and more";
  box.replaceChildren(`${METRIC.name} ${low} `, bar, ` ${high}${beyond ? more : ""}`);
}

// The label of a y axis, on which worse is above.
const upwards = `${METRIC.name}${commaUnit}${METRIC.higher ? ", better below" : ""}`;

drawers.scatter = node => {
  const of = node.dataset.axis === "lr" ? xOf : yOf, key = node.dataset.axis === "lr" ? "x" : "y";
  const own = members(node), shown = own.flatMap(sweep => sweep.points).filter(trial => of(trial) > 0);
  const done = shown.filter(trial => trial.state === "finished");
  const lost = shown.filter(trial => trial.state === "diverged");
  legend(node, own.map(sweep => [sweep, ""]));
  const errors = d3.extent(done, trial => trial.err), log = errors[0] > 0 && errors[1] > 20 * errors[0];
  const look = {x: of, stroke: trial => trial.sweep.color, strokeOpacity: trial => strength(trial.sweep)};
  const svg = plotted(part(node, "canvas"), {
    height: 250, marginTop: 26, insetTop: lost.length ? 20 : 4, insetBottom: 6,
    x: axis(key, node.dataset.axis === "lr" ? "lr" : "wd"),
    y: {type: log ? "log" : "linear", label: upwards, grid: true, labelArrow: "none",
      domain: errors[0] === undefined ? [METRIC.least ?? 0, METRIC.most ?? 1] : errors,
      ...(log ? {ticks: 4, tickFormat: short} : {ticks: 5, ...ticks})},
    color: {type: "identity"},
    marks: [
      relative ? Plot.ruleX([1], {strokeOpacity: 0.35}) : null,
      Plot.dot(done, {...look, y: "err", r: 3, fill: trial => trial.sweep.color,
        fillOpacity: trial => 0.5 * strength(trial.sweep)}),
      Plot.dot(lost, {...look, frameAnchor: "top", dy: 8, r: 4, symbol: "times", strokeWidth: 2}),
    ],
  });
  const x = svg.scale("x"), y = svg.scale("y"), top = 26 + 8;
  points(node, svg, [...done, ...lost].filter(trial => !faded(trial.sweep)).map(trial => ({
    trial, x: x.apply(of(trial)), y: trial.state === "finished" ? y.apply(trial.err) : top})));
};
