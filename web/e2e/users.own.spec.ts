import { type Browser, expect, type Page, test } from '@playwright/test';
import { freePort, startWithUsers } from './setup';

// What a newcomer sees of `portico dev --users`: people of the example company sign in at the login page, and their
// roles differ.
let portico: { url: string; stop: () => Promise<void> };

test.beforeAll(async () => {
  test.setTimeout(240_000);
  portico = await startWithUsers(await freePort());
});

test.afterAll(() => portico?.stop());

/** Opens a page in a browser of its own, up to the login page. */
async function open(browser: Browser, path: string): Promise<{ page: Page; login: Page }> {
  const context = await browser.newContext({ baseURL: portico.url });
  const page = await context.newPage();
  await page.goto(path);
  const opens = page.waitForEvent('popup');
  await page.getByRole('button', { name: 'Sign in with single sign-on' }).click();
  const login = await opens;
  await expect(login.getByRole('heading', { level: 1, name: 'Sign in as' })).toBeVisible();
  // The catalog may still be reading its files.
  await expect(async () => {
    await login.reload();
    await expect(login.getByRole('button', { name: 'Mei Tanaka' })).toBeVisible({ timeout: 500 });
  }).toPass();
  return { page, login };
}

async function signIn(browser: Browser, name: string, path: string): Promise<Page> {
  const { page, login } = await open(browser, path);
  await login.getByRole('button', { name }).click();
  await expect(page.getByRole('button', { name: `You: ${name}` })).toBeVisible();
  return page;
}

test('the login page says who may do what, and is usable by keyboard', async ({ browser }) => {
  const { page, login } = await open(browser, '/runs');
  const complaints: string[] = [];
  login.on('console', (message) => complaints.push(message.text()));
  const ines = login.getByRole('listitem').filter({ hasText: 'Inès Moreau' });
  await expect(ines).toContainText('In tracking');
  await expect(ines).toContainText('role:default/teams');
  await expect(ines).toContainText(
    'May see the whole catalog, run templates, see their own runs, delete what they own.',
  );
  await expect(ines).toContainText('May not remove locations, change roles, read the audit log, see Temporal.');
  await expect(ines.getByRole('button')).toHaveAccessibleDescription(/In tracking, .* May see the whole catalog/s);
  await expect(login.getByRole('button', { name: 'Guest' })).toHaveCount(0);

  for (const name of ['Adaeze Obi', 'Inès Moreau']) {
    await login.keyboard.press('Tab');
    await expect(login.getByRole('button', { name })).toBeFocused();
  }
  await login.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'You: Inès Moreau' })).toBeVisible();
  expect(complaints, 'what the browser complained about').toEqual([]);
});

test('one sees and may do what the other may not, who is told why', async ({ browser }) => {
  const ines = await signIn(browser, 'Inès Moreau', '/audit');
  await expect(ines.getByText('You may not read the audit log.')).toBeVisible();
  await ines.getByRole('link', { name: 'Why, and whom to ask' }).click();
  const answer = ines.getByRole('region', { name: 'Explanation' });
  await expect(answer).toContainText('user:default/ines.moreau may not portico.audit.read');
  await expect(answer).toContainText('role:default/platform');

  const mei = await signIn(browser, 'Mei Tanaka', '/audit');
  await expect(mei.getByRole('heading', { level: 1, name: 'Audit log' })).toBeVisible();
  await expect(mei.getByRole('list', { name: 'Events' })).toContainText('session.start');
});

test('somebody stays signed in after a reload, and signs out', async ({ browser }) => {
  const page = await signIn(browser, 'Jonas Lindqvist', '/runs');
  await page.reload();
  await page.getByRole('button', { name: 'You: Jonas Lindqvist' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page).not.toHaveURL(/\/runs/); // the provider has sent the browser back
  await expect(page.getByRole('button', { name: 'Sign in with single sign-on' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Enter as a guest' })).toHaveCount(0);
});

test('Temporal’s Web UI is for those with the permission, and only for reading', async ({ browser }) => {
  const address = `${portico.url}/api/temporal/ui/api/v1/namespaces/default/workflows`;
  const anonymous = await browser.newContext();
  expect((await anonymous.request.get(address)).status()).toBe(401);

  const ines = await signIn(browser, 'Inès Moreau', '/temporal/namespaces/default/workflows');
  await expect(ines.getByRole('alert')).toContainText('user:default/ines.moreau may not portico.temporal.read');
  await expect(ines.getByRole('link', { name: 'Why, and whom to ask' })).toBeVisible();
  expect((await ines.request.get(address)).status()).toBe(401);

  const kofi = await signIn(browser, 'Kofi Mensah', '/runs');
  const complaints: string[] = [];
  kofi.on(
    'console',
    (message) =>
      message.type() === 'error' &&
      !message.text().startsWith('Failed to load resource') &&
      complaints.push(message.text()),
  );
  await kofi.goto('/temporal/namespaces/default/workflows');
  await expect(kofi).toHaveURL(/\/api\/temporal\/ui\/namespaces\/default\/workflows/);
  await expect(kofi.getByText('Workflow ID').first()).toBeVisible();
  expect(complaints, 'what the browser complained about').toEqual([]);
  expect((await kofi.request.get(address)).status()).toBe(200);
  expect((await kofi.request.get(address.replace('default', 'temporal-system'))).status()).toBe(404);
  const terminate = await kofi.request.post(`${address}/anything/terminate`, {
    headers: { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' },
    data: {},
  });
  expect(terminate.status()).toBe(403);
  expect((await kofi.request.post(`${address}/anything/terminate`, { data: {} })).ok()).toBe(false);
});
