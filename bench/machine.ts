import { cpus, loadavg, totalmem, type } from 'node:os';

/** What the figures were measured on. */
export function machineFacts(): string {
  const processors = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${processors.length} × ${processors[0]?.model.trim()}, ${memory} GiB, ${type()}, Node ${process.version}; load before the run ${loadavg()[0]?.toFixed(2)}`;
}
