// Writes web/verify.js: all of src and what it imports as one readable module. With --check it writes nothing, and
// fails if the file is not what it would write.

import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "../../web/verify.js");

const { outputFiles, metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/index.ts"],
  bundle: true,
  format: "esm",
  target: "es2022",
  platform: "browser",
  charset: "utf8",
  legalComments: "eof",
  metafile: true,
  write: false,
});

const [{ inputs }] = Object.values(metafile.outputs);
const text = `// Generated from verifiers/typescript by \`npm run build\`. It contains:\n${await contents(inputs)}${outputFiles[0].text}`;

if (!process.argv.includes("--check")) {
  await writeFile(target, text);
  console.log(`wrote web/verify.js, ${text.length} bytes`);
} else if ((await readFile(target, "utf8").catch(() => "")) !== text) {
  console.error("web/verify.js is not what verifiers/typescript makes (hint: run `npm run build` there)");
  process.exitCode = 1;
}

/** The packages that are part of the bundle, a comment for each. */
async function contents(inputs) {
  const found = Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const names = found.map(([path]) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  let lines = "";
  for (const name of [...new Set(names)].filter(Boolean).sort()) {
    const { version, license } = JSON.parse(await readFile(join(here, "node_modules", name, "package.json"), "utf8"));
    lines += `//   ${name} ${version} (${license})\n`;
  }
  return lines;
}
