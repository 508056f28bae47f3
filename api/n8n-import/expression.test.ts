import { expect, test } from '@jest/globals';
import { translateValue } from './expression.ts';

/** As inside a loop: `$json` is the item. */
const ITEM = {
  timezone: undefined,
  json: (path: readonly (string | number)[]) => ({
    text: path.reduce<string>(
      (text, step) =>
        typeof step === 'number'
          ? `${text}[${step}]`
          : /^\w+$/.test(step)
            ? `${text}.${step}`
            : `${text}["${step}"]`,
      'item',
    ),
  }),
  node: () => ({ problem: 'there is none' }),
  index: () => ({ text: 'index' }),
};

test.each([
  ['={{ $json.a }}', '{{ item.a }}'],
  ['={{ $json["a b"][0].c }}', '{{ item["a b"][0].c }}'],
  ['={{ $input.first().json.a.trim().toUpperCase() }}', '{{ item.a | strip | upcase }}'],
  ['={{ $json.tags.join(", ") }}', '{{ item.tags | join: ", " }}'],
  ['={{ $json.tags.length }}', '{{ item.tags | size }}'],
  ['={{ $json.name.replace("a", "b") }}', '{{ item.name | replace_first: "a", "b" }}'],
  ['={{ $json.a ?? "x" }}', '{{ item.a | default: "x" }}'],
  ['={{ "Hi " + $json.name + "!" }}', '{{ "Hi " | append: item.name | append: "!" }}'],
  ['={{ $now.plus({ days: 2 }).toISO() }}', '{{ "now" | date_add: "2d", "UTC" | iso }}'],
  ['={{ $today }}', '{{ "now" | start_of: "day", "UTC" }}'],
  ['={{ $workflow.name }} {{ $itemIndex }}', '{{ workflow.name }} {{ index }}'],
  ['={{ 5 }}', '{{ 5 }}'],
  ['plain {{ text }}', '{% raw %}plain {{ text }}{% endraw %}'],
  ['=open {{ brace', '{% raw %}open {{ brace{% endraw %}'],
])('the expression %s becomes %s', (given, expected) => {
  expect(translateValue(given, ITEM)).toEqual({ value: expected, problems: [] });
});

test.each([
  '={{ $json.a + $json.b }}',
  '={{ $json.a ? 1 : 2 }}',
  '={{ $json.list.map(x => x.a) }}',
  '={{ $secrets.key }}',
  '={{ Math.round($json.a) }}',
  '={{ $json.a; alert(1) }}',
  '={{ }}',
])('the expression %s is left to a person', (given) => {
  const { value, problems } = translateValue(given, ITEM);
  expect(problems).toHaveLength(1);
  expect(value).toMatch(/^\{\{ n8n\["[^"]*"\] \}\}$/);
});
