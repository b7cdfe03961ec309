// Search: every word must be found in an entry's name, path, columns or description; where it is found ranks it.

const TYPE_ORDER = [
  "table",
  "dashboard",
  "chart",
  "endpoint",
  "api_endpoint",
  "column",
  "schema",
  "database",
  "dashboard_group",
];
let index;

/** Lower case, and without accents. */
function fold(string) {
  const lower = string.toLowerCase();
  return /^[\x00-\x7f]*$/.test(lower) ? lower : lower.normalize("NFKD").replace(/\p{M}/gu, "");
}

/** What search reads, made when it is first needed: names, paths, descriptions, and a table's column names. */
function buildIndex() {
  if (index) return index;
  const folded = catalog.strings.map(() => null);
  const once = (number) => (folded[number] ??= fold(catalog.strings[number]));
  const { fields, size } = catalog;
  const names = new Array(size);
  const paths = new Array(size);
  const columns = new Array(size).fill("");
  const inner = Array.from({ length: size }, () => null);
  for (let entry = 0; entry < size; entry++) {
    names[entry] = fields.title[entry] ? once(fields.title[entry]) : fold(nameOf(entry));
    paths[entry] =
      `${once(fields.database[entry])}.${once(fields.schema[entry])} ${once(fields.databuilder_id[entry])}`;
    const box = catalog.box[entry];
    if (box !== entry) (inner[box] ??= []).push(names[entry]);
  }
  inner.forEach((found, box) => found && (columns[box] = found.join("\n")));
  const describe = (entry) => once(fields.description[entry]);
  index = { names, paths, columns, descriptions: Array.from(names, (_, entry) => describe(entry)), order: typeOrder() };
  return index;
}

function typeOrder() {
  return catalog.strings.map((type) => (TYPE_ORDER.includes(type) ? TYPE_ORDER.indexOf(type) : TYPE_ORDER.length));
}

/** How well a word fits an entry; 0 where it is nowhere. */
function fit(word, entry) {
  const name = index.names[entry];
  const at = name.indexOf(word);
  if (at === 0) return 75 + (25 * word.length) / name.length;
  if (at > 0) return " _-./:".includes(name[at - 1]) ? 60 : 40;
  if (index.paths[entry].includes(word)) return 25;
  if (index.columns[entry].includes(word)) return 15;
  return index.descriptions[entry].includes(word) ? 10 : 0;
}

/**
 * The entries that a query and filters leave, best first, and how many there are by source and by type.
 * Without a query columns are listed only when their type is chosen: there are too many of them to browse.
 */
function search({ q = "", sources = [], types = [], hidden = false }) {
  buildIndex();
  const words = fold(q).split(/\s+/).filter(Boolean);
  const whole = fold(q).trim();
  const { source, entity_type } = catalog.fields;
  const rightSource = chosenNumbers(sources);
  const rightType = chosenNumbers(types);
  const column = catalog.strings.indexOf("column");
  const ofSource = new Uint32Array(catalog.strings.length);
  const ofType = new Uint32Array(catalog.strings.length);
  const hits = new Uint32Array(catalog.size);
  const ranks = new Uint16Array(catalog.size);
  let found = 0;
  let unseen = 0;
  for (let entry = 0; entry < catalog.size; entry++) {
    const score = words.length ? total(words, whole, entry) : 1;
    if (score === 0) continue;
    if (catalog.fields.hidden[entry] && !hidden && ++unseen) continue;
    const isOfSource = !rightSource || rightSource.has(source[entry]);
    const isOfType = !rightType || rightType.has(entity_type[entry]);
    if (isOfType) ofSource[source[entry]]++;
    if (isOfSource) ofType[entity_type[entry]]++;
    if (!isOfSource || !isOfType || (words.length === 0 && !rightType && entity_type[entry] === column)) continue;
    hits[found] = entry;
    ranks[found++] = WORST - score * 16 + index.order[entity_type[entry]];
  }
  const counts = { source: counted(ofSource), type: counted(ofType) };
  return { hits: byRank(hits.subarray(0, found), ranks.subarray(0, found)), counts, unseen, words };
}

/** How many there are by text, given how many by its number. */
function counted(many) {
  const counts = new Map();
  many.forEach((number, at) => number && counts.set(catalog.strings[at], number));
  return counts;
}

const BEST_SCORE = 220;
const WORST = BEST_SCORE * 16;

/** Entries with the lowest rank first, else in their own order: sorted by counting, for there may be very many. */
function byRank(hits, ranks) {
  const ofRank = grouped(WORST + 16, ranks);
  const sorted = new Uint32Array(hits.length);
  let at = 0;
  for (let rank = 0; at < hits.length; rank++) for (const number of ofRank(rank)) sorted[at++] = hits[number];
  return sorted;
}

const chosenNumbers = (names) => (names.length ? new Set(names.map((name) => catalog.strings.indexOf(name))) : null);

function total(words, whole, entry) {
  let sum = 0;
  for (const word of words) {
    const score = fit(word, entry);
    if (score === 0) return 0;
    sum += score;
  }
  const whose = catalog.box[entry] === entry ? 10 : 0; // a table before its columns
  return Math.round(sum / words.length) + whose + (index.names[entry] === whole ? 100 : 0);
}

/** The text with the words that were searched for marked. */
function marked(string, words) {
  const lower = fold(string);
  if (words.length === 0 || lower.length !== string.length) return said(string);
  const pieces = [];
  let from = 0;
  while (from < string.length) {
    const next = words.map((word) => [lower.indexOf(word, from), word.length]).filter(([at]) => at >= 0);
    if (next.length === 0) break;
    const [at, length] = next.reduce((best, one) =>
      one[0] < best[0] || (one[0] === best[0] && one[1] > best[1]) ? one : best,
    );
    pieces.push(string.slice(from, at), h("mark", {}, string.slice(at, at + length)));
    from = at + length;
  }
  const element = said("");
  element.append(...pieces, string.slice(from));
  return element;
}
