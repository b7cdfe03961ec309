// Where boxes, columns and edges of a graph stand: dagre ranks the boxes from left to right.

const BOX = { width: 216, height: 46, row: 24, foot: 6 };

/** Centres of the boxes, and the points that long edges go through. */
function layOut(boxes, links, heightOf) {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 22, ranksep: 84, marginx: 10, marginy: 10 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const box of boxes) graph.setNode(String(box), { width: BOX.width, height: heightOf(box) });
  for (const { from, to } of links) graph.setEdge(String(from), String(to), {});
  dagre.layout(graph);
  const places = new Map(boxes.map((box) => [box, graph.node(String(box))]));
  const bends = new Map(
    links.map(({ id, from, to }) => [id, graph.edge(String(from), String(to)).points.slice(1, -1)]),
  );
  return { places, bends };
}

/** The middle of a column's line in its box. */
function rowPlace(place, number) {
  return { x: place.x, y: place.y - place.height / 2 + BOX.height + BOX.row * (number + 0.5) };
}

/**
 * A curve from the right of one box to the left of another, as cytoscape wants it: for each control point how far along
 * the straight line it is, and how far off it.
 */
function curve(from, to, bends) {
  const start = { x: from.x + BOX.width / 2, y: from.y };
  const end = { x: to.x - BOX.width / 2, y: to.y };
  const middle = bends.length > 1 ? bends : [];
  const reach = Math.max(24, Math.min(90, Math.abs((middle[0] ?? end).x - start.x) / 2));
  const points = [{ x: start.x + reach, y: start.y }, ...middle, { x: end.x - reach, y: end.y }];
  const line = { x: end.x - start.x, y: end.y - start.y };
  const square = line.x ** 2 + line.y ** 2 || 1;
  const length = Math.sqrt(square);
  return {
    weights: points.map(({ x, y }) => ((x - start.x) * line.x + (y - start.y) * line.y) / square),
    distances: points.map(({ x, y }) => ((y - start.y) * line.x - (x - start.x) * line.y) / length),
  };
}

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
