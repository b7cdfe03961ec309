// A resource's own page: what it is, what it holds, what it is made from, and its lineage as a graph.

function resourceView(entry, parameters) {
  const view = parameters.get("view");
  const views = { overview: overviewOf, lineage: lineageView, sql: sqlView };
  const chosen = Object.hasOwn(views, view ?? "") ? view : "overview";
  return h(
    "article",
    { class: chosen === "lineage" ? "page wide" : "page" },
    resourceHeader(entry),
    tabs(entry, chosen),
    views[chosen](entry, parameters),
  );
}

function resourceHeader(entry) {
  return h(
    "header",
    { class: "head" },
    breadcrumb(entry),
    h(
      "div",
      { class: "head-line" },
      h("h1", { tabindex: "-1" }, icon(typeOf(entry)), said(nameOf(entry))),
      badge(entry),
      h(
        "span",
        { class: "push" },
        copyButton(() => location.href, "Copy link"),
      ),
    ),
  );
}

function breadcrumb(entry) {
  const source = text("source", entry);
  const parents = ancestorsOf(entry);
  const names = parents.length
    ? []
    : [text("database", entry), text("schema", entry), text("group", entry)].filter(Boolean);
  return h(
    "nav",
    { "aria-label": "Where it is" },
    h(
      "ol",
      { class: "crumbs" },
      source && h("li", {}, h("a", { href: resultsAddress({ sources: [source] }) }, said(source))),
      parents.map((parent) => h("li", {}, h("a", { href: resourceAddress(parent) }, said(nameOf(parent))))),
      names.map((name) => h("li", {}, said(name))),
    ),
  );
}

function tabs(entry, chosen) {
  const links = [
    ["overview", "Overview", null],
    ["lineage", "Lineage", "lineage"],
  ];
  if (text("sql", entry)) links.push(["sql", "SQL", "sql"]);
  return h(
    "nav",
    { class: "tabs", "aria-label": "Views" },
    links.map(([name, words, view]) =>
      h("a", { href: resourceAddress(entry, { view }), "aria-current": name === chosen && "page" }, words),
    ),
  );
}

function overviewOf(entry) {
  return h(
    "div",
    { class: "two" },
    h(
      "div",
      { class: "story" },
      describe(entry),
      isColumn(entry) && columnLineage(entry),
      columnsSection(entry),
      contentsSection(entry),
      sqlSection(entry),
    ),
    facts(entry),
  );
}

function describe(entry) {
  const description = text("description", entry).trim();
  const definition = text("definition", entry).trim();
  return [
    h(
      "p",
      { class: description ? "description" : "description quiet" },
      description ? said(description) : "No description.",
    ),
    definition &&
      definition !== text("sql", entry).trim() &&
      h("section", {}, h("h2", {}, "Definition"), h("p", { class: "description" }, said(definition))),
  ];
}

function sqlSection(entry) {
  const sql = text("sql", entry);
  return sql && h("section", {}, h("h2", {}, "SQL"), sqlBlock(sql));
}

const sqlView = (entry) => sqlBlock(text("sql", entry));

/** What it holds, a section for each type. */
function contentsSection(entry) {
  const byType = new Map();
  for (const child of contentsOf(entry)) pushTo(byType, typeOf(child), child);
  return [...byType]
    .sort((a, b) => rankOfType(a[0]) - rankOfType(b[0]))
    .map(([type, children]) => {
      const list = h("ul", { class: "results" });
      const more = inPages(list, children, (child) => resultRow(child, [], { inside: true }));
      return h(
        "section",
        {},
        h("h2", {}, typeLabel(type), h("span", { class: "number" }, count(children.length))),
        list,
        more,
      );
    });
}

/** Everything short that is known of it. */
function facts(entry) {
  const { fields } = catalog;
  const rows = [
    ["Owners", ownersOf(entry).map((owner) => h("span", { class: "chip" }, said(owner)))],
    [
      "Updated",
      fields.updated_at[entry]
        ? [moment(fields.updated_at[entry]), h("small", {}, exactly(fields.updated_at[entry]))]
        : null,
    ],
    ["Rows", fields.rows[entry] ? count(fields.rows[entry] - 1) : null],
    ["Source", said(text("source", entry))],
    [
      "Type",
      [
        label(typeOf(entry)),
        text("native_type", entry) && !isColumn(entry) && [" (", said(text("native_type", entry)), ")"],
      ],
    ],
    ["Data type", isColumn(entry) ? said(typeWords(entry)) : null],
    ["Primary key", isColumn(entry) && fields.is_pk[entry] ? "yes" : null],
    ["Database", text("database", entry) && said(text("database", entry))],
    ["Schema", text("schema", entry) && said(text("schema", entry))],
    ["Group", text("group", entry) && said(text("group", entry))],
    ["Product", text("product", entry) && said(text("product", entry))],
    ["Upstream", neighbourList(entry, true)],
    ["Downstream", neighbourList(entry, false)],
    ["Id", h("code", {}, said(text("databuilder_id", entry)))],
  ];
  const told = rows.filter(([, value]) => (Array.isArray(value) ? value.length : value));
  return h(
    "aside",
    { class: "facts", "aria-label": "Facts" },
    h(
      "dl",
      {},
      told.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
  );
}

function neighbourList(entry, upwards) {
  if (isColumn(entry)) return [];
  const found = [...neighbours(entry, upwards)];
  if (found.length === 0) return h("span", { class: "quiet" }, "nothing");
  const list = h("ul", { class: "near" });
  const more = inPages(
    list,
    found,
    (one) => h("li", {}, h("a", { href: resourceAddress(one) }, icon(typeOf(one)), said(nameOf(one)))),
    8,
  );
  return [list, more];
}
