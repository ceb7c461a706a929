/** The rows of an answer: sorted by any column, a page at a time. */
import { useState } from "preact/hooks";
import { formatNumber } from "../shell/format.ts";
import { type AnswerOrder, type AnswerRows, isNumeric, ordered } from "./answer-shape.ts";
import { hexOf } from "./csv.ts";
import type { SqlValue } from "./worker-words.ts";

const PAGE_ROWS = 50;
/** Of a text in a cell; the whole is on hover. */
const CELL_CHARS = 200;

export function AnswerTable(props: { readonly answer: AnswerRows }) {
  const { columns, rows } = props.answer;
  const [order, sort] = useState<AnswerOrder | null>(null);
  const [page, turnTo] = useState(0);
  const shown = ordered(rows, order);
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
  const at = Math.min(page, pages - 1);
  const kinds = columns.map((_, column) => (isNumeric(rows, column) ? "number" : "plain"));
  const sortBy = (column: number) => {
    turnTo(0);
    sort(order?.column === column ? { column, isDown: !order.isDown } : { column, isDown: kinds[column] === "number" });
  };
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by key. */}
      <section class="table answer-table" tabIndex={0} aria-label="Answer">
        <table>
          <thead>
            <tr>
              {columns.map((name, column) => (
                <th key={column} class={kinds[column]} scope="col" aria-sort={ariaSort(order, column)}>
                  <button type="button" class="sort" onClick={() => sortBy(column)}>
                    {name}
                    <span aria-hidden="true">{order?.column !== column ? " ↕" : order.isDown ? " ↓" : " ↑"}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.slice(at * PAGE_ROWS, (at + 1) * PAGE_ROWS).map((row, index) => (
              <tr key={index}>
                {row.map((value, column) => (
                  <Cell key={column} value={value} kind={kinds[column] ?? "plain"} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {pages === 1 ? null : <Pager at={at} pages={pages} rows={rows.length} onTurn={turnTo} />}
    </>
  );
}

function Cell(props: { readonly value: SqlValue; readonly kind: string }) {
  const { value, kind } = props;
  if (value === null) return <td class={`${kind} null`}>NULL</td>;
  if (typeof value === "number")
    return (
      <td class={kind} title={String(value)}>
        {shownNumber(value)}
      </td>
    );
  const text = typeof value === "string" ? value : `x'${hexOf(value.subarray(0, CELL_CHARS / 2))}'`;
  const isLong = text.length > CELL_CHARS;
  return (
    <td class={isLong || text.length > 60 ? "text long" : kind} title={isLong ? text.slice(0, 4_000) : undefined}>
      {isLong ? `${text.slice(0, CELL_CHARS)} …` : text}
    </td>
  );
}

/** As it is, so that it can be copied into a question; without the noise of binary fractions. */
function shownNumber(value: number): string {
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(12)));
}

function Pager(props: {
  readonly at: number;
  readonly pages: number;
  readonly rows: number;
  readonly onTurn: (page: number) => void;
}) {
  const { at, pages, rows, onTurn } = props;
  const last = Math.min(rows, (at + 1) * PAGE_ROWS);
  return (
    <nav class="pager toolbar" aria-label="Pages of the answer">
      <button type="button" disabled={at === 0} onClick={() => onTurn(0)}>
        First
      </button>
      <button type="button" disabled={at === 0} onClick={() => onTurn(at - 1)}>
        Previous
      </button>
      <span aria-live="polite">
        Rows {formatNumber(at * PAGE_ROWS + 1)} to {formatNumber(last)} of {formatNumber(rows)}
      </span>
      <button type="button" disabled={at === pages - 1} onClick={() => onTurn(at + 1)}>
        Next
      </button>
      <button type="button" disabled={at === pages - 1} onClick={() => onTurn(pages - 1)}>
        Last
      </button>
    </nav>
  );
}

function ariaSort(order: AnswerOrder | null, column: number): "ascending" | "descending" | undefined {
  if (order?.column !== column) return undefined;
  return order.isDown ? "descending" : "ascending";
}
