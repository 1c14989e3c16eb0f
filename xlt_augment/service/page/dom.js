// Elements, made by hand: text is always text. Nothing here or elsewhere on this page parses markup.

const SVG = "http://www.w3.org/2000/svg";
const OWN = new Set(["hidden", "disabled", "value", "checked", "className", "open", "type"]);

function filled(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (OWN.has(name) && !(node instanceof SVGElement)) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An element with attributes and listeners (`onclick`); children are nodes or text. */
export const el = (tag, props = {}, ...children) => filled(document.createElement(tag), props, children);
export const svg = (tag, props = {}, ...children) => filled(document.createElementNS(SVG, tag), props, children);
export const byId = (id) => document.getElementById(id);
/** A word of a set, kept apart from the direction of the text around it. */
export const bdi = (word) => el("bdi", {}, word);
/** Words with commas between. */
export const names = (words) => words.flatMap((name, k) => [k ? ", " : "", bdi(name)]);
export const heard = (text) => el("span", { class: "heard" }, text);

/** Digits of a distance: three behind the point, more only for what would be 0. */
export function number(value) {
  if (value === null || value === undefined) return "–";
  if (value !== 0 && Math.abs(value) < 0.0005) return value.toExponential(1);
  return value.toFixed(3);
}

const WHOLE = new Intl.NumberFormat("en");
export const whole = (n) => WHOLE.format(n);
export const count = (n, one, many = `${one}s`) => `${whole(n)} ${n === 1 ? one : many}`;

const TIME = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
export function time(iso) {
  const at = new Date(iso);
  return el("time", { datetime: iso, title: iso }, Number.isNaN(at.getTime()) ? iso : TIME.format(at));
}

let fading;
/** Has a message read out that others can see anyway. */
export function tell(text, className = "heard") {
  const status = byId("status");
  clearTimeout(fading);
  status.textContent = text;
  status.className = className;
}

/** Shows a message for a while and has it read out. */
export function say(text) {
  tell(text, "");
  fading = setTimeout(() => byId("status").classList.add("gone"), 5000);
}

/** `run` after a rest of `ms` since the last call. */
export function debounced(run, ms) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...given), ms);
  };
}

/** A function that gives a fresh AbortSignal and aborts the one before: an answer that is overtaken is never drawn. */
export function latest() {
  let running;
  return () => {
    running?.abort();
    running = new AbortController();
    return running.signal;
  };
}

async function copied(text) {
  if (navigator.clipboard && window.isSecureContext) {
    const done = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
    if (done) return true;
  }
  const box = el("textarea", { value: text, readonly: true, class: "heard", "aria-hidden": "true" });
  const before = document.activeElement;
  (before?.closest("dialog") ?? document.body).append(box);
  box.select();
  const done = document.execCommand("copy"); // where there is no clipboard: plain http on another host than this one
  box.remove();
  before?.focus();
  return done;
}

/** A button that copies what `text()` gives. */
function copyButton(text, what) {
  return el(
    "button",
    {
      type: "button",
      class: "small",
      "aria-label": `Copy ${what}`,
      onclick: async () =>
        say((await copied(text())) ? `Copied ${what}.` : `Could not copy ${what}; select it and copy it by hand.`),
    },
    "Copy",
  );
}

/** A command to be copied. */
export const command = (text, what = "the command") =>
  el(
    "div",
    { class: "command" },
    el("pre", { class: "code" }, el("code", {}, text)),
    copyButton(() => text, what),
  );

export const sha = (text) =>
  el(
    "span",
    { class: "sha" },
    el("code", { title: text }, text),
    " ",
    copyButton(() => text, "the sha256"),
  );

function kept(storage) {
  return {
    get(name) {
      try {
        return window[storage].getItem(name);
      } catch {
        // blocked by the browser's settings: the page works, it only forgets
        return null;
      }
    },
    set(name, value) {
      try {
        window[storage].setItem(name, value);
      } catch {
        /* as above */
      }
    },
  };
}
export const session = kept("sessionStorage");
export const local = kept("localStorage");
