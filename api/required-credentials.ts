import type { ConnectorManifest } from '../connectors/contract.ts';
import type { CredentialRepository } from '../db/repositories/credentials.ts';
import type { OperationPlanNode, PlanGraph } from '../workflows/graph/plan-types.ts';
import { ApiError, type ProblemIssue } from './problem.ts';
import type { ApiSettings } from './settings.ts';

export interface CredentialCheckDeps {
  readonly settings: Pick<ApiSettings, 'environmentCredentials'>;
  readonly catalog: readonly ConnectorManifest[];
  readonly credentials: Pick<CredentialRepository, 'findAll'>;
}

type ConnectorWithCredential = ConnectorManifest & {
  readonly credential: NonNullable<ConnectorManifest['credential']>;
};

/**
 * In live mode every node, those in bodies of forEach too, must have what it logs in with, or the
 * run would fail half way. Disabled nodes need nothing.
 * @throws ApiError `credentials_missing` with an issue for each node that lacks it
 */
export async function requireCredentials(
  deps: CredentialCheckDeps,
  projectId: string,
  plan: PlanGraph,
): Promise<void> {
  const needy = operationsOf(plan, '').flatMap(({ node, pointer }) => {
    const manifest = deps.catalog.find((entry) => entry.type === node.type);
    return manifest !== undefined && hasCredential(manifest)
      ? [{ node, manifest, pointer: `${pointer}/credential` }]
      : [];
  });
  const named = needy.flatMap(({ node }) => node.credential ?? []);
  const stored = named.length === 0 ? [] : await deps.credentials.findAll(projectId, named);
  const issues = needy.flatMap(({ node, manifest, pointer }): ProblemIssue[] => {
    const lack =
      node.credential === undefined
        ? lackWithoutName(node, manifest, deps.settings)
        : lackOfNamed(
            node,
            manifest,
            stored.find(
              ({ credentialId, name }) =>
                credentialId === node.credential || name === node.credential,
            )?.type,
          );
    return lack === undefined ? [] : [{ ...lack, severity: 'error', nodeId: node.id, pointer }];
  });
  if (issues.length === 0) return;
  throw new ApiError(
    'credentials_missing',
    `${issues.length === 1 ? 'A node lacks' : `${issues.length} nodes lack`} a credential, so the execution could not run in live mode.`,
    { issues },
  );
}

/** @returns the nodes that call a connector, with JSON pointers into the definition */
function operationsOf(
  graph: PlanGraph,
  at: string,
): readonly { readonly node: OperationPlanNode; readonly pointer: string }[] {
  return graph.nodes.flatMap((node, index) => {
    const pointer = `${at}/nodes/${index}`;
    if (node.disabled === true) return [];
    if (node.kind === 'operation') return [{ node, pointer }];
    return node.body === undefined ? [] : operationsOf(node.body, `${pointer}/config/body`);
  });
}

type Lack = Pick<ProblemIssue, 'code' | 'message'>;

function lackWithoutName(
  node: OperationPlanNode,
  manifest: ConnectorWithCredential,
  settings: CredentialCheckDeps['settings'],
): Lack | undefined {
  if (manifest.credentialOptional === true) return undefined;
  if (settings.environmentCredentials.has(manifest.type)) return undefined;
  return {
    code: 'credential_missing',
    message: `"${node.name}" has no credential. Store one for ${manifest.title} and name it in the node, set it in the environment, or start in sandbox mode.`,
  };
}

/** @param type of the stored credential that the node names; undefined if it is not stored */
function lackOfNamed(
  node: OperationPlanNode,
  manifest: ConnectorWithCredential,
  type: string | undefined,
): Lack | undefined {
  if (type === undefined) {
    return {
      code: 'unknown_credential',
      message: `"${node.name}" names a credential that is not stored. Store it, or name another.`,
    };
  }
  if (type === manifest.credential.type) return undefined;
  return {
    code: 'wrong_credential_type',
    message: `"${node.name}" names a credential of type "${type}"; ${manifest.title} needs one of type "${manifest.credential.type}".`,
  };
}

function hasCredential(manifest: ConnectorManifest): manifest is ConnectorWithCredential {
  return manifest.credential !== null;
}
