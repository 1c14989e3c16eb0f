// The datasets of the store: a list, a card, sample rows.

import { filling, get, query, route } from "./api.js";
import { bdi, byId, count, el, latest, sha, time, whole } from "./dom.js";
import { readable } from "./provenance.js";
import { marked } from "./sentence.js";
import { address, go, read } from "./state.js";
import { table } from "./table.js";

const PAGE = 50;
const ROWS = 5;
const next = latest();

async function list(signal) {
  const page = await get(route("datasets") + query({ limit: PAGE }), signal);
  if (!page.items.length) return el("p", { class: "note" }, "The store holds no dataset yet.");
  const columns = [
    {
      name: "Dataset",
      head: true,
      value: (one) => one.name,
      cell: (one) => el("a", { href: address({ dataset: one.name, version: "" }) }, bdi(one.name)),
    },
    { name: "Newest", value: (one) => one.version, cell: (one) => `v${one.version}` },
    { name: "By", value: (one) => one.by, cell: (one) => bdi(one.by) },
    { name: "Published", value: (one) => one.at, cell: (one) => time(one.at) },
  ];
  const box = el("div", { class: "panel" });
  const draw = () =>
    box.replaceChildren(
      table("Datasets", columns, page.items),
      ...(page.next
        ? [
            el(
              "button",
              {
                type: "button",
                onclick: async () => {
                  const more = await get(route("datasets") + query({ limit: PAGE, cursor: page.next }));
                  page.items.push(...more.items);
                  page.next = more.next;
                  draw();
                },
              },
              "Show more",
            ),
          ]
        : []),
    );
  draw();
  return box;
}

const texts = (row) =>
  el(
    "dl",
    { class: "texts" },
    Object.entries(row)
      .filter(([, text]) => typeof text === "string")
      .map(([column, text]) => [el("dt", {}, column), el("dd", { dir: "auto" }, marked(text, []))]),
  );

function sample(one) {
  return el(
    "li",
    {},
    el("p", { class: "facts" }, `Row ${whole(one.source_id)}`, one.label === null ? "" : `, label ${one.label}`),
    texts(one.texts),
    one.variants.length > 0 &&
      el(
        "details",
        {},
        el("summary", {}, count(one.variants.length, "variant")),
        el(
          "ol",
          {},
          one.variants.map((row) => el("li", {}, texts(row))),
        ),
      ),
  );
}

const fact = (name, ...what) => [el("dt", {}, name), el("dd", {}, ...what)];

function choice(detail) {
  const versions = detail.versions
    .toSorted((a, b) => b - a)
    .map((version) => el("option", { value: String(version) }, `v${version}`));
  const select = el("select", { id: "version", onchange: () => go({ version: select.value }, { stay: true }) }, versions);
  select.value = String(detail.version);
  return el("div", { class: "field short" }, el("label", { for: "version" }, "Version"), select);
}

async function detail({ dataset, version }, signal) {
  const path = `v1/datasets/${dataset.split("/").map(encodeURIComponent).join("/")}`;
  const one = await get(path + query({ version }), signal);
  const { samples } = await get(`${path}/samples${query({ version: one.version, limit: ROWS })}`, signal);
  return [
    el("p", {}, el("a", { href: address({ dataset: "", version: "" }) }, "← All datasets")),
    el(
      "div",
      { class: "panel" },
      el("h3", {}, bdi(one.name)),
      choice(one),
      el(
        "dl",
        { class: "made" },
        fact("Published", "by ", bdi(one.by), ", ", time(one.at)),
        fact("Identity", sha(one.identity)),
        fact("Size", `${whole(one.bytes)} bytes in ${count(one.files, "file")}`),
        ...[
          ["About", one.about],
          ["Made from", one.parents],
          ["Recipe", one.recipe],
          ["Statistics", one.statistics],
          ["Synonyms", one.synonyms],
        ]
          .filter(([, value]) => value !== null)
          .map(([name, value]) => fact(name, readable(value, 2))),
      ),
    ),
    el("div", { class: "panel" }, el("h3", {}, "Card"), el("pre", { class: "card" }, one.card)),
    el(
      "div",
      { class: "panel" },
      el("h3", {}, "Samples"),
      samples.length ? el("ol", { class: "samples" }, samples.map(sample)) : el("p", { class: "muted" }, "none"),
    ),
  ];
}

export async function show(state) {
  const signal = next();
  await filling(byId("datasets-body"), signal, () => (state.dataset ? detail(read(), signal) : list(signal)));
}
