// The sentence box: variants with their changed words marked, and the command that gives the same.

import { filling, post } from "./api.js";
import { bdi, byId, command, count, debounced, el, heard, latest, say, tell, whole } from "./dom.js";
import { read, service } from "./state.js";

const EXAMPLE = "The film is a sad but beautiful story about two brothers who start a small company.";
const next = latest();
const value = (id) => byId(id).value;

/** The text with its changed words marked. Offsets count code points, so the string is taken apart into those. */
export function marked(text, spans) {
  const letters = Array.from(text);
  const parts = [];
  let done = 0;
  for (const span of spans) {
    parts.push(letters.slice(done, span.start).join(""));
    parts.push(
      el(
        "mark",
        { title: `was: ${span.before}` },
        letters.slice(span.start, span.stop).join(""),
        heard(` (was ${span.before})`),
      ),
    );
    done = span.stop;
  }
  parts.push(letters.slice(done).join(""));
  return parts;
}

function variant(one) {
  return el(
    "li",
    { class: one.changed ? null : "same", "data-variant": one.variant },
    el("p", { class: "variant", dir: "auto" }, marked(one.text, one.spans)),
    el("small", {}, one.changed ? `${count(one.changed, "word")} changed` : "unchanged"),
  );
}

function drawn(given) {
  const [{ words, eligible, variants }] = given.results;
  const differ = variants.filter((one) => one.changed).length;
  const said = `${whole(differ)} of ${count(variants.length, "variant")} differ${differ === 1 && variants.length > 1 ? "s" : ""} from the sentence`;
  tell(said);
  const from = given.set === null ? "neighboring words exchanged" : ["from ", el("strong", {}, given.set)];
  const left = given.vetoed ? `, ${count(given.vetoed, "struck pair")} left out` : "";
  return [
    el(
      "div",
      { class: "panel" },
      el("h3", {}, "Variants"),
      el(
        "p",
        { class: "facts" },
        `${said}. It has ${count(words, "word")}, of which ${whole(eligible)} can change; `,
        from,
        `${left}.`,
      ),
      el("ol", { class: "variants" }, variants.map(variant)),
    ),
    el("div", { class: "panel" }, el("h3", {}, "The same at the command line"), command(given.command)),
  ];
}

/** What is asked for, as JSON; null when it is not fit to be sent. The seed is written by hand: numbers here hold 53 bits only. */
function request(set) {
  const form = byId("sentence");
  const digits = value("seed");
  const seed = /^[0-9]{1,20}$/.test(digits) ? BigInt(digits) : null;
  byId("seed").setCustomValidity(seed === null || seed >= 2n ** 64n ? "A whole number from 0 to 18446744073709551615" : "");
  if (!form.checkValidity() || !value("m") || (!byId("uniform").checked && !value("p-number"))) return null;
  const asked = {
    texts: [value("text")],
    set,
    method: value("method"),
    m: Number(value("m")),
    words: value("words"),
    case: value("case"),
    p: byId("uniform").checked ? "uniform" : Number(value("p-number")),
    vetoes: byId("without").checked && service.facts.vetoes,
  };
  return `${JSON.stringify(asked).slice(0, -1)},"seed":${seed}}`;
}

async function run() {
  const signal = next();
  const out = byId("sentence-out");
  if (!value("text").trim()) {
    out.replaceChildren(el("p", { class: "note" }, "Write a sentence above."));
    return;
  }
  const body = request(read().set);
  if (body === null) {
    const wrong = [...byId("sentence").elements].find((field) => field.validationMessage);
    out.replaceChildren(
      el(
        "p",
        { class: "note", role: "alert" },
        wrong
          ? [
              bdi(byId("sentence").querySelector(`label[for="${wrong.id}"]`)?.textContent ?? "Probability p"),
              `: ${wrong.validationMessage}`,
            ]
          : "Fill in the fields above.",
      ),
    );
    return;
  }
  await filling(out, signal, async () => drawn(await post("v1/augment", body, signal)));
}

const soon = debounced(run, 200);

function turned() {
  const synonym = value("method") === "synonym";
  byId("uniform").disabled = !synonym;
  if (!synonym) byId("uniform").checked = false;
  for (const id of ["p", "p-number"]) byId(id).disabled = byId("uniform").checked;
  for (const id of ["case", "without"]) byId(id).disabled = !synonym;
}

export function start() {
  byId("text").value = EXAMPLE;
  byId("p").addEventListener("input", () => {
    byId("p-number").value = value("p");
  });
  byId("p-number").addEventListener("input", () => {
    byId("p").value = value("p-number");
  });
  byId("sentence").addEventListener("input", () => {
    turned();
    soon();
  });
  byId("sentence").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  byId("new-seed").addEventListener("click", () => {
    byId("seed").value = String(crypto.getRandomValues(new Uint32Array(1))[0]);
    say(`Seed ${value("seed")}`);
    run();
  });
}

export async function show() {
  byId("without-row").hidden = !service.facts.vetoes;
  byId("m").max = service.facts.limits.variants;
  byId("text").maxLength = service.facts.limits.text;
  turned();
  await run();
}
