// How far running sweeps are. A page that is served asks twice a second for what has changed.
const STATES = ["finished", "diverged", "failed", "running", "planned"];
const EVERY_MS = 500, AGAIN_MS = 2000;
const progress = document.getElementById("progress");
let version = null, lastHeard = Date.now();

// A trial that was running when its driver ended is trained again.
const stateOf = trial => trial.state === "running" && !trial.sweep.driver ? "planned" : trial.state;

function countsOf(list) {
  const counts = Object.fromEntries(STATES.map(state => [state, 0]));
  for (const trial of list) counts[stateOf(trial)] += 1;
  return counts;
}

// Seconds to the end, from each sweep's seconds an epoch so far; null before the first trial has finished.
function secondsLeft() {
  const running = d3.sum(sweeps, sweep => countsOf(sweep.list).running);
  const paces = new Map(sweeps.map(sweep => {
    const done = sweep.list.filter(trial => trial.state === "finished" && trial.wall && trial.epochs);
    return [sweep, done.length ? d3.sum(done, trial => trial.wall) / d3.sum(done, trial => trial.epochs) : null];
  }));
  const typical = d3.mean([...paces.values()].filter(pace => pace !== null));
  if (!running || typical === undefined) return null;
  const work = d3.sum(sweeps.flatMap(sweep => sweep.list), trial => {
    const state = stateOf(trial);
    if (state !== "running" && state !== "planned") return 0;
    const behind = state === "running" ? trial.epochs ?? 0 : 0;
    return Math.max(0, (trial.sweep.epochs ?? 0) - behind) * (paces.get(trial.sweep) ?? typical);
  });
  return work / running;
}

function duration(seconds) {
  if (seconds < 90) return `${seconds.toFixed(0)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function showProgress() {
  if (!progress) return;
  const all = countsOf(sweeps.flatMap(sweep => sweep.list));
  const done = all.finished + all.diverged, total = d3.sum(STATES, state => all[state]);
  const left = secondsLeft(), driven = sweeps.some(sweep => sweep.driver);
  const parts = [`${done} of ${total} trials have a result`];
  if (all.running) parts.push(`${all.running} running`);
  if (all.failed) parts.push(`${all.failed} failed`);
  if (left !== null) parts.push(`about ${duration(left)} left`);
  if (!driven && done + all.failed < total) parts.push("no process is running them: give the same command again");
  const text = `${parts.join(", ")}.`, line = progress.querySelector(".state");
  if (line.textContent !== text) line.textContent = text;
  progress.querySelector(".bars").replaceChildren(...sweeps.map(bar));
  showFailures();
  showRanking();
  progress.querySelector(".about").hidden = done === total;
  const size = document.querySelector(".size");
  if (data.changes && done < total) size.hidden = true;
}

function bar(sweep) {
  const counts = countsOf(sweep.list), row = document.createElement("div"), track = document.createElement("span");
  const name = document.createElement("span"), note = document.createElement("span");
  row.className = "progress";
  name.append(swatch(sweep), sweep.model, sweep.optimizer && sweeps.some(each => each.optimizer !== sweep.optimizer)
    ? ` (${sweep.optimizer})` : "");
  track.className = "track";
  track.append(...STATES.map(state => {
    const piece = document.createElement("span");
    piece.className = state;
    piece.style.flexGrow = counts[state];
    return piece;
  }));
  const best = d3.min(sweep.list.filter(hasResult), trial => trial.err);
  note.className = "note";
  note.textContent = [...STATES.filter(state => counts[state]).map(state => `${counts[state]} ${state}`),
    best === undefined ? null : `best ${level(best)}`].filter(text => text).join(", ");
  row.append(name, track, note);
  return row;
}

function showFailures() {
  const box = progress.querySelector(".failures");
  const failed = sweeps.flatMap(sweep => sweep.list).filter(trial => trial.state === "failed");
  if (!failed.length) {
    box.replaceChildren();
    return;
  }
  const reasons = d3.rollups(failed, trials => trials, trial => trial.why ?? "no reason is known");
  const list = document.createElement("ul");
  list.append(...reasons.slice(0, 5).map(([why, trials]) => {
    const item = document.createElement("li");
    const first = trials.slice(0, 3).map(trial => `${trial.sweep.model} ${nameOf(trial)}`).join("; ");
    item.textContent = `${first}${trials.length > 3 ? ` and ${trials.length - 3} more` : ""}: ${why}`;
    return item;
  }));
  const head = document.createElement("strong");
  head.textContent = `${counted(failed.length, "trial")} failed`;
  box.replaceChildren(head, list);
}

// The ranking of models whose trials are not all there: their share so far, and where it may end.
function showRanking() {
  const items = [...document.querySelectorAll(".ranking li")];
  for (const item of items) {
    const sweep = byName.get(item.querySelector(".model").dataset.sweep), edf = edfOf(sweep, "delta");
    item.share = edf && edf.n ? nearOf(edf) / edf.n : -1;
    if (edf && !edf.open) continue;
    for (const node of [...item.childNodes]) if (node !== item.querySelector(".model")) node.remove();
    const note = document.createElement("span");
    note.className = "limits";
    if (edf && edf.n) {
      const low = 100 * nearOf(edf) / edf.total, high = 100 * (nearOf(edf) + edf.open) / edf.total;
      const zero = data.metric ? `${METRIC.name} ${level(zeroOf(sweep))}` : `${level(zeroOf(sweep))} error`;
      note.textContent = `will end between ${percent(low)} and ${percent(high)}; ${zero} at the optimum so far`;
      item.append(` so far ${percent(100 * item.share)} of its trials within ${amount(near())} of its optimum`, note);
    } else item.append(edf ? " no point has a result yet" : " no result at its optimum yet");
  }
  const list = items[0]?.parentNode;
  const ordered = items.filter(item => item.parentNode === list).sort((a, b) => b.share - a.share);
  if (ordered.some((item, place) => item !== list.children[place])) list.append(...ordered);
}

const nearOf = edf => edf.placed.filter(step => step.x <= near()).length;

function take(changes) {
  lastHeard = Date.now();
  version = changes.version;
  const params = new URLSearchParams(data.changes.split("?")[1]);
  if (String(changes.layout) !== params.get("layout")) {
    location.reload();
    return;
  }
  let news = changes.trials.length > 0;
  for (const sweep of sweeps) {
    const driver = changes.drivers[sweep.name] ?? null;
    news ||= driver !== sweep.driver;
    sweep.driver = driver;
  }
  for (const [name, place, state, err, epochs, wall, why] of changes.trials) {
    const trial = byName.get(name)?.list[place];
    if (trial) Object.assign(trial, {state, err, epochs, wall, why});
  }
  if (news) refresh();
  if (isOver() && !data.over) location.reload(); // for the findings, now that nothing may change them
}

const isOver = () => sweeps.every(sweep => sweep.list.every(trial => hasResult(trial)
  || (trial.state === "failed" && !sweep.driver)));

// Drawing takes at most a fifth of the browser's time, and the charts of single trials, which are many, far less.
const EDFS = {kinds: ["edf"], times: 5, least: 0, at: 0, took: 0}, DOTS = {kinds: ["maps", "scatter"], times: 50,
  least: 5000, at: 0, took: 0};

function refresh() {
  fitStep();
  showProgress();
  for (const each of [EDFS, DOTS]) redrawSoon(each);
}

function redrawSoon(each) {
  clearTimeout(each.timer);
  const wait = each.at + Math.max(each.least, each.times * each.took) - performance.now();
  if (wait > 0) {
    each.timer = setTimeout(redrawSoon, wait, each);
    return;
  }
  const start = performance.now();
  for (const node of charts) {
    if (!each.kinds.includes(node.dataset.chart)) continue;
    if (inSight.has(node)) draw(node);
    else stale.add(node);
  }
  each.at = performance.now();
  each.took = each.at - start;
}

async function follow() {
  try {
    const address = version === null ? data.changes : `changes?since=${version}`;
    take(await (await fetch(address)).json());
    progress.classList.remove("lost");
    setTimeout(follow, EVERY_MS);
  } catch {
    if (!progress.classList.contains("lost")) {
      progress.classList.add("lost");
      const at = new Date(lastHeard).toLocaleTimeString();
      progress.querySelector(".state").textContent += ` No news since ${at}: sweep watch does not answer.`;
    }
    setTimeout(follow, AGAIN_MS);
  }
}

data.over = isOver();
fitStep();
showProgress();
if (data.changes) follow();
