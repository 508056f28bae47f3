/** Processor time of processes, from /proc (proc(5)); where there is none, nothing is known. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { systemErrorCode } from '../cli/local-process.ts';

/** USER_HZ, which is 100 on every architecture that Node runs on. */
const MS_PER_TICK = 10;

export const CPU_IS_KNOWN = existsSync('/proc/self/stat');

/** @returns milliseconds that the process and its present children have used; 0 if it is gone */
export function cpuMs(pid: number): number {
  return [pid, ...childrenOf(pid)].reduce((sum, one) => sum + ownCpuMs(one), 0);
}

function ownCpuMs(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime and stime, the fields 14 and 15 of the line.
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * MS_PER_TICK;
}

function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`)
      .split(' ')
      .filter((text) => text !== '')
      .map(Number),
  );
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isGone(error)) return '';
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ESRCH';
}
