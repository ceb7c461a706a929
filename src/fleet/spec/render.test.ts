import { expect, test } from "bun:test";
import { renderSpec, variablesOf } from "./render.ts";

const RING = "Values: ['{{if index . \"ring\"}}{{.ring}}{{else}}edge{{end}}']\n";

test("a variable is replaced, one that may be absent has its default", () => {
  expect(renderSpec('URL: "{{.url}}"\n', { url: "https://a/b" })).toEqual({
    text: 'URL: "https://a/b"\n',
    problems: [],
  });
  expect(renderSpec(RING, {})).toEqual({ text: "Values: ['edge']\n", problems: [] });
  expect(renderSpec(RING, { ring: "canary" })).toEqual({ text: "Values: ['canary']\n", problems: [] });
  expect(renderSpec(RING, { ring: "" })).toEqual({ text: "Values: ['edge']\n", problems: [] });
  expect(variablesOf(`${RING}{{.url}}{{.ring}}`)).toEqual(["ring", "url"]);
});

test("a missing variable and a form that is not rendered here are problems with their lines", () => {
  const text = "a: 1\nb: {{.b}}\n# {{.c}}\nd: {{ range .d }}\n{{- .e}}\n";
  const { problems } = renderSpec(text, {});
  expect(problems.map(({ line, message }) => `${line} ${message.slice(0, 30)}`)).toEqual([
    '2 the variable "b" has no value:',
    '3 the variable "c" has no value:',
    "4 {{ range .d }} is not a form t",
    "5 {{- .e}} is not a form that is",
  ]);
  expect(renderSpec('{{if index . "a"}}x', {}).problems).toEqual([{ line: 1, message: "{{if}} without its {{end}}" }]);
  expect(renderSpec("{{end}}", {}).problems).toHaveLength(1);
});
