// Tuning curves and learning curves.
drawers.tuning = node => {
  const own = members(node).filter(sweep => sweep.tuning);
  if (!own.length) {
    say(node, "No point has a result yet.");
    return;
  }
  legend(node, own.map(sweep => [sweep, ""]));
  const rows = own.map(sweep => [sweep, sweep.tuning.k.map((k, place) => ({
    k, y: sweep.tuning.expected[place], low: sweep.tuning.low?.[place], high: sweep.tuning.high?.[place]}))]);
  const expected = d3.extent(own.flatMap(sweep => sweep.tuning.expected));
  const log = expected[0] > 0 && expected[1] > 20 * expected[0], margin = Math.max(1, expected[1] - expected[0]) / 4;
  const domain = log ? [0.6 * expected[0], 1.4 * expected[1]]
    : [Math.max(0, expected[0] - margin), Math.min(100, expected[1] + margin)];
  plotted(part(node, "canvas"), {
    height: 260, marginTop: 22,
    x: {type: "log", base: 2, label: "budget k: random points tried", labelAnchor: "center", labelArrow: "none",
      ticks: powers([1, d3.max(own, sweep => sweep.tuning.k.at(-1))]), tickFormat: short},
    y: {type: log ? "log" : "linear", domain, clamp: true, label: "expected error of the best, %", grid: true,
      labelArrow: "none", ticks: 5, tickFormat: short},
    marks: rows.flatMap(([sweep, steps]) => [
      sweep.tuning.low && !faded(sweep) && own.length <= BANDED
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
  const own = data.learning.filter(curve => curve.sweep === node.dataset.sweep);
  const rows = own.flatMap(curve => curve.epochs.map((epoch, place) => (
    {name: curve.name, epoch, error: curve.errors[place]})));
  const range = d3.extent(rows, row => row.error), log = range[0] > 0 && range[1] > 20 * range[0];
  const y = (log ? d3.scaleLog() : d3.scaleLinear()).domain(range).range([184, 22]);
  plotted(part(node, "canvas"), {
    height: 220, marginTop: 22, marginRight: 92,
    x: {label: "epoch", labelAnchor: "center", labelArrow: "none", ticks: 5, tickFormat: "d"},
    y: {type: log ? "log" : "linear", domain: range, label: "error, %", grid: true, labelArrow: "none", ticks: 4,
      tickFormat: short},
    color: {type: "identity"},
    marks: [
      Plot.line(rows, {x: "epoch", y: "error", z: "name", stroke: row => EXAMPLES[row.name], strokeWidth: 1.8}),
      ends(own, y).map(row => Plot.text([row], {x: "epoch", y: "error", text: "name", textAnchor: "start",
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
