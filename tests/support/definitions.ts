/** A definition of one or more HTTP nodes in a row: needs no credential and no lead. */
export function chain(workflowId: string, length = 2, extra: object = {}) {
  const ids = Array.from({ length }, (_, index) => `step${index + 1}`);
  return {
    workflowId,
    name: `Chain of ${length}`,
    nodes: ids.map((id, index) => ({
      id,
      type: 'http',
      name: `Step ${index + 1}`,
      config: { method: 'GET', url: 'https://example.com/' },
    })),
    connections: ids.slice(1).map((to, index) => ({ from: `step${index + 1}`, to })),
    ...extra,
  };
}
