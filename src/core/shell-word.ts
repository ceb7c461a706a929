/** `text` as one word of a shell's command line: as it is, or in single quotes. For `Try:` lines, which people paste. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
