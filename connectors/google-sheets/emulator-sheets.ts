/** The part of the Sheets API that the connector uses, https://developers.google.com/workspace/sheets/api/reference/rest */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Json, SandboxStore, StoredSandboxMessage } from '../contract.ts';
import { googleError } from '../google/emulator-replies.ts';
import type { EmulatedReply, EmulatedRequest } from '../http-emulator.ts';

const FIRST_SHEET = 'Sheet1';
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
        z.strictObject({ deleteDeveloperMetadata: z.strictObject({ dataFilter: filterSchema }) }),
      ]),
    )
    .min(1),
});
const valuesSchema = z.looseObject({
  values: z.array(z.array(z.union([z.string(), z.number(), z.boolean(), z.null()]))).min(1),
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
  const appended = new Map<string, number>();

  function sheetIdOf(title: string): number {
    if (title === FIRST_SHEET) return 0;
    const id = createHash('sha256').update(title).digest().readUInt32BE() & 0x7fffffff;
    titles.set(id, title);
    return id;
  }

  function properties(request: EmulatedRequest): EmulatedReply {
    const ranges = request.query.getAll('ranges');
    const asked = ranges.length === 0 ? [FIRST_SHEET] : ranges.map(titleOf);
    return {
      status: 200,
      body: {
        sheets: asked.map((title) => ({ properties: { sheetId: sheetIdOf(title), title } })),
      },
    };
  }

  async function markers(spreadsheetId: string, lookup: Lookup): Promise<Marker[]> {
    const messages =
      lookup.metadataKey === undefined
        ? await store.list({ connector: 'google-sheets', to: spreadsheetId, limit: SEARCH_LIMIT })
        : [await store.find('google-sheets', lookup.metadataKey)];
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
    const created = requests.find((each) => 'createDeveloperMetadata' in each)
      ?.createDeveloperMetadata.developerMetadata;
    const marker =
      created === undefined
        ? undefined
        : { ...created, metadataId: created.metadataId ?? randomId() };

    for (const each of requests) {
      if (!('appendCells' in each)) continue;
      const { sheetId, rows } = each.appendCells;
      // A given id must be new, which the store decides in one step.
      const { duplicate } = await store.add(
        {
          connector: 'google-sheets',
          operation: 'append',
          ...request.trace,
          to: spreadsheetId,
          ...(marker === undefined ? {} : { lookupKey: marker.metadataKey }),
          message: {
            sheet: titles.get(sheetId) ?? `sheet ${sheetId}`,
            rows: rows.map(({ values }) =>
              values.map(({ userEnteredValue }) => cell(userEnteredValue)),
            ),
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

  async function appendValues(
    spreadsheetId: string,
    range: string,
    request: EmulatedRequest,
  ): Promise<EmulatedReply> {
    const parsed = valuesSchema.safeParse(request.json());
    if (!parsed.success) return invalid('Invalid JSON payload received.');
    if (request.query.get('valueInputOption') !== 'USER_ENTERED') {
      return invalid("'valueInputOption' is required but not specified.");
    }
    const { values } = parsed.data;
    const sheet = titleOf(range);
    await store.add({
      connector: 'google-sheets',
      operation: 'append',
      ...request.trace,
      to: spreadsheetId,
      message: { sheet, rows: values, valueInput: 'user_entered' },
    });
    const first = (appended.get(`${spreadsheetId}/${sheet}`) ?? 0) + 1;
    const last = first + values.length - 1;
    appended.set(`${spreadsheetId}/${sheet}`, last);
    const columns = Math.max(...values.map((row) => row.length));
    return {
      status: 200,
      body: {
        spreadsheetId,
        updates: {
          spreadsheetId,
          updatedRange: `${/^\w+$/.test(sheet) ? sheet : `'${sheet}'`}!A${first}:${letter(columns)}${last}`,
          updatedRows: values.length,
          updatedColumns: columns,
          updatedCells: values.flat().length,
        },
      },
    };
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
    if (request.method === 'GET' && rest === '') return properties(request);
    if (request.method === 'POST' && rest === ':batchUpdate') {
      return batchUpdate(spreadsheetId, request);
    }
    if (request.method === 'POST' && rest === '/developerMetadata:search') {
      return search(spreadsheetId, request);
    }
    const values = /^\/values\/([^/]+):append$/.exec(rest);
    if (request.method === 'POST' && values?.[1] !== undefined) {
      return appendValues(spreadsheetId, decodeURIComponent(values[1]), request);
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

/** The sheet that a range in A1 notation names. */
function titleOf(range: string): string {
  const quoted = /^'((?:[^']|'')+)'/.exec(range);
  if (quoted?.[1] !== undefined) return quoted[1].replaceAll("''", "'");
  const bang = range.indexOf('!');
  if (bang !== -1) return range.slice(0, bang);
  return range.includes(':') ? FIRST_SHEET : range;
}

function letter(column: number): string {
  const before = Math.floor((column - 1) / 26);
  return (before > 0 ? letter(before) : '') + String.fromCharCode(65 + ((column - 1) % 26));
}

function randomId(): number {
  return 1 + Math.floor(Math.random() * 0x7ffffffe);
}

function invalid(message: string): EmulatedReply {
  return googleError(400, 'INVALID_ARGUMENT', message);
}
