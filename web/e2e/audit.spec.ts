import { credentials, expect, freshName, gitHost, test } from './portal';

/** A registered location, which is in the audit log with its request. */
let location = { id: '', target: '' };

test.beforeAll(async ({ playwright, baseURL }) => {
  const request = await playwright.request.newContext({ ...(baseURL && { baseURL }) });
  const headers = await credentials(request);
  const target = `http://${await gitHost(request)}/demo/${freshName('audited')}/blob/main/catalog-info.yaml`;
  const created = await request.post('/api/catalog/locations', { headers, data: { type: 'url', target } });
  expect(created.status()).toBe(201);
  location = { id: (await created.json()).location.id, target };
  const refused = await request.delete(`/api/catalog/locations/00000000-0000-4000-8000-000000000000`, { headers });
  expect(refused.status()).toBe(404);
  await request.dispose();
});

test('a change is found in the audit log by keyboard, with who made it and what it changed', async ({
  portal: page,
}) => {
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1, name: 'Home' })).toHaveCount(1);
  await page.keyboard.press('/');
  await page.keyboard.type('Audit log');
  await expect(page.getByRole('option', { name: 'Audit log page' })).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/audit/);
  await expect(page).toHaveTitle('Audit log · Portico');

  await page.getByLabel('To what').fill(location.id);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`resource=${location.id}`));
  const events = page.getByRole('list', { name: 'Events' }).getByRole('listitem');
  await expect(events).toHaveCount(1);
  await expect(events).toContainText('location.create');
  await expect(events).toContainText('by user:');
  await expect(events).toContainText(/from \S+, request [0-9a-f]+/);
  await events.getByText('What changed').focus();
  await page.keyboard.press('Enter');
  await expect(events).toContainText(location.target);

  await page.reload();
  await expect(page.getByLabel('To what')).toHaveValue(location.id);
  await page.getByRole('link', { name: 'Clear' }).click();
  await expect(page.getByLabel('To what')).toHaveValue('');
});

test('attempts are listed by how they ended, by whom, and by action', async ({ portal: page }) => {
  await page.goto('/audit?action=location.delete');
  await page.getByRole('navigation', { name: 'Outcome' }).getByRole('link', { name: 'Failed' }).click();
  const failed = page.getByRole('list', { name: 'Events' }).getByRole('listitem').first();
  await expect(failed).toContainText('failed: NotFoundError');
  await failed.getByRole('link', { name: /^user:/ }).click();
  await expect(page).toHaveURL(/\/audit\?who=user/);
  await expect(page.getByRole('list', { name: 'Events' }).getByRole('listitem').first()).toBeVisible();

  await page.goto('/audit?outcome=denied&who=user:default/nobody');
  await expect(page.getByText('No event is like this.')).toBeVisible();
});

test('somebody who may not read the audit log learns whom to ask', async ({ portal: page }) => {
  await page.route('**/api/portico/v1/audit?**', (route) =>
    route.fulfill({ status: 403, json: { error: { name: 'NotAllowedError', message: '' } } }),
  );
  await page.goto('/audit');
  await expect(page.getByText('You may not read the audit log.')).toBeVisible();
  await expect(page.getByText('portico.audit.read')).toBeVisible();
});

test('a search that fails says so and can be repeated', async ({ portal: page }) => {
  let broken = true;
  await page.route('**/api/portico/v1/audit?**', (route) =>
    broken ? route.fulfill({ status: 500, json: { error: { name: 'Error', message: 'broken' } } }) : route.continue(),
  );
  await page.goto('/audit');
  await expect(page.getByRole('alert')).toContainText('Could not search the audit log');
  broken = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('list', { name: 'Events' })).toBeVisible();
});
