/** What emulators accepted, in memory: the SandboxStore of connector tests. */
import type { SandboxMessage, SandboxStore, StoredSandboxMessage } from './contract.ts';

const DEFAULT_LIMIT = 100;

/** A SandboxStore that lasts as long as the process. */
export function createMemorySandboxStore(): SandboxStore {
  const messages: StoredSandboxMessage[] = [];

  const latest = (connector: string, lookupKey: string): StoredSandboxMessage | undefined =>
    messages.findLast(
      (message) => message.connector === connector && message.lookupKey === lookupKey,
    );

  return {
    async add(message: SandboxMessage, options) {
      if (options?.unique === true && message.lookupKey !== undefined) {
        const known = latest(message.connector, message.lookupKey);
        if (known !== undefined) return { stored: known, duplicate: true };
      }
      const stored: StoredSandboxMessage = {
        ...message,
        id: String(messages.length + 1),
        receivedAt: new Date().toISOString(),
      };
      messages.push(stored);
      return { stored, duplicate: false };
    },

    async find(connector, lookupKey) {
      return latest(connector, lookupKey);
    },

    async list({ connector, to, executionId, limit = DEFAULT_LIMIT }) {
      return messages
        .filter(
          (message) =>
            (connector === undefined || message.connector === connector) &&
            (to === undefined || message.to === to) &&
            (executionId === undefined || message.executionId === executionId),
        )
        .reverse()
        .slice(0, limit);
    },
  };
}
