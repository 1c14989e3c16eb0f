// How a set came to be: its figures, its hash, and what it recorded of its making, to any depth.

import { filling, get, route } from "./api.js";
import { bdi, byId, count, el, latest, sha, time, whole } from "./dom.js";

const SHOWN = 100; // entries of a list at once
const next = latest();

const simple = (value) => value === null || typeof value !== "object";
const pairs = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((item) => Array.isArray(item) && item.every(simple));
const said = (name) => name.replaceAll("_", " ");

function plain(value) {
  if (value === null) return el("span", { class: "muted" }, "none");
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return Number.isInteger(value) ? whole(value) : String(value);
  if (/^[0-9a-f]{64}$/.test(value)) return sha(value);
  return bdi(value);
}

/** A list, the first of it at once, the rest when asked for. */
function listed(items, entry) {
  const box = el("ul", { class: "words" });
  let shown = 0;
  const more = el("button", { type: "button", class: "small" });
  const add = () => {
    box.append(...items.slice(shown, shown + SHOWN).map((item) => el("li", {}, entry(item))));
    shown = Math.min(shown + SHOWN, items.length);
    more.textContent = `Show more of ${whole(items.length)}`;
    if (shown === items.length) more.remove();
  };
  more.addEventListener("click", add);
  add();
  return [box, ...(shown < items.length ? [more] : [])];
}

/** Folded; what it holds is made when it is opened for the first time. */
function folded(title, make, open = false) {
  const box = el("details", {}, el("summary", {}, title));
  box.addEventListener("toggle", () => {
    if (box.open && box.childNodes.length === 1) box.append(...[make()].flat());
  });
  if (open) box.append(...[make()].flat());
  box.open = open;
  return box;
}

/** Any JSON as definition lists. */
export function readable(value, depth = 0) {
  if (simple(value)) return plain(value);
  if (pairs(value))
    return folded(count(value.length, "pair"), () => listed(value, (pair) => bdi(pair.join(" – "))), value.length <= 5);
  if (Array.isArray(value)) {
    if (!value.length) return el("span", { class: "muted" }, "none");
    if (value.every(simple))
      return value.length <= 12
        ? value.flatMap((item, k) => [k ? ", " : "", plain(item)])
        : folded(count(value.length, "entry", "entries"), () => listed(value, plain));
    return folded(
      count(value.length, "entry", "entries"),
      () => listed(value, (item) => readable(item, depth + 1)),
      depth < 1 && value.length <= 3,
    );
  }
  const entries = Object.entries(value);
  if (!entries.length) return el("span", { class: "muted" }, "none");
  const list = () =>
    el(
      "dl",
      { class: "made" },
      entries.map(([name, item]) => [el("dt", {}, said(name)), el("dd", {}, readable(item, depth + 1))]),
    );
  return depth === 0
    ? list()
    : folded(
        entries
          .slice(0, 4)
          .map(([name]) => said(name))
          .join(", ") + (entries.length > 4 ? ", …" : ""),
        list,
        depth < 2,
      );
}

const fact = (name, ...what) => [el("dt", {}, name), el("dd", {}, ...what)];

function drawn(set) {
  const own = set.veto_pairs.length ? readable(set.veto_pairs) : el("span", { class: "muted" }, "none");
  return [
    el(
      "div",
      { class: "panel" },
      el("h3", {}, bdi(set.name)),
      el(
        "dl",
        { class: "made" },
        fact("Opened from", bdi(set.source)),
        fact("Opened at", time(set.opened_at)),
        fact("sha256", sha(set.sha256)),
        fact("Words", `${whole(set.words)}, ${whole(set.words_with_neighbors)} with neighbors`),
        fact("Pairs", `${whole(set.pairs)}, ${whole(set.pairs_with_distance)} with a distance`),
        fact("Most neighbors of a word", whole(set.most_neighbors)),
        fact("Origins of its neighbors", set.origins ? "recorded" : "not recorded"),
        fact("Pairs it will never hold", set.vetoes > set.veto_pairs.length && `the first of ${whole(set.vetoes)}: `, own),
      ),
    ),
    el(
      "div",
      { class: "panel" },
      el("h3", {}, "How it was made"),
      Object.keys(set.made).length
        ? readable(set.made)
        : el("p", { class: "muted" }, "The set recorded nothing of its making."),
    ),
  ];
}

export async function show({ set }) {
  const signal = next();
  await filling(byId("set-body"), signal, async () => drawn(await get(route("sets", set), signal)));
}
