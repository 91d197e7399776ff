import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expectAccessible } from './accessible';
import { expect, test } from './portal';
import { freePort, startPortico } from './setup';

// A source that loses most of what it had, and the person who decides about it. The source is a server of pages in JSON.
test.describe.configure({ mode: 'serial', timeout: 180_000 });

let folder: string;
let source: Server;
let portico: Awaited<ReturnType<typeof startPortico>>;
/** How many components the source has. */
let size = 60;
/** Whether the source answers its second page. */
let isWhole = true;

test.beforeAll(async () => {
  test.setTimeout(240_000);
  source = createServer((request, answer) => {
    const first = !request.url?.includes('cursor=');
    if (!first && !isWhole) {
      answer.writeHead(400).end('the second page is broken');
      return;
    }
    const half = Math.ceil(size / 2);
    const entities = Array.from({ length: first ? half : size - half }, (_, index) => ({
      apiVersion: 'backstage.io/v1alpha1',
      kind: 'Component',
      metadata: { name: `swept-${first ? index : half + index}` },
      spec: { type: 'service', lifecycle: 'production', owner: 'group:default/platform' },
    }));
    answer.setHeader('Content-Type', 'application/json');
    answer.end(JSON.stringify({ entities, total: size, ...(first && { next: 'second' }) }));
  });
  await new Promise<void>((listening) => source.listen(0, '127.0.0.1', listening));
  const host = `127.0.0.1:${(source.address() as AddressInfo).port}`;
  folder = mkdtempSync(join(tmpdir(), 'portico-sweeps-'));
  const config = join(folder, 'source.json');
  writeFileSync(
    config,
    JSON.stringify({
      backend: { reading: { allow: [{ host }] } },
      catalog: {
        providers: {
          json: {
            fleet: { url: `http://${host}/fleet`, schedule: { frequency: { hours: 5 }, timeout: { minutes: 5 } } },
          },
        },
      },
    }),
  );
  portico = await startPortico(['examples/app-config.yaml', config], 'component/default/swept-59', await freePort());
});

test.afterAll(async () => {
  await portico?.stop();
  source?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Opens the page of the source from the catalog. */
async function open(page: Page): Promise<void> {
  await page.goto(`${portico.url}/catalog`);
  await page.getByRole('link', { name: 'Sources', exact: true }).click();
  await page.getByRole('link', { name: /\/fleet/ }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('/fleet');
}

/** The number of components of the source that the catalog serves. */
async function served(page: Page): Promise<number> {
  const session = await page.request.post(`${portico.url}/api/auth/guest/refresh`, {
    headers: { 'X-Requested-With': 'XMLHttpRequest' },
  });
  const { token } = (await session.json()).backstageIdentity;
  const found = await page.request.get(
    `${portico.url}/api/catalog/entities/by-query?filter=kind=component&fields=metadata.name&limit=500`,
    { headers: { Authorization: `Bearer ${token}` } },
  );
  const { items } = (await found.json()) as { items: { metadata: { name: string } }[] };
  return items.filter(({ metadata: { name } }) => name.startsWith('swept-')).length;
}

test('a sweep that breaks off changes nothing, and says why', async ({ portal: page }) => {
  await open(page);
  await expect(page.getByText(/60 entities/).first()).toBeVisible();
  size = 4;
  isWhole = false;
  await page.getByRole('button', { name: 'Sweep now' }).click();
  await expect(page.getByText('The catalog is as it was.')).toBeVisible({ timeout: 60_000 });
  await expectAccessible(page);
  expect(await served(page)).toBe(60);
  size = 60;
  isWhole = true;
});

test('a removal of much waits for a person, who drops it or approves it', async ({ portal: page }) => {
  size = 10;
  await open(page);
  await page.getByRole('button', { name: 'Sweep now' }).click();
  await expect(page.getByText('It would remove 50 entities')).toBeVisible({ timeout: 30_000 });
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Drop the sweep' }).click();
  await expect(page.getByText('It would have removed 50 entities')).toBeVisible();
  expect(await served(page)).toBe(60);

  await page.getByRole('button', { name: 'Sweep now' }).click();
  await page.getByRole('button', { name: 'Approve the removal…' }).click();
  const question = page.getByRole('alertdialog').or(page.getByRole('dialog'));
  await expect(question).toContainText('Remove 50 entities?');
  await question.getByRole('button', { name: 'Remove them' }).click();
  await expect(page.getByText('It removed 50 entities')).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText(/Decided by/).first()).toBeVisible();
  expect(await served(page)).toBe(10);
});
