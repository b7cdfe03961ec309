// A lineage graph as cytoscape draws it: its elements, and how they look.

const HOWS = ["declared", "sql", "parent", "api", "contains"];
const HOW_WORDS = {
  declared: "declared",
  sql: "read from SQL",
  parent: "child table",
  api: "told by the API",
  contains: "part of a dashboard",
  other: "known otherwise",
};
const howClass = (how) => (HOWS.includes(how) ? how : "other");
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif';

/** The elements of a graph, placed; and what the view says about it. */
function graphElements(center, { up, down, columns: withColumns, at }, turned) {
  const most = withColumns ? MOST_BOXES_WITH_COLUMNS : MOST_BOXES;
  const near = neighbourhood(catalog.box[center], up, down, most);
  const focus = at ?? (isColumn(center) ? center : undefined);
  const detail = withColumns ? columnsAmong(near.links, focus) : { shown: new Map(), edges: [], related: new Set() };
  const boxes = [...near.steps.keys()];
  const rows = (box) => detail.shown.get(box);
  const heightOf = (box) =>
    BOX.height + (rows(box) ? (rows(box).columns.length + (rows(box).more > 0)) * BOX.row + BOX.foot : 0);
  const { places, bends, lane } = layOut(boxes, near.links, heightOf, turned);
  const ends = new Map(boxes.map((box) => [box, places.get(box)]));
  const elements = boxes.flatMap((box) => boxElements(box, near, places.get(box), heightOf(box), turned));
  for (const [box, { columns, more }] of detail.shown) {
    columns.forEach((column, number) => {
      ends.set(column, rowPlace(places.get(box), number));
      elements.push(rowElement(column, ends.get(column), fittedName(nameOf(column), BOX.width - 36, `12px ${FONT}`)));
    });
    if (more > 0)
      elements.push(
        rowElement(`more-${box}`, rowPlace(places.get(box), columns.length), `${count(more)} more columns`),
      );
  }
  const routeOf = (from, to, link) => {
    const way = route(ends.get(from), ends.get(to), bends.get(link) ?? [], lane);
    return turned ? turnedRoute(way) : way;
  };
  elements.push(...edgeElements(near, detail, routeOf));
  return { ...near, turned, elements, focus, rows: detail.shown, related: detail.related };
}

/** A box with its name, and a node of its own for the line below: a node has one kind of text. */
function boxElements(box, { center, steps }, place, height, turned) {
  const { x, y } = turned ? turnedPlace(place) : place;
  const width = turned ? BOX.narrow : BOX.width;
  const more = [
    [true, turned ? "↑" : "←"],
    [false, turned ? "↓" : "→"],
  ]
    .map(([upwards, arrow]) => [beyond(box, steps, upwards), arrow])
    .filter(([number]) => number);
  const hint = more.map(([number, arrow]) => `${arrow}\u2009+${number}`).join("  ");
  const room = width - 28;
  const small = `11px ${FONT}`;
  measure.font = small;
  const about = fitted(
    [label(typeOf(box)), text("source", box)].filter(Boolean).join(" · "),
    room - (hint && measure.measureText(hint).width + 12),
    small,
  );
  const name = fittedName(nameOf(box), room, `600 13px ${FONT}`);
  const top = y - height / 2;
  const classes = `box ${["table", "dashboard", "chart"].includes(typeOf(box)) ? `type-${typeOf(box)}` : ""} ${box === center ? "center" : ""}`;
  return [
    {
      group: "nodes",
      classes,
      position: { x, y },
      data: { id: String(box), entry: box, label: name, width, height, indent: 16 - width, lift: top + 16 - y },
    },
    note(`about-${box}`, about, "about", x - width / 2 + 16, top + 33),
    ...(hint ? [note(`hint-${box}`, hint, "about hint", x + width / 2 - 12, top + 33)] : []),
  ];
}

const note = (id, words, classes, x, y) => ({
  group: "nodes",
  classes,
  position: { x, y },
  data: { id, label: words },
});

function rowElement(id, position, words) {
  const more = typeof id === "string";
  return {
    group: "nodes",
    classes: more ? "row rest" : "row",
    position: { ...position },
    data: { id: more ? id : `c${id}`, entry: more ? undefined : id, label: words },
  };
}

/** With columns, an edge between two boxes is drawn only where no column tells more. */
function edgeElements({ links }, { edges, related }, routeOf) {
  const told = new Set(edges.map(({ from, to }) => `${catalog.box[from]}>${catalog.box[to]}`));
  const id = (end) => (catalog.box[end] === end ? String(end) : `c${end}`);
  const plain = links
    .filter((link) => !told.has(link.id))
    .map((link) =>
      edgeElement(
        link.id,
        link.from,
        link.to,
        strongest(link.edges),
        link.edges.length,
        routeOf(link.from, link.to, link.id),
        String,
      ),
    );
  const fine = edges.map(({ edge, from, to }) =>
    edgeElement(`e${edge}`, from, to, edge, 1, routeOf(from, to, `${catalog.box[from]}>${catalog.box[to]}`), id),
  );
  if (related.size)
    fine.forEach((one) => related.has(one.data.from) && related.has(one.data.to) && (one.classes += " on-path"));
  return [...plain, ...fine];
}

function edgeElement(id, from, to, edge, number, way, nodeId) {
  const { weights, distances, leaves, enters } = way;
  const classes = `how-${howClass(howOf(edge))}${confidenceOf(edge) < 0.8 ? " doubtful" : ""}`;
  return {
    group: "edges",
    classes,
    data: {
      id,
      source: nodeId(from),
      target: nodeId(to),
      from,
      to,
      edge,
      number,
      weights: weights.join(" "),
      distances: distances.join(" "),
      leaves: leaves.join(" "),
      enters: enters.join(" "),
    },
  };
}

const strongest = (edges) => edges.reduce((best, edge) => (confidenceOf(edge) > confidenceOf(best) ? edge : best));

/** The looks, in the page's own colours. */
function graphStyle() {
  const page = getComputedStyle(document.documentElement);
  const color = (name) => page.getPropertyValue(`--${name}`).trim();
  const stripe = (type) => ({
    "background-gradient-stop-colors": `${color(`type-${type}`)} ${color(`type-${type}`)} ${color("surface")} ${color("surface")}`,
  });
  return [
    {
      selector: "node",
      style: {
        shape: "round-rectangle",
        "font-family": FONT,
        color: color("text"),
        "text-halign": "right",
        "text-valign": "center",
        label: "data(label)",
        "overlay-opacity": 0,
      },
    },
    {
      selector: ".box",
      style: {
        width: "data(width)",
        height: "data(height)",
        "corner-radius": 8,
        "border-width": 1,
        "border-color": color("line-strong"),
        "background-fill": "linear-gradient",
        "background-gradient-direction": "to-right",
        "background-gradient-stop-positions": "0 2 2 100",
        "font-size": 13,
        "font-weight": 600,
        "text-margin-x": "data(indent)",
        "text-margin-y": "data(lift)",
        ...stripe("other"),
      },
    },
    {
      selector: ".about",
      style: { width: 1, height: 1, "background-opacity": 0, "font-size": 11, color: color("quiet"), events: "no" },
    },
    { selector: ".hint", style: { "text-halign": "left", color: color("accent") } },
    ...["table", "dashboard", "chart"].map((type) => ({ selector: `.type-${type}`, style: stripe(type) })),
    { selector: ".center", style: { "border-width": 2.5, "border-color": color("accent") } },
    {
      selector: ".row",
      style: {
        "text-margin-x": 22 - BOX.width,
        width: BOX.width - 14,
        height: BOX.row - 3,
        "corner-radius": 4,
        "background-color": color("sunken"),
        "font-size": 11.5,
      },
    },
    { selector: ".rest", style: { "background-opacity": 0, color: color("quiet") } },
    {
      selector: "edge",
      style: {
        width: 1.5,
        "curve-style": "unbundled-bezier",
        "edge-distances": "endpoints",
        "source-endpoint": "data(leaves)",
        "target-endpoint": "data(enters)",
        "control-point-weights": "data(weights)",
        "control-point-distances": "data(distances)",
        "target-arrow-shape": "triangle",
        "arrow-scale": 0.8,
        "overlay-opacity": 0,
      },
    },
    ...[...HOWS, "other"].map((how) => ({
      selector: `.how-${how}`,
      style: { "line-color": color(`how-${how}`), "target-arrow-color": color(`how-${how}`) },
    })),
    { selector: ".how-contains", style: { "line-style": "dotted" } },
    { selector: ".doubtful", style: { "line-style": "dashed" } },
    { selector: ".dim", style: { opacity: 0.35 } },
    { selector: ".on-path, .near-edge", style: { width: 2.5, "z-index": 9 } },
    { selector: ".chosen", style: { "border-width": 2, "border-color": color("accent") } },
    { selector: ".row.chosen", style: { "background-color": color("accent-soft") } },
  ];
}
