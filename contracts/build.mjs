// Compiles the contracts to artifacts/<Name>.json and writes what the compiler was given to
// artifacts/standard-input.json, which is what block explorers ask for; or, with --check, says which of those
// files is stale.
//
// The compiler is the pinned npm `solc` (WebAssembly), so that the same sources give the same bytes on
// every machine. Sources are named by their path below this folder, never by where the folder is.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));
const artifacts = join(here, 'artifacts');

/** The contracts whose artifacts are checked in. */
const CONTRACTS = ['EpochOracle', 'LivingToken', 'NaiveTraitToken', 'NaiveURIToken'];

/** The hard fork whose instructions the bytecode may use. (That for cancun was compared: it is the same.) */
const EVM_VERSION = 'osaka';

/** How often the optimizer supposes each instruction to run: posting is what recurs, deploying is not. */
const OPTIMIZER_RUNS = 100_000;

main();

function main() {
  const args = process.argv.slice(2);
  const check = args.includes('--check');
  const unknown = args.find((argument) => argument !== '--check');
  if (unknown !== undefined) fail(`unknown argument \`${unknown}\` (available: --check)`);

  const files = compile();
  if (check) {
    checkFiles(files);
    console.error(`${files.size} artifacts are up to date`);
    return;
  }
  mkdirSync(artifacts, { recursive: true });
  for (const [path, text] of files) {
    writeFileSync(path, text);
    console.error(`wrote ${relative(here, path)}`);
  }
}

/** The text of each file by its path. */
function compile() {
  const solc = loadCompiler();
  const input = {
    language: 'Solidity',
    sources: readSources(solc),
    settings: {
      evmVersion: EVM_VERSION,
      viaIR: true,
      optimizer: { enabled: true, runs: OPTIMIZER_RUNS },
      // Without a hash of the sources' metadata, a comment changes no bytecode.
      metadata: { bytecodeHash: 'none' },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const messages = output.errors ?? [];
  for (const message of messages) console.error(message.formattedMessage);
  if (messages.length > 0) fail('the compiler reported errors or warnings (see above)');

  const files = new Map([[join(artifacts, 'standard-input.json'), `${JSON.stringify(input)}\n`]]);
  for (const name of CONTRACTS) {
    const contract = output.contracts[`src/${name}.sol`][name];
    const artifact = {
      contractName: name,
      compiler: solc.version(),
      evmVersion: EVM_VERSION,
      optimizerRuns: OPTIMIZER_RUNS,
      abi: contract.abi,
      bytecode: `0x${contract.evm.bytecode.object}`,
      deployedBytecode: `0x${contract.evm.deployedBytecode.object}`,
    };
    files.set(join(artifacts, `${name}.json`), `${JSON.stringify(artifact, null, 2)}\n`);
  }
  return files;
}

function loadCompiler() {
  try {
    return require('solc');
  } catch {
    return fail('the compiler is not installed', 'npm ci');
  }
}

function checkFiles(files) {
  const stale = [];
  for (const [path, text] of files) {
    if (!existsSync(path) || readFileSync(path, 'utf8') !== text) stale.push(relative(here, path));
  }
  for (const name of existsSync(artifacts) ? readdirSync(artifacts) : []) {
    if (!files.has(join(artifacts, name))) stale.push(`artifacts/${name} (no such contract)`);
  }
  if (stale.length > 0) fail(`stale: ${stale.join(', ')}`, 'npm run build');
}

/** Our own sources, and those of packages that they import, by their names. The compiler itself says which. */
function readSources(solc) {
  const sources = {};
  for (const path of solidityFiles(join(here, 'src'))) {
    sources[sourceName(path)] = { content: readFileSync(path, 'utf8') };
  }
  // Without outputs it reads and checks, and generates nothing.
  const parse = { language: 'Solidity', sources: { ...sources }, settings: { outputSelection: {} } };
  const readImport = (name) => {
    try {
      const content = readFileSync(require.resolve(name), 'utf8');
      sources[name] = { content };
      return { contents: content };
    } catch {
      return { error: `no file \`${name}\` (hint: run npm ci)` };
    }
  };
  const output = JSON.parse(solc.compile(JSON.stringify(parse), { import: readImport }));
  const errors = (output.errors ?? []).filter((message) => message.severity === 'error');
  for (const message of errors) console.error(message.formattedMessage);
  if (errors.length > 0) fail('the sources have errors (see above)');
  return Object.fromEntries(Object.entries(sources).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function solidityFiles(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.sol'))
    .sort()
    .map((name) => resolve(folder, name));
}

function sourceName(path) {
  return relative(here, path).split(sep).join('/');
}

function fail(message, hint) {
  console.error(`error: ${message}`);
  if (hint !== undefined) console.error(`hint: run ${hint}`);
  process.exit(1);
}
