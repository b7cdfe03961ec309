// Numbers, times and SQL as people read them.

const count = (number) => number.toLocaleString("en");
const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
/** A name like `api_endpoint` as words; any other text as it is. */
const isName = (name) => /^[a-z][a-z_]*[a-z]$/i.test(name);
const label = (name) => (isName(name) ? name.replaceAll("_", " ") : name);
const capital = (name) => (isName(name) ? label(name).replace(/^./u, (first) => first.toUpperCase()) : name);

const PLURALS = { api_endpoint: "API endpoints", schema: "Schemas" };
const typeLabel = (type) =>
  Object.hasOwn(PLURALS, type) ? PLURALS[type] : isName(type) ? `${capital(type)}s` : type || "(no type)";

const UNITS = [
  ["year", 31557600],
  ["month", 2629800],
  ["week", 604800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

/** "3 hours ago". */
function ago(seconds) {
  const passed = Date.now() / 1000 - seconds;
  const [unit, length] = UNITS.find(([, size]) => Math.abs(passed) >= size) || ["second", 1];
  if (unit === "second") return "just now";
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(-Math.round(passed / length), unit);
}

const exactly = (seconds) => `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** A moment: how long ago, and exactly. */
function moment(seconds) {
  return h("time", { datetime: new Date(seconds * 1000).toISOString(), title: exactly(seconds) }, ago(seconds));
}

const SQL_WORDS = new Set(
  `select from where join left right full inner outer cross on using group by order having limit offset as with union all
  distinct case when then else end and or not in is null like between exists create table view insert into values update
  set delete over partition rows range cast interval asc desc lateral qualify window recursive true false`.split(/\s+/),
);
const SQL_TOKEN = /(--[^\n]*|\/\*[\s\S]*?\*\/)|('(?:[^']|'')*')|(\b\d+(?:\.\d+)?\b)|([A-Za-z_]\w*)/g;

/** SQL with its words told apart, and nothing changed. */
function sqlBlock(sql) {
  const code = h("code", {});
  let from = 0;
  for (const found of sql.length < 50_000 ? sql.matchAll(SQL_TOKEN) : []) {
    const [token, comment, string, number, word] = found;
    const kind = comment
      ? "comment"
      : string
        ? "string"
        : number
          ? "number"
          : SQL_WORDS.has(word.toLowerCase()) && "word";
    if (!kind) continue;
    code.append(sql.slice(from, found.index), h("span", { class: `sql-${kind}` }, token));
    from = found.index + token.length;
  }
  code.append(sql.slice(from));
  return h(
    "div",
    { class: "code" },
    copyButton(() => sql, "Copy"),
    h("pre", { tabindex: "0" }, code),
  );
}

/** A button that copies a text, and says so. */
function copyButton(textToCopy, words) {
  const button = h("button", { class: "quiet-button", type: "button" }, words);
  button.addEventListener("click", async () => {
    const copied = await navigator.clipboard.writeText(textToCopy()).then(
      () => true,
      () => false,
    );
    button.textContent = copied ? "Copied" : "Not allowed here";
    announce(button.textContent);
    setTimeout(() => (button.textContent = words), 1500);
  });
  return button;
}
