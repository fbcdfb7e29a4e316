// Generated from verifiers/typescript by `npm run build`. It contains:
//   @noble/curves 2.4.0 (MIT)
//   @noble/hashes 2.4.0 (MIT)
// node_modules/@noble/hashes/_u64.js
var U32_MASK64 = /* @__PURE__ */ (() => BigInt(2 ** 32 - 1))();
var _32n = /* @__PURE__ */ BigInt(32);
function fromBig(n, le = false) {
  if (le)
    return { h: Number(n & U32_MASK64), l: Number(n >> _32n & U32_MASK64) };
  return { h: Number(n >> _32n & U32_MASK64) | 0, l: Number(n & U32_MASK64) | 0 };
}
function split(lst, le = false) {
  const len = lst.length;
  let Ah = new Uint32Array(len);
  let Al = new Uint32Array(len);
  for (let i = 0; i < len; i++) {
    const { h, l } = fromBig(lst[i], le);
    [Ah[i], Al[i]] = [h, l];
  }
  return [Ah, Al];
}
var fromNumH = (n) => n / 2 ** 32 | 0;
var fromNumL = (n) => n >>> 0;
function setU64FromNum(view, byteOffset, n, isLE2) {
  const h = fromNumH(n);
  const l = fromNumL(n);
  view.setUint32(byteOffset, isLE2 ? l : h, isLE2);
  view.setUint32(byteOffset + 4, isLE2 ? h : l, isLE2);
}

// node_modules/@noble/hashes/utils.js
function isBytes(a) {
  return a instanceof Uint8Array || ArrayBuffer.isView(a) && a.constructor.name === "Uint8Array" && "BYTES_PER_ELEMENT" in a && a.BYTES_PER_ELEMENT === 1;
}
var atitle = (title) => title ? `"${title}" ` : "";
function anumber(n, title = "") {
  if (typeof n !== "number")
    throw new TypeError(atitle(title) + "expected number, got " + typeof n);
  if (!Number.isSafeInteger(n) || n < 0)
    throw new RangeError(atitle(title) + "expected integer >= 0, got " + n);
  return n;
}
function abool(value, title = "") {
  if (typeof value !== "boolean")
    throw new TypeError(atitle(title) + "expected boolean, got type=" + typeof value);
  return value;
}
function abytes(value, length, title = "") {
  if (isBytes(value) && (length === void 0 || value.length === length))
    return value;
  if (length !== void 0)
    anumber(length, "length");
  const bytes2 = isBytes(value);
  const ofLen = length !== void 0 ? ` of length ${length}` : "";
  const got = bytes2 ? `length=${value.length}` : `type=${typeof value}`;
  const message = atitle(title) + "expected Uint8Array" + ofLen + ", got " + got;
  if (!bytes2)
    throw new TypeError(message);
  throw new RangeError(message);
}
var aobject = (value, label) => {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new TypeError((label === "object" ? "" : `"${label}" `) + "expected object, got type=" + typeof value);
};
var aopts = (value, label) => {
  aobject(value, label);
  const proto = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null)
    throw new TypeError(`"${label}" expected plain object`);
  if (Object.hasOwn(value, "__proto__"))
    throw new TypeError(`"${label}.__proto__" is not allowed`);
};
function aexists(instance, checkFinished = true) {
  if (instance.destroyed)
    throw new Error("hash was destroyed");
  if (checkFinished && instance.finished)
    throw new Error("digest() was already called");
}
function aoutput(out, instance) {
  abytes(out, void 0, "output");
  const min = instance.outputLen;
  if (!(out.length >= min)) {
    throw new RangeError('"output" expected length >= ' + min);
  }
}
function u32(arr) {
  return new Uint32Array(arr.buffer, arr.byteOffset, Math.floor(arr.byteLength / 4));
}
function clean(...arrays) {
  for (let i = 0; i < arrays.length; i++) {
    arrays[i].fill(0);
  }
}
function createView(arr) {
  return new DataView(arr.buffer, arr.byteOffset, arr.byteLength);
}
function rotr(word2, shift) {
  return word2 << 32 - shift | word2 >>> shift;
}
var isLE = /* @__PURE__ */ (() => new Uint8Array(new Uint32Array([287454020]).buffer)[0] === 68)();
function byteSwap(word2) {
  return word2 << 24 & 4278190080 | word2 << 8 & 16711680 | word2 >>> 8 & 65280 | word2 >>> 24 & 255;
}
function byteSwap32(arr) {
  for (let i = 0; i < arr.length; i++) {
    arr[i] = byteSwap(arr[i]);
  }
  return arr;
}
var swap32IfBE = isLE ? (u) => u : byteSwap32;
var hasHexBuiltin = /* @__PURE__ */ (() => (
  // @ts-ignore
  typeof Uint8Array.from([]).toHex === "function" && typeof Uint8Array.fromHex === "function"
))();
var hexes = /* @__PURE__ */ Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
function bytesToHex(bytes2) {
  abytes(bytes2);
  if (hasHexBuiltin)
    return bytes2.toHex();
  let hex2 = "";
  for (let i = 0; i < bytes2.length; i++) {
    hex2 += hexes[bytes2[i]];
  }
  return hex2;
}
function asciiToBase16(ch) {
  return ch >= 48 && ch <= 57 ? ch - 48 : ch >= 65 && ch <= 70 ? ch - (65 - 10) : ch >= 97 && ch <= 102 ? ch - (97 - 10) : void 0;
}
function hexToBytes(hex2) {
  if (typeof hex2 !== "string")
    throw new TypeError("hex string expected, got " + typeof hex2);
  if (hasHexBuiltin) {
    try {
      return Uint8Array.fromHex(hex2);
    } catch (error) {
      if (error instanceof SyntaxError)
        throw new RangeError(error.message);
      throw error;
    }
  }
  const hl = hex2.length;
  const al = hl / 2;
  if (hl % 2)
    throw new RangeError("hex string expected, got unpadded hex of length " + hl);
  const array = new Uint8Array(al);
  for (let ai = 0, hi = 0; ai < al; ai++, hi += 2) {
    const n1 = asciiToBase16(hex2.charCodeAt(hi));
    const n2 = asciiToBase16(hex2.charCodeAt(hi + 1));
    if (n1 === void 0 || n2 === void 0) {
      const char = hex2[hi] + hex2[hi + 1];
      throw new RangeError('hex string expected, got non-hex character "' + char + '" at index ' + hi);
    }
    array[ai] = n1 * 16 + n2;
  }
  return array;
}
function concatBytes(...arrays) {
  let sum = 0;
  for (let i = 0; i < arrays.length; i++) {
    const a = arrays[i];
    abytes(a);
    sum += a.length;
  }
  const res = new Uint8Array(sum);
  for (let i = 0, pad = 0; i < arrays.length; i++) {
    const a = arrays[i];
    res.set(a, pad);
    pad += a.length;
  }
  return res;
}
function checkOpts(defaults, opts, title = "opts") {
  aopts(defaults, "defaults");
  if (opts !== void 0)
    aopts(opts, title);
  const merged = Object.assign(/* @__PURE__ */ Object.create(null), defaults, opts);
  return merged;
}
function createHasher(hashCons, info = {}) {
  if (typeof hashCons !== "function")
    throw new TypeError('"hashCons" expected function, got type=' + typeof hashCons);
  info = checkOpts({}, info, "info");
  const hashC = (msg, opts) => hashCons(opts).update(msg).digest();
  const tmp = hashCons(void 0);
  hashC.outputLen = tmp.outputLen;
  hashC.blockLen = tmp.blockLen;
  hashC.canXOF = tmp.canXOF;
  hashC.create = (opts) => hashCons(opts);
  Object.assign(hashC, info);
  return Object.freeze(hashC);
}
function randomBytes(bytesLength = 32) {
  anumber(bytesLength, "bytesLength");
  const cr = typeof globalThis === "object" ? globalThis.crypto : null;
  if (typeof cr?.getRandomValues !== "function")
    throw new Error("crypto.getRandomValues must be defined");
  if (bytesLength > 65536)
    throw new RangeError(`"bytesLength" expected <= 65536, got ${bytesLength}`);
  return cr.getRandomValues(new Uint8Array(bytesLength));
}
var oidNist = (suffix) => ({
  // Current NIST hashAlgs suffixes used here fit in one DER subidentifier octet.
  // Larger suffix values would need base-128 OID encoding and a different length byte.
  oid: Uint8Array.from([6, 9, 96, 134, 72, 1, 101, 3, 4, 2, suffix])
});

// node_modules/@noble/hashes/sha3.js
var _0n = BigInt(0);
var _1n = BigInt(1);
var _2n = BigInt(2);
var _7n = BigInt(7);
var _256n = BigInt(256);
var _0x71n = BigInt(113);
var SHA3_PI = [];
var SHA3_ROTL = [];
var _SHA3_IOTA = [];
for (let round = 0, R = _1n, x = 1, y = 0; round < 24; round++) {
  [x, y] = [y, (2 * x + 3 * y) % 5];
  SHA3_PI.push(2 * (5 * y + x));
  SHA3_ROTL.push((round + 1) * (round + 2) / 2 % 64);
  let t = _0n;
  for (let j = 0; j < 7; j++) {
    R = (R << _1n ^ (R >> _7n) * _0x71n) % _256n;
    if (R & _2n)
      t ^= _1n << (_1n << BigInt(j)) - _1n;
  }
  _SHA3_IOTA.push(t);
}
var IOTAS = split(_SHA3_IOTA, true);
var SHA3_IOTA_H = IOTAS[0];
var SHA3_IOTA_L = IOTAS[1];
var rotlSH = (h, l, s) => h << s | l >>> 32 - s;
var rotlSL = (h, l, s) => l << s | h >>> 32 - s;
var rotlBH = (h, l, s) => l << s - 32 | h >>> 64 - s;
var rotlBL = (h, l, s) => h << s - 32 | l >>> 64 - s;
var rotlH = (h, l, s) => s > 32 ? rotlBH(h, l, s) : rotlSH(h, l, s);
var rotlL = (h, l, s) => s > 32 ? rotlBL(h, l, s) : rotlSL(h, l, s);
var B = new Uint32Array(5 * 2);
function keccakP(s, rounds = 24) {
  if (!(s instanceof Uint32Array))
    throw new TypeError('"s" expected Uint32Array(50), got type=' + typeof s);
  if (s.length !== 50)
    throw new RangeError('"s" expected Uint32Array(50), got length=' + s.length);
  anumber(rounds, "rounds");
  if (rounds < 1 || rounds > 24)
    throw new Error('"rounds" expected integer 1..24');
  for (let round = 24 - rounds; round < 24; round++) {
    for (let x = 0; x < 10; x++)
      B[x] = s[x] ^ s[x + 10] ^ s[x + 20] ^ s[x + 30] ^ s[x + 40];
    for (let x = 0; x < 10; x += 2) {
      const idx1 = (x + 8) % 10;
      const idx0 = (x + 2) % 10;
      const B0 = B[idx0];
      const B1 = B[idx0 + 1];
      const Th = rotlH(B0, B1, 1) ^ B[idx1];
      const Tl = rotlL(B0, B1, 1) ^ B[idx1 + 1];
      for (let y = 0; y < 50; y += 10) {
        s[x + y] ^= Th;
        s[x + y + 1] ^= Tl;
      }
    }
    let curH = s[2];
    let curL = s[3];
    for (let t = 0; t < 24; t++) {
      const shift = SHA3_ROTL[t];
      const Th = rotlH(curH, curL, shift);
      const Tl = rotlL(curH, curL, shift);
      const PI = SHA3_PI[t];
      curH = s[PI];
      curL = s[PI + 1];
      s[PI] = Th;
      s[PI + 1] = Tl;
    }
    for (let y = 0; y < 50; y += 10) {
      const b0 = s[y], b1 = s[y + 1], b2 = s[y + 2], b3 = s[y + 3];
      s[y] ^= ~s[y + 2] & s[y + 4];
      s[y + 1] ^= ~s[y + 3] & s[y + 5];
      s[y + 2] ^= ~s[y + 4] & s[y + 6];
      s[y + 3] ^= ~s[y + 5] & s[y + 7];
      s[y + 4] ^= ~s[y + 6] & s[y + 8];
      s[y + 5] ^= ~s[y + 7] & s[y + 9];
      s[y + 6] ^= ~s[y + 8] & b0;
      s[y + 7] ^= ~s[y + 9] & b1;
      s[y + 8] ^= ~b0 & b2;
      s[y + 9] ^= ~b1 & b3;
    }
    s[0] ^= SHA3_IOTA_H[round];
    s[1] ^= SHA3_IOTA_L[round];
  }
  clean(B);
}
var Keccak = class _Keccak {
  state;
  pos = 0;
  posOut = 0;
  finished = false;
  state32;
  destroyed = false;
  blockLen;
  suffix;
  outputLen;
  canXOF;
  enableXOF = false;
  rounds;
  // NOTE: we accept arguments in bytes instead of bits here.
  constructor(blockLen, suffix, outputLen, enableXOF = false, rounds = 24) {
    anumber(blockLen, "blockLen");
    anumber(suffix, "suffix");
    anumber(rounds, "rounds");
    abool(enableXOF, "enableXOF");
    this.blockLen = blockLen;
    this.suffix = suffix;
    this.outputLen = outputLen;
    this.enableXOF = enableXOF;
    this.canXOF = enableXOF;
    this.rounds = rounds;
    anumber(outputLen, "outputLen");
    if (!(0 < blockLen && blockLen < 200))
      throw new Error('"blockLen" must be 1..199');
    this.state = new Uint8Array(200);
    this.state32 = u32(this.state);
  }
  clone() {
    return this._cloneInto();
  }
  keccak() {
    swap32IfBE(this.state32);
    keccakP(this.state32, this.rounds);
    swap32IfBE(this.state32);
    this.posOut = 0;
    this.pos = 0;
  }
  update(data) {
    aexists(this);
    abytes(data);
    const { blockLen, state, state32 } = this;
    const len = data.length;
    const canUseU32 = blockLen % 4 === 0 && data.byteOffset % 4 === 0;
    const blockLen32 = blockLen / 4;
    const data32 = canUseU32 && len >= blockLen ? u32(data) : void 0;
    for (let pos = 0; pos < len; ) {
      if (data32 !== void 0 && this.pos === 0 && pos % 4 === 0 && len - pos >= blockLen) {
        for (let i = 0, o = pos / 4; i < blockLen32; i++)
          state32[i] ^= data32[o + i];
        pos += blockLen;
        this.pos = blockLen;
        this.keccak();
        continue;
      }
      const take = Math.min(blockLen - this.pos, len - pos);
      for (let i = 0; i < take; i++)
        state[this.pos++] ^= data[pos++];
      if (this.pos === blockLen)
        this.keccak();
    }
    return this;
  }
  finish() {
    if (this.finished)
      return;
    this.finished = true;
    const { state, suffix, pos, blockLen } = this;
    state[pos] ^= suffix;
    if ((suffix & 128) !== 0 && pos === blockLen - 1)
      this.keccak();
    state[blockLen - 1] ^= 128;
    this.keccak();
  }
  writeInto(out) {
    aexists(this, false);
    abytes(out);
    this.finish();
    const bufferOut = this.state;
    const { blockLen } = this;
    for (let pos = 0, len = out.length; pos < len; ) {
      if (this.posOut >= blockLen)
        this.keccak();
      const take = Math.min(blockLen - this.posOut, len - pos);
      out.set(bufferOut.subarray(this.posOut, this.posOut + take), pos);
      this.posOut += take;
      pos += take;
    }
    return out;
  }
  xofInto(out) {
    if (!this.enableXOF)
      throw new Error("XOF is not enabled");
    return this.writeInto(out);
  }
  xof(bytes2) {
    anumber(bytes2);
    return this.xofInto(new Uint8Array(bytes2));
  }
  digestInto(out) {
    aoutput(out, this);
    if (this.finished)
      throw new Error("digest() was already called");
    this.writeInto(out.length === this.outputLen ? out : out.subarray(0, this.outputLen));
    this.destroy();
  }
  digest() {
    const out = new Uint8Array(this.outputLen);
    this.digestInto(out);
    return out;
  }
  destroy() {
    this.destroyed = true;
    clean(this.state);
  }
  _cloneInto(to) {
    const { blockLen, suffix, outputLen, rounds, enableXOF } = this;
    to ||= new _Keccak(blockLen, suffix, outputLen, enableXOF, rounds);
    to.blockLen = blockLen;
    to.state32.set(this.state32);
    to.pos = this.pos;
    to.posOut = this.posOut;
    to.finished = this.finished;
    to.rounds = rounds;
    to.suffix = suffix;
    to.outputLen = outputLen;
    to.enableXOF = enableXOF;
    to.canXOF = this.canXOF;
    to.destroyed = this.destroyed;
    return to;
  }
};
var genKeccak = (suffix, blockLen, outputLen, info = {}) => createHasher(() => new Keccak(blockLen, suffix, outputLen), info);
var keccak_256 = /* @__PURE__ */ genKeccak(1, 136, 32);

// src/bytes.ts
var Fault = class extends Error {
};
function keccak(...parts) {
  return keccak_256(concatBytes(...parts));
}
function hex(bytes2) {
  return `0x${bytesToHex(bytes2)}`;
}
function fromHex(text2, length) {
  if (typeof text2 !== "string" || text2.length !== 2 + 2 * length || !/^0x[0-9a-fA-F]*$/.test(text2)) return null;
  return hexToBytes(text2.slice(2));
}
function big(bytes2) {
  return bytes2.length === 0 ? 0n : BigInt(hex(bytes2));
}
function word(number) {
  return hexToBytes(BigInt.asUintN(256, number).toString(16).padStart(64, "0"));
}
function shortest(number) {
  const digits = number === 0n ? "" : number.toString(16);
  return hexToBytes(digits.length % 2 === 0 ? digits : `0${digits}`);
}
function compare(one, other) {
  const shared = Math.min(one.length, other.length);
  for (let at = 0; at < shared; at++) {
    if (one[at] !== other[at]) return one[at] - other[at];
  }
  return one.length - other.length;
}
function same(one, other) {
  return one.length === other.length && compare(one, other) === 0;
}
function bitCount(bits) {
  let count = 0;
  for (let rest = bits; rest !== 0n; rest >>= 1n) count += Number(rest & 1n);
  return count;
}
var decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
var encoder = new TextEncoder();
function utf8(bytes2) {
  return decoder.decode(bytes2);
}
function toUtf8(text2) {
  return encoder.encode(text2);
}
function bytesOf(bytes2, at, length) {
  if (length > bytes2.length - at) throw new Fault("it is cut off");
  return bytes2.subarray(at, at + length);
}
function varint(bytes2, at) {
  let value = 0n;
  for (let index = 0; index < 10; index++) {
    const byte = bytes2[at + index];
    if (byte === void 0) throw new Fault("it ends inside a number");
    if (index === 9 && byte > 1) break;
    value |= BigInt(byte & 127) << BigInt(7 * index);
    if (byte >= 128) continue;
    if (byte === 0 && index > 0) throw new Fault("a number is written in more bytes than it needs");
    return [value, at + index + 1];
  }
  throw new Fault("a number has more than 64 bits");
}
function plural(count, what) {
  return `${count} ${what}${BigInt(count) === 1n ? "" : "s"}`;
}
function words(error) {
  return error instanceof Error ? error.message : String(error);
}

// node_modules/@noble/hashes/_md.js
function Chi(a, b, c) {
  return a & b ^ ~a & c;
}
function Maj(a, b, c) {
  return a & b ^ a & c ^ b & c;
}
var HashMD = class {
  blockLen;
  outputLen;
  canXOF = false;
  padOffset;
  isLE;
  // For partial updates less than block size
  buffer;
  view;
  finished = false;
  length = 0;
  pos = 0;
  destroyed = false;
  constructor(blockLen, outputLen, padOffset, isLE2) {
    this.blockLen = blockLen;
    this.outputLen = outputLen;
    this.padOffset = padOffset;
    this.isLE = isLE2;
    this.buffer = new Uint8Array(blockLen);
    this.view = createView(this.buffer);
  }
  update(data) {
    aexists(this);
    abytes(data);
    const { view, buffer, blockLen } = this;
    const len = data.length;
    let processed = false;
    for (let pos = 0; pos < len; ) {
      const take = Math.min(blockLen - this.pos, len - pos);
      if (take === blockLen) {
        const dataView = createView(data);
        for (; blockLen <= len - pos; pos += blockLen)
          this.process(dataView, pos);
        processed = true;
        continue;
      }
      buffer.set(pos === 0 && take === len ? data : data.subarray(pos, pos + take), this.pos);
      this.pos += take;
      pos += take;
      if (this.pos === blockLen) {
        this.process(view, 0);
        this.pos = 0;
        processed = true;
      }
    }
    this.length += data.length;
    if (processed)
      this.roundClean();
    return this;
  }
  digestInto(out) {
    aexists(this);
    aoutput(out, this);
    this.finished = true;
    const { buffer, view, blockLen, isLE: isLE2 } = this;
    let { pos } = this;
    buffer[pos++] = 128;
    buffer.fill(0, pos);
    if (this.padOffset > blockLen - pos) {
      this.process(view, 0);
      buffer.fill(0);
    }
    setU64FromNum(view, blockLen - 8, this.length * 8, isLE2);
    this.process(view, 0);
    this.roundClean();
    const oview = out === buffer ? view : createView(out);
    const len = this.outputLen;
    const outLen = len / 4;
    const state = this.get();
    if (len % 4 || outLen > state.length)
      throw new Error("invalid outputLen");
    for (let i = 0; i < outLen; i++)
      oview.setUint32(4 * i, state[i], isLE2);
  }
  digest() {
    const { buffer, outputLen } = this;
    this.digestInto(buffer);
    const res = buffer.slice(0, outputLen);
    this.destroy();
    return res;
  }
  _cloneIntoMeta(to) {
    const { buffer, length, finished, destroyed, pos } = this;
    to.destroyed = destroyed;
    to.finished = finished;
    to.length = length;
    to.pos = pos;
    if (pos)
      to.buffer.set(buffer);
    return to;
  }
  clone() {
    return this._cloneInto();
  }
};
var SHA256_IV = /* @__PURE__ */ Uint32Array.from([
  1779033703,
  3144134277,
  1013904242,
  2773480762,
  1359893119,
  2600822924,
  528734635,
  1541459225
]);

// node_modules/@noble/hashes/sha2.js
var SHA256_K = /* @__PURE__ */ Uint32Array.from([
  1116352408,
  1899447441,
  3049323471,
  3921009573,
  961987163,
  1508970993,
  2453635748,
  2870763221,
  3624381080,
  310598401,
  607225278,
  1426881987,
  1925078388,
  2162078206,
  2614888103,
  3248222580,
  3835390401,
  4022224774,
  264347078,
  604807628,
  770255983,
  1249150122,
  1555081692,
  1996064986,
  2554220882,
  2821834349,
  2952996808,
  3210313671,
  3336571891,
  3584528711,
  113926993,
  338241895,
  666307205,
  773529912,
  1294757372,
  1396182291,
  1695183700,
  1986661051,
  2177026350,
  2456956037,
  2730485921,
  2820302411,
  3259730800,
  3345764771,
  3516065817,
  3600352804,
  4094571909,
  275423344,
  430227734,
  506948616,
  659060556,
  883997877,
  958139571,
  1322822218,
  1537002063,
  1747873779,
  1955562222,
  2024104815,
  2227730452,
  2361852424,
  2428436474,
  2756734187,
  3204031479,
  3329325298
]);
var SHA256_W = /* @__PURE__ */ new Uint32Array(64);
var SHA2_32B = class extends HashMD {
  // We cannot use array here since array allows indexing by variable
  // which means optimizer/compiler cannot use registers.
  // Numeric initializers matter: starting the fields as `undefined` changes
  // V8's field representation and makes sha256 3x slower (measured).
  A = 0;
  B = 0;
  C = 0;
  D = 0;
  E = 0;
  F = 0;
  G = 0;
  H = 0;
  constructor(outputLen, IV) {
    super(64, outputLen, 8, false);
    this.A = IV[0] | 0;
    this.B = IV[1] | 0;
    this.C = IV[2] | 0;
    this.D = IV[3] | 0;
    this.E = IV[4] | 0;
    this.F = IV[5] | 0;
    this.G = IV[6] | 0;
    this.H = IV[7] | 0;
  }
  get() {
    const { A, B: B2, C, D, E, F, G, H } = this;
    return [A, B2, C, D, E, F, G, H];
  }
  // prettier-ignore
  set(A, B2, C, D, E, F, G, H) {
    this.A = A | 0;
    this.B = B2 | 0;
    this.C = C | 0;
    this.D = D | 0;
    this.E = E | 0;
    this.F = F | 0;
    this.G = G | 0;
    this.H = H | 0;
  }
  _cloneInto(to) {
    (to ||= new this.constructor()).set(...this.get());
    return this._cloneIntoMeta(to);
  }
  process(view, offset) {
    for (let i = 0; i < 16; i++, offset += 4)
      SHA256_W[i] = view.getUint32(offset, false);
    for (let i = 16; i < 64; i++) {
      const W15 = SHA256_W[i - 15];
      const W2 = SHA256_W[i - 2];
      const s0 = rotr(W15, 7) ^ rotr(W15, 18) ^ W15 >>> 3;
      const s1 = rotr(W2, 17) ^ rotr(W2, 19) ^ W2 >>> 10;
      SHA256_W[i] = s1 + SHA256_W[i - 7] + s0 + SHA256_W[i - 16] | 0;
    }
    let { A, B: B2, C, D, E, F, G, H } = this;
    for (let i = 0; i < 64; i++) {
      const sigma1 = rotr(E, 6) ^ rotr(E, 11) ^ rotr(E, 25);
      const T1 = H + sigma1 + Chi(E, F, G) + SHA256_K[i] + SHA256_W[i] | 0;
      const sigma0 = rotr(A, 2) ^ rotr(A, 13) ^ rotr(A, 22);
      const T2 = sigma0 + Maj(A, B2, C) | 0;
      H = G;
      G = F;
      F = E;
      E = D + T1 | 0;
      D = C;
      C = B2;
      B2 = A;
      A = T1 + T2 | 0;
    }
    A = A + this.A | 0;
    B2 = B2 + this.B | 0;
    C = C + this.C | 0;
    D = D + this.D | 0;
    E = E + this.E | 0;
    F = F + this.F | 0;
    G = G + this.G | 0;
    H = H + this.H | 0;
    this.set(A, B2, C, D, E, F, G, H);
  }
  roundClean() {
    clean(SHA256_W);
  }
  destroy() {
    this.destroyed = true;
    this.set(0, 0, 0, 0, 0, 0, 0, 0);
    clean(this.buffer);
  }
};
var _SHA256 = class extends SHA2_32B {
  constructor() {
    super(32, SHA256_IV);
  }
};
var sha256 = /* @__PURE__ */ createHasher(
  () => new _SHA256(),
  /* @__PURE__ */ oidNist(1)
);

// src/cid.ts
var CODEC = { raw: 0x55n, dagPb: 0x70n, dagCbor: 0x71n };
var SHA2_256 = 0x12n;
var BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
var BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
var MAX_TEXT = 200;
var Cid = class _Cid {
  version;
  codec;
  /** The hash function. */
  hash;
  digest;
  bytes;
  #text = null;
  constructor(version, codec, hash2, digest2, bytes2) {
    this.version = version;
    this.codec = codec;
    this.hash = hash2;
    this.digest = digest2;
    this.bytes = bytes2;
  }
  /** The CID at the start of bytes. */
  static first(bytes2) {
    if (bytes2[0] === 18 && bytes2[1] === 32) {
      const whole2 = bytesOf(bytes2, 0, 34);
      return new _Cid(0, CODEC.dagPb, SHA2_256, whole2.subarray(2), whole2);
    }
    let at = 0;
    const number = () => {
      let value;
      [value, at] = varint(bytes2, at);
      return value;
    };
    const version = number();
    if (version !== 1n) throw new Fault(`a CID of version ${version}`);
    const [codec, hash2, length] = [number(), number(), number()];
    if (length > 64n) throw new Fault(`a CID with a hash of ${length} bytes`);
    const digest2 = bytesOf(bytes2, at, Number(length));
    return new _Cid(1, codec, hash2, digest2, bytes2.subarray(0, at + digest2.length));
  }
  /** The CID that takes all of the bytes. */
  static of(bytes2) {
    const cid = _Cid.first(bytes2);
    if (cid.bytes.length !== bytes2.length) throw new Fault("a CID with bytes behind it");
    return cid;
  }
  /** A CID of version 1 with sha2-256. */
  static from(codec, digest2) {
    return _Cid.of(Uint8Array.of(1, Number(codec), Number(SHA2_256), digest2.length, ...digest2));
  }
  /** A CID of version 1 as text in lower-case base 32; null if the text is none. */
  static parse(text2) {
    if (text2.length > MAX_TEXT || text2[0] !== "b") return null;
    try {
      const bytes2 = fromBase32(text2.slice(1));
      const cid = bytes2 && _Cid.of(bytes2);
      return cid?.toString() === text2 ? cid : null;
    } catch {
      return null;
    }
  }
  equals(other) {
    return same(this.bytes, other.bytes);
  }
  /** Base 32 with its prefix, or base 58 for version 0. */
  toString() {
    this.#text ??= this.version === 0 ? inBase58(this.bytes) : `b${inBase32(this.bytes)}`;
    return this.#text;
  }
};
function fromBase32(digits) {
  let number = 0n;
  for (const digit of digits) {
    const value = BASE32.indexOf(digit);
    if (value < 0) return null;
    number = number << 5n | BigInt(value);
  }
  const over = BigInt(digits.length * 5 % 8);
  return BigInt.asUintN(Number(over), number) === 0n ? shortest(number >> over) : null;
}
function inBase32(bytes2) {
  let [text2, bits, count] = ["", 0, 0];
  for (const byte of bytes2) {
    bits = (bits << 8 | byte) & 4095;
    for (count += 8; count >= 5; count -= 5) text2 += BASE32[bits >> count - 5 & 31];
  }
  return count === 0 ? text2 : text2 + BASE32[bits << 5 - count & 31];
}
function inBase58(bytes2) {
  let text2 = "";
  for (let rest = big(bytes2); rest > 0n; rest /= 58n) text2 = BASE58[Number(rest % 58n)] + text2;
  return text2;
}

// src/cbor.ts
var MAX_DEPTH = 32;
var KIND = { number: 0, negative: 1, bytes: 2, text: 3, list: 4, map: 5, tag: 6 };
var NULL = 246;
var LINK = 42n;
function decode(bytes2) {
  let at = 0;
  const wrong2 = (reason) => {
    throw new Fault(`${reason} (byte ${at})`);
  };
  const take = (length) => {
    if (length > BigInt(bytes2.length - at)) wrong2("it is cut off");
    at += Number(length);
    return bytes2.subarray(at - Number(length), at);
  };
  const head2 = () => {
    const first = take(1n)[0];
    const [kind, short] = [first >> 5, first & 31];
    if (short < 24) return [kind, BigInt(short)];
    if (short > 27) return wrong2("a length is missing");
    const width = 1 << short - 24;
    const number = big(take(BigInt(width)));
    const least = width === 1 ? 24n : 1n << BigInt(4 * width);
    if (number < least) wrong2("a number is written in more bytes than it needs");
    return [kind, number];
  };
  const text2 = (length) => {
    try {
      return utf8(take(length));
    } catch (error) {
      return error instanceof Fault ? wrong2(error.message) : wrong2("a text is not UTF-8");
    }
  };
  const value = (depth) => {
    if (depth > MAX_DEPTH) wrong2("it is too deep");
    if (bytes2[at] === NULL) {
      at += 1;
      return null;
    }
    const [kind, number] = head2();
    switch (kind) {
      case KIND.number:
        return number;
      case KIND.negative:
        return -1n - number;
      case KIND.bytes:
        return take(number);
      case KIND.text:
        return text2(number);
      case KIND.list: {
        const list2 = [];
        for (let left = number; left > 0n; left--) list2.push(value(depth + 1));
        return list2;
      }
      case KIND.map:
        return map(number, depth);
      case KIND.tag:
        return number === LINK ? link2() : wrong2(`a tag ${number}, which is no link`);
      default:
        return wrong2("a value of a kind that no record has");
    }
  };
  const map = (length, depth) => {
    const entries = /* @__PURE__ */ new Map();
    let last = null;
    for (let left = length; left > 0n; left--) {
      const [kind, length2] = head2();
      if (kind !== KIND.text) wrong2("a key of a map is no text");
      const start = at;
      const key = text2(length2);
      const raw = bytes2.subarray(start, at);
      if (last !== null && (raw.length - last.length || compare(raw, last)) <= 0) {
        wrong2(`the key \`${key}\` is repeated or out of order`);
      }
      last = raw;
      entries.set(key, value(depth + 1));
    }
    return entries;
  };
  const link2 = () => {
    const [kind, length] = head2();
    const raw = kind === KIND.bytes ? take(length) : wrong2("a link is no bytes");
    if (raw[0] !== 0) wrong2("a link does not start with a zero");
    try {
      return Cid.of(bytesOf(raw, 1, raw.length - 1));
    } catch (error) {
      return wrong2(`a link is no CID: ${words(error)}`);
    }
  };
  const found = value(0);
  if (at !== bytes2.length) wrong2("it has bytes behind its end");
  return found;
}

// src/record.ts
function readRecord(what, block, reader) {
  let value;
  try {
    value = decode(block);
  } catch (error) {
    throw new Fault(`the ${what} is no canonical DAG-CBOR: ${words(error)}`);
  }
  return reader(value, `the ${what}`);
}
function wrong(at, reason) {
  throw new Fault(`${at} ${reason}`);
}
function whole(least, most) {
  return (value, at) => {
    if (typeof value !== "bigint") return wrong(at, "is no whole number");
    if (value < least || value > most) wrong(at, `is ${value}; it can be ${least} to ${most}`);
    return value;
  };
}
var u8 = whole(0n, 2n ** 8n - 1n);
var u322 = whole(0n, 2n ** 32n - 1n);
var u64 = whole(0n, 2n ** 64n - 1n);
var i64 = whole(-(2n ** 63n), 2n ** 63n - 1n);
var text = (value, at) => typeof value === "string" ? value : wrong(at, "is no text");
function bytes(length) {
  return (value, at) => {
    if (!(value instanceof Uint8Array)) return wrong(at, "is no byte string");
    if (length !== void 0 && value.length !== length) wrong(at, `has ${value.length} bytes, not ${length}`);
    return value;
  };
}
var address = bytes(20);
var hash = bytes(32);
var digest = (value, at) => {
  const found = fromHex(value, 32);
  if (found === null || value !== value.toLowerCase()) {
    return wrong(at, "is no digest (0x and 64 lower-case hexadecimal digits)");
  }
  return found;
};
var link = (value, at) => {
  if (!(value instanceof Cid)) return wrong(at, "is no link");
  const ours = value.version === 1 && value.hash === SHA2_256 && value.digest.length === 32;
  if (!ours || !Object.values(CODEC).includes(value.codec)) {
    wrong(at, `links to ${value}, which is no CID of version 1 with sha2-256 and a known codec`);
  }
  return value;
};
function nullable(reader) {
  return (value, at) => value === null ? null : reader(value, at);
}
function list(reader) {
  return (value, at) => {
    if (!Array.isArray(value)) return wrong(at, "is no list");
    return value.map((item, place) => reader(item, `${at}[${place}]`));
  };
}
function record(must, may) {
  return (value, at) => {
    if (!(value instanceof Map)) return wrong(at, "is no map");
    const found = {};
    for (const name of Object.keys(must)) {
      if (!value.has(name)) wrong(at, `has no field \`${name}\``);
    }
    for (const [name, item] of value) {
      const reader = Object.hasOwn(must, name) ? must[name] : may && Object.hasOwn(may, name) ? may[name] : void 0;
      if (reader === void 0) return wrong(at, `has an unknown field \`${name}\``);
      found[name] = reader(item, `${at}, ${name}`);
    }
    return found;
  };
}
function oneOf(variants) {
  const reader = record({}, variants);
  return (value, at) => {
    const found = reader(value, at);
    if (Object.keys(found).length !== 1) wrong(at, `does not have exactly one of ${Object.keys(variants).join(", ")}`);
    return found;
  };
}

// src/car.ts
var MAX_BLOCK_BYTES = 2 << 20;
var MAX_HEADER_BYTES = 128 << 10;
var MAX_CID_BYTES = 100;
var header = record({ roots: list(link), version: u64 });
var Blocks = class {
  #blocks = /* @__PURE__ */ new Map();
  #checked = /* @__PURE__ */ new Set();
  /** Takes a block in, without a look at its hash; false if there are other bytes under its CID. */
  add(cid, bytes2) {
    const name = cid.toString();
    const known = this.#blocks.get(name);
    if (known === void 0) this.#blocks.set(name, bytes2);
    return known === void 0 || same(known, bytes2);
  }
  /** The bytes of a block; `what` names it in errors. */
  get(what, cid) {
    const name = cid.toString();
    const bytes2 = this.#blocks.get(name);
    if (bytes2 === void 0) throw new Fault(`the ${what} ${name} is not in the file`);
    if (!this.#checked.has(name)) {
      if (cid.hash !== SHA2_256) {
        throw new Fault(`the ${what} ${name} has the hash function 0x${cid.hash.toString(16)}; only sha2-256 can be checked`);
      }
      if (!same(sha256(bytes2), cid.digest)) {
        throw new Fault(`the ${what} ${name} does not hash to its CID (hint: fetch the file again)`);
      }
      this.#checked.add(name);
    }
    return bytes2;
  }
};
function readCar(file) {
  let at = 0;
  const wrong2 = (start2, reason) => {
    throw new Fault(`CAR file, byte ${start2}: ${reason}`);
  };
  const number = (start2) => {
    try {
      let value;
      [value, at] = varint(file, at);
      return Number(value);
    } catch (error) {
      return wrong2(start2, words(error));
    }
  };
  const take = (start2, length2) => {
    if (length2 > file.length - at) wrong2(start2, "it is cut off (hint: fetch the file again)");
    at += length2;
    return file.subarray(at - length2, at);
  };
  if (file.length === 0) wrong2(0, "it is empty");
  const length = number(0);
  if (length === 0 || length > MAX_HEADER_BYTES) {
    wrong2(0, `a header of ${length} bytes; it has 1 to ${MAX_HEADER_BYTES}`);
  }
  const start = at;
  let roots;
  let version;
  try {
    ({ roots, version } = readRecord("header", take(start, length), header));
  } catch (error) {
    return wrong2(start, `${words(error)} (hint: only CAR version 1 is read)`);
  }
  if (version !== 1n) wrong2(start, `version ${version}; only version 1 is read`);
  const [root] = roots;
  if (root === void 0 || roots.length !== 1) return wrong2(start, `it has ${roots.length} roots, not one`);
  const blocks = new Blocks();
  while (at < file.length) {
    const start2 = at;
    const length2 = number(start2);
    if (length2 > MAX_BLOCK_BYTES + MAX_CID_BYTES) {
      wrong2(start2, `a block of ${length2} bytes; at most ${MAX_BLOCK_BYTES} are read`);
    }
    const section = take(start2, length2);
    let cid;
    try {
      cid = Cid.first(section);
    } catch (error) {
      return wrong2(start2, `its CID is not readable: ${words(error)}`);
    }
    const bytes2 = section.subarray(cid.bytes.length);
    if (bytes2.length > MAX_BLOCK_BYTES) {
      wrong2(start2, `a block of ${bytes2.length} bytes; at most ${MAX_BLOCK_BYTES} are read`);
    }
    if (!blocks.add(cid, bytes2)) wrong2(start2, `the block ${cid} is there twice, with other bytes`);
  }
  return { root, blocks };
}

// src/dagpb.ts
function* fields(bytes2) {
  for (let at = 0; at < bytes2.length; ) {
    let key;
    let value;
    [key, at] = varint(bytes2, at);
    [value, at] = varint(bytes2, at);
    const kind = key & 7n;
    if (kind === 0n) {
      yield [key >> 3n, value];
    } else if (kind === 2n) {
      if (value > BigInt(bytes2.length - at)) throw new Fault("it ends inside a field");
      at += Number(value);
      yield [key >> 3n, bytes2.subarray(at - Number(value), at)];
    } else {
      throw new Fault("a field has an unknown wire type");
    }
  }
}
function asNumber(value) {
  if (typeof value !== "bigint") throw new Fault("a field that must be a number is not one");
  return value;
}
function asBytes(value) {
  if (typeof value === "bigint") throw new Fault("a field that must be bytes is a number");
  return value;
}
function readNode(bytes2) {
  const links = [];
  let data = null;
  let closed = false;
  for (const [field, value] of fields(bytes2)) {
    if (field === 1n) {
      if (data !== null) throw new Fault("it has data twice");
      data = asBytes(value);
      closed = links.length > 0;
    } else if (field === 2n) {
      if (closed) throw new Fault("its links are not together");
      links.push(readLink(asBytes(value)));
    } else {
      throw new Fault("it has an unknown field");
    }
  }
  return { links, message: readMessage(data ?? new Uint8Array()) };
}
function readLink(bytes2) {
  let cid = null;
  let name = "";
  let last = 0n;
  for (const [field, value] of fields(bytes2)) {
    if (field <= last) throw new Fault("a link's fields are repeated or out of order");
    last = field;
    if (field === 1n) {
      try {
        cid = Cid.of(asBytes(value));
      } catch (error) {
        throw new Fault(`a link's CID is not readable: ${words(error)}`);
      }
    } else if (field === 2n) {
      try {
        name = utf8(asBytes(value));
      } catch {
        throw new Fault("a link's name is not UTF-8");
      }
    } else if (field === 3n) {
      asNumber(value);
    } else {
      throw new Fault("a link has an unknown field");
    }
  }
  if (cid === null) throw new Fault("a link has no CID");
  return { name, cid };
}
function readMessage(bytes2) {
  const found = /* @__PURE__ */ new Map();
  const blockSizes = [];
  for (const [field, value] of fields(bytes2)) {
    if (field !== 4n) {
      if (field <= 6n && found.has(field)) throw new Fault("a UnixFS field stands twice");
      found.set(field, value);
    } else if (typeof value === "bigint") {
      blockSizes.push(value);
    } else {
      for (let at = 0; at < value.length; ) {
        let size;
        [size, at] = varint(value, at);
        blockSizes.push(size);
      }
    }
  }
  const number = (field) => found.has(field) ? asNumber(found.get(field)) : null;
  const kind = number(1n);
  if (kind === null || kind > 5n) throw new Fault("its UnixFS kind is absent or unknown");
  return {
    kind,
    data: asBytes(found.get(2n) ?? new Uint8Array()),
    fileSize: number(3n),
    blockSizes,
    hashType: number(5n),
    fanout: number(6n)
  };
}

// src/murmur3.ts
var wrap = (number) => BigInt.asUintN(64, number);
var rotate = (number, by) => wrap(number << by | number >> 64n - by);
var C1 = 0x87c37b91114253d5n;
var C2 = 0x4cf5ad432745937fn;
var mix1 = (number) => wrap(rotate(wrap(number * C1), 31n) * C2);
var mix2 = (number) => wrap(rotate(wrap(number * C2), 33n) * C1);
function finish(number) {
  number = wrap((number ^ number >> 33n) * 0xff51afd7ed558ccdn);
  number = wrap((number ^ number >> 33n) * 0xc4ceb9fe1a85ec53n);
  return number ^ number >> 33n;
}
function littleEndian(bytes2) {
  return bytes2.reduceRight((sum, byte) => sum << 8n | BigInt(byte), 0n);
}
function murmur3(name) {
  let [one, two] = [0n, 0n];
  const whole2 = name.length - name.length % 16;
  for (let at = 0; at < whole2; at += 16) {
    one ^= mix1(littleEndian(name.subarray(at, at + 8)));
    one = wrap(wrap(rotate(one, 27n) + two) * 5n + 0x52dce729n);
    two ^= mix2(littleEndian(name.subarray(at + 8, at + 16)));
    two = wrap(wrap(rotate(two, 31n) + one) * 5n + 0x38495ab5n);
  }
  one ^= mix1(littleEndian(name.subarray(whole2, whole2 + 8)));
  two ^= mix2(littleEndian(name.subarray(whole2 + 8)));
  one ^= BigInt(name.length);
  two ^= BigInt(name.length);
  one = wrap(one + two);
  two = wrap(two + one);
  const found = wrap(finish(one) + finish(two));
  return Uint8Array.from({ length: 8 }, (_, place) => Number(found >> BigInt(56 - 8 * place) & 0xffn));
}

// src/directory.ts
var MAX_FILE_BYTES = 32 << 20;
var MAX_DEPTH2 = 16;
var KIND2 = { raw: 0n, directory: 1n, file: 2n, shard: 5n };
var FANOUT = 256n;
var MURMUR3 = 0x22n;
function malformed(cid, reason) {
  throw new Fault(`block ${cid} is malformed: ${reason}`);
}
var UnixFs = class {
  #blocks;
  #directories = /* @__PURE__ */ new Map();
  constructor(blocks) {
    this.#blocks = blocks;
  }
  /** The CID that a path of names, separated by `/`, leads to. */
  resolve(root, path) {
    return path.split("/").reduce((at, name) => this.#lookUp(at, name), root);
  }
  #lookUp(directory, name) {
    const missing = () => {
      throw new Fault(`directory ${directory} has no entry \`${name}\``);
    };
    let at = directory;
    const hash2 = murmur3(toUtf8(name));
    for (const [level, number] of hash2.entries()) {
      const found = this.#directory(at);
      if ("entries" in found) {
        if (level > 0) malformed(at, "it is a flat directory below a HAMT");
        return found.entries.get(name) ?? missing();
      }
      const slot = found.slots.get(number) ?? missing();
      if (slot.name === name) return slot.cid;
      if (slot.name !== "") missing();
      at = slot.cid;
    }
    return malformed(directory, "its HAMT has more than eight levels");
  }
  #directory(cid) {
    const known = this.#directories.get(cid.toString());
    if (known !== void 0) return known;
    const node = cid.codec === CODEC.dagPb ? this.#node(cid) : null;
    const kind = node?.message.kind;
    if (node === null || kind !== KIND2.directory && kind !== KIND2.shard) {
      throw new Fault(`${cid} is not a UnixFS directory`);
    }
    const read = kind === KIND2.directory ? flat(node) : { slots: slotsOf(cid, node) };
    this.#directories.set(cid.toString(), read);
    return read;
  }
  #node(cid) {
    const bytes2 = this.#blocks.get("block", cid);
    try {
      return readNode(bytes2);
    } catch (error) {
      return malformed(cid, words(error));
    }
  }
  /** The bytes of a file. */
  read(root) {
    const parts = [];
    this.check(root, (part) => parts.push(part));
    return concatBytes(...parts);
  }
  /** Sees to it that a file is there, and whole; `take` is given its bytes from front to back.
   *
   * Raw blocks and files of any layout are read, and every size that a node declares is checked. Every link leads to
   * at least one byte, so that the limit on bytes is one on blocks too. */
  check(root, take = () => {
  }) {
    let left = MAX_FILE_BYTES;
    const fits = (total) => {
      if (total > BigInt(left)) throw new Fault(`file ${root} is larger than the limit of ${MAX_FILE_BYTES} bytes`);
    };
    const append = (bytes2) => {
      fits(BigInt(bytes2.length));
      left -= bytes2.length;
      take(bytes2);
    };
    const walk = (cid, expected, depth) => {
      if (depth > MAX_DEPTH2) malformed(cid, `it lies more than ${MAX_DEPTH2} levels below the file's root`);
      const compare2 = (found, declared) => {
        if (declared !== null && found !== declared) malformed(cid, `it has ${found} bytes, not the declared ${declared}`);
      };
      if (cid.codec === CODEC.raw) {
        const bytes2 = this.#blocks.get("block", cid);
        compare2(BigInt(bytes2.length), expected);
        append(bytes2);
        return;
      }
      const node = cid.codec === CODEC.dagPb ? this.#node(cid) : null;
      const kind = node?.message.kind;
      if (node === null || kind !== KIND2.file && kind !== KIND2.raw) throw new Fault(`${cid} is not a UnixFS file`);
      const { data, fileSize, blockSizes } = node.message;
      if (blockSizes.length !== node.links.length) malformed(cid, "its links and their sizes differ in number");
      if (blockSizes.includes(0n)) malformed(cid, "one of its links leads to no bytes");
      const total = blockSizes.reduce((sum, size) => sum + size, BigInt(data.length));
      compare2(total, fileSize);
      compare2(total, expected);
      fits(total);
      append(data);
      node.links.forEach((link2, place) => walk(link2.cid, blockSizes[place], depth + 1));
    };
    walk(root, null, 0);
  }
};
function flat(node) {
  const entries = /* @__PURE__ */ new Map();
  for (const { name, cid } of node.links) if (!entries.has(name)) entries.set(name, cid);
  return { entries };
}
function slotsOf(cid, { links, message }) {
  if (message.fanout !== FANOUT || message.hashType !== MURMUR3) {
    malformed(cid, "it is a HAMT whose fanout is not 256 or whose hash is not murmur3-x64-64");
  }
  const slots = /* @__PURE__ */ new Map();
  let last = -1;
  let bits = 0n;
  for (const link2 of links) {
    if (!/^[0-9A-F]{2}/.test(link2.name)) malformed(cid, "a link of the HAMT has no slot number");
    const number = parseInt(link2.name.slice(0, 2), 16);
    if (number <= last) malformed(cid, "the HAMT's slots are repeated or out of order");
    slots.set(number, { name: link2.name.slice(2), cid: link2.cid });
    last = number;
    bits |= 1n << BigInt(number);
  }
  if (big(message.data) !== bits) malformed(cid, "the HAMT's bit field does not agree with its links");
  return slots;
}

// src/evidence.ts
var nodes = list(bytes());
var accountProof = record(
  {
    address,
    nonce: u64,
    balance: hash,
    storage_root: hash,
    code_hash: hash,
    proof: nodes,
    slots: list(record({ slot: hash, value: hash, proof: nodes }))
  },
  { code: bytes() }
);
var report = record({
  epoch: u64,
  config_count: u64,
  valid_until: u64,
  previous_root: digest,
  state_root: digest,
  directory: digest,
  receipts_root: digest,
  model: digest,
  manifest: digest,
  cut: digest
});
var acceptedEpoch = record(
  {
    oracle: address,
    report,
    signed: oneOf({
      committee: record({ signers: u64, signatures: list(bytes(65)) }),
      group: bytes(96)
    })
  },
  { hot: digest }
);
var committee = record(
  { oracle: address, config_count: u64, signers: list(address), threshold: u8, ejected: u64 },
  { group_key: bytes(64) }
);
var evidence = record({
  version: u322,
  chain_id: u64,
  state: record({ header: bytes(), token: accountProof, oracle: accountProof, signers: accountProof }),
  last: acceptedEpoch,
  earlier: list(link),
  committees: list(committee),
  tokens: list(record({ token_id: u64, receipt: link, proof: list(digest) }))
});

// src/json.ts
var MAX_DEPTH3 = 127;
function readJson(what, bytes2) {
  let text2;
  let value;
  try {
    text2 = utf8(bytes2);
    value = JSON.parse(text2);
  } catch (error) {
    throw new Fault(`${what} is no JSON: ${words(error)}`);
  }
  if (canonical(what, value, 0) !== text2) throw new Fault(`${what} is not in canonical form`);
  return value;
}
function canonical(what, value, depth) {
  if (typeof value === "string") return textOf(what, value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (depth === MAX_DEPTH3) throw new Fault(`${what} is more than ${MAX_DEPTH3} levels deep`);
  if (Array.isArray(value)) return `[${value.map((item) => canonical(what, item, depth + 1)).join(",")}]`;
  const entries = Object.entries(value).sort(([one], [other]) => one < other ? -1 : 1);
  return `{${entries.map(([name, item]) => `${textOf(what, name)}:${canonical(what, item, depth + 1)}`).join(",")}}`;
}
function textOf(what, text2) {
  if (/\p{Surrogate}/u.test(text2)) throw new Fault(`${what} has half of a character`);
  return JSON.stringify(text2);
}
function namedFiles(value) {
  const field = (of2, name) => typeof of2 === "object" && of2 !== null && Object.hasOwn(of2, name) ? of2[name] : void 0;
  const found = [field(value, "image"), field(value, "animation_url"), field(field(value, "properties"), "image_svg")];
  return found.filter((text2) => typeof text2 === "string");
}

// node_modules/@noble/curves/utils.js
function aarray(item, title, inner = () => {
}) {
  if (!Array.isArray(item))
    throw new TypeError(`"${title}" expected array, got type=${typeof item}`);
  for (let i = 0; i < item.length; i++)
    inner(item[i], `${title}[${i}]`);
  return item;
}
var abytes2 = (value, length, title) => abytes(value, length, title);
var anumber2 = anumber;
function aobject2(value, title = "object") {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new TypeError(title === "object" ? "expected valid options object" : `"${title}" expected object, got type=${typeof value}`);
  return value;
}
function afunction(value, title) {
  if (typeof value !== "function")
    throw new TypeError(`"${title}" is invalid: expected function, got ${typeof value}`);
  return value;
}
var bytesToHex2 = bytesToHex;
var concatBytes2 = (...arrays) => concatBytes(...arrays);
var hexToBytes2 = (hex2) => hexToBytes(hex2);
var isBytes2 = isBytes;
var randomBytes2 = (bytesLength) => randomBytes(bytesLength);
var _0n2 = /* @__PURE__ */ BigInt(0);
var _1n2 = /* @__PURE__ */ BigInt(1);
var atitle2 = (title) => title ? `"${title}" ` : "";
function abool2(value, title = "") {
  if (typeof value !== "boolean")
    throw new TypeError(atitle2(title) + "expected boolean, got type=" + typeof value);
  return value;
}
function abignumber(n) {
  if (typeof n === "bigint") {
    if (!isPosBig(n))
      throw new RangeError("positive bigint expected, got " + n);
  } else
    anumber2(n);
  return n;
}
function asafenumber(value, title = "") {
  if (typeof value !== "number") {
    const prefix = title && `"${title}" `;
    throw new TypeError(prefix + "expected number, got type=" + typeof value);
  }
  if (!Number.isSafeInteger(value)) {
    const prefix = title && `"${title}" `;
    throw new RangeError(prefix + "expected safe integer, got " + value);
  }
}
function hexToNumber(hex2) {
  if (typeof hex2 !== "string")
    throw new TypeError("hex string expected, got " + typeof hex2);
  return hex2 === "" ? _0n2 : BigInt("0x" + hex2);
}
function bytesToNumberBE(bytes2) {
  return hexToNumber(bytesToHex(bytes2));
}
function bytesToNumberLE(bytes2) {
  return hexToNumber(bytesToHex(copyBytes(abytes(bytes2)).reverse()));
}
function numberToBytesBE(n, len) {
  anumber(len);
  if (len === 0)
    throw new Error("zero output length is invalid");
  n = abignumber(n);
  const expectedLen = len * 2;
  const hex2 = n.toString(16);
  if (hex2.length > expectedLen)
    throw new RangeError("number is too large");
  return hexToBytes(hex2.padStart(expectedLen, "0"));
}
function numberToBytesLE(n, len) {
  return numberToBytesBE(n, len).reverse();
}
function copyBytes(bytes2) {
  return Uint8Array.from(abytes2(bytes2));
}
function asciiToBytes(ascii) {
  if (typeof ascii !== "string")
    throw new TypeError("ascii string expected, got " + typeof ascii);
  return Uint8Array.from(ascii, (c, i) => {
    const charCode = c.charCodeAt(0);
    if (c.length !== 1 || charCode > 127) {
      throw new RangeError(`string contains non-ASCII character "${ascii[i]}" with code ${charCode} at position ${i}`);
    }
    return charCode;
  });
}
function isPosBig(n) {
  return typeof n === "bigint" && _0n2 <= n;
}
function inRange(n, min, max) {
  return isPosBig(n) && isPosBig(min) && isPosBig(max) && min <= n && n < max;
}
function aInRange(title, n, min, max) {
  if (!inRange(n, min, max))
    throw new RangeError("expected valid " + title + ": " + min + " <= n < " + max + ", got " + n);
}
function bitLen(n) {
  if (n < _0n2)
    throw new Error("expected non-negative bigint, got " + n);
  return n === _0n2 ? 0 : n.toString(2).length;
}
var bitMask = (n) => {
  asafenumber(n, "n");
  return (_1n2 << BigInt(n)) - _1n2;
};
function validateObject(object, fields2 = {}, optFields = {}, title = "object") {
  aobject2(object, title);
  aobject2(fields2, "fields");
  aobject2(optFields, "optFields");
  function checkField(fieldName, expectedType, isOpt) {
    const label = title === "object" ? `param "${String(fieldName)}"` : `"${title}.${String(fieldName)}"`;
    const val = object[fieldName];
    if (!Object.hasOwn(object, fieldName) && (isOpt ? val !== void 0 : expectedType !== "function")) {
      throw new TypeError(`${label} is invalid: expected own property`);
    }
    if (isOpt && val === void 0)
      return;
    const current = typeof val;
    if (current !== expectedType || val === null)
      throw new TypeError(`${label} is invalid: expected ${expectedType}, got ${current}`);
  }
  const iter = (f, isOpt) => Object.entries(f).forEach(([k, v]) => checkField(k, v, isOpt));
  iter(fields2, false);
  iter(optFields, true);
}

// node_modules/@noble/curves/abstract/modular.js
var _0n3 = /* @__PURE__ */ BigInt(0);
var _1n3 = /* @__PURE__ */ BigInt(1);
var _2n2 = /* @__PURE__ */ BigInt(2);
var _3n = /* @__PURE__ */ BigInt(3);
var _4n = /* @__PURE__ */ BigInt(4);
var _5n = /* @__PURE__ */ BigInt(5);
var _7n2 = /* @__PURE__ */ BigInt(7);
var _8n = /* @__PURE__ */ BigInt(8);
var _9n = /* @__PURE__ */ BigInt(9);
var _15n = /* @__PURE__ */ BigInt(15);
var _16n = /* @__PURE__ */ BigInt(16);
var POW_WINDOWED_MIN = /* @__PURE__ */ BigInt("0x10000000000000000");
function mod(a, b) {
  if (b <= _0n3)
    throw new Error("mod: expected positive modulus, got " + b);
  const result = a % b;
  return result >= _0n3 ? result : b + result;
}
function pow(num, power, modulo) {
  if (modulo <= _1n3)
    throw new Error("pow: expected modulus > 1, got " + modulo);
  if (typeof power !== "bigint")
    throw new TypeError("invalid exponent: expected bigint, got " + typeof power);
  if (power < _0n3)
    throw new Error("invalid exponent, negatives unsupported");
  if (power === _0n3)
    return _1n3;
  if (power === _1n3)
    return num;
  let d = num % modulo;
  if (d < _0n3)
    d += modulo;
  if (power < POW_WINDOWED_MIN) {
    let p2 = _1n3;
    while (power > _0n3) {
      if (power & _1n3)
        p2 = p2 * d % modulo;
      d = d * d % modulo;
      power >>= _1n3;
    }
    return p2;
  }
  const digits = [];
  while (power > _0n3) {
    digits.push(Number(power & _15n));
    power >>= _4n;
  }
  const table = new Array(16);
  table[0] = _1n3;
  table[1] = d;
  for (let i = 2; i < 16; i++)
    table[i] = table[i - 1] * d % modulo;
  let p = table[digits[digits.length - 1]];
  for (let w = digits.length - 2; w >= 0; w--) {
    p = p * p % modulo;
    p = p * p % modulo;
    p = p * p % modulo;
    p = p * p % modulo;
    const digit = digits[w];
    if (digit !== 0)
      p = p * table[digit] % modulo;
  }
  return p;
}
function invert(number, modulo) {
  if (number === _0n3)
    throw new Error("invert: expected non-zero number");
  if (modulo <= _1n3)
    throw new Error("invert: expected modulus > 1, got " + modulo);
  let a = mod(number, modulo);
  let b = modulo;
  let x = _0n3, u = _1n3;
  while (a !== _0n3) {
    const q = b / a;
    const r = b - a * q;
    const m = x - u * q;
    b = a, a = r, x = u, u = m;
  }
  const gcd = b;
  if (gcd !== _1n3)
    throw new Error("invert: does not exist");
  return mod(x, modulo);
}
function assertIsSquare(Fp, root, n) {
  const F = Fp;
  if (!F.eql(F.sqr(root), n))
    throw new Error("Cannot find square root");
}
function aoddModulus(order, fnName) {
  if ((order & _1n3) === _0n3)
    throw new Error(fnName + ": expected odd modulus, got " + order);
}
function sqrt3mod4(Fp, n) {
  const F = Fp;
  const p1div4 = (F.ORDER + _1n3) / _4n;
  const root = F.pow(n, p1div4);
  assertIsSquare(F, root, n);
  return root;
}
function sqrt5mod8(Fp, n) {
  const F = Fp;
  const p5div8 = (F.ORDER - _5n) / _8n;
  const n2 = F.mul(n, _2n2);
  const v = F.pow(n2, p5div8);
  const nv = F.mul(n, v);
  const i = F.mul(F.mul(nv, _2n2), v);
  const root = F.mul(nv, F.sub(i, F.ONE));
  assertIsSquare(F, root, n);
  return root;
}
function sqrt9mod16(P) {
  const Fp_ = Field(P);
  const tn = tonelliShanks(P);
  const c1 = tn(Fp_, Fp_.neg(Fp_.ONE));
  const c2 = tn(Fp_, c1);
  const c3 = tn(Fp_, Fp_.neg(c1));
  const c4 = (P + _7n2) / _16n;
  return ((Fp, n) => {
    const F = Fp;
    let tv1 = F.pow(n, c4);
    let tv2 = F.mul(tv1, c1);
    const tv3 = F.mul(tv1, c2);
    const tv4 = F.mul(tv1, c3);
    const e1 = F.eql(F.sqr(tv2), n);
    const e2 = F.eql(F.sqr(tv3), n);
    tv1 = F.cmov(tv1, tv2, e1);
    tv2 = F.cmov(tv4, tv3, e2);
    const e3 = F.eql(F.sqr(tv2), n);
    const root = F.cmov(tv1, tv2, e3);
    assertIsSquare(F, root, n);
    return root;
  });
}
function tonelliShanks(P) {
  if (P < _3n)
    throw new Error("sqrt is not defined for small field");
  aoddModulus(P, "tonelliShanks");
  let Q = P - _1n3;
  let S = 0;
  while (Q % _2n2 === _0n3) {
    Q /= _2n2;
    S++;
  }
  let Z = _2n2;
  const _Fp = Field(P);
  while (FpLegendre(_Fp, Z) === 1) {
    if (Z++ > 1e3)
      throw new Error("Cannot find square root: probably non-prime P");
  }
  if (S === 1)
    return sqrt3mod4;
  let cc = _Fp.pow(Z, Q);
  const Q1div2 = (Q + _1n3) / _2n2;
  return function tonelliSlow(Fp, n) {
    const F = Fp;
    if (F.is0(n))
      return n;
    if (FpLegendre(F, n) !== 1)
      throw new Error("Cannot find square root");
    let M = S;
    let c = F.mul(F.ONE, cc);
    let t = F.pow(n, Q);
    let R = F.pow(n, Q1div2);
    while (!F.eql(t, F.ONE)) {
      if (F.is0(t))
        throw new Error("Cannot find square root: probably non-prime P");
      let i = 1;
      let t_tmp = F.sqr(t);
      while (!F.eql(t_tmp, F.ONE)) {
        i++;
        t_tmp = F.sqr(t_tmp);
        if (i === M)
          throw new Error("Cannot find square root");
      }
      const exponent = _1n3 << BigInt(M - i - 1);
      const b = F.pow(c, exponent);
      M = i;
      c = F.sqr(b);
      t = F.mul(t, c);
      R = F.mul(R, b);
    }
    return R;
  };
}
function FpSqrt(P) {
  aoddModulus(P, "Fp.sqrt");
  if (P % _4n === _3n)
    return sqrt3mod4;
  if (P % _8n === _5n)
    return sqrt5mod8;
  if (P % _16n === _9n)
    return sqrt9mod16(P);
  return tonelliShanks(P);
}
var FIELD_FIELDS = [
  "create",
  "isValid",
  "is0",
  "neg",
  "inv",
  "sqrt",
  "sqr",
  "eql",
  "add",
  "sub",
  "mul",
  "pow",
  "div",
  "addN",
  "subN",
  "mulN",
  "sqrN"
];
function validateField(field) {
  aobject2(field, "field");
  if (typeof field.ORDER !== "bigint")
    throw new TypeError('param "ORDER" is invalid: expected bigint, got ' + typeof field.ORDER);
  asafenumber(field.BYTES, "BYTES");
  asafenumber(field.BITS, "BITS");
  for (const name of FIELD_FIELDS)
    afunction(field[name], "field." + name);
  if (field.BYTES < 1 || field.BITS < 1)
    throw new Error("invalid field: expected BYTES/BITS > 0");
  if (field.ORDER <= _1n3)
    throw new Error("invalid field: expected ORDER > 1, got " + field.ORDER);
  return field;
}
function FpInvertBatch(Fp, nums, passZero = false) {
  validateField(Fp);
  aarray(nums, "nums");
  abool2(passZero, "passZero");
  const F = Fp;
  const inverted = new Array(nums.length).fill(passZero ? F.ZERO : void 0);
  const multipliedAcc = nums.reduce((acc, num, i) => {
    if (F.is0(num))
      return acc;
    inverted[i] = acc;
    return F.mul(acc, num);
  }, F.ONE);
  const invertedAcc = F.inv(multipliedAcc);
  nums.reduceRight((acc, num, i) => {
    if (F.is0(num))
      return acc;
    inverted[i] = F.mul(acc, inverted[i]);
    return F.mul(acc, num);
  }, invertedAcc);
  return inverted;
}
function FpLegendre(Fp, n) {
  validateField(Fp);
  const F = Fp;
  aoddModulus(F.ORDER, "FpLegendre");
  const p1mod2 = (F.ORDER - _1n3) / _2n2;
  const powered = F.pow(n, p1mod2);
  const yes = F.eql(powered, F.ONE);
  const zero = F.eql(powered, F.ZERO);
  const no = F.eql(powered, F.neg(F.ONE));
  if (!yes && !zero && !no)
    throw new Error("invalid Legendre symbol result");
  return yes ? 1 : zero ? 0 : -1;
}
function nLength(n, nBitLength) {
  if (nBitLength !== void 0)
    anumber2(nBitLength);
  if (n <= _0n3)
    throw new Error("invalid n length: expected positive n, got " + n);
  if (nBitLength !== void 0 && nBitLength < 1)
    throw new Error("invalid n length: expected positive bit length, got " + nBitLength);
  const bits = bitLen(n);
  if (nBitLength !== void 0 && nBitLength < bits)
    throw new Error(`invalid n length: expected nBitLength (${nBitLength}) >= bitLen(n) (${bits})`);
  const _nBitLength = nBitLength !== void 0 ? nBitLength : bits;
  const nByteLength = Math.ceil(_nBitLength / 8);
  return { nBitLength: _nBitLength, nByteLength };
}
var FIELD_SQRT = /* @__PURE__ */ new WeakMap();
var _Field = class {
  ORDER;
  BITS;
  BYTES;
  isLE;
  ZERO = _0n3;
  ONE = _1n3;
  _lengths;
  _mod;
  constructor(ORDER2, opts = {}) {
    if (ORDER2 <= _1n3)
      throw new Error("invalid field: expected ORDER > 1, got " + ORDER2);
    let _nbitLength = void 0;
    this.isLE = false;
    if (opts != null && typeof opts === "object") {
      if (typeof opts.BITS === "number")
        _nbitLength = opts.BITS;
      if (typeof opts.sqrt === "function")
        Object.defineProperty(this, "sqrt", { value: opts.sqrt, enumerable: true });
      if (typeof opts.isLE === "boolean")
        this.isLE = opts.isLE;
      if (opts.allowedLengths)
        this._lengths = Object.freeze(opts.allowedLengths.slice());
      if (typeof opts.modFromBytes === "boolean")
        this._mod = opts.modFromBytes;
    }
    const { nBitLength, nByteLength } = nLength(ORDER2, _nbitLength);
    if (nByteLength > 2048)
      throw new Error("invalid field: expected ORDER of <= 2048 bytes");
    this.ORDER = ORDER2;
    this.BITS = nBitLength;
    this.BYTES = nByteLength;
    Object.freeze(this);
  }
  create(num) {
    return mod(num, this.ORDER);
  }
  isValid(num) {
    if (typeof num !== "bigint")
      throw new TypeError("invalid field element: expected bigint, got " + typeof num);
    return _0n3 <= num && num < this.ORDER;
  }
  is0(num) {
    return num === _0n3;
  }
  // is valid and invertible
  isValidNot0(num) {
    return !this.is0(num) && this.isValid(num);
  }
  isOdd(num) {
    return (num & _1n3) === _1n3;
  }
  neg(num) {
    return mod(-num, this.ORDER);
  }
  eql(lhs, rhs) {
    return lhs === rhs;
  }
  sqr(num) {
    return mod(num * num, this.ORDER);
  }
  add(lhs, rhs) {
    return mod(lhs + rhs, this.ORDER);
  }
  sub(lhs, rhs) {
    return mod(lhs - rhs, this.ORDER);
  }
  mul(lhs, rhs) {
    return mod(lhs * rhs, this.ORDER);
  }
  pow(num, power) {
    return pow(num, power, this.ORDER);
  }
  div(lhs, rhs) {
    return mod(lhs * invert(rhs, this.ORDER), this.ORDER);
  }
  // Same as above, but doesn't normalize
  sqrN(num) {
    return num * num;
  }
  addN(lhs, rhs) {
    return lhs + rhs;
  }
  subN(lhs, rhs) {
    return lhs - rhs;
  }
  mulN(lhs, rhs) {
    return lhs * rhs;
  }
  inv(num) {
    return invert(num, this.ORDER);
  }
  sqrt(num) {
    let sqrt = FIELD_SQRT.get(this);
    if (!sqrt)
      FIELD_SQRT.set(this, sqrt = FpSqrt(this.ORDER));
    return sqrt(this, num);
  }
  toBytes(num) {
    return this.isLE ? numberToBytesLE(num, this.BYTES) : numberToBytesBE(num, this.BYTES);
  }
  fromBytes(bytes2, skipValidation = false) {
    abytes2(bytes2);
    const { _lengths: allowedLengths, BYTES, isLE: isLE2, ORDER: ORDER2, _mod: modFromBytes } = this;
    if (allowedLengths) {
      if (bytes2.length < 1 || !allowedLengths.includes(bytes2.length) || bytes2.length > BYTES) {
        throw new Error("Field.fromBytes: expected " + allowedLengths + " bytes, got " + bytes2.length);
      }
      const padded = new Uint8Array(BYTES);
      padded.set(bytes2, isLE2 ? 0 : padded.length - bytes2.length);
      bytes2 = padded;
    }
    if (bytes2.length !== BYTES)
      throw new Error("Field.fromBytes: expected " + BYTES + " bytes, got " + bytes2.length);
    let scalar = isLE2 ? bytesToNumberLE(bytes2) : bytesToNumberBE(bytes2);
    if (modFromBytes)
      scalar = mod(scalar, ORDER2);
    if (!skipValidation) {
      if (!this.isValid(scalar))
        throw new Error("invalid field element: outside of range 0..ORDER");
    }
    return scalar;
  }
  // TODO: we don't need it here, move out to separate fn
  invertBatch(lst) {
    return FpInvertBatch(this, lst, true);
  }
  // We can't move this out because Fp6, Fp12 implement it
  // and it's unclear what to return in there.
  cmov(a, b, condition) {
    abool2(condition, "condition");
    return condition ? b : a;
  }
};
function Field(ORDER2, opts = {}) {
  Object.freeze(_Field.prototype);
  return new _Field(ORDER2, opts);
}

// node_modules/@noble/curves/abstract/hash-to-curve.js
var os2ip = bytesToNumberBE;
function i2osp(value, length) {
  asafenumber(value);
  asafenumber(length);
  if (length < 0 || length > 4)
    throw new Error("invalid I2OSP length: " + length);
  if (value < 0 || value > 2 ** (8 * length) - 1)
    throw new Error("invalid I2OSP input: " + value);
  const res = Array.from({ length }).fill(0);
  for (let i = length - 1; i >= 0; i--) {
    res[i] = value & 255;
    value >>>= 8;
  }
  return new Uint8Array(res);
}
function strxor(a, b) {
  const arr = new Uint8Array(a.length);
  for (let i = 0; i < a.length; i++) {
    arr[i] = a[i] ^ b[i];
  }
  return arr;
}
function normDST(DST) {
  if (!isBytes2(DST) && typeof DST !== "string")
    throw new Error("DST must be Uint8Array or ascii string");
  const dst = typeof DST === "string" ? asciiToBytes(DST) : DST;
  if (dst.length === 0)
    throw new Error("DST must be non-empty");
  return dst;
}
function expand_message_xmd(msg, DST, lenInBytes, H) {
  abytes2(msg);
  asafenumber(lenInBytes);
  if (typeof H !== "function")
    throw new Error("expand_message_xmd: expected hash function");
  asafenumber(H.outputLen, "hash.outputLen");
  asafenumber(H.blockLen, "hash.blockLen");
  DST = normDST(DST);
  if (DST.length > 255)
    DST = H(concatBytes2(asciiToBytes("H2C-OVERSIZE-DST-"), DST));
  const { outputLen: b_in_bytes, blockLen: r_in_bytes } = H;
  const ell = Math.ceil(lenInBytes / b_in_bytes);
  if (lenInBytes > 65535 || ell > 255)
    throw new Error("expand_message_xmd: invalid lenInBytes");
  const DST_prime = concatBytes2(DST, i2osp(DST.length, 1));
  const Z_pad = new Uint8Array(r_in_bytes);
  const l_i_b_str = i2osp(lenInBytes, 2);
  const b = new Array(ell);
  const b_0 = H(concatBytes2(Z_pad, msg, l_i_b_str, i2osp(0, 1), DST_prime));
  b[0] = H(concatBytes2(b_0, i2osp(1, 1), DST_prime));
  for (let i = 1; i < ell; i++) {
    const args = [strxor(b_0, b[i - 1]), i2osp(i + 1, 1), DST_prime];
    b[i] = H(concatBytes2(...args));
  }
  const pseudo_random_bytes = concatBytes2(...b);
  return pseudo_random_bytes.slice(0, lenInBytes);
}
function expand_message_xof(msg, DST, lenInBytes, k, H) {
  abytes2(msg);
  asafenumber(lenInBytes);
  asafenumber(k, "k");
  if (k < 0)
    throw new Error("expand_message_xof: invalid k");
  if (typeof H !== "function")
    throw new Error("expand_message_xof: expected XOF function");
  if (typeof H.create !== "function")
    throw new Error("expand_message_xof: expected XOF create");
  DST = normDST(DST);
  if (lenInBytes < 0 || lenInBytes > 65535)
    throw new Error("expand_message_xof: invalid lenInBytes");
  if (DST.length > 255) {
    const dkLen = Math.ceil(2 * k / 8);
    DST = H.create({ dkLen }).update(asciiToBytes("H2C-OVERSIZE-DST-")).update(DST).digest();
  }
  if (DST.length > 255)
    throw new Error("expand_message_xof: invalid DST");
  return H.create({ dkLen: lenInBytes }).update(msg).update(i2osp(lenInBytes, 2)).update(DST).update(i2osp(DST.length, 1)).digest();
}
function hash_to_field(msg, count, options) {
  validateObject(options, {
    p: "bigint",
    m: "number",
    k: "number",
    hash: "function"
  });
  const { p, k, m, hash: hash2, expand, DST } = options;
  asafenumber(hash2.outputLen, "valid hash");
  abytes2(msg);
  asafenumber(count);
  asafenumber(m, "m");
  asafenumber(k, "k");
  if (p <= BigInt(1))
    throw new Error("hash_to_field: expected valid field characteristic");
  if (count < 1)
    throw new Error("hash_to_field: expected count >= 1");
  if (m < 1)
    throw new Error("hash_to_field: expected m >= 1");
  if (k < 0)
    throw new Error("hash_to_field: invalid k");
  const log2p = p.toString(2).length;
  const L = Math.ceil((log2p + k) / 8);
  const len_in_bytes = count * m * L;
  let prb;
  if (expand === "xmd") {
    prb = expand_message_xmd(msg, DST, len_in_bytes, hash2);
  } else if (expand === "xof") {
    prb = expand_message_xof(msg, DST, len_in_bytes, k, hash2);
  } else if (expand === "_internal_pass") {
    prb = msg;
  } else {
    throw new Error('expand must be "xmd" or "xof"');
  }
  const u = new Array(count);
  for (let i = 0; i < count; i++) {
    const e = new Array(m);
    for (let j = 0; j < m; j++) {
      const elm_offset = L * (j + i * m);
      const tv = prb.subarray(elm_offset, elm_offset + L);
      e[j] = mod(os2ip(tv), p);
    }
    u[i] = e;
  }
  return u;
}

// node_modules/@noble/curves/abstract/curve.js
var _0n4 = /* @__PURE__ */ BigInt(0);
var _1n4 = /* @__PURE__ */ BigInt(1);
var _4n2 = /* @__PURE__ */ BigInt(4);
var BLIND_BYTES = 16;
var BLIND_BITS = 128;
var FW_WINDOW = 5;
var TABLE_BYTES_MAX = /* @__PURE__ */ (() => 2 ** 31)();
function validatePointCons(Point2) {
  const pc = Point2;
  if (typeof pc !== "function")
    throw new TypeError('"Point" expected constructor, got type=' + typeof Point2);
  afunction(pc.fromAffine, "Point.fromAffine");
  afunction(pc.fromBytes, "Point.fromBytes");
  afunction(pc.fromHex, "Point.fromHex");
  aobject2(pc.BASE, "Point.BASE");
  aobject2(pc.ZERO, "Point.ZERO");
  validateField(pc.Fp);
  validateField(pc.Fn);
}
function normalizeZ(c, points) {
  validatePointCons(c);
  validateMSMPoints(points, c);
  const invertedZs = FpInvertBatch(c.Fp, points.map((p) => p.Z));
  return points.map((p, i) => c.fromAffine(p.toAffine(invertedZs[i])));
}
function validateW(W, bits, min = 1) {
  if (!Number.isSafeInteger(W) || W < min || W > bits)
    throw new Error("invalid window size, expected [" + min + ".." + bits + "], got W=" + W);
}
function validateTableBytes(numPoints, fpBytes) {
  const bytes2 = numPoints * (4 * fpBytes + 128);
  if (bytes2 > TABLE_BYTES_MAX)
    throw new Error("invalid window size: table would need ~" + Math.ceil(bytes2 / 2 ** 20) + " MiB, max " + TABLE_BYTES_MAX / 2 ** 20 + " MiB");
}
function probeRandomBytes(randomBytes3, length) {
  if (randomBytes3 === void 0)
    return void 0;
  afunction(randomBytes3, "randomBytes");
  try {
    const probe = randomBytes3(length);
    if (!isBytes2(probe) || probe.length !== length)
      return void 0;
  } catch {
    return void 0;
  }
  return randomBytes3;
}
function validateMSMPoints(points, c) {
  aarray(points, "points");
  points.forEach((p, i) => {
    if (!(p instanceof c))
      throw new Error("invalid point at index " + i);
  });
}
function validateMSMScalars(scalars, field, maxScalar) {
  if (!Array.isArray(scalars))
    throw new Error("array of scalars expected");
  scalars.forEach((s, i) => {
    const ok = maxScalar === void 0 ? field.isValid(s) : isPosBig(s) && s < maxScalar;
    if (!ok)
      throw new Error("invalid scalar at index " + i);
  });
}
var pointWindowSizes = /* @__PURE__ */ new WeakMap();
function getWindowSize(P) {
  return pointWindowSizes.get(P) || 1;
}
function oddMultiples(p, size) {
  const dbl = p.double();
  const t = [p];
  for (let j = 1; j < size; j++)
    t.push(t[j - 1].add(dbl));
  return t;
}
function wnafDigits(n, W) {
  const size = 2 ** W;
  const half = size / 2;
  const mask = BigInt(size - 1);
  const d = [];
  while (n > _0n4) {
    let w = 0;
    if (n & _1n4) {
      w = Number(n & mask);
      if (w >= half)
        w -= size;
      n -= BigInt(w);
    }
    d.push(w);
    n >>= _1n4;
  }
  return d;
}
function signedWindowDigits(n, W, windows) {
  const size = 2 ** W;
  const half = size / 2;
  const mask = BigInt(size - 1);
  const shiftBy = BigInt(W);
  const d = [];
  for (let w = 0; w < windows; w++) {
    let v = Number(n & mask);
    n >>= shiftBy;
    if (v > half) {
      v -= size;
      n += _1n4;
    }
    d.push(v);
  }
  if (n !== _0n4)
    throw new Error("invalid wnaf");
  return d;
}
function wnafWalk(zero, tables, digits) {
  let max = 0;
  for (const d of digits)
    max = Math.max(max, d.length);
  let acc = zero;
  for (let bit = max - 1; bit >= 0; bit--) {
    if (bit !== max - 1)
      acc = acc.double();
    for (let i = 0; i < digits.length; i++) {
      const w = digits[i][bit];
      if (w) {
        const item = tables[i][Math.abs(w) - 1 >> 1];
        acc = acc.add(w < 0 ? item.negate() : item);
      }
    }
  }
  return acc;
}
var ScalarMultiplier = class {
  Point;
  BASE;
  ZERO;
  randomBytes;
  wnafPrecomputes = /* @__PURE__ */ new WeakMap();
  baseCanBeBlinded;
  bits;
  // Parametrized with a given Point class (not individual point)
  constructor(Point2, randomBytes3) {
    validatePointCons(Point2);
    this.randomBytes = probeRandomBytes(randomBytes3, BLIND_BYTES);
    this.Point = Point2;
    this.BASE = Point2.BASE;
    this.ZERO = Point2.ZERO;
    this.bits = Point2.Fn.BITS;
  }
  /**
   * Creates a signed fixed-window wNAF precomputation table: for every window w, the
   * multiples `[1..2^(W−1)]⋅2^(w⋅W)⋅P`, flattened. All doublings are baked into the table,
   * so cached multiplication is additions-only. `windows = ceil(bits/W) + 1`: the extra
   * window absorbs the final carry of signed-digit recoding.
   * For a 256-bit curve and W=6, the table is 44⋅32 = 1408 points.
   * @param point - Point instance
   * @param W - window size
   * @param bits - scalar bitlength the table must cover
   */
  buildWnafTable(point2, W, bits) {
    const windows = Math.ceil(bits / W) + 1;
    const half = 2 ** (W - 1);
    const comp = [];
    let base = point2;
    for (let w = 0; w < windows; w++) {
      let acc = base;
      for (let i = 0; i < half; i++) {
        comp.push(acc);
        acc = acc.add(base);
      }
      base = comp[comp.length - 1].double();
    }
    return { W, bits, windows, comp };
  }
  /**
   * Implements ec multiplication using precomputed signed fixed-window wNAF tables.
   * Constant-time: fixed window count with one table addition per window — zero digits feed
   * the fake accumulator — and no doublings; the lookup scans the whole window slice.
   * Scalar bounds are validated by the public entry points ({@link ScalarMultiplier.mulCT},
   * {@link ScalarMultiplier.mulCTBlinded}, {@link ScalarMultiplier.mulUnsafe});
   * signedWindowDigits throws if `n` exceeds the table.
   * @returns real and fake (for const-time) points
   */
  wnafCachedCT(precomputes, n) {
    const { W, windows, comp } = precomputes;
    const half = 2 ** (W - 1);
    const digits = signedWindowDigits(n, W, windows);
    let p = this.ZERO;
    let f = this.BASE;
    for (let w = 0; w < windows; w++) {
      const digit = digits[w];
      const start = w * half;
      const idx = Math.abs(digit) - 1;
      let sel = comp[start];
      for (let i = 1; i < half; i++)
        sel = i === idx ? comp[start + i] : sel;
      const neg = sel.negate();
      if (digit === 0)
        f = f.add(comp[start]);
      else
        p = p.add(digit < 0 ? neg : sel);
    }
    return { p, f };
  }
  // Cache key is point identity plus (W, bits); at most two entries exist per point (public-width
  // `Fn.BITS` and blinded `Fn.BITS + BLIND_BITS`). Callers must not reuse the same point with
  // incompatible `transform(...)` layouts and expect a separate cache entry.
  getWnafPrecomputes(W, point2, bits, transform) {
    let entries = this.wnafPrecomputes.get(point2);
    let comp = entries?.find((entry) => entry.W === W && entry.bits === bits);
    if (!comp) {
      comp = this.buildWnafTable(point2, W, bits);
      if (typeof transform === "function")
        comp = { ...comp, comp: transform(comp.comp) };
      if (!entries) {
        entries = [];
        this.wnafPrecomputes.set(point2, entries);
      }
      entries.push(comp);
    }
    return comp;
  }
  assertPoint(point2) {
    if (!(point2 instanceof this.Point))
      throw new TypeError('"point" expected Point instance, got type=' + typeof point2);
  }
  // Shared prologue of the constant-time entry points. Rejects scalar 0: in key/signature-style
  // callers a zero scalar means broken upstream plumbing, and concrete Points already reject it.
  // Uses inRange instead of Fn.isValidNot0: validateField() only certifies the arithmetic subset.
  validateMulInput(point2, scalar) {
    this.assertPoint(point2);
    if (!inRange(scalar, _1n4, this.Point.Fn.ORDER))
      throw new Error("invalid scalar");
  }
  // Constant-time dispatch shared by mulCT / mulCTBlinded. Un-precomputed points (W===1, e.g.
  // ECDH peer keys) skip building a throwaway cached table in favor of a small fixed-window
  // multiply. `n` must be < 2^bits.
  runCT(point2, n, bits, transform) {
    const W = getWindowSize(point2);
    if (W === 1)
      return this.fixedWindowCT(point2, n, bits);
    return this.wnafCachedCT(this.getWnafPrecomputes(W, point2, bits, transform), n);
  }
  mulCT(point2, scalar, transform) {
    this.validateMulInput(point2, scalar);
    return this.runCT(point2, scalar, this.bits, transform);
  }
  mulCTBlinded(point2, scalar, transform) {
    this.validateMulInput(point2, scalar);
    if (this.randomBytes === void 0)
      throw new Error("randomBytes is required for scalar blinding");
    const bits = this.Point.Fn.BITS + BLIND_BITS;
    const blind = this.randomBytes(BLIND_BYTES);
    if (!isBytes2(blind) || blind.length !== BLIND_BYTES)
      throw new Error("randomBytes returned invalid byte array");
    blind[0] = blind[0] & 63 | 128;
    const n = scalar + bytesToNumberBE(blind) * this.Point.Fn.ORDER;
    return this.runCT(point2, n, bits, transform);
  }
  /**
   * Constant-time multiplication `n*point` for an un-precomputed point, via a small fixed window.
   * A cached wNAF table only pays off when reused; a flat 2^FW_WINDOW table (`size-1` adds) is
   * far cheaper to build for a single use. The point-operation sequence is independent of `n`:
   * build the table, then per window exactly FW_WINDOW doublings, a data-oblivious scan over
   * every table entry, and one addition (adds the identity when the window digit is 0 — never
   * skipped).
   *
   * `n` must be `< 2^bits`. Assumes complete addition (adding the identity costs the same as any
   * add), which holds for the Weierstrass/Edwards point types used here. The table is left in
   * projective form (no normalizeZ): normalizing this small a table costs more than the
   * mixed-add savings it would buy for a single multiply.
   * @returns real point `p`; `f` duplicates it only to match {@link wnafCachedCT}'s return shape
   * (this path needs no fake accumulator — its op-count is already scalar-independent).
   */
  fixedWindowCT(point2, n, bits) {
    const W = FW_WINDOW;
    const size = 1 << W;
    const mask = bitMask(W);
    const table = new Array(size);
    table[0] = this.ZERO;
    for (let i = 1; i < size; i++)
      table[i] = table[i - 1].add(point2);
    const windows = Math.ceil(bits / W);
    let acc = this.ZERO;
    for (let window = windows - 1; window >= 0; window--) {
      if (window !== windows - 1)
        for (let d = 0; d < W; d++)
          acc = acc.double();
      const digit = Number(n >> BigInt(window * W) & mask);
      let sel = table[0];
      for (let i = 1; i < size; i++)
        sel = i === digit ? table[i] : sel;
      acc = acc.add(sel);
    }
    return { p: acc, f: acc };
  }
  shouldBlind(point2, cofactor) {
    if (this.randomBytes === void 0)
      return false;
    if (cofactor === _1n4)
      return true;
    if (point2 !== this.BASE)
      return false;
    if (this.baseCanBeBlinded === void 0)
      this.baseCanBeBlinded = this.mulUnsafe(this.BASE, this.Point.Fn.ORDER).is0();
    return this.baseCanBeBlinded;
  }
  mulSecret(point2, scalar, cofactor, transform) {
    return this.shouldBlind(point2, cofactor) ? this.mulCTBlinded(point2, scalar, transform) : this.mulCT(point2, scalar, transform);
  }
  mulUnsafe(point2, scalar, transform) {
    this.assertPoint(point2);
    if (!isPosBig(scalar))
      throw new Error("invalid scalar");
    const W = getWindowSize(point2);
    if (W === 1 || scalar >= this.Point.Fn.ORDER)
      return mulAddUnsafe(this.Point, [point2], [scalar], true);
    const precomputes = this.getWnafPrecomputes(W, point2, this.bits, transform);
    return this.wnafCachedCT(precomputes, scalar).p;
  }
  // Remembers the window size used for precomputed wNAF multiplication of the given point
  // and drops any previously built tables. Usually only the base point is precomputed.
  // W=1 resets the point to the un-precomputed (table-less) paths.
  // W is additionally capped so tables stay under ~2 GiB ({@link TABLE_BYTES_MAX}).
  setWindowSize(point2, W) {
    this.assertPoint(point2);
    validateW(W, this.bits);
    const windows = Math.ceil((this.bits + BLIND_BITS) / W) + 1;
    validateTableBytes(windows * 2 ** (W - 1), this.Point.Fp.BYTES);
    pointWindowSizes.set(point2, W);
    this.wnafPrecomputes.delete(point2);
  }
  // True when a window size is set: tables themselves are built lazily on first multiply.
  hasWindowSize(point2) {
    return getWindowSize(point2) !== 1;
  }
};
function mulAddUnsafe(c, points, scalars, allowOversized = false) {
  validatePointCons(c);
  validateMSMPoints(points, c);
  abool2(allowOversized, "allowOversized");
  validateMSMScalars(scalars, c.Fn, allowOversized ? c.Fn.ORDER ** _4n2 : void 0);
  if (points.length !== scalars.length)
    throw new Error("arrays of points and scalars must have equal length");
  const tables = points.map((p) => oddMultiples(p, 4));
  const digits = scalars.map((n) => wnafDigits(n, 4));
  return wnafWalk(c.ZERO, tables, digits);
}
function createField(order, field, isLE2) {
  if (field) {
    if (field.ORDER !== order)
      throw new Error("Field.ORDER must match order: Fp == p, Fn == n");
    validateField(field);
    return field;
  } else {
    return Field(order, { isLE: isLE2 });
  }
}
function createCurveFields(type, CURVE, curveOpts = {}, FpFnLE) {
  if (type !== "weierstrass" && type !== "edwards")
    throw new Error('expected curve type "weierstrass" or "edwards"');
  if (FpFnLE === void 0)
    FpFnLE = type === "edwards";
  if (!CURVE || typeof CURVE !== "object")
    throw new Error(`expected valid ${type} CURVE object`);
  validateObject(curveOpts);
  for (const p of ["p", "n", "h"]) {
    const val = CURVE[p];
    if (!(isPosBig(val) && val !== _0n4))
      throw new Error(`CURVE.${p} must be positive bigint`);
  }
  const Fp = createField(CURVE.p, curveOpts.Fp, FpFnLE);
  const Fn = createField(CURVE.n, curveOpts.Fn, FpFnLE);
  const _b = type === "weierstrass" ? "b" : "d";
  const params = ["Gx", "Gy", "a", _b];
  for (const p of params) {
    if (!Fp.isValid(CURVE[p]))
      throw new Error(`CURVE.${p} must be valid field element of CURVE.Fp`);
  }
  CURVE = Object.freeze(Object.assign({}, CURVE));
  return { CURVE, Fp, Fn };
}

// node_modules/@noble/curves/abstract/weierstrass.js
var divNearest = (num, den) => (num + (num >= 0 ? den : -den) / _2n3) / den;
function _splitEndoScalar(k, basis, n) {
  aInRange("scalar", k, _0n5, n);
  const [[a1, b1], [a2, b2]] = basis;
  const c1 = divNearest(b2 * k, n);
  const c2 = divNearest(-b1 * k, n);
  let k1 = k - c1 * a1 - c2 * a2;
  let k2 = -c1 * b1 - c2 * b2;
  const k1neg = k1 < _0n5;
  const k2neg = k2 < _0n5;
  if (k1neg)
    k1 = -k1;
  if (k2neg)
    k2 = -k2;
  const MAX_NUM = bitMask(Math.ceil(bitLen(n) / 2)) + _1n5;
  if (k1 < _0n5 || k1 >= MAX_NUM || k2 < _0n5 || k2 >= MAX_NUM) {
    throw new Error("splitScalar (endomorphism): failed for k");
  }
  return { k1neg, k1, k2neg, k2 };
}
var _0n5 = /* @__PURE__ */ BigInt(0);
var _1n5 = /* @__PURE__ */ BigInt(1);
var _2n3 = /* @__PURE__ */ BigInt(2);
var _3n2 = /* @__PURE__ */ BigInt(3);
var _4n3 = /* @__PURE__ */ BigInt(4);
function weierstrass(params, extraOpts = {}) {
  const validated = createCurveFields("weierstrass", params, extraOpts);
  const Fp = validated.Fp;
  const Fn = validated.Fn;
  let CURVE = validated.CURVE;
  const { h: cofactor, n: CURVE_ORDER } = CURVE;
  validateObject(extraOpts, {}, {
    allowInfinityPoint: "boolean",
    clearCofactor: "function",
    isTorsionFree: "function",
    fromBytes: "function",
    toBytes: "function",
    endo: "object",
    randomBytes: "function"
  });
  const { endo: endoOpts, allowInfinityPoint, clearCofactor, isTorsionFree, fromBytes, toBytes } = extraOpts;
  const randomBytes3 = extraOpts.randomBytes === void 0 ? randomBytes2 : extraOpts.randomBytes;
  if (endoOpts) {
    if (!Fp.is0(CURVE.a) || typeof endoOpts.beta !== "bigint" || !Array.isArray(endoOpts.basises)) {
      throw new Error('invalid endo: expected "beta": bigint and "basises": array');
    }
  }
  const endo = endoOpts ? {
    beta: endoOpts.beta,
    basises: endoOpts.basises.map((basis) => [...basis])
  } : void 0;
  const lengths = getWLengths(Fp, Fn);
  function assertCompressionIsSupported() {
    if (!Fp.isOdd)
      throw new Error("compression is not supported: Field does not have .isOdd()");
  }
  function pointToBytes(_c, point2, isCompressed) {
    if (point2.is0()) {
      if (!allowInfinityPoint)
        throw new Error("bad point: ZERO");
      return Uint8Array.of(0);
    }
    const { x, y } = point2.toAffine();
    const bx = Fp.toBytes(x);
    abool2(isCompressed, "isCompressed");
    if (isCompressed) {
      assertCompressionIsSupported();
      const hasEvenY = !Fp.isOdd(y);
      return concatBytes2(pprefix(hasEvenY), bx);
    } else {
      return concatBytes2(Uint8Array.of(4), bx, Fp.toBytes(y));
    }
  }
  function pointFromBytes(bytes2) {
    abytes2(bytes2, void 0, "Point");
    const { publicKey: comp, publicKeyUncompressed: uncomp } = lengths;
    const length = bytes2.length;
    const head2 = bytes2[0];
    const tail = bytes2.subarray(1);
    if (allowInfinityPoint && length === 1 && head2 === 0)
      return { x: Fp.ZERO, y: Fp.ZERO };
    if (length === comp && (head2 === 2 || head2 === 3)) {
      const x = Fp.fromBytes(tail);
      if (!Fp.isValid(x))
        throw new Error("bad point: is not on curve, wrong x");
      const y2 = weierstrassEquation(x);
      let y;
      try {
        y = Fp.sqrt(y2);
      } catch (sqrtError) {
        const err = sqrtError instanceof Error ? ": " + sqrtError.message : "";
        throw new Error("bad point: is not on curve, sqrt error" + err);
      }
      assertCompressionIsSupported();
      const evenY = Fp.isOdd(y);
      const evenH = (head2 & 1) === 1;
      if (evenH !== evenY)
        y = Fp.neg(y);
      return { x, y };
    } else if (length === uncomp && head2 === 4) {
      const L = Fp.BYTES;
      const x = Fp.fromBytes(tail.subarray(0, L));
      const y = Fp.fromBytes(tail.subarray(L, L * 2));
      if (!isValidXY(x, y))
        throw new Error("bad point: is not on curve");
      return { x, y };
    } else {
      throw new Error(`bad point: got length ${length}, expected compressed=${comp} or uncompressed=${uncomp}`);
    }
  }
  const encodePoint = toBytes === void 0 ? pointToBytes : toBytes;
  const decodePoint = fromBytes === void 0 ? pointFromBytes : fromBytes;
  const b3 = Fp.mul(CURVE.b, _3n2);
  const mulA = Fp.is0(CURVE.a) ? (_) => Fp.ZERO : (x) => Fp.mul(CURVE.a, x);
  function weierstrassEquation(x) {
    const x2 = Fp.sqr(x);
    const x3 = Fp.mul(x2, x);
    return Fp.add(Fp.add(x3, Fp.mul(x, CURVE.a)), CURVE.b);
  }
  function isValidXY(x, y) {
    const left = Fp.sqr(y);
    const right = weierstrassEquation(x);
    return Fp.eql(left, right);
  }
  if (!isValidXY(CURVE.Gx, CURVE.Gy))
    throw new Error("bad curve params: generator point");
  const _4a3 = Fp.mul(Fp.pow(CURVE.a, _3n2), _4n3);
  const _27b2 = Fp.mul(Fp.sqr(CURVE.b), BigInt(27));
  if (Fp.is0(Fp.add(_4a3, _27b2)))
    throw new Error("bad curve params: a or b");
  function acoord(title, n, banZero = false) {
    if (!Fp.isValid(n) || banZero && Fp.is0(n))
      throw new Error(`bad point coordinate ${title}`);
    return typeof n === "object" && n !== null ? Fp.create(n) : n;
  }
  function aprjpoint(other) {
    if (!(other instanceof Point2))
      throw new Error("Weierstrass Point expected");
  }
  function splitEndoScalarN(k) {
    if (!endo || !endo.basises)
      throw new Error("no endo");
    return _splitEndoScalar(k, endo.basises, Fn.ORDER);
  }
  function pushWnafPair(points, scalars, p, k) {
    if (!Fn.isValid(k))
      throw new RangeError("invalid scalar: out of range");
    if (endo) {
      const { k1neg, k1, k2neg, k2 } = splitEndoScalarN(k);
      const psi = new Point2(Fp.mul(p.X, endo.beta), p.Y, p.Z);
      points.push(k1neg ? p.negate() : p, k2neg ? psi.negate() : psi);
      scalars.push(k1, k2);
    } else {
      points.push(p);
      scalars.push(k);
    }
  }
  const validityCache = /* @__PURE__ */ new WeakSet();
  class Point2 {
    static BASE = new Point2(CURVE.Gx, CURVE.Gy, Fp.ONE);
    static ZERO = new Point2(Fp.ZERO, Fp.ONE, Fp.ZERO);
    static Fp = Fp;
    static Fn = Fn;
    X;
    Y;
    Z;
    /** Does NOT validate if the point is valid. Use `.assertValidity()`. */
    constructor(X, Y, Z) {
      this.X = acoord("x", X);
      this.Y = acoord("y", Y, true);
      this.Z = acoord("z", Z);
      Object.freeze(this);
    }
    static CURVE() {
      return CURVE;
    }
    /** Does NOT validate if the point is valid. Use `.assertValidity()`. */
    static fromAffine(p) {
      const { x, y } = p || {};
      if (!p || !Fp.isValid(x) || !Fp.isValid(y))
        throw new Error("invalid affine point");
      if (p instanceof Point2)
        throw new Error("projective point not allowed");
      if (Fp.is0(x) && Fp.is0(y))
        return Point2.ZERO;
      return new Point2(x, y, Fp.ONE);
    }
    static fromBytes(bytes2) {
      const P = Point2.fromAffine(decodePoint(abytes2(bytes2, void 0, "point")));
      P.assertValidity();
      return P;
    }
    static fromHex(hex2) {
      return Point2.fromBytes(hexToBytes2(hex2));
    }
    get x() {
      return this.toAffine().x;
    }
    get y() {
      return this.toAffine().y;
    }
    /**
     * @param isLazy - true will defer table computation until the first multiplication
     */
    precompute(windowSize = 6, isLazy = true) {
      wnaf.setWindowSize(this, windowSize);
      if (!isLazy)
        this.multiply(_3n2);
      return this;
    }
    // TODO: return `this`
    /** A point on curve is valid if it conforms to equation. */
    assertValidity() {
      const p = this;
      if (p.is0()) {
        if (allowInfinityPoint && Fp.is0(p.X) && Fp.eql(p.Y, Fp.ONE) && Fp.is0(p.Z))
          return;
        throw new Error("bad point: ZERO");
      }
      if (validityCache.has(p))
        return;
      const { x, y } = p.toAffine();
      if (!Fp.isValid(x) || !Fp.isValid(y))
        throw new Error("bad point: x or y not field elements");
      if (!isValidXY(x, y))
        throw new Error("bad point: equation left != right");
      if (!p.isTorsionFree())
        throw new Error("bad point: not in prime-order subgroup");
      validityCache.add(p);
    }
    hasEvenY() {
      const { y } = this.toAffine();
      if (!Fp.isOdd)
        throw new Error("Field doesn't support isOdd");
      return !Fp.isOdd(y);
    }
    /** Compare one point to another. */
    equals(other) {
      aprjpoint(other);
      const { X: X1, Y: Y1, Z: Z1 } = this;
      const { X: X2, Y: Y2, Z: Z2 } = other;
      const U1 = Fp.eql(Fp.mul(X1, Z2), Fp.mul(X2, Z1));
      const U2 = Fp.eql(Fp.mul(Y1, Z2), Fp.mul(Y2, Z1));
      return U1 && U2;
    }
    /** Flips point to one corresponding to (x, -y) in Affine coordinates. */
    negate() {
      return new Point2(this.X, Fp.neg(this.Y), this.Z);
    }
    // Renes-Costello-Batina exception-free doubling formula.
    // There is 30% faster Jacobian formula, but it is not complete.
    // https://eprint.iacr.org/2015/1060, algorithm 3
    // Cost: 8M + 3S + 3*a + 2*b3 + 15add.
    double() {
      const { X: X1, Y: Y1, Z: Z1 } = this;
      let X3 = Fp.ZERO, Y3 = Fp.ZERO, Z3 = Fp.ZERO;
      let t0 = Fp.mul(X1, X1);
      let t1 = Fp.mul(Y1, Y1);
      let t2 = Fp.mul(Z1, Z1);
      let t3 = Fp.mul(X1, Y1);
      t3 = Fp.add(t3, t3);
      Z3 = Fp.mul(X1, Z1);
      Z3 = Fp.add(Z3, Z3);
      X3 = mulA(Z3);
      Y3 = Fp.mul(b3, t2);
      Y3 = Fp.add(X3, Y3);
      X3 = Fp.sub(t1, Y3);
      Y3 = Fp.add(t1, Y3);
      Y3 = Fp.mul(X3, Y3);
      X3 = Fp.mul(t3, X3);
      Z3 = Fp.mul(b3, Z3);
      t2 = mulA(t2);
      t3 = Fp.sub(t0, t2);
      t3 = mulA(t3);
      t3 = Fp.add(t3, Z3);
      Z3 = Fp.add(t0, t0);
      t0 = Fp.add(Z3, t0);
      t0 = Fp.add(t0, t2);
      t0 = Fp.mul(t0, t3);
      Y3 = Fp.add(Y3, t0);
      t2 = Fp.mul(Y1, Z1);
      t2 = Fp.add(t2, t2);
      t0 = Fp.mul(t2, t3);
      X3 = Fp.sub(X3, t0);
      Z3 = Fp.mul(t2, t1);
      Z3 = Fp.add(Z3, Z3);
      Z3 = Fp.add(Z3, Z3);
      return new Point2(X3, Y3, Z3);
    }
    // Renes-Costello-Batina exception-free addition formula.
    // There is 30% faster Jacobian formula, but it is not complete.
    // https://eprint.iacr.org/2015/1060, algorithm 1
    // Cost: 12M + 0S + 3*a + 3*b3 + 23add.
    add(other) {
      aprjpoint(other);
      const { X: X1, Y: Y1, Z: Z1 } = this;
      const { X: X2, Y: Y2, Z: Z2 } = other;
      let X3 = Fp.ZERO, Y3 = Fp.ZERO, Z3 = Fp.ZERO;
      let t0 = Fp.mul(X1, X2);
      let t1 = Fp.mul(Y1, Y2);
      let t2 = Fp.mul(Z1, Z2);
      let t3 = Fp.add(X1, Y1);
      let t4 = Fp.add(X2, Y2);
      t3 = Fp.mul(t3, t4);
      t4 = Fp.add(t0, t1);
      t3 = Fp.sub(t3, t4);
      t4 = Fp.add(X1, Z1);
      let t5 = Fp.add(X2, Z2);
      t4 = Fp.mul(t4, t5);
      t5 = Fp.add(t0, t2);
      t4 = Fp.sub(t4, t5);
      t5 = Fp.add(Y1, Z1);
      X3 = Fp.add(Y2, Z2);
      t5 = Fp.mul(t5, X3);
      X3 = Fp.add(t1, t2);
      t5 = Fp.sub(t5, X3);
      Z3 = mulA(t4);
      X3 = Fp.mul(b3, t2);
      Z3 = Fp.add(X3, Z3);
      X3 = Fp.sub(t1, Z3);
      Z3 = Fp.add(t1, Z3);
      Y3 = Fp.mul(X3, Z3);
      t1 = Fp.add(t0, t0);
      t1 = Fp.add(t1, t0);
      t2 = mulA(t2);
      t4 = Fp.mul(b3, t4);
      t1 = Fp.add(t1, t2);
      t2 = Fp.sub(t0, t2);
      t2 = mulA(t2);
      t4 = Fp.add(t4, t2);
      t0 = Fp.mul(t1, t4);
      Y3 = Fp.add(Y3, t0);
      t0 = Fp.mul(t5, t4);
      X3 = Fp.mul(t3, X3);
      X3 = Fp.sub(X3, t0);
      t0 = Fp.mul(t3, t1);
      Z3 = Fp.mul(t5, Z3);
      Z3 = Fp.add(Z3, t0);
      return new Point2(X3, Y3, Z3);
    }
    subtract(other) {
      aprjpoint(other);
      return this.add(other.negate());
    }
    is0() {
      return this.equals(Point2.ZERO);
    }
    /**
     * Constant time multiplication.
     * Uses precomputed tables (signed fixed-window wNAF) when available.
     * Uses scalar blinding and avoids endomorphism splitting in the secret-scalar path.
     * @param scalar - by which the point would be multiplied
     * @returns New point
     */
    multiply(scalar) {
      if (!Fn.isValidNot0(scalar))
        throw new RangeError("invalid scalar: out of range");
      const { p, f } = wnaf.mulSecret(this, scalar, cofactor, normalize);
      return normalize([p, f])[0];
    }
    /**
     * Non-constant-time multiplication. Uses width-4 wNAF with GLV endomorphism splitting
     * when available (two half-width scalars sharing one halved doubling chain).
     * It's faster, but should only be used when you don't care about
     * an exposed secret key e.g. sig verification, which works over *public* keys.
     */
    multiplyUnsafe(scalar) {
      const p = this;
      const sc = scalar;
      if (!Fn.isValid(sc))
        throw new RangeError("invalid scalar: out of range");
      if (sc === _0n5 || p.is0())
        return Point2.ZERO;
      if (sc === _1n5)
        return p;
      if (wnaf.hasWindowSize(this))
        return wnaf.mulUnsafe(p, sc, normalize);
      const points = [];
      const scalars = [];
      pushWnafPair(points, scalars, p, sc);
      return mulAddUnsafe(Point2, points, scalars);
    }
    /**
     * Non-constant-time double-scalar multiplication `a⋅this + b⋅other` (Strauss–Shamir).
     * Both walks share one doubling chain via {@link mulAddUnsafe}, and GLV endomorphism
     * (when available) halves the chain again by splitting each scalar into two half-width
     * parts. Used by ECDSA verification and public-key recovery for `R = u1⋅G + u2⋅P`.
     * Only for public scalars.
     */
    mulAddUnsafe(a, other, b) {
      aprjpoint(other);
      const points = [];
      const scalars = [];
      pushWnafPair(points, scalars, this, a);
      pushWnafPair(points, scalars, other, b);
      return mulAddUnsafe(Point2, points, scalars);
    }
    /**
     * Converts Projective point to affine (x, y) coordinates.
     * (X, Y, Z) ∋ (x=X/Z, y=Y/Z).
     * @param invertedZ - Z^-1 (inverted zero) - optional, precomputation is useful for invertBatch
     */
    toAffine(invertedZ) {
      const p = this;
      let iz = invertedZ;
      if (iz != null && !Fp.isValid(iz))
        throw new RangeError('"invertedZ" expected valid field element');
      const { X, Y, Z } = p;
      if (Fp.eql(Z, Fp.ONE))
        return { x: X, y: Y };
      const is0 = p.is0();
      if (iz == null)
        iz = is0 ? Fp.ONE : Fp.inv(Z);
      const x = Fp.mul(X, iz);
      const y = Fp.mul(Y, iz);
      const zz = Fp.mul(Z, iz);
      if (is0)
        return { x: Fp.ZERO, y: Fp.ZERO };
      if (!Fp.eql(zz, Fp.ONE))
        throw new Error("invZ was invalid");
      return { x, y };
    }
    /**
     * Checks whether Point is free of torsion elements (is in prime subgroup).
     * Always torsion-free for cofactor=1 curves.
     */
    isTorsionFree() {
      if (cofactor === _1n5)
        return true;
      if (isTorsionFree)
        return isTorsionFree(Point2, this);
      return wnaf.mulUnsafe(this, CURVE_ORDER).is0();
    }
    clearCofactor() {
      if (cofactor === _1n5)
        return this;
      if (clearCofactor)
        return clearCofactor(Point2, this);
      return this.multiplyUnsafe(cofactor);
    }
    isSmallOrder() {
      if (cofactor === _1n5)
        return this.is0();
      return this.clearCofactor().is0();
    }
    toBytes(isCompressed = true) {
      abool2(isCompressed, "isCompressed");
      this.assertValidity();
      return encodePoint(Point2, this, isCompressed);
    }
    toHex(isCompressed = true) {
      return bytesToHex2(this.toBytes(isCompressed));
    }
    toString() {
      return `<Point ${this.is0() ? "ZERO" : this.toHex()}>`;
    }
  }
  const normalize = (points) => normalizeZ(Point2, points);
  const wnaf = new ScalarMultiplier(Point2, randomBytes3);
  if (wnaf.bits >= 6)
    Point2.BASE.precompute(6);
  Object.freeze(Point2.prototype);
  Object.freeze(Point2);
  return Point2;
}
function pprefix(hasEvenY) {
  return Uint8Array.of(hasEvenY ? 2 : 3);
}
function getWLengths(Fp, Fn) {
  return {
    secretKey: Fn.BYTES,
    publicKey: 1 + Fp.BYTES,
    publicKeyUncompressed: 1 + 2 * Fp.BYTES,
    publicKeyHasPrefix: true,
    // Raw compact `(r || s)` signature width; DER and recovered signatures use
    // different lengths outside this helper.
    signature: 2 * Fn.BYTES
  };
}

// src/quorum.ts
var ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
var Point = weierstrass({
  p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn,
  n: ORDER,
  h: 1n,
  a: 0n,
  b: 7n,
  Gx: 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
  Gy: 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n
});
var named = (text2) => keccak(toUtf8(text2));
var REPORT = "Report(uint64 epoch,uint64 configCount,uint64 validUntil,bytes32 previousRoot,bytes32 stateRoot,bytes32 directory,bytes32 receiptsRoot,bytes32 model,bytes32 manifest,bytes32 cut)";
var REPORT_TYPE = named(REPORT);
var HOT_REPORT_TYPE = named(`HotReport(Report report,bytes32 hot)${REPORT}`);
var DOMAIN_TYPE = named("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
var DOMAIN_NAME = named("Enliven EpochOracle");
var DOMAIN_VERSION = named("1");
function signingDigest(chainId, { oracle, report: report2, hot }) {
  const domain = keccak(DOMAIN_TYPE, DOMAIN_NAME, DOMAIN_VERSION, word(chainId), word(big(oracle)));
  let signed = keccak(
    REPORT_TYPE,
    word(report2.epoch),
    word(report2.config_count),
    word(report2.valid_until),
    report2.previous_root,
    report2.state_root,
    report2.directory,
    report2.receipts_root,
    report2.model,
    report2.manifest,
    report2.cut
  );
  if (hot !== void 0) signed = keccak(HOT_REPORT_TYPE, signed, hot);
  return keccak(Uint8Array.of(25, 1), domain, signed);
}
function checkQuorum(evidence2, state) {
  const { last } = evidence2;
  const { report: report2 } = last;
  const pairs = [
    ["epoch", String(report2.epoch), String(state.epoch)],
    ["state root", hex(report2.state_root), hex(state.stateRoot)],
    ["directory", hex(report2.directory), hex(state.directory)],
    ["oracle", hex(last.oracle), hex(state.oracle)]
  ];
  for (const [what, signed2, held] of pairs) {
    if (signed2 !== held) throw new Fault(`the ${what} that was signed is ${signed2}, the contracts hold ${held}`);
  }
  const committee2 = evidence2.committees.find(
    (one) => same(one.oracle, last.oracle) && one.config_count === report2.config_count
  );
  if (committee2 === void 0) throw new Fault(`the committee of epoch ${report2.epoch} is left out`);
  const { signers } = committee2;
  if (signers.length !== state.signers.length || !signers.every((one, place) => same(one, state.signers[place]))) {
    throw new Fault(`the record names ${plural(signers.length, "signer")}, the oracle's list has others`);
  }
  if (committee2.ejected !== state.ejected) {
    const [proven, told] = [state.ejected.toString(2), committee2.ejected.toString(2)];
    throw new Fault(`signers ${proven} were ejected (as bits), the record says ${told}`);
  }
  const digest2 = signingDigest(evidence2.chain_id, last);
  const { group, committee: signed } = last.signed;
  if (group !== void 0) {
    const key = committee2.group_key;
    if (key === void 0) throw new Fault("a group signed, but its oracle has none");
    if (state.oracleCode === null || !contains(state.oracleCode, key.subarray(0, 32))) {
      throw new Fault("the group's key is not that of the oracle");
    }
    checkGroupSignature(key, digest2, group);
    return "its group";
  }
  if (signed === void 0) throw new Fault("nobody signed");
  checkSignatures(committee2, digest2, signed.signers, signed.signatures);
  return `${bitCount(signed.signers)} of ${plural(signers.length, "signer")}`;
}
function contains(bytes2, part) {
  for (let at = 0; at + part.length <= bytes2.length; at++) {
    if (same(bytes2.subarray(at, at + part.length), part)) return true;
  }
  return false;
}
function leastThreshold(count) {
  return Math.floor((count + Math.floor(Math.max(count - 1, 0) / 3)) / 2) + 1;
}
function needed({ signers, threshold, ejected }) {
  const full = Number(threshold);
  const least = leastThreshold(signers.length);
  if (full < least || full > signers.length) {
    throw new Fault(`a threshold of ${full}; ${plural(signers.length, "signer")} need ${least} or more`);
  }
  const gone = bitCount(ejected);
  const left = signers.length - gone;
  return gone === 0 || left <= 0 ? full : Math.max(leastThreshold(left), full - gone);
}
function checkSignatures(committee2, digest2, bits, signatures) {
  const least = needed(committee2);
  const listed = Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => bits >> BigInt(bit) & 1n);
  if (listed.length !== signatures.length) {
    throw new Fault(`${plural(listed.length, "signer")} and ${plural(signatures.length, "signature")}`);
  }
  if (listed.length < least) throw new Fault(`${plural(listed.length, "signature")}, ${least} are needed`);
  listed.forEach((signer, place) => {
    const address2 = committee2.signers[signer];
    if (address2 === void 0) throw new Fault(`signer ${signer} of ${committee2.signers.length} is none`);
    const found = recover(digest2, signatures[place]);
    if (found === null || !same(found, address2)) {
      throw new Fault(`signature ${place} is not by signer ${signer} (${hex(address2)})`);
    }
  });
}
function recover(digest2, signature) {
  const [x, s, v] = [signature.subarray(0, 32), big(signature.subarray(32, 64)), signature[64]];
  const r = big(x);
  if (r === 0n || r >= ORDER || s === 0n || s > ORDER / 2n || v !== 27 && v !== 28) return null;
  try {
    const commitment = Point.fromBytes(concatBytes(Uint8Array.of(v - 25), x));
    const { Fn } = Point;
    const inverse = Fn.inv(r);
    const [ofPoint, ofBase] = [Fn.mul(s, inverse), Fn.mul(Fn.create(-big(digest2)), inverse)];
    const key = commitment.multiplyUnsafe(ofPoint).add(Point.BASE.multiplyUnsafe(ofBase));
    return keccak(key.toBytes(false).subarray(1)).subarray(12);
  } catch {
    return null;
  }
}
function checkGroupSignature(key, digest2, signature) {
  const group = point("the group's key", key);
  const commitment = point("the group's commitment", signature.subarray(0, 64));
  const response = big(signature.subarray(64));
  if (response >= ORDER) throw new Fault("the group's response is not below the order");
  const message = concatBytes(commitment.toBytes(true), group.toBytes(true), digest2);
  const tag = toUtf8("FROST-secp256k1-KECCAK256-v1chal");
  const options = { DST: tag, p: ORDER, m: 1, k: 128, expand: "xmd", hash: keccak_256 };
  const challenge = hash_to_field(message, 1, options)[0][0];
  const expected = commitment.add(group.multiplyUnsafe(challenge));
  if (!Point.BASE.multiplyUnsafe(response).equals(expected)) throw new Fault("the group did not sign this");
}
function point(what, coordinates) {
  try {
    const found = Point.fromAffine({ x: big(coordinates.subarray(0, 32)), y: big(coordinates.subarray(32)) });
    found.assertValidity();
    return found;
  } catch {
    throw new Fault(`${what} is not a point of the curve`);
  }
}

// src/receipts.ts
var MAX_RECEIPTS = 1e6;
var traitValue = (value, at) => typeof value === "string" ? value : i64(value, at);
var change = oneOf({
  moved: record({ name: text, from: i64, to: i64, threshold: i64 }),
  changed: record({ name: text, from: text, to: text }),
  step_limited: record({ name: text, wanted: i64, allowed: i64 })
});
var receipt = record({
  version: u322,
  epoch: u64,
  previous: nullable(link),
  cut: link,
  manifest: digest,
  model: digest,
  schema: digest,
  features: list(i64),
  score: record({ units: i64, scale: u8 }),
  attribution: record({ base: i64, parts: list(i64) }),
  reasons: list((value, at) => value === "mint" ? value : change(value, at)),
  before: list(traitValue),
  state: record({
    token_id: u64,
    subject: text,
    sequence: u64,
    epoch: u64,
    changed_at: i64,
    traits: list(record({ name: text, value: traitValue })),
    metadata: link
  })
});
function readReceipt(blocks, cid) {
  return readRecord(`receipt ${cid}`, blocks.get("receipt", cid), receipt);
}
function checkProof(blocks, proof, stateRoot) {
  const latest = readReceipt(blocks, proof.receipt);
  if (latest.state.token_id !== proof.token_id) throw new Fault(`its receipt is of token ${latest.state.token_id}`);
  const leaf = leafOf(latest, proof.receipt);
  if (!same(proof.proof.reduce(parent, leaf), stateRoot)) {
    throw new Fault(`its leaf ${hex(leaf)} is not below the state root ${hex(stateRoot)}`);
  }
  return latest;
}
function leafOf({ state }, cid) {
  const traits = state.traits.map((trait) => wordOf(trait.value));
  const encoded = concatBytes(
    word(state.token_id),
    word(state.sequence),
    state.metadata.digest,
    cid.digest,
    // Where the list starts, and how long it is.
    word(160n),
    word(BigInt(traits.length)),
    ...traits
  );
  return keccak(keccak(encoded));
}
function wordOf(value) {
  if (typeof value === "bigint") return word(value);
  const bytes2 = toUtf8(value);
  return bytes2.length < 32 ? concatBytes(bytes2, new Uint8Array(32 - bytes2.length)) : keccak(bytes2);
}
function parent(one, other) {
  return compare(one, other) <= 0 ? keccak(one, other) : keccak(other, one);
}
function checkHistory(blocks, proof, latest, epoch) {
  if (latest.epoch > epoch) {
    throw new Fault(`receipt ${proof.receipt} is of epoch ${latest.epoch}, which is not accepted`);
  }
  let [cid, later] = [proof.receipt, latest];
  for (let count = 1; ; count++) {
    const reason = ownFault(later);
    if (reason !== null) throw new Fault(`receipt ${cid}: ${reason}`);
    if (later.previous === null) return count;
    if (count === MAX_RECEIPTS) throw new Fault(`there are more than ${MAX_RECEIPTS} receipts`);
    const before = readReceipt(blocks, later.previous);
    const broken = linkFault(later, before);
    if (broken !== null) throw new Fault(`receipt ${cid}: ${broken}`);
    [cid, later] = [later.previous, before];
  }
}
function ownFault({ version, epoch, previous, cut, score, attribution, before, state }) {
  if (version !== 1n) return `version ${version} is not known`;
  const sum = attribution.parts.reduce((sum2, part) => sum2 + part, attribution.base);
  if (sum !== score.units) return `the attributions sum to ${sum}, the score is ${score.units}`;
  if (cut.codec !== CODEC.dagCbor) return `its cut ${cut} is a CID of another kind`;
  if (state.metadata.codec !== CODEC.raw) return `its metadata ${state.metadata} is a CID of another kind`;
  if (state.epoch !== epoch) return `its state is of epoch ${state.epoch}, the receipt of epoch ${epoch}`;
  if (previous === null && (state.sequence !== 1n || before.length !== 0)) {
    return "a mint has sequence 1 and no traits before";
  }
  return null;
}
function linkFault(later, before) {
  const [now, then] = [later.state, before.state];
  if (now.token_id !== then.token_id || now.subject !== then.subject) {
    return "it is about another token than the receipt before it";
  }
  if (now.sequence !== then.sequence + 1n) return `sequence ${now.sequence} after ${then.sequence}`;
  if (later.epoch <= before.epoch) return `epoch ${later.epoch} after ${before.epoch}`;
  const held = then.traits.map((trait) => trait.value);
  if (later.before.length !== held.length || !later.before.every((value, place) => value === held[place])) {
    return "its traits before are not those that the receipt before it left";
  }
  return null;
}

// src/rlp.ts
function itemAt(bytes2, at) {
  const first = bytes2[at];
  if (first === void 0) throw new Fault("RLP ends before an item");
  let start = at;
  let length = 1;
  if (first >= 128) {
    const short = first >= 192 ? 192 : 128;
    start += 1;
    length = first - short;
    if (length > 55) {
      const digits = bytes2.subarray(start, start + length - 55);
      start += length - 55;
      if (digits.length !== length - 55) throw new Fault("RLP ends inside a length");
      length = digits.reduce((sum, digit) => sum * 256 + digit, 0);
      if (digits[0] === 0 || length < 56) throw new Fault("a length in RLP has more bytes than it needs");
    } else if (short === 128 && length === 1 && (bytes2[start] ?? 128) < 128) {
      throw new Fault("a byte in RLP has a length that it does not need");
    }
  }
  if (length > bytes2.length - start) throw new Fault("RLP ends inside an item");
  return {
    list: first >= 192,
    payload: bytes2.subarray(start, start + length),
    raw: bytes2.subarray(at, start + length)
  };
}
function itemsOf(bytes2, most = Infinity) {
  const whole2 = itemAt(bytes2, 0);
  if (!whole2.list) throw new Fault("RLP that should be a list is none");
  if (whole2.raw.length !== bytes2.length) throw new Fault("RLP has bytes behind its end");
  const items = [];
  for (let at = 0; at < whole2.payload.length && items.length < most; ) {
    const item = itemAt(whole2.payload, at);
    items.push(item);
    at += item.raw.length;
  }
  return items;
}
function encodeText(bytes2) {
  return bytes2.length === 1 && bytes2[0] < 128 ? bytes2 : concatBytes(head(128, bytes2.length), bytes2);
}
function encodeList(...items) {
  const payload = concatBytes(...items);
  return concatBytes(head(192, payload.length), payload);
}
function head(short, length) {
  if (length < 56) return Uint8Array.of(short + length);
  const digits = shortest(BigInt(length));
  return concatBytes(Uint8Array.of(short + 55 + digits.length), digits);
}

// src/trie.ts
var EMPTY_ROOT = keccak(Uint8Array.of(128));
function lookUp(root, key, proof) {
  if (same(root, EMPTY_ROOT)) {
    if (proof.length > 0) throw new Fault("its proof has nodes of an empty trie");
    return null;
  }
  let used = 0;
  const take = (wanted) => {
    const node2 = proof[used++];
    if (node2 === void 0) throw new Fault("its proof ends on the way");
    if (!same(keccak(node2), wanted)) throw new Fault(`node ${used - 1} of its proof does not have the hash that is wanted`);
    return itemsOf(node2);
  };
  const follow = (child) => {
    if (!child.list && child.payload.length === 32) return take(child.payload);
    if (child.list && child.raw.length < 32) return itemsOf(child.raw);
    throw new Fault(`what node ${used - 1} of its proof leads to is no node`);
  };
  const nothingIf = (value) => {
    if (used !== proof.length) throw new Fault("its proof has nodes behind its end");
    return value;
  };
  let rest = hex(key).slice(2);
  let node = take(root);
  for (; ; ) {
    if (node.length === 17) {
      if (rest === "" || node[16].raw[0] !== 128) throw new Fault(`node ${used - 1} of its proof holds a value in a branch`);
      const child = node[parseInt(rest[0], 16)];
      if (!child.list && child.payload.length === 0) return nothingIf(null);
      rest = rest.slice(1);
      node = follow(child);
      continue;
    }
    const [path, content] = node;
    if (path === void 0 || content === void 0 || node.length !== 2 || path.list) {
      throw new Fault(`node ${used - 1} of its proof is no node of a trie`);
    }
    const { leaf, nibbles } = readPath(path.payload);
    if (leaf) {
      if (content.list) throw new Fault(`node ${used - 1} of its proof has a list for a value`);
      return nothingIf(nibbles === rest ? content.payload : null);
    }
    if (!rest.startsWith(nibbles)) return nothingIf(null);
    rest = rest.slice(nibbles.length);
    node = follow(content);
  }
}
function readPath(path) {
  const digits = hex(path).slice(2);
  const flag = parseInt(digits[0] ?? "f", 16);
  if (flag > 3 || flag % 2 === 0 && digits[1] !== "0") throw new Fault("a node's path does not start as it should");
  return { leaf: flag >= 2, nibbles: digits.slice(flag % 2 === 0 ? 2 : 1) };
}

// src/state.ts
var MAX_SIGNERS = 64;
var SLOT = { head: 12n, stateRoot: 13n, directory: 14n, held: 23n, heldDirectory: 25n, ejected: 2n };
function readHeader(header2) {
  const wrong2 = (reason) => {
    throw new Fault(`the block's header: ${reason}`);
  };
  let fields2;
  try {
    fields2 = itemsOf(header2, 12);
  } catch (error) {
    return wrong2(words(error));
  }
  if (fields2.some((field) => field.list)) wrong2("one of its first 12 fields is a list");
  const number = (bytes2) => {
    if (bytes2[0] === 0) wrong2("a number in it starts with a zero");
    if (bytes2.length > 8) wrong2("a number in it has more than 64 bits");
    return big(bytes2);
  };
  const [stateRoot, height, time] = [3, 8, 11].map((place) => fields2[place]?.payload);
  if (stateRoot === void 0 || height === void 0 || time === void 0) return wrong2("it has less than 12 fields");
  if (stateRoot.length !== 32) wrong2("its state root is not 32 bytes");
  number(time);
  return { number: number(height), hash: keccak(header2), stateRoot };
}
function checkState(proof, token, tokenIds) {
  const { stateRoot } = readHeader(proof.header);
  if (proof.token.code !== void 0) throw new Fault("proof of the token: its code is not wanted");
  if (!same(proof.token.address, token)) {
    throw new Fault(`proof of the token: it is of ${hex(proof.token.address)}, not of ${hex(token)}`);
  }
  const slots = checkAccount("token", proof.token, stateRoot, wantedSlots(tokenIds));
  const slot = (place) => {
    const value = slots.get(hex(place));
    if (value === void 0) throw new Fault(`proof of the token: slot ${hex(place)} is not proven`);
    return value;
  };
  const ejected = word(SLOT.ejected);
  const ofOracle = checkAccount("oracle", proof.oracle, stateRoot, [ejected]);
  const head2 = slot(word(SLOT.head));
  return {
    believed: head2.subarray(12),
    epoch: big(head2.subarray(8, 12)),
    minted: big(head2.subarray(1, 4)),
    stateRoot: slot(word(SLOT.stateRoot)),
    directory: slot(word(SLOT.directory)),
    oracle: proof.oracle.address,
    signers: checkSigners(proof.signers, proof.oracle.address, stateRoot),
    ejected: big(ofOracle.get(hex(ejected)).subarray(24)),
    oracleCode: proof.oracle.code ?? null,
    heldDirectory: (id) => {
      const bits = big(slot(mapped(id >> 8n, SLOT.held)));
      return (bits >> (id & 255n) & 1n) === 0n ? null : slot(mapped(id, SLOT.heldDirectory));
    }
  };
}
function checkSigners(proof, oracle, stateRoot) {
  const place = keccak(encodeList(encodeText(oracle), encodeText(Uint8Array.of(1)))).subarray(12);
  if (!same(proof.address, place)) {
    throw new Fault(`proof of the signers: it is of ${hex(proof.address)}, the oracle's list is ${hex(place)}`);
  }
  checkAccount("signers", proof, stateRoot, []);
  const code = proof.code;
  if (code === void 0) throw new Fault("proof of the signers: its code is left out");
  const count = (code.length - 1) / 20;
  if (code[0] !== 0 || !Number.isInteger(count) || count > MAX_SIGNERS) {
    throw new Fault("proof of the signers: its code is no list of signers");
  }
  return Array.from({ length: count }, (_, place2) => code.subarray(1 + 20 * place2, 21 + 20 * place2));
}
function wantedSlots(tokenIds) {
  const slots = [SLOT.head, SLOT.stateRoot, SLOT.directory].map(word);
  for (const id of tokenIds) slots.push(mapped(id >> 8n, SLOT.held), mapped(id, SLOT.heldDirectory));
  slots.sort(compare);
  return slots.filter((slot, place) => place === 0 || !same(slot, slots[place - 1]));
}
function mapped(key, mapping) {
  return keccak(word(key), word(mapping));
}
function checkAccount(what, proof, stateRoot, wanted) {
  const wrong2 = (reason) => {
    throw new Fault(`proof of the ${what}: ${reason}`);
  };
  const account = encodeList(
    encodeText(shortest(proof.nonce)),
    encodeText(shortest(big(proof.balance))),
    encodeText(proof.storage_root),
    encodeText(proof.code_hash)
  );
  const held = (root, key, expected, nodes2, name2) => {
    let found;
    try {
      found = lookUp(root, keccak(key), nodes2);
    } catch (error) {
      return wrong2(`${name2}: ${words(error)}`);
    }
    const equal = found === null || expected === null ? found === expected : same(found, expected);
    if (!equal) wrong2(name2);
  };
  const name = `the account ${hex(proof.address)} is not so in the block's state`;
  held(stateRoot, proof.address, account, proof.proof, name);
  if (proof.code !== void 0 && !same(keccak(proof.code), proof.code_hash)) {
    wrong2("its code is not that of the account");
  }
  const asWanted = proof.slots.length === wanted.length && wanted.every((slot, place) => same(slot, proof.slots[place].slot));
  if (!asWanted) wrong2(`its slots are not the ${wanted.length} that are wanted`);
  const slots = /* @__PURE__ */ new Map();
  for (const { slot, value, proof: nodes2 } of proof.slots) {
    const number = big(value);
    const expected = number === 0n ? null : encodeText(shortest(number));
    held(proof.storage_root, slot, expected, nodes2, `slot ${hex(slot)} does not hold ${hex(value)}`);
    slots.set(hex(slot), value);
  }
  return slots;
}

// src/verify.ts
var STEPS = ["evidence", "anchor", "state", "quorum", "proof", "receipts", "content"];
async function verifyCar(car, token, anchor) {
  const verdict = { passed: false, tokens: [], checks: [] };
  const pass = (detail) => {
    verdict.checks.push({ step: STEPS[verdict.checks.length], passed: true, detail });
  };
  const tokens = [];
  try {
    const { record: record2, blocks } = openEvidence(car);
    pass(`chain ${record2.chain_id}, ${plural(record2.tokens.length, "token")}`);
    const header2 = readHeader(record2.state.header);
    verdict.block = small(header2.number);
    verdict.blockHash = hex(header2.hash);
    await checkAnchor(header2.number, verdict.blockHash, anchor);
    pass(`block ${header2.number}, ${verdict.blockHash}`);
    const contract = fromHex(token, 20);
    if (contract === null) throw new Fault("the token contract's address is not 0x and 40 hexadecimal digits");
    const state = checkState(record2.state, contract, record2.tokens.map((proof) => proof.token_id));
    verdict.epoch = Number(state.epoch);
    const signers = plural(state.signers.length, "signer");
    pass(`${plural(state.minted, "token")} of ${hex(contract)}, epoch ${state.epoch}, ${signers}`);
    const who = checkQuorum(record2, state);
    const since = same(state.believed, state.oracle) ? "" : "; the token has another oracle by now";
    pass(`epoch ${state.epoch} signed by ${who}${since}`);
    if (record2.tokens.length === 0) throw new Fault("the record is about no token");
    const latest = record2.tokens.map((proof) => of(proof, () => checkProof(blocks, proof, state.stateRoot)));
    pass(`${plural(latest.length, "token")} under the state root ${hex(state.stateRoot)}`);
    let receipts = 0;
    record2.tokens.forEach((proof, place) => {
      receipts += of(proof, () => checkHistory(blocks, proof, latest[place], state.epoch));
    });
    pass(`${plural(receipts, "receipt")}, back to the mint`);
    const files = new UnixFs(blocks);
    let count = 0;
    record2.tokens.forEach((proof, place) => {
      const found = of(proof, () => checkContent(files, proof, latest[place], state));
      tokens.push(found.token);
      count += found.files;
    });
    pass(`${plural(count, "file")} of metadata, as the directory names them`);
    verdict.passed = true;
    verdict.tokens = tokens;
  } catch (error) {
    verdict.checks.push({ step: STEPS[verdict.checks.length], passed: false, detail: words(error) || "it cannot be read" });
  }
  for (const step of STEPS.slice(verdict.checks.length)) {
    verdict.checks.push({ step, passed: null, detail: "not reached" });
  }
  return verdict;
}
function openEvidence(car) {
  if (!ArrayBuffer.isView(car)) throw new Fault("the file is not given as bytes");
  const { root, blocks } = readCar(new Uint8Array(car.buffer, car.byteOffset, car.byteLength));
  if (root.codec !== CODEC.dagCbor) throw new Fault(`the file's root ${root} is no record of evidence`);
  const record2 = readRecord("record of evidence", blocks.get("record of evidence", root), evidence);
  if (record2.version !== 1n) throw new Fault(`version ${record2.version} is not known`);
  record2.tokens.forEach((proof, place) => {
    const before = record2.tokens[place - 1];
    if (before !== void 0 && before.token_id >= proof.token_id) {
      throw new Fault(`its tokens are repeated or out of order: ${proof.token_id} after ${before.token_id}`);
    }
  });
  if (record2.tokens.length > 0 && record2.earlier.length > 0) {
    throw new Fault("it has tokens and earlier epochs; a record has one of them");
  }
  const oracles = /* @__PURE__ */ new Set();
  for (const { oracle } of record2.committees) {
    if (oracles.has(hex(oracle))) throw new Fault(`the committee of ${hex(oracle)} is there twice`);
    oracles.add(hex(oracle));
  }
  return { record: record2, blocks };
}
async function checkAnchor(number, found, anchor) {
  let known;
  if (typeof anchor === "function") {
    if (number > Number.MAX_SAFE_INTEGER) throw new Fault(`no chain has a block ${number}`);
    try {
      known = await anchor(Number(number));
    } catch (error) {
      throw new Fault(`the hash of block ${number} was not to be had: ${words(error)}`);
    }
    if (known === null || known === void 0) throw new Fault(`the chain has no block ${number}`);
  } else {
    known = anchor?.hash;
  }
  if (fromHex(known, 32) === null) throw new Fault("the hash that is known is not 0x and 64 hexadecimal digits");
  const wanted = known.toLowerCase();
  if (found !== wanted) throw new Fault(`the header of block ${number} has the hash ${found}, not ${wanted}`);
}
function checkContent(files, { token_id: id, receipt: receipt2 }, latest, state) {
  const { metadata } = latest.state;
  const directory = directoryOf(state.directory);
  for (const [path, wanted] of [[`${id}.json`, metadata], [`receipts/${id}`, receipt2]]) {
    const found = files.resolve(directory, path);
    if (!found.equals(wanted)) throw new Fault(`the directory names ${found} as ${path}, the receipt ${wanted}`);
  }
  let count = checkFiles(files, metadata);
  let heldAt = null;
  const held = state.heldDirectory(id);
  if (held !== null) {
    heldAt = "";
    if (held.some((byte) => byte !== 0)) {
      const shown = files.resolve(directoryOf(held), `${id}.json`);
      count += checkFiles(files, shown);
      heldAt = shown.toString();
    }
  }
  const token = {
    tokenId: small(id),
    subject: latest.state.subject,
    sequence: small(latest.state.sequence),
    epoch: small(latest.epoch),
    traits: latest.state.traits.map(({ name, value }) => ({
      name,
      value: typeof value === "string" ? value : small(value)
    })),
    metadata: metadata.toString(),
    heldAt,
    receipt: receipt2.toString()
  };
  return { token, files: count };
}
function checkFiles(files, metadata) {
  if (metadata.codec !== CODEC.raw) throw new Fault(`the JSON ${metadata} is not a raw block`);
  const json = readJson(`the JSON ${metadata}`, files.read(metadata));
  const links = /* @__PURE__ */ new Map();
  for (const text2 of namedFiles(json)) {
    const cid = text2.startsWith("ipfs://") ? Cid.parse(text2.slice(7)) : null;
    if (cid?.hash === SHA2_256 && (cid.codec === CODEC.raw || cid.codec === CODEC.dagPb)) links.set(cid.toString(), cid);
  }
  for (const link2 of links.values()) files.check(link2);
  return 1 + links.size;
}
function directoryOf(digest2) {
  return Cid.from(CODEC.dagPb, digest2);
}
function small(number) {
  return Number.isSafeInteger(Number(number)) ? Number(number) : number;
}
function of({ token_id }, check) {
  try {
    return check();
  } catch (error) {
    throw new Fault(`token ${token_id}: ${words(error)}`);
  }
}
export {
  STEPS,
  verifyCar
};
/*! Bundled license information:

@noble/curves/utils.js:
@noble/curves/abstract/modular.js:
@noble/curves/abstract/curve.js:
@noble/curves/abstract/weierstrass.js:
  (*! noble-curves - MIT License (c) 2022 Paul Miller (paulmillr.com) *)
*/
