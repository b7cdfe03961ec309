// The lineage tab: depth, columns, zoom, what is chosen, and the keys that move through it.

const SMALLEST_TEXT = 11;
const LEGIBLE = 9;
const NARROW = matchMedia("(max-width: 599px)");
let graph = null;

function lineageView(entry, parameters) {
  const place = lineagePlace(parameters);
  const at = place.at === null ? undefined : catalog.numbers.get(place.at);
  if (isColumn(entry)) place.columns = parameters.get("columns") !== "0";
  const found = graphElements(entry, { ...place, at }, NARROW.matches && !place.columns);
  const canvas = h("div", {
    class: "canvas",
    id: "graph",
    tabindex: "0",
    role: "application",
    "aria-label": `Lineage of ${nameOf(entry)}. Arrow keys move, Enter opens, plus and minus zoom, 0 shows all.`,
  });
  const chosen = h("div", { class: "chosen-strip", id: "chosen" });
  queueMicrotask(() => canvas.isConnected && draw(canvas, chosen, entry, place, found));
  return h(
    "section",
    { class: "lineage", "aria-label": "Lineage" },
    toolbar(entry, place, found),
    h("div", { class: "stage" }, canvas, h("div", { class: "under" }, legend(found), zoomButtons())),
    chosen,
    asList(found),
  );
}

function toolbar(entry, place, found) {
  const depth = (name, words) =>
    h(
      "label",
      { class: "depth" },
      words,
      h(
        "select",
        {
          id: name,
          on: {
            change: (event) =>
              turn({ [name]: event.target.value === "all" ? Infinity : Number(event.target.value) }, name),
          },
        },
        [0, 1, 2, 3, 4, 5, Infinity].map((value) =>
          h(
            "option",
            { value: value === Infinity ? "all" : value, selected: place[name] === value },
            value === 0 ? "none" : value === Infinity ? "all" : plural(value, "step"),
          ),
        ),
      ),
    );
  const turn = (change, focus) => {
    go(lineageAddressOf(entry, { ...place, ...change }), { replace: true });
    document.getElementById(focus)?.focus();
  };
  const noColumns = columnEdges(found.links).length === 0;
  return h(
    "div",
    { class: "toolbar" },
    depth("up", "Upstream"),
    depth("down", "Downstream"),
    h(
      "label",
      { class: noColumns && !place.columns ? "choice off" : "choice" },
      h("input", {
        type: "checkbox",
        id: "columns",
        checked: place.columns,
        disabled: noColumns && !place.columns,
        on: { change: () => turn({ columns: !place.columns, at: null }, "columns") },
      }),
      h("span", {}, "Column lineage ", noColumns && h("small", {}, "none at this depth")),
    ),
    notice(found),
  );
}

/** A column's own lineage has its columns on unless they are switched off. */
function lineageAddressOf(entry, place) {
  const hash = lineageAddress(entry, place);
  return isColumn(entry) && !place.columns ? `${hash}&columns=0` : hash;
}

function notice({ hidden, steps }) {
  const drawn = plural(steps.size, "resource");
  const words = hidden
    ? `${drawn} drawn, nearest first; ${count(hidden)} more within this depth are hidden.`
    : steps.size === 1
      ? "Nothing upstream or downstream at this depth."
      : `${drawn} drawn.`;
  return h("p", { class: hidden ? "notice strong" : "notice", id: "drawn", role: "status" }, words);
}

function zoomButtons() {
  const zoom = (words, sign, factor) =>
    h("button", { type: "button", "aria-label": words, title: words, on: { click: () => zoomBy(factor) } }, sign);
  return h(
    "div",
    { class: "zoom" },
    zoom("Zoom in", "+", 1.3),
    zoom("Zoom out", "−", 1 / 1.3),
    h(
      "button",
      {
        type: "button",
        "aria-label": "Show all",
        title: "Show all",
        on: { click: () => graph?.animate({ fit: { padding: 30 } }, { duration: 200 }) },
      },
      "⤢",
    ),
  );
}

function legend({ elements }) {
  const hows = new Set(elements.filter(({ group }) => group === "edges").map(({ data }) => howClass(howOf(data.edge))));
  const doubtful = elements.some(({ group, classes }) => group === "edges" && classes.includes("doubtful"));
  if (hows.size === 0) return null;
  return h(
    "ul",
    { class: "legend", "aria-label": "Legend: how an edge is known" },
    [...HOWS, "other"]
      .filter((how) => hows.has(how))
      .map((how) => h("li", {}, h("span", { class: `stroke how-${how}` }), HOW_WORDS[how])),
    doubtful && h("li", {}, h("span", { class: "stroke doubtful" }), "confidence below 0.8"),
    elements.some(({ classes }) => classes.includes("hint")) && h("li", {}, h("b", {}, "+1"), "beyond this depth"),
  );
}

/** The same as the picture, for those who read it. */
function asList({ center, steps, links }) {
  const line = ({ from, to, edges }) =>
    h(
      "li",
      {},
      endLink(from, edges[0]),
      " → ",
      h("a", { href: resourceAddress(to) }, said(nameOf(to))),
      h("span", { class: "quiet" }, ` ${edgeWords(strongest(edges))}`),
    );
  const list = h("ul", { class: "plain" });
  const more = inPages(list, links, line, 100);
  return (
    links.length > 0 &&
    h(
      "details",
      { class: "as-list" },
      h("summary", {}, `As a list: ${plural(links.length, "edge")} among ${plural(steps.size, "resource")}`),
      list,
      more,
    )
  );
}

function draw(canvas, strip, entry, place, found) {
  graph?.destroy();
  graph = cytoscape({
    container: canvas,
    elements: found.elements,
    data: { turned: found.turned },
    style: graphStyle(),
    layout: { name: "preset" },
    minZoom: 0.05,
    maxZoom: 2.5,
    autoungrabify: true,
    boxSelectionEnabled: false,
    selectionType: "single",
  });
  startView(graph, found);
  const choose = (element, { move = true } = {}) => chooseElement(element, strip, place, entry, move);
  graph.on("tap", "node[entry]", ({ target }) => choose(target));
  graph.on("tap", "edge", ({ target }) => choose(target, { move: false }));
  graph.on("dbltap", "node[entry]", ({ target }) => go(resourceAddress(target.data("entry"))));
  graph.on("mouseover", "node[entry], edge", () => (canvas.style.cursor = "pointer"));
  graph.on("mouseout", "node[entry], edge", () => (canvas.style.cursor = ""));
  canvas.addEventListener("keydown", (event) => graphKey(event, choose));
  const first = found.focus !== undefined ? graph.$id(`c${found.focus}`) : graph.$id(String(found.center));
  choose(first.length ? first : graph.$id(String(found.center)), { move: false });
}

/** All of it where that can be read, else as much as can be around the centre. */
function startView(cy, { center }) {
  const margin = NARROW.matches ? 8 : 30;
  cy.fit(undefined, margin);
  const zoom = Math.min(1, Math.max(LEGIBLE / SMALLEST_TEXT, cy.zoom()));
  cy.zoom(zoom);
  const { x1, x2, y1, y2 } = cy.elements().boundingBox();
  const { x, y } = cy.$id(String(center)).position();
  cy.pan({
    x: panned(cy.width(), x1 * zoom - margin, x2 * zoom + margin, x * zoom),
    y: panned(cy.height(), y1 * zoom - margin, y2 * zoom + margin, y * zoom),
  });
}

/** How far to move what goes from `first` to `last`: all into the middle, or `center`, but with no room left empty. */
function panned(room, first, last, center) {
  if (last - first <= room) return (room - first - last) / 2;
  return Math.min(-first, Math.max(room - last, room / 2 - center));
}

function chooseElement(element, strip, place, entry, move) {
  graph.elements().removeClass("chosen dim near-edge");
  element.addClass("chosen");
  if (element.isNode()) element.connectedEdges().addClass("near-edge");
  if (element.hasClass("row")) dimBeside(element.data("entry"));
  if (move) graph.animate({ center: { eles: element } }, { duration: 200 });
  strip.replaceChildren(...(element.isNode() ? aboutNode(element.data("entry"), place) : aboutEdge(element.data())));
  announce(strip.textContent);
}

/** A chosen column stands out with all that it comes from and goes to. */
function dimBeside(column) {
  const fine = graph.edges().filter((edge) => isColumn(edge.data("from")) || isColumn(edge.data("to")));
  const path = trace(
    column,
    fine.map((edge) => ({ from: edge.data("from"), to: edge.data("to") })),
  );
  graph
    .nodes(".row")
    .filter((row) => !path.has(row.data("entry")))
    .addClass("dim");
  graph
    .edges()
    .filter((edge) => !(path.has(edge.data("from")) && path.has(edge.data("to"))))
    .addClass("dim");
  graph.edges().not(".dim").addClass("near-edge");
}

function aboutNode(entry, place) {
  const at = isColumn(entry) ? catalog.keys[entry] : null;
  const lineage = isColumn(entry) ? { ...place, columns: true, at } : { ...place, at: null };
  return [
    h(
      "span",
      { class: "chosen-name" },
      icon(typeOf(entry)),
      h("span", {}, isColumn(entry) && [said(nameOf(catalog.box[entry])), "."], said(nameOf(entry))),
    ),
    h("span", { class: "quiet chosen-text" }, said(firstLine(text("description", entry)))),
    h(
      "span",
      { class: "push links" },
      h("a", { href: lineageAddress(entry, lineage) }, "Lineage from here"),
      h("a", { href: resourceAddress(entry) }, "Open"),
    ),
  ];
}

function aboutEdge({ from, to, edge, number }) {
  return [
    h(
      "span",
      { class: "chosen-name" },
      endLink(from, edge),
      " → ",
      h("a", { href: resourceAddress(to) }, said(nameOf(to))),
    ),
    h("span", { class: "quiet" }, edgeWords(edge), number > 1 && ` · ${plural(number, "edge")} in one`),
  ];
}

function zoomBy(factor) {
  const middle = { x: graph.width() / 2, y: graph.height() / 2 };
  graph.zoom({ level: graph.zoom() * factor, renderedPosition: middle });
}

/** Arrows go to the nearest node on that side. */
function graphKey(event, choose) {
  const aside = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const chosen = graph.nodes(".chosen");
  if (aside) {
    const next = nearest(chosen.length ? chosen[0] : graph.nodes("[entry]")[0], aside);
    if (next) choose(next);
  } else if (event.key === "Enter" && chosen.length) go(resourceAddress(chosen[0].data("entry")));
  else if (event.key === "+" || event.key === "=") zoomBy(1.3);
  else if (event.key === "-") zoomBy(1 / 1.3);
  else if (event.key === "0") graph.fit(undefined, 30);
  else return;
  event.preventDefault();
}

function nearest(node, [x, y]) {
  const here = node.position();
  const beside = graph.data("turned") ? x : y;
  let best = null;
  graph.nodes("[entry]").forEach((other) => {
    const place = other.position();
    const ahead = (place.x - here.x) * x + (place.y - here.y) * y;
    const off = Math.abs((place.x - here.x) * y) + Math.abs((place.y - here.y) * x);
    if (other === node || ahead < 5) return;
    const cost = ahead + off * (beside ? 6 : 0.2);
    if (!best || cost < best.cost) best = { cost, other };
  });
  return best?.other;
}
