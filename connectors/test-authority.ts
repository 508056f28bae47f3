/**
 * For tests: a certificate authority of the moment, so that no key lies in the repository and no
 * certificate there expires. X.509 as RFC 5280 writes it, https://www.rfc-editor.org/rfc/rfc5280
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

export interface TestCertificate {
  /** PEM. */
  readonly cert: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

export interface TestAuthority {
  /** Its own certificate, PEM. */
  readonly certificate: string;
  /**
   * @param names DNS names and IPv4 addresses of the server
   * @param options.expired the certificate ended an hour ago
   */
  issue(names: readonly string[], options?: { readonly expired?: boolean }): TestCertificate;
}

const HOUR_MS = 3_600_000;
const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
} as const;
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
  extensions: 0xa3,
  dnsName: 0x82,
  ipAddress: 0x87,
} as const;

/** @param name what it calls itself */
export function createTestAuthority(name = 'Masar test authority'): TestAuthority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const isAuthority = extension(
    OID.basicConstraints,
    sequence(tlv(TAG.boolean, Buffer.from([0xff]))),
  );
  const certificate = certify({
    subject: name,
    issuer: name,
    publicKey: own.publicKey,
    signer: own.privateKey,
    from: Date.now() - 24 * HOUR_MS,
    to: Date.now() + 24 * HOUR_MS,
    extensions: [isAuthority],
  });
  return {
    certificate,
    issue(names, { expired = false } = {}) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const cert = certify({
        subject: names[0] ?? 'nobody',
        issuer: name,
        publicKey,
        signer: own.privateKey,
        from: Date.now() - 12 * HOUR_MS,
        to: Date.now() + (expired ? -1 : 12) * HOUR_MS,
        extensions: [extension(OID.subjectAltName, sequence(...names.map(alternativeName)))],
      });
      return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    },
  };
}

function certify(of: {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly from: number;
  readonly to: number;
  readonly extensions: readonly Buffer[];
}): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  // The leading 1 keeps the number positive and free of leading zeros.
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(15)]);
  const body = sequence(
    tlv(TAG.version, tlv(TAG.integer, Buffer.from([2]))),
    tlv(TAG.integer, serial),
    algorithm,
    distinguishedName(of.issuer),
    sequence(utcTime(of.from), utcTime(of.to)),
    distinguishedName(of.subject),
    of.publicKey.export({ type: 'spki', format: 'der' }),
    tlv(TAG.extensions, sequence(...of.extensions)),
  );
  const signature = sign('sha256', body, of.signer);
  const der = sequence(body, algorithm, tlv(TAG.bitString, Buffer.from([0]), signature));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function tlv(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size =
    length < 0x80
      ? [length]
      : length < 0x100
        ? [0x81, length]
        : [0x82, Math.floor(length / 0x100), length % 0x100];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...contents: readonly Buffer[]): Buffer => tlv(TAG.sequence, ...contents);

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = rest.flatMap((arc) => {
    const digits = [arc % 0x80];
    for (let left = Math.floor(arc / 0x80); left > 0; left = Math.floor(left / 0x80)) {
      digits.unshift((left % 0x80) + 0x80);
    }
    return digits;
  });
  return tlv(TAG.oid, Buffer.from([first * 40 + second, ...bytes]));
}

function distinguishedName(name: string): Buffer {
  return sequence(tlv(TAG.set, sequence(oid(OID.commonName), tlv(TAG.utf8, Buffer.from(name)))));
}

/** YYMMDDHHMMSSZ */
function utcTime(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/\D/g, '').slice(2, 14);
  return tlv(TAG.utcTime, Buffer.from(`${digits}Z`));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), tlv(TAG.octetString, value));
}

function alternativeName(name: string): Buffer {
  return isIPv4(name)
    ? tlv(TAG.ipAddress, Buffer.from(name.split('.').map(Number)))
    : tlv(TAG.dnsName, Buffer.from(name));
}
