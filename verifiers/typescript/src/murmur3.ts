// The hash by which a UnixFS HAMT places a name (multihash murmur3-x64-64, 0x22).

const wrap = (number: bigint): bigint => BigInt.asUintN(64, number);
const rotate = (number: bigint, by: bigint): bigint => wrap((number << by) | (number >> (64n - by)));

const C1 = 0x87c37b91114253d5n;
const C2 = 0x4cf5ad432745937fn;

const mix1 = (number: bigint): bigint => wrap(rotate(wrap(number * C1), 31n) * C2);
const mix2 = (number: bigint): bigint => wrap(rotate(wrap(number * C2), 33n) * C1);

function finish(number: bigint): bigint {
  number = wrap((number ^ (number >> 33n)) * 0xff51afd7ed558ccdn);
  number = wrap((number ^ (number >> 33n)) * 0xc4ceb9fe1a85ec53n);
  return number ^ (number >> 33n);
}

/** Up to eight bytes; those that are absent count as zero. */
function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** The first half of MurmurHash3 x64 128 with seed 0, the most significant byte first. */
export function murmur3(name: Uint8Array): Uint8Array {
  let [one, two] = [0n, 0n];
  const whole = name.length - (name.length % 16);
  for (let at = 0; at < whole; at += 16) {
    one ^= mix1(littleEndian(name.subarray(at, at + 8)));
    one = wrap(wrap(rotate(one, 27n) + two) * 5n + 0x52dce729n);
    two ^= mix2(littleEndian(name.subarray(at + 8, at + 16)));
    two = wrap(wrap(rotate(two, 31n) + one) * 5n + 0x38495ab5n);
  }
  one ^= mix1(littleEndian(name.subarray(whole, whole + 8)));
  two ^= mix2(littleEndian(name.subarray(whole + 8)));

  one ^= BigInt(name.length);
  two ^= BigInt(name.length);
  one = wrap(one + two);
  two = wrap(two + one);
  const found = wrap(finish(one) + finish(two));
  return Uint8Array.from({ length: 8 }, (_, place) => Number((found >> BigInt(56 - 8 * place)) & 0xffn));
}
