/** The part of the Sheets API that the connector uses, https://developers.google.com/workspace/sheets/api/reference/rest */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Json, SandboxStore, StoredSandboxMessage } from '../contract.ts';
import { googleError } from '../google/emulator-replies.ts';
import type { EmulatedReply, EmulatedRequest } from '../http-emulator.ts';
import { FIRST_SHEET, parseA1, sheetsOf } from './emulator-grid.ts';
import { appendValues, getValues, updateValues } from './emulator-values.ts';

const CONNECTOR = 'google-sheets';
/** How far back the search for all metadata looks. */
const SEARCH_LIMIT = 2_000;
const ROUTE = /^\/v4\/spreadsheets\/([A-Za-z0-9_-]+)(.*)$/;

const cellSchema = z.strictObject({
  userEnteredValue: z
    .union([
      z.strictObject({ numberValue: z.number() }),
      z.strictObject({ boolValue: z.boolean() }),
      z.strictObject({ stringValue: z.string().max(50_000) }),
      z.strictObject({ formulaValue: z.string() }),
    ])
    .optional(),
});
const markerSchema = z.strictObject({
  metadataId: z.int32().positive().optional(),
  metadataKey: z.string().min(1),
  metadataValue: z.string().optional(),
  visibility: z.enum(['DOCUMENT', 'PROJECT']),
  location: z.strictObject({ sheetId: z.int32().nonnegative() }),
});
const lookupSchema = z.strictObject({
  metadataId: z.int32().optional(),
  metadataKey: z.string().optional(),
  locationType: z.literal('SHEET').optional(),
  visibility: z.literal('DOCUMENT').optional(),
});
const filterSchema = z.strictObject({ developerMetadataLookup: lookupSchema });
const batchSchema = z.strictObject({
  requests: z
    .array(
      z.union([
        z.strictObject({
          appendCells: z.strictObject({
            sheetId: z.int32().nonnegative().default(0),
            fields: z.literal('userEnteredValue'),
            rows: z.array(z.strictObject({ values: z.array(cellSchema) })).min(1),
          }),
        }),
        z.strictObject({
          createDeveloperMetadata: z.strictObject({ developerMetadata: markerSchema }),
        }),
        z.strictObject({
          addSheet: z.strictObject({
            properties: z.strictObject({
              sheetId: z.int32().nonnegative(),
              title: z.string().min(1).max(100),
            }),
          }),
        }),
        z.strictObject({
          updateCells: z.strictObject({
            start: z.strictObject({
              sheetId: z.int32().nonnegative(),
              rowIndex: z.literal(0),
              columnIndex: z.literal(0),
            }),
            fields: z.literal('userEnteredValue'),
            rows: z.array(z.strictObject({ values: z.array(cellSchema) })).min(1),
          }),
        }),
        z.strictObject({ deleteDeveloperMetadata: z.strictObject({ dataFilter: filterSchema }) }),
      ]),
    )
    .min(1),
});
const searchSchema = z.strictObject({ dataFilters: z.array(filterSchema).min(1) });
type Lookup = z.output<typeof lookupSchema>;
type Marker = z.output<typeof markerSchema> & { readonly metadataId: number };

/** @returns answers requests below /v4/spreadsheets/ */
export function createSheetsEmulation(
  store: SandboxStore,
): (request: EmulatedRequest) => Promise<EmulatedReply> {
  /** Titles by id, and removed markers: convenience of one process, not state that matters. */
  const titles = new Map<number, string>([[0, FIRST_SHEET]]);
  const removed = new Set<string>();
  const values = { store, connector: CONNECTOR };

  function sheetIdOf(title: string): number {
    if (title === FIRST_SHEET) return 0;
    const id = createHash('sha256').update(title).digest().readUInt32BE() & 0x7fffffff;
    titles.set(id, title);
    return id;
  }

  async function properties(
    spreadsheetId: string,
    request: EmulatedRequest,
  ): Promise<EmulatedReply> {
    const ranges = request.query.getAll('ranges');
    const sheets = await sheetsOf(store, CONNECTOR, spreadsheetId);
    const asked =
      ranges.length === 0
        ? [FIRST_SHEET, ...[...sheets.keys()].filter((title) => title !== FIRST_SHEET)]
        : ranges.map((range) => parseA1(range)?.title ?? FIRST_SHEET);
    return {
      status: 200,
      body: {
        sheets: asked.map((title) => {
          const sheetId = sheets.get(title)?.sheetId ?? sheetIdOf(title);
          titles.set(sheetId, title);
          return { properties: { sheetId, title } };
        }),
      },
    };
  }

  /** A title is taken once only, which the store decides in one step. */
  async function addSheet(
    spreadsheetId: string,
    request: EmulatedRequest,
    requests: z.output<typeof batchSchema>['requests'],
  ): Promise<EmulatedReply | undefined> {
    const added = requests.find((each) => 'addSheet' in each)?.addSheet.properties;
    if (added === undefined) return undefined;
    const { title, sheetId } = added;
    const sheets = await sheetsOf(store, CONNECTOR, spreadsheetId);
    const taken = [FIRST_SHEET, ...sheets.keys()].map((each) => each.toLowerCase());
    const headers = requests.find((each) => 'updateCells' in each)?.updateCells.rows ?? [];
    const isTaken =
      taken.includes(title.toLowerCase()) ||
      (
        await store.add(
          {
            connector: CONNECTOR,
            operation: 'create-sheet',
            ...request.trace,
            to: spreadsheetId,
            lookupKey: `${spreadsheetId}/${title.toLowerCase()}`,
            message: { sheet: title, sheetId, rows: headers.map(rowOf) },
          },
          { unique: true },
        )
      ).duplicate;
    if (isTaken) {
      return invalid(
        `Invalid requests[0].addSheet: A sheet with the name "${title}" already exists. Please enter another name.`,
      );
    }
    titles.set(sheetId, title);
    return {
      status: 200,
      body: { spreadsheetId, replies: [{ addSheet: { properties: { sheetId, title } } }] },
    };
  }

  async function markers(spreadsheetId: string, lookup: Lookup): Promise<Marker[]> {
    const messages =
      lookup.metadataKey === undefined
        ? await store.list({ connector: CONNECTOR, to: spreadsheetId, limit: SEARCH_LIMIT })
        : [await store.find(CONNECTOR, lookup.metadataKey)];
    return messages
      .map((message) => markerOf(message, spreadsheetId))
      .filter(
        (marker) =>
          marker !== undefined &&
          !removed.has(`${spreadsheetId}/${marker.metadataId}`) &&
          (lookup.metadataId === undefined || lookup.metadataId === marker.metadataId),
      )
      .filter((marker) => marker !== undefined);
  }

  async function batchUpdate(
    spreadsheetId: string,
    request: EmulatedRequest,
  ): Promise<EmulatedReply> {
    const parsed = batchSchema.safeParse(request.json());
    if (!parsed.success) return invalid('Invalid JSON payload received.');
    const { requests } = parsed.data;
    const added = await addSheet(spreadsheetId, request, requests);
    if (added !== undefined) return added;
    const created = requests.find((each) => 'createDeveloperMetadata' in each)
      ?.createDeveloperMetadata.developerMetadata;
    const marker =
      created === undefined
        ? undefined
        : { ...created, metadataId: created.metadataId ?? randomId() };

    for (const each of requests) {
      if (!('appendCells' in each)) continue;
      const { sheetId, rows } = each.appendCells;
      const title = titles.get(sheetId);
      // After a restart the emulator has to be asked again which sheet has this id.
      if (title === undefined) {
        return invalid(`Invalid requests[0].appendCells: No grid with id: ${sheetId}`);
      }
      // A given id must be new, which the store decides in one step.
      const { duplicate } = await store.add(
        {
          connector: CONNECTOR,
          operation: 'append',
          ...request.trace,
          to: spreadsheetId,
          ...(marker === undefined ? {} : { lookupKey: marker.metadataKey }),
          message: {
            sheet: title,
            rows: rows.map(rowOf),
            valueInput: 'raw',
            ...(marker === undefined ? {} : { developerMetadata: toJson(marker) }),
          },
        },
        { unique: created?.metadataId !== undefined },
      );
      if (duplicate) {
        return invalid(
          'Invalid requests[1].createDeveloperMetadata: Developer metadata with this id already exists.',
        );
      }
    }
    for (const each of requests) {
      if (!('deleteDeveloperMetadata' in each)) continue;
      const { metadataId } = each.deleteDeveloperMetadata.dataFilter.developerMetadataLookup;
      removed.add(`${spreadsheetId}/${metadataId}`);
    }
    const replies = requests.map(
      (each): Json =>
        'createDeveloperMetadata' in each && marker !== undefined
          ? { createDeveloperMetadata: { developerMetadata: toJson(marker) } }
          : {},
    );
    return { status: 200, body: { spreadsheetId, replies } };
  }

  async function search(spreadsheetId: string, request: EmulatedRequest): Promise<EmulatedReply> {
    const parsed = searchSchema.safeParse(request.json());
    if (!parsed.success) return invalid('Invalid JSON payload received.');
    const found: Json[] = [];
    for (const { developerMetadataLookup } of parsed.data.dataFilters) {
      for (const marker of await markers(spreadsheetId, developerMetadataLookup)) {
        found.push({ developerMetadata: toJson(marker) });
      }
    }
    return { status: 200, body: found.length === 0 ? {} : { matchedDeveloperMetadata: found } };
  }

  return async (request) => {
    const route = ROUTE.exec(request.path);
    const spreadsheetId = route?.[1] ?? '';
    const rest = route?.[2] ?? '';
    if (request.method === 'GET' && rest === '') return properties(spreadsheetId, request);
    if (request.method === 'POST' && rest === ':batchUpdate') {
      return batchUpdate(spreadsheetId, request);
    }
    if (request.method === 'POST' && rest === '/developerMetadata:search') {
      return search(spreadsheetId, request);
    }
    const [, encoded, isAppend] = /^\/values\/([^/:]+)(:append)?$/.exec(rest) ?? [];
    if (encoded !== undefined) {
      const range = decodeURIComponent(encoded);
      if (request.method === 'POST' && isAppend !== undefined) {
        return appendValues(values, spreadsheetId, range, request);
      }
      if (request.method === 'GET') return getValues(values, spreadsheetId, range, request);
      if (request.method === 'PUT') return updateValues(values, spreadsheetId, range, request);
    }
    return googleError(404, 'NOT_FOUND', 'Requested entity was not found.');
  };
}

function markerOf(
  message: StoredSandboxMessage | undefined,
  spreadsheetId: string,
): Marker | undefined {
  if (message?.to !== spreadsheetId || message.operation !== 'append') return undefined;
  const parsed = markerSchema
    .required({ metadataId: true })
    .safeParse(message.message.developerMetadata);
  return parsed.success ? parsed.data : undefined;
}

function rowOf({ values }: { readonly values: z.output<typeof cellSchema>[] }): Json[] {
  return values.map(({ userEnteredValue }) => cell(userEnteredValue));
}

function cell(value: z.output<typeof cellSchema>['userEnteredValue']): Json {
  if (value === undefined) return null;
  if ('numberValue' in value) return value.numberValue;
  if ('boolValue' in value) return value.boolValue;
  if ('stringValue' in value) return value.stringValue;
  return { formula: value.formulaValue };
}

function toJson(marker: Marker): Json {
  const { metadataId, metadataKey, metadataValue, visibility, location } = marker;
  return {
    metadataId,
    metadataKey,
    ...(metadataValue === undefined ? {} : { metadataValue }),
    visibility,
    location,
  };
}

function randomId(): number {
  return 1 + Math.floor(Math.random() * 0x7ffffffe);
}

function invalid(message: string): EmulatedReply {
  return googleError(400, 'INVALID_ARGUMENT', message);
}
