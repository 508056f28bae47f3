/**
 * Writes the workflows' code, bundled for their isolate, to a file for MASAR_WORKFLOW_BUNDLE:
 * `node scripts/bundle-workflows.ts <file>`. Make it anew with every release.
 */
import { writeFile } from 'node:fs/promises';
import { bundleWorkflows } from '../workers/workflow-bundle.ts';

const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('Name the file to write: node scripts/bundle-workflows.ts <file>\n');
  process.exit(2);
}
const { code } = await bundleWorkflows();
await writeFile(file, code);
