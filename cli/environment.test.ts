import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CONNECTOR_MANIFESTS } from '../connectors/catalog.ts';
import { readEnvironment, requireRoleEnvironment, VARIABLE_NAMES } from './environment.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');

describe('readEnvironment', () => {
  test('has a default for everything that `npm start` needs', () => {
    expect(readEnvironment({})).toMatchObject({
      port: 3000,
      host: '127.0.0.1',
      dataDir: resolve('.masar'),
      temporal: { namespace: 'default' },
      mode: undefined,
      allowHosts: [],
      rateLimitPerMinute: 100,
      logLevel: 'info',
      emulatorPorts: undefined,
    });
  });

  test('reads every kind of value, and takes an empty one as not set', () => {
    const environment = readEnvironment({
      PORT: '0',
      DATABASE_URL: '',
      TEMPORAL_ADDRESS: 'temporal:7233',
      TEMPORAL_TLS: 'true',
      TEMPORAL_UI_URL: 'https://temporal.example.com/',
      MASAR_ALLOW_HOSTS: 'localhost:9000, crm.internal ,',
      MASAR_ENCRYPTION_KEY: `${KEY},${'ab'.repeat(32)}`,
      MASAR_EMULATOR_SMTP_PORT: '1',
      MASAR_EMULATOR_IMAP_PORT: '2',
      MASAR_EMULATOR_WHATSAPP_PORT: '3',
      MASAR_EMULATOR_GOOGLE_PORT: '4',
      MASAR_EMULATOR_HTTP_PORT: '5',
      SMTP_HOST: 'mail.example.com',
    });
    expect(environment).toMatchObject({
      port: 0,
      databaseUrl: undefined,
      temporal: { address: 'temporal:7233', tls: true },
      temporalUiUrl: 'https://temporal.example.com',
      allowHosts: ['localhost:9000', 'crm.internal'],
      emulatorPorts: { smtp: 1, imap: 2, whatsapp: 3, google: 4, http: 5 },
    });
    expect(environment.providers.SMTP_HOST).toBe('mail.example.com');
    expect('apiKey' in environment.temporal).toBe(false);
  });

  test('names every wrong variable at once, and none of their values', () => {
    const values = {
      PORT: '70000',
      MASAR_API_KEY: 'two words',
      DATABASE_URL: 'mysql://root:secret@db/masar',
      TEMPORAL_ADDRESS: 'http://localhost:7233',
      TEMPORAL_TLS_CLIENT_CERT_PATH: '/cert.pem',
      MASAR_ENCRYPTION_KEY: 'not-a-key',
      MASAR_MODE: 'production',
      MASAR_RATE_LIMIT_PER_MINUTE: 'many',
      LOG_LEVEL: 'loud',
    };
    let message = '';
    try {
      readEnvironment(values);
    } catch (error) {
      message = String(error);
    }
    for (const [name, value] of Object.entries(values)) {
      expect(message).toContain(name);
      expect(message).not.toContain(value);
    }
    expect(message).toContain('PORT must be a port number, 0 to 65535.');
    expect(message).toContain('MASAR_API_KEY must be without spaces or characters outside ASCII.');
    expect(message).toContain('MASAR_RATE_LIMIT_PER_MINUTE must be a whole number above 0.');
    expect(message).toContain('they go together');
  });

  test('a role by itself names what it lacks', () => {
    expect(() => requireRoleEnvironment(readEnvironment({}), 'the API')).toThrow(
      /DATABASE_URL.*TEMPORAL_ADDRESS.*MASAR_ENCRYPTION_KEY/s,
    );
    const complete = readEnvironment({
      DATABASE_URL: 'postgresql://masar@db/masar',
      TEMPORAL_ADDRESS: 'temporal:7233',
      MASAR_ENCRYPTION_KEY: KEY,
    });
    expect(requireRoleEnvironment(complete, 'the API').temporal.address).toBe('temporal:7233');
  });
});

test('.env.example has every variable of ours, of the providers and of docker compose', () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const explained = [...read('../.env.example').matchAll(/^#([A-Z_]+)=/gm)].map(([, name]) => name);
  const compose = [...read('../docker-compose.yml').matchAll(/\$\{([A-Z_]+)/g)].map(
    ([, name]) => name,
  );
  const asked = new Set<string>();
  const env = new Proxy<Record<string, string | undefined>>(
    {},
    {
      get: (_, name) => {
        asked.add(String(name));
        // Set, and no number or boolean: every branch that a value opens is taken.
        return 'x';
      },
    },
  );
  for (const { credential } of CONNECTOR_MANIFESTS) credential?.fromEnvironment?.(env);
  expect(asked.size).toBeGreaterThan(0);
  expect(new Set(explained)).toEqual(new Set([...VARIABLE_NAMES, ...compose, ...asked]));
});
