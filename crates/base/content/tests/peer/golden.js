// Recomputes the golden CIDs of the content crate with ipfs-unixfs-importer, and a CAR file with @ipld/car.
//
//   node golden.js            writes ../golden/unixfs.json and ../golden/directory.car
//   node golden.js --check    compares with them and fails on a difference
//
// Entry i of a directory is the raw block of the text "entry i"; byte j of a file is (j * 31 + 7) % 251.

import { readFile, writeFile } from 'node:fs/promises'
import { CarBufferWriter } from '@ipld/car'
import * as dagPb from '@ipld/dag-pb'
import { BlackHoleBlockstore } from 'blockstore-core/black-hole'
import { MemoryBlockstore } from 'blockstore-core/memory'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'

const GOLDEN = new URL('../golden/unixfs.json', import.meta.url)
const CAR = new URL('../golden/directory.car', import.meta.url)
const KIB = 1024
const MIB = 1024 * KIB

// A directory has `entries` files named "<i><suffix>", i padded with zeros to `digits`; `last` replaces the last name.
// `below` puts a directory of that many entries under the name "sub" and a file of 1 MiB + 1 bytes under "big.bin".
const DIRECTORIES = [
  { case: 'empty directory', entries: 0 },
  { case: 'one entry', entries: 1 },
  { case: '10 entries', entries: 10 },
  { case: '339 entries', entries: 339 },
  { case: 'a subdirectory', entries: 3, below: 10 },
  { case: 'a sharded subdirectory', entries: 3, below: 6000 },
  { case: 'names beyond ASCII', entries: 20, suffix: ' \u00e9\u{1f600}z' },
  { case: 'a flat block of exactly 256 KiB', entries: 5140, digits: 7, suffix: '' },
  { case: 'a flat block of 256 KiB and one byte', entries: 5140, digits: 7, suffix: '', last: '0005139x' },
  { case: '6,000 entries', entries: 6000 },
  { case: '40,000 entries', entries: 40000 }
]

const FILES = [
  { case: 'empty file', bytes: 0 },
  { case: 'one byte', bytes: 1 },
  { case: '1 MiB', bytes: MIB },
  { case: '1 MiB + 1', bytes: MIB + 1 },
  { case: '5 MiB', bytes: 5 * MIB },
  { case: 'four full leaves in one node', bytes: 64, chunk_bytes: 16, width: 4 },
  { case: 'a fifth leaf makes a second level', bytes: 65, chunk_bytes: 16, width: 4 },
  { case: 'three levels', bytes: 1000, chunk_bytes: 16, width: 4 }
]

function fileBytes (length) {
  const bytes = new Uint8Array(length)
  for (let j = 0; j < length; j++) {
    bytes[j] = (j * 31 + 7) % 251
  }
  return bytes
}

function * directoryEntries (folder, { entries, digits = 0, suffix = '.json', last }) {
  for (let i = 0; i < entries; i++) {
    const plain = `${String(i).padStart(digits, '0')}${suffix}`
    const name = last != null && i === entries - 1 ? last : plain
    yield { path: `${folder}/${name}`, content: new TextEncoder().encode(`entry ${i}`) }
  }
}

function * directorySource (definition) {
  if (definition.entries === 0) {
    yield { path: 'root' }
    return
  }
  // The importer passes over subdirectories when it weighs their parent, so parents stay far below the threshold here.
  if (definition.below != null) {
    yield * directoryEntries('root/sub', { entries: definition.below })
    yield { path: 'root/big.bin', content: fileBytes(MIB + 1) }
  }
  yield * directoryEntries('root', definition)
}

async function lastOf (source, options) {
  let last
  const settings = { profile: 'unixfs-v1-2025', ...options }
  for await (const entry of importer(source, new BlackHoleBlockstore(), settings)) {
    last = entry
  }
  return { cid: last.cid.toString(), size: Number(last.size) }
}

async function compute () {
  const directories = []
  for (const definition of DIRECTORIES) {
    directories.push({ ...definition, ...await lastOf(directorySource(definition)) })
  }
  const files = []
  for (const definition of FILES) {
    const options = definition.chunk_bytes == null
      ? {}
      : {
          chunker: fixedSize({ chunkSize: definition.chunk_bytes }),
          layout: balanced({ maxChildrenPerNode: definition.width })
        }
    files.push({ ...definition, ...await lastOf([{ content: fileBytes(definition.bytes) }], options) })
  }
  const peer = JSON.parse(await readFile(new URL('package.json', import.meta.url), 'utf8'))
  return {
    peer: `ipfs-unixfs-importer ${peer.dependencies['ipfs-unixfs-importer']}`,
    profile: 'unixfs-v1-2025',
    directories,
    files
  }
}

async function bytesOf (blocks, cid) {
  const parts = []
  for await (const part of blocks.get(cid)) parts.push(part)
  return Buffer.concat(parts)
}

// A directory with a subdirectory and a file of several chunks, each block once and before what it links to.
async function computeCar () {
  const blocks = new MemoryBlockstore()
  const source = function * () {
    yield * directoryEntries('root', { entries: 3 })
    yield * directoryEntries('root/sub', { entries: 2 })
    yield { path: 'root/long.bin', content: fileBytes(100) }
  }
  let root
  const settings = { profile: 'unixfs-v1-2025', chunker: fixedSize({ chunkSize: 16 }), layout: balanced({ maxChildrenPerNode: 4 }) }
  for await (const entry of importer(source(), blocks, settings)) root = entry.cid
  const found = new Map()
  const visit = async cid => {
    if (found.has(cid.toString())) return
    const bytes = await bytesOf(blocks, cid)
    found.set(cid.toString(), { cid, bytes })
    if (cid.code !== dagPb.code) return
    for (const link of dagPb.decode(bytes).Links) await visit(link.Hash)
  }
  await visit(root)
  const writer = CarBufferWriter.createWriter(new ArrayBuffer(1 << 16), { roots: [root] })
  for (const block of found.values()) writer.write(block)
  return Buffer.from(writer.close({ resize: true }))
}

const text = `${JSON.stringify(await compute(), null, 2)}\n`
const car = await computeCar()
if (!process.argv.includes('--check')) {
  await writeFile(GOLDEN, text)
  await writeFile(CAR, car)
  console.error('wrote tests/golden/unixfs.json and tests/golden/directory.car')
} else if (text !== await readFile(GOLDEN, 'utf8') || !car.equals(await readFile(CAR))) {
  console.error('tests/golden differs from what the peers compute (hint: run `node golden.js`, then look at the difference)')
  process.exitCode = 1
} else {
  console.error('tests/golden agrees with the importer and the CAR writer')
}
