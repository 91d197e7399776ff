import { readFileSync } from 'node:fs';
import { expectAccessible } from './accessible';
import { expect, freshName, gitHost, runToEnd, test } from './portal';

test('the catalog is filtered by kind, facet and text, and the URL has the filters', async ({ portal: page }) => {
  await page.goto('/catalog');
  await page
    .getByRole('navigation', { name: 'Kinds' })
    .getByRole('link', { name: /^Components/ })
    .click();
  await expect(page).toHaveURL(/kind=component/);
  const table = page.getByRole('table', { name: 'Entities' });
  await expect(table.getByRole('row').nth(1)).toBeVisible();
  const all = Number(await table.getAttribute('aria-rowcount'));

  await page.getByRole('group', { name: 'Owner' }).getByRole('checkbox').first().check();
  await expect(page).toHaveURL(/owner=group/);
  await expect.poll(async () => Number(await table.getAttribute('aria-rowcount'))).toBeLessThan(all);
  await page.reload();
  await expect(page.getByRole('group', { name: 'Owner' }).getByRole('checkbox').first()).toBeChecked();
  await page.getByRole('link', { name: 'Clear filters' }).click();
  await expect(page).toHaveURL(/\?kind=component$/);
  await expect(page.getByRole('group', { name: 'Owner' }).getByRole('checkbox').first()).not.toBeChecked();

  await page.getByRole('searchbox', { name: /^Find by name/ }).fill('nothing-is-called-this');
  await expect(page.getByText('Nothing in the catalog matches.')).toBeVisible();
  await page.getByRole('link', { name: 'Show everything' }).click();
  await expect(table.getByRole('row').nth(1)).toBeVisible();
});

test('the catalog is exported as it is filtered', async ({ portal: page }) => {
  await page.goto('/catalog?kind=component&q=tracking');
  const table = page.getByRole('table', { name: 'Entities' });
  await expect(table.getByRole('row').nth(1)).toBeVisible();
  const shown = Number(await table.getAttribute('aria-rowcount'));
  await expectAccessible(page);
  const stored = async (format: RegExp) => {
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export' }).press('Enter');
    await page.getByRole('menuitem', { name: format }).press('Enter');
    const file = await download;
    expect(await file.failure()).toBeNull();
    return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') };
  };
  const spreadsheet = await stored(/CSV/);
  expect(spreadsheet.name).toBe('catalog.csv');
  expect(spreadsheet.text.trimEnd().split('\r\n')).toHaveLength(shown + 1);
  expect(spreadsheet.text).toContain('"kind","metadata.namespace","metadata.name"');
  const list = await stored(/JSON/);
  expect(list.name).toBe('catalog.json');
  const entities = JSON.parse(list.text) as { kind: string }[];
  expect(entities).toHaveLength(shown);
  expect(new Set(entities.map(({ kind }) => kind))).toEqual(new Set(['Component']));
});

test('the catalog is searched when the user pauses, not at every keystroke', async ({ portal: page }) => {
  await page.clock.install();
  await page.goto('/catalog');
  const table = page.getByRole('table', { name: 'Entities' });
  await expect(table.getByRole('row').nth(1)).toBeVisible();
  const texts: (string | null)[] = [];
  page.on('request', (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (pathname.endsWith('/by-query')) texts.push(searchParams.get('fullTextFilterTerm'));
  });
  // The page's clock is stopped while the test types.
  await page.clock.pauseAt(Date.now() + 1000);
  await page.getByRole('searchbox', { name: /^Find by name/ }).pressSequentially('tracking');
  await expect(page).toHaveURL(/\?q=tracking$/);
  expect(texts).toEqual([]);
  await page.clock.resume();
  await expect.poll(() => texts).toEqual(['tracking']);
});

test('an entity shows its description, relations and YAML', async ({ portal: page }) => {
  await page.goto('/catalog?kind=component');
  const link = page.getByRole('table').getByRole('row').nth(1).getByRole('link').first();
  const title = await link.textContent();
  await link.click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(title ?? '');
  await page.getByRole('region', { name: 'Relations' }).getByRole('link').first().click();
  await expect(page.getByRole('heading', { level: 1 })).not.toHaveText(title ?? '');
  await page.goBack();
  await page.getByRole('navigation', { name: 'Parts of the entity' }).getByRole('link', { name: 'YAML' }).click();
  await expect(page.getByRole('figure')).toContainText('kind: Component');
  await expect(page).toHaveURL(/tab=yaml/);
});

test('an entity with errors is marked in the table, with a link to the errors', async ({ portal: page, request }) => {
  const name = freshName('twice');
  const host = await gitHost(request);
  for (const repository of [name, `${name}-too`]) {
    await runToEnd(request, 'golden-path', {
      name,
      description: 'One name in two repositories',
      owner: 'group:default/platform',
      repoUrl: `${host}?owner=demo&repo=${repository}`,
    });
  }
  const mark = page.getByTitle(name).and(page.getByRole('link', { name: /^1 error of / }));
  await expect(async () => {
    await page.goto('/catalog?kind=location');
    await expect(mark).toBeVisible({ timeout: 2000 });
  }).toPass();
  await mark.press('Enter');
  await expect(page.getByRole('region', { name: 'Problems' })).toContainText(`component:default/${name}`);
});

test('an entity is refreshed and unregistered from its menu, by keyboard', async ({ portal: page, request }) => {
  const name = freshName('leaver');
  await runToEnd(request, 'golden-path', {
    name,
    description: 'A service that is unregistered again',
    owner: 'group:default/platform',
    repoUrl: `${await gitHost(request)}?owner=demo&repo=${name}`,
  });
  await page.goto(`/catalog/default/component/${name}`);
  const menu = page.getByRole('button', { name: `What to do with ${name}` });
  const status = page.getByRole('article').getByRole('status').first();
  await menu.press('Enter');
  await page.getByRole('menuitem', { name: 'Refresh' }).press('Enter');
  await expect(status).toContainText('The catalog was asked to read it again. Waiting for a change.');
  await expect(status).toContainText('Nothing has changed within 15 s', { timeout: 30_000 });
  await expect(status).toContainText('The catalog has no errors for it.');

  await menu.press('Enter');
  await page.getByRole('menuitem', { name: 'Unregister…' }).press('Enter');
  const dialog = page.getByRole('alertdialog', { name: `Unregister ${name}?` });
  await expect(dialog.getByRole('list', { name: 'What goes from the catalog' })).toContainText(name);
  await expectAccessible(page);
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(menu).toBeFocused();

  await menu.press('Enter');
  await page.getByRole('menuitem', { name: 'Unregister…' }).press('Enter');
  await dialog.getByRole('button', { name: 'Unregister location' }).press('Enter');
  await expect(page).toHaveURL(/\/catalog$/);
  const notice = page
    .getByRole('status')
    .filter({ hasText: 'was unregistered, and everything that came from it is gone.' });
  await expect(notice).toBeFocused();
  await page.goto(`/catalog/default/component/${name}`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(`There is no component called ${name}`);
});

test('an entity of the configuration says where it is configured instead', async ({ portal: page }) => {
  await page.goto('/catalog/default/group/platform');
  await page.getByRole('button', { name: /^What to do with/ }).click();
  await page.getByRole('menuitem', { name: 'Unregister…' }).click();
  const status = page.getByRole('article').getByRole('status').first();
  await expect(status).toContainText('cannot be unregistered here: it comes from the configuration');
  await expect(status).toContainText('examples/catalog/all.yaml');
});

test('a missing entity says where to search', async ({ portal: page }) => {
  await page.goto('/catalog/default/component/nobody');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('There is no component called nobody');
});

test('a click anywhere on a row opens its entity, except on other links', async ({ portal: page, context }) => {
  await page.goto('/catalog?kind=component');
  const row = page.getByRole('table', { name: 'Entities' }).getByRole('row').nth(1);
  const title = await row.getByRole('link').first().textContent();
  const opened = context.waitForEvent('page');
  // The click is at a position, because the link covers the cell.
  const cell = await row.getByRole('cell').nth(2).boundingBox();
  await page.mouse.click((cell?.x ?? 0) + 5, (cell?.y ?? 0) + 5, { button: 'middle' });
  const tab = await opened;
  await expect(tab.getByRole('heading', { level: 1 })).toHaveText(title ?? '');
  await tab.close();
  await row.getByRole('cell').nth(1).getByRole('link').click();
  await expect(page).toHaveURL(/\/catalog\/default\/group\//);
});

test('owners, members and facets show titles, with the reference on hover', async ({ portal: page }) => {
  await page.goto('/catalog/default/group/platform');
  const people = page.getByRole('region', { name: 'People' });
  const members = people.locator('a[title^="user:default/"]');
  await expect(
    members
      .filter({ hasText: 'Adaeze Obi' })
      .or(members.filter({ hasText: 'Mei Tanaka' }))
      .first(),
  ).toBeVisible();
  const names = await members.allTextContents();
  expect(names).toEqual(names.toSorted((a, b) => a.localeCompare(b)));
  await page.goto('/catalog?kind=component');
  await expect(page.getByRole('group', { name: 'Owner' }).getByText('Platform', { exact: true })).toHaveAttribute(
    'title',
    'group:default/platform',
  );
});

test('the list is sorted by what it shows', async ({ portal: page }) => {
  await page.goto('/catalog?kind=user');
  const table = page.getByRole('table', { name: 'Entities' });
  await expect(table.getByRole('link', { name: 'Tomasz Wrona' })).toBeVisible();
  const shown = await table.locator('td:first-child a').allTextContents();
  expect(shown).toEqual(shown.toSorted((a, b) => a.toLowerCase().localeCompare(b.toLowerCase())));
});

test('facets and kinds count the entities that match the text', async ({ portal: page }) => {
  await page.goto('/catalog?q=tracking');
  const kinds = page.getByRole('navigation', { name: 'Kinds' });
  const status = page.getByRole('status').filter({ hasText: /entit/ });
  await expect(status).toBeVisible();
  const count = /\d+/.exec((await status.textContent()) ?? '')?.[0];
  await expect(kinds.getByRole('link', { name: /^Everything/ })).toHaveText(`Everything ${count}`);
});

test('an entity is inspected as JSON too', async ({ portal: page }) => {
  await page.goto('/catalog/default/group/platform?tab=yaml');
  await page.getByRole('radio', { name: 'JSON' }).check();
  await expect(page).toHaveURL(/view=json/);
  await expect(page.getByRole('figure')).toContainText('"kind": "Group"');
});

test('a group shows what it owns, its people and the groups around it', async ({ portal: page }) => {
  await page.goto('/catalog/default/group/kestrel');
  const people = page.getByRole('region', { name: 'People' });
  await people.getByRole('checkbox', { name: /With groups below/ }).check();
  await expect(people.getByRole('link', { name: 'Mei Tanaka' })).toBeVisible();
  await page.getByRole('region', { name: 'Groups' }).getByRole('link', { name: 'Platform' }).click();
  await expect(
    page.getByRole('region', { name: 'Groups' }).getByRole('link', { name: 'Kestrel Logistics' }),
  ).toBeVisible();
  const owns = page.getByRole('region', { name: 'Owns' });
  const count = owns
    .getByRole('row', { name: /Components/ })
    .getByRole('link')
    .first();
  const number = (await count.textContent()) ?? '';
  await expectAccessible(page);
  await count.click();
  await expect(page).toHaveURL(/kind=component&owner=group/);
  await expect(page.getByRole('status').filter({ hasText: /entit/ })).toContainText(number);
});

test('a user shows their groups and what these own', async ({ portal: page }) => {
  await page.goto('/catalog?kind=user');
  await page.getByRole('link', { name: 'Tomasz Wrona' }).click();
  const groups = page.getByRole('region', { name: 'Groups' });
  await expect(groups.getByRole('listitem').first()).toContainText('Kestrel Logistics');
  await expect(page.getByRole('columnheader', { name: 'With the groups' })).toBeVisible();
  await expectAccessible(page);
});
