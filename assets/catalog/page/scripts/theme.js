// Runs before anything is drawn: light or dark, as the system has it or as was chosen on this device.

const theme = {
  names: ["system", "light", "dark"],
  chosen: "system",
  system: matchMedia("(prefers-color-scheme: dark)"),
};

/** Colour the page: the styles know light and dark only. */
theme.apply = () => {
  const ofSystem = theme.system.matches ? "dark" : "light";
  document.documentElement.dataset.theme = theme.chosen === "system" ? ofSystem : theme.chosen;
};

theme.choose = (name) => {
  theme.chosen = name;
  theme.apply();
  try {
    localStorage.setItem("headwater-theme", name);
  } catch {
    // A browser that keeps nothing for files has it until the page is closed.
  }
};

try {
  const kept = localStorage.getItem("headwater-theme");
  if (theme.names.includes(kept)) theme.chosen = kept;
} catch {
  // As above: it follows the system.
}
theme.apply();
