// The collection: key figures, a grid of tokens, the latest changes.

import { ask, day, delta, el, failure, number, pill, plural, shape } from "./ui.js";

const PAGE = 48;
const LATEST = 10;
/** What the visitor chose last, kept while the page is open. */
const chosen = { q: "", sort: null, word: null, loaded: PAGE };

export async function collection(info) {
  const kind = shape(info);
  chosen.sort ??= kind.leading.name;
  const [grid, latest] = await Promise.all([tokens(info, kind), changes(kind)]);
  const node = el("div", {}, hero(info), el("div", { class: "columns" }, grid.node, latest));
  return { title: "", node, close: grid.close };
}

function hero(info) {
  const figure = (label, value, note) =>
    el("div", {}, el("dt", {}, label), el("dd", {}, value, note && el("small", {}, note)));
  const held = info.holds.unchanged + info.holds.below_threshold + info.holds.cooldown;
  const perChange = info.updates ? info.gas.reports / info.updates : null;
  return el("section", { class: "hero" },
    el("h1", {}, info.name),
    info.description && el("p", { class: "lead" }, info.description),
    el("dl", { class: "figures" },
      figure("Tokens", number(info.tokens), info.symbol),
      figure("Epochs", number(info.epochs), info.last_epoch && `up to ${day(info.last_epoch.at)}`),
      figure("Changes written", number(info.updates), `${number(held)} held back`),
      figure("Gas per change", perChange === null ? "–" : number(Math.round(perChange)), "reports only"),
      figure("Events read", number(info.events), info.bad_rows ? `${plural(info.bad_rows, "row")} refused` : "no row refused")));
}

async function changes(kind) {
  const { tokens } = await ask(`/api/tokens?sort=changed&limit=${LATEST}`);
  const row = (row) => el("li", {}, el("a", { href: `#/token/${row.id}` },
    el("img", { src: `/tokens/${row.id}.png`, alt: "", width: 48, height: 48, loading: "lazy" }),
    el("span", { class: "who" }, row.subject, el("small", {}, row.sequence === 1 ? "minted" : `change ${number(row.sequence)}`)),
    el("span", { class: "value" }, String(row.traits[kind.leading.name]), delta(row.change))));
  return el("aside", { class: "latest", "aria-labelledby": "latest" },
    el("h2", { id: "latest" }, "Latest changes"),
    tokens.length > 0 && el("p", { class: "muted" }, `${day(tokens[0].changed_at)}, by ${kind.leading.label.toLowerCase()}`),
    tokens.length ? el("ul", {}, tokens.map(row)) : el("p", { class: "muted" }, "None yet."));
}

async function tokens(info, kind) {
  const list = el("ul", { class: "grid" });
  const status = el("p", { class: "muted", role: "status" });
  const end = el("div", { class: "end" });
  const state = { total: 0, shown: 0, turn: 0, loading: false };

  async function load(limit) {
    const turn = state.turn;
    state.loading = true;
    try {
      const query = new URLSearchParams({ sort: chosen.sort, q: chosen.q, limit, offset: state.shown });
      if (chosen.word) query.set("word", chosen.word);
      const answer = await ask(`/api/tokens?${query}`);
      // The visitor may have typed on.
      if (turn !== state.turn) return;
      list.append(...answer.tokens.map((row) => tile(row, kind)));
      state.total = answer.total;
      state.shown += answer.tokens.length;
      chosen.loaded = Math.max(PAGE, state.shown);
      status.textContent = message(info, state);
    } catch (error) {
      if (turn === state.turn) end.replaceChildren(failure(error));
    } finally {
      if (turn === state.turn) state.loading = false;
    }
  }

  async function restart() {
    state.turn += 1;
    state.shown = 0;
    end.replaceChildren();
    const before = [...list.children];
    await load(PAGE);
    before.forEach((node) => node.remove());
  }

  const more = () => !state.loading && state.shown < state.total && load(PAGE);
  const watcher = new IntersectionObserver((seen) => seen[0].isIntersecting && more(), { rootMargin: "800px" });
  watcher.observe(end);
  await load(Math.max(PAGE, chosen.loaded));
  const node = el("section", { "aria-label": "Tokens" }, toolbar(info, kind, restart), status, list, end);
  return { node, close: () => watcher.disconnect() };
}

function message(info, state) {
  if (info.tokens === 0) return "No token yet: the first epoch mints them.";
  if (state.total === 0) return "No token matches.";
  return state.total === info.tokens ? plural(state.total, "token") : `${number(state.total)} of ${plural(info.tokens, "token")}`;
}

function toolbar(info, kind, restart) {
  let waiting;
  const search = el("input", {
    type: "search", id: "search", placeholder: "Search by name or number", "aria-label": "Search tokens",
    autocomplete: "off", spellcheck: "false",
  });
  search.value = chosen.q;
  search.addEventListener("input", () => {
    chosen.q = search.value;
    clearTimeout(waiting);
    waiting = setTimeout(restart, 150);
  });
  const orders = [
    ...info.traits.filter((entry) => !entry.hidden && entry.from && !entry.from.join && !entry.from.tier)
      .map((entry) => [entry.name, entry.label]),
    ["change", "Largest latest change"], ["changed", "Last changed"], ["name", "Name"], ["id", "Number"],
  ];
  const sort = el("select", { id: "sort", "aria-label": "Sort by" },
    orders.map(([value, label]) => el("option", { value, selected: value === chosen.sort }, label)));
  sort.addEventListener("change", () => {
    chosen.sort = sort.value;
    restart();
  });
  return el("div", { class: "toolbar" }, search, el("label", { class: "sort" }, el("span", {}, "Sort by"), sort),
    chips(info, kind, restart));
}

function chips(info, kind, restart) {
  const counts = kind.tier && info.words[kind.tier.name];
  if (!counts) return null;
  const all = [null, ...kind.levels.map((level) => level.name).reverse()].filter((word) => !word || counts[word]);
  const group = el("div", { class: "chips", role: "group", "aria-label": kind.tier.label });
  const draw = () => group.replaceChildren(...all.map((word) => {
    const button = el("button", { type: "button", "aria-pressed": String(chosen.word === word) },
      word ? pill(kind, word) : "All", el("small", {}, number(word ? counts[word] : info.tokens)));
    button.addEventListener("click", () => {
      chosen.word = word;
      const place = [...group.children].indexOf(button);
      draw();
      group.children[place].focus();
      restart();
    });
    return button;
  }));
  draw();
  return group;
}

function tile(row, kind) {
  const word = kind.tier && row.traits[kind.tier.name];
  return el("li", {}, el("a", { class: "tile", href: `#/token/${row.id}` },
    el("img", { src: `/tokens/${row.id}.png`, alt: "", width: 600, height: 600, loading: "lazy", decoding: "async" }),
    el("span", { class: "tile-body" },
      el("span", { class: "name" }, row.subject),
      el("span", { class: "line" },
        el("span", { class: "value" }, el("span", { class: "hidden" }, `${kind.leading.label} `), String(row.traits[kind.leading.name]), delta(row.change)),
        word && pill(kind, word)),
      el("small", {}, row.sequence === 1 ? "Minted " : "Changed ", el("time", { datetime: row.changed_at }, day(row.changed_at))))));
}
