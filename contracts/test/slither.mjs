// Runs slither, and compares what it finds (above informational) with slither.json, where each finding is
// explained. Exits 1 for a finding that is not, and for an explanation of nothing.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { foundryTool } from './support/chain.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const slither = process.argv[2] ?? 'slither';

const run = spawnSync(slither, ['.', '--foundry-out-directory', 'node_modules/.forge/slither', '--json', '-'], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 1 << 28,
  env: { ...process.env, FOUNDRY_PROFILE: 'slither', PATH: `${dirname(foundryTool('forge'))}:${process.env.PATH}` },
});
if (run.error) throw run.error;
const start = run.stdout.indexOf('{"success"');
if (start < 0) {
  console.error(run.stderr);
  throw new Error('slither did not answer');
}
const answer = JSON.parse(run.stdout.slice(start));
if (!answer.success) throw new Error(answer.error);

const name = ({ check, function: where }) => `${check} in ${where}`;
const found = new Set(
  (answer.results.detectors ?? []).map(({ check, elements }) => {
    const inside = elements.map(functionOf).find((one) => one !== undefined) ?? elements[0]?.name;
    return name({ check, function: inside });
  }),
);
const explained = new Set(JSON.parse(readFileSync(join(root, 'test/slither.json'), 'utf8')).map(name));
const unexplained = [...found].filter((one) => !explained.has(one));
const outdated = [...explained].filter((one) => !found.has(one));
for (const one of unexplained) console.error(`not explained: ${one}`);
for (const one of outdated) console.error(`explained, but not found: ${one}`);
console.log(`slither: ${found.size} findings above informational, ${found.size - unexplained.length} explained`);
process.exit(unexplained.length + outdated.length === 0 ? 0 : 1);

/** "Contract.function(types)" of an element that is a function or stands in one. */
function functionOf({ type, type_specific_fields: fields }) {
  const [own, parent] = [fields, fields?.parent];
  if (type === 'function') return `${own.parent.name}.${own.signature}`;
  if (parent?.type !== 'function') return undefined;
  return `${parent.type_specific_fields.parent.name}.${parent.type_specific_fields.signature}`;
}
