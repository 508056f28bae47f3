import { describe, expect, test } from '@jest/globals';
import { button, buttons, list, row, rows, template } from './example-contents.ts';
import { sendInputSchema } from './schema.ts';

const TO = '+971501234567';

/** What Meta would refuse, and where the schema says it lies. */
const REFUSED: readonly [string, Record<string, unknown>, string][] = [
  [
    'four buttons',
    { interactive: buttons(...['1', '2', '3', '4'].map((of) => button(of, of))) },
    'interactive.action.buttons',
  ],
  ['no buttons', { interactive: buttons() }, 'interactive.action.buttons'],
  [
    'a button title of 21 characters',
    { interactive: buttons(button('1', 'a'.repeat(21))) },
    'interactive.action.buttons.0.reply.title',
  ],
  [
    'two buttons of one id',
    { interactive: buttons(button('1', 'a'), button('1', 'b')) },
    'interactive.action.buttons',
  ],
  [
    'two buttons of one title',
    { interactive: buttons(button('1', 'a'), button('2', 'a')) },
    'interactive.action.buttons',
  ],
  [
    'a body of 1025 characters above buttons',
    { interactive: { ...buttons(button('1', 'a')), body: { text: 'a'.repeat(1025) } } },
    'interactive.body.text',
  ],
  [
    'a header of 61 characters',
    {
      interactive: { ...buttons(button('1', 'a')), header: { type: 'text', text: 'a'.repeat(61) } },
    },
    'interactive.header.text',
  ],
  [
    'a footer of 61 characters',
    { interactive: { ...buttons(button('1', 'a')), footer: { text: 'a'.repeat(61) } } },
    'interactive.footer.text',
  ],
  [
    'eleven rows in two sections',
    {
      interactive: list([
        { title: 'a', rows: rows(6) },
        { title: 'b', rows: Array.from({ length: 5 }, (_, at) => row(at + 6)) },
      ]),
    },
    'interactive.action.sections',
  ],
  [
    'two sections, one without title',
    { interactive: list([{ title: 'a', rows: [row(1)] }, { rows: [row(2)] }]) },
    'interactive.action.sections',
  ],
  [
    'two rows of one id',
    { interactive: list([{ rows: [row(1), row(1)] }]) },
    'interactive.action.sections',
  ],
  [
    'a row title of 25 characters',
    { interactive: list([{ rows: [{ id: '1', title: 'a'.repeat(25) }] }]) },
    'interactive.action.sections.0.rows.0.title',
  ],
  [
    'a picture above a list',
    {
      interactive: { ...list([{ rows: [row(1)] }]), header: { type: 'image', image: { id: '1' } } },
    },
    'interactive.header.type',
  ],
  [
    'an interactive type that does not exist',
    { interactive: { type: 'buttons', action: {} } },
    'interactive.type',
  ],
  [
    'a caption of 1025 characters',
    { media: { type: 'image', id: '1', caption: 'a'.repeat(1025) } },
    'media.caption',
  ],
  ['a file from a folder', { media: { type: 'image', link: 'file:///etc/passwd' } }, 'media.link'],
  [
    'a filename of a picture',
    { media: { type: 'image', id: '1', filename: 'a.png' } },
    'media.filename',
  ],
  ['a latitude beyond the pole', { location: { latitude: 91, longitude: 0 } }, 'location.latitude'],
  [
    'a latitude that is no number',
    { location: { latitude: '', longitude: 0 } },
    'location.latitude',
  ],
  [
    'a template name with capitals',
    { template: { name: 'Welcome', language: 'ar' } },
    'template.name',
  ],
  [
    'a template language in words',
    { template: { name: 'a', language: 'Arabic' } },
    'template.language',
  ],
  [
    'a line break in a value of a template',
    template({ type: 'text', text: 'a\nb' }),
    'template.components.0.parameters.0.text',
  ],
  [
    'a template value without content',
    template({ type: 'currency' }),
    'template.components.0.parameters.0.currency',
  ],
  [
    'a template button without position',
    { template: { name: 'a', language: 'ar', components: [{ type: 'button', sub_type: 'url' }] } },
    'template.components.0.index',
  ],
  ['an answer to what is no message id', { text: 'a', replyToMessageId: '42' }, 'replyToMessageId'],
];

describe('the input of a send', () => {
  test.each(REFUSED)('%s is refused before anything is sent', (_title, content, at) => {
    const { error } = sendInputSchema.safeParse({ to: TO, ...content });
    expect(error?.issues.map(({ path }) => path.join('.'))).toContain(at);
  });

  test('two contents, and none: the sentence says which', () => {
    const problem = (content: object) =>
      sendInputSchema
        .safeParse({ to: TO, ...content })
        .error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
    expect(problem({ text: 'a', location: { latitude: 1, longitude: 1 } })).toEqual([
      expect.stringMatching(/^location stands beside text, but .*exactly one of text, template/),
    ]);
    expect(problem({})).toEqual([expect.stringMatching(/^text is missing: .*exactly one of/)]);
  });
});
