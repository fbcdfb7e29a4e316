// The page in a real browser. ENLIVEN_URL names a running server; CHROMIUM a browser if it is not at
// /usr/bin/chromium; SHOTS a folder for screenshots.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { chromium } from "playwright-core";

const URL_ = (process.env.ENLIVEN_URL ?? "http://127.0.0.1:8787").replace(/\/$/, "");
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
let profile, context, page, complaints;

before(async () => {
  profile = await mkdtemp(join(tmpdir(), "enliven-page-"));
  context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: FLAGS, viewport: { width: 1280, height: 900 },
  });
});

after(async () => {
  await context?.close();
  await rm(profile, { recursive: true, force: true });
});

beforeEach(async () => {
  page = await context.newPage();
  complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => request.url().startsWith(URL_) || complaints.push(`asked ${request.url()}`));
});

afterEach(async () => {
  await page.close();
  assert.deepEqual(complaints, [], "no errors in the console, no requests to elsewhere");
});

async function open(hash = "#/", ready = "main h1") {
  await page.goto(`${URL_}/${hash}`);
  await page.waitForSelector(ready);
}

async function shot(name, fullPage = false) {
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage });
}

async function api(path) {
  return (await fetch(`${URL_}${path}`)).json();
}

/** A token with several changes. */
async function lively() {
  const { tokens } = await api("/api/tokens");
  return tokens.reduce((best, token) => (token.sequence > best.sequence ? token : best));
}

async function loaded(selector) {
  await page.waitForFunction((selector) => {
    const image = document.querySelector(selector);
    return image?.complete && image.naturalWidth > 0;
  }, selector);
}

test("the grid shows the tokens, with images", async () => {
  await open("#/", ".grid .tile");
  const { name, tokens } = await api("/api/collection");
  assert.equal(await page.textContent("main h1"), name);
  assert.equal(await page.locator(".grid .tile").count(), Math.min(tokens, 48));
  await loaded(".grid .tile img");
  assert.ok((await page.locator(".latest li").count()) > 0);
  await page.waitForTimeout(500);
  await shot("collection");
});

test("more tokens come while scrolling", async () => {
  const { tokens } = await api("/api/collection");
  await open("#/", ".grid .tile");
  while ((await page.locator(".grid .tile").count()) < tokens) {
    const count = await page.locator(".grid .tile").count();
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await page.waitForFunction((count) => document.querySelectorAll(".grid .tile").length > count, count);
  }
  assert.equal(await page.locator(".grid .tile").count(), tokens);
});

test("search, sorting and levels narrow the grid", async () => {
  await open("#/", ".grid .tile");
  const { tokens: [last] } = await api("/api/tokens?sort=name");
  await page.fill("#search", last.subject);
  await page.waitForFunction((name) => document.querySelector(".grid .name")?.textContent === name, last.subject);
  const { total } = await api(`/api/tokens?q=${encodeURIComponent(last.subject)}`);
  assert.equal(await page.locator(".grid .tile").count(), Math.min(total, 48));
  await page.fill("#search", "no such token anywhere");
  await page.waitForFunction(() => document.querySelectorAll(".grid .tile").length === 0);
  assert.match(await page.textContent("main [role=status]"), /No token matches/);
  await page.fill("#search", "");
  await page.selectOption("#sort", "name");
  await page.waitForFunction((name) => document.querySelector(".grid .name")?.textContent === name, last.subject);
  const level = page.locator(".chips button").nth(1);
  if (await level.count()) {
    const word = await level.locator(".pill").textContent();
    await level.click();
    await page.waitForFunction((word) => [...document.querySelectorAll(".tile .pill")].every((pill) => pill.textContent === word), word);
    assert.equal(await page.getAttribute(".chips button:nth-child(2)", "aria-pressed"), "true");
  }
});

test("a token shows its card, its chart and its reasons", async () => {
  const token = await lively();
  await open("#/", ".grid .tile");
  await page.fill("#search", `#${token.id}`);
  await page.waitForFunction((name) => document.querySelector(".grid .name")?.textContent === name, token.subject);
  await page.click(".grid .tile");
  await page.waitForSelector(".parts");
  await loaded("img.card");
  assert.match(await page.textContent("main h1"), new RegExp(`#${token.id}$`));
  assert.ok((await page.getAttribute(".chart .line", "d")).split("H").length >= token.sequence);
  assert.ok((await page.locator(".sentences li").count()) > 0);
  assert.ok((await page.locator(".parts .bar").count()) >= 3);
  await page.focus(".otherwise");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => /would have left it as it was|been left as it was/.test(document.querySelector(".sentences + p").textContent));
  assert.equal(await page.locator(".traits tbody tr").count(), Object.keys(token.traits).length);
  assert.ok((await page.locator(".chain .copy").count()) > 0);
  const [json] = await page.locator("figcaption a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  assert.equal(json, `/tokens/${token.id}.json`);
  await page.mouse.move(0, 0);
  await page.waitForTimeout(400);
  await shot("token", true);
  const box = await page.locator(".chart svg").boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  assert.ok(await page.isVisible(".tip"));
  await shot("token-hover");
});

test("the keyboard walks along the timeline and the card follows", async () => {
  const token = await lively();
  const history = await api(`/api/tokens/${token.id}/history`);
  await open(`#/token/${token.id}`, ".parts");
  await page.focus("#timeline");
  for (const [key, place] of [["ArrowLeft", history.length - 2], ["ArrowLeft", history.length - 3], ["ArrowRight", history.length - 2], ["Home", 0]]) {
    await page.keyboard.press(key);
    const change = history[place];
    await page.waitForFunction((cid) => document.querySelector("img.card").getAttribute("src") === `/ipfs/${cid}`, change.image);
    await loaded("img.card");
    assert.match(await page.getAttribute("#timeline", "aria-valuetext"), new RegExp(`^Change ${change.sequence} of ${history.length}\\.`));
    assert.equal(await page.evaluate(() => location.hash), `#/token/${token.id}/${change.sequence}`);
  }
  await page.waitForFunction(() => /minted/.test(document.querySelector(".sentences").textContent));
  assert.match(await page.textContent("#why"), /^Why it changed on/);
  await shot("token-past", true);
  await page.click(".now");
  await page.waitForFunction((id) => document.querySelector("img.card").getAttribute("src") === `/tokens/${id}.png`, token.id);
  assert.equal(await page.evaluate(() => location.hash), `#/token/${token.id}`);
});

test("a link to a change shows that change", async () => {
  const token = await lively();
  const history = await api(`/api/tokens/${token.id}/history`);
  await open(`#/token/${token.id}/2`, ".parts");
  assert.equal(await page.getAttribute("img.card", "src"), `/ipfs/${history[1].image}`);
  assert.equal(await page.inputValue("#timeline"), "2");
});

/** The hash of the latest block, from the server. */
async function latestHash() {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_getBlockByNumber", params: ["latest", false] });
  const answer = await fetch(`${URL_}/rpc`, { method: "POST", headers: { "content-type": "application/json" }, body });
  return (await answer.json()).result.hash;
}

/** Presses the button of the panel and waits for the verdict. */
async function verify() {
  await page.click(".verify [type=submit]");
  return verdict();
}

async function verdict() {
  await page.waitForFunction(() => document.querySelector(".verdict") && !document.querySelector(".verify [aria-disabled]"));
  return (await page.innerText(".verify [role=status]")).replace(/\s+/g, " ");
}

const steps = () => page.locator(".checks .word").allTextContents();
const passed = Array(7).fill("passed");

/** A wallet that answers from the server's chain, and remembers what it was asked. */
async function wallet(chain, behave = {}) {
  await page.addInitScript(({ chain, behave }) => {
    window.asked = [];
    window.ethereum = {
      async request({ method, params = [] }) {
        window.asked.push(method);
        if (method === "eth_chainId") return `0x${chain.toString(16)}`;
        if (behave.code) throw { code: behave.code, message: "no" };
        if (behave.hash !== undefined && method === "eth_getBlockByNumber") return behave.hash && { hash: behave.hash };
        const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
        return (await (await fetch("/rpc", { method: "POST", headers: { "content-type": "application/json" }, body })).json()).result;
      },
    };
  }, { chain, behave });
}

/** Answers with the evidence after a change to it. */
async function evidence(change) {
  await page.route("**/evidence.car", async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: change(await answer.body()) });
  });
}

test("a token is verified in the browser", async () => {
  const token = await lively();
  await open(`#/token/${token.id}`, ".verify");
  assert.equal(await page.locator(".verdict").count(), 0);
  const loadedFirst = await page.evaluate(() => performance.getEntriesByType("resource").some(({ name }) => name.endsWith("/verify.js")));
  assert.equal(loadedFirst, false, "the code that checks is loaded when it is needed");
  const said = await verify();
  assert.match(said, /All steps passed/);
  assert.match(said, /came from the same server .* only that the parts agree .* block explorer/);
  assert.equal(await page.locator(".verdict.passed").count(), 0);
  assert.deepEqual(await steps(), passed);
  assert.equal(await page.locator(".checks li svg").count(), 7);
  assert.match(await page.textContent(".verify"), /\d+ kB of evidence, checked in [\d.]+ m?s\./);
  const hash = await latestHash();
  await page.fill("#known-hash", hash);
  assert.match(await verify(), /^Verified: .* The hash of the block is the one that you pasted\.$/);
  assert.equal(await page.locator(".verdict.passed").count(), 1);
  assert.deepEqual(await steps(), passed);
  const { token: contract } = await api("/api/collection");
  assert.equal(await page.textContent(".command code"), `enliven verify --car token-${token.id}.car --token ${contract} --block ${hash}`);
  await shot("verified", true);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(".verify a[download]")]);
  assert.equal(download.suggestedFilename(), `token-${token.id}.car`);
  const file = await readFile(await download.path());
  assert.deepEqual(file, Buffer.from(await (await fetch(`${URL_}/api/tokens/${token.id}/evidence.car`)).arrayBuffer()));
});

test("a wrong hash fails at the anchor, and what is no hash is refused", async () => {
  await open("#/token/1", ".verify");
  await verify();
  await page.fill("#known-hash", "0x1234");
  assert.match(await verify(), /not the hash of a block.*Correct it, or empty the field/);
  assert.equal(await page.getAttribute("#known-hash", "aria-invalid"), "true");
  assert.equal(await page.locator(".checks").count(), 0, "nothing is left of the verdict before");
  assert.equal(await page.evaluate(() => document.activeElement.id), "known-hash");
  await page.fill("#known-hash", `0x${"1".repeat(64)}`);
  assert.equal(await page.getAttribute("#known-hash", "aria-invalid"), null);
  assert.match(await verify(), /Not verified: step 2 of 7, anchor, failed\. The evidence is about block \d+/);
  assert.deepEqual(await steps(), ["passed", "failed", ...Array(5).fill("not reached")]);
  assert.match(await page.textContent(".checks li:nth-child(2)"), /has the hash 0x[0-9a-f]{64}, not 0x1{64}/);
  await shot("verify-failed", true);
  // The right hash of that block, for the file that is here already.
  let fetches = 0;
  page.on("request", (request) => request.url().endsWith(".car") && fetches++);
  await page.fill("#known-hash", (await latestHash()).slice(2).toUpperCase());
  assert.match(await verify(), /^Verified/);
  assert.equal(fetches, 0);
});

test("damaged evidence is not verified", async () => {
  const hash = await latestHash();
  const { byteLength: length } = await (await fetch(`${URL_}/api/tokens/1/evidence.car`)).arrayBuffer();
  await open("#/token/1", ".verify");
  await page.fill("#known-hash", hash);
  const damages = [
    (file) => { file[Math.floor(length / 2)] ^= 1; return file; },
    (file) => { file[200] ^= 1; return file; },
    (file) => file.subarray(0, length - 9),
    () => Buffer.alloc(0),
  ];
  for (const damage of damages) {
    await evidence(damage);
    assert.match(await verify(), /^Not verified: step \d of 7, [a-z]+, failed\..*damaged or false/);
    assert.equal((await steps()).filter((word) => word === "failed").length, 1);
    assert.equal(await page.locator(".verdict.passed").count(), 0);
    await page.unroute("**/evidence.car");
  }
  assert.match(await verify(), /^Verified/, "it is fetched anew");
});

test("what the page shows is held against what is proven", async () => {
  const { traits: [{ name }] } = await api("/api/collection");
  const token = await api("/api/tokens/1");
  await page.route("**/api/tokens/1", async (route) => {
    await route.fulfill({ json: { ...token, traits: { ...token.traits, [name]: 12345 } } });
  });
  await open("#/token/1", ".verify");
  await page.fill("#known-hash", await latestHash());
  assert.match(await verify(), new RegExp(`^Not verified: this page shows something else.*${token.traits[name]}, shown 12345\\.`));
  assert.equal(await page.locator(".verdict.failed").count(), 1);
  await page.unroute("**/api/tokens/1");
  // The evidence for another token.
  await page.route("**/1/evidence.car", (route) => route.continue({ url: `${URL_}/api/tokens/2/evidence.car` }));
  await page.reload();
  await page.waitForSelector(".verify");
  await page.fill("#known-hash", await latestHash());
  assert.match(await verify(), /^Not verified: this page shows something else.*not token 1\./);
});

test("the keyboard is enough to verify", async () => {
  await open("#/token/1", ".verify");
  for (let tabs = 0; (await page.evaluate(() => document.activeElement.id)) !== "known-hash"; tabs++) {
    assert.ok(tabs < 200, "the field is reached");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.type(await latestHash());
  await page.keyboard.press("Enter");
  assert.match(await verdict(), /^Verified/);
  await page.keyboard.press("Tab");
  assert.equal(await page.textContent(":focus"), "Verify in this browser");
  await page.keyboard.press("Space");
  await page.waitForFunction(() => !document.querySelector(".verify [aria-disabled]"));
  assert.match(await verdict(), /^Verified/);
  assert.equal(await page.textContent(":focus"), "Verify in this browser", "the focus stays");
  const reached = [];
  for (let tabs = 0; tabs < 3; tabs++) {
    await page.keyboard.press("Tab");
    reached.push(await page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent));
  }
  assert.match(reached.join("; "), /^Copy 0x.*; Download token-1\.car; Copy the command$/);
});

test("a wallet on the collection's chain is asked for the block", async () => {
  const { chain_id: chain } = await api("/api/collection");
  await wallet(chain);
  await open("#/token/1", ".verify");
  assert.match(await verify(), /^Verified: .* from your wallet\. The latest block that your wallet knows is \d+\.$/);
  assert.deepEqual(await steps(), passed);
  assert.deepEqual(await page.evaluate(() => window.asked), ["eth_chainId", "eth_getBlockByNumber", "eth_blockNumber"]);
  // A hash that is pasted goes before it.
  await page.fill("#known-hash", await latestHash());
  assert.match(await verify(), /^Verified: .* pasted/);
  assert.equal(await page.evaluate(() => window.asked.length), 3);
});

test("a wallet that contradicts the server is believed", async () => {
  const { chain_id: chain } = await api("/api/collection");
  for (const [hash, detail] of [[`0x${"2".repeat(64)}`, /not 0x2{64}/], [null, /the chain has no block/], ["<b>", /not 0x and 64/]]) {
    await wallet(chain, { hash });
    await page.goto("about:blank");
    await open("#/token/1", ".verify");
    assert.match(await verify(), /^Not verified: step 2 of 7, anchor, failed\. What your wallet knows/);
    assert.match(await page.textContent(".checks li:nth-child(2)"), detail);
    assert.ok(!(await page.textContent(".command code")).includes("<"));
  }
});

test("a wallet on another chain or that refuses is not used, and the page says so", async () => {
  const { chain_id: chain } = await api("/api/collection");
  for (const [on, behave, words] of [
    [chain + 1, {}, new RegExp(`wallet is on chain ${chain + 1} and this collection on chain ${chain}, so it was not asked\\..*switch`)],
    [chain, { code: 4001 }, /You refused your wallet's request\. .* allow it/],
    [chain, { code: -32000 }, /Your wallet did not give the hash: no\. .* verify again/],
  ]) {
    await wallet(on, behave);
    await page.goto("about:blank");
    await open("#/token/1", ".verify");
    const said = await verify();
    assert.match(said, words);
    assert.match(said, /came from the same server/);
    assert.equal(await page.locator(".verdict.passed").count(), 0);
    if (on !== chain) assert.deepEqual(await page.evaluate(() => window.asked), ["eth_chainId"]);
  }
});

test("what is missing for a check is said, with a way out", async () => {
  const collection = await api("/api/collection");
  await page.route("**/api/collection", (route) => route.fulfill({ json: { ...collection, rpc: null, dev_chain: false } }));
  await open("#/token/1", ".verify");
  const said = await verify();
  assert.match(said, /^Not verified: the hash of block \d+ is missing\. Look up block \d+ in a block explorer/);
  assert.match(await page.textContent(".checks li:nth-child(2)"), /neither a wallet nor this server/);
  assert.match(await page.textContent(".command"), /--block HASH$/);
  await page.fill("#known-hash", await latestHash());
  assert.match(await verify(), /^Verified/);
  await page.fill("#known-hash", "");

  await page.route("**/evidence.car", (route) => route.abort());
  assert.match(await verify(), /^Not verified: the check could not be made\. The server does not answer.*again/);
  assert.equal(await page.locator(".checks").count(), 0, "nothing is left of the verdict before");
  await page.unroute("**/evidence.car");
  await page.route("**/evidence.car", (route) => route.fulfill({ status: 503, json: { error: "the server is busy", hint: "ask again in a moment" } }));
  assert.match(await verify(), /the server is busy \(ask again in a moment\)/);
  complaints = complaints.filter((text) => !/ERR_FAILED|503/.test(text));

  await page.route("**/api/collection", (route) => route.fulfill({ json: { ...collection, last_epoch: null } }));
  await page.reload();
  await page.waitForSelector(".verify");
  assert.match(await verify(), /nothing to verify yet\. No epoch has been posted\./);
});

test("epochs are listed and opened", async () => {
  await open("#/epochs", ".epochs tbody tr");
  await shot("epochs");
  await page.click(".epochs tbody a");
  await page.waitForSelector(".pairs");
  assert.match(await page.textContent("main h1"), /^Epoch /);
  await shot("epoch", true);
});

test("what does not exist is said, not broken", async () => {
  await open("#/token/999999", "[role=alert]");
  assert.match(await page.textContent("[role=alert]"), /there is no token `999999`/);
  // The answer 404 is what this test asks for; browsers report it.
  complaints = complaints.filter((text) => !text.includes("404"));
});

test("the skip link and the theme work from the keyboard", async () => {
  await open("#/", ".grid .tile");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: "light" });
  const light = await ground();
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await ground();
  assert.notEqual(light, dark);
  await page.focus("#theme");
  await page.keyboard.press("Enter");
  assert.equal(await ground(), light, "chosen light outranks the system's dark");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  assert.equal(await ground(), dark);
});

test("dark mode", async () => {
  const token = await lively();
  await page.emulateMedia({ colorScheme: "dark" });
  await open("#/", ".grid .tile");
  await loaded(".grid .tile img");
  await page.waitForTimeout(500);
  await shot("collection-dark");
  await open(`#/token/${token.id}`, ".parts");
  await loaded("img.card");
  await page.waitForTimeout(300);
  await shot("token-dark", true);
});

test("360 pixels are enough", async () => {
  const token = await lively();
  await page.setViewportSize({ width: 360, height: 740 });
  for (const [hash, ready, name] of [["#/", ".grid .tile img", "collection-360"], [`#/token/${token.id}`, ".parts", "token-360"], ["#/epochs", ".epochs tbody tr", "epochs-360"]]) {
    await open(hash, ready);
    await page.waitForTimeout(500);
    const [wide, view] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide <= view, `${name}: ${wide} pixels of content in ${view}`);
    await shot(name, name !== "collection-360");
  }
  await open(`#/token/${token.id}`, ".verify");
  await verify();
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await shot("verify-360", true);
});
