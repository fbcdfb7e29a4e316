// The golden files pass; what is changed in one of them fails at its step. ENLIVEN_TAMPERED names a file of variants, as
// crates/app/light/tests/tamper.rs writes it.

import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { CID } from "multiformats/cid";
import { STEPS, verifyCar } from "../../../web/verify.js";
import { carOf, carWith, concat, readCar } from "./write.js";

const GOLDEN = new URL("../../../crates/app/light/tests/golden/", import.meta.url);
const car = new Uint8Array(await readFile(new URL("token.car", GOLDEN)));
const known = JSON.parse(await readFile(new URL("token.json", GOLDEN), "utf8"));
const anchor = { hash: known.block_hash };

/** The step at which a check failed; null if none did. The verdict must be whole. */
function failedAt(verdict) {
  assert.deepEqual(verdict.checks.map((check) => check.step), STEPS);
  const at = verdict.checks.findIndex((check) => check.passed === false);
  verdict.checks.forEach(({ passed, detail }, place) => {
    assert.equal(passed, at < 0 || place < at ? true : place === at ? false : null);
    assert.ok(detail.length > 0);
  });
  assert.equal(verdict.passed, at < 0);
  if (at >= 0) assert.deepEqual(verdict.tokens, []);
  return at < 0 ? null : STEPS[at];
}

async function fails(step, words, ...asked) {
  const verdict = await verifyCar(...asked);
  const found = failedAt(verdict);
  const detail = verdict.checks.find((check) => check.passed === false)?.detail;
  assert.deepEqual([found, detail?.includes(words)], [step, true], detail);
}

test("the golden file of a group passes", async () => {
  const { token, block_hash: hash } = JSON.parse(await readFile(new URL("group.json", GOLDEN), "utf8"));
  const verdict = await verifyCar(await readFile(new URL("group.car", GOLDEN)), token, { hash });
  assert.equal(failedAt(verdict), null, JSON.stringify(verdict.checks));
});

test("the golden file passes", async () => {
  const verdict = await verifyCar(car, known.token, anchor);
  assert.equal(failedAt(verdict), null, JSON.stringify(verdict.checks));
  assert.deepEqual([verdict.block, verdict.blockHash], [known.block, known.block_hash]);
  assert.ok(verdict.epoch > 0 && verdict.tokens.length > 0);
  for (const { tokenId, subject, sequence, epoch, traits, metadata, receipt } of verdict.tokens) {
    assert.deepEqual([tokenId, sequence, epoch].map(Number.isSafeInteger), [true, true, true]);
    assert.ok(subject.length > 0 && traits.length > 0 && epoch <= verdict.epoch);
    assert.ok(CID.parse(metadata) && CID.parse(receipt));
  }
});

test("upper-case digits and other kinds of bytes are taken", async () => {
  const upper = `0x${known.token.slice(2).toUpperCase()}`;
  const hash = `0x${known.block_hash.slice(2).toUpperCase()}`;
  assert.equal(failedAt(await verifyCar(Buffer.from(car), upper, { hash })), null);
});

test("the anchor may be asked for", async () => {
  const asked = [];
  const ask = async (block) => (asked.push(block), known.block_hash);
  assert.equal(failedAt(await verifyCar(car, known.token, ask)), null);
  assert.deepEqual(asked, [known.block]);
  await fails("anchor", `the chain has no block ${known.block}`, car, known.token, async () => null);
  await fails("anchor", "no connection", car, known.token, async () => { throw new Error("no connection"); });
  await fails("anchor", "the hash that is known is not", car, known.token, async () => 7);
  await fails("anchor", `has the hash ${known.block_hash}, not 0x00`, car, known.token, { hash: `0x${"0".repeat(64)}` });
});

test("bad arguments are failed checks", async () => {
  for (const hash of [undefined, "", "0x", known.block_hash.slice(2), `${known.block_hash}0`]) {
    await fails("anchor", "the hash that is known is not", car, known.token, { hash });
  }
  await fails("anchor", "the hash that is known is not", car, known.token, null);
  for (const token of [undefined, "", "0x12", `${known.token}0`, known.token.replace("5", "g")]) {
    await fails("state", "the token contract's address", car, token, anchor);
  }
  await fails("state", "not of 0x00", car, `0x${"0".repeat(40)}`, anchor);
  for (const none of [undefined, null, "file", [1, 2]]) await fails("evidence", "not given as bytes", none, known.token, anchor);
});

test("a file that is no CAR file of evidence says where", async () => {
  const { root, store } = readCar(car);
  const blocks = [...store.values()].map(({ cid, bytes }) => [cid, bytes]);
  const evidence = (words, file) => fails("evidence", words, file, known.token, anchor);
  await evidence("CAR file, byte 0: it is empty", new Uint8Array());
  await evidence("CAR file, byte 1: it is cut off", car.subarray(0, 20));
  await evidence("it is cut off", car.subarray(0, -1));
  await evidence(`CAR file, byte ${car.length}: it ends inside a number`, concat(car, [0x80]));
  await evidence(`CAR file, byte ${car.length}: its CID is not readable`, concat(car, [1, 0]));
  await evidence("it has 0 roots, not one", carOf([], blocks));
  await evidence("it has 2 roots, not one", carOf([root, root], blocks));
  await evidence("is no record of evidence", carOf([CID.createV1(0x70, root.multihash)], blocks));
  await evidence("is not in the file", carOf([root], []));
  await evidence("is there twice, with other bytes", carOf([root], [...blocks, [root, new Uint8Array()]]));
  await evidence("at most 2097152 are read", carOf([root], [...blocks, [root, new Uint8Array(3 << 20)]]));
  assert.equal(failedAt(await verifyCar(carOf([root], [...blocks, ...blocks]), known.token, anchor)), null);
});

test("no byte can be changed unseen, and nothing throws", async () => {
  for (let at = 0; at < car.length; at += 499) {
    const changed = car.slice();
    changed[at] ^= 1 << (at % 8);
    const verdict = await verifyCar(changed, known.token, anchor);
    assert.notEqual(failedAt(verdict), null, `byte ${at}`);
  }
});

// What a quorum signed although it is not so: each line is a file of its own.
const signed = process.env.ENLIVEN_SIGNED;
test("what was signed wrongly fails at its step", { skip: signed ? false : "ENLIVEN_SIGNED is not set" }, async () => {
  const wrong = [];
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(signed) })) {
    const { name, token, block_hash: hash, root, blocks, fails_at } = JSON.parse(line);
    const file = carOf([CID.parse(root)], Object.entries(blocks).map(([cid, bytes]) => [CID.parse(cid), Buffer.from(bytes, "hex")]));
    const verdict = await verifyCar(file, token, { hash });
    const found = failedAt(verdict);
    if (found !== fails_at) wrong.push(`${name}: wanted ${fails_at}, found ${found}: ${JSON.stringify(verdict.checks)}`);
    count++;
  }
  assert.deepEqual(wrong, []);
  assert.ok(count >= 60, `${count} files`);
});

const tampered = process.env.ENLIVEN_TAMPERED;
test("every variant fails at its step", { skip: tampered ? false : "ENLIVEN_TAMPERED is not set" }, async () => {
  const golden = readCar(car);
  const wrong = [];
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(tampered) })) {
    const { name, root, blocks, fails_at } = JSON.parse(line);
    const { store } = readCar(car);
    for (const [cid, bytes] of Object.entries(blocks)) {
      if (bytes === null) store.delete(cid);
      else store.set(cid, { cid: golden.store.get(cid)?.cid ?? CID.parse(cid), bytes: Buffer.from(bytes, "hex") });
    }
    const verdict = await verifyCar(carWith(CID.parse(root), store), known.token, anchor);
    const found = failedAt(verdict);
    if (found !== fails_at) wrong.push(`${name}: wanted ${fails_at}, found ${found}: ${JSON.stringify(verdict.checks)}`);
    count++;
  }
  assert.deepEqual(wrong, []);
  assert.ok(count >= 1000, `${count} variants`);
});
