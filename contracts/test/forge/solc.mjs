#!/usr/bin/env node
// The pinned npm compiler as the command that forge, halmos and slither expect: `--version`, and
// `--standard-json` from stdin to stdout.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const solc = require('solc');
const args = process.argv.slice(2);

if (args.includes('--version')) {
  console.log('solc, the solidity compiler commandline interface');
  console.log(`Version: ${solc.version().replace('.Emscripten.clang', '.Linux.g++')}`);
} else if (args.includes('--standard-json')) {
  process.stdout.write(solc.compile(readFileSync(0, 'utf8'), { import: readImport }));
} else {
  console.error(`solc.mjs: unknown arguments \`${args.join(' ')}\` (available: --version, --standard-json)`);
  process.exit(1);
}

/** A source that the input does not hold: a package's, or one of ours. */
function readImport(name) {
  try {
    const path = name.startsWith('@') ? require.resolve(name) : join(root, name);
    return { contents: readFileSync(path, 'utf8') };
  } catch {
    return { error: `no file \`${name}\`` };
  }
}
