// The ends of declared edges that the catalog does not have: as their author wrote them, and why.

function unresolvedView(parameters) {
  const asked = parameters.get("source");
  const gaps = catalog.unresolved.filter(([source]) => !asked || source === asked);
  const groups = h("div", { class: "groups" });
  const more = inPages(groups, gapsByReason(gaps), ([reason, found]) => unresolvedGroup(reason, found), 20);
  return h(
    "div",
    { class: "page" },
    h("h1", { tabindex: "-1" }, "Unresolved lineage"),
    h("p", { class: "lead" }, unresolvedWords(gaps.length)),
    sourcePills(asked ?? undefined),
    groups,
    more,
  );
}

function unresolvedWords(number) {
  if (number === 0) return "Every declared end was found in the catalog.";
  return "Lineage that sources declared, but one end of which the catalog does not have. It is published as it was written.";
}

function sourcePills(asked) {
  const sources = [...new Set(catalog.unresolved.map(([source]) => source))].sort();
  if (sources.length < 2) return null;
  const pill = (source) =>
    h(
      "a",
      { href: address("/unresolved", { source }), "aria-current": asked === source && "true" },
      source === undefined ? "All sources" : said(source),
    );
  return h("nav", { class: "pills", "aria-label": "Source" }, [undefined, ...sources].map(pill));
}

/** Reasons that differ in a `name` only are one: `[reason, gaps]`, the most frequent first. */
function gapsByReason(gaps) {
  const groups = new Map();
  for (const gap of gaps) pushTo(groups, gap[3].replace(/`[^`]*`/g, "…"), gap);
  const ordered = [...groups].sort((a, b) => b[1].length - a[1].length);
  return ordered.map(([reason, found]) => [found.every((gap) => gap[3] === found[0][3]) ? found[0][3] : reason, found]);
}

function unresolvedGroup(reason, gaps) {
  const list = h("ul", { class: "gaps" });
  const more = inPages(list, gaps, (gap) => gapRow(gap, reason));
  return h("section", {}, h("h2", {}, said(reason), h("span", { class: "number" }, count(gaps.length))), list, more);
}

function gapRow([source, upstream, downstream, why, near], heading) {
  const links = near.slice(0, 5).map((one, at) => [at > 0 && ", ", nearby(one)]);
  return h(
    "li",
    { class: "gap" },
    why !== heading && h("p", { class: "why" }, said(why)),
    h(
      "div",
      { class: "gap-ends" },
      end(upstream, source),
      h("span", { class: "arrow", role: "img", "aria-label": "flows to" }, "→"),
      end(downstream, source),
    ),
    h("p", { class: "quiet" }, "Declared by ", said(source), links.length > 0 && [" · near: ", links]),
  );
}

function nearby(key) {
  const entry = catalog.numbers.get(key);
  return entry === undefined
    ? said(key)
    : h("a", { href: resourceAddress(entry) }, said(nameOf(entry), { title: key }));
}

/** An end in its author's words; where its id is that of a resource of the same source, with a link to it. */
function end(words, source) {
  return h(
    "dl",
    { class: "end" },
    words.map(([name, value]) => [h("dt", {}, label(name)), h("dd", {}, endValue(name, value, source))]),
  );
}

function endValue(name, value, source) {
  if (name === "sql") return h("pre", { class: "end-sql", tabindex: "0" }, said(value));
  if (name === "type") return said(label(value));
  const entry = ["key", "databuilder_id"].includes(name)
    ? (catalog.numbers.get(value) ?? ownEntry(source, value))
    : undefined;
  if (entry === undefined) return said(value);
  if (nameOf(entry) === value) return h("a", { href: resourceAddress(entry) }, said(value));
  return [said(value), h("a", { class: "aside", href: resourceAddress(entry) }, said(nameOf(entry)))];
}

let owned;

/** The entry that a source calls by this id. */
function ownEntry(source, id) {
  owned ??= new Map(
    catalog.keys.map((_, entry) => [`${text("source", entry)}\n${text("databuilder_id", entry)}`, entry]),
  );
  return owned.get(`${source}\n${id}`);
}
