// What the calls that recur cost, as whole transactions, compared with gas.json. `node test/gas.test.mjs --write`
// writes that file anew. Everything that is sent is the same in every run and on every chain, but for the seconds
// of the clock and the addresses that signatures depend on: they move a few bytes of calldata between zero
// and another value, 12 gas each.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AbiCoder, concat, encodeBytes32String, id, keccak256, toBeHex } from 'ethers';
import { startChain } from './support/chain.mjs';
import {
  HOT_REPORT_TYPES,
  artifact,
  collection,
  deploy,
  nextReport,
  postNext,
  send,
} from './support/contracts.mjs';
import { groupKey, groupSign } from './support/group.mjs';

const SNAPSHOT = fileURLToPath(new URL('../gas.json', import.meta.url));

/** How far a measurement may be from the snapshot: see above. */
const TOLERANCE = 120;

/** What each may cost at most. */
const GOALS = {
  'post, 5 of 7 signatures': 75_000,
  'post, group key': 55_000,
  'materialise one trait, update, 10000 tokens': 50_000,
  'hot trait of each of 1000 tokens, beyond the post': 750,
};

const write = process.argv.includes('--write');
const measured = {};

let chain;
before(async () => {
  chain = await startChain();
});
after(() => {
  chain.stop();
  if (write) writeFileSync(SNAPSHOT, `${JSON.stringify(measured, null, 2)}\n`);
});

function record(name, gas) {
  measured[name] = Number(gas);
  const limit = GOALS[name];
  if (limit !== undefined) assert.ok(measured[name] <= limit, `${name}: ${gas} is more than ${limit}`);
  if (write) return;
  const expected = JSON.parse(readFileSync(SNAPSHOT, 'utf8'))[name];
  const difference = Math.abs(measured[name] - expected);
  assert.ok(difference <= TOLERANCE, `${name}: ${gas}, in gas.json ${expected} (hint: npm run gas)`);
}

const definitions = [{ model: id('model'), manifest: id('manifest') }];
const { x, y } = groupKey();

describe('gas', () => {
  for (const [threshold, size] of [
    [3, 4],
    [5, 7],
  ]) {
    test(`${threshold} of ${size} signatures`, async () => {
      const setup = await collection(chain, { size, threshold, config: { definitions } });
      const indexes = Array.from({ length: threshold }, (_, index) => index + 1);
      const first = await postNext(chain, setup, indexes);
      record(`first post, ${threshold} of ${size} signatures`, first.receipt.gasUsed);
      const second = await postNext(chain, setup, indexes);
      record(`post, ${threshold} of ${size} signatures`, second.receipt.gasUsed);
    });
  }

  test('the group key', async () => {
    const setup = await collection(chain, { config: { group: { x, y }, definitions } });
    await postNext(chain, setup, [0, 1, 2]);
    const report = await nextReport(chain, setup);
    const { rx, ry, z } = groupSign(groupKey(), await setup.oracle.reportDigest(report));
    const words = [rx, ry, z].map((number) => toBeHex(number, 32));
    record('post, group key', (await send(setup.oracle.postByGroup(report, ...words))).gasUsed);
  });

  test('hot traits', async () => {
    const setup = await collection(chain, { size: 7, threshold: 5, minted: 500 });
    // In two, as a transaction holds at most 16,777,216 gas (EIP-7825).
    await send(setup.token.mintBatch(chain.address, 500));
    await send(setup.token.setTraits([], id('points'), ''));
    const indexes = [1, 2, 3, 4, 5];
    await postHot(setup, indexes, hotTraits('first'));
    const plain = (await postNext(chain, setup, indexes)).receipt.gasUsed;
    const receipt = await postHot(setup, indexes, hotTraits('second'));
    record('post with 1000 hot traits, 5 of 7 signatures', receipt.gasUsed);
    record('hot trait of each of 1000 tokens, beyond the post', (receipt.gasUsed - plain) / 1000n);
  });

  test('traits on chain', async () => {
    const setup = await collection(chain, { minted: 1 });
    const keys = Array.from({ length: 7 }, (_, index) => id(`trait ${index}`));
    await send(setup.token.setTraits(keys, id('points'), ''));
    for (const [name, change] of [
      ['first', 0n],
      ['update', 1n],
    ]) {
      for (const [size, which] of [
        [10_000, 1n],
        [10_000, 127n],
        [1_000_000, 1n],
      ]) {
        const { args, root } = proof(1n, change, Math.ceil(Math.log2(size)));
        await postNext(chain, setup, [0, 1, 2], { stateRoot: root });
        const { gasUsed } = await send(setup.token.materialise(...args, which));
        const what = which === 1n ? 'one trait' : 'seven traits';
        // The first of each kind writes to empty slots; after the two of 10,000 there are none.
        if (name === 'update' && which === 127n) continue;
        if (name === 'first' && size === 1_000_000) continue;
        record(`materialise ${what}, ${name}, ${size} tokens`, gasUsed);
      }
    }
  });

  test('the holder', async () => {
    const setup = await collection(chain);
    await postNext(chain, setup, [0, 1, 2]);
    record('freeze', (await send(setup.token.freeze(1))).gasUsed);
    record('unfreeze', (await send(setup.token.unfreeze(1))).gasUsed);
    record('opt out', (await send(setup.token.optOut(2))).gasUsed);
    record('opt in', (await send(setup.token.optIn(2))).gasUsed);
  });

  test('the naive design', async () => {
    const token = await deploy(chain, 'NaiveURIToken', 'Naive', 'NAIVE', chain.address);
    await send(token.mintBatch(chain.address, 100));
    const ids = Array.from({ length: 100 }, (_, index) => index + 1);
    const uris = (round) => ids.map((tokenId) => `ipfs://${id(`${round} ${tokenId}`).slice(2, 61)}`);
    await send(token.setTokenURIs(ids, uris('first')));
    const { gasUsed } = await send(token.setTokenURIs(ids, uris('second')));
    record('a URI in storage, each of 100', gasUsed / 100n);
  });

  test('deploying', async () => {
    const setup = await collection(chain, { size: 7, threshold: 5, minted: 0, config: { definitions } });
    for (const name of ['token', 'oracle']) {
      const address = await setup[name].getAddress();
      const code = await chain.provider.getCode(address);
      record(`bytes of the ${name}`, (code.length - 2) / 2);
    }
    assert.ok(artifact('LivingToken').bytecode.length > 0);
  });
});

/** 126 slots of eight values each, for the tokens up to 1007. */
function hotTraits(seed) {
  const words = Array.from({ length: 126 }, (_, index) => id(`${seed} ${index}`));
  return concat(['0x00000000', toBeHex(words.length, 2), ...words]);
}

async function postHot(setup, indexes, hot) {
  const report = await nextReport(chain, setup);
  const message = { report, hot: keccak256(hot) };
  const signatures = [];
  let bitmap = 0n;
  for (const index of indexes) {
    bitmap |= 1n << BigInt(index);
    signatures.push(await setup.wallets[index].signTypedData(setup.domain, HOT_REPORT_TYPES, message));
  }
  return send(setup.oracle.postCommitteeHot(report, hot, bitmap, concat(signatures)));
}

/** A leaf, a path of `depth` siblings that are hashes of nothing, and the root that follows. */
function proof(tokenId, change, depth) {
  const traits = [
    toBeHex(71n + change, 32),
    ...[55n, 60n, 48n].map((value) => toBeHex(value + change, 32)),
    encodeBytes32String(change === 0n ? 'Gold' : 'Platinum'),
    toBeHex(3n + change, 32),
    encodeBytes32String(change === 0n ? '10-4-3' : '11-4-3'),
  ];
  const values = [tokenId, 12n, id('metadata'), id('receipt'), traits];
  const types = ['uint256', 'uint64', 'bytes32', 'bytes32', 'bytes32[]'];
  const siblings = Array.from({ length: depth }, (_, index) => id(`sibling ${index}`));
  const leaf = keccak256(keccak256(AbiCoder.defaultAbiCoder().encode(types, values)));
  const root = siblings.reduce((node, one) => keccak256(concat(node < one ? [node, one] : [one, node])), leaf);
  return { args: [...values, siblings], root };
}
