import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { ZeroAddress, ZeroHash, getBytes, id, toBeHex } from 'ethers';
import { base32 } from 'multiformats/bases/base32';
import { CID } from 'multiformats/cid';
import * as Digest from 'multiformats/hashes/digest';
import { startChain } from './support/chain.mjs';
import {
  addresses,
  collection,
  committee,
  deploy,
  nextReport,
  postNext,
  reverts,
  send,
  sign,
} from './support/contracts.mjs';

const MAX = 2n ** 256n - 1n;

let chain;
before(async () => {
  chain = await startChain();
});
after(() => chain.stop());

/** The CID of a directory, built by another library from the digest. */
function directoryCid(digest) {
  return CID.createV1(0x70, Digest.create(0x12, getBytes(digest))).toString(base32);
}

describe('LivingToken', () => {
  let setup;
  let stranger;
  before(async () => {
    setup = await collection(chain);
    stranger = { from: setup.wallets[0].address };
  });

  test('answers ERC-165 for each standard that it speaks', async () => {
    const spoken = {
      'ERC-165': '0x01ffc9a7',
      'ERC-721': '0x80ac58cd',
      'ERC-721 metadata': '0x5b5e139f',
      'ERC-2981': '0x2a55205a',
      'ERC-4906': '0x49064906',
      'ERC-7496': '0xaf332f3e',
      'ERC-7572': '0xe8a3d485',
    };
    for (const [name, interfaceId] of Object.entries(spoken)) {
      assert.equal(await setup.token.supportsInterface(interfaceId), true, name);
    }
    const silent = { invalid: '0xffffffff', 'ERC-721 enumerable': '0x780e9d63' };
    for (const [name, interfaceId] of Object.entries(silent)) {
      assert.equal(await setup.token.supportsInterface(interfaceId), false, name);
    }
  });

  test('has the topics of ERC-4906 and ERC-7572', () => {
    const topic = (name) => setup.token.interface.getEvent(name).topicHash;
    assert.equal(topic('MetadataUpdate'), '0xf8e1a15aba9398e019f0b49df1a4fde98ee17ae345cb5f6b5e2c27f5033e8ce7');
    assert.equal(topic('BatchMetadataUpdate'), '0x6bd5c950a8d8df17f772f5af37cb3655737899cbf903264b9795592da439661c');
    assert.equal(topic('ContractURIUpdated'), id('ContractURIUpdated()'));
  });

  test('has no metadata before the first epoch, and the accepted one after', async () => {
    const { token } = setup;
    assert.equal(await token.tokenURI(1), '');
    assert.equal(await token.contractURI(), '');

    // Digests at the edges of the encoding, and one that reads like any other.
    for (const directory of [id('a directory'), toBeHex(1, 32), toBeHex(MAX, 32), toBeHex(1n << 255n, 32)]) {
      await postNext(chain, setup, [0, 1, 2], { directory });
      const cid = directoryCid(directory);
      assert.equal(cid.length, 59);
      assert.equal(await token.tokenURI(1), `ipfs://${cid}/1.json`);
      assert.equal(await token.tokenURI(3), `ipfs://${cid}/3.json`);
      assert.equal(await token.contractURI(), `ipfs://${cid}/contract.json`);
    }
  });

  test('reverts for a token that does not exist', async () => {
    const { token } = setup;
    for (const tokenId of [0n, 4n, MAX]) {
      await reverts(assert, token, token.tokenURI(tokenId), 'ERC721NonexistentToken', [tokenId]);
    }
  });

  test('mints the next ids, and says nothing of metadata then', async () => {
    const { token, wallets } = setup;
    const to = wallets[1].address;
    const receipt = await send(token.mintBatch(to, 2));
    const logs = receipt.logs.map((log) => token.interface.parseLog(log));
    assert.deepEqual(
      logs.map(({ name, args }) => [name, ...args]),
      [
        ['Transfer', ZeroAddress, to, 4n],
        ['Transfer', ZeroAddress, to, 5n],
      ],
    );
    assert.equal(await token.totalMinted(), 5n);
    assert.equal(await token.balanceOf(to), 2n);
    assert.equal(await token.ownerOf(5), to);
    assert.equal(await token.mintBatch.staticCall(to, 1), 6n);
    await send(token.mintBatch(to, 0));
    assert.equal(await token.totalMinted(), 5n);
  });

  test('an epoch announces all tokens that there are, and none if there are none or nothing changed', async () => {
    const { token } = setup;
    const { report, receipt } = await postNext(chain, setup, [1, 2, 3]);
    const announced = token.interface.parseLog(receipt.logs[0]);
    assert.deepEqual([announced.name, ...announced.args], ['BatchMetadataUpdate', 1n, await token.totalMinted()]);
    const same = await postNext(chain, setup, [1, 2, 3], { directory: report.directory });
    assert.equal(same.receipt.logs.length, 1, 'EpochAccepted only');

    const empty = await collection(chain, { minted: 0 });
    const first = await postNext(chain, empty, [0, 1, 2]);
    assert.equal(first.receipt.logs.length, 1, 'EpochAccepted only');
  });

  test('the owner announces a change of contract.json', async () => {
    const receipt = await send(setup.token.announceContract());
    assert.equal(setup.token.interface.parseLog(receipt.logs[0]).name, 'ContractURIUpdated');
  });

  test('the royalty is a share of the price', async () => {
    const { token } = setup;
    assert.deepEqual([...(await token.royaltyInfo(1, 10_000n))], [chain.address, 250n]);
    await send(token.setRoyalty(stranger.from, 1000));
    assert.deepEqual([...(await token.royaltyInfo(1, 10_000n))], [stranger.from, 1000n]);
  });

  test('each role can do its own work only', async () => {
    const { token, oracle } = setup;
    const call = token.connect(chain.provider);
    const owned = [
      () => call.setOracle.staticCall(ZeroAddress, stranger),
      () => call.setTraits.staticCall([], ZeroHash, '', stranger),
      () => call.propose.staticCall('0x', stranger),
      () => call.setGuardian.staticCall(stranger.from, stranger),
      () => call.setMinter.staticCall(stranger.from, stranger),
      () => call.setRoyalty.staticCall(stranger.from, 1, stranger),
      () => call.announceContract.staticCall(stranger),
    ];
    for (const attempt of owned) {
      await reverts(assert, token, attempt(), 'OwnableUnauthorizedAccount', [stranger.from]);
    }
    await reverts(assert, token, call.mintBatch.staticCall(stranger.from, 1, stranger), 'CallerNotMinter', [
      stranger.from,
    ]);
    const guarded = [
      () => call.pause.staticCall(stranger),
      () => call.unpause.staticCall(stranger),
      () => call.veto.staticCall('0x', stranger),
    ];
    for (const attempt of guarded) {
      await reverts(assert, token, attempt(), 'CallerNotGuardian', [stranger.from]);
    }
    const [epoch, root] = await token.last();
    const next = [epoch + 1n, 0, root, root, root];
    const heard = [
      (from) => call.advance.staticCall(...next, from),
      (from) => call.advanceHot.staticCall(...next, '0x', from),
      (from) => call.degrade.staticCall(from),
    ];
    for (const attempt of heard) {
      await reverts(assert, token, attempt({ from: chain.address }), 'CallerNotOracle', [chain.address]);
    }
    await heard[0]({ from: await oracle.getAddress() });
    await heard[2]({ from: await oracle.getAddress() });

    await send(token.setMinter(stranger.from));
    await reverts(assert, token, token.mintBatch.staticCall(stranger.from, 1), 'CallerNotMinter', [chain.address]);
    await call.mintBatch.staticCall(stranger.from, 1, stranger);
  });
});

describe('the guardian', () => {
  test('stops and resumes posts', async () => {
    const setup = await collection(chain);
    const { token, oracle, wallets, domain } = setup;
    const report = await nextReport(chain, setup);
    const { bitmap, signatures } = await sign(domain, wallets, [0, 1, 2], report);
    const post = () => oracle.postCommittee.staticCall(report, bitmap, signatures);
    await send(token.pause());
    assert.equal(await token.paused(), true);
    await reverts(assert, token, post(), 'PostingPaused', []);
    await send(token.unpause());
    await post();
  });

  test('vetoes every proposal but that of another guardian', async () => {
    const { token } = await collection(chain);
    const encode = (name, ...args) => token.interface.encodeFunctionData(name, args);
    const oracle = encode('setOracle', ZeroAddress);
    await send(token.propose(oracle));
    await send(token.veto(oracle));
    await reverts(assert, token, token.setOracle.staticCall(ZeroAddress), 'NotProposed', []);
    await reverts(assert, token, token.veto.staticCall(oracle), 'NotProposed', []);
    const guardian = encode('setGuardian', ZeroAddress);
    await send(token.propose(guardian));
    await reverts(assert, token, token.veto.staticCall(guardian), 'NotVetoable', []);
    await send(token.setGuardian(ZeroAddress));
    assert.equal(await token.guardian(), ZeroAddress);
    await reverts(assert, token, token.setGuardian.staticCall(ZeroAddress), 'NotProposed', []);
  });

  test('has the delay to do so', async () => {
    const { token } = await collection(chain, { delay: 1000 });
    const call = token.interface.encodeFunctionData('setGuardian', [ZeroAddress]);
    await send(token.propose(call));
    await reverts(assert, token, token.setGuardian.staticCall(ZeroAddress), 'NotReady');
  });
});

describe('verifyTraits', () => {
  const TYPES = ['uint256', 'uint64', 'bytes32', 'bytes32', 'bytes32[]'];
  const leaf = (tokenId) => [
    tokenId,
    7n + tokenId,
    id(`metadata ${tokenId}`),
    id(`receipt ${tokenId}`),
    [toBeHex(tokenId * 10n, 32), id('gold'), toBeHex(0, 32)].slice(0, Number(tokenId % 4n)),
  ];

  let setup;
  let tree;
  before(async () => {
    setup = await collection(chain, { minted: 11 });
    const leaves = Array.from({ length: 11 }, (_, index) => leaf(BigInt(index + 1)));
    tree = StandardMerkleTree.of(leaves, TYPES);
    await postNext(chain, setup, [0, 1, 2], { stateRoot: tree.root });
  });

  test('every leaf of the accepted tree is proven', async () => {
    for (const [index, value] of tree.entries()) {
      assert.equal(await setup.token.verifyTraits(...value, tree.getProof(index)), true, `token ${value[0]}`);
    }
  });

  test('nothing else is', async () => {
    const [index, value] = [...tree.entries()].find(([, [tokenId]]) => tokenId === 3n);
    const proof = tree.getProof(index);
    const [tokenId, sequence, metadata, receipt, traits] = value;
    const wrong = {
      token: [tokenId + 1n, sequence, metadata, receipt, traits, proof],
      sequence: [tokenId, sequence + 1n, metadata, receipt, traits, proof],
      metadata: [tokenId, sequence, receipt, receipt, traits, proof],
      receipt: [tokenId, sequence, metadata, metadata, traits, proof],
      'trait order': [tokenId, sequence, metadata, receipt, [...traits].reverse(), proof],
      'fewer traits': [tokenId, sequence, metadata, receipt, traits.slice(1), proof],
      'a cut proof': [...value, proof.slice(1)],
      'no proof': [...value, []],
    };
    for (const [name, call] of Object.entries(wrong)) {
      assert.equal(await setup.token.verifyTraits(...call), false, name);
    }
  });

  test('nor is anything of an epoch that is over, or before there is an oracle', async () => {
    const [index, value] = [...tree.entries()][0];
    await postNext(chain, setup, [0, 1, 2]);
    assert.equal(await setup.token.verifyTraits(...value, tree.getProof(index)), false);
    const bare = await deploy(chain, 'LivingToken', 'Bare', 'BARE', chain.address, ZeroAddress, 0, ZeroAddress, 0);
    assert.equal(await bare.verifyTraits(...value, []), false);
    assert.deepEqual([...(await bare.royaltyInfo(1, 100))], [ZeroAddress, 0n]);
  });
});

describe('NaiveURIToken', () => {
  test('stores a URI for each token', async () => {
    const token = await deploy(chain, 'NaiveURIToken', 'Naive', 'NAIVE', chain.address);
    await send(token.mintBatch(chain.address, 100));
    assert.equal(await token.totalMinted(), 100n);
    const ids = Array.from({ length: 100 }, (_, index) => index + 1);
    const uris = (round) => ids.map((tokenId) => `ipfs://${directoryCid(id(`${round} ${tokenId}`))}`);
    await send(token.setTokenURIs(ids, uris('first')));
    const receipt = await send(token.setTokenURIs(ids, uris('second')));
    assert.equal(await token.tokenURI(100), uris('second')[99]);
    assert.equal(receipt.logs.length, 100);
    assert.equal(token.interface.parseLog(receipt.logs[0]).name, 'MetadataUpdate');

    await reverts(assert, token, token.setTokenURIs.staticCall([1, 2], ['x']), 'LengthMismatch', [2n, 1n]);
    const [stranger] = addresses(committee(1));
    const call = token.connect(chain.provider);
    const attempt = call.setTokenURIs.staticCall([1], ['x'], { from: stranger });
    await reverts(assert, token, attempt, 'OwnableUnauthorizedAccount', [stranger]);
    assert.equal(await token.supportsInterface('0x49064906'), true);
  });
});
