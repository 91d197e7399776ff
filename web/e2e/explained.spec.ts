import { credentials, expect, test } from './portal';

test('an entity says where it is from and what changed it, by keyboard', async ({ portal: page, request }) => {
  const headers = await credentials(request);
  const found = await request.get('/api/catalog/entities/by-query?filter=kind=component&limit=1', { headers });
  const [{ kind, metadata }] = (await found.json()).items;
  await page.goto(`/catalog/${metadata.namespace}/${kind.toLowerCase()}/${metadata.name}`);
  const tabs = page.getByRole('navigation', { name: 'Parts of the entity' });
  await tabs.getByRole('link', { name: 'Explain' }).focus();
  await page.keyboard.press('Enter');
  const origin = page.getByRole('region', { name: 'Where it is from' });
  await expect(origin.getByRole('list', { name: 'The way to it' }).getByRole('listitem').last()).toBeVisible();
  await expect(origin).toContainText('Last change');
  await tabs.getByRole('link', { name: 'History' }).focus();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/tab=history/);
  await expect(page.getByRole('list', { name: 'Changes' }).getByRole('listitem').first()).toContainText('Created');
});

test('the health of the catalog is shown as numbers and lists', async ({ portal: page }) => {
  await page.goto('/catalog');
  await page.getByRole('link', { name: 'Health', exact: true }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Catalog health' })).toBeVisible();
  await page.getByRole('link', { name: /^Without an owner/ }).focus();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/of=unowned/);
  await expect(
    page.getByRole('list', { name: 'What was found' }).or(page.getByText('There is nothing of this kind.')),
  ).toBeVisible();
});
