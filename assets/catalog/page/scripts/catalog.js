// The catalog as arrays, one per field, from the JSON that encoding.py wrote. An entry is its number, in key order.

const NONE = -1;
let catalog;

/** Read the JSON, and let go of its text. */
function readCatalog() {
  const element = document.getElementById("data");
  const packed = JSON.parse(element.textContent);
  element.remove();
  const keys = decodedKeys(packed.keys);
  const size = keys.length;
  const fields = {};
  for (const [name, field] of Object.entries(packed.entries)) fields[name] = dense(field, size);
  const edges = { ...packed.edges };
  for (const name of ["source", "how", "doubt"]) edges[name] = dense(edges[name], edges.upstream.length);
  catalog = { ...packed, size, keys, fields, edges };
  catalog.children = grouped(size + 1, fields.parent);
  catalog.into = grouped(size, edges.downstream);
  catalog.outOf = grouped(size, edges.upstream);
  catalog.box = Int32Array.from(keys, (_, entry) => boxOf(entry));
  catalog.flow = flowBetweenBoxes();
  catalog.numbers = new Map(keys.map((key, entry) => [key, entry]));
}

function decodedKeys(coded) {
  const keys = new Array(coded.length / 2);
  let before = "";
  for (let at = 0; at < keys.length; at++) {
    before = before.slice(0, coded[at * 2]) + coded[at * 2 + 1];
    keys[at] = before;
  }
  return keys;
}

function dense(field, size) {
  if (Array.isArray(field)) return field;
  const values = new Array(size).fill(0);
  field.at.forEach((place, number) => (values[place] = field.is[number]));
  return values;
}

/** A function from a group to the numbers of the items in it, given each item's group. */
function grouped(groups, groupOf) {
  const start = new Uint32Array(groups + 1);
  for (const group of groupOf) start[group + 1]++;
  for (let group = 0; group < groups; group++) start[group + 1] += start[group];
  const next = start.slice();
  const items = new Uint32Array(groupOf.length);
  for (let item = 0; item < groupOf.length; item++) items[next[groupOf[item]]++] = item;
  return (group) => items.subarray(start[group], start[group + 1]);
}

/** Add to the list that a map has under a key. */
function pushTo(map, key, value) {
  if (map.has(key)) map.get(key).push(value);
  else map.set(key, [value]);
}

const text = (field, entry) => catalog.strings[catalog.fields[field][entry]];
const typeOf = (entry) => text("entity_type", entry);
const parentOf = (entry) => catalog.fields.parent[entry] - 1;
const childrenOf = (entry) => catalog.children(entry + 1);
const isColumn = (entry) => typeOf(entry) === "column";
const isHidden = (entry) => catalog.fields.hidden[entry] === 1;
const ownersOf = (entry) => (catalog.fields.owners[entry] || []).map((owner) => catalog.strings[owner]);

/** What an entry is called: its title, else the end of what its source calls it. */
function nameOf(entry) {
  const title = text("title", entry);
  if (title.trim()) return title;
  const id = text("databuilder_id", entry) || catalog.keys[entry];
  return id.split(/[./]/).filter(Boolean).pop() || id || "(no name)";
}

/** An entry's parents, topmost first. A circle of parents is cut where it closes. */
function ancestorsOf(entry) {
  const found = [];
  for (let at = parentOf(entry); at !== NONE && at !== entry && !found.includes(at); at = parentOf(at))
    found.unshift(at);
  return found;
}

/** What is drawn as one box in a graph: an entry, or the table that a column, however nested, belongs to. */
function boxOf(entry) {
  let at = entry;
  for (let step = 0; step < 50 && isColumn(at) && parentOf(at) !== NONE; step++) at = parentOf(at);
  return at;
}

/** All columns of a table in their order, those in a column right after it: `[entry, depth]`. */
function columnsOf(entry, depth = 0) {
  if (depth > 20) return [];
  const order = catalog.fields.sort_order;
  const columns = Array.from(childrenOf(entry)).filter(isColumn);
  columns.sort((a, b) => (order[a] || Infinity) - (order[b] || Infinity) || a - b);
  return columns.flatMap((column) => [[column, depth], ...columnsOf(column, depth + 1)]);
}

/** What else an entry holds. */
const contentsOf = (entry) => Array.from(childrenOf(entry)).filter((child) => !isColumn(child));

/** The edges between boxes: those of the catalog, a column's counted for its table, and from a chart to its dashboard. */
function flowBetweenBoxes() {
  const upstream = [];
  const downstream = [];
  const edge = [];
  const add = (from, to, number) => from !== to && (upstream.push(from), downstream.push(to), edge.push(number));
  catalog.edges.upstream.forEach((from, number) => {
    add(catalog.box[from], catalog.box[catalog.edges.downstream[number]], number);
  });
  for (let entry = 0; entry < catalog.size; entry++) {
    const parent = parentOf(entry);
    if (parent !== NONE && typeOf(entry) === "chart" && typeOf(parent) === "dashboard") add(entry, parent, NONE);
  }
  const into = grouped(catalog.size, downstream);
  const outOf = grouped(catalog.size, upstream);
  return { upstream, downstream, edge, into, outOf };
}

/** The boxes right upstream (or downstream) of a box, each once. */
function neighbours(box, upwards) {
  const { flow } = catalog;
  const links = upwards ? flow.into(box) : flow.outOf(box);
  return new Set(Array.from(links, (link) => (upwards ? flow.upstream[link] : flow.downstream[link])));
}

/** How an edge is known: `contains` for a chart in its dashboard, which no source has to declare. */
const howOf = (edge) => (edge === NONE ? "contains" : catalog.strings[catalog.edges.how[edge]]);
const confidenceOf = (edge) => (edge === NONE ? 1 : 1 - catalog.edges.doubt[edge]);
const sourceOfEdge = (edge) => (edge === NONE ? "" : catalog.strings[catalog.edges.source[edge]]);
