/** Nothing leaks (DESIGN §3, promise 8): what is said goes through here first. */

/** No account gives out a shorter one. The `test` of a test server stands in half of all words, and protects nothing. */
const SHORTEST = 5;

/** Replaces every secret by `***`, also where it stands inside a URL or as Base64. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const forms = secrets
    .filter(({ length }) => length >= SHORTEST)
    .flatMap((secret) => [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")]);
  // The longest first: a secret that is a part of another must not leave the other's rest behind.
  const found = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => withoutPassword(found.reduce((rest, form) => rest.replaceAll(form, "***"), text));
}

/** A URI may carry a password, `mqtt://user:secret@host`: the user stays, the password goes. */
export function withoutPassword(text: string): string {
  return text.replace(/(\/\/[^\s/:@]*):[^\s/@]*@/g, "$1:***@");
}
