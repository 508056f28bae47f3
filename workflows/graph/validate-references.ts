/** Validation of the names in expressions. */
import type { CatalogView } from './catalog-view.ts';
import type { DefinitionNode } from './definition.ts';
import { EXPRESSION_ROOTS, findReferences, type Reference } from './expressions.ts';
import { didYouMean } from './issue-words.ts';
import type { Json } from './json.ts';
import { rawFieldsOf, resolveType } from './resolve-type.ts';
import type { Report } from './validation-report.ts';

/** What expressions of a node may name. */
export interface Names {
  /** Nodes of all levels. */
  readonly known: ReadonlySet<string>;
  /** Those that have run before the node. */
  readonly visible: ReadonlySet<string>;
  readonly inForEach: boolean;
}

/** Names in a node's expressions that can't have a value, and expressions that can't be read. */
export function checkReferences(
  node: DefinitionNode,
  at: string,
  catalog: CatalogView,
  names: Names,
  report: Report,
): void {
  const resolved = resolveType(node, catalog);
  const raw = rawFieldsOf(resolved);
  const rendered = Object.fromEntries(
    Object.entries(node.config).filter(([field]) => !raw.includes(field)),
  );
  const { references, errors } = findReferences(rendered as Json, `${at}/config`);
  for (const error of errors) report('invalid_expression', error.pointer, error.message, node.id);
  for (const reference of references) checkReference(node, reference, names, report);
}

function checkReference(
  node: DefinitionNode,
  reference: Reference,
  names: Names,
  report: Report,
): void {
  const [root, first, second] = reference.path;
  const name = reference.path.join('.');
  if (!EXPRESSION_ROOTS.some((known) => known === root)) {
    report(
      'unknown_reference',
      reference.pointer,
      `"${name}" in "${node.id}" refers to nothing.${rootHint(String(root), first, names)} Names start with ${EXPRESSION_ROOTS.slice(0, -2).join(', ')}.`,
      node.id,
    );
    return;
  }
  if (root === 'item' || root === 'index') {
    if (names.inForEach) return;
    report(
      'unknown_reference',
      reference.pointer,
      `"${name}" in "${node.id}" has a value only inside a forEach.`,
      node.id,
    );
    return;
  }
  if (root !== 'nodes' || first === undefined) return;
  const target = String(first);
  if (!names.known.has(target)) {
    report(
      'unknown_reference',
      reference.pointer,
      `"${node.id}" uses the result of "${target}", but there is no node with that id.${didYouMean(target, names.known)}`,
      node.id,
    );
    return;
  }
  if (target === node.id) {
    report(
      'reference_to_itself',
      reference.pointer,
      `"${node.id}" uses its own result, which it doesn’t have before it ran.`,
      node.id,
    );
    return;
  }
  if (!names.visible.has(target)) {
    report(
      'reference_not_upstream',
      reference.pointer,
      `"${node.id}" uses the result of "${target}", but "${target}" doesn’t run before it. Connect "${target}" to a node before "${node.id}".`,
      node.id,
    );
    return;
  }
  if (second !== undefined && !['output', 'status', 'error'].includes(String(second))) {
    report(
      'unknown_reference',
      reference.pointer,
      `"${name}" in "${node.id}": a node has output, status and error. Write nodes.${target}.output.${String(second)} for a field of its result.`,
      node.id,
    );
  }
}

/** What was probably meant by a name that starts from nothing: often a node without `nodes.`. */
function rootHint(root: string, first: unknown, names: Names): string {
  if (names.known.has(root)) {
    const field = first === undefined || first === 'output' ? '' : `.${String(first)}`;
    return ` Did you mean "nodes.${root}.output${field}"?`;
  }
  return didYouMean(root, EXPRESSION_ROOTS);
}
