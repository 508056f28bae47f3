/**
 * Run as a program: `node download-temporal.ts <folder> <version>` leaves the Temporal CLI in the
 * folder. The SDK's downloader comes only together with starting the server, so it is started for
 * a moment.
 * https://typescript.temporal.io/api/classes/testing.TestWorkflowEnvironment#createlocal
 */

import { TestWorkflowEnvironment } from '@temporalio/testing';

const [folder, version] = process.argv.slice(2);
if (folder === undefined || version === undefined) {
  process.stderr.write('usage: node download-temporal.ts <folder> <version>\n');
  process.exit(2);
}
try {
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', downloadDir: folder, version } },
  });
  await environment.teardown();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
