/** A table whose columns sort, by click or by key. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

export type Column<R> = {
  readonly name: string;
  readonly title: ComponentChildren;
  readonly show: (row: R) => ComponentChildren;
  /** What rows are sorted by; without it the column does not sort. Null comes last. */
  readonly sortBy?: (row: R) => string | number | null;
  /** `number`: to the right, digits below digits. `text` wraps, `word` does not. */
  readonly kind?: "number" | "text" | "word";
  /** Left out on narrow screens. */
  readonly isExtra?: boolean;
};

export type SortOrder = { readonly column: string; readonly isDown: boolean };

export function SortedTable<R>(props: {
  readonly label: string;
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
  readonly keyOf: (row: R) => string | number;
  readonly first?: SortOrder;
  readonly onPick?: (row: R) => void;
}) {
  const [order, sort] = useState<SortOrder | null>(props.first ?? null);
  const rows = sorted(props.rows, props.columns, order);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by key.
    <section class="table" tabIndex={0} aria-label={props.label}>
      <table>
        <thead>
          <tr>
            {props.columns.map((column) => (
              <th key={column.name} class={classOf(column)} scope="col" aria-sort={ariaSort(order, column.name)}>
                {column.sortBy === undefined ? (
                  column.title
                ) : (
                  <button type="button" class="sort" onClick={() => sort(nextOrder(order, column))}>
                    {column.title}
                    <span aria-hidden="true">{arrow(order, column.name)}</span>
                  </button>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={props.keyOf(row)}
              class={props.onPick && "pick"}
              onClick={props.onPick && (() => props.onPick?.(row))}
            >
              {props.columns.map((column) => (
                <td key={column.name} class={classOf(column)}>
                  {column.show(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function classOf<R>(column: Column<R>): string {
  return `${column.kind ?? "text"}${column.isExtra ? " extra" : ""}`;
}

function ariaSort(order: SortOrder | null, name: string): "ascending" | "descending" | undefined {
  if (order?.column !== name) return undefined;
  return order.isDown ? "descending" : "ascending";
}

function arrow(order: SortOrder | null, name: string): string {
  if (order?.column !== name) return " ↕";
  return order.isDown ? " ↓" : " ↑";
}

/** Numbers begin with the greatest, text with the first of the alphabet. */
function nextOrder<R>(order: SortOrder | null, column: Column<R>): SortOrder {
  if (order?.column === column.name) return { column: column.name, isDown: !order.isDown };
  return { column: column.name, isDown: column.kind === "number" };
}

export function sorted<R>(rows: readonly R[], columns: readonly Column<R>[], order: SortOrder | null): readonly R[] {
  const by = columns.find(({ name }) => name === order?.column)?.sortBy;
  if (by === undefined || order === null) return rows;
  const sign = order.isDown ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [one, other] = [by(a), by(b)];
    if (one === null || other === null) return one === other ? 0 : one === null ? 1 : -1;
    if (typeof one === "number" && typeof other === "number") return sign * (one - other);
    return sign * String(one).localeCompare(String(other), undefined, { numeric: true });
  });
}
