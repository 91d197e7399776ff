import { expect, fillGoldenPath, freshName, runToEnd, test } from './portal';

test('search opens on every page, and Enter opens a result', async ({ portal: page }) => {
  await page.goto('/runs');
  await expect(page.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();
  await page.keyboard.press('/');
  await page.keyboard.type('golden-path');
  await expect(page.getByRole('option', { name: /Go service/ }).first()).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/create\/templates\/default\/golden-path/);
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('dialog', { name: 'Search' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
});

test('a template is filled in and started without a mouse', async ({ portal: page }) => {
  await page.goto('/create/templates/default/golden-path');
  const name = freshName('keys');
  await expect(page.getByRole('textbox', { name: 'Name', exact: true })).toBeFocused();
  await page.keyboard.type(name);
  await page.keyboard.press('Tab');
  await page.keyboard.type('Made without a mouse');
  await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('option').first()).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('combobox', { name: /^Owner/ })).not.toHaveValue('');
  await page.getByRole('textbox', { name: 'Name', exact: true }).press('Enter');
  await expect(page.getByRole('region', { name: 'How it runs' })).toBeFocused();
  await page.getByRole('button', { name: 'Next' }).press('Enter');
  await expect(page.getByRole('region', { name: 'Where it lives' })).toBeFocused();
  await page.getByLabel(/Owner$/).focus();
  await page.keyboard.type('demo');
  await page.keyboard.press('Tab');
  await page.keyboard.type(name);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('region', { name: 'Review' })).toBeFocused();
  await page.getByRole('button', { name: 'Create', exact: true }).press('Enter');
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}/);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Completed', { timeout: 60_000 });
});

test('the first Tab stop skips the navigation', async ({ portal: page }) => {
  await page.goto('/catalog');
  await expect(page.getByRole('heading', { level: 1, name: 'Catalog' })).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to the content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('main')).toBeFocused();
});

test('a page with errors moves the focus to the invalid field', async ({ portal: page }) => {
  await page.goto('/create/templates/default/golden-path');
  await fillGoldenPath(page, 'parcels');
  await page
    .getByRole('navigation', { name: 'Progress' })
    .getByRole('link', { name: /Where it lives/ })
    .click();
  const name = page.getByLabel('Name', { exact: true });
  await name.fill('no such name');
  await page.getByLabel(/Owner$/).press('Enter');
  await expect(name).toBeFocused();
  await expect(name).toHaveAttribute('aria-invalid', 'true');
  await expect(page.getByLabel(/Owner$/)).not.toHaveAttribute('aria-invalid');
});

test('after following a link by keyboard, the focus is on the new page', async ({ portal: page }) => {
  await page.goto('/catalog?kind=component');
  await page.getByRole('table').getByRole('row').nth(1).getByRole('link').first().press('Enter');
  await expect(page.getByRole('region', { name: 'About' })).toBeVisible();
  await expect(page.getByRole('main')).toBeFocused();
});

test('Tab skips the lines of a log', async ({ portal: page, request }) => {
  const run = await runToEnd(request, 'step-tour', { rest: 0 });
  await page.goto(`/runs/${run}`);
  const log = page.getByRole('log');
  await expect(log).toContainText('Run completed');
  await page.getByRole('button', { name: 'Copy the log' }).focus();
  await page.keyboard.press('Tab');
  await expect(log).toBeFocused();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('main').locator(':focus')).toHaveCount(0);
});
