import { expect, test } from './portal';

test('everybody may ask about themselves, by keyboard', async ({ portal: page }) => {
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1, name: 'Home' })).toHaveCount(1);
  await page.keyboard.press('/');
  await page.keyboard.type('Permissions');
  await expect(page.getByRole('option', { name: 'Permissions page' })).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/explain/);
  await expect(page).toHaveTitle('Permissions · Portico');

  await page.getByLabel('Permission').fill('catalog.entity.read');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/permission=catalog\.entity\.read/);
  const answer = page.getByRole('region', { name: 'Explanation' });
  await expect(answer).toContainText(/user:\S+ may catalog\.entity\.read/);
  await expect(answer).toContainText('The token decides, not roles.');

  await page.getByLabel('Permission').fill('catalog.entity.reed');
  await page.getByRole('button', { name: 'Explain' }).click();
  await expect(answer).toContainText('Portico has no permission of this name');
});

test('a denied page leads to what would change it', async ({ portal: page }) => {
  await page.route('**/api/catalog/entities/unprocessed/**', (route) =>
    route.fulfill({
      status: 403,
      headers: {
        'WWW-Authenticate':
          'Bearer error="insufficient_scope", scope="catalog.entity.read", error_description="user:default/guest may not catalog.entity.read on component:default/shop"',
      },
      json: { error: { name: 'NotAllowedError', message: '' } },
    }),
  );
  await page.route('**/api/portico/v1/policy/explain?**', (route) =>
    route.fulfill({
      json: {
        user: 'user:default/guest',
        permission: 'catalog.entity.read',
        resource: 'component:default/shop',
        known: true,
        decision: 'CONDITIONAL',
        result: 'DENY',
        basis: 'conditions',
        rules: [{ rule: 'HAS_LABEL', params: { label: 'secret' }, negated: true, verdict: 'holds' }],
        roles: [
          { role: 'role:default/a', source: 'csv-file', groups: ['group:default/team'], file: 'policy.csv', line: 4 },
        ],
        policies: [],
        conditions: [
          {
            id: 1,
            result: 'CONDITIONAL',
            roleEntityRef: 'role:default/a',
            pluginId: 'catalog',
            resourceType: 'catalog-entity',
            permissionMapping: ['read'],
            conditions: {},
            source: 'csv-file',
            file: 'conditions.yaml',
            line: 7,
          },
        ],
        changes: [
          {
            do: 'join',
            role: 'role:default/b',
            source: 'rest',
            owner: 'group:default/security',
            result: 'CONDITIONAL',
            policies: [],
            conditions: [],
          },
        ],
        maintainers: ['group:default/platform'],
      },
    }),
  );
  await page.goto('/catalog/unread');
  await page.getByRole('alert').getByRole('link', { name: 'Why, and whom to ask' }).click();
  await expect(page).toHaveURL(/\/explain\?permission=catalog\.entity\.read&resource=component/);
  const answer = page.getByRole('region', { name: 'Explanation' });
  for (const text of [
    'user:default/guest may not catalog.entity.read on component:default/shop',
    'HAS_LABEL {"label":"secret"} holds (it must not hold)',
    'role:default/a on catalog-entity (conditions.yaml:7)',
    'user:default/guest → group:default/team → role:default/a (policy.csv:4)',
    'Join role:default/b, which allows it under conditions (rest). Ask group:default/security, who owns the role.',
    'group:default/platform',
  ]) {
    await expect(answer).toContainText(text);
  }
});
