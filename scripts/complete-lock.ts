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

/** Records keep the order of their fields, so that the file changes only where something is added. */
const lockSchema = z
  .record(z.string(), z.unknown())
  .and(z.object({ packages: z.record(z.string(), z.record(z.string(), z.unknown())) }));
const optionalSchema = z.record(z.string(), z.string()).default({});

const lock = lockSchema.parse(JSON.parse(await readFile(LOCK, 'utf8')));
const added: string[] = [];
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(optionalSchema.parse(entry.optionalDependencies))) {
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
if (added.length === 0) {
  process.stdout.write('package-lock.json is complete.\n');
  process.exit(0);
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
await writeFile(
  LOCK,
  `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`,
);
process.stdout.write(`${added.length} packages added to package-lock.json.\n`);
