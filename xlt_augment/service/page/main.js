// The page as a whole: what the service is, which view is shown, where the focus goes.

import { get, route, trouble } from "./api.js";
import { byId, count, el } from "./dom.js";
import * as compare from "./compare.js";
import * as datasets from "./datasets.js";
import * as provenance from "./provenance.js";
import * as search from "./search.js";
import * as sentence from "./sentence.js";
import { VIEWS, address, go, read, mayWrite, service, stays, takeToken } from "./state.js";
import * as strike from "./strike.js";
import * as vetoes from "./vetoes.js";
import * as word from "./word.js";

const MODULES = { word, sentence, compare, vetoes, set: provenance, datasets };
let view = null;

function links(state) {
  for (const link of document.querySelectorAll("nav a[data-view]")) {
    link.href = address({ view: link.dataset.view, dataset: "", version: "" });
    if (link.dataset.view === state.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Shows what the address says. The focus goes to the heading of what is new, but for somebody who types or chooses. */
async function show() {
  if (takeToken()) {
    await begin();
    return;
  }
  const state = read();
  const move = view !== null && !stays();
  view = state.view;
  byId("set").value = service.sets.some((one) => one.name === state.set) ? state.set : "";
  search.showWord(state.word);
  links(state);
  for (const name of VIEWS) byId(`view-${name}`).hidden = name !== state.view;
  const title = byId(`${state.view}-title`);
  const drawn = MODULES[state.view].show(state);
  document.title = [state.view === "word" ? state.word || "Neighbors" : title.textContent, state.set, "XLT synonyms"].join(
    " · ",
  );
  if (move) title.focus();
  await drawn;
}

function told() {
  const { version, scopes } = service.facts;
  byId("about").textContent =
    `xlt ${version} · ${count(service.sets.length, "synonym set")} · you may ${mayWrite() ? "read and strike pairs" : "read"}`;
  byId("access").hidden = scopes.includes("write");
  document.querySelector('nav a[data-view="datasets"]').parentElement.hidden = !service.facts.store;
}

/** Asks what the service is, then shows. */
async function begin() {
  try {
    const [facts, { sets }] = await Promise.all([get(route("service")), get(route("sets"))]);
    Object.assign(service, { facts, sets });
    byId("trouble").replaceChildren();
  } catch (error) {
    byId("trouble").replaceChildren(trouble(error), el("button", { type: "button", onclick: begin }, "Try again"));
    return;
  }
  byId("set").replaceChildren(...service.sets.map((one) => el("option", { value: one.name }, one.name)));
  told();
  search.ready();
  await show();
}

byId("skip").addEventListener("click", (event) => {
  // its address is not a state of the page
  event.preventDefault();
  byId("main").focus();
});
byId("set").addEventListener("change", () => go({ set: byId("set").value }, { stay: true }));
search.start();
sentence.start();
compare.start();
vetoes.start();
strike.start(() => {
  told();
  show();
});
takeToken();
window.addEventListener("hashchange", () => {
  if (service.facts || location.hash.includes("token=")) show();
});
begin();
