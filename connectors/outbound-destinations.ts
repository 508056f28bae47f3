/**
 * Where requests to addresses that users write may go: the public internet, and what the operator
 * has listed. The check is made on the address that is about to be connected to, after resolution,
 * so a name that resolves to something else the second time (DNS rebinding) gains nothing.
 */
import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';

/** Time limit of resolving, connecting and the TLS handshake together, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Ranges that lead into somebody's network or to nobody.
 * https://www.iana.org/assignments/iana-ipv4-special-registry/iana-ipv4-special-registry.xhtml
 */
const CLOSED_IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // carrier-grade NAT; Alibaba's metadata service
  ['127.0.0.0', 8], // loopback
  ['168.63.129.16', 32], // Azure's host agent, in public space
  ['169.254.0.0', 16], // link-local; the other clouds' metadata services
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments; Oracle's metadata service
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
];

/**
 * Of IPv6 only 2000::/3 is global unicast, which leaves out loopback, unspecified, IPv4-mapped,
 * NAT64 (64:ff9b::/96), unique local, link-local and multicast. Inside it, these are not public:
 * https://www.iana.org/assignments/iana-ipv6-special-registry/iana-ipv6-special-registry.xhtml
 */
const CLOSED_IPV6: readonly (readonly [string, number])[] = [
  ['2001::', 23], // Teredo and other tunnels that carry an IPv4 address
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4 carries an IPv4 address
  ['3fff::', 20], // documentation
];

const closed = new BlockList();
for (const [net, prefix] of CLOSED_IPV4) closed.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of CLOSED_IPV6) closed.addSubnet(net, prefix, 'ipv6');
const globalIpv6 = new BlockList();
globalIpv6.addSubnet('2000::', 3, 'ipv6');

/** The destination is not on the public internet and not listed by the operator. */
export class BlockedDestinationError extends Error {
  override readonly name = 'BlockedDestinationError';
}

/**
 * @param address an IP address without brackets
 * @returns true if it is on the public internet; false also for what is no IP address
 */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !closed.check(address, 'ipv4');
    case 6:
      // A zone (`fe80::1%eth0`) belongs to link-local addresses, and BlockList can't read it.
      return (
        !address.includes('%') &&
        globalIpv6.check(address, 'ipv6') &&
        !closed.check(address, 'ipv6')
      );
    default:
      return false;
  }
}

/**
 * Reads the operator's list.
 * @param entries `host` (every port) or `host:port`; IPv6 in brackets if a port follows
 * @returns whether a host, without brackets, may be reached on a port although it is private
 */
export function createAllowList(
  entries: readonly string[],
): (hostname: string, port: string) => boolean {
  const listed = new Set(entries.map((entry) => canonical(entry.trim())));
  return (hostname, port) => {
    if (listed.size === 0) return false;
    const host = hostname.toLowerCase();
    return (
      listed.has(host) || listed.has(isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`)
    );
  };
}

function canonical(entry: string): string {
  const text = entry.toLowerCase();
  const bracketed = /^\[(.+)\]$/.exec(text)?.[1];
  return bracketed ?? text;
}

/**
 * A connector for undici that refuses addresses that are neither public nor allowed.
 * @param lookup resolves names; the system's resolver where left out
 */
export function createGuardedConnector(
  isAllowed: (hostname: string, port: string) => boolean,
  lookup: LookupFunction = systemLookup,
): buildConnector.connector {
  // HTTP/1.1 only: there one request is on a socket at a time, so what a broken socket means for a
  // request is certain.
  const common = { allowH2: false, timeout: CONNECT_TIMEOUT_MS };
  const free = buildConnector({ ...common, lookup });
  const guarded = buildConnector({ ...common, lookup: publicOnly(lookup) });
  return (options, callback) => {
    const port = options.port || (options.protocol === 'https:' ? '443' : '80');
    if (isAllowed(options.hostname, port)) {
      free(options, callback);
    } else if (isIP(options.hostname) !== 0 && !isPublicAddress(options.hostname)) {
      // Sockets look up names only: an address is checked here.
      callback(new BlockedDestinationError('not a public address'), null);
    } else {
      guarded(options, callback);
    }
  };
}

/** Leaves only public addresses of what `lookup` finds; BlockedDestinationError if there are none. */
export function publicOnly(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) {
        callback(error, []);
        return;
      }
      const addresses: readonly LookupAddress[] =
        typeof found === 'string' ? [{ address: found, family: isIP(found) }] : found;
      const open = addresses.filter(({ address }) => isPublicAddress(address));
      const first = open[0];
      if (first === undefined) {
        callback(new BlockedDestinationError('no public address'), []);
      } else if (options.all === true) {
        callback(null, open);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}
