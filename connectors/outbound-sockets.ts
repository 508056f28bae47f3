/**
 * Connections of protocols other than HTTP (SMTP, IMAP, databases), under the same rule as requests:
 * the public internet, and what the operator listed. The check is made on the address that is about
 * to be connected to, so that a name which resolves differently the second time gains nothing.
 */
import { lookup as systemLookup } from 'node:dns';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { ConnectorError } from './errors.ts';
import {
  BlockedDestinationError,
  createAllowList,
  isPublicAddress,
  publicOnly,
} from './outbound-destinations.ts';

/**
 * @param host a name, or an IP address without brackets
 * @returns the resolver to connect with: it fails with BlockedDestinationError where the name leads
 *   into a private network
 * @throws BlockedDestinationError if the host is itself a private address
 */
export type GuardHost = (host: string, port: number) => LookupFunction;

/**
 * @param options.allowHosts `host` or `host:port` that may be reached although private
 * @param options.lookup resolves names; the system's resolver where left out
 */
export function createHostGuard(options: {
  readonly allowHosts: readonly string[];
  readonly lookup?: LookupFunction;
}): GuardHost {
  const lookup = options.lookup ?? systemLookup;
  const listed = createAllowList(options.allowHosts);
  const guarded = publicOnly(lookup);
  return (host, port) => {
    if (listed(host, String(port))) return lookup;
    // Sockets look up names only: an address is checked here.
    if (isIP(host) !== 0 && !isPublicAddress(host)) {
      throw new BlockedDestinationError('not a public address');
    }
    return guarded;
  };
}

/** For emulators, whose addresses no user writes. */
export const unguardedHost: GuardHost = () => systemLookup;

/**
 * Opens a TCP connection; of several addresses it takes the one that answers first.
 * @throws BlockedDestinationError, and the system's errors with their `code`, e.g. ECONNREFUSED;
 *   the signal's reason once it fired
 */
export async function openSocket(
  host: string,
  port: number,
  guard: GuardHost,
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted();
  const socket = connect({ host, port, lookup: guard(host, port), autoSelectFamily: true });
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError);
    };
    const onError = (error: Error): void => {
      settle();
      reject(error);
    };
    const onAbort = (): void => {
      settle();
      // Without a listener an error on the way out would end the process.
      socket.on('error', () => socket.destroy());
      socket.destroy();
      reject(signal.reason);
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      settle();
      resolve(socket);
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * The error of a host that may not be reached.
 * @param what what would have connected, with its article: "The mail server"
 * @param effect what is known of earlier attempts; `none` where nothing can have happened
 */
export function blockedHost(
  what: string,
  host: string,
  port: number,
  effect: 'none' | 'possible' = 'none',
): ConnectorError {
  const address = isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
  return new ConnectorError(
    'blocked_destination',
    `${what} ${address} was not contacted, because it is in a private network. If it should be, ask the operator to add ${address} to MASAR_ALLOW_HOSTS.`,
    { effect, permanent: true },
  );
}
