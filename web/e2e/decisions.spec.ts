import type { Page } from '@playwright/test';
import { expect, freshName, gitHost, openTemplate, runToEnd, test } from './portal';

const tour = 'A tour of steps';

async function startTour(page: Page, ending: string, rest: number): Promise<void> {
  await openTemplate(page, tour);
  await page.getByLabel(/^Rest, in seconds/).fill(String(rest));
  await page.getByLabel(/^How it ends/).selectOption({ label: ending });
  await page.getByRole('button', { name: 'Review' }).click();
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}/);
}

test('a failed run shows the reason, and is retried from the failed step', async ({ portal: page }) => {
  await startTour(page, 'A step fails', 0);
  const decision = page.getByRole('region', { name: /failed/ });
  await expect(decision).toContainText('“Stumble” failed');
  await expect(decision).toContainText('a-file-that-nobody-wrote.txt');
  const visited = page.getByRole('link', { name: /Visit every stop/ });
  const before = await visited.textContent();

  await decision.getByRole('button', { name: 'Retry' }).click();
  await expect(decision).toContainText('“Stumble” failed');
  await expect(visited).toHaveText(before ?? '');
  const told = page.getByRole('region', { name: 'What people did' });
  await expect(told).toContainText(/Retried by .*Attempt 1 had failed at “Stumble”/s);
  await page.getByRole('link', { name: 'The whole run' }).click();
  await expect(page.getByRole('log')).toContainText('Retry asked for by user:');
  await expect(page.getByRole('log')).toContainText('Retried: continuing from the step that failed');
  await page.goto('/runs?phase=parked&group=cause');
  await expect(page.getByRole('heading', { name: /a-file-that-nobody-wrote/ }).first()).toBeVisible();
});

test('a waiting run is cancelled after a confirmation', async ({ portal: page }) => {
  await startTour(page, 'It ends well', 600);
  await expect(page.getByRole('heading', { level: 1 })).toContainText(/Waiting|Running/);
  await expect(page.getByRole('navigation', { name: 'Steps' })).toContainText('left');
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel run' }).click();
  await expect(page.getByRole('region', { name: /^Cancelled/ })).toContainText('“Rest” did not finish.');
  const log = page.getByRole('log');
  await expect(log).toContainText('(Rest) of task');
  await expect(log).not.toContainText(/error/i);
  const address = new URL(page.url()).pathname;
  await page.goto('/runs?phase=cancelled');
  await expect(page.getByRole('row').filter({ has: page.locator(`a[href="${address}"]`) })).toContainText('Cancelled');
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Failed', exact: true }).click();
  await expect(page.getByRole('table', { name: 'Runs' })).toBeVisible();
  await expect(page.locator(`a[href="${address}"]`)).toHaveCount(0);
});

test('the keyboard focus stays on the run after a command', async ({ portal: page }) => {
  await startTour(page, 'It ends well', 600);
  const heading = page.getByRole('heading', { level: 1 });
  const cancel = async () => {
    await page.getByRole('button', { name: 'Cancel run' }).press('Enter');
    await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel run' }).press('Enter');
    await expect(heading).toContainText('Cancelled');
    await expect(heading).toBeFocused();
  };
  await cancel();
  await page.getByRole('button', { name: 'Retry' }).press('Enter');
  await expect(heading).toContainText('Waiting');
  await expect(heading).toBeFocused();
  await cancel();
});

test('the timeline stays in place from the first step to the result', async ({ portal: page }) => {
  await startTour(page, 'It ends well', 3);
  const steps = page.getByRole('navigation', { name: 'Steps' });
  await expect(steps).toContainText('left');
  const before = await steps.boundingBox();
  await expect(page.getByRole('region', { name: 'Result' })).toBeVisible();
  expect(await steps.boundingBox()).toEqual(before);
});

test('a failed run links to its form, with its values', async ({ portal: page, request }) => {
  const run = await runToEnd(request, 'step-tour', { rest: 0, ending: 'badly', stops: ['pier'] });
  await page.goto(`/runs/${run}`);
  await page
    .getByRole('region', { name: /failed/ })
    .getByRole('link', { name: 'Start anew' })
    .click();
  await expect(page.getByRole('heading', { level: 1, name: tour })).toBeVisible();
  await expect(page.getByRole('textbox', { name: /^Stops/ })).toHaveValue('pier');

  await page.getByRole('textbox', { name: /^Stops/ }).fill('quay');
  await page.reload();
  await expect(page.getByRole('textbox', { name: /^Stops/ })).toHaveValue('quay');
  await page.getByRole('button', { name: 'Start over' }).click();
  await expect(page.getByRole('textbox', { name: /^Stops/ }).first()).toHaveValue('harbour');
});

test('a taken name offers the form first, and lists show the failed step', async ({ portal: page, request }) => {
  const name = freshName('taken');
  const host = await gitHost(request);
  const values = {
    name,
    description: 'Made twice',
    owner: 'group:default/platform',
    repoUrl: `${host}?owner=demo&repo=${name}`,
  };
  await runToEnd(request, 'golden-path', values);
  const run = await runToEnd(request, 'golden-path', values);
  await page.goto(`/runs/${run}`);
  const offered = page
    .getByRole('region', { name: /failed/ })
    .getByRole('link')
    .or(page.getByRole('button', { name: 'Retry' }));
  await expect(offered).toHaveText(['Start anew', 'Retry']);

  await page.goto('/runs?phase=parked');
  const row = page.getByRole('row').filter({ has: page.locator(`a[href="/runs/${run}"]`) });
  await expect(row).toContainText('at Create the repository');
});

test('the duration of a run uses the server’s clock', async ({ portal: page }) => {
  await page.clock.install({ time: Date.now() + 3 * 3_600_000 });
  await startTour(page, 'It ends well', 600);
  const steps = page.getByRole('navigation', { name: 'Steps' });
  await expect(steps).toContainText(/(9 min \d+ s|10 min) left/);
  await expect(steps.getByRole('link', { name: 'The whole run' })).toContainText(/run\d+ s$/);
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel run' }).click();
  await expect(page.getByRole('region', { name: /^Cancelled/ })).toBeVisible();
});

test('a rollback lists what it will undo, and shows the progress', async ({ portal: page, request }) => {
  const name = freshName('undo');
  const host = await gitHost(request);
  const run = await runToEnd(request, 'golden-path', {
    name,
    description: 'Made to be undone',
    owner: 'group:default/platform',
    repoUrl: `${host}?owner=demo&repo=${name}`,
  });
  await page.goto(`/runs/${run}`);
  const created = page.getByRole('region', { name: 'Created by this run' });
  await expect(created).toContainText(`demo/${name}`);

  await page.getByRole('button', { name: 'Roll back' }).click();
  const question = page.getByRole('alertdialog');
  await expect(question).toContainText(`demo/${name}`);
  await question.getByRole('button', { name: 'Roll back' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Rolled back', { timeout: 30_000 });
  await expect(created.getByText('Created', { exact: true })).toHaveCount(0);
  await expect(created.getByText('Undone')).not.toHaveCount(0);
});

test('a missing run says where to search', async ({ portal: page }) => {
  await page.goto('/runs/00000000-0000-0000-0000-000000000000');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('There is no such run');
  await page.getByRole('main').getByRole('link', { name: 'all runs' }).click();
  await expect(page).toHaveURL(/\/runs$/);
});

test('Backstage’s URL of a run redirects to it', async ({ portal: page }) => {
  await page.goto('/create/tasks/00000000-0000-0000-0000-000000000000');
  await expect(page).toHaveURL(/\/runs\/00000000-/);
});
