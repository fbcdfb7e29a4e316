// Epochs: what each decided and cost.

import { ask, day, el, failure, identifier, number, plural } from "./ui.js";

const PAGE = 50;

export async function epochs() {
  const body = el("tbody");
  const more = el("button", { type: "button", class: "more" }, "Show earlier epochs");
  let before = null;

  async function load() {
    const { epochs, total } = await ask(`/api/epochs?limit=${PAGE}${before ? `&before=${before}` : ""}`);
    body.append(...epochs.map(row));
    before = epochs.at(-1)?.epoch;
    more.hidden = !before || before <= 1;
    return total;
  }

  more.addEventListener("click", () => load().catch((error) => more.replaceWith(failure(error))));
  const total = await load();
  const head = (label, kind) => el("th", { scope: "col", class: kind }, label);
  const node = el("section", {},
    el("h1", {}, "Epochs"),
    el("p", { class: "lead" }, "An epoch decides for every token, from all events before its date, whether a change is worth writing. The oracle signs one root for all of them."),
    total === 0 ? el("p", { class: "notice" }, "No epoch has been posted yet.") : el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of epochs" }, el("table", { class: "epochs" },
      el("thead", {}, el("tr", {}, head("Epoch"), head("Events before"), head("Changed", "right"), head("Minted", "right"),
        head("Held", "right"), head("Gas", "right"), head("Gas per change", "right"), head("State root"))), body)),
    more);
  return { title: "Epochs", node };
}

function row(record) {
  const { unchanged, below_threshold: below, cooldown } = record.holds;
  const reasons = `${number(unchanged)} unchanged, ${number(below)} below the threshold, ${number(cooldown)} too soon`;
  const each = record.updated ? number(Math.round(record.gas.report / record.updated)) : "–";
  return el("tr", {},
    el("th", { scope: "row" }, el("a", { href: `#/epoch/${record.epoch}` }, number(record.epoch))),
    el("td", {}, day(record.at)),
    el("td", { class: "right" }, number(record.updated)),
    el("td", { class: "right" }, number(record.minted)),
    el("td", { class: "right", title: reasons }, number(unchanged + below + cooldown)),
    el("td", { class: "right" }, number(record.gas.report)),
    el("td", { class: "right" }, each),
    el("td", {}, identifier(record.state_root)));
}

export async function epoch(info, id) {
  const record = await ask(`/api/epochs/${encodeURIComponent(id)}`);
  const item = (label, value) => el("div", {}, el("dt", {}, label), el("dd", {}, value));
  const { unchanged, below_threshold: below, cooldown } = record.holds;
  const step = (number, label) => number >= 1 && number <= info.epochs && el("a", { href: `#/epoch/${number}` }, label);
  const node = el("section", {},
    el("p", { class: "crumbs" }, el("a", { href: "#/epochs" }, "Epochs"), step(record.epoch - 1, `← Epoch ${record.epoch - 1}`), step(record.epoch + 1, `Epoch ${record.epoch + 1} →`)),
    el("h1", {}, `Epoch ${number(record.epoch)}`),
    el("p", { class: "lead" }, `Sees all events before ${day(record.at)}.`),
    el("dl", { class: "figures" },
      item("Changed", number(record.updated)), item("Minted", number(record.minted)),
      item("Unchanged", number(unchanged)), item("Below the threshold", number(below)), item("Too soon", number(cooldown)),
      item("Gas of the report", number(record.gas.report))),
    el("div", { class: "panels" },
      el("section", { class: "panel" }, el("h2", {}, "What was signed"),
        el("dl", { class: "pairs" },
          item("State root", identifier(record.state_root)), item("Root before", identifier(record.previous_root)),
          item("Receipts root", identifier(record.receipts_root)), item("Directory", identifier(record.directory, `/ipfs/${record.directory}/`)),
          item("Cut of the events", identifier(record.cut, `/ipfs/${record.cut}`)), item("Definition", identifier(record.manifest)),
          item("Model", identifier(record.model)), item("Digest that was signed", identifier(record.signing_digest)),
          item("Transaction", identifier(record.transaction)), item("Block", number(record.block)))),
      el("section", { class: "panel" }, el("h2", {}, plural(record.changed.length, "token"), " written"),
        el("ul", { class: "names" }, record.changed.map((entry) =>
          el("li", {}, el("a", { href: `#/token/${entry.token}` }, entry.subject || `#${entry.token}`)))))));
  return { title: `Epoch ${record.epoch}`, node };
}
