// A table's columns, in order, and where each comes from.

const MANY_COLUMNS = 20;

function columnsSection(entry) {
  const columns = columnsOf(entry);
  if (columns.length === 0) return null;
  const drawn = columns.map(([column, depth]) => ({
    column,
    depth,
    from: columnEnds(column, true),
    to: columnEnds(column, false),
  }));
  const shown = {
    from: drawn.some(({ from }) => from.length),
    to: drawn.some(({ to }) => to.length),
    description: columns.some(([column]) => text("description", column)),
  };
  const body = h("tbody", {});
  const more = inPages(body, drawn, (row) => columnRow(row, shown), 200);
  return h(
    "section",
    { class: "columns" },
    h(
      "div",
      { class: "section-head" },
      h(
        "h2",
        {},
        isColumn(entry) ? "Columns inside" : "Columns",
        h("span", { class: "number" }, count(columns.length)),
      ),
      columns.length > MANY_COLUMNS && columnFilter(drawn, body, shown, more),
    ),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Columns" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, "Name"),
            h("th", { scope: "col" }, "Type"),
            shown.description && h("th", { scope: "col" }, "Description"),
            shown.from && h("th", { scope: "col" }, "Comes from"),
            shown.to && h("th", { scope: "col" }, "Used by"),
          ),
        ),
        body,
      ),
    ),
    more,
  );
}

function columnFilter(drawn, body, shown, more) {
  const narrow = (event) => {
    const word = fold(event.target.value.trim());
    const kept = drawn.filter(({ column }) => fold(`${nameOf(column)} ${text("description", column)}`).includes(word));
    body.replaceChildren(...kept.slice(0, 200).map((row) => columnRow(row, shown)));
    more.hidden = true;
    announce(plural(kept.length, "column"));
  };
  return h("input", {
    class: "narrow",
    type: "search",
    placeholder: "Find a column",
    "aria-label": "Find a column",
    on: { input: narrow },
  });
}

function columnRow({ column, depth, from, to }, shown) {
  const description = text("description", column);
  return h(
    "tr",
    { class: isHidden(column) && "faded" },
    h(
      "th",
      { scope: "row", class: `depth-${Math.min(depth, 5)}` },
      h("a", { href: resourceAddress(column) }, said(nameOf(column))),
      catalog.fields.is_pk[column] === 1 &&
        h("span", { class: "key", title: "Primary key" }, icon("key"), h("span", { class: "unseen" }, "primary key")),
    ),
    h("td", { class: "type" }, said(typeWords(column))),
    shown.description && h("td", { class: "words" }, description && said(description)),
    shown.from && h("td", { class: "ends from" }, endList(from)),
    shown.to && h("td", { class: "ends to" }, endList(to)),
  );
}

const typeWords = (entry) => text("native_type", entry) || text("type", entry);

/** The other ends of a column's edges: `{entry, edge}`. */
function columnEnds(column, upwards) {
  const edges = Array.from(upwards ? catalog.into(column) : catalog.outOf(column));
  return edges.map((edge) => ({
    edge,
    entry: upwards ? catalog.edges.upstream[edge] : catalog.edges.downstream[edge],
  }));
}

function endList(ends) {
  if (ends.length === 0) return null;
  const list = h("ul", {});
  return [list, inPages(list, ends, ({ entry, edge }) => h("li", {}, endLink(entry, edge)), 3)];
}

function endLink(entry, edge) {
  const box = catalog.box[entry];
  return h(
    "a",
    { class: "end-link", href: resourceAddress(entry), title: edgeWords(edge) },
    h("span", { class: `dot how-${howClass(howOf(edge))}` }),
    h("span", {}, box !== entry && [said(nameOf(box)), "."], said(nameOf(entry))),
  );
}

function edgeWords(edge) {
  const confidence = confidenceOf(edge);
  const doubt = confidence < 1 ? `, confidence ${confidence.toFixed(2)}` : "";
  const source = sourceOfEdge(edge);
  return `${label(howOf(edge))}${doubt}${source && `, by ${source}`}`;
}

/** A column's own page: what it comes from and what uses it. */
function columnLineage(entry) {
  return [
    ["Comes from", true],
    ["Used by", false],
  ].map(([words, upwards]) => {
    const ends = columnEnds(entry, upwards);
    if (ends.length === 0) return null;
    const list = h("ul", { class: "plain" });
    const more = inPages(list, ends, (one) =>
      h("li", {}, endLink(one.entry, one.edge), h("span", { class: "quiet" }, ` ${edgeWords(one.edge)}`)),
    );
    return h("section", {}, h("h2", {}, words, h("span", { class: "number" }, count(ends.length))), list, more);
  });
}
