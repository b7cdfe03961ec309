// The first view: what there is, filters, and the entries that a search leaves.

function resultsView(place) {
  const result = search(place);
  const list = h("ul", { class: "results", id: "results", "aria-label": "Results" });
  const more = inPages(list, result.hits, (entry) => resultRow(entry, result.words), 25);
  const heading = resultsHeading(place, result);
  announce(heading);
  return h(
    "div",
    { class: "browse" },
    h("h1", { class: "unseen", tabindex: "-1" }, place.q ? `Search: ${place.q}` : catalog.title),
    filters(place, result),
    h(
      "section",
      { class: "found", "aria-label": "Results" },
      !place.q && place.sources.length + place.types.length === 0 && overview(),
      h("p", { class: "count", id: "count" }, heading),
      result.hits.length ? list : nothing(place),
      more,
      keyHints(),
    ),
  );
}

function resultsHeading(place, { hits }) {
  if (place.q) return `${plural(hits.length, "result")} for “${place.q}”`;
  return place.types.length ? plural(hits.length, "resource") : `${plural(hits.length, "resource")} besides columns`;
}

function nothing(place) {
  if (catalog.keys.length === 0)
    return h(
      "div",
      { class: "empty" },
      h("p", {}, "There is nothing in this catalog yet."),
      h("p", { class: "quiet" }, h("code", {}, "headwater sync"), " and then ", h("code", {}, "headwater publish"), " fill it."),
    );
  return h(
    "div",
    { class: "empty" },
    h("p", {}, "Nothing matches."),
    h(
      "p",
      {},
      place.sources.length + place.types.length
        ? h("a", { href: resultsAddress({ q: place.q }) }, "Search without filters")
        : h("a", { href: "#/" }, "Show everything"),
    ),
  );
}

/** The numbers at the top, each a way in. */
function overview() {
  const types = search({}).counts.type;
  const ordered = [...types].sort(([a], [b]) => rankOfType(a) - rankOfType(b)).slice(0, 5);
  return h(
    "div",
    { class: "overview" },
    h(
      "div",
      { class: "tiles" },
      ordered.map(([type, number]) =>
        h(
          "a",
          { class: "tile", href: resultsAddress({ types: [type] }) },
          h("strong", {}, count(number)),
          h("span", {}, number === 1 ? capital(type) : typeLabel(type)),
        ),
      ),
    ),
    h(
      "p",
      { class: "quiet" },
      `${plural(catalog.edges.upstream.length, "lineage edge")} · as of `,
      moment(catalog.generated_at),
      ` (${exactly(catalog.generated_at)})`,
    ),
  );
}

const rankOfType = (type) => (TYPE_ORDER.includes(type) ? TYPE_ORDER.indexOf(type) : TYPE_ORDER.length);

function filters(place, { counts, unseen }) {
  const chosen = place.sources.length + place.types.length;
  const open = matchMedia("(min-width: 800px)").matches || document.querySelector(".filters")?.open;
  return h(
    "details",
    { class: "filters", open },
    h("summary", {}, chosen ? `Filters (${chosen})` : "Filters"),
    filterGroup("Type", "type", counts.type, place.types, typeLabel, (types) => ({ ...place, types })),
    filterGroup(
      "Source",
      "source",
      counts.source,
      place.sources,
      (source) => source || "(none)",
      (sources) => ({ ...place, sources }),
    ),
    (unseen > 0 || place.hidden) &&
      choice("hidden", "", "Hidden by their source", unseen || "", place.hidden, () =>
        go(resultsAddress({ ...place, hidden: !place.hidden }), { replace: true }),
      ),
    chosen > 0 &&
      h("a", { class: "clear", href: resultsAddress({ q: place.q, hidden: place.hidden }) }, "Clear filters"),
  );
}

function filterGroup(title, name, counts, chosen, words, changed) {
  for (const value of chosen) if (!counts.has(value)) counts.set(value, 0);
  const values = [...counts].sort((a, b) =>
    name === "type" ? rankOfType(a[0]) - rankOfType(b[0]) : b[1] - a[1] || (a[0] < b[0] ? -1 : 1),
  );
  const toggle = (value) => {
    const next = chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value];
    go(resultsAddress(changed(next)), { replace: true });
    Array.from(document.querySelectorAll(`input[name="${name}"]`))
      .find((input) => input.value === value)
      ?.focus();
  };
  return h(
    "fieldset",
    {},
    h("legend", {}, title),
    values.map(([value, number]) =>
      choice(name, value, words(value), number, chosen.includes(value), () => toggle(value)),
    ),
  );
}

function choice(name, value, words, number, checked, change) {
  return h(
    "label",
    { class: "choice" },
    h("input", { type: "checkbox", name, value, checked, on: { change } }),
    said(words),
    h("span", { class: "number" }, typeof number === "number" ? count(number) : number),
  );
}

/** One entry in a list: what it is, where it is (unless `inside` the page that says so), what it is for. */
function resultRow(entry, words = [], { inside = false } = {}) {
  const description = text("description", entry);
  return h(
    "li",
    {},
    h(
      "a",
      { class: "result", href: resourceAddress(entry) },
      icon(typeOf(entry)),
      h(
        "span",
        { class: "result-body" },
        h(
          "span",
          { class: "result-title" },
          marked(nameOf(entry), words),
          (!inside || isHidden(entry)) && badge(entry),
        ),
        !inside && h("span", { class: "result-path" }, whereabouts(entry)),
        description && h("span", { class: "result-text" }, marked(firstLine(description), words)),
        matchingColumns(entry, words),
      ),
    ),
  );
}

function matchingColumns(entry, words) {
  if (words.length === 0 || isColumn(entry) || !index.columns[entry]) return null;
  const found = index.columns[entry].split("\n").filter((name) => words.some((word) => name.includes(word)));
  if (found.length === 0) return null;
  return h(
    "span",
    { class: "chips" },
    found.slice(0, 4).map((name) => h("span", { class: "chip" }, icon("column"), marked(name, words))),
    found.length > 4 && h("span", { class: "quiet" }, `${count(found.length - 4)} more`),
  );
}

const firstLine = (string) => string.trim().split(/\r?\n/, 1)[0].slice(0, 240);

function badge(entry) {
  return h("span", { class: "badge" }, label(typeOf(entry)), isHidden(entry) && " · hidden");
}

/** Where an entry is: its source, and what it is in. */
function whereabouts(entry) {
  const parents = ancestorsOf(entry).map(nameOf);
  const names = parents.length ? parents : [text("database", entry), text("schema", entry), text("group", entry)];
  const parts = [text("source", entry), ...names].filter((part, at, all) => part && part !== all[at - 1]);
  return parts.flatMap((part, number) => [number > 0 && h("span", { class: "sep" }, "›"), said(part)]);
}

function keyHints() {
  const keys = [
    ["/", "search"],
    ["↑ ↓", "choose"],
    ["Enter", "open"],
    ["Esc", "back"],
  ];
  return h(
    "p",
    { class: "hints" },
    keys.map(([key, what]) => h("span", {}, h("kbd", {}, key), ` ${what}`)),
  );
}
