// Elements. What a source said becomes text nodes, and nothing else: there is no other way in.

const ADDRESS = /^#\//;

/** An element with attributes (`on` holds its listeners) and children: elements, texts, and nothing where falsy. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") Object.entries(value).forEach(([event, listener]) => element.addEventListener(event, listener));
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, safe(name, value));
  }
  element.append(...children.flat(Infinity).filter((child) => child || child === 0));
  return element;
}

/** Links lead to places in this page only. */
function safe(name, value) {
  if (name === "href" && !ADDRESS.test(value)) throw new Error(`not an address of this page: ${value}`);
  return value;
}

/** A text of a source, kept apart from what is around it whichever way it is written. */
function said(text, attributes = {}) {
  return h("bdi", { dir: "auto", ...attributes }, text);
}

const ICONS = {
  table: "M4 5h16v14H4zM4 10h16M10 10v9",
  column: "M9 4h6v16H9zM9 9h6",
  dashboard: "M4 5h7v8H4zM13 5h7v4h-7zM13 11h7v8h-7zM4 15h7v4H4z",
  chart: "M4 19h16M7 16v-4M12 16V6M17 16v-7",
  database: "M5 7c0-3 14-3 14 0v10c0 3-14 3-14 0zM5 7c0 3 14 3 14 0M5 12c0 3 14 3 14 0",
  schema: "M4 7h6l2 2h8v9H4z",
  dashboard_group: "M4 7h6l2 2h8v9H4z",
  api_endpoint: "M8 7l-5 5 5 5M16 7l5 5-5 5",
  endpoint: "M8 7l-5 5 5 5M16 7l5 5-5 5",
  key: "M12.5 11.5a4.5 4.5 0 1 0-6.4 6.4 4.5 4.5 0 0 0 6.4-6.4L20 4M16.5 7.5l3 3",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  half: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16v16M13.5 5v14M15 6v12M16.5 7v10M18 9v6",
  other: "M12 4l8 4.5v7L12 20l-8-4.5v-7z",
};

/** A small drawing, for the eye only. */
function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", Object.hasOwn(ICONS, name) ? ICONS[name] : ICONS.other);
  svg.append(path);
  return svg;
}

/** Tell it to who listens instead of looking. */
function announce(text) {
  document.getElementById("said").textContent = text;
}

/** The first `size` of a list, and a button for the next ones. */
function inPages(list, items, draw, size = 40) {
  const more = h("button", { class: "more", type: "button", on: { click: () => next(true) } });
  let drawn = 0;
  function next(focus) {
    const fresh = items.slice(drawn, drawn + size);
    const elements = Array.from(fresh, draw);
    list.append(...elements);
    drawn += elements.length;
    more.textContent = `Show ${count(Math.min(size, items.length - drawn))} more of ${count(items.length - drawn)}`;
    more.hidden = drawn >= items.length;
    if (focus) elements[0]?.querySelector("a, button")?.focus();
  }
  next(false);
  return more;
}
