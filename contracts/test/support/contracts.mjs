// Deploys the contracts from the checked-in artifacts, and builds and signs reports for them.

import { readFileSync } from 'node:fs';
import { Contract, ContractFactory, Wallet, ZeroAddress, ZeroHash, concat, id } from 'ethers';

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

/** A token, its oracle and their committee; the test account owns, guards and mints. */
export async function collection(chain, { size = 4, threshold = 3, minted = 3, guardian, predecessor } = {}) {
  const token = await deploy(chain, 'LivingToken', 'Living', 'LIVE', chain.address, chain.address, 250);
  const wallets = committee(size);
  const oracle = await deploy(
    chain,
    'EpochOracle',
    chain.address,
    guardian ?? chain.address,
    await token.getAddress(),
    addresses(wallets),
    threshold,
    predecessor ?? ZeroAddress,
  );
  await send(token.setOracle(await oracle.getAddress()));
  if (minted > 0) await send(token.mintBatch(chain.address, minted));
  return { token, oracle, wallets, domain: await domainOf(chain, oracle) };
}

export async function domainOf(chain, oracle) {
  const { chainId } = await chain.provider.getNetwork();
  return { name: 'Enliven EpochOracle', version: '1', chainId, verifyingContract: await oracle.getAddress() };
}

/** A valid report of the epoch that follows, with the given fields in place of its own. */
export async function nextReport(chain, oracle, fields = {}) {
  const [epoch, previousRoot] = await oracle.last();
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
export async function postNext(chain, { oracle, wallets, domain }, indexes, fields = {}) {
  const report = await nextReport(chain, oracle, fields);
  const { bitmap, signatures } = await sign(domain, wallets, indexes, report);
  return { report, receipt: await send(oracle.post(report, bitmap, signatures)) };
}

/** Asserts that a call reverts with the custom error and, if given, its arguments. */
export async function reverts(assert, contract, call, name, args) {
  let failure;
  try {
    await call;
  } catch (error) {
    failure = error;
  }
  assert.ok(failure, `expected a revert with ${name}, but the call succeeded`);
  assert.ok(failure.data, `expected a revert with ${name}, not: ${failure.message}`);
  const parsed = contract.interface.parseError(failure.data);
  assert.equal(parsed?.name, name, `expected ${name}, got ${parsed?.name} ${failure.data}`);
  if (args !== undefined) assert.deepEqual([...parsed.args], args);
}

export { ZeroAddress, ZeroHash };
