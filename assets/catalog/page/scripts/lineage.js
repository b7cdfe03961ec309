// Which boxes and edges a lineage graph has. No drawing here.

const MOST_BOXES = 150;
const MOST_BOXES_WITH_COLUMNS = 60;
const MOST_COLUMNS_OF_BOX = 12;

/**
 * The boxes within `up` and `down` steps of `center`, nearest first and `most` at the most, and the edges among them.
 * `hidden` says how many are within those steps but not drawn.
 */
function neighbourhood(center, up, down, most) {
  const steps = new Map([[center, 0]]);
  const hidden = new Set();
  let fringe = { true: [center], false: [center] };
  const seen = { true: new Set([center]), false: new Set([center]) };
  for (let step = 1; fringe.true.length + fringe.false.length > 0; step++) {
    const next = { true: [], false: [] };
    for (const upwards of [true, false]) {
      if (step > (upwards ? up : down)) continue;
      for (const box of fringe[upwards]) {
        for (const other of neighbours(box, upwards)) {
          if (seen[upwards].has(other)) continue;
          seen[upwards].add(other);
          next[upwards].push(other);
          if (steps.has(other)) continue;
          if (steps.size < most) steps.set(other, upwards ? -step : step);
          else hidden.add(other);
        }
      }
    }
    fringe = next;
  }
  return { center, steps, hidden: hidden.size, links: linksAmong(steps) };
}

/** One link for each pair of boxes, with all the edges that it stands for. */
function linksAmong(steps) {
  const { flow } = catalog;
  const links = new Map();
  for (const box of steps.keys()) {
    for (const link of flow.outOf(box)) {
      const to = flow.downstream[link];
      if (!steps.has(to)) continue;
      const id = `${box}>${to}`;
      if (!links.has(id)) links.set(id, { id, from: box, to, edges: [] });
      links.get(id).edges.push(flow.edge[link]);
    }
  }
  return [...links.values()];
}

/** How many neighbours of a box are beyond what is drawn. */
function beyond(box, steps, upwards) {
  let missing = 0;
  for (const other of neighbours(box, upwards)) if (!steps.has(other)) missing++;
  return missing;
}

/** The edges that start or end at a column. */
function columnEdges(links) {
  return links
    .flatMap((link) => link.edges)
    .filter((edge) => edge !== NONE)
    .map((edge) => ({ edge, from: catalog.edges.upstream[edge], to: catalog.edges.downstream[edge] }))
    .filter(({ from, to }) => isColumn(from) || isColumn(to));
}

/**
 * The columns to draw in each box, and the edges that start or end at a column.
 * Only columns with an edge among the drawn boxes are worth a line; of `focus` all related ones are kept first.
 */
function columnsAmong(links, focus) {
  const edges = columnEdges(links);
  const related = focus === undefined ? new Set() : trace(focus, edges);
  const wanted = new Map();
  for (const { from, to } of edges) {
    for (const end of [from, to]) {
      const box = catalog.box[end];
      if (end !== box) wanted.set(box, (wanted.get(box) || new Set()).add(end));
    }
  }
  if (focus !== undefined && catalog.box[focus] !== focus) {
    wanted.set(catalog.box[focus], (wanted.get(catalog.box[focus]) || new Set()).add(focus));
  }
  const shown = new Map();
  for (const [box, ends] of wanted) {
    const order = columnsOf(box)
      .map(([column]) => column)
      .filter((column) => ends.has(column));
    const first = [...order.filter((column) => related.has(column)), ...order.filter((column) => !related.has(column))];
    const kept = new Set(first.slice(0, MOST_COLUMNS_OF_BOX));
    shown.set(box, { columns: order.filter((column) => kept.has(column)), more: order.length - kept.size });
  }
  const drawn = new Set([...shown.values()].flatMap(({ columns }) => columns));
  const isDrawn = (end) => catalog.box[end] === end || drawn.has(end);
  return { shown, edges: edges.filter(({ from, to }) => isDrawn(from) && isDrawn(to)), related };
}

/** Everything upstream and downstream of one end, along edges `{from, to}`. */
function trace(start, edges) {
  const found = new Set([start]);
  for (const [near, far] of [
    ["to", "from"],
    ["from", "to"],
  ]) {
    const next = new Map();
    for (const edge of edges) pushTo(next, edge[near], edge[far]);
    const walked = new Set([start]);
    for (const at of walked) for (const other of next.get(at) || []) walked.add(other);
    walked.forEach((at) => found.add(at));
  }
  return found;
}
