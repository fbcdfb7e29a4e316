// What the golden file does not have: groups, hot traits, ejected signers, sharded directories, and receipts and
// metadata that a committee should not have signed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CID } from "multiformats/cid";
import { verifyCar } from "../../../web/verify.js";
import { newGroup, newSigner, world } from "./world.js";
import { bytes, cidOf, concat, file, keccak, node, number, rlpList, rlpText, utf8 } from "./write.js";

const HOT = keccak(utf8("hot"));

/** What is wrong with a world, as `step: detail`; `passed` if nothing is. */
async function outcome(options) {
  const { car, token, hash } = world(options);
  const { passed, checks } = await verifyCar(car, token, { hash });
  const failed = checks.find((check) => check.passed === false);
  return passed ? "passed" : `${failed.step}: ${failed.detail}`;
}

async function expect(cases) {
  for (const [name, options, wanted = /^passed$/] of cases) assert.match(await outcome(options), wanted, name);
}

/** Small worlds, for cases that are many. */
const small = (options) => ({ image: 10, ...options });

test("traits, histories and numbers of 64 bits", async () => {
  const { car, token, hash } = world();
  const verdict = await verifyCar(car, token, { hash });
  assert.equal(verdict.passed, true, JSON.stringify(verdict.checks));
  assert.deepEqual(verdict.tokens.map(({ tokenId, sequence, traits }) => [tokenId, sequence, ...traits.map((one) => one.value)]), [
    [3, 1, -7, "Gold"],
    [300, 3, 2n ** 62n, ""],
  ]);
});

test("committees", async () => {
  const seven = Array.from({ length: 7 }, (_, place) => newSigner(place));
  await expect([
    ["hot traits", small({ hot: HOT })],
    ["a threshold above the least", small({ threshold: 4, signed: [0, 1, 2, 3] })],
    ["too few for it", small({ threshold: 4 }), /^quorum: 3 signatures, 4 are needed/],
    ["a threshold below the least", small({ threshold: 2 }), /^quorum: a threshold of 2; 4 signers need 3 or more/],
    ["a threshold above the signers", small({ threshold: 5 }), /^quorum: a threshold of 5/],
    ["two of four ejected", small({ ejected: 3, signed: [2, 3] })],
    ["and one signature", small({ ejected: 3, signed: [2] }), /^quorum: 1 signature, 2 are needed/],
    ["five of seven", small({ signers: seven, threshold: 5, signed: [0, 1, 3, 5, 6] })],
    ["four of seven", small({ signers: seven, threshold: 5, signed: [0, 1, 3, 5] }), /^quorum: 4 signatures, 5 are needed/],
    ["one of seven ejected", small({ signers: seven, threshold: 5, ejected: 2, signed: [0, 3, 5, 6] })],
    ["seven of seven", small({ signers: seven, threshold: 7, signed: [0, 1, 2, 3, 4, 5, 6] })],
    ["64 signers", small({ signers: Array.from({ length: 64 }, (_, place) => newSigner(place)), threshold: 43, signed: Array.from({ length: 43 }, (_, place) => 63 - place).reverse() })],
    ["65 signers", small({ signers: Array.from({ length: 65 }, (_, place) => newSigner(place)) }), /^state: proof of the signers: its code is no list/],
    ["nobody", small({ signers: [], signed: [], threshold: 0 }), /^quorum: a threshold of 0/],
    ["a bit beyond the list", small({ evidence: (record) => (record.last.signed.committee.signers = 0b100101n) }), /^quorum: signer 5 of 4/],
    ["too few signatures", small({ evidence: (record) => record.last.signed.committee.signatures.pop() }), /^quorum: 3 signers and 2 signatures/],
    ["another chain", small({ evidence: (record) => (record.chain_id = 2) }), /^quorum: signature 0 is not by signer 0/],
    ["another oracle by now", small({ believed: keccak(utf8("other")).subarray(12) })],
  ]);
});

test("groups", async () => {
  const group = newGroup();
  const other = newGroup();
  const signed = (change) => small({ group, evidence: (record) => change(record) });
  await expect([
    ["a group", small({ group })],
    ["with hot traits and without signers", small({ group, hot: HOT, signers: [], threshold: 0 })],
    ["another key", signed(({ committees }) => (committees[0].group_key = other.key)), /^quorum: the group's key is not that of the oracle/],
    ["no key", signed(({ committees }) => delete committees[0].group_key), /^quorum: a group signed, but its oracle has none/],
    ["no code", signed(({ state }) => delete state.oracle.code), /^quorum: the group's key is not that of the oracle/],
    ["other code", signed(({ state }) => (state.oracle.code = group.key)), /^state: proof of the oracle: its code is not that/],
    ["another y", signed(({ committees }) => committees[0].group_key[63] ^= 1), /^quorum: the group's key is not a point/],
    ["no commitment", signed(({ last }) => last.signed.group.fill(0, 0, 64)), /^quorum: the group's commitment is not a point/],
    ["another response", signed(({ last }) => (last.signed.group[95] ^= 1)), /^quorum: the group did not sign this/],
    ["a response above the order", signed(({ last }) => last.signed.group.fill(255, 64)), /^quorum: the group's response is not below/],
    ["two kinds", signed(({ last }) => (last.signed.committee = { signers: 0, signatures: [] })), /^evidence: .* exactly one/],
  ]);
});

test("evidence", async () => {
  const of = (change) => small({ evidence: change });
  const link = cidOf(0x71, utf8("x"));
  await expect([
    ["tokens and earlier epochs", of((record) => (record.earlier = [link])), /^evidence: it has tokens and earlier epochs/],
    ["an earlier epoch of another kind", of((record) => (record.earlier = [CID.createV0(link.multihash)])), /^evidence: .* is no CID of version 1/],
    ["one token less", of((record) => record.tokens.pop()), /^state: .* its slots are not the 5/],
    ["a token twice", of((record) => record.tokens.push(record.tokens[1])), /^evidence: its tokens are repeated or out of order: 300 after 300/],
    ["another order", of((record) => record.tokens.reverse()), /^evidence: its tokens are repeated or out of order: 3 after 300/],
    ["a committee twice", of((record) => record.committees.push({ ...record.committees[0], config_count: 7 })), /^evidence: the committee of .* is there twice/],
    ["another committee first", of((record) => record.committees.unshift({ ...record.committees[0], oracle: new Uint8Array(20) }))],
    ["no committee", of((record) => (record.committees = [])), /^quorum: the committee of epoch 9 is left out/],
    ["a negative number", of((record) => (record.chain_id = -1)), /^evidence: .*, chain_id is -1; it can be 0 to/],
    ["a short address", of((record) => (record.last.oracle = new Uint8Array(19))), /^evidence: .*, last, oracle has 19 bytes, not 20/],
    ["an upper-case digest", of((record) => (record.last.report.cut = `0x${"A".repeat(64)}`)), /^evidence: .*, last, report, cut is no digest/],
    ["null for what is optional", of((record) => (record.last.hot = null)), /^evidence: .*, last, hot is no digest/],
    ["nothing for what is not", of((record) => delete record.state.header), /^evidence: .*, state has no field `header`/],
  ]);
});

test("state", async () => {
  const of = (change) => small({ evidence: ({ state }) => change(state) });
  /** A header with other fields: what stands at some places, and how many there are. */
  const header = (at, length = 15) => {
    const fields = Array.from({ length }, (_, place) => rlpText(at[place] ?? (place === 3 ? new Uint8Array(32) : [])));
    return small({ header: rlpList(...fields) });
  };
  await expect([
    ["held", small({ held: [300] })],
    ["held before the first epoch", small({ held: [300, 3], heldBefore: true })],
    ["an empty trie as one node", of(({ oracle }) => (oracle.slots[0].proof = [Uint8Array.of(0x80)])), /nodes of an empty trie/],
    ["an empty trie of two", of(({ oracle }) => (oracle.slots[0].proof = [Uint8Array.of(0x80), Uint8Array.of(0x80)])), /^state: proof of the oracle: slot/],
    ["less fields", header({}, 11), /^anchor: the block's header: it has less than 12 fields/],
    ["a state root that is none", header({ 3: [1] }), /^anchor: the block's header: its state root is not 32 bytes/],
    ["another state root", header({}), /^state: proof of the token: the account/],
    ["a number of 72 bits", header({ 8: new Uint8Array(9).fill(1) }), /^anchor: .* more than 64 bits/],
    ["a time that starts with a zero", header({ 11: [0, 1] }), /^anchor: .* starts with a zero/],
    ["a list of no fields", small({ header: rlpList(...Array(15).fill(rlpList())) }), /^anchor: .* one of its first 12 fields is a list/],
    ["a header that is none", of((state) => (state.header = utf8("header"))), /^anchor: the block's header: RLP that should be a list is none/],
    ["an account that is not there", of(({ signers }) => (signers.proof = signers.proof.slice(0, -1))), /^state: proof of the signers: the account .* its proof ends on the way/],
    ["nodes behind the end", of(({ token }) => token.proof.push(token.proof[0])), /^state: proof of the token: the account .* nodes behind its end/],
    ["another list", of((state) => (state.signers = { ...state.oracle, slots: [], code: Uint8Array.of(0) })), /^state: proof of the signers: it is of/],
    ["slots in another order", of(({ token }) => token.slots.reverse()), /^state: proof of the token: its slots are not the 7/],
    ["a slot for zero", of(({ token }) => (token.slots[0].value = new Uint8Array(32))), /^state: proof of the token: slot/],
  ]);
});

test("receipts", async () => {
  const of = (place, change) => small({ receipt: (receipt, at, token) => token.id === 300 && at === place && change(receipt) });
  await expect([
    ["version", of(1, (one) => (one.version = 2)), /^receipts: token 300: receipt .*: version 2 is not known/],
    ["sum", of(1, (one) => one.attribution.parts.push(1)), /^receipts: .* sum to 6, the score is 5/],
    ["a sum beyond 64 bits", of(2, (one) => Object.assign(one, { attribution: { base: 2n ** 63n - 1n, parts: [1] }, score: { units: -(2n ** 63n), scale: 0 } })), /^receipts: .* sum to 9223372036854775808/],
    ["epoch of the state", of(1, (one) => (one.state.epoch = 5)), /^receipts: .* its state is of epoch 5/],
    ["an epoch that is not accepted", of(2, (one) => (one.epoch = one.state.epoch = 10)), /^receipts: .* of epoch 10, which is not accepted/],
    ["the same epoch again", of(1, (one) => (one.epoch = one.state.epoch = 2)), /^receipts: .* epoch 2 after 2/],
    ["another subject", of(1, (one) => (one.state.subject = "x")), /^receipts: .* about another token/],
    ["another token", of(0, (one) => (one.state.token_id = 3)), /^receipts: .* about another token/],
    ["a step in the sequence", of(2, (one) => (one.state.sequence = 4)), /^receipts: .* sequence 4 after 2/],
    ["the greatest sequence", of(0, (one) => (one.state.sequence = 2n ** 64n - 1n)), /^receipts: .* sequence 2 after 18446744073709551615/],
    ["traits before", of(2, (one) => one.before.reverse()), /^receipts: .* traits before/],
    ["a mint with traits before", of(0, (one) => (one.before = [1])), /^receipts: .* a mint has/],
    ["a mint that is late", of(1, (one) => (one.previous = null)), /^receipts: .* a mint has/],
    ["a receipt that is not there", of(1, (one) => (one.previous = cidOf(0x71, utf8("none")))), /^receipts: .* is not in the file/],
    ["a reason of no kind", of(1, (one) => (one.reasons = ["why"])), /^receipts: .* reasons\[0\] is no map/],
    ["a number beyond 64 bits", of(1, (one) => (one.features = [2n ** 63n])), /^receipts: .* features\[0\] is 9223372036854775808/],
    ["another id", of(2, (one) => (one.state.token_id = 4)), /^proof: token 300: its receipt is of token 4/],
    ["a float", of(2, (one) => (one.features = [1.5])), /^proof: token 300: the receipt .* is no canonical DAG-CBOR/],
  ]);
});

test("content", async () => {
  const missing = cidOf(0x55, utf8("missing"));
  const of = (json, options) => small({ json: typeof json === "string" ? () => json : (token, image, store) => json(image, store), ...options });
  const gone = /^content: token 3: the block \S+ is not in the file/;
  /** A JSON that names a dag-pb block with this data and one link to the image of 10 bytes. */
  const fileOf = (...data) => of((image, store) => {
    const links = [{ name: "", cid: image, size: 10 }];
    return `{"image":"ipfs://${store.put(0x70, node(links, concat(number(1, 2), ...data)))}"}`;
  });
  await expect([
    ["files of several blocks", {}],
    ["a HAMT", small({ others: 300, flat: 100 })],
    ["a HAMT with a held token", small({ others: 300, flat: 100, held: [300] })],
    ["no JSON", of("{"), /^content: token 3: the JSON \S+ is no JSON/],
    ["a byte order mark", of("\ufeff{}"), /^content: token 3: the JSON \S+ is no JSON/],
    ["bytes that are no text", of(() => Uint8Array.of(0x22, 0xff, 0x22)), /^content: token 3: the JSON \S+ is no JSON/],
    ["canonical JSON", of('{"":[],"10":-1.5e-7,"9":1e+21,"__proto__":{},"a":"\\u0001\\b\\"\\\\/é\u2028","é":[null,true,false,0],"\u{1f600}":1,"\ufb01":2}')],
    ["127 levels", of("[".repeat(127) + "]".repeat(127))],
    ["128 levels", of("[".repeat(128) + "]".repeat(128)), /^content: .* more than 127 levels deep/],
    ["5,000 levels", of("[".repeat(5000) + "]".repeat(5000)), /^content: .* more than 127 levels deep/],
    ["half of a character", of('"\\ud800"'), /^content: .* half of a character/],
    ...[
      "{} ", "1.0", "1e3", "-0", "1e999", "9007199254740993", '"\\u0041"', '"\\/"', '"\\u00E9"', '{"b":1,"a":1}', '{"a":1,"a":1}', "[1, 2]",
      '{"\ufb01":2,"\u{1f600}":1}',
    ].map((json) => [json, of(json), /^content: .* is not in canonical form/]),
    ["a missing file", of(`{"image":"ipfs://${missing}"}`), gone],
    ["a missing file of the card", of(`{"properties":{"image_svg":"ipfs://${missing}"}}`), gone],
    ["texts in other places", of(`{"a":[{"b":"ipfs://${missing}"}],"name":"ipfs://${missing}"}`)],
    ["under a special name", of(`{"__proto__":{"image":"ipfs://${missing}"}}`)],
    ["as version 0, which names no file", of(`{"image":"ipfs://${CID.createV0(missing.multihash)}"}`)],
    ["texts that name no file", of(`{"animation_url":"ipfs://${missing}/1.png","image":"IPFS://${missing}"}`)],
    ["a name that names no file", of(`{"ipfs://${missing}":1}`)],
    ["a record, which is no file", of((image, store) => `{"image":"ipfs://${store.record([1])}"}`)],
    ["a directory", of((image, store) => `{"image":"ipfs://${store.put(0x70, node([], Uint8Array.of(8, 1)))}"}`), /is not a UnixFS file/],
    ["a file node", fileOf(number(3, 10), number(4, 10))],
    ["without its size", fileOf(number(4, 10))],
    ["with packed sizes and a mode", fileOf(bytes(4, Uint8Array.of(10)), number(7, 0o644))],
    ["with another size", fileOf(number(3, 11), number(4, 10)), /has 10 bytes, not the declared 11/],
    ["with another size of a link", fileOf(number(4, 9)), /has 10 bytes, not the declared 9/],
    ["with an empty link", fileOf(number(4, 0)), /leads to no bytes/],
    ["with a size too few", fileOf(), /differ in number/],
    ["32 MiB", of((image, store) => `{"image":"ipfs://${file(store, new Uint8Array(32 << 20)).cid}"}`)],
    ["32 MiB and a byte", of((image, store) => `{"image":"ipfs://${file(store, new Uint8Array((32 << 20) + 1)).cid}"}`), /larger than the limit of 33554432 bytes/],
  ]);
});
