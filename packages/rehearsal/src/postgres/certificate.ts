import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** A server's key and its certificate, which is also the one to trust. Both PEM. */
export interface Certificate {
  readonly key: string;
  readonly certificate: string;
}

/**
 * A certificate for these host names, signed by itself, for a day. Node.js makes none, and packages that do
 * bring twenty others. X.509 version 3, RFC 5280.
 */
export function createCertificate(hosts: readonly string[]): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // ecdsa-with-SHA256
  const algorithm = sequence(der(0x06, '2a8648ce3d040302'));
  // commonName
  const name = sequence(
    der(0x31, sequence(der(0x06, '550403'), der(0x0c, Buffer.from('rehearsal')))),
  );
  const names = hosts.map((host) => der(0x82, Buffer.from(host)));
  const extensions = sequence(
    // basicConstraints, critical: cA
    sequence(der(0x06, '551d13'), der(0x01, 'ff'), der(0x04, sequence(der(0x01, 'ff')))),
    // subjectAltName
    sequence(der(0x06, '551d11'), der(0x04, sequence(...names))),
  );
  const content = sequence(
    der(0xa0, der(0x02, '02')),
    // A serial number is positive.
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(15)])),
    algorithm,
    name,
    sequence(time(-day), time(day)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
  const signature = sign('sha256', content, privateKey);
  const whole = sequence(content, algorithm, der(0x03, Buffer.concat([Buffer.of(0), signature])));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join(
      '\n',
    ),
  };
}

const day = 86_400_000;

/** Generalized time, from now on, in milliseconds. */
function time(ms: number): Buffer {
  const digits = new Date(Date.now() + ms).toISOString().replace(/\D/g, '').slice(0, 14);
  return der(0x18, Buffer.from(`${digits}Z`));
}

function sequence(...items: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(items));
}

/** A tag, a length and a content, given as such or in hexadecimal. */
function der(tag: number, given: Buffer | string): Buffer {
  const content = typeof given === 'string' ? Buffer.from(given, 'hex') : given;
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const digits = Buffer.from(length.toString(16).padStart(length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 + digits.length), digits, content]);
}
