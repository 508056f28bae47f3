import { isNativeError } from 'node:util/types';
import winston from 'winston';

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** One line per event. Fields hold identifiers and measures, never bodies or personal data. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** JSON lines on stdout. @param level the least severe level that is written */
export function createLogger(options: {
  readonly level: string;
  readonly component: string;
}): Logger {
  const logger = winston.createLogger({
    level: options.level,
    defaultMeta: { component: options.component },
    format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
    transports: [new winston.transports.Console()],
  });
  return {
    debug: (message, fields) => void logger.debug(message, fields),
    info: (message, fields) => void logger.info(message, fields),
    warn: (message, fields) => void logger.warn(message, fields),
    error: (message, fields) => void logger.error(message, fields),
  };
}

/** A logger that writes nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/**
 * What a log may say of an unexpected error. A database error's message can hold the values of the
 * statement, so of those only codes and names are told; the stack goes without its message.
 */
export function describeError(error: unknown): LogFields {
  if (!isNativeError(error)) return { error: typeof error };
  const text = (key: string): string | undefined => {
    const value: unknown = Reflect.get(error, key);
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  };
  const fromDatabase = text('severity') !== undefined || text('routine') !== undefined;
  return {
    error: error.name,
    errorCode: text('code'),
    ...(fromDatabase
      ? { table: text('table'), constraint: text('constraint'), routine: text('routine') }
      : { errorMessage: error.message.slice(0, 500) }),
    stack: error.stack
      ?.split('\n')
      .filter((line) => line.startsWith('    at '))
      .slice(0, 12)
      .join('\n'),
  };
}
