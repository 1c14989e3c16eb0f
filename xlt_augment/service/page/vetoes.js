// The veto list of a set: what was struck, by whom and why, what it would do, and the file for the command.

import { answer, filling, get, query, route } from "./api.js";
import { bdi, byId, command, count, el, latest, say, sha, time, whole } from "./dom.js";
import { mayWrite, read, service, wordAddress } from "./state.js";
import { strike, withdraw } from "./strike.js";
import { table } from "./table.js";

const PAGE = 100;
const next = latest();
const nextEffect = latest();
const sorting = {};

const pair = (veto) =>
  el(
    "span",
    {},
    el("a", { href: wordAddress(veto.first) }, bdi(veto.first)),
    " – ",
    el("a", { href: wordAddress(veto.second) }, bdi(veto.second)),
  );

function state(veto) {
  if (veto.withdrawn) {
    const { author, reason, at } = veto.withdrawn;
    return el("span", { class: "muted" }, "withdrawn by ", bdi(author), ", ", time(at), ": ", bdi(reason));
  }
  return el(
    "button",
    {
      type: "button",
      class: "small",
      "aria-label": `Withdraw the veto of ${veto.first} and ${veto.second}`,
      onclick: () => withdraw(veto, () => show(read())),
    },
    "Withdraw…",
  );
}

const COLUMNS = [
  { name: "Pair", head: true, value: (veto) => `${veto.first} ${veto.second}`, cell: pair },
  { name: "Reason", className: "long", cell: (veto) => bdi(veto.reason) },
  { name: "By", value: (veto) => veto.author, cell: (veto) => bdi(veto.author) },
  { name: "When", value: (veto) => veto.at, cell: (veto) => time(veto.at) },
  { name: "In the set", value: (veto) => Number(!veto.in_set), cell: (veto) => (veto.in_set ? "yes" : "no") },
  { name: "State", className: "act", cell: state },
];

async function list(set, signal) {
  const which = { state: byId("withdrawn").checked ? "all" : "standing", limit: PAGE };
  const page = await get(route("sets", set, "vetoes") + query(which), signal);
  if (!page.items.length)
    return el("p", { class: "note" }, `No pair of ${set} is struck${which.state === "all" ? ", nor ever was" : ""}.`);
  const vetoes = page.items;
  const box = el("div", { class: "panel" });
  const draw = () => {
    const more =
      page.next &&
      el(
        "button",
        {
          type: "button",
          onclick: async () => {
            const part = await get(route("sets", set, "vetoes") + query({ ...which, cursor: page.next }));
            vetoes.push(...part.items);
            page.next = part.next;
            draw();
            say(`${count(vetoes.length, "pair")} are shown.`);
          },
        },
        "Show more",
      );
    box.replaceChildren(
      table(`Struck pairs of ${set}, newest first`, COLUMNS, vetoes, {
        sorting,
        className: "vetoes",
        more: (veto) => ({ class: veto.withdrawn ? "withdrawn" : null }),
      }),
      ...(more ? [more] : []),
    );
  };
  draw();
  return box;
}

/** As a shell takes it for one word. */
const quoted = (text) => (/^[\w@%+=:,./][\w@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const fact = (name, ...what) => [el("dt", {}, name), el("dd", {}, ...what)];

async function effect(set, signal) {
  const seen = await get(`${route("sets", set, "vetoes")}/effect`, signal);
  const lost = seen.words_left_without;
  const words = lost.slice(0, 50).flatMap((word, k) => [k ? ", " : "", el("a", { href: wordAddress(word) }, bdi(word))]);
  return el(
    "div",
    { class: "panel" },
    el("h3", {}, "What the vetoes would do"),
    el(
      "dl",
      { class: "made" },
      fact("Standing vetoes", `${whole(seen.standing)}, of which the set holds ${whole(seen.in_set)}`),
      fact("Neighbors removed", whole(seen.neighbors_removed)),
      fact(
        "Words left without a neighbor",
        ...(lost.length ? [...words, lost.length > 50 ? ` and ${whole(lost.length - 50)} more` : ""] : ["none"]),
      ),
      fact("The set now", sha(seen.before)),
      fact("The set without them", seen.after === seen.before ? "the same" : sha(seen.after)),
    ),
    el("p", {}, "To make that set, download ", el("code", {}, "vetoes.txt"), " and run:"),
    command(
      `xlt-augment synonyms veto ${quoted(service.sets.find((one) => one.name === set)?.source ?? set)} ${set}-vetoed.arrow --pairs vetoes.txt`,
    ),
  );
}

async function download() {
  const { set } = read();
  try {
    const file = await (await answer(`${route("sets", set)}/vetoes.txt`)).blob();
    const url = URL.createObjectURL(file);
    el("a", { href: url, download: "vetoes.txt" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    say("vetoes.txt is downloaded.");
  } catch (error) {
    say(`Could not download vetoes.txt: ${error.message}`);
  }
}

export async function show({ set }) {
  const [signal, other] = [next(), nextEffect()];
  byId("vetoes-tools").hidden = !service.facts.vetoes;
  byId("vetoes-effect").hidden = !service.facts.vetoes;
  if (!service.facts.vetoes) {
    byId("vetoes-list").replaceChildren(
      el("p", { class: "note" }, "This service keeps no veto lists. Start it with a file for them:"),
      command(`xlt-augment serve ${set} --vetoes vetoes.sqlite`),
    );
    return;
  }
  byId("strike-any").title = mayWrite() ? "" : "Needs a token that may write";
  await Promise.all([
    filling(byId("vetoes-list"), signal, () => list(set, signal)),
    filling(byId("vetoes-effect"), other, () => effect(set, other)),
  ]);
}

export function start() {
  byId("strike-any").addEventListener("click", () => strike(null, () => show(read())));
  byId("download").addEventListener("click", download);
  byId("withdrawn").addEventListener("change", () => show(read()));
}
