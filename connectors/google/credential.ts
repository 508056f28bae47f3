/** The credential for Google's APIs, which the connectors for Sheets and BigQuery share. */
import { z } from 'zod';
import type { CredentialManifest } from '../contract.ts';

const baseUrls = {
  sheetsBaseUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: 'Where the Sheets API is; Google where left out' }),
  bigQueryBaseUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: 'Where the BigQuery API is; Google where left out' }),
  tokenUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: 'Where access tokens come from; Google where left out' }),
  projectId: z
    .string()
    .regex(/^[a-z0-9.:-]{1,128}$/, 'must be a Google Cloud project id such as my-project-123')
    .optional()
    .meta({ description: 'Google Cloud project; needed for BigQuery' }),
};

export const credentialSchema = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('service_account'),
      clientEmail: z
        .string()
        .min(3)
        .meta({ description: 'client_email of the key file; share the spreadsheet with it' }),
      privateKey: z.string().min(1).meta({
        description: 'private_key of the key file, PEM; line breaks may be written as \\n',
      }),
      ...baseUrls,
    })
    .meta({
      description:
        'A service account. For BigQuery it needs the roles BigQuery Data Editor and BigQuery Job User.',
    }),
  z
    .strictObject({
      type: z.literal('oauth'),
      clientId: z.string().min(1),
      clientSecret: z.string().min(1),
      refreshToken: z.string().min(1),
      ...baseUrls,
    })
    .meta({ description: 'A person who has let this application act for them' }),
]);
export type GoogleCredential = z.output<typeof credentialSchema>;

export const googleCredential: CredentialManifest = {
  type: 'google',
  title: 'Google',
  schema: credentialSchema,
  fromEnvironment: (env) =>
    env.GOOGLE_CLIENT_EMAIL && env.GOOGLE_PRIVATE_KEY
      ? {
          type: 'service_account',
          clientEmail: env.GOOGLE_CLIENT_EMAIL,
          privateKey: env.GOOGLE_PRIVATE_KEY,
          ...(env.GOOGLE_PROJECT_ID ? { projectId: env.GOOGLE_PROJECT_ID } : {}),
        }
      : undefined,
};
