/** What the nodes of a definition run as. */
import type { CatalogView, OperationView } from './catalog-view.ts';
import { CONTROL_MANIFESTS, type ControlManifest } from './control-nodes.ts';
import type { DefinitionNode } from './definition.ts';

/** A node's type, looked up. */
export type ResolvedType =
  | { readonly kind: 'control'; readonly manifest: ControlManifest }
  | { readonly kind: 'operation'; readonly operation: OperationView };

/** @returns what a node runs as, or which part of that is unknown */
export function resolveType(
  node: Pick<DefinitionNode, 'type' | 'config'>,
  catalog: CatalogView,
): ResolvedType | { readonly kind: 'unknown'; readonly what: 'type' | 'operation' } {
  const manifest = CONTROL_MANIFESTS.find((control) => control.type === node.type);
  if (manifest !== undefined) return { kind: 'control', manifest };
  const connector = catalog.find((entry) => entry.type === node.type);
  if (connector === undefined) return { kind: 'unknown', what: 'type' };
  const named = node.config.operation;
  const operation =
    named === undefined
      ? connector.operations[0]
      : connector.operations.find((entry) => entry.name === named);
  return operation === undefined
    ? { kind: 'unknown', what: 'operation' }
    : { kind: 'operation', operation };
}

/** Outputs of every operation node; connections leave from the first where they name none. */
export const OPERATION_OUTPUTS = ['success', 'error'] as const;

/** @returns the outputs that a node has, the default one first */
export function outputsOf(
  node: Pick<DefinitionNode, 'config'>,
  resolved: ResolvedType,
): readonly string[] {
  return resolved.kind === 'control' ? resolved.manifest.outputs(node.config) : OPERATION_OUTPUTS;
}

/** @returns top-level config fields that aren't rendered: program text, or a graph of their own */
export function rawFieldsOf(resolved: ReturnType<typeof resolveType>): readonly string[] {
  switch (resolved.kind) {
    case 'control':
      return resolved.manifest.rawFields;
    case 'operation':
      return resolved.operation.rawFields ?? [];
    case 'unknown':
      return [];
  }
}
