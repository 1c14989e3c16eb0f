// The neighborhood of a word: drawing and table.

import { ApiError, filling, get, post, query, route } from "./api.js";
import { bdi, byId, count, el, latest, names, number, tell } from "./dom.js";
import { graph } from "./graph.js";
import { address, service, wordAddress } from "./state.js";
import { strike } from "./strike.js";
import { table } from "./table.js";

const PAGE = 200; // neighbors asked for at once
const DRAWN = 20; // whose own neighbors are asked for
const next = latest();
const sorting = { by: "Distance", down: false };
let watching = null;

/** Where a neighbor comes from, in words. */
function origin(entry) {
  if (!entry.origin) return el("span", { class: "unknown" }, "not recorded");
  const { source, lists, before } = entry.origin;
  const from = el("span", { class: `from ${source}` }, source, lists.length > 0 && ": ", names(lists));
  if (before === null || entry.distance === null) return from;
  return el("span", {}, from, el("small", {}, `counter-fitting moved it from ${number(before)} to ${number(entry.distance)}`));
}

const rank = (entry) => (entry.origin ? `${entry.origin.source} ${entry.origin.lists.join(" ")}` : null);

/** A row of the set. A proxy, a browser and HTTP itself read `.` and `..` as folders, so those go by the batch route. */
async function neighborhood(set, word, signal) {
  if (word !== "." && word !== "..") return get(route("sets", set, "neighbors", word) + query({ limit: PAGE }), signal);
  const batch = await post(route("sets", set, "neighbors"), { words: [word] }, signal);
  if (batch.rows.length) return { ...batch, ...batch.rows[0], next: null };
  throw new ApiError({
    id: "",
    status: 404,
    doing: `looking up ${word}`,
    found: "no such word",
    expected: "a word of the set",
    remedy: "Check the spelling",
    close: [],
  });
}

async function all(set, word, signal) {
  const found = await neighborhood(set, word, signal);
  while (found.next) {
    const more = await get(route("sets", set, "neighbors", word) + query({ limit: PAGE, cursor: found.next }), signal);
    found.neighbors.push(...more.neighbors);
    found.next = more.next;
  }
  return found;
}

/** The other words of the standing vetoes of a word. */
async function struckWith(set, word, signal) {
  if (!service.facts.vetoes) return new Set();
  const { items } = await get(
    route("sets", set, "vetoes") + query({ state: "standing", word, limit: service.facts.limits.page }),
    signal,
  );
  return new Set(items.map((veto) => (veto.first === word ? veto.second : veto.first)));
}

/** The neighbors' own neighbors: word -> words. The drawing does without them where they cannot be had. */
async function further(set, rows, signal) {
  const known = (word) => word.length && Array.from(word).length <= service.facts.limits.word && word.isWellFormed();
  const words = rows
    .slice(0, DRAWN)
    .map((row) => row.word)
    .filter(known);
  if (!words.length) return new Map();
  const batch = await post(route("sets", set, "neighbors"), { words }, signal).catch((error) => {
    if (error.name === "AbortError") throw error;
    return { rows: [] };
  });
  return new Map(batch.rows.map((row) => [row.word, row.neighbors.map((entry) => entry.word)]));
}

function bar(entry, end) {
  if (entry.distance === null) return el("span", { class: "unknown" }, "not recorded");
  const line = el("span", { class: "gauge", "aria-hidden": "true" });
  line.style.setProperty("--part", `${Math.min(Math.max(entry.distance / end, 0), 1) * 100}%`);
  return el("span", { class: "measured" }, el("span", {}, number(entry.distance)), line);
}

function rows(state, found, struck) {
  const end = Math.max(...found.neighbors.map((entry) => entry.distance ?? 0), 1e-9);
  const place = new Map(found.neighbors.map((entry, k) => [entry, k]));
  const ranked = found.neighbors.every((entry) => entry.distance === null);
  const columns = [
    {
      name: "Neighbor",
      head: true,
      value: (entry) => entry.word,
      cell: (entry) => el("a", { href: wordAddress(entry.word) }, bdi(entry.word)),
    },
    { name: "Distance", value: (entry) => (ranked ? place.get(entry) : entry.distance), cell: (entry) => bar(entry, end) },
    { name: "Where it comes from", className: "origin", value: rank, cell: origin },
  ];
  if (service.facts.vetoes)
    columns.push({
      name: "Veto",
      value: (entry) => Number(!struck.has(entry.word)),
      cell: (entry) =>
        struck.has(entry.word)
          ? el("a", { class: "tag bad", href: address({ view: "vetoes" }) }, "struck")
          : el(
              "button",
              {
                type: "button",
                class: "small",
                "aria-label": `Strike ${state.word} and ${entry.word}`,
                onclick: () => strike({ first: state.word, second: entry.word }, () => show(state)),
              },
              "Strike…",
            ),
    });
  return table(`Neighbors of ${state.word}`, columns, found.neighbors, {
    sorting,
    className: "neighbors",
    more: (entry) => ({ class: struck.has(entry.word) ? "struck" : null }),
  });
}

const key = (kind, said) => el("li", {}, el("span", { class: `key ${kind}`, "aria-hidden": "true" }), said);

function legend(plan, found, struck) {
  const kinds = new Set(found.neighbors.map((entry) => entry.origin?.source ?? "plain"));
  const said = plan.rings.length
    ? "The further from the middle, the greater the distance."
    : "The set records no distances: nearest first, clockwise from the top.";
  return el(
    "figcaption",
    {},
    el(
      "ul",
      { class: "keys" },
      kinds.has("constraint") && key("constraint", "constraint"),
      kinds.has("vectors") && key("vectors", "vectors"),
      kinds.has("plain") && key("plain", kinds.size > 1 ? "origin not recorded" : "neighbor"),
      plan.ring && key("far", "neighbor’s neighbor"),
      struck.size > 0 && key("struck", "struck"),
    ),
    el(
      "p",
      {},
      said,
      plan.left
        ? ` The nearest ${plan.nodes.filter((node) => node.ring === 1).length} of ${count(found.neighbors.length, "neighbor")} are drawn.`
        : "",
    ),
  );
}

/** Draws for the width there is, again when that changes. */
function picture(state, found, beyond, struck) {
  const figure = el("figure", { class: "panel drawing" });
  let drawn = 0;
  const draw = () => {
    const width = Math.floor(Math.min(figure.clientWidth - 2, 720));
    if (width < 100 || Math.abs(width - drawn) < 8) return;
    drawn = width;
    const { drawing, plan } = graph(state.word, found.neighbors, beyond, struck, width);
    const at = figure.contains(document.activeElement) ? document.activeElement.dataset.word : null;
    figure.replaceChildren(drawing, legend(plan, found, struck));
    if (at) [...drawing.querySelectorAll("a")].find((node) => node.dataset.word === at)?.focus();
  };
  watching?.disconnect();
  watching = new ResizeObserver(draw);
  watching.observe(figure);
  return figure;
}

const links = (words) =>
  el(
    "ul",
    { class: "words" },
    words.map((word) => el("li", {}, el("a", { href: wordAddress(word) }, bdi(word)))),
  );

async function unknown(state, error, signal) {
  const near = await get(route("sets", state.set, "words") + query({ near: state.word, limit: 12 }), signal).catch((other) => {
    if (other.name === "AbortError") throw other;
    return { items: [] };
  });
  const words = [...new Set([...error.problem.close, ...near.items.map((entry) => entry.word)])];
  tell(`${state.word} is not in ${state.set}`);
  return [
    el(
      "div",
      { class: "note" },
      el(
        "p",
        {},
        bdi(state.word),
        " is not in the set ",
        el("strong", {}, state.set),
        words.length ? ". Near in spelling:" : ", nor is a word like it.",
      ),
      words.length > 0 && links(words),
    ),
  ];
}

const KNOWN = "good movie happy story beautiful quickly small begin help answer important terrible road city money think".split(" ");

/** Words to begin with: well-known ones where the set has them, else those of its first with the most neighbors. */
async function beginnings(set, signal) {
  const { rows } = await post(route("sets", set, "neighbors"), { words: KNOWN }, signal);
  const known = rows.filter((row) => row.neighbors.length).map((row) => row.word);
  if (known.length > 3) return known;
  const { items } = await get(route("sets", set, "words") + query({ limit: 400 }), signal);
  const rich = items.toSorted((a, b) => b.neighbors - a.neighbors).slice(0, 24);
  return rich.map((entry) => entry.word);
}

async function welcome(state, signal) {
  const words = await beginnings(state.set, signal);
  return el(
    "div",
    { class: "note" },
    el("p", {}, "Search a word above, or begin with one of these:"),
    links(words),
  );
}

function facts(state, found) {
  const words = [
    count(found.neighbors.length, "neighbor"),
    " in ",
    el("strong", {}, state.set),
    " · ",
    el("a", { href: address({ view: "sentence" }) }, "try a sentence"),
  ];
  if (service.sets.length > 1) words.push(" · ", el("a", { href: address({ view: "compare" }) }, "compare with another set"));
  return words;
}

async function drawn(state, signal) {
  let found;
  try {
    found = await all(state.set, state.word, signal);
  } catch (error) {
    const strange =
      error instanceof ApiError && error.problem.status === 404 && service.sets.some((one) => one.name === state.set);
    if (!strange) throw error;
    return unknown(state, error, signal);
  }
  const [struck, beyond] = await Promise.all([
    struckWith(state.set, state.word, signal),
    further(state.set, found.neighbors, signal),
  ]);
  if (signal.aborted) return [];
  byId("word-facts").replaceChildren(...facts(state, found));
  tell(`${state.word}: ${count(found.neighbors.length, "neighbor")}`);
  if (!found.neighbors.length) return el("p", { class: "note" }, "The word is in the set, without any neighbor.");
  return el(
    "div",
    { class: "pair" },
    picture(state, found, beyond, struck),
    el("div", { class: "panel" }, rows(state, found, struck)),
  );
}

export async function show(state) {
  const signal = next();
  byId("word-title").replaceChildren(state.word ? bdi(state.word) : "Neighbors");
  byId("word-facts").replaceChildren();
  await filling(byId("word-body"), signal, () => (state.word ? drawn(state, signal) : welcome(state, signal)));
}
