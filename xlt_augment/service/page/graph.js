// The neighborhood as a drawing: links are real links, so that they work by keyboard, in a new tab and with a screen reader.

import { number, svg } from "./dom.js";
import { layout } from "./layout.js";
import { wordAddress } from "./state.js";

let longest = 18; // characters of a word in the drawing; its title has them all
const canvas = document.createElement("canvas").getContext("2d");

const isLong = (word) => Array.from(word).length > longest;

function measure(word) {
  canvas.font = `500 14px ${getComputedStyle(document.body).fontFamily}`;
  const shown = isLong(word)
    ? `${Array.from(word)
        .slice(0, longest - 1)
        .join("")}…`
    : word;
  return Math.ceil(canvas.measureText(shown).width);
}

function label(node, struck) {
  if (node.ring === 2) return `${node.word}, a neighbor's neighbor`;
  const distance = node.row.distance === null ? "" : `, distance ${number(node.row.distance)}`;
  return `${node.word}${distance}${struck.has(node.word) ? ", struck" : ""}`;
}

const pill = (node) =>
  svg("rect", {
    class: "pill",
    x: node.x - node.w / 2,
    y: node.y - node.h / 2,
    width: node.w,
    height: node.h,
    rx: node.h / 2,
  });
/** The word; a long one is there as a whole, and cut by the box around it. */
function text(node) {
  if (!isLong(node.word)) return [svg("text", { x: node.x, y: node.y, dy: "0.35em", "text-anchor": "middle" }, node.word)];
  const [left, width] = [node.x - node.w / 2 + 11, node.w - 36];
  return [
    svg(
      "svg",
      { x: left, y: node.y - node.h / 2, width, height: node.h },
      svg("text", { x: 0, y: node.h / 2, dy: "0.35em" }, node.word),
    ),
    svg("text", { x: left + width, y: node.y, dy: "0.35em", "aria-hidden": "true" }, "…"),
  ];
}

function drawn(node, struck) {
  if (node.ring === 0) return svg("g", { class: "node middle" }, svg("title", {}, node.word), pill(node), text(node));
  const kind = node.ring === 2 ? "far" : (node.row.origin?.source ?? "plain");
  const touch = svg("rect", { class: "touch", x: node.x - node.w / 2, y: node.y - 22, width: node.w, height: 44 });
  return svg(
    "a",
    {
      class: `node ${kind}${struck.has(node.word) ? " struck" : ""}`,
      href: wordAddress(node.word),
      "aria-label": label(node, struck),
      "data-word": node.word,
      "data-radius": node.radius,
    },
    svg("title", {}, label(node, struck)),
    touch,
    pill(node),
    text(node),
  );
}

function line(nodes, [from, to], struck) {
  const [a, b] = [nodes[from], nodes[to]];
  if (from > 0 && b.ring === 1) {
    // among neighbors: bent away from the middle
    const [x, y] = [(a.x + b.x) / 2, (a.y + b.y) / 2];
    const [across, down] = [b.y - a.y, a.x - b.x];
    const bend = across * (x - nodes[0].x) + down * (y - nodes[0].y) < 0 ? -0.2 : 0.2;
    return svg("path", { class: "link among", d: `M${a.x} ${a.y}Q${x + across * bend} ${y + down * bend} ${b.x} ${b.y}` });
  }
  const kind = b.ring === 2 ? "far" : `near ${b.row.origin?.source ?? "plain"}${struck.has(b.word) ? " struck" : ""}`;
  return svg("path", { class: `link ${kind}`, d: `M${a.x} ${a.y}L${b.x} ${b.y}` });
}

/** The drawing for a place of `width` pixels. `struck` holds the words whose pair with the middle is struck. */
export function graph(center, rows, beyond, struck, width) {
  const narrow = width < 480;
  const height = Math.round(narrow ? width * 1.3 : Math.min(540, width * 0.8));
  longest = narrow ? 12 : 18;
  const plan = layout(center, rows, beyond, { width, height, measure });
  const rings = plan.rings.map((ring) => [
    svg("ellipse", {
      class: "ring",
      cx: plan.nodes[0].x,
      cy: plan.nodes[0].y,
      rx: ring.radius,
      ry: ring.radius * plan.nodes[0].stretch,
    }),
    svg(
      "text",
      { class: "scale", x: ring.label.x, y: ring.label.y, dy: "0.32em", "text-anchor": "middle" },
      String(ring.distance),
    ),
  ]);
  const drawing = svg(
    "svg",
    {
      class: "graph",
      role: "group",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      "aria-label": `Graph of the neighbors of ${center}, nearest first. The table says the same and more.`,
    },
    ...rings,
    svg("g", {}, ...plan.links.map((link) => line(plan.nodes, link, struck))),
    ...plan.nodes.map((node) => drawn(node, struck)),
  );
  return { drawing, plan };
}
