// Addresses: what is shown is in the part of the address after #, so that a copied link shows it again.

/** `#/`, `#/r/<key>` and `#/unresolved`, each with parameters. */
function currentPlace() {
  const [path, query = ""] = splitOnce(location.hash.replace(/^#/, ""), "?");
  const parameters = new URLSearchParams(query);
  if (path.startsWith("/r/")) return { page: "resource", key: decoded(path.slice(3)), parameters };
  return { page: path === "/unresolved" ? "unresolved" : "results", parameters };
}

function splitOnce(string, mark) {
  const at = string.indexOf(mark);
  return at < 0 ? [string] : [string.slice(0, at), string.slice(at + 1)];
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat())
      if (one !== "" && one !== null && one !== undefined && one !== false) query.append(name, one);
  }
  const words = query.toString();
  return `#${path}${words && `?${words}`}`;
}

const resourceAddress = (entry, parameters) => address(`/r/${encodeURIComponent(catalog.keys[entry])}`, parameters);

const resultsAddress = ({ q, sources, types, hidden }) =>
  address("/", { q, source: sources, type: types, hidden: hidden && "1" });

function resultsPlace(parameters) {
  return {
    q: parameters.get("q") || "",
    sources: parameters.getAll("source"),
    types: parameters.getAll("type"),
    hidden: parameters.get("hidden") === "1",
  };
}

/** Depths are 0 to 5, or "all" as Infinity. `depth` is both. */
function lineagePlace(parameters) {
  const depth = (name) => {
    const value = parameters.get(name) ?? parameters.get("depth") ?? "2";
    return value === "all" ? Infinity : Math.min(5, Math.max(0, Number.parseInt(value, 10) || 0));
  };
  return { up: depth("up"), down: depth("down"), columns: parameters.get("columns") === "1", at: parameters.get("at") };
}

function lineageAddress(entry, { up, down, columns, at }) {
  const word = (depth) => (depth === Infinity ? "all" : String(depth));
  const depths = up === down ? { depth: word(up) } : { up: word(up), down: word(down) };
  return resourceAddress(entry, { view: "lineage", ...depths, columns: columns && "1", at });
}

/** Show another place: as a step that Back undoes, or in place of this one. */
function go(hash, { replace = false } = {}) {
  if (hash === location.hash) return;
  page.step += replace ? 0 : 1;
  history[replace ? "replaceState" : "pushState"]({ step: page.step }, "", hash);
  show({ moved: !replace });
}
