import { type APIRequestContext, test as base, expect, type Page } from '@playwright/test';

/**
 * A page with a signed-in user. It fails the test when the browser reports an exception, a blocked script or
 * a failed request of the page.
 */
export const test = base.extend<{ portal: Page }>({
  portal: async ({ page }, use) => {
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !expected.test(message.text())) complaints.push(message.text());
    });
    await page.addInitScript(() => localStorage.setItem('portico.signIn', 'guest'));
    await use(page);
    expect(complaints, 'what the browser complained about').toEqual([]);
  },
});

/**
 * Chromium writes every response with a status of 400 or more to the console, also those that the page
 * handles.
 */
const expected = /^Failed to load resource/;

export { expect };

/** A unique name, because repositories stay on the forge. */
export function freshName(prefix: string): string {
  return `${prefix}-${Date.now().toString(36)}`;
}

/** Starts a run of an example template through the API, waits until it has ended, and returns its id. */
export async function runToEnd(request: APIRequestContext, template: string, values: object): Promise<string> {
  const headers = await credentials(request);
  const templateRef = `template:default/${template}`;
  const created = await request.post('/api/scaffolder/v2/tasks', { headers, data: { templateRef, values } });
  expect(created.status()).toBe(201);
  const { id } = await created.json();
  await expect
    .poll(async () => (await (await request.get(`/api/scaffolder/v2/tasks/${id}`, { headers })).json()).status)
    .toMatch(/completed|failed/);
  return id;
}

/** Signs in as the guest. */
export async function credentials(request: APIRequestContext): Promise<Record<string, string>> {
  const session = await request.post('/api/auth/guest/refresh', { headers: { 'X-Requested-With': 'XMLHttpRequest' } });
  return { Authorization: `Bearer ${(await session.json()).backstageIdentity.token}` };
}

/** The first Git host that is configured: the local forge. */
export async function gitHost(request: APIRequestContext): Promise<string> {
  const info = await (await request.get('/api/portico/v1/info', { headers: await credentials(request) })).json();
  return info.integrations[0].host;
}

/** Opens a template from the gallery. */
export async function openTemplate(page: Page, title: string): Promise<void> {
  await page.goto('/create');
  await page.getByRole('link', { name: title, exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: title })).toBeVisible();
}

/** Fills the golden path's form up to its review. */
export async function fillGoldenPath(page: Page, name: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill(name);
  await page.getByLabel('Description').fill('A service that the browser tests made');
  await page.getByRole('combobox', { name: /^Owner/ }).click();
  await page.getByRole('option').first().click();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByRole('heading', { name: 'How it runs' })).toBeVisible();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByLabel(/Owner$/).fill('demo');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByRole('button', { name: 'Review' }).click();
  await expect(page.getByRole('region', { name: 'Review' })).toContainText(name);
}
