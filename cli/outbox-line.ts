/** A message of the outbox in one line, for a terminal. */

import { z } from 'zod';
import type { OutboxMessage } from './api-schemas.ts';

const MAX_LENGTH = 120;

const mailSchema = z.looseObject({ subject: z.string() });
const textSchema = z.looseObject({ text: z.looseObject({ body: z.string() }) });
const rowsSchema = z.looseObject({ rows: z.array(z.array(z.unknown())) });
const requestSchema = z.looseObject({ method: z.string(), url: z.string() });

export function outboxLine({ connector, operation, to, message }: OutboxMessage): string {
  const who = to === undefined ? '' : ` to ${to}`;
  const mail = mailSchema.safeParse(message).data;
  if (mail !== undefined) return short(`${connector}${who}: ${mail.subject}`);
  const text = textSchema.safeParse(message).data;
  if (text !== undefined) return short(`${connector}${who}: ${text.text.body}`);
  const request = requestSchema.safeParse(message).data;
  if (request !== undefined) return short(`${connector}: ${request.method} ${request.url}`);
  const rows = rowsSchema.safeParse(message).data;
  if (rows !== undefined) {
    return short(
      `${connector}, ${operation}: ${rows.rows.map((row) => row.join(' | ')).join(' / ')}`,
    );
  }
  return short(`${connector}, ${operation}${who}`);
}

function short(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH - 1)}…` : line;
}
