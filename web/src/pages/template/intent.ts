import type { UiSchema } from '@rjsf/utils';
import type { JsonObject, TemplateStep } from '@/api/types';
import { humanizeRef } from '@/entity/ref';
import { holds } from '@/template/conditions';
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

/**
 * Whether a step will run with these values; undefined if only the server can tell.
 */
export function willRun(step: TemplateStep, values: JsonObject): boolean | undefined {
  return step.if === undefined ? true : holds(step.if, values);
}
