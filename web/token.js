// One token: the card, its history, why it changed, its receipts.

import { chart } from "./chart.js";
import { verifyHere } from "./evidence.js";
import { ask, day, decimal, delta, el, icon, identifier, number, pill, plural, shape, signed, words } from "./ui.js";

const ROWS = 8;
const PARTS = 8;

export async function token(info, id, at) {
  const path = `/api/tokens/${encodeURIComponent(id)}`;
  const [row, history] = await Promise.all([ask(path), ask(`${path}/history`)]);
  const kind = shape(info);
  const name = kind.leading.name;
  const last = history.length - 1;
  const view = { info, kind, row, history, path, place: -1 };

  const card = cardOf(view);
  const headline = el("div", { class: "headline" });
  const reasons = reasonsOf(view);
  const traits = el("div");
  const receipts = receiptsOf(view, select);
  const verify = verifyHere(info, row);
  const timeline = timelineOf(view, select);
  const numeric = history.every((change) => typeof change.traits[name] === "number");
  const drawn = numeric ? chartOf(view, select) : null;

  function select(place) {
    place = Math.min(Math.max(place, 0), last);
    if (place === view.place) return;
    view.place = place;
    const change = history[place];
    headline.replaceChildren(...headlineOf(view, change));
    traits.replaceChildren(traitsOf(view, place));
    for (const part of [card, reasons, receipts, timeline, drawn]) part?.select(place);
    const hash = `#/token/${row.id}${place === last ? "" : `/${change.sequence}`}`;
    if (location.hash !== hash) follow(hash);
  }

  select(Number.isInteger(at) && at > 0 ? at - 1 : last);
  const step = (number, label) => number >= 1 && number <= info.tokens && el("a", { href: `#/token/${number}` }, label);
  const node = el("article", { class: "token" },
    el("p", { class: "crumbs" }, el("a", { href: "#/" }, "All tokens"), step(row.id - 1, `← #${row.id - 1}`), step(row.id + 1, `#${row.id + 1} →`)),
    el("div", { class: "token-columns" },
      el("div", { class: "column" },
        card.node,
        el("section", { class: "panel", "aria-labelledby": "traits" }, el("h2", { id: "traits" }, "Traits"), traits),
        receipts.node),
      el("div", { class: "column" },
        el("header", { class: "token-head" }, el("h1", {}, row.subject, " ", el("small", {}, `#${row.id}`)), headline),
        el("section", { class: "panel", "aria-labelledby": "history" },
          el("h2", { id: "history" }, `${kind.leading.label} over time`),
          drawn?.node,
          drawn && kind.tier && el("p", { class: "legend muted" }, el("span", { class: "legend-mark", "aria-hidden": "true" }), `${kind.tier.label} changes`),
          timeline.node),
        reasons.node,
        verify.node)));
  const close = () => {
    drawn?.close();
    verify.close();
  };
  return { title: row.subject, node, close };
}

/** The address follows the timeline without a step back for each move. */
function follow(hash) {
  window.history.replaceState(null, "", hash);
}

function cardOf({ history, row, kind }) {
  const image = el("img", { class: "card", width: 600, height: 600 });
  const caption = el("figcaption");
  const last = history.length - 1;
  let wanted;
  return {
    node: el("figure", { class: "card-holder" }, image, caption),
    select(place) {
      const change = history[place];
      const now = place === last;
      const source = now ? `/tokens/${row.id}.png` : `/ipfs/${change.image}`;
      wanted = source;
      // The card on show stays until the next one is ready.
      const next = new Image();
      next.src = source;
      next.decode().catch(() => {}).then(() => {
        if (wanted === source) image.src = source;
      });
      if (!image.hasAttribute("src")) image.src = source;
      const leading = change.traits[kind.leading.name];
      image.alt = `Card of ${row.subject}, ${day(change.at)}: ${kind.leading.label.toLowerCase()} ${leading}`;
      for (const near of [place - 1, place + 1]) {
        if (history[near]?.image && near !== last) new Image().src = `/ipfs/${history[near].image}`;
      }
      const link = (kind, cid) => el("a", { href: now ? `/tokens/${row.id}.${kind}` : `/ipfs/${cid}` }, kind.toUpperCase());
      caption.replaceChildren(
        el("span", {}, now ? "The card now" : `The card as of ${day(change.at)}`),
        el("span", { class: "links" }, link("json", change.metadata), link("svg", change.image_svg), link("png", change.image)));
    },
  };
}

function headlineOf({ kind, history, place, row }, change) {
  const name = kind.leading.name;
  const before = history[place - 1]?.traits[name];
  const word = kind.tier && change.traits[kind.tier.name];
  return [
    el("span", { class: "big" }, String(change.traits[name])),
    el("span", { class: "big-label" }, kind.leading.label, delta(change.traits[name] - before)),
    word && pill(kind, word),
    el("span", { class: "muted" }, place === history.length - 1
      ? `${plural(row.sequence - 1, "change")} since ${day(history[0].at)}` : `as of ${day(change.at)}`),
  ];
}

function chartOf({ history, kind, info, row }, select) {
  const name = kind.leading.name;
  const word = (place) => kind.tier && history[place]?.traits[kind.tier.name];
  const points = history.map((change, place) => ({
    time: Date.parse(change.at),
    value: change.traits[name],
    label: `${change.traits[name]}${kind.tier ? ` · ${word(place)}` : ""}`,
    marked: place > 0 && word(place) !== word(place - 1),
  }));
  const values = points.map((point) => point.value);
  const label = `${kind.leading.label} of ${row.subject} from ${day(history[0].at)}: lowest ${Math.min(...values)}, ` +
    `highest ${Math.max(...values)}, now ${values.at(-1)}. The slider below walks through the changes.`;
  const bands = kind.banded ? kind.levels.map((level) => ({ name: level.name, from: level.at })) : [];
  const bounds = { low: kind.leading.max_value === null ? null : Math.min(0, ...values), high: kind.leading.max_value };
  const until = Date.parse(info.last_epoch?.at ?? history.at(-1).at);
  return chart({ points, until, bands, bounds, label, pick: select });
}

function timelineOf({ history, kind, ...view }, select) {
  const last = history.length - 1;
  const slider = el("input", { type: "range", id: "timeline", min: 1, max: last + 1, step: 1, "aria-label": "Change", disabled: last === 0 });
  const words = el("output", { for: "timeline" });
  const step = (label, name, by) => el("button", {
    type: "button", class: "step", "aria-label": label, title: label,
    onclick: () => select(Number(slider.value) - 1 + by),
  }, icon(name));
  const [back, next] = [step("The change before", "back", -1), step("The next change", "next", 1)];
  const now = el("button", { type: "button", class: "quiet now", onclick: () => select(last) }, "Back to the latest");
  slider.addEventListener("input", () => select(Number(slider.value) - 1));
  return {
    node: el("div", { class: "timeline" }, el("div", { class: "timeline-row" }, back, slider, next), el("div", { class: "timeline-row" }, words, now)),
    select(place) {
      const change = history[place];
      slider.value = place + 1;
      const word = kind.tier ? `, ${change.traits[kind.tier.name]}` : "";
      const text = `${day(change.at)}: ${kind.leading.label.toLowerCase()} ${change.traits[kind.leading.name]}${word}`;
      slider.setAttribute("aria-valuetext", `Change ${change.sequence} of ${last + 1}. ${text}`);
      words.replaceChildren(el("strong", {}, `Change ${number(change.sequence)} of ${number(last + 1)}`), ` ${text}`);
      back.disabled = place === 0;
      next.disabled = place === last;
      now.hidden = place === last;
    },
  };
}

function reasonsOf({ path, history, info }) {
  const body = el("div");
  const title = el("h2", { id: "why" });
  const known = new Map();
  let turn = 0;

  async function load(change) {
    if (!known.has(change.epoch)) known.set(change.epoch, await ask(`${path}/explain?epoch=${change.epoch}`));
    return known.get(change.epoch);
  }

  async function select(place) {
    const mine = ++turn;
    const change = history[place];
    title.textContent = place === history.length - 1 ? "Why it last changed" : `Why it changed on ${day(change.at)}`;
    body.setAttribute("aria-busy", "true");
    // Whoever runs along the timeline asks for the last stop only.
    if (body.firstChild && !known.has(change.epoch)) await new Promise((done) => setTimeout(done, 120));
    if (mine !== turn) return;
    try {
      const found = await load(change);
      if (mine !== turn) return;
      body.replaceChildren(
        el("ul", { class: "sentences" }, found.sentences.map((sentence) => el("li", {}, sentence))),
        otherwise(path, change) ?? "",
        contributions(found, info.score_unit),
        el("p", { class: "muted" }, capital(found.method), "."));
    } catch (error) {
      if (mine === turn) body.replaceChildren(el("p", { class: "notice" }, error.message));
    }
    if (mine === turn) body.removeAttribute("aria-busy");
  }

  return { node: el("section", { class: "panel", "aria-labelledby": "why" }, title, body), select };
}

/** A button that asks what would have left the token as it was; nothing for a mint. */
function otherwise(path, change) {
  if (change.sequence === 1) return null;
  const ask_it = el("button", { type: "button", class: "link otherwise" }, "What would have left it as it was?");
  const place = el("p", { "aria-live": "polite" }, ask_it);
  ask_it.addEventListener("click", async () => {
    ask_it.disabled = true;
    try {
      const found = await ask(`${path}/explain?epoch=${change.epoch}&otherwise=true`);
      place.textContent = found.otherwise;
    } catch (error) {
      place.textContent = error.message;
    }
  });
  return place;
}

/** From the base over each feature's part to the score, as bars to both sides of zero. */
function contributions(found, unit) {
  const parts = found.contributions.filter((part) => part.units !== 0);
  const most = Math.max(...[found.base, found.margin, ...parts.map((part) => part.part)].map((text) => Math.abs(Number(text))), 1e-9);
  const bar = (text, sum) => {
    const value = Number(text);
    const node = el("span", { class: `bar ${sum ? "sum" : value < 0 ? "down" : "up"}` });
    node.style.setProperty("--from", value < 0 ? 0.5 + value / most / 2 : 0.5);
    node.style.setProperty("--size", Math.abs(value) / most / 2);
    return el("span", { class: "track", "aria-hidden": "true" }, node);
  };
  const row = (label, note, text, sum) => el("tr", { class: sum ? "total" : null },
    el("th", { scope: "row" }, label, note && el("small", {}, note)),
    el("td", { class: "bar-cell" }, bar(text, sum)),
    el("td", { class: "right", title: text }, signed(text)));
  const line = (part) => row(capital(words(part.feature)), value(part), part.part);
  const shown = parts.slice(0, PARTS);
  const rest = parts.slice(PARTS);
  const sum = rest.reduce((total, part) => total + Number(part.part), 0);
  const body = el("tbody", {}, shown.map(line));
  if (rest.length) {
    const folded = row(el("button", { type: "button", class: "link" }, plural(rest.length, "smaller part")), null, String(sum));
    folded.querySelector("button").addEventListener("click", () => folded.replaceWith(...rest.map(line)));
    body.append(folded);
  }
  return el("table", { class: "parts" },
    el("caption", {}, `What the score is made of${unit ? `, in ${unit}` : ""}`),
    el("thead", { class: "hidden" }, el("tr", {}, el("th", { scope: "col" }, "Part"), el("td", {}), el("th", { scope: "col" }, "Amount"))),
    el("tbody", {}, row("Starting point", "before anything is known", found.base, true)),
    body,
    el("tbody", {}, row("Score", "the sum", found.margin, true)));
}

function value(part) {
  if (part.value === null) return null;
  const shown = (text) => (Number.isInteger(Number(text)) ? number(Number(text)) : decimal(text));
  const now = `${shown(part.value)} ${part.unit}`.trim();
  return part.before !== null && part.before !== part.value ? `${now}, before ${shown(part.before)}` : now;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function traitsOf({ info, history }, place) {
  const now = history[place].traits;
  const before = history[place - 1]?.traits;
  const rows = info.traits.filter((entry) => !entry.hidden && entry.name in now).map((entry) => {
    const [value, old] = [now[entry.name], before?.[entry.name]];
    const changed = old !== undefined && old !== value;
    const meter = typeof value === "number" && entry.max_value > 0 && el("span", { class: "meter", "aria-hidden": "true" }, el("span"));
    if (meter) meter.firstChild.style.setProperty("--size", Math.min(Math.max(value / entry.max_value, 0), 1));
    return el("tr", {},
      el("th", { scope: "row" }, entry.label),
      el("td", { class: "meter-cell" }, meter),
      el("td", { class: "right" }, el("strong", {}, String(value))),
      el("td", { class: "right muted" }, !changed ? "" : typeof value === "number" ? delta(value - old) : `was ${old}`));
  });
  return el("table", { class: "traits" },
    el("thead", { class: "hidden" }, el("tr", {}, ["Trait", "Share of the most", "Value", "Change"].map((label) => el("th", { scope: "col" }, label)))),
    el("tbody", {}, rows));
}

function receiptsOf({ history, kind }, select) {
  const name = kind.leading.name;
  const word = (place) => kind.tier && history[place]?.traits[kind.tier.name];
  const rows = history.map((change, place) => {
    const moved = place > 0 && word(place) !== word(place - 1);
    const view = el("button", { type: "button", class: "link", "aria-label": `View change ${change.sequence}` }, `#${change.sequence}`);
    view.addEventListener("click", () => select(place));
    return el("tr", {},
      el("th", { scope: "row" }, view),
      el("td", {}, day(change.at)),
      el("td", {}, String(change.traits[name]), " ", delta(change.traits[name] - history[place - 1]?.traits[name])),
      kind.tier && el("td", {}, moved || place === 0 ? pill(kind, word(place)) : ""),
      el("td", {}, identifier(change.receipt, `/api/receipts/${change.receipt}`)));
  }).reverse();
  const body = el("tbody", {}, rows.slice(0, ROWS));
  const more = rows.length > ROWS && el("button", { type: "button", class: "more" }, `Show all ${number(rows.length)} receipts`);
  const all = () => {
    body.replaceChildren(...rows);
    more.remove();
  };
  if (more) more.addEventListener("click", all);
  const head = (label) => el("th", { scope: "col" }, label);
  return {
    node: el("section", { class: "panel receipts", "aria-labelledby": "receipts" },
      el("h2", { id: "receipts" }, "Receipts"),
      el("p", { class: "muted" }, "Each change has a receipt that names the one before, back to the mint. Its identifier is the hash of its content."),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of receipts" },
        el("table", { class: "chain" },
          el("thead", {}, el("tr", {}, head("Change"), head("Date"), head(kind.leading.label), kind.tier && head(kind.tier.label), head("Receipt"))), body)),
      more),
    select(place) {
      rows.forEach((row, number) => {
        if (number === history.length - 1 - place) row.setAttribute("aria-current", "true");
        else row.removeAttribute("aria-current");
      });
    },
  };
}
