// The embedded chain beside anvil: the same script of calls to both, good ones and bad ones, and the answers
// compared field by field. What must differ is listed in NORMALISED, what does differ in DIFFERENT, each with
// its reason; everything else is equal: gas, fees, logs, proofs of storage, signatures, codes of errors.
//
// ENLIVEN_DEVCHAIN names the program of the example `devchain`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AbiCoder, Interface, Wallet, WebSocketProvider, concat, getCreateAddress, id, keccak256, toBeHex, zeroPadValue } from 'ethers';
import { foundryTool, startAnvil, startDevchain } from './support/chain.mjs';
import { artifact } from './support/contracts.mjs';

/** What is not compared as it is, wherever it stands. */
const NORMALISED = {
  hash: 'block hashes: anvil draws mixHash at random, and mined times differ; each becomes its place in the order',
  mixHash: 'anvil draws it at random, the embedded chain derives it from the parent',
  timestamp: 'the time of the computer, unless a step sets it and says `time: true`',
  id: 'filter ids are random on both; each becomes the name of its filter',
  message: 'only the code, the data and, where a step names one, a pattern that clients look for in the message',
  size: 'the length of the block: anvil leaves the withdrawals out of it',
  stateRoot: 'anvil writes into the contracts of EIP-2935 and EIP-4788, which the embedded chain does not have',
  accountProof: 'its first node is the state root; that it hashes to it is checked on both',
  blobGasPrice: 'anvil adds it, and blockTimestamp, to receipts of transactions without blobs; geth does not',
};


/** The fields that are hidden whatever they hold; the others are made equal by their meaning. */
const HIDDEN = new Set(['mixHash', 'size', 'stateRoot', 'timestamp']);

const [ANN, BOB] = ['0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266', '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'];
const KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const STRANGER = `0x${'11'.repeat(20)}`;
const NOWHERE = `0x${'22'.repeat(32)}`;
const TOKEN = getCreateAddress({ from: ANN, nonce: 3 });
const naive = artifact('NaiveURIToken');
const abi = new Interface(naive.abi);
const coder = AbiCoder.defaultAbiCoder();
const wallet = new Wallet(KEY);

const TRANSFER = id('Transfer(address,address,uint256)');
const word = (value) => toBeHex(value, 32);
const call = (name, ...args) => abi.encodeFunctionData(name, args);

/** Code of a constructor that reverts with this data. */
function reverting(data) {
  const length = (data.length - 2) / 2;
  return concat(['0x61', toBeHex(length, 2), '0x600c5f3961', toBeHex(length, 2), '0x5ffd', data]);
}

/** A transaction of the first account, signed here. */
function signed(nonce, fields) {
  return wallet.signTransaction({
    type: 2,
    chainId: 31337,
    nonce,
    gasLimit: 21_000,
    maxFeePerGas: 3_000_000_000,
    maxPriorityFeePerGas: 1_000_000_000,
    ...fields,
  });
}

const typed = {
  types: {
    EIP712Domain: [
      { name: 'name', type: 'string' },
      { name: 'chainId', type: 'uint256' },
    ],
    Mail: [
      { name: 'to', type: 'address' },
      { name: 'tags', type: 'bytes32[]' },
    ],
  },
  primaryType: 'Mail',
  domain: { name: 'Enliven', chainId: 31337 },
  message: { to: BOB, tags: [id('a'), id('b')] },
};

// A step is [method, params, options]. `params` may be a function of what earlier steps saved under a name.
// Options: `save` keeps the result, `raw` sends a body as it is, `time` compares times, `says` is a pattern
// that the message of an error must match on both, `mend` is a call to anvil alone, with its reason.
const script = [];
const step = (method, params = [], options = {}) => script.push({ method, params, ...options });

// Who is there.
step('eth_chainId');
step('net_version');
step('net_listening');
step('eth_syncing');
step('eth_accounts');
step('eth_requestAccounts');
step('eth_coinbase');
step('eth_blockNumber');
step('eth_blobBaseFee');
step('eth_maxPriorityFeePerGas');
step('txpool_status');
step('txpool_content');
step('web3_sha3', ['0x68656c6c6f']);
step('web3_sha3', []);
step('web3_sha3', ['hello']);
step('eth_nope');
step('net_peerCount');
step('wallet_switchEthereumChain', [{ chainId: '0x7a69' }]);
step('eth_getBlockByNumber', ['0x0', false]);
step('eth_getBlockByNumber', ['earliest', true]);

// Times and empty blocks.
step('evm_increaseTime', [100]);
step('evm_increaseTime', ['0x64']);
step('evm_increaseTime', ['a while']);
step('evm_setNextBlockTimestamp', [2_000_000_000]);
step('evm_mine', []);
step('eth_getBlockByNumber', ['latest', false], { time: true });
step('evm_setNextBlockTimestamp', ['0x77359464']);
step('evm_mine', []);
step('eth_getBlockByNumber', ['latest', false], { time: true });
step('evm_mine', [{ timestamp: 2_000_000_200 }]);
step('eth_getBlockByNumber', ['latest', false], { time: true });
step('evm_setNextBlockTimestamp', [5]);
step('evm_setNextBlockTimestamp', ['soon']);
step('evm_setNextBlockTimestamp', []);
step('anvil_mine', ['0x2']);
step('hardhat_mine', ['0x2']);
step('eth_blockNumber');
step('eth_gasPrice');
step('eth_feeHistory', ['0x4', 'latest', [10, 50, 90]]);
step('eth_feeHistory', [2, 'latest', []]);
step('eth_feeHistory', ['0x400', 'latest']);
step('eth_feeHistory', ['0x1', '0x2', [50]]);
step('eth_feeHistory', ['0x0', 'latest', []]);
step('eth_feeHistory', ['0x4', '0xffff', []]);
step('eth_feeHistory', ['0x4', 'latest', [90, 10]]);
step('eth_feeHistory', ['0x4']);

// Ether moves, in transactions of all three types.
step('eth_getBalance', [BOB, 'latest']);
step('eth_getTransactionCount', [ANN, 'latest']);
step('eth_estimateGas', [{ from: ANN, to: BOB, value: '0x5' }]);
step('eth_estimateGas', [{ from: ANN, to: BOB, value: '0x5' }, 'latest']);
step('eth_estimateGas', [{ from: ANN, to: STRANGER, data: `0x${'ff'.repeat(100)}` }]);
step('eth_sendRawTransaction', async () => [await signed(0, { to: BOB, value: 5 })], { save: 'dynamic' });
step('eth_sendRawTransaction', async () => [
  await wallet.signTransaction({ type: 0, chainId: 31337, nonce: 1, gasLimit: 21_000, gasPrice: 3_000_000_000, to: BOB }),
], { save: 'legacy' });
step('eth_sendRawTransaction', async () => [
  await wallet.signTransaction({
    type: 1,
    chainId: 31337,
    nonce: 2,
    gasLimit: 40_000,
    gasPrice: 3_000_000_000,
    to: BOB,
    accessList: [{ address: BOB, storageKeys: [word(0)] }],
  }),
], { save: 'listed' });
for (const name of ['dynamic', 'legacy', 'listed']) {
  step('eth_getTransactionByHash', (saved) => [saved[name]]);
  step('eth_getTransactionReceipt', (saved) => [saved[name]]);
  step('eth_getRawTransactionByHash', (saved) => [saved[name]]);
}
step('eth_getTransactionByHash', [NOWHERE]);
step('eth_getTransactionReceipt', [NOWHERE]);
step('eth_getTransactionReceipt', ['0x12']);
step('eth_getTransactionReceipt', []);
step('eth_getBalance', [BOB, 'latest']);
step('eth_getBalance', [BOB, 'pending']);
step('eth_getBalance', [BOB, 'earliest']);
step('eth_getBalance', [ANN, '0x8']);
step('eth_getBalance', [ANN, { blockNumber: '0x9' }]);
step('eth_getBalance', [ANN, 'safe']);
step('eth_getBalance', [STRANGER, 'latest']);
step('eth_getBalance', [STRANGER]);
step('eth_getBalance', ['0x12', 'latest']);
step('eth_getBalance', [ANN, '0xffff']);
step('eth_getBalance', [ANN, 'newest']);
step('eth_getBalance', [ANN, { blockHash: NOWHERE }]);
step('eth_getTransactionCount', [ANN, 'latest']);
step('eth_getTransactionCount', [ANN, 'pending']);
step('eth_getTransactionCount', [ANN, '0x8']);
step('eth_getTransactionCount', [ANN]);

// Transactions that are refused.
step('eth_sendRawTransaction', async () => [await signed(0, { to: BOB, value: 6 })], { says: /nonce too low/i });
step('eth_sendRawTransaction', async () => [await signed(0, { to: BOB, value: 5 })], { says: /already|nonce too low/i });
step('eth_sendRawTransaction', async () => [await signed(3, { to: BOB, value: 10n ** 30n })], { says: /insufficient funds/i });
step('eth_sendRawTransaction', async () => [await signed(3, { to: BOB, gasLimit: 20_999 })], { says: /intrinsic gas too (low|high)/i });
step('eth_sendRawTransaction', async () => [await signed(3, { to: BOB, gasLimit: 16_777_217 })]);
step('eth_sendRawTransaction', async () => [await signed(3, { to: BOB, chainId: 1 })], { says: /invalid chain id/i });
step('eth_sendRawTransaction', async () => [await signed(3, { to: BOB, maxFeePerGas: 1, maxPriorityFeePerGas: 0 })], {
  says: /max fee per gas less than block base fee/i,
});
step('eth_sendRawTransaction', ['0x']);
step('eth_sendRawTransaction', ['0x02']);
step('eth_sendRawTransaction', ['0xc0']);
step('eth_sendRawTransaction', ['not hex']);
step('eth_sendRawTransaction', []);

// A contract: logs, storage, reverts.
step('eth_estimateGas', () => [{ from: ANN, data: deployment() }]);
step('eth_sendRawTransaction', async () => [await signed(3, { data: deployment(), gasLimit: 4_000_000 })], { save: 'deploy' });
step('eth_getTransactionReceipt', (saved) => [saved.deploy]);
step('eth_getCode', [TOKEN, 'latest']);
step('eth_getCode', [TOKEN, '0x1']);
step('eth_getCode', [ANN, 'latest']);
step('eth_newFilter', [{ address: TOKEN }], { save: 'mints' });
step('eth_newFilter', [{ address: TOKEN, topics: [TRANSFER, null, [zeroPadValue(BOB, 32)]] }], { save: 'to Bob' });
step('eth_newFilter', [{ fromBlock: '0x1', address: [TOKEN, STRANGER] }], { save: 'from the start' });
step('eth_newBlockFilter', [], { save: 'blocks' });
step('eth_newPendingTransactionFilter', [], { save: 'transactions' });
step('eth_estimateGas', () => [{ from: ANN, to: TOKEN, data: call('mintBatch', ANN, 3) }]);
step('eth_sendRawTransaction', async () => [
  await signed(4, { to: TOKEN, data: call('mintBatch', ANN, 3), gasLimit: 500_000 }),
], { save: 'mint' });
step('eth_sendRawTransaction', async () => [
  await signed(5, { to: TOKEN, data: call('mintBatch', BOB, 2), gasLimit: 500_000 }),
], { save: 'mint to Bob' });
step('eth_getTransactionReceipt', (saved) => [saved.mint]);
step('eth_getFilterChanges', (saved) => [saved.mints]);
step('eth_getFilterChanges', (saved) => [saved.mints]);
step('eth_getFilterChanges', (saved) => [saved['to Bob']]);
step('eth_getFilterChanges', (saved) => [saved['from the start']]);
step('eth_getFilterChanges', (saved) => [saved.blocks]);
step('eth_getFilterChanges', (saved) => [saved.transactions]);
step('eth_getFilterChanges', (saved) => [saved.transactions]);
step('eth_getFilterLogs', (saved) => [saved['from the start']]);
step('eth_getFilterLogs', (saved) => [saved.blocks]);
step('eth_uninstallFilter', (saved) => [saved.mints]);
step('eth_uninstallFilter', (saved) => [saved.mints]);
step('eth_getFilterChanges', (saved) => [saved.mints], { says: /filter not found/ });
step('eth_getFilterChanges', ['0xdead'], { says: /filter not found/ });
step('eth_getFilterLogs', ['0xdead']);
step('eth_uninstallFilter', []);
step('eth_newFilter', [{ topics: 'x' }]);
step('eth_getLogs', [{ fromBlock: '0x0' }]);
step('eth_getLogs', [{}]);
step('eth_getLogs', [{ fromBlock: 'earliest', toBlock: 'latest', address: TOKEN, topics: [TRANSFER] }]);
step('eth_getLogs', [{ fromBlock: 'earliest', topics: [[TRANSFER, NOWHERE], null, zeroPadValue(BOB, 32)] }]);
step('eth_getLogs', [{ fromBlock: 'earliest', topics: [null, null, null, [word(1), word(5)]] }]);
step('eth_getLogs', [{ fromBlock: 'earliest', topics: [[]] }]);
step('eth_getLogs', [{ fromBlock: 'earliest', address: STRANGER }]);
step('eth_getBlockByNumber', ['latest', false], { save: 'head' });
step('eth_getLogs', (saved) => [{ blockHash: saved.head.hash }]);
step('eth_getLogs', [{ blockHash: NOWHERE }]);
step('eth_getLogs', [{ blockHash: NOWHERE, fromBlock: '0x1' }]);
step('eth_getLogs', [{ fromBlock: '0x2', toBlock: '0x1' }]);
step('eth_getLogs', [{ fromBlock: '0xffff' }]);
step('eth_getLogs', [{ topics: [null, null, null, null, null] }]);
step('eth_getLogs', []);

// Calls.
step('eth_call', () => [{ to: TOKEN, data: call('ownerOf', 1) }, 'latest']);
step('eth_call', () => [{ to: TOKEN, data: call('ownerOf', 1) }]);
step('eth_call', () => [{ to: TOKEN, input: call('name') }, 'pending']);
step('eth_call', () => [{ to: TOKEN, data: call('ownerOf', 4) }, '0xc']);
step('eth_call', () => [{ to: TOKEN, data: call('name') }, '0x2']);
step('eth_call', () => [{ to: TOKEN, data: call('tokenURI', 99) }, 'latest'], { says: /^execution reverted/ });
step('eth_call', () => [{ from: BOB, to: TOKEN, data: call('mintBatch', BOB, 1) }, 'latest'], { says: /^execution reverted/ });
step('eth_estimateGas', () => [{ from: BOB, to: TOKEN, data: call('mintBatch', BOB, 1) }], { says: /^execution reverted/ });
step('eth_call', () => [{ data: reverting(concat(['0x08c379a0', coder.encode(['string'], ['because'])])) }, 'latest'], {
  says: /^execution reverted: because$/,
});
step('eth_call', () => [{ data: reverting(concat(['0x4e487b71', word(0x11)])) }, 'latest'], { says: /^execution reverted/ });
step('eth_call', [{ data: '0x5f5ffd' }, 'latest'], { says: /^execution reverted$/ });
step('eth_call', [{ data: '0xfe' }, 'latest']);
step('eth_call', [{ data: '0x5b5f56' }, 'latest']);
step('eth_call', [{ data: '0x50' }, 'latest']);
step('eth_call', [{ data: '0x00', gas: '0x10' }, 'latest']);
step('eth_call', [{ from: ANN, to: BOB, value: `0x1${'0'.repeat(40)}` }, 'latest'], { says: /insufficient funds/i });
step('eth_call', [{ to: BOB }, '0xffff']);
step('eth_call', [{ to: 'Bob' }, 'latest']);
step('eth_call', []);
step('eth_call', [{ data: '0x4360005260206000f3' }, 'latest']);
step('eth_call', [{ data: '0x4660005260206000f3' }, 'latest']);
step('eth_call', [{ data: '0x4860005260206000f3', gasPrice: '0x0' }, 'latest']);
step('eth_call', [{ data: '0x4560005260206000f3' }, 'latest']);
step('eth_estimateGas', [{ from: ANN, data: '0xfe' }]);
step('eth_estimateGas', [{ from: ANN, to: BOB, value: `0x1${'0'.repeat(40)}` }]);
step('eth_estimateGas', [{ from: ANN, to: BOB, gas: '0x100' }]);
step('eth_estimateGas', []);

// What a call wants to be otherwise.
step('eth_call', () => [{ to: STRANGER }, 'latest', { [STRANGER]: { code: '0x60425f5260205ff3' } }]);
step('eth_call', () => [{ to: STRANGER }, 'latest', { [STRANGER]: { code: '0x475f5260205ff3', balance: '0x1234' } }]);
step('eth_call', () => [
  { to: STRANGER },
  'latest',
  { [STRANGER]: { code: '0x5f545f5260205ff3', stateDiff: { [word(0)]: word(7) } } },
]);
step('eth_call', () => [
  { to: TOKEN, data: call('name') },
  'latest',
  { [TOKEN]: { state: { [word(0)]: '0x4f74686572000000000000000000000000000000000000000000000000000a' .padEnd(66, '0') } } },
]);
step('eth_call', [{ from: STRANGER, to: BOB, value: '0x5' }, 'latest', { [STRANGER]: { balance: '0x10' } }]);
step('eth_call', [{ data: '0x4260005260206000f3' }, 'latest', {}, { time: '0x80000000' }]);
step('eth_call', [{ data: '0x4360005260206000f3' }, 'latest', {}, { number: '0x1234' }]);
step('eth_call', [{ data: '0x4160005260206000f3' }, 'latest', {}, { coinbase: STRANGER }]);
step('eth_call', [{ to: BOB }, 'latest', { [STRANGER]: { colour: 'red' } }]);
step('eth_createAccessList', () => [{ from: ANN, to: TOKEN, data: call('ownerOf', 1) }, 'latest']);
step('eth_createAccessList', () => [{ from: ANN, to: TOKEN, data: call('mintBatch', BOB, 1) }, 'latest']);
step('eth_createAccessList', [{ from: ANN, data: '0x5f545f5260205ff3' }, 'latest']);
step('eth_createAccessList', [{ from: ANN, to: BOB, value: '0x1' }, 'latest']);

// Storage, and proofs of it.
for (const slot of [0, 1, 7]) step('eth_getStorageAt', [TOKEN, toBeHex(slot), 'latest']);
step('eth_getStorageAt', [TOKEN, word(0), '0x1']);
step('eth_getStorageAt', [TOKEN, '0x0']);
step('eth_getStorageAt', [TOKEN, '0xzz', 'latest']);
step('eth_getProof', [TOKEN, [word(0), word(7), word(99)], 'latest']);
step('eth_getProof', [ANN, [], 'latest']);
step('eth_getProof', [STRANGER, [word(0)], 'latest']);
step('eth_getProof', [TOKEN, ['no'], 'latest']);
step('eth_getProof', [TOKEN]);

// Blocks.
step('eth_getBlockByNumber', ['latest', true]);
step('eth_getBlockByNumber', ['0x9', true]);
step('eth_getBlockByNumber', ['finalized', false]);
step('eth_getBlockByNumber', ['pending', false]);
step('eth_getBlockByNumber', ['pending', true]);
step('eth_getBlockTransactionCountByNumber', ['pending']);
step('eth_getBlockByNumber', ['0xffff', false]);
step('eth_getBlockByNumber', ['foo', false]);
step('eth_getBlockByNumber', ['latest']);
step('eth_getBlockByNumber', []);
step('eth_getBlockByNumber', ['latest', 'yes']);
step('eth_getBlockByHash', (saved) => [saved.head.hash, true]);
step('eth_getBlockByHash', (saved) => [saved.head.parentHash, false]);
step('eth_getBlockByHash', [NOWHERE, false]);
step('eth_getBlockByHash', ['0x12', false]);
step('eth_getBlockReceipts', ['latest']);
step('eth_getBlockReceipts', ['0x1']);
step('eth_getBlockReceipts', (saved) => [saved.head.hash]);
step('eth_getBlockReceipts', ['0xffff']);
step('eth_getBlockTransactionCountByNumber', ['latest']);
step('eth_getBlockTransactionCountByNumber', ['0x1']);
step('eth_getBlockTransactionCountByHash', (saved) => [saved.head.hash]);
step('eth_getBlockTransactionCountByHash', [NOWHERE]);
step('eth_getBlockTransactionCountByNumber', ['0xffff']);
step('eth_getTransactionByBlockNumberAndIndex', ['latest', '0x0']);
step('eth_getTransactionByBlockNumberAndIndex', ['latest', '0x5']);
step('eth_getTransactionByBlockHashAndIndex', (saved) => [saved.head.hash, '0x0']);
step('eth_getTransactionByBlockHashAndIndex', [NOWHERE, '0x0']);
step('eth_getTransactionByBlockNumberAndIndex', ['pending', '0x0']);
step('eth_getBlockReceipts', ['pending']);
step('eth_getRawTransactionByBlockNumberAndIndex', ['latest', '0x0']);
step('eth_getRawTransactionByBlockHashAndIndex', (saved) => [saved.head.hash, '0x0']);
step('eth_getUncleCountByBlockNumber', ['latest']);
step('eth_getUncleCountByBlockHash', (saved) => [saved.head.hash]);
step('eth_getUncleCountByBlockHash', [NOWHERE]);
step('eth_getUncleByBlockNumberAndIndex', ['latest', '0x0']);
step('eth_getUncleByBlockHashAndIndex', (saved) => [saved.head.hash, '0x0']);

// The chain signs for its accounts.
step('eth_sign', [ANN, '0xdeadbeef']);
step('personal_sign', ['0xdeadbeef', BOB]);
step('eth_sign', [STRANGER, '0x00']);
step('eth_sign', [ANN, 'hello']);
step('eth_signTypedData_v4', [ANN, typed]);
step('eth_signTypedData_v4', [BOB, JSON.stringify(typed)]);
step('eth_signTypedData_v4', [STRANGER, typed]);
step('eth_signTypedData_v4', [ANN, { ...typed, primaryType: 'Nothing' }]);
step('eth_signTransaction', [
  { from: ANN, to: BOB, gas: '0x5208', nonce: '0x9', maxFeePerGas: '0x77359400', maxPriorityFeePerGas: '0x1' },
]);
step('eth_signTransaction', [{ from: ANN, to: BOB, gas: '0x5208', nonce: '0x9', gasPrice: '0x77359400' }]);
step('eth_sendTransaction', [{ from: BOB, to: ANN, value: '0x5' }], { save: 'sent' });
step('eth_getTransactionByHash', (saved) => [saved.sent]);
step('eth_sendTransaction', [{ to: BOB, value: '0x1', gasPrice: '0x77359400' }], { save: 'sent legacy' });
step('eth_getTransactionByHash', (saved) => [saved['sent legacy']]);
step('eth_estimateGas', () => [{ from: ANN, to: TOKEN, data: call('mintBatch', BOB, 1) }]);
// anvil's suggestions follow the tips of the last blocks, ours do not; so fees are named from here on.
const fees = { maxFeePerGas: '0x77359400', maxPriorityFeePerGas: '0x3b9aca00' };
step('eth_sendTransaction', () => [{ from: ANN, to: TOKEN, data: call('mintBatch', BOB, 1), ...fees }], {
  save: 'sent call',
});
step('eth_getTransactionByHash', (saved) => [saved['sent call']]);
step('eth_getTransactionReceipt', (saved) => [saved['sent call']]);
step('eth_sendTransaction', [{ from: ANN, to: BOB, data: '0x1234', gas: '0x10000', ...fees }], {
  save: 'sent data',
});
step('eth_getTransactionByHash', (saved) => [saved['sent data']]);
step('eth_sendTransaction', [{ from: ANN, data: '0x5f5ffd', gas: '0x20000', ...fees }], { save: 'sent to fail' });
step('eth_getTransactionReceipt', (saved) => [saved['sent to fail']]);
step('eth_sendTransaction', [{ from: STRANGER, to: BOB }]);
step('eth_sendTransaction', [{ from: ANN, to: BOB, nonce: '0x0' }], { says: /nonce too low/ });
step('eth_sendTransaction', [{ from: ANN, to: BOB, value: `0x1${'0'.repeat(40)}` }], { says: /insufficient funds/i });
step('eth_sendTransaction', []);

// Snapshots.
step('eth_feeHistory', ['0x1', 'latest', []], { save: 'fees' });
step('evm_snapshot', [], { save: 'snapshot' });
step('eth_newBlockFilter', [], { save: 'reverted blocks' });
step('eth_sendTransaction', () => [{ from: ANN, to: TOKEN, data: call('mintBatch', BOB, 5), ...fees }], { save: 'undone' });
step('evm_mine', []);
step('eth_call', () => [{ to: TOKEN, data: call('balanceOf', BOB) }, 'latest']);
step('evm_revert', (saved) => [saved.snapshot], {
  // anvil goes on with the base fee of the blocks that it took back.
  mend: (saved) => ['anvil_setNextBlockBaseFeePerGas', [saved.fees.baseFeePerGas[1]]],
});
step('eth_call', () => [{ to: TOKEN, data: call('balanceOf', BOB) }, 'latest']);
step('eth_getTransactionReceipt', (saved) => [saved.undone]);
step('eth_getTransactionByHash', (saved) => [saved.undone]);
step('eth_blockNumber');
step('eth_getTransactionCount', [ANN, 'latest']);
step('evm_revert', (saved) => [saved.snapshot]);
step('evm_revert', ['0x99']);
step('evm_revert', []);
step('eth_sendTransaction', () => [{ from: ANN, to: TOKEN, data: call('mintBatch', BOB, 5), ...fees }], { save: 'done again' });
step('eth_getTransactionReceipt', (saved) => [saved['done again']]);
step('eth_blockNumber');
step('eth_feeHistory', ['0x8', 'latest', [25, 75]]);

// A transaction that came too early.
step('eth_getTransactionCount', [ANN, 'latest'], { save: 'nonce' });
step('eth_sendRawTransaction', async (saved) => [await signed(Number(saved.nonce) + 1, { to: BOB, value: 9 })], {
  save: 'early',
  waits: true,
});
step('eth_getTransactionByHash', (saved) => [saved.early]);
step('eth_getTransactionReceipt', (saved) => [saved.early]);
step('eth_getTransactionCount', [ANN, 'pending']);
step('txpool_status');
step('txpool_content');
step('eth_sendRawTransaction', async (saved) => [
  await signed(Number(saved.nonce) + 1, { to: BOB, value: 10, maxFeePerGas: 2_900_000_000 }),
], { says: /underpriced/ });

// Bodies.
const body = (raw) => script.push({ raw: typeof raw === 'string' ? raw : JSON.stringify(raw) });
const ask = { jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] };
body(ask);
body({ ...ask, id: 'text' });
body({ ...ask, id: null });
body({ ...ask, id: undefined });
body([{ ...ask, id: undefined }]);
body({ ...ask, params: undefined });
body([ask, { ...ask, id: 'x', method: 'eth_nope' }, { ...ask, id: 3, method: 'eth_getBalance', params: [] }]);
body([ask, { ...ask, id: undefined }, { ...ask, id: 4 }]);
body({ ...ask, id: {} });
body({ ...ask, method: 'eth_getBalance', params: {} });
body({ ...ask, method: undefined });
body([]);
body('7');
body('{');
body({ ...ask, jsonrpc: undefined });
body([ask, 3]);

function deployment() {
  return concat([naive.bytecode, abi.encodeDeploy(['Naive', 'NAIVE', ANN])]);
}

/**
 * Steps whose answers differ: what the embedded chain answers, and why it does not answer as anvil. A step that
 * no longer differs is a failure too.
 */
const DIFFERENT = {
  'eth_feeHistory ["0x1","0x2",[50]]': {
    why: 'the fee after block 2 is that of block 3; anvil gives the fee of the next block whatever was asked',
    ours: (anvil) => ({ ...anvil.result, baseFeePerGas: ['0x2da282a8', '0x27ee3253'] }),
  },
  'eth_feeHistory ["0x4","0xffff",[]]': { why: 'geth: request beyond head block', error: -32602 },
  'eth_feeHistory ["0x4","latest",[90,10]]': { why: 'geth: percentiles rise', error: -32602 },
  [`eth_getBalance ["${ANN}","safe"]`]: {
    why: 'nothing reorganises, so every block is safe; anvil takes the 32nd before the newest',
    ours: () => '0x21e19e031bd051d3b53',
  },
  'eth_getBlockByNumber ["finalized",false]': {
    why: 'nothing reorganises, so every block is final; anvil takes the 64th before the newest',
    ours: (anvil, saved) => ({ ...saved.head, hash: '<block hash 14>' }),
  },
  'eth_getLogs [{"fromBlock":"0x2","toBlock":"0x1"}]': { why: 'geth: the range is not valid', error: -32602 },
  'eth_call [{"data":"0xfe"},"latest"]': { why: 'geth: the code did wrong, not the node', error: -32000 },
  'eth_call [{"data":"0x5b5f56"},"latest"]': { why: 'geth: the code did wrong, not the node', error: -32000 },
  'eth_call [{"data":"0x50"},"latest"]': { why: 'geth: the code did wrong, not the node', error: -32000 },
  [`eth_estimateGas [{"from":"${ANN}","data":"0xfe"}]`]: { why: 'geth: the code did wrong', error: -32000 },
  [`eth_estimateGas [{"from":"${ANN}","to":"${BOB}","value":"0x1${'0'.repeat(40)}"}]`]: {
    why: 'geth: the sender cannot pay it',
    error: -32003,
  },
  [`eth_estimateGas [{"from":"${ANN}","to":"${BOB}","gas":"0x100"}]`]: {
    why: 'geth: more is needed than is allowed',
    error: -32000,
  },
  [`eth_getProof ["${STRANGER}",["${word(0)}"],"latest"]`]: {
    why: 'geth: the proof that an empty trie lacks a slot is empty; anvil gives the empty node',
    ours: (anvil) => ({ ...anvil.result, storageProof: [{ ...anvil.result.storageProof[0], proof: [] }] }),
  },
  'eth_getTransactionByHash (saved) => [saved.early]': {
    why: 'geth: what it offers at most, as it has no block; anvil computes with the base fee of the newest block',
    ours: (anvil) => ({ ...anvil.result, gasPrice: '0xb2d05e00' }),
  },
  'eth_getBlockTransactionCountByNumber ["0xffff"]': { why: 'geth: null, as for a hash', ours: () => null },
  [`eth_getUncleCountByBlockHash ["${NOWHERE}"]`]: { why: 'geth: null, as for transactions', ours: () => null },
  '{': { why: 'JSON-RPC 2.0: what is no JSON is a parse error', error: -32700, id: null },
  '{"id":1,"method":"eth_chainId","params":[]}': { why: 'early clients leave the version out', ours: () => '0x7a69' },
  [JSON.stringify([ask, 3])]: {
    why: 'JSON-RPC 2.0: each request of a batch has its answer',
    whole: [
      { jsonrpc: '2.0', id: 1, result: '0x7a69' },
      { jsonrpc: '2.0', id: null, error: { code: -32600, data: undefined } },
    ],
  },
};

/** The whole answer of a step that differs. */
function ours({ error, id = 1, whole, ours: result }, anvil, saved) {
  if (whole !== undefined) return whole;
  if (error !== undefined) return { jsonrpc: '2.0', id, error: { code: error, data: undefined } };
  return { jsonrpc: '2.0', id, result: result(anvil, saved) };
}

const program = process.env.ENLIVEN_DEVCHAIN;
const skip = !program ? 'ENLIVEN_DEVCHAIN is not set' : !foundryTool('anvil') && 'no anvil here';

test('the embedded chain answers as anvil does', { skip }, async () => {
  // The embedded chain starts without that contract.
  const anvil = await startAnvil(['--disable-default-create2-deployer', '--enable-tx-gas-limit', '--gas-limit', '30000000']);
  const embedded = await startDevchain(program);
  try {
    // anvil leaves the base fee of block 1 at that of block 0; EIP-1559 moves it after an empty block.
    const first = await send(embedded.url, 'eth_feeHistory', ['0x1', 'latest', []]);
    await send(anvil.url, 'anvil_setNextBlockBaseFeePerGas', [first.result.baseFeePerGas[1]]);
    const [theirs, found] = [await run(anvil.url, true), await run(embedded.url, false)];
    const wrong = [];
    const used = new Set();
    for (const [index, { method, raw, says, params }] of script.entries()) {
      const key = `${index} ${method ?? raw}`;
      const [expected, got] = [theirs[index].shown, found[index].shown];
      const known = DIFFERENT[describe(script[index])];
      if (known !== undefined) {
        assert.ok(known.why);
        used.add(describe(script[index]));
      }
      const wanted = known === undefined ? expected : ours(known, expected, found.saved);
      try {
        assert.deepEqual(got, wanted);
        if (known !== undefined) assert.notDeepEqual(got, expected, 'it is listed as different, and is not');
        if (says !== undefined) {
          assert.match(theirs[index].message ?? '', says);
          assert.match(found[index].message ?? '', says);
        }
      } catch (error) {
        const told = `${theirs[index].message ?? ''} | ${found[index].message ?? ''}`;
        wrong.push(`${key} ${typeof params === 'function' ? '' : JSON.stringify(params)}\n${told}\n${error.message}`);
      }
    }
    assert.deepEqual(Object.keys(DIFFERENT).filter((key) => !used.has(key)), [], 'steps that are not in the script');
    assert.equal(wrong.length, 0, `${wrong.length} of ${script.length} answers differ:\n\n${wrong.join('\n\n')}`);
    for (const { url } of [anvil, embedded]) {
      const { stateRoot } = (await send(url, 'eth_getBlockByNumber', ['latest', false])).result;
      const { accountProof } = (await send(url, 'eth_getProof', [TOKEN, [], 'latest'])).result;
      assert.equal(keccak256(accountProof[0]), stateRoot);
    }
    assert.ok(script.length >= 280);
  } finally {
    anvil.stop();
    embedded.stop();
  }
});

test('subscriptions bring what anvil brings', { skip }, async () => {
  const anvil = await startAnvil(['--disable-default-create2-deployer', '--gas-limit', '30000000']);
  const embedded = await startDevchain(program);
  try {
    const first = await send(embedded.url, 'eth_feeHistory', ['0x1', 'latest', []]);
    await send(anvil.url, 'anvil_setNextBlockBaseFeePerGas', [first.result.baseFeePerGas[1]]);
    const [theirs, found] = [await follow(anvil.url), await follow(embedded.url)];
    assert.deepEqual(found, theirs);
    assert.deepEqual(Object.values(found.notes).map((list) => list.length), [3, 3, 4, 1]);
  } finally {
    anvil.stop();
    embedded.stop();
  }
});

/** What a connection gets: the answers, and the notifications of each subscription in their order. */
async function follow(url) {
  const provider = new WebSocketProvider(url.replace('http', 'ws'));
  await provider.getNetwork();
  const messages = [];
  const socket = provider.websocket;
  const handler = socket.onmessage;
  socket.onmessage = (message) => {
    messages.push(JSON.parse(message.data));
    handler.call(socket, message);
  };
  const names = new Map();
  const errors = [];
  const topics = [{ address: getCreateAddress({ from: ANN, nonce: 0 }) }, { topics: [TRANSFER, null, zeroPadValue(BOB, 32)] }];
  for (const params of [['newHeads'], ['newPendingTransactions'], ['logs', topics[0]], ['logs', topics[1]]]) {
    names.set(await provider.send('eth_subscribe', params), JSON.stringify(params));
  }
  for (const params of [['tea'], []]) {
    errors.push(await provider.send('eth_subscribe', params).then(() => 'taken', (error) => error.error.code));
  }
  const calls = [
    await signed(0, { data: deployment(), gasLimit: 4_000_000 }),
    await signed(1, { to: topics[0].address, data: call('mintBatch', ANN, 2), gasLimit: 500_000 }),
    await signed(2, { to: topics[0].address, data: call('mintBatch', BOB, 1), gasLimit: 500_000 }),
  ];
  for (const raw of calls) {
    await mined(url, await provider.send('eth_sendRawTransaction', [raw]));
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  const ends = [];
  for (const id of names.keys()) ends.push(await provider.send('eth_unsubscribe', [id]));
  ends.push(await provider.send('eth_unsubscribe', [[...names.keys()][0]]));
  const notes = Object.fromEntries([...names.values()].map((name) => [name, []]));
  const labels = new Map();
  for (const { method, params } of messages) {
    if (method === undefined) continue;
    assert.equal(method, 'eth_subscription');
    // anvil's heads also hold what is in the block; geth's are headers.
    const { transactions, uncles, withdrawals, ...head } = params.result;
    const isHead = head.parentHash !== undefined;
    if (isHead) label(labels, head.parentHash);
    notes[names.get(params.subscription)].push(isHead ? head : params.result);
  }
  await provider.destroy();
  return { errors, ends, notes: normalise(notes, labels) };
}

/** The name of a step in DIFFERENT. */
function describe({ method, raw, params }) {
  if (raw !== undefined) return raw;
  return typeof params === 'function' ? `${method} ${params}` : `${method} ${JSON.stringify(params)}`;
}

async function post(url, text) {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: text });
  const found = await answer.text();
  return found === '' ? null : JSON.parse(found);
}

function send(url, method, params) {
  return post(url, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
}

async function mined(url, hash) {
  for (let tries = 0; tries < 500; tries += 1) {
    if ((await send(url, 'eth_getTransactionReceipt', [hash])).result) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${url} does not mine ${hash}`);
}

/** Runs the script on one chain: the answers with what must differ made equal, and the messages of errors. */
async function run(url, isAnvil) {
  const saved = {};
  const labels = new Map();
  const answers = [];
  for (const { method, params, raw, save, time, mend, waits } of script) {
    const answer =
      raw !== undefined ? await post(url, raw) : await send(url, method, typeof params === 'function' ? await params(saved) : params);
    // anvil answers before it has mined.
    if (/^eth_send/.test(method) && answer.error === undefined && !waits) await mined(url, answer.result);
    if (save !== undefined) {
      assert.ok(answer.error === undefined, `${url} ${method}: ${JSON.stringify(answer.error)}`);
      saved[save] = answer.result;
      if (/^eth_new.*Filter$/.test(method)) labels.set(answer.result, `filter ${save}`);
    }
    if (mend !== undefined && isAnvil) await send(url, ...mend(saved));
    answers.push({ shown: normalise(answer, labels, time), message: answer?.error?.message });
  }
  answers.saved = normalise(saved, labels);
  return answers;
}

function normalise(value, labels, time, name = '') {
  if (Array.isArray(value)) return value.map((entry) => normalise(entry, labels, time, name));
  if (value !== null && typeof value === 'object') {
    if (value.message !== undefined && value.code !== undefined) return { code: value.code, data: value.data };
    // A block's own hash, before anything names it.
    if (value.parentHash !== undefined) label(labels, value.hash);
    if (value.blockHash) label(labels, value.blockHash);
    if (value.cumulativeGasUsed !== undefined) {
      const { blobGasPrice, blockTimestamp, ...rest } = value;
      value = rest;
    }
    if (value.accountProof !== undefined) value = { ...value, accountProof: value.accountProof.slice(1) };
    const fields = Object.entries(value).map(([key, entry]) => [key, normalise(entry, labels, time, key)]);
    return Object.fromEntries(fields);
  }
  const kind = name === 'blockTimestamp' ? 'timestamp' : name;
  if (typeof value === 'string' && HIDDEN.has(kind) && !(kind === 'timestamp' && time)) {
    assert.ok(NORMALISED[kind]);
    return `<${kind}>`;
  }
  if (typeof value === 'string' && labels.has(value)) return `<${labels.get(value)}>`;
  return value;
}

function label(labels, hash) {
  if (!labels.has(hash)) labels.set(hash, `block hash ${labels.size}`);
}
