import { Context } from '@temporalio/activity';
import type { ConnectorManifest, CredentialCheck } from '../connectors/contract.ts';
import { ConnectorError } from '../connectors/errors.ts';
import type { CredentialActivities } from '../workflows/activity-contract.ts';
import type { CheckCredentialResult } from '../workflows/contract.ts';
import type { CredentialSource } from './credential-source.ts';

/** Below the activity's own limit, so that the answer says what took long. */
const TIMEOUT_MS = 15_000;

export interface CheckCredentialDeps {
  readonly manifests: readonly ConnectorManifest[];
  readonly credentials: CredentialSource;
  /** By type of credential. */
  readonly checks: ReadonlyMap<string, CredentialCheck>;
}

/** @returns the activity that opens a stored credential and logs in with it */
export function createCheckCredential({
  manifests,
  credentials,
  checks,
}: CheckCredentialDeps): CredentialActivities['credential.check'] {
  return async ({ projectId, credentialId, type }) => {
    const connector = manifests.find(({ credential }) => credential?.type === type);
    const check = checks.get(type);
    if (connector === undefined || check === undefined) {
      return refusal(
        'not_testable',
        `A credential of type "${type}" can’t be tested by itself, because it does not say which address it is for. Run a node that uses it.`,
      );
    }
    const signal = AbortSignal.any([
      AbortSignal.timeout(TIMEOUT_MS),
      Context.current().cancellationSignal,
    ]);
    try {
      const opened = await credentials.resolve({
        projectId,
        connector: connector.type,
        credential: credentialId,
        mode: 'live',
        isFresh: true,
      });
      const found = await check.run(opened, { timeoutMs: TIMEOUT_MS, signal });
      return 'untestable' in found
        ? refusal('not_testable', found.untestable)
        : { ok: true, ...found };
    } catch (error) {
      if (error instanceof ConnectorError) return refusal(error.code, error.message);
      throw error;
    }
  };
}

function refusal(code: string, message: string): CheckCredentialResult {
  return { ok: false, error: { code, message } };
}
