// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { forget } from '@/api/session';
import type { JsonObject, ParameterSchema } from '@/api/types';
import { errorSchemaOf, type Page, pagesOf, problemsOn, withDefaults } from '../pages';
import type { WizardContext } from './context';
import hello from './fixtures/hello.json';
import PageForm from './page-form';

let values: JsonObject;
let secrets: Record<string, string>;
/** The responses of the server, and the requests, by path. */
let answers: Record<string, unknown>;
let asked: string[];

beforeEach(() => {
  secrets = {};
  answers = {};
  asked = [];
  forget();
  // Only the paths of a test have responses; otherwise pickers have no choices.
  vi.stubGlobal('fetch', (path: string) => {
    asked.push(path);
    const answer = answers[path];
    return answer ? Promise.resolve(Response.json(answer)) : new Promise(() => undefined);
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function Shown({ page, initial }: { page: Page; initial: JsonObject }) {
  const [current, setCurrent] = useState(initial);
  values = current;
  const context: WizardContext = {
    integrations: [
      { type: 'github', host: 'github.com' },
      { type: 'github', host: 'git.example.com' },
    ],
    customFields: [],
    owners: ['user:default/guest'],
    createsRepository: true,
    values: current,
    secrets,
    setSecret: (name, value) => {
      secrets[name] = value;
    },
  };
  return (
    <PageForm
      id="form"
      schema={page.schema}
      uiSchema={page.uiSchema}
      values={current}
      errors={errorSchemaOf(problemsOn(page, current), () => true)}
      context={context}
      onChange={setCurrent}
      onTouch={() => undefined}
      onSubmit={() => undefined}
    />
  );
}

function show(parameters: ParameterSchema, index = 0) {
  const pages = pagesOf(parameters, undefined);
  const page = pages[index];
  if (!page) throw new Error('no such page');
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <QueryClientProvider client={queries}>
      <Shown page={page} initial={withDefaults(pages, {})} />
    </QueryClientProvider>,
  );
  return userEvent.setup();
}

function onePage(schema: JsonObject): ParameterSchema {
  return { title: 'T', steps: [{ title: 'P', schema }] };
}

describe('a form of a Backstage backend', () => {
  it('has its fields, defaults and errors', async () => {
    const user = show(hello);
    expect(values).toEqual({ count: 2, withDocs: false });
    expect(screen.getByText('This is needed.')).toBeTruthy();
    await user.type(screen.getByLabelText('Name'), 'X');
    expect(screen.getByText('Must have at least 2 characters.')).toBeTruthy();
    await user.clear(screen.getByLabelText('Name'));
    await user.type(screen.getByLabelText('Name'), 'my-svc');
    expect(screen.queryByText(/Must/)).toBeNull();
    expect(values).toMatchObject({ name: 'my-svc', count: 2 });
  });

  it('keeps numbers numbers and unset values unset', async () => {
    const user = show(hello);
    const count = screen.getByLabelText(/^Count/);
    await user.clear(count);
    expect(values).not.toHaveProperty('count', '');
    await user.type(count, '12');
    expect(values.count).toBe(12);
  });

  it('shows the checkboxes of its second page', async () => {
    const user = show(hello, 1);
    await user.click(screen.getByLabelText('withDocs'));
    expect(values.withDocs).toBe(true);
  });
});

describe('the portal’s own fields', () => {
  it('RepoUrlPicker composes Backstage’s value', async () => {
    const user = show(
      onePage({ properties: { repoUrl: { type: 'string', title: 'Repository', 'ui:field': 'RepoUrlPicker' } } }),
    );
    await user.selectOptions(screen.getByLabelText('Host'), 'git.example.com');
    await user.type(screen.getByLabelText('Owner'), 'acme');
    expect(screen.getByText('Give the repository a name.')).toBeTruthy();
    await user.type(screen.getByLabelText('Name'), 'web');
    expect(values.repoUrl).toBe('git.example.com?owner=acme&repo=web');
  });

  it('RepoUrlPicker offers only allowed values, and stays empty until something is typed', async () => {
    const options = { allowedHosts: ['github.com'], allowedOwners: ['acme'] };
    const user = show(
      onePage({ properties: { repoUrl: { type: 'string', 'ui:field': 'RepoUrlPicker', 'ui:options': options } } }),
    );
    expect(screen.queryByLabelText('Host')).toBeNull();
    expect((screen.getByLabelText('Owner') as HTMLSelectElement).value).toBe('acme');
    expect(values.repoUrl).toBeUndefined();
    await user.type(screen.getByLabelText('Name'), 'web');
    expect(values.repoUrl).toBe('github.com?owner=acme&repo=web');
    await user.clear(screen.getByLabelText('Name'));
    expect(values.repoUrl).toBeUndefined();
  });

  it('RepoUrlPicker starts with the host with credentials and its owner, and checks whether a name is free', async () => {
    answers = {
      '/api/auth/guest/refresh?env=development': { backstageIdentity: { token: 'h.e30.s', identity: {} }, profile: {} },
      '/api/portico/v1/hosts': {
        hosts: [
          {
            host: 'github.com',
            type: 'github',
            hasCredentials: false,
            lists: { owner: [], repo: ['owner'] },
            tellsNames: true,
          },
          {
            host: 'git.example.com',
            type: 'github',
            hasCredentials: true,
            lists: { owner: [], repo: ['owner'] },
            tellsNames: true,
          },
        ],
      },
      '/api/portico/v1/hosts/git.example.com/parts/owner': { choices: [{ value: 'demo', kind: 'organization' }] },
      '/api/portico/v1/hosts/git.example.com/repositories/demo/web': { state: 'taken' },
      '/api/portico/v1/hosts/git.example.com/repositories/demo/web2': { state: 'available' },
    };
    const user = show(
      onePage({ properties: { repoUrl: { type: 'string', title: 'Repository', 'ui:field': 'RepoUrlPicker' } } }),
    );
    await waitFor(() => expect(screen.getByLabelText<HTMLSelectElement>('Host').value).toBe('git.example.com'));
    expect(screen.getByRole('option', { name: 'github.com (no credentials)' })).toBeTruthy();
    await waitFor(() => expect(screen.getByLabelText<HTMLInputElement>('Owner').value).toBe('demo'));
    expect(values.repoUrl).toBeUndefined();
    await user.type(screen.getByLabelText('Name'), 'web');
    expect(await screen.findByText('is there already: choose another name')).toBeTruthy();
    await user.type(screen.getByLabelText('Name'), '2');
    expect(await screen.findByText('is free')).toBeTruthy();
    expect(values.repoUrl).toBe('git.example.com?owner=demo&repo=web2');
    expect(asked.filter((path) => path.includes('/repositories/'))).toHaveLength(2);
    await user.clear(screen.getByLabelText('Name'));
    expect(values.repoUrl).toBeUndefined();
    // The name of the owner is the beginning of the repository's.
    await user.type(screen.getByLabelText('Name'), 'demo-web');
    expect(values.repoUrl).toBe('git.example.com?owner=demo&repo=demo-web');
    await user.selectOptions(screen.getByLabelText('Host'), 'github.com');
    expect(screen.getByText(/Portico has no credentials for github.com/)).toBeTruthy();
  });

  it('Secret keeps the typed text out of the values', async () => {
    const user = show(
      onePage({ properties: { token: { type: 'string', title: 'Token', minLength: 4, 'ui:field': 'Secret' } } }),
    );
    await user.click(screen.getByLabelText(/^Token/));
    await user.paste('hunter2');
    expect(values.token).toBe('*******');
    expect(secrets).toEqual({ token: 'hunter2' });
  });

  it('OwnerPicker completes a typed text to a reference', async () => {
    const user = show(
      onePage({ properties: { owner: { type: 'string', title: 'Owner', 'ui:field': 'OwnerPicker' } } }),
    );
    await user.type(screen.getByLabelText(/^Owner/), 'Team-A');
    await user.tab();
    expect(values.owner).toBe('group:default/team-a');
  });

  it('EntityTagsPicker accepts new tags and refuses invalid ones', async () => {
    const tags = { type: 'array', items: { type: 'string' }, title: 'Tags', 'ui:field': 'EntityTagsPicker' };
    const user = show(onePage({ properties: { tags } }));
    await user.type(screen.getByLabelText(/^Tags/), 'Go{Enter}no spaces{Enter}');
    expect(values.tags).toEqual(['go', 'no spaces']);
    expect(screen.getByText(/“no spaces” is no tag/)).toBeTruthy();
    await user.click(screen.getByRole('button', { name: 'Remove no spaces' }));
    expect(values.tags).toEqual(['go']);
  });

  it('MultiEntityPicker collects references up to the limit', async () => {
    const parts = { type: 'array', maxItems: 1, title: 'Parts', 'ui:field': 'MultiEntityPicker' };
    const user = show(onePage({ properties: { parts } }));
    await user.type(screen.getByLabelText(/^Parts/), 'component:web{Enter}');
    expect(values.parts).toEqual(['component:default/web']);
    expect(screen.getByLabelText<HTMLInputElement>(/^Parts/).disabled).toBe(true);
  });

  it.each(['EntityPicker', 'MultiEntityPicker', 'EntityTagsPicker'])('%s says that a search failed', async (field) => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
    const user = show(onePage({ properties: { chosen: { title: 'Chosen', 'ui:field': field } } }));
    await user.click(screen.getByRole('combobox'));
    expect(await screen.findByText('The search failed.')).toBeTruthy();
  });
});

describe('fields that the portal does not have', () => {
  it('are plain controls with a note, whatever their type', async () => {
    const field = { 'ui:field': 'AcmePicker' };
    const user = show(
      onePage({
        properties: {
          regions: { type: 'array', title: 'Regions', ...field },
          labels: { type: 'object', title: 'Labels', ...field },
          zone: { title: 'Zone', ...field },
        },
      }),
    );
    expect(screen.getAllByText(/asks for the field AcmePicker, which this portal does not have/)).toHaveLength(3);
    await user.click(screen.getAllByRole('button', { name: /^Add/ })[0] as HTMLElement);
    await user.type(screen.getByLabelText(/Regions 1/), 'eu');
    expect(values.regions).toEqual(['eu']);
    await user.type(screen.getByLabelText(/^Zone/), 'z1');
    expect(values.zone).toBe('z1');
    expect(screen.getAllByRole('button', { name: /^Add/ })).toHaveLength(2);
  });
});

describe('conditions', () => {
  it('fields are shown and hidden by the choice on which they depend', async () => {
    const user = show(
      onePage({
        properties: {
          database: { type: 'string', title: 'Database', enum: ['none', 'postgres'], enumNames: ['None', 'Postgres'] },
        },
        dependencies: {
          database: {
            oneOf: [
              { properties: { database: { enum: ['none'] } } },
              {
                required: ['size'],
                properties: { database: { enum: ['postgres'] }, size: { type: 'string', title: 'Size' } },
              },
            ],
          },
        },
      }),
    );
    expect(screen.queryByLabelText('Size')).toBeNull();
    await user.selectOptions(screen.getByLabelText(/^Database/), 'Postgres');
    expect(screen.getByLabelText('Size')).toBeTruthy();
    expect(screen.getByText('This is needed.')).toBeTruthy();
  });
});
