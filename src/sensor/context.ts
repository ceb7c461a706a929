/**
 * What is known of a record beside its fields, by name: `@topic` of a message, `@file` of a line, `@table` of a row, `@query.NAME` and
 * `@header.name` of a request. A map reads them like fields. One object for as long as nothing changes: templates are found by it.
 */
export type RecordContext = Readonly<Record<`@${string}`, string>>;

export const NO_CONTEXT: RecordContext = {};
