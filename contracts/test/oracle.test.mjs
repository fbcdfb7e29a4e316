import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Interface, Signature, TypedDataEncoder, ZeroAddress, ZeroHash, concat, dataSlice, id, toBeHex } from 'ethers';
import { startChain } from './support/chain.mjs';
import { groupKey, groupSign } from './support/group.mjs';
import {
  HOT_REPORT_TYPES,
  REPORT_TYPES,
  addresses,
  artifact,
  collection,
  committee,
  deploy,
  nextReport,
  oracleConfig,
  postNext,
  reverts,
  rotate,
  send,
  sign,
} from './support/contracts.mjs';

/** The order of secp256k1. */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** The prime of its field. */
const FIELD = 2n ** 256n - 2n ** 32n - 977n;

let chain;
before(async () => {
  chain = await startChain();
});
after(() => chain.stop());

describe('posting', () => {
  let setup;
  before(async () => {
    setup = await collection(chain);
    await postNext(chain, setup, [0, 1, 2]);
  });

  test('a quorum is accepted, stored and logged', async () => {
    const { oracle, token } = setup;
    const { report, receipt } = await postNext(chain, setup, [0, 2, 3]);
    assert.deepEqual([...(await token.last())], [report.epoch, report.stateRoot, report.directory]);
    assert.equal(await token.epoch(), report.epoch);
    assert.equal(await token.stateRoot(), report.stateRoot);
    assert.equal(await token.directory(), report.directory);

    assert.equal(receipt.logs.length, 2);
    assert.equal(receipt.logs[0].address, await token.getAddress());
    assert.equal(token.interface.parseLog(receipt.logs[0]).name, 'BatchMetadataUpdate');
    const accepted = oracle.interface.parseLog(receipt.logs[1]);
    assert.equal(accepted.name, 'EpochAccepted');
    assert.equal(receipt.logs[1].topics[1], toBeHex(report.epoch, 32));
    const { configCount, ...logged } = report;
    assert.deepEqual(accepted.args.toObject(), logged);
    assert.equal(await oracle.configCount(), configCount);
  });

  test('more signatures than the threshold are accepted', async () => {
    await postNext(chain, setup, [0, 1, 2, 3]);
  });

  test('anyone may post', async () => {
    const { oracle, wallets, domain } = setup;
    const report = await nextReport(chain, setup);
    const { bitmap, signatures } = await sign(domain, wallets, [0, 1, 2], report);
    await oracle.connect(chain.provider).postCommittee.staticCall(report, bitmap, signatures, { from: wallets[3].address });
  });

  test('the digest is that of ethers', async () => {
    const { oracle, domain } = setup;
    const report = await nextReport(chain, setup);
    assert.equal(await oracle.reportDigest(report), TypedDataEncoder.hash(domain, REPORT_TYPES, report));
    const stated = await oracle.eip712Domain();
    assert.deepEqual(
      [stated.name, stated.version, stated.chainId, stated.verifyingContract],
      [domain.name, domain.version, domain.chainId, domain.verifyingContract],
    );
  });

  // Each case changes one thing of a good post; `want` is the error and its arguments.
  const other = id('another root');
  const cases = [
    {
      name: 'a skipped epoch',
      fields: ({ epoch }) => ({ epoch: epoch + 1n }),
      want: ({ report }) => ['EpochMismatch', [report.epoch - 1n, report.epoch]],
    },
    {
      name: 'the same epoch again',
      fields: ({ epoch }) => ({ epoch: epoch - 1n }),
      want: ({ report }) => ['EpochMismatch', [report.epoch + 1n, report.epoch]],
    },
    {
      name: 'another previous root',
      fields: () => ({ previousRoot: other }),
      want: ({ good }) => ['PreviousRootMismatch', [good.previousRoot, other]],
    },
    {
      name: 'another config count',
      fields: () => ({ configCount: 2n }),
      want: () => ['ConfigCountMismatch', [1n, 2n]],
    },
    {
      name: 'an expired report',
      fields: ({ validUntil }) => ({ validUntil: validUntil - 3601n }),
      want: () => ['ReportExpired', undefined],
    },
    {
      name: 'too few signers',
      indexes: [1, 3],
      want: () => ['QuorumNotReached', [3n, 2n]],
    },
    {
      name: 'no signers',
      indexes: [],
      want: () => ['QuorumNotReached', [3n, 0n]],
    },
    {
      name: 'a bit beyond the committee',
      change: (post) => ({ ...post, bitmap: post.bitmap | 16n }),
      want: ({ post }) => ['SignerOutOfRange', [post.bitmap, 4n]],
    },
    {
      name: 'the highest bit',
      change: (post) => ({ ...post, bitmap: post.bitmap | (1n << 63n) }),
      want: ({ post }) => ['SignerOutOfRange', [post.bitmap, 4n]],
    },
    {
      name: 'one signer counted twice',
      change: (post) => ({
        bitmap: 0b111n,
        signatures: concat([nth(post, 0), nth(post, 1), nth(post, 1)]),
      }),
      want: ({ wallets }) => ['SignerMismatch', [2n, wallets[2].address, wallets[1].address]],
    },
    {
      name: 'signatures in another order than the bits',
      change: (post) => ({ ...post, signatures: concat([nth(post, 1), nth(post, 0), nth(post, 2)]) }),
      want: ({ wallets }) => ['SignerMismatch', [0n, wallets[0].address, wallets[1].address]],
    },
    {
      name: 'an outsider',
      outsider: true,
      want: ({ wallets }) => ['SignerMismatch', [2n, wallets[2].address, outsider.address]],
    },
    {
      name: 'a signature of another report',
      fields: () => ({ cut: other }),
      signGood: true,
      want: () => ['SignerMismatch', undefined],
    },
    {
      name: 'a high s',
      change: (post) => ({ ...post, signatures: concat([nth(post, 0), highS(nth(post, 1)), nth(post, 2)]) }),
      want: ({ post }) => ['SignatureSTooHigh', [1n, dataSlice(post.signatures, 97, 129)]],
    },
    {
      name: 'v of 0 or 1',
      change: (post) => ({ ...post, signatures: withV(post, 2, (v) => v - 27) }),
      want: ({ post }) => ['SignatureVInvalid', [2n, BigInt(`0x${post.signatures.slice(-2)}`)]],
    },
    {
      name: 'v of 29',
      change: (post) => ({ ...post, signatures: withV(post, 2, () => 29) }),
      want: () => ['SignatureVInvalid', [2n, 29n]],
    },
    {
      name: 'a signature that recovers to nobody',
      change: (post) => ({
        ...post,
        signatures: concat([ZeroHash, ZeroHash, '0x1b', dataSlice(post.signatures, 65)]),
      }),
      want: ({ wallets }) => ['SignerMismatch', [0n, wallets[0].address, ZeroAddress]],
    },
    {
      name: 'a signature too few',
      change: (post) => ({ ...post, signatures: dataSlice(post.signatures, 65) }),
      want: () => ['SignaturesLengthMismatch', [195n, 130n]],
    },
    {
      name: 'a byte too many',
      change: (post) => ({ ...post, signatures: concat([post.signatures, '0x00']) }),
      want: () => ['SignaturesLengthMismatch', [195n, 196n]],
    },
  ];
  const outsider = committee(9)[8];

  for (const entry of cases) {
    test(`refused: ${entry.name}`, async () => {
      const { oracle, wallets, domain } = setup;
      const good = await nextReport(chain, setup);
      const report = { ...good, ...entry.fields?.(good) };
      const who = entry.outsider ? [wallets[0], wallets[1], outsider] : wallets;
      let post = await sign(domain, who, entry.indexes ?? [0, 1, 2], entry.signGood ? good : report);
      post = entry.change?.(post) ?? post;
      const [error, args] = entry.want({ good, report, post, wallets });
      await reverts(assert, [oracle, setup.token], oracle.postCommittee.staticCall(report, post.bitmap, post.signatures), error, args);
    });
  }

  test('a refused transaction changes nothing', async () => {
    const { oracle, wallets, domain } = setup;
    const before = [...(await setup.token.last())];
    const report = await nextReport(chain, setup);
    const { bitmap, signatures } = await sign(domain, wallets, [0, 1], report);
    const transaction = await oracle.postCommittee(report, bitmap, signatures, { gasLimit: 200_000n });
    await assert.rejects(transaction.wait(), (error) => error.receipt.status === 0);
    assert.deepEqual([...(await setup.token.last())], before);
  });

  test('refused: a post to another contract of the same committee', async () => {
    const { wallets, domain } = setup;
    const twin = await collection(chain);
    const report = await nextReport(chain, twin);
    const { bitmap, signatures } = await sign(domain, wallets, [0, 1, 2], report);
    await reverts(assert, twin.oracle, twin.oracle.postCommittee.staticCall(report, bitmap, signatures), 'SignerMismatch');
  });

  test('refused: a signature for another chain', async () => {
    const { oracle, wallets, domain } = setup;
    const report = await nextReport(chain, setup);
    const elsewhere = { ...domain, chainId: domain.chainId + 1n };
    const { bitmap, signatures } = await sign(elsewhere, wallets, [0, 1, 2], report);
    await reverts(assert, oracle, oracle.postCommittee.staticCall(report, bitmap, signatures), 'SignerMismatch');
  });
});

describe('the committee', () => {
  test('the constructor sets the first one', async () => {
    const { oracle, token, wallets } = await collection(chain, { size: 7, threshold: 5 });
    assert.deepEqual([...(await oracle.signers())], addresses(wallets));
    assert.equal(await oracle.threshold(), 5n);
    assert.equal(await oracle.configCount(), 1n);
    assert.deepEqual([...(await token.last())], [0n, ZeroHash, ZeroHash]);
  });

  test('a new one goes on, voids the signatures of the one before, and the logs tell both', async () => {
    const setup = await collection(chain);
    const { token } = setup;
    const { report: first } = await postNext(chain, setup, [0, 1, 2]);
    const late = await nextReport(chain, setup);
    const latePost = await sign(setup.domain, setup.wallets, [0, 1, 2], late);
    const uri = await token.tokenURI(1);

    const heir = await rotate(chain, setup, { wallets: committee(7).reverse(), threshold: 6 });
    const names = heir.receipt.logs.map((log) => token.interface.parseLog(log).name);
    assert.deepEqual(names, ['OracleSet'], 'the same metadata is not announced');
    assert.equal(await token.tokenURI(1), uri);
    assert.equal(await heir.oracle.configCount(), 2n);

    // The old oracle is not heard any more, and the new one does not take what was signed for the old.
    const stale = setup.oracle.postCommittee.staticCall(late, latePost.bitmap, latePost.signatures);
    await reverts(assert, token, stale, 'CallerNotOracle', [await setup.oracle.getAddress()]);
    const replayed = heir.oracle.postCommittee.staticCall(late, latePost.bitmap, latePost.signatures);
    await reverts(assert, heir.oracle, replayed, 'ConfigCountMismatch', [2n, 1n]);
    const { report } = await postNext(chain, heir, [0, 1, 2, 4, 5, 6]);
    assert.equal(report.epoch, 2n);
    assert.equal(report.previousRoot, first.stateRoot);

    for (const [one, count, threshold] of [[setup, 1n, 3n], [heir, 2n, 6n]]) {
      const logs = await one.oracle.queryFilter('ConfigSet', 0, heir.receipt.blockNumber);
      const said = logs.map(({ args }) => [args.configCount, args.threshold, [...args.signers]]);
      assert.deepEqual(said, [[count, threshold, addresses(one.wallets)]]);
    }
  });

  test('64 signers can post', async () => {
    const setup = await collection(chain, { size: 64, threshold: 43 });
    const indexes = Array.from({ length: 43 }, (_, index) => index + 21);
    const { receipt } = await postNext(chain, setup, indexes);
    assert.ok(receipt.gasUsed < 400_000n);
  });

  test('the least threshold is floor((n + f) / 2) + 1', async () => {
    const { oracle } = await collection(chain, { minted: 0 });
    for (let count = 1; count <= 64; ++count) {
      const faulty = Math.floor((count - 1) / 3);
      const quorum = Math.floor((count + faulty) / 2) + 1;
      assert.equal(await oracle.minimumThreshold(count), BigInt(quorum));
      // Two quorums share more than the faulty signers, and the honest ones suffice for one.
      assert.ok(2 * quorum - count > faulty && quorum <= count - faulty, `${count} signers`);
    }
  });

  test('bad committees are refused', async () => {
    const { token } = await collection(chain, { minted: 0 });
    const seven = addresses(committee(7));
    const of = new Interface(artifact('EpochOracle').abi);
    const tokenAddress = await token.getAddress();
    const refused = (fields, ...want) =>
      reverts(assert, { interface: of }, deploy(chain, 'EpochOracle', tokenAddress, oracleConfig(fields)), ...want);
    await refused({ signers: [], threshold: 0 }, 'SignerCountInvalid', [0n]);
    await refused({ signers: addresses(committee(65)), threshold: 50 }, 'SignerCountInvalid', [65n]);
    await refused({ signers: seven, threshold: 4 }, 'ThresholdOutOfRange', [5n, 7n, 4n]);
    await refused({ signers: seven, threshold: 8 }, 'ThresholdOutOfRange', [5n, 7n, 8n]);
    await refused({ signers: [...seven.slice(0, 6), ZeroAddress], threshold: 5 }, 'SignerInvalid', [6n, ZeroAddress]);
    await refused({ signers: [...seven.slice(0, 6), seven[1]], threshold: 5 }, 'SignerInvalid', [6n, seven[1]]);
    await refused({ group: { x: 1n, y: 1n } }, 'GroupKeyInvalid', [1n, 1n]);
    const definitions = Array.from({ length: 5 }, (_, index) => ({ model: id(`${index}`), manifest: id('m') }));
    await refused({ definitions }, 'TooManyDefinitions', [4n, 5n]);
    chain.signer.reset();
  });
});

describe('definitions', () => {
  const define = (model, manifest) => ({ model: id(model), manifest: id(manifest) });

  test('only approved pairs of model and manifest are accepted', async () => {
    const definitions = [define('model', 'manifest'), define('other model', 'other manifest')];
    const setup = await collection(chain, { config: { definitions } });
    await postNext(chain, setup, [0, 1, 2]);
    await postNext(chain, setup, [0, 1, 2], definitions[1]);
    for (const wrong of [{ model: id('other model') }, { manifest: id('other manifest') }, { model: ZeroHash }]) {
      const attempt = postNext(chain, setup, [0, 1, 2], wrong);
      const pair = { ...definitions[0], ...wrong };
      await reverts(assert, setup.oracle, attempt, 'DefinitionNotApproved', [pair.model, pair.manifest]);
    }
    chain.signer.reset();
    assert.equal(await setup.oracle.approved(id('model'), id('manifest')), true);
    assert.equal(await setup.oracle.approved(id('model'), id('other manifest')), false);
    const logs = await setup.oracle.queryFilter('DefinitionApproved', 0);
    assert.deepEqual(logs.map(({ args }) => [args.model, args.manifest]), definitions.map((one) => Object.values(one)));
  });
});

describe('the least interval', () => {
  test('refuses the next epoch until it is over', async () => {
    const setup = await collection(chain, { config: { minInterval: 1000 } });
    const { receipt } = await postNext(chain, setup, [0, 1, 2]);
    const { timestamp } = await chain.provider.getBlock(receipt.blockNumber);
    const report = await nextReport(chain, setup);
    const { bitmap, signatures } = await sign(setup.domain, setup.wallets, [0, 1, 2], report);
    const call = setup.oracle.postCommittee.staticCall(report, bitmap, signatures);
    await reverts(assert, setup.token, call, 'EpochTooSoon');
    await call.catch((error) => {
      assert.equal(setup.token.interface.parseError(error.data).args.readyAt, BigInt(timestamp) + 1000n);
    });
  });
});

describe('the group', () => {
  const key = groupKey();
  const words = ({ rx, ry, z }) => [rx, ry, z].map((number) => toBeHex(number, 32));

  async function signedNext(setup, fields) {
    const report = await nextReport(chain, setup, fields);
    return { report, signature: groupSign(key, await setup.oracle.reportDigest(report)) };
  }

  test('posts with one signature, beside signers or alone', async () => {
    const { x, y } = key;
    for (const config of [{ group: { x, y } }, { group: { x, y }, signers: [], threshold: 0 }]) {
      const setup = await collection(chain, { config });
      for (let round = 0; round < 3; ++round) {
        const { report, signature } = await signedNext(setup);
        await send(setup.oracle.postByGroup(report, ...words(signature)));
        assert.deepEqual([...(await setup.token.last())], [report.epoch, report.stateRoot, report.directory]);
      }
    }
  });

  test('a group alone has no quorum of nobody', async () => {
    const { x, y } = key;
    const setup = await collection(chain, { config: { group: { x, y }, signers: [], threshold: 0 } });
    const report = await nextReport(chain, setup);
    const call = setup.oracle.postCommittee.staticCall(report, 0n, '0x');
    await reverts(assert, setup.oracle, call, 'QuorumNotReached', [1n, 0n]);
  });

  test('nothing but its own signature of this report is accepted', async () => {
    const { x, y } = key;
    const setup = await collection(chain, { config: { group: { x, y } } });
    const { oracle } = setup;
    const { report, signature } = await signedNext(setup);
    const { rx, ry, z } = signature;
    const other = groupSign(groupKey('another group'), await oracle.reportDigest(report));
    const ofOther = groupSign(key, id('another digest'));
    const wrong = {
      'another z': { rx, ry, z: (z + 1n) % ORDER },
      'the order for z': { rx, ry, z: ORDER },
      'z zero': { rx, ry, z: 0n },
      'the other half of the commitment': { rx, ry: FIELD - ry, z },
      'no commitment': { rx: 0n, ry: 0n, z },
      'coordinates swapped': { rx: ry, ry: rx, z },
      'another group': other,
      'another digest': ofOther,
    };
    for (const [name, one] of Object.entries(wrong)) {
      const call = oracle.postByGroup.staticCall(report, ...words(one));
      await reverts(assert, oracle, call, 'GroupSignatureInvalid', undefined).catch((error) => {
        throw new Error(`${name}: ${error.message}`);
      });
    }
    await oracle.postByGroup.staticCall(report, ...words(signature));

    const without = await collection(chain);
    const plain = await signedNext(without);
    const call = without.oracle.postByGroup.staticCall(plain.report, ...words(plain.signature));
    await reverts(assert, without.oracle, call, 'GroupSignatureInvalid', []);
  });
});

describe('equivocation', () => {
  async function evidence(setup, who, fields = { cut: id('another cut') }, otherFields = {}) {
    const one = { ...(await nextReport(chain, setup)), ...otherFields };
    const other = { ...one, ...fields };
    const wallet = setup.wallets[who];
    const signed = (report) => wallet.signTypedData(setup.domain, REPORT_TYPES, report);
    return [one, ZeroHash, await signed(one), other, ZeroHash, await signed(other)];
  }

  test('two reports of one epoch eject their signer, and the others go on', async () => {
    const setup = await collection(chain, { size: 7, threshold: 5 });
    const { oracle } = setup;
    await postNext(chain, setup, [0, 1, 2, 3, 4]);
    const receipt = await send(oracle.eject(...(await evidence(setup, 2))));
    const log = oracle.interface.parseLog(receipt.logs[0]);
    assert.deepEqual([log.name, log.args.epoch, log.args.signer], ['SignerEjected', 2n, setup.wallets[2].address]);
    assert.equal(await oracle.ejected(), 0b100n);
    assert.equal(await oracle.threshold(), 4n, 'as of a committee of six');

    const report = await nextReport(chain, setup);
    const refused = async (indexes, ...want) => {
      const { bitmap, signatures } = await sign(setup.domain, setup.wallets, indexes, report);
      await reverts(assert, oracle, oracle.postCommittee.staticCall(report, bitmap, signatures), ...want);
    };
    await refused([0, 1, 2, 3, 4], 'SignerWasEjected', [0b100n]);
    await refused([0, 1, 2, 3], 'SignerWasEjected', [0b100n]);
    await refused([0, 1, 3], 'QuorumNotReached', [4n, 3n]);
    await postNext(chain, setup, [0, 1, 3, 4]);
    await postNext(chain, setup, [0, 1, 3, 4, 5, 6]);
    await reverts(assert, oracle, evidence(setup, 2).then((all) => oracle.eject.staticCall(...all)), 'EvidenceInvalid', []);

    // The next committee starts anew.
    const heir = await rotate(chain, setup);
    await postNext(chain, heir, [0, 1, 2, 3, 4]);
  });

  test('hot reports are evidence too', async () => {
    const setup = await collection(chain);
    const report = await nextReport(chain, setup);
    const hot = id('hot');
    const message = { report, hot };
    const [plain, signed] = [
      await setup.wallets[1].signTypedData(setup.domain, REPORT_TYPES, report),
      await setup.wallets[1].signTypedData(setup.domain, HOT_REPORT_TYPES, message),
    ];
    await send(setup.oracle.eject(report, ZeroHash, plain, report, hot, signed));
    assert.equal(await setup.oracle.ejected(), 0b10n);
  });

  test('all of them ejected leave no quorum', async () => {
    const setup = await collection(chain);
    for (const who of [0, 1, 2, 3]) await send(setup.oracle.eject(...(await evidence(setup, who))));
    for (const indexes of [[], [0], [0, 1, 2], [0, 1, 2, 3]]) {
      const report = await nextReport(chain, setup);
      const { bitmap, signatures } = await sign(setup.domain, setup.wallets, indexes, report);
      const call = setup.oracle.postCommittee.staticCall(report, bitmap, signatures);
      const want = indexes.length === 0 ? 'QuorumNotReached' : 'SignerWasEjected';
      await reverts(assert, setup.oracle, call, want);
    }
  });

  test('nothing else is evidence', async () => {
    const setup = await collection(chain);
    const { oracle } = setup;
    const good = await evidence(setup, 0);
    const byAnother = await evidence(setup, 1);
    const wrong = {
      'the same report twice': await evidence(setup, 0, {}),
      'two epochs': await evidence(setup, 0, { epoch: 9n }),
      'two committees': await evidence(setup, 0, { configCount: 2n }),
      'another committee': await evidence(setup, 0, undefined, { configCount: 7n }),
      'two signers': [...good.slice(0, 5), byAnother[5]],
      'an outsider': await evidence({ ...setup, wallets: [committee(9)[8]] }, 0),
      'a signature cut off': [...good.slice(0, 5), dataSlice(good[5], 1)],
    };
    for (const [name, all] of Object.entries(wrong)) {
      await reverts(assert, oracle, oracle.eject.staticCall(...all), 'EvidenceInvalid', []).catch((error) => {
        throw new Error(`${name}: ${error.message}`);
      });
    }
    // An oracle that is not the token's own any more can eject nobody.
    await rotate(chain, setup);
    await reverts(assert, setup.token, oracle.eject.staticCall(...good), 'CallerNotOracle');
  });
});

describe('code', () => {
  test('the contracts fit the limit on code (EIP-170)', () => {
    for (const name of ['EpochOracle', 'LivingToken', 'NaiveTraitToken', 'NaiveURIToken']) {
      const size = (artifact(name).deployedBytecode.length - 2) / 2;
      assert.ok(size <= 24_576, `${name} has ${size} bytes`);
    }
  });
});

function nth({ signatures }, index) {
  return dataSlice(signatures, index * 65, index * 65 + 65);
}

/** The twin of a signature: the same signer and digest, s in the upper half. */
function highS(signature) {
  const { r, s, v } = Signature.from(signature);
  return concat([r, toBeHex(ORDER - BigInt(s), 32), v === 27 ? '0x1c' : '0x1b']);
}

function withV({ signatures }, index, change) {
  const at = index * 65 + 64;
  const v = Number(dataSlice(signatures, at, at + 1));
  return concat([dataSlice(signatures, 0, at), toBeHex(change(v), 1), dataSlice(signatures, at + 1)]);
}
