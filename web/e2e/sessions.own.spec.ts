import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, expect, type Page, test } from '@playwright/test';
import { expectAccessible } from './accessible';
import { ended, freePort, startPortico } from './setup';

// Sessions of people who sign in at the npm package oidc-provider: a login page, a page that asks for consent, and refresh
// tokens that are accepted once.
test.describe.configure({ mode: 'serial' });

let folder: string;
let url: string;
let stop: () => Promise<void>;

test.beforeAll(async () => {
  test.setTimeout(240_000);
  folder = mkdtempSync(join(tmpdir(), 'portico-sessions-'));
  const port = await freePort();
  const issuer = `http://127.0.0.1:${await freePort()}`;
  const callback = `http://127.0.0.1:${port}/api/auth/oidc/handler/frame`;
  const provider = spawn(
    'node',
    [join(import.meta.dirname, 'oidc-provider.mjs'), issuer, callback, `http://127.0.0.1:${port}`],
    { stdio: 'ignore' },
  );
  writeFileSync(join(folder, 'people.yaml'), people);
  writeFileSync(join(folder, 'policy.csv'), policies);
  writeFileSync(join(folder, 'config.yaml'), configuration(issuer));
  try {
    const portico = await startPortico([join(folder, 'config.yaml')], 'user/default/grace', port);
    url = portico.url;
    stop = async () => {
      await portico.stop();
      await ended(provider);
    };
  } catch (error) {
    await ended(provider);
    throw error;
  }
});

test.afterAll(async () => {
  await stop?.();
  rmSync(folder, { recursive: true, force: true });
});

const people = `
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: { name: company, title: The company }
spec: { type: organization, children: [] }
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: { name: payments }
spec: { type: team, parent: company, children: [] }
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: { name: ada }
spec: { profile: { displayName: Ada, email: ada@example.com }, memberOf: [payments] }
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: { name: grace }
spec: { profile: { displayName: Grace, email: grace@example.com }, memberOf: [] }
`;

const policies = `
p, role:default/readers, catalog-entity, read, allow
g, group:default/company, role:default/readers
p, role:default/operators, portico.session.read, read, allow
p, role:default/operators, portico.session.delete, delete, allow
p, role:default/operators, catalog-entity, read, allow
g, user:default/grace, role:default/operators
p, role:default/everyone, catalog-entity, read, allow
g, user:development/guest, role:default/everyone
g, user:default/guest, role:default/everyone
`;

function configuration(issuer: string): string {
  return JSON.stringify({
    auth: {
      providers: {
        guest: {},
        oidc: {
          development: {
            metadataUrl: `${issuer}/.well-known/openid-configuration`,
            clientId: 'portico',
            clientSecret: 'a secret of the client',
            prompt: 'consent',
            signIn: { resolvers: [{ resolver: 'emailMatchingUserEntityProfileEmail' }] },
          },
        },
      },
    },
    permission: { enabled: true, rbac: { 'policies-csv-file': join(folder, 'policy.csv') } },
    catalog: {
      locations: [{ type: 'file', target: join(folder, 'people.yaml'), rules: [{ allow: ['User', 'Group'] }] }],
    },
  });
}

/** Signs somebody in with a browser of their own, which the provider does not know, and opens a page. */
async function signIn(browser: Browser, login: string, path: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${url}${path}`);
  const opens = page.waitForEvent('popup');
  await page.getByRole('button', { name: 'Sign in with single sign-on' }).click();
  const provider = await opens;
  await provider.locator('input[name=login]').fill(login);
  await provider.locator('input[name=password]').fill('any');
  await provider.getByRole('button', { name: 'Sign-in' }).click();
  await provider.getByRole('button', { name: 'Continue' }).click();
  return page;
}

test('a person sees who they are, and ends the session of another browser', async ({ browser }) => {
  const here = await signIn(browser, 'ada', '/me');
  await expect(here.getByRole('heading', { level: 1, name: 'Who I am' })).toBeVisible();
  const there = await signIn(browser, 'ada', '/me');
  await expect(there.getByRole('region', { name: 'Sessions' }).getByRole('listitem')).toHaveCount(2);

  await here.reload(); // which renews the session with the provider's refresh token
  const groups = here.getByRole('region', { name: 'Groups' });
  await expect(groups.getByRole('listitem').first()).toHaveText(/payments\s*direct/);
  await expect(groups.getByRole('listitem').last()).toContainText('company');
  await expect(groups.getByRole('listitem').last()).toContainText('through group:default/payments');
  const roles = here.getByRole('region', { name: 'Roles' });
  await expect(roles.getByRole('listitem').first()).toContainText('role:default/readers');
  await expect(roles).toContainText('through group:default/payments → group:default/company');
  await roles.getByText('What it permits').click();
  await expect(roles).toContainText('catalog-entity');
  await expect(here.getByRole('region', { name: 'Token' })).toContainText('valid for 1 h');
  await expectAccessible(here);

  const sessions = here.getByRole('region', { name: 'Sessions' });
  await expect(sessions.getByText('this browser')).toHaveCount(1);
  const end = sessions.getByRole('button', { name: /^End the session of .*Chrome/ });
  await expect(end).toHaveCount(1);
  await end.focus();
  await here.keyboard.press('Enter');
  await expect(sessions.getByRole('listitem')).toHaveCount(1);

  await there.getByRole('link', { name: 'Runs' }).click();
  await expect(there.getByText('Your session has ended.')).toBeVisible();
  await here.reload();
  await expect(sessions.getByRole('listitem')).toHaveCount(1);
});

test('an administrator sees the sessions of everybody, and ends those of one person', async ({ browser }) => {
  const ada = await signIn(browser, 'ada', '/sessions');
  await expect(ada.getByRole('alert')).toContainText('may not portico.session.read');
  const grace = await signIn(browser, 'grace', '/sessions');
  await expect(grace.getByRole('heading', { level: 1, name: 'Sessions' })).toBeVisible();
  await expect(grace.getByRole('list', { name: 'Sessions' })).toContainText('user:default/grace');
  await expectAccessible(grace);

  await grace.getByLabel('User').fill('ada');
  await grace.keyboard.press('Enter');
  await expect(grace).toHaveURL(/user=ada/);
  await grace.getByRole('button', { name: 'End all sessions of this user' }).click();
  await grace.getByRole('alertdialog').getByRole('button', { name: 'End them' }).click();
  await expect(grace.getByText('is not signed in anywhere')).toBeVisible();
  await ada.goto(`${url}/me`);
  await expect(ada.getByText('Your session has ended.')).toBeVisible();
});
