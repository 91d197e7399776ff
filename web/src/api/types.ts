import type { components } from './openapi';

/**
 * The wire shapes the portal reads, under the names it has for them. They are generated: `make generate` writes
 * openapi.d.ts from what the server says of itself. Only what the server cannot know is said here.
 */
type Schemas = components['schemas'];

export type JsonObject = Record<string, unknown>;

export type Welcome = Schemas['Welcome'];
export type Info = Schemas['Info'];
export type Integration = Schemas['Integration'];
export type Session = Schemas['Session'];

export type HostList = Schemas['HostList'];
export type RepositoryHost = Schemas['PickerHost'];
export type RepositoryOwners = Schemas['PickerOwners'];
export type RepositoryOwner = Schemas['IntegrationOwner'];
export type Availability = Schemas['IntegrationAvailability'];

export type BookmarkRefs = Schemas['BookmarkList'];

export type Entity = Schemas['Entity'];
export type Relation = Schemas['Relation'];
export type Ancestry = Schemas['Ancestry'];
export type RegisteredLocation = Schemas['CatalogLocation'];
export type FacetCounts = Schemas['Facets'];
export type Facets = FacetCounts['facets'];
export type FacetValue = Schemas['CatalogFacetValue'];

/** Entities are whole unless `fields` were asked for; who asks for some, asks for all that it reads. */
export type EntityPage = Omit<Schemas['EntityPage'], 'items'> & { items: Entity[] };

export type AuditPage = Schemas['AuditPage'];
export type AuditEvent = Schemas['AuditEvent'];
export type AuditChange = Schemas['AuditChange'];
export type AuditActions = Schemas['AuditActions'];
export type Explanation = Schemas['ExplainExplanation'];
export type Self = Schemas['ExplainSelf'];
export type BrowserSessions = Schemas['BrowserSessions'];
export type BrowserSession = Schemas['BrowserSession'];

export type RoleAccess = Schemas['RoleAccess'];
export type RoleList = Schemas['RoleList'];
export type RoleSummary = Schemas['RoleSummary'];
export type WholeRole = Schemas['WholeRole'];
export type RoleDraft = Schemas['RbacRoleDraft'];
export type PlacedCondition = Schemas['RbacPlacedCondition'];
export type Proposal = Schemas['RbacProposal'];
export type Preview = Schemas['PreviewPreview'];
export type PreviewedPerson = Schemas['PreviewPerson'];
export type PreviewedChange = Schemas['PreviewChange'];
export type PluginPolicies = Schemas['PluginPolicies'];
export type PluginRules = Schemas['PluginRules'];
export type Decisions = Schemas['Decisions'];

export type UnprocessedEntities = Schemas['UnprocessedEntities'];
export type UnprocessedEntity = Schemas['UnprocessedEntity'];

export type ParameterSchema = Schemas['ParameterSchema'];
/** A step as its author wrote it; those of a run have their id and name. */
export type TemplateStep = Partial<Schemas['PinnedStep']> & { action: string };
export type Action = Schemas['DescribedAction'];

export type Task = Schemas['Task'];
export type TaskEvent = Schemas['TaskEvent'];

export type RunID = Schemas['RunID'];
export type RunSummary = Schemas['RunSummary'];
export type RunPage = Schemas['RunPage'];
export type RunCausePage = Schemas['CausePage'];
export type RunDetail = Omit<Schemas['RunDetails'], 'output'> & { output?: RunOutput };
export type RunStatus = RunSummary['status'];
export type RunPhase = RunSummary['phase'];
export type RunStep = Schemas['StepDetails'];
export type Effect = Schemas['ActionEffect'];
export type EffectState = Effect['state'];
export type GivenCommand = Schemas['GivenCommand'];
export type Move = Schemas['Move'];
export type MoveName = Move['move'];

/** What a template puts out is its author's; these members are Backstage's convention. */
export interface RunOutput extends JsonObject {
  links?: OutputLink[];
  text?: OutputText[];
}

export interface OutputLink {
  title?: string;
  url?: string;
  entityRef?: string;
  icon?: string;
}

export interface OutputText {
  title?: string;
  content: string;
  default?: boolean;
}
