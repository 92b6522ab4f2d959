// What is folded opens when a link leads there, and for printing.
document.documentElement.classList.add("scripted");
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = target && (target.querySelector(":scope > details") ?? target.closest("details"));
  if (folded && !folded.open) {
    folded.open = true;
    target.scrollIntoView();
  }
}
addEventListener("hashchange", openTarget);
document.querySelector("nav").addEventListener("click", event => {
  if (event.target.hash === location.hash) openTarget();
});
openTarget();

let unfolded = [];
addEventListener("beforeprint", () => {
  hide();
  unfolded = [...document.querySelectorAll("section:not(.unprinted) > details:not([open])")];
  for (const each of unfolded) each.open = true;
  for (const node of charts) draw(node);
});
addEventListener("afterprint", () => {
  for (const each of unfolded) each.open = false;
  redraw();
});

for (const node of charts) {
  sight.observe(node);
  widths.observe(node);
}
