import type { Page } from '@playwright/test';
import { expect, fillGoldenPath, freshName, test } from './portal';

const goldenPath = '/create/templates/default/golden-path';

async function openForm(page: Page): Promise<void> {
  await page.goto(goldenPath);
  await expect(page.getByRole('textbox', { name: 'Name', exact: true })).toBeFocused();
}

/** Fills the first page of the form except its last required field, the owner. */
async function fillAllButOwner(page: Page): Promise<void> {
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('parcels');
  await page.getByLabel('Description').fill('Made by a browser test');
}

test('a cleared picker requires a value again, and the form continues', async ({ portal: page }) => {
  await openForm(page);
  await fillAllButOwner(page);
  const owner = page.getByRole('combobox', { name: /^Owner/ });
  for (const field of [/^Owner/, /^System/]) {
    await page.getByRole('combobox', { name: field }).click();
    await page.getByRole('option').first().click();
    await page.getByRole('button', { name: 'Clear' }).click();
  }
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(owner).toBeFocused();
  await expect(page.getByText('schema cannot be used')).toHaveCount(0);
  await owner.click();
  await page.getByRole('option').first().click();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByRole('heading', { name: 'How it runs' })).toBeVisible();
});

test('leaving a required field moves nothing, and the click is not lost', async ({ portal: page }) => {
  await openForm(page);
  const next = page.getByRole('button', { name: 'Next' });
  const before = await next.boundingBox();
  await page.getByLabel('Description').click();
  await expect(page.getByRole('textbox', { name: 'Name', exact: true })).toHaveAttribute('aria-invalid', 'true');
  expect(await next.boundingBox()).toEqual(before);
  await next.click();
  await expect(page.getByText('3 fields need attention')).toBeVisible();
});

test('the errors of a page are counted, with a link to each field', async ({ portal: page }) => {
  await openForm(page);
  await fillAllButOwner(page);
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByRole('status').filter({ hasText: '1 field needs attention' })).toBeVisible();
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('No Name');
  await expect(page.getByText('2 fields need attention')).toBeVisible();
  const attention = page.getByRole('listitem').filter({ hasText: 'Must have only lowercase letters' });
  await attention.getByRole('button', { name: 'Name' }).click();
  await expect(page.getByRole('textbox', { name: 'Name', exact: true })).toBeFocused();
  await page.getByRole('listitem').getByRole('button', { name: 'Owner' }).press('Enter');
  await expect(page.getByRole('combobox', { name: /^Owner/ })).toBeFocused();
});

test('Tab after a picker moves to the next field and keeps the value', async ({ portal: page }) => {
  await openForm(page);
  const owner = page.getByRole('combobox', { name: /^Owner/ });
  await owner.focus();
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('option').first()).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(owner).not.toHaveValue('');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('combobox', { name: /^System/ })).toBeFocused();
});

test('a draft is restored after a restart of the browser, is listed, and can be discarded', async ({
  portal: page,
}) => {
  await openForm(page);
  await fillAllButOwner(page);
  // A new tab has no session storage of the old one, like a restarted browser.
  const restarted = await page.context().newPage();
  await page.close();
  await restarted.addInitScript(() => localStorage.setItem('portico.signIn', 'guest'));
  await restarted.goto('/create');
  const drafts = restarted.getByRole('region', { name: 'Drafts' });
  await drafts.getByRole('link', { name: /Go service · parcels/ }).click();
  await expect(restarted.getByLabel('Description')).toHaveValue('Made by a browser test');
  await restarted.goBack();
  await drafts.getByRole('button', { name: 'Discard the draft of Go service' }).click();
  await expect(drafts).toHaveCount(0);
  await restarted.goto(goldenPath);
  await expect(restarted.getByLabel('Description')).toHaveValue('');
});

test('two fast clicks on Create start one run', async ({ portal: page }) => {
  const commands: (string | undefined)[] = [];
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().endsWith('/v2/tasks'))
      commands.push(request.headers()['idempotency-key']);
  });
  await openForm(page);
  await fillGoldenPath(page, freshName('once'));
  await page.getByRole('button', { name: 'Create', exact: true }).dblclick();
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}/);
  expect(commands).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
});

test('a command without a response is repeated with the same key', async ({ portal: page }) => {
  const keys: (string | undefined)[] = [];
  let answered = false;
  await page.route('**/v2/tasks', async (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    if (answered) await route.continue();
    else await route.abort('connectionreset');
    answered = true;
  });
  await openForm(page);
  await fillGoldenPath(page, freshName('again'));
  const create = page.getByRole('button', { name: 'Create', exact: true });
  await create.click();
  await expect(page.getByRole('alert')).toContainText('Could not start the run');
  await create.click();
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}/);
  expect(keys).toHaveLength(2);
  expect(keys[1]).toBe(keys[0]);
});
