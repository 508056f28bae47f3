import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { z } from 'zod';
import { describeConnector, failureOf, testContext } from '../connector-suite.ts';
import type { SandboxStore } from '../contract.ts';
import { createMemorySandboxStore } from '../memory-sandbox-store.ts';
import { createOutbound } from '../outbound.ts';
import { startWhatsappEmulator, type WhatsappEmulator } from './emulator.ts';
import { button, buttons, list, rows, template } from './example-contents.ts';
import { createWhatsappOperations, type WhatsappOperations } from './execute.ts';
import { whatsappManifest } from './manifest.ts';
import {
  type MarkReadInput,
  markReadInputSchema,
  sendInputSchema,
  type WhatsappCredential,
} from './schema.ts';

const TO = '+971501234567';
const MESSAGE_ID = 'wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBJDQjZCMzlEQUE4OTJBMTE4RTUA';

const outbound = createOutbound({ allowHosts: [] });
afterAll(() => outbound.close());

describeConnector<MarkReadInput, unknown, WhatsappCredential>({
  name: 'whatsapp mark-read',
  manifest: whatsappManifest,
  operationName: 'mark-read',
  startEmulator: startWhatsappEmulator,
  operation: () => {
    const { markRead, close } = createWhatsappOperations({ outbound });
    return { operation: markRead, close };
  },
  input: { messageId: MESSAGE_ID },
});

/** Each kind of content as a config has it, and as it must arrive. */
const KINDS: readonly [
  string,
  Omit<z.input<typeof sendInputSchema>, 'to'>,
  Record<string, unknown>,
][] = [
  [
    'a text with a preview of its link',
    { text: 'https://example.com', previewUrl: true },
    { type: 'text', text: { body: 'https://example.com', preview_url: true } },
  ],
  [
    'a document by id',
    { media: { type: 'document', id: '1013859600285441', filename: 'عرض.pdf', caption: 'عرض' } },
    {
      type: 'document',
      document: { id: '1013859600285441', filename: 'عرض.pdf', caption: 'عرض' },
    },
  ],
  [
    'a video by link',
    { media: { type: 'video', link: 'https://example.com/a.mp4' } },
    { type: 'video', video: { link: 'https://example.com/a.mp4' } },
  ],
  [
    'audio by link',
    { media: { type: 'audio', link: 'https://example.com/a.ogg' } },
    { type: 'audio', audio: { link: 'https://example.com/a.ogg' } },
  ],
  ['a sticker', { media: { type: 'sticker', id: '1' } }, { type: 'sticker', sticker: { id: '1' } }],
  [
    'a location, with coordinates as text',
    { location: { latitude: '25.1972', longitude: 55.2744, name: 'برج خليفة', address: 'دبي' } },
    {
      type: 'location',
      location: { latitude: 25.1972, longitude: 55.2744, name: 'برج خليفة', address: 'دبي' },
    },
  ],
  [
    'a list with two sections',
    {
      interactive: {
        ...list([
          { title: 'A', rows: rows(2) },
          { title: 'B', rows: [{ id: 'x', title: 'X' }] },
        ]),
        header: { type: 'text', text: 'Header' },
        footer: { text: 'Footer' },
      },
    },
    { type: 'interactive', interactive: { type: 'list', action: { button: 'Open' } } },
  ],
  [
    'three buttons under a picture',
    {
      interactive: {
        ...buttons(button('1', 'One'), button('2', 'Two'), button('3', 'Three')),
        header: { type: 'image', image: { link: 'https://example.com/a.png' } },
      },
    },
    { type: 'interactive', interactive: { header: { type: 'image' } } },
  ],
  [
    'a button that opens a page',
    {
      interactive: {
        type: 'cta_url',
        body: { text: 'Book now' },
        action: {
          name: 'cta_url',
          parameters: { display_text: 'See dates', url: 'https://example.com/dates' },
        },
      },
    },
    { interactive: { action: { parameters: { display_text: 'See dates' } } } },
  ],
  [
    'a request for the location',
    {
      interactive: {
        type: 'location_request_message',
        body: { text: 'Where are you?' },
        action: { name: 'send_location' },
      },
    },
    { interactive: { type: 'location_request_message' } },
  ],
  [
    'a flow, whose inside is left to Meta',
    {
      interactive: {
        type: 'flow',
        body: { text: 'Sign up' },
        action: { name: 'flow', parameters: { flow_id: '1' } },
      },
    },
    { interactive: { action: { parameters: { flow_id: '1' } } } },
  ],
  [
    'a template with every kind of value',
    {
      template: {
        name: 'order_shipped',
        language: 'en_US',
        components: [
          {
            type: 'header',
            parameters: [{ type: 'image', image: { link: 'https://example.com/a.png' } }],
          },
          {
            type: 'body',
            parameters: [
              { type: 'text', text: 'ليلى', parameter_name: 'name' },
              {
                type: 'currency',
                currency: { fallback_value: 'AED 10', code: 'AED', amount_1000: 10_000 },
              },
              { type: 'date_time', date_time: { fallback_value: '21 November 2026' } },
            ],
          },
          {
            type: 'button',
            sub_type: 'quick_reply',
            index: 0,
            parameters: [{ type: 'payload', payload: 'yes' }],
          },
        ],
      },
    },
    {
      type: 'template',
      template: {
        name: 'order_shipped',
        language: { code: 'en_US' },
        components: [{ type: 'header' }, { type: 'body' }, { type: 'button', index: 0 }],
      },
    },
  ],
  [
    'an answer to a message',
    { text: 'Yes', replyToMessageId: MESSAGE_ID },
    { context: { message_id: MESSAGE_ID } },
  ],
];

describe('whatsapp contents', () => {
  let store: SandboxStore;
  let emulator: WhatsappEmulator;
  let operations: WhatsappOperations;

  beforeEach(async () => {
    operations = createWhatsappOperations({ outbound });
    store = createMemorySandboxStore();
    emulator = await startWhatsappEmulator({ store, host: '127.0.0.1', port: 0 });
  });
  afterEach(async () => {
    await operations.close();
    await emulator.close();
  });

  const send = (input: unknown) =>
    operations.send.execute(
      sendInputSchema.parse(input),
      testContext({ credential: emulator.credential }),
    );
  const received = async () => (await store.list({ connector: 'whatsapp' }))[0];
  /** Past the connector, as another client would. */
  const post = async (message: unknown) => {
    const { accessToken, phoneNumberId, apiVersion } = emulator.credential;
    const response = await fetch(`${emulator.url}/${apiVersion}/${phoneNumberId}/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
      body: JSON.stringify(message),
    });
    return { status: response.status, body: await response.json() };
  };

  test.each(KINDS)('%s arrives in the form of the Cloud API', async (_title, input, expected) => {
    await send({ to: TO, ...input });
    expect(await received()).toMatchObject({ operation: 'send', to: TO, message: expected });
  });

  test('a number kept as a number is a phone number too', async () => {
    expect(await send({ to: 971501234567, text: 'a' })).toMatchObject({ to: TO });
  });

  test('marking as read is shown once, however often it is done', async () => {
    const context = () => testContext({ credential: emulator.credential });
    const input = markReadInputSchema.parse({ messageId: MESSAGE_ID, typingIndicator: true });
    for (let count = 0; count < 2; count += 1) {
      expect(await operations.markRead.execute(input, context())).toEqual({
        messageId: MESSAGE_ID,
        read: true,
      });
    }
    expect(await store.list({})).toMatchObject([
      {
        operation: 'mark-read',
        nodeId: 'node-1',
        message: { status: 'read', message_id: MESSAGE_ID, typing_indicator: { type: 'text' } },
      },
    ]);
    expect(markReadInputSchema.safeParse({ messageId: '42' }).success).toBe(false);
  });

  const text = { messaging_product: 'whatsapp', to: TO, type: 'text', text: { body: 'a' } };
  test.each([
    ['no product', { ...text, messaging_product: undefined }, 131008],
    ['no recipient', { ...text, to: undefined }, 131008],
    ['a recipient that is no number', { ...text, to: 'layla' }, 131009],
    ['no content', { ...text, text: undefined }, 131008],
    ['an empty text', { ...text, text: { body: '' } }, 131009],
    ['a misspelt field', { ...text, text: { body: 'a', previewUrl: true } }, 100],
    ['an unknown type', { ...text, type: 'fax', fax: {} }, 131051],
    ['a file without origin', { ...text, type: 'image', image: {} }, 131009],
    [
      'four buttons',
      {
        ...text,
        type: 'interactive',
        interactive: buttons(...['1', '2', '3', '4'].map((of) => button(of, of))),
      },
      131009,
    ],
    [
      'a line break in a template',
      {
        ...text,
        type: 'template',
        template: {
          ...template({ type: 'text', text: 'a\nb' }).template,
          language: { code: 'ar' },
        },
      },
      132018,
    ],
    [
      'a read mark for what is no message',
      { messaging_product: 'whatsapp', status: 'read', message_id: '42' },
      131009,
    ],
    [
      'a status that does not exist',
      { messaging_product: 'whatsapp', status: 'seen', message_id: MESSAGE_ID },
      131009,
    ],
    ['what is no object', ['a'], 100],
  ])('the emulator refuses as Meta does: %s', async (_title, message, code) => {
    const { status, body } = await post(message);
    expect({ status, body }).toMatchObject({
      status: 400,
      body: {
        error: {
          code,
          type: 'OAuthException',
          error_data: { messaging_product: 'whatsapp', details: expect.any(String) },
        },
      },
    });
    expect(await received()).toBeUndefined();
  });

  test.each([
    ['+15550131047', 'window_closed', true],
    ['+15550131026', 'undeliverable', true],
    ['+15550131056', 'rate_limited', false],
    ['+15550130429', 'rate_limited', false],
    ['+15550132001', 'rejected', true],
    ['+15550100000', 'rejected', true],
  ])('a number for trying out refusals: %s is %s', async (to, code, permanent) => {
    const error = await failureOf(send({ to, text: 'a' }));
    expect(error).toMatchObject({ code, permanent, effect: 'none' });
    expect(await received()).toBeUndefined();
  });
});
