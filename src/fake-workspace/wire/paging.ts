/**
 * Lists in pages. "A page may contain zero results while still providing a next_page_token. Clients must continue reading
 * pages until next_page_token is absent" (databricks-sdk-go, service/catalog/interface.go): so the first page may be empty.
 */

import type { World } from "../world/world.ts";
import { misused } from "./problem.ts";
import { queryInt, text } from "./shape.ts";

export const PAGE = { max_results: queryInt, page_token: text };
type Page = { readonly max_results: number | undefined; readonly page_token: string | undefined };

/** `field` is its name in the answer. `list` names it for tokens: each is good for one list. */
type Paged = { readonly list: string; readonly field: string; readonly all: readonly unknown[] };

/** One page of `all` as `{[field]: …, next_page_token}`. */
export function pageOf(
  world: World,
  { list, field, all }: Paged,
  { max_results, page_token }: Page,
): Readonly<Record<string, unknown>> {
  if (max_results !== undefined && max_results < 0) throw misused("max_results must be at least 0");
  const { pageSize, emptyPages } = world.settings;
  // "If not set, all are returned (not recommended)"; 0 is a size that the server chooses.
  if (max_results === undefined && page_token === undefined) return { [field]: all };
  const size = max_results === undefined || max_results === 0 ? pageSize : Math.min(max_results, pageSize);
  if (page_token === undefined && emptyPages) return { [field]: [], next_page_token: tokenTo(world, list, 0) };
  const from = page_token === undefined ? 0 : placeOf(world, list, page_token);
  const next = from + size < all.length ? tokenTo(world, list, from + size) : undefined;
  return { [field]: all.slice(from, from + size), next_page_token: next };
}

function tokenTo(world: World, list: string, from: number): string {
  const token = Buffer.from(world.nextUuid(`page of ${list}`)).toString("base64url");
  world.pages.set(token, { list, from });
  return token;
}

function placeOf(world: World, list: string, token: string): number {
  const page = world.pages.get(token);
  if (page === undefined || page.list !== list) throw misused(`page_token "${token}" is not one of this list`);
  return page.from;
}
