"use strict";
// The cards are sorted, filtered and labelled here. The number of defective images at a threshold
// comes from `values` (threshold_scale.py), which has counts for all images, not only the cards.
const values = JSON.parse(document.getElementById("values")?.textContent ?? "null");
const $ = id => document.getElementById(id);

if (values) {
  const cards = [...$("cards").children].map(element => ({
    element,
    badge: element.querySelector(".decision"),
    name: element.dataset.name,
    score: Number(element.dataset.score),
    group: element.dataset.group,
    decided: element.dataset.decision,
    threshold: element.dataset.threshold === "" ? null : Number(element.dataset.threshold),
  }));
  const words = { defect: "Defective", good: "Good" };
  const many = (count, one, more) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;
  const short = number => String(Number(number.toPrecision(4)));
  const thresholdAt = place => (values.first + place) * values.numerator / values.denominator;
  let chosen = null; // the threshold of the slider; null shows the decisions of the run

  const chosenGroups = () => values.groups.filter(group => $("group").value === "" || group.name === $("group").value);
  const total = (groups, key) => groups.reduce((sum, group) => sum + group[key], 0);
  const read = group => group.passing.reduce((sum, [, count]) => sum + count, 0);
  const passing = (group, place) => group.passing.reduce((sum, [passed, count]) => sum + (passed > place ? count : 0), 0);

  function ownThreshold(groups) {
    const own = new Set(groups.map(group => group.threshold));
    return own.size === 1 ? [...own][0] : null;
  }

  function decisionOf(card) {
    if (chosen === null || !chosenGroups().some(group => group.name === card.group)) return card.decided;
    return card.score > chosen ? "defect" : "good";
  }

  function label(card) {
    const decision = decisionOf(card), changed = card.decided !== "" && decision !== card.decided;
    card.badge.hidden = decision === "";
    card.badge.dataset.is = decision;
    card.badge.toggleAttribute("data-changed", changed);
    card.badge.textContent = decision === "" ? "" : words[decision] + (changed ? `, was ${words[card.decided].toLowerCase()}` : "");
  }

  function describe() {
    const groups = chosenGroups(), decided = total(groups, "decided"), defects = total(groups, "defects");
    const all = groups.reduce((sum, group) => sum + read(group), 0), own = ownThreshold(groups);
    const where = $("group").value === "" ? "" : ` in ${$("group").value}`;
    const threshold = chosen ?? own;
    $("threshold-value").textContent = threshold === null ? "" : short(threshold);
    $("threshold").setAttribute("aria-valuetext", threshold === null ? "none" : short(threshold));
    $("reset").disabled = chosen === null;
    moveLine(threshold);
    if (chosen === null) {
      $("change").textContent = decided === 0
        ? "This run had no threshold. Move the slider to try one."
        : `Decisions of the run${where}: ${many(defects, "defective image", "defective images")} of ${all.toLocaleString("en")}${own === null ? ", with several thresholds. Choose a class to see its own" : ""}.`;
      return;
    }
    const place = Number($("threshold").value), now = groups.reduce((sum, group) => sum + passing(group, place), 0);
    const difference = now - defects;
    const compared = decided === 0 ? "" : difference === 0 ? " The same number as in the run."
      : ` ${Math.abs(difference).toLocaleString("en")} ${difference > 0 ? "more" : "fewer"} than in the run (${defects.toLocaleString("en")}).`;
    $("change").textContent = `Above ${short(chosen)}${where}: ${many(now, "image", "images")} of ${all.toLocaleString("en")} would be defective.${compared}`;
  }

  function moveLine(threshold) {
    const { low, high, width } = $("chart").dataset, line = $("threshold-line");
    line.setAttribute("visibility", threshold === null ? "hidden" : "visible");
    if (threshold === null) return;
    const x = Math.min(Math.max((threshold - low) / (high - low), 0), 1) * width;
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
  }

  const distance = card => Math.abs(card.score - (chosen ?? card.threshold ?? Infinity));
  const byName = (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true });
  const orders = {
    "score-down": (a, b) => b.score - a.score || byName(a, b),
    "score-up": (a, b) => a.score - b.score || byName(a, b),
    near: (a, b) => (distance(a) - distance(b)) || byName(a, b),
    name: byName,
    group: (a, b) => a.group.localeCompare(b.group) || b.score - a.score || byName(a, b),
  };

  function show() {
    const [from, to] = ["from", "to"].map(id => $(id).value === "" ? null : Number($(id).value));
    const group = $("group").value, decision = $("decision").value, name = $("name").value.toLowerCase();
    let visible = 0;
    for (const card of cards) {
      const fits = (group === "" || card.group === group) && (decision === "" || decisionOf(card) === decision)
        && (from === null || card.score >= from) && (to === null || card.score <= to)
        && card.name.toLowerCase().includes(name);
      card.element.hidden = !fits;
      visible += fits;
    }
    $("shown").textContent = `${visible.toLocaleString("en")} of ${many(cards.length, "image", "images")} on this page.`;
  }

  function sort() {
    $("cards").append(...[...cards].sort(orders[$("sort").value]).map(card => card.element));
  }

  function update() {
    cards.forEach(label);
    describe();
    show();
  }

  function placeSlider() {
    const own = ownThreshold(chosenGroups());
    const place = own === null ? values.count - 1 : Math.round(own * values.denominator / values.numerator) - values.first;
    $("threshold").value = Math.min(Math.max(place, 0), values.count - 1);
  }

  function reset() {
    chosen = null;
    placeSlider();
    update();
  }

  $("threshold").max = values.count - 1;
  for (const group of [...values.groups].sort((a, b) => a.name.localeCompare(b.name))) {
    const option = document.createElement("option");
    option.value = option.textContent = group.name;
    $("group").append(option);
  }
  $("threshold").addEventListener("input", () => { chosen = thresholdAt(Number($("threshold").value)); update(); });
  $("threshold").addEventListener("change", () => { if ($("sort").value === "near") sort(); });
  $("reset").addEventListener("click", () => { reset(); $("threshold").focus(); });
  $("group").addEventListener("input", reset);
  $("sort").addEventListener("input", sort);
  for (const id of ["decision", "from", "to", "name"]) $(id).addEventListener("input", show);
  $("filters").addEventListener("submit", event => event.preventDefault());
  $("filters").addEventListener("reset", () => setTimeout(() => { reset(); sort(); }));
  $("slider").hidden = $("filters").hidden = false;
  reset();
}
