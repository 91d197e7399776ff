// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { forget } from '@/api/session';
import type { CustomField, Integration, JsonObject } from '@/api/types';
import { focusField } from '../focus-field';
import { errorSchemaOf, fieldId, pagesOf, problemsOn, withDefaults } from '../pages';
import type { WizardContext } from './context';
import PageForm from './page-form';

const integrations: Integration[] = [
  { type: 'github', host: 'github.com', userTokens: 'github' },
  { type: 'gitlab', host: 'gitlab.example.com' },
  { type: 'azure', host: 'dev.azure.com' },
  { type: 'bitbucketCloud', host: 'bitbucket.org' },
  { type: 'bitbucketServer', host: 'git.example.com' },
  { type: 'gitea', host: 'gitea.example.com' },
  { type: 'gerrit', host: 'gerrit.example.com' },
];

let values: JsonObject;
let secrets: Record<string, string>;
/** Whether the template creates the repository that its form names. */
let creates: boolean;
/** The responses of the server, by path without query; others stay pending. */
let answers: Record<string, unknown>;
let asked: string[];

const customFields: CustomField[] = [
  { name: 'RegionPicker', module: 'https://fields.example.com/acme.js', element: 'acme-region' },
  { name: 'LostPicker', module: 'data:text/javascript,throw new Error("it is broken")', element: 'acme-lost' },
];

const session = { backstageIdentity: { token: 'h.e30.s', identity: {} }, profile: {} };

beforeEach(() => {
  creates = true;
  secrets = {};
  asked = [];
  answers = { '/api/auth/guest/refresh': session };
  forget();
  vi.stubGlobal('fetch', (address: string) => {
    asked.push(address);
    const answer = answers[address.split('?')[0] ?? ''];
    return answer ? Promise.resolve(Response.json(answer)) : new Promise(() => undefined);
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function Form({ schema, initial }: { schema: JsonObject; initial: JsonObject }) {
  const names = customFields.map(({ name }) => name);
  const pages = pagesOf({ title: 'T', steps: [{ title: 'P', schema }] }, undefined, new Set(), names);
  const [page] = pages;
  if (!page) throw new Error('no page');
  const [current, setCurrent] = useState(() => withDefaults(pages, initial));
  const [kept, setKept] = useState<Record<string, string>>({});
  values = current;
  secrets = kept;
  const context: WizardContext = {
    integrations,
    customFields,
    owners: ['user:default/ada', 'group:default/team-a'],
    createsRepository: creates,
    values: current,
    secrets: kept,
    setSecret: (name, value) => setKept((before) => ({ ...before, [name]: value })),
  };
  return (
    <PageForm
      id="form"
      schema={page.schema}
      uiSchema={page.uiSchema}
      values={current}
      errors={errorSchemaOf(problemsOn(page, current, integrations), () => true)}
      context={context}
      onChange={setCurrent}
      onTouch={() => undefined}
      onSubmit={() => undefined}
    />
  );
}

function show(properties: JsonObject, initial: JsonObject = {}, rest: JsonObject = {}) {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <QueryClientProvider client={queries}>
      <Form schema={{ properties, ...rest }} initial={initial} />
    </QueryClientProvider>,
  );
  return userEvent.setup();
}

const repoUrl = (options: JsonObject = {}) => ({
  repoUrl: { type: 'string', title: 'Repository', 'ui:field': 'RepoUrlPicker', 'ui:options': options },
});

describe('RepoUrlPicker', () => {
  it.each([
    ['gitlab.example.com', { 'Group or user': 'acme/team', Name: 'web' }, 'owner=acme%2Fteam&repo=web'],
    [
      'dev.azure.com',
      { Organization: 'acme', Project: 'shop', Name: 'web' },
      'organization=acme&project=shop&repo=web',
    ],
    ['bitbucket.org', { Workspace: 'acme', Project: 'SHOP', Name: 'web' }, 'workspace=acme&project=SHOP&repo=web'],
    ['git.example.com', { Project: 'SHOP', Name: 'web' }, 'project=SHOP&repo=web'],
    ['gitea.example.com', { Owner: 'acme', Name: 'web' }, 'owner=acme&repo=web'],
    ['gerrit.example.com', { 'Parent (optional)': 'all', Name: 'web' }, 'workspace=all&repo=web'],
  ])('asks for what a repository on %s has', async (host, typed, query) => {
    const user = show(repoUrl({ allowedHosts: [host] }));
    for (const [label, text] of Object.entries(typed)) await user.type(screen.getByLabelText(label), text);
    expect(values.repoUrl).toBe(`${host}?${query}`);
    expect(screen.queryByText(/^(Give|Say|Choose)/)).toBeNull();
  });

  it('offers every host without allowedHosts, and drops the owner of another', async () => {
    const user = show(repoUrl());
    expect(screen.getAllByRole('option').map(({ textContent }) => textContent)).toEqual(
      integrations.map(({ host }) => host),
    );
    await user.type(screen.getByLabelText('Owner'), 'acme');
    await user.type(screen.getByLabelText('Name'), 'web');
    await user.selectOptions(screen.getByLabelText('Host'), 'dev.azure.com');
    expect(values.repoUrl).toBe('dev.azure.com?repo=web');
    expect(screen.getByText('Say in which organization it will be.')).toBeTruthy();
  });

  it('offers only what allowedOrganizations, allowedProjects and allowedRepos allow', async () => {
    const user = show(
      repoUrl({
        allowedHosts: ['dev.azure.com'],
        allowedOrganizations: ['acme'],
        allowedProjects: ['shop', 'bank'],
        allowedRepos: ['web', 'api'],
      }),
    );
    expect(screen.getByLabelText<HTMLSelectElement>('Organization').value).toBe('acme');
    await user.selectOptions(screen.getByLabelText('Project'), 'bank');
    await user.selectOptions(screen.getByLabelText('Name'), 'api');
    expect(values.repoUrl).toBe('dev.azure.com?organization=acme&project=bank&repo=api');
  });
});

describe('requestUserCredentials', () => {
  const requested = {
    requestUserCredentials: { secretsKey: 'USER_TOKEN', additionalScopes: { github: ['workflow'] } },
  };
  const info = { integrations, signIn: { environment: 'production', redirect: false, providers: ['github'] } };

  it('takes the token of a session at the host’s provider as a secret, and forgets it for another host', async () => {
    answers['/api/portico/v1/info'] = info;
    const providerInfo = { accessToken: 'gho_1', scope: 'repo,read:org,read:user,workflow' };
    answers['/api/auth/github/refresh'] = { ...session, providerInfo };
    const user = show(repoUrl(requested));
    await waitFor(() => expect(secrets.USER_TOKEN).toBe('gho_1'));
    expect(screen.getByText('Your token is set.')).toBeTruthy();
    expect(asked).toContain('/api/auth/github/refresh?env=production');
    await user.selectOptions(screen.getByLabelText('Host'), 'gitlab.example.com');
    expect(secrets.USER_TOKEN).toBe('');
    expect(JSON.stringify(values)).not.toContain('gho_1');
  });

  it('asks again for scopes that the session does not have', async () => {
    answers['/api/portico/v1/info'] = info;
    answers['/api/auth/github/refresh'] = { ...session, providerInfo: { accessToken: 'gho_1', scope: 'read:user' } };
    const open = vi.fn((_address: string) => null);
    vi.stubGlobal('open', open);
    const user = show(repoUrl(requested));
    await waitFor(() => expect(asked).toContain('/api/auth/github/refresh?env=production'));
    await user.click(screen.getByRole('button', { name: 'Use my account on github.com' }));
    expect(open.mock.calls[0]?.[0]).toBe(
      `/api/auth/github/start?${new URLSearchParams({ env: 'production', origin: location.origin, flow: 'popup', scope: 'repo read:org read:user workflow' })}`,
    );
    expect(await screen.findByText(/The browser did not open a window/)).toBeTruthy();
    expect(secrets.USER_TOKEN ?? '').toBe('');
  });

  it('takes a typed token for a host without a provider', async () => {
    const user = show(repoUrl({ ...requested, allowedHosts: ['gitlab.example.com'] }));
    await user.type(screen.getByLabelText('Your token for gitlab.example.com (optional)'), 'glpat-1');
    expect(secrets.USER_TOKEN).toBe('glpat-1');
  });
});

describe('RepoUrlPicker lists the values of the parts that the host lists', () => {
  const at = '/api/portico/v1/hosts';
  const cloud = {
    host: 'bitbucket.org',
    type: 'bitbucketCloud',
    hasCredentials: true,
    lists: { workspace: [], project: ['workspace'], repo: ['workspace', 'project'] },
    tellsNames: false,
    tellsBranches: true,
  };
  beforeEach(() => {
    answers[at] = { hosts: [cloud] };
    answers[`${at}/bitbucket.org/parts/workspace`] = { choices: [{ value: 'acme' }] };
    answers[`${at}/bitbucket.org/parts/project`] = { choices: [{ value: 'WEB', title: 'Web shop' }, { value: 'OPS' }] };
    answers[`${at}/bitbucket.org/parts/repo`] = { choices: [{ value: 'shop' }, { value: 'docs' }] };
  });
  const listed = () => screen.queryAllByRole('option').map(({ textContent }) => textContent);

  it('starts with the only workspace, and lists the projects in it, but no repositories for one that is created', async () => {
    const user = show(repoUrl({ allowedHosts: ['bitbucket.org'] }));
    await waitFor(() => expect(screen.getByLabelText<HTMLInputElement>('Workspace').value).toBe('acme'));
    await waitFor(() => expect(asked).toContain(`${at}/bitbucket.org/parts/project?workspace=acme`));
    await user.click(screen.getByRole('combobox', { name: 'Project' }));
    await user.click(await screen.findByRole('option', { name: /WEB.*Web shop/ }));
    await user.type(screen.getByLabelText('Name'), 'new');
    expect(values.repoUrl).toBe('bitbucket.org?workspace=acme&project=WEB&repo=new');
    expect(asked.filter((path) => path.includes('/parts/repo'))).toEqual([]);
  });

  it('lists the repositories for a template that uses one', async () => {
    creates = false;
    const user = show(repoUrl({ allowedHosts: ['bitbucket.org'], allowedOwners: ['acme'], allowedProjects: ['WEB'] }));
    await waitFor(() => expect(asked).toContain(`${at}/bitbucket.org/parts/repo?workspace=acme&project=WEB`));
    expect(asked.filter((path) => path.includes('/parts/workspace'))).toEqual([]);
    await user.click(screen.getByRole('combobox', { name: 'Name' }));
    await screen.findByRole('option', { name: 'docs' });
    expect(listed()).toContain('shop');
    await user.click(screen.getByRole('option', { name: 'docs' }));
    expect(values.repoUrl).toBe('bitbucket.org?workspace=acme&project=WEB&repo=docs');
  });

  it('says why there is no list, and takes a typed value', async () => {
    answers[`${at}/bitbucket.org/parts/workspace`] = { choices: [], reason: 'an access token has no user' };
    const user = show(repoUrl({ allowedHosts: ['bitbucket.org'] }));
    expect(
      await screen.findByText('Workspace: the values on bitbucket.org are not known: an access token has no user.'),
    ).toBeTruthy();
    await user.type(screen.getByLabelText('Workspace'), 'emca');
    await user.tab();
    expect(values.repoUrl).toBe('bitbucket.org?workspace=emca');
  });
});

describe('RepoOwnerPicker', () => {
  const owner = (options: JsonObject) => ({
    owner: { type: 'string', title: 'Owner', 'ui:field': 'RepoOwnerPicker', 'ui:options': options },
  });

  it('offers the owners that the host tells, without the excluded ones', async () => {
    answers['/api/portico/v1/hosts'] = {
      hosts: [
        {
          host: 'github.com',
          type: 'github',
          hasCredentials: true,
          lists: { owner: [], repo: ['owner'] },
          tellsNames: true,
          tellsBranches: true,
        },
      ],
    };
    answers['/api/portico/v1/hosts/github.com/parts/owner'] = {
      choices: ['acme', 'emca'].map((value) => ({ value, kind: 'organization' })),
    };
    const user = show(owner({ host: 'github.com', excludedOwners: ['emca'] }));
    await user.click(await screen.findByRole('combobox', { name: /^Owner/ }));
    await user.click(await screen.findByRole('option', { name: /acme/ }));
    expect(screen.queryByRole('option', { name: /emca/ })).toBeNull();
    expect(values.owner).toBe('acme');
  });

  it('offers the allowed ones, or takes any text', async () => {
    const user = show({
      ...owner({ allowedOwners: ['acme', 'emca'] }),
      other: { type: 'string', title: 'Other', 'ui:field': 'RepoOwnerPicker', 'ui:options': { host: 'bitbucket.org' } },
    });
    await user.selectOptions(screen.getByLabelText(/^Owner/), 'emca');
    await user.type(screen.getByLabelText(/^Other/), 'me');
    expect(values).toEqual({ owner: 'emca', other: 'me' });
  });
});

describe('RepoBranchPicker', () => {
  const fields = { ...repoUrl(), branch: { type: 'string', title: 'Branch', 'ui:field': 'RepoBranchPicker' } };

  it('offers the branches of the repository in repoUrl, and takes another name', async () => {
    answers['/api/portico/v1/hosts'] = {
      hosts: [
        { host: 'github.com', type: 'github', hasCredentials: true, lists: {}, tellsNames: false, tellsBranches: true },
      ],
    };
    answers['/api/portico/v1/hosts/github.com/branches'] = { branches: ['main', 'release/1'] };
    const user = show(fields, { repoUrl: 'github.com?owner=acme&repo=web' });
    await user.click(screen.getByRole('combobox', { name: /^Branch/ }));
    await user.click(await screen.findByRole('option', { name: 'release/1' }));
    expect(values.branch).toBe('release/1');
    expect(asked).toContain('/api/portico/v1/hosts/github.com/branches?owner=acme&repo=web');
    await user.clear(screen.getByRole('combobox', { name: /^Branch/ }));
    await user.type(screen.getByRole('combobox', { name: /^Branch/ }), 'next');
    await user.tab();
    expect(values.branch).toBe('next');
  });

  it('says what it waits for', () => {
    show(fields);
    expect(screen.getByText('Its branches are listed once the repository is chosen.')).toBeTruthy();
  });
});

describe('AccordionField', () => {
  const advanced = {
    advanced: {
      type: 'object',
      'ui:field': 'AccordionField',
      'ui:options': { accordionTitle: 'Advanced settings' },
      'ui:order': ['size', 'name'],
      required: ['size'],
      properties: {
        name: { type: 'string', title: 'Alias' },
        size: { type: 'string', title: 'Size' },
        inner: {
          type: 'object',
          title: 'More',
          'ui:field': 'AccordionField',
          'ui:options': { defaultExpanded: true },
          properties: { zone: { type: 'string', title: 'Zone' } },
        },
      },
    },
  };
  const { inner: _, ...two } = advanced.advanced.properties;

  it('shows its fields below a title, nested, in their order', async () => {
    const user = show({ advanced: { ...advanced.advanced, 'ui:order': ['size', 'name', 'inner'] } });
    const summaries = [...document.querySelectorAll('summary')];
    expect(summaries.map(({ textContent }) => textContent)).toEqual(['Advanced settings', 'More']);
    expect([...document.querySelectorAll('details')].map(({ open }) => open)).toEqual([false, true]);
    expect(screen.getAllByRole('textbox', { hidden: true }).map(({ id }) => id)).toEqual(
      ['size', 'name', 'inner_zone'].map((name) => `root_advanced_${name}`),
    );
    await user.type(screen.getByLabelText('Size'), 'big');
    await user.type(screen.getByLabelText(/^Zone/), 'eu');
    expect(values.advanced).toMatchObject({ size: 'big', inner: { zone: 'eu' } });
    expect(screen.queryByText('advanced')).toBeNull();
  });

  it('opens for a field in it that has to be corrected', () => {
    show({ advanced: { ...advanced.advanced, properties: two } });
    focusField(fieldId(['advanced', 'size']));
    expect(document.querySelector('details')?.open).toBe(true);
    expect(document.activeElement?.id).toBe('root_advanced_size');
  });
});

describe('pickers of the catalog', () => {
  it.each([
    ['MyGroupsPicker', 'filter=kind=Group,metadata.name=team-a'],
    ['OwnedEntityPicker', 'filter=relations.ownedBy=user:default/ada,relations.ownedBy=group:default/team-a'],
    ['OwnerPicker', 'filter=kind=Group,kind=User'],
  ])('%s asks for its entities', async (field, query) => {
    const user = show({ chosen: { type: 'string', title: 'Chosen', 'ui:field': field } });
    await user.click(screen.getByRole('combobox'));
    await waitFor(() => expect(asked.map(decodeURIComponent).join(' ')).toContain(query));
  });
});

describe('conditions', () => {
  it('if, then and else choose the fields', async () => {
    const user = show(
      { public: { type: 'boolean', title: 'Public' } },
      {},
      {
        if: { required: ['public'], properties: { public: { const: true } } },
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
        then: { properties: { license: { type: 'string', title: 'Licence' } } },
        else: { properties: { reason: { type: 'string', title: 'Reason' } } },
      },
    );
    expect(screen.getByLabelText(/^Reason/)).toBeTruthy();
    await user.click(screen.getByLabelText('Public'));
    expect(screen.getByLabelText(/^Licence/)).toBeTruthy();
    expect(screen.queryByLabelText(/^Reason/)).toBeNull();
  });

  it('enumNames are shown, and the value is that of enum', async () => {
    const user = show({ size: { type: 'string', title: 'Size', enum: ['s', 'l'], enumNames: ['Small', 'Large'] } });
    await user.selectOptions(screen.getByLabelText(/^Size/), 'Large');
    expect(values.size).toBe('l');
  });
});

describe('a custom field', () => {
  interface Region extends HTMLElement {
    value: unknown;
    values: unknown;
    options: { near?: string };
    label: string;
  }
  const schema = {
    name: { type: 'string', title: 'Name' },
    region: { type: 'object', title: 'Region', 'ui:field': 'RegionPicker', 'ui:options': { near: 'Oslo' } },
  };

  it('gives its element the value, the options and the other values, and takes the new value', async () => {
    if (!customElements.get('acme-region')) customElements.define('acme-region', class extends HTMLElement {});
    const user = show(schema, { region: { id: 'eu-1' } });
    const element = await waitFor(() => document.querySelector<Region>('acme-region') ?? Promise.reject(new Error()));
    expect(element.value).toEqual({ id: 'eu-1' });
    expect(element.options.near).toBe('Oslo');
    expect(element.getAttribute('aria-label')).toBe('Region');
    await user.type(screen.getByLabelText(/^Name/), 'shop');
    await waitFor(() => expect(element.values).toMatchObject({ name: 'shop' }));

    element.dispatchEvent(new CustomEvent('value-change', { detail: { value: { id: 'eu-2', run: () => undefined } } }));
    await waitFor(() => expect(values.region).toEqual({ id: 'eu-2' }));
    expect(element.value).toEqual({ id: 'eu-2' });
    element.dispatchEvent(new CustomEvent('value-change', { detail: {} }));
    await waitFor(() => expect(values.region).toBeUndefined());
    element.dispatchEvent(new Event('value-change'));
    expect(values.name).toBe('shop');
  });

  it('can be typed when its module cannot be loaded, and says so', async () => {
    const user = show({ zone: { title: 'Zone', 'ui:field': 'LostPicker' } });
    await screen.findByText(/^The field LostPicker cannot be loaded/);
    await user.type(screen.getByLabelText(/^Zone/), 'a');
    expect(values.zone).toBe('a');
  });
});
