import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expectAccessible } from './accessible';
import { expect, test } from './portal';
import { freePort, startPortico } from './setup';

// Roles of a Portico with the example company's roles in files, and the guest as an admin.
test.describe.configure({ mode: 'serial', timeout: 180_000 });

let folder: string;
let portico: { url: string; stop: () => Promise<void> };

test.beforeAll(async () => {
  test.setTimeout(240_000);
  folder = mkdtempSync(join(tmpdir(), 'portico-roles-'));
  const config = join(folder, 'roles.json');
  writeFileSync(config, JSON.stringify({ permission: { enabled: true, rbac } }));
  portico = await startPortico(['examples/app-config.yaml', config], 'group/default/kestrel', await freePort());
});

test.afterAll(async () => {
  await portico?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const rbac = {
  'policies-csv-file': 'examples/policy/policy.csv',
  conditionalPoliciesFile: 'examples/policy/conditional-policies.yaml',
  pluginsWithPermission: ['catalog', 'scaffolder', 'permission'],
  admin: { users: [{ name: 'user:default/guest' }] },
};

async function open(page: Page, path: string): Promise<void> {
  await page.goto(`${portico.url}${path}`);
}

/** Sends a request as the guest. */
async function asGuest(page: Page, method: string, path: string, data?: object) {
  const session = await page.request.post(`${portico.url}/api/auth/guest/refresh`, {
    headers: { 'X-Requested-With': 'XMLHttpRequest' },
  });
  const { token } = (await session.json()).backstageIdentity;
  const headers = { Authorization: `Bearer ${token}` };
  return page.request.fetch(`${portico.url}${path}`, { method, headers, ...(data && { data }) });
}

async function add(page: Page, label: string, text: string, option: string | RegExp): Promise<void> {
  await page.getByRole('combobox', { name: label }).fill(text);
  await page.getByRole('option', { name: option }).first().click();
  // The list stays open for another choice, above what is below it.
  await page.keyboard.press('Escape');
}

test('roles of files are found, and say where they are', async ({ portal: page }) => {
  await open(page, '/');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Roles' }).click();
  await expect(page).toHaveTitle('Roles · Portico');
  const table = page.getByRole('table', { name: 'Roles' });
  await expect(table.getByRole('row', { name: /^employees File 1 \d+ 0/ })).toBeVisible();
  await expect(table.getByRole('row', { name: /rbac_admin Configuration/ })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('searchbox').fill('nothing like this');
  await expect(page.getByText('No role is like this.')).toBeVisible();
  await page.getByRole('searchbox').fill('team file');
  await expect(page).toHaveURL(/q=team/);
  await table.getByRole('link', { name: 'teams' }).click();

  await expect(page.getByRole('heading', { level: 1, name: 'default/teams' })).toBeVisible();
  await expect(page.getByRole('note')).toContainText(
    /This role is in a file\s+examples\/policy\/policy.csv:\d+: change it there/,
  );
  await expect(page.getByRole('link', { name: 'Edit' })).toHaveCount(0);
  await expect(page.getByRole('region', { name: 'Members' })).toContainText(/Tracking\s*brings \d+ people/);
  const conditions = page.getByRole('region', { name: 'Conditions' });
  await expect(conditions).toContainText('if IS_ENTITY_OWNER claims $ownerRefs, and not HAS_LABEL');
  await expect(conditions).toContainText(/conditional-policies.yaml:2/);
  await expectAccessible(page);
});

test('a role is created, and its effect is shown before', async ({ portal: page }) => {
  await open(page, '/roles');
  await page.getByRole('link', { name: 'New role' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Builders');
  await page.getByRole('textbox', { name: 'Description' }).fill('Build things');
  await page.getByRole('button', { name: 'Review changes' }).click();
  await expect(page.getByText('A name has a namespace and a name')).toBeVisible();
  await expect(page.getByText('A role has at least one member.')).toBeVisible();
  await expect(page.getByRole('textbox', { name: 'Name' })).toBeFocused();
  await page.getByRole('textbox', { name: 'Name' }).fill('default/builders');
  await add(page, 'Add a user or group', 'Track', /^Tracking/);
  await expect(page.getByRole('list', { name: 'Members' })).toContainText(/Tracking\s*brings \d+ people/);
  await page.getByRole('button', { name: 'Add a policy' }).click();
  await add(page, 'Permission of policy 1', 'location.del', 'catalog.location.delete');
  await expect(page.getByRole('combobox', { name: 'Action of policy 1' })).toHaveValue('delete');

  await page.getByRole('button', { name: 'Add a condition' }).click();
  const condition = page.getByRole('region', { name: 'Condition 1' });
  await condition.getByRole('checkbox', { name: 'catalog.entity.refresh' }).check();
  await condition.getByRole('combobox', { name: 'Form of the criteria' }).selectOption('All of these');
  await condition.getByRole('combobox', { name: 'Rule of criterion 1' }).selectOption('IS_ENTITY_OWNER');
  await add(page, 'claims of criterion 1', '$owner', /^\$ownerRefs/);
  await condition.getByRole('button', { name: 'Add a criterion' }).click();
  await condition.getByRole('combobox', { name: 'Form of criterion 2' }).selectOption('This does not hold');
  await condition.getByRole('combobox', { name: 'Rule of criterion 2.1' }).selectOption('HAS_LABEL');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Review changes' }).click();
  await expect(condition).toContainText('label is missing.');
  await condition.getByRole('textbox', { name: /^label/ }).fill('frozen');

  await condition.getByRole('button', { name: 'YAML' }).click();
  const text = condition.getByRole('textbox', { name: /as YAML/ });
  await expect(text).toHaveValue(/rule: HAS_LABEL/);
  const yaml = await text.inputValue();
  await text.fill(`${yaml}  bad`);
  await expect(text).toHaveAttribute('aria-invalid', 'true');
  await text.fill(yaml.replace('frozen', 'iced'));
  await condition.getByRole('button', { name: 'Form' }).click();
  await expect(condition.getByRole('textbox', { name: /^label/ })).toHaveValue('iced');

  await page.getByRole('button', { name: 'Review changes' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
  await expect(page.getByRole('region', { name: 'What changes' })).toContainText(
    'Added member: group:default/tracking',
  );
  const meaning = page.getByRole('region', { name: 'What it means for people' });
  await expect(meaning).toContainText(/\d+ gains? something/);
  await expect(meaning.getByRole('list', { name: 'People' })).toContainText(
    /Inès Moreau.*gains catalog.location.delete/,
  );
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Create the role' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'default/builders' })).toBeVisible();
  await expect(page.getByRole('region', { name: 'Conditions' })).toContainText(
    'if IS_ENTITY_OWNER claims $ownerRefs, and not HAS_LABEL label iced',
  );
  await expectAccessible(page);
});

test('two admins who edit one role see both states, and lose nothing', async ({ portal: page }) => {
  await open(page, '/roles/default/builders/edit');
  await page.getByRole('textbox', { name: 'Description' }).fill('Build many things');
  await add(page, 'Add a user or group', 'Platform', /^Platform/);
  await page.getByRole('button', { name: 'Review changes' }).click();
  await expect(page.getByRole('region', { name: 'What it means for people' }).getByRole('status')).toContainText(
    'gain',
  );
  const added = { name: 'role:default/builders', memberReferences: ['user:default/mei.tanaka'] };
  expect((await asGuest(page, 'POST', '/api/permission/roles', added)).status()).toBe(201);

  await page.getByRole('button', { name: 'Save' }).click();
  const conflict = page.getByRole('alert');
  await expect(conflict).toContainText('was changed while you were editing it');
  await expect(conflict.getByRole('list', { name: 'Their changes' })).toContainText(
    'Added member: user:default/mei.tanaka',
  );
  await expect(conflict.getByRole('list', { name: 'Your changes' })).toContainText(
    'Added member: group:default/platform',
  );
  await expectAccessible(page);
  await conflict.getByRole('button', { name: 'Make my changes on theirs' }).click();
  await expect(page.getByRole('list', { name: 'Members' }).getByRole('listitem')).toHaveCount(3);
  await page.getByRole('button', { name: 'Review changes' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  const members = page.getByRole('region', { name: 'Members' });
  await expect(members).toContainText('Mei Tanaka');
  await expect(members).toContainText('Platform');
  await expect(page.getByText('Build many things')).toBeVisible();
});

test('a role gets another name, and what the form cannot show stays as it is', async ({ portal: page }) => {
  const label = { rule: 'HAS_LABEL', resourceType: 'catalog-entity', params: { label: 'tier', value: '' } };
  const conditions = [
    {
      result: 'CONDITIONAL',
      roleEntityRef: '',
      pluginId: 'catalog',
      resourceType: 'catalog-entity',
      permissionMapping: [{ name: 'catalog.entity.delete', action: 'delete' }],
      conditions: { allOf: [label], because: 'nobody knows' },
    },
  ];
  const draft = { memberReferences: ['user:default/guest'], policies: [], conditions };
  expect((await asGuest(page, 'PUT', '/api/portico/v1/policy/roles/default/odd', draft)).status()).toBe(204);

  await open(page, '/roles/default/odd');
  await expect(page.getByRole('region', { name: 'Conditions' })).toContainText('nobody knows');
  await page.getByRole('link', { name: 'Edit' }).click();
  await expect(page.getByText(/The form cannot show these criteria: .* unknown member because/)).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('textbox', { name: 'Name' }).fill('default/builders');
  await page.getByRole('button', { name: 'Review changes' }).click();
  await expect(page.getByRole('list', { name: 'What changes' })).toHaveText('Changed name: default/builders');
  await expect(page.getByRole('alert')).toContainText('There is already a role role:default/builders');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Back' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('default/even');
  await page.getByRole('button', { name: 'Review changes' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'default/even' })).toBeVisible();
  await expect(page.getByRole('region', { name: 'Conditions' })).toContainText('nobody knows');

  await page.getByRole('link', { name: 'Edit' }).click();
  const condition = page.getByRole('region', { name: 'Condition 1' });
  await condition.getByRole('button', { name: 'JSON' }).click();
  await condition.getByRole('textbox', { name: /as JSON/ }).fill(JSON.stringify({ allOf: [label] }));
  await condition.getByRole('button', { name: 'Form' }).click();
  await expect(condition.getByText('The rule asks for an empty value.')).toBeVisible();
  await page.getByRole('button', { name: 'Review changes' }).click();
  await expect(page.getByRole('region', { name: 'What changes' })).toContainText('HAS_LABEL label tier value “”');
});

test('what takes something from people is confirmed', async ({ portal: page }) => {
  await open(page, '/roles/default/builders');
  await page.getByRole('link', { name: 'Edit' }).click();
  await page.getByRole('button', { name: 'Remove group:default/tracking' }).click();
  await page.getByRole('button', { name: 'Review changes' }).click();
  await expect(page.getByRole('list', { name: 'People' })).toContainText(/Inès Moreau.*loses catalog.location.delete/);
  await page.getByRole('button', { name: 'Save' }).click();
  const dialog = page.getByRole('alertdialog');
  await expect(dialog).toContainText('will lose something');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: 'Save' })).toBeFocused();
  await page.keyboard.press('Enter');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'default/builders' })).toBeVisible();
  await expect(page.getByRole('region', { name: 'Members' })).not.toContainText('Tracking');

  await page.getByRole('link', { name: 'Audit log of this role' }).click();
  await expect(page).toHaveURL(/resource=role/);
  await page.goBack();
  await page.getByRole('button', { name: 'Delete' }).click();
  await expect(dialog).toContainText('Delete default/builders?');
  await expect(dialog.getByRole('list', { name: 'People' })).toContainText(/Mei Tanaka|Guest/);
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Delete the role' }).click();
  await expect(page).toHaveURL(/\/roles$/);
  await expect(page.getByRole('link', { name: 'builders' })).toHaveCount(0);
});

test('whoever may not change roles is told why, and whom to ask', async ({ portal: page }) => {
  const denied = ['create', 'update', 'delete'].map((action) => ({
    permission: `policy.entity.${action}`,
    policy: action,
    effect: 'deny',
  }));
  const draft = { memberReferences: ['user:default/guest'], policies: denied, conditions: [] };
  expect((await asGuest(page, 'PUT', '/api/portico/v1/policy/roles/default/frozen', draft)).status()).toBe(204);

  await open(page, '/roles');
  const create = page.getByRole('button', { name: 'New role (not allowed)' });
  await create.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByText('You may not policy.entity.create.')).toBeVisible();
  await page.getByRole('link', { name: 'frozen' }).click();
  await page.getByRole('button', { name: 'Edit' }).click();
  await expect(page.getByText('You may not policy.entity.update on role:default/frozen.')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('link', { name: 'Why', exact: true }).click();
  await expect(page.getByRole('region', { name: 'Explanation' })).toContainText('may not policy.entity.update');
});

test('a run says why it cannot be cancelled, and whom to ask', async ({ portal: page }) => {
  const values = { rest: 600, ending: 'well' };
  const created = await asGuest(page, 'POST', '/api/scaffolder/v2/tasks', {
    templateRef: 'template:default/step-tour',
    values,
  });
  expect(created.status()).toBe(201);
  const { id } = await created.json();
  await open(page, `/runs/${id}`);
  const cancel = page.getByRole('button', { name: 'Cancel run (not allowed)' }).first();
  await cancel.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByText(`You may not scaffolder.task.cancel on ${id}.`).first()).toBeVisible();
  await expectAccessible(page);
});

test('a Portico without roles says so, and does not link to them', async ({ portal: page }) => {
  await page.goto('/');
  await expect(page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Runs' })).toBeVisible();
  await expect(page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Roles' })).toHaveCount(0);
  await page.goto('/roles');
  await expect(page.getByText('This Portico has no roles')).toBeVisible();
});
