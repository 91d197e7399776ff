import { expect, test } from '@playwright/test';

test('a guest enters once and is known after a reload', async ({ page }) => {
  await page.goto('/runs');
  await page.getByRole('button', { name: 'Enter as a guest' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();

  await page.getByRole('button', { name: /^You:/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByRole('button', { name: 'Enter as a guest' })).toBeVisible();
});

test('a chosen theme holds and is there before the first paint', async ({ page }) => {
  await page.addInitScript(() => localStorage.setItem('portico.signIn', 'guest'));
  await page.goto('/');
  await page.getByRole('button', { name: /^You:/ }).click();
  await page.getByRole('menuitemradio', { name: 'Dark' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.reload({ waitUntil: 'commit' });
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
});
