import type { Page } from '@playwright/test';
import { expect, freshName, gitHost, runToEnd, test } from './portal';

async function openRepositoryPage(page: Page, name: string): Promise<void> {
  await page.goto('/create/templates/default/golden-path');
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill(name);
  await page.getByLabel('Description').fill('Made by a browser test');
  await page.getByRole('combobox', { name: /^Owner/ }).click();
  await page.getByRole('option').first().click();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByRole('heading', { name: 'Where it lives' })).toBeVisible();
}

test('the repository field starts with the forge and its owner, and needs only a name', async ({
  portal: page,
  request,
}) => {
  const name = freshName('named');
  await openRepositoryPage(page, name);
  await expect(page.getByLabel(/Owner$/)).toHaveValue('demo');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await expect(page.getByRole('status').filter({ hasText: `/demo/${name}` })).toContainText('is free');
  await page.getByRole('button', { name: 'Review' }).click();
  const host = await gitHost(request);
  await expect(page.getByRole('region', { name: 'Review' })).toContainText(`${host}/demo/${name}`);
});

test('a taken name is reported while typing, and a host without credentials when it is chosen', async ({
  portal: page,
  request,
}) => {
  const name = freshName('twice');
  await runToEnd(request, 'golden-path', {
    name,
    description: 'Made to be in the way',
    owner: 'group:default/platform',
    repoUrl: `${await gitHost(request)}?owner=demo&repo=${name}`,
  });
  await openRepositoryPage(page, name);
  const field = page.getByLabel('Name', { exact: true });
  const status = page.getByRole('status').filter({ hasText: '/demo/' });
  await field.fill(name);
  await expect(status).toContainText('is there already: choose another name');
  await field.fill(`${name}-2`);
  await expect(status).toContainText('is free');
  await page.getByLabel('Host').selectOption('github.com');
  await expect(page.getByText('Portico has no credentials for github.com')).toBeVisible();
  await expect(page.getByLabel(/Owner$/)).toHaveValue('');
});
