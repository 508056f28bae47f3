/**
 * What the Cloud API takes as the content of a message, with Meta's limits, so that what Meta would
 * refuse is told before it is sent. The emulator refuses by the same shapes.
 * https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
 */
import { z } from 'zod';

/** Text messages: https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages#text-object */
export const MAX_TEXT = 4096;
const MAX_CAPTION = 1024;
const MAX_HEADER = 60;
const MAX_FOOTER = 60;
const MAX_BODY = 1024;
const MAX_LIST_BODY = 4096;
/** Of a template that has nothing but a body; the others take 1024. */
const MAX_TEMPLATE_TEXT = 32_768;
const MAX_BUTTONS = 3;
const MAX_BUTTON_TITLE = 20;
const MAX_SECTIONS = 10;
const MAX_ROWS = 10;

const text = (maximum: number) => z.string().min(1).max(maximum);

const link = z
  .url({ protocol: /^https?$/ })
  .max(2048)
  .meta({ description: 'Public address of the file; WhatsApp fetches it' });
const mediaId = z
  .string()
  .regex(/^\d+$/, 'must be the numeric id of a file uploaded to WhatsApp')
  .meta({ description: 'Id of a file uploaded to WhatsApp' });

const fileSource = { link: link.optional(), id: mediaId.optional() };
const hasOneSource = (file: { readonly link?: unknown; readonly id?: unknown }): boolean =>
  (file.link === undefined) !== (file.id === undefined);
const ONE_SOURCE = { message: 'give either link or id' };

export const MEDIA_TYPES = ['image', 'video', 'audio', 'document', 'sticker'] as const;
export type MediaType = (typeof MEDIA_TYPES)[number];
const CAPTIONED: ReadonlySet<string> = new Set(['image', 'video', 'document']);

/** A file, as a node's config has it. */
export const mediaSchema = z
  .strictObject({
    type: z.enum(MEDIA_TYPES),
    ...fileSource,
    caption: text(MAX_CAPTION).optional(),
    filename: text(240)
      .optional()
      .meta({ description: 'Name of a document, with its extension', example: 'offer.pdf' }),
  })
  .refine(hasOneSource, ONE_SOURCE)
  .refine((media) => media.caption === undefined || CAPTIONED.has(media.type), {
    path: ['caption'],
    message: 'audio and stickers have no caption',
  })
  .refine((media) => media.filename === undefined || media.type === 'document', {
    path: ['filename'],
    message: 'only documents have a filename',
  });

/** Coordinates often come out of leads as text. */
const degrees = (limit: number) =>
  z
    .union([
      z.number(),
      z
        .string()
        .regex(/^-?\d{1,3}(\.\d+)?$/, 'must be a number such as 25.2048')
        .transform(Number),
    ])
    .refine((value) => Math.abs(value) <= limit, {
      message: `must be between -${limit} and ${limit}`,
    });

/** https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/location-messages */
export const locationSchema = z
  .strictObject({
    latitude: degrees(90),
    longitude: degrees(180),
    name: text(1000).optional(),
    address: text(1000).optional().meta({ description: 'Shown only beside a name' }),
  })
  .meta({ description: 'A place on the map' });

const headerSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: text(MAX_HEADER) }),
  z.strictObject({
    type: z.literal('image'),
    image: z.strictObject(fileSource).refine(hasOneSource, ONE_SOURCE),
  }),
  z.strictObject({
    type: z.literal('video'),
    video: z.strictObject(fileSource).refine(hasOneSource, ONE_SOURCE),
  }),
  z.strictObject({
    type: z.literal('document'),
    document: z
      .strictObject({ ...fileSource, filename: text(240).optional() })
      .refine(hasOneSource, ONE_SOURCE),
  }),
]);
const textHeaderSchema = z.strictObject({ type: z.literal('text'), text: text(MAX_HEADER) });
const footer = z.strictObject({ text: text(MAX_FOOTER) }).optional();
const body = (maximum: number) => z.strictObject({ text: text(maximum) });

const isUnique = (values: readonly string[]): boolean => new Set(values).size === values.length;
const hasNoOuterSpace = (id: string): boolean => id === id.trim();
const OUTER_SPACE = { message: 'must not begin or end with a space' };

/** https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-reply-buttons-messages */
const buttonsSchema = z.strictObject({
  type: z.literal('button'),
  header: headerSchema.optional(),
  body: body(MAX_BODY),
  footer,
  action: z.strictObject({
    buttons: z
      .array(
        z.strictObject({
          type: z.literal('reply'),
          reply: z.strictObject({
            id: text(256).refine(hasNoOuterSpace, OUTER_SPACE),
            title: text(MAX_BUTTON_TITLE),
          }),
        }),
      )
      .min(1)
      .max(MAX_BUTTONS)
      .refine((buttons) => isUnique(buttons.map(({ reply }) => reply.id)), {
        message: 'must each have an id of its own',
      })
      .refine((buttons) => isUnique(buttons.map(({ reply }) => reply.title)), {
        message: 'must each have a title of its own',
      }),
  }),
});

/** https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-list-messages */
const listSchema = z.strictObject({
  type: z.literal('list'),
  header: textHeaderSchema.optional(),
  body: body(MAX_LIST_BODY),
  footer,
  action: z.strictObject({
    button: text(MAX_BUTTON_TITLE).meta({ description: 'The button that opens the list' }),
    sections: z
      .array(
        z.strictObject({
          title: text(24).optional(),
          rows: z
            .array(
              z.strictObject({
                id: text(200).refine(hasNoOuterSpace, OUTER_SPACE),
                title: text(24),
                description: text(72).optional(),
              }),
            )
            .min(1),
        }),
      )
      .min(1)
      .max(MAX_SECTIONS)
      .refine((sections) => sections.flatMap(({ rows }) => rows).length <= MAX_ROWS, {
        message: `must have at most ${MAX_ROWS} rows in all sections together`,
      })
      .refine((all) => isUnique(all.flatMap(({ rows }) => rows.map(({ id }) => id))), {
        message: 'must have rows that each have an id of their own',
      })
      .refine((all) => all.length === 1 || all.every(({ title }) => title !== undefined), {
        message: 'must each have a title where there are several',
      }),
  }),
});

/** https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-cta-url-messages */
const linkButtonSchema = z.strictObject({
  type: z.literal('cta_url'),
  header: headerSchema.optional(),
  body: body(MAX_BODY),
  footer,
  action: z.strictObject({
    name: z.literal('cta_url'),
    parameters: z.strictObject({
      display_text: text(MAX_BUTTON_TITLE),
      url: z.url({ protocol: /^https?$/ }).max(2048),
    }),
  }),
});

/** https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/location-request-messages */
const locationRequestSchema = z.strictObject({
  type: z.literal('location_request_message'),
  body: body(MAX_BODY),
  action: z.strictObject({ name: z.literal('send_location') }),
});

/** Kinds that depend on what the business set up at Meta (catalogues, flows): left to Meta to check. */
const otherInteractiveSchema = z.looseObject({
  type: z.enum([
    'flow',
    'product',
    'product_list',
    'catalog_message',
    'address_message',
    'call_permission_request',
    'voice_call',
    'carousel',
  ]),
  body: body(MAX_BODY).optional(),
  action: z.looseObject({}),
});

export const interactiveSchema = z
  .discriminatedUnion('type', [
    buttonsSchema,
    listSchema,
    linkButtonSchema,
    locationRequestSchema,
    otherInteractiveSchema,
  ])
  .meta({ description: 'Buttons, a list and the like, in the form of the Cloud API' });

/** Which field carries the value of a template's parameter. Types that are not here are Meta's to check. */
const PARAMETER_FIELD: Readonly<Record<string, string>> = {
  text: 'text',
  currency: 'currency',
  date_time: 'date_time',
  image: 'image',
  video: 'video',
  document: 'document',
  location: 'location',
  payload: 'payload',
  coupon_code: 'coupon_code',
  action: 'action',
};
const MEDIA_PARAMETERS: ReadonlySet<string> = new Set(['image', 'video', 'document']);
/** Meta refuses values with line breaks, tabs or more than four spaces in a row (132018). */
const UNFIT_FOR_TEMPLATES = /[\n\r\t]| {5}/;

const parameterSchema = z
  .looseObject({
    type: z.string().min(1).meta({ example: 'text' }),
    parameter_name: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'For templates with named variables' }),
    text: text(MAX_TEMPLATE_TEXT).optional(),
  })
  .superRefine((parameter, context) => {
    const field = PARAMETER_FIELD[parameter.type];
    if (field === undefined) return;
    const value = parameter[field];
    if (value === undefined || value === null) {
      context.addIssue({
        code: 'custom',
        path: [field],
        message: `is missing, and a parameter of type ${parameter.type} needs it`,
      });
    } else if (typeof value === 'string' && UNFIT_FOR_TEMPLATES.test(value)) {
      context.addIssue({
        code: 'custom',
        path: [field],
        message: 'must have no line breaks, tabs or more than four spaces in a row',
      });
    } else if (MEDIA_PARAMETERS.has(field) && !hasOneSource(Object(value))) {
      context.addIssue({ code: 'custom', path: [field], message: ONE_SOURCE.message });
    }
  });

const componentSchema = z
  .looseObject({
    type: z.string().min(1).meta({ example: 'body' }),
    sub_type: z.string().min(1).optional().meta({ example: 'quick_reply' }),
    index: z
      .union([
        z.string().regex(/^\d$/, 'must be the position of the button, from 0'),
        z.int().min(0),
      ])
      .optional(),
    parameters: z.array(parameterSchema).optional(),
  })
  .superRefine((component, context) => {
    if (component.type !== 'button') return;
    for (const field of ['sub_type', 'index'] as const) {
      if (component[field] === undefined) {
        context.addIssue({
          code: 'custom',
          path: [field],
          message: 'is missing, and a button needs it',
        });
      }
    }
  });

/** https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages#template-object */
export const templateNameSchema = z
  .string()
  .regex(
    /^[a-z0-9_]{1,512}$/,
    'must be in small letters, digits and _, as WhatsApp Manager shows it',
  )
  .meta({ example: 'order_shipped' });
export const templateLanguageSchema = z
  .string()
  .regex(/^[a-z]{2,3}(_[A-Za-z]{2,4})?$/, 'must be a language code such as ar or en_US')
  .meta({ description: 'Language code that the template was approved in', example: 'ar' });
export const templateComponentsSchema = z
  .array(componentSchema)
  .optional()
  .meta({ description: "Values for the template's variables, as the Cloud API takes them" });
