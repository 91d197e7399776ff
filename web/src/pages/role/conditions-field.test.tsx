// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, configure, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { fetchPluginPolicies, fetchPluginRules } from '@/api/access';
import { ConditionsField } from './conditions-field';
import { storedCriteria, writeCriteria } from './criteria';
import { type ConditionDraft, emptyDraft, problemsOfDraft } from './draft';

vi.mock('@/api/access', async (original) => ({
  ...(await original()),
  fetchPluginPolicies: vi.fn(),
  fetchPluginRules: vi.fn(),
}));
vi.mock('@/api/catalog', async (original) => ({
  ...(await original()),
  queryEntities: vi.fn(() => new Promise(() => undefined)),
}));

const properties = {
  label: { type: 'string' },
  value: { type: 'string' },
  count: { type: 'number' },
  owners: { type: 'array' },
};
const rules = [
  {
    name: 'HAS_LABEL',
    description: 'Has a label',
    resourceType: 'catalog-entity',
    paramsSchema: { properties, required: ['label'] },
  },
];

let conditions: ConditionDraft[];

// The editor of text is loaded when it is shown first, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 20_000 });
configure({ asyncUtilTimeout: 10_000 });

beforeEach(() => {
  vi.mocked(fetchPluginRules).mockResolvedValue([{ pluginId: 'catalog', rules }]);
  vi.mocked(fetchPluginPolicies).mockResolvedValue([]);
});

afterEach(cleanup);

function Shown({ initial }: { initial: ConditionDraft[] }) {
  const [current, setCurrent] = useState(initial);
  conditions = current;
  const { conditions: problems } = problemsOfDraft({ ...emptyDraft, conditions: current }, undefined, () => rules);
  return <ConditionsField conditions={current} problems={problems} tried={false} onChange={setCurrent} />;
}

function show(criteria: unknown) {
  const mapping = [{ name: 'catalog.entity.read', action: 'read' }];
  const condition = { key: 1, id: 7, pluginId: 'catalog', resourceType: 'catalog-entity', mapping };
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <Shown initial={[{ ...condition, criteria: storedCriteria(criteria) }]} />
    </QueryClientProvider>,
  );
}

function labelled(params: object) {
  return { rule: 'HAS_LABEL', resourceType: 'catalog-entity', params: { label: 'a', ...params } };
}

/** The criteria as they would be saved. */
function written(): unknown {
  const [condition] = conditions as [ConditionDraft];
  return writeCriteria(condition.criteria, condition.resourceType);
}

it('keeps a text and a number that somebody deletes as empty, until somebody leaves them out', async () => {
  const user = userEvent.setup();
  show(labelled({ value: 'x', count: 7 }));
  await user.clear(await screen.findByRole('textbox', { name: /^value/ }));
  expect(written()).toEqual(labelled({ value: '', count: 7 }));
  expect(screen.getByText('value is empty: fill it in, or leave it out.')).toBeTruthy();
  await user.click(screen.getByRole('button', { name: /^Leave value out/ }));
  expect(written()).toEqual(labelled({ count: 7 }));

  await user.clear(screen.getByRole('spinbutton', { name: /^count/ }));
  expect(written()).toEqual(labelled({ count: '' }));
  await user.click(screen.getByRole('button', { name: /^Leave count out/ }));
  expect(written()).toEqual(labelled({}));
  expect(screen.queryByText(/is empty/)).toBeNull();
});

it('keeps a list whose last item somebody removes as empty', async () => {
  const user = userEvent.setup();
  show(labelled({ owners: ['user:default/ada'] }));
  await user.click(await screen.findByRole('button', { name: /^Remove user:default\/ada/ }));
  expect(written()).toEqual(labelled({ owners: [] }));
  expect(screen.getByText('owners is empty: fill it in, or leave it out.')).toBeTruthy();
});

it('keeps an empty value that is stored, while another param is changed', async () => {
  show(labelled({ value: '' }));
  await userEvent.type(await screen.findByRole('textbox', { name: /^label/ }), 'b');
  expect(written()).toEqual(labelled({ label: 'ab', value: '' }));
  expect(screen.queryByText(/value is empty: fill/)).toBeNull();
});

it('shows a value that was emptied in the form also beside the text', async () => {
  const user = userEvent.setup();
  show(labelled({ value: 'x' }));
  await user.clear(await screen.findByRole('textbox', { name: /^value/ }));
  await user.click(screen.getByRole('button', { name: 'YAML' }));
  await screen.findByRole('textbox', { name: /as YAML/ });
  expect(screen.getByText('value is empty: fill it in, or leave it out.')).toBeTruthy();
});

it('lets criteria that the form cannot show be edited as text', async () => {
  const user = userEvent.setup();
  const odd = { ...labelled({}), comment: 'why' };
  show(odd);
  expect(await screen.findByText(/The form cannot show these criteria: .* unknown member comment/)).toBeTruthy();
  await user.click(screen.getByRole('button', { name: 'JSON' }));
  const box = await screen.findByRole('textbox', { name: /as JSON/ });
  expect(JSON.parse((box as HTMLTextAreaElement).value)).toEqual(odd);
  expect(written()).toEqual(odd);
  await user.clear(box);
  await user.paste(JSON.stringify(labelled({})));
  expect(written()).toEqual(labelled({}));
  await user.click(screen.getByRole('button', { name: 'Form' }));
  expect(await screen.findByRole('textbox', { name: /^label/ })).toHaveProperty('value', 'a');
});

it('says that the rules could not be loaded, and tries again', async () => {
  vi.mocked(fetchPluginRules).mockRejectedValueOnce(new Error('no answer'));
  show(labelled({}));
  expect(await screen.findByText('Could not list the rules of conditions')).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(await screen.findByRole('textbox', { name: /^label/ })).toBeTruthy();
  expect(screen.queryByText('Could not list the rules of conditions')).toBeNull();
});

it('says why no condition can be added if no rules are listed', async () => {
  vi.mocked(fetchPluginRules).mockResolvedValue([]);
  show(labelled({}));
  expect(await screen.findByText(/The server lists no rules/)).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Add a condition' })).toBeNull();
});
