// Two sets side by side: the word that is looked at, and all words that differ.

import { filling, get, query, route } from "./api.js";
import { bdi, byId, command, count, el, latest, names, number, sha, tell, whole } from "./dom.js";
import { address, go, read, service } from "./state.js";
import { table } from "./table.js";

const PAGE = 50;
const STATUS = {
  same: "is the same in both sets",
  changed: "differs",
  only_in_a: "is in the first set only",
  only_in_b: "is in the second set only",
  in_neither: "is in neither set",
};
const next = latest();
const nextList = latest();

/** The neighbors of both rows in one list: [word, entry in a, entry in b]. */
function joined(change) {
  const inB = new Map(change.b.map((entry) => [entry.word, entry]));
  const rows = change.a.map((entry) => [entry.word, entry, inB.get(entry.word) ?? null]);
  const inA = new Set(change.a.map((entry) => entry.word));
  return [...rows, ...change.b.filter((entry) => !inA.has(entry.word)).map((entry) => [entry.word, null, entry])];
}

function kind([word, a, b], change) {
  if (!a) return ["good", "+ added"];
  if (!b) return ["bad", "− removed"];
  return change.distances[word] ? ["new", "≠ other distance"] : ["", "same"];
}

const there = (entry) =>
  entry ? (entry.distance === null ? "yes" : number(entry.distance)) : el("span", { class: "muted" }, "–");

function word(change, a, b) {
  const columns = [
    {
      name: "Neighbor",
      head: true,
      value: ([name]) => name,
      cell: ([name]) => el("a", { href: address({ view: "compare", word: name }) }, bdi(name)),
    },
    { name: `in ${a}`, numeric: true, value: ([, one]) => one?.distance ?? null, cell: ([, one]) => there(one) },
    { name: `in ${b}`, numeric: true, value: ([, , other]) => other?.distance ?? null, cell: ([, , other]) => there(other) },
    {
      name: "Change",
      value: (row) => kind(row, change)[1],
      cell: (row) => {
        const [tone, said] = kind(row, change);
        return el("span", { class: tone ? `tag ${tone}` : "muted" }, said);
      },
    },
  ];
  const rows = joined(change);
  return el(
    "div",
    { class: "panel" },
    el("h3", {}, bdi(change.word), ` ${STATUS[change.status]}`),
    rows.length > 0 && table(`Neighbors of ${change.word} in ${a} and ${b}`, columns, rows, { className: "compare" }),
    change.reordered && el("p", { class: "hint" }, "The neighbors of both stand in another order."),
  );
}

function differing(changes) {
  const neighbors = (change, list, entries) => (list.length ? list : entries.map((entry) => entry.word));
  const columns = [
    {
      name: "Word",
      head: true,
      cell: (change) => el("a", { href: address({ view: "compare", word: change.word }) }, bdi(change.word)),
    },
    {
      name: "What differs",
      cell: (change) => {
        if (change.status === "only_in_a") return el("span", { class: "tag bad" }, "− word removed");
        if (change.status === "only_in_b") return el("span", { class: "tag good" }, "+ word added");
        const said = [
          change.added.length && `${change.added.length} added`,
          change.removed.length && `${change.removed.length} removed`,
          Object.keys(change.distances).length && count(Object.keys(change.distances).length, "distance"),
          change.reordered && "order",
        ];
        return said.filter(Boolean).join(", ");
      },
    },
    { name: "Added", cell: (change) => names(neighbors(change, change.added, change.status === "only_in_b" ? change.b : [])) },
    {
      name: "Removed",
      cell: (change) => names(neighbors(change, change.removed, change.status === "only_in_a" ? change.a : [])),
    },
  ];
  return table("Words that differ", columns, changes, { className: "compare" });
}

function counts(page) {
  const said = (name) =>
    ({ only_in_a: `only in ${page.a.name}`, only_in_b: `only in ${page.b.name}` })[name] ?? name.replaceAll("_", " ");
  return el(
    "dl",
    { class: "counts" },
    Object.entries(page.counts).map(([name, n]) => el("div", {}, el("dt", {}, said(name)), el("dd", {}, whole(n)))),
  );
}

/** The words that differ, a page at a time; `back` holds the cursors of the pages before. */
async function list({ set, with: other }, cursor, back, signal) {
  const page = await get(route("sets", set, "compare", other) + query({ limit: PAGE, cursor }), signal);
  const turn = (to, behind) => {
    const fresh = nextList();
    return filling(byId("compare-all"), fresh, () => list({ set, with: other }, to, behind, fresh)).then((drawn) => {
      if (drawn) byId("compare-list").focus();
      if (drawn) tell(`Page ${behind.length + 1} of the words that differ`);
    });
  };
  const button = (text, on, act) => el("button", { type: "button", disabled: !on, onclick: act }, text);
  const pages =
    (page.next || back.length > 0) &&
    el(
      "div",
      { class: "actions" },
      button("Previous", back.length > 0, () => turn(back.at(-1), back.slice(0, -1))),
      el("span", { class: "muted" }, `Page ${back.length + 1}`),
      button("Next", page.next, () => turn(page.next, [...back, cursor])),
    );
  return el(
    "div",
    { class: "panel" },
    el("h3", { id: "compare-list", tabindex: "-1" }, page.identical ? "The sets are identical" : "All words"),
    counts(page),
    el(
      "dl",
      { class: "made" },
      el("dt", {}, set),
      el("dd", {}, sha(page.a.sha256)),
      el("dt", {}, other),
      el("dd", {}, sha(page.b.sha256)),
    ),
    page.items.length > 0 && differing(page.items),
    pages,
  );
}

function choices({ set, with: other }) {
  byId("compare-a").textContent = set;
  const names = service.sets.map((one) => one.name).filter((name) => name !== set);
  byId("with").replaceChildren(
    el("option", { value: "" }, "choose…"),
    ...names.map((name) => el("option", { value: name }, name)),
  );
  byId("with").value = names.includes(other) ? other : "";
  byId("turn").disabled = !byId("with").value;
}

export async function show(state) {
  const [signal, all] = [next(), nextList()];
  if (!state.with && service.sets.length === 2)
    state = { ...state, with: service.sets.find((one) => one.name !== state.set)?.name ?? "" };
  choices(state);
  const [top, rest] = [byId("compare-word"), byId("compare-all")];
  if (service.sets.length < 2) {
    top.replaceChildren(
      el("p", { class: "note" }, "The service holds one set only. Start it with two:"),
      command("xlt-augment serve default mine=my-own.arrow"),
    );
    rest.replaceChildren();
    return;
  }
  if (!state.with) {
    top.replaceChildren(el("p", { class: "note" }, "Choose the other set above."));
    rest.replaceChildren();
    return;
  }
  const row = async () => {
    if (!state.word) return el("p", { class: "note" }, "Search a word above to see its neighbors in both sets.");
    const page = await get(route("sets", state.set, "compare", state.with) + query({ word: state.word }), signal);
    tell(`${state.word} ${STATUS[page.items[0].status]}`);
    return word(page.items[0], state.set, state.with);
  };
  await Promise.all([filling(top, signal, row), filling(rest, all, () => list(state, null, [], all))]);
}

export function start() {
  byId("with").addEventListener("change", () => go({ with: byId("with").value }, { stay: true }));
  byId("turn").addEventListener("click", () => go({ set: byId("with").value, with: read().set }, { stay: true }));
}
