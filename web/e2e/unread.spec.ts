import { credentials, expect, gitHost, test } from './portal';

/** A registered location that cannot be read, because its repository does not exist. */
let target = '';

test.beforeAll(async ({ playwright, baseURL }) => {
  const request = await playwright.request.newContext({ ...(baseURL && { baseURL }) });
  const headers = await credentials(request);
  target = `http://${await gitHost(request)}/demo/never-there-${Date.now().toString(36)}/blob/main/catalog-info.yaml`;
  const created = await request.post('/api/catalog/locations', { headers, data: { type: 'url', target } });
  expect(created.status()).toBe(201);
  await expect
    .poll(async () => {
      const failed = await request.get('/api/catalog/entities/unprocessed/failed', { headers });
      return failed.text();
    })
    .toContain(target);
  await request.dispose();
});

test('unread entities are listed with their reasons, and reachable from the catalog by keyboard', async ({
  portal: page,
}) => {
  await page.goto('/catalog');
  await page.getByRole('link', { name: /could not be read/ }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'What could not be read' })).toBeVisible();
  const wrong = page.getByRole('list', { name: 'What is wrong' }).getByRole('listitem').filter({ hasText: target });
  await expect(wrong.first()).toContainText('never-there');

  await page.getByRole('navigation', { name: 'Why it is not read' }).getByRole('link', { name: 'To come' }).focus();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/catalog\/unread\?of=pending/);
  await expect(page.getByRole('heading', { level: 1, name: 'What could not be read' })).toBeVisible();
});

test('a form with an unknown field and an unsafe pattern can be filled in', async ({ portal: page }) => {
  await page.route('**/api/scaffolder/v2/templates/default/template/step-tour/parameter-schema', (route) =>
    route.fulfill({
      json: {
        title: 'Tour',
        steps: [
          {
            title: 'Odd',
            schema: {
              required: ['name'],
              properties: {
                name: { type: 'string', title: 'Name', pattern: '^(a+)+$' },
                regions: { type: 'array', title: 'Regions', 'ui:field': 'AcmeRegionPicker' },
              },
            },
          },
        ],
      },
    }),
  );
  await page.goto('/create/templates/default/step-tour');
  await expect(page.getByText(/field AcmeRegionPicker, which this portal does not have/)).toBeVisible();
  await page.getByLabel('Name').fill(`${'a'.repeat(40)}!`);
  await page.getByRole('button', { name: /^Add/ }).click();
  await page.getByLabel(/Regions 1/).fill('eu-west-1');
  await page.getByRole('button', { name: 'Review' }).click();
  await expect(page.getByRole('region', { name: 'Review' })).toContainText('eu-west-1');
});
