// What wallets and pages do: ethers and viem follow the chain over WebSocket and by polling filters, and a
// provider as MetaMask has it (EIP-1193) finds its accounts, estimates, signs, sends and waits.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { BrowserProvider, Contract, JsonRpcProvider, Transaction, Wallet, WebSocketProvider } from 'ethers';
import { createPublicClient, createTestClient, createWalletClient, custom, defineChain, http, webSocket } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { foundryTool, startChain } from './support/chain.mjs';
import { artifact, deploy, send } from './support/contracts.mjs';

/** The second account of every anvil, so that these transactions do not mix with those of the fixture. */
const KEY = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d';

/** The fifth. */
const OTHER_KEY = '0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a';

const { abi } = artifact('NaiveURIToken');

let chain;
let token;
let address;
let viemChain;
before(async () => {
  chain = await startChain();
  token = await deploy(chain, 'NaiveURIToken', 'Naive', 'NAIVE', chain.address);
  address = await token.getAddress();
  const { chainId } = await chain.provider.getNetwork();
  viemChain = defineChain({
    id: Number(chainId),
    name: 'test',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [chain.url] } },
  });
});
after(() => chain.stop());

const socketUrl = () => chain.url.replace('http', 'ws');

/** Waits until `list` has so many entries. */
async function until(list, count) {
  for (let tries = 0; tries < 200 && list.length < count; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.equal(list.length, count);
}

test('ethers over a WebSocket: blocks, pending transactions, logs', async () => {
  const provider = new WebSocketProvider(socketUrl());
  // ethers drops what it is told before it knows the network.
  await provider.getNetwork();
  const [blocks, hashes, minted] = [[], [], []];
  await provider.on('block', (number) => blocks.push(number));
  await provider.on('pending', (hash) => hashes.push(hash));
  const watched = new Contract(address, abi, provider);
  await watched.on(watched.filters.Transfer(null, chain.address), (event) => minted.push(event.args.tokenId));
  // Three subscriptions are under way; this request is answered after them.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await provider.getBlockNumber();
  const receipt = await send(token.mintBatch(chain.address, 3));
  await until(minted, 3);
  await until(hashes, 1);
  assert.deepEqual(minted, [1n, 2n, 3n]);
  assert.equal(hashes[0], receipt.hash);
  assert.ok(blocks.includes(receipt.blockNumber));
  await watched.removeAllListeners();
  await provider.removeAllListeners();
  // ethers takes its subscriptions back before this is answered.
  await new Promise((resolve) => setTimeout(resolve, 50));
  await provider.getBlockNumber();
  await provider.destroy();
});

test('viem over a WebSocket: blocks, pending transactions, logs', async () => {
  const client = createPublicClient({ chain: viemChain, transport: webSocket(socketUrl(), { reconnect: false }) });
  const [blocks, hashes, logs, errors] = [[], [], [], []];
  const onError = (error) => errors.push(error);
  const stops = [
    client.watchBlocks({ onBlock: (block) => blocks.push(block), onError }),
    client.watchPendingTransactions({ onTransactions: (found) => hashes.push(...found), onError }),
    client.watchContractEvent({ address, abi, eventName: 'Transfer', onLogs: (found) => logs.push(...found), onError }),
  ];
  // Three subscriptions are under way; this request is answered after them.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const first = await client.getBlockNumber({ cacheTime: 0 });
  const receipt = await send(token.mintBatch(chain.address, 2));
  await until(logs, 2);
  await until(hashes, 1);
  await until(blocks, 1);
  assert.deepEqual(errors, []);
  assert.equal(hashes[0], receipt.hash);
  assert.equal(blocks[0].number, first + 1n);
  assert.equal(logs[1].transactionHash, receipt.hash);
  for (const stop of stops) stop();
  await send(token.mintBatch(chain.address, 1));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(logs.length, 2);
  (await client.transport.getRpcClient()).close();
});

test('many requests at once over one WebSocket, answered each to its own', async () => {
  const provider = new WebSocketProvider(socketUrl());
  const accounts = Array.from({ length: 200 }, (_, index) => `0x${(index + 0x1000).toString(16).padStart(40, '0')}`);
  const balances = await Promise.all(accounts.map((account) => provider.getBalance(account)));
  assert.ok(balances.every((balance) => balance === 0n));
  const code = await provider.getCode(address);
  assert.equal(code, await chain.provider.getCode(address));
  await provider.destroy();
});

test('filters by polling: ethers and viem', async () => {
  const polling = new JsonRpcProvider(chain.url, undefined, {
    polling: false,
    pollingInterval: 50,
    cacheTimeout: -1,
  });
  const watched = new Contract(address, abi, polling);
  const seen = [];
  await watched.on('Transfer', (from, to, id) => seen.push(id));
  const client = createPublicClient({ chain: viemChain, transport: http(chain.url), pollingInterval: 50, cacheTime: 0 });
  const [logs, hashes, errors] = [[], [], []];
  const onError = (error) => errors.push(error);
  const stop = client.watchContractEvent({ address, abi, poll: true, onLogs: (found) => logs.push(...found), onError });
  const stopPending = client.watchPendingTransactions({
    poll: true,
    onTransactions: (found) => hashes.push(...found),
    onError,
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  const receipt = await send(token.mintBatch(chain.address, 2));
  await until(logs, 2);
  await until(seen, 2);
  await until(hashes, 1);
  assert.equal(hashes[0], receipt.hash);
  stop();
  stopPending();
  assert.deepEqual(errors, []);
  const filter = await client.createContractEventFilter({ address, abi, eventName: 'Transfer', fromBlock: 0n });
  assert.ok((await client.getFilterLogs({ filter })).length >= 4);
  assert.equal(await client.uninstallFilter({ filter }), true);
  await watched.removeAllListeners();
  polling.destroy();
});

test('fee history is what the blocks say', async () => {
  await send(token.mintBatch(chain.address, 1));
  const client = createPublicClient({ chain: viemChain, transport: http(chain.url) });
  const head = await client.getBlockNumber();
  const history = await client.getFeeHistory({ blockCount: 3, rewardPercentiles: [10, 50, 90], blockNumber: head });
  assert.equal(history.oldestBlock, head - 2n);
  for (const [index, ratio] of history.gasUsedRatio.entries()) {
    const block = await client.getBlock({ blockNumber: history.oldestBlock + BigInt(index) });
    assert.equal(history.baseFeePerGas[index], block.baseFeePerGas);
    assert.ok(Math.abs(ratio - Number(block.gasUsed) / Number(block.gasLimit)) < 1e-12);
  }
  assert.equal(history.baseFeePerGas.length, 4);
  assert.equal(history.reward.length, 3);
  const fees = await client.estimateFeesPerGas();
  assert.ok(fees.maxFeePerGas >= history.baseFeePerGas[3] + fees.maxPriorityFeePerGas);
});

/** A provider as a wallet gives it to a page: it holds the key, and asks the chain for the rest. */
class WalletProvider extends EventEmitter {
  #wallet = new Wallet(KEY);
  #id = 0;

  async #ask(method, params) {
    this.#id += 1;
    const answer = await fetch(chain.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: this.#id, method, params }),
    });
    const { result, error } = await answer.json();
    if (error !== undefined) throw Object.assign(new Error(error.message), error);
    return result;
  }

  async request({ method, params = [] }) {
    switch (method) {
      case 'eth_requestAccounts':
      case 'eth_accounts':
        return [this.#wallet.address];
      case 'personal_sign':
        return this.#wallet.signMessage(Buffer.from(params[0].slice(2), 'hex'));
      case 'eth_sendTransaction':
        return this.#send(params[0]);
      default:
        return this.#ask(method, params);
    }
  }

  /** As MetaMask does: nonce, gas and fees from the chain, then the signed bytes. */
  async #send({ from, to, data, value = '0x0' }) {
    const [chainId, nonce, gas, history] = await Promise.all([
      this.#ask('eth_chainId', []),
      this.#ask('eth_getTransactionCount', [from, 'pending']),
      this.#ask('eth_estimateGas', [{ from, to, data, value }]),
      this.#ask('eth_feeHistory', ['0x5', 'latest', [10, 20, 30]]),
      this.#ask('net_version', []),
      this.#ask('eth_getBlockByNumber', ['latest', false]),
    ]);
    const tip = history.reward.at(-1).map(BigInt).reduce((most, one) => (one > most ? one : most), 1_000_000_000n);
    const raw = await this.#wallet.signTransaction({
      type: 2,
      chainId: BigInt(chainId),
      nonce: Number(nonce),
      gasLimit: (BigInt(gas) * 3n) / 2n,
      maxPriorityFeePerGas: tip,
      maxFeePerGas: BigInt(history.baseFeePerGas.at(-1)) * 2n + tip,
      to,
      data,
      value: BigInt(value),
    });
    const hash = await this.#ask('eth_sendRawTransaction', [raw]);
    assert.equal(hash, Transaction.from(raw).hash);
    return hash;
  }
}

test('a wallet in a page: ethers', async () => {
  const provider = new BrowserProvider(new WalletProvider(), undefined, { cacheTimeout: -1, pollingInterval: 50 });
  const signer = await provider.getSigner();
  const mine = await deploy({ signer }, 'NaiveURIToken', 'Mine', 'MINE', await signer.getAddress());
  const receipt = await send(mine.mintBatch(await signer.getAddress(), 2));
  assert.equal(receipt.status, 1);
  assert.equal(receipt.logs.length, 2);
  assert.equal(await mine.balanceOf(await signer.getAddress()), 2n);
  const logs = await mine.queryFilter(mine.filters.Transfer(), receipt.blockNumber, receipt.blockNumber);
  assert.deepEqual(logs.map((log) => log.args.tokenId), [1n, 2n]);
  await assert.rejects(mine.ownerOf(99), (error) => error.revert?.name === 'ERC721NonexistentToken');
  const read = mine.connect(provider);
  await assert.rejects(
    read.mintBatch.staticCall(chain.address, 1, { from: chain.address }),
    (error) => error.revert?.name === 'OwnableUnauthorizedAccount',
  );
  provider.destroy();
});

test('a wallet in a page: viem', async () => {
  const transport = custom(new WalletProvider());
  const reader = createPublicClient({ chain: viemChain, transport, pollingInterval: 50, cacheTime: 0 });
  const writer = createWalletClient({ chain: viemChain, transport });
  const [account] = await writer.requestAddresses();
  assert.equal(account, privateKeyToAccount(KEY).address);
  assert.equal(await writer.getChainId(), viemChain.id);
  const hash = await writer.sendTransaction({ account, to: chain.address, value: 7n });
  const receipt = await reader.waitForTransactionReceipt({ hash });
  assert.equal(receipt.status, 'success');
  assert.equal(receipt.gasUsed, 21_000n);
  const proof = await reader.getProof({ address, storageKeys: [`0x${'00'.repeat(32)}`] });
  assert.equal(proof.storageProof[0].value, BigInt(await reader.getStorageAt({ address, slot: '0x0' })));
});

test('transactions that overtake one another are all mined', async () => {
  const wallet = new Wallet(OTHER_KEY, chain.provider);
  const nonce = await wallet.getNonce();
  const fees = { maxFeePerGas: 20_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n, gasLimit: 21_000n };
  const sent = [];
  for (const ahead of [3, 1, 2]) {
    sent.push(await wallet.sendTransaction({ nonce: nonce + ahead, ...fees, to: wallet }));
  }
  assert.equal((await chain.provider.getTransaction(sent[0].hash)).blockNumber, null);
  sent.push(await wallet.sendTransaction({ nonce, ...fees, to: wallet }));
  const receipts = await Promise.all(sent.map((transaction) => transaction.wait()));
  assert.ok(receipts.every((receipt) => receipt.status === 1));
  assert.equal(await wallet.getNonce(), nonce + 4);
});

test('snapshots and time with viem', async () => {
  const tester = createTestClient({ chain: viemChain, mode: 'anvil', transport: http(chain.url) });
  const reader = createPublicClient({ chain: viemChain, transport: http(chain.url), cacheTime: 0 });
  const before = await reader.getBlock();
  const snapshot = await tester.snapshot();
  await tester.setNextBlockTimestamp({ timestamp: before.timestamp + 1000n });
  await tester.mine({ blocks: 2 });
  const later = await reader.getBlock();
  assert.equal(later.number, before.number + 2n);
  assert.ok(later.timestamp >= before.timestamp + 1000n);
  await tester.revert({ id: snapshot });
  assert.equal((await reader.getBlock()).hash, before.hash);
  chain.signer.reset();
});

test('cast reads, signs with the chain, sends and proves', { skip: !foundryTool('cast') && 'no cast here' }, async () => {
  const cast = async (...args) => {
    const { stdout } = await promisify(execFile)(foundryTool('cast'), [...args, '--rpc-url', chain.url]);
    return stdout.trim();
  };
  const json = async (...args) => JSON.parse(await cast(...args, '--json'));
  assert.equal(await cast('chain-id'), '31337');
  const [third, fourth] = ['0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC', '0x90F79bf6EB2c4f870365E785982E1f101E93b906'];
  const before = BigInt(await cast('balance', fourth));
  const sent = await json('send', '--unlocked', '--from', third, fourth, '--value', '5');
  assert.equal(BigInt(sent.status), 1n);
  assert.equal(BigInt(await cast('balance', fourth)), before + 5n);
  const number = BigInt(sent.blockNumber).toString();
  assert.equal(BigInt(await cast('balance', fourth, '--block', `${BigInt(number) - 1n}`)), before);
  const block = await json('block', number, '--full');
  assert.equal(block.transactions[0].hash, sent.transactionHash);
  assert.equal((await json('receipt', sent.transactionHash)).blockHash, block.hash);
  assert.equal((await json('tx', sent.transactionHash)).from.toLowerCase(), third.toLowerCase());
  assert.equal(await cast('estimate', '--from', third, fourth, '--value', '1'), '21000');
  assert.ok(BigInt(await cast('gas-price')) > 0n);
  const logs = await json('logs', '--address', address, '--from-block', '0', 'Transfer(address,address,uint256)');
  assert.ok(logs.length > 0);
  assert.match(await cast('access-list', address, 'ownerOf(uint256)', '1'), /gas used/i);
  const proof = await json('proof', address, `0x${'00'.repeat(32)}`);
  assert.ok(proof.accountProof.length > 0);
});
