// Deploys the contracts from the checked-in artifacts, and builds and signs reports for them.

import { readFileSync } from 'node:fs';
import { Contract, ContractFactory, Wallet, concat, id } from 'ethers';

/** The EIP-712 types of a report, written here a second time on purpose. */
export const REPORT_TYPES = {
  Report: [
    { name: 'epoch', type: 'uint64' },
    { name: 'configCount', type: 'uint64' },
    { name: 'validUntil', type: 'uint64' },
    { name: 'previousRoot', type: 'bytes32' },
    { name: 'stateRoot', type: 'bytes32' },
    { name: 'directory', type: 'bytes32' },
    { name: 'receiptsRoot', type: 'bytes32' },
    { name: 'model', type: 'bytes32' },
    { name: 'manifest', type: 'bytes32' },
    { name: 'cut', type: 'bytes32' },
  ],
};

/** The types of a report with hot traits. */
export const HOT_REPORT_TYPES = {
  HotReport: [
    { name: 'report', type: 'Report' },
    { name: 'hot', type: 'bytes32' },
  ],
  ...REPORT_TYPES,
};

export function artifact(name) {
  return JSON.parse(readFileSync(new URL(`../../artifacts/${name}.json`, import.meta.url), 'utf8'));
}

export async function deploy(chain, name, ...args) {
  const { abi, bytecode } = artifact(name);
  const contract = await new ContractFactory(abi, bytecode, chain.signer).deploy(...args);
  await contract.waitForDeployment();
  return new Contract(await contract.getAddress(), abi, chain.signer);
}

/** Sends a transaction and returns its receipt. */
export async function send(transaction) {
  return (await transaction).wait();
}

/** The same `count` signers in every run. */
export function committee(count) {
  return Array.from({ length: count }, (_, index) => new Wallet(id(`enliven test signer ${index}`)));
}

export function addresses(wallets) {
  return wallets.map((wallet) => wallet.address);
}

/** The settings of an oracle, with the given ones in place of the plain ones. */
export function oracleConfig(fields = {}) {
  return {
    configCount: 1n,
    minInterval: 0,
    threshold: 3,
    signers: addresses(committee(4)),
    group: { x: 0n, y: 0n },
    definitions: [],
    ...fields,
  };
}

/** A token, its oracle and their committee; the test account owns, guards and mints. */
export async function collection(
  chain,
  { size = 4, threshold = 3, minted = 3, guardian, delay = 0, config = {} } = {},
) {
  const token = await deploy(
    chain,
    'LivingToken',
    'Living',
    'LIVE',
    chain.address,
    chain.address,
    250,
    guardian ?? chain.address,
    delay,
  );
  const wallets = committee(size);
  const settings = oracleConfig({ threshold, signers: addresses(wallets), ...config });
  const oracle = await deploy(chain, 'EpochOracle', await token.getAddress(), settings);
  await send(token.setOracle(await oracle.getAddress()));
  if (minted > 0) await send(token.mintBatch(chain.address, minted));
  return { token, oracle, wallets, domain: await domainOf(chain, oracle), settings };
}

/** Another oracle of the same token, proposed and taken on. */
export async function rotate(chain, setup, { wallets = setup.wallets, ...fields } = {}) {
  const { token, settings } = setup;
  const next = { ...settings, configCount: settings.configCount + 1n, signers: addresses(wallets), ...fields };
  const oracle = await deploy(chain, 'EpochOracle', await token.getAddress(), next);
  const call = token.interface.encodeFunctionData('setOracle', [await oracle.getAddress()]);
  await send(token.propose(call));
  const receipt = await send(token.setOracle(await oracle.getAddress()));
  return { ...setup, oracle, wallets, domain: await domainOf(chain, oracle), settings: next, receipt };
}

export async function domainOf(chain, oracle) {
  const { chainId } = await chain.provider.getNetwork();
  return { name: 'Enliven EpochOracle', version: '1', chainId, verifyingContract: await oracle.getAddress() };
}

/** A valid report of the epoch that follows, with the given fields in place of its own. */
export async function nextReport(chain, { oracle, token }, fields = {}) {
  const [epoch, previousRoot] = await token.last();
  const number = epoch + 1n;
  const { timestamp } = await chain.provider.getBlock('latest');
  return {
    epoch: number,
    configCount: await oracle.configCount(),
    validUntil: BigInt(timestamp) + 3600n,
    previousRoot,
    stateRoot: id(`state ${number}`),
    directory: id(`directory ${number}`),
    receiptsRoot: id(`receipts ${number}`),
    model: id('model'),
    manifest: id('manifest'),
    cut: id(`cut ${number}`),
    ...fields,
  };
}

/** The bitmap and the concatenated signatures of the signers at `indexes`, in that order. */
export async function sign(domain, wallets, indexes, report) {
  let bitmap = 0n;
  const signatures = [];
  for (const index of indexes) {
    bitmap |= 1n << BigInt(index);
    signatures.push(await wallets[index].signTypedData(domain, REPORT_TYPES, report));
  }
  return { bitmap, signatures: concat(signatures) };
}

/** Signs and posts the next epoch, and returns its report and its receipt. */
export async function postNext(chain, setup, indexes, fields = {}) {
  const { oracle, wallets, domain } = setup;
  const report = await nextReport(chain, setup, fields);
  const { bitmap, signatures } = await sign(domain, wallets, indexes, report);
  return { report, receipt: await send(oracle.postCommittee(report, bitmap, signatures)) };
}

/** Asserts that a call reverts with the custom error (of one of the contracts) and, if given, its arguments. */
export async function reverts(assert, contracts, call, name, args) {
  let failure;
  try {
    await call;
  } catch (error) {
    failure = error;
  }
  assert.ok(failure, `expected a revert with ${name}, but the call succeeded`);
  assert.ok(failure.data, `expected a revert with ${name}, not: ${failure.message}`);
  const parsed = [contracts].flat().reduce((found, one) => found ?? one.interface.parseError(failure.data), null);
  assert.equal(parsed?.name, name, `expected ${name}, got ${parsed?.name} ${failure.data}`);
  if (args !== undefined) assert.deepEqual([...parsed.args], args);
}
