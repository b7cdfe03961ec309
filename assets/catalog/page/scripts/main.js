// The start: read the catalog, show the place that the address names, and listen to keys.

const page = {
  main: document.getElementById("main"),
  search: document.getElementById("search"),
  theme: document.getElementById("theme"),
};

/** Draw the current place. `moved` is a step to another place, after which reading starts at its heading. */
function show({ moved = false } = {}) {
  const place = currentPlace();
  graph?.destroy();
  graph = null;
  const view = viewOf(place);
  page.main.replaceChildren(view);
  if (document.activeElement !== page.search)
    page.search.value = place.page === "results" ? place.parameters.get("q") || "" : "";
  if (moved) {
    scrollTo(0, history.state?.y || 0);
    if (document.activeElement !== page.search) view.querySelector("h1")?.focus({ preventScroll: true });
  }
}

function viewOf(place) {
  document.title = catalog.title;
  if (place.page === "unresolved") return unresolvedView(place.parameters);
  if (place.page === "results") return resultsView(resultsPlace(place.parameters));
  const entry = catalog.numbers.get(place.key);
  if (entry === undefined) return missingView(place.key);
  document.title = `${nameOf(entry)} · ${catalog.title}`;
  return resourceView(entry, place.parameters);
}

function missingView(key) {
  return h(
    "div",
    { class: "page empty" },
    h("h1", { tabindex: "-1" }, "Not in this catalog"),
    h("p", {}, "This page has nothing with the key ", h("code", {}, said(key)), "."),
    h("p", {}, h("a", { href: resultsAddress({ q: key.split(/[./]/).pop() }) }, "Search for its name")),
  );
}

function typed() {
  const place = currentPlace();
  const inResults = place.page === "results";
  const kept = inResults ? resultsPlace(place.parameters) : {};
  go(resultsAddress({ ...kept, q: page.search.value.trim() }), { replace: inResults && Boolean(kept.q) });
}

const resultLinks = () => Array.from(document.querySelectorAll("#results .result"));

/** `/` searches, arrows walk through the results, Escape goes back. */
function key(event) {
  const at = document.activeElement;
  const typing = at.matches("input:not([type=checkbox]), select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "/" && !typing) (page.search.focus(), page.search.select());
  else if (event.key === "Escape") back(at);
  else if (["ArrowDown", "ArrowUp"].includes(event.key) && (at === page.search || at.matches(".result")))
    walk(at, event.key === "ArrowDown" ? 1 : -1);
  else return;
  event.preventDefault();
}

function walk(at, step) {
  const links = resultLinks();
  const next = links.indexOf(at) + step;
  if (next < 0) page.search.focus();
  else if (next === links.length && !document.querySelector(".found > .more")?.hidden)
    document.querySelector(".found > .more").click();
  else links[Math.min(next, links.length - 1)]?.focus();
}

function back(at) {
  if (at.matches(".narrow")) {
    at.value = "";
    at.dispatchEvent(new Event("input"));
    return at.blur();
  }
  if (at === page.search && !page.search.value) return page.search.blur();
  if (at.matches(".result")) return page.search.focus();
  if (at === page.search) {
    page.search.value = "";
    return typed();
  }
  if (location.hash === "" || location.hash === "#/") return undefined;
  return history.state?.step > 0 ? history.back() : go("#/");
}

/** A link was followed, or Back was: the first is a new step, counted so that Escape does not leave the page. */
function stepped() {
  if (history.state?.step === undefined) history.replaceState({ step: page.step + 1 }, "");
  page.step = history.state.step;
  show({ moved: true });
}

const THEME_ICONS = { system: "half", light: "sun", dark: "moon" };

function showTheme() {
  theme.apply();
  page.theme.replaceChildren(icon(THEME_ICONS[theme.chosen]));
  page.theme.title = page.theme.ariaLabel = `Theme: ${theme.chosen}`;
  graph?.style(graphStyle());
}

function nextTheme() {
  theme.choose(theme.names[(theme.names.indexOf(theme.chosen) + 1) % theme.names.length]);
  showTheme();
  announce(page.theme.title);
}

function start() {
  readCatalog();
  const gaps = document.getElementById("unresolved-link");
  gaps.hidden = catalog.unresolved.length === 0;
  gaps.append(
    h("span", { class: "wide-only" }, "Unresolved "),
    h("span", { class: "number" }, count(catalog.unresolved.length)),
  );
  gaps.ariaLabel = `${plural(catalog.unresolved.length, "unresolved end")} of lineage`;
  page.theme.addEventListener("click", nextTheme);
  theme.system.addEventListener("change", showTheme);
  NARROW.addEventListener("change", () => graph && show());
  page.search.addEventListener("input", typed);
  document.getElementById("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const [first] = resultLinks();
    if (!page.search.value || !first) return;
    page.search.blur();
    go(first.hash);
  });
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    page.main.focus();
  });
  document.addEventListener("keydown", key);
  history.scrollRestoration = "manual";
  history.replaceState({ step: 0, ...history.state }, "");
  page.step = history.state.step;
  addEventListener("hashchange", stepped);
  addEventListener("scrollend", () => history.replaceState({ ...history.state, y: scrollY }, ""));
  showTheme();
  show();
  performance.mark("headwater-ready");
  setTimeout(() => search({ q: "a" }), 50); // makes the index before it is needed
}

start();
