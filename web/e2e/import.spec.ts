import type { APIRequestContext, Page } from '@playwright/test';
import { expectAccessible } from './accessible';
import { credentials, expect, freshName, gitHost, runToEnd, test } from './portal';

/** A repository on the forge that has a descriptor. Its address is returned. */
async function repository(request: APIRequestContext, name: string): Promise<string> {
  const host = await gitHost(request);
  await runToEnd(request, 'golden-path', {
    name,
    description: 'Made to be imported',
    owner: 'group:default/platform',
    repoUrl: `${host}?owner=demo&repo=${name}`,
  });
  return `http://${host}/demo/${name}`;
}

/** Takes a repository's descriptor out of the catalog. */
async function unregister(request: APIRequestContext, address: string): Promise<void> {
  const headers = await credentials(request);
  const listed = await (await request.get('/api/catalog/locations', { headers })).json();
  for (const { data } of listed as { data: { id: string; target: string } }[]) {
    if (data.target.startsWith(`${address}/`)) await request.delete(`/api/catalog/locations/${data.id}`, { headers });
  }
}

async function analyze(page: Page, url: string): Promise<void> {
  await page.getByRole('textbox', { name: 'URL of a repository, or of a descriptor in it' }).fill(url);
  await page.keyboard.press('Enter');
}

test('a repository with a descriptor is found, previewed and registered by keyboard', async ({
  portal: page,
  request,
}) => {
  const name = freshName('imported');
  const address = await repository(request, name);
  await unregister(request, address);
  await page.goto('/catalog');
  await page.getByRole('link', { name: 'Import', exact: true }).press('Enter');
  await expect(page).toHaveURL(/\/catalog\/import$/);
  await analyze(page, address);

  const heading = page.getByRole('heading', { name: `Descriptors in demo/${name}` });
  await expect(heading).toBeFocused();
  await expect(page).toHaveURL(/import\?url=/);
  const file = page.getByRole('listitem').filter({ hasText: 'catalog-info.yaml' });
  await expect(file).toContainText(`Component: ${name}`);
  await expectAccessible(page);
  await file.getByRole('button', { name: 'Preview' }).press('Enter');
  await expect(file.getByRole('status')).toContainText('would come into the catalog');
  await expect(file.getByRole('status').getByRole('link').first()).toBeVisible();
  await file.getByRole('button', { name: 'Register' }).press('Enter');
  await expect(page.getByRole('status').filter({ hasText: 'is registered' })).toBeFocused();

  await page.goto(`/catalog/import?url=${encodeURIComponent(address)}`);
  await expect(page.getByText('It is registered already.')).toBeVisible();
});

test('what cannot be read is said, with what to do', async ({ portal: page, request }) => {
  await page.goto('/catalog-import');
  await expect(page).toHaveURL(/\/catalog\/import$/);
  await analyze(page, `http://${await gitHost(request)}/demo/there-is-none`);
  await expect(page.getByRole('alert')).toContainText('Could not look into the repository');
  await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible();
});

test('a draft is corrected, checked and proposed by a pull request', async ({ portal: page, request }) => {
  const name = freshName('drafted');
  const address = await repository(request, name);
  const draft = (owner: string) => `apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: ${name}
spec:
  type: service
  lifecycle: unknown
${owner}`;
  // All repositories that templates make have descriptors, so the answer for one without is given here.
  await page.route('**/api/portico/v1/catalog/inspect', (route) =>
    route.fulfill({
      json: {
        repository: `demo/${name}`,
        branch: 'main',
        target: `${address}/blob/main/catalog-info.yaml`,
        existing: [],
        descriptor: draft(''),
        fields: [
          {
            field: 'spec.type',
            state: 'analysisSuggestedValue',
            value: 'service',
            description: 'There is a Dockerfile',
          },
          { field: 'spec.owner', state: 'needsUserInput', value: null, description: 'There is no CODEOWNERS file' },
        ],
      },
    }),
  );
  await page.goto(`/catalog/import?url=${encodeURIComponent(address)}`);
  await expect(page.getByRole('heading', { name: `demo/${name} has no descriptor` })).toBeFocused();
  await expect(page.getByText('To be filled in. There is no CODEOWNERS file')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Check' }).press('Enter');
  await expect(page.getByText("must have required property 'owner'")).toBeVisible();
  await page.getByRole('textbox', { name: 'Descriptor', exact: true }).fill(draft('  owner: group:platform\n'));
  await page.getByRole('button', { name: 'Check' }).press('Enter');
  await expect(page.getByText('The descriptor is valid.')).toBeVisible();
  await page.getByRole('button', { name: 'Propose by pull request' }).press('Enter');
  await expect(page).toHaveURL(/\/runs\//);
  await expect(page.getByRole('link', { name: 'Pull request' }).and(page.locator('[href*="/pull/"]'))).toBeVisible();
});
