/** Sends what an automation itself answers, as far as that is safe for whoever asked. */
import { validateHeaderValue } from 'node:http';
import type { Response } from 'express';
import type { RelayedAnswer } from './endpoint.ts';

const MEDIA_TYPE = /^\s*([a-z0-9][a-z0-9.+-]*\/[a-z0-9][a-z0-9.+-]*)\s*(?:;|$)/i;
const OWN_HEADER = /^x-[a-z0-9-]+$/;
/** Proxies act on these: they would serve files of their own in place of the answer. */
const FOR_PROXIES = /^x-(?:accel-|sendfile|lighttpd-)/;

/**
 * Of the headers only `content-type` and `x-…` are sent, and none that the API has set itself. A
 * text under a type other than JSON is sent as it is, everything else as JSON; always in UTF-8.
 */
export function relay(response: Response, answer: RelayedAnswer): void {
  let mediaType = 'application/json';
  for (const [given, value] of Object.entries(answer.headers)) {
    const name = given.toLowerCase();
    if (name === 'content-type')
      mediaType = MEDIA_TYPE.exec(value)?.[1]?.toLowerCase() ?? mediaType;
    else if (isSafe(name, value) && !response.hasHeader(name)) response.setHeader(name, value);
  }
  const { body } = answer;
  const isText = typeof body === 'string' && !/[/+]json$/.test(mediaType);
  response.setHeader('content-type', `${mediaType}; charset=utf-8`);
  // Bytes, because of texts Express would read the type anew.
  response.status(answer.status).send(Buffer.from(isText ? body : JSON.stringify(body ?? null)));
}

function isSafe(name: string, value: string): boolean {
  if (!OWN_HEADER.test(name) || FOR_PROXIES.test(name)) return false;
  try {
    validateHeaderValue(name, value);
    return true;
  } catch {
    // HTTP can't carry this value (a line break, letters beyond Latin-1).
    return false;
  }
}
