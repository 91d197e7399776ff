import { expect, test } from './portal';

test('stars and recently seen entities are shown in another browser', async ({ portal: page, browser, baseURL }) => {
  await page.goto('/catalog/default/group/customers');
  const star = page.getByRole('button', { name: 'Star Customers' });
  await expect(star).toBeVisible();
  if ((await star.getAttribute('aria-pressed')) === 'true') await star.click();
  const kept = page.waitForResponse(
    (response) => response.request().method() === 'PUT' && /me\/stars$/.test(response.url()),
  );
  await star.click();
  expect((await kept).status()).toBe(204);
  await page.goto('/catalog/default/group/tracking');
  await expect(page.getByRole('heading', { level: 1, name: 'Tracking' })).toBeVisible();

  const other = await browser.newContext({ ...(baseURL && { baseURL }) });
  const home = await other.newPage();
  await home.addInitScript(() => localStorage.setItem('portico.signIn', 'guest'));
  await home.goto('/');
  await expect(home.getByRole('region', { name: 'Starred' }).getByRole('link', { name: 'Customers' })).toBeVisible();
  await expect(
    home.getByRole('region', { name: 'Recently seen' }).getByTitle('group:default/tracking', { exact: true }),
  ).toBeVisible();
  await other.close();
});
