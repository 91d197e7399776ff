import type { Page } from '@playwright/test';
import { expect, runToEnd, test } from './portal';

async function search(page: Page, text: string): Promise<void> {
  await page.goto('/runs');
  await expect(page.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();
  await page.keyboard.press('Control+k');
  // At once: results of a part of the text would be read as those of the whole.
  await page.keyboard.insertText(text);
}

test('search ranks the best title first, and highlights the match', async ({ portal: page }) => {
  await search(page, 'go service');
  const first = page.getByRole('option').first();
  await expect(first).toContainText('Go service');
  await expect(first).toContainText('template');
  await expect(first.locator('mark')).toHaveText('Go service');
});

test('search shows the match outside the title', async ({ portal: page }) => {
  await search(page, 'documentation and catalog entry');
  const found = page.getByRole('option', { name: /Go service/ });
  await expect(found.locator('mark').first()).toContainText('documentation');
});

test('search finds runs and actions', async ({ portal: page, request }) => {
  const run = await runToEnd(request, 'step-tour', { rest: 0 });
  await search(page, run.slice(0, 8));
  const found = page.getByRole('option', { name: /run, completed/ });
  await expect(found).toContainText(`id: ${run}`);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`/runs/${run}$`));

  await search(page, 'publish:github');
  await page
    .getByRole('group', { name: /^Actions/ })
    .getByRole('option')
    .first()
    .click();
  await expect(page).toHaveURL(/\/create\/actions\/publish(:|%3A)github$/);
  await expect(page.getByRole('heading', { name: 'publish:github', exact: true })).toBeVisible();
  await expect(page.getByText('repoUrl', { exact: true }).first()).toBeVisible();
});

test('search ends with a link to all results', async ({ portal: page }) => {
  await search(page, 'tracking');
  const all = page.getByRole('option', { name: 'All results' });
  await expect(all).toBeVisible();
  const catalog = await page
    .getByRole('group', { name: /^Catalog \d/ })
    .getByRole('paragraph')
    .first()
    .textContent();
  await all.click();
  await expect(page).toHaveURL(/\/search\?query=tracking$/);
  const types = page.getByRole('navigation', { name: 'Types of results' });
  await expect(types.getByRole('link', { name: /^Catalog/ })).toHaveText(catalog?.replace(/\s+/g, ' ').trim() ?? '');
});

test('the results are narrowed by what they have', async ({ portal: page }) => {
  await page.goto('/search?query=tracking');
  const kinds = page.getByRole('group', { name: 'Kind', exact: true });
  const components = kinds.getByRole('checkbox', { name: /^Components \d+$/ });
  await expect(components).not.toBeChecked();
  const before = await page.getByRole('checkbox').evaluateAll((boxes) => boxes.length);
  const [, count = ''] =
    /(\d+)$/.exec((await components.evaluate((box) => box.closest('label')?.textContent)) ?? '') ?? [];
  const types = page.getByRole('navigation', { name: 'Types of results' });

  // By keyboard, and the address is the state.
  await components.focus();
  await page.keyboard.press('Space');
  await expect(page).toHaveURL(/[?&]filters(\[|%5B)kind(\]|%5D)(\[|%5B)(\]|%5D)=component/);
  await expect(components).toBeChecked();
  await expect(components, 'it keeps the focus').toBeFocused();
  const found = async () =>
    (await types.getByRole('link').allTextContents()).reduce(
      (sum, text) => sum + Number(/\d+$/.exec(text)?.[0] ?? 0),
      0,
    );
  await expect.poll(found).toBe(Number(count));
  await expect(kinds.getByRole('checkbox').nth(1), 'the other kinds can be added').not.toBeChecked();

  await page.reload();
  await expect(components).toBeChecked();
  await components.uncheck();
  await expect(page).toHaveURL(/\/search\?query=tracking$/);
  await expect(page.getByRole('checkbox')).toHaveCount(before);

  // What is typed is a choice too.
  await page.getByLabel('Search everything').fill('tracking kind:component');
  await expect(components).toBeChecked();
  await components.uncheck();
  await expect(page.getByLabel('Search everything')).toHaveValue('tracking');
});
