import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { expectAccessible } from './accessible';
import { expect, test } from './portal';
import { freePort, startPortico } from './setup';

// The versions of a documentation, of tags in a repository on the local forge.
test.describe.configure({ mode: 'serial', timeout: 180_000 });

let folder: string;
let portico: Awaited<ReturnType<typeof startPortico>>;

test.beforeAll(async () => {
  test.setTimeout(240_000);
  folder = mkdtempSync(join(tmpdir(), 'portico-versions-'));
  portico = await startPortico(['examples/app-config.yaml'], 'template/default/golden-path', await freePort());
});

test.afterAll(async () => {
  await portico?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const reader = (page: Page): Locator => page.getByTestId('article');

test('a tag is a version, which the switch shows at the same page', async ({ portal: page, playwright }) => {
  const session = await page.request.post(`${portico.url}/api/auth/guest/refresh`, {
    headers: { 'X-Requested-With': 'XMLHttpRequest' },
  });
  const { token } = (await session.json()).backstageIdentity;
  const api = await playwright.request.newContext({
    baseURL: portico.url,
    extraHTTPHeaders: { Authorization: `Bearer ${token}` },
  });
  const { integrations } = await (await api.get('/api/portico/v1/info')).json();
  const host: string = integrations[0].host;
  const made = await api.post('/api/scaffolder/v2/tasks', {
    data: {
      templateRef: 'template:default/golden-path',
      values: {
        name: 'versions',
        description: 'Has versions',
        owner: 'group:default/platform',
        repoUrl: `${host}?owner=demo&repo=versions`,
      },
    },
  });
  expect(made.status()).toBe(201);
  await expect
    .poll(async () => (await api.get('/api/catalog/entities/by-name/component/default/versions')).status(), {
      timeout: 60_000,
    })
    .toBe(200);
  pushVersions(host);
  await api.post('/api/catalog/refresh', { data: { entityRef: 'component:default/versions' } });
  const site = '/api/portico/v1/techdocs/sites/component/default/versions';
  await expect(async () => {
    await api.post(`${site}/build`, { data: {} });
    const { versions } = await (await api.get(site)).json();
    const published = versions.filter((version: { publishedAt?: string }) => version.publishedAt);
    expect(published.map(({ name }: { name: string }) => name)).toEqual([
      'versions@v1.1',
      'versions@v1.0',
      'versions@release~1',
    ]);
  }).toPass({ timeout: 90_000, intervals: [1000] });
  await api.dispose();

  await page.goto(`${portico.url}/docs/default/component/versions/guide/`);
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Guide of today' })).toBeVisible();
  await expect(page.getByRole('note')).toHaveCount(0);
  await page.keyboard.press('v');
  await page.keyboard.press('Enter');
  const menu = page.getByRole('menu');
  await expect(menu.getByRole('menuitemradio')).toHaveText([/^main \(current\)/, 'v1.1', 'v1.0', 'release/1']);
  await expect(menu.getByRole('menuitemradio', { name: 'main (current)' })).toBeChecked();
  await expect(menu.getByRole('menuitemradio', { name: 'main (current)' })).toBeFocused();
  // An open menu is at the end of the page, outside its landmarks. The rule knows that of dialogs, not of menus; the focus
  // is in both.
  await expectAccessible(page, 'region');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/docs\/default\/component\/versions@v1\.1\/guide/);
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Guide of 1.1' })).toBeVisible();
  await expect(page.getByRole('note')).toContainText('You are reading version v1.1');
  await expect(page.getByRole('button', { name: /^Version: v1\.1/ })).toBeFocused();
  await expectAccessible(page);
});

test('links stay in the version, and what it does not have leads to its first page', async ({ portal: page }) => {
  await page.goto(`${portico.url}/docs/default/component/versions@v1.1/`);
  await reader(page).getByRole('link', { name: 'guide' }).click();
  await expect(page).toHaveURL(/versions@v1\.1\/guide\//);
  await page.getByRole('button', { name: /^Version: v1\.1/ }).click();
  await page.getByRole('menuitemradio', { name: 'v1.0' }).click();
  await expect(page).toHaveURL(/versions@v1\.0\/$/);
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Version 1.0' })).toBeVisible();
  await page.getByRole('button', { name: 'Read the current one' }).click();
  await expect(page).toHaveURL(/component\/versions\/$/);
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Today' })).toBeVisible();
  await page.goto(`${portico.url}/docs/default/component/versions@release~1/`);
  await expect(page.getByRole('note')).toContainText('release/1');
  await page.goto(`${portico.url}/docs/default/component/versions@v9/`);
  await expect(reader(page)).toHaveCount(0);
});

/** Pushes two tags and a branch with documentation of their own, and then that of today. */
function pushVersions(host: string): void {
  const password = readFileSync(join(portico.data, 'forge', 'token'), 'utf8');
  const clone = join(folder, 'clone');
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const commit = (files: Record<string, string>) => {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(clone, name)), { recursive: true });
      writeFileSync(join(clone, name), content);
    }
    git('-C', clone, 'add', '--all');
    git('-C', clone, 'commit', '--quiet', '--message', 'Write documentation');
  };
  git('clone', '--quiet', `http://x-access-token:${password}@${host}/demo/versions.git`, clone);
  const descriptor = readFileSync(join(clone, 'catalog-info.yaml'), 'utf8');
  commit({
    'catalog-info.yaml': descriptor.replace(
      /^(\s+)backstage.io\/techdocs-ref:.*$/m,
      '$&\n$1portico.dev/techdocs-versions: "v*, release/*"',
    ),
    'mkdocs.yml': 'site_name: Versions\nplugins: [techdocs-core]\n',
    'docs/index.md': '# Version 1.0\n',
  });
  git('-C', clone, 'tag', 'v1.0');
  git('-C', clone, 'branch', 'release/1');
  commit({ 'docs/index.md': '# Version 1.1\n\nRead the [guide](guide.md).\n', 'docs/guide.md': '# Guide of 1.1\n' });
  git('-C', clone, 'tag', 'v1.1');
  commit({ 'docs/index.md': '# Today\n\nRead the [guide](guide.md).\n', 'docs/guide.md': '# Guide of today\n' });
  git('-C', clone, 'push', '--quiet', 'origin', 'HEAD', 'release/1', '--tags');
}
