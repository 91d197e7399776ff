import type { UiSchema } from '@rjsf/utils';
import type { JsonObject, TemplateStep } from '@/api/types';
import { humanizeRef } from '@/entity/ref';
import { usualName } from '@/template/usual-name';
import { humanizeRepoUrl, parseRepoUrl } from './form/pickers/repo-url';
import type { Page } from './pages';

/** What a form will create, derived from its fields. */
export interface Intent {
  what: string | undefined;
  owner: string | undefined;
  where: string | undefined;
}

/** Finds the name, owner and repository in the fields for them, or in fields with the usual names. */
export function intentOf(pages: readonly Page[], values: JsonObject): Intent {
  const byField = (field: string) => text(values[nameOfField(pages, field) ?? '']);
  const repo = byField('RepoUrlPicker') ?? text(values.repoUrl);
  const owner = byField('OwnerPicker') ?? byField('MyGroupsPicker') ?? text(values.owner);
  return {
    what: byField('EntityNamePicker') ?? usualName(values) ?? (repo && parseRepoUrl(repo).parts.repo),
    owner: owner && humanizeRef(owner, 'group'),
    where: repo && humanizeRepoUrl(repo),
  };
}

function nameOfField(pages: readonly Page[], field: string): string | undefined {
  return pages
    .flatMap((page) => Object.entries(page.uiSchema))
    .find(([, hints]) => (hints as UiSchema)?.['ui:field'] === field)?.[0];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export const createsRepository = 'creates a repository';

/** The external effects of known actions, in a word or two. Most actions only prepare files. */
const traces: [RegExp, string][] = [
  [/^publish:.*:(pull|merge)-request$/, 'opens a change request'],
  [/^(publish:(github|gitlab|gitea|bitbucket\w*|azure|gerrit)|github:repo:create)$/, createsRepository],
  [/^catalog:register$/, 'adds to the catalog'],
  [
    /^github:(webhook|environment:create|deployKey:create|autolinks:create|issues:label|branch-protection:create)$/,
    'changes the repository',
  ],
  [/^github:actions:dispatch$/, 'starts a workflow'],
  [/kubernetes:apply$/, 'changes a cluster'],
  [/^argocd:/, 'deploys with Argo CD'],
  [/^vault:/, 'writes to Vault'],
  [/^http:/, 'calls another system'],
  [/^notification:send$/, 'sends a notification'],
];

export function traceOf(action: string): string | undefined {
  return traces.find(([pattern]) => pattern.test(action))?.[1];
}

const singleParameter = /^\$\{\{\s*(not\s+)?parameters\.([A-Za-z_]\w*)\s*\}\}$/;

/**
 * Whether a step will run, if its condition is a single parameter, `${{ parameters.x }}` or `${{ not
 * parameters.x }}`; undefined for other conditions, which the server evaluates.
 */
export function willRun(step: TemplateStep, values: JsonObject): boolean | undefined {
  if (typeof step.if !== 'string') return step.if !== false;
  const match = singleParameter.exec(step.if.trim());
  if (!match?.[2]) return undefined;
  const value = values[match[2]];
  const truthy = Boolean(value) && !(Array.isArray(value) && value.length === 0);
  return match[1] ? !truthy : truthy;
}
