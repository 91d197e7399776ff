import { expect, test } from './portal';

for (const [from, to] of [
  ['/api-docs', '/catalog?kind=api'],
  ['/create/tasks', '/runs'],
  ['/create/templates/golden-path', '/create/templates/default/golden-path'],
  ['/catalog/default/group/platform/ci-cd', '/catalog/default/group/platform'],
  ['/catalog-graph?rootEntityRefs%5B%5D=group:default/platform', '/catalog/default/group/platform?tab=relations'],
  ['/catalog-import', '/catalog/import'],
] as const) {
  test(`Backstage’s ${from} leads to ${to}`, async ({ portal: page, baseURL }) => {
    await page.goto(from);
    await expect(page).toHaveURL(`${baseURL}${to}`);
    await expect(page.getByRole('heading', { level: 1 })).not.toHaveText(/There is no/);
  });
}

for (const [address, title] of [
  ['/create/edit', 'Templates are not edited in the portal'],
  ['/catalog-graph', 'The whole catalog is not shown as a graph'],
  ['/settings', 'There is no page for settings'],
] as const) {
  test(`${address} says what to do instead`, async ({ portal: page }) => {
    await page.goto(address);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(title);
  });
}
