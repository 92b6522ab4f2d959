"use strict";
// The trials, as the page was given them, and what is counted of them.
const data = JSON.parse(document.getElementById("data").textContent);
const RESULTS = ["finished", "diverged"];
// What the trials are judged by. All is drawn of costs, of which less is better: errors, or the values of another
// metric, negative where more of it is better.
const METRIC = data.metric ?? {name: "error", unit: "%", points: "points", higher: false, step: 1, least: 0, most: 100,
  tuning: "expected error of the best, %"};
const near = () => 4 * METRIC.step; // as in the ranking
const own = cost => METRIC.higher ? 0 - cost : cost;
const level = cost => `${short(own(cost))} ${METRIC.unit}`.trim();
const amount = delta => `${short(delta)} ${METRIC.points}`.trim();
const commaUnit = METRIC.unit ? `, ${METRIC.unit}` : "", commaPoints = METRIC.points ? `, ${METRIC.points}` : "";
const ticks = METRIC.higher ? {tickFormat: cost => short(own(cost))} : {};
const sweeps = data.sweeps.map(readSweep);
const byName = new Map(sweeps.map(sweep => [sweep.name, sweep]));
// With every optimum known, lr and wd are shown relative to it: then one place means the same for all models.
const relative = sweeps.every(sweep => sweep.optimum && sweep.optimum.every(value => value > 0));
let picked = null; // the sweep that is singled out, by its name
let region = null; // {x: [from, to], y: [from, to]} in the maps' units; null for the whole box

function readSweep(sweep) {
  const names = Object.keys(sweep.trials);
  const list = sweep.trials.key.map((_, place) => (
    Object.fromEntries(names.map(name => [name, sweep.trials[name][place]]))));
  const own = {...sweep, list, trials: null};
  for (const trial of list) trial.sweep = own;
  own.points = list.filter(trial => trial.role === "point");
  own.optima = list.filter(trial => trial.role === "optimum");
  return own;
}

function members(node) {
  const {panel, optimizer} = node.dataset;
  return sweeps.filter(sweep => sweep.panel === panel && sweep.optimizer === optimizer);
}

const hasResult = trial => RESULTS.includes(trial.state);
const xOf = trial => relative ? trial.lr / trial.sweep.optimum[0] : trial.lr;
const yOf = trial => relative ? trial.wd / trial.sweep.optimum[1] : trial.wd;
const inRegion = trial => !region ||
  (between(xOf(trial), region.x) && between(yOf(trial), region.y));
const between = (value, [from, to]) => value >= from * 0.999999 && value <= to * 1.000001;

// The mean error at the optimum, the zero of Δ; null without a result, or if a trial there diverged.
function zeroOf(sweep) {
  const known = sweep.optima.filter(hasResult);
  if (!known.length || known.some(trial => trial.state === "diverged")) return null;
  return d3.mean(known, trial => trial.err);
}

// Gives another metric than the top-1 error the thresholds that fit its size, as `analysis.metric.fitted` does: on a
// page that is served, they are not known before there are results.
function fitStep() {
  if (!data.metric || !data.changes) return;
  const sizes = sweeps.flatMap(sweep => {
    const done = sweep.points.filter(trial => trial.state === "finished").map(trial => trial.err);
    const zero = zeroOf(sweep) ?? d3.median(done);
    return done.map(error => Math.abs(error - zero));
  });
  const size = d3.median(sizes) || d3.max(sizes);
  if (size) METRIC.step = 10 ** Math.ceil(Math.log10(size / 8) - 1e-9);
}

// The steps of an EDF: of Δ, where a diverged trial lies beyond all x, or of the error, where it lies at 100, or
// beyond all x if nothing bounds the metric.
// Without a result yet, a point may end anywhere: `low` and `high` bound where the finished curve may lie.
function edfOf(sweep, kind, counts = () => true) {
  const zero = kind === "delta" ? zeroOf(sweep) : 0;
  if (zero === null) return null;
  const points = sweep.points.filter(counts), known = points.filter(hasResult);
  const finite = kind === "delta" || METRIC.most === null ? known.filter(trial => trial.state === "finished") : known;
  const placed = finite
    .map(trial => ({trial, x: Math.round((trial.err - zero) * 1e9) / 1e9}))
    .sort((a, b) => a.x - b.x || a.trial.index - b.trial.index);
  const total = points.length, open = total - known.length;
  placed.forEach((step, place) => {
    const until = place + 1 < placed.length && placed[place + 1].x === step.x ? null : place + 1;
    step.count = until;
  });
  for (let place = placed.length - 2; place >= 0; place--) placed[place].count ??= placed[place + 1].count;
  return {sweep, placed, n: known.length, total, open,
    diverged: known.filter(trial => trial.state === "diverged").length};
}

// The curve's corners from `left` to `right`, each with its share so far and the bounds of the finished one.
function corners(edf, left, right) {
  const seen = edf.placed.filter(step => step.x <= right);
  const at = (x, count) => ({x, y: 100 * count / Math.max(1, edf.n), low: 100 * count / edf.total,
    high: 100 * (count + edf.open) / edf.total});
  const last = seen.length ? seen[seen.length - 1].count : 0;
  return [at(left, 0), ...seen.map(step => at(Math.max(left, step.x), step.count)), at(right, last)];
}

// From the lowest error to where the curves stop being informative: outliers do not compress the rest.
function limits(edfs, kind) {
  const samples = edfs.map(edf => edf.placed.filter(step => step.trial.state === "finished").map(step => step.x))
    .filter(sample => sample.length);
  const {step, least, most: worst} = METRIC;
  if (!samples.length) return kind === "delta" ? [-0.1 * step, 5 * step] : [least ?? 0, worst ?? (least ?? 0) + step];
  const lowest = d3.min(samples, sample => sample[0]), base = kind === "delta" ? 0 : lowest;
  // A scale of 25 points shows all models' errors; that of another metric reaches half of each model's trials.
  const medians = samples.map(sample => d3.median(sample));
  const most = Math.max(25 * step, (data.metric && kind === "error" ? d3.max(medians) : d3.min(medians)) - base);
  const reach = d3.max(samples, sample => d3.quantile(sample, 0.9)) - base;
  const right = Math.ceil((base + Math.min(Math.max(1.05 * reach, 5 * step), most)) / step) * step;
  const left = Math.min(base, lowest), margin = 0.02 * (right - left);
  return kind === "delta" ? [left - margin, right]
    : [Math.max(least ?? -Infinity, left - margin), Math.min(right, worst ?? Infinity)];
}

const short = value => Number(value.toPrecision(3)).toString();
const percent = share => `${share.toFixed(0)} %`;
const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
function factor(value) {
  return value >= 0.995 ? `×${short(value)}` : `×1/${short(1 / value)}`;
}
function nameOf(trial) {
  const seed = trial.repeat ? `, seed ${trial.repeat + 1}` : "";
  return trial.role === "optimum" ? `optimum${seed}` : `point ${trial.index}${seed}`;
}
