/**
 * docs/errors.md: every stable code that users meet. Written and compared by drift.ts. What the API
 * answers comes from its own table; the engine's and the validator's codes are told here, and
 * error-docs.test.ts finds those that are missing.
 */
import { describeProblem, PROBLEM_CODES } from '../api/problem.ts';
import type { DocumentationPage } from './connector-docs.ts';

/** Codes that nodes and executions end with besides the connectors'. */
export const ENGINE_ERRORS: Readonly<Record<string, string>> = {
  unknown_name:
    'An expression uses a name that has no value here. Correct it, or give it a default.',
  invalid_expression: 'An expression can’t be read, or its filter can’t work on what it is given.',
  invalid_condition: 'The two sides of a condition can’t be compared.',
  invalid_items: 'The items of a forEach are no list.',
  invalid_config: 'The node’s configuration, once its expressions are filled in, isn’t right.',
  output_too_large:
    'A node’s result is larger than an execution can carry; the message has its size and the limit.',
  too_many_items: 'The list of a forEach is longer than its maxItems.',
  already_responded: 'Another respond node has answered already.',
  failed_by_node: 'A fail node ended the execution and gave no code of its own.',
  attempt_lost: 'The worker died during the last attempt. It may have acted.',
  not_sent: 'A person stated that a send in doubt did not take place.',
  ledger_unavailable: 'The database is away. The node goes on when it is back.',
  execution_closed: 'The execution has ended, so the node isn’t run any more.',
  execution_timed_out: 'The time limit of the execution (`settings.timeout`) is over.',
  workflow_not_found: 'The workflow of a subworkflow node doesn’t exist.',
  workflow_not_published: 'The workflow of a subworkflow node isn’t published.',
  subworkflow_cycle: 'Automations call each other in a circle; the message has the path.',
  subworkflow_too_deep: 'Automations call each other more than ten levels deep.',
  subworkflow_failed: 'The execution that a subworkflow node waited for failed without a code.',
  subworkflow_cancelled: 'The execution that a subworkflow node waited for was cancelled.',
  subworkflow_timed_out: 'The execution that a subworkflow node waited for took too long.',
  concurrency_key_failed: 'The key of `settings.concurrency` can’t be rendered for this execution.',
  start_refused: 'Temporal refused to start the execution; the message says why.',
  internal_error: 'A fault of Masar itself; the log of the worker says more.',
  definition_deleted: 'The definition was deleted before the execution could start.',
};

/** Codes of the problems that validating a definition tells. */
export const ISSUE_CODES: Readonly<Record<string, string>> = {
  no_nodes: 'There is nothing to do.',
  too_many_nodes: 'More than 500 nodes, those in bodies counted.',
  too_many_connections: 'More connections than a definition may have.',
  duplicate_node_id: 'Two nodes have the same id.',
  unknown_node_type: 'There is no such connector or control node.',
  unknown_operation: 'The connector has no such operation.',
  unknown_connector: 'An inbound trigger names a connector that receives nothing.',
  invalid_config: 'The configuration doesn’t fit the connector’s or control node’s own schema.',
  invalid_expression: 'An expression can’t be read, or uses a filter that there isn’t.',
  unknown_reference: 'An expression uses a name that there isn’t.',
  reference_not_upstream: 'An expression uses the result of a node that can’t have run before.',
  reference_to_itself: 'A node’s expression uses its own result.',
  dangling_connection: 'A connection leads from or to a node that there isn’t.',
  duplicate_connection: 'The same connection stands there twice.',
  unknown_output: 'A connection leaves through an output that its node doesn’t have.',
  missing_output: 'A connection must name its output, because its node has no first one.',
  cycle: 'Nodes lead back to themselves; the message has the path.',
  unreachable_node: 'Nothing leads to the node.',
  error_output_unreachable: 'The error output is connected, but `onError` never uses it.',
  error_output_unused: '`onError` is `error`, but nothing is connected to the error output.',
  unknown_undo: '`undo` names a node that there isn’t on this level.',
  connected_undo: 'An undo node has connections.',
  shared_undo: 'Two nodes name the same undo node.',
  unused_setting: 'The setting has no effect on a node of this type.',
  duplicate_trigger_id: 'Two triggers have the same id.',
  invalid_cron: 'The cron expression isn’t one.',
  invalid_timezone: 'There is no such time zone.',
  invalid_schedule: 'The schedule says too little, too much, or what can’t be.',
  invalid_webhook: 'The webhook’s settings don’t fit together.',
  incomplete_webhook: 'The webhook lacks something that it needs.',
  failure_of_itself: '`onFailure` names the workflow itself.',
};

export const ERROR_DOCS = 'docs/errors.md';

export function errorPage(): DocumentationPage {
  const problems = PROBLEM_CODES.map((code) => {
    const { status, title } = describeProblem(code);
    return [`\`${code}\``, String(status), title];
  });
  const listed = (codes: Readonly<Record<string, string>>): string[][] =>
    Object.entries(codes).map(([code, text]) => [`\`${code}\``, text]);
  const text = [
    '<!-- Made by `npm run drift -- --write`. Changes here are lost. -->',
    '# Errors',
    'Codes are stable: programs may rely on them. The `message` beside a code says what is wrong, where, and what to do; it may change.',
    '## What the API answers',
    'In the field `error` of a problem ([the API](api.md)).',
    table(['code', 'status', 'means'], problems),
    '## What nodes and executions fail with',
    'In `error.code` of a node or an execution, in `nodes.<id>.error.code` in expressions, and as the failure’s type in Temporal’s Web UI. A `fail` node may give any code of its own. Those of connectors: [connectors](connectors/README.md#errors). Those of the engine:',
    table(['code', 'means'], listed(ENGINE_ERRORS)),
    '## What is wrong with a definition',
    'In `issues`, when a definition is validated, saved or published. Errors keep it from being published, warnings don’t. A code that isn’t here (such as `invalid_type` or `too_small`) says that a field isn’t of the form that the [schema](openapi.json) wants.',
    table(['code', 'means'], listed(ISSUE_CODES)),
  ].join('\n\n');
  return { path: ERROR_DOCS, text: `${text}\n` };
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
