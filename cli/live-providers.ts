import { CONNECTOR_MANIFESTS } from '../connectors/catalog.ts';
import type { Environment } from './environment.ts';

/** Titles of the connectors that would send for real, by what the environment configures. */
export function liveProviders({ mode, providers }: Environment): readonly string[] {
  if (mode === 'sandbox') return [];
  return CONNECTOR_MANIFESTS.filter(
    ({ credential }) => credential?.fromEnvironment?.(providers) !== undefined,
  ).map(({ title }) => title);
}
