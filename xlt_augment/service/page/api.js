// The way to the API: token, errors with their four parts, loading states.

import { el, bdi, session } from "./dom.js";

const TOKEN = "xlt-token";
let memory = null; // where the browser keeps no storage
let asked = null; // the dialog that is open: all who need a token wait for the same one
let askToken = async () => false;

export const token = () => memory ?? session.get(TOKEN);
export function keepToken(value) {
  memory = value;
  session.set(TOKEN, value);
}
/** `ask(problem)` shows a dialog and resolves to whether there is a new token. */
export function onToken(ask) {
  askToken = ask;
}

/** What went wrong: the `Problem` of the API, or one of the same form that is made here. */
export class ApiError extends Error {
  constructor(problem) {
    super(problem.found);
    this.problem = problem;
  }
}

const problem = (status, doing, found, expected, remedy) => ({ id: "", status, doing, found, expected, remedy, close: [] });

/** A relative address, so that the page works below any path of a proxy. */
export const route = (...parts) => `v1/${parts.map(encodeURIComponent).join("/")}`;
export function query(given) {
  const pairs = Object.entries(given).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}

async function failure(answer) {
  const body = await answer.json().catch(() => null);
  if (body?.error?.found !== undefined) return body.error;
  return problem(
    answer.status,
    "asking the service",
    `status ${answer.status} without a reason`,
    "an answer of the service",
    "Look whether something stands between this page and the service, and try again",
  );
}

async function sent(path, { method = "GET", body, signal } = {}) {
  const headers = { accept: "application/json" };
  if (token()) headers.authorization = `Bearer ${token()}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  try {
    return await fetch(new URL(path, document.baseURI), {
      method,
      headers,
      body,
      signal,
      credentials: "same-origin",
      redirect: "error",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(
      problem(
        0,
        "asking the service",
        "no answer",
        "that it runs and can be reached",
        "See whether xlt-augment serve still runs where you started it, then try again",
      ),
    );
  }
}

/** The answer to a request; asks for a token as long as there is none that is good. Raises ApiError, AbortError. */
export async function answer(path, options = {}) {
  for (;;) {
    const used = token();
    const got = await sent(path, options);
    if (got.ok) return got;
    const why = await failure(got);
    if (got.status !== 401) throw new ApiError(why);
    if (token() !== used) continue; // somebody entered one meanwhile
    asked ??= askToken(why).finally(() => {
      asked = null;
    });
    if (!(await asked)) throw new ApiError(why);
  }
}

export const get = async (path, signal) => (await answer(path, { signal })).json();
/** `body` is an object, or JSON already. */
export const post = async (path, body, signal) =>
  (await answer(path, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body), signal })).json();

/** An error with its four parts, for people. */
export function trouble(error) {
  const { doing, found, expected, remedy, id } =
    error instanceof ApiError
      ? error.problem
      : problem(
          0,
          "showing this",
          String(error?.message ?? error),
          "no error of the page",
          "Load the page again, and report this if it comes back",
        );
  const part = (name, text) => (text ? [el("dt", {}, name), el("dd", {}, bdi(text))] : []);
  return el(
    "div",
    { class: "alarm", role: "alert" },
    el("p", {}, el("strong", {}, "That did not work.")),
    el(
      "dl",
      {},
      part("While", doing),
      part("Found", found),
      part("Expected", expected),
      part("What to do", remedy),
      part("Error id", id),
    ),
  );
}

/** Fills `box` with what `draw` makes; meanwhile it says so, and errors are shown in it. Gives whether it was drawn. */
export async function filling(box, signal, draw) {
  box.setAttribute("aria-busy", "true");
  const wait = setTimeout(() => {
    if (!signal.aborted) box.replaceChildren(el("p", { class: "loading" }, "Loading…"));
  }, 250);
  try {
    const nodes = await draw();
    if (signal.aborted) return false;
    box.replaceChildren(...[nodes].flat().filter(Boolean));
    return true;
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return false;
    box.replaceChildren(trouble(error));
    return false;
  } finally {
    clearTimeout(wait);
    if (!signal.aborted) box.removeAttribute("aria-busy");
  }
}
