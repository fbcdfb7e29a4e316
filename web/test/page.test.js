// The page in a real browser. ENLIVEN_URL names a running server; CHROMIUM a browser if it is not at
// /usr/bin/chromium; SHOTS a folder for screenshots.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
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
});
