// Small helpers: elements, requests, words for numbers. All text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, `on…` listeners and children. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** The answer to a request; throws an error whose message is what the server said. */
export async function fetched(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (cause) {
    if (cause.name === "AbortError") throw cause;
    throw new Error("The server does not answer. Is it still running?", { cause });
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const hint = body.hint ? ` (${body.hint})` : "";
  throw new Error(`${body.error ?? `The server answered ${response.status}`}${hint}`);
}

/** Asks for JSON. */
export async function ask(path, signal) {
  const response = await fetched(path, { headers: { accept: "application/json" }, signal });
  return response.json().catch(() => ({}));
}

/** What went wrong, where the content would stand. */
export function failure(error) {
  return el("div", { class: "notice", role: "alert" },
    el("strong", {}, "This cannot be shown. "), error.message,
    el("p", {}, el("a", { href: "#/" }, "Back to all tokens")));
}

const NUMBER = new Intl.NumberFormat("en");
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

export const number = (value) => NUMBER.format(value);
export const day = (text) => DAY.format(new Date(text));

export function decimal(text, places = 2) {
  const value = Number(text);
  const shown = Math.abs(value).toFixed(places);
  return (Number(shown) === 0 ? "" : value < 0 ? "−" : "") + shown;
}

export function signed(text, places = 2) {
  const shown = decimal(text, places);
  return Number(text) > 0 && Number(shown) !== 0 ? `+${shown}` : shown;
}

export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
export const words = (name) => name.replaceAll("_", " ");

/** The figures of a collection that views need: which trait leads, which one is its tier. */
export function shape(info) {
  const leading = info.traits[0];
  const tier = info.traits.find((entry) => entry.from?.tier?.of === leading.name)
    ?? info.traits.find((entry) => entry.from?.tier);
  return { leading, tier, levels: tier?.from.tier.levels ?? [], banded: tier?.from.tier.of === leading.name };
}

/** A pill whose colour says how high a level stands. */
export function pill(kind, word) {
  const place = kind.levels.findIndex((level) => level.name === word);
  const node = el("span", { class: "pill" }, word);
  node.style.setProperty("--level", kind.levels.length > 1 ? Math.max(place, 0) / (kind.levels.length - 1) : 0);
  return node;
}

/** By how much a number moved: sign, colour, and words for those who see neither. */
export function delta(change) {
  if (!Number.isFinite(change) || change === 0) return null;
  const up = change > 0;
  return el("span", { class: up ? "delta up" : "delta down" },
    el("span", { "aria-hidden": "true" }, up ? "▲" : "▼"),
    el("span", { class: "hidden" }, up ? "up " : "down "), number(Math.abs(change)));
}

/** A button that copies a text, which `code` shows. */
export function copier(text, code, name) {
  const button = el("button", { class: "copy", type: "button", "aria-label": `Copy ${name}`, title: "Copy" }, icon("copy"));
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.replaceChildren(icon("done"));
    } catch {
      // Without permission the text is selected, ready to be copied by hand.
      code.textContent = text;
      getSelection().selectAllChildren(code);
    }
    setTimeout(() => button.replaceChildren(icon("copy")), 1500);
  });
  return button;
}

/** A long identifier, cut in the middle, with a button that copies all of it. */
export function identifier(text, href) {
  const cut = text.length > 22 ? `${text.slice(0, 10)}…${text.slice(-6)}` : text;
  const code = el("code", { title: text }, cut);
  return el("span", { class: "identifier" }, href ? el("a", { href }, code) : code, copier(text, code, cut));
}

const ICONS = {
  copy: "M9 9h10v11H9zM5 15V4h10",
  done: "M5 13l5 5L19 7",
  cross: "M6 6l12 12M18 6L6 18",
  none: "M6 12h12",
  back: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  sun: "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4",
  moon: "M20 14.5A8.5 8.5 0 019.5 4 8.5 8.5 0 1020 14.5z",
  auto: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 3v18M12 8l6 0M12 12h9M12 16h7",
};

export function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}
