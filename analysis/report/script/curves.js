// Tuning curves and learning curves.
const BEYOND = 1e300;

drawers.tuning = node => {
  const shown = members(node).filter(sweep => sweep.tuning);
  if (!shown.length) {
    say(node, "No point has a result yet.");
    return;
  }
  legend(node, shown.map(sweep => [sweep, ""]));
  // What is worse than everything, or unlimited, lies beyond the chart.
  const rows = shown.map(sweep => [sweep, sweep.tuning.k.map((k, place) => ({
    k, y: sweep.tuning.expected[place] ?? BEYOND, low: sweep.tuning.low?.[place] ?? -BEYOND,
    high: sweep.tuning.high?.[place] ?? BEYOND})).filter(row => row.y !== BEYOND)]);
  const expected = d3.extent(shown.flatMap(sweep => sweep.tuning.expected));
  if (expected[0] === undefined) {
    say(node, "Half of all searches end without a trial that did not diverge.");
    return;
  }
  const log = expected[0] > 0 && expected[1] > 20 * expected[0];
  const margin = Math.max(METRIC.step, expected[1] - expected[0]) / 4;
  const domain = log ? [0.6 * expected[0], 1.4 * expected[1]]
    : [Math.max(METRIC.least ?? -Infinity, expected[0] - margin), Math.min(METRIC.most ?? Infinity, expected[1] + margin)];
  plotted(part(node, "canvas"), {
    height: 260, marginTop: 22,
    x: {type: "log", base: 2, label: "budget k: random points tried", labelAnchor: "center", labelArrow: "none",
      ticks: powers([1, d3.max(shown, sweep => sweep.tuning.k.at(-1))]), tickFormat: short},
    y: {type: log ? "log" : "linear", domain, clamp: true, label: METRIC.tuning, grid: true,
      labelArrow: "none", ticks: 5, tickFormat: cost => short(own(cost))},
    marks: rows.flatMap(([sweep, steps]) => [
      sweep.tuning.low && !faded(sweep) && shown.length <= BANDED
        ? Plot.areaY(steps, {x: "k", y1: "low", y2: "high", fill: sweep.color, fillOpacity: 0.12}) : null,
      Plot.line(steps, {x: "k", y: "y", stroke: sweep.color, strokeWidth: 2,
        strokeDasharray: sweep.dash || null, strokeOpacity: strength(sweep)}),
    ]),
  });
};

const EXAMPLES = {
  optimum: "currentColor", best: "var(--blue)", "worst finished": "var(--vermillion)", diverged: "var(--purple)",
};

drawers.learning = node => {
  const shown = data.learning.filter(curve => curve.sweep === node.dataset.sweep);
  const rows = shown.flatMap(curve => curve.epochs.map((epoch, place) => (
    {name: curve.name, epoch, error: curve.errors[place]})));
  const range = d3.extent(rows, row => row.error), log = range[0] > 0 && range[1] > 20 * range[0];
  const y = (log ? d3.scaleLog() : d3.scaleLinear()).domain(range).range([184, 22]);
  plotted(part(node, "canvas"), {
    height: 220, marginTop: 22, marginRight: 92,
    x: {label: "epoch", labelAnchor: "center", labelArrow: "none",
      ticks: d3.ticks(...d3.extent(rows, row => row.epoch), 5).filter(Number.isInteger), tickFormat: "d"},
    y: {type: log ? "log" : "linear", domain: range, label: upwards, grid: true, labelArrow: "none", ticks: 4,
      tickFormat: cost => short(own(cost))},
    color: {type: "identity"},
    marks: [
      Plot.line(rows, {x: "epoch", y: "error", z: "name", stroke: row => EXAMPLES[row.name], strokeWidth: 1.8}),
      ends(shown, y).map(row => Plot.text([row], {x: "epoch", y: "error", text: "name", textAnchor: "start",
        dx: 6, dy: row.dy, fill: EXAMPLES[row.name]})),
    ],
  });
};

// The ends of the curves, where their names stand, moved apart where they would cover each other.
function ends(curves, y) {
  const rows = curves.map(curve => ({name: curve.name, epoch: curve.epochs.at(-1), error: curve.errors.at(-1)}))
    .sort((a, b) => y(a.error) - y(b.error));
  let above = -Infinity;
  for (const row of rows) {
    const at = Math.max(y(row.error), above + 13);
    above = at;
    row.dy = at - y(row.error);
  }
  return rows;
}
