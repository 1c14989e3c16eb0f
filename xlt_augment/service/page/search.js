// Search as you type: the combobox of the WAI-ARIA practices. The focus stays in the field; the list is walked with the arrows.

import { get, query, route } from "./api.js";
import { bdi, byId, count, debounced, el, latest, say, tell } from "./dom.js";
import { go, read, service } from "./state.js";

const SHOWN = 10;
const field = byId("search");
const list = byId("found");
const next = latest();
let active = -1;
let asked = null; // what the list shows, or will: asking again would lose the place in it
let typing = false; // what stands in the field is not what the page shows, yet

function close() {
  list.hidden = true;
  active = -1;
  asked = null;
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
}

function choose(word) {
  next(); // an answer under way would open the list again
  typing = false;
  close();
  field.value = word;
  go({ view: read().view === "compare" ? "compare" : "word", word }, { stay: true });
}

const option = (entry, k) =>
  el(
    "li",
    {
      role: "option",
      id: `found-${k}`,
      "aria-selected": "false",
      "data-word": entry.word,
      onpointerdown: (event) => event.preventDefault(), // the field keeps the focus
      onclick: () => choose(entry.word),
    },
    bdi(entry.word),
    el("small", {}, ` ${count(entry.neighbors, "neighbor")}`),
  );

function open(entries, said) {
  list.replaceChildren(...entries.map(option));
  active = -1;
  field.removeAttribute("aria-activedescendant");
  list.hidden = entries.length === 0;
  field.setAttribute("aria-expanded", String(entries.length > 0));
  tell(said);
}

async function look() {
  const typed = field.value.trim();
  if (typed === asked) return;
  const signal = next();
  if (!typed || !service.facts) {
    // `ready` comes back to it
    close();
    return;
  }
  asked = typed;
  const words = (how) => get(route("sets", read().set, "words") + query({ ...how, limit: SHOWN }), signal);
  try {
    let { items } = await words({ prefix: typed });
    const begin = items.length;
    if (!begin) ({ items } = await words({ near: typed }));
    if (signal.aborted) return;
    if (begin) open(items, `${count(begin, "word")}${begin === SHOWN ? " or more" : ""} begin with ${typed}`);
    else
      open(
        items,
        items.length
          ? `No word begins with ${typed}; near in spelling: ${count(items.length, "word")}`
          : `No word is like ${typed}`,
      );
  } catch (error) {
    if (error.name === "AbortError") return;
    close();
    say(`The search did not work: ${error.message}`);
  }
}

function move(step) {
  const options = [...list.children];
  if (list.hidden || !options.length) {
    look();
    return;
  }
  options[active]?.setAttribute("aria-selected", "false");
  active = active < 0 ? (step > 0 ? 0 : options.length - 1) : (active + step + options.length) % options.length;
  options[active].setAttribute("aria-selected", "true");
  options[active].scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", options[active].id);
}

function pressed(event) {
  if (event.isComposing) return; // an input method is at work: Enter and the arrows are its own
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    move(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Escape") {
    if (list.hidden) field.value = "";
    next();
    close();
  }
}

/** The word that the page shows stands in the field too, unless somebody types there. */
export function showWord(word) {
  if (!typing) field.value = word;
}

/** The sets are known: what was typed before that is looked up. */
export function ready() {
  if (typing) look();
}

export function start() {
  const soon = debounced(look, 120);
  field.addEventListener("input", () => {
    typing = true;
    soon();
  });
  field.addEventListener("keydown", pressed);
  field.addEventListener("blur", () => {
    typing = false;
    next();
    close();
  });
  byId("find").addEventListener("submit", (event) => {
    event.preventDefault();
    const word = active >= 0 ? list.children[active].dataset.word : field.value.trim();
    if (word) choose(word);
  });
}
