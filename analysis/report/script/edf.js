// EDFs: a step curve a model, its confidence band, and a hatched area where it may end while trials are missing.
const BANDED = 4; // more curves than this have no bands, which would hide each other

const deltaLabel = `Δ: ${METRIC.name} ${METRIC.higher ? "below" : "above"} that at the optimum${commaPoints} →`;
const errorLabel = METRIC.higher ? `${METRIC.name}${commaUnit}, better to the left`
  : `${METRIC.name}${commaUnit} →`;

drawers.edf = node => {
  const kind = node.dataset.of;
  const edfs = members(node).map(sweep => edfOf(sweep, kind)).filter(edf => edf);
  if (!edfs.some(edf => edf.n)) {
    say(node, edfs.length || kind === "error" ? "No point has a result yet."
      : "Δ is known as soon as a trial at the optimum has finished.");
    return;
  }
  // One scale for all charts.
  const all = sweeps.map(sweep => edfOf(sweep, kind)).filter(edf => edf);
  drawEdf(node, kind, edfs, limits(all, kind));
};

function drawEdf(node, kind, edfs, [left, right], height = 260) {
  edfs = edfs.filter(edf => edf.total);
  legend(node, edfs.map(edf => [edf.sweep, counts(edf, kind, right)]));
  const canvas = part(node, "canvas"), few = edfs.length <= BANDED;
  const curves = edfs.map(edf => ({edf, corners: corners(edf, left, right)}));
  const svg = plotted(canvas, {
    height,
    x: {domain: [left, right], label: kind === "delta" ? deltaLabel : errorLabel, labelAnchor: "center",
      labelArrow: "none", ...(kind === "delta" ? {} : ticks)},
    y: {domain: [0, 100], label: "% of trials", grid: true, ticks: 5, labelArrow: "none"},
    marginTop: 22,
    marks: [
      () => hatches(edfs),
      kind === "delta" && left < 0 ? Plot.ruleX([0], {strokeOpacity: 0.35}) : null,
      kind === "delta" && near() < right ? Plot.ruleX([near()], {strokeOpacity: 0.35, strokeDasharray: "3 3"}) : null,
      ...curves.flatMap(({edf, corners}) => shades(edf, corners, kind, left, right, few)),
      ...curves.filter(({edf}) => edf.n).map(({edf, corners}) => Plot.line(corners, {
        x: "x", y: "y", curve: "step-after", stroke: edf.sweep.color, strokeWidth: 2,
        strokeDasharray: edf.sweep.dash || null, strokeOpacity: strength(edf.sweep)})),
      Plot.ruleY([0]),
    ],
  });
  const x = svg.scale("x"), y = svg.scale("y");
  points(node, svg, edfs.filter(edf => !faded(edf.sweep)).flatMap(edf => edf.placed
    .filter(step => step.x >= left && step.x <= right)
    .map(step => ({trial: step.trial, x: x.apply(step.x), y: y.apply(100 * step.count / edf.n),
      text: `${percent(100 * step.count / edf.n)} of its trials ${kind === "delta"
        ? `within ${amount(step.x)}` : `at ${METRIC.higher ? "least" : "most"} ${level(step.x)}`}`}))));
}

function counts(edf, kind, right) {
  const beyond = edf.placed.filter(step => step.x > right).length;
  return [
    `${edf.n} ${edf.open ? `of ${edf.total} ` : ""}trials`,
    edf.diverged ? `${edf.diverged} diverged` : null,
    beyond ? `${beyond} beyond ${short(kind === "delta" ? right : own(right))}` : null,
  ].filter(text => text).join(", ");
}

function shades(edf, corners, kind, left, right, few) {
  const {sweep} = edf, band = sweep.bands[kind];
  if (faded(sweep)) return [];
  const area = {x: "x", y1: "low", y2: "high", curve: "step-after"};
  if (edf.open) return [Plot.areaY(corners, {...area, fill: `url(#${hatchOf(sweep)})`})];
  if (!band || region || !(few || picked === sweep.name)) return [];
  const steps = [left, ...band.x, right].map((x, place) => {
    const at = Math.min(place, band.x.length);
    return {x: Math.min(right, Math.max(left, x)), low: 100 * band.low[at], high: 100 * band.high[at]};
  });
  return [Plot.areaY(steps, {...area, fill: sweep.color, fillOpacity: 0.13})];
}

const hatchOf = sweep => `hatch-${sweeps.indexOf(sweep)}`;

function hatches(edfs) {
  const defs = d3.create("svg:defs");
  edfs.filter(edf => edf.open).forEach(({sweep}) => {
    const angle = 30 + 35 * (sweeps.indexOf(sweep) % 4);
    const pattern = defs.append("pattern").attr("id", hatchOf(sweep)).attr("width", 7).attr("height", 7)
      .attr("patternUnits", "userSpaceOnUse").attr("patternTransform", `rotate(${angle})`);
    pattern.append("rect").attr("width", 7).attr("height", 7).attr("fill", sweep.color).attr("opacity", 0.06);
    pattern.append("line").attr("y2", 7).attr("stroke", sweep.color).attr("stroke-width", 1.6)
      .attr("opacity", 0.35);
  });
  return defs.node();
}
