// The panel that verifies a token in the browser itself: the light check of docs/verify.md.

import { copier, el, fetched, icon, identifier, number } from "./ui.js";

const WALLET_MS = 30_000;
const HASH = /^(0x)?[0-9a-f]{64}$/i;
const ADDRESS = /^0x[0-9a-f]{40}$/i;
const SIGNS = { passed: "done", failed: "cross", "not reached": "none" };

/** What a step that has passed says. */
const MEANING = {
  evidence: "the file can be read",
  anchor: "its block is the one with the known hash",
  state: "the block proves what the contracts hold",
  quorum: "enough oracle nodes signed that",
  proof: "the token is part of what was signed",
  receipts: "each follows the one before, back to the mint",
  content: "metadata and images are those of the receipt",
};

export function verifyHere(info, row) {
  const name = `token-${Number(row.id)}.car`;
  const field = el("input", {
    type: "text", id: "known-hash", placeholder: "0x…", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
    "aria-describedby": "known-hash-note",
  });
  const button = el("button", { type: "submit", class: "primary" }, "Verify in this browser");
  const status = el("div", { role: "status" });
  const result = el("div");
  const leaving = new AbortController();
  let running = false;
  let file = null;

  const say = (state, sign, title, ...notes) => status.replaceChildren(el("div", { class: `verdict ${state}` },
    el("strong", {}, sign && icon(sign), title), notes.filter(Boolean).map((note) => el("p", {}, note))));

  async function load() {
    drop();
    say("", null, "Fetching the evidence…");
    const response = await fetched(`/api/tokens/${row.id}/evidence.car`, { cache: "no-store", signal: leaving.signal });
    const car = new Uint8Array(await response.arrayBuffer().catch((cause) => {
      throw new Error("The evidence was cut off on its way.", { cause });
    }));
    const url = URL.createObjectURL(new Blob([car], { type: "application/vnd.ipld.car" }));
    return { car, url, size: `${number(Math.ceil(car.length / 1000))} kB` };
  }

  function drop() {
    if (file) URL.revokeObjectURL(file.url);
    file = null;
  }

  async function verify() {
    const pasted = field.value.trim();
    result.replaceChildren();
    if (pasted && !HASH.test(pasted)) {
      field.setAttribute("aria-invalid", "true");
      field.focus();
      return say("failed", "cross", "That is not the hash of a block.", "It is 0x and 64 hexadecimal digits. Correct it, or empty the field.");
    }
    if (!info.last_epoch) {
      return say("", null, "There is nothing to verify yet.", "No epoch has been posted. Load this page again after the first one.");
    }
    // A hash is pasted for the block of the file that is here; a new file could be about a later block.
    if (!file?.kept || !pasted) file = await load();
    say("", null, `Checking ${file.size} of evidence…`);
    // The browser draws this before it is busy.
    await new Promise((done) => setTimeout(done, 20));
    const { verifyCar } = await import("./verify.js").catch((cause) => {
      throw new Error("The code that checks could not be loaded. Load this page again.", { cause });
    });
    const known = pasted ? { from: "pasted", hash: `0x${pasted.slice(-64).toLowerCase()}`, notes: [] } : { from: null, hash: null, notes: [] };
    const start = performance.now();
    const verdict = await verifyCar(file.car, info.token, pasted ? known : (block) => lookUp(known, block));
    const took = performance.now() - start;
    const failed = verdict.checks.findIndex((check) => check.passed === false);
    const unanchored = verdict.block !== undefined && verdict.checks[failed]?.step === "anchor";
    file.kept = verdict.passed || unanchored;
    conclude(verdict, failed, unanchored, known);
    result.replaceChildren(
      el("ol", { class: "checks", "aria-label": "Steps" }, verdict.checks.map(line)),
      el("p", { class: "muted" }, `${file.size} of evidence, checked in ${took < 1000 ? `${Math.ceil(took)} ms` : `${(took / 1000).toFixed(1)} s`}.`),
      elsewhere(known.hash, verdict.block));
  }

  /** The hash of a block from the wallet, else from this server; fills in where it is from. */
  async function lookUp(known, block) {
    const wallet = window.ethereum;
    if (typeof wallet?.request === "function") {
      say("", null, `Asking your wallet for block ${block}…`);
      try {
        const chain = Number(await answered(wallet.request({ method: "eth_chainId" })));
        if (chain === info.chain_id) {
          const found = await answered(wallet.request({ method: "eth_getBlockByNumber", params: [hex(block), false] }));
          known.from = "wallet";
          known.hash = found?.hash ?? null;
          known.latest = await answered(wallet.request({ method: "eth_blockNumber" })).catch(() => null);
          return known.hash;
        }
        known.notes.push(`Your wallet is on chain ${chain} and this collection on chain ${info.chain_id}, so it was not asked. To use it, switch its chain and verify again.`);
      } catch (error) {
        known.notes.push(error?.code === 4001
          ? "You refused your wallet's request. To use it, verify again and allow it."
          : `Your wallet did not give the hash: ${error?.message ?? error}. To use it, see that it is connected and verify again.`);
      }
    }
    if (!info.rpc) throw new Error("neither a wallet nor this server is on the chain");
    known.hash = await fromServer(info.rpc, block, leaving.signal);
    known.from = "server";
    return known.hash;
  }

  function conclude(verdict, failed, unanchored, { from, latest, notes }) {
    const block = verdict.block;
    if (verdict.passed) {
      const proven = verdict.tokens.find((token) => String(token.tokenId) === String(row.id));
      const wrong = differences(proven, row);
      const where = `at block ${block}, after epoch ${verdict.epoch}`;
      if (wrong) {
        say("failed", "cross", "Not verified: this page shows something else than what is proven.", `Proven ${where}: ${wrong}.`,
          "If an epoch was posted since, load this page again. If it stays so, do not rely on this page.");
      } else if (from === "server") {
        say("", "none", "All steps passed, with a block hash from this server.", ...notes,
          `The hash of block ${block} came from the same server as the rest. So this proves only that the parts agree with one another, not that the chain has this block. ` +
          `For that, look up block ${block} in a block explorer or ask a node of your own, paste its hash above and verify again.`);
      } else {
        say("passed", "done", `Verified: ${row.subject} has the traits that this page shows, ${where}.`,
          from === "wallet" ? "The hash of the block is from your wallet." : "The hash of the block is the one that you pasted.",
          typeof proven.heldAt === "string" && "Elsewhere the token is shown as its holder keeps it.",
          latest && `The latest block that your wallet knows is ${Number(latest)}.`);
      }
      return;
    }
    const title = `Not verified: step ${failed + 1} of ${verdict.checks.length}, ${verdict.checks[failed].step}, failed.`;
    if (!unanchored) {
      say("failed", "cross", title, ...notes,
        "The evidence is damaged or false. Verify again with the field empty to fetch it anew; if it fails again, do not rely on this page.");
    } else if (from === "pasted") {
      say("failed", "cross", title, `The evidence is about block ${block}, and its hash is not the one that you pasted. ` +
        `If you pasted that of another block, paste that of block ${block}, or empty the field. If not, do not rely on this page.`);
    } else if (from) {
      say("failed", "cross", title, ...notes, `What ${from === "wallet" ? "your wallet" : "this server"} knows of block ${block} is not what the evidence says. ` +
        "It may be behind, so verify again in a moment. If it stays so, do not rely on this page.");
    } else {
      say("", "none", `Not verified: the hash of block ${block} is missing.`, ...notes,
        `Look up block ${block} in a block explorer or ask a node of your own, paste its hash above and verify again.`);
    }
  }

  /** How to check the same file without this page. What goes into a shell is looked at first. */
  function elsewhere(hash, block) {
    const [token, known] = [ADDRESS.test(info.token) ? info.token : "ADDRESS", HASH.test(hash) ? hash : "HASH"];
    const command = `enliven verify --car ${name} --token ${token} --block ${known}`;
    const code = el("code", {}, command);
    return el("div", {},
      el("p", {}, "The token contract's address came with this page; compare it with the one that the issuer names: ", identifier(info.token)),
      el("p", {}, "So did the code that checked. To check the same file with a program of your own:"),
      el("p", {}, el("a", { href: file.url, download: name }, `Download ${name}`), ` (${file.size})`),
      el("div", { class: "command" }, code, copier(command, code, "the command")),
      known === "HASH" && el("p", { class: "muted" }, `HASH is that of ${block === undefined ? "the file's block" : `block ${block}`}.`));
  }

  async function submit(event) {
    event.preventDefault();
    if (running) return;
    running = true;
    button.setAttribute("aria-disabled", "true");
    try {
      await verify();
    } catch (error) {
      if (!leaving.signal.aborted) say("failed", "cross", "Not verified: the check could not be made.", error.message, "Verify again in a moment.");
    }
    running = false;
    button.removeAttribute("aria-disabled");
  }

  field.addEventListener("input", () => field.removeAttribute("aria-invalid"));
  const node = el("section", { class: "panel verify", "aria-labelledby": "verify" },
    el("h2", { id: "verify" }, "Verify here"),
    el("p", { class: "muted" }, "Your browser fetches the evidence for this token as it is now, and checks it against one block of the chain."),
    el("form", { novalidate: true, onsubmit: submit },
      el("label", { for: "known-hash" }, "Block hash from a source that you trust ", el("span", { class: "muted" }, "(optional)")),
      field, button,
      el("p", { class: "muted", id: "known-hash-note" }, "If it is empty, your browser's wallet is asked if it is on this chain, and else this server.")),
    status, result);
  const close = () => {
    leaving.abort();
    drop();
  };
  return { node, close };
}

const hex = (block) => `0x${block.toString(16)}`;

function line({ step, passed, detail }) {
  const word = passed ? "passed" : passed === false ? "failed" : "not reached";
  return el("li", { class: word.replace(" ", "-") }, icon(SIGNS[word]),
    el("span", {}, el("strong", {}, step.charAt(0).toUpperCase() + step.slice(1)), passed && `: ${MEANING[step]}`),
    el("span", { class: "word" }, word),
    detail !== word && el("small", {}, detail));
}

/** In what the page and the proven token differ, in words; nothing if in nothing. */
function differences(proven, row) {
  if (!proven) return `not token ${row.id}`;
  const traits = Object.fromEntries(proven.traits.map(({ name, value }) => [name, value]));
  const names = new Set([...Object.keys(row.traits), ...Object.keys(traits)]);
  return [
    ["name", proven.subject, row.subject],
    ["number of changes", proven.sequence, row.sequence],
    ...[...names].map((name) => [name.replaceAll("_", " "), traits[name], row.traits[name]]),
    ["metadata", proven.metadata, row.metadata],
  ].filter(([, is, shown]) => String(is) !== String(shown)).map(([what, is, shown]) => `${what} ${is ?? "none"}, shown ${shown ?? "none"}`).join("; ");
}

function answered(request) {
  const late = new Promise((_, refuse) => setTimeout(() => refuse(new Error(`no answer in ${WALLET_MS / 1000} seconds`)), WALLET_MS));
  return Promise.race([request, late]);
}

async function fromServer(rpc, block, signal) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_getBlockByNumber", params: [hex(block), false] });
  const response = await fetched(rpc, { method: "POST", headers: { "content-type": "application/json" }, body, signal });
  const answer = await response.json();
  if (answer.error) throw new Error(answer.error.message);
  return answer.result?.hash ?? null;
}
