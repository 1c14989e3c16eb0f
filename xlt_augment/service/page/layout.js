// Where the words of a neighborhood stand in a drawing: the same words and size give the same picture.

const ROW = 30; // height of a word's box
const GAP = 5; // kept free around each
const MOST = 20; // neighbors that are drawn
const NARROW = 480; // pixels: below there is room for fewer, and in an oval only
const MOST_NARROW = 10;
const ROOMY = 10; // with more neighbors than this there is no second ring
const FAR = 20; // words of the second ring at most

/** 1, 2 or 5 times a power of ten, the least that is not below `value`: where a scale ends. */
function scaleEnd(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return [1, 2, 5, 10].map((n) => Number((n * power).toPrecision(1))).find((end) => end >= value * (1 - 1e-9));
}

const overlap = (a, b) => ({
  x: (a.w + b.w) / 2 + GAP - Math.abs(a.x - b.x),
  y: (a.h + b.h) / 2 + GAP - Math.abs(a.y - b.y),
});
const meet = (a, b) => {
  const { x, y } = overlap(a, b);
  return x > 0 && y > 0;
};

function place(node, middle) {
  const edge = Math.max(middle.x - node.w / 2 - 2, 0); // a long word stays inside
  node.x = middle.x + Math.min(Math.max(node.radius * Math.cos(node.angle), -edge), edge);
  node.y = middle.y + node.radius * middle.stretch * Math.sin(node.angle);
}

/** Turns boxes that meet away from one another; each keeps its radius, which means something. */
function spread(nodes, middle) {
  for (let round = 0; round < 120; round += 1) {
    let met = false;
    nodes.forEach((node, k) => {
      const other = nodes[(k + 1) % nodes.length];
      if (node === other || !meet(node, other)) return;
      met = true;
      node.angle -= 0.015;
      other.angle += 0.015;
      place(node, middle);
      place(other, middle);
    });
    if (!met) return;
  }
}

/** Radius of a distance: grows evenly from the least to the most. Without distances it grows with the place in the row. */
function radii(rows, least, most) {
  const known = rows.every((row) => row.distance !== null);
  const end = known ? scaleEnd(Math.max(...rows.map((row) => row.distance), 0)) : null;
  const at = (part) => least + (most - least) * Math.min(Math.max(part, 0), 1);
  const radius = rows.map((row, k) => at(known ? row.distance / end : (k + 1) / rows.length));
  const rings = known ? [0.5, 1].map((part) => ({ radius: at(part), distance: Number((end * part).toPrecision(2)) })) : [];
  return { radius, rings };
}

/** Moves the words of the second ring off the others and into the drawing; those that find no place are left out. */
function settle(far, fixed, width, height) {
  const inside = (node) => {
    node.x = Math.min(Math.max(node.x, node.w / 2 + 2), width - node.w / 2 - 2);
    node.y = Math.min(Math.max(node.y, node.h / 2 + 2), height - node.h / 2 - 2);
  };
  far.forEach(inside);
  for (let round = 0; round < 100; round += 1) {
    for (const node of far) {
      for (const other of [...fixed, ...far]) {
        if (other === node || !meet(node, other)) continue;
        const { x, y } = overlap(node, other);
        if (x < y) node.x += (node.x < other.x ? -x : x) / 2 - 0.01;
        else node.y += (node.y < other.y ? -y : y) / 2 - 0.01;
        inside(node);
      }
    }
  }
  const kept = [];
  for (const node of far)
    if (![...fixed, ...kept].some((other) => meet({ ...node, w: node.w - GAP, h: node.h - GAP }, other))) kept.push(node);
  return kept;
}

/** Where the distance of a ring is written: straight down, or the next place where no word stands. */
function labelled(ring, nodes) {
  const at = (turn) => ({
    x: nodes[0].x + ring.radius * Math.sin((turn * Math.PI) / 12),
    w: 34,
    h: 14,
    y: nodes[0].y + ring.radius * nodes[0].stretch * Math.cos((turn * Math.PI) / 12),
  });
  const places = [0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 8, -8, 10, -10, 12].map(at);
  return { ...ring, label: places.find((place) => !nodes.some((node) => meet(node, place))) ?? places[0] };
}

/** Words of the second ring, in turn from each neighbor: [word, place of its neighbor]. */
function further(near, center, beyond) {
  const seen = new Set([center, ...near.map((node) => node.word)]);
  const found = [];
  for (let turn = 0; turn < 4; turn += 1) {
    near.forEach((node, k) => {
      const word = (beyond.get(node.word) ?? []).find((other) => !seen.has(other));
      if (word === undefined || found.length >= FAR) return;
      seen.add(word);
      found.push([word, k]);
    });
  }
  return found;
}

/**
 * `rows`: neighbors, nearest first; `beyond`: word -> its own neighbors; `measure(text)`: its width in pixels.
 * Gives `nodes` (the middle first), `links` between places in `nodes`, `rings` with their distances, how many were `left`
 * out, and whether there is a second `ring`.
 */
export function layout(center, rows, beyond, { width, height, measure }) {
  const box = (word, ring, more) => ({ word, ring, w: measure(word) + 22, h: ROW, ...more });
  const middle = box(center, 0, { x: width / 2, y: height / 2 });
  middle.h = ROW + 8;
  middle.w += 12;
  const narrow = width < NARROW;
  middle.stretch = narrow ? 1.5 : 1; // height of the rings by their width
  const drawn = rows.slice(0, narrow ? MOST_NARROW : MOST);
  const near = drawn.map((row) => box(row.word, 1, { row }));
  const beside = !narrow && drawn.length <= ROOMY ? further(near, center, beyond) : [];
  const widest = narrow ? 80 : Math.max(0, ...near.map((node) => node.w));
  const reach = Math.min(width / 2 - widest / 2 - 4, (height / 2 - ROW / 2 - 4) / middle.stretch);
  const most = Math.min(reach, height * (beside.length ? 0.33 : 0.42));
  const { radius, rings } = radii(drawn, Math.min(Math.max(64, middle.w / 2 + 26), most * 0.7), most);
  const first = drawn.length <= 2 ? -Math.PI / 5 : -Math.PI / 2 + Math.PI / Math.max(drawn.length, 3) / 2;
  near.forEach((node, k) => {
    Object.assign(node, { radius: radius[k], angle: first + (2 * Math.PI * k) / drawn.length });
    place(node, middle);
  });
  spread(near, middle);
  const fixed = [middle, ...near];
  const links = [];
  near.forEach((a, j) =>
    near.forEach((b, k) => {
      if (j < k && (beyond.get(a.word) ?? []).includes(b.word)) links.push([j + 1, k + 1]);
    }),
  );
  links.push(...near.map((_, k) => [0, k + 1]));
  const turns = new Map();
  const far = beside.map(([word, parent]) => {
    const turn = turns.get(parent) ?? 0;
    turns.set(parent, turn + 1);
    const angle = near[parent].angle + [0, -0.38, 0.38, 0.7][turn];
    const node = box(word, 2, { parent });
    node.h = ROW - 6;
    return Object.assign(node, {
      x: middle.x + (width / 2 - node.w / 2) * Math.cos(angle),
      y: middle.y + (height / 2 - ROW) * Math.sin(angle),
    });
  });
  const kept = settle(far, fixed, width, height);
  kept.forEach((node, k) => links.push([node.parent + 1, fixed.length + k]));
  const nodes = [...fixed, ...kept];
  return {
    nodes,
    links,
    rings: rings.map((ring) => labelled(ring, nodes)),
    left: rows.length - drawn.length,
    ring: kept.length > 0,
  };
}
