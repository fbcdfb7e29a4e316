import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Interface } from 'ethers';
import { artifact } from './support/contracts.mjs';

test('the artifacts are what the sources compile to', () => {
  const build = fileURLToPath(new URL('../build.mjs', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [build, '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

test('the functions that others call have these signatures', () => {
  const report = '(uint64,uint64,uint64,bytes32,bytes32,bytes32,bytes32,bytes32,bytes32,bytes32)';
  const wanted = {
    EpochOracle: [
      `post(${report},uint64,bytes)`,
      `reportDigest(${report})`,
      'setConfig(address[],uint8)',
      'setGuardian(address)',
      'pause()',
      'unpause()',
      'last()',
      'epoch()',
      'stateRoot()',
      'directory()',
      'signers()',
      'threshold()',
      'configCount()',
    ],
    LivingToken: [
      'mintBatch(address,uint256)',
      'setOracle(address)',
      'announce()',
      'tokenURI(uint256)',
      'contractURI()',
      'totalMinted()',
      'verifyTraits(uint256,uint64,bytes32,bytes32,bytes32[],bytes32[])',
      'royaltyInfo(uint256,uint256)',
    ],
    NaiveURIToken: ['mintBatch(address,uint256)', 'setTokenURIs(uint256[],string[])'],
  };
  for (const [name, signatures] of Object.entries(wanted)) {
    const { abi } = artifact(name);
    const contract = new Interface(abi);
    for (const signature of signatures) assert.ok(contract.hasFunction(signature), `${name}.${signature}`);
  }
});
