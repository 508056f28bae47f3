/** From one page to the next. Pure. */
import type { IncomingHttpHeaders } from 'node:http';
import { ConnectorError } from '../errors.ts';
import type { Pagination } from './pagination-schema.ts';
import type { RequestOutput } from './schema.ts';

/** Anything JSON can say. */
export type Item = RequestOutput['body'];

/** What a page has told. */
export interface Page {
  /** Where it came from, with its whole query. */
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: Item;
  readonly items: readonly Item[];
}

/** What is added to the query of the first page. */
export function firstQuery(pagination: Pagination): Readonly<Record<string, string>> {
  switch (pagination.mode) {
    case 'link-header':
    case 'next-link':
    case 'cursor':
      return {};
    case 'page': {
      const { parameter, first, pageSize, sizeParameter } = pagination;
      return {
        [parameter]: String(first),
        ...(pageSize === undefined || sizeParameter === undefined
          ? {}
          : { [sizeParameter]: String(pageSize) }),
      };
    }
    case 'offset':
      return {
        [pagination.parameter]: '0',
        [pagination.sizeParameter]: String(pagination.pageSize),
      };
  }
}

/**
 * @returns the list in a page's body
 * @throws ConnectorError `invalid_response` if there is none
 */
export function itemsOf(pagination: Pagination, body: Item, host: string): readonly Item[] {
  const { itemsPath } = pagination;
  const found = itemsPath === undefined ? body : valueAt(body, itemsPath);
  if (isList(found)) return found;
  throw new ConnectorError(
    'invalid_response',
    `A page of ${host} has no list ${itemsPath === undefined ? 'as its body: name in itemsPath where the list is' : `at "${itemsPath}": check itemsPath`}.`,
    { effect: 'none', permanent: true, pointer: '/pagination/itemsPath' },
  );
}

/**
 * @param pages how many were read, this one included
 * @param items how many were read, those of this page included
 * @returns the address of the next page; undefined after the last one
 * @throws ConnectorError `invalid_response` if it leads to another server, where the login of this
 *   one must not go, or is no address
 */
export function nextPage(
  pagination: Pagination,
  page: Page,
  pages: number,
  items: number,
): URL | undefined {
  switch (pagination.mode) {
    case 'link-header':
      return linked(page, nextOfLinkHeader(page.headers.link));
    case 'next-link':
      return linked(page, tokenAt(page.body, pagination.nextPath));
    case 'cursor': {
      const cursor = tokenAt(page.body, pagination.cursorPath);
      if (cursor === undefined) return undefined;
      return withParameter(page.url, pagination.parameter, cursor);
    }
    case 'page': {
      const full = pagination.pageSize ?? 1;
      if (page.items.length < full) return undefined;
      return withParameter(page.url, pagination.parameter, String(pagination.first + pages));
    }
    case 'offset':
      if (page.items.length < pagination.pageSize) return undefined;
      return withParameter(page.url, pagination.parameter, String(items));
  }
}

function linked(page: Page, target: string | undefined): URL | undefined {
  if (target === undefined) return undefined;
  const { host, href, origin } = page.url;
  const url = URL.canParse(target, href) ? new URL(target, href) : undefined;
  if (url?.origin === origin) return url;
  throw new ConnectorError(
    'invalid_response',
    url === undefined
      ? `${host} names a next page that is no address. Check how pagination is set up.`
      : `${host} names a next page on ${url.origin}. Pages are fetched from ${origin} only, since its login must not go elsewhere. If both are the same server, write its address in url as it does.`,
    { effect: 'none', permanent: true, pointer: '/pagination' },
  );
}

function withParameter(url: URL, name: string, value: string): URL {
  const next = new URL(url);
  next.searchParams.set(name, value);
  return next;
}

/** https://www.rfc-editor.org/rfc/rfc8288#section-3 */
function nextOfLinkHeader(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header.join(', ') : (header ?? '');
  for (const [, target, parameters = ''] of text.matchAll(/<([^>]*)>((?:[^",<]|"[^"]*")*)/g)) {
    const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,]+))/i.exec(parameters);
    const relations = (rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/);
    if (relations.includes('next')) return target;
  }
  return undefined;
}

function tokenAt(body: Item, path: string): string | undefined {
  const found = valueAt(body, path);
  if (typeof found === 'number') return String(found);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

/** @param path names and list positions, separated by dots */
function valueAt(value: Item, path: string): Item | undefined {
  let at: Item | undefined = value;
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null) return undefined;
    if (isList(at)) at = /^\d+$/.test(name) ? at[Number(name)] : undefined;
    else at = Object.hasOwn(at, name) ? at[name] : undefined;
  }
  return at;
}

function isList(value: Item | undefined): value is Item[] {
  return Array.isArray(value);
}
