import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Signature, TypedDataEncoder, Wallet, ZeroAddress, ZeroHash, concat, dataSlice, id, toBeHex } from 'ethers';
import { startChain } from './support/chain.mjs';
import {
  REPORT_TYPES,
  addresses,
  artifact,
  collection,
  committee,
  deploy,
  nextReport,
  postNext,
  reverts,
  send,
  sign,
} from './support/contracts.mjs';

/** The order of secp256k1. */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** A whole transaction that posts an epoch, not the first, with five signatures. */
const POST_GAS_LIMIT = 79_000n;

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
    assert.deepEqual([...(await oracle.last())], [report.epoch, report.stateRoot, report.directory]);
    assert.equal(await oracle.epoch(), report.epoch);
    assert.equal(await oracle.stateRoot(), report.stateRoot);
    assert.equal(await oracle.directory(), report.directory);

    assert.equal(receipt.logs.length, 2);
    const accepted = oracle.interface.parseLog(receipt.logs[0]);
    assert.equal(accepted.name, 'EpochAccepted');
    assert.equal(receipt.logs[0].topics[1], toBeHex(report.epoch, 32));
    assert.deepEqual(accepted.args.report.toObject(), report);
    assert.equal(accepted.args.signers, 0b1101n);
    assert.equal(receipt.logs[1].address, await token.getAddress());
    assert.equal(token.interface.parseLog(receipt.logs[1]).name, 'BatchMetadataUpdate');
  });

  test('more signatures than the threshold are accepted', async () => {
    await postNext(chain, setup, [0, 1, 2, 3]);
  });

  test('anyone may post', async () => {
    const { oracle, wallets, domain } = setup;
    const report = await nextReport(chain, oracle);
    const { bitmap, signatures } = await sign(domain, wallets, [0, 1, 2], report);
    await oracle.connect(chain.provider).post.staticCall(report, bitmap, signatures, { from: wallets[3].address });
  });

  test('the digest is that of ethers', async () => {
    const { oracle, domain } = setup;
    const report = await nextReport(chain, oracle);
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
      const good = await nextReport(chain, oracle);
      const report = { ...good, ...entry.fields?.(good) };
      const who = entry.outsider ? [wallets[0], wallets[1], outsider] : wallets;
      let post = await sign(domain, who, entry.indexes ?? [0, 1, 2], entry.signGood ? good : report);
      post = entry.change?.(post) ?? post;
      const [error, args] = entry.want({ good, report, post, wallets });
      await reverts(assert, oracle, oracle.post.staticCall(report, post.bitmap, post.signatures), error, args);
    });
  }

  test('a refused transaction changes nothing', async () => {
    const { oracle, wallets, domain } = setup;
    const before = [...(await oracle.last())];
    const report = await nextReport(chain, oracle);
    const { bitmap, signatures } = await sign(domain, wallets, [0, 1], report);
    const transaction = await oracle.post(report, bitmap, signatures, { gasLimit: 200_000n });
    await assert.rejects(transaction.wait(), (error) => error.receipt.status === 0);
    assert.deepEqual([...(await oracle.last())], before);
  });

  test('refused: a post to another contract of the same committee', async () => {
    const { wallets, domain } = setup;
    const twin = await collection(chain);
    const report = await nextReport(chain, twin.oracle);
    const { bitmap, signatures } = await sign(domain, wallets, [0, 1, 2], report);
    await reverts(assert, twin.oracle, twin.oracle.post.staticCall(report, bitmap, signatures), 'SignerMismatch');
  });

  test('refused: a signature for another chain', async () => {
    const { oracle, wallets, domain } = setup;
    const report = await nextReport(chain, oracle);
    const elsewhere = { ...domain, chainId: domain.chainId + 1n };
    const { bitmap, signatures } = await sign(elsewhere, wallets, [0, 1, 2], report);
    await reverts(assert, oracle, oracle.post.staticCall(report, bitmap, signatures), 'SignerMismatch');
  });
});

describe('the committee', () => {
  test('the constructor sets the first one', async () => {
    const { oracle, wallets } = await collection(chain, { size: 7, threshold: 5 });
    assert.deepEqual([...(await oracle.signers())], addresses(wallets));
    assert.equal(await oracle.threshold(), 5n);
    assert.equal(await oracle.configCount(), 1n);
    assert.deepEqual([...(await oracle.last())], [0n, ZeroHash, ZeroHash]);
  });

  test('a new one voids the signatures of the one before, and the logs tell both', async () => {
    const setup = await collection(chain);
    const { oracle, domain } = setup;
    await postNext(chain, setup, [0, 1, 2]);
    const old = await nextReport(chain, oracle);
    const oldPost = await sign(domain, setup.wallets, [0, 1, 2], old);

    const wallets = committee(7).reverse();
    const receipt = await send(oracle.setConfig(addresses(wallets), 6));
    assert.deepEqual([...(await oracle.signers())], addresses(wallets));
    assert.equal(await oracle.threshold(), 6n);
    assert.equal(await oracle.configCount(), 2n);
    const call = oracle.post.staticCall(old, oldPost.bitmap, oldPost.signatures);
    await reverts(assert, oracle, call, 'ConfigCountMismatch', [2n, 1n]);
    await postNext(chain, { ...setup, wallets }, [0, 1, 2, 4, 5, 6]);

    const logs = await oracle.queryFilter('ConfigSet', 0, receipt.blockNumber);
    const said = logs.map(({ args }) => [args.configCount, args.threshold, [...args.signers]]);
    assert.deepEqual(said, [
      [1n, 3n, addresses(setup.wallets)],
      [2n, 6n, addresses(wallets)],
    ]);
  });

  test('64 signers can post', async () => {
    const setup = await collection(chain, { size: 64, threshold: 43 });
    const indexes = Array.from({ length: 43 }, (_, index) => index + 21);
    const { receipt } = await postNext(chain, setup, indexes);
    console.log(`gas of a first post, 43 of 64: ${receipt.gasUsed}`);
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
    const { oracle } = await collection(chain, { minted: 0 });
    const seven = addresses(committee(7));
    const refused = (list, threshold, ...want) =>
      reverts(assert, oracle, oracle.setConfig.staticCall(list, threshold), ...want);
    await refused([], 0, 'SignerCountInvalid', [0n]);
    await refused(addresses(committee(65)), 50, 'SignerCountInvalid', [65n]);
    await refused(seven, 4, 'ThresholdOutOfRange', [5n, 7n, 4n]);
    await refused(seven, 8, 'ThresholdOutOfRange', [5n, 7n, 8n]);
    await refused([...seven.slice(0, 6), ZeroAddress], 5, 'SignerInvalid', [6n, ZeroAddress]);
    await refused([...seven.slice(0, 6), seven[1]], 5, 'SignerInvalid', [6n, seven[1]]);
  });
});

describe('roles', () => {
  test('only the owner sets committees and guardians', async () => {
    const { oracle, wallets } = await collection(chain, { minted: 0 });
    const stranger = { from: wallets[0].address };
    const call = oracle.connect(chain.provider);
    const error = ['OwnableUnauthorizedAccount', [wallets[0].address]];
    await reverts(assert, oracle, call.setConfig.staticCall(addresses(wallets), 3, stranger), ...error);
    await reverts(assert, oracle, call.setGuardian.staticCall(wallets[0].address, stranger), ...error);
    await send(oracle.transferOwnership(wallets[0].address));
    assert.equal(await oracle.owner(), chain.address);
    assert.equal(await oracle.pendingOwner(), wallets[0].address);
  });

  test('the guardian stops and resumes posts, and can do nothing else', async () => {
    const guardian = new Wallet(id('enliven test guardian'), chain.provider);
    await send(chain.signer.sendTransaction({ to: guardian.address, value: 10n ** 17n }));
    const setup = await collection(chain, { guardian: guardian.address });
    const { oracle, wallets, domain } = setup;
    const report = await nextReport(chain, oracle);
    const { bitmap, signatures } = await sign(domain, wallets, [0, 1, 2], report);
    const post = () => oracle.post.staticCall(report, bitmap, signatures);

    await send(oracle.connect(guardian).pause());
    assert.equal(await oracle.paused(), true);
    await reverts(assert, oracle, post(), 'PostingPaused', []);
    await send(oracle.connect(guardian).unpause());
    await post();

    await reverts(assert, oracle, oracle.pause.staticCall(), 'CallerNotGuardian', [chain.address]);
    await reverts(assert, oracle, oracle.unpause.staticCall(), 'CallerNotGuardian', [chain.address]);
    const asGuardian = oracle.connect(guardian).setConfig.staticCall(addresses(wallets), 3);
    await reverts(assert, oracle, asGuardian, 'OwnableUnauthorizedAccount', [guardian.address]);
  });
});

describe('replacement', () => {
  test('a successor carries the last epoch on, and the one before can post no more', async () => {
    const setup = await collection(chain);
    const { report: first } = await postNext(chain, setup, [0, 1, 2]);
    const heir = await deploy(
      chain,
      'EpochOracle',
      chain.address,
      ZeroAddress,
      await setup.token.getAddress(),
      addresses(setup.wallets),
      3,
      await setup.oracle.getAddress(),
    );
    assert.deepEqual([...(await heir.last())], [1n, first.stateRoot, first.directory]);

    const uri = await setup.token.tokenURI(1);
    const receipt = await send(setup.token.setOracle(await heir.getAddress()));
    const names = receipt.logs.map((log) => setup.token.interface.parseLog(log).name);
    assert.deepEqual(names, ['OracleSet'], 'the same metadata is not announced');
    assert.equal(await setup.token.tokenURI(1), uri);

    const late = await nextReport(chain, setup.oracle);
    const { bitmap, signatures } = await sign(setup.domain, setup.wallets, [0, 1, 2], late);
    const call = setup.oracle.post.staticCall(late, bitmap, signatures);
    await reverts(assert, setup.token, call, 'CallerNotOracle', [await setup.oracle.getAddress()]);

    const domain = { ...setup.domain, verifyingContract: await heir.getAddress() };
    const { report } = await postNext(chain, { ...setup, oracle: heir, domain }, [0, 1, 2]);
    assert.equal(report.epoch, 2n);
    assert.equal(report.previousRoot, first.stateRoot);
  });
});

describe('gas', () => {
  for (const [threshold, size] of [[3, 4], [5, 7]]) {
    test(`${threshold} of ${size}`, async () => {
      const setup = await collection(chain, { size, threshold });
      const indexes = Array.from({ length: threshold }, (_, index) => index + 1);
      const first = await postNext(chain, setup, indexes);
      const second = await postNext(chain, setup, indexes);
      console.log(
        `gas of a post, ${threshold} of ${size}: ${first.receipt.gasUsed} first, ${second.receipt.gasUsed} later`,
      );
      assert.ok(second.receipt.gasUsed <= POST_GAS_LIMIT, `${second.receipt.gasUsed} gas`);
    });
  }

  test('the contracts fit the limit on code (EIP-170)', () => {
    for (const name of ['EpochOracle', 'LivingToken', 'NaiveURIToken']) {
      const size = (artifact(name).deployedBytecode.length - 2) / 2;
      console.log(`bytes of ${name}: ${size}`);
      assert.ok(size <= 24_576);
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
