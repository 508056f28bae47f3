import { z } from 'zod';
import type { CredentialManifest } from './contract.ts';

/** What a webhook's caller and Masar both know. */
export const webhookSecretSchema = z.strictObject({
  secret: z.string().min(8, 'must have 8 characters or more').max(1_000),
});

/** The credential of webhook triggers, which belong to no connector. */
export const webhookSecretManifest: CredentialManifest = {
  type: 'webhook-secret',
  title: 'Secret of a webhook',
  schema: webhookSecretSchema,
};
