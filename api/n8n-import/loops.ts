/** Loop Over Items (Split In Batches), where its body can be told from the rest. */
import { asText, kindOf, type N8nLink, type N8nNode } from './n8n-workflow.ts';

export interface Loop {
  readonly node: N8nNode;
  /** Names of the nodes that run for each item. */
  readonly body: ReadonlySet<string>;
  /** Number of the output by which the loop ends. */
  readonly doneOutput: number;
}

export const isLoop = (node: Pick<N8nNode, 'type'>): boolean => kindOf(node) === 'splitInBatches';

/** From version 3 on the first output is the end; before, it was the loop. */
const doneOutputOf = (node: N8nNode): number => (node.typeVersion >= 3 ? 0 : 1);

/**
 * A loop can be derived where what its loop output leads to comes back to it, and is connected to
 * nothing else.
 * @returns undefined where it can't
 */
export function findLoop(node: N8nNode, links: readonly N8nLink[]): Loop | undefined {
  const doneOutput = doneOutputOf(node);
  const leaving = Map.groupBy(links, ({ from }) => from);
  const body = new Set(
    links
      .filter(({ from, output }) => from === node.name && output !== doneOutput)
      .map(({ to }) => to)
      .filter((name) => name !== node.name),
  );
  for (const from of body) {
    for (const { to } of leaving.get(from) ?? []) if (to !== node.name) body.add(to);
  }
  if (body.size === 0) return undefined;
  const comesBack = links.some(({ from, to }) => body.has(from) && to === node.name);
  const isEntered = links.some(
    ({ from, to }) => body.has(to) && !body.has(from) && from !== node.name,
  );
  const isDoneInside = links.some(
    ({ from, output, to }) => from === node.name && output === doneOutput && body.has(to),
  );
  return comesBack && !isEntered && !isDoneInside ? { node, body, doneOutput } : undefined;
}

/** How many items each round takes. */
export function batchSize(node: N8nNode): number {
  const told = Number(asText(node.parameters.batchSize));
  return Number.isInteger(told) && told > 0 ? told : node.typeVersion >= 2 ? 1 : 10;
}
