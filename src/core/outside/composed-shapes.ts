/** Shapes that are made of other shapes: pairs, alternatives, values that are turned into others, and words for a schema. */
import { number } from "./scalar-shapes.ts";
import { DEFINITION, type JsonProblem, list, mustBe, refuse, type Shape } from "./shape.ts";

/** One of two shapes that differ by JSON type: `"text"` and another. `expects` says what both together look like. */
export function textOr<B>(
  ofText: Shape<string>,
  other: Shape<B>,
  { expects, isOther }: { readonly expects: string; readonly isOther: (value: unknown) => boolean },
): Shape<string | B> {
  return {
    expects,
    schema: { anyOf: [ofText.schema, other.schema] },
    read: (value, path, problems) => {
      if (typeof value === "string") return ofText.read(value, path, problems);
      return isOther(value) ? other.read(value, path, problems) : refuse(problems, path, mustBe(expects, value));
    },
  };
}

/** `[least, most]`, least below most. */
export const pair: Shape<readonly [number, number]> = {
  expects: "[least, most]",
  schema: { type: "array", prefixItems: [number().schema, number().schema], minItems: 2, maxItems: 2 },
  read: (value, path, problems) => {
    const both = two(value, path, { expects: "[least, most]", problems });
    if (both === undefined || both[0] < both[1]) return both;
    return refuse(problems, path, `must have the least first: ${both[0]} is not below ${both[1]}`);
  },
};

/** `[x, y]`, any two numbers. */
export const point: Shape<readonly [number, number]> = {
  expects: "[x, y]",
  schema: pair.schema,
  read: (value, path, problems) => two(value, path, { expects: "[x, y]", problems }),
};

function two(
  value: unknown,
  path: string,
  { expects, problems }: { readonly expects: string; readonly problems: JsonProblem[] },
): readonly [number, number] | undefined {
  if (!Array.isArray(value) || value.length !== 2) return refuse(problems, path, mustBe(expects, value));
  const one = number();
  const first = one.read(value[0], `${path}[0]`, problems);
  const second = one.read(value[1], `${path}[1]`, problems);
  return first === undefined || second === undefined ? undefined : [first, second];
}

/** A value that `isFirst`, or one of another shape. */
export function either<A, B>(isFirst: (value: unknown) => boolean, first: Shape<A>, second: Shape<B>): Shape<A | B> {
  return {
    expects: `${first.expects} or ${second.expects}`,
    schema: { anyOf: [first.schema, second.schema] },
    read: (value, path, problems) => (isFirst(value) ? first : second).read(value, path, problems),
  };
}

/** One value, or a list of such: `"x"`, `["x", "y"]`. */
export function oneOrList<T>(item: Shape<T>, limits: { readonly least: number; readonly most: number }) {
  return either<readonly T[], readonly T[]>(
    Array.isArray,
    list(item, limits),
    made(item, (value) => [value]),
  );
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  const expects = `${shape.expects} or null`;
  return {
    expects,
    schema: { anyOf: [shape.schema, { type: "null" }] },
    read: (value, path, problems) => (value === null ? null : shape.read(value, path, problems)),
  };
}

/** Where a value was read. `raw`: as it was in the file. */
export type ReadAt = { readonly raw: unknown; readonly path: string; readonly problems: JsonProblem[] };

/** What a value that is whole becomes; `make` may refuse it, and then gives undefined. */
export function made<T, Made>(shape: Shape<T>, make: (value: T, at: ReadAt) => Made | undefined): Shape<Made> {
  return {
    expects: shape.expects,
    schema: shape.schema,
    read: (raw, path, problems) => {
      const before = problems.length;
      const value = shape.read(raw, path, problems);
      return value === undefined || problems.length > before ? undefined : make(value, { raw, path, problems });
    },
  };
}

/** The same shape with words for those who write the file. `byDefault`: what a key that is left out means. */
export function about<S extends Shape<unknown>>(shape: S, description: string, byDefault?: unknown): S {
  const schema = { ...shape.schema, description, ...(byDefault !== undefined && { default: byDefault }) };
  return { ...shape, schema };
}

/** The same shape, which the JSON Schema defines once under its name and refers to. */
export function named<T>(name: string, shape: Shape<T>): Shape<T> {
  return { ...shape, schema: { $ref: `#/$defs/${name}`, [DEFINITION]: shape.schema } };
}
