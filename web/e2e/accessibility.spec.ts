import type { Locator, Page } from '@playwright/test';
import { expectAccessible, expectNothingCutOff } from './accessible';
import { expect, fillGoldenPath, freshName, gitHost, runToEnd, test } from './portal';

const pages: { name: string; path: string; shows: (page: Page) => Promise<void> }[] = [
  { name: 'home', path: '/', shows: (page) => heading(page, 'Home') },
  { name: 'gallery', path: '/create', shows: (page) => expect(page.getByRole('listitem').first()).toBeVisible() },
  {
    name: 'form',
    path: '/create/templates/default/golden-path',
    shows: (page) => expect(page.getByRole('combobox').first()).toBeVisible(),
  },
  {
    name: 'actions',
    path: '/create/actions',
    shows: (page) => expect(page.getByRole('listitem').nth(1)).toBeVisible(),
  },
  {
    name: 'action',
    path: '/create/actions/publish:github',
    shows: (page) => expect(page.getByRole('table', { name: 'Input' })).toBeVisible(),
  },
  { name: 'settings', path: '/settings', shows: (page) => heading(page, 'There is no page for settings') },
  { name: 'runs', path: '/runs', shows: (page) => expect(page.getByRole('table')).toBeVisible() },
  { name: 'catalog', path: '/catalog', shows: (page) => expect(page.getByRole('row').nth(1)).toBeVisible() },
  { name: 'what is not read', path: '/catalog/unread', shows: (page) => heading(page, 'What could not be read') },
  { name: 'the sources', path: '/catalog/sources', shows: (page) => heading(page, 'Sources of the catalog') },
  { name: 'catalog health', path: '/catalog/health', shows: (page) => heading(page, 'Catalog health') },
  { name: 'audit log', path: '/audit', shows: (page) => heading(page, 'Audit log') },
  {
    name: 'permissions',
    path: '/explain?permission=catalog.entity.read',
    shows: (page) => expect(page.getByRole('region', { name: 'Explanation' })).toBeVisible(),
  },
  { name: 'who I am', path: '/me', shows: (page) => expect(page.getByRole('region', { name: 'Roles' })).toBeVisible() },
  { name: 'sessions', path: '/sessions', shows: (page) => heading(page, 'Sessions') },
  { name: 'roles', path: '/roles', shows: (page) => heading(page, 'Roles') },
  {
    name: 'relations',
    path: '/catalog/default/group/kestrel?tab=relations',
    shows: (page) => expect(page.getByRole('group', { name: 'Relations as a picture' })).toBeVisible(),
  },
  {
    name: 'relations as a list',
    path: '/catalog/default/group/kestrel?tab=relations&view=list',
    shows: (page) => expect(page.getByRole('main').getByRole('listitem').first()).toBeVisible(),
  },
  {
    name: 'a definition',
    path: '/catalog/default/api/tracking?tab=api&item=get%20%2Fparcels%2F%7Bnumber%7D',
    shows: (page) => expect(page.getByRole('region', { name: 'Parameters' })).toBeVisible(),
  },
  {
    name: 'a group',
    path: '/catalog/default/group/kestrel',
    shows: (page) => expect(page.getByRole('region', { name: 'People' })).toBeVisible(),
  },
  {
    name: 'explain',
    path: '/catalog/default/group/kestrel?tab=explain',
    shows: (page) => expect(page.getByRole('region', { name: 'Where it is from' })).toBeVisible(),
  },
  {
    name: 'history',
    path: '/catalog/default/group/kestrel?tab=history',
    shows: (page) => expect(page.getByRole('list', { name: 'Changes' })).toBeVisible(),
  },
  { name: 'documentation', path: '/docs', shows: (page) => heading(page, 'Docs') },
  {
    name: 'search',
    path: '/search?query=tracking',
    shows: (page) => expect(page.getByRole('list', { name: 'Results' }).getByRole('listitem').first()).toBeVisible(),
  },
  { name: 'nowhere', path: '/no/such/page', shows: (page) => heading(page, 'There is no page at this address') },
];

async function heading(page: Page, name: string): Promise<void> {
  await expect(page.getByRole('heading', { level: 1, name })).toHaveCount(1);
}

/** A parked run, whose page has the most elements. */
let run = '';

test.beforeAll(async ({ playwright, baseURL }) => {
  const request = await playwright.request.newContext({ ...(baseURL && { baseURL }) });
  run = await runToEnd(request, 'step-tour', { rest: 0, ending: 'badly' });
  await request.dispose();
});

async function openRun(page: Page): Promise<void> {
  await page.goto(`/runs/${run}`);
  await expect(page.getByRole('log')).toContainText('Beginning step');
}

/** Opens the first component of the list: its name is not known beforehand. */
async function openEntity(page: Page): Promise<void> {
  await page.goto('/catalog?kind=component');
  await page.getByRole('table').getByRole('row').nth(1).getByRole('link').first().click();
  await expect(page.getByRole('region', { name: 'About' })).toBeVisible();
}

const opens: [name: string, open: (page: Page) => Promise<void>][] = [
  ...pages.map(({ name, path, shows }): (typeof opens)[number] => [
    name,
    async (page) => {
      await page.goto(path);
      await shows(page);
    },
  ]),
  ['run', openRun],
  ['entity', openEntity],
];

for (const [name, open] of opens) {
  test(`${name} is accessible, light and dark`, async ({ portal: page }) => {
    await page.emulateMedia({ colorScheme: 'light' });
    await open(page);
    await expectAccessible(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    await expectAccessible(page);
  });
}

test('nothing is cut off at 320, 768 and 1920 pixels', async ({ portal: page }) => {
  test.setTimeout(270_000); // for all pages
  for (const [, open] of opens) {
    await expectNothingCutOff(page, () => open(page));
  }
});

test('the buttons of a form stay visible at 320 pixels', async ({ portal: page }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  await page.goto('/create/templates/default/golden-path');
  await fillGoldenPath(page, 'parcels');
  await page.getByRole('button', { name: 'Back' }).click();
  await expect(page.getByRole('button', { name: 'Start over' })).toBeVisible();
  const { right } = await edges(page.getByRole('main'));
  expect((await edges(page.getByRole('button', { name: 'Review' }))).right).toBeLessThanOrEqual(right);
});

test('a result with code in it is accessible at 320 pixels', async ({ portal: page, request }) => {
  const name = freshName('narrow');
  const made = await runToEnd(request, 'golden-path', {
    name,
    description: 'Made to be read on a telephone',
    owner: 'group:default/platform',
    repoUrl: `${await gitHost(request)}?owner=demo&repo=${name}`,
  });
  await page.setViewportSize({ width: 320, height: 640 });
  await page.goto(`/runs/${made}`);
  await expect(page.getByRole('region', { name: 'Result' })).toContainText('git clone');
  await expectAccessible(page);
});

function edges(element: Locator): Promise<DOMRect> {
  return element.evaluate((node) => node.getBoundingClientRect());
}
