// A collection that never was, with contracts, a committee and tokens, as `enliven export` would write it.

import { createFROST } from "@noble/curves/abstract/frost.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import {
  Store, Trie, carWith, concat, digestText, directory, file, keccak, rlpList, rlpText, shortest, utf8, word,
} from "./write.js";

const CHAIN = 1;
const EPOCH = 9;
const TOKEN = keccak(utf8("token")).subarray(12);
const ORACLE = keccak(utf8("oracle")).subarray(12);
const ZERO = new Uint8Array(32);

const { Point } = secp256k1;
const ORDER = Point.Fn.ORDER;

/** hash_to_field as the contract writes it out (contracts/src/libraries/Schnorr.sol). */
function hashToScalar(message, { DST }) {
  const tag = concat(DST, Uint8Array.of(DST.length));
  const first = keccak(new Uint8Array(136), message, Uint8Array.of(0, 48, 0), tag);
  const second = keccak(first, Uint8Array.of(1), tag);
  const third = keccak(first.map((byte, place) => byte ^ second[place]), Uint8Array.of(2), tag);
  return BigInt(digestText(concat(second, third.subarray(0, 16)))) % ORDER;
}

const frost = createFROST({ name: "FROST-secp256k1-KECCAK256-v1", Point, hashToScalar, hash: keccak_256 });

/** A FROST group of three of four, and what signs a digest in its name. */
export function newGroup() {
  const { public: common, secretShares } = frost.trustedDealer({ min: 3, max: 4 });
  const shares = Object.values(secretShares).slice(1);
  const sign = (digest) => {
    const nonces = shares.map((share) => frost.commit(share));
    const commitments = nonces.map((one) => one.commitments);
    const parts = shares.map((share, place) => [
      share.identifier,
      frost.signShare(share, common, nonces[place].nonces, commitments, digest),
    ]);
    const joined = frost.aggregate(common, commitments, digest, Object.fromEntries(parts));
    return concat(Point.fromBytes(joined.subarray(0, 33)).toBytes(false).subarray(1), joined.subarray(33));
  };
  return { key: Point.fromBytes(common.commitments[0]).toBytes(false).subarray(1), sign };
}

export function newSigner(seed) {
  const secret = keccak(utf8(`signer ${seed}`));
  const address = keccak(secp256k1.getPublicKey(secret, false).subarray(1)).subarray(12);
  const sign = (digest) => {
    const bytes = secp256k1.sign(digest, secret, { prehash: false, format: "recovered" });
    return concat(bytes.subarray(1), Uint8Array.of(27 + bytes[0]));
  };
  return { address, sign };
}

export function signingDigest(oracle, report, hot, chain = CHAIN) {
  const type =
    "Report(uint64 epoch,uint64 configCount,uint64 validUntil,bytes32 previousRoot,bytes32 stateRoot," +
    "bytes32 directory,bytes32 receiptsRoot,bytes32 model,bytes32 manifest,bytes32 cut)";
  const words = Object.values(report).map((value) => (typeof value === "string" ? Buffer.from(value.slice(2), "hex") : word(value)));
  let signed = keccak(keccak(utf8(type)), ...words);
  if (hot) signed = keccak(keccak(utf8(`HotReport(Report report,bytes32 hot)${type}`)), signed, hot);
  const domain = keccak(
    keccak(utf8("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")),
    keccak(utf8("Enliven EpochOracle")),
    keccak(utf8("1")),
    word(chain),
    word(BigInt(digestText(oracle))),
  );
  return keccak(Uint8Array.of(0x19, 1), domain, signed);
}

const mapped = (key, mapping) => keccak(word(key), word(mapping));

/** Words of `abi.encode` for a trait. */
function traitWord(value) {
  if (typeof value !== "string") return word(value);
  const bytes = utf8(value);
  return bytes.length < 32 ? concat(bytes, new Uint8Array(32 - bytes.length)) : keccak(bytes);
}

/** The receipts of a token, from the mint on. `change` may alter each before it is sealed. */
function history(store, token, change) {
  let previous = null;
  let before = [];
  token.changes.forEach(({ epoch, traits }, place) => {
    const receipt = {
      version: 1,
      epoch,
      previous,
      cut: store.record({ cut: epoch }),
      manifest: digestText(ZERO),
      model: digestText(ZERO),
      schema: digestText(ZERO),
      features: [1, -2, 2n ** 63n - 1n, -(2n ** 63n)],
      score: { units: 5, scale: 2 },
      attribution: { base: 2n ** 62n, parts: [-(2n ** 62n), 5] },
      reasons: place === 0 ? ["mint"] : [{ moved: { name: "strength", from: 1, to: 2, threshold: 1 } }, { changed: { name: "tier", from: "a", to: "b" } }],
      before,
      state: {
        token_id: token.id,
        subject: token.subject ?? "Ä|b",
        sequence: place + 1,
        epoch,
        changed_at: 1_700_000_000_000,
        traits,
        metadata: token.metadata,
      },
    };
    change?.(receipt, place, token);
    previous = store.record(receipt);
    before = receipt.state.traits.map((trait) => trait.value);
    token.last = receipt;
  });
  token.receipt = previous;
  const { token_id, sequence, metadata, traits } = token.last.state;
  const words = traits.map((trait) => traitWord(trait.value));
  token.leaf = keccak(keccak(
    word(token_id), word(sequence), metadata.multihash.digest, previous.multihash.digest, word(160), word(words.length), ...words,
  ));
}

/** OpenZeppelin's layout: node i is above nodes 2i + 1 and 2i + 2, leaf k of n is node 2n - 2 - k. */
function merkle(leaves) {
  const nodes = Array(2 * leaves.length - 1);
  leaves.forEach((leaf, place) => (nodes[2 * leaves.length - 2 - place] = leaf));
  for (let at = leaves.length - 2; at >= 0; at--) {
    nodes[at] = keccak(...[nodes[2 * at + 1], nodes[2 * at + 2]].sort(Buffer.compare));
  }
  const prove = (place) => {
    const siblings = [];
    for (let at = 2 * leaves.length - 2 - place; at > 0; at = (at - 1) >> 1) siblings.push(nodes[at % 2 ? at + 1 : at - 1]);
    return siblings;
  };
  return { root: nodes[0], prove };
}

/** Makes the world; `options` and what they change:
 *
 * image: how many bytes each image has; others: so many more tokens in the directory; flat: the largest flat directory; signers, threshold, signed (places),
 * ejected (bits), group, hot, believed (another oracle), held (ids), json (of a token's metadata), receipt (alters
 * receipts), evidence (alters the record), header (its bytes). */
export function world(options = {}) {
  const store = new Store();
  const tokens = options.tokens ?? [
    { id: 3, changes: [{ epoch: 1, traits: [{ name: "strength", value: -7 }, { name: "tier", value: "Gold" }] }] },
    {
      id: 300,
      changes: [
        { epoch: 2, traits: [{ name: "strength", value: 1 }, { name: "tier", value: "x".repeat(31) }] },
        { epoch: 4, traits: [{ name: "strength", value: 2 }, { name: "tier", value: "é".repeat(16) }] },
        { epoch: 9, traits: [{ name: "strength", value: 2n ** 62n }, { name: "tier", value: "" }] },
      ],
    },
  ];
  for (const token of tokens) {
    const image = file(store, Uint8Array.from({ length: options.image ?? 1_500_000 }, (_, at) => (at * token.id) % 251)).cid;
    const json = options.json?.(token, image, store) ?? JSON.stringify({ image: `ipfs://${image}`, token: token.id });
    token.json = file(store, typeof json === "string" ? utf8(json) : json);
    token.metadata = token.json.cid;
    history(store, token, options.receipt);
  }
  const tree = merkle(tokens.map((token) => token.leaf));
  const entries = tokens.map((token) => [`${token.id}.json`, token.json]);
  const receipts = tokens.map((token) => [String(token.id), { cid: token.receipt, size: 1 }]);
  for (let other = 1000; other < 1000 + (options.others ?? 0); other++) {
    entries.push([`${other}.json`, { cid: tokens[0].metadata, size: 1 }]);
    receipts.push([String(other), { cid: tokens[0].receipt, size: 1 }]);
  }
  entries.push(["receipts", directory(store, receipts, options.flat)]);
  const top = directory(store, entries, options.flat).cid;

  const members = options.signers ?? [0, 1, 2, 3].map(newSigner);
  const { group } = options;
  const report = {
    epoch: EPOCH,
    config_count: 2,
    valid_until: 2n ** 63n,
    previous_root: digestText(keccak(utf8("before"))),
    state_root: digestText(tree.root),
    directory: digestText(top.multihash.digest),
    receipts_root: digestText(ZERO),
    model: digestText(ZERO),
    manifest: digestText(ZERO),
    cut: digestText(ZERO),
  };
  const digest = signingDigest(ORACLE, report, options.hot);
  const places = options.signed ?? [0, 2, 3];
  const signed = group
    ? { group: group.sign(digest) }
    : {
        committee: {
          signers: places.reduce((bits, place) => bits + 2n ** BigInt(place), 0n),
          signatures: places.map((place) => members[place].sign(digest)),
        },
      };

  const head = concat(
    Uint8Array.of(0), shortest(2n ** 23n + BigInt(tokens.length)), Buffer.from("65000000", "hex"),
    word(EPOCH).subarray(28), options.believed ?? ORACLE,
  );
  const ids = tokens.map((token) => token.id);
  const held = new Map();
  for (const id of options.held ?? []) {
    const slot = digestText(mapped(id >> 8, 23));
    held.set(slot, (held.get(slot) ?? 0n) | (1n << BigInt(id & 255)));
    if (!options.heldBefore) held.set(digestText(mapped(id, 25)), BigInt(digestText(top.multihash.digest)));
  }
  const storage = new Map([
    [digestText(word(12)), BigInt(digestText(head))],
    [digestText(word(13)), BigInt(digestText(tree.root))],
    [digestText(word(14)), BigInt(digestText(top.multihash.digest))],
    ...held,
    ...Array.from({ length: 40 }, (_, at) => [digestText(keccak(word(at))), BigInt(at + 1)]),
  ]);
  const list = keccak(rlpList(rlpText(ORACLE), rlpText(Uint8Array.of(1)))).subarray(12);
  const listCode = concat(Uint8Array.of(0), ...members.map((member) => member.address));
  const oracleCode = concat(utf8("code before"), group?.key.subarray(0, 32) ?? [], utf8("and after"));
  const ejected = options.ejected ? [[digestText(word(2)), BigInt(options.ejected)]] : [];
  const accounts = [
    account(TOKEN, utf8("the token's code"), storage, 5n),
    account(ORACLE, oracleCode, new Map(ejected), 2n),
    account(list, listCode, new Map(), 1n),
    ...Array.from({ length: 60 }, (_, at) => account(keccak(word(at)).subarray(12), [], new Map(), BigInt(at))),
  ];
  const state = new Trie(accounts.map((one) => [keccak(one.address), one.leaf]));
  const wanted = new Set([12, 13, 14].map((slot) => digestText(word(slot))));
  for (const id of ids) wanted.add(digestText(mapped(id >> 8, 23))).add(digestText(mapped(id, 25)));

  const empty = new Uint8Array();
  const fields = [ZERO, ZERO, empty, state.root, ZERO, ZERO, empty, empty, shortest(1234), empty, empty, shortest(1_700_000_000)];
  const header = options.header ?? rlpList(...fields.map((field) => rlpText(field)), rlpList(), rlpText(ZERO));

  const proof = (one, slots, withCode) => ({
    address: one.address,
    nonce: one.nonce,
    balance: word(one.balance),
    storage_root: one.storage.root,
    code_hash: one.codeHash,
    proof: state.prove(keccak(one.address)),
    slots: [...slots].sort().map((slot) => ({
      slot: Buffer.from(slot.slice(2), "hex"),
      value: word(one.slots.get(slot) ?? 0n),
      proof: one.storage.prove(keccak(Buffer.from(slot.slice(2), "hex"))),
    })),
    ...(withCode ? { code: one.code } : {}),
  });
  const evidence = plain({
    version: 1,
    chain_id: CHAIN,
    state: {
      header,
      token: proof(accounts[0], wanted, false),
      oracle: proof(accounts[1], [digestText(word(2))], Boolean(group)),
      signers: proof(accounts[2], [], true),
    },
    last: { oracle: ORACLE, report, signed, ...(options.hot ? { hot: digestText(options.hot) } : {}) },
    earlier: [],
    committees: [
      {
        oracle: ORACLE,
        config_count: 2,
        signers: members.map((member) => member.address),
        threshold: options.threshold ?? 3,
        ejected: options.ejected ?? 0,
        ...(group ? { group_key: group.key } : {}),
      },
    ],
    tokens: tokens.map((token, place) => ({
      token_id: token.id,
      receipt: token.receipt,
      proof: tree.prove(place).map(digestText),
    })),
  });
  options.evidence?.(evidence);
  const root = store.record(evidence);
  return {
    car: carWith(root, store),
    token: digestText(TOKEN),
    hash: digestText(keccak(header)),
    store,
    root,
  };
}

/** A copy that @ipld/dag-cbor encodes: it takes plain byte arrays only. */
function plain(value) {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || value.asCID) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

function account(address, code, slots, nonce) {
  const filled = [...slots].filter(([, value]) => value !== 0n);
  const storage = new Trie(filled.map(([slot, value]) => [keccak(Buffer.from(slot.slice(2), "hex")), rlpText(shortest(value))]));
  const balance = nonce * 10n ** 18n;
  const codeHash = keccak(code);
  const leaf = rlpList(rlpText(shortest(nonce)), rlpText(shortest(balance)), rlpText(storage.root), rlpText(codeHash));
  return { address, code, codeHash, slots, storage, nonce, balance, leaf };
}

