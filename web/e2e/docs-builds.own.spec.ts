import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { expectAccessible } from './accessible';
import { expect, test } from './portal';
import { freePort, startPortico } from './setup';

// Documentation that Portico builds, for its first reader and when it is asked to, and what is found of it.
test.describe.configure({ mode: 'serial', timeout: 120_000 });

let folder: string;
let portico: Awaited<ReturnType<typeof startPortico>>;

test.beforeAll(async () => {
  test.setTimeout(240_000);
  folder = mkdtempSync(join(tmpdir(), 'portico-builds-'));
  cpSync(join(import.meta.dirname, 'docs/fixtures/source'), folder, { recursive: true });
  writeFileSync(join(folder, 'catalog-info.yaml'), entities);
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({
      auth: { providers: { guest: {} } },
      catalog: {
        locations: [
          {
            type: 'file',
            target: join(folder, 'catalog-info.yaml'),
            rules: [{ allow: ['Component', 'Group', 'API', 'Template'] }],
          },
        ],
      },
    }),
  );
  portico = await startPortico([join(folder, 'config.json')], 'component/default/harbour', await freePort());
});

test.afterAll(async () => {
  await portico?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const entities = `
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: harbour, title: The harbour, description: Where parcels come in, tags: [go], annotations: { backstage.io/techdocs-ref: "dir:." } }
spec: { type: service, lifecycle: production, owner: group:default/kestrel }
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: checkout-api, description: Takes payments }
spec: { type: service, lifecycle: production, owner: group:default/kestrel }
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: basket, description: Holds what is bought until checkout }
spec: { type: website, lifecycle: experimental, owner: group:default/heron }
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: { name: kestrel, title: Kestrel }
spec: { type: team, children: [] }
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: { name: heron, title: Heron }
spec: { type: team, children: [] }
`;

const reader = (page: Page): Locator => page.getByTestId('article');

test('documentation is built for its first reader', async ({ portal: page }) => {
  await page.goto(`${portico.url}/docs/default/component/harbour/`);
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Harbour' })).toBeVisible({ timeout: 60_000 });
  await expect(reader(page).getByRole('table')).toContainText('lifts parcels from ships');
  await expect(page.getByText('There is a newer version')).toHaveCount(0);
  const pages = page.getByRole('navigation', { name: 'Pages of the documentation' });
  await pages.getByRole('button', { name: 'Guides' }).click();
  await pages.getByRole('link', { name: 'Getting started' }).click();
  await expect(reader(page).getByText('brew install harbour')).toBeVisible();
  await page.getByRole('navigation', { name: 'Next and previous page' }).getByRole('link', { name: /Next/ }).click();
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Code' })).toBeVisible();
  await pages.getByRole('link', { name: 'Diagrams' }).click();
  await expect(reader(page).getByRole('img', { name: /^Diagram: graph LR/ })).toBeVisible();
  await expectAccessible(page);
});

test('a section is found from everywhere, by keyboard', async ({ portal: page }) => {
  await page.goto(`${portico.url}/catalog`);
  await expect(page.getByRole('heading', { level: 1, name: 'Catalog' })).toBeVisible();
  await page.keyboard.press('/');
  await page.keyboard.insertText('forty tonnes');
  const group = page.getByRole('group', { name: /^Documentation/ });
  await expect(group.getByRole('option').first()).toContainText('forty tonnes');
  await expectAccessible(page);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/docs\/default\/component\/harbour\//);
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Harbour' })).toBeVisible();
});

test('what is called so comes first, and searches are remembered', async ({ portal: page }) => {
  await page.goto(`${portico.url}/`);
  await expect(page.getByRole('heading', { level: 1, name: 'Home' })).toHaveCount(1);
  await page.keyboard.press('Control+k');
  await page.keyboard.insertText('checkout');
  await expect(page.getByRole('option').first()).toContainText('checkout-api');
  await expect(page.getByRole('group', { name: 'Catalog 2' }).getByRole('option')).toHaveCount(2);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/catalog\/default\/component\/checkout-api$/);
  await page.keyboard.press('/');
  await expect(page.getByRole('group', { name: 'Recent searches' }).getByRole('option')).toHaveText('checkout');
});

test('the answer is there soon after the letter', async ({ portal: page }, info) => {
  await page.goto(`${portico.url}/runs`);
  await expect(page.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();
  const times: number[] = [];
  await page.keyboard.press('/');
  await page.keyboard.type('c');
  for (const text of ['ch', 'che', 'chec', 'check']) {
    const begun = Date.now();
    const answered = page.waitForResponse((response) => response.url().includes(`/v1/search?q=${text}&`));
    await page.keyboard.type(text.slice(-1));
    await answered;
    await expect(page.getByRole('option').first()).toContainText('checkout-api');
    times.push(Date.now() - begun);
  }
  info.annotations.push({ type: 'from the letter to the answer', description: `${times.join(', ')} ms` });
});

test('the page of a search has its state in the address, as Backstage writes it', async ({ portal: page }) => {
  await page.goto(`${portico.url}/search?query=checkout&filters%5Bkind%5D=Component`);
  const catalog = page.getByRole('list', { name: 'Results: Catalog' });
  await expect(catalog.getByRole('listitem')).toHaveCount(2);
  await page.getByRole('group', { name: 'Lifecycle' }).getByRole('checkbox', { name: 'production' }).check();
  await expect(catalog.getByRole('listitem')).toHaveText([/checkout-api/]);
  await expect(page).toHaveURL(/query=checkout/);
  expect(decodeURIComponent(page.url())).toContain('filters[lifecycle][]=production');
  await expectAccessible(page);
  await page.reload();
  await expect(catalog.getByRole('listitem')).toHaveText([/checkout-api/]);
  await page.goto(`${portico.url}/search?query=crane&types%5B%5D=techdocs`);
  const docs = page.getByRole('list', { name: 'Results: Documentation' });
  await docs.getByRole('link', { name: 'Crane', exact: true }).click();
  await expect(page).toHaveURL(/\/harbour\/#crane$/);
  await page.goBack();
  await page.getByRole('searchbox', { name: 'Search everything' }).fill('zebra crossing');
  await expect(page.getByText('Nothing was found for “zebra crossing”')).toBeVisible();
  await expectAccessible(page);
});

test('a build that fails leaves the last good site, and says what is wrong where', async ({ portal: page }) => {
  const file = join(folder, 'mkdocs.yml');
  const good = readFileSync(file, 'utf8');
  writeFileSync(file, good.replace('nav:', 'nav: {\n'));
  await page.goto(`${portico.url}/docs/default/component/harbour/`);
  await page.getByRole('button', { name: 'Builds', exact: true }).click();
  const builds = page.getByRole('region', { name: 'Builds' });
  await builds.getByRole('button', { name: 'Build now' }).click();
  await expect(page.getByRole('alert')).toContainText('this is the last good one', { timeout: 30_000 });
  await expect(page.getByRole('alert').getByRole('list', { name: 'Problems' })).toContainText(/mkdocs\.yml:\d+/);
  await expect(reader(page).getByRole('heading', { level: 1, name: 'Harbour' })).toBeVisible();
  await expectAccessible(page);

  writeFileSync(file, good.replace('site_name: Harbour', 'site_name: The new harbour'));
  await page.getByRole('alert').getByRole('button', { name: 'Build again' }).click();
  await expect(builds.getByRole('button', { name: /^Published/ }).first()).toBeVisible();
  await expect(page.getByRole('alert')).toHaveCount(0, { timeout: 30_000 });
  await page.reload();
  await expect(page.getByRole('link', { name: 'The new harbour' })).toBeVisible();
});

test('a slip of the keyboard is forgiven', async ({ portal: page }) => {
  await page.goto(`${portico.url}/runs`);
  await expect(page.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();
  await page.keyboard.press('/');
  await page.keyboard.insertText('chekout');
  await expect(page.getByText('Nothing was found for “chekout”')).toBeVisible();
  await expect(page.getByRole('option').first()).toContainText('checkout-api');
  await page.getByRole('option', { name: /^Did you mean/ }).click();
  await expect(page.getByRole('combobox')).toHaveValue('checkout');
  await page.goto(`${portico.url}/search?query=chekout`);
  await page.getByRole('link', { name: 'checkout', exact: true }).click();
  await expect(page).toHaveURL(/query=checkout$/);
});
