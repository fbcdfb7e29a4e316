// The modules of src, each as a name space, for tests of the parts.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const NAMES = ["bytes", "car", "cbor", "cid", "dagpb", "directory", "evidence", "murmur3", "quorum", "receipts", "trie"];

const contents = NAMES.map((name) => `export * as ${name} from "./src/${name}.ts";`).join("\n");
const resolveDir = join(dirname(fileURLToPath(import.meta.url)), "..");
const folder = await mkdtemp(join(tmpdir(), "enliven-verifier-"));
const outfile = join(folder, "inside.mjs");
await build({ stdin: { contents, resolveDir, loader: "ts" }, bundle: true, format: "esm", target: "es2022", outfile });
export const inside = await import(pathToFileURL(outfile).href);
await rm(folder, { recursive: true });
