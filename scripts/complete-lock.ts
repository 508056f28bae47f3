/**
 * Completes package-lock.json with the optional packages of platforms that the registry in use
 * doesn't serve. npm leaves them out of the file and then refuses it in `npm ci` ("Missing: … from
 * lock file"). Run it after adding or updating a dependency.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';

const LOCK = new URL('../package-lock.json', import.meta.url);
const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const PROCESSORS = ['arm64', 'x64', 'ia32', 'arm', 'ppc64', 's390x', 'riscv64', 'loong64'];

const packageSchema = z.looseObject({
  dev: z.boolean().optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});
const lockSchema = z.looseObject({ packages: z.record(z.string(), packageSchema) });

const lock = lockSchema.parse(JSON.parse(await readFile(LOCK, 'utf8')));
const added: string[] = [];
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (key in lock.packages || `${path}/${key}` in lock.packages) continue;
    const words = name.split(/[-/]/);
    const os = SYSTEMS.filter((system) => words.includes(system));
    const cpu = PROCESSORS.filter((processor) => words.includes(processor));
    if (os.length === 0 || cpu.length === 0) continue;
    const libc = /musl/.test(name) ? ['musl'] : /gnu/.test(name) ? ['glibc'] : [];
    lock.packages[key] = {
      version: range.replace(/^[~^]/, ''),
      cpu,
      ...(entry.dev === true ? { dev: true } : {}),
      ...(os[0] === 'linux' && libc.length > 0 ? { libc } : {}),
      optional: true,
      os,
    };
    added.push(name);
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
await writeFile(
  LOCK,
  `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`,
);
process.stdout.write(`${added.length} packages added to package-lock.json.\n`);
