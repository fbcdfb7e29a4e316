// Routes, theme, and news of later epochs.

import { collection } from "./collection.js";
import { epoch, epochs } from "./epochs.js";
import { token } from "./token.js";
import { ask, day, el, failure, icon, identifier, number } from "./ui.js";

const NEWS_MS = 15_000;
const main = document.getElementById("main");
const scrolled = new Map();
let info;
let shown = null;
let turn = 0;

/** `#/`, `#/token/12`, `#/token/12/3` (as of its third change), `#/epochs`, `#/epoch/5`. */
function route() {
  const [view = "", id, at] = location.hash.replace(/^#\/?/, "").split("/");
  if (view === "token" && id) return { key: `token/${id}`, view: "collection", make: () => token(info, id, Number(at)) };
  if (view === "epochs") return { key: "epochs", view: "epochs", make: () => epochs(info) };
  if (view === "epoch" && id) return { key: `epoch/${id}`, view: "epochs", make: () => epoch(info, id) };
  return { key: "", view: "collection", make: () => collection(info) };
}

async function show(fresh) {
  const asked = route();
  if (shown?.key === asked.key && !fresh) return;
  if (shown) {
    scrolled.set(shown.key, scrollY);
    shown.close?.();
  }
  const first = shown === null;
  shown = { key: asked.key };
  const mine = ++turn;
  main.setAttribute("aria-busy", "true");
  let made;
  try {
    info = await ask("/api/collection");
    frame();
    made = await asked.make();
  } catch (error) {
    made = { title: "Not found", node: failure(error) };
  }
  // Another view may have been asked for in the meantime.
  if (mine !== turn) return made.close?.();
  shown.close = made.close;
  main.removeAttribute("aria-busy");
  main.replaceChildren(made.node);
  document.title = [made.title, info?.name].filter(Boolean).join(" · ") || "Enliven";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === asked.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  scrollTo(0, fresh ? scrollY : asked.key.startsWith("token") ? 0 : (scrolled.get(asked.key) ?? 0));
  if (!first && !fresh) main.focus({ preventScroll: true });
}

function frame() {
  document.getElementById("brand").textContent = info.name;
  const row = (label, ...value) => el("div", {}, el("dt", {}, label), el("dd", {}, ...value));
  document.getElementById("foot").replaceChildren(
    el("h2", {}, "On chain"),
    el("dl", {},
      row("Chain", `${number(info.chain_id)}${info.dev_chain ? " (embedded dev chain)" : ""}`.replace(/,/g, "")),
      row("Token contract", identifier(info.token)),
      row("Oracle contract", identifier(info.oracle)),
      row("State root", identifier(info.state_root)),
      info.directory && row("Directory", identifier(info.directory, `/ipfs/${info.directory}/`)),
      info.rpc && row("JSON-RPC", identifier(new URL(info.rpc, location.href).href))),
    el("p", {}, "Every change is decided by ", plainCount(info.nodes), " that recompute it from public inputs, and is recorded in a receipt. "));
}

const plainCount = (nodes) => (nodes === 1 ? "one oracle node" : `${nodes} oracle nodes`);

async function news() {
  if (document.hidden || !info) return;
  const latest = await ask("/api/collection").catch(() => null);
  const epoch = latest?.last_epoch?.epoch;
  const box = document.getElementById("news");
  if (!epoch || epoch === info.last_epoch?.epoch || box.dataset.epoch === String(epoch)) return;
  box.dataset.epoch = epoch;
  const load = () => {
    box.replaceChildren();
    show(true);
  };
  box.replaceChildren(el("div", { class: "news" },
    `Epoch ${number(epoch)} is posted: ${day(latest.last_epoch.at)}. `,
    el("button", { type: "button", onclick: load }, "Show it")));
}

const THEMES = ["auto", "light", "dark"];

function theme(next) {
  let chosen = "auto";
  try {
    if (next) localStorage.setItem("theme", next);
    chosen = localStorage.getItem("theme") ?? "auto";
  } catch {
    chosen = next ?? "auto";
  }
  if (!THEMES.includes(chosen)) chosen = "auto";
  document.documentElement.dataset.theme = chosen;
  const button = document.getElementById("theme");
  const label = { auto: "as the system", light: "light", dark: "dark" }[chosen];
  button.replaceChildren(icon({ auto: "auto", light: "sun", dark: "moon" }[chosen]));
  button.setAttribute("aria-label", `Colours: ${label}. Change`);
  button.title = `Colours: ${label}`;
  button.onclick = () => theme(THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length]);
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", () => show(false));
history.scrollRestoration = "manual";
theme();
show(false);
setInterval(news, NEWS_MS);
