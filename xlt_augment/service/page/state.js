// What the page shows stands in its address: `#view=word&set=default&word=film&with=other`. It can be shared, and Back works.

import { keepToken } from "./api.js";

export const VIEWS = ["word", "sentence", "compare", "vetoes", "set", "datasets"];
const KEYS = ["view", "set", "word", "with", "dataset", "version"];

/** What the service told at the start: `ServiceFacts` and the list of `SetSummary`. */
export const service = { facts: null, sets: [] };
/** Whether the caller may strike pairs. */
export const mayWrite = () => service.facts.scopes.includes("write");

/** Takes `#token=...` out of the address, at once: it must not stay in the history or in a link. */
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get("token");
  if (token === null) return false;
  given.delete("token");
  history.replaceState(null, "", `${location.pathname}${location.search}${String(given) ? `#${given}` : ""}`);
  if (token) keepToken(token);
  return true;
}

/** The state in the address, with defaults. */
export function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  const state = Object.fromEntries(KEYS.map((key) => [key, given.get(key) ?? ""]));
  if (!VIEWS.includes(state.view)) state.view = "word";
  state.set ||= service.sets[0]?.name ?? "";
  if (state.with === state.set) state.with = "";
  return state;
}

/** The address of the state with changes. */
export function address(changes) {
  const pairs = Object.entries({ ...read(), ...changes }).filter(([, value]) => value !== "");
  return `#${new URLSearchParams(pairs)}`;
}

let staying = false;
/** Go there. `stay`: the focus stays where it is, for somebody who types or chooses. */
export function go(changes, { stay = false } = {}) {
  const there = address(changes);
  if (there === location.hash) {
    window.dispatchEvent(new HashChangeEvent("hashchange"));
    return;
  }
  staying = stay;
  location.hash = there;
}
/** Whether the focus stays in this change; asked once. */
export function stays() {
  const was = staying;
  staying = false;
  return was;
}
export const wordAddress = (word) => address({ view: "word", word });
