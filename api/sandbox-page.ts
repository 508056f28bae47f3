/**
 * /sandbox: what each receiver would have seen, for people. Server-rendered without any script, so
 * that a message can hold whatever it likes.
 *
 * On the loopback interface the page is open, because who can connect there can read the data
 * folder as well; elsewhere the browser asks for an API key (as the password, any user name), and
 * the page shows the messages of the key's project only. The Host header is checked, or else a
 * web site could point its own name at 127.0.0.1 and read the page from a visitor's browser.
 */
import { type Request, type Response, Router } from 'express';
import type { StoredSandboxMessage } from '../connectors/contract.ts';
import type { SandboxMessageRepository } from '../db/repositories/sandbox-messages.ts';
import type { Authenticator } from './authentication.ts';
import { SANDBOX_STYLES } from './sandbox-styles.ts';
import { renderSandboxPage } from './sandbox-view.ts';

const SHOWN = 100;
const LOOPBACK_NAMES = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;
const LOOPBACK_HOSTS = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i;

export interface SandboxPageDeps {
  /** The interface that the server listens on. */
  readonly host: string;
  readonly messages: SandboxMessageRepository;
  readonly authenticator: Authenticator;
}

export function sandboxRouter({ host, messages, authenticator }: SandboxPageDeps): Router {
  const router = Router();
  const open = LOOPBACK_HOSTS.test(host);

  /** @returns undefined if the reader may not see the page */
  async function visible(request: Request): Promise<readonly StoredSandboxMessage[] | undefined> {
    const connector =
      typeof request.query.connector === 'string' ? request.query.connector : undefined;
    const executionId =
      typeof request.query.executionId === 'string' ? request.query.executionId : undefined;
    if (open && isDirect(request) && LOOPBACK_NAMES.test(request.get('host') ?? '')) {
      return messages.list({
        limit: SHOWN,
        ...(connector === undefined ? {} : { connector }),
        ...(executionId === undefined ? {} : { executionId }),
      });
    }
    const key = passwordOf(request.get('authorization'));
    const caller = key === undefined ? undefined : await authenticator.identifyKey(key);
    return caller === undefined
      ? undefined
      : messages.page(caller.projectId, { connector, executionId }, SHOWN, undefined);
  }

  router.get('/sandbox/styles.css', (_request: Request, response: Response) => {
    response.type('css').send(SANDBOX_STYLES);
  });
  router.get('/sandbox', async (request: Request, response: Response) => {
    const shown = await visible(request);
    response.set('cache-control', 'no-store');
    if (shown === undefined) {
      response
        .status(401)
        .set('www-authenticate', 'Basic realm="Masar sandbox: API key as password"')
        .type('text/plain')
        .send('Give an API key as the password; the user name does not matter.');
      return;
    }
    response.type('html').send(renderSandboxPage(shown));
  });
  return router;
}

/** A proxy on this machine would make the whole internet look like a local reader. */
function isDirect(request: Request): boolean {
  return ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'via', 'x-real-ip'].every(
    (header) => request.get(header) === undefined,
  );
}

function passwordOf(authorization: string | undefined): string | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const password = text.slice(text.indexOf(':') + 1);
  return password === '' ? undefined : password;
}
