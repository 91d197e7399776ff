import { expect, test } from '@playwright/test';

test('a guest stays signed in after a reload', async ({ page }) => {
  await page.goto('/runs');
  await page.getByRole('button', { name: 'Enter as a guest' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();

  await page.getByRole('button', { name: /^You:/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByRole('button', { name: 'Enter as a guest' })).toBeVisible();
});

test('a failed sign-out is shown, survives a reload, and can be repeated', async ({ page }) => {
  await page.goto('/runs');
  await page.getByRole('button', { name: 'Enter as a guest' }).click();
  await page.route('**/api/auth/guest/logout?*', (route) => route.fulfill({ status: 503 }), { times: 2 });
  const leave = async () => {
    await page.getByRole('button', { name: /^You:/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await expect(page.getByText('You are not signed out on the server.')).toBeVisible();
  };
  await leave();
  await page.reload();
  await expect(page.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();

  await leave();
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByText('You are not signed out on the server.')).toHaveCount(0);
  await page.reload();
  await expect(page.getByRole('button', { name: 'Enter as a guest' })).toBeVisible();
});

test('a failed sign-in does not report an ended session', async ({ page }) => {
  await page.route('**/api/auth/guest/refresh?*', (route) =>
    route.fulfill({ status: 401, json: { error: { name: 'AuthenticationError', message: 'No guests today' } } }),
  );
  await page.goto('/');
  await page.getByRole('button', { name: 'Enter as a guest' }).click();
  await expect(page.getByRole('alert')).toContainText('No guests today');
  await expect(page.getByText('Your session has ended.')).toHaveCount(0);
});

test('a chosen theme is stored, and applied before the first paint', async ({ page }) => {
  await page.addInitScript(() => localStorage.setItem('portico.signIn', 'guest'));
  await page.goto('/');
  await page.getByRole('button', { name: /^You:/ }).click();
  await page.getByRole('menuitemradio', { name: 'Dark' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.reload({ waitUntil: 'commit' });
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
});
