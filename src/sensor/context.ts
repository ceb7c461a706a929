/**
 * What is known of a record beside its fields, by name: `@topic` of a message, `@file` of a line (the file's name without its
 * folders and extensions), `@head.NAME` of a line (a fact of its file's head), `@table` of a row, `@path`, `@query.NAME` and
 * `@header.name` of a request (names of headers in lower case). A map reads them like fields. One object for as long as nothing changes:
 * templates are found by it.
 */
export type ContextName = `@${string}`;
export type RecordContext = Readonly<Record<ContextName, string>>;

export const NO_CONTEXT: RecordContext = {};

/** `@key` is the name of a member, or its position, where a map makes readings of members. Others may begin with @ as well. */
export function isContextName(name: string): name is ContextName {
  return /^@(?:topic|file|table|path|key|head\..+|query\..+|header\..+)$/.test(name);
}
