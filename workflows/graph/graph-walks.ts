/** Walks over a definition's connections. Connections to unknown nodes are passed over. */

interface Edge {
  readonly from: string;
  readonly to: string;
}

function successors(ids: readonly string[], edges: readonly Edge[]): Map<string, string[]> {
  const next = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const edge of edges) {
    if (next.has(edge.to)) next.get(edge.from)?.push(edge.to);
  }
  return next;
}

/** @returns the nodes of one cycle in order, each once, or undefined if there is none */
export function findCycle(ids: readonly string[], edges: readonly Edge[]): string[] | undefined {
  const next = successors(ids, edges);
  const done = new Set<string>();
  for (const start of next.keys()) {
    if (done.has(start)) continue;
    // Iterative, because a chain of 500 nodes must not depend on the stack's depth.
    const path: string[] = [start];
    const onPath = new Set(path);
    const cursors: number[] = [0];
    while (path.length > 0) {
      const node = path[path.length - 1] as string;
      const cursor = cursors[cursors.length - 1] as number;
      const target = next.get(node)?.[cursor];
      if (target === undefined) {
        done.add(node);
        onPath.delete(node);
        path.pop();
        cursors.pop();
        continue;
      }
      cursors[cursors.length - 1] = cursor + 1;
      if (onPath.has(target)) return path.slice(path.indexOf(target));
      if (!done.has(target)) {
        path.push(target);
        onPath.add(target);
        cursors.push(0);
      }
    }
  }
  return undefined;
}

/** @returns for each node all nodes from which it can be reached */
export function ancestorsOf(
  ids: readonly string[],
  edges: readonly Edge[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const previous = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const edge of edges) {
    if (previous.has(edge.from)) previous.get(edge.to)?.push(edge.from);
  }
  const ancestors = new Map<string, Set<string>>();
  for (const id of previous.keys()) {
    const found = new Set<string>();
    const open = [...(previous.get(id) ?? [])];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (found.has(node)) continue;
      found.add(node);
      open.push(...(previous.get(node) ?? []));
    }
    ancestors.set(id, found);
  }
  return ancestors;
}
