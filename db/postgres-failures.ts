import { diskFull, OperatorError } from '../cli/local-process.ts';

/**
 * Says what a PostgreSQL that did not start, or an initdb that did not end well, died of.
 * @param output what the program wrote; its messages are in English (locale C)
 * @param dataDir the folder that holds the cluster
 */
export function explainPostgresFailure(
  output: string,
  dataDir: string,
  cause?: unknown,
): OperatorError {
  if (/No space left on device|Disk quota exceeded|ENOSPC/i.test(output)) {
    return diskFull(dataDir, cause);
  }
  if (/could not bind|could not create any TCP\/IP sockets/.test(output)) {
    return new OperatorError(
      'port_in_use',
      `PostgreSQL found no free port on 127.0.0.1. Stop what uses the ports, or set DATABASE_URL to a server that runs already.`,
      cause,
    );
  }
  if (/Permission denied|Read-only file system|EACCES|EROFS/.test(output)) {
    return new OperatorError(
      'not_writable',
      `PostgreSQL may not use ${dataDir}: ${lastMessage(output)} Give this user write access to the folder, or set MASAR_DATA to another one.`,
      cause,
    );
  }
  if (/could not (create shared memory|map anonymous)|Cannot allocate memory/.test(output)) {
    return new OperatorError(
      'server_failed',
      `PostgreSQL got too little memory from the system: ${lastMessage(output)} Free some memory (it needs about 200 MB), or set DATABASE_URL to a server elsewhere.`,
      cause,
    );
  }
  if (BROKEN.test(output)) {
    return new OperatorError(
      'data_broken',
      `The database in ${dataDir} is damaged: ${lastMessage(output)} Restore the folder from a backup; or, if the data may go, delete ${dataDir} and start again.`,
      cause,
    );
  }
  return new OperatorError(
    'server_failed',
    `PostgreSQL did not start: ${lastMessage(output)} Set DATABASE_URL to a server that runs already if this one cannot.`,
    cause,
  );
}

const BROKEN = new RegExp(
  [
    'could not open (file|directory)',
    'could not (read|access|locate|find)',
    'control file',
    'invalid (primary )?checkpoint|checkpoint record',
    'is not a (valid|database cluster)',
    'is missing',
    'is empty',
    'invalid (page|data|contents)',
    'incorrect checksum',
    'lock file .* is empty',
    'bogus data',
    'syntax error in file',
    'does not exist',
    'incompatible with server',
    'ENOENT',
  ].join('|'),
  'i',
);

/** The last line that names an error, as a sentence, without time stamp and process number. */
function lastMessage(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const line =
    lines.findLast((candidate) => /FATAL|PANIC/.test(candidate)) ??
    lines.findLast((candidate) => /error/i.test(candidate)) ??
    lines.at(-1) ??
    'it ended without a message';
  const message = line
    .replace(/^.*?(FATAL|PANIC|ERROR):\s*/i, '')
    .replace(/^but /, '')
    .trim();
  return message.endsWith('.') ? message : `${message}.`;
}
