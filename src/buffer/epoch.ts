/** An epoch names a buffer for ever: a lower-case ULID (48 bits of time, 80 of chance, Crockford's base 32). */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** `chance` holds at least 10 random bytes. */
export function newEpoch(nowMs: number, chance: Uint8Array): string {
  let value = BigInt(Math.max(0, Math.floor(nowMs))) & 0xffff_ffff_ffffn;
  for (const byte of chance.subarray(0, 10)) value = (value << 8n) | BigInt(byte);
  let text = "";
  for (let i = 0; i < 26; i++) {
    text = ALPHABET.charAt(Number(value & 31n)) + text;
    value >>= 5n;
  }
  return text;
}
