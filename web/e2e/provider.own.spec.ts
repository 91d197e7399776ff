import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { ended, freePort, repository, startPortico } from './setup';

// Sign-in at a real OpenID provider with a login page. Each of these tests has its own Portico, because providers are
// configured at its start.
test.describe.configure({ mode: 'serial' });

const password = 'verysecure';
let folder: string;

interface Portico {
  url: string;
  stop: () => Promise<void>;
}

test.beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portico-provider-'));
  execFileSync('go', ['build', '-o', join(folder, 'provider'), './internal/testkit/oidctest/serve'], {
    cwd: repository,
  });
});

test.afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts a provider, and a Portico at which the people of the provider sign in, by popup windows or redirects. */
async function start(redirect: boolean): Promise<Portico> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${await freePort()}`;
  const callback = `http://127.0.0.1:${port}/api/auth/oidc/handler/frame`;
  const provider = spawn(join(folder, 'provider'), [issuer, callback], { stdio: 'ignore' });
  writeFileSync(join(folder, 'people.yaml'), people);
  writeFileSync(join(folder, 'config.yaml'), configuration(issuer, redirect));
  try {
    const portico = await startPortico([join(folder, 'config.yaml')], 'user/default/second', port);
    const stop = async () => {
      await portico.stop();
      await ended(provider);
    };
    return { url: portico.url, stop };
  } catch (error) {
    await ended(provider);
    throw error;
  }
}

/** The second of the provider's two people is in the catalog. */
const people = `
apiVersion: backstage.io/v1alpha1
kind: User
metadata: { name: second }
spec: { profile: { displayName: Second User, email: test-user2@zitadel.ch }, memberOf: [] }
`;

function configuration(issuer: string, redirect: boolean): string {
  return JSON.stringify({
    enableExperimentalRedirectFlow: redirect,
    auth: {
      providers: {
        guest: {},
        oidc: {
          development: {
            metadataUrl: `${issuer}/.well-known/openid-configuration`,
            clientId: 'portico',
            clientSecret: 'a secret',
            signIn: { resolvers: [{ resolver: 'emailMatchingUserEntityProfileEmail' }] },
          },
        },
      },
    },
    catalog: {
      locations: [{ type: 'file', target: join(folder, 'people.yaml'), rules: [{ allow: ['User'] }] }],
    },
  });
}

/** Fills in the provider's login page. */
async function logIn(page: Page, username: string): Promise<void> {
  await page.locator('input[name=username]').fill(username);
  await page.locator('input[name=password]').fill(password);
  await page.getByRole('button').click();
}

test('somebody signs in with a popup window, is known after a reload, and signs out', async ({ page }) => {
  test.setTimeout(180_000);
  const portico = await start(false);
  try {
    await page.goto(`${portico.url}/runs`);
    const opens = page.waitForEvent('popup');
    await page.getByRole('button', { name: 'Sign in with single sign-on' }).click();
    await logIn(await opens, 'test-user2');
    await expect(page.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();
    await page.reload();
    await expect(page.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();
    await expect(page.getByRole('button', { name: /^You: Test User2/ })).toBeVisible();

    await page.getByRole('button', { name: /^You:/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await expect(page).not.toHaveURL(/\/runs/);
    await page.goto(`${portico.url}/runs`);
    await expect(page.getByRole('button', { name: 'Sign in with single sign-on' })).toBeVisible();
    const refused = await page.request.get(`${portico.url}/api/auth/oidc/refresh?env=development`, {
      headers: { 'X-Requested-With': 'XMLHttpRequest' },
    });
    expect(refused.status()).toBe(401);

    // The first of the provider's people is not in the catalog.
    const opensAgain = page.waitForEvent('popup');
    await page.getByRole('button', { name: 'Sign in with single sign-on' }).click();
    await logIn(await opensAgain, 'test-user@127.0.0.1');
    await expect(page.getByRole('alert')).toContainText("a User entity with spec.profile.email 'test-user@zitadel.ch'");
  } finally {
    await portico.stop();
  }
});

test('somebody signs in by redirects, and is told why it was refused', async ({ page }) => {
  test.setTimeout(180_000);
  const portico = await start(true);
  try {
    await page.goto(`${portico.url}/runs`);
    await page.getByRole('button', { name: 'Sign in with single sign-on' }).click();
    await logIn(page, 'test-user@127.0.0.1');
    await expect(page.getByRole('alert')).toContainText("a User entity with spec.profile.email 'test-user@zitadel.ch'");
    await expect(page).toHaveURL(`${portico.url}/runs`);

    await page.getByRole('button', { name: 'Sign in with single sign-on' }).click();
    await logIn(page, 'test-user2');
    await expect(page.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();
    await expect(page).toHaveURL(/\/runs$/);
  } finally {
    await portico.stop();
  }
});
