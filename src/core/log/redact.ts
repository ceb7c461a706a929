/** No secret leaks: every text that the agent writes for people or programs passes here first. */

/** Real secrets are longer. The `test` of a test server is part of many words, and protects nothing. */
const SHORTEST = 5;

/** Replaces every secret by `***`, also encoded as in a URL or as Base64. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const forms = secrets
    .filter(({ length }) => length >= SHORTEST)
    .flatMap((secret) => [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")]);
  // The longest first: where a secret is part of another, no rest of the longer one is left.
  const found = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => withoutPassword(found.reduce((rest, form) => rest.replaceAll(form, "***"), text));
}

/**
 * A URI may carry a password: in `mqtt://user:secret@host` the user is kept and the password replaced, and so is the value of
 * `?password=secret`, of every parameter whose name says that it is secret, and of what was meant as one of these.
 */
export function withoutPassword(text: string): string {
  // The quotes and stops of the sentence around it do not belong to the value.
  const hide = (_: string, name: string, value: string) => `${name}***${/\\?['`]?[:;,.)]*$/.exec(value)?.[0] ?? ""}`;
  return text
    .replace(/(\/\/[^\s/:@]*):[^\s/@]*@/g, "$1:***@")
    .replace(SECRET_PARAMETER, (all, name: string, value: string, at: number, whole: string) =>
      /^[?&]key=$/.test(name) && IN_DATABASE.test(whole.slice(0, at)) ? all : hide(all, name, value),
    )
    .replace(MISPLACED_SECRET, hide);
}

const SECRET_PARAMETER =
  /([?&][^\s=&"]*(?:pas+w|pwd|passphrase|\bpass\b|secret|token|credential|api-?_?key|access-?_?key|auth|\bkey\b|\bpw\b|sig(?:nature)?\b)[^\s=&"]*=)([^\s&"]*)/gi;

/** There a key is a column, not a secret. */
const IN_DATABASE = /\bsqlite:[^\s"]*$/;

/** What was meant as one: behind a `;`, a quote or the colon of a URI, or with its `=` encoded. */
const MISPLACED_SECRET = /((?:[;:"]|[?&][^\s=&"%]*)(?:pas+w|pwd|passphrase|secret|token)\w*(?:=|%3d))([^\s&;"]*)/gi;
