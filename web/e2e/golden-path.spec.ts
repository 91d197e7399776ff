import { expect, fillGoldenPath, freshName, openTemplate, runToEnd, test } from './portal';

test('a new user creates a service and finds it', async ({ portal: page }) => {
  const name = freshName('service');
  await openTemplate(page, 'Go service');

  await test.step('the form validates touched fields, in words', async () => {
    const field = page.getByRole('textbox', { name: 'Name', exact: true });
    await field.fill('Not A Name');
    await expect(field).toHaveAttribute('aria-invalid', 'true');
    await expect(page.getByLabel('Description')).not.toHaveAttribute('aria-invalid');
  });

  await test.step('values survive a reload', async () => {
    await page.getByLabel('Description').fill('Kept');
    await page.reload();
    await expect(page.getByLabel('Description')).toHaveValue('Kept');
  });

  await test.step('the review says what will be made', async () => {
    await fillGoldenPath(page, name);
    const review = page.getByRole('region', { name: 'Review' });
    await expect(review).toContainText(`will make ${name}`);
    await expect(review.getByText('creates a repository')).toBeVisible();
    await page.getByRole('button', { name: 'Create', exact: true }).click();
  });

  await test.step('the run is followed to its end', async () => {
    await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}/);
    await expect(page.getByRole('heading', { level: 1 })).toContainText('Completed', { timeout: 60_000 });
    const steps = page.getByRole('navigation', { name: 'Steps' });
    await expect(steps.getByText('Completed: ')).toHaveCount(6);
    await expect(page.getByRole('region', { name: 'Created by this run' })).toContainText(`demo/${name}`);
  });

  await test.step('a step’s log can be searched and its lines linked', async () => {
    await page.getByRole('link', { name: /Show what was written/ }).click();
    const log = page.getByRole('log');
    await expect(log).toContainText(`${name} is ready to be published`);
    await page.getByRole('searchbox', { name: 'Find in the log' }).fill('ready to be');
    await expect(log.locator('mark').first()).toHaveText('ready to be');
    await page.getByRole('link', { name: 'Link to line 2', exact: true }).click();
    await expect(page).toHaveURL(/step=log.*line=2/);
    await page.reload();
    await expect(log.locator('mark').first()).toBeVisible();
  });

  await test.step('the links lead to the repository and the catalog entry', async () => {
    await page.getByRole('link', { name: 'The whole run' }).click();
    const repository = page.getByRole('region', { name: 'Result' }).getByRole('link', { name: /^Repository/ });
    const popup = page.waitForEvent('popup');
    await repository.click();
    const forge = await popup;
    await forge.waitForLoadState();
    await expect(forge.locator('body')).toContainText(name);
    await forge.close();
    await page.getByRole('region', { name: 'Result' }).getByRole('link', { name: 'Open in the catalog' }).click();
    await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
    await expect(page.getByRole('region', { name: 'Relations' })).toContainText('Owned by');
  });

  await test.step('it is in the list of runs', async () => {
    await page.goto('/runs');
    await expect(page.getByRole('row', { name: new RegExp(name) })).toContainText('Completed');
  });
});

test('the URL of a later page waits for the pages before it', async ({ portal: page }) => {
  await page.goto('/create/templates/default/golden-path?page=3');
  await fillGoldenPath(page, 'parcels');
});

test('the Temporal Web UI shows the same run', async ({ portal: page, request }) => {
  const id = await runToEnd(request, 'step-tour', { rest: 0 });
  await page.goto(`/runs/${id}`);
  const popup = page.waitForEvent('popup');
  await page.getByRole('link', { name: /^Temporal/ }).click();
  const temporal = await popup;
  await expect(temporal).toHaveURL(new RegExp(id));
  await expect(temporal.locator('body')).toContainText(id, { timeout: 30_000 });
});
