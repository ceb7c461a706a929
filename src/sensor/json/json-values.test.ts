/** The values of a body, whatever white space is between them, and any bytes as a body. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../../testing/needs.ts";
import { JsonValues } from "./json-values.ts";

function valuesOf(body: Buffer, keepsArrays = false): string[] {
  const values = new JsonValues(body, { maxBytes: 1_000, keepsArrays });
  const found: string[] = [];
  while (values.next()) found.push(body.toString("utf8", values.from, values.to));
  expect(values.done).toBe(true);
  return found;
}

const object = fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });
const blank = fc.stringMatching(/^[ \t\r\n]{0,3}$/);

test("the items of an array, and values behind one another, are found whatever is in them", () => {
  const written = fc.tuple(fc.array(object, { maxLength: 5 }), blank, fc.constantFrom(undefined, 1, "\t"));
  fc.assert(
    fc.property(written, ([objects, space, indent]) => {
      const texts = objects.map((value) => JSON.stringify(value, null, indent));
      const array = `${space}[${space}${texts.join(`${space},${space}`)}${space}]${space}`;
      expect(valuesOf(Buffer.from(array))).toEqual(texts);
      expect(valuesOf(Buffer.from(texts.join(`\n${space}`)))).toEqual(texts);
      expect(valuesOf(Buffer.from(texts.map((text) => `\u001e${text}`).join("")))).toEqual(texts);
      if (objects.length > 0) expect(valuesOf(Buffer.from(array.trim()), true)).toEqual([array.trim()]);
    }),
    { numRuns: cases(500) },
  );
});

test("of any bytes nothing but separators is left out, and a later reader continues at each value", () => {
  const piece = fc.oneof(
    fc.constantFrom("{", "}", "[", "]", ",", '"', "\\", "\n", " ", '{"a":1}', "nan", "é"),
    fc.string({ maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const body = Buffer.from(pieces.join(""));
      const values = new JsonValues(body, { maxBytes: 10, keepsArrays: false });
      let end = 0;
      while (values.next()) {
        expect(values.to).toBeGreaterThan(values.from);
        expect(body.toString("latin1", end, values.from)).toMatch(/^[\0-\x20\x1e[\],]*$/);
        end = values.to;
        const later = new JsonValues(body, { maxBytes: 10, keepsArrays: false });
        later.resume(values.position, values.state);
        expect([later.next(), later.done]).toEqual([!values.done, later.done]);
      }
      expect(body.toString("latin1", end)).toMatch(/^[\0-\x20\x1e[\],]*$/);
    }),
    { numRuns: cases(2_000) },
  );
});
