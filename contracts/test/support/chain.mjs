// A chain to test against: anvil on a free port, or the endpoint that ENLIVEN_RPC names.

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { JsonRpcProvider, NonceManager, Wallet } from 'ethers';

const require = createRequire(import.meta.url);

/** The first account of every anvil: public, and worth nothing anywhere else. */
const ANVIL_KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';

const START_LIMIT_MS = 20_000;

/**
 * Starts a chain. `signer` is a funded account whose transactions go out in order; call `stop` at the end.
 */
export async function startChain() {
  const node = process.env.ENLIVEN_RPC ? { url: process.env.ENLIVEN_RPC, stop() {} } : await startAnvil();
  const key = process.env.ENLIVEN_KEY ?? ANVIL_KEY;
  // One call per request and no cache: the plainest use of the protocol.
  const provider = new JsonRpcProvider(node.url, undefined, {
    batchMaxCount: 1,
    cacheTimeout: -1,
    pollingInterval: 50,
  });
  const wallet = new Wallet(key, provider);
  return {
    url: node.url,
    key,
    provider,
    address: wallet.address,
    signer: new NonceManager(wallet),
    stop() {
      provider.destroy();
      node.stop();
    },
  };
}

/**
 * The path of a native tool of foundry, or undefined where its npm package does not install: the packages
 * for Linux on x64 are named directly, as those for other platforms are not all published.
 */
export function foundryTool(name) {
  try {
    return require.resolve(`@foundry-rs/${name}-linux-amd64/bin/${name}`);
  } catch {
    return undefined;
  }
}

/** Starts anvil on a free port; `url` is its address, `stop` ends it. */
export async function startAnvil(args = []) {
  const anvil = foundryTool('anvil');
  if (anvil === undefined) throw new Error('no anvil for this platform (hint: set ENLIVEN_RPC to any dev chain)');
  const found = await start('anvil', anvil, ['--port', '0', '--hardfork', 'osaka', ...args], /Listening on (\S+)/);
  return { ...found, url: `http://${found.match}` };
}

/** Starts the embedded chain on a free port, from the program that the example `devchain` was built to. */
export async function startDevchain(program) {
  const found = await start('devchain', program, ['0'], /(http:\S+) chain/, 'ignore');
  return { ...found, url: found.match };
}

function start(name, program, args, pattern, errors = 'inherit') {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', errors] });
  process.once('exit', () => child.kill());
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill();
      reject(new Error(`${name} did not listen within ${START_LIMIT_MS} ms`));
    }, START_LIMIT_MS);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${name} ended with code ${code} before it listened`)));
    let text = '';
    child.stdout.on('data', (chunk) => {
      text = (text + chunk).slice(-4096);
      const listening = pattern.exec(text);
      if (listening === null) return;
      clearTimeout(timer);
      resolve({ match: listening[1], stop: () => child.kill() });
    });
  });
}
