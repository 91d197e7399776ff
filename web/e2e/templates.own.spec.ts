import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { expectAccessible } from './accessible';
import { expect, test } from './portal';
import { freePort, startPortico } from './setup';

// Templates that the examples do not have: one cannot run, one has fields of many kinds.
let portico: { url: string; stop: () => Promise<void> };
let fields: Server;

test.beforeAll(async () => {
  test.setTimeout(240_000);
  process.env.FIELDS_URL = await serveFields();
  portico = await startPortico(['web/e2e/templates/app-config.yaml'], 'template/default/many-fields', await freePort());
});

test.afterAll(async () => {
  await portico.stop();
  fields.close();
});

/** Serves the modules of custom fields from another origin, which lets pages of any origin load them. */
async function serveFields(): Promise<string> {
  const module = readFileSync(join(import.meta.dirname, 'templates/region-picker.js'));
  fields = createServer((request, response) => {
    const found = request.url === '/region-picker.js';
    response.writeHead(found ? 200 : 404, { 'Content-Type': 'text/javascript', 'Access-Control-Allow-Origin': '*' });
    response.end(found ? module : '');
  });
  const port = await freePort();
  await new Promise<void>((listening) => fields.listen(port, '127.0.0.1', listening));
  return `http://127.0.0.1:${port}`;
}

test('a field of the installation is a custom element, and one that cannot be loaded is typed', async ({
  portal: page,
}) => {
  await page.goto(`${portico.url}/create/templates/default/custom-fields`);
  const region = page.getByRole('combobox', { name: 'Region' });
  await region.focus();
  await expect(page.getByText('The field LostPicker cannot be loaded')).toBeVisible();
  await page.getByRole('button', { name: 'Review' }).click();
  await expect(page.getByText('1 field needs attention')).toBeVisible();
  await region.selectOption('Porto');
  await page.getByLabel(/^Zone/).fill('b');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Review' }).click();
  await expect(page.getByRole('region', { name: 'Review' })).toContainText('Porto');
  await page.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByText('Porto').first()).toBeVisible();
});

test('a template with an absent action says so on its card, on its pages and what to do', async ({ portal: page }) => {
  await page.goto(`${portico.url}/create`);
  const card = page.getByRole('listitem').filter({ hasText: 'Deploy with Acme' });
  await expect(card).toContainText('A run fails: There is no action "acme:deploy" here.');
  await expect(card).toContainText('1 remark for its author');
  await expect(page.getByRole('listitem').filter({ hasText: 'Many fields' })).not.toContainText('fails');
  await expectAccessible(page);

  await page.getByRole('link', { name: 'Deploy with Acme' }).click();
  const problems = page.getByRole('region', { name: 'Problems of this template' });
  await expect(problems).toContainText('A run of this template fails');
  await expect(problems).toContainText('spec.steps[1].action');
  await problems.getByText('1 remark for the author of this template').click();
  await expect(problems).toContainText('The form decorator "acme:token" is a part of a Backstage frontend');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Review' }).click();
  await expect(page.getByRole('note')).toContainText(
    'The run starts without what the form decorator acme:token would set',
  );
  await expectAccessible(page);
  await problems.getByRole('link', { name: 'What to do' }).click();
  await expect(page.getByText('Portico does not have this action.')).toBeVisible();
  await page.getByRole('link', { name: 'look for “deploy”' }).click();
  await expect(page).toHaveURL(/\/create\/actions\?q=deploy/);

  await page.goto(`${portico.url}/catalog/default/template/absent-action`);
  await expect(page.getByRole('region', { name: 'Problems of this template' })).toContainText('acme:deploy');
});

test('an action is found, read and linked to, by keyboard', async ({ portal: page }) => {
  await page.goto(`${portico.url}/create/actions`);
  await page.getByRole('searchbox', { name: 'Find an action' }).fill('repourl github');
  await page.getByRole('link', { name: 'publish:github', exact: true }).focus();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/create\/actions\/publish(:|%3A)github$/);
  const input = page.getByRole('table', { name: 'Input' });
  await expect(input.getByRole('row', { name: /^repoUrl string, required/ })).toBeVisible();
  await expect(input.getByRole('row', { name: /^collaborators\[\]\. access string, required/ })).toBeVisible();
  await expect(page.getByRole('region', { name: 'Examples' }).getByRole('figure').first()).toContainText(
    'publish:github',
  );
  await expectAccessible(page);
  await page.setViewportSize({ width: 320, height: 640 });
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.body.clientWidth);
  expect(over).toBeLessThanOrEqual(0);

  // Backstage's address of an action.
  await page.goto(`${portico.url}/create/actions#debug:log`);
  await expect(page.getByRole('heading', { level: 1, name: 'debug:log' })).toBeVisible();
});

test('a form asks for what each host has, shows pages by their conditions, and starts a run', async ({
  portal: page,
}) => {
  await page.goto(`${portico.url}/create/templates/default/many-fields`);
  await page.getByLabel('Host').selectOption('dev.azure.com');
  await page.getByLabel('Organization').fill('acme');
  await page.getByLabel('Project').fill('shop');
  await page.getByLabel('Name', { exact: true }).fill('web');
  await page.getByLabel('Your token for dev.azure.com (optional)').fill('a-token-of-mine');
  const steps = page.getByRole('navigation', { name: 'Progress' });
  await page.getByLabel('Kind').selectOption('An API');
  await expect(steps).toContainText('The API');
  await expectAccessible(page);

  // The field that is missing is in the closed section.
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByLabel('Size')).toBeFocused();
  await page.getByLabel('Size').fill('small');
  await page.getByLabel('Kind').selectOption('A website');
  await expect(steps).not.toContainText('The API');
  await expect(steps).not.toContainText('Later');
  await page.getByText('Parts of this form are experimental').click();
  await page.getByRole('checkbox', { name: 'tomorrow' }).check();
  await expect(steps).toContainText('Later');
  await expect(page.getByLabel('Size')).toHaveValue('small');

  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByLabel('Date').fill('tomorrow');
  await page.getByRole('button', { name: 'Review' }).click();
  const review = page.getByRole('region', { name: 'Review' });
  await expect(review).toContainText('dev.azure.com/acme/shop/web');
  await expect(review).toContainText('A website');
  await expect(review).not.toContainText('a-token-of-mine');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}/);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Completed');
  await page.getByRole('link', { name: /Note/ }).click();
  await page.getByRole('link', { name: 'debug:log' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'debug:log' })).toBeVisible();
});
