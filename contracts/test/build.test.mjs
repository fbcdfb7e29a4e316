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
      `postCommittee(${report},uint64,bytes)`,
      `postCommitteeHot(${report},bytes,uint64,bytes)`,
      `postByGroup(${report},bytes32,bytes32,bytes32)`,
      `postByGroupHot(${report},bytes,bytes32,bytes32,bytes32)`,
      `eject(${report},bytes32,bytes,${report},bytes32,bytes)`,
      `reportDigest(${report})`,
      `hotReportDigest(${report},bytes32)`,
      'token()',
      'signers()',
      'threshold()',
      'configCount()',
    ],
    LivingToken: [
      'advance(uint64,uint32,bytes32,bytes32,bytes32)',
      'advanceHot(uint64,uint32,bytes32,bytes32,bytes32,bytes)',
      'degrade()',
      'mintBatch(address,uint256)',
      'setOracle(address)',
      'setTraits(bytes32[],bytes32,string)',
      'propose(bytes)',
      'veto(bytes)',
      'setGuardian(address)',
      'pause()',
      'unpause()',
      'freeze(uint256)',
      'unfreeze(uint256)',
      'optOut(uint256)',
      'optIn(uint256)',
      'tokenURI(uint256)',
      'contractURI()',
      'totalMinted()',
      'last()',
      'epoch()',
      'stateRoot()',
      'directory()',
      'verifyTraits(uint256,uint64,bytes32,bytes32,bytes32[],bytes32[])',
      'verifyTraitsBatch((uint256,uint64,bytes32,bytes32,bytes32[])[],bytes32[],bool[])',
      'materialise(uint256,uint64,bytes32,bytes32,bytes32[],bytes32[],uint256)',
      'materialiseBatch((uint256,uint64,bytes32,bytes32,bytes32[])[],bytes32[],bool[],uint256)',
      'hotTrait(uint256)',
      'getTraitValue(uint256,bytes32)',
      'royaltyInfo(uint256,uint256)',
    ],
    NaiveTraitToken: ['mintBatch(address,uint256)', 'setTraits(bytes32,uint256[],bytes32[])'],
    NaiveURIToken: ['mintBatch(address,uint256)', 'setTokenURIs(uint256[],string[])'],
  };
  for (const [name, signatures] of Object.entries(wanted)) {
    const { abi } = artifact(name);
    const contract = new Interface(abi);
    for (const signature of signatures) assert.ok(contract.hasFunction(signature), `${name}.${signature}`);
  }
});
