// The dialogs: a token, a pair to strike, a pair to withdraw.

import { get, keepToken, onToken, post, route, trouble } from "./api.js";
import { bdi, byId, local, say } from "./dom.js";
import { mayWrite, read, service } from "./state.js";

const AUTHOR = "xlt-author";
let entered = () => {}; // called when there is a new token

/** Opens a dialog; resolves when it is closed, to what its `returnValue` is. `submit` may keep it open by giving false. */
function opened(dialog, submit) {
  return new Promise((resolve) => {
    const form = dialog.querySelector("form");
    form.onsubmit = async (event) => {
      event.preventDefault();
      if ((await submit()) !== false) dialog.close("done");
    };
    dialog.querySelector("[data-close]").onclick = () => dialog.close("");
    dialog.onclose = () => resolve(dialog.returnValue === "done");
    dialog.returnValue = "";
    dialog.showModal();
  });
}

/** Asks for a token, saying why; resolves to whether one was given. */
export async function askToken(title, why) {
  byId("token-title").textContent = title;
  byId("token-why").textContent = why;
  const field = byId("token");
  field.value = "";
  const given = await opened(byId("token-dialog"), () => {
    const token = field.value.trim();
    if (!/^[\x21-\x7e]+$/.test(token)) {
      // what a header can hold
      field.setCustomValidity("A token has printable ASCII characters only, without spaces.");
      field.reportValidity();
      return false;
    }
    keepToken(token);
    return true;
  });
  field.value = "";
  return given;
}

async function writing() {
  if (mayWrite()) return true;
  const given = await askToken(
    "Striking pairs needs a token that may write",
    "The command xlt-augment serve prints an address with one when it starts, or the keeper of the service gives you one.",
  );
  if (!given) return false;
  service.facts = await get(route("service"));
  entered();
  if (!mayWrite()) say("This token may read, but not write.");
  return mayWrite();
}

async function dialog({ title, what, act, words, send }) {
  byId("pair-title").textContent = title;
  byId("pair-what").replaceChildren(...what);
  byId("pair-words").hidden = !words;
  for (const id of ["pair-first", "pair-second"]) {
    byId(id).value = "";
    byId(id).required = words;
  }
  byId("pair-author").value = local.get(AUTHOR) ?? "";
  byId("pair-reason").value = "";
  byId("pair-do").textContent = act;
  byId("pair-trouble").replaceChildren();
  return opened(byId("pair-dialog"), async () => {
    byId("pair-do").disabled = true;
    try {
      const author = byId("pair-author").value.trim();
      await send({ author, reason: byId("pair-reason").value.trim() });
      local.set(AUTHOR, author);
      return true;
    } catch (error) {
      byId("pair-trouble").replaceChildren(trouble(error));
      return false;
    } finally {
      byId("pair-do").disabled = false;
    }
  });
}

const named = (first, second) => [bdi(first), " and ", bdi(second), " will not stand for one another, in either direction."];

/** Strikes a pair, or one that the dialog asks for when `pair` is null; `done()` is called when it was struck. */
export async function strike(pair, done) {
  const { set } = read();
  if (!(await writing())) return;
  let told = pair;
  const given = await dialog({
    title: "Strike a pair",
    act: "Strike",
    words: pair === null,
    what: pair ? named(pair.first, pair.second) : [],
    send: (why) => {
      told = pair ?? { first: byId("pair-first").value.trim(), second: byId("pair-second").value.trim() };
      return post(route("sets", set, "vetoes"), { ...told, ...why });
    },
  });
  if (!given) return;
  await done();
  say(`Struck ${told.first} and ${told.second}.`);
}

/** Takes a pair off the list. */
export async function withdraw(veto, done) {
  const { set } = read();
  if (!(await writing())) return;
  const given = await dialog({
    title: "Withdraw a veto",
    act: "Withdraw",
    words: false,
    what: [bdi(veto.first), " and ", bdi(veto.second), ` were struck by ${veto.author}: ${veto.reason}`],
    send: (why) => post(`${route("sets", set, "vetoes")}/${veto.id}/withdraw`, why),
  });
  if (!given) return;
  await done();
  say(`Withdrew the veto of ${veto.first} and ${veto.second}.`);
}

/** `refresh()` is called when a token was entered by hand. */
export function start(refresh) {
  entered = refresh;
  byId("token").addEventListener("input", () => byId("token").setCustomValidity(""));
  onToken((problem) => askToken("A token is needed", problem.found === "none"
    ? "This service answers those who have a token. Whoever keeps it has one for you."
    : `The service found ${problem.found}. Whoever keeps it knows the right one.`));
  byId("access").addEventListener("click", async () => {
    if (!(await askToken("Enter a token", "It decides whether you may read, or write as well."))) return;
    service.facts = await get(route("service"));
    entered();
    say(mayWrite() ? "You may read and write." : "You may read.");
  });
}
