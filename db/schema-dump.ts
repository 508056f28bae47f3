/**
 * Writes a database's schema as SQL text that is the same wherever the same migrations ran, so that
 * a change of the schema shows as a change of db/schema.sql. For reading and comparing; new
 * databases are made by the migrations.
 */
import type { Knex } from 'knex';

/** knex keeps its own books in these. */
const BOOKS = ['migrations', 'migrations_lock'];

const COLUMNS_SQL = `
  SELECT class.relname AS "table", attribute.attname AS "column",
    format_type(attribute.atttypid, attribute.atttypmod) AS type,
    attribute.attnotnull AS required, attribute.attidentity AS identity,
    pg_get_expr(value.adbin, value.adrelid) AS "default"
  FROM pg_attribute AS attribute
  JOIN pg_class AS class ON class.oid = attribute.attrelid
  LEFT JOIN pg_attrdef AS value
    ON value.adrelid = attribute.attrelid AND value.adnum = attribute.attnum
  WHERE class.relnamespace = 'public'::regnamespace AND class.relkind = 'r'
    AND class.relname <> ALL (?) AND attribute.attnum > 0 AND NOT attribute.attisdropped
  ORDER BY class.relname, attribute.attnum`;

/** NOT NULL is told with its column; PostgreSQL 18 lists it as a constraint too (type n). */
const CONSTRAINTS_SQL = `
  SELECT class.relname AS "table", con.conname AS name, pg_get_constraintdef(con.oid) AS definition
  FROM pg_constraint AS con JOIN pg_class AS class ON class.oid = con.conrelid
  WHERE class.relnamespace = 'public'::regnamespace AND con.contype <> 'n'
    AND class.relname <> ALL (?)
  ORDER BY class.relname, con.contype = 'p' DESC, con.conname`;

const INDEXES_SQL = `
  SELECT pg_get_indexdef(index.indexrelid) AS definition
  FROM pg_index AS index
  JOIN pg_class AS class ON class.oid = index.indrelid
  JOIN pg_class AS own ON own.oid = index.indexrelid
  WHERE class.relnamespace = 'public'::regnamespace AND class.relname <> ALL (?)
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = index.indexrelid)
  ORDER BY class.relname, own.relname`;

const TRIGGERS_SQL = `
  SELECT pg_get_triggerdef(trigger.oid) AS definition
  FROM pg_trigger AS trigger JOIN pg_class AS class ON class.oid = trigger.tgrelid
  WHERE class.relnamespace = 'public'::regnamespace AND NOT trigger.tgisinternal
    AND class.relname <> ALL (?)
  ORDER BY class.relname, trigger.tgname`;

const FUNCTIONS_SQL = `
  SELECT pg_get_functiondef(oid) AS definition FROM pg_proc
  WHERE pronamespace = 'public'::regnamespace ORDER BY proname`;

interface ColumnRow {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly required: boolean;
  readonly identity: string;
  readonly default: string | null;
}
interface ConstraintRow {
  readonly table: string;
  readonly name: string;
  readonly definition: string;
}
interface DefinitionRow {
  readonly definition: string;
}

/** @returns the schema `public` as SQL, ending with a line break */
export async function dumpSchema(database: Knex): Promise<string> {
  const query = async <Row>(sql: string, ...bindings: readonly string[][]): Promise<Row[]> =>
    (await database.raw<{ rows: Row[] }>(sql, bindings)).rows;
  const columns = await query<ColumnRow>(COLUMNS_SQL, BOOKS);
  const constraints = await query<ConstraintRow>(CONSTRAINTS_SQL, BOOKS);
  const definitions = async (sql: string, ...bindings: readonly string[][]): Promise<string[]> =>
    (await query<DefinitionRow>(sql, ...bindings)).map(({ definition }) => `${definition.trim()};`);

  const tables = [...Map.groupBy(columns, (column) => column.table)].map(([table, own]) => {
    const lines = [
      ...own.map(columnLine),
      ...constraints
        .filter((constraint) => constraint.table === table)
        .map(({ name, definition }) => `  CONSTRAINT ${name} ${definition}`),
    ];
    return `CREATE TABLE ${table} (\n${lines.join(',\n')}\n);`;
  });
  return [
    '-- The schema that the migrations make. Written by "node cli/drift.ts --write"; do not edit.',
    ...(await definitions(FUNCTIONS_SQL)),
    ...tables,
    (await definitions(INDEXES_SQL, BOOKS)).join('\n'),
    (await definitions(TRIGGERS_SQL, BOOKS)).join('\n'),
    '',
  ].join('\n\n');
}

function columnLine(column: ColumnRow): string {
  return [
    `  ${column.column} ${column.type}`,
    ...(column.required ? ['NOT NULL'] : []),
    ...(column.identity === 'a' ? ['GENERATED ALWAYS AS IDENTITY'] : []),
    ...(column.default === null ? [] : [`DEFAULT ${column.default}`]),
  ].join(' ');
}
