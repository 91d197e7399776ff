import type { Page } from '@playwright/test';
import { expect, fillGoldenPath, freshName, openTemplate, test } from './portal';

const away = 'Portico does not answer. What you see may be old; trying again …';

/** Makes the server unreachable for this page until the returned function is called. */
async function takeServerAway(page: Page): Promise<() => Promise<void>> {
  const everything = '**/*';
  await page.route(everything, (route) => route.abort('connectionrefused'));
  return () => page.unroute(everything);
}

test('an unreachable server is reported, and the page updates when it is back', async ({ portal: page }) => {
  const rest = page.waitForResponse(/\/assets\/entity-page-/);
  await page.goto('/catalog?kind=component');
  const entity = page.getByRole('table').getByRole('row').nth(1).getByRole('link').first();
  await expect(entity).toBeVisible();
  await rest;

  const bringBack = await takeServerAway(page);
  await entity.click();
  await expect(page.getByRole('status').filter({ hasText: away })).toBeVisible();
  await expect(page.getByRole('alert')).toContainText('Portico does not answer.');
  await bringBack();
  await expect(page.getByRole('region', { name: 'About' })).toBeVisible();
  await expect(page.getByText(away)).toHaveCount(0);
});

test('an unreachable catalog is not shown as empty', async ({ portal: page }) => {
  const catalog = '**/api/catalog/**';
  await page.route(catalog, (route) => route.abort('connectionrefused'));
  await page.goto('/catalog');
  await expect(page.getByRole('alert')).toContainText('Could not list the catalog');
  await page.unroute(catalog);
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('table', { name: 'Entities' })).toBeVisible();
});

test('after the end of a session, a new sign-in continues on the same page', async ({ portal: page }) => {
  // The page requests nothing from the catalog, and the frame only the user's title. A later request would
  // end the session before the click.
  const personIsNamed = page.waitForResponse('**/api/catalog/entities/by-refs*');
  await page.goto('/no-such-page');
  await personIsNamed;
  await expect(page.getByRole('heading', { level: 1, name: 'There is no page at this address' })).toBeVisible();
  const protectedParts = /\/api\/(auth|catalog)\//;
  await page.route(protectedParts, (route) =>
    route.fulfill({ status: 401, json: { error: { name: 'AuthenticationError', message: 'Illegal token' } } }),
  );
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Catalog' }).click();
  await expect(page.getByText('Your session has ended.')).toBeVisible();
  await page.unroute(protectedParts);
  await page.getByRole('button', { name: 'Enter as a guest' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Catalog' })).toBeVisible();
});

test('a command that is refused after the end of the session asks for a new sign-in', async ({ portal: page }) => {
  await openTemplate(page, 'Go service');
  await fillGoldenPath(page, freshName('refused'));
  const protectedParts = /\/api\/(auth|scaffolder)\//;
  await page.route(protectedParts, (route) =>
    route.fulfill({ status: 401, json: { error: { name: 'AuthenticationError', message: 'Illegal token' } } }),
  );
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(page.getByText('Your session has ended.')).toBeVisible();
});
