import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectAccessible } from './accessible';
import { expect, test } from './portal';
import { freePort, startPortico } from './setup';

// What other systems have: a wiki that pushes its pages, a search server that is asked, and one that never answers.
test.describe.configure({ mode: 'serial', timeout: 120_000 });

let folder: string;
let asked: Server;
let portico: Awaited<ReturnType<typeof startPortico>>;

const hit = {
  _index: 'pages',
  _id: '1',
  _source: { title: 'Lighthouse plans', url: 'https://plans.example.com/1' },
  highlight: { text: ['Where the next lighthouse is built'] },
};

test.beforeAll(async () => {
  test.setTimeout(240_000);
  asked = createServer((request, answer) => {
    if (request.url?.includes('/silent/')) return;
    answer.setHeader('Content-Type', 'application/json');
    answer.end(JSON.stringify({ _shards: { total: 1, failed: 0 }, hits: { total: { value: 1 }, hits: [hit] } }));
  });
  await new Promise<void>((listening) => asked.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(asked.address() as AddressInfo).port}`;
  folder = mkdtempSync(join(tmpdir(), 'portico-sources-'));
  const config = join(folder, 'config.json');
  writeFileSync(
    config,
    JSON.stringify({
      backend: {
        auth: { externalAccess: [{ type: 'static', options: { token: 'token-of-the-wiki', subject: 'wiki' } }] },
      },
      portico: {
        search: {
          sources: {
            wiki: { title: 'Company wiki', pushedBy: ['wiki'] },
            plans: { title: 'Plans', elasticsearch: { url, index: 'pages' } },
            silent: { title: 'Silent', elasticsearch: { url, index: 'silent', timeout: '1 second' } },
          },
        },
      },
    }),
  );
  portico = await startPortico(['examples/app-config.yaml', config], 'template/default/golden-path', await freePort());
  const pages = Array.from({ length: 8 }, (_, index) => ({
    title: `Lighthouse keeper ${index + 1}`,
    text: 'Whoever keeps the <b>lighthouse</b> lights it at dusk.',
    location: `https://wiki.example.com/keepers/${index + 1}`,
    type: 'runbook',
    tags: ['keeper'],
  }));
  const pushed = await fetch(`${portico.url}/api/portico/v1/search/sources/wiki/documents`, {
    method: 'PUT',
    headers: { Authorization: 'Bearer token-of-the-wiki', 'Content-Type': 'application/x-ndjson' },
    body: pages.map((page) => JSON.stringify(page)).join('\n'),
  });
  expect(await pushed.json()).toMatchObject({ written: 8, documents: 8 });
});

test.afterAll(async () => {
  await portico?.stop();
  asked?.closeAllConnections();
  asked?.close();
  rmSync(folder, { recursive: true, force: true });
});

test('the search box has what other systems have, and says which does not answer', async ({ portal: page }) => {
  await page.goto(`${portico.url}/runs`);
  await expect(page.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();
  await page.keyboard.press('Control+k');
  await page.keyboard.insertText('lighthouse');
  const wiki = page.getByRole('group', { name: /^Company wiki 8/ });
  await expect(wiki.getByRole('option', { name: /Lighthouse keeper/ })).toHaveCount(6);
  await expect(wiki.getByRole('option').first()).toContainText('lights it at dusk');
  await expect(wiki.getByRole('option').first()).toContainText('runbook');
  await expect(wiki.locator('b')).toHaveCount(0);
  await expect(page.getByRole('group', { name: /^Plans 1/ }).getByRole('option')).toContainText('Lighthouse plans');
  await expect(page.getByText('Silent: It did not answer within 1s.')).toBeVisible();
  await wiki.getByRole('option', { name: 'All 8 in Company wiki' }).click();
  await expect(page).toHaveURL(/types%5B%5D=.*source/);
  await expect(page.getByRole('list', { name: 'Results: Company wiki' }).getByRole('listitem')).toHaveCount(8);
});

test('the page of the search has a group for each system', async ({ portal: page }) => {
  await page.goto(`${portico.url}/search?query=lighthouse`);
  const wiki = page.getByRole('list', { name: 'Results: Company wiki' });
  await expect(wiki.getByRole('listitem')).toHaveCount(5);
  await expect(wiki.getByRole('link').first()).toHaveAttribute('href', /^https:\/\/wiki\.example\.com\/keepers\/\d$/);
  await expect(page.getByRole('list', { name: 'Results: Plans' })).toContainText('Where the next lighthouse is built');
  await expect(page.getByText('Silent could not be searched. It did not answer within 1s.')).toBeVisible();
  const types = page.getByRole('navigation', { name: 'Types of results' });
  await expect(types.getByRole('link', { name: 'Company wiki 8' })).toBeVisible();
  await types.getByRole('link', { name: 'Plans 1' }).click();
  await expect(page.getByRole('list', { name: /^Results: / })).toHaveCount(1);
  await expectAccessible(page);
});
