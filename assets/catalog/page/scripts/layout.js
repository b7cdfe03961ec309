// Where boxes, columns and edges of a graph stand: dagre ranks the boxes from left to right.
// A graph that is `turned` is laid out so too; x and y change places when it is drawn, and it runs downwards.
// Where its ranks have more boxes than a phone is wide, each is folded into lines of two, with a gutter between them.

const BOX = { width: 216, narrow: 184, height: 46, row: 24, foot: 6 };
const CLEAR = 11;
const LANE = 8;
const ASIDE = 22;
const FOLD = { gutter: 26, line: 28, rank: 48 };

/** Centres and sizes of the boxes, and the points that long edges go through. */
function layOut(boxes, links, heightOf, turned) {
  const graph = new dagre.graphlib.Graph();
  const apart = turned ? { nodesep: 14, ranksep: 48 } : { nodesep: 22, ranksep: 84 };
  graph.setGraph({ rankdir: "LR", ...apart, marginx: 10, marginy: 10 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const box of boxes)
    graph.setNode(
      String(box),
      turned ? { width: heightOf(box), height: BOX.narrow } : { width: BOX.width, height: heightOf(box) },
    );
  for (const { from, to } of links) graph.setEdge(String(from), String(to), {});
  dagre.layout(graph);
  const places = new Map(boxes.map((box) => [box, graph.node(String(box))]));
  const bends = new Map(
    links.map(({ id, from, to }) => [id, graph.edge(String(from), String(to)).points.slice(1, -1)]),
  );
  const lane = () => lanesAround([...places.values()]);
  if (!turned || breadth(places) <= 2 * BOX.narrow + FOLD.gutter) return { places, bends, lane: lane() };
  return { places, bends: foldRanks(places, links), lane: lane() };
}

/** How much room the boxes take side by side. */
function breadth(places) {
  const sides = [...places.values()].map(({ y }) => y);
  return Math.max(...sides) - Math.min(...sides) + BOX.narrow;
}

/** Move the boxes of each rank into lines of two, in their order; the bends of the edges, which take the gutter. */
function foldRanks(places, links) {
  const ranks = new Map();
  for (const place of places.values()) {
    const rank = Math.round(place.x);
    ranks.set(rank, [...(ranks.get(rank) ?? []), place]);
  }
  const lines = new Map();
  let x = BOX.height / 2;
  for (const rank of [...ranks.keys()].sort((a, b) => a - b)) {
    const row = ranks.get(rank).sort((a, b) => a.y - b.y);
    row.forEach((place, number) => {
      if (number && number % 2 === 0) x += BOX.height + FOLD.line;
      place.x = x;
      place.y = row.length === 1 ? 0 : ((BOX.narrow + FOLD.gutter) / 2) * (number % 2 ? 1 : -1);
      lines.set(x, row.length === 1);
    });
    x += BOX.height + FOLD.rank;
  }
  return new Map(links.map(({ id, from, to }) => [id, bendsBetween(places.get(from), places.get(to), lines)]));
}

/** The way through the gutter, or beside a line whose only box stands in it; none to the very next line. */
function bendsBetween(from, to, lines) {
  const passed = [...lines].filter(([x]) => x > from.x && x < to.x);
  if (passed.length === 0) return [];
  const isBlocked = passed.some(([, alone]) => alone);
  const y = isBlocked ? (BOX.narrow + FOLD.gutter / 2 + LANE) * (from.y + to.y > 0 ? 1 : -1) : 0;
  const out = (BOX.height + FOLD.line) / 2;
  const straight = out + FOLD.line / 4; // two points at each turn, else the curve cuts the corner, where a box is
  return [from.x + out, from.x + straight, to.x - straight, to.x - out].map((x) => ({ x, y }));
}

/** The middle of a column's line in its box. */
function rowPlace(place, number) {
  const y = place.y - place.height / 2 + BOX.height + BOX.row * (number + 0.5);
  return { x: place.x, y, width: place.width, height: BOX.row };
}

/** A function that takes, from `left` to `right`, the y nearest to `near` that is free of boxes and of earlier lanes. */
function lanesAround(places) {
  const taken = places.map(({ x, y, width, height }) => ({
    left: x - width / 2,
    right: x + width / 2,
    top: y - height / 2 - CLEAR,
    bottom: y + height / 2 + CLEAR,
  }));
  return (left, right, near) => {
    const inTheWay = taken.filter((one) => one.right > left && one.left < right);
    const free = inTheWay
      .flatMap(({ top, bottom }) => [bottom, top])
      .sort((a, b) => Math.abs(a - near) - Math.abs(b - near))
      .find((y) => !inTheWay.some(({ top, bottom }) => y > top && y < bottom));
    taken.push({ left, right, top: free - LANE, bottom: free + LANE });
    return free;
  };
}

/** The curve of an edge from the right of one place to the left of another. */
function route(from, to, bends, lane) {
  const start = { x: from.x + from.width / 2, y: from.y };
  const end = { x: to.x - to.width / 2, y: to.y };
  const points = end.x < start.x ? wayBack(from, to, start, end, lane) : wayOn(start, end, bends);
  return {
    ...curve(start, end, points),
    leaves: [start.x - from.x, start.y - from.y],
    enters: [end.x - to.x, end.y - to.y],
  };
}

function wayOn(start, end, bends) {
  const middle = bends.length > 1 ? bends : [];
  const reach = Math.max(middle.length ? 7 : 24, Math.min(90, Math.abs((middle[0] ?? end).x - start.x) / 2));
  return [{ x: start.x + reach, y: start.y }, ...middle, { x: end.x - reach, y: end.y }];
}

/** To what is further left: around the boxes, and its ends moved away from the middle, where other edges are. */
function wayBack(from, to, start, end, lane) {
  const right = start.x + ASIDE;
  const left = end.x - ASIDE;
  const y = lane(left, right, (start.y + end.y) / 2);
  start.y += Math.sign(y - start.y) * Math.min(24, from.height / 4);
  end.y += Math.sign(y - end.y) * Math.min(24, to.height / 4);
  return [
    { x: right, y: start.y },
    { x: right, y },
    { x: start.x, y },
    { x: end.x, y },
    { x: left, y },
    { x: left, y: end.y },
  ];
}

/** A curve as cytoscape wants it: for each control point how far along the straight line it is, and how far off it. */
function curve(start, end, points) {
  const line = { x: end.x - start.x, y: end.y - start.y };
  const square = line.x ** 2 + line.y ** 2 || 1;
  const length = Math.sqrt(square);
  return {
    weights: points.map(({ x, y }) => ((x - start.x) * line.x + (y - start.y) * line.y) / square),
    distances: points.map(({ x, y }) => ((y - start.y) * line.x - (x - start.x) * line.y) / length),
  };
}

/** A place or a route as it is drawn in a graph that is turned. */
const turnedPlace = ({ x, y }) => ({ x: y, y: x });
const turnedRoute = ({ weights, distances, leaves, enters }) => ({
  weights,
  distances: distances.map((distance) => -distance),
  leaves: leaves.toReversed(),
  enters: enters.toReversed(),
});

const measure = document.createElement("canvas").getContext("2d");

/** As much of a text as a line of `width` pixels has room for. */
function fitted(string, width, font) {
  measure.font = font;
  const line = string.replace(/\s+/g, " ").slice(0, 120);
  if (measure.measureText(line).width <= width && line.length === string.length) return line;
  const characters = Array.from(line);
  while (characters.length > 1 && measure.measureText(`${characters.join("")}…`).width > width) characters.pop();
  return `${characters.join("")}…`;
}

/** As much of a name; of one word, its beginning and its end, for such names differ at the end. */
function fittedName(string, width, font) {
  if (/\s/.test(string)) return fitted(string, width, font);
  measure.font = font;
  const characters = Array.from(string.length > 240 ? `${string.slice(0, 120)}${string.slice(-120)}` : string);
  if (string.length <= 240 && measure.measureText(string).width <= width) return string;
  const shown = (kept) => {
    const end = Math.floor(kept / 3);
    return `${characters.slice(0, kept - end).join("")}…${end ? characters.slice(-end).join("") : ""}`;
  };
  let kept = characters.length - 1;
  while (kept > 1 && measure.measureText(shown(kept)).width > width) kept -= 1;
  return shown(kept);
}
