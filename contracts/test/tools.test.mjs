// The same contracts through other tools of the field, which must need no knowledge of Enliven.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { createPublicClient, createWalletClient, defineChain, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { foundryTool, startChain } from './support/chain.mjs';
import { REPORT_TYPES, artifact, collection, nextReport, postNext, sign } from './support/contracts.mjs';

let chain;
let setup;
before(async () => {
  chain = await startChain();
  setup = await collection(chain);
  await postNext(chain, setup, [0, 1, 2]);
});
after(() => chain.stop());

test('viem reads, signs, posts and finds the log', async () => {
  const { oracle, token, wallets, domain } = setup;
  const viemChain = defineChain({
    id: Number(domain.chainId),
    name: 'test',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [chain.url] } },
  });
  const transport = http(chain.url);
  const reader = createPublicClient({ chain: viemChain, transport, pollingInterval: 50, cacheTime: 0 });
  const writer = createWalletClient({ account: privateKeyToAccount(chain.key), chain: viemChain, transport });
  const at = { address: domain.verifyingContract, abi: artifact('EpochOracle').abi };

  const message = await nextReport(chain, setup);
  const signatures = [];
  for (const index of [1, 2, 3]) {
    const account = privateKeyToAccount(wallets[index].privateKey);
    signatures.push(await account.signTypedData({ domain, types: REPORT_TYPES, primaryType: 'Report', message }));
  }
  const joined = `0x${signatures.map((signature) => signature.slice(2)).join('')}`;
  const { request } = await reader.simulateContract({
    ...at,
    account: writer.account,
    functionName: 'postCommittee',
    args: [message, 0b1110n, joined],
  });
  const hash = await writer.writeContract(request);
  const receipt = await reader.waitForTransactionReceipt({ hash });
  assert.equal(receipt.status, 'success');

  const tokenAt = { address: await token.getAddress(), abi: artifact('LivingToken').abi };
  assert.equal(await reader.readContract({ ...tokenAt, functionName: 'epoch' }), message.epoch);
  const events = await reader.getContractEvents({
    ...at,
    eventName: 'EpochAccepted',
    args: { epoch: message.epoch },
    fromBlock: receipt.blockNumber,
    toBlock: receipt.blockNumber,
  });
  assert.equal(events.length, 1);
  const { configCount, ...logged } = message;
  assert.deepEqual(events[0].args, logged);
  assert.equal(await reader.readContract({ ...at, functionName: 'configCount' }), configCount);

  const uri = await reader.readContract({
    ...tokenAt,
    functionName: 'tokenURI',
    args: [2n],
  });
  assert.match(uri, /^ipfs:\/\/b[a-z2-7]{58}\/2\.json$/);
  // The test account's transactions went past ethers' own count.
  chain.signer.reset();
});

test('cast calls, sends and reads the log', { skip: !foundryTool('cast') && 'no cast here' }, async () => {
  const { oracle, token, wallets, domain } = setup;
  const rpc = ['--rpc-url', chain.url];
  const cast = async (...args) => (await promisify(execFile)(foundryTool('cast'), args)).stdout.trim();

  const report = await nextReport(chain, setup);
  const { bitmap, signatures } = await sign(domain, wallets, [0, 1, 3], report);
  const type = '(uint64,uint64,uint64,bytes32,bytes32,bytes32,bytes32,bytes32,bytes32,bytes32)';
  const tuple = `(${Object.values(report).join(',')})`;
  const address = domain.verifyingContract;
  const sent = JSON.parse(
    await cast(
      ...['send', ...rpc, '--private-key', chain.key, '--json', address],
      ...[`postCommittee(${type},uint64,bytes)`, tuple, String(bitmap), signatures],
    ),
  );
  assert.equal(sent.status, '0x1');
  chain.signer.reset();

  assert.equal(await cast('call', ...rpc, await token.getAddress(), 'epoch()(uint64)'), String(report.epoch));
  assert.equal(await cast('call', ...rpc, await token.getAddress(), 'stateRoot()(bytes32)'), report.stateRoot);
  const owner = await cast('call', ...rpc, await token.getAddress(), 'ownerOf(uint256)(address)', '1');
  assert.equal(owner, chain.address);
  const logs = JSON.parse(
    await cast(
      ...['logs', ...rpc, '--json', '--address', address, '--from-block', String(BigInt(sent.blockNumber))],
      'EpochAccepted(uint64 indexed,uint64,bytes32,bytes32,bytes32,bytes32,bytes32,bytes32,bytes32)',
    ),
  );
  assert.equal(BigInt(logs.at(-1).topics[1]), report.epoch);
});
