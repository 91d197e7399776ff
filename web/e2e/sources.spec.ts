import type { Page } from '@playwright/test';
import { expectAccessible } from './accessible';
import { expect, test } from './portal';

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

const sweep = {
  id: 'one',
  source: 'github/acme',
  state: 'waiting',
  cause: 'schedule',
  askedAt: minutesAgo(40),
  startedAt: minutesAgo(40),
  readAt: minutesAgo(38),
  pages: 60,
  requests: 58,
  entities: 4980,
  added: 12,
  changed: 40,
  removed: 1204,
  removals: Array.from({ length: 30 }, (_, index) => `component:default/a-service-with-a-long-name-${index}`),
  remarks: ['acme/parcels: catalog-info.yaml could not be read'],
};

const source = {
  name: 'github/acme',
  kind: 'github',
  place: 'github.com/acme, main, /catalog-info.yaml',
  everySeconds: 1800,
  timeoutSeconds: 900,
  paused: false,
  nextAt: new Date(Date.now() + 600_000).toISOString(),
  entities: 4980,
  last: sweep,
};

async function expectNoSideways(page: Page): Promise<void> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.body.clientWidth);
  expect(over, `${page.url()} scrolls sideways`).toBeLessThanOrEqual(0);
}

test('sources and a sweep that waits are read on a telephone', async ({ portal: page }) => {
  await page.route('**/api/portico/v1/catalog/sources', (route) =>
    route.fulfill({ json: { sources: [source, { ...source, name: 'github/old', leftAt: minutesAgo(9) }] } }),
  );
  await page.route('**/api/portico/v1/catalog/sources/*', (route) =>
    route.fulfill({ json: { ...source, sweeps: [sweep] } }),
  );
  await page.setViewportSize({ width: 320, height: 640 });
  await page.goto('/catalog/sources');
  await expect(page.getByText('Waits for a decision').first()).toBeVisible();
  await expectNoSideways(page);
  await expectAccessible(page);
  await page
    .getByRole('link', { name: /github\.com\/acme/ })
    .first()
    .press('Enter');
  await expect(page.getByText('It would remove 1,204 entities')).toBeVisible();
  // It waits, and takes no longer.
  await expect(page.getByText('took 2 min')).toBeVisible();
  await expectNoSideways(page);
  await expectAccessible(page);
});
